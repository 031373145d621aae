import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { auth } from 'express-oauth2-jwt-bearer';
import { decodeJwt, exportJWK, generateKeyPair as generateSigningKeys } from 'jose';
import Koa from 'koa';
import * as oauth from 'oauth4webapi';
import { type Configuration, Provider } from 'oidc-provider';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type DpopState, requireDpop } from '../../src/adapters/koa.ts';
import {
  type ClientAlgorithm,
  createDpopFetch,
  createProof,
  type DpopFetchEvent,
  type DpopKeyPair,
  generateKeyPair,
} from '../../src/client/index.ts';
import {
  createMemoryReplayStore,
  createResourceServer,
  createSigningKey,
  createTokenIssuer,
  type DpopErrorReason,
  type ResourceServerOptions,
} from '../../src/index.ts';

/** Our client, over real sockets, against servers that are not ours. */

const algorithms: readonly ClientAlgorithm[] = ['ES256', 'Ed25519'];
const open = new Set<Server>();

function closeAll(): void {
  for (const server of open) {
    server.close();
    server.closeAllConnections();
  }
  open.clear();
}

async function listen(server: Server): Promise<string> {
  open.add(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  // An address of a server that listens on a port is an object.
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

// oidc-provider: an authorization server that demands nonces, at the token endpoint and at userinfo.

// It is made for Node 22, where this is part of the platform.
if (!('parse' in URL)) {
  const parse = (url: string, base?: string): URL | null =>
    URL.canParse(url, base) ? new URL(url, base) : null;
  Object.defineProperty(URL, 'parse', { value: parse });
}

interface TokenAnswer {
  readonly access_token: string;
  readonly token_type: string;
  readonly refresh_token: string;
  readonly error: string;
}

/** The servers, and one client of ours that talks to both. */
interface Place {
  readonly issuer: string;
  /** Takes tokens that it reads itself. */
  readonly api: string;
  /** Takes tokens that it asks the issuer about. */
  readonly opaqueApi: string;
  readonly keyPair: DpopKeyPair;
  readonly refusals: readonly DpopErrorReason[];
  readonly events: readonly DpopFetchEvent[];
  /** For the token endpoint. */
  readonly send: typeof fetch;
  /** The status of each answer, in order. */
  readonly statuses: readonly number[];
  /** What was sent last. */
  lastSent(): Request | undefined;
  /** For what takes tokens. */
  withToken(accessToken: string, keyPair?: DpopKeyPair): typeof fetch;
}

const service = { client_id: 'service', client_secret: 'a-secret-of-the-service' };
const redirectUri = 'http://127.0.0.1/callback';

const provider = suite('foreign servers: oidc-provider');

provider.after.each(closeAll);

for (const algorithm of algorithms) {
  provider(`[R9449-8-02] [R9449-5-01] ${algorithm}: a bound token by client_credentials`, async () => {
    const place = await startPlace(algorithm);
    const answer = await requestServiceToken(place, place.api);
    assert.is(answer.token_type, 'DPoP');
    assert.equal(decodeJwt(answer.access_token)['cnf'], { jkt: place.keyPair.jkt });
    assert.equal(place.statuses, [400, 200]);
    assert.equal(place.events, [{ type: 'repeated', origin: place.issuer, because: 'nonce' }]);
    await requestServiceToken(place, place.api);
    assert.equal(place.statuses, [400, 200, 200], 'the nonce was kept');
  });

  provider(`[R9449-9-01] ${algorithm}: its token at our resource server, nonces at both ends`, async () => {
    const place = await startPlace(algorithm);
    const { access_token } = await requestServiceToken(place, place.api);
    const send = place.withToken(access_token);
    for (const method of ['GET', 'POST']) {
      const body = method === 'POST' ? '{"text":"a note"}' : null;
      const response = await send(`${place.api}/notes?page=2`, { method, body });
      assert.equal(await response.json(), { client: 'service', method });
    }
    assert.equal(place.statuses, [400, 200, 401, 200, 200]);
    assert.equal(place.refusals, ['nonce-required']);
  });

  provider(`${algorithm}: an opaque token that our resource server asks it about`, async () => {
    const place = await startPlace(algorithm);
    const { access_token } = await requestServiceToken(place, place.opaqueApi);
    assert.is(access_token.split('.').length, 1);
    const response = await place.withToken(access_token)(`${place.opaqueApi}/notes`);
    assert.equal(await response.json(), { client: 'service', method: 'GET' });
  });

  provider(`[R9449-10-01] ${algorithm}: code with PKCE and dpop_jkt, userinfo, refresh`, async () => {
    const place = await startPlace(algorithm);
    const first = await requestUserToken(place);
    assert.is(first.token_type, 'DPoP');
    assert.equal(await callUserinfo(place, first.access_token), [200, 'alice']);
    const second = await refresh(place, first.refresh_token);
    assert.is(second.token_type, 'DPoP');
    assert.is.not(second.access_token, first.access_token);
    assert.equal(await callUserinfo(place, second.access_token), [200, 'alice']);
    // Each fetch of ours learns for itself: the token endpoint's, and one for each of the two tokens.
    assert.equal(place.statuses, [400, 200, 401, 200, 200, 401, 200]);
  });
}

provider('[M07] it refuses what went over the wire once, and takes it signed anew', async () => {
  const place = await startPlace();
  await requestServiceToken(place, place.api);
  const { url, method, headers } = place.lastSent() as Request;
  const captured = await fetch(url, { method, headers, body: serviceGrant(place.api) });
  assert.is(captured.status, 400);
  assert.is(((await captured.json()) as TokenAnswer).error, 'invalid_grant');
  assert.type((await requestServiceToken(place, place.api)).access_token, 'string');
});

provider('[R9449-10-01] a code that was bound to one key is worth nothing with another', async () => {
  const place = await startPlace();
  const other = (await generateKeyPair()).jkt;
  assert.is((await requestUserToken(place, other)).error, 'invalid_grant');
  assert.type((await requestUserToken(place, place.keyPair.jkt)).access_token, 'string');
});

provider('[R9449-5-06] a refresh token is worth nothing with another key', async () => {
  const place = await startPlace();
  const { refresh_token } = await requestUserToken(place);
  const thief = createDpopFetch({ keyPair: await generateKeyPair(), origins: place.issuer });
  assert.is((await refresh({ ...place, send: thief }, refresh_token)).error, 'invalid_grant');
  assert.type((await refresh(place, refresh_token)).access_token, 'string');
});

provider('a token that was stolen is refused at both, and the answer is returned', async () => {
  const place = await startPlace();
  const thief = await generateKeyPair();
  const user = await requestUserToken(place);
  assert.equal(await callUserinfo(place, user.access_token, thief), [401, 'invalid_token']);
  assert.equal(await callUserinfo(place, user.access_token), [200, 'alice']);
  const { access_token } = await requestServiceToken(place, place.api);
  assert.is((await place.withToken(access_token, thief)(`${place.api}/notes`)).status, 401);
  assert.is(place.refusals.at(-1), 'key-mismatch');
  assert.is((await place.withToken(access_token)(`${place.api}/notes`)).status, 200);
});

provider('[M01] a nonce of before its secret changed costs one repetition', async () => {
  const place = await startPlace('ES256', () => randomBytes(32));
  await requestServiceToken(place, place.api);
  await fetch(`${place.issuer}/restart`);
  await requestServiceToken(place, place.api);
  assert.equal(place.statuses, [400, 200, 400, 200]);
});

provider.run();

async function startPlace(
  algorithm: ClientAlgorithm = 'ES256',
  nonceSecret: () => Buffer = () => Buffer.alloc(32, 7),
): Promise<Place> {
  const [issuing, reading, asking] = [createServer(), createServer(), createServer()];
  const issuer = await listen(issuing);
  const [api, opaqueApi] = [await listen(reading), await listen(asking)];
  const config = await configureProvider({ api, opaqueApi });
  let handler = createProvider(issuer, config, nonceSecret());
  issuing.on('request', (request, response) => {
    if (request.url !== '/restart') return handler(request, response);
    handler = createProvider(issuer, config, nonceSecret());
    response.end();
  });
  const refusals: DpopErrorReason[] = [];
  const discovery = 'openid';
  serveApi(reading, { publicOrigin: api, audience: api, issuer, discovery }, refusals);
  const { client_id: clientId, client_secret: clientSecret } = service;
  const introspection = { credentials: { clientId, clientSecret } };
  serveApi(
    asking,
    { publicOrigin: opaqueApi, audience: opaqueApi, issuer, discovery, introspection },
    refusals,
  );
  const keyPair = await generateKeyPair({ algorithm });
  const events: DpopFetchEvent[] = [];
  const statuses: number[] = [];
  let last: Request | undefined;
  const underneath: typeof fetch = async (input, init) => {
    last = new Request(input, init);
    const response = await fetch(last);
    statuses.push(response.status);
    return response;
  };
  const origins = [issuer, api, opaqueApi];
  return {
    issuer,
    api,
    opaqueApi,
    keyPair,
    refusals,
    events,
    statuses,
    lastSent: () => last,
    send: createDpopFetch({ keyPair, origins, fetch: underneath, observe: (event) => events.push(event) }),
    withToken: (accessToken, key = keyPair) =>
      createDpopFetch({ keyPair: key, origins, accessToken, fetch: underneath }),
  };
}

/** Two clients: a service with a secret, and an application without one, whose tokens must be bound. */
async function configureProvider(apis: { api: string; opaqueApi: string }): Promise<Configuration> {
  const { privateKey } = await generateSigningKeys('ES256', { extractable: true });
  const format = (resource: string) => (resource === apis.api ? 'jwt' : 'opaque');
  return {
    jwks: { keys: [{ ...(await exportJWK(privateKey)), alg: 'ES256', use: 'sig' }] },
    cookies: { keys: ['a-key-for-cookies'] },
    clients: [
      {
        ...service,
        grant_types: ['client_credentials'],
        redirect_uris: [],
        response_types: [],
        id_token_signed_response_alg: 'ES256',
      },
      {
        client_id: 'app',
        application_type: 'native',
        token_endpoint_auth_method: 'none',
        grant_types: ['authorization_code', 'refresh_token'],
        redirect_uris: [redirectUri],
        id_token_signed_response_alg: 'ES256',
        dpop_bound_access_tokens: true,
      },
    ],
    issueRefreshToken: () => true,
    rotateRefreshToken: true,
    findAccount: (_, sub) => ({ accountId: sub, claims: () => ({ sub }) }),
    interactions: { url: (_, { uid }) => `/interaction/${uid}` },
    ttl: {
      AccessToken: 600,
      ClientCredentials: 600,
      Grant: 600,
      IdToken: 600,
      Interaction: 600,
      RefreshToken: 600,
      Session: 600,
    },
    loadExistingGrant: async ({ oidc }) => {
      const { clientId, accountId } = { ...oidc.client, ...oidc.session };
      if (clientId === undefined || accountId === undefined) return undefined;
      const grant = new oidc.provider.Grant({ clientId, accountId });
      grant.addOIDCScope('openid');
      await grant.save();
      return grant;
    },
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      introspection: { enabled: true, allowedPolicy: () => true },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: (_, resource) => ({
          scope: 'notes:read',
          audience: resource,
          accessTokenFormat: format(resource),
          jwt: { sign: { alg: 'ES256' } },
        }),
      },
    },
  };
}

