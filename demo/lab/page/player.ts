import type { LabEvent, Recording, Seconds } from '../model.ts';
import { fill, h } from './dom.ts';
import { toClock } from './duration.ts';
import { icon } from './icons.ts';

/** Plays a recording: event after event, at a chosen speed, to and fro. */
export interface Player {
  readonly element: HTMLElement;
  /** `play: false` shows its end. Stops count drawn events: what one step goes over. */
  load(recording: Recording | undefined, stops: readonly number[], play: boolean): void;
  toggle(): void;
  pause(): void;
  step(by: 1 | -1): void;
  speed(by: 1 | -1): void;
}

export interface PlayerTells {
  /** So many events are shown now; the last of them takes so many milliseconds. */
  readonly moved: (position: number, travel: number) => void;
  /** Shown to its end, by playing or by stepping. */
  readonly ended: () => void;
}

export function createPlayer(tells: PlayerTells): Player {
  return new SteppingPlayer(tells);
}

const speeds = [0.25, 0.5, 1, 2, 4, 8] as const;
const restMilliseconds = 180;
/** A long recording is played faster: nobody watches two hundred requests one by one. */
const longestMilliseconds = 20_000;

const travels: Readonly<Record<LabEvent['type'], number>> = {
  start: 0,
  say: 0,
  request: 350,
  response: 350,
  loot: 900,
  clock: 600,
  cannot: 600,
  alert: 600,
  store: 120,
  end: 0,
};

/** Milliseconds that an event takes at a speed. */
export function travelOf(event: LabEvent | undefined, speed: number, stops: number): number {
  const usual = event === undefined ? 0 : travels[event.type];
  const hurry = Math.max(1, (stops * 500) / longestMilliseconds);
  return usual / speed / hurry;
}

/** Positions at which the stage rests: after each event that is drawn, and at the very end. */
export function toStops(indexes: readonly number[], events: number): readonly number[] {
  const after = indexes.map((index) => index + 1);
  return [0, ...after.slice(0, -1), ...(events > 0 ? [events] : [])];
}

/** World time after so many events. */
export function worldTime(recording: Recording | undefined, position: number): Seconds {
  return recording?.events[Math.max(0, position - 1)]?.at ?? 0;
}

class SteppingPlayer implements Player {
  readonly element: HTMLElement;
  readonly #tells: PlayerTells;
  readonly #back = control('Step back', 'back', () => this.step(-1));
  readonly #play = control('Play', 'play', () => this.toggle());
  readonly #next = control('Step forward', 'next', () => this.step(1));
  readonly #speedButton = h('button', {
    type: 'button',
    class: 'button quiet small speed',
    onclick: () => this.#turnSpeed(),
  });
  readonly #range = h('input', {
    type: 'range',
    min: 0,
    max: 0,
    step: 1,
    value: 0,
    'aria-label': 'Moment of the recording',
  });
  readonly #ticks = h('span', { class: 'ticks', 'aria-hidden': 'true' });
  readonly #clock = h('output', { class: 'world', title: 'World time since the try began' });
  #recording: Recording | undefined;
  #stops: readonly number[] = [0];
  #stop = 0;
  #speed: (typeof speeds)[number] = 1;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(tells: PlayerTells) {
    this.#tells = tells;
    this.#range.addEventListener('input', () => this.#seek(Number(this.#range.value)));
    const track = h('span', { class: 'track' }, this.#ticks, this.#range);
    const world = h(
      'span',
      { class: 'world-time' },
      h('span', { class: 'visually-hidden' }, 'World time '),
      this.#clock,
    );
    const children = [this.#back, this.#play, this.#next, this.#speedButton, track, world];
    this.element = h('div', { class: 'player', role: 'group', 'aria-label': 'Playback' }, ...children);
    this.#paint();
  }

  load(recording: Recording | undefined, stops: readonly number[], play: boolean): void {
    this.#halt();
    this.#recording = recording;
    this.#stops = stops;
    this.#range.max = String(stops.length - 1);
    fill(this.#ticks, ...stops.map(() => h('i')));
    this.#move(play ? 0 : stops.length - 1, 0);
    if (play) this.#schedule(restMilliseconds);
    this.#paint();
  }

  toggle(): void {
    if (this.#timer !== undefined) this.pause();
    else if (this.#recording !== undefined) this.#resume();
  }

  #resume(): void {
    if (this.#stop === this.#last()) this.#move(0, 0);
    this.#schedule(0);
    this.#paint();
  }

  pause(): void {
    this.#halt();
    this.#paint();
  }

  step(by: 1 | -1): void {
    if (this.#recording === undefined) return;
    this.#halt();
    const next = Math.min(Math.max(this.#stop + by, 0), this.#last());
    if (next !== this.#stop) this.#move(next, by === 1 ? this.#travelTo(next) : 0);
    this.#paint();
  }

  speed(by: 1 | -1): void {
    const next = speeds[speeds.indexOf(this.#speed) + by];
    if (next !== undefined) this.#speed = next;
    this.#paint();
  }

  #turnSpeed(): void {
    this.#speed = speeds[(speeds.indexOf(this.#speed) + 1) % speeds.length] ?? 1;
    this.#paint();
  }

  #seek(stop: number): void {
    this.#halt();
    this.#move(stop, 0);
    this.#paint();
  }

  #schedule(delay: number): void {
    this.#timer = setTimeout(() => this.#advance(), delay);
  }

  #advance(): void {
    const travel = this.#travelTo(this.#stop + 1);
    this.#timer = undefined;
    this.#move(this.#stop + 1, travel);
    if (this.#stop < this.#last()) this.#schedule(travel + (restMilliseconds * travel) / 350);
    this.#paint();
  }

  #move(stop: number, travel: number): void {
    this.#stop = stop;
    const position = this.#stops[stop] ?? 0;
    this.#tells.moved(position, travel);
    this.#range.value = String(stop);
    this.#range.setAttribute('aria-valuetext', `${stop} of ${this.#last()}`);
    this.#clock.textContent = toClock(worldTime(this.#recording, position));
    if (this.#recording !== undefined && stop === this.#last()) this.#tells.ended();
  }

  /** The event at a stop is what is drawn there; at the end, the one before the words. */
  #travelTo(stop: number): number {
    const [from, to] = [this.#stops[stop - 1] ?? 0, this.#stops[stop] ?? 0];
    const events = this.#recording?.events.slice(from, to) ?? [];
    return Math.max(0, ...events.map((event) => travelOf(event, this.#speed, this.#stops.length)));
  }

  #last(): number {
    return this.#stops.length - 1;
  }

  #halt(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #paint(): void {
    const none = this.#recording === undefined;
    const playing = this.#timer !== undefined;
    const atEnd = this.#stop === this.#last();
    fill(this.#play, icon(playing ? 'pause' : atEnd && !none ? 'again' : 'play'));
    this.#play.setAttribute('aria-label', playing ? 'Pause' : atEnd && !none ? 'Play again' : 'Play');
    this.#play.disabled = none;
    this.#range.disabled = none;
    this.#back.disabled = none || this.#stop === 0;
    this.#next.disabled = none || atEnd;
    fill(this.#speedButton, `${this.#speed}×`);
    this.#speedButton.setAttribute('aria-label', `Speed ${this.#speed} times`);
  }
}

function control(name: string, shape: Parameters<typeof icon>[0], press: () => void): HTMLButtonElement {
  return h(
    'button',
    { type: 'button', class: 'button quiet icon-only', 'aria-label': name, title: name, onclick: press },
    icon(shape),
  );
}
