import { once } from 'node:events';
import { createServer, request as httpRequest, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import Koa from 'koa';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type DpopState, requireDpop } from '../src/adapters/koa.ts';
import { encodeBase64url, sha256 } from '../src/digest.ts';
import {
  createMemoryReplayStore,
  createResourceServer,
  createSigningKey,
  createTokenBinder,
  createTokenIssuer,
  exchangeRule,
  type MemoryReplayStore,
  type MemoryReplayStoreOptions,
  type RawRequest,
  type ReplayStore,
  type ResourceServerOptions,
  type RouteOptions,
} from '../src/index.ts';
import {
  audience,
  createClock,
  createProof,
  createRequest,
  createWorld,
  forge,
  generateKeyPair,
  issuerUrl,
  issueUnbound,
  origin,
  path,
  proofParts,
  reasonOf,
  refusalOf,
  signer,
  T0,
  type TestClock,
  type World,
} from './_setup.ts';

/** Attacks that once worked, or that tend to work elsewhere, each as its attacker would run it. */

const test = suite('attacks');

function createReplay(options: Partial<MemoryReplayStoreOptions> = {}): MemoryReplayStore {
  return createMemoryReplayStore({ capacity: 1000, clock: () => T0 - 1000, ...options });
}

// A library with a prototype pollution runs in the same process

test('[I05] an Object.prototype with a ttl does not make the memory forget', async () => {
  const prototype = Object.prototype as unknown as Record<string, unknown>;
  prototype['ttl'] = 1;
  try {
    const world = await createWorld({ replay: createReplay() });
    const request = await createRequest(world);
    await world.server.authorize(request);
    await new Promise((resolve) => setTimeout(resolve, 30));
    assert.is(await reasonOf(world.server.authorize(request)), 'replayed');
  } finally {
    Reflect.deleteProperty(prototype, 'ttl');
  }
});

/** While every object inherits this. */
async function whilePolluted<T>(name: string, value: unknown, run: () => Promise<T>): Promise<T> {
  const prototype = Object.prototype as unknown as Record<string, unknown>;
  prototype[name] = value;
  try {
    return await run();
  } finally {
    Reflect.deleteProperty(prototype, name);
  }
}

for (const mode of ['allow', 'observe']) {
  test(`[R9449-7.2-01] an Object.prototype with a mode ${mode} opens no server to Bearer tokens`, async () => {
    const world = await createWorld();
    const bearer = ['Host', 'rs.example', 'Authorization', `Bearer ${await issueUnbound(world)}`];
    const request = await createRequest(world, { headers: bearer });
    const reason = await whilePolluted('mode', mode, () => reasonOf(world.server.authorize(request)));
    assert.is(reason, 'unexpected');
    assert.is(await reasonOf(world.server.authorize(request)), 'bearer-scheme');
  });
}

test('[J13] nor does one with a proof that is optional, or a new key to accept, drop a binding', async () => {
  const replay = createReplay();
  const binder = createTokenBinder({ publicOrigin: 'https://as.example', replay });
  const request = { method: 'POST', target: '/token', rawHeaders: ['Host', 'as.example'] };
  const refused = async (attempt: () => Promise<unknown>): Promise<void> => {
    const error = await attempt().catch((thrown: unknown) => thrown);
    assert.instance(error, TypeError);
  };
  await whilePolluted('proof', 'optional', () => refused(() => binder.bind(request)));
  await whilePolluted('newKey', 'accept', () => refused(async () => exchangeRule({})));
  assert.is(await reasonOf(binder.bind(request)), 'proof-missing');
});

// The clock was read wrong once

/** A world whose memory was told a time 20 hours ahead, once, and whose clock is right since. */
async function createMisledWorld(): Promise<{ world: World; monotonic: TestClock; nonce: string }> {
  const monotonic = createClock(5000);
  const replay = createReplay({ monotonicClock: monotonic.read });
  const world = await createWorld({ replay });
  replay.read(T0 + 20 * 3600);
  const refusal = await refusalOf(world.server.authorize(await createRequest(world)));
  assert.is(refusal.reason, 'proof-stale');
  return { world, monotonic, nonce: refusal.nonce ?? '' };
}

test('[I28] after one reading that was hours ahead, a held proof still ages, and is refused after its window', async () => {
  const { world, monotonic, nonce } = await createMisledWorld();
  const used = await createRequest(world, { nonce });
  await world.server.authorize(used);
  assert.is(await reasonOf(world.server.authorize(used)), 'replayed');
  const held = await createRequest(world, { nonce });
  const heldToo = await createRequest(world, { nonce });
  for (const clock of [world.clock, monotonic]) clock.now += 59;
  await world.server.authorize(held);
  for (const clock of [world.clock, monotonic]) clock.now += 2;
  assert.is(await reasonOf(world.server.authorize(heldToo)), 'proof-stale');
  assert.is(await reasonOf(world.server.authorize(used)), 'proof-stale');
});

