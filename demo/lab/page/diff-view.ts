import { type DiffRow, diffRequests, splitDifference } from './diff.ts';
import { fill, h } from './dom.ts';
import type { Exchange } from './exchange.ts';
import { nameOf } from './parties.ts';

/** Two requests side by side, a row for each line. */

let onlyDifferences = false;

export function showDiff(left: Exchange | undefined, right: Exchange): readonly Node[] {
  if (left === undefined || right.request.from === 'alice')
    return [
      h(
        'p',
        { class: 'nothing' },
        'Choose a message of the thief’s: it is compared with the one of Alice’s that is most like it.',
      ),
    ];
  const rows = diffRequests(left, right);
  const list = h('ol', { class: 'diff' });
  const paint = (): void => {
    const shown = rows.filter(({ mark }) => !onlyDifferences || mark !== 'same bytes');
    fill(list, ...shown.map((row) => showRow(row, nameOf(left.request.from), nameOf(right.request.from))));
  };
  paint();
  return [diffHead(rows, paint), list];
}

function diffHead(rows: readonly DiffRow[], paint: () => void): HTMLElement {
  const changed = rows.filter(({ mark }) => mark !== 'same bytes').length;
  const box = h('input', { type: 'checkbox', checked: onlyDifferences });
  box.addEventListener('change', () => {
    onlyDifferences = box.checked;
    paint();
  });
  const count = h('span', { class: 'muted' }, `${changed} of ${rows.length} lines differ`);
  return h('div', { class: 'diff-head' }, count, h('label', { class: 'switch' }, box, 'only differences'));
}

function showRow(row: DiffRow, left: string, right: string): HTMLElement {
  const same = row.mark === 'same bytes';
  const badge = h('span', { class: `badge mark-${row.mark.replaceAll(' ', '-')}` }, row.mark);
  const parts = splitDifference(row.left ?? '', row.right ?? '');
  const values = same
    ? [side('both', row.left, null)]
    : [
        side(left, row.left, parts.a === '' ? null : [parts.start, parts.a, parts.end]),
        side(right, row.right, parts.b === '' ? null : [parts.start, parts.b, parts.end]),
      ];
  const head = h('p', { class: 'diff-name' }, h('code', {}, row.name), badge);
  return h(
    'li',
    { class: `diff-row depth-${row.depth} ${same ? 'same' : 'differs'}` },
    head,
    h('div', { class: 'sides' }, ...values),
  );
}

function side(
  who: string,
  value: string | undefined,
  parts: readonly [string, string, string] | null,
): HTMLElement {
  const name = h('span', { class: 'who' }, who);
  if (value === undefined) return h('p', { class: 'side' }, name, h('span', { class: 'muted' }, 'not there'));
  const text = parts === null ? [value] : [parts[0], h('mark', {}, parts[1]), parts[2]];
  return h('p', { class: 'side' }, name, h('code', {}, ...text));
}
