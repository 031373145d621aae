import type { Cell, CheckId, ProfileInfo, Seat, Seconds } from '../model.ts';
import { durationText, longestWindow, shortText } from './cell-marks.ts';
import { type CellIndex, foldRows, gain } from './matrix-rows.ts';

/** The time axis of the exposure chart, and what stands on it. */

/** One bar: profiles whose window for a theft is the same. */
export interface Bar {
  readonly profiles: readonly ProfileInfo[];
  readonly theft: string;
  readonly cell: Cell;
  /** First and last success; `null` where nothing succeeded, or how long is not known. */
  readonly span: { readonly first: Seconds; readonly last: Seconds; readonly endless: boolean } | null;
  readonly firstFailure: Seconds | null;
  readonly endedBy: CheckId | null;
}

/** What a bar is to somebody who notices after a time. */
export type Noticed = 'over' | 'open' | 'unknown';

/** The lines of the axis. */
export const ticks: readonly Seconds[] = [1, 10, 60, 300, 3600, 86_400, 259_200, longestWindow];

/** 0 for a second and less, 1 for seven days and more. */
export function toShare(seconds: Seconds): number {
  return Math.min(1, Math.max(0, Math.log(Math.max(1, seconds)) / Math.log(longestWindow)));
}

/** The other way round, in whole seconds. */
export function toSeconds(share: number): Seconds {
  return Math.round(longestWindow ** Math.min(1, Math.max(0, share)));
}

/** Times that the ruler rests on when moved by keys: a handful in each decade. */
export const stops: readonly Seconds[] = [
  ...[1, 2, 5, 10, 15, 20, 30, 45],
  ...[1, 2, 3, 5, 10, 15, 20, 30, 45].map((minutes) => minutes * 60),
  ...[1, 2, 3, 6, 12].map((hours) => hours * 3600),
  ...[1, 2, 3, 4, 5, 6, 7].map((days) => days * 86_400),
];

/** The next stop that way; `steps` may be negative. */
export function nextStop(seconds: Seconds, steps: number): Seconds {
  const last = stops.length - 1;
  const above = stops.findIndex((stop) => stop > seconds);
  const below = stops.findLastIndex((stop) => stop < seconds);
  const at = steps > 0 ? (above < 0 ? last : above + steps - 1) : below + steps + 1;
  return stops[Math.min(last, Math.max(0, at))] ?? seconds;
}

/** The longest first; profiles with the same window share a bar when `fold` is on. */
export function barsOf(
  profiles: readonly ProfileInfo[],
  thefts: readonly string[],
  index: CellIndex,
  seat: Seat,
  fold: boolean,
): readonly Bar[] {
  return thefts
    .flatMap((theft) => barsOfTheft(profiles, theft, index, seat, fold))
    .toSorted((a, b) => weight(b) - weight(a));
}

function barsOfTheft(
  profiles: readonly ProfileInfo[],
  theft: string,
  index: CellIndex,
  seat: Seat,
  fold: boolean,
): readonly Bar[] {
  const measured = profiles.filter(({ id }) => index.cell(id, theft, seat) !== undefined);
  const keyOf = ({ id }: ProfileInfo): string => (fold ? barKey(index.cell(id, theft, seat) as Cell) : id);
  return foldRows(measured, keyOf).map(({ first, members }) => {
    const cell = index.cell(first.id, theft, seat) as Cell;
    return { profiles: members, theft, cell, ...spanOf(cell) };
  });
}

function barKey(cell: Cell): string {
  return `${cell.outcome},${shortText(cell)},${cell.window?.endedBy ?? ''},${durationText(cell.window?.first ?? 0)}`;
}

function spanOf({ window }: Cell): Pick<Bar, 'span' | 'firstFailure' | 'endedBy'> {
  if (window === null) return { span: null, firstFailure: null, endedBy: null };
  const { first, last, firstFailure, endedBy } = window;
  return { span: { first, last, endless: firstFailure === null }, firstFailure, endedBy };
}

// Finite, so that two endless ones can be subtracted.
function weight({ cell }: Bar): number {
  return Math.min(gain(cell), 2 * longestWindow);
}

/** `over`: by then the loot was worthless. `open`: the thief still gets in. `unknown`: nobody measured how long. */
export function noticedAfter({ cell, span }: Bar, seconds: Seconds): Noticed {
  if (span !== null) return !span.endless && span.last < seconds ? 'over' : 'open';
  return gain(cell) === 0 ? 'over' : 'unknown';
}

/** Numbers of profiles for the ruler; those of which nothing is known count as neither. */
export function countNoticed(
  bars: readonly Bar[],
  seconds: Seconds,
): {
  readonly over: readonly Bar[];
  readonly open: readonly Bar[];
  readonly total: number;
  readonly unknown: number;
} {
  const over = bars.filter((bar) => noticedAfter(bar, seconds) === 'over');
  const open = bars.filter((bar) => noticedAfter(bar, seconds) === 'open');
  const total = countProfiles(over) + countProfiles(open);
  return { over, open, total, unknown: countProfiles(bars) - total };
}

export function countProfiles(bars: readonly Bar[]): number {
  return bars.reduce((sum, { profiles }) => sum + profiles.length, 0);
}
