import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, link, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { inspect } from 'node:util';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type DpopKeyPair, generateKeyPair } from '../../src/client/index.ts';
import { type KeyStore, loadOrCreateKeyPair } from '../../src/client/key-stores.ts';
import { createFileKeyStore } from '../../src/client/node.ts';
import { codeOf, errorOf, isTypeError, keyStoreCases, makePair } from './_key-stores.ts';

const test = suite('file key store');

/** Node's own module, of which each function can be replaced for a while. */
const files = process.getBuiltinModule('node:fs/promises') as unknown as Record<string, unknown>;

const folders: string[] = [];

test.after(async () => {
  for (const folder of folders) await rm(folder, { recursive: true, force: true });
});

async function makeFolder(): Promise<string> {
  const parent = await mkdtemp(join(tmpdir(), 'holdfast-keys-'));
  folders.push(parent);
  return join(parent, 'config', 'keys');
}

/** A store with a key in it, to change one thing of. */
async function makeStore(): Promise<{ folder: string; file: string; store: KeyStore; keyPair: DpopKeyPair }> {
  const folder = await makeFolder();
  const store = createFileKeyStore({ folder });
  const { keyPair } = await loadOrCreateKeyPair(store, 'main');
  return { folder, file: join(folder, 'main.json'), store, keyPair };
}

async function modeOf(path: string): Promise<string> {
  return ((await stat(path)).mode & 0o777).toString(8);
}

/** Puts something in the place of members of an object until `run` is over. */
async function having<T>(
  target: object,
  members: Readonly<Record<string, unknown>>,
  run: () => Promise<T>,
): Promise<T> {
  const own = Object.keys(members).map(
    (name) => [name, Object.getOwnPropertyDescriptor(target, name)] as const,
  );
  for (const [name, value] of Object.entries(members))
    Object.defineProperty(target, name, { value, configurable: true, writable: true });
  try {
    return await run();
  } finally {
    for (const [name, descriptor] of own) {
      Reflect.deleteProperty(target, name);
      if (descriptor !== undefined) Object.defineProperty(target, name, descriptor);
    }
  }
}

function systemError(code: string): Error {
  return Object.assign(new Error(code), { code });
}

keyStoreCases(test, async () => {
  const folder = await makeFolder();
  return () => createFileKeyStore({ folder });
});

test('makes the folder with mode 700 and the file with mode 600, and leaves nothing besides', async () => {
  const { folder, file, store, keyPair } = await makeStore();
  assert.is(store.keeps, 'private-jwk');
  assert.is(await modeOf(folder), '700');
  assert.is(await modeOf(join(folder, '..')), '700');
  assert.is(await modeOf(file), '600');
  assert.equal(await readdir(folder), ['main.json']);
  const kept = JSON.parse(await readFile(file, 'utf8')) as Record<string, Record<string, unknown>>;
  assert.equal(Object.keys(kept), ['version', 'algorithm', 'jkt', 'privateJwk']);
  assert.equal(Object.keys(kept['privateJwk'] ?? {}), ['crv', 'kty', 'x', 'y', 'd']);
  assert.is(kept['jkt'], keyPair.jkt);
});

test('modes do not depend on the umask', async () => {
  const before = process.umask(0);
  try {
    const { folder, file } = await makeStore();
    assert.is(await modeOf(folder), '700');
    assert.is(await modeOf(file), '600');
  } finally {
    process.umask(before);
  }
});

test('loading makes no folder', async () => {
  const folder = await makeFolder();
  const store = createFileKeyStore({ folder });
  assert.is(await store.load('main'), undefined);
  await store.delete('main');
  assert.equal(await readdir(join(folder, '..', '..')), []);
});

test('[M10] a pair that is not extractable cannot be kept, and none was kept', async () => {
  const { folder, store } = await makeStore();
  const error = await errorOf(store.add('other', await generateKeyPair()));
  assert.is(error.code, 'invalid-key');
  assert.match(error.message, 'extractable');
  assert.equal(await readdir(folder), ['main.json']);
});

