/**
 * Shows that each accepted proof is accepted once: by a race of many processes, and through every fault that we know
 * how to cause, with a real redis-server.
 *
 *     npm run faults -- [--rounds N] [--injections N] [--pause SECONDS] [--at-once N] [--only PART-OF-A-FAULT]
 *
 * Ends with 0 when everything held, 1 when something did not (a sentence for each), 2 when it could not be tried.
 */
import { parseArgs } from 'node:util';
import { redisInstalled } from '../redis/_server.ts';
import { type Fault, faults } from './injections.ts';
import { processes, runRace, usesPerProcess } from './race.ts';
import { emptyResult, type FaultResult, runInjection } from './run-fault.ts';
import {
  faultViolations,
  naiveViolations,
  raceViolations,
  toNaiveLine,
  toRaceLines,
  toTable,
} from './table.ts';
import { createClient } from './world.ts';

interface Settings {
  readonly rounds: number;
  readonly injections: number;
  readonly pause: number;
  readonly atOnce: number;
  readonly only: string;
}

const options = {
  rounds: { type: 'string', default: '1000' },
  injections: { type: 'string', default: '50' },
  pause: { type: 'string', default: '10' },
  'at-once': { type: 'string', default: '8' },
  only: { type: 'string', default: '' },
} as const;

function readSettings(): Settings {
  const values = parseOptions();
  return {
    rounds: toCount('--rounds', values.rounds, 0),
    injections: toCount('--injections', values.injections, 0),
    pause: toCount('--pause', values.pause, 1),
    atOnce: toCount('--at-once', values['at-once'], 1),
    only: values.only,
  };
}

function parseOptions(): ReturnType<typeof parseArgs<{ options: typeof options }>>['values'] {
  try {
    return parseArgs({ options }).values;
  } catch (error) {
    return fail((error as Error).message);
  }
}

function toCount(name: string, text: string, least: number): number {
  if (/^\d{1,6}$/.test(text) && Number(text) >= least) return Number(text);
  return fail(`${name} must be a whole number from ${least}, not ${text}`);
}

/** Whatever still runs ends with this process. */
function fail(sentence: string): never {
  console.error(sentence);
  process.exit(2);
}

function tell(progress: string): void {
  console.error(`${Math.round(performance.now() / 1000)} s: ${progress}`);
}

/** Runs so many injections of each fault, some at once. */
async function runFaults(
  chosen: readonly Fault[],
  { injections, pause, atOnce }: Settings,
  naive = false,
): Promise<FaultResult[]> {
  const client = await createClient();
  const results = chosen.map((fault) => ({ fault, result: emptyResult(fault) }));
  const waiting = results.flatMap((each) =>
    Array.from({ length: injections }, (_, index) => ({ ...each, index })),
  );
  const all = waiting.length;
  let done = 0;
  const work = async (): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const { fault, index, result } = next;
      await runInjection(fault, client, { index, seconds: pause, naive }, result);
      done += 1;
      if (done % 10 === 0 || done === all)
        tell(`${done} of ${all} injections${naive ? ', naive store' : ''}`);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, work));
  return results.map(({ result }) => result);
}

function describe({ pause, injections }: Settings, chosen: readonly Fault[]): string {
  return (
    `${processes} processes x ${usesPerProcess} uses of one proof at once, each with every check ` +
    `(createResourceServer.authorize), a new proof in each round;\n` +
    `${chosen.length} faults x ${injections} injections; pauses and slow replies last ${pause} s`
  );
}

async function showRace({ rounds }: Settings): Promise<string[]> {
  if (rounds === 0) return [];
  const results = await runRace(rounds, tell);
  console.log(`\n${toRaceLines(results)}`);
  return raceViolations(results);
}

async function showFaults(settings: Settings, chosen: readonly Fault[]): Promise<string[]> {
  if (settings.injections === 0) return [];
  const losses = chosen.filter(({ effect }) => effect === 'loss');
  const naive = await runFaults(losses, { ...settings, injections: 1 }, true);
  const results = await runFaults(chosen, settings);
  console.log(`\n${toTable(results)}\n\n${toNaiveLine(naive)}`);
  return [...results.flatMap(faultViolations), ...naiveViolations(naive)];
}

async function main(): Promise<void> {
  const settings = readSettings();
  if (!redisInstalled)
    fail(
      'redis-server is not installed: install it (Debian: apt-get install redis-server) and run this again.',
    );
  const chosen = faults.filter(({ name }) => name.includes(settings.only));
  if (chosen.length === 0)
    fail(`--only must be part of one of: ${faults.map(({ name }) => name).join('; ')}`);
  console.log(describe(settings, chosen));
  const violations = [...(await showRace(settings)), ...(await showFaults(settings, chosen))];
  console.log(violations.length === 0 ? '\nNo violation.' : `\nViolations:\n${violations.join('\n')}`);
  process.exit(violations.length === 0 ? 0 : 1);
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => process.exit(130)); // what runs ends with this process
}
await main();
