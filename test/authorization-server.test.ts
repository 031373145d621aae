import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { DpopKeyPair } from '../src/client/index.ts';
import {
  createMemoryReplayStore,
  createNonces,
  createTokenBinder,
  type TokenBinder,
  type TokenBinderOptions,
} from '../src/index.ts';
import {
  createClock,
  createProof,
  forge,
  generateKeyPair,
  issuerUrl,
  proofParts,
  reasonOf,
  refusalOf,
  signer,
  T0,
} from './_setup.ts';

const test = suite('authorization-server');

const keyPair = await generateKeyPair();
const endpoint = `${issuerUrl}/token`;

function createBinder(options: Partial<TokenBinderOptions> = {}): TokenBinder {
  const replay = createMemoryReplayStore({ capacity: 100, clock: () => T0 - 1000 });
  return createTokenBinder({ publicOrigin: issuerUrl, replay, clock: createClock().read, ...options });
}

interface Changes {
  readonly proofs?: readonly string[];
  readonly method?: string;
  readonly target?: string;
  readonly host?: string;
  readonly headers?: readonly string[];
}

/** Binds a valid token request with one thing changed. */
async function bind(changes: Changes = {}, binder = createBinder()): ReturnType<TokenBinder['bind']> {
  const {
    proofs = [await proofFor()],
    method = 'POST',
    target = '/token',
    host = 'as.example',
    headers = [],
  } = changes;
  const rawHeaders = ['Host', host, ...headers, ...proofs.flatMap((proof) => ['DPoP', proof])];
  return binder.bind({ method, target, rawHeaders });
}

function proofFor(changes: { method?: string; url?: string; accessToken?: string } = {}): Promise<string> {
  return createProof(keyPair, { method: 'POST', url: endpoint, now: T0, ...changes });
}

/** A proof with one thing changed, signed by the key unless told otherwise. */
function forgeProof(header: object, claims: object = {}, key: DpopKeyPair = keyPair): Promise<string> {
  const parts = proofParts(keyPair);
  const expected = { htm: 'POST', htu: endpoint };
  return forge({ ...parts.header, ...header }, { ...parts.claims, ...expected, ...claims }, signer(key));
}

test('[R9449-5-04] yields the thumbprint to bind the token to', async () => {
  assert.equal(await bind(), { jkt: keyPair.jkt, nonce: undefined });
});

test('[R9449-5-02] any client authentication may stand beside the proof', async () => {
  const { jkt } = await bind({
    headers: ['Authorization', 'Basic YTpi', 'Content-Type', 'application/json'],
  });
  assert.is(jkt, keyPair.jkt);
});

test('[E25] ath is ignored: there is no token yet', async () => {
  await bind({ proofs: [await proofFor({ accessToken: 'stray' })] });
  for (const ath of ['wrong', 5, null, '']) await bind({ proofs: [await forgeProof({}, { ath })] });
});

test('a proof without jkt to compare may be by any key', async () => {
  const other = await generateKeyPair({ algorithm: 'Ed25519' });
  const proof = await createProof(other, { method: 'POST', url: endpoint, now: T0 });
  assert.is((await bind({ proofs: [proof] })).jkt, other.jkt);
});

const { privateKey: strangersKey } = await generateKeyPair();
const pad = 'x'.repeat(4096);
const refusals: readonly (readonly [
  title: string,
  reason: string,
  changes: () => Promise<Changes> | Changes,
])[] = [
  ['[J01] [R9449-5.2-01] no proof', 'proof-missing', () => ({ proofs: [] })],
  [
    '[A01] [R9449-4.3-01] two proofs',
    'proof-repeated',
    async () => ({ proofs: [await proofFor(), await proofFor()] }),
  ],
  [
    '[A02] two proofs in one line',
    'proof-malformed',
    async () => ({ proofs: [`${await proofFor()}, ${await proofFor()}`] }),
  ],
  [
    '[A03] the same proof in two lines',
    'proof-repeated',
    async () => ({ proofs: Array(2).fill(await proofFor()) }),
  ],
  ['[A05] [R9449-4.1-03] an empty proof', 'proof-malformed', () => ({ proofs: [''] })],
  ['[A11] bytes beyond ASCII', 'proof-malformed', async () => ({ proofs: [`${await proofFor()}\u00e9`] })],
  [
    '[A12] a proof beyond the limit',
    'proof-too-large',
    async () => ({ proofs: [await forgeProof({}, { pad })] }),
  ],
  ['[A25] an empty list member', 'proof-malformed', async () => ({ proofs: [`${await proofFor()},`] })],
  [
    '[R9449-11.5-01] another type',
    'typ-mismatch',
    async () => ({ proofs: [await forgeProof({ typ: 'JWT' })] }),
  ],
  [
    '[R9449-4.3-05] no algorithm',
    'alg-not-allowed',
    async () => ({ proofs: [await forgeProof({ alg: 'none' })] }),
  ],
  [
    '[F01] [R9449-4.3-08] another method',
    'htm-mismatch',
    async () => ({ proofs: [await proofFor({ method: 'GET' })] }),
  ],
  [
    '[F38] a proof for another endpoint',
    'htu-mismatch',
    async () => ({ proofs: [await proofFor({ url: `${issuerUrl}/par` })] }),
  ],
  [
    '[F38] [R9449-10.1-02] a proof for the token endpoint elsewhere',
    'htu-mismatch',
    () => ({ target: '/par' }),
  ],
  [
    '[R9449-4.3-06] a forged signature',
    'signature-invalid',
    async () => ({ proofs: [await forgeProof({}, {}, { ...keyPair, privateKey: strangersKey })] }),
  ],
  ['[F29] a foreign Host', 'host-mismatch', () => ({ host: 'rs.example' })],
  [
    '[F34] a foreign absolute-form target',
    'target-malformed',
    () => ({ target: 'https://rs.example/token' }),
  ],
  ['[F04] a method override', 'method-override', () => ({ headers: ['X-HTTP-Method-Override', 'GET'] })],
];
for (const [title, reason, changes] of refusals) {
  test(`${title}: refused for ${reason}, and the next request is not`, async () => {
    const binder = createBinder();
    const refusal = await refusalOf(bind(await changes(), binder));
    assert.is(refusal.reason, reason);
    const { status, headers, body } = binder.challenge(refusal);
    assert.is(status, 400);
    assert.equal(headers, { 'cache-control': 'no-store' });
    assert.is(body['error'], refusal.code);
    await bind({}, binder);
  });
}

