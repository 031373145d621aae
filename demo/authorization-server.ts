import { createHash, timingSafeEqual } from 'node:crypto';
import { bodyParser } from '@koa/bodyparser';
import cors from '@koa/cors';
import { Router } from '@koa/router';
import { DpopError, type HttpAnswer, type TokenBinder, type TokenIssuer } from 'holdfast';
import Koa, { type Context } from 'koa';
import { answerHealth, type Health } from './health.ts';
import { type LogState, requestLog } from './request-log.ts';

/** A small authorization server: metadata, keys, and a token endpoint that issues bound tokens only. */

/** A client that may ask for tokens. */
export interface DemoClient {
  readonly id: string;
  readonly secret: string;
  readonly scopes: readonly string[];
}

/** What a grant has found out about a token request, before its proof is looked at. */
export interface GrantedToken {
  readonly subject: string;
  readonly scopes: readonly string[];
}

/**
 * One `grant_type`. `check` looks at the request's shape and throws an `OAuthError`; it must not consume anything, since
 * the proof is checked after it and may be answered with a nonce challenge.
 */
export type Grant = (parameters: ReadonlyMap<string, string>, client: DemoClient) => GrantedToken;

export interface AuthorizationServerParts {
  readonly origin: string;
  /** The audience of every token: the demo has one resource server. */
  readonly audience: string;
  readonly issuer: TokenIssuer;
  readonly binder: TokenBinder;
  readonly clients: readonly DemoClient[];
  readonly health: () => Promise<Health>;
  readonly log: (line: string) => void;
}

/** An error of RFC 6749 section 5.2; the description is one of our own fixed texts. */
class OAuthError extends Error {
  readonly code: string;
  readonly status: number;
  readonly challenge: boolean;

  constructor(code: string, description: string, { status = 400, challenge = false } = {}) {
    super(description);
    this.code = code;
    this.status = status;
    this.challenge = challenge;
  }
}

const grants: ReadonlyMap<string, Grant> = new Map([['client_credentials', checkClientCredentials]]);

/** The client acts for itself: every scope it may have, or those it asks for. */
function checkClientCredentials(parameters: ReadonlyMap<string, string>, client: DemoClient): GrantedToken {
  const asked = parameters.get('scope')?.split(' ') ?? client.scopes;
  if (asked.every((scope) => client.scopes.includes(scope))) return { subject: client.id, scopes: asked };
  throw new OAuthError('invalid_scope', 'The client may not have this scope');
}

export function createAuthorizationServer(parts: AuthorizationServerParts): Koa {
  const router = new Router()
    .get('/.well-known/oauth-authorization-server', (ctx) => {
      ctx.body = toMetadata(parts);
    })
    .get('/jwks', (ctx) => {
      ctx.set('cache-control', 'public, max-age=60');
      ctx.body = parts.issuer.jwks();
    })
    .post('/token', answerErrors(parts), readForm(), (ctx) => issueToken(ctx, parts));
  const app = new Koa();
  app.use(answerHealth(parts.health));
  app.use(requestLog('AS', parts.log));
  app.use(
    cors({
      origin: '*', // [R9700-2.6-01]
      allowHeaders: ['Authorization', 'Content-Type', 'DPoP'],
      exposeHeaders: ['DPoP-Nonce'], // [R9449-8-11]
    }),
  );
  app.use(router.routes());
  app.use(router.allowedMethods());
  return app;
}

/** RFC 8414. It lists what the endpoints accept, from the same objects that decide. */
function toMetadata({ origin, binder, clients }: AuthorizationServerParts): object {
  return {
    issuer: origin, // [R8414-3-01]
    token_endpoint: `${origin}/token`,
    jwks_uri: `${origin}/jwks`,
    grant_types_supported: [...grants.keys()],
    response_types_supported: [],
    scopes_supported: [...new Set(clients.flatMap(({ scopes }) => scopes))],
    token_endpoint_auth_methods_supported: ['client_secret_basic', 'client_secret_post'],
    dpop_signing_alg_values_supported: binder.algorithms, // [R9449-5.1-01]
  };
}

function readForm(): Koa.Middleware {
  return bodyParser({
    enableTypes: ['form'],
    formLimit: '16kb',
    onError: (_error, ctx) => {
      ctx.req.unpipe().resume(); // what is left of a large body would block the connection
      throw new OAuthError('invalid_request', 'The body is not a form, or is too large');
    },
  });
}

