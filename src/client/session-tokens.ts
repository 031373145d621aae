import { DpopClientError } from './errors.ts';
import { formerKeyName, type KeyStore, loadOrCreateKeyPair } from './key-stores.ts';
import type { ClientAlgorithm, DpopKey, DpopSigner } from './keys.ts';
import { OAuthErrorAnswer } from './session-answers.ts';
import type { AuthorizationServer, IssuedTokens } from './session-server.ts';
import type { HeldTokens, Seconds, SessionRecord, SessionRecords } from './session-store.ts';

/**
 * The tokens of a session. What the store holds is what counts: it is read anew for each call and changed by one at a time,
 * so tabs that share it agree.
 */

/** What `LockManager` of a browser does (`navigator.locks`). */
export interface SessionLocks {
  /** Runs `task` alone, among all that ask for the same name. */
  request<T>(name: string, task: () => Promise<T>): Promise<T>;
}

/** An access token that may be used now, and the key that it is bound to. */
export interface UsableToken {
  readonly accessToken: string;
  readonly key: DpopKey;
}

/** Where the session's key comes from. */
export interface SessionKeys {
  /** The key of this thumbprint, if there still is one. */
  find(jkt: string): Promise<DpopKey | undefined>;
  /** The key for new tokens. */
  current(): Promise<DpopKey>;
  delete(): Promise<void>;
}

/** One key, which lives elsewhere and is not ours to make or to delete. */
export class SignerKeys implements SessionKeys {
  readonly #signer: DpopSigner;

  constructor(signer: DpopSigner) {
    this.#signer = signer;
  }

  async find(jkt: string): Promise<DpopKey | undefined> {
    return this.#signer.jkt === jkt ? this.#signer : undefined;
  }

  async current(): Promise<DpopKey> {
    return this.#signer;
  }

  async delete(): Promise<void> {
    // Whoever made it deletes it.
  }
}

/** Keys that are made when there are none, and kept. */
export class StoredKeys implements SessionKeys {
  readonly #store: KeyStore;
  readonly #name: string;
  readonly #algorithm: ClientAlgorithm;
  #latest: DpopKey | undefined;

  constructor(store: KeyStore, name: string, algorithm: ClientAlgorithm) {
    this.#store = store;
    this.#name = name;
    this.#algorithm = algorithm;
  }

