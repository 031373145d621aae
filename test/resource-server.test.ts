import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { inspect } from 'node:util';
import { decodeJwt, decodeProtectedHeader } from 'jose';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { sha256 } from '../src/digest.ts';
import {
  createMemoryReplayStore,
  createNonces,
  createResourceServer,
  createRevocations,
  createSigningKey,
  createTokenBinder,
  type Decision,
  type DpopErrorReason,
  dpopErrorReasons,
  jwkThumbprint,
  type RawRequest,
  type ReplayStore,
  type ResourceServerOptions,
  type RevocationAnswer,
  type Revocations,
  type RouteOptions,
} from '../src/index.ts';
import { toPublicJwk } from '../src/thumbprint.ts';
import {
  audience,
  createProof,
  createRequest,
  createWorld,
  forge,
  generateKeyPair,
  issuerUrl,
  origin,
  path,
  proofParts,
  reasonOf,
  refusalOf,
  signer,
  T0,
  type World,
} from './_setup.ts';

const test = suite('resource-server');

type Members = Readonly<Record<string, unknown>>;

/** A token that its issuer has signed, valid but for the changed members. */
function forgeToken(
  { token, keyPair, signingKey }: World,
  claims: Members = {},
  header: Members = {},
): Promise<string> {
  const issued = { header: decodeProtectedHeader(token), claims: decodeJwt(token) };
  const sign = signer({ ...keyPair, privateKey: signingKey.privateKey });
  return forge({ ...issued.header, ...header }, { ...issued.claims, ...claims }, sign);
}

/** A proof that the world's client has signed, valid but for the changed members. */
async function forgeProof(
  world: World,
  claims: Members = {},
  header: Members = {},
  token = world.token,
): Promise<string> {
  const parts = proofParts(world.keyPair, await sha256(token));
  return forge({ ...parts.header, ...header }, { ...parts.claims, ...claims }, signer(world.keyPair));
}

/** A request whose proof has these members changed. */
async function withProof(world: World, claims: Members, header: Members = {}): Promise<RawRequest> {
  return createRequest(world, { proof: await forgeProof(world, claims, header) });
}

/** A request whose token has these members changed; its proof fits. */
async function withToken(world: World, claims: Members, header: Members = {}): Promise<RawRequest> {
  return createRequest(world, { token: await forgeToken(world, claims, header) });
}

/** A request with its header lines changed. */
async function withLines(
  world: World,
  change: (lines: readonly string[]) => readonly string[],
): Promise<RawRequest> {
  const request = await createRequest(world);
  return { ...request, rawHeaders: change(request.rawHeaders) };
}

/** A GET request, proof included, sent with another method. */
async function withMethod(world: World, method: string): Promise<RawRequest> {
  return { ...(await createRequest(world)), method };
}

async function withForeignKey(world: World): Promise<RawRequest> {
  return createRequest(world, { keyPair: await generateKeyPair() });
}

async function withForgedSignature(world: World): Promise<RawRequest> {
  const { privateKey } = await generateKeyPair();
  return createRequest(world, { keyPair: { ...world.keyPair, privateKey } });
}

/** The same JWS with an ES256 signature of zeros. */
function spoil(jws: string): string {
  return `${jws.slice(0, -86)}${'A'.repeat(86)}`;
}

/** A request whose token is bound to a key that is none: its point is off the curve. */
async function withKeyOffCurve(world: World): Promise<RawRequest> {
  const { x = '', y = '' } = world.keyPair.publicJwk as { x?: string; y?: string };
  const jwk = { kty: 'EC', crv: 'P-256', x: y, y: x };
  const token = await forgeToken(world, { cnf: { jkt: await jwkThumbprint(toPublicJwk(jwk)) } });
  return createRequest(world, { token, proof: await forgeProof(world, {}, { jwk }, token) });
}

function down(): never {
  throw new Error('down');
}

/** A deny list that gives one answer about every token. */
function revocationsThat(look: () => RevocationAnswer, maxTokenLife = 300): Revocations {
  const store = { add: () => undefined, look };
  return createRevocations({ store, maxTokenLife, leeway: 0, clock: () => T0 });
}

/** An issuer that vouches for no opaque token. */
const issuerServer = createServer((_, response) => void response.end('{"active":false}'));
await new Promise<void>((resolve) => issuerServer.listen(0, '127.0.0.1', resolve));
test.after(() => new Promise<void>((resolve) => issuerServer.close(() => resolve())));

const introspection = {
  endpoint: `http://127.0.0.1:${(issuerServer.address() as AddressInfo).port}/introspect`,
  credentials: { clientId: 'rs', clientSecret: 'secret' },
};

/** Reasons that only an authorization server has. */
const foreignReasons = [
  'key-revoked',
  'dpop-jkt-malformed',
  'dpop-jkt-mismatch',
  'grant-unknown',
  'grant-expired',
  'grant-of-another-client',
  'grant-reused',
  'grant-ended',
  'grant-key-mismatch',
  'grant-key-missing',
  'redirect-uri-mismatch',
  'code-verifier-mismatch',
  'scope-exceeded',
  'record-store-unavailable',
] as const satisfies readonly DpopErrorReason[];

type ResourceReason = Exclude<DpopErrorReason, (typeof foreignReasons)[number]>;

interface Refusal {
  readonly options?: Partial<ResourceServerOptions>;
  readonly route?: RouteOptions;
  readonly request: (world: World) => Promise<RawRequest>;
  readonly status: number;
}

const weakKey = { kty: 'OKP', crv: 'Ed25519', x: 'A'.repeat(43) };

