import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { startRedis, withRedis } from '../redis/_server.ts';
import { runToEnd } from './_run.ts';

/** What keeps several processes, or one with Redis, from starting: each is told in one sentence. */

const test = suite('demo/workers-refused');
const redisTest = withRedis(test);

const three = ['--workers', '3'];

redisTest('a busy port is told in one sentence, once', async () => {
  const redis = await startRedis();
  const occupant = createServer().listen(0, '127.0.0.1');
  await once(occupant, 'listening');
  const { port } = occupant.address() as AddressInfo;
  try {
    const { code, out, err } = await runToEnd(three, { REDIS_URL: redis.url, RS_PORT: String(port) });
    assert.equal({ code, out }, { code: 1, out: '' });
    assert.is(err, `Port ${port} on 127.0.0.1 is in use: stop what listens there, or set RS_PORT.\n`);
  } finally {
    occupant.close();
    await redis.stop();
  }
});

for (const args of [three, []]) {
  redisTest(`an evicting Redis is refused at the start: ${args.join(' ') || 'one process'}`, async () => {
    const redis = await startRedis({ settings: { 'maxmemory-policy': 'allkeys-lru' } });
    try {
      const { code, out, err } = await runToEnd(args, { REDIS_URL: redis.url });
      assert.equal({ code, out }, { code: 1, out: '' });
      const why = 'the eviction policy of Redis is allkeys-lru; it must be noeviction';
      assert.is(err, `REDIS_URL (${redis.url}) cannot be used: ${why}.\n`);
    } finally {
      await redis.stop();
    }
  });

  redisTest(`[L01] a wrong password is told without it: ${args.join(' ') || 'one process'}`, async () => {
    const redis = await startRedis({ settings: { requirepass: 'right' } });
    try {
      const REDIS_URL = redis.url.replace('//', '//user:canary@');
      const { code, out, err } = await runToEnd(args, { REDIS_URL });
      assert.equal({ code, out }, { code: 1, out: '' });
      assert.match(err, /^REDIS_URL \(redis:\/\/127\.0\.0\.1:\d+\) cannot be used: WRONGPASS [^\n]+\n$/);
      assert.not.match(err, /canary/);
    } finally {
      await redis.stop();
    }
  });

  test(`[L01] no Redis: one sentence, without the password: ${args.join(' ') || 'one process'}`, async () => {
    const { code, out, err } = await runToEnd(args, { REDIS_URL: 'redis://user:canary@127.0.0.1:1' });
    assert.equal({ code, out }, { code: 1, out: '' });
    assert.is(err, 'REDIS_URL (redis://127.0.0.1:1) cannot be used: connect ECONNREFUSED 127.0.0.1:1.\n');
  });
}

test('several workers without REDIS_URL are refused in one sentence', async () => {
  const { code, out, err } = await runToEnd(['--workers', '2']);
  assert.equal({ code, out }, { code: 1, out: '' });
  assert.is(err, '--workers 2 needs REDIS_URL: what one process remembers, another must know.\n');
});

test('one worker needs no Redis', async () => {
  const { code, err } = await runToEnd(['--workers', '1', '--once']);
  assert.equal({ code, err }, { code: 0, err: '' });
});

for (const number of ['0', '65', '-1', '1.5', '03', 'x', '', '1e1', '100']) {
  test(`--workers cannot be "${number}"`, async () => {
    const { code, out, err } = await runToEnd([`--workers=${number}`]);
    assert.equal({ code, out }, { code: 1, out: '' });
    assert.ok(
      err.startsWith(`--workers must be a whole number from 1 to 64, not "${number}".\n\nUsage:`),
      err,
    );
  });
}

test.run();
