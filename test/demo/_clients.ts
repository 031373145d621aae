import { createHash } from 'node:crypto';
import { CompactSign, importJWK, type JWK } from 'jose';
import { demoWebPrivateJwk } from '../../demo/authorization/demo-web-key.ts';
import { loadSigningKeys } from '../../demo/state/signing-keys.ts';
import { createProof, type DpopKeyPair, generateKeyPair } from '../../src/client/index.ts';
import { createTokenIssuer, type GrantRequest, type TokenRequest } from '../../src/index.ts';
import { type Demo, fetchTokenNonce } from './_setup.ts';

/** The demo's clients as they talk to the authorization server: credentials, codes, forms. */

/** Parameters of a form; `undefined` leaves one out. */
export type Form = Readonly<Record<string, string | undefined>>;

export const exchange = 'urn:ietf:params:oauth:grant-type:token-exchange';
export const accessTokenType = 'urn:ietf:params:oauth:token-type:access_token';
export const jwtBearer = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';
export const callback = 'http://127.0.0.1:5555/callback';
export const verifier = 'a-code-verifier-that-is-43-characters-long-';
export const codeChallenge: string = createHash('sha256').update(verifier).digest('base64url');

/** What authenticates a client in a form. An assertion is a new one each time. */
export async function credentialsOf(demo: Demo, clientId: string): Promise<Form> {
  const { clientSecret, legacySecret, apiSecret } = demo.config;
  const secrets: Form = {
    'demo-service': clientSecret,
    'demo-legacy': legacySecret,
    'demo-api': apiSecret,
  };
  if (clientId === 'demo-web')
    return { client_assertion_type: jwtBearer, client_assertion: await createAssertion(demo) };
  return { client_id: clientId, client_secret: secrets[clientId] };
}

/** What a test may change about a valid assertion of `demo-web`. */
export interface AssertionChanges {
  readonly header?: Readonly<Record<string, unknown>>;
  /** Claims to set, or to leave out where `undefined`. */
  readonly claims?: Readonly<Record<string, unknown>>;
  readonly key?: CryptoKey | Uint8Array | JWK;
}

export async function createAssertion(demo: Demo, changes: AssertionChanges = {}): Promise<string> {
  const now = Math.floor(Date.now() / 1000);
  const claims = {
    iss: 'demo-web',
    sub: 'demo-web',
    aud: demo.authorizationOrigin,
    jti: crypto.randomUUID(),
    iat: now,
    exp: now + 60,
    ...changes.claims,
  };
  const { key = demoWebPrivateJwk, header } = changes;
  const alg = (header?.['alg'] as string | undefined) ?? 'ES256';
  const signingKey =
    key instanceof CryptoKey || key instanceof Uint8Array ? key : await importJWK(key as JWK, alg);
  // Not by the class for JWTs, which refuses to write claims of a wrong type.
  return new CompactSign(Buffer.from(JSON.stringify(claims)))
    .setProtectedHeader({ alg, ...header })
    .sign(signingKey, { crit: { canary: true } });
}

/** Sends a form to an endpoint of the authorization server. */
export function postForm(
  demo: Pick<Demo, 'authorizationOrigin'>,
  path: string,
  form: Form | URLSearchParams,
  headers: Readonly<Record<string, string>> = {},
): Promise<Response> {
  const contentType = { 'content-type': 'application/x-www-form-urlencoded' };
  const body = form instanceof URLSearchParams ? form : toBody(form);
  const init = { method: 'POST', headers: { ...contentType, ...headers }, body };
  return fetch(`${demo.authorizationOrigin}${path}`, init);
}

export function toBody(form: Form): URLSearchParams {
  const given = Object.entries(form).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return new URLSearchParams(given);
}

/** A proof that is valid now, for one of the endpoints; what is changed makes it something else. */
export async function proofFor(
  demo: Demo,
  keyPair: DpopKeyPair,
  changes: { readonly path?: string; readonly nonce?: string | null; readonly now?: number } = {},
): Promise<string> {
  const { path = '/token', nonce = await fetchTokenNonce(demo), now } = changes;
  return createProof(keyPair, {
    method: 'POST',
    url: `${demo.authorizationOrigin}${path}`,
    ...(nonce === null ? {} : { nonce }),
    ...(now === undefined ? {} : { now }),
  });
}

