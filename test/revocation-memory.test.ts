import * as fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { RevocationAnswer, RevocationEntry, RevocationQuery } from '../src/revocation.ts';
import {
  createMemoryRevocationStore,
  type MemoryRevocationStore,
  type MemoryRevocationStoreOptions,
} from '../src/revocation-memory.ts';
import { revocationStoreContract } from '../src/testing/revocation-contract.ts';
import { T0 } from './_setup.ts';

const test = suite('revocation-memory');

const always = Number.POSITIVE_INFINITY;

for (const { name, run } of revocationStoreContract((clock) =>
  createMemoryRevocationStore({ capacity: 1000, clock }),
)) {
  test(`contract: ${name}`, run);
}

/** A store that was born long ago. */
function storeOf(
  capacity: number,
  options: Partial<MemoryRevocationStoreOptions> = {},
): MemoryRevocationStore {
  return createMemoryRevocationStore({ capacity, birth: T0 - 1000, monotonicClock: () => 0, ...options });
}

function add(
  store: MemoryRevocationStore,
  key: string,
  entry: Partial<RevocationEntry> & { now?: number } = {},
): void {
  const { before = always, until = T0 + 60, now = T0 } = entry;
  store.add({ key, before, until }, now);
}

/** A token that outlives all entries, unless the test says otherwise. */
function look(
  store: MemoryRevocationStore,
  key: string,
  query: Partial<RevocationQuery> = {},
): RevocationAnswer {
  return store.look({ keys: [key], issuedAt: T0, expires: T0 + 1e6, now: T0, ...query });
}

test('[G17] a token is refused by the first look after it was revoked', () => {
  const store = storeOf(10);
  assert.is(look(store, 'a'), 'live');
  add(store, 'a');
  assert.is(look(store, 'a'), 'revoked');
  assert.is(look(store, 'b'), 'live');
});

test('a memory vouches for nothing that was issued before it began', () => {
  const store = createMemoryRevocationStore({ capacity: 1, clock: () => T0 });
  assert.is(look(store, 'a', { issuedAt: T0 - 0.001 }), 'forgotten');
  assert.is(look(store, 'a', { issuedAt: T0 }), 'live');
});

test('it begins when it is said to, and at 0 it vouches for everything', () => {
  const options = { capacity: 1, clock: () => T0 };
  const store = createMemoryRevocationStore({ ...options, birth: T0 - 5 });
  assert.is(look(store, 'a', { issuedAt: T0 - 6 }), 'forgotten');
  assert.is(look(store, 'a', { issuedAt: T0 - 5 }), 'live');
  assert.is(look(createMemoryRevocationStore({ ...options, birth: 0 }), 'a', { issuedAt: 1 }), 'live');
});

test('without a birth or a clock it begins now', () => {
  const store = createMemoryRevocationStore({ capacity: 1 });
  const now = Date.now() / 1000;
  assert.is(look(store, 'a', { issuedAt: now - 60, expires: now + 60, now }), 'forgotten');
  assert.is(look(store, 'a', { issuedAt: now + 1, expires: now + 60, now }), 'live');
});

test('what is known to be revoked is not called forgotten', () => {
  const store = storeOf(10);
  add(store, 'a');
  add(store, 'early', { until: T0 - 10 });
  add(store, 'other');
  assert.is(look(store, 'a', { issuedAt: T0 - 2000 }), 'revoked');
  assert.is(look(store, 'a', { expires: T0 - 20 }), 'revoked');
  assert.is(look(store, 'b', { expires: T0 - 20 }), 'forgotten');
});

test('an entry leaves after its end, not at it, and then all that expires by its end is forgotten', () => {
  const store = storeOf(10);
  add(store, 'a');
  add(store, 'b', { now: T0 + 60 });
  assert.is(store.gauges().size, 2);
  assert.is(look(store, 'other', { expires: T0 + 60 }), 'live');
  add(store, 'c', { until: T0 + 600, now: T0 + 60.001 });
  assert.is(store.gauges().size, 1);
  assert.is(look(store, 'a', { expires: T0 + 60 }), 'forgotten');
  assert.is(look(store, 'other', { expires: T0 + 60 }), 'forgotten');
  assert.is(look(store, 'other', { expires: T0 + 60.001 }), 'live');
});

