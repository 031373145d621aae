import type { DpopErrorReason } from 'holdfast';
import type { CheckId } from '../model.ts';

/** The lab's short words for what the library refuses. Reasons that no theft leads to keep their own name. */
const words: Partial<Record<DpopErrorReason, CheckId>> = {
  'host-mismatch': 'host',
  'credentials-missing': 'no token',
  'bearer-scheme': 'scheme',
  'bound-token-as-bearer': 'scheme',
  'token-not-bound': 'scheme',
  'token-confirmation-unsupported': 'scheme',
  'token-malformed': 'sig',
  'token-type-mismatch': 'sig',
  'token-algorithm-not-allowed': 'alg',
  'token-key-unknown': 'kid',
  'token-signature-invalid': 'sig',
  'token-audience-mismatch': 'aud',
  'token-expired': 'exp',
  'token-not-yet-valid': 'exp',
  'token-claim-invalid': 'exp',
  'token-inactive': 'introspection',
  'token-revoked': 'deny',
  'token-revocation-unknown': 'deny',
  'token-lives-too-long': 'exp',
  'key-mismatch': 'jkt',
  'key-revoked': 'deny',
  'proof-missing': 'proof',
  'proof-malformed': 'proof',
  'alg-not-allowed': 'proof alg',
  'htm-mismatch': 'htm',
  'htu-malformed': 'htu',
  'htu-mismatch': 'htu',
  'ath-mismatch': 'ath',
  'signature-invalid': 'proof sig',
  'key-invalid': 'proof sig',
  replayed: 'jti',
  'proof-stale': 'iat',
  'proof-from-future': 'iat',
  'proof-forgotten': 'floor',
  'nonce-unknown': 'nonce',
  'nonce-required': 'nonce',
  'quota-exceeded': 'quota',
  'grant-key-mismatch': 'rt jkt',
  'grant-key-missing': 'rt jkt',
  'grant-unknown': 'hash',
  'grant-expired': 'rt exp',
  'grant-reused': 'rt revoked',
  'grant-ended': 'rt revoked',
  'code-verifier-mismatch': 'pkce',
  'scope-insufficient': 'right',
};

/** @param usesNonce whether the proof carried a nonce: then its age is that of the nonce. */
export function toCheck(reason: DpopErrorReason, usesNonce: boolean): CheckId {
  if (usesNonce && reason === 'proof-stale') return 'nonce';
  return words[reason] ?? reason;
}
