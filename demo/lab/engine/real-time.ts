import type { Profile } from '../profile.ts';
import { NotHere } from './not-here.ts';

/** The same profiles with lifetimes so short that one can really wait for their end: the proof that world time tells the truth. */

/** In seconds: all that is configured; what a mitigation has as a constant of its own stays as it is. */
const short = { accessToken: 6, refreshToken: 20, keySet: 4, window: 4, skew: 1, nonce: 3 } as const;

export function shorten(profile: Profile): Profile {
  const { settings } = profile;
  const { dpop, refreshTokenLife, keySetAge, accessTokenLife } = settings;
  const freshness = { maxAge: short.window, futureSkew: short.skew, nonceLife: short.nonce };
  const parameters = {
    'access token': short.accessToken,
    'refresh token': short.refreshToken,
    'proof window': short.window,
    nonce: short.nonce,
  };
  return {
    ...profile,
    parameters,
    settings: {
      ...settings,
      accessTokenLife: Math.min(accessTokenLife, short.accessToken),
      refreshTokenLife: Math.min(refreshTokenLife, short.refreshToken),
      keySetAge: Number.isFinite(keySetAge) ? short.keySet : keySetAge,
      dpop: dpop === undefined ? undefined : { ...dpop, ...freshness },
    },
  };
}

/** Some thefts take hours by themselves: nobody waits for them. */
export function requireShortWait(seconds: number): void {
  if (seconds > 40) throw new NotHere(`it waits for ${seconds} s by itself: not in real time`);
}
