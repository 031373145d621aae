import type { LabEngine } from '../engine/engine.ts';
import type { Report } from '../model.ts';
import { toJson } from '../report/json.ts';
import { findDifferences, findMissing } from './differences.ts';
import { exitCodes } from './failure.ts';
import { findWrongFlips } from './flips.ts';
import { createProgress } from './progress.ts';
import { expectationFile, readReport, writeWhole } from './report-files.ts';
import { hasErrors } from './run.ts';
import { seats } from './selection.ts';
import type { Terminal } from './terminal.ts';

/** `verify`: measures again, and compares with what was expected. */

export interface VerifyOptions {
  /** The rows in which a check is off or wrong as well, and whether each flips its cells and no others. */
  readonly ablate: boolean;
  readonly full: boolean;
  /** Writes what was measured as the new expectation, to be reviewed. */
  readonly write: boolean;
}

export async function verify(
  engine: LabEngine,
  options: VerifyOptions,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<number> {
  const { profiles, thefts, honest } = engine.catalogue;
  const rows = profiles.filter(({ group }) => options.ablate || options.write || !isLabOnly(group));
  const request = {
    profiles: rows.map(({ id }) => id),
    thefts: thefts.map(({ id }) => id),
    honestTests: honest.map(({ id }) => id),
    seats: options.full || options.write ? seats : (['elsewhere'] as const),
    mode: options.full || options.write ? ('full' as const) : ('quick' as const),
    time: 'world' as const,
    processes: 'one' as const,
    cost: options.write,
  };
  const report = await engine.run(request, createProgress(terminal).tell, signal);
  if (options.write && report.complete) await writeWhole(expectationFile, toJson(stable(report)));
  const complaints = await findComplaints(report, options);
  await terminal.out(toText(report, complaints));
  if (!report.complete || hasErrors(report)) return exitCodes.broken;
  return complaints.length === 0 ? exitCodes.fine : exitCodes.differs;
}

async function findComplaints(
  report: Report,
  { ablate, full, write }: VerifyOptions,
): Promise<readonly string[]> {
  const expected = await readReport(expectationFile);
  const broken = [...report.cells, ...report.honest].filter(({ outcome }) => outcome === 'error');
  return [
    ...broken.map(
      (cell) => `${cell.profile} ${'theft' in cell ? cell.theft : cell.test}: broke: ${cell.note ?? ''}`,
    ),
    ...findDifferences(report, expected),
    ...(full || write ? findMissing(report, expected).map((name) => `${name}: was not measured`) : []),
    ...(ablate || write ? findWrongFlips(report) : []),
  ];
}

/** What would differ from run to run says nothing about the cells. */
function stable(report: Report): Report {
  return {
    ...report,
    cells: report.cells.map((cell) => ({ ...cell, milliseconds: 0 })),
    honest: report.honest.map((cell) => ({ ...cell, milliseconds: 0 })),
  };
}

function isLabOnly(group: string): boolean {
  return group === 'One check off' || group === 'DPoP done wrong';
}

function toText({ cells, honest, seconds, complete, mode }: Report, complaints: readonly string[]): string {
  const compared = `${mode}: ${cells.length} cells and ${honest.length} honest users in ${seconds} s`;
  const state = complete ? compared : `PARTIAL, ${compared}`;
  if (complaints.length === 0) return `${state}: all as expected\n`;
  return `${complaints.join('\n')}\n${state}: ${complaints.length} not as expected\n`;
}