test('[I28] after one reading that was hours ahead, nonces change again', async () => {
  const { world, monotonic, nonce } = await createMisledWorld();
  for (const clock of [world.clock, monotonic]) clock.now += 2;
  const { nonce: next } = await world.server.authorize(await createRequest(world, { nonce }));
  assert.type(next, 'string');
  assert.is.not(next, nonce);
  for (const clock of [world.clock, monotonic]) clock.now += 60;
  await world.server.authorize(await createRequest(world, { nonce: next as string }));
});

// The target is written so that router and proof see two

for (const target of [
  '/api/%6eotes',
  '/api/n%6Ftes',
  '/api/%6E%6F%74%65%73',
  '/%61pi/notes?x=1',
  '/api%2Dnotes',
]) {
  test(`[F19] the request target ${target} is answered with 400`, async () => {
    const { world, refusal } = await refused({ target });
    assert.is(refusal.reason, 'target-malformed');
    assert.is(world.server.challenge(refusal).status, 400);
  });
}

test('[F19] a path of 5000 characters is answered with 400', async () => {
  const { world, refusal } = await refused({ target: `/${'a'.repeat(5000)}` });
  assert.is(refusal.reason, 'target-malformed');
  assert.is(world.server.challenge(refusal).status, 400);
});

async function refused(
  changes: Parameters<typeof createRequest>[1],
): Promise<{ world: World; refusal: Awaited<ReturnType<typeof refusalOf>> }> {
  const world = await createWorld();
  return { world, refusal: await refusalOf(world.server.authorize(await createRequest(world, changes))) };
}

test('[F19] a proof may write its own htu with escapes, which choose no route', async () => {
  const world = await createWorld();
  const { header, claims } = proofParts(world.keyPair, await sha256(world.token));
  const htu = `${origin}/api/%6eotes`;
  const proof = await forge(header, { ...claims, htu }, signer(world.keyPair));
  await world.server.authorize(await createRequest(world, { proof }));
});

test('[F19] escapes that are needed, and that of a tilde, are served', async () => {
  const world = await createWorld();
  for (const target of ['/a%7Eb', '/a%2Fb', '/a%20b', '/%C3%A9']) {
    const request = { method: 'GET', url: origin + target, accessToken: world.token, now: T0 };
    const proof = await createProof(world.keyPair, request);
    await world.server.authorize(await createRequest(world, { target, proof }));
  }
});

test('[R9449-11.7-01] what a proof does not cover: a request whose query was changed is served', async () => {
  const world = await createWorld();
  const request = await createRequest(world, { target: `${path}?page=1` });
  const changed = { ...request, target: `${path}?page=2&all=true` };
  await world.server.authorize(changed);
  assert.is(await reasonOf(world.server.authorize(request)), 'replayed', 'it is the same one use');
});

// Somebody else's key is put on nonces

/** A proof whose header names a key, an hour old, as somebody can write it who has the key or has not. */
async function staleProof(world: World, signed: boolean): Promise<string> {
  const { header, claims } = proofParts(world.keyPair, await sha256(world.token));
  const stale = { ...claims, iat: T0 - 3600 };
  return signed ? forge(header, stale, signer(world.keyPair)) : forge(header, stale);
}

for (const noncePolicy of ['when-needed', 'always'] as const) {
  test(`[R9449-11.3-01] a stale proof is answered with a nonce, signed or not (${noncePolicy})`, async () => {
    const world = await createWorld({ noncePolicy });
    for (const signed of [false, true]) {
      const proof = await staleProof(world, signed);
      const refusal = await refusalOf(world.server.authorize(await createRequest(world, { proof })));
      assert.equal([refusal.code, typeof refusal.nonce], ['use_dpop_nonce', 'string']);
    }
  });
}

test('[R9449-11.3-01] a thief of the token cannot put its owner on nonces with proofs that he cannot sign', async () => {
  const world = await createWorld();
  const { header, claims } = proofParts(world.keyPair, await sha256(world.token));
  const thief = await generateKeyPair();
  const attempts = [
    await staleProof(world, false),
    await forge(header, { ...claims, iat: T0 + 3600 }),
    await forge(header, { ...claims, nonce: 'made-up' }),
    await forge(header, { ...claims, iat: T0 - 3600 }, signer(thief)),
  ];
  for (const proof of attempts) {
    const refusal = await refusalOf(world.server.authorize(await createRequest(world, { proof })));
    assert.is(refusal.code, 'use_dpop_nonce');
    await world.server.authorize(await createRequest(world));
  }
});

