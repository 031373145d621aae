import { createMemoryReplayStore } from 'holdfast';
import type { CheckId, ProfileGroup, Seconds } from '../model.ts';
import {
  type DpopSettings,
  days,
  hours,
  minutes,
  type Profile,
  type ProtectionMaker,
  type Settings,
} from '../profile.ts';

/** Plain bearer tokens, as well as they can be done: what every other profile changes as little as possible of. */
export const baseSettings: Settings = {
  scheme: 'http',
  accessTokenLife: hours(1),
  refreshTokenLife: days(3),
  stored: 'plain',
  rotation: 'none',
  audience: 'shared',
  keySetAge: Number.POSITIVE_INFINITY,
  carriedBy: 'header',
  sameSite: 'none',
  pkce: false,
  confidential: false,
  boundIssuerSession: false,
  keyCopyable: true,
  dpop: undefined,
  mtls: false,
};

/** DPoP with every check, a shared store and a wide window, so that what each check does can be seen. */
export const baseDpop: DpopSettings = {
  without: [],
  maxAge: minutes(5),
  futureSkew: 5,
  nonceLife: 60,
  noncePolicy: 'when-needed',
  sharedStore: true,
  createStore: (clock) => createMemoryReplayStore({ capacity: 200, clock, monotonicClock: () => 0 }),
  boundRefresh: true,
  boundCode: false,
};

/** What a profile says of itself, and how it differs from the base. */
export interface ProfileText {
  readonly id: string;
  readonly slug: string;
  readonly title: string;
  readonly group: ProfileGroup;
  readonly story: string;
  readonly needs: string;
  readonly weak: string;
  readonly basedOn?: string;
  readonly adds?: readonly CheckId[];
  readonly leavesOut?: readonly CheckId[];
}

export function createProfile(
  text: ProfileText,
  changes: Partial<Settings> = {},
  protections: readonly ProtectionMaker[] = [],
): Profile {
  const settings = { ...baseSettings, ...changes };
  return { adds: [], leavesOut: [], ...text, parameters: parametersOf(settings), settings, protections };
}

function parametersOf({
  accessTokenLife,
  refreshTokenLife,
  keySetAge,
  dpop,
}: Settings): Record<string, Seconds> {
  return {
    ...(Number.isFinite(accessTokenLife) ? { 'access token': accessTokenLife } : {}),
    ...(refreshTokenLife === 0 ? {} : { 'refresh token': refreshTokenLife }),
    ...(Number.isFinite(keySetAge) ? { 'key set': keySetAge } : {}),
    ...(dpop === undefined ? {} : { 'proof window': dpop.maxAge, nonce: dpop.nonceLife }),
  };
}
