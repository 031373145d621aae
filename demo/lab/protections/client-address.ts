import type { BankCall } from '../engine/bank-call.ts';
import { proxyAddress } from '../engine/proxy.ts';
import type { ProtectionMaker } from '../profile.ts';

/** Where the bank believes a client to be; comes before whatever goes by the address. */

/** Only the bank's own proxy is believed, and of what it passes on only the entry that it added itself: the last. */
export const addressByOwnProxy: ProtectionMaker = () => ({
  before: (call) => {
    if (call.exchange.address === proxyAddress) call.address = lastForwarded(call) ?? call.address;
  },
});

function lastForwarded({ ctx }: BankCall): string | undefined {
  const last = ctx.get('x-forwarded-for').split(',').at(-1)?.trim();
  return last === '' ? undefined : last;
}

/** Koa's `app.proxy`: `ctx.ip` is the first entry of `X-Forwarded-For`, whoever has written it. */
export const addressByAnybody: ProtectionMaker = () => ({
  bankRoutes: (app) => {
    app.proxy = true;
  },
  before: (call) => {
    call.address = call.ctx.ip;
  },
});
