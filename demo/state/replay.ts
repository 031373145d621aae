import { setTimeout as sleep } from 'node:timers/promises';
import { createMemoryReplayStore, type MemoryReplayStore, type ReplayStore } from 'holdfast';
import { createRedisReplayStore, type RedisReplayStore } from 'holdfast/redis';
import { ConfigError, type DemoConfig } from '../config.ts';
import type { Health } from '../health.ts';
import { connectRedis, placeOf, type RedisConnection } from './redis.ts';

/** Where both servers remember used proofs: in this process, or in a Redis that all processes share. */

/** One server's store, and how it fares. */
export interface WatchedStore {
  readonly store: ReplayStore;
  readonly health: () => Promise<Health>;
}

export interface DemoReplay {
  readonly authorization: WatchedStore;
  readonly resource: WatchedStore;
  /** @throws ConfigError of one sentence when the stores cannot be used now. */
  readonly requireReady: () => Promise<void>;
  /** From now on tells of a lost connection. */
  readonly watch: (tell: (line: string) => void) => void;
  readonly close: () => void;
}

export async function openReplay({ redisUrl, replayCapacity: capacity }: DemoConfig): Promise<DemoReplay> {
  if (redisUrl === undefined) return openMemory(capacity);
  return openRedis(redisUrl, await connectRedis(redisUrl), capacity);
}

function openMemory(capacity: number): DemoReplay {
  return {
    authorization: watchMemory(createMemoryReplayStore({ capacity })),
    resource: watchMemory(createMemoryReplayStore({ capacity })),
    requireReady: async () => undefined,
    watch: () => undefined,
    close: () => undefined,
  };
}

function watchMemory(store: MemoryReplayStore): WatchedStore {
  const health = async (): Promise<Health> => {
    const { size, capacity, evictions } = store.gauges();
    return { ready: true, replay: 'memory', gauges: { size, capacity, evictions } };
  };
  return { store, health };
}

/** Milliseconds. Longer than the default: a laptop that starts many processes at once is slow for a moment. */
const deadline = 200;

function openRedis(url: string, connection: RedisConnection, capacity: number): DemoReplay {
  const { client } = connection;
  const [authorization, resource] = ['as', 'rs'].map((server) =>
    createRedisReplayStore({ client, name: `holdfast-demo-${server}`, capacity, deadline }),
  ) as [RedisReplayStore, RedisReplayStore];
  return {
    authorization: watchRedis(authorization),
    resource: watchRedis(resource),
    requireReady: async () => {
      try {
        for (const store of [authorization, resource]) await patientlyReady(store, connection);
      } catch (error) {
        const trouble = connection.trouble() ?? (error as Error).message;
        connection.close();
        throw new ConfigError(`REDIS_URL (${placeOf(url)}) cannot be used: ${trouble.replace(/\.+$/, '')}.`);
      }
    },
    watch: connection.watch,
    close: connection.close,
  };
}

/** A Redis that has just begun may be slow to answer first. One that cannot be reached has had its chance. */
async function patientlyReady(store: RedisReplayStore, { trouble }: RedisConnection): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await store.ready();
    } catch (error) {
      if (attempt === 3 || trouble() !== undefined) throw error;
      await sleep(100);
    }
  }
}

/** One look at a time, however many ask: whoever may call `/healthz` cannot make Redis work for it. */
function watchRedis(store: RedisReplayStore): WatchedStore {
  let looking: Promise<Health> | undefined;
  const look = async (): Promise<Health> => {
    try {
      await store.ready();
      return { ready: true, replay: 'redis' };
    } catch {
      return { ready: false, replay: 'redis' };
    } finally {
      looking = undefined;
    }
  };
  const health = (): Promise<Health> => {
    looking ??= look();
    return looking;
  };
  return { store, health };
}
