import type { ChildProcess } from 'node:child_process';
import { createClient as createRedisClient } from 'redis';
import { createRedisReplayStore } from '../../src/replay-redis.ts';
import { startRedis } from '../redis/_server.ts';
import { killChild, startChild } from './child.ts';
import type { RaceCount, RaceRound, RaceSetup } from './race-worker.ts';
import { type Client, createClient, signRequest } from './world.ts';

/** Many processes use one proof at once, again and again: one use of each may be accepted. */

export const processes = 8;
export const usesPerProcess = 50;

export interface RaceResult {
  readonly rounds: number;
  readonly uses: number;
  readonly accepted: number;
  /** Rounds in which none, and more than one, was accepted. */
  readonly none: number;
  readonly several: number;
  readonly most: number;
  readonly unavailable: number;
}

export interface RaceResults {
  readonly redis: RaceResult;
  /** The same with a store that is racy on purpose. */
  readonly racy: RaceResult;
}

export async function runRace(rounds: number, tell: (progress: string) => void): Promise<RaceResults> {
  const server = await startRedis();
  const client = await createClient();
  const setup: RaceSetup = { ...client.setup, url: server.url };
  const workers: ChildProcess[] = [];
  try {
    await bearMemory(server.url);
    for (let count = 0; count < processes; count++) workers.push(await startChild('./race-worker.js', setup));
    const racy = await runRounds('racy', Math.max(1, Math.floor(rounds / 10)), workers, client, tell);
    return { racy, redis: await runRounds('redis', rounds, workers, client, tell) };
  } finally {
    await Promise.all(workers.map(killChild));
    await server.stop();
  }
}

/** A memory that was born long enough ago to take proofs without a nonce from the start. */
async function bearMemory(url: string): Promise<void> {
  const redis = createRedisClient({ url });
  await redis.connect();
  await createRedisReplayStore({ client: redis, deadline: 5000 }).read(Date.now() / 1000 - 100);
  redis.destroy();
}

async function runRounds(
  store: RaceRound['store'],
  rounds: number,
  workers: readonly ChildProcess[],
  client: Client,
  tell: (progress: string) => void,
): Promise<RaceResult> {
  const result = { rounds, uses: 0, accepted: 0, none: 0, several: 0, most: 0, unavailable: 0 };
  for (let round = 1; round <= rounds; round++) {
    const request = await signRequest(client);
    const counts = await Promise.all(
      workers.map((worker) => useAtOnce(worker, { store, request, uses: usesPerProcess })),
    );
    const accepted = sum(counts, 'accepted');
    result.uses += workers.length * usesPerProcess;
    result.accepted += accepted;
    result.unavailable += sum(counts, 'unavailable');
    if (accepted === 0) result.none += 1;
    if (accepted > 1) result.several += 1;
    result.most = Math.max(result.most, accepted);
    if (round % 50 === 0) tell(`race, ${store} store: ${round} of ${rounds} rounds`);
  }
  return result;
}

function useAtOnce(worker: ChildProcess, round: RaceRound): Promise<RaceCount> {
  return new Promise((resolve, reject) => {
    const end = (): void => reject(new Error('a process of the race ended'));
    worker.once('exit', end);
    worker.once('message', (count: RaceCount) => {
      worker.off('exit', end);
      resolve(count);
    });
    worker.send(round);
  });
}

function sum(counts: readonly RaceCount[], outcome: keyof RaceCount): number {
  return counts.reduce((total, count) => total + count[outcome], 0);
}
