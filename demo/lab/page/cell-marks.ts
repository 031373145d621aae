import type { Catalogue, Cell, CellWindow, CheckId, HonestCell, Outcome, Seat, Seconds } from '../model.ts';
import { s } from './dom.ts';

/** How results look: a shape, a short text and a label in words. Colour only repeats what the shape says. */

/** A shape: an outcome, the state of a cell without one, or the result of an honest user. */
export type Mark = Outcome | 'running' | 'unknown' | 'fine' | 'interrupted';

/** The searches for a window end here: what works then still is said to work without end. */
export const longestWindow: Seconds = 7 * 86_400;

const disc = 'M8 2a6 6 0 1 0 0 12a6 6 0 1 0 0-12z';
const triangle = 'M8 2l6.6 11.6h-13.2z';

// On a ground of 16 by 16, filled by the even-odd rule.
const shapes: Readonly<Record<Mark, string>> = {
  works: disc,
  longer: `${disc}M7.1 4.8h1.8v2.3h2.3v1.8h-2.3v2.3h-1.8v-2.3h-2.3v-1.8h2.3z`,
  narrowed: `${disc}M8 3.6a4.4 4.4 0 0 1 0 8.8z`,
  blocked: `${disc}M8 3.6a4.4 4.4 0 1 0 0 8.8a4.4 4.4 0 1 0 0-8.8z`,
  unharmed: `${disc}M8 3.6a4.4 4.4 0 1 0 0 8.8a4.4 4.4 0 1 0 0-8.8z`,
  late: 'M3.2 2h9.6v1.4L9 8l3.8 4.6V14H3.2v-1.4L7 8 3.2 3.4z',
  harm: triangle,
  interrupted: `${triangle}M8 5.3l-3.9 6.8h7.8z`,
  void: 'M4.2 7.2h7.6v1.6H4.2z',
  error: 'M2.5 2.5h11v11h-11zM7.1 4.4h1.8v4.8h-1.8zM7.1 10.3h1.8v1.7h-1.8z',
  running: dots(8, 5.2, 1.1),
  unknown: dots(1, 0, 1),
  fine: dots(1, 0, 2.6),
};

/** Every mark that a cell can have, in the order of a legend. */
export const legend: readonly (readonly [Mark, string])[] = [
  ['works', 'works'],
  ['longer', 'works longer'],
  ['narrowed', 'works for a shorter time'],
  ['late', 'works later'],
  ['blocked', 'blocked, by this check'],
  ['harm', 'Alice is hurt'],
  ['void', 'nothing to steal'],
  ['running', 'running'],
  ['error', 'the try broke'],
];

const seatWords: Readonly<Record<Seat, string>> = {
  elsewhere: 'in another country',
  country: 'in Alice’s country',
  nat: 'behind Alice’s address',
};

/** `null` is a time without end. `59 s`, `5 min`, `61 min`, `2.5 h`, `70 h`, `3 d`, `∞`. */
export function durationText(seconds: Seconds | null): string {
  if (seconds === null || !Number.isFinite(seconds)) return '∞';
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60 || (whole < 120 && whole > 61)) return `${whole} s`;
  const minutes = Math.round(whole / 60);
  if (minutes < 60 || (minutes < 120 && minutes > 60)) return `${minutes} min`;
  const hours = Math.round(whole / 360) / 10;
  if (hours < 10) return `${hours} h`;
  return daysOrHours(Math.round(hours));
}

function daysOrHours(hours: number): string {
  if (hours >= 24 && hours % 24 === 0) return `${hours / 24} d`;
  return hours <= 96 ? `${hours} h` : `${Math.round(hours / 2.4) / 10} d`;
}

/** How long the loot was of use, `null` for without end. */
export function windowLength(window: CellWindow): Seconds | null {
  return window.firstFailure === null ? null : window.last;
}

export function markOf(cell: Cell | undefined): Mark {
  return cell?.outcome ?? 'unknown';
}

/** What stands under the mark: a time, the deciding check, or one word. */
export function shortText(cell: Cell | undefined): string {
  if (cell === undefined || cell.outcome === 'void') return '';
  if (cell.outcome === 'unharmed') return 'no harm';
  if (cell.outcome === 'blocked' || cell.outcome === 'harm') return cell.decidedBy ?? cell.outcome;
  if (cell.outcome === 'late' && cell.window !== null) return `at ${durationText(cell.window.first)}`;
  return cell.window === null ? plainWord(cell.outcome) : durationText(windowLength(cell.window));
}

