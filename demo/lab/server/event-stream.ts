import { PassThrough } from 'node:stream';
import type { Context } from 'koa';
import type { Run } from './run.ts';
import type { After } from './timer.ts';

/** The events of a run as server-sent events. Ends after `run.end`. */

const heartbeatMilliseconds = 15_000;

export function answerEvents(ctx: Context, run: Run, after: After): void {
  const last = readLastEventId(ctx.get('last-event-id'));
  const stream = new PassThrough();
  let finished = false;
  const stop = run.listen(last, (id, event) => {
    stream.write(`id: ${id}\ndata: ${JSON.stringify(event)}\n\n`);
    finished = event.type === 'run.end';
    if (finished) stream.end();
  });
  // Told all before: a browser that gets this does not come back.
  if (run.report() !== undefined && !finished) {
    stop();
    ctx.status = 204;
    return;
  }
  const calm = beat(stream, after);
  stream.once('close', () => {
    stop();
    calm();
  });
  ctx.set('connection', 'close'); // a server that closes has not to wait for it
  ctx.type = 'text/event-stream';
  ctx.body = stream;
}

/** A connection that says nothing for long is cut by somebody on the way. */
function beat(stream: PassThrough, after: After): () => void {
  let stopped = false;
  let cancel = (): void => {};
  const next = (): void => {
    cancel = after(heartbeatMilliseconds, () => {
      if (stopped || stream.writableEnded) return;
      stream.write(':\n\n');
      next();
    });
  };
  next();
  return () => {
    stopped = true;
    cancel();
  };
}

function readLastEventId(text: string): number {
  return /^\d{1,9}$/.test(text) ? Number(text) : 0;
}
