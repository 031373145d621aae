import {
  type AccessTokenClaims,
  type BindingRule,
  exchangeRule,
  type Grants,
  type JsonObject,
  type OpenGrant,
  type TokenBinder,
  type TokenBinding,
  type TokenRequest,
} from 'holdfast';
import type { Context } from 'koa';
import type { AccessTokens } from './access-tokens.ts';
import { toScope } from './authorization-request.ts';
import type { ClientAuthentication } from './client-authentication.ts';
import { type DemoClient, tokenExchange } from './clients.ts';
import { OAuthError, type Parameters, requireParameter, toParameters } from './oauth.ts';
import { toRawRequest } from './raw-request.ts';

/**
 * The token endpoint: client, grant, proof, and only then is anything used up. So a challenge, or a proof that is no
 * good, costs nobody a code or a refresh token. [R9449-8-10]
 */

export interface TokenEndpointParts {
  /** The audience of every token: the demo has one resource server. */
  readonly audience: string;
  /** Seconds; of the issuer. */
  readonly maxLifetime: number;
  readonly clients: ClientAuthentication;
  readonly binder: TokenBinder;
  readonly grants: Grants;
  readonly tokens: AccessTokens;
}

/** A request that may lead to a token, once its proof fits the rule. Nothing was used up for it. */
interface OpenRequest {
  readonly rule: BindingRule;
  /** What to issue. */
  readonly terms: Terms;
  /** Uses up the grant, where there is one; yields the refresh token to send along. */
  readonly redeem: (binding: TokenBinding) => Promise<string | undefined>;
}

interface Terms {
  readonly subject: string;
  readonly scope: string;
  readonly grant?: string;
  readonly lifetime?: number;
  readonly claims?: JsonObject;
  /** Further members of the response. */
  readonly response?: JsonObject;
}

/** One `grant_type`: looks at the request, and throws an `OAuthError` or a `DpopError`. */
type Flow = (parameters: Parameters, client: DemoClient, parts: TokenEndpointParts) => Promise<OpenRequest>;

const flows: ReadonlyMap<string, Flow> = new Map<string, Flow>([
  ['authorization_code', openCode],
  ['refresh_token', openRefreshToken],
  ['client_credentials', openClientCredentials],
  [tokenExchange, openExchange],
]);

/** For metadata too. */
export const grantTypes: readonly string[] = [...flows.keys()];

/** Issues tokens. The same for every grant. [R9449-5-02] */
export async function answerTokenRequest(ctx: Context, parts: TokenEndpointParts): Promise<void> {
  const parameters = toParameters(ctx);
  const client = await parts.clients.identify(ctx, parameters); // [R9449-4-01]
  const { rule, terms, redeem } = await toFlow(parameters, client)(parameters, client, parts);
  const binding = await parts.binder.bind(toRawRequest(ctx), toughened(rule, client));
  const issued = await parts.tokens.issue(client, toTokenRequest(terms, client, binding, parts));
  const refreshToken = await redeem(binding); // last: a token that could not be made must not cost the grant
  const { accessToken, tokenType, expiresIn } = issued;
  if (binding.jkt !== undefined) ctx.state['dpop'] = { jkt: binding.jkt };
  if (binding.nonce !== undefined) ctx.set('dpop-nonce', binding.nonce);
  ctx.set('cache-control', 'no-store'); // [R6749-5.1-01]
  ctx.body = {
    access_token: accessToken,
    token_type: tokenType, // [R9449-5-05]
    expires_in: expiresIn,
    scope: terms.scope,
    ...(refreshToken === undefined ? {} : { refresh_token: refreshToken }),
    ...terms.response,
  };
}

function toFlow(parameters: Parameters, client: DemoClient): Flow {
  const type = requireParameter(parameters, 'grant_type');
  const flow = flows.get(type);
  if (flow === undefined) throw new OAuthError('unsupported_grant_type', 'The grant type is not supported');
  if (client.grantTypes.includes(type)) return flow;
  throw new OAuthError('unauthorized_client', 'The client may not use this grant type');
}

/** A client that has moved to DPoP since its grant began does not stay behind. [R9449-5.2-01] [R9449-5.2-02] */
function toughened(rule: BindingRule, { boundTokens }: DemoClient): BindingRule {
  return boundTokens ? { jkt: rule.jkt } : rule;
}

