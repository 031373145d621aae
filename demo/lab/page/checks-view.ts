import type { Catalogue, CheckId, TraceLine } from '../model.ts';
import { splitDifference } from './diff.ts';
import { h } from './dom.ts';
import type { Exchange } from './exchange.ts';
import { icon } from './icons.ts';

/** Every check of one request, in order, and the one that decided. */

export interface ChecksContext {
  readonly catalogue: Catalogue;
  /** Sends the same once more with this check switched off; `undefined` where nothing can be sent. */
  readonly without: ((check: CheckId) => void) | undefined;
}

export function showChecks({ response }: Exchange, context: ChecksContext): readonly Node[] {
  if (response === undefined) return [h('p', { class: 'nothing' }, 'This request got no answer.')];
  if (response.checks.length === 0) return [h('p', { class: 'nothing' }, 'Nothing is checked here.')];
  const lines = response.checks.map((line) => showLine(line, context));
  return [
    summary(response.decidedBy, response.milliseconds, response.verdict),
    h('ol', { class: 'checks' }, ...lines),
  ];
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

function showLine(line: TraceLine, context: ChecksContext): HTMLElement {
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

function details(line: TraceLine, context: ChecksContext): readonly (Node | null)[] {
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

function offButton({ check, verdict }: TraceLine, { without }: ChecksContext): HTMLElement | null {
  if (check === null || without === undefined || verdict !== 'failed') return null;
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
