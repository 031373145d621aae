import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createRedisReplayStore } from '../../src/replay-redis.ts';
import { createRevocations, type RevocationAnswer } from '../../src/revocation.ts';
import {
  createRedisRevocationStore,
  type RedisRevocationStore,
  type RedisRevocationStoreOptions,
} from '../../src/revocation-redis.ts';
import { revocationStoreContract } from '../../src/testing/revocation-contract.ts';
import { reasonOf, T0 } from '../_setup.ts';
import { TcpProxy } from '../faults/tcp-proxy.ts';
import { type Connection, claim, clients, clusterClients, connect, messageOf } from './_clients.ts';
import type { RevokerOrder, RevokerSetup } from './_revoker.ts';
import {
  type RedisServer,
  redisInstalled,
  startCluster,
  startRedis,
  startReplicaOf,
  until,
  withRedis,
} from './_server.ts';

/** The revocation memory in a real Redis: what one node revokes, all refuse, whatever happens to the server. */

const test = suite('redis revocation');
const redisTest = withRedis(test);

let server: RedisServer;
const stops: (() => unknown)[] = [];

const meta = '{holdfast}:revocation-memory';
const ends = '{holdfast}:revocation-ends';
const befores = '{holdfast}:revocation-befores';

test.before(async () => {
  if (redisInstalled) server = await startRedis();
});
test.before.each(async () => {
  if (redisInstalled) await server.cli('FLUSHALL');
});
test.after.each(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
});
test.after(async () => {
  if (redisInstalled) await server.stop();
});

async function clientOf(connecting: Promise<Connection>): Promise<Connection['client']> {
  const connection = await connecting;
  stops.push(() => connection.close());
  return connection.client;
}

/** Patient by default: these machines may be busy, and a healthy Redis must not be refused for it. */
async function open(
  port: number = server.port,
  options: Partial<RedisRevocationStoreOptions> = {},
): Promise<RedisRevocationStore> {
  return createRedisRevocationStore({ client: await clientOf(connect(port)), deadline: 5000, ...options });
}

/** A server of the test's own, which is gone after it. */
async function own(starting: Promise<RedisServer>): Promise<RedisServer> {
  const started = await starting;
  stops.push(() => started.stop());
  return started;
}

async function proxyTo(port: number): Promise<TcpProxy> {
  const proxy = await new TcpProxy(port).start();
  stops.push(() => proxy.close());
  return proxy;
}

const always = Number.POSITIVE_INFINITY;

interface Entry {
  readonly before?: number;
  readonly until?: number;
  readonly now?: number;
}

async function add(store: RedisRevocationStore, key: string, entry: Entry = {}): Promise<void> {
  const { before = always, until = T0 + 600, now = T0 } = entry;
  await store.add({ key, before, until }, now);
}

interface Token {
  readonly issuedAt?: number;
  readonly expires?: number;
  readonly now?: number;
}

function look(store: RedisRevocationStore, key: string, token: Token = {}): Promise<RevocationAnswer> {
  const { issuedAt = T0, expires = T0 + 300, now = T0 } = token;
  return store.look({ keys: [key], issuedAt, expires, now });
}

async function empty(): Promise<RedisRevocationStore> {
  await server.cli('FLUSHALL');
  return open();
}

for (const { name, run } of revocationStoreContract(empty)) redisTest(`contract: ${name}`, run);

const token = {
  iss: 'https://as.example',
  jti: 'jti-1',
  sub: 'alice',
  iat: T0,
  exp: T0 + 300,
  grant_id: 'grant-1',
};
const jkt = `${'j'.repeat(42)}g`;

async function startRevoker(setup: RevokerSetup): Promise<(order: RevokerOrder) => Promise<unknown>> {
  const child: ChildProcess = fork(new URL('./_revoker.js', import.meta.url));
  stops.push(() => child.kill('SIGKILL'));
  const answer = async (message: object): Promise<unknown> => {
    const answered = once(child, 'message');
    child.send(message);
    return (await answered)[0];
  };
  assert.is(await answer(setup), 'ready');
  return answer;
}