/** Each reason that there is, brought about by one change to a valid request or to the server. */
const refusals: Readonly<Record<ResourceReason, Refusal>> = {
  'host-mismatch': {
    request: (world) => withLines(world, (lines) => lines.with(1, 'evil.example')),
    status: 400,
  },
  'target-malformed': {
    request: (world) => createRequest(world, { target: '/api/../api/notes' }),
    status: 400,
  },
  'method-override': {
    request: (world) => withLines(world, (lines) => [...lines, 'X-HTTP-Method', 'PUT']),
    status: 400,
  },
  'authorization-repeated': {
    request: (world) => withLines(world, (lines) => [...lines, 'Authorization', 'Bearer x']),
    status: 400,
  },
  'authorization-malformed': {
    request: (world) => withLines(world, (lines) => lines.with(3, 'DPoP')),
    status: 400,
  },
  'token-repeated': {
    request: (world) => createRequest(world, { target: `${path}?access_token=x` }),
    status: 400,
  },
  'credentials-missing': {
    request: (world) => createRequest(world, { headers: ['Host', 'rs.example'] }),
    status: 401,
  },
  'bearer-scheme': {
    request: (world) => withLines(world, (lines) => lines.with(3, `Bearer ${world.token}`)),
    status: 401,
  },
  'token-too-large': { options: { maxTokenBytes: 100 }, request: createRequest, status: 401 },
  'token-malformed': { request: (world) => createRequest(world, { token: 'opaque' }), status: 401 },
  'token-type-mismatch': { request: (world) => withToken(world, {}, { typ: 'JWT' }), status: 401 },
  'token-algorithm-not-allowed': { request: (world) => withToken(world, {}, { alg: 'HS256' }), status: 401 },
  'token-key-unknown': { request: (world) => withToken(world, {}, { kid: 'unknown' }), status: 401 },
  'token-signature-invalid': {
    request: (world) => createRequest(world, { token: spoil(world.token) }),
    status: 401,
  },
  'token-issuer-mismatch': { request: (world) => withToken(world, { iss: `${issuerUrl}/` }), status: 401 },
  'token-audience-mismatch': { request: (world) => withToken(world, { aud: origin }), status: 401 },
  'token-claim-invalid': { request: (world) => withToken(world, { client_id: 5 }), status: 401 },
  'token-expired': { request: (world) => withToken(world, { exp: T0 - 60 }), status: 401 },
  'token-not-yet-valid': { request: (world) => withToken(world, { nbf: T0 + 60 }), status: 401 },
  'token-not-bound': { request: (world) => withToken(world, { cnf: undefined }), status: 401 },
  'bound-token-as-bearer': {
    options: { mode: 'allow' },
    request: (world) => withLines(world, (lines) => lines.with(3, `Bearer ${world.token}`)),
    status: 401,
  },
  'token-inactive': {
    options: { introspection },
    request: (world) => createRequest(world, { token: 'opaque' }),
    status: 401,
  },
  'token-lives-too-long': {
    options: { revocations: revocationsThat(() => 'live', 299) },
    request: createRequest,
    status: 401,
  },
  'token-revoked': {
    options: { revocations: revocationsThat(() => 'revoked') },
    request: createRequest,
    status: 401,
  },
  'token-revocation-unknown': {
    options: { revocations: revocationsThat(() => 'forgotten') },
    request: createRequest,
    status: 401,
  },
  'token-confirmation-unsupported': {
    request: (world) => withToken(world, { cnf: { jkt: world.keyPair.jkt, kid: 'x' } }),
    status: 401,
  },
  'key-mismatch': { request: withForeignKey, status: 401 },
  'scope-insufficient': { route: { scopes: ['notes:delete'] }, request: createRequest, status: 403 },
  'proof-missing': { request: (world) => withLines(world, (lines) => lines.slice(0, 4)), status: 401 },
  'proof-repeated': {
    request: (world) => withLines(world, (lines) => [...lines, ...lines.slice(4)]),
    status: 401,
  },
  'proof-too-large': { options: { maxProofBytes: 100 }, request: createRequest, status: 401 },
  'proof-malformed': { request: (world) => withLines(world, (lines) => lines.with(5, '')), status: 401 },
  'typ-mismatch': { request: (world) => withProof(world, {}, { typ: 'jwt' }), status: 401 },
  'alg-not-allowed': { request: (world) => withProof(world, {}, { alg: 'RS256' }), status: 401 },
  'extension-refused': { request: (world) => withProof(world, {}, { crit: ['b64'] }), status: 401 },
  'jwk-malformed': { request: (world) => withProof(world, {}, { jwk: [] }), status: 401 },
  'jwk-private': {
    request: (world) => withProof(world, {}, { jwk: { ...world.keyPair.publicJwk, d: 'AA' } }),
    status: 401,
  },
  'jwk-unfit': { request: (world) => withProof(world, {}, { alg: 'Ed25519' }), status: 401 },
  'jwk-not-canonical': {
    request: (world) => withProof(world, {}, { jwk: { ...world.keyPair.publicJwk, x: 'AA' } }),
    status: 401,
  },
  'jwk-weak': { request: (world) => withProof(world, {}, { alg: 'Ed25519', jwk: weakKey }), status: 401 },
  'jti-invalid': { request: (world) => withProof(world, { jti: '' }), status: 401 },
  'htm-mismatch': { request: (world) => withMethod(world, 'PUT'), status: 401 },
  'htu-malformed': { request: (world) => withProof(world, { htu: path }), status: 401 },
  'htu-mismatch': { request: (world) => createRequest(world, { target: '/api/admin' }), status: 401 },
  'iat-invalid': { request: (world) => withProof(world, { iat: `${T0}` }), status: 401 },
  'proof-expired': { request: (world) => withProof(world, { exp: T0 - 1 }), status: 401 },
  'proof-not-yet-valid': { request: (world) => withProof(world, { nbf: T0 + 60 }), status: 401 },
  'ath-mismatch': { request: (world) => withProof(world, { ath: undefined }), status: 401 },
  'nonce-invalid': { request: (world) => withProof(world, { nonce: 5 }), status: 401 },
  'key-invalid': { request: withKeyOffCurve, status: 401 },
  'signature-invalid': { request: withForgedSignature, status: 401 },
  replayed: { request: useOnce, status: 401 },
  'nonce-unknown': { request: (world) => createRequest(world, { nonce: 'unknown' }), status: 401 },
  'nonce-required': { options: { noncePolicy: 'always' }, request: createRequest, status: 401 },
  'proof-stale': { request: (world) => createRequest(world, { proofTime: T0 - 61 }), status: 401 },
  'proof-from-future': { request: (world) => createRequest(world, { proofTime: T0 + 11 }), status: 401 },
  'proof-forgotten': {
    options: { replay: createMemoryReplayStore({ capacity: 9, clock: () => T0 }) },
    request: createRequest,
    status: 401,
  },
  'quota-exceeded': {
    options: {
      replay: createMemoryReplayStore({ capacity: 99, quotaPerKey: 1, clock: () => T0 - 1000 }),
    },
    request: useUp,
    status: 429,
  },
  'issuer-unavailable': { options: { jwks: down }, request: createRequest, status: 503 },
  'replay-store-unavailable': {
    options: { replay: { read: down, claim: down } },
    request: createRequest,
    status: 503,
  },
  'revocation-store-unavailable': {
    options: { revocations: revocationsThat(down) },
    request: createRequest,
    status: 503,
  },
  unexpected: { request: breakClock, status: 503 },
};

