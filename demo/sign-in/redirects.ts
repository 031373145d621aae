import type { Context } from 'koa';

/**
 * Sends the browser to an address that was checked. The address stays as it was registered, character by character, and
 * its own query stays; 303, so that a browser never repeats a form there (RFC 9700 section 4.12).
 */
export function redirectTo(ctx: Context, uri: string, parameters: Readonly<Record<string, string>>): void {
  const query = new URLSearchParams(parameters).toString();
  const separator = !uri.includes('?') ? '?' : /[?&]$/.test(uri) ? '' : '&';
  ctx.status = 303;
  ctx.set('location', query === '' ? uri : `${uri}${separator}${query}`);
  ctx.set('cache-control', 'no-store');
  ctx.set('referrer-policy', 'no-referrer');
  ctx.body = '';
}
