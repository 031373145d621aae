import { mkdir, stat, symlink } from 'node:fs/promises';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Failure } from '../../src/cli/failure.ts';
import { readKey, writeKey } from '../../src/cli/key-file.ts';
import { createProof } from '../../src/client/index.ts';
import { verifyProof } from '../../src/index.ts';
import { fakeShell, makeKey, Scratch } from './_cli.ts';

const test = suite('cli key file');

const scratch = await Scratch.make();
const es256 = await makeKey('ES256');
const ed25519 = await makeKey('Ed25519');

test.after(() => scratch.remove());

async function refusal(attempt: Promise<unknown>): Promise<string> {
  const error = await attempt.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  assert.instance(error, Failure);
  assert.is((error as Failure).ending, 'file');
  return (error as Failure).message;
}

for (const { keyPair, jwk } of [es256, ed25519]) {
  test(`[M10] what it writes it reads back, as a key that cannot be exported (${keyPair.algorithm})`, async () => {
    const path = scratch.file(`${keyPair.algorithm}.json`);
    await writeKey(path, keyPair.privateKey);
    assert.is((await stat(path)).mode & 0o777, 0o600);
    assert.equal(JSON.parse(await scratch.read(`${keyPair.algorithm}.json`)), jwk);
    const read = await readKey(path, fakeShell());
    assert.is(read.jkt, keyPair.jkt);
    assert.is(read.algorithm, keyPair.algorithm);
    assert.is(read.privateKey.extractable, false);
  });
}

test('never writes over a file, nor through a link that leads nowhere', async () => {
  const path = await scratch.write('there.json', 'precious');
  assert.is(
    await refusal(writeKey(path, es256.keyPair.privateKey)),
    `${path} is there already and is not overwritten`,
  );
  assert.is(await scratch.read('there.json'), 'precious');
  await symlink(scratch.file('elsewhere.json'), scratch.file('link.json'));
  await refusal(writeKey(scratch.file('link.json'), es256.keyPair.privateKey));
});

test('says why a file cannot be written or read', async () => {
  const path = scratch.file('no/such/folder.json');
  assert.is(await refusal(writeKey(path, es256.keyPair.privateKey)), `${path} cannot be written (ENOENT)`);
  assert.is(await refusal(readKey(path, fakeShell())), `the key file ${path} cannot be read (ENOENT)`);
  await mkdir(scratch.file('folder'), { mode: 0o700 });
  assert.match(await refusal(readKey(scratch.file('folder'), fakeShell())), 'cannot be read (EISDIR)');
});

for (const mode of [0o640, 0o604, 0o620, 0o602, 0o610, 0o601, 0o644, 0o666])
  test(`[M10] refuses a key file of mode ${mode.toString(8)}, and says how to mend it`, async () => {
    const path = await scratch.write('wide.json', JSON.stringify(es256.jwk), mode);
    assert.is(
      await refusal(readKey(path, fakeShell())),
      `others can read the key in ${path}: run chmod 600 ${path}`,
    );
  });

for (const mode of [0o600, 0o400, 0o700])
  test(`reads a key file of mode ${mode.toString(8)}`, async () => {
    const path = await scratch.write(`mode-${mode}.json`, JSON.stringify(es256.jwk), mode);
    assert.is((await readKey(path, fakeShell())).jkt, es256.keyPair.jkt);
  });

test('quotes in the chmod a name that a shell would read otherwise', async () => {
  const path = await scratch.write("my 'key'.json", JSON.stringify(es256.jwk), 0o644);
  const quoted = `'${scratch.path}/my '\\''key'\\''.json'`;
  assert.ok((await refusal(readKey(path, fakeShell()))).endsWith(`run chmod 600 ${quoted}`));
});

test('does not look at the mode where it means nothing', async () => {
  const path = await scratch.write('windows.json', JSON.stringify(es256.jwk), 0o644);
  assert.is((await readKey(path, fakeShell(), 'win32')).jkt, es256.keyPair.jkt);
});

test('reads a key from stdin', async () => {
  const stdin = (async function* (): AsyncGenerator<Uint8Array> {
    yield Buffer.from(JSON.stringify(ed25519.jwk));
  })();
  assert.is((await readKey('-', fakeShell({ stdin }))).jkt, ed25519.keyPair.jkt);
});

test('leaves behind members that do not belong to the key', async () => {
  const more = { ...es256.jwk, alg: 'ES256', use: 'sig', key_ops: ['sign'], kid: 'k', ext: true };
  const path = await scratch.write('more.json', JSON.stringify(more));
  const key = await readKey(path, fakeShell());
  const uri = 'https://rs.example/';
  const proof = await createProof(key, { method: 'GET', url: uri });
  assert.is((await verifyProof({ method: 'GET', uri, proof })).jkt, es256.keyPair.jkt);
});

const other = await makeKey('ES256');
const { d: _, ...publicOnly } = es256.jwk;
const unfit = 'the members of the key in FILE do not fit together';
const noKey = 'the key in FILE is no JWK for ES256 (EC, P-256) or Ed25519 (OKP)';
const wrong: readonly (readonly [what: string, content: string, message: string])[] = [
  ['an empty file', '', 'FILE is not JSON, but a private JWK is needed'],
  ['a PEM', '-----BEGIN PRIVATE KEY-----\nMIG', 'FILE is not JSON, but a private JWK is needed'],
  ['null', 'null', noKey],
  ['a list', '[]', noKey],
  ['an RSA key', JSON.stringify({ kty: 'RSA', n: 'AQAB', e: 'AQAB', d: 'AQAB' }), noKey],
  ['another curve', JSON.stringify({ ...es256.jwk, crv: 'P-384' }), noKey],
  ['a public key', JSON.stringify(publicOnly), 'FILE holds a public key, but the private one is needed'],
  ['the private half of another key', JSON.stringify({ ...es256.jwk, d: other.jwk['d'] }), unfit],
  ['a number for d', JSON.stringify({ ...es256.jwk, d: 5 }), unfit],
  ['a point that is not on the curve', JSON.stringify({ ...es256.jwk, x: es256.jwk['y'] }), unfit],
  ['padding in x', JSON.stringify({ ...ed25519.jwk, x: `${ed25519.jwk['x']}=` }), unfit],
  ['a short d', JSON.stringify({ ...ed25519.jwk, d: 'AAAA' }), unfit],
];

for (const [what, content, message] of wrong)
  test(`refuses ${what}, and quotes nothing of it`, async () => {
    const path = await scratch.write('wrong.json', content);
    assert.is(await refusal(readKey(path, fakeShell())), message.replace('FILE', path));
  });

test.run();
