import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { encodeBase64url, utf8 } from '../src/digest.ts';
import {
  defaultAlgorithms,
  fitsAlgorithm,
  isCanonicalKey,
  isPublicOnly,
  isStrongKey,
  readJwk,
  type SignatureAlgorithm,
  signatureAlgorithms,
} from '../src/jwk.ts';
import { type JsonObject, readJsonSegment } from '../src/jws.ts';
import { type NodeCrypto, nodeCrypto } from '../src/node-crypto.ts';
import { type VerifiedProof, verifyProof } from '../src/proof.ts';
import { nodeImporter, webImporter } from '../src/signature.ts';
import { toPublicJwk } from '../src/thumbprint.ts';
import { forge, generateKeyPair, origin, path, proofParts, reasonOf, signer, T0 } from './_setup.ts';
import { readVectors, type Wycheproof } from './vectors/read.ts';

const test = suite('jwk');

interface KeyGroup {
  readonly comment: string;
  readonly private: { readonly keys: readonly JsonObject[] };
  readonly public?: { readonly keys: readonly JsonObject[] };
  readonly tests: readonly {
    readonly tcId: number;
    readonly comment: string;
    readonly jws: string;
    readonly result: 'valid' | 'invalid';
  }[];
}

const wycheproof = await readVectors<Wycheproof<KeyGroup>>('wycheproof/json_web_key_test.json');

/** The key of the first Wycheproof group with this comment. */
function vectorKey(comment: string, half: 'private' | 'public' = 'public'): JsonObject {
  const group = wycheproof.testGroups.find((each) => each.comment === comment);
  return group?.[half]?.keys[0] as JsonObject;
}

/** A key to start from: its public half, and how its owner signs. */
interface TestKey {
  readonly jwk: JsonObject;
  readonly sign: (text: string) => Promise<string>;
}

async function elliptic(algorithm: 'ES256' | 'Ed25519'): Promise<TestKey> {
  const keyPair = await generateKeyPair({ algorithm });
  return { jwk: { ...keyPair.publicJwk }, sign: signer(keyPair) };
}

async function rsa(name: 'RSA-PSS' | 'RSASSA-PKCS1-v1_5'): Promise<TestKey> {
  const { alg: _, use: __, kid: ___, ...pair } = vectorKey('rs256', 'private');
  const parameters = { name, hash: 'SHA-256', saltLength: 32 };
  const privateKey = await crypto.subtle.importKey('jwk', pair, parameters, false, ['sign']);
  const sign = async (text: string): Promise<string> =>
    encodeBase64url(new Uint8Array(await crypto.subtle.sign(parameters, privateKey, utf8(text))));
  return { jwk: { ...toPublicJwk(pair) }, sign };
}

const edwards = await elliptic('Ed25519');
const keys: Readonly<Record<SignatureAlgorithm, TestKey>> = {
  ES256: await elliptic('ES256'),
  Ed25519: edwards,
  EdDSA: edwards,
  PS256: await rsa('RSA-PSS'),
  RS256: await rsa('RSASSA-PKCS1-v1_5'),
};
const { header, claims } = proofParts(await generateKeyPair());

/** Verifies a proof that is valid but for its `jwk`, and signed with the key that belongs to it. */
async function verifyWith(jwk: unknown, algorithm: SignatureAlgorithm): Promise<VerifiedProof> {
  const proof = await forge({ ...header, alg: algorithm, jwk }, claims, keys[algorithm].sign);
  const options = { now: T0, algorithms: signatureAlgorithms, maxProofBytes: 500_000 };
  return verifyProof({ method: 'GET', uri: `${origin}${path}`, proof }, options);
}

const change = (algorithm: SignatureAlgorithm, members: object): JsonObject => ({
  ...keys[algorithm].jwk,
  ...members,
});
const without = (algorithm: SignatureAlgorithm, name: string): JsonObject =>
  Object.fromEntries(Object.entries(keys[algorithm].jwk).filter(([each]) => each !== name));

