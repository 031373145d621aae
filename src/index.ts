/** holdfast: bound access tokens, proofs used once. The server core; see `holdfast/koa` and `holdfast/client`. */
export type { AccessTokenClaims, JwksSource } from './access-token.ts';
export type { NoncePolicy, ProofServerOptions } from './admission.ts';
export {
  createTokenBinder,
  type TokenBinder,
  type TokenBinderOptions,
  type TokenBinding,
} from './authorization-server.ts';
export type { HttpAnswer } from './challenge.ts';
export { DpopError, type DpopErrorCode, type DpopErrorReason, dpopErrorReasons } from './errors.ts';
export type { Memory, ProofTime, Seconds } from './freshness.ts';
export { normalizeHtu } from './htu.ts';
export type { SignatureAlgorithm } from './jwk.ts';
export { createNonces, type Nonces, type NoncesOptions } from './nonce.ts';
export {
  type CheckVerdict,
  explainProof,
  type ProofRequest,
  type VerifiedProof,
  type VerifyProofOptions,
  verifyProof,
} from './proof.ts';
export { type Claim, type ClaimOutcome, type ReplayStore, replayKey } from './replay.ts';
export {
  createMemoryReplayStore,
  type MemoryReplayStore,
  type MemoryReplayStoreOptions,
  type ReplayGauges,
} from './replay-memory.ts';
export {
  type Authorization,
  createResourceServer,
  type Decision,
  type ResourceServer,
  type ResourceServerOptions,
  type RouteOptions,
} from './resource-server.ts';
export type { PublicAddress, RawRequest } from './target-uri.ts';
export { jwkThumbprint, type PublicJwk } from './thumbprint.ts';
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
