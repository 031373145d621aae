import type { AccessTokenClaims } from 'holdfast';
import type Koa from 'koa';
import type { Protection } from '../profile.ts';

/** `POST` to this path at a bank node. */
export function isPostTo(path: string, { method, path: asked }: Koa.Context): boolean {
  return method === 'POST' && asked === path;
}

/** A route of a protection's own: it answers when the token, and all that protections ask for, has been found good. */
export function answerPost(
  path: string,
  answer: (ctx: Koa.Context, claims: AccessTokenClaims) => void,
): NonNullable<Protection['bankRoutes']> {
  return (app) => {
    app.use(async (ctx, next) => {
      await next();
      const claims = ctx.state['claims'] as AccessTokenClaims | undefined;
      if (isPostTo(path, ctx) && claims !== undefined) answer(ctx, claims);
    });
  };
}