/** What is asserted of each key before one thing of it is changed. */
for (const algorithm of signatureAlgorithms) {
  test(`[R9449-4.3-07] the ${algorithm} key that the others are made from is accepted`, async () => {
    const { jwk } = keys[algorithm];
    assert.ok(isPublicOnly(jwk) && fitsAlgorithm(jwk, algorithm) && isCanonicalKey(jwk) && isStrongKey(jwk));
    assert.ok(await verifyWith(jwk, algorithm));
  });
}

test('[R9449-11.6-01] [R9864-2.2-01] ES256 and both names of Ed25519 are allowed by default, RSA is not', () => {
  assert.equal(signatureAlgorithms, ['ES256', 'Ed25519', 'EdDSA', 'PS256', 'RS256']);
  assert.equal(defaultAlgorithms, ['ES256', 'Ed25519', 'EdDSA']);
  assert.ok(Object.isFrozen(signatureAlgorithms) && Object.isFrozen(defaultAlgorithms));
});

for (const [row, name] of [
  ['D01', 'd'],
  ...['p', 'q', 'dp', 'dq', 'qi', 'oth'].map((each) => ['D02', each]),
  ['D04', 'k'],
  ['D04', 'priv'],
] as [string, string][]) {
  test(`[R9449-4.3-07] [${row}] [D03] a key of any type with ${name} is refused, whatever its value`, async () => {
    for (const algorithm of signatureAlgorithms) {
      for (const value of ['AQAB', '', null, 0, {}, false]) {
        assert.not(isPublicOnly(change(algorithm, { [name]: value })));
        assert.is(await reasonOf(verifyWith(change(algorithm, { [name]: value }), algorithm)), 'jwk-private');
      }
    }
  });
}

test('[D07] [R9449-4.3-03] a jwk that is no object is malformed', async () => {
  const { jwk } = keys.ES256;
  assert.equal({ ...readJwk(jwk) }, jwk);
  for (const value of [undefined, null, 1, true, '', JSON.stringify(jwk), [], [jwk]]) {
    assert.is(readJwk(value), undefined);
    assert.is(await reasonOf(verifyWith(value, 'ES256')), 'jwk-malformed');
  }
});

test('[D07] a member that only stands in a polluted prototype is none of the key', () => {
  const jwk = readJwk(keys.ES256.jwk);
  assert.is(Object.getPrototypeOf(jwk), null);
  const prototype = Object.prototype as unknown as Record<string, unknown>;
  prototype['use'] = 'enc';
  try {
    assert.is(jwk?.['use'], undefined);
  } finally {
    Reflect.deleteProperty(prototype, 'use');
  }
});

