import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type Probe, realLimits, searchWindow } from '../../../demo/lab/engine/window.ts';

/** The search for how long loot works, on thefts whose answer is known. */

const test = suite('lab/window');

const success: Probe = { result: 'success', decidedBy: null };
const refused: Probe = { result: 'refused', decidedBy: 'exp' };

/** A theft that works from one moment to another, inclusive; and how often it was tried. */
function between(
  from: number,
  to: number,
): { readonly attempt: (wait: number) => Promise<Probe>; readonly waits: number[] } {
  const waits: number[] = [];
  return {
    waits,
    attempt: async (wait) => {
      waits.push(wait);
      return wait >= from && wait <= to ? success : refused;
    },
  };
}

for (const end of [1, 2, 7, 8, 59, 300, 3599, 86_400, 604_799]) {
  test(`finds the second in which a theft ends that works for ${end} s`, async () => {
    const { attempt } = between(0, end);
    const window = await searchWindow(success, attempt, []);
    assert.equal(window, { first: 1, last: end, firstFailure: end + 1, endedBy: 'exp' });
  });
}

test('a theft that works for the whole week has no end', async () => {
  const window = await searchWindow(success, between(0, Number.POSITIVE_INFINITY).attempt, []);
  assert.equal(window, { first: 1, last: 604_800, firstFailure: null, endedBy: null });
});

test('a theft that never works has no window', async () => {
  assert.is(await searchWindow(refused, between(1, 0).attempt, []), undefined);
});

test('a theft that fails at first and works later is found', async () => {
  const window = await searchWindow(refused, between(305, 3599).attempt, []);
  assert.equal(window, { first: 310, last: 3599, firstFailure: 3600, endedBy: 'exp' });
});

test('hints save tries and change nothing of the answer', async () => {
  const [plain, hinted] = [between(0, 3599), between(0, 3599)];
  const windows = [
    await searchWindow(success, plain.attempt, []),
    await searchWindow(success, hinted.attempt, [300, 3600]),
  ];
  assert.equal(windows[0], windows[1]);
  assert.ok(hinted.waits.length < plain.waits.length);
  const wrong = await searchWindow(success, between(0, 777).attempt, [300, 3600, 60]);
  assert.equal(wrong, { first: 1, last: 777, firstFailure: 778, endedBy: 'exp' });
});

test('what really waits looks less far, and finer', async () => {
  const { attempt, waits } = between(0, 5.9);
  const window = await searchWindow(success, attempt, [], realLimits);
  assert.ok(window !== undefined && window.firstFailure !== null);
  assert.ok(window.last <= 5.9 && window.firstFailure > 5.9 && window.firstFailure - window.last <= 0.5);
  assert.ok(waits.reduce((sum, wait) => sum + wait, 0) < 60);
});

test.run();
