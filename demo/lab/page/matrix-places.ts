import { h } from './dom.ts';
import type { GridRow } from './matrix-cells.ts';

/** Elements of the grid, and what they are about. */

/** What a place of the grid is about. */
export interface Spot {
  readonly kind: string;
  readonly profile: string;
  readonly theft: string;
  readonly group: string;
}

export function lineOf({ element }: GridRow): readonly HTMLElement[] {
  return [...element.cells].filter(({ hidden }) => !hidden);
}

export function moveTo(element: HTMLElement): void {
  element.focus({ preventScroll: true });
  // Honours the scroll padding, so that no sticky head lies over the focus.
  element.scrollIntoView({ block: 'nearest', inline: 'nearest' });
}

export function caption(text: string): HTMLTableRowElement {
  const name = h('span', { class: 'caption-text' }, text);
  return h(
    'tr',
    { class: 'caption' },
    h('th', { scope: 'rowgroup', role: 'rowheader', class: 'caption-head' }, name),
  );
}

export function hide(element: HTMLElement | undefined, hidden: boolean): void {
  if (element !== undefined && element.hidden !== hidden) element.hidden = hidden;
}

export function placeAt(target: EventTarget | null): HTMLElement | undefined {
  return target instanceof Element ? (target.closest<HTMLElement>('[data-kind]') ?? undefined) : undefined;
}

export function spotOf({ dataset, parentElement }: HTMLElement): Spot {
  return {
    kind: dataset['kind'] ?? '',
    profile: parentElement?.dataset['profile'] ?? '',
    theft: dataset['theft'] ?? '',
    group: dataset['group'] ?? '',
  };
}
