import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Memory, ProofTime } from '../src/freshness.ts';
import { type ClaimOutcome, replayKey } from '../src/replay.ts';
import {
  createMemoryReplayStore,
  type MemoryReplayStore,
  type MemoryReplayStoreOptions,
} from '../src/replay-memory.ts';
import { T0 } from './_setup.ts';

const test = suite('replay-memory');

const unknown = Number.NEGATIVE_INFINITY;

/** A store that was born long ago; time goes by as the test says. */
function storeOf(
  capacity: number,
  quotaPerKey?: number,
  monotonicClock = (): number => 0,
): MemoryReplayStore {
  return createMemoryReplayStore({
    capacity,
    ...(quotaPerKey === undefined ? {} : { quotaPerKey }),
    clock: () => T0 - 1000,
    monotonicClock,
  });
}

interface Use {
  readonly at?: number;
  readonly axis?: ProofTime['axis'];
  readonly until?: number;
  readonly jkt?: string;
  /** The clock of the node. */
  readonly now?: number;
  readonly memory?: Memory;
}

/** Claims a use that was judged against the memory as it is now. */
function claim(store: MemoryReplayStore, key: string, use: Use = {}): ClaimOutcome {
  const { at = T0, axis = 'iat', until = at + 60, jkt = 'client', now = T0 } = use;
  const memory = use.memory ?? store.read(now);
  return store.claim({ jkt, key, time: { axis, at }, until, memory });
}

test('[R9449-11.1-02] [I01] one use can be claimed once', () => {
  const store = storeOf(10);
  assert.is(claim(store, 'a'), 'claimed');
  assert.is(claim(store, 'a'), 'replayed');
  assert.is(claim(store, 'b'), 'claimed');
});

test('[I02] another time, axis, end or client makes no other use', () => {
  const store = storeOf(10);
  assert.is(claim(store, 'a', { at: T0 }), 'claimed');
  assert.is(claim(store, 'a', { at: T0 + 5 }), 'replayed');
  assert.is(claim(store, 'a', { at: T0 + 5, axis: 'nonce' }), 'replayed');
  assert.is(claim(store, 'a', { until: T0 + 600 }), 'replayed');
  assert.is(claim(store, 'a', { jkt: 'another' }), 'replayed');
  assert.is(store.gauges().size, 1);
});

test('[R9449-11.1-02] [I06] of a hundred claims at once, one wins', async () => {
  const store = storeOf(10);
  const outcomes = await Promise.all(Array.from({ length: 100 }, async () => claim(store, 'a')));
  assert.is(outcomes.filter((outcome) => outcome === 'claimed').length, 1);
  assert.is(outcomes.filter((outcome) => outcome === 'replayed').length, 99);
});

test('an entry that has to leave raises the floor of its axis, and of that alone', () => {
  const store = storeOf(2);
  claim(store, 'a', { at: T0 - 3 });
  claim(store, 'b', { at: T0 - 2, axis: 'nonce' });
  assert.equal(store.read(T0).floor, { iat: unknown, nonce: unknown });
  claim(store, 'c', { at: T0 - 1 });
  assert.equal(store.read(T0).floor, { iat: T0 - 3, nonce: unknown });
  claim(store, 'd', { at: T0 });
  assert.equal(store.read(T0).floor, { iat: T0 - 3, nonce: T0 - 2 });
});

test('the floor never falls', () => {
  const store = storeOf(1);
  claim(store, 'late', { at: T0 + 5 });
  claim(store, 'later', { at: T0 + 6 });
  assert.is(store.read(T0).floor.iat, T0 + 5);
  claim(store, 'early', { at: T0 + 5.5 });
  assert.is(store.read(T0).floor.iat, T0 + 6);
  assert.is(claim(store, 'below', { at: T0 + 6 }), 'forgotten');
  assert.is(store.read(T0).floor.iat, T0 + 6);
});

test('what lies at the floor is forgotten, what lies above is claimed', () => {
  const store = storeOf(1);
  claim(store, 'a', { at: T0 });
  claim(store, 'b', { at: T0 + 1 });
  assert.is(claim(store, 'c', { at: T0 }), 'forgotten');
  assert.is(claim(store, 'd', { at: T0 - 1 }), 'forgotten');
  assert.is(claim(store, 'e', { at: Number.NaN }), 'forgotten');
  assert.is(claim(store, 'f', { at: T0 + 0.001 }), 'claimed');
  assert.is(claim(store, 'g', { at: T0 - 1, axis: 'nonce' }), 'claimed');
});

