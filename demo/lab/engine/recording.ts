import type { CheckId, Outcome, Recording } from '../model.ts';
import type { Profile } from '../profile.ts';
import type { Attempt, Theft } from '../theft.ts';
import type { TryRequest } from './engine.ts';
import { inTime, type Place, playTheft, requireDecided, soundly } from './judge.ts';
import { openWorld } from './world.ts';

/** One try with everything that happened in it. */

export interface RecordedTry extends Omit<TryRequest, 'profile' | 'theft'> {
  readonly profile: Profile;
  readonly theft: Theft;
}

export async function recordTry(
  { profile, theft, seat, wait, without }: RecordedTry,
  place: Place,
): Promise<Recording> {
  const world = await openWorld({ ...place, profile, seat, keepEvents: true, without });
  world.recorder.note('start', { profile: profile.id, theft: theft.id, seat, wait });
  const { attempt, hurt } = await inTime(() => soundly(world, () => playTheft(world, theft, wait)));
  requireDecided(attempt, theft);
  const outcome = outcomeOf(theft, attempt);
  const { decidedBy } = attempt;
  world.recorder.note('end', { outcome, decidedBy, hurt, text: conclusionOf(outcome, decidedBy, hurt) });
  return {
    profile: profile.id,
    theft: theft.id,
    seat,
    wait,
    without,
    outcome,
    decidedBy,
    hurt,
    events: world.recorder.events,
  };
}

function outcomeOf({ aim }: Theft, { result }: Attempt): Outcome {
  if (result === 'void') return 'void';
  if (aim === 'harm') return result === 'success' ? 'harm' : 'unharmed';
  return result === 'success' ? 'works' : 'blocked';
}

const conclusions: Readonly<Record<Outcome, string>> = {
  works: 'The theft works: the thief sees what only Alice may see.',
  narrowed: 'The theft works, for a short time.',
  longer: 'The theft works, and for longer than a plain token would.',
  late: 'The theft works later.',
  blocked: 'The thief is refused.',
  harm: 'Alice is shut out.',
  unharmed: 'Alice notices nothing.',
  void: 'There is nothing of this kind to steal here.',
  error: 'The try broke: nothing is known.',
};

function conclusionOf(outcome: Outcome, decidedBy: CheckId | null, hurt: CheckId | null): string {
  const decided = decidedBy === null ? '' : ` What decided: ${decidedBy}.`;
  return `${conclusions[outcome]}${decided}${hurt === null ? '' : ` Afterwards Alice is refused: ${hurt}.`}`;
}
