import type { Catalogue, ProfileInfo, Seat } from '../model.ts';
import { durationText, labelOf, longestWindow, markOf, shortText } from './cell-marks.ts';
import type { CellLook, RowLook } from './matrix-cells.ts';
import type { Layout, LayoutRow } from './matrix-grid.ts';
import {
  applyFilter,
  type CellIndex,
  type CellOf,
  compareCells,
  countWorks,
  type Filter,
  type Filtered,
  type Fold,
  foldRows,
  longest,
  rowKey,
  type SortBy,
  sortProfiles,
} from './matrix-rows.ts';
import { allSeats } from './matrix-seats.ts';

/** What is chosen in the matrix, and what follows from it for rows, columns and cells. No elements. */

/** A cell kept for comparing. */
export interface Pin {
  readonly profile: string;
  readonly theft: string;
  readonly seat: Seat;
}

export interface MatrixState {
  readonly catalogue: Catalogue;
  readonly index: CellIndex;
  readonly seat: Seat;
  readonly filter: Filter;
  readonly sort: SortBy;
  readonly foldEqual: boolean;
  /** Profiles whose fold is open. */
  readonly expanded: ReadonlySet<string>;
  readonly foldedGroups: ReadonlySet<string>;
  /** Profile that all rows are compared with. */
  readonly baseline: string | undefined;
  readonly pins: readonly Pin[];
  /** `PROFILE/THEFT` of cells that are being measured and shown so. */
  readonly running: ReadonlySet<string>;
}

/** What follows from a state, for the grid as a whole. */
export interface Arrangement {
  readonly layout: Layout;
  readonly folds: readonly Fold[];
  readonly filtered: Filtered;
}

export function cellsAt({ index, seat }: Pick<MatrixState, 'index' | 'seat'>): CellOf {
  return (profile, theft) => index.cell(profile, theft, seat);
}

export function arrange(state: MatrixState): Arrangement {
  const { catalogue, filter, sort } = state;
  const cellOf = cellsAt(state);
  const filtered = applyFilter(filter, catalogue, cellOf);
  const thefts = catalogue.thefts.map(({ id }) => id).filter((id) => filtered.thefts.has(id));
  const left = catalogue.profiles.filter(({ id }) => filtered.profiles.has(id));
  const folds = foldRows(sortProfiles(left, sort, thefts, cellOf), (profile) =>
    keyOf(profile, state, thefts),
  );
  const rows =
    sort.by === 'catalogue'
      ? withCaptions(folds, state.expanded)
      : folds.flatMap((fold) => rowsOf(fold, state.expanded));
  return {
    layout: {
      rows,
      thefts: filtered.thefts,
      folded: state.foldedGroups,
    },
    folds,
    filtered,
  };
}

/**
 * Rows fold where they are equal for every seat: so they stand still while the seat changes and cells turn. Rows of
 * which nothing is known are not equal, they are unknown.
 */
function keyOf({ id }: ProfileInfo, state: MatrixState, thefts: readonly string[]): string {
  const { catalogue, foldEqual, index } = state;
  const known = allSeats.some((seat) => thefts.some((theft) => index.cell(id, theft, seat) !== undefined));
  if (!foldEqual || !known) return id;
  const tests = catalogue.honest.map((test) => test.id);
  return allSeats.map((seat) => rowKey(id, thefts, tests, cellsAt({ index, seat }), index)).join('#');
}

/** With a caption where the first profiles of the folds change their group. */
function withCaptions(folds: readonly Fold[], expanded: ReadonlySet<string>): readonly LayoutRow[] {
  return folds.flatMap((fold, at) => {
    const { group } = fold.first;
    const rows = rowsOf(fold, expanded);
    return folds[at - 1]?.first.group === group ? rows : [{ caption: group }, ...rows];
  });
}

function rowsOf({ first, members }: Fold, expanded: ReadonlySet<string>): readonly LayoutRow[] {
  return (expanded.has(first.id) ? members : [first]).map(({ id }) => ({ profile: id }));
}

export function lookOf(
  state: MatrixState,
  filtered: Filtered | undefined,
  profile: string,
  theft: string,
): CellLook {
  const cell = state.index.cell(profile, theft, state.seat);
  const running = state.running.has(`${profile}/${theft}`);
  const base = state.baseline === undefined ? undefined : state.index.cell(state.baseline, theft, state.seat);
  return {
    mark: running ? 'running' : markOf(cell),
    text: running ? '' : shortText(cell),
    label: `${theft} under ${profile}: ${running ? 'running' : labelOf(cell)}`,
    hurt: !running && cell?.hurt != null,
    blank: filtered !== undefined && !filtered.matches(cell),
    pinned: state.pins.some(
      (pin) => pin.profile === profile && pin.theft === theft && pin.seat === state.seat,
    ),
    change: state.baseline === undefined ? undefined : compareCells(base, cell),
  };
}

export function rowLookOf(
  state: MatrixState,
  { folds, filtered }: Arrangement,
  { id }: ProfileInfo,
): RowLook {
  const cellOf = cellsAt(state);
  const thefts = [...filtered.thefts];
  const known = thefts.some((theft) => cellOf(id, theft) !== undefined);
  const seconds = longest(id, thefts, cellOf);
  const fold = folds.find(({ members }) => members.some((member) => member.id === id));
  const leads = fold !== undefined && fold.members.length > 1 && fold.first.id === id;
  return {
    works: known ? String(countWorks(id, thefts, cellOf)) : '',
    longest: seconds === 0 ? '' : durationText(seconds > longestWindow ? null : seconds),
    note: leads ? `${fold.members.length} profiles, same result` : '',
    expanded: state.expanded.has(id),
    indent: fold !== undefined && fold.first.id !== id,
  };
}

/** `6 of 9`, for a group of thefts that is folded into one column. */
export function foldText(state: MatrixState, profile: string, thefts: readonly string[]): string {
  const cellOf = cellsAt(state);
  const known = thefts.some((theft) => cellOf(profile, theft) !== undefined);
  return known ? `${countWorks(profile, thefts, cellOf)} of ${thefts.length}` : '';
}
