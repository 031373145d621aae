import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { DpopError } from '../../src/errors.ts';
import { defaultPolicy, isForgotten } from '../../src/freshness.ts';
import { createNonces } from '../../src/nonce.ts';
import { createRedisReplayStore, type RedisReplayStore } from '../../src/replay-redis.ts';
import type { ResourceServer, ResourceServerOptions } from '../../src/resource-server.ts';
import { createRequest, createWorld, refusalOf, T0, type World } from '../_setup.ts';
import { type Connection, claim, connect } from './_clients.ts';
import { type RedisServer, redisInstalled, startRedis, startReplicaOf, until, withRedis } from './_server.ts';

/** The rule of freshness in Redis: floors, lost memories, and several nodes. */

const test = suite('redis memory');
const redisTest = withRedis(test);

let server: RedisServer;
const connections: Connection[] = [];

async function open(port: number = server.port, capacity = 1000): Promise<RedisReplayStore> {
  const connection = await connect(port);
  connections.push(connection);
  return createRedisReplayStore({ client: connection.client, capacity, deadline: 5000 });
}

test.before(async () => {
  if (redisInstalled) server = await startRedis();
});
test.before.each(async () => {
  if (redisInstalled) await server.cli('FLUSHALL');
});
test.after.each(() => {
  for (const connection of connections.splice(0)) connection.close();
});
test.after(async () => {
  if (redisInstalled) await server.stop();
});

redisTest('[I13] a flood over capacity raises the floor; nothing is claimed twice', async () => {
  const store = await open(server.port, 20);
  const times = Array.from({ length: 100 }, (_, index) => T0 + index / 10);
  for (const at of times) assert.is(await claim(store, { key: `at ${at}`, at, now: T0 }), 'claimed');
  for (const at of times) {
    const expected = at <= T0 + 7.9 ? 'forgotten' : 'replayed';
    assert.is(await claim(store, { key: `at ${at}`, at, now: T0 }), expected, `at ${at - T0}`);
  }
  assert.is(await server.cli('ZCARD', '{holdfast}:uses'), '21');
});

redisTest('each axis has a floor of its own', async () => {
  const store = await open(server.port, 2);
  await claim(store, { key: 'a', at: T0, axis: 'nonce' });
  await claim(store, { key: 'b', at: T0 + 1, now: T0 });
  await claim(store, { key: 'c', at: T0 + 2, now: T0 });
  assert.is(await claim(store, { key: 'a', at: T0, axis: 'nonce' }), 'forgotten');
  assert.is(await claim(store, { key: 'd', at: T0 + 0.5, now: T0 }), 'claimed');
  assert.is(await claim(store, { key: 'b', at: T0 + 1, now: T0 }), 'forgotten');
});

redisTest('[I14] [I24] what is over leaves, what ends now stays', async () => {
  const store = await open();
  for (const at of [T0, T0 + 1, T0 + 2]) await claim(store, { key: `at ${at}`, at, now: T0 });
  await claim(store, { key: 'later', at: T0 + 61, now: T0 + 61 });
  assert.is(await server.cli('ZCARD', '{holdfast}:uses'), '4');
  assert.is(await claim(store, { key: `at ${T0}`, at: T0, now: T0 + 61 }), 'forgotten');
  assert.is(await claim(store, { key: `at ${T0 + 1}`, at: T0 + 1, now: T0 + 61 }), 'replayed');
});

const losses: Readonly<Record<string, () => Promise<unknown>>> = {
  'a restart without data': () => server.restart(),
  FLUSHALL: () => server.cli('FLUSHALL'),
  'the loss of the set of uses': () => server.cli('DEL', '{holdfast}:uses'),
  'the loss of the hash': () => server.cli('DEL', '{holdfast}:memory'),
};

for (const [name, lose] of Object.entries(losses)) {
  redisTest(`[I22] ${name} is noticed: a new memory, and what was used before is forgotten`, async () => {
    let store = await open();
    const before = await store.read(T0);
    assert.is(await claim(store, { key: 'a', at: T0 + 10, now: T0 }), 'claimed');
    await lose();
    store = await open();
    const after = await store.read(T0);
    assert.is.not(after.id, before.id);
    assert.ok(after.birth >= T0);
    assert.ok(isForgotten({ axis: 'iat', at: T0 + 10 }, defaultPolicy, after));
  });

  redisTest(`[I22] ${name}: a claim judged by the former memory is forgotten`, async () => {
    const store = await open();
    const memory = await store.read(T0);
    const time = { axis: 'iat', at: T0 } as const;
    const use = { jkt: 'jkt', key: 'a', time, until: T0 + 60, memory };
    assert.is(await store.claim(use), 'claimed');
    await lose();
    const other = await open();
    assert.is(await other.claim(use), 'forgotten');
  });
}

redisTest('[I22] data of a former process, loaded from disk, is no memory of this one', async () => {
  const own = await startRedis({ settings: { appendonly: 'yes', appendfsync: 'always' } });
  try {
    const store = await open(own.port);
    const before = await store.read(T0);
    await claim(store, { key: 'a', at: T0 });
    await own.restart();
    const after = await (await open(own.port)).read(T0);
    assert.is.not(after.id, before.id);
    assert.is(after.birth, T0);
  } finally {
    await own.stop();
  }
});

