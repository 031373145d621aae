import { CircuitBreaker, withDeadline } from './circuit-breaker.ts';
import { utf8 } from './digest.ts';
import type { Seconds } from './freshness.ts';
import { refuseOption, requireCount, requireText } from './options.ts';

/** A Lua script in Redis or Valkey as the one operation of a store: atomic, in time, and never trusted blindly. */

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

/** Options of every store in Redis; each tells its users about them in its own words. */
export interface RedisScriptOptions {
  readonly client: NodeRedisClient | IoRedisClient;
  readonly name?: string;
  readonly deadline?: number;
  readonly unknownPolicy?: 'refuse' | 'trust';
}

const failuresToOpen = 3;
const probeEvery = 200; // milliseconds; so a store that is back is used again well within a second

/** Whether an answer has the shape that the script gives it. */
type ReplyCheck = (reply: readonly string[]) => boolean;

/** One script, its keys, and the client that it is sent through. */
export class RedisScript {
  readonly #run: Runner;
  readonly #deadline: number;
  readonly #trusted: boolean;
  readonly #breaker = new CircuitBreaker(failuresToOpen, probeEvery);

  /**
   * @param keys what follows `{name}:` in the script's keys, all in one slot of a cluster.
   * @throws TypeError when an option makes no sense.
   */
  constructor(options: RedisScriptOptions, script: string, keys: readonly string[]) {
    const name = requireText('name', options.name ?? 'holdfast');
    if (/[{}]/.test(name)) refuseOption('name', 'without braces, which Redis Cluster gives a meaning');
    const tagged = keys.map((key) => `{${name}}:${key}`);
    this.#run = toRunner(options.client, script, tagged);
    this.#deadline = requireCount('deadline', options.deadline ?? 50, 60_000);
    this.#trusted = requireUnknownPolicy(options.unknownPolicy ?? 'refuse') === 'trust';
  }

  /** Rejects by the deadline, at once while Redis is known to fail, and for any answer that is not as foreseen. */
  async run(parameters: string[], isForeseen: ReplyCheck): Promise<readonly string[]> {
    return this.#breaker.run(async () =>
      requireReply(await withDeadline(this.#run(parameters), this.#deadline), isForeseen),
    );
  }

  /** Any policy but `noeviction` forgets in silence. */
  requireNoEviction(policy: string | undefined): void {
    if (policy === 'noeviction' || (policy === '' && this.#trusted)) return;
    throw new Error(`the eviction policy of Redis is ${policy || 'unknown'}; it must be noeviction`);
  }
}

function requireReply(reply: unknown, isForeseen: ReplyCheck): readonly string[] {
  const texts = Array.isArray(reply) && reply.every((part) => typeof part === 'string');
  if (texts && isForeseen(reply)) return reply;
  throw new Error('Redis answered something else than the script does');
}

/** Runs the script with these arguments. */
type Runner = (parameters: string[]) => Promise<unknown>;

/** Sends the script by its hash, and as a whole where Redis does not have it yet. */
function toRunner(client: unknown, script: string, keys: string[]): Runner {
  const call = toCall(client, keys);
  const hash = crypto.subtle.digest('SHA-1', utf8(script)).then(toHex);
  return async (parameters) => {
    try {
      return await call.byHash(await hash, parameters);
    } catch (error) {
      if (!String((error as Error | undefined)?.message).startsWith('NOSCRIPT')) throw error;
      return call.byText(script, parameters);
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

// Scripts count in whole milliseconds. Each store rounds to the side on which it refuses more.

/** Whole milliseconds, told in seconds, come back a little off: that must not make them a millisecond more or less. */
const microsecond = 0.001; // milliseconds

export function millisecondsDown(time: Seconds): number {
  return Math.floor(time * 1000 + microsecond);
}

export function millisecondsUp(time: Seconds): number {
  return Math.ceil(time * 1000 - microsecond);
}