function toTokenRequest(
  { subject, scope, grant, lifetime, claims }: Terms,
  { id }: DemoClient,
  { jkt }: TokenBinding,
  { audience }: TokenEndpointParts,
): TokenRequest {
  return {
    subject,
    clientId: id,
    audience,
    jkt, // [R9449-5-12]
    ...(scope === '' ? {} : { scope }),
    ...(grant === undefined ? {} : { grant }),
    ...(lifetime === undefined ? {} : { lifetime }),
    ...(claims === undefined ? {} : { claims }),
  };
}

async function openCode(
  parameters: Parameters,
  client: DemoClient,
  { grants }: TokenEndpointParts,
): Promise<OpenRequest> {
  const grant = await grants.openCode(requireParameter(parameters, 'code'), {
    clientId: client.id,
    redirectUri: parameters.get('redirect_uri'),
    codeVerifier: parameters.get('code_verifier'),
  });
  return toOpenRequest(grant, grants);
}

async function openRefreshToken(
  parameters: Parameters,
  client: DemoClient,
  { grants }: TokenEndpointParts,
): Promise<OpenRequest> {
  const grant = await grants.openRefreshToken(requireParameter(parameters, 'refresh_token'), {
    clientId: client.id,
    scope: parameters.get('scope'),
  });
  return toOpenRequest(grant, grants);
}

function toOpenRequest(open: OpenGrant, grants: Grants): OpenRequest {
  const { id: grant, subject, scope, claims, rule } = open;
  const redeem = async (binding: TokenBinding): Promise<string | undefined> =>
    (await grants.redeem(open, binding)).refreshToken;
  return { rule, terms: { subject, scope, grant, claims }, redeem };
}

/** Nothing is used up: whoever comes again gets another token. */
const nothing = async (): Promise<undefined> => undefined;

/** The client acts for itself. */
async function openClientCredentials(parameters: Parameters, client: DemoClient): Promise<OpenRequest> {
  const terms = { subject: client.id, scope: toScope(parameters, client) };
  return { rule: { proof: 'optional' }, terms, redeem: nothing };
}

const accessTokenType = 'urn:ietf:params:oauth:token-type:access_token';

/**
 * RFC 8693: a token for less, and no longer, than the one that it is made from; bound to the same key, since whoever
 * stole that one has a key, too.
 */
async function openExchange(
  parameters: Parameters,
  client: DemoClient,
  { tokens, audience, maxLifetime }: TokenEndpointParts,
): Promise<OpenRequest> {
  requireExchange(parameters, audience);
  const subject = await tokens.read(requireParameter(parameters, 'subject_token'));
  if (subject === undefined || subject.aud !== audience)
    throw new OAuthError('invalid_request', 'The subject token is not a live one for this audience');
  const scopes = (subject.scope ?? '').split(' ').filter((scope) => client.scopes.includes(scope));
  const terms: Terms = {
    subject: subject.sub,
    scope: toScope(parameters, { scopes }),
    ...(subject.grant_id === undefined ? {} : { grant: subject.grant_id }),
    lifetime: Math.max(0, Math.min(maxLifetime, Math.floor(subject.exp - Date.now() / 1000))),
    claims: { act: toActor(client, subject) },
    response: { issued_token_type: accessTokenType },
  };
  return { rule: exchangeRule(subject, { proof: 'optional' }), terms, redeem: nothing };
}

function requireExchange(parameters: Parameters, audience: string): void {
  const types = ['subject_token_type', 'requested_token_type'].map(
    (name) => parameters.get(name) ?? accessTokenType,
  );
  requireParameter(parameters, 'subject_token_type');
  if (types.some((type) => type !== accessTokenType) || parameters.has('actor_token'))
    throw new OAuthError('invalid_request', 'Only access tokens are exchanged, and no actor is taken');
  const targets = ['audience', 'resource'].map((name) => parameters.get(name) ?? audience);
  if (targets.some((target) => target !== audience))
    throw new OAuthError('invalid_target', 'There are no tokens for this audience');
}

/** Who uses it, and who did before. */
function toActor({ id }: DemoClient, { act }: AccessTokenClaims): JsonObject {
  return { sub: id, ...(act === undefined ? {} : { act }) };
}
