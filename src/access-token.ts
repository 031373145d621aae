import {
  createLocalJWKSet,
  createRemoteJWKSet,
  customFetch,
  errors,
  type FetchImplementation,
  type JSONWebKeySet,
  type JWTHeaderParameters,
  jwtVerify,
} from 'jose';
import { LRUCache } from 'lru-cache';
import { sha256 } from './digest.ts';
import { DpopError, type DpopErrorReason } from './errors.ts';
import type { Seconds } from './freshness.ts';
import type { SignatureAlgorithm } from './jwk.ts';
import { isObject, type JsonObject, readJsonSegment, splitCompactJws, toJsonObject } from './jws.ts';
import { refuseOption, requireUrl } from './options.ts';
import { isThumbprint } from './thumbprint.ts';

/**
 * Access tokens as JWTs (RFC 9068), bound to a key (RFC 7800, RFC 9449 section 6): verified once, remembered by their
 * text, and still checked on every request against time and the issuer's keys of the moment.
 */

/**
 * Where the issuer's public keys come from: its `jwks_uri`, a fixed set, or a function that returns the current set
 * (another object when it has changed: a set is read once).
 */
export type JwksSource = URL | string | JSONWebKeySet | (() => JSONWebKeySet);

/** Claims of a verified token; all members are its own. */
export interface AccessTokenClaims extends JsonObject {
  readonly iss: string;
  readonly sub: string;
  readonly aud: string | readonly string[];
  readonly client_id: string;
  readonly jti: string;
  readonly exp: Seconds;
  readonly iat: Seconds;
  readonly scope?: string;
}

/** A token whose signature, type, issuer, audience, time and binding have been checked. */
export interface VerifiedAccessToken {
  readonly claims: AccessTokenClaims;
  /** Thumbprint of the key it is bound to. */
  readonly jkt: string;
  /** What a proof for this token must carry as `ath`. */
  readonly hash: string;
}

export interface AccessTokenPolicy {
  readonly issuer: string;
  readonly audience: string;
  readonly jwks: JwksSource;
  /** How long a fetched key set is used before it is fetched again. */
  readonly jwksMaxAge: Seconds;
  readonly algorithms: readonly SignatureAlgorithm[];
  /** Leeway for `exp`, `nbf` and `iat` against the issuer's clock. */
  readonly clockTolerance: Seconds;
  readonly maxTokens: number;
  readonly maxTokenBytes: number;
}

/** Characters of a token's header segment; strangers write them, and to read them is all that those cost us. */
const maxHeaderLength = 1024;

type KeyResolver = (header: JWTHeaderParameters) => Promise<CryptoKey>;

interface KnownToken extends VerifiedAccessToken {
  readonly header: JWTHeaderParameters;
  /** The issuer's key that the signature was verified with. */
  readonly key: CryptoKey;
}

/** What RFC 9068 section 2.2 requires; `iss` and `aud` follow from being checked. */
const requiredClaims = ['sub', 'client_id', 'jti', 'exp', 'iat'];

/** Confirmation methods besides `jkt` (RFC 7800, RFC 8705) that we cannot confirm and so must not ignore. */
const foreignConfirmations = ['jwk', 'jwe', 'jku', 'kid', 'x5t#S256'];

export class AccessTokenVerifier {
  readonly #policy: AccessTokenPolicy;
  readonly #resolveKey: KeyResolver;
  readonly #known: LRUCache<string, KnownToken>;

  constructor(policy: AccessTokenPolicy) {
    this.#policy = policy;
    this.#resolveKey = toKeyResolver(policy);
    this.#known = new LRUCache({ max: policy.maxTokens });
  }

  /**
   * A token known by its text costs no signature verification, as long as the issuer still publishes the very key that
   * verified it.
   */
  async verify(token: string, now: Seconds): Promise<VerifiedAccessToken> {
    const known = this.#known.get(token);
    const header = known?.header ?? this.#readHeader(token);
    const key = await this.#findKey(header);
    const verified = known?.key === key ? known : await this.#verifyText(token, header, key, now);
    this.#checkTime(verified.claims, now);
    if (verified !== known) this.#known.set(token, verified);
    return verified;
  }

  /** What can be refused for nothing: size, spelling, type and algorithm. */
  #readHeader(token: string): JWTHeaderParameters {
    if (token.length > this.#policy.maxTokenBytes) throw new DpopError('token-too-large');
    const segments = splitCompactJws(token);
    const readable = segments !== undefined && segments[0].length <= maxHeaderLength;
    const header = readable ? readJsonSegment(segments[0]) : undefined;
    if (header === undefined || 'crit' in header || 'b64' in header) throw new DpopError('token-malformed');
    const { typ, alg } = header;
    if (typeof typ !== 'string' || !/^(?:application\/)?at\+jwt$/i.test(typ))
      throw new DpopError('token-type-mismatch'); // [R9068-4-01] [R8725-3.11-01]
    const allowed: readonly unknown[] = this.#policy.algorithms;
    if (!allowed.includes(alg)) throw new DpopError('token-algorithm-not-allowed');
    return header as unknown as JWTHeaderParameters;
  }

