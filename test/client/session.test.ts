import { once } from 'node:events';
import { createServer, type IncomingMessage, type OutgoingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { inspect } from 'node:util';
import { calculateJwkThumbprint, decodeJwt, decodeProtectedHeader, type JWK, SignJWT } from 'jose';
import { calculatePKCECodeChallenge } from 'oauth4webapi';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { DpopClientError } from '../../src/client/errors.ts';
import { createMemoryKeyStore, type KeyStore, rotateKeyPair } from '../../src/client/key-stores.ts';
import { type DpopKeyPair, type DpopSigner, generateKeyPair } from '../../src/client/keys.ts';
import {
  type ClientAuthentication,
  createMemoryTokenStore,
  createSession,
  createStorageTokenStore,
  OAuthErrorAnswer,
  type Session,
  type SessionEvent,
  type SessionLocks,
  type SessionOptions,
  type TokenStore,
  type WebStorage,
} from '../../src/client/session.ts';

const test = suite('createSession');

/** What arrived at the server, which is authorization server and API in one. */
interface Received {
  readonly path: string;
  readonly headers: IncomingMessage['headers'];
  readonly form: URLSearchParams;
}

interface Answer {
  readonly status?: number;
  readonly headers?: OutgoingHttpHeaders;
  readonly body?: string;
  /** The connection breaks instead: the request was seen, the answer is lost. */
  readonly isLost?: boolean;
}

/** `count`: how many requests for this path there have been, with this one. */
type Route = (request: Received, count: number) => Answer | Promise<Answer>;

interface Fake {
  readonly origin: string;
  readonly received: readonly Received[];
  readonly routes: Record<string, Route>;
  readonly close: () => Promise<void>;
}

type Members = Readonly<Record<string, unknown>>;

const open = new Set<Server>();
const redirectUri = 'https://app.example/callback';
const metadataPath = '/.well-known/oauth-authorization-server';
const clientId = 'client';

test.after.each(async () => {
  await Promise.all([...open].map(close));
});

function json(body: unknown, status = 200, headers: OutgoingHttpHeaders = {}): Answer {
  return { status, headers: { 'Content-Type': 'application/json', ...headers }, body: JSON.stringify(body) };
}

function toMetadata(origin: string): Members {
  return {
    issuer: origin,
    authorization_endpoint: `${origin}/authorize`,
    token_endpoint: `${origin}/token`,
    revocation_endpoint: `${origin}/revoke`,
    authorization_response_iss_parameter_supported: true,
    dpop_signing_alg_values_supported: ['ES256', 'Ed25519'],
  };
}

/** What a good server answers the n-th time, changed. */
function tokens(count: number, changes: Members = {}): Answer {
  return json({
    access_token: `access-${count}`,
    refresh_token: `refresh-${count}`,
    token_type: 'DPoP',
    expires_in: 300,
    ...changes,
  });
}

function refuse(error: string): Answer {
  return json({ error }, 400);
}

const fine: Answer = { body: 'fine' };
const invalidToken: Answer = {
  status: 401,
  headers: { 'WWW-Authenticate': 'Bearer, DPoP error="invalid_token"' },
};

async function serve(routes: Record<string, Route> = {}, metadata: Members = {}): Promise<Fake> {
  const received: Received[] = [];
  const all: Record<string, Route> = {
    [metadataPath]: ({ headers }) => json({ ...toMetadata(`http://${headers.host}`), ...metadata }),
    '/token': (_, count) => tokens(count),
    '/revoke': () => ({}),
    '/api': () => fine,
    ...routes,
  };
  const server = createServer(async (request, response) => {
    const path = request.url ?? '';
    const form = new URLSearchParams((await buffer(request)).toString());
    const arrived = { path, headers: request.headers, form };
    received.push(arrived);
    const count = received.filter((each) => each.path === path).length;
    const answer = (await all[path]?.(arrived, count)) ?? { status: 404 };
    const { status = 200, headers = {}, body = '' } = answer;
    if (answer.isLost) response.destroy();
    else response.writeHead(status, headers).end(body);
  });
  open.add(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { origin, received, routes: all, close: () => close(server) };
}

async function close(server: Server): Promise<void> {
  if (!open.delete(server)) return;
  const closed = once(server, 'close');
  server.close();
  server.closeAllConnections();
  await closed;
}

type Changes = Partial<Record<keyof SessionOptions, unknown>>;

function sessionOf({ origin }: Fake, changes: Changes = {}): Session {
  const options = { issuer: origin, clientId, redirectUri, origins: origin, ...changes };
  return createSession(options as SessionOptions);
}

function serviceOf(fake: Fake, changes: Changes = {}): Session {
  const { redirectUri: _, ...options } = {
    redirectUri: undefined,
    clientAuthentication: 'secret',
    ...changes,
  };
  return createSession({ issuer: fake.origin, clientId, origins: fake.origin, ...options } as SessionOptions);
}

/** Where the browser comes back to, with one thing changed. */
async function callbackOf(
  session: Session,
  { origin }: Fake,
  changes: Readonly<Record<string, string | undefined>> = {},
): Promise<URL> {
  const { url } = await session.beginSignIn();
  const callback = new URL(redirectUri);
  const state = new URL(url).searchParams.get('state') ?? '';
  for (const [name, value] of Object.entries({ code: 'the-code', state, iss: origin, ...changes }))
    if (value !== undefined) callback.searchParams.set(name, value);
  return callback;
}

async function signedIn(fake: Fake, changes: Changes = {}): Promise<Session> {
  const session = sessionOf(fake, changes);
  await session.completeSignIn(await callbackOf(session, fake));
  return session;
}

/** Runs with the system's clock ahead. */
async function later<T>(seconds: number, run: () => Promise<T>): Promise<T> {
  const { now } = Date;
  Date.now = () => now() + seconds * 1000;
  try {
    return await run();
  } finally {
    Date.now = now;
  }
}

function at({ received }: Fake, path: string): Received[] {
  return received.filter((each) => each.path === path);
}

function tokensSent(fake: Fake): unknown[] {
  return at(fake, '/api').map(({ headers }) => headers.authorization);
}

function proofOf(request: Received | undefined): string {
  return String(request?.headers['dpop']);
}

function thumbprintOf(request: Received | undefined): Promise<string> {
  return calculateJwkThumbprint(decodeProtectedHeader(proofOf(request)).jwk as JWK);
}

async function errorOf(promise: Promise<unknown>): Promise<DpopClientError> {
  const error = await promise.then(
    () => assert.unreachable(),
    (reason: unknown) => reason,
  );
  return error as DpopClientError;
}

async function assertRefused(promise: Promise<unknown>, code: string): Promise<DpopClientError> {
  const error = await errorOf(promise);
  assert.is(error.code, code, String(error));
  assert.is(error.name, 'DpopClientError');
  return error;
}

/** Shared by "tabs"; what is in it can be looked at. */
function watchedStore(): TokenStore & { readonly texts: Map<string, string> } {
  const texts = new Map<string, string>();
  return {
    texts,
    load: async (name) => texts.get(name),
    save: async (name, text) => void texts.set(name, text),
    delete: async (name) => void texts.delete(name),
  };
}

function contentOf({ texts }: { readonly texts: Map<string, string> }): string {
  return [...texts.values()].join('\n');
}

/** As browsers have it: one at a time for each name. */
function fakeLocks(): SessionLocks & { readonly names: string[] } {
  const names: string[] = [];
  let last: Promise<unknown> = Promise.resolve();
  return {
    names,
    request(name, task) {
      names.push(name);
      const run = last.then(task);
      last = run.catch(() => undefined);
      return run;
    },
  };
}

test('[R9449-10-01] a sign-in asks with PKCE, state and dpop_jkt, and ends with a token that is used', async () => {
  const fake = await serve();
  const session = sessionOf(fake, { scope: 'notes:read', resource: 'https://api.example/' });
  const { url } = await session.beginSignIn({ prompt: 'login', dpop_jkt: 'mine' });
  const asked = new URL(url);
  assert.is(asked.origin + asked.pathname, `${fake.origin}/authorize`);
  const { state = '', code_challenge, dpop_jkt, ...rest } = Object.fromEntries(asked.searchParams);
  assert.equal(rest, {
    client_id: clientId,
    response_type: 'code',
    redirect_uri: redirectUri,
    scope: 'notes:read',
    resource: 'https://api.example/',
    code_challenge_method: 'S256',
    prompt: 'login',
  });
  await session.completeSignIn(`${redirectUri}?code=the-code&state=${state}&iss=${fake.origin}`);
  const [request] = at(fake, '/token');
  const { code_verifier = '', ...form } = Object.fromEntries(request?.form ?? []);
  assert.equal(form, {
    grant_type: 'authorization_code',
    code: 'the-code',
    redirect_uri: redirectUri,
    resource: 'https://api.example/',
    client_id: clientId,
  });
  assert.is(await calculatePKCECodeChallenge(code_verifier), code_challenge);
  assert.is(await thumbprintOf(request), dpop_jkt);
  assert.is(await (await session.fetch(`${fake.origin}/api`)).text(), 'fine');
  assert.equal(tokensSent(fake), ['DPoP access-1']);
  assert.is(await thumbprintOf(at(fake, '/api')[0]), dpop_jkt);
  assert.is(await session.accessToken(), 'access-1');
});

test('[R9449-10.1-01] a server that takes pushed requests is sent the request, and the browser its name', async () => {
  const par: Route = () => json({ request_uri: 'urn:x', expires_in: 60 }, 201);
  const fake = await serve({ '/par': par });
  fake.routes[metadataPath] = () =>
    json({ ...toMetadata(fake.origin), pushed_authorization_request_endpoint: `${fake.origin}/par` });
  const session = sessionOf(fake);
  const { url } = await session.beginSignIn();
  assert.equal(Object.fromEntries(new URL(url).searchParams), { client_id: clientId, request_uri: 'urn:x' });
  const [pushed] = at(fake, '/par');
  assert.is(pushed?.form.get('dpop_jkt'), await thumbprintOf(pushed));
  assert.is(pushed?.form.get('code_challenge_method'), 'S256');
});

for (const [seconds, code] of [
  [600, undefined],
  [90_000, 'unexpected-answer'],
] as const) {
  test(`an ID token of a server whose clock is ${seconds} seconds ahead is ${code ?? 'taken'}`, async () => {
    const fake = await serve();
    const now = Math.floor(Date.now() / 1000) + seconds;
    const idToken = await new SignJWT({ iss: fake.origin, aud: clientId, sub: 'alice', nbf: now })
      .setProtectedHeader({ alg: 'HS256' })
      .setIssuedAt(now)
      .setExpirationTime(now + 60)
      .sign(new Uint8Array(32));
    fake.routes['/.well-known/openid-configuration'] = () =>
      json({ ...toMetadata(fake.origin), id_token_signing_alg_values_supported: ['HS256'] });
    const date = { 'Content-Type': 'application/json', Date: new Date(now * 1000).toUTCString() };
    fake.routes['/token'] = () => ({ ...tokens(1, { id_token: idToken }), headers: date });
    const session = sessionOf(fake, { discovery: 'openid', scope: 'openid' });
    const completed = session.completeSignIn(await callbackOf(session, fake));
    await (code === undefined ? completed : assertRefused(completed, code));
  });
}

test('a server that does not tell the time is taken at ours', async () => {
  const fake = await serve();
  const send: typeof fetch = async (input, init) => {
    const response = await fetch(input, init);
    const { status } = response;
    const headers = new Headers(response.headers);
    headers.delete('Date');
    return new Response(await response.text(), { status, headers });
  };
  assert.ok(await (await signedIn(fake, { fetch: send })).isSignedIn());
});

for (const type of ['DPoP', 'dpop', 'DPOP']) {
  test(`[R6749-5.1-02] [M06] a token of type ${type} is taken`, async () => {
    const session = await signedIn(await serve({ '/token': () => tokens(1, { token_type: type }) }));
    assert.is(await session.accessToken(), 'access-1');
  });
}

for (const type of ['Bearer', 'bearer', 'mac', 'N_A']) {
  test(`[R9449-5-10] [R6749-5.1-02] [M06] a token of type ${type} is refused, and nothing of it is kept`, async () => {
    const tokenStore = watchedStore();
    const fake = await serve({ '/token': () => tokens(1, { token_type: type }) });
    const session = sessionOf(fake, { tokenStore });
    await assertRefused(session.completeSignIn(await callbackOf(session, fake)), 'token-not-bound');
    assert.not.match(contentOf(tokenStore), /access-1|refresh-1/);
    await assertRefused(session.fetch(`${fake.origin}/api`), 'sign-in-required');
    assert.equal(at(fake, '/api'), []);
  });

  test(`[R9449-5-10] a type that changes to ${type} with a refresh is refused; the old token goes on while it is good`, async () => {
    const tokenStore = watchedStore();
    const fake = await serve({
      '/token': (_, count) => tokens(count, count === 1 ? {} : { token_type: type }),
    });
    const session = await signedIn(fake, { tokenStore });
    await later(280, async () => assert.is(await session.accessToken(), 'access-1'));
    await later(301, () => assertRefused(session.accessToken(), 'token-not-bound'));
    assert.match(contentOf(tokenStore), 'refresh-1');
    assert.not.match(contentOf(tokenStore), /access-[23]|refresh-[23]/);
  });
}

const badAnswers: readonly (readonly [what: string, answer: Answer, code: string])[] = [
  ['no token_type', tokens(1, { token_type: undefined }), 'unexpected-answer'],
  ['no access_token', tokens(1, { access_token: undefined }), 'unexpected-answer'],
  ['an access_token that cannot be sent', tokens(1, { access_token: 'a b' }), 'unexpected-answer'],
  ['an expires_in that is no number', tokens(1, { expires_in: 'soon' }), 'unexpected-answer'],
  ['a refresh_token that is none', tokens(1, { refresh_token: 7 }), 'unexpected-answer'],
  ['an ID token that is none', tokens(1, { id_token: 'a.b.c' }), 'unexpected-answer'],
  ['HTML', { headers: { 'Content-Type': 'text/html' }, body: '<p>Welcome' }, 'unexpected-answer'],
  ['nothing', {}, 'unexpected-answer'],
  ['a list', json([]), 'unexpected-answer'],
  ['a text without end', tokens(1, { pad: 'x'.repeat(1_100_000) }), 'unexpected-answer'],
  ['a redirect', { status: 307, headers: { Location: 'https://evil.example/' } }, 'unexpected-answer'],
  ['503', { status: 503, body: 'busy' }, 'server-unavailable'],
  ['429', { status: 429 }, 'server-unavailable'],
  ['404', { status: 404 }, 'unexpected-answer'],
  ['invalid_grant', refuse('invalid_grant'), 'token-refused'],
  ['an error that repeats the code', refuse('the-code'), 'token-refused'],
  [
    'invalid_client with a challenge',
    json({ error: 'invalid_client' }, 401, { 'WWW-Authenticate': 'Basic' }),
    'token-refused',
  ],
  ['a challenge without a nonce', refuse('use_dpop_nonce'), 'token-refused'],
  [
    'a nonce of 10 kB',
    json({ error: 'use_dpop_nonce' }, 400, { 'DPoP-Nonce': 'n'.repeat(10_240) }),
    'token-refused',
  ],
  ['two nonces', json({ error: 'use_dpop_nonce' }, 400, { 'DPoP-Nonce': ['one', 'two'] }), 'token-refused'],
];

for (const [what, answer, code] of badAnswers) {
  test(`a token endpoint that answers ${what} is an error, ${code}, and nothing is kept`, async () => {
    const tokenStore = watchedStore();
    const fake = await serve({ '/token': () => answer });
    const session = sessionOf(fake, { tokenStore });
    const callback = await callbackOf(session, fake);
    const error = await assertRefused(session.completeSignIn(callback), code);
    assert.is(at(fake, '/token').length, 1);
    assert.is(contentOf(tokenStore), '');
    assert.not.match(inspect(error, { depth: 9, showHidden: true }), /the-code|access-1|refresh-1/);
  });
}

test('[M01] a server that challenges for ever, with a new nonce each time, is asked twice', async () => {
  const fake = await serve({
    '/token': (_, count) => json({ error: 'use_dpop_nonce' }, 400, { 'DPoP-Nonce': `n${count}` }),
  });
  const session = sessionOf(fake);
  const { cause } = await assertRefused(
    session.completeSignIn(await callbackOf(session, fake)),
    'token-refused',
  );
  assert.instance(cause, OAuthErrorAnswer);
  assert.is((cause as OAuthErrorAnswer).error, 'use_dpop_nonce');
  assert.is(at(fake, '/token').length, 2);
});

test('[M08] a client whose clock is ten minutes off signs in after one more request', async () => {
  const date = new Date(Date.now() + 600_000).toUTCString();
  const fake = await serve({
    '/token': (request, count) =>
      Math.abs(Number(decodeJwt(proofOf(request)).iat) * 1000 - Date.parse(date)) < 60_000
        ? tokens(count)
        : json({ error: 'invalid_dpop_proof' }, 400, { Date: date }),
  });
  const events: SessionEvent[] = [];
  await signedIn(fake, { observe: (event: SessionEvent) => events.push(event) });
  assert.equal(
    events.map(({ type }) => type),
    ['clock-corrected', 'repeated'],
  );
});

const badMetadata: readonly (readonly [what: string, changes: Members, code: string])[] = [
  ['another issuer', { issuer: 'https://other.example' }, 'unexpected-answer'],
  ['an issuer that is no URL', { issuer: 'other' }, 'unexpected-answer'],
  ['no issuer', { issuer: undefined }, 'unexpected-answer'],
  ['no token endpoint', { token_endpoint: undefined }, 'unexpected-answer'],
  ['a token endpoint that is no URL', { token_endpoint: '/token' }, 'unexpected-answer'],
  ['a token endpoint without https', { token_endpoint: 'http://as.example/token' }, 'insecure-url'],
  [
    'an authorization endpoint without https',
    { authorization_endpoint: 'http://as.example/' },
    'insecure-url',
  ],
  ['no authorization endpoint', { authorization_endpoint: undefined }, 'unexpected-answer'],
  [
    'pushed requests demanded but not taken',
    { require_pushed_authorization_requests: true },
    'unexpected-answer',
  ],
  [
    '[R9449-5.1-02] algorithms without ours',
    { dpop_signing_alg_values_supported: ['RS256'] },
    'unsupported-algorithm',
  ],
  ['algorithms that are no list', { dpop_signing_alg_values_supported: 'ES256' }, 'unsupported-algorithm'],
];

for (const [what, changes, code] of badMetadata) {
  test(`[R8414-3.3-01] metadata with ${what} is refused, and nothing else is sent`, async () => {
    const fake = await serve({}, changes);
    await assertRefused(sessionOf(fake).beginSignIn(), code);
    assert.equal(
      fake.received.map(({ path }) => path),
      [metadataPath],
    );
  });
}

test('[R8414-3.3-01] an issuer that is spelled in another way is another issuer', async () => {
  const fake = await serve();
  await assertRefused(sessionOf(fake, { issuer: `${fake.origin}/` }).beginSignIn(), 'unexpected-answer');
});

test('metadata that could not be read is asked for again; what was read is kept', async () => {
  const fake = await serve();
  const good = fake.routes[metadataPath] as Route;
  fake.routes[metadataPath] = (request, count) => (count === 1 ? { status: 503 } : good(request, count));
  const session = sessionOf(fake);
  await assertRefused(session.beginSignIn(), 'server-unavailable');
  await session.beginSignIn();
  await session.beginSignIn();
  assert.is(at(fake, metadataPath).length, 2);
});

test('a server whose metadata names no algorithms is tried', async () => {
  const fake = await serve({}, { dpop_signing_alg_values_supported: undefined });
  assert.ok(await (await signedIn(fake, { algorithm: 'Ed25519' })).isSignedIn());
});

test('a request that takes too long ends', async () => {
  const fake = await serve({ '/token': () => new Promise<Answer>(() => undefined) });
  const session = sessionOf(fake, { timeout: 0.2 });
  const error = await assertRefused(
    session.completeSignIn(await callbackOf(session, fake)),
    'server-unavailable',
  );
  assert.is((error.cause as Error).name, 'TimeoutError');
});

test('the time limit reaches the fetch underneath itself: none that follows it may be lost', async () => {
  const fake = await serve();
  const signals: unknown[] = [];
  const underneath: typeof fetch = (input, init) => {
    if (input instanceof Request && input.url.endsWith('/token')) signals.push(init?.signal);
    return fetch(input, init);
  };
  await signedIn(fake, { fetch: underneath });
  assert.is(signals.length, 1);
  assert.instance(signals[0], AbortSignal);
});

const strayCallbacks: readonly (readonly [
  what: string,
  changes: Readonly<Record<string, string | undefined>>,
])[] = [
  ['another state', { state: 'x' }],
  ['no state', { state: undefined }],
  ['another iss', { iss: 'https://other.example' }],
  ['no iss where there should be one', { iss: undefined }],
  ['a token in it', { token: 'x' }],
];

for (const [what, changes] of strayCallbacks) {
  test(`a callback with ${what} is refused; the sign-in goes on`, async () => {
    const fake = await serve();
    const session = sessionOf(fake);
    const good = await callbackOf(session, fake);
    const stray = new URL(good);
    for (const [name, value] of Object.entries(changes))
      value === undefined ? stray.searchParams.delete(name) : stray.searchParams.set(name, value);
    await assertRefused(session.completeSignIn(stray), 'invalid-callback');
    assert.equal(at(fake, '/token'), []);
    await session.completeSignIn(good);
  });
}

test('a callback without a code is an error, and the sign-in is over', async () => {
  const fake = await serve();
  const session = sessionOf(fake);
  const callback = await callbackOf(session, fake, { code: undefined });
  await assertRefused(session.completeSignIn(callback), 'unexpected-answer');
  await assertRefused(session.completeSignIn(callback), 'invalid-callback');
});

test('a callback is good once, and must be a URL', async () => {
  const fake = await serve();
  const session = sessionOf(fake);
  const callback = await callbackOf(session, fake);
  await session.completeSignIn(callback);
  await assertRefused(session.completeSignIn(callback), 'invalid-callback');
  await assertRefused(session.completeSignIn('?code=x'), 'invalid-callback');
  assert.is(at(fake, '/token').length, 1);
});

test('what the person denies ends the sign-in, and says what the server said', async () => {
  const fake = await serve();
  const session = sessionOf(fake);
  const callback = await callbackOf(session, fake, { error: 'access_denied', code: undefined });
  const { cause } = await assertRefused(session.completeSignIn(callback), 'sign-in-refused');
  assert.is((cause as OAuthErrorAnswer).error, 'access_denied');
  await assertRefused(session.completeSignIn(callback), 'invalid-callback');
});

test('metadata that cannot be read at the callback leaves the sign-in under way', async () => {
  const fake = await serve();
  const shared = { keyStore: createMemoryKeyStore(), tokenStore: createMemoryTokenStore() };
  const callback = await callbackOf(sessionOf(fake, shared), fake);
  const good = fake.routes[metadataPath] as Route;
  fake.routes[metadataPath] = () => ({ status: 503 });
  await assertRefused(sessionOf(fake, shared).completeSignIn(callback), 'server-unavailable');
  fake.routes[metadataPath] = good;
  await sessionOf(fake, shared).completeSignIn(callback); // in a page that was loaded anew
});

test('a code whose key is gone is not redeemed: sign-in-required', async () => {
  const fake = await serve();
  const tokenStore = createMemoryTokenStore();
  const callback = await callbackOf(sessionOf(fake, { tokenStore }), fake);
  await assertRefused(sessionOf(fake, { tokenStore }).completeSignIn(callback), 'sign-in-required');
  assert.equal(at(fake, '/token'), []);
});

test('several tabs may sign in at once; the five that began last are remembered', async () => {
  const fake = await serve();
  const session = sessionOf(fake);
  const callbacks: URL[] = [];
  for (let tab = 0; tab < 6; tab += 1) callbacks.push(await callbackOf(session, fake));
  const [oldest, ...others] = callbacks as [URL, ...URL[]];
  await assertRefused(session.completeSignIn(oldest), 'invalid-callback');
  for (const callback of others) await session.completeSignIn(callback);
});

test('[R9449-5-08] a public client signs in again, and refreshes, with the same key', async () => {
  const fake = await serve();
  const shared = { keyStore: createMemoryKeyStore(), tokenStore: createMemoryTokenStore() };
  await signedIn(fake, shared);
  const reloaded = sessionOf(fake, shared);
  await later(280, () => reloaded.accessToken());
  await reloaded.completeSignIn(await callbackOf(reloaded, fake));
  const keys = await Promise.all(at(fake, '/token').map(thumbprintOf));
  assert.is(keys.length, 3);
  assert.is(new Set(keys).size, 1);
});

test('a token is renewed ahead of its end, and its successor is in the store before it is used', async () => {
  const tokenStore = watchedStore();
  const fake = await serve({ '/api': () => ({ body: contentOf(tokenStore) }) });
  const session = await signedIn(fake, { tokenStore });
  const call = async (): Promise<string> => (await session.fetch(`${fake.origin}/api`)).text();
  await later(265, call);
  assert.is(at(fake, '/token').length, 1);
  const stored = await later(275, call);
  assert.match(stored, 'refresh-2');
  assert.not.match(stored, 'refresh-1');
  const [, refresh] = at(fake, '/token');
  assert.equal(Object.fromEntries(refresh?.form ?? []), {
    grant_type: 'refresh_token',
    refresh_token: 'refresh-1',
    client_id: clientId,
  });
  assert.equal(tokensSent(fake), ['DPoP access-1', 'DPoP access-2']);
});

test('a refresh token that is not replaced is kept; a token without an end is not renewed', async () => {
  const fake = await serve({
    '/token': (_, count) =>
      tokens(count, count === 1 ? {} : { refresh_token: undefined, expires_in: undefined }),
  });
  const session = await signedIn(fake);
  await later(280, () => session.accessToken());
  await later(1e6, () => session.accessToken());
  assert.is(at(fake, '/token').length, 2);
  fake.routes['/api'] = (_, count) => (count === 1 ? invalidToken : fine);
  assert.is((await session.fetch(`${fake.origin}/api`)).status, 200);
  assert.is(at(fake, '/token')[2]?.form.get('refresh_token'), 'refresh-1');
});

test('of fifty calls at the end of a token one refreshes, and all use what it got', async () => {
  const fake = await serve();
  const session = await signedIn(fake);
  await later(400, () => Promise.all(Array.from({ length: 50 }, () => session.fetch(`${fake.origin}/api`))));
  assert.is(at(fake, '/token').length, 2);
  assert.equal(tokensSent(fake), Array(50).fill('DPoP access-2'));
});

test('of two tabs that share a store and locks one refreshes, and the other takes over what it got', async () => {
  const fake = await serve();
  const locks = fakeLocks();
  const shared = { keyStore: createMemoryKeyStore(), tokenStore: createMemoryTokenStore(), locks };
  const tabs = [await signedIn(fake, shared), sessionOf(fake, shared)];
  const got = await later(400, () => Promise.all(tabs.map((tab) => tab.accessToken())));
  assert.equal(got, ['access-2', 'access-2']);
  assert.is(at(fake, '/token').length, 2);
  assert.is(new Set(locks.names).size, 1);
  assert.match(locks.names[0] ?? '', /^holdfast\.http/);
});

test('the locks of the browser are used where there are any', async () => {
  const known = Object.getOwnPropertyDescriptor(globalThis, 'navigator');
  const locks = fakeLocks();
  const fake = await serve();
  try {
    Object.defineProperty(globalThis, 'navigator', { value: undefined, configurable: true });
    await signedIn(fake);
    Object.defineProperty(globalThis, 'navigator', { value: { locks }, configurable: true });
    await signedIn(fake, { name: 'notes' });
  } finally {
    Reflect.deleteProperty(globalThis, 'navigator');
    if (known !== undefined) Object.defineProperty(globalThis, 'navigator', known);
  }
  assert.equal(locks.names, ['holdfast.notes', 'holdfast.notes']);
});

test('[J10] without locks, a refresh token that another tab has just used is no end: its tokens are taken over', async () => {
  const fake = await serve();
  const shared = { keyStore: createMemoryKeyStore(), tokenStore: createMemoryTokenStore() };
  const tabs = [await signedIn(fake, shared), sessionOf(fake, shared)];
  fake.routes['/token'] = async ({ form }, count) => {
    if (count === 2) return tokens(2);
    assert.is(form.get('refresh_token'), 'refresh-1');
    await tabs[0]?.accessToken(); // the other one has its answer by now
    return refuse('invalid_grant');
  };
  const got = await later(400, () => Promise.all(tabs.map((tab) => tab.accessToken())));
  assert.equal(got, ['access-2', 'access-2']);
});

test('a token that the API refuses is renewed, once, and the call is sent again', async () => {
  const fake = await serve({ '/api': (_, count) => (count === 1 ? invalidToken : fine) });
  const session = await signedIn(fake);
  const response = await session.fetch(`${fake.origin}/api`, { method: 'POST', body: 'a=1' });
  assert.is(await response.text(), 'fine');
  assert.equal(tokensSent(fake), ['DPoP access-1', 'DPoP access-2']);
  assert.equal(
    at(fake, '/api').map(({ form }) => form.get('a')),
    ['1', '1'],
  );
});

test('a URL that changes during a call does not change where it goes', async () => {
  const fake = await serve({
    '/api': (_, count) => (count === 1 ? invalidToken : fine),
    '/other': () => fine,
  });
  const session = await signedIn(fake);
  const url = new URL(`${fake.origin}/api`);
  const answered = session.fetch(url);
  url.pathname = '/other';
  assert.is((await answered).status, 200);
  assert.is(at(fake, '/api').length, 2);
  assert.is(at(fake, '/other').length, 0);
});

test('[M01] an API that refuses every token is asked twice', async () => {
  const fake = await serve({ '/api': () => invalidToken });
  const session = await signedIn(fake);
  assert.is((await session.fetch(`${fake.origin}/api`)).status, 401);
  assert.equal(tokensSent(fake), ['DPoP access-1', 'DPoP access-2']);
});

test('without locks, a sign-out in another tab during a refresh is not undone by it', async () => {
  const fake = await serve();
  const tokenStore = watchedStore();
  const shared = { keyStore: createMemoryKeyStore(), tokenStore };
  const [session, other] = [await signedIn(fake, shared), sessionOf(fake, shared)];
  fake.routes['/token'] = async (_, count) => {
    await other.signOut();
    return tokens(count);
  };
  await later(400, () => assertRefused(session.accessToken(), 'sign-in-required'));
  assert.is(contentOf(tokenStore), '');
});

test('without locks, what another tab has written during a refresh is not overwritten by it', async () => {
  const fake = await serve();
  const shared = { keyStore: createMemoryKeyStore(), tokenStore: createMemoryTokenStore() };
  const [session, other] = [await signedIn(fake, shared), sessionOf(fake, shared)];
  const meanwhile = (write: () => Promise<unknown>, answer: Answer): void => {
    fake.routes['/token'] = async () => {
      fake.routes['/token'] = (_, count) => tokens(count);
      await write();
      return answer;
    };
  };
  await later(400, async () => {
    meanwhile(() => other.accessToken(), { status: 503 });
    await errorOf(session.accessToken());
    assert.is(await session.accessToken(), 'access-3');
  });
  await later(680, async () => {
    meanwhile(() => other.accessToken(), { status: 503 });
    await session.accessToken();
    assert.is(await session.accessToken(), 'access-5');
  });
  await later(1100, async () => {
    meanwhile(async () => {
      await other.signOut();
      await other.completeSignIn(await callbackOf(other, fake));
    }, tokens(99));
    assert.is(await session.accessToken(), 'access-7');
    assert.is(await other.accessToken(), 'access-7');
  });
});

test('[R9449-8.2-02] the nonce of a server is kept from one renewal to the next, whatever the key store hands out', async () => {
  const fake = await serve({
    '/token': (request, count) =>
      decodeJwt(proofOf(request))['nonce'] === 'n1'
        ? tokens(count)
        : json({ error: 'use_dpop_nonce' }, 400, { 'DPoP-Nonce': 'n1' }),
  });
  const memory = createMemoryKeyStore();
  const load = async (name: string): Promise<DpopKeyPair | undefined> => {
    const keyPair = await memory.load(name);
    return keyPair && { ...keyPair }; // as from a file or a database
  };
  const keyStore: KeyStore = {
    keeps: memory.keeps,
    load,
    add: (name, keyPair) => memory.add(name, keyPair),
    save: (name, keyPair) => memory.save(name, keyPair),
    copy: (name, other) => memory.copy(name, other),
    delete: (name) => memory.delete(name),
  };
  const session = await signedIn(fake, { keyStore, clientAuthentication: 'secret' });
  await later(400, () => session.accessToken());
  await later(800, () => session.accessToken());
  assert.is(at(fake, '/token').length, 4, 'one challenge in all');
});

const challenges: readonly (readonly [challenge: string | readonly string[], refusals: number])[] = [
  ['DPoP error="invalid_token"', 1],
  ['dpop ERROR=invalid_token', 1],
  ['DPoP algs="ES256 Ed25519", error = "invalid_token", realm="a, b"', 1],
  [
    'Bearer error="invalid_request", realm="a \\" b", DPoP realm="c", error="invalid_token", Basic realm="d"',
    1,
  ],
  [['Bearer realm="a"', 'DPOP error="invalid_token"'], 1],
  ['DPoP error="insufficient_scope"', 0],
  ['DPoP algs="ES256", Bearer error="invalid_token"', 0],
  ['Bearer error="invalid_token"', 0],
  ['DPoP error_description="error=invalid_token"', 0],
  ['DPoP error="invalid_token_x"', 0],
  ['DPoP', 0],
  [[], 0],
];

for (const [challenge, refusals] of challenges) {
  test(`[R9449-7.1-09] [R9449-7.1-12] [M02] ${inspect(challenge)} ${refusals ? 'asks for another token' : 'is returned'}`, async () => {
    const headers = { 'WWW-Authenticate': challenge as string[] };
    const fake = await serve({ '/api': (_, count) => (count === 1 ? { status: 401, headers } : fine) });
    const session = await signedIn(fake);
    assert.is((await session.fetch(`${fake.origin}/api`)).status, refusals ? 200 : 401);
    assert.is(at(fake, '/token').length, 1 + refusals);
  });
}

test('a refusal of a token is one only with status 401', async () => {
  const fake = await serve({ '/api': () => ({ ...invalidToken, status: 403 }) });
  const session = await signedIn(fake);
  assert.is((await session.fetch(`${fake.origin}/api`)).status, 403);
  assert.is(at(fake, '/token').length, 1);
});

test('a refusal after which the same token is given again is returned', async () => {
  const fake = await serve({ '/api': () => invalidToken, '/token': () => tokens(1) });
  const session = await signedIn(fake);
  assert.is((await session.fetch(`${fake.origin}/api`)).status, 401);
  assert.is(at(fake, '/api').length, 1);
});

for (const [what, call] of [
  ['a stream', (url: string) => [url, { method: 'POST', body: new Blob(['x']).stream(), duplex: 'half' }]],
  ['an iterable', (url: string) => [url, { method: 'POST', body: chunks('x'), duplex: 'half' }]],
  ['in a Request', (url: string) => [new Request(url, { method: 'POST', body: 'x' })]],
] as const) {
  test(`[M09] a body that is ${what} is not sent again: the refusal is returned, the token is renewed`, async () => {
    const fake = await serve({ '/api': (_, count) => (count === 1 ? invalidToken : fine) });
    const session = await signedIn(fake);
    const [input, init] = call(`${fake.origin}/api`) as Parameters<typeof fetch>;
    assert.is((await session.fetch(input, init)).status, 401);
    assert.is((await session.fetch(new URL(`${fake.origin}/api`))).status, 200);
    assert.equal(tokensSent(fake), ['DPoP access-1', 'DPoP access-2']);
  });
}

async function* chunks(text: string): AsyncGenerator<Uint8Array> {
  yield new TextEncoder().encode(text);
}

test('[M05] neither token nor refresh goes out for another origin', async () => {
  const fake = await serve();
  const session = await signedIn(fake);
  await later(400, () => assertRefused(session.fetch('https://evil.example/'), 'origin-not-allowed'));
  const request = new Request('https://evil.example/');
  await assertRefused(session.fetch(request), 'origin-not-allowed');
  assert.is(at(fake, '/token').length, 1);
});

test('[J10] a refresh token that is refused ends the session, once, whatever calls wait', async () => {
  const tokenStore = watchedStore();
  const events: string[] = [];
  const fake = await serve();
  const session = await signedIn(fake, {
    tokenStore,
    observe: ({ type }: SessionEvent) => events.push(type),
  });
  fake.routes['/token'] = () => refuse('invalid_grant');
  await later(400, async () => {
    const calls = Array.from({ length: 10 }, () => session.fetch(`${fake.origin}/api`));
    for (const call of calls) {
      const { cause } = await assertRefused(call, 'sign-in-required');
      assert.is((cause as OAuthErrorAnswer).error, 'invalid_grant');
    }
    await assertRefused(session.accessToken(), 'sign-in-required');
  });
  assert.is(at(fake, '/token').length, 2);
  assert.equal(at(fake, '/api'), []);
  assert.is(contentOf(tokenStore), '');
  assert.equal(events, ['tokens-forgotten']);
  assert.not.ok(await session.isSignedIn());
});

test('a key that is gone ends the session of a public client: sign-in-required, tokens forgotten', async () => {
  const fake = await serve();
  const tokenStore = watchedStore();
  await signedIn(fake, { tokenStore });
  const reloaded = sessionOf(fake, { tokenStore });
  assert.not.ok(await reloaded.isSignedIn());
  await assertRefused(reloaded.fetch(`${fake.origin}/api`), 'sign-in-required');
  assert.is(contentOf(tokenStore), '');
  assert.is(at(fake, '/token').length, 1);
});

test('a sign-in after the key is gone leaves the tokens of that key behind', async () => {
  const fake = await serve();
  const tokenStore = watchedStore();
  await signedIn(fake, { tokenStore });
  await sessionOf(fake, { tokenStore }).beginSignIn();
  assert.not.match(contentOf(tokenStore), 'access-1');
});

test('a token that can be neither used nor renewed ends the session', async () => {
  const fake = await serve({ '/token': () => tokens(1, { refresh_token: undefined }) });
  const session = await signedIn(fake);
  await later(299, async () => assert.is(await session.accessToken(), 'access-1'));
  await later(301, async () => {
    assert.not.ok(await session.isSignedIn());
    await assertRefused(session.accessToken(), 'sign-in-required');
  });
  assert.is(at(fake, '/token').length, 1);
});

test('while there is trouble the old token is used, and no second attempt made before its end', async () => {
  const tokenStore = watchedStore();
  const events: SessionEvent[] = [];
  const fake = await serve();
  const session = await signedIn(fake, { tokenStore, observe: (event: SessionEvent) => events.push(event) });
  fake.routes['/token'] = () => ({ status: 503 });
  await later(280, async () => {
    for (let call = 0; call < 3; call += 1)
      assert.is((await session.fetch(`${fake.origin}/api`)).status, 200);
  });
  assert.is(at(fake, '/token').length, 2);
  assert.equal(events, [{ type: 'renewal-failed', code: 'server-unavailable' }]);
  await later(301, () => assertRefused(session.fetch(`${fake.origin}/api`), 'server-unavailable'));
  assert.match(contentOf(tokenStore), 'refresh-1');
  fake.routes['/token'] = () => tokens(2);
  await later(302, async () => assert.is(await session.accessToken(), 'access-2'));
});

test('[R9700-2.2.2-01] a refresh whose answer is lost is not repeated while the old token is good', async () => {
  const fake = await serve({ '/token': (_, count) => (count === 2 ? { isLost: true } : tokens(count)) });
  const session = await signedIn(fake);
  await later(280, async () => {
    for (let call = 0; call < 3; call += 1) assert.is(await session.accessToken(), 'access-1');
  });
  assert.is(at(fake, '/token').length, 2);
  await later(301, async () => assert.is(await session.accessToken(), 'access-3'));
});

test('a server that is gone is an error with its cause, and nothing is forgotten', async () => {
  const tokenStore = watchedStore();
  const fake = await serve();
  const session = await signedIn(fake, { tokenStore });
  await fake.close();
  await later(280, async () => assert.is(await session.accessToken(), 'access-1'));
  const { cause } = await later(301, () => assertRefused(session.accessToken(), 'server-unavailable'));
  assert.instance(cause, TypeError);
  assert.match(contentOf(tokenStore), 'refresh-1');
});

test('trouble with a token that has no end, and is refused, is an error', async () => {
  const fake = await serve({
    '/token': () => tokens(1, { expires_in: undefined }),
    '/api': () => invalidToken,
  });
  const session = await signedIn(fake);
  fake.routes['/token'] = () => ({ status: 503 });
  await assertRefused(session.fetch(`${fake.origin}/api`), 'server-unavailable');
  assert.is(await session.accessToken(), 'access-1');
});

test('[R9449-5-02] a service gets its token by itself, and again when it has ended', async () => {
  const fake = await serve({ '/token': (_, count) => tokens(count, { refresh_token: undefined }) });
  const session = serviceOf(fake, { scope: 'notes:read', resource: 'https://api.example/' });
  assert.not.ok(await session.isSignedIn());
  await Promise.all([1, 2].map(() => session.fetch(`${fake.origin}/api`)));
  await later(400, () => session.fetch(`${fake.origin}/api`));
  assert.equal(tokensSent(fake), ['DPoP access-1', 'DPoP access-1', 'DPoP access-2']);
  const [first] = at(fake, '/token');
  assert.equal(Object.fromEntries(first?.form ?? []), {
    grant_type: 'client_credentials',
    scope: 'notes:read',
    resource: 'https://api.example/',
  });
  assert.is(first?.headers.authorization, `Basic ${btoa('client:secret')}`);
  await session.requestToken();
  assert.is(await session.accessToken(), 'access-3');
  await assertTypeError(() => session.beginSignIn(), 'redirectUri');
});

test('a service whose key is gone makes another one, and a client that signs people in may act for itself', async () => {
  const fake = await serve({ '/token': (_, count) => tokens(count, { refresh_token: undefined }) });
  const tokenStore = createMemoryTokenStore();
  await sessionOf(fake, { tokenStore, clientAuthentication: 'secret' }).requestToken();
  const reloaded = sessionOf(fake, { tokenStore, clientAuthentication: 'secret' });
  assert.is(await reloaded.accessToken(), 'access-2');
  const keys = await Promise.all(at(fake, '/token').map(thumbprintOf));
  assert.is(new Set(keys).size, 2);
  await assertTypeError(() => sessionOf(fake).requestToken(), 'clientAuthentication');
});

test('a secret goes into the form where the server takes it in no other way', async () => {
  const fake = await serve({}, { token_endpoint_auth_methods_supported: ['client_secret_post'] });
  await serviceOf(fake).requestToken();
  const [request] = at(fake, '/token');
  assert.equal(Object.fromEntries(request?.form ?? []), {
    grant_type: 'client_credentials',
    client_id: clientId,
    client_secret: 'secret',
  });
  assert.is(request?.headers.authorization, undefined);
});

test('[R9449-8-02] a client shows who it is for each attempt anew: an assertion is good once', async () => {
  let made = 0;
  const clientAuthentication: ClientAuthentication = async (_server, client, body) => {
    body.set('client_id', client.client_id);
    body.set('client_assertion', `assertion-${++made}`);
  };
  const fake = await serve({
    '/token': (_, count) =>
      count === 1 ? json({ error: 'use_dpop_nonce' }, 400, { 'DPoP-Nonce': 'n1' }) : tokens(count),
  });
  await serviceOf(fake, { clientAuthentication }).requestToken();
  assert.equal(
    at(fake, '/token').map(({ form }) => form.get('client_assertion')),
    ['assertion-1', 'assertion-2'],
  );
});

for (const [what, thrown] of [
  ['an error', new Error('the vault is closed')],
  ['something else', 'closed'],
] as const) {
  test(`a client that cannot show who it is, with ${what}, sends nothing`, async () => {
    const clientAuthentication = (): never => {
      throw thrown;
    };
    const fake = await serve();
    await assertRefused(serviceOf(fake, { clientAuthentication }).accessToken(), 'client-not-authenticated');
    assert.equal(at(fake, '/token'), []);
  });
}

test('[R9449-5-08] a confidential client may change its key: the old token goes on, the next one is for the new key', async () => {
  const fake = await serve();
  const keyStore = createMemoryKeyStore();
  const tokenStore = createMemoryTokenStore();
  const options = { keyStore, tokenStore, clientAuthentication: 'secret', name: 'web' };
  await signedIn(fake, options);
  const { keyPair, former } = await rotateKeyPair(keyStore, 'web');
  const session = sessionOf(fake, options);
  await session.fetch(`${fake.origin}/api`);
  const { url } = await session.beginSignIn();
  assert.is(new URL(url).searchParams.get('dpop_jkt'), keyPair.jkt);
  await later(280, () => session.fetch(`${fake.origin}/api`));
  assert.equal(await Promise.all(at(fake, '/api').map(thumbprintOf)), [former?.jkt, keyPair.jkt]);
});

test('[R7009-2.1-01] signing out forgets the tokens and revokes both; the key stays unless told otherwise', async () => {
  const fake = await serve();
  const [keyStore, tokenStore] = [createMemoryKeyStore(), watchedStore()];
  const options = { keyStore, tokenStore, name: 'web' };
  const session = await signedIn(fake, options);
  assert.equal(await session.signOut(), { revoked: true });
  assert.equal(
    at(fake, '/revoke').map(({ form }) => Object.fromEntries(form)),
    [
      { token: 'refresh-1', token_type_hint: 'refresh_token', client_id: clientId },
      { token: 'access-1', token_type_hint: 'access_token', client_id: clientId },
    ],
  );
  assert.is(contentOf(tokenStore), '');
  assert.ok(await keyStore.load('web'));
  assert.equal(await session.signOut({ key: 'delete' }), { revoked: true });
  assert.is(await keyStore.load('web'), undefined);
  assert.is(at(fake, '/revoke').length, 2);
  await assertTypeError(() => session.signOut({ key: 'drop' as 'keep' }), 'key');
  await assertRefused(session.accessToken(), 'sign-in-required');
});

test('signing out works without the server: it says that nothing was revoked', async () => {
  const events: SessionEvent[] = [];
  const fake = await serve({ '/token': () => tokens(1, { refresh_token: undefined }) });
  const session = await signedIn(fake, { observe: (event: SessionEvent) => events.push(event) });
  fake.routes['/revoke'] = () => ({ status: 503 });
  assert.equal(await session.signOut(), { revoked: false });
  assert.equal(events, [{ type: 'revocation-failed', code: 'server-unavailable' }]);
  assert.not.ok(await session.isSignedIn());
});

test('signing out without the key drops the tokens: nobody can use them', async () => {
  const fake = await serve();
  const tokenStore = watchedStore();
  await signedIn(fake, { tokenStore });
  assert.equal(await sessionOf(fake, { tokenStore }).signOut(), { revoked: false });
  assert.is(contentOf(tokenStore), '');
  assert.equal(at(fake, '/revoke'), []);
});

test('another session that begins during a call, with another key, ends the call', async () => {
  const fake = await serve();
  const [keyStore, tokenStore] = [createMemoryKeyStore(), watchedStore()];
  const session = await signedIn(fake, { keyStore, tokenStore });
  fake.routes['/api'] = async () => {
    await session.signOut({ key: 'delete' });
    await session.completeSignIn(await callbackOf(session, fake));
    return {
      status: 401,
      headers: { 'WWW-Authenticate': 'DPoP error="use_dpop_nonce"', 'DPoP-Nonce': 'n1' },
    };
  };
  await assertRefused(session.fetch(`${fake.origin}/api`), 'sign-in-required');
  fake.routes['/api'] = () => fine;
  assert.is((await session.fetch(`${fake.origin}/api`)).status, 200);
});

test('tokens in a page’s storage are there after a reload', async () => {
  const storage = fakeStorage();
  const fake = await serve();
  const keyStore = createMemoryKeyStore(); // a page has one in IndexedDB
  await signedIn(fake, { keyStore, tokenStore: createStorageTokenStore(storage) });
  const reloaded = sessionOf(fake, { keyStore, tokenStore: createStorageTokenStore(storage) });
  assert.is(await reloaded.accessToken(), 'access-1');
  assert.match([...storage.items.keys()].join(), /^holdfast\.http/);
  await reloaded.signOut();
  assert.is(storage.items.size, 0);
});

function fakeStorage(): WebStorage & { readonly items: Map<string, string> } {
  const items = new Map<string, string>();
  return {
    items,
    getItem: (key) => items.get(key) ?? null,
    setItem: (key, value) => void items.set(key, value),
    removeItem: (key) => void items.delete(key),
  };
}

const strangeRecords: readonly (readonly [what: string, change: (text: string) => string])[] = [
  ['no JSON', (text) => text.slice(1)],
  ['null', () => 'null'],
  ['of another version', (text) => text.replace('"version":1', '"version":2')],
  ['of another issuer', (text) => text.replace('"issuer":"', '"issuer":"x')],
  ['of another client', (text) => text.replace('"clientId":"', '"clientId":"x')],
  ['without an access token', (text) => text.replace('"accessToken"', '"x"')],
  ['with an end that is no time', (text) => text.replace(/"expiresAt":[\d.]+/, '"expiresAt":"soon"')],
  ['of an unknown grant', (text) => text.replace('"authorization_code"', '"implicit"')],
  ['without tokens', (text) => text.replace(/"tokens":\{[^}]*\}/, '"tokens":null')],
  ['with sign-ins that are none', (text) => text.replace(/"tokens":.*/, '"signIns":[7,{}]}')],
  ['with no list of sign-ins', (text) => text.replace(/"tokens":.*/, '"signIns":7}')],
];

for (const [what, change] of strangeRecords) {
  test(`a record that is ${what} holds no tokens`, async () => {
    const fake = await serve();
    const [keyStore, tokenStore] = [createMemoryKeyStore(), watchedStore()];
    await signedIn(fake, { keyStore, tokenStore });
    for (const [name, text] of tokenStore.texts) tokenStore.texts.set(name, change(text));
    const session = sessionOf(fake, { keyStore, tokenStore });
    assert.not.ok(await session.isSignedIn());
    await assertRefused(session.fetch(`${fake.origin}/api`), 'sign-in-required');
    await session.completeSignIn(await callbackOf(session, fake));
    assert.ok(await session.isSignedIn());
  });
}

test('a store that fails is an error with its cause; the new tokens are not used', async () => {
  const fake = await serve();
  const tokenStore = watchedStore();
  const session = await signedIn(fake, { tokenStore });
  const full = new Error('full');
  tokenStore.save = () => Promise.reject(full);
  await later(280, async () => assert.is(await session.accessToken(), 'access-1'));
  const error = await later(301, () =>
    assertRefused(session.fetch(`${fake.origin}/api`), 'storage-unavailable'),
  );
  assert.is(error.cause, full);
  tokenStore.load = () => Promise.reject(full);
  await assertRefused(session.accessToken(), 'storage-unavailable');
  assert.equal(at(fake, '/api'), []);
});

test('a key store’s own error comes through', async () => {
  const fake = await serve();
  const closed = new RangeError('closed');
  const keyStore: KeyStore = Object.assign(createMemoryKeyStore(), { load: () => Promise.reject(closed) });
  assert.is(await errorOf(serviceOf(fake, { keyStore }).accessToken()), closed);
  assert.is(await errorOf(sessionOf(fake, { keyStore }).beginSignIn()), closed);
});

test('[M10] JSON and inspect show no token, code, verifier, secret or key', async () => {
  const fake = await serve();
  const [keyStore, tokenStore] = [createMemoryKeyStore(), createMemoryTokenStore()];
  const storage = createStorageTokenStore(fakeStorage());
  const secret = 'hidden-secret';
  const session = await signedIn(fake, { keyStore, tokenStore, clientAuthentication: secret });
  await session.beginSignIn();
  fake.routes['/token'] = () => json({ error: 'invalid_grant', error_description: 'refresh-1' }, 400);
  const error = await later(400, () => errorOf(session.accessToken()));
  for (const each of [session, tokenStore, storage, error]) {
    const shown = `${JSON.stringify(each)} ${inspect(each, { depth: 9, showHidden: true })}`;
    assert.not.match(shown, /access-1|refresh-1|the-code|hidden-secret|codeVerifier|CryptoKey/);
  }
});

test('an observer that throws does not disturb', async () => {
  const observe = (): never => {
    throw new Error('no');
  };
  const session = await signedIn(await serve(), { observe });
  await later(280, async () => assert.is(await session.accessToken(), 'access-2'));
});

async function assertTypeError(call: () => unknown, name: string): Promise<void> {
  try {
    await call();
  } catch (error) {
    assert.instance(error, TypeError);
    assert.match((error as Error).message, `"${name}"`);
    return;
  }
  assert.unreachable();
}

const badOptions: readonly (readonly [name: keyof SessionOptions | 'fetsh', value: unknown])[] = [
  ['issuer', 'http://as.example'],
  ['issuer', undefined],
  ['clientId', ''],
  ['clientAuthentication', ''],
  ['clientAuthentication', 7],
  ['redirectUri', undefined],
  ['redirectUri', '/callback'],
  ['scope', ''],
  ['resource', 7],
  ['origins', 'https://api.example/path'],
  ['origins', ['https://api.example', 'http://api.example']],
  ['origins', []],
  ['keyStore', {}],
  ['signer', {}],
  ['signer', null],
  ['tokenStore', new Map()],
  ['name', '../x'],
  ['discovery', 'oidc'],
  ['timeout', 0],
  ['timeout', 'long'],
  ['locks', {}],
  ['fetch', 'fetch'],
  ['observe', {}],
  ['fetsh', fetch],
];

for (const [name, value] of badOptions) {
  test(`${name}: ${inspect(value)} is refused`, async () => {
    const valid = { issuer: 'https://as.example', clientId, redirectUri, origins: 'https://api.example' };
    createSession(valid);
    await assertTypeError(() => createSession({ ...valid, [name]: value } as SessionOptions), name);
  });
}

/** As in hardware: the session never sees the private key. */
async function createSigner(): Promise<DpopSigner> {
  const { algorithm, privateKey, publicJwk, jkt } = await generateKeyPair();
  const parameters = { name: 'ECDSA', hash: 'SHA-256' };
  const sign = async (bytes: Uint8Array): Promise<Uint8Array> =>
    new Uint8Array(await crypto.subtle.sign(parameters, privateKey, Uint8Array.from(bytes)));
  return { algorithm, publicJwk, jkt, sign };
}

test('a key that lives elsewhere signs for a session, from sign-in to refresh', async () => {
  const fake = await serve();
  const signer = await createSigner();
  const tokenStore = createMemoryTokenStore();
  const session = await signedIn(fake, { signer, tokenStore });
  assert.is((await session.fetch(`${fake.origin}/api`)).status, 200);
  await later(400, () => session.fetch(`${fake.origin}/api`));
  assert.equal(tokensSent(fake), ['DPoP access-1', 'DPoP access-2']);
  for (const request of [...at(fake, '/token'), ...at(fake, '/api')])
    assert.is(await thumbprintOf(request), signer.jkt);
  const other = sessionOf(fake, { signer: await createSigner(), tokenStore });
  await assertRefused(other.fetch(`${fake.origin}/api`), 'sign-in-required');
});

test('a session does not delete a key that is not its own', async () => {
  const fake = await serve();
  const session = await signedIn(fake, { signer: await createSigner() });
  assert.equal(await session.signOut({ key: 'delete' }), { revoked: true });
  assert.is(await session.isSignedIn(), false);
});

test('a signer and a store for keys are one too many', async () => {
  const fake = await serve();
  const signer = await createSigner();
  await assertTypeError(() => sessionOf(fake, { signer, keyStore: createMemoryKeyStore() }), 'keyStore');
});

test.run();
