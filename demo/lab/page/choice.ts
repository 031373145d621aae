import type { Catalogue, CheckId, Seat, Seconds } from '../model.ts';
import { readWait } from './duration.ts';
import { firstProfile, firstTheft } from './guide.ts';

/** What is tried, and from where. */
export interface Choice {
  readonly profile: string;
  readonly theft: string;
  readonly seat: Seat;
  readonly wait: Seconds;
  readonly without: readonly CheckId[];
}

/** With it the story begins. */
export function firstChoice(seat: Seat): Choice {
  return { profile: firstProfile, theft: firstTheft, seat, wait: 1, without: [] };
}

/** `D5/T06` and `t=30` of an address; what is missing is as at the beginning. */
export function readChoice(path: readonly string[], query: URLSearchParams, seat: Seat): Choice {
  const [profile = firstProfile, theft = firstTheft] = path;
  return { profile, theft, seat, wait: readWait(query.get('t')), without: [] };
}

export function isKnown({ profile, theft }: Choice, { profiles, thefts }: Catalogue): boolean {
  return profiles.some(({ id }) => id === profile) && thefts.some(({ id }) => id === theft);
}

export function sameTheft(a: Choice, b: Choice): boolean {
  return a.profile === b.profile && a.theft === b.theft;
}

export function sameCell(a: Choice, b: Choice): boolean {
  return sameTheft(a, b) && a.seat === b.seat && a.wait === b.wait;
}
