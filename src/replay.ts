import { sha256 } from './digest.ts';
import type { Memory, ProofTime, Seconds } from './freshness.ts';

/**
 * The memory of used proofs: the contract that every store fulfils.
 *
 * A store must keep two promises. A claim is atomic: of any number of claims of one key, at any moment and on any
 * node, one wins. And nothing leaves in silence: when an entry goes before its end, the floor of its axis rises to its
 * time, and when the memory as a whole may have lost entries, it takes a new id and birth.
 */

/** One use of one proof. */
export interface Claim {
  /** Thumbprint of the key that signed: whose use it is. */
  readonly jkt: string;
  /** `replayKey` of the proof: 43 base64url characters, whatever the client wrote. */
  readonly key: string;
  /** The time of the proof: what the floor rises to if this entry has to leave. */
  readonly time: ProofTime;
  /**
   * The entry is needed until this instant, inclusive (seconds since the epoch, by `Memory.now`). A store that drops
   * entries then must answer `forgotten` to a claim that arrives later: the first use may be gone.
   */
  readonly until: Seconds;
  /** The memory against which the proof was judged fresh. */
  readonly memory: Memory;
}

/**
 * `claimed`: this use is the first. `replayed`: the key is taken. `forgotten`: the floor has risen over the proof, or
 * the memory was replaced, since it was judged. `crowded`: this client has used up its quota. Only `claimed` admits a
 * request.
 */
export type ClaimOutcome = 'claimed' | 'replayed' | 'forgotten' | 'crowded';

/** What a store must be able to do; both methods may answer at once or by promise. */
export interface ReplayStore {
  /**
   * Tells the store the caller's clock and answers with the memory as it stands. Consumes nothing.
   *
   * @param latest whatever is kept from an earlier answer will not do: another node may know a newer memory.
   */
  read(now: Seconds, latest?: boolean): Memory | Promise<Memory>;
  /** Records one use, if it is the first. */
  claim(claim: Claim): ClaimOutcome | Promise<ClaimOutcome>;
}

/**
 * Names a use: SHA-256 over the 43-character thumbprint and the `jti`.
 *
 * The thumbprint's fixed length keeps the two apart; another client's `jti` is another key. Never the text of the
 * proof: one proof has many spellings, its ECDSA signature two.
 */
export function replayKey(jkt: string, jti: string): string | Promise<string> {
  return sha256(jkt + jti);
}
