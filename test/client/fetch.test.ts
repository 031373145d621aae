import { once } from 'node:events';
import {
  createServer,
  Server as HttpServer,
  type IncomingMessage,
  type OutgoingHttpHeaders,
  type ServerResponse,
} from 'node:http';
import { type AddressInfo, createServer as createTcpServer, type Server } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { decodeJwt, EmbeddedJWK, jwtVerify } from 'jose';
import Koa from 'koa';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type DpopState, requireDpop } from '../../src/adapters/koa.ts';
import { DpopClientError, type DpopClientErrorCode } from '../../src/client/errors.ts';
import { createDpopFetch, type DpopFetchOptions, generateKeyPair } from '../../src/client/index.ts';
import { sha256 } from '../../src/digest.ts';
import {
  createMemoryReplayStore,
  createResourceServer,
  type ResourceServerOptions,
} from '../../src/index.ts';
import { audience, createWorld, issuerUrl, T0 } from '../_setup.ts';

const test = suite('createDpopFetch');

/** What arrived at a server. */
interface Received {
  readonly method: string;
  readonly target: string;
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly rawHeaders: readonly string[];
  readonly body: Buffer;
}

interface Answer {
  readonly status?: number;
  readonly headers?: OutgoingHttpHeaders;
  readonly body?: string;
}

/** A server on loopback that keeps what it was sent. */
interface Loopback {
  readonly origin: string;
  readonly received: readonly Received[];
}

const keyPair = await generateKeyPair();
const token = 'an.access~token';
const challenge: Answer = {
  status: 401,
  headers: { 'WWW-Authenticate': 'DPoP error="use_dpop_nonce"', 'DPoP-Nonce': 'n1' },
};
const tokenChallenge: Answer = {
  status: 400,
  headers: { 'Content-Type': 'application/json', 'DPoP-Nonce': 'n1' },
  body: JSON.stringify({ error: 'use_dpop_nonce', error_description: 'a proof with a nonce, please' }),
};
const fine: Answer = { body: 'fine' };

const open = new Set<Server>();

test.after.each(() => {
  for (const server of open) close(server);
  open.clear();
});

test('[R9449-7-01] [R9449-7.1-01] [R9449-4.1-01] sends the token and one proof for it', async () => {
  const server = await serve(() => fine);
  const response = await dpopFetch(server)(`${server.origin}/api/notes`);
  assert.is(await response.text(), 'fine');
  const [request] = server.received;
  assert.is(request?.headers['authorization'], `DPoP ${token}`);
  assert.is(countLines(request, 'dpop'), 1);
  assert.is(countLines(request, 'authorization'), 1);
  const { payload } = await jwtVerify(proofOf(request), EmbeddedJWK, { typ: 'dpop+jwt' });
  assert.is(payload['htu'], `${server.origin}/api/notes`);
  assert.is(payload['ath'], await sha256(token));
});

for (const method of ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']) {
  test(`[R9449-4.2-05] signs ${method} as it goes over the wire`, async () => {
    const server = await serve(() => fine);
    await dpopFetch(server)(server.origin, { method });
    assert.is(server.received[0]?.method, method);
    assert.is(claimsOf(server.received[0])['htm'], method);
  });
}

for (const [given, sent] of [
  ['post', 'POST'],
  ['patch', 'patch'],
  ['Custom', 'Custom'],
] as const) {
  test(`[R9449-4.2-05] signs ${given} as ${sent}, which is how fetch sends it`, async () => {
    // A bare socket: Node's HTTP parser refuses methods that are not registered.
    const server = await listen(createSocketServer());
    await dpopFetch(server)(server.origin, { method: given });
    const [head = ''] = server.received;
    assert.is(head.split(' ')[0], sent);
    assert.is(decodeJwt(/^dpop: (.*)$/im.exec(head)?.[1] ?? '')['htm'], sent);
  });
}

test('[R9449-4.2-06] query and fragment are not in htu; the query is sent all the same', async () => {
  const server = await serve(() => fine);
  await dpopFetch(server)(new URL(`${server.origin}/api?page=2#end`));
  assert.is(server.received[0]?.target, '/api?page=2');
  assert.is(claimsOf(server.received[0])['htu'], `${server.origin}/api`);
});

test('htu names the path as it goes over the wire', async () => {
  const server = await serve(() => fine);
  await dpopFetch(server)(`${server.origin}/a/../b/ü?x`);
  assert.is(server.received[0]?.target, '/b/%C3%BC?x');
  assert.is(claimsOf(server.received[0])['htu'], `${server.origin}/b/%C3%BC`);
});

test('[R9449-4.2-08] without an access token there is neither ath nor Authorization of ours', async () => {
  const server = await serve(() => fine);
  const send = createDpopFetch({ keyPair, origins: server.origin });
  await send(server.origin);
  await send(server.origin, { headers: { Authorization: 'Basic Y2xpZW50OnNlY3JldA==' } });
  const [first, second] = server.received;
  assert.is(first?.headers['authorization'], undefined);
  assert.is(second?.headers['authorization'], 'Basic Y2xpZW50OnNlY3JldA==');
  assert.not('ath' in claimsOf(first));
});

