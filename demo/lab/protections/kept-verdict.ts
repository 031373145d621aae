import type { AccessTokenClaims } from 'holdfast';
import type { BankNode } from '../engine/bank.ts';
import type { Seconds } from '../model.ts';
import type { ProtectionMaker } from '../profile.ts';
import { readBearer } from './own-token.ts';

interface Verdict {
  readonly claims: AccessTokenClaims;
  readonly until: Seconds;
}

/** A token that was found good is not looked at again for so long, but never longer than it lives itself. */
export function keptVerdict(keptFor: Seconds): ProtectionMaker {
  return (world) => {
    const caches = new WeakMap<BankNode, Map<string, Verdict>>();
    return {
      guard: async (call) => {
        const { node } = call;
        const cache = caches.get(node) ?? new Map<string, Verdict>();
        caches.set(node, cache);
        const token = readBearer(call);
        const now = world.clock.now(node.id);
        const known = cache.get(token);
        if (known !== undefined && now < known.until) {
          call.claims = known.claims;
          return;
        }
        await node.authorizeWith(node.server, call);
        const { claims } = call;
        if (claims !== undefined) cache.set(token, { claims, until: Math.min(now + keptFor, claims.exp) });
      },
    };
  };
}