  async find(jkt: string): Promise<DpopKey | undefined> {
    if (this.#latest?.jkt === jkt) return this.#latest;
    for (const name of [this.#name, formerKeyName(this.#name)]) {
      const key = await this.#store.load(name);
      if (key?.jkt !== jkt) continue;
      this.#latest = key;
      return key;
    }
    return undefined;
  }

  async current(): Promise<DpopKey> {
    const { keyPair } = await loadOrCreateKeyPair(this.#store, this.#name, { algorithm: this.#algorithm });
    // The same object for the same key, since what is known of servers hangs on it.
    if (this.#latest?.jkt !== keyPair.jkt) this.#latest = keyPair;
    return this.#latest;
  }

  async delete(): Promise<void> {
    this.#latest = undefined;
    for (const name of [this.#name, formerKeyName(this.#name)]) await this.#store.delete(name);
  }
}

export interface SessionTokensOptions {
  readonly records: SessionRecords;
  readonly keys: SessionKeys;
  readonly server: AuthorizationServer;
  /** Whether it shows who it is: then its refresh tokens are bound to that, and not to the key (RFC 9449 section 5). */
  readonly isConfidential: boolean;
  /** Whether it acts for itself, so that it needs nobody to sign in. */
  readonly isService: boolean;
  readonly locks: SessionLocks | undefined;
  readonly lockName: string;
  readonly observe: (event: TokenEvent) => void;
}

/** What became of the tokens; no secret is in it. */
export type TokenEvent =
  | { readonly type: 'tokens-renewed' }
  /** The old token goes on while it is good. */
  | { readonly type: 'renewal-failed'; readonly code: DpopClientError['code'] }
  | { readonly type: 'tokens-forgotten' };

/** How long before its end a token is renewed: seconds, and for short-lived ones a part of their life. */
const ahead = { seconds: 30, part: 0.1 };

export class SessionTokens {
  readonly #options: SessionTokensOptions;
  #renewal: Promise<UsableToken> | undefined;
  #last: Promise<unknown> = Promise.resolve();

  constructor(options: SessionTokensOptions) {
    this.#options = options;
  }

  /**
   * The access token to use now: renewed ahead of its end, or when it is the one that was refused.
   *
   * @throws DpopClientError `sign-in-required`, or why it could not be renewed; not while the old one is good.
   */
  async use(refused?: string): Promise<UsableToken> {
    const { tokens } = await this.#options.records.load();
    const usable = await this.#usable(tokens, refused);
    if (usable !== undefined) return usable;
    try {
      this.#renewal ??= this.#renewOnce(refused);
      return await this.#renewal;
    } catch (error) {
      const isFinal = !(error instanceof DpopClientError) || error.code === 'sign-in-required';
      const isGood = !isFinal && tokens !== undefined && !isOver(tokens, refused);
      const old = isGood ? await this.#bound(tokens) : undefined;
      if (old === undefined) throw error;
      return old;
    }
  }

  /** Whether there are tokens, with the key to use them, that are good or can be renewed. */
  async arePresent(): Promise<boolean> {
    const { tokens } = await this.#options.records.load();
    if (tokens === undefined || (tokens.refreshToken === undefined && isOver(tokens))) return false;
    return (await this.#bound(tokens)) !== undefined;
  }

  /** Runs alone: in this session, and among all that share its lock. */
  alone<T>(task: () => Promise<T>): Promise<T> {
    const { locks, lockName } = this.#options;
    const run = this.#last.then(() => (locks === undefined ? task() : locks.request(lockName, task)));
    this.#last = run.catch(() => undefined); // whoever asked is told; the next one need not know
    return run;
  }

  /** A token for the client itself, whatever there was before. To be called alone. */
  async request(record: SessionRecord): Promise<UsableToken> {
    const { keys, server } = this.#options;
    const key = await keys.current();
    const issued = await server.requestToken(key);
    return this.keep(record, key, issued, 'client_credentials');
  }

  /** Tokens are in the store before they are used. To be called alone. */
  async keep(
    record: SessionRecord,
    key: DpopKey,
    issued: IssuedTokens,
    grant: HeldTokens['grant'],
  ): Promise<UsableToken> {
    const { accessToken, refreshToken, expiresIn } = issued;
    const canRenew = refreshToken !== undefined || grant === 'client_credentials';
    const tokens: HeldTokens = {
      jkt: key.jkt,
      accessToken,
      grant,
      ...(refreshToken === undefined ? {} : { refreshToken }),
      ...(expiresIn === undefined ? {} : toTimes(expiresIn, canRenew)),
    };
    await this.#options.records.save({ ...record, tokens });
    return { accessToken, key };
  }

  async #renewOnce(refused: string | undefined): Promise<UsableToken> {
    try {
      return await this.alone(() => this.#renew(refused));
    } finally {
      this.#renewal = undefined;
    }
  }

  async #renew(refused: string | undefined): Promise<UsableToken> {
    const record = await this.#options.records.load();
    const usable = await this.#usable(record.tokens, refused);
    if (usable !== undefined) return usable; // another tab was faster
    try {
      const renewed = await this.#exchange(record);
      this.#options.observe({ type: 'tokens-renewed' });
      return renewed;
    } catch (error) {
      return await this.#endWith(error, record);
    }
  }

  /** One grant for new tokens, tried once: a refresh token whose answer was lost may be used up. */
  async #exchange(record: SessionRecord): Promise<UsableToken> {
    const { records, keys, server, isConfidential, isService } = this.#options;
    const { tokens } = record;
    const grant = tokens?.grant ?? (isService ? 'client_credentials' : 'authorization_code');
    if (grant === 'client_credentials') return this.request(record);
    if (tokens?.refreshToken === undefined) throw signInRequired('there is no token that can be used');
    const key = isConfidential ? await keys.current() : await keys.find(tokens.jkt); // [R9449-5-08]
    if (key === undefined) throw signInRequired('the key that the tokens are bound to is gone');
    const issued = await server.refresh(key, tokens.refreshToken);
    const latest = await records.load(); // without locks another tab may have written meanwhile
    if (latest.tokens?.refreshToken !== tokens.refreshToken) {
      const usable = await this.#usable(latest.tokens); // another session's, or what the same token gave there
      if (usable !== undefined) return usable;
      throw signInRequired('the session was ended meanwhile');
    }
    return this.keep(
      latest,
      key,
      { ...issued, refreshToken: issued.refreshToken ?? tokens.refreshToken },
      grant,
    );
  }

  async #endWith(error: unknown, record: SessionRecord): Promise<UsableToken> {
    if (!(error instanceof DpopClientError)) throw error;
    if (error.code === 'sign-in-required') return this.#forget(record, error);
    if (record.tokens?.refreshToken !== undefined && isRefused(error)) return this.#replaced(record, error);
    this.#options.observe({ type: 'renewal-failed', code: error.code });
    if (error.code !== 'storage-unavailable') await this.#postpone(record);
    throw error;
  }

  /** Without locks another tab may have used the refresh token just before: then its tokens are taken over. */
  async #replaced(record: SessionRecord, error: DpopClientError): Promise<UsableToken> {
    const latest = await this.#options.records.load();
    const isReplaced = latest.tokens?.refreshToken !== record.tokens?.refreshToken;
    const usable = isReplaced ? await this.#usable(latest.tokens) : undefined;
    return usable ?? this.#forget(latest, signInRequired('the refresh token is good no more', error.cause));
  }

  async #forget(record: SessionRecord, error: DpopClientError): Promise<never> {
    const latest = await this.#options.records.load(); // without locks another tab may have written meanwhile
    if (record.tokens !== undefined && latest.tokens?.accessToken === record.tokens.accessToken) {
      await this.#options.records.save({ ...latest, tokens: undefined });
      this.#options.observe({ type: 'tokens-forgotten' });
    }
    throw error;
  }

  /** The next attempt is made when there is no other way: not once for every call until then. */
  async #postpone(record: SessionRecord): Promise<void> {
    const { tokens } = record;
    if (tokens?.expiresAt === undefined || isOver(tokens)) return;
    const latest = await this.#options.records.load(); // without locks another tab may have written meanwhile
    if (latest.tokens?.accessToken !== tokens.accessToken) return;
    await this.#options.records.save({ ...latest, tokens: { ...tokens, renewAt: tokens.expiresAt } });
  }

  async #usable(tokens: HeldTokens | undefined, refused?: string): Promise<UsableToken | undefined> {
    if (tokens === undefined || isOver(tokens, refused)) return undefined;
    return now() < (tokens.renewAt ?? Number.POSITIVE_INFINITY) ? this.#bound(tokens) : undefined;
  }

  async #bound({ accessToken, jkt }: HeldTokens): Promise<UsableToken | undefined> {
    const key = await this.#options.keys.find(jkt);
    return key === undefined ? undefined : { accessToken, key };
  }
}

function isOver(
  { accessToken, expiresAt = Number.POSITIVE_INFINITY }: HeldTokens,
  refused?: string,
): boolean {
  return accessToken === refused || now() >= expiresAt;
}

function toTimes(expiresIn: number, canRenew: boolean): Pick<HeldTokens, 'renewAt' | 'expiresAt'> {
  const expiresAt = now() + expiresIn;
  if (!canRenew) return { expiresAt };
  return { expiresAt, renewAt: expiresAt - Math.min(ahead.seconds, expiresIn * ahead.part) };
}

function now(): Seconds {
  return Date.now() / 1000;
}

function isRefused({ code, cause }: DpopClientError): boolean {
  return code === 'token-refused' && cause instanceof OAuthErrorAnswer && cause.error === 'invalid_grant';
}

export function signInRequired(why: string, cause?: unknown): DpopClientError {
  return new DpopClientError('sign-in-required', `${why}: sign in again`, cause);
}
