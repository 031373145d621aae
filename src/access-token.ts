import { errors, type JWTHeaderParameters, jwtVerify } from 'jose';
import { LRUCache } from 'lru-cache';
import { sha256 } from './digest.ts';
import { DpopError, type DpopErrorReason } from './errors.ts';
import type { Seconds } from './freshness.ts';
import { type JwsSegments, readJsonSegment, splitCompactJws, toJsonObject } from './jws.ts';
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
 * Access tokens: whose each one is, and whether its issuer vouches for it. Those in JWT form (RFC 9068) are verified
 * here once, remembered by their text, and still checked on every request against time and the issuer's keys of the
 * moment; the others are introspected (RFC 7662).
 */

/** Where the keys of an issuer's tokens are found. */
export interface TokenKeys {
  /** The same object for as long as the same keys count; `undefined`: only `find` can tell. */
  current(): object | undefined;
  find(header: JWTHeaderParameters): Promise<CryptoKey>;
}

/** Vouches for tokens that do not speak for themselves. */
export interface Introspector {
  verify(token: string, now: Seconds): Promise<VerifiedAccessToken>;
}

/** How the tokens of one issuer are checked; one of `keys` and `introspector` is there at least. */
export interface IssuerPolicy {
  readonly issuer: string;
  readonly audience: string;
  readonly algorithms: readonly string[];
  readonly keys: TokenKeys | undefined;
  readonly introspector: Introspector | undefined;
}

export interface TokenLimits {
  /** Leeway for `exp`, `nbf` and `iat` against the issuers' clocks. */
  readonly clockTolerance: Seconds;
  readonly maxTokens: number;
  readonly maxTokenBytes: number;
}

/** Characters of a token's header segment; strangers write them, and to read them is all that those cost us. */
const maxHeaderLength = 1024;

interface KnownToken extends VerifiedAccessToken {
  readonly keys: TokenKeys;
  /** What `keys.current()` was when the signature was verified. */
  readonly current: object;
}

/** What RFC 9068 section 2.2 requires; `iss` and `aud` follow from being checked. */
const requiredClaims = ['sub', 'client_id', 'jti', 'exp', 'iat'];

export class AccessTokenVerifier {
  readonly #issuers: ReadonlyMap<string, IssuerPolicy>;
  /** Whose the tokens are that do not say so: at most one issuer's. */
  readonly #opaque: IssuerPolicy | undefined;
  readonly #limits: TokenLimits;
  readonly #known: LRUCache<string, KnownToken>;

  constructor(issuers: readonly IssuerPolicy[], limits: TokenLimits) {
    this.#issuers = new Map(issuers.map((policy) => [policy.issuer, policy]));
    this.#opaque = issuers.find(({ introspector }) => introspector !== undefined);
    this.#limits = limits;
    this.#known = new LRUCache({ max: limits.maxTokens, ttl: 0 }); // said outright: see `noTimeout` of the replay memory
  }

  /**
   * A token known by its text costs no signature verification, as long as the issuer still publishes the very keys that
   * it was verified with.
   */
  async verify(token: string, now: Seconds): Promise<VerifiedAccessToken> {
    const known = this.#known.get(token);
    if (known === undefined || known.current !== known.keys.current()) return this.#verifyAnew(token, now);
    requireTimely(known.claims, now, this.#limits.clockTolerance);
    return known;
  }

  async #verifyAnew(token: string, now: Seconds): Promise<VerifiedAccessToken> {
    if (token.length > this.#limits.maxTokenBytes) throw new DpopError('token-too-large');
    const segments = splitCompactJws(token);
    const header = segments === undefined ? undefined : readHeader(segments);
    if (segments === undefined || header === undefined)
      return this.#introspect(token, now, 'token-malformed');
    // Whose keys to use, by a claim that nobody has vouched for yet: the signature decides whether it is true.
    const iss = readJsonSegment(segments[1])?.['iss'];
    const policy = typeof iss === 'string' ? this.#issuers.get(iss) : undefined;
    if (policy?.keys === undefined) return this.#introspect(token, now, 'token-issuer-mismatch', policy);
    checkHeader(header, policy);
    return this.#verifyJwt(token, header, policy, policy.keys, now);
  }

  /** A token that nobody here can read goes to the one issuer that can be asked; with no such issuer it is refused. */
  #introspect(
    token: string,
    now: Seconds,
    otherwise: DpopErrorReason,
    policy = this.#opaque,
  ): Promise<VerifiedAccessToken> {
    const readable = otherwise !== 'token-malformed' && policy?.keys !== undefined;
    if (policy?.introspector === undefined || readable) throw new DpopError(otherwise);
    return policy.introspector.verify(token, now);
  }

  async #verifyJwt(
    token: string,
    header: JWTHeaderParameters,
    policy: IssuerPolicy,
    keys: TokenKeys,
    now: Seconds,
  ): Promise<VerifiedAccessToken> {
    const before = keys.current();
    const key = await keys.find(header); // [R8725-3.8-01]
    const claims = await verifySignature(token, key, policy, this.#limits, now);
    requireClaimTypes(claims);
    requireTimes(claims);
    const jkt = readConfirmation(claims); // [R9449-6-01]
    requireTimely(claims, now, this.#limits.clockTolerance);
    const verified = { claims: freezeDeep(claims), jkt, hash: await sha256(token) }; // [R9449-7-02]
    // Keys that came while we looked may not be those that verified it: then the next request looks again.
    if (before !== undefined)
      this.#known.set(token, Object.freeze({ ...verified, keys, current: before }), { ttl: 0 });
    return Object.freeze(verified);
  }
}

/** The header, if this is a JWT at all: what is none may be an opaque token. */
function readHeader([header]: JwsSegments): JWTHeaderParameters | undefined {
  const readable = header.length <= maxHeaderLength ? readJsonSegment(header) : undefined;
  return readable as JWTHeaderParameters | undefined;
}

/** What can be refused for nothing: type and algorithm. */
function checkHeader(header: JWTHeaderParameters, { algorithms }: IssuerPolicy): void {
  if ('crit' in header || 'b64' in header) throw new DpopError('token-malformed');
  const { typ, alg }: { typ?: unknown; alg?: unknown } = header;
  if (typeof typ !== 'string' || !/^(?:application\/)?at\+jwt$/i.test(typ))
    throw new DpopError('token-type-mismatch'); // [R9068-4-01] [R8725-3.11-01]
  const allowed: readonly unknown[] = algorithms;
  if (!allowed.includes(alg)) throw new DpopError('token-algorithm-not-allowed');
}

async function verifySignature(
  token: string,
  key: CryptoKey,
  { issuer, audience, algorithms }: IssuerPolicy,
  { clockTolerance }: TokenLimits,
  now: Seconds,
): Promise<AccessTokenClaims> {
  try {
    const { payload } = await jwtVerify(token, key, {
      issuer, // [R9068-4-02]
      audience, // [R9068-4-03] [R9700-2.3-01]
      algorithms: [...algorithms], // [R9068-4-04]
      clockTolerance,
      currentDate: new Date(now * 1000),
      requiredClaims,
    });
    return toJsonObject(payload) as AccessTokenClaims;
  } catch (cause) {
    throw new DpopError(reasonOf(cause), { cause: withoutPayload(cause) });
  }
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