test("replaces the caller's own DPoP and Authorization lines, and keeps the others", async () => {
  const server = await serve(() => fine);
  const headers = { DPoP: 'mine', Authorization: 'Bearer mine', 'X-Trace': '7' };
  await dpopFetch(server)(server.origin, { headers });
  const [request] = server.received;
  assert.is(countLines(request, 'dpop'), 1);
  assert.is(claimsOf(request)['htm'], 'GET');
  assert.is(request?.headers['authorization'], `DPoP ${token}`);
  assert.is(request?.headers['x-trace'], '7');
});

test('[R9449-4-02] [R9449-7.3-01] [M07] every call has a proof of its own', async () => {
  const server = await serve((_, count) => (count === 1 ? { status: 503 } : fine));
  const send = dpopFetch(server);
  assert.is((await send(server.origin)).status, 503);
  assert.is((await send(server.origin)).status, 200);
  const [first, second] = server.received;
  assert.is.not(claimsOf(first)['jti'], claimsOf(second)['jti']);
});

test('[R9449-8.2-01] [R9449-8.2-02] [M04] learns the nonce of a 200, and keeps it until there is a newer one', async () => {
  const nonces = ['n1', undefined, 'n2', undefined];
  const server = await serve((_, count) => ({ ...fine, headers: nonceHeader(nonces[count - 1]) }));
  const send = dpopFetch(server);
  for (const _ of nonces) assert.is((await send(server.origin)).status, 200);
  assert.equal(server.received.map(nonceOf), [undefined, 'n1', 'n1', 'n2']);
});

test('[R9449-8-06] learns the nonce of a refusal that does not ask for one', async () => {
  const server = await serve((_, count) =>
    count === 1 ? { status: 403, headers: nonceHeader('n1'), body: 'no' } : fine,
  );
  const send = dpopFetch(server);
  assert.is((await send(server.origin)).status, 403);
  assert.is((await send(server.origin)).status, 200);
  assert.equal(server.received.map(nonceOf), [undefined, 'n1']);
});

test('[R9449-8-07] [R9449-9-01] a challenge is answered once, with the nonce, a new jti and a new signature', async () => {
  const server = await serve((_, count) => (count === 1 ? challenge : fine));
  const response = await dpopFetch(server)(server.origin);
  assert.is(response.status, 200);
  const [first, second] = server.received;
  assert.is(server.received.length, 2);
  assert.equal(server.received.map(nonceOf), [undefined, 'n1']);
  assert.is.not(claimsOf(first)['jti'], claimsOf(second)['jti']);
  assert.is.not(proofOf(first).split('.')[2], proofOf(second).split('.')[2]);
  await jwtVerify(proofOf(second), EmbeddedJWK);
});

test('[R9449-8-07] [M01] a server that challenges for ever sees two requests, and its answer is returned', async () => {
  const server = await serve((_, count) => ({
    ...challenge,
    headers: { ...challenge.headers, ...nonceHeader(`n${count}`) },
    body: String(count),
  }));
  const send = dpopFetch(server);
  const response = await send(server.origin);
  assert.is(response.status, 401);
  assert.is(await response.text(), '2');
  assert.equal(server.received.map(nonceOf), [undefined, 'n1']);
  await send(server.origin);
  assert.equal(server.received.map(nonceOf), [undefined, 'n1', 'n2', 'n3']);
});

test('[M01] a challenge with the nonce that was just sent is not answered again', async () => {
  const server = await serve(() => challenge);
  const send = dpopFetch(server);
  await send(server.origin);
  assert.is((await send(server.origin)).status, 401);
  assert.equal(server.received.map(nonceOf), [undefined, 'n1', 'n1']);
});

test('[M03] a challenge without a nonce is returned as it is', async () => {
  const { 'DPoP-Nonce': _, ...headers } = challenge.headers ?? {};
  const server = await serve(() => ({ ...challenge, headers }));
  assert.is((await dpopFetch(server)(server.origin)).status, 401);
  assert.is(server.received.length, 1);
});

test('[R9449-8-07] ten calls at once are all served, each after one repetition at most', async () => {
  const { origin, proofs, send } = await protectedApi({ noncePolicy: 'always' });
  const answers = await Promise.all(Array.from({ length: 10 }, () => send(`${origin}/api/notes`)));
  assert.equal(
    answers.map(({ status }) => status),
    Array.from({ length: 10 }, () => 200),
  );
  assert.ok(proofs.length <= 20);
});

test('the answer that asked for a nonce is let go, so that it holds no connection', async () => {
  const cancelled: unknown[] = [];
  const challenges = [
    new ReadableStream({ cancel: (reason) => void cancelled.push(reason) }),
    new ReadableStream({ start: (controller) => controller.error(new Error('broke off')) }),
    null,
  ];
  for (const body of challenges) {
    const headers = { 'WWW-Authenticate': 'DPoP error="use_dpop_nonce"', 'DPoP-Nonce': 'n1' };
    const answers = [new Response(body, { status: 401, headers }), new Response('fine')];
    const send = dpopFetch(
      { origin: 'https://api.example' },
      { fetch: async () => answers.shift() as Response },
    );
    assert.is(await (await send('https://api.example/')).text(), 'fine');
  }
  assert.is(cancelled.length, 1);
});

test('a fetch underneath may keep a clone of what it returns, and read it later', async () => {
  const server = await serve((_, count) => (count === 1 ? { ...challenge, body: 'later' } : fine));
  const kept: Response[] = [];
  const send = dpopFetch(server, {
    fetch: async (input) => {
      const response = await fetch(input);
      kept.push(response.clone());
      return response;
    },
  });
  assert.is(await (await send(server.origin)).text(), 'fine');
  assert.is(await kept[0]?.text(), 'later');
});

