import { readdir } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { suite } from 'uvu';

const test = suite('modules');

const folder = new URL('../src/', import.meta.url);
const names = await readdir(fileURLToPath(folder), { recursive: true });

// Also what lets a module that holds types alone count as covered: nothing else ever loads it.
for (const name of names.filter((each) => each.endsWith('.js') && each !== 'cli/main.js')) {
  test(`${name} loads`, async () => {
    await import(new URL(name, folder).href);
  });
}

test.run();
