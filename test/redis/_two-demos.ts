import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { createServer, request, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { type RedisServer, startRedis } from './_server.ts';

/** Two demo processes with one Redis, behind one address: a test decides which of them it is talking to. */

export interface TwoDemos {
  readonly authorizationOrigin: string;
  readonly notesUrl: string;
  readonly redis: RedisServer;
  /** From now on every request goes to this one. */
  readonly turnTo: (which: 0 | 1) => void;
  /** The request logs of both, so far. A line may come a moment after the answer. */
  readonly lines: readonly [string[], string[]];
  readonly close: () => Promise<void>;
}

const program = fileURLToPath(new URL('_demo-process.js', import.meta.url));

export async function startTwoDemos(): Promise<TwoDemos> {
  const [redis, authorization, resource] = await Promise.all([startRedis(), openDoor(), openDoor()]);
  const environment = {
    ...process.env,
    AS_PORT: '0',
    RS_PORT: '0',
    AS_ORIGIN: authorization.origin,
    RS_ORIGIN: resource.origin,
    REDIS_URL: redis.url,
    NONCE_POLICY: 'always',
    NONCE_SECRET: '5'.repeat(64),
    NODE_V8_COVERAGE: '',
  };
  const demos = [startDemoProcess(environment), startDemoProcess(environment)] as const;
  const close = async (): Promise<void> => {
    await Promise.all([...demos, authorization, resource].map((part) => part.close()));
    await redis.stop();
  };
  try {
    const ports = await Promise.all(demos.map((demo) => demo.ports));
    const turnTo = (which: 0 | 1): void => {
      const [authorizationPort = 0, resourcePort = 0] = ports[which] ?? [];
      authorization.leadTo(authorizationPort);
      resource.leadTo(resourcePort);
    };
    turnTo(0);
    const lines = [demos[0].lines, demos[1].lines] as const;
    const authorizationOrigin = authorization.origin;
    return { authorizationOrigin, notesUrl: `${resource.origin}/api/notes`, redis, turnTo, lines, close };
  } catch (error) {
    await close();
    throw error;
  }
}

interface DemoProcess {
  readonly ports: Promise<readonly number[]>;
  readonly lines: string[];
  readonly close: () => Promise<void>;
}

function startDemoProcess(environment: NodeJS.ProcessEnv): DemoProcess {
  const child: ChildProcess = fork(program, { env: environment, execArgv: [] });
  const gone = once(child, 'close');
  const lines: string[] = [];
  const ports = new Promise<readonly number[]>((resolve, reject) => {
    child.on('message', (message: { readonly line?: string; readonly ports?: readonly number[] }) => {
      if (message.line !== undefined) lines.push(message.line);
      if (message.ports !== undefined) resolve(message.ports);
    });
    child.once('close', (code) => reject(new Error(`the demo ended with ${code} before it listened`)));
  });
  ports.catch(() => undefined); // whoever waits for it is told
  const close = async (): Promise<void> => {
    child.kill('SIGKILL');
    await gone;
  };
  return { ports, lines, close };
}

/** What a load balancer is, less the balance. It passes a request on as it came, `Host` and all. */
interface Door {
  readonly origin: string;
  readonly leadTo: (port: number) => void;
  readonly close: () => Promise<void>;
}

async function openDoor(): Promise<Door> {
  let port = 0;
  const server = createServer((incoming, answer) => {
    const { method, url: path, rawHeaders: headers } = incoming;
    const onward = request({ host: '127.0.0.1', port, method, path, headers, agent: false }, (given) => {
      answer.writeHead(given.statusCode ?? 502, given.rawHeaders);
      given.pipe(answer);
    });
    onward.on('error', () => answer.destroy());
    incoming.pipe(onward);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    leadTo: (target) => {
      port = target;
    },
    close: () => closeServer(server),
  };
}

async function closeServer(server: Server): Promise<void> {
  const closed = once(server, 'close');
  server.close();
  server.closeAllConnections();
  await closed;
}
