import type { Catalogue, Cell, HonestCell, LootKind, Outcome, ProfileInfo, Report, Seat } from '../model.ts';
import { longestWindow, shortText, windowLength } from './cell-marks.ts';

/** What the matrix shows, without any element: which rows and columns, in which order, and what has changed. */

/** Measurements by profile, theft and seat. */
export interface CellIndex {
  readonly cell: (profile: string, theft: string, seat: Seat) => Cell | undefined;
  readonly honest: (profile: string, test: string) => HonestCell | undefined;
  readonly put: (cell: Cell) => void;
  readonly putHonest: (cell: HonestCell) => void;
  readonly size: () => number;
}

/** Rows that stand for one another: the first is drawn, the others are counted. */
export interface Fold {
  readonly first: ProfileInfo;
  readonly members: readonly ProfileInfo[];
}

export type CellOf = (profile: string, theft: string) => Cell | undefined;

/** `theft`: by how long that one works. */
export type SortBy =
  | { readonly by: 'catalogue' | 'works' | 'longest' }
  | { readonly by: 'theft'; readonly theft: string };

export interface Filter {
  readonly text: string;
  readonly loot: LootKind | '';
  readonly check: string;
  readonly outcome: Outcome | '';
}

/** What a filter leaves of rows, columns and cells. */
export interface Filtered {
  readonly profiles: ReadonlySet<string>;
  readonly thefts: ReadonlySet<string>;
  readonly matches: (cell: Cell | undefined) => boolean;
}

/** Beside another cell: more or less for the thief, or only something else. */
export type Change = 'same' | 'more' | 'less' | 'other' | 'unknown';

/** Nothing filtered. */
export const noFilter: Filter = { text: '', loot: '', check: '', outcome: '' };

export function createCellIndex(report: Report | undefined): CellIndex {
  const cells = new Map<string, Cell>();
  const honest = new Map<string, HonestCell>();
  const put = (cell: Cell): void => void cells.set(`${cell.profile}/${cell.theft}/${cell.seat}`, cell);
  const putHonest = (cell: HonestCell): void => void honest.set(`${cell.profile}/${cell.test}`, cell);
  report?.cells.forEach(put);
  report?.honest.forEach(putHonest);
  return {
    cell: (profile, theft, seat) => cells.get(`${profile}/${theft}/${seat}`),
    honest: (profile, test) => honest.get(`${profile}/${test}`),
    put,
    putHonest,
    size: () => cells.size,
  };
}

/** How much a cell gives to the thief, in seconds: for sorting and for comparing. */
export function gain(cell: Cell | undefined): number {
  if (cell === undefined || cell.outcome === 'error') return -1;
  if (cell.window !== null) return windowLength(cell.window) ?? Number.POSITIVE_INFINITY;
  if (cell.outcome === 'works' || cell.outcome === 'longer') return longestWindow;
  return cell.outcome === 'narrowed' || cell.outcome === 'late' || cell.outcome === 'harm' ? 1 : 0;
}

/** Whether the thief got anything. */
export function succeeds(cell: Cell | undefined): boolean {
  return gain(cell) > 0;
}

export function countWorks(profile: string, thefts: readonly string[], cellOf: CellOf): number {
  return thefts.filter((theft) => succeeds(cellOf(profile, theft))).length;
}

/** In seconds; only what was measured as a window counts. */
export function longest(profile: string, thefts: readonly string[], cellOf: CellOf): number {
  const lengths = thefts.map((theft) => cellOf(profile, theft)).filter((cell) => cell?.window);
  return Math.max(0, ...lengths.map(gain));
}

/** Rows whose cells say the same fold into the first of them. */
export function foldRows(
  profiles: readonly ProfileInfo[],
  keyOf: (profile: ProfileInfo) => string,
): readonly Fold[] {
  const folds = new Map<string, ProfileInfo[]>();
  for (const profile of profiles) {
    const key = keyOf(profile);
    const members = folds.get(key);
    if (members === undefined) folds.set(key, [profile]);
    else members.push(profile);
  }
  return [...folds.values()].map((members) => ({ first: members[0] as ProfileInfo, members }));
}

