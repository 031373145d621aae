import { parentPort, workerData } from 'node:worker_threads';
import { openNetwork } from './network.ts';
import { SeparateNodes } from './separate-nodes.ts';
import { perform, type Task } from './tasks.ts';

/** A thread that performs tasks on a network of its own, one after the other, until it is told to end. */

/** What a worker is started with. */
export interface WorkerOptions {
  readonly time: 'world' | 'real';
  /** Given where bank nodes are processes of their own. */
  readonly redisUrl: string | undefined;
}

const port = parentPort;
if (port === null) throw new Error('this module is for worker threads');
const { time, redisUrl } = workerData as WorkerOptions;
const network = await openNetwork();
const separate = redisUrl === undefined ? undefined : new SeparateNodes(redisUrl);

port.on('message', (task: Task | 'end') => {
  if (task === 'end') {
    void end();
    return;
  }
  perform(task, { network, time, separate }).then(
    (result) => port.postMessage({ result }),
    (error: unknown) => port.postMessage({ broken: error instanceof Error ? error.message : 'unknown' }),
  );
});
port.postMessage({ ready: true });

async function end(): Promise<void> {
  await separate?.close().catch(() => undefined); // Redis may be gone
  process.exit();
}
