import type { Seconds } from '../model.ts';
import { days, minutes, type Profile } from '../profile.ts';
import { createListInMemory, denyList } from '../protections/deny-list.ts';
import { encryptedToken } from '../protections/encrypted-token.ts';
import { keptVerdict } from '../protections/kept-verdict.ts';
import { liveRole } from '../protections/live-role.ts';
import { opaqueToken } from '../protections/opaque-token.ts';
import { endlessToken, longToken } from '../protections/own-token.ts';
import { slidingToken } from '../protections/sliding-token.ts';
import { symmetricToken } from '../protections/symmetric-token.ts';
import { createProfile } from './base.ts';

export { tokenChecks } from './token-checks.ts';

/** What the access token is: how it is signed, how long it lives, what it says and to whom. */

const group = 'The token itself';

const bearer = createProfile({
  id: 'M00',
  slug: 'bearer',
  title: 'Bearer token, signed, one hour',
  group,
  story: 'A signed token that any server can check by itself; nothing is stored for it.',
  needs: "The issuer's public keys at each server, and a list of the algorithms that it accepts.",
  weak: 'Whoever holds the token is Alice until it expires; signing out does not end it.',
  adds: ['sig', 'kid', 'alg', 'exp'],
});

const sharedSecret = createProfile(
  {
    id: 'M01',
    slug: 'shared-secret',
    title: 'Token signed with a shared secret (HS256)',
    group,
    story: 'One secret signs the tokens and checks them; every server knows it.',
    needs: 'The same secret at the issuer and at each server, changed everywhere at once.',
    weak: 'Every server that can check a token can make one, for any user and for any key.',
    basedOn: 'M00',
  },
  {},
  [symmetricToken],
);

const days3 = createProfile(
  {
    id: 'M02',
    slug: 'token-for-days',
    title: 'Token for three days',
    group,
    story: 'The token lives for three days, so that nobody has to renew it.',
    needs: 'Nothing: there is no refresh token, and the client only keeps one text.',
    weak: 'Every theft of the token is worth three days, and nothing can end it sooner.',
    basedOn: 'M00',
  },
  { accessTokenLife: days(3), refreshTokenLife: 0 },
  [longToken],
);

const endless = createProfile(
  {
    id: 'M33',
    slug: 'no-expiry',
    title: 'Token without expiry',
    group,
    story: 'The token carries no exp, which is optional, and the server does not miss it.',
    needs: 'Nothing: a JWT library that is not told to require exp accepts such a token.',
    weak: 'A token that is stolen once works for ever, or until the key is changed.',
    basedOn: 'M00',
    leavesOut: ['exp'],
  },
  { accessTokenLife: Number.POSITIVE_INFINITY },
  [endlessToken],
);

const short = createProfile(
  {
    id: 'M03',
    slug: 'short-token',
    title: 'Short token, long refresh token',
    group,
    story: 'The access token lives for five minutes; a refresh token, stored by the issuer, gets the next.',
    needs: 'A table of refresh tokens at the issuer, and a client that refreshes every five minutes.',
    weak: 'A stolen access token is soon dead, but the refresh token is worth three days.',
    basedOn: 'M00',
  },
  { accessTokenLife: minutes(5) },
);

const renewableFor = days(3);

const sliding = withParameters(
  createProfile(
    {
      id: 'M04',
      slug: 'sliding-token',
      title: 'Token that renews itself',
      group,
      story: 'The token lives for 30 minutes, and for three days the issuer takes it for a new one.',
      needs: 'A second time in the token, and old keys that are kept: a new key signs everybody out.',
      weak: 'The access token is the refresh token as well: one line of a log can be worth three days.',
      basedOn: 'M00',
      adds: ['rt exp'],
    },
    { accessTokenLife: minutes(30), refreshTokenLife: 0 },
    [slidingToken(renewableFor)],
  ),
  { ttl: renewableFor },
);

