import { exportJWK, generateKeyPair, importJWK, type JSONWebKeySet, type JWK, SignJWT } from 'jose';
import type { Seconds } from './freshness.ts';
import { isObject, type JsonObject } from './jws.ts';
import {
  refuseOption,
  requireClock,
  requireOptions,
  requireSeconds,
  requireText,
  requireUrl,
  systemClock,
} from './options.ts';
import { isThumbprint, jwkThumbprint, toPublicJwk } from './thumbprint.ts';

/** The issuing half: access tokens after RFC 9068, bound by `cnf.jkt`, under keys that rotate without an outage. */

/** Algorithms an issuer can sign with. */
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
  /** The key that signs now. */
  readonly signingKey: SigningKey;
  /** The key that will sign after the next rotation: published ahead, so that every cache knows it by then. */
  readonly nextKey?: SigningKey;
  /** Longest and default life of a token in seconds; default 300, at most 86400 (RFC 9449 section 11.2). */
  readonly lifetime?: Seconds;
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
  /** Thumbprint of the client's key, from `createTokenBinder`. */
  readonly jkt: string;
  /** Space-separated; default: no `scope` claim. */
  readonly scope?: string;
  /** Seconds; default and maximum: the issuer's `lifetime`. */
  readonly lifetime?: Seconds;
  /** Further claims. None may be one of those that the issuer sets. */
  readonly claims?: JsonObject;
}

/** Ready for a token response (RFC 6749 section 5.1). */
export interface IssuedToken {
  readonly accessToken: string;
  /** Always `DPoP`: this issuer makes no unbound tokens. */
  readonly tokenType: 'DPoP';
  readonly expiresIn: Seconds;
}

/** Issues bound access tokens and publishes the keys that verify them. */
export interface TokenIssuer {
  /**
   * Signs a token bound to `jkt`.
   *
   * Does not authenticate the client and does not check a grant or a proof: that has happened before.
   *
   * @throws TypeError when a value makes no sense, above all when `jkt` is not a thumbprint: nothing is ever unbound.
   */
  issue(token: TokenRequest): Promise<IssuedToken>;
  /** The key set to publish: the key that signs, the next one, and former ones until their last token has expired. */
  jwks(): JSONWebKeySet;
  /**
   * Lets the next key sign and publishes another one ahead. Rotate when the next key has been published for longer
   * than resource servers keep a key set (10 minutes, unless told otherwise); then no request is refused.
   *
   * @throws TypeError when there is no next key to switch to.
   */
  rotate(nextKey?: SigningKey): void;
}

/** Clocks of resource servers may be this far behind ours, and still accept a token that has expired here. */
const verifierTolerance: Seconds = 60;
const reserved = ['iss', 'sub', 'aud', 'client_id', 'exp', 'nbf', 'iat', 'jti', 'scope', 'cnf'];

/**
 * Makes an issuer.
 *
 * @throws TypeError when an option makes no sense.
 */
export function createTokenIssuer(options: TokenIssuerOptions): TokenIssuer {
  requireOptions(options);
  return new KeyedTokenIssuer({
    issuer: requireIssuer(options.issuer),
    signingKey: requireSigningKey('signingKey', options.signingKey),
    nextKey:
      options.nextKey === undefined ? undefined : requireNextKey(options.nextKey, [options.signingKey]),
    lifetime: requireSeconds('lifetime', options.lifetime ?? 300, 86_400), // [R9449-11.2-01]
    clock: requireClock('clock', options.clock ?? systemClock),
  });
}

interface IssuerSettings {
  readonly issuer: string;
  readonly signingKey: SigningKey;
  readonly nextKey: SigningKey | undefined;
  readonly lifetime: Seconds;
  readonly clock: () => Seconds;
}

class KeyedTokenIssuer implements TokenIssuer {
  readonly #issuer: string;
  readonly #lifetime: Seconds;
  readonly #clock: () => Seconds;
  #current: SigningKey;
  #next: SigningKey | undefined;
  #former: readonly { readonly key: SigningKey; readonly until: Seconds }[] = [];
  #published: JSONWebKeySet;

