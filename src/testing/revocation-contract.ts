import { encodeBase64url } from '../digest.ts';
import type { Seconds } from '../freshness.ts';
import type { RevocationAnswer, RevocationEntry, RevocationStore } from '../revocation.ts';
import { createTestClock, type TestClock } from './clock.ts';
import type { ContractCase } from './replay-contract.ts';

/** What the promise "a revoked token is never live" asks of a store, from outside, through `add` and `look` alone. */

/**
 * Gives an empty store with room for 1,000 entries at least, that vouches for every token issued from now on. Called for
 * each case anew, since cases move the time by years.
 *
 * @param clock time of the case, which starts at the system's and is then moved. For stores that ask for the time
 *   themselves; what they are told by `add` and `look` comes from it as well.
 */
export type RevocationStoreMaker = (clock: () => Seconds) => RevocationStore | Promise<RevocationStore>;

/**
 * The contract of `RevocationStore` as a list of cases, for any test runner:
 *
 *     for (const { name, run } of revocationStoreContract(() => createMyStore())) test(name, run);
 *
 * Checks what revokes what, how entries merge, ends, clocks that jump, additions at the same time, and times that are no
 * numbers. Cases are independent. Times may be kept in whole milliseconds.
 *
 * Does not check what a store that is full, out of reach or lost its entries does, several processes, or its speed.
 */
export function revocationStoreContract(
  create: RevocationStoreMaker,
): readonly Pick<ContractCase, 'name' | 'run'>[] {
  return cases.map(({ promise, check }) => ({
    name: promise,
    run: async () => {
      const clock = createTestClock(Math.floor(Date.now() / 1000));
      const trial = new Trial(await create(clock.read), clock);
      await trial.answers({}, 'live', 'a token that nothing revokes'); // and the memory knows of the time
      clock.advance(1000);
      await check(trial);
    },
  }));
}

/** A token of the case's own, of which a few things count. */
interface Token {
  readonly keys?: readonly string[];
  readonly issuedAt?: Seconds;
  readonly expires?: Seconds;
}

const always = Number.POSITIVE_INFINITY;
const life: Seconds = 300;

/** A store under test, its clock, and one key after another. */
class Trial {
  readonly clock: TestClock;
  readonly #store: RevocationStore;

  constructor(store: RevocationStore, clock: TestClock) {
    if (typeof store?.add !== 'function' || typeof store.look !== 'function') {
      throw new TypeError('holdfast: there is no revocation store to test');
    }
    this.#store = store;
    this.clock = clock;
  }

  get now(): Seconds {
    return this.clock.now;
  }

  async add(entry: Partial<RevocationEntry> & { readonly key: string }): Promise<void> {
    await this.#store.add({ before: always, until: this.now + life, ...entry }, this.now);
  }

  async look({
    keys = [newKey()],
    issuedAt = this.now,
    expires = this.now + life,
  }: Token): Promise<RevocationAnswer> {
    return this.#store.look({ keys, issuedAt, expires, now: this.now });
  }

  async answers(token: Token, promised: RevocationAnswer, what: string): Promise<void> {
    const answer = await this.look(token);
    if (answer !== promised) fail(`${what} is ${promised}`, `it was ${answer}`);
  }

  async isNotLive(token: Token, what: string): Promise<void> {
    if ((await this.look(token)) === 'live') fail(`${what} is never live again`, 'it was live');
  }

  /** So that a store that tidies up as it goes has the occasion. */
  async addOthers(): Promise<void> {
    for (let count = 0; count < 40; count++) await this.add({ key: newKey(), until: this.now });
  }
}

function newKey(): string {
  return encodeBase64url(crypto.getRandomValues(new Uint8Array(32)));
}

function fail(promise: string, found: string): never {
  throw new Error(`A revocation store promises: ${promise}. Found: ${found}.`);
}

interface Case {
  readonly promise: string;
  readonly check: (trial: Trial) => Promise<void>;
}

