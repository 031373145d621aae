import type { Catalogue, Cell, Report, Seat, TheftInfo } from '../model.ts';
import { durationText, labelOf, markOf, markSvg, windowLength } from './cell-marks.ts';
import { fill, h } from './dom.ts';
import { thiefGotIn } from './uses.ts';

/** One profile against all thefts, in one line of marks: where the story stands among everything else. */
export interface Strip {
  readonly element: HTMLElement;
  show(profile: string, theft: string, seat: Seat, report: Report | undefined): void;
}

export function createStrip(catalogue: Catalogue, open: (profile: string, theft: string) => void): Strip {
  const summary = h('p', { class: 'strip-summary' });
  const marks = h('ul', { class: 'strip-marks', 'aria-label': 'All thefts under this profile' });
  return {
    element: h(
      'section',
      { class: 'strip', 'aria-label': 'This profile against all thefts' },
      summary,
      marks,
    ),
    show(profile, theft, seat, report) {
      const cells = (report?.cells ?? []).filter((cell) => cell.profile === profile && cell.seat === seat);
      const known = new Map(cells.map((cell) => [cell.theft, cell]));
      const items = catalogue.thefts.map((info) =>
        item(info, known.get(info.id), info.id === theft, () => open(profile, info.id)),
      );
      fill(marks, ...items);
      fill(summary, h('strong', {}, profile), ...words(cells, report, profile));
    },
  };
}

function item(theft: TheftInfo, cell: Cell | undefined, current: boolean, open: () => void): HTMLElement {
  const name = `${theft.id} ${theft.title}: ${labelOf(cell)}`;
  const mark = markOf(cell);
  return h(
    'li',
    {},
    h(
      'button',
      {
        type: 'button',
        class: `mark-button is-${mark}`,
        title: name,
        'aria-label': name,
        'aria-current': current ? 'true' : null,
        onclick: open,
      },
      markSvg(mark),
    ),
  );
}

function words(cells: readonly Cell[], report: Report | undefined, profile: string): readonly Node[] {
  if (cells.length === 0) return [h('span', { class: 'muted' }, 'not measured yet')];
  return summaryOf(cells, report, profile).map((text) => h('span', {}, text));
}

/** `12 of 45 thefts work`, `longest 3 d`, `2 of 9 honest users hurt`. */
export function summaryOf(
  cells: readonly Cell[],
  report: Report | undefined,
  profile: string,
): readonly string[] {
  const working = cells.filter(({ outcome }) => thiefGotIn(outcome));
  const lengths = working.flatMap(({ window }) => (window === null ? [] : [windowLength(window)]));
  const longest = lengths.includes(null) ? null : Math.max(0, ...lengths.map(Number));
  const honest = (report?.honest ?? []).filter((cell) => cell.profile === profile);
  const hurt = honest.filter(({ outcome }) => outcome === 'refused' || outcome === 'interrupted');
  return [
    `${working.length} of ${cells.length} thefts work`,
    ...(lengths.length === 0 ? [] : [`longest ${durationText(longest)}`]),
    ...(honest.length === 0 ? [] : [`${hurt.length} of ${honest.length} honest users hurt`]),
  ];
}
