import type { DpopError } from '../errors.ts';
import {
  type Authorization,
  type ResourceServer,
  type RouteOptions,
  requireRoute,
} from '../resource-server.ts';
import { headerLines } from '../target-uri.ts';

/** The part of a Koa context that the adapter uses; Koa 3's own context fits. */
export interface KoaContext {
  readonly req: { readonly method?: string | undefined; readonly rawHeaders: readonly string[] };
  readonly res: { readonly getHeader: (name: string) => number | string | string[] | undefined };
  readonly originalUrl: string;
  readonly request: object;
  readonly state: object;
  status: number;
  body: unknown;
  set(name: string, value: string): void;
}

/** What `requireDpop` leaves on `ctx.state`: one of the two. */
export interface DpopState {
  /** For the handlers behind it: the request is authorized. */
  readonly dpop?: Authorization;
  /** For the middleware in front of it, such as a request log: why the request was refused. */
  readonly dpopRefusal?: DpopError;
}

/**
 * Koa middleware that lets a request through only with a bound token and a proof for it, used for the first time (and,
 * where the mode is `allow` or `observe`, with a token that is bound to no key).
 *
 * The result is `ctx.state.dpop`; see `DpopState`. Refusals are written here, never thrown: Koa's error path would drop
 * their headers. Errors of the handlers behind it pass untouched. Reads target and header lines from the raw request, so
 * mounting, `app.proxy` and merged headers do not matter. A second guard of the same server, on a route behind the first,
 * only looks at its scopes and mode: the proof's one use is taken. Answer CORS preflights before it.
 *
 * @param server made by `createResourceServer`.
 * @param route scopes that this route needs, its mode and its name; default: no scopes, the server's mode, no name.
 */
export function requireDpop(
  server: ResourceServer,
  route: RouteOptions = {},
): (ctx: KoaContext, next: () => Promise<unknown>) => Promise<void> {
  if (typeof server?.authorize !== 'function') {
    throw new TypeError('holdfast: requireDpop needs a resource server made by createResourceServer');
  }
  requireRoute(route);
  return async function dpop(ctx, next) {
    const authorization = await authorize(server, route, ctx);
    if (authorization === undefined) return;
    Object.assign(ctx.state, { dpop: authorization } satisfies DpopState);
    await next();
    // Again, since a handler may have said otherwise: an answer with a nonce must not be stored (section 8.2).
    if (authorization.nonce !== undefined) ctx.set('cache-control', 'no-store');
  };
}

/** Which requests a guard has let through, and as what. */
const admitted = new WeakMap<
  object,
  { server: ResourceServer; method: string; authorization: Authorization }
>();

/** Writes the refusal and answers `undefined` when there is nothing to let through. */
async function authorize(
  server: ResourceServer,
  route: RouteOptions,
  ctx: KoaContext,
): Promise<Authorization | undefined> {
  const { method = '', rawHeaders } = ctx.req;
  const { body } = ctx.request as { body?: unknown };
  const form = typeof body === 'object' && body !== null ? (body as Record<string, unknown>) : undefined;
  exposeToBrowsers(ctx);
  try {
    const before = admitted.get(ctx.req);
    if (before?.server === server && before.method === method) {
      server.recheck(before.authorization, route);
      return before.authorization;
    }
    const request = { method, target: ctx.originalUrl, rawHeaders, form };
    const authorization = await server.authorize(request, route);
    admitted.set(ctx.req, { server, method, authorization });
    if (authorization.nonce !== undefined)
      setAll(ctx, { 'dpop-nonce': authorization.nonce, 'cache-control': 'no-store' });
    return authorization;
  } catch (error) {
    const { status, headers, body: answer } = server.challenge(error);
    Object.assign(ctx.state, { dpopRefusal: error });
    ctx.status = status;
    setAll(ctx, headers);
    ctx.body = answer;
    return undefined;
  }
}

function setAll(ctx: KoaContext, headers: Readonly<Record<string, string>>): void {
  for (const [name, value] of Object.entries(headers)) ctx.set(name, value);
}

const exposeHeaders = 'access-control-expose-headers';

/** Scripts of other origins may read only the headers that are exposed, and cannot do without these two. */
function exposeToBrowsers(ctx: KoaContext): void {
  if (headerLines(ctx.req.rawHeaders, 'origin').length === 0) return;
  const exposed = String(ctx.res.getHeader(exposeHeaders) ?? '');
  const names = exposed.toLowerCase().split(/[ ,]+/);
  const missing = ['DPoP-Nonce', 'WWW-Authenticate'].filter((name) => !names.includes(name.toLowerCase()));
  // [R9449-7.1-10] [R9449-8-11]
  ctx.set(exposeHeaders, [exposed, ...missing].filter((name) => name !== '').join(', '));
}
