import type { Cell, CellWindow, CheckId, HonestCell, Mode, Seat, Seconds } from '../model.ts';
import type { Profile } from '../profile.ts';
import type { Attempt, HonestTest, Theft } from '../theft.ts';
import type { Network } from './network.ts';
import { NotHere } from './not-here.ts';
import { shorten } from './real-time.ts';
import type { SeparateNodes } from './separate-nodes.ts';
import { realLimits, type SearchLimits, searchWindow, worldLimits } from './window.ts';
import { openWorld, type World } from './world.ts';

/** From tries to a verdict: each try in a world of its own, and what breaks is an error, never a theft that was stopped. */

/** Where and how to try. */
export interface Place {
  readonly network: Network;
  readonly time: 'world' | 'real';
  readonly redisUrl?: string | undefined;
  /** Where bank nodes are processes of their own. */
  readonly separate?: SeparateNodes | undefined;
  /** Whether no more tries are wanted. */
  readonly isOver?: () => boolean;
}

export interface CellRequest {
  readonly profile: Profile;
  readonly theft: Theft;
  readonly seat: Seat;
  readonly mode: Mode;
}

/** One try, and how Alice fared afterwards. */
interface Try extends Attempt {
  readonly hurt: CheckId | null;
  readonly requests: number;
}

/** How long a try may take at most, in milliseconds of real time: a world that hangs is a broken one. */
const tryDeadline = 60_000;
/** What one cell may cost at most. */
const maxRequests = 30_000;

/** The outcome is relative to plain bearer tokens, which `compare` knows; here it is `works` for any success. */
export async function judgeCell(asked: CellRequest, place: Place): Promise<Cell> {
  const { theft, seat, mode } = asked;
  const profile = place.time === 'real' ? shorten(asked.profile) : asked.profile;
  const request = { ...asked, profile };
  const begun = performance.now();
  const spent = { requests: 0, tries: 0 };
  const attempt = async (wait: Seconds): Promise<Try> => {
    if (place.isOver?.() === true) throw new Error('the run was interrupted');
    if (spent.requests > maxRequests) throw new Error('the budget of requests is used up');
    const made = await tryTheft(request, wait, place);
    spent.requests += made.requests;
    spent.tries += 1;
    return made;
  };
  const where = { profile: profile.id, theft: theft.id, seat };
  const measured = (verdict: Verdict): Cell => ({
    ...where,
    ...verdict,
    ...spent,
    milliseconds: sinceMilliseconds(begun),
  });
  try {
    const limits = place.time === 'real' ? realLimits : worldLimits;
    return measured(await judge(theft, mode, attempt, hintsOf(profile), limits));
  } catch (error) {
    if (error instanceof NotHere) return measured({ ...nothing, outcome: 'void', note: error.message });
    return measured({ ...nothing, outcome: 'error', note: messageOf(error) });
  }
}

/** Of a cell about which nothing is known. */
const nothing = { window: null, decidedBy: null, hurt: null } as const;

type Verdict = Pick<Cell, 'outcome' | 'window' | 'decidedBy' | 'hurt' | 'note'>;

async function judge(
  theft: Theft,
  mode: Mode,
  attempt: (wait: Seconds) => Promise<Try>,
  hints: readonly Seconds[],
  limits: SearchLimits,
): Promise<Verdict> {
  const first = await attempt(1);
  const { result, decidedBy, hurt, note } = first;
  if (result === 'void')
    return {
      outcome: 'void',
      window: null,
      decidedBy: null,
      hurt: null,
      ...(note === undefined ? {} : { note }),
    };
  if (theft.aim === 'harm')
    return { outcome: result === 'success' ? 'harm' : 'unharmed', window: null, decidedBy, hurt: null };
  if (!theft.timed || mode === 'quick')
    return { outcome: result === 'success' ? 'works' : 'blocked', window: null, decidedBy, hurt };
  const window = await searchWindow(first, attempt, hints, limits);
  if (window === undefined) return { outcome: 'blocked', window: null, decidedBy, hurt };
  return { outcome: result === 'success' ? 'works' : 'late', window, decidedBy: window.endedBy, hurt };
}

/** Where windows may end: only tells the search where to look first, never what it finds. */
function hintsOf({ parameters }: Profile): readonly Seconds[] {
  return [...new Set(Object.values(parameters))].filter(Number.isFinite);
}

