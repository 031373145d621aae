import { parseArgs } from 'node:util';
import { type RunningDemo, startAlone } from './alone.ts';
import { ConfigError, type DemoConfig, readConfig } from './config.ts';
import { invitation } from './invitation.ts';
import type { LabEngine } from './lab/engine/engine.ts';
import { type Lab, startLab } from './lab/server/lab-server.ts';
import { ListenError } from './servers.ts';
import { tellStory } from './story.ts';
import { startWorkers } from './workers/workers.ts';

/** Starts both servers, tells the story, and stays up; with `--once` it exits, with 0 if every verdict was right. */

const usage = `Usage: npm start                  start both servers, tell the story, stay up
       npm start -- --workers N   the same in N processes (1 to 64) that share a Redis, named by REDIS_URL
       npm run demo -- --once     tell the story and exit, with 0 only if every verdict was the expected one

Settings (environment): HOST, AS_PORT, RS_PORT, LAB_PORT, AS_ORIGIN, RS_ORIGIN, TOKEN_LIFETIME, NONCE_POLICY, BINDING_MODE,
REPLAY_CAPACITY, DEMO_SERVICE_SECRET, DEMO_LEGACY_SECRET, DEMO_API_SECRET, DEMO_WEB_JWK, STATE_FILE, REDIS_URL, NONCE_SECRET,
PREVIOUS_NONCE_SECRET`;

async function main(): Promise<number> {
  const { once, help, workers } = readArguments();
  if (help) return say(usage, 0);
  const config = readConfig(process.env);
  if (workers > 1 && config.redisUrl === undefined) {
    throw new ConfigError(
      `--workers ${workers} needs REDIS_URL: what one process remembers, another must know.`,
    );
  }
  const demo = await (workers > 1 ? startWorkers(config, workers) : startAlone(config));
  const stopped = untilSignal();
  let lab: Lab | undefined;
  try {
    lab = once ? undefined : await openLab(config);
    console.log(addressesOf(demo, lab));
    const expected = await tellStory({ ...demo, config, tell: console.log });
    if (!once) {
      console.log(await invitation(demo, config));
      demo.talk();
      console.log(`\n${await stopped}: stopping`);
    }
    return expected ? 0 : 1;
  } finally {
    await lab?.close();
    await demo.close(); // also when the story broke off: servers that listen keep the process up
  }
}

/** People study thefts there; nothing of the demo's own servers takes part. */
function openLab({ labPort: port }: DemoConfig): Promise<Lab> {
  const createEngine = async (): Promise<LabEngine> => {
    const { createLabEngine } = await import('./lab/engine/lab-engine.ts'); // only once somebody looks
    return createLabEngine();
  };
  return startLab({ host: '127.0.0.1', port, createEngine, log: console.log });
}

function addressesOf({ authorizationOrigin, resourceOrigin }: RunningDemo, lab: Lab | undefined): string {
  const servers = `\nauthorization server  ${authorizationOrigin}\nresource server       ${resourceOrigin}\n`;
  return lab === undefined ? servers : `${servers}stolen-token lab      ${lab.origin}/lab\n`;
}

interface Arguments {
  readonly once: boolean;
  readonly help: boolean;
  readonly workers: number;
}

function readArguments(): Arguments {
  const options = {
    once: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
    workers: { type: 'string', default: '1' },
  } as const;
  try {
    const { values } = parseArgs({ options });
    return { ...values, workers: readWorkers(values.workers) };
  } catch (error) {
    throw new ConfigError(`${(error as Error).message}\n\n${usage}`);
  }
}

function readWorkers(text: string): number {
  if (/^[1-9]\d?$/.test(text) && Number(text) <= 64) return Number(text);
  throw new ConfigError(`--workers must be a whole number from 1 to 64, not "${text}".`);
}

function untilSignal(): Promise<string> {
  return new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => resolve(signal));
  });
}

function say(text: string, exitCode: number): number {
  console.log(text);
  return exitCode;
}

/** Mistakes of the person at the keyboard get one sentence; everything else keeps its stack. */
async function run(): Promise<void> {
  try {
    process.exitCode = await main();
  } catch (error) {
    console.error(error instanceof ConfigError || error instanceof ListenError ? error.message : error);
    process.exitCode = 1;
  }
}

await run();
