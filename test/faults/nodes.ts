import type { ChildProcess } from 'node:child_process';
import { Redis } from 'ioredis';
import { Valkey } from 'iovalkey';
import { createClient as createNodeRedis } from 'redis';
import { createMemoryReplayStore, type RawRequest, type ReplayStore } from '../../src/index.ts';
import { createRedisReplayStore, type RedisReplayStoreOptions } from '../../src/replay-redis.ts';
import type { AppAnswer, AppRequest } from './app-worker.ts';
import { killChild, startChild } from './child.ts';
import { type Answer, type AppNode, createDecider, type Setup } from './world.ts';
import { createNaiveStore } from './wrong-stores.ts';

/** Nodes to inject faults into: with Redis through each of the three clients, with memory here or in a process. */

interface Connection {
  readonly client: RedisReplayStoreOptions['client'];
  readonly close: () => void;
}

const connectTimeout = 500;
const wait = 100; // milliseconds between attempts to connect

const failFast = {
  host: '127.0.0.1',
  lazyConnect: true,
  enableOfflineQueue: false,
  maxRetriesPerRequest: 0,
  connectTimeout,
  retryStrategy: () => wait,
};

/** What is wrong with a connection is told by the commands that fail. */
const ignore = (): void => undefined;

// Its type is long, and inferred.
const connectNodeRedis = async (port: number) => {
  const socket = { host: '127.0.0.1', port, connectTimeout, reconnectStrategy: () => wait };
  const client = createNodeRedis({ socket, disableOfflineQueue: true }).on('error', ignore);
  await client.connect();
  return { client, close: () => client.destroy() };
};

/** Each client set to fail fast: it queues nothing while it is not connected, and comes back soon. */
const connections: readonly ((port: number) => Promise<Connection>)[] = [
  connectNodeRedis,
  async (port) => {
    const client = new Redis({ port, ...failFast }).on('error', ignore);
    await client.connect();
    return { client, close: () => client.disconnect() };
  },
  async (port) => {
    const client = new Valkey({ port, ...failFast }).on('error', ignore);
    await client.connect();
    return { client, close: () => client.disconnect() };
  },
];

/** How nodes use Redis. */
export interface Connecting {
  readonly setup: Setup;
  /** Differs from injection to injection, and so do the clients. */
  readonly index: number;
  /** With a store that forgets in silence, to see whether that would be noticed. */
  readonly naive?: boolean;
}

/** Two nodes that share one Redis, through different clients. */
export function connectNodes(port: number, how: Connecting, clock?: () => number): Promise<AppNode[]> {
  const { setup, index, naive = false } = how;
  const connect = naive ? connectNaively : connectStore;
  return Promise.all(
    [index, index + 1].map(async (turn) => {
      const { store, close } = await connect(port, turn);
      return { send: createDecider(setup, store, clock), close: async () => close() };
    }),
  );
}

interface ConnectedStore {
  readonly store: ReplayStore;
  readonly close: () => void;
}

async function connectStore(port: number, turn: number): Promise<ConnectedStore> {
  const connect = connections[turn % connections.length] as (typeof connections)[number];
  // A busy machine may miss the time-out at first; faults come later.
  const { client, close } = await connect(port).catch(() => connect(port));
  return { store: createRedisReplayStore({ client }), close };
}

async function connectNaively(port: number): Promise<ConnectedStore> {
  const { client, close } = await connectNodeRedis(port);
  return { store: createNaiveStore(client), close };
}

/** A node with a memory store and a clock that can be set. */
export function createMemoryNode(setup: Setup, clock: () => number): AppNode {
  const store = createMemoryReplayStore({ capacity: 10_000, clock });
  return { send: createDecider(setup, store, clock), close: async () => undefined };
}

/** A node with a memory store in a process of its own. While that is down, it answers as a proxy in front would. */
export class ProcessNode implements AppNode {
  readonly #setup: Setup;
  readonly #waiting = new Map<number, (answer: Answer) => void>();
  #child: ChildProcess | undefined;
  #number = 0;

  constructor(setup: Setup) {
    this.#setup = setup;
  }

  async start(): Promise<void> {
    const child = await startChild('./app-worker.js', this.#setup);
    child.on('message', ({ number, answer }: AppAnswer) => this.#answer(number, answer));
    this.#child = child;
  }

  async kill(): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child !== undefined) await killChild(child);
    for (const number of [...this.#waiting.keys()]) this.#answer(number, { outcome: 'unavailable' });
  }

  async send(request: RawRequest): Promise<Answer> {
    const child = this.#child;
    if (child === undefined) return { outcome: 'unavailable' };
    const number = ++this.#number;
    return new Promise((resolve) => {
      this.#waiting.set(number, resolve);
      child.send({ number, request } satisfies AppRequest, (error) => {
        if (error !== null) this.#answer(number, { outcome: 'unavailable' });
      });
    });
  }

  close(): Promise<void> {
    return this.kill();
  }

  #answer(number: number, answer: Answer): void {
    this.#waiting.get(number)?.(answer);
    this.#waiting.delete(number);
  }
}
