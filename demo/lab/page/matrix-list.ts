import { labelOf, markOf, markSvg, shortText } from './cell-marks.ts';
import { fill, h } from './dom.ts';
import { honestSentence } from './matrix-cells.ts';
import { countWorks } from './matrix-rows.ts';
import { cellsAt, type MatrixState } from './matrix-state.ts';

/** The matrix where there is no room for one: one profile with every theft, or one theft with every profile. */

export interface MatrixList {
  readonly element: HTMLElement;
  show(state: MatrixState): void;
}

interface Line {
  readonly id: string;
  readonly title: string;
  readonly group: string;
  readonly profile: string;
  readonly theft: string;
}

export function createMatrixList(open: (profile: string, theft: string) => void): MatrixList {
  return new List(open);
}

class List implements MatrixList {
  readonly element: HTMLElement;
  readonly #open: (profile: string, theft: string) => void;
  readonly #by = h(
    'select',
    { 'aria-label': 'Show', onchange: () => this.#showAgain() },
    h('option', { value: 'profile' }, 'One profile, every theft'),
    h('option', { value: 'theft' }, 'One theft, every profile'),
  );
  readonly #which = h('select', { 'aria-label': 'Which', onchange: () => this.#showAgain() });
  readonly #summary = h('p', { class: 'list-summary' });
  readonly #lines = h('div', { class: 'list-lines' });
  readonly #chosen = { profile: '', theft: '' };
  #state: MatrixState | undefined;

  constructor(open: (profile: string, theft: string) => void) {
    this.#open = open;
    this.element = h(
      'div',
      { class: 'matrix-list' },
      h('label', { class: 'field' }, 'Show', this.#by),
      h('label', { class: 'field' }, 'Which', this.#which),
      this.#summary,
      this.#lines,
    );
  }

  show(state: MatrixState): void {
    this.#state = state;
    this.#showAgain();
  }

  #showAgain(): void {
    const state = this.#state;
    if (state === undefined) return;
    const by = this.#by.value === 'theft' ? 'theft' : 'profile';
    const items = by === 'theft' ? state.catalogue.thefts : state.catalogue.profiles;
    if (items.some(({ id }) => id === this.#which.value)) this.#chosen[by] = this.#which.value;
    const chosen = this.#chosen[by] || (items[0]?.id ?? '');
    fill(
      this.#which,
      ...items.map(({ id, title }) => h('option', { value: id, selected: id === chosen }, `${id} ${title}`)),
    );
    this.#which.value = chosen;
    this.#summary.textContent = summaryOf(state, by, chosen);
    fill(this.#lines, ...this.#groups(state, linesOf(state, by, chosen)));
  }

  #groups(state: MatrixState, lines: readonly Line[]): readonly HTMLElement[] {
    const groups = [...new Set(lines.map(({ group }) => group))];
    return groups.map((group) =>
      h(
        'section',
        {},
        h('h3', {}, group),
        h('ul', {}, ...lines.filter((line) => line.group === group).map((line) => this.#line(state, line))),
      ),
    );
  }

  #line(state: MatrixState, { id, title, profile, theft }: Line): HTMLElement {
    const cell = state.index.cell(profile, theft, state.seat);
    const mark = state.running.has(`${profile}/${theft}`) ? 'running' : markOf(cell);
    const label = mark === 'running' ? 'running' : labelOf(cell);
    return h(
      'li',
      { class: 'line-item' },
      h(
        'button',
        { type: 'button', class: 'line', 'data-mark': mark, onclick: () => this.#open(profile, theft) },
        markSvg(mark),
        h('span', { class: 'line-id' }, id),
        h('span', { class: 'line-name' }, title),
        h('span', { class: 'visually-hidden' }, label),
        h(
          'span',
          { class: 'line-word', 'aria-hidden': 'true' },
          mark === 'running' ? 'running' : shortText(cell),
        ),
        cell?.hurt == null ? null : markSvg('harm', 11),
      ),
    );
  }
}

function linesOf(state: MatrixState, by: 'profile' | 'theft', chosen: string): readonly Line[] {
  const { profiles, thefts } = state.catalogue;
  return by === 'profile'
    ? thefts.map(({ id, title, group }) => ({ id, title, group, profile: chosen, theft: id }))
    : profiles.map(({ id, title, group }) => ({ id, title, group, profile: id, theft: chosen }));
}

function summaryOf(state: MatrixState, by: 'profile' | 'theft', chosen: string): string {
  const { catalogue, index } = state;
  const cellOf = cellsAt(state);
  if (by === 'theft') {
    const works = catalogue.profiles.filter(({ id }) => countWorks(id, [chosen], cellOf) > 0).length;
    return `Works under ${works} of ${catalogue.profiles.length} profiles.`;
  }
  const works = countWorks(
    chosen,
    catalogue.thefts.map(({ id }) => id),
    cellOf,
  );
  const results = catalogue.honest.map(({ id }) => index.honest(chosen, id));
  return `${works} of ${catalogue.thefts.length} thefts work. ${honestSentence(catalogue.honest, results)}.`;
}
