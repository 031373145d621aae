import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { openRecords } from '../../demo/state/records.ts';
import { loadSigningKeys } from '../../demo/state/signing-keys.ts';
import type { RecordStore } from '../../src/index.ts';
import { testContract } from '../demo/_record-contract.ts';
import { type RedisServer, startRedis, until, withRedis } from './_server.ts';

/** The demo's state in a Redis that several processes share. */

const test = suite('redis/records');
const redisTest = withRedis(test);

function withServer(run: (server: RedisServer) => Promise<void>): () => Promise<void> {
  return async () => {
    const server = await startRedis();
    try {
      await run(server);
    } finally {
      await server.stop();
    }
  };
}

/** Two connections, as two processes have them. */
function withStores(
  run: (first: RecordStore, second: RecordStore, server: RedisServer) => Promise<void>,
): () => Promise<void> {
  return withServer(async (server) => {
    const opened = [await openRecords({ redisUrl: server.url }), await openRecords({ redisUrl: server.url })];
    const [first, second] = opened.map(({ store }) => store) as [RecordStore, RecordStore];
    try {
      await run(first, second, server);
    } finally {
      for (const { close } of opened) close();
    }
  });
}

testContract(redisTest, (run) => withStores((store) => run(store)));

const soon = (): number => Date.now() / 1000 + 60;

redisTest(
  'of fifty processes that replace at once, one succeeds, and all see it',
  withStores(async (first, second) => {
    await first.insert('a', { n: -1 }, soon());
    const before = await second.read('a');
    if (before === undefined) throw new Error('the other one does not see it');
    const fifty = Array.from({ length: 50 }, (_, n) => n);
    const done = await Promise.all(
      fifty.map(async (n) => (n % 2 ? first : second).replace('a', before, { n })),
    );
    assert.is(done.filter(Boolean).length, 1);
    for (const store of [first, second]) assert.is((await store.read('a'))?.value['n'], done.indexOf(true));
  }),
);

redisTest(
  'Redis forgets a record itself, five minutes after it is over',
  withStores(async (store, _other, server) => {
    await store.insert('a', {}, soon());
    const left = Number(await server.cli('PTTL', 'holdfast-demo-record:a'));
    assert.ok(left > 300_000 && left <= 361_000, String(left));
    const record = await store.read('a');
    if (record !== undefined) await store.replace('a', record, {}, record.until + 600);
    assert.ok(Number(await server.cli('PTTL', 'holdfast-demo-record:a')) > 900_000);
  }),
);

redisTest(
  'while Redis is down every question is refused; once it is back they are answered',
  withStores(async (store, _other, server) => {
    await store.insert('a', {}, soon());
    await server.kill();
    const record = { value: {}, version: 'x', until: soon() };
    const questions = [
      () => store.read('a'),
      () => store.insert('b', {}, soon()),
      () => store.replace('a', record, {}),
      () => store.replace('a', record, undefined),
    ];
    for (const question of questions) {
      const refused = await Promise.resolve(question()).then(
        () => false,
        () => true,
      );
      assert.ok(refused);
    }
    await server.restart();
    await until('the store answers', async () => {
      const answer = Promise.resolve(store.insert(crypto.randomUUID(), {}, soon()));
      return answer.catch(() => false);
    });
  }),
);

redisTest(
  'processes that start at once sign with the same keys',
  withStores(async (first, second) => {
    const keys = await Promise.all([first, second, first, second].map(loadSigningKeys));
    const kids = keys.map(({ signingKey, nextKey }) => `${signingKey.kid} ${nextKey.kid}`);
    assert.is(new Set(kids).size, 1);
  }),
);

test.run();
