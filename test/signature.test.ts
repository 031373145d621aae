import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { encodeBase64url } from '../src/digest.ts';
import { isCanonicalKey, isStrongKey, type SignatureAlgorithm } from '../src/jwk.ts';
import { type NodeCrypto, nodeCrypto } from '../src/node-crypto.ts';
import { importKey, nodeImporter, type VerifyingKey, webImporter } from '../src/signature.ts';
import type { PublicJwk } from '../src/thumbprint.ts';
import { generateKeyPair, signer } from './_setup.ts';
import { readVectors, type Wycheproof } from './vectors/read.ts';

const test = suite('signature');

/** The same tests for both: what the one refuses the other must refuse. */
const importers = { node: nodeImporter(nodeCrypto as NodeCrypto), web: webImporter } as const;

interface SignatureGroup<Key> {
  readonly publicKey: Key;
  readonly tests: readonly {
    readonly tcId: number;
    readonly comment: string;
    readonly msg: string;
    readonly sig: string;
    readonly result: 'valid' | 'invalid' | 'acceptable';
  }[];
}

interface EcKey {
  readonly wx: string;
  readonly wy: string;
}
interface EdKey {
  readonly pk: string;
}
interface RsaKey {
  readonly modulus: string;
  readonly publicExponent: string;
}

const base64url = (hex: string): string => Buffer.from(hex, 'hex').toString('base64url');
const minimal = (hex: string): string => base64url(hex.replace(/^(?:00)+/, ''));
const coordinate = (hex: string): string => base64url(hex.slice(-64).padStart(64, '0'));

const toEc = ({ wx, wy }: EcKey): PublicJwk => ({
  crv: 'P-256',
  kty: 'EC',
  x: coordinate(wx),
  y: coordinate(wy),
});
const toEd = ({ pk }: EdKey): PublicJwk => ({ crv: 'Ed25519', kty: 'OKP', x: base64url(pk) });
const toRsa = (key: RsaKey): PublicJwk => ({
  e: minimal(key.publicExponent),
  kty: 'RSA',
  n: minimal(key.modulus),
});

/**
 * What is signed in JOSE is ASCII, so keys verify texts. Messages that are bytes reach the same code by an encoder that
 * takes each character for one byte; it is in place only until the call returns.
 */
function verifyBytes(key: VerifyingKey, message: Buffer, signature: string): boolean | Promise<boolean> {
  const { encode } = TextEncoder.prototype;
  TextEncoder.prototype.encode = (text = '') => new Uint8Array(Buffer.from(text, 'latin1'));
  try {
    return key.verifies(message.toString('latin1'), signature);
  } finally {
    TextEncoder.prototype.encode = encode;
  }
}

/**
 * The policy: `valid` verifies, `invalid` does not. `acceptable` (an RSA signature whose DigestInfo lacks the NULL that
 * RFC 8017 demands, one case) does not either. A key or signature that makes the platform throw is refused, too.
 */
function runWycheproof<Key>(
  file: Wycheproof<SignatureGroup<Key>>,
  algorithm: SignatureAlgorithm,
  toJwk: (key: Key) => PublicJwk,
): void {
  for (const [name, importer] of Object.entries(importers)) {
    test(`[B14] [B15] [B16] [D18] [R9449-4.3-06] Wycheproof: ${algorithm} by ${name}`, async () => {
      let executed = 0;
      for (const { publicKey, tests } of file.testGroups) {
        const key = await importer(toJwk(publicKey), algorithm);
        for (const { tcId, comment, msg, sig, result } of tests) {
          const verified = await verifyBytes(key, Buffer.from(msg, 'hex'), base64url(sig));
          assert.is(verified, result === 'valid', `${tcId} ${comment}`);
          executed++;
        }
      }
      assert.is(executed, file.numberOfTests);
    });
  }
}

