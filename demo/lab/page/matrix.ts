import type { Seat } from '../model.ts';
import { seatText } from './cell-marks.ts';
import { h } from './dom.ts';
import {
  compareSentence,
  emptyText,
  everything,
  firstState,
  foldAll,
  runningCells,
  sortBy,
  toggled,
} from './matrix-choices.ts';
import { collectCells, type Feed } from './matrix-feed.ts';
import { flipSentence, flipsBetween, missingFor } from './matrix-flips.ts';
import { assembleMatrix } from './matrix-frame.ts';
import { createGrid, type Grid } from './matrix-grid.ts';
import { createMatrixList, type MatrixList } from './matrix-list.ts';
import { paintAll, paintSome, turn } from './matrix-painter.ts';
import { createPinPanel, type PinPanel, togglePin } from './matrix-pins.ts';
import type { Spot } from './matrix-places.ts';
import { createReasonPanel, type ReasonPanel } from './matrix-reason.ts';
import { createCellIndex } from './matrix-rows.ts';
import { createRunControl, type RunControl, type RunWish } from './matrix-run.ts';
import { allSeats, createSeatTools, nextSeat, type SeatTools } from './matrix-seats.ts';
import { type Arrangement, arrange, type MatrixState, type Pin } from './matrix-state.ts';
import { createFilterTools, type FilterTools } from './matrix-tools.ts';
import type { PageContext, View } from './view.ts';

/** Every theft under every profile. */

export function createMatrix(context: PageContext): View {
  return new MatrixView(context);
}

class MatrixView implements View {
  readonly name = 'matrix';
  readonly title = 'Matrix';
  readonly element: HTMLElement;
  readonly keys: View['keys'];
  readonly #context: PageContext;
  readonly #grid: Grid;
  readonly #list: MatrixList;
  readonly #reason: ReasonPanel;
  readonly #pins: PinPanel;
  readonly #run: RunControl;
  readonly #seats: SeatTools;
  readonly #filters: FilterTools;
  readonly #said = h('p', { class: 'said' });
  readonly #empty = h('p', { class: 'empty' });
  /** A phone: the list stands in for the grid. */
  readonly #narrow = matchMedia('(max-width: 699.98px)');
  readonly #feed: Feed;
  #state: MatrixState;
  #arrangement: Arrangement;
  /** Under the pointer or in focus: what the lines under the grid are about. */
  #looked: Spot | undefined;

