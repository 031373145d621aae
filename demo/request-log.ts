import Koa, { type Context, type Middleware } from 'koa';

/** What a log line may tell of a refusal or an acceptance: reasons and thumbprints, never tokens or proofs. */
export interface LogState {
  dpop?: { readonly jkt: string };
  dpopRefusal?: { readonly reason: string; readonly jkt: string | undefined };
}

/** One line for each request: server, method, path without query, status, time, and why it was refused. */
export function requestLog(server: string, write: (line: string) => void): Middleware {
  return async function log(ctx, next) {
    const begun = performance.now();
    const path = pathOf(ctx);
    let thrown: number | undefined;
    try {
      if (path === undefined) ctx.throw(400, 'The request target is no URL');
      await next();
    } catch (error) {
      thrown = error instanceof Koa.HttpError ? error.status : 500; // Koa answers it only after us
      throw error;
    } finally {
      const { dpop, dpopRefusal } = ctx.state as LogState;
      const jkt = dpop?.jkt ?? dpopRefusal?.jkt;
      const milliseconds = (performance.now() - begun).toFixed(1);
      const words = [
        new Date().toISOString(),
        server,
        ctx.method,
        printable(path ?? '-'),
        thrown ?? ctx.status,
        `${milliseconds}ms`,
      ];
      if (dpopRefusal !== undefined) words.push(dpopRefusal.reason);
      if (jkt !== undefined) words.push(`jkt=${jkt}`);
      write(words.join(' '));
    }
  };
}

/** Koa's parser throws on some absolute-form targets, such as one with broken user info. */
function pathOf(ctx: Context): string | undefined {
  try {
    return ctx.path;
  } catch {
    return undefined;
  }
}

/** A path comes from the caller: escaped, so that it cannot forge a line, and cut. */
function printable(path: string): string {
  return JSON.stringify(path).slice(1, -1).slice(0, 200);
}
