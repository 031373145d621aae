import type {
  BenchAnswer,
  BenchRequest,
  Catalogue,
  CheckId,
  Recording,
  Report,
  RunEvent,
  Seat,
} from '../model.ts';

/** What the views of the page have in common. */

/** Where data comes from: the lab's server, or the report that the page stands in. */
export interface LabSource {
  /** False in an exported report: nothing new can be run. */
  readonly live: boolean;
  catalogue(): Promise<Catalogue>;
  /** The last complete report that is known: the committed one, or the one that this file holds. */
  report(): Promise<Report | undefined>;
  /** One recorded try. In an exported report: one that it holds, else `undefined`. */
  record(request: {
    readonly profile: string;
    readonly theft: string;
    readonly seat: Seat;
    readonly wait: number;
    readonly without: readonly CheckId[];
  }): Promise<Recording | undefined>;
  /** Starts a run; resolves when it has ended. */
  run(
    request: {
      readonly profiles: readonly string[];
      readonly thefts: readonly string[];
      readonly seats: readonly Seat[];
      readonly mode: 'quick' | 'full';
    },
    tell: (event: RunEvent) => void,
    signal: AbortSignal,
  ): Promise<void>;
  bench(request: BenchRequest): Promise<BenchAnswer>;
  /** A finished file of what the page has seen. */
  export(
    format: 'html' | 'json' | 'md' | 'csv',
    report: Report,
    recordings: readonly Recording[],
  ): Promise<Blob>;
}

/** What the frame gives to its views. */
export interface PageContext {
  readonly source: LabSource;
  readonly catalogue: Catalogue;
  /** Seat of the thief, chosen in the top bar. Views are told of changes by `show`. */
  readonly seat: () => Seat;
  /** Says it to a screen reader, politely; at most one line in two seconds gets through. */
  readonly announce: (text: string) => void;
  /** `go('cell', 'D5', 'T06', { t: '30' })` sets the address `#/cell/D5/T06?seat=...&t=30` and shows it. */
  readonly go: (
    view: string,
    first?: string,
    second?: string,
    query?: Readonly<Record<string, string>>,
  ) => void;
  /** Cells known so far, by `PROFILE/THEFT/SEAT`: the recorded ones, then what runs replace. Views may add. */
  readonly results: Results;
}

/** The current measurements, shared by all views. */
export interface Results {
  /** `undefined` before there is any. */
  readonly report: () => Report | undefined;
  /** Takes one line of a run. */
  readonly take: (event: RunEvent) => void;
  /** Called after each change. Returns how to stop being told. */
  readonly watch: (changed: (event: RunEvent | undefined) => void) => () => void;
}

/** One tab of the page. */
export interface View {
  /** In the address and for the tab: `story`, `matrix`, `exposure`, `bench`, `report`. */
  readonly name: string;
  readonly title: string;
  readonly element: HTMLElement;
  /** Shown, or its address has changed: the parts of the address after the view's name, and its query. */
  show(path: readonly string[], query: URLSearchParams): void;
  /** Another view is shown: stop what moves. */
  hide(): void;
  /** Single letters and named keys, while the view is shown and no text field has the focus. Lower case. */
  readonly keys: Readonly<Record<string, { readonly does: string; readonly press: () => void }>>;
}
