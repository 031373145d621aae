import { createLocalJWKSet, errors, type JSONWebKeySet, type JWTHeaderParameters } from 'jose';
import { DpopError } from './errors.ts';
import { fetchJson } from './fetch-json.ts';
import type { Seconds } from './freshness.ts';
import { IssuerMetadata } from './issuer-metadata.ts';
import { isPublicOnly } from './jwk.ts';
import { isObject, toJsonObject } from './jws.ts';
import { monotonicClock, refuseOption, requireUrl } from './options.ts';

/**
 * The public keys of an issuer: fetched once, looked at again when they are old or a token names one that is not there,
 * and kept while the issuer is down.
 */

/**
 * Where the issuer's public keys come from: its `jwks_uri`, a fixed set, or a function that returns the current set
 * (at once, not by promise; another object when it has changed: a set is read once).
 */
export type JwksSource = URL | string | JSONWebKeySet | (() => JSONWebKeySet);

/** How long a fetched set is good. */
export interface KeySetPolicy {
  /** How long it is used before it is fetched again: a key that was taken back is noticed then. */
  readonly maxAge: Seconds;
  /** How long after that it goes on being used while the issuer cannot be reached. */
  readonly keepFor: Seconds;
}

type Resolve = (header: JWTHeaderParameters) => Promise<CryptoKey>;

/** What each kind of source can do. */
interface KeySource {
  current(): object | undefined;
  find: Resolve;
}

/**
 * The keys of one issuer, all of them public: a source with a private or symmetric key among them is trusted with
 * nothing.
 */
export class IssuerKeys {
  readonly #source: KeySource;

  /**
   * @param clock seconds since some moment, never set back; default: the process's own.
   * @throws TypeError naming the option `jwks`.
   */
  constructor(source: JwksSource | IssuerMetadata, policy: KeySetPolicy, clock?: () => Seconds) {
    this.#source = toSource(source, policy, clock ?? monotonicClock);
  }

  /**
   * What stands for the keys in use right now: the very same object as long as the same keys are published, `undefined`
   * when only a fetch could tell.
   *
   * A verifier remembers it beside a verified token: while it is the same object, the key that verified the token is
   * still published. It must be read before `find`, in the same turn: read afterwards, it could stand for keys that
   * have come since.
   */
  current(): object | undefined {
    return this.#source.current();
  }

  /**
   * The key that a token's header names, by `kid`, `alg` and key type; the same object as long as `current()` is.
   *
   * Does not check that the algorithm is one that is allowed, nor that the key is strong.
   *
   * @throws DpopError `token-key-unknown` when no published key fits, or several do; `issuer-unavailable` when there
   *   are no keys that could be asked, or the one that fits cannot be used.
   */
  async find(header: JWTHeaderParameters): Promise<CryptoKey> {
    try {
      return await this.#source.find(header); // [R8725-3.8-01]
    } catch (cause) {
      const unknown = isUnknown(cause) || cause instanceof errors.JWKSMultipleMatchingKeys;
      throw new DpopError(unknown ? 'token-key-unknown' : 'issuer-unavailable', { cause });
    }
  }
}

function isUnknown(error: unknown): boolean {
  return error instanceof errors.JWKSNoMatchingKey;
}

function toSource(
  source: JwksSource | IssuerMetadata,
  policy: KeySetPolicy,
  clock: () => Seconds,
): KeySource {
  if (source instanceof IssuerMetadata)
    return new FetchedKeys(() => source.endpoint('jwks_uri'), policy, clock);
  if (typeof source === 'function') return new ReturnedKeys(source);
  if (typeof source !== 'string' && !(source instanceof URL)) return fixedKeys(source);
  const url = new URL(requireUrl('jwks', source)); // a copy, which the caller cannot turn elsewhere
  return new FetchedKeys(async () => url, policy, clock);
}

function fixedKeys(set: unknown): KeySource {
  if (!isObject(set)) return refuseOption('jwks', 'a URL, a key set, or a function');
  try {
    const find = prepare(set);
    return { current: () => find, find };
  } catch {
    return refuseOption('jwks', `a URL, a key set (1 to ${maxKeys} public keys), or a function`);
  }
}

const maxKeys = 100;

/** What jose needs to look keys up in a set, from then on whatever happens to the object. */
function prepare(set: unknown): Resolve {
  return createLocalJWKSet({ keys: publicKeys(set) });
}

/** The keys of a set that can be trusted. One that publishes a private key has been anybody's since. */
function publicKeys(set: unknown): JSONWebKeySet['keys'] {
  const keys = isObject(set) ? toJsonObject(set)['keys'] : undefined;
  if (!Array.isArray(keys) || keys.length === 0 || keys.length > maxKeys || !keys.every(isPublicKey))
    throw new Error('what is published is no set of public keys');
  return keys as JSONWebKeySet['keys'];
}

/** Of whatever type: keys of types that we do not know stand in many sets, and fit no token. */
function isPublicKey(value: unknown): boolean {
  if (!isObject(value)) return false;
  const jwk = toJsonObject(value);
  return typeof jwk['kty'] === 'string' && jwk['kty'] !== 'oct' && isPublicOnly(jwk); // [R8725-3.1-01]
}

