import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { encodeBase64url } from '../src/digest.ts';
import { verifyProof } from '../src/proof.ts';
import { jwkThumbprint } from '../src/thumbprint.ts';
import { isWeakEd25519, isWeakRsaModulus } from '../src/weak-keys.ts';
import { forge, generateKeyPair, origin, path, proofParts, reasonOf, signer, T0 } from './_setup.ts';
import { readVectors } from './vectors/read.ts';

const test = suite('weak-keys');

// edwards25519, computed here from its definition (RFC 8032 section 5.1), so that no constant is shared with the source.
const prime = 2n ** 255n - 19n;
const order = 2n ** 252n + 27742317777372353535851937790883648493n;

interface Point {
  readonly x: bigint;
  readonly y: bigint;
}

const modulo = (value: bigint, modulus: bigint = prime): bigint => ((value % modulus) + modulus) % modulus;

function power(base: bigint, exponent: bigint, modulus: bigint = prime): bigint {
  let result = 1n;
  for (let square = modulo(base, modulus), rest = exponent; rest > 0n; rest >>= 1n) {
    if (rest & 1n) result = (result * square) % modulus;
    square = (square * square) % modulus;
  }
  return result;
}

const inverse = (value: bigint): bigint => power(value, prime - 2n);
const d = modulo(-121665n * inverse(121666n));

function add(a: Point, b: Point): Point {
  const product = d * a.x * b.x * a.y * b.y;
  return {
    x: modulo((a.x * b.y + a.y * b.x) * inverse(1n + product)),
    y: modulo((a.y * b.y + a.x * b.x) * inverse(1n - product)),
  };
}

function multiply(point: Point, factor: bigint): Point {
  let result: Point = { x: 0n, y: 1n };
  for (let double = point, rest = factor; rest > 0n; rest >>= 1n) {
    if (rest & 1n) result = add(result, double);
    double = add(double, double);
  }
  return result;
}

/** A point of this y, where there is one. */
function pointAt(y: bigint): Point | undefined {
  const square = modulo((y * y - 1n) * inverse(d * y * y + 1n));
  const root = power(square, (prime + 3n) / 8n);
  const candidates = [root, modulo(root * power(2n, (prime - 1n) / 4n))];
  const x = candidates.find((candidate) => modulo(candidate * candidate) === square);
  return x === undefined ? undefined : { x, y };
}

/** Little-endian y in 255 bits, and the sign of x above it; y may exceed the field. */
function encodePoint(y: bigint, sign: bigint): Uint8Array {
  const hex = (y + (sign << 255n)).toString(16).padStart(64, '0');
  return Uint8Array.from(Buffer.from(hex, 'hex').reverse());
}

/** Multiplied by the order of the large subgroup, a point keeps its small part: one such has order 8 and makes all eight. */
function lowOrderPoints(): Point[] {
  for (let y = 2n; ; y++) {
    const point = pointAt(y);
    const small = point && multiply(point, order);
    if (small === undefined || multiply(small, 4n).y === 1n) continue;
    return Array.from({ length: 8 }, (_, factor) => multiply(small, BigInt(factor)));
  }
}

/** Every 32 bytes that decode to one of them: with either sign, and with y above the field where it fits. */
function lowOrderEncodings(): Uint8Array[] {
  const ys = [...new Set(lowOrder.map(({ y }) => y))];
  const spellings = ys.flatMap((y) => [y, y + prime]).filter((y) => y < 2n ** 255n);
  return spellings.flatMap((y) => [encodePoint(y, 0n), encodePoint(y, 1n)]);
}

const lowOrder = lowOrderPoints();
const encodings = lowOrderEncodings();
const toKey = (bytes: Uint8Array) => ({ crv: 'Ed25519', kty: 'OKP', x: encodeBase64url(bytes) }) as const;
const identity = encodePoint(1n, 0n);

test('[D15] there are 14 encodings of low-order points, and the published list holds just these', async () => {
  const published =
    await readVectors<readonly { readonly x: string; readonly jkt: string }[]>('low-order-ed25519.json');
  assert.is(new Set(encodings.map(encodeBase64url)).size, 14);
  assert.is(published.length, 14);
  assert.equal(new Set(published.map(({ x }) => x)), new Set(encodings.map(encodeBase64url)));
  for (const { x, jkt } of published) assert.is(await jwkThumbprint({ crv: 'Ed25519', kty: 'OKP', x }), jkt);
});

test('[D15] [R8725-3.4-01] all 14 are weak', () => {
  for (const bytes of encodings) assert.ok(isWeakEd25519(bytes), Buffer.from(bytes).toString('hex'));
});

test('[D15] the two whose thumbprints are known have these', async () => {
  assert.is(await jwkThumbprint(toKey(identity)), 'eV9frzBXPTP92MWWMpoFOh0WI_kJLvGlhcNs15APU_s', 'identity');
  const orderTwo = encodePoint(prime - 1n, 0n);
  assert.is(await jwkThumbprint(toKey(orderTwo)), 'Jwj2Wm3WQnidt0c7l__0Uyozch0IAYaYe0v8FTzd9rQ', 'order 2');
});

