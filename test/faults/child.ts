import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';

/** Worker processes that never outlive this one. */

const running = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

/** Starts a worker of this folder, and resolves when it has taken its setup. */
export async function startChild(file: string, setup: object): Promise<ChildProcess> {
  const child = fork(new URL(file, import.meta.url), { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
  running.add(child);
  child.once('exit', () => running.delete(child));
  child.send(setup);
  const early = once(child, 'exit').then(() => Promise.reject(new Error(`${file} ended at its start`)));
  await Promise.race([once(child, 'message'), early]);
  early.catch(() => undefined);
  return child;
}

export async function killChild(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  child.kill('SIGKILL');
  await gone;
}