/** Client first, then the grant's shape, then the proof: a stranger's proof is never even opened. */
async function issueToken(
  ctx: Context,
  { issuer, binder, clients, audience }: AuthorizationServerParts,
): Promise<void> {
  const parameters = toParameters(ctx);
  const client = authenticate(ctx.get('authorization'), parameters, clients); // [R9449-4-01]
  const grant = grants.get(requireParameter(parameters, 'grant_type'));
  if (grant === undefined) throw new OAuthError('unsupported_grant_type', 'The grant type is not supported');
  const { subject, scopes } = grant(parameters, client);
  const { method = '', rawHeaders } = ctx.req;
  const { jkt, nonce } = await binder.bind({ method, target: ctx.originalUrl, rawHeaders });
  const scope = scopes.join(' ');
  const { accessToken, tokenType, expiresIn } = await issuer.issue({
    subject,
    clientId: client.id,
    audience,
    jkt,
    scope,
  });
  ctx.state['dpop'] = { jkt };
  if (nonce !== undefined) ctx.set('dpop-nonce', nonce);
  ctx.set('cache-control', 'no-store'); // [R6749-5.1-01]
  ctx.body = { access_token: accessToken, token_type: tokenType, expires_in: expiresIn, scope };
}

/**
 * One value for each parameter; one sent twice, or sent empty, is refused or absent (RFC 6749 section 3.2). Read from
 * the text: the parser's own result has objects for names such as `a.b`, and lacks `constructor`.
 */
function toParameters(ctx: Context): ReadonlyMap<string, string> {
  if (!ctx.is('application/x-www-form-urlencoded'))
    throw new OAuthError('invalid_request', 'The body must be a form');
  const given = [...new URLSearchParams(ctx.request.rawBody)];
  const repeated = new Map(given).size !== given.length;
  if (repeated) throw new OAuthError('invalid_request', 'A parameter is given more than once');
  return new Map(given.filter(([, value]) => value !== ''));
}

function requireParameter(parameters: ReadonlyMap<string, string>, name: string): string {
  const value = parameters.get(name);
  if (value === undefined) throw new OAuthError('invalid_request', `The parameter ${name} is missing`);
  return value;
}

/** `client_secret_basic` or `client_secret_post` (RFC 6749 section 2.3.1), not both. */
function authenticate(
  authorization: string,
  parameters: ReadonlyMap<string, string>,
  clients: readonly DemoClient[],
): DemoClient {
  const basic = /^basic +([\w+/]+=*)$/i.exec(authorization)?.[1];
  if (authorization !== '' && parameters.has('client_secret')) {
    throw new OAuthError('invalid_request', 'The client may authenticate in one way only');
  }
  const [id, secret] =
    basic === undefined ? [parameters.get('client_id'), parameters.get('client_secret')] : decodeBasic(basic);
  const client = clients.find((candidate) => candidate.id === id);
  if (client !== undefined && secret !== undefined && isSame(secret, client.secret)) return client;
  throw new OAuthError('invalid_client', 'The client is unknown or its secret is wrong', {
    status: 401,
    challenge: authorization !== '',
  });
}

/** Identifier and secret are form-encoded before they are joined. */
function decodeBasic(credentials: string): [id: string | undefined, secret: string | undefined] {
  const [id = '', ...rest] = Buffer.from(credentials, 'base64').toString('utf8').split(':');
  const decoded = new URLSearchParams(`id=${id}&secret=${rest.join(':')}`);
  return [decoded.get('id') ?? undefined, decoded.get('secret') ?? undefined];
}

/** Hashing first gives both sides one length, which the constant-time comparison needs. */
function isSame(given: string, expected: string): boolean {
  const [left, right] = [given, expected].map((text) => createHash('sha256').update(text).digest());
  return left !== undefined && right !== undefined && timingSafeEqual(left, right);
}

/** Refusals of the endpoint and of the proof, as RFC 6749 section 5.2 and RFC 9449 section 5 want them. */
function answerErrors({ binder }: AuthorizationServerParts): Koa.Middleware {
  return async function oauthErrors(ctx, next) {
    try {
      await next();
    } catch (error) {
      ctx.state['dpopRefusal'] = error instanceof DpopError ? error : toLogged(error);
      const { status, headers, body } =
        error instanceof OAuthError ? toAnswer(error) : binder.challenge(error);
      ctx.status = status;
      ctx.set({ ...headers });
      ctx.body = body;
    }
  };
}

/** A refusal without a proof, for the log: the OAuth error word is its reason. */
function toLogged(error: unknown): LogState['dpopRefusal'] {
  return { reason: error instanceof OAuthError ? error.code : 'unexpected', jkt: undefined };
}

function toAnswer({ code, message, status, challenge }: OAuthError): HttpAnswer {
  const authenticate = challenge ? { 'www-authenticate': 'Basic realm="token"' } : {}; // [R6749-5.2-01]
  return {
    status,
    headers: { 'cache-control': 'no-store', ...authenticate },
    body: { error: code, error_description: message },
  };
}
