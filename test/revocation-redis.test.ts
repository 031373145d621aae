import { setTimeout as sleep } from 'node:timers/promises';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import * as redis from '../src/redis.ts';
import { createRevocations, type RevocationAnswer, type RevocationEntry } from '../src/revocation.ts';
import {
  createRedisRevocationStore,
  type RedisRevocationStore,
  type RedisRevocationStoreOptions,
} from '../src/revocation-redis.ts';
import { revocationScript } from '../src/revocation-script.ts';
import { reasonOf, refusalOf, T0 } from './_setup.ts';

/** The Redis store without Redis: what it sends, and what it makes of any answer. */

const test = suite('revocation-redis');

/** What the script answers; `change` replaces parts by their place. */
function replyOf(answer: string, change: Readonly<Record<number, unknown>> = {}): unknown[] {
  const reply: unknown[] = [answer, 'memory-1', String(T0 * 1000), 'noeviction'];
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

/** Answers as Redis does. */
const honest: Answer = ({ parameters }) => replyOf(parameters[5] === 'add' ? 'added' : 'live');

interface FakeClient {
  readonly client: RedisRevocationStoreOptions['client'];
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

const always = Number.POSITIVE_INFINITY;
const entry: RevocationEntry = { key: 'key', before: always, until: T0 + 60 };

interface Token {
  readonly issuedAt?: number;
  readonly expires?: number;
  readonly now?: number;
}

async function look(store: RedisRevocationStore, token: Token = {}): Promise<RevocationAnswer> {
  return store.look({ keys: ['a', 'b'], issuedAt: T0 - 10, expires: T0 + 60, now: T0, ...token });
}

async function messageOf(attempt: unknown): Promise<string> {
  return Promise.resolve(attempt).then(
    (value) => `no error but ${String(value)}`,
    (error: unknown) => (error as Error).message,
  );
}

for (const [family, create] of Object.entries({ 'node-redis': nodeRedis, ioredis: ioRedis })) {
  test(`${family}: sends hash, three keys of one slot, and numbers as text`, async () => {
    const fake = create();
    const store = createRedisRevocationStore({ client: fake.client, name: 'shop' });
    await store.add(entry, T0);
    assert.is(await look(store), 'live');
    const [added, looked] = fake.calls as [Call, Call];
    assert.equal(
      added.keys,
      ['memory', 'ends', 'befores'].map((each) => `{shop}:revocation-${each}`),
    );
    assert.equal(looked.keys, added.keys);
    assert.match(added.script, /^[0-9a-f]{40}$/);
    const time = String(T0 * 1000);
    assert.match(added.parameters[1] ?? '', /^[0-9a-f-]{36}$/);
    const sent = ({ parameters }: Call): string[] => parameters.filter((_, index) => index !== 1);
    const until = String((T0 + 60) * 1000);
    assert.equal(sent(added), [time, '', '0', 'check', 'add', 'key', '9000000000000000', until]);
    const issued = String((T0 - 10) * 1000);
    assert.equal(sent(looked), [time, 'memory-1', time, '', 'look', issued, until, 'a', 'b']);
  });

  test(`${family}: sends the whole script where its hash is unknown`, async () => {
    const fake = create((call) => {
      if (call.command === 'byHash') throw new Error('NOSCRIPT No matching script. Please use EVAL.');
      return honest(call);
    });
    assert.is(await look(createRedisRevocationStore({ client: fake.client })), 'live');
    assert.equal(
      fake.calls.map(({ command }) => command),
      ['byHash', 'byText'],
    );
    assert.is(fake.calls[1]?.script, revocationScript);
    assert.equal(fake.calls[1]?.parameters, fake.calls[0]?.parameters);
  });
}

test('holdfast/redis gives what both memories are made with', () => {
  assert.equal(Object.keys(redis), ['createRedisReplayStore', 'createRedisRevocationStore']);
  assert.is(redis.createRedisRevocationStore, createRedisRevocationStore);
});

test('moments of entries and clocks are rounded up, those of tokens down: nothing is revoked too little', async () => {
  const fake = nodeRedis();
  const store = createRedisRevocationStore({ client: fake.client });
  await store.add({ key: 'key', before: T0 + 0.0002, until: T0 + 0.0012 }, T0 + 0.0042);
  await look(store, { issuedAt: T0 + 0.0018, expires: T0 + 0.0028, now: T0 + 0.0005 });
  const milliseconds = (call: Call | undefined, ...places: number[]): number[] =>
    places.map((place) => Number(call?.parameters[place]) - T0 * 1000);
  assert.equal(milliseconds(fake.calls[0], 0, 7, 8), [5, 1, 2]);
  assert.equal(milliseconds(fake.calls[1], 0, 6, 7), [1, 1, 2]);
});

test('times that no script could compare are brought into its range, and never to where they are live', async () => {
  const fake = nodeRedis();
  const store = createRedisRevocationStore({ client: fake.client });
  await store.add({ key: 'key', before: 1e300, until: always }, T0);
  assert.equal(fake.calls[0]?.parameters.slice(7), ['9000000000000000', '9000000000000000']);
  const sent: Readonly<Record<string, readonly [number, string]>> = {
    'no number': [Number.NaN, '-1'],
    'no time': [undefined as unknown as number, '-1'],
    'before all times': [Number.NEGATIVE_INFINITY, '-1'],
    'after all times': [always, '8999999999999999'],
    'far ahead': [1e300, '8999999999999999'],
  };
  for (const [name, [time, text]] of Object.entries(sent)) {
    const { length } = fake.calls;
    // undefined would be the valid token's
    await store.look({ keys: ['a'], issuedAt: time, expires: time, now: T0 });
    assert.equal(fake.calls[length]?.parameters.slice(6, 8), [text, text], name);
  }
});

test('every look is a round trip: nothing that was looked up is remembered', async () => {
  const fake = nodeRedis();
  const store = createRedisRevocationStore({ client: fake.client });
  const answers = ['live', 'revoked', 'forgotten', 'live'];
  for (const answer of answers) {
    fake.answer = () => replyOf(answer);
    assert.is(await look(store), answer);
  }
  assert.is(fake.calls.length, answers.length);
});

test('tells each memory which one it knew, and the highest time of all', async () => {
  const fake = nodeRedis(() => replyOf('live', { 2: String((T0 + 60) * 1000) }));
  const store = createRedisRevocationStore({ client: fake.client });
  await look(store);
  fake.answer = () => replyOf('live', { 1: 'memory-2' });
  await look(store);
  await look(store);
  const told = fake.calls.map(({ parameters }) => [parameters[2], parameters[3]]);
  const latest = String((T0 + 60) * 1000);
  assert.equal(told, [
    ['', '0'],
    ['memory-1', latest],
    ['memory-2', latest],
  ]);
  assert.is(new Set(fake.calls.map(({ parameters }) => parameters[1])).size, 3);
});

test('additions and ready check each time, looks ten times a second, and at once after a refusal', async () => {
  const fake = nodeRedis();
  const store = createRedisRevocationStore({ client: fake.client });
  const checks = async (attempt: unknown): Promise<boolean> => {
    await messageOf(attempt);
    return fake.calls.at(-1)?.parameters[4] === 'check';
  };
  assert.ok(await checks(look(store)));
  const checked = performance.now();
  assert.ok(!(await checks(look(store))) || performance.now() > checked + 100);
  for (let count = 0; count < 2; count++) {
    assert.ok(await checks(store.ready()));
    assert.ok(await checks(store.add(entry, T0)));
  }
  await sleep(110);
  assert.ok(await checks(look(store)));
  fake.answer = () => replyOf('live', { 3: 'allkeys-lru' });
  assert.ok(await checks(store.ready()));
  assert.ok(await checks(look(store)));
});

test('is ready by the clock of the system', async () => {
  const fake = nodeRedis();
  await createRedisRevocationStore({ client: fake.client }).ready();
  const [now = ''] = fake.calls[0]?.parameters ?? [];
  assert.ok(Math.abs(Number(now) - Date.now()) < 60_000);
});

test('[I15] refuses every policy but noeviction, when it is ready, adds and looks', async () => {
  for (const policy of ['allkeys-lru', 'volatile-ttl', 'nonsense']) {
    const fake = nodeRedis((call) => replyOf(call.parameters[5] === 'add' ? 'added' : 'live', { 3: policy }));
    const store = createRedisRevocationStore({ client: fake.client });
    for (const attempt of [() => store.ready(), () => store.add(entry, T0), () => look(store)])
      assert.match(await messageOf(attempt()), policy);
    fake.answer = honest;
    await store.ready();
    assert.is(await look(store), 'live');
  }
});

test('[I15] an unknown policy is refused, or trusted on demand; a wrong one never', async () => {
  const fake = nodeRedis(() => replyOf('live', { 3: '' }));
  assert.match(await messageOf(createRedisRevocationStore({ client: fake.client }).ready()), 'unknown');
  const trusting = createRedisRevocationStore({ client: fake.client, unknownPolicy: 'trust' });
  await trusting.ready();
  fake.answer = () => replyOf('live', { 3: 'allkeys-lfu' });
  assert.match(await messageOf(trusting.ready()), 'allkeys-lfu');
});

const garbage: Readonly<Record<string, unknown>> = {
  undefined: undefined,
  null: null,
  'a word': 'live',
  'a number': 1,
  'an object': { 0: 'live', length: 4 },
  'an empty list': [],
  'a list that is too short': replyOf('live').slice(0, 3),
  'a list that is too long': [...replyOf('live'), ''],
  'an unknown word': replyOf('OK'),
  'the word of the other command': ({ parameters }: Call) =>
    replyOf(parameters[5] === 'add' ? 'live' : 'added'),
  'a word that every object has': replyOf('toString'),
  'no word': replyOf(''),
  'a memory without a name': replyOf('live', { 1: '' }),
  'a time that is no number': replyOf('live', { 2: 'soon' }),
  'a time that is empty': replyOf('live', { 2: '' }),
  'a time without end': replyOf('live', { 2: 'Infinity' }),
  'a part that is a number': replyOf('live', { 2: T0 * 1000 }),
  'a part that is null': replyOf('live', { 1: null }),
  'a part that is a buffer': replyOf('live', { 1: Buffer.from('memory-1') }),
};

for (const [name, reply] of Object.entries(garbage)) {
  test(`[I32] refuses an answer that is ${name}`, async () => {
    const answer = (word: string): Answer =>
      typeof reply === 'function'
        ? (reply as Answer)
        : () => (Array.isArray(reply) && reply[0] === 'live' ? [word, ...reply.slice(1)] : reply);
    const looking = createRedisRevocationStore({ client: nodeRedis(answer('live')).client });
    assert.match(await messageOf(look(looking)), 'something else');
    const adding = createRedisRevocationStore({ client: nodeRedis(answer('added')).client });
    assert.match(await messageOf(adding.add(entry, T0)), 'something else');
  });
}

const trouble: Readonly<Record<string, Answer>> = {
  'throws at once': () => {
    throw new Error('READONLY');
  },
  'rejects with nothing': () => Promise.reject(undefined),
  'never answers': () => new Promise(() => undefined),
  'answers garbage': () => 'OK',
};

const token = { iss: 'https://as.example', jti: 'jti', sub: 'alice', iat: T0 - 10, exp: T0 + 60 };

for (const [name, answer] of Object.entries(trouble)) {
  test(`[G12] [I18] [I32] a client that ${name} means 503, and that nothing was revoked for sure`, async () => {
    const fake = nodeRedis(answer);
    const store = createRedisRevocationStore({ client: fake.client, deadline: 20 });
    const revocations = createRevocations({ store, clock: () => T0 });
    const refusal = await refusalOf(revocations.refuseRevoked(token, undefined, T0));
    assert.equal([refusal.reason, refusal.code], ['revocation-store-unavailable', 'temporarily_unavailable']);
    await revocations.revoke({ jkt: 'A'.repeat(43) }).then(
      () => assert.unreachable('told to be revoked'),
      () => undefined,
    );
    fake.answer = honest;
    await revocations.refuseRevoked(token, undefined, T0);
  });
}

test('[I19] an answer that comes too late admits nobody', async () => {
  let release: ((reply: unknown) => void) | undefined;
  const fake = nodeRedis(
    () =>
      new Promise((resolve) => {
        release = resolve;
      }),
  );
  const store = createRedisRevocationStore({ client: fake.client, deadline: 20 });
  const attempt = reasonOf(createRevocations({ store }).refuseRevoked(token, undefined, T0));
  assert.is(await attempt, 'revocation-store-unavailable');
  release?.(replyOf('live'));
  await sleep(1);
  assert.is(fake.calls.length, 1);
});

test('[I18] after three failures it asks no more, then once at a time, then works again', async () => {
  const fake = nodeRedis(() => Promise.reject(new Error('down')));
  const store = createRedisRevocationStore({ client: fake.client });
  for (let count = 0; count < 3; count++) assert.is(await messageOf(look(store)), 'down');
  assert.is(await messageOf(look(store)), 'the circuit is open');
  assert.is(await messageOf(store.add(entry, T0)), 'the circuit is open');
  assert.is(fake.calls.length, 3);
  fake.answer = honest;
  await sleep(210);
  const looks = await Promise.all([1, 2, 3].map(() => messageOf(look(store))));
  assert.equal(looks, ['no error but live', 'the circuit is open', 'the circuit is open']);
  assert.is(fake.calls.length, 4);
});

test('what is no entry, or no time, is refused before it is sent', async () => {
  const fake = nodeRedis();
  const store = createRedisRevocationStore({ client: fake.client });
  for (const change of [{ key: '' }, { before: Number.NaN }, { until: -1 }, { until: undefined }]) {
    const attempt = store.add({ ...entry, ...change } as RevocationEntry, T0);
    assert.instance(await attempt.catch((error: unknown) => error), TypeError);
  }
  for (const now of [Number.NaN, Date.now(), -1]) {
    assert.instance(await store.add(entry, now).catch((error: unknown) => error), TypeError);
    assert.instance(await look(store, { now }).catch((error: unknown) => error), TypeError);
  }
  assert.is(fake.calls.length, 0);
});

test('refuses options that make no sense, by name', () => {
  const { client } = nodeRedis();
  const wrong: Readonly<Record<string, readonly unknown[]>> = {
    client: [undefined, null, {}, 'redis://localhost', { eval: () => 1 }],
    name: ['', 'a{b', 'a}b', '{}', 5],
    deadline: [0, -1, 0.5, Number.NaN, always, '50', 60_001],
    unknownPolicy: ['Trust', 'yes', true, ''],
    capacity: [10],
  };
  for (const [option, values] of Object.entries(wrong)) {
    for (const value of values) {
      const create = (): unknown =>
        createRedisRevocationStore({ client, [option]: value } as RedisRevocationStoreOptions);
      assert.throws(
        create,
        (error: unknown) => error instanceof TypeError && error.message.includes(`"${option}"`),
        `${option}: ${String(value)}`,
      );
    }
  }
  assert.throws(
    () => createRedisRevocationStore(undefined as unknown as RedisRevocationStoreOptions),
    TypeError,
  );
});

test.run();
