import { setTimeout as sleep } from 'node:timers/promises';
import { Crowd, type Tally } from './crowd.ts';
import type { Conditions, Fault, Scene } from './injections.ts';
import type { Client } from './world.ts';

/** One injection from its beginning to its end, and what all injections of a fault have shown together. */

export interface FaultResult extends Tally {
  readonly name: string;
  readonly effect: Fault['effect'];
  injections: number;
  /** Milliseconds, of each injection. */
  readonly recoveries: number[];
  /** Injections that could not be carried out, and why. */
  readonly failures: string[];
}

export function emptyResult({ name, effect }: Fault): FaultResult {
  return {
    name,
    effect,
    injections: 0,
    honest: 0,
    replays: 0,
    replaysAccepted: 0,
    hangs: 0,
    unavailable: 0,
    refused: 0,
    reasons: [],
    recoveries: [],
    failures: [],
  };
}

/** Carries one injection out and adds what it has shown to the result. */
export async function runInjection(
  fault: Fault,
  client: Client,
  conditions: Omit<Conditions, 'setup'>,
  result: FaultResult,
): Promise<void> {
  let scene: Scene | undefined;
  try {
    scene = await fault.prepare({ ...conditions, setup: client.setup });
    const crowd = new Crowd(client, scene.nodes, scene.clock ?? ((): number => Date.now() / 1000));
    const recovery = await play(scene, crowd);
    add(result, crowd.tally, recovery);
  } catch (error) {
    result.failures.push(String(error));
  } finally {
    await scene?.close();
  }
}

const quiet = 300; // milliseconds of normal traffic before the fault, and after the recovery
const ages: readonly number[] = [9, 2, 30, 30, 30]; // seconds: over each edge of the windows, and past them

async function play(scene: Scene, crowd: Crowd): Promise<number> {
  try {
    await crowd.start();
    await sleep(quiet);
    await crowd.stealDuring(scene.inject());
    const recovery = await crowd.recovery();
    await sleep(quiet);
    await crowd.stealAll();
    for (const seconds of scene.age === undefined ? [] : ages) {
      scene.age?.(seconds);
      await crowd.recovery();
      await crowd.stealAll();
    }
    return recovery;
  } finally {
    await crowd.stop();
  }
}

function add(result: FaultResult, tally: Tally, recovery: number): void {
  result.injections += 1;
  result.honest += tally.honest;
  result.replays += tally.replays;
  result.replaysAccepted += tally.replaysAccepted;
  result.hangs += tally.hangs;
  result.unavailable += tally.unavailable;
  result.refused += tally.refused;
  result.reasons.push(...tally.reasons);
  result.recoveries.push(recovery);
}
