import { type DpopKeyPair, type GenerateKeyPairOptions, generateKeyPair } from './keys.ts';
import { requireKeyPair } from './stored-key.ts';

/**
 * Keeps key pairs by name. A name is any text but the empty one; a store may allow less.
 *
 * Its methods reject with `DpopClientError`: `storage-unavailable` (there is none, it is full, or access is refused),
 * `storage-newer` (a newer version of holdfast wrote it), `invalid-key` (what was to be kept is no key pair); and with
 * TypeError for a name that makes no sense.
 */
export interface KeyStore {
  /** What it keeps: a `CryptoKey` as it is, or the private key's JWK, for which a pair must be extractable. */
  readonly keeps: 'crypto-key' | 'private-jwk';
  /** The pair of this name; `undefined` when there is none, or none that can sign: then sign in again. */
  load(name: string): Promise<DpopKeyPair | undefined>;
  /** Keeps a pair unless there is one of this name, in one atomic step; returns the one that is kept from then on. */
  add(name: string, keyPair: DpopKeyPair): Promise<DpopKeyPair>;
  /** Keeps a pair in the place of the one of this name, if there is one; returns it as it is kept. */
  save(name: string, keyPair: DpopKeyPair): Promise<DpopKeyPair>;
  /** Keeps the pair of this name under another name as well, in the place of the one there; nothing if there is none. */
  copy(name: string, other: string): Promise<void>;
  /** Drops the pair of this name, if there is one. */
  delete(name: string): Promise<void>;
}

/** What `loadOrCreateKeyPair` found or made. */
export interface KeptKeyPair {
  readonly keyPair: DpopKeyPair;
  /** `created`: no token can be bound to it yet. `stored`: it was there, or another tab or process was faster. */
  readonly origin: 'created' | 'stored';
}

/**
 * The key pair of a name, made when there is none that can be used. However many tabs or processes call this at the same
 * moment, all get the same pair.
 *
 * `options` are for a pair that is made; one that is there is returned whatever its algorithm. A store that keeps private
 * JWKs has it made extractable, and returns it as not extractable.
 *
 * @throws DpopClientError as the store does, and as `generateKeyPair` does.
 */
export async function loadOrCreateKeyPair(
  store: KeyStore,
  name: string,
  options: GenerateKeyPairOptions = {},
): Promise<KeptKeyPair> {
  const stored = await store.load(name);
  if (stored !== undefined) return { keyPair: stored, origin: 'stored' };
  const made = await generateFor(store, options);
  const keyPair = await store.add(name, made);
  return { keyPair, origin: keyPair.jkt === made.jkt ? 'created' : 'stored' };
}

/** A new key pair, and the one that it takes over from. */
export interface RotatedKeyPair {
  readonly keyPair: DpopKeyPair;
  /** For the tokens that are bound to it, until they have expired. */
  readonly former: DpopKeyPair | undefined;
}

/** The name under which `rotateKeyPair` keeps the former pair: load it, or delete it once no token needs it. */
export function formerKeyName(name: string): string {
  return `${name}.former`;
}

/**
 * Makes a new key pair of this name. The former one is kept as `formerKeyName(name)` until it is deleted, or until the next
 * rotation: new token requests take the new pair, while tokens that are bound to the former go on with it.
 *
 * For confidential clients, whose refresh tokens are bound to the client and not to a key (RFC 9449 section 5). A public
 * client's refresh token dies with its key: sign in again instead. Nothing stops two processes that rotate at the same
 * moment: the pair of the later one stays.
 *
 * `options` default to the former pair's algorithm.
 *
 * @throws DpopClientError as the store does, and as `generateKeyPair` does.
 */
export async function rotateKeyPair(
  store: KeyStore,
  name: string,
  options: GenerateKeyPairOptions = {},
): Promise<RotatedKeyPair> {
  const former = await store.load(name);
  const algorithm = former?.algorithm ?? 'ES256';
  const made = await generateFor(store, { algorithm, ...options });
  await store.copy(name, formerKeyName(name));
  return { keyPair: await store.save(name, made), former };
}

function generateFor({ keeps }: KeyStore, options: GenerateKeyPairOptions): Promise<DpopKeyPair> {
  return generateKeyPair(keeps === 'private-jwk' ? { ...options, extractable: true } : options);
}

/** A store for as long as the process or page lives: for tests, and where nothing may or can be kept. */
export function createMemoryKeyStore(): KeyStore {
  return new MemoryKeyStore();
}

class MemoryKeyStore implements KeyStore {
  readonly keeps = 'crypto-key';
  readonly #keyPairs = new Map<string, DpopKeyPair>();

  async load(name: string): Promise<DpopKeyPair | undefined> {
    return this.#keyPairs.get(requireName(name));
  }

  async add(name: string, keyPair: DpopKeyPair): Promise<DpopKeyPair> {
    const made = await requireKeyPair(keyPair);
    return this.#keyPairs.get(requireName(name)) ?? this.#set(name, made);
  }

  async save(name: string, keyPair: DpopKeyPair): Promise<DpopKeyPair> {
    return this.#set(requireName(name), await requireKeyPair(keyPair));
  }

  async copy(name: string, other: string): Promise<void> {
    const keyPair = this.#keyPairs.get(requireName(name));
    if (keyPair !== undefined) this.#set(requireName(other), keyPair);
  }

  async delete(name: string): Promise<void> {
    this.#keyPairs.delete(requireName(name));
  }

  #set(name: string, keyPair: DpopKeyPair): DpopKeyPair {
    this.#keyPairs.set(name, keyPair);
    return keyPair;
  }
}

/** The name, if it can be one in any store. */
export function requireName(name: string): string {
  if (typeof name === 'string' && name !== '') return name;
  throw new TypeError('holdfast: the name of a key must be a text that is not empty');
}
