import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import sqlite from 'node-sqlite3-wasm';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ConfigError } from '../../demo/config.ts';
import { openRecords } from '../../demo/state/records.ts';
import type { RecordStore } from '../../src/index.ts';
import { testContract } from './_record-contract.ts';
import { later } from './_setup.ts';

/** Where the demo keeps its state, in memory and in a file; in Redis: see test/redis. */

const test = suite('demo/records');

const soon = (): number => Date.now() / 1000 + 60;

testContract(
  (title, run) => test(`memory: ${title}`, run),
  (run) => async () => run((await openRecords({})).store),
);

function withFolder(run: (folder: string) => Promise<void>): () => Promise<void> {
  return async () => {
    const folder = await mkdtemp(join(tmpdir(), 'holdfast-records-'));
    try {
      await run(folder);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  };
}

function withFile(run: (store: RecordStore, file: string) => Promise<void>): () => Promise<void> {
  return withFolder(async (folder) => {
    const stateFile = join(folder, 'state');
    const { store, close } = await openRecords({ stateFile });
    try {
      await run(store, stateFile);
    } finally {
      close();
    }
  });
}

testContract(
  (title, run) => test(`file: ${title}`, run),
  (run) => withFile((store) => run(store)),
);

/** Opens, uses and closes. */
async function use<T>(stateFile: string, act: (store: RecordStore) => T | Promise<T>): Promise<T> {
  const { store, close } = await openRecords({ stateFile });
  try {
    return await act(store);
  } finally {
    close();
  }
}

async function refusalOf(stateFile: string): Promise<string> {
  try {
    (await openRecords({ stateFile })).close();
  } catch (error) {
    assert.instance(error, ConfigError);
    return (error as Error).message.replace(stateFile, 'FILE');
  }
  throw new Error('it was opened');
}

test(
  'a restart finds everything, and what was read before it can still be replaced',
  withFolder(async (folder) => {
    const file = join(folder, 'state');
    await use(file, (store) => store.insert('a', { n: 1 }, soon()));
    const before = await use(file, (store) => store.read('a'));
    assert.equal({ ...before?.value }, { n: 1 });
    assert.is(await use(file, (store) => before !== undefined && store.replace('a', before, { n: 2 })), true);
    assert.equal({ ...(await use(file, (store) => store.read('a')))?.value }, { n: 2 });
  }),
);

test(
  'after it is closed, nothing but the file is left',
  withFolder(async (folder) => {
    await use(join(folder, 'state'), (store) => store.insert('a', {}, soon()));
    assert.equal(readdirSync(folder), ['state']);
  }),
);

test(
  'the file is for its owner alone, and so is what stands beside it',
  withFolder(async (folder) => {
    const file = join(folder, 'state');
    writeFileSync(file, '');
    chmodSync(file, 0o666);
    await use(file, async (store) => {
      await store.insert('a', {}, soon());
      for (const name of ['state', 'state-wal'])
        assert.is(statSync(join(folder, name)).mode & 0o777, 0o600, name);
    });
  }),
);

test(
  'records that are over leave, a few with each insertion; others stay',
  withFile(async (store, file) => {
    const [over, alive] = [Date.now() / 1000 + 10, Date.now() / 1000 + 1000];
    for (let n = 0; n < 30; n++) await store.insert(`over ${n}`, {}, over);
    await store.insert('alive', {}, alive);
    await later(20, async () => {
      for (let n = 0; n < 10; n++) await store.insert(`new ${n}`, {}, alive);
    });
    for (let n = 0; n < 30; n++) assert.is(await store.read(`over ${n}`), undefined);
    assert.ok(await store.read('alive'));
    assert.ok(existsSync(file));
  }),
);

test(
  'the log beside the file does not grow with every change, though records are read in between',
  withFile(async (store, file) => {
    const text = 'x'.repeat(500);
    await store.insert('a', { text }, soon());
    for (let n = 0; n < 1000; n++) {
      const before = await store.read('a');
      assert.ok(before !== undefined && (await store.replace('a', before, { n, text })));
    }
    const { size } = statSync(`${file}-wal`);
    assert.ok(size < 6 * 2 ** 20, `${size} bytes after 1000 changes`);
  }),
);

// A file that cannot be used: one sentence that says why.

test('a file in a folder that does not exist', async () => {
  const message = await refusalOf('/does/not/exist');
  assert.is(message, 'STATE_FILE (FILE) cannot be used: its folder does not exist.');
});

test(
  'a folder',
  withFolder(async (folder) => {
    assert.is(await refusalOf(folder), 'STATE_FILE (FILE) cannot be used: it is a folder.');
  }),
);

test(
  'a path through a file',
  withFolder(async (folder) => {
    writeFileSync(join(folder, 'file'), '');
    const message = await refusalOf(join(folder, 'file', 'state'));
    assert.is(message, 'STATE_FILE (FILE) cannot be used: its folder does not exist.');
  }),
);

test(
  'a text file, which stays as it is',
  withFolder(async (folder) => {
    const file = join(folder, 'notes.txt');
    writeFileSync(file, 'my notes, which are no database '.repeat(100));
    chmodSync(file, 0o644);
    assert.is(await refusalOf(file), 'STATE_FILE (FILE) cannot be used: file is not a database.');
    assert.is(statSync(file).mode & 0o777, 0o644);
    assert.match(readFileSync(file, 'utf8'), /^(?:my notes, which are no database ){100}$/);
    assert.equal(readdirSync(folder), ['notes.txt']);
  }),
);

test(
  'a socket, or whatever else is no file',
  withFolder(async (folder) => {
    const server = createServer().listen(join(folder, 'state'));
    try {
      await once(server, 'listening');
      assert.is(await refusalOf(join(folder, 'state')), 'STATE_FILE (FILE) cannot be used: it is no file.');
    } finally {
      server.close();
    }
  }),
);

test(
  'a file beside which another program has a lock of its own, which stays as it is',
  withFolder(async (folder) => {
    const file = join(folder, 'yarn');
    writeFileSync(`${file}.lock`, 'theirs');
    assert.match(await refusalOf(file), /^STATE_FILE \(FILE\) cannot be used: .+\.$/);
    assert.is(readFileSync(`${file}.lock`, 'utf8'), 'theirs');
    await rm(`${file}.lock`);
    mkdirSync(join(`${file}.lock`, 'theirs'), { recursive: true });
    assert.match(await refusalOf(file), /^STATE_FILE \(FILE\) cannot be used: .+\.$/);
    assert.ok(existsSync(join(`${file}.lock`, 'theirs')));
  }),
);

test(
  'the database of another program, which stays as it is',
  withFolder(async (folder) => {
    const file = join(folder, 'theirs.db');
    const theirs = new sqlite.Database(file);
    theirs.exec('CREATE TABLE records (key TEXT); INSERT INTO records VALUES (1)');
    theirs.close();
    assert.is(await refusalOf(file), 'STATE_FILE (FILE) cannot be used: it belongs to another program.');
    const again = new sqlite.Database(file);
    assert.equal(again.get('SELECT count(*) AS n FROM records'), { n: 1 });
    again.close();
  }),
);

test(
  'a file with a damaged page',
  withFolder(async (folder) => {
    const file = join(folder, 'state');
    await use(file, async (store) => {
      for (let n = 0; n < 200; n++) await store.insert(`key ${n}`, { text: 'x'.repeat(200) }, soon());
    });
    const bytes = readFileSync(file);
    writeFileSync(file, bytes.fill(0xff, 8192, bytes.length));
    assert.match(await refusalOf(file), /^STATE_FILE \(FILE\) cannot be used: .+\.$/);
  }),
);

test(
  'a file that was cut off',
  withFolder(async (folder) => {
    const file = join(folder, 'state');
    await use(file, async (store) => {
      for (let n = 0; n < 200; n++) await store.insert(`key ${n}`, { text: 'x'.repeat(200) }, soon());
    });
    writeFileSync(file, readFileSync(file).subarray(0, 9000));
    assert.match(await refusalOf(file), /^STATE_FILE \(FILE\) cannot be used: .+\.$/);
  }),
);

test(
  'a file that could not be opened can be, once what was wrong with it is gone',
  withFolder(async (folder) => {
    const file = join(folder, 'state');
    mkdirSync(file);
    await refusalOf(file);
    await rm(file, { recursive: true });
    assert.is(await use(file, (store) => store.insert('a', {}, soon())), true);
  }),
);

test('a file together with Redis', async () => {
  try {
    await openRecords({ stateFile: '/tmp/state', redisUrl: 'redis://127.0.0.1:1' });
  } catch (error) {
    assert.instance(error, ConfigError);
    assert.match((error as Error).message, /^STATE_FILE is for one process alone: .+ REDIS_URL\.$/);
    return;
  }
  throw new Error('it was opened');
});

// One process at a time.

const program = fileURLToPath(new URL('./_records-writer.js', import.meta.url));

/** A process that has the file, or has not; gone after the test. */
async function withWriter(
  file: string,
  count: number,
  run: (lines: AsyncIterator<string>, kill: () => Promise<void>) => Promise<void>,
): Promise<void> {
  const env = { ...process.env, NODE_V8_COVERAGE: '' };
  const child = spawn(process.execPath, [program, file, String(count)], {
    env,
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const gone = once(child, 'close');
  const kill = async (): Promise<void> => {
    child.kill('SIGKILL');
    await gone;
  };
  try {
    await run(createInterface({ input: child.stdout })[Symbol.asyncIterator](), kill);
  } finally {
    await kill();
  }
}

async function nextLine(lines: AsyncIterator<string>): Promise<string> {
  return String((await lines.next()).value);
}

test(
  'a second process is refused while the first one lives, and let in once that was killed',
  withFolder(async (folder) => {
    const file = join(folder, 'state');
    await withWriter(file, 1, async (lines, kill) => {
      assert.is(await nextLine(lines), 'open');
      assert.is(await nextLine(lines), 'written 0');
      assert.match(
        await refusalOf(file),
        /^STATE_FILE \(FILE\) cannot be used: it is in use by process \d+\.$/,
      );
      await kill();
      assert.ok(await use(file, (store) => store.read('key 0')));
    });
  }),
);

test(
  'the same file under another name is the same file',
  withFolder(async (folder) => {
    const file = join(folder, 'state');
    await use(file, async () => {
      symlinkSync(file, join(folder, 'other'));
      assert.match(await refusalOf(join(folder, 'other')), /in use by process/);
      assert.match(await refusalOf(file), /in use by process/);
    });
  }),
);

test(
  'what a process has said to be written is there after it was killed while it wrote',
  withFolder(async (folder) => {
    const file = join(folder, 'state');
    let written = -1;
    for (let round = 0; round < 3; round++) {
      await withWriter(file, 100_000, async (lines, kill) => {
        assert.is(await nextLine(lines), 'open');
        for (let n = 0; n < 40; n++) written = Number((await nextLine(lines)).replace('written ', ''));
        await kill();
      });
      await use(file, async (store) => {
        for (let n = 0; n <= written; n++) assert.is((await store.read(`key ${n}`))?.value['n'], n);
      });
      await rm(file);
    }
    assert.ok(written >= 39);
  }),
);

test(
  'of several processes that find the file of a dead one, one gets it',
  withFolder(async (folder) => {
    const file = join(folder, 'state');
    await withWriter(file, 0, async (lines, kill) => {
      await nextLine(lines);
      await kill();
    });
    assert.ok(readdirSync(folder).includes('state.owner'), 'the dead one left nothing to find');
    const said: string[] = [];
    const all = Array.from({ length: 4 }, () => file);
    let told = (): void => undefined;
    const everybody = new Promise<void>((resolve) => {
      told = resolve;
    });
    await Promise.all(
      all.map((each) =>
        withWriter(each, 0, async (lines) => {
          said.push(await nextLine(lines));
          if (said.length === all.length) told();
          await everybody;
        }),
      ),
    );
    assert.equal(said.filter((line) => line === 'open').length, 1, said.join('\n'));
    assert.is(
      said.filter((line) => line.includes('in use by process')).length,
      all.length - 1,
      said.join('\n'),
    );
  }),
);

test(
  'a claim of this very number, left by a former life in the same container, is void',
  withFolder(async (folder) => {
    const file = join(folder, 'state');
    symlinkSync(String(process.pid), `${file}.owner`);
    mkdirSync(`${file}.lock`);
    assert.is(await use(file, (store) => store.insert('a', {}, soon())), true);
  }),
);

test.run();
