import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import Koa, { type Middleware } from 'koa';
import { ListenError } from '../../servers.ts';
import type { LabEngine } from '../engine/engine.ts';
import { createApi } from './api.ts';
import { ApiError, answerApiErrors, describe } from './api-error.ts';
import { admitOwn, ownHosts } from './guard.ts';
import { createEngineKeeper, type EngineKeeper } from './idle.ts';
import { answerFile, listPageFiles } from './page-files.ts';
import { createRuns } from './runs.ts';
import { type After, afterReal } from './timer.ts';

/** The lab's own origin: its page, and what the page asks. On this machine only. */

export interface LabOptions {
  /** A loopback address. */
  readonly host: string;
  /** 0 takes any free port. */
  readonly port: number;
  readonly createEngine: () => Promise<LabEngine>;
  readonly log: (line: string) => void;
  /** After so long without a request, an open stream or a run the engine is closed; default: five minutes. */
  readonly idleMilliseconds?: number;
  /** Default: by the system's clock. */
  readonly after?: After;
}

export interface Lab {
  readonly origin: string;
  close(): Promise<void>;
}

const loopback = /^(?:localhost|127(?:\.\d+){3}|::1)$/;
const unheardMilliseconds = 30_000;

/** @throws ListenError in one sentence, where the port cannot be had. */
export async function startLab(options: LabOptions): Promise<Lab> {
  const { host, port, createEngine, log, after = afterReal, idleMilliseconds = 300_000 } = options;
  if (!loopback.test(host)) throw new TypeError('The lab listens on loopback addresses only.');
  const server = createServer();
  await listen(server, host, port);
  const hosts = ownHosts(host, portOf(server));
  const failed = (error: unknown): void => log(`lab: ${describe(error)}`);
  const keeper = createEngineKeeper(createEngine, after, idleMilliseconds, failed);
  const runs = createRuns({ after, unheardMilliseconds, failed });
  const api = createApi({ keeper, runs, after });
  const app = new Koa();
  app.silent = true; // errors are logged by us, without what a caller sent
  app.use(admitOwn(hosts)).use(answerApiErrors(log)).use(holdEngine(keeper));
  app.use(noStore).use(api.routes()).use(api.allowedMethods()).use(answerPage());
  server.on('request', app.callback());
  const close = async (): Promise<void> => {
    const closed = closeServer(server);
    await runs.close();
    await closed;
    await keeper.close();
  };
  return { origin: `http://${host.includes(':') ? `[${host}]` : host}:${portOf(server)}`, close };
}

/** For as long as the answer takes, streams included. */
function holdEngine(keeper: EngineKeeper): Middleware {
  return (ctx, next) => {
    const release = keeper.hold();
    ctx.res.once('close', release);
    return next();
  };
}

const noStore: Middleware = (ctx, next) => {
  if (ctx.path.startsWith('/lab/api/')) ctx.set('cache-control', 'no-store');
  return next();
};

function answerPage(): Middleware {
  const files = listPageFiles();
  return async (ctx) => {
    if (ctx.path.startsWith('/lab/api/')) return; // not found, or found under another method
    if (!['GET', 'HEAD'].includes(ctx.method)) throw new ApiError(405, 'Pages can only be read.');
    if (ctx.path === '/' || ctx.path === '/lab/') ctx.redirect('/lab');
    else if (ctx.path === '/favicon.ico') ctx.status = 204;
    else await answerFile(ctx, files);
  };
}

const patience = 1000; // milliseconds

/** Streams that have just ended get through; what is not over soon is cut off. */
async function closeServer(server: Server): Promise<void> {
  const closed = once(server, 'close');
  server.close();
  const impatient = setTimeout(() => server.closeAllConnections(), patience);
  await closed;
  clearTimeout(impatient);
}

async function listen(server: Server, host: string, port: number): Promise<void> {
  server.listen(port, host);
  try {
    await once(server, 'listening');
  } catch (error) {
    throw new ListenError(sentenceFor(error as NodeJS.ErrnoException, host, port), { cause: error });
  }
}

function sentenceFor({ code }: NodeJS.ErrnoException, host: string, port: number): string {
  const what = code === 'EADDRINUSE' ? 'is in use: stop what listens there, or' : `cannot be had (${code}):`;
  return `Port ${port} on ${host} ${what} set LAB_PORT.`;
}

function portOf(server: Server): number {
  return (server.address() as AddressInfo).port;
}