/** Keys that are not for the algorithm of the header. */
const unfit: readonly (readonly [
  row: string,
  what: string,
  algorithm: SignatureAlgorithm,
  jwk: JsonObject,
])[] = [
  ['D05', 'a symmetric key', 'ES256', { kty: 'oct' }],
  ['D06', 'no kty', 'ES256', without('ES256', 'kty')],
  ...['ec', 'EC ', '', 'RSA', 'OKP', 'oct', ['EC'], null, 0, { toString: 'EC' }, '__proto__'].map(
    (kty) => ['D06', `kty ${JSON.stringify(kty)}`, 'ES256', change('ES256', { kty })] as const,
  ),
  ['D06', 'no kty', 'RS256', without('RS256', 'kty')],
  ['D07', 'a key set', 'ES256', { keys: [keys.ES256.jwk] }],
  ['D13', 'no crv', 'ES256', without('ES256', 'crv')],
  ...['P-384', 'P-521', 'p-256', 'secp256k1', 'prime256v1', 'Ed25519', '', null, ['P-256']].map(
    (crv) => ['D13', `crv ${JSON.stringify(crv)}`, 'ES256', change('ES256', { crv })] as const,
  ),
  ['D14', 'no crv', 'Ed25519', without('Ed25519', 'crv')],
  ...['X25519', 'Ed448', 'ed25519', 'P-256', null].map(
    (crv) => ['D14', `crv ${JSON.stringify(crv)}`, 'EdDSA', change('EdDSA', { crv })] as const,
  ),
  ['C11', 'an RSA key', 'ES256', keys.RS256.jwk],
  ['C11', 'an Ed25519 key', 'ES256', keys.Ed25519.jwk],
  ['C12', 'an EC key', 'PS256', keys.ES256.jwk],
  ['C12', 'an EC key', 'RS256', keys.ES256.jwk],
  ['C12', 'an EC key', 'EdDSA', keys.ES256.jwk],
  ['C12', 'an EC key', 'Ed25519', keys.ES256.jwk],
  ...['enc', 'SIG', '', null, ['sig']].map(
    (use) => ['D28', `use ${JSON.stringify(use)}`, 'ES256', change('ES256', { use })] as const,
  ),
  ...[['sign'], [], ['verify', 'sign'], ['verify', 'verify'], 'verify', null, { 0: 'verify', length: 1 }].map(
    (ops) => ['D28', `key_ops ${JSON.stringify(ops)}`, 'ES256', change('ES256', { key_ops: ops })] as const,
  ),
  ...['ES384', 'none', '', 'EdDSA', null, ['ES256']].map(
    (alg) => ['D28', `alg ${JSON.stringify(alg)}`, 'ES256', change('ES256', { alg })] as const,
  ),
  ['D28', 'alg PS256', 'RS256', change('RS256', { alg: 'PS256' })],
  ['D28', 'alg Ed25519', 'EdDSA', change('EdDSA', { alg: 'Ed25519' })],
];

for (const [row, what, algorithm, jwk] of unfit) {
  test(`[R7518-3.4-01] [R8725-3.1-01] [${row}] ${algorithm}: ${what} does not fit`, async () => {
    assert.not(fitsAlgorithm(jwk, algorithm));
    assert.is(await reasonOf(verifyWith(jwk, algorithm)), 'jwk-unfit');
  });
}

test('[D28] use, key_ops and alg that allow this very use are accepted', async () => {
  for (const algorithm of signatureAlgorithms) {
    const jwk = change(algorithm, { use: 'sig', key_ops: ['verify'], alg: algorithm });
    assert.ok(fitsAlgorithm(jwk, algorithm));
    assert.ok(await verifyWith(jwk, algorithm));
  }
});

/** Other spellings of the same bytes, or bytes of another length: a canonical member changed in one way. */
function misspell(canonical: string): Readonly<Record<string, readonly unknown[]>> {
  const bytes = Buffer.from(canonical, 'base64url');
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  const unused = alphabet[alphabet.indexOf(canonical.at(-1) as string) + 1];
  return {
    D09: [
      encodeBase64url(Buffer.concat([Buffer.alloc(1), bytes])),
      encodeBase64url(Buffer.concat([Buffer.alloc(9), bytes])),
    ],
    D11: [
      `${canonical}=`,
      ` ${canonical}`,
      `${canonical}\n`,
      `${canonical.slice(0, 9)} ${canonical.slice(9)}`,
      `+/${canonical.slice(2)}`,
    ],
    ...(bytes.length % 3 === 0 ? {} : { D16: [canonical.slice(0, -1) + unused] }),
    D31: [undefined, null, 0, 1, true, [canonical], {}, '', 'A'.repeat(102_401)],
  };
}

const members: readonly (readonly [SignatureAlgorithm, string])[] = [
  ['ES256', 'x'],
  ['ES256', 'y'],
  ['Ed25519', 'x'],
  ['RS256', 'n'],
  ['PS256', 'e'],
];

for (const [algorithm, name] of members) {
  const canonical = keys[algorithm].jwk[name] as string;
  for (const [row, values] of Object.entries(misspell(canonical))) {
    const tag = name === 'n' || name === 'e' ? 'D24' : row;
    test(`[R7638-7-01] [${tag}] ${algorithm}: ${name} in another spelling (${row}) is refused`, async () => {
      for (const value of values) {
        const jwk = change(algorithm, { [name]: value });
        assert.not(isCanonicalKey(jwk), JSON.stringify(value)?.slice(0, 60));
        assert.is(await reasonOf(verifyWith(jwk, algorithm)), 'jwk-not-canonical');
      }
    });
  }
}

