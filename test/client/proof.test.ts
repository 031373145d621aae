import { createHash } from 'node:crypto';
import { decodeJwt, decodeProtectedHeader, EmbeddedJWK, type JWTVerifyResult, jwtVerify } from 'jose';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { DpopClientError, type DpopClientErrorCode } from '../../src/client/errors.ts';
import { createProof, type DpopKeyPair, generateKeyPair, type ProofInput } from '../../src/client/index.ts';
import { isNonce } from '../../src/client/proof.ts';
import { T0 } from '../_setup.ts';

const test = suite('createProof');

const url = 'https://rs.example/api/notes';
const valid: ProofInput = { method: 'GET', url, now: T0 };
// RFC 9449 section 7: the example's token and its hash.
const token = 'Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU';
const tokenHash = 'fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo';

const es256 = await generateKeyPair();
const ed25519 = await generateKeyPair({ algorithm: 'Ed25519' });

for (const keyPair of [es256, ed25519]) {
  const { algorithm, publicJwk } = keyPair;

  test(`[R9449-4.2-01] [R9449-4.2-02] [R9449-4.2-03] the header for ${algorithm}: typ, alg, jwk`, async () => {
    const { protectedHeader } = await verified(await createProof(keyPair, valid));
    assert.equal(protectedHeader, { typ: 'dpop+jwt', alg: algorithm, jwk: publicJwk });
  });

  test(`[R9449-4.2-02] jose verifies what ${algorithm} signs, and notices a change`, async () => {
    const proof = await createProof(keyPair, valid);
    assert.is((await verified(proof)).payload.iat, T0);
    const [header = '', payload = '', signature = ''] = proof.split('.');
    const other = (signature.startsWith('A') ? 'B' : 'A') + signature.slice(1);
    const outcome = await verified(`${header}.${payload}.${other}`).catch((error: unknown) => error);
    assert.is((outcome as { code?: string }).code, 'ERR_JWS_SIGNATURE_VERIFICATION_FAILED');
  });
}

test('[R9449-4.1-01] a proof is three segments of base64url without padding, and so a token68', async () => {
  assert.match(await createProof(es256, valid), /^[\w-]+\.[\w-]+\.[\w-]{86}$/);
});

test('the claims are those that RFC 9449 names, and no others', async () => {
  const names = ['jti', 'htm', 'htu', 'iat'];
  assert.equal(Object.keys(decodeJwt(await createProof(es256, valid))), names);
  const full = await createProof(es256, { ...valid, accessToken: token, nonce: 'n' });
  assert.equal(Object.keys(decodeJwt(full)), [...names, 'ath', 'nonce']);
});

test('[R9449-4.2-04] 10,000 proofs have 10,000 jti of 122 random bits, and Math.random has no part in it', async () => {
  const { random } = Math;
  Math.random = () => {
    throw new Error('predictable');
  };
  try {
    const seen = new Set<string>();
    for (let round = 0; round < 10_000; round += 1) {
      const { jti = '' } = decodeJwt(await createProof(es256, valid));
      assert.match(jti, /^[\da-f]{8}-[\da-f]{4}-4[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/);
      seen.add(jti);
    }
    assert.is(seen.size, 10_000);
  } finally {
    Math.random = random;
  }
});

test('[R9449-4-02] two proofs for one request differ in jti and signature', async () => {
  const [one, two] = [await createProof(ed25519, valid), await createProof(ed25519, valid)];
  assert.is.not(decodeJwt(one).jti, decodeJwt(two).jti);
  assert.is.not(one.split('.')[2], two.split('.')[2]);
});

for (const method of ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'patch', 'X-Custom!']) {
  test(`[R9449-4.2-05] htm is ${method}, in exactly this case`, async () => {
    assert.is(decodeJwt(await createProof(es256, { ...valid, method }))['htm'], method);
  });
}

const targets: readonly (readonly [what: string, url: string | URL, htu: string])[] = [
  ['query', `${url}?a=b`, url],
  ['fragment', `${url}#c`, url],
  ['query and fragment', `${url}?a=b?d#c?e`, url],
  ['user info', 'https://user:secret@rs.example/api/notes', url],
  ['default port', 'https://rs.example:443/api/notes', url],
];

