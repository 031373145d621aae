import type { Seconds } from '../model.ts';
import { durationText, longestWindow } from './cell-marks.ts';
import { h } from './dom.ts';
import { nextStop, toSeconds, toShare } from './exposure-scale.ts';
import type { ChartPlan } from './exposure-svg.ts';

/** The line that asks: how long until you notice? To be dragged, or moved by arrow keys. */

export interface Ruler {
  readonly element: HTMLElement;
  /** Puts it over a chart. */
  place(plan: ChartPlan): void;
  value(): Seconds;
}

const jumps: Readonly<Record<string, number>> = {
  ArrowRight: 1,
  ArrowUp: 1,
  ArrowLeft: -1,
  ArrowDown: -1,
  PageUp: 5,
  PageDown: -5,
  Home: -99,
  End: 99,
};

/** `ground` is what the pointer may press on to move it there. */
export function createRuler(ground: HTMLElement, start: Seconds, moved: () => void): Ruler {
  const flag = h('span', { class: 'flag', 'aria-hidden': 'true' });
  const element = h(
    'div',
    {
      class: 'ruler',
      role: 'slider',
      tabindex: 0,
      'aria-label': 'How long until you notice?',
      'aria-orientation': 'horizontal',
      'aria-valuemin': 1,
      'aria-valuemax': longestWindow,
    },
    flag,
  );
  let seconds = start;
  let plan: ChartPlan | undefined;
  const show = (): void => {
    const text = durationText(seconds);
    element.setAttribute('aria-valuenow', String(seconds));
    element.setAttribute('aria-valuetext', text);
    flag.textContent = text;
    if (plan === undefined) return;
    const x = plan.left + toShare(seconds) * (plan.right - plan.left);
    element.style.setProperty('left', `${x}px`);
    element.style.setProperty('height', `${plan.bottom}px`);
    // Near the end of the axis the flag hangs to the left, so that it stays on the chart.
    element.classList.toggle('far', x > plan.width - 90);
  };
  const move = (to: Seconds): void => {
    if (to === seconds) return;
    seconds = to;
    show();
    moved();
  };
  listenToKeys(element, (steps) => move(nextStop(seconds, steps)));
  listenToPointer(ground, (x) => {
    if (plan !== undefined) move(toSeconds((x - plan.left) / (plan.right - plan.left)));
  });
  return {
    element,
    place: (next) => {
      plan = next;
      show();
    },
    value: () => seconds,
  };
}

function listenToKeys(element: HTMLElement, step: (steps: number) => void): void {
  element.addEventListener('keydown', (event) => {
    const steps = jumps[event.key];
    if (steps === undefined || event.ctrlKey || event.altKey || event.metaKey) return;
    event.preventDefault();
    event.stopPropagation();
    step(steps);
  });
}

/** Tells where the pointer is over the ground, from its left edge, while it is pressed. */
function listenToPointer(ground: HTMLElement, point: (x: number) => void): void {
  const follow = (event: PointerEvent): void => point(event.clientX - ground.getBoundingClientRect().left);
  ground.addEventListener('pointerdown', (event) => {
    if (event.button !== 0) return;
    ground.setPointerCapture(event.pointerId);
    follow(event);
  });
  ground.addEventListener('pointermove', (event) => {
    if (ground.hasPointerCapture(event.pointerId)) follow(event);
  });
}
