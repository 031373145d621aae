import type { LabEngine, RunRequest } from '../engine/engine.ts';
import { isSeparable } from '../engine/separable.ts';
import type { Report } from '../model.ts';
import { profiles } from '../profiles/profiles.ts';
import { formats, type ReportFormat, toReportFile } from '../report/report-file.ts';
import { exitCodes, Failure, refuseUsage } from './failure.ts';
import { createProgress } from './progress.ts';
import { expectationFile, readReport, writeWhole } from './report-files.ts';
import { selectNamed, selectSeats } from './selection.ts';
import { toTable } from './table.ts';
import type { Terminal } from './terminal.ts';

/** `run`: measures cells, shows or keeps them. */

export interface RunOptions {
  readonly profiles?: string | undefined;
  readonly thefts?: string | undefined;
  readonly honest?: string | undefined;
  readonly seat: string;
  readonly full: boolean;
  readonly realTime: boolean;
  readonly processes: boolean;
  readonly cost: boolean;
  readonly format: string;
  readonly out?: string | undefined;
}

export async function run(
  engine: LabEngine,
  options: RunOptions,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<number> {
  const format = requireFormat(options.format);
  if (options.out === '') refuseUsage('--out must be a file.');
  const report = await engine.run(toRequest(engine, options), createProgress(terminal).tell, signal);
  await publish(report, format, options.out, engine, terminal);
  if (!report.complete)
    terminal.err('The run was interrupted: what is there was measured, the rest is missing.\n');
  return report.complete && !hasErrors(report) ? exitCodes.fine : exitCodes.broken;
}

export function hasErrors({ cells, honest }: Report): boolean {
  return [...cells, ...honest].some(({ outcome }) => outcome === 'error');
}

/** Honest users come along when whole rows are asked for. */
function toRequest({ catalogue }: LabEngine, options: RunOptions): RunRequest {
  const honest = options.honest ?? (options.thefts === undefined ? 'all' : 'none');
  return {
    profiles:
      options.processes && options.profiles === undefined
        ? separableIds()
        : idsOf(selectNamed('profile', catalogue.profiles, options.profiles)),
    thefts: idsOf(selectNamed('theft', catalogue.thefts, options.thefts)),
    honestTests: honest === 'none' ? [] : idsOf(selectNamed('honest user', catalogue.honest, honest)),
    seats: selectSeats(options.seat),
    mode: options.full ? 'full' : 'quick',
    time: options.realTime ? 'real' : 'world',
    processes: options.processes ? 'separate' : 'one',
    cost: options.cost,
  };
}

/** Those that can: naming another one is refused. */
function separableIds(): string[] {
  return idsOf(profiles.filter(isSeparable));
}

function idsOf(named: readonly { readonly id: string }[]): string[] {
  return named.map(({ id }) => id);
}

type Format = ReportFormat | 'table';

function requireFormat(text: string): Format {
  const known = ['table', ...formats].find((name): name is Format => name === text);
  return known ?? refuseUsage(`--format must be table, ${formats.join(', ')}, not "${text.slice(0, 40)}".`);
}

async function publish(
  report: Report,
  format: Format,
  out: string | undefined,
  engine: LabEngine,
  terminal: Terminal,
): Promise<void> {
  const text =
    format === 'table'
      ? toTable(report, out === undefined ? terminal : plain(terminal))
      : await toFile(report, format, engine);
  if (out === undefined) return terminal.out(text);
  await writeWhole(out, text).catch(async (error: unknown) => {
    // What was measured is not thrown away because it cannot be kept where it was meant to be.
    await terminal.out(toTable(report, terminal));
    throw error;
  });
  terminal.err(`written: ${out}\n`);
}

function plain(terminal: Terminal): Terminal {
  return { ...terminal, colours: false };
}

async function toFile(report: Report, format: ReportFormat, { catalogue }: LabEngine): Promise<string> {
  const expectation =
    format === 'junit' ? await readReport(expectationFile).catch(withoutExpectation) : undefined;
  return (await toReportFile(format, report, [], { checks: catalogue.checks, expectation })).body;
}

function withoutExpectation(error: unknown): undefined {
  if (error instanceof Failure) return undefined;
  throw error;
}
