import { encodeBase64url, encodeBinary, sha256, utf8 } from '../digest.ts';
import { isSecureUrl } from '../secure-url.ts';
import { toPublicJwk } from '../thumbprint.ts';
import { DpopClientError, requireWebCrypto } from './errors.ts';
import type { DpopKey } from './keys.ts';

/** What one proof is for. */
export interface ProofInput {
  /** The request's method, in the exact case in which it is sent. */
  readonly method: string;
  /** The request's URL; query, fragment and user info are left out of `htu`. */
  readonly url: string | URL;
  /** The access token that goes with the request, for `ath`; leave it out at the token endpoint. */
  readonly accessToken?: string | undefined;
  /** The latest `DPoP-Nonce` of this server, if it has given one. */
  readonly nonce?: string | undefined;
  /** Seconds since the epoch for `iat`; default: the system's clock. */
  readonly now?: number | undefined;
}

const signers = {
  ES256: { name: 'ECDSA', hash: 'SHA-256' },
  Ed25519: { name: 'Ed25519' },
} as const;
const methodForm = /^[!#$%&'*+.^`|~\w-]+$/;
const tokenForm = /^[\w.~+/-]+=*$/;
const nonceForm = /^[!#-[\]-~]{1,512}$/; // NQCHAR of RFC 9449 section 8.1

/** The encoded header of each key: it never changes, so it is made once. */
const headers = new WeakMap<DpopKey, string>();

/**
 * Signs a DPoP proof for one request (RFC 9449 section 4.2). Every request needs its own, a retry too.
 *
 * @throws DpopClientError `webcrypto-unavailable`, `invalid-key`, `invalid-method`, `invalid-url`, `insecure-url`, `invalid-token` or
 *   `invalid-nonce`.
 */
export async function createProof(key: DpopKey, input: ProofInput): Promise<string> {
  const header = headerOf(key);
  const { accessToken, nonce, now = Date.now() / 1000 } = input;
  const claims = {
    jti: crypto.randomUUID(), // 122 random bits, and at a tenth of the price of asking for them alone [R9449-4-02] [R9449-4.2-04]
    htm: checkMethod(input.method), // [R9449-4.2-05]
    htu: toHtu(input.url), // [R9449-4.2-06]
    iat: Math.floor(now), // [R9449-4.2-07]
    ...(accessToken === undefined ? {} : { ath: await toAth(key, accessToken) }), // [R9449-4.2-08]
    ...(nonce === undefined ? {} : { nonce: checkNonce(nonce) }), // [R9449-4.2-09] [R9449-8-08]
  };
  const signed = `${header}.${encodeBinary(JSON.stringify(claims))}`; // all of it has been checked to be ASCII
  return `${signed}.${await sign(key, signed)}`;
}

/** Whether a `DPoP-Nonce` value is one that can be sent back. */
export function isNonce(value: string): boolean {
  return nonceForm.test(value);
}

/** What each key last signed for: mostly it is the same token again. */
const hashes = new WeakMap<DpopKey, { readonly token: string; readonly ath: string }>();

async function toAth(key: DpopKey, token: string): Promise<string> {
  const known = hashes.get(key);
  if (known?.token === token) return known.ath;
  const ath = await sha256(checkToken(token));
  hashes.set(key, { token, ath });
  return ath;
}

const signatureLength = 64; // of both algorithms

async function sign(key: DpopKey, text: string): Promise<string> {
  const signature = await signBytes(key, utf8(text));
  if (signature.length === signatureLength) return encodeBase64url(signature);
  throw new DpopClientError('invalid-key', 'the signer must give 64 bytes: for ES256 R and S, not DER');
}

async function signBytes(key: DpopKey, bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array> {
  try {
    if ('sign' in key) return new Uint8Array(await key.sign(bytes));
    return new Uint8Array(await crypto.subtle.sign(signers[key.algorithm], key.privateKey, bytes));
  } catch (cause) {
    throw new DpopClientError('invalid-key', 'the private key cannot sign', cause);
  }
}

function headerOf(key: DpopKey): string {
  const known = headers.get(key);
  if (known !== undefined) return known;
  requireWebCrypto();
  const isWhole = typeof key?.publicJwk === 'object' && key.publicJwk !== null;
  if (!isWhole || !Object.hasOwn(signers, key.algorithm)) {
    throw new DpopClientError('invalid-key', 'the key must come from generateKeyPair, or be a signer');
  }
  // Picked member by member: in a pair that was put together by hand it may be the private JWK.
  // [R9449-4.2-01] [R9449-4.2-02] [R9449-4.2-03]
  const header = { typ: 'dpop+jwt', alg: key.algorithm, jwk: toPublicJwk({ ...key.publicJwk }) };
  const encoded = encodeBase64url(utf8(JSON.stringify(header)));
  headers.set(key, encoded);
  return encoded;
}

function toHtu(input: string | URL): string {
  const url = parse(input);
  if (!isSecureUrl(url))
    throw new DpopClientError('insecure-url', 'the URL must be https (http on loopback only)');
  return url.origin + url.pathname;
}

function parse(url: string | URL): URL {
  try {
    return new URL(url);
  } catch {
    throw new DpopClientError('invalid-url', 'the URL must be absolute'); // the cause would show the URL, query and all
  }
}

function checkMethod(method: string): string {
  if (typeof method === 'string' && methodForm.test(method)) return method;
  throw new DpopClientError('invalid-method', 'the method must be an HTTP method');
}

function checkToken(token: string): string {
  if (typeof token === 'string' && tokenForm.test(token)) return token;
  throw new DpopClientError('invalid-token', 'the access token has characters that cannot be sent');
}

function checkNonce(nonce: string): string {
  if (typeof nonce === 'string' && isNonce(nonce)) return nonce;
  throw new DpopClientError('invalid-nonce', 'the nonce has characters that no server may use');
}
