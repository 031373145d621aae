import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { JsonObject } from '../src/jws.ts';
import type { StoredRecord } from '../src/records.ts';
import { createMemoryRecordStore } from '../src/records-memory.ts';
import { createClock, T0, type TestClock } from './_setup.ts';

const test = suite('records in memory');

/** What a record store is that answers at once, as this one does. */
interface PromptStore {
  insert(key: string, value: JsonObject, until: number): boolean;
  read(key: string): StoredRecord | undefined;
  replace(key: string, before: StoredRecord, value: JsonObject | undefined, until?: number): boolean;
}

interface Stage {
  readonly clock: TestClock;
  readonly store: PromptStore;
}

function createStage(capacity = 10): Stage {
  const clock = createClock();
  return { clock, store: createMemoryRecordStore({ capacity, clock: clock.read }) as PromptStore };
}

/** The record under a key, which has to be there. */
function found(store: PromptStore, key: string): StoredRecord {
  const stored = store.read(key);
  if (stored === undefined) throw new Error(`nothing under ${key}`);
  return stored;
}

function isThere(store: PromptStore, key: string): boolean {
  return store.read(key) !== undefined;
}

test('keeps a record as it was given, until it is replaced', () => {
  const { store } = createStage();
  assert.is(store.insert('a', { name: 'first', list: [1] }, T0 + 5), true);
  const first = found(store, 'a');
  assert.equal([first.value, first.until], [{ name: 'first', list: [1] }, T0 + 5]);
  assert.is(store.replace('a', first, { name: 'second' }), true);
  const second = found(store, 'a');
  assert.equal([second.value, second.until], [{ name: 'second' }, T0 + 5]);
  assert.is.not(second.version, first.version);
  assert.is(store.replace('a', second, { name: 'third' }, T0 + 9), true);
  assert.is(found(store, 'a').until, T0 + 9);
  assert.is(store.read('b'), undefined);
});

test('a key that is taken is not given again, and keeps what it has', () => {
  const { store } = createStage();
  store.insert('a', { name: 'first' }, T0 + 5);
  assert.is(store.insert('a', { name: 'second' }, T0 + 9), false);
  const { value, until } = found(store, 'a');
  assert.equal([value, until], [{ name: 'first' }, T0 + 5]);
});

test('only whoever read the latest state can change it', () => {
  const { store } = createStage();
  store.insert('a', { turn: 0 }, T0 + 5);
  const before = found(store, 'a');
  assert.is(store.replace('a', before, { turn: 1 }), true);
  assert.is(store.replace('a', before, { turn: 2 }), false);
  assert.is(store.replace('a', before, undefined), false);
  assert.equal(found(store, 'a').value, { turn: 1 });
});

test('a record that was removed and kept anew is another one', () => {
  const { store } = createStage();
  store.insert('a', {}, T0 + 5);
  const before = found(store, 'a');
  assert.is(store.replace('a', before, undefined), true);
  assert.is(store.read('a'), undefined);
  assert.is(store.replace('a', before, {}), false, 'nothing can be put in the place of nothing');
  assert.is(store.insert('a', {}, T0 + 5), true);
  assert.is(store.replace('a', before, {}), false);
});

test('neither what was given nor what was read is tied to what is kept', () => {
  const { store } = createStage();
  const value = { scopes: ['read'] };
  store.insert('a', value, T0 + 5);
  value.scopes.push('write');
  const first = found(store, 'a');
  assert.equal(first.value, { scopes: ['read'] });
  (first.value['scopes'] as string[]).push('write');
  assert.equal(found(store, 'a').value, { scopes: ['read'] });
  const next = { scopes: ['read'] };
  store.replace('a', first, next);
  next.scopes.push('write');
  assert.equal(found(store, 'a').value, { scopes: ['read'] });
});

test('a value that cannot be copied is not kept', () => {
  const { store } = createStage();
  assert.throws(() => store.insert('a', { call: () => 1 }, T0 + 5));
  assert.is(store.read('a'), undefined);
});

test('a full store keeps nothing new and loses nothing', () => {
  const { store } = createStage(3);
  for (const key of ['a', 'b', 'c']) store.insert(key, {}, T0 + 5);
  for (let attempt = 0; attempt < 9; attempt++)
    assert.throws(() => store.insert(`more ${attempt}`, {}, T0 + 99), /full/);
  assert.is(store.insert('a', {}, T0 + 99), false, 'a key that is taken is no question of room');
  for (const key of ['a', 'b', 'c']) assert.ok(isThere(store, key));
});

test('there is room again from the instant after the first record is over', () => {
  const { store, clock } = createStage(3);
  store.insert('a', {}, T0 + 9);
  store.insert('b', {}, T0 + 5);
  store.insert('c', {}, T0 + 9);
  clock.now = T0 + 5;
  assert.throws(() => store.insert('d', {}, T0 + 9), /full/);
  clock.now = T0 + 5.001;
  assert.is(store.insert('d', {}, T0 + 9), true);
  assert.equal(
    ['a', 'b', 'c', 'd'].map((key) => isThere(store, key)),
    [true, false, true, true],
  );
  assert.throws(() => store.insert('e', {}, T0 + 9), /full/);
});

