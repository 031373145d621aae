import { defaultPolicy, lastInstant, type ProofTime, type Seconds } from '../freshness.ts';
import { type ClaimOutcome, replayKey } from '../replay.ts';
import {
  capacity,
  expect,
  expectUsed,
  hold,
  millisecond,
  sleep,
  type Trial,
  type Use,
} from './replay-trial.ts';

/** What a replay store promises, one case for each promise. */

export interface Case {
  readonly promise: string;
  readonly needs?: 'createLimited' | 'attach' | 'lose';
  readonly check: (trial: Trial) => Promise<void>;
}

const { maxAge, futureSkew } = defaultPolicy;

export const cases: readonly Case[] = [
  {
    promise: 'the first claim of a use wins, and every later one is replayed',
    check: async (trial) => {
      const use = await trial.use();
      expect(await trial.claim(use), 'claimed', 'the first claim of a use');
      expect(await trial.claim(use), 'replayed', 'the second claim of a use');
      expect(await trial.claim(use), 'replayed', 'the third claim of a use');
    },
  },
  {
    promise: 'of a hundred claims of one use at once, one wins',
    check: async (trial) => {
      const use = await trial.use();
      const memory = await trial.read();
      await race(Array.from({ length: 100 }, () => () => trial.claim(use, memory)));
    },
  },
  {
    promise: 'two handles are one memory: of a hundred claims of one use at once through both, one wins',
    needs: 'attach',
    check: async (trial) => {
      const other = await trial.attach();
      const use = await trial.use();
      const [mine, theirs] = [await trial.read(), await trial.read(trial.clock.now, other)];
      hold(mine.id === theirs.id, 'both handles tell the same memory id', `${mine.id} and ${theirs.id}`);
      const [one, two] = [() => trial.claim(use, mine), () => trial.claim(use, theirs, other)];
      await race(Array.from({ length: 100 }, (_, index) => (index % 2 === 0 ? one : two)));
    },
  },
  {
    promise: 'another jti, or the same jti of another client, is another use',
    check: async (trial) => {
      for (const jkt of ['A'.repeat(43), 'B'.repeat(43)]) {
        for (const jti of ['one', 'two']) {
          const use = { ...(await trial.use()), jkt, key: await replayKey(jkt, jti) };
          expect(await trial.claim(use), 'claimed', 'the first claim of each pair of client and jti');
        }
      }
    },
  },
  {
    promise: 'keys are opaque: every one of their 43 characters counts, and so does its case',
    check: async (trial) => {
      const middle = 'b'.repeat(40);
      for (const key of [
        `a_${middle}A`,
        `A_${middle}A`,
        `ab${middle}A`,
        `a-${middle}A`,
        `a_${middle}E`,
        `-_${middle}A`,
      ])
        expect(
          await trial.claim({ ...(await trial.use()), key }),
          'claimed',
          `the first claim of the key ${key}`,
        );
    },
  },
  {
    promise: 'a use is named by its key alone: another time or axis makes no other use',
    check: async (trial) => {
      const use = await trial.use();
      const { at } = use.time;
      expect(await trial.claim(use), 'claimed', 'the first claim of a use');
      for (const time of [
        { axis: 'iat', at: at + 5 },
        { axis: 'nonce', at },
      ] as const)
        expect(
          await trial.claim({ ...use, time }),
          'replayed',
          `a claim of the same key by ${time.axis} ${time.at}`,
        );
    },
  },
  ...(['iat', 'nonce'] as const).map((axis) => ({
    promise: `a use is remembered until its last instant, inclusive (${axis})`,
    check: (trial: Trial) => checkEnd(trial, trial.clock.now, axis, [30, 1, millisecond, 0]),
  })),
  {
    promise:
      'a use whose proof is dated ahead is remembered until the end that its proof has, not its arrival',
    check: (trial) => checkEnd(trial, trial.clock.now + futureSkew, 'iat', [30, 9, 1]),
  },
  {
    promise: 'a use is remembered until its end by the wall clock as well',
    check: async (trial) => {
      trial.clock.now = wallClock();
      const end = trial.clock.now + 0.3;
      const use = await trial.use(end - maxAge);
      expect(await trial.claim(use), 'claimed', 'the first claim of a use');
      expectUsed(await trial.claim(use), 'a use claimed again at once');
      do {
        trial.clock.now = wallClock();
        expectUsed(await trial.claim(use), `a use that ends in ${(end - trial.clock.now).toFixed(3)} s`);
        await sleep(25);
      } while (wallClock() < end - 0.025);
    },
  },
  {
    promise: 'a claim that was judged in time and comes late does not win again',
    check: async (trial) => {
      const use = await trial.use();
      expect(await trial.serve(use), 'claimed', 'the first claim of a use');
      trial.clock.advance(maxAge);
      const inTime = await trial.read();
      trial.clock.advance(100);
      await trial.serveOthers();
      expectUsed(await trial.claim(use, inTime), 'a use claimed after its end by a memory read before it');
    },
  },
  {
    promise: 'a use whose end is past already is not claimed twice',
    check: async (trial) => {
      const use = await trial.use(trial.clock.now - 500);
      await trial.claim(use);
      await trial.serveOthers();
      expectUsed(await trial.claim(use), 'a use whose end was past when it was first claimed');
    },
  },
  {
    promise: 'the time of a memory never falls, though the clock does',
    check: async (trial) => {
      let highest = trial.clock.now;
      for (const [index, step] of [0, 5, -3, 100, -3600, 7200, -7000, 9000, -1].entries()) {
        trial.clock.advance(step);
        highest = Math.max(highest, trial.clock.now);
        const { now } = await trial.read();
        const found = `after ${highest} it told ${now}, when read at ${trial.clock.now}`;
        hold(
          now >= highest - millisecond,
          'Memory.now is the highest time that the store was ever told',
          found,
        );
        if (index % 3 === 2) await trial.claim(await trial.use()); // mostly it is told by reading alone
      }
    },
  },
  {
    promise: 'a clock that is set back brings no used proof back',
    check: async (trial) => {
      const use = await trial.use();
      expect(await trial.serve(use), 'claimed', 'the first claim of a use');
      trial.clock.advance(maxAge + 100);
      await trial.serveOthers();
      trial.clock.advance(-maxAge - 70);
      expectUsed(
        await trial.serve(use),
        'a used proof, served after the clock was set back into its window,',
      );
    },
  },
  {
    promise: 'reading consumes nothing and changes nothing',
    check: async (trial) => {
      const before = JSON.stringify(await trial.read());
      const use = await trial.use();
      for (let reads = 0; reads < 20; reads++) await trial.read();
      const after = JSON.stringify(await trial.read());
      hold(before === after, 'reading twice at one time tells the same', `first ${before}, then ${after}`);
      expect(await trial.claim(use), 'claimed', 'the first claim of a use, after twenty reads,');
    },
  },
  {
    promise: 'when the store is full, nothing that was claimed is claimed again, to the millisecond',
    needs: 'createLimited',
    check: async (trial) => {
      const { now } = trial.clock;
      const used: Use[] = [];
      for (let index = 0; index < 120; index++) {
        // All over the window, in no order, each time twice, both axes.
        const use = await trial.use(now - 5 + ((index * 37) % 60) / 6, index % 3 === 0 ? 'nonce' : 'iat');
        if ((await trial.serve(use)) === 'claimed') used.push(use);
        for (const each of used.slice(-capacity * 2))
          expectUsed(await trial.claim(each), 'a use claimed before, during a flood,');
      }
      for (const each of used) expectUsed(await trial.serve(each), 'a use claimed before, after a flood,');
    },
  },
  ...(['iat', 'nonce'] as const).map((axis) => ({
    promise: `when the store is full of uses by ${axis}, the floor of the other axis stays where it was`,
    needs: 'createLimited' as const,
    check: async (trial: Trial) => {
      const { now } = trial.clock;
      const other = axis === 'iat' ? 'nonce' : 'iat';
      for (let index = 0; index < capacity * 3; index++)
        await trial.claim(await trial.use(now - 1 + index / 100, axis));
      const use = await trial.use(now - 30, other);
      const outcome = await trial.claim(use);
      hold(
        outcome !== 'forgotten',
        `a fresh use by ${other} is not forgotten for a flood by ${axis}`,
        'it was',
      );
    },
  })),
  {
    promise: 'when the store is full, a use above its floor is claimed at once',
    needs: 'createLimited',
    check: async (trial) => {
      for (let index = 0; index < capacity * 5; index++) {
        const { floor } = await trial.read();
        const above = (Math.round(floor.nonce * 1000) + 1) / 1000; // as nonces are issued
        const use = await trial.use(Math.max(trial.clock.now, above), 'nonce');
        expect(await trial.claim(use), 'claimed', `fresh use ${index + 1} in a store for ${capacity}`);
      }
    },
  },
  {
    promise: 'a replay does not prolong: what is past its end leaves before what is live',
    needs: 'createLimited',
    check: async (trial) => {
      const old = await trial.use();
      await trial.claim(old);
      trial.clock.advance(maxAge - 1);
      for (let replays = 0; replays < 3; replays++)
        expect(await trial.claim(old), 'replayed', 'a claim within the life of a use');
      trial.clock.advance(6);
      const live = await Promise.all(Array.from({ length: capacity }, () => trial.use()));
      for (const use of live) expect(await trial.claim(use), 'claimed', 'the first claim of a use');
      for (const use of live)
        expect(
          await trial.claim(use),
          'replayed',
          `each of ${capacity} live uses in a store for ${capacity}`,
        );
    },
  },
  {
    promise: 'a claim that was judged by an unknown memory is forgotten',
    check: async (trial) => {
      const use = await trial.use();
      const memory = await trial.read();
      const unknown = { ...memory, id: `not ${memory.id}` };
      expect(await trial.claim(use, unknown), 'forgotten', 'a claim judged by an unknown memory');
      expect(await trial.claim(use, memory), 'claimed', 'the same claim judged by the memory there is');
    },
  },
  {
    promise: 'a memory that was lost is another: new id, and what the former judged is forgotten',
    needs: 'lose',
    check: async (trial) => {
      const former = await trial.read();
      const [used, unused] = [await trial.use(), await trial.use()];
      expect(await trial.claim(used), 'claimed', 'the first claim of a use');
      await trial.lose();
      for (const use of [used, unused])
        expect(await trial.claim(use, former), 'forgotten', 'a claim judged by the memory before the loss');
      const { id } = await trial.readNew(former);
      hold(
        id !== former.id,
        'a new memory has a new id, told within a second',
        `it was ${id} before and after`,
      );
    },
  },
  {
    promise:
      'a new memory is born no earlier than the time that the former one knew, and serves nothing from before',
    needs: 'lose',
    check: async (trial) => {
      trial.clock.advance(50);
      const former = await trial.read();
      const used = await trial.use();
      expect(await trial.serve(used), 'claimed', 'the first claim of a use');
      const before = trial.store;
      await trial.lose();
      // A handle that lives through the loss knows better than a clock that was set back meanwhile; a new one cannot.
      if (trial.store === before) trial.clock.advance(-3600);
      const { birth } = await trial.readNew(former);
      const found = `it was born at ${birth}, and the former one knew ${former.now}`;
      hold(birth >= former.now - millisecond, 'a new memory is born after all that the former knew', found);
      for (; trial.clock.now < former.now + maxAge; trial.clock.advance(10))
        expectUsed(await trial.serve(used), 'a proof used before the loss');
    },
  },
];

/** Claimed once, then again and again up to its last instant, with others in between. */
async function checkEnd(
  trial: Trial,
  at: Seconds,
  axis: ProofTime['axis'],
  left: readonly Seconds[],
): Promise<void> {
  const use = await trial.use(at + 0.25, axis);
  trial.clock.advance(0.25);
  expect(await trial.serve(use), 'claimed', 'the first claim of a use');
  const end = lastInstant(use.time, defaultPolicy);
  for (const seconds of left) {
    trial.clock.now = end - seconds;
    await trial.serveOthers();
    expectUsed(await trial.serve(use), `a use served ${seconds} s before its last instant`);
  }
}

async function race(claims: readonly (() => Promise<ClaimOutcome>)[]): Promise<void> {
  const answers = await Promise.all(claims.map((claim) => claim()));
  const won = answers.filter((answer) => answer === 'claimed').length;
  const replayed = answers.filter((answer) => answer === 'replayed').length;
  const found = `${won} won and ${replayed} were replayed`;
  hold(
    won === 1 && replayed === claims.length - 1,
    `one of ${claims.length} claims wins, the others are replayed`,
    found,
  );
}

function wallClock(): Seconds {
  return Date.now() / 1000;
}
