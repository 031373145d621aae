import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createCatalogue } from '../../../demo/lab/catalogue.ts';
import type { Cell, HonestCell, Report, RunEvent } from '../../../demo/lab/model.ts';
import { sourceOf } from '../../../demo/lab/page/file-source.ts';
import { createResults } from '../../../demo/lab/page/results.ts';
import { summaryOf } from '../../../demo/lab/page/strip.ts';
import { recordingOf } from './_recording.ts';

/** What is known: the report that the page began with, and what runs add to it. */

const test = suite('lab page: results');

const catalogue = createCatalogue();

const measured = { requests: 8, tries: 1, milliseconds: 20 };
const cell: Cell = {
  profile: 'M00',
  theft: 'T01',
  seat: 'elsewhere',
  outcome: 'works',
  window: { first: 1, last: 3599, firstFailure: 3600, endedBy: 'exp' },
  decidedBy: null,
  hurt: null,
  ...measured,
};
const quick: Cell = { ...cell, window: null };
const blocked: Cell = { ...quick, outcome: 'blocked', decidedBy: 'ip' };
const honest: HonestCell = {
  profile: 'M00',
  test: 'H01',
  outcome: 'refused',
  interruptions: 0,
  decidedBy: 'ip',
  requests: 2,
  milliseconds: 5,
};

function known(cells: readonly Cell[]): Report {
  const { profiles, thefts, honest: honestTests } = catalogue;
  return {
    schema: 1,
    tool: { name: 'holdfast-lab', version: catalogue.version },
    runtime: { node: 'v20', os: 'linux' },
    started: '2027-01-15T08:00:00.000Z',
    seconds: 60,
    mode: 'full',
    seats: ['elsewhere'],
    complete: true,
    time: 'world',
    processes: 'one',
    profiles,
    thefts,
    honestTests,
    cells,
    honest: [],
    cost: [],
  };
}

function tell(cell: Cell): RunEvent {
  return { type: 'cell', cell, done: 1 };
}

test('there is no report before anything was measured, and an incomplete one after that', () => {
  const results = createResults(catalogue, undefined);
  assert.is(results.report(), undefined);
  results.take({ type: 'run.start', run: '1', total: 1, mode: 'quick', seats: ['nat'] });
  results.take(tell({ ...quick, seat: 'nat' }));
  const report = results.report();
  assert.is(report?.complete, false);
  assert.is(report?.mode, 'quick');
  assert.equal(report?.seats, ['nat']);
  assert.is(report?.cells.length, 1);
});

test('what a run measures stands in the place of what was known', () => {
  const results = createResults(catalogue, known([cell]));
  results.take(tell(blocked));
  results.take(tell({ ...cell, seat: 'nat' }));
  assert.equal(results.report()?.cells, [blocked, { ...cell, seat: 'nat' }]);
});

test('a quick run that sees the same keeps the window that a full run has found', () => {
  const results = createResults(catalogue, known([cell]));
  results.take(tell(quick));
  assert.equal(results.report()?.cells, [cell]);
});

test('a quick run that finds Alice hurt is news', () => {
  const results = createResults(catalogue, known([cell]));
  const hurt: Cell = { ...quick, hurt: 'deny' };
  results.take(tell(hurt));
  assert.equal(results.report()?.cells, [hurt]);
});

test('a quick refusal confirms a window that opens later, and denies one that is open at once', () => {
  const late: Cell = {
    ...cell,
    outcome: 'late',
    window: { first: 310, last: 3599, firstFailure: 3600, endedBy: 'exp' },
  };
  const results = createResults(catalogue, known([late]));
  results.take(tell({ ...blocked, decidedBy: 'jti' }));
  assert.equal(results.report()?.cells, [late]);
});

test('watchers hear of every event, until they stop', () => {
  const results = createResults(catalogue, undefined);
  const heard: (string | undefined)[] = [];
  const stop = results.watch((event) => heard.push(event?.type));
  results.take(tell(quick));
  results.take({ type: 'honest', cell: honest, done: 2 });
  stop();
  results.take(tell(blocked));
  assert.equal(heard, ['cell', 'honest']);
  assert.equal(results.report()?.honest, [honest]);
});

test('a profile is summed up by how many thefts work, how long, and whom it hurts', () => {
  const report = { ...known([cell, { ...blocked, theft: 'T02' }]), honest: [honest] };
  const texts = summaryOf(report.cells, report, 'M00');
  assert.equal(texts, ['1 of 2 thefts work', 'longest 1 h', '1 of 1 honest users hurt']);
});

test('a saved report replays what it holds, and runs nothing', async () => {
  const recording = recordingOf([], { profile: 'D5', theft: 'T02', wait: 1 });
  const source = sourceOf({ catalogue, report: known([cell]), recordings: [recording] });
  const ask = { profile: 'D5', theft: 'T02', seat: 'elsewhere', wait: 310, without: [] } as const;
  assert.is(source.live, false);
  assert.is(await source.record(ask), recording);
  assert.is(await source.record({ ...ask, seat: 'nat' }), undefined);
  assert.is(await source.record({ ...ask, without: ['jti'] }), undefined);
  const refused = await source.export('csv', known([cell]), []).catch((error: Error) => error.message);
  assert.match(String(refused), /runs nothing/);
});

test.run();