for (const [what, given, htu] of targets) {
  test(`[R9449-4.2-06] htu leaves out ${what}`, async () => {
    assert.is(decodeJwt(await createProof(es256, { ...valid, url: given }))['htu'], htu);
    assert.is(decodeJwt(await createProof(es256, { ...valid, url: new URL(given) }))['htu'], htu);
  });
}

test('[R9449-4.2-06] htu keeps the port and spells an empty path as a slash', async () => {
  const htu = async (given: string): Promise<unknown> =>
    decodeJwt(await createProof(es256, { ...valid, url: given }))['htu'];
  assert.is(await htu('https://rs.example:8443/a'), 'https://rs.example:8443/a');
  assert.is(await htu('HTTPS://RS.example'), 'https://rs.example/');
});

test('[R9449-4.2-07] iat is in whole seconds, by the system clock unless told otherwise', async () => {
  assert.is(decodeJwt(await createProof(es256, { ...valid, now: T0 + 0.999 })).iat, T0);
  const before = Math.floor(Date.now() / 1000);
  const { iat = 0 } = decodeJwt(await createProof(es256, { method: 'GET', url }));
  assert.ok(Number.isInteger(iat) && iat >= before && iat <= Math.floor(Date.now() / 1000));
});

test('[R9449-4.2-08] [R9449-7-01] ath is the hash of the access token', async () => {
  assert.is(decodeJwt(await createProof(es256, { ...valid, accessToken: token }))['ath'], tokenHash);
});

test('[R9449-7-02] [R9068-6-01] a token may hold every character of token68', async () => {
  const accessToken = 'Az09-._~+/==';
  const proof = await createProof(es256, { ...valid, accessToken });
  assert.is(decodeJwt(proof)['ath'], createHash('sha256').update(accessToken).digest('base64url'));
});

test('[R9449-4.2-08] without an access token there is no ath', async () => {
  assert.not('ath' in decodeJwt(await createProof(es256, { ...valid, accessToken: undefined })));
});

test('[R9449-4.2-09] [R9449-8-08] the nonce is repeated byte for byte', async () => {
  const every = Array.from({ length: 0x7f - 0x21 }, (_, index) => String.fromCharCode(0x21 + index));
  const nonce = every.filter((character) => character !== '"' && character !== '\\').join('');
  assert.is(nonce.length, 92);
  assert.is(decodeJwt(await createProof(es256, { ...valid, nonce }))['nonce'], nonce);
  assert.not('nonce' in decodeJwt(await createProof(es256, { ...valid, nonce: undefined })));
});

test('the header is encoded once for each key', async () => {
  let reads = 0;
  const counted = {
    ...es256,
    get publicJwk() {
      reads += 1;
      return es256.publicJwk;
    },
  };
  const first = await createProof(counted, valid);
  const readsForOne = reads;
  const second = await createProof(counted, valid);
  assert.ok(readsForOne > 0);
  assert.is(reads, readsForOne);
  assert.is(first.split('.')[0], second.split('.')[0]);
  assert.is.not(first.split('.')[0], (await createProof(ed25519, valid)).split('.')[0]);
});

test('[R9449-4.2-03] a private JWK in the place of the public one does not go out', async () => {
  const { privateKey, publicJwk, ...rest } = await generateKeyPair({ extractable: true });
  const privateJwk = await crypto.subtle.exportKey('jwk', privateKey);
  const careless = { ...rest, privateKey, publicJwk: privateJwk } as unknown as DpopKeyPair;
  assert.equal(decodeProtectedHeader(await createProof(careless, valid)).jwk, publicJwk);
});

