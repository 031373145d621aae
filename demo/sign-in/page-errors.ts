import { DpopError } from 'holdfast';
import type { Context, Middleware } from 'koa';
import { OAuthError } from '../authorization/oauth.ts';
import type { LogState } from '../request-log.ts';
import { errorPage, sendPage } from './pages.ts';
import { redirectTo } from './redirects.ts';
import { BusyError } from './users.ts';

/** Errors of requests that browsers make: shown on a page, or sent to a redirect URI that was checked. */

/** Shown on a page, and nowhere else. */
export class PageError extends Error {
  readonly status: number;
  readonly title: string;
  /** For the log. */
  readonly reason: string;

  constructor(status: number, reason: string, title: string, text: string) {
    super(text);
    this.status = status;
    this.reason = reason;
    this.title = title;
  }
}

/** Sent to the client, at an address that is known to be its own (RFC 6749 section 4.1.2.1). */
export class RedirectedError extends Error {
  readonly redirectUri: string;
  readonly parameters: Readonly<Record<string, string>>;
  readonly code: string;

  constructor(redirectUri: string, code: string, description: string, state: string | undefined) {
    super(description);
    this.redirectUri = redirectUri;
    this.code = code;
    const parameters = { error: code, error_description: description };
    this.parameters = state === undefined ? parameters : { ...parameters, state };
  }
}

const startAgain = 'Go back to the application and start again.';

export function forbidden(reason: string): PageError {
  const text = `This form was not sent from a page that you have opened here, or the page is too old. ${startAgain}`;
  return new PageError(403, reason, 'That was not this page', text);
}

export function over(): PageError {
  const text = `This request was answered before, or took too long. ${startAgain}`;
  return new PageError(400, 'request_over', 'This request is over', text);
}

export function tooMany(): PageError {
  const text = 'You have been asked too often within a minute. Load this page again a little later.';
  return new PageError(429, 'too_many_requests', 'Too many requests', text);
}

/** For every route of people: what is thrown becomes an answer, and a word in the log. */
export function answerPageErrors(issuer: string): Middleware {
  return async function pageErrors(ctx, next) {
    try {
      await next();
    } catch (error) {
      (ctx.state as LogState).dpopRefusal = { reason: reasonOf(error), jkt: undefined };
      answer(ctx, error, issuer);
    }
  };
}

function answer(ctx: Context, error: unknown, issuer: string): void {
  if (error instanceof RedirectedError) {
    redirectTo(ctx, error.redirectUri, { ...error.parameters, iss: issuer });
    return;
  }
  const { status, title, message } = error instanceof PageError ? error : toPageError(error);
  if (status === 503) ctx.set('retry-after', '5');
  sendPage(ctx, status, errorPage(title, message));
}

/** What we did not foresee is nobody's fault out there. */
function toPageError(error: unknown): PageError {
  if (error instanceof OAuthError) {
    const text = `${error.message}. The application has made a mistake; nothing was sent to it.`;
    return new PageError(400, error.code, 'This request cannot be answered', text);
  }
  const text = 'The request could not be worked on just now. Load this page again in a moment.';
  return new PageError(503, reasonOf(error), 'Please try again', text);
}

function reasonOf(error: unknown): string {
  if (error instanceof PageError || error instanceof DpopError) return error.reason;
  if (error instanceof OAuthError || error instanceof RedirectedError) return error.code;
  return error instanceof BusyError ? 'busy' : 'unexpected';
}