redisTest('[G17] [R7662-4-01] what one process revokes, another refuses with its next request', async () => {
  const other = await startRevoker({ port: server.port, now: T0 });
  const revocations = createRevocations({ store: await open(), clock: () => T0 });
  const reasonsOf = async (tokens: readonly (typeof token)[]): Promise<unknown[]> => {
    const reasons: unknown[] = [];
    for (const each of tokens) reasons.push(await other({ token: each, jkt }));
    return reasons;
  };
  const stranger = { ...token, jti: 'jti-2', sub: 'bob', grant_id: 'grant-2' };
  for (const [index, revocation] of [
    { issuer: token.iss, jti: token.jti, exp: token.exp },
    { issuer: token.iss, subject: 'carol', before: T0 + 1 },
    { issuer: token.iss, grant: 'grant-3' },
  ].entries()) {
    const mine = [token, { ...stranger, sub: 'carol' }, { ...stranger, grant_id: 'grant-3' }][
      index
    ] as typeof token;
    assert.equal(await reasonsOf([mine, stranger]), ['ok', 'ok']);
    await revocations.revoke(revocation);
    assert.equal(await reasonsOf([mine, stranger]), ['token-revoked', 'ok']);
  }
  await revocations.revoke({ jkt });
  assert.is(await other({ token: stranger, jkt }), 'token-revoked');
  assert.is(await other({ token: stranger }), 'ok');
  const third = { ...stranger, jti: 'jti-3' };
  await revocations.refuseRevoked(third, undefined, T0);
  assert.is(await other({ revoke: { issuer: token.iss, jti: 'jti-3', exp: token.exp } }), 'ok');
  assert.is(await reasonOf(revocations.refuseRevoked(third, undefined, T0)), 'token-revoked');
});

redisTest('additions of one key through three clients at once merge: the latest moment and end', async () => {
  const names = ['node-redis', 'ioredis', 'iovalkey'];
  const stores = await Promise.all(
    names.map(async (name) =>
      createRedisRevocationStore({
        client: await clientOf((clients[name] as typeof connect)(server.port)),
        deadline: 5000,
      }),
    ),
  );
  const additions = Array.from({ length: 99 }, (_, index) =>
    add(stores[index % 3] as RedisRevocationStore, 'a', {
      before: T0 + ((index * 37) % 99),
      until: T0 + 1000 + ((index * 37 + 50) % 99),
    }),
  );
  await Promise.all(additions);
  for (const store of stores) {
    assert.is(await look(store, 'a', { issuedAt: T0 + 97.999 }), 'revoked');
    assert.is(await look(store, 'a', { issuedAt: T0 + 98 }), 'live');
  }
  assert.is(await server.cli('ZSCORE', ends, 'a'), String((T0 + 1098) * 1000));
  assert.is(await server.cli('ZCARD', ends), '2');
});

redisTest(
  'an entry that ended leaves with the next addition, sixteen at a time, and the floor rises',
  async () => {
    const store = await open();
    for (let index = 0; index < 40; index++)
      await add(store, `key ${index}`, { before: T0, until: T0 + index });
    assert.is(await server.cli('HLEN', befores), '40');
    assert.is(await look(store, 'other', { expires: T0 + 15, now: T0 + 100 }), 'live');
    await add(store, 'good', { until: always, now: T0 + 100 });
    assert.is(await server.cli('ZCARD', ends), '26');
    assert.is(await server.cli('HLEN', befores), '24');
    assert.is(await look(store, 'other', { expires: T0 + 15 }), 'forgotten');
    assert.is(await look(store, 'other', { expires: T0 + 15.001 }), 'live');
    assert.is(await look(store, 'key 16', { issuedAt: T0 - 1 }), 'revoked');
    for (let count = 0; count < 3; count++) await add(store, 'good', { now: T0 + 100 });
    assert.is(await server.cli('ZCARD', ends), '2');
    assert.is(await look(store, 'good', { now: T0 + 1e9, expires: T0 + 1e9 }), 'revoked');
  },
);

