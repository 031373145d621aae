import { type ChildProcess, fork } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { createRedisReplayStore } from 'holdfast/redis';
import { Redis } from 'ioredis';
import type { CheckId, HeaderLine, TraceLine } from '../model.ts';
import type { Transfer } from './bank.ts';
import { exchangeHeader, type WireAnswer } from './exchange-wire.ts';
import type { IncomingAnswer, Network, Sender } from './network.ts';
import { NotHere } from './not-here.ts';
import type { World } from './world.ts';

/**
 * Bank nodes as processes of their own: restarts, races and clocks are real then, and what both nodes must know they
 * know through Redis. The processes live on from world to world; each world makes a new node in them.
 */

export type SeparateId = 'bank-a' | 'bank-b';

/** What a node needs to know to begin. */
export interface NodeInit {
  readonly id: SeparateId;
  readonly profile: string;
  readonly without: readonly CheckId[];
  readonly keeps: boolean;
  readonly time: 'world' | 'real';
  readonly now: number;
  readonly canary: string;
  readonly issuerPort: number;
  readonly nonceSecret: string;
  readonly redisUrl: string;
  /** Names this world's keys in Redis. */
  readonly name: string;
  readonly isRestarted: boolean;
}

export type ToNode =
  | { readonly kind: 'init'; readonly init: NodeInit }
  | { readonly kind: 'clock'; readonly now: number };

/** An exchange at a node, told when it is over. */
export interface ToldExchange {
  readonly id: string;
  readonly address: string;
  readonly port: number;
  readonly method: string;
  readonly target: string;
  readonly headers: readonly HeaderLine[];
  readonly body: string | null;
  readonly decidedBy: CheckId | null;
  readonly checks: readonly TraceLine[];
  readonly answer: WireAnswer;
  /** Booked with it. */
  readonly transfers: readonly Transfer[];
}

export type FromNode =
  | { readonly kind: 'ready'; readonly port: number }
  | { readonly kind: 'clock' }
  | { readonly kind: 'exchange'; readonly exchange: ToldExchange };

const patience = 10_000; // milliseconds

export class SeparateNodes {
  readonly #redisUrl: string;
  readonly #redis: Redis;
  #name: string | undefined;
  readonly #children = new Map<SeparateId, Child>();
  #world: World | undefined;
  #init: Omit<NodeInit, 'id' | 'isRestarted' | 'now'> | undefined;
  /** Numbers of exchanges in the world's recorder, by the ids that nodes gave them. */
  readonly #told = new Map<string, number>();
  readonly #awaited = new Map<string, () => void>();
  #changing: Promise<unknown> = Promise.resolve();

  constructor(redisUrl: string) {
    this.#redisUrl = redisUrl;
    this.#redis = new Redis(redisUrl, { maxRetriesPerRequest: 1, retryStrategy: () => null });
    this.#redis.on('error', () => undefined); // each command tells of it
  }

  /** The network as a world with separate nodes sees it. */
  networkFor(network: Network): Network {
    return {
      certificates: network.certificates,
      serve: (handlers) => network.serve(handlers),
      senderOf: (request) => network.senderOf(request),
      senderAt: (address, port) => network.senderAt(address, port),
      portOf: (server, scheme) => network.portOf(server, scheme),
      urlOf: (server, scheme) => network.urlOf(server, scheme),
      takeTapped: () => network.takeTapped(),
      close: () => network.close(),
      send: async (from, to, scheme, message) => {
        await this.#changing;
        if (to === 'tap') throw new NotHere('the tap leads to the bank of this process alone');
        const child = to === 'bank-a' || to === 'bank-b' ? this.#children.get(to) : undefined;
        if (child === undefined) return network.send(from, to, scheme, message);
        if (scheme === 'https') throw new NotHere('separate bank nodes speak http alone');
        return this.#hear(await network.send(from, to, scheme, message, child.port));
      },
    };
  }

