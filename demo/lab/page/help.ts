import { fill, h } from './dom.ts';
import { icon } from './icons.ts';
import type { Keys } from './keyboard.ts';
import { lettersOn, switchLetters } from './settings.ts';

/** What the marks of the stage mean, and every key. */
export interface Help {
  readonly element: HTMLDialogElement;
  open(groups: readonly (readonly [title: string, keys: Keys])[]): void;
}

export function createHelp(): Help {
  const groups = h('div', { class: 'dialog-body' });
  const close = { type: 'button', class: 'button quiet icon-only', 'aria-label': 'Close' };
  const element = h(
    'dialog',
    { 'aria-labelledby': 'help-title', class: 'help' },
    h(
      'div',
      { class: 'dialog-head' },
      h('h2', { id: 'help-title' }, 'Help'),
      h('button', { ...close, onclick: () => element.close() }, icon('cross')),
    ),
    groups,
  );
  return {
    element,
    open(named) {
      fill(groups, legend(), letterSwitch(), ...named.map(([title, keys]) => keyList(title, keys)));
      element.showModal();
    },
  };
}

const marks: readonly (readonly [kind: string, meaning: string])[] = [
  ['solid', 'sent, and accepted'],
  ['dashed', 'refused: the cross stands where it was decided'],
  ['double', 'a replay: the same bytes as an earlier request'],
  ['dotted', 'what the thief cannot send, and what he lacks for it'],
  ['hatched', 'the time in which the loot was of use'],
  ['torn', 'time goes by'],
];

function legend(): HTMLElement {
  const rows = marks.map(([kind, meaning]) =>
    h(
      'div',
      {},
      h('dt', {}, h('span', { class: `sample ${kind}`, 'aria-hidden': 'true' }), kind),
      h('dd', {}, meaning),
    ),
  );
  return h('section', {}, h('h3', {}, 'On the stage'), h('dl', { class: 'legend-list' }, ...rows));
}

function letterSwitch(): HTMLElement {
  const box = h('input', { type: 'checkbox', id: 'letters', checked: lettersOn() });
  box.addEventListener('change', () => switchLetters(box.checked));
  return h('label', { class: 'switch' }, box, 'Single letters and signs are shortcuts');
}

function keyList(title: string, keys: Keys): HTMLElement {
  const rows = Object.entries(keys).map(([key, { does }]) =>
    h('div', {}, h('dt', {}, h('kbd', {}, keyName(key))), h('dd', {}, does)),
  );
  return h('section', {}, h('h3', {}, title), h('dl', { class: 'keys' }, ...rows));
}

const names: Readonly<Record<string, string>> = {
  arrowright: '→',
  arrowleft: '←',
  arrowup: '↑',
  arrowdown: '↓',
  space: 'Space',
  escape: 'Esc',
  enter: 'Enter',
};

function keyName(key: string): string {
  return names[key] ?? (key.length === 1 ? key.toUpperCase() : key);
}
