import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { placeOf } from '../../../demo/lab/page/parties.ts';
import { toStops, travelOf } from '../../../demo/lab/page/player.ts';
import { fit } from '../../../demo/lab/page/stage-draw.ts';
import { drawnIndexes, layOut, type Row } from '../../../demo/lab/page/stage-layout.ts';
import { findDecisive, findUse, findUses } from '../../../demo/lab/page/uses.ts';
import { answer, exchange, loot, type Plain, recordingOf, request, start } from './_recording.ts';

/** Where things stand on the stage, and what counts as the theft. */

const test = suite('lab page: stage');

const signIn = [...exchange(1, 'alice', 'issuer'), ...exchange(2, 'alice', 'issuer')];
const stolen: readonly Plain[] = [start, ...exchange(3, 'alice', 'bank-a'), loot];

function rowsOf(events: readonly Plain[], whole = false): readonly Row[] {
  return layOut(recordingOf(events), 600, 16, whole).rows;
}

function textsOf(rows: readonly Row[]): readonly string[] {
  return rows.map((row) => (row.kind === 'more' ? row.text : row.event.type));
}

test('life lines stand from the victim to the thief, for those who take part', () => {
  const events = [...stolen, ...exchange(4, 'thief', 'bank-b'), ...exchange(5, 'alice', 'issuer')];
  const { lanes, width } = layOut(recordingOf(events), 600, 16);
  assert.equal(
    lanes.map(({ party }) => party),
    ['alice', 'issuer', 'bank-a', 'bank-b', 'thief'],
  );
  const xs = lanes.map(({ x }) => x);
  assert.equal(
    xs,
    xs.toSorted((a, b) => a - b),
  );
  assert.ok(xs.every((x) => x > 0 && x < width));
});

test('rows stand one below the other, and arrows end at the life lines', () => {
  const { rows, lanes } = layOut(recordingOf([...stolen, ...exchange(4, 'thief', 'bank-a', 'jkt')]), 600, 16);
  for (const [index, row] of rows.entries()) {
    const next = rows[index + 1];
    if (next !== undefined) assert.is(next.top, row.top + row.height);
  }
  const x = (party: string): number | undefined => lanes.find((lane) => lane.party === party)?.x;
  const last = rows.at(-1);
  assert.is(last?.from, x('bank-a'));
  assert.is(last?.to, x('thief'));
});

test('the sign-in is one row, unless it is asked for', () => {
  const events = [...signIn, ...stolen];
  assert.equal(textsOf(rowsOf(events)), ['Alice signs in: 2 requests', 'request', 'response', 'loot']);
  assert.is(rowsOf(events, true).length, 8);
});

test('twenty requests at once are two, and a number', () => {
  const ids = Array.from({ length: 20 }, (_, index) => index + 4);
  const many = [...ids.map((id) => request(id, 'thief', 'bank-a')), ...ids.map((id) => answer(id, 'jti'))];
  const texts = textsOf(rowsOf([...stolen, ...many])).slice(3);
  assert.equal(texts, [
    'request',
    '18 more like this',
    'request',
    'response',
    '18 more like this',
    'response',
  ]);
});

test('the one accepted among the refused is not folded away', () => {
  const many = Array.from({ length: 20 }, (_, index) =>
    exchange(index + 4, 'thief', 'bank-a', index === 9 ? null : 'jti'),
  ).flat();
  const rows = rowsOf([...stolen, ...many]).filter(
    (row) => row.kind === 'message' && row.event.type === 'response',
  );
  const ids = rows.map((row) => (row.kind === 'message' ? row.exchange.id : 0));
  assert.ok(ids.includes(13), ids.join());
  assert.ok(rows.length < 10);
});

test('different requests in a row all stay', () => {
  const many = Array.from({ length: 8 }, (_, index) =>
    request(index + 4, 'thief', 'bank-a', { url: `http://127.0.0.3/page-${index}` }),
  );
  assert.is(rowsOf([...stolen, ...many]).length, 3 + 8);
});

