import { DpopClientError } from './errors.ts';
import { type IndexedDbWork, transact } from './indexeddb.ts';
import { type KeyStore, requireName } from './key-stores.ts';
import type { DpopKeyPair } from './keys.ts';
import { requireKeyPair, toKeyPair } from './stored-key.ts';

/** Options of `createIndexedDbKeyStore`. */
export interface IndexedDbKeyStoreOptions {
  /** Name of the database; default `holdfast`. */
  readonly database?: string;
  /** Default: the global one, looked up at the first use. */
  readonly indexedDB?: IDBFactory;
}

/**
 * A store in the browser's IndexedDB, for pages and workers of one origin: pairs survive reloads and are shared by tabs.
 * It keeps the `CryptoKey` itself, so a private key that cannot be exported stays so; code that runs in the page can
 * still sign with it.
 *
 * What it reads is checked: an entry that is half written, foreign or damaged (its private key must sign, for the public
 * key that its thumbprint names) is removed and counts as absent. Browsers may empty IndexedDB when space is short, unless
 * `navigator.storage.persist()` was granted.
 *
 * The first use opens the database. Its methods reject with `storage-unavailable` also where another tab that holds an
 * older database open does not let go of it within a second; a connection that was closed is opened again.
 *
 * @throws TypeError when the name of the database is none.
 */
export function createIndexedDbKeyStore(options: IndexedDbKeyStoreOptions = {}): KeyStore {
  const { database = 'holdfast', indexedDB } = options;
  if (typeof database !== 'string' || database === '')
    throw new TypeError('holdfast: option "database" must be a text that is not empty');
  return new IndexedDbKeyStore(database, indexedDB);
}

type Mode = 'readonly' | 'readwrite';

class IndexedDbKeyStore implements KeyStore {
  readonly keeps = 'crypto-key';
  readonly #database: string;
  readonly #factory: IDBFactory | undefined;
  #connection: Promise<IDBDatabase> | undefined;

  constructor(database: string, factory: IDBFactory | undefined) {
    this.#database = database;
    this.#factory = factory;
  }

  async load(name: string): Promise<DpopKeyPair | undefined> {
    requireName(name);
    const entry = await this.#run('readonly', (keys) => keys.get(name));
    if (entry === undefined) return undefined;
    const keyPair = await toKeyPair(entry);
    if (keyPair !== undefined) return keyPair;
    await this.#remove(name, entry);
    return this.load(name); // another tab may have put a better one there meanwhile
  }

  async add(name: string, keyPair: DpopKeyPair): Promise<DpopKeyPair> {
    requireName(name);
    const entry = await requireKeyPair(keyPair);
    await this.#run('readwrite', (keys) => {
      const request = keys.add(entry, name);
      request.onerror = (event) => {
        if (request.error?.name === 'ConstraintError') event.preventDefault(); // there is one: no failure
      };
      return request;
    });
    const kept = await this.load(name);
    if (kept !== undefined) return kept;
    await this.#remove(name, undefined); // what was there was damaged, and may be an entry without a value
    return this.add(name, keyPair);
  }

  async save(name: string, keyPair: DpopKeyPair): Promise<DpopKeyPair> {
    requireName(name);
    const entry = await requireKeyPair(keyPair);
    await this.#run('readwrite', (keys) => keys.put(entry, name));
    return entry;
  }

  async copy(name: string, other: string): Promise<void> {
    const keyPair = await this.load(name);
    if (keyPair !== undefined) await this.save(other, keyPair);
  }

  async delete(name: string): Promise<void> {
    requireName(name);
    await this.#run('readwrite', (keys) => keys.delete(name));
  }

  /** Removes what was found damaged, unless something else has taken its place. */
  async #remove(name: string, damaged: unknown): Promise<void> {
    await this.#run('readwrite', (keys) => {
      const request = keys.get(name);
      request.onsuccess = () => {
        if (jktOf(request.result) === jktOf(damaged)) keys.delete(name);
      };
      return request;
    });
  }

  /** What failed is tried once more on another connection: browsers close them, and some lose them without a word. */
  async #run(mode: Mode, work: IndexedDbWork): Promise<unknown> {
    try {
      const connection = this.#connect();
      const database = await connection;
      return await transact(database, 'keys', mode, work).catch(async () => {
        this.#forget(connection);
        database.close();
        return transact(await this.#connect(), 'keys', mode, work);
      });
    } catch (cause) {
      throw toStorageError(cause);
    }
  }

  #connect(): Promise<IDBDatabase> {
    if (this.#connection !== undefined) return this.#connection;
    const connection = openDatabase(this.#factory, this.#database);
    connection.catch(() => this.#forget(connection));
    this.#connection = connection;
    return connection;
  }

  #forget(connection: Promise<IDBDatabase>): void {
    if (this.#connection === connection) this.#connection = undefined;
  }
}

/** What leads from each version of the database to the next: never to be changed, only added to. */
const migrations: readonly ((database: IDBDatabase) => void)[] = [
  (database) => {
    database.createObjectStore('keys');
  },
];

const patience = 1000; // milliseconds

function openDatabase(factory: IDBFactory | undefined, name: string): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    const request = (factory ?? indexedDB).open(name, migrations.length);
    request.onupgradeneeded = ({ oldVersion }) => {
      for (const migrate of migrations.slice(oldVersion)) migrate(request.result);
    };
    request.onblocked = () =>
      setTimeout(() => reject(new Error('another tab holds an older database open')), patience);
    request.onerror = () => reject(request.error);
    request.onsuccess = () => {
      const database = request.result;
      // A newer version in another tab, or whoever wipes the storage, waits for it.
      database.onversionchange = () => database.close();
      resolve(database);
    };
  });
}

function toStorageError(cause: unknown): DpopClientError {
  return (cause as Error | null)?.name === 'VersionError'
    ? new DpopClientError(
        'storage-newer',
        'a newer version made the database of keys: reload the page',
        cause,
      )
    : new DpopClientError('storage-unavailable', 'this browser does not let keys be kept', cause);
}

/** Tells one entry from another, however damaged. */
function jktOf(entry: unknown): string | undefined {
  const jkt = (entry as { jkt?: unknown } | null | undefined)?.jkt;
  return typeof jkt === 'string' ? jkt : undefined;
}
