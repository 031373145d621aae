import type { AccessTokenClaims, Grants, JsonObject } from 'holdfast';
import type { Context } from 'koa';
import { type AccessTokens, jktOf } from './access-tokens.ts';
import type { ClientAuthentication } from './client-authentication.ts';
import type { DemoClient } from './clients.ts';
import { requireParameter, toParameters } from './oauth.ts';

/** What a token is worth, for those who cannot or need not read it themselves (RFC 7662). */

export interface IntrospectionParts {
  readonly audience: string;
  readonly clients: ClientAuthentication;
  readonly tokens: AccessTokens;
  readonly grants: Grants;
}

/** Whatever is not the caller's business, or no live token, is the same: inactive. No proof takes part. [R9449-6.2-03] */
export async function answerIntrospection(ctx: Context, parts: IntrospectionParts): Promise<void> {
  const parameters = toParameters(ctx);
  const client = await parts.clients.authenticate(ctx, parameters); // [R7662-2.1-01]
  const token = requireParameter(parameters, 'token');
  const state =
    (await describeAccessToken(token, client, parts)) ?? (await describeRefreshToken(token, client, parts));
  ctx.set('cache-control', 'no-store'); // [R6749-5.1-01]
  ctx.body = state ?? { active: false }; // [R7662-2.2-01]
}

async function describeAccessToken(
  token: string,
  client: DemoClient,
  { tokens, audience }: IntrospectionParts,
): Promise<JsonObject | undefined> {
  const claims = await tokens.read(token);
  if (claims === undefined || !maySee(client, claims, audience)) return undefined;
  // [R9449-6.2-01] [R9449-6.2-02]
  return { active: true, token_type: jktOf(claims) === undefined ? 'Bearer' : 'DPoP', ...claims };
}

function maySee(
  { id, introspects }: DemoClient,
  { client_id, aud }: AccessTokenClaims,
  audience: string,
): boolean {
  return introspects === 'audience' ? aud === audience : client_id === id;
}

/** For its own client alone: a resource server must not take it for an access token. */
async function describeRefreshToken(
  token: string,
  client: DemoClient,
  { grants }: IntrospectionParts,
): Promise<JsonObject | undefined> {
  const state = await grants.inspect(token);
  if (state === undefined || state.clientId !== client.id) return undefined;
  const { clientId: client_id, subject: sub, scope, jkt, iat, exp, grantId: grant_id } = state;
  const cnf = jkt === undefined ? {} : { cnf: { jkt } };
  return { active: true, client_id, sub, scope, iat, exp, grant_id, ...cnf };
}