test('[D10] [D14] [R7638-7-01] EC and Ed25519 members have 32 bytes, no more and no less', async () => {
  for (const [algorithm, name] of members.slice(0, 3)) {
    for (const length of [0, 1, 31, 33, 64]) {
      const jwk = change(algorithm, { [name]: encodeBase64url(new Uint8Array(length).fill(7)) });
      assert.not(isCanonicalKey(jwk), `${name} of ${length} bytes`);
      assert.is(await reasonOf(verifyWith(jwk, algorithm)), 'jwk-not-canonical');
    }
  }
});

test('[D12] members that begin with a zero byte are canonical, and such keys are strong', () => {
  const zeroX = {
    kty: 'EC',
    crv: 'P-256',
    x: 'AFVDiUrz0A7X10Cr29dclrBod7eH219w7qeLkKjXwAo',
    y: keys.ES256.jwk['y'],
  };
  assert.ok(isCanonicalKey(zeroX) && isStrongKey(zeroX));
  const edwardsZero = { kty: 'OKP', crv: 'Ed25519', x: encodeBase64url(new Uint8Array(32).fill(2, 1)) };
  assert.ok(isCanonicalKey(edwardsZero) && isStrongKey(edwardsZero));
});

test('[R7638-7-01] of all spellings of 32 bytes, one is canonical', () => {
  const bytes32 = fc.uint8Array({ minLength: 32, maxLength: 32 });
  fc.assert(
    fc.property(bytes32, fc.constantFrom('base64', 'base64url', 'hex'), (bytes, encoding) => {
      const x = Buffer.from(bytes).toString(encoding);
      assert.is(isCanonicalKey({ kty: 'OKP', x }), x === encodeBase64url(bytes));
    }),
  );
});

test('[D08] [R8725-3.4-01] an EC point off the curve is refused, however it looks', async () => {
  const zero = encodeBase64url(new Uint8Array(32));
  const full = encodeBase64url(new Uint8Array(32).fill(255));
  const { x, y } = keys.ES256.jwk;
  for (const point of [{ x: zero, y: zero }, { x: y, y: x }, { x: full }, { y: full }, { y: zero }]) {
    assert.is(await reasonOf(verifyWith(change('ES256', point), 'ES256')), 'key-invalid');
  }
});

test('[D29] [D30] other members and another order are accepted, with the same thumbprint', async () => {
  for (const algorithm of signatureAlgorithms) {
    const { jkt } = await verifyWith(keys[algorithm].jwk, algorithm);
    const reversed = Object.fromEntries(Object.entries(keys[algorithm].jwk).reverse());
    const more = {
      kid: '../../etc/passwd',
      foo: 'bar',
      x5c: ['AAAA'],
      exp: 1,
      x5u: 'http://127.0.0.1:9/',
      ...reversed,
    };
    assert.is((await verifyWith(more, algorithm)).jkt, jkt);
  }
});

/** The lowest modulus of a length in bits that no check but the one on size has anything to say about. */
function modulusOf(bits: number): string {
  const high = 2n ** BigInt(bits - 1);
  const primes = Array.from({ length: 752 }, (_, n) => n).filter(
    (n) => n > 1 && Array.from({ length: n }, (_, m) => m).every((m) => m < 2 || n % m !== 0),
  );
  const odd = primes.slice(1).reduce((product, prime) => product * BigInt(prime), 1n);
  // 2 modulo every odd prime: no factor, and no power of 65537 modulo 11.
  let n = high - (high % odd) + odd + 2n;
  if (n % 2n === 0n) n += odd;
  const hex = n.toString(16);
  return encodeBase64url(Buffer.from(hex.padStart(hex.length + (hex.length % 2), '0'), 'hex'));
}

