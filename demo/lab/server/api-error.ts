import type { Middleware } from 'koa';
import { withoutTokens } from '../report/tokens.ts';

/** What the lab's interface answers when it says no: one sentence, and the field that it is about. */
export class ApiError extends Error {
  override readonly name: string = 'ApiError';
  readonly status: number;
  readonly field: string | undefined;

  constructor(status: number, sentence: string, field?: string) {
    super(sentence);
    this.status = status;
    this.field = field;
  }
}

/** 400 for one field of the body. */
export function badField(field: string, must: string): ApiError {
  return new ApiError(400, `${field} must be ${must}.`, field);
}

/** Everything else that is thrown is ours, not the caller's: a fixed sentence for him, the message for the log. */
export function answerApiErrors(log: (line: string) => void): Middleware {
  return async function apiErrors(ctx, next) {
    try {
      await next();
      if (ctx.status === 404 && ctx.body == null) throw new ApiError(404, 'There is nothing here.');
    } catch (error) {
      const known = error instanceof ApiError ? error : toInternalError(error, log);
      ctx.status = known.status;
      ctx.body = { error: known.message, ...(known.field === undefined ? {} : { field: known.field }) };
    }
  };
}

function toInternalError(error: unknown, log: (line: string) => void): ApiError {
  log(`lab: ${describe(error)}`);
  return new ApiError(500, 'Something broke in the lab; its log says what.');
}

/** One line for a log, without tokens. */
export function describe(error: unknown): string {
  return `${error instanceof Error ? error.name : 'thrown'}: ${messageOf(error)}`;
}

/** One line, without tokens. */
export function messageOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return withoutTokens(text).replaceAll(/\s+/g, ' ').slice(0, 500);
}
