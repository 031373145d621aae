import type { CostCell } from '../model.ts';
import type { Profile } from '../profile.ts';
import type { Place } from './judge.ts';
import { openWorld } from './world.ts';

/** What ordinary requests cost: 50 of Alice's, after five that warm up. */

const warmUp = 5;
const measured = 50;

export async function measureCost(profile: Profile, place: Place): Promise<CostCell> {
  const world = await openWorld({ ...place, profile, seat: 'elsewhere', keepEvents: false, without: [] });
  for (let call = 0; call < warmUp; call++) await world.alice.call('/accounts');
  const before = world.recorder.requests;
  const durations: number[] = [];
  for (let call = 0; call < measured; call++) {
    const begun = performance.now();
    await world.alice.call('/accounts');
    durations.push(performance.now() - begun);
  }
  const [last] = world.recorder
    .exchanges()
    .filter(({ from }) => from === 'alice')
    .slice(-1);
  const headerBytes = (last?.headers ?? []).reduce(
    (sum, [name, value]) => sum + name.length + value.length + 4,
    0,
  );
  return {
    profile: profile.id,
    headerBytes,
    requestsPerCall: (world.recorder.requests - before) / measured,
    microseconds: Math.round((durations.sort((a, b) => a - b)[measured / 2] as number) * 1000),
  };
}
