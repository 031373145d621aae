import { LRUCache } from 'lru-cache';
import { CircuitBreaker, withDeadline } from './circuit-breaker.ts';
import { sha256 } from './digest.ts';
import { DpopError, type DpopErrorReason } from './errors.ts';
import { fetchJson, UnusableAnswer } from './fetch-json.ts';
import type { Seconds } from './freshness.ts';
import { isObject, type JsonObject, toJsonObject } from './jws.ts';
import {
  monotonicClock,
  refuseOption,
  requireCount,
  requireOptions,
  requireSeconds,
  requireText,
  requireUrl,
} from './options.ts';
import {
  type AccessTokenClaims,
  freezeDeep,
  readConfirmation,
  requireClaimTypes,
  requireTimely,
  requireTimes,
  type VerifiedAccessToken,
} from './token-claims.ts';

/**
 * Opaque access tokens: the issuer is asked what a token says (RFC 7662). Its answer counts for a few seconds
 * and never beyond the token's own times; where there is no answer, nobody is let in.
 */

/** How a resource server asks about opaque tokens (RFC 7662). */
export interface IntrospectionOptions {
  /**
   * The introspection endpoint: an `https:` URL (`http:` on loopback only). Default: the one in the issuer's
   * metadata (RFC 8414), where discovery is on.
   */
  readonly endpoint?: URL | string;
  /**
   * How this server proves to the issuer that it may ask (RFC 7662 section 2.1): an id and a secret, sent as
   * HTTP Basic (RFC 6749 section 2.3.1); or a function that returns further form parameters, called for each
   * call, for example `client_assertion_type` and a fresh `client_assertion` for `private_key_jwt`
   * (RFC 7523). They cannot replace `token` and `token_type_hint`.
   */
  readonly credentials:
    | { readonly clientId: string; readonly clientSecret: string }
    | (() => Promise<Readonly<Record<string, string>>>);
  /**
   * How long an answer may be used again, in seconds from when it was asked for, and so the longest time
   * until a revocation at the issuer is noticed here; default 10, at most 300; 0: not at all. That a token is
   * refused is remembered for at most 5 seconds. Requests that bring the same token at once share one call,
   * even with 0.
   */
  readonly cacheFor?: Seconds;
  /**
   * `required` (default): an answer without `aud` is refused. `if-present`: such a token is taken for one of
   * this server, whose name is put in; only for an issuer that has no other resource servers, or that answers
   * each only about its own tokens. An `aud` that is there is always checked.
   */
  readonly audience?: 'required' | 'if-present';
  /** For a whole call (endpoint, credentials, answer), in milliseconds; default 2000, at most 60,000. */
  readonly timeout?: number;
}

/** What the resource server knows besides. */
export interface IntrospectionPolicy {
  /** What `iss` must be, where the answer has one. */
  readonly issuer: string;
  /** What `aud` must contain. */
  readonly audience: string;
  /** Leeway for `exp`, `nbf` and `iat` against the issuer's clock. */
  readonly clockTolerance: Seconds;
  /** How many tokens are remembered at most; as many that are refused, apart from them. */
  readonly maxTokens: number;
  readonly maxTokenBytes: number;
  /** Where to ask when the options name no endpoint: from the issuer's metadata. */
  readonly findEndpoint: () => Promise<URL>;
}

/** What came of asking about a token: the token, or why it is refused. */
type Outcome = VerifiedAccessToken | DpopErrorReason;

/** When a question was asked, by the server's clock and by one that nobody sets. */
interface Asked {
  readonly at: Seconds;
  readonly since: Seconds;
}

interface Learned extends Asked {
  readonly outcome: Outcome;
  readonly life: Seconds;
}

/** What authenticates this server to the issuer. */
interface Authentication {
  readonly headers: Readonly<Record<string, string>>;
  readonly form: Readonly<Record<string, string>>;
}

const maxAnswerBytes = 65_536;
const maxCalls = 100;
/** After so many failed calls in a row, none for a while. */
const maxFailures = 5;
const pauseAfterFailures = 1000; // milliseconds
const refusedFor: Seconds = 5;

/** Said outright: lru-cache would read a `ttl` from a polluted `Object.prototype`, and forget in silence. */
const noTimeout = { ttl: 0 } as const;

/**
 * Asks the issuer about opaque tokens, and remembers its answers for a moment.
 *
 * Checks that the token is active, its issuer, audience and times, and how it is bound: `cnf.jkt` alone
 * decides. Does not check the proof, and does not send it along: that the proof's key is the bound one is for
 * the caller to compare (RFC 9449 section 6.2). Keeps no token's text.
 */
