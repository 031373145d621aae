import { randomUUID } from 'node:crypto';
import type { LabEngine, RunRequest } from '../engine/engine.ts';
import type { Report, RunEvent } from '../model.ts';
import { ApiError } from './api-error.ts';
import { createRun, type Run } from './run.ts';
import type { After } from './timer.ts';

/** The runs of this server: one at a time, and the last few that have ended. */
export interface Runs {
  /** @throws ApiError 409 while another one goes on. */
  start(engine: LabEngine, request: RunRequest, ended: () => void): Run;
  /** @throws ApiError 404 */
  get(id: string): Run;
  /** Stops what goes on, and waits for its end. */
  close(): Promise<void>;
}

const kept = 5;

export interface RunsOptions {
  readonly after: After;
  /** How long a run goes on that nobody listens to. */
  readonly unheardMilliseconds: number;
  readonly failed: (error: unknown) => void;
}

export function createRuns(options: RunsOptions): Runs {
  const runs = new Map<string, Run>();
  const start = (engine: LabEngine, request: RunRequest, ended: () => void): Run => {
    if ([...runs.values()].some(({ report }) => report() === undefined))
      throw new ApiError(409, 'A run is going on: wait for its end, or stop it.');
    const run = createRun(randomUUID(), workOf(engine, request), { ...options, ended });
    runs.set(run.id, run);
    for (const id of [...runs.keys()].slice(0, -kept)) runs.delete(id);
    return run;
  };
  const get = (id: string): Run => {
    const run = runs.get(id);
    if (run === undefined) throw new ApiError(404, 'There is no such run, or it is too long ago.');
    return run;
  };
  const close = async (): Promise<void> => {
    await Promise.all([...runs.values()].map((run) => run.stop()));
  };
  return { start, get, close };
}

function workOf(
  engine: LabEngine,
  request: RunRequest,
): (tell: (event: RunEvent) => void, signal: AbortSignal) => Promise<Report> {
  return (tell, signal) => engine.run(request, tell, signal);
}
