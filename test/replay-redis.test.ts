import { setTimeout as sleep } from 'node:timers/promises';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { ClaimOutcome } from '../src/replay.ts';
import {
  createRedisReplayStore,
  type RedisReplayStore,
  type RedisReplayStoreOptions,
} from '../src/replay-redis.ts';
import { replayScript } from '../src/replay-script.ts';
import { createRequest, createWorld, reasonOf, refusalOf, T0 } from './_setup.ts';

/** The Redis store without Redis: what it sends, and what it makes of any answer. */

const test = suite('replay-redis');

const birth = (T0 - 1000) * 1000;

/** What the script answers; `change` replaces parts by their place. */
function replyOf(outcome: string, change: Readonly<Record<number, unknown>> = {}): unknown[] {
  const reply: unknown[] = [outcome, 'memory-1', String(birth), String(T0 * 1000), '0', '0', 'noeviction'];
  for (const [place, value] of Object.entries(change)) reply[Number(place)] = value;
  return reply;
}

interface Call {
  readonly command: 'byHash' | 'byText';
  readonly script: string;
  readonly keys: readonly string[];
  readonly parameters: readonly string[];
}

type Answer = (call: Call) => unknown;

/** Answers as Redis does: a look with the memory, a claim with `claimed`. */
const honest: Answer = ({ parameters }) => replyOf(parameters.length > 4 ? 'claimed' : 'read');

interface FakeClient {
  readonly client: RedisReplayStoreOptions['client'];
  readonly calls: Call[];
  answer: Answer;
}

/** Shaped like a client of node-redis. */
function nodeRedis(answer: Answer = honest): FakeClient {
  const fake = {
    answer,
    calls: [] as Call[],
    client: {
      eval: async (script: string, given: { keys: string[]; arguments: string[] }) =>
        note('byText', script, given.keys, given.arguments),
      evalSha: async (script: string, given: { keys: string[]; arguments: string[] }) =>
        note('byHash', script, given.keys, given.arguments),
    },
  };
  const note = (command: Call['command'], script: string, keys: string[], parameters: string[]): unknown => {
    const call = { command, script, keys, parameters };
    fake.calls.push(call);
    return fake.answer(call);
  };
  return fake;
}

/** Shaped like a client of ioredis. */
function ioRedis(answer: Answer = honest): FakeClient {
  const fake = {
    answer,
    calls: [] as Call[],
    client: {
      eval: async (script: string, count: number, ...rest: string[]) => note('byText', script, count, rest),
      evalsha: async (script: string, count: number, ...rest: string[]) =>
        note('byHash', script, count, rest),
    },
  };
  const note = (command: Call['command'], script: string, count: number, rest: string[]): unknown => {
    const call = { command, script, keys: rest.slice(0, count), parameters: rest.slice(count) };
    fake.calls.push(call);
    return fake.answer(call);
  };
  return fake;
}

const families = { 'node-redis': nodeRedis, ioredis: ioRedis } as const;

/** Looks at the memory and claims a use by it. */
async function use(store: RedisReplayStore, key = 'key'): Promise<ClaimOutcome> {
  const memory = await store.read(T0);
  return store.claim({ jkt: 'jkt', key, time: { axis: 'iat', at: T0 }, until: T0 + 60, memory });
}

async function messageOf(attempt: unknown): Promise<string> {
  return Promise.resolve(attempt).then(
    (value) => `no error but ${String(value)}`,
    (error: unknown) => (error as Error).message,
  );
}

