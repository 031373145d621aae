import type { ClientAlgorithm, DpopKeyPair } from '../client/keys.ts';
import type { Seconds } from '../freshness.ts';
import { jwkThumbprint, toPublicJwk } from '../thumbprint.ts';
import { createSigningKey, createTokenIssuer, type TokenIssuer, type TokenRequest } from '../token-issuer.ts';

/**
 * Fixed keys for tests, so that thumbprints, tokens and snapshots are the same in every run. Their private halves are
 * published with this package: whoever trusts one of them outside of tests trusts everybody.
 */

/** TEST KEYS, KNOWN TO EVERYBODY. Private JWKs: a client's keys by algorithm, and an issuer's signing key. */
export const publiclyKnownTestKeys: {
  readonly client: Readonly<Record<ClientAlgorithm, Readonly<JsonWebKey>>>;
  readonly issuer: Readonly<JsonWebKey & { readonly kid: string }>;
} = Object.freeze({
  client: Object.freeze({
    ES256: Object.freeze({
      kty: 'EC',
      crv: 'P-256',
      x: 'nOxvKSYtyTiSI7WNdZzagLtri5-ZPkF_1vTRoCDITVs',
      y: 'a5S40IQlmbkE6Eu4gvL3tGTAY13YBBfbeYqkoP8vNFU',
      d: 'cT5l1hpj4Su_dGzLB5bFGhCjtwKZwmjPU2zO0CIzPSE',
    }),
    Ed25519: Object.freeze({
      kty: 'OKP',
      crv: 'Ed25519',
      x: 'oLlVriDIglxI76tNxYmsf6zky2UzNdbVYdVBeq4aIok',
      d: 'Mc4XGTQLVQSdoJQfnpPkRKr2J5ZXiBI58-V39_Mfdo4',
    }),
  }),
  issuer: Object.freeze({
    kty: 'EC',
    crv: 'P-256',
    x: 'BbOHsdMXCf8mK8qoFxpbDnshCbDBUArzaKdrAzv1kYI',
    y: '0godTlu20FCz6BXhQ_fW8vnxYCj_tVKk1ZMn7BxhRTU',
    d: 'fMxltgJ1Xos4_GOYUDSQNIqOFQrXqm_RfEtytE7AN-8',
    kid: 'publicly-known-test-key',
  }),
});

const webCryptoNames = {
  ES256: { name: 'ECDSA', namedCurve: 'P-256' },
  Ed25519: { name: 'Ed25519' },
} as const satisfies Record<ClientAlgorithm, object>;

/**
 * The client's fixed key pair of `publiclyKnownTestKeys`, ready for `createProof` and `createDpopFetch`; default ES256.
 *
 * Each call gives an equal pair. For a second client take the other algorithm, or `generateKeyPair`.
 */
export async function importTestKeyPair(algorithm: ClientAlgorithm = 'ES256'): Promise<DpopKeyPair> {
  const jwk = publiclyKnownTestKeys.client[algorithm];
  const privateKey = await crypto.subtle.importKey('jwk', jwk, webCryptoNames[algorithm], false, ['sign']);
  const publicJwk = toPublicJwk({ ...jwk });
  return Object.freeze({ algorithm, privateKey, publicJwk, jkt: await jwkThumbprint(publicJwk) });
}

/** Options of `createTestIssuer`. */
export interface TestIssuerOptions {
  /** What `aud` says unless a token is asked for with another: the resource server's `audience`. */
  readonly audience: string;
  /** `iss`; default `https://issuer.test`. */
  readonly issuer?: string;
  /** Seconds since the epoch; default: the system's clock. */
  readonly clock?: () => Seconds;
}

/** An issuer that always signs with the fixed key. */
export interface TestIssuer {
  /** `iss` of its tokens: the resource server's `issuer`. */
  readonly issuer: string;
  /** Its key set: pass it as the resource server's `jwks`. */
  readonly jwks: TokenIssuer['jwks'];
  /**
   * Signs an access token, valid for 300 seconds unless it says less. Everything has a default: `subject` "test-subject",
   * `clientId` "test-client", the audience of the issuer, no scope, and the fixed ES256 client key as `jkt`.
   */
  accessToken(changes?: Partial<TokenRequest>): Promise<string>;
}

/**
 * Makes an issuer of bound access tokens for tests.
 *
 * Checks neither a client nor a grant: it issues whatever it is asked for.
 *
 * @throws TypeError when an option makes no sense.
 */
export async function createTestIssuer(options: TestIssuerOptions): Promise<TestIssuer> {
  const { audience, issuer = 'https://issuer.test', ...clock } = options;
  const signingKey = await createSigningKey(publiclyKnownTestKeys.issuer as JsonWebKey & { kty: string });
  const tokens = createTokenIssuer({ issuer, signingKey, ...clock });
  const { jkt } = await importTestKeyPair();
  const defaults = { subject: 'test-subject', clientId: 'test-client', audience, jkt };
  return Object.freeze({
    issuer,
    jwks: () => tokens.jwks(),
    accessToken: async (changes: Partial<TokenRequest> = {}) =>
      (await tokens.issue({ ...defaults, ...changes })).accessToken,
  });
}
