import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

/** The demo as a process of its own: its output, its exit code, and what it invites to try. */

const program = fileURLToPath(new URL('../../demo/main.js', import.meta.url));
export const invited = 'Requests, with the reason where one is refused:';

/** Empty means default: settings of whoever runs the tests take no part. */
export const settings: Readonly<Record<string, string>> = {
  HOST: '',
  AS_PORT: '0',
  RS_PORT: '0',
  LAB_PORT: '0',
  AS_ORIGIN: '',
  RS_ORIGIN: '',
  TOKEN_LIFETIME: '',
  NONCE_POLICY: '',
  REPLAY_CAPACITY: '',
  DEMO_SERVICE_SECRET: '',
  DEMO_LEGACY_SECRET: '',
  DEMO_API_SECRET: '',
  DEMO_WEB_JWK: '',
  REDIS_URL: '',
  STATE_FILE: '',
  NONCE_SECRET: '',
  PREVIOUS_NONCE_SECRET: '',
};

/** Nor does the coverage of these tests: it counts src, which other tests cover, and takes time to write. */
const notCovered = { NODE_V8_COVERAGE: '' };

export interface Ending {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

export class Run {
  readonly #child: ChildProcess;
  readonly ended: Promise<Ending>;
  out = '';
  err = '';

  constructor(args: readonly string[], environment: Readonly<Record<string, string>>) {
    const env = { ...process.env, ...notCovered, ...settings, ...environment };
    this.#child = spawn(process.execPath, [program, ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] });
    this.#child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.out += text;
    });
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.err += text;
    });
    this.ended = once(this.#child, 'close').then(([code]) => ({
      code: code as number | null,
      out: this.out,
      err: this.err,
    }));
  }

  /** Until the output has this text; fails when the process ends without it. */
  async says(text: string): Promise<void> {
    let over = false;
    const ended = this.ended.then(() => {
      over = true;
    });
    while (!this.out.includes(text)) {
      if (over) throw new Error(`ended without "${text}":\n${this.out}\n${this.err}`);
      await Promise.race([once(this.#child.stdout ?? this.#child, 'data'), ended]);
    }
  }

  get pid(): number {
    return this.#child.pid ?? -1;
  }

  /** Of both servers, once they have been told. */
  get origins(): string[] {
    return [...this.out.matchAll(/ server +(http:\S+)$/gm)].map(([, origin]) => origin ?? '');
  }

  signal(name: NodeJS.Signals): void {
    this.#child.kill(name);
  }
}

/** Runs the demo; whatever becomes of the test, the process is gone after it. */
export async function withRun<T>(
  args: readonly string[],
  environment: Readonly<Record<string, string>>,
  use: (run: Run) => Promise<T>,
): Promise<T> {
  const run = new Run(args, environment);
  try {
    return await use(run);
  } finally {
    run.signal('SIGKILL');
    await run.ended;
  }
}

export function runToEnd(
  args: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Promise<Ending> {
  return withRun(args, environment, ({ ended }) => ended);
}

/** The signed request to paste, as the demo printed it. */
export interface PrintedRequest {
  readonly url: string;
  readonly authorization: string;
  readonly dpop: string;
}

export function signedRequest({ out }: Run): PrintedRequest {
  const [, url = ''] = /^ {2}curl -si (\S+) \\$/m.exec(out) ?? [];
  const [, authorization = ''] = /^ +-H 'Authorization: (DPoP \S+)' \\$/m.exec(out) ?? [];
  const [, dpop = ''] = /^ +-H 'DPoP: (\S+)'$/m.exec(out) ?? [];
  return { url, authorization, dpop };
}
