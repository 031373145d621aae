import { type Lab, startLab } from '../../../demo/lab/server/lab-server.ts';
import type { After } from '../../../demo/lab/server/timer.ts';
import { createFakeEngine, type FakeEngine } from './_fake-engine.ts';

/** The lab's server on a free port, with an engine that the test steers and a clock that it moves. */
export interface TestLab extends Lab {
  readonly engine: FakeEngine;
  readonly lines: string[];
  readonly time: TestTime;
  readonly get: (path: string, headers?: Readonly<Record<string, string>>) => Promise<Response>;
  readonly post: (
    path: string,
    body: unknown,
    headers?: Readonly<Record<string, string>>,
  ) => Promise<Response>;
}

export function withLab(run: (lab: TestLab) => Promise<void>): () => Promise<void> {
  return async () => {
    const engine = createFakeEngine();
    const lines: string[] = [];
    const time = createTime();
    const log = (line: string): void => void lines.push(line);
    const lab = await startLab({
      host: '127.0.0.1',
      port: 0,
      createEngine: engine.create,
      log,
      after: time.after,
    });
    const get: TestLab['get'] = (path, headers = {}) =>
      fetch(`${lab.origin}${path}`, { headers, redirect: 'manual' });
    const post: TestLab['post'] = (path, body, headers = {}) =>
      fetch(`${lab.origin}${path}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...headers },
        body: typeof body === 'string' ? body : JSON.stringify(body),
      });
    try {
      await run({ ...lab, engine, lines, time, get, post });
    } finally {
      await lab.close();
    }
  };
}

export interface TestTime {
  readonly after: After;
  /** Time passes; what is due is called. */
  readonly pass: (milliseconds: number) => void;
}

function createTime(): TestTime {
  const due = new Set<{ readonly at: number; readonly run: () => void }>();
  let now = 0;
  const after: After = (milliseconds, run) => {
    const timer = { at: now + milliseconds, run };
    due.add(timer);
    return () => void due.delete(timer);
  };
  const pass = (milliseconds: number): void => {
    now += milliseconds;
    for (const timer of [...due].filter(({ at }) => at <= now)) {
      due.delete(timer);
      timer.run();
    }
  };
  return { after, pass };
}

/** Until it is so; what two processes or sockets agree on takes a moment. */
export async function until(what: string, holds: () => boolean): Promise<void> {
  for (let look = 0; look < 500; look++) {
    if (holds()) return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error(`it never came to this: ${what}`);
}

/** One event of a stream, as it came over the wire. */
export interface StreamEvent {
  readonly id: string;
  readonly data: { readonly type: string } & Readonly<Record<string, unknown>>;
}

/** Events as they come. The caller breaks off or hears the end. */
export async function* readEvents(response: Response): AsyncGenerator<StreamEvent> {
  let text = '';
  for await (const part of response.body?.pipeThrough(new TextDecoderStream()) ?? []) {
    text += part;
    const blocks = text.split('\n\n');
    text = blocks.pop() ?? '';
    for (const block of blocks) {
      const found = /^id: (\d+)\ndata: (.*)$/.exec(block);
      if (found !== null) yield { id: found[1] ?? '', data: JSON.parse(found[2] ?? '') };
    }
  }
}
