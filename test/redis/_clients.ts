import { Cluster, Redis } from 'ioredis';
import { Redis as Valkey } from 'iovalkey';
import { createClient, createCluster } from 'redis';
import type { ClaimOutcome } from '../../src/replay.ts';
import type { RedisReplayStore, RedisReplayStoreOptions } from '../../src/replay-redis.ts';
import type { RedisServer } from './_server.ts';

/** Real clients as applications make them, each with what closes it, and a use to claim through a store. */

export interface Connection {
  readonly client: RedisReplayStoreOptions['client'];
  /** Ends the connection at once, whatever waits in it. */
  close(): void;
}

type Connect = (port: number) => Promise<Connection>;

const host = '127.0.0.1';

/** Without these options a client queues commands while it is disconnected, and sends them when that is too late. */
const failFast = { enableOfflineQueue: false, maxRetriesPerRequest: 0, autoResendUnfulfilledCommands: false };

/** Every kind of client that is supported, with fail-fast options and as it comes. */
export const clients: Readonly<Record<string, Connect>> = {
  'node-redis': (port) => connectNodeRedis(port, { disableOfflineQueue: true }),
  'node-redis with defaults': (port) => connectNodeRedis(port, {}),
  ioredis: (port) => connectIoRedis(new Redis({ host, port, retryStrategy: () => 50, ...failFast })),
  'ioredis with defaults': (port) => connectIoRedis(new Redis({ host, port })),
  iovalkey: (port) => connectIoRedis(new Valkey({ host, port, retryStrategy: () => 50, ...failFast })),
  'iovalkey with defaults': (port) => connectIoRedis(new Valkey({ host, port })),
};

/** The client for tests that are about the server. */
export function connect(port: number): Promise<Connection> {
  return connectIoRedis(new Redis({ host, port, retryStrategy: () => 50, ...failFast }));
}

export const clusterClients: Readonly<
  Record<string, (nodes: readonly RedisServer[]) => Promise<Connection>>
> = {
  'node-redis': async (nodes) => {
    const client = createCluster({ rootNodes: nodes.map(({ url }) => ({ url })) });
    client.on('error', () => undefined);
    await client.connect();
    return { client, close: () => client.destroy() };
  },
  ioredis: async (nodes) => {
    const client = new Cluster(nodes.map(({ port }) => ({ host, port })));
    client.on('error', () => undefined);
    await client.ping();
    return { client, close: () => client.disconnect() };
  },
};

async function connectNodeRedis(
  port: number,
  options: { disableOfflineQueue?: boolean },
): Promise<Connection> {
  const client = createClient({ socket: { host, port, reconnectStrategy: 50 }, ...options });
  client.on('error', () => undefined);
  await client.connect();
  return { client, close: () => client.destroy() };
}

async function connectIoRedis(client: Redis | Valkey): Promise<Connection> {
  client.on('error', () => undefined);
  await new Promise((resolve) => client.once('ready', resolve));
  return { client, close: () => client.disconnect() };
}

export interface Use {
  readonly key: string;
  readonly at: number;
  readonly axis?: 'iat' | 'nonce';
  /** The clock of the node. */
  readonly now?: number;
}

/** Looks at the memory and claims a use by it, as a server does. */
export async function claim(store: RedisReplayStore, use: Use): Promise<ClaimOutcome> {
  const { key, at, axis = 'iat', now = at } = use;
  const memory = await store.read(now);
  return store.claim({ jkt: 'jkt', key, time: { axis, at }, until: at + 60, memory });
}

/** `ok`, or the message of what an attempt rejected with. */
export async function messageOf(attempt: unknown): Promise<string> {
  return Promise.resolve(attempt).then(
    () => 'ok',
    (error: unknown) => String((error as Error | undefined)?.message),
  );
}
