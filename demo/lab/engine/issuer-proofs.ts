import { createMemoryReplayStore, createNonces, createTokenBinder, type TokenBinder } from 'holdfast';
import type Koa from 'koa';
import type { Seconds } from '../model.ts';
import { toCheck } from './reasons.ts';
import { Refusal } from './refusal.ts';
import type { World } from './world.ts';

/** Proofs at the issuer: judged by the library's token binder. */

/** The key that signed a request's proof; only this one, where one is given. */
export type ProveKey = (ctx: Koa.Context, jkt: string | undefined) => Promise<string | undefined>;

export function createProveKey(world: World): ProveKey {
  const born = world.clock.now() - 7200;
  let binder: TokenBinder | undefined; // most profiles know no proofs
  return async (ctx, jkt) => {
    binder ??= createBinder(world, born);
    const { method = '', url: target = '', rawHeaders } = ctx.req;
    try {
      const rule = jkt === undefined ? {} : { jkt };
      const binding = await binder.bind({ method, target, rawHeaders }, rule);
      if (binding.nonce !== undefined) ctx.set('dpop-nonce', binding.nonce);
      return binding.jkt;
    } catch (error) {
      const { status, headers, body } = binder.challenge(error);
      ctx.set({ ...headers });
      const { reason } = error as { reason?: Parameters<typeof toCheck>[0] };
      const check = reason === undefined ? 'error' : toCheck(reason, false);
      throw new Refusal(check, status, { ...(body as object) });
    }
  };
}

/** Told apart from world to world by the memory that they are bound to. */
const nonces = createNonces();

/** As strict as the profile's bank, but with a memory of its own that has been there for two hours. */
function createBinder({ origins, profile, clock }: World, born: Seconds): TokenBinder {
  const {
    maxAge = 60,
    futureSkew = 5,
    nonceLife = 60,
    noncePolicy = 'when-needed',
  } = profile.settings.dpop ?? {};
  return createTokenBinder({
    publicOrigin: origins.issuer,
    replay: createMemoryReplayStore({ capacity: 1000, clock: () => born }),
    nonces,
    cacheSize: 100,
    maxAge,
    futureSkew,
    nonceLife,
    noncePolicy,
    clock: () => clock.now('issuer'),
  });
}
