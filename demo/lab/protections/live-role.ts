import type { ProtectionMaker } from '../profile.ts';

/** What a user may do is looked up for each request; what the token says about it is not read. */
export const liveRole: ProtectionMaker = (world) => ({
  after: (call) => {
    if (call.claims === undefined) return;
    const role = world.issuer.users.get(call.claims.sub)?.role ?? null;
    call.claims = { ...call.claims, role };
  },
});
