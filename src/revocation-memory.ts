import { isTime, type Seconds } from './freshness.ts';
import { warnOfOtherProcesses } from './one-process.ts';
import {
  monotonicClock,
  refuseOption,
  requireClock,
  requireCount,
  requireOptions,
  requireTime,
  systemClock,
} from './options.ts';
import type { RevocationAnswer, RevocationEntry, RevocationQuery, RevocationStore } from './revocation.ts';
import { requireEntry } from './revocation-entry.ts';

/** The revocation memory of one process. */

/** Options of `createMemoryRevocationStore`. */
export interface MemoryRevocationStoreOptions {
  /**
   * How many entries are kept at most; about 200 bytes each. One revoked token, key, subject or grant is one entry, and
   * none has to leave for another: when there is no room, revoking fails.
   */
  readonly capacity: number;
  /**
   * Tokens issued before this moment are answered `forgotten`, since what was revoked before is not known; in seconds
   * since the epoch. Default: now. Pass 0 only where no token can be older than this memory, for example because its
   * issuer made its signing keys at this start.
   */
  readonly birth?: Seconds;
  /** Clock for the memory's birth, in seconds since the epoch: the same as the server's; default: the system's. */
  readonly clock?: () => Seconds;
  /** A clock that is never set, in seconds since any moment; default: `performance.now()`. */
  readonly monotonicClock?: () => Seconds;
}

/** What there is to watch. */
export interface RevocationGauges {
  /** Entries kept now, some of them past their end. Near the capacity: revoking is about to fail. */
  readonly size: number;
  readonly capacity: number;
}

/** The store of one process. */
export interface MemoryRevocationStore extends RevocationStore {
  /** @throws RangeError when there is no room; TypeError when the entry or the time is none. */
  add(entry: RevocationEntry, now: Seconds): void;
  /** @throws TypeError when the time is none. */
  look(query: RevocationQuery): RevocationAnswer;
  gauges(): RevocationGauges;
}

/**
 * The revocation memory of one process, bounded by count.
 *
 * An entry leaves only after its end, and raises the floor to it: whatever expires by then is answered `forgotten`, so
 * that no clock step brings a revoked token to life. When there is no room, `add` throws and drops nothing. Protects one
 * process and until it ends: several need one shared store, and in a worker of `node:cluster` or of a process manager
 * this one warns (`HOLDFAST_ONE_PROCESS`).
 *
 * @throws TypeError when `capacity` is not a positive integer, or another option makes no sense.
 */
export function createMemoryRevocationStore(options: MemoryRevocationStoreOptions): MemoryRevocationStore {
  requireOptions(options, ['capacity', 'birth', 'clock', 'monotonicClock']);
  const capacity = requireCount('capacity', options.capacity, maxCapacity);
  const birth = options.birth ?? requireClock('clock', options.clock ?? systemClock)();
  if (!isTime(birth)) refuseOption('birth', 'a moment in seconds since the epoch');
  const monotonic = requireClock('monotonicClock', options.monotonicClock ?? monotonicClock);
  warnOfOtherProcesses('revocation');
  return new BoundedRevocationStore(capacity, birth, monotonic);
}

/** Entries past their end that an `add` removes at most: two for the one that it adds, so none waits for long. */
const sweepPerAdd = 2;
/** A thousand times more than most ever revoke; more than this would take gigabytes. */
const maxCapacity = 10_000_000;

class BoundedRevocationStore implements MemoryRevocationStore {
  readonly #capacity: number;
  readonly #birth: Seconds;
  readonly #entries = new Entries();
  readonly #ends = new EndQueue();
  readonly #monotonic: () => Seconds;
  #floor = Number.NEGATIVE_INFINITY;
  /** Never falls. When the clock is behind it (set back, or once read ahead), it goes on by the monotonic clock. */
  #now: Seconds;
  #readAt: Seconds;

  constructor(capacity: number, birth: Seconds, monotonic: () => Seconds) {
    this.#capacity = capacity;
    this.#birth = birth;
    this.#now = birth;
    this.#monotonic = monotonic;
    this.#readAt = monotonic();
  }