type Handler = (request: IncomingMessage, response: ServerResponse) => void;

function createProvider(issuer: string, configuration: Configuration, nonceSecret: Buffer): Handler {
  const dPoP = { enabled: true, nonceSecret, requireNonce: () => true };
  const oidc = new Provider(issuer, {
    ...configuration,
    features: { ...configuration.features, dPoP },
  });
  const answer = oidc.callback();
  return (request, response) => {
    // Whoever comes is signed in as alice, and agrees: passwords are not what is tested here.
    const isInteraction = request.url?.startsWith('/interaction/') === true;
    if (!isInteraction) return void answer(request, response);
    void oidc.interactionFinished(request, response, { login: { accountId: 'alice' }, consent: {} });
  };
}

function serveApi(
  http: Server,
  options: Omit<ResourceServerOptions, 'replay'>,
  refusals: DpopErrorReason[],
): void {
  const server = createResourceServer({
    ...options,
    // Born long ago: a new memory asks for nonces for another reason.
    replay: createMemoryReplayStore({ capacity: 1000, clock: () => Date.now() / 1000 - 1000 }),
    noncePolicy: 'always',
    observe: (decision) => {
      if (decision.outcome === 'refused') refusals.push(decision.reason);
    },
  });
  const app = new Koa<DpopState>();
  app.use(requireDpop(server));
  app.use((ctx) => {
    ctx.body = { client: ctx.state.dpop?.claims['client_id'], method: ctx.method };
  });
  http.on('request', app.callback());
}

