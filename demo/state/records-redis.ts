import { randomUUID } from 'node:crypto';
import type { JsonObject, RecordStore, StoredRecord } from 'holdfast';
import type { Redis } from 'ioredis';
import type { DemoRecords } from './records.ts';
import { connectRedis } from './redis.ts';

/** Records in a Redis that several processes share. Whoever can read it can sign as the demo does. */

const prefix = 'holdfast-demo-record:';

/** Redis forgets by its own clock, which may be ahead of ours; whoever reads a record looks at `until` itself. */
const grace = 300; // seconds: strangers who push requests take room for so long

export async function openRedisRecords(url: string): Promise<DemoRecords> {
  const { client, close } = await connectRedis(url);
  return { store: new RedisRecordStore(client), close };
}

const put = `
redis.call('HSET', KEYS[1], 'value', ARGV[1], 'version', ARGV[2], 'until', ARGV[3])
redis.call('PEXPIREAT', KEYS[1], ARGV[4])
return 1`;

const insertion = `if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end ${put}`;
const replacement = `if redis.call('HGET', KEYS[1], 'version') ~= ARGV[5] then return 0 end ${put}`;
const removal = `
if redis.call('HGET', KEYS[1], 'version') ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])`;

class RedisRecordStore implements RecordStore {
  readonly #client: Redis;

  constructor(client: Redis) {
    this.#client = client;
  }

  insert(key: string, value: JsonObject, until: number): Promise<boolean> {
    return this.#run(insertion, key, toArguments(value, until));
  }

  async read(key: string): Promise<StoredRecord | undefined> {
    const [value, version, until] = await this.#client.hmget(prefix + key, 'value', 'version', 'until');
    if (value == null || version == null || until == null) return undefined;
    return { value: JSON.parse(value) as JsonObject, version, until: Number(until) };
  }

  replace(
    key: string,
    before: StoredRecord,
    value: JsonObject | undefined,
    until: number = before.until,
  ): Promise<boolean> {
    return value === undefined
      ? this.#run(removal, key, [before.version])
      : this.#run(replacement, key, [...toArguments(value, until), before.version]);
  }

  /** One script is one step: nobody comes between the look and the change. */
  async #run(script: string, key: string, values: readonly string[]): Promise<boolean> {
    return (await this.#client.eval(script, 1, prefix + key, ...values)) === 1;
  }
}

function toArguments(value: JsonObject, until: number): string[] {
  const expires = Math.ceil((until + grace) * 1000);
  return [JSON.stringify(value), randomUUID(), String(until), String(expires)];
}
