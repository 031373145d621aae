import { refuse } from '../engine/refusal.ts';
import type { ProtectionMaker } from '../profile.ts';

/**
 * One moment for each user, when the password was last changed: whatever was issued before it is refused.
 *
 * `iat` has whole seconds and the moment has not. `exactly`: a fresh token of the very same second is refused as well.
 * `rounded`: the moment is rounded down to match, and an old token of the same second lives on.
 */
export function issuedSinceUpdate(compare: 'exactly' | 'rounded'): ProtectionMaker {
  return (world) => ({
    after: ({ claims }) => {
      if (claims === undefined) return;
      const updated = world.issuer.users.get(claims.sub)?.updated ?? 0;
      if (claims.iat < (compare === 'rounded' ? Math.floor(updated) : updated)) refuse('updated');
    },
  });
}
