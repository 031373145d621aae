import type { HonestCell, HonestInfo, ProfileInfo, TheftInfo } from '../model.ts';
import { honestLabel, honestMark, type Mark, markPath, markShape, markSvg } from './cell-marks.ts';
import { h, s } from './dom.ts';
import type { Change } from './matrix-rows.ts';

/** Single rows and cells of the matrix: made once, painted often. */

export interface CellLook {
  readonly mark: Mark;
  readonly text: string;
  /** For those who cannot see the mark. */
  readonly label: string;
  /** The corner mark: Alice's next request fails. */
  readonly hurt: boolean;
  /** Left out by a filter: the place stays, the content goes. */
  readonly blank: boolean;
  readonly pinned: boolean;
  /** Beside the baseline, where there is one. */
  readonly change: Change | undefined;
}

/** What a row says about itself, beside its cells. */
export interface RowLook {
  readonly works: string;
  readonly longest: string;
  /** `24 profiles, same result`; empty for a row that stands for itself. */
  readonly note: string;
  readonly expanded: boolean;
  /** Stands for itself below the one that it is equal to. */
  readonly indent: boolean;
}

type Cell = HTMLTableCellElement;

export interface GridRow {
  readonly element: HTMLTableRowElement;
  readonly head: Cell;
  readonly works: Cell;
  readonly longest: Cell;
  readonly honest: Cell;
  readonly cells: ReadonlyMap<string, Cell>;
  /** One for each folded group of thefts, by its name. */
  readonly folds: ReadonlyMap<string, Cell>;
}

const changeLabels: Readonly<Record<Change, string>> = {
  more: ', more than in the baseline',
  less: ', less than in the baseline',
  other: ', different from the baseline',
  same: ', as in the baseline',
  unknown: '',
};

// What each cell shows now, so that painting the same again costs nothing.
const painted = new WeakMap<HTMLElement, string>();

/** A row without a profile, to be copied for each: `groups` are the thefts as they stand in the columns. */
export function createRowTemplate(groups: ReadonlyMap<string, readonly TheftInfo[]>): HTMLTableRowElement {
  const row = h('tr', {}, emptyHead(), ...['works', 'longest', 'honest'].map((kind) => emptyCell(kind)));
  for (const [group, thefts] of groups) {
    row.append(...thefts.map(emptyTheftCell), emptyCell('fold', { 'data-group': group, hidden: true }));
  }
  return row;
}

export function createRow({ id, title }: ProfileInfo, template: HTMLTableRowElement): GridRow {
  const element = template.cloneNode(true) as HTMLTableRowElement;
  const [head, works, longest, honest, ...rest] = [...element.cells] as [Cell, Cell, Cell, Cell, ...Cell[]];
  element.dataset['profile'] = id;
  head.title = title;
  head.querySelector('.id')?.append(id);
  head.querySelector('.name')?.append(title);
  return {
    element,
    head,
    works,
    longest,
    honest,
    cells: byData('theft', rest),
    folds: byData('group', rest),
  };
}

function byData(name: 'theft' | 'group', cells: readonly Cell[]): ReadonlyMap<string, Cell> {
  return new Map(
    cells.filter(({ dataset }) => dataset[name]).map((cell) => [cell.dataset[name] ?? '', cell]),
  );
}

function emptyHead(): HTMLElement {
  return h(
    'th',
    { scope: 'row', role: 'rowheader', class: 'profile', tabindex: -1, 'data-kind': 'profile' },
    h('span', { class: 'id' }),
    h('span', { class: 'name' }),
    h('span', { class: 'note' }),
  );
}

function emptyCell(kind: string, more: Readonly<Record<string, string | boolean>> = {}): HTMLElement {
  return h('td', { role: 'gridcell', class: kind, tabindex: -1, 'data-kind': kind, ...more });
}

function emptyTheftCell({ id }: TheftInfo): HTMLElement {
  const cell = emptyCell('cell', { 'data-theft': id });
  cell.append(markSvg('unknown', 14), h('span', { class: 'word' }));
  return cell;
}

/** True where something changed. */
export function paintCell(cell: HTMLElement, look: CellLook): boolean {
  const key = JSON.stringify(look);
  if (painted.get(cell) === key) return false;
  painted.set(cell, key);
  const { change, mark } = look;
  cell.dataset['mark'] = mark;
  cell.dataset['change'] = change ?? '';
  cell.classList.toggle('blank', look.blank);
  cell.classList.toggle('pinned', look.pinned);
  cell.setAttribute('aria-label', `${look.label}${change === undefined ? '' : changeLabels[change]}`);
  cell.querySelector('path')?.setAttribute('d', markShape(mark));
  const word = cell.querySelector('.word');
  if (word !== null) word.textContent = look.text;
  paintCorner(cell, look.hurt);
  return true;
}

function paintCorner(cell: HTMLElement, hurt: boolean): void {
  const corner = cell.querySelector('.corner');
  if (!hurt) corner?.remove();
  else if (corner === null) cell.append(h('span', { class: 'corner' }, markSvg('harm', 9)));
}

export function paintRow(row: GridRow, look: RowLook): void {
  row.works.textContent = look.works;
  row.longest.textContent = look.longest;
  const note = row.head.querySelector('.note');
  if (note !== null) note.textContent = look.note;
  row.head.classList.toggle('folded', look.note !== '');
  row.element.classList.toggle('indent', look.indent);
  if (look.note === '') row.head.removeAttribute('aria-expanded');
  else row.head.setAttribute('aria-expanded', String(look.expanded));
}

/** Nine small marks in one cell; the label counts whom it hurts and names them. */
export function paintHonest(
  cell: HTMLElement,
  tests: readonly HonestInfo[],
  resultOf: (test: string) => HonestCell | undefined,
): void {
  const results = tests.map(({ id }) => resultOf(id));
  const key = results.map((result) => honestLabel(result)).join();
  if (painted.get(cell) === key) return;
  painted.set(cell, key);
  cell.setAttribute('aria-label', honestSentence(tests, results));
  cell.replaceChildren(honestMarks(results));
}

function honestMarks(results: readonly (HonestCell | undefined)[]): SVGElement {
  const marks = results.map((result, index) => {
    const mark = honestMark(result);
    return s(
      'g',
      { class: `mark-${mark}`, transform: `translate(${index * 12} 0) scale(0.75)` },
      markPath(mark),
    );
  });
  return s(
    'svg',
    {
      viewBox: `0 0 ${results.length * 12} 12`,
      width: results.length * 12,
      height: 12,
      'aria-hidden': 'true',
    },
    ...marks,
  );
}

/** `Honest users: 2 of 9 hurt: H04 refused by iat, H07 refused by jti`. */
export function honestSentence(
  tests: readonly HonestInfo[],
  results: readonly (HonestCell | undefined)[],
): string {
  const known = results.filter((result) => result !== undefined);
  if (known.length === 0) return 'Honest users: not measured yet';
  const hurt = tests.flatMap((test, index) => {
    const mark = honestMark(results[index]);
    return mark === 'harm' || mark === 'interrupted' || mark === 'error'
      ? [`${test.id} ${test.title}: ${honestLabel(results[index])}`]
      : [];
  });
  if (hurt.length === 0) return `Honest users: none of ${known.length} hurt`;
  return `Honest users: ${hurt.length} of ${known.length} hurt. ${hurt.join('; ')}`;
}
