import type { Loot } from '../engine/loot.ts';
import type { World } from '../engine/world.ts';
import { readAccessLog, showWhatIsMissing } from './observation.ts';
import { showLoot } from './sightings.ts';

/** The begin of many a theft: one line of an access log. */

export const inLog = "bank A's access log";

export type TokenLoot = Loot & { readonly accessToken: string };

/** Alice looks at her accounts, and the thief at the log; `undefined` where no token is in it. */
export async function readTokenInLog(world: World): Promise<TokenLoot | undefined> {
  world.recorder.say('alice', 'Alice looks at her accounts.');
  await world.alice.call('/accounts');
  const { number, accessToken } = readAccessLog(world);
  if (accessToken === undefined) return undefined;
  const loot = { accessToken };
  showLoot(world, `line ${number} of ${inLog}`, loot);
  world.recorder.say('thief', `He copies the token from line ${number} of ${inLog}.`);
  showWhatIsMissing(world, accessToken);
  return loot;
}
