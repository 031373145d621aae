import * as assert from 'uvu/assert';
import type { RecordStore } from '../../src/index.ts';

/** What every record store must do, whatever keeps the records. */

type Register = (title: string, run: () => Promise<void>) => void;

const soon = (): number => Date.now() / 1000 + 60;
const key = (): string => `test ${crypto.randomUUID()}`;

/** @param withStore runs a test with a store of its own, or with one that others use too. */
export function testContract(
  test: Register,
  withStore: (run: (store: RecordStore) => Promise<void>) => () => Promise<void>,
): void {
  test(
    'what is inserted is read back as it was, with its time',
    withStore(async (store) => {
      const [name, until] = [key(), soon()];
      const value = { text: 'ä"\'\n\u0000💾', list: [1, null, { a: true }], number: 1.5, __proto: 'x' };
      assert.is(await store.insert(name, value, until), true);
      const record = await store.read(name);
      assert.equal({ ...record?.value }, value);
      assert.is(record?.until, until);
      assert.type(record?.version, 'string');
    }),
  );

  test(
    'an unknown key has no record',
    withStore(async (store) => {
      assert.is(await store.read(key()), undefined);
    }),
  );

  test(
    'a key that is taken is not inserted again, and stays as it is',
    withStore(async (store) => {
      const name = key();
      await store.insert(name, { n: 1 }, soon());
      const before = await store.read(name);
      assert.is(await store.insert(name, { n: 2 }, soon()), false);
      assert.equal(await store.read(name), before);
    }),
  );

  test(
    'a record can be replaced by who has read it, and keeps its time unless told',
    withStore(async (store) => {
      const [name, until] = [key(), soon()];
      await store.insert(name, { n: 1 }, until);
      const first = await read(store, name);
      assert.is(await store.replace(name, first, { n: 2 }), true);
      const second = await read(store, name);
      assert.equal({ ...second.value }, { n: 2 });
      assert.is(second.until, until);
      assert.is.not(second.version, first.version);
      assert.is(await store.replace(name, second, { n: 3 }, until + 60), true);
      assert.is((await read(store, name)).until, until + 60);
    }),
  );

  test(
    'who has read it before somebody else changed it can neither replace nor remove it',
    withStore(async (store) => {
      const name = key();
      await store.insert(name, { n: 1 }, soon());
      const stale = await read(store, name);
      await store.replace(name, stale, { n: 2 });
      assert.is(await store.replace(name, stale, { n: 3 }), false);
      assert.is(await store.replace(name, stale, undefined), false);
      assert.equal({ ...(await read(store, name)).value }, { n: 2 });
    }),
  );

  test(
    'a record that was removed is gone, and a new one in its place is another one',
    withStore(async (store) => {
      const name = key();
      await store.insert(name, { n: 1 }, soon());
      const former = await read(store, name);
      assert.is(await store.replace(name, former, undefined), true);
      assert.is(await store.read(name), undefined);
      assert.is(await store.replace(name, former, undefined), false);
      assert.is(await store.replace(name, former, { n: 2 }), false);
      assert.is(await store.insert(name, { n: 1 }, soon()), true);
      assert.is(await store.replace(name, former, { n: 2 }), false);
    }),
  );

  test(
    'of fifty who replace, insert or remove at once, one succeeds',
    withStore(async (store) => {
      const name = key();
      const fifty = Array.from({ length: 50 }, (_, n) => n);
      const inserted = await Promise.all(fifty.map(async (n) => store.insert(name, { n }, soon())));
      assert.is(inserted.filter(Boolean).length, 1);
      const before = await read(store, name);
      const replaced = await Promise.all(fifty.map(async (n) => store.replace(name, before, { n })));
      assert.is(replaced.filter(Boolean).length, 1);
      const { value } = await read(store, name);
      assert.is(value['n'], replaced.indexOf(true));
      const last = await read(store, name);
      const removed = await Promise.all(fifty.map(async () => store.replace(name, last, undefined)));
      assert.is(removed.filter(Boolean).length, 1);
    }),
  );

  test(
    'a time far ahead is kept',
    withStore(async (store) => {
      const [name, until] = [key(), 253_402_300_799];
      await store.insert(name, {}, until);
      assert.is((await read(store, name)).until, until);
    }),
  );

  test(
    'names that mean something elsewhere mean nothing here',
    withStore(async (store) => {
      for (const name of ["'; DROP TABLE records; --", '__proto__', '%', '*', 'ä', 'a\u0000b']) {
        assert.is(await store.insert(name, { name }, soon()), true, name);
        assert.is((await read(store, name)).value['name'], name);
        assert.is(await store.replace(name, await read(store, name), undefined), true);
      }
    }),
  );
}

async function read(
  store: RecordStore,
  name: string,
): Promise<NonNullable<Awaited<ReturnType<RecordStore['read']>>>> {
  const record = await store.read(name);
  if (record === undefined) throw new Error(`no record ${name}`);
  return record;
}
