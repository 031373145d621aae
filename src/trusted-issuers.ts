import type { JWTHeaderParameters } from 'jose';
import type { IssuerPolicy, TokenKeys, TokenLimits } from './access-token.ts';
import { DpopError } from './errors.ts';
import type { Seconds } from './freshness.ts';
import { type IntrospectionOptions, TokenIntrospector } from './introspection.ts';
import { IssuerKeys, type JwksSource } from './issuer-keys.ts';
import { type Discovery, IssuerMetadata } from './issuer-metadata.ts';
import { defaultAlgorithms, type SignatureAlgorithm } from './jwk.ts';
import {
  refuseOption,
  requireAlgorithms,
  requireOptions,
  requireSeconds,
  requireText,
  requireUrl,
} from './options.ts';
import { isSymmetricKey, type SymmetricKey } from './symmetric-key.ts';

/**
 * An issuer whose tokens count. Its tokens are JWTs when one of `jwks`, `discovery` and `symmetricKeys` is given; they
 * are opaque when `introspection` is; with both, JWTs are verified here and the others introspected.
 */
export interface TrustedIssuer {
  /** Compared with `iss` character by character. */
  readonly issuer: string;
  /** This resource server's name in `aud`; default: the server's `audience`. */
  readonly audience?: string;
  /** The issuer's keys: its `jwks_uri` (fetched at first use, kept for `jwksMaxAge`), a key set, or a function. */
  readonly jwks?: JwksSource;
  /**
   * Finds `jwks_uri` and `introspection_endpoint` in the issuer's metadata: `oauth` at
   * `/.well-known/oauth-authorization-server` (RFC 8414), `openid` at `/.well-known/openid-configuration`. A document
   * that names another issuer is not used.
   */
  readonly discovery?: Discovery;
  /**
   * HS256, for a deployment in which one party issues and serves: keys from `createSymmetricKey`, the first and those
   * before it. Then there can be no other issuer and no other kind of key on this server.
   */
  readonly symmetricKeys?: readonly SymmetricKey[];
  /** Asks the issuer about tokens that are no JWTs (RFC 7662). One issuer of a server at most: such a token names none. */
  readonly introspection?: IntrospectionOptions;
  /** Allowed algorithms of JWTs; default ES256, Ed25519 and EdDSA. `PS256` and `RS256` by option only. */
  readonly algorithms?: readonly SignatureAlgorithm[];
  /** Seconds before a fetched key set is fetched again, and so until a removed key is noticed; default 600. */
  readonly jwksMaxAge?: Seconds;
  /** Seconds after that for which the last good keys go on being used while the issuer is down; default 86,400. */
  readonly jwksKeepFor?: Seconds;
}

/** Every name above, so that a misspelt one is refused. */
const trustedIssuerNames: readonly (keyof TrustedIssuer)[] = [
  'issuer',
  'audience',
  'jwks',
  'discovery',
  'symmetricKeys',
  'introspection',
  'algorithms',
  'jwksMaxAge',
  'jwksKeepFor',
];

/** How a server is told whom it trusts: one issuer by its own options among the server's, or several in `issuers`. */
export interface IssuerOptions extends Partial<Omit<TrustedIssuer, 'algorithms'>> {
  /** The issuers whose tokens count, where there are several; then none of the options of one stands beside. */
  readonly issuers?: readonly TrustedIssuer[];
  /** Allowed token algorithms of the one issuer; default ES256, Ed25519 and EdDSA. `PS256` and `RS256` by option only. */
  readonly tokenAlgorithms?: readonly SignatureAlgorithm[];
}

/** The options that describe one issuer only. `audience` does not: it is the server's own, and the default of each. */
const ownNames = trustedIssuerNames.filter(
  (name): name is Exclude<keyof TrustedIssuer, 'audience' | 'algorithms'> =>
    name !== 'audience' && name !== 'algorithms',
);

export const issuerOptionNames: readonly (keyof IssuerOptions)[] = [
  ...ownNames,
  'audience',
  'issuers',
  'tokenAlgorithms',
];

/** The list, or the one issuer that the options describe. */
export function toIssuers(options: IssuerOptions): readonly TrustedIssuer[] {
  const { issuers, tokenAlgorithms } = options;
  const given = ownNames.filter((name) => options[name] !== undefined);
  if (issuers === undefined) {
    const one = Object.fromEntries(given.map((name) => [name, options[name]])) as unknown as TrustedIssuer;
    if (tokenAlgorithms === undefined) return [one];
    return [{ ...one, algorithms: requireAlgorithms('tokenAlgorithms', tokenAlgorithms) }];
  }
  const [beside = tokenAlgorithms === undefined ? undefined : 'tokenAlgorithms'] = given;
  if (beside !== undefined) refuseOption(beside, 'in the list of issuers, where there is one');
  return issuers;
}

