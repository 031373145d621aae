import { fileURLToPath } from 'node:url';
import Koa from 'koa';
import type { BrowserContext, Page, Request } from 'playwright-core';
import type * as client from '../../src/client/index.ts';
import type * as sessions from '../../src/client/session.ts';
import type * as tokenStore from '../../src/client/session-indexeddb-store.ts';
import { type Demo, serveApp } from '../demo/_setup.ts';
import { bundle } from './_chromium.ts';

/** A page with a session at the demo, on an origin of its own, and the person in front of it. */

/** What the page has as globals. */
export interface PageGlobals {
  readonly holdfast: typeof client & typeof sessions & typeof tokenStore;
  readonly session: sessions.Session;
}

const modules = ['index', 'session', 'session-indexeddb-store'].map((name) =>
  fileURLToPath(new URL(`../../src/client/${name}.js`, import.meta.url)),
);
const entry = modules.map((path) => `export * from ${JSON.stringify(path)};`).join('\n');

/** The name of its session. */
export const sessionName = 'notes';

const tokenStores = {
  localStorage: 'holdfast.createStorageTokenStore(localStorage)',
  indexedDB: 'holdfast.createIndexedDbTokenStore()',
};

/** Where a page keeps its tokens. */
export type TokensIn = keyof typeof tokenStores;

/** All that it has survives a reload. */
function pageFor({ authorizationOrigin, resourceOrigin }: Demo, tokensIn: TokensIn): string {
  const [issuer, origins] = [authorizationOrigin, resourceOrigin].map((each) => JSON.stringify(each));
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Notes</title>
<script type="module">
import * as holdfast from '/client.js';
const session = holdfast.createSession({
  issuer: ${issuer},
  origins: ${origins},
  clientId: 'demo-spa',
  redirectUri: location.origin + '/callback',
  scope: 'notes:read notes:write',
  name: '${sessionName}',
  keyStore: holdfast.createIndexedDbKeyStore(),
  tokenStore: ${tokenStores[tokensIn]},
});
Object.assign(globalThis, { holdfast, session });
</script>
</html>`;
}

export interface SessionPages {
  /** `http://127.0.0.1:PORT` */
  readonly origin: string;
  readonly close: () => Promise<void>;
}

/** The page, which is its callback too, and its script. */
export async function serveSessionPages(demo: Demo, tokensIn: TokensIn): Promise<SessionPages> {
  const [page, script] = [pageFor(demo, tokensIn), await bundle(entry)];
  const answers = new Map([
    ['/', ['html', page]],
    ['/callback', ['html', page]],
    ['/client.js', ['js', script]],
  ]);
  return serveApp(() =>
    new Koa().use((ctx) => {
      const [type = 'text', text = ''] = answers.get(ctx.path) ?? []; // what is missing is an icon
      ctx.type = type;
      ctx.body = text;
    }),
  );
}

/** Until its script has run. */
export async function ready(page: Page): Promise<Page> {
  await page.waitForFunction(() => 'session' in globalThis);
  return page;
}

declare const session: sessions.Session;

/**
 * Leaves the page for the demo's, signs in as alice where that is asked for, decides, and comes back to the callback, which is
 * yet to be read.
 */
export async function comeBack(page: Page, decision: 'Allow' | 'Deny' = 'Allow'): Promise<void> {
  const { url } = await page.evaluate(() => session.beginSignIn());
  await page.evaluate((there) => location.assign(there), url);
  await page.waitForURL('**/authorize?*');
  if (await page.getByLabel('Password').isVisible()) {
    await page.getByLabel('User name').fill('alice');
    await page.getByLabel('Password').fill('alice');
    await page.getByRole('button', { name: 'Sign in' }).click();
  }
  await page.getByRole('button', { name: decision }).click();
  await page.waitForURL('**/callback?*');
  await ready(page);
}

/** What pages of a browser ask for, and the errors that they show. */
export class Observed {
  readonly requests: Request[] = [];
  /** Errors on the console, and those that nobody caught, with where they are from. */
  readonly errors: string[] = [];

  constructor(context: BrowserContext) {
    context.on('request', (request) => this.requests.push(request));
    context.on('weberror', (event) => this.errors.push(`uncaught ${event.error().message}`));
    context.on('console', (message) => {
      if (message.type() === 'error') this.errors.push(`${message.text()} ${message.location().url}`);
    });
  }

  clear(): void {
    this.requests.length = 0;
    this.errors.length = 0;
  }
}