const ecdsa = await readVectors<Wycheproof<SignatureGroup<EcKey>>>(
  'wycheproof/ecdsa_secp256r1_sha256_p1363_test.json',
);
const eddsa = await readVectors<Wycheproof<SignatureGroup<EdKey>>>('wycheproof/ed25519_test.json');
const rsa = await readVectors<Wycheproof<SignatureGroup<RsaKey>>>(
  'wycheproof/rsa_signature_2048_sha256_test.json',
);
const pss = await readVectors<Wycheproof<SignatureGroup<RsaKey>>>(
  'wycheproof/rsa_pss_2048_sha256_mgf1_32_test.json',
);

runWycheproof(ecdsa, 'ES256', toEc);
runWycheproof(eddsa, 'Ed25519', toEd);
runWycheproof(eddsa, 'EdDSA', toEd);
runWycheproof(rsa, 'RS256', toRsa);
runWycheproof(pss, 'PS256', toRsa);

test('[D22] Wycheproof: every key is canonical and strong, but for the two with e = 3', () => {
  const keys = [
    ...ecdsa.testGroups.map(({ publicKey }) => toEc(publicKey)),
    ...eddsa.testGroups.map(({ publicKey }) => toEd(publicKey)),
    ...[...rsa.testGroups, ...pss.testGroups].map(({ publicKey }) => toRsa(publicKey)),
  ].map((jwk) => ({ ...jwk }));
  assert.ok(keys.every((jwk) => isCanonicalKey(jwk)));
  const weak = keys.filter((jwk) => !isStrongKey(jwk)) as { e?: string }[];
  assert.equal(
    weak.map(({ e }) => e),
    ['Aw', 'Aw'],
  );
});

/** P-256: the field, and a point on the curve that has a neighbour outside of the field in each coordinate. */
const prime = 2n ** 256n - 2n ** 224n + 2n ** 192n + 2n ** 96n - 1n;
const generator = {
  x: 0x6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296n,
  y: 0x4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5n,
};
const zeroX = { x: 0n, y: 0x66485c780e2f83d72433bd5d84a06bb6541c2af31dae871728bf856a174f93f4n };
const oneY = { x: 0x8d0177ebab9c6e9e10db6dd095dbac0d6375e8a97b70f611875d877f0069d2c7n, y: 1n };

function toPoint({ x, y }: { readonly x: bigint; readonly y: bigint }): PublicJwk {
  const member = (value: bigint): string => base64url(value.toString(16).padStart(64, '0'));
  return { crv: 'P-256', kty: 'EC', x: member(x), y: member(y) };
}

/** Whether an importer throws; the way in which it does is its own. */
async function refuses(attempt: () => unknown): Promise<boolean> {
  try {
    await attempt();
    return false;
  } catch {
    return true;
  }
}

const off = {
  'one bit off the curve': { x: generator.x, y: generator.y ^ 1n },
  'on the twist': { x: generator.x + 1n, y: generator.y },
  '(0, 0)': { x: 0n, y: 0n },
  'x = p': { x: prime, y: zeroX.y },
  'x > p': { x: prime + 5n, y: generator.y },
  'x as large as can be': { x: 2n ** 256n - 1n, y: generator.y },
  'y = p': { x: generator.x, y: prime },
  'y > p': { x: oneY.x, y: prime + 1n },
  'y negated modulo 2^256': { x: generator.x, y: 2n ** 256n - generator.y },
};