/** Each issuer with what it takes to check its tokens. */
export function toIssuerPolicies(
  issuers: readonly TrustedIssuer[],
  audience: string,
  limits: TokenLimits,
): readonly IssuerPolicy[] {
  if (!Array.isArray(issuers) || issuers.length === 0) refuseOption('issuers', 'a list of trusted issuers');
  const policies = issuers.map((issuer) => toPolicy(issuer, audience, limits));
  if (new Set(policies.map(({ issuer }) => issuer)).size < policies.length)
    refuseOption('issuers', 'without one that is named twice');
  if (issuers.length > 1 && issuers.some(({ symmetricKeys }) => symmetricKeys !== undefined))
    refuseOption('symmetricKeys', 'of the only issuer: whoever verifies with a secret trusts nobody else');
  if (issuers.filter(({ introspection }) => introspection !== undefined).length > 1)
    refuseOption('introspection', 'given for one issuer: an opaque token does not say whose it is');
  return policies;
}

function toPolicy(trusted: TrustedIssuer, audience: string, limits: TokenLimits): IssuerPolicy {
  requireOptions(trusted, trustedIssuerNames);
  const issuer = requireText('issuer', trusted.issuer);
  const { introspection, symmetricKeys } = trusted;
  const metadata = trusted.discovery === undefined ? undefined : discover(issuer, trusted.discovery);
  const policy = {
    issuer,
    audience: requireText('audience', trusted.audience ?? audience),
    algorithms: symmetricKeys === undefined ? allowedAlgorithms(trusted) : ['HS256'],
    keys: toKeys(trusted, metadata),
  };
  if (introspection === undefined) return { ...policy, introspector: undefined };
  const { maxTokens, maxTokenBytes, clockTolerance } = limits;
  requireOptions(introspection);
  if (metadata === undefined && introspection.endpoint === undefined)
    refuseOption('introspection.endpoint', 'given where there is no discovery');
  const introspector = new TokenIntrospector(introspection, {
    issuer,
    audience: policy.audience,
    clockTolerance,
    maxTokens,
    maxTokenBytes,
    findEndpoint: async () =>
      requireUrl('introspection.endpoint', await metadata?.endpoint('introspection_endpoint')),
  });
  return { ...policy, introspector };
}

function allowedAlgorithms({ algorithms }: TrustedIssuer): readonly SignatureAlgorithm[] {
  return requireAlgorithms('algorithms', algorithms ?? defaultAlgorithms);
}

function discover(issuer: string, discovery: unknown): IssuerMetadata {
  requireUrl('issuer', issuer);
  return discovery === 'oauth' || discovery === 'openid'
    ? new IssuerMetadata(issuer, discovery)
    : refuseOption('discovery', 'oauth or openid');
}

/** One kind of key at most; none where every token is introspected. */
function toKeys(trusted: TrustedIssuer, metadata: IssuerMetadata | undefined): TokenKeys | undefined {
  const { jwks, symmetricKeys, introspection, algorithms } = trusted;
  const policy = {
    maxAge: requireSeconds('jwksMaxAge', trusted.jwksMaxAge ?? 600, 86_400),
    keepFor: requireSeconds('jwksKeepFor', trusted.jwksKeepFor ?? 86_400, 31 * 86_400),
  };
  if (symmetricKeys !== undefined) {
    const others = [jwks, metadata, introspection, algorithms];
    if (others.some((option) => option !== undefined))
      refuseOption('symmetricKeys', 'alone: they do not mix with other keys, algorithms or introspection');
    return toSymmetricKeys(symmetricKeys);
  }
  const source = jwks ?? metadata;
  if (source === undefined && introspection === undefined)
    refuseOption('jwks', 'given, or discovery, symmetricKeys or introspection in its place');
  return source === undefined ? undefined : new IssuerKeys(source, policy);
}

/** The list is read now: what is done to it later changes nothing. */
function toSymmetricKeys(given: readonly SymmetricKey[]): TokenKeys {
  const byKid = new Map<string | undefined, SymmetricKey>();
  const valid = Array.isArray(given) && given.length > 0 && given.every(isSymmetricKey);
  if (!valid) return refuseOption('symmetricKeys', 'a list of keys made by createSymmetricKey');
  for (const key of given) {
    if (byKid.has(key.kid)) refuseOption('symmetricKeys', 'a list in which each kid stands once');
    byKid.set(key.kid, key);
  }
  return {
    current: () => byKid,
    find: async ({ kid }: JWTHeaderParameters) => {
      const key = byKid.get(kid);
      if (key === undefined) throw new DpopError('token-key-unknown');
      return key.secretKey;
    },
  };
}
