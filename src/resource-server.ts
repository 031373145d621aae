import { type AccessTokenClaims, AccessTokenVerifier, type JwksSource } from './access-token.ts';
import {
  type AdmissibleProof,
  ProofAdmission,
  type ProofServerOptions,
  requireCacheSize,
} from './admission.ts';
import { type ChallengeOptions, type HttpAnswer, toRefusal, toResourceAnswer } from './challenge.ts';
import { readAccessToken } from './credentials.ts';
import { DpopError, type DpopErrorCode, type DpopErrorReason } from './errors.ts';
import type { Seconds } from './freshness.ts';
import { defaultAlgorithms, type SignatureAlgorithm } from './jwk.ts';
import {
  refuseOption,
  requireAlgorithms,
  requireCount,
  requireOptions,
  requireSeconds,
  requireText,
  requireUrl,
} from './options.ts';
import type { VerifiedProof } from './proof.ts';
import { headerLines, PublicTarget, type RawRequest } from './target-uri.ts';

/** Options of `createResourceServer`. */
export interface ResourceServerOptions extends ProofServerOptions {
  /** The only issuer whose tokens count: compared with `iss` character by character. */
  readonly issuer: string;
  /** This resource server's name in `aud`. */
  readonly audience: string;
  /** The issuer's keys: its `jwks_uri` (fetched at first use, kept for `jwksMaxAge`), a key set, or a function. */
  readonly jwks: JwksSource;
  /** Seconds before a fetched key set is fetched again, and so until a removed key is noticed; default 600. */
  readonly jwksMaxAge?: Seconds;
  /** Allowed token algorithms; default ES256, Ed25519 and EdDSA. `PS256` and `RS256` by option only. */
  readonly tokenAlgorithms?: readonly SignatureAlgorithm[];
  /** Leeway for the token's `exp`, `nbf` and `iat`, in seconds; default 10, at most 60. */
  readonly clockTolerance?: Seconds;
  /** Longest access token that is looked at, in bytes; default 8192. */
  readonly maxTokenBytes?: number;
  /** `realm` of challenges; default none. */
  readonly realm?: string;
  /** URL of this server's RFC 9728 metadata, named in challenges; default none. */
  readonly resourceMetadata?: string;
  /** Told of every decision. Must not throw; what it throws is dropped, since it cannot change a decision. */
  readonly observe?: (decision: Decision) => void;
}

/** One decision, fit for logs and counters: neither token nor proof nor `jti` is in it. */
export type Decision =
  | { readonly outcome: 'accepted'; readonly jkt: string; readonly clientId: string }
  | {
      readonly outcome: 'refused';
      readonly reason: DpopErrorReason;
      readonly code: DpopErrorCode | undefined;
      readonly jkt: string | undefined;
      /** The error underneath: key set unreachable, store down, and the like. */
      readonly cause: unknown;
    };

/** A request that may be served. */
export interface Authorization {
  /** The access token's claims, frozen. */
  readonly claims: AccessTokenClaims;
  /** Thumbprint of the key that the token is bound to and that signed the proof. */
  readonly jkt: string;
  readonly proof: VerifiedProof;
  /** Send it as `DPoP-Nonce`, with `Cache-Control: no-store`, where it is given (RFC 9449 section 8.2). */
  readonly nonce: string | undefined;
}

/** What one route demands. */
export interface RouteOptions {
  /** Scopes that the token must all have; default none. */
  readonly scopes?: readonly string[];
}

/** Decides about requests; knows no framework. */
export interface ResourceServer {
  /**
   * Authorizes one request, or throws.
   *
   * Checks the request's target and headers, the access token (signature by the issuer's keys, `typ`, `iss`, `aud`,
   * `exp`, `nbf`, `iat`, scopes, binding), the proof by RFC 9449 section 4.3, its freshness, and takes its one use, last.
   * Does not check the body or other headers, which a proof does not cover (section 11.7), nor revocation.
   *
   * @throws DpopError, always: answer it with `challenge`.
   */
  authorize(request: RawRequest, route?: RouteOptions): Promise<Authorization>;
  /** The answer to give for what `authorize` threw; anything that is no `DpopError` gives 503. */
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
  requireOptions(options);
  return new DpopResourceServer(options);
}