  constructor({ issuer, signingKey, nextKey, lifetime, clock }: IssuerSettings) {
    this.#issuer = issuer;
    this.#lifetime = lifetime;
    this.#clock = clock;
    this.#current = signingKey;
    this.#next = nextKey;
    this.#published = this.#keySet();
  }

  async issue(token: TokenRequest): Promise<IssuedToken> {
    requireOptions(token);
    const lifetime = requireSeconds('lifetime', token.lifetime ?? this.#lifetime, this.#lifetime);
    const { kid, algorithm, privateKey } = this.#current;
    const now = Math.floor(this.#clock());
    const accessToken = await new SignJWT({
      ...toClaims(token),
      iss: this.#issuer,
      iat: now,
      exp: now + lifetime,
    })
      .setProtectedHeader({ typ: 'at+jwt', alg: algorithm, kid }) // [R9068-2.1-01]
      .sign(privateKey);
    return { accessToken, tokenType: 'DPoP', expiresIn: lifetime }; // [R9449-5-05]
  }

  /** The same object until something changes, so that a verifier in this process prepares it once. */
  jwks(): JSONWebKeySet {
    const now = this.#clock();
    if (this.#former.some(({ until }) => until < now)) {
      this.#former = this.#former.filter(({ until }) => until >= now);
      this.#published = this.#keySet();
    }
    return this.#published;
  }

  rotate(nextKey?: SigningKey): void {
    if (this.#next === undefined)
      refuseOption('nextKey', 'published before it can sign: there is none to rotate to');
    const published = [this.#current, this.#next, ...this.#former.map(({ key }) => key)];
    const following = nextKey === undefined ? undefined : requireNextKey(nextKey, published);
    const until = this.#clock() + this.#lifetime + verifierTolerance;
    this.#former = [...this.#former, { key: this.#current, until }];
    this.#current = this.#next;
    this.#next = following;
    this.#published = this.#keySet();
  }

  #keySet(): JSONWebKeySet {
    const former = this.#former.map(({ key }) => key);
    const all = [this.#current, ...(this.#next === undefined ? [] : [this.#next]), ...former];
    // A key that takes turns with another is next and former at once, and a kid that stands twice verifies nothing.
    const keys = all.filter(({ kid }, index) => all.findIndex((key) => key.kid === kid) === index);
    return Object.freeze({ keys: keys.map(({ publicJwk }) => publicJwk) });
  }
}

function toClaims({
  subject,
  clientId,
  audience,
  jkt,
  scope,
  claims = {},
}: TokenRequest): Record<string, unknown> {
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
    // [R9449-6.1-01] [R9700-2.2.1-01]
    cnf: {
      jkt: isThumbprint(jkt) ? jkt : refuseOption('jkt', 'the thumbprint of a key (43 base64url characters)'),
    },
    ...(scope === undefined ? {} : { scope: requireText('scope', scope) }),
  };
}

function requireIssuer(value: unknown): string {
  const issuer = requireText('issuer', value);
  requireUrl('issuer', issuer);
  return /[?#]/.test(issuer) ? refuseOption('issuer', 'a URL without query and fragment') : issuer;
}

function requireSigningKey(name: string, value: unknown): SigningKey {
  const { privateKey, kid, algorithm } = isObject(value) ? value : {};
  const known = algorithm === 'ES256' || algorithm === 'Ed25519';
  return privateKey instanceof CryptoKey && typeof kid === 'string' && known
    ? (value as unknown as SigningKey)
    : refuseOption(name, 'a key made by createSigningKey');
}

/** Another key under the same `kid` could not be told from the one that is published. */
function requireNextKey(value: unknown, published: readonly SigningKey[]): SigningKey {
  const key = requireSigningKey('nextKey', value);
  const text = JSON.stringify(key.publicJwk);
  const taken = published.some(({ kid, publicJwk }) => kid === key.kid && JSON.stringify(publicJwk) !== text);
  return taken ? refuseOption('nextKey', 'under a kid of its own') : key;
}
