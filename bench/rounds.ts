import { type Contestant, references, type Task } from './contestants.ts';
import type { Scenario } from './scenarios.ts';

/**
 * Rounds: in each one everybody does every scenario once, on the same requests, in an order that changes from round to
 * round, so that whatever disturbs the machine disturbs all alike.
 */

/** Microseconds for one request. */
export interface Sample {
  readonly cpu: number;
  readonly wall: number;
  /** Of the requests in the window. */
  readonly accepted: number;
}

/** Samples of one contestant in one scenario, one for each round. */
export type Series = Map<string, Sample[]>;

export interface Plan {
  readonly rounds: number;
  readonly requests: number;
  /** Rounds before the first that counts: for the compiler, and for the caches of the warm scenarios. */
  readonly warmUp: number;
}

/** A scenario and those who take part, with caches of their own. */
export interface Race {
  readonly scenario: Scenario;
  readonly contestants: readonly Contestant[];
  readonly series: Series;
}

export async function run(races: readonly Race[], { rounds, requests, warmUp }: Plan): Promise<void> {
  for (let round = -warmUp; round < rounds; round++) {
    for (const race of inTurn(races, round)) await runRace(race, requests, round);
  }
}

async function runRace({ scenario, contestants, series }: Race, requests: number, round: number): Promise<void> {
  const made = await scenario.make(requests);
  const valid = references.some(({ name }) => name === scenario.name) ? made : await scenario.reference(requests);
  const entrants = [
    ...contestants.map((contestant) => ({ contestant, requests: made })),
    ...references.map((contestant) => ({ contestant, requests: valid })),
  ];
  for (const { contestant, requests } of inTurn(entrants, round)) {
    const sample = await measure(requests.map(contestant.prepare), scenario.concurrency);
    if (round >= 0) append(series, contestant.name, sample);
  }
}
