import type { Cell, Report } from '../model.ts';

/**
 * Which thefts each check alone keeps out: the library's own mutation test. With one check off, or one mistake made,
 * exactly these cells change against the row that it is based on; every other stays as it is.
 */

interface Flips {
  readonly basedOn: string;
  readonly thefts: readonly string[];
  /** What a try at one second does not show: the theft works later, or for another time. */
  readonly windows?: readonly string[];
}

export const flips: Readonly<Record<string, Flips>> = {
  AB0: { basedOn: 'D5', thefts: ['T42'] },
  AB1: {
    basedOn: 'D5',
    thefts: ['T01', 'T08', 'T09', 'T14', 'T19', 'T21', 'T22', 'T23', 'T38', 'T39', 'T42'],
  },
  AB2: { basedOn: 'D5', thefts: ['T43'] },
  AB3: { basedOn: 'D5', thefts: ['T08', 'T36', 'T44', 'T45'] },
  AB4: { basedOn: 'D5', thefts: ['T12', 'T13'] },
  // Without an age the time that never falls has nothing to act upon.
  AB5: { basedOn: 'D5', thefts: ['T29'], windows: ['T02', 'T05', 'T06', 'T25'] },
  AB5s: { basedOn: 'D5', thefts: [], windows: ['T06'] },
  AB6: { basedOn: 'D5', thefts: ['T02', 'T05', 'T25', 'T30', 'T31', 'T32', 'T34', 'T35'] },
  AB7: { basedOn: 'D5', thefts: ['T30'] },
  AB8s: { basedOn: 'D5', thefts: ['T32'] },
  AB8: { basedOn: 'AB8s', thefts: ['T31'] },
  AB9: { basedOn: 'D5', thefts: ['T29'] },
  DB1: { basedOn: 'D5', thefts: ['T14', 'T17', 'T18', 'T19', 'T26'] },
  // The thief tries both schemes, so a bound token that passes as Bearer is a plain one.
  DB2: {
    basedOn: 'D5',
    thefts: ['T01', 'T08', 'T09', 'T12', 'T13', 'T14', 'T19', 'T21', 'T22', 'T23', 'T33', 'T38', 'T39'],
  },
  DB3: { basedOn: 'D5', thefts: ['T35'] },
  DB4: { basedOn: 'D5', thefts: ['T36'] },
  DB5: { basedOn: 'D5', thefts: ['T05'] },
  DB6: { basedOn: 'D5', thefts: ['T27'], windows: ['T28'] },
  DB7: { basedOn: 'D5', thefts: ['T27'] },
  DB8: { basedOn: 'D5', thefts: ['T34'] },
  DB9: { basedOn: 'D5', thefts: ['T35', 'T36'] },
  DB10: { basedOn: 'D5', thefts: ['T45'] },
  D5: { basedOn: 'D4', thefts: ['T29', 'T30', 'T31', 'T32'] },
};

/** Cells that flipped and should not have, and those that should have. */
export function findWrongFlips(report: Report): readonly string[] {
  return Object.entries(flips).flatMap(([profile, expected]) => {
    const wanted =
      report.mode === 'full' ? [...expected.thefts, ...(expected.windows ?? [])] : expected.thefts;
    const flipped = findFlips(report, profile, expected.basedOn);
    const unexpected = flipped.filter((theft) => !wanted.includes(theft));
    const missing = wanted.filter((theft) => !flipped.includes(theft));
    return [
      ...unexpected.map((theft) => `${profile}: ${theft} flipped, which another check should keep out`),
      ...missing.map((theft) => `${profile}: ${theft} did not flip: what keeps it out?`),
    ];
  });
}

/** Thefts that come out otherwise in one row than in the other, with the thief elsewhere. */
function findFlips({ cells }: Report, profile: string, basedOn: string): readonly string[] {
  const rowOf = (id: string): Cell[] =>
    cells.filter((cell) => cell.profile === id && cell.seat === 'elsewhere');
  const before = new Map(rowOf(basedOn).map((cell) => [cell.theft, cell]));
  return rowOf(profile).flatMap((cell) => {
    const base = before.get(cell.theft);
    return base === undefined || isSame(cell, base) ? [] : [cell.theft];
  });
}

function isSame(one: Cell, other: Cell): boolean {
  const isSameEnd = Math.abs((one.window?.last ?? 0) - (other.window?.last ?? 0)) <= 2;
  return one.outcome === other.outcome && (one.hurt === null) === (other.hurt === null) && isSameEnd;
}
