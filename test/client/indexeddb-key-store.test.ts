import { IDBFactory } from 'fake-indexeddb';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type DpopKeyPair, generateKeyPair } from '../../src/client/index.ts';
import { createIndexedDbKeyStore } from '../../src/client/indexeddb-key-store.ts';
import { type KeyStore, loadOrCreateKeyPair } from '../../src/client/key-stores.ts';
import { codeOf, errorOf, keyStoreCases } from './_key-stores.ts';

const test = suite('IndexedDB key store');

/** A browser's storage, and a store in it. */
function openStorage(): { factory: IDBFactory; store: KeyStore } {
  const factory = new IDBFactory();
  return { factory, store: createIndexedDbKeyStore({ indexedDB: factory }) };
}

function done<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

/** Does something to the database as other code of the same origin could. */
async function tamper(factory: IDBFactory, work: (keys: IDBObjectStore) => IDBRequest): Promise<unknown> {
  const database = await done(factory.open('holdfast'));
  try {
    return await done(work(database.transaction('keys', 'readwrite').objectStore('keys')));
  } finally {
    database.close();
  }
}

async function makeDatabase(factory: IDBFactory, version: number): Promise<IDBDatabase> {
  const request = factory.open('holdfast', version);
  request.onupgradeneeded = () => request.result.createObjectStore('others');
  return done(request);
}

/** A factory whose connections fail as `sabotage` says. */
function sabotaged(factory: IDBFactory, sabotage: (database: IDBDatabase) => void): IDBFactory {
  const open = factory.open.bind(factory);
  factory.open = (name, version) => {
    const request = open(name, version);
    request.addEventListener('success', () => sabotage(request.result));
    return request;
  };
  return factory;
}

keyStoreCases(test, async () => {
  const indexedDB = new IDBFactory();
  return () => createIndexedDbKeyStore({ indexedDB });
});

test('[M10] keeps the CryptoKey itself, not extractable, and nothing besides the pair', async () => {
  const { factory, store } = openStorage();
  const { keyPair } = await loadOrCreateKeyPair(store, 'main');
  const entry = (await tamper(factory, (keys) => keys.get('main'))) as DpopKeyPair;
  assert.equal(Object.keys(entry), ['algorithm', 'privateKey', 'publicJwk', 'jkt']);
  assert.instance(entry.privateKey, CryptoKey);
  assert.is(entry.privateKey.extractable, false);
  assert.is(entry.jkt, keyPair.jkt);
});

test('a database of another name is another store', async () => {
  const { factory, store } = openStorage();
  await loadOrCreateKeyPair(store, 'main');
  const other = createIndexedDbKeyStore({ database: 'other', indexedDB: factory });
  assert.is(await other.load('main'), undefined);
  assert.equal((await factory.databases()).map(({ name, version }) => `${name} ${version}`).sort(), [
    'holdfast 1',
    'other 1',
  ]);
});

const damages: Readonly<Record<string, (pair: DpopKeyPair) => unknown>> = {
  'half written: no private key': ({ algorithm, publicJwk, jkt }) => ({ algorithm, publicJwk, jkt }),
  'of another algorithm': (pair) => ({ ...pair, algorithm: 'Ed25519' }),
  'with a thumbprint that is not that of its key': (pair) => ({ ...pair, jkt: pair.jkt.toLowerCase() }),
  'with a thumbprint that is an object': (pair) => ({ ...pair, jkt: {} }),
  'that is a text': () => 'a key',
  'that is null': () => null,
  'without a value': () => undefined,
};

for (const [what, damage] of Object.entries(damages)) {
  test(`[M10] an entry ${what} is removed, and counts as absent`, async () => {
    const { factory, store } = openStorage();
    const { keyPair } = await loadOrCreateKeyPair(store, 'main');
    await loadOrCreateKeyPair(store, 'other');
    await tamper(factory, (keys) => keys.put(damage(keyPair), 'main'));
    assert.is(await store.load('main'), undefined);
    if (damage(keyPair) !== undefined) {
      assert.equal(await tamper(factory, (keys) => keys.getAllKeys()), ['other']);
    }
    await tamper(factory, (keys) => keys.put(damage(keyPair), 'main'));
    const pair = await generateKeyPair();
    assert.is((await store.add('main', pair)).jkt, pair.jkt);
    assert.is((await store.load('main'))?.jkt, pair.jkt);
  });
}

