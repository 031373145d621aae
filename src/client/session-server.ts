import * as oauth from 'oauth4webapi';
import { isSecureUrl } from '../secure-url.ts';
import { DpopClientError } from './errors.ts';
import { createDpopFetch, type DpopFetchEvent } from './fetch.ts';
import type { DpopKey } from './keys.ts';
import { bare, clockOffsetOf, notBound, readAnswer, toClientError } from './session-answers.ts';
import type { PendingSignIn } from './session-store.ts';

/**
 * The authorization server, as a client sees it. `oauth4webapi` makes the requests and judges the answers; proofs, nonces
 * and the one repetition are those of `createDpopFetch`, underneath.
 */

/**
 * Adds the client's credentials to a token request: `PrivateKeyJwt(...)` of `oauth4webapi`, or any of its kind. Called for
 * each attempt, since an assertion is good once.
 */
export type ClientAuthentication = oauth.ClientAuth;

export interface ServerOptions {
  readonly issuer: string;
  readonly clientId: string;
  readonly clientAuthentication: string | ClientAuthentication | undefined;
  readonly redirectUri: string | undefined;
  readonly scope: string | undefined;
  readonly resource: string | undefined;
  readonly discovery: 'oauth' | 'openid';
  /** Seconds. */
  readonly timeout: number;
  readonly fetch: typeof fetch;
  readonly observe: (event: DpopFetchEvent) => void;
}

/** What a token response gave. */
export interface IssuedTokens {
  readonly accessToken: string;
  readonly refreshToken: string | undefined;
  /** Seconds. */
  readonly expiresIn: number | undefined;
}

/** An authorization request, ready to be opened in a browser. */
export interface AuthorizationRequest {
  readonly url: string;
  readonly signIn: PendingSignIn;
}

/** What a request to the authorization server is made with. */
interface Calling {
  readonly metadata: oauth.AuthorizationServer;
  readonly client: oauth.Client;
  readonly http: HttpOptions;
}

interface HttpOptions {
  readonly [oauth.allowInsecureRequests]: true;
  readonly [oauth.customFetch]: (url: string, init: object) => Promise<Response>;
  readonly signal: () => AbortSignal;
  readonly additionalParameters: Record<string, string>;
}

export class AuthorizationServer {
  readonly #options: ServerOptions;
  readonly #client: oauth.Client;
  #metadata: Promise<oauth.AuthorizationServer> | undefined;
  readonly #signing = new WeakMap<DpopKey, typeof fetch>();

  constructor(options: ServerOptions) {
    this.#options = options;
    this.#client = { client_id: options.clientId };
  }

