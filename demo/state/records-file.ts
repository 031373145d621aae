import { randomUUID } from 'node:crypto';
import { chmodSync, closeSync, openSync, realpathSync, rmdirSync, statSync } from 'node:fs';
import type { JsonObject, RecordStore, StoredRecord } from 'holdfast';
import sqlite, { type Database, type Statement } from 'node-sqlite3-wasm';
import { ConfigError } from '../config.ts';
import { claimFile } from './file-claim.ts';
import type { DemoRecords } from './records.ts';

/**
 * Records in a SQLite file, for one process. A change is on the disk when it is made, which takes about a millisecond, in
 * which nothing else happens: enough for a demo.
 */

/** @throws ConfigError of one sentence when the file cannot be used. */
export function openFileRecords(path: string): DemoRecords {
  let release: (() => void) | undefined;
  try {
    const file = createFile(path);
    release = claimFile(file);
    const store = new FileRecordStore(openDatabase(file));
    const end = release;
    return {
      store,
      close: () => {
        store.close();
        end();
      },
    };
  } catch (error) {
    release?.();
    throw new ConfigError(`STATE_FILE (${path}) cannot be used: ${explain(error as NodeJS.ErrnoException)}.`);
  }
}

/** The file holds private keys, so it is its owner's alone. One that was there before stays as it is until it is known. */
function createFile(path: string): string {
  const there = statSync(path, { throwIfNoEntry: false });
  if (there !== undefined && !there.isFile() && !there.isDirectory()) throw new Error('it is no file');
  closeSync(openSync(path, 'a', 0o600));
  return realpathSync(path);
}

const explanations: Readonly<Record<string, string>> = {
  ENOENT: 'its folder does not exist',
  ENOTDIR: 'its folder does not exist',
  EISDIR: 'it is a folder',
  EACCES: 'this user may not write it',
  EPERM: 'this user may not write it',
  EROFS: 'it cannot be written',
};

function explain({ code = '', message }: NodeJS.ErrnoException): string {
  return explanations[code] ?? message.replace(/\.$/, '');
}

/** Marks a file as one of ours, so that nobody else's data is written to. */
const applicationId = 0x68_6f_6c_64;

const schema = `
PRAGMA application_id = ${applicationId};
CREATE TABLE IF NOT EXISTS records (
  key TEXT PRIMARY KEY, value TEXT NOT NULL, version TEXT NOT NULL, until REAL NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS records_until ON records (until);`;

/** 256 MB of pages: then nothing new is kept, and the disk has room for others. */
const maxPages = 65_536;

function openDatabase(file: string): Database {
  removeLock(`${file}.lock`);
  const database = new sqlite.Database(file);
  try {
    // Held for good: then the log needs no shared memory, which this build lacks. With a rollback journal instead, a
    // process that is killed in a change would leave half of it: this build takes its own lock for somebody else's.
    database.exec('PRAGMA locking_mode = EXCLUSIVE');
    requireOurs(database);
    chmodSync(file, 0o600);
    requireValue(database, 'PRAGMA journal_mode = WAL', 'wal', 'the write-ahead log cannot be used');
    database.exec(`PRAGMA synchronous = FULL; PRAGMA max_page_count = ${maxPages}`);
    database.exec(schema);
    requireValue(database, 'PRAGMA quick_check(1)', 'ok', 'it is damaged');
    chmodSync(`${file}-wal`, 0o600);
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

/** A killed process leaves the driver's lock behind: an empty folder. Anything else of that name is somebody else's. */
function removeLock(lock: string): void {
  if (statSync(lock, { throwIfNoEntry: false })?.isDirectory()) rmdirSync(lock);
}

function requireOurs(database: Database): void {
  const { objects } = database.get('SELECT count(*) AS objects FROM sqlite_schema') as { objects: number };
  if (objects > 0)
    requireValue(database, 'PRAGMA application_id', applicationId, 'it belongs to another program');
}

function requireValue(database: Database, sql: string, expected: string | number, complaint: string): void {
  const [value] = Object.values(database.get(sql) ?? {});
  if (value !== expected) throw new Error(complaint);
}

/** How many records that are over an insertion removes, so that none waits for long, and nobody for a sweep. */
const removedPerInsert = 8;

class FileRecordStore implements RecordStore {
  readonly #database: Database;
  readonly #statements: Statement[] = [];
  readonly #insert: Statement;
  readonly #read: Statement;
  readonly #replace: Statement;
  readonly #remove: Statement;
  readonly #sweep: Statement;

  constructor(database: Database) {
    this.#database = database;
    this.#insert = this.#prepare('INSERT INTO records VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING');
    this.#read = this.#prepare('SELECT value, version, until FROM records WHERE key = ?');
    this.#replace = this.#prepare(
      'UPDATE records SET value = ?, version = ?, until = ? WHERE key = ? AND version = ?',
    );
    this.#remove = this.#prepare('DELETE FROM records WHERE key = ? AND version = ?');
    this.#sweep = this.#prepare(
      `DELETE FROM records WHERE key IN (SELECT key FROM records WHERE until < ? LIMIT ${removedPerInsert})`,
    );
  }

  insert(key: string, value: JsonObject, until: number): boolean {
    this.#sweep.run([Date.now() / 1000]);
    return this.#insert.run([key, JSON.stringify(value), randomUUID(), until]).changes === 1;
  }

  read(key: string): StoredRecord | undefined {
    // All of one: a statement that is not read to its end holds the log back, which then grows with every change.
    const [row] = this.#read.all([key]) as unknown as { value: string; version: string; until: number }[];
    return row === undefined ? undefined : { ...row, value: JSON.parse(row.value) as JsonObject };
  }

  replace(
    key: string,
    before: StoredRecord,
    value: JsonObject | undefined,
    until: number = before.until,
  ): boolean {
    const { version } = before;
    const { changes } =
      value === undefined
        ? this.#remove.run([key, version])
        : this.#replace.run([JSON.stringify(value), randomUUID(), until, key, version]);
    return changes === 1;
  }

  close(): void {
    for (const statement of this.#statements) statement.finalize();
    this.#database.close();
  }

  #prepare(sql: string): Statement {
    const statement = this.#database.prepare(sql);
    this.#statements.push(statement);
    return statement;
  }
}