const asking: readonly (string | string[])[] = [
  'DPoP error="use_dpop_nonce"',
  'dpop error="use_dpop_nonce"',
  'dPoP error="use_dpop_nonce"',
  'DPoP error=use_dpop_nonce',
  'DPoP ERROR="use_dpop_nonce"',
  'DPoP   error = "use_dpop_nonce"',
  'DPoP error\t=\t"use_dpop_nonce"',
  'DPoP error="use\\_dpop\\_nonce"',
  'DPoP error="use_dpop_nonce", algs="ES256"',
  'DPoP algs="ES256 Ed25519", error="use_dpop_nonce"',
  'DPoP algs="ES256",error=use_dpop_nonce,foo="bar"',
  'DPoP realm="a\\"b", error="use_dpop_nonce"',
  'DPoP realm="a\\\\", error="use_dpop_nonce"',
  'DPoP realm="", error="use_dpop_nonce"',
  ', DPoP error="use_dpop_nonce", ,',
  'Bearer, DPoP error="use_dpop_nonce"',
  'Bearer realm="x", error="invalid_token", DPoP error="use_dpop_nonce"',
  'Basic realm="DPoP, please", charset="UTF-8", DPoP algs="ES256", error="use_dpop_nonce"',
  'Negotiate YWJjZA==, DPoP error="use_dpop_nonce"',
  'DPoP error="use_dpop_nonce", Bearer error="invalid_token"',
  ['Bearer realm="x"', 'DPoP error="use_dpop_nonce"'],
  ['DPoP algs="ES256", error="use_dpop_nonce"', 'Bearer error="invalid_token"'],
];

for (const value of asking) {
  test(`[R9449-7.1-12] [R9449-7.1-09] [M02] a request for a nonce: ${[value].flat().join(' / ')}`, async () => {
    const server = await serve((_, count) => (count === 1 ? challengeAs(value) : fine));
    assert.is((await dpopFetch(server)(server.origin)).status, 200);
    assert.equal(server.received.map(nonceOf), [undefined, 'n1']);
  });
}

const notAsking: readonly (string | string[] | undefined)[] = [
  undefined,
  '',
  'DPoP',
  'DPoP algs="ES256"',
  'Bearer error="use_dpop_nonce"',
  'Bearer error="use_dpop_nonce", DPoP algs="ES256"',
  'DPoP algs="ES256", Bearer error="use_dpop_nonce"',
  ['DPoP algs="ES256"', 'Bearer error="use_dpop_nonce"'],
  'DPoP error="invalid_token"',
  'DPoP error="invalid_dpop_proof", Bearer error="use_dpop_nonce"',
  'DPoP error="USE_DPOP_NONCE"',
  'DPoP error="use_dpop_nonce2"',
  'DPoP error="", foo="use_dpop_nonce"',
  'DPoP error_description="use_dpop_nonce"',
  'DPoP realm="error=use_dpop_nonce"',
  'DPoP realm="\\", error=\\"use_dpop_nonce"',
  'Bearer realm="DPoP error=use_dpop_nonce"',
  'XDPoP error="use_dpop_nonce"',
  'DPoP-Nonce error="use_dpop_nonce"',
];

for (const value of notAsking) {
  test(`[M02] no request for a nonce: ${[value ?? 'no header'].flat().join(' / ')}`, async () => {
    const server = await serve(() => challengeAs(value));
    assert.is((await dpopFetch(server)(server.origin)).status, 401);
    assert.is(server.received.length, 1);
  });
}

test('a challenge counts with status 401 only', async () => {
  const server = await serve(() => ({ ...challenge, status: 403 }));
  assert.is((await dpopFetch(server)(server.origin)).status, 403);
  assert.is(server.received.length, 1);
});

test('[R9449-5-01] [R9449-8-02] [R9449-8-07] a token endpoint asks with 400 and JSON', async () => {
  const server = await serve((_, count) => (count === 1 ? tokenChallenge : fine));
  const send = createDpopFetch({ keyPair, origins: server.origin });
  const body = new URLSearchParams({ grant_type: 'client_credentials' });
  assert.is((await send(`${server.origin}/token`, { method: 'POST', body })).status, 200);
  assert.equal(server.received.map(nonceOf), [undefined, 'n1']);
  for (const { body: sent } of server.received) assert.is(String(sent), 'grant_type=client_credentials');
});

const otherBodies: readonly (readonly [what: string, body: string])[] = [
  ['another error', '{"error":"invalid_grant"}'],
  ['no error', '{}'],
  ['null', 'null'],
  ['no JSON', 'use_dpop_nonce'],
  ['nothing', ''],
];

for (const [what, body] of otherBodies) {
  test(`[R9449-8-06] a 400 with ${what} is returned with its body, and its nonce learnt`, async () => {
    const server = await serve((_, count) => (count === 1 ? { ...tokenChallenge, body } : fine));
    const send = createDpopFetch({ keyPair, origins: server.origin });
    const response = await send(server.origin);
    assert.is(response.status, 400);
    assert.is(await response.text(), body);
    await send(server.origin);
    assert.equal(server.received.map(nonceOf), [undefined, 'n1']);
  });
}

