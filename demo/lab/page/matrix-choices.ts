import type { Layout } from './matrix-grid.ts';
import type { Spot } from './matrix-places.ts';
import { createCellIndex, noFilter, type SortBy } from './matrix-rows.ts';
import type { RunWish } from './matrix-run.ts';
import type { MatrixState } from './matrix-state.ts';
import type { PageContext } from './view.ts';

/** How choices change the state of the matrix. No elements. */

export function firstState({ catalogue, results, seat }: PageContext): MatrixState {
  return {
    catalogue,
    index: createCellIndex(results.report()),
    seat: seat(),
    filter: noFilter,
    sort: { by: 'catalogue' },
    foldEqual: true,
    expanded: new Set(),
    foldedGroups: new Set(),
    baseline: undefined,
    pins: [],
    running: new Set(),
  };
}

/** Sorts by the head that was chosen; the same head once more brings back the order of the catalogue. */
export function sortBy(now: SortBy, { kind, theft }: Pick<Spot, 'kind' | 'theft'>): SortBy {
  const again = now.by === 'theft' ? now.theft === theft : kind === `${now.by}-head`;
  if (again || kind === 'origin-head') return { by: 'catalogue' };
  if (kind === 'theft') return { by: 'theft', theft };
  if (kind === 'works-head') return { by: 'works' };
  return kind === 'longest-head' ? { by: 'longest' } : now;
}

/** All cells of the seat. */
export function everything({ catalogue, seat }: MatrixState): Omit<RunWish, 'mode'> {
  return {
    profiles: catalogue.profiles.map(({ id }) => id),
    thefts: catalogue.thefts.map(({ id }) => id),
    seats: [seat],
  };
}

/** Cells that a run shows as running: of those that are known only one that was asked for by itself. */
export function runningCells({ index }: Pick<MatrixState, 'index'>, wish: RunWish): ReadonlySet<string> {
  const { profiles, thefts, seats } = wish;
  const single = profiles.length * thefts.length === 1;
  const keys = profiles.flatMap((profile) =>
    thefts
      .filter((theft) => single || seats.some((seat) => index.cell(profile, theft, seat) === undefined))
      .map((theft) => `${profile}/${theft}`),
  );
  return new Set(keys);
}

export function toggled(set: ReadonlySet<string>, item: string): ReadonlySet<string> {
  const others = [...set].filter((other) => other !== item);
  return new Set(others.length < set.size ? others : [...others, item]);
}

/** Folds all groups of thefts, or opens them where any is folded. */
export function foldAll({ catalogue, foldedGroups }: MatrixState): ReadonlySet<string> {
  return new Set(foldedGroups.size === 0 ? catalogue.thefts.map(({ group }) => group) : []);
}

export function compareSentence(baseline: string | undefined): string {
  if (baseline === undefined) return 'No longer compared.';
  return `Compared with ${baseline}: ↓ less for the thief, ↑ more, → other; grey is the same.`;
}

/** Why there is nothing to see; empty where there is something. */
export function emptyText({ index, running }: MatrixState, { rows, thefts }: Layout): string {
  if (rows.length === 0 || thefts.size === 0) {
    return 'Nothing matches. Clear the filter to see all profiles and thefts.';
  }
  if (index.size() > 0 || running.size > 0) return '';
  return 'Nothing has been measured yet. Run all (quick) tries every theft once.';
}
