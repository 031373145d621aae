import type { IncomingMessage, ServerResponse } from 'node:http';
import type Koa from 'koa';
import type { CheckId, PartyId, Seat, Seconds } from '../model.ts';
import type { Profile, Protection } from '../profile.ts';
import {
  type BankBooks,
  type BankNode,
  type BankNodes,
  createNodes,
  type NodeId,
  openBooks,
} from './bank.ts';
import { createWorldClock, type WorldClock } from './clock.ts';
import { Customer } from './customer.ts';
import { exchangeHeader, readBody, tellAnswer, toLines } from './exchange-wire.ts';
import { randomText } from './grants.ts';
import { createIssuer, type Issuer } from './issuer.ts';
import { type Library, loadLibrary } from './library.ts';
import type { Handler, Network, Scheme, ServerId } from './network.ts';
import { createProxy, type ReverseProxy } from './proxy.ts';
import { requireShortWait } from './real-time.ts';
import { createRecorder, type Exchange, type Recorder } from './recorder.ts';
import type { SeparateNodes } from './separate-nodes.ts';
import { Thief } from './thief.ts';

/** Everybody and everything of one try: made afresh for it, and thrown away with it. */
export interface World {
  readonly profile: Profile;
  readonly seat: Seat;
  readonly network: Network;
  readonly scheme: Scheme;
  /** A Redis that mitigations may use, where there is one. */
  readonly redisUrl: string | undefined;
  readonly clock: WorldClock;
  readonly recorder: Recorder;
  readonly library: Library;
  /** Checks that are switched off in this world's copy of the library. */
  readonly without: readonly CheckId[];
  readonly origins: { readonly issuer: string; readonly bank: string; readonly mail: string };
  /** What only Alice may see. */
  readonly canary: string;
  readonly protections: readonly Protection[];
  readonly issuer: Issuer;
  readonly books: BankBooks;
  /** The servers as they are now. */
  readonly nodes: BankNodes;
  readonly proxy: ReverseProxy;
  readonly alice: Customer;
  readonly mallory: Customer;
  readonly thief: Thief;
  /** What broke in a server: then nothing that was seen in this world counts. */
  readonly faults: unknown[];
  /** The exchange that a request belongs to. */
  exchangeOf(request: IncomingMessage): Exchange;
  wait(seconds: Seconds, why: string): Promise<void>;
  /** A node of the bank begins anew, and forgets what it kept by itself. */
  restart(node: 'bank-a' | 'bank-b'): void;
}

export interface WorldOptions {
  readonly profile: Profile;
  readonly seat: Seat;
  readonly network: Network;
  readonly time: 'world' | 'real';
  /** Whether somebody will look at what happens. */
  readonly keepEvents: boolean;
  readonly without: readonly CheckId[];
  readonly redisUrl?: string | undefined;
  /** Where bank nodes are processes of their own. */
  readonly separate?: SeparateNodes | undefined;
}

/** Each at an address of its own, in countries of their own: 127.1 is Alice's. */
export const addresses = {
  home: '127.1.0.10',
  mobile: '127.1.0.20',
  abroad: '127.3.0.10',
  mallory: '127.1.0.30',
  elsewhere: '127.2.0.66',
  country: '127.1.0.66',
} as const;

export function countryOf(address: string): string {
  return address.split('.').slice(0, 2).join('.');
}

export function originsOf(scheme: Scheme): World['origins'] {
  if (scheme === 'https')
    return { issuer: 'https://issuer.example', bank: 'https://bank.example', mail: 'https://mail.example' };
  // Without TLS the library takes nothing but loopback for a safe place; ports are the network's business.
  return { issuer: 'http://127.0.0.2', bank: 'http://127.0.0.3', mail: 'http://127.0.0.4' };
}

/** Opens a world in which Alice and Mallory have signed in. */
export async function openWorld(options: WorldOptions): Promise<World> {
  const world = await build(options);
  serve(world);
  await options.separate?.open(world, options.time);
  const { status } = await world.alice.login();
  if (status >= 400) throw world.faults[0] ?? new Error(`Alice could not sign in: status ${status}`);
  return world;
}