const refused: readonly (readonly [what: string, code: DpopClientErrorCode, change: object])[] = [
  ['an empty method', 'invalid-method', { method: '' }],
  ['a method with a space', 'invalid-method', { method: 'GET ' }],
  ['a method with a line feed', 'invalid-method', { method: 'GET\nX' }],
  ['a method that is no string', 'invalid-method', { method: undefined }],
  ['a relative URL', 'invalid-url', { url: '/api/notes' }],
  ['a URL that is none', 'invalid-url', { url: 'https://' }],
  ['no URL', 'invalid-url', { url: undefined }],
  ['an empty token', 'invalid-token', { accessToken: '' }],
  ['a token with a space', 'invalid-token', { accessToken: `${token} ` }],
  ['a token with a line feed', 'invalid-token', { accessToken: `${token}\n` }],
  ['a token beyond ASCII', 'invalid-token', { accessToken: `${token}é` }],
  ['a token with padding inside', 'invalid-token', { accessToken: 'a=b' }],
  ['a token that is no string', 'invalid-token', { accessToken: null }],
  ['an empty nonce', 'invalid-nonce', { nonce: '' }],
  ['a nonce with a space', 'invalid-nonce', { nonce: 'a b' }],
  ['a nonce with a quote', 'invalid-nonce', { nonce: 'a"b' }],
  ['a nonce with a backslash', 'invalid-nonce', { nonce: 'a\\b' }],
  ['a nonce with a line feed', 'invalid-nonce', { nonce: 'ab\n' }],
  ['a nonce of 513 characters', 'invalid-nonce', { nonce: 'n'.repeat(513) }],
  ['a nonce that is no string', 'invalid-nonce', { nonce: 5 }],
];

for (const [what, code, change] of refused) {
  test(`refuses ${what}`, async () => {
    assert.is(await codeOf(createProof(es256, { ...valid, ...change })), code);
  });
}

test('[R9449-8.1-01] knows a nonce that may be kept', () => {
  assert.ok(isNonce('n'.repeat(512)));
  for (const bad of ['', 'n'.repeat(513), 'a b', 'a"', 'a\\', 'é', 'a\n', '\u007f']) assert.not(isNonce(bad));
});

const insecure = [
  'http://rs.example/api',
  'http://127.0.0.1.rs.example/api',
  'http://localhost.rs.example/api',
  'http://0.0.0.0/api',
  'http://[::2]/api',
  'ftp://rs.example/api',
  'data:text/plain,hello',
  'blob:https://rs.example/api',
];

for (const target of insecure) {
  test(`[R9449-2-01] refuses ${target}, which TLS does not protect`, async () => {
    assert.is(await codeOf(createProof(es256, { ...valid, url: target })), 'insecure-url');
  });
}

for (const target of ['http://localhost:3000/api', 'http://127.0.0.2/api', 'http://[::1]:3000/api']) {
  test(`[R9449-2-01] signs for ${target}, which stays on this machine`, async () => {
    assert.is(decodeJwt(await createProof(es256, { ...valid, url: target }))['htu'], target);
  });
}

const { publicKey } = await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, false, [
  'sign',
  'verify',
]);
const brokenPairs: readonly (readonly [what: string, keyPair: unknown])[] = [
  ['none at all', undefined],
  ['null', null],
  ['no public key', { ...es256, publicJwk: undefined }],
  ['null as public key', { ...es256, publicJwk: null }],
  ['the algorithm none', { ...es256, algorithm: 'none' }],
  ['an algorithm of Object.prototype', { ...es256, algorithm: 'toString' }],
  ['a private key of another algorithm', { ...es256, privateKey: ed25519.privateKey }],
  ['a public key to sign with', { ...es256, privateKey: publicKey }],
  ['no private key', { ...es256, privateKey: undefined }],
];

for (const [what, keyPair] of brokenPairs) {
  test(`[R9449-4.2-02] refuses a key pair with ${what}`, async () => {
    assert.is(await codeOf(createProof(keyPair as DpopKeyPair, valid)), 'invalid-key');
  });
}

test('[L01] no error text repeats a token, a nonce or a URL', async () => {
  for (const change of [
    { accessToken: 'a secret' },
    { nonce: 'a secret' },
    { url: 'http://secret.example/' },
  ]) {
    const outcome = await createProof(es256, { ...valid, ...change }).catch((error: unknown) => error);
    assert.instance(outcome, DpopClientError);
    assert.not.match((outcome as DpopClientError).message, 'secret');
  }
});

test.run();

function verified(proof: string): Promise<JWTVerifyResult> {
  return jwtVerify(proof, EmbeddedJWK, { typ: 'dpop+jwt', currentDate: new Date(T0 * 1000) });
}

async function codeOf(attempt: Promise<unknown>): Promise<DpopClientErrorCode> {
  const outcome = await attempt.catch((error: unknown) => error);
  if (outcome instanceof DpopClientError) return outcome.code;
  throw new Error(`no DpopClientError but ${String(outcome)}`);
}