/** A function is called each time; jose's preparation of a set is kept for as long as the set is. */
class ReturnedKeys implements KeySource {
  readonly #call: () => unknown;
  readonly #prepared = new WeakMap<object, Resolve>();

  constructor(call: () => unknown) {
    this.#call = call;
  }

  current(): object | undefined {
    try {
      const set = this.#call();
      this.#prepare(set);
      return set as object;
    } catch {
      return undefined; // `find` tells what is wrong
    }
  }

  async find(header: JWTHeaderParameters): Promise<CryptoKey> {
    return this.#prepare(this.#call())(header);
  }

  #prepare(set: unknown): Resolve {
    const known = this.#prepared.get(set as object);
    if (known !== undefined) return known;
    if (set instanceof Promise) set.catch(() => undefined); // refused below: its failure must not end the process
    const resolve = prepare(set);
    this.#prepared.set(set as object, resolve);
    return resolve;
  }
}

/** A fetched set: by its text a later one is known to be the same. */
interface KeySet {
  readonly text: string;
  readonly find: Resolve;
}

const limits = { maxBytes: 262_144, timeout: 5000 };
const request = { headers: { accept: 'application/jwk-set+json, application/json' } };
/** No attempt for so long after one that failed, while there are no keys. */
const firstPause: Seconds = 1;
/** No attempt for so long after any other, however many tokens name keys that are not there. */
const coolDown: Seconds = 30;

/** Keys behind a URL. All requests that wait share one fetch; none of them can make another start. */
class FetchedKeys implements KeySource {
  readonly #locate: () => Promise<URL>;
  readonly #policy: KeySetPolicy;
  readonly #clock: () => Seconds;
  #set: KeySet | undefined;
  /** Why the last attempt failed, if it did. */
  #failure: unknown;
  /** When the set must be fetched again. */
  #dueAt: Seconds = Number.NEGATIVE_INFINITY;
  /** When an unknown key may have the set fetched again. */
  #coolAt: Seconds = Number.NEGATIVE_INFINITY;
  /** When the set is too old to go on without the issuer. */
  #endsAt: Seconds = Number.NEGATIVE_INFINITY;
  #fetching: Promise<void> | undefined;

  constructor(locate: () => Promise<URL>, policy: KeySetPolicy, clock: () => Seconds) {
    this.#locate = locate;
    this.#policy = policy;
    this.#clock = clock;
  }

  current(): object | undefined {
    const now = this.#clock();
    return now < this.#dueAt && now < this.#endsAt ? this.#set : undefined;
  }

  async find(header: JWTHeaderParameters): Promise<CryptoKey> {
    if (!(this.#clock() < this.#dueAt)) await this.#refresh();
    const set = this.#inUse();
    try {
      return await set.find(header);
    } catch (error) {
      if (!isUnknown(error)) throw error;
      await this.#lookAgain(); // [G19]
      const later = this.#inUse();
      if (later === set) throw this.#failure ?? error;
      return later.find(header);
    }
  }

  /** A set that has come with the last attempt; else one that need not be given up yet. */
  #inUse(): KeySet {
    if (this.#set !== undefined && (this.#failure === undefined || this.#clock() < this.#endsAt))
      return this.#set;
    throw this.#failure;
  }

  /**
   * Requests wait for a set that is due, since a key may have been taken back. While the issuer is down, only those
   * that come long after the last attempt do: otherwise each attempt would hold up everybody.
   */
  async #refresh(): Promise<void> {
    const now = this.#clock();
    const isDown = this.#failure !== undefined && now < this.#endsAt && now < this.#dueAt + coolDown;
    const fetching = this.#fetch();
    if (!isDown) await fetching;
  }

  async #lookAgain(): Promise<void> {
    if (!(this.#clock() < this.#coolAt)) await this.#fetch();
  }

  #fetch(): Promise<void> {
    this.#fetching ??= this.#attempt();
    return this.#fetching;
  }

  /** Never rejects: what went wrong is kept. */
  async #attempt(): Promise<void> {
    try {
      this.#take(await fetchJson(await this.#locate(), request, limits));
    } catch (error) {
      this.#fail(error);
    } finally {
      this.#fetching = undefined;
    }
  }

  #take(published: unknown): void {
    const keys = publicKeys(published);
    const text = canonicalText(keys);
    if (this.#set?.text !== text) this.#set = { text, find: createLocalJWKSet({ keys }) };
    const now = this.#clock();
    this.#failure = undefined;
    this.#dueAt = now + this.#policy.maxAge;
    this.#coolAt = now + coolDown;
    this.#endsAt = this.#dueAt + this.#policy.keepFor;
  }

  #fail(error: unknown): void {
    const now = this.#clock();
    const isKept = now < this.#endsAt;
    this.#failure = error;
    this.#dueAt = now + (isKept ? coolDown : firstPause);
    this.#coolAt = this.#dueAt;
  }
}

/** One text for one set of keys, in whatever order keys and members come. */
function canonicalText(keys: readonly object[]): string {
  return keys.map(canonicalJson).sort().join();
}

function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join()}]`;
  if (!isObject(value)) return JSON.stringify(value);
  const members = Object.entries(value).map(
    ([name, member]) => `${JSON.stringify(name)}:${canonicalJson(member)}`,
  );
  return `{${members.sort().join()}}`;
}
