import type { CheckId } from '../model.ts';
import { s } from './dom.ts';

/** Fillings that tell bars apart without colour: one for each thing that can end a window. */

export interface Patterns {
  /** To be put into the drawing that uses them. */
  readonly defs: SVGDefsElement;
  /** What to fill a bar with; without an end it is solid. */
  readonly fillOf: (endedBy: CheckId | null) => string;
}

// Lines on a tile of 8 by 8, and whether they are filled instead.
const tiles: readonly (readonly [path: string, filled?: true])[] = [
  ['M-2 2L2 -2M0 8L8 0M6 10L10 6'],
  ['M2 0.6a1.4 1.4 0 1 0 0.01 0zM6 4.6a1.4 1.4 0 1 0 0.01 0z', true],
  ['M2 0V8M6 0V8'],
  ['M0 0L8 8M0 8L8 0'],
  ['M0 2H8M0 6H8'],
  ['M-2 6L2 10M0 0L8 8M6 -2L10 2'],
  ['M0 0H4V4H0zM4 4H8V8H4z', true],
  ['M0 4L2 2L6 6L8 4'],
];

let charts = 0;

export function createPatterns(ends: readonly CheckId[]): Patterns {
  charts += 1;
  const prefix = `ended-${charts}`;
  const known = [...new Set(ends)];
  return {
    defs: s('defs', {}, ...known.map((_, at) => pattern(`${prefix}-${at}`, at))),
    fillOf: (endedBy) => {
      const at = endedBy === null ? -1 : known.indexOf(endedBy);
      return at < 0 ? 'currentColor' : `url(#${prefix}-${at})`;
    },
  };
}

function pattern(id: string, at: number): SVGPatternElement {
  const [path, filled] = tiles[at % tiles.length] ?? tiles[0] ?? [''];
  const paint = filled
    ? { fill: 'currentColor' }
    : { fill: 'none', stroke: 'currentColor', 'stroke-width': 1.3 };
  // More ends than tiles: the same tile in another size.
  const scale = 1 + Math.floor(at / tiles.length) * 0.6;
  return s(
    'pattern',
    { id, width: 8, height: 8, patternUnits: 'userSpaceOnUse', patternTransform: `scale(${scale})` },
    s('path', { d: path, ...paint }),
  );
}
