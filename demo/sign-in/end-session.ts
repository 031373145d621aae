import type { Context } from 'koa';
import { findRedirectUri } from '../authorization/authorization-request.ts';
import { OAuthError, type Parameters, toParameters, toSingleParameters } from '../authorization/oauth.ts';
import type { PageParts } from './authorize.ts';
import { createFormToken, requireFormToken } from './form-guard.ts';
import { endSessionPage, sendPage, signedOutPage } from './pages.ts';
import { redirectTo } from './redirects.ts';

/** Signing out, on a client's wish (OpenID Connect RP-Initiated Logout) or by oneself. A person confirms it. */

const names = ['client_id', 'post_logout_redirect_uri', 'state'];
const purpose = 'end-session';

export async function confirmEndSession(ctx: Context, parts: PageParts): Promise<void> {
  const parameters = toSingleParameters(new URLSearchParams(ctx.querystring));
  const target = findTarget(parameters, parts);
  const session = await parts.sessions.find(ctx);
  if (session === undefined) return leave(ctx, parameters, target);
  const page = endSessionPage({
    user: session.subject,
    token: createFormToken(session.secret, purpose),
    fields: Object.fromEntries([...parameters].filter(([name]) => names.includes(name))),
    leadsTo: target,
  });
  sendPage(ctx, 200, page);
}

export async function endSession(ctx: Context, parts: PageParts): Promise<void> {
  const parameters = toParameters(ctx);
  const target = findTarget(parameters, parts);
  const session = await parts.sessions.find(ctx);
  if (session === undefined) return leave(ctx, parameters, target);
  requireFormToken(parameters.get('token'), session.secret, purpose);
  if (parameters.get('where') === 'everywhere') {
    await parts.grants.endAll(session.subject); // the sessions last: without one, nobody could try again
    await parts.sessions.endAll(session.subject);
  }
  await parts.sessions.end(ctx);
  return leave(ctx, parameters, target);
}

/**
 * Where the browser goes afterwards: one of the client's registered addresses, by the rules of redirect URIs.
 *
 * @throws OAuthError, for a page: nobody is signed out by a request that is not understood.
 */
function findTarget(parameters: Parameters, { clients }: PageParts): string | undefined {
  const asked = parameters.get('post_logout_redirect_uri');
  if (asked === undefined) return undefined;
  const client = clients.find(({ id }) => id === parameters.get('client_id'));
  if (client === undefined) throw new OAuthError('invalid_request', 'The client is missing or unknown');
  const redirectUris = client.postLogoutRedirectUris;
  return findRedirectUri(new Map([['redirect_uri', asked]]), { ...client, redirectUris }).redirectUri;
}

function leave(ctx: Context, parameters: Parameters, target: string | undefined): void {
  const state = parameters.get('state');
  if (target === undefined) sendPage(ctx, 200, signedOutPage());
  else redirectTo(ctx, target, state === undefined ? {} : { state });
}
