import { utf8 } from '../digest.ts';
import { jwkThumbprint, toPublicJwk } from '../thumbprint.ts';
import { DpopClientError, requireWebCrypto } from './errors.ts';
import type { ClientAlgorithm, DpopKeyPair } from './keys.ts';

/** What stores hold is not believed: whether it is a key pair shows when it signs. */

interface KeyParameters extends Algorithm {
  readonly namedCurve?: 'P-256';
  readonly hash?: 'SHA-256';
}

/** How WebCrypto names the algorithms, for importing, signing and verifying alike. */
export const keyParameters: Readonly<Record<ClientAlgorithm, KeyParameters>> = {
  ES256: { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' },
  Ed25519: { name: 'Ed25519' },
};

const probe = utf8('holdfast');

/**
 * The key pair that something is, or `undefined`: it has a private key of the algorithm that it names, what that signs
 * verifies with the public JWK, and `jkt` is that JWK's thumbprint.
 *
 * @throws DpopClientError `webcrypto-unavailable`: then nothing can be said of a key.
 */
export async function toKeyPair(entry: unknown): Promise<DpopKeyPair | undefined> {
  requireWebCrypto();
  try {
    return await verifyPair(entry as DpopKeyPair);
  } catch {
    return undefined; // members that are missing, or of another type
  }
}

/** @throws DpopClientError `invalid-key` when something that is to be kept is no key pair. */
export async function requireKeyPair(entry: unknown): Promise<DpopKeyPair> {
  const keyPair = await toKeyPair(entry);
  if (keyPair !== undefined) return keyPair;
  throw new DpopClientError('invalid-key', 'only a key pair that generateKeyPair made can be kept');
}

async function verifyPair(entry: DpopKeyPair): Promise<DpopKeyPair | undefined> {
  const { algorithm, privateKey, jkt } = entry;
  const { subtle } = crypto;
  const parameters = keyParameters[algorithm];
  const publicJwk = toPublicJwk({ ...entry.publicJwk });
  const publicKey = await subtle.importKey('jwk', publicJwk, parameters, true, ['verify']);
  const signature = await subtle.sign(parameters, privateKey, probe);
  if (!(await subtle.verify(parameters, publicKey, signature, probe))) return undefined;
  // As WebCrypto spells it: of a key with several spellings servers accept one.
  const canonicalJwk = toPublicJwk({ ...(await subtle.exportKey('jwk', publicKey)) });
  if ((await jwkThumbprint(canonicalJwk)) !== jkt) return undefined;
  return Object.freeze({ algorithm, privateKey, publicJwk: canonicalJwk, jkt });
}
