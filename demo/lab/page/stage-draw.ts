import { durationText } from './cell-marks.ts';
import { s } from './dom.ts';
import { type Exchange, isReplay, toTarget } from './exchange.ts';
import type { Row, StageLayout } from './stage-layout.ts';

/** The rows of the stage as SVG. Shape and word carry the meaning, colour repeats it. */

export interface Pen {
  readonly layout: StageLayout;
  /** Pixels of the font size of the page. */
  readonly unit: number;
  /** Exchanges in which the loot was used. */
  readonly uses: ReadonlySet<number>;
}

export function drawRow(row: Row, pen: Pen): SVGGElement {
  if (row.kind === 'more') return note(row, pen, row.unfolds ? `▸ ${row.text}` : row.text);
  if (row.kind === 'message') return row.event.type === 'request' ? request(row, pen) : response(row, pen);
  switch (row.event.type) {
    case 'loot':
      return loot(row, pen);
    case 'clock':
      return wait(row, pen, `${durationText(row.event.by)} later`, row.event.why);
    case 'cannot':
      return ghost(row, pen, `cannot send: needs ${row.event.missing}`);
    case 'alert':
      return note(row, pen, `alert: ${row.event.text}`, 'hurts');
    default:
      return store(row, pen, `${row.event.name}: ${row.event.size}`);
  }
}

/** `works`, `blocked`: of the thief. `hurts`: Alice is refused. Else it is ordinary. */
export function toneOf({ id, request, response }: Exchange, uses: ReadonlySet<number>): string {
  if (response === undefined) return 'ordinary';
  if (uses.has(id)) return response.verdict === 'accepted' ? 'works' : 'blocked';
  return response.verdict === 'refused' && request.from === 'alice' ? 'hurts' : 'ordinary';
}

type MessageRow = Extract<Row, { readonly kind: 'message' }>;

function request(row: MessageRow, pen: Pen): SVGGElement {
  const { exchange } = row;
  const y = row.top + row.height - 0.25 * pen.unit;
  const replay = isReplay(exchange);
  const kind = `request ${replay ? 'replay' : ''} to-be-${exchange.response?.verdict ?? 'unknown'}`;
  return s(
    'g',
    { class: `row message ${kind} tone-${toneOf(exchange, pen.uses)}` },
    replay ? copyCurve(row, pen, y) : null,
    ...(replay ? [line(row, y - 2), line(row, y + 2)] : [line(row, y)]),
    head(row, y, pen.unit),
    label(row, pen, y - 0.4 * pen.unit, `${exchange.request.method} ${toTarget(exchange.request.url)}`),
    packet(row.from, y, pen.unit),
  );
}

function response(row: MessageRow, pen: Pen): SVGGElement {
  const { response } = row.exchange;
  const y = row.top + row.height - 0.25 * pen.unit;
  const refused = response?.verdict === 'refused';
  const why =
    refused && response?.decidedBy !== null
      ? ` refused by ${response?.decidedBy}`
      : refused
        ? ' refused'
        : '';
  return s(
    'g',
    { class: `row message response ${response?.verdict ?? ''} tone-${toneOf(row.exchange, pen.uses)}` },
    line(row, y),
    head(row, y, pen.unit),
    label(clearOfMark(row, pen), pen, y - 0.4 * pen.unit, `${response?.status ?? ''}${why}`),
    verdictMark(row.from, y, refused, pen.unit),
    packet(row.from, y, pen.unit),
  );
}

/** The mark at the server takes some of the room. */
function clearOfMark(row: Row, { unit }: Pen): Row {
  return { ...row, from: row.from + 0.8 * unit * Math.sign(row.to - row.from) };
}

function line({ from, to }: Row, y: number): SVGLineElement {
  return s('line', { class: 'shaft', x1: from, y1: y, x2: to, y2: y });
}

function head({ from, to }: Row, y: number, unit: number): SVGPathElement {
  const back = 0.45 * unit * Math.sign(from - to || -1);
  return s('path', { class: 'head', d: `M${to + back} ${y - 0.3 * unit}L${to} ${y}l${back} ${0.3 * unit}` });
}

/** What travels along an arrow while the stage plays; hidden otherwise. */
function packet(x: number, y: number, unit: number): SVGRectElement {
  const [width, height] = [0.9 * unit, 0.6 * unit];
  return s('rect', { class: 'packet', x: x - width / 2, y: y - height / 2, width, height, rx: 2.5 });
}

function verdictMark(x: number, y: number, refused: boolean, unit: number): SVGGElement {
  const r = 0.5 * unit;
  const a = 0.2 * unit;
  const cross = `M${x - a} ${y - a}l${2 * a} ${2 * a}M${x + a} ${y - a}l${-2 * a} ${2 * a}`;
  const check = `M${x - 1.2 * a} ${y + 0.1 * a}l${a} ${a}l${1.5 * a} ${-2 * a}`;
  return s(
    'g',
    { class: 'verdict' },
    s('circle', { cx: x, cy: y, r }),
    s('path', { d: refused ? cross : check }),
  );
}

