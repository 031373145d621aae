import { parseArgs } from 'node:util';
import type { LabEngine } from '../engine/engine.ts';
import { createLabEngine } from '../engine/lab-engine.ts';
import { MissingPart } from '../engine/separable.ts';
import { findDifferences, findMissing } from './differences.ts';
import { exitCodes, Failure, refuseUsage } from './failure.ts';
import { toList } from './list.ts';
import { readReport } from './report-files.ts';
import { run } from './run.ts';
import { requireNamed, selectSeats } from './selection.ts';
import { toSequence } from './show.ts';
import { openTerminal, type Terminal } from './terminal.ts';
import { verify } from './verify.ts';

/** The stolen-token lab on the command line: `npm run lab -- COMMAND`. */

const usage = `The stolen-token lab: every mitigation is built, every theft is run, every cell is measured.

Usage: npm run lab -- COMMAND

  list [profiles|thefts|honest|checks]   what there is
  run [OPTIONS]                          measure, and show or keep what came of it
      --profiles D5,M13 --thefts T01-T09 rows and columns, by id, slug or range; default all
      --honest H01-H09|all|none          honest users; default all, none where thefts are chosen
      --seat elsewhere|country|nat|all   where the thief sits; default elsewhere
      --quick | --full                   one try each (default), or search for each window
      --real-time                        really wait, with short lifetimes
      --processes                        bank nodes as processes of their own, which share a Redis (REDIS_URL)
      --cost                             also what an ordinary request costs
      --format table|html|json|md|csv|junit   default table
      --out FILE                         into a file, whole or not at all
  show PROFILE THEFT [--seat S] [--wait SECONDS] [--without CHECK,...]
                                         one try as a sequence of messages
  verify [--ablate] [--full] [--write]   compare with the expectation; --ablate: also with single checks off;
                                         --write: measure everything and write the expectation anew
  diff OLD.json NEW.json                 what differs between two reports

Exit codes: 0 as expected, 1 a cell differs, 2 wrong use, 3 the run broke or was interrupted.
`;

const options = {
  profiles: { type: 'string' },
  thefts: { type: 'string' },
  honest: { type: 'string' },
  seat: { type: 'string' },
  quick: { type: 'boolean' },
  full: { type: 'boolean' },
  'real-time': { type: 'boolean' },
  processes: { type: 'boolean' },
  cost: { type: 'boolean' },
  format: { type: 'string' },
  out: { type: 'string' },
  wait: { type: 'string' },
  without: { type: 'string' },
  ablate: { type: 'boolean' },
  write: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
} as const;

type Values = ReturnType<typeof readArguments>['values'];

/** Which options belong to which command: one that would be ignored is a mistake. */
const allowed: Readonly<Record<string, readonly (keyof Values)[]>> = {
  list: [],
  run: [
    'profiles',
    'thefts',
    'honest',
    'seat',
    'quick',
    'full',
    'real-time',
    'processes',
    'cost',
    'format',
    'out',
  ],
  show: ['seat', 'wait', 'without'],
  verify: ['ablate', 'full', 'write'],
  diff: [],
};

function readArguments(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options, allowPositionals: true });
  } catch (error) {
    return refuseUsage(`${(error as Error).message.split('. ')[0]}.`);
  }
}

async function main(args: readonly string[], terminal: Terminal): Promise<number> {
  const { values, positionals } = readArguments(args);
  const [command, ...rest] = positionals;
  if (values.help === true || command === undefined) {
    await terminal.out(usage);
    return values.help === true ? exitCodes.fine : exitCodes.usage;
  }
  requireAllowed(command, values);
  const interruption = interruptible();
  // The expectation was measured without a Redis.
  const redisUrl = command === 'verify' ? undefined : process.env['REDIS_URL'] || undefined;
  const engine = createLabEngine({ redisUrl });
  try {
    return await dispatch(command, rest, values, engine, terminal, interruption);
  } finally {
    await engine.close();
  }
}

function requireAllowed(command: string, values: Values): void {
  const own = Object.hasOwn(allowed, command) ? allowed[command] : undefined;
  if (own === undefined)
    refuseUsage(`There is no command "${command.slice(0, 40)}": list, run, show, verify and diff are there.`);
  const foreign = Object.keys(values).find((name) => !own.includes(name as keyof Values));
  if (foreign !== undefined) refuseUsage(`${command} has no option --${foreign}.`);
}

