import { LRUCache } from 'lru-cache';
import { sha256 } from './digest.ts';
import type { Memory, ProofTime, Seconds } from './freshness.ts';
import { requireClock, requireCount, systemClock } from './options.ts';

/**
 * The memory of used proofs: the contract every store fulfils, and the store of one process.
 *
 * A store must keep two promises. A claim is atomic: of any number of claims of one key, at any moment and on any
 * node, one wins. And nothing leaves in silence: when an entry goes before its end, the floor of its axis rises to its
 * time, and when the memory as a whole may have lost entries, it takes a new id and birth.
 */

/** One use of one proof. */
export interface Claim {
  /** `replayKey` of the proof: 43 base64url characters, whatever the client wrote. */
  readonly key: string;
  /** The time of the proof: what the floor rises to if this entry has to leave. */
  readonly time: ProofTime;
  /** The entry is needed until this instant, inclusive (seconds since the epoch, by `Memory.now`). */
  readonly until: Seconds;
  /** The memory against which the proof was judged fresh. */
  readonly memory: Memory;
}

/**
 * `claimed`: this use is the first. `replayed`: the key is taken. `forgotten`: the floor has risen over the proof, or
 * the memory was replaced, since it was judged. Only `claimed` admits a request.
 */
export type ClaimOutcome = 'claimed' | 'replayed' | 'forgotten';

/** What a store must be able to do; both methods may answer at once or by promise. */
export interface ReplayStore {
  /** Tells the store the caller's clock and answers with the memory as it stands. Consumes nothing. */
  read(now: Seconds): Memory | Promise<Memory>;
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

/** Options of `createMemoryReplayStore`. */
export interface MemoryReplayStoreOptions {
  /**
   * How many uses are remembered at most. Size it above (requests per second x 70 s): an undersized memory stays safe
   * but asks more clients for nonces. Costs about 200 bytes each.
   */
  readonly capacity: number;
  /** Clock for the memory's birth, in seconds since the epoch; default: the system's. */
  readonly clock?: () => Seconds;
}

/**
 * The replay memory of one process, bounded by count.
 *
 * There is no time-out in it: entries leave only when newer ones need their place, and then the floor rises to
 * their time, which in normal traffic ended long ago. So no clock step can make it forget, and a flood shortens the
 * window instead of opening it. Does not protect several processes or nodes: those need one shared store.
 *
 * @throws TypeError when `capacity` is not a positive integer.
 */
export function createMemoryReplayStore(options: MemoryReplayStoreOptions): ReplayStore {
  const capacity = requireCount('capacity', options?.capacity);
  const clock = requireClock('clock', options.clock ?? systemClock);
  return new MemoryReplayStore(capacity, clock());
}

class MemoryReplayStore implements ReplayStore {
  readonly #id = crypto.randomUUID();
  readonly #birth: Seconds;
  readonly #floor = { iat: Number.NEGATIVE_INFINITY, nonce: Number.NEGATIVE_INFINITY };
  readonly #uses: LRUCache<string, number>;
  #now: Seconds;

  constructor(capacity: number, birth: Seconds) {
    this.#birth = birth;
    this.#now = birth;
    this.#uses = new LRUCache({ max: capacity, dispose: (entry) => this.#raiseFloor(fromEntry(entry)) });
  }

  read(now: Seconds): Memory {
    this.#now = Math.max(this.#now, now);
    return { id: this.#id, birth: this.#birth, now: this.#now, floor: { ...this.#floor } };
  }

  claim({ key, time, memory }: Claim): ClaimOutcome {
    if (this.#uses.has(key)) return 'replayed'; // has() leaves the entry in its place: a replay keeps nothing alive
    if (memory.id !== this.#id || !(time.at > this.#floor[time.axis])) return 'forgotten';
    this.#uses.set(key, toEntry(time));
    return 'claimed';
  }

  #raiseFloor({ axis, at }: ProofTime): void {
    this.#floor[axis] = Math.max(this.#floor[axis], at);
  }
}

/** One number per entry instead of an object: times are positive, so the sign has room for the axis. */
function toEntry({ axis, at }: ProofTime): number {
  return axis === 'nonce' ? at : -at;
}

function fromEntry(entry: number): ProofTime {
  return entry > 0 ? { axis: 'nonce', at: entry } : { axis: 'iat', at: -entry };
}