for (const status of [200, 401, 403]) {
  test(`use_dpop_nonce in the JSON of a ${status} is no challenge`, async () => {
    const server = await serve(() => ({ ...tokenChallenge, status }));
    const send = createDpopFetch({ keyPair, origins: server.origin });
    assert.is((await send(server.origin)).status, status);
    assert.is(server.received.length, 1);
  });
}

test('[R9449-9-02] [M05] nonces are kept apart by origin', async () => {
  const one = await serve((_, count) => ({ ...fine, headers: nonceHeader(`one${count}`) }));
  const two = await serve((_, count) => ({ ...fine, headers: nonceHeader(`two${count}`) }));
  const send = createDpopFetch({ keyPair, accessToken: token, origins: [one.origin, two.origin] });
  for (const { origin } of [one, two, one, two]) await send(origin);
  assert.equal(one.received.map(nonceOf), [undefined, 'one1']);
  assert.equal(two.received.map(nonceOf), [undefined, 'two1']);
});

const badNonces: readonly (readonly [what: string, value: string | string[]])[] = [
  ['of 10 kB', 'n'.repeat(10_000)],
  ['empty', ''],
  ['with a space', 'a b'],
  ['with a quote', 'a"b'],
  ['with a backslash', 'a\\b'],
  ['beyond ASCII', 'né'],
  ['that comes twice', ['n1', 'n2']],
];

for (const [what, value] of badNonces) {
  test(`[R9449-8.1-01] a nonce ${what} is not kept, and the one before it stays`, async () => {
    const nonces = ['good', value];
    const server = await serve((_, count) => ({ ...fine, headers: nonceHeader(nonces[count - 1]) }));
    const send = dpopFetch(server);
    for (let call = 0; call < 3; call += 1) assert.is((await send(server.origin)).status, 200);
    assert.equal(server.received.map(nonceOf), [undefined, 'good', 'good']);
  });

  test(`[R9449-8.1-01] a challenge whose nonce is one ${what} is returned as it is`, async () => {
    const server = await serve(() => ({
      ...challenge,
      headers: { ...challenge.headers, ...nonceHeader(value) },
    }));
    assert.is((await dpopFetch(server)(server.origin)).status, 401);
    assert.is(server.received.length, 1);
  });
}

const bodies: readonly (readonly [what: string, body: () => BodyInit, sent: string])[] = [
  ['a string', () => 'héllo', 'héllo'],
  ['bytes', () => new Uint8Array([104, 105]), 'hi'],
  ['an ArrayBuffer', () => new Uint8Array([104, 105]).buffer, 'hi'],
  ['URLSearchParams', () => new URLSearchParams({ a: '1 2' }), 'a=1+2'],
  ['a Blob', () => new Blob(['blob']), 'blob'],
];

for (const [what, body, sent] of bodies) {
  test(`[R9449-8-07] a body that is ${what} is sent again intact`, async () => {
    const server = await serve((_, count) => (count === 1 ? challenge : fine));
    const response = await dpopFetch(server)(server.origin, { method: 'PUT', body: body() });
    assert.is(response.status, 200);
    assert.equal(
      server.received.map((request) => String(request.body)),
      [sent, sent],
    );
    const [first, second] = server.received;
    assert.is(first?.headers['content-type'], second?.headers['content-type']);
  });
}

test('[R9449-8-07] a form with a file is sent again intact', async () => {
  const server = await serve((_, count) => (count === 1 ? challenge : fine));
  const form = new FormData();
  form.append('title', 'note');
  form.append('file', new Blob(['content']), 'note.txt');
  await dpopFetch(server)(server.origin, { method: 'POST', body: form });
  assert.is(server.received.length, 2);
  for (const { body, headers } of server.received) {
    const type = { 'Content-Type': headers['content-type'] ?? '' };
    const arrived = await new Response(new Uint8Array(body), { headers: type }).formData();
    assert.is(arrived.get('title'), 'note');
    assert.is(await (arrived.get('file') as File).text(), 'content');
  }
});

test('[R9449-8-07] a Request without a body is sent again, headers and all', async () => {
  const server = await serve((_, count) => (count === 1 ? challenge : fine));
  const request = new Request(`${server.origin}/x`, { method: 'DELETE', headers: { 'X-Trace': '7' } });
  assert.is((await dpopFetch(server)(request)).status, 200);
  assert.equal(
    server.received.map(({ method, target, headers }) => [method, target, headers['x-trace']]),
    [
      ['DELETE', '/x', '7'],
      ['DELETE', '/x', '7'],
    ],
  );
});

test('[R9449-8-07] a Request with a body is sent again when the body came beside it', async () => {
  const server = await serve((_, count) => (count === 1 ? challenge : fine));
  const request = new Request(server.origin, { method: 'POST', body: 'replaced' });
  assert.is((await dpopFetch(server)(request, { body: 'beside' })).status, 200);
  assert.equal(
    server.received.map(({ body }) => String(body)),
    ['beside', 'beside'],
  );
});

const oneTimeBodies: readonly (readonly [
  what: string,
  call: (origin: string) => Parameters<typeof fetch>,
])[] = [
  ['a stream', (origin) => [origin, streaming(new Blob(['once']).stream())]],
  ['an iterable', (origin) => [origin, streaming(chunks('once') as unknown as ReadableStream)]],
  ['in a Request', (origin) => [new Request(origin, { method: 'POST', body: 'once' })]],
  [
    'in a Request, beside null',
    (origin) => [new Request(origin, { method: 'POST', body: 'once' }), { body: null }],
  ],
];