test('[D15] [R8725-3.4-01] a proof under each of them is refused as weak, though anybody can sign for it', async () => {
  const keyPair = await generateKeyPair({ algorithm: 'Ed25519' });
  const { header, claims } = proofParts(keyPair);
  const verify = (proof: string): Promise<unknown> =>
    verifyProof({ method: 'GET', uri: `${origin}${path}`, proof }, { now: T0 });
  assert.ok(await verify(await forge(header, claims, signer(keyPair))), 'the control');
  const forged = encodeBase64url(Uint8Array.of(...identity, ...new Uint8Array(32)));
  for (const bytes of encodings) {
    const proof = await forge({ ...header, jwk: toKey(bytes) }, claims, async () => forged);
    assert.is(await reasonOf(verify(proof)), 'jwk-weak');
  }
});

test('[D16] y at or above the field is another spelling of a smaller one, and refused', () => {
  for (let y = prime; y < 2n ** 255n; y++) {
    for (const sign of [0n, 1n]) assert.ok(isWeakEd25519(encodePoint(y, sign)), `p + ${y - prime}`);
  }
});

test('the neighbours of what is refused are not', () => {
  const orderEight = lowOrder.find(({ x, y }) => x !== 0n && y !== 0n)?.y as bigint;
  for (const y of [2n, prime - 2n, orderEight - 1n, orderEight + 1n]) {
    for (const sign of [0n, 1n]) assert.not(isWeakEd25519(encodePoint(y, sign)), String(y));
  }
});

test('no key that was generated is weak', () => {
  const small = new Set(lowOrder.map(({ y }) => y));
  fc.assert(
    fc.property(fc.bigInt({ min: 0n, max: 2n ** 255n - 1n }), fc.constantFrom(0n, 1n), (y, sign) => {
      assert.is(isWeakEd25519(encodePoint(y, sign)), y >= prime || small.has(y));
    }),
  );
});

// RSA moduli are built from their residues: no factorisation is needed to know what a check must say of them.
const smallPrimes = Array.from({ length: 752 }, (_, n) => n).filter(
  (n) => n > 1 && Array.from({ length: n }, (_, m) => m).every((m) => m < 2 || n % m !== 0),
);
const primorial = smallPrimes.reduce((product, one) => product * BigInt(one), 1n);

/** The smallest number of 2048 bits with these residues, and one by every other small prime. */
function modulusWith(residues: Readonly<Record<number, bigint>>): bigint {
  let residue = 1n;
  for (const [text, wanted] of Object.entries(residues)) {
    const modulus = BigInt(text);
    const others = primorial / modulus;
    residue += others * modulo((wanted - 1n) * power(others, modulus - 2n, modulus), modulus);
  }
  const lowest = 2n ** 2047n;
  return lowest - (lowest % primorial) + primorial + (residue % primorial);
}

const toBytes = (n: bigint): Uint8Array => {
  const hex = n.toString(16);
  return Uint8Array.from(Buffer.from(hex.padStart(hex.length + (hex.length % 2), '0'), 'hex'));
};

/** 2 is no power of 65537 modulo 11, so this is no ROCA key. */
const sound = { 11: 2n };

test('[D25] a modulus without any of the flaws is not weak', () => {
  const n = modulusWith(sound);
  assert.is(n.toString(2).length, 2048);
  assert.not(isWeakRsaModulus(toBytes(n)));
});

test('[D25] [R8725-3.4-01] a modulus that a prime below 752 divides is weak, for each of them', () => {
  assert.is(smallPrimes.length, 133);
  assert.is(smallPrimes.at(-1), 751);
  for (const one of smallPrimes) {
    const n = modulusWith({ ...sound, [one]: 0n });
    assert.is(n % BigInt(one), 0n);
    assert.ok(isWeakRsaModulus(toBytes(n)), `divisible by ${one}`);
  }
});

test('[D25] [R8725-3.4-01] a perfect square is weak, its neighbours are not', () => {
  const root = modulusWith(sound);
  assert.ok(isWeakRsaModulus(toBytes(root * root)));
  for (const offset of [-primorial, primorial]) assert.not(isWeakRsaModulus(toBytes(root * root + offset)));
});

test('[D25] squares are found at every size', () => {
  fc.assert(
    fc.property(fc.bigInt({ min: 1n, max: 2n ** 512n }), (root) => {
      assert.ok(isWeakRsaModulus(toBytes(root * root)));
    }),
  );
});

const rocaPrimes = [11, 13, 17, 19, 37, 53, 61, 71, 73, 79, 97, 103, 107, 109, 127, 151, 157];

test('[D26] [R8725-3.4-01] a modulus that is a power of 65537 modulo all the primes of the ROCA generator is weak', () => {
  for (const exponent of [0n, 1n, 2n, 65_536n, 123_456_789n]) {
    const residues = rocaPrimes.map((one) => [one, power(65_537n, exponent, BigInt(one))] as const);
    assert.ok(isWeakRsaModulus(toBytes(modulusWith(Object.fromEntries(residues)))), `65537^${exponent}`);
  }
});

test('[D26] one residue that no power of 65537 has is enough to be none', () => {
  for (const one of rocaPrimes) {
    const powers = new Set(
      Array.from({ length: one }, (_, exponent) => power(65_537n, BigInt(exponent), BigInt(one))),
    );
    const other = Array.from({ length: one }, (_, residue) => BigInt(residue)).find(
      (r) => r > 0n && !powers.has(r),
    );
    assert.ok(other, `65537 does not generate everything modulo ${one}`);
    assert.not(isWeakRsaModulus(toBytes(modulusWith({ [one]: other as bigint }))), String(one));
  }
});

test.run();