redisTest('[I29] a node whose clock is ahead does not end what others revoke', async () => {
  const [fast, store] = [await open(), await open()];
  assert.is(await look(store, 'other'), 'live');
  await look(fast, 'x', { now: T0 + 86_400 });
  for (const key of ['a', 'b', 'c']) await add(store, key);
  for (const key of ['a', 'b', 'c']) assert.is(await look(store, key, { expires: T0 + 600 }), 'revoked');
  assert.is(await look(store, 'other'), 'live');
});

redisTest('a look writes nothing, but for a check ten times a second', async () => {
  const store = await open();
  await look(store, 'a');
  const changes = async (): Promise<string | undefined> =>
    /rdb_changes_since_last_save:(\d+)/.exec(await server.cli('INFO', 'persistence'))?.[1];
  const [before, checked] = [await changes(), performance.now()];
  for (let count = 0; count < 20; count++) await look(store, `b ${count}`);
  const after = await changes();
  assert.ok(after === before || performance.now() > checked + 100);
  await sleep(110);
  await look(store, 'c', { now: T0 + 1 });
  assert.is(await server.cli('HGET', meta, 'now'), String((T0 + 1) * 1000));
  assert.equal((await server.cli('KEYS', '*')).split('\n').sort(), [ends, meta]);
});

const losses: Readonly<Record<string, readonly [lose: () => Promise<unknown>, kept: boolean]>> = {
  'a restart without data': [() => server.restart(), false],
  FLUSHALL: [() => server.cli('FLUSHALL'), false],
  'the loss of the entries': [() => server.cli('DEL', ends), false],
  'the loss of the hash of the memory': [() => server.cli('DEL', meta), true],
};

for (const [name, [lose, kept]] of Object.entries(losses)) {
  redisTest(
    `[I22] after ${name} no token from before it is live, not one that nobody revoked either`,
    async () => {
      let store = await open();
      await look(store, 'x', { now: T0 - 100 });
      await add(store, 'a', { before: T0 + 5 });
      assert.is(await look(store, 'a'), 'revoked');
      assert.is(await look(store, 'b'), 'live');
      const id = await server.cli('HGET', meta, 'id');
      await lose();
      store = await open();
      const now = T0 + 10;
      assert.is(await look(store, 'a', { now }), kept ? 'revoked' : 'forgotten');
      assert.is(await look(store, 'b', { now }), 'forgotten');
      assert.is(await look(store, 'b', { issuedAt: now - 0.001, now }), 'forgotten');
      assert.is(await look(store, 'b', { issuedAt: now, now }), 'live');
      assert.is.not(await server.cli('HGET', meta, 'id'), id);
      await add(store, 'a', { now });
      assert.is(await look(store, 'a', { issuedAt: now + 60, now }), 'revoked');
    },
  );
}

redisTest(
  'after the loss of the moments, what they were about is revoked whenever it was issued',
  async () => {
    const store = await open();
    await add(store, 'a', { before: T0 });
    assert.is(await look(store, 'a'), 'live');
    await server.cli('DEL', befores);
    assert.is(await look(store, 'a'), 'revoked');
    assert.is(await look(store, 'b'), 'live');
  },
);

redisTest('after the loss of the entries, moments of before are gone as well', async () => {
  const store = await open();
  await add(store, 'a', { before: T0 + 50 });
  await server.cli('DEL', ends);
  await add(store, 'b', { before: T0 + 10 });
  assert.is(await server.cli('HLEN', befores), '1');
});

