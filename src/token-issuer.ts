import {
  createLocalJWKSet,
  exportJWK,
  generateKeyPair,
  importJWK,
  type JSONWebKeySet,
  type JWK,
  type JWTHeaderParameters,
  jwtVerify,
  SignJWT,
} from 'jose';
import { DpopError } from './errors.ts';
import type { Seconds } from './freshness.ts';
import { isObject, type JsonObject } from './jws.ts';
import {
  refuseOption,
  requireClock,
  requireOptions,
  requireSeconds,
  requireText,
  requireTime,
  requireUrl,
  systemClock,
} from './options.ts';
import { isSymmetricKey, type SymmetricKey } from './symmetric-key.ts';
import { isThumbprint, jwkThumbprint, toPublicJwk } from './thumbprint.ts';
import { type AccessTokenClaims, requireClaimTypes } from './token-claims.ts';

/** The issuing half: access tokens after RFC 9068, bound by `cnf.jkt`, under keys that rotate without an outage. */

/** Asymmetric algorithms an issuer can sign with. */
export type SigningAlgorithm = 'ES256' | 'Ed25519';

/** A key pair that signs tokens; make one with `createSigningKey`. */
export interface SigningKey {
  readonly kid: string;
  readonly algorithm: SigningAlgorithm;
  readonly privateKey: CryptoKey;
  /** As published: with `kid`, `alg` and `use`. */
  readonly publicJwk: JWK;
}

/**
 * Generates a signing key, or imports one that you keep.
 *
 * @param source an algorithm for a new, non-extractable key; or a private JWK (EC P-256 or OKP Ed25519). The `kid` is
 *   the JWK's own, else the RFC 7638 thumbprint.
 * @throws TypeError when it is neither.
 */
export async function createSigningKey(source: SigningAlgorithm | JWK): Promise<SigningKey> {
  if (source === 'ES256' || source === 'Ed25519') {
    const { privateKey, publicKey } = await generateKeyPair(source);
    return toSigningKey(source, privateKey, await exportJWK(publicKey));
  }
  const algorithm = isObject(source) && typeof source.d === 'string' ? algorithmOf(source) : undefined;
  if (algorithm === undefined) return refuseOption('source', expectedSource);
  const privateKey = await importJWK(source as JWK, algorithm).catch(() =>
    refuseOption('source', expectedSource),
  );
  return toSigningKey(algorithm, privateKey as CryptoKey, source as JWK);
}

const expectedSource = 'ES256, Ed25519, or a private JWK of one of them';

function algorithmOf({ kty, crv }: JWK): SigningAlgorithm | undefined {
  if (kty === 'EC' && crv === 'P-256') return 'ES256';
  return kty === 'OKP' && crv === 'Ed25519' ? 'Ed25519' : undefined;
}

/** The public half is picked member by member, so nothing private can come along. */
async function toSigningKey(
  algorithm: SigningAlgorithm,
  privateKey: CryptoKey,
  jwk: JWK,
): Promise<SigningKey> {
  const material = toPublicJwk({ ...jwk });
  const kid = jwk.kid ?? (await jwkThumbprint(material));
  const publicJwk = Object.freeze({ ...material, kid, alg: algorithm, use: 'sig' });
  return Object.freeze({ kid, algorithm, privateKey, publicJwk });
}

/** Options of `createTokenIssuer`. */
export interface TokenIssuerOptions {
  /** The issuer identifier, an https URL (http on loopback only) without query and fragment: becomes `iss`. */
  readonly issuer: string;
  /** The key that signs now: from `createSigningKey`; from `createSymmetricKey` only where one party does everything. */
  readonly signingKey: SigningKey | SymmetricKey;
  /** The key that will sign after the next rotation: published ahead, so that every cache knows it by then. */
  readonly nextKey?: SigningKey | SymmetricKey;
  /** Longest and default life of a token in seconds; default 300, at most 86400 (RFC 9449 section 11.2). */
  readonly lifetime?: Seconds;
  /**
   * Which clients may get tokens that are bound to no key (`Bearer`), while they move to DPoP: only `true` counts.
   * Default: none. This is where a token without binding is refused, whatever grant it would come from.
   */
  readonly mayUseBearer?: (clientId: string) => boolean;
  /** Seconds since the epoch; default: the system's clock. */
  readonly clock?: () => Seconds;
}