for (const [name, importer] of Object.entries(importers)) {
  test(`[D08] [R8725-3.4-01] ${name} imports points on the curve, whatever their coordinates`, async () => {
    for (const point of [generator, zeroX, oneY, { x: generator.x, y: prime - generator.y }]) {
      assert.type((await importer(toPoint(point), 'ES256')).verifies, 'function');
    }
  });

  test(`[D08] [R8725-3.4-01] ${name} imports no point off the curve, nor a coordinate outside of the field`, async () => {
    for (const [what, point] of Object.entries(off)) {
      assert.ok(await refuses(() => importer(toPoint(point), 'ES256')), what);
    }
  });

  test(`[C11] [C12] [R7518-3.4-01] ${name} refuses to import or to verify with a key for another algorithm`, async () => {
    const { publicJwk } = await generateKeyPair();
    const { publicJwk: edwards } = await generateKeyPair({ algorithm: 'Ed25519' });
    const unfit = async (jwk: PublicJwk, algorithm: SignatureAlgorithm): Promise<boolean> =>
      refuses(async () => {
        const key = await importer(jwk, algorithm);
        if (!(await key.verifies('a', 'A'.repeat(86)))) throw new Error('not verified');
      });
    for (const algorithm of ['Ed25519', 'EdDSA', 'PS256', 'RS256'] as const)
      assert.ok(await unfit(publicJwk, algorithm));
    for (const algorithm of ['ES256', 'PS256', 'RS256'] as const) assert.ok(await unfit(edwards, algorithm));
  });

  for (const algorithm of ['ES256', 'Ed25519'] as const) {
    test(`[B17] [R9449-4.3-06] ${name} detects each flipped bit of an ${algorithm} signature and of its text`, async () => {
      const keyPair = await generateKeyPair({ algorithm });
      const key = await importer(keyPair.publicJwk, algorithm);
      const text = 'header.payload';
      const signature = await signer(keyPair)(text);
      assert.is(await key.verifies(text, signature), true, 'the control');
      const bytes = Buffer.from(signature, 'base64url');
      for (let bit = 0; bit < bytes.length * 8; bit++) {
        const flipped = Buffer.from(bytes);
        flipped.writeUInt8(flipped.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
        assert.is(await key.verifies(text, encodeBase64url(flipped)), false, `bit ${bit}`);
      }
      for (let index = 0; index < text.length; index++) {
        const changed =
          text.slice(0, index) + String.fromCharCode(text.charCodeAt(index) ^ 1) + text.slice(index + 1);
        assert.is(await key.verifies(changed, signature), false, changed);
      }
    });

    test(`[B14] [B15] ${name} takes ${algorithm} signatures of 64 bytes only`, async () => {
      const keyPair = await generateKeyPair({ algorithm });
      const key = await importer(keyPair.publicJwk, algorithm);
      const signature = Buffer.from(await signer(keyPair)('a'), 'base64url');
      const zero = Buffer.alloc(1);
      const lengthened = [
        Buffer.concat([zero, signature]),
        Buffer.concat([signature, zero]),
        Buffer.alloc(128),
      ];
      const padded = Buffer.concat([zero, signature.subarray(0, 32), zero, signature.subarray(32)]);
      for (const other of [
        ...lengthened,
        padded,
        signature.subarray(0, 63),
        signature.subarray(1),
        Buffer.alloc(0),
      ]) {
        assert.is(await key.verifies('a', encodeBase64url(other)), false, `${other.length} bytes`);
      }
      assert.is(await key.verifies('a', encodeBase64url(signature)), true, 'the control');
    });
  }
}

test('[B12] a signature (r, n - s) verifies as well: nothing may be remembered by its text', async () => {
  const order = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;
  const keyPair = await generateKeyPair();
  const signature = Buffer.from(await signer(keyPair)('a'), 'base64url').toString('hex');
  const s = order - BigInt(`0x${signature.slice(64)}`);
  const other = base64url(signature.slice(0, 64) + s.toString(16).padStart(64, '0'));
  assert.is.not(other, base64url(signature));
  for (const importer of Object.values(importers)) {
    assert.is(await (await importer(keyPair.publicJwk, 'ES256')).verifies('a', other), true);
  }
});

test('one key verifies as often as needed, in this runtime at once', async () => {
  const keyPair = await generateKeyPair();
  const key = await importKey(keyPair.publicJwk, 'ES256');
  for (const text of ['a', 'b', 'a']) assert.is(key.verifies(text, await signer(keyPair)(text)), true);
  assert.is(key.verifies('b', await signer(keyPair)('a')), false);
});

test.run();
