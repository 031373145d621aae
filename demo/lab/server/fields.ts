import { ApiError, badField } from './api-error.ts';

/** Reading one field of a body that anybody may have written. Each names the field when it is not as it must be. */

export type Body = Readonly<Record<string, unknown>>;

export function readBody(body: unknown, known: readonly string[]): Body {
  if (!isRecord(body)) throw new ApiError(400, 'The body must be a JSON object.');
  const unknown = Object.keys(body).find((name) => !known.includes(name));
  if (unknown === undefined) return body;
  const name = JSON.stringify(unknown.slice(0, 40));
  throw new ApiError(400, `There is no field ${name}; there are ${known.join(', ')}.`);
}

export function isRecord(value: unknown): value is Body {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function readWord<T extends string>(body: Body, field: string, words: readonly T[], absent?: T): T {
  const value = body[field] ?? absent;
  const word = words.find((one) => one === value);
  if (word !== undefined) return word;
  throw badField(field, words.length === 1 ? `"${words[0]}"` : `one of ${words.join(', ')}`);
}

export function readInteger(body: Body, field: string, min: number, max: number, absent?: number): number {
  const value = body[field] ?? absent;
  if (typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max) return value;
  throw badField(field, `a whole number from ${min} to ${max}`);
}

export function readFlag(body: Body, field: string, absent: boolean): boolean {
  const value = body[field] ?? absent;
  if (typeof value === 'boolean') return value;
  throw badField(field, 'true or false');
}

export function readText(body: Body, field: string, pattern: RegExp, must: string): string {
  const value = body[field];
  if (typeof value === 'string' && pattern.test(value)) return value;
  throw badField(field, must);
}

/** Texts, each once. */
export function readTexts(
  body: Body,
  field: string,
  max: number,
  absent?: readonly string[],
): readonly string[] {
  const value = body[field] ?? absent;
  if (!Array.isArray(value) || value.length > max || !value.every((one) => typeof one === 'string'))
    throw badField(field, `a list of at most ${max} texts`);
  return [...new Set<string>(value)];
}

/** Members of a JSON object; how deep they are is the business of whoever reads them. */
export function readMembers(body: Body, field: string, max: number): Body {
  const value = body[field] ?? {};
  if (isRecord(value) && Object.keys(value).length <= max) return value;
  throw badField(field, `an object of at most ${max} members`);
}
