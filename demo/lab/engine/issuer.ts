import { createHash } from 'node:crypto';
import type { TLSSocket } from 'node:tls';
import Router from '@koa/router';
import {
  createMemoryReplayStore,
  createNonces,
  createSigningKey,
  createTokenBinder,
  createTokenIssuer,
  type JsonObject,
  type SigningKey,
  type TokenBinder,
  type TokenIssuer,
} from 'holdfast';
import Koa from 'koa';
import type { Seconds } from '../model.ts';
import { readCookie } from './bank-call.ts';
import { confidentialHeaders } from './bank-sessions.ts';
import { certificateThumbprint } from './certificates.ts';
import { type Grant, Grants, randomText, type TokenCall } from './grants.ts';
import { toCheck } from './reasons.ts';
import { Refusal, refuseGrant } from './refusal.ts';
import type { World } from './world.ts';

/** The authorization server: sessions, codes, refresh tokens, and access tokens by the library's issuer and binder. */

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

/** The key that issuers begin with: made once, since a world costs enough. What they know of people is their own. */
let firstKey: Promise<SigningKey> | undefined;

export async function createIssuer(world: World): Promise<Issuer> {
  firstKey ??= createSigningKey('ES256');
  return new Issuer(world, await firstKey);
}

export class Issuer {
  readonly users: Map<string, User> = new Map();
  readonly grants: Grants;
  readonly app: Koa = new Koa();
  readonly #world: World;
  readonly #sessions = new Map<string, IssuerSession>();
  readonly #binder: TokenBinder;
  #tokens: TokenIssuer;
  signingKey: SigningKey;

  constructor(world: World, signingKey: SigningKey) {
    this.#world = world;
    this.signingKey = signingKey;
    this.grants = new Grants(world.profile.settings);
    this.#tokens = this.#createTokenIssuer(signingKey);
    this.#binder = this.#createBinder();
    this.addUser('alice', 'admin');
    this.addUser('mallory', 'user');
    this.#build();
  }

  addUser(name: string, role: 'admin' | 'user'): void {
    this.users.set(name, { name, password: `${name}'s own password`, role, updated: 0 });
  }

  /** A new key at once, and the old one out of the key set: what one does when a key has leaked. */
  async rotate(): Promise<void> {
    this.signingKey = await createSigningKey('ES256');
    this.#tokens = this.#createTokenIssuer(this.signingKey);
  }

  /** What somebody reads who reads the issuer's tables. */
  get tables(): { readonly refreshTokens: readonly string[]; readonly accessTokens: readonly string[] } {
    const { protections } = this.#world;
    return {
      refreshTokens: this.grants.storedRefreshTokens('alice'),
      accessTokens: protections.flatMap(({ storedTokens }) => storedTokens?.('alice') ?? []),
    };
  }