async function build(options: WorldOptions): Promise<World> {
  const { profile, seat, time, keepEvents, without, separate } = options;
  const clock = createWorldClock(time, () => separate?.followClock());
  const network = separate?.networkFor(options.network) ?? options.network;
  const all = [...(profile.settings.dpop?.without ?? []), ...without];
  const world: Partial<Mutable<World>> & Pick<World, 'profile' | 'clock'> = {
    profile,
    seat,
    network,
    clock,
    scheme: profile.settings.scheme,
    redisUrl: options.redisUrl,
    recorder: createRecorder(keepEvents, () => clock.elapsed()),
    library: await loadLibrary(all),
    without: all,
    origins: originsOf(profile.settings.scheme),
    faults: [],
    canary: `only Alice may read this: ${randomText()}`,
  };
  const self = world as Mutable<World>;
  const exchanges = new WeakMap<IncomingMessage, Exchange>();
  self.exchangeOf = (request) => exchanges.get(request) as Exchange;
  noteExchange.set(self, exchanges);
  self.wait = async (seconds, why) => {
    if (time === 'real') requireShortWait(seconds);
    self.recorder.note('clock', { by: seconds, why });
    await clock.wait(seconds);
  };
  self.protections = profile.protections.map((make) => make(self));
  self.issuer = await createIssuer(self);
  self.books = openBooks(self);
  self.nodes = createNodes(self, self.books);
  self.restart = (node) => {
    self.nodes.restart(node);
    separate?.restart(node);
  };
  self.proxy = createProxy(self);
  self.alice = new Customer(self, 'alice', addresses.home);
  self.mallory = new Customer(self, 'mallory', addresses.mallory);
  self.thief = new Thief(self, seat === 'nat' ? addresses.home : addresses[seat]);
  return self;
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

const noteExchange = new WeakMap<World, WeakMap<IncomingMessage, Exchange>>();

function serve(world: World): void {
  const handler = (to: ServerId, answer: () => Handler): Handler => {
    return (request, response) => {
      handle(world, to, request, response, answer()).catch((error: unknown) => {
        world.faults.push(error);
        response.destroy();
      });
    };
  };
  world.network.serve({
    issuer: handler(
      'issuer',
      once(() => callbackOf(world.issuer.app, world)),
    ),
    'bank-a': handler('bank-a', perNode(world, 'bank-a')),
    'bank-b': handler('bank-b', perNode(world, 'bank-b')),
    mail: handler('mail', perNode(world, 'mail')),
    proxy: handler('proxy', () => world.proxy.handle),
  });
}

function once<T>(make: () => T): () => T {
  let made: T | undefined;
  return () => {
    made ??= make();
    return made;
  };
}

/** A server that fails must not pass for one that refuses. */
function callbackOf(app: Koa, { faults }: World): Handler {
  app.silent = true;
  app.on('error', (error: unknown) => faults.push(error));
  return app.callback();
}

/** The node may be another one after a restart. */
function perNode(world: World, id: NodeId): () => Handler {
  const callbacks = new Map<BankNode, Handler>();
  return () => {
    const node = world.nodes.get(id);
    const callback = callbacks.get(node) ?? callbackOf(node.app, world);
    callbacks.set(node, callback);
    return callback;
  };
}

/** Reads the body, opens the exchange, lets the party answer, and closes the exchange with the answer. */
async function handle(
  world: World,
  to: ServerId,
  request: IncomingMessage,
  response: ServerResponse,
  answer: Handler,
): Promise<void> {
  const body = await readBody(request);
  const from = world.network.senderOf(request) ?? askerIn(request.url);
  const headers = toLines(request.rawHeaders);
  const address = request.socket.remoteAddress ?? '';
  const { method = '', url: target = '' } = request;
  const exchange = world.recorder.open(
    { from, to, address, method, target, headers, body },
    originOf(world, to),
  );
  noteExchange.get(world)?.set(request, exchange);
  response.sendDate = false;
  response.setHeader('date', new Date(world.clock.now(to) * 1000).toUTCString());
  response.setHeader(exchangeHeader, exchange.id);
  if (world.recorder.keeps) tellAnswer(response, (given) => world.recorder.close(exchange, given));
  await answer(request, response);
}

/** Where the library connects by itself, its URL says for which node. */
function askerIn(target: string = ''): PartyId {
  return (new URLSearchParams(target.split('?')[1]).get('node') ?? 'bank-a') as PartyId;
}

function originOf({ origins }: World, to: ServerId): string {
  if (to === 'issuer') return origins.issuer;
  return to === 'mail' ? origins.mail : origins.bank;
}
