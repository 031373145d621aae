import { DpopError, type DpopErrorCode } from './errors.ts';
import type { SignatureAlgorithm } from './jwk.ts';

/**
 * Refusals as HTTP answers (RFC 9449 sections 5, 7.1, 8 and 9; RFC 6750 section 3). The texts are fixed: nothing of the
 * request is ever echoed, and a cause is told by its code alone.
 */

/** An answer to write as it is. */
export interface HttpAnswer {
  readonly status: number;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  /** JSON; empty where nothing was presented. */
  readonly body: Readonly<Record<string, string>>;
}

const descriptions: Readonly<Record<DpopErrorCode, string>> = {
  invalid_request: 'The request is malformed or not meant for this server',
  invalid_token: 'The access token is invalid, expired, or bound to another key',
  insufficient_scope: 'The access token does not cover this request',
  invalid_grant: 'The grant is invalid, expired, used before, or bound to another client or key',
  invalid_scope: 'The scope is more than was granted',
  invalid_dpop_proof: 'One valid, unused DPoP proof for this very request is required',
  use_dpop_nonce: 'A proof with the nonce of this answer is required',
  temporarily_unavailable: 'The request could not be checked; try again',
};

const resourceStatus: Readonly<Record<Exclude<DpopErrorCode, 'temporarily_unavailable'>, number>> = {
  invalid_request: 400,
  invalid_grant: 400,
  invalid_scope: 400,
  invalid_token: 401,
  insufficient_scope: 403,
  invalid_dpop_proof: 401,
  use_dpop_nonce: 401,
};

/** What goes into each challenge of a resource server. */
export interface ChallengeOptions {
  readonly algorithms: readonly SignatureAlgorithm[];
  readonly realm: string | undefined;
  /** URL of the RFC 9728 metadata document. */
  readonly resourceMetadata: string | undefined;
}

/** How a refused request came, where Bearer is accepted beside DPoP. */
export interface Presented {
  /** The scheme that was tried; `undefined`: none, or more than one. */
  readonly scheme: 'DPoP' | 'Bearer' | undefined;
}

/**
 * The answer of a resource server: 401, 403 or 400 with a `DPoP` challenge, or 503 and 429 without one.
 *
 * @param mixed where Bearer is accepted too: then its challenge stands behind, and the error in that of the scheme that
 *   was tried (RFC 9449 section 7.2).
 */
export function toResourceAnswer(error: unknown, options: ChallengeOptions, mixed?: Presented): HttpAnswer {
  const refusal = toRefusal(error);
  const { code } = refusal;
  if (code === 'temporarily_unavailable') return laterAnswer(refusal);
  const challenges = [dpopChallenge(mixed?.scheme === 'Bearer' ? undefined : refusal, options)];
  if (mixed !== undefined)
    challenges.push(bearerChallenge(mixed.scheme === 'DPoP' ? undefined : refusal, options)); // [R9449-7.2-03] [R9449-7.2-05]
  // [R9449-7.1-04] [R6750-3-01] [R6750-3.1-01]
  const status = code === undefined ? 401 : resourceStatus[code];
  const headers = { ...headersOf(refusal), 'www-authenticate': challenges.join(', ') };
  return { status, headers, body: bodyOf(code) };
}

function dpopChallenge(refusal: DpopError | undefined, options: ChallengeOptions): string {
  return toChallenge('DPoP', [
    ...errorParameters(refusal),
    ['realm', options.realm],
    ['algs', options.algorithms.join(' ')], // [R9449-7.1-08]
    ['resource_metadata', options.resourceMetadata], // [R9728-5.1-01]
  ]);
}

function bearerChallenge(refusal: DpopError | undefined, options: ChallengeOptions): string {
  return toChallenge('Bearer', [
    ...errorParameters(refusal),
    ['realm', options.realm],
    ['resource_metadata', options.resourceMetadata],
  ]);
}

type ChallengeParameter = readonly [name: string, value: string | undefined];

function errorParameters(refusal: DpopError | undefined): readonly ChallengeParameter[] {
  if (refusal === undefined) return [];
  const { code, scopes } = refusal;
  return [
    ['error', code], // [R9449-7.1-06] [R9449-7.2-04] [R6750-3.1-02]
    ['error_description', code && descriptions[code]], // [R9449-7.1-05] [R6750-3-02]
    ['scope', scopes.length === 0 ? undefined : scopes.join(' ')],
  ];
}

function toChallenge(scheme: string, parameters: readonly ChallengeParameter[]): string {
  const given = parameters.filter(([, value]) => value !== undefined);
  return [scheme, given.map(([name, value]) => `${name}="${value}"`).join(', ')].join(' ').trim();
}

/** The answer of a token or PAR endpoint: 400 with a JSON error, or 503 and 429. */
export function toTokenAnswer(error: unknown): HttpAnswer {
  const refusal = toRefusal(error);
  if (refusal.code === 'temporarily_unavailable') return laterAnswer(refusal);
  // [R9449-5-03]
  return { status: 400, headers: headersOf(refusal), body: bodyOf(refusal.code ?? 'invalid_request') };
}

/** Whatever was thrown, as a refusal: what we did not foresee is not the client's fault and never a pass. */
export function toRefusal(error: unknown): DpopError {
  return error instanceof DpopError ? error : new DpopError('unexpected', { cause: error });
}

/** No challenge: other credentials would not help. A client over its quota waits longer than for a store that is back. */
function laterAnswer({ reason }: DpopError): HttpAnswer {
  const [status, seconds] = reason === 'quota-exceeded' ? [429, '10'] : [503, '1'];
  const headers = { 'cache-control': 'no-store', 'retry-after': seconds };
  return { status, headers, body: bodyOf('temporarily_unavailable') };
}

function headersOf({ nonce }: DpopError): Record<string, string> {
  // [R9449-8-02] [R9449-8-05] [R9449-8.2-03] [R9449-9-01]
  return { 'cache-control': 'no-store', ...(nonce === undefined ? {} : { 'dpop-nonce': nonce }) };
}

function bodyOf(code: DpopErrorCode | undefined): Readonly<Record<string, string>> {
  return Object.freeze(code === undefined ? {} : { error: code, error_description: descriptions[code] });
}
