import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type Arguments, nearest, type OptionTable, quote, readArguments } from '../../src/cli/arguments.ts';
import { Failure } from '../../src/cli/failure.ts';

const test = suite('cli arguments');

const table: OptionTable = {
  key: { type: 'string' },
  header: { type: 'string', short: 'H', multiple: true },
  include: { type: 'boolean', short: 'i' },
  'max-time': { type: 'string', short: 'm' },
};

function read(...args: string[]): Arguments {
  return readArguments(table, args);
}

function refusal(attempt: () => unknown): string {
  try {
    attempt();
  } catch (error) {
    if (error instanceof Failure && error.ending === 'usage') return error.message;
    throw error;
  }
  throw new Error('accepted, though it should have been refused');
}

test('reads options in every spelling, and arguments between them', () => {
  const args = read('one', '--key=a', '-H', 'x: 1', '-iHy: 2', 'two', '--', '--three');
  assert.equal(args.positionals, ['one', 'two', '--three']);
  assert.is(args.text('key'), 'a');
  assert.equal(args.texts('header'), ['x: 1', 'y: 2']);
  assert.ok(args.has('include'));
  assert.not.ok(args.has('max-time'));
  assert.is(args.text('max-time'), undefined);
  assert.equal(args.texts('max-time'), []);
});

test('takes - for a value, and one that begins with a dash when it stands behind =', () => {
  assert.is(read('--key', '-').text('key'), '-');
  assert.is(read('--key=-x').text('key'), '-x');
  assert.is(read('--key=').text('key'), '');
});

for (const [args, message] of [
  [['--kye', 'a'], 'there is no option --kye; did you mean --key?'],
  [['--inclode'], 'there is no option --inclode; did you mean --include?'],
  [['--zzzzzz'], 'there is no option --zzzzzz'],
  [['-h'], 'there is no option -h; did you mean -H?'],
  [['-q'], 'there is no option -q'],
  [['--toString'], 'there is no option --toString'],
  [['--include=yes'], '--include takes no value'],
  [['--key'], '--key needs a value'],
  [['--key', '--include'], '--key needs a value (one that begins with a dash: --key=VALUE)'],
  [['--key', 'a', '--key', 'b'], '--key is given twice'],
  [['-i', '-i'], '-i is given twice'],
] as const) {
  test(`refuses ${args.join(' ')}`, () => {
    assert.is(
      refusal(() => read(...args)),
      message,
    );
  });
}

test('does not repeat what may be a secret that was put in the wrong place', () => {
  const long = 'eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2In0';
  assert.is(quote(long), 'of that name');
  assert.not.match(
    refusal(() => read(`--${long}`)),
    'eyJ',
  );
});

test('reads numbers of seconds, and nothing that only looks like one', () => {
  assert.is(read('-m', '2.5').number('max-time'), 2.5);
  assert.is(read().number('max-time'), undefined);
  for (const wrong of ['', ' 1', '1e3', '0x10', 'NaN', 'Infinity', '1_000', '+1', '1.'])
    assert.is(
      refusal(() => read(`--max-time=${wrong}`).number('max-time')),
      '--max-time must be a number of seconds',
    );
});

test('reads one of a few words, in their letter case', () => {
  assert.is(read('--key', 'b').word('key', ['a', 'b']), 'b');
  assert.is(read().word('key', ['a', 'b']), undefined);
  assert.is(
    refusal(() => read('--key', 'B').word('key', ['a', 'b'])),
    '--key must be a or b',
  );
});

test('misses a value that is needed, also when it is empty', () => {
  assert.is(read('--key', 'a').required('key', 'FILE'), 'a');
  for (const args of [[], ['--key=']])
    assert.is(
      refusal(() => read(...args).required('key', 'FILE')),
      '--key FILE is missing',
    );
});

test('finds the nearest name, or none when all are far', () => {
  const names = ['keygen', 'sign', 'request', 'inspect'];
  assert.is(nearest('sgin', names), 'sign');
  assert.is(nearest('sing', names), 'sign');
  assert.is(nearest('sig', names), 'sign');
  assert.is(nearest('reqest', names), 'request');
  assert.is(nearest('inspekt', names), 'inspect');
  assert.is(nearest('keygenn', names), 'keygen');
  assert.is(nearest('x'.repeat(10_000), names), undefined);
});

test.run();
