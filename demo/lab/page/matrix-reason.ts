import { checkMeaning, labelOf, markOf, markSvg, seatText } from './cell-marks.ts';
import { fill, h } from './dom.ts';
import { honestSentence } from './matrix-cells.ts';
import type { Spot } from './matrix-places.ts';
import type { MatrixState } from './matrix-state.ts';

/** The lines under the grid: what the place in focus says, and why. */

export interface ReasonPanel {
  readonly element: HTMLElement;
  show(spot: Spot | undefined, state: MatrixState): void;
}

export interface ReasonActions {
  readonly open: () => void;
  /** Absent where nothing can be run. */
  readonly again: (() => void) | undefined;
  readonly pin: () => void;
}

interface Reason {
  readonly head: readonly (Node | string)[];
  readonly why: string;
}

export function createReasonPanel(actions: ReasonActions): ReasonPanel {
  const text = h('div', { id: 'matrix-reason', class: 'reason-text' });
  const buttons = h(
    'div',
    { class: 'reason-actions' },
    button('Watch it', 'Enter', actions.open),
    actions.again === undefined ? null : button('Run again', 'R', actions.again),
    button('Pin', 'P', actions.pin),
  );
  return {
    element: h('div', { class: 'reason' }, text, buttons),
    show: (spot, state) => {
      const { head, why } = reasonOf(spot, state);
      fill(text, h('p', { class: 'what' }, ...head), h('p', { class: 'why' }, why));
      buttons.hidden = spot?.kind !== 'cell';
    },
  };
}

function button(text: string, key: string, press: () => void): HTMLElement {
  return h(
    'button',
    { type: 'button', class: 'button small', 'aria-keyshortcuts': key, onclick: press },
    text,
    ' ',
    h('kbd', { 'aria-hidden': 'true' }, key === 'Enter' ? '↵' : key),
  );
}

function reasonOf(spot: Spot | undefined, state: MatrixState): Reason {
  switch (spot?.kind) {
    case 'cell':
      return cellReason(spot, state);
    case 'profile':
    case 'works':
    case 'longest':
    case 'fold':
      return profileReason(spot, state);
    case 'honest':
      return honestReason(spot, state);
    case 'theft':
      return theftReason(spot, state);
    case 'group':
      return {
        head: [h('strong', {}, spot.group)],
        why: 'Enter folds these thefts into one column, and back.',
      };
    default:
      return { head: ['Choose a cell: a theft under a profile.'], why: headHelp(spot?.kind) };
  }
}

function headHelp(kind: string | undefined): string {
  if (kind === 'works-head') return 'Enter sorts: the profile under which most thefts work comes first.';
  if (kind === 'longest-head') return 'Enter sorts: the profile with the longest window comes first.';
  if (kind === 'origin-head') return 'Enter sorts by the order of the catalogue.';
  if (kind === 'honest-head') return 'Nobody steals here: what a profile costs the people it protects.';
  return 'Arrow keys move, Enter shows what happened.';
}

function cellReason({ profile, theft }: Spot, { catalogue, index, seat }: MatrixState): Reason {
  const cell = index.cell(profile, theft, seat);
  const row = catalogue.profiles.find(({ id }) => id === profile);
  const column = catalogue.thefts.find(({ id }) => id === theft);
  const decided = cell?.decidedBy ?? cell?.window?.endedBy ?? null;
  const meaning = decided === null ? '' : ` ${checkMeaning(catalogue, decided)}`;
  return {
    head: [
      markSvg(markOf(cell)),
      h('strong', {}, `${theft} ${column?.title ?? ''}`),
      ' under ',
      h('strong', {}, `${profile} ${row?.title ?? ''}`),
      `, thief ${seatText(seat)}: ${labelOf(cell)}.${meaning}`,
    ],
    why: column?.why ?? '',
  };
}

function profileReason({ profile }: Spot, { catalogue }: MatrixState): Reason {
  const row = catalogue.profiles.find(({ id }) => id === profile);
  return {
    head: [h('strong', {}, `${profile} ${row?.title ?? ''}`), ` ${row?.story ?? ''}`],
    why: `Needs: ${row?.needs ?? ''} Weak: ${row?.weak ?? ''}`,
  };
}

function honestReason({ profile }: Spot, { catalogue, index }: MatrixState): Reason {
  const results = catalogue.honest.map(({ id }) => index.honest(profile, id));
  const refused = catalogue.honest.filter((_, at) => results[at]?.outcome === 'refused');
  return {
    head: [h('strong', {}, profile), ` ${honestSentence(catalogue.honest, results)}.`],
    why: refused.map(({ complaint }) => `“${complaint}”`).join(' '),
  };
}

function theftReason({ theft }: Spot, { catalogue }: MatrixState): Reason {
  const column = catalogue.thefts.find(({ id }) => id === theft);
  return {
    head: [
      h('strong', {}, `${theft} ${column?.title ?? ''}`),
      ` The thief can: ${column?.ability ?? ''}. Enter sorts by it.`,
    ],
    why: column?.why ?? '',
  };
}
