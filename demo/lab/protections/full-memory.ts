import type { ProtectionMaker } from '../profile.ts';

/** A memory that refuses when it is full says `crowded`, and so does one with a quota: here it can only be full. */
export const saysFull: ProtectionMaker = () => ({
  guard: async (call) => {
    await call.node.authorizeWith(call.node.server, call);
    if (call.exchange.decidedBy === 'quota') call.exchange.decidedBy = 'full';
  },
});
