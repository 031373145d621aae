import type { PartyId, Seconds } from '../model.ts';

/** The world's time: everybody reads it, nobody's machine moves it. In real time it is the wall clock. */
export interface WorldClock {
  /** Seconds since the epoch, as the party's own clock shows them. */
  now(party?: PartyId): Seconds;
  /** Since the world began; not touched by wrong clocks. */
  elapsed(): Seconds;
  /** Lets so much time go by: at once, or, in real time, really. */
  wait(seconds: Seconds): Promise<void>;
  /** How far a party's clock is ahead of the world's. */
  setOffset(party: PartyId, seconds: Seconds): void;
}

/** 15 January 2027, 08:00 UTC, and a fraction: whole seconds would hide what rounding does. */
const start: Seconds = 1_800_000_000.25;

/** @param changed called whenever a clock has been moved. */
export function createWorldClock(time: 'world' | 'real', changed: () => void): WorldClock {
  return time === 'world' ? createInjectedClock(changed) : createWallClock(changed);
}

function createInjectedClock(changed: () => void): WorldClock {
  let now = start;
  return withOffsets(
    {
      now: () => now,
      elapsed: () => now - start,
      wait: async (seconds) => {
        now += seconds;
        changed();
      },
    },
    changed,
  );
}

function createWallClock(changed: () => void): WorldClock {
  const begun = Date.now() / 1000;
  return withOffsets(
    {
      now: () => Date.now() / 1000,
      elapsed: () => Date.now() / 1000 - begun,
      wait: (seconds) => new Promise((resolve) => setTimeout(resolve, seconds * 1000)),
    },
    changed,
  );
}

function withOffsets(clock: Omit<WorldClock, 'setOffset'>, changed: () => void): WorldClock {
  const offsets = new Map<PartyId | undefined, Seconds>();
  return {
    ...clock,
    now: (party) => clock.now() + (offsets.get(party) ?? 0),
    setOffset: (party, seconds) => {
      offsets.set(party, seconds);
      changed();
    },
  };
}
