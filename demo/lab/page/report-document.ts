import type { Report, Seat } from '../model.ts';
import { methodOf, type ProfileSummary, summarize, totalsOf } from '../report/summary.ts';
import { durationText, seatText } from './cell-marks.ts';
import { h } from './dom.ts';

/** What the report says of itself: what was measured, how, and what came of it. */
export function drawDocument(report: Report, seat: Seat): readonly HTMLElement[] {
  return [
    drawNumbers(report),
    drawMethod(report),
    drawFacts(report),
    drawSummary(report, seat),
    drawParameters(report),
  ];
}

function drawNumbers(report: Report): HTMLElement {
  const { cells, works, blocked, none, errors, requests } = totalsOf(report);
  const numbers = [
    ['cells measured', cells, ''],
    ['the thief gets in', works, 'works'],
    ['blocked', blocked, 'blocked'],
    ['nothing to steal', none, 'void'],
    ['broken', errors, errors > 0 ? 'hurts' : 'void'],
    ['requests sent', requests, ''],
  ] as const;
  return h(
    'dl',
    { class: 'report-numbers' },
    ...numbers.map(([label, number, look]) =>
      h('div', { class: 'panel' }, h('dt', {}, label), h('dd', { class: look }, number.toLocaleString('en'))),
    ),
  );
}

function drawMethod(report: Report): HTMLElement {
  const sentences = methodOf(report).map((sentence) => h('li', {}, sentence));
  return h('section', { class: 'panel' }, h('h3', {}, 'How it was measured'), h('ul', {}, ...sentences));
}

function drawFacts(report: Report): HTMLElement {
  const { started, seconds, tool, runtime, mode, seats, profiles, thefts, honestTests, time } = report;
  const facts = [
    ['Date', toDate(started)],
    ['Took', seconds > 0 ? durationText(seconds) : 'unknown'],
    ['Run', mode === 'full' ? 'full, with windows' : 'quick, one try for each cell'],
    ['State', report.complete ? 'complete' : 'interrupted, or only a part was asked for'],
    ['Thief', seats.map(seatText).join('; ')],
    ['Profiles', profiles.length],
    ['Thefts', thefts.length],
    ['Honest users', honestTests.length],
    ['Waiting', time === 'world' ? 'clock of the lab' : 'real time'],
    ['Lab', `${tool.name} ${tool.version}`],
    ['Node', runtime.node || 'unknown'],
    ['System', runtime.os || 'unknown'],
  ] as const;
  const rows = facts.map(([name, value]) => h('div', {}, h('dt', {}, name), h('dd', {}, value)));
  return h(
    'section',
    { class: 'panel' },
    h('h3', {}, 'What was measured'),
    h('dl', { class: 'report-facts' }, ...rows),
  );
}

function toDate(iso: string): string {
  return iso.replace(/T(\d\d:\d\d).*/, ', $1 UTC');
}

function drawSummary(report: Report, seat: Seat): HTMLElement {
  const columns = [
    'Profile',
    'Gets in',
    'Shorter',
    'Blocked',
    'Harm',
    'Longest',
    'Honest users hurt',
    'Broken',
  ];
  return drawTable(
    `Every profile, thief: ${seatText(seat)}`,
    columns,
    summarize(report, seat).map((row) => h('tr', {}, profileHead(row.profile), ...summaryCells(row))),
  );
}

function summaryCells(row: ProfileSummary): readonly HTMLElement[] {
  const { works, tried, narrowed, blocked, harm, longest, hurt, errors } = row;
  return [
    number(`${works} of ${tried}`),
    number(orDash(narrowed)),
    number(orDash(blocked)),
    number(orDash(harm)),
    number(longest === undefined ? '–' : longest === null ? 'no end' : durationText(longest)),
    h('td', {}, hurt.length === 0 ? '–' : hurt.join(' ')),
    number(orDash(errors)),
  ];
}

function orDash(count: number): string | number {
  return count === 0 ? '–' : count;
}

function number(value: string | number): HTMLElement {
  return h('td', { class: 'report-number' }, value);
}

function drawParameters({ profiles }: Report): HTMLElement {
  const names = [...new Set(profiles.flatMap(({ parameters }) => Object.keys(parameters)))];
  const rows = profiles.map((profile) => {
    const values = names.map((name) => profile.parameters[name]);
    const texts = values.map((value) => (value === undefined ? '–' : durationText(value)));
    return h('tr', {}, profileHead(profile), ...texts.map(number));
  });
  const table = drawTable('Parameters', ['Profile', ...names], rows);
  return h(
    'details',
    { class: 'report-fold' },
    h('summary', {}, 'Lifetimes and windows of each profile'),
    table,
  );
}

function profileHead({ id, title }: { readonly id: string; readonly title: string }): HTMLElement {
  return h('th', { scope: 'row' }, h('span', { class: 'report-id' }, id), ' ', title);
}

/** A table that scrolls sideways where it must has to be reached by the keyboard. */
function drawTable(title: string, columns: readonly string[], rows: readonly HTMLElement[]): HTMLElement {
  const head = columns.map((column) => h('th', { scope: 'col' }, column));
  const table = h(
    'table',
    { class: 'report-table' },
    h('thead', {}, h('tr', {}, ...head)),
    h('tbody', {}, ...rows),
  );
  return h(
    'section',
    { class: 'panel report-wide' },
    h('h3', {}, title),
    h('div', { class: 'report-scroll', tabindex: '0', role: 'region', 'aria-label': title }, table),
  );
}
