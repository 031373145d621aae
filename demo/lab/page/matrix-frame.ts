import { h } from './dom.ts';
import { legendLine } from './matrix-tools.ts';

/** Where the parts of the matrix stand. */

export interface MatrixParts {
  readonly seats: HTMLElement;
  readonly said: HTMLElement;
  readonly run: HTMLElement;
  readonly filters: HTMLElement;
  readonly empty: HTMLElement;
  readonly grid: HTMLElement;
  readonly list: HTMLElement;
  readonly reason: HTMLElement;
  readonly pins: HTMLElement;
}

const keys = 'Arrow keys move, Enter shows what happened, R runs a cell again, P pins it.';

export function assembleMatrix(parts: MatrixParts): HTMLElement {
  return h(
    'section',
    { class: 'matrix', 'aria-labelledby': 'matrix-title' },
    h(
      'div',
      { class: 'matrix-top' },
      h('h2', { id: 'matrix-title' }, 'Matrix'),
      parts.seats,
      parts.said,
      parts.run,
    ),
    parts.filters,
    parts.empty,
    h('div', { class: 'matrix-ground' }, parts.grid, parts.list),
    h('div', { class: 'matrix-foot' }, parts.reason, parts.pins, legendLine()),
    h('p', { id: 'matrix-keys', class: 'visually-hidden' }, keys),
  );
}
