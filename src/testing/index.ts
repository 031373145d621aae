/** For tests of what uses holdfast: contracts for replay and revocation stores, a clock, fixed keys, and proofs valid and defective. */
export { createTestClock, type TestClock } from './clock.ts';
export {
  createTestIssuer,
  importTestKeyPair,
  publiclyKnownTestKeys,
  type TestIssuer,
  type TestIssuerOptions,
} from './keys.ts';
export { createDefectiveProof, type ProofDefect, type ProofDefectName, proofDefects } from './proofs.ts';
export { type ContractCase, replayStoreContract } from './replay-contract.ts';
export type { ReplayStoreSubject } from './replay-trial.ts';
export { type RevocationStoreMaker, revocationStoreContract } from './revocation-contract.ts';