test('[R9449-11.3-01] the owner of a key that was told to use nonces must keep to it', async () => {
  const world = await createWorld();
  const proof = await staleProof(world, true);
  const { nonce } = await refusalOf(world.server.authorize(await createRequest(world, { proof })));
  assert.is(await reasonOf(world.server.authorize(await createRequest(world))), 'nonce-required');
  await world.server.authorize(await createRequest(world, { nonce: nonce ?? '' }));
});

test('[R9449-11.3-01] strangers at the token endpoint cannot put all clients on nonces with keys made of thin air', async () => {
  const binder = createTokenBinder({
    publicOrigin: issuerUrl,
    replay: createReplay(),
    clock: () => T0,
    cacheSize: 1000,
  });
  const url = `${issuerUrl}/token`;
  const requestWith = (proof: string): RawRequest => ({
    method: 'POST',
    target: '/token',
    rawHeaders: ['Host', 'as.example', 'DPoP', proof],
  });
  const keyPair = await generateKeyPair();
  const { header, claims } = proofParts(keyPair);
  const coordinate = (): string => encodeBase64url(crypto.getRandomValues(new Uint8Array(32)));
  for (let count = 0; count < 1001; count++) {
    const jwk = { kty: 'EC', crv: 'P-256', x: coordinate(), y: coordinate() };
    const proof = await forge({ ...header, jwk }, { ...claims, htm: 'POST', htu: url, iat: T0 - 3600 });
    assert.is(await reasonOf(binder.bind(requestWith(proof))), 'proof-stale');
  }
  const proof = await createProof(keyPair, { method: 'POST', url, now: T0 });
  assert.is((await binder.bind(requestWith(proof))).jkt, keyPair.jkt);
});

// A store that never answers

test('[I19] stores that never settle are answered for with 503, and do not hold requests', async () => {
  const never = new Promise<never>(() => undefined);
  const replay = createReplay();
  const broken: readonly ReplayStore[] = [
    { read: () => never, claim: (claim) => replay.claim(claim) },
    { read: (now) => replay.read(now), claim: () => never },
  ];
  const answers = broken.map(async (store) => {
    const world = await createWorld({ replay: store });
    const refusal = await refusalOf(world.server.authorize(await createRequest(world)));
    return [refusal.reason, world.server.challenge(refusal).status];
  });
  for (const answer of await Promise.all(answers)) assert.equal(answer, ['replay-store-unavailable', 503]);
});

test('[I19] a late success of a claim admits nobody', async () => {
  const replay = createReplay();
  let settle: (outcome: 'claimed') => void = () => undefined;
  const late: ReplayStore = {
    read: (now) => replay.read(now),
    claim: () => new Promise((resolve) => (settle = resolve)),
  };
  const world = await createWorld({ replay: late });
  const attempt = reasonOf(world.server.authorize(await createRequest(world)));
  assert.is(await attempt, 'replay-store-unavailable');
  settle('claimed');
  assert.is(await attempt, 'replay-store-unavailable');
});

// Mistakes of whoever sets it up

const { publicJwk } = await createSigningKey('ES256');

function optionsWith(changes: object): ResourceServerOptions {
  const jwks = { keys: [publicJwk] };
  const valid = { publicOrigin: origin, issuer: issuerUrl, audience, jwks, replay: createReplay() };
  return { ...valid, ...changes };
}

function isRefusal(text: string): (error: unknown) => boolean {
  return (error) => error instanceof TypeError && error.message.includes(text);
}

test('an option with a misspelt name is refused, by both kinds of server', () => {
  const misspelt = ['noncesPolicy', 'maxage', 'audiences', 'proxy', 'scopes'];
  for (const name of misspelt) {
    const refusal = isRefusal(`there is no option "${name}"`);
    assert.throws(() => createResourceServer(optionsWith({ [name]: undefined })), refusal);
    const binding = { publicOrigin: issuerUrl, replay: createReplay(), [name]: 1 };
    assert.throws(() => createTokenBinder(binding), refusal);
  }
  assert.throws(
    () => createTokenBinder({ publicOrigin: issuerUrl, replay: createReplay(), issuer: issuerUrl } as never),
    isRefusal('there is no option "issuer"'),
  );
});

test('a clock in milliseconds is refused, wherever one is taken', async () => {
  const { signingKey } = await createWorld();
  const refusal = isRefusal('"clock"');
  for (const attempt of [
    () => createResourceServer(optionsWith({ clock: Date.now })),
    () => createTokenBinder({ publicOrigin: issuerUrl, replay: createReplay(), clock: Date.now }),
    () => createTokenIssuer({ issuer: issuerUrl, signingKey, clock: Date.now }),
    () => createReplay({ clock: Date.now }),
  ]) {
    assert.throws(attempt, refusal);
  }
});

