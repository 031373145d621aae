import type { Recording, Report } from '../model.ts';
import { toCsv } from '../report/csv.ts';
import { toMarkdown } from '../report/markdown.ts';
import { h } from './dom.ts';
import type { LabSource } from './view.ts';

/** Files to keep of what the page has seen. */

export type Format = 'html' | 'json' | 'md' | 'csv';

export const formatNames: Readonly<Record<Format, string>> = {
  html: 'HTML, one file',
  json: 'JSON',
  md: 'Markdown',
  csv: 'CSV',
};

/** In a saved report there is no server to ask: some formats the page makes by itself. */
export function makeFile(
  source: LabSource,
  format: Format,
  report: Report,
  recordings: readonly Recording[],
): Promise<Blob> {
  if (!source.live && format === 'csv')
    return Promise.resolve(new Blob([toCsv(report)], { type: 'text/csv' }));
  if (!source.live && format === 'md')
    return Promise.resolve(new Blob([toMarkdown(report, recordings)], { type: 'text/markdown' }));
  return source.export(format, report, recordings);
}

/** Hands it to the browser, which asks where to put it. */
export function saveFile(blob: Blob, format: Format, started: string): void {
  const url = URL.createObjectURL(blob);
  h('a', { href: url, download: `stolen-token-lab-${started.slice(0, 10)}.${format}` }).click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000); // it may still be read
}
