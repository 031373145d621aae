import type { Context } from 'koa';
import { consumePushedRequest } from '../authorization/authorization-request.ts';
import type { DemoClient } from '../authorization/clients.ts';
import { OAuthError, requireParameter, toParameters } from '../authorization/oauth.ts';
import type { PageParts } from './authorize.ts';
import type { ConsentLimits } from './consent-limits.ts';
import { createSecret, hashSecret } from './cookies.ts';
import { createFormToken, requireFormToken } from './form-guard.ts';
import type { OpenedRequest } from './open-request.ts';
import { forbidden, over, RedirectedError, tooMany } from './page-errors.ts';
import { consentPage, sendPage } from './pages.ts';
import { redirectTo } from './redirects.ts';
import type { Session } from './sessions.ts';

/**
 * Asking a person whether a client may have what it asks for. What was shown is kept under a secret that stands in the
 * page, for the session that it was shown to: nothing else can be allowed, by nobody else, nor twice.
 */

interface Transaction {
  /** Hash of the session's secret. */
  readonly session: string;
  readonly request: OpenedRequest['request'];
  readonly requestUri: string | null;
  readonly query: string;
}

/** Seconds that a person may take. */
const patience = 600;

export async function askForConsent(
  ctx: Context,
  { records, consentLimits }: PageParts,
  { client, request, requestUri, query }: OpenedRequest,
  session: Session,
): Promise<void> {
  await requireRoom(ctx, consentLimits, session);
  const transaction = createSecret();
  const value: Transaction = {
    session: hashSecret(session.secret),
    request,
    requestUri: requestUri ?? null,
    query,
  };
  await records.insert(toKey(transaction), { ...value }, Date.now() / 1000 + patience);
  const page = consentPage({
    clientId: client.id,
    clientName: client.name,
    user: session.subject,
    scopes: request.scope.split(' ').filter((scope) => scope !== ''),
    redirectUri: request.redirectUri,
    transaction,
    token: createFormToken(session.secret, purposeOf(transaction)),
  });
  sendPage(ctx, 200, page);
}

/** Who is signed in must not fill the records by loading pages. */
async function requireRoom(ctx: Context, limits: ConsentLimits, { subject }: Session): Promise<void> {
  const seconds = await limits.admit(subject);
  if (seconds === undefined) return;
  ctx.set('retry-after', String(seconds));
  throw tooMany();
}

/** The answer to the form. */
export async function decide(ctx: Context, parts: PageParts): Promise<void> {
  const parameters = toParameters(ctx);
  const session = await parts.sessions.find(ctx);
  if (session === undefined) throw forbidden('session_missing');
  const name = parameters.get('transaction') ?? '';
  requireFormToken(parameters.get('token'), session.secret, purposeOf(name));
  const decision = requireParameter(parameters, 'decision');
  if (!['allow', 'deny', 'switch'].includes(decision))
    throw new OAuthError('invalid_request', 'The decision must be allow or deny');
  const { request, query } = await takeTransaction(parts, name, session, decision);
  if (decision === 'switch') {
    await parts.sessions.end(ctx);
    redirectTo(ctx, `/authorize?${query}`, {});
    return;
  }
  const { redirectUri, state } = request;
  if (decision === 'deny') throw new RedirectedError(redirectUri, 'access_denied', 'The user denied', state);
  const code = await issueCode(parts, request, session);
  const answer = { code, ...(state === undefined ? {} : { state }), iss: parts.origin };
  redirectTo(ctx, redirectUri, answer);
}

/** Takes the one use of what was shown, and of the pushed request that it came from. */
async function takeTransaction(
  { records }: PageParts,
  name: string,
  session: Session,
  decision: string,
): Promise<Transaction> {
  const record = await records.read(toKey(name));
  if (record === undefined || !(Date.now() / 1000 < record.until)) throw over();
  const transaction = record.value as unknown as Transaction;
  if (transaction.session !== hashSecret(session.secret)) throw forbidden('session_mismatch');
  if (!(await records.replace(toKey(name), record, undefined))) throw over();
  const { requestUri } = transaction;
  if (decision !== 'switch' && requestUri !== null && !(await consumePushedRequest(records, requestUri)))
    throw over(); // [R9126-4-01]
  return transaction;
}

async function issueCode(
  { grants, clients }: PageParts,
  request: Transaction['request'],
  { subject, authTime }: Session,
): Promise<string> {
  const client = clients.find(({ id }) => id === request.clientId);
  if (client === undefined) throw over();
  return grants.issueCode({
    clientId: client.id,
    clientType: toType(client),
    subject,
    scope: request.scope,
    redirectUri: request.redirectUriGiven ? request.redirectUri : undefined,
    codeChallenge: request.codeChallenge,
    jkt: request.jkt,
    proof: client.boundTokens ? 'required' : 'optional',
    refresh: client.grantTypes.includes('refresh_token') ? 'issue' : 'none',
    claims: { auth_time: Math.floor(authTime) },
  });
}

function toType({ authentication }: DemoClient): 'public' | 'confidential' {
  return authentication.method === 'none' ? 'public' : 'confidential';
}

function toKey(transaction: string): string {
  return `consent ${hashSecret(transaction)}`;
}

function purposeOf(transaction: string): string {
  return `consent ${transaction}`;
}
