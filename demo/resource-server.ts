import { bodyParser } from '@koa/bodyparser';
import cors from '@koa/cors';
import { Router } from '@koa/router';
import type { AccessTokenClaims, BindingMode, ResourceServer } from 'holdfast';
import { type DpopState, requireDpop } from 'holdfast/koa';
import Koa, { type Context } from 'koa';
import { answerHealth, type Health } from './health.ts';
import { requestLog } from './request-log.ts';

/** The protected resource: a person's notes. Reading and writing need a bound token, a fresh proof, and the scope. */

export interface ResourceServerParts {
  readonly origin: string;
  readonly authorizationServer: string;
  readonly server: ResourceServer;
  readonly mode: BindingMode;
  readonly health: () => Promise<Health>;
  readonly log: (line: string) => void;
}

/** Where RFC 9728 section 3 puts the metadata of a resource whose identifier is an origin. */
export const metadataPath = '/.well-known/oauth-protected-resource';

const maxNotes = 100;
const maxNoteLength = 1000;

/** The notes of each subject, in memory. Subjects come from verified tokens, so their number is the issuer's matter. */
type Notes = Map<string, string[]>;

export function createResourceApp(parts: ResourceServerParts): Koa {
  const { origin, authorizationServer, server, mode, health, log } = parts;
  const notes: Notes = new Map();
  const router = new Router()
    .get(metadataPath, (ctx) => {
      ctx.body = {
        resource: origin, // [R9728-2-01]
        authorization_servers: [authorizationServer],
        scopes_supported: ['notes:read', 'notes:write'],
        bearer_methods_supported: ['header'],
        dpop_signing_alg_values_supported: server.algorithms,
        dpop_bound_access_tokens_required: mode === 'require',
      };
    })
    .get('/api/whoami', requireDpop(server), (ctx) => {
      const { sub, client_id, scope } = claimsOf(ctx);
      ctx.body = { sub, client_id, scope };
    })
    .get('/api/notes', requireDpop(server, { scopes: ['notes:read'] }), (ctx) => {
      ctx.body = { notes: notesOf(ctx, notes) };
    })
    .post('/api/notes', requireDpop(server, { scopes: ['notes:write'] }), readJson(), (ctx) =>
      addNote(ctx, notes),
    );
  const app = new Koa();
  app.use(answerHealth(health));
  app.use(requestLog('RS', log));
  app.use(
    cors({
      origin: '*',
      allowHeaders: ['Authorization', 'Content-Type', 'DPoP'],
      exposeHeaders: ['DPoP-Nonce', 'WWW-Authenticate'],
    }),
  );
  app.use(router.routes());
  app.use(router.allowedMethods());
  return app;
}

/** Behind the guard: a body is only read once its sender is known. */
function readJson(): Koa.Middleware {
  return bodyParser({
    enableTypes: ['json'],
    jsonLimit: '16kb',
    onError: (_error, ctx) => {
      ctx.req.unpipe().resume(); // what is left of a large body would block the connection
      ctx.throw(400, 'The body must be JSON of at most 16 kB');
    },
  });
}

function addNote(ctx: Context, notes: Notes): void {
  const { text } = (ctx.request.body ?? {}) as { text?: unknown };
  if (typeof text !== 'string' || text === '' || text.length > maxNoteLength) {
    ctx.throw(400, `The body must be {"text": "..."} with 1 to ${maxNoteLength} characters`);
  }
  const own = notesOf(ctx, notes);
  if (own.length >= maxNotes) ctx.throw(409, `There is room for ${maxNotes} notes`);
  own.push(text as string);
  ctx.status = 201;
  ctx.body = { notes: own };
}

function notesOf(ctx: Context, notes: Notes): string[] {
  const { sub } = claimsOf(ctx);
  const own = notes.get(sub) ?? [];
  notes.set(sub, own);
  return own;
}

function claimsOf(ctx: Context): AccessTokenClaims {
  const { dpop } = ctx.state as DpopState;
  if (dpop === undefined) throw new Error('the route is not guarded');
  return dpop.claims;
}
