import type { Recording, Report } from '../model.ts';
import { fill, h } from './dom.ts';
import { type CellTables, createCellTables } from './report-cells.ts';
import { drawDocument } from './report-document.ts';
import { type Format, formatNames, makeFile, saveFile } from './report-download.ts';
import { createExchangeChooser, type ExchangeChooser } from './report-exchanges.ts';
import type { PageContext, View } from './view.ts';

/** What was measured and how, in numbers, and as a file to keep. */
export function createReport(context: PageContext): View {
  const report = new ReportView(context);
  return {
    name: 'report',
    title: 'Report',
    element: report.element,
    show: (_path, query) => report.show(query),
    hide: () => report.hide(),
    keys: {
      h: { does: 'download the report as HTML', press: () => report.download('html') },
      j: { does: 'download the report as JSON', press: () => report.download('json') },
    },
  };
}

class ReportView {
  readonly element: HTMLElement;
  readonly #context: PageContext;
  readonly #body = h('div', { class: 'report-body' });
  readonly #state = h('p', { class: 'report-state muted', role: 'status' });
  readonly #buttons: ReadonlyMap<Format, HTMLButtonElement>;
  readonly #chooser: ExchangeChooser | undefined;
  readonly #cells: CellTables = createCellTables();
  #busy = false;
  #stopWatching: () => void = () => {};
  /** Paper cannot be opened. */
  readonly #beforePrint = (): void => {
    for (const folded of this.#body.querySelectorAll('details')) folded.open = true;
    this.#cells.open();
  };
  #redraw = 0;

  constructor(context: PageContext) {
    this.#context = context;
    const { live } = context.source;
    this.#chooser = live ? createExchangeChooser(context.catalogue) : undefined;
    // A saved report is the HTML file.
    const formats: readonly Format[] = live ? ['html', 'json', 'md', 'csv'] : ['json', 'md', 'csv'];
    this.#buttons = new Map(formats.map((format) => [format, this.#createButton(format)]));
    this.element = h(
      'section',
      { class: 'report', 'aria-labelledby': 'report-title' },
      h('div', { class: 'report-top' }, h('h2', { id: 'report-title' }, 'Report'), this.#createActions()),
      this.#state,
      this.#body,
    );
  }

  show(query: URLSearchParams): void {
    const [profile, theft] = query.get('with')?.split('/') ?? [];
    if (profile !== undefined && theft !== undefined) this.#chooser?.add(profile, theft);
    this.hide();
    window.addEventListener('beforeprint', this.#beforePrint);
    this.#stopWatching = this.#context.results.watch(() => this.#drawSoon());
    this.#draw();
  }

  hide(): void {
    window.removeEventListener('beforeprint', this.#beforePrint);
    this.#stopWatching();
  }

  /** One at a time; what is chosen is carried out first. */
  download(format: Format): void {
    const report = this.#context.results.report();
    if (this.#busy || report === undefined || !this.#buttons.has(format)) return;
    void this.#download(format, report);
  }

  async #download(format: Format, report: Report): Promise<void> {
    this.#setBusy(true);
    try {
      const recordings = await this.#record(format);
      this.#say(`Making ${formatNames[format]}…`);
      const file = await makeFile(this.#context.source, format, report, recordings);
      saveFile(file, format, report.started);
      this.#say(`${formatNames[format]}: ${sizeText(file.size)}, handed to the browser.`);
    } catch (error) {
      this.#say(error instanceof Error ? error.message : 'The file could not be made.');
    } finally {
      this.#setBusy(false);
    }
  }

  async #record(format: Format): Promise<readonly Recording[]> {
    const chosen = format === 'html' || format === 'md' ? (this.#chooser?.chosen() ?? []) : [];
    const recordings: Recording[] = [];
    for (const { profile, theft } of chosen) {
      this.#say(`Carrying out ${theft} under ${profile}: ${recordings.length + 1} of ${chosen.length}…`);
      const request = { profile, theft, seat: this.#context.seat(), wait: 1, without: [] };
      const recording = await this.#context.source.record(request);
      if (recording !== undefined) recordings.push(recording);
    }
    return recordings;
  }

  #createButton(format: Format): HTMLButtonElement {
    const look = format === 'html' ? 'button primary' : 'button';
    return h(
      'button',
      { type: 'button', class: look, onclick: () => this.download(format) },
      formatNames[format],
    );
  }

  #createActions(): HTMLElement {
    const print = h('button', { type: 'button', class: 'button', onclick: () => window.print() }, 'Print');
    return h(
      'div',
      { class: 'report-actions', role: 'group', 'aria-label': 'Keep it' },
      ...this.#buttons.values(),
      print,
    );
  }

  #setBusy(busy: boolean): void {
    this.#busy = busy;
    // Not disabled: whoever has pressed one keeps the focus on it.
    for (const button of this.#buttons.values()) button.setAttribute('aria-disabled', String(busy));
  }

  #say(text: string): void {
    fill(this.#state, text);
  }

  /** A run tells of many cells a second; a table can be drawn less often. */
  #drawSoon(): void {
    if (this.#redraw !== 0) return;
    this.#redraw = window.setTimeout(() => {
      this.#redraw = 0;
      this.#draw();
    }, 1000);
  }

  #draw(): void {
    const report = this.#context.results.report();
    for (const button of this.#buttons.values()) button.hidden = report === undefined;
    if (report === undefined) {
      fill(
        this.#body,
        h('p', {}, 'Nothing has been measured yet. Start a run in the matrix; its numbers appear here.'),
      );
      return;
    }
    const [numbers, method, facts, ...tables] = drawDocument(report, this.#context.seat());
    const own = this.#chooser?.element ?? this.#drawOffline();
    fill(
      this.#body,
      numbers,
      h('div', { class: 'report-pair' }, facts, method),
      own,
      ...tables,
      this.#cells.element,
    );
    this.#cells.update(report, this.#context.seat());
  }

  #drawOffline(): HTMLElement {
    const text = 'This file is the report in HTML: it holds everything that is shown, and needs no network.';
    return h('p', { class: 'panel report-offline' }, text);
  }
}

function sizeText(bytes: number): string {
  return bytes < 1_000_000 ? `${Math.ceil(bytes / 1000)} kB` : `${(bytes / 1_000_000).toFixed(1)} MB`;
}
