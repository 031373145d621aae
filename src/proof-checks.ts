import type { DpopErrorReason } from './errors.ts';
import { isForgotten, isFromFuture, isStale } from './freshness.ts';
import { normalizeHtu } from './htu.ts';
import { fitsAlgorithm, isCanonicalKey, isPublicOnly, isStrongKey } from './jwk.ts';
import { nothing, type ProofExpectations, type ReceivedProof } from './received-proof.ts';
import { importKey } from './signature.ts';
import { jwkThumbprint, toPublicJwk } from './thumbprint.ts';

/**
 * The checks of RFC 9449 section 4.3 and what holdfast adds to them, as one list in the order in which they are made.
 * The verifier stops at the first that fails, the explanation runs them all: they cannot differ.
 */

/** One check: passes or refuses with its one reason. */
export interface ProofCheck<Expect = unknown> {
  readonly name: string;
  /** Where it is required. */
  readonly section: string;
  readonly reason: DpopErrorReason;
  readonly passes: (proof: ReceivedProof, expect: Expect) => boolean | Promise<boolean>;
  /** For explanations: what would have passed, and what was there. */
  readonly expected: (proof: ReceivedProof, expect: Expect) => unknown;
  readonly found: (proof: ReceivedProof) => unknown;
}

/** Counted and measured before anything is decoded. */
export const envelopeChecks: readonly ProofCheck[] = [
  {
    name: 'proof present',
    section: 'RFC 9449 7.1',
    reason: 'proof-missing',
    passes: ({ lines }) => lines.length > 0,
    expected: () => 'a DPoP header line',
    found: ({ lines }) => lines.length,
  },
  {
    name: 'one proof', // [R9449-4.3-01]
    section: 'RFC 9449 4.3 check 1',
    reason: 'proof-repeated',
    passes: ({ lines }) => lines.length === 1,
    expected: () => 1,
    found: ({ lines }) => lines.length,
  },
  {
    name: 'size',
    section: 'RFC 9449 11.1',
    reason: 'proof-too-large',
    passes: ({ text, limits }) => text.length <= limits.maxProofBytes,
    expected: ({ limits }) => `at most ${limits.maxProofBytes} bytes`,
    found: ({ text }) => text.length,
  },
  {
    name: 'compact JWS', // [R9449-4.3-02] [R9449-4.1-03]
    section: 'RFC 9449 4.3 check 2',
    reason: 'proof-malformed',
    passes: ({ segments }) => segments !== undefined,
    expected: () => 'three segments of canonical base64url',
    found: ({ segments }) => (segments === undefined ? 'something else' : 'three segments'),
  },
];

/** Depend on the header alone, so they need not be repeated for a header that has passed them before. */
export const headerChecks: readonly ProofCheck[] = [
  {
    name: 'header is JSON',
    section: 'RFC 9449 4.3 check 2',
    reason: 'proof-malformed',
    passes: ({ header }) => header !== nothing,
    expected: () => 'a JSON object without duplicate names',
    found: ({ header }) => (header === nothing ? 'unreadable' : 'a JSON object'),
  },
  {
    name: 'typ', // [R9449-4.3-04] [R9449-11.5-01]
    section: 'RFC 9449 4.3 check 4',
    reason: 'typ-mismatch',
    passes: ({ header }) => header['typ'] === 'dpop+jwt',
    expected: () => 'dpop+jwt',
    found: ({ header }) => header['typ'],
  },
  {
    name: 'alg', // [R9449-4.3-05]
    section: 'RFC 9449 4.3 check 5',
    reason: 'alg-not-allowed',
    passes: ({ algorithm }) => algorithm !== undefined,
    expected: ({ limits }) => limits.algorithms.join(', '),
    found: ({ header }) => header['alg'],
  },
  {
    name: 'no extensions', // [R9449-4.2-10] [R7515-4.1.11-01] [R7797-7-01]
    section: 'RFC 7515 4.1.11, RFC 7797 7',
    reason: 'extension-refused',
    passes: ({ header }) => !('crit' in header || 'b64' in header || 'zip' in header),
    expected: () => 'no crit, b64 or zip',
    found: ({ header }) => ['crit', 'b64', 'zip'].filter((name) => name in header).join(', ') || 'none',
  },
  {
    name: 'jwk present', // [R9449-4.3-03] [R8725-3.10-01]
    section: 'RFC 9449 4.2',
    reason: 'jwk-malformed',
    passes: ({ jwk }) => jwk !== nothing,
    expected: () => 'a public key as a JSON object',
    found: ({ header }) => typeof header['jwk'],
  },
  {
    name: 'jwk public', // [R9449-4.3-07]
    section: 'RFC 9449 4.3 check 7',
    reason: 'jwk-private',
    passes: ({ jwk }) => isPublicOnly(jwk),
    expected: () => 'public members only',
    found: ({ jwk }) => (isPublicOnly(jwk) ? 'public members only' : 'private key material'),
  },
  {
    name: 'jwk fits alg', // [R7518-3.4-01] [R8725-3.1-01]
    section: 'RFC 7518 3, RFC 8725 3.1',
    reason: 'jwk-unfit',
    passes: ({ jwk, algorithm }) => algorithm !== undefined && fitsAlgorithm(jwk, algorithm),
    expected: ({ algorithm }) => `a key to verify ${algorithm ?? 'an allowed algorithm'} with`,
    found: ({ jwk }) => ({ kty: jwk['kty'], crv: jwk['crv'], use: jwk['use'], alg: jwk['alg'] }),
  },
  {
    name: 'jwk canonical', // [R7638-7-01]
    section: 'RFC 7638 7',
    reason: 'jwk-not-canonical',
    passes: ({ jwk }) => isCanonicalKey(jwk),
    expected: () => 'the one spelling of this key',
    found: ({ jwk }) => (isCanonicalKey(jwk) ? 'canonical' : 'another spelling'),
  },
  {
    name: 'jwk strong', // [R8725-3.4-01] [R7518-3.3-01]
    section: 'RFC 8725 3.4',
    reason: 'jwk-weak',
    passes: ({ jwk }) => isCanonicalKey(jwk) && isStrongKey(jwk),
    expected: () => 'a key that only its owner can sign with',
    found: ({ jwk }) => (isCanonicalKey(jwk) && isStrongKey(jwk) ? 'strong' : 'weak'),
  },
];