function serviceGrant(resource: string): URLSearchParams {
  return new URLSearchParams({
    ...service,
    grant_type: 'client_credentials',
    scope: 'notes:read',
    resource,
  });
}

function requestServiceToken(place: Place, resource: string): Promise<TokenAnswer> {
  return postToken(place, serviceGrant(resource));
}

function refresh(place: Place, refreshToken: string): Promise<TokenAnswer> {
  const form = { grant_type: 'refresh_token', client_id: 'app', refresh_token: refreshToken };
  return postToken(place, new URLSearchParams(form));
}

async function postToken({ send, issuer }: Place, body: URLSearchParams): Promise<TokenAnswer> {
  const response = await send(`${issuer}/token`, { method: 'POST', body });
  return (await response.json()) as TokenAnswer;
}

/** The whole way: authorization request, sign-in, code, token. */
async function requestUserToken(place: Place, dpopJkt: string = place.keyPair.jkt): Promise<TokenAnswer> {
  const verifier = randomBytes(32).toString('base64url');
  const parameters = new URLSearchParams({
    client_id: 'app',
    response_type: 'code',
    scope: 'openid',
    redirect_uri: redirectUri,
    code_challenge: createHash('sha256').update(verifier).digest('base64url'),
    code_challenge_method: 'S256',
    dpop_jkt: dpopJkt,
  });
  const code = await browse(new URL(`${place.issuer}/auth?${parameters}`));
  const form = { grant_type: 'authorization_code', client_id: 'app', redirect_uri: redirectUri, code };
  return postToken(place, new URLSearchParams({ ...form, code_verifier: verifier }));
}