/** Reasons for which a request is refused before anybody vouches for its token: then it is nobody's. */
const early: readonly string[] = [
  'host-mismatch',
  'target-malformed',
  'method-override',
  'authorization-repeated',
  'authorization-malformed',
  'token-repeated',
  'credentials-missing',
  'bearer-scheme',
  'token-too-large',
  'token-malformed',
  'token-type-mismatch',
  'token-algorithm-not-allowed',
  'token-key-unknown',
  'token-signature-invalid',
  'token-issuer-mismatch',
  'token-audience-mismatch',
  'token-claim-invalid',
  'token-expired',
  'token-not-yet-valid',
  'token-confirmation-unsupported',
  'token-inactive',
  'proof-missing',
  'proof-repeated',
  'proof-too-large',
  'proof-malformed',
  'issuer-unavailable',
  'unexpected',
];

/** Whose token a decision names that was made for this reason. */
function clientOf(reason: string): string | undefined {
  return early.includes(reason) ? undefined : 'client';
}

/** A valid request to a server whose clock breaks before it comes. */
async function breakClock(world: World): Promise<RawRequest> {
  const request = await createRequest(world);
  world.clock.now = Number.NaN;
  return request;
}

async function useOnce(world: World): Promise<RawRequest> {
  const request = await createRequest(world);
  await world.server.authorize(request);
  return request;
}

/** A fresh request of a client that has used up its quota of one. */
async function useUp(world: World): Promise<RawRequest> {
  await world.server.authorize(await createRequest(world)).catch(() => undefined);
  return createRequest(world);
}

/** A replay memory that tells how often something was claimed. */
function createCountingStore(): ReplayStore & { claims: number } {
  const store = createMemoryReplayStore({ capacity: 1000, clock: () => T0 - 1000 });
  const counting = {
    claims: 0,
    read: (now: number) => store.read(now),
    claim: (claim: Parameters<ReplayStore['claim']>[0]) => {
      counting.claims++;
      return store.claim(claim);
    },
  };
  return counting;
}

for (const [reason, { options, route, request, status }] of Object.entries(refusals)) {
  test(`[R9449-7.1-07] refuses for ${reason}, tells it once, and claims nothing`, async () => {
    const decisions: Decision[] = [];
    const replay = createCountingStore();
    const world = await createWorld({ replay, observe: (decision) => decisions.push(decision), ...options });
    const hostile = await request(world);
    const [before, told] = [replay.claims, decisions.length];
    const refusal = await refusalOf(world.server.authorize(hostile, { ...route, name: 'notes' }));
    assert.is(refusal.reason, reason);
    const { code, jkt, cause } = refusal;
    const clientId = clientOf(reason);
    const decision = { outcome: 'refused', reason, code, jkt, clientId, route: 'notes', cause };
    assert.equal(decisions.slice(told), [decision]);
    assert.is(replay.claims - before, reason === 'replayed' ? 1 : 0);
    const answer = world.server.challenge(refusal);
    assert.is(answer.status, status);
    assert.is(answer.headers['cache-control'], 'no-store');
    assert.is('www-authenticate' in answer.headers, status !== 503 && status !== 429);
    assert.is(answer.headers['dpop-nonce'] !== undefined, code === 'use_dpop_nonce');
  });
}

/** What is told of a request with a bound token that may be served. */
function bound(jkt: string | undefined): object {
  return { scheme: 'DPoP', jkt, clientId: 'client', route: undefined, wouldRefuse: undefined };
}

/** What only the claim finds out, and so the server behind the gateway. */
const foundByClaim: readonly string[] = ['replayed', 'quota-exceeded'];

