import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createCatalogue } from '../../../demo/lab/catalogue.ts';
import type { CellWindow } from '../../../demo/lab/model.ts';
import { firstChoice, isKnown, readChoice, sameCell } from '../../../demo/lab/page/choice.ts';
import { secondsLeft } from '../../../demo/lab/page/counter.ts';
import { readWait, toClock, toWindowText, waitsWith } from '../../../demo/lab/page/duration.ts';
import { readRoute, toHash } from '../../../demo/lab/page/route.ts';
import { recordingOf } from './_recording.ts';

/** Addresses of the page, and the times in them. */

const test = suite('lab page: addresses and times');

const catalogue = createCatalogue();

const hour: CellWindow = { first: 1, last: 3599, firstFailure: 3600, endedBy: 'exp' };

test('an address names view, cell and query', () => {
  const { view, path, query } = readRoute('#/cell/D5/T06?seat=nat&t=30');
  assert.is(view, 'cell');
  assert.equal(path, ['D5', 'T06']);
  assert.equal(Object.fromEntries(query), { seat: 'nat', t: '30' });
  assert.is(toHash('cell', ['D5', 'T06'], { seat: 'nat', t: '30' }), '#/cell/D5/T06?seat=nat&t=30');
});

test('whatever stands in an address comes through it unharmed', () => {
  for (const text of ['a/b', 'a?b', '100 %', '<b>', 'ä'])
    assert.equal(readRoute(toHash('cell', [text], { t: text })).path, [text]);
  assert.equal(readRoute('#/cell/%E0%A4%A').path, ['%E0%A4%A']);
  assert.is(readRoute('').view, '');
});

test('an address chooses a cell, and what it leaves out is as at the beginning', () => {
  const query = new URLSearchParams('t=310');
  assert.equal(readChoice(['D5', 'T06'], query, 'nat'), {
    profile: 'D5',
    theft: 'T06',
    seat: 'nat',
    wait: 310,
    without: [],
  });
  assert.ok(sameCell(readChoice([], new URLSearchParams(), 'nat'), firstChoice('nat')));
  assert.not(sameCell(firstChoice('nat'), firstChoice('country')));
});

test('a cell that there is none of is not known', () => {
  assert.ok(isKnown(readChoice(['D5', 'T06'], new URLSearchParams(), 'nat'), catalogue));
  assert.not(isKnown(readChoice(['D99', 'T06'], new URLSearchParams(), 'nat'), catalogue));
  assert.not(isKnown(readChoice(['D5', 'T99'], new URLSearchParams(), 'nat'), catalogue));
});

test('a wait is a whole number of seconds up to seven days, else one second', () => {
  assert.is(readWait('30'), 30);
  assert.is(readWait('604800'), 604_800);
  for (const text of [null, '-1', '1.5', 'x', '604801', '1e9']) assert.is(readWait(text), 1, String(text));
});

test('a wait that is no usual one can be seen among them', () => {
  assert.ok(waitsWith(42).includes(42));
  assert.is(waitsWith(30).length, waitsWith(1).length);
});

test('a clock shows hours, minutes and seconds, and days before them', () => {
  assert.is(toClock(3598), '00:59:58');
  assert.is(toClock(2 * 86_400 + 79_200), '2 d 22:00:00');
  assert.is(toClock(-3), '00:00:00');
});

test('a window is told in words', () => {
  assert.is(toWindowText({ ...hour, last: 299 }), 'works for 5 min after the theft');
  assert.is(toWindowText({ ...hour, first: 310 }), 'works from 5 min to 1 h after the theft');
  assert.is(toWindowText({ ...hour, firstFailure: null, endedBy: null }), 'works without end');
});

test('what is left of a window is what the thief has not waited', () => {
  const works = recordingOf([], { outcome: 'works', wait: 30 });
  assert.is(secondsLeft(works, hour), 3569);
  assert.is(secondsLeft(works, { ...hour, firstFailure: null }), Number.POSITIVE_INFINITY);
});

test('nothing is counted for a thief who failed, who came too late, or for whom a check was off', () => {
  assert.is(secondsLeft(recordingOf([]), hour), undefined);
  assert.is(secondsLeft(recordingOf([], { outcome: 'works', wait: 3600 }), hour), undefined);
  assert.is(secondsLeft(recordingOf([], { outcome: 'works', without: ['jkt'] }), hour), undefined);
});

test.run();