test('an entry that is still there counts, though its end is past', () => {
  const store = storeOf(10);
  add(store, 'a');
  assert.is(look(store, 'a', { now: T0 + 1000 }), 'revoked');
});

test('[I14] an addition removes two at most, those that ended first', () => {
  const store = storeOf(100);
  for (let index = 0; index < 50; index++)
    add(store, `key ${(index * 37) % 50}`, { until: T0 + ((index * 37) % 50) });
  for (let added = 1; added <= 25; added++) {
    add(store, `new ${added}`, { until: T0 + 1e6, now: T0 + 100 });
    assert.is(store.gauges().size, 50 - added);
    assert.is(look(store, `key ${2 * added - 1}`, { expires: T0 + 2 * added - 1 }), 'forgotten');
    if (added < 25) assert.is(look(store, `key ${2 * added}`), 'revoked');
  }
  add(store, 'one more', { until: T0 + 1e6, now: T0 + 100 });
  assert.is(store.gauges().size, 26);
});

test('[I13] a full memory refuses an entry and keeps all that it has', () => {
  const store = storeOf(3);
  for (const key of ['a', 'b', 'c']) add(store, key);
  const refused = (error: unknown): boolean =>
    error instanceof RangeError && error.message === 'holdfast: the revocation memory is full';
  assert.throws(() => add(store, 'd', { now: T0 + 60 }), refused);
  assert.equal(store.gauges(), { size: 3, capacity: 3 });
  for (const key of ['a', 'b', 'c']) assert.is(look(store, key), 'revoked');
  assert.is(look(store, 'd'), 'live');
});

test('a full memory still lets an entry grow', () => {
  const store = storeOf(1);
  add(store, 'a', { before: T0 });
  add(store, 'a', { before: T0 + 10, until: T0 + 600 });
  assert.is(look(store, 'a', { issuedAt: T0 + 9 }), 'revoked');
  assert.throws(() => add(store, 'b', { now: T0 + 600 }), RangeError);
});

test('an entry that is kept longer lets those pass that end before it now', () => {
  const store = storeOf(4);
  for (const [index, key] of ['a', 'b', 'c', 'd'].entries()) add(store, key, { until: T0 + 10 * index });
  add(store, 'a', { until: T0 + 600 });
  for (const key of ['e', 'f']) add(store, key, { until: T0 + 600, now: T0 + 25 });
  assert.is(store.gauges().size, 4);
  for (const key of ['a', 'd', 'e', 'f']) assert.is(look(store, key), 'revoked');
  assert.is(look(store, 'b', { expires: T0 + 10 }), 'forgotten');
});

test('[I14] there is room again once an entry has ended, and for good means for good', () => {
  const store = storeOf(2);
  add(store, 'good', { until: always });
  add(store, 'a');
  add(store, 'b', { until: T0 + 120, now: T0 + 61 });
  assert.is(look(store, 'good'), 'revoked');
  add(store, 'b', { until: always, now: T0 + 62 });
  assert.throws(() => add(store, 'c', { now: T0 + 1e9 }), RangeError);
  assert.is(look(store, 'b'), 'revoked');
});

test('[I27] a clock that was set back does not keep a full memory full', () => {
  let elapsed = 0;
  const store = storeOf(1, { monotonicClock: () => elapsed });
  add(store, 'a');
  assert.throws(() => add(store, 'b', { now: T0 - 3600 }), RangeError);
  elapsed += 60;
  assert.throws(() => add(store, 'b', { now: T0 - 3540 }), RangeError);
  elapsed += 0.5;
  add(store, 'b', { now: T0 - 3539.5, until: T0 - 3000 });
  assert.is(look(store, 'a', { expires: T0 + 60, now: T0 - 3539 }), 'forgotten');
});

test('a full memory makes room by the highest time that it was told, by whomever', () => {
  for (const tell of [
    (store: MemoryRevocationStore) => look(store, 'x', { now: T0 + 61 }),
    (store: MemoryRevocationStore) => add(store, 'a', { now: T0 + 61 }),
  ]) {
    const store = storeOf(2);
    add(store, 'good', { until: always });
    add(store, 'a');
    tell(store);
    add(store, 'b', { until: T0 + 600 });
    assert.is(look(store, 'b'), 'revoked');
    assert.is(store.gauges().size, 2);
  }
});

