import type { AccessTokenClaims, JsonObject } from 'holdfast';
import { compactVerify, importJWK } from 'jose';
import type Koa from 'koa';
import { Refusal, refuseGrant } from '../engine/refusal.ts';
import type { World } from '../engine/world.ts';
import type { Seconds } from '../model.ts';
import type { ProtectionMaker } from '../profile.ts';

/**
 * An access token that renews itself: besides `exp` it carries `ttl`, until when the issuer takes it, expired or not, for
 * a new one. Nothing is stored, and there is no refresh token: the access token is both.
 */
export function slidingToken(renewableFor: Seconds): ProtectionMaker {
  return (world) => ({
    claims: ({ grant }) => ({ ttl: Math.floor(grant.begun) + renewableFor }),
    issued: (_call, answer) => {
      answer['refresh_token'] = answer['access_token'];
    },
    issuerRoutes: (app) => {
      app.use((ctx, next) => renewOrNext(world, ctx, next));
    },
  });
}

/** Takes the place of the issuer's own answer to a refresh. */
async function renewOrNext(world: World, ctx: Koa.Context, next: Koa.Next): Promise<void> {
  const exchange = world.exchangeOf(ctx.req);
  const form = new URLSearchParams(exchange.body ?? '');
  if (ctx.path !== '/token' || form.get('grant_type') !== 'refresh_token') return next();
  ctx.set('cache-control', 'no-store');
  try {
    ctx.body = await renew(world, form.get('refresh_token') ?? '');
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    exchange.decidedBy = error.check;
    ctx.status = error.status;
    ctx.body = error.body;
  }
}

async function renew(world: World, token: string): Promise<Record<string, unknown>> {
  const { sub, aud, grant_id: grant = '', role = null, ttl = 0 } = await readOwn(world, token);
  if (!(world.clock.now('issuer') < Number(ttl))) refuseGrant('rt exp');
  const renewed = await world.issuer.issue(sub, String(aud), undefined, grant, { role, ttl });
  return {
    access_token: renewed,
    refresh_token: renewed,
    token_type: 'Bearer',
    expires_in: world.profile.settings.accessTokenLife,
  };
}

/** The signature alone: that the token has expired is what it is here for. */
async function readOwn(world: World, token: string): Promise<AccessTokenClaims & JsonObject> {
  const { publicJwk, algorithm } = world.issuer.signingKey;
  try {
    const key = await importJWK(publicJwk, algorithm);
    const { payload } = await compactVerify(token, key, { algorithms: [algorithm] });
    return JSON.parse(new TextDecoder().decode(payload)) as AccessTokenClaims;
  } catch {
    return refuseGrant('sig');
  }
}
