import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { sha256 } from '../../src/digest.ts';
import { type VerifyProofOptions, verifyProof } from '../../src/index.ts';
import { T0 } from '../_setup.ts';
import { holdfast, makeKey, type RunOptions, Scratch } from './_cli.ts';

const test = suite('holdfast sign');

const scratch = await Scratch.make();
const { keyPair, jwk } = await makeKey();
const key = await scratch.write('key.json', JSON.stringify(jwk));
const tokenFile = await scratch.write('token.txt', 'the.token\n', 0o644);
const url = 'https://api.example/notes?page=2';
const token = 'the.token';

test.after(() => scratch.remove());

async function sign(args: readonly string[], options: RunOptions = {}): Promise<string> {
  const { code, out, err } = await holdfast(['sign', 'GET', url, '--key', key, ...args], options);
  assert.is(err, '');
  assert.is(code, 0);
  assert.match(out, /^[\w.-]+\n$/);
  return out.trim();
}

async function claimsOf(proof: string, options: VerifyProofOptions = {}): Promise<Record<string, unknown>> {
  return (await verifyProof({ method: 'GET', uri: url, proof }, { jkt: keyPair.jkt, ...options })).claims;
}

test('[R9449-4.2-01] prints one proof that a server accepts', async () => {
  const claims = await claimsOf(await sign([]));
  assert.is(claims['htu'], 'https://api.example/notes');
  assert.not('ath' in claims);
  assert.not('nonce' in claims);
});

test('signs for a nonce and as of a time', async () => {
  const proof = await sign(['--nonce', 'n1', '--now', String(T0)]);
  const readNonce = async (): Promise<{ axis: 'nonce'; at: number }> => ({ axis: 'nonce', at: T0 });
  const claims = await claimsOf(proof, { now: T0, readNonce });
  assert.is(claims['nonce'], 'n1');
  assert.is(claims['iat'], T0);
});

const sources: readonly (readonly [what: string, args: readonly string[], options: RunOptions])[] = [
  ['an option', ['--token', token], {}],
  ['a file', ['--token-file', tokenFile], {}],
  ['stdin', ['--token-file', '-'], { stdin: `${token}\n` }],
  ['stdin, in short', ['--token', '-'], { stdin: token }],
  ['a variable', [], { env: { HOLDFAST_TOKEN: token } }],
  ['an option before a variable', ['--token', token], { env: { HOLDFAST_TOKEN: 'another' } }],
];

for (const [what, args, options] of sources)
  test(`[R9449-4.2-08] takes the token from ${what}`, async () => {
    const claims = await claimsOf(await sign(args, options), { accessToken: token });
    assert.is(claims['ath'], await sha256(token));
  });

for (const [args, value] of [
  [['--no-token'], token],
  [[], ''],
] as const)
  test(`signs without token where the variable does not count (${args.join('') || 'it is empty'})`, async () => {
    assert.not('ath' in (await claimsOf(await sign(args, { env: { HOLDFAST_TOKEN: value } }))));
  });

test('takes the key from stdin', async () => {
  const { code, out } = await holdfast(['sign', 'GET', url, '--key', '-'], { stdin: JSON.stringify(jwk) });
  assert.is(code, 0);
  await claimsOf(out.trim());
});

const refusals: readonly (readonly [args: readonly string[], code: number, message: string])[] = [
  [[], 2, 'METHOD is missing: holdfast sign --help tells how to use it'],
  [['GET'], 2, 'URL is missing: holdfast sign --help tells how to use it'],
  [['GET', url], 2, '--key FILE is missing'],
  [['GET', url, 'more', '--key', key], 2, 'sign takes at most 2 arguments'],
  [['GET', 'api.example', '--key', key], 2, 'the URL must be absolute'],
  [['GET', 'http://api.example', '--key', key], 2, 'the URL must be https (http on loopback only)'],
  [[url, 'GET', '--key', key], 2, 'the method must be an HTTP method'],
  [
    ['GET', url, '--key', key, '--token', 'two words'],
    2,
    'the access token has characters that cannot be sent',
  ],
  [['GET', url, '--key', key, '--token='], 2, 'the access token is empty'],
  [['GET', url, '--key', key, '--nonce', 'a b'], 2, 'the nonce has characters that no server may use'],
  [['GET', url, '--key', key, '--now', 'yesterday'], 2, '--now must be a number of seconds'],
  [['GET', url, '--key', '-', '--token-file', '-'], 2, 'only one thing can be read from stdin'],
  [['GET', url, '--key', key, '--token', 'a', '--no-token'], 2, '--token and --no-token exclude each other'],
  [['GET', url, '--key', key, '--token-file', '/no/token'], 4, '/no/token cannot be read (ENOENT)'],
  [['GET', url, '--key', '/no/key'], 4, 'the key file /no/key cannot be read (ENOENT)'],
];

for (const [args, code, message] of refusals)
  test(`says in one sentence: ${message}`, async () => {
    assert.equal(await holdfast(['sign', ...args]), { code, out: '', err: `holdfast: ${message}\n` });
  });

test.run();
