import type { Recording } from '../model.ts';
import { fill, h, s } from './dom.ts';
import { icon } from './icons.ts';
import { nameOf, parties } from './parties.ts';
import { drawRow } from './stage-draw.ts';
import { layOut, type Row, type StageLayout } from './stage-layout.ts';
import { type ListItem, listRows } from './stage-list.ts';
import { findUses } from './uses.ts';

/** The sequence diagram of one recording, drawn as far as it has been played. */
export interface Stage {
  readonly element: HTMLElement;
  load(recording: Recording | undefined): void;
  /** Shows the first so many events; the last one travels for so many milliseconds. */
  show(position: number, travel: number): void;
  /** Marks the exchange that the inspector is about; `reveal` brings it into view. */
  select(exchange: number | undefined, reveal?: boolean): void;
}

/** `chosen`: an exchange was clicked, or entered with the keyboard. */
export function createStage(chosen: (exchange: number) => void): Stage {
  return new DrawnStage(chosen);
}

interface DrawnRow {
  readonly row: Row;
  readonly element: SVGGElement;
}

class DrawnStage implements Stage {
  readonly element: HTMLElement;
  readonly #heads = h('div', { class: 'heads', 'aria-hidden': 'true' });
  readonly #canvas = h('div', { class: 'canvas' });
  readonly #svg = s('svg', { 'aria-hidden': 'true' });
  readonly #list = h('ol', { class: 'messages', 'aria-label': 'Messages so far' });
  readonly #chosen: (exchange: number) => void;
  #recording: Recording | undefined;
  #layout: StageLayout | undefined;
  #rows: readonly DrawnRow[] = [];
  #items: readonly ListItem[] = [];
  #band: SVGRectElement | undefined;
  #position = 0;
  #selected: number | undefined;
  /** With Alice's sign-in. */
  #whole = false;

