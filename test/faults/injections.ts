import { setTimeout as sleep } from 'node:timers/promises';
import { type RedisServer, startRedis, startReplicaOf, until } from '../redis/_server.ts';
import { type Connecting, connectNodes, createMemoryNode, ProcessNode } from './nodes.ts';
import { TcpProxy } from './tcp-proxy.ts';
import type { AppNode } from './world.ts';

/** Each way in which a store, a network, an app or a clock fails, made real. */

/** Servers and nodes, ready for one fault. */
export interface Scene {
  readonly nodes: readonly AppNode[];
  /** Of the clients; default: the real one. */
  readonly clock?: () => number;
  /** Brings the fault about; resolves when it is over, and what failed answers again. */
  readonly inject: () => Promise<void>;
  /** Where clocks can be set: lets time pass for clients and nodes alike. */
  readonly age?: (seconds: number) => void;
  readonly close: () => Promise<void>;
}

export interface Fault {
  readonly name: string;
  /** `outage`: requests cannot be decided while it lasts. `loss`: Redis loses uses that it was told. */
  readonly effect: 'outage' | 'loss' | 'none';
  readonly prepare: (conditions: Conditions) => Promise<Scene>;
}

export interface Conditions extends Connecting {
  /** How long pauses and slow replies last. */
  readonly seconds: number;
}

/** How long something is down that is not down for long. */
const shortly = 500;

/** A fault of one Redis that the nodes reach directly. */
function redisFault(
  name: string,
  effect: Fault['effect'],
  inject: (server: RedisServer, seconds: number) => Promise<void>,
): Fault {
  const prepare = async (conditions: Conditions): Promise<Scene> => {
    const server = await startRedis();
    const nodes = await connectNodes(server.port, conditions);
    const close = (): Promise<void> => closeAll(nodes, server);
    return { nodes, inject: () => inject(server, conditions.seconds), close };
  };
  return { name, effect, prepare };
}

/** A fault of the network between the nodes and Redis. */
function networkFault(
  name: string,
  inject: (proxy: TcpProxy, conditions: Conditions) => Promise<void>,
): Fault {
  const prepare = async (conditions: Conditions): Promise<Scene> => {
    const server = await startRedis();
    const proxy = await new TcpProxy(server.port).start();
    const nodes = await connectNodes(proxy.port, conditions);
    const close = async (): Promise<void> => {
      await closeAll(nodes, server);
      await proxy.close();
    };
    return { nodes, inject: () => inject(proxy, conditions), close };
  };
  return { name, effect: 'outage', prepare };
}

async function closeAll(nodes: readonly AppNode[], ...servers: readonly RedisServer[]): Promise<void> {
  await Promise.all(nodes.map((node) => node.close()));
  await Promise.all(servers.map((server) => server.stop()));
}

const killed = redisFault('kill -9, restart empty', 'loss', async (server) => {
  await server.kill('SIGKILL');
  await sleep(shortly);
  await server.restart();
});

/** What is written after the snapshot is lost. */
const oldSnapshot = redisFault('kill -9, restart from an old snapshot', 'loss', async (server) => {
  await server.cli('SAVE');
  await sleep(shortly);
  await server.kill('SIGKILL');
  await server.restart();
});

const paused = redisFault('SIGSTOP, resume', 'outage', async (server, seconds) => {
  await server.kill('SIGSTOP');
  await sleep(seconds * 1000);
  await server.kill('SIGCONT');
});

const flushed = redisFault('FLUSHALL', 'loss', async (server) => {
  await server.cli('FLUSHALL');
});

const restarted = redisFault('SHUTDOWN, restart empty', 'loss', async (server) => {
  await server.cli('SHUTDOWN', 'NOSAVE').catch(() => undefined); // the connection ends without an answer
  await server.kill();
  await sleep(shortly);
  await server.restart();
});

/** Another tenant fills Redis up to its limit, and leaves again. */
const full = redisFault('maxmemory reached', 'outage', async (server) => {
  const used = Number(/used_memory:(\d+)/.exec(await server.cli('INFO', 'memory'))?.[1]);
  await server.cli('CONFIG', 'SET', 'maxmemory', String(used + 2_000_000));
  const fill = "for i = 1, 100 do redis.call('SET', 'filler:' .. i, string.rep('x', 40000)) end";
  await server.cli('EVAL', fill, '0').catch(() => undefined);
  const one = "redis.call('SET', KEYS[1], string.rep('x', 1000))";
  for (let number = 0; await succeeds(server.cli('EVAL', one, '1', `last:${number}`)); number++);
  await sleep(1000);
  await server.cli('CONFIG', 'SET', 'maxmemory', '0');
});