  /** New nodes for a new world. */
  async open(world: World, time: 'world' | 'real'): Promise<void> {
    this.#world = world;
    const name = await this.#prepareStore(world);
    this.#told.clear();
    this.#init = {
      profile: world.profile.id,
      without: world.without,
      keeps: world.recorder.keeps,
      time,
      canary: world.canary,
      issuerPort: world.network.portOf('issuer', 'http'),
      nonceSecret: randomUUID().replaceAll('-', '').repeat(2),
      redisUrl: this.#redisUrl,
      name,
    };
    await Promise.all([this.#begin('bank-a', false), this.#begin('bank-b', false)]);
  }

  /** Ends the process of a node, and starts another one. */
  restart(id: SeparateId): void {
    this.#changing = this.#changing.then(async () => {
      await this.#children.get(id)?.end();
      this.#children.delete(id);
      await this.#begin(id, true);
    });
  }

  /** The clocks of the nodes follow that of the world. */
  followClock(): void {
    this.#changing = this.#changing.then(() =>
      Promise.all(
        [...this.#children].map(([id, child]) => child.ask({ kind: 'clock', now: this.#now(id) }, 'clock')),
      ),
    );
  }

  async close(): Promise<void> {
    await Promise.all([...this.#children.values()].map((child) => child.end()));
    this.#children.clear();
    await this.#forget();
    this.#redis.disconnect();
  }

  /** A store of this world's own, in which servers have been at work for two hours. */
  async #prepareStore({ clock }: World): Promise<string> {
    await this.#forget();
    this.#name = `holdfast-lab-${randomUUID()}`;
    await createRedisReplayStore({ client: this.#redis, name: this.#name, deadline: 5000 }).read(
      clock.now() - 7200,
    );
    return this.#name;
  }

  /** Nothing of a world stays in Redis. */
  async #forget(): Promise<void> {
    if (this.#name === undefined) return;
    const keys = await this.#redis.keys(`{${this.#name}}:*`);
    if (keys.length > 0) await this.#redis.del(...keys);
    this.#name = undefined;
  }

  #now(id: SeparateId): number {
    return (this.#world as World).clock.now(id);
  }

  async #begin(id: SeparateId, isRestarted: boolean): Promise<void> {
    const child = this.#children.get(id) ?? new Child((exchange) => this.#take(id, exchange));
    this.#children.set(id, child);
    const init = { ...(this.#init as NodeInit), id, isRestarted, now: this.#now(id) };
    const ready = await child.ask({ kind: 'init', init }, 'ready');
    if (ready.kind === 'ready') child.port = ready.port;
  }

  /** An exchange is told over another way than its answer, and may be told later. */
  async #hear(answer: IncomingAnswer): Promise<IncomingAnswer> {
    const id = answer.headers.find(([name]) => name.toLowerCase() === exchangeHeader)?.[1] ?? '';
    if (!this.#told.has(id)) await this.#await(id);
    const rest = answer.headers.filter(([name]) => name.toLowerCase() !== exchangeHeader);
    return { ...answer, headers: [...rest, [exchangeHeader, String(this.#told.get(id))]] };
  }

  #await(id: string): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error('a bank node did not tell of an exchange')), patience);
      this.#awaited.set(id, () => {
        clearTimeout(timer);
        resolve();
      });
    });
  }

  #take(to: SeparateId, told: ToldExchange): void {
    const { recorder, network, origins, books } = this.#world as World;
    const { address, port, method, target, headers, body } = told;
    const from = network.senderAt(address, port) ?? ('alice' satisfies Sender['party']);
    const exchange = recorder.open({ from, to, address, method, target, headers, body }, origins.bank);
    exchange.decidedBy = told.decidedBy;
    exchange.checks = told.checks;
    recorder.close(exchange, told.answer);
    books.transfers.push(...told.transfers);
    this.#told.set(told.id, exchange.id);
    this.#awaited.get(told.id)?.();
    this.#awaited.delete(told.id);
  }
}

const program = fileURLToPath(new URL('./node-process.js', import.meta.url));

/** One process, and the questions that it has not answered yet. */
class Child {
  port = 0;
  readonly #process: ChildProcess;
  #answer: ((message: FromNode) => void) | undefined;

  constructor(take: (exchange: ToldExchange) => void) {
    this.#process = fork(program, { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
    this.#process.on('message', (message: FromNode) => {
      if (message.kind === 'exchange') take(message.exchange);
      else this.#answer?.(message);
    });
  }

  ask(question: ToNode, kind: FromNode['kind']): Promise<FromNode> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error('a bank node does not answer')), patience);
      this.#answer = (message) => {
        if (message.kind !== kind) return;
        clearTimeout(timer);
        resolve(message);
      };
      this.#process.send(question, (error) => error && reject(error));
    });
  }

  async end(): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    const ended = new Promise((resolve) => this.#process.once('exit', resolve));
    this.#process.kill('SIGKILL');
    await ended;
  }
}
