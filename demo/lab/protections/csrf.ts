import { type AccessTokenClaims, createRevocations, type Revocations } from 'holdfast';
import { refuse } from '../engine/refusal.ts';
import type { World } from '../engine/world.ts';
import type { ProtectionMaker } from '../profile.ts';
import { createListInMemory } from './deny-list.ts';
import { claimsIn, readClaims } from './draft-credentials.ts';

/**
 * Each request repeats the `jti` of its token in a header of its own, which no form of another site can send. The page
 * has it from a cookie that script can read; and anybody who has the token has it from there.
 */
export const csrfToken: ProtectionMaker = (world) => {
  const { sameSite } = world.profile.settings;
  const { bank } = world.origins;
  const toCookie = (token: string): string =>
    `${cookieName}=${readClaims(token).jti}; Path=/; Secure; SameSite=${sameSite === 'strict' ? 'Strict' : 'None'}`;
  return {
    // Where script holds the token it writes the cookie itself; else the bank sets it beside the one with the token.
    received: ({ jar, storage }) => {
      jar.setCookieSync(toCookie(storage.get('access_token') ?? ''), bank, { http: false });
    },
    sessionCookies: (token) => [toCookie(token)],
    present: ({ headers }, { jar }) => {
      const readable = jar.getCookiesSync(bank, { http: false });
      const value = readable.find(({ key }) => key === cookieName)?.value;
      if (value !== undefined) headers.push([headerName, value]);
    },
    after: (call) => {
      if (!repeatsJti(call.header(headerName), call.claims)) refuse('csrf', 403, { error: 'csrf' });
    },
    imitate: (draft) => {
      const { jti } = claimsIn(draft);
      if (jti !== undefined) draft.headers.push([headerName, jti]);
    },
  };
};

const cookieName = 'csrf';
const headerName = 'x-csrf-token';

function repeatsJti(header: string | undefined, claims: AccessTokenClaims | undefined): boolean {
  return claims !== undefined && header === claims.jti;
}

/** Comes before `csrfToken`: whoever sends a wrong one must be a thief, so the whole sign-in ends. Or so it is thought. */
export const endSessionOnMismatch: ProtectionMaker = (world) => {
  const revocations = createRevocations({
    store: createListInMemory(world),
    leeway: 0,
    clock: () => world.clock.now('issuer'),
  });
  let size = 0;
  return {
    resourceServer: { revocations },
    after: async (call) => {
      const { claims } = call;
      if (claims === undefined || repeatsJti(call.header(headerName), claims)) return;
      await endSession(world, revocations, claims);
      size += 1;
      world.recorder.note('store', { party: 'bank-a', name: 'deny list', size });
    },
  };
};

async function endSession(
  { issuer, origins }: World,
  revocations: Revocations,
  { grant_id: grant }: AccessTokenClaims,
): Promise<void> {
  if (grant === undefined) return;
  const found = issuer.grants.all.find(({ id }) => id === grant);
  if (found !== undefined) found.ended = true;
  await revocations.revoke({ issuer: origins.issuer, grant });
}