test('a capacity that would take gigabytes at the start is refused', () => {
  for (const capacity of [10_000_001, Number.MAX_SAFE_INTEGER, Number.POSITIVE_INFINITY]) {
    assert.throws(() => createReplay({ capacity }), isRefusal('"capacity"'));
  }
});

test('[R9449-2-01] URLs with user info, and metadata that would break out of a challenge, are refused', () => {
  const senseless: readonly (readonly [name: string, value: string])[] = [
    ['jwks', 'https://user:secret@as.example/jwks'],
    ['publicOrigin', 'https://user@rs.example'],
    ['resourceMetadata', 'https://user@rs.example/metadata'],
    ['resourceMetadata', 'https://rs.example/metadata?a=\\'],
    ['resourceMetadata', 'https://rs.example/metadata#\\"'],
  ];
  for (const [name, value] of senseless) {
    assert.throws(() => createResourceServer(optionsWith({ [name]: value })), isRefusal(`"${name}"`));
  }
});

for (const [what, route] of Object.entries({
  'no route': null,
  'scopes with a line break': { scopes: ['notes:read\r\nSet-Cookie: a=b'] },
  'scopes with a quote': { scopes: ['notes", error="'] },
  'one scope that is no list': { scopes: 'notes:read' },
  'scopes that are none': { scopes: null },
  'a mode that is none': { mode: null },
  'an unknown mode': { mode: 'allow-bearer' },
  'a misspelt option': { scope: ['notes:read'] },
})) {
  test(`[L02] ${what}: a DpopError and a plain 503, and the proof is not used up`, async () => {
    const world = await createWorld();
    const request = await createRequest(world);
    for (const method of ['authorize', 'check'] as const) {
      const refusal = await refusalOf(world.server[method](request, route as RouteOptions));
      assert.is(refusal.reason, 'unexpected');
      const { status, headers } = world.server.challenge(refusal);
      assert.is(status, 503);
      assert.equal(headers, { 'cache-control': 'no-store', 'retry-after': '1' });
    }
    await world.server.authorize(request);
  });
}

// Two guards of one server in one application

/** The status of one valid request to a Koa application with a guard, something between, and a second guard. */
async function statusBehind(
  second: RouteOptions,
  { between, otherServer = false }: { between?: Koa.Middleware; otherServer?: boolean } = {},
): Promise<{ status: number; reason: unknown }> {
  const replay = createReplay();
  const world = await createWorld({ replay });
  const jwks = (): ReturnType<World['issuer']['jwks']> => world.issuer.jwks();
  const other = createResourceServer(optionsWith({ jwks, replay, clock: world.clock.read }));
  const app = new Koa<DpopState>();
  let reason: unknown;
  app.use(async (ctx, next) => {
    await next();
    reason = ctx.state.dpopRefusal?.reason;
  });
  app.use(requireDpop(world.server, { scopes: ['notes:read'] }));
  app.use(between ?? ((_, next) => next()));
  app.use(requireDpop(otherServer ? other : world.server, second));
  app.use((ctx) => {
    ctx.body = ctx.state.dpop?.claims.sub;
  });
  const http = createServer(app.callback());
  try {
    http.listen(0, '127.0.0.1');
    await once(http, 'listening');
    const { port } = http.address() as AddressInfo;
    return { status: await statusOf(port, await createRequest(world)), reason };
  } finally {
    http.closeAllConnections();
    http.close();
  }
}

async function statusOf(port: number, { rawHeaders }: RawRequest): Promise<number> {
  const headers = [...rawHeaders, 'Connection', 'close'];
  const sent = httpRequest({ host: '127.0.0.1', port, path, headers }).end();
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  response.resume();
  await once(response, 'close');
  return response.statusCode ?? 0;
}

test('[R6750-3.1-01] a second guard behind the first lets through what has its scopes, and only that', async () => {
  assert.equal(await statusBehind({}), { status: 200, reason: undefined });
  assert.equal(await statusBehind({ scopes: ['notes:write'] }), { status: 200, reason: undefined });
  assert.equal(await statusBehind({ scopes: ['admin'] }), { status: 403, reason: 'scope-insufficient' });
});

test('[F05] a second guard does not trust the first when the method was changed in between', async () => {
  const between: Koa.Middleware = (ctx, next) => {
    ctx.req.method = 'DELETE';
    return next();
  };
  assert.equal(await statusBehind({}, { between }), { status: 401, reason: 'htm-mismatch' });
});

test('[F39] a second guard of another server takes a use of its own, which is gone', async () => {
  assert.equal(await statusBehind({}, { otherServer: true }), { status: 401, reason: 'replayed' });
});

test.run();
