import { spawn } from 'node:child_process';
import { open, readFile } from 'node:fs/promises';
import { text } from 'node:stream/consumers';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { run } from '../../src/cli/run.ts';
import type { Output } from '../../src/cli/shell.ts';
import { fakeShell, holdfast, program } from './_cli.ts';

const test = suite('holdfast');

const names = ['keygen', 'sign', 'request', 'inspect'];

test('tells its commands, exit codes and what to do with secrets', async () => {
  const { code, out, err } = await holdfast(['--help']);
  assert.is(code, 0);
  assert.is(err, '');
  for (const name of names) assert.match(out, new RegExp(`^ {2}${name} {2,}\\w`, 'm'));
  for (const exit of [0, 1, 2, 3, 4, 70, 141]) assert.match(out, new RegExp(`^ {2}${exit} +\\w`, 'm'));
  assert.match(out, 'Secrets on a command line show up in process lists');
});

test('tells the same by every name of help', async () => {
  const { out } = await holdfast(['--help']);
  for (const args of [['-h'], ['help'], ['help', '--help']])
    assert.is((await holdfast(args)).out, out, args.join(' '));
});

for (const name of names) {
  test(`tells what ${name} does, and every option of it`, async () => {
    const { code, out, err } = await holdfast([name, '--help']);
    assert.is(code, 0);
    assert.is(err, '');
    assert.match(out, `Usage: holdfast ${name} `);
    const module = (await import(`../../src/cli/${name}.js`)) as Record<
      string,
      { options: Record<string, object> }
    >;
    for (const option of Object.keys(module[name]?.options ?? {})) assert.match(out, `--${option}`);
    for (const line of out.split('\n')) assert.ok(line.length <= 92, line);
    assert.is((await holdfast(['help', name])).out, out);
    assert.is((await holdfast([name, '--key', '-h'])).out, out);
  });
}

test('tells its version', async () => {
  const { version } = JSON.parse(await readFile(new URL('../../package.json', import.meta.url), 'utf8'));
  assert.equal(await holdfast(['--version']), { code: 0, out: `${version}\n`, err: '' });
});

test('begins with the line that makes it a program', async () => {
  assert.ok((await readFile(program, 'utf8')).startsWith('#!/usr/bin/env node\n'));
});

for (const [args, message] of [
  [[], 'a command is missing: holdfast --help lists them'],
  [['reqest'], 'there is no command reqest; did you mean request?'],
  [['frobnicate'], 'there is no command frobnicate'],
  [['eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2In0'], 'there is no command of that name'],
  [['--verison'], 'there is no option --verison; did you mean --version?'],
  [['sign', '--tokn=a'], 'there is no option --tokn; did you mean --token?'],
  [['request', '-x', 'GET'], 'there is no option -x; did you mean -X?'],
  [['\u001b[31m'], 'there is no command \\u{1b}[31m'],
] as const) {
  test(`says in one sentence: ${message}`, async () => {
    assert.equal(await holdfast(args), { code: 2, out: '', err: `holdfast: ${message}\n` });
  });
}

test('ends quietly when nobody reads its output', async () => {
  const child = spawn(process.execPath, [program, '--help'], { stdio: ['ignore', 'pipe', 'pipe'] });
  child.stdout.destroy();
  const [code, err] = await Promise.all([
    new Promise((resolve) => child.on('close', resolve)),
    text(child.stderr),
  ]);
  assert.is(code, 141);
  assert.is(err, '');
});

test('ends as it would when nobody reads its errors', async () => {
  const child = spawn(process.execPath, [program, 'nonsense'], { stdio: ['ignore', 'ignore', 'pipe'] });
  child.stderr.destroy();
  assert.is(await new Promise((resolve) => child.on('close', resolve)), 2);
});

test('says that its output cannot be written', async () => {
  const full = await open('/dev/full', 'w');
  try {
    const child = spawn(process.execPath, [program, '--help'], { stdio: ['ignore', full.fd, 'pipe'] });
    const [code, err] = await Promise.all([
      new Promise((resolve) => child.on('close', resolve)),
      text(child.stderr as NonNullable<typeof child.stderr>),
    ]);
    assert.is(code, 4);
    assert.is(err, 'holdfast: the output cannot be written (ENOSPC)\n');
  } finally {
    await full.close();
  }
});

for (const thrown of [new Error('the secret'), 'the secret', new TypeError('the secret'), null])
  test(`tells a fault of its own without quoting it (${Object.prototype.toString.call(thrown)})`, async () => {
    const broken: Output = {
      write: () => {
        throw thrown;
      },
    };
    const shell = fakeShell({ env: new Proxy({}, { get: () => broken.write('', () => undefined) }) });
    assert.is(await run(['sign', 'GET', 'https://a.example', '--key', 'k'], shell), 70);
    assert.match(shell.text(), 'holdfast: an unforeseen error');
    assert.not.match(shell.text(), 'the secret');
  });

test.run();
