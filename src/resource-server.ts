import { AccessTokenVerifier } from './access-token.ts';
import {
  type AdmissibleProof,
  ProofAdmission,
  type ProofServerOptions,
  proofServerOptionNames,
  requireCacheSize,
} from './admission.ts';
import {
  type ChallengeOptions,
  type HttpAnswer,
  type Presented,
  toRefusal,
  toResourceAnswer,
} from './challenge.ts';
import { type Credentials, readCredentials } from './credentials.ts';
import type { Decision } from './decisions.ts';
import { DpopError, type DpopErrorReason } from './errors.ts';
import type { Seconds } from './freshness.ts';
import type { SignatureAlgorithm } from './jwk.ts';
import {
  refuseOption,
  requireCount,
  requireMethods,
  requireOptions,
  requireScopes,
  requireSeconds,
  requireText,
  requireUrl,
} from './options.ts';
import type { VerifiedProof } from './proof.ts';
import type { ReceivedProof } from './received-proof.ts';
import type { Revocations } from './revocation.ts';
import { headerLines, PublicTarget, type RawRequest } from './target-uri.ts';
import type { AccessTokenClaims, VerifiedAccessToken } from './token-claims.ts';
import { type IssuerOptions, issuerOptionNames, toIssuerPolicies, toIssuers } from './trusted-issuers.ts';

/**
 * What a route does with tokens that are bound to no key, while clients move to DPoP. A bound token is never accepted
 * without a proof by its key, whatever the mode.
 *
 * - `require`: refuses them; the goal, and the default.
 * - `allow`: accepts them as `Bearer`.
 * - `observe`: accepts them under either scheme, and tells with each decision what `require` would have refused it for.
 */
export type BindingMode = 'require' | 'allow' | 'observe';

/** Options of `createResourceServer`: one issuer by its own options here, or several in `issuers`. */
export interface ResourceServerOptions extends ProofServerOptions, IssuerOptions {
  /** This resource server's name in `aud`. */
  readonly audience: string;
  /** Looks up each token, and refuses those that were revoked; default: tokens live until they expire. */
  readonly revocations?: Revocations;
  /** For routes that say nothing else; default `require`. */
  readonly mode?: BindingMode;
  /** Leeway for the token's `exp`, `nbf` and `iat`, in seconds; default 10, at most 60. */
  readonly clockTolerance?: Seconds;
  /** Longest access token that is looked at, in bytes; default 8192. */
  readonly maxTokenBytes?: number;
  /** `realm` of challenges; default none. */
  readonly realm?: string;
  /** URL of this server's RFC 9728 metadata, named in challenges; default none. */
  readonly resourceMetadata?: string;
  /** Told of every decision, and of what `recheck` refuses. Must not throw; what it throws is dropped, since it cannot change a decision. */
  readonly observe?: (decision: Decision) => void;
}

const resourceServerOptionNames: readonly (keyof ResourceServerOptions)[] = [
  ...proofServerOptionNames,
  ...issuerOptionNames,
  'revocations',
  'mode',
  'clockTolerance',
  'maxTokenBytes',
  'realm',
  'resourceMetadata',
  'observe',
];

/** A request that may be served. */
export type Authorization = BoundAuthorization | UnboundAuthorization;

/** The token is bound, and the request was signed with its key. */
export interface BoundAuthorization {
  readonly scheme: 'DPoP';
  /** The access token's claims, frozen. */
  readonly claims: AccessTokenClaims;
  /** Thumbprint of the key that the token is bound to and that signed the proof. */
  readonly jkt: string;
  readonly proof: VerifiedProof;
  /** Send it as `DPoP-Nonce`, with `Cache-Control: no-store`, where it is given (RFC 9449 section 8.2). */
  readonly nonce: string | undefined;
}

/** The token is bound to no key: whoever holds it can send it. Only where the mode is not `require`. */
export interface UnboundAuthorization {
  readonly scheme: 'Bearer';
  readonly claims: AccessTokenClaims;
  readonly jkt: undefined;
  readonly proof: undefined;
  readonly nonce: undefined;
}

