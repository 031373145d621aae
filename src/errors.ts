/**
 * The one error of this library and its closed lists of words.
 *
 * `code` is the registered OAuth word that goes on the wire; `reason` says precisely what was wrong and is
 * for logs, counters and tests only. Each reason belongs to exactly one code, so neither can drift from the other.
 */

/** Words that may appear on the wire: RFC 9449, RFC 6750 and RFC 6749 (for 503 too). */
export type DpopErrorCode =
  | 'invalid_request'
  | 'invalid_token'
  | 'insufficient_scope'
  | 'invalid_grant'
  | 'invalid_scope'
  | 'invalid_dpop_proof'
  | 'use_dpop_nonce'
  | 'temporarily_unavailable';

const codes = {
  // The request itself, before any credential is looked at. [R9449-7.1-07]
  'host-mismatch': 'invalid_request',
  'target-malformed': 'invalid_request',
  'method-override': 'invalid_request',
  'authorization-repeated': 'invalid_request',
  'authorization-malformed': 'invalid_request',
  'token-repeated': 'invalid_request',
  // Nothing was presented: a challenge without an error word (RFC 6750 section 3.1).
  'credentials-missing': undefined,
  // The access token. [R9068-4-05]
  'bearer-scheme': 'invalid_token',
  'token-too-large': 'invalid_token',
  'token-malformed': 'invalid_token',
  'token-type-mismatch': 'invalid_token',
  'token-algorithm-not-allowed': 'invalid_token',
  'token-key-unknown': 'invalid_token',
  'token-signature-invalid': 'invalid_token',
  'token-issuer-mismatch': 'invalid_token',
  'token-audience-mismatch': 'invalid_token',
  'token-claim-invalid': 'invalid_token',
  'token-expired': 'invalid_token',
  'token-not-yet-valid': 'invalid_token',
  'token-not-bound': 'invalid_token',
  'token-confirmation-unsupported': 'invalid_token',
  'bound-token-as-bearer': 'invalid_token',
  'token-inactive': 'invalid_token',
  'token-lives-too-long': 'invalid_token',
  'token-revoked': 'invalid_token',
  'token-revocation-unknown': 'invalid_token',
  'key-mismatch': 'invalid_token',
  'scope-insufficient': 'insufficient_scope',
  // The proof.
  'proof-missing': 'invalid_dpop_proof',
  'proof-repeated': 'invalid_dpop_proof',
  'proof-too-large': 'invalid_dpop_proof',
  'proof-malformed': 'invalid_dpop_proof',
  'typ-mismatch': 'invalid_dpop_proof',
  'alg-not-allowed': 'invalid_dpop_proof',
  'extension-refused': 'invalid_dpop_proof',
  'jwk-malformed': 'invalid_dpop_proof',
  'jwk-private': 'invalid_dpop_proof',
  'jwk-unfit': 'invalid_dpop_proof',
  'jwk-not-canonical': 'invalid_dpop_proof',
  'jwk-weak': 'invalid_dpop_proof',
  'jti-invalid': 'invalid_dpop_proof',
  'htm-mismatch': 'invalid_dpop_proof',
  'htu-malformed': 'invalid_dpop_proof',
  'htu-mismatch': 'invalid_dpop_proof',
  'iat-invalid': 'invalid_dpop_proof',
  'proof-expired': 'invalid_dpop_proof',
  'proof-not-yet-valid': 'invalid_dpop_proof',
  'ath-mismatch': 'invalid_dpop_proof',
  'nonce-invalid': 'invalid_dpop_proof',
  'key-invalid': 'invalid_dpop_proof',
  'signature-invalid': 'invalid_dpop_proof',
  'key-revoked': 'invalid_dpop_proof',
  replayed: 'invalid_dpop_proof',
  // Time: answered with a fresh nonce, so that an honest client is through after one retry.
  'nonce-unknown': 'use_dpop_nonce',
  'nonce-required': 'use_dpop_nonce',
  'proof-stale': 'use_dpop_nonce',
  'proof-from-future': 'use_dpop_nonce',
  'proof-forgotten': 'use_dpop_nonce',
  // What an authorization server was asked to bind or to redeem.
  'dpop-jkt-malformed': 'invalid_request',
  'dpop-jkt-mismatch': 'invalid_request',
  'grant-unknown': 'invalid_grant',
  'grant-expired': 'invalid_grant',
  'grant-of-another-client': 'invalid_grant',
  'grant-reused': 'invalid_grant',
  'grant-ended': 'invalid_grant',
  'grant-key-mismatch': 'invalid_grant',
  'grant-key-missing': 'invalid_grant',
  'redirect-uri-mismatch': 'invalid_grant',
  'code-verifier-mismatch': 'invalid_grant',
  'scope-exceeded': 'invalid_scope',
  // Too many uses by one key: 429.
  'quota-exceeded': 'temporarily_unavailable',
  // Not the client's fault: 503.
  'issuer-unavailable': 'temporarily_unavailable',
  'replay-store-unavailable': 'temporarily_unavailable',
  'revocation-store-unavailable': 'temporarily_unavailable',
  'record-store-unavailable': 'temporarily_unavailable',
  unexpected: 'temporarily_unavailable',
} as const;

/** Why a request was refused: a closed list, for logs, counters and tests; never sent to the caller. */
export type DpopErrorReason = keyof typeof codes;

/** Every reason there is, for exhaustive tables and counters. */
export const dpopErrorReasons: readonly DpopErrorReason[] = Object.freeze(
  Object.keys(codes) as DpopErrorReason[],
);

/** What may accompany a refusal. */
export interface DpopErrorDetails {
  /** The error underneath, for the operator's log; never sent to the caller. */
  readonly cause?: unknown;
  /** Thumbprint of the proof's key, where it was known (43 characters). */
  readonly jkt?: string | undefined;
  /** Fresh nonce to hand to the caller with this refusal (RFC 9449 section 8). */
  readonly nonce?: string | undefined;
  /** Scopes that would have been needed, for `scope-insufficient`. */
  readonly scopes?: readonly string[];
}

/**
 * A refused request. Decide by `code` (for the wire) or `reason` (for operators), never by `message`.
 *
 * Holds no token, no proof and no expected value: it is safe to log.
 */
export class DpopError extends Error {
  override readonly name: string = 'DpopError';
  readonly reason: DpopErrorReason;
  /** The OAuth error word; `undefined` when the request carried no credentials at all (RFC 6750 section 3.1). */
  readonly code: DpopErrorCode | undefined;
  readonly jkt: string | undefined;
  readonly nonce: string | undefined;
  readonly scopes: readonly string[];

  constructor(reason: DpopErrorReason, details: DpopErrorDetails = {}) {
    super(reason, details.cause === undefined ? undefined : { cause: details.cause });
    this.reason = reason;
    this.code = codes[reason];
    this.jkt = details.jkt;
    this.nonce = details.nonce;
    this.scopes = details.scopes ?? [];
  }
}