test('a replay keeps nothing alive', () => {
  const store = storeOf(2);
  claim(store, 'a', { at: T0 + 1 });
  claim(store, 'b', { at: T0 + 2 });
  assert.is(claim(store, 'a', { at: T0 + 1, until: T0 + 600 }), 'replayed');
  claim(store, 'c', { at: T0 + 3 });
  assert.is(store.read(T0).floor.iat, T0 + 1);
  assert.is(claim(store, 'a', { at: T0 + 1 }), 'forgotten');
});

test('[I23] what was judged against another memory is forgotten', () => {
  const [former, store] = [storeOf(10), storeOf(10)];
  const memory = former.read(T0);
  assert.is.not(memory.id, store.read(T0).id);
  assert.is(claim(store, 'a', { axis: 'nonce', memory }), 'forgotten');
  assert.is(claim(former, 'a', { axis: 'nonce', memory }), 'claimed');
});

test('[I27] the clock of a memory never falls, and its birth stays', () => {
  const store = storeOf(10);
  assert.is(store.read(T0 - 2000).now, T0 - 1000);
  assert.is(store.read(T0).now, T0);
  const memory = store.read(T0 - 3600);
  assert.equal([memory.now, memory.birth], [T0, T0 - 1000]);
});

test('a memory that was read does not change with the store', () => {
  const store = storeOf(1);
  const memory = store.read(T0);
  claim(store, 'a');
  claim(store, 'b', { at: T0 + 1 });
  assert.is(memory.floor.iat, unknown);
});

test("without a clock, a memory is born by the system's", () => {
  const before = Date.now() / 1000;
  const { birth } = createMemoryReplayStore({ capacity: 1 }).read(0);
  assert.ok(birth >= before && birth <= Date.now() / 1000);
});

test('[I13] a store of 100 uses under 10,000 live proofs takes no replay', () => {
  const store = storeOf(100);
  const uses = Array.from({ length: 10_000 }, (_, index) => ({
    key: `use ${index}`,
    at: T0 - 60 + ((index * 37) % 7000) / 100,
  }));
  const claimed = new Set<string>();
  for (const { key, at } of uses) {
    if (claim(store, key, { at }) === 'claimed') claimed.add(key);
  }
  assert.ok(claimed.size >= 100);
  for (const { key, at } of [...uses, ...uses.toReversed()]) {
    if (claimed.has(key)) assert.is.not(claim(store, key, { at }), 'claimed');
  }
});

/** Which of these keys are still remembered; asking changes nothing, since what is not is told to be of the past. */
function remembered(store: MemoryReplayStore, keys: readonly string[]): string {
  return keys.filter((key) => claim(store, key, { at: Number.NaN, now: 0 }) === 'replayed').join(' ');
}

test('[I14] entries past their end leave before live ones, whatever came first and on whichever axis', () => {
  const store = storeOf(4);
  claim(store, 'live 1', { at: T0 + 9, until: T0 + 69 });
  claim(store, 'over 1', { at: T0 - 50, until: T0 + 10 });
  claim(store, 'live 2', { at: T0 + 5, axis: 'nonce', until: T0 + 65 });
  claim(store, 'over 2', { at: T0 - 55, axis: 'nonce', until: T0 + 5 });
  const keys = ['live 1', 'over 1', 'live 2', 'over 2', 'new'];
  claim(store, 'new', { at: T0 + 11, now: T0 + 11 });
  assert.is(remembered(store, keys), 'live 1 live 2 new');
  assert.equal(store.read(0).floor, { iat: T0 - 50, nonce: T0 - 55 });
  assert.is(store.gauges().evictions, 0, 'neither had to leave before its end');
});

test('an entry stays through its last second', () => {
  const store = storeOf(4);
  claim(store, 'a', { until: T0 + 60 });
  claim(store, 'b', { at: T0 + 60, now: T0 + 60 });
  assert.is(remembered(store, ['a', 'b']), 'a b');
  claim(store, 'c', { at: T0 + 60, now: T0 + 60.001 });
  assert.is(remembered(store, ['a', 'b', 'c']), 'b c');
});

