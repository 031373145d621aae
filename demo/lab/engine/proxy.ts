import type { IncomingMessage, ServerResponse } from 'node:http';
import type { CapturedRequest } from './loot.ts';
import type { Scheme } from './network.ts';
import type { World } from './world.ts';

/** A reverse proxy in front of the bank: honest until it is told otherwise. */
export interface ReverseProxy {
  readonly handle: (request: IncomingMessage, response: ServerResponse) => Promise<void>;
  /** Keeps the next request back, and answers 504: who sent it does not know where it went. */
  hold(): void;
  /** What was kept back. */
  readonly held: readonly CapturedRequest[];
  /** The scheme on the inner side; else the one of the outer side. */
  innerScheme: Scheme | undefined;
  /** Changes what passes through. */
  tamper(change: (request: CapturedRequest) => CapturedRequest): void;
}

/** Where the bank's own proxy sends from: whom the bank may believe what it says of others. */
export const proxyAddress = '127.0.0.5';

export function createProxy(world: World): ReverseProxy {
  const held: CapturedRequest[] = [];
  let isHolding = false;
  let change: (request: CapturedRequest) => CapturedRequest = (request) => request;
  const proxy: ReverseProxy = {
    held,
    innerScheme: undefined,
    hold: () => {
      isHolding = true;
    },
    tamper: (next) => {
      change = next;
    },
    handle: async (request, response) => {
      const { method, target: path, headers, body, address } = world.exchangeOf(request);
      const captured: CapturedRequest = { method, path, headers, body };
      if (isHolding) {
        held.push(captured);
        response.writeHead(504).end();
        return;
      }
      const onward = change(captured);
      const forwarded = [...withoutHop(onward.headers), ['X-Forwarded-For', address] as const];
      const message = { ...onward, headers: forwarded };
      const answer = await world.network.send(
        { party: 'proxy', address: proxyAddress },
        'bank-a',
        proxy.innerScheme ?? world.scheme,
        message,
      );
      for (const [name, value] of withoutHop(answer.headers)) response.appendHeader(name, value);
      response.writeHead(answer.status).end(answer.body);
    },
  };
  return proxy;
}

/** Headers of one hop, and those of ours. */
const hop = ['connection', 'keep-alive', 'transfer-encoding', 'content-length', 'date', 'lab-exchange'];

function withoutHop<T extends readonly [string, string]>(headers: readonly T[]): T[] {
  return headers.filter(([name]) => !hop.includes(name.toLowerCase()));
}