for (const mode of [0o640, 0o604, 0o620, 0o602, 0o644, 0o660, 0o610]) {
  test(`[M10] refuses a file of mode 0${mode.toString(8)}, and says what mends it`, async () => {
    const { file, store, keyPair } = await makeStore();
    await chmod(file, mode);
    const error = await errorOf(store.load('main'));
    assert.is(error.code, 'insecure-file');
    assert.match(error.message, `has mode 0${mode.toString(8)}`);
    assert.match(error.message, `chmod 600 '${file}'`);
    const pair = await makePair();
    const before = await readFile(file, 'utf8');
    assert.is(await codeOf(store.save('main', pair)), 'insecure-file');
    assert.is(await codeOf(store.add('main', pair)), 'insecure-file');
    assert.is(await codeOf(store.copy('main', 'other')), 'insecure-file');
    assert.is(await codeOf(loadOrCreateKeyPair(store, 'main')), 'insecure-file');
    assert.is(await readFile(file, 'utf8'), before);
    await chmod(file, 0o600);
    assert.is((await store.load('main'))?.jkt, keyPair.jkt);
  });
}

for (const mode of [0o755, 0o750, 0o701, 0o770]) {
  test(`[M10] refuses a folder of mode 0${mode.toString(8)}, and says what mends it`, async () => {
    const { folder, store, keyPair } = await makeStore();
    await chmod(folder, mode);
    const pair = await makePair();
    for (const attempt of [
      () => store.load('main'),
      () => store.add('new', pair),
      () => store.save('main', pair),
      () => store.delete('main'),
    ]) {
      const error = await errorOf(attempt);
      assert.is(error.code, 'insecure-file');
      assert.match(error.message, `has mode 0${mode.toString(8)}`);
      assert.match(error.message, `chmod 700 '${folder}'`);
    }
    assert.equal(await readdir(folder), ['main.json']);
    await chmod(folder, 0o700);
    assert.is((await store.load('main'))?.jkt, keyPair.jkt);
  });
}

test('a file that only its owner can read will do', async () => {
  const { file, store, keyPair } = await makeStore();
  await chmod(file, 0o400);
  assert.is((await store.load('main'))?.jkt, keyPair.jkt);
});

test('[M10] refuses a symbolic link in the place of the file, and never writes through it', async () => {
  const { folder, file, store } = await makeStore();
  const target = join(folder, 'main.json');
  await symlink(target, join(folder, 'linked.json'));
  const before = await readFile(file, 'utf8');
  const pair = await makePair();
  for (const attempt of [
    () => store.load('linked'),
    () => store.save('linked', pair),
    () => store.add('linked', pair),
    () => store.copy('main', 'linked'),
  ]) {
    const error = await errorOf(attempt);
    assert.is(error.code, 'insecure-file');
    assert.match(error.message, 'symbolic link');
  }
  assert.is(await readFile(file, 'utf8'), before);
  await store.delete('linked');
  assert.equal(await readdir(folder), ['main.json']);
});

test('[M10] refuses a symbolic link in the place of the folder, with a slash at its end too', async () => {
  const { folder } = await makeStore();
  const path = `${folder}-linked`;
  await symlink(folder, path);
  for (const linked of [path, `${path}/`, `${path}/.`]) {
    const store = createFileKeyStore({ folder: linked });
    assert.is(await codeOf(store.load('main')), 'insecure-file');
    assert.is(await codeOf(store.add('new', await makePair())), 'insecure-file');
  }
});

test('refuses a link that comes to be between the look at a path and its opening', async () => {
  const { folder, file, store } = await makeStore();
  const open = files['open'] as (...given: unknown[]) => Promise<unknown>;
  const swapped = async (...given: unknown[]): Promise<unknown> => {
    await rm(file);
    await symlink(join(folder, 'elsewhere'), file);
    return open(...given);
  };
  const error = await errorOf(having(files, { open: swapped }, () => store.load('main')));
  assert.is(error.code, 'storage-unavailable');
  assert.match(error.message, `${file} cannot be read (ELOOP)`);
});

