import { createMemoryRecordStore, type RecordStore } from 'holdfast';
import { ConfigError } from '../config.ts';
import { openFileRecords } from './records-file.ts';
import { openRedisRecords } from './records-redis.ts';

/** Where the authorization server keeps codes, sessions and keys: in memory, in a file, or in Redis. */

export interface DemoRecords {
  readonly store: RecordStore;
  readonly close: () => void;
}

export interface RecordsConfig {
  /** Several processes share what they remember. */
  readonly redisUrl?: string | undefined;
  /** One process keeps it beyond its end. */
  readonly stateFile?: string | undefined;
}

/** @throws ConfigError of one sentence when the file cannot be used. */
export async function openRecords({ redisUrl, stateFile }: RecordsConfig): Promise<DemoRecords> {
  if (redisUrl !== undefined && stateFile !== undefined)
    throw new ConfigError('STATE_FILE is for one process alone: it cannot be combined with REDIS_URL.');
  if (stateFile !== undefined) return openFileRecords(stateFile);
  if (redisUrl !== undefined) return openRedisRecords(redisUrl);
  return { store: createMemoryRecordStore({ capacity: 100_000 }), close: () => undefined };
}
