import { createHash } from 'node:crypto';
import { Router } from '@koa/router';
import Koa from 'koa';
import type { DemoClient } from '../../demo/authorization/clients.ts';
import { type AuthorizeParts, authorizeRoutes } from '../../demo/sign-in/authorize.ts';
import { type ConsentLimits, createConsentLimits } from '../../demo/sign-in/consent-limits.ts';
import { createSignInLimits, type SignInLimits } from '../../demo/sign-in/sign-in-limits.ts';
import { createUsers, type Users } from '../../demo/sign-in/users.ts';
import {
  createGrants,
  createMemoryRecordStore,
  createMemoryReplayStore,
  createTokenBinder,
  type Grants,
  type RecordStore,
} from '../../src/index.ts';
import { serveApp } from './_setup.ts';

/** The pages alone, on a free port: the authorization endpoint and what belongs to it, without any other endpoint. */

export interface Pages {
  readonly authorizationOrigin: string;
  readonly records: RecordStore;
  readonly grants: Grants;
}

export interface PagesOptions {
  readonly clients?: readonly DemoClient[];
  readonly users?: Users;
  readonly limits?: SignInLimits;
  readonly consentLimits?: ConsentLimits;
  readonly records?: RecordStore;
  /** Default: where it listens. */
  readonly origin?: string;
}

export const verifier = 'a-code-verifier-that-is-43-characters-long-';
export const codeChallenge: string = createHash('sha256').update(verifier).digest('base64url');
export const callback = 'http://127.0.0.1:5555/callback';

/** One public client, as the demo's, and one with registered addresses of all kinds. */
export const spa: DemoClient = {
  id: 'demo-spa',
  name: 'Demo notes in the browser',
  authentication: { method: 'none' },
  grantTypes: ['authorization_code', 'refresh_token'],
  redirectUris: ['http://127.0.0.1/callback', 'http://[::1]/callback'],
  postLogoutRedirectUris: ['http://127.0.0.1/', 'https://app.example/bye?from=as'],
  scopes: ['notes:read', 'notes:write'],
  tokenFormat: 'jwt',
  boundTokens: true,
  introspects: 'own',
};

export const web: DemoClient = {
  ...spa,
  id: 'web',
  name: 'Web',
  authentication: { method: 'client_secret', secret: 'secret' },
  redirectUris: [
    'https://app.example/callback',
    'https://app.example/cb?tenant=1',
    'com.example.app:/callback',
  ],
};

/** Hashing passwords takes its time: once is enough. */
const sharedUsers: Users = createUsers();

/** A test with pages of its own. */
export function withPages(
  run: (pages: Pages) => Promise<void>,
  options: PagesOptions = {},
): () => Promise<void> {
  return async () => {
    const { records = createMemoryRecordStore({ capacity: 10_000 }), clients = [spa, web] } = options;
    let grants: Grants | undefined;
    const { origin, close } = await serveApp((listening) => {
      const issuer = options.origin ?? listening;
      grants = createGrants({ issuer, records });
      const binder = createTokenBinder({
        publicOrigin: issuer,
        replay: createMemoryReplayStore({ capacity: 100 }),
      });
      const { users = sharedUsers, limits = createSignInLimits() } = options;
      const { consentLimits = createConsentLimits() } = options;
      return serve({ origin: issuer, records, grants, binder, clients, users, limits, consentLimits });
    });
    try {
      if (grants !== undefined) await run({ authorizationOrigin: origin, records, grants });
    } finally {
      await close();
    }
  };
}

function serve(parts: AuthorizeParts): Koa {
  const app = new Koa();
  const router = new Router().use(authorizeRoutes(parts).routes());
  app.silent = true;
  app.use(router.routes());
  app.use(router.allowedMethods());
  return app;
}

type Changes = Readonly<Record<string, string | readonly string[] | undefined>>;

/** A valid authorization request, with parameters changed, repeated, or left out where `undefined`. */
export function requestUrl({ authorizationOrigin }: Pages, changes: Changes = {}): URL {
  const url = new URL('/authorize', authorizationOrigin);
  const valid: Changes = {
    client_id: 'demo-spa',
    response_type: 'code',
    redirect_uri: callback,
    scope: 'notes:read',
    state: 'a state',
    code_challenge: codeChallenge,
    code_challenge_method: 'S256',
  };
  for (const [name, value] of Object.entries({ ...valid, ...changes }))
    for (const each of value === undefined ? [] : [value].flat()) url.searchParams.append(name, each);
  return url;
}

/** The parameters of the answer that a client gets. */
export function answerOf(url: URL | undefined): Record<string, string> {
  return Object.fromEntries(url?.searchParams ?? []);
}
