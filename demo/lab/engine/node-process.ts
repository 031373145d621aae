import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createNonces, type ReplayStore } from 'holdfast';
import { createRedisReplayStore } from 'holdfast/redis';
import { Redis } from 'ioredis';
import { request } from 'undici';
import { findProfile } from '../catalogue.ts';
import type { HeaderLine } from '../model.ts';
import { type BankBooks, BankNode } from './bank.ts';
import { exchangeHeader, readBody, tellAnswer, toLines } from './exchange-wire.ts';
import { loadLibrary } from './library.ts';
import { createRecorder, type Exchange } from './recorder.ts';
import type { FromNode, NodeInit, ToNode } from './separate-nodes.ts';
import { originsOf, type World } from './world.ts';

/** One bank node in a process of its own. What it does is told to the process that started it. */

let books: BankBooks | undefined;
let callback: ((request: IncomingMessage, response: ServerResponse) => unknown) | undefined;
let world: World | undefined;
let redis: Redis | undefined;
let now = 0;
let count = 0;
const exchanges = new WeakMap<IncomingMessage, Exchange>();

function tell(message: FromNode): void {
  process.send?.(message);
}

const server = createServer((incoming, response) => void answer(incoming, response));
server.listen(0, '127.0.0.1');

process.on('message', (message: ToNode) => {
  if (message.kind === 'clock') {
    now = message.now;
    tell({ kind: 'clock' });
    return;
  }
  begin(message.init).then(
    () => tell({ kind: 'ready', port: (server.address() as AddressInfo).port }),
    (error: unknown) => {
      console.error(error instanceof Error ? error.message : 'the bank node could not begin');
      process.exitCode = 1;
      process.disconnect();
    },
  );
});
process.on('disconnect', () => process.exit());

async function begin(init: NodeInit): Promise<void> {
  now = init.now;
  redis ??= new Redis(init.redisUrl, { maxRetriesPerRequest: 1 });
  world = await createPart(init);
  const { dpop } = world.profile.settings;
  const store: ReplayStore | undefined =
    dpop?.sharedStore === true
      ? createRedisReplayStore({ client: redis, name: init.name, deadline: 2000 })
      : undefined;
  const nonces = createNonces({ secret: new Uint8Array(Buffer.from(init.nonceSecret, 'hex')) });
  books = { transfers: [], sessions: new Map(), nonces, store, born: init.now - 7200 };
  callback = new BankNode(world, init.id, books, init.isRestarted).app.callback();
}

/** The part of a world that a bank node without mitigations of its own has to do with. */
async function createPart(init: NodeInit): Promise<World> {
  const profile = findProfile(init.profile);
  const clock = { now: () => (init.time === 'real' ? Date.now() / 1000 : now), elapsed: () => 0 };
  const part = {
    profile,
    scheme: profile.settings.scheme,
    clock,
    recorder: createRecorder(init.keeps, () => 0),
    library: await loadLibrary(init.without),
    without: init.without,
    origins: originsOf(profile.settings.scheme),
    canary: init.canary,
    protections: [],
    exchangeOf: (incoming: IncomingMessage) => exchanges.get(incoming) as Exchange,
    network: {
      send: (_from: unknown, _to: unknown, _scheme: unknown, message: Asked) =>
        askIssuer(init.issuerPort, message),
    },
  };
  return part as unknown as World;
}

interface Asked {
  readonly method: string;
  readonly path: string;
  readonly headers: readonly HeaderLine[];
  readonly body: string | null;
}

async function askIssuer(
  port: number,
  { method, path, headers, body }: Asked,
): Promise<{ status: number; body: string }> {
  const asked = { method: method as 'GET', headers: headers.flat(), body };
  const answered = await request(`http://127.0.0.1:${port}${path}`, asked);
  return { status: answered.statusCode, body: await answered.body.text() };
}

async function answer(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
  const body = await readBody(incoming);
  const headers = toLines(incoming.rawHeaders);
  const { remoteAddress: address = '', remotePort: port = 0 } = incoming.socket;
  const { method = '', url: target = '' } = incoming;
  count += 1;
  const id = `${process.pid}-${count}`;
  const exchange: Exchange = {
    id: count,
    from: 'alice',
    to: 'bank-a',
    address,
    method,
    target,
    headers,
    body,
    decidedBy: null,
    checks: [],
  };
  exchanges.set(incoming, exchange);
  response.sendDate = false;
  response.setHeader('date', new Date((world as World).clock.now('bank-a') * 1000).toUTCString());
  response.setHeader(exchangeHeader, id);
  tellAnswer(response, (given) => {
    const { decidedBy, checks } = exchange;
    const transfers = books?.transfers.splice(0) ?? [];
    tell({
      kind: 'exchange',
      exchange: {
        id,
        address,
        port,
        method,
        target,
        headers,
        body,
        decidedBy,
        checks,
        answer: given,
        transfers,
      },
    });
  });
  await callback?.(incoming, response);
}