function plainWord(outcome: Outcome): string {
  return outcome === 'narrowed' ? 'shorter' : outcome;
}

/** The result in words, without a full stop: `works for 5 min, ended by iat; Alice’s next request fails (deny)`. */
export function labelOf(cell: Cell | undefined): string {
  if (cell === undefined) return 'not measured yet';
  const after = cell.hurt === null ? '' : `; Alice’s next request fails (${cell.hurt})`;
  return `${outcomeLabel(cell)}${after}`;
}

function outcomeLabel(cell: Cell): string {
  const by = cell.decidedBy === null ? '' : ` by ${cell.decidedBy}`;
  switch (cell.outcome) {
    case 'blocked':
      return `blocked${by}`;
    case 'harm':
      return `Alice is shut out${by}`;
    case 'unharmed':
      return 'no harm to Alice';
    case 'void':
      return `void: ${cell.note ?? 'what would be stolen does not exist here'}`;
    case 'error':
      return `error: ${cell.note ?? 'the try broke, nothing is known'}`;
    default:
      return worksLabel(cell);
  }
}

function worksLabel({ outcome, window }: Cell): string {
  if (window === null) return outcome === 'narrowed' ? 'works, for a shorter time' : plainWord(outcome);
  const length = windowLength(window);
  const span = length === null ? 'works without end (∞)' : `works for ${durationText(length)}`;
  const ended = window.endedBy === null ? '' : `, ended by ${window.endedBy}`;
  if (outcome === 'late') return lateLabel(window, ended);
  return `${span}${outcome === 'longer' ? ', longer than with plain bearer tokens' : ''}${ended}`;
}

function lateLabel(window: CellWindow, ended: string): string {
  return `fails at first, works at ${durationText(window.first)} and until ${durationText(windowLength(window))}${ended}`;
}

export function honestMark(cell: HonestCell | undefined): Mark {
  if (cell === undefined) return 'unknown';
  return cell.outcome === 'refused' ? 'harm' : cell.outcome;
}

export function honestLabel(cell: HonestCell | undefined): string {
  if (cell === undefined) return 'not measured yet';
  const by = cell.decidedBy === null ? '' : ` by ${cell.decidedBy}`;
  const times = `interrupted ${cell.interruptions === 1 ? 'once' : `${cell.interruptions} times`}`;
  if (cell.outcome === 'interrupted') return `${times}${by}`;
  return cell.outcome === 'refused' ? `refused${by}` : cell.outcome;
}

export function seatText(seat: Seat): string {
  return seatWords[seat];
}

/** What a check is about, in plain words; the short word itself where the catalogue has none. */
export function checkMeaning(catalogue: Catalogue, check: CheckId | null): string {
  const known = catalogue.checks.find(({ id }) => id === check);
  return known === undefined ? (check ?? '') : `${known.title}: ${known.meaning}`;
}

/** Decoration: what it says has to stand beside it in words. */
export function markSvg(mark: Mark, size = 16): SVGSVGElement {
  return s(
    'svg',
    {
      viewBox: '0 0 16 16',
      width: size,
      height: size,
      class: `mark mark-${mark}`,
      'aria-hidden': 'true',
      focusable: 'false',
    },
    markPath(mark),
  );
}

/** The shape alone, for a drawing that has room of 16 by 16 for it. */
export function markPath(mark: Mark): SVGPathElement {
  return s('path', { d: markShape(mark), fill: 'currentColor', 'fill-rule': 'evenodd' });
}

/** The outline of a mark, to be filled by the even-odd rule. */
export function markShape(mark: Mark): string {
  return shapes[mark];
}

/** Circles of a radius, evenly on a ring around the middle. */
function dots(count: number, ring: number, radius: number): string {
  return Array.from({ length: count }, (_, index) => {
    const angle = (index / count) * 2 * Math.PI;
    const x = (8 + ring * Math.sin(angle)).toFixed(2);
    const y = (8 - ring * Math.cos(angle) - radius).toFixed(2);
    const half = `a${radius} ${radius} 0 1 0 0`;
    return `M${x} ${y}${half} ${2 * radius}${half} ${-2 * radius}z`;
  }).join('');
}
