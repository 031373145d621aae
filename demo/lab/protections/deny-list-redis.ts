import { randomUUID } from 'node:crypto';
import type { RevocationStore } from 'holdfast';
import { createRedisRevocationStore } from 'holdfast/redis';
import { createClient } from 'redis';
import { NotHere } from '../engine/not-here.ts';
import type { World } from '../engine/world.ts';

/** The same list in a Redis that all nodes share, by the library. */

type Client = ReturnType<typeof createClient>;

/** One connection for each thread; it keeps nobody from ending. */
let connection: Promise<Client> | undefined;

/** What a world has written is gone by itself after so many seconds. */
const life = 120;

export function createListInRedis({ clock, redisUrl }: World): RevocationStore {
  if (redisUrl === undefined) throw new NotHere('its list is in a Redis: set REDIS_URL');
  const name = `holdfast-lab-${randomUUID()}`;
  connection ??= connect(redisUrl);
  const ready = connection.then(async (client) => {
    const store = createRedisRevocationStore({ client, name, deadline: 2000 });
    const before = clock.now() - 7200; // of servers that have been up for a while
    await store.look({ keys: [], issuedAt: before, expires: before + 1, now: before });
    await expireSoon(client, name);
    return { client, store };
  });
  return {
    look: async (query) => (await ready).store.look(query),
    add: async (entry, now) => {
      const { client, store } = await ready;
      await store.add(entry, now);
      await expireSoon(client, name);
    },
  };
}

async function connect(url: string): Promise<Client> {
  const client = createClient({ url });
  client.on('error', () => undefined); // each command tells of it
  await client.connect();
  client.unref();
  return client as unknown as Client;
}

async function expireSoon(client: Client, name: string): Promise<void> {
  for (const key of await client.keys(`{${name}}:*`)) await client.expire(key, life);
}
