import type { BenchAnswer, Catalogue, HeaderLine } from '../model.ts';
import { drawChecks, drawDifference } from './bench-checks.ts';
import { isPlain } from './bench-draft.ts';
import type { Try } from './bench-log.ts';
import { checkMeaning } from './cell-marks.ts';
import { h } from './dom.ts';
import { icon } from './icons.ts';

/** What the bank said to one request, and what it looked at. */
export function drawAnswer(
  { request, answer }: Try,
  catalogue: Catalogue,
  compared: Try | undefined,
): HTMLElement {
  return h(
    'div',
    { class: 'bench-answer' },
    drawVerdict(answer, catalogue, isPlain(request)),
    compared === undefined ? null : drawComparison(answer, compared.answer, compared.number),
    h('h3', {}, 'Checks'),
    drawChecks(answer, compared?.answer),
    details(
      'The proof',
      drawJson('header', answer.header),
      drawJson('claims', answer.claims),
      raw(answer.proof),
    ),
    details(
      'The request',
      h('p', { class: 'bench-line' }, h('code', {}, `${answer.request.method} ${answer.request.url}`)),
      drawHeaders(answer.request.headers),
    ),
    details('The answer', drawHeaders(answer.headers), answer.body === '' ? null : raw(answer.body)),
  );
}

function drawVerdict(answer: BenchAnswer, catalogue: Catalogue, plain: boolean): HTMLElement {
  const { verdict, decidedBy, checks } = answer;
  const accepted = verdict === 'accepted';
  const known = catalogue.checks.some(({ id }) => id === decidedBy);
  const deciding = checks.find((line) => line.deciding && line.verdict === 'failed');
  return h(
    'div',
    { class: `bench-verdict ${verdict}${plain ? ' plain' : ''}` },
    icon(accepted ? 'open' : 'locked'),
    h(
      'div',
      {},
      h('p', { class: 'bench-verdict-line' }, sentenceFor(answer)),
      known ? h('p', {}, checkMeaning(catalogue, decidedBy)) : null,
      deciding === undefined ? null : drawDifference(deciding),
    ),
  );
}

/** `Refused, 401, decided by htm` */
export function sentenceFor({ verdict, status, decidedBy }: BenchAnswer): string {
  const word = verdict === 'accepted' ? 'Accepted' : 'Refused';
  return `${word}, ${status}${decidedBy === null ? '' : `, decided by ${decidedBy}`}`;
}

function drawComparison(answer: BenchAnswer, other: BenchAnswer, number: number): HTMLElement {
  const same = answer.status === other.status && answer.decidedBy === other.decidedBy;
  const by = other.decidedBy === null ? '' : `, decided by ${other.decidedBy}`;
  const text = same
    ? `The same as try ${number}.`
    : `Try ${number} was ${other.verdict}: ${other.status}${by}.`;
  return h('p', { class: 'bench-compared' }, text);
}

/** Closed at first: what it says is there for whoever wants to see the bytes. */
function details(title: string, ...children: readonly (Node | null)[]): HTMLElement {
  return h('details', {}, h('summary', {}, title), ...children);
}

function drawHeaders(headers: readonly HeaderLine[]): HTMLElement {
  const lines = headers.map(([name, value]) => h('li', {}, h('strong', {}, name), ': ', value));
  return h('ul', { class: 'bench-headers' }, ...lines);
}

function drawJson(title: string, value: unknown): HTMLElement {
  const text = value === undefined || value === null ? 'not to be read' : JSON.stringify(value, null, 2);
  return h('div', {}, h('p', { class: 'label' }, title), raw(text));
}

/** A box that scrolls has to be reached by the keyboard. */
function raw(text: string): HTMLElement {
  return h('pre', { class: 'bench-raw', tabindex: '0', role: 'region', 'aria-label': 'as sent' }, text);
}
