import { createHmac, timingSafeEqual } from 'node:crypto';
import type { Context, Middleware } from 'koa';
import { forbidden } from './page-errors.ts';

/** Forms count only when they come from a page that this server gave to this very browser. */

/** What a page puts into its form. Bound to a cookie that nobody else knows, and to what the form is for. */
export function createFormToken(secret: string, purpose: string): string {
  return createHmac('sha256', secret).update(purpose).digest('base64url');
}

/** @throws PageError 403 when the token is missing, of another browser, or of another form. */
export function requireFormToken(
  given: string | undefined,
  secret: string | undefined,
  purpose: string,
): void {
  if (given === undefined || secret === undefined) throw forbidden('form_token_missing');
  const [left, right] = [Buffer.from(given), Buffer.from(createFormToken(secret, purpose))];
  if (left.length !== right.length || !timingSafeEqual(left, right)) throw forbidden('form_token_mismatch');
}

/** Before a form is even read. */
export function requireOwnPage(origin: string): Middleware {
  return async function ownPage(ctx, next) {
    if (!isOwnPage(ctx, origin)) throw forbidden('foreign_origin');
    await next();
  };
}

/**
 * Browsers write these headers, pages cannot. Where a page sends no referrer, as ours, its forms come with the origin
 * `null`: there the other header decides, which alone tells our own page from anybody's sandbox.
 */
function isOwnPage(ctx: Context, origin: string): boolean {
  const site = ctx.get('sec-fetch-site');
  const from = ctx.get('origin');
  if (from === origin) return site === '' || site === 'same-origin';
  return (from === '' || from === 'null') && site === 'same-origin';
}
