import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { createContestants } from './contestants.ts';
import { type MemoryCost, memoryKinds } from './memory.ts';
import { runProofRounds } from './proofs.ts';
import { describeRun, memoryTable, proofTable, raceTable, smokeTable, targetTable } from './report.ts';
import { type Plan, type Race, runRounds } from './rounds.ts';
import { createScenarios } from './scenarios.ts';
import { probeAll } from './smoke.ts';
import { createWorld, type World } from './world.ts';

/**
 * Prints what an authorized request costs, and what signing one does. Exits with 1 only when a contestant answers wrongly: a time is never an
 * assertion.
 */

const targets = [1.6, 1.3];
const proofTarget = 1.3;
const bytesLimit = 200;

async function main(): Promise<void> {
  const { plan, capacity } = readArguments();
  const world = await createWorld(50);
  say('## Run', describeRun(plan));
  say('## Who accepts what', await smoke(world));
  const races = createScenarios(world).map((scenario): Race => {
    return { scenario, contestants: createContestants(world.issuer.jwks()), samples: new Map() };
  });
  await runRounds(races, plan);
  say('## Cost of a request', raceTable(races));
  say('## Targets', targetTable(races, targets));
  say('## Cost of a proof', proofTable(await runProofRounds(world, plan), proofTarget));
  say(`## Replay memory, ${capacity} live proofs`, memoryTable(weighAll(capacity), bytesLimit));
}

function readArguments(): { plan: Plan; capacity: number } {
  const { values } = parseArgs({
    options: {
      rounds: { type: 'string', default: '28' },
      requests: { type: 'string', default: '200' },
      'warm-up': { type: 'string', default: '7' },
      capacity: { type: 'string', default: '200000' },
    },
  });
  const plan = { rounds: +values.rounds, requests: +values.requests, warmUp: +values['warm-up'] };
  const counts = [plan.rounds, plan.requests, +values.capacity];
  if (!counts.every((count) => Number.isSafeInteger(count) && count > 0) || !(plan.warmUp >= 0)) {
    throw new TypeError('usage: main.js [--rounds N] [--requests N] [--warm-up N] [--capacity N]');
  }
  return { plan, capacity: +values.capacity };
}

async function smoke(world: World): Promise<string> {
  const contestants = createContestants(world.issuer.jwks());
  const rows = await probeAll(world, contestants);
  return smokeTable(
    contestants.map(({ name }) => name),
    rows,
  );
}

function weighAll(capacity: number): (readonly [string, MemoryCost])[] {
  return memoryKinds.map((kind) => [kind, weigh(kind, capacity)]);
}

function weigh(kind: string, capacity: number): MemoryCost {
  const program = fileURLToPath(import.meta.resolve('./weigh.js'));
  const output = execFileSync(process.execPath, ['--expose-gc', program, kind, String(capacity)], {
    encoding: 'utf8',
  });
  return JSON.parse(output) as MemoryCost;
}

function say(...paragraphs: readonly string[]): void {
  for (const paragraph of paragraphs) console.log(`${paragraph}\n`);
}

await main();
