import { AuthorizationResponseError, ResponseBodyError, UnsupportedOperationError } from 'oauth4webapi';
import { discard } from './challenges.ts';
import { DpopClientError } from './errors.ts';

/** Answers of an authorization server: read whole and bounded, and what is wrong with them as our errors. */

/** An OAuth error that the authorization server answered with: the `cause` of a `DpopClientError`. */
export class OAuthErrorAnswer extends Error {
  override readonly name: string = 'OAuthErrorAnswer';
  /** `invalid_grant`, `access_denied`, ...: RFC 6749 sections 4.1.2.1 and 5.2. */
  readonly error: string;

  constructor(error: string) {
    super(`the authorization server answered ${error}`);
    this.error = error;
  }
}

/**
 * The answer, once all of it is here: what is left is to judge it. A challenge is left out, so that the error is read from
 * the body, where RFC 6749 section 5.2 has it in every case.
 *
 * @throws DpopClientError `server-unavailable` for what may pass (no answer, a status from 500, 429), `unexpected-answer` for
 *   redirects and what is too long.
 */
export async function readAnswer(send: typeof fetch, url: string, init: RequestInit): Promise<Response> {
  try {
    const response = await send(url, init);
    requireReadable(response);
    const kept = ['Content-Type', 'Date'].flatMap((name) => {
      const value = response.headers.get(name);
      return value === null ? [] : [[name, value] as [string, string]];
    });
    const text = await readText(response);
    return new Response(text === '' ? null : text, { status: response.status, headers: kept });
  } catch (cause) {
    if (cause instanceof DpopClientError) throw cause;
    throw new DpopClientError('server-unavailable', 'no answer came from the authorization server', cause);
  }
}

function requireReadable(response: Response): void {
  const { status } = response;
  const isRedirect = status < 200 || (status >= 300 && status < 400); // 0: as browsers show it
  if (!isRedirect && status < 500 && status !== 429) return;
  discard(response);
  if (isRedirect)
    throw new DpopClientError(
      'unexpected-answer',
      'the authorization server redirects: that is not followed',
    );
  throw new DpopClientError('server-unavailable', `the authorization server answered with status ${status}`);
}

const maxBytes = 1_048_576;

async function readText(response: Response): Promise<string> {
  const reader = response.body?.getReader();
  const decoder = new TextDecoder();
  let text = '';
  for (let part = await reader?.read(); part?.value !== undefined; part = await reader?.read()) {
    text += decoder.decode(part.value, { stream: true });
    if (text.length <= maxBytes) continue;
    reader?.releaseLock();
    discard(response);
    throw new DpopClientError('unexpected-answer', 'the answer of the authorization server has no end');
  }
  return text;
}

const maxOffset = 86_400; // seconds

/** Seconds from this machine's clock to the server's, as far as it says, and within reason: ID tokens are dated by it. */
export function clockOffsetOf({ headers }: Response): number {
  const offset = Math.round((Date.parse(headers.get('Date') ?? '') - Date.now()) / 1000);
  return Math.abs(offset) <= maxOffset ? offset : 0;
}

/** A refusal by the authorization server. Nothing but a name is taken over: what else is said may hold what was sent. */
export function refusal(code: 'token-refused' | 'sign-in-refused', error: string): DpopClientError {
  const known = /^[a-z_]{1,64}$/.test(error) ? error : 'an error without a proper name';
  return new DpopClientError(code, `the authorization server answered ${known}`, new OAuthErrorAnswer(known));
}

export function notBound(): DpopClientError {
  return new DpopClientError('token-not-bound', 'what the authorization server gave is not bound to the key');
}

/** Whatever went wrong with an answer, as an error of ours. */
export function toClientError(error: unknown): DpopClientError {
  if (error instanceof DpopClientError) return error;
  if (error instanceof ResponseBodyError) return refusal('token-refused', error.error);
  if (error instanceof AuthorizationResponseError) return refusal('sign-in-refused', error.error);
  if (error instanceof UnsupportedOperationError && hasTokenType(error.cause)) return notBound();
  return new DpopClientError(
    'unexpected-answer',
    'the authorization server answered what it must not',
    bare(error),
  );
}

/** What oauth4webapi says of a type that it has never heard of. */
function hasTokenType(cause: unknown): boolean {
  return (cause as { body?: { token_type?: unknown } } | undefined)?.body?.token_type !== undefined;
}

/** The message alone: what else hangs on an error may be an answer with tokens. */
export function bare(error: unknown): Error {
  return new Error(error instanceof Error ? error.message : 'no reason was given');
}
