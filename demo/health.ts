import type { Middleware } from 'koa';

/** `GET /healthz`: whether this server can decide about requests now. For load balancers, so it asks for nothing. */

export interface Health {
  readonly ready: boolean;
  readonly replay: 'memory' | 'redis';
  readonly gauges?: { readonly size: number; readonly capacity: number; readonly evictions: number };
}

/** Stands before the request log: a question every second would drown it. What is wrong is told there, not here. */
export function answerHealth(health: () => Promise<Health>): Middleware {
  return async function healthz(ctx, next) {
    if (!/^\/healthz(?:\?|$)/.test(ctx.req.url ?? '')) return next();
    ctx.set('cache-control', 'no-store');
    if (ctx.method !== 'GET' && ctx.method !== 'HEAD') {
      ctx.set('allow', 'GET, HEAD');
      ctx.status = 405;
      return;
    }
    const { ready, replay, gauges } = await health();
    ctx.status = ready ? 200 : 503;
    if (!ready) ctx.set('retry-after', '1');
    ctx.body = { status: ready ? 'ready' : 'unavailable', replay, ...gauges };
  };
}
