import type { Catalogue, CheckId } from '../model.ts';

/** What a refusal by a check says, in the fewest plain words: `the proof is signed by another key`. */
const words: Readonly<Record<CheckId, string>> = {
  jkt: 'the proof is signed by another key',
  jti: 'this proof was used before',
  iat: 'the proof is too old',
  floor: 'the proof is older than the memory',
  nonce: 'the nonce is not a fresh one',
  htm: 'the proof is for another method',
  htu: 'the proof is for another address',
  ath: 'the proof is for another token',
  'proof sig': 'the proof is not signed by its own key',
  scheme: 'a bound token must come with a proof',
  sig: 'the token is not signed by the issuer',
  exp: 'the token has died',
  aud: 'the token is for another server',
  deny: 'the token was taken back',
  ip: 'the address is not Alice’s',
  geo: 'the request comes from another country',
  fgp: 'the cookie is missing',
  'rt jkt': 'the refresh token is bound to another key',
  'rt revoked': 'the refresh token was taken back',
  page: 'the page is closed',
};

export function refusalOf(check: CheckId | null, catalogue: Catalogue): string {
  if (check === null) return '';
  return words[check] ?? catalogue.checks.find(({ id }) => id === check)?.title ?? check;
}
