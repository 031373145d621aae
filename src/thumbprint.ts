import { isCanonicalBase64url, sha256 } from './digest.ts';

/** A public key with only the members that RFC 7638 hashes, in its order: one key, one spelling. */
export type PublicJwk =
  | { readonly crv: 'P-256'; readonly kty: 'EC'; readonly x: string; readonly y: string }
  | { readonly crv: 'Ed25519'; readonly kty: 'OKP'; readonly x: string }
  | { readonly e: string; readonly kty: 'RSA'; readonly n: string };

/** Picks the required members by key type, in lexicographic order; whatever else the key carries is left behind. */
export function toPublicJwk(jwk: Readonly<Record<string, unknown>>): PublicJwk {
  const { kty, crv, x, y, e, n } = jwk;
  if (kty === 'EC') return { crv, kty, x, y } as PublicJwk;
  if (kty === 'OKP') return { crv, kty, x } as PublicJwk;
  return { e, kty, n } as PublicJwk;
}

/**
 * SHA-256 thumbprint of a public key (RFC 7638), the value of `cnf.jkt`: 43 base64url characters.
 *
 * Does not check the key: a key that is not in canonical form has several thumbprints.
 */
export function jwkThumbprint(jwk: PublicJwk): string | Promise<string> {
  return sha256(JSON.stringify(jwk)); // [R9449-6.1-02] [R7638-3-01]
}

/** Whether a value can be the thumbprint of a key: 32 bytes in canonical base64url. */
export function isThumbprint(value: unknown): value is string {
  return typeof value === 'string' && value.length === 43 && isCanonicalBase64url(value); // [R9449-11.10-01]
}
