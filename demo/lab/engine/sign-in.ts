import { createHash } from 'node:crypto';
import type Koa from 'koa';
import type { Seconds } from '../model.ts';
import { readCookie } from './bank-call.ts';
import { type Grants, randomText } from './grants.ts';
import type { ProveKey } from './issuer-proofs.ts';
import { addressOf, formOf } from './issuer-request.ts';
import { Refusal } from './refusal.ts';
import type { World } from './world.ts';

/** People at the issuer: who they are, where they are signed in, and what ends that. */

export interface User {
  readonly name: string;
  password: string;
  role: 'admin' | 'user';
  /** When the password was last changed. */
  updated: Seconds;
}

interface IssuerSession {
  readonly user: string;
  readonly address: string;
  /** The key that signed in, where the session is bound to it. */
  readonly jkt: string | undefined;
}

export class SignIn {
  readonly #world: World;
  readonly #users: ReadonlyMap<string, User>;
  readonly #grants: Grants;
  readonly #proveKey: ProveKey;
  readonly #sessions = new Map<string, IssuerSession>();

  constructor(world: World, users: ReadonlyMap<string, User>, grants: Grants, proveKey: ProveKey) {
    this.#world = world;
    this.#users = users;
    this.#grants = grants;
    this.#proveKey = proveKey;
  }

  async login(ctx: Koa.Context): Promise<void> {
    const form = formOf(this.#world, ctx);
    const user = this.#users.get(form.get('user') ?? '');
    if (user === undefined || user.password !== form.get('password')) return refuseLogin();
    const isBound = this.#world.profile.settings.boundIssuerSession;
    const jkt = isBound ? await this.#proveKey(ctx, undefined) : undefined;
    const id = randomText();
    this.#sessions.set(id, { user: user.name, address: addressOf(this.#world, ctx), jkt });
    ctx.set('set-cookie', `issuer_session=${id}; HttpOnly; Path=/; SameSite=Lax`);
    ctx.body = { signed_in: user.name };
  }

  /** A session is enough: whoever is signed in already gets a code without being asked. */
  async authorize(ctx: Koa.Context): Promise<void> {
    const session = this.#sessions.get(readCookie(ctx.get('cookie'), 'issuer_session') ?? '');
    if (session === undefined) return refuseLogin();
    if (session.jkt !== undefined) await this.#requireSessionKey(ctx, session.jkt);
    const grant = this.#grants.open(
      session.user,
      addressOf(this.#world, ctx),
      this.#world.clock.now('issuer'),
    );
    const { query } = ctx;
    const challenge = typeof query['code_challenge'] === 'string' ? query['code_challenge'] : undefined;
    const dpopJkt = typeof query['dpop_jkt'] === 'string' ? query['dpop_jkt'] : undefined;
    const code = this.#grants.issueCode(grant, challenge, dpopJkt);
    ctx.status = 302;
    ctx.set('location', `${this.#world.origins.bank}/callback?code=${code}`);
  }

  /** A missing nonce is asked for; whatever else is wrong is not the session's key. */
  async #requireSessionKey(ctx: Koa.Context, jkt: string): Promise<void> {
    try {
      await this.#proveKey(ctx, jkt);
    } catch (error) {
      if (error instanceof Refusal && error.check === 'nonce') throw error;
      throw new Refusal('as key', 401, { error: 'login_required' });
    }
  }

  async logout(ctx: Koa.Context): Promise<void> {
    const user = formOf(this.#world, ctx).get('user') ?? '';
    const ended = this.#grants.all.filter((grant) => grant.user === user && !grant.ended);
    for (const grant of ended) {
      grant.ended = true;
      for (const { atLogout } of this.#world.protections) await atLogout?.(grant);
    }
    for (const [id, session] of this.#sessions) if (session.user === user) this.#sessions.delete(id);
    ctx.body = { signed_out: user };
  }

  async changePassword(ctx: Koa.Context): Promise<void> {
    const form = formOf(this.#world, ctx);
    const user = this.#users.get(form.get('user') ?? '');
    if (user === undefined || user.password !== form.get('old')) return refuseLogin();
    user.password = form.get('new') ?? '';
    user.updated = this.#world.clock.now('issuer');
    for (const { atPassword } of this.#world.protections) await atPassword?.(user.name);
    ctx.body = { changed: true };
  }
}

function refuseLogin(): never {
  throw new Refusal('login', 401, { error: 'login_required' });
}

/** What the browser keeps of a password where a mitigation asks for it, and the issuer too. */
export function passwordHash(password: string): string {
  return createHash('sha256').update(password).digest('base64url');
}
