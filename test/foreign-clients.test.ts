import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import * as dpop from 'dpop';
import { calculateJwkThumbprint, decodeJwt, decodeProtectedHeader, type JWK } from 'jose';
import Koa from 'koa';
import * as oauth from 'oauth4webapi';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type DpopState, requireDpop } from '../src/adapters/koa.ts';
import type { DpopKeyPair } from '../src/client/index.ts';
import {
  createMemoryReplayStore,
  createResourceServer,
  createTokenBinder,
  DpopError,
  type DpopErrorReason,
  type TokenBinder,
  type TokenIssuer,
} from '../src/index.ts';
import { audience, createWorld, forge, issuerUrl, signer, T0, type World } from './_setup.ts';

/** Clients that are not ours, unmodified, over real sockets, with nonces demanded at both ends. */
const test = suite<{ servers: Servers }>('foreign clients');

const systemClock = Date.now;

const clientId = 'client';
const clientSecret = 'a-secret-of-the-client';
const algorithms = ['ES256', 'Ed25519'] as const;
type Algorithm = (typeof algorithms)[number];

/** A client as an application would build it from a library. */
interface Client {
  readonly jkt: string;
  readonly privateKey: CryptoKey;
  authorize(): Promise<string>;
  call(accessToken: string): Promise<string>;
}

interface Servers {
  readonly tokenEndpoint: string;
  readonly api: string;
  /** Why requests were refused, in order. */
  readonly refusals: { readonly token: DpopErrorReason[]; readonly api: DpopErrorReason[] };
  close(): void;
}

/** The way from a client to the servers: what goes along can be altered, and is seen. */
interface Wire {
  alter: (proof: string) => string | Promise<string>;
  readonly proofs: string[];
  readonly responses: Response[];
  send(url: string, init: WireInit): Promise<Response>;
}

/** What both libraries hand to a fetch; oauth4webapi's type for a body is a little wider than the DOM's. */
interface WireInit extends Omit<RequestInit, 'body'> {
  readonly body?: unknown;
}

type MakeClient = (servers: Servers, wire: Wire, algorithm: Algorithm) => Promise<Client>;

const libraries: readonly (readonly [name: string, make: MakeClient])[] = [
  ['dpop', createDpopClient],
  ['oauth4webapi', createOauthClient],
];

test.before.each(async (context) => {
  Date.now = () => T0 * 1000; // these libraries have no option for it
  context.servers = await startServers();
});

test.after.each(({ servers }) => {
  Date.now = systemClock;
  servers.close();
});

