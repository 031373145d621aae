import {
  createServer,
  request as httpRequest,
  type RequestListener,
  type Server,
  type ServerOptions,
} from 'node:http';
import { connect as connectHttp2, createServer as createHttp2Server, type Http2Server } from 'node:http2';
import { type AddressInfo, connect } from 'node:net';
import { text } from 'node:stream/consumers';
import Router from '@koa/router';
import Koa from 'koa';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type DpopState, requireDpop } from '../../src/adapters/koa.ts';
import {
  createMemoryReplayStore,
  createResourceServer,
  createSigningKey,
  createTokenIssuer,
  DpopError,
  type DpopErrorReason,
  type ResourceServerOptions,
  type RouteOptions,
} from '../../src/index.ts';
import {
  audience,
  createDpopFetch,
  createRequest,
  createWorld,
  generateKeyPair,
  issuerUrl,
  path,
  type RequestChanges,
  T0,
  type World,
} from '../_setup.ts';

/** Real Koa on real sockets: what HTTP parsers do to hostile requests is part of what is tested. */

const test = suite('adapters/koa');

interface Site {
  readonly world: World;
  readonly port: number;
  /** Reasons of all refusals so far. */
  readonly reasons: readonly DpopErrorReason[];
  /** How often a handler behind the guard ran. */
  readonly runs: () => number;
}

interface SiteOptions {
  readonly server?: Partial<ResourceServerOptions>;
  readonly route?: RouteOptions;
  readonly http?: ServerOptions;
  /** Builds the application around the guard and the handler; default: one after the other. */
  readonly build?: (app: Koa, guard: Koa.Middleware, handler: Koa.Middleware, world: World) => void;
}

const listening = new Set<Server | Http2Server>();

