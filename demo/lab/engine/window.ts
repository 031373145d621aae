import type { CellWindow, CheckId, Seconds } from '../model.ts';

/** For how long loot can be used: looked for with tries, each in a fresh world. */

/** What the search needs to know of a try. */
export interface Probe {
  readonly result: 'success' | 'refused' | 'void';
  readonly decidedBy: CheckId | null;
}

/** How far and how finely a search looks. */
export interface SearchLimits {
  /** Where a theft that failed at first may work later: when a memory has forgotten, or a cache has gone. */
  readonly lateProbes: readonly Seconds[];
  /** Where the search ends. */
  readonly horizon: Seconds;
  /** By how much each try is later than the one before, on the way out. */
  readonly stride: number;
  readonly precision: Seconds;
}

export const worldLimits: SearchLimits = {
  lateProbes: [30, 120, 310, 400, 1500],
  horizon: 7 * 86_400,
  stride: 8,
  precision: 1,
};

/** Every try really takes its time. */
export const realLimits: SearchLimits = { lateProbes: [5, 9], horizon: 32, stride: 2, precision: 0.5 };

/**
 * The window of a theft whose try at one second is `first`; `undefined` where no try succeeded.
 *
 * Goes out in strides until a try fails or a week is over, then halves what lies between. The hints are tried first in
 * there, since most windows end where some lifetime does; they only save tries.
 */
export async function searchWindow(
  first: Probe,
  attempt: (wait: Seconds) => Promise<Probe>,
  hints: readonly Seconds[],
  limits: SearchLimits = worldLimits,
): Promise<CellWindow | undefined> {
  const begun = first.result === 'success' ? 1 : await findLate(attempt, limits);
  if (begun === undefined) return undefined;
  let last = begun;
  let failed = await strideOut(begun, limits, attempt, (wait) => {
    last = wait;
  });
  if (failed === undefined) return { first: begun, last, firstFailure: null, endedBy: null };
  const points = hints.flatMap((hint) => [hint - 1, hint + 1]);
  while (failed.wait - last > limits.precision) {
    const wait = nextBetween(last, failed.wait, points, limits);
    const probe = await attempt(wait);
    if (probe.result === 'success') last = wait;
    else failed = { wait, decidedBy: probe.decidedBy };
  }
  return { first: begun, last, firstFailure: failed.wait, endedBy: failed.decidedBy };
}

async function findLate(
  attempt: (wait: Seconds) => Promise<Probe>,
  { lateProbes }: SearchLimits,
): Promise<Seconds | undefined> {
  for (const wait of lateProbes) if ((await attempt(wait)).result === 'success') return wait;
  return undefined;
}

interface Failure {
  readonly wait: Seconds;
  readonly decidedBy: CheckId | null;
}

async function strideOut(
  from: Seconds,
  { horizon, stride }: SearchLimits,
  attempt: (wait: Seconds) => Promise<Probe>,
  succeeded: (wait: Seconds) => void,
): Promise<Failure | undefined> {
  for (let wait = from; wait < horizon; ) {
    wait = Math.min(wait * stride, horizon);
    const probe = await attempt(wait);
    if (probe.result !== 'success') return { wait, decidedBy: probe.decidedBy };
    succeeded(wait);
  }
  return undefined;
}

/** A hint that lies strictly between, else the middle. */
function nextBetween(
  low: Seconds,
  high: Seconds,
  points: readonly Seconds[],
  { precision }: SearchLimits,
): Seconds {
  const inside = points.filter((point) => point > low && point < high);
  return inside[Math.floor(inside.length / 2)] ?? Math.floor((low + high) / 2 / precision) * precision;
}
