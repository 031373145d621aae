import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';
import { inspect } from 'node:util';
import axios, { AxiosError, type AxiosInstance } from 'axios';
import { decodeJwt } from 'jose';
import Koa from 'koa';
import ky, { HTTPError } from 'ky';
import { Agent, interceptors } from 'undici';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type DpopState, requireDpop } from '../../src/adapters/koa.ts';
import { DpopClientError } from '../../src/client/errors.ts';
import { createDpopFetch, type DpopFetchOptions, generateKeyPair } from '../../src/client/index.ts';
import {
  createMemoryReplayStore,
  createResourceServer,
  createSigningKey,
  createTokenIssuer,
  type DpopErrorReason,
} from '../../src/index.ts';

/** Other people's HTTP clients over our signing fetch, against our resource server, which demands nonces. */

interface Api {
  readonly origin: string;
  readonly options: Pick<DpopFetchOptions, 'keyPair' | 'accessToken' | 'origins'>;
  /** The proof of each request, in order. */
  readonly proofs: readonly string[];
  readonly refusals: readonly DpopErrorReason[];
  /** How many of the next accepted requests are answered with 503. */
  failures: number;
  close(): void;
}

/** What is asked of every client alike. */
interface Client {
  get(path: string): Promise<unknown>;
  post(path: string, note: object): Promise<unknown>;
}

interface Call {
  readonly signal?: AbortSignal;
  /** Whether the client tries again after a 503, by its own means. */
  readonly retries?: number;
}

type MakeClient = (api: Api, call?: Call) => Client;

const test = suite<{ api: Api }>('other HTTP clients');

test.before.each(async (context) => {
  context.api = await startApi();
});

test.after.each(({ api }) => api.close());

/**
 * ky and axios hand over a `Request`, whose body can be read once; as bytes it can be sent again when the server asks for
 * a nonce.
 */
function sendAsBytes(dpopFetch: typeof fetch): typeof fetch {
  return async (input, init) => {
    const request = new Request(input, init);
    return dpopFetch(request, { body: request.body && (await request.arrayBuffer()) });
  };
}

function createKyClient({ options, origin }: Api, { signal, retries = 0 }: Call = {}): Client {
  const api = ky.create({
    prefixUrl: origin,
    fetch: sendAsBytes(createDpopFetch(options)),
    retry: { limit: retries, methods: ['get', 'post'], delay: () => 1 },
    ...(signal === undefined ? {} : { signal }),
  });
  return {
    get: (path) => api.get(path.slice(1)).json(),
    post: (path, note) => api.post(path.slice(1), { json: note }).json(),
  };
}

function createAxiosClient({ options, origin }: Api, { signal, retries = 0 }: Call = {}): Client {
  const api = axios.create({
    baseURL: origin,
    adapter: 'fetch',
    env: { fetch: sendAsBytes(createDpopFetch(options)) },
    ...(signal === undefined ? {} : { signal }),
  });
  retryFailures(api, retries);
  return {
    get: async (path) => (await api.get(path)).data,
    post: async (path, note) => (await api.post(path, note)).data,
  };
}

/** As the plug-ins for it do: the same configuration is sent again. */
function retryFailures(api: AxiosInstance, retries: number): void {
  let left = retries;
  api.interceptors.response.use(undefined, (error: unknown) => {
    if (!(error instanceof AxiosError) || error.config === undefined || left === 0) throw error;
    left -= 1;
    return api.request(error.config);
  });
}

/** undici's own way of plugging in is the dispatcher; retries are made above the fetch that signs. */
function createUndiciClient({ options, origin }: Api, { signal, retries = 0 }: Call = {}): Client {
  const dispatcher = new Agent({ connections: 2 });
  const dpopFetch = createDpopFetch({
    ...options,
    fetch: (request) => fetch(request, { dispatcher } as RequestInit),
  });
  const call = async (path: string, init: RequestInit): Promise<unknown> => {
    let response = await dpopFetch(origin + path, { ...init, signal: signal ?? null });
    for (let left = retries; response.status === 503 && left > 0; left--)
      response = await dpopFetch(origin + path, init);
    if (!response.ok) throw new Error(`status ${response.status}`);
    return response.json();
  };
  const headers = { 'Content-Type': 'application/json' };
  return {
    get: (path) => call(path, {}),
    post: (path, note) => call(path, { method: 'POST', headers, body: JSON.stringify(note) }),
  };
}

