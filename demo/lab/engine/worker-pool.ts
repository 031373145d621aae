import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { brokenTask, type Task, type TaskResult } from './tasks.ts';
import type { WorkerOptions } from './worker.ts';

/** As many threads as there are cores, each with the next task that nobody has taken. */
export interface WorkerPool {
  /** Tells of each result as it comes; ends early, with what there is, when the signal is aborted. */
  perform(tasks: readonly Task[], tell: (result: TaskResult) => void, signal: AbortSignal): Promise<void>;
  close(): Promise<void>;
}

const maxWorkers = 8;
/** How long a worker may take to end, in milliseconds: as long as a try may. */
const patience = 60_000;

export function createWorkerPool(options: WorkerOptions): WorkerPool {
  const workers = new Set<Worker>();
  const size = Math.min(availableParallelism(), maxWorkers);
  return {
    perform: async (tasks, tell, signal) => {
      const queue = tasks.values();
      const work = async (): Promise<void> => {
        let worker: Worker | undefined;
        for (const task of queue) {
          if (signal.aborted) break;
          worker ??= await startWorker(options, workers);
          const answer = await ask(worker, task, signal);
          if (answer === 'gone') worker = undefined;
          const result = answer === 'gone' ? brokenTask(task, 'the worker ended') : answer;
          if (result !== undefined && !signal.aborted) tell(result);
        }
        if (worker !== undefined) await end(worker, workers);
      };
      await Promise.all(Array.from({ length: Math.min(size, tasks.length) }, work));
    },
    close: async () => {
      await Promise.all([...workers].map((worker) => end(worker, workers)));
    },
  };
}

async function startWorker(options: WorkerOptions, workers: Set<Worker>): Promise<Worker> {
  const worker = new Worker(new URL('./worker.js', import.meta.url), {
    workerData: options,
    // The row with a shared secret is there to be looked at: once for each thread would be too often.
    execArgv: [...process.execArgv, '--disable-warning=HOLDFAST_SYMMETRIC_KEY'],
  });
  workers.add(worker);
  await new Promise<void>((resolve, reject) => {
    worker.once('message', () => resolve());
    worker.once('error', reject);
  });
  worker.on('error', () => undefined); // whoever waits is told by its exit
  worker.once('exit', () => workers.delete(worker));
  return worker;
}

async function end(worker: Worker, workers: Set<Worker>): Promise<void> {
  workers.delete(worker);
  const ended = new Promise((resolve) => worker.once('exit', resolve));
  const impatient = setTimeout(() => void worker.terminate(), patience);
  worker.postMessage('end');
  await ended;
  clearTimeout(impatient);
}

type Reply = { readonly result: TaskResult } | { readonly broken: string };

function ask(worker: Worker, task: Task, signal: AbortSignal): Promise<TaskResult | 'gone' | undefined> {
  return new Promise((resolve) => {
    const settle = (answer: TaskResult | 'gone' | undefined): void => {
      worker.off('message', hear);
      worker.off('exit', leave);
      signal.removeEventListener('abort', leave);
      resolve(answer);
    };
    const hear = (reply: Reply): void =>
      settle('result' in reply ? reply.result : brokenTask(task, reply.broken));
    const leave = (): void => settle('gone');
    worker.on('message', hear);
    worker.once('exit', leave);
    signal.addEventListener('abort', leave, { once: true });
    worker.postMessage(task);
  });
}