async function succeeds(attempt: Promise<unknown>): Promise<boolean> {
  return attempt.then(
    () => true,
    () => false,
  );
}

/** Half of the time connections come back with what was sent, half of the time the network has forgotten them. */
const blackHole = networkFault('black-holed port', async (proxy, { index }) => {
  const forgets = index % 2 === 0;
  if (forgets) proxy.blackHole();
  else proxy.hold();
  await sleep(1500);
  if (forgets) proxy.reset();
  proxy.open();
});

/** Lasts a second longer than a reply takes, so that late successes arrive while it lasts. */
const slow = networkFault('slow replies', async (proxy, { seconds }) => {
  proxy.delayReplies(seconds * 1000);
  await sleep(seconds * 1000 + 1000);
  proxy.open();
});

/** The replica misses the last writes; then the primary dies, the replica is promoted, and the nodes are led to it. */
const promoted: Fault = {
  name: 'replica promoted, writes lost',
  effect: 'loss',
  prepare: async (conditions) => {
    const primary = await startRedis();
    const replication = await new TcpProxy(primary.port).start();
    const replica = await startReplicaOf(primary, {
      settings: { replicaof: `127.0.0.1 ${replication.port}` },
    });
    const address = await new TcpProxy(primary.port).start();
    const nodes = await connectNodes(address.port, conditions);
    const inject = async (): Promise<void> => {
      replication.blackHole();
      await sleep(shortly);
      await until('the replica misses a write', async () => {
        const [all, kept] = await Promise.all([primary, replica].map(countUses));
        return Number(kept) < Number(all);
      });
      await primary.kill('SIGKILL');
      await replica.cli('REPLICAOF', 'NO', 'ONE');
      address.redirect(replica.port);
      address.reset();
    };
    const close = async (): Promise<void> => {
      await closeAll(nodes, primary, replica);
      await Promise.all([replication.close(), address.close()]);
    };
    return { nodes, inject, close };
  },
};

/** Of our store, or of the naive one. */
async function countUses(server: RedisServer): Promise<number> {
  const keys = await server.cli('DBSIZE');
  return Number(await server.cli('ZCARD', '{holdfast}:uses')) + Number(keys);
}

const appRestarted: Fault = {
  name: 'app restart, memory store',
  effect: 'outage',
  prepare: async ({ setup }) => {
    const node = new ProcessNode(setup);
    await node.start();
    const inject = async (): Promise<void> => {
      await node.kill();
      await node.start();
    };
    return { nodes: [node], inject, close: () => node.close() };
  },
};

/** Clocks that are right at first. */
class Clocks {
  #server = 0;
  #client = 0;
  readonly server = (): number => Date.now() / 1000 + this.#server;
  readonly client = (): number => Date.now() / 1000 + this.#client;

  setServerBack(): void {
    this.#server -= 3600;
  }

  readonly age = (seconds: number): void => {
    this.#server += seconds;
    this.#client += seconds;
  };
}

const memoryClock: Fault = {
  name: 'clock back 1 h, memory store',
  effect: 'none',
  prepare: async ({ setup }) => {
    const clocks = new Clocks();
    const node = createMemoryNode(setup, clocks.server);
    const inject = async (): Promise<void> => clocks.setServerBack();
    return { nodes: [node], clock: clocks.client, inject, age: clocks.age, close: () => node.close() };
  },
};

const redisClock: Fault = {
  name: 'clock back 1 h, Redis',
  effect: 'none',
  prepare: async (conditions) => {
    const clocks = new Clocks();
    const server = await startRedis();
    const nodes = await connectNodes(server.port, conditions, clocks.server);
    const inject = async (): Promise<void> => clocks.setServerBack();
    const close = (): Promise<void> => closeAll(nodes, server);
    return { nodes, clock: clocks.client, inject, age: clocks.age, close };
  },
};

/** The long ones first, so that the others fill the time beside them. */
export const faults: readonly Fault[] = [
  paused,
  slow,
  promoted,
  killed,
  oldSnapshot,
  restarted,
  flushed,
  full,
  blackHole,
  appRestarted,
  memoryClock,
  redisClock,
];
