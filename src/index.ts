/** holdfast: bound access tokens, proofs used once. The server core; see `holdfast/koa` and `holdfast/client`. */
export type { NoncePolicy, ProofServerOptions } from './admission.ts';
export {
  type BindingRule,
  createTokenBinder,
  type ExchangeOptions,
  exchangeRule,
  type TokenBinder,
  type TokenBinderOptions,
  type TokenBinding,
} from './authorization-server.ts';
export type { HttpAnswer } from './challenge.ts';
export {
  createDecisionCounts,
  type Decision,
  type DecisionCount,
  type DecisionCounts,
  type DecisionCountsOptions,
} from './decisions.ts';
export { DpopError, type DpopErrorCode, type DpopErrorReason, dpopErrorReasons } from './errors.ts';
export type { Memory, ProofTime, Seconds } from './freshness.ts';
export type { GrantRequest } from './grant-records.ts';
export {
  type CodeRequest,
  createGrants,
  type Grants,
  type GrantsOptions,
  type OpenGrant,
  type RedeemedGrant,
  type RefreshRequest,
  type RefreshTokenState,
} from './grants.ts';
export { normalizeHtu } from './htu.ts';
export type { IntrospectionOptions } from './introspection.ts';
export type { JwksSource } from './issuer-keys.ts';
export type { Discovery } from './issuer-metadata.ts';
export type { SignatureAlgorithm } from './jwk.ts';
export type { JsonObject } from './jws.ts';
export { createNonces, type Nonces, type NoncesOptions } from './nonce.ts';
export {
  type CheckVerdict,
  explainProof,
  type ProofRequest,
  type VerifiedProof,
  type VerifyProofOptions,
  verifyProof,
} from './proof.ts';
export type { RecordStore, StoredRecord } from './records.ts';
export { createMemoryRecordStore, type MemoryRecordStoreOptions } from './records-memory.ts';
export { type Claim, type ClaimOutcome, type ReplayStore, replayKey } from './replay.ts';
export {
  createMemoryReplayStore,
  type MemoryReplayStore,
  type MemoryReplayStoreOptions,
  type ReplayGauges,
} from './replay-memory.ts';
export {
  type Authorization,
  type BindingMode,
  type BoundAuthorization,
  createResourceServer,
  type ResourceServer,
  type ResourceServerOptions,
  type RouteOptions,
  type UnboundAuthorization,
} from './resource-server.ts';
export {
  createRevocations,
  type RevocableToken,
  type Revocation,
  type RevocationAnswer,
  type RevocationEntry,
  type RevocationQuery,
  type RevocationStore,
  type Revocations,
  type RevocationsOptions,
} from './revocation.ts';
export {
  createMemoryRevocationStore,
  type MemoryRevocationStore,
  type MemoryRevocationStoreOptions,
  type RevocationGauges,
} from './revocation-memory.ts';
export { createSymmetricKey, type SymmetricKey } from './symmetric-key.ts';
export type { PublicAddress, RawRequest } from './target-uri.ts';
export { jwkThumbprint, type PublicJwk } from './thumbprint.ts';
export type { AccessTokenClaims } from './token-claims.ts';
export {
  createSigningKey,
  createTokenIssuer,
  type IssuedToken,
  type SigningAlgorithm,
  type SigningKey,
  type TokenIssuer,
  type TokenIssuerOptions,
  type TokenRequest,
} from './token-issuer.ts';
export type { TrustedIssuer } from './trusted-issuers.ts';
