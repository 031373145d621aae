import type { BenchAnswer, BenchRequest } from '../model.ts';
import { describeRequest, isPlain } from './bench-draft.ts';
import { h } from './dom.ts';
import { icon } from './icons.ts';

/** Earlier tries: to look at again, and to compare the last one with. */

export interface Try {
  readonly number: number;
  readonly request: BenchRequest;
  readonly answer: BenchAnswer;
}

export interface LogActions {
  readonly again: (one: Try) => void;
  readonly compare: (one: Try | undefined) => void;
}

/** Newest first. */
export function drawLog(tries: readonly Try[], compared: Try | undefined, actions: LogActions): HTMLElement {
  if (tries.length === 0)
    return h('p', { class: 'muted' }, 'Nothing sent yet. Each try is kept here, to compare others with.');
  const items = tries.map((one) => drawTry(one, one === compared, actions));
  return h('ol', { class: 'bench-log', reversed: true }, ...items.reverse());
}

function drawTry(one: Try, compared: boolean, { again, compare }: LogActions): HTMLElement {
  const { number, request, answer } = one;
  const accepted = answer.verdict === 'accepted';
  const by = answer.decidedBy === null ? '' : ` by ${answer.decidedBy}`;
  return h(
    'li',
    {},
    h('span', { class: 'bench-log-number' }, number),
    h(
      'div',
      { class: 'bench-log-text' },
      h(
        'p',
        { class: accepted ? (isPlain(request) ? '' : 'works') : 'blocked' },
        icon(accepted ? 'check' : 'cross'),
        ` ${answer.verdict}${by}, ${answer.status}`,
      ),
      h('p', { class: 'muted' }, `${request.profile}, ${describeRequest(request)}`),
    ),
    h(
      'div',
      { class: 'bench-log-buttons' },
      button('Load', `Load try ${number} into the form`, undefined, () => again(one)),
      button('Compare', `Compare with try ${number}`, compared, () => compare(compared ? undefined : one)),
    ),
  );
}

function button(text: string, label: string, pressed: boolean | undefined, press: () => void): HTMLElement {
  const state = pressed === undefined ? {} : { 'aria-pressed': String(pressed) };
  return h('button', { type: 'button', class: 'chip', 'aria-label': label, onclick: press, ...state }, text);
}
