import type { Catalogue, Seat } from '../model.ts';
import { findNamed, type Named, unknownName } from '../nearest.ts';
import { refuseUsage } from './failure.ts';

/** What people write on the command line to choose rows, columns and seats. */

export const seats: readonly Seat[] = ['elsewhere', 'country', 'nat'];

/** `D5,M13`, `T01-T09`, slugs, or `all`; in the order of the catalogue, none twice. */
export function selectNamed<T extends Named>(
  kind: string,
  all: readonly T[],
  text: string | undefined,
): readonly T[] {
  if (text === undefined || text === 'all') return all;
  const chosen = new Set(text.split(',').flatMap((part) => selectPart(kind, all, part.trim())));
  return all.filter((one) => chosen.has(one));
}

function selectPart<T extends Named>(kind: string, all: readonly T[], part: string): readonly T[] {
  const one = findNamed(all, part);
  if (one !== undefined) return [one];
  const [first, last, ...more] = part.split('-');
  if (first === undefined || last === undefined || more.length > 0 || !/\d/.test(last))
    return refuseUsage(unknownName(kind, all, part));
  return selectRange(kind, all, first, last);
}

/** From one to the other in the order of the catalogue, among those with the same letters. */
function selectRange<T extends Named>(
  kind: string,
  all: readonly T[],
  first: string,
  last: string,
): readonly T[] {
  const [from, to] = [requireNamed(kind, all, first), requireNamed(kind, all, last)];
  const letters = lettersOf(from.id);
  if (letters !== lettersOf(to.id)) refuseUsage(`A range stays within one kind: ${first}-${last} does not.`);
  const [low, high] = [numberOf(from.id), numberOf(to.id)];
  if (low > high) refuseUsage(`The range ${first}-${last} is empty: write it as ${last}-${first}.`);
  return all.filter(({ id }) => lettersOf(id) === letters && numberOf(id) >= low && numberOf(id) <= high);
}

function lettersOf(id: string): string {
  return id.replaceAll(/\d.*$/g, '');
}

function numberOf(id: string): number {
  return Number(/\d+/.exec(id)?.[0]);
}

export function requireNamed<T extends Named>(kind: string, all: readonly T[], name: string): T {
  return findNamed(all, name) ?? refuseUsage(unknownName(kind, all, name));
}

export function selectSeats(text: string): readonly Seat[] {
  if (text === 'all') return seats;
  const named = text.split(',').map((part) => part.trim());
  const unknown = named.find((name) => !seats.some((seat) => seat === name));
  if (unknown !== undefined) refuseUsage(`--seat must be elsewhere, country, nat or all, not "${unknown}".`);
  return seats.filter((seat) => named.includes(seat));
}

/** Rows that are worth showing by default: all but those that only exist to test the library. */
export function defaultProfiles({ profiles }: Catalogue): Catalogue['profiles'] {
  return profiles.filter(({ group }) => group !== 'One check off');
}
