import { type AccessTokenClaims, AccessTokenVerifier, type JwksSource } from './access-token.ts';
import {
  type AdmissibleProof,
  ProofAdmission,
  type ProofServerOptions,
  proofServerOptionNames,
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
  requireScopes,
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

const resourceServerOptionNames: readonly (keyof ResourceServerOptions)[] = [
  ...proofServerOptionNames,
  'issuer',
  'audience',
  'jwks',
  'jwksMaxAge',
  'tokenAlgorithms',
  'clockTolerance',
  'maxTokenBytes',
  'realm',
  'resourceMetadata',
  'observe',
];

/** One decision, fit for logs and counters: neither token nor proof nor `jti` is in it. */
export type Decision =
  | {
      /** `accepted` by `authorize`, which took the use; `passed` by `check`, which did not. */
      readonly outcome: 'accepted' | 'passed';
      readonly jkt: string;
      readonly clientId: string;
    }
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
  /**
   * Makes the same checks, but takes no use: for a gateway that stands before the resource server (forward
   * authentication) and asks whether a request may pass. What passes here is refused behind it when it was used before,
   * so the server behind must call `authorize`; both share the public origin, the replay store and the nonce secret.
   *
   * @throws DpopError, always: answer it with `challenge`.
   */
  check(request: RawRequest, route?: RouteOptions): Promise<Authorization>;
  /** The answer to give for what `authorize` or `check` threw; anything that is no `DpopError` gives 503. */
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

/** A request that has passed every check, before its use is taken. */
interface Examined {
  readonly admissible: AdmissibleProof;
  readonly claims: AccessTokenClaims;
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
          : requireQuotable(
              'resourceMetadata',
              requireUrl('resourceMetadata', options.resourceMetadata).href,
            ),
    };
    this.#observe = requireObserver(options.observe ?? (() => undefined));
  }

  get algorithms(): readonly SignatureAlgorithm[] {
    return this.#admission.algorithms;
  }

  authorize(request: RawRequest, route: RouteOptions = {}): Promise<Authorization> {
    return this.#decide('accepted', async () => {
      const examined = await this.#examine(request, route);
      await this.#admission.claim(examined.admissible);
      return examined;
    });
  }

  check(request: RawRequest, route: RouteOptions = {}): Promise<Authorization> {
    return this.#decide('passed', () => this.#examine(request, route));
  }

  challenge(error: unknown): HttpAnswer {
    return toResourceAnswer(error, this.#challenge);
  }

  async #decide(outcome: 'accepted' | 'passed', examine: () => Promise<Examined>): Promise<Authorization> {
    try {
      const { admissible, claims } = await examine();
      const { proof } = admissible;
      const nonce = await this.#admission.nextNonce(admissible);
      this.#tell({ outcome, jkt: proof.jkt, clientId: claims.client_id });
      return Object.freeze({ claims, jkt: proof.jkt, proof, nonce });
    } catch (error) {
      const refusal = toRefusal(error);
      const { reason, code, jkt, cause } = refusal;
      this.#tell({ outcome: 'refused', reason, code, jkt, cause });
      throw refusal; // [R9449-7.1-03]
    }
  }

  /** The way of a request: cheap refusals first, and nothing recorded. */
  async #examine(request: RawRequest, { scopes = [] }: RouteOptions): Promise<Examined> {
    requireScopes('scopes', scopes);
    const now = this.#admission.now();
    const uri = this.#target.uriOf(request);
    const text = readAccessToken(request); // [R9449-4-01]
    const received = await this.#admission.open(headerLines(request.rawHeaders, 'dpop')); // [R9449-7.1-02]
    const token = await this.#tokens.verify(text, now);
    // All that a proof covers: neither body nor other headers. [R9449-11.7-01]
    const expectations = { method: request.method, uri, accessTokenHash: token.hash, jkt: token.jkt };
    const admissible = await this.#admission.verify(received, expectations, now);
    refuseMissingScopes(scopes, token);
    return { admissible, claims: token.claims };
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

/** The scopes of one route, of a token that has been verified. */
export function refuseMissingScopes(required: readonly string[], { claims, jkt }: ScopedToken): void {
  const granted = (claims.scope ?? '').split(' ');
  if (!required.every((scope) => granted.includes(scope))) {
    throw new DpopError('scope-insufficient', { scopes: required, jkt });
  }
}

type ScopedToken = Pick<Authorization, 'claims' | 'jkt'>;

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