for (const [family, create] of Object.entries(families)) {
  test(`${family}: sends hash, two keys of one slot, and numbers as text`, async () => {
    const fake = create();
    const store = createRedisReplayStore({ client: fake.client, name: 'shop', capacity: 7 });
    assert.is(await use(store), 'claimed');
    const [look, claim] = fake.calls as [Call, Call];
    assert.equal(look.keys, ['{shop}:memory', '{shop}:uses']);
    assert.equal(claim.keys, look.keys);
    assert.match(look.script, /^[0-9a-f]{40}$/);
    assert.is(look.parameters.length, 4);
    assert.is(look.parameters[0], String(T0 * 1000));
    assert.equal(look.parameters.slice(2), ['', '0']);
    assert.equal(claim.parameters.slice(2), [
      'memory-1',
      String(T0 * 1000),
      '7',
      'key',
      'iat',
      String(T0 * 1000),
      '60000',
      'memory-1',
      String((T0 - 1000) * 1000),
    ]);
  });

  test(`${family}: sends the whole script where its hash is unknown`, async () => {
    const fake = create((call) => {
      if (call.command === 'byHash') throw new Error('NOSCRIPT No matching script. Please use EVAL.');
      return honest(call);
    });
    assert.is(await use(createRedisReplayStore({ client: fake.client })), 'claimed');
    assert.equal(
      fake.calls.map(({ command }) => command),
      ['byHash', 'byText', 'byHash', 'byText'],
    );
    assert.is(fake.calls[1]?.script, replayScript);
    assert.equal(fake.calls[1]?.parameters, fake.calls[0]?.parameters);
  });
}

test('tells of the memory in seconds', async () => {
  const { client } = nodeRedis(() => replyOf('read', { 4: '1799999990001', 5: '1799999980500' }));
  const memory = await createRedisReplayStore({ client }).read(T0 - 5);
  assert.equal(memory, {
    id: 'memory-1',
    birth: T0 - 1000,
    now: T0,
    floor: { iat: 1_799_999_990.001, nonce: 1_799_999_980.5 },
  });
});

test('looks once for a tenth of a second; the clock of the caller counts meanwhile', async () => {
  const fake = nodeRedis();
  const store = createRedisReplayStore({ client: fake.client });
  await store.read(T0);
  assert.is((await store.read(T0 + 5)).now, T0 + 5);
  assert.is(fake.calls.length, 1);
  await sleep(110);
  await store.read(T0);
  assert.is(fake.calls.length, 2);
});

test('a new memory is told of by the answer to a claim', async () => {
  const fake = nodeRedis();
  const store = createRedisReplayStore({ client: fake.client });
  const memory = await store.read(T0);
  fake.answer = () => replyOf('forgotten', { 1: 'memory-2', 6: '' });
  const claim = { jkt: 'jkt', key: 'key', time: { axis: 'iat', at: T0 }, until: T0 + 60, memory } as const;
  assert.is(await store.claim(claim), 'forgotten');
  assert.is((await store.read(T0)).id, 'memory-2');
});

test('[I15] refuses every policy but noeviction, when it is ready and later', async () => {
  for (const policy of ['allkeys-lru', 'volatile-ttl', 'nonsense']) {
    const fake = nodeRedis(() => replyOf('read', { 6: policy }));
    const store = createRedisReplayStore({ client: fake.client });
    assert.match(await messageOf(store.ready()), policy);
    assert.match(await messageOf(store.read(T0)), policy);
    fake.answer = honest;
    await store.ready();
  }
});

test('[I15] an unknown policy is refused, or trusted on demand; a wrong one never', async () => {
  const fake = nodeRedis(() => replyOf('read', { 6: '' }));
  assert.match(await messageOf(createRedisReplayStore({ client: fake.client }).ready()), 'unknown');
  const trusting = createRedisReplayStore({ client: fake.client, unknownPolicy: 'trust' });
  await trusting.ready();
  fake.answer = () => replyOf('read', { 6: 'allkeys-lfu' });
  assert.match(await messageOf(trusting.ready()), 'allkeys-lfu');
});

const garbage: Readonly<Record<string, unknown>> = {
  undefined: undefined,
  null: null,
  'a word': 'OK',
  'a number': 1,
  'an object': { 0: 'claimed', length: 7 },
  'an empty list': [],
  'a list that is too short': replyOf('claimed').slice(0, 6),
  'a list that is too long': [...replyOf('claimed'), ''],
  'a part that is a number': replyOf('claimed', { 3: T0 * 1000 }),
  'a part that is null': replyOf('claimed', { 1: null }),
  'a part that is a buffer': replyOf('claimed', { 1: Buffer.from('memory-1') }),
};

for (const [name, reply] of Object.entries(garbage)) {
  test(`[I32] refuses an answer that is ${name}`, async () => {
    const fake = nodeRedis(() => reply);
    const store = createRedisReplayStore({ client: fake.client });
    assert.match(await messageOf(store.read(T0)), 'something else');
    const memory = await createRedisReplayStore({ client: nodeRedis().client }).read(T0);
    const claim = { jkt: 'jkt', key: 'key', time: { axis: 'iat', at: T0 }, until: T0 + 60, memory } as const;
    assert.match(await messageOf(store.claim(claim)), 'something else');
  });
}

