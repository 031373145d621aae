import type { Catalogue, CheckId, TraceLine } from '../model.ts';
import { splitDifference } from './diff.ts';
import { h } from './dom.ts';
import { type Exchange, findHeader } from './exchange.ts';
import { icon } from './icons.ts';

/** Every check of one request, in order, and the one that decided. */

export interface ChecksContext {
  readonly catalogue: Catalogue;
  /** Sends the same once more with this check switched off; `undefined` where nothing can be sent. */
  readonly without: ((check: CheckId) => void) | undefined;
}

/** The same, with what follows from the request: which checks can be switched off for it. */
interface LineContext extends ChecksContext {
  readonly canBeOff: ReadonlySet<CheckId>;
}

export function showChecks({ request, response }: Exchange, context: ChecksContext): readonly Node[] {
  if (response === undefined) return [nothing('This request got no answer.')];
  const lines = withDecision(response.checks, response.decidedBy, context.catalogue);
  if (lines.length === 0) return [nothing('No check of this answer was recorded.')];
  const proven = findHeader(request.headers, 'dpop') !== undefined;
  const canBeOff = new Set(proven ? switchable(context.catalogue) : []);
  const items = lines.map((line) => showLine(line, { ...context, canBeOff }));
  const { decidedBy, milliseconds, verdict } = response;
  return [summary(decidedBy, milliseconds, verdict), h('ol', { class: 'checks' }, ...items)];
}

function nothing(text: string): HTMLElement {
  return h('p', { class: 'nothing' }, text);
}

/** What a server checks outside of the proof has no line of its own: it gets one where it decided. */
function withDecision(
  lines: readonly TraceLine[],
  decidedBy: CheckId | null,
  { checks }: Catalogue,
): readonly TraceLine[] {
  if (decidedBy === null || lines.some(({ deciding, check }) => deciding && check === decidedBy))
    return lines;
  const info = checks.find(({ id }) => id === decidedBy);
  const decision = { name: info?.title ?? decidedBy, check: decidedBy, section: info?.section ?? '' };
  const others = lines.map((line) => ({ ...line, deciding: false }));
  return [...others, { ...decision, verdict: 'failed', deciding: true, expected: '', found: '' }];
}

/** Those that the lab has a profile without. */
function switchable({ profiles }: Catalogue): readonly CheckId[] {
  return profiles.filter(({ group }) => group === 'One check off').flatMap(({ leavesOut }) => leavesOut);
}

function summary(check: CheckId | null, milliseconds: number, verdict: 'accepted' | 'refused'): HTMLElement {
  const words = check === null ? verdict : `${verdict}, decided by ${check}`;
  const tone = verdict === 'refused' ? 'refused' : 'accepted';
  const time = h('span', { class: 'muted' }, `${milliseconds.toFixed(1)} ms`);
  return h(
    'p',
    { class: `summary ${tone}` },
    icon(verdict === 'refused' ? 'locked' : 'open'),
    h('strong', {}, words),
    time,
  );
}

function showLine(line: TraceLine, context: LineContext): HTMLElement {
  const shape = ({ passed: 'check', failed: 'cross', off: 'dash' } as const)[line.verdict];
  const open = line.verdict === 'failed' || line.deciding;
  const word = line.verdict === 'off' ? 'switched off' : line.verdict;
  const title = h('span', { class: 'check-name' }, line.name);
  const section = line.section === '' ? null : h('span', { class: 'section' }, line.section);
  const head = h(
    'p',
    { class: 'check-head' },
    icon(shape),
    title,
    h('span', { class: 'visually-hidden' }, `, ${word}`),
    section,
  );
  const deciding = line.deciding ? 'deciding' : '';
  const attributes = {
    class: `check ${line.verdict} ${deciding}`,
    'data-check': line.check ?? line.name,
    tabindex: -1,
  };
  return h('li', attributes, head, ...(open ? details(line, context) : []));
}

function details(line: TraceLine, context: LineContext): readonly (Node | null)[] {
  const meaning = context.catalogue.checks.find(({ id }) => id === line.check)?.meaning;
  return [
    line.deciding && meaning !== undefined ? h('p', { class: 'meaning' }, meaning) : null,
    compare(line),
    line.deciding ? offButton(line, context) : null,
  ];
}

/** The characters that differ are marked. */
function compare({ expected, found }: TraceLine): HTMLElement | null {
  if (expected === '' && found === '') return null;
  const parts = splitDifference(expected, found);
  return h(
    'dl',
    { class: 'compare' },
    h('div', {}, h('dt', {}, 'wanted'), h('dd', {}, ...marked(parts.start, parts.a, parts.end))),
    h('div', {}, h('dt', {}, 'got'), h('dd', {}, ...marked(parts.start, parts.b, parts.end))),
  );
}

function marked(start: string, middle: string, end: string): readonly (Node | string | null)[] {
  return [start, middle === '' ? null : h('mark', {}, middle), end];
}

function offButton({ check, verdict }: TraceLine, { without, canBeOff }: LineContext): HTMLElement | null {
  if (check === null || without === undefined || verdict !== 'failed' || !canBeOff.has(check)) return null;
  return h(
    'div',
    { class: 'off' },
    h(
      'button',
      { type: 'button', class: 'button small', onclick: () => without(check) },
      'Switch this check off and send again',
    ),
    h('span', { class: 'badge lab-badge' }, 'lab only'),
  );
}
