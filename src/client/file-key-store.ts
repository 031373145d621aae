import { DpopClientError } from './errors.ts';
import type { KeyStore } from './key-stores.ts';
import type { DpopKeyPair } from './keys.ts';
import { PrivateFolder } from './private-folder.ts';
import { keyParameters, requireKeyPair, toKeyPair } from './stored-key.ts';

/** Options of `createFileKeyStore`. */
export interface FileKeyStoreOptions {
  /** Path of the folder; made, with mode 0700, when the first key is kept. */
  readonly folder: string;
}

/**
 * A store of files, for command lines and agents: one of mode 0600 per name, which holds the private JWK as it is, not
 * encrypted. So a pair that is to be kept must be extractable; what is loaded is not. A name is made of letters, digits,
 * `.`, `_` and `-`, begins with a letter or digit, and has at most 128 characters; where file names know no
 * letter case, neither do these.
 *
 * A folder or file that other users can read or write, that belongs to another user, or that is a symbolic link is refused
 * (`insecure-file`, with the mode and the `chmod` that mends it), as is a file that holds no sound key (`key-corrupt`,
 * with its path): neither is ever overwritten, only `delete` removes it. Not checked: the folders above, access lists,
 * and on Windows modes and owners. Writes are atomic and on the disk when they resolve; of processes that create a key at
 * the same moment all get the same one, which takes a file system with hard links.
 *
 * @throws TypeError when `folder` is no path. DpopClientError `storage-unavailable` where the runtime has no files.
 */
export function createFileKeyStore(options: FileKeyStoreOptions): KeyStore {
  const { folder } = (options ?? {}) as Partial<FileKeyStoreOptions>;
  if (typeof folder !== 'string' || folder === '')
    throw new TypeError('holdfast: option "folder" must be the path of a folder');
  return new FileKeyStore(new PrivateFolder(folder));
}

class FileKeyStore implements KeyStore {
  readonly keeps = 'private-jwk';
  readonly #folder: PrivateFolder;

  constructor(folder: PrivateFolder) {
    this.#folder = folder;
  }

  async load(name: string): Promise<DpopKeyPair | undefined> {
    const file = toFileName(name);
    const text = await this.#folder.read(file);
    return text === undefined ? undefined : readKeyPair(text, this.#folder.pathOf(file));
  }

  async add(name: string, keyPair: DpopKeyPair): Promise<DpopKeyPair> {
    await this.#folder.create(toFileName(name), await toText(keyPair));
    return (await this.load(name)) ?? this.add(name, keyPair); // again if it was deleted meanwhile
  }

  async save(name: string, keyPair: DpopKeyPair): Promise<DpopKeyPair> {
    const file = toFileName(name);
    const text = await toText(keyPair);
    await this.#replace(file, text);
    return readKeyPair(text, name);
  }

  async copy(name: string, other: string): Promise<void> {
    const target = toFileName(other);
    const source = toFileName(name);
    const text = await this.#folder.read(source);
    if (text === undefined) return;
    await readKeyPair(text, this.#folder.pathOf(source));
    await this.#replace(target, text);
  }

  async delete(name: string): Promise<void> {
    await this.#folder.remove(toFileName(name));
  }

  /** What is there is looked at first: a file that is not sound is not overwritten. */
  async #replace(file: string, text: string): Promise<void> {
    const former = await this.#folder.read(file);
    if (former !== undefined) await readKeyPair(former, this.#folder.pathOf(file));
    await this.#folder.replace(file, text);
  }
}

const nameForm = /^[a-z0-9][\w.-]{0,127}$/i;

function toFileName(name: string): string {
  if (typeof name === 'string' && nameForm.test(name)) return `${name}.json`;
  throw new TypeError('holdfast: the name of a key must be letters, digits, ".", "_" and "-", 128 at most');
}

const version = 1;

/** What a file holds. */
interface KeptKey {
  readonly version: number;
  readonly algorithm: DpopKeyPair['algorithm'];
  readonly jkt: string;
  readonly privateJwk: Readonly<Record<string, unknown>>;
}

async function toText(keyPair: DpopKeyPair): Promise<string> {
  const { algorithm, privateKey, publicJwk, jkt } = await requireKeyPair(keyPair);
  if (!privateKey.extractable)
    throw new DpopClientError('invalid-key', 'only an extractable key pair can be kept in a file');
  const { d } = await crypto.subtle.exportKey('jwk', privateKey);
  return `${JSON.stringify({ version, algorithm, jkt, privateJwk: { ...publicJwk, d } }, null, 2)}\n`;
}

/** Its errors have no cause: what parsers say may quote the private key. */
async function readKeyPair(text: string, path: string): Promise<DpopKeyPair> {
  const kept = parse(text);
  if (typeof kept?.version === 'number' && kept.version > version)
    throw new DpopClientError('storage-newer', `${path} was written by a newer version of holdfast`);
  const keyPair = kept?.version === version ? await importKeyPair(kept) : undefined;
  if (keyPair !== undefined) return keyPair;
  throw new DpopClientError('key-corrupt', `${path} holds no sound key: delete it and sign in again`);
}

function parse(text: string): Partial<KeptKey> | undefined {
  try {
    return JSON.parse(text) ?? undefined;
  } catch {
    return undefined;
  }
}

async function importKeyPair(kept: Partial<KeptKey>): Promise<DpopKeyPair | undefined> {
  const { algorithm, jkt, privateJwk } = kept;
  const privateKey = await importKey(privateJwk, algorithm);
  return toKeyPair({ algorithm, jkt, publicJwk: privateJwk, privateKey });
}

async function importKey(jwk: unknown, algorithm: unknown): Promise<CryptoKey | undefined> {
  try {
    const parameters = keyParameters[algorithm as DpopKeyPair['algorithm']];
    return await crypto.subtle.importKey('jwk', jwk as JsonWebKey, parameters, false, ['sign']);
  } catch {
    return undefined;
  }
}