redisTest(
  'a node with a slow clock begins a memory; the one that remembers more raises its birth',
  async () => {
    const [slow, fast] = [await open(), await open()];
    await slow.read(T0 - 60);
    await fast.read(T0);
    await claim(fast, { key: 'a', at: T0 + 10, now: T0 });
    await server.cli('FLUSHALL');
    const fresh = await open(); // knows nothing of what was
    const born = await fresh.read(T0 - 60);
    assert.is(born.birth, T0 - 60);
    await new Promise((resolve) => setTimeout(resolve, 110)); // its last look is too old by then
    const raised = await fast.read(T0);
    assert.is(raised.id, born.id);
    assert.ok(raised.birth >= T0);
    assert.ok(isForgotten({ axis: 'iat', at: T0 + 10 }, defaultPolicy, raised));
  },
);

redisTest(
  '[I21] after the promotion of a replica that lost a write, the lost use is not accepted again',
  async () => {
    const primary = await startRedis();
    const replica = await startReplicaOf(primary);
    try {
      const store = await open(primary.port);
      await claim(store, { key: 'kept', at: T0 + 1, now: T0 });
      const before = await store.read(T0);
      await until('the replica has it', async () => (await replica.cli('ZCARD', '{holdfast}:uses')) === '2');
      await replica.kill('SIGSTOP');
      assert.is(await claim(store, { key: 'lost', at: T0 + 2, now: T0 }), 'claimed');
      await primary.kill();
      await replica.kill('SIGCONT');
      await replica.cli('REPLICAOF', 'NO', 'ONE');
      const other = await open(replica.port);
      const after = await other.read(T0);
      assert.is.not(after.id, before.id);
      for (const at of [T0 + 1, T0 + 2]) assert.ok(isForgotten({ axis: 'iat', at }, defaultPolicy, after));
      const time = { axis: 'iat', at: T0 + 2 } as const;
      const use = { jkt: 'jkt', key: 'lost', time, until: T0 + 62, memory: before };
      assert.is(await other.claim(use), 'forgotten');
    } finally {
      await replica.stop();
      await primary.stop();
    }
  },
);

redisTest(
  '[I21] a primary that was a replica in between is another memory: what it took alone is lost',
  async () => {
    const first = await startRedis();
    const second = await startReplicaOf(first);
    try {
      const store = await open(first.port);
      const memory = await store.read(T0);
      await second.cli('REPLICAOF', 'NO', 'ONE');
      const time = { axis: 'iat', at: T0 + 1 } as const;
      const use = { jkt: 'jkt', key: 'alone', time, until: T0 + 61, memory };
      assert.is(await store.claim(use), 'claimed');
      await first.cli('REPLICAOF', '127.0.0.1', String(second.port));
      await until('it follows', async () =>
        (await first.cli('INFO', 'replication')).includes('master_link_status:up'),
      );
      await first.cli('REPLICAOF', 'NO', 'ONE');
      assert.is(await first.cli('ZSCORE', '{holdfast}:uses', 'alone'), '');
      assert.is(await store.claim(use), 'forgotten');
      assert.ok(isForgotten(time, defaultPolicy, await store.read(T0)));
    } finally {
      await second.stop();
      await first.stop();
    }
  },
);

/** A server on a store of its own, in the world of another: the same issuer, token and key. */
async function nodeOf(world: World, options: Partial<ResourceServerOptions>): Promise<ResourceServer> {
  const node = await createWorld({ replay: await open(), jwks: () => world.issuer.jwks(), ...options });
  return node.server;
}

/** What an honest client does: asks, and where it is given a nonce asks once more; a second refusal is thrown. */
async function serve(world: World, node: ResourceServer, proofTime: number): Promise<void> {
  try {
    await node.authorize(await createRequest(world, { proofTime }));
  } catch (error) {
    const { nonce } = error as DpopError;
    if (nonce === undefined) throw error;
    await node.authorize(await createRequest(world, { proofTime, nonce }));
  }
}

redisTest(
  '[H11] a secret is rolled over from node to node: each client is through with what it has',
  async () => {
    const [old, fresh] = [1, 2].map((byte) => new Uint8Array(32).fill(byte)) as [Uint8Array, Uint8Array];
    const world = await createWorld();
    const clock = world.clock.read;
    const before = await nodeOf(world, {
      clock,
      nonces: createNonces({ secret: old, previousSecret: fresh }),
    });
    const after = await nodeOf(world, {
      clock,
      nonces: createNonces({ secret: fresh, previousSecret: old }),
    });
    for (const [from, to] of [
      [before, after],
      [after, before],
    ] as const) {
      const { nonce, reason } = await refusalOf(from.authorize(await createRequest(world)));
      assert.is(reason, 'proof-forgotten'); // the memory is new
      const request = await createRequest(world, { nonce: nonce as string });
      assert.ok(await to.authorize(request));
      for (const node of [from, to]) assert.is((await refusalOf(node.authorize(request))).reason, 'replayed');
      await server.cli('FLUSHALL');
      await new Promise((resolve) => setTimeout(resolve, 110)); // both look again
    }
  },
);

redisTest(
  '[I29] nodes whose clocks are a minute apart: clients through after one retry, no replay',
  async () => {
    const world = await createWorld();
    const nonces = createNonces();
    const [slow, fast] = [
      await nodeOf(world, { clock: () => T0, nonces }),
      await nodeOf(world, { clock: () => T0 + 60, nonces }),
    ];
    for (const proofTime of [T0, T0 + 60, T0 + 30]) {
      for (const node of [slow, fast, slow]) await serve(world, node, proofTime);
    }
    const { nonce } = await refusalOf(slow.authorize(await createRequest(world)));
    const request = await createRequest(world, { nonce: nonce as string });
    assert.ok(await fast.authorize(request));
    for (const node of [slow, fast]) assert.is((await refusalOf(node.authorize(request))).reason, 'replayed');
  },
);

test.run();