  /** With PKCE and `dpop_jkt` always, pushed where the server takes pushed requests (RFC 9126). */
  authorize(key: DpopKey, parameters: Readonly<Record<string, string>>): Promise<AuthorizationRequest> {
    return this.#call(key, async (calling) => {
      const [state, codeVerifier] = [oauth.generateRandomState(), oauth.generateRandomCodeVerifier()];
      const { clientId: client_id, redirectUri: redirect_uri, scope, resource } = this.#options;
      const request = toParameters({
        ...parameters,
        client_id,
        response_type: 'code',
        redirect_uri,
        scope,
        resource,
        state,
        code_challenge: await oauth.calculatePKCECodeChallenge(codeVerifier),
        code_challenge_method: 'S256',
        dpop_jkt: key.jkt, // [R9449-10-01] [R9449-10.1-01]
      });
      const url = new URL(requireEndpoint(calling.metadata, 'authorization_endpoint'));
      for (const [name, value] of await push(calling, request)) url.searchParams.set(name, value);
      return { url: url.href, signIn: { state, codeVerifier, jkt: key.jkt } };
    });
  }

  /**
   * Reads the answer to an authorization request: `state` and `iss` first, then what it says.
   *
   * @throws DpopClientError `invalid-callback`, `sign-in-refused`; `server-unavailable` and others of the metadata.
   */
  async readCallback(callback: URL, { state }: PendingSignIn): Promise<URLSearchParams> {
    const metadata = await this.#discover();
    try {
      return oauth.validateAuthResponse(metadata, this.#client, callback, state);
    } catch (error) {
      const known = toClientError(error);
      if (known.code !== 'unexpected-answer') throw known;
      throw new DpopClientError(
        'invalid-callback',
        'the callback is none that this sign-in may end with',
        bare(error),
      );
    }
  }

  /** With the key that the code is for. */
  redeem(key: DpopKey, answer: URLSearchParams, { codeVerifier }: PendingSignIn): Promise<IssuedTokens> {
    return this.#call(key, async ({ metadata, client, http }) => {
      const { redirectUri = '' } = this.#options;
      return oauth.processAuthorizationCodeResponse(
        metadata,
        client,
        await oauth.authorizationCodeGrantRequest(
          metadata,
          client,
          addedLater,
          answer,
          redirectUri,
          codeVerifier,
          http,
        ),
      );
    }).then(toIssued);
  }

  refresh(key: DpopKey, refreshToken: string): Promise<IssuedTokens> {
    return this.#call(key, async ({ metadata, client, http }) =>
      oauth.processRefreshTokenResponse(
        metadata,
        client,
        await oauth.refreshTokenGrantRequest(metadata, client, addedLater, refreshToken, http),
      ),
    ).then(toIssued);
  }

  requestToken(key: DpopKey): Promise<IssuedTokens> {
    const { scope, resource } = this.#options;
    return this.#call(key, async ({ metadata, client, http }) =>
      oauth.processClientCredentialsResponse(
        metadata,
        client,
        await oauth.clientCredentialsGrantRequest(
          metadata,
          client,
          addedLater,
          toParameters({ scope, resource }),
          http,
        ),
      ),
    ).then(toIssued);
  }

  /** RFC 7009. What is sent carries a proof like everything else: a server that does not look for one ignores it. */
  revoke(key: DpopKey, token: string, hint: 'access_token' | 'refresh_token'): Promise<void> {
    return this.#call(key, async ({ metadata, client, http }) => {
      const options = { ...http, additionalParameters: { token_type_hint: hint } };
      return oauth.processRevocationResponse(
        await oauth.revocationRequest(metadata, client, addedLater, token, options),
      );
    });
  }

  async #call<T>(key: DpopKey, ask: (calling: Calling) => Promise<T>): Promise<T> {
    try {
      const metadata = await this.#discover();
      requireAlgorithm(metadata, key);
      const { resource } = this.#options;
      const http = this.#http(this.#signed(key, metadata), resource === undefined ? {} : { resource });
      return await ask({ metadata, client: this.#client, http });
    } catch (error) {
      throw toClientError(error);
    }
  }

  async #discover(): Promise<oauth.AuthorizationServer> {
    this.#metadata ??= this.#readMetadata();
    try {
      return await this.#metadata;
    } catch (error) {
      this.#metadata = undefined; // asked for again by the next call
      throw toClientError(error);
    }
  }

  async #readMetadata(): Promise<oauth.AuthorizationServer> {
    const issuer = new URL(this.#options.issuer);
    const algorithm = this.#options.discovery === 'openid' ? 'oidc' : 'oauth2';
    const http = this.#http(this.#options.fetch, {});
    const response = await oauth.discoveryRequest(issuer, { ...http, algorithm });
    const metadata = await oauth.processDiscoveryResponse(issuer, response);
    // To the letter, as `iss` in the callback will be. [R8414-3.3-01]
    if (metadata.issuer !== this.#options.issuer)
      throw new DpopClientError('unexpected-answer', 'the metadata spells the issuer in another way');
    requireEndpoint(metadata, 'token_endpoint');
    for (const name of endpoints) if (metadata[name] !== undefined) requireEndpoint(metadata, name);
    return metadata;
  }

  /** One for each key: it remembers the server's nonce and clock. */
  #signed(key: DpopKey, metadata: oauth.AuthorizationServer): typeof fetch {
    const known = this.#signing.get(key);
    if (known !== undefined) return known;
    const given = endpoints.flatMap((name) => metadata[name] ?? []);
    const made = createDpopFetch({
      keyPair: key,
      origins: [...new Set(given.map((endpoint) => new URL(endpoint).origin))],
      fetch: ((request: Request, hop: RequestInit) =>
        this.#authenticated(request, hop, metadata)) as typeof fetch,
      observe: this.#options.observe,
    });
    this.#signing.set(key, made);
    return made;
  }

  /** Credentials are added to each attempt, after its proof: a server that challenged may have used up the assertion. */
  async #authenticated(
    request: Request,
    hop: RequestInit,
    metadata: oauth.AuthorizationServer,
  ): Promise<Response> {
    const { url, method } = request;
    const headers = new Headers(request.headers);
    const body = new URLSearchParams(await request.text());
    try {
      await this.#authentication(metadata)(metadata, this.#client, body, headers);
    } catch (cause) {
      throw new DpopClientError(
        'client-not-authenticated',
        'the client could not show who it is',
        bare(cause),
      );
    }
    const init = { method, headers, body: body.toString(), redirect: 'manual' } as const;
    return this.#options.fetch(new Request(url, init), hop);
  }

  #authentication(metadata: oauth.AuthorizationServer): ClientAuthentication {
    const { clientAuthentication: given } = this.#options;
    if (given === undefined) return oauth.None();
    if (typeof given === 'function') return given;
    const methods: unknown = metadata.token_endpoint_auth_methods_supported ?? ['client_secret_basic'];
    const isBasic = Array.isArray(methods) && methods.includes('client_secret_basic');
    return isBasic ? oauth.ClientSecretBasic(given) : oauth.ClientSecretPost(given);
  }

  #http(send: typeof fetch, additionalParameters: Record<string, string>): HttpOptions {
    return {
      [oauth.allowInsecureRequests]: true, // where that is: requireEndpoint
      [oauth.customFetch]: async (url, init) => {
        const answer = await readAnswer(send, url, init);
        this.#client[oauth.clockSkew] = clockOffsetOf(answer);
        return answer;
      },
      signal: () => AbortSignal.timeout(this.#options.timeout * 1000),
      additionalParameters,
    };
  }
}

