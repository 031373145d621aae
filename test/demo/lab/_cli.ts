import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The lab's command line as a process of its own. */

const program = fileURLToPath(new URL('../../../demo/lab/cli/main.js', import.meta.url));
const quiet = {
  NODE_V8_COVERAGE: '',
  NO_COLOR: '1',
  REDIS_URL: '',
  LANG: 'C.UTF-8',
  LC_ALL: '',
  LC_CTYPE: '',
};

export interface Ending {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** @param stop when it may be told to stop: once this text was seen on stderr. */
export async function lab(
  args: readonly string[],
  changes: Record<string, string> = {},
  stop?: RegExp,
): Promise<Ending> {
  const child = spawn(process.execPath, [program, ...args], {
    env: { ...process.env, ...quiet, ...changes },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const texts = { out: '', err: '' };
  child.stdout.on('data', (chunk: Buffer) => {
    texts.out += chunk;
  });
  child.stderr.on('data', (chunk: Buffer) => {
    texts.err += chunk;
    if (stop?.test(texts.err) === true && !child.killed) child.kill('SIGINT');
  });
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, ...texts };
}

export async function withFolder(run: (folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-lab-'));
  try {
    await run(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