/** What a token says. */
export interface TokenRequest {
  /** `sub`: the user, or the client itself where there is none. */
  readonly subject: string;
  readonly clientId: string;
  /** `aud`: the resource server, or several. */
  readonly audience: string | readonly string[];
  /** Thumbprint of the client's key, from `createTokenBinder`; `undefined` for a client that `mayUseBearer`. */
  readonly jkt: string | undefined;
  /** Space-separated; default, or empty: no `scope` claim. */
  readonly scope?: string;
  /** Seconds; default and maximum: the issuer's `lifetime`. */
  readonly lifetime?: Seconds;
  /** The grant that it comes from (`RedeemedGrant.id`), so that it can be revoked with it: becomes `grant_id`. */
  readonly grant?: string;
  /** Further claims. None may be one of those that the issuer sets. */
  readonly claims?: JsonObject;
}

/** Ready for a token response (RFC 6749 section 5.1). */
export interface IssuedToken {
  readonly accessToken: string;
  /** `DPoP` for a bound token; `Bearer` only for a client that `mayUseBearer`. */
  readonly tokenType: 'DPoP' | 'Bearer';
  readonly expiresIn: Seconds;
  /** What the token says, to revoke it by later. */
  readonly claims: AccessTokenClaims;
}

/** Issues bound access tokens and publishes the keys that verify them. */
export interface TokenIssuer {
  /**
   * Signs a token bound to `jkt`.
   *
   * Does not authenticate the client and does not check a grant or a proof: that has happened before.
   *
   * @throws DpopError `proof-missing` when `jkt` is `undefined` and the client may not use Bearer tokens; TypeError when a
   *   value makes no sense, above all when `jkt` is anything else than a thumbprint.
   */
  issue(token: TokenRequest): Promise<IssuedToken>;
  /**
   * Reads a token that this issuer made, for introspection, revocation and exchange: signature by one of the keys in use,
   * `typ`, `iss`, times. `undefined` for anything else. Does not check audience, binding or revocation.
   */
  read(token: string): Promise<AccessTokenClaims | undefined>;
  /**
   * The key set to publish: the key that signs, the next one, and former ones until their last token has expired. Empty
   * for symmetric keys, which are never published.
   */
  jwks(): JSONWebKeySet;
  /**
   * Lets the next key sign and publishes another one ahead. Rotate when the next key has been published for longer
   * than resource servers keep a key set (10 minutes, unless told otherwise); then no request is refused.
   *
   * @throws TypeError when there is no next key to switch to.
   */
  rotate(nextKey?: SigningKey | SymmetricKey): void;
}

/** Clocks of resource servers may be this far behind ours, and still accept a token that has expired here. */
const verifierTolerance: Seconds = 60;
/** Every member of a request, so that a misspelt one is refused: without its `grant` a token would outlive it. */
const requestNames: readonly (keyof TokenRequest)[] = [
  'subject',
  'clientId',
  'audience',
  'jkt',
  'scope',
  'lifetime',
  'grant',
  'claims',
];
const reserved = ['iss', 'sub', 'aud', 'client_id', 'exp', 'nbf', 'iat', 'jti', 'scope', 'cnf', 'grant_id'];

/**
 * Makes an issuer.
 *
 * @throws TypeError when an option makes no sense.
 */
export function createTokenIssuer(options: TokenIssuerOptions): TokenIssuer {
  requireOptions(options, ['issuer', 'signingKey', 'nextKey', 'lifetime', 'mayUseBearer', 'clock']);
  return new KeyedTokenIssuer({
    issuer: requireIssuer(options.issuer),
    signingKey: requireSigningKey('signingKey', options.signingKey),
    nextKey:
      options.nextKey === undefined ? undefined : requireNextKey(options.nextKey, [options.signingKey]),
    lifetime: requireSeconds('lifetime', options.lifetime ?? 300, 86_400), // [R9449-11.2-01]
    mayUseBearer: requirePermission(options.mayUseBearer ?? (() => false)), // [R9700-2.2.1-01]
    clock: requireClock('clock', options.clock ?? systemClock),
  });
}

