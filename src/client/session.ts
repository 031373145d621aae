import { refuseOption } from '../options.ts';
import { discard, dpopError } from './challenges.ts';
import { DpopClientError } from './errors.ts';
import { createDpopFetch, isOneTime } from './fetch.ts';
import { createMemoryKeyStore } from './key-stores.ts';
import type { DpopKey } from './keys.ts';
import {
  checkOptions,
  defaultName,
  type SessionEvent,
  type SessionOptions,
  toOrigins,
} from './session-options.ts';
import { AuthorizationServer } from './session-server.ts';
import {
  createMemoryTokenStore,
  type HeldTokens,
  type PendingSignIn,
  type SessionRecord,
  SessionRecords,
} from './session-store.ts';
import { type SessionKeys, SessionTokens, SignerKeys, StoredKeys, signInRequired } from './session-tokens.ts';

export { OAuthErrorAnswer } from './session-answers.ts';
export { createIndexedDbTokenStore, type IndexedDbTokenStoreOptions } from './session-indexeddb-store.ts';
export type { SessionEvent, SessionOptions } from './session-options.ts';
export type { ClientAuthentication } from './session-server.ts';
export {
  createMemoryTokenStore,
  createStorageTokenStore,
  type TokenStore,
  type WebStorage,
} from './session-store.ts';
export type { SessionLocks, TokenEvent } from './session-tokens.ts';

/** Somebody's, or the client's own, access to an API. */
export interface Session {
  /**
   * Like `fetch`, for the allowed origins: with the token and a proof. Renews the token ahead of its end; once, and then
   * sends again, when the API refuses it as `invalid_token`, unless the body can be read only once: then the refusal is
   * returned. A `signal` ends the call itself, not a renewal, which others may wait for. Otherwise as `createDpopFetch`.
   */
  readonly fetch: typeof fetch;
  /**
   * Prepares a sign-in: send the browser to `url` (RFC 6749 section 4.1, with PKCE, `state` and `dpop_jkt`; pushed, RFC 9126,
   * where the server takes that). `parameters` are added to the request, such as `prompt` or `login_hint`.
   */
  beginSignIn(parameters?: Readonly<Record<string, string>>): Promise<{ readonly url: string }>;
  /**
   * Ends a sign-in with the URL that the browser came back to. Checked: `state`, `iss`, that the sign-in began here and was
   * not ended before, that the key is the same, that the token is bound. Not checked: whether `redirectUri` is the path.
   */
  completeSignIn(callback: string | URL): Promise<void>;
  /**
   * Gets a new token for the client itself (`client_credentials`), in the place of what there was. Without `redirectUri`
   * `fetch` does so when it needs one.
   */
  requestToken(): Promise<void>;
  /** The access token to use now, renewed if need be; it is good with a proof by the session's key only. */
  accessToken(): Promise<string>;
  /** Whether calls can be expected to work: there are tokens and their key. Nothing is sent. */
  isSignedIn(): Promise<boolean>;
  /**
   * Forgets the tokens, then revokes them (RFC 7009). `key: 'delete'` drops the key too; default `keep`.
   *
   * @returns `revoked`: whether the server took all of them back; else they are good until they expire, with the key only.
   */
  signOut(options?: { readonly key?: 'keep' | 'delete' }): Promise<{ readonly revoked: boolean }>;
}

/**
 * A session that gets, keeps and renews tokens that are bound to its key.
 *
 * Tokens of another type than DPoP are refused, and nothing of them is kept. The key is made when there is none; a public
 * client keeps it for as long as its refresh token lives (RFC 9449 section 5). A refresh token is sent once at a time: by
 * concurrent calls of a session, and by all tabs where there are Web Locks. If there is trouble, the old token is used while
 * it is good; a refresh token that is refused, or whose key is gone, ends the session.
 *
 * Methods reject with `DpopClientError`: `sign-in-required` (the tokens, if any, are forgotten), `server-unavailable` (may
 * pass), `unexpected-answer`, `token-refused` and `sign-in-refused` (the `cause` is an `OAuthErrorAnswer`), `token-not-bound`,
 * `invalid-callback`, `client-not-authenticated`, `unsupported-algorithm`, `insecure-url`, `storage-unavailable`; `fetch`
 * also as `createDpopFetch` does.
 *
 * @throws TypeError when an option makes no sense.
 */
export function createSession(options: SessionOptions): Session {
  return new BoundSession({ ...checkOptions(options) });
}

