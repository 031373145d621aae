import type { Mode, RunEvent, Seat } from '../model.ts';
import { durationText } from './cell-marks.ts';
import { fill, h } from './dom.ts';
import type { PageContext } from './view.ts';

/** Starting and stopping runs, and what is said about them. */

export interface RunWish {
  readonly profiles: readonly string[];
  readonly thefts: readonly string[];
  readonly seats: readonly Seat[];
  readonly mode: Mode;
}

export interface RunControl {
  readonly element: HTMLElement;
  running(): boolean;
  /** False where it was stopped, broke, or another one is going on. */
  start(wish: RunWish): Promise<boolean>;
  stop(): void;
}

export interface RunEvents {
  /** On the two buttons, before "(quick)" and "(full)". */
  readonly label: string;
  /** What "run all" measures. */
  readonly all: () => Omit<RunWish, 'mode'>;
  readonly started: (wish: RunWish) => void;
  readonly ended: () => void;
}

export function createRunControl(context: PageContext, events: RunEvents): RunControl {
  return new Control(context, events);
}

class Control implements RunControl {
  readonly element: HTMLElement;
  readonly #context: PageContext;
  readonly #events: RunEvents;
  readonly #quick: HTMLButtonElement;
  readonly #full: HTMLButtonElement;
  readonly #stop: HTMLButtonElement;
  readonly #bar = h('progress', { 'aria-label': 'Cells measured', value: 0, max: 1 });
  readonly #text = h('span', { class: 'run-text' });
  #abort: AbortController | undefined;
  #begun = 0;
  #done = 0;
  #total = 0;

  constructor(context: PageContext, events: RunEvents) {
    this.#context = context;
    this.#events = events;
    this.#quick = this.#button(
      `${events.label} (quick)`,
      'quick',
      'One try of each cell, a second after the theft',
    );
    this.#full = this.#button(
      `${events.label} (full)`,
      'full',
      'Searches how long each theft works: takes minutes',
    );
    this.#stop = h('button', { type: 'button', class: 'button small', onclick: () => this.stop() }, 'Stop');
    this.element = h('div', { class: 'run' }, this.#bar, this.#text, this.#quick, this.#full, this.#stop);
    this.#show('idle');
    if (!context.source.live)
      fill(
        this.element,
        h('span', { class: 'muted' }, 'A saved report: it shows what was measured, and cannot run anything.'),
      );
  }

  running(): boolean {
    return this.#abort !== undefined;
  }

  async start(wish: RunWish): Promise<boolean> {
    if (this.running() || !this.#context.source.live) return false;
    this.#abort = new AbortController();
    this.#begun = performance.now();
    this.#done = 0;
    this.#total = wish.profiles.length * wish.thefts.length * wish.seats.length;
    this.#show('running');
    this.#events.started(wish);
    return this.#finish(await this.#run(wish, this.#abort.signal));
  }

  stop(): void {
    this.#abort?.abort();
  }

  /** What went wrong, in words; `undefined` where nothing did. */
  async #run(wish: RunWish, signal: AbortSignal): Promise<string | undefined> {
    let problem: string | undefined;
    const tell = (event: RunEvent): void => {
      if (event.type === 'run.end' && !event.complete) problem = event.reason ?? 'it was stopped';
      this.#count(event);
      this.#context.results.take(event);
    };
    try {
      await this.#context.source.run(wish, tell, signal);
    } catch (error) {
      // What broke is said beside the buttons; a run that was stopped has broken nothing.
      problem = signal.aborted ? 'it was stopped' : messageOf(error);
    }
    return signal.aborted ? (problem ?? 'it was stopped') : problem;
  }

  #count(event: RunEvent): void {
    if (event.type === 'run.start') this.#total = event.total;
    if (event.type === 'cell' || event.type === 'honest') this.#done = event.done;
    this.#bar.max = Math.max(1, this.#total);
    this.#bar.value = this.#done;
    this.#text.textContent = progressText(this.#done, this.#total, (performance.now() - this.#begun) / 1000);
  }

  #finish(problem: string | undefined): boolean {
    const stopped = this.#abort?.signal.aborted === true;
    this.#abort = undefined;
    this.#show(problem === undefined ? 'idle' : stopped ? 'interrupted' : 'error');
    const text = endText(problem, stopped, this.#done, this.#total, (performance.now() - this.#begun) / 1000);
    this.#text.textContent = text;
    this.#context.announce(text);
    this.#events.ended();
    return problem === undefined;
  }

  #show(state: 'idle' | 'running' | 'interrupted' | 'error'): void {
    const running = state === 'running';
    this.element.dataset['state'] = state;
    this.#bar.hidden = !running;
    this.#stop.hidden = !running;
    this.#quick.hidden = running;
    this.#full.hidden = running;
  }

  #button(text: string, mode: Mode, title: string): HTMLButtonElement {
    const start = (): void => void this.start({ ...this.#events.all(), mode });
    return h('button', { type: 'button', class: 'button small', title, onclick: start }, text);
  }
}

/** `312 of 3,150 cells, about 40 s left`. */
export function progressText(done: number, total: number, seconds: number): string {
  const counted = `${done.toLocaleString('en')} of ${total.toLocaleString('en')} cells`;
  if (done < 10 || seconds < 1 || done >= total) return counted;
  return `${counted}, about ${durationText((seconds / done) * (total - done))} left`;
}

function endText(
  problem: string | undefined,
  stopped: boolean,
  done: number,
  total: number,
  seconds: number,
): string {
  const counted = `${done.toLocaleString('en')} of ${total.toLocaleString('en')} cells measured`;
  const cells = done === 1 ? '1 cell' : `${done.toLocaleString('en')} cells`;
  if (problem === undefined) return `${cells} measured in ${durationText(Math.max(1, seconds))}.`;
  return stopped
    ? `Interrupted: ${counted}, the rest is as before.`
    : `The run broke: ${problem}. ${counted}.`;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message.replace(/\.$/, '') : String(error);
}
