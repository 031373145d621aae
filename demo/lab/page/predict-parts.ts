import type { Cell } from '../model.ts';
import { labelOf, markOf, markSvg } from './cell-marks.ts';
import { h } from './dom.ts';
import { type Guess, guesses, type Question } from './predict-questions.ts';

/** Parts of the predict-first view that only draw. */

/** One question among all: its number, or the mark of its cell once that is open. */
export function stepOf(
  name: string,
  number: string,
  state: string,
  current: boolean,
  cell: Cell | undefined,
  go: () => void,
): HTMLElement {
  const attributes = {
    type: 'button',
    'aria-label': `${name}: ${state}`,
    'aria-current': current ? 'step' : null,
    'data-state': state,
    onclick: go,
  };
  return h('li', {}, h('button', attributes, cell === undefined ? number : markSvg(markOf(cell), 14)));
}

export interface GuessLook {
  /** What the viewer guessed first. */
  readonly chosen: boolean;
  /** What was measured. */
  readonly right: boolean;
  /** The cell is open, or being opened: nothing more to guess. */
  readonly closed: boolean;
}

export function guessButton(
  key: string,
  text: string,
  more: string,
  { chosen, right, closed }: GuessLook,
  press: () => void,
): HTMLElement {
  const attributes = {
    type: 'button',
    class: `guess${right ? ' right' : ''}`,
    'aria-pressed': String(chosen),
    'aria-disabled': closed ? 'true' : null,
    'aria-keyshortcuts': key,
    onclick: press,
  };
  return h(
    'button',
    attributes,
    h('kbd', { 'aria-hidden': 'true' }, key),
    h('span', {}, h('strong', {}, text), ' ', h('small', {}, more)),
    h(
      'span',
      { class: 'guess-badges' },
      chosen ? h('span', { class: 'badge' }, 'your guess') : null,
      right ? h('span', { class: 'badge' }, 'measured') : null,
    ),
  );
}

/** One question in the list at the end. */
export function lineOf({ title }: Question, cell: Cell | undefined, guess: Guess | undefined): HTMLElement {
  const text = guesses.find(([name]) => name === guess)?.[1] ?? 'no guess';
  return h(
    'li',
    {},
    markSvg(markOf(cell)),
    h('span', {}, h('strong', {}, title), ` ${labelOf(cell)}`),
    h('span', { class: 'muted' }, `you: ${text.toLowerCase()}`),
  );
}
