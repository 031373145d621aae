import type { Grants } from 'holdfast';
import type { Context } from 'koa';
import type { AccessTokens } from './access-tokens.ts';
import type { ClientAuthentication } from './client-authentication.ts';
import { requireParameter, toParameters } from './oauth.ts';

/** A client gives back a token that it needs no more (RFC 7009). */

export interface RevocationParts {
  readonly clients: ClientAuthentication;
  readonly tokens: AccessTokens;
  readonly grants: Grants;
}

/** Of either kind, whatever the hint says. A token that is none of the client's is left alone, without a word. */
export async function answerRevocation(
  ctx: Context,
  { clients, tokens, grants }: RevocationParts,
): Promise<void> {
  const parameters = toParameters(ctx);
  const { id } = await clients.identify(ctx, parameters); // [R7009-2.1-01]
  const token = requireParameter(parameters, 'token');
  const access = await tokens.read(token);
  if (access?.client_id === id) await tokens.revoke(access);
  const refresh = access === undefined ? await grants.inspect(token) : undefined;
  if (refresh?.clientId === id) await grants.end(refresh.grantId); // [R7009-2.1-02]
  ctx.set('cache-control', 'no-store');
  ctx.status = 200; // [R7009-2.2-01]
  ctx.body = '';
}
