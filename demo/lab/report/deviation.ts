import type { Cell, HonestCell, Mode, Outcome, Seconds } from '../model.ts';

/** Where a measurement is not what a report says that it should be. */

// Claims are in whole seconds, and each end of a window is found to the second.
const tolerance: Seconds = 2;

/** What differs, in a few words; nothing where both agree. A quick run knows nothing of windows. */
export function deviationOf(cell: Cell, expected: Cell, mode: Mode): string | undefined {
  const quick = mode === 'quick';
  const outcomes = quick ? [early(cell.outcome), early(expected.outcome)] : [cell.outcome, expected.outcome];
  const differences = [
    differ('outcome', outcomes[0], outcomes[1]),
    isUntold(expected.outcome, quick) ? undefined : differ('decided by', cell.decidedBy, expected.decidedBy),
    differ('hurts Alice', cell.hurt, expected.hurt),
    ...(quick ? [] : windowDifferences(cell, expected)),
  ];
  return join(differences);
}

export function honestDeviationOf(cell: HonestCell, expected: HonestCell): string | undefined {
  return join([
    differ('outcome', cell.outcome, expected.outcome),
    differ('decided by', cell.decidedBy, expected.decidedBy),
    differ('interruptions', cell.interruptions, expected.interruptions),
  ]);
}

/** What ended a window is nothing that a quick run could see. */
function isUntold(outcome: Outcome, quick: boolean): boolean {
  return quick && (outcome === 'late' || early(outcome) === 'works');
}

/** What one try, a second after the theft, can tell. */
function early(outcome: Outcome): Outcome {
  if (outcome === 'narrowed' || outcome === 'longer') return 'works';
  return outcome === 'late' ? 'blocked' : outcome;
}

function windowDifferences({ window: left }: Cell, { window: right }: Cell): readonly (string | undefined)[] {
  if (left === null || right === null) return [differ('window', left && 'measured', right && 'measured')];
  return [
    differTime('first success', left.first, right.first),
    differTime('last success', left.last, right.last),
    differTime('first failure', left.firstFailure, right.firstFailure),
    differ('ended by', left.endedBy, right.endedBy),
  ];
}

function differTime(what: string, left: Seconds | null, right: Seconds | null): string | undefined {
  const near = left !== null && right !== null && Math.abs(left - right) <= tolerance;
  return near ? undefined : differ(what, left, right);
}

function differ(what: string, left: unknown, right: unknown): string | undefined {
  return left === right ? undefined : `${what} ${left ?? 'none'} instead of ${right ?? 'none'}`;
}

function join(differences: readonly (string | undefined)[]): string | undefined {
  const there = differences.filter((difference) => difference !== undefined);
  return there.length === 0 ? undefined : there.join(', ');
}
