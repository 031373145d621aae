import { durationText } from './cell-marks.ts';
import { h } from './dom.ts';
import { isReplay, toRoute, toTarget, toVerdict } from './exchange.ts';
import { icon } from './icons.ts';
import { nameOf } from './parties.ts';
import { toneOf } from './stage-draw.ts';
import type { Row } from './stage-layout.ts';

/**
 * The stage in words: an ordered list, one item for each exchange and event. It lies over the drawing, so that its
 * buttons are what one clicks and tabs through there; on a phone it is what one sees.
 */

export interface ListItem {
  readonly element: HTMLLIElement;
  /** Shown once so many events have happened. */
  readonly from: number;
  /** What it says once its answer is there. */
  readonly answered: number;
  readonly exchange: number | undefined;
}

export interface ListTells {
  readonly select: (exchange: number) => void;
  /** Shows what was folded away, or folds it again. */
  readonly unfold: () => void;
}

export function listRows(
  rows: readonly Row[],
  uses: ReadonlySet<number>,
  tells: ListTells,
): readonly ListItem[] {
  const requests = rows.filter((row) => row.kind === 'message' && row.event.type === 'request').length;
  let count = 0;
  return rows.flatMap((row) => {
    if (row.kind === 'message' && row.event.type === 'response') return [];
    if (row.kind !== 'message') return [place(itemOf(row, tells), row, row.height, row.index + 1, undefined)];
    count += 1;
    const answer = rows.find((other) => isAnswer(other, row.exchange.id));
    const follows = answer !== undefined && answer.top === row.top + row.height;
    const element = messageItem(row, `${count} of ${requests}`, uses, () => tells.select(row.exchange.id));
    const height = row.height + (follows ? answer.height : 0);
    return [
      place(element, row, height, answer === undefined ? row.index + 1 : answer.index + 1, row.exchange.id),
    ];
  });
}

function isAnswer(row: Row, exchange: number): boolean {
  return row.kind === 'message' && row.event.type === 'response' && row.exchange.id === exchange;
}

function place(
  element: HTMLLIElement,
  row: Row,
  height: number,
  answered: number,
  exchange: number | undefined,
): ListItem {
  element.style.setProperty('--top', `${row.top}px`);
  element.style.setProperty('--height', `${height}px`);
  return { element, from: row.index + 1, answered, exchange };
}

type MessageRow = Extract<Row, { readonly kind: 'message' }>;

function messageItem(
  { exchange }: MessageRow,
  position: string,
  uses: ReadonlySet<number>,
  select: () => void,
): HTMLLIElement {
  const { request, response } = exchange;
  const replay = isReplay(exchange) ? 'a replay, ' : '';
  return h(
    'li',
    { class: `tone-${toneOf(exchange, uses)} ${response?.verdict ?? ''}` },
    h(
      'button',
      { type: 'button', onclick: select },
      icon(response?.verdict === 'refused' ? 'cross' : 'check'),
      h('span', { class: 'visually-hidden' }, `${position}, `),
      h('span', { class: 'route' }, toRoute(exchange)),
      h('span', { class: 'visually-hidden' }, ', '),
      h('code', {}, `${request.method} ${toTarget(request.url)}`),
      h(
        'span',
        { class: 'outcome' },
        h('span', { class: 'visually-hidden' }, ', '),
        `${replay}${toVerdict(exchange)}`,
      ),
    ),
  );
}

function itemOf(row: Exclude<Row, { readonly kind: 'message' }>, { unfold }: ListTells): HTMLLIElement {
  if (row.kind === 'more' && row.unfolds) return unfoldItem(row.text, unfold);
  if (row.kind === 'more') return h('li', { class: 'aside' }, icon('dash'), h('span', {}, row.text));
  const { event } = row;
  switch (event.type) {
    case 'loot':
      return h('li', { class: 'aside theft' }, icon('token'), h('span', {}, lootText(event.items)));
    case 'clock':
      return h(
        'li',
        { class: 'aside' },
        icon('clock'),
        h('span', {}, `${durationText(event.by)} later: ${event.why}`),
      );
    case 'cannot':
      return h('li', { class: 'aside' }, icon('dash'), h('span', {}, cannotText(event)));
    case 'alert':
      return h('li', { class: 'aside' }, icon('bell'), h('span', {}, `Alert: ${event.text}`));
    default:
      return h(
        'li',
        { class: 'aside' },
        icon('server'),
        h('span', {}, `${nameOf(event.party)}, ${event.name}: ${event.size}`),
      );
  }
}

function unfoldItem(text: string, unfold: () => void): HTMLLIElement {
  const button = { type: 'button', onclick: unfold };
  return h(
    'li',
    { class: 'unfolds' },
    h('button', button, icon('alice'), h('span', { class: 'route' }, text)),
  );
}

function lootText(
  items: Extract<Extract<Row, { kind: 'event' }>['event'], { type: 'loot' }>['items'],
): string {
  const taken = items.filter(({ value }) => value !== null);
  if (taken.length === 0) return 'The thief finds nothing to take.';
  return `The thief takes ${taken.map(({ kind, where }) => `${kind} (${where})`).join(', ')}`;
}

function cannotText({
  to,
  missing,
  text,
}: Extract<Extract<Row, { kind: 'event' }>['event'], { type: 'cannot' }>): string {
  return `The thief cannot send this to ${nameOf(to)}: he needs ${missing}. ${text}`;
}
