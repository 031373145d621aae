import { LRUCache } from 'lru-cache';
import type { Memory, ProofTime, Seconds } from './freshness.ts';
import { warnOfOtherProcesses } from './one-process.ts';
import {
  monotonicClock,
  requireClock,
  requireCount,
  requireOptions,
  requireTime,
  systemClock,
} from './options.ts';
import type { Claim, ClaimOutcome, ReplayStore } from './replay.ts';

/** The replay memory of one process. */

/** Options of `createMemoryReplayStore`. */
export interface MemoryReplayStoreOptions {
  /**
   * How many uses are remembered at most. Size it above (requests per second x 70 s): an undersized memory stays safe
   * but asks more clients for nonces. Costs under 200 bytes each.
   */
  readonly capacity: number;
  /**
   * How many uses one key may have in a minute, so that a single client cannot shorten the window of all others; the
   * next ones are answered with 429. Default: as many as there is room for.
   */
  readonly quotaPerKey?: number;
  /** Clock for the memory's birth, in seconds since the epoch: the same as the server's; default: the system's. */
  readonly clock?: () => Seconds;
  /** A clock that is never set, in seconds since any moment; default: `performance.now()`. */
  readonly monotonicClock?: () => Seconds;
}

/** What there is to watch. */
export interface ReplayGauges {
  /** Uses remembered now. */
  readonly size: number;
  readonly capacity: number;
  /** Uses that had to leave before their end, since the start. Above zero: the capacity is too small. */
  readonly evictions: number;
  /** Seconds from the highest floor to now: proofs older than that are challenged. `Infinity` while nothing has left. */
  readonly floorAge: Seconds;
}

/** The store of one process. */
export interface MemoryReplayStore extends ReplayStore {
  read(now: Seconds): Memory;
  claim(claim: Claim): ClaimOutcome;
  gauges(): ReplayGauges;
}

/**
 * The replay memory of one process, bounded by count.
 *
 * Entries leave when their end is past, or when newer ones need their place, those past their end first. Whenever one
 * leaves, the floor rises to its time; in normal traffic that was long ago. So no clock step can open the window, and
 * a flood shortens it. Protects one process: several need one shared store, and in a worker of `node:cluster` or of a
 * process manager this one warns (`HOLDFAST_ONE_PROCESS`).
 *
 * @throws TypeError when `capacity` is not a positive integer, or another option makes no sense.
 */
export function createMemoryReplayStore(options: MemoryReplayStoreOptions): MemoryReplayStore {
  requireOptions(options, ['capacity', 'quotaPerKey', 'clock', 'monotonicClock']);
  const { quotaPerKey, clock = systemClock } = options;
  const capacity = requireCount('capacity', options.capacity, maxCapacity);
  const quota = quotaPerKey === undefined ? undefined : requireCount('quotaPerKey', quotaPerKey);
  const monotonic = requireClock('monotonicClock', options.monotonicClock ?? monotonicClock);
  warnOfOtherProcesses('replay');
  return new BoundedReplayStore(capacity, quota, requireClock('clock', clock)(), monotonic);
}

/** Said outright: lru-cache would read a `ttl` from a polluted `Object.prototype`, and forget in silence. */
const noTimeout = { ttl: 0 } as const;

/** How many entries past their end a claim removes at most: two for the one that it adds, so none waits for long. */
const sweepPerClaim = 2;
const quotaWindow: Seconds = 60;
/** Room is made in advance: more than this would take gigabytes at the start. */
const maxCapacity = 10_000_000;

class BoundedReplayStore implements MemoryReplayStore {
  readonly #id = crypto.randomUUID();
  readonly #birth: Seconds;
  readonly #capacity: number;
  readonly #floor = { iat: Number.NEGATIVE_INFINITY, nonce: Number.NEGATIVE_INFINITY };
  readonly #uses: Uses;
  readonly #ends = new EndQueue();
  readonly #quota: Quota | undefined;
  readonly #monotonic: () => Seconds;
  /** Never falls. When the clock is behind it (set back, or once read ahead), it goes on by the monotonic clock. */
  #now: Seconds;
  #readAt: Seconds;
  #evictions = 0;

  constructor(capacity: number, quota: number | undefined, birth: Seconds, monotonic: () => Seconds) {
    this.#birth = birth;
    this.#capacity = capacity;
    this.#now = birth;
    this.#monotonic = monotonic;
    this.#readAt = monotonic();
    this.#quota = quota === undefined ? undefined : new Quota(quota, capacity);
    this.#uses = new Uses(capacity, (entry) => this.#raiseFloor(fromEntry(entry)));
  }

