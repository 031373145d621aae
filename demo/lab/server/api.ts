import { Router } from '@koa/router';
import type { Context } from 'koa';
import type { Report } from '../model.ts';
import { areRecordings, complaintAbout, maxRecordings } from '../report/check-report.ts';
import { formats, type ReportFormat, toReportFile } from '../report/report-file.ts';
import { ApiError, badField, messageOf } from './api-error.ts';
import { answerEvents } from './event-stream.ts';
import { readBody, readWord } from './fields.ts';
import type { EngineKeeper } from './idle.ts';
import { answerFrom, expectationFile } from './page-files.ts';
import { readJson } from './read-body.ts';
import { readBench, readRun, readTry } from './requests.ts';
import type { Run } from './run.ts';
import type { Runs } from './runs.ts';
import type { After } from './timer.ts';

/** What the page asks of the lab. Everything is JSON, but for the events of a run and files to keep. */

export interface ApiParts {
  readonly keeper: EngineKeeper;
  readonly runs: Runs;
  readonly after: After;
}

export function createApi(parts: ApiParts): Router {
  const { keeper, runs, after } = parts;
  return new Router({ prefix: '/lab/api', sensitive: true, strict: true })
    .get('/catalogue', async (ctx) => {
      ctx.body = (await keeper.get()).catalogue;
    })
    .get('/report', (ctx) => answerFrom(ctx, expectationFile))
    .post('/tries', readJson(1), async (ctx) => {
      const engine = await keeper.get();
      const request = readTry(ctx.request.body, engine.catalogue);
      ctx.body = await orRefused(engine.record(request));
    })
    .post('/bench', readJson(1), async (ctx) => {
      const engine = await keeper.get();
      const request = readBench(ctx.request.body, engine.catalogue);
      ctx.body = await orRefused(engine.bench(request));
    })
    .post('/runs', readJson(1), (ctx) => startRun(ctx, parts))
    .get('/runs/:run/events', (ctx) => answerEvents(ctx, runOf(ctx, runs), after))
    .delete('/runs/:run', async (ctx) => {
      await runOf(ctx, runs).stop();
      ctx.status = 204;
    })
    .get('/runs/:run/report.:format', (ctx) => answerReport(ctx, parts))
    .post('/export', readJson(20), (ctx) => answerExport(ctx, parts));
}

/** What the engine takes for a mistake of the caller, though every name in it is known. */
async function orRefused<T>(asked: Promise<T>): Promise<T> {
  try {
    return await asked;
  } catch (error) {
    if (error instanceof TypeError) throw new ApiError(400, `This cannot be tried: ${messageOf(error)}.`);
    throw error;
  }
}

async function startRun(ctx: Context, { keeper, runs }: ApiParts): Promise<void> {
  const engine = await keeper.get();
  const request = readRun(ctx.request.body, engine.catalogue);
  const release = keeper.hold();
  try {
    ctx.body = { run: runs.start(engine, request, release).id };
    ctx.status = 202;
  } catch (error) {
    release();
    throw error;
  }
}

async function answerReport(ctx: Context, { keeper, runs }: ApiParts): Promise<void> {
  const report = runOf(ctx, runs).report();
  const format = formats.find((one) => one === ctx['params'].format);
  if (format === undefined) throw new ApiError(404, `There are reports as ${formats.join(', ')}.`);
  if (report === undefined) throw new ApiError(409, 'The run goes on: its report comes at its end.');
  if (report === null) throw new ApiError(404, 'The run broke, and left no report.');
  const { checks } = (await keeper.get()).catalogue;
  sendFile(ctx, await toReportFile(format, report, [], { checks }));
}

const exported: readonly ReportFormat[] = ['html', 'json', 'md', 'csv'];

async function answerExport(ctx: Context, { keeper }: ApiParts): Promise<void> {
  const body = readBody(ctx.request.body, ['format', 'report', 'recordings']);
  const format = readWord(body, 'format', exported);
  const report = await readReport(body['report']);
  const recordings = body['recordings'] ?? [];
  if (!areRecordings(recordings))
    throw badField('recordings', `a list of at most ${maxRecordings} recordings`);
  const { checks } = (await keeper.get()).catalogue;
  sendFile(ctx, await toReportFile(format, report, recordings, { checks }));
}

async function readReport(value: unknown): Promise<Report> {
  const complaint = await complaintAbout(value);
  if (complaint !== undefined) throw new ApiError(400, complaint, 'report');
  return value as Report; // as the schema has just said
}

/** To be kept, not shown: what is in it has no business on this origin. */
function sendFile(ctx: Context, file: Awaited<ReturnType<typeof toReportFile>>): void {
  ctx.set('content-disposition', `attachment; filename="${file.name}"`);
  ctx.type = file.type;
  ctx.body = file.body;
}

function runOf(ctx: Context, runs: Runs): Run {
  return runs.get(String(ctx['params'].run));
}
