import cors from '@koa/cors';
import { Router } from '@koa/router';
import type { Grants, RecordStore, Revocations, TokenBinder, TokenIssuer } from 'holdfast';
import Koa, { type Context, type Middleware } from 'koa';
import { answerHealth, type Health } from '../health.ts';
import { requestLog } from '../request-log.ts';
import { createAccessTokens } from './access-tokens.ts';
import { codeChallengeMethods, responseModes, responseTypes } from './authorization-request.ts';
import {
  assertionAlgorithms,
  clientMethods,
  confidentialMethods,
  createClientAuthentication,
} from './client-authentication.ts';
import type { DemoClient } from './clients.ts';
import { answerIntrospection } from './introspection.ts';
import { answerErrors, readForm } from './oauth.ts';
import { createPushLimits, type PushLimits } from './push-limits.ts';
import { answerPushedRequest } from './pushed-requests.ts';
import { answerRevocation } from './revocation-endpoint.ts';
import { answerTokenRequest, grantTypes } from './token-endpoint.ts';

/** A small authorization server: what it says of itself, its keys, its endpoints, and the pages that people see. */

export interface AuthorizationServerParts {
  readonly origin: string;
  /** The audience of every token: the demo has one resource server. */
  readonly audience: string;
  /** Seconds; of the issuer. */
  readonly maxLifetime: number;
  readonly issuer: TokenIssuer;
  readonly binder: TokenBinder;
  readonly grants: Grants;
  readonly records: RecordStore;
  readonly revocations: Revocations;
  readonly clients: readonly DemoClient[];
  /** Default: those of `createPushLimits`. */
  readonly limits?: PushLimits;
  /** `GET /authorize`, and what follows from it. */
  readonly pages: Router;
  readonly health: () => Promise<Health>;
  readonly log: (line: string) => void;
}

const paths = {
  metadata: '/.well-known/oauth-authorization-server',
  jwks: '/jwks',
  token: '/token',
  pushedRequest: '/par',
  introspection: '/introspect',
  revocation: '/revoke',
  authorization: '/authorize',
  endSession: '/end-session',
} as const;

/** Where scripts of other origins may read along: never where a cookie counts. [R9700-2.6-01] */
const crossOrigin: readonly string[] = [
  paths.metadata,
  paths.jwks,
  paths.token,
  paths.pushedRequest,
  paths.revocation,
];

export function createAuthorizationServer(parts: AuthorizationServerParts): Koa {
  const router = new Router({ sensitive: true, strict: true })
    .get(paths.metadata, (ctx) => {
      ctx.body = toMetadata(parts);
    })
    .get(paths.jwks, (ctx) => {
      ctx.set('cache-control', 'public, max-age=60');
      ctx.body = parts.issuer.jwks();
    });
  for (const [path, answer] of toEndpoints(parts)) {
    router.post(path, answerErrors(parts.binder), readForm(), answer);
  }
  const app = new Koa();
  app.use(answerHealth(parts.health));
  app.use(requestLog('AS', parts.log));
  app.use(shareWithOrigins());
  for (const each of [router, parts.pages]) {
    app.use(each.routes());
    app.use(each.allowedMethods());
  }
  return app;
}

type Endpoint = readonly [path: string, answer: (ctx: Context) => Promise<void>];

function toEndpoints(parts: AuthorizationServerParts): readonly Endpoint[] {
  const { origin, records } = parts;
  // What an assertion may be made for: RFC 7523 section 3, RFC 9126 section 2.
  const audiences = [origin, `${origin}${paths.token}`, `${origin}${paths.pushedRequest}`];
  const clients = createClientAuthentication({ clients: parts.clients, records, audiences });
  const tokens = createAccessTokens(parts);
  const endpoint = { limits: createPushLimits(), ...parts, clients, tokens };
  return [
    [paths.token, (ctx) => answerTokenRequest(ctx, endpoint)],
    [paths.pushedRequest, (ctx) => answerPushedRequest(ctx, endpoint)],
    [paths.introspection, (ctx) => answerIntrospection(ctx, endpoint)],
    [paths.revocation, (ctx) => answerRevocation(ctx, endpoint)],
  ];
}

function shareWithOrigins(): Middleware {
  const share = cors({
    origin: '*',
    allowHeaders: ['Authorization', 'Content-Type', 'DPoP'],
    exposeHeaders: ['DPoP-Nonce'], // [R9449-8-11]
  });
  return (ctx, next) => (crossOrigin.includes(ctx.path) ? share(ctx, next) : next());
}

/** RFC 8414. It lists what the endpoints accept, from the same objects that decide. */
function toMetadata({ origin, binder, clients }: AuthorizationServerParts): object {
  return {
    issuer: origin, // [R8414-3-01]
    authorization_endpoint: `${origin}${paths.authorization}`,
    token_endpoint: `${origin}${paths.token}`,
    pushed_authorization_request_endpoint: `${origin}${paths.pushedRequest}`,
    introspection_endpoint: `${origin}${paths.introspection}`,
    revocation_endpoint: `${origin}${paths.revocation}`,
    end_session_endpoint: `${origin}${paths.endSession}`,
    jwks_uri: `${origin}${paths.jwks}`,
    grant_types_supported: grantTypes,
    response_types_supported: responseTypes,
    response_modes_supported: responseModes,
    code_challenge_methods_supported: codeChallengeMethods,
    authorization_response_iss_parameter_supported: true,
    scopes_supported: [...new Set(clients.flatMap(({ scopes }) => scopes))],
    token_endpoint_auth_methods_supported: clientMethods,
    token_endpoint_auth_signing_alg_values_supported: assertionAlgorithms,
    introspection_endpoint_auth_methods_supported: confidentialMethods,
    introspection_endpoint_auth_signing_alg_values_supported: assertionAlgorithms,
    revocation_endpoint_auth_methods_supported: clientMethods,
    revocation_endpoint_auth_signing_alg_values_supported: assertionAlgorithms,
    dpop_signing_alg_values_supported: binder.algorithms, // [R9449-5.1-01]
  };
}
