import type { Cell, HonestCell, Report } from '../model.ts';
import { durationText } from '../page/cell-marks.ts';
import { type Colour, paint, type Terminal } from './terminal.ts';

/** A report as a table for a terminal: as many columns at a time as fit, one block for each seat. */

interface Text {
  readonly text: string;
  readonly colour: Colour | undefined;
}

const cellWidth = 11;
const nameWidth = 30;

export function toTable(report: Report, terminal: Terminal): string {
  const blocks = report.seats.flatMap((seat) => toBlocks(report, seat, terminal));
  const honest = report.honest.length === 0 ? [] : [toHonest(report)];
  return `${[...blocks, ...honest, toSummary(report)].join('\n\n')}\n`;
}

function toBlocks(report: Report, seat: string, terminal: Terminal): string[] {
  const perBlock = Math.max(1, Math.floor((terminal.width - nameWidth) / cellWidth));
  const cells = new Map(
    report.cells.filter((cell) => cell.seat === seat).map((cell) => [`${cell.profile} ${cell.theft}`, cell]),
  );
  const blocks: string[] = [];
  for (let from = 0; from < report.thefts.length; from += perBlock) {
    const thefts = report.thefts.slice(from, from + perBlock);
    const heads = [thefts.map(({ id }) => id), thefts.map(({ slug }) => slug)];
    const headLines = heads.map((texts) =>
      line(
        '',
        texts.map((text) => ({ text, colour: 'dim' })),
        terminal,
      ),
    );
    const rows = report.profiles.map(({ id, slug }) =>
      line(
        `${id} ${slug}`,
        thefts.map((theft) => toText(cells.get(`${id} ${theft.id}`), terminal)),
        terminal,
      ),
    );
    blocks.push([`seat ${seat} · ${report.mode}`, ...headLines, ...rows].join('\n'));
  }
  return blocks;
}

function line(name: string, texts: readonly Text[], terminal: Terminal): string {
  const cells = texts.map(({ text, colour }) => {
    const fitted = fit(text, cellWidth - 1).padEnd(cellWidth);
    return colour === undefined ? fitted : paint(terminal, colour, fitted);
  });
  return `${fit(name, nameWidth - 1).padEnd(nameWidth)}${cells.join('')}`.trimEnd();
}

function fit(text: string, width: number): string {
  return text.length > width ? `${text.slice(0, width - 1)}…` : text;
}

const marks = {
  works: ['●', 'WORKS'],
  longer: ['●+', 'LONGER'],
  narrowed: ['◐', 'SHORT'],
  late: ['⧗', 'LATE'],
  blocked: ['○', '-'],
  harm: ['▲', 'HARM'],
  unharmed: ['○', '-'],
  void: ['–', '.'],
  error: ['!', 'ERROR'],
} as const;

const colours: Readonly<Record<Cell['outcome'], Colour>> = {
  works: 'orange',
  longer: 'orange',
  narrowed: 'violet',
  late: 'violet',
  blocked: 'blue',
  harm: 'yellow',
  unharmed: 'blue',
  void: 'dim',
  error: 'red',
};

function toText(cell: Cell | undefined, { unicode }: Terminal): Text {
  if (cell === undefined) return { text: '?', colour: 'dim' };
  const [sign, word] = marks[cell.outcome];
  const hurt = cell.hurt === null ? '' : unicode ? '▲' : '+H';
  return { text: `${unicode ? sign : word}${detailOf(cell)}${hurt}`, colour: colours[cell.outcome] };
}

/** For how long, or by what. */
function detailOf({ outcome, window, decidedBy }: Cell): string {
  if (outcome === 'void' || outcome === 'error') return '';
  if (window !== null) return ` ${durationText(window.firstFailure === null ? null : window.last)}`;
  return decidedBy === null ? '' : ` ${decidedBy}`;
}

function toHonest(report: Report): string {
  const rows = report.profiles.map(({ id }) => {
    const hurt = report.honest.filter(
      (cell) => cell.profile === id && cell.outcome !== 'fine' && cell.outcome !== 'void',
    );
    return `  ${id.padEnd(5)} ${hurt.length === 0 ? 'none hurt' : hurt.map(toHonestText).join(', ')}`;
  });
  return ['honest users', ...rows].join('\n');
}

function toHonestText({ test, outcome, decidedBy }: HonestCell): string {
  return `${test} ${outcome}${decidedBy === null ? '' : ` (${decidedBy})`}`;
}

function toSummary({ cells, honest, profiles, thefts, seconds, complete }: Report): string {
  const errors = [...cells, ...honest].filter(({ outcome }) => outcome === 'error').length;
  const requests = [...cells, ...honest].reduce((sum, cell) => sum + cell.requests, 0);
  const size = `${profiles.length} profiles × ${thefts.length} thefts`;
  const broken = errors === 0 ? 'no error' : `${errors} error${errors === 1 ? '' : 's'}`;
  const partial = complete ? '' : ' · PARTIAL: the run was interrupted';
  return `${size} · ${cells.length} cells · ${honest.length} honest users · ${requests} requests · ${seconds} s · ${broken}${partial}`;
}
