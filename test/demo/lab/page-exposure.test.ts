import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  barsOf,
  countNoticed,
  nextStop,
  noticedAfter,
  stops,
  toSeconds,
  toShare,
} from '../../../demo/lab/page/exposure-scale.ts';
import { planOf, xOf } from '../../../demo/lab/page/exposure-svg.ts';
import { createCellIndex } from '../../../demo/lab/page/matrix-rows.ts';
import { aCatalogue, aCell, aProfile, aReport, aTheft, worksFor } from './_page-fixture.ts';

const test = suite('lab page: exposure');

const profiles = ['M00', 'M12', 'M33', 'D5', 'D6', 'AB5', 'M25'].map((id) => aProfile(id));
const catalogue = aCatalogue(profiles, [aTheft('T06')]);
const late = { first: 310, last: 3599, firstFailure: 3600, endedBy: 'exp' };
const index = createCellIndex(
  aReport(catalogue, [
    worksFor('M00', 'T06', 3599),
    worksFor('M12', 'T06', 3599),
    worksFor('M33', 'T06', null, { outcome: 'longer' }),
    aCell('D5', 'T06'),
    worksFor('D6', 'T06', 59, { outcome: 'narrowed' }),
    aCell('AB5', 'T06', { outcome: 'late', decidedBy: null, window: late }),
    aCell('M25', 'T06', { outcome: 'error' }),
  ]),
);
const bars = barsOf(profiles, ['T06'], index, 'elsewhere', true);

test('has an axis that is logarithmic from one second to seven days', () => {
  assert.is(toShare(1), 0);
  assert.is(toShare(604_800), 1);
  assert.is(toShare(0), 0);
  assert.is(toShare(10_000_000), 1);
  assert.ok(Math.abs(toShare(100) - 2 * toShare(10)) < 1e-9);
});

test('finds the time back from a place of the axis', () => {
  for (const seconds of [1, 59, 300, 3600, 604_800]) assert.is(toSeconds(toShare(seconds)), seconds);
  assert.is(toSeconds(-1), 1);
  assert.is(toSeconds(2), 604_800);
});

test('moves the ruler from stop to stop, and not beyond the ends', () => {
  assert.is(nextStop(3600, 1), 7200);
  assert.is(nextStop(3600, -1), 2700);
  assert.is(nextStop(3601, 1), 7200);
  assert.is(nextStop(3601, -1), 3600);
  assert.is(nextStop(1, -1), 1);
  assert.is(nextStop(604_800, 1), 604_800);
  assert.is(nextStop(3600, -99), stops[0]);
  assert.is(nextStop(3600, 99), stops.at(-1));
});

test('draws the longest first, and one bar for profiles with the same window', () => {
  assert.equal(
    bars.map((bar) => bar.profiles.map(({ id }) => id).join('+')),
    ['M33', 'M00+M12', 'AB5', 'D6', 'D5', 'M25'],
  );
  assert.is(barsOf(profiles, ['T06'], index, 'elsewhere', false).length, 7);
});

test('leaves out profiles that were not measured from this seat', () => {
  assert.is(barsOf(profiles, ['T06'], index, 'nat', true).length, 0);
});

test('has a span only where a window was measured', () => {
  const spans = Object.fromEntries(bars.map(({ profiles: [first], span }) => [first?.id, span]));
  assert.equal(spans['M33'], { first: 1, last: 604_800, endless: true });
  assert.equal(spans['AB5'], { first: 310, last: 3599, endless: false });
  assert.is(spans['D5'], null);
});

test('tells at a time what is over, what is open and what is not known', () => {
  const noticed = (seconds: number): string => bars.map((bar) => noticedAfter(bar, seconds)).join(' ');
  assert.is(noticed(3600), 'open over over over over unknown');
  assert.is(noticed(60), 'open open open over over unknown');
  assert.is(noticed(59), 'open open open open over unknown');
  assert.is(noticed(604_800), 'open over over over over unknown');
});

test('does not claim how long a theft works that was tried once', () => {
  const once = createCellIndex(
    aReport(catalogue, [aCell('M00', 'T06', { outcome: 'works', decidedBy: null })]),
  );
  const [bar] = barsOf(profiles, ['T06'], once, 'elsewhere', true);
  assert.is(bar === undefined ? '' : noticedAfter(bar, 60), 'unknown');
});

test('counts profiles, not bars, and leaves out those of which nothing is known', () => {
  const { open, over, total, unknown } = countNoticed(bars, 300);
  assert.equal([total, unknown], [6, 1]);
  assert.is(open.length + over.length, 5);
});

test('keeps the whole axis inside the drawing, wide and narrow', () => {
  for (const width of [320, 390, 640, 960, 1400]) {
    const plan = planOf(bars, width);
    assert.ok(plan.left >= 0 && plan.left < plan.right && plan.right < width, `at ${width}`);
    assert.is(xOf(plan, 1), plan.left);
    assert.is(xOf(plan, 604_800), plan.right);
    assert.ok(plan.bottom < plan.height);
  }
});

test.run();