const clients: readonly (readonly [name: string, make: MakeClient])[] = [
  ['ky', createKyClient],
  ['axios', createAxiosClient],
  ['undici', createUndiciClient],
];

for (const [name, createClient] of clients) {
  test(`${name}: GET and POST with JSON, the nonce asked for once`, async ({ api }) => {
    const client = createClient(api);
    assert.equal(await client.get('/notes?page=2'), { subject: 'alice', query: 'page=2' });
    const note = { text: 'Grüße' };
    assert.equal(await client.post('/notes', note), { subject: 'alice', note });
    assert.is(api.proofs.length, 3);
    assert.equal(api.refusals, ['nonce-required']);
  });

  test(`${name}: a POST whose first proof is refused for want of a nonce is sent again, whole`, async ({
    api,
  }) => {
    const note = { text: 'x'.repeat(100_000) };
    assert.equal(await createClient(api).post('/notes', note), { subject: 'alice', note });
    assert.equal(noncesOf(api), ['undefined', 'string']);
  });

  test(`${name}: ten calls at once share one nonce`, async ({ api }) => {
    const client = createClient(api);
    const notes = Array.from({ length: 10 }, (_, index) => ({ text: String(index) }));
    const answers = await Promise.all(notes.map((note) => client.post('/notes', note)));
    assert.equal(
      answers,
      notes.map((note) => ({ subject: 'alice', note })),
    );
    assert.equal(api.refusals, ['nonce-required']);
  });

  for (const method of ['get', 'post'] as const) {
    test(`[M07] ${name}: each try of a ${method.toUpperCase()} is signed anew`, async ({ api }) => {
      const client = createClient(api, { retries: 2 });
      await client.get('/notes');
      api.failures = 2;
      const note = { text: 'third time' };
      if (method === 'get') assert.equal(await client.get('/notes'), { subject: 'alice', query: '' });
      else assert.equal(await client.post('/notes', note), { subject: 'alice', note });
      assert.is(api.proofs.length, 5);
      assert.is(new Set(api.proofs.map((proof) => decodeJwt(proof).jti)).size, 5);
      assert.equal(api.refusals, ['nonce-required']);
    });
  }

  test(`${name}: without tries of its own there is one request, and a refusal to see`, async ({ api }) => {
    const client = createClient(api);
    await client.get('/notes');
    api.failures = 1;
    assert.match((await errorOf(client.get('/notes'))).message, '503');
    assert.is(api.proofs.length, 3);
  });

  test(`${name}: its error for a 404 shows neither token nor proof`, async ({ api }) => {
    const error = await errorOf(createClient(api).post('/missing', {}));
    assert.match(error.message, '404');
    const shown = inspect(error, { depth: 12, showHidden: true });
    for (const secret of [String(api.options.accessToken), ...api.proofs]) {
      for (const part of secret.split('.')) assert.not.ok(shown.includes(part), 'a secret is in the error');
    }
  });

  test(`${name}: a signal ends the call before anything is sent`, async ({ api }) => {
    const aborted = createClient(api, { signal: AbortSignal.abort() });
    await errorOf(aborted.post('/notes', {}));
    assert.is(api.proofs.length, 0);
    await createClient(api, { signal: new AbortController().signal }).post('/notes', {});
    assert.is(api.proofs.length, 2);
  });
}

test('ky: its error for a status is an HTTPError with our answer', async ({ api }) => {
  const error = await errorOf(createKyClient(api).get('/missing'));
  assert.instance(error, HTTPError);
  assert.equal(await (error as HTTPError).response.json(), { error: 'no such page' });
});

