import { open } from 'node:fs/promises';
import { createProof, type DpopKeyPair } from '../client/index.ts';
import { jwkThumbprint, verifyProof } from '../index.ts';
import { toPublicJwk } from '../thumbprint.ts';
import { codeOf, Failure } from './failure.ts';
import { readSource, type Shell } from './shell.ts';

/** A private key as a JWK (RFC 7517) in a file that nobody else can read. */

/** A private JWK of one of the two kinds that clients sign with. */
interface PrivateJwk {
  readonly kty: string;
  readonly crv: string;
  readonly x: string;
  readonly y?: string;
  readonly d: string;
}

/** Writes a new file of mode 0600; one that is there stays as it is. */
export async function writeKey(path: string, privateKey: CryptoKey): Promise<void> {
  const { kty, crv, x, y, d } = await crypto.subtle.exportKey('jwk', privateKey);
  const text = `${JSON.stringify({ kty, crv, x, y, d })}\n`;
  try {
    const file = await open(path, 'wx', 0o600);
    await file.writeFile(text).finally(() => file.close());
  } catch (error) {
    if (codeOf(error) === 'EEXIST')
      throw new Failure('file', `${path} is there already and is not overwritten`, error);
    throw new Failure('file', `${path} cannot be written (${codeOf(error)})`, error);
  }
}

/**
 * Reads a key file, or stdin for `-`, and tries the key: what it signs must be accepted.
 *
 * @param platform where the mode of a file means nothing (Windows), it is not looked at.
 * @throws Failure `file` when it cannot be read, others could read it too, or it holds no such key.
 */
export async function readKey(
  path: string,
  shell: Shell,
  platform: NodeJS.Platform = process.platform,
): Promise<DpopKeyPair> {
  const text =
    path === '-'
      ? new TextDecoder().decode(await readSource(path, shell))
      : await readGuarded(path, platform);
  const name = path === '-' ? 'stdin' : path;
  try {
    return await importKey(parse(text, name));
  } catch (error) {
    if (error instanceof Failure) throw error;
    throw new Failure('file', `the members of the key in ${name} do not fit together`, error);
  }
}

async function readGuarded(path: string, platform: NodeJS.Platform): Promise<string> {
  const cannot = (error: unknown): never => {
    throw new Failure('file', `the key file ${path} cannot be read (${codeOf(error)})`, error);
  };
  const file = await open(path, 'r').catch(cannot);
  try {
    const { mode } = await file.stat(); // of the file that is open, whatever the path leads to by now
    if ((mode & 0o077) !== 0 && platform !== 'win32')
      throw new Failure('file', `others can read the key in ${path}: run chmod 600 ${shellWord(path)}`);
    return await file.readFile('utf8').catch(cannot);
  } finally {
    await file.close();
  }
}

function shellWord(path: string): string {
  return /^[\w./-]+$/.test(path) ? path : `'${path.replaceAll("'", String.raw`'\''`)}'`;
}

function parse(text: string, name: string): PrivateJwk {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // Without the parser's message, which quotes the text.
    throw new Failure('file', `${name} is not JSON, but a private JWK is needed`);
  }
  const { kty, crv, x, y, d } = (value ?? {}) as Readonly<Record<string, unknown>>;
  const kind = `${kty} ${crv}`;
  if (kind !== 'EC P-256' && kind !== 'OKP Ed25519')
    throw new Failure('file', `the key in ${name} is no JWK for ES256 (EC, P-256) or Ed25519 (OKP)`);
  if (d === undefined) throw new Failure('file', `${name} holds a public key, but the private one is needed`);
  return (kty === 'EC' ? { kty, crv, x, y, d } : { kty, crv, x, d }) as PrivateJwk;
}

async function importKey(jwk: PrivateJwk): Promise<DpopKeyPair> {
  const algorithm = jwk.kty === 'EC' ? 'ES256' : 'Ed25519';
  const parameters = algorithm === 'ES256' ? { name: 'ECDSA', namedCurve: 'P-256' } : { name: 'Ed25519' };
  const privateKey = await crypto.subtle.importKey('jwk', { ...jwk }, parameters, false, ['sign']);
  const publicJwk = toPublicJwk({ ...jwk });
  const keyPair = { algorithm, privateKey, publicJwk, jkt: await jwkThumbprint(publicJwk) } as const;
  const uri = 'https://holdfast.invalid/';
  const proof = await createProof(keyPair, { method: 'GET', url: uri });
  await verifyProof({ method: 'GET', uri, proof });
  return keyPair;
}
