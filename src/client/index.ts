/** The client side of holdfast: keys, proofs and a signing `fetch`. No dependency, any runtime with WebCrypto. */
export { DpopClientError, type DpopClientErrorCode } from './errors.ts';
export { createDpopFetch, type DpopFetchEvent, type DpopFetchOptions } from './fetch.ts';
export {
  type ClientAlgorithm,
  type DpopKey,
  type DpopKeyPair,
  type DpopSigner,
  type GenerateKeyPairOptions,
  generateKeyPair,
} from './keys.ts';
export { createProof, type ProofInput } from './proof.ts';