test('a change that shortens or lengthens a record moves the moment at which there is room', () => {
  const { store, clock } = createStage(1);
  store.insert('a', {}, T0 + 100);
  assert.throws(() => store.insert('b', {}, T0 + 9), /full/);
  store.replace('a', found(store, 'a'), {}, T0 + 5);
  clock.now = T0 + 6;
  assert.is(store.insert('b', {}, T0 + 9), true);
  store.replace('b', found(store, 'b'), {}, T0 + 100);
  clock.now = T0 + 10;
  assert.throws(() => store.insert('c', {}, T0 + 99), /full/);
  assert.ok(isThere(store, 'b'));
});

test('whoever removes a record makes room', () => {
  const { store } = createStage(1);
  store.insert('a', {}, T0 + 100);
  store.replace('a', found(store, 'a'), undefined);
  assert.is(store.insert('b', {}, T0 + 100), true);
});

for (const capacity of [1, 2, 3, 4, 5, 7, 50]) {
  test(`records that are over make room for all of ${capacity}, whatever the sweep has seen`, () => {
    const { store, clock } = createStage(capacity);
    for (let round = 0; round < 20; round++) {
      for (let index = 0; index < capacity; index++)
        assert.is(store.insert(`${round} ${index}`, {}, clock.now + 1), true);
      assert.throws(() => store.insert('one more', {}, clock.now + 1), /full/);
      clock.now += 1.5;
    }
  });
}

test('records that are over leave bit by bit, as others come: memory does not grow with time', () => {
  const { store, clock } = createStage(20);
  for (let index = 0; index < 1000; index++) {
    assert.is(store.insert(String(index), {}, clock.now + 10), true, String(index));
    clock.now += 1;
  }
});

test('the one record of many that is over makes room, wherever it stands', () => {
  const { store, clock } = createStage(100);
  for (let index = 0; index < 100; index++) store.insert(String(index), {}, index === 60 ? T0 + 5 : T0 + 9);
  assert.throws(() => store.insert('new', {}, T0 + 9), /full/);
  clock.now = T0 + 6;
  assert.is(store.insert('new', {}, T0 + 9), true);
  assert.throws(() => store.insert('newer', {}, T0 + 9), /full/);
  for (let index = 0; index < 100; index++) assert.is(isThere(store, String(index)), index !== 60);
});

test('a record that was over once stays over, though the clock be set back', () => {
  const { store, clock } = createStage(50);
  // So many before it that the sweep does not get there.
  for (let index = 0; index < 40; index++) store.insert(`long ${index}`, {}, T0 + 5000);
  store.insert('long', {}, T0 + 5000);
  store.insert('short', {}, T0 + 5);
  const short = found(store, 'short');
  clock.now = T0 + 1000;
  store.insert('other', {}, T0 + 5000);
  clock.now = T0;
  assert.is(store.read('short'), undefined);
  assert.is(store.replace('short', short, {}), false);
  assert.ok(isThere(store, 'long'));
  assert.is(store.insert('short', { second: true }, T0 + 5000), true, 'its key is free');
  assert.equal(found(store, 'short').value, { second: true });
});

test('a key is free again when its record is over, swept or not', () => {
  const { store, clock } = createStage(100);
  for (let index = 0; index < 50; index++) store.insert(String(index), {}, T0 + 5);
  clock.now = T0 + 6;
  for (let index = 49; index >= 0; index--) assert.is(store.insert(String(index), {}, T0 + 20), true);
});

test("without a clock, it goes by the system's", () => {
  const store = createMemoryRecordStore({ capacity: 1 }) as PromptStore;
  const now = Date.now() / 1000;
  assert.is(store.insert('a', {}, now - 5), true);
  assert.is(store.insert('b', {}, now + 60), true);
  assert.throws(() => store.insert('c', {}, now + 60), /full/);
});

test('a clock that returns no time changes nothing', () => {
  const { store, clock } = createStage(1);
  store.insert('a', {}, T0 + 5);
  for (const reading of [Number.NaN, Number.POSITIVE_INFINITY, -1, T0 * 1000]) {
    clock.now = reading;
    assert.throws(() => store.insert('b', {}, T0 + 5), /clock/);
  }
  clock.now = T0;
  assert.ok(isThere(store, 'a'));
});

test('refuses options that make no sense, by name', () => {
  const naming = (name: string) => (error: unknown) =>
    error instanceof TypeError && error.message.includes(`"${name}"`);
  for (const capacity of [0, -1, 1.5, Number.NaN, 10_000_001, '5', undefined] as number[])
    assert.throws(() => createMemoryRecordStore({ capacity }), naming('capacity'));
  assert.throws(() => createMemoryRecordStore({ capacity: 1, clock: 5 as never }), naming('clock'));
  assert.throws(() => createMemoryRecordStore({ capacity: 1, max: 5 } as never), naming('max'));
  assert.throws(() => createMemoryRecordStore(undefined as never), /options/);
});

test.run();