/** What one route demands. */
export interface RouteOptions {
  /** Scopes that the token must all have; default none. */
  readonly scopes?: readonly string[];
  /** What this route does with tokens that are bound to no key; default: the server's `mode`. */
  readonly mode?: BindingMode;
  /** Names the route in decisions and counters: one of a few, not the path of a request; default none. */
  readonly name?: string;
}

/** Decides about requests; knows no framework. */
export interface ResourceServer {
  /**
   * Authorizes one request, or throws.
   *
   * Checks the request's target and headers, the access token (its issuer's signature or word, `typ`, `iss`, `aud`,
   * `exp`, `nbf`, `iat`, binding), the proof by RFC 9449 section 4.3, its freshness, revocation where `revocations` is
   * given, scopes, and takes the proof's one use, last. Does not check the body or other headers, which a proof does not
   * cover (section 11.7).
   *
   * @throws DpopError, always: answer it with `challenge`.
   */
  authorize(request: RawRequest, route?: RouteOptions): Promise<Authorization>;
  /**
   * Makes the same checks, but takes no use: for a gateway that stands before the resource server (forward
   * authentication) and asks whether a request may pass. What passes here is refused behind it when it was used before,
   * so the server behind must call `authorize`; both share the public origin, the replay store and the nonce secret.
   *
   * @throws DpopError, always: answer it with `challenge`.
   */
  check(request: RawRequest, route?: RouteOptions): Promise<Authorization>;
  /**
   * What another route demands of a request that was authorized already: its scopes and its mode. Takes no use.
   *
   * @throws DpopError `scope-insufficient`, `bearer-scheme`.
   */
  recheck(authorization: Authorization, route?: RouteOptions): void;
  /** The answer to give for what these threw; anything that is no `DpopError` gives 503. */
  challenge(error: unknown): HttpAnswer;
  /** Allowed proof algorithms, for metadata (RFC 9728 `dpop_signing_alg_values_supported`). */
  readonly algorithms: readonly SignatureAlgorithm[];
}

/**
 * Makes the guard of one protected resource (RFC 9449 section 7).
 *
 * @throws TypeError that names the option when one is missing or makes no sense.
 */
export function createResourceServer(options: ResourceServerOptions): ResourceServer {
  requireOptions(options, resourceServerOptionNames);
  return new DpopResourceServer(options);
}

/** Refuses route options that make no sense, where a guard is made. */
export function requireRoute(route: RouteOptions): void {
  requireOptions(route, ['scopes', 'mode', 'name']);
  const { scopes = [], mode = 'require', name } = route;
  requireScopes('scopes', scopes);
  requireMode(mode);
  if (name !== undefined) requireText('name', name);
}

/** A request that has passed every check, before its use is taken. */
interface Examined {
  readonly token: VerifiedAccessToken;
  /** `undefined`: the token is bound to no key, and may be used so. */
  readonly admissible: AdmissibleProof | undefined;
}

/** What is known of a request so far, for whoever is told of the decision. */
interface Trail {
  readonly mode: BindingMode;
  readonly route: string | undefined;
  scheme: Credentials['scheme'] | undefined;
  clientId: string | undefined;
  wouldRefuse: DpopErrorReason | undefined;
}

class DpopResourceServer implements ResourceServer {
  readonly #target: PublicTarget;
  readonly #admission: ProofAdmission;
  readonly #tokens: AccessTokenVerifier;
  readonly #revocations: Revocations | undefined;
  readonly #mode: BindingMode;
  readonly #challenge: ChallengeOptions;
  readonly #observe: (decision: Decision) => void;
  /** How refused requests came, where two challenges are due. */
  readonly #presented = new WeakMap<DpopError, Presented>();

