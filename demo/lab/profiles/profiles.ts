import type { Profile } from '../profile.ts';
import { ablationProfiles } from './ablations.ts';
import { browserProfiles } from './browser-context.ts';
import { dpopProfiles } from './dpop.ts';
import { mistakeProfiles } from './dpop-mistakes.ts';
import { revocationProfiles } from './taking-back.ts';
import { togetherProfiles } from './together.ts';
import { tokenProfiles } from './token-itself.ts';
import { networkProfiles } from './who-is-asking.ts';

/** Every profile, in the order of the matrix. */
export const profiles: readonly Profile[] = [
  ...tokenProfiles,
  ...revocationProfiles,
  ...networkProfiles,
  ...browserProfiles,
  ...dpopProfiles,
  ...mistakeProfiles,
  ...ablationProfiles,
  ...togetherProfiles,
];