test('[M10] refuses a file whose mode changes between the look at it and its opening', async () => {
  const { file, store } = await makeStore();
  const open = files['open'] as (...given: unknown[]) => Promise<unknown>;
  const widened = async (...given: unknown[]): Promise<unknown> => {
    await chmod(file, 0o644);
    return open(...given);
  };
  assert.is(await codeOf(having(files, { open: widened }, () => store.load('main'))), 'insecure-file');
});

test('what is written, renamed or removed is on the disk, and so is the folder', async () => {
  const { folder, store } = await makeStore();
  const open = files['open'] as (path: string, ...more: unknown[]) => Promise<{ sync(): Promise<void> }>;
  const synced: string[] = [];
  const watched = async (path: string, ...more: unknown[]): Promise<unknown> => {
    const handle = await open(path, ...more);
    const sync = handle.sync.bind(handle);
    handle.sync = async () => {
      synced.push(path === folder ? 'folder' : 'file');
      await sync();
    };
    return handle;
  };
  const pair = await makePair();
  await having(files, { open: watched }, async () => {
    await store.add('other', pair);
    assert.equal(synced.splice(0), ['file', 'folder']);
    await store.save('other', pair);
    assert.equal(synced.splice(0), ['file', 'folder']);
    await store.delete('other');
    assert.equal(synced.splice(0), ['folder']);
  });
});

test('refuses a folder in the place of a file, and a file in the place of the folder', async () => {
  const { file, store } = await makeStore();
  const inFile = createFileKeyStore({ folder: file });
  assert.is(await codeOf(inFile.load('main')), 'insecure-file');
  const below = createFileKeyStore({ folder: join(file, 'below') });
  assert.is(await codeOf(below.load('main')), 'storage-unavailable');
  assert.is(await codeOf(below.add('main', await makePair())), 'storage-unavailable');
  assert.ok(await store.load('main'));
});

test('[M10] refuses what belongs to another user', async () => {
  const { folder, store } = await makeStore();
  const other = (process.getuid?.() ?? 0) + 1;
  const error = await errorOf(having(process, { getuid: () => other }, () => store.load('main')));
  assert.is(error.code, 'insecure-file');
  assert.is(error.message, `holdfast: ${folder} belongs to another user`);
});

test('on Windows, which has no users by number, modes are not looked at, links are', async () => {
  const { folder, file, store, keyPair } = await makeStore();
  await chmod(file, 0o644);
  await chmod(folder, 0o755);
  await symlink(file, join(folder, 'linked.json'));
  await having(process, { getuid: undefined }, async () => {
    assert.is((await store.load('main'))?.jkt, keyPair.jkt);
    assert.is((await loadOrCreateKeyPair(store, 'other')).origin, 'created');
    assert.is(await codeOf(store.load('linked')), 'insecure-file');
  });
});

/** Each takes the text of a sound file. */
const damages: Readonly<Record<string, (text: string) => string>> = {
  empty: () => '',
  'half written': (text) => text.slice(0, text.length / 2),
  'not JSON': () => '-----BEGIN PRIVATE KEY-----',
  'JSON of nothing': () => 'null',
  'JSON of a number': () => '7',
  'without a version': (text) => change(text, { version: undefined }),
  'of an unknown algorithm': (text) => change(text, { algorithm: 'ES384' }),
  'of the other algorithm': (text) => change(text, { algorithm: 'Ed25519' }),
  'with another thumbprint': (text) => change(text, { jkt: 'A'.repeat(43) }),
  'without the key': (text) => change(text, { privateJwk: undefined }),
  'with the public key only': (text) => changeJwk(text, { d: undefined }),
  'with a private key that is no number': (text) => changeJwk(text, { d: '!' }),
  'with the private key of another': (text) => changeJwk(text, { d: otherD }),
};
const otherD = (await crypto.subtle.exportKey('jwk', (await makePair()).privateKey)).d;

function change(text: string, members: object): string {
  return JSON.stringify({ ...(JSON.parse(text) as object), ...members });
}

function changeJwk(text: string, members: object): string {
  const { privateJwk } = JSON.parse(text) as { privateJwk: object };
  return change(text, { privateJwk: { ...privateJwk, ...members } });
}