/** Challenged wherever it comes to: too old, and without a nonce. */
export function staleProof(demo: Demo, keyPair: DpopKeyPair, path: string = '/token'): Promise<string> {
  return proofFor(demo, keyPair, { path, nonce: null, now: Date.now() / 1000 - 300 });
}

/** A token request of a client, with a proof by this key; `null`: with none. */
export async function askToken(
  demo: Demo,
  clientId: string,
  form: Form,
  keyPair: DpopKeyPair | null,
): Promise<Response> {
  const headers = keyPair === null ? {} : { dpop: await proofFor(demo, keyPair) };
  return postForm(demo, '/token', { ...(await credentialsOf(demo, clientId)), ...form }, headers);
}

/** A token response. */
export interface Tokens {
  readonly access_token: string;
  readonly token_type: string;
  readonly expires_in: number;
  readonly scope: string;
  readonly refresh_token?: string;
  readonly issued_token_type?: string;
}

/** The same, which must succeed. */
export async function getTokens(
  demo: Demo,
  clientId: string,
  form: Form,
  keyPair: DpopKeyPair | null,
): Promise<Tokens> {
  const response = await askToken(demo, clientId, form, keyPair);
  const text = await response.text();
  if (response.status !== 200) throw new Error(`no token: ${response.status} ${text}`);
  return JSON.parse(text) as Tokens;
}

/** A token request for a code that `alice` has allowed. */
export async function codeForm(
  demo: Demo,
  clientId: string,
  changes: Partial<GrantRequest> = {},
): Promise<Form> {
  const code = await demo.grants.issueCode({
    clientId,
    clientType: clientId === 'demo-spa' ? 'public' : 'confidential',
    subject: 'alice',
    scope: 'notes:read notes:write',
    redirectUri: callback,
    codeChallenge,
    ...(clientId === 'demo-legacy' ? { refresh: 'none', proof: 'optional' } : {}),
    ...changes,
  });
  return { grant_type: 'authorization_code', code, redirect_uri: callback, code_verifier: verifier };
}

/** Tokens of a fresh grant. */
export async function beginGrant(
  demo: Demo,
  clientId: string,
  keyPair: DpopKeyPair | null,
): Promise<Tokens & { readonly refresh_token: string }> {
  const tokens = await getTokens(demo, clientId, await codeForm(demo, clientId), keyPair);
  return { ...tokens, refresh_token: tokens.refresh_token ?? '' };
}

export function refreshForm(refreshToken: string, changes: Form = {}): Form {
  return { grant_type: 'refresh_token', refresh_token: refreshToken, ...changes };
}

export function exchangeForm(subjectToken: string, changes: Form = {}): Form {
  return {
    grant_type: exchange,
    subject_token: subjectToken,
    subject_token_type: accessTokenType,
    ...changes,
  };
}

/** What introspection says to this client about a token. */
export async function introspect(
  demo: Demo,
  token: string,
  clientId: string = 'demo-api',
): Promise<Readonly<Record<string, unknown>>> {
  const response = await postForm(demo, '/introspect', { ...(await credentialsOf(demo, clientId)), token });
  if (response.status !== 200) throw new Error(`no answer: ${response.status} ${await response.text()}`);
  return (await response.json()) as Record<string, unknown>;
}

/** Status and error word of a refusal. */
export async function refusalOf(response: Response): Promise<string> {
  const text = await response.text();
  const { error } = (text.startsWith('{') ? JSON.parse(text) : {}) as { error?: string };
  return `${response.status} ${error ?? text}`;
}

/** A token that the demo's issuer might have signed for `demo-spa`, to vary what the endpoints never do. */
export async function mint(demo: Demo, changes: Partial<TokenRequest>): Promise<string> {
  const { signingKey } = await loadSigningKeys(demo.state.records);
  const issuer = createTokenIssuer({ issuer: demo.authorizationOrigin, signingKey });
  const request = {
    subject: 'alice',
    clientId: 'demo-spa',
    audience: demo.resourceOrigin,
    jkt: undefined,
    scope: 'notes:read',
    ...changes,
  };
  return (await issuer.issue(request)).accessToken;
}

export { generateKeyPair };