redisTest(
  '[I22] after a restart with its data, revoked stays revoked, and what was issued before is forgotten',
  async () => {
    const redis = await own(startRedis({ settings: { appendonly: 'yes', appendfsync: 'always' } }));
    const store = await open(redis.port);
    await look(store, 'x', { now: T0 - 100 });
    await add(store, 'a', { before: T0 + 60 });
    await add(store, 'early', { until: T0 - 50 });
    await add(store, 'b');
    const floor = await redis.cli('HGET', meta, 'floor');
    await redis.restart();
    const after = await open(redis.port);
    const now = T0 + 5;
    assert.is(await look(after, 'a', { now }), 'revoked');
    assert.is(await look(after, 'a', { issuedAt: T0 + 59.999, now }), 'revoked');
    assert.is(await look(after, 'b', { issuedAt: now, now }), 'revoked');
    assert.is(await look(after, 'c', { issuedAt: T0 + 4.999, now }), 'forgotten');
    assert.is(await look(after, 'c', { issuedAt: now, now }), 'live');
    assert.is(await redis.cli('ZCARD', ends), '3');
    assert.is(await redis.cli('HGET', meta, 'floor'), floor);
    assert.is(floor, String((T0 - 50) * 1000));
  },
);

redisTest(
  '[I21] after the promotion of a replica that lost a revocation, the lost one is not live',
  async () => {
    const primary = await own(startRedis());
    const proxy = await proxyTo(primary.port);
    const replica = await own(startReplicaOf({ ...primary, port: proxy.port }));
    const store = await open(primary.port);
    await look(store, 'x', { now: T0 - 100 });
    await add(store, 'kept');
    await until('the replica has it', async () => (await replica.cli('ZCARD', ends)) === '2');
    proxy.blackHole();
    await add(store, 'lost');
    await primary.kill();
    await replica.cli('REPLICAOF', 'NO', 'ONE');
    const after = await open(replica.port);
    assert.is(await look(after, 'kept'), 'revoked');
    assert.is(await look(after, 'lost', { issuedAt: T0 - 1 }), 'forgotten');
    assert.is(await look(after, 'other', { issuedAt: T0 - 1 }), 'forgotten');
    assert.is(await look(after, 'other', { issuedAt: T0 }), 'live');
  },
);

redisTest('[I21] a primary that followed another one in between vouches for nothing of before', async () => {
  const first = await own(startRedis());
  const second = await own(startReplicaOf(first));
  const store = await open(first.port);
  await look(store, 'x', { now: T0 - 100 });
  await second.cli('REPLICAOF', 'NO', 'ONE');
  await add(store, 'alone');
  await first.cli('REPLICAOF', '127.0.0.1', String(second.port));
  const follows = async (): Promise<boolean> =>
    (await first.cli('INFO', 'replication')).includes('master_link_status:up');
  await until('it follows', follows);
  await first.cli('REPLICAOF', 'NO', 'ONE');
  assert.is(await look(store, 'alone', { issuedAt: T0 - 1 }), 'forgotten');
});

redisTest(
  '[I22] what was kept through a restart tells how late it was, to a node with a slow clock too',
  async () => {
    const redis = await own(startRedis({ settings: { appendonly: 'yes', appendfsync: 'always' } }));
    await add(await open(redis.port), 'a', { now: T0 + 60 });
    await redis.restart();
    const slow = await open(redis.port);
    assert.is(await look(slow, 'b', { issuedAt: T0 + 59.999 }), 'forgotten');
    assert.is(await look(slow, 'b', { issuedAt: T0 + 60 }), 'live');
  },
);

redisTest('[I34] a replica is refused, for looks and for additions', async () => {
  const replica = await own(startReplicaOf(server));
  const primary = await open();
  await add(primary, 'a');
  const before = await server.cli('ZCARD', ends);
  await until('the replica has it', async () => (await replica.cli('ZCARD', ends)) === before);
  const store = await open(replica.port);
  for (const attempt of [() => look(store, 'b'), () => add(store, 'b')])
    assert.match(await messageOf(attempt()), 'READONLY');
  assert.is(await look(primary, 'a'), 'revoked');
});

redisTest('a primary without the replicas that it needs is refused within a tenth of a second', async () => {
  const store = await open();
  await look(store, 'a');
  await server.cli('CONFIG', 'SET', 'min-replicas-to-write', '1');
  try {
    await sleep(110);
    assert.match(await messageOf(look(store, 'a')), 'NOREPLICAS');
    assert.match(await messageOf(add(store, 'a')), 'NOREPLICAS');
  } finally {
    await server.cli('CONFIG', 'SET', 'min-replicas-to-write', '0');
  }
});