test('a private key that does not fit the public one is removed', async () => {
  const { factory, store } = openStorage();
  const { keyPair } = await loadOrCreateKeyPair(store, 'main');
  const { privateKey } = await generateKeyPair();
  await tamper(factory, (keys) => keys.put({ ...keyPair, privateKey }, 'main'));
  const { origin } = await loadOrCreateKeyPair(store, 'main');
  assert.is(origin, 'created');
});

test('what another tab has put in the place of a damaged entry is not removed', async () => {
  const { factory, store } = openStorage();
  const sound = await generateKeyPair();
  await store.save('main', sound);
  await tamper(factory, (keys) => keys.put({ jkt: 'damaged' }, 'main'));
  const { subtle } = crypto;
  const importKey = subtle.importKey;
  Object.defineProperty(subtle, 'importKey', {
    configurable: true,
    // In the middle of the check of what was read.
    value: async () => {
      Reflect.deleteProperty(subtle, 'importKey');
      await tamper(factory, (keys) => keys.put(sound, 'main'));
      throw new TypeError('damaged');
    },
  });
  assert.is((await store.load('main'))?.jkt, sound.jkt);
  assert.is(subtle.importKey, importKey);
});

test('storage that is wiped while it is in use has no key, and can be used again', async () => {
  const { factory, store } = openStorage();
  await loadOrCreateKeyPair(store, 'main');
  await done(factory.deleteDatabase('holdfast'));
  assert.is(await store.load('main'), undefined);
  assert.is((await loadOrCreateKeyPair(store, 'main')).origin, 'created');
});

test('makes way for a newer version in another tab, and then says that it is too old', async () => {
  const { factory, store } = openStorage();
  await loadOrCreateKeyPair(store, 'main');
  (await makeDatabase(factory, 2)).close();
  const error = await errorOf(store.load('main'));
  assert.is(error.code, 'storage-newer');
  assert.match(error.message, 'reload the page');
  assert.is((error.cause as Error).name, 'VersionError');
  assert.is(await codeOf(store.load('main')), 'storage-newer');
});

test('a database of the same name that is not ours is left alone', async () => {
  const { factory, store } = openStorage();
  (await makeDatabase(factory, 1)).close();
  const error = await errorOf(store.load('main'));
  assert.is(error.code, 'storage-unavailable');
  assert.is((error.cause as Error).name, 'NotFoundError');
});

test('a tab that never lets go of an older database is named as the cause', async () => {
  const { factory, store } = openStorage();
  const open = factory.open.bind(factory);
  // Ours has one version only, so its version 1 is opened as another's 3 would be.
  const held = await makeDatabase(factory, 1);
  factory.open = (name) => open(name, 3);
  const error = await errorOf(store.load('main'));
  assert.is(error.code, 'storage-unavailable');
  assert.match((error.cause as Error).message, 'another tab');
  held.close();
});

test('a connection that the browser closed is opened again', async () => {
  const { factory, store } = openStorage();
  const opened: IDBDatabase[] = [];
  sabotaged(factory, (database) => opened.push(database));
  const { keyPair } = await loadOrCreateKeyPair(store, 'main');
  assert.is(opened.length, 1);
  opened[0]?.close(); // without a word
  assert.is((await store.load('main'))?.jkt, keyPair.jkt);
  assert.is(opened.length, 2);
});

test('of calls that lose the same connection, each is tried again', async () => {
  const { factory, store } = openStorage();
  const opened: IDBDatabase[] = [];
  sabotaged(factory, (database) => opened.push(database));
  const { keyPair } = await loadOrCreateKeyPair(store, 'main');
  opened[0]?.close();
  const found = await Promise.all([store.load('main'), store.load('main'), store.load('main')]);
  for (const each of found) assert.is(each?.jkt, keyPair.jkt);
  assert.is(opened.length, 2);
});

test('a full disk is a typed error with its cause, and nothing is kept', async () => {
  const full = new DOMException('no space', 'QuotaExceededError');
  const { factory, store } = openStorage();
  sabotaged(factory, (database) => {
    const transaction = database.transaction.bind(database);
    database.transaction = (stores: string | Iterable<string>, mode?: IDBTransactionMode) => {
      if (mode === 'readwrite') throw full;
      return transaction(stores, mode);
    };
  });
  const error = await errorOf(loadOrCreateKeyPair(store, 'main'));
  assert.is(error.code, 'storage-unavailable');
  assert.is(error.cause, full);
  assert.is(await store.load('main'), undefined);
});

