import { randomUUID } from 'node:crypto';
import { readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type { Report } from '../model.ts';
import { complaintAbout } from '../report/check-report.ts';
import { Failure } from './failure.ts';

/** Reports in files: whole or not at all. */

/** What runs are compared with: made by a run, and reviewed. */
export const expectationFile: string = fileURLToPath(
  new URL('../../../../demo/lab/expectation.json', import.meta.url),
);

export async function readReport(file: string): Promise<Report> {
  const value = parse(await readText(file), file);
  const complaint = await complaintAbout(value);
  if (complaint !== undefined) throw new Failure('usage', `${file} is no report of the lab: ${complaint}`);
  return value as Report;
}

async function readText(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    throw new Failure('usage', `${file} cannot be read (${codeOf(error)}).`);
  }
}

function parse(text: string, file: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new Failure('usage', `${file} is no JSON.`);
  }
}

/** Beside its place first, then into it: a full disk leaves what was there before. */
export async function writeWhole(file: string, text: string): Promise<void> {
  const draft = `${file}.${randomUUID()}.part`;
  try {
    // A device or a pipe is written to: a rename would put a file in its place.
    if ((await stat(file).catch(() => undefined))?.isFile() === false) return await writeFile(file, text);
    await writeFile(draft, text, { flag: 'wx' });
    await rename(draft, file);
  } catch (error) {
    await rm(draft, { force: true }).catch(() => undefined);
    throw new Failure(
      'broken',
      `${file} could not be written (${codeOf(error)}): nothing of it is left, and what was there before is.`,
    );
  }
}

function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? 'unknown';
}