for (const [reason, { options, route, request, status }] of Object.entries(refusals)) {
  const expected = foundByClaim.includes(reason) ? 'passes' : 'refuses';
  test(`check ${expected} what authorize refuses for ${reason}, tells it once, and claims nothing`, async () => {
    const decisions: Decision[] = [];
    const replay = createCountingStore();
    const world = await createWorld({ replay, observe: (decision) => decisions.push(decision), ...options });
    const hostile = await request(world);
    const [before, told] = [replay.claims, decisions.length];
    if (expected === 'passes') {
      const { jkt } = await world.server.check(hostile, route);
      assert.equal(decisions.slice(told), [{ outcome: 'passed', ...bound(jkt) }]);
    } else {
      const refusal = await refusalOf(world.server.check(hostile, route));
      const { code, jkt, cause } = refusal;
      assert.is(refusal.reason, reason);
      const clientId = clientOf(reason);
      const decision = { outcome: 'refused', reason, code, jkt, clientId, route: undefined, cause };
      assert.equal(decisions.slice(told), [decision]);
      assert.is(world.server.challenge(refusal).status, status);
      assert.is(refusal.nonce !== undefined, code === 'use_dpop_nonce');
    }
    assert.is(replay.claims, before);
  });
}

test('check passes one proof any number of times, before its use and after it, and takes none', async () => {
  const decisions: Decision[] = [];
  const replay = createCountingStore();
  const world = await createWorld({ replay, observe: (decision) => decisions.push(decision) });
  const request = await createRequest(world);
  const passed = { outcome: 'passed', ...bound(world.keyPair.jkt) } as const;
  for (let time = 0; time < 20; time++) await world.server.check(request);
  assert.equal(decisions.splice(0), Array(20).fill(passed));
  assert.is(replay.claims, 0);
  const { claims, jkt, proof } = await world.server.authorize(request);
  const again = await world.server.check(request);
  assert.equal([again.claims, again.jkt, again.proof?.jti], [claims, jkt, proof?.jti]);
  assert.ok(Object.isFrozen(again));
  assert.is(await reasonOf(world.server.authorize(request)), 'replayed');
  assert.is(replay.claims, 2);
  assert.equal(
    decisions.map(({ outcome }) => outcome),
    ['accepted', 'passed', 'refused'],
  );
});

/** A gateway that checks and a server that authorizes, as two processes do: one store, one secret, nothing else shared. */
async function createPair(
  options: Partial<ResourceServerOptions> = {},
): Promise<{ gateway: World; backend: World; replay: ReplayStore & { claims: number } }> {
  const secret = new Uint8Array(32).fill(7);
  const replay = createCountingStore();
  const gateway = await createWorld({ replay, nonces: createNonces({ secret }), ...options });
  const server = createResourceServer({
    publicOrigin: origin,
    issuer: issuerUrl,
    audience,
    jwks: () => gateway.issuer.jwks(),
    clock: gateway.clock.read,
    replay,
    nonces: createNonces({ secret }),
    ...options,
  });
  return { gateway, backend: { ...gateway, server }, replay };
}

test('[I01] gateway and server behind it accept a proof once together, and the replay is refused behind', async () => {
  const { gateway, backend, replay } = await createPair();
  const request = await createRequest(gateway);
  await gateway.server.check(request);
  assert.is(replay.claims, 0);
  await backend.server.authorize(request);
  await gateway.server.check(request);
  assert.is(await reasonOf(backend.server.authorize(request)), 'replayed');
  assert.is(replay.claims, 2);
});

test('[I06] of fifty copies at once through gateway and server behind it, one is served', async () => {
  const { gateway, backend } = await createPair();
  const request = await createRequest(gateway);
  const outcomes = await Promise.all(
    Array.from({ length: 50 }, async () => {
      await gateway.server.check(request);
      return backend.server.authorize(request).then(
        () => 'accepted',
        (error: { reason: string }) => error.reason,
      );
    }),
  );
  assert.equal(outcomes.toSorted(), ['accepted', ...Array(49).fill('replayed')]);
});

test('[R9449-8-02] [H11] what the gateway challenges with, the server behind it accepts', async () => {
  const { gateway, backend } = await createPair({ noncePolicy: 'always' });
  const { nonce } = await refusalOf(gateway.server.check(await createRequest(gateway)));
  const request = await createRequest(gateway, { nonce: nonce as string });
  await gateway.server.check(request);
  await backend.server.authorize(request);
  gateway.clock.now = T0 + 2;
  const later = await createRequest(gateway, { nonce: nonce as string });
  const ahead = (await gateway.server.check(later)).nonce;
  assert.ok(ahead !== undefined && ahead !== nonce);
  await backend.server.authorize(await createRequest(gateway, { nonce: ahead }));
});

test('the table above knows every reason', () => {
  const known = [...Object.keys(refusals), ...foreignReasons];
  assert.is(new Set(known).size, known.length);
  assert.equal(new Set(known), new Set<string>(dpopErrorReasons));
});

test('[R9449-7.1-02] accepts a valid request and tells whose it is', async () => {
  const decisions: Decision[] = [];
  const world = await createWorld({ observe: (decision) => decisions.push(decision) });
  const { scheme, claims, jkt, proof, nonce } = await world.server.authorize(await createRequest(world));
  assert.is(scheme, 'DPoP');
  assert.is(claims.sub, 'alice');
  assert.is(jkt, world.keyPair.jkt);
  assert.is(proof?.jkt, jkt);
  assert.equal(proof?.time, { axis: 'iat', at: T0 });
  assert.is(proof?.until, T0 + 60);
  assert.is(nonce, undefined);
  assert.equal(decisions, [{ outcome: 'accepted', ...bound(jkt) }]);
});

test('what it hands out cannot be written on', async () => {
  const world = await createWorld();
  const authorization = await world.server.authorize(await createRequest(world));
  assert.ok(
    Object.isFrozen(authorization) &&
      Object.isFrozen(authorization.claims) &&
      Object.isFrozen(authorization.proof),
  );
  assert.ok(Object.isFrozen(authorization.claims['cnf']));
});

