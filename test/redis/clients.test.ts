import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { replayKey } from '../../src/replay.ts';
import { createRedisReplayStore } from '../../src/replay-redis.ts';
import { createRequest, createWorld, reasonOf, T0 } from '../_setup.ts';
import { type Connection, claim, clients, clusterClients, connect, messageOf } from './_clients.ts';
import { type RedisServer, redisInstalled, startCluster, startRedis, until, withRedis } from './_server.ts';

/** Each supported client against a real server: one winner, and our own deadline whatever the client's options. */

/** Longer than the default: these machines may be busy, and a healthy Redis must not be refused for it. */
const deadline = 800; // milliseconds

const test = suite('redis clients');
const redisTest = withRedis(test);

let server: RedisServer;
const connections: Connection[] = [];

async function open(connecting: Promise<Connection>): Promise<Connection['client']> {
  const connection = await connecting;
  connections.push(connection);
  return connection.client;
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

redisTest('[R9449-11.1-02] [I06] of a hundred claims through three clients, one wins', async () => {
  const names = ['node-redis', 'ioredis', 'iovalkey'];
  const stores = await Promise.all(
    names.map(async (name) =>
      createRedisReplayStore({
        client: await open((clients[name] as typeof connect)(server.port)),
        deadline: 5000,
      }),
    ),
  );
  const uses = Array.from({ length: 100 }, (_, index) => stores[index % 3] as (typeof stores)[0]);
  const outcomes = await Promise.all(uses.map((store) => claim(store, { key: 'a', at: T0 })));
  assert.is(outcomes.filter((outcome) => outcome === 'claimed').length, 1);
  assert.is(outcomes.filter((outcome) => outcome === 'replayed').length, 99);
});

redisTest('[I07] eight stores, fifty claims each at once, twenty rounds: one winner each', async () => {
  const stores = await Promise.all(
    Array.from({ length: 8 }, async () =>
      createRedisReplayStore({ client: await open(connect(server.port)), deadline: 5000 }),
    ),
  );
  await Promise.all(stores.map((store) => store.read(T0)));
  for (let round = 0; round < 20; round++) {
    const uses = stores.flatMap((store) => Array.from({ length: 50 }, () => store));
    const outcomes = await Promise.all(
      uses.map((store) => claim(store, { key: `round ${round}`, at: T0 + 1 })),
    );
    assert.is(outcomes.filter((outcome) => outcome === 'claimed').length, 1);
    assert.is(outcomes.filter((outcome) => outcome === 'replayed').length, 399);
  }
});

for (const [name, create] of Object.entries(clients)) {
  redisTest(`[I18] ${name}: refuses while Redis is gone, and works again when it is back`, async () => {
    const own = await startRedis();
    try {
      const store = createRedisReplayStore({ client: await open(create(own.port)), deadline });
      assert.is(await claim(store, { key: 'a', at: T0 }), 'claimed');
      await own.kill();
      for (let count = 0; count < 3; count++) assert.is.not(await messageOf(store.ready()), 'ok');
      assert.is(await messageOf(store.ready()), 'the circuit is open');
      await own.restart();
      await until('it works again', async () => (await messageOf(store.ready())) === 'ok');
      assert.is(await claim(store, { key: 'b', at: T0 + 11, now: T0 + 11 }), 'claimed');
    } finally {
      await own.stop();
    }
  });

  redisTest(
    `[I18] [I19] ${name}: a stopped Redis is refused by our deadline; what was sent admits nobody`,
    async () => {
      const own = await startRedis();
      try {
        const store = createRedisReplayStore({ client: await open(create(own.port)), deadline });
        const memory = await store.read(T0);
        const use = { jkt: 'jkt', key: 'a', time: { axis: 'iat', at: T0 }, until: T0 + 60, memory } as const;
        await own.kill('SIGSTOP');
        assert.is(await messageOf(store.claim(use)), `no answer within ${deadline} ms`);
        await own.kill('SIGCONT');
        await until('it works again', async () => (await messageOf(store.ready())) === 'ok');
        assert.is(await store.claim(use), 'replayed'); // Redis took it late: safe, and nobody was let in
      } finally {
        await own.stop();
      }
    },
  );
}

redisTest('[I35] what a client wrote is hashed: two keys, and no text of it in Redis', async () => {
  const replay = createRedisReplayStore({ client: await open(connect(server.port)), deadline: 5000 });
  const texts = ['NUL\0', 'line\nline', '{slot}:*', '🔑'.repeat(9), 'x'.repeat(256)];
  await replay.read(T0);
  for (const text of texts) {
    const key = await replayKey('j'.repeat(43), text);
    assert.is(await claim(replay, { key, at: T0 }), 'claimed');
    assert.is(await claim(replay, { key, at: T0 }), 'replayed');
  }
  const keys = (await server.cli('KEYS', '*')).split('\n').sort();
  assert.equal(keys, ['{holdfast}:memory', '{holdfast}:uses']);
  const members = (await server.cli('ZRANGE', '{holdfast}:uses', '0', '-1')).split('\n');
  assert.is(members.length, texts.length + 1);
  for (const member of members) assert.match(member, /^([\w-]{43}|memory:[0-9a-f-]{36})$/);
});

redisTest('stores of different names know nothing of each other', async () => {
  const client = await open(connect(server.port));
  const [one, other] = ['one', 'other'].map((name) =>
    createRedisReplayStore({ client, name, deadline: 5000 }),
  );
  assert.is(await claim(one as NonNullable<typeof one>, { key: 'a', at: T0 }), 'claimed');
  assert.is(await claim(other as NonNullable<typeof other>, { key: 'a', at: T0 }), 'claimed');
});

for (const [name, create] of Object.entries(clusterClients)) {
  redisTest(
    `[I34] Redis Cluster through ${name}: one use each, both keys in one slot, for many names`,
    async () => {
      const cluster = await startCluster();
      try {
        const client = await open(create(cluster.nodes));
        for (const memory of ['holdfast', 'a', 'b', 'c']) {
          const store = createRedisReplayStore({ client, name: memory, deadline: 5000 });
          const outcomes = await Promise.all(
            Array.from({ length: 20 }, () => claim(store, { key: 'a', at: T0 })),
          );
          assert.is(outcomes.filter((outcome) => outcome === 'claimed').length, 1);
          assert.is(outcomes.filter((outcome) => outcome === 'replayed').length, 19);
        }
        const sizes = await Promise.all(cluster.nodes.map(async (node) => Number(await node.cli('DBSIZE'))));
        assert.is(
          sizes.reduce((sum, size) => sum + size, 0),
          8,
        );
        assert.ok(sizes.every((size) => size % 2 === 0));
      } finally {
        await cluster.stop();
      }
    },
  );
}

redisTest('[R9449-11.1-02] a request is served once by two servers that share one store', async () => {
  const [one, two] = await Promise.all(
    ['node-redis', 'ioredis'].map(async (name) =>
      createRedisReplayStore({
        client: await open((clients[name] as typeof connect)(server.port)),
        deadline: 5000,
      }),
    ),
  );
  // The memory is older than the proof, or it would be challenged.
  await one?.read(T0 - 1000);
  const world = await createWorld({ replay: one as NonNullable<typeof one> });
  const other = await createWorld({
    replay: two as NonNullable<typeof two>,
    jwks: () => world.issuer.jwks(),
  });
  const request = await createRequest(world);
  assert.ok(await world.server.authorize(request));
  assert.is(await reasonOf(other.server.authorize(request)), 'replayed');
});

test.run();
