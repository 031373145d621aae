/** Memories that many processes share, in Redis or Valkey: of proofs that were used, and of what was revoked. */
export type { IoRedisClient, NodeRedisClient } from './redis-script.ts';
export {
  createRedisReplayStore,
  type RedisReplayStore,
  type RedisReplayStoreOptions,
} from './replay-redis.ts';
export {
  createRedisRevocationStore,
  type RedisRevocationStore,
  type RedisRevocationStoreOptions,
} from './revocation-redis.ts';
