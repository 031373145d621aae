import type { TLSSocket } from 'node:tls';
import type Koa from 'koa';
import { confidentialHeaders } from './bank-sessions.ts';
import { certificateThumbprint } from './certificates.ts';
import type { World } from './world.ts';

/** What the issuer reads of a request. */

export function formOf(world: World, ctx: Koa.Context): URLSearchParams {
  return new URLSearchParams(world.exchangeOf(ctx.req).body ?? '');
}

/** Only the bank's own server knows the secret. */
export function isBank(ctx: Koa.Context): boolean {
  return ctx.get('authorization') === confidentialHeaders[0]?.[1];
}

/** Of the browser, where the bank's server asks for it. */
export function addressOf(world: World, ctx: Koa.Context): string {
  const { address } = world.exchangeOf(ctx.req);
  return isBank(ctx) ? ctx.get('x-forwarded-for') || address : address;
}

export function certificateOf(ctx: Koa.Context): string | undefined {
  const { getPeerCertificate } = ctx.req.socket as Partial<TLSSocket>;
  const raw = getPeerCertificate?.call(ctx.req.socket)?.raw;
  return raw === undefined ? undefined : certificateThumbprint(raw);
}