for (const [what, call] of oneTimeBodies) {
  test(`[R9449-8-07] [M09] a challenged body that is ${what} is an error, and the nonce is learnt`, async () => {
    const server = await serve((_, count) => (count === 1 ? challenge : fine));
    const send = dpopFetch(server);
    assert.is(await codeOf(send(...call(server.origin))), 'body-not-resendable');
    assert.is(server.received.length, 1);
    assert.is((await send(...call(server.origin))).status, 200);
    assert.equal(server.received.map(nonceOf), [undefined, 'n1']);
    for (const { body } of server.received) assert.is(String(body), 'once');
  });
}

test('[M09] a stream is known for one where streams cannot be iterated, as in some browsers', async () => {
  const iterator = Object.getOwnPropertyDescriptor(ReadableStream.prototype, Symbol.asyncIterator);
  assert.ok(iterator);
  const { status, headers } = challenge;
  const send = dpopFetch(
    { origin: 'https://api.example' },
    {
      fetch: async () =>
        new Response(null, { status: status ?? 0, headers: headers as Record<string, string> }),
    },
  );
  Reflect.deleteProperty(ReadableStream.prototype, Symbol.asyncIterator);
  try {
    const attempt = send('https://api.example', streaming(new Blob(['once']).stream()));
    assert.is(await codeOf(attempt), 'body-not-resendable');
  } finally {
    Object.defineProperty(ReadableStream.prototype, Symbol.asyncIterator, iterator);
  }
});

test('[M05] a URL that changes during the call changes neither where its repetition goes nor what for', async () => {
  const [ours, other] = [
    await serve((_, count) => (count === 1 ? challenge : fine)),
    await serve(() => fine),
  ];
  const url = new URL(`${ours.origin}/notes`);
  const answered = dpopFetch(ours)(url);
  url.href = `${other.origin}/others`;
  assert.is((await answered).status, 200);
  assert.equal(
    ours.received.map(({ target }) => target),
    ['/notes', '/notes'],
  );
  assert.is(other.received.length, 0);
});

test('[M05] another origin is refused before anything is sent or the token asked for', async () => {
  const [ours, other] = [await serve(() => fine), await serve(() => fine)];
  let asked = 0;
  const accessToken = (): string => {
    asked += 1;
    return token;
  };
  const send = dpopFetch(ours, { accessToken });
  for (const input of [other.origin, new URL(other.origin), new Request(other.origin)]) {
    assert.is(await codeOf(send(input)), 'origin-not-allowed');
  }
  const sameHost = ours.origin.replace('127.0.0.1', 'localhost');
  assert.is(await codeOf(send(sameHost)), 'origin-not-allowed');
  assert.is(await codeOf(send('https://api.example/?secret=1')), 'origin-not-allowed');
  assert.is(asked + ours.received.length + other.received.length, 0);
});

for (const status of [301, 302, 303, 307, 308]) {
  test(`[M05] a ${status} is returned, and nothing reaches the place where it leads`, async () => {
    const other = await serve(() => fine);
    const server = await serve(() => ({ status, headers: { Location: `${other.origin}/caught` } }));
    const origins = [server.origin, other.origin];
    const send = createDpopFetch({ keyPair, accessToken: token, origins });
    const response = await send(server.origin, { redirect: 'follow' });
    assert.is(response.status, status);
    assert.is(response.headers.get('Location'), `${other.origin}/caught`);
    assert.is(server.received.length, 1);
    assert.is(other.received.length, 0);
  });
}

test('the access token is asked for at each attempt, and ath belongs to the one that went out', async () => {
  const server = await serve((_, count) => (count === 1 ? challenge : fine));
  let asked = 0;
  const accessToken = async (): Promise<string> => {
    asked += 1;
    return `token${asked}`;
  };
  assert.is((await dpopFetch(server, { accessToken })(server.origin)).status, 200);
  assert.equal(
    server.received.map(({ headers }) => headers['authorization']),
    ['DPoP token1', 'DPoP token2'],
  );
  assert.equal(
    server.received.map((request) => claimsOf(request)['ath']),
    [await sha256('token1'), await sha256('token2')],
  );
});

test('what the token function throws reaches the caller, and nothing is sent', async () => {
  const server = await serve(() => fine);
  const loggedOut = new Error('logged out');
  const send = dpopFetch(server, { accessToken: () => Promise.reject(loggedOut) });
  assert.is(await errorOf(send(server.origin)), loggedOut);
  assert.is(server.received.length, 0);
});

test('[R9449-7.1-01] a token that cannot be sent is refused before anything is', async () => {
  const server = await serve(() => fine);
  for (const accessToken of ['', 'two words', 'line\nfeed', () => 'a,b']) {
    assert.is(await codeOf(dpopFetch(server, { accessToken })(server.origin)), 'invalid-token');
  }
  assert.is(server.received.length, 0);
});

test('an AbortSignal ends the request', async () => {
  const abort = new AbortController();
  const server = await serve(() => {
    abort.abort();
    return new Promise<Answer>(() => undefined);
  });
  for (const call of [
    () => dpopFetch(server)(server.origin, { signal: abort.signal }),
    () => dpopFetch(server)(new Request(server.origin, { signal: abort.signal })),
  ]) {
    assert.is((await errorOf(call())).name, 'AbortError');
  }
  assert.is(server.received.length, 1, 'what was aborted before is not sent at all');
});

