import type { BindingRule, TokenBinding } from './authorization-server.ts';
import { encodeBase64url, sha256 } from './digest.ts';
import { DpopError } from './errors.ts';
import type { Seconds } from './freshness.ts';
import { isObject, type JsonObject } from './jws.ts';
import { refuseOption, requireOptions, requireText } from './options.ts';
import type { StoredRecord } from './records.ts';
import { isThumbprint } from './thumbprint.ts';

/** What is remembered of a grant, and under which names: hashes, wherever the name itself would be worth stealing. */

/** What a user has allowed a client. */
export interface GrantRequest {
  readonly clientId: string;
  /** A `public` client's refresh token keeps the key it began with and is replaced at each use (RFC 9449 section 5). */
  readonly clientType: 'public' | 'confidential';
  readonly subject: string;
  /** Space-separated; may be empty. */
  readonly scope: string;
  /** As it stood in the authorization request, and must stand in the token request; `undefined`: in neither. */
  readonly redirectUri: string | undefined;
  /** PKCE with S256, always (RFC 9700 section 2.1): 43 base64url characters. */
  readonly codeChallenge: string;
  /** The key that the code is bound to, from `TokenBinder.bindCode`. */
  readonly jkt?: string | undefined;
  /** `optional`: this client may still get Bearer tokens. Default `required`. */
  readonly proof?: 'required' | 'optional';
  /** `none`: no refresh token comes of this. Default `issue`. */
  readonly refresh?: 'issue' | 'none';
  /** Whatever the tokens need later, such as `auth_time`: JSON values. */
  readonly claims?: JsonObject;
}

/** What both a code and a grant in use remember. */
export interface Terms {
  readonly id: string;
  readonly clientId: string;
  readonly clientType: 'public' | 'confidential';
  readonly subject: string;
  readonly scope: string;
  /** Only this key will do: of the code, and for good where the client is public. */
  readonly jkt: string | null;
  readonly proof: 'required' | 'optional';
  readonly refresh: 'issue' | 'none';
  readonly claims: JsonObject;
  readonly began: Seconds;
}

/** A code that was handed out. */
export interface Code extends Terms {
  readonly redirectUri: string | null;
  readonly codeChallenge: string;
}

/** A grant whose code was redeemed. */
export interface Grant extends Terms {
  /** Hash of the part that all refresh tokens of the grant share: who has it has seen one of them. */
  readonly family: string;
  /** Hash of the part that the present one has alone. */
  readonly current: string;
  readonly ended: boolean;
}

/** A refresh token as it was presented, and the grant that it belongs to. */
export interface HeldToken {
  readonly stored: StoredRecord;
  readonly grant: Grant;
  readonly family: string;
  readonly secret: string;
}

/** The grant, what all its refresh tokens share, and what this one has alone. */
export const refreshTokenForm: RegExp = /^([\w-]{43})\.([\w-]{43})\.([\w-]{43})$/;

export function toRefreshToken(id: string, family: string, secret: string): string {
  return `${id}.${family}.${secret}`;
}

/** 256 random bits: nobody guesses them, so a plain hash keeps them secret in a store. */
export function randomText(): string {
  return encodeBase64url(crypto.getRandomValues(new Uint8Array(32)));
}

export async function codeKey(code: string): Promise<string> {
  return `code:${await sha256(code)}`;
}

export function grantKey(id: string): string {
  return `grant:${id}`;
}

export async function subjectKey(subject: string): Promise<string> {
  return `subject:${await sha256(subject)}`;
}

/** Every member of a request, so that a misspelt one is refused: without its `jkt` a code would be anybody's. */
const requestNames: readonly (keyof GrantRequest)[] = [
  'clientId',
  'clientType',
  'subject',
  'scope',
  'redirectUri',
  'codeChallenge',
  'jkt',
  'proof',
  'refresh',
  'claims',
];

export function toTerms(request: GrantRequest, began: Seconds): Terms {
  requireOptions(request, requestNames);
  const { clientType, jkt, scope, proof = 'required', refresh = 'issue', claims = {} } = request;
  if (clientType !== 'public' && clientType !== 'confidential')
    refuseOption('clientType', 'public or confidential');
  if (proof !== 'required' && proof !== 'optional') refuseOption('proof', 'required or optional');
  if (refresh !== 'issue' && refresh !== 'none') refuseOption('refresh', 'issue or none');
  if (jkt !== undefined && !isThumbprint(jkt))
    refuseOption('jkt', 'the thumbprint of a key (43 base64url characters)');
  return {
    id: randomText(),
    clientId: requireText('clientId', request.clientId),
    clientType,
    subject: requireText('subject', request.subject),
    scope: typeof scope === 'string' ? scope : refuseOption('scope', 'a text of scope names'),
    jkt: jkt ?? null,
    proof,
    refresh,
    claims: isObject(claims) ? claims : refuseOption('claims', 'an object'),
    began,
  };
}

/**
 * The terms from the first proof on: no Bearer token comes of them any more, and of a public client's ones nothing
 * without this very key (RFC 9449 section 5). The same object where nothing changes.
 */
export function boundBy<T extends Terms>(terms: T, jkt: string | undefined): T {
  if (jkt === undefined) return terms;
  const kept = terms.clientType === 'public' ? jkt : null; // [R9449-5-06]
  return terms.jkt === kept && terms.proof === 'required'
    ? terms
    : { ...terms, jkt: kept, proof: 'required' };
}

const verifierForm = /^[\w.~-]{43,128}$/;

/** Whether this is the verifier of an S256 challenge (RFC 7636 section 4.6). */
export async function isVerifier(verifier: string | undefined, challenge: string): Promise<boolean> {
  return (
    typeof verifier === 'string' && verifierForm.test(verifier) && (await sha256(verifier)) === challenge
  );
}

/** Whether a scope holds nothing but what was granted. */
export function isWithin(scope: string, granted: string): boolean {
  const names = granted.split(' ');
  return scope.split(' ').every((name) => names.includes(name));
}

/** The second line: a binding that was made by another rule redeems nothing. */
export function requireFitting({ jkt }: TokenBinding, rule: BindingRule): void {
  if (jkt !== undefined && !isThumbprint(jkt)) refuseOption('jkt', 'from a TokenBinding');
  const needed = rule.jkt !== undefined || rule.proof !== 'optional';
  if (needed && jkt === undefined) throw new DpopError('grant-key-missing');
  if (rule.jkt !== undefined && jkt !== rule.jkt) throw new DpopError('grant-key-mismatch', { jkt });
}
