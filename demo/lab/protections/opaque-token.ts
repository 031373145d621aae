import type { JsonObject } from 'holdfast';
import type Koa from 'koa';
import { type Grant, randomText, type TokenCall } from '../engine/grants.ts';
import type { World } from '../engine/world.ts';
import type { Seconds } from '../model.ts';
import type { ProtectionMaker } from '../profile.ts';

/** Tokens that say nothing: random text, and a table at the issuer, which bank nodes ask about each (RFC 7662). */

interface Row {
  readonly grant: Grant;
  readonly claims: JsonObject;
  readonly expires: Seconds;
}

/** @param cacheFor how long a bank node goes on believing an answer; 0: it asks for each request. */
export function opaqueToken(cacheFor: Seconds): ProtectionMaker {
  return (world) => {
    const rows = new Map<string, Row>();
    const credentials = { clientId: 'bank', clientSecret: randomText() };
    return {
      mint: (claims, call) => write(world, rows, claims, call),
      issuerRoutes: (app) => {
        app.use((ctx, next) => introspectOrNext(world, rows, credentials, ctx, next));
      },
      resourceServer: (node) => ({
        introspection: {
          endpoint: `${world.network.urlOf('issuer', 'http')}${path}?node=${node}`,
          credentials,
          cacheFor,
        },
      }),
      atPassword: (user) => {
        for (const [token, { grant }] of rows) if (grant.user === user) rows.delete(token);
      },
      storedTokens: (user) => [...rows].flatMap(([token, { grant }]) => (grant.user === user ? [token] : [])),
    };
  };
}

const path = '/introspect';

function write(world: World, rows: Map<string, Row>, claims: JsonObject, { grant, jkt }: TokenCall): string {
  const token = randomText();
  const iat = Math.floor(world.clock.now('issuer'));
  const expires = iat + world.profile.settings.accessTokenLife;
  const own = { iss: world.origins.issuer, jti: randomText(), iat, exp: expires };
  rows.set(token, {
    grant,
    expires,
    claims: { ...claims, ...own, ...(jkt === undefined ? {} : { cnf: { jkt } }) },
  });
  return token;
}

async function introspectOrNext(
  world: World,
  rows: ReadonlyMap<string, Row>,
  { clientId, clientSecret }: { readonly clientId: string; readonly clientSecret: string },
  ctx: Koa.Context,
  next: Koa.Next,
): Promise<void> {
  if (ctx.method !== 'POST' || ctx.path !== path) return next();
  if (ctx.get('authorization') !== `Basic ${btoa(`${clientId}:${clientSecret}`)}`) {
    world.exchangeOf(ctx.req).decidedBy = 'confidential';
    ctx.status = 401;
    return;
  }
  const token = new URLSearchParams(world.exchangeOf(ctx.req).body ?? '').get('token') ?? '';
  ctx.body = describe(rows.get(token), world.clock.now('issuer'));
}

/** Unknown, expired, signed out: all the same to whoever asks. */
function describe(row: Row | undefined, now: Seconds): JsonObject {
  if (row === undefined || row.grant.ended || now >= row.expires) return { active: false };
  return { active: true, ...row.claims };
}
