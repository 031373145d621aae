import type { Report } from '../model.ts';
import { deviationOf, honestDeviationOf } from '../report/deviation.ts';

/** Cells of a report that are not as in another; cells that only one of them has are not compared. */
export function findDifferences(report: Report, expected: Report): readonly string[] {
  const cells = new Map(expected.cells.map((cell) => [`${cell.profile} ${cell.theft} ${cell.seat}`, cell]));
  const honest = new Map(expected.honest.map((cell) => [`${cell.profile} ${cell.test}`, cell]));
  const mode = report.mode === 'full' && expected.mode === 'full' ? 'full' : 'quick';
  return [
    ...report.cells.flatMap((cell) => {
      const name = `${cell.profile} ${cell.theft} ${cell.seat}`;
      const other = cells.get(name);
      return tell(name, other && deviationOf(cell, other, mode));
    }),
    ...report.honest.flatMap((cell) => {
      const name = `${cell.profile} ${cell.test}`;
      const other = honest.get(name);
      return tell(name, other && honestDeviationOf(cell, other));
    }),
  ];
}

function tell(name: string, deviation: string | undefined): string[] {
  return deviation === undefined ? [] : [`${name}: ${deviation}`];
}

/** What one report has measured and the other has not. */
export function findMissing(report: Report, expected: Report): readonly string[] {
  const names = ({ cells, honest }: Report): string[] => [
    ...cells.map((cell) => `${cell.profile} ${cell.theft} ${cell.seat}`),
    ...honest.map((cell) => `${cell.profile} ${cell.test}`),
  ];
  const there = new Set(names(report));
  return names(expected).filter((name) => !there.has(name));
}