for (const [library, createClient] of libraries) {
  for (const algorithm of algorithms) {
    const name = `${library} with ${algorithm}`;

    test(`[R9449-8-02] [R9449-9-01] [R9449-5-05] ${name} gets a bound token and uses it`, async ({
      servers,
    }) => {
      const wire = createWire();
      const client = await createClient(servers, wire, algorithm);
      const token = await client.authorize();
      assert.equal(decodeJwt(token)['cnf'], { jkt: client.jkt });
      assert.is(await client.call(token), 'alice');
      assert.is(await client.call(token), 'alice');
      assert.equal(statusesOf(wire), [400, 200, 401, 200, 200]);
      assert.equal(servers.refusals, { token: ['nonce-required'], api: ['nonce-required'] });
    });

    test(`[R9449-9-03] ${name} keeps the nonces of both servers apart`, async ({ servers }) => {
      const wire = createWire();
      const client = await createClient(servers, wire, algorithm);
      await client.call(await client.authorize());
      const [none, atIssuer, none2, atApi] = wire.proofs.map((proof) => decodeJwt(proof)['nonce']);
      assert.equal([none, none2], [undefined, undefined]);
      assert.type(atIssuer, 'string');
      assert.type(atApi, 'string');
      assert.is.not(atIssuer, atApi);
    });

    const alterations: readonly (readonly [
      what: string,
      code: string,
      reason: DpopErrorReason,
      alter: Alter,
    ])[] = [
      ['another signature byte', 'invalid_dpop_proof', 'signature-invalid', () => flipSignature],
      ['another htm', 'invalid_dpop_proof', 'htm-mismatch', (client) => resigned(client, { htm: 'PUT' })],
      ['another htu', 'invalid_dpop_proof', 'htu-mismatch', (client) => resigned(client, otherHtu)],
      ['no nonce', 'use_dpop_nonce', 'nonce-required', (client) => resigned(client, { nonce: undefined })],
      [
        'a nonce of its own',
        'use_dpop_nonce',
        'nonce-unknown',
        (client) => resigned(client, { nonce: 'mine' }),
      ],
      ['a proof used before', 'invalid_dpop_proof', 'replayed', (_, wire) => () => wire.proofs.at(-1) ?? ''],
    ];
    const apiAlterations: typeof alterations = [
      ...alterations,
      [
        'the hash of another token',
        'invalid_dpop_proof',
        'ath-mismatch',
        (client) => resigned(client, otherAth),
      ],
      ['no hash', 'invalid_dpop_proof', 'ath-mismatch', (client) => resigned(client, { ath: undefined })],
      ['another key', 'invalid_token', 'key-mismatch', () => signedByAnotherKey],
    ];

    for (const [what, code, reason, alter] of alterations) {
      test(`${name}: the token endpoint refuses ${what}`, async ({ servers }) => {
        const wire = createWire();
        const client = await createClient(servers, wire, algorithm);
        await client.authorize();
        wire.alter = alter(client, wire);
        await errorOf(client.authorize());
        const response = wire.responses.at(-1);
        assert.is(response?.status, 400);
        assert.match((await response?.text()) ?? '', `"error":"${code}"`);
        assert.is(servers.refusals.token.at(-1), reason);
        wire.alter = resigned(client, {});
        assert.type(
          await client.authorize(),
          'string',
          'signed again and otherwise left alone, it is accepted',
        );
      });
    }

    for (const [what, code, reason, alter] of apiAlterations) {
      test(`${name}: the resource server refuses ${what}`, async ({ servers }) => {
        const wire = createWire();
        const client = await createClient(servers, wire, algorithm);
        const token = await client.authorize();
        await client.call(token);
        wire.alter = alter(client, wire);
        await errorOf(client.call(token));
        const response = wire.responses.at(-1);
        assert.is(response?.status, 401);
        assert.match(response?.headers.get('WWW-Authenticate') ?? '', `DPoP error="${code}"`);
        assert.is(servers.refusals.api.at(-1), reason);
        wire.alter = resigned(client, {});
        assert.is(await client.call(token), 'alice', 'signed again and otherwise left alone, it is accepted');
      });
    }

    test(`[R9449-5-04] ${name}: a token asked for with another key is bound to that one`, async ({
      servers,
    }) => {
      const wire = createWire();
      const client = await createClient(servers, wire, algorithm);
      await client.authorize();
      wire.alter = signedByAnotherKey;
      const token = await client.authorize();
      const { jwk } = decodeProtectedHeader(wire.proofs.at(-1) ?? '');
      const jkt = await calculateJwkThumbprint(jwk as JWK);
      assert.equal(decodeJwt(token)['cnf'], { jkt });
      assert.is.not(jkt, client.jkt);
    });
  }
}

test('[R9449-7.1-04] oauth4webapi reads our refusal as the challenge that it is', async ({ servers }) => {
  const wire = createWire();
  const client = await createOauthClient(servers, wire, 'ES256');
  const token = await client.authorize();
  wire.alter = flipSignature;
  await errorOf(client.call(token));
  wire.alter = signedByAnotherKey;
  const error = await errorOf(client.call(token));
  assert.instance(error, oauth.WWWAuthenticateChallengeError);
  const [challenge] = (error as oauth.WWWAuthenticateChallengeError).cause;
  assert.is(challenge?.scheme, 'dpop');
  assert.is(challenge?.parameters.error, 'invalid_token');
  assert.is(challenge?.parameters.algs, 'ES256 Ed25519 EdDSA');
});

test('[R9449-5-03] oauth4webapi reads our token error as the error that it is', async ({ servers }) => {
  const wire = createWire();
  const client = await createOauthClient(servers, wire, 'ES256');
  await client.authorize();
  wire.alter = flipSignature;
  const error = await errorOf(client.authorize());
  assert.instance(error, oauth.ResponseBodyError);
  assert.is((error as oauth.ResponseBodyError).error, 'invalid_dpop_proof');
});

test('[R9449-4-01] a valid proof does not make up for a wrong client secret', async ({ servers }) => {
  const keyPair = await dpop.generateKeyPair('ES256');
  const proof = await dpop.generateProof(keyPair, servers.tokenEndpoint, 'POST');
  const body = new URLSearchParams({ ...grant, client_secret: 'guessed' });
  const response = await fetch(servers.tokenEndpoint, { method: 'POST', headers: { DPoP: proof }, body });
  assert.is(response.status, 401);
  assert.equal(await response.json(), { error: 'invalid_client' });
});

test.run();

const grant = { grant_type: 'client_credentials', client_id: clientId, client_secret: clientSecret };