/** Equal for two profiles exactly where every cell of theirs looks the same. */
export function rowKey(
  profile: string,
  thefts: readonly string[],
  tests: readonly string[],
  cellOf: CellOf,
  index: CellIndex,
): string {
  const cells = thefts.map((theft) => cellKey(cellOf(profile, theft)));
  const honest = tests.map((test) => index.honest(profile, test)?.outcome ?? '');
  return [...cells, ...honest].join('|');
}

function cellKey(cell: Cell | undefined): string {
  if (cell === undefined) return '';
  return `${cell.outcome},${shortText(cell)},${cell.window?.endedBy ?? ''},${cell.hurt ?? ''}`;
}

/** The worst first; equal ones keep the order of the catalogue. */
export function sortProfiles(
  profiles: readonly ProfileInfo[],
  sort: SortBy,
  thefts: readonly string[],
  cellOf: CellOf,
): readonly ProfileInfo[] {
  if (sort.by === 'catalogue') return profiles;
  const weight = new Map(profiles.map(({ id }) => [id, weigh(id, sort, thefts, cellOf)]));
  const by = ({ id }: ProfileInfo): number => weight.get(id) ?? 0;
  // Two infinite weights are equal, but their difference is no number.
  return profiles.toSorted((a, b) => (by(a) === by(b) ? 0 : by(b) - by(a)));
}

function weigh(profile: string, sort: SortBy, thefts: readonly string[], cellOf: CellOf): number {
  if (sort.by === 'theft') return gain(cellOf(profile, sort.theft));
  return sort.by === 'works' ? countWorks(profile, thefts, cellOf) : longest(profile, thefts, cellOf);
}

/**
 * A text that names thefts leaves those columns, one that names profiles leaves those rows, one that names both leaves
 * both. Of what is left, rows and columns without a single matching cell go.
 */
export function applyFilter(filter: Filter, catalogue: Catalogue, cellOf: CellOf): Filtered {
  const matches = (cell: Cell | undefined): boolean => matchesCell(cell, filter);
  const asked = filter.check !== '' || filter.outcome !== '';
  const named = byText(filter.text, catalogue);
  const looted = named.thefts.filter(({ loot }) => filter.loot === '' || loot.includes(filter.loot));
  const kept = (profile: string, theft: string): boolean => !asked || matches(cellOf(profile, theft));
  const thefts = looted.filter((theft) => named.profiles.some((profile) => kept(profile.id, theft.id)));
  const profiles = named.profiles.filter((profile) => looted.some((theft) => kept(profile.id, theft.id)));
  return {
    profiles: new Set(profiles.map(({ id }) => id)),
    thefts: new Set(thefts.map(({ id }) => id)),
    matches,
  };
}

function matchesCell(cell: Cell | undefined, { check, outcome }: Filter): boolean {
  if (outcome !== '' && cell?.outcome !== outcome) return false;
  return check === '' || cell?.decidedBy === check || cell?.window?.endedBy === check || cell?.hurt === check;
}

function byText(text: string, { profiles, thefts }: Catalogue): Pick<Catalogue, 'profiles' | 'thefts'> {
  const words = text.trim().toLowerCase();
  const names = (item: { readonly id: string; readonly slug: string; readonly title: string }): boolean =>
    `${item.id} ${item.slug} ${item.title}`.toLowerCase().includes(words);
  const found = { profiles: profiles.filter(names), thefts: thefts.filter(names) };
  if (found.profiles.length + found.thefts.length === 0) return found;
  return {
    profiles: found.profiles.length > 0 ? found.profiles : profiles,
    thefts: found.thefts.length > 0 ? found.thefts : thefts,
  };
}

/** What changed from one cell to the other. Another deciding check alone is no change of the result. */
export function compareCells(before: Cell | undefined, after: Cell | undefined): Change {
  if (before === undefined || after === undefined) return 'unknown';
  if (before.outcome === 'error' || after.outcome === 'error') return 'unknown';
  if (sameResult(before, after)) return 'same';
  const difference = gain(after) - gain(before);
  if (difference === 0 || Number.isNaN(difference)) return 'other';
  return difference > 0 ? 'more' : 'less';
}

function sameResult(before: Cell, after: Cell): boolean {
  if ((before.hurt === null) !== (after.hurt === null)) return false;
  if (gain(before) === 0 || before.outcome === 'harm') return before.outcome === after.outcome;
  return gain(after) > 0 && after.outcome !== 'harm' && shortText(before) === shortText(after);
}
