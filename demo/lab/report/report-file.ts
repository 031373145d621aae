import type { CheckInfo, Recording, Report } from '../model.ts';
import { toCsv } from './csv.ts';
import { toHtml } from './html.ts';
import { toJson } from './json.ts';
import { toJunit } from './junit.ts';
import { toMarkdown } from './markdown.ts';
import { withoutTokens } from './tokens.ts';

/** A report as a file to keep, in each format that there is. */

export const formats = ['html', 'json', 'md', 'csv', 'junit'] as const;

export type ReportFormat = (typeof formats)[number];

export interface ReportFile {
  readonly name: string;
  readonly type: string;
  readonly body: string;
}

/** What some formats show besides. */
export interface ReportContext {
  /** Explains the checks, in HTML. */
  readonly checks?: readonly CheckInfo[];
  /** What JUnit compares with. */
  readonly expectation?: Report | undefined;
}

const types: Readonly<Record<ReportFormat, string>> = {
  html: 'text/html; charset=utf-8',
  json: 'application/json; charset=utf-8',
  md: 'text/markdown; charset=utf-8',
  csv: 'text/csv; charset=utf-8; header=present',
  junit: 'application/xml; charset=utf-8',
};

export async function toReportFile(
  format: ReportFormat,
  report: Report,
  recordings: readonly Recording[],
  context: ReportContext = {},
): Promise<ReportFile> {
  const body = await toBody(format, withoutTokens(report), withoutTokens(recordings), context);
  const extension = format === 'junit' ? 'xml' : format;
  const day = /^\d{4}-\d\d-\d\d/.exec(report.started)?.[0] ?? 'report';
  return { name: `stolen-token-lab-${day}.${extension}`, type: types[format], body };
}

async function toBody(
  format: ReportFormat,
  report: Report,
  recordings: readonly Recording[],
  { checks = [], expectation }: ReportContext,
): Promise<string> {
  switch (format) {
    case 'html':
      return toHtml(report, recordings, checks);
    case 'json':
      return toJson(report);
    case 'md':
      return toMarkdown(report, recordings);
    case 'csv':
      return toCsv(report);
    case 'junit':
      return toJunit(report, expectation);
  }
}