test('makes its way from the cheap to the dear: of several faults the first decides', async () => {
  const world = await createWorld();
  const stranger = await generateKeyPair();
  const late = { iat: T0 - 3600, jti: '' };
  const proof = await forge(proofParts(stranger).header, { ...proofParts(stranger).claims, ...late });
  const expired = await forgeToken(world, { exp: T0 - 60 });
  const good = await forgeProof(world);
  const lines = [
    'Host',
    'evil.example',
    'Authorization',
    `DPoP ${expired}`,
    'Authorization',
    'x',
    'DPoP',
    'x',
    'DPoP',
    'x',
  ];
  const steps: readonly (readonly [DpopErrorReason, readonly string[]])[] = [
    ['host-mismatch', lines],
    ['authorization-repeated', lines.with(1, 'rs.example')],
    ['proof-repeated', lines.with(1, 'rs.example').toSpliced(4, 2)],
    ['proof-malformed', ['Host', 'rs.example', 'Authorization', `DPoP ${expired}`, 'DPoP', 'x']],
    ['token-expired', ['Host', 'rs.example', 'Authorization', `DPoP ${expired}`, 'DPoP', proof]],
    ['key-mismatch', ['Host', 'rs.example', 'Authorization', `DPoP ${world.token}`, 'DPoP', proof]],
    [
      'jti-invalid',
      ['Host', 'rs.example', 'Authorization', `DPoP ${world.token}`, 'DPoP', await forgeProof(world, late)],
    ],
    [
      'signature-invalid',
      ['Host', 'rs.example', 'Authorization', `DPoP ${world.token}`, 'DPoP', spoil(good)],
    ],
    ['scope-insufficient', ['Host', 'rs.example', 'Authorization', `DPoP ${world.token}`, 'DPoP', good]],
  ];
  for (const [reason, rawHeaders] of steps) {
    const attempt = world.server.authorize(
      { method: 'GET', target: path, rawHeaders },
      { scopes: ['notes:delete'] },
    );
    assert.is(await reasonOf(attempt), reason);
  }
  await world.server.authorize({
    method: 'GET',
    target: path,
    rawHeaders: ['Host', 'rs.example', 'Authorization', `DPoP ${world.token}`, 'DPoP', good],
  });
});

test('[I10] [G14] a bad token does not burn the proof that came with it', async () => {
  const world = await createWorld();
  const request = await createRequest(world);
  const unsigned = request.rawHeaders.with(3, `DPoP ${await forgeToken(world, { aud: 'other' })}`);
  assert.is(
    await reasonOf(world.server.authorize({ ...request, rawHeaders: unsigned })),
    'token-audience-mismatch',
  );
  await world.server.authorize(request);
});

test('[I10] a wrong ath does not burn a jti', async () => {
  const world = await createWorld();
  assert.is(
    await reasonOf(world.server.authorize(await withProof(world, { jti: 'J', ath: 'wrong' }))),
    'ath-mismatch',
  );
  await world.server.authorize(await withProof(world, { jti: 'J' }));
});

test('[R6750-3.1-01] a route whose scope is missing is named, and does not consume the proof', async () => {
  const world = await createWorld();
  const request = await createRequest(world);
  const scopes = ['notes:read', 'notes:delete'];
  const refusal = await refusalOf(world.server.authorize(request, { scopes }));
  assert.is(refusal.reason, 'scope-insufficient');
  assert.is(refusal.jkt, world.keyPair.jkt);
  const { status, headers } = world.server.challenge(refusal);
  assert.is(status, 403);
  assert.match(headers['www-authenticate'] ?? '', 'DPoP error="insufficient_scope", ');
  assert.match(
    headers['www-authenticate'] ?? '',
    ', scope="notes:read notes:delete", algs="ES256 Ed25519 EdDSA"',
  );
  await world.server.authorize(request, { scopes: ['notes:write', 'notes:read'] });
});

test('[R9449-7.2-04] no credentials: a challenge without error, with what is configured', async () => {
  const resourceMetadata = 'https://rs.example/.well-known/oauth-protected-resource';
  const world = await createWorld({ realm: 'notes & more', resourceMetadata, algorithms: ['ES256'] });
  const refusal = await refusalOf(
    world.server.authorize(await createRequest(world, { headers: ['Host', 'rs.example'] })),
  );
  assert.equal(world.server.challenge(refusal), {
    status: 401,
    headers: {
      'cache-control': 'no-store',
      'www-authenticate': `DPoP realm="notes & more", algs="ES256", resource_metadata="${resourceMetadata}"`,
    },
    body: {},
  });
  assert.equal(world.server.algorithms, ['ES256']);
});

test('[H02] [R9449-9-03] a nonce of the token endpoint is challenged, even with one secret', async () => {
  const nonces = createNonces();
  const replay = createMemoryReplayStore({ capacity: 9, clock: () => T0 - 1000 });
  const world = await createWorld({ nonces, replay });
  const clock = world.clock.read;
  for (const publicOrigin of [issuerUrl, origin]) {
    const binder = createTokenBinder({ publicOrigin, nonces, replay, clock, noncePolicy: 'always' });
    const proof = await createProof(world.keyPair, { method: 'POST', url: `${publicOrigin}/token`, now: T0 });
    const rawHeaders = ['Host', new URL(publicOrigin).host, 'DPoP', proof];
    const { nonce } = await refusalOf(binder.bind({ method: 'POST', target: '/token', rawHeaders }));
    const refusal = await refusalOf(
      world.server.authorize(await createRequest(world, { nonce: nonce as string })),
    );
    assert.is(refusal.reason, 'nonce-unknown');
    assert.ok(refusal.nonce !== undefined && refusal.nonce !== nonce);
    await world.server.authorize(await createRequest(world, { nonce: refusal.nonce as string }));
  }
});

