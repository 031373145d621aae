import type { Catalogue, ProfileInfo, Seat } from '../model.ts';
import { seatText } from './cell-marks.ts';
import { type CellIndex, type Change, compareCells } from './matrix-rows.ts';

/** What becomes different when the thief takes another seat. */

export interface Flip {
  readonly profile: string;
  readonly theft: string;
  readonly change: Change;
}

// The checks that judge from where a request comes.
const addressChecks: ReadonlySet<string> = new Set(['ip', 'geo']);

/** Cells that are known for both seats and differ. */
export function flipsBetween(
  { profiles, thefts }: Pick<Catalogue, 'profiles' | 'thefts'>,
  index: CellIndex,
  from: Seat,
  to: Seat,
): readonly Flip[] {
  return profiles.flatMap(({ id: profile }) =>
    thefts
      .map(({ id: theft }): Flip => {
        const change = compareCells(index.cell(profile, theft, from), index.cell(profile, theft, to));
        return { profile, theft, change };
      })
      .filter(({ change }) => change !== 'same' && change !== 'unknown'),
  );
}

/** `33 cells changed, all in rows that look at addresses.` */
export function flipSentence(flips: readonly Flip[], profiles: readonly ProfileInfo[], to: Seat): string {
  const where = `Thief ${seatText(to)}`;
  if (flips.length === 0) return `${where}: no cell changed.`;
  const rows = profiles.filter(({ id }) => flips.some(({ profile }) => profile === id));
  const cells = flips.length === 1 ? '1 cell changed' : `${flips.length} cells changed`;
  return `${where}: ${cells}, ${inRows(rows)}.`;
}

function inRows(rows: readonly ProfileInfo[]): string {
  if (rows.every(looksAtAddresses)) {
    return rows.length === 1
      ? `all in the row of ${rows[0]?.id}, which looks at addresses`
      : `all in the ${rows.length} rows that look at addresses`;
  }
  const names = rows.map(({ id }) => id);
  return `in ${names.slice(0, 6).join(', ')}${names.length > 6 ? ` and ${names.length - 6} more rows` : ''}`;
}

function looksAtAddresses({ adds }: ProfileInfo): boolean {
  return adds.some((check) => addressChecks.has(check));
}

/** What a run still has to measure for a seat; `undefined` where everything is known. */
export function missingFor(
  { profiles, thefts }: Pick<Catalogue, 'profiles' | 'thefts'>,
  index: CellIndex,
  seat: Seat,
): { readonly profiles: readonly string[]; readonly thefts: readonly string[] } | undefined {
  const lacks = (profile: string, theft: string): boolean => index.cell(profile, theft, seat) === undefined;
  const rows = profiles.filter((profile) => thefts.some((theft) => lacks(profile.id, theft.id)));
  const columns = thefts.filter((theft) => rows.some((profile) => lacks(profile.id, theft.id)));
  if (rows.length === 0) return undefined;
  return { profiles: rows.map(({ id }) => id), thefts: columns.map(({ id }) => id) };
}
