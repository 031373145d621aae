import { inTime } from './circuit-breaker.ts';
import { DpopError } from './errors.ts';
import { isTime, type Seconds } from './freshness.ts';
import { isObject, type JsonObject } from './jws.ts';
import type { RecordStore, StoredRecord } from './records.ts';

const maxAttempts = 10;

/** A store that answers within a second, and as agreed; whatever else it does is not the client's fault. */
export class SoundRecords {
  readonly #store: RecordStore;

  constructor(store: RecordStore) {
    this.#store = store;
  }

  read(key: string): Promise<StoredRecord | undefined> {
    return ask(() => this.#store.read(key), isRecordOrNone);
  }

  insert(key: string, value: object, until: Seconds): Promise<boolean> {
    return ask(() => this.#store.insert(key, { ...value }, until), isBoolean);
  }

  replace(key: string, before: StoredRecord, value: object, until: Seconds = before.until): Promise<boolean> {
    return ask(() => this.#store.replace(key, before, { ...value }, until), isBoolean);
  }

  /**
   * Changes a record, whoever else changes it at the same time. False: there is none.
   *
   * @param change returns the very value that it was given, to leave it as it is.
   * @param until keeps the record at least until then; default: as long as it is kept anyway.
   */
  async change(key: string, change: (value: JsonObject) => JsonObject, until: Seconds = 0): Promise<boolean> {
    for (let attempt = 0; attempt < maxAttempts; attempt++) {
      const stored = await this.read(key);
      if (stored === undefined) return false;
      const value = change(stored.value);
      if (value === stored.value) return true;
      if (await this.replace(key, stored, value, Math.max(stored.until, until))) return true;
    }
    throw new DpopError('record-store-unavailable');
  }
}

async function ask<T>(question: () => T | Promise<T>, isAnswer: (answer: unknown) => boolean): Promise<T> {
  try {
    const answer = await inTime(question());
    if (isAnswer(answer)) return answer;
  } catch (cause) {
    throw new DpopError('record-store-unavailable', { cause });
  }
  const cause = new TypeError('holdfast: the record store answered something unforeseen');
  throw new DpopError('record-store-unavailable', { cause });
}

/** Anything else could pass for a yes. */
function isBoolean(answer: unknown): boolean {
  return typeof answer === 'boolean';
}

function isRecordOrNone(answer: unknown): boolean {
  if (answer === undefined) return true;
  const { value, version, until } = isObject(answer) ? answer : {};
  return isObject(value) && typeof version === 'string' && isTime(until);
}
