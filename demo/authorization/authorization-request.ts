import { createHash, randomBytes } from 'node:crypto';
import type { RecordStore } from 'holdfast';
import type { DemoClient } from './clients.ts';
import { OAuthError, type Parameters, requireParameter } from './oauth.ts';

/** What a client asks a user for: checked in the same way, whether it comes by the browser or was pushed (RFC 9126). */

/** An authorization request that was checked: JSON values, since it is kept in records. */
export interface AuthorizationRequest {
  readonly clientId: string;
  readonly redirectUri: string;
  /** Whether the request named it: then the token request must, too. */
  readonly redirectUriGiven: boolean;
  /** Space-separated. */
  readonly scope: string;
  readonly state?: string;
  readonly codeChallenge: string;
  /** Thumbprint of the key that the code is for, from `TokenBinder.bindCode`. */
  readonly jkt?: string;
}

/** Where the answer may be sent. */
export interface Redirect {
  readonly redirectUri: string;
  readonly given: boolean;
}

/**
 * Comes first: until it is known that an address is the client's own, no answer may be sent there.
 *
 * @throws OAuthError, to be shown on a page.
 */
export function findRedirectUri(parameters: Parameters, client: DemoClient): Redirect {
  const asked = parameters.get('redirect_uri');
  const [only, ...others] = client.redirectUris;
  if (asked === undefined && only !== undefined && others.length === 0)
    return { redirectUri: only, given: false };
  const registered = asked !== undefined && client.redirectUris.some((uri) => isSameUri(asked, uri));
  if (registered) return { redirectUri: asked, given: true };
  throw new OAuthError('invalid_request', 'The redirect URI is missing or not registered for this client');
}

const loopback = /^(http:\/\/(?:127\.0\.0\.1|\[::1\]))(?::([1-9]\d{0,4}))?(\/.*)$/;

/** Character by character. A native app cannot choose its port, so that of a loopback address may be any (RFC 8252). */
export function isSameUri(asked: string, registered: string): boolean {
  if (asked === registered) return true; // [R9700-2.1-01]
  const [, host, port, rest] = loopback.exec(asked) ?? [];
  return port !== undefined && Number(port) <= 65_535 && `${host}${rest}` === registered;
}

const maxStateBytes = 1024;
/** Base64url of 32 bytes, in the one spelling there is. */
const s256 = /^[\w-]{42}[AEIMQUYcgkosw048]$/;

/**
 * Everything but the key, which `TokenBinder.bindCode` finds: type, scope, PKCE.
 *
 * @throws OAuthError, to be sent to the redirect URI, or in the answer to a pushed request.
 */
export function checkAuthorizationRequest(
  parameters: Parameters,
  client: DemoClient,
  { redirectUri, given }: Redirect,
): Omit<AuthorizationRequest, 'jkt'> {
  if (parameters.has('request'))
    throw new OAuthError('request_not_supported', 'Request objects are not supported');
  if (!responseTypes.includes(requireParameter(parameters, 'response_type')))
    throw new OAuthError('unsupported_response_type', 'The response type must be code');
  if (!client.grantTypes.includes('authorization_code'))
    throw new OAuthError('unauthorized_client', 'The client may not use this grant type');
  if (!responseModes.includes(parameters.get('response_mode') ?? 'query'))
    throw new OAuthError('invalid_request', 'The response mode must be query');
  const state = parameters.get('state');
  if (state !== undefined && Buffer.byteLength(state) > maxStateBytes)
    throw new OAuthError('invalid_request', `The state is longer than ${maxStateBytes} bytes`);
  return {
    clientId: client.id,
    redirectUri,
    redirectUriGiven: given,
    scope: toScope(parameters, client),
    ...(state === undefined ? {} : { state }),
    codeChallenge: toCodeChallenge(parameters),
  };
}

/** For metadata too. Tokens never travel in a redirect. */
export const responseTypes: readonly string[] = ['code'];
export const responseModes: readonly string[] = ['query'];
export const codeChallengeMethods: readonly string[] = ['S256'];

/** A missing method would mean `plain` (RFC 7636 section 4.3). [R9700-2.1-01] */
function toCodeChallenge(parameters: Parameters): string {
  const challenge = requireParameter(parameters, 'code_challenge');
  if (
    codeChallengeMethods.includes(parameters.get('code_challenge_method') ?? 'plain') &&
    s256.test(challenge)
  )
    return challenge;
  throw new OAuthError('invalid_request', 'A PKCE challenge of method S256 is required');
}

/** Every scope that the client may have, or those it asks for. */
export function toScope(parameters: Parameters, { scopes }: Pick<DemoClient, 'scopes'>): string {
  const asked = parameters.get('scope')?.split(' ') ?? scopes;
  if (asked.every((scope) => scopes.includes(scope))) return [...new Set(asked)].join(' ');
  throw new OAuthError('invalid_scope', 'The client may not have this scope');
}

const requestUri = /^urn:ietf:params:oauth:request_uri:[\w-]{43}$/;

/** Seconds that a person may take between opening a pushed request and allowing it. */
const timeToDecide = 900;

/** Keeps a checked request, for `life` seconds, under a name that nobody can guess. */
export async function pushRequest(
  records: RecordStore,
  request: AuthorizationRequest,
  life: number,
): Promise<string> {
  const uri = `urn:ietf:params:oauth:request_uri:${randomBytes(32).toString('base64url')}`; // [R9126-2.2-01]
  const expires = Date.now() / 1000 + life;
  await records.insert(toKey(uri), { request, expires }, expires + timeToDecide);
  return uri;
}

/**
 * Opens a pushed request. Consumes nothing: a page that is loaded again must not burn it. One that this browser has `begun`
 * in time stays open for as long as a person may take to sign in and decide.
 *
 * @throws OAuthError `invalid_request_uri`, to be shown on a page: unknown, over, used, or another client's.
 */
export async function readPushedRequest(
  records: RecordStore,
  uri: string,
  clientId: string,
  begun: boolean,
): Promise<AuthorizationRequest> {
  const record = requestUri.test(uri) ? await records.read(toKey(uri)) : undefined;
  const { request, expires } = (record?.value ?? {}) as Partial<PushedRequest>;
  const patience = begun ? timeToDecide : 0;
  const alive = expires !== undefined && Date.now() / 1000 <= expires + patience; // [R9126-4-01]
  if (alive && request?.clientId === clientId) return request; // [R9126-2.2-01]
  throw new OAuthError('invalid_request_uri', 'The pushed request is unknown, over, or of another client');
}

/** Takes a pushed request's one use, when the user has decided. False: it was used before, or is long over. */
export async function consumePushedRequest(records: RecordStore, uri: string): Promise<boolean> {
  const record = await records.read(toKey(uri));
  return record !== undefined && (await records.replace(toKey(uri), record, undefined)); // [R9126-4-01]
}

interface PushedRequest {
  readonly request: AuthorizationRequest;
  readonly expires: number;
}

function toKey(uri: string): string {
  return `pushed-request ${createHash('sha256').update(uri).digest('base64url')}`;
}
