import { readFile } from 'node:fs/promises';
import { Ajv2020, type ErrorObject, type ValidateFunction } from 'ajv/dist/2020.js';
import type { Recording, Report } from '../model.ts';

/** Whether something that calls itself a report is one: by the published schema. */

const schemaFile = new URL('../../../../demo/lab/report.schema.json', import.meta.url);

let compiled: Promise<ValidateFunction<Report>> | undefined;

/** What is wrong with it, in one sentence; nothing where it is a report. */
export async function complaintAbout(value: unknown): Promise<string | undefined> {
  compiled ??= compileSchema();
  const validate = await compiled;
  return validate(value) ? undefined : sentenceFor(validate.errors?.[0]);
}

async function compileSchema(): Promise<ValidateFunction<Report>> {
  const schema = JSON.parse(await readFile(schemaFile, 'utf8')) as object;
  return new Ajv2020().compile<Report>(schema);
}

function sentenceFor(error: ErrorObject | undefined): string {
  const where = error?.instancePath.slice(1).replaceAll('/', '.').slice(0, 80);
  return `report${where ? `.${where}` : ''} ${error?.message ?? 'is no report'}.`;
}

/** Enough to be put into a page: the page draws texts only. */
export function areRecordings(value: unknown): value is readonly Recording[] {
  return Array.isArray(value) && value.length <= maxRecordings && value.every(isRecording);
}

export const maxRecordings = 100;

function isRecording(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  const { profile, theft, seat, events } = value as Partial<Record<keyof Recording, unknown>>;
  const named = [profile, theft, seat].every((name) => typeof name === 'string' && name.length <= 60);
  return named && Array.isArray(events) && events.every(isEvent);
}

function isEvent(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'type' in value && typeof value.type === 'string';
}