test('loot lies where its text says', () => {
  assert.is(placeOf("entry 1 of bank A's debug log"), 'bank-a');
  assert.is(placeOf("the bank's page in Alice's browser"), 'alice');
  assert.is(placeOf("the issuer's tables and the bank's session store"), 'issuer');
  assert.is(placeOf("the mail service's memory"), 'mail');
  assert.is(placeOf('the proxy, which never sent it on'), 'proxy');
  assert.is(placeOf('1193 bytes from the wire'), 'alice');
});

test('loot is of use from the theft to the first failure after the last success', () => {
  const events = [...stolen, ...exchange(4, 'thief', 'bank-a'), ...exchange(5, 'thief', 'bank-a', 'exp')];
  assert.equal(findUse(recordingOf(events, { outcome: 'works' })), { from: 3, to: 7 });
});

test('loot that was of no use has no band on the stage', () => {
  const recording = recordingOf([...stolen, ...exchange(4, 'thief', 'bank-a', 'jkt')]);
  assert.is(findUse(recording), undefined);
  assert.is(layOut(recording, 600, 16).use, undefined);
});

test('loot that works late is of use from its first success', () => {
  const events = [...stolen, ...exchange(4, 'thief', 'bank-a', 'jti'), ...exchange(5, 'thief', 'bank-a')];
  assert.equal(findUse(recordingOf(events, { outcome: 'late' })), { from: 7, to: 8 });
});

test('a script that sends nothing itself uses the request of Alice after its last words', () => {
  const words: Plain = { type: 'say', who: 'thief', text: 'The script asks.' };
  const events = [...stolen, words, ...exchange(4, 'alice', 'bank-a'), ...exchange(5, 'alice', 'bank-a')];
  const uses = findUses(recordingOf(events, { outcome: 'works' }));
  assert.equal(
    uses.map(({ id }) => id),
    [4],
  );
});

test('the try turned on the exchange that its check decided', () => {
  const tries = [...exchange(4, 'thief', 'bank-a', 'jkt'), ...exchange(5, 'thief', 'bank-a', 'scheme')];
  const events = [...stolen, ...tries, ...exchange(6, 'alice', 'bank-a')];
  assert.is(findDecisive(recordingOf(events, { decidedBy: 'jkt' }))?.id, 4);
  assert.is(findDecisive(recordingOf(events, { decidedBy: 'scheme' }))?.id, 5);
});

test('harm turned on what Alice was refused', () => {
  const events = [start, ...exchange(4, 'thief', 'bank-a'), ...exchange(5, 'alice', 'bank-a', 'deny')];
  assert.is(findDecisive(recordingOf(events, { outcome: 'harm', decidedBy: 'deny' }))?.id, 5);
});

test('playing rests at each drawn event, and ends at the last of all', () => {
  const end: Plain = { type: 'end', outcome: 'blocked', decidedBy: null, hurt: null, text: 'Refused.' };
  const recording = recordingOf([...stolen, end]);
  assert.equal(toStops(drawnIndexes(recording), recording.events.length), [0, 2, 3, 5]);
  assert.equal(toStops([], 0), [0]);
});

test('a message travels 350 ms, less at a higher speed and in a long recording', () => {
  const [event] = recordingOf(exchange(1, 'alice', 'bank-a')).events;
  assert.is(travelOf(event, 1, 20), 350);
  assert.is(travelOf(event, 2, 20), 175);
  assert.is(travelOf(event, 0.25, 20), 1400);
  assert.ok(travelOf(event, 1, 500) < 50);
});

test('a label that is too long for its place ends in an ellipsis', () => {
  assert.is(fit('GET /accounts', 200, 8), 'GET /accounts');
  assert.is(fit('GET /accounts', 64, 8), 'GET /ac…');
});

test.run();