  constructor(options: ResourceServerOptions) {
    this.#target = new PublicTarget(options);
    this.#admission = new ProofAdmission(options, `resource ${this.#target.origin}`);
    this.#tokens = createVerifier(options);
    this.#revocations =
      options.revocations === undefined ? undefined : requireRevocations(options.revocations);
    this.#mode = requireMode(options.mode ?? 'require');
    this.#challenge = {
      algorithms: this.#admission.algorithms,
      realm: options.realm === undefined ? undefined : requireQuotable('realm', options.realm),
      resourceMetadata:
        options.resourceMetadata === undefined ? undefined : requireMetadataUrl(options.resourceMetadata),
    };
    this.#observe = requireObserver(options.observe ?? (() => undefined));
  }

  get algorithms(): readonly SignatureAlgorithm[] {
    return this.#admission.algorithms;
  }

  authorize(request: RawRequest, route: RouteOptions = {}): Promise<Authorization> {
    return this.#decide('accepted', route, async (trail) => {
      const examined = await this.#examine(request, route, trail);
      if (examined.admissible !== undefined) await this.#admission.claim(examined.admissible);
      return examined;
    });
  }

  check(request: RawRequest, route: RouteOptions = {}): Promise<Authorization> {
    return this.#decide('passed', route, (trail) => this.#examine(request, route, trail));
  }

  recheck(authorization: Authorization, route: RouteOptions = {}): void {
    requireRoute(route);
    const { scopes = [], mode = this.#mode, name } = route;
    const { scheme, claims } = authorization;
    try {
      if (scheme === 'Bearer' && mode === 'require') throw new DpopError('bearer-scheme');
      refuseMissingScopes(scopes, authorization);
    } catch (error) {
      throw this.#refuse(error, { mode, scheme, clientId: claims.client_id, route: name });
    }
  }

  challenge(error: unknown): HttpAnswer {
    const presented = error instanceof DpopError ? this.#presented.get(error) : undefined;
    return toResourceAnswer(error, this.#challenge, presented);
  }

  async #decide(
    outcome: 'accepted' | 'passed',
    given: RouteOptions,
    examine: (trail: Trail) => Promise<Examined>,
  ): Promise<Authorization> {
    const { mode = this.#mode, name: route } = { ...given };
    const trail: Trail = { mode, route, scheme: undefined, clientId: undefined, wouldRefuse: undefined };
    try {
      const { token, admissible } = await examine(trail);
      const { wouldRefuse } = trail;
      const authorization = await this.#toAuthorization(token.claims, admissible);
      const { scheme, jkt, claims } = authorization;
      this.#tell({ outcome, scheme, jkt, clientId: claims.client_id, route, wouldRefuse });
      return authorization;
    } catch (error) {
      throw this.#refuse(error, trail); // [R9449-7.1-03]
    }
  }

  /** The refusal, told; where two challenges are due, it is noted how the request came. */
  #refuse(error: unknown, { mode, scheme, clientId, route }: Omit<Trail, 'wouldRefuse'>): DpopError {
    const refusal = toRefusal(error);
    const { reason, code, jkt, cause } = refusal;
    if (mode !== 'require') this.#presented.set(refusal, { scheme });
    this.#tell({ outcome: 'refused', reason, code, jkt, clientId, route, cause });
    return refusal;
  }

  async #toAuthorization(
    claims: AccessTokenClaims,
    admissible: AdmissibleProof | undefined,
  ): Promise<Authorization> {
    if (admissible === undefined)
      return Object.freeze({ scheme: 'Bearer', claims, jkt: undefined, proof: undefined, nonce: undefined });
    const { proof } = admissible;
    const nonce = await this.#admission.nextNonce(admissible);
    return Object.freeze({ scheme: 'DPoP', claims, jkt: proof.jkt, proof, nonce });
  }

  /** The way of a request: cheap refusals first, and nothing recorded. */
  async #examine(request: RawRequest, route: RouteOptions, trail: Trail): Promise<Examined> {
    requireRoute(route);
    const now = this.#admission.now();
    const uri = this.#target.uriOf(request);
    const credentials = readCredentials(request, trail.mode === 'require' ? ['DPoP'] : ['DPoP', 'Bearer']); // [R9449-4-01]
    trail.scheme = credentials.scheme;
    const received = await this.#open(request, trail); // [R9449-7.1-02]
    const token = await this.#tokens.verify(credentials.token, now);
    trail.clientId = token.claims.client_id;
    const admissible = await this.#requireBinding(token, received, request, uri, now, trail);
    await this.#revocations?.refuseRevoked(token.claims, token.jkt, now);
    refuseMissingScopes(route.scopes ?? [], token);
    return { token, admissible };
  }

  /** Under Bearer there is none, whatever stands in the `DPoP` header. */
  async #open(request: RawRequest, trail: Trail): Promise<ReceivedProof | DpopError> {
    if (trail.scheme === 'Bearer') return new DpopError('bearer-scheme');
    try {
      return await this.#admission.open(headerLines(request.rawHeaders, 'dpop'));
    } catch (error) {
      if (trail.mode === 'observe') return toRefusal(error); // it depends on the token whether that matters
      throw error;
    }
  }

  /** A bound token needs its proof, always; one without a key passes where the mode lets it. */
  async #requireBinding(
    { jkt, hash }: VerifiedAccessToken,
    received: ReceivedProof | DpopError,
    request: RawRequest,
    uri: string,
    now: Seconds,
    trail: Trail,
  ): Promise<AdmissibleProof | undefined> {
    if (jkt === undefined) {
      const fault = received instanceof DpopError ? received : new DpopError('token-not-bound'); // [R9449-7.2-02]
      const accepted = trail.mode === 'observe' || (trail.mode === 'allow' && trail.scheme === 'Bearer');
      if (!accepted) throw fault;
      if (trail.mode === 'observe') trail.wouldRefuse = fault.reason;
      return undefined;
    }
    if (trail.scheme === 'Bearer') throw new DpopError('bound-token-as-bearer', { jkt }); // [R9449-7.2-01]
    if (received instanceof DpopError) throw received;
    // All that a proof covers: neither body nor other headers. [R9449-11.7-01]
    const expectations = { method: request.method, uri, accessTokenHash: hash, jkt };
    return this.#admission.verify(received, expectations, now);
  }

  #tell(decision: Decision): void {
    try {
      const told: unknown = this.#observe(decision);
      if (told instanceof Promise) told.catch(() => undefined);
    } catch {
      // An observer's fault must neither refuse an honest request nor hide why another was refused.
    }
  }
}

