import type { RawRequest } from 'holdfast';
import type { Context } from 'koa';

/** The request as it came: what Koa makes of it has lost what a proof is checked against. */
export function toRawRequest(ctx: Context): RawRequest {
  const { method = '', rawHeaders } = ctx.req;
  return { method, target: ctx.originalUrl, rawHeaders };
}
