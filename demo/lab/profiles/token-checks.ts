import type { CheckInfo } from '../model.ts';

/** What servers look at in an access token, whichever profile they follow. */
export const tokenChecks: readonly CheckInfo[] = [
  {
    id: 'sig',
    title: 'Signature of the token',
    meaning: 'The token must be signed by the issuer, and be what it was when it was signed.',
    section: 'RFC 9068 4',
  },
  {
    id: 'kid',
    title: 'Key of the token',
    meaning:
      'The token names the key that signed it; that key must be in the key set of the issuer as the server has it.',
    section: 'RFC 9068 4',
  },
  {
    id: 'alg',
    title: 'Algorithm of the token',
    meaning:
      'The token must be signed with an algorithm of the own list of the server, whatever the token itself says.',
    section: 'RFC 8725 3.1',
  },
  {
    id: 'exp',
    title: 'Expiry of the token',
    meaning: 'The token must not have expired.',
    section: 'RFC 7519 4.1.4',
  },
  {
    id: 'rt exp',
    title: 'Expiry of the refresh token',
    meaning: 'What a new access token is asked for with must not have expired.',
    section: 'RFC 6749 5.2',
  },
  {
    id: 'aud',
    title: 'Audience',
    meaning: 'The token must name this very server as the one that it is for.',
    section: 'RFC 9068 4',
  },
  {
    id: 'introspection',
    title: 'Answer of the issuer',
    meaning: 'The issuer, when asked about the token, must say that it is active.',
    section: 'RFC 7662 2.2',
  },
  {
    id: 'enc',
    title: 'Encryption of the token',
    meaning:
      'The token must be encrypted with the key of the bank; one that is only signed is not looked at.',
    section: 'RFC 7516 5.2',
  },
  {
    id: 'right',
    title: 'Right',
    meaning: 'The user must have the right that this request takes.',
  },
];
