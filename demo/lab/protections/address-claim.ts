import { refuse } from '../engine/refusal.ts';
import type { ProtectionMaker } from '../profile.ts';

/**
 * The token says which address may use it, and nothing is stored. The issuer writes the address of whoever asks, also
 * into the token for a refresh token: so that Alice can move, and so can whoever has her refresh token.
 */
export const addressClaim: ProtectionMaker = (world) => ({
  claims: ({ address }) => ({ ip: address }),
  after: ({ claims, address }) => {
    if (claims?.['ip'] !== address) refuse('ip');
  },
  forge: () => ({ ip: world.thief.address }),
});
