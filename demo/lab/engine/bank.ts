import Router from '@koa/router';
import {
  createNonces,
  type Memory,
  type Nonces,
  type ReplayStore,
  type ResourceServer,
  type ResourceServerOptions,
} from 'holdfast';
import type { DpopState } from 'holdfast/koa';
import { decodeProtectedHeader, type JSONWebKeySet } from 'jose';
import Koa from 'koa';
import type { Seconds } from '../model.ts';
import type { Protection } from '../profile.ts';
import { type BankCall, createBankCall } from './bank-call.ts';
import { addSessionRoutes, type BankSessions, readSession } from './bank-sessions.ts';
import { explain } from './explanation.ts';
import { createKeyCache, type KeyCache } from './key-cache.ts';
import { toCheck } from './reasons.ts';
import { Refusal } from './refusal.ts';
import type { World } from './world.ts';

/** The resource servers: two nodes of a bank behind one public origin, and a mail service. */

export type NodeId = 'bank-a' | 'bank-b' | 'mail';

export interface Transfer {
  readonly from: string;
  readonly to: string;
  readonly amount: number;
}

/** What both nodes know. */
export interface BankBooks {
  readonly transfers: Transfer[];
  readonly sessions: BankSessions;
  readonly nonces: Nonces;
  readonly store: ReplayStore | undefined;
  /** When the servers began. */
  readonly born: Seconds;
}

/** Told apart from world to world by the memory that they are bound to. */
const nonces = createNonces();

/** Servers that have been up for a while: a memory that has just begun would rightly ask for nonces. */
const uptime = 7200; // seconds

export function openBooks(world: World): BankBooks {
  const { dpop } = world.profile.settings;
  const born = world.clock.now() - uptime;
  const store = dpop?.sharedStore === true ? dpop.createStore(() => born) : undefined;
  return { transfers: [], sessions: new Map(), nonces, store, born };
}

/** The nodes, each made when somebody first turns to it, and anew when it is restarted. */
export interface BankNodes {
  get(id: NodeId): BankNode;
  restart(id: NodeId): void;
}

export function createNodes(world: World, books: BankBooks): BankNodes {
  const nodes = new Map<NodeId, BankNode>();
  return {
    get: (id) => {
      const node = nodes.get(id) ?? new BankNode(world, id, books);
      nodes.set(id, node);
      return node;
    },
    restart: (id) => void nodes.set(id, new BankNode(world, id, books, true)),
  };
}

export class BankNode {
  readonly id: NodeId;
  readonly origin: string;
  readonly world: World;
  readonly server: ResourceServer;
  readonly store: ReplayStore;
  readonly nonces: Nonces;
  readonly app: Koa = new Koa();
  readonly keys: KeyCache;
  readonly #books: BankBooks;
  /** Guards that check tokens with the issuer's key set, and not with a secret or by asking. */
  readonly #usingKeySet = new WeakSet<ResourceServer>();

  /** @param isRestarted begins with an empty memory, at this moment. */
  constructor(world: World, id: NodeId, books: BankBooks, isRestarted: boolean = false) {
    const { dpop, keySetAge } = world.profile.settings;
    this.id = id;
    this.world = world;
    this.origin = id === 'mail' ? world.origins.mail : world.origins.bank;
    this.#books = books;
    this.nonces = books.nonces;
    const born = isRestarted ? () => world.clock.now(id) : () => books.born;
    this.store = (id === 'mail' ? undefined : books.store) ?? (dpop ?? bearer).createStore(born);
    this.keys = createKeyCache(() => this.#fetchKeys(), keySetAge);
    this.server = this.createServer({});
    this.#build();
  }

  /** The library's guard as this profile configures it, with these changes. */
  createServer(changes: Partial<ResourceServerOptions>): ResourceServer {
    const { clock, library, protections, profile, origins } = this.world;
    const { dpop, audience } = profile.settings;
    const added: Partial<ResourceServerOptions> = Object.assign(
      {},
      ...protections.map(({ resourceServer: given }) =>
        typeof given === 'function' ? given(this.id) : given,
      ),
    );
    const { symmetricKeys, introspection } = { ...added, ...changes };
    const usesKeySet = symmetricKeys === undefined && introspection === undefined;
    const server = library.createResourceServer({
      publicOrigin: this.origin,
      issuer: origins.issuer,
      audience: audience === 'shared' ? 'everybody' : this.origin,
      replay: this.store,
      nonces: this.nonces,
      mode: dpop === undefined ? 'allow' : 'require',
      clockTolerance: 0,
      cacheSize: 100,
      clock: () => clock.now(this.id),
      ...(usesKeySet ? { jwks: () => this.keys.current() } : {}),
      ...(dpop === undefined ? {} : freshnessOf(dpop)),
      ...added,
      ...changes,
    });
    if (usesKeySet) this.#usingKeySet.add(server);
    return server;
  }

  /** Asks another server of the lab, as this node. */
  async ask(
    path: string,
    body: string | null = null,
    headers: readonly (readonly [string, string])[] = [],
  ): Promise<string> {
    const from = { party: this.id, address: '127.0.0.1' };
    const method = body === null ? 'GET' : 'POST';
    const host = new URL(this.world.origins.issuer).host;
    const message = { method, path, headers: [['host', host] as const, ...headers], body };
    const answer = await this.world.network.send(from, 'issuer', this.world.scheme, message);
    if (answer.status === 200) return answer.body;
    const id = answer.headers.find(([name]) => name.toLowerCase() === 'lab-exchange')?.[1];
    const { decidedBy } = this.world.recorder.find(Number(id)) ?? {};
    if (decidedBy == null) throw new Error(`the issuer answered ${answer.status}, and nothing says why`);
    throw new Refusal(decidedBy, 503, { error: 'temporarily_unavailable' });
  }

  async #fetchKeys(): Promise<JSONWebKeySet> {
    return JSON.parse(await this.ask('/jwks')) as JSONWebKeySet;
  }