class BoundSession implements Session {
  readonly #options: SessionOptions;
  readonly #origins: readonly string[];
  readonly #records: SessionRecords;
  readonly #keys: SessionKeys;
  readonly #server: AuthorizationServer;
  readonly #tokens: SessionTokens;
  /** By key: they remember the nonces and clocks of the API. */
  readonly #signing = new WeakMap<DpopKey, typeof fetch>();
  /** Which token an answer is the answer to. */
  readonly #sentWith = new WeakMap<Response, string>();

  constructor(options: SessionOptions) {
    const { issuer, clientId, clientAuthentication, redirectUri, algorithm = 'ES256' } = options;
    const { keyStore = createMemoryKeyStore(), tokenStore = createMemoryTokenStore() } = options;
    const { name = defaultName(issuer, clientId), locks = globalThis.navigator?.locks } = options;
    this.#options = options;
    this.#origins = toOrigins(options.origins);
    this.#records = new SessionRecords(tokenStore, { name, issuer, clientId });
    this.#keys =
      options.signer === undefined
        ? new StoredKeys(keyStore, name, algorithm)
        : new SignerKeys(options.signer);
    this.#server = new AuthorizationServer({
      issuer,
      clientId,
      clientAuthentication,
      redirectUri,
      scope: options.scope,
      resource: options.resource,
      discovery: options.discovery ?? 'oauth',
      timeout: options.timeout ?? 10,
      fetch: this.#send,
      observe: this.#tell,
    });
    this.#tokens = new SessionTokens({
      records: this.#records,
      keys: this.#keys,
      server: this.#server,
      isConfidential: clientAuthentication !== undefined,
      isService: redirectUri === undefined,
      locks,
      lockName: `holdfast.${name}`,
      observe: this.#tell,
    });
  }

  readonly fetch: typeof fetch = async (input, init) => {
    // A URL object may be another one by the time that a token is there.
    const target = input instanceof Request ? input : new Request(input).url;
    this.#requireOrigin(target);
    const response = await this.#call(target, init);
    const refused = isTokenRefused(response) ? this.#sentWith.get(response) : undefined;
    if (refused === undefined) return response;
    const accessToken = await this.#successorOf(refused, response);
    if (accessToken === refused || isReadOnce(target, init)) return response;
    discard(response);
    return this.#call(target, init);
  };

  async #successorOf(refused: string, response: Response): Promise<string> {
    try {
      return (await this.#tokens.use(refused)).accessToken;
    } catch (error) {
      discard(response);
      throw error;
    }
  }

  async beginSignIn(parameters: Readonly<Record<string, string>> = {}): Promise<{ readonly url: string }> {
    const { redirectUri, clientAuthentication } = this.#options;
    if (redirectUri === undefined) refuseOption('redirectUri', 'given for a sign-in');
    return this.#tokens.alone(async () => {
      const { tokens, signIns } = await this.#records.load();
      const held = tokens === undefined ? undefined : await this.#keys.find(tokens.jkt); // [R9449-5-08]
      const isPublic = clientAuthentication === undefined;
      const key = isPublic && held !== undefined ? held : await this.#keys.current();
      const { url, signIn } = await this.#server.authorize(key, parameters);
      await this.#records.save({ tokens: held && tokens, signIns: [...signIns, signIn] });
      return { url };
    });
  }

  async completeSignIn(callback: string | URL): Promise<void> {
    const url = toCallback(callback);
    await this.#tokens.alone(async () => {
      const record = await this.#records.load();
      const signIn = record.signIns.find(({ state }) => state === url.searchParams.get('state'));
      if (signIn === undefined)
        throw new DpopClientError(
          'invalid-callback',
          'no sign-in is under way that this could be the end of',
        );
      const others = { ...record, signIns: record.signIns.filter((each) => each !== signIn) };
      const answer = await this.#readCallback(url, signIn, others);
      const key = await this.#keys.find(signIn.jkt);
      await this.#records.save(others); // a code is good once, whatever comes of it
      if (key === undefined) throw signInRequired('the key that the code is bound to is gone');
      const issued = await this.#server.redeem(key, answer, signIn);
      await this.#tokens.keep(others, key, issued, 'authorization_code');
    });
  }

  async requestToken(): Promise<void> {
    if (this.#options.clientAuthentication === undefined)
      refuseOption('clientAuthentication', 'given for a token of the client itself');
    await this.#tokens.alone(async () => this.#tokens.request(await this.#records.load()));
  }

  async accessToken(): Promise<string> {
    return (await this.#tokens.use()).accessToken;
  }

  isSignedIn(): Promise<boolean> {
    return this.#tokens.arePresent();
  }

  async signOut({ key = 'keep' }: { readonly key?: 'keep' | 'delete' } = {}): Promise<{
    readonly revoked: boolean;
  }> {
    if (key !== 'keep' && key !== 'delete') refuseOption('key', 'keep or delete');
    return this.#tokens.alone(async () => {
      const { tokens } = await this.#records.load();
      const signer = tokens === undefined ? undefined : await this.#keys.find(tokens.jkt);
      await this.#records.save({ signIns: [] });
      if (key === 'delete') await this.#keys.delete();
      return { revoked: tokens === undefined || (await this.#revoke(signer, tokens)) };
    });
  }

  /** Both: not every server ends the one with the other (RFC 7009 section 2.1). */
  async #revoke(key: DpopKey | undefined, tokens: HeldTokens): Promise<boolean> {
    if (key === undefined) return false; // nobody can use them any more
    const { accessToken, refreshToken } = tokens;
    const outcomes: boolean[] = [];
    if (refreshToken !== undefined) outcomes.push(await this.#isRevoked(key, refreshToken, 'refresh_token'));
    outcomes.push(await this.#isRevoked(key, accessToken, 'access_token'));
    return !outcomes.includes(false);
  }

  async #isRevoked(key: DpopKey, token: string, hint: 'access_token' | 'refresh_token'): Promise<boolean> {
    try {
      await this.#server.revoke(key, token, hint);
      return true;
    } catch (error) {
      this.#tell({ type: 'revocation-failed', code: (error as DpopClientError).code });
      return false;
    }
  }

  /** An answer that is no answer to this sign-in leaves it under way: anybody can open a callback. */
  async #readCallback(url: URL, signIn: PendingSignIn, others: SessionRecord): Promise<URLSearchParams> {
    try {
      return await this.#server.readCallback(url, signIn);
    } catch (error) {
      if (error instanceof DpopClientError && error.code === 'sign-in-refused')
        await this.#records.save(others);
      throw error;
    }
  }

  async #call(input: RequestInfo, init: RequestInit | undefined): Promise<Response> {
    const { key } = await this.#tokens.use();
    return this.#signed(key)(input, init);
  }

  #signed(key: DpopKey): typeof fetch {
    const known = this.#signing.get(key);
    if (known !== undefined) return known;
    const made = createDpopFetch({
      keyPair: key,
      origins: this.#origins,
      accessToken: () => this.#tokenOf(key),
      fetch: this.#sendToken,
      observe: this.#tell,
    });
    this.#signing.set(key, made);
    return made;
  }

  /** Asked for each attempt. Between two another tab may have begun a session with another key. */
  async #tokenOf({ jkt }: DpopKey): Promise<string> {
    const { accessToken, key } = await this.#tokens.use();
    if (key.jkt === jkt) return accessToken;
    throw signInRequired('another session has begun meanwhile');
  }

  /** Before a token is renewed for what will not be sent. */
  #requireOrigin(target: RequestInfo): void {
    const { origin } = new URL(target instanceof Request ? target.url : target);
    if (this.#origins.includes(origin)) return;
    throw new DpopClientError('origin-not-allowed', `${origin} is not one of the allowed origins`);
  }

  /** Called as it is: browsers refuse a `fetch` that is called as somebody's method. */
  readonly #send: typeof fetch = (input, init) => {
    const { fetch: send = fetch } = this.#options;
    return send(input, init);
  };

  readonly #sendToken: typeof fetch = async (input, init) => {
    const response = await this.#send(input, init);
    const authorization = String((input as Request).headers.get('Authorization'));
    this.#sentWith.set(response, authorization.slice('DPoP '.length));
    return response;
  };

  readonly #tell = (event: SessionEvent): void => {
    try {
      this.#options.observe?.(event);
    } catch {
      // An observer's fault is not the session's.
    }
  };
}

function isTokenRefused({ status, headers }: Response): boolean {
  return status === 401 && dpopError(headers.get('WWW-Authenticate') ?? '') === 'invalid_token';
}

function isReadOnce(input: RequestInfo, init: RequestInit | undefined): boolean {
  return (input instanceof Request && input.bodyUsed) || isOneTime(init?.body);
}

function toCallback(callback: string | URL): URL {
  if (URL.canParse(String(callback))) return new URL(callback);
  throw new DpopClientError('invalid-callback', 'the callback must be an absolute URL');
}
