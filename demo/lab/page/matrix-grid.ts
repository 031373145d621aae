import type { Catalogue, TheftInfo } from '../model.ts';
import { h } from './dom.ts';
import { createRow, createRowTemplate, type GridRow } from './matrix-cells.ts';
import { createCrossHair } from './matrix-cross-hair.ts';
import { columnHeads, type Heads, honestLetters } from './matrix-heads.ts';
import { nextPlace, type Place } from './matrix-keys.ts';
import { caption, hide, lineOf, moveTo, placeAt, type Spot, spotOf } from './matrix-places.ts';
import type { SortBy } from './matrix-rows.ts';

/** The matrix as a table with the keys of the ARIA grid pattern. It knows places, not results. */

/** A row as arranged: a caption of a group, or a profile. */
export type LayoutRow = { readonly caption: string } | { readonly profile: string };

export interface Layout {
  readonly rows: readonly LayoutRow[];
  readonly thefts: ReadonlySet<string>;
  /** Groups of thefts that are drawn as one column. */
  readonly folded: ReadonlySet<string>;
}

export interface GridEvents {
  /** The focus moved, or a pointer rests on another place. */
  readonly looked: (spot: Spot) => void;
  /** Enter, or a press on the place that has the focus already. */
  readonly chosen: (spot: Spot) => void;
  readonly escaped: () => void;
}

export interface Grid {
  readonly element: HTMLElement;
  readonly row: (profile: string) => GridRow | undefined;
  arrange(layout: Layout): void;
  showSort(sort: SortBy): void;
  /** The place that has or last had the focus. */
  current(): Spot | undefined;
  focus(): void;
  /** Scrolls so that the first of these rows is in sight. */
  reveal(profiles: readonly string[]): void;
}

export function createGrid(catalogue: Catalogue, events: GridEvents): Grid {
  return new MatrixGrid(catalogue, events);
}

class MatrixGrid implements Grid {
  readonly element: HTMLElement;
  readonly #groups: ReadonlyMap<string, readonly TheftInfo[]>;
  readonly #rows: ReadonlyMap<string, GridRow>;
  readonly #heads: Heads;
  readonly #body = h('tbody');
  readonly #cross = createCrossHair();
  readonly #captions = new Map<string, HTMLTableRowElement>();
  readonly #events: GridEvents;
  /** Everything that can have the focus, as shown. */
  #lines: readonly (readonly HTMLElement[])[] = [];
  #groupStarts: readonly number[] = [];
  #current: HTMLElement | undefined;