test('[I28] after a clock that was ahead for a moment, entries stay and nothing else is refused', () => {
  const store = storeOf(10);
  look(store, 'x', { now: T0 + 86_400 });
  for (const key of ['a', 'b', 'c', 'd']) add(store, key, { until: T0 + 600 });
  assert.is(store.gauges().size, 4);
  for (const key of ['a', 'b', 'c', 'd']) assert.is(look(store, key, { expires: T0 + 600 }), 'revoked');
  assert.is(look(store, 'other', { expires: T0 + 300 }), 'live');
});

test('what is no entry is refused, and changes nothing', () => {
  const store = storeOf(10);
  const wrong = [
    { key: '' },
    { key: 5 },
    { before: Number.NaN },
    { before: -1 },
    { before: undefined },
    { before: '5' },
    { until: Number.NaN },
    { until: Number.NEGATIVE_INFINITY },
    { until: undefined },
    { until: null },
  ];
  for (const change of wrong) {
    const entry = { key: 'a', before: always, until: T0 + 60, ...change } as RevocationEntry;
    assert.throws(
      () => store.add(entry, T0),
      (error: unknown) => error instanceof TypeError,
    );
  }
  assert.is(store.gauges().size, 0);
});

test('a clock that returns no time is refused, for additions and looks, and changes nothing', () => {
  const store = storeOf(1);
  add(store, 'a');
  for (const now of [Number.NaN, -1, Date.now(), always, undefined as unknown as number]) {
    assert.throws(() => store.add({ key: 'b', before: always, until: T0 }, now), TypeError);
    assert.throws(() => look(store, 'b', { now }), TypeError);
  }
  assert.throws(() => add(store, 'b'), RangeError);
});

test('a token whose times are no numbers is never live, and revoked where its key is', () => {
  const store = storeOf(10, { birth: 0 });
  add(store, 'a', { before: T0 });
  for (const none of [Number.NaN, undefined as unknown as number]) {
    assert.is(look(store, 'b', { issuedAt: none }), 'forgotten');
    assert.is(look(store, 'b', { expires: none }), 'forgotten');
    assert.is(look(store, 'a', { issuedAt: none }), 'revoked');
  }
});

test('what is revoked whenever it was issued is revoked for every time of issue', () => {
  const store = storeOf(10);
  add(store, 'a');
  assert.is(look(store, 'a', { issuedAt: always }), 'revoked');
});

/** The warnings that a process would have seen. */
function warningsOf(environment: Readonly<Record<string, string>>): unknown[][] {
  const { emitWarning } = process;
  const warnings: unknown[][] = [];
  process.emitWarning = (...parameters: unknown[]): void => {
    warnings.push(parameters);
  };
  Object.assign(process.env, environment);
  try {
    storeOf(1);
  } finally {
    process.emitWarning = emitWarning;
    for (const name of Object.keys(environment)) delete process.env[name];
  }
  return warnings;
}

test('[I08] warns in one of several workers, and says which memory', () => {
  const [[message, options] = [], ...others] = warningsOf({ NODE_APP_INSTANCE: '0' });
  assert.equal(options, { code: 'HOLDFAST_ONE_PROCESS' });
  assert.match(String(message), /^holdfast: this revocation memory protects one process/);
  assert.equal(others, []);
  assert.equal(warningsOf({}), []);
});

test('refuses options that make no sense, by name', () => {
  const wrong: Readonly<Record<string, readonly unknown[]>> = {
    capacity: [undefined, 0, -1, 1.5, Number.NaN, '10', 10_000_001],
    birth: [Number.NaN, -1, Date.now(), '5', new Date()],
    clock: ['now', Date.now, () => undefined],
    monotonicClock: ['now', () => Number.NaN],
    capcity: [10],
  };
  for (const [option, values] of Object.entries(wrong)) {
    for (const value of values) {
      const create = (): unknown =>
        createMemoryRevocationStore({
          capacity: 1,
          [option]: value,
        } as unknown as MemoryRevocationStoreOptions);
      assert.throws(
        create,
        (error: unknown) => error instanceof TypeError && error.message.includes(`"${option}"`),
        `${option}: ${String(value)}`,
      );
    }
  }
  assert.throws(
    () => createMemoryRevocationStore(undefined as unknown as MemoryRevocationStoreOptions),
    TypeError,
  );
});

