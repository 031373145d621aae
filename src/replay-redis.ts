import { CircuitBreaker, withDeadline } from './circuit-breaker.ts';
import { utf8 } from './digest.ts';
import { isMemory, type Memory, type Seconds } from './freshness.ts';
import {
  refuseOption,
  requireCount,
  requireOptions,
  requireText,
  requireTime,
  systemClock,
} from './options.ts';
import type { Claim, ClaimOutcome, ReplayStore } from './replay.ts';
import { replayScript } from './replay-script.ts';

/** The replay memory of many processes, in Redis or Valkey: the same rule as in one process, as one atomic script. */

/** A client of node-redis, or its cluster. */
export interface NodeRedisClient {
  eval(script: string, options: { keys: string[]; arguments: string[] }): Promise<unknown>;
  evalSha(sha1: string, options: { keys: string[]; arguments: string[] }): Promise<unknown>;
}

/** A client of ioredis or iovalkey, or its cluster. */
export interface IoRedisClient {
  eval(script: string, numberOfKeys: number, ...parameters: string[]): Promise<unknown>;
  evalsha(sha1: string, numberOfKeys: number, ...parameters: string[]): Promise<unknown>;
}

/** Options of `createRedisReplayStore`. */
export interface RedisReplayStoreOptions {
  /** Your connected client, used as it is and never closed. Let it fail fast: see the README. */
  readonly client: NodeRedisClient | IoRedisClient;
  /** Names the memory: servers that share it share replay protection. Default `holdfast`. */
  readonly name?: string;
  /** How many uses are remembered at most; about 140 bytes each in Redis. Default 1,000,000. */
  readonly capacity?: number;
  /** Milliseconds after which a command counts as failed; default 50. A server waits for a store a second at most. */
  readonly deadline?: number;
  /**
   * What to do when Redis does not tell its eviction policy: `refuse` (default), or `trust` that it is `noeviction`
   * because you have made sure of it.
   */
  readonly unknownPolicy?: 'refuse' | 'trust';
}

/** A store that can tell whether it works. */
export interface RedisReplayStore extends ReplayStore {
  /** Resolves when Redis answers and keeps what it is told; rejects with the cause otherwise. For health checks. */
  ready(): Promise<void>;
}

const refreshEvery = 100; // milliseconds
const failuresToOpen = 3;
const probeEvery = 200; // milliseconds; so a store that is back is used again well within a second

/**
 * The replay memory in Redis (6.2 or later) or Valkey, shared by all processes that use the same `name`.
 *
 * One atomic script per claim. When Redis is down, slow, full, read-only, or answers anything unforeseen, requests are
 * refused with 503 within the deadline, and a success that comes late admits nobody. When it has lost its memory
 * (restart, flush, eviction, promotion of a replica), a new memory begins and earlier proofs are challenged. An
 * eviction policy other than `noeviction` is refused: it would forget live uses in silence.
 *
 * @throws TypeError when an option makes no sense.
 */
export function createRedisReplayStore(options: RedisReplayStoreOptions): RedisReplayStore {
  requireOptions(options);
  const name = requireText('name', options.name ?? 'holdfast');
  if (/[{}]/.test(name)) refuseOption('name', 'without braces, which Redis Cluster gives a meaning');
  return new RedisStore({
    run: toRunner(options.client, [`{${name}}:memory`, `{${name}}:uses`]),
    capacity: requireCount('capacity', options.capacity ?? 1_000_000),
    deadline: requireCount('deadline', options.deadline ?? 50, 60_000),
    trusted: requireUnknownPolicy(options.unknownPolicy ?? 'refuse') === 'trust',
  });
}

/** Runs the script with these arguments. */
type Runner = (parameters: string[]) => Promise<unknown>;

interface RedisSettings {
  readonly run: Runner;
  readonly capacity: number;
  readonly deadline: number;
  readonly trusted: boolean;
}

class RedisStore implements RedisReplayStore {
  readonly #settings: RedisSettings;
  readonly #breaker = new CircuitBreaker(failuresToOpen, probeEvery);
  #memory: Memory | undefined;
  /** The highest time that any memory has told this node. */
  #latest: Seconds = 0;
  #readAt = Number.NEGATIVE_INFINITY;

  constructor(settings: RedisSettings) {
    this.#settings = settings;
  }

  /** What is a tenth of a second old will do: a claim is judged by the memory as it is then. */
  async read(now: Seconds, latest = false): Promise<Memory> {
    requireTime(now);
    const fresh = !latest && performance.now() < this.#readAt + refreshEvery;
    const memory = fresh && this.#memory !== undefined ? this.#memory : await this.#look(now);
    this.#latest = Math.max(this.#latest, memory.now, now);
    return { ...memory, now: this.#latest };
  }

  async claim({ key, time, until, memory }: Claim): Promise<ClaimOutcome> {
    const { axis, at } = time;
    const life = Math.ceil((until - at) * 1000);
    const { capacity } = this.#settings;
    const reply = await this.#run(
      memory.now,
      [capacity, key, axis, proofMilliseconds(at), life, memory.id, clockMilliseconds(memory.birth)].map(
        String,
      ),
    );
    return reply[0] as ClaimOutcome;
  }

