import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { BenchRequest } from '../../../demo/lab/model.ts';
import {
  type Draft,
  type DraftField,
  describeRequest,
  isPlain,
  plainRequest,
  readDraft,
  toDraft,
} from '../../../demo/lab/page/bench-draft.ts';
import { mistakes } from '../../../demo/lab/page/bench-mistakes.ts';

/** The form of the bench, as text, and the request that it means. */

const test = suite('demo/lab/bench-draft');

const alice = {
  origin: 'https://bank.example',
  path: '/accounts',
  jwk: { kty: 'EC', crv: 'P-256', x: 'x', y: 'y' },
};
const plain = plainRequest('D5');

const requests: readonly BenchRequest[] = [
  plain,
  ...mistakes.map((mistake): BenchRequest => ({ ...plain, ...mistake.change(alice) })),
  { ...plain, method: 'POST', target: '/transfer?x=1', signWith: 'keep', copies: 0, wait: 30 },
  {
    ...plain,
    claims: { ath: null, iat: { offset: -301 }, aud: ['a', 1], exp: 5 },
    header: { jwk: null, crit: ['x'] },
  },
  { ...plain, claims: { iat: 1_700_000_000 } },
  { ...plain, pasted: 'a.b.c' },
];

for (const request of requests) {
  test(`${describeRequest(request)}: the form holds it as it is`, () => {
    assert.equal(readDraft(toDraft(request)), request);
    assert.is(isPlain(request), request === plain);
  });
}

test('there are fourteen ready mistakes, each of its own name, each changing something', () => {
  assert.is(new Set(mistakes.map(({ id }) => id)).size, 14);
  for (const { change } of mistakes) assert.not(isPlain({ ...plain, ...change(alice) }));
});

const wrong: readonly (readonly [field: DraftField, change: Partial<Draft>])[] = [
  ['target', { target: 'accounts' }],
  ['target', { target: '/a b' }],
  ['target', { target: '/a#b' }],
  ['wait', { wait: '-1' }],
  ['wait', { wait: '604801' }],
  ['wait', { wait: '1.5' }],
  ['pasted', { pasted: 'ä' }],
  ['moreHeader', { moreHeader: '[]' }],
  ['moreClaims', { moreClaims: '{' }],
  ['iat', { members: { ...toDraft(plain).members, iat: { text: 'soon', leftOut: false } } }],
  ['jwk', { members: { ...toDraft(plain).members, jwk: { text: '"x"', leftOut: false } } }],
];

for (const [field, change] of wrong) {
  test(`${JSON.stringify(change).slice(0, 60)} is refused at ${field}, and nowhere else`, () => {
    const errors = readDraft({ ...toDraft(plain), ...change });
    assert.instance(errors, Map);
    assert.equal([...(errors as Map<string, string>).keys()], [field]);
  });
}

test('a text of 5 kB is cut where it is described', () => {
  assert.ok(describeRequest({ ...plain, claims: { jti: 'j'.repeat(5000) } }).length < 120);
});

test.run();
