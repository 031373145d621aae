import type { Report, RunEvent } from '../model.ts';
import type { After } from './timer.ts';

/** One run: what it has told so far, who listens, and what came of it. */
export interface Run {
  readonly id: string;
  /** `undefined` while it goes on; `null` when it broke. */
  readonly report: () => Report | null | undefined;
  /** Tells what came after the event with this number, and then what comes, until `run.end`; returns how to stop. */
  listen(last: number, tell: Listener): () => void;
  /** Resolves when it has ended. */
  stop(): Promise<void>;
}

/** Events count from 1. */
export type Listener = (id: number, event: RunEvent) => void;

export interface RunOptions {
  readonly after: After;
  readonly unheardMilliseconds: number;
  readonly failed: (error: unknown) => void;
  readonly ended: () => void;
}

type Work = (tell: (event: RunEvent) => void, signal: AbortSignal) => Promise<Report>;

export function createRun(id: string, work: Work, options: RunOptions): Run {
  return new RunningRun(id, work, options);
}

class RunningRun implements Run {
  readonly id: string;
  readonly #options: RunOptions;
  readonly #events: RunEvent[] = [];
  readonly #listeners = new Set<Listener>();
  readonly #abort = new AbortController();
  readonly #done: Promise<void>;
  readonly #begun = performance.now();
  #report: Report | null | undefined;
  #end: RunEvent | undefined;
  #heard: () => void = () => {};

  constructor(id: string, work: Work, options: RunOptions) {
    this.id = id;
    this.#options = options;
    this.#expectListeners();
    this.#done = this.#work(work);
  }

  readonly report = (): Report | null | undefined => this.#report;

  listen(last: number, tell: Listener): () => void {
    this.#heard();
    this.#listeners.add(tell);
    for (const [index, event] of this.#events.entries()) if (index + 1 > last) tell(index + 1, event);
    return () => {
      this.#listeners.delete(tell);
      this.#expectListeners();
    };
  }

  stop(): Promise<void> {
    this.#abort.abort();
    return this.#done;
  }

  /** Somebody who closed the page does not want it any more; somebody who loads it again does. */
  #expectListeners(): void {
    if (this.#listeners.size > 0 || this.#report !== undefined) return;
    this.#heard();
    this.#heard = this.#options.after(this.#options.unheardMilliseconds, () => this.#abort.abort());
  }

  async #work(work: Work): Promise<void> {
    try {
      this.#report = await work((event) => this.#take(event), this.#abort.signal);
    } catch (error) {
      this.#options.failed(error);
      this.#report = null;
    }
    this.#heard();
    this.#tell(this.#end ?? this.#broken());
    this.#options.ended();
  }

  /** The end is told once the report is there: whoever hears it may fetch it. */
  #take(event: RunEvent): void {
    if (event.type === 'run.end') this.#end = event;
    else this.#tell(event.type === 'run.start' ? { ...event, run: this.id } : event);
  }

  #tell(event: RunEvent): void {
    this.#events.push(event);
    for (const listener of this.#listeners) listener(this.#events.length, event);
  }

  #broken(): RunEvent {
    const seconds = (performance.now() - this.#begun) / 1000;
    if (this.#report) return { type: 'run.end', complete: this.#report.complete, seconds, reason: null };
    return {
      type: 'run.end',
      complete: false,
      seconds,
      reason: 'The run broke; the log of the lab says why.',
    };
  }
}