/** In place of the authentication by `oauth4webapi`, which would happen once for two attempts. */
function addedLater(): void {}

const endpoints = [
  'token_endpoint',
  'authorization_endpoint',
  'pushed_authorization_request_endpoint',
  'revocation_endpoint',
] as const;

/** [R9449-2-01] */
function requireEndpoint(metadata: oauth.AuthorizationServer, name: (typeof endpoints)[number]): string {
  const endpoint: unknown = metadata[name];
  if (typeof endpoint !== 'string' || !URL.canParse(endpoint))
    throw new DpopClientError('unexpected-answer', `the metadata has no ${name}`);
  if (isSecureUrl(new URL(endpoint))) return endpoint;
  throw new DpopClientError('insecure-url', `the ${name} must be https (http on loopback only)`);
}

/** [R9449-5.1-02] */
function requireAlgorithm(metadata: oauth.AuthorizationServer, { algorithm }: DpopKey): void {
  const listed: unknown = metadata.dpop_signing_alg_values_supported;
  if (listed === undefined || (Array.isArray(listed) && listed.includes(algorithm))) return;
  throw new DpopClientError(
    'unsupported-algorithm',
    `the authorization server takes no ${algorithm} proofs: make a key of an algorithm that it lists`,
  );
}

function toParameters(members: Readonly<Record<string, string | undefined>>): URLSearchParams {
  const given = Object.entries(members).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return new URLSearchParams(given);
}

/** The parameters for the browser: the request itself, or what stands for it at the server. */
async function push({ metadata, client, http }: Calling, request: URLSearchParams): Promise<URLSearchParams> {
  if (metadata.pushed_authorization_request_endpoint === undefined) {
    if (metadata.require_pushed_authorization_requests !== true) return request;
    throw new DpopClientError('unexpected-answer', 'the metadata demands pushed requests and takes none');
  }
  const response = await oauth.pushedAuthorizationRequest(metadata, client, addedLater, request, http);
  const { request_uri } = await oauth.processPushedAuthorizationResponse(metadata, client, response);
  return toParameters({ client_id: client.client_id, request_uri });
}

const tokenForm = /^[\w.~+/-]+=*$/;

/** [R6749-5.1-02] oauth4webapi has put `token_type` in lower case. */
function toIssued(response: oauth.TokenEndpointResponse): IssuedTokens {
  const { token_type, access_token, refresh_token, expires_in } = response;
  if (token_type !== 'dpop') throw notBound(); // [R9449-5-10] [M06]
  if (!tokenForm.test(access_token))
    throw new DpopClientError('unexpected-answer', 'the access token has characters that cannot be sent');
  return { accessToken: access_token, refreshToken: refresh_token, expiresIn: expires_in };
}
