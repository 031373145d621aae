import type { CheckInfo } from './model.ts';
import { browserChecks } from './profiles/browser-context.ts';
import { dpopChecks } from './profiles/dpop-checks.ts';
import { revocationChecks } from './profiles/taking-back.ts';
import { togetherChecks } from './profiles/together.ts';
import { tokenChecks } from './profiles/token-checks.ts';
import { networkChecks } from './profiles/who-is-asking.ts';
import { theftChecks } from './thefts/theft-checks.ts';

/** What the short words mean; each family of profiles and thefts brings its own. */
export const checks: readonly CheckInfo[] = [
  ...tokenChecks,
  ...revocationChecks,
  ...networkChecks,
  ...browserChecks,
  ...dpopChecks,
  ...togetherChecks,
  ...theftChecks,
];
