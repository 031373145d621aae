import { durationText, labelOf, markOf, markSvg } from './cell-marks.ts';
import { h } from './dom.ts';
import type { Bar } from './exposure-scale.ts';

/** The bars of the exposure chart as a table. */

/** A row for each bar. */
export function factsOf(bars: readonly Bar[]): HTMLElement {
  const heads = ['Theft', 'Profiles', 'Result', 'First success', 'Last success', 'First failure', 'Ended by'];
  return h(
    'table',
    { class: 'facts' },
    h('thead', {}, h('tr', {}, ...heads.map((text) => h('th', { scope: 'col' }, text)))),
    h('tbody', {}, ...bars.map(tableRow)),
  );
}

function tableRow(bar: Bar): HTMLElement {
  const { theft, profiles, cell, span, firstFailure, endedBy } = bar;
  const time = (seconds: number | undefined): string => (seconds === undefined ? '–' : durationText(seconds));
  const failure = span?.endless ? 'none in 7 d' : time(firstFailure ?? undefined);
  const first = `${profiles[0]?.id} ${profiles[0]?.title}`;
  const more = profiles.slice(1).map(({ id }) => id);
  return h(
    'tr',
    {},
    h('td', {}, theft),
    h(
      'th',
      { scope: 'row' },
      first,
      more.length > 0 ? h('span', { class: 'muted' }, ` and ${more.join(', ')}`) : null,
    ),
    h('td', {}, markSvg(markOf(cell)), ` ${labelOf(cell)}`),
    ...[time(span?.first), time(span?.last), failure, endedBy ?? '–'].map((text) => h('td', {}, text)),
  );
}