async function listen<T extends Server | Http2Server>(server: T): Promise<number> {
  listening.add(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

test.after.each(async () => {
  for (const server of listening) await new Promise((resolve) => server.close(resolve));
  listening.clear();
});

async function openSite(options: SiteOptions = {}): Promise<Site> {
  const { app, ...site } = await createApp(options);
  return { ...site, port: await listen(createServer(options.http ?? {}, app)) };
}

async function createApp({
  server,
  route,
  build = useBoth,
}: SiteOptions): Promise<Omit<Site, 'port'> & { app: RequestListener }> {
  const reasons: DpopErrorReason[] = [];
  const observe: ResourceServerOptions['observe'] = (decision) => {
    if (decision.outcome === 'refused') reasons.push(decision.reason);
  };
  const world = await createWorld({ observe, ...server });
  let runs = 0;
  const app = new Koa();
  app.silent = true;
  build(
    app,
    requireDpop(world.server, route),
    (ctx) => {
      runs++;
      ctx.body = { subject: (ctx.state as DpopState).dpop?.claims.sub };
    },
    world,
  );
  return { world, reasons, runs: () => runs, app: app.callback() as RequestListener };
}

function useBoth(app: Koa, guard: Koa.Middleware, handler: Koa.Middleware): void {
  app.use(guard);
  app.use(handler);
}

interface Answer {
  readonly status: number;
  /** Header lines as they came: names in lower case, none merged. */
  readonly lines: readonly (readonly [name: string, value: string])[];
  readonly header: (name: string) => string | undefined;
  readonly body: string;
  readonly raw: string;
}

interface Sent {
  readonly method?: string;
  readonly target?: string;
  /** `Name: value` each, byte for byte. */
  readonly lines: readonly string[];
  readonly body?: string;
}

/** Writes a request to a socket as it is and reads until the server closes. */
async function exchange(
  port: number,
  { method = 'GET', target = path, lines, body = '' }: Sent,
): Promise<Answer> {
  const socket = connect(port, '127.0.0.1');
  const head = [`${method} ${target} HTTP/1.1`, ...lines, 'Connection: close'].join('\r\n');
  socket.write(`${head}\r\n\r\n${body}`, 'latin1');
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  // A server that closes on an endless header may reset the connection: what came before is the answer.
  await new Promise<void>((resolve) => socket.on('error', () => resolve()).on('close', () => resolve()));
  return parse(Buffer.concat(chunks).toString('latin1'));
}

function parse(raw: string): Answer {
  const [head = '', body = ''] = raw.split('\r\n\r\n', 2);
  const [statusLine = '', ...rest] = head.split('\r\n');
  const lines = rest.map((line) => {
    const colon = line.indexOf(':');
    return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()] as const;
  });
  const header = (name: string): string | undefined => lines.find(([each]) => each === name)?.[1];
  return { status: Number(statusLine.split(' ')[1]), lines, header, body, raw };
}

/** The header lines of a valid request, with changes. */
async function validLines(world: World, changes: RequestChanges = {}): Promise<string[]> {
  const { rawHeaders } = await createRequest(world, changes);
  return rawHeaders.flatMap((name, index) => (index % 2 === 0 ? [`${name}: ${rawHeaders[index + 1]}`] : []));
}

async function send(
  { port, world }: Site,
  changes: RequestChanges = {},
  sent: Partial<Sent> = {},
): Promise<Answer> {
  const { method = 'GET', target = path } = changes;
  return exchange(port, { method, target, lines: await validLines(world, changes), ...sent });
}

/** What every answer must be like, whatever was asked. */
function assertSound({ status, lines, header, body, raw }: Answer): void {
  assert.ok(status < 500 || status === 503, raw);
  assert.ok(lines.filter(([name]) => name === 'dpop-nonce').length <= 1, raw);
  assert.ok(lines.filter(([name]) => name === 'www-authenticate').length <= 1, raw);
  if (status === 401 || status === 403)
    assert.match(header('www-authenticate') ?? '', /^DPoP (?:\w+="[ !#-[\]-~]*"(?:, |$))+$/);
  if (header('dpop-nonce') !== undefined) assert.is(header('cache-control'), 'no-store');
  assert.not.match(body, /at .*:\d+:\d+/);
}

test('[R9449-7.1-02] lets a valid request through and hands its authorization to the handler', async () => {
  const site = await openSite();
  const answer = await send(site);
  assertSound(answer);
  assert.is(answer.status, 200);
  assert.equal(JSON.parse(answer.body), { subject: 'alice' });
  assert.is(answer.header('dpop-nonce'), undefined);
});

type Lines = readonly string[];

/** Rows of hostile header lines: what is sent, made from valid ones, and how it is answered. */
interface Row {
  readonly title: string;
  readonly change: (lines: Lines, world: World) => Lines | Promise<Lines>;
  readonly status: number;
  readonly reason?: DpopErrorReason;
  readonly http?: ServerOptions;
}

const contentOf = (line: string | undefined): string => (line ?? '').slice((line ?? '').indexOf(':') + 2);
const host = 'Host: rs.example';

async function anotherProof(world: World): Promise<string> {
  const [, , proof = ''] = await validLines(world);
  return contentOf(proof);
}

const rows: readonly Row[] = [
  {
    title: '[A01] [R9449-4.3-01] two valid proofs in two lines',
    change: async (lines, world) => [...lines, `DPoP: ${await anotherProof(world)}`],
    status: 401,
    reason: 'proof-repeated',
  },
  {
    title: '[A02] two proofs joined by a comma',
    change: async (lines, world) => lines.with(2, `${lines[2]}, ${await anotherProof(world)}`),
    status: 401,
    reason: 'proof-malformed',
  },
  {
    title: '[A03] the same proof in two lines',
    change: (lines) => [...lines, ...lines.slice(2)],
    status: 401,
    reason: 'proof-repeated',
  },
  {
    title: '[A03] two lines in two spellings of the name',
    change: (lines) => [...lines, `dpop: ${contentOf(lines[2])}`],
    status: 401,
    reason: 'proof-repeated',
  },
  {
    title: '[A04] [R9449-4.1-02] DPOP as the name',
    change: (lines) => lines.with(2, `DPOP: ${contentOf(lines[2])}`),
    status: 200,
  },
  {
    title: '[A04] dpop as the name',
    change: (lines) => lines.with(2, `dpop: ${contentOf(lines[2])}`),
    status: 200,
  },
  {
    title: '[A05] [R9449-4.1-03] an empty proof',
    change: (lines) => lines.with(2, 'DPoP:'),
    status: 401,
    reason: 'proof-malformed',
  },
  { title: '[A06] no proof', change: (lines) => lines.slice(0, 2), status: 401, reason: 'proof-missing' },
  {
    title: '[A07] [R9449-7.2-01] the bound token as Bearer',
    change: (_, world) => [host, `Authorization: Bearer ${world.token}`],
    status: 401,
    reason: 'bearer-scheme',
  },
  {
    title: '[G09] the bound token as Bearer, with a valid proof',
    change: (lines, world) => lines.with(1, `Authorization: Bearer ${world.token}`),
    status: 401,
    reason: 'bearer-scheme',
  },
  {
    title: '[A08] spaces and tabs around the proof, which HTTP takes away',
    change: (lines) => lines.with(2, `DPoP: \t ${contentOf(lines[2])} \t`),
    status: 200,
  },
  {
    title: '[A08] a space inside the proof',
    change: (lines) => lines.with(2, `${lines[2]?.replace('.', ' .')}`),
    status: 401,
    reason: 'proof-malformed',
  },
  {
    title: '[A09] a folded proof',
    change: (lines) => lines.with(2, `${lines[2]?.replace('.', '\r\n .')}`),
    status: 400,
  },
  { title: '[A10] a NUL in the proof', change: (lines) => lines.with(2, `${lines[2]}\u0000`), status: 400 },
  {
    title: '[A10] a lone CR in the proof',
    change: (lines) => lines.with(2, `${lines[2]?.replace('.', '.\r')}`),
    status: 400,
  },
  {
    title: '[A10] a lone LF in the proof',
    change: (lines) => lines.with(2, `${lines[2]?.replace('.', '.\n')}`),
    status: 400,
  },
  {
    title: '[A11] a Latin-1 byte in the proof',
    change: (lines) => lines.with(2, `${lines[2]}\u00e9`),
    status: 401,
    reason: 'proof-malformed',
  },
  {
    title: '[A12] a proof beyond the limit',
    change: (lines) => lines.with(2, `${lines[2]}${'A'.repeat(4096)}`),
    status: 401,
    reason: 'proof-too-large',
  },
  {
    title: '[A13] 17 KB of proof',
    change: (lines) => lines.with(2, `${lines[2]}${'A'.repeat(17_000)}`),
    status: 431,
  },
  {
    title: '[A13] 17 KB of proof where the parser allows it',
    change: (lines) => lines.with(2, `${lines[2]}${'A'.repeat(17_000)}`),
    status: 401,
    reason: 'proof-too-large',
    http: { maxHeaderSize: 65_536 },
  },
  {
    title: '[A15] [R9449-7.2-06] two Authorization lines',
    change: (lines) => [...lines, 'Authorization: Bearer x'],
    status: 400,
    reason: 'authorization-repeated',
  },
  {
    title: '[A15] two Authorization lines, Bearer first',
    change: (lines) => [host, 'Authorization: Bearer x', ...lines.slice(1)],
    status: 400,
    reason: 'authorization-repeated',
  },
  {
    title: '[A18] [R9449-7.1-12] dpop as the scheme',
    change: (lines, world) => lines.with(1, `Authorization: dpop ${world.token}`),
    status: 200,
  },
  {
    title: '[A18] DPOP as the scheme',
    change: (lines, world) => lines.with(1, `Authorization: DPOP ${world.token}`),
    status: 200,
  },
  {
    title: '[A19] the scheme alone',
    change: (lines) => lines.with(1, 'Authorization: DPoP'),
    status: 400,
    reason: 'authorization-malformed',
  },
  {
    title: '[A19] the scheme and spaces',
    change: (lines) => lines.with(1, 'Authorization: DPoP   '),
    status: 400,
    reason: 'authorization-malformed',
  },
  {
    title: '[A19] two tokens',
    change: (lines, world) => lines.with(1, `Authorization: DPoP ${world.token} b`),
    status: 400,
    reason: 'authorization-malformed',
  },
  {
    title: '[A19] a list of tokens',
    change: (lines, world) => lines.with(1, `Authorization: DPoP ${world.token},b`),
    status: 400,
    reason: 'authorization-malformed',
  },
  {
    title: '[A19] a token with a Latin-1 byte',
    change: (lines, world) => lines.with(1, `Authorization: DPoP ${world.token}\u00e9`),
    status: 400,
    reason: 'authorization-malformed',
  },
  {
    title: '[A20] 1 MB of almost a token, where the parser allows it',
    change: (lines) => lines.with(1, `Authorization: DPoP ${'a'.repeat(1_000_000)}!`),
    status: 400,
    reason: 'authorization-malformed',
    http: { maxHeaderSize: 2_000_000 },
  },
  {
    title: '[A21] [R9449-7.2-04] nothing presented',
    change: () => [host],
    status: 401,
    reason: 'credentials-missing',
  },
  {
    title: '[A22] [R9449-4-01] a valid proof alone',
    change: (lines) => lines.toSpliced(1, 1),
    status: 401,
    reason: 'credentials-missing',
  },
  {
    title: '[A23] [R9449-7.1-11] the token in Proxy-Authorization',
    change: (lines, world) => lines.with(1, `Proxy-Authorization: DPoP ${world.token}`),
    status: 401,
    reason: 'credentials-missing',
  },
  {
    title: '[A25] an empty list member',
    change: (lines) => lines.with(2, `${lines[2]},`),
    status: 401,
    reason: 'proof-malformed',
  },
  {
    title: '[F27] a laundering Host',
    change: (lines) => lines.with(0, 'Host: rs.example/api/public?'),
    status: 400,
    reason: 'host-mismatch',
  },
  {
    title: '[F28] a Host with a fragment',
    change: (lines) => lines.with(0, 'Host: rs.example#'),
    status: 400,
    reason: 'host-mismatch',
  },
  {
    title: '[F28] a Host with user info',
    change: (lines) => lines.with(0, 'Host: rs.example@evil.example'),
    status: 400,
    reason: 'host-mismatch',
  },
  {
    title: '[F29] a foreign Host',
    change: (lines) => lines.with(0, 'Host: evil.example'),
    status: 400,
    reason: 'host-mismatch',
  },
  {
    title: '[F30] two Host lines',
    change: (lines) => [host, ...lines],
    status: 400,
    reason: 'host-mismatch',
  },
  {
    title: '[F30] an empty Host',
    change: (lines) => lines.with(0, 'Host:'),
    status: 400,
    reason: 'host-mismatch',
  },
  {
    title: '[F32] forwarded headers',
    change: (lines) => [
      ...lines,
      'X-Forwarded-Host: evil.example',
      'X-Forwarded-Proto: http',
      'X-Forwarded-Prefix: /x',
      'X-Original-URL: /x',
    ],
    status: 200,
  },
  {
    title: '[F04] a method override',
    change: (lines) => [...lines, 'X-HTTP-Method-Override: DELETE'],
    status: 400,
    reason: 'method-override',
  },
];

for (const { title, change, status, reason, http } of rows) {
  test(`${title}: ${status} ${reason ?? ''}`, async () => {
    const site = await openSite(http === undefined ? {} : { http });
    const answer = await send(site, {}, { lines: await change(await validLines(site.world), site.world) });
    assert.is(answer.status, status);
    assert.equal(site.reasons, reason === undefined ? [] : [reason]);
    assert.is(site.runs(), status === 200 ? 1 : 0);
    assertSound(answer);
    if (reason !== undefined) assert.is(answer.header('cache-control'), 'no-store');
    assert.is((await send(site)).status, 200, 'a correct request straight after');
  });
}

test('[A14] a megabyte of header does not reach the handler, and the server lives on', async () => {
  const site = await openSite();
  const lines = await validLines(site.world);
  await send(site, {}, { lines: [...lines, `X-Filler: ${'A'.repeat(1_000_000)}`] });
  assert.is(site.runs(), 0);
  assert.is((await send(site)).status, 200);
});

const targets: readonly (readonly [
  title: string,
  target: string,
  status: number,
  reason?: DpopErrorReason,
])[] = [
  ['[A16] a second token in the query', `${path}?access_token=x`, 400, 'token-repeated'],
  ['[F08] a query', `${path}?page=2`, 200],
  ['[F07] another path', '/api/admin', 401, 'htu-mismatch'],
  ['[F21] another spelling of the path', '/API/notes', 401, 'htu-mismatch'],
  ['[F21] a doubled slash', '//api/notes', 401, 'htu-mismatch'],
  ['[F17] dot segments', '/api/x/../notes', 400, 'target-malformed'],
  ['[F18] encoded dot segments', '/api/x/%2e%2e/notes', 400, 'target-malformed'],
  ['[F19] an encoded letter', '/api/%6eotes', 400, 'target-malformed'],
  ['[F34] our absolute form', `https://rs.example${path}`, 200],
  ['[F34] a foreign absolute form', `http://evil.example${path}`, 400, 'target-malformed'],
  ['[F34] a path that looks like a host', '//evil.example/api/notes', 401, 'htu-mismatch'],
  ['[F37] a fragment', `${path}#top`, 400, 'target-malformed'],
  ['[F37] a space', '/api/no tes', 400],
];
for (const [title, target, status, reason] of targets) {
  test(`${title} as the target: ${status} ${reason ?? ''}`, async () => {
    const site = await openSite();
    const answer = await send(site, {}, { target });
    assert.is(answer.status, status);
    assert.equal(site.reasons, reason === undefined ? [] : [reason]);
    assert.is(site.runs(), status === 200 ? 1 : 0);
    assertSound(answer);
  });
}

test('[F35] OPTIONS * is refused and ends nothing', async () => {
  const site = await openSite();
  const answer = await send(site, { method: 'OPTIONS' }, { target: '*' });
  assert.is(answer.status, 400);
  assert.equal(site.reasons, ['target-malformed']);
  assert.is((await send(site)).status, 200);
});

test('[A24] a proof in a trailer is none', async () => {
  const site = await openSite();
  const [, authorization = '', proof = ''] = await validLines(site.world, { method: 'POST' });
  const lines = [host, authorization, 'Transfer-Encoding: chunked', 'Trailer: DPoP'];
  const answer = await send(site, { method: 'POST' }, { lines, body: `2\r\nhi\r\n0\r\n${proof}\r\n\r\n` });
  assert.is(answer.status, 401);
  assert.equal(site.reasons, ['proof-missing']);
});

/** Stands for the body parsers that there are: all leave what they have read on `ctx.request.body`. */
const parseForm: Koa.Middleware = async (ctx, next) => {
  Object.assign(ctx.request, { body: Object.fromEntries(new URLSearchParams(await text(ctx.req))) });
  await next();
};

const withForm: SiteOptions = {
  build: (app, guard, handler) => {
    app.use(parseForm);
    useBoth(app, guard, handler);
  },
};

test('[A16] [R6750-2-01] a second token in a parsed form is refused, other forms are not', async () => {
  const site = await openSite(withForm);
  const post = async (body: string): Promise<number> => {
    const lines = [...(await validLines(site.world, { method: 'POST' })), `Content-Length: ${body.length}`];
    return (await send(site, { method: 'POST' }, { lines, body })).status;
  };
  assert.is(await post('title=x&access_token=y'), 400);
  assert.equal(site.reasons, ['token-repeated']);
  assert.is(await post('title=x'), 200);
});

test('[A17] a token only in a parsed form is none', async () => {
  const site = await openSite(withForm);
  const body = `access_token=${site.world.token}`;
  const answer = await send(
    site,
    { method: 'POST' },
    { lines: [host, `Content-Length: ${body.length}`], body },
  );
  assert.is(answer.status, 401);
  assert.equal(site.reasons, ['credentials-missing']);
});

test('bodies that are no form do not matter', async () => {
  for (const body of [null, 'access_token', ['access_token'], Buffer.from('x')]) {
    const site = await openSite({
      build: (app, guard, handler) => {
        app.use(async (ctx, next) => {
          Object.assign(ctx.request, { body });
          await next();
        });
        useBoth(app, guard, handler);
      },
    });
    assert.is((await send(site)).status, 200);
  }
});

test('[A26] [F31] works over HTTP/2 and counts its lines too', async () => {
  const site = await createApp({});
  const server = createHttp2Server(site.app as never);
  const port = await listen(server);
  const client = connectHttp2(`http://127.0.0.1:${port}`);
  const ask = async (changes: Record<string, string | string[]>): Promise<unknown> => {
    const [, authorization, proof] = (await validLines(site.world)).map(contentOf);
    const stream = client.request({
      ':path': path,
      ':authority': 'rs.example',
      authorization,
      dpop: proof,
      ...changes,
    });
    stream.resume();
    return new Promise((resolve, reject) => {
      stream.on('response', (headers) => resolve(headers[':status'])).on('error', reject);
    });
  };
  assert.is(await ask({}), 200);
  assert.is(await ask({ dpop: ['a', 'b'] }), 401);
  assert.is(await ask({ ':authority': 'evil.example' }), 400);
  assert.is(await ask({ host: 'evil.example' }), 400);
  assert.equal(site.reasons, ['proof-repeated', 'host-mismatch', 'host-mismatch']);
  await new Promise<void>((resolve) => client.close(resolve));
});

test('[F02] HEAD needs a proof for HEAD, and is answered without body', async () => {
  const site = await openSite();
  const refused = await send(site, {}, { method: 'HEAD' });
  assert.is(refused.status, 401);
  assert.is(refused.body, '');
  assertSound(refused);
  assert.equal(site.reasons, ['htm-mismatch']);
  const answer = await send(site, { method: 'HEAD' });
  assert.is(answer.status, 200);
  assert.is(answer.body, '');
});

test('[F36] works mounted under a path, where ctx.path is only the rest', async () => {
  const paths: string[] = [];
  const site = await openSite({
    build: (app, guard, handler) => {
      app.use(async (ctx, next) => {
        ctx.path = ctx.path.replace(/^\/api/, '');
        await next();
        paths.push(ctx.path);
      });
      useBoth(app, guard, handler);
    },
  });
  assert.is((await send(site)).status, 200);
  assert.equal(paths, ['/notes']);
});

test('works in an application within an application', async () => {
  const site = await openSite({
    build: (app, guard, handler) => {
      const inner = new Koa();
      useBoth(inner, guard, handler);
      const handle = inner.callback();
      app.use((ctx) => {
        ctx.respond = false;
        return handle(ctx.req, ctx.res);
      });
    },
  });
  assert.is((await send(site)).status, 200);
  assert.is((await send(site, { target: '/api/other' })).status, 401);
});

test('[F36] works behind a proxy that strips a prefix and sends its own Host', async () => {
  const site = await openSite({ server: { pathPrefix: '/api', hosts: ['127.0.0.1:8080'] } });
  const lines = (await validLines(site.world)).with(0, 'Host: 127.0.0.1:8080');
  assert.is((await send(site, {}, { lines, target: '/notes' })).status, 200);
});

test('[F32] app.proxy changes nothing: forwarded headers are never looked at', async () => {
  const site = await openSite({
    build: (app, guard, handler) => {
      app.proxy = true;
      useBoth(app, guard, handler);
    },
  });
  const forwarded = ['X-Forwarded-Host: rs.example', 'X-Forwarded-Proto: https'];
  const lines = await validLines(site.world);
  const laundered = await send(site, {}, { lines: [...lines.with(0, 'Host: evil.example'), ...forwarded] });
  assert.is(laundered.status, 400);
  const misled = ['X-Forwarded-Host: evil.example', 'X-Forwarded-Proto: http', 'X-Forwarded-For: 1.2.3.4'];
  assert.is((await send(site, {}, { lines: [...lines, ...misled] })).status, 200);
});

test('guards routes of a router, each with its own scopes', async () => {
  const site = await openSite({
    build: (app, _guard, handler, { server }) => {
      const router = new Router({ prefix: '/api' });
      router.get('/notes', requireDpop(server, { scopes: ['notes:read'] }), handler);
      router.delete('/notes', requireDpop(server, { scopes: ['notes:read', 'notes:delete'] }), handler);
      app.use(router.routes()).use(router.allowedMethods());
    },
  });
  assert.is((await send(site)).status, 200);
  const refused = await send(site, { method: 'DELETE' });
  assertSound(refused);
  assert.is(refused.status, 403);
  assert.match(refused.header('www-authenticate') ?? '', 'scope="notes:read notes:delete"');
  assert.equal(site.reasons, ['scope-insufficient']);
  assert.is(site.runs(), 1);
});

test('takes the scopes of the route that it guards', async () => {
  const site = await openSite({ route: { scopes: ['notes:delete'] } });
  assert.is((await send(site)).status, 403);
  assert.is(site.runs(), 0);
});

test('the handler runs before the middleware around the guard goes on', async () => {
  const order: string[] = [];
  const site = await openSite({
    build: (app, guard) => {
      app.use(async (_, next) => {
        await next();
        order.push('after');
      });
      app.use(guard);
      app.use(async (ctx) => {
        await new Promise((resolve) => setImmediate(resolve));
        order.push('handler');
        ctx.status = 204;
      });
    },
  });
  assert.is((await send(site)).status, 204);
  assert.equal(order, ['handler', 'after']);
});

test('an error of the handler passes untouched', async () => {
  const failure = new Error('handler failed');
  const caught: unknown[] = [];
  const site = await openSite({
    build: (app, guard) => {
      app.use(async (ctx, next) => {
        await next().catch((error: unknown) => {
          caught.push(error);
          ctx.status = 418;
        });
      });
      app.use(guard);
      app.use(() => {
        throw failure;
      });
    },
  });
  const answer = await send(site);
  assert.is(answer.status, 418);
  assert.is(caught[0], failure);
  assert.equal(site.reasons, []);
});

test('a refusal throws nothing at error middleware and keeps its headers', async () => {
  let caught = 0;
  const site = await openSite({
    server: { noncePolicy: 'always' },
    build: (app, guard, handler) => {
      app.on('error', () => caught++);
      app.use(async (ctx, next) => {
        ctx.set('X-Request-Id', '7');
        ctx.set('Content-Type', 'text/html');
        await next().catch(() => caught++);
      });
      useBoth(app, guard, handler);
    },
  });
  const answer = await send(site);
  assertSound(answer);
  assert.is(answer.status, 401);
  assert.ok(answer.header('dpop-nonce'));
  assert.match(answer.header('www-authenticate') ?? '', 'error="use_dpop_nonce"');
  assert.is(answer.header('x-request-id'), '7');
  assert.is(answer.header('content-type'), 'application/json; charset=utf-8');
  assert.is(JSON.parse(answer.body).error, 'use_dpop_nonce');
  assert.is(caught, 0);
});

test('leaves the authorization to the handler, or the refusal to the middleware in front', async () => {
  const states: DpopState[] = [];
  const site = await openSite({
    build: (app, guard, handler) => {
      app.use(async (ctx, next) => {
        await next();
        states.push({ ...ctx.state });
      });
      useBoth(app, guard, handler);
    },
  });
  await send(site);
  await send(site, { target: '/api/admin' });
  const [accepted, refused] = states;
  assert.equal(
    states.map((state) => Object.keys(state)),
    [['dpop'], ['dpopRefusal']],
  );
  assert.is(accepted?.dpop?.jkt, site.world.keyPair.jkt);
  assert.instance(refused?.dpopRefusal, DpopError);
  assert.is(refused?.dpopRefusal?.reason, 'htu-mismatch');
});

test('[H10] [R9449-9-01] [R9449-8-05] a challenged client is through with the nonce', async () => {
  const site = await openSite({ server: { noncePolicy: 'always' } });
  const challenge = await send(site);
  assertSound(challenge);
  assert.is(challenge.status, 401);
  const nonce = challenge.header('dpop-nonce') as string;
  assert.match(nonce, /^[!#-[\]-~]+$/);
  assert.is((await send(site, { nonce })).status, 200);
});

test('[R9449-8.2-01] [R9449-8.2-03] a newer nonce is sent ahead, and the answer is not stored', async () => {
  const site = await openSite({ server: { noncePolicy: 'always' } });
  const nonce = (await send(site)).header('dpop-nonce') as string;
  const same = await send(site, { nonce });
  assert.is(same.header('dpop-nonce'), undefined);
  assert.is(same.header('cache-control'), undefined);
  site.world.clock.now += 5;
  const ahead = await send(site, { nonce });
  assertSound(ahead);
  assert.is(ahead.status, 200);
  assert.ok(![undefined, nonce].includes(ahead.header('dpop-nonce')));
});

test('[R9449-8.2-03] a handler cannot make an answer with a nonce cacheable', async () => {
  const site = await openSite({
    server: { noncePolicy: 'always' },
    build: (app, guard) => {
      app.use(guard);
      app.use((ctx) => {
        ctx.set('Cache-Control', 'public, max-age=3600');
        ctx.body = 'notes';
      });
    },
  });
  const nonce = (await send(site)).header('dpop-nonce') as string;
  assert.is((await send(site, { nonce })).header('cache-control'), 'public, max-age=3600');
  site.world.clock.now += 5;
  const ahead = await send(site, { nonce });
  assert.ok(ahead.header('dpop-nonce'));
  assert.is(ahead.header('cache-control'), 'no-store');
});

const withOrigin = async (site: Site, changes: RequestChanges = {}): Promise<Answer> =>
  send(site, changes, { lines: [...(await validLines(site.world, changes)), 'Origin: https://app.example'] });

test('[R9449-7.1-10] [R9449-8-11] exposes its headers on 200, 400, 401 and 403', async () => {
  const site = await openSite();
  const scoped = await openSite({ route: { scopes: ['notes:delete'] } });
  const answers = [
    await withOrigin(site),
    await withOrigin(site, { token: 'opaque' }),
    await withOrigin(scoped),
    await exchange(site.port, { lines: ['Host: evil.example', 'Origin: https://app.example'] }),
  ];
  assert.equal(
    answers.map(({ status }) => status),
    [200, 401, 403, 400],
  );
  for (const { header } of answers)
    assert.is(header('access-control-expose-headers'), 'DPoP-Nonce, WWW-Authenticate');
  assert.is((await send(site)).header('access-control-expose-headers'), undefined, 'nobody asked');
});

const exposed: readonly (readonly [before: string | string[], after: string])[] = [
  ['X-Total', 'X-Total, DPoP-Nonce, WWW-Authenticate'],
  ['X-Total, dpop-nonce', 'X-Total, dpop-nonce, WWW-Authenticate'],
  ['DPoP-Nonce,WWW-Authenticate', 'DPoP-Nonce,WWW-Authenticate'],
  [['X-Total', 'X-Page'], 'X-Total,X-Page, DPoP-Nonce, WWW-Authenticate'],
  ['X-DPoP-Nonce-Count', 'X-DPoP-Nonce-Count, DPoP-Nonce, WWW-Authenticate'],
];
for (const [before, after] of exposed) {
  test(`[R9449-8-11] exposes besides ${String(before)} what is missing there`, async () => {
    const site = await openSite({
      build: (app, guard, handler) => {
        app.use(async (ctx, next) => {
          ctx.set('Access-Control-Expose-Headers', before);
          await next();
        });
        useBoth(app, guard, handler);
      },
    });
    const { lines } = await withOrigin(site);
    const values = lines
      .filter(([name]) => name === 'access-control-expose-headers')
      .map(([, value]) => value);
    assert.equal(values, [after]);
  });
}

test('[F03] a preflight that is answered before the guard needs no proof', async () => {
  const site = await openSite({
    build: (app, guard, handler) => {
      app.use(async (ctx, next) => {
        if (ctx.method !== 'OPTIONS') return next();
        ctx.status = 204;
      });
      useBoth(app, guard, handler);
    },
  });
  const lines = [host, 'Origin: https://app.example', 'Access-Control-Request-Method: GET'];
  assert.is((await exchange(site.port, { method: 'OPTIONS', lines })).status, 204);
  assert.equal(site.reasons, []);
});

test('[I18] [R9449-7.1-03] answers 503 when the store is down, and the handler does not run', async () => {
  const down = (): never => {
    throw new Error('down');
  };
  const site = await openSite({ server: { replay: { read: down, claim: down } } });
  const answer = await send(site);
  assertSound(answer);
  assert.is(answer.status, 503);
  assert.is(answer.header('retry-after'), '1');
  assert.is(answer.header('cache-control'), 'no-store');
  assert.is(answer.header('www-authenticate'), undefined);
  assert.is(JSON.parse(answer.body).error, 'temporarily_unavailable');
  assert.is(site.runs(), 0);
  assert.equal(site.reasons, ['replay-store-unavailable']);
});

test('a guard that breaks answers 503 and lets nobody through', async () => {
  const fail = (): Promise<never> => Promise.reject(new Error('a bug'));
  const broken = { authorize: fail, check: fail, recheck: fail };
  const site = await openSite({
    build: (app, _guard, handler, { server }) => {
      const guard = {
        ...broken,
        challenge: (error: unknown) => server.challenge(error),
        algorithms: server.algorithms,
      };
      useBoth(app, requireDpop(guard), handler);
    },
  });
  assert.is((await send(site)).status, 503);
  assert.is(site.runs(), 0);
});

test('[I01] [I06] of twenty copies of a request on twenty connections one is served', async () => {
  const site = await openSite();
  const lines = await validLines(site.world);
  const answers = await Promise.all(Array.from({ length: 20 }, () => exchange(site.port, { lines })));
  assert.is(answers.filter(({ status }) => status === 200).length, 1);
  assert.is(site.runs(), 1);
  assert.equal(site.reasons, Array(19).fill('replayed'));
});

test('[R9449-11.7-01] what a proof does not cover: a request whose body and other headers were changed is served', async () => {
  const site = await openSite();
  const lines = await validLines(site.world, { method: 'POST' });
  const changed = [...lines, 'Content-Type: text/plain', 'X-Amount: 1000000', 'Content-Length: 7'];
  assert.is((await send(site, { method: 'POST' }, { lines: changed, body: 'changed' })).status, 200);
});

const canary = 'CanaryCanary';

test('[L02] [R6750-3-02] no answer holds anything of a hostile request', async () => {
  const site = await openSite({ server: { noncePolicy: 'always' } });
  const [, authorization = '', proof = ''] = await validLines(site.world);
  const hostile: readonly (readonly [target: string, lines: Lines])[] = [
    [`/${canary}`, [host]],
    [`/${canary}?access_token=${canary}`, [host, authorization, proof]],
    [path, [`Host: ${canary}`]],
    [path, [host, `Authorization: DPoP ${canary}`, proof]],
    [path, [host, `Authorization: DPoP "${canary}"`, proof]],
    [path, [host, `Authorization: ${canary} x`, proof]],
    [path, [host, authorization, `DPoP: ${canary}`]],
    [path, [host, authorization, `DPoP: ${canary}.${canary}.${canary}`]],
    [path, [host, authorization, proof, `Origin: https://${canary}.example`]],
    [path, [host, authorization, proof, `X-HTTP-Method-Override: ${canary}`]],
  ];
  for (const [target, lines] of hostile) {
    const answer = await exchange(site.port, { target, lines });
    assertSound(answer);
    assert.ok(answer.status === 400 || answer.status === 401);
    assert.not.match(answer.raw, canary);
  }
  assert.is(site.runs(), 0);
});

test('node:http as the client: what it joins is refused, what it sends once is served', async () => {
  const site = await openSite();
  const ask = (proofs: readonly string[], authorization: string): Promise<number | undefined> =>
    new Promise((resolve, reject) => {
      const headers = { host: 'rs.example', authorization, dpop: [...proofs] };
      const request = httpRequest({ port: site.port, host: '127.0.0.1', path, headers, agent: false });
      request
        .on('response', (response) => resolve(response.resume().statusCode))
        .on('error', reject)
        .end();
    });
  const [, authorization = '', proof = ''] = (await validLines(site.world)).map(contentOf);
  assert.is(await ask([proof, proof], authorization), 401);
  assert.is(await ask([proof], authorization), 200);
  assert.equal(site.reasons, ['proof-repeated']);
});

test('[R9449-7-01] [R9449-8-07] the client of this library comes through, nonce and all', async () => {
  const handler = createServer();
  const publicOrigin = `http://127.0.0.1:${await listen(handler)}`;
  const clock = (): number => T0;
  const issuer = createTokenIssuer({ issuer: issuerUrl, signingKey: await createSigningKey('ES256'), clock });
  const replay = createMemoryReplayStore({ capacity: 9, clock });
  const jwks = issuer.jwks();
  // Its clock differs from the client's by months: nonces bridge that.
  const server = createResourceServer({ publicOrigin, issuer: issuerUrl, audience, jwks, replay, clock });
  const app = new Koa();
  useBoth(app, requireDpop(server), (ctx) => {
    ctx.body = (ctx.state as DpopState).dpop?.jkt;
  });
  handler.on('request', app.callback());
  const keyPair = await generateKeyPair();
  const { accessToken } = await issuer.issue({
    subject: 'alice',
    clientId: 'client',
    audience,
    jkt: keyPair.jkt,
  });
  const dpopFetch = createDpopFetch({ keyPair, origins: publicOrigin, accessToken });
  for (const target of [path, `${path}?page=2#top`, '/', '/~x/%7e']) {
    const response = await dpopFetch(`${publicOrigin}${target}`, { headers: { connection: 'close' } });
    assert.is(response.status, 200, target);
    assert.is(await response.text(), keyPair.jkt);
  }
});

test('throws a TypeError without a resource server', () => {
  for (const server of [undefined, null, {}, { authorize: true }, requireDpop]) {
    assert.throws(
      () => requireDpop(server as never),
      (error: unknown) => error instanceof TypeError && error.message.includes('createResourceServer'),
    );
  }
});

test('throws a TypeError for scopes that are no list of scope names', async () => {
  const { server } = await createWorld();
  for (const scopes of ['notes:read', ['a b'], ['a"b'], [7]]) {
    assert.throws(
      () => requireDpop(server, { scopes: scopes as never }),
      (error: unknown) => error instanceof TypeError && error.message.includes('"scopes"'),
    );
  }
});

test.run();
