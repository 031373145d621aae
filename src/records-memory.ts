import type { Seconds } from './freshness.ts';
import type { JsonObject } from './jws.ts';
import { requireClock, requireCount, requireOptions, requireTime, systemClock } from './options.ts';
import type { RecordStore, StoredRecord } from './records.ts';

/** Options of `createMemoryRecordStore`. */
export interface MemoryRecordStoreOptions {
  /** How many records are kept at most. There is no eviction: beyond it nothing new is kept. */
  readonly capacity: number;
  /** Seconds since the epoch; default: the system's clock. */
  readonly clock?: () => Seconds;
}

/**
 * Records in the memory of one process, gone when it ends. Never drops one that is not over: a sign-in must not be lost
 * because strangers begin many. Whoever reads gets a copy.
 *
 * @throws TypeError when an option makes no sense.
 */
export function createMemoryRecordStore(options: MemoryRecordStoreOptions): RecordStore {
  requireOptions(options, ['capacity', 'clock']);
  return new MemoryRecordStore(
    requireCount('capacity', options.capacity, 10_000_000),
    requireClock('clock', options.clock ?? systemClock),
  );
}

/** How many records an insertion looks at, to remove those that are over: so none waits for long, and few for a sweep. */
const sweptPerInsert = 4;

class MemoryRecordStore implements RecordStore {
  readonly #capacity: number;
  readonly #clock: () => Seconds;
  readonly #records = new Map<string, StoredRecord>();
  #sweep = this.#records.entries();
  #changes = 0;
  /** The highest time so far. What was over by then may be gone; so all of it is, though the clock be set back. */
  #now: Seconds = 0;
  /** No record is over before. */
  #earliest: Seconds = Number.POSITIVE_INFINITY;

  constructor(capacity: number, clock: () => Seconds) {
    this.#capacity = capacity;
    this.#clock = clock;
  }

  insert(key: string, value: JsonObject, until: Seconds): boolean {
    this.#now = Math.max(this.#now, requireTime(this.#clock()));
    this.#drop(sweptPerInsert);
    if (this.#find(key) !== undefined) return false;
    if (this.#records.size >= this.#capacity && this.#earliest < this.#now) this.#dropAll();
    if (this.#records.size >= this.#capacity) throw new RangeError('holdfast: the record store is full');
    this.#put(key, value, until);
    return true;
  }

  read(key: string): StoredRecord | undefined {
    const stored = this.#find(key);
    return stored && Object.freeze({ ...stored, value: structuredClone(stored.value) });
  }

  replace(key: string, before: StoredRecord, value: JsonObject | undefined, until = before.until): boolean {
    if (this.#find(key)?.version !== before.version) return false;
    if (value === undefined) this.#records.delete(key);
    else this.#put(key, value, until);
    return true;
  }

  #find(key: string): StoredRecord | undefined {
    const stored = this.#records.get(key);
    return stored !== undefined && stored.until < this.#now ? undefined : stored;
  }

  /** A copy: what the caller does with its own object later must not change what was kept. */
  #put(key: string, value: JsonObject, until: Seconds): void {
    const record = { value: structuredClone(value), version: String(++this.#changes), until };
    this.#records.set(key, record);
    this.#earliest = Math.min(this.#earliest, until);
  }

  /** Goes on where it stopped last, round and round. */
  #drop(count: number): void {
    for (let looked = 0; looked < count; looked++) {
      const { done, value } = this.#sweep.next();
      if (done === true) {
        this.#sweep = this.#records.entries();
        continue;
      }
      const [key, { until }] = value;
      if (until < this.#now) this.#records.delete(key);
    }
  }

  #dropAll(): void {
    this.#earliest = Number.POSITIVE_INFINITY;
    for (const [key, { until }] of this.#records) {
      if (until < this.#now) this.#records.delete(key);
      else this.#earliest = Math.min(this.#earliest, until);
    }
  }
}