test('[R9449-5-03] names a bad proof invalid_dpop_proof and a bad request invalid_request', async () => {
  const binder = createBinder();
  const errorOf = async (changes: Changes): Promise<unknown> =>
    binder.challenge(await refusalOf(bind(changes, binder))).body['error'];
  assert.is(await errorOf({ proofs: [] }), 'invalid_dpop_proof');
  assert.is(await errorOf({ host: 'evil.example' }), 'invalid_request');
});

test('[H09] [R9449-8-02] [R9449-8-10] a challenge consumes nothing', async () => {
  let claims = 0;
  const store = createMemoryReplayStore({ capacity: 100, clock: () => T0 - 1000 });
  const replay = {
    read: store.read.bind(store),
    claim: (claim: Parameters<typeof store.claim>[0]) => {
      claims++;
      return store.claim(claim);
    },
  };
  const binder = createBinder({ noncePolicy: 'always', replay });
  const refusal = await refusalOf(bind({}, binder));
  const { status, headers, body } = binder.challenge(refusal);
  assert.is(status, 400);
  assert.is(body['error'], 'use_dpop_nonce');
  assert.is(headers['dpop-nonce'], refusal.nonce);
  assert.is(headers['cache-control'], 'no-store');
  assert.is(claims, 0);
  const again = await bind({ proofs: [await forgeProof({}, { nonce: refusal.nonce })] }, binder);
  assert.equal(again, { jkt: keyPair.jkt, nonce: undefined });
  assert.is(claims, 1);
});

test('[R9449-8.2-01] always: a newer nonce comes with the binding', async () => {
  const clock = createClock();
  const binder = createBinder({ noncePolicy: 'always', clock: clock.read });
  const { nonce } = await refusalOf(bind({}, binder));
  clock.now += 5;
  const bound = await bind({ proofs: [await forgeProof({}, { nonce })] }, binder);
  assert.ok(bound.nonce !== undefined && bound.nonce !== nonce);
});

test('[H02] nonces of another server are challenged, even with one secret and store', async () => {
  const shared = {
    nonces: createNonces(),
    replay: createMemoryReplayStore({ capacity: 9, clock: () => T0 - 1000 }),
  };
  const other = createBinder({ ...shared, publicOrigin: 'https://other.example', noncePolicy: 'always' });
  const { nonce } = await refusalOf(
    bind(
      { host: 'other.example', proofs: [await forgeProof({}, { htu: 'https://other.example/token' })] },
      other,
    ),
  );
  const binder = createBinder(shared);
  assert.is(await reasonOf(bind({ proofs: [await forgeProof({}, { nonce })] }, binder)), 'nonce-unknown');
});

test('[F36] works behind a path prefix', async () => {
  const binder = createBinder({ pathPrefix: '/tenant' });
  await bind({ proofs: [await proofFor({ url: `${issuerUrl}/tenant/token` })] }, binder);
  assert.is(await reasonOf(bind({}, binder)), 'htu-mismatch');
});

test("[R9449-7.1-03] answers 503 for what is not the client's fault", async () => {
  const down = (): never => {
    throw new Error('down');
  };
  const binder = createBinder({ replay: { read: down, claim: down } });
  const refusal = await refusalOf(bind({}, binder));
  assert.is(refusal.reason, 'replay-store-unavailable');
  for (const error of [refusal, new Error('a bug'), undefined]) {
    const { status, headers } = binder.challenge(error);
    assert.is(status, 503);
    assert.equal(headers, { 'cache-control': 'no-store', 'retry-after': '1' });
  }
});

test('a request that is none is refused as unexpected', async () => {
  assert.is(await reasonOf(createBinder().bind(undefined as never)), 'unexpected');
  assert.is(await reasonOf(createBinder().bind({ method: 'POST', target: '/token' } as never)), 'unexpected');
});

test('bind and challenge work apart from their object, which is frozen', async () => {
  const binder = createBinder();
  const { bind: alone, challenge } = binder;
  assert.ok(Object.isFrozen(binder));
  const rawHeaders = ['Host', 'as.example', 'DPoP', await proofFor()];
  assert.is((await alone({ method: 'POST', target: '/token', rawHeaders })).jkt, keyPair.jkt);
  assert.is(challenge(undefined).status, 503);
});

test.run();