function label(row: Row, pen: Pen, y: number, text: string): SVGTextElement {
  const { unit, layout } = pen;
  const shown = fit(text, layout.width - unit, 0.47 * unit);
  const half = (shown.length * 0.47 * unit + unit) / 2;
  const x = Math.min(Math.max((row.from + row.to) / 2, half), layout.width - half);
  return s('text', { class: 'name', x, y }, shown);
}

/** Cut to a width in pixels; the whole text stands in the list and in the inspector. */
export function fit(text: string, width: number, perCharacter: number): string {
  const most = Math.max(4, Math.floor(width / perCharacter));
  return text.length <= most ? text : `${text.slice(0, most - 1)}…`;
}

/** Links a replay with what it is a copy of, at the life line of the party that gets both. */
function copyCurve({ exchange, to }: MessageRow, { layout, unit }: Pen, y: number): SVGGElement | null {
  const original = layout.rows.find(
    (row) =>
      row.kind === 'message' && row.event.type === 'request' && row.exchange.id === exchange.request.copyOf,
  );
  if (original === undefined) return null;
  const from = original.top + original.height - 0.25 * unit;
  const side = original.to - 2.6 * unit;
  const d = `M${original.to} ${from}C${side} ${from} ${side} ${y} ${to} ${y}`;
  const text = s(
    'text',
    { class: 'why', x: original.to - 2.2 * unit, y: (from + y) / 2, 'text-anchor': 'end' },
    'same bytes',
  );
  return s('g', { class: 'copy' }, s('path', { d }), text);
}

function loot(row: Row, pen: Pen): SVGGElement {
  const items = row.kind === 'event' && row.event.type === 'loot' ? row.event.items : [];
  const taken = items.filter(({ value }) => value !== null);
  const y = row.top + row.height - 0.95 * pen.unit;
  const names = [...new Set(taken.map(({ kind }) => kind))].join(', ');
  return s(
    'g',
    { class: 'row loot' },
    line(row, y),
    head({ ...row, to: row.to - 1.1 * pen.unit * Math.sign(row.to - row.from || 1) }, y, pen.unit),
    label(row, pen, y - 0.85 * pen.unit, taken.length === 0 ? 'nothing to take' : `theft: ${names}`),
    card(row.to, y, pen.unit),
  );
}

/** The token itself: it flies from where it lay to the thief. */
function card(x: number, y: number, unit: number): SVGGElement {
  const [w, h] = [1.1 * unit, 0.72 * unit];
  return s(
    'g',
    { class: 'card' },
    s('rect', { x: x - w, y: y - h, width: 2 * w, height: 2 * h, rx: 4 }),
    s('path', { d: `M${x - 0.55 * unit} ${y}h.01M${x - 0.1 * unit} ${y}h${0.65 * unit}` }),
  );
}

function wait(row: Row, { layout, unit }: Pen, text: string, why: string): SVGGElement {
  const y = row.top + row.height / 2;
  const half = 0.9 * unit;
  const x = layout.width / 2;
  const tear = (edge: number): string => {
    const teeth = Array.from(
      { length: Math.ceil(layout.width / unit) },
      (_, i) => `l${unit / 2} ${i % 2 ? 3 : -3}l${unit / 2} ${i % 2 ? -3 : 3}`,
    );
    return `M0 ${edge}${teeth.join('')}`;
  };
  return s(
    'g',
    { class: 'row wait' },
    s('rect', { x: 0, y: y - half, width: layout.width, height: 2 * half }),
    s('path', { d: tear(y - half) + tear(y + half) }),
    s(
      'text',
      { class: 'name', x, y: y + 0.27 * unit },
      fit(why === '' ? text : `${text} · ${why}`, layout.width - 2 * unit, 0.47 * unit),
    ),
  );
}

function ghost(row: Row, pen: Pen, text: string): SVGGElement {
  const y = row.top + row.height - 0.35 * pen.unit;
  return s(
    'g',
    { class: 'row ghost' },
    line(row, y),
    head(row, y, pen.unit),
    label(row, pen, y - 0.4 * pen.unit, text),
  );
}

function note(row: Row, { layout, unit }: Pen, text: string, tone = 'muted'): SVGGElement {
  const x = layout.width / 2;
  const y = row.top + row.height / 2 + 0.27 * unit;
  return s(
    'g',
    { class: `row note ${tone}` },
    s('text', { class: 'name', x, y }, fit(text, layout.width - unit, 0.47 * unit)),
  );
}

function store(row: Row, { layout, unit }: Pen, text: string): SVGGElement {
  const y = row.top + row.height / 2;
  const shown = fit(text, layout.width / 2, 0.45 * unit);
  const width = (shown.length * 0.45 + 1) * unit;
  const x = Math.min(Math.max(row.from, width / 2 + 1), layout.width - width / 2 - 1);
  return s(
    'g',
    { class: 'row store' },
    s('rect', { x: x - width / 2, y: y - 0.6 * unit, width, height: 1.2 * unit, rx: 0.6 * unit }),
    s('text', { x, y: y + 0.25 * unit }, shown),
  );
}
