import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Cell } from '../../../demo/lab/model.ts';
import { readEvents, type StreamEvent, type TestLab, until, withLab } from './_lab.ts';
import { report } from './_report.ts';

/** Runs: one at a time, told as they go on, stopped when nobody wants them. */

const test = suite('demo/lab/runs');

const request = { profiles: ['D5'], thefts: ['T01'] };

async function startRun({ post }: TestLab, body: unknown = request): Promise<string> {
  const response = await post('/lab/api/runs', body);
  assert.is(response.status, 202);
  return ((await response.json()) as { run: string }).run;
}

function cellAt(index: number): Cell {
  const cell = report.cells[index];
  if (cell === undefined) throw new Error('the report has no such cell');
  return cell;
}

async function collect(response: Response): Promise<StreamEvent[]> {
  const events: StreamEvent[] = [];
  for await (const event of readEvents(response)) events.push(event);
  return events;
}

test(
  'the stream tells everything from the start, with numbers, and ends after run.end',
  withLab(async (lab) => {
    const run = await startRun(lab);
    const [fake] = lab.engine.runs;
    fake?.tell({ type: 'cell', cell: cellAt(0), done: 1 });
    const stream = await lab.get(`/lab/api/runs/${run}/events`);
    assert.match(stream.headers.get('content-type') ?? '', /^text\/event-stream/);
    assert.is(stream.headers.get('cache-control'), 'no-store');
    fake?.tell({ type: 'cell', cell: cellAt(1), done: 2 });
    fake?.end();
    const events = await collect(stream);
    assert.equal(
      events.map(({ id, data }) => `${id} ${data.type}`),
      ['1 run.start', '2 cell', '3 cell', '4 run.end'],
    );
    assert.is(events[0]?.data['run'], run);
  }),
);

test(
  'whoever comes back is told what he has not heard; after the end there is nothing more to hear',
  withLab(async (lab) => {
    const run = await startRun(lab);
    const [fake] = lab.engine.runs;
    for (const done of [1, 2, 3]) fake?.tell({ type: 'cell', cell: cellAt(done), done });
    fake?.end();
    await until('the run has ended', () => fake?.signal !== undefined);
    const path = `/lab/api/runs/${run}/events`;
    const rest = await collect(await lab.get(path, { 'last-event-id': '3' }));
    assert.equal(
      rest.map(({ id, data }) => `${id} ${data.type}`),
      ['4 cell', '5 run.end'],
    );
    assert.is((await lab.get(path, { 'last-event-id': '5' })).status, 204);
    for (const odd of ['x', '-1', '1e3', '99999999999'])
      assert.is((await collect(await lab.get(path, { 'last-event-id': odd }))).length, 5, odd);
  }),
);

test(
  'a stream without news beats',
  withLab(async (lab) => {
    const run = await startRun(lab);
    const stream = await lab.get(`/lab/api/runs/${run}/events`);
    const text = stream.text();
    lab.time.pass(15_000);
    lab.time.pass(15_000);
    lab.engine.runs[0]?.end();
    assert.is((await text).match(/^:$/gm)?.length, 2);
  }),
);

test(
  'one run at a time: another is refused in one sentence, and may begin when the first has ended',
  withLab(async (lab) => {
    await startRun(lab);
    const second = await lab.post('/lab/api/runs', request);
    assert.is(second.status, 409);
    assert.equal(await second.json(), { error: 'A run is going on: wait for its end, or stop it.' });
    lab.engine.runs[0]?.end();
    await new Promise(setImmediate);
    await startRun(lab);
    assert.is(lab.engine.runs.length, 2);
  }),
);

test(
  'DELETE stops a run, which tells so and leaves an incomplete report',
  withLab(async (lab) => {
    const run = await startRun(lab);
    const events = collect(await lab.get(`/lab/api/runs/${run}/events`));
    const stopped = await fetch(`${lab.origin}/lab/api/runs/${run}`, { method: 'DELETE' });
    assert.is(stopped.status, 204);
    assert.ok(lab.engine.runs[0]?.signal.aborted);
    assert.is((await events).at(-1)?.data['complete'], false);
    const kept = (await (await lab.get(`/lab/api/runs/${run}/report.json`)).json()) as { complete: boolean };
    assert.is(kept.complete, false);
  }),
);

