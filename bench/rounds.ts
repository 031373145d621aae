import { type Contestant, references, type Task } from './contestants.ts';
import type { Scenario } from './scenarios.ts';
import type { SignedRequest } from './world.ts';

/**
 * Rounds: in each one everybody does every scenario once, on the same requests, in an order that changes from round to
 * round, so that whatever disturbs the machine disturbs all alike.
 */

/** One contestant's window in one round: microseconds for each request. */
export interface Sample {
  /** User and system time of all threads of the process, the thread pool's too. */
  readonly cpu: number;
  readonly wall: number;
  readonly answer: 'accepts' | 'refuses';
}

/** A scenario, those who take part with caches of their own, and what came of it: one sample for each round. */
export interface Race {
  readonly scenario: Scenario;
  readonly contestants: readonly Contestant[];
  readonly samples: Map<string, Sample[]>;
}

export interface Plan {
  readonly rounds: number;
  /** In each window. */
  readonly requests: number;
  /** Rounds before the first that counts: for the compiler, and for the caches. */
  readonly warmUp: number;
}

export async function runRounds(races: readonly Race[], { rounds, requests, warmUp }: Plan): Promise<void> {
  for (let round = -warmUp; round < rounds; round++) {
    for (const race of inTurn(races, round + warmUp)) await runRace(race, requests, round, round + warmUp);
  }
}

async function runRace(race: Race, count: number, round: number, turn: number): Promise<void> {
  const { scenario, contestants, samples } = race;
  const requests = await scenario.make(count);
  const valid = await scenario.makeValid(count);
  const windows = [
    ...contestants.map((contestant) => () => measure(contestant, requests, scenario)),
    ...references.map((reference) => () => measure(reference, valid, { ...scenario, captured: false })),
  ];
  const names = [...contestants, ...references].map(({ name }) => name);
  for (const index of inTurn([...windows.keys()], turn)) {
    const sample = await windows[index]?.();
    const name = names[index] as string;
    if (sample !== undefined && round >= 0) samples.set(name, [...(samples.get(name) ?? []), sample]);
  }
}

/** The next one begins, and every other time the way round changes, so that nobody always comes after the same one. */
export function inTurn<T>(list: readonly T[], turn: number): readonly T[] {
  const start = turn % list.length;
  const turned = [...list.slice(start), ...list.slice(0, start)];
  return turn % 2 === 0 ? turned : turned.reverse();
}

async function measure(
  contestant: Pick<Contestant, 'name' | 'prepare'>,
  requests: readonly SignedRequest[],
  scenario: Scenario,
): Promise<Sample> {
  const tasks = requests.map(contestant.prepare);
  if (scenario.captured) await runAll(tasks, 1);
  const { cpu, wall, accepted } = await measureTasks(tasks, scenario.concurrency);
  // A window of mixed or wrong answers would be the time of something else.
  if (accepted !== (scenario.honest || accepted > 0 ? tasks.length : 0)) {
    throw new Error(`${contestant.name} accepted ${accepted} of ${tasks.length}: ${scenario.name}`);
  }
  return { cpu, wall, answer: accepted > 0 ? 'accepts' : 'refuses' };
}

/** Microseconds for each task, and how many were accepted. */
export async function measureTasks(
  tasks: readonly Task[],
  concurrency: number,
): Promise<{ cpu: number; wall: number; accepted: number }> {
  // Sweeps up after the signing. Not a full collection: that would throw away compiled code, and every window would
  // begin with compiling it again, which no server in use does.
  globalThis.gc?.({ type: 'minor' });
  const wallBefore = process.hrtime.bigint();
  const cpuBefore = process.cpuUsage();
  const accepted = await runAll(tasks, concurrency);
  const { user, system } = process.cpuUsage(cpuBefore);
  const wall = Number(process.hrtime.bigint() - wallBefore) / 1000;
  return { cpu: (user + system) / tasks.length, wall: wall / tasks.length, accepted };
}

/** So many at once, each starting the next when it is done; tells how many were accepted. */
async function runAll(tasks: readonly Task[], concurrency: number): Promise<number> {
  let next = 0;
  let accepted = 0;
  const work = async (): Promise<void> => {
    for (let task = tasks[next++]; task !== undefined; task = tasks[next++]) {
      try {
        if ((await task()) !== false) accepted++;
      } catch {
        // Refused.
      }
    }
  };
  await Promise.all(Array.from({ length: concurrency }, work));
  return accepted;
}
