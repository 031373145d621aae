import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { RunEvent } from '../../../demo/lab/model.ts';
import { collectCells } from '../../../demo/lab/page/matrix-feed.ts';
import { createResults } from '../../../demo/lab/page/results.ts';
import { aCatalogue, aCell, aProfile, aTheft } from './_page-fixture.ts';

const test = suite('lab page: feed of a run');

function aFeed(): {
  readonly told: string[][];
  readonly take: (event: RunEvent) => void;
  readonly flush: () => void;
} {
  const results = createResults(aCatalogue([aProfile('D5')], [aTheft('T01'), aTheft('T02')]), undefined);
  const told: string[][] = [];
  const feed = collectCells(results, 60_000, (cells) => told.push([...cells]));
  return { told, take: results.take, flush: feed.flush };
}

test('tells of many cells at once, and of each only once', () => {
  const { told, take, flush } = aFeed();
  take({ type: 'cell', cell: aCell('D5', 'T01'), done: 1 });
  take({ type: 'cell', cell: aCell('D5', 'T02'), done: 2 });
  take({ type: 'cell', cell: aCell('D5', 'T01'), done: 3 });
  assert.equal(told, []);
  flush();
  assert.equal(told, [['D5/T01', 'D5/T02']]);
  flush();
  assert.equal(told[1], []);
});

test('tells of the row of an honest user', () => {
  const { told, take, flush } = aFeed();
  const measured = { interruptions: 0, decidedBy: null, requests: 1, milliseconds: 1 };
  take({ type: 'honest', cell: { profile: 'D5', test: 'H01', outcome: 'fine', ...measured }, done: 1 });
  flush();
  assert.equal(told, [['D5/']]);
});

test.run();