export class TokenIntrospector {
  readonly #policy: IntrospectionPolicy;
  readonly #findEndpoint: () => Promise<URL>;
  readonly #authenticate: () => Promise<Authentication>;
  readonly #cacheFor: Seconds;
  readonly #defaultAudience: { readonly aud?: string };
  readonly #timeout: number;
  readonly #breaker = new CircuitBreaker(maxFailures, pauseAfterFailures);
  /** By the token's hash, as everywhere here. */
  readonly #calls = new Map<string, Promise<Outcome>>();
  readonly #vouched: LRUCache<string, Learned>;
  /** Apart, so that what strangers send pushes out no token that the issuer vouches for. */
  readonly #refused: LRUCache<string, Learned>;

  /** @throws TypeError that names the option when one is missing or makes no sense. */
  constructor(options: IntrospectionOptions, policy: IntrospectionPolicy) {
    requireOptions(options, ['endpoint', 'credentials', 'cacheFor', 'audience', 'timeout']);
    const { endpoint, cacheFor = 10, audience = 'required', timeout = 2000 } = options;
    this.#policy = policy;
    this.#findEndpoint = toEndpointFinder(endpoint, policy);
    this.#authenticate = toAuthentication(options.credentials);
    this.#cacheFor = requireSeconds('introspection.cacheFor', cacheFor, 300);
    this.#defaultAudience = requireAudienceRule(audience) === 'required' ? {} : { aud: policy.audience };
    this.#timeout = requireCount('introspection.timeout', timeout, 60_000);
    this.#vouched = new LRUCache({ ...noTimeout, max: policy.maxTokens });
    this.#refused = new LRUCache({ ...noTimeout, max: policy.maxTokens });
  }

  /**
   * @param now the server's clock, in seconds since the epoch.
   * @throws DpopError `token-too-large`, `token-inactive`, `token-issuer-mismatch`, `token-audience-mismatch`,
   *   `token-claim-invalid`, `token-not-bound`, `token-confirmation-unsupported`, `token-expired`,
   *   `token-not-yet-valid`; `issuer-unavailable` whenever there is no answer that can be used.
   */
  async verify(token: string, now: Seconds): Promise<VerifiedAccessToken> {
    if (token.length > this.#policy.maxTokenBytes) throw new DpopError('token-too-large');
    const hash = await sha256(token); // [R9449-7-02]
    const outcome = this.#recall(hash, now) ?? (await this.#learn(token, hash, now));
    if (typeof outcome === 'string') throw new DpopError(outcome);
    requireTimely(outcome.claims, now, this.#policy.clockTolerance); // [R7662-4-01]
    return outcome;
  }

  /** The older of two ages counts: a clock that is set back must not prolong what was learned. */
  #recall(hash: string, now: Seconds): Outcome | undefined {
    const learned = this.#vouched.get(hash) ?? this.#refused.get(hash);
    if (learned === undefined) return undefined;
    const age = Math.max(now - learned.at, monotonicClock() - learned.since);
    return age < learned.life ? learned.outcome : undefined;
  }

  /** The same token asked for by many at once is one call. */
  #learn(token: string, hash: string, now: Seconds): Promise<Outcome> {
    const underWay = this.#calls.get(hash);
    if (underWay !== undefined) return underWay;
    if (this.#calls.size >= maxCalls) {
      const cause = new Error('too many introspection calls are under way');
      throw new DpopError('issuer-unavailable', { cause });
    }
    const call = this.#ask(token, hash, now).finally(() => this.#calls.delete(hash));
    this.#calls.set(hash, call);
    return call;
  }