test('the signal reaches the fetch underneath itself, for each attempt: none that follows it may be lost', async () => {
  const { signal } = new AbortController();
  const given: unknown[] = [];
  const underneath: typeof fetch = async (_, init) => {
    given.push(init?.signal);
    const { status = 200, headers = {} } = given.length % 2 === 1 ? challenge : fine;
    return new Response(null, {
      status,
      headers: { ...headers, 'DPoP-Nonce': `n${given.length}` } as HeadersInit,
    });
  };
  const origin = 'https://api.example';
  const request = new Request(origin, { signal });
  const send = dpopFetch({ origin }, { fetch: underneath });
  await send(origin, { signal });
  await send(request);
  await send(request, { signal: null });
  await send(origin);
  assert.equal(
    given.map((each) => (each === signal ? 'init' : each === request.signal ? 'request' : each)),
    ['init', 'init', 'request', 'request', null, null, null, null],
  );
});

test('an AbortSignal ends the repeated request too', async () => {
  const abort = new AbortController();
  const server = await serve((_, count) => {
    if (count === 1) return challenge;
    abort.abort();
    return new Promise<Answer>(() => undefined);
  });
  const attempt = dpopFetch(server)(server.origin, { signal: abort.signal });
  assert.is((await errorOf(attempt)).name, 'AbortError');
  assert.is(server.received.length, 2);
});

test('a network error reaches the caller as fetch throws it', async () => {
  const server = await listen(createServer());
  server.close();
  await once(server, 'close');
  const error = await errorOf(dpopFetch(server)(server.origin));
  assert.instance(error, TypeError);
  assert.is((error.cause as { code?: string }).code, 'ECONNREFUSED');
});

test('uses the fetch that it was given, with a signed Request', async () => {
  const seen: Request[] = [];
  const send = createDpopFetch({
    keyPair,
    accessToken: token,
    origins: 'https://api.example',
    fetch: async (input) => {
      seen.push(input as Request);
      return new Response('fine');
    },
  });
  assert.is(await (await send('https://API.example:443/notes')).text(), 'fine');
  assert.is(seen[0]?.headers.get('Authorization'), `DPoP ${token}`);
  assert.is(decodeJwt(seen[0]?.headers.get('DPoP') ?? '')['htu'], 'https://api.example/notes');
  assert.is(seen[0]?.redirect, 'manual');
});

const badOrigins: readonly unknown[] = [
  undefined,
  null,
  '',
  'api.example',
  '/api',
  [],
  ['https://api.example', 'nonsense'],
  'data:text/plain,x',
  'null',
  5,
  'ftp://api.example',
  'http://api.example',
  'https://api.example/notes',
  'https://api.example//',
  'https://api.example?',
  'https://api.example/?page=2',
  'https://api.example/#',
  'https://user@api.example',
  'https://:secret@api.example/',
  ['https://api.example', 'https://other.example/notes'],
];

for (const origins of badOrigins) {
  test(`[R9449-2-01] refuses the option origins: ${JSON.stringify(origins) ?? 'undefined'}`, () => {
    const attempt = (): unknown => createDpopFetch({ keyPair, origins } as DpopFetchOptions);
    assert.throws(attempt, (error: unknown) => error instanceof TypeError && /"origins"/.test(error.message));
  });
}

test('an origin may end with a slash, be a URL, and be written as people write it', async () => {
  for (const origins of [
    'https://api.example/',
    'HTTPS://API.Example:443',
    [new URL('https://api.example')],
  ]) {
    const send = createDpopFetch({
      keyPair,
      origins: origins as string,
      fetch: async () => new Response('fine'),
    });
    assert.is(await (await send('https://api.example/notes')).text(), 'fine');
  }
});

const { privateKey, publicJwk } = keyPair;
const badOptions: readonly (readonly [name: keyof DpopFetchOptions, value: unknown])[] = [
  ...[undefined, null, 'key', {}, { privateKey }, { publicJwk }, { privateKey, publicJwk: 'x' }].map(
    (value) => ['keyPair', value] as const,
  ),
  ['keyPair', { privateKey: null, publicJwk }],
  ...[null, 5, {}, ['token'], Promise.resolve('token')].map((value) => ['accessToken', value] as const),
  ...[null, 'fetch', {}, true].map((value) => ['fetch', value] as const),
];
for (const [name, value] of badOptions) {
  test(`refuses the option ${name}: ${JSON.stringify(value) ?? 'undefined'}`, () => {
    const valid: DpopFetchOptions = { keyPair, origins: 'https://api.example' };
    createDpopFetch(valid);
    const attempt = (): unknown => createDpopFetch({ ...valid, [name]: value } as DpopFetchOptions);
    assert.throws(
      attempt,
      (error: unknown) =>
        error instanceof TypeError && error.message.startsWith(`holdfast: option "${name}" must be `),
    );
  });
}

test('refuses options that are none', () => {
  for (const options of [undefined, null, 5, 'https://api.example']) {
    assert.throws(
      () => createDpopFetch(options as never),
      (error: unknown) => error instanceof TypeError && error.message.startsWith('holdfast: '),
    );
  }
});

/** What `fetch` takes for `init`, though a spread would lose it. */
const inits: Readonly<Record<string, (url: string) => RequestInit>> = {
  'a Request': (url) => new Request(url, { method: 'POST', body: 'text', headers: { 'X-Trace': '7' } }),
  'an object with getters': () => new Getters(),
  'an object that inherits': () =>
    Object.create({ method: 'POST', body: 'text', headers: { 'X-Trace': '7' } }) as RequestInit,
};