class DpopResourceServer implements ResourceServer {
  readonly #target: PublicTarget;
  readonly #admission: ProofAdmission;
  readonly #tokens: AccessTokenVerifier;
  readonly #challenge: ChallengeOptions;
  readonly #observe: (decision: Decision) => void;

  constructor(options: ResourceServerOptions) {
    this.#target = new PublicTarget(options);
    this.#admission = new ProofAdmission(options, `resource ${this.#target.origin}`);
    this.#tokens = new AccessTokenVerifier({
      issuer: requireText('issuer', options.issuer),
      audience: requireText('audience', options.audience),
      jwks: options.jwks,
      jwksMaxAge: requireSeconds('jwksMaxAge', options.jwksMaxAge ?? 600, 86_400),
      algorithms: requireAlgorithms('tokenAlgorithms', options.tokenAlgorithms ?? defaultAlgorithms),
      clockTolerance: requireSeconds('clockTolerance', options.clockTolerance ?? 10, 60),
      maxTokens: requireCacheSize(options),
      maxTokenBytes: requireCount('maxTokenBytes', options.maxTokenBytes ?? 8192),
    });
    this.#challenge = {
      algorithms: this.#admission.algorithms,
      realm: options.realm === undefined ? undefined : requireQuotable('realm', options.realm),
      resourceMetadata:
        options.resourceMetadata === undefined
          ? undefined
          : requireUrl('resourceMetadata', options.resourceMetadata).href,
    };
    this.#observe = requireObserver(options.observe ?? (() => undefined));
  }

  get algorithms(): readonly SignatureAlgorithm[] {
    return this.#admission.algorithms;
  }

  async authorize(request: RawRequest, { scopes = [] }: RouteOptions = {}): Promise<Authorization> {
    try {
      const authorization = await this.#authorize(request, scopes);
      const { jkt, claims } = authorization;
      this.#tell({ outcome: 'accepted', jkt, clientId: claims.client_id });
      return authorization;
    } catch (error) {
      const refusal = toRefusal(error);
      const { reason, code, jkt, cause } = refusal;
      this.#tell({ outcome: 'refused', reason, code, jkt, cause });
      throw refusal; // [R9449-7.1-03]
    }
  }

  challenge(error: unknown): HttpAnswer {
    return toResourceAnswer(error, this.#challenge);
  }

  /** The way of a request: cheap refusals first, nothing recorded unless everything before it has passed. */
  async #authorize(request: RawRequest, scopes: readonly string[]): Promise<Authorization> {
    const now = this.#admission.now();
    const uri = this.#target.uriOf(request);
    const text = readAccessToken(request); // [R9449-4-01]
    const received = await this.#admission.open(headerLines(request.rawHeaders, 'dpop')); // [R9449-7.1-02]
    const token = await this.#tokens.verify(text, now);
    // All that a proof covers: neither body nor other headers. [R9449-11.7-01]
    const expectations = { method: request.method, uri, accessTokenHash: token.hash, jkt: token.jkt };
    const admissible = await this.#admission.verify(received, expectations, now);
    refuseMissingScopes(scopes, token.scopes, token.jkt);
    await this.#admission.claim(admissible);
    return this.#grant(admissible, token.claims);
  }

  async #grant(admissible: AdmissibleProof, claims: AccessTokenClaims): Promise<Authorization> {
    const { proof } = admissible;
    const nonce = await this.#admission.nextNonce(admissible);
    return Object.freeze({ claims, jkt: proof.jkt, proof, nonce });
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

function refuseMissingScopes(required: readonly string[], granted: ReadonlySet<string>, jkt: string): void {
  if (!required.every((scope) => granted.has(scope))) {
    throw new DpopError('scope-insufficient', { scopes: required, jkt });
  }
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
