import { createRevocations, type RevocableToken, type Revocation } from '../../src/revocation.ts';
import { createRedisRevocationStore } from '../../src/revocation-redis.ts';
import { connect } from './_clients.ts';

/** Another process that shares a revocation memory. Told by its parent where it is, what to revoke, what to look up. */

export interface RevokerSetup {
  readonly port: number;
  /** Its clock, which stands still. */
  readonly now: number;
}

export type RevokerOrder =
  | { readonly revoke: Revocation }
  | { readonly token: RevocableToken; readonly jkt?: string };

process.once('message', async ({ port, now }: RevokerSetup) => {
  const { client } = await connect(port);
  const store = createRedisRevocationStore({ client, deadline: 5000 });
  const revocations = createRevocations({ store, clock: () => now });
  process.on('message', async (order: RevokerOrder) => {
    const done =
      'revoke' in order
        ? revocations.revoke(order.revoke)
        : revocations.refuseRevoked(order.token, order.jkt, now);
    process.send?.(await done.then(() => 'ok').catch((error) => String(error.reason ?? error)));
  });
  process.send?.('ready');
});
process.once('disconnect', () => process.exit());
