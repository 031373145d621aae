import { createSigningKey, type Decision } from 'holdfast';
import { readConfig } from '../config.ts';
import { type DemoServers, ListenError, startServersOn } from '../servers.ts';
import { openState } from '../state/state.ts';
import type { Verdict } from '../story.ts';
import type { ToPrimary, ToWorker, WorkerStart } from './channel.ts';

/** One of several processes that serve both servers. The primary starts it, and tells it what all of them share. */

let servers: Promise<DemoServers> | undefined;
let chatty = false;

function report(message: ToPrimary): void {
  if (process.connected) process.send?.(message);
}

async function start(given: WorkerStart): Promise<DemoServers> {
  chatty = given.talk;
  const { authorizationPort, resourcePort } = given;
  const config = { ...readConfig(process.env), authorizationPort, resourcePort };
  const [signingKey, nextKey] = await Promise.all(
    given.signingKeys.map((jwk) => createSigningKey({ ...jwk })),
  );
  if (signingKey === undefined || nextKey === undefined) throw new Error('the primary gave no keys');
  const nonceSecret = Uint8Array.from(Buffer.from(given.nonceSecret, 'hex'));
  // Redis need not be there: the primary has seen it once, and until it is back this worker says that it is not ready.
  return startServersOn(await openState(config), { signingKey, nextKey, nonceSecret }, config, {
    log: (line) => chatty && console.log(line),
    decided: (decision) => report({ type: 'decided', verdict: toVerdict(decision) }),
  });
}

function toVerdict(decision: Decision): Verdict {
  const { outcome, jkt } = decision;
  return outcome === 'refused' ? { outcome, jkt, reason: decision.reason } : { outcome, jkt };
}

/** A mistake of the person at the keyboard is the primary's to tell, once. */
async function startAndReport(given: WorkerStart): Promise<void> {
  try {
    servers = start(given);
    const { authorizationOrigin, resourceOrigin, ports } = await servers;
    report({ type: 'listening', authorizationOrigin, resourceOrigin, ports });
  } catch (error) {
    const sentence = error instanceof ListenError ? error.message : String((error as Error).stack ?? error);
    report({ type: 'failed', sentence });
    if (process.connected) process.disconnect(); // a worker without its primary ends
  }
}

async function stop(): Promise<void> {
  const started = await servers?.catch(() => undefined);
  await started?.close();
  process.exit(0);
}

process.on('message', (message: ToWorker) => {
  if (message.type === 'start') void startAndReport(message);
  if (message.type === 'talk') chatty = true;
  if (message.type === 'flush') report({ type: 'flushed' });
  if (message.type === 'stop') void stop();
});
process.on('SIGINT', () => undefined); // Ctrl-C reaches every process of a terminal; the primary then says stop
process.once('SIGTERM', () => void stop());
report({ type: 'waiting' });