// The whole rule against the naive one, which keeps everything for good.

type Step =
  | { readonly do: 'add'; readonly key: number; readonly before: number; readonly life: number }
  | {
      readonly do: 'look';
      readonly keys: readonly number[];
      readonly age: number;
      readonly life: number;
    }
  | { readonly do: 'clock'; readonly by: number };

const key = fc.integer({ min: 0, max: 12 });
const life = fc.oneof(fc.integer({ min: 0, max: 400 }), fc.constant(always));
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({
    do: fc.constant('add' as const),
    key,
    before: fc.oneof(fc.integer({ min: -300, max: 300 }), fc.constant(always)),
    life,
  }),
  fc.record({
    do: fc.constant('look' as const),
    keys: fc.array(key, { maxLength: 3 }),
    age: fc.integer({ min: -100, max: 600 }),
    life: fc.integer({ min: 1, max: 600 }),
  }),
  fc.record({
    do: fc.constant('clock' as const),
    by: fc.oneof(fc.integer({ min: 0, max: 60 }), fc.integer({ min: -500, max: 900 })),
  }),
);

/** Everything that was ever recorded, and the highest time. */
class Naive {
  readonly entries: RevocationEntry[] = [];
  highest = T0;

  /** Entries that cover the whole life of a token must tell; those that end earlier may. */
  revokes({ keys, issuedAt, expires }: RevocationQuery): boolean {
    return this.entries.some(
      (each) => keys.includes(each.key) && issuedAt < each.before && expires <= each.until,
    );
  }

  /** Entries that have not ended are there, in a full memory too. */
  stillRevokes({ keys, issuedAt }: RevocationQuery): boolean {
    return this.entries.some(
      (each) => keys.includes(each.key) && issuedAt < each.before && each.until >= this.highest,
    );
  }

  /** Nothing stands against it: not an entry, not the end of one that has left, not the birth. */
  knowsNothingOf({ keys, issuedAt, expires }: RevocationQuery, birth: number): boolean {
    const against = this.entries.some(
      (each) => keys.includes(each.key) || (expires <= each.until && each.until < this.highest),
    );
    return !against && issuedAt >= birth;
  }

  /** How many must be there. */
  live(): number {
    return new Set(this.entries.filter(({ until }) => until >= this.highest).map((each) => each.key)).size;
  }
}

test('[G17] a model: in any order of additions, looks and steps of the clock, no revoked token is ever live', () => {
  const counts = { live: 0, revoked: 0, forgotten: 0, full: 0 };
  const property = fc.property(
    fc.array(step, { maxLength: 80 }),
    fc.integer({ min: 1, max: 8 }),
    (steps, capacity) => {
      const birth = T0 - 200;
      const store = storeOf(capacity, { birth });
      const naive = new Naive();
      const sent: RevocationQuery[] = [];
      let now = T0;
      for (const each of steps) {
        naive.highest = Math.max(naive.highest, now);
        if (each.do === 'clock') now += each.by;
        else if (each.do === 'add') {
          const entry = { key: `${each.key}`, before: now + each.before, until: now + each.life };
          try {
            store.add(entry, now);
            naive.entries.push(entry);
          } catch (error) {
            assert.instance(error, RangeError);
            assert.is(naive.live(), capacity, 'refused though there was room');
            counts.full += 1;
          }
        } else {
          const issuedAt = now - each.age;
          sent.push({ keys: each.keys.map(String), issuedAt, expires: issuedAt + each.life, now });
        }
        // Every token that was ever sent is sent again after each step.
        for (const query of sent) {
          const answer = store.look({ ...query, now });
          naive.highest = Math.max(naive.highest, now);
          counts[answer] += 1;
          if (naive.revokes(query)) assert.is.not(answer, 'live', 'a revoked token is live');
          if (naive.stillRevokes(query)) assert.is(answer, 'revoked', 'an entry left before its end');
          if (naive.knowsNothingOf(query, birth)) assert.is(answer, 'live', 'refused for nothing');
        }
        assert.ok(store.gauges().size <= capacity);
      }
    },
  );
  void fc.assert(property, { numRuns: 400, seed: 7009 });
  for (const [what, count] of Object.entries(counts)) assert.ok(count > 50, `${what}: ${count}`);
});

test.run();