const opaque = createProfile(
  {
    id: 'M08',
    slug: 'opaque-token',
    title: 'Opaque token, asked about each time',
    group,
    story: 'The token is random text; for each request the bank asks the issuer what it is worth.',
    needs: 'One more call for each request, and an issuer that is always there.',
    weak: 'Whoever holds the token is still Alice, until somebody notices and signs out.',
    basedOn: 'M00',
    adds: ['introspection'],
    leavesOut: ['sig', 'kid', 'alg'],
  },
  {},
  [opaqueToken(0)],
);

const answerKept = minutes(5);

const opaqueCached = withParameters(
  createProfile(
    {
      id: 'M09',
      slug: 'opaque-token-cached',
      title: 'Opaque token, answers kept five minutes',
      group,
      story: "The bank believes the issuer's answer about a token for five minutes before it asks again.",
      needs: 'A little memory at each server, and one call for each token every five minutes.',
      weak: 'Signing out takes up to five minutes to have an effect.',
      basedOn: 'M08',
      adds: ['introspection'],
      leavesOut: ['sig', 'kid', 'alg'],
    },
    {},
    [opaqueToken(answerKept)],
  ),
  { 'answer kept': answerKept },
);

const denyCached = withParameters(
  createProfile(
    {
      id: 'M34',
      slug: 'deny-list-cached',
      title: 'Deny list behind a cache of good tokens',
      group,
      story: 'A token that was good is not looked at again for five minutes, not even in the deny list.',
      needs: 'A deny list that all servers share, and a little memory at each server.',
      weak: 'A token that was taken back goes on working for up to five minutes.',
      basedOn: 'M06',
      adds: ['deny'],
    },
    {},
    [
      denyList({ on: ['logout', 'password', 'reuse'], what: 'family', createStore: createListInMemory }),
      keptVerdict(answerKept),
    ],
  ),
  { 'verdict kept': answerKept },
);

const audience = createProfile(
  {
    id: 'M10',
    slug: 'audience',
    title: 'Token for one server only',
    group,
    story: 'Each token names the one server that it is for, and every other server refuses it.',
    needs: 'A token for each server, and a client that asks for the right one.',
    weak: 'It only stops tokens that were stolen at one server and used at another.',
    basedOn: 'M00',
    adds: ['aud'],
  },
  { audience: 'per-server' },
);

const encrypted = createProfile(
  {
    id: 'M12',
    slug: 'encrypted-token',
    title: 'Encrypted token (JWE)',
    group,
    story: 'The signed token is encrypted for the bank, so that nobody on the way can read it.',
    needs: 'A key for encrypting at the issuer, and at each server one for decrypting.',
    weak: 'The thief need not read it: the encrypted text is the token that he sends.',
    basedOn: 'M00',
    adds: ['enc'],
  },
  {},
  [encryptedToken],
);

const liveRights = createProfile(
  {
    id: 'M28',
    slug: 'live-rights',
    title: 'Rights looked up for each request',
    group,
    story: 'What Alice may do is looked up for each request, and not read from her token.',
    needs: 'A look-up in the table of users for each request.',
    weak: 'The thief may do whatever Alice may do now.',
    basedOn: 'M00',
    adds: ['right'],
  },
  {},
  [liveRole],
);

const keysFetched = createProfile(
  {
    id: 'M29',
    slug: 'keys-fetched-again',
    title: 'Keys fetched again every five minutes',
    group,
    story: "Each server fetches the issuer's keys anew every five minutes, in place of those it has.",
    needs: 'One small request every five minutes from each server.',
    weak: 'It only ends tokens that were forged with a key of the issuer which has been changed since.',
    basedOn: 'M00',
    adds: ['kid'],
  },
  { keySetAge: minutes(5) },
);

export const tokenProfiles: readonly Profile[] = [
  bearer,
  sharedSecret,
  days3,
  endless,
  short,
  sliding,
  opaque,
  opaqueCached,
  denyCached,
  audience,
  encrypted,
  liveRights,
  keysFetched,
];

function withParameters(profile: Profile, more: Readonly<Record<string, Seconds>>): Profile {
  return { ...profile, parameters: { ...profile.parameters, ...more } };
}
