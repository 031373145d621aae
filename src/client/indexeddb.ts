/** One step in IndexedDB, as a promise. */
export type IndexedDbWork = (store: IDBObjectStore) => IDBRequest;

/**
 * Runs one transaction on one store. Done when it is complete, not when it was asked for: only then do other tabs read it.
 * `strict`: on the disk before anything relies on it.
 */
export function transact(
  database: IDBDatabase,
  store: string,
  mode: 'readonly' | 'readwrite',
  work: IndexedDbWork,
): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const transaction = database.transaction(store, mode, { durability: 'strict' });
    transaction.onabort = () => reject(transaction.error);
    const request = work(transaction.objectStore(store));
    transaction.oncomplete = () => resolve(request.result);
  });
}
