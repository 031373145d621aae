import type { LabEvent, PartyId, Recording } from '../model.ts';
import { type EventOf, type Exchange, toExchanges, toTarget } from './exchange.ts';
import { parties, placeOf } from './parties.ts';
import { findUse } from './uses.ts';

/** Where each thing of a recording stands on the stage: life lines from left to right, events from top to bottom. */

export type DrawnEvent = EventOf<'request' | 'response' | 'loot' | 'clock' | 'cannot' | 'alert' | 'store'>;

export interface Lane {
  readonly party: PartyId;
  readonly x: number;
}

/** What a row is of: an event, or rows that were left out. `unfolds`: they can be asked for. */
export type RowKind =
  | {
      readonly kind: 'message';
      readonly event: EventOf<'request'> | EventOf<'response'>;
      readonly exchange: Exchange;
    }
  | { readonly kind: 'event'; readonly event: EventOf<'loot' | 'clock' | 'cannot' | 'alert' | 'store'> }
  | { readonly kind: 'more'; readonly text: string; readonly unfolds: boolean };

export type Row = RowKind & {
  /** Of the event among all events. */
  readonly index: number;
  readonly top: number;
  readonly height: number;
  /** Where an arrow begins and ends; the middle of the stage for what is none. */
  readonly from: number;
  readonly to: number;
};

export interface StageLayout {
  readonly width: number;
  readonly height: number;
  readonly lanes: readonly Lane[];
  readonly rows: readonly Row[];
  /** Rows, in pixels from the top, between which the loot was of use; `undefined` where it never was. */
  readonly use: { readonly from: number; readonly to: number } | undefined;
}

/** In units of the font size. */
const heights: Readonly<Record<DrawnEvent['type'] | 'more', number>> = {
  request: 2.25,
  response: 1.75,
  loot: 3.25,
  clock: 2.75,
  cannot: 2.5,
  alert: 2.25,
  store: 1.75,
  more: 1.75,
};

/** `whole`: with what came before the start of the try, which is one row otherwise. */
export function layOut(recording: Recording, width: number, unit: number, whole = false): StageLayout {
  const drawn = foldRows(foldPrelude(toRows(recording.events), recording.events, whole));
  const lanes = placeLanes(findParties(recording.events), width, unit);
  const rows = placeRows(drawn, lanes, width, unit);
  const end = rows.at(-1);
  const height = (end === undefined ? 0 : end.top + end.height) + unit / 2;
  return { width, height, lanes, rows, use: placeUse(findUse(recording), rows) };
}

/** Indexes of the events that get a row of their own: where playing rests. */
export function drawnIndexes(recording: Recording): readonly number[] {
  return layOut(recording, 1000, 16).rows.map(({ index }) => index);
}

export function findParties(events: readonly LabEvent[]): readonly PartyId[] {
  const seen = new Set(events.flatMap(partiesOf));
  return parties.map(({ id }) => id).filter((id) => seen.has(id));
}

function partiesOf(event: LabEvent): readonly PartyId[] {
  if (event.type === 'request') return [event.from, event.to];
  if (event.type === 'cannot') return ['thief', event.to];
  if (event.type === 'loot') return ['thief', ...event.items.slice(0, 1).map(({ where }) => placeOf(where))];
  return event.type === 'store' ? [event.party] : [];
}

function placeLanes(ids: readonly PartyId[], width: number, unit: number): readonly Lane[] {
  const margin = Math.min(3.25 * unit, width / 6);
  const step = ids.length > 1 ? (width - 2 * margin) / (ids.length - 1) : 0;
  return ids.map((party, index) => ({ party, x: ids.length > 1 ? margin + index * step : width / 2 }));
}

type IndexedRow = RowKind & { readonly index: number };

function toRows(events: readonly LabEvent[]): readonly IndexedRow[] {
  const exchanges = new Map(toExchanges(events).map((exchange) => [exchange.id, exchange]));
  return events.flatMap((event, index): readonly IndexedRow[] => {
    if (event.type === 'start' || event.type === 'say' || event.type === 'end') return [];
    if (event.type !== 'request' && event.type !== 'response') return [{ kind: 'event', event, index }];
    const exchange = exchanges.get(event.id);
    return exchange === undefined ? [] : [{ kind: 'message', event, exchange, index }];
  });
}

