import { createHash, randomBytes } from 'node:crypto';
import type { Context } from 'koa';

/** Cookies that scripts cannot read and other sites cannot send with a form. */

export interface Cookies {
  readonly read: (ctx: Context, name: string) => string | undefined;
  /** `life` in seconds; default: until the browser ends. */
  readonly set: (ctx: Context, name: string, value: string, life?: number) => void;
  readonly clear: (ctx: Context, name: string) => void;
}

/**
 * With https nobody else can set them, not even a neighbouring host: that is what the prefix means. Written by hand, since
 * Koa would refuse secure cookies behind a proxy that ends TLS.
 */
export function createCookies(origin: string): Cookies {
  const secure = origin.startsWith('https:');
  const fullName = (name: string): string => (secure ? `__Host-${name}` : name);
  const attributes = `; Path=/; HttpOnly; SameSite=Lax${secure ? '; Secure' : ''}`;
  const write = (ctx: Context, name: string, value: string, life?: number): void => {
    const until = life === undefined ? '' : `; Max-Age=${life}`;
    ctx.append('set-cookie', `${fullName(name)}=${value}${attributes}${until}`);
  };
  return {
    read: (ctx, name) => toSecret(ctx.cookies.get(fullName(name))),
    set: write,
    clear: (ctx, name) => write(ctx, name, '', 0),
  };
}

/** 256 random bits: for cookies, and for whatever else nobody must guess. */
export function createSecret(): string {
  return randomBytes(32).toString('base64url');
}

/** What is kept of a secret: whoever reads the records can use none. */
export function hashSecret(secret: string): string {
  return createHash('sha256').update(secret).digest('base64url');
}

function toSecret(text: string | undefined): string | undefined {
  return text !== undefined && /^[\w-]{43}$/.test(text) ? text : undefined;
}