/** Follows the redirects with the cookies, as a browser would, until they lead to the application. */
async function browse(start: URL): Promise<string> {
  const cookies = new Map<string, string>();
  let url = start;
  for (let hops = 0; !url.href.startsWith(redirectUri); hops++) {
    if (hops === 10) throw new Error(`going round in circles at ${url.pathname}`);
    const Cookie = [...cookies].map((pair) => pair.join('=')).join('; ');
    const response = await fetch(url, { headers: { Cookie }, redirect: 'manual' });
    for (const line of response.headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
      cookies.set(name, value);
    }
    const location = response.headers.get('Location');
    if (location === null) throw new Error(`stuck at ${url.pathname}: ${await response.text()}`);
    url = new URL(location, url);
  }
  return url.searchParams.get('code') ?? '';
}

async function callUserinfo(
  { issuer, withToken }: Place,
  accessToken: string,
  keyPair?: DpopKeyPair,
): Promise<[status: number, what: unknown]> {
  const response = await withToken(accessToken, keyPair)(`${issuer}/me`);
  const { sub, error } = (await response.json()) as { sub?: string; error?: string };
  return [response.status, sub ?? error];
}

// Verifiers of other people that know no nonces.

interface Target {
  readonly origin: string;
  readonly url: string;
  readonly accessToken: string;
}

/** Decides about a request; the answer's status follows. */
type Verify = (request: IncomingMessage, origin: string) => Promise<unknown>;
type MakeVerify = (issuerUrl: string, jwks: object) => Verify;

const audience = 'https://rs.example';

function createOauth4webapiVerify(issuer: string): Verify {
  const server = { issuer, jwks_uri: `${issuer}/jwks` };
  const options = { requireDPoP: true, [oauth.allowInsecureRequests]: true };
  return ({ method = '', url = '', headers }, origin) => {
    const lines = { authorization: headers.authorization ?? '', dpop: String(headers['dpop']) };
    const request = new Request(origin + url, { method, headers: lines });
    return oauth.validateJwtAccessToken(server, request, audience, options);
  };
}