function createVerifier(options: ResourceServerOptions): AccessTokenVerifier {
  const limits = {
    clockTolerance: requireSeconds('clockTolerance', options.clockTolerance ?? 10, 60),
    maxTokens: requireCacheSize(options),
    maxTokenBytes: requireCount('maxTokenBytes', options.maxTokenBytes ?? 8192),
  };
  const audience = requireText('audience', options.audience);
  return new AccessTokenVerifier(toIssuerPolicies(toIssuers(options), audience, limits), limits);
}

/** The scopes of one route, of a token that has been verified. */
function refuseMissingScopes(scopes: readonly string[], token: Pick<Authorization, 'claims' | 'jkt'>): void {
  const granted = (token.claims.scope ?? '').split(' ');
  if (!scopes.every((scope) => granted.includes(scope)))
    throw new DpopError('scope-insufficient', { scopes, jkt: token.jkt });
}

function requireMode(value: unknown): BindingMode {
  return value === 'require' || value === 'allow' || value === 'observe'
    ? value
    : refuseOption('mode', 'require, allow or observe');
}

function requireRevocations(value: Revocations): Revocations {
  return requireMethods('revocations', value, ['refuseRevoked'], 'made by createRevocations');
}

function requireMetadataUrl(value: unknown): string {
  return requireQuotable('resourceMetadata', requireUrl('resourceMetadata', value).href);
}

function requireQuotable(name: string, value: unknown): string {
  const text = requireText(name, value);
  return /^[ !#-[\]-~]+$/.test(text)
    ? text
    : refuseOption(name, 'printable ASCII without quotes and backslashes');
}

function requireObserver(value: unknown): (decision: Decision) => void {
  return typeof value === 'function'
    ? (value as (decision: Decision) => void)
    : refuseOption('observe', 'a function');
}