test('[F27] a laundering Host does not reach /api/admin with a proof for /api/notes', async () => {
  const world = await createWorld();
  const request = await withLines(world, (lines) => lines.with(1, 'rs.example/api/notes?'));
  assert.is(await reasonOf(world.server.authorize({ ...request, target: '/api/admin' })), 'host-mismatch');
});

test('[F05] an overridden method with a proof for the overriding one is refused', async () => {
  const world = await createWorld();
  const request = await createRequest(world, { method: 'DELETE' });
  const lines = [...request.rawHeaders, 'X-HTTP-Method-Override', 'DELETE'];
  assert.is(
    await reasonOf(world.server.authorize({ ...request, method: 'POST', rawHeaders: lines })),
    'method-override',
  );
  assert.is(await reasonOf(world.server.authorize({ ...request, method: 'POST' })), 'htm-mismatch');
});

test('[F39] a proof used at one public origin is worth nothing at another', async () => {
  const world = await createWorld();
  const other = createResourceServer({
    publicOrigin: 'https://other.example',
    issuer: issuerUrl,
    audience,
    jwks: () => world.issuer.jwks(),
    replay: createMemoryReplayStore({ capacity: 9, clock: () => T0 - 1000 }),
    clock: world.clock.read,
  });
  const request = await createRequest(world);
  assert.is(await reasonOf(other.authorize(request)), 'host-mismatch');
  const redirected = { ...request, rawHeaders: request.rawHeaders.with(1, 'other.example') };
  assert.is(await reasonOf(other.authorize(redirected)), 'htu-mismatch');
});

test('[F36] works behind a path prefix and under another Host', async () => {
  const world = await createWorld({ pathPrefix: '/api', hosts: ['upstream:8080'] });
  const request = await createRequest(world, { target: '/notes' });
  await world.server.authorize({ ...request, rawHeaders: request.rawHeaders.with(1, 'upstream:8080') });
});

test('[F08] query and fragment of htu do not count', async () => {
  const world = await createWorld();
  const proof = await forgeProof(world, { htu: `HTTPS://RS.example:443${path}?other=1#top` });
  await world.server.authorize(await createRequest(world, { target: `${path}?page=2`, proof }));
});

/** What somebody has who stole a token, and a proof with it; all of it is worth nothing. */
const theft: Readonly<Record<string, readonly [DpopErrorReason, (world: World) => Promise<RawRequest>]>> = {
  '[A07] [R9449-7.2-01] as Bearer': [
    'bearer-scheme',
    (world) =>
      withLines(world, (lines) => ['Host', 'rs.example', 'Authorization', `Bearer ${lines[3]?.slice(5)}`]),
  ],
  '[G09] as Bearer with a valid proof': [
    'bearer-scheme',
    (world) => withLines(world, (lines) => lines.with(3, `Bearer ${world.token}`)),
  ],
  '[A06] without proof': ['proof-missing', (world) => withLines(world, (lines) => lines.slice(0, 4))],
  '[G03] [R9449-4.3-13] with a proof by the own key': ['key-mismatch', withForeignKey],
  "[R9449-4.3-06] with the victim's key in a proof signed by the own": [
    'signature-invalid',
    withForgedSignature,
  ],
  '[F07] with a captured proof for another URL': [
    'htu-mismatch',
    (world) => createRequest(world, { target: '/api/admin' }),
  ],
  '[F01] with a captured proof for another method': ['htm-mismatch', (world) => withMethod(world, 'DELETE')],
  '[F02] with a captured GET proof for HEAD': ['htm-mismatch', (world) => withMethod(world, 'HEAD')],
  '[R9449-11.1-01] with a captured proof that is old': [
    'proof-stale',
    (world) => createRequest(world, { proofTime: T0 - 61 }),
  ],
  '[I01] with a captured proof that was used': ['replayed', useOnce],
  '[G01] [R9449-4.3-12] with a captured proof for another token': [
    'ath-mismatch',
    async (world) =>
      createRequest(world, {
        token: await forgeToken(world, { jti: 'other' }),
        proof: await forgeProof(world),
      }),
  ],
  '[A17] in the query': [
    'credentials-missing',
    (world) =>
      createRequest(world, {
        target: `${path}?access_token=${world.token}`,
        headers: ['Host', 'rs.example'],
      }),
  ],
  '[G05] rebound to the own key': ['token-signature-invalid', rebind],
};

async function rebind(world: World): Promise<RawRequest> {
  const own = await generateKeyPair();
  const claims = { ...decodeJwt(world.token), cnf: { jkt: own.jkt } };
  const token = await forge(decodeProtectedHeader(world.token), claims, signer(own));
  return createRequest(world, { token, keyPair: own });
}

for (const [how, [reason, request]] of Object.entries(theft)) {
  test(`${how}: a stolen token is refused, and its owner is still served`, async () => {
    const world = await createWorld();
    assert.is(await reasonOf(world.server.authorize(await request(world))), reason);
    world.clock.now += 61; // past the challenge that a stale proof is
    await world.server.authorize(await createRequest(world));
  });
}

/** All 14 encodings of the Ed25519 points of low order, for which anybody can sign. */
function lowOrderPoints(): readonly string[] {
  const prime = 2n ** 255n - 19n;
  const orderEight = 0x7a03ac9277fdc74ec6cc392cfa53202a0f67100d760b3cba4fd84d3d706a17c7n;
  const ys = [0n, 1n, prime - 1n, orderEight, prime - orderEight, prime, prime + 1n];
  return ys
    .flatMap((y) => [y, y + 2n ** 255n])
    .map((number) =>
      Buffer.from(number.toString(16).padStart(64, '0'), 'hex').reverse().toString('base64url'),
    );
}

