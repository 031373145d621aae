import Router from '@koa/router';
import { createSigningKey, type JsonObject, type SigningKey } from 'holdfast';
import Koa from 'koa';
import { Grants } from './grants.ts';
import { createProveKey } from './issuer-proofs.ts';
import { Refusal } from './refusal.ts';
import { SignIn, type User } from './sign-in.ts';
import { TokenEndpoint } from './token-endpoint.ts';
import type { World } from './world.ts';

/** The authorization server: its people, its tables, its keys and its routes. */

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
  readonly #signIn: SignIn;
  readonly #tokens: TokenEndpoint;
  signingKey: SigningKey;

  constructor(world: World, signingKey: SigningKey) {
    this.#world = world;
    this.signingKey = signingKey;
    this.grants = new Grants(world.profile.settings);
    const proveKey = createProveKey(world);
    this.#signIn = new SignIn(world, this.users, this.grants, proveKey);
    this.#tokens = new TokenEndpoint(world, this.users, this.grants, proveKey, signingKey);
    this.#addUser('alice', 'admin');
    this.#addUser('mallory', 'user');
    this.#build();
  }

  #addUser(name: string, role: User['role']): void {
    this.users.set(name, { name, password: `${name}'s own password`, role, updated: 0 });
  }

  /** A new key at once, and the old one out of the key set: what one does when a key has leaked. */
  async rotate(): Promise<void> {
    this.signingKey = await createSigningKey('ES256');
    this.#tokens.signWith(this.signingKey);
  }

  /** An access token by the library's issuer. */
  issue(
    subject: string,
    audience: string,
    jkt: string | undefined,
    grant: string,
    claims: JsonObject,
  ): Promise<string> {
    return this.#tokens.issue(subject, audience, jkt, grant, claims);
  }

  /** What somebody reads who reads the issuer's tables. */
  get tables(): { readonly refreshTokens: readonly string[]; readonly accessTokens: readonly string[] } {
    const { protections } = this.#world;
    return {
      refreshTokens: this.grants.storedRefreshTokens('alice'),
      accessTokens: protections.flatMap(({ storedTokens }) => storedTokens?.('alice') ?? []),
    };
  }

  #build(): void {
    for (const { issuerRoutes } of this.#world.protections) issuerRoutes?.(this.app);
    const router = new Router()
      .post('/login', (ctx) => this.#refusable(ctx, () => this.#signIn.login(ctx)))
      .get('/authorize', (ctx) => this.#refusable(ctx, () => this.#signIn.authorize(ctx)))
      .post('/token', (ctx) => this.#refusable(ctx, () => this.#tokens.answer(ctx)))
      .post('/logout', (ctx) => this.#refusable(ctx, () => this.#signIn.logout(ctx)))
      .post('/password', (ctx) => this.#refusable(ctx, () => this.#signIn.changePassword(ctx)))
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
}