  add(entry: RevocationEntry, now: Seconds): void {
    const { key, before, until } = requireEntry(entry);
    this.#tell(now);
    // By the caller's clock, not by the highest: after one that jumped ahead and came back, each entry would leave at
    // once, and each time all that expires by its end would be refused.
    for (let swept = 0; swept < sweepPerAdd && this.#ends.first < now; swept++) this.#dropFirst();
    const known = this.#entries.get(key);
    if (known === undefined) this.#keep({ key, before, until, place: 0 });
    else this.#merge(known, before, until);
  }

  look({ keys, issuedAt, expires, now }: RevocationQuery): RevocationAnswer {
    this.#tell(now);
    if (keys.some((key) => revokes(this.#entries.get(key), issuedAt))) return 'revoked';
    // Written so that a time that is not a number is never live.
    return issuedAt >= this.#birth && expires > this.#floor ? 'live' : 'forgotten';
  }

  gauges(): RevocationGauges {
    return { size: this.#entries.size, capacity: this.#capacity };
  }

  #tell(now: Seconds): void {
    requireTime(now);
    const elapsed = this.#monotonic() - this.#readAt;
    this.#now = Math.max(now, this.#now + (now < this.#now ? elapsed : 0));
    this.#readAt += elapsed;
  }

  #keep(entry: Kept): void {
    this.#makeRoom();
    this.#entries.add(entry);
    this.#ends.add(entry);
  }

  #merge(known: Kept, before: Seconds, until: Seconds): void {
    known.before = Math.max(known.before, before);
    if (until > known.until) this.#ends.postpone(known, until);
  }

  #makeRoom(): void {
    if (this.#entries.size < this.#capacity) return;
    if (!(this.#ends.first < this.#now)) throw new RangeError('holdfast: the revocation memory is full');
    this.#dropFirst();
  }

  /** Nothing leaves in silence. */
  #dropFirst(): void {
    const { key, until } = this.#ends.takeFirst();
    this.#entries.delete(key);
    this.#floor = Math.max(this.#floor, until);
  }
}

/** An entry, and where it stands in the queue of ends. */
interface Kept {
  readonly key: string;
  before: Seconds;
  until: Seconds;
  place: number;
}

/** Whatever its end: an entry that is there counts. */
function revokes(entry: Kept | undefined, issuedAt: Seconds): boolean {
  if (entry === undefined) return false;
  return entry.before === Number.POSITIVE_INFINITY || !(issuedAt >= entry.before);
}

/**
 * Entries by key, in a map for each first character of the hashes that keys are: a single one with a million keys
 * stands still for tens of milliseconds whenever its table is rebuilt.
 */
class Entries {
  readonly #maps = new Map<string, Map<string, Kept>>();
  size = 0;

  get(key: string): Kept | undefined {
    return this.#maps.get(key.slice(0, 1))?.get(key);
  }

  add(entry: Kept): void {
    const first = entry.key.slice(0, 1);
    const map = this.#maps.get(first);
    if (map === undefined) this.#maps.set(first, new Map([[entry.key, entry]]));
    else map.set(entry.key, entry);
    this.size += 1;
  }

  delete(key: string): void {
    this.#maps.get(key.slice(0, 1))?.delete(key);
    this.size -= 1;
  }
}

/** Entries in the order of their ends: a binary heap, in which each entry knows its place. */
class EndQueue {
  readonly #heap: Kept[] = [];

  /** The end of the entry that ends first; `Infinity` when none ends. */
  get first(): Seconds {
    return this.#heap[0]?.until ?? Number.POSITIVE_INFINITY;
  }

  add(entry: Kept): void {
    this.#rise(this.#heap.length, entry);
  }

  postpone(entry: Kept, until: Seconds): void {
    entry.until = until;
    this.#sink(entry.place, entry);
  }

  /** Asked only while there is a first. */
  takeFirst(): Kept {
    const first = this.#heap[0] as Kept;
    const last = this.#heap.pop() as Kept;
    if (last !== first) this.#sink(0, last);
    return first;
  }

  #rise(from: number, entry: Kept): void {
    let place = from;
    while (place > 0) {
      const parent = this.#heap[(place - 1) >> 1] as Kept;
      if (parent.until <= entry.until) break;
      this.#put(place, parent);
      place = (place - 1) >> 1;
    }
    this.#put(place, entry);
  }

  #sink(from: number, entry: Kept): void {
    let place = from;
    for (let child = this.#firstChild(place); child !== undefined; child = this.#firstChild(place)) {
      if (entry.until <= child.until) break;
      const next = child.place;
      this.#put(place, child);
      place = next;
    }
    this.#put(place, entry);
  }

  /** Of the two below a place, the one that ends first. */
  #firstChild(place: number): Kept | undefined {
    const [left, right] = [this.#heap[2 * place + 1], this.#heap[2 * place + 2]];
    return left !== undefined && right !== undefined && right.until < left.until ? right : left;
  }

  #put(place: number, entry: Kept): void {
    this.#heap[place] = entry;
    entry.place = place;
  }
}
