/** The client side of holdfast: keys and where to keep them, proofs, and a signing `fetch`. No dependency, any runtime with WebCrypto. */
export { DpopClientError, type DpopClientErrorCode } from './errors.ts';
export { createDpopFetch, type DpopFetchEvent, type DpopFetchOptions } from './fetch.ts';
export { createIndexedDbKeyStore, type IndexedDbKeyStoreOptions } from './indexeddb-key-store.ts';
export {
  createMemoryKeyStore,
  formerKeyName,
  type KeptKeyPair,
  type KeyStore,
  loadOrCreateKeyPair,
  type RotatedKeyPair,
  rotateKeyPair,
} from './key-stores.ts';
export {
  type ClientAlgorithm,
  type DpopKey,
  type DpopKeyPair,
  type DpopSigner,
  type GenerateKeyPairOptions,
  generateKeyPair,
} from './keys.ts';
export { createProof, type ProofInput } from './proof.ts';
