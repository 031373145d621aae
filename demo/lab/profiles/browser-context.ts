import type { CheckInfo } from '../model.ts';
import type { Profile } from '../profile.ts';
import { csrfToken, endSessionOnMismatch } from '../protections/csrf.ts';
import { fingerprint } from '../protections/fingerprint.ts';
import { passwordTime } from '../protections/password-time.ts';
import { createProfile } from './base.ts';

/** What a browser can add to a token: cookies, a header, the time; or that it never holds one. */

const group = 'Browser context';

const fingerprintCookie = createProfile(
  {
    id: 'M21',
    slug: 'fingerprint-cookie',
    title: 'Fingerprint cookie',
    group,
    story: 'A random value is in a cookie that no script can read, and its hash in the token.',
    needs: 'A hardened cookie with each token, and a bank that both token and cookie reach.',
    weak: 'Who copies the whole request has both, and a refresh token gets a new pair.',
    basedOn: 'M00',
    adds: ['fgp'],
  },
  {},
  [fingerprint('raw in the cookie')],
);

const fingerprintSwapped = createProfile(
  {
    id: 'M22',
    slug: 'fingerprint-swapped',
    title: 'Fingerprint cookie, the wrong way round',
    group,
    story: 'The random value itself is in the token, and only its hash in the cookie.',
    needs: 'The same as the right way round.',
    weak: 'Anybody who reads the token hashes what it says, and writes the cookie himself.',
    basedOn: 'M21',
    adds: ['fgp'],
  },
  {},
  [fingerprint('raw in the token')],
);

const csrfHeader = createProfile(
  {
    id: 'M23',
    slug: 'csrf-jti',
    title: 'CSRF token from the jti',
    group,
    story: 'Each request repeats the id of its token (jti) in a header of its own.',
    needs: 'A cookie that script can read, and a page that copies it into a header.',
    weak: 'The id is in the token for all to read, and no form could send the token anyway.',
    basedOn: 'M00',
    adds: ['csrf'],
  },
  {},
  [csrfToken],
);

const csrfKill = createProfile(
  {
    id: 'M24',
    slug: 'csrf-kill',
    title: 'CSRF mismatch ends the session',
    group,
    story: 'A request with a wrong CSRF token is taken for an attack, and its sign-in is ended.',
    needs: 'A deny list that bank and issuer share, besides the CSRF token.',
    weak: 'Whoever holds a token can sign its owner out, by one bad request.',
    basedOn: 'M23',
    adds: ['csrf', 'deny'],
  },
  {},
  [endSessionOnMismatch, csrfToken],
);

const cookie = createProfile(
  {
    id: 'M25',
    slug: 'token-cookie',
    title: 'Token in an HttpOnly cookie',
    group,
    story: 'The token is in a cookie: the browser sends it, and no script can read it.',
    needs: 'A bank that redeems the code itself, and sets cookies.',
    weak: 'The browser sends it with every request to the bank, also one that another site started.',
    basedOn: 'M00',
    adds: ['no token'],
  },
  { carriedBy: 'cookie', sameSite: 'none' },
);

const cookieCsrf = createProfile(
  {
    id: 'M32',
    slug: 'token-cookie-csrf',
    title: 'Token in a cookie, CSRF token beside it',
    group,
    story: 'The token is in an HttpOnly cookie, and each request repeats its jti in a header.',
    needs: 'A second cookie that script can read, and a page that copies it into a header.',
    weak: 'It stops other sites and nobody else: who has the cookies has the jti too.',
    basedOn: 'M25',
    adds: ['csrf'],
  },
  { carriedBy: 'cookie', sameSite: 'none' },
  [csrfToken],
);

const cookieStrict = createProfile(
  {
    id: 'M26',
    slug: 'token-cookie-strict',
    title: 'SameSite=Strict and CSRF token',
    group,
    story: 'The cookie with the token does not go along with requests from other sites at all.',
    needs: 'One word in each cookie; who comes by a link from elsewhere is signed out at first.',
    weak: 'It stops other sites, twice, and nobody who has copied the cookies.',
    basedOn: 'M32',
    adds: ['samesite'],
  },
  { carriedBy: 'cookie', sameSite: 'strict' },
  [csrfToken],
);

const time = createProfile(
  {
    id: 'M27',
    slug: 'password-time',
    title: 'Time under the password hash',
    group,
    story: 'Each request carries the time, encrypted under half of the hash of the password.',
    needs: 'The hash in the browser, a secret that all servers share, and clocks that agree.',
    weak: 'For thirty seconds a copied request opens every door, and script can read the hash.',
    basedOn: 'M00',
    adds: ['time'],
  },
  {},
  [passwordTime],
);

const pkce = createProfile(
  {
    id: 'M30',
    slug: 'pkce',
    title: 'PKCE',
    group,
    story: 'A code is redeemed only with the secret whose hash was in the request for it.',
    needs: 'One random value for each sign-in, which every OAuth client library makes.',
    weak: 'It is about codes alone: once tokens are there, it plays no part.',
    basedOn: 'M00',
    adds: ['pkce'],
  },
  { pkce: true },
);

// PKCE as well: without it somebody with a leaked code could let the bank's server redeem it for him.
const backend = createProfile(
  {
    id: 'X2',
    slug: 'backend-for-frontend',
    title: 'Backend for frontend',
    group,
    story: "Tokens never leave the bank's server; the browser has a session cookie in their place.",
    needs: 'A server with a secret of its own, and a store of sessions.',
    weak: 'The session cookie opens the same doors as a token, and is good for as long as the session.',
    basedOn: 'M25',
    adds: ['confidential', 'session', 'samesite', 'pkce'],
  },
  { carriedBy: 'session', confidential: true, sameSite: 'strict', pkce: true },
);

export const browserProfiles: readonly Profile[] = [
  fingerprintCookie,
  fingerprintSwapped,
  csrfHeader,
  csrfKill,
  cookie,
  cookieCsrf,
  cookieStrict,
  time,
  pkce,
  backend,
];

export const browserChecks: readonly CheckInfo[] = [
  {
    id: 'fgp',
    title: 'Fingerprint cookie',
    meaning: 'The cookie that came with the token must fit to what the token says of it.',
  },
  {
    id: 'csrf',
    title: 'CSRF token',
    meaning: 'A header must repeat the id of the token (jti), which a form of another site cannot send.',
  },
  {
    id: 'samesite',
    title: 'SameSite cookie',
    meaning: 'The browser keeps the cookie back when a page of another site has started the request.',
  },
  {
    id: 'no token',
    title: 'No token',
    meaning: 'The request carries no token in the place where the bank looks for one.',
    section: 'RFC 6750 3.1',
  },
  {
    id: 'session',
    title: 'Session',
    meaning: "The cookie must name a session that the bank's server still keeps.",
  },
  {
    id: 'time',
    title: 'Encrypted time',
    meaning: 'The time in the request must be encrypted under the right key, and be at most 30 seconds off.',
  },
  {
    id: 'pkce',
    title: 'PKCE',
    meaning: 'Who redeems a code must show the secret whose hash was sent when the code was asked for.',
    section: 'RFC 7636 4.6',
  },
  {
    id: 'confidential',
    title: 'Secret of the client',
    meaning: "Codes and refresh tokens are taken only from the bank's server, which has a secret of its own.",
    section: 'RFC 6749 3.2.1',
  },
];