redisTest(
  'a node that remembers a later time than the one that began the memory raises its birth',
  async () => {
    const [fast, slow] = [await open(), await open()];
    await add(fast, 'a', { now: T0 + 60 });
    await server.cli('FLUSHALL');
    assert.is(await look(slow, 'a', { issuedAt: T0 + 30 }), 'live'); // it cannot know
    assert.is(await look(fast, 'a', { issuedAt: T0 + 30 }), 'forgotten');
    assert.is(await look(slow, 'a', { issuedAt: T0 + 30 }), 'forgotten');
    assert.is(await look(slow, 'a', { issuedAt: T0 + 60 }), 'live');
    assert.is(await server.cli('HGET', meta, 'now'), String((T0 + 60) * 1000));
  },
);

redisTest('[I16] a full Redis refuses additions, forgets nothing, and room helps', async () => {
  const store = await open();
  await add(store, 'a');
  await server.cli('CONFIG', 'SET', 'maxmemory', '1mb');
  try {
    assert.match(await messageOf(add(store, 'b')), 'OOM');
    assert.is(await server.cli('ZCARD', ends), '2');
    assert.match(await messageOf(store.ready()), 'OOM');
  } finally {
    await server.cli('CONFIG', 'SET', 'maxmemory', '0');
  }
  assert.is(await look(store, 'a'), 'revoked');
  assert.is(await look(store, 'b'), 'live');
  await add(store, 'b');
  assert.is(await look(store, 'b'), 'revoked');
});

redisTest('[I15] an evicting policy is refused, at the start and when it is set later', async () => {
  const settings = { maxmemory: '100mb', 'maxmemory-policy': 'allkeys-lru' };
  const redis = await own(startRedis({ settings }));
  const store = await open(redis.port);
  for (const attempt of [() => store.ready(), () => add(store, 'a'), () => look(store, 'a')])
    assert.match(await messageOf(attempt()), 'allkeys-lru');
  await redis.cli('CONFIG', 'SET', 'maxmemory-policy', 'noeviction');
  assert.is(await look(store, 'b'), 'live');
  await redis.cli('CONFIG', 'SET', 'maxmemory-policy', 'volatile-ttl');
  await sleep(110);
  assert.match(await messageOf(look(store, 'b')), 'volatile-ttl');
  assert.match(await messageOf(look(store, 'b')), 'volatile-ttl');
});

redisTest('SCRIPT FLUSH is noticed by nobody', async () => {
  const store = await open();
  await add(store, 'a');
  await server.cli('SCRIPT', 'FLUSH');
  assert.is(await look(store, 'a'), 'revoked');
  await server.cli('SCRIPT', 'FLUSH');
  await add(store, 'b');
});

redisTest('keys that hold something else are refused, and no entry leaves for it', async () => {
  for (const key of [meta, ends, befores]) {
    await server.cli('FLUSHALL');
    const store = await open();
    await add(store, 'a', { before: T0 + 1, until: T0 });
    await server.cli('SET', key, 'text');
    assert.match(await messageOf(add(store, 'b', { before: T0, now: T0 + 60 })), 'WRONGTYPE', key);
    if (key === befores) assert.is(await server.cli('HGET', meta, 'floor'), String(T0 * 1000));
  }
});

redisTest(
  '[G12] [I18] a Redis that is paused: 503 within the deadline, then at once; it recovers',
  async () => {
    const redis = await own(startRedis());
    const deadline = 300;
    const store = await open(redis.port, { deadline });
    const revocations = createRevocations({ store, clock: () => T0 });
    await until('it works', async () => (await messageOf(look(store, 'x', { now: T0 - 100 }))) === 'ok');
    await redis.kill('SIGSTOP');
    for (const cause of [...Array(3).fill(`no answer within ${deadline} ms`), 'the circuit is open']) {
      const error = await revocations.refuseRevoked(token, jkt, T0).catch((thrown: unknown) => thrown);
      assert.equal(
        [(error as { reason: string }).reason, (error as { cause: Error }).cause.message],
        ['revocation-store-unavailable', cause],
      );
    }
    assert.is(await messageOf(revocations.revoke({ jkt })), 'the circuit is open');
    await redis.kill('SIGCONT');
    await until('it works again', async () => (await messageOf(store.ready())) === 'ok');
  },
);

