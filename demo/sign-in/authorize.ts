import { Router } from '@koa/router';
import type { Grants, RecordStore, TokenBinder } from 'holdfast';
import type { Context } from 'koa';
import type { DemoClient } from '../authorization/clients.ts';
import { readForm } from '../authorization/oauth.ts';
import { askForConsent, decide } from './consent.ts';
import { type ConsentLimits, createConsentLimits } from './consent-limits.ts';
import { type Cookies, createCookies, hashSecret } from './cookies.ts';
import { confirmEndSession, endSession } from './end-session.ts';
import { requireOwnPage } from './form-guard.ts';
import { type OpenedRequest, openRequest } from './open-request.ts';
import { answerPageErrors, RedirectedError } from './page-errors.ts';
import { createSessions, type Session, type Sessions } from './sessions.ts';
import { showSignIn, signIn } from './sign-in.ts';
import { createSignInLimits, type SignInLimits } from './sign-in-limits.ts';
import type { Users } from './users.ts';

/** The authorization endpoint (RFC 6749 section 3.1) and the pages around it. No CORS here. [R9700-2.6-01] */

export interface AuthorizeParts {
  /** Also the issuer. */
  readonly origin: string;
  readonly records: RecordStore;
  readonly grants: Grants;
  readonly binder: TokenBinder;
  readonly clients: readonly DemoClient[];
  readonly users: Users;
  /** Default: those of `createSignInLimits`. */
  readonly limits?: SignInLimits;
  /** Default: those of `createConsentLimits`. */
  readonly consentLimits?: ConsentLimits;
}

/** With what the pages share among themselves. */
export interface PageParts extends Required<AuthorizeParts> {
  readonly cookies: Cookies;
  readonly sessions: Sessions;
}

export function authorizeRoutes(given: AuthorizeParts): Router {
  const { origin, records } = given;
  const cookies = createCookies(origin);
  const sessions = createSessions(records, cookies);
  const defaults = { limits: createSignInLimits(), consentLimits: createConsentLimits() };
  const parts: PageParts = { ...defaults, ...given, cookies, sessions };
  const answerErrors = answerPageErrors(origin);
  const form = [answerErrors, requireOwnPage(origin), readForm()] as const;
  return new Router({ sensitive: true, strict: true })
    .get('/authorize', answerErrors, (ctx) => authorize(ctx, parts))
    .post('/sign-in', ...form, (ctx) => signIn(ctx, parts))
    .post('/consent', ...form, (ctx) => decide(ctx, parts))
    .get('/end-session', answerErrors, (ctx) => confirmEndSession(ctx, parts))
    .post('/end-session', ...form, (ctx) => endSession(ctx, parts));
}

/** Checks the request, finds out who is there, and asks for what is missing: first a sign-in, then consent. */
async function authorize(ctx: Context, parts: PageParts): Promise<void> {
  const query = String(new URLSearchParams(ctx.querystring));
  const session = await parts.sessions.find(ctx);
  const opened = await openRequest(parts, query, session !== undefined && isMadeFor(session, query));
  const { prompt, redirectUri, state } = opened.request;
  const silent = (code: string, text: string): RedirectedError =>
    new RedirectedError(redirectUri, code, text, state);
  if (session === undefined || mustSignInAgain(session, opened)) {
    if (prompt === 'none') throw silent('login_required', 'Nobody is signed in, or not lately enough');
    return showSignIn(ctx, parts, opened);
  }
  if (prompt === 'none') throw silent('consent_required', 'The user must be asked each time');
  return askForConsent(ctx, parts, opened, session);
}

/** Seconds that a sign-in counts as made for the request that asked for it. */
const freshness = 600;

function isMadeFor(session: Session, query: string): boolean {
  return session.signedInFor === hashSecret(query) && ageOf(session) < freshness;
}

function mustSignInAgain(session: Session, { request, query }: OpenedRequest): boolean {
  if (isMadeFor(session, query)) return false;
  return request.prompt === 'login' || (request.maxAge !== undefined && ageOf(session) > request.maxAge);
}

/** Seconds. */
function ageOf({ authTime }: Session): number {
  return Date.now() / 1000 - authTime;
}
