import type { CapturedRequest } from '../engine/loot.ts';
import type { Use } from '../engine/thief.ts';
import type { World } from '../engine/world.ts';
import type { Draft } from '../profile.ts';
import { lootIn } from './observation.ts';

/** Requests that the thief makes of somebody else's: once as they are, and once more with what he can add to them. */

/** @param hasWorked what counts as success; else that he has read what only Alice may read. */
export async function sendTwice(
  world: World,
  request: CapturedRequest,
  hasWorked: (use: Use) => boolean = ({ success }) => success,
): Promise<Use> {
  const asItIs = await world.thief.send('bank-a', request);
  if (hasWorked(asItIs)) return asItIs;
  const improved = await improve(world, request);
  if (improved === undefined) return asItIs;
  world.recorder.say('thief', 'He reads the token, and adds what the bank asks for besides.');
  const second = await world.thief.send('bank-a', improved);
  return hasWorked(second) ? second : asItIs;
}

/** With what can be worked out from the request itself, a CSRF token for instance; `undefined`: there is no such thing. */
async function improve(world: World, request: CapturedRequest): Promise<CapturedRequest | undefined> {
  const { method, path, body } = request;
  const url = new URL(path, world.origins.bank);
  const draft: Draft = { method, url, headers: [...request.headers], body };
  for (const { imitate } of world.protections) await imitate?.(draft, lootIn(request));
  const improved = { ...request, headers: draft.headers, body: draft.body };
  return JSON.stringify(improved) === JSON.stringify(request) ? undefined : improved;
}

/** The same credentials at another place; lengths are set anew by whoever sends. */
export function turn(request: CapturedRequest, changes: Partial<CapturedRequest>): CapturedRequest {
  const names = new Set(['content-length', 'content-type', 'transfer-encoding', 'connection']);
  const kept = request.headers.filter(([name]) => !names.has(name.toLowerCase()));
  const type = (changes.body ?? null) === null ? [] : [['content-type', 'application/json'] as const];
  return { ...request, body: null, ...changes, headers: [...kept, ...type] };
}