test('of live entries the one that ends first leaves first, not the one that came first', () => {
  const ends = [50, 20, 70, 10, 60, 40, 30];
  const store = storeOf(ends.length);
  const keys = ends.map((end) => `ends ${end}`);
  for (const [index, end] of ends.entries()) {
    claim(store, `ends ${end}`, {
      at: T0 + end - 60,
      axis: index % 2 === 0 ? 'iat' : 'nonce',
      until: T0 + end,
    });
  }
  for (const end of [10, 20, 30, 40, 50, 60]) {
    assert.ok(remembered(store, keys).includes(`ends ${end}`));
    claim(store, `new ${end}`, { at: T0 + 20, until: T0 + 600 });
    assert.not.ok(remembered(store, keys).includes(`ends ${end}`));
  }
  assert.is(remembered(store, keys), 'ends 70');
  assert.is(store.gauges().evictions, 6);
});

test('any mix of axes, ends and clocks: no live entry leaves while one is past its end', () => {
  let state = 9449;
  const random = (below: number): number => {
    state = (state * 1_103_515_245 + 12_345) % 2 ** 31;
    return state % below;
  };
  const store = storeOf(20);
  const ends = new Map<string, number>();
  let now = T0;
  for (let index = 0; index < 3000; index++) {
    now += random(4);
    const axis = random(2) === 0 ? 'iat' : 'nonce';
    const at = now + 1 - random(60);
    const until = at + (axis === 'iat' ? 60 : 30 + random(60));
    const { evictions } = store.gauges();
    if (claim(store, `${index}`, { at, axis, until, now }) !== 'claimed') continue;
    const left = [...ends.keys()].filter((key) => remembered(store, [key]) === '');
    const leftEnds = left.map((key) => ends.get(key) as number);
    for (const key of left) ends.delete(key);
    const firstThatStayed = Math.min(...ends.values());
    assert.ok(leftEnds.every((end) => end <= firstThatStayed));
    assert.is(
      store.gauges().evictions - evictions,
      leftEnds.filter((end) => end >= now).length,
      'an eviction is one before its end',
    );
    ends.set(`${index}`, until);
    assert.is(store.gauges().size, ends.size);
    assert.ok(ends.size <= 20);
  }
  assert.ok(store.gauges().evictions > 50);
});

test('[I13] a capacity of several caches is one memory: full to the last place, and no replay beyond', async () => {
  const capacity = 20_000;
  const store = storeOf(capacity);
  const names = Array.from({ length: capacity + 500 }, (_, index) => `jti ${index}`);
  const keys = await Promise.all(names.map((name) => replayKey('k'.repeat(43), name)));
  const uses = keys.map((key, index) => ({ key, at: T0 - 50 + index / 1000 }));
  for (const { key, at } of uses.slice(0, capacity)) assert.is(claim(store, key, { at }), 'claimed');
  assert.equal(store.gauges(), {
    size: capacity,
    capacity,
    evictions: 0,
    floorAge: Number.POSITIVE_INFINITY,
  });
  for (const { key, at } of uses.slice(capacity)) assert.is(claim(store, key, { at }), 'claimed');
  assert.is(store.gauges().size, capacity);
  assert.is(store.gauges().evictions, 500);
  for (const { key, at } of uses) assert.is.not(claim(store, key, { at }), 'claimed');
});

test('[I13] the caches fill evenly, whatever their number: no live use leaves below the capacity', async () => {
  for (const capacity of [2 ** 15, 2 ** 17, 2 ** 18]) {
    const store = storeOf(capacity);
    for (let index = 0; index < capacity; index++) {
      const key = createHash('sha256').update(String(index)).digest('base64url');
      assert.is(claim(store, key, { at: T0 - 50 + index / 10_000 }), 'claimed');
    }
    assert.equal(store.gauges(), {
      size: capacity,
      capacity,
      evictions: 0,
      floorAge: Number.POSITIVE_INFINITY,
    });
  }
});

