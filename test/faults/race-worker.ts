import { createClient } from 'redis';
import type { RawRequest } from '../../src/index.ts';
import { createRedisReplayStore } from '../../src/replay-redis.ts';
import { type Answer, createDecider, type Setup } from './world.ts';
import { createRacyStore } from './wrong-stores.ts';

/** One of several processes that use one proof at the same time. Told by its parent what to use. */

export interface RaceSetup extends Setup {
  readonly url: string;
}

/** One proof, to be used this many times at once. */
export interface RaceRound {
  readonly store: 'redis' | 'racy';
  readonly request: RawRequest;
  readonly uses: number;
}

export type RaceCount = Readonly<Record<Answer['outcome'], number>>;

/** Long, because a round is about who wins, not about who is fast; a late winner would count as nobody. */
const deadline = 30_000;

async function prepare({ url, ...setup }: RaceSetup): Promise<(round: RaceRound) => Promise<RaceCount>> {
  const client = createClient({ url });
  client.on('error', () => process.exit(1));
  await client.connect();
  const deciders = {
    redis: createDecider(setup, createRedisReplayStore({ client, deadline })),
    racy: createDecider(setup, createRacyStore(client)),
  };
  return async ({ store, request, uses }) => {
    const count = { accepted: 0, challenged: 0, unavailable: 0, refused: 0 };
    const answers = await Promise.all(Array.from({ length: uses }, () => deciders[store](request)));
    for (const { outcome } of answers) count[outcome] += 1;
    return count;
  };
}

process.once('message', (setup: RaceSetup) => {
  void prepare(setup).then((run) => {
    process.on('message', (round: RaceRound) => void run(round).then((count) => process.send?.(count)));
    process.send?.('ready');
  });
});
process.once('disconnect', () => process.exit());
