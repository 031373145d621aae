import { createHash } from 'node:crypto';
import Router from '@koa/router';
import type Koa from 'koa';
import type { HeaderLine, Seconds } from '../model.ts';
import type { BankBooks, BankNode } from './bank.ts';
import { type BankCall, readCookie } from './bank-call.ts';
import { randomText } from './grants.ts';
import { Refusal, refuse } from './refusal.ts';
import type { World } from './world.ts';

/**
 * Browsers that hold no token in script: the bank's server redeems the code itself, and gives the browser a cookie that
 * is the token, or one that names a session in which the server keeps it (a backend for frontend).
 */

export interface BankSession {
  readonly accessToken: string;
  readonly refreshToken: string | undefined;
  readonly expires: Seconds;
}

/** By session id, or by its hash. */
export type BankSessions = Map<string, BankSession>;

const clientSecret = 'the bank keeps this to itself';

/** What only the bank's server can show to the issuer. */
export const confidentialHeaders: readonly HeaderLine[] = [
  ['authorization', `Basic ${Buffer.from(`bank:${clientSecret}`).toString('base64')}`],
];

/** `POST /session` with a code; `POST /session/refresh`; `POST /session/end`. */
export function addSessionRoutes(node: BankNode, books: BankBooks): void {
  const { world } = node;
  const { carriedBy } = world.profile.settings;
  if (carriedBy === 'header') return;
  const place = carriedBy === 'cookie' ? createCookiePlace(world) : createSessionPlace(world, books.sessions);
  const router = new Router()
    .post('/session', (ctx) => refusable(ctx, world, () => signIn(ctx, node, place)))
    .post('/session/refresh', (ctx) => refusable(ctx, world, () => renew(ctx, node, place)))
    .post('/session/end', (ctx) => {
      place.forget(ctx);
      ctx.body = { signed_in: false };
    });
  node.app.use(router.routes());
}

/** Puts the token of the cookie or session where the guard looks for it. */
export async function readSession(call: BankCall, books: BankBooks, world: World): Promise<void> {
  const { carriedBy } = world.profile.settings;
  if (carriedBy === 'header') return;
  const cookie = call.cookie(carriedBy === 'cookie' ? 'token' : 'session');
  if (cookie === undefined) refuse('no token', 401, {});
  const token = carriedBy === 'cookie' ? cookie : await tokenOf(cookie, call, books.sessions);
  call.setHeader('authorization', `Bearer ${token}`);
}

/** A session goes on by itself for as long as there are new tokens: the browser knows nothing of tokens. */
async function tokenOf(id: string, { node, exchange }: BankCall, sessions: BankSessions): Promise<string> {
  const { world } = node;
  const session = sessions.get(toStored(id, world));
  if (session === undefined) return refuse('session');
  const { expires, refreshToken, accessToken } = session;
  if (world.clock.now(node.id) < expires || refreshToken === undefined) return accessToken;
  const renewed = await requestTokens(node, toRefreshForm(refreshToken), exchange.address);
  sessions.set(toStored(id, world), { refreshToken, ...renewed });
  return renewed.accessToken;
}

/** Where a browser's tokens are kept. */
interface Place {
  read(ctx: Koa.Context): { readonly refreshToken: string | undefined } | undefined;
  keep(ctx: Koa.Context, tokens: Tokens, isNew: boolean): void;
  forget(ctx: Koa.Context): void;
}

interface Tokens {
  readonly accessToken: string;
  /** Only where it is another one than before. */
  readonly refreshToken?: string;
  readonly expires: Seconds;
}

function createCookiePlace(world: World): Place {
  const attributes = cookieAttributes(world);
  const set = (ctx: Koa.Context, name: string, value: string): void =>
    ctx.append('set-cookie', `${name}=${value}; ${attributes}`);
  return {
    read: (ctx) => ({ refreshToken: readCookie(ctx.get('cookie'), 'refresh') }),
    keep: (ctx, { accessToken, refreshToken }) => {
      set(ctx, 'token', accessToken);
      if (refreshToken !== undefined) set(ctx, 'refresh', refreshToken);
    },
    forget: (ctx) => {
      for (const name of ['token', 'refresh']) set(ctx, name, '; Max-Age=0');
    },
  };
}