test('[R7518-3.3-01] RSA keys have 2048 to 4096 bits', () => {
  for (const bits of [2048, 2049, 3072, 4095, 4096])
    assert.ok(isStrongKey(change('PS256', { n: modulusOf(bits) })), String(bits));
});

for (const [row, sizes] of [
  ['D19', [1024, 2040, 2047]],
  ['D20', [4097, 4104, 8192, 16_384, 32_768]],
] as const) {
  test(`[R7518-3.3-01] [${row}] RSA keys of ${sizes.join(', ')} bits are weak`, async () => {
    for (const bits of sizes) {
      const jwk = change('RS256', { n: modulusOf(bits) });
      assert.ok(isCanonicalKey(jwk));
      assert.not(isStrongKey(jwk), String(bits));
      assert.is(await reasonOf(verifyWith(jwk, 'RS256')), 'jwk-weak');
    }
  });
}

test('[D19] an RSA modulus that is empty is weak', () => {
  assert.not(isStrongKey(change('RS256', { n: '' })));
});

const toExponent = (value: bigint): string => {
  const hex = value.toString(16);
  return encodeBase64url(Buffer.from(hex.padStart(hex.length + (hex.length % 2), '0'), 'hex'));
};

/** The exponents that are neither 65537 nor spelt in another way. */
const exponents: readonly (readonly [string, readonly bigint[]])[] = [
  ['D21', [1n, 2n, 65_536n]],
  ['D22', [3n, 17n, 257n, 65_539n]],
  ['D23', [2n ** 2047n + 1n]],
  ['D27', [2n ** 64n + 65_537n]],
];

for (const [row, values] of exponents) {
  test(`[R8725-3.4-01] [${row}] RSA keys with another exponent than 65537 are weak`, async () => {
    for (const value of values) {
      const jwk = change('PS256', { e: toExponent(value) });
      assert.ok(isCanonicalKey(jwk));
      assert.not(isStrongKey(jwk));
      assert.is(await reasonOf(verifyWith(jwk, 'PS256')), 'jwk-weak', String(value));
    }
  });
}

test('[D21] an RSA exponent of zero is spelt with a leading zero octet', async () => {
  assert.is(await reasonOf(verifyWith(change('PS256', { e: 'AA' }), 'PS256')), 'jwk-not-canonical');
});

test('[D25] [R8725-3.4-01] an RSA modulus that is even, has a small factor or is a square is weak', async () => {
  const n = BigInt(`0x${Buffer.from(modulusOf(2048), 'base64url').toString('hex')}`);
  const root = BigInt(`0x${Buffer.from(modulusOf(1540), 'base64url').toString('hex')}`);
  assert.ok(isStrongKey(change('RS256', { n: toExponent(n) })), 'the control');
  for (const weak of [n + 1n, n * 3n, n * 751n, root * root]) {
    assert.is(await reasonOf(verifyWith(change('RS256', { n: toExponent(weak) }), 'RS256')), 'jwk-weak');
  }
});

test('[D21] [D26] [D19] the weak keys of Wycheproof are refused as weak', async () => {
  for (const comment of ['jws_rsa_roca_key', 'keysize_too_small', 'exponentOne']) {
    const { n, e } = vectorKey(comment);
    const jwk = change('RS256', { n, e });
    assert.ok(isCanonicalKey(jwk), comment);
    assert.not(isStrongKey(jwk), comment);
    assert.is(await reasonOf(verifyWith(jwk, 'RS256')), 'jwk-weak', comment);
  }
});

test('[D15] an Ed25519 key of low order is weak', async () => {
  const identity = encodeBase64url(Uint8Array.of(1, ...new Uint8Array(31)));
  assert.not(isStrongKey(change('Ed25519', { x: identity })));
  for (const name of ['Ed25519', 'EdDSA'] as const) {
    assert.is(await reasonOf(verifyWith(change(name, { x: identity }), name)), 'jwk-weak');
  }
});

