import { bodyParser } from '@koa/bodyparser';
import type { Middleware } from 'koa';
import { ApiError } from './api-error.ts';

/**
 * Reads JSON of at most so many megabytes. No other content type gets that far: pages of other origins can send what
 * forms can without asking, and JSON is not among it.
 */
export function readJson(megabytes: number): Middleware {
  const parse = bodyParser({
    enableTypes: ['json'],
    jsonLimit: `${megabytes}mb`,
    onError: (error, ctx) => {
      ctx.req.unpipe().resume(); // what is left of a large body would block the connection
      throw toApiError(error, megabytes);
    },
  });
  return function json(ctx, next) {
    if (ctx.is('application/json') === 'application/json') return parse(ctx, next);
    throw new ApiError(415, 'The content type must be application/json.');
  };
}

function toApiError(error: Error, megabytes: number): ApiError {
  const { status } = error as { status?: number };
  if (status === 413) return new ApiError(413, `The body must be at most ${megabytes} MB.`);
  if (status === 415)
    return new ApiError(415, 'The body must be UTF-8, plain or compressed by gzip or deflate.');
  if (/prototype/.test(error.message))
    return new ApiError(400, 'No member of the body may be called __proto__.');
  return new ApiError(400, 'The body must be a JSON object.');
}