const closed = ({ name }: Error): boolean => name === 'InvalidStateError';

for (const method of ['add', 'save'] as const) {
  for (const [failures, outcome] of [
    [1, 'kept'],
    [2, 'storage-unavailable'],
  ] as const) {
    test(`${method}: after ${failures} aborted ${failures === 1 ? 'transaction' : 'transactions'}: ${outcome}`, async () => {
      const { factory, store } = openStorage();
      let left: number = failures;
      const opened: IDBDatabase[] = [];
      sabotaged(factory, (database) => {
        opened.push(database);
        const transaction = database.transaction.bind(database);
        database.transaction = (...given: Parameters<IDBDatabase['transaction']>) => {
          const made = transaction(...given);
          if (left-- > 0) queueMicrotask(() => made.abort());
          return made;
        };
      });
      const pair = await generateKeyPair();
      const attempt = store[method]('main', pair).then(() => 'kept');
      assert.is(outcome === 'kept' ? await attempt : await codeOf(attempt), outcome);
      assert.is((await store.load('main'))?.jkt, outcome === 'kept' ? pair.jkt : undefined);
      assert.is(opened.length, 2);
      assert.throws(() => opened[0]?.transaction('keys'), closed, 'the one that failed is not left open');
    });
  }
}

test('an add that fails for another reason than an entry that is there is a failure', async () => {
  const { factory, store } = openStorage();
  await store.save('main', await generateKeyPair());
  const unknown = new DOMException('the disk is gone', 'UnknownError');
  sabotaged(factory, (database) => {
    const transaction = database.transaction.bind(database);
    database.transaction = (...given: Parameters<IDBDatabase['transaction']>) => {
      const made = transaction(...given);
      const keys = made.objectStore('keys');
      const add = keys.add.bind(keys);
      keys.add = (...entry) =>
        Object.defineProperty(add(...entry), 'error', { get: () => unknown, set: () => undefined });
      made.objectStore = () => keys;
      return made;
    };
  });
  const fresh = createIndexedDbKeyStore({ indexedDB: factory });
  assert.is(await codeOf(fresh.add('main', await generateKeyPair())), 'storage-unavailable');
});

test('without storage, or where it is refused, every call is a typed error', async () => {
  const refusal = new DOMException('denied', 'SecurityError');
  const refusing = {
    open: () => {
      throw refusal;
    },
  } as unknown as IDBFactory;
  assert.is((await errorOf(createIndexedDbKeyStore({ indexedDB: refusing }).load('main'))).cause, refusal);
  assert.is(typeof globalThis.indexedDB, 'undefined');
  const store = createIndexedDbKeyStore();
  const pair = await generateKeyPair();
  for (const attempt of [
    () => store.load('a'),
    () => store.add('a', pair),
    () => store.save('a', pair),
    () => store.copy('a', 'b'),
    () => store.delete('a'),
  ]) {
    const error = await errorOf(attempt);
    assert.is(error.code, 'storage-unavailable');
    assert.is(error.message, 'holdfast: this browser does not let keys be kept');
  }
});

test('finds the storage of the page, at the first use', async () => {
  const store = createIndexedDbKeyStore();
  Object.defineProperty(globalThis, 'indexedDB', { value: new IDBFactory(), configurable: true });
  try {
    const { keyPair } = await loadOrCreateKeyPair(store, 'main');
    assert.is((await createIndexedDbKeyStore().load('main'))?.jkt, keyPair.jkt);
  } finally {
    Reflect.deleteProperty(globalThis, 'indexedDB');
  }
});

test('storage that could not be opened is asked again', async () => {
  const { factory, store } = openStorage();
  const open = factory.open;
  factory.open = () => {
    throw new DOMException('not now', 'UnknownError');
  };
  assert.is(await codeOf(store.load('main')), 'storage-unavailable');
  factory.open = open;
  assert.is(await store.load('main'), undefined);
});

test('refuses a name of a database that is none', () => {
  for (const database of ['', null, 7] as unknown as string[])
    assert.throws(() => createIndexedDbKeyStore({ database }), /option "database"/);
});

test.run();
