import type { LabEvent, Recording, Report, Seat, TheftInfo } from '../model.ts';
import { durationText, honestLabel, seatText } from '../page/cell-marks.ts';
import { cellText, methodOf, summarize, totalsOf } from './summary.ts';

/** A report to read as text, or to put into a tracker: what was measured, the summary, each table. */
export function toMarkdown(report: Report, recordings: readonly Recording[]): string {
  const parts = [
    heading(report),
    ...report.seats.flatMap((seat) => [summaryTable(report, seat), ...matrixTables(report, seat)]),
    honestTable(report),
    costTable(report),
    ...recordings.map(exchange),
  ];
  return `${parts.filter((part) => part !== '').join('\n\n')}\n`;
}

function heading(report: Report): string {
  const { cells, works, blocked, none, errors, requests } = totalsOf(report);
  const { tool, runtime, started, seconds, mode } = report;
  return [
    '# Stolen-token lab: report',
    `${plain(started)}, ${durationText(seconds)}, ${mode} run. ${tool.name} ${plain(tool.version)}, ` +
      `Node ${plain(runtime.node)}, ${plain(runtime.os)}.`,
    `${cells} cells, ${requests} requests: the thief got in in ${works}, was kept out in ${blocked}, ` +
      `found nothing to steal in ${none}; ${errors} broke.`,
    methodOf(report)
      .map((sentence) => `- ${sentence}`)
      .join('\n'),
  ].join('\n\n');
}

function summaryTable(report: Report, seat: Seat): string {
  const rows = summarize(report, seat).map(({ profile, longest, hurt, ...numbers }) => [
    `${profile.id} ${profile.title}`,
    `${numbers.works} of ${numbers.tried}`,
    numbers.narrowed,
    longest === undefined ? '' : durationText(longest),
    numbers.harm,
    hurt.join(' '),
    numbers.errors,
  ]);
  const columns = ['Profile', 'Thief gets in', 'Shorter', 'Longest', 'Harm', 'Honest users hurt', 'Errors'];
  return section(`Summary, thief: ${seatText(seat)}`, columns, rows);
}

function matrixTables(report: Report, seat: Seat): readonly string[] {
  const groups = [...new Set(report.thefts.map(({ group }) => group))];
  return groups.map((group) => {
    const thefts = report.thefts.filter((theft) => theft.group === group);
    return section(
      `${group}, thief: ${seatText(seat)}`,
      ['Profile', ...thefts.map(named)],
      cellRows(report, seat, thefts),
    );
  });
}

function cellRows(report: Report, seat: Seat, thefts: readonly TheftInfo[]): readonly (readonly string[])[] {
  const cells = new Map(
    report.cells.filter((cell) => cell.seat === seat).map((cell) => [`${cell.profile}/${cell.theft}`, cell]),
  );
  return report.profiles.map((profile) => [
    named(profile),
    ...thefts.map(({ id }) => {
      const cell = cells.get(`${profile.id}/${id}`);
      return cell === undefined ? '' : cellText(cell);
    }),
  ]);
}

function honestTable(report: Report): string {
  const cells = new Map(report.honest.map((cell) => [`${cell.profile}/${cell.test}`, cell]));
  const rows = report.profiles.map((profile) => [
    named(profile),
    ...report.honestTests.map(({ id }) => {
      const cell = cells.get(`${profile.id}/${id}`);
      return cell === undefined ? '' : honestLabel(cell);
    }),
  ]);
  const columns = ['Profile', ...report.honestTests.map(({ id, title }) => `${id} ${title}`)];
  return cells.size === 0 ? '' : section('Honest users', columns, rows);
}

function costTable({ cost }: Report): string {
  const rows = cost.map((cell) => [cell.profile, cell.headerBytes, cell.requestsPerCall, cell.microseconds]);
  const columns = ['Profile', 'Bytes of headers', 'Requests per call', 'Microseconds per call'];
  return rows.length === 0 ? '' : section('What an ordinary request costs', columns, rows);
}

/** One try, message by message. */
function exchange({ profile, theft, seat, wait, outcome, events }: Recording): string {
  const lines = events.map(eventText).filter((line) => line !== '');
  const title = `## ${plain(profile)} ${plain(theft)}, thief: ${seatText(seat)}, ${durationText(wait)} later: ${outcome}`;
  return [title, lines.map((line, index) => `${index + 1}. ${line}`).join('\n')].join('\n\n');
}

function eventText(event: LabEvent): string {
  switch (event.type) {
    case 'say':
    case 'alert':
    case 'end':
      return plain(event.text);
    case 'clock':
      return `${durationText(event.by)} pass: ${plain(event.why)}`;
    case 'request':
      return `${event.from} to ${event.to}: ${plain(event.method)} ${plain(event.url)}`;
    case 'response':
      return `${event.status}, ${event.verdict}${event.decidedBy === null ? '' : ` by ${event.decidedBy}`}`;
    case 'cannot':
      return `The thief cannot: ${plain(event.text)}`;
    case 'loot':
      return `Loot: ${event.items.map(({ kind, where }) => plain(`${kind} (${where})`)).join(', ')}`;
    default:
      return '';
  }
}

type Value = string | number;

function section(title: string, columns: readonly string[], rows: readonly (readonly Value[])[]): string {
  const line = (values: readonly Value[]): string =>
    `| ${values.map((value) => plain(String(value))).join(' | ')} |`;
  return [`## ${title}`, '', line(columns), line(columns.map(() => '---')), ...rows.map(line)].join('\n');
}

function named({ id, slug }: { readonly id: string; readonly slug: string }): string {
  return `${id} ${slug}`;
}

/** A text stays a text: no table breaks, no link, no markup. */
function plain(text: string): string {
  return text.replaceAll(/[\r\n]+/g, ' ').replaceAll(/[\\`*_[\]<>|#&~]/g, (sign) => `\\${sign}`);
}
