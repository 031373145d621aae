import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Claim, ClaimOutcome, Memory, ReplayStore, Seconds } from 'holdfast';

/**
 * A replay memory that keeps every promise of `ReplayStore`, as plainly as it can be done, and breaks those that a
 * profile names. With no fault it decides as the library's own memory does.
 */

export type MemoryFault =
  /** Its time follows the clock, back as well. */
  | 'time falls'
  /** What leaves for want of room leaves without a word: no floor rises. */
  | 'evicts in silence'
  /** After a restart it passes for the memory that it was before. */
  | 'restarts in silence'
  /** It takes a use whose first entry may be gone already. */
  | 'admits the late'
  /** It keeps an entry for the window after its arrival, not for as long as the proof lives. */
  | 'counts from arrival'
  /** It looks, and stores a moment later. */
  | 'looks before it stores';

export interface LabMemoryOptions {
  readonly faults?: readonly MemoryFault[];
  /** `evict`: the entry that ends first leaves. `refuse`: newcomers are turned away. */
  readonly whenFull?: 'evict' | 'refuse';
  readonly capacity?: number;
}

/** Makes memories that were born at the time that the clock tells, as `DpopSettings.createStore` asks for. */
export function labMemory(options: LabMemoryOptions = {}): (clock: () => Seconds) => ReplayStore {
  return (clock) => new LabMemory(options, clock());
}

interface Entry {
  readonly time: Claim['time'];
  readonly until: Seconds;
}

/** How long a look at a database takes: long enough for others to look meanwhile. */
const roundTrip = 25; // milliseconds
/** The name and the beginning of a memory that tells neither. */
const nameless = { id: 'the memory', birth: Number.NEGATIVE_INFINITY } as const;

class LabMemory implements ReplayStore {
  readonly #faults: ReadonlySet<MemoryFault>;
  readonly #whenFull: 'evict' | 'refuse';
  readonly #capacity: number;
  readonly #identity: Pick<Memory, 'id' | 'birth'>;
  readonly #entries = new Map<string, Entry>();
  readonly #floor = { iat: Number.NEGATIVE_INFINITY, nonce: Number.NEGATIVE_INFINITY };
  #now: Seconds;

  constructor({ faults = [], whenFull = 'evict', capacity = 200 }: LabMemoryOptions, birth: Seconds) {
    this.#faults = new Set(faults);
    this.#whenFull = whenFull;
    this.#capacity = capacity;
    this.#identity = this.#faults.has('restarts in silence') ? nameless : { id: randomUUID(), birth };
    this.#now = birth;
  }

  read(now: Seconds): Memory {
    this.#now = this.#faults.has('time falls') ? now : Math.max(now, this.#now);
    return { ...this.#identity, now: this.#now, floor: { ...this.#floor } };
  }

  claim(claim: Claim): ClaimOutcome | Promise<ClaimOutcome> {
    this.#dropEnded();
    const refusal = this.#refusalOf(claim);
    if (refusal !== undefined) return refusal;
    return this.#faults.has('looks before it stores') ? this.#storeLater(claim) : this.#store(claim);
  }

  #refusalOf({ key, time, until, memory }: Claim): ClaimOutcome | undefined {
    if (this.#entries.has(key)) return 'replayed';
    if (memory.id !== this.#identity.id || time.at <= this.#floor[time.axis]) return 'forgotten';
    if (until < this.#now && !this.#faults.has('admits the late')) return 'forgotten';
    return this.#isFull() && this.#whenFull === 'refuse' ? 'crowded' : undefined;
  }

  async #storeLater(claim: Claim): Promise<ClaimOutcome> {
    await sleep(roundTrip);
    return this.#store(claim);
  }

  #store({ key, time, until }: Claim): ClaimOutcome {
    if (this.#isFull()) this.#evictFirst();
    const kept = this.#faults.has('counts from arrival') ? this.#now + (until - time.at) : until;
    this.#entries.set(key, { time, until: kept });
    return 'claimed';
  }

  #isFull(): boolean {
    return this.#entries.size >= this.#capacity;
  }

  #dropEnded(): void {
    for (const [key, { until }] of this.#entries) if (until < this.#now) this.#entries.delete(key);
  }

  #evictFirst(): void {
    const [first] = [...this.#entries].sort(([, one], [, other]) => one.until - other.until);
    if (first === undefined) return;
    const [key, { time }] = first;
    this.#entries.delete(key);
    if (this.#faults.has('evicts in silence')) return;
    this.#floor[time.axis] = Math.max(this.#floor[time.axis], time.at);
  }
}
