import type { Cell, Report } from '../model.ts';

/**
 * Which thefts each check alone keeps out: the library's own mutation test. With one check off, or one mistake made,
 * exactly these cells change against the row that it is based on; every other stays as it is.
 */
export const flips: Readonly<
  Record<string, { readonly basedOn: string; readonly thefts: readonly string[] }>
> = {};

/** Cells that flipped and should not have, and those that should have. */
export function findWrongFlips(report: Report): readonly string[] {
  return Object.entries(flips).flatMap(([profile, { basedOn, thefts }]) => {
    const flipped = findFlips(report, profile, basedOn);
    const unexpected = flipped.filter((theft) => !thefts.includes(theft));
    const missing = thefts.filter((theft) => !flipped.includes(theft));
    return [
      ...unexpected.map((theft) => `${profile}: ${theft} flipped, which another check should keep out`),
      ...missing.map((theft) => `${profile}: ${theft} did not flip: what keeps it out?`),
    ];
  });
}

/** Thefts whose outcome differs between two rows, from elsewhere, at what a quick run can see. */
export function findFlips({ cells }: Report, profile: string, basedOn: string): readonly string[] {
  const row = (id: string): Map<string, Cell> =>
    new Map(
      cells
        .filter((cell) => cell.profile === id && cell.seat === 'elsewhere')
        .map((cell) => [cell.theft, cell]),
    );
  const before = row(basedOn);
  return [...row(profile)].flatMap(([theft, cell]) => {
    const base = before.get(theft);
    return base === undefined || isSame(cell, base) ? [] : [theft];
  });
}

function isSame(one: Cell, other: Cell): boolean {
  return one.outcome === other.outcome && (one.hurt === null) === (other.hurt === null);
}
