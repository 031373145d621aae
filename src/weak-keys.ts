/**
 * Public keys for which anybody can sign, or whose private half anybody can compute.
 *
 * Crypto libraries import them without a word (RSA with e = 1 and all low-order Ed25519 points verify forged
 * signatures in Node today), so a token bound to such a key would be a bearer token again.
 */

const fieldPrime = 2n ** 255n - 19n;
const orderEight = 0x7a03ac9277fdc74ec6cc392cfa53202a0f67100d760b3cba4fd84d3d706a17c7n;

/** The y coordinates of the eight points of order 1, 2, 4 and 8 (x is 0 or given by the sign bit). */
const lowOrder: ReadonlySet<bigint> = new Set([0n, 1n, fieldPrime - 1n, orderEight, fieldPrime - orderEight]);

/**
 * Whether a 32-byte Ed25519 public key is of low order, or is not the canonical encoding of its point
 * (RFC 8032 section 5.1.3: y at or above the field prime). All 14 encodings of low-order points are caught.
 */
export function isWeakEd25519(publicKey: Uint8Array): boolean {
  const littleEndian = toBigInt(publicKey.toReversed());
  const y = littleEndian & (2n ** 255n - 1n);
  return y >= fieldPrime || lowOrder.has(y);
}

/** Primes below 752: trial division by them is the least that FIPS 186-5 asks of a modulus. */
const smallPrimes: readonly bigint[] = primesBelow(752);

/** Primes modulo which 65537 generates a small group, which is what gives keys of the ROCA generator away. */
const rocaPrimes = [11, 13, 17, 19, 37, 53, 61, 71, 73, 79, 97, 103, 107, 109, 127, 151, 157];
const rocaResidues: readonly (readonly [bigint, ReadonlySet<bigint>])[] = rocaPrimes.map((prime) => [
  BigInt(prime),
  powersOf65537(BigInt(prime)),
]);

/**
 * Whether an RSA modulus can be factored by anybody: divisible by a small prime, a perfect square, or made by the
 * flawed generator known as ROCA (CVE-2017-15361). Size and exponent are the caller's to check.
 */
export function isWeakRsaModulus(modulus: Uint8Array): boolean {
  const n = toBigInt(modulus);
  return (
    smallPrimes.some((prime) => n % prime === 0n) ||
    isSquare(n) ||
    rocaResidues.every(([prime, residues]) => residues.has(n % prime))
  );
}

function toBigInt(bytes: Uint8Array): bigint {
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
  return BigInt(`0x${hex}`);
}

/** Newton's integer square root, from above. */
function isSquare(n: bigint): boolean {
  let root = 1n << BigInt(Math.ceil(n.toString(16).length / 2) * 4);
  for (let next = (root + n / root) >> 1n; next < root; next = (root + n / root) >> 1n) root = next;
  return root * root === n;
}

function primesBelow(limit: number): bigint[] {
  const primes: number[] = [];
  for (let candidate = 2; candidate < limit; candidate++) {
    if (primes.every((prime) => candidate % prime !== 0)) primes.push(candidate);
  }
  return primes.map(BigInt);
}

function powersOf65537(prime: bigint): ReadonlySet<bigint> {
  const powers = new Set<bigint>();
  for (let power = 1n; !powers.has(power); power = (power * 65537n) % prime) powers.add(power);
  return powers;
}