/** Of this request: which key, which claims, how fresh. */
export const requestChecks: readonly ProofCheck<ProofExpectations>[] = [
  {
    name: 'key binding', // [R9449-4.3-13] [R9449-6-02]
    section: 'RFC 9449 4.3 check 12',
    reason: 'key-mismatch',
    passes: async (proof, expect) => {
      proof.jkt ??= await jwkThumbprint(toPublicJwk(proof.jwk));
      return expect.jkt === undefined || proof.jkt === expect.jkt;
    },
    expected: (_, expect) => expect.jkt ?? 'any key',
    found: ({ jwk, jkt }) => (jwk === nothing ? 'no key' : jkt),
  },
  {
    name: 'payload is JSON',
    section: 'RFC 9449 4.3 check 2',
    reason: 'proof-malformed',
    passes: ({ claims }) => claims !== nothing,
    expected: () => 'a JSON object without duplicate names',
    found: ({ claims }) => (claims === nothing ? 'unreadable' : 'a JSON object'),
  },
  {
    name: 'jti', // [R9449-4.3-03] [R9449-11.1-03]
    section: 'RFC 9449 4.2',
    reason: 'jti-invalid',
    passes: ({ claims }) => isShortText(claims['jti'], 256),
    expected: () => 'a string of 1 to 256 characters',
    found: ({ claims }) => typeof claims['jti'],
  },
  {
    name: 'htm', // [R9449-4.3-08]
    section: 'RFC 9449 4.3 check 8',
    reason: 'htm-mismatch',
    passes: ({ claims }, expect) => claims['htm'] === expect.method,
    expected: (_, expect) => expect.method,
    found: ({ claims }) => claims['htm'],
  },
  {
    name: 'htu well-formed', // [R9449-4.3-03]
    section: 'RFC 9449 4.2',
    reason: 'htu-malformed',
    passes: ({ claims }, expect) => normalClaim(claims['htu'], expect.uri) !== undefined,
    expected: () => 'an absolute http(s) URI without user info',
    found: ({ claims }) => claims['htu'],
  },
  {
    name: 'htu', // [R9449-4.3-09] [R9449-4.3-14]
    section: 'RFC 9449 4.3 check 9',
    reason: 'htu-mismatch',
    passes: ({ claims }, expect) => normalClaim(claims['htu'], expect.uri) === expect.uri,
    expected: (_, expect) => expect.uri,
    found: ({ claims }) => claims['htu'],
  },
  {
    name: 'iat', // [R9449-4.3-03] [R7519-7.2-01]
    section: 'RFC 7519 4.1.6',
    reason: 'iat-invalid',
    passes: ({ claims }) => Number.isFinite(claims['iat']),
    expected: () => 'a number of seconds',
    found: ({ claims }) => claims['iat'],
  },
  {
    name: 'exp', // [R7519-4.1-01]
    section: 'RFC 7519 4.1.4',
    reason: 'proof-expired',
    passes: ({ claims }, { now }) => !('exp' in claims) || isNumber(claims['exp'], (exp) => exp > now),
    expected: (_, { now }) => `absent, or after ${now}`,
    found: ({ claims }) => claims['exp'],
  },
  {
    name: 'nbf', // [R7519-4.1-01]
    section: 'RFC 7519 4.1.5',
    reason: 'proof-not-yet-valid',
    passes: ({ claims }, { now, policy }) =>
      !('nbf' in claims) || isNumber(claims['nbf'], (nbf) => nbf <= now + policy.futureSkew),
    expected: (_, { now, policy }) => `absent, or at most ${now + policy.futureSkew}`,
    found: ({ claims }) => claims['nbf'],
  },
  {
    name: 'ath', // [R9449-4.3-12]
    section: 'RFC 9449 4.3 check 12',
    reason: 'ath-mismatch',
    passes: ({ claims }, { accessTokenHash }) =>
      accessTokenHash === undefined || claims['ath'] === accessTokenHash,
    expected: (_, expect) => expect.accessTokenHash ?? 'not looked at',
    found: ({ claims }) => claims['ath'],
  },
  {
    name: 'nonce well-formed',
    section: 'RFC 9449 4.2',
    reason: 'nonce-invalid',
    passes: ({ claims }) => !('nonce' in claims) || typeof claims['nonce'] === 'string',
    expected: () => 'absent, or a string',
    found: ({ claims }) => typeof claims['nonce'],
  },
  {
    name: 'nonce ours', // [R9449-4.3-10] [R9449-8-04] [R9449-9-03] [R9449-11.1-05]
    section: 'RFC 9449 4.3 check 10',
    reason: 'nonce-unknown',
    passes: async (proof, expect) => {
      const { nonce, iat } = proof.claims as { nonce?: string; iat: number };
      proof.time = nonce === undefined ? { axis: 'iat', at: iat } : await expect.readNonce(nonce);
      return proof.time !== undefined;
    },
    expected: () => 'absent, or one that this server issued',
    found: ({ claims, time }) => (!('nonce' in claims) ? 'absent' : time === undefined ? 'not ours' : 'ours'),
  },
  {
    name: 'not too old', // [R9449-4.3-11] [R9449-11.1-01]
    section: 'RFC 9449 4.3 check 11',
    reason: 'proof-stale',
    passes: ({ time }, { policy, memory }) => time !== undefined && !isStale(time, policy, memory),
    expected: (_, { memory, policy }) => ({ now: memory.now, ...policy }),
    found: ({ time }) => time,
  },
  {
    name: 'not from the future', // [R9449-4.3-11] [R9449-11.1-04]
    section: 'RFC 9449 4.3 check 11',
    reason: 'proof-from-future',
    passes: ({ time }, { policy, memory }) => time !== undefined && !isFromFuture(time, policy, memory),
    expected: (_, { memory, policy }) => ({ now: memory.now, futureSkew: policy.futureSkew }),
    found: ({ time }) => time,
  },
  {
    name: 'within memory', // [R9449-11.1-02]
    section: 'RFC 9449 11.1',
    reason: 'proof-forgotten',
    passes: ({ time }, { policy, memory }) => time !== undefined && !isForgotten(time, policy, memory),
    expected: (_, { memory, policy }) => ({
      floor: memory.floor,
      birth: memory.birth,
      futureSkew: policy.futureSkew,
    }),
    found: ({ time }) => time,
  },
  {
    name: 'nonce given where required', // [R9449-11.3-01]
    section: 'RFC 9449 11.3',
    reason: 'nonce-required',
    passes: ({ jkt = '', time }, expect) => time?.axis === 'nonce' || !expect.nonceRequired(jkt),
    expected: ({ jkt = '' }, expect) => (expect.nonceRequired(jkt) ? 'a nonce' : 'nothing'),
    found: ({ time }) => (time?.axis === 'nonce' ? 'a nonce' : 'none'),
  },
];

