import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { findNamed, nearest, unknownName } from '../../../demo/lab/nearest.ts';

/** Names that people type. */

const test = suite('demo/lab/nearest');

const profiles = [
  { id: 'M00', slug: 'bearer' },
  { id: 'D5', slug: 'dpop-shared-store' },
  { id: 'D6', slug: 'dpop-nonce' },
  { id: 'DB2', slug: 'bearer-accepted' },
  { id: 'X5', slug: 'everything' },
];

function idsOf(named: readonly { readonly id: string }[]): readonly string[] {
  return named.map(({ id }) => id);
}

test('an id or a slug finds its thing, in any case of letters', () => {
  for (const name of ['D6', 'd6', 'dpop-nonce', 'DPoP-Nonce']) assert.is(findNamed(profiles, name)?.id, 'D6');
});

test('a part of a name is no name', () => {
  for (const name of ['D', 'dpop', '', ' D6', 'constructor', '__proto__'])
    assert.is(findNamed(profiles, name), undefined);
});

test('a slip of the fingers is near, and the nearest comes first', () => {
  assert.is(idsOf(nearest(profiles, 'dpop-nonec'))[0], 'D6');
  assert.is(idsOf(nearest(profiles, 'baerer'))[0], 'M00');
  assert.ok(idsOf(nearest(profiles, 'D55')).includes('D5'));
});

test('a part of a slug is near to all that have it', () => {
  assert.equal(idsOf(nearest(profiles, 'bearer')).slice(0, 2), ['M00', 'DB2']);
  assert.equal(idsOf(nearest(profiles, 'dpop')), ['D5', 'D6']);
});

test('never more than three, and none where nothing is near', () => {
  const many = Array.from({ length: 9 }, (_, index) => ({ id: `T0${index}`, slug: `theft-${index}` }));
  assert.is(nearest(many, 'T0').length, 3);
  assert.equal(nearest(profiles, 'zzzzzzzzzzzz'), []);
});

test('the sentence names what is near, and ends without a hint where nothing is', () => {
  assert.is(
    unknownName('profile', profiles, 'D7'),
    'There is no profile "D7"; nearest: D5 (dpop-shared-store), D6 (dpop-nonce).',
  );
  assert.is(unknownName('theft', profiles, 'qqqqqqqq'), 'There is no theft "qqqqqqqq".');
});

test('a long or hostile name is cut, and cannot steer a terminal', () => {
  const sentence = unknownName('profile', profiles, `\u001b[2J"\n${'x'.repeat(10_000)}`);
  assert.ok(sentence.length < 120, sentence);
  assert.match(sentence, /^[\x20-\x7e]+$/);
});

test.run();
