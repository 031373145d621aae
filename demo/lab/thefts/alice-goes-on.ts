import type { World } from '../engine/world.ts';
import type { Seconds } from '../model.ts';
import { hours, minutes } from '../profile.ts';

/** Alice uses the bank while the world waits: every ten minutes, after two hours once an hour; till she is shut out. */
export async function aliceGoesOn(world: World, wait: Seconds): Promise<void> {
  let passed: Seconds = 0;
  for (let pause = minutes(10); passed + pause <= wait; pause = pauseAfter(passed)) {
    await world.wait(pause, 'Alice goes on using the bank');
    passed += pause;
    const { status } = await world.alice.call('/accounts');
    if (status !== 200) break; // whoever is shut out has nothing more to send
  }
  if (wait > passed) await world.wait(wait - passed, 'the thief takes his time');
}

/** Days of calls would take the lab long, and tell nothing that hours do not. */
function pauseAfter(passed: Seconds): Seconds {
  return passed < hours(2) ? minutes(10) : hours(1);
}
