import type { Cell, HonestCell, Outcome, ProfileInfo, Report, Seat, Seconds } from '../model.ts';
import { labelOf, windowLength } from '../page/cell-marks.ts';

/** A report in numbers and short words. It needs no server: the page uses it as it is. */

/** The thief got in, for however long. */
export const successes: ReadonlySet<Outcome> = new Set<Outcome>(['works', 'narrowed', 'longer', 'late']);

/** The result in a few words, without why something does not exist. */
export function cellText(cell: Cell): string {
  return cell.outcome === 'void' ? 'nothing to steal' : labelOf(cell);
}

/** One row of the summary: one profile, thief in one seat. */
export interface ProfileSummary {
  readonly profile: ProfileInfo;
  /** Thefts that got the thief in, those of which for a shorter time, and all that could be tried. */
  readonly works: number;
  readonly narrowed: number;
  readonly tried: number;
  readonly blocked: number;
  /** Thefts whose aim is harm, and did. */
  readonly harm: number;
  readonly none: number;
  readonly errors: number;
  /** Of the windows measured; `null`: one has no end; `undefined`: none was measured. */
  readonly longest: Seconds | null | undefined;
  /** Honest users who were interrupted or refused. */
  readonly hurt: readonly string[];
}

export function summarize(report: Report, seat: Seat): readonly ProfileSummary[] {
  return report.profiles.map((profile) => {
    const cells = report.cells.filter((cell) => cell.profile === profile.id && cell.seat === seat);
    const honest = report.honest.filter((cell) => cell.profile === profile.id);
    return { profile, ...count(cells), hurt: honest.filter(isHurt).map(({ test }) => test) };
  });
}

function count(cells: readonly Cell[]): Omit<ProfileSummary, 'profile' | 'hurt'> {
  const number = (...outcomes: readonly Outcome[]): number =>
    cells.filter(({ outcome }) => outcomes.includes(outcome)).length;
  const none = number('void');
  const errors = number('error');
  const harm = number('harm');
  return {
    works: number(...successes),
    narrowed: number('narrowed'),
    tried: cells.length - none - errors - harm - number('unharmed'),
    blocked: number('blocked'),
    harm,
    none,
    errors,
    longest: longestOf(cells),
  };
}

function longestOf(cells: readonly Cell[]): Seconds | null | undefined {
  const lengths = cells.flatMap(({ window }) => (window === null ? [] : [windowLength(window)]));
  if (lengths.length === 0) return undefined;
  return lengths.includes(null) ? null : Math.max(...lengths.map(Number));
}

function isHurt({ outcome }: HonestCell): boolean {
  return outcome === 'interrupted' || outcome === 'refused';
}

/** The whole run in a few numbers. */
export interface Totals {
  readonly cells: number;
  readonly works: number;
  readonly blocked: number;
  readonly none: number;
  readonly errors: number;
  readonly requests: number;
}

export function totalsOf({ cells, honest }: Report): Totals {
  const number = (keep: (cell: Cell) => boolean): number => cells.filter(keep).length;
  return {
    cells: cells.length,
    works: number(({ outcome }) => successes.has(outcome)),
    blocked: number(({ outcome }) => outcome === 'blocked'),
    none: number(({ outcome }) => outcome === 'void'),
    errors: number(({ outcome }) => outcome === 'error'),
    requests: [...cells, ...honest].reduce((sum, { requests }) => sum + requests, 0),
  };
}

/** What was done to get these numbers, a sentence each. */
export function methodOf(report: Report): readonly string[] {
  const { mode, time, processes } = report;
  return [
    'Every cell was measured: the theft was carried out over sockets on loopback, in a world made for it.',
    'The thief gets in when he reads a secret of Alice’s account or moves money that she did not order.',
    mode === 'full'
      ? 'Where he got in, the end of his time was searched for, up to seven days; late successes count too.'
      : 'One try each, a second after the theft: how long it would go on working was not measured.',
    time === 'world'
      ? 'Waiting is the clock of that world moving on; nobody really waited.'
      : 'Waiting was real, with short lifetimes.',
    processes === 'one'
      ? 'All servers ran in one process.'
      : 'The nodes of the bank were processes of their own and shared a Redis.',
    'A try that broke is an error, never a theft that failed.',
    ...(report.complete ? [] : ['The run was interrupted: what is missing was not measured.']),
  ];
}