test('keys that all fall into one cache overflow it, and what it drops is forgotten, never claimed again', () => {
  const store = storeOf(20_000);
  const uses = Array.from({ length: 11_000 }, (_, index) => ({
    key: `aaaaaaaa${index}`,
    at: T0 - 50 + index / 1000,
  }));
  for (const { key, at } of uses) assert.is(claim(store, key, { at }), 'claimed');
  assert.ok(store.gauges().size < 11_000);
  for (const { key, at } of uses) assert.is.not(claim(store, key, { at }), 'claimed');
});

test('gauges tell size, capacity, evictions, and how far back the window reaches', () => {
  const store = storeOf(2);
  assert.equal(store.gauges(), {
    size: 0,
    capacity: 2,
    evictions: 0,
    floorAge: Number.POSITIVE_INFINITY,
  });
  claim(store, 'a', { at: T0 - 40 });
  claim(store, 'b', { at: T0 - 30, axis: 'nonce' });
  assert.is(store.gauges().size, 2);
  claim(store, 'c', { at: T0 });
  assert.equal(store.gauges(), { size: 2, capacity: 2, evictions: 1, floorAge: 40 });
  claim(store, 'd', { at: T0 });
  assert.equal(store.gauges(), { size: 2, capacity: 2, evictions: 2, floorAge: 30 });
  claim(store, 'd', { at: T0 });
  store.read(T0 + 5);
  assert.equal(store.gauges(), { size: 2, capacity: 2, evictions: 2, floorAge: 35 });
});

test('[I12] a key may have its quota of uses in a minute, and others are not touched', () => {
  const store = storeOf(100, 3);
  for (const key of ['a', 'b', 'c']) assert.is(claim(store, key, { jkt: 'greedy' }), 'claimed');
  for (const key of ['d', 'e']) assert.is(claim(store, key, { jkt: 'greedy' }), 'crowded');
  for (const key of ['f', 'g', 'h']) assert.is(claim(store, key, { jkt: 'other' }), 'claimed');
});

test('[I12] a claim that was refused for the quota records nothing', () => {
  const store = storeOf(2, 1);
  claim(store, 'a', { jkt: 'greedy' });
  const before = [store.gauges(), store.read(T0)];
  for (let index = 0; index < 20; index++) {
    assert.is(claim(store, 'b', { jkt: 'greedy' }), 'crowded');
    assert.is(claim(store, `${index}`, { jkt: 'greedy' }), 'crowded');
  }
  assert.equal([store.gauges(), store.read(T0)], before);
  assert.is(claim(store, 'b', { jkt: 'other' }), 'claimed');
});

test('[I12] the next minute is free again, and not before, however often a key tries', () => {
  const store = storeOf(100, 1);
  const greedy = (key: string, now: number): ClaimOutcome => claim(store, key, { jkt: 'greedy', now });
  assert.is(greedy('a', T0), 'claimed');
  for (const second of [0, 30, 59, 59.999]) assert.is(greedy('b', T0 + second), 'crowded');
  assert.is(greedy('b', T0 + 60), 'claimed');
  assert.is(greedy('c', T0 + 60), 'crowded');
  assert.is(greedy('c', T0 + 119), 'crowded');
  assert.is(greedy('c', T0 + 120), 'claimed');
});

test('replays and forgotten proofs do not count against a quota', () => {
  const store = storeOf(10, 2);
  const stranger = storeOf(1).read(T0);
  assert.is(claim(store, 'a'), 'claimed');
  for (let index = 0; index < 5; index++) {
    assert.is(claim(store, 'a'), 'replayed');
    assert.is(claim(store, 'x', { memory: stranger }), 'forgotten');
  }
  assert.is(claim(store, 'b'), 'claimed');
  assert.is(claim(store, 'b'), 'replayed');
  assert.is(claim(store, 'c'), 'crowded');
});

test('[I12] a key that floods ten times the capacity does not shorten the window of the others', () => {
  const store = storeOf(100, 20);
  claim(store, 'of the victim', { jkt: 'victim' });
  for (let index = 0; index < 1000; index++) claim(store, `${index}`, { jkt: 'greedy' });
  assert.equal(store.read(T0).floor, { iat: unknown, nonce: unknown });
  assert.is(claim(store, 'of the victim', { jkt: 'victim' }), 'replayed');
  assert.is(claim(store, 'next of the victim', { jkt: 'victim' }), 'claimed');
  assert.equal([store.gauges().size, store.gauges().evictions], [22, 0]);
});

