import { decodeBase64url, utf8 } from './digest.ts';
import type { SignatureAlgorithm } from './jwk.ts';
import { type NodeCrypto, nodeCrypto } from './node-crypto.ts';
import type { PublicJwk } from './thumbprint.ts';

/** Signature checks by the platform's crypto: a key is imported once and then verifies as often as needed. */

/** An imported public key. */
export interface VerifyingKey {
  /** @param signed the signing input of the JWS; @param signature its last segment, both as they stand in the text. */
  verifies(signed: string, signature: string): boolean | Promise<boolean>;
}

/** Imports a canonical public key; throws for a point off the curve and whatever else the platform refuses. */
export type ImportKey = (
  jwk: PublicJwk,
  algorithm: SignatureAlgorithm,
) => VerifyingKey | Promise<VerifyingKey>;

/** With Node's crypto, without leaving the thread. */
export function nodeImporter(node: NodeCrypto): ImportKey {
  const { RSA_PKCS1_PSS_PADDING: padding } = node.constants;
  const parameters = {
    ES256: { digest: 'sha256', options: { dsaEncoding: 'ieee-p1363' } },
    Ed25519: { digest: null, options: {} },
    EdDSA: { digest: null, options: {} },
    PS256: { digest: 'sha256', options: { padding, saltLength: 32 } },
    RS256: { digest: 'sha256', options: {} },
  } as const satisfies Record<SignatureAlgorithm, object>;
  return (jwk, algorithm) => {
    const { digest, options } = parameters[algorithm];
    const key = { key: node.createPublicKey({ key: jwk, format: 'jwk' }), ...options };
    return {
      verifies: (signed, signature) => node.verify(digest, utf8(signed), key, decodeBase64url(signature)),
    };
  };
}

/** With WebCrypto, everywhere else. */
export const webImporter: ImportKey = async (jwk, algorithm) => {
  const parameters = webParameters[algorithm];
  const key = await crypto.subtle.importKey('jwk', jwk, parameters, false, ['verify']);
  return {
    verifies: (signed, signature) =>
      crypto.subtle.verify(parameters, key, decodeBase64url(signature), utf8(signed)),
  };
};

const webParameters = {
  ES256: { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' },
  Ed25519: { name: 'Ed25519' },
  EdDSA: { name: 'Ed25519' },
  PS256: { name: 'RSA-PSS', hash: 'SHA-256', saltLength: 32 },
  RS256: { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' },
} as const satisfies Record<SignatureAlgorithm, object>;

export const importKey: ImportKey = nodeCrypto === undefined ? webImporter : nodeImporter(nodeCrypto);