/** Where a JWS under a key set of Wycheproof stops. */
type Verdict =
  | 'symmetric'
  | 'private'
  | 'unfit'
  | 'not-canonical'
  | 'weak'
  | 'not-importable'
  | 'not-verified'
  | 'accepted';

async function judge({ private: pair, public: published = pair }: KeyGroup, jws: string): Promise<Verdict> {
  const [protectedHeader = '', payload = '', signature = ''] = jws.split('.'); // two of them have an empty payload
  const { alg, kid } = readJsonSegment(protectedHeader) as { alg: SignatureAlgorithm; kid: string };
  if (!signatureAlgorithms.includes(alg)) return 'symmetric';
  const jwk = published.keys.find((each) => each['kid'] === kid) as JsonObject;
  if (!isPublicOnly(jwk)) return 'private';
  if (!fitsAlgorithm(jwk, alg)) return 'unfit';
  if (!isCanonicalKey(jwk)) return 'not-canonical';
  if (!isStrongKey(jwk)) return 'weak';
  const verdicts: Verdict[] = [];
  for (const importer of [nodeImporter(nodeCrypto as NodeCrypto), webImporter]) {
    const key = await Promise.resolve()
      .then(() => importer(toPublicJwk(jwk), alg))
      .catch(() => undefined);
    const verified = await key?.verifies(`${protectedHeader}.${payload}`, signature);
    verdicts.push(key === undefined ? 'not-importable' : verified ? 'accepted' : 'not-verified');
  }
  assert.is(verdicts[0], verdicts[1], 'Node and WebCrypto agree');
  return verdicts[0] as Verdict;
}

/**
 * Our policy where it is not simply that of Wycheproof: symmetric algorithms have no place here, so the four tests that
 * call an HS256, HS384 or HS512 signature valid (2, 13, 14, 15) are refused like the eleven that do not.
 */
const expected: Readonly<Record<number, Verdict>> = {
  ...Object.fromEntries(
    [1, 2, 3, 4, 10, 11, 12, 13, 14, 15, 16, 17, 18, 25, 26].map((tcId) => [tcId, 'symmetric']),
  ),
  5: 'accepted',
  6: 'unfit', // use: enc
  7: 'weak', // ROCA
  8: 'weak', // 1024 bits
  9: 'weak', // e = 1
  19: 'unfit', // alg ES521
  20: 'unfit', // alg ES224
  21: 'unfit', // use: enc
  22: 'not-importable', // a point off the curve
  23: 'unfit', // crv P-384
  24: 'unfit', // kty RSA
};

test('[D08] [D13] [D19] [D21] [D26] [D28] Wycheproof: every key set, by the policy above', async () => {
  let executed = 0;
  for (const group of wycheproof.testGroups) {
    for (const { tcId, comment, jws, result } of group.tests) {
      const verdict = await judge(group, jws);
      assert.is(verdict, expected[tcId], `${tcId} ${group.comment} ${comment}`);
      if (verdict !== 'symmetric') assert.is(verdict === 'accepted', result === 'valid', `${tcId}`);
      executed++;
    }
  }
  assert.is(executed, wycheproof.numberOfTests);
});

test('[D05] Wycheproof: every symmetric key is private, and fits no algorithm', () => {
  const all = wycheproof.testGroups.flatMap((group) => group.private.keys);
  const symmetric = all.filter(({ kty }) => kty === 'oct');
  assert.ok(symmetric.length > 10);
  for (const jwk of symmetric) {
    assert.not(isPublicOnly(jwk));
    for (const algorithm of signatureAlgorithms) assert.not(fitsAlgorithm(jwk, algorithm));
  }
});

test('[D01] [D02] Wycheproof: every private half of a pair is known as one', () => {
  const pairs = wycheproof.testGroups.filter((group) => group.public !== undefined);
  assert.ok(pairs.length > 5);
  for (const group of pairs) {
    for (const jwk of group.private.keys) assert.not(isPublicOnly(jwk), group.comment);
    for (const jwk of group.public?.keys ?? []) assert.ok(isPublicOnly(jwk), group.comment);
  }
});

test.run();
