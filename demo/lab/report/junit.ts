import escapeHtml from 'escape-html';
import type { Cell, HonestCell, Mode, Report } from '../model.ts';
import { honestLabel } from '../page/cell-marks.ts';
import { deviationOf, honestDeviationOf } from './deviation.ts';
import { cellText } from './summary.ts';

/**
 * For build servers: a suite for each profile, a case for each cell. One that is not as expected has failed; one that
 * broke is an error. Without an expectation only errors count.
 */
export function toJunit(report: Report, expectation: Report | undefined): string {
  const expected = byKey(expectation, report.mode);
  const suites = report.profiles.map((profile) => {
    const cases = [
      ...report.cells.filter((cell) => cell.profile === profile.id).map((cell) => theftCase(cell, expected)),
      ...report.honest
        .filter((cell) => cell.profile === profile.id)
        .map((cell) => honestCase(cell, expected)),
    ];
    return suite(`${profile.id} ${profile.slug}`, cases, report.started);
  });
  return `<?xml version="1.0" encoding="UTF-8"?>\n<testsuites name="${toXml(report.tool.name)}">\n${suites.join('')}</testsuites>\n`;
}

interface Case {
  readonly name: string;
  readonly seconds: number;
  readonly failure?: string | undefined;
  readonly error?: string | undefined;
}

interface Expected {
  /** Windows are compared where both know them. */
  readonly mode: Mode;
  readonly cells: ReadonlyMap<string, Cell>;
  readonly honest: ReadonlyMap<string, HonestCell>;
}

function byKey(report: Report | undefined, mode: Mode): Expected {
  const { cells = [], honest = [] } = report ?? {};
  return {
    mode: report?.mode === 'full' ? mode : 'quick',
    cells: new Map(cells.map((cell) => [`${cell.profile}/${cell.theft}/${cell.seat}`, cell])),
    honest: new Map(honest.map((cell) => [`${cell.profile}/${cell.test}`, cell])),
  };
}

function theftCase(cell: Cell, { cells, mode }: Expected): Case {
  const expected = cells.get(`${cell.profile}/${cell.theft}/${cell.seat}`);
  const name = `${cell.theft} ${cell.seat}: ${cellText(cell)}`;
  return {
    name,
    seconds: cell.milliseconds / 1000,
    ...verdict(cell, expected && deviationOf(cell, expected, mode)),
  };
}

function honestCase(cell: HonestCell, { honest }: Expected): Case {
  const expected = honest.get(`${cell.profile}/${cell.test}`);
  const name = `${cell.test}: ${honestLabel(cell)}`;
  return {
    name,
    seconds: cell.milliseconds / 1000,
    ...verdict(cell, expected && honestDeviationOf(cell, expected)),
  };
}

function verdict(
  { outcome, note }: { readonly outcome: string; readonly note?: string },
  failure: string | undefined,
): Pick<Case, 'failure' | 'error'> {
  return outcome === 'error' ? { error: note ?? 'the try broke' } : { failure };
}

function suite(name: string, cases: readonly Case[], started: string): string {
  const failures = cases.filter(({ failure }) => failure !== undefined).length;
  const errors = cases.filter(({ error }) => error !== undefined).length;
  const seconds = cases.reduce((sum, { seconds }) => sum + seconds, 0).toFixed(3);
  const counts = `tests="${cases.length}" failures="${failures}" errors="${errors}" time="${seconds}"`;
  const lines = cases.map((one) => testCase(name, one)).join('');
  return `  <testsuite name="${toXml(name)}" ${counts} timestamp="${toXml(started)}">\n${lines}  </testsuite>\n`;
}

function testCase(suiteName: string, { name, seconds, failure, error }: Case): string {
  const open = `    <testcase classname="${toXml(suiteName)}" name="${toXml(name)}" time="${seconds.toFixed(3)}"`;
  if (error !== undefined) return `${open}><error message="${toXml(error)}"/></testcase>\n`;
  if (failure !== undefined) return `${open}><failure message="${toXml(failure)}"/></testcase>\n`;
  return `${open}/>\n`;
}

/** What XML 1.0 cannot hold at all becomes a question mark. */
function toXml(text: string): string {
  return escapeHtml(text.replaceAll(/[^\x20-\ud7ff\ue000-\ufffd]/g, '?'));
}