const trouble: Readonly<Record<string, Answer>> = {
  'throws at once': () => {
    throw new Error('READONLY');
  },
  'rejects with nothing': () => Promise.reject(undefined),
  'never answers': () => new Promise(() => undefined),
  'answers garbage': () => 'OK',
  'answers with times that are no numbers': () => replyOf('read', { 2: 'soon', 3: 'NaN' }),
  'answers with an unknown outcome': ({ parameters }) => replyOf(parameters.length > 4 ? 'OK' : 'read'),
};

for (const [name, answer] of Object.entries(trouble)) {
  test(`[I18] [I32] a client that ${name} means 503 with Retry-After, and nothing is consumed`, async () => {
    const fake = nodeRedis(answer);
    const replay = createRedisReplayStore({ client: fake.client, deadline: 20 });
    const world = await createWorld({ replay });
    const request = await createRequest(world);
    const refusal = await refusalOf(world.server.authorize(request));
    assert.is(refusal.reason, 'replay-store-unavailable');
    const { status, headers } = world.server.challenge(refusal);
    assert.is(status, 503);
    assert.match(String(headers['retry-after']), /^\d+$/);
    fake.answer = honest;
    await sleep(110); // what it answered before is forgotten by then
    assert.ok(await world.server.authorize(request));
  });
}

test('a client that throws, not rejects, is a failure like any other', async () => {
  const client = { ...nodeRedis().client, evalSha: throwNow };
  assert.is(await messageOf(createRedisReplayStore({ client }).read(T0)), 'closed');
});

test('[I19] a late success admits nobody', async () => {
  let release: ((reply: unknown) => void) | undefined;
  const fake = nodeRedis((call) =>
    call.parameters.length > 4
      ? new Promise((resolve) => {
          release = resolve;
        })
      : honest(call),
  );
  const replay = createRedisReplayStore({ client: fake.client, deadline: 20 });
  const world = await createWorld({ replay });
  const attempt = reasonOf(world.server.authorize(await createRequest(world)));
  assert.is(await attempt, 'replay-store-unavailable');
  release?.(replyOf('claimed'));
  await sleep(1);
  assert.is(fake.calls.length, 2);
});

test('[I18] after three failures it asks no more, then once at a time, then works again', async () => {
  const fake = nodeRedis(() => Promise.reject(new Error('down')));
  const store = createRedisReplayStore({ client: fake.client });
  for (let count = 0; count < 3; count++) assert.is(await messageOf(store.read(T0)), 'down');
  assert.is(await messageOf(store.read(T0)), 'the circuit is open');
  assert.is(fake.calls.length, 3);
  fake.answer = honest;
  await sleep(210);
  const looks = await Promise.all([1, 2, 3].map(() => messageOf(store.read(T0))));
  assert.equal(looks.slice(1), ['the circuit is open', 'the circuit is open']);
  assert.is(fake.calls.length, 4);
  assert.is(await use(store), 'claimed');
});

test('refuses options that make no sense, by name', () => {
  const { client } = nodeRedis();
  const wrong: Readonly<Record<string, readonly unknown[]>> = {
    client: [
      undefined,
      null,
      {},
      'redis://localhost',
      { eval: () => 1 },
      { evalSha: () => 1, evalsha: () => 1 },
    ],
    name: ['', 'a{b', 'a}b', '{}', 5],
    capacity: [0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, '10'],
    deadline: [0, -1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, '50'],
    unknownPolicy: ['Trust', 'yes', true, ''],
    Name: ['a'],
  };
  for (const [option, values] of Object.entries(wrong)) {
    for (const value of values) {
      const create = (): unknown =>
        createRedisReplayStore({ client, [option]: value } as RedisReplayStoreOptions);
      assert.throws(
        create,
        (error: unknown) => error instanceof TypeError && error.message.includes(`"${option}"`),
      );
    }
  }
  assert.throws(() => createRedisReplayStore(undefined as unknown as RedisReplayStoreOptions), TypeError);
});

test.run();

function throwNow(): never {
  throw new Error('closed');
}