  constructor({ profiles, thefts, honest }: Catalogue, events: GridEvents) {
    this.#events = events;
    this.#groups = groupsOf(thefts);
    const template = createRowTemplate(this.#groups);
    this.#rows = new Map(profiles.map((profile) => [profile.id, createRow(profile, template)]));
    this.#heads = columnHeads(this.#groups, honestLetters(honest));
    const attributes = {
      role: 'grid',
      'aria-label': 'Every theft under every profile',
      'aria-describedby': 'matrix-keys',
    };
    const table = h('table', attributes, this.#heads.columns, this.#heads.element, this.#body);
    this.element = h(
      'div',
      { class: 'grid-scroll' },
      h('div', { class: 'grid-ground' }, table, ...this.#cross.elements),
    );
    this.#listen(table);
  }

  row(profile: string): GridRow | undefined {
    return this.#rows.get(profile);
  }

  arrange({ rows, thefts, folded }: Layout): void {
    this.#arrangeColumns(thefts, folded);
    const starts: number[] = [];
    const lines = [...this.#heads.lines()];
    const elements = rows.map((row) => {
      if ('caption' in row) {
        starts.push(lines.length);
        return this.#caption(row.caption, lines[0]?.length ?? 1);
      }
      const made = this.#rows.get(row.profile) as GridRow;
      lines.push(lineOf(made));
      return made.element;
    });
    this.#place(elements);
    this.#lines = lines;
    this.#groupStarts = starts;
    this.#keepCurrent();
  }

  showSort(sort: SortBy): void {
    this.#heads.showSort(sort);
  }

  current(): Spot | undefined {
    return this.#current === undefined ? undefined : spotOf(this.#current);
  }

  focus(): void {
    if (this.#current !== undefined) moveTo(this.#current);
  }

  reveal(profiles: readonly string[]): void {
    const first = profiles.map((id) => this.#rows.get(id)?.element).find((row) => row?.isConnected);
    if (first === undefined) return;
    const head = this.#heads.element.offsetHeight;
    const ground = this.element.getBoundingClientRect();
    const { bottom, top } = first.getBoundingClientRect();
    const inSight = top >= ground.top + head && bottom + 2 * first.offsetHeight <= ground.bottom;
    if (!inSight) this.element.scrollTop = first.offsetTop - head - first.offsetHeight;
  }

  #arrangeColumns(thefts: ReadonlySet<string>, folded: ReadonlySet<string>): void {
    for (const [group, members] of this.#groups) {
      const isFolded = folded.has(group);
      const shown = members.filter(({ id }) => thefts.has(id));
      for (const { id } of members) this.#hideColumn(id, isFolded || !thefts.has(id));
      for (const row of this.#rows.values()) hide(row.folds.get(group), !isFolded || shown.length === 0);
      this.#heads.showGroup(group, shown.length, isFolded);
    }
  }

  #hideColumn(theft: string, hidden: boolean): void {
    // All rows of a column are hidden together, so the head tells what is to do.
    if (!this.#heads.hideTheft(theft, hidden)) return;
    for (const row of this.#rows.values()) hide(row.cells.get(theft), hidden);
  }

  /** Moves nothing that stands right: what is taken out, even for a moment, loses the focus. */
  #place(rows: readonly HTMLElement[]): void {
    const now = [...this.#body.children];
    if (now.length === rows.length && rows.every((row, at) => row === now[at])) return;
    const focused = this.element.contains(document.activeElement);
    this.#body.replaceChildren(...rows);
    if (focused && this.#current?.isConnected) this.#current.focus({ preventScroll: true });
  }

  #caption(text: string, columns: number): HTMLElement {
    const known = this.#captions.get(text) ?? caption(text);
    this.#captions.set(text, known);
    known.cells[0]?.setAttribute('colspan', String(columns));
    return known;
  }

  /** One place of the grid can be reached by Tab: the last one that had the focus, or the first cell. */
  #keepCurrent(): void {
    const kept = this.#current !== undefined && this.#placeOf(this.#current) !== undefined;
    this.#setCurrent(kept ? this.#current : (this.#lines[2]?.[4] ?? this.#lines[0]?.[0]));
  }

  #setCurrent(element: HTMLElement | undefined): void {
    if (this.#current !== element) this.#current?.setAttribute('tabindex', '-1');
    this.#current = element;
    element?.setAttribute('tabindex', '0');
  }

  #placeOf(element: HTMLElement): Place | undefined {
    const row = this.#lines.findIndex((line) => line.includes(element));
    return row < 0 ? undefined : { row, column: this.#lines[row]?.indexOf(element) ?? 0 };
  }

  #listen(table: HTMLElement): void {
    table.addEventListener('keydown', (event) => this.#key(event));
    table.addEventListener('focusin', ({ target }) => this.#look(placeAt(target), true));
    table.addEventListener('pointerover', ({ target }) => this.#look(placeAt(target), false));
    table.addEventListener('pointerleave', () => this.#look(this.#current, false));
    table.addEventListener('pointerdown', (event) => this.#press(event));
  }

  /** The first press moves the focus, as an arrow key would; one on the focused place, or on a head, chooses. */
  #press(event: PointerEvent): void {
    const place = placeAt(event.target);
    if (place === undefined || event.button !== 0) return;
    if (place !== document.activeElement && place.tagName !== 'TH') return;
    place.addEventListener('click', () => this.#events.chosen(spotOf(place)), { once: true });
  }

  #look(place: HTMLElement | undefined, focused: boolean): void {
    if (place === undefined) return;
    if (focused) this.#setCurrent(place);
    this.#cross.pointAt(place);
    this.#events.looked(spotOf(place));
  }

  #key(event: KeyboardEvent): void {
    const place = this.#current;
    if (place === undefined || event.altKey || event.metaKey) return;
    if (event.key === 'Enter' || (event.key === ' ' && place.tagName === 'TH')) {
      event.preventDefault();
      this.#events.chosen(spotOf(place));
    } else if (event.key === 'Escape') this.#events.escaped();
    else this.#move(event, place);
  }

  #move(event: KeyboardEvent, from: HTMLElement): void {
    const at = this.#placeOf(from);
    if (at === undefined) return;
    const extent = {
      rows: this.#lines.length,
      columns: this.#lines[0]?.length ?? 0,
      groupStarts: this.#groupStarts,
    };
    const next = nextPlace(event.key, event.ctrlKey, at, extent);
    const element = next === undefined ? undefined : this.#lines[next.row]?.[next.column];
    if (element === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    moveTo(element);
  }
}

/** In the order of the catalogue. */
function groupsOf(thefts: readonly TheftInfo[]): ReadonlyMap<string, readonly TheftInfo[]> {
  const names = new Set(thefts.map(({ group }) => group));
  return new Map([...names].map((name) => [name, thefts.filter(({ group }) => group === name)]));
}
