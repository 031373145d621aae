import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createProof, generateKeyPair } from '../../src/client/index.ts';
import { type RedisServer, startRedis, until, withRedis } from '../redis/_server.ts';
import { createClient, type Demo, requestToken, startDemo, withDemo } from './_setup.ts';

/** `GET /healthz` and one process with Redis: what it says is so. */

const test = suite('demo/health');
const redisTest = withRedis(test);

function healthUrls({ authorizationOrigin, resourceOrigin }: Demo): string[] {
  return [authorizationOrigin, resourceOrigin].map((origin) => `${origin}/healthz`);
}

test(
  'a server with a memory of its own is ready, and shows how full it is; nothing is stored or logged',
  withDemo(async (demo) => {
    const client = await createClient(demo);
    await client.fetch(demo.notesUrl);
    const logged = demo.lines.length;
    for (const url of healthUrls(demo)) {
      const response = await fetch(url);
      assert.is(response.status, 200);
      assert.is(response.headers.get('cache-control'), 'no-store');
      assert.match(response.headers.get('content-type') ?? '', /^application\/json/);
      assert.equal(await response.json(), {
        status: 'ready',
        replay: 'memory',
        size: 1,
        capacity: 1000,
        evictions: 0,
      });
    }
    assert.is(demo.lines.length, logged);
  }),
);

test(
  'HEAD is answered as GET, a query changes nothing, and no other method is allowed',
  withDemo(async (demo) => {
    for (const url of healthUrls(demo)) {
      const head = await fetch(`${url}?probe`, { method: 'HEAD' });
      assert.is(head.status, 200);
      assert.is(await head.text(), '');
      const post = await fetch(url, { method: 'POST', body: 'x' });
      assert.is(post.status, 405);
      assert.is(post.headers.get('allow'), 'GET, HEAD');
      assert.is((await fetch(`${url}/x`)).status, 404);
    }
  }),
);

test(
  'evictions show',
  withDemo(
    async (demo) => {
      const client = await createClient(demo);
      for (let use = 0; use < 12; use++) assert.is((await client.fetch(demo.notesUrl)).status, 200);
      const health = await (await fetch(`${demo.resourceOrigin}/healthz`)).json();
      assert.equal(health, { status: 'ready', replay: 'memory', size: 10, capacity: 10, evictions: 2 });
    },
    { REPLAY_CAPACITY: '10' },
  ),
);

/** A test with a Redis of its own and one process that uses it. */
function withBoth(run: (demo: Demo, redis: RedisServer) => Promise<void>): () => Promise<void> {
  return async () => {
    const redis = await startRedis();
    try {
      const demo = await startDemo({ REDIS_URL: redis.url });
      try {
        await run(demo, redis);
      } finally {
        await demo.close();
      }
    } finally {
      await redis.stop();
    }
  };
}

redisTest(
  'with Redis: ready, uses are remembered there, and each server has a memory of its own',
  withBoth(async (demo, redis) => {
    const client = await createClient(demo);
    assert.is((await client.fetch(demo.notesUrl)).status, 200);
    for (const url of healthUrls(demo)) {
      const response = await fetch(url);
      assert.is(response.status, 200);
      assert.equal(await response.json(), { status: 'ready', replay: 'redis' });
    }
    const keys = (await redis.cli('KEYS', '*')).split('\n').sort();
    assert.equal(keys, [
      'holdfast-demo-record:signing-keys',
      '{holdfast-demo-as}:memory',
      '{holdfast-demo-as}:uses',
      '{holdfast-demo-rs}:memory',
      '{holdfast-demo-rs}:uses',
      '{holdfast-demo}:revocation-ends',
      '{holdfast-demo}:revocation-memory',
    ]);
  }),
);

/** What both servers say while their store does not work: not ready, and no request gets through. */
async function assertUnavailable(demo: Demo, notes: () => Promise<Response>): Promise<void> {
  for (const url of healthUrls(demo)) {
    await until('not ready', async () => (await fetch(url)).status === 503);
    const response = await fetch(url);
    assert.is(response.headers.get('retry-after'), '1');
    assert.is(response.headers.get('cache-control'), 'no-store');
    assert.equal(await response.json(), { status: 'unavailable', replay: 'redis' });
  }
  const askToken = async (): Promise<Response> => requestToken(demo, { proof: await someProof(demo) });
  for (const ask of [notes, askToken]) {
    let response = await ask();
    // A tenth of a second is how long a look at the memory may be used again.
    await until('refused', async () => {
      response = await ask();
      return response.status === 503;
    });
    assert.is(response.headers.get('retry-after'), '1');
  }
}

/** Of any shape that reaches the store. */
async function someProof(demo: Demo): Promise<string> {
  return createProof(await generateKeyPair(), { method: 'POST', url: demo.tokenUrl });
}

redisTest(
  '[I09] Redis lost: 503 from both servers, health told; Redis back, empty: ready again without a restart',
  withBoth(async (demo, redis) => {
    const client = await createClient(demo);
    assert.is((await client.fetch(demo.notesUrl)).status, 200);
    await redis.kill();
    await assertUnavailable(demo, () => client.fetch(demo.notesUrl));
    await redis.restart();
    for (const url of healthUrls(demo)) await until('ready', async () => (await fetch(url)).status === 200);
    // Nobody knows any more whether this token was revoked.
    assert.is((await client.fetch(demo.notesUrl)).status, 401);
    const last = demo.decisions.at(-1);
    assert.is(last?.outcome === 'refused' ? last.reason : last?.outcome, 'token-revocation-unknown');
    // Nor, for the rest of this second, about new ones: tokens tell in whole seconds when they were issued.
    await until('a new token is good', async () => {
      const next = await createClient(demo);
      return (await next.fetch(demo.notesUrl)).status === 200;
    });
  }),
);

redisTest(
  'Redis paused: 503 within the deadline; Redis goes on: ready again',
  withBoth(async (demo, redis) => {
    const client = await createClient(demo);
    assert.is((await client.fetch(demo.notesUrl)).status, 200);
    await redis.kill('SIGSTOP');
    await assertUnavailable(demo, () => client.fetch(demo.notesUrl));
    await redis.kill('SIGCONT');
    for (const url of healthUrls(demo)) await until('ready', async () => (await fetch(url)).status === 200);
    assert.is((await client.fetch(demo.notesUrl)).status, 200);
  }),
);

redisTest(
  'an eviction policy that forgets in silence, set while it runs, ends readiness',
  withBoth(async (demo, redis) => {
    const client = await createClient(demo);
    await redis.cli('CONFIG', 'SET', 'maxmemory-policy', 'allkeys-lru');
    await assertUnavailable(demo, () => client.fetch(demo.notesUrl));
    await redis.cli('CONFIG', 'SET', 'maxmemory-policy', 'noeviction');
    await until('ready', async () => (await fetch(`${demo.resourceOrigin}/healthz`)).status === 200);
  }),
);

test.run();
