import { DpopClientError } from './errors.ts';

/** What a session keeps, and where: its tokens, and what must survive the redirect of a sign-in. */

/**
 * Keeps texts by name: with them whoever reads the store can do as much as its tokens allow without the key. The key is
 * kept elsewhere, and a store that is shared (by tabs, by processes) must be shared together with it.
 */
export interface TokenStore {
  /** The text of this name; `undefined` or `null` when there is none. */
  load(name: string): Promise<string | null | undefined>;
  /** Keeps a text in the place of the one of this name: it is there for others once this has resolved. */
  save(name: string, text: string): Promise<void>;
  /** Drops the text of this name, if there is one. */
  delete(name: string): Promise<void>;
}

/** Tokens as long as the process or page lives: for services, and where a reload may ask people to sign in again. */
export function createMemoryTokenStore(): TokenStore {
  return new MemoryTokenStore();
}

class MemoryTokenStore implements TokenStore {
  readonly #texts = new Map<string, string>();

  async load(name: string): Promise<string | undefined> {
    return this.#texts.get(name);
  }

  async save(name: string, text: string): Promise<void> {
    this.#texts.set(name, text);
  }

  async delete(name: string): Promise<void> {
    this.#texts.delete(name);
  }
}

/**
 * Tokens in `localStorage`, so that a reload, and other tabs, have them too; or in `sessionStorage`, for one tab alone.
 *
 * Browsers tell other tabs of a change in `localStorage` a moment later, locks or not: tabs that renew at once may send the
 * same refresh token, which ends the session where the server takes that for theft. What IndexedDB keeps is seen at once.
 *
 * Scripts of the page can read them there. Without the key they are of no use elsewhere (RFC 9449 section 5), so the key
 * must be one that cannot be exported: `createIndexedDbKeyStore` keeps it. Scripts that are injected can use both for as long
 * as the page is open, whatever the store.
 */
export function createStorageTokenStore(storage: WebStorage): TokenStore {
  return new StorageTokenStore(storage);
}

/** `localStorage`, `sessionStorage`, or what is like them. */
export interface WebStorage {
  getItem(key: string): string | null;
  setItem(key: string, value: string): void;
  removeItem(key: string): void;
}

class StorageTokenStore implements TokenStore {
  readonly #storage: WebStorage;

  constructor(storage: WebStorage) {
    this.#storage = storage;
  }

  async load(name: string): Promise<string | null> {
    return this.#storage.getItem(toItem(name));
  }

  async save(name: string, text: string): Promise<void> {
    this.#storage.setItem(toItem(name), text);
  }

  async delete(name: string): Promise<void> {
    this.#storage.removeItem(toItem(name));
  }
}

function toItem(name: string): string {
  return `holdfast.${name}`;
}

/** Seconds since the epoch, by this machine's clock. */
export type Seconds = number;

/** Tokens, and the key that they are bound to. */
export interface HeldTokens {
  readonly jkt: string;
  readonly accessToken: string;
  readonly refreshToken?: string;
  readonly grant: 'authorization_code' | 'client_credentials';
  /** From then on a new one is asked for, while this one is still good. */
  readonly renewAt?: Seconds;
  readonly expiresAt?: Seconds;
}

/** A sign-in that is under way. */
export interface PendingSignIn {
  readonly state: string;
  readonly codeVerifier: string;
  /** The key that the code is for. */
  readonly jkt: string;
}

/** All that is kept of a session. */
export interface SessionRecord {
  readonly tokens?: HeldTokens | undefined;
  /** Of several tabs: the latest ones. */
  readonly signIns: readonly PendingSignIn[];
}

/** Whose record it is: a name may be shared by mistake, tokens may not. */
export interface SessionOwner {
  readonly name: string;
  readonly issuer: string;
  readonly clientId: string;
}

const maxSignIns = 5;
const version = 1;

export class SessionRecords {
  readonly #store: TokenStore;
  readonly #owner: SessionOwner;

  constructor(store: TokenStore, owner: SessionOwner) {
    this.#store = store;
    this.#owner = owner;
  }

  /** What is there and whole; else an empty record. */
  async load(): Promise<SessionRecord> {
    const text = await stored(() => this.#store.load(this.#owner.name));
    const { tokens, signIns, ...rest } = parse(text ?? '');
    const { issuer, clientId } = this.#owner;
    if (rest['version'] !== version || rest['issuer'] !== issuer || rest['clientId'] !== clientId)
      return { signIns: [] };
    return {
      tokens: isTokens(tokens) ? tokens : undefined,
      signIns: Array.isArray(signIns) ? signIns.filter(isSignIn) : [],
    };
  }

  async save({ tokens, signIns }: SessionRecord): Promise<void> {
    const { name, issuer, clientId } = this.#owner;
    const latest = signIns.slice(-maxSignIns);
    const isEmpty = tokens === undefined && latest.length === 0;
    const text = JSON.stringify({ version, issuer, clientId, tokens, signIns: latest });
    await stored(() => (isEmpty ? this.#store.delete(name) : this.#store.save(name, text)));
  }
}

async function stored<T>(use: () => Promise<T>): Promise<T> {
  try {
    return await use();
  } catch (cause) {
    throw new DpopClientError('storage-unavailable', 'the token store does not do its work', cause);
  }
}

type Members = Readonly<Record<string, unknown>>;

/** Others write to such stores too: what is there is not believed. */
function parse(text: string): Members {
  try {
    return toMembers(JSON.parse(text));
  } catch {
    return {};
  }
}

function toMembers(value: unknown): Members {
  return typeof value === 'object' && value !== null ? (value as Members) : {};
}

function isTokens(value: unknown): value is HeldTokens {
  const { jkt, accessToken, refreshToken = '', grant, renewAt = 0, expiresAt = 0 } = toMembers(value);
  const texts = [jkt, accessToken, refreshToken].every((each) => typeof each === 'string');
  const times = [renewAt, expiresAt].every((each) => typeof each === 'number');
  return texts && times && (grant === 'authorization_code' || grant === 'client_credentials');
}

function isSignIn(value: unknown): value is PendingSignIn {
  const { state, codeVerifier, jkt } = toMembers(value);
  return [state, codeVerifier, jkt].every((each) => typeof each === 'string');
}
