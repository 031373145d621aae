import { createMemoryReplayStore } from 'holdfast';
import type { CheckInfo } from '../model.ts';
import { minutes, type Profile, type Settings } from '../profile.ts';
import { certificateBound } from '../protections/certificate-bound.ts';
import { createListInMemory, denyList } from '../protections/deny-list.ts';
import { liveRole } from '../protections/live-role.ts';
import { bodyDigest } from '../protections/proof-extras.ts';
import { baseDpop, createProfile, type ProfileText } from './base.ts';

/** The other proof of possession to compare with, and everything good at once. */

const certificate = createProfile(
  {
    id: 'X1',
    slug: 'mutual-tls',
    title: 'Token bound to a TLS certificate',
    group: 'Proof of possession',
    story: 'The token names a certificate, and only a connection that was opened with it may use the token.',
    needs: 'A certificate at each client, and TLS that ends at the very server that checks.',
    weak: 'Browsers make it hard; a proxy that ends TLS breaks it; script in the page still rides along.',
    basedOn: 'M11',
    adds: ['cert', 'tls'],
  },
  { scheme: 'https', mtls: true },
  [certificateBound],
);

const everyGood: Partial<Settings> = {
  scheme: 'https',
  accessTokenLife: minutes(5),
  stored: 'hashed',
  audience: 'per-server',
  keySetAge: minutes(5),
  pkce: true,
  dpop: {
    ...baseDpop,
    noncePolicy: 'always',
    boundCode: true,
    createStore: (clock) =>
      createMemoryReplayStore({ capacity: 200, quotaPerKey: 100, clock, monotonicClock: () => 0 }),
  },
};

const protections = [
  denyList({ on: ['logout', 'password', 'reuse'], what: 'family', createStore: createListInMemory }),
  liveRole,
  bodyDigest,
];

function together(text: Omit<ProfileText, 'group'>, changes: Partial<Settings> = {}): Profile {
  return createProfile({ group: 'Together', ...text }, { ...everyGood, ...changes }, protections);
}

const all = together({
  id: 'X3',
  slug: 'all-good-ones',
  title: 'Everything good at once',
  story: 'DPoP with nonce, quota and body digest, TLS, five-minute tokens, PKCE, deny list, live rights.',
  needs: 'A store for proofs, one for the deny list, and a look-up of the user for each request.',
  weak: 'The session at the issuer: whoever has its cookie signs in anew, with a key of his own.',
  basedOn: 'D10',
  adds: ['tls', 'exp', 'aud', 'pkce', 'hash', 'deny', 'right', 'nonce', 'quota', 'rt jkt', 'body'],
  leavesOut: ['iat'],
});

const boundSession = together(
  {
    id: 'X4',
    slug: 'bound-issuer-session',
    title: 'And a session at the issuer that is bound to a key',
    story: 'As X3; and the cookie of the issuer is good only together with the key that signed in.',
    needs: 'A browser that signs for its session, as Device Bound Session Credentials do.',
    weak: 'Whoever reads the disk takes the key along with the cookie.',
    basedOn: 'X3',
    adds: ['as key'],
  },
  { boundIssuerSession: true },
);

const lockedKey = together(
  {
    id: 'X5',
    slug: 'key-not-copyable',
    title: 'And a key that cannot be copied',
    story: 'As X4; and the private key can be used where it is, but never taken away.',
    needs: 'Hardware that keeps the key, or a browser that does not export it.',
    weak: 'Script in the open page, which uses the key where it is; and a minute for what it signed ahead.',
    basedOn: 'X4',
    adds: ['key'],
  },
  { boundIssuerSession: true, keyCopyable: false },
);

export const togetherProfiles: readonly Profile[] = [certificate, all, boundSession, lockedKey];

export const togetherChecks: readonly CheckInfo[] = [
  {
    id: 'cert',
    title: 'Certificate of the client',
    meaning: 'The connection must have been opened with the very certificate that the token was issued to.',
    section: 'RFC 8705 3',
  },
  {
    id: 'as key',
    title: "Key of the issuer's session",
    meaning: 'A session at the issuer is good only together with a proof by the key that signed in.',
  },
  {
    id: 'key',
    title: 'Key that stays where it is',
    meaning: 'The private key cannot be copied: who reads the disk finds nothing to sign with.',
    section: 'RFC 9449 11.4',
  },
];