test('without a quota a key may use all there is', () => {
  const store = storeOf(100);
  for (let index = 0; index < 300; index++)
    assert.is(claim(store, `${index}`, { at: T0 + index / 1000 }), 'claimed');
  assert.is(store.gauges().size, 100);
});

test('[I27] [I28] a clock that jumps a year ahead and back forgets in no silence', () => {
  const year = 365 * 86_400;
  const store = storeOf(10);
  claim(store, 'a', { at: T0 });
  claim(store, 'b', { at: T0 + 1, axis: 'nonce' });
  assert.is(claim(store, 'c', { at: T0 + year, now: T0 + year }), 'claimed');
  assert.equal(store.read(T0).floor, { iat: T0, nonce: T0 + 1 });
  assert.is(store.read(T0).now, T0 + year);
  assert.is(claim(store, 'a', { at: T0 }), 'forgotten');
  assert.is(claim(store, 'b', { at: T0 + 1, axis: 'nonce' }), 'forgotten');
  assert.is(claim(store, 'c', { at: T0 + year }), 'replayed');
  for (let index = 0; index < 100; index++) {
    const at = T0 + year + index / 1000;
    assert.is(claim(store, `nonce ${index}`, { at, axis: 'nonce', now: T0 + index }), 'claimed');
    assert.is(claim(store, `nonce ${index}`, { at, axis: 'nonce', now: T0 + index }), 'replayed');
  }
  assert.is(store.gauges().size, 10);
});

test('[I12] [I28] a quota is free again after a minute although the clock was a year ahead before', () => {
  let elapsed = 0;
  const store = storeOf(100, 1, () => elapsed);
  store.read(T0 + 365 * 86_400);
  const greedy = (key: string): ClaimOutcome =>
    claim(store, key, { at: T0 + 365 * 86_400 + elapsed, now: T0 + elapsed });
  assert.is(greedy('a'), 'claimed');
  elapsed = 59;
  assert.is(greedy('b'), 'crowded');
  elapsed = 60;
  assert.is(greedy('b'), 'claimed');
});

test('[I27] [I28] while the clock is behind, time goes on by the one that nobody sets', () => {
  let elapsed = 500;
  const store = storeOf(10, undefined, () => elapsed);
  assert.is(store.read(T0).now, T0);
  elapsed += 7;
  assert.is(store.read(T0 - 3600).now, T0 + 7);
  assert.is(store.read(T0 - 3600).now, T0 + 7, 'no time has gone by');
  elapsed += 3;
  assert.is(store.read(T0 + 1).now, T0 + 10);
  elapsed += 100;
  assert.is(store.read(T0 + 500).now, T0 + 500, 'a clock that is not behind is believed');
});

test('[I14] after an idle hour a claim is taken at once, and what is over leaves two by two', () => {
  const store = storeOf(100);
  for (let index = 0; index < 100; index++) claim(store, `${index}`, { at: T0 + (index % 7) });
  const now = T0 + 3600;
  for (let index = 1; index <= 50; index++) {
    assert.is(claim(store, `new ${index}`, { at: now, now }), 'claimed');
    assert.is(store.gauges().size, 100 - index);
  }
  assert.is(store.gauges().evictions, 0);
  assert.equal(store.read(0).floor, { iat: T0 + 6, nonce: unknown });
  assert.is(
    remembered(
      store,
      Array.from({ length: 100 }, (_, index) => `${index}`),
    ),
    '',
  );
});

const run = promisify(execFile);
const module = new URL('../src/replay-memory.js', import.meta.url);

/** A process of its own, so that its heap holds nothing else. */
async function heapGrowth(body: string): Promise<number> {
  const text = `
    import { createMemoryReplayStore } from ${JSON.stringify(module.href)};
    const store = createMemoryReplayStore({ capacity: 1000, clock: () => 0 });
    const use = (key, at, axis = 'iat') => {
      const claim = { jkt: 'client', key, time: { axis, at }, until: at + 60, memory: store.read(at) };
      if (store.claim(claim) === 'claimed') taken++;
    };
    let taken = 0;
    const heap = () => { gc(); gc(); return process.memoryUsage().heapUsed; };
    const name = (index) => 'a key that is as long as real ones are '.concat(index);
    for (let index = 1; index <= 5000; index++) use(name(index), index / 100);
    const before = heap();
    ${body}
    console.log(heap() - before);
    if (store.gauges().size !== 1000 || taken < 100_000) throw new Error('no flood: ' + taken);`;
  const { stdout } = await run(process.execPath, ['--expose-gc', '--input-type=module', '-e', text], {
    timeout: 30_000,
  });
  return Number(stdout);
}

