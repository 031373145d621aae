import type { ReplayStore } from '../replay.ts';
import { type Case, cases } from './replay-cases.ts';
import { type ReplayStoreSubject, Trial } from './replay-trial.ts';

/**
 * The contract of `ReplayStore` as a suite that runs with any test runner and against any store. What it checks is
 * what the promise "accepted once" rests on, from outside, through `read` and `claim` alone.
 */

/** One case, for `test(name, run)`. */
export interface ContractCase {
  /** A sentence; one that does not apply to the subject says so in it. */
  readonly name: string;
  /** Which method the subject would need for this case; `undefined` when it applies. For runners that can skip. */
  readonly missing: 'createLimited' | 'attach' | 'lose' | undefined;
  /** Rejects with an `Error` that says what was promised and what happened. Checks nothing where a method is missing. */
  readonly run: () => Promise<void>;
}

/**
 * The contract as a list of cases, for any test runner:
 *
 *     for (const { name, run } of replayStoreContract({ create: () => createMyStore() })) test(name, run);
 *
 * Checks races (in one process, through one handle and two), the expiry edge, clocks set back, slow claims, floors when
 * the store is full, the loss of the memory, and the shape of all answers. Cases are independent, and take little time
 * of their own: one waits 0.3 seconds, and those on loss up to a second for `read` to notice; a claim must notice at
 * once. Times may be kept in whole milliseconds.
 *
 * Does not check several processes, deadlines, what happens when the store cannot be reached, or its speed. An entry
 * that is removed by a clock of the store's own is only checked by the case that waits.
 */
export function replayStoreContract<Store extends ReplayStore>(
  subject: ReplayStoreSubject<Store>,
): readonly ContractCase[] {
  return cases.map(({ promise, needs, check }) => {
    const missing = needs !== undefined && subject[needs] === undefined ? needs : undefined;
    return {
      name: missing === undefined ? promise : `${promise} (NOT APPLICABLE: the subject has no "${missing}")`,
      missing,
      run: async () => {
        if (missing === undefined) await runCase(subject, needs, check);
      },
    };
  });
}

async function runCase(
  subject: ReplayStoreSubject,
  needs: Case['needs'],
  check: Case['check'],
): Promise<void> {
  const trial = new Trial(subject);
  try {
    await trial.start(needs === 'createLimited');
    await check(trial);
  } finally {
    await trial.end();
  }
}
