import type { CheckInfo } from './model.ts';

/** What the short words mean; each family of profiles brings its own. */
export const checks: readonly CheckInfo[] = [];