/** Alice has to sign in before there is anything to steal: one row for that is enough, unless somebody asks. */
function foldPrelude(
  rows: readonly IndexedRow[],
  events: readonly LabEvent[],
  whole: boolean,
): readonly IndexedRow[] {
  const start = events.findIndex(({ type }) => type === 'start');
  const before = events.slice(0, Math.max(start, 0)).filter(({ type }) => type === 'request').length;
  if (before === 0) return rows;
  const text = `Alice signs in: ${before} ${before === 1 ? 'request' : 'requests'}`;
  const row: IndexedRow = { kind: 'more', text, unfolds: true, index: start };
  return [row, ...rows.filter(({ index }) => whole || index > start)];
}

const shownRepeats = 2;

/** Where the same goes on and on, once or as pairs of request and answer, the first and the last stand for all. */
export function foldRows(rows: readonly IndexedRow[]): readonly IndexedRow[] {
  const folded: IndexedRow[] = [];
  for (let at = 0; at < rows.length; ) {
    const { period, repeats } = findRepeats(rows, at);
    const block = rows.slice(at, at + period * repeats);
    at += block.length;
    if (repeats <= shownRepeats + 2) folded.push(...block);
    else folded.push(...shorten(block, period, repeats));
  }
  return folded;
}

function shorten(block: readonly IndexedRow[], period: number, repeats: number): readonly IndexedRow[] {
  const last = block.slice(-period);
  const index = (last[0]?.index ?? 0) - 1;
  return [
    ...block.slice(0, period),
    { kind: 'more', text: `${repeats - shownRepeats} more like this`, unfolds: false, index },
    ...last,
  ];
}

function findRepeats(rows: readonly IndexedRow[], at: number): { period: number; repeats: number } {
  const [once, twice] = [countRepeats(rows, at, 1), countRepeats(rows, at, 2)];
  if (once > 1 || twice === 1) return { period: 1, repeats: once };
  return { period: 2, repeats: twice };
}

function countRepeats(rows: readonly IndexedRow[], at: number, period: number): number {
  const like = (index: number): boolean =>
    index < rows.length && signatureOf(rows[index]) === signatureOf(rows[at + ((index - at) % period)]);
  let length = period;
  if (at + period > rows.length) return 1;
  while (like(at + length)) length += 1;
  return Math.floor(length / period);
}

function signatureOf(row: IndexedRow | undefined): string {
  if (row?.kind !== 'message') return `${row?.kind}${row?.index}`;
  const { request, response } = row.exchange;
  const target = toTarget(request.url).split('?')[0];
  const verdict = [response?.status, response?.decidedBy, request.copyOf === null];
  return [row.event.type, request.from, request.to, request.method, target, ...verdict].join('|');
}

function placeRows(
  rows: readonly IndexedRow[],
  lanes: readonly Lane[],
  width: number,
  unit: number,
): readonly Row[] {
  let top = unit / 2;
  return rows.map((row) => {
    const height = heights[row.kind === 'more' ? 'more' : row.event.type] * unit;
    const placed: Row = { ...row, top, height, ...findEnds(row, lanes, width) };
    top += height;
    return placed;
  });
}

function findEnds(row: IndexedRow, lanes: readonly Lane[], width: number): { from: number; to: number } {
  const at = (party: PartyId): number => lanes.find((lane) => lane.party === party)?.x ?? width / 2;
  if (row.kind === 'more') return { from: width / 2, to: width / 2 };
  if (row.kind === 'message') {
    const { from, to } = row.exchange.request;
    return row.event.type === 'request' ? { from: at(from), to: at(to) } : { from: at(to), to: at(from) };
  }
  if (row.event.type === 'loot')
    return { from: at(placeOf(row.event.items[0]?.where ?? '')), to: at('thief') };
  if (row.event.type === 'cannot') return { from: at('thief'), to: at(row.event.to) };
  if (row.event.type === 'store') return { from: at(row.event.party), to: at(row.event.party) };
  return { from: width / 2, to: width / 2 };
}

function placeUse(use: ReturnType<typeof findUse>, rows: readonly Row[]): StageLayout['use'] {
  const first = rows.find(({ index }) => use !== undefined && index >= use.from);
  const last = rows.findLast(({ index }) => use !== undefined && index <= use.to);
  if (first === undefined || last === undefined) return undefined;
  return { from: first.top + first.height / 2, to: last.top + last.height };
}
