import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { RunRequest } from '../../demo/lab/engine/engine.ts';
import { createLabEngine } from '../../demo/lab/engine/lab-engine.ts';
import type { Report } from '../../demo/lab/model.ts';
import { startRedis, withRedis } from './_server.ts';

/** The lab with bank nodes as processes of their own: restarts, races and the shared memory are real. */

const test = suite('redis/lab processes');
const needsRedis = withRedis(test);

const request: RunRequest = {
  profiles: ['M00', 'D4', 'D5'],
  thefts: ['T01', 'T07', 'T31', 'T32', 'T34', 'T25'],
  honestTests: ['H05', 'H06'],
  seats: ['elsewhere'],
  mode: 'quick',
  time: 'world',
  processes: 'separate',
  cost: false,
};

async function run(changes: Partial<RunRequest>, redisUrl: string | undefined): Promise<Report> {
  const engine = createLabEngine({ redisUrl });
  try {
    return await engine.run({ ...request, ...changes }, () => undefined, new AbortController().signal);
  } finally {
    await engine.close();
  }
}

needsRedis('separate nodes that share a Redis come to the same cells as one process does', async () => {
  const redis = await startRedis();
  try {
    const separate = await run({}, redis.url);
    const one = await run({ processes: 'one' }, undefined);
    const outcomes = ({ cells }: Report): Record<string, string> =>
      Object.fromEntries(
        cells
          .filter(({ theft }) => theft !== 'T25')
          .map(({ profile, theft, outcome, decidedBy }) => [
            `${profile} ${theft}`,
            `${outcome} ${decidedBy}`,
          ]),
      );
    assert.equal(outcomes(separate), outcomes(one));
    assert.is(outcomes(separate)['D4 T31'], 'works null', 'a memory of its own is gone after a restart');
    assert.is(outcomes(separate)['D5 T31'], 'blocked jti', 'what is in Redis is not');
    assert.ok(separate.honest.every(({ outcome }) => outcome === 'fine'));
    const wire = separate.cells.filter(({ theft }) => theft === 'T25');
    assert.ok(
      wire.every(({ outcome, note }) => outcome === 'void' && note !== undefined),
      'not here, and it says so',
    );
  } finally {
    await redis.stop();
  }
});

needsRedis(
  'a deny list in Redis does what the one in memory does; without a Redis its cells are void',
  async () => {
    const redis = await startRedis();
    try {
      const lists = {
        profiles: ['M06', 'M06r'],
        thefts: ['T01', 'T18', 'T38', 'T39'],
        honestTests: ['H05'],
        processes: 'one',
      } as const;
      const { cells, honest } = await run(lists, redis.url);
      const row = (id: string): string[] =>
        cells
          .filter(({ profile }) => profile === id)
          .map(({ theft, outcome, decidedBy }) => `${theft} ${outcome} ${decidedBy}`);
      assert.equal(row('M06r'), row('M06'));
      assert.ok(row('M06r').includes('T38 blocked deny'));
      assert.ok(honest.every(({ outcome }) => outcome === 'fine'));
      const without = (await run(lists, undefined)).cells.filter(({ profile }) => profile === 'M06r');
      assert.ok(without.every(({ outcome, note }) => outcome === 'void' && note?.includes('REDIS_URL')));
    } finally {
      await redis.stop();
    }
  },
);

needsRedis('nothing of a run stays in Redis', async () => {
  const redis = await startRedis();
  try {
    await run({ profiles: ['D5'], thefts: ['T01'], honestTests: [] }, redis.url);
    assert.is(await redis.cli('dbsize'), '0');
  } finally {
    await redis.stop();
  }
});

test('without a Redis, and for a profile that keeps what it knows in one process: one sentence', async () => {
  const why = (changes: Partial<RunRequest>, url?: string): Promise<string> =>
    run(changes, url).then(
      () => 'it ran',
      (error: Error) => error.message,
    );
  assert.match(await why({}), /^Separate processes share a Redis: set REDIS_URL/);
  assert.match(
    await why({ profiles: ['M13'] }, 'redis://127.0.0.1:1'),
    /^M13 \(.*\) keeps what it knows in one process/,
  );
  assert.match(await why({}, 'redis://127.0.0.1:1'), /does not answer/);
});

test.run();
