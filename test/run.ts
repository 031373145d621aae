/**
 * Runs every `*.test.js` under a folder, each in a process of its own, as many at once as there are cores.
 *
 *     node run.js FOLDER [PART-OF-A-FILE-NAME] [--time-limit SECONDS]
 *
 * uvu runs one file and says what it counted. This adds the files up, and closes what uvu leaves open: a file that ran
 * nothing, ended before its tests did, lost the error of a hook or never ended would otherwise pass or hang.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { readdir } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join, relative } from 'node:path';
import { parseArgs, stripVTControlCharacters } from 'node:util';

type Seconds = number;

/** How a file's process ended; `how` is its exit code, or the signal that ended it. */
interface Ending {
  output: string;
  how: number | NodeJS.Signals | null;
  timedOut: boolean;
}

interface Counts {
  passed: number;
  failed: number;
  skipped: number;
}

interface Result extends Counts {
  file: string;
  output: string;
  complaint: string | undefined;
}

const running = new Set<ChildProcess>();

async function main(): Promise<void> {
  const { folder, part, limit } = readArguments();
  endWithOurChildren();
  const files = await findTests(folder, part);
  const results = await runAll(files, limit, (result) => print(result, folder));
  process.exitCode = conclude(results, folder) ? 0 : 1;
}

function readArguments(): { folder: string; part: string; limit: Seconds } {
  const { positionals, values } = parseArgs({
    allowPositionals: true,
    options: { 'time-limit': { type: 'string', default: '240' } },
  });
  const [folder, part = ''] = positionals;
  const limit = Number(values['time-limit']);
  if (folder === undefined || positionals.length > 2 || !(limit > 0)) {
    throw new TypeError('usage: run.js FOLDER [PART-OF-A-FILE-NAME] [--time-limit SECONDS]');
  }
  return { folder, part, limit };
}

async function findTests(folder: string, part: string): Promise<string[]> {
  const names = await readdir(folder, { recursive: true });
  return names
    .filter((name) => name.endsWith('.test.js') && name.includes(part))
    .sort()
    .map((name) => join(folder, name));
}

async function runAll(files: string[], limit: Seconds, tell: (result: Result) => void): Promise<Result[]> {
  const results: Result[] = [];
  // One iterator shared by all workers: each takes the next file that nobody has taken.
  const queue = files.values();
  const work = async (): Promise<void> => {
    for (const file of queue) {
      const result = judge(file, await runFile(file, limit), limit);
      results.push(result);
      tell(result);
    }
  };
  await Promise.all(Array.from({ length: availableParallelism() }, work));
  return results;
}

function runFile(file: string, limit: Seconds): Promise<Ending> {
  // Detached makes the child the leader of a process group, so that what it started can be ended with it.
  const child = spawn(process.execPath, ['--enable-source-maps', file], {
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
    // The lab loads changed copies of library files, which c8 would count as the files themselves.
    env: /\blab\b/.test(file) ? { ...process.env, NODE_V8_COVERAGE: '' } : process.env,
  });
  running.add(child);
  const output: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => output.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => output.push(chunk));
  return new Promise((resolve, reject) => {
    let timedOut = false;
    const timer = setTimeout(() => {
      timedOut = true;
      endGroup(child);
      // A process that left the group may still hold the pipes; do not wait for it.
      child.stdout.destroy();
      child.stderr.destroy();
    }, limit * 1000);
    child.on('error', reject);
    child.on('exit', () => endGroup(child));
    child.on('close', (code, signal) => {
      clearTimeout(timer);
      running.delete(child);
      resolve({ output: Buffer.concat(output).toString(), how: code ?? signal, timedOut });
    });
  });
}

function endGroup(child: ChildProcess): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, 'SIGKILL');
  } catch (error) {
    // ESRCH: nothing of the group is left, which is what was wanted.
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
  }
}

/** The children lead groups of their own, so the terminal's Ctrl-C does not reach them. */
function endWithOurChildren(): void {
  process.on('exit', () => {
    for (const child of running) endGroup(child);
  });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => process.exit(1));
  }
}

function judge(file: string, ending: Ending, limit: Seconds): Result {
  const counts = readCounts(ending.output);
  const complaint = findComplaint(ending, counts, limit);
  const { passed, failed, skipped } = counts ?? { passed: 0, failed: 0, skipped: 0 };
  return {
    file,
    output: ending.output,
    passed,
    failed: complaint === undefined ? failed : Math.max(failed, 1),
    skipped,
    complaint,
  };
}

/** uvu's closing lines; undefined when it did not get that far. Its total leaves skipped tests out. */
function readCounts(output: string): Counts | undefined {
  const summary = /^ {2}Total: +(\d+)\n {2}Passed: +(\d+)\n {2}Skipped: +(\d+)$/gm;
  const last = [...stripVTControlCharacters(output).matchAll(summary)].at(-1);
  if (last === undefined) return undefined;
  const [total = 0, passed = 0, skipped = 0] = last.slice(1).map(Number);
  return { passed, failed: total - passed, skipped };
}

/** What is wrong with a file, in words; undefined when nothing is. */
function findComplaint(ending: Ending, counts: Counts | undefined, limit: Seconds): string | undefined {
  if (ending.timedOut) return `time-out: still running after ${limit} s`;
  if (counts === undefined) return `gave no result and ended with ${ending.how}`;
  const { passed, failed, skipped } = counts;
  if (passed + failed + skipped === 0) return 'ran no test';
  if (failed === 0 && ending.how !== 0) return `no test failed, yet it ended with ${ending.how}`;
  if (failed > 0 && ending.how === 0) return 'a before or after hook threw; uvu does not show the error';
  return failed > 0 ? `${failed} failed` : undefined;
}

function print(result: Result, folder: string): void {
  const name = relative(folder, result.file);
  if (result.complaint === undefined) {
    console.log(`ok    ${name} (${result.passed})`);
  } else {
    console.log(`FAIL  ${name}: ${result.complaint}\n\n${result.output}`);
  }
}

/** Prints the outcome, the counts last, and says whether it is a success. */
function conclude(results: Result[], folder: string): boolean {
  const sum = (key: keyof Counts): number => results.reduce((total, result) => total + result[key], 0);
  const [passed, failed, skipped] = [sum('passed'), sum('failed'), sum('skipped')];
  console.log();
  for (const result of results.filter((each) => each.skipped > 0)) {
    console.log(`skipped: ${result.skipped} in ${relative(folder, result.file)}`);
  }
  for (const result of results.filter((each) => each.complaint !== undefined)) {
    console.log(`failed: ${relative(folder, result.file)}: ${result.complaint}`);
  }
  const skippedInCi = skipped > 0 && process.env['CI'] === 'true';
  if (skippedInCi) console.log('In CI nothing may be skipped.');
  if (passed + failed === 0) console.log('No test ran.');
  console.log(`${passed} passed, ${failed} failed, ${skipped} skipped`);
  return passed > 0 && failed === 0 && !skippedInCi;
}

await main();
