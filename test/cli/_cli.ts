import { spawn } from 'node:child_process';
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer, text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import type { Shell } from '../../src/cli/shell.ts';
import type { DpopKeyPair } from '../../src/client/index.ts';
import { generateKeyPair } from '../_setup.ts';

/** The program as its users run it, a folder for its files, and servers for it to call. */

export const program: string = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url));

export interface Ran {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

export interface RunOptions {
  readonly stdin?: string | Uint8Array;
  readonly env?: Readonly<Record<string, string>>;
}

/** Runs the compiled program in a process of its own, with nothing of ours in its variables. */
export async function holdfast(args: readonly string[], options: RunOptions = {}): Promise<Ran> {
  const { HOLDFAST_TOKEN: _, NO_COLOR: __, ...env } = process.env;
  const child = spawn(process.execPath, [program, ...args], { env: { ...env, ...options.env } });
  child.stdin.on('error', () => undefined); // it may end without reading
  child.stdin.end(options.stdin ?? '');
  const [code, out, err] = await Promise.all([
    new Promise<number | null>((resolve) => child.on('close', resolve)),
    text(child.stdout),
    text(child.stderr),
  ]);
  return { code, out, err };
}

/** A folder that is gone afterwards. */
export class Scratch {
  readonly path: string;

  private constructor(path: string) {
    this.path = path;
  }

  static async make(): Promise<Scratch> {
    return new Scratch(await mkdtemp(join(tmpdir(), 'holdfast-cli-')));
  }

  file(name: string): string {
    return join(this.path, name);
  }

  /** Writes a file with exactly this mode, whatever the umask. */
  async write(name: string, content: string | Uint8Array, mode = 0o600): Promise<string> {
    const path = this.file(name);
    await writeFile(path, content);
    await chmod(path, mode);
    return path;
  }

  read(name: string): Promise<string> {
    return readFile(this.file(name), 'utf8');
  }

  remove(): Promise<void> {
    return rm(this.path, { recursive: true });
  }
}

/** A key and the private JWK that a file would hold. */
export async function makeKey(
  algorithm: 'ES256' | 'Ed25519' = 'ES256',
): Promise<{ readonly keyPair: DpopKeyPair; readonly jwk: Readonly<Record<string, string>> }> {
  const keyPair = await generateKeyPair({ algorithm, extractable: true });
  const { kty, crv, x, y, d } = await crypto.subtle.exportKey('jwk', keyPair.privateKey);
  return { keyPair, jwk: JSON.parse(JSON.stringify({ kty, crv, x, y, d })) };
}

export interface Received {
  readonly method: string;
  readonly target: string;
  readonly headers: IncomingMessage['headers'];
  readonly rawHeaders: readonly string[];
  readonly body: Buffer;
}

export interface Loopback {
  readonly origin: string;
  readonly received: readonly Received[];
  readonly close: () => void;
}

type Handler = (request: Received, response: ServerResponse, origin: string) => void | Promise<void>;

/** A server that keeps what it was sent. */
export async function serve(handler: Handler): Promise<Loopback> {
  const received: Received[] = [];
  let origin = '';
  const server = createServer((incoming, response) => {
    void (async () => {
      const { method = '', url: target = '', headers, rawHeaders } = incoming;
      const request = { method, target, headers, rawHeaders, body: await buffer(incoming) };
      received.push(request);
      await handler(request, response, origin);
    })();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    origin,
    received,
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}

/** A shell in memory: for what a process cannot be put into. */
export function fakeShell(changes: Partial<Shell> = {}): Shell & { readonly text: () => string } {
  let written = '';
  const output = {
    write(data: string | Uint8Array, done: (error?: Error | null) => void): void {
      written += Buffer.from(data).toString();
      done();
    },
  };
  const stdin = (async function* (): AsyncGenerator<string> {})();
  return { stdin, stdout: output, stderr: output, env: {}, ...changes, text: () => written };
}
