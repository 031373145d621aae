import { DpopError } from './errors.ts';
import type { Seconds } from './freshness.ts';
import { isObject, type JsonObject, toJsonObject } from './jws.ts';
import { isThumbprint } from './thumbprint.ts';

/** What an access token says, whether it says so itself (RFC 9068) or its issuer does (RFC 7662). */

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
  /** Names the grant that the token comes from, so that all its tokens can be revoked together. */
  readonly grant_id?: string;
}

/** A token whose issuer, audience, time and binding have been checked, and that its issuer vouches for. */
export interface VerifiedAccessToken {
  readonly claims: AccessTokenClaims;
  /** Thumbprint of the key that it is bound to; `undefined`: it is bound to none. */
  readonly jkt: string | undefined;
  /** What a proof for this token must carry as `ath`. */
  readonly hash: string;
}

/** The types of the claims that every handler relies on. `iss`, `aud` and the times are checked where they are compared. */
export function requireClaimTypes(claims: JsonObject): void {
  const texts = ['sub', 'client_id', 'jti'].every(
    (name) => typeof claims[name] === 'string' && claims[name] !== '',
  );
  const optional = ['scope', 'grant_id'].every(
    (name) => claims[name] === undefined || typeof claims[name] === 'string',
  );
  if (!texts || !optional) throw new DpopError('token-claim-invalid');
}

/** A time without end, which JSON can spell (`1e999`), is none: such a token could never be said to have expired. */
export function requireTimes({ exp, iat, nbf }: JsonObject): void {
  const times = nbf === undefined ? [exp, iat] : [exp, iat, nbf];
  if (!times.every(Number.isFinite)) throw new DpopError('token-claim-invalid');
}

/** On every request, for remembered tokens too. A time that is no number is refused: no comparison with it holds. */
export function requireTimely(
  { exp, nbf, iat }: AccessTokenClaims & { readonly nbf?: Seconds },
  now: Seconds,
  clockTolerance: Seconds,
): void {
  if (!(exp + clockTolerance > now)) throw new DpopError('token-expired');
  if (!(Math.max(nbf ?? iat, iat) <= now + clockTolerance)) throw new DpopError('token-not-yet-valid');
}

/** Confirmation methods besides `jkt` (RFC 7800, RFC 8705) that we cannot confirm and so must not ignore. */
const foreignConfirmations = ['jwk', 'jwe', 'jku', 'kid', 'x5t#S256'];

/**
 * `cnf.jkt`, if that is what binds this token, and all that does; `undefined` when there is no `cnf` at all. A `cnf` of
 * any other shape is refused: taking such a token for an unbound one would drop its binding.
 */
export function readConfirmation(claims: JsonObject): string | undefined {
  if (!('cnf' in claims)) return undefined;
  const { cnf } = claims;
  if (!isObject(cnf)) throw new DpopError('token-not-bound'); // [R7800-3.1-01]
  const confirmation = toJsonObject(cnf);
  if (foreignConfirmations.some((name) => name in confirmation))
    throw new DpopError('token-confirmation-unsupported');
  const { jkt } = confirmation;
  if (!isThumbprint(jkt)) throw new DpopError('token-not-bound'); // [R9449-7.2-02]
  return jkt;
}

/** Remembered claims are handed to one request after another: no handler may write on them. */
export function freezeDeep<T extends object>(value: T): T {
  for (const member of Object.values(value))
    if (typeof member === 'object' && member !== null) freezeDeep(member);
  return Object.freeze(value);
}