/** What the middleware reads of Express's request, put onto Node's. */
function createExpressVerify(issuer: string, jwks: object): Verify {
  const middleware = auth({
    issuer,
    audience,
    publicKey: jwks as never,
    tokenSigningAlg: 'ES256',
    strict: true,
    dpop: { enabled: true, required: true },
  }) as unknown as (request: object, response: object, next: (error?: unknown) => void) => void;
  return (request) => {
    const get = (name: string): unknown => request.headers[name.toLowerCase()];
    const express = { protocol: 'http', originalUrl: request.url, query: {}, get, is: () => false };
    return new Promise<void>((resolve, reject) => {
      middleware(Object.assign(request, express), {}, (error) =>
        error === undefined ? resolve() : reject(error as Error),
      );
    });
  };
}

const verifiers: readonly (readonly [name: string, make: MakeVerify, algorithms: typeof algorithms])[] = [
  ['oauth4webapi', createOauth4webapiVerify, algorithms],
  ['express-oauth2-jwt-bearer', createExpressVerify, ['ES256']], // it knows Ed25519 by no name that is registered
];

const verifying = suite('foreign servers: verifiers');

verifying.after.each(closeAll);

for (const [name, makeVerify, known] of verifiers) {
  for (const algorithm of known) {
    verifying(`[M03] ${name} accepts what createDpopFetch signs with ${algorithm}`, async () => {
      const keyPair = await generateKeyPair({ algorithm });
      const { origin, url, accessToken } = await startVerifier(makeVerify, keyPair);
      const send = createDpopFetch({ keyPair, accessToken, origins: origin });
      for (const method of ['GET', 'POST', 'PUT', 'PATCH', 'DELETE']) {
        const response = await send(`${url}?page=2`, { method });
        assert.is(response.status, 200, await response.text());
      }
    });
  }

  const changes: readonly (readonly [what: string, change: (target: Target) => Changes])[] = [
    ['another method', () => ({ method: 'POST' })],
    ['another path', ({ origin }) => ({ url: `${origin}/other` })],
    ['another token', () => ({ accessToken: 'another.access.token' })],
    ['no token', () => ({ accessToken: undefined })],
    ['another time', () => ({ now: Date.now() / 1000 - 3600 })],
  ];

  for (const [what, change] of changes) {
    verifying(`${name} refuses what createProof signed for ${what}`, async () => {
      const keyPair = await generateKeyPair();
      const target = await startVerifier(makeVerify, keyPair);
      assert.is(await statusOf(target, keyPair, {}), 200);
      assert.not.equal(await statusOf(target, keyPair, change(target)), 200);
    });
  }

  verifying(`${name} refuses a token that was stolen`, async () => {
    const keyPair = await generateKeyPair();
    const target = await startVerifier(makeVerify, keyPair);
    assert.not.equal(await statusOf(target, await generateKeyPair(), {}), 200);
    assert.is(await statusOf(target, keyPair, {}), 200);
  });
}

verifying.run();

type Changes = Partial<Parameters<typeof createProof>[1]>;

async function statusOf(target: Target, keyPair: DpopKeyPair, changes: Changes): Promise<number> {
  const { url, accessToken } = target;
  const proof = await createProof(keyPair, { method: 'GET', url, accessToken, ...changes });
  const headers = { Authorization: `DPoP ${accessToken}`, DPoP: proof };
  return (await fetch(url, { headers })).status;
}

/** A resource server around a foreign verifier, with the key set of an issuer of ours, and a token bound to a key. */
async function startVerifier(makeVerify: MakeVerify, { jkt }: DpopKeyPair): Promise<Target> {
  const [issuing, http] = [createServer(), createServer()];
  const [issuerUrl, origin] = [await listen(issuing), await listen(http)];
  const issuer = createTokenIssuer({ issuer: issuerUrl, signingKey: await createSigningKey('ES256') });
  issuing.on('request', (_, response) => {
    response.setHeader('Content-Type', 'application/json').end(JSON.stringify(issuer.jwks()));
  });
  const verify = makeVerify(issuerUrl, issuer.jwks());
  http.on('request', (request, response) => {
    verify(request, origin).then(
      () => response.end('served'),
      (error: Error) => response.writeHead(401).end(error.message),
    );
  });
  const { accessToken } = await issuer.issue({ subject: 'alice', clientId: 'client', audience, jkt });
  return { origin, url: `${origin}/api/notes`, accessToken };
}
