import type { Cell, HonestCell, Report } from '../model.ts';

/** One line for each cell (RFC 4180), safe to open in a spreadsheet. */

const columns = [
  'kind',
  'profile',
  'profile title',
  'test',
  'test title',
  'seat',
  'outcome',
  'decided by',
  'first success (s)',
  'last success (s)',
  'first failure (s)',
  'ended by',
  'hurts Alice',
  'interruptions',
  'requests',
  'tries',
  'milliseconds',
  'note',
] as const;

type Row = Readonly<Partial<Record<(typeof columns)[number], string | number | null | undefined>>>;

export function toCsv(report: Report): string {
  const titles = new Map(
    [...report.profiles, ...report.thefts, ...report.honestTests].map(({ id, title }) => [id, title]),
  );
  const rows = [...report.cells.map(theftRow), ...report.honest.map(honestRow)];
  const lines = rows.map((row) => {
    const titled: Row = {
      ...row,
      'profile title': titles.get(String(row.profile)),
      'test title': titles.get(String(row.test)),
    };
    return columns.map((column) => titled[column]);
  });
  return [columns, ...lines].map((line) => `${line.map(toField).join(',')}\r\n`).join('');
}

function theftRow(cell: Cell): Row {
  const { window } = cell;
  return {
    kind: 'theft',
    profile: cell.profile,
    test: cell.theft,
    seat: cell.seat,
    outcome: cell.outcome,
    'decided by': cell.decidedBy,
    'first success (s)': window?.first,
    'last success (s)': window?.last,
    'first failure (s)': window === null ? null : (window.firstFailure ?? 'never'),
    'ended by': window?.endedBy,
    'hurts Alice': cell.hurt,
    requests: cell.requests,
    tries: cell.tries,
    milliseconds: cell.milliseconds,
    note: cell.note,
  };
}

function honestRow(cell: HonestCell): Row {
  return {
    kind: 'honest user',
    profile: cell.profile,
    test: cell.test,
    outcome: cell.outcome,
    'decided by': cell.decidedBy,
    interruptions: cell.interruptions,
    requests: cell.requests,
    milliseconds: cell.milliseconds,
    note: cell.note,
  };
}

/** A text that a spreadsheet would take for a formula gets an apostrophe before it. */
function toField(value: string | number | null | undefined): string {
  if (value === null || value === undefined) return '';
  if (typeof value === 'number') return String(value);
  const text = /^[\s]*[=+\-@\t\r]/.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