type IssuerKey = SigningKey | SymmetricKey;

interface PreparedKeys {
  readonly set: JSONWebKeySet;
  readonly find: (header: JWTHeaderParameters) => Promise<CryptoKey>;
}

function prepare(set: JSONWebKeySet): PreparedKeys {
  return { set, find: createLocalJWKSet(set) };
}

interface IssuerSettings {
  readonly issuer: string;
  readonly signingKey: IssuerKey;
  readonly nextKey: IssuerKey | undefined;
  readonly lifetime: Seconds;
  readonly mayUseBearer: (clientId: string) => unknown;
  readonly clock: () => Seconds;
}

class KeyedTokenIssuer implements TokenIssuer {
  readonly #issuer: string;
  readonly #lifetime: Seconds;
  readonly #mayUseBearer: (clientId: string) => unknown;
  readonly #clock: () => Seconds;
  #current: IssuerKey;
  #next: IssuerKey | undefined;
  #former: readonly { readonly key: IssuerKey; readonly until: Seconds }[] = [];
  #published: JSONWebKeySet;
  /** What `read` verifies with: keys are imported once. */
  #prepared: PreparedKeys;

  constructor({ issuer, signingKey, nextKey, lifetime, mayUseBearer, clock }: IssuerSettings) {
    this.#issuer = issuer;
    this.#lifetime = lifetime;
    this.#mayUseBearer = mayUseBearer;
    this.#clock = clock;
    this.#current = signingKey;
    this.#next = nextKey;
    this.#published = this.#keySet();
    this.#prepared = prepare(this.#published);
  }

