import type { Context, Middleware } from 'koa';

/** Who may talk to the lab: pages of its own, and programs on this machine. */

const contentSecurityPolicy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "object-src 'none'",
  "require-trusted-types-for 'script'",
].join('; ');

const headers = {
  'content-security-policy': contentSecurityPolicy,
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
};

/** The names that this server is known by, with its port: nobody else's name leads here (DNS rebinding). */
export function ownHosts(host: string, port: number): readonly string[] {
  const names = [
    '127.0.0.1',
    'localhost',
    '[::1]',
    host.includes(':') && !host.startsWith('[') ? `[${host}]` : host,
  ];
  return names.flatMap((name) => (port === 80 ? [name, `${name}:80`] : [`${name}:${port}`]));
}

/** Before anything else: who is asked, and by whom. */
export function admitOwn(hosts: readonly string[]): Middleware {
  return async function own(ctx, next) {
    ctx.set(headers);
    const refused = refusalOf(ctx, hosts);
    if (refused === undefined) return next();
    [ctx.status, ctx.body] = refused;
    ctx.type = 'text/plain; charset=utf-8';
  };
}

type Refusal = readonly [status: number, sentence: string];

function refusalOf(ctx: Context, hosts: readonly string[]): Refusal | undefined {
  const host = ctx.get('host').toLowerCase();
  if (!hosts.includes(host)) return [421, 'This server answers only under its own name on this machine.\n'];
  const origin = ctx.get('origin');
  const foreign = origin !== '' && origin !== `http://${host}`;
  if (changesState(ctx) && foreign) return [403, 'Only pages of the lab itself may ask for this.\n'];
  const mustBeOwn = changesState(ctx) || ctx.path.startsWith('/lab/api/');
  // Absent: no browser. `none`: a person typed the address.
  if (mustBeOwn && !['', 'none', 'same-origin'].includes(ctx.get('sec-fetch-site')))
    return [403, 'Only pages of the lab itself may ask for this.\n'];
  return undefined;
}

function changesState({ method }: Context): boolean {
  return !['GET', 'HEAD', 'OPTIONS'].includes(method);
}