/** The identity as R, and S = 0: the signature of every message, where the key is the identity. */
const forAnybody = Buffer.concat([Buffer.from([1]), Buffer.alloc(63)]).toString('base64url');

for (const [index, x] of lowOrderPoints().entries()) {
  test(`[G13] a token bound to a key by which anybody can sign, encoding ${index + 1}, opens nothing`, async () => {
    const world = await createWorld();
    const jwk = { kty: 'OKP', crv: 'Ed25519', x };
    const token = await forgeToken(world, { cnf: { jkt: await jwkThumbprint(toPublicJwk(jwk)) } });
    const { header, claims } = proofParts(world.keyPair, await sha256(token));
    const proof = await forge({ ...header, alg: 'Ed25519', jwk }, claims, async () => forAnybody);
    assert.is(
      await reasonOf(world.server.authorize(await createRequest(world, { token, proof }))),
      'jwk-weak',
    );
    assert.is(await reasonOf(world.server.authorize(await createRequest(world, { token }))), 'key-mismatch');
  });
}

/** Counts the calls of a method while something runs. */
async function countCalls<T extends object>(
  object: T,
  name: keyof T & string,
  run: () => Promise<unknown>,
): Promise<number> {
  const method = object[name] as (...parameters: unknown[]) => unknown;
  let calls = 0;
  const count = function (this: unknown, ...parameters: unknown[]): unknown {
    calls++;
    return method.apply(this, parameters);
  };
  Object.assign(object, { [name]: count });
  try {
    await run();
  } finally {
    Object.assign(object, { [name]: method });
  }
  return calls;
}

/** How often `run` imports a proof key, verifies a proof, and verifies a token. */
async function costOf(
  run: () => Promise<unknown>,
): Promise<{ imports: number; proofs: number; tokens: number }> {
  const node = process.getBuiltinModule('node:crypto');
  const cost = { imports: 0, proofs: 0, tokens: 0 };
  cost.imports = await countCalls(node, 'createPublicKey', async () => {
    cost.proofs = await countCalls(node, 'verify', async () => {
      cost.tokens = await countCalls(crypto.subtle, 'verify', run);
    });
  });
  return cost;
}

test('[K02] a returning client costs one signature check, and not even the import of its key', async () => {
  const world = await createWorld();
  const send = async (): Promise<unknown> => world.server.authorize(await createRequest(world));
  assert.equal(await costOf(send), { imports: 1, proofs: 1, tokens: 1 });
  assert.equal(await costOf(send), { imports: 0, proofs: 1, tokens: 0 });
  assert.equal(await costOf(send), { imports: 0, proofs: 1, tokens: 0 });
});

test('[K02] what is refused before the signature costs no signature check', async () => {
  const world = await createWorld();
  await world.server.authorize(await createRequest(world));
  const cheap = ['proof-malformed', 'jwk-private', 'htu-mismatch', 'ath-mismatch', 'key-mismatch'] as const;
  for (const reason of cheap) {
    const request = await refusals[reason].request(world);
    const cost = await costOf(() => refusalOf(world.server.authorize(request)));
    assert.equal(cost, { imports: 0, proofs: 0, tokens: 0 }, reason);
  }
});

test('[K02] a challenge costs one signature check: only the owner of a key may bind it to nonces', async () => {
  const world = await createWorld();
  await world.server.authorize(await createRequest(world));
  const request = await refusals['proof-stale'].request(world);
  const cost = await costOf(() => refusalOf(world.server.authorize(request)));
  assert.equal(cost, { imports: 0, proofs: 1, tokens: 0 });
});

test('[K04] keys of strangers are neither imported nor remembered', async () => {
  const world = await createWorld({ cacheSize: 1 });
  const send = async (): Promise<unknown> => world.server.authorize(await createRequest(world));
  await send();
  const strangers = await Promise.all(Array.from({ length: 5 }, () => generateKeyPair()));
  for (const keyPair of strangers) {
    const request = await createRequest(world, { keyPair });
    const cost = await costOf(() => refusalOf(world.server.authorize(request)));
    assert.equal(cost, { imports: 0, proofs: 0, tokens: 0 });
  }
  assert.equal(await costOf(send), { imports: 0, proofs: 1, tokens: 0 });
});

test('[K04] cacheSize bounds what is remembered', async () => {
  const world = await createWorld({ cacheSize: 1 });
  const send = async (token = world.token): Promise<unknown> =>
    world.server.authorize(await createRequest(world, { token }));
  const other = await forgeToken(world, { jti: 'other' });
  await send();
  assert.equal(await costOf(() => send(other)), { imports: 0, proofs: 1, tokens: 1 });
  assert.equal(await costOf(send), { imports: 0, proofs: 1, tokens: 1 });
});

const canary = 'CanaryCanaryCanary';

test('[L01] no decision holds a token, a proof or a jti, accepted or refused', async () => {
  const decisions: Decision[] = [];
  const secrets = new Set<string>();
  for (const { options, route, request } of Object.values(refusals)) {
    const world = await createWorld({ observe: (decision) => decisions.push(decision), ...options });
    const { rawHeaders } = await request(world);
    const hostile = await request(world);
    for (const value of [...rawHeaders, ...hostile.rawHeaders].filter((line) => line.length > 60)) {
      for (const part of value.replace(/^\w+ /, '').split('.')) secrets.add(part.slice(0, 40));
    }
    await world.server.authorize(hostile, route).catch(() => undefined);
  }
  assert.ok(decisions.length >= Object.keys(refusals).length && secrets.size > 100);
  const told = decisions.map(
    (decision) => JSON.stringify(decision) + inspect(decision, { depth: 9, showHidden: true }),
  );
  for (const secret of secrets)
    assert.not.ok(
      told.some((text) => text.includes(secret)),
      secret,
    );
});

