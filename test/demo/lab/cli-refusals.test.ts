import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { lab } from './_cli.ts';

/** What the lab's command line says to wrong use: one sentence, and an exit code. */

const test = suite('lab/cli refusals');

for (const [args, told] of [
  [['run', '--profiles', 'D55'], /^There is no profile "D55"; nearest: /],
  [['run', '--thefts', 'replay-sam'], /nearest: T02 \(replay-same\)/],
  [['run', '--seat', 'moon'], /^--seat must be/],
  [['run', '--quick', '--full'], /exclude each other/],
  [['run', '--format', 'xml'], /^--format must be/],
  [['run', '--ablate'], /^run has no option --ablate/],
  [['run', '--colour'], /--colour/],
  [['run', 'everything'], /one word too many/],
  [['steal'], /^There is no command "steal"/],
  [['show', 'D5'], /^show takes a profile and a theft/],
  [['show', 'D5', 'T99'], /^There is no theft "T99"/],
  [['show', 'D5', 'T01', '--wait', 'long'], /^--wait must be seconds/],
  [['show', 'D5', 'T01', '--without', 'everything'], /cannot be switched off/],
  [['list', 'colours'], /^list shows/],
  [['diff', 'one.json'], /^diff takes two reports/],
  [['diff', 'none.json', 'none.json'], /^none.json cannot be read \(ENOENT\)/],
  [['run', '--profiles', 'M13', '--processes'], /keeps what it knows in one process/],
] as const) {
  test(`"${args.join(' ')}" is refused in one sentence, with exit code 2 or 3`, async () => {
    const { code, out, err } = await lab(args);
    assert.is(code, args.includes('--processes' as never) ? 3 : 2);
    assert.match(err, told);
    assert.is(err.trimEnd().split('\n').length, 1);
    assert.is(out, '');
  });
}

test('separate processes without a Redis: one sentence that says what to set', async () => {
  const without = await lab(['run', '--profiles', 'D5', '--thefts', 'T01', '--processes']);
  assert.equal(
    [without.code, without.err],
    [3, 'Separate processes share a Redis: set REDIS_URL, such as redis://127.0.0.1:6379.\n'],
  );
  const silent = await lab(['run', '--profiles', 'D5', '--thefts', 'T01', '--processes'], {
    REDIS_URL: 'redis://127.0.0.1:1',
  });
  assert.equal([silent.code, silent.err], [3, 'The Redis that REDIS_URL names does not answer.\n']);
});

test('whoever asks for nothing gets the usage and exit code 2', async () => {
  assert.is((await lab([])).code, 2);
  const { code, out } = await lab(['--help']);
  assert.is(code, 0);
  assert.match(out, /Exit codes: 0 as expected/);
});

test.run();
