import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { inline, paintFor, printable, relativeTime, table, timeInWords } from '../../src/cli/printing.ts';

const test = suite('cli printing');

test('escapes what could steer a terminal or hide in it', () => {
  assert.is(printable('a\u001b[31mb'), 'a\\u{1b}[31mb');
  assert.is(printable('\r\n\t\u0000\u007f\u009b'), '\\u{d}\\u{a}\\u{9}\\u{0}\\u{7f}\\u{9b}');
  assert.is(printable('\u202e\u200b\u2028\ue000'), '\\u{202e}\\u{200b}\\u{2028}\\u{e000}');
  assert.is(printable('\ud800'), '\\u{d800}');
  assert.is(printable('übrig 漢字 🔑'), 'übrig 漢字 🔑');
});

test('cuts what is long, and says how long it was', () => {
  assert.is(printable('x'.repeat(200)), 'x'.repeat(200));
  assert.is(printable('x'.repeat(201)), `${'x'.repeat(200)}... (201 characters)`);
});

test('puts any value on one line', () => {
  assert.is(inline('text'), 'text');
  assert.is(inline(5), '5');
  assert.is(inline({ a: ['b\u001b'] }), '{"a":["b\\u001b"]}');
  assert.is(inline(undefined), 'absent');
});

test('colours for terminals alone, and not for those who want none', () => {
  const painted = (isTTY: boolean | undefined, env: Record<string, string>): string =>
    paintFor(isTTY === undefined ? {} : { isTTY }, env)('red', 'x');
  assert.is(painted(true, {}), '\u001b[31mx\u001b[0m');
  assert.is(painted(true, { NO_COLOR: '' }), '\u001b[31mx\u001b[0m');
  assert.is(painted(true, { NO_COLOR: '1' }), 'x');
  assert.is(painted(true, { TERM: 'dumb' }), 'x');
  assert.is(painted(false, {}), 'x');
  assert.is(painted(undefined, {}), 'x');
});

test('aligns two columns', () => {
  const rows = [
    ['a', '1'],
    ['long', '2'],
  ] as const;
  assert.is(table(rows), '  a     1\n  long  2\n');
});

for (const [seconds, words] of [
  [0, 'now'],
  [0.4, 'now'],
  [1, 'in 1 second'],
  [-119, '119 seconds ago'],
  [-120, '2 minutes ago'],
  [7199, 'in 119 minutes'],
  [7200, 'in 2 hours'],
  [-86_400 * 2, '2 days ago'],
] as const) {
  test(`says ${words} of ${seconds} seconds`, () => {
    assert.is(relativeTime(1000 + seconds, 1000), words);
  });
}

test('tells times by number, date and distance, whatever they are', () => {
  assert.is(timeInWords(1_800_000_000, 1_800_000_060), '1800000000 (2027-01-15T08:00:00Z, 60 seconds ago)');
  assert.is(timeInWords(1e300, 0), '1e+300 (no date has this number)');
  assert.is(timeInWords('soon', 0), 'soon (not a time)');
});

test.run();
