import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';

const specNotes = suite('spec-notes');

const root = fileURLToPath(new URL('../..', import.meta.url));
const states = ['done', 'client', 'implied', 'later', 'exception'];

interface Row {
  readonly tag: string;
  readonly state: string;
  readonly code: string;
  readonly test: string;
}

/** Rows of the requirement tables: tag, requirement, state, code, test. */
const rows: readonly Row[] = readFileSync(join(root, 'spec-notes', 'rfc9449.md'), 'utf8')
  .split('\n')
  .filter((line) => /^\| `[A-Z]+\d+-/.test(line))
  .map((line) => line.split('|').map((cell) => cell.trim().replaceAll('`', '')))
  .map(([, tag = '', , state = '', code = '', test = '']) => ({ tag, state, code, test }));

function textOf(folder: string, keep: (line: string) => boolean = () => true): string {
  return readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .flatMap((name) => readFileSync(join(root, folder, name), 'utf8').split('\n'))
    .filter(keep)
    .join('\n');
}

specNotes('each row has its own tag and a known state', () => {
  assert.ok(rows.length > 100);
  assert.is(new Set(rows.map(({ tag }) => tag)).size, rows.length);
  for (const { tag, state } of rows) assert.ok(states.includes(state), `${tag}: ${state}`);
});

specNotes('each tag that is done stands in the title of a test and beside the code', () => {
  const code = textOf('src') + textOf('demo');
  // A title is a string that begins with its tags; comments do not count.
  const titles = textOf('test', (line) => /['"`]\[[A-Z]/.test(line));
  for (const { tag, state } of rows.filter((row) => row.state === 'done' || row.state === 'client')) {
    assert.ok(titles.includes(`[${tag}]`), `no test title has [${tag}] (${state})`);
    assert.ok(code.includes(`[${tag}]`), `no code has [${tag}] (${state})`);
  }
});

specNotes('each file that a row names exists', () => {
  for (const { tag, code, test } of rows) {
    for (const name of [...code.split(' '), ...test.split(' ')].filter((word) => /\.ts$/.test(word))) {
      const found = ['src', 'demo', 'test'].some((folder) =>
        readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' }).includes(name),
      );
      assert.ok(found, `${tag} names ${name}`);
    }
  }
});

specNotes.run();
