import { inspect } from 'node:util';
import { calculateJwkThumbprint, compactVerify, EmbeddedJWK, type JWK } from 'jose';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { DpopClientError } from '../../src/client/errors.ts';
import {
  type ClientAlgorithm,
  createProof,
  type DpopKeyPair,
  generateKeyPair,
} from '../../src/client/index.ts';

const test = suite('generateKeyPair');

const algorithms: readonly ClientAlgorithm[] = ['ES256', 'Ed25519'];
const request = { method: 'GET', url: 'https://rs.example/api' };

test('makes ES256 keys unless told otherwise', async () => {
  const { algorithm, privateKey } = await generateKeyPair();
  assert.is(algorithm, 'ES256');
  assert.equal(privateKey.algorithm, { name: 'ECDSA', namedCurve: 'P-256' });
});

test('makes Ed25519 keys when asked', async () => {
  const { algorithm, privateKey } = await generateKeyPair({ algorithm: 'Ed25519' });
  assert.is(algorithm, 'Ed25519');
  assert.is(privateKey.algorithm.name, 'Ed25519');
});

for (const algorithm of algorithms) {
  test(`[R9449-11.4-01] [M10] a private ${algorithm} key cannot be exported`, async () => {
    const { privateKey } = await generateKeyPair({ algorithm });
    assert.is(privateKey.type, 'private');
    assert.is(privateKey.extractable, false);
    assert.equal(privateKey.usages, ['sign']);
    for (const format of ['jwk', 'pkcs8'] as const) {
      assert.match(await nameOfError(crypto.subtle.exportKey(format, privateKey)), /^InvalidAccess/);
    }
  });

  test(`a private ${algorithm} key can be exported when that was asked for`, async () => {
    const { privateKey, publicJwk } = await generateKeyPair({ algorithm, extractable: true });
    const { d, x } = await crypto.subtle.exportKey('jwk', privateKey);
    assert.is(d?.length, 43);
    assert.is(x, 'x' in publicJwk ? publicJwk.x : undefined);
  });

  test(`[R9449-4.2-03] the public JWK of ${algorithm} holds the required public members only`, async () => {
    const { publicJwk } = await generateKeyPair({ algorithm, extractable: true });
    const members = algorithm === 'ES256' ? ['crv', 'kty', 'x', 'y'] : ['crv', 'kty', 'x'];
    assert.equal(Object.keys(publicJwk), members);
  });

  test(`[R9449-6.1-02] [R9449-10-01] jkt of ${algorithm} is the RFC 7638 thumbprint`, async () => {
    const { publicJwk, jkt } = await generateKeyPair({ algorithm });
    assert.is(jkt, await calculateJwkThumbprint(publicJwk as JWK, 'sha256'));
    assert.is(jkt.length, 43);
  });

  test(`[R9449-5-08] a pair for ${algorithm} that was stored by structured cloning still signs`, async () => {
    const keyPair = await generateKeyPair({ algorithm });
    const restored: DpopKeyPair = structuredClone(keyPair);
    assert.is(restored.jkt, keyPair.jkt);
    assert.is(restored.privateKey.extractable, false);
    const { protectedHeader } = await compactVerify(await createProof(restored, request), EmbeddedJWK);
    assert.is(await calculateJwkThumbprint(protectedHeader.jwk as JWK), keyPair.jkt);
  });

  test(`[M10] [L04] printing a pair for ${algorithm} shows nothing private`, async () => {
    const keyPair = await generateKeyPair({ algorithm, extractable: true });
    const { d = '' } = await crypto.subtle.exportKey('jwk', keyPair.privateKey);
    assert.ok(d.length > 0);
    assert.not(JSON.stringify(keyPair).includes(d));
    assert.not(inspect(keyPair, { depth: 9, showHidden: true }).includes(d));
  });
}

test('every pair is another key, and cannot be changed', async () => {
  const [one, two] = [await generateKeyPair(), await generateKeyPair()];
  assert.is.not(one.jkt, two.jkt);
  assert.ok(Object.isFrozen(one));
});

for (const name of ['none', 'HS256', 'es256', 'ES384', 'toString', '', null]) {
  test(`[R9449-4.2-02] [R9449-11.6-01] refuses to make a key for ${String(name) || 'no name'}`, async () => {
    const error = await errorOf(generateKeyPair({ algorithm: name as ClientAlgorithm }));
    assert.is(error.code, 'unsupported-algorithm');
    assert.is(error.message, 'holdfast: the algorithm must be ES256 or Ed25519');
  });
}

test('says so when the runtime lacks an algorithm', async () => {
  const lack = new DOMException('Unrecognized algorithm name', 'NotSupportedError');
  const subtle = crypto.subtle as unknown as Record<string, unknown>;
  subtle['generateKey'] = () => Promise.reject(lack);
  try {
    const error = await errorOf(generateKeyPair({ algorithm: 'Ed25519' }));
    assert.is(error.code, 'unsupported-algorithm');
    assert.is(error.message, 'holdfast: this runtime cannot make Ed25519 keys');
    assert.is(error.cause, lack);
  } finally {
    delete subtle['generateKey'];
  }
  assert.is((await generateKeyPair({ algorithm: 'Ed25519' })).algorithm, 'Ed25519');
});

test('without WebCrypto, as in a page over plain http, the error says so', async () => {
  const keyPair = await generateKeyPair();
  const real = Object.getOwnPropertyDescriptor(globalThis, 'crypto') as PropertyDescriptor;
  const attempts = [() => generateKeyPair(), () => createProof(keyPair, request)];
  for (const value of [undefined, {}]) {
    Object.defineProperty(globalThis, 'crypto', { value, configurable: true });
    try {
      for (const attempt of attempts) {
        const error = await attempt().catch((thrown: unknown) => thrown);
        assert.is((error as { code?: unknown }).code, 'webcrypto-unavailable');
      }
    } finally {
      Object.defineProperty(globalThis, 'crypto', real);
    }
  }
});

test.run();

async function errorOf(attempt: Promise<unknown>): Promise<DpopClientError> {
  const outcome = await attempt.catch((error: unknown) => error);
  if (outcome instanceof DpopClientError) return outcome;
  throw new Error(`no DpopClientError but ${String(outcome)}`);
}

async function nameOfError(attempt: Promise<unknown>): Promise<string> {
  const outcome = await attempt.catch((error: unknown) => error);
  return outcome instanceof Error ? outcome.name : 'no error';
}
