import { DpopError } from 'holdfast';
import {
  type AuthorizationRequest,
  checkAuthorizationRequest,
  findRedirectUri,
  type Redirect,
  readPushedRequest,
} from '../authorization/authorization-request.ts';
import type { DemoClient } from '../authorization/clients.ts';
import { OAuthError, type Parameters } from '../authorization/oauth.ts';
import type { AuthorizeParts } from './authorize.ts';
import { RedirectedError } from './page-errors.ts';
import { checkPrompt, type PromptRules } from './prompt.ts';

/** From the query of the authorization endpoint to a request that can be shown to a person. */

export interface OpenedRequest {
  readonly client: DemoClient;
  readonly request: AuthorizationRequest & PromptRules;
  /** Of a pushed request, whose one use is still to be taken. */
  readonly requestUri: string | undefined;
  /** As it came, to open it again. */
  readonly query: string;
}

const maxQueryLength = 4096;

/**
 * Opens a request; changes nothing, so that a page can be loaded again.
 *
 * @param begun whether this very browser was shown it before, so that it may be over by now.
 * @throws OAuthError, for a page, as long as it is not known where the client is; then RedirectedError, for the client.
 */
export async function openRequest(
  parts: AuthorizeParts,
  query: string,
  begun: boolean,
): Promise<OpenedRequest> {
  const { clients, records } = parts;
  if (query.length > maxQueryLength) throw new OAuthError('invalid_request', 'The request is too long');
  const given = readQuery(query);
  if (['client_id', 'redirect_uri', 'request_uri'].some((name) => given.repeated.has(name)))
    throw new OAuthError('invalid_request', 'A parameter is given more than once');
  const client = clients.find(({ id }) => id === given.single.get('client_id'));
  if (client === undefined) throw new OAuthError('invalid_request', 'The client is missing or unknown');
  const requestUri = given.single.get('request_uri');
  const request =
    requestUri === undefined
      ? await checkQuery(parts, given, client)
      : // Whatever else the query says is not looked at (RFC 9126 section 4).
        await readPushedRequest(records, requestUri, client.id, begun);
  return { client, request, requestUri, query };
}

interface Query {
  /** Those that are given once, and not empty. */
  readonly single: Parameters;
  readonly repeated: ReadonlySet<string>;
  readonly all: URLSearchParams;
}

function readQuery(query: string): Query {
  const all = new URLSearchParams(query);
  const repeated = new Set([...all.keys()].filter((name) => all.getAll(name).length > 1));
  const single = [...all].filter(([name, value]) => value !== '' && !repeated.has(name));
  return { single: new Map(single), repeated, all };
}

async function checkQuery(
  { binder }: AuthorizeParts,
  { single, repeated, all }: Query,
  client: DemoClient,
): Promise<AuthorizationRequest & PromptRules> {
  const redirect = findRedirectUri(single, client);
  try {
    if ([...repeated].some((name) => name !== 'dpop_jkt'))
      throw new OAuthError('invalid_request', 'A parameter is given more than once');
    const request = {
      ...checkAuthorizationRequest(single, client, redirect),
      ...checkPrompt(single),
    };
    const { jkt } = await binder.bindCode(all.getAll('dpop_jkt')); // [R9449-10-01] [R9449-10-05]
    return jkt === undefined ? request : { ...request, jkt };
  } catch (error) {
    throw toRedirected(error, redirect, single.get('state'));
  }
}

/** From here on the client can be told; what is not its fault is told to the person, who can try again. */
function toRedirected(error: unknown, { redirectUri }: Redirect, state: string | undefined): unknown {
  if (error instanceof OAuthError) return new RedirectedError(redirectUri, error.code, error.message, state);
  if (error instanceof DpopError && error.code !== 'temporarily_unavailable')
    return new RedirectedError(redirectUri, 'invalid_request', 'The key of dpop_jkt cannot be used', state);
  return error;
}