  #build(): void {
    const { protections } = this.world;
    for (const { bankRoutes } of protections) bankRoutes?.(this.app);
    if (this.id !== 'mail') addSessionRoutes(this, this.#books);
    this.app.use((ctx, next) => this.#guard(ctx, protections, next));
    this.app.use(this.#routes().routes());
  }

  async #guard(ctx: Koa.Context, protections: readonly Protection[], next: Koa.Next): Promise<void> {
    const exchange = this.world.exchangeOf(ctx.req);
    const call = createBankCall(ctx, this, exchange);
    try {
      for (const { before } of protections) await before?.(call);
      await readSession(call, this.#books, this.world);
      await this.#authorize(call, protections);
      if (call.claims === undefined) return;
      for (const { after } of protections) await after?.(call);
      ctx.state['claims'] = call.claims;
      await next();
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      exchange.decidedBy = error.check;
      ctx.status = error.status;
      ctx.body = error.body;
    }
  }

  async #authorize(call: BankCall, protections: readonly Protection[]): Promise<void> {
    const own = protections.find(({ guard }) => guard !== undefined)?.guard;
    if (own !== undefined) return own(call);
    await this.authorizeWith(this.server, call);
  }

  /** The library's middleware, on this request; tells what it decided. */
  async authorizeWith(server: ResourceServer, call: BankCall): Promise<void> {
    const { library, recorder, clock } = this.world;
    const { ctx, exchange } = call;
    if (this.#usingKeySet.has(server))
      await this.keys.prepare(kidOf(call.header('authorization')), clock.now(this.id));
    if (recorder.keeps) exchange.checks = await explain(this, call);
    await library.requireDpop(server)(ctx, async () => {
      call.claims = (ctx.state as DpopState).dpop?.claims;
    });
    const { dpopRefusal } = ctx.state as DpopState;
    if (dpopRefusal !== undefined)
      exchange.decidedBy = toCheck(dpopRefusal.reason, carriesNonce(call.header('dpop')));
  }

  #routes(): Router {
    const { world } = this;
    const { transfers } = this.#books;
    const owner = (ctx: Koa.Context): string => (ctx.state['claims'] as { sub: string }).sub;
    const page = (ctx: Koa.Context): void => {
      ctx.body = {
        owner: owner(ctx),
        ...(owner(ctx) === 'alice' ? { balance: 1250, note: world.canary } : { balance: 20 }),
      };
    };
    return new Router()
      .get('/accounts', page)
      .delete('/accounts', page)
      .get('/profile', page)
      .get('/inbox', page)
      .get('/admin', (ctx) => {
        if ((ctx.state['claims'] as { role?: unknown }).role === 'admin') return page(ctx);
        world.exchangeOf(ctx.req).decidedBy = 'right';
        ctx.status = 403;
      })
      .post('/transfer', (ctx) => {
        const order = readOrder(world.exchangeOf(ctx.req).body);
        if (order !== undefined) transfers.push({ from: owner(ctx), ...order });
        ctx.status = order === undefined ? 400 : 200;
        ctx.body = { booked: order };
      });
  }
}

/** A store that bearer profiles need not have, but the library asks for. */
const bearer = { createStore: (): ReplayStore => ({ read: (now) => neverMet(now), claim: () => 'claimed' }) };

function neverMet(now: number): Memory {
  const floor = { iat: Number.NEGATIVE_INFINITY, nonce: Number.NEGATIVE_INFINITY };
  return { id: 'none', birth: Number.NEGATIVE_INFINITY, now, floor };
}

function freshnessOf({
  maxAge,
  futureSkew,
  nonceLife,
  noncePolicy,
}: NonNullable<World['profile']['settings']['dpop']>): Partial<ResourceServerOptions> {
  return { maxAge, futureSkew, nonceLife, noncePolicy };
}

/** The key that a token names; nothing else of it is believed. */
function kidOf(authorization: string | undefined): string | undefined {
  try {
    return decodeProtectedHeader(authorization?.split(' ')[1] ?? '').kid;
  } catch {
    return undefined;
  }
}

function carriesNonce(proof: string | undefined): boolean {
  const [, payload = ''] = proof?.split('.') ?? [];
  return Buffer.from(payload, 'base64url').toString().includes('"nonce"');
}

function readOrder(body: string | null): Omit<Transfer, 'from'> | undefined {
  try {
    const { to, amount } = JSON.parse(body ?? '') as { to?: unknown; amount?: unknown };
    return typeof to === 'string' && typeof amount === 'number' ? { to, amount } : undefined;
  } catch {
    return undefined;
  }
}
