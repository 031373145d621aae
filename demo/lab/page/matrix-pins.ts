import type { Cell, CheckId } from '../model.ts';
import { durationText, labelOf, markOf, markSvg, seatText } from './cell-marks.ts';
import { fill, h } from './dom.ts';
import type { MatrixState, Pin } from './matrix-state.ts';

/** Two cells side by side: what is different between them. */

/** One line of the comparison. */
export interface PinLine {
  readonly name: string;
  readonly values: readonly string[];
  readonly differs: boolean;
}

export interface PinPanel {
  readonly element: HTMLElement;
  show(state: MatrixState): void;
}

/** A third pin takes the place of the second; a pin that is there already goes. */
export function togglePin(pins: readonly Pin[], pin: Pin): readonly Pin[] {
  const others = pins.filter((other) => pinKey(other) !== pinKey(pin));
  return others.length < pins.length ? others : [...pins.slice(0, 1), pin];
}

function pinKey({ profile, theft, seat }: Pin): string {
  return `${profile}/${theft}/${seat}`;
}

export function pinLines(pins: readonly Pin[], { catalogue, index }: MatrixState): readonly PinLine[] {
  const cells = pins.map(({ profile, theft, seat }) => index.cell(profile, theft, seat));
  const titleIn = (list: readonly { readonly id: string; readonly title: string }[], id: string): string =>
    `${id} ${list.find((item) => item.id === id)?.title ?? ''}`;
  return [
    line(
      'Profile',
      pins.map(({ profile }) => titleIn(catalogue.profiles, profile)),
    ),
    line(
      'Theft',
      pins.map(({ theft }) => titleIn(catalogue.thefts, theft)),
    ),
    line(
      'Thief',
      pins.map(({ seat }) => seatText(seat)),
    ),
    line('Result', cells.map(labelOf)),
    line(
      'Last success',
      cells.map((cell) => after(cell?.window?.last)),
    ),
    line('First failure', cells.map(firstFailure)),
    line(
      'Decided by',
      cells.map((cell) => cell?.decidedBy ?? cell?.window?.endedBy ?? '–'),
    ),
    line(
      'Alice afterwards',
      cells.map((cell) => afterwards(cell?.hurt)),
    ),
    line(
      'Requests',
      cells.map((cell) => (cell === undefined ? '–' : String(cell.requests))),
    ),
  ];
}

function line(name: string, values: readonly string[]): PinLine {
  return { name, values, differs: values.some((value) => value !== values[0]) };
}

function after(seconds: number | undefined): string {
  return seconds === undefined ? '–' : `${durationText(seconds)} (${seconds.toLocaleString('en')} s)`;
}

function firstFailure(cell: Cell | undefined): string {
  if (!cell?.window) return '–';
  return cell.window.firstFailure === null ? 'none in 7 d' : after(cell.window.firstFailure);
}

function afterwards(hurt: CheckId | null | undefined): string {
  if (hurt === undefined) return '–';
  return hurt === null ? 'is served as before' : `is refused (${hurt})`;
}

export function createPinPanel(actions: {
  readonly open: (pin: Pin) => void;
  readonly close: () => void;
}): PinPanel {
  const element = h('section', { class: 'pins', 'aria-label': 'Pinned cells', hidden: true });
  return {
    element,
    show: (state) => {
      element.hidden = state.pins.length === 0;
      if (state.pins.length === 1) fill(element, onePin(state, actions.close));
      else if (state.pins.length > 1) fill(element, pinTable(state, actions), closeButton(actions.close));
    },
  };
}

function onePin({ pins }: MatrixState, close: () => void): HTMLElement {
  const text = `Pinned: ${pins[0]?.theft} under ${pins[0]?.profile}. Pin a second cell to compare the two.`;
  return h('p', { class: 'one-pin' }, text, ' ', closeButton(close));
}

function pinTable(state: MatrixState, { open }: { readonly open: (pin: Pin) => void }): HTMLElement {
  const head = (pin: Pin): HTMLElement =>
    h(
      'th',
      { scope: 'col' },
      markSvg(markOf(state.index.cell(pin.profile, pin.theft, pin.seat))),
      ` ${pin.theft} under ${pin.profile} `,
      h('button', { type: 'button', class: 'button small quiet', onclick: () => open(pin) }, 'Watch it'),
    );
  const rows = pinLines(state.pins, state).map(({ name, values, differs }) =>
    h(
      'tr',
      { class: differs ? 'differs' : null },
      h('th', { scope: 'row' }, name, differs ? h('span', { class: 'badge' }, 'differs') : null),
      ...values.map((value) => h('td', {}, value)),
    ),
  );
  return h(
    'table',
    { class: 'facts' },
    h('thead', {}, h('tr', {}, h('td', {}), ...state.pins.map(head))),
    h('tbody', {}, ...rows),
  );
}

function closeButton(close: () => void): HTMLElement {
  return h('button', { type: 'button', class: 'button small quiet', onclick: close }, 'Unpin');
}
