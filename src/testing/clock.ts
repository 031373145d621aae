import type { Seconds } from '../freshness.ts';

/** A clock that stands still until a test moves it. Pass its `read` wherever holdfast takes a `clock`. */
export interface TestClock {
  /** Seconds since the epoch: set it to any time, also backwards. */
  now: Seconds;
  readonly read: () => Seconds;
  /** Moves it on by so many seconds; negative numbers set it back. */
  advance(by: Seconds): void;
}

/** Makes a settable clock; default start: 1,800,000,000, which is 15 January 2027, 08:00 UTC. */
export function createTestClock(start: Seconds = 1_800_000_000): TestClock {
  const clock: TestClock = {
    now: start,
    read: () => clock.now,
    advance: (by) => {
      clock.now += by;
    },
  };
  return clock;
}
