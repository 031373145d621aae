import { parentPort, workerData } from 'node:worker_threads';
import { openNetwork } from './network.ts';
import { SeparateNodes } from './separate-nodes.ts';
import { perform, type Task } from './tasks.ts';

/** A thread that performs tasks on a network of its own, one after the other, until it is told to end. */

/** What a worker is started with. */
export interface WorkerOptions {
  readonly time: 'world' | 'real';
  readonly redisUrl: string | undefined;
  /** Whether bank nodes are processes of their own, which takes the Redis. */
  readonly separate: boolean;
}

const port = parentPort;
if (port === null) throw new Error('this module is for worker threads');
const { time, redisUrl, separate: isSeparate } = workerData as WorkerOptions;
const network = await openNetwork();
const separate = isSeparate && redisUrl !== undefined ? new SeparateNodes(redisUrl) : undefined;

let isOver = false;
let current: Promise<void> = Promise.resolve();

port.on('message', (task: Task | 'end') => {
  if (task === 'end') {
    isOver = true;
    void current.then(end);
    return;
  }
  current = perform(task, { network, time, redisUrl, separate, isOver: () => isOver }).then(
    (result) => port.postMessage({ result }),
    (error: unknown) => port.postMessage({ broken: error instanceof Error ? error.message : 'unknown' }),
  );
});
port.postMessage({ ready: true });

/** By letting go of everything: a thread that is ended in the middle of a request takes the whole process with it. */
async function end(): Promise<void> {
  await separate?.close().catch(() => undefined); // Redis may be gone
  await network.close();
  port?.close();
}