redisTest('[I19] an addition that is applied too late is reported as failed, and counts', async () => {
  const proxy = await proxyTo(server.port);
  const store = await open(proxy.port, { deadline: 300 });
  await until('it works', async () => (await messageOf(look(store, 'x', { now: T0 - 100 }))) === 'ok');
  proxy.delayReplies(600);
  assert.is(await messageOf(add(store, 'a')), 'no answer within 300 ms');
  proxy.open();
  assert.is(await look(await open(), 'a'), 'revoked');
});

for (const [name, create] of Object.entries(clients)) {
  redisTest(`${name}: revokes, looks up, and tells whether it is ready`, async () => {
    const store = createRedisRevocationStore({ client: await clientOf(create(server.port)), deadline: 5000 });
    await store.ready();
    await add(store, 'a', { before: T0 });
    assert.is(await look(store, 'a', { issuedAt: T0 - 0.001 }), 'revoked');
    assert.is(await look(store, 'a'), 'live');
  });
}

for (const [name, create] of Object.entries(clusterClients)) {
  redisTest(`[I34] Redis Cluster through ${name}: three keys in one slot, for many names`, async () => {
    const cluster = await startCluster();
    stops.push(() => cluster.stop());
    const client = await clientOf(create(cluster.nodes));
    for (const memory of ['holdfast', 'a', 'b', 'c']) {
      const store = createRedisRevocationStore({ client, name: memory, deadline: 5000 });
      await add(store, 'a', { before: T0 });
      assert.is(await look(store, 'a', { issuedAt: T0 - 1 }), 'revoked');
    }
    const sizes = await Promise.all(cluster.nodes.map(async (node) => Number(await node.cli('DBSIZE'))));
    assert.is(
      sizes.reduce((sum, size) => sum + size, 0),
      12,
    );
    assert.ok(sizes.every((size) => size % 3 === 0));
  });
}

redisTest('memories of different names know nothing of each other', async () => {
  const [one, other] = [await open(server.port, { name: 'one' }), await open(server.port, { name: 'other' })];
  await add(one, 'a');
  assert.is(await look(other, 'a'), 'live');
});

redisTest('a replay memory of the same name goes its own way', async () => {
  const client = await clientOf(connect(server.port));
  const [store, replay] = [await open(), createRedisReplayStore({ client, deadline: 5000 })];
  await add(store, 'a');
  assert.is(await claim(replay, { key: 'a', at: T0 }), 'claimed');
  assert.is(await look(store, 'a'), 'revoked');
  assert.is((await server.cli('KEYS', '*')).split('\n').length, 4);
});

redisTest(
  '[I35] whatever a client of ours wrote into a token, Redis holds hashes and times only',
  async () => {
    const revocations = createRevocations({ store: await open(), clock: () => T0 });
    for (const text of ['NUL\0', 'line\nline', '{slot}:*', 'alice@example.org'])
      await revocations.revoke({ issuer: token.iss, subject: text, before: T0 });
    const members = (await server.cli('ZRANGE', ends, '0', '-1')).split('\n');
    assert.is(members.length, 5);
    for (const member of members) assert.match(member, /^([\w-]{43}|memory:[0-9a-f-]{36})$/);
  },
);

redisTest('nothing has a time to live', async () => {
  const store = await open();
  await add(store, 'a', { before: T0 });
  const client = new Redis(server.port);
  stops.push(() => client.disconnect());
  const lives = await Promise.all([meta, ends, befores].map((key) => client.ttl(key)));
  assert.equal(lives, [-1, -1, -1]);
});

test.run();
