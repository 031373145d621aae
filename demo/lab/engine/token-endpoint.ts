import { createTokenIssuer, type JsonObject, type SigningKey, type TokenIssuer } from 'holdfast';
import type Koa from 'koa';
import type { Grant, Grants, TokenCall } from './grants.ts';
import type { ProveKey } from './issuer-proofs.ts';
import { addressOf, certificateOf, formOf, isBank } from './issuer-request.ts';
import { Refusal, refuseGrant } from './refusal.ts';
import type { User } from './sign-in.ts';
import type { World } from './world.ts';

/** From codes and refresh tokens to access tokens, minted by the library's issuer where the profile lets it. */
export class TokenEndpoint {
  readonly #world: World;
  readonly #users: ReadonlyMap<string, User>;
  readonly #grants: Grants;
  readonly #proveKey: ProveKey;
  #tokens: TokenIssuer;

  constructor(
    world: World,
    users: ReadonlyMap<string, User>,
    grants: Grants,
    proveKey: ProveKey,
    signingKey: SigningKey,
  ) {
    this.#world = world;
    this.#users = users;
    this.#grants = grants;
    this.#proveKey = proveKey;
    this.#tokens = createIssuerOf(world, signingKey);
  }

  /** Signs with another key from now on, and publishes that one alone. */
  signWith(signingKey: SigningKey): void {
    this.#tokens = createIssuerOf(this.#world, signingKey);
  }

  jwks(): ReturnType<TokenIssuer['jwks']> {
    return this.#tokens.jwks();
  }

  async answer(ctx: Koa.Context): Promise<void> {
    const form = formOf(this.#world, ctx);
    this.#authenticateClient(ctx);
    ctx.set('cache-control', 'no-store');
    if (form.get('grant_type') === 'refresh_token') await this.#refresh(ctx, form);
    else await this.#redeem(ctx, form);
  }

  async #redeem(ctx: Koa.Context, form: URLSearchParams): Promise<void> {
    const code = form.get('code') ?? '';
    const { grant, jkt: bound } = this.#grants.findCode(code, form.get('code_verifier'));
    const call = await this.#open(ctx, 'code', grant, form, bound);
    for (const { atToken } of this.#world.protections) await atToken?.(call);
    this.#grants.useCode(code);
    grant.jkt = call.jkt;
    grant.certificate = call.certificate;
    await this.#giveTokens(call, this.#grants.issueRefreshToken(grant));
  }

  async #refresh(ctx: Koa.Context, form: URLSearchParams): Promise<void> {
    const token = form.get('refresh_token') ?? '';
    const { grant, reused } = this.#grants.findRefreshToken(token, this.#world.clock.now('issuer'));
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
    await this.#giveTokens(call, this.#grants.rotate(token, this.#world.clock.now('issuer')));
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
    const proven = dpop === undefined ? undefined : await this.#proveKey(ctx, jkt);
    return {
      ctx,
      kind,
      grant,
      form,
      address: addressOf(this.#world, ctx),
      jkt: proven,
      certificate: certificateOf(ctx),
    };
  }

  async #giveTokens(call: TokenCall, refreshToken: string | undefined): Promise<void> {
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
    const user = this.#users.get(call.grant.user) as User;
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

  #authenticateClient(ctx: Koa.Context): void {
    if (!this.#world.profile.settings.confidential) return;
    if (!isBank(ctx)) throw new Refusal('confidential', 401, { error: 'invalid_client' });
  }
}

function createIssuerOf({ origins, profile, clock }: World, signingKey: SigningKey): TokenIssuer {
  return createTokenIssuer({
    issuer: origins.issuer,
    signingKey,
    lifetime: Math.min(profile.settings.accessTokenLife, 86_400),
    mayUseBearer: () => true,
    clock: () => clock.now('issuer'),
  });
}
