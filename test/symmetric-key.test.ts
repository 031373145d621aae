import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { utf8 } from '../src/digest.ts';
import { createSymmetricKey, isSymmetricKey } from '../src/symmetric-key.ts';

const test = suite('symmetric-key');

/** 32 bytes, all different, so that no test depends on luck. */
const secret = Uint8Array.from({ length: 32 }, (_, index) => (index * 37 + 11) % 256);
const refusal = (error: unknown): boolean =>
  error instanceof TypeError &&
  error.message === 'holdfast: option "secret" must be a Uint8Array of at least 32 random bytes';

/** Runs something, and yields the warnings that the process was given meanwhile. */
async function warningsOf(run: () => Promise<unknown>): Promise<{ message: string; code: unknown }[]> {
  const warnings: { message: string; code: unknown }[] = [];
  const { emitWarning } = process;
  process.emitWarning = ((message: string, options: { code?: unknown }) => {
    warnings.push({ message, code: options.code });
  }) as typeof process.emitWarning;
  try {
    await run();
  } finally {
    process.emitWarning = emitWarning;
  }
  return warnings;
}

async function refused(attempt: Promise<unknown>): Promise<unknown> {
  return attempt.then(
    () => assert.unreachable('accepted'),
    (error: unknown) => error,
  );
}

test('signs and verifies HS256, and is named "symmetric" unless told otherwise', async () => {
  const key = await createSymmetricKey(secret);
  assert.equal([key.kid, key.algorithm], ['symmetric', 'HS256']);
  assert.is((await createSymmetricKey(secret, 'of-2027')).kid, 'of-2027');
  const signature = await crypto.subtle.sign('HMAC', key.secretKey, utf8('text'));
  assert.is(signature.byteLength, 32);
  assert.ok(await crypto.subtle.verify('HMAC', key.secretKey, signature, utf8('text')));
});

test('the secret cannot be read back, and the key cannot be changed', async () => {
  const key = await createSymmetricKey(secret);
  assert.is(key.secretKey.extractable, false);
  assert.instance(await refused(crypto.subtle.exportKey('raw', key.secretKey)), Error);
  assert.throws(() => Object.assign(key, { kid: 'other' }), TypeError);
  assert.not.match(JSON.stringify(key), Buffer.from(secret).toString('base64url'));
});

test('the secret is read when the key is made: what is done to the bytes later changes nothing', async () => {
  const bytes = Uint8Array.from(secret);
  const making = createSymmetricKey(bytes);
  bytes.fill(0);
  const signature = await crypto.subtle.sign('HMAC', (await making).secretKey, utf8('text'));
  const { secretKey } = await createSymmetricKey(secret);
  assert.ok(await crypto.subtle.verify('HMAC', secretKey, signature, utf8('text')));
});

for (const [what, value] of Object.entries({
  'of 31 bytes': secret.subarray(1),
  'of no bytes': new Uint8Array(),
  'of zeros': new Uint8Array(32),
  'of one byte many times': new Uint8Array(1000).fill(7),
  'of seven different bytes': Uint8Array.from({ length: 64 }, (_, index) => index % 7),
  'that is text': 'a password of more than 32 characters',
  'that is a buffer without a view': secret.buffer,
  'that is a list': [...secret],
  'that is missing': undefined,
  'that is null': null,
})) {
  test(`[R8725-3.1-01] refuses a secret ${what}, without a warning and without saying what it was`, async () => {
    const warnings = await warningsOf(async () => {
      assert.ok(refusal(await refused(createSymmetricKey(value as Uint8Array))));
    });
    assert.equal(warnings, []);
  });
}

test('takes a secret of just enough bytes, of just enough kinds, and a view into a larger buffer', async () => {
  await createSymmetricKey(secret);
  await createSymmetricKey(Uint8Array.from({ length: 32 }, (_, index) => index % 8));
  const view = new Uint8Array(100).fill(9);
  view.set(secret, 20);
  const { secretKey } = await createSymmetricKey(view.subarray(20, 52));
  const signature = await crypto.subtle.sign('HMAC', secretKey, utf8('text'));
  const other = await createSymmetricKey(secret);
  assert.ok(await crypto.subtle.verify('HMAC', other.secretKey, signature, utf8('text')));
});

for (const kid of ['', 5, null, {}]) {
  test(`refuses the kid ${JSON.stringify(kid)} by name`, async () => {
    const error = await refused(createSymmetricKey(secret, kid as string));
    assert.instance(error, TypeError);
    assert.match((error as Error).message, '"kid"');
  });
}

test('says aloud, for each key, what it means: whoever verifies can make tokens', async () => {
  const warnings = await warningsOf(async () => {
    await createSymmetricKey(secret);
    await createSymmetricKey(secret, 'second');
  });
  const message = 'holdfast: tokens are signed with HS256: whoever can verify one can also make one';
  const warning = { message, code: 'HOLDFAST_SYMMETRIC_KEY' };
  assert.equal(warnings, [warning, warning]);
});

test('whoever runs the process sees it', () => {
  const module = new URL('../src/symmetric-key.js', import.meta.url).href;
  const code = `import { createSymmetricKey } from ${JSON.stringify(module)};
    await createSymmetricKey(crypto.getRandomValues(new Uint8Array(32)));`;
  const cwd = fileURLToPath(new URL('.', import.meta.url));
  const args = ['--input-type=module', '--eval', code];
  const { stderr, status } = spawnSync(process.execPath, args, { cwd, encoding: 'utf8' });
  assert.is(status, 0, stderr);
  assert.match(stderr, '[HOLDFAST_SYMMETRIC_KEY] Warning: holdfast: tokens are signed with HS256');
});

test('works where there is no process to warn', async () => {
  const scope = globalThis as unknown as { process: unknown };
  const { process: before } = scope;
  try {
    for (const runtime of [undefined, {}]) {
      scope.process = runtime;
      assert.is((await createSymmetricKey(secret)).algorithm, 'HS256');
    }
  } finally {
    scope.process = before;
  }
});

test('knows its own from anything else', async () => {
  const key = await createSymmetricKey(secret);
  assert.ok(isSymmetricKey(key));
  const { privateKey } = await crypto.subtle.generateKey('Ed25519', false, ['sign', 'verify']);
  const others = [
    undefined,
    null,
    5,
    'symmetric',
    {},
    secret,
    { ...key }, // a copy was not looked at
    { ...key, algorithm: 'HS512' },
    { ...key, algorithm: undefined },
    { ...key, kid: undefined },
    { ...key, secretKey: secret },
    { kid: 'one', algorithm: 'ES256', privateKey },
  ];
  for (const [index, other] of others.entries()) assert.not(isSymmetricKey(other), String(index));
});

test.run();
