import type { Seconds } from './freshness.ts';
import type { JsonObject } from './jws.ts';

/**
 * What an authorization server remembers between requests (codes, refresh tokens, pushed requests): the contract of the
 * store that keeps it.
 *
 * Some records permit (a code), and some forbid (that of a grant tells that its code was used; a sign-out). So losing all
 * of them is safe, and losing one that was kept later than another is not: no store may evict, and one that forgets by
 * time forgets in the order of `until`. `insert` and `replace` are atomic steps, on every node.
 */

/** A record as it was read. */
export interface StoredRecord {
  readonly value: JsonObject;
  /** Changes with every change of the record. */
  readonly version: string;
  /** Seconds since the epoch; whoever reads a record decides whether it is over. */
  readonly until: Seconds;
}

/** What a store must be able to do; every method may answer at once or by promise. */
export interface RecordStore {
  /** Keeps a new record at least until `until`, or rejects: there is no room, or it cannot be kept. False: the key is taken. */
  insert(key: string, value: JsonObject, until: Seconds): boolean | Promise<boolean>;
  /** A copy: whoever changes it changes nothing that is kept. */
  read(key: string): StoredRecord | undefined | Promise<StoredRecord | undefined>;
  /**
   * Puts `value` in the place of the record, or removes it where that is `undefined`, if the record is still the one that
   * was read. False: somebody else was faster.
   */
  replace(
    key: string,
    before: StoredRecord,
    value: JsonObject | undefined,
    until?: Seconds,
  ): boolean | Promise<boolean>;
}
