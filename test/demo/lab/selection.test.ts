import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Failure } from '../../../demo/lab/cli/failure.ts';
import { selectNamed, selectSeats } from '../../../demo/lab/cli/selection.ts';

/** What people write to choose rows, columns and seats. */

const test = suite('lab/selection');

const all = [
  'M00 bearer',
  'M01 symmetric',
  'M13 ip-list',
  'D1 dpop-key',
  'D5 dpop-shared',
  'D10 dpop-quota',
  'DB1 rt-unbound',
].map((name) => {
  const [id = '', slug = ''] = name.split(' ');
  return { id, slug };
});

const ids = (text: string | undefined): string =>
  selectNamed('profile', all, text)
    .map(({ id }) => id)
    .join(' ');

test('nothing and "all" mean everything', () => {
  assert.is(ids(undefined), 'M00 M01 M13 D1 D5 D10 DB1');
  assert.is(ids('all'), ids(undefined));
});

test('ids and slugs in any case, in the order of the catalogue, none twice', () => {
  assert.is(ids('d5, bearer,M00,Dpop-Quota'), 'M00 D5 D10');
});

test('a range stays among ids with the same letters, by number', () => {
  assert.is(ids('D1-D10'), 'D1 D5 D10');
  assert.is(ids('M00-M13'), 'M00 M01 M13');
});

test('a slug with hyphens and a number is no range', () => {
  assert.is(ids('ip-list'), 'M13');
});

for (const [text, told] of [
  ['D55', /There is no profile "D55"; nearest: .*D5 /],
  ['dpop-shard', /nearest: D5 \(dpop-shared\)/],
  ['D10-D1', /The range D10-D1 is empty: write it as D1-D10/],
  ['M00-D5', /A range stays within one kind/],
  ['D1-D99', /There is no profile "D99"/],
  ['', /There is no profile ""/],
] as const) {
  test(`"${text}" is refused in one sentence`, () => {
    assert.throws(
      () => ids(text),
      (error: unknown) => error instanceof Failure && error.ending === 'usage' && told.test(error.message),
    );
  });
}

test('seats by name, several, or all', () => {
  assert.equal(selectSeats('nat,elsewhere'), ['elsewhere', 'nat']);
  assert.equal(selectSeats('all'), ['elsewhere', 'country', 'nat']);
  assert.throws(() => selectSeats('moon'), /--seat must be/);
});

test.run();