for (const [how, body] of Object.entries({
  'at one time': 'for (let index = 0; index < 300_000; index++) use(name(-index), 51 + index / 1e6);',
  'over an hour': 'for (let index = 0; index < 300_000; index++) use(name(-index), 51 + index / 83);',
  'on both axes, with falling ends': `for (let index = 0; index < 300_000; index++) {
    use(name(-index), 60 + index / 83 + (50 - index % 50), index % 2 === 0 ? 'iat' : 'nonce');
  }`,
})) {
  test(`[I36] a flood of 300 times the capacity ${how} leaves nothing behind`, async () => {
    const growth = await heapGrowth(body);
    // A key and its place are more than 50 bytes: what kept them all would have grown by 15 MB.
    assert.ok(growth < 1_000_000, `${growth} bytes`);
  });
}

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

for (const name of ['NODE_UNIQUE_ID', 'NODE_APP_INSTANCE', 'pm_id']) {
  test(`[I08] warns in a worker that has ${name} set, that of instance 0 as well`, () => {
    for (const value of ['0', '3']) {
      const [[message, options] = [], ...others] = warningsOf({ [name]: value });
      assert.equal(options, { code: 'HOLDFAST_ONE_PROCESS' });
      assert.match(String(message), /^holdfast: .*one process/);
      assert.equal(others, []);
    }
  });
}

test('[I08] does not warn where there is one process', () => {
  assert.equal(warningsOf({}), []);
  assert.equal(warningsOf({ SOME_ID: '1' }), []);
});

test('[I08] warns in a real worker of node:cluster, and not in its primary', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-'));
  const file = join(folder, 'main.mjs');
  const text = `
    import cluster from 'node:cluster';
    import { createMemoryReplayStore } from ${JSON.stringify(module.href)};
    process.on('warning', ({ code }) => console.log(cluster.isPrimary ? 'primary' : 'worker', code));
    createMemoryReplayStore({ capacity: 1 });
    if (cluster.isPrimary) cluster.fork();
    else setImmediate(() => process.disconnect());`;
  try {
    await writeFile(file, text);
    const { stdout } = await run(process.execPath, [file], { timeout: 20_000 });
    assert.is(stdout, 'worker HOLDFAST_ONE_PROCESS\n');
  } finally {
    await rm(folder, { recursive: true });
  }
});

test('refuses options that make no sense, by name', () => {
  const refused = (name: string) => (error: unknown) =>
    error instanceof TypeError && error.message.includes(`"${name}"`);
  assert.throws(() => createMemoryReplayStore({ capacity: 1, quota: 1 } as never), refused('quota'));
  const counts = [0, -1, 1.5, Number.NaN, '100', null, 2 ** 53];
  for (const capacity of [...counts, undefined, Number.POSITIVE_INFINITY]) {
    const options = { capacity } as MemoryReplayStoreOptions;
    assert.throws(() => createMemoryReplayStore(options), refused('capacity'));
  }
  for (const quotaPerKey of [...counts, Number.POSITIVE_INFINITY]) {
    const options = { capacity: 1, quotaPerKey } as MemoryReplayStoreOptions;
    assert.throws(() => createMemoryReplayStore(options), refused('quotaPerKey'));
  }
  assert.throws(() => createMemoryReplayStore({ capacity: 10_000_001 }), refused('capacity'));
  assert.throws(
    () => createMemoryReplayStore({ capacity: 1, monotonicClock: 5 as never }),
    refused('monotonicClock'),
  );
  assert.throws(() => createMemoryReplayStore({ capacity: 1, clock: 5 as never }), refused('clock'));
  for (const options of [undefined, null, 100]) {
    assert.throws(() => createMemoryReplayStore(options as never), /options must be an object/);
  }
});

test.run();
