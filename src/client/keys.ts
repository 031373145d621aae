import { jwkThumbprint, type PublicJwk, toPublicJwk } from '../thumbprint.ts';
import { DpopClientError, requireWebCrypto } from './errors.ts';

/** Algorithms that a client key can be made for. */
export type ClientAlgorithm = 'ES256' | 'Ed25519';

/** A client's key. Its members survive structured cloning, so it can be kept in IndexedDB as it is. */
export interface DpopKeyPair {
  readonly algorithm: ClientAlgorithm;
  readonly privateKey: CryptoKey;
  readonly publicJwk: PublicJwk;
  /** RFC 7638 thumbprint of the public key: what tokens are bound to, and the value of `dpop_jkt`. */
  readonly jkt: string;
}

/**
 * A key that signs elsewhere: hardware, a key management service, another process. Takes the place of a `DpopKeyPair`
 * wherever one signs.
 */
export interface DpopSigner {
  readonly algorithm: ClientAlgorithm;
  readonly publicJwk: PublicJwk;
  /** RFC 7638 thumbprint of `publicJwk`: `jwkThumbprint(publicJwk)` of `holdfast` computes it. */
  readonly jkt: string;
  /**
   * Signs these bytes: 64 bytes back, for ES256 as R and S (RFC 7518 section 3.4), which many services give in DER and so
   * must be converted.
   */
  sign(bytes: Uint8Array): Promise<Uint8Array>;
}

/** Whatever signs proofs. */
export type DpopKey = DpopKeyPair | DpopSigner;

/** Options of `generateKeyPair`. */
export interface GenerateKeyPairOptions {
  /** Default `ES256`, which every server knows. */
  readonly algorithm?: ClientAlgorithm;
  /** Whether the private key may ever leave WebCrypto; default false: a script that is injected cannot take it away. */
  readonly extractable?: boolean;
}

/** How WebCrypto names the algorithms. */
const webCryptoNames = {
  ES256: { name: 'ECDSA', namedCurve: 'P-256' },
  Ed25519: { name: 'Ed25519' },
} as const satisfies Record<ClientAlgorithm, object>;

/**
 * Generates a client's key pair, not extractable by default (RFC 9449 section 11.4).
 *
 * @throws DpopClientError `webcrypto-unavailable`; `unsupported-algorithm`, also when this runtime lacks the algorithm.
 */
export async function generateKeyPair(options: GenerateKeyPairOptions = {}): Promise<DpopKeyPair> {
  requireWebCrypto();
  const { algorithm = 'ES256', extractable = false } = options; // [R9449-11.4-01]
  if (!Object.hasOwn(webCryptoNames, algorithm)) {
    throw new DpopClientError('unsupported-algorithm', 'the algorithm must be ES256 or Ed25519');
  }
  const { privateKey, publicKey } = await generate(algorithm, extractable);
  const publicJwk = toPublicJwk({ ...(await crypto.subtle.exportKey('jwk', publicKey)) });
  return Object.freeze({ algorithm, privateKey, publicJwk, jkt: await jwkThumbprint(publicJwk) });
}

async function generate(algorithm: ClientAlgorithm, extractable: boolean): Promise<CryptoKeyPair> {
  try {
    const usages = ['sign', 'verify'] as const;
    return (await crypto.subtle.generateKey(webCryptoNames[algorithm], extractable, usages)) as CryptoKeyPair;
  } catch (cause) {
    throw new DpopClientError('unsupported-algorithm', `this runtime cannot make ${algorithm} keys`, cause);
  }
}
