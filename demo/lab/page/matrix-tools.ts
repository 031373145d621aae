import type { Catalogue, LootKind, Outcome } from '../model.ts';
import { legend, markSvg } from './cell-marks.ts';
import { h } from './dom.ts';
import type { Filter } from './matrix-rows.ts';

/** What is chosen above the grid: filters, folding, the baseline. */

export interface FilterTools {
  readonly element: HTMLElement;
  /** Puts the focus into the search field. */
  search(): void;
  showCompare(on: boolean): void;
  /** Of the profile to compare with. */
  baseline(): string;
}

export interface FilterEvents {
  readonly filter: (filter: Filter) => void;
  readonly foldEqual: (on: boolean) => void;
  readonly words: (on: boolean) => void;
  readonly foldAll: () => void;
  readonly compare: () => void;
  readonly baseline: () => void;
}

type Options = readonly (readonly [value: string, text: string])[];

const outcomes: readonly (readonly [Outcome, string])[] = [
  ['works', 'works'],
  ['longer', 'works longer'],
  ['narrowed', 'works for a shorter time'],
  ['late', 'works later'],
  ['blocked', 'blocked'],
  ['harm', 'Alice is shut out'],
  ['unharmed', 'Alice is not harmed'],
  ['void', 'nothing to steal'],
  ['error', 'the try broke'],
];

export function createFilterTools(catalogue: Catalogue, events: FilterEvents): FilterTools {
  const search = h('input', {
    type: 'search',
    placeholder: 'Profile or theft ( / )',
    'aria-label': 'Search profiles and thefts',
    'aria-keyshortcuts': '/',
  });
  const baseline = choice(
    'Baseline',
    catalogue.profiles.map(({ id, title }) => [id, `${id} ${title}`]),
  );
  baseline.addEventListener('input', events.baseline);
  const compare = toggle('Compare with', 'B', events.compare);
  const element = h(
    'details',
    { class: 'tools' },
    h('summary', {}, 'Filter, fold, compare'),
    h(
      'div',
      { class: 'tools-lines' },
      filterFields(catalogue, search, events.filter),
      h(
        'div',
        { class: 'fields' },
        compare,
        baseline,
        switchFor('Fold equal rows', true, events.foldEqual),
        switchFor('Words in cells', true, events.words),
        h('button', { type: 'button', class: 'button small', onclick: events.foldAll }, 'Fold thefts'),
      ),
    ),
  );
  openWhereThereIsRoom(element);
  return {
    element,
    search: () => {
      element.open = true;
      search.focus();
    },
    showCompare: (on) => compare.setAttribute('aria-pressed', String(on)),
    baseline: () => baseline.value,
  };
}

function openWhereThereIsRoom(details: HTMLDetailsElement): void {
  details.open = matchMedia('(min-width: 700px)').matches;
}

function filterFields(
  catalogue: Catalogue,
  search: HTMLInputElement,
  filter: (filter: Filter) => void,
): HTMLElement {
  const loot = choice('Loot', [['', 'Any loot'], ...lootKinds(catalogue)]);
  const check = choice('Check', [
    ['', 'Any check'],
    ...catalogue.checks.map(({ id, title }) => [id, `${id}: ${title}`] as const),
  ]);
  const outcome = choice('Outcome', [['', 'Any outcome'], ...outcomes]);
  const tell = (): void =>
    filter({
      text: search.value,
      loot: loot.value as LootKind | '',
      check: check.value,
      outcome: outcome.value as Outcome | '',
    });
  const clear = (): void => {
    for (const field of [search, loot, check, outcome]) field.value = '';
    tell();
  };
  return h(
    'div',
    { class: 'fields', oninput: tell },
    search,
    loot,
    check,
    outcome,
    h('button', { type: 'button', class: 'button small', onclick: clear }, 'Clear'),
  );
}

function lootKinds({ thefts }: Catalogue): Options {
  return [...new Set(thefts.flatMap(({ loot }) => loot))].map((kind) => [kind, kind] as const);
}

function choice(label: string, options: Options): HTMLSelectElement {
  return h(
    'select',
    { 'aria-label': label },
    ...options.map(([value, text]) => h('option', { value }, text)),
  );
}

function toggle(text: string, key: string, press: () => void): HTMLElement {
  const attributes = { type: 'button', class: 'chip', 'aria-pressed': 'false', 'aria-keyshortcuts': key };
  return h('button', { ...attributes, onclick: press }, text, ' ', h('kbd', { 'aria-hidden': 'true' }, key));
}

function switchFor(text: string, on: boolean, tell: (on: boolean) => void): HTMLElement {
  const box = h('input', { type: 'checkbox', checked: on });
  box.addEventListener('change', () => tell(box.checked));
  return h('label', { class: 'switch' }, box, text);
}

/** What the marks mean. */
export function legendLine(): HTMLElement {
  const items = legend.map(([mark, text]) => h('li', { 'data-mark': mark }, markSvg(mark, 13), text));
  const corner = h(
    'li',
    { 'data-mark': 'harm' },
    markSvg('harm', 9),
    'in the corner: Alice’s next request fails',
  );
  return h('ul', { class: 'legend', 'aria-label': 'What the marks mean' }, ...items, corner);
}
