import { setTimeout as sleep } from 'node:timers/promises';
import { createMemoryRevocationStore, createRevocations, type Revocations } from 'holdfast';
import { createRedisRevocationStore } from 'holdfast/redis';
import type { DemoConfig } from '../config.ts';
import { connectRedis } from './redis.ts';

/** What has been taken back: remembered in this process, or in a Redis that all processes share. */

export interface DemoRevocations {
  readonly revocations: Revocations;
  /** Resolves once every token that is issued from now on will be known not to be revoked. */
  readonly requireReady: () => Promise<void>;
  readonly close: () => void;
}

type RevocationsConfig = Pick<DemoConfig, 'redisUrl' | 'stateFile'>;

const capacity = 100_000;

/** Milliseconds. Longer than the default: a laptop that starts many processes at once is slow for a moment. */
const deadline = 200;

export async function openRevocations({ redisUrl, stateFile }: RevocationsConfig): Promise<DemoRevocations> {
  if (redisUrl !== undefined) return openRedis(redisUrl);
  // Signing keys that are made at each start have signed nothing before it; those from a file may have.
  const fresh = stateFile === undefined;
  const store = createMemoryRevocationStore({ capacity, ...(fresh ? { birth: 0 } : {}) });
  return {
    revocations: createRevocations({ store }),
    requireReady: async () => (fresh ? undefined : awaitNextSecond()),
    close: () => undefined,
  };
}

async function openRedis(url: string): Promise<DemoRevocations> {
  const { client, close } = await connectRedis(url);
  const store = createRedisRevocationStore({ client, name: 'holdfast-demo', deadline });
  const requireReady = async (): Promise<void> => {
    await store.ready();
    await awaitNextSecond();
  };
  return { revocations: createRevocations({ store }), requireReady, close };
}

/** Tokens tell in whole seconds when they were issued: in the second in which a memory begins, that is before it. */
async function awaitNextSecond(): Promise<void> {
  await sleep(1005 - (Date.now() % 1000)); // a timer may be early by a millisecond
}
