import { bodyParser } from '@koa/bodyparser';
import { DpopError, type HttpAnswer, type TokenBinder } from 'holdfast';
import type { Context, Middleware } from 'koa';
import type { LogState } from '../request-log.ts';

/** What all endpoints of an authorization server share: forms without doubt in them, and errors as OAuth wants them. */

/** Parameters of a request: each given once, none empty. */
export type Parameters = ReadonlyMap<string, string>;

/** How an error is answered; default: 400, without a challenge. */
interface OAuthErrorAnswer {
  readonly status?: number;
  /** Whether the client tried to authenticate by the `Authorization` header, and so is challenged. */
  readonly challenge?: boolean;
}

/** An error of RFC 6749 section 5.2; the description is one of our own fixed texts. */
export class OAuthError extends Error {
  readonly code: string;
  readonly status: number;
  readonly challenge: boolean;

  constructor(code: string, description: string, { status = 400, challenge = false }: OAuthErrorAnswer = {}) {
    super(description);
    this.code = code;
    this.status = status;
    this.challenge = challenge;
  }
}

/** Reads a form of at most 16 kB. */
export function readForm(): Middleware {
  return bodyParser({
    enableTypes: ['form'],
    formLimit: '16kb',
    onError: (_error, ctx) => {
      ctx.req.unpipe().resume(); // what is left of a large body would block the connection
      throw new OAuthError('invalid_request', 'The body is not a form, or is too large');
    },
  });
}

/**
 * The form, with one value for each parameter; one sent twice is refused, and one sent empty is absent (RFC 6749 section
 * 3.2). Read from the text: the parser's own result has objects for names such as `a.b`, and lacks `constructor`.
 */
export function toParameters(ctx: Context): Parameters {
  if (!ctx.is('application/x-www-form-urlencoded'))
    throw new OAuthError('invalid_request', 'The body must be a form');
  return toSingleParameters(new URLSearchParams(ctx.request.rawBody));
}

export function toSingleParameters(given: URLSearchParams): Parameters {
  const entries = [...given];
  const repeated = new Map(entries).size !== entries.length;
  if (repeated) throw new OAuthError('invalid_request', 'A parameter is given more than once');
  return new Map(entries.filter(([, value]) => value !== ''));
}

export function requireParameter(parameters: Parameters, name: string): string {
  const value = parameters.get(name);
  if (value === undefined) throw new OAuthError('invalid_request', `The parameter ${name} is missing`);
  return value;
}

/** Refusals of the endpoint and of the proof, as RFC 6749 section 5.2 and RFC 9449 section 5 want them. */
export function answerErrors(binder: TokenBinder): Middleware {
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
