import { refuse, refuseGrant } from '../engine/refusal.ts';
import { countryOf, type World } from '../engine/world.ts';
import type { ProtectionMaker } from '../profile.ts';

/** Requests are taken only from the country that a customer first signed in from. */
export const homeCountry: ProtectionMaker = (world) => ({
  atToken: ({ grant, address }) => {
    if (countryOf(address) !== homeOf(world, grant.user)) refuseGrant('geo');
  },
  after: ({ claims, address }) => {
    if (countryOf(address) !== homeOf(world, claims?.sub)) refuse('geo', 403, { error: 'access_denied' });
  },
});

function homeOf({ issuer }: World, name: string | undefined): string | undefined {
  const first = issuer.grants.all.find(({ user }) => user === name);
  return first === undefined ? undefined : countryOf(first.address);
}
