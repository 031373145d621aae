import type { Seat } from '../model.ts';
import { seatText } from './cell-marks.ts';
import { h } from './dom.ts';

/** Where the thief sits: three places, one of them chosen. */

export interface SeatTools {
  readonly element: HTMLElement;
  show(seat: Seat): void;
  focus(): void;
}

export const allSeats: readonly Seat[] = ['elsewhere', 'country', 'nat'];

export function nextSeat(seat: Seat): Seat {
  return allSeats[(allSeats.indexOf(seat) + 1) % allSeats.length] ?? 'elsewhere';
}

export function createSeatTools(choose: (seat: Seat) => void): SeatTools {
  const radios = allSeats.map((seat) =>
    h('input', { type: 'radio', name: 'matrix-seat', value: seat, onchange: () => choose(seat) }),
  );
  const labels = radios.map((radio, at) =>
    h('label', {}, radio, h('span', {}, seatText(allSeats[at] ?? 'elsewhere'))),
  );
  return {
    element: h(
      'fieldset',
      { class: 'seats' },
      h('legend', {}, 'The thief sits'),
      h('div', { class: 'segments' }, ...labels),
    ),
    show: (seat) => {
      for (const radio of radios) radio.checked = radio.value === seat;
    },
    focus: () => radios.find(({ checked }) => checked)?.focus(),
  };
}
