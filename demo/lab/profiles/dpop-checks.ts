import type { CheckInfo } from '../model.ts';

/** The short words for what is checked of a proof and of the key that signs it. */
export const dpopChecks: readonly CheckInfo[] = [
  {
    id: 'proof',
    title: 'Proof present and readable',
    meaning: 'The request must carry exactly one proof, in the form of a signed JWT.',
    section: 'RFC 9449 4.3 checks 1 and 2',
  },
  {
    id: 'proof alg',
    title: "Proof's algorithm",
    meaning:
      'The proof must be signed with one of the few algorithms that the server allows: no secret, and not "none".',
    section: 'RFC 9449 4.3 check 5',
  },
  {
    id: 'proof sig',
    title: "Proof's signature",
    meaning: 'The proof must be signed with the private half of the very key that it carries.',
    section: 'RFC 9449 4.3 check 6',
  },
  {
    id: 'jkt',
    title: 'Key of the token',
    meaning:
      'The key that signed the proof must be the one that the access token, or the code, was issued to.',
    section: 'RFC 9449 4.3 check 12',
  },
  {
    id: 'htm',
    title: 'Method',
    meaning: 'The proof must name the method of this request.',
    section: 'RFC 9449 4.3 check 8',
  },
  {
    id: 'htu',
    title: 'URL',
    meaning: 'The proof must name the URL of this request, under the name that the server knows itself by.',
    section: 'RFC 9449 4.3 check 9',
  },
  {
    id: 'host',
    title: 'Name of the server',
    meaning: 'The request must be addressed to this server, by the name that it was configured with.',
    section: 'RFC 9700 4.13',
  },
  {
    id: 'ath',
    title: 'Hash of the token',
    meaning: 'The proof must carry the hash of the access token that comes with it.',
    section: 'RFC 9449 4.3 check 12',
  },
  {
    id: 'iat',
    title: "Proof's date",
    meaning:
      'The proof must have been made within the last minutes, by the date that the client put into it.',
    section: 'RFC 9449 4.3 check 11',
  },
  {
    id: 'nonce',
    title: 'Nonce',
    meaning:
      'The proof must carry a value that the server gave out a short while ago, so nobody can make it ahead.',
    section: 'RFC 9449 4.3 check 10',
  },
  {
    id: 'jti',
    title: 'Used once',
    meaning: 'The same proof must not have been used before.',
    section: 'RFC 9449 11.1',
  },
  {
    id: 'floor',
    title: 'Floor of the memory',
    meaning:
      'The memory may have forgotten proofs as old as this one, and says so; a newer proof with a nonce would do.',
    section: 'RFC 9449 11.1',
  },
  {
    id: 'quota',
    title: 'Share of one key',
    meaning: 'One key may use only so many proofs in a minute.',
  },
  {
    id: 'full',
    title: 'Room in the memory',
    meaning: 'There must be room to remember this proof; where there is none, nobody gets in.',
  },
  {
    id: 'body',
    title: 'Digest of the body',
    meaning: 'The proof must carry the digest of the body that comes with it.',
    section: 'RFC 9449 11.7',
  },
  {
    id: 'scheme',
    title: 'Scheme',
    meaning:
      'A token that is bound to a key must not come as a bearer token, nor one that is bound to none with a proof.',
    section: 'RFC 9449 7.2',
  },
  {
    id: 'rt jkt',
    title: 'Key of the refresh token or code',
    meaning:
      'The key that signed the proof must be the one that the refresh token, or the code, was issued to.',
    section: 'RFC 9449 5 and 10',
  },
];