  /** Without an answer nothing is learned: our trouble does not make a token inactive. */
  async #ask(token: string, hash: string, now: Seconds): Promise<Outcome> {
    const asked = { at: now, since: monotonicClock() }; // not later: the answer may be as old as the question
    try {
      const answer = await this.#breaker.run(() => withDeadline(this.#call(token), this.#timeout));
      if (answer instanceof UnusableAnswer) throw answer;
      const outcome = this.#judge(answer, hash);
      this.#remember(hash, outcome, asked);
      return outcome;
    } catch (cause) {
      throw new DpopError('issuer-unavailable', { cause });
    }
  }

  /** Sends the token and nothing else of the request, neither its proof nor the proof's key. */
  async #call(token: string): Promise<JsonObject | UnusableAnswer> {
    const endpoint = requireUrl('introspection.endpoint', await this.#findEndpoint());
    const { headers, form } = await this.#authenticate();
    const body = new URLSearchParams({ ...form, token, token_type_hint: 'access_token' }); // [R9449-6.2-03]
    return fetchJson(
      endpoint,
      {
        method: 'POST',
        headers: { ...headers, 'content-type': 'application/x-www-form-urlencoded' },
        body: body.toString(),
      },
      { maxBytes: maxAnswerBytes, timeout: this.#timeout },
    ).catch(toUnusable);
  }

  #judge(answer: JsonObject, hash: string): Outcome {
    try {
      return this.#accept(answer, hash);
    } catch (error) {
      if (error instanceof DpopError) return error.reason;
      throw error;
    }
  }

  #accept(answer: JsonObject, hash: string): VerifiedAccessToken {
    if (answer['active'] !== true) throw new DpopError('token-inactive'); // [R7662-4-01]
    const claims = this.#toClaims(answer, hash);
    const { issuer, audience } = this.#policy;
    if (claims.iss !== issuer) throw new DpopError('token-issuer-mismatch');
    if (!names(claims['aud'], audience)) throw new DpopError('token-audience-mismatch'); // [R9700-2.3-01]
    requireClaimTypes(claims);
    requireTimes(claims);
    const jkt = readConfirmation(claims); // [R9449-6-01]
    refuseContradiction(claims, jkt);
    return Object.freeze({ claims: freezeDeep(claims), jkt, hash });
  }

  /** What an issuer may leave out (RFC 7662 section 2.2) and handlers, logs and deny lists rely on. */
  #toClaims(answer: JsonObject, hash: string): AccessTokenClaims {
    const { issuer } = this.#policy;
    const defaults = { iss: issuer, sub: answer['client_id'], jti: hash, ...this.#defaultAudience };
    return toJsonObject({ ...defaults, ...answer }) as AccessTokenClaims;
  }

  /** What was learned before goes: a clock that is set back could bring a revoked token back to life. */
  #remember(hash: string, outcome: Outcome, asked: Asked): void {
    this.#vouched.delete(hash);
    this.#refused.delete(hash);
    if (this.#cacheFor === 0) return;
    const isRefused = typeof outcome === 'string';
    const life = isRefused ? Math.min(this.#cacheFor, refusedFor) : this.#cacheFor;
    const cache = isRefused ? this.#refused : this.#vouched;
    cache.set(hash, { ...asked, outcome, life }, noTimeout);
  }
}

/**
 * An issuer that answers is not down: strangers can send tokens that a filter in front of it refuses, and clients may
 * choose what stands in its answers. None of that may stop the calls for everybody else's tokens.
 */
function toUnusable(error: unknown): UnusableAnswer {
  if (error instanceof UnusableAnswer) return error;
  throw error;
}

function names(aud: unknown, audience: string): boolean {
  if (!Array.isArray(aud)) return aud === audience;
  return aud.every((each) => typeof each === 'string') && aud.includes(audience);
}

/**
 * `token_type` decides nothing, since issuers leave it out or say Bearer of bound tokens. But an answer that
 * says DPoP and names no key contradicts itself, and so vouches for nothing.
 */
function refuseContradiction({ token_type: type }: JsonObject, jkt: string | undefined): void {
  const saysDpop = typeof type === 'string' && type.toLowerCase() === 'dpop';
  if (saysDpop && jkt === undefined) throw new DpopError('token-not-bound');
}

function toEndpointFinder(
  endpoint: URL | string | undefined,
  policy: IntrospectionPolicy,
): () => Promise<URL> {
  if (endpoint === undefined) return () => policy.findEndpoint();
  const url = requireUrl('introspection.endpoint', endpoint);
  return async () => url;
}

function toAuthentication(credentials: IntrospectionOptions['credentials']): () => Promise<Authentication> {
  if (typeof credentials === 'function')
    return async () => ({ headers: {}, form: requireForm(await credentials()) });
  if (!isObject(credentials))
    return refuseOption(
      'introspection.credentials',
      'an object with clientId and clientSecret, or a function',
    );
  requireOptions(credentials, ['clientId', 'clientSecret']);
  const id = requireText('introspection.credentials.clientId', credentials.clientId);
  const secret = requireText('introspection.credentials.clientSecret', credentials.clientSecret);
  const authorization = `Basic ${btoa(`${formEncode(id)}:${formEncode(secret)}`)}`;
  return async () => ({ headers: { authorization }, form: {} });
}

/** RFC 6749 appendix B, which is not percent-encoding as in a path: a space is a plus. */
function formEncode(text: string): string {
  return new URLSearchParams([['', text]]).toString().slice(1);
}

function requireForm(value: unknown): Readonly<Record<string, string>> {
  const isForm = isObject(value) && Object.values(value).every((each) => typeof each === 'string');
  return isForm
    ? (value as Readonly<Record<string, string>>)
    : refuseOption('introspection.credentials', 'a function returning form parameters, all of them text');
}

function requireAudienceRule(value: unknown): 'required' | 'if-present' {
  return value === 'required' || value === 'if-present'
    ? value
    : refuseOption('introspection.audience', 'required or if-present');
}