test(
  'a run that nobody listens to for 30 seconds is stopped; a listener who comes back in time keeps it',
  withLab(async (lab) => {
    const run = await startRun(lab);
    const fake = lab.engine.runs[0];
    lab.time.pass(29_000);
    const listener = new AbortController();
    const stream = await fetch(`${lab.origin}/lab/api/runs/${run}/events`, { signal: listener.signal });
    lab.time.pass(60_000);
    assert.is(fake?.signal.aborted, false);
    const told = collect(stream).catch(() => undefined);
    listener.abort();
    await told;
    await until('the server has noticed, and the run is stopped', () => {
      lab.time.pass(30_000);
      return fake?.signal.aborted === true;
    });
  }),
);

test(
  'a run nobody ever listened to is stopped as well',
  withLab(async (lab) => {
    assert.ok(await startRun(lab));
    lab.time.pass(29_999);
    assert.is(lab.engine.runs[0]?.signal.aborted, false);
    lab.time.pass(1);
    assert.is(lab.engine.runs[0]?.signal.aborted, true);
  }),
);

test(
  'the engine is not closed under a run',
  withLab(async (lab) => {
    const run = await startRun(lab);
    const events = collect(await lab.get(`/lab/api/runs/${run}/events`));
    lab.time.pass(600_000);
    assert.equal(lab.engine.calls, ['create']);
    lab.engine.runs[0]?.end();
    await events;
    await until('the engine is closed', () => {
      lab.time.pass(300_000);
      return lab.engine.calls.includes('close');
    });
  }),
);

test(
  'the report of a run comes in every format once it has ended',
  withLab(async (lab) => {
    const run = await startRun(lab);
    const early = await lab.get(`/lab/api/runs/${run}/report.json`);
    assert.is(early.status, 409);
    assert.equal(await early.json(), { error: 'The run goes on: its report comes at its end.' });
    lab.engine.runs[0]?.end();
    await new Promise(setImmediate);
    for (const format of ['json', 'md', 'csv', 'html', 'junit'])
      assert.is((await lab.get(`/lab/api/runs/${run}/report.${format}`)).status, 200, format);
    assert.is((await lab.get(`/lab/api/runs/${run}/report.pdf`)).status, 404);
  }),
);

test(
  'a run that breaks ends with a fixed sentence, leaves no report, and makes room for the next',
  withLab(async (lab) => {
    const run = await startRun(lab);
    const events = collect(await lab.get(`/lab/api/runs/${run}/events`));
    lab.engine.runs[0]?.fail(new Error('out of sockets'));
    const last = (await events).at(-1)?.data;
    assert.is(last?.['reason'], 'The run broke; the log of the lab says why.');
    assert.is(last?.['complete'], false);
    assert.equal(lab.lines, ['lab: Error: out of sockets']);
    assert.is((await lab.get(`/lab/api/runs/${run}/report.json`)).status, 404);
    await startRun(lab);
  }),
);

test(
  'a few runs that have ended are kept; others, and those that never were, are not found',
  withLab(async (lab) => {
    const ids: string[] = [];
    for (let count = 0; count < 6; count++) {
      ids.push(await startRun(lab));
      lab.engine.runs.at(-1)?.end();
      await new Promise(setImmediate);
    }
    const statuses = ids.map(async (id) => (await lab.get(`/lab/api/runs/${id}/report.json`)).status);
    assert.equal(await Promise.all(statuses), [404, 200, 200, 200, 200, 200]);
    for (const path of ['/lab/api/runs/x/events', '/lab/api/runs/__proto__/report.json'])
      assert.is((await lab.get(path)).status, 404);
  }),
);

test(
  'a run of every theft is one of all honest users and of the cost; one of a few is not, unless it says so',
  withLab(async (lab) => {
    for (const [body, honest, cost] of [
      [request, [], false],
      [{ profiles: ['bearer', 'M00'], thefts: ['T01', 'T06'] }, ['H04'], true],
      [{ ...request, honestTests: ['fast-clock'], cost: true }, ['H04'], true],
    ] as const) {
      await startRun(lab, body);
      const fake = lab.engine.runs.at(-1);
      assert.equal(fake?.request.honestTests, honest);
      assert.is(fake?.request.cost, cost);
      fake?.end();
      await new Promise(setImmediate);
    }
    assert.equal(lab.engine.runs[1]?.request.profiles, ['M00']);
  }),
);

test.run();