test('axios: its error for a status has our answer', async ({ api }) => {
  const error = await errorOf(createAxiosClient(api).get('/missing'));
  assert.instance(error, AxiosError);
  assert.equal((error as AxiosError).response?.data, { error: 'no such page' });
});

test('ky: what we refuse to send is told by our error', async ({ api }) => {
  const elsewhere = { ...api, origin: 'https://other.example' };
  const error = await errorOf(createKyClient(elsewhere).post('/notes', {}));
  assert.instance(error, DpopClientError);
  assert.is((error as DpopClientError).code, 'origin-not-allowed');
});

test('axios: what we refuse to send is told by our code, and our error is the cause', async ({ api }) => {
  const elsewhere = { ...api, origin: 'https://other.example' };
  const error = await errorOf(createAxiosClient(elsewhere).post('/notes', {}));
  assert.is((error as AxiosError).code, 'origin-not-allowed');
  assert.instance(error.cause, DpopClientError);
});

test('undici: a dispatcher underneath that retries sends one proof twice, which the server refuses', async ({
  api,
}) => {
  const retry = interceptors.retry({ maxRetries: 1, minTimeout: 1, statusCodes: [503] });
  const dispatcher = new Agent().compose(retry);
  const dpopFetch = createDpopFetch({
    ...api.options,
    fetch: (request) => fetch(request, { dispatcher } as RequestInit),
  });
  assert.is((await dpopFetch(`${api.origin}/notes`)).status, 200);
  api.failures = 1;
  await dpopFetch(`${api.origin}/notes`).catch(() => undefined);
  assert.is(api.proofs.at(-1), api.proofs.at(-2));
  assert.equal(api.refusals, ['nonce-required', 'replayed']);
  await dispatcher.close();
});

test.run();

async function startApi(): Promise<Api> {
  const http = createServer();
  const origin = await listen(http);
  const issuer = createTokenIssuer({
    issuer: 'https://as.example',
    signingKey: await createSigningKey('ES256'),
  });
  const keyPair = await generateKeyPair();
  const grant = { subject: 'alice', clientId: 'client', audience: origin, jkt: keyPair.jkt };
  const { accessToken } = await issuer.issue(grant);
  const proofs: string[] = [];
  const refusals: DpopErrorReason[] = [];
  const api: Api = {
    origin,
    options: { keyPair, accessToken, origins: origin },
    proofs,
    refusals,
    failures: 0,
    close: () => {
      http.close();
      http.closeAllConnections();
    },
  };
  const server = createResourceServer({
    publicOrigin: origin,
    issuer: 'https://as.example',
    audience: origin,
    jwks: () => issuer.jwks(),
    // Born long ago: a new memory asks for nonces for another reason.
    replay: createMemoryReplayStore({ capacity: 1000, clock: () => Date.now() / 1000 - 1000 }),
    noncePolicy: 'always',
    observe: (decision) => {
      if (decision.outcome === 'refused') refusals.push(decision.reason);
    },
  });
  const app = new Koa<DpopState>();
  app.use((ctx, next) => {
    proofs.push(ctx.get('DPoP'));
    return next();
  });
  app.use(requireDpop(server));
  app.use(async (ctx) => {
    if (api.failures > 0) {
      api.failures -= 1;
      ctx.status = 503;
    } else if (ctx.path !== '/notes') {
      ctx.status = 404;
      ctx.body = { error: 'no such page' };
    } else {
      const subject = ctx.state.dpop?.claims.sub;
      ctx.body =
        ctx.method === 'POST' ? { subject, note: await json(ctx.req) } : { subject, query: ctx.querystring };
    }
  });
  http.on('request', app.callback());
  return api;
}

async function listen(server: Server): Promise<string> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  // An address of a server that listens on a port is an object.
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

function noncesOf({ proofs }: Api): string[] {
  return proofs.map((proof) => typeof decodeJwt(proof)['nonce']);
}

async function errorOf(attempt: Promise<unknown>): Promise<Error> {
  const outcome = await attempt.catch((error: unknown) => error);
  if (outcome instanceof Error) return outcome;
  throw new Error('it went well, though it should not have');
}
