import type { CheckInfo } from '../model.ts';
import { minutes, type Profile } from '../profile.ts';
import { createListInMemory, denyList } from '../protections/deny-list.ts';
import { createListInRedis } from '../protections/deny-list-redis.ts';
import { issuedSinceUpdate } from '../protections/updated-at.ts';
import { createProfile } from './base.ts';

/** How a token is taken back before its time. */

const group = 'Taking a token back';
const shortToken = { accessTokenLife: minutes(5) } as const;

const rotation = createProfile(
  {
    id: 'M05',
    slug: 'rotation',
    title: 'Refresh token used once',
    group,
    story: 'Each refresh returns another refresh token; one that is used twice ends the whole family.',
    needs: 'A table of families, and refresh tokens that are taken once even when two come at once.',
    weak: 'The thief is noticed only when Alice refreshes too; two tabs or a lost answer sign her out.',
    basedOn: 'M03',
    adds: ['rt revoked'],
  },
  { ...shortToken, rotation: 'strict' },
);

const rotationWithGrace = createProfile(
  {
    id: 'M35',
    slug: 'rotation-with-grace',
    title: 'Refresh token used once, ten seconds of grace',
    group,
    story: 'As with rotation, but the former refresh token is good for ten seconds more.',
    needs: 'The time of each exchange beside each refresh token.',
    weak: 'Two tabs no longer sign Alice out, but an answer that was lost for longer still does.',
    basedOn: 'M05',
    adds: ['rt revoked'],
  },
  { ...shortToken, rotation: 'grace' },
);

const rotationAndAccess = createProfile(
  {
    id: 'M36',
    slug: 'rotation-ends-all',
    title: 'Refresh token used once, access tokens end too',
    group,
    story: 'A refresh token that is used twice also ends the access tokens of its family, at once.',
    needs: 'A deny list at each server, besides what rotation needs.',
    weak: 'It saves the last five minutes of a theft that has been noticed, and no more.',
    basedOn: 'M05',
    adds: ['rt revoked', 'deny'],
  },
  { ...shortToken, rotation: 'strict' },
  [denyList({ on: ['reuse'], what: 'family', createStore: createListInMemory })],
);

const denied = createProfile(
  {
    id: 'M06',
    slug: 'deny-list',
    title: 'Deny list',
    group,
    story: 'Tokens that were taken back are on a list, by jti and by sign-in, until they expire.',
    needs: 'A fast store that all servers share, looked at for each request.',
    weak: 'It helps only after somebody has noticed; until then the stolen token works.',
    basedOn: 'M00',
    adds: ['deny'],
  },
  {},
  [denyList({ on: ['logout', 'password', 'reuse'], what: 'family', createStore: createListInMemory })],
);

const deniedInRedis = createProfile(
  {
    id: 'M06r',
    slug: 'deny-list-redis',
    title: 'Deny list in Redis',
    group,
    story: 'The same list in a Redis, which every server asks for each request.',
    needs: 'A Redis that all servers reach; where it is down, nobody is let in.',
    weak: 'As the list in memory: it helps only after somebody has noticed.',
    basedOn: 'M06',
    adds: ['deny'],
  },
  {},
  [denyList({ on: ['logout', 'password', 'reuse'], what: 'family', createStore: createListInRedis })],
);

const updated = createProfile(
  {
    id: 'M07',
    slug: 'issued-before-update',
    title: 'Older than the last change of the user',
    group,
    story: 'A token is refused that was issued before its user last changed the password.',
    needs: 'The table of users at each server, looked at for each request.',
    weak: 'Signing out changes nothing, and the old refresh token still gets a token that is new enough.',
    basedOn: 'M00',
    adds: ['updated'],
  },
  {},
  [issuedSinceUpdate('exactly')],
);

const hashed = createProfile(
  {
    id: 'M31',
    slug: 'hashed-refresh-tokens',
    title: 'Refresh tokens stored as hashes',
    group,
    story: 'The issuer keeps only the hash of each refresh token, as it would of a password.',
    needs: 'One SHA-256 for each refresh; the tokens are random, so no salt and no slow hash.',
    weak: "It only helps against somebody who reads the issuer's tables.",
    basedOn: 'M00',
    adds: ['hash'],
  },
  { stored: 'hashed' },
);

export const revocationProfiles: readonly Profile[] = [
  rotation,
  rotationWithGrace,
  rotationAndAccess,
  denied,
  deniedInRedis,
  updated,
  hashed,
];

export const revocationChecks: readonly CheckInfo[] = [
  {
    id: 'rt revoked',
    title: 'Refresh token taken back',
    meaning:
      'The sign-in that the refresh token comes from must not have been ended: by signing out, or because one of its refresh tokens was used twice.',
    section: 'RFC 9700 4.14.2',
  },
  {
    id: 'deny',
    title: 'Deny list',
    meaning:
      'Neither the token nor the sign-in that it comes from may be on the list of what was taken back.',
  },
  {
    id: 'updated',
    title: 'Last change of the user',
    meaning: 'The token must have been issued after its user last changed the password.',
  },
  {
    id: 'hash',
    title: 'Hash of the refresh token',
    meaning: 'The issuer looks a refresh token up by its hash: what lies in its table is no refresh token.',
  },
];