for (const [what, damage] of Object.entries(damages)) {
  test(`a file that is ${what} is named, and stays as it is until it is deleted`, async () => {
    const { file, store, keyPair } = await makeStore();
    const sound = await readFile(file, 'utf8');
    const { d } = (JSON.parse(sound) as { privateJwk: { d: string } }).privateJwk;
    await writeFile(file, damage(sound));
    const pair = await makePair();
    for (const attempt of [
      () => store.load('main'),
      () => store.add('main', pair),
      () => store.save('main', pair),
      () => store.copy('main', 'other'),
      () => loadOrCreateKeyPair(store, 'main'),
    ]) {
      const error = await errorOf(attempt);
      assert.is(error.code, 'key-corrupt');
      assert.match(error.message, file);
      // [L04] Parsers quote what they cannot read.
      assert.is(error.cause, undefined);
      assert.not(inspect(error).includes(d.slice(0, 8)));
    }
    assert.is(await readFile(file, 'utf8'), damage(sound));
    assert.is(await store.load('other'), undefined);
    await store.delete('main');
    const { origin, keyPair: next } = await loadOrCreateKeyPair(store, 'main');
    assert.is(origin, 'created');
    assert.is.not(next.jkt, keyPair.jkt);
  });
}

test('a file of a newer version is named, and left alone', async () => {
  const { file, store } = await makeStore();
  await writeFile(file, change(await readFile(file, 'utf8'), { version: 2 }));
  const error = await errorOf(store.load('main'));
  assert.is(error.code, 'storage-newer');
  assert.match(error.message, file);
  assert.is(await codeOf(store.save('main', await makePair())), 'storage-newer');
});

const oddNames = [
  '../main',
  '..',
  '.',
  '.main',
  'a/b',
  'a\\b',
  '/etc/passwd',
  'a\0',
  'a b',
  'ä',
  '-a',
  '_a',
  'a'.repeat(129),
];
for (const name of oddNames) {
  test(`[M10] refuses the name ${JSON.stringify(name.slice(0, 20))}`, async () => {
    const { folder, store } = await makeStore();
    const pair = await makePair();
    for (const attempt of [
      () => store.load(name),
      () => store.add(name, pair),
      () => store.save(name, pair),
      () => store.copy('main', name),
      () => store.copy(name, 'main'),
      () => store.delete(name),
    ])
      assert.ok(await isTypeError(attempt()));
    assert.equal(await readdir(folder), ['main.json']);
  });
}

test('takes names of letters, digits, dots, hyphens and underscores', async () => {
  const { store } = await makeStore();
  for (const name of ['a', 'A-1_b.c', '7', 'main.json', 'a'.repeat(128)])
    assert.is((await loadOrCreateKeyPair(store, name)).origin, 'created');
});

for (const folder of [undefined, '', 7] as unknown as string[]) {
  test(`refuses the folder ${JSON.stringify(folder)}`, () => {
    assert.throws(() => createFileKeyStore({ folder }), /option "folder"/);
  });
}

test('refuses to be made without options', () => {
  assert.throws(() => createFileKeyStore(undefined as unknown as { folder: string }), /option "folder"/);
});

test('says so where there are no files', async () => {
  const nothing = (name: string): unknown => (name === 'node:path' ? {} : undefined);
  for (const getBuiltinModule of [undefined, () => undefined, nothing]) {
    const error = await having(process, { getBuiltinModule }, () =>
      errorOf(() => createFileKeyStore({ folder: '/keys' })),
    );
    assert.is(error.code, 'storage-unavailable');
  }
  const error = await having(globalThis, { process: undefined }, () =>
    errorOf(() => createFileKeyStore({ folder: '/keys' })),
  );
  assert.is(error.code, 'storage-unavailable');
});