class Getters {
  get method(): string {
    return 'POST';
  }
  get body(): string {
    return 'text';
  }
  get headers(): HeadersInit {
    return { 'X-Trace': '7' };
  }
}

for (const [what, make] of Object.entries(inits)) {
  test(`init as ${what} is sent as fetch sends it`, async () => {
    const server = await serve(() => fine);
    const url = `${server.origin}/api`;
    await fetch(url, make(url));
    await dpopFetch(server)(url, make(url));
    const [native, ours] = server.received;
    for (const request of [native, ours]) {
      assert.equal(
        [request?.method, String(request?.body), request?.headers['x-trace']],
        ['POST', 'text', '7'],
      );
      assert.is(request?.headers['content-type'], native?.headers['content-type']);
    }
    assert.is(claimsOf(ours)['htm'], 'POST');
  });
}

test('[M09] the body of an init that is a Request is not repeated, that of one with getters is', async () => {
  const server = await serve((_, count) =>
    count === 3 ? fine : { ...challenge, headers: challengeWith(count) },
  );
  const url = `${server.origin}/api`;
  const send = dpopFetch(server);
  assert.is(await codeOf(send(url, inits['a Request']?.(url))), 'body-not-resendable');
  assert.is((await send(url, new Getters())).status, 200);
  assert.equal(
    server.received.map(({ body }) => String(body)),
    ['text', 'text', 'text'],
  );
});

function challengeWith(count: number): OutgoingHttpHeaders {
  return { ...challenge.headers, 'DPoP-Nonce': `n${count}` };
}

test('no init can make it follow a redirect', async () => {
  const other = await serve(() => fine);
  const server = await serve(() => ({ status: 307, headers: { Location: other.origin } }));
  const init = new Request(server.origin, { redirect: 'follow' });
  for (const call of [() => dpopFetch(server)(init), () => dpopFetch(server)(server.origin, init)]) {
    assert.is((await call()).status, 307);
  }
  assert.is(other.received.length, 0);
});

for (const type of ['application/json; charset=utf-8', 'Application/JSON', 'application/problem+json']) {
  test(`[R9449-8-02] a challenge in ${type} is read`, async () => {
    const headers = { ...tokenChallenge.headers, 'Content-Type': type };
    const server = await serve((_, count) => (count === 1 ? { ...tokenChallenge, headers } : fine));
    assert.is((await dpopFetch(server)(server.origin)).status, 200);
  });
}

for (const type of ['text/html', 'text/json', 'application/jsonp', 'application/xml', undefined]) {
  test(`a 400 in ${type ?? 'no type at all'} is not read`, async () => {
    const headers = { 'DPoP-Nonce': 'n1', ...(type === undefined ? {} : { 'Content-Type': type }) };
    const server = await serve(() => ({ ...tokenChallenge, headers }));
    const response = await dpopFetch(server)(server.origin);
    assert.is(response.status, 400);
    assert.is(await response.text(), tokenChallenge.body);
    assert.is(server.received.length, 1);
  });
}

test('of a 400, 16384 characters are read and no more; the caller gets all of it', async () => {
  const padded = (length: number): string => (tokenChallenge.body ?? '').padEnd(length, ' ');
  for (const [length, requests] of [
    [16_384, 2],
    [16_385, 1],
    [500_000, 1],
  ] as const) {
    const server = await serve((_, count) =>
      count === 1 ? { ...tokenChallenge, body: padded(length) } : fine,
    );
    const response = await dpopFetch(server)(server.origin);
    assert.is(server.received.length, requests, `${length}`);
    assert.is((await response.text()).length, requests === 1 ? length : 4);
  }
});

test('a 400 without any body is given to the caller as it is', async () => {
  const headers = tokenChallenge.headers as Record<string, string>;
  let sent = 0;
  const send = createDpopFetch({
    keyPair,
    origins: 'https://as.example',
    fetch: async () => {
      sent += 1;
      return new Response(null, { status: 400, headers });
    },
  });
  assert.is((await send('https://as.example/token')).status, 400);
  assert.is(sent, 1);
});

test('a 400 that never ends is given to the caller as it is', async () => {
  const http = await listen(
    createServer((_, response) => {
      response.writeHead(400, { 'Content-Type': 'application/json', 'DPoP-Nonce': 'n1' });
      response.write('x'.repeat(20_000)); // and then nothing more
    }),
  );
  const response = await dpopFetch(http)(http.origin);
  assert.is(response.status, 400);
  const reader = response.body?.getReader();
  assert.ok(((await reader?.read())?.value?.length ?? 0) > 0);
  await reader?.cancel();
});

test('[R9449-11.3-01] [R9449-9-01] our own resource server serves it when every proof needs a nonce', async () => {
  const { origin, proofs, send } = await protectedApi({ noncePolicy: 'always' });
  assert.is(await (await send(`${origin}/api/notes?page=2`)).text(), 'alice');
  assert.is(proofs.length, 2);
  assert.is((await send(`${origin}/api/notes`, { method: 'POST', body: 'x' })).status, 200);
  assert.is(proofs.length, 3, 'the nonce was kept: no second challenge');
});