test('[L01] [L02] nothing of a hostile request is told or answered', async () => {
  const decisions: Decision[] = [];
  const options = {
    observe: (decision: Decision): unknown => decisions.push(decision),
    noncePolicy: 'always',
  } as const;
  const world = await createWorld(options);
  const claims = {
    jti: canary,
    htu: `${origin}/${canary}`,
    htm: canary,
    nonce: canary,
    ath: canary,
    [canary]: canary,
  };
  const requests = [
    ...Object.entries(claims).map(([name, value]) => withProof(world, { jti: canary, [name]: value })),
    withProof(world, { nonce: canary, iat: T0 }, { typ: canary }),
    withProof(world, {}, { alg: canary }),
    withProof(world, {}, { jwk: { kty: 'EC', crv: canary, x: canary, y: canary } }),
    withProof(world, {}, { jwk: { ...world.keyPair.publicJwk, d: canary } }),
    withToken(world, { iss: canary }),
    withToken(world, { aud: canary }),
    withToken(world, { scope: canary, exp: T0 - 60 }),
    withToken(world, {}, { kid: canary }),
    withToken(world, {}, { typ: canary }),
    createRequest(world, { token: canary }),
    createRequest(world, { target: `/${canary}?access_token=${canary}` }),
    withLines(world, (lines) => lines.with(1, canary)),
    withLines(world, (lines) => lines.with(3, `DPoP ${canary}"`)),
    withLines(world, (lines) => lines.with(5, canary)),
  ];
  const answers: unknown[] = [];
  for (const request of requests) {
    const refusal = await refusalOf(world.server.authorize(await request, { scopes: ['notes:read'] }));
    answers.push(world.server.challenge(refusal));
  }
  assert.is(decisions.length, requests.length);
  for (const text of [...answers, ...decisions].map((each) =>
    inspect(each, { depth: 9, showHidden: true }),
  )) {
    assert.not.ok(text.includes(canary), text);
  }
});

test('what an observer throws changes no decision', async () => {
  let told = 0;
  const observe = (): never => {
    told++;
    throw new Error('log is full');
  };
  const world = await createWorld({ observe });
  const request = await useOnce(world);
  assert.is(await reasonOf(world.server.authorize(request)), 'replayed');
  assert.is(told, 2);
});

test('[L06] nor does what an observer rejects with, and it does not end the process', async () => {
  const unhandled: unknown[] = [];
  const note = (error: unknown): unknown => unhandled.push(error);
  process.on('unhandledRejection', note);
  const observe = async (): Promise<void> => {
    throw new Error('log is full');
  };
  const world = await createWorld({ observe });
  await world.server.authorize(await createRequest(world));
  await new Promise((resolve) => setImmediate(resolve));
  process.off('unhandledRejection', note);
  assert.equal(unhandled, []);
});

test('a request that is none is refused as unexpected', async () => {
  const { server } = await createWorld();
  for (const request of [undefined, null, {}, { method: 'GET', target: path }]) {
    assert.is(await reasonOf(server.authorize(request as never)), 'unexpected');
  }
});

test('anything that is no DpopError is answered with 503', async () => {
  const { server } = await createWorld();
  for (const error of [new Error('a bug'), undefined, 'text', { reason: 'replayed' }]) {
    assert.is(server.challenge(error).status, 503);
  }
});

const senseless: readonly (readonly [option: keyof ResourceServerOptions, value: unknown])[] = [
  ['issuer', undefined],
  ['issuer', ''],
  ['issuer', 5],
  ['audience', undefined],
  ['audience', ['a']],
  ['jwks', undefined],
  ['jwks', {}],
  ['jwks', { keys: 'none' }],
  ['jwks', { keys: [] }],
  ['jwks', 'http://as.example/jwks'],
  ['jwks', 'jwks'],
  ['jwksMaxAge', -1],
  ['jwksMaxAge', 86_401],
  ['tokenAlgorithms', []],
  ['tokenAlgorithms', ['HS256']],
  ['tokenAlgorithms', ['none']],
  ['tokenAlgorithms', 'ES256'],
  ['clockTolerance', -1],
  ['clockTolerance', 61],
  ['maxTokenBytes', 0],
  ['maxTokenBytes', '8192'],
  ['realm', ''],
  ['realm', 'my "realm"'],
  ['realm', 'back\\slash'],
  ['realm', 'two\r\nlines'],
  ['realm', 'r\u00e9alm'],
  ['realm', 5],
  ['resourceMetadata', 'http://rs.example/metadata'],
  ['resourceMetadata', 'metadata'],
  ['resourceMetadata', ''],
  ['observe', 'console.log'],
  ['observe', {}],
  ['mode', 'allow-bearer'],
  ['mode', ''],
  ['mode', true],
  ['revocations', {}],
  ['revocations', null],
  ['revocations', { refuseRevoked: true }],
  ['cacheSize', 0],
];
const { publicJwk } = await createSigningKey('ES256');

for (const [option, value] of senseless) {
  test(`throws a TypeError for ${option} = ${JSON.stringify(value)}`, () => {
    const valid = {
      publicOrigin: origin,
      issuer: issuerUrl,
      audience,
      jwks: { keys: [publicJwk] },
      replay: createCountingStore(),
    };
    createResourceServer(valid);
    assert.throws(
      () => createResourceServer({ ...valid, [option]: value } as ResourceServerOptions),
      (error: unknown) =>
        error instanceof TypeError && error.message.startsWith(`holdfast: option "${option}" must be `),
    );
  });
}

test.run();