function createSessionPlace(world: World, sessions: BankSessions): Place {
  const attributes = cookieAttributes(world);
  const idOf = (ctx: Koa.Context): string => readCookie(ctx.get('cookie'), 'session') ?? '';
  return {
    read: (ctx) => sessions.get(toStored(idOf(ctx), world)),
    keep: (ctx, tokens, isNew) => {
      // A sign-in never goes on under a session id that was there before it.
      const id = isNew ? randomText() : idOf(ctx);
      const { refreshToken } = sessions.get(toStored(id, world)) ?? {};
      sessions.set(toStored(id, world), { refreshToken, ...tokens });
      ctx.append('set-cookie', `session=${id}; ${attributes}`);
    },
    forget: (ctx) => {
      sessions.delete(toStored(idOf(ctx), world));
      ctx.append('set-cookie', `session=; Max-Age=0; ${attributes}`);
    },
  };
}

/** Browsers take `Secure` from loopback addresses also without TLS, and `SameSite=None` only with it. */
function cookieAttributes({ profile }: World): string {
  return `HttpOnly; Secure; Path=/; SameSite=${profile.settings.sameSite === 'strict' ? 'Strict' : 'None'}`;
}

function toStored(id: string, { profile }: World): string {
  return profile.settings.stored === 'hashed' ? createHash('sha256').update(id).digest('base64url') : id;
}

async function signIn(ctx: Koa.Context, node: BankNode, place: Place): Promise<void> {
  const { body, address } = node.world.exchangeOf(ctx.req);
  const form = new URLSearchParams(body ?? '');
  form.set('grant_type', 'authorization_code');
  tell(ctx, node.world, place, await requestTokens(node, form, address), true);
}

async function renew(ctx: Koa.Context, node: BankNode, place: Place): Promise<void> {
  const { refreshToken } = place.read(ctx) ?? refuse('session');
  const { address } = node.world.exchangeOf(ctx.req);
  const tokens = await requestTokens(node, toRefreshForm(refreshToken ?? ''), address);
  tell(ctx, node.world, place, tokens, false);
}

/** Never the token itself: script could read it. */
function tell(ctx: Koa.Context, world: World, place: Place, tokens: Tokens, isNew: boolean): void {
  place.keep(ctx, tokens, isNew);
  const further = world.protections.flatMap(
    ({ sessionCookies }) => sessionCookies?.(tokens.accessToken) ?? [],
  );
  for (const line of further) ctx.append('set-cookie', line);
  ctx.body = { signed_in: true };
}

function toRefreshForm(refreshToken: string): URLSearchParams {
  return new URLSearchParams({ grant_type: 'refresh_token', refresh_token: refreshToken });
}

/** @param address of the browser: the issuer believes the bank's server about it. */
async function requestTokens(node: BankNode, form: URLSearchParams, address: string): Promise<Tokens> {
  const headers: readonly HeaderLine[] = [
    ['content-type', 'application/x-www-form-urlencoded'],
    ['x-forwarded-for', address],
    ...confidentialHeaders,
  ];
  const answer = await node.ask('/token', form.toString(), headers).catch(refuseAsWell);
  const {
    access_token: accessToken,
    refresh_token: refreshToken,
    expires_in: life,
  } = JSON.parse(answer) as {
    readonly access_token: string;
    readonly refresh_token?: string;
    readonly expires_in?: Seconds;
  };
  const expires = node.world.clock.now(node.id) + (life ?? Number.POSITIVE_INFINITY);
  return { accessToken, expires, ...(refreshToken === undefined ? {} : { refreshToken }) };
}

/** What the issuer refuses the bank's server, the bank refuses the browser, for the same reason. */
function refuseAsWell(error: unknown): never {
  if (error instanceof Refusal) return refuse(error.check);
  throw error;
}

async function refusable(ctx: Koa.Context, world: World, answer: () => Promise<void>): Promise<void> {
  try {
    await answer();
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    world.exchangeOf(ctx.req).decidedBy = error.check;
    ctx.status = error.status;
    ctx.body = error.body;
  }
}