  async issue(token: TokenRequest): Promise<IssuedToken> {
    requireOptions(token, requestNames);
    const lifetime = requireSeconds('lifetime', token.lifetime ?? this.#lifetime, this.#lifetime);
    const { jkt, clientId } = token;
    if (jkt === undefined && this.#mayUseBearer(clientId) !== true) throw new DpopError('proof-missing');
    const iat = Math.floor(this.#now());
    const claims = { ...toClaims(token), iss: this.#issuer, iat, exp: iat + lifetime };
    const { kid, algorithm } = this.#current;
    const accessToken = await new SignJWT(claims)
      .setProtectedHeader({ typ: 'at+jwt', alg: algorithm, kid }) // [R9068-2.1-01]
      .sign(isSymmetricKey(this.#current) ? this.#current.secretKey : this.#current.privateKey);
    const tokenType = jkt === undefined ? 'Bearer' : 'DPoP'; // [R9449-5-05] [R9449-5-09]
    return { accessToken, tokenType, expiresIn: lifetime, claims: claims as unknown as AccessTokenClaims };
  }

  async read(token: string): Promise<AccessTokenClaims | undefined> {
    try {
      const { payload } = await jwtVerify(token, (header) => this.#findKey(header), {
        issuer: this.#issuer,
        typ: 'at+jwt',
        currentDate: new Date(this.#now() * 1000),
        requiredClaims: ['aud', 'exp', 'iat'],
      });
      requireClaimTypes(payload);
      return payload as AccessTokenClaims;
    } catch {
      return undefined; // not ours, not whole, or over: it is nothing, and why does not matter
    }
  }

  #findKey(header: JWTHeaderParameters): Promise<CryptoKey> | CryptoKey {
    const published = this.jwks(); // drops former keys that are over
    const { kid, alg } = header;
    const key = this.#keys().find((known) => known.kid === kid && known.algorithm === alg);
    if (isSymmetricKey(key)) return key.secretKey;
    if (this.#prepared.set !== published) this.#prepared = prepare(published);
    return this.#prepared.find(header);
  }

  /** The same object until something changes, so that a verifier in this process prepares it once. */
  jwks(): JSONWebKeySet {
    const now = this.#now();
    if (this.#former.some(({ until }) => until < now)) {
      this.#former = this.#former.filter(({ until }) => until >= now);
      this.#published = this.#keySet();
    }
    return this.#published;
  }

  rotate(nextKey?: IssuerKey): void {
    if (this.#next === undefined)
      refuseOption('nextKey', 'published before it can sign: there is none to rotate to');
    const following = nextKey === undefined ? undefined : requireNextKey(nextKey, this.#keys());
    const until = this.#now() + this.#lifetime + verifierTolerance;
    this.#former = [...this.#former, { key: this.#current, until }];
    this.#current = this.#next;
    this.#next = following;
    this.#published = this.#keySet();
  }

  #now(): Seconds {
    return requireTime(this.#clock());
  }

  #keys(): readonly IssuerKey[] {
    const former = this.#former.map(({ key }) => key);
    return [this.#current, ...(this.#next === undefined ? [] : [this.#next]), ...former];
  }

  #keySet(): JSONWebKeySet {
    const all = this.#keys();
    // A key that takes turns with another is next and former at once, and a kid that stands twice verifies nothing.
    const distinct = all.filter(({ kid }, index) => all.findIndex((key) => key.kid === kid) === index);
    return Object.freeze({
      keys: distinct.flatMap((key) => (isSymmetricKey(key) ? [] : [key.publicJwk])),
    });
  }
}

function toClaims(token: TokenRequest): Record<string, unknown> {
  const { subject, clientId, audience, jkt, scope, grant, claims = {} } = token;
  const taken = Object.keys(claims).find((name) => reserved.includes(name));
  if (taken !== undefined) refuseOption('claims', `without "${taken}", which the issuer sets`);
  return {
    ...claims,
    sub: requireText('subject', subject), // [R9068-2.2-01]
    client_id: requireText('clientId', clientId),
    aud:
      Array.isArray(audience) && audience.length > 0
        ? audience.map((one) => requireText('audience', one))
        : requireText('audience', audience),
    jti: crypto.randomUUID(),
    ...(jkt === undefined ? {} : { cnf: { jkt: requireThumbprint(jkt) } }), // [R9449-6.1-01] [R9700-2.2.1-01]
    ...(scope === undefined || scope === '' ? {} : { scope: requireText('scope', scope) }),
    ...(grant === undefined ? {} : { grant_id: requireText('grant', grant) }),
  };
}

function requireThumbprint(jkt: unknown): string {
  return isThumbprint(jkt) ? jkt : refuseOption('jkt', 'the thumbprint of a key (43 base64url characters)');
}

function requirePermission(value: unknown): (clientId: string) => unknown {
  return typeof value === 'function'
    ? (value as (clientId: string) => unknown)
    : refuseOption('mayUseBearer', 'a function');
}

function requireIssuer(value: unknown): string {
  const issuer = requireText('issuer', value);
  requireUrl('issuer', issuer);
  return /[?#]/.test(issuer) ? refuseOption('issuer', 'a URL without query and fragment') : issuer;
}

function requireSigningKey(name: string, value: unknown): IssuerKey {
  if (isSymmetricKey(value)) return value;
  const { privateKey, kid, algorithm } = isObject(value) ? value : {};
  const known = algorithm === 'ES256' || algorithm === 'Ed25519';
  return privateKey instanceof CryptoKey && typeof kid === 'string' && known
    ? (value as unknown as SigningKey)
    : refuseOption(name, 'a key made by createSigningKey or createSymmetricKey');
}

/**
 * Another key under the same `kid` could not be told from the one that is known; and whoever verifies with a secret must
 * not be led to take a public key for it, so the two kinds never stand beside each other.
 */
function requireNextKey(value: unknown, known: readonly IssuerKey[]): IssuerKey {
  const key = requireSigningKey('nextKey', value);
  if (known.some((other) => isSymmetricKey(other) !== isSymmetricKey(key)))
    refuseOption(
      'nextKey',
      'of the same kind as the key that signs: symmetric and asymmetric ones do not mix',
    );
  const taken = known.some((other) => other.kid === key.kid && !isSameKey(other, key));
  return taken ? refuseOption('nextKey', 'under a kid of its own') : key;
}

function isSameKey(one: IssuerKey, other: IssuerKey): boolean {
  if (isSymmetricKey(one) || isSymmetricKey(other)) return one === other;
  return JSON.stringify(one.publicJwk) === JSON.stringify(other.publicJwk);
}
