/** How to mend what a check has found, and which checks it stands on: without those it says nothing. */
export interface Remedy {
  readonly mend: string;
  readonly needs: readonly string[];
}

/** By the names of the checks of `explainProof`. */
export const remedies: Readonly<Record<string, Remedy>> = {
  'proof present': {
    mend: 'Send the proof in a header named DPoP; a proxy or CORS preflight may have dropped it.',
    needs: [],
  },
  'one proof': {
    mend: 'Set the DPoP header instead of adding a second one; retries must replace it.',
    needs: ['proof present'],
  },
  size: {
    mend: 'Leave out of header and claims what RFC 9449 does not ask for, certificates above all.',
    needs: ['proof present'],
  },
  'compact JWS': {
    mend: 'Send header, payload and signature in base64url without padding, joined by dots, and nothing around them.',
    needs: ['proof present', 'size'],
  },
  'header is JSON': {
    mend: 'Encode the header as one JSON object in UTF-8 in which no name occurs twice.',
    needs: ['compact JWS'],
  },
  typ: {
    mend: 'Set typ in the header to dpop+jwt; most JWT libraries write JWT unless told otherwise.',
    needs: ['header is JSON'],
  },
  alg: {
    mend: 'Sign with an asymmetric algorithm that the server lists in algs or dpop_signing_alg_values_supported; ES256 is known everywhere.',
    needs: ['header is JSON'],
  },
  'no extensions': {
    mend: 'Remove crit, b64 and zip from the header.',
    needs: ['header is JSON'],
  },
  'jwk present': {
    mend: 'Put the public key into the header as jwk, as a JSON object; kid alone is not enough.',
    needs: ['header is JSON'],
  },
  'jwk public': {
    mend: 'Export only the public key into jwk; the private one has now been sent, so replace it.',
    needs: ['jwk present'],
  },
  'jwk fits alg': {
    mend: 'Sign with the algorithm of the key: EC P-256 goes with ES256, OKP Ed25519 with Ed25519.',
    needs: ['jwk present', 'alg'],
  },
  'jwk canonical': {
    mend: 'Write the members of jwk in base64url at full length, without padding or leading zero bytes more or less.',
    needs: ['jwk present'],
  },
  'jwk strong': {
    mend: 'Make a new key with a sound generator, such as holdfast keygen.',
    needs: ['jwk canonical'],
  },
  'key binding': {
    mend: 'Sign with the key that the token was issued for, or get a new token with this key.',
    needs: ['jwk present'],
  },
  'payload is JSON': {
    mend: 'Encode the payload as one JSON object in UTF-8 in which no name occurs twice.',
    needs: ['compact JWS'],
  },
  jti: {
    mend: 'Give each proof a new random jti, at least 96 bits as text.',
    needs: ['payload is JSON'],
  },
  htm: {
    mend: 'Sign the method of the very request, in the same letter case: GET, not get.',
    needs: ['payload is JSON'],
  },
  'htu well-formed': {
    mend: 'Set htu to the absolute URL of the request, without user info.',
    needs: ['payload is JSON'],
  },
  htu: {
    mend: 'Sign the URL that the client calls; behind a proxy, configure the server with its public origin and path.',
    needs: ['htu well-formed'],
  },
  iat: {
    mend: 'Set iat to a number: seconds since 1970, not a text.',
    needs: ['payload is JSON'],
  },
  exp: {
    mend: 'Leave exp out, or make a new proof for each request.',
    needs: ['payload is JSON'],
  },
  nbf: {
    mend: 'Leave nbf out, or set the clock of the client.',
    needs: ['payload is JSON'],
  },
  ath: {
    mend: 'Set ath to the base64url SHA-256 of the access token that goes with this very request, a renewed one included.',
    needs: ['payload is JSON'],
  },
  'nonce well-formed': {
    mend: 'Set nonce to the text of the latest DPoP-Nonce header, or leave it out if the server has sent none.',
    needs: ['payload is JSON'],
  },
  'nonce ours': {
    mend: 'Use the latest DPoP-Nonce of this very server, kept per origin, and repeat the request once on use_dpop_nonce.',
    needs: ['nonce well-formed', 'iat'],
  },
  'not too old': {
    mend: 'Make a new proof for each request and set the clock of the client, or use a nonce of the server.',
    needs: ['nonce ours'],
  },
  'not from the future': {
    mend: 'Set the clock of the client, and give iat in seconds, not in milliseconds.',
    needs: ['nonce ours'],
  },
  'within memory': {
    mend: 'Repeat the request with the nonce of the answer: the server has just restarted, or is full.',
    needs: ['nonce ours'],
  },
  'nonce given where required': {
    mend: 'Put the DPoP-Nonce of the answer into the claim nonce and repeat the request with a new proof.',
    needs: ['nonce ours'],
  },
  'key usable': {
    mend: 'Export the public key anew: its coordinates are no point on the curve, or its modulus is none.',
    needs: ['jwk fits alg'],
  },
  signature: {
    mend: 'Sign exactly header.payload as sent, with the private key of jwk; for ES256 as R and S in 64 bytes, not DER.',
    needs: ['key usable'],
  },
};
