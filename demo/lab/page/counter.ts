import type { CellWindow, Recording } from '../model.ts';
import { fill, h } from './dom.ts';
import { toClock, toWindowText } from './duration.ts';
import { thiefGotIn } from './uses.ts';

/** For how long the loot is still of use: the window that was measured, running down. */
export interface Counter {
  readonly element: HTMLElement;
  /** Nothing is counted where he did not get in, or nobody has measured for how long. */
  start(recording: Recording, window: CellWindow | null): void;
  stop(): void;
}

export function createCounter(): Counter {
  const element = h('p', { class: 'counter', hidden: true });
  let timer: ReturnType<typeof setInterval> | undefined;
  const stop = (): void => {
    clearInterval(timer);
    element.hidden = true;
  };
  return {
    element,
    stop,
    start(recording, window) {
      stop();
      const left = window === null ? undefined : secondsLeft(recording, window);
      if (window === null || left === undefined) return;
      element.hidden = false;
      element.title = `Measured: ${toWindowText(window)}`;
      if (left === Number.POSITIVE_INFINITY) return fill(element, 'usable', h('strong', {}, 'without end'));
      timer = countDown(element, left);
    },
  };
}

function countDown(element: HTMLElement, seconds: number): ReturnType<typeof setInterval> {
  const ends = performance.now() + seconds * 1000;
  const time = h('strong', { id: 'usable' });
  const tick = (): void => {
    time.textContent = toClock((ends - performance.now()) / 1000);
  };
  tick();
  fill(element, 'usable for another', time);
  return setInterval(tick, 1000);
}

/** `undefined` where the window does not speak of this try: he failed, or a check was switched off. */
export function secondsLeft(recording: Recording, window: CellWindow): number | undefined {
  const { outcome, without, wait } = recording;
  if (!thiefGotIn(outcome) || without.length > 0) return undefined;
  if (window.firstFailure === null) return Number.POSITIVE_INFINITY;
  return wait > window.last ? undefined : window.last - wait;
}
