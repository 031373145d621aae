import type { HeaderLine } from '../model.ts';
import type { Exchange } from './exchange.ts';
import { decodeJwt, type Members } from './jwt.ts';

/** Two requests, side by side: a row for each line, and JWTs unfolded into their members. */

export type DiffMark = 'same bytes' | 'changed' | 'missing' | 'made by the thief';

export interface DiffRow {
  readonly name: string;
  /** `undefined` where that side has no such line. */
  readonly left: string | undefined;
  readonly right: string | undefined;
  readonly mark: DiffMark;
  /** 1: a member of the JWT in the row before. */
  readonly depth: 0 | 1;
}

export function diffRequests(left: Exchange, right: Exchange): readonly DiffRow[] {
  const [a, b] = [left.request, right.request];
  const names = new Set([...a.headers, ...b.headers].map(([name]) => name.toLowerCase()));
  return [
    toRow('request line', `${a.method} ${a.url}`, `${b.method} ${b.url}`),
    toRow('sent from', a.address, b.address),
    ...[...names].flatMap((name) => headerRows(name, a.headers, b.headers)),
    ...(a.body === null && b.body === null ? [] : [toRow('body', a.body ?? undefined, b.body ?? undefined)]),
  ];
}

function headerRows(name: string, a: readonly HeaderLine[], b: readonly HeaderLine[]): readonly DiffRow[] {
  const [left, right] = [findLine(name, a), findLine(name, b)];
  const members = jwtRows(left, right);
  const row = toRow(name, left, right);
  const byThief = members.some(({ name, mark }) => name.startsWith('header.jwk') && mark !== 'same bytes');
  return [byThief && right !== undefined ? { ...row, mark: 'made by the thief' } : row, ...members];
}

function findLine(name: string, headers: readonly HeaderLine[]): string | undefined {
  const values = headers.filter(([candidate]) => candidate.toLowerCase() === name).map(([, value]) => value);
  return values.length === 0 ? undefined : values.join(', ');
}

function jwtRows(left: string | undefined, right: string | undefined): readonly DiffRow[] {
  const [a, b] = [unfold(left), unfold(right)];
  return [...new Set([...a.keys(), ...b.keys()])].map((name) => ({
    ...toRow(name, a.get(name), b.get(name)),
    depth: 1,
  }));
}

function toRow(name: string, left: string | undefined, right: string | undefined): DiffRow {
  return { name, left, right, mark: markOf(left, right), depth: 0 };
}

function markOf(left: string | undefined, right: string | undefined): DiffMark {
  if (left === right) return 'same bytes';
  if (right === undefined) return 'missing';
  return left === undefined ? 'made by the thief' : 'changed';
}

function unfold(value: string | undefined): ReadonlyMap<string, string> {
  const jwt = value === undefined ? undefined : decodeJwt(value.split(' ').at(-1) ?? '');
  if (jwt === undefined) return new Map();
  return new Map([
    ...membersOf('header', jwt.header),
    ...membersOf('claim', jwt.claims),
    ['signature', jwt.signature] as const,
  ]);
}

function membersOf(prefix: string, members: Members): readonly (readonly [string, string])[] {
  return Object.entries(members).map(([name, value]) => [`${prefix}.${name}`, toText(value)] as const);
}

function toText(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

/** Shared ends that are shorter say nothing: most words end in `e`. */
const leastShared = 3;

/** Where two texts begin and cease to differ: the same start, the two middles, the same end. */
export function splitDifference(
  a: string,
  b: string,
): { readonly start: string; readonly a: string; readonly b: string; readonly end: string } {
  const shorter = Math.min(a.length, b.length);
  const start = countSame(shorter, (index) => a[index] === b[index]);
  const end = countSame(shorter - start, (index) => a.at(-1 - index) === b.at(-1 - index));
  return {
    start: a.slice(0, start),
    a: a.slice(start, a.length - end),
    b: b.slice(start, b.length - end),
    end: a.slice(a.length - end),
  };
}

function countSame(most: number, same: (index: number) => boolean): number {
  let count = 0;
  while (count < most && same(count)) count += 1;
  return count < leastShared && count < most ? 0 : count;
}