for (const [what, hours] of [
  ['behind', -1],
  ['ahead of', 1],
] as const) {
  test(`[R9449-11.1-05] a server whose clock is an hour ${what} ours serves after one repetition`, async () => {
    const { origin, proofs, send } = await protectedApi({}, { now: Date.now() / 1000 + hours * 3600 });
    assert.is((await send(`${origin}/api/notes`)).status, 200);
    assert.equal(
      proofs.map((proof) => 'nonce' in decodeJwt(proof)),
      [false, true],
    );
  });
}

test('[M01] what our own resource server refuses for another reason is returned at once', async () => {
  const { origin, proofs, send } = await protectedApi({}, { signedBy: await generateKeyPair() });
  const response = await send(`${origin}/api/notes`);
  assert.is(response.status, 401);
  assert.match(response.headers.get('WWW-Authenticate') ?? '', 'error="invalid_token"');
  assert.is(proofs.length, 1);
});

test.run();

function dpopFetch({ origin }: { origin: string }, options: Partial<DpopFetchOptions> = {}): typeof fetch {
  return createDpopFetch({ keyPair, accessToken: token, origins: origin, ...options });
}

/** Listens on a free port; closed after the test. */
async function listen<T extends Server>(server: T): Promise<T & { origin: string }> {
  open.add(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  // An address of a server that listens on a port is an object.
  return Object.assign(server, { origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}` });
}

async function serve(
  answer: (request: Received, count: number) => Answer | Promise<Answer>,
): Promise<Loopback> {
  const received: Received[] = [];
  const respond = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { method = '', url: target = '', rawHeaders } = request;
    const headers = request.headers as Received['headers'];
    const arrived = { method, target, headers, rawHeaders, body: await buffer(request) };
    received.push(arrived);
    const { status = 200, headers: answerHeaders = {}, body = '' } = await answer(arrived, received.length);
    response.writeHead(status, answerHeaders).end(body);
  };
  const { origin } = await listen(createServer((request, response) => void respond(request, response)));
  return { origin, received };
}

/** Answers each connection's first request and keeps its head, as it came over the wire. */
function createSocketServer(): Server & { received: string[] } {
  const received: string[] = [];
  const server = createTcpServer((socket) => {
    let head = '';
    socket.setEncoding('latin1').on('data', (chunk) => {
      head += chunk;
      if (!head.includes('\r\n\r\n')) return;
      received.push(head);
      socket.end('HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n');
    });
  });
  return Object.assign(server, { received });
}

/** Koa behind our adapter, and a client with a token for it. */
async function protectedApi(
  options: Partial<ResourceServerOptions>,
  { now = T0, signedBy = keyPair } = {},
): Promise<{ origin: string; proofs: readonly string[]; send: typeof fetch }> {
  const { clock, issuer } = await createWorld();
  clock.now = now;
  const bound = await issuer.issue({ subject: 'alice', clientId: 'client', audience, jkt: keyPair.jkt });
  const http = await listen(createServer());
  const server = createResourceServer({
    publicOrigin: http.origin,
    issuer: issuerUrl,
    audience,
    jwks: () => issuer.jwks(),
    replay: createMemoryReplayStore({ capacity: 1000, clock: () => now - 1000 }),
    clock: clock.read,
    ...options,
  });
  const proofs: string[] = [];
  const app = new Koa<DpopState>();
  app.use((ctx, next) => {
    proofs.push(ctx.get('DPoP'));
    return next();
  });
  app.use(requireDpop(server));
  app.use((ctx) => {
    ctx.body = ctx.state.dpop?.claims.sub;
  });
  http.on('request', app.callback());
  const send = dpopFetch(http, { keyPair: signedBy, accessToken: bound.accessToken });
  return { origin: http.origin, proofs, send };
}

function close(server: Server): void {
  server.close();
  if (server instanceof HttpServer) server.closeAllConnections();
}

function proofOf(request: Received | undefined): string {
  return request?.headers['dpop'] ?? '';
}

function claimsOf(request: Received | undefined): Readonly<Record<string, unknown>> {
  return decodeJwt(proofOf(request));
}

function nonceOf(request: Received): unknown {
  return claimsOf(request)['nonce'];
}

function countLines(request: Received | undefined, name: string): number | undefined {
  return request?.rawHeaders.filter((text, index) => index % 2 === 0 && text.toLowerCase() === name).length;
}

function nonceHeader(nonce: string | string[] | undefined): OutgoingHttpHeaders {
  return nonce === undefined ? {} : { 'DPoP-Nonce': nonce };
}

/** A 401 with a nonce whose `WWW-Authenticate` is spelled this way. */
function challengeAs(value: string | string[] | undefined): Answer {
  return {
    status: 401,
    headers: { ...nonceHeader('n1'), ...(value === undefined ? {} : { 'WWW-Authenticate': value }) },
  };
}

function streaming(body: BodyInit): RequestInit & { duplex: 'half' } {
  return { method: 'POST', body, duplex: 'half' };
}

async function* chunks(text: string): AsyncGenerator<Uint8Array> {
  yield new TextEncoder().encode(text);
}

async function codeOf(attempt: Promise<unknown>): Promise<DpopClientErrorCode> {
  const outcome = await attempt.catch((error: unknown) => error);
  if (outcome instanceof DpopClientError) return outcome.code;
  throw new Error(`no DpopClientError but ${String(outcome)}`);
}

async function errorOf(attempt: Promise<unknown>): Promise<Error> {
  const outcome = await attempt.catch((error: unknown) => error);
  if (outcome instanceof Error) return outcome;
  throw new Error('no error');
}
