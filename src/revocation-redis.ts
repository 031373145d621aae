import type { Seconds } from './freshness.ts';
import { requireOptions, requireTime, systemClock } from './options.ts';
import {
  type IoRedisClient,
  millisecondsDown,
  millisecondsUp,
  type NodeRedisClient,
  RedisScript,
} from './redis-script.ts';
import type { RevocationAnswer, RevocationEntry, RevocationQuery, RevocationStore } from './revocation.ts';
import { requireEntry } from './revocation-entry.ts';
import { revocationScript } from './revocation-script.ts';

/** The revocation memory of many processes, in Redis or Valkey: the same rule as in one process, as one atomic script. */

/** Options of `createRedisRevocationStore`. */
export interface RedisRevocationStoreOptions {
  /** Your connected client, used as it is and never closed. Let it fail fast: see the README. */
  readonly client: NodeRedisClient | IoRedisClient;
  /** Names the memory: servers that share it share what is revoked. Default `holdfast`. */
  readonly name?: string;
  /** Milliseconds after which a command counts as failed; default 50. A server waits for a store a second at most. */
  readonly deadline?: number;
  /**
   * What to do when Redis does not tell its eviction policy: `refuse` (default), or `trust` that it is `noeviction`
   * because you have made sure of it.
   */
  readonly unknownPolicy?: 'refuse' | 'trust';
}

/** A store that can tell whether it works. */
export interface RedisRevocationStore extends RevocationStore {
  /** Rejects when Redis did not tell in time that it keeps the entry; it may keep it all the same. */
  add(entry: RevocationEntry, now: Seconds): Promise<void>;
  look(query: RevocationQuery): Promise<RevocationAnswer>;
  /** Resolves when Redis answers and keeps what it is told; rejects with the cause otherwise. For health checks. */
  ready(): Promise<void>;
}

/**
 * The revocation memory in Redis (6.2 or later) or Valkey, shared by all processes that use the same `name`; a replay
 * memory may have the name as well. About 150 bytes for each entry, without a limit of its own.
 *
 * Each look is one atomic script and is never cached: what one process has revoked, every other one refuses with its
 * next request. When Redis is down, slow, read-only, full, or answers anything unforeseen, adding and looking reject
 * within the deadline. When it may have lost entries (restart, flush, eviction, promotion of a replica, a first replica
 * or an hour without any), what it still has stays revoked, and tokens issued until then are answered `forgotten`. An
 * eviction policy other than `noeviction` is refused: it would forget what is revoked in silence.
 *
 * Does not protect from a primary that others have given up and that does not know it yet: set `min-replicas-to-write`.
 *
 * @throws TypeError when an option makes no sense.
 */
export function createRedisRevocationStore(options: RedisRevocationStoreOptions): RedisRevocationStore {
  requireOptions(options, ['client', 'name', 'deadline', 'unknownPolicy']);
  const keys = ['revocation-memory', 'revocation-ends', 'revocation-befores'];
  return new RedisRevocations(new RedisScript(options, revocationScript, keys));
}

/** How long what was checked counts as known: to check costs Redis more than to look. */
const checkEvery = 100; // milliseconds

class RedisRevocations implements RedisRevocationStore {
  readonly #script: RedisScript;
  #known = '';
  /** The highest time that any memory has told this node; in milliseconds. */
  #latest = 0;
  #checkedAt = Number.NEGATIVE_INFINITY;

  constructor(script: RedisScript) {
    this.#script = script;
  }

  // Rounded so that nothing is revoked too little: moments of entries and clocks up, those of tokens down.

  async add(entry: RevocationEntry, now: Seconds): Promise<void> {
    const { key, before, until } = requireEntry(entry);
    const moments = [before, until].map((time) => limited(millisecondsUp(time), always));
    await this.#run(now, true, ['add', key, ...moments], isAddition);
  }

  async look(query: RevocationQuery): Promise<RevocationAnswer> {
    return this.#look(query, performance.now() >= this.#checkedAt + checkEvery);
  }

  async ready(): Promise<void> {
    const now = systemClock();
    await this.#look({ keys: [], issuedAt: now, expires: now, now }, true);
  }

  async #look({ keys, issuedAt, expires, now }: RevocationQuery, checks: boolean): Promise<RevocationAnswer> {
    const moments = [issuedAt, expires].map((time) => limited(millisecondsDown(time), always - 1));
    const reply = await this.#run(now, checks, ['look', ...moments, ...keys], isAnswer);
    return reply[0] as RevocationAnswer;
  }

  /** Every answer tells of the memory; a new one takes over the highest time that this node remembers. */
  async #run(
    now: Seconds,
    checks: boolean,
    command: readonly string[],
    isForeseen: (reply: readonly string[]) => boolean,
  ): Promise<readonly string[]> {
    const clock = String(millisecondsUp(requireTime(now)));
    const node = [clock, crypto.randomUUID(), this.#known, String(this.#latest)];
    const parameters = [...node, checks ? 'check' : '', ...command];
    const reply = await this.#script.run(parameters, isForeseen);
    const [, id = '', latest, policy] = reply;
    this.#known = id;
    this.#latest = Math.max(this.#latest, Number(latest));
    if (checks) this.#requirePolicy(policy);
    return reply;
  }

  /** What Redis told before must not outlive a refusal. */
  #requirePolicy(policy: string | undefined): void {
    this.#checkedAt = Number.NEGATIVE_INFINITY;
    this.#script.requireNoEviction(policy);
    this.#checkedAt = performance.now();
  }
}

/** For good, as the script says it. */
const always = 9e15;

/** Whole milliseconds that the script can compare; what is no number lies before all times, and so is never live. */
function limited(milliseconds: number, most: number): string {
  return Number.isNaN(milliseconds) ? '-1' : String(Math.max(-1, Math.min(milliseconds, most)));
}

function isAddition(reply: readonly string[]): boolean {
  return reply[0] === 'added' && tellsOfMemory(reply);
}

function isAnswer(reply: readonly string[]): boolean {
  const answers: readonly unknown[] = ['live', 'revoked', 'forgotten'];
  return answers.includes(reply[0]) && tellsOfMemory(reply);
}

function tellsOfMemory({ length, 1: id, 2: now }: readonly string[]): boolean {
  return length === 4 && id !== '' && /^\d{1,16}$/.test(String(now));
}
