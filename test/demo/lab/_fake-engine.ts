import type { LabEngine, RunRequest } from '../../../demo/lab/engine/engine.ts';
import type { BenchAnswer, Report, RunEvent } from '../../../demo/lab/model.ts';
import { catalogue, recording, report } from './_report.ts';

/** An engine that does what a test of the server tells it to: the server is tested without worlds. */
export interface FakeEngine {
  readonly create: () => Promise<LabEngine>;
  /** What happened, in order: `create`, `record D5 T01`, `close`. */
  readonly calls: string[];
  readonly runs: FakeRun[];
  /** Thrown by `create`, `record` and `bench` while it is set. */
  breaks: Error | undefined;
}

/** One run, under way until the test ends it or the server aborts it. */
export interface FakeRun {
  readonly request: RunRequest;
  readonly tell: (event: RunEvent) => void;
  readonly signal: AbortSignal;
  readonly end: (changes?: Partial<Report>) => void;
  readonly fail: (error: Error) => void;
}

export function createFakeEngine(): FakeEngine {
  const calls: string[] = [];
  const runs: FakeRun[] = [];
  const fake: FakeEngine = { create, calls, runs, breaks: undefined };
  return fake;

  async function create(): Promise<LabEngine> {
    call('create');
    return {
      catalogue,
      record: async ({ profile, theft }) => {
        call(`record ${profile} ${theft}`);
        return recording;
      },
      bench: async ({ profile }) => {
        call(`bench ${profile}`);
        return answer;
      },
      run: (request, tell, signal) => startRun(runs, request, tell, signal),
      close: async () => void calls.push('close'),
    };
  }

  function call(name: string): void {
    calls.push(name);
    if (fake.breaks !== undefined) throw fake.breaks;
  }
}

const answer: BenchAnswer = {
  proof: 'a.b.c',
  header: {},
  claims: {},
  request: { method: 'GET', url: 'https://bank.example/accounts', headers: [] },
  status: 200,
  headers: [],
  body: '',
  verdict: 'accepted',
  decidedBy: null,
  checks: [],
};

function startRun(
  runs: FakeRun[],
  request: RunRequest,
  tell: (event: RunEvent) => void,
  signal: AbortSignal,
): Promise<Report> {
  return new Promise((resolve, reject) => {
    const end = (changes: Partial<Report> = {}): void => {
      const ended: Report = { ...report, ...changes };
      tell({
        type: 'run.end',
        complete: ended.complete,
        seconds: 1,
        reason: ended.complete ? null : 'stopped',
      });
      resolve(ended);
    };
    signal.addEventListener('abort', () => end({ complete: false }));
    runs.push({ request, tell, signal, end, fail: reject });
    tell({ type: 'run.start', run: 'its own', total: 2, mode: request.mode, seats: request.seats });
  });
}