test('a disk that is full leaves neither half a file nor a temporary one, and what was there stays', async () => {
  const { folder, file, store, keyPair } = await makeStore();
  const open = files['open'] as (...given: unknown[]) => Promise<{ sync(): Promise<void> }>;
  const full = systemError('ENOSPC');
  const failing = async (...given: unknown[]): Promise<unknown> => {
    const handle = await open(...given);
    if (given[1] === 'wx') handle.sync = () => Promise.reject(full);
    return handle;
  };
  const pair = await makePair();
  for (const attempt of [() => store.save('main', pair), () => store.add('other', pair)]) {
    const error = await errorOf(having(files, { open: failing }, attempt));
    assert.is(error.code, 'storage-unavailable');
    assert.match(error.message, 'cannot be written (ENOSPC)');
    assert.is(error.cause, full);
  }
  assert.equal(await readdir(folder), ['main.json']);
  assert.is((await store.load('main'))?.jkt, keyPair.jkt);
  assert.is(await modeOf(file), '600');
});

test('a file system without hard links is a typed error, and nothing is left behind', async () => {
  const { folder, store } = await makeStore();
  const refusing = (): Promise<void> => Promise.reject(systemError('EPERM'));
  const pair = await makePair();
  assert.is(
    await codeOf(having(files, { link: refusing }, () => store.add('other', pair))),
    'storage-unavailable',
  );
  assert.equal(await readdir(folder), ['main.json']);
});

test('a file that cannot be read is a typed error with its cause', async () => {
  const { file, store } = await makeStore();
  const refusing = (): Promise<void> => Promise.reject(systemError('EACCES'));
  const error = await errorOf(having(files, { open: refusing }, () => store.load('main')));
  assert.is(error.code, 'storage-unavailable');
  assert.is(error.message, `holdfast: ${file} cannot be read (EACCES)`);
});

test('a key that is deleted while it is added is added again', async () => {
  const { folder, store } = await makeStore();
  let links = 0;
  const deleting = async (path: string, other: string): Promise<void> => {
    await link(path, other);
    if (links++ === 0) await rm(other);
  };
  const pair = await makePair();
  const kept = await having(files, { link: deleting }, () => store.add('other', pair));
  assert.is(kept.jkt, pair.jkt);
  assert.is(links, 2);
  assert.equal((await readdir(folder)).sort(), ['main.json', 'other.json']);
});

test('deleting a key removes what processes that died have left of it, and nothing else', async () => {
  const { folder, store } = await makeStore();
  await loadOrCreateKeyPair(store, 'main.json');
  const left = '.main.json.6f2b1c9e-0d3a-4b55-8c55-3f1f6f0c9a11.tmp';
  const ofAnother = '.main.json.json.6f2b1c9e-0d3a-4b55-8c55-3f1f6f0c9a11.tmp';
  const noneOfOurs = left.replace('.tmp', '.bak');
  for (const name of [left, ofAnother, noneOfOurs, 'notes.txt'])
    await writeFile(join(folder, name), 'x', { mode: 0o600 });
  await store.delete('main');
  assert.equal((await readdir(folder)).sort(), [noneOfOurs, ofAnother, 'main.json.json', 'notes.txt']);
});

test('[L04] printing a store shows neither key nor thumbprint', async () => {
  const { store, keyPair } = await makeStore();
  assert.not(inspect(store, { depth: 9, showHidden: true }).includes(keyPair.jkt));
  assert.is(JSON.stringify(store), '{"keeps":"private-jwk"}');
});

test('[I06] of processes that create a key at the same moment, all get the same one', async () => {
  const folder = await makeFolder();
  const script = fileURLToPath(new URL('./_create-key.js', import.meta.url));
  const children: ChildProcess[] = [];
  try {
    const outputs = Array.from({ length: 6 }, () => {
      const child = spawn(process.execPath, [script, folder], { stdio: ['pipe', 'pipe', 'inherit'] });
      children.push(child);
      return createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    });
    for (const lines of outputs) assert.is((await lines.next()).value, 'ready');
    for (const { stdin } of children) stdin?.write('go\n');
    const results = await Promise.all(
      outputs.map(async (lines) => String((await lines.next()).value).split(' ')),
    );
    assert.is(new Set(results.map(([, jkt]) => jkt)).size, 1);
    assert.is(results.filter(([origin]) => origin === 'created').length, 1);
    assert.equal(await readdir(folder), ['main.json']);
  } finally {
    for (const child of children) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
  }
});

test.run();
