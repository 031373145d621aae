import { createHash, X509Certificate } from 'node:crypto';
import { generate } from 'selfsigned';

/** Certificates that live as long as the process: for the servers' TLS, and for clients that are known by theirs. */
export interface Certificate {
  /** PEM, both. */
  readonly cert: string;
  readonly key: string;
  /** `x5t#S256` of RFC 8705. */
  readonly thumbprint: string;
}

/** Self-signed: whoever trusts it has it. */
export async function createCertificate(name: string, hosts: readonly string[]): Promise<Certificate> {
  const { cert, private: key } = await generate([{ name: 'commonName', value: name }], {
    keyType: 'ec',
    curve: 'P-256',
    extensions: [{ name: 'subjectAltName', altNames: hosts.map((value) => ({ type: 2, value })) }],
  });
  return { cert, key, thumbprint: certificateThumbprint(new X509Certificate(cert).raw) };
}

/** Of a certificate as it came over the wire (DER). */
export function certificateThumbprint(der: Uint8Array): string {
  return createHash('sha256').update(der).digest('base64url');
}
