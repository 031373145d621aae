import { isMemory, type Memory, type Seconds } from './freshness.ts';
import { requireCount, requireOptions, requireTime, systemClock } from './options.ts';
import {
  type IoRedisClient,
  millisecondsDown,
  millisecondsUp,
  type NodeRedisClient,
  RedisScript,
} from './redis-script.ts';
import type { Claim, ClaimOutcome, ReplayStore } from './replay.ts';
import { replayScript } from './replay-script.ts';

/** The replay memory of many processes, in Redis or Valkey: the same rule as in one process, as one atomic script. */

export type { IoRedisClient, NodeRedisClient };

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
  requireOptions(options, ['client', 'name', 'capacity', 'deadline', 'unknownPolicy']);
  const script = new RedisScript(options, replayScript, ['memory', 'uses']);
  return new RedisStore(script, requireCount('capacity', options.capacity ?? 1_000_000));
}

class RedisStore implements RedisReplayStore {
  readonly #script: RedisScript;
  readonly #capacity: number;
  #memory: Memory | undefined;
  /** The highest time that any memory has told this node. */
  #latest: Seconds = 0;
  #readAt = Number.NEGATIVE_INFINITY;

  constructor(script: RedisScript, capacity: number) {
    this.#script = script;
    this.#capacity = capacity;
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
    // Times of proofs are rounded down and clocks up, so that no proof rises above a floor by rounding.
    const born = millisecondsUp(memory.birth);
    const judged = [this.#capacity, key, axis, millisecondsDown(at), life, memory.id, born];
    const reply = await this.#run(memory.now, judged.map(String));
    return reply[0] as ClaimOutcome;
  }

  async ready(): Promise<void> {
    await this.#look(systemClock());
  }

  async #look(now: Seconds): Promise<Memory> {
    try {
      const reply = await this.#run(now, []);
      this.#script.requireNoEviction(reply[6]);
      this.#readAt = performance.now();
      return toMemory(reply);
    } catch (error) {
      // What Redis told before must not outlive a refusal.
      this.#readAt = Number.NEGATIVE_INFINITY;
      throw error;
    }
  }

  /** Every answer tells of the memory; a new one takes over the highest time that this node remembers. */
  async #run(now: Seconds, parameters: readonly string[]): Promise<readonly string[]> {
    const node = [millisecondsUp(now), crypto.randomUUID(), this.#known, millisecondsUp(this.#latest)];
    const reply = await this.#script.run([...node.map(String), ...parameters], isReply);
    this.#memory = toMemory(reply);
    this.#latest = Math.max(this.#latest, this.#memory.now);
    return reply;
  }

  get #known(): string {
    return this.#memory?.id ?? '';
  }
}

function isReply(reply: readonly string[]): boolean {
  return reply.length === 7 && isMemory(toMemory(reply));
}

function toMemory([, id = '', ...texts]: readonly string[]): Memory {
  const [birth = Number.NaN, now = Number.NaN, iat = Number.NaN, nonce = Number.NaN] = texts.map(
    (text) => Number(text) / 1000,
  );
  return { id, birth, now, floor: { iat, nonce } };
}
