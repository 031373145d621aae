import type { TheftInfo } from '../model.ts';
import { durationText, labelOf, seatText } from './cell-marks.ts';
import { fill, h } from './dom.ts';
import { factsOf } from './exposure-facts.ts';
import { createRuler, type Ruler } from './exposure-ruler.ts';
import { type Bar, barsOf, countNoticed, countProfiles } from './exposure-scale.ts';
import { type ChartPlan, drawBars, planOf } from './exposure-svg.ts';
import { collectCells } from './matrix-feed.ts';
import { type CellIndex, createCellIndex } from './matrix-rows.ts';
import { createRunControl } from './matrix-run.ts';
import type { PageContext, View } from './view.ts';

/** How long stolen loot is of use under each profile, and what is left of that when somebody notices. */

export function createExposure(context: PageContext): View {
  return new ExposureView(context);
}

class ExposureView implements View {
  readonly name = 'exposure';
  readonly title = 'Exposure';
  readonly element: HTMLElement;
  readonly keys: View['keys'] = {
    v: { does: 'Chart or table', press: () => this.#toggleTable() },
  };
  readonly #context: PageContext;
  readonly #first: HTMLSelectElement;
  readonly #second: HTMLSelectElement;
  readonly #fold = h('input', { type: 'checkbox', checked: true });
  readonly #asTable: HTMLElement;
  readonly #why = h('p', { class: 'exposure-why' });
  readonly #chart = h('div', { class: 'chart-ground' });
  readonly #table = h('div', {
    class: 'chart-table',
    tabindex: 0,
    role: 'region',
    'aria-label': 'The same as a table',
  });
  readonly #noticed = h('div', { class: 'noticed' });
  readonly #lists = h('div', { class: 'noticed-lists' });
  readonly #ruler: Ruler;
  #index: CellIndex;
  #bars: readonly Bar[] = [];
  #shown = false;
  #width = 0;

  constructor(context: PageContext) {
    this.#context = context;
    this.#index = createCellIndex(context.results.report());
    const start = mostTelling(context, this.#index);
    this.#first = this.#select('Theft', start);
    this.#second = this.#select('and', '', 'no other theft');
    this.#asTable = h(
      'button',
      {
        type: 'button',
        class: 'chip',
        'aria-pressed': 'false',
        'aria-keyshortcuts': 'V',
        onclick: () => this.#toggleTable(),
      },
      'Table ',
      h('kbd', { 'aria-hidden': 'true' }, 'V'),
    );
    this.#fold.addEventListener('change', () => this.#refresh());
    this.#ruler = createRuler(this.#chart, 3600, () => this.#showNoticed());
    this.element = this.#assemble();
    collectCells(context.results, 250, () => this.#measured());
    new ResizeObserver(() => this.#fit()).observe(this.#chart);
  }

  show([first, second]: readonly string[]): void {
    const known = (id: string | undefined): boolean =>
      timedThefts(this.#context).some((theft) => theft.id === id);
    if (known(first)) this.#first.value = first ?? '';
    this.#second.value = known(second) ? (second ?? '') : '';
    this.#shown = true;
    this.#refresh();
  }

  hide(): void {
    this.#shown = false;
  }

  #assemble(): HTMLElement {
    const run = createRunControl(this.#context, {
      label: 'Measure',
      all: () => ({
        profiles: this.#context.catalogue.profiles.map(({ id }) => id),
        thefts: this.#thefts(),
        seats: [this.#context.seat()],
      }),
      started: () => undefined,
      ended: () => this.#measured(),
    });
    return h(
      'section',
      { class: 'exposure', 'aria-labelledby': 'exposure-title' },
      h('div', { class: 'matrix-top' }, h('h2', { id: 'exposure-title' }, 'Exposure'), run.element),
      h(
        'div',
        { class: 'fields' },
        h('label', { class: 'choose' }, 'Theft', this.#first),
        h('label', { class: 'choose' }, 'and', this.#second),
        h('label', { class: 'switch' }, this.#fold, 'Fold equal rows'),
        this.#asTable,
      ),
      this.#why,
      h(
        'div',
        { class: 'exposure-ground' },
        h('div', { class: 'chart-panel' }, this.#chart, this.#table),
        this.#noticed,
        this.#lists,
      ),
    );
  }

  #select(label: string, chosen: string, none?: string): HTMLSelectElement {
    const options = timedThefts(this.#context).map(({ id, title }) =>
      h('option', { value: id, selected: id === chosen }, `${id} ${title}`),
    );
    const empty = none === undefined ? null : h('option', { value: '', selected: chosen === '' }, none);
    const go = (): void => this.#context.go('exposure', this.#first.value, this.#second.value || undefined);
    return h(
      'select',
      { 'aria-label': label === 'and' ? 'Another theft' : label, onchange: go },
      empty,
      ...options,
    );
  }

  #thefts(): readonly string[] {
    return [...new Set([this.#first.value, this.#second.value])].filter((theft) => theft !== '');
  }

  #measured(): void {
    this.#index = createCellIndex(this.#context.results.report());
    if (this.#shown) this.#refresh();
  }

  #refresh(): void {
    const { catalogue, seat } = this.#context;
    const thefts = this.#thefts();
    this.#bars = barsOf(catalogue.profiles, thefts, this.#index, seat(), this.#fold.checked);
    const chosen = catalogue.thefts.filter(({ id }) => thefts.includes(id));
    fill(this.#why, `Thief ${seatText(seat())}. `, chosen.map(({ why }) => why).join(' '));
    this.#width = 0;
    this.#fit();
    this.#showTable();
    this.#showNoticed();
  }

  /** Draws again where the room has changed: text keeps its size. */
  #fit(): void {
    const width = Math.floor(this.#chart.clientWidth);
    if (width === 0 || width === this.#width) return;
    this.#width = width;
    const plan = planOf(this.#bars, width);
    const focused = document.activeElement === this.#ruler.element;
    fill(this.#chart, ...this.#drawing(plan));
    if (focused) this.#ruler.element.focus({ preventScroll: true });
  }

  #drawing(plan: ChartPlan): readonly Element[] {
    if (this.#bars.length === 0) return [h('p', { class: 'empty' }, this.#emptyText())];
    this.#ruler.place(plan);
    return [drawBars(this.#bars, plan, chartLabel(this.#thefts(), this.#bars)), this.#ruler.element];
  }

  #emptyText(): string {
    const nothing = `Nothing has been measured for ${this.#thefts().join(' and ')} from this seat yet.`;
    return this.#context.source.live ? `${nothing} Measure (full) finds out how long it works.` : nothing;
  }

  #toggleTable(): void {
    const on = this.#asTable.getAttribute('aria-pressed') !== 'true';
    this.#asTable.setAttribute('aria-pressed', String(on));
    this.#chart.hidden = on;
    this.#table.hidden = !on;
    this.#showTable();
    this.#context.announce(on ? 'Table' : 'Chart');
  }

  #showTable(): void {
    this.#table.hidden = this.#asTable.getAttribute('aria-pressed') !== 'true';
    if (!this.#table.hidden) fill(this.#table, factsOf(this.#bars));
  }

  #showNoticed(): void {
    const seconds = this.#ruler.value();
    const { over, open, total, unknown } = countNoticed(this.#bars, seconds);
    const still = countProfiles(open);
    const what = this.#thefts().length > 1 ? 'cases' : 'profiles';
    const rest = unknown === 0 ? '' : ` Of ${unknown} more nobody has measured how long.`;
    const sentence = `${still} of ${total} ${what} still let the thief in.${rest}`;
    this.#noticed.hidden = this.#bars.length === 0;
    fill(
      this.#noticed,
      h('h3', {}, `You notice after ${durationText(seconds)}`),
      h('p', { class: 'big' }, sentence),
    );
    fill(
      this.#lists,
      ...this.#thefts().flatMap((theft) => parts(theft, over, open, this.#thefts().length > 1)),
    );
  }
}

function parts(
  theft: string,
  over: readonly Bar[],
  open: readonly Bar[],
  several: boolean,
): readonly HTMLElement[] {
  const prefix = several ? `${theft} ` : '';
  const ofTheft = (bars: readonly Bar[]): readonly Bar[] => bars.filter((bar) => bar.theft === theft);
  return [
    ...part(`${prefix}${several ? 's' : 'S'}till open`, ofTheft(open)),
    ...part(`${prefix}${several ? 'o' : 'O'}ver by then`, ofTheft(over)),
  ];
}

function chartLabel(thefts: readonly string[], bars: readonly Bar[]): string {
  const windows = bars.filter(({ span }) => span !== null).length;
  return `How long ${thefts.join(' and ')} works: ${bars.length} rows, ${windows} with a window. The table has the same.`;
}

function part(title: string, bars: readonly Bar[]): readonly HTMLElement[] {
  if (bars.length === 0) return [];
  const items = bars.flatMap(({ profiles, cell }) =>
    profiles.map((profile) => h('li', { title: `${profile.title}: ${labelOf(cell)}` }, profile.id)),
  );
  return [h('h4', {}, `${title}: ${items.length}`), h('ul', { class: 'ids' }, ...items)];
}

/** What is done in one action has no length. */
function timedThefts({ catalogue }: PageContext): readonly TheftInfo[] {
  return catalogue.thefts.filter(({ timed }) => timed);
}

/** The theft that tells profiles apart best by its windows. */
function mostTelling(context: PageContext, index: CellIndex): string {
  const lengths = (theft: string): number =>
    barsOf(context.catalogue.profiles, [theft], index, context.seat(), true).filter(
      ({ span }) => span !== null,
    ).length;
  const [best] = timedThefts(context).toSorted((a, b) => lengths(b.id) - lengths(a.id));
  return best?.id ?? '';
}
