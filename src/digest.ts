/** Base64url and SHA-256: what both sides of the protocol hash and spell. Pure: no clock, no I/O. */

import { type NodeCrypto, nodeCrypto } from './node-crypto.ts';

const encoder = new TextEncoder();

/** UTF-8 bytes of a text. */
export function utf8(text: string): Uint8Array<ArrayBuffer> {
  return encoder.encode(text);
}

const chunk = 8192; // bytes: a call takes so many arguments, and not all that there may be

/** Base64url without padding (RFC 7515 section 2). By whole chunks: one call a byte takes four times as long. */
export function encodeBase64url(bytes: Uint8Array): string {
  let binary = '';
  for (let start = 0; start < bytes.length; start += chunk) {
    const part: ArrayLike<number> = bytes.subarray(start, start + chunk);
    binary += String.fromCharCode.apply(undefined, part as number[]);
  }
  return encodeBinary(binary);
}

/** The same of a string of bytes (one character each), such as text that is ASCII. */
export function encodeBinary(binary: string): string {
  return btoa(binary).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
}

const canonical = /^(?:[\w-]{4})*(?:[\w-][AQgw]|[\w-]{2}[AEIMQUYcgkosw048])?$/;

/**
 * Whether a text is the one canonical base64url spelling of some bytes: no padding, no white space, and the
 * unused bits of the last character zero. Decoders forgive all three, which would give one value many spellings.
 */
export function isCanonicalBase64url(text: string): boolean {
  return canonical.test(text); // [R7515-2-01]
}

/** Decodes text that `isCanonicalBase64url` has approved into a string of bytes (one character each). */
export function decodeToBinary(text: string): string {
  return atob(text.replaceAll('-', '+').replaceAll('_', '/'));
}

/** Decodes text that `isCanonicalBase64url` has approved. */
export function decodeBase64url(text: string): Uint8Array<ArrayBuffer> {
  return binaryToBytes(decodeToBinary(text));
}

/** A plain loop: `Uint8Array.from` with a mapping function takes ten times as long. */
export function binaryToBytes(binary: string): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(binary.length);
  for (let index = 0; index < binary.length; index++) bytes[index] = binary.charCodeAt(index);
  return bytes;
}

/** Base64url of the SHA-256 of a text's UTF-8 bytes: 43 characters. */
export type Sha256 = (text: string) => string | Promise<string>;

/** With WebCrypto. */
export const webSha256: Sha256 = async (text) =>
  encodeBase64url(new Uint8Array(await crypto.subtle.digest('SHA-256', utf8(text))));

/** With Node's crypto, at once. */
export function nodeSha256(node: NodeCrypto): Sha256 {
  return (text) => node.hash('sha256', text, 'base64url');
}

// [R9449-11.8-01]
export const sha256: Sha256 = nodeCrypto === undefined ? webSha256 : nodeSha256(nodeCrypto);
