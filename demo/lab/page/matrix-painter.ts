import type { ProfileInfo } from '../model.ts';
import { type CellLook, paintCell, paintHonest, paintRow } from './matrix-cells.ts';
import type { Flip } from './matrix-flips.ts';
import type { Grid } from './matrix-grid.ts';
import { type Arrangement, foldText, lookOf, type MatrixState, rowLookOf } from './matrix-state.ts';

/** Brings what is known into the grid. What looks the same already is left alone. */

export function paintAll(grid: Grid, state: MatrixState, arrangement: Arrangement): void {
  grid.arrange(arrangement.layout);
  grid.showSort(state.sort);
  grid.element.classList.toggle('comparing', state.baseline !== undefined);
  const shown = new Set(arrangement.layout.rows.map((row) => ('profile' in row ? row.profile : '')));
  for (const profile of state.catalogue.profiles) {
    if (shown.has(profile.id)) paintProfile(grid, state, arrangement, profile);
  }
}

function paintProfile(grid: Grid, state: MatrixState, arrangement: Arrangement, profile: ProfileInfo): void {
  const row = grid.row(profile.id);
  if (row === undefined) return;
  for (const [theft, cell] of row.cells) paintCell(cell, look(state, arrangement, profile.id, theft));
  paintSummary(grid, state, arrangement, profile);
}

function look(state: MatrixState, { filtered }: Arrangement, profile: string, theft: string): CellLook {
  return lookOf(state, filtered, profile, theft);
}

function paintSummary(grid: Grid, state: MatrixState, arrangement: Arrangement, profile: ProfileInfo): void {
  const row = grid.row(profile.id);
  if (row === undefined) return;
  const { honest, thefts } = state.catalogue;
  paintRow(row, rowLookOf(state, arrangement, profile));
  paintHonest(row.honest, honest, (test) => state.index.honest(profile.id, test));
  for (const [group, cell] of row.folds) {
    const members = thefts.filter(
      (theft) => theft.group === group && arrangement.filtered.thefts.has(theft.id),
    );
    cell.textContent = foldText(
      state,
      profile.id,
      members.map(({ id }) => id),
    );
  }
}

/** Cells that a run has measured, as `PROFILE/THEFT`; rows stay where they are. */
export function paintSome(
  grid: Grid,
  state: MatrixState,
  arrangement: Arrangement,
  keys: ReadonlySet<string>,
): void {
  const touched = new Set<string>();
  for (const key of keys) {
    const [profile = '', theft = ''] = key.split('/');
    const cell = grid.row(profile)?.cells.get(theft);
    if (cell !== undefined) paintCell(cell, look(state, arrangement, profile, theft));
    touched.add(profile);
  }
  for (const profile of state.catalogue.profiles) {
    if (touched.has(profile.id)) paintSummary(grid, state, arrangement, profile);
  }
}

/** Turns the cells that changed, column after column. The style sheet leaves it out where less motion is wanted. */
export function turn(grid: Grid, flips: readonly Flip[]): void {
  grid.reveal(flips.map(({ profile }) => profile));
  for (const { profile, theft } of flips) {
    const cell = grid.row(profile)?.cells.get(theft);
    if (!cell?.isConnected) continue;
    cell.style.setProperty('--delay', `${cell.cellIndex * 6}ms`);
    cell.classList.add('turning');
    cell.addEventListener('animationend', () => cell.classList.remove('turning'), { once: true });
  }
}