  #now(): Seconds {
    return this.#world.clock.now('issuer');
  }

  #createTokenIssuer(signingKey: SigningKey): TokenIssuer {
    return createTokenIssuer({
      issuer: this.#world.origins.issuer,
      signingKey,
      lifetime: Math.min(this.#world.profile.settings.accessTokenLife, 86_400),
      mayUseBearer: () => true,
      clock: () => this.#now(),
    });
  }

  #createBinder(): TokenBinder {
    const { origins, profile, clock } = this.#world;
    const { dpop } = profile.settings;
    const { maxAge = 60, futureSkew = 5, nonceLife = 60, noncePolicy = 'when-needed' } = dpop ?? {};
    const born = clock.now() - 7200;
    const replay = createMemoryReplayStore({ capacity: 1000, clock: () => born });
    const freshness = { maxAge, futureSkew, nonceLife, noncePolicy };
    return createTokenBinder({
      publicOrigin: origins.issuer,
      replay,
      nonces: createNonces(),
      cacheSize: 100,
      ...freshness,
      clock: () => this.#now(),
    });
  }

  #build(): void {
    for (const { issuerRoutes } of this.#world.protections) issuerRoutes?.(this.app);
    const router = new Router()
      .post('/login', (ctx) => this.#refusable(ctx, () => this.#login(ctx)))
      .get('/authorize', (ctx) => this.#refusable(ctx, () => this.#authorize(ctx)))
      .post('/token', (ctx) => this.#refusable(ctx, () => this.#token(ctx)))
      .post('/logout', (ctx) => this.#refusable(ctx, () => this.#logout(ctx)))
      .post('/password', (ctx) => this.#refusable(ctx, () => this.#changePassword(ctx)))
      .get('/jwks', (ctx) => {
        ctx.body = this.#tokens.jwks();
      });
    this.app.use(router.routes());
  }

  async #refusable(ctx: Koa.Context, answer: () => Promise<void>): Promise<void> {
    try {
      await answer();
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      this.#world.exchangeOf(ctx.req).decidedBy = error.check;
      ctx.status = error.status;
      ctx.body = error.body;
    }
  }

  async #login(ctx: Koa.Context): Promise<void> {
    const form = this.#form(ctx);
    const user = this.users.get(form.get('user') ?? '');
    if (user === undefined || user.password !== form.get('password')) return refuseLogin();
    const isBound = this.#world.profile.settings.boundIssuerSession;
    const jkt = isBound ? await this.#bind(ctx, undefined) : undefined;
    const id = randomText();
    this.#sessions.set(id, { user: user.name, address: this.#addressOf(ctx), jkt });
    ctx.set('set-cookie', `issuer_session=${id}; HttpOnly; Path=/; SameSite=Lax`);
    ctx.body = { signed_in: user.name };
  }

  /** A session is enough: whoever is signed in already gets a code without being asked. */
  async #authorize(ctx: Koa.Context): Promise<void> {
    const session = this.#sessions.get(readCookie(ctx.get('cookie'), 'issuer_session') ?? '');
    if (session === undefined) return refuseLogin();
    if (session.jkt !== undefined) await this.#requireSessionKey(ctx, session.jkt);
    const grant = this.grants.open(session.user, this.#addressOf(ctx), this.#now());
    const { query } = ctx;
    const challenge = typeof query['code_challenge'] === 'string' ? query['code_challenge'] : undefined;
    const dpopJkt = typeof query['dpop_jkt'] === 'string' ? query['dpop_jkt'] : undefined;
    const code = this.grants.issueCode(grant, challenge, dpopJkt);
    ctx.status = 302;
    ctx.set('location', `${this.#world.origins.bank}/callback?code=${code}`);
  }

  /** A missing nonce is asked for; whatever else is wrong is not the session's key. */
  async #requireSessionKey(ctx: Koa.Context, jkt: string): Promise<void> {
    try {
      await this.#bind(ctx, jkt);
    } catch (error) {
      if (error instanceof Refusal && error.check === 'nonce') throw error;
      throw new Refusal('as key', 401, { error: 'login_required' });
    }
  }

  async #token(ctx: Koa.Context): Promise<void> {
    const form = this.#form(ctx);
    this.#authenticateClient(ctx);
    ctx.set('cache-control', 'no-store');
    if (form.get('grant_type') === 'refresh_token') await this.#refresh(ctx, form);
    else await this.#redeem(ctx, form);
  }

  async #redeem(ctx: Koa.Context, form: URLSearchParams): Promise<void> {
    const code = form.get('code') ?? '';
    const { grant, jkt: bound } = this.grants.findCode(code, form.get('code_verifier'));
    const call = await this.#open(ctx, 'code', grant, form, bound);
    for (const { atToken } of this.#world.protections) await atToken?.(call);
    this.grants.useCode(code);
    grant.jkt = call.jkt;
    grant.certificate = call.certificate;
    await this.#answer(call, this.grants.issueRefreshToken(grant));
  }

  async #refresh(ctx: Koa.Context, form: URLSearchParams): Promise<void> {
    const token = form.get('refresh_token') ?? '';
    const { grant, reused } = this.grants.findRefreshToken(token, this.#now());
    const { dpop, mtls, rotation } = this.#world.profile.settings;
    const call = await this.#open(
      ctx,
      'refresh',
      grant,
      form,
      dpop?.boundRefresh === true ? grant.jkt : undefined,
    );
    if (mtls && call.certificate !== grant.certificate) refuseGrant('cert');
    for (const { atToken } of this.#world.protections) await atToken?.(call);
    if (reused && rotation !== 'none') await this.#endReused(grant);
    await this.#answer(call, this.grants.rotate(token, this.#now()));
  }

  /** Two users of one chain: one of them is a thief, and nobody knows which. */
  async #endReused(grant: Grant): Promise<never> {
    grant.ended = true;
    for (const { atReuse } of this.#world.protections) await atReuse?.(grant);
    return refuseGrant('rt revoked');
  }

  async #open(
    ctx: Koa.Context,
    kind: 'code' | 'refresh',
    grant: Grant,
    form: URLSearchParams,
    jkt: string | undefined,
  ): Promise<TokenCall> {
    const { dpop } = this.#world.profile.settings;
    const proven = dpop === undefined ? undefined : await this.#bind(ctx, jkt);
    return {
      ctx,
      kind,
      grant,
      form,
      address: this.#addressOf(ctx),
      jkt: proven,
      certificate: certificateOf(ctx),
    };
  }

  /** The key that signed this request's proof; only this one, where one is given. */
  async #bind(ctx: Koa.Context, jkt: string | undefined): Promise<string | undefined> {
    const { method = '', url: target = '', rawHeaders } = ctx.req;
    try {
      const binding = await this.#binder.bind(
        { method, target, rawHeaders },
        jkt === undefined ? {} : { jkt },
      );
      if (binding.nonce !== undefined) ctx.set('dpop-nonce', binding.nonce);
      return binding.jkt;
    } catch (error) {
      const { status, headers, body } = this.#binder.challenge(error);
      ctx.set({ ...headers });
      const { reason } = error as { reason?: Parameters<typeof toCheck>[0] };
      throw new Refusal(reason === undefined ? 'error' : toCheck(reason, false), status, {
        ...(body as object),
      });
    }
  }

  async #answer(call: TokenCall, refreshToken: string | undefined): Promise<void> {
    const { protections, profile } = this.#world;
    const { accessTokenLife } = profile.settings;
    const answer: Record<string, unknown> = {
      access_token: await this.#mint(call),
      token_type: call.jkt === undefined ? 'Bearer' : 'DPoP',
      expires_in: accessTokenLife,
      ...(refreshToken === undefined ? {} : { refresh_token: refreshToken }),
    };
    for (const { issued } of protections) await issued?.(call, answer);
    call.ctx.body = answer;
  }

  async #mint(call: TokenCall): Promise<string> {
    const { protections } = this.#world;
    const user = this.users.get(call.grant.user) as User;
    const added = await Promise.all(protections.map(async ({ claims }) => (await claims?.(call)) ?? {}));
    const claims: JsonObject = Object.assign({ role: user.role }, ...added);
    const own = protections.find(({ mint }) => mint !== undefined)?.mint;
    const audience = this.#audienceOf(call);
    const whole = {
      sub: user.name,
      client_id: 'bank-app',
      aud: audience,
      grant_id: call.grant.id,
      ...claims,
    };
    let token =
      own === undefined
        ? await this.issue(call.grant.user, audience, call.jkt, call.grant.id, claims)
        : await own(whole, call);
    for (const { wrap } of protections) token = (await wrap?.(token, call)) ?? token;
    return token;
  }

  /** An access token by the library's issuer. */
  async issue(
    subject: string,
    audience: string,
    jkt: string | undefined,
    grant: string,
    claims: JsonObject,
  ): Promise<string> {
    const { accessToken } = await this.#tokens.issue({
      subject,
      clientId: 'bank-app',
      audience,
      jkt,
      grant,
      claims,
    });
    return accessToken;
  }

  #audienceOf({ form }: TokenCall): string {
    if (this.#world.profile.settings.audience === 'shared') return 'everybody';
    return form.get('resource') ?? this.#world.origins.bank;
  }

  async #logout(ctx: Koa.Context): Promise<void> {
    const user = this.#form(ctx).get('user') ?? '';
    const ended = this.grants.all.filter((grant) => grant.user === user && !grant.ended);
    for (const grant of ended) {
      grant.ended = true;
      for (const { atLogout } of this.#world.protections) await atLogout?.(grant);
    }
    for (const [id, session] of this.#sessions) if (session.user === user) this.#sessions.delete(id);
    ctx.body = { signed_out: user };
  }

  async #changePassword(ctx: Koa.Context): Promise<void> {
    const form = this.#form(ctx);
    const user = this.users.get(form.get('user') ?? '');
    if (user === undefined || user.password !== form.get('old')) return refuseLogin();
    user.password = form.get('new') ?? '';
    user.updated = this.#now();
    for (const { atPassword } of this.#world.protections) await atPassword?.(user.name);
    ctx.body = { changed: true };
  }

  #authenticateClient(ctx: Koa.Context): void {
    if (!this.#world.profile.settings.confidential) return;
    if (ctx.get('authorization') !== confidentialHeaders[0]?.[1])
      throw new Refusal('confidential', 401, { error: 'invalid_client' });
  }

  /** Of the browser, where the bank's server asks for it. */
  #addressOf(ctx: Koa.Context): string {
    const isBank = ctx.get('authorization') === confidentialHeaders[0]?.[1];
    const { address } = this.#world.exchangeOf(ctx.req);
    return isBank ? ctx.get('x-forwarded-for') || address : address;
  }

  #form(ctx: Koa.Context): URLSearchParams {
    return new URLSearchParams(this.#world.exchangeOf(ctx.req).body ?? '');
  }
}

function refuseLogin(): never {
  throw new Refusal('login', 401, { error: 'login_required' });
}

function certificateOf(ctx: Koa.Context): string | undefined {
  const { getPeerCertificate } = ctx.req.socket as Partial<TLSSocket>;
  const raw = getPeerCertificate?.call(ctx.req.socket)?.raw;
  return raw === undefined ? undefined : certificateThumbprint(raw);
}

/** Half of what the browser keeps of a password, and the issuer too. */
export function passwordHash(password: string): string {
  return createHash('sha256').update(password).digest('base64url');
}
