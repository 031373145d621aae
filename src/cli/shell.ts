import { readFile } from 'node:fs/promises';
import { codeOf, Failure } from './failure.ts';
import { printable } from './printing.ts';

/** Where a command reads and writes: the process itself, or what a test puts in its place. */
export interface Shell {
  readonly stdin: AsyncIterable<Uint8Array | string> & { readonly isTTY?: boolean };
  readonly stdout: Output;
  readonly stderr: Output;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** What commands use of a writable stream. */
export interface Output {
  readonly isTTY?: boolean;
  write(data: string | Uint8Array, done: (error?: Error | null) => void): unknown;
}

/** Writes, and waits until it is written: a reader that is slow or gone is noticed. */
export async function write(output: Output, data: string | Uint8Array): Promise<void> {
  try {
    await new Promise<void>((resolve, reject) => {
      output.write(data, (error) => (error == null ? resolve() : reject(error)));
    });
  } catch (error) {
    const code = codeOf(error);
    if (code === 'EPIPE') throw new Failure('brokenPipe', 'nobody reads the output any more', error);
    throw new Failure('file', `the output cannot be written (${code})`, error);
  }
}

/** A remark beside the output. Whether anybody reads it changes nothing. */
export async function remark({ stderr }: Shell, line: string): Promise<void> {
  await write(stderr, `${printable(line, 4096)}\n`).catch(() => undefined);
}

/** The bytes of a file, or all of stdin for `-`. */
export async function readSource(source: string, shell: Shell): Promise<Uint8Array> {
  if (source === '-') return readStdin(shell);
  try {
    return await readFile(source);
  } catch (error) {
    throw new Failure('file', `${source} cannot be read (${codeOf(error)})`, error);
  }
}

async function readStdin({ stdin }: Shell): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for await (const part of stdin) parts.push(Buffer.from(part));
  return Buffer.concat(parts);
}

/** Stdin can be read once: of these sources one may be `-` at most. */
export function requireOneStdin(sources: readonly (string | undefined)[]): void {
  if (sources.filter((source) => source === '-').length > 1)
    throw new Failure('usage', 'only one thing can be read from stdin');
}
