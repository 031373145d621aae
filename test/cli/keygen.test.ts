import { stat } from 'node:fs/promises';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { jwkThumbprint } from '../../src/index.ts';
import { holdfast, Scratch } from './_cli.ts';

const test = suite('holdfast keygen');

const scratch = await Scratch.make();

test.after(() => scratch.remove());

for (const [args, kind] of [
  [[], 'EC P-256'],
  [['--algorithm', 'ES256'], 'EC P-256'],
  [['--algorithm', 'Ed25519'], 'OKP Ed25519'],
] as const) {
  test(`[M10] keeps the private key in a file and prints the public one: ${args.join(' ') || 'default'}`, async () => {
    const name = `${args.join('')}.json`;
    const { code, out, err } = await holdfast(['keygen', '--key', scratch.file(name), ...args]);
    assert.is(code, 0);
    assert.is(err, '');
    const [, jkt, publicJwk = ''] = /^thumbprint {2}(\S{43})\npublic JWK {2}(\{.*\})\n$/.exec(out) ?? [];
    const jwk = JSON.parse(await scratch.read(name));
    assert.is(`${jwk.kty} ${jwk.crv}`, kind);
    assert.is(await jwkThumbprint(JSON.parse(publicJwk)), jkt);
    assert.is(JSON.parse(publicJwk).x, jwk.x);
    assert.not.match(out, jwk.d);
    assert.is((await stat(scratch.file(name))).mode & 0o777, 0o600);
  });
}

test('prints one line of JSON for programs', async () => {
  const file = scratch.file('json.json');
  const { code, out } = await holdfast(['keygen', '--json', '--key', file]);
  assert.is(code, 0);
  const { jkt, publicJwk, ...rest } = JSON.parse(out);
  assert.equal(rest, { file, algorithm: 'ES256' });
  assert.is(await jwkThumbprint(publicJwk), jkt);
  assert.equal(Object.keys(publicJwk), ['crv', 'kty', 'x', 'y']);
});

test('leaves a file alone that is there', async () => {
  const path = await scratch.write('there.json', 'precious');
  const { code, out, err } = await holdfast(['keygen', '--key', path]);
  assert.is(code, 4);
  assert.is(out, '');
  assert.is(err, `holdfast: ${path} is there already and is not overwritten\n`);
  assert.is(await scratch.read('there.json'), 'precious');
});

for (const [args, message] of [
  [[], '--key FILE is missing'],
  [['--key', 'k', 'extra'], 'keygen takes no arguments, only options'],
  [['--key', 'k', '--algorithm', 'RS256'], '--algorithm must be ES256 or Ed25519'],
] as const) {
  test(`says what is wrong with: keygen ${args.join(' ')}`, async () => {
    assert.equal(await holdfast(['keygen', ...args]), { code: 2, out: '', err: `holdfast: ${message}\n` });
  });
}

test.run();
