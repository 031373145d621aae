import type { Catalogue, Cell, CostCell, HonestCell, Report, RunEvent } from '../model.ts';
import type { Results } from './view.ts';

/** The report that the page began with, and what runs have measured since. */
export function createResults(catalogue: Catalogue, report: Report | undefined): Results {
  return new MergedResults(catalogue, report);
}

type Watcher = (event: RunEvent | undefined) => void;

class MergedResults implements Results {
  readonly #cells = new Map<string, Cell>();
  readonly #honest = new Map<string, HonestCell>();
  readonly #cost = new Map<string, CostCell>();
  readonly #watchers = new Set<Watcher>();
  #frame: Report;
  #merged: Report | undefined;

  constructor(catalogue: Catalogue, report: Report | undefined) {
    this.#frame = report ?? emptyReport(catalogue);
    for (const cell of this.#frame.cells) this.#cells.set(keyOf(cell), cell);
    for (const cell of this.#frame.honest) this.#honest.set(honestKeyOf(cell), cell);
    for (const cell of this.#frame.cost) this.#cost.set(cell.profile, cell);
  }

  readonly report = (): Report | undefined => {
    if (this.#cells.size + this.#honest.size === 0) return undefined;
    this.#merged ??= {
      ...this.#frame,
      cells: [...this.#cells.values()],
      honest: [...this.#honest.values()],
      cost: [...this.#cost.values()],
    };
    return this.#merged;
  };

  readonly take = (event: RunEvent): void => {
    this.#put(event);
    this.#merged = undefined;
    for (const watcher of this.#watchers) watcher(event);
  };

  readonly watch = (changed: Watcher): (() => void) => {
    this.#watchers.add(changed);
    return () => this.#watchers.delete(changed);
  };

  #put(event: RunEvent): void {
    if (event.type === 'run.start') this.#begin(event);
    else if (event.type === 'run.end') this.#frame = { ...this.#frame, seconds: event.seconds };
    else if (event.type === 'cost') this.#cost.set(event.cell.profile, event.cell);
    else if (event.type === 'honest') this.#honest.set(honestKeyOf(event.cell), event.cell);
    else this.#putCell(event.cell);
  }

  #begin({ mode, seats }: Extract<RunEvent, { type: 'run.start' }>): void {
    const known = this.#frame;
    const first = this.#cells.size === 0;
    this.#frame = {
      ...known,
      started: new Date().toISOString(),
      mode: first ? mode : known.mode,
      seats: [...new Set([...known.seats, ...seats])],
    };
  }

  #putCell(cell: Cell): void {
    const known = this.#cells.get(keyOf(cell));
    if (known === undefined || !confirms(cell, known)) this.#cells.set(keyOf(cell), cell);
  }
}

/** A quick run sees one moment alone: where that is as a full run has found it, the full one says more. */
function confirms(cell: Cell, known: Cell): boolean {
  if (cell.window !== null || known.window === null || cell.hurt !== known.hurt) return false;
  const gotInThen = known.window.first <= 1;
  const getsInNow = cell.outcome === 'works' || cell.outcome === 'narrowed' || cell.outcome === 'longer';
  return getsInNow ? gotInThen : cell.outcome === 'blocked' && !gotInThen;
}

function keyOf({ profile, theft, seat }: Cell): string {
  return `${profile}/${theft}/${seat}`;
}

function honestKeyOf({ profile, test }: HonestCell): string {
  return `${profile}/${test}`;
}

/** Where there is no report yet, what runs measure is an incomplete one. */
function emptyReport(catalogue: Catalogue): Report {
  return {
    schema: 1,
    tool: { name: 'holdfast-lab', version: catalogue.version },
    runtime: { node: '', os: '' },
    started: new Date().toISOString(),
    seconds: 0,
    mode: 'quick',
    seats: [],
    complete: false,
    time: 'world',
    processes: 'one',
    profiles: catalogue.profiles,
    thefts: catalogue.thefts,
    honestTests: catalogue.honest,
    cells: [],
    honest: [],
    cost: [],
  };
}