  async #findKey(header: JWTHeaderParameters): Promise<CryptoKey> {
    try {
      return await this.#resolveKey(header); // [R8725-3.8-01]
    } catch (cause) {
      const unknown =
        cause instanceof errors.JWKSNoMatchingKey || cause instanceof errors.JWKSMultipleMatchingKeys;
      throw new DpopError(unknown ? 'token-key-unknown' : 'issuer-unavailable', { cause });
    }
  }

  async #verifyText(
    token: string,
    header: JWTHeaderParameters,
    key: CryptoKey,
    now: Seconds,
  ): Promise<KnownToken> {
    const claims = await this.#verifyJwt(token, key, now);
    checkTypes(claims);
    const jkt = confirmedThumbprint(claims['cnf']); // [R9449-6-01]
    const hash = await sha256(token); // [R9449-7-02]
    return Object.freeze({ claims: freezeDeep(claims), jkt, hash, header, key });
  }

  async #verifyJwt(token: string, key: CryptoKey, now: Seconds): Promise<AccessTokenClaims> {
    const { issuer, audience, algorithms, clockTolerance } = this.#policy;
    const currentDate = new Date(now * 1000);
    try {
      const { payload } = await jwtVerify(token, key, {
        issuer, // [R9068-4-02]
        audience, // [R9068-4-03] [R9700-2.3-01]
        algorithms: [...algorithms], // [R9068-4-04]
        clockTolerance,
        currentDate,
        requiredClaims,
      });
      return toJsonObject(payload) as AccessTokenClaims;
    } catch (cause) {
      throw new DpopError(reasonOf(cause), { cause: withoutPayload(cause) });
    }
  }

  /** On every request, for remembered tokens too. A time that is no number is refused: no comparison with it holds. */
  #checkTime({ exp, nbf, iat }: AccessTokenClaims & { readonly nbf?: Seconds }, now: Seconds): void {
    const { clockTolerance } = this.#policy;
    if (!(exp + clockTolerance > now)) throw new DpopError('token-expired');
    if (!(Math.max(nbf ?? iat, iat) <= now + clockTolerance)) throw new DpopError('token-not-yet-valid');
  }
}

function checkTypes(claims: JsonObject): void {
  const texts = ['sub', 'client_id', 'jti'].every(
    (name) => typeof claims[name] === 'string' && claims[name] !== '',
  );
  const scope = claims['scope'] === undefined || typeof claims['scope'] === 'string';
  if (!texts || !scope) throw new DpopError('token-claim-invalid');
}

/** `cnf.jkt`, if that is what binds this token, and all that does. */
function confirmedThumbprint(cnf: unknown): string {
  if (!isObject(cnf)) throw new DpopError('token-not-bound'); // [R7800-3.1-01]
  const confirmation = toJsonObject(cnf);
  if (foreignConfirmations.some((name) => name in confirmation))
    throw new DpopError('token-confirmation-unsupported');
  const { jkt } = confirmation;
  if (!isThumbprint(jkt)) throw new DpopError('token-not-bound'); // [R9449-7.2-02]
  return jkt;
}

/** Remembered claims are handed to one request after another: no handler may write on them. */
function freezeDeep<T extends object>(value: T): T {
  for (const member of Object.values(value))
    if (typeof member === 'object' && member !== null) freezeDeep(member);
  return Object.freeze(value);
}

const claimReasons: Readonly<Record<string, DpopErrorReason>> = {
  iss: 'token-issuer-mismatch',
  aud: 'token-audience-mismatch',
  nbf: 'token-not-yet-valid',
};

function reasonOf(error: unknown): DpopErrorReason {
  if (error instanceof errors.JWTExpired) return 'token-expired';
  if (error instanceof errors.JWTClaimValidationFailed)
    return claimReasons[error.claim] ?? 'token-claim-invalid';
  if (error instanceof errors.JWSSignatureVerificationFailed) return 'token-signature-invalid';
  return 'token-malformed';
}

/** jose's claim errors carry the token's payload, which is not for logs. */
function withoutPayload(error: unknown): unknown {
  return error instanceof errors.JWTClaimValidationFailed || error instanceof errors.JWTExpired
    ? new Error(error.message)
    : error;
}

function toKeyResolver({ jwks, jwksMaxAge }: AccessTokenPolicy): KeyResolver {
  if (typeof jwks === 'function') return currentSetResolver(jwks);
  if (typeof jwks === 'string' || jwks instanceof URL) {
    return createRemoteJWKSet(requireUrl('jwks', jwks), {
      cacheMaxAge: jwksMaxAge * 1000,
      [customFetch]: createPatientFetch(),
    });
  }
  if (!isKeySet(jwks)) return refuseOption('jwks', 'a URL, a key set, or a function');
  return createLocalJWKSet(jwks as unknown as JSONWebKeySet);
}

/** A function may return another set each time: jose's preparation of a set is kept for as long as the set is. */
function currentSetResolver(current: () => JSONWebKeySet): KeyResolver {
  const prepared = new WeakMap<JSONWebKeySet, KeyResolver>();
  return async (header) => {
    const set = current();
    const resolve = prepared.get(set) ?? createLocalJWKSet(set);
    prepared.set(set, resolve);
    return resolve(header);
  };
}

function isKeySet(value: unknown): value is JSONWebKeySet {
  return isObject(value) && Array.isArray(value['keys']) && value['keys'].every(isObject);
}

const retryFetchAfter = 1000; // milliseconds

/** After a fetch of the key set has failed, none for a second: strangers' tokens must not become requests to the issuer. */
function createPatientFetch(): FetchImplementation {
  let failure: unknown;
  let retryAt = 0;
  return async (url, options) => {
    if (performance.now() < retryAt) throw failure;
    try {
      const response = await fetch(url, options);
      if (response.status !== 200) {
        await response.body?.cancel();
        throw new Error(`the key set was answered with status ${response.status}`);
      }
      if (!isKeySet(await response.clone().json())) throw new Error('what was answered is no key set');
      return response;
    } catch (error) {
      failure = error;
      retryAt = performance.now() + retryFetchAfter;
      throw error;
    }
  };
}
