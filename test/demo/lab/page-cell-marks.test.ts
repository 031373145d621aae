import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  checkMeaning,
  durationText,
  honestLabel,
  honestMark,
  labelOf,
  legend,
  markOf,
  markShape,
  shortText,
} from '../../../demo/lab/page/cell-marks.ts';
import { aCatalogue, aCell, worksFor } from './_page-fixture.ts';

const test = suite('lab page: marks');

const durations: readonly (readonly [number | null, string])[] = [
  [0, '0 s'],
  [1, '1 s'],
  [59, '59 s'],
  [60, '1 min'],
  [90, '90 s'],
  [299, '5 min'],
  [300, '5 min'],
  [310, '5 min'],
  [600, '10 min'],
  [1500, '25 min'],
  [3599, '1 h'],
  [3600, '1 h'],
  [3660, '61 min'],
  [7200, '2 h'],
  [9000, '2.5 h'],
  [86_400, '1 d'],
  [252_000, '70 h'],
  [259_199, '3 d'],
  [604_800, '7 d'],
  [null, '∞'],
  [Number.POSITIVE_INFINITY, '∞'],
];

for (const [seconds, text] of durations) {
  test(`says ${seconds} seconds as ${text}`, () => {
    assert.is(durationText(seconds), text);
  });
}

test('shows the time of a theft that works, and the check of one that does not', () => {
  assert.is(shortText(worksFor('D5', 'T06', 299, { outcome: 'narrowed' })), '5 min');
  assert.is(shortText(worksFor('M33', 'T01', null, { outcome: 'longer' })), '∞');
  assert.is(shortText(aCell('D5', 'T01')), 'jkt');
  assert.is(shortText(aCell('M25', 'T09', { outcome: 'void', decidedBy: null })), '');
  assert.is(shortText(undefined), '');
});

test('shows a late success by when it begins', () => {
  const window = { first: 310, last: 3599, firstFailure: 3600, endedBy: 'exp' };
  const cell = aCell('AB5', 'T02', { outcome: 'late', decidedBy: null, window });
  assert.is(shortText(cell), 'at 5 min');
  assert.is(labelOf(cell), 'fails at first, works at 5 min and until 1 h, ended by exp');
});

test('says in words what a cell says', () => {
  assert.is(labelOf(worksFor('D5', 'T06', 299, { outcome: 'narrowed' })), 'works for 5 min, ended by exp');
  assert.is(labelOf(aCell('D5', 'T01')), 'blocked by jkt');
  assert.is(labelOf(aCell('D7', 'T30', { hurt: 'jti' })), 'blocked by jkt; Alice’s next request fails (jti)');
  assert.is(
    labelOf(aCell('M24', 'T37', { outcome: 'harm', decidedBy: 'csrf' })),
    'Alice is shut out by csrf',
  );
  assert.match(labelOf(aCell('M25', 'T09', { outcome: 'void', note: 'no token' })), 'void: no token');
  assert.match(labelOf(aCell('M25', 'T09', { outcome: 'error', note: 'no answer' })), 'error: no answer');
  assert.is(labelOf(undefined), 'not measured yet');
});

// Speech input finds a cell by what is seen in it (WCAG 2.5.3).
test('has the short text of a cell in its label', () => {
  const cells = [
    worksFor('D5', 'T06', 299),
    worksFor('M33', 'T01', null, { outcome: 'longer' }),
    aCell('D5', 'T01'),
    aCell('D5', 'T36', { outcome: 'unharmed', decidedBy: null }),
    aCell('D5', 'T37', { outcome: 'harm', decidedBy: null }),
    aCell('D5', 'T06', { outcome: 'narrowed', decidedBy: null }),
    aCell('D5', 'T06', { outcome: 'longer', decidedBy: null }),
    aCell('D5', 'T06', { outcome: 'error', decidedBy: null }),
  ];
  for (const cell of cells) {
    const seen = cell.outcome === 'harm' ? 'shut out' : shortText(cell);
    assert.ok(labelOf(cell).includes(seen), `${labelOf(cell)} lacks ${seen}`);
  }
});

test('has a shape of its own for each mark of the legend', () => {
  const shapes = legend.map(([mark]) => markShape(mark));
  assert.is(new Set(shapes).size, legend.length);
  assert.is(markOf(undefined), 'unknown');
});

test('marks an honest user by what happened to her', () => {
  const cell = {
    profile: 'M13',
    test: 'H01',
    interruptions: 2,
    decidedBy: 'ip',
    requests: 3,
    milliseconds: 4,
  };
  assert.is(honestMark({ ...cell, outcome: 'refused' }), 'harm');
  assert.is(honestLabel({ ...cell, outcome: 'refused' }), 'refused by ip');
  assert.is(honestLabel({ ...cell, outcome: 'interrupted' }), 'interrupted 2 times by ip');
  assert.is(honestMark({ ...cell, outcome: 'fine' }), 'fine');
  assert.is(honestMark(undefined), 'unknown');
});

test('explains a check, and names one that the catalogue lacks', () => {
  assert.is(checkMeaning(aCatalogue([], []), 'jkt'), 'Key: The proof has another key.');
  assert.is(checkMeaning(aCatalogue([], []), 'other'), 'other');
  assert.is(checkMeaning(aCatalogue([], []), null), '');
});

test.run();
