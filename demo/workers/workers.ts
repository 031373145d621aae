import cluster, { type Worker } from 'node:cluster';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { RunningDemo } from '../alone.ts';
import type { DemoConfig } from '../config.ts';
import { ListenError } from '../servers.ts';
import { openState } from '../state/state.ts';
import type { Verdict } from '../story.ts';
import type { Listening, ToPrimary, ToWorker, WorkerStart } from './channel.ts';

/** The primary of several processes: serves nothing itself, keeps as many workers as it was told to. */

/** Starts the workers, all on the same two ports. When one cannot start, none stays. */
export async function startWorkers(config: DemoConfig, count: number): Promise<RunningDemo> {
  const state = await openState(config);
  await state.requireReady().finally(state.close);
  cluster.setupPrimary({ exec: fileURLToPath(new URL('./worker.js', import.meta.url)), args: [] });
  const pool = new WorkerPool(await toStart(config));
  try {
    const { authorizationOrigin, resourceOrigin } = await pool.open(count);
    return {
      authorizationOrigin,
      resourceOrigin,
      takeDecision: () => pool.takeDecision(),
      talk: () => pool.talk(),
      close: () => pool.close(),
    };
  } catch (error) {
    await pool.close();
    throw error;
  }
}

async function toStart(config: DemoConfig): Promise<WorkerStart> {
  const secret = config.nonceSecret ?? crypto.getRandomValues(new Uint8Array(32));
  return {
    authorizationPort: config.authorizationPort,
    resourcePort: config.resourcePort,
    signingKeys: [await createPrivateJwk(), await createPrivateJwk()],
    nonceSecret: Buffer.from(secret).toString('hex'),
    talk: false,
  };
}

async function createPrivateJwk(): Promise<JsonWebKey> {
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256' };
  const { privateKey } = await crypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  return crypto.subtle.exportKey('jwk', privateKey);
}

const patience = 4000; // milliseconds; a worker lets its requests end for two seconds
const restartPause = 1000; // for a worker that never came so far as to listen

class WorkerPool {
  #start: WorkerStart;
  #stopping = false;
  #last: Verdict | undefined;
  #first: Listening | undefined;
  readonly #workers = new Set<Worker>();
  readonly #listening = new Set<Worker>();

  constructor(start: WorkerStart) {
    this.#start = start;
  }

  /**
   * The first one finds the ports, where any will do: workers that listen on port 0 get the same one as long as one of
   * them lives (see `node:cluster`).
   */
  async open(count: number): Promise<Listening> {
    const first = await this.#add();
    await Promise.all(Array.from({ length: count - 1 }, () => this.#add()));
    return first;
  }

  /** A worker answers in turn: once all have, whatever they decided before has arrived. */
  async takeDecision(): Promise<Verdict | undefined> {
    await Promise.all([...this.#listening].map((worker) => ask(worker, { type: 'flush' }, 'flushed')));
    const taken = this.#last;
    this.#last = undefined;
    return taken;
  }

  talk(): void {
    this.#start = { ...this.#start, talk: true };
    for (const worker of this.#workers) tell(worker, { type: 'talk' });
  }

  async close(): Promise<void> {
    this.#stopping = true;
    const impatient = setTimeout(() => {
      for (const worker of this.#workers) worker.process.kill('SIGKILL');
    }, patience);
    for (const worker of this.#workers) if (!this.#listening.has(worker)) worker.process.kill('SIGKILL');
    await Promise.all([...this.#workers].map((worker) => ask(worker, { type: 'stop' })));
    clearTimeout(impatient);
  }

  /** @throws ListenError when the worker cannot listen, Error when it ended before it did. */
  async #add(): Promise<Listening> {
    const worker = cluster.fork();
    this.#workers.add(worker);
    worker.on('error', () => undefined); // its end is told by `exit`
    worker.on('message', (message: ToPrimary) => {
      if (message.type === 'decided') this.#last = message.verdict;
    });
    worker.once('exit', () => this.#workers.delete(worker));
    await hear(worker, 'waiting');
    if (this.#listening.size === 0) this.#keepPorts();
    const listening = await ask(worker, { type: 'start', ...this.#start }, 'listening');
    if (listening === undefined) throw new Error('a worker ended before it could listen');
    this.#first ??= listening;
    if (String(listening.ports) !== String(this.#first.ports)) {
      worker.process.kill('SIGKILL');
      throw new Error('a worker got other ports than the first');
    }
    this.#listening.add(worker);
    worker.once('exit', (code, signal) => {
      this.#listening.delete(worker);
      if (!this.#stopping) void this.#replace(`worker ${worker.process.pid} ended (${signal ?? code})`);
    });
    return listening;
  }

  /** Once nobody listens any more, port 0 would mean another port. */
  #keepPorts(): void {
    if (this.#first === undefined) return;
    const [authorizationPort, resourcePort] = this.#first.ports;
    this.#start = { ...this.#start, authorizationPort, resourcePort };
  }

  async #replace(what: string): Promise<void> {
    console.error(`${what}: starting another one`);
    while (!this.#stopping) {
      try {
        await this.#add();
        return;
      } catch (error) {
        console.error(`no other worker yet: ${(error as Error).message}`);
        await sleep(restartPause); // also keeps a primary alive that has no worker left
      }
    }
  }
}

function tell(worker: Worker, message: ToWorker): void {
  if (worker.isConnected()) worker.send(message, () => undefined); // a worker that is gone needs to know nothing
}

/** Tells a worker something, and waits for its answer of this kind, or for its end. */
function ask<T extends ToPrimary['type']>(worker: Worker, message: ToWorker, kind?: T): Promise<Said<T>> {
  const answer = hear(worker, kind);
  tell(worker, message);
  return answer;
}

/** `undefined`: it has ended. */
type Said<T extends ToPrimary['type']> = Extract<ToPrimary, { type: T }> | undefined;

/** Waits until a worker says something of this kind, or ends. */
function hear<T extends ToPrimary['type']>(worker: Worker, kind?: T): Promise<Said<T>> {
  return new Promise((resolve, reject) => {
    const end = (said: Said<T>): void => {
      worker.off('message', listen).off('exit', quit);
      resolve(said);
    };
    const quit = (): void => end(undefined);
    const listen = (message: ToPrimary): void => {
      if (message.type === 'failed') reject(new ListenError(message.sentence));
      if (message.type === kind) end(message as Said<T>);
    };
    worker.on('message', listen).on('exit', quit);
    if (worker.isDead()) quit();
  });
}
