import { decodeBase64url, isCanonicalBase64url } from './digest.ts';
import { isObject, type JsonObject, toJsonObject } from './jws.ts';
import { isWeakEd25519, isWeakRsaModulus } from './weak-keys.ts';

/**
 * The algorithms that may sign, and what a public key for each must look like.
 *
 * One table decides what is accepted, what is advertised and which keys fit, so that these cannot differ.
 */

/** A signature algorithm that holdfast knows. `EdDSA` is the older name of `Ed25519` (RFC 9864). */
export type SignatureAlgorithm = 'ES256' | 'Ed25519' | 'EdDSA' | 'PS256' | 'RS256';

interface KeyForm {
  readonly kty: 'EC' | 'OKP' | 'RSA';
  readonly crv?: 'P-256' | 'Ed25519';
}

const forms: Readonly<Record<SignatureAlgorithm, KeyForm>> = {
  ES256: { kty: 'EC', crv: 'P-256' },
  Ed25519: { kty: 'OKP', crv: 'Ed25519' },
  EdDSA: { kty: 'OKP', crv: 'Ed25519' }, // [R9864-2.2-01]
  PS256: { kty: 'RSA' },
  RS256: { kty: 'RSA' },
};

/** Every algorithm that can be allowed. */
export const signatureAlgorithms: readonly SignatureAlgorithm[] = Object.freeze(
  Object.keys(forms) as SignatureAlgorithm[],
);

/** Allowed unless told otherwise: ES256 and Ed25519 under both of its names. */
export const defaultAlgorithms: readonly SignatureAlgorithm[] = Object.freeze(['ES256', 'Ed25519', 'EdDSA']);

const privateMembers = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k', 'priv'];

/** No member of a private or symmetric key, of whatever key type, not even an empty one (RFC 9449 4.3 check 7). */
export function isPublicOnly(jwk: JsonObject): boolean {
  return !privateMembers.some((name) => name in jwk);
}

/** Key type and curve belong to the algorithm, and `use`, `key_ops` and `alg`, where given, allow verifying with it. */
export function fitsAlgorithm(jwk: JsonObject, algorithm: SignatureAlgorithm): boolean {
  const { kty, crv } = forms[algorithm];
  return (
    jwk['kty'] === kty &&
    (crv === undefined || jwk['crv'] === crv) &&
    (!('use' in jwk) || jwk['use'] === 'sig') &&
    (!('alg' in jwk) || jwk['alg'] === algorithm) &&
    (!('key_ops' in jwk) || isVerifyOnly(jwk['key_ops']))
  );
}

function isVerifyOnly(operations: unknown): boolean {
  return Array.isArray(operations) && operations.length === 1 && operations[0] === 'verify';
}

/**
 * Key material in the one canonical spelling: EC and OKP members of exactly 32 bytes, RSA members without leading
 * zero octets. Otherwise one key would have several thumbprints (RFC 7638 section 7).
 */
export function isCanonicalKey(jwk: JsonObject): boolean {
  const { kty, x, y, n, e } = jwk;
  if (kty === 'EC') return isBytes32(x) && isBytes32(y);
  if (kty === 'OKP') return isBytes32(x);
  return isMinimalInteger(n) && isMinimalInteger(e);
}

function isBytes32(value: unknown): value is string {
  return typeof value === 'string' && value.length === 43 && isCanonicalBase64url(value);
}

function isMinimalInteger(value: unknown): value is string {
  if (typeof value !== 'string' || value === '' || !isCanonicalBase64url(value)) return false;
  return decodeBase64url(value)[0] !== 0;
}

/** A modulus of 4096 bits in base64url: longer ones are refused before they are decoded. */
const maxModulusLength = 683;

/**
 * Nobody but its owner can sign with it: no low-order or non-canonical Ed25519 point; RSA of 2048 to 4096 bits with
 * e = 65537 and a modulus that does not factor by inspection. P-256 has prime order: any point on the curve will do,
 * and the import checks that it is one. Expects a key that `isCanonicalKey` has approved.
 */
export function isStrongKey(jwk: JsonObject): boolean {
  const { kty, x, n, e } = jwk;
  if (kty === 'OKP') return !isWeakEd25519(decodeBase64url(x as string));
  if (kty === 'RSA') return e === 'AQAB' && isStrongModulus(n as string);
  return true;
}

function isStrongModulus(n: string): boolean {
  if (n.length > maxModulusLength) return false;
  const modulus = decodeBase64url(n);
  const bits = modulus.length * 8 - Math.clz32(modulus[0] ?? 0) + 24;
  return bits >= 2048 && !isWeakRsaModulus(modulus);
}

/** The `jwk` header member as an object, or `undefined` when it is none. */
export function readJwk(value: unknown): JsonObject | undefined {
  return isObject(value) ? toJsonObject(value) : undefined;
}