const cases: readonly Case[] = [
  {
    promise: 'what is revoked is revoked from the next look on, and nothing else is',
    check: async (trial) => {
      const key = newKey();
      await trial.answers({ keys: [key] }, 'live', 'a token before it is revoked');
      await trial.add({ key });
      await trial.answers({ keys: [key] }, 'revoked', 'a token once it is revoked');
      for (const other of [newKey(), key.toLowerCase(), key.slice(0, 42), `${key}A`])
        await trial.answers({ keys: [other] }, 'live', 'a token with another key');
    },
  },
  {
    promise: 'a token is revoked when any of its keys is',
    check: async (trial) => {
      const key = newKey();
      await trial.add({ key });
      for (const keys of [
        [key, newKey(), newKey()],
        [newKey(), newKey(), newKey(), key],
      ])
        await trial.answers({ keys }, 'revoked', 'a token of several keys');
      await trial.answers({ keys: [newKey(), newKey()] }, 'live', 'a token of several other keys');
    },
  },
  {
    promise: 'an entry revokes what was issued before its moment, and not what was issued at it',
    check: async (trial) => {
      const [key, before] = [newKey(), trial.now];
      await trial.add({ key, before });
      for (const age of [0.001, 1, 500])
        await trial.answers(
          { keys: [key], issuedAt: before - age },
          'revoked',
          `a token issued ${age} s before`,
        );
      for (const later of [0, 0.001, 60])
        await trial.answers(
          { keys: [key], issuedAt: before + later },
          'live',
          `a token issued ${later} s after`,
        );
    },
  },
  {
    promise: 'an entry that is there already only grows, whatever comes first',
    check: async (trial) => {
      const [now, early] = [trial.now, trial.now - 100];
      for (const moments of [
        [now, early],
        [early, now],
        [early, now, early],
      ]) {
        const key = newKey();
        for (const before of moments) await trial.add({ key, before });
        await trial.answers(
          { keys: [key], issuedAt: now - 1 },
          'revoked',
          'a token issued before the later moment',
        );
        await trial.answers({ keys: [key], issuedAt: now }, 'live', 'a token issued at the later moment');
      }
      for (const moments of [
        [always, early],
        [early, always],
      ]) {
        const key = newKey();
        for (const before of moments) await trial.add({ key, before });
        await trial.answers({ keys: [key], issuedAt: now + 60 }, 'revoked', 'a token whenever it was issued');
      }
    },
  },
  {
    promise: 'of a hundred additions at once, the latest moment and the latest end count',
    check: async (trial) => {
      const [key, start, issuedAt] = [newKey(), trial.now, trial.now + 98.5];
      const turns = Array.from({ length: 100 }, (_, index) => (index * 37) % 100);
      await Promise.all(
        turns.map((turn) =>
          trial.add({ key, before: start + turn, until: start + 1000 + ((turn + 50) % 100) }),
        ),
      );
      const token = { keys: [key], issuedAt, expires: start + 1099 };
      await trial.answers(token, 'revoked', 'a token issued before the latest moment');
      trial.clock.advance(1098);
      await trial.addOthers();
      await trial.answers(token, 'revoked', 'a token before the latest end');
    },
  },
  {
    promise: 'an entry is kept until its end, inclusive, and what it revoked is not live after it',
    check: async (trial) => {
      const token = { keys: [newKey()], issuedAt: trial.now, expires: trial.now + life };
      await trial.add({ key: token.keys[0] as string, until: token.expires });
      for (const left of [100, 1, 0.001, 0]) {
        trial.clock.now = token.expires - left;
        await trial.addOthers();
        await trial.answers(token, 'revoked', `a token ${left} s before the end of its entry`);
      }
      for (const later of [0.001, 1, 60, 3600]) {
        trial.clock.now = token.expires + later;
        await trial.addOthers();
        await trial.isNotLive(token, `a revoked token ${later} s after the end of its entry`);
      }
    },
  },
  {
    promise: 'an entry that is kept longer than it was first meant to is kept so long',
    check: async (trial) => {
      const token = { keys: [newKey()], issuedAt: trial.now, expires: trial.now + 2 * life };
      const key = token.keys[0] as string;
      await trial.add({ key });
      await trial.add({ key, until: token.expires });
      await trial.add({ key });
      trial.clock.now = token.expires - 1;
      await trial.addOthers();
      await trial.answers(token, 'revoked', 'a token before the later end of its entry');
    },
  },
  {
    promise: 'an entry for good is there for good',
    check: async (trial) => {
      const key = newKey();
      await trial.add({ key, until: always });
      await trial.add({ key });
      for (const step of [life + 1, 86_400, 315_360_000]) {
        trial.clock.advance(step);
        await trial.addOthers();
        await trial.answers({ keys: [key], expires: always }, 'revoked', 'a token revoked for good');
      }
    },
  },
  {
    promise: 'a clock that jumps ahead and comes back brings no revoked token to life',
    check: async (trial) => {
      const tokens = Array.from({ length: 5 }, (_, index) => {
        return { keys: [newKey()], issuedAt: trial.now, expires: trial.now + 100 * (index + 1) };
      });
      for (const { keys, expires } of tokens) await trial.add({ key: keys[0] as string, until: expires });
      for (const step of [250, -250, 100_000, -100_000, -3600, 3700]) {
        trial.clock.advance(step);
        await trial.addOthers();
        for (const token of tokens) await trial.isNotLive(token, `a revoked token after a step of ${step} s`);
      }
    },
  },
  {
    promise: 'a token whose times are no numbers is not live',
    check: async (trial) => {
      const { NaN: none } = Number;
      for (const times of [{ issuedAt: none }, { expires: none }, { issuedAt: none, expires: none }]) {
        const answer = await trial.look(times).catch(() => 'refused');
        if (answer === 'live') fail('a token without times is never live', 'it was live');
      }
    },
  },
  {
    promise: 'looking changes nothing',
    check: async (trial) => {
      const [key, other] = [newKey(), newKey()];
      await trial.add({ key });
      for (let looks = 0; looks < 20; looks++) {
        await trial.answers({ keys: [key] }, 'revoked', 'a revoked token, looked up again and again,');
        await trial.answers({ keys: [other] }, 'live', 'a live token, looked up again and again,');
      }
    },
  },
];
