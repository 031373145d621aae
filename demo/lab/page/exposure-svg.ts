import type { Catalogue, CheckId, Report, Seat } from '../model.ts';
import { durationText, labelOf, markOf, markPath, windowLength } from './cell-marks.ts';
import { s } from './dom.ts';
import { createPatterns, type Patterns } from './exposure-patterns.ts';
import { type Bar, barsOf, ticks, toShare } from './exposure-scale.ts';
import { createCellIndex } from './matrix-rows.ts';

/** The exposure chart as a drawing: one ink, so that it prints and stands on any ground. */

/** Where things are, in the units of the drawing. */
export interface ChartPlan {
  readonly width: number;
  readonly height: number;
  /** Where the last bar ends, and with it the ruler. */
  readonly bottom: number;
  /** Ends of the time axis: one second, seven days. */
  readonly left: number;
  readonly right: number;
  readonly rowHeight: number;
  /** No room beside the bars: names stand above them. */
  readonly narrow: boolean;
}

const top = 30;
const barHeight = 12;
const letter = 6.1;

/** One theft under all profiles, as a picture that stands alone. */
export function exposureSvg(
  report: Report,
  catalogue: Catalogue,
  theft: string,
  seat: Seat = report.seats[0] ?? 'elsewhere',
): SVGSVGElement {
  const bars = barsOf(catalogue.profiles, [theft], createCellIndex(report), seat, true);
  return drawBars(bars, planOf(bars, 960), `How long theft ${theft} works under each profile`);
}

export function planOf(bars: readonly Bar[], width: number): ChartPlan {
  const narrow = width < 640;
  const rowHeight = narrow ? 44 : 26;
  const legendLines = Math.ceil((endsOf(bars).length + 1) / (narrow ? 2 : 5));
  return {
    width,
    bottom: top + bars.length * rowHeight,
    height: top + bars.length * rowHeight + 26 + legendLines * 20,
    left: narrow ? 8 : Math.min(330, Math.round(width * 0.31)),
    right: width - (narrow ? 30 : 148),
    rowHeight,
    narrow,
  };
}

export function xOf({ left, right }: ChartPlan, seconds: number): number {
  return left + toShare(seconds) * (right - left);
}

export function drawBars(bars: readonly Bar[], plan: ChartPlan, label: string): SVGSVGElement {
  const patterns = createPatterns(endsOf(bars));
  const several = new Set(bars.map(({ theft }) => theft)).size > 1;
  return s(
    'svg',
    {
      viewBox: `0 0 ${plan.width} ${plan.height}`,
      width: plan.width,
      height: plan.height,
      role: 'img',
      'aria-label': label,
      class: 'exposure-chart',
      'font-size': 12,
      fill: 'currentColor',
      'font-family': '-apple-system, "Segoe UI", Roboto, "Liberation Sans", Arial, sans-serif',
    },
    patterns.defs,
    axis(plan, plan.bottom),
    ...bars.map((bar, at) => drawBar(bar, plan, patterns, top + at * plan.rowHeight, several)),
    legend(bars, plan, patterns),
  );
}

function endsOf(bars: readonly Bar[]): readonly CheckId[] {
  return [
    ...new Set(bars.flatMap(({ span, endedBy }) => (span === null || endedBy === null ? [] : [endedBy]))),
  ];
}

function axis(plan: ChartPlan, bottom: number): SVGGElement {
  const marks = ticks.filter((seconds) => !plan.narrow || ![10, 300, 259_200].includes(seconds));
  const lines = marks.map((seconds) => tick(xOf(plan, seconds), durationText(seconds), bottom));
  return s('g', { class: 'axis' }, ...lines, tick(plan.right + 22, '∞', bottom));
}

function tick(x: number, text: string, bottom: number): SVGGElement {
  return s(
    'g',
    {},
    s('path', { d: `M${x} ${top - 6}V${bottom}`, stroke: 'currentColor', 'stroke-opacity': 0.2 }),
    s('text', { x, y: top - 12, 'text-anchor': 'middle', 'font-size': 11 }, text),
    s('text', { x, y: bottom + 14, 'text-anchor': 'middle', 'font-size': 11 }, text),
  );
}

function drawBar(bar: Bar, plan: ChartPlan, patterns: Patterns, y: number, several: boolean): SVGGElement {
  const middle = y + (plan.narrow ? 31 : plan.rowHeight / 2);
  const name = several ? `${bar.theft} · ${nameOf(bar)}` : nameOf(bar);
  const room = plan.narrow ? plan.width - 110 : plan.left - 14;
  const baseline = plan.narrow ? y + 16 : middle + 4;
  return s(
    'g',
    {},
    s('title', {}, `${name}: ${labelOf(bar.cell)}`),
    s('text', { x: plan.narrow ? plan.left : 0, y: baseline }, cut(name, Math.floor(room / letter))),
    ...resultOf(bar, plan, baseline),
    ...(bar.span === null ? [] : shapeOf(bar, plan, patterns, middle)),
  );
}

