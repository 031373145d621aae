import { spawn } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';

const pool = fileURLToPath(new URL('./run.js', import.meta.url));
const imports = `
  import { test } from ${JSON.stringify(import.meta.resolve('uvu'))};
  import * as assert from ${JSON.stringify(import.meta.resolve('uvu/assert'))};
`;

const passing = `${imports} test('fine', () => {}); test('fine too', () => {}); test.run();`;
const failing = `${imports} test('fine', () => {}); test('wrong', () => assert.is(1, 2, 'one is not two')); test.run();`;
const empty = `${imports} test('never run', () => {});`;
const noTest = `${imports} test.run();`;
const skipping = `${imports} test('fine', () => {}); test.skip('later', () => {}); test.run();`;
const unsettled = `${imports} test('fine', () => {}); test('lost', () => new Promise(() => {})); test.run();`;
const crashing = `${imports} test('fine', () => {}); test.run(); process.on('exit', () => { process.exitCode = 7; });`;
const badHook = `${imports} test.before(() => { throw new Error('no'); }); test('lost', () => {}); test.run();`;

/** Its test passes, then it stays alive, and so does a process that it started; that one listens on the socket. */
const hanging = (socket: string): string => {
  const server = `require('node:net').createServer().listen(${JSON.stringify(socket)})`;
  return `${imports}
    import { spawn } from 'node:child_process';
    test('fine', () => { spawn(process.execPath, ['-e', ${JSON.stringify(server)}], { stdio: 'inherit' }); });
    test.run();`;
};

interface Outcome {
  code: number | null;
  output: string;
  lastLine: string | undefined;
}

const test = suite<{ folder: string }>('pool');

test.before.each(async (context) => {
  context.folder = await mkdtemp(join(tmpdir(), 'holdfast-pool-'));
  await write(context.folder, { 'package.json': '{ "type": "module" }' });
});

test.after.each(async ({ folder }) => {
  await rm(folder, { recursive: true });
});

test('adds up the files of a folder and of those below it', async ({ folder }) => {
  await write(folder, {
    'a.test.js': passing,
    'below/b.test.js': passing,
    'below/_setup.js': 'throw new Error()',
  });
  const { code, output, lastLine } = await runPool([folder]);
  assert.is(lastLine, '4 passed, 0 failed, 0 skipped');
  assert.is(code, 0);
  assert.not.match(output, 'skipped:');
});

test('runs the named files only', async ({ folder }) => {
  await write(folder, { 'good.test.js': passing, 'bad.test.js': failing });
  const { code, lastLine } = await runPool([folder, 'good']);
  assert.is(lastLine, '2 passed, 0 failed, 0 skipped');
  assert.is(code, 0);
});

test('counts a failed test and prints what its file printed', async ({ folder }) => {
  await write(folder, { 'good.test.js': passing, 'bad.test.js': failing });
  const { code, output, lastLine } = await runPool([folder]);
  assert.is(lastLine, '3 passed, 1 failed, 0 skipped');
  assert.is(code, 1);
  assert.match(output, 'one is not two');
});

test('fails a file that calls run without a test', async ({ folder }) => {
  await expectFailure(folder, noTest, '0 passed, 1 failed, 0 skipped', 'ran no test');
});

test('fails a file that never calls run', async ({ folder }) => {
  await expectFailure(folder, empty, '0 passed, 1 failed, 0 skipped', 'gave no result and ended with 0');
});

test('fails a file that ends while a promise is open', async ({ folder }) => {
  await expectFailure(folder, unsettled, '0 passed, 1 failed, 0 skipped', 'gave no result and ended with 1');
});

test('fails a file that passes its tests and ends badly', async ({ folder }) => {
  await expectFailure(
    folder,
    crashing,
    '1 passed, 1 failed, 0 skipped',
    'no test failed, yet it ended with 7',
  );
});

test('fails a file whose hook throws, which uvu lets pass', async ({ folder }) => {
  await expectFailure(folder, badHook, '0 passed, 1 failed, 0 skipped', 'hook threw');
});

test('ends a file that outlives its time limit, with all that it started', async ({ folder }) => {
  const socket = join(folder, 'socket');
  await write(folder, { 'subject.test.js': hanging(socket) });
  const { code, output, lastLine } = await runPool([folder, '--time-limit', '1']);
  assert.match(output, 'failed: subject.test.js: time-out: still running after 1 s');
  assert.is(lastLine, '1 passed, 1 failed, 0 skipped');
  assert.is(code, 1);
  assert.not(await answers(socket));
});

test('names the files with skipped tests, and passes', async ({ folder }) => {
  await write(folder, { 'part.test.js': skipping });
  const { code, output, lastLine } = await runPool([folder], { CI: '' });
  assert.match(output, 'skipped: 1 in part.test.js');
  assert.is(lastLine, '1 passed, 0 failed, 1 skipped');
  assert.is(code, 0);
});

test('fails in CI when a test is skipped', async ({ folder }) => {
  await write(folder, { 'part.test.js': skipping });
  const { code, lastLine } = await runPool([folder], { CI: 'true' });
  assert.is(lastLine, '1 passed, 0 failed, 1 skipped');
  assert.is(code, 1);
});

test('fails when there is nothing to run', async ({ folder }) => {
  const { code, output, lastLine } = await runPool([folder]);
  assert.match(output, 'No test ran.');
  assert.is(lastLine, '0 passed, 0 failed, 0 skipped');
  assert.is(code, 1);
});

test('refuses arguments that it does not understand', async ({ folder }) => {
  for (const args of [
    [],
    [folder, 'a', 'b'],
    [folder, '--time-limit', '0'],
    [folder, '--time-limit', 'soon'],
  ]) {
    const { code, output } = await runPool(args);
    assert.match(output, 'usage: run.js FOLDER');
    assert.is(code, 1);
  }
});

test.run();

async function expectFailure(
  folder: string,
  source: string,
  lastLine: string,
  complaint: string,
): Promise<void> {
  await write(folder, { 'subject.test.js': source });
  const outcome = await runPool([folder]);
  assert.match(outcome.output, `failed: subject.test.js: `);
  assert.match(outcome.output, complaint);
  assert.is(outcome.lastLine, lastLine);
  assert.is(outcome.code, 1);
}

async function write(folder: string, files: Record<string, string>): Promise<void> {
  for (const [name, content] of Object.entries(files)) {
    const path = join(folder, name);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, content);
  }
}

async function runPool(args: string[], env: Record<string, string> = {}): Promise<Outcome> {
  const child = spawn(process.execPath, [pool, ...args], { env: { ...process.env, ...env } });
  const ended = new Promise<number | null>((resolve) => child.on('close', resolve));
  const [stdout, stderr, code] = await Promise.all([text(child.stdout), text(child.stderr), ended]);
  return { code, output: stdout + stderr, lastLine: stdout.trimEnd().split('\n').at(-1) };
}

function answers(socket: string): Promise<boolean> {
  return new Promise((resolve) => {
    const connection = connect(socket);
    connection.on('connect', () => {
      connection.destroy();
      resolve(true);
    });
    connection.on('error', () => resolve(false));
  });
}