function dispatch(
  command: string,
  rest: readonly string[],
  values: Values,
  engine: LabEngine,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<number> {
  switch (command) {
    case 'list':
      return terminal.out(toList(engine.catalogue, rest[0])).then(() => exitCodes.fine);
    case 'run':
      requireNone(rest);
      return run(engine, toRunOptions(values), terminal, signal);
    case 'show':
      return show(engine, rest, values, terminal);
    case 'verify':
      requireNone(rest);
      return verify(
        engine,
        { ablate: values.ablate === true, full: values.full === true, write: values.write === true },
        terminal,
        signal,
      );
    default:
      return diff(rest, terminal);
  }
}

function requireNone(rest: readonly string[]): void {
  if (rest.length > 0) refuseUsage(`"${rest[0]?.slice(0, 40)}" is one word too many.`);
}

function toRunOptions(values: Values): Parameters<typeof run>[1] {
  if (values.quick === true && values.full === true) refuseUsage('--quick and --full exclude each other.');
  return {
    profiles: values.profiles,
    thefts: values.thefts,
    honest: values.honest,
    seat: values.seat ?? 'elsewhere',
    full: values.full === true,
    realTime: values['real-time'] === true,
    processes: values.processes === true,
    cost: values.cost === true,
    format: values.format ?? 'table',
    out: values.out,
  };
}

async function show(
  engine: LabEngine,
  names: readonly string[],
  values: Values,
  terminal: Terminal,
): Promise<number> {
  const { profiles, thefts } = engine.catalogue;
  const [first, second, ...more] = names;
  if (first === undefined || second === undefined || more.length > 0)
    refuseUsage('show takes a profile and a theft, such as D5 T06.');
  const profile = requireNamed('profile', profiles, first);
  const theft = requireNamed('theft', thefts, second);
  const [seat = 'elsewhere', ...others] = selectSeats(values.seat ?? 'elsewhere');
  if (others.length > 0) refuseUsage('show takes one seat.');
  const wait = readWait(values.wait ?? '1');
  const without = values.without === undefined ? [] : values.without.split(',').map((check) => check.trim());
  const recording = await engine
    .record({ profile: profile.id, theft: theft.id, seat, wait, without })
    .catch(toUsage);
  const off = without.length === 0 ? '' : ` · LAB ONLY, off: ${without.join(', ')}`;
  await terminal.out(
    toSequence(
      recording,
      `${profile.id} ${profile.title} × ${theft.id} ${theft.title} · ${seat} · ${wait} s${off}`,
      terminal,
    ),
  );
  return exitCodes.fine;
}

function toUsage(error: unknown): never {
  if (error instanceof TypeError) refuseUsage(`${error.message}.`);
  throw error;
}

function readWait(text: string): number {
  const seconds = Number(text);
  const isSensible = text.trim() !== '' && seconds >= 0 && seconds <= 31 * 86_400;
  return isSensible
    ? seconds
    : refuseUsage(`--wait must be seconds, from 0 to a month, not "${text.slice(0, 40)}".`);
}

async function diff(files: readonly string[], terminal: Terminal): Promise<number> {
  const [older, newer, ...more] = files;
  if (older === undefined || newer === undefined || more.length > 0)
    refuseUsage('diff takes two reports in JSON.');
  const [before, after] = [await readReport(older), await readReport(newer)];
  const lines = [
    ...findDifferences(after, before),
    ...findMissing(after, before).map((name) => `${name}: only in ${older}`),
    ...findMissing(before, after).map((name) => `${name}: only in ${newer}`),
  ];
  await terminal.out(
    lines.length === 0 ? 'no differences\n' : `${lines.join('\n')}\n${lines.length} differences\n`,
  );
  return lines.length === 0 ? exitCodes.fine : exitCodes.differs;
}

/** The first Ctrl-C ends the run and keeps what there is; the second ends the process. */
function interruptible(): AbortSignal {
  const controller = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => controller.abort());
  return controller.signal;
}

const terminal = openTerminal(process.env);
try {
  process.exitCode = await main(process.argv.slice(2), terminal);
} catch (error) {
  const isKnown = error instanceof Failure || error instanceof MissingPart;
  terminal.err(isKnown ? `${error.message}\n` : `${error instanceof Error ? error.stack : String(error)}\n`);
  process.exitCode = error instanceof Failure ? exitCodes[error.ending] : exitCodes.broken;
}
