import type { HonestInfo, TheftInfo } from '../model.ts';
import { h } from './dom.ts';
import type { SortBy } from './matrix-rows.ts';

/** The two lines of heads over the columns: groups that fold, thefts that sort. */

export interface Heads {
  readonly element: HTMLElement;
  /** Widths. */
  readonly columns: HTMLElement;
  /** What can have the focus, as shown, for both lines. */
  lines(): readonly (readonly HTMLElement[])[];
  /** False where it was so already. */
  hideTheft(theft: string, hidden: boolean): boolean;
  showGroup(group: string, thefts: number, folded: boolean): void;
  showSort(sort: SortBy): void;
}

interface GroupHead {
  readonly head: HTMLTableCellElement;
  readonly fold: HTMLElement;
  readonly foldColumn: HTMLElement;
  readonly thefts: readonly HTMLElement[];
}

/** The small letters over the marks of the honest users: 1 to 9. */
export function honestLetters(honest: readonly HonestInfo[]): HTMLElement {
  return h(
    'span',
    { class: 'letters', 'aria-hidden': 'true' },
    ...honest.map(({ id }) => h('i', {}, id.replace(/^H0*/, ''))),
  );
}

export function columnHeads(groups: ReadonlyMap<string, readonly TheftInfo[]>, letters: HTMLElement): Heads {
  const fixed = [
    fixedHead('origin', 'Profile'),
    fixedHead('works', 'thefts that work'),
    fixedHead('longest', 'longest'),
    fixedHead('honest', 'honest users', letters),
  ];
  const columns = new Map<string, HTMLElement>();
  const heads = new Map([...groups].map(([group, thefts]) => [group, groupHead(group, thefts, columns)]));
  const all = [...heads.values()];
  return {
    element: h(
      'thead',
      {},
      h('tr', {}, ...fixed, ...all.map(({ head }) => head)),
      h('tr', {}, ...all.flatMap(({ thefts, fold }) => [...thefts, fold])),
    ),
    columns: h(
      'colgroup',
      {},
      ...fixedColumns(),
      ...all.flatMap(({ thefts, foldColumn }) => [
        ...thefts.map((theft) => columns.get(theft.dataset['theft'] ?? '')),
        foldColumn,
      ]),
    ),
    lines: () => [
      [...fixed, ...all.flatMap(({ head, ...group }) => shown(group).map(() => head))],
      [...fixed, ...all.flatMap(shown)],
    ],
    hideTheft: (theft, hidden) => hideTheft(all, columns, theft, hidden),
    showGroup: (group, thefts, folded) => showGroup(heads.get(group), thefts, folded),
    showSort: (sort) => showSort([...fixed, ...all.flatMap(({ thefts }) => thefts)], sort),
  };
}

function shown({ thefts, fold }: Pick<GroupHead, 'thefts' | 'fold'>): readonly HTMLElement[] {
  return [...thefts, fold].filter(({ hidden }) => !hidden);
}

function fixedColumns(): readonly HTMLElement[] {
  return ['profile', 'works', 'longest', 'honest'].map((kind) => h('col', { class: `col-${kind}` }));
}

function fixedHead(kind: string, text: string, more?: HTMLElement): HTMLElement {
  return h(
    'th',
    {
      scope: 'col',
      role: 'columnheader',
      rowspan: 2,
      class: `fixed ${kind}`,
      tabindex: -1,
      'data-kind': `${kind}-head`,
    },
    h('span', {}, text),
    more,
  );
}

function groupHead(
  group: string,
  thefts: readonly TheftInfo[],
  columns: Map<string, HTMLElement>,
): GroupHead {
  for (const { id } of thefts) columns.set(id, h('col', { class: 'col-theft' }));
  const attributes = {
    scope: 'colgroup',
    role: 'columnheader',
    tabindex: -1,
    'data-kind': 'group',
    'data-group': group,
  };
  return {
    head: h(
      'th',
      { ...attributes, class: 'group', 'aria-expanded': 'true' },
      h('span', { class: 'group-name' }, group),
    ),
    fold: h(
      'th',
      {
        scope: 'col',
        role: 'columnheader',
        class: 'fold',
        tabindex: -1,
        hidden: true,
        'data-kind': 'group',
        'data-group': group,
      },
      h('span', { class: 'slug' }, group),
    ),
    foldColumn: h('col', { class: 'col-fold', hidden: true }),
    thefts: thefts.map(theftHead),
  };
}

function theftHead({ id, slug, title }: TheftInfo): HTMLElement {
  return h(
    'th',
    {
      scope: 'col',
      role: 'columnheader',
      class: 'theft',
      tabindex: -1,
      title,
      'data-kind': 'theft',
      'data-theft': id,
    },
    h('span', { class: 'slug' }, slug),
    h('span', { class: 'id' }, id),
  );
}

function hideTheft(
  all: readonly GroupHead[],
  columns: ReadonlyMap<string, HTMLElement>,
  theft: string,
  hidden: boolean,
): boolean {
  const head = all.flatMap(({ thefts }) => thefts).find(({ dataset }) => dataset['theft'] === theft);
  const column = columns.get(theft);
  if (head === undefined || column === undefined || head.hidden === hidden) return false;
  head.hidden = hidden;
  column.hidden = hidden;
  return true;
}

function showGroup(head: GroupHead | undefined, thefts: number, folded: boolean): void {
  if (head === undefined) return;
  head.head.hidden = thefts === 0;
  head.head.colSpan = folded ? 1 : Math.max(1, thefts);
  head.head.setAttribute('aria-expanded', String(!folded));
  head.head.classList.toggle('closed', folded);
  head.fold.hidden = !folded || thefts === 0;
  head.foldColumn.hidden = head.fold.hidden;
}

function showSort(heads: readonly HTMLElement[], sort: SortBy): void {
  for (const head of heads) {
    const { kind, theft } = head.dataset;
    const active = sort.by === 'theft' ? theft === sort.theft : kind === `${sort.by}-head`;
    if (active) head.setAttribute('aria-sort', 'descending');
    else head.removeAttribute('aria-sort');
  }
}
