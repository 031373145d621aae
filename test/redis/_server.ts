import { type ChildProcess, execFile, spawn, spawnSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { Test } from 'uvu';

/** Real redis-server processes: on loopback and free ports, in folders of their own, gone when this process is. */

export interface RedisOptions {
  /** Settings as on the command line, without dashes: `{ maxmemory: '2mb' }`. By default nothing is kept on disk. */
  readonly settings?: Readonly<Record<string, string>>;
  /** Default: a free one. */
  readonly port?: number;
}

export interface RedisServer {
  readonly port: number;
  /** `redis://127.0.0.1:PORT` */
  readonly url: string;
  /** Of the process that runs now, or ran last. */
  readonly pid: number;
  /** What `redis-cli` prints, without the line end; rejects when it reports an error. */
  cli(...args: string[]): Promise<string>;
  /** Sends a signal; resolves when the process is gone, and at once for SIGSTOP and SIGCONT. */
  kill(signal?: NodeJS.Signals): Promise<void>;
  /** Ends what is left of the process and starts another on the same port and folder. */
  restart(): Promise<void>;
  /** Ends the process and removes its folder; may be called twice. */
  stop(): Promise<void>;
}

export interface RedisCluster {
  readonly nodes: readonly RedisServer[];
  stop(): Promise<void>;
}

/** Whether there is a redis-server to start. */
export const redisInstalled: boolean = spawnSync('redis-server', ['--version']).status === 0;

/** Registers tests of a suite that need redis-server: without it they are skipped, and say why. */
export function withRedis<T>(test: Test<T>): (title: string, run: Parameters<Test<T>>[1]) => void {
  return (title, run) => {
    if (redisInstalled) test(title, run);
    else test.skip(`${title} (skipped: redis-server is not installed)`, run);
  };
}

export async function startRedis({ settings = {}, port }: RedisOptions = {}): Promise<RedisServer> {
  if (port !== undefined) return new ServerProcess(port, await makeFolder(), settings).started();
  for (let attempt = 1; ; attempt++) {
    const server = new ServerProcess(await findFreePort(), await makeFolder(), settings);
    try {
      return await server.started();
    } catch (error) {
      await server.stop(); // somebody else may have taken the port since it was found free
      if (attempt === 3) throw error;
    }
  }
}

/** Starts a replica and waits until it has what its primary has. */
export async function startReplicaOf(primary: RedisServer, options: RedisOptions = {}): Promise<RedisServer> {
  const settings = {
    replicaof: `127.0.0.1 ${primary.port}`,
    'repl-diskless-sync-delay': '0',
    ...options.settings,
  };
  const replica = await startRedis({ ...options, settings });
  await until('the replica follows', async () =>
    (await replica.cli('INFO', 'replication')).includes('master_link_status:up'),
  );
  return replica;
}

/** Starts a cluster of primaries that share the slots evenly. */
export async function startCluster(size = 3): Promise<RedisCluster> {
  const nodes = await Promise.all(Array.from({ length: size }, startClusterNode));
  const stop = async (): Promise<void> => {
    await Promise.all(nodes.map((node) => node.stop()));
  };
  try {
    await joinNodes(nodes);
  } catch (error) {
    await stop();
    throw error;
  }
  return { nodes, stop };
}

/** Polls until something holds; rejects after ten seconds. */
export async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  const end = performance.now() + 10_000;
  while (!(await holds())) {
    if (performance.now() > end) throw new Error(`never came: ${what}`);
    await sleep(10);
  }
}

/** A port that was free a moment ago. */
export async function findFreePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

function makeFolder(): Promise<string> {
  return mkdtemp(join(tmpdir(), 'holdfast-redis-'));
}

async function startClusterNode(): Promise<RedisServer> {
  const settings = {
    'cluster-enabled': 'yes',
    'cluster-port': String(await findFreePort()),
    'cluster-node-timeout': '2000',
  };
  return startRedis({ settings });
}

async function joinNodes(nodes: readonly RedisServer[]): Promise<void> {
  const slots = 16384;
  const [first] = nodes as [RedisServer];
  const bus = await first.cli('CONFIG', 'GET', 'cluster-port');
  for (const [index, node] of nodes.entries()) {
    const from = Math.ceil((slots * index) / nodes.length);
    const to = Math.ceil((slots * (index + 1)) / nodes.length) - 1;
    await node.cli('CLUSTER', 'ADDSLOTSRANGE', String(from), String(to));
    await node.cli('CLUSTER', 'SET-CONFIG-EPOCH', String(index + 1));
    if (index > 0)
      await node.cli('CLUSTER', 'MEET', '127.0.0.1', String(first.port), bus.split('\n')[1] as string);
  }
  for (const node of nodes) {
    await until('the cluster is complete', async () => {
      const info = await node.cli('CLUSTER', 'INFO');
      return info.includes('cluster_state:ok') && info.includes(`cluster_known_nodes:${nodes.length}`);
    });
  }
}

const running = new Set<ServerProcess>();
process.once('exit', () => {
  for (const server of running) server.endNow();
});

const run = promisify(execFile);

class ServerProcess implements RedisServer {
  readonly port: number;
  readonly #folder: string;
  readonly #settings: Readonly<Record<string, string>>;
  #child: ChildProcess | undefined;
  #gone: Promise<void> = Promise.resolve();

  constructor(port: number, folder: string, settings: Readonly<Record<string, string>>) {
    this.port = port;
    this.#folder = folder;
    this.#settings = { save: '', appendonly: 'no', bind: '127.0.0.1', dir: folder, ...settings };
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}`;
  }

  get pid(): number {
    return this.#child?.pid ?? -1;
  }

  /** Resolves when the process accepts connections. */
  async started(): Promise<this> {
    running.add(this);
    const settings = { port: String(this.port), ...this.#settings };
    const args = Object.entries(settings).flatMap(([name, value]) => [
      `--${name}`,
      ...(name === 'replicaof' ? value.split(' ') : [value]),
    ]);
    const child = spawn('redis-server', args, { stdio: ['ignore', 'pipe', 'ignore'] });
    this.#child = child;
    this.#gone = new Promise((resolve) => child.once('close', () => resolve()));
    await whenReady(child);
    return this;
  }

  async cli(...args: string[]): Promise<string> {
    const { stdout } = await run('redis-cli', ['-e', '-p', String(this.port), ...args]);
    return stdout.trimEnd().replaceAll('\r', '');
  }

  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    this.#child?.kill(signal);
    if (signal !== 'SIGSTOP' && signal !== 'SIGCONT') await this.#gone;
  }

  async restart(): Promise<void> {
    await this.kill();
    await this.started();
  }

  async stop(): Promise<void> {
    await this.kill();
    this.endNow();
  }

  endNow(): void {
    this.#child?.kill('SIGKILL');
    running.delete(this);
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

function whenReady(child: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    let log = '';
    child.stdout?.on('data', (chunk: Buffer) => {
      if (log.length < 100_000) log += chunk.toString();
      if (log.includes('Ready to accept connections')) resolve();
    });
    child.once('error', reject);
    child.once('close', () => reject(new Error(`redis-server ended before it was ready: ${log}`)));
  });
}