  constructor(context: PageContext) {
    this.#context = context;
    this.#state = firstState(context);
    this.#arrangement = arrange(this.#state);
    this.#grid = createGrid(context.catalogue, {
      looked: (spot) => this.#look(spot),
      chosen: (spot) => this.#choose(spot),
      escaped: () => this.#escape(),
    });
    this.#list = createMatrixList((profile, theft) => this.#open({ profile, theft, seat: this.#state.seat }));
    this.#reason = createReasonPanel({
      open: () => this.#withCell((spot) => this.#choose(spot)),
      again: context.source.live ? () => this.#again() : undefined,
      pin: () => this.#pin(),
    });
    this.#pins = createPinPanel({ open: (pin) => this.#open(pin), close: () => this.#change({ pins: [] }) });
    this.#run = createRunControl(context, {
      label: 'Run all',
      all: () => everything(this.#state),
      started: (wish) => this.#change({ running: runningCells(this.#state, wish) }),
      ended: () => this.#ended(),
    });
    this.#seats = createSeatTools((seat) => this.#go(seat));
    this.#filters = this.#createFilters();
    this.keys = this.#createKeys();
    this.element = assembleMatrix({
      seats: this.#seats.element,
      said: this.#said,
      run: this.#run.element,
      filters: this.#filters.element,
      empty: this.#empty,
      grid: this.#grid.element,
      list: this.#list.element,
      reason: this.#reason.element,
      pins: this.#pins.element,
    });
    this.#feed = collectCells(context.results, 100, (cells) => this.#takeMeasured(cells));
    this.#narrow.addEventListener('change', () => this.#refresh());
    this.#refresh();
  }

  show(_path: readonly string[], query: URLSearchParams): void {
    const asked = allSeats.find((seat) => seat === query.get('seat'));
    const seat = asked ?? this.#context.seat();
    const before = this.#state.seat;
    this.#seats.show(seat);
    if (seat !== before) this.#takeSeat(before, seat);
  }

  hide(): void {
    // Nothing moves here but what a run brings, and that goes on.
  }

  #createFilters(): FilterTools {
    return createFilterTools(this.#context.catalogue, {
      filter: (filter) => this.#change({ filter }),
      foldEqual: (foldEqual) => this.#change({ foldEqual, expanded: new Set() }),
      words: (on) => this.#grid.element.classList.toggle('marks-only', !on),
      foldAll: () => this.#change({ foldedGroups: foldAll(this.#state) }),
      compare: () => this.#compare(),
      baseline: () =>
        this.#state.baseline !== undefined && this.#change({ baseline: this.#filters.baseline() }),
    });
  }

  #createKeys(): View['keys'] {
    return {
      g: { does: 'Go to the grid', press: () => this.#grid.focus() },
      n: { does: 'Next seat of the thief', press: () => this.#go(nextSeat(this.#state.seat)) },
      r: { does: 'Run the cell again', press: () => this.#again() },
      p: { does: 'Pin the cell, to compare two', press: () => this.#pin() },
      b: { does: 'Compare with the baseline', press: () => this.#compare() },
      '/': { does: 'Search profiles and thefts', press: () => this.#filters.search() },
    };
  }

  #change(part: Partial<MatrixState>): void {
    this.#state = { ...this.#state, ...part };
    this.#refresh();
  }

  #refresh(): void {
    const narrow = this.#narrow.matches;
    this.#list.element.hidden = !narrow;
    this.#grid.element.hidden = narrow;
    this.#arrangement = arrange(this.#state);
    if (narrow) this.#list.show(this.#state);
    else paintAll(this.#grid, this.#state, this.#arrangement);
    this.#seats.show(this.#state.seat);
    this.#filters.showCompare(this.#state.baseline !== undefined);
    this.#look(this.#looked ?? this.#grid.current());
    this.#pins.show(this.#state);
    this.#showEmpty();
  }

  #look(spot: Spot | undefined): void {
    this.#looked = spot;
    this.#reason.show(spot, this.#state);
  }

  #showEmpty(): void {
    const text = emptyText(this.#state, this.#arrangement.layout);
    this.#empty.hidden = text === '';
    this.#empty.textContent = text;
  }

  /** Another seat: what is known turns over at once, what is missing is measured. */
  #takeSeat(from: Seat, to: Seat): void {
    this.#change({ seat: to });
    const { catalogue, index } = this.#state;
    const flips = flipsBetween(catalogue, index, from, to);
    turn(this.#grid, flips);
    const missing = missingFor(catalogue, index, to);
    if (missing === undefined || !this.#context.source.live || this.#run.running())
      this.#say(flipSentence(flips, catalogue.profiles, to));
    else void this.#fillSeat(missing, from, to);
  }

  /** Quick first, for something to see in half a minute, then how long. */
  async #fillSeat(missing: Pick<RunWish, 'profiles' | 'thefts'>, from: Seat, to: Seat): Promise<void> {
    this.#say(`Thief ${seatText(to)}: not everything is known yet, it is being measured.`);
    const done = await this.#run.start({ ...missing, seats: [to], mode: 'quick' });
    if (!done || this.#state.seat !== to) return;
    await this.#run.start({ ...missing, seats: [to], mode: 'full' });
    const { catalogue, index } = this.#state;
    this.#say(flipSentence(flipsBetween(catalogue, index, from, to), catalogue.profiles, to));
  }

  #say(text: string): void {
    this.#said.textContent = text;
    this.#context.announce(text);
  }

  #takeMeasured(keys: ReadonlySet<string>): void {
    const running = new Set([...this.#state.running].filter((key) => !keys.has(key)));
    this.#state = { ...this.#state, running, index: createCellIndex(this.#context.results.report()) };
    // Rows stay where they are while a run goes on: nothing jumps below a reader's eyes.
    if (!this.#run.running() || this.#narrow.matches) this.#refresh();
    else paintSome(this.#grid, this.#state, this.#arrangement, keys);
    this.#look(this.#looked ?? this.#grid.current());
    this.#showEmpty();
  }

  #ended(): void {
    this.#state = { ...this.#state, running: new Set() };
    this.#feed.flush();
  }

  #choose(spot: Spot): void {
    const { profile, theft, seat } = { ...spot, seat: this.#state.seat };
    if (spot.kind === 'cell') this.#open({ profile, theft, seat });
    else if (spot.kind === 'profile') this.#change({ expanded: toggled(this.#state.expanded, profile) });
    else if (spot.kind === 'group')
      this.#change({ foldedGroups: toggled(this.#state.foldedGroups, spot.group) });
    else this.#sort(spot);
  }

  #sort(spot: Spot): void {
    this.#change({ sort: sortBy(this.#state.sort, spot) });
    this.#context.announce(
      this.#state.sort.by === 'catalogue' ? 'Order of the catalogue' : 'Sorted, the worst first',
    );
  }

  #open({ profile, theft, seat }: Pin): void {
    this.#context.go('cell', profile, theft, { seat });
  }

  #go(seat: Seat): void {
    this.#context.go('matrix', undefined, undefined, { seat });
  }

  #withCell(use: (spot: Spot) => void): void {
    const spot = this.#grid.current();
    if (spot?.kind === 'cell') use(spot);
  }

  #again(): void {
    const seats = [this.#state.seat];
    this.#withCell(({ profile, theft }) => {
      void this.#run.start({ profiles: [profile], thefts: [theft], seats, mode: 'full' });
    });
  }

  #pin(): void {
    const { pins, seat } = this.#state;
    this.#withCell(({ profile, theft }) => this.#change({ pins: togglePin(pins, { profile, theft, seat }) }));
  }

  #compare(): void {
    const baseline = this.#state.baseline === undefined ? this.#filters.baseline() : undefined;
    this.#change({ baseline });
    this.#say(compareSentence(baseline));
  }

  /** Back, one thing after the other. */
  #escape(): void {
    if (this.#state.pins.length > 0) this.#change({ pins: [] });
    else if (this.#state.baseline !== undefined) this.#compare();
    else this.#seats.focus();
  }
}
