import type { Cell, Report, Seat, TheftInfo } from '../model.ts';
import { labelOf, markOf, markSvg, shortText } from './cell-marks.ts';
import { fill, h } from './dom.ts';

/** Every cell, as tables that fit on paper: one for each group of thefts. */
export interface CellTables {
  readonly element: HTMLDetailsElement;
  /** Of this report from now on. */
  readonly update: (report: Report, seat: Seat) => void;
  /** Draws them at once. */
  readonly open: () => void;
}

/** Thousands of cells are drawn only where somebody wants to see them. */
export function createCellTables(): CellTables {
  const body = h('div', { class: 'report-cells' });
  const summary = h('summary', {}, h('h3', {}, 'All cells, as tables'));
  const element = h('details', { class: 'panel report-all' }, summary, body);
  let draw = (): void => {};
  element.addEventListener('toggle', () => draw());
  return {
    element,
    update: (report, seat) => {
      draw = () => fill(body, ...(element.open ? drawTables(report, seat) : []));
      draw();
    },
    open: () => {
      element.open = true;
      draw(); // the event comes too late for a printer
    },
  };
}

function drawTables(report: Report, seat: Seat): readonly HTMLElement[] {
  const cells = new Map(
    report.cells.filter((cell) => cell.seat === seat).map((cell) => [`${cell.profile}/${cell.theft}`, cell]),
  );
  const groups = [...new Set(report.thefts.map(({ group }) => group))];
  return groups.map((group) => {
    const thefts = report.thefts.filter((theft) => theft.group === group);
    return h(
      'div',
      { class: 'report-scroll', tabindex: '0', role: 'region', 'aria-label': group },
      drawTable(group, report, thefts, cells),
    );
  });
}

function drawTable(
  group: string,
  { profiles }: Report,
  thefts: readonly TheftInfo[],
  cells: ReadonlyMap<string, Cell>,
): HTMLElement {
  const heads = thefts.map(({ id, slug }) => h('th', { scope: 'col' }, id, h('br'), h('span', {}, slug)));
  const rows = profiles.map(({ id, slug }) =>
    h(
      'tr',
      {},
      h('th', { scope: 'row' }, h('span', { class: 'report-id' }, id), ' ', slug),
      ...thefts.map((theft) => drawCell(cells.get(`${id}/${theft.id}`))),
    ),
  );
  return h(
    'table',
    { class: 'report-table report-matrix' },
    h('caption', {}, group),
    h('thead', {}, h('tr', {}, h('th', { scope: 'col' }, 'Profile'), ...heads)),
    h('tbody', {}, ...rows),
  );
}

const looks: Readonly<Partial<Record<Cell['outcome'], string>>> = {
  works: 'works',
  longer: 'works',
  narrowed: 'narrowed',
  late: 'narrowed',
  blocked: 'blocked',
  unharmed: 'blocked',
  harm: 'hurts',
};

function drawCell(cell: Cell | undefined): HTMLElement {
  if (cell === undefined) return h('td', {}, h('span', { class: 'visually-hidden' }, labelOf(cell)));
  return h(
    'td',
    { class: looks[cell.outcome] ?? 'void' },
    markSvg(markOf(cell), 10),
    h('span', { 'aria-hidden': 'true' }, ` ${shortText(cell)}${cell.hurt === null ? '' : ' +H'}`),
    h('span', { class: 'visually-hidden' }, labelOf(cell)),
  );
}
