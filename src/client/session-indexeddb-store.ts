import { requireText } from '../options.ts';
import { type IndexedDbWork, transact } from './indexeddb.ts';
import type { TokenStore } from './session-store.ts';

/** Options of `createIndexedDbTokenStore`. */
export interface IndexedDbTokenStoreOptions {
  /** Name of the database, which must be another than that of keys; default `holdfast-tokens`. */
  readonly database?: string;
  /** Default: the global one, looked up at each use. */
  readonly indexedDB?: IDBFactory;
}

/**
 * Tokens in the browser's IndexedDB, so that a reload, and other tabs and workers of the origin, have them too.
 *
 * What one tab has saved the next one reads, which `localStorage` does not promise: with Web Locks a refresh token is sent
 * by one tab only. Scripts of the page can read the tokens, as in `createStorageTokenStore`. What is read is not checked
 * here: the session does that.
 *
 * Its methods reject with what the browser says where there is no IndexedDB; a session makes `storage-unavailable` of it.
 *
 * @throws TypeError when the name of the database is none.
 */
export function createIndexedDbTokenStore(options: IndexedDbTokenStoreOptions = {}): TokenStore {
  const { database = 'holdfast-tokens', indexedDB } = options;
  requireText('database', database);
  return new IndexedDbTokenStore(database, indexedDB);
}

class IndexedDbTokenStore implements TokenStore {
  readonly #database: string;
  readonly #factory: IDBFactory | undefined;

  constructor(database: string, factory: IDBFactory | undefined) {
    this.#database = database;
    this.#factory = factory;
  }

  async load(name: string): Promise<string | undefined> {
    const text: unknown = await this.#run('readonly', (texts) => texts.get(name));
    return typeof text === 'string' ? text : undefined;
  }

  async save(name: string, text: string): Promise<void> {
    await this.#run('readwrite', (texts) => texts.put(text, name));
  }

  async delete(name: string): Promise<void> {
    await this.#run('readwrite', (texts) => texts.delete(name));
  }

  /** A connection for each use: none stands in the way of whoever wipes the storage, and none is lost unnoticed. */
  async #run(mode: 'readonly' | 'readwrite', work: IndexedDbWork): Promise<unknown> {
    const database = await openDatabase(this.#factory ?? indexedDB, this.#database);
    try {
      return await transact(database, 'texts', mode, work);
    } finally {
      database.close();
    }
  }
}

function openDatabase(factory: IDBFactory, name: string): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    const request = factory.open(name, 1);
    request.onupgradeneeded = () => request.result.createObjectStore('texts');
    request.onerror = () => reject(request.error);
    request.onsuccess = () => resolve(request.result);
  });
}