  read(now: Seconds): Memory {
    requireTime(now);
    const elapsed = this.#monotonic() - this.#readAt;
    this.#now = Math.max(now, this.#now + (now < this.#now ? elapsed : 0));
    this.#readAt += elapsed;
    return { id: this.#id, birth: this.#birth, now: this.#now, floor: { ...this.#floor } };
  }

  claim({ key, jkt, time, until, memory }: Claim): ClaimOutcome {
    if (this.#uses.has(key)) return 'replayed';
    if (memory.id !== this.#id || !(time.at > this.#floor[time.axis])) return 'forgotten';
    if (this.#quota?.grants(jkt, this.#now) === false) return 'crowded';
    this.#makeRoom();
    this.#uses.set(key, toEntry(time));
    this.#ends.add(key, until);
    return 'claimed';
  }

  gauges(): ReplayGauges {
    const floorAge = this.#now - Math.max(this.#floor.iat, this.#floor.nonce);
    return {
      size: this.#uses.size,
      capacity: this.#capacity,
      evictions: this.#evictions + this.#uses.overflows,
      floorAge,
    };
  }

  /** Whoever ends first leaves first. The caches' own order decides only should one of them overflow. */
  #makeRoom(): void {
    for (let swept = 0; swept < sweepPerClaim && this.#ends.first < this.#now; swept++) this.#dropFirst();
    if (this.#uses.size < this.#capacity) return;
    this.#dropFirst();
    this.#evictions += 1;
  }

  #dropFirst(): void {
    this.#uses.delete(this.#ends.takeFirst());
  }

  #raiseFloor({ axis, at }: ProofTime): void {
    this.#floor[axis] = Math.max(this.#floor[axis], at);
  }
}

/** Keys of one cache at the most: one with a million stands still for tens of milliseconds whenever its table is rebuilt. */
const cacheCapacity = 8192;
/** Room for chance: keys are hashes, so a cache holds its share give or take a few hundred. */
const spare = 1.25;

/** Uses by key, in as many caches as it takes. Should one overflow all the same, what it drops raises the floor too. */
class Uses {
  readonly #caches: readonly LRUCache<string, number>[];
  size = 0;

  /** How many left because a cache was full. */
  overflows = 0;

  constructor(capacity: number, left: (entry: number) => void) {
    const count = Math.ceil(capacity / cacheCapacity);
    const max = count === 1 ? capacity : cacheCapacity * spare;
    const dispose = (entry: number, _key: string, reason: LRUCache.DisposeReason): void => {
      this.size -= 1;
      if (reason === 'evict') this.overflows += 1;
      left(entry);
    };
    this.#caches = Array.from({ length: count }, () => new LRUCache({ ...noTimeout, max, dispose }));
  }

  has(key: string): boolean {
    return this.#cacheOf(key).has(key);
  }

  set(key: string, entry: number): void {
    this.#cacheOf(key).set(key, entry, noTimeout);
    this.size += 1;
  }

  delete(key: string): void {
    this.#cacheOf(key).delete(key);
  }

  /** By FNV-1a over the first characters of the key, which is a hash itself: that spreads keys evenly over any count. */
  #cacheOf(key: string): LRUCache<string, number> {
    let number = 0x811c9dc5;
    for (let index = 0; index < 8; index++) {
      number = Math.imul(number ^ key.charCodeAt(index), 0x01000193) >>> 0;
    }
    return this.#caches[number % this.#caches.length] as LRUCache<string, number>;
  }
}

/** Keys in the order of their ends, by whole seconds. */
class EndQueue {
  readonly #seconds = new Map<Seconds, string[]>();
  /** The second in which the first key ends; `Infinity` when there is none. */
  first: Seconds = Number.POSITIVE_INFINITY;

  add(key: string, until: Seconds): void {
    const second = Math.ceil(until);
    const keys = this.#seconds.get(second);
    if (keys === undefined) this.#seconds.set(second, [key]);
    else keys.push(key);
    this.first = Math.min(this.first, second);
  }

  takeFirst(): string {
    const keys = this.#seconds.get(this.first) as string[]; // asked only while there is a first
    const key = keys.pop() as string;
    if (keys.length === 0) {
      this.#seconds.delete(this.first);
      this.first = Math.min(...this.#seconds.keys()); // as many as a proof can live seconds: a few hundred at most
    }
    return key;
  }
}

/** How many uses each key had in its current minute. */
class Quota {
  readonly #perKey: number;
  readonly #minutes: LRUCache<string, { readonly since: Seconds; uses: number }>;

  constructor(perKey: number, maxKeys: number) {
    this.#perKey = perKey;
    this.#minutes = new LRUCache({ ...noTimeout, max: maxKeys });
  }

  /** Counts a use, if there is one left. */
  grants(jkt: string, now: Seconds): boolean {
    const minute = this.#minutes.get(jkt);
    if (minute === undefined || now >= minute.since + quotaWindow) {
      this.#minutes.set(jkt, { since: now, uses: 1 }, noTimeout);
      return true;
    }
    minute.uses += 1;
    return minute.uses <= this.#perKey;
  }
}

/** One number per entry instead of an object: times are positive, so the sign has room for the axis. */
function toEntry({ axis, at }: ProofTime): number {
  return axis === 'nonce' ? at : -at;
}

function fromEntry(entry: number): ProofTime {
  return entry > 0 ? { axis: 'nonce', at: entry } : { axis: 'iat', at: -entry };
}
