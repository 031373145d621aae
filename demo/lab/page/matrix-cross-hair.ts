import { h } from './dom.ts';

/** Shows along row and column which place is looked at. */

export interface CrossHair {
  /** To be laid over the table. */
  readonly elements: readonly HTMLElement[];
  pointAt(place: HTMLElement): void;
}

export function createCrossHair(): CrossHair {
  const row = h('div', { class: 'beam', hidden: true });
  const column = h('div', { class: 'beam', hidden: true });
  return {
    elements: [row, column],
    pointAt: (place) => {
      const line = place.closest<HTMLElement>('tbody tr');
      row.hidden = line === null;
      column.hidden = place.classList.contains('profile');
      row.style.setProperty('top', `${line?.offsetTop ?? 0}px`);
      row.style.setProperty('height', `${line?.offsetHeight ?? 0}px`);
      column.style.setProperty('left', `${place.offsetLeft}px`);
      column.style.setProperty('width', `${place.offsetWidth}px`);
    },
  };
}