  constructor(chosen: (exchange: number) => void) {
    this.#chosen = chosen;
    this.#canvas.append(this.#svg, this.#list);
    this.element = h('div', { class: 'diagram' }, this.#heads, this.#canvas);
    // Life lines keep their distance from the edges whatever the width.
    new ResizeObserver(() => this.#redraw()).observe(this.#canvas);
  }

  load(recording: Recording | undefined): void {
    this.#recording = recording;
    this.#position = 0;
    this.#selected = undefined;
    this.#draw();
  }

  show(position: number, travel: number): void {
    this.#position = position;
    for (const { row, element } of this.#rows) showRow(row, element, position);
    for (const { element, from, answered } of this.#items) {
      element.hidden = from > position;
      element.classList.toggle('unanswered', answered > position);
    }
    this.#stretchBand();
    const current = this.#rows.findLast(({ row }) => row.index < position);
    for (const { element } of this.#rows) element.classList.toggle('current', element === current?.element);
    if (current === undefined) this.#canvas.scrollTo({ top: 0 });
    else this.#reveal(current.row);
    if (travel > 0 && current?.row.index === position - 1) animate(current, travel);
  }

  select(exchange: number | undefined, reveal = false): void {
    this.#selected = exchange;
    for (const item of this.#items) {
      const current = item.exchange !== undefined && item.exchange === exchange;
      item.element.querySelector('button')?.setAttribute('aria-current', String(current));
    }
    const rows = this.#rows.filter(({ row }) => row.kind === 'message' && row.exchange.id === exchange);
    const first = rows[0]?.row;
    const last = rows.at(-1)?.row;
    if (reveal && first !== undefined && last !== undefined)
      this.#reveal({ top: first.top, height: last.top + last.height - first.top });
  }

  #unfold(): void {
    this.#whole = !this.#whole;
    this.#draw();
    this.#list.querySelector<HTMLElement>('.unfolds button')?.focus();
  }

  #redraw(): void {
    if (this.#layout?.width !== this.#canvas.clientWidth) this.#draw();
  }

  #draw(): void {
    const width = this.#canvas.clientWidth;
    if (this.#recording === undefined || width === 0) this.#clear(width);
    else this.#drawRecording(this.#recording, width);
  }

  #drawRecording(recording: Recording, width: number): void {
    const unit = Number.parseFloat(getComputedStyle(document.documentElement).fontSize);
    const layout = layOut(recording, width, unit, this.#whole);
    const uses = new Set(findUses(recording).map(({ id }) => id));
    this.#layout = layout;
    this.#rows = layout.rows.map((row) => ({ row, element: drawRow(row, { layout, unit, uses }) }));
    this.#band = drawBand(layout, unit);
    this.#items = listRows(layout.rows, uses, { select: this.#chosen, unfold: () => this.#unfold() });
    this.#drawSvg(layout);
    fill(this.#list, ...this.#items.map(({ element }) => element));
    this.show(this.#position, 0);
    this.select(this.#selected);
  }

  #drawSvg(layout: StageLayout): void {
    this.#size(layout.width, layout.height);
    fill(this.#heads, ...layout.lanes.map(({ party, x }) => headOf(party, x)));
    const lanes = layout.lanes.map(({ x, party }) =>
      s('line', { class: `lane ${party}`, x1: x, y1: 0, x2: x, y2: '100%' }),
    );
    fill(this.#svg, hatch(), ...lanes, this.#band, ...this.#rows.map(({ element }) => element));
  }

  /** Before anything was sent: who will be there, and no message. */
  #clear(width: number): void {
    this.#layout = undefined;
    this.#rows = [];
    this.#items = [];
    const inner = Math.max(0, width - 160);
    const lanes = ['alice', 'bank-a', 'thief'] as const;
    fill(this.#heads, ...lanes.map((party, index) => headOf(party, 80 + (inner / 2) * index)));
    fill(this.#svg, ...lanes.map((_, index) => emptyLane(80 + (inner / 2) * index)));
    fill(this.#list);
    this.#size(width, 0);
  }

  #size(width: number, height: number): void {
    this.#svg.setAttribute('width', String(width));
    this.#svg.style.height = `${height}px`;
    this.element.classList.toggle('is-empty', this.#recording === undefined);
  }

  #stretchBand(): void {
    const use = this.#layout?.use;
    if (this.#band === undefined || use === undefined) return;
    const shown = this.#rows.findLast(({ row }) => row.index < this.#position);
    const reached = shown === undefined ? 0 : shown.row.top + shown.row.height;
    this.#band.setAttribute('height', String(Math.max(0, Math.min(use.to, reached) - use.from)));
  }

  /** Keeps what has just happened in view. */
  #reveal({ top, height }: Pick<Row, 'top' | 'height'>): void {
    const { scrollTop, clientHeight } = this.#canvas;
    const low = top + height + 16 - clientHeight;
    if (scrollTop < low) this.#canvas.scrollTo({ top: low, behavior: calm() ? 'auto' : 'smooth' });
    else if (scrollTop > top) this.#canvas.scrollTo({ top: top - 16, behavior: calm() ? 'auto' : 'smooth' });
  }
}

function showRow(row: Row, element: SVGGElement, position: number): void {
  element.classList.toggle('future', row.index >= position);
  if (row.kind !== 'message' || row.event.type !== 'request') return;
  const answered = row.exchange.response !== undefined && row.exchange.response.seq <= position;
  element.classList.toggle('answered', answered);
}

function headOf(party: StageLayout['lanes'][number]['party'], x: number): HTMLElement {
  const name = parties.find(({ id }) => id === party)?.icon ?? 'alice';
  const element = h('span', { class: `head-of ${party}` }, icon(name), nameOf(party));
  element.style.left = `${x}px`;
  return element;
}

function emptyLane(x: number): SVGLineElement {
  return s('line', { class: 'lane', x1: x, y1: 0, x2: x, y2: '100%' });
}

function drawBand({ lanes, use }: StageLayout, unit: number): SVGRectElement | undefined {
  const x = lanes.find(({ party }) => party === 'thief')?.x;
  if (x === undefined || use === undefined) return undefined;
  return s('rect', { class: 'usable', x: x - 0.55 * unit, y: use.from, width: 1.1 * unit, height: 0 });
}

function hatch(): SVGDefsElement {
  const stroke = s('path', { d: 'M-2 2l4-4M0 8l8-8M6 10l4-4' });
  const size = { id: 'hatch', class: 'hatch', width: 8, height: 8, patternUnits: 'userSpaceOnUse' };
  return s('defs', {}, s('pattern', size, stroke));
}

function calm(): boolean {
  return matchMedia('(prefers-reduced-motion: reduce)').matches;
}

function animate({ row, element }: DrawnRow, duration: number): void {
  if (calm() || row.from === row.to) return;
  const easing = 'cubic-bezier(0.3, 0, 0.3, 1)';
  for (const shaft of element.querySelectorAll<SVGLineElement>('.shaft')) {
    shaft.style.transformOrigin = `${row.from}px 0`;
    shaft.animate([{ transform: 'scaleX(0)' }, { transform: 'none' }], { duration, easing });
  }
  const way = row.to - row.from;
  const packet = element.querySelector('.packet');
  packet?.animate([{ opacity: 1 }, { opacity: 1, transform: `translateX(${way}px)` }], { duration, easing });
  element.querySelector('.card')?.animate([{ transform: `translateX(${-way}px)` }, {}], { duration, easing });
  const late = [{ opacity: 0 }, { opacity: 0, offset: 0.85 }, { opacity: 1 }];
  element.querySelector('.head')?.animate(late, { duration });
}