/** By far the dearest, so they come last. They need nothing but the proof. */
export const signatureChecks: readonly ProofCheck[] = [
  {
    name: 'key usable',
    section: 'RFC 7518 6',
    reason: 'key-invalid',
    passes: async (proof) => {
      proof.key ??= proof.algorithm && (await importKey(toPublicJwk(proof.jwk), proof.algorithm));
      return proof.key !== undefined;
    },
    expected: () => 'a point on the curve, a usable modulus',
    found: ({ key }) => (key === undefined ? 'refused by the crypto library' : 'imported'),
  },
  {
    name: 'signature', // [R9449-4.3-06]
    section: 'RFC 9449 4.3 check 6',
    reason: 'signature-invalid',
    passes: ({ text, segments, key }) =>
      key !== undefined &&
      segments !== undefined &&
      key.verifies(text.slice(0, text.lastIndexOf('.')), segments[2]),
    expected: () => 'made with the key in the header over this header and payload',
    found: () => 'see verdict',
  },
];

function isShortText(value: unknown, maxLength: number): boolean {
  return typeof value === 'string' && value !== '' && value.length <= maxLength;
}

function isNumber(value: unknown, holds: (value: number) => boolean): boolean {
  return typeof value === 'number' && holds(value);
}

/** The normal form of an `htu` claim; one that already equals the normal form of the request needs no work. */
function normalClaim(htu: unknown, uri: string): string | undefined {
  if (htu === uri) return uri;
  return typeof htu === 'string' ? normalizeHtu(htu) : undefined;
}