/** How much longer or shorter than plain bearer a theft works. */
export function compare(cell: Cell, baseline: Cell | undefined, time: Place['time']): Cell {
  if (cell.outcome !== 'works' || cell.window === null || baseline === undefined) return cell;
  const difference = endOf(cell.window) - (baseline.window === null ? 0 : endOf(baseline.window));
  if (Math.abs(difference) <= tolerances[time] || Number.isNaN(difference)) return cell;
  return { ...cell, outcome: difference < 0 ? 'narrowed' : 'longer' };
}

/** Whole-second claims make windows differ by up to a second at either end; in real time less is all there is. */
const tolerances = { world: 2, real: 1 } as const;

function endOf({ last, firstFailure }: CellWindow): Seconds {
  return firstFailure === null ? Number.POSITIVE_INFINITY : last;
}

async function tryTheft({ profile, theft, seat }: CellRequest, wait: Seconds, place: Place): Promise<Try> {
  const { attempt, hurt, world } = await inTime(async () => {
    const world = await openWorld({ ...place, profile, seat, keepEvents: false, without: [] });
    const played = await soundly(world, () => playTheft(world, theft, wait));
    requireDecided(played.attempt, theft);
    return played;
  });
  return { ...attempt, hurt, requests: world.recorder.requests };
}

/** Refused, and by nothing: then something broke. */
export function requireDecided({ result, decidedBy }: Attempt, { aim }: Theft): void {
  if (result === 'refused' && decidedBy === null && aim === 'access')
    throw new Error('the thief was refused, and nothing says by what');
}

/** A server that broke has decided nothing; and what it broke by says more than what came of it. */
export async function soundly<T>({ faults }: World, run: () => Promise<T>): Promise<T> {
  const result = await run().catch((error: unknown) => {
    throw faults[0] ?? error;
  });
  if (faults[0] !== undefined) throw faults[0];
  return result;
}

/** The theft, and then an ordinary request of Alice's. */
export async function playTheft(
  world: World,
  theft: Theft,
  wait: Seconds,
): Promise<{ readonly attempt: Attempt; readonly hurt: CheckId | null; readonly world: World }> {
  const attempt = await theft.run(world, wait);
  const hurt = attempt.result === 'void' || theft.aim === 'harm' ? null : await checkAlice(world);
  return { attempt, hurt, world };
}

/** What refuses Alice now; `null`: nothing does. */
export async function checkAlice(world: World): Promise<CheckId | null> {
  world.alice.route = 'bank-a';
  const answer = await world.alice.call('/accounts');
  if (answer.status === 200 && answer.body.includes(world.canary)) return null;
  const refused = world.recorder
    .exchanges()
    .findLast(({ from, decidedBy }) => from === 'alice' && decidedBy !== null);
  return refused?.decidedBy ?? `status ${answer.status}`;
}

export async function judgeHonest(profile: Profile, test: HonestTest, place: Place): Promise<HonestCell> {
  const begun = performance.now();
  const where = { profile: profile.id, test: test.id };
  try {
    const { attempt, world } = await inTime(async () => {
      const opened = await openWorld({
        ...place,
        profile,
        seat: 'elsewhere',
        keepEvents: false,
        without: [],
      });
      return { attempt: await soundly(opened, () => test.run(opened)), world: opened };
    });
    const { interruptions } = world.alice;
    const outcome = attempt.result === 'fine' && interruptions > 0 ? 'interrupted' : attempt.result;
    const counted = {
      interruptions,
      requests: world.recorder.requests,
      milliseconds: sinceMilliseconds(begun),
    };
    return {
      ...where,
      outcome,
      decidedBy: attempt.decidedBy,
      ...counted,
      ...(attempt.note === undefined ? {} : { note: attempt.note }),
    };
  } catch (error) {
    const nothing = {
      decidedBy: null,
      interruptions: 0,
      requests: 0,
      milliseconds: sinceMilliseconds(begun),
    };
    const outcome = error instanceof NotHere ? 'void' : 'error';
    return { ...where, outcome, ...nothing, note: messageOf(error) };
  }
}

export async function inTime<T>(run: () => Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no result within ${tryDeadline / 1000} s`)), tryDeadline);
  });
  try {
    return await Promise.race([run(), late]);
  } finally {
    clearTimeout(timer);
  }
}

function sinceMilliseconds(begun: number): number {
  return Math.round(performance.now() - begun);
}

function messageOf(error: unknown): string {
  return error instanceof Error
    ? `${error.name}: ${error.message}`.slice(0, 300)
    : 'something that is no error was thrown';
}
