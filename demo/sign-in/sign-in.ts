import type { Context } from 'koa';
import { requireParameter, toParameters } from '../authorization/oauth.ts';
import type { LogState } from '../request-log.ts';
import type { PageParts } from './authorize.ts';
import { createSecret, hashSecret } from './cookies.ts';
import { createFormToken, requireFormToken } from './form-guard.ts';
import { type OpenedRequest, openRequest } from './open-request.ts';
import { sendPage, signInPage } from './pages.ts';
import { redirectTo } from './redirects.ts';

/**
 * Signing in. Until somebody has, nothing is kept of a request: the form carries it, so that strangers who open many
 * fill no memory. The form is bound to a cookie, so that nobody can be signed in by another site as somebody else.
 */

const cookie = 'visitor';

/** What went wrong at the last attempt. */
interface Failure {
  readonly status: number;
  readonly user: string;
  readonly problem: string;
}

export function showSignIn(ctx: Context, parts: PageParts, opened: OpenedRequest, failure?: Failure): void {
  const { client, request, query } = opened;
  let visitor = parts.cookies.read(ctx, cookie);
  if (visitor === undefined) {
    visitor = createSecret();
    parts.cookies.set(ctx, cookie, visitor);
  }
  const page = signInPage({
    clientName: client.name,
    token: createFormToken(visitor, purposeOf(query)),
    request: query,
    redirectUri: request.redirectUri,
    ...failure,
  });
  sendPage(ctx, failure?.status ?? 200, page);
}

/** The answer to the form: back to the request, now as somebody. */
export async function signIn(ctx: Context, parts: PageParts): Promise<void> {
  const { cookies, limits, sessions } = parts;
  const parameters = toParameters(ctx);
  const query = requireParameter(parameters, 'request');
  requireFormToken(parameters.get('token'), cookies.read(ctx, cookie), purposeOf(query));
  const opened = await openRequest(parts, query, true); // the token shows that
  const [user, password] = [parameters.get('user') ?? '', parameters.get('password') ?? ''];
  const address = ctx.req.socket.remoteAddress ?? '';
  const refusedFor = await limits.admit(user, address);
  if (refusedFor !== undefined) return refuseLocked(ctx, parts, opened, user, refusedFor);
  if (!(await verify(parts, user, password, address))) {
    (ctx.state as LogState).dpopRefusal = { reason: 'password_mismatch', jkt: undefined };
    const problem = 'The user name or the password is wrong.';
    return showSignIn(ctx, parts, opened, { status: 403, user, problem });
  }
  await limits.forgive(user, address);
  await sessions.begin(ctx, user, hashSecret(query));
  redirectTo(ctx, `/authorize?${new URLSearchParams(query)}`, {});
}

/** Whoever is turned away because many others sign in must not be locked out for that. */
async function verify(
  { users, limits }: PageParts,
  user: string,
  password: string,
  address: string,
): Promise<boolean> {
  try {
    return await users.verify(user, password);
  } catch (error) {
    await limits.giveBack(user, address);
    throw error;
  }
}

function refuseLocked(
  ctx: Context,
  parts: PageParts,
  opened: OpenedRequest,
  user: string,
  seconds: number,
): void {
  (ctx.state as LogState).dpopRefusal = { reason: 'too_many_attempts', jkt: undefined };
  ctx.set('retry-after', String(seconds));
  const minutes = Math.ceil(seconds / 60);
  const problem = `Too many attempts. Try again in ${minutes} ${minutes === 1 ? 'minute' : 'minutes'}.`;
  showSignIn(ctx, parts, opened, { status: 429, user, problem });
}

function purposeOf(query: string): string {
  return `sign-in ${query}`;
}