function nameOf({ profiles }: Bar): string {
  const [first] = profiles;
  const more = profiles.length > 1 ? ` and ${profiles.length - 1} more` : '';
  return `${first?.id} ${first?.title}${more}`;
}

/** Keeps the end, which counts the profiles of the bar. */
function cut(text: string, letters: number): string {
  if (text.length <= letters) return text;
  const end = / and \d+ more$/.exec(text)?.[0] ?? '';
  return `${text.slice(0, Math.max(4, letters - end.length - 1)).trimEnd()}…${end}`;
}

/** The time and what ended it, in a column of their own. */
function resultOf({ cell, endedBy }: Bar, plan: ChartPlan, y: number): readonly SVGElement[] {
  const length = cell.window === null ? null : durationText(windowLength(cell.window));
  const text =
    length === null ? shortOutcome(labelOf(cell)) : `${length}${endedBy === null ? '' : ` ${endedBy}`}`;
  const x = plan.narrow ? plan.width : plan.right + 42;
  const at = {
    x,
    y,
    'text-anchor': plan.narrow ? 'end' : 'start',
    'font-weight': length === null ? 400 : 600,
  };
  const mark = s(
    'g',
    { transform: `translate(${plan.left} ${plan.narrow ? y + 7 : y - 11}) scale(0.875)` },
    markPath(markOf(cell)),
  );
  return length === null ? [s('text', at, text), mark] : [s('text', at, text)];
}

function shortOutcome(label: string): string {
  return cut(label.replace(/[:;,].*$/, ''), 16);
}

/** Bar from first to last success, whisker to the first failure, broken line where it failed before. */
function shapeOf(bar: Bar, plan: ChartPlan, patterns: Patterns, middle: number): readonly SVGElement[] {
  const { first, last, endless } = bar.span ?? { first: 0, last: 0, endless: false };
  const start = xOf(plan, first);
  const end = Math.max(start + 3, endless ? plan.right + 14 : xOf(plan, last));
  const rect = s('rect', {
    x: start,
    y: middle - barHeight / 2,
    width: end - start,
    height: barHeight,
    fill: patterns.fillOf(bar.endedBy),
    stroke: 'currentColor',
    'stroke-width': 1.2,
  });
  return [
    rect,
    ...lateLine(first, plan, start, middle),
    endless ? arrow(end, middle) : whisker(bar, plan, end, middle),
  ];
}

function lateLine(first: number, plan: ChartPlan, start: number, middle: number): readonly SVGElement[] {
  if (first <= 1) return [];
  const line = {
    d: `M${plan.left} ${middle}H${start - 6}`,
    stroke: 'currentColor',
    'stroke-dasharray': '2 4',
    fill: 'none',
  };
  const zigzag = {
    d: `M${start - 7} ${middle - 6}l3 6l-3 6M${start - 3} ${middle - 6}l3 6l-3 6`,
    stroke: 'currentColor',
    fill: 'none',
  };
  return [s('path', line), s('path', zigzag)];
}

function whisker({ firstFailure, span }: Bar, plan: ChartPlan, end: number, middle: number): SVGElement {
  // A second after the last success they would fall on each other: the cap keeps a distance that can be seen.
  const x = Math.max(end + 4, xOf(plan, firstFailure ?? span?.last ?? 0));
  return s('path', {
    d: `M${end} ${middle}H${x}M${x} ${middle - 5}v10`,
    stroke: 'currentColor',
    'stroke-width': 1.2,
    fill: 'none',
  });
}

function arrow(x: number, middle: number): SVGElement {
  return s('path', { d: `M${x} ${middle - 6}l8 6l-8 6z` });
}

function legend(bars: readonly Bar[], plan: ChartPlan, patterns: Patterns): SVGGElement {
  const ends: readonly (CheckId | null)[] = endsOf(bars);
  const endless = bars.some(({ span, endedBy }) => span !== null && endedBy === null);
  const shown = endless ? [...ends, null] : ends;
  const columns = plan.narrow ? 2 : 5;
  const y = plan.bottom + 28;
  return s(
    'g',
    {},
    ...shown.map((end, at) => {
      const x = (plan.narrow ? plan.left : 0) + (at % columns) * (plan.narrow ? plan.width / 2 : 178);
      return swatch(x, y + Math.floor(at / columns) * 20, patterns.fillOf(end), end);
    }),
  );
}

function swatch(x: number, y: number, fill: string, end: CheckId | null): SVGGElement {
  return s(
    'g',
    {},
    s('rect', { x: x + 0.5, y, width: 24, height: barHeight, fill, stroke: 'currentColor' }),
    s('text', { x: x + 32, y: y + 10 }, end === null ? 'nothing ends it' : `ended by ${end}`),
  );
}