  async ready(): Promise<void> {
    await this.#look(systemClock());
  }

  async #look(now: Seconds): Promise<Memory> {
    const reply = await this.#run(now, []).catch((error: unknown) => this.#refuse(error));
    const policy = reply[6];
    if (policy !== 'noeviction' && !(policy === '' && this.#settings.trusted)) {
      this.#refuse(
        new Error(`the eviction policy of Redis is ${policy || 'unknown'}; it must be noeviction`),
      );
    }
    this.#readAt = performance.now();
    return toMemory(reply);
  }

  /** What Redis told before must not outlive a refusal. */
  #refuse(error: unknown): never {
    this.#readAt = Number.NEGATIVE_INFINITY;
    throw error;
  }

  /** Every answer tells of the memory; a new one takes over the highest time that this node remembers. */
  async #run(now: Seconds, parameters: readonly string[]): Promise<readonly string[]> {
    const node = [clockMilliseconds(now), crypto.randomUUID(), this.#known, clockMilliseconds(this.#latest)];
    const { run, deadline } = this.#settings;
    const reply = await this.#breaker.run(async () =>
      requireReply(await withDeadline(run([...node.map(String), ...parameters]), deadline)),
    );
    this.#memory = toMemory(reply);
    this.#latest = Math.max(this.#latest, this.#memory.now);
    return reply;
  }

  get #known(): string {
    return this.#memory?.id ?? '';
  }
}

function requireReply(reply: unknown): readonly string[] {
  const texts = Array.isArray(reply) && reply.length === 7 && reply.every((part) => typeof part === 'string');
  if (texts && isMemory(toMemory(reply))) return reply;
  throw new Error('Redis answered something else than the script does');
}

function toMemory([, id = '', ...texts]: readonly string[]): Memory {
  const [birth = Number.NaN, now = Number.NaN, iat = Number.NaN, nonce = Number.NaN] = texts.map(
    (text) => Number(text) / 1000,
  );
  return { id, birth, now, floor: { iat, nonce } };
}

/** Times of proofs are rounded down and clocks up, so that no proof rises above a floor by rounding. */
function proofMilliseconds(time: Seconds): number {
  return Math.floor(time * 1000 + microsecond);
}

function clockMilliseconds(time: Seconds): number {
  return Math.ceil(time * 1000 - microsecond);
}

/** Whole milliseconds, told in seconds, come back a little off: that must not make them a millisecond more or less. */
const microsecond = 0.001; // milliseconds

/** Sends the script by its hash, and as a whole where Redis does not have it yet. */
function toRunner(client: unknown, keys: string[]): Runner {
  const call = toCall(client, keys);
  const hash = crypto.subtle.digest('SHA-1', utf8(replayScript)).then(toHex);
  return async (parameters) => {
    try {
      return await call.byHash(await hash, parameters);
    } catch (error) {
      if (!String((error as Error | undefined)?.message).startsWith('NOSCRIPT')) throw error;
      return call.byText(replayScript, parameters);
    }
  };
}

interface ScriptCall {
  readonly byHash: (hash: string, parameters: string[]) => Promise<unknown>;
  readonly byText: (script: string, parameters: string[]) => Promise<unknown>;
}

/** The two families of clients spell the same two commands differently. */
function toCall(client: unknown, keys: string[]): ScriptCall {
  if (hasMethods<NodeRedisClient>(client, ['eval', 'evalSha'])) {
    return {
      byHash: (hash, parameters) => client.evalSha(hash, { keys, arguments: parameters }),
      byText: (script, parameters) => client.eval(script, { keys, arguments: parameters }),
    };
  }
  if (hasMethods<IoRedisClient>(client, ['eval', 'evalsha'])) {
    return {
      byHash: (hash, parameters) => client.evalsha(hash, keys.length, ...keys, ...parameters),
      byText: (script, parameters) => client.eval(script, keys.length, ...keys, ...parameters),
    };
  }
  return refuseOption('client', 'a client of node-redis, ioredis or iovalkey');
}

function hasMethods<T>(value: unknown, names: readonly (keyof T)[]): value is T {
  const object = value as T | null | undefined;
  return object != null && names.every((name) => typeof object[name] === 'function');
}

function toHex(bytes: ArrayBuffer): string {
  return Array.from(new Uint8Array(bytes), (byte) => byte.toString(16).padStart(2, '0')).join('');
}

function requireUnknownPolicy(value: unknown): 'refuse' | 'trust' {
  return value === 'refuse' || value === 'trust' ? value : refuseOption('unknownPolicy', 'refuse or trust');
}
