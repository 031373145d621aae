import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { DpopKeyPair } from '../src/client/index.ts';
import { sha256 } from '../src/digest.ts';
import {
  type BindingRule,
  createGrants,
  createMemoryRecordStore,
  createMemoryReplayStore,
  createNonces,
  createRevocations,
  createSigningKey,
  createTokenBinder,
  createTokenIssuer,
  exchangeRule,
  type Grants,
  type IssuedToken,
  type OpenGrant,
  type RawRequest,
  type ReplayStore,
  type RevocationStore,
  type TokenBinder,
  type TokenBinderOptions,
  type TokenBinding,
  type TokenIssuer,
} from '../src/index.ts';
import {
  audience,
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
  type TestClock,
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
async function bind(
  changes: Changes = {},
  binder = createBinder(),
  rule?: BindingRule,
): Promise<TokenBinding> {
  const {
    proofs = [await proofFor()],
    method = 'POST',
    target = '/token',
    host = 'as.example',
    headers = [],
  } = changes;
  const rawHeaders = ['Host', host, ...headers, ...proofs.flatMap((proof) => ['DPoP', proof])];
  return binder.bind({ method, target, rawHeaders }, rule);
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

test('challenge answers apart from its object; bind does not, and binds nothing', async () => {
  const { bind: alone, challenge } = createBinder();
  assert.is(challenge(undefined).status, 503);
  const rawHeaders = ['Host', 'as.example', 'DPoP', await proofFor()];
  assert.is(await reasonOf(alone({ method: 'POST', target: '/token', rawHeaders })), 'unexpected');
});

// What a grant demands.

const other = await generateKeyPair();

/** A proof by another client than the one that the grant belongs to, and valid. */
function strangersProof(): Promise<string> {
  return createProof(other, { method: 'POST', url: endpoint, now: T0 });
}

/** A replay store that counts what was taken. */
function createCountedReplay(): { readonly replay: ReplayStore; claims: number } {
  const store = createMemoryReplayStore({ capacity: 100, clock: () => T0 - 1000 });
  const counted = {
    claims: 0,
    replay: {
      read: store.read.bind(store),
      claim: (claim: Parameters<typeof store.claim>[0]) => {
        counted.claims += 1;
        return store.claim(claim);
      },
    },
  };
  return counted;
}

test('[J05] [R9449-5-07] [R9449-10-02] a rule that names a key takes a proof by that key', async () => {
  for (const proof of ['required', 'optional'] as const)
    assert.is((await bind({}, createBinder(), { jkt: keyPair.jkt, proof })).jkt, keyPair.jkt);
});

test('[J02] [J09] [G15] [R9449-5-07] [R9449-10-02] another key is refused, and its proof is not used up', async () => {
  const counted = createCountedReplay();
  const binder = createBinder({ replay: counted.replay });
  const proofs = [await strangersProof()];
  const refusal = await refusalOf(bind({ proofs }, binder, { jkt: keyPair.jkt }));
  assert.equal(
    [refusal.reason, refusal.code, refusal.jkt],
    ['grant-key-mismatch', 'invalid_grant', other.jkt],
  );
  const { status, body } = binder.challenge(refusal);
  assert.equal([status, body['error']], [400, 'invalid_grant']);
  assert.is(counted.claims, 0);
  assert.is((await bind({ proofs }, binder)).jkt, other.jkt);
});

test('[J06] [J09] [R9449-5-07] [R9449-10-03] a rule that names a key is not met without a proof', async () => {
  for (const proof of ['required', 'optional', undefined] as const) {
    const rule = proof === undefined ? { jkt: keyPair.jkt } : { jkt: keyPair.jkt, proof };
    const refusal = await refusalOf(bind({ proofs: [] }, createBinder(), rule));
    assert.equal([refusal.reason, refusal.code], ['grant-key-missing', 'invalid_grant']);
  }
});

test('[G18] keys are compared whole, and by case', async () => {
  const { jkt } = keyPair;
  const swapped = [...jkt].map((letter) =>
    letter === letter.toLowerCase() ? letter.toUpperCase() : letter.toLowerCase(),
  );
  const near = [`${jkt.slice(0, 40)}AAA`, `${swapped.slice(0, 42).join('')}A`];
  for (const wrong of near)
    assert.is(await reasonOf(bind({}, createBinder(), { jkt: wrong })), 'grant-key-mismatch');
});

test('[R9449-5.2-02] where a proof may be left out, its lack binds to nothing', async () => {
  assert.equal(await bind({ proofs: [] }, createBinder(), { proof: 'optional' }), {
    jkt: undefined,
    nonce: undefined,
  });
});

test('[R9449-5.2-02] a proof that may be left out and is there is checked as ever', async () => {
  const rule: BindingRule = { proof: 'optional' };
  assert.is((await bind({}, createBinder(), rule)).jkt, keyPair.jkt);
  const wrong: readonly (readonly [reason: string, proofs: readonly string[]])[] = [
    ['proof-malformed', ['']],
    ['proof-malformed', ['none']],
    ['proof-repeated', [await proofFor(), await proofFor()]],
    ['htu-mismatch', [await proofFor({ url: `${issuerUrl}/par` })]],
    ['signature-invalid', [await forgeProof({}, {}, { ...keyPair, privateKey: strangersKey })]],
  ];
  for (const [reason, proofs] of wrong)
    assert.is(await reasonOf(bind({ proofs }, createBinder(), rule)), reason);
});

const sloppyRules: Readonly<Record<string, unknown>> = {
  'that is null': null,
  'that is a text': 'optional',
  'with another name': { Proof: 'required' },
  'with a misspelt key': { JKT: keyPair.jkt },
  'with an empty key': { jkt: '' },
  'with a null key': { jkt: null },
  'with a key that is none': { jkt: keyPair.jkt.slice(1) },
  'with a padded key': { jkt: `${keyPair.jkt}=` },
  'with a false proof': { proof: false },
  'with another word for the proof': { proof: 'Optional' },
};
for (const [what, rule] of Object.entries(sloppyRules)) {
  test(`[J13] a rule ${what} is a mistake, never a lax one`, async () => {
    const binder = createBinder();
    for (const changes of [{ proofs: [] }, {}]) {
      const attempt = bind(changes, binder, rule as BindingRule);
      const error = await attempt.catch((thrown: unknown) => thrown);
      assert.instance(error, TypeError);
      assert.is(binder.challenge(error).status, 503);
    }
  });
}

test('[J13] a rule that says nothing is the strict one', async () => {
  const rules = [{}, { jkt: undefined, proof: undefined }, { proof: null }] as unknown as BindingRule[];
  for (const rule of rules)
    assert.is(await reasonOf(bind({ proofs: [] }, createBinder(), rule)), 'proof-missing');
});

test('[H08] [R9449-8-10] a retry with the same jti passes: a challenge does not take it', async () => {
  const binder = createBinder({ noncePolicy: 'always' });
  const jti = 'the same';
  const refusal = await refusalOf(
    bind({ proofs: [await forgeProof({}, { jti })] }, binder, { jkt: keyPair.jkt }),
  );
  assert.is(refusal.reason, 'nonce-required');
  const proofs = [await forgeProof({}, { jti, nonce: refusal.nonce })];
  assert.is((await bind({ proofs }, binder, { jkt: keyPair.jkt })).jkt, keyPair.jkt);
  assert.is(await reasonOf(bind({ proofs }, binder)), 'replayed');
});

// Codes.

/** A pushed request with one thing changed. */
async function pushed({
  proofs,
  target = '/par',
}: Pick<Changes, 'proofs' | 'target'> = {}): Promise<RawRequest> {
  const given = proofs ?? [await proofFor({ url: `${issuerUrl}/par` })];
  const rawHeaders = ['Host', 'as.example', ...given.flatMap((proof) => ['DPoP', proof])];
  return { method: 'POST', target, rawHeaders };
}

test('[J02] [R9449-10.1-04] a code is bound by dpop_jkt, at either endpoint', async () => {
  const binding = { jkt: keyPair.jkt, nonce: undefined };
  assert.equal(await createBinder().bindCode([keyPair.jkt]), binding);
  assert.equal(await createBinder().bindCode([keyPair.jkt], await pushed({ proofs: [] })), binding);
});

test('[J03] [J05] [R9449-10.1-03] [R9449-10.1-04] a proof on the pushed request binds the code as dpop_jkt does', async () => {
  assert.equal(await createBinder().bindCode([], await pushed()), { jkt: keyPair.jkt, nonce: undefined });
});

test('[J05] [R9449-10.1-04] both at once bind to the one key that they name', async () => {
  assert.is((await createBinder().bindCode([keyPair.jkt], await pushed())).jkt, keyPair.jkt);
});

test('a request with neither is bound to nothing', async () => {
  for (const request of [undefined, await pushed({ proofs: [] })])
    assert.equal(await createBinder().bindCode([], request), { jkt: undefined, nonce: undefined });
});

test('[J04] [R9449-10.1-05] a proof and a dpop_jkt that disagree are refused, and the proof is not used up', async () => {
  const counted = createCountedReplay();
  const binder = createBinder({ replay: counted.replay });
  const request = await pushed();
  const refusal = await refusalOf(binder.bindCode([other.jkt], request));
  assert.equal([refusal.reason, refusal.code], ['dpop-jkt-mismatch', 'invalid_request']);
  assert.equal(binder.challenge(refusal).body['error'], 'invalid_request');
  assert.is(counted.claims, 0);
  assert.is((await binder.bindCode([keyPair.jkt], request)).jkt, keyPair.jkt);
  assert.is(counted.claims, 1);
});

test('a text in the place of the list of all dpop_jkt is a mistake, told as one', async () => {
  for (const values of ['', keyPair.jkt, undefined, null, { 0: keyPair.jkt, length: 1 }]) {
    const error = await createBinder()
      .bindCode(values as never)
      .catch((thrown: unknown) => thrown);
    assert.ok(error instanceof TypeError && error.message.includes('"dpopJkt"'), String(values));
  }
});

const malformed: Readonly<Record<string, readonly unknown[]>> = {
  empty: [''],
  'of 42 characters': [keyPair.jkt.slice(1)],
  'of 44 characters': [`${keyPair.jkt}A`],
  padded: [`${keyPair.jkt}=`],
  'of 10 kB': ['A'.repeat(10_240)],
  'in standard base64': [`+/${keyPair.jkt.slice(2)}`],
  'with bits set that belong to nothing': [`${'A'.repeat(42)}B`],
  'with white space': [` ${keyPair.jkt.slice(1)}`],
  'that is given twice': [keyPair.jkt, other.jkt],
  'that is given twice, the same': [keyPair.jkt, keyPair.jkt],
  'that is given twice, once empty': ['', keyPair.jkt],
  'that is a list': [[keyPair.jkt]],
  'that is null': [null],
};
for (const [what, values] of Object.entries(malformed)) {
  test(`[J07] [R9449-10-05] refuses a dpop_jkt ${what}, with a valid proof or without`, async () => {
    const counted = createCountedReplay();
    const binder = createBinder({ replay: counted.replay });
    for (const request of [undefined, await pushed({ proofs: [] }), await pushed()]) {
      const refusal = await refusalOf(binder.bindCode(values as string[], request));
      assert.equal([refusal.reason, refusal.code], ['dpop-jkt-malformed', 'invalid_request']);
    }
    assert.is(counted.claims, 0);
  });
}

const wrongPushes: readonly (readonly [title: string, reason: string, make: () => Promise<RawRequest>])[] = [
  ['for the token endpoint', 'htu-mismatch', async () => pushed({ proofs: [await proofFor()] })],
  [
    'for another method',
    'htm-mismatch',
    async () => pushed({ proofs: [await proofFor({ method: 'GET', url: `${issuerUrl}/par` })] }),
  ],
  ['that is empty', 'proof-malformed', () => pushed({ proofs: [''] })],
  [
    'and a second one',
    'proof-repeated',
    async () => pushed({ proofs: [await proofFor(), await proofFor()] }),
  ],
  [
    'with a forged signature',
    'signature-invalid',
    async () =>
      pushed({
        proofs: [await forgeProof({}, { htu: `${issuerUrl}/par` }, { ...keyPair, privateKey: strangersKey })],
      }),
  ],
];
for (const [title, reason, make] of wrongPushes) {
  test(`[R9449-10.1-02] refuses a pushed request with a proof ${title}, though its dpop_jkt is right`, async () => {
    for (const values of [[], [keyPair.jkt]])
      assert.is(await reasonOf(createBinder().bindCode(values, await make())), reason);
  });
}

test('[R9449-10.1-02] a proof on a pushed request is used once, and a challenge uses nothing', async () => {
  const binder = createBinder({ noncePolicy: 'always' });
  const forged = (claims: object): Promise<string> => forgeProof({}, { htu: `${issuerUrl}/par`, ...claims });
  const { nonce, reason } = await refusalOf(binder.bindCode([], await pushed()));
  assert.is(reason, 'nonce-required');
  const request = await pushed({ proofs: [await forged({ nonce })] });
  assert.is((await binder.bindCode([], request)).jkt, keyPair.jkt);
  assert.is(await reasonOf(binder.bindCode([], request)), 'replayed');
});

test('a pushed request that is none is refused as unexpected', async () => {
  assert.is(await reasonOf(createBinder().bindCode([], {} as never)), 'unexpected');
});

// Exchanged tokens.

test('[J13] from a bound token comes one that is bound to the same key', () => {
  const token = { cnf: { jkt: keyPair.jkt } };
  for (const options of [undefined, {}, { newKey: 'refuse' }, { proof: 'optional' }] as const)
    assert.equal(exchangeRule(token, options), { jkt: keyPair.jkt });
});

test('[J13] where a new key is accepted, there has to be one', async () => {
  const rule = exchangeRule({ cnf: { jkt: keyPair.jkt } }, { newKey: 'accept', proof: 'optional' });
  assert.is((await bind({ proofs: [await strangersProof()] }, createBinder(), rule)).jkt, other.jkt);
  assert.is(await reasonOf(bind({ proofs: [] }, createBinder(), rule)), 'proof-missing');
});

test('[J13] from a token without a binding comes a bound one, unless it may be otherwise', async () => {
  assert.is(await reasonOf(bind({ proofs: [] }, createBinder(), exchangeRule({}))), 'proof-missing');
  const lax = exchangeRule({}, { proof: 'optional' });
  assert.is((await bind({ proofs: [] }, createBinder(), lax)).jkt, undefined);
  assert.is((await bind({}, createBinder(), lax)).jkt, keyPair.jkt);
});

for (const [what, cnf] of Object.entries({
  empty: {},
  null: null,
  undefined: undefined,
  'a list': [],
  'a text': keyPair.jkt,
  'one with an empty jkt': { jkt: '' },
  'one with a padded jkt': { jkt: `${keyPair.jkt}=` },
  'one with a list of them': { jkt: [keyPair.jkt] },
})) {
  test(`[J13] a token whose cnf is ${what} is exchanged for nothing`, async () => {
    for (const newKey of ['refuse', 'accept'] as const)
      assert.is(
        await reasonOf(() => exchangeRule({ cnf }, { newKey, proof: 'optional' })),
        'token-not-bound',
      );
  });
}

test('[J13] a token that is bound in a way that cannot be confirmed here is exchanged for nothing', async () => {
  for (const cnf of [{ 'x5t#S256': 'x' }, { jkt: keyPair.jkt, 'x5t#S256': 'x' }, { kid: 'one' }])
    assert.is(
      await reasonOf(() => exchangeRule({ cnf }, { newKey: 'accept', proof: 'optional' })),
      'token-confirmation-unsupported',
    );
});

test('[J13] an exchange of nothing, or by words that do not exist, is a mistake', () => {
  const naming = (name: string) => (error: unknown) =>
    error instanceof TypeError && error.message.includes(`"${name}"`);
  assert.throws(() => exchangeRule(undefined as never), TypeError);
  assert.throws(() => exchangeRule(null as never, { proof: 'optional' }), TypeError);
  for (const newKey of [true, 'Accept', null] as never[])
    assert.throws(() => exchangeRule({ cnf: { jkt: keyPair.jkt } }, { newKey }), naming('newKey'));
  for (const proof of [false, 'none', null] as never[])
    for (const token of [{}, { cnf: { jkt: keyPair.jkt } }])
      assert.throws(() => exchangeRule(token, { proof }), naming('proof'));
  assert.throws(() => exchangeRule({}, { newkey: 'accept' } as never), naming('newkey'));
});

// Revoked keys.

/** A revocation store of one entry, or one that does something else. */
function revoking(look: () => unknown): TokenBinderOptions['revocations'] {
  const store = { add: () => undefined, look: look as RevocationStore['look'] };
  return createRevocations({ store, clock: () => T0 });
}

test('a key that was revoked gets nothing, and its proof is not used up', async () => {
  const counted = createCountedReplay();
  const binder = createBinder({ replay: counted.replay, revocations: revoking(() => 'revoked') as never });
  const attempts = [
    () => bind({}, binder),
    () => bind({}, binder, { jkt: keyPair.jkt }),
    () => binder.bindCode([keyPair.jkt]),
    async () => binder.bindCode([], await pushed()),
    async () => binder.bindCode([keyPair.jkt], await pushed()),
  ];
  for (const attempt of attempts) {
    const refusal = await refusalOf(attempt());
    assert.equal(
      [refusal.reason, refusal.code, refusal.jkt],
      ['key-revoked', 'invalid_dpop_proof', keyPair.jkt],
    );
  }
  assert.is(counted.claims, 0);
});

test('the key that is looked up is the one of the proof', async () => {
  const revoked = await sha256(JSON.stringify(['key', other.jkt]));
  const store = {
    add: () => undefined,
    look: ({ keys }: { keys: readonly string[] }) => (keys.includes(revoked) ? 'revoked' : 'live'),
  };
  const binder = createBinder({
    revocations: createRevocations({ store: store as RevocationStore, clock: () => T0 }),
  });
  assert.is((await bind({}, binder)).jkt, keyPair.jkt);
  assert.is(await reasonOf(bind({ proofs: [await strangersProof()] }, binder)), 'key-revoked');
  assert.is((await binder.bindCode([keyPair.jkt])).jkt, keyPair.jkt);
  assert.is(await reasonOf(binder.bindCode([other.jkt])), 'key-revoked');
});

test('without a key there is none to be revoked', async () => {
  const binder = createBinder({ revocations: revoking(() => 'revoked') as never });
  assert.is((await bind({ proofs: [] }, binder, { proof: 'optional' })).jkt, undefined);
  assert.is((await binder.bindCode([])).jkt, undefined);
});

test('while nobody can tell what is revoked, nothing is bound, and no proof is used up', async () => {
  const counted = createCountedReplay();
  let down = true;
  const revocations = revoking(() => (down ? Promise.reject(new Error('ECONNREFUSED')) : 'live')) as never;
  const binder = createBinder({ replay: counted.replay, revocations });
  const proofs = [await proofFor()];
  const refusal = await refusalOf(bind({ proofs }, binder));
  assert.is(refusal.reason, 'revocation-store-unavailable');
  assert.is(binder.challenge(refusal).status, 503);
  assert.is(await reasonOf(binder.bindCode([keyPair.jkt])), 'revocation-store-unavailable');
  assert.is(counted.claims, 0);
  down = false;
  await bind({ proofs }, binder);
});

test('refuses options that make no sense, by name', () => {
  const naming = (name: string) => (error: unknown) =>
    error instanceof TypeError && error.message.includes(`"${name}"`);
  for (const revocations of [null, {}, { revoke: () => undefined }, 'all'] as never[])
    assert.throws(() => createBinder({ revocations }), naming('revocations'));
  assert.throws(() => createBinder({ revocation: undefined } as never), naming('revocation'));
  assert.throws(() => createBinder({ audience: 'x' } as never), naming('audience'));
  assert.throws(() => createTokenBinder(undefined as never), TypeError);
});

test('tells the algorithms that it accepts, for metadata', () => {
  assert.equal(createBinder().algorithms, ['ES256', 'Ed25519', 'EdDSA']);
  assert.equal(createBinder({ algorithms: ['ES256'] }).algorithms, ['ES256']);
});

// From the request to the token: what an authorization server does with all three.

const codeVerifier = 'v'.repeat(43);
const codeChallenge = await sha256(codeVerifier);
const signingKey = await createSigningKey('ES256');

interface Server {
  readonly clock: TestClock;
  readonly binder: TokenBinder;
  readonly grants: Grants;
  readonly issuer: TokenIssuer;
}

function createServer(options: Partial<TokenBinderOptions> = {}, mayUseBearer = false): Server {
  const clock = createClock();
  const records = createMemoryRecordStore({ capacity: 100, clock: clock.read });
  return {
    clock,
    binder: createBinder({ clock: clock.read, ...options }),
    grants: createGrants({ issuer: issuerUrl, records, clock: clock.read }),
    issuer: createTokenIssuer({
      issuer: issuerUrl,
      signingKey,
      mayUseBearer: () => mayUseBearer,
      clock: clock.read,
    }),
  };
}

type ClientType = 'public' | 'confidential';

interface Answer extends IssuedToken {
  readonly refreshToken: string | undefined;
}

/** A token request: look at the grant, judge the proof, mint, redeem. */
async function requestToken(
  { binder, grants, issuer }: Server,
  open: OpenGrant,
  proofs: readonly string[],
): Promise<Answer> {
  const { jkt } = await bind({ proofs }, binder, open.rule);
  const { subject, clientId, scope, id } = open;
  const issued = await issuer.issue({ subject, clientId, scope, audience, jkt, grant: id });
  const { refreshToken } = await grants.redeem(open, { jkt, nonce: undefined });
  return { ...issued, refreshToken };
}

interface Consent {
  readonly clientType?: ClientType;
  readonly jkt?: string | undefined;
  readonly proof?: 'required' | 'optional';
}

async function issueCode(
  { grants }: Server,
  { clientType = 'public', jkt, proof = 'required' }: Consent,
): Promise<string> {
  const terms = {
    clientId: 'client',
    subject: 'alice',
    scope: 'read',
    redirectUri: undefined,
    codeChallenge,
  };
  return grants.issueCode({ ...terms, clientType, jkt, proof });
}

async function useCode(server: Server, code: string, proofs: readonly string[]): Promise<Answer> {
  const request = { clientId: 'client', redirectUri: undefined, codeVerifier };
  return requestToken(server, await server.grants.openCode(code, request), proofs);
}

async function useRefreshToken(
  server: Server,
  token: string | undefined,
  proofs: readonly string[],
): Promise<Answer> {
  return requestToken(
    server,
    await server.grants.openRefreshToken(token ?? '', { clientId: 'client' }),
    proofs,
  );
}

function jktOf({ claims }: IssuedToken): unknown {
  return (claims['cnf'] as { jkt?: unknown } | undefined)?.jkt;
}

const grantsOf: Readonly<Record<string, (server: Server, proofs: readonly string[]) => Promise<Answer>>> = {
  code: async (server, proofs) => useCode(server, await issueCode(server, {}), proofs),
  'refresh, public': async (server, proofs) =>
    useRefreshToken(
      server,
      (await useCode(server, await issueCode(server, {}), [await proofFor()])).refreshToken,
      proofs,
    ),
  'refresh, confidential': async (server, proofs) => {
    const code = await issueCode(server, { clientType: 'confidential' });
    return useRefreshToken(server, (await useCode(server, code, [await proofFor()])).refreshToken, proofs);
  },
  'client credentials': async ({ binder, issuer }, proofs) => {
    const { jkt } = await bind({ proofs }, binder);
    const issued = await issuer.issue({ subject: 'client', clientId: 'client', audience, jkt });
    return { ...issued, refreshToken: undefined };
  },
  exchange: async ({ binder, issuer }, proofs) => {
    const subject = { subject: 'alice', clientId: 'other', audience, jkt: keyPair.jkt };
    const claims = await issuer.read((await issuer.issue(subject)).accessToken);
    const { jkt } = await bind({ proofs }, binder, exchangeRule(claims ?? {}, { proof: 'optional' }));
    return { ...(await issuer.issue({ ...subject, clientId: 'client', jkt })), refreshToken: undefined };
  },
};

for (const [grant, request] of Object.entries(grantsOf)) {
  test(`[R9449-5-02] [R9449-5-04] [R9449-5-05] ${grant}: a proof yields a token that is bound to its key`, async () => {
    const issued = await request(createServer(), [await proofFor()]);
    assert.equal([issued.tokenType, jktOf(issued)], ['DPoP', keyPair.jkt]);
  });

  test(`[J13] [R9449-5.2-01] ${grant}: no proof yields nothing, even where Bearer tokens may be minted`, async () => {
    for (const mayUseBearer of [false, true]) {
      const reason = await reasonOf(request(createServer({}, mayUseBearer), []));
      assert.ok(['proof-missing', 'grant-key-missing'].includes(reason), reason);
    }
  });
}

test('[J13] [R9449-5.2-01] where a rule lets a proof be left out, minting still refuses, and costs no code', async () => {
  const server = createServer();
  const code = await issueCode(server, { proof: 'optional' });
  assert.is(await reasonOf(useCode(server, code, [])), 'proof-missing');
  const { refreshToken } = await useCode(server, code, [await proofFor()]);
  assert.type(refreshToken, 'string');
});

test('[R9449-5.2-02] [T-60] a client that may use Bearer tokens gets them, until it shows a key', async () => {
  for (const clientType of ['public', 'confidential'] as const) {
    const server = createServer({}, true);
    const begun = await useCode(server, await issueCode(server, { clientType, proof: 'optional' }), []);
    assert.equal([begun.tokenType, jktOf(begun)], ['Bearer', undefined]);
    const unbound = await useRefreshToken(server, begun.refreshToken, []);
    assert.is(unbound.tokenType, 'Bearer');
    const token = unbound.refreshToken ?? begun.refreshToken;
    const bound = await useRefreshToken(server, token, [await proofFor()]);
    assert.equal([bound.tokenType, jktOf(bound)], ['DPoP', keyPair.jkt]);
    const reason = await reasonOf(useRefreshToken(server, bound.refreshToken ?? token, []));
    assert.is(reason, clientType === 'public' ? 'grant-key-missing' : 'proof-missing');
  }
});

test('[J02] [J05] [J06] [R9449-10-02] [R9449-10-03] [R9449-10.1-03] a code that was bound either way goes to its key alone', async () => {
  const ways: readonly ((binder: TokenBinder) => Promise<TokenBinding>)[] = [
    (binder) => binder.bindCode([keyPair.jkt]),
    async (binder) => binder.bindCode([], await pushed()),
    async (binder) => binder.bindCode([keyPair.jkt], await pushed()),
  ];
  for (const way of ways) {
    for (const clientType of ['public', 'confidential'] as const) {
      const server = createServer({}, true);
      const { jkt } = await way(server.binder);
      const code = await issueCode(server, { clientType, jkt, proof: 'optional' });
      assert.is(await reasonOf(useCode(server, code, [await strangersProof()])), 'grant-key-mismatch');
      assert.is(await reasonOf(useCode(server, code, [])), 'grant-key-missing');
      assert.is(jktOf(await useCode(server, code, [await proofFor()])), keyPair.jkt);
    }
  }
});

test('[J03] the key of the pushed request is the key of the token request', async () => {
  const server = createServer();
  const { jkt } = await server.binder.bindCode([], await pushed());
  const code = await issueCode(server, { jkt });
  assert.is(await reasonOf(useCode(server, code, [await strangersProof()])), 'grant-key-mismatch');
  await useCode(server, code, [await proofFor()]);
});

test('[R9449-5-06] [R9449-5-07] [T-61] through three rotations, a public client has one key', async () => {
  const server = createServer({}, true);
  let { refreshToken } = await useCode(server, await issueCode(server, { proof: 'optional' }), [
    await proofFor(),
  ]);
  for (let turn = 0; turn < 3; turn++) {
    assert.is(await reasonOf(useRefreshToken(server, refreshToken, [])), 'grant-key-missing');
    assert.is(
      await reasonOf(useRefreshToken(server, refreshToken, [await strangersProof()])),
      'grant-key-mismatch',
    );
    const refreshed = await useRefreshToken(server, refreshToken, [await proofFor()]);
    assert.equal([refreshed.tokenType, jktOf(refreshed)], ['DPoP', keyPair.jkt]);
    refreshToken = refreshed.refreshToken;
  }
});

test('[G16] [T-59] [R9449-5-11] [R9449-5-12] a confidential client may change its key, and the token follows', async () => {
  const server = createServer();
  const code = await issueCode(server, { clientType: 'confidential' });
  const { refreshToken } = await useCode(server, code, [await proofFor()]);
  assert.is(jktOf(await useRefreshToken(server, refreshToken, [await strangersProof()])), other.jkt);
  assert.is(jktOf(await useRefreshToken(server, refreshToken, [await proofFor()])), keyPair.jkt);
});

test('[H08] [H09] [J17] [R9449-8-10] neither a challenge nor a bad proof costs a code or a refresh token', async () => {
  const server = createServer({ noncePolicy: 'always' });
  const code = await issueCode(server, {});
  const bad = async (): Promise<string[]> => [
    await forgeProof({}, {}, { ...keyPair, privateKey: strangersKey }),
  ];
  let { nonce } = await refusalOf(useCode(server, code, [await proofFor()]));
  await refusalOf(useCode(server, code, await bad()));
  let { refreshToken } = await useCode(server, code, [await forgeProof({}, { nonce })]);
  for (let turn = 0; turn < 2; turn++) {
    const refusal = await refusalOf(useRefreshToken(server, refreshToken, [await proofFor()]));
    assert.is(refusal.code, 'use_dpop_nonce');
    await refusalOf(useRefreshToken(server, refreshToken, await bad()));
    nonce = refusal.nonce;
    ({ refreshToken } = await useRefreshToken(server, refreshToken, [await forgeProof({}, { nonce })]));
  }
});

test('[J15] [R6749-4.1.2-01] a code is not good for a second token, with a fresh proof neither', async () => {
  const server = createServer();
  const code = await issueCode(server, {});
  await useCode(server, code, [await proofFor()]);
  const refusal = await refusalOf(useCode(server, code, [await proofFor()]));
  assert.is(refusal.reason, 'grant-reused');
  assert.is(server.binder.challenge(refusal).body['error'], 'invalid_grant');
});

test('[J08] a thief with a code and a key of their own, and no verifier, gets nothing', async () => {
  const server = createServer();
  const code = await issueCode(server, {});
  const request = { clientId: 'client', redirectUri: undefined, codeVerifier: 'w'.repeat(43) };
  assert.is(await reasonOf(server.grants.openCode(code, request)), 'code-verifier-mismatch');
  await useCode(server, code, [await proofFor()]);
});

test('a proof that was used for one grant is good for no other', async () => {
  const server = createServer();
  const proofs = [await proofFor()];
  await useCode(server, await issueCode(server, {}), proofs);
  const second = await issueCode(server, {});
  assert.is(await reasonOf(useCode(server, second, proofs)), 'replayed');
  await useCode(server, second, [await proofFor()]);
});

test.run();
