import { IDBFactory, IDBObjectStore as ObjectStore } from 'fake-indexeddb';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createIndexedDbTokenStore } from '../../src/client/session-indexeddb-store.ts';
import type { TokenStore } from '../../src/client/session-store.ts';

const test = suite('IndexedDB token store');

function create(indexedDB: IDBFactory = new IDBFactory(), database?: string): TokenStore {
  return createIndexedDbTokenStore({ indexedDB, ...(database === undefined ? {} : { database }) });
}

async function failureOf(outcome: Promise<unknown>): Promise<Error> {
  const [settled] = await Promise.allSettled([outcome]);
  assert.is(settled.status, 'rejected');
  return (settled as PromiseRejectedResult).reason;
}

/** Does something to the store in the database, past ours. */
function meddle(factory: IDBFactory, work: (texts: IDBObjectStore) => void): Promise<void> {
  return new Promise((resolve) => {
    const opening = factory.open('holdfast-tokens');
    opening.onsuccess = () => {
      const transaction = opening.result.transaction('texts', 'readwrite');
      work(transaction.objectStore('texts'));
      transaction.oncomplete = () => {
        opening.result.close();
        resolve();
      };
    };
  });
}

test('a text is kept in the place of the one before, by name, and found by another tab', async () => {
  const factory = new IDBFactory();
  const [one, other] = [create(factory), create(factory)];
  assert.is(await one.load('main'), undefined);
  await one.save('main', 'first');
  await other.save('main', 'second');
  await other.save('next', 'third');
  assert.is(await one.load('main'), 'second');
  assert.is(await one.load('next'), 'third');
});

test('a text that was deleted is not found, and deleting what is not there is no failure', async () => {
  const store = create();
  await store.save('main', 'text');
  await store.delete('main');
  await store.delete('main');
  assert.is(await store.load('main'), undefined);
});

test('a database of another name is another store', async () => {
  const factory = new IDBFactory();
  await create(factory).save('main', 'text');
  assert.is(await create(factory, 'other').load('main'), undefined);
});

test('what is no text counts as absent', async () => {
  const factory = new IDBFactory();
  const store = create(factory);
  await store.save('main', 'text');
  await meddle(factory, (texts) => texts.put({ text: 'text' }, 'main'));
  assert.is(await store.load('main'), undefined);
});

test('no connection stays open: whoever wipes the storage does not wait', async () => {
  const factory = new IDBFactory();
  const store = create(factory);
  await store.save('main', 'text');
  const outcome = await new Promise((resolve) => {
    const deleting = factory.deleteDatabase('holdfast-tokens');
    deleting.onblocked = () => resolve('blocked');
    deleting.onsuccess = () => resolve('deleted');
  });
  assert.is(outcome, 'deleted');
  assert.is(await store.load('main'), undefined);
});

test('a database that cannot be opened is a failure', async () => {
  const factory = new IDBFactory();
  await new Promise((resolve) => {
    const opening = factory.open('holdfast-tokens', 2);
    opening.onsuccess = () => {
      opening.result.close();
      resolve(undefined);
    };
  });
  assert.is((await failureOf(create(factory).load('main'))).name, 'VersionError');
});

test('what is not written is a failure', async () => {
  const factory = new IDBFactory();
  const store = create(factory);
  await store.save('main', 'text');
  const { put } = ObjectStore.prototype;
  ObjectStore.prototype.put = function (this: IDBObjectStore, ...values: [unknown, IDBValidKey]) {
    const request = put.apply(this, values);
    this.transaction.abort();
    return request;
  };
  try {
    await failureOf(store.save('main', 'other'));
  } finally {
    ObjectStore.prototype.put = put;
  }
  assert.is(await store.load('main'), 'text');
});

test('where there is no IndexedDB at all it says so when it is used', async () => {
  assert.is((await failureOf(createIndexedDbTokenStore().load('main'))).name, 'ReferenceError');
});

test('a name of a database that is none is refused', () => {
  assert.throws(
    () => createIndexedDbTokenStore({ database: '' }),
    (error: unknown) => error instanceof TypeError && error.message.includes('"database"'),
  );
});

test.run();