/** As the README of `dpop` shows it; sending and nonces are the application's part. */
async function createDpopClient(servers: Servers, wire: Wire, algorithm: Algorithm): Promise<Client> {
  const keyPair = await dpop.generateKeyPair(algorithm);
  const nonces = new Map<string, string>();
  const attempt = async (url: string, init: RequestInit, accessToken?: string): Promise<Response> => {
    const { origin } = new URL(url);
    const method = init.method ?? 'GET';
    const proof = await dpop.generateProof(keyPair, url, method, nonces.get(origin), accessToken);
    const response = await wire.send(url, { ...init, headers: { ...init.headers, DPoP: proof } });
    const nonce = response.headers.get('DPoP-Nonce');
    if (nonce !== null) nonces.set(origin, nonce);
    return response;
  };
  const request: typeof attempt = async (url, init, accessToken) => {
    const known = nonces.has(new URL(url).origin);
    const response = await attempt(url, init, accessToken);
    const final = response.ok || known ? response : await attempt(url, init, accessToken);
    if (!final.ok) throw new Error(`refused: ${await final.text()}`);
    return final;
  };
  return {
    jkt: await dpop.calculateThumbprint(keyPair.publicKey),
    privateKey: keyPair.privateKey,
    authorize: async () => {
      const response = await request(servers.tokenEndpoint, {
        method: 'POST',
        body: new URLSearchParams(grant),
      });
      const { access_token, token_type } = await response.json();
      assert.is(token_type, 'DPoP');
      return access_token;
    },
    call: async (token) => {
      const response = await request(servers.api, { headers: { Authorization: `DPoP ${token}` } }, token);
      return response.text();
    },
  };
}

/** oauth4webapi does all of it, but for the repetition, which it leaves to the application. */
async function createOauthClient(servers: Servers, wire: Wire, algorithm: Algorithm): Promise<Client> {
  const keyPair = await oauth.generateKeyPair(algorithm);
  const server: oauth.AuthorizationServer = { issuer: issuerUrl, token_endpoint: servers.tokenEndpoint };
  const client: oauth.Client = { client_id: clientId };
  const handle = oauth.DPoP(client, keyPair);
  const options = { DPoP: handle, [oauth.allowInsecureRequests]: true, [oauth.customFetch]: wire.send };
  let known = { token: false, api: false };
  return {
    jkt: await handle.calculateThumbprint(),
    privateKey: keyPair.privateKey,
    authorize: async () => {
      const request = async (): Promise<oauth.TokenEndpointResponse> => {
        const authentication = oauth.ClientSecretPost(clientSecret);
        const sent = await oauth.clientCredentialsGrantRequest(server, client, authentication, {}, options);
        return oauth.processClientCredentialsResponse(server, client, sent);
      };
      const response = await (known.token ? request() : repeatedOnce(request));
      known = { ...known, token: true };
      assert.is(response.token_type, 'dpop');
      return response.access_token;
    },
    call: async (token) => {
      const request = (): Promise<Response> =>
        oauth.protectedResourceRequest(token, 'GET', new URL(servers.api), undefined, undefined, options);
      const response = await (known.api ? request() : repeatedOnce(request));
      known = { ...known, api: true };
      return response.text();
    },
  };
}

function repeatedOnce<T>(request: () => Promise<T>): Promise<T> {
  return request().catch((error: unknown) => {
    if (oauth.isDPoPNonceError(error)) return request();
    throw error;
  });
}

type Alter = (client: Client, wire: Wire) => Wire['alter'];

const otherHtu = { htu: 'https://other.example/api/notes' };
const otherAth = { ath: 'fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo' };

function flipSignature(proof: string): string {
  const start = proof.lastIndexOf('.') + 1;
  const flipped = proof[start] === 'A' ? 'B' : 'A';
  return proof.slice(0, start) + flipped + proof.slice(start + 1);
}

/** The same proof with some claims changed, signed again with the client's own key. */
function resigned({ privateKey }: Client, changes: Readonly<Record<string, unknown>>): Wire['alter'] {
  return (proof) => {
    const header = decodeProtectedHeader(proof);
    return forge(header, { ...decodeJwt(proof), ...changes }, signerOf(privateKey, header.alg));
  };
}

async function signedByAnotherKey(proof: string): Promise<string> {
  const header = decodeProtectedHeader(proof);
  const { privateKey, publicKey } = await dpop.generateKeyPair(header.alg as Algorithm);
  const { kty, crv, x, y } = await crypto.subtle.exportKey('jwk', publicKey);
  return forge({ ...header, jwk: { kty, crv, x, y } }, decodeJwt(proof), signerOf(privateKey, header.alg));
}

