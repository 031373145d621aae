import type { RecordStore, TokenBinder } from 'holdfast';
import type { Context } from 'koa';
import { checkPrompt } from '../sign-in/prompt.ts';
import { checkAuthorizationRequest, findRedirectUri, pushRequest } from './authorization-request.ts';
import type { ClientAuthentication } from './client-authentication.ts';
import { OAuthError, toParameters } from './oauth.ts';
import type { PushLimits } from './push-limits.ts';
import { toRawRequest } from './raw-request.ts';

/** Pushed authorization requests (RFC 9126): what would go through a browser comes straight from the client. */

export interface PushedRequestParts {
  readonly clients: ClientAuthentication;
  readonly binder: TokenBinder;
  readonly records: RecordStore;
  readonly limits: PushLimits;
}

/** Seconds in which the client must send its user along. */
const life = 90;

/** The proof is looked at last, so that a challenge, or a request that is no good, uses up nothing. */
export async function answerPushedRequest(
  ctx: Context,
  { clients, binder, records, limits }: PushedRequestParts,
): Promise<void> {
  const parameters = toParameters(ctx);
  const client = await clients.identify(ctx, parameters); // [R9126-2-01]
  if (parameters.has('request_uri'))
    throw new OAuthError('invalid_request', 'A pushed request cannot refer to another one'); // [R9126-2-01]
  const redirect = findRedirectUri(parameters, client);
  const checked = {
    ...checkAuthorizationRequest(parameters, client, redirect),
    ...checkPrompt(parameters),
  };
  if (client.authentication.method === 'none') await requireRoom(ctx, limits);
  const dpopJkt = new URLSearchParams(ctx.request.rawBody).getAll('dpop_jkt'); // an empty one is malformed, not absent
  const { jkt, nonce } = await binder.bindCode(dpopJkt, toRawRequest(ctx)); // [R9449-10.1-04]
  const request = { ...checked, ...(jkt === undefined ? {} : { jkt }) };
  if (jkt !== undefined) ctx.state['dpop'] = { jkt };
  ctx.status = 201;
  ctx.set('cache-control', 'no-store');
  if (nonce !== undefined) ctx.set('dpop-nonce', nonce);
  ctx.body = { request_uri: await pushRequest(records, request, life), expires_in: life }; // [R9126-2.2-01]
}

/** A public client is whoever says so: strangers must not fill the records with requests that nobody opens. */
async function requireRoom(ctx: Context, limits: PushLimits): Promise<void> {
  const seconds = await limits.admit(ctx.req.socket.remoteAddress ?? '');
  if (seconds === undefined) return;
  ctx.set('retry-after', String(seconds));
  throw new OAuthError('temporarily_unavailable', 'Too many requests were pushed', { status: 429 });
}
