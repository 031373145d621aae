import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type DpopKeyPair, generateKeyPair } from '../../src/client/index.ts';
import { requireKeyPair, toKeyPair } from '../../src/client/stored-key.ts';
import { sha256 } from '../../src/digest.ts';
import { codeOf, errorOf } from './_key-stores.ts';

const test = suite('stored key');

const pair = await generateKeyPair();
const other = await generateKeyPair();
const edwards = await generateKeyPair({ algorithm: 'Ed25519' });
const p384 = await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-384' }, false, [
  'sign',
  'verify',
]);
const { publicJwk } = pair;
if (!('y' in publicJwk)) throw new Error('no ES256 key');
const lastOfX = publicJwk.x.at(-1) as string;

/** The same bytes in another spelling: the two bits that the last character has to spare are set. */
const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
const otherSpelling = publicJwk.x.slice(0, -1) + alphabet[alphabet.indexOf(lastOfX) + 1];

const otherJkt = await sha256(JSON.stringify({ ...publicJwk, x: otherSpelling }));

test('takes a pair as it is, for both algorithms', async () => {
  for (const each of [pair, edwards]) {
    assert.equal(await toKeyPair(structuredClone(each)), each);
    assert.is((await requireKeyPair(each)).jkt, each.jkt);
  }
});

test('takes the four members of a pair, and of the JWK the public ones', async () => {
  const found = await toKeyPair({
    ...pair,
    token: 'secret',
    publicJwk: { ...publicJwk, d: 'secret', alg: 'ES256' },
  });
  assert.equal(found, pair);
  assert.ok(Object.isFrozen(found));
});

test('gives the public JWK in the one spelling that servers take', async () => {
  const found = await toKeyPair({ ...pair, publicJwk: { ...publicJwk, x: otherSpelling } });
  assert.equal(found?.publicJwk, publicJwk);
});

const damages: Readonly<Record<string, unknown>> = {
  'no object': 'key',
  nothing: undefined,
  null: null,
  'an empty object': {},
  'a half-written entry: no private key': { ...pair, privateKey: undefined },
  'a half-written entry: no public JWK': { ...pair, publicJwk: undefined },
  'a half-written entry: no thumbprint': { ...pair, jkt: undefined },
  'no algorithm': { ...pair, algorithm: undefined },
  'an algorithm that is not known': { ...pair, algorithm: 'ES384' },
  'an algorithm by the name of a method': { ...pair, algorithm: 'toString' },
  'the other algorithm': { ...pair, algorithm: 'Ed25519' },
  'the private key of another pair': { ...pair, privateKey: other.privateKey },
  'the private key of another algorithm': { ...pair, privateKey: edwards.privateKey },
  'the private key of another curve': { ...pair, privateKey: p384.privateKey },
  'a public key in the place of the private one': { ...pair, privateKey: p384.publicKey },
  'an object in the place of the private key': { ...pair, privateKey: { type: 'private', usages: ['sign'] } },
  'the public JWK of another pair': { ...pair, publicJwk: other.publicJwk },
  'a public JWK without y': { ...pair, publicJwk: { crv: 'P-256', kty: 'EC', x: publicJwk.x } },
  'a public JWK of another curve': { ...pair, publicJwk: { ...publicJwk, crv: 'P-384' } },
  'a public JWK off the curve': { ...pair, publicJwk: { ...publicJwk, y: publicJwk.x } },
  'the thumbprint of another pair': { ...pair, jkt: other.jkt },
  'another spelling of the public key, and its thumbprint': {
    ...pair,
    publicJwk: { ...publicJwk, x: otherSpelling },
    jkt: otherJkt,
  },
};

for (const [what, entry] of Object.entries(damages)) {
  test(`[M10] is no key pair: ${what}`, async () => {
    assert.is(await toKeyPair(entry), undefined);
    assert.is(await codeOf(requireKeyPair(entry)), 'invalid-key');
  });
}

test('without WebCrypto nothing is said of a key, so that no store removes it', async () => {
  const own = Object.getOwnPropertyDescriptor(globalThis, 'crypto') as PropertyDescriptor;
  for (const value of [undefined, {}]) {
    Object.defineProperty(globalThis, 'crypto', { value, configurable: true });
    try {
      const error = await errorOf(toKeyPair(pair as DpopKeyPair));
      assert.is(error.code, 'webcrypto-unavailable');
      assert.match(error.message, 'no WebCrypto');
    } finally {
      Object.defineProperty(globalThis, 'crypto', own);
    }
  }
  assert.ok(await toKeyPair(pair));
});

test.run();
