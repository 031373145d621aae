import type { BenchAnswer, TraceLine } from '../model.ts';
import { splitDifference } from './diff.ts';
import { h } from './dom.ts';
import { icon } from './icons.ts';

/** Every check of one request: its verdict, what it wanted and what it got, and which one decided. */

/** `other`: an earlier try to compare with. */
export function drawChecks(answer: BenchAnswer, other: BenchAnswer | undefined): HTMLElement {
  if (answer.checks.length === 0)
    return h('p', { class: 'muted' }, 'Nothing was checked about a proof here: this profile knows none.');
  const before = new Map(other?.checks.map((line) => [line.name, line]));
  return h(
    'ol',
    { class: 'bench-checks', 'aria-label': 'Checks, in their order' },
    ...answer.checks.map((line) => drawCheck(line, before.get(line.name))),
  );
}

const looks = {
  passed: ['check', 'passed'],
  failed: ['cross', 'failed'],
  off: ['dash', 'switched off'],
} as const;

function drawCheck(line: TraceLine, before: TraceLine | undefined): HTMLElement {
  const [shape, word] = looks[line.verdict];
  return h(
    'li',
    { class: `bench-check ${line.verdict}${line.deciding ? ' deciding' : ''}` },
    icon(shape),
    h(
      'div',
      {},
      h(
        'p',
        { class: 'bench-check-head' },
        h('strong', {}, line.name),
        h('span', { class: 'visually-hidden' }, `: ${word}`),
        line.deciding ? h('span', { class: 'badge' }, 'decides') : null,
        h('span', { class: 'muted' }, line.section),
      ),
      line.verdict === 'failed' ? drawDifference(line) : null,
      drawChange(line, before),
    ),
  );
}

/** What was wanted and what came, the characters marked in which they differ. */
export function drawDifference({ expected, found }: TraceLine): HTMLElement {
  const { start, a, b, end } = splitDifference(expected, found);
  // Two texts with nothing in common would be marked from end to end: that says less than no mark.
  const alike = start.length + end.length > 2;
  const text = (middle: string, whole: string): readonly (Node | string)[] =>
    alike ? [start, h('mark', {}, middle), end] : [whole];
  return h(
    'dl',
    { class: 'bench-difference' },
    h('dt', {}, 'expected'),
    h('dd', {}, ...text(a, expected)),
    h('dt', {}, 'found'),
    h('dd', {}, ...(found === '' ? [h('em', {}, 'nothing')] : text(b, found))),
  );
}

function drawChange(line: TraceLine, before: TraceLine | undefined): HTMLElement | null {
  if (before === undefined || before.verdict === line.verdict) return null;
  return h('p', { class: 'bench-change' }, `in the try compared with: ${looks[before.verdict][1]}`);
}
