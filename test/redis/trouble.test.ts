import { setTimeout as sleep } from 'node:timers/promises';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createRedisReplayStore, type RedisReplayStore } from '../../src/replay-redis.ts';
import { createRequest, createWorld, reasonOf, refusalOf, T0 } from '../_setup.ts';
import { TcpProxy } from '../faults/tcp-proxy.ts';
import { type Connection, claim, connect, messageOf } from './_clients.ts';
import {
  type RedisOptions,
  type RedisServer,
  redisInstalled,
  startRedis,
  startReplicaOf,
  until,
  withRedis,
} from './_server.ts';

/** A Redis that is full, read-only, wrongly set, slow or out of reach: refused, never trusted. */

interface Context {
  server: RedisServer;
  stops: (() => unknown)[];
}

const test = suite<Context>('redis trouble');
const redisTest = withRedis(test);

test.before.each(async (context) => {
  context.stops = [];
  if (redisInstalled) context.server = await start(context);
});
test.after.each(async ({ stops }) => {
  for (const stop of stops.reverse()) await stop();
});

async function start({ stops }: Context, options: RedisOptions = {}): Promise<RedisServer> {
  const server = await startRedis(options);
  stops.push(() => server.stop());
  return server;
}

/** Longer than the default: these machines may be busy, and a healthy Redis must not be refused for it. */
const deadline = 800; // milliseconds

async function open({ stops }: Context, port: number): Promise<RedisReplayStore> {
  const connection: Connection = await connect(port);
  stops.push(() => connection.close());
  return createRedisReplayStore({ client: connection.client, deadline });
}

async function proxyTo({ stops }: Context, port: number): Promise<TcpProxy> {
  const proxy = await new TcpProxy(port).start();
  stops.push(() => proxy.close());
  return proxy;
}

redisTest('[I34] a replica is refused, for looks and for claims', async (context) => {
  const primary = await open(context, context.server.port);
  const replica = await startReplicaOf(context.server); // the first one gives its primary a new replication id
  context.stops.push(() => replica.stop());
  const memory = await primary.read(T0);
  const store = await open(context, replica.port);
  assert.match(await messageOf(store.ready()), 'READONLY');
  const time = { axis: 'iat', at: T0 } as const;
  const use = { jkt: 'jkt', key: 'a', time, until: T0 + 60, memory };
  assert.match(await messageOf(store.claim(use)), 'READONLY');
  assert.is(await primary.claim(use), 'claimed');
});

redisTest('[I16] a full Redis is refused, nothing is half done, and room helps', async (context) => {
  const { server } = context;
  const store = await open(context, server.port);
  await claim(store, { key: 'a', at: T0 });
  await server.cli('CONFIG', 'SET', 'maxmemory', '1mb');
  const uses = await server.cli('ZCARD', '{holdfast}:uses');
  assert.match(await messageOf(store.ready()), 'OOM');
  assert.match(await messageOf(claim(store, { key: 'b', at: T0 })), 'OOM');
  assert.is(await server.cli('ZCARD', '{holdfast}:uses'), uses);
  await server.cli('CONFIG', 'SET', 'maxmemory', '0');
  assert.is(await claim(store, { key: 'b', at: T0 }), 'claimed');
  assert.is(await claim(store, { key: 'a', at: T0 }), 'replayed');
});

redisTest('[I15] an evicting policy is refused at the start', async (context) => {
  const settings = { maxmemory: '100mb', 'maxmemory-policy': 'allkeys-lru' };
  const server = await start(context, { settings });
  const store = await open(context, server.port);
  assert.match(await messageOf(store.ready()), 'allkeys-lru');
  assert.match(await messageOf(store.read(T0)), 'allkeys-lru');
});

redisTest('[I15] an evicting policy is noticed when it is set later', async (context) => {
  const store = await open(context, context.server.port);
  await store.read(T0);
  await context.server.cli('CONFIG', 'SET', 'maxmemory-policy', 'volatile-ttl');
  await sleep(110);
  assert.match(await messageOf(store.read(T0)), 'volatile-ttl');
  await context.server.cli('CONFIG', 'SET', 'maxmemory-policy', 'noeviction');
  assert.is(await messageOf(store.read(T0)), 'ok');
});

redisTest('SCRIPT FLUSH is noticed by nobody', async (context) => {
  const store = await open(context, context.server.port);
  assert.is(await claim(store, { key: 'a', at: T0 }), 'claimed');
  await context.server.cli('SCRIPT', 'FLUSH');
  assert.is(await claim(store, { key: 'a', at: T0 }), 'replayed');
  await context.server.cli('SCRIPT', 'FLUSH');
  assert.is(await claim(store, { key: 'b', at: T0 }), 'claimed');
});

redisTest('keys that hold something else are refused', async (context) => {
  const store = await open(context, context.server.port);
  await context.server.cli('SET', '{holdfast}:memory', 'text');
  assert.match(await messageOf(store.ready()), 'WRONGTYPE');
});

redisTest(
  '[I18] a path that swallows everything: refused by the deadline, then at once; it recovers',
  async (context) => {
    const proxy = await proxyTo(context, context.server.port);
    const store = await open(context, proxy.port);
    assert.is(await claim(store, { key: 'a', at: T0 }), 'claimed');
    proxy.blackHole();
    for (let count = 0; count < 3; count++)
      assert.is(await messageOf(store.ready()), `no answer within ${deadline} ms`);
    assert.is(await messageOf(store.ready()), 'the circuit is open');
    proxy.open();
    proxy.reset();
    await until('it works again', async () => (await messageOf(store.ready())) === 'ok');
    assert.is(await claim(store, { key: 'a', at: T0 }), 'replayed');
  },
);

redisTest('[I19] slow answers pass below the deadline and are refused above', async (context) => {
  const proxy = await proxyTo(context, context.server.port);
  const store = await open(context, proxy.port);
  proxy.delayReplies(10);
  assert.is(await claim(store, { key: 'a', at: T0 }), 'claimed');
  const memory = await store.read(T0);
  proxy.delayReplies(deadline + 400);
  const time = { axis: 'iat', at: T0 } as const;
  const use = { jkt: 'jkt', key: 'b', time, until: T0 + 60, memory };
  assert.is(await messageOf(store.claim(use)), `no answer within ${deadline} ms`);
  proxy.open();
  assert.is(await store.claim(use), 'replayed');
});

redisTest(
  '[I18] [I20] through a server: 503 with Retry-After; then a fresh proof is served',
  async (context) => {
    const proxy = await proxyTo(context, context.server.port);
    const replay = await open(context, proxy.port);
    await replay.read(T0 - 1000); // older than the proofs
    const world = await createWorld({ replay });
    const used = await createRequest(world);
    assert.ok(await world.server.authorize(used));
    proxy.blackHole();
    const request = await createRequest(world);
    const refusal = await refusalOf(world.server.authorize(request));
    assert.is(refusal.reason, 'replay-store-unavailable');
    const { status, headers } = world.server.challenge(refusal);
    assert.is(status, 503);
    assert.match(String(headers['retry-after']), /^\d+$/);
    proxy.open();
    proxy.reset();
    await until('it works again', async () => (await messageOf(replay.ready())) === 'ok');
    assert.ok(await world.server.authorize(request), 'what was refused is not consumed: it never arrived');
    assert.is(await reasonOf(world.server.authorize(used)), 'replayed');
    assert.ok(await world.server.authorize(await createRequest(world)));
  },
);

test.run();
