/** What can be wrong before a request is sent, or with an answer. */
export type DpopClientErrorCode =
  | 'webcrypto-unavailable'
  | 'unsupported-algorithm'
  | 'invalid-key'
  | 'invalid-url'
  | 'insecure-url'
  | 'invalid-method'
  | 'invalid-token'
  | 'invalid-nonce'
  | 'origin-not-allowed'
  | 'body-not-resendable'
  | 'storage-unavailable'
  | 'storage-newer'
  | 'insecure-file'
  | 'key-corrupt'
  | 'server-unavailable'
  | 'unexpected-answer'
  | 'client-not-authenticated'
  | 'token-refused'
  | 'token-not-bound'
  | 'invalid-callback'
  | 'sign-in-refused'
  | 'sign-in-required';

/** An error of the client side. Decide by `code`; the message is for people and holds no token, key or proof. */
export class DpopClientError extends Error {
  override readonly name: string = 'DpopClientError';
  readonly code: DpopClientErrorCode;

  constructor(code: DpopClientErrorCode, message: string, cause?: unknown) {
    super(`holdfast: ${message}`, cause === undefined ? undefined : { cause });
    this.code = code;
  }
}

/** Pages have WebCrypto over https and on loopback only; without it nothing here works, and it should say so. */
export function requireWebCrypto(): void {
  if (globalThis.crypto?.subtle !== undefined) return;
  throw new DpopClientError(
    'webcrypto-unavailable',
    'there is no WebCrypto here: pages need https, or loopback',
  );
}