function signerOf(privateKey: CryptoKey, algorithm: string | undefined): ReturnType<typeof signer> {
  return signer({ privateKey, algorithm } as DpopKeyPair); // looks at these two only
}

function createWire(): Wire {
  const proofs: string[] = [];
  const responses: Response[] = [];
  const wire: Wire = {
    alter: (proof) => proof,
    proofs,
    responses,
    send: async (url, init) => {
      const headers = new Headers(init.headers);
      const proof = await wire.alter(headers.get('DPoP') ?? '');
      headers.set('DPoP', proof);
      const response = await fetch(url, { ...init, headers, body: init.body as BodyInit | null });
      proofs.push(proof);
      responses.push(response.clone());
      return response;
    },
  };
  return wire;
}

function statusesOf({ responses }: Wire): number[] {
  return responses.map(({ status }) => status);
}

async function startServers(): Promise<Servers> {
  const world = await createWorld();
  const refusals: Servers['refusals'] = { token: [], api: [] };
  const [issuing, resource] = [createServer(), createServer()];
  const [issuingOrigin, resourceOrigin] = [await listen(issuing), await listen(resource)];
  issuing.on('request', tokenListener(world, issuingOrigin, refusals.token));
  resource.on('request', createApi(world, resourceOrigin, refusals.api).callback());
  return {
    tokenEndpoint: `${issuingOrigin}/token`,
    api: `${resourceOrigin}/api/notes`,
    refusals,
    close: () => {
      for (const server of [issuing, resource]) {
        server.close();
        server.closeAllConnections();
      }
    },
  };
}

/** What resource server and token endpoint have in common; each has a replay memory of its own. */
function demanding({ clock }: World, publicOrigin: string) {
  const replay = createMemoryReplayStore({ capacity: 1000, clock: () => T0 - 1000 });
  return { publicOrigin, replay, noncePolicy: 'always', clock: clock.read } as const;
}

function createApi(world: World, origin: string, refusals: DpopErrorReason[]): Koa {
  const server = createResourceServer({
    ...demanding(world, origin),
    issuer: issuerUrl,
    audience,
    jwks: () => world.issuer.jwks(),
    observe: (decision) => {
      if (decision.outcome === 'refused') refusals.push(decision.reason);
    },
  });
  const app = new Koa<DpopState>();
  app.use(requireDpop(server));
  app.use((ctx) => {
    ctx.body = ctx.state.dpop?.claims.sub;
  });
  return app;
}

type Listener = (request: IncomingMessage, response: ServerResponse) => void;

/** Client authentication and the grant's shape first, then the proof, then the token. */
function tokenListener(world: World, origin: string, refusals: DpopErrorReason[]): Listener {
  const binder = createTokenBinder(demanding(world, origin));
  return async (request, response) => {
    const form = new URLSearchParams(await text(request));
    const known = form.get('client_id') === clientId && form.get('client_secret') === clientSecret;
    if (!known) return answer(response, 401, {}, { error: 'invalid_client' });
    if (form.get('grant_type') !== grant.grant_type) {
      return answer(response, 400, {}, { error: 'unsupported_grant_type' });
    }
    try {
      const { body, headers } = await issueToken(binder, world.issuer, request);
      answer(response, 200, headers, body);
    } catch (error) {
      if (error instanceof DpopError) refusals.push(error.reason);
      const { status, headers, body } = binder.challenge(error);
      answer(response, status, headers, body);
    }
  };
}

async function issueToken(
  binder: TokenBinder,
  issuer: TokenIssuer,
  { method = '', url: target = '', rawHeaders }: IncomingMessage,
): Promise<{ body: object; headers: Readonly<Record<string, string>> }> {
  const { jkt, nonce } = await binder.bind({ method, target, rawHeaders });
  const { accessToken, tokenType, expiresIn } = await issuer.issue({
    subject: 'alice',
    clientId,
    audience,
    jkt,
  });
  return {
    headers: { 'cache-control': 'no-store', ...(nonce === undefined ? {} : { 'dpop-nonce': nonce }) },
    body: { access_token: accessToken, token_type: tokenType, expires_in: expiresIn },
  };
}

function answer(response: ServerResponse, status: number, headers: object, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));
}

async function listen(server: Server): Promise<string> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  // An address of a server that listens on a port is an object.
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function errorOf(attempt: Promise<unknown>): Promise<Error> {
  const outcome = await attempt.catch((error: unknown) => error);
  if (outcome instanceof Error) return outcome;
  throw new Error('accepted, though it should have been refused');
}
