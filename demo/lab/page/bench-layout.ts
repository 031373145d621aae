import type { BenchForm } from './bench-form.ts';
import { h } from './dom.ts';
import type { View } from './view.ts';

/** Where the parts of the bench stand, and what stands there in a saved report. */

const title = 'Proof bench';

/** A bench without a bank. */
export function createClosedBench(): View {
  const element = h(
    'section',
    { class: 'bench bench-closed' },
    h('h2', {}, title),
    h('p', {}, 'The bench sends requests to a bank, and a saved report has none behind it.'),
    h('p', {}, 'Start the lab (', h('code', {}, 'npm start'), ') and open the address that it prints.'),
  );
  return { name: 'bench', title: 'Bench', element, show: () => {}, hide: () => {}, keys: {} };
}

export function layOut(
  form: BenchForm,
  chips: Iterable<HTMLElement>,
  about: readonly HTMLElement[],
  answer: HTMLElement,
  log: HTMLElement,
): HTMLElement {
  return h(
    'section',
    { class: 'bench', 'aria-labelledby': 'bench-title' },
    h(
      'div',
      { class: 'bench-top' },
      h('h2', { id: 'bench-title' }, title),
      h(
        'p',
        { class: 'muted' },
        'A valid request of Alice’s. Change anything about it, send it, and see what each check says.',
      ),
      h('div', { class: 'bench-chips', role: 'group', 'aria-label': 'Ready mistakes' }, ...chips),
      ...about,
    ),
    h('div', { class: 'bench-columns' }, form.element, h('div', { class: 'bench-side' }, answer, log)),
  );
}
