import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BrowserContext, Page } from 'playwright-core';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type Demo, startDemo } from '../demo/_setup.ts';
import { chromiumInstalled, startChromium, withChromium } from './_chromium.ts';
import {
  comeBack,
  Observed,
  type PageGlobals,
  ready,
  type SessionPages,
  serveSessionPages,
  sessionName,
  type TokensIn,
} from './_session-page.ts';

/** A session in a real browser, against the demo, which gives a nonce for every proof. */

const test = suite('sessions in Chromium');
const chromiumTest = withChromium(test);

/** In the page. */
declare const session: PageGlobals['session'];
declare const holdfast: PageGlobals['holdfast'];

let demo: Demo;
let served: Readonly<Record<TokensIn, SessionPages>>;
/** Those of the test that runs. */
let pages: SessionPages;
let folder: string;
let context: BrowserContext;
let observed: Observed;

test.before(async () => {
  if (!chromiumInstalled) return;
  demo = await startDemo({ NONCE_POLICY: 'always' });
  served = {
    localStorage: await serveSessionPages(demo, 'localStorage'),
    indexedDB: await serveSessionPages(demo, 'indexedDB'),
  };
  folder = await mkdtemp(join(tmpdir(), 'holdfast-chromium-'));
  await startBrowser();
});

async function startBrowser(): Promise<void> {
  context = await startChromium(folder);
  observed = new Observed(context);
}

test.after(async () => {
  await context?.close();
  await served?.localStorage.close();
  await served?.indexedDB.close();
  await demo?.close();
  if (folder !== undefined) await rm(folder, { recursive: true, force: true });
});

/** With a page that nothing is known of, by either server; afterwards it must have been as it should. */
function pageTest(
  title: string,
  run: (page: Page) => Promise<void>,
  tokensIn: TokensIn = 'localStorage',
): void {
  chromiumTest(title, async () => {
    pages = served[tokensIn];
    observed.clear();
    demo.lines.length = 0;
    const page = await openPage();
    try {
      await run(page);
      assertStaysHere();
      assert.equal(
        observed.errors.filter((error) => !isRefusal(error)),
        [],
      );
    } finally {
      await wipe(await openPage(), 'all');
      await context.clearCookies();
      for (const each of context.pages().slice(1)) await each.close();
    }
  });
}

async function openPage(): Promise<Page> {
  const page = await context.newPage();
  await page.goto(pages.origin);
  return ready(page);
}

async function reload(page: Page): Promise<void> {
  await page.reload();
  await ready(page);
}

/** As `Clear site data` of the browser does it: the page is not asked. */
async function wipe(page: Page, storageTypes: 'all' | 'indexeddb'): Promise<void> {
  const devtools = await context.newCDPSession(page);
  await devtools.send('Storage.clearDataForOrigin', { origin: pages.origin, storageTypes });
}

async function signIn(page: Page): Promise<void> {
  await comeBack(page);
  await page.evaluate(() => session.completeSignIn(location.href));
  await page.goto(pages.origin);
  await ready(page);
}

interface Notes {
  readonly status: number;
  readonly notes?: readonly string[];
}

/** What the API answers to a call of a page, or the code of the error. */
function call(page: Page, text?: string): Promise<Notes | string> {
  return page.evaluate(
    async ([url, note]) => {
      const body = JSON.stringify({ text: note });
      const headers = { 'Content-Type': 'application/json' };
      const init = note === undefined ? {} : { method: 'POST', headers, body };
      try {
        const response = await session.fetch(url, init);
        return { ...(await response.json()), status: response.status };
      } catch (error) {
        return String((error as { code?: unknown }).code);
      }
    },
    [demo.notesUrl, text] as const,
  );
}

function isSignedIn(page: Page): Promise<boolean> {
  return page.evaluate(() => session.isSignedIn());
}

/** The session's key, as its page finds it in the store. */
function keyOf(page: Page): Promise<string | undefined> {
  return page.evaluate(
    async (name) => (await holdfast.createIndexedDbKeyStore().load(name))?.jkt,
    sessionName,
  );
}

/** All that the page keeps in `localStorage`. */
function kept(page: Page): Promise<string> {
  return page.evaluate(() => JSON.stringify(localStorage));
}

/** The calls of pages to the API, as `POST 401`; what the browser asks ahead of them is left out. */
function apiCalls(): string[] {
  return demo.lines.flatMap((line) => {
    const [, server, method, path, status] = line.split(' ');
    return server === 'RS' && path === '/api/notes' && method !== 'OPTIONS' ? [`${method} ${status}`] : [];
  });
}

/** The keys of the proofs that the API accepted. */
function signers(): Set<string> {
  const lines = demo.lines.filter((line) => / RS (?:GET|POST) \/api\/notes 20[01] /.test(line));
  return new Set(lines.map((line) => /jkt=(\S+)$/.exec(line)?.[1] ?? 'unsigned'));
}

/** What a challenge for a nonce is to the browser itself, which tells it on the console. */
function isRefusal(error: string): boolean {
  const [, status, url = ''] = /^Failed to load resource: .* (40[01]) \(.*\) (\S+)$/.exec(error) ?? [];
  if (status === '400') return [`${demo.authorizationOrigin}/par`, demo.tokenUrl].includes(url);
  return status === '401' && url === demo.notesUrl;
}

/** Nobody else was asked for anything. */
function assertStaysHere(): void {
  const known = [pages.origin, demo.authorizationOrigin, demo.resourceOrigin];
  const urls = observed.requests.map((request) => request.url());
  assert.equal(
    urls.filter((url) => !known.includes(new URL(url).origin)),
    [],
  );
}

/** The refresh tokens that were sent, whatever came of it. */
function refreshes(): string[] {
  return observed.requests
    .filter((request) => request.url() === demo.tokenUrl && request.method() === 'POST')
    .map((request) => new URLSearchParams(request.postData() ?? ''))
    .filter((form) => form.get('grant_type') === 'refresh_token')
    .map((form) => form.get('refresh_token') ?? '');
}

/** Keeps every tab from renewing until it is told to release. */
function holdLock(page: Page): Promise<void> {
  return page.evaluate(
    (name) =>
      new Promise<void>((held) => {
        const released = new Promise((resolve) => addEventListener('release', resolve, { once: true }));
        navigator.locks.request(`holdfast.${name}`, () => {
          held();
          return released;
        });
      }),
    sessionName,
  );
}

/** Until so many tabs want to renew. */
async function renewalsWait(page: Page, tabs: number): Promise<void> {
  await page.waitForFunction(
    async (count) => (await navigator.locks.query()).pending?.length === count,
    tabs,
    { polling: 50 },
  );
}

/** Takes back the access token alone: the API refuses it from then on. */
function revokeAccessToken(page: Page): Promise<number> {
  return page.evaluate(async (url) => {
    const body = new URLSearchParams({ client_id: 'demo-spa', token: await session.accessToken() });
    return (await fetch(url, { method: 'POST', body })).status;
  }, `${demo.authorizationOrigin}/revoke`);
}

pageTest(
  '[R9449-8-11] somebody signs in with PKCE, and the page calls the API, which is of another origin',
  async (page) => {
    await signIn(page);
    assert.equal(await call(page, 'One'), { status: 201, notes: ['One'] });
    assert.equal(await call(page), { status: 200, notes: ['One'] });
    assert.equal(apiCalls(), ['POST 401', 'POST 201', 'GET 200']); // a nonce is asked for once
    assert.ok(demo.lines.some((line) => line.includes(' RS OPTIONS /api/notes 204 ')));
    assert.equal([...signers()], [await keyOf(page)]);
    assert.is(observed.errors.length, 3); // challenges: for the request, for the code on a new page, and at the API
  },
);

pageTest(
  '[R9449-5-08] after a reload the page calls on with the same key, and nobody signs in',
  async (page) => {
    await signIn(page);
    await call(page, 'Before');
    const key = await keyOf(page);
    await reload(page);
    assert.ok(await isSignedIn(page));
    demo.lines.length = 0;
    assert.is(((await call(page, 'After')) as Notes).status, 201);
    assert.equal([...signers()], [key]);
    assert.equal(
      demo.lines.filter((line) => line.includes(' AS ')),
      [], // nothing was asked of the authorization server
    );
  },
);

pageTest('the end of the browser is no end of the session', async (page) => {
  await signIn(page);
  const key = await keyOf(page);
  await context.close();
  await startBrowser();
  const later = await openPage();
  assert.is(((await call(later)) as Notes).status, 200);
  assert.equal([...signers()], [key]);
});

pageTest(
  '[I06] two tabs that renew at the same moment send one refresh request',
  async (page) => {
    await signIn(page);
    const [other, holder] = [await openPage(), await openPage()];
    // First each on its own, so that both know the nonces.
    for (const tab of [other, page]) {
      assert.is(await revokeAccessToken(tab), 200);
      assert.is(((await call(tab)) as Notes).status, 200);
    }
    assert.is(new Set(refreshes()).size, 2);
    observed.requests.length = 0;
    assert.is(await revokeAccessToken(page), 200);
    await holdLock(holder);
    const calls = [page, page, page, other, other, other].map((tab) => call(tab));
    await renewalsWait(holder, 2);
    assert.equal(refreshes(), []);
    await holder.evaluate(() => dispatchEvent(new Event('release')));
    const statuses = (await Promise.all(calls)).map((answer) => (answer as Notes).status);
    assert.equal(statuses, Array(6).fill(200));
    assert.is(refreshes().length, 1);
    assert.is(await isSignedIn(other), true);
  },
  'indexedDB',
);

pageTest('a key that is wiped from IndexedDB means to sign in again, which makes another', async (page) => {
  await signIn(page);
  const key = await keyOf(page);
  await wipe(page, 'indexeddb');
  await reload(page);
  assert.is(await call(page), 'sign-in-required');
  assert.is(await isSignedIn(page), false);
  assert.is(await kept(page), '{}');
  await signIn(page);
  assert.is(((await call(page)) as Notes).status, 200);
  assert.is.not(await keyOf(page), key);
});

pageTest('storage that is wiped altogether means to sign in again', async (page) => {
  await signIn(page);
  await wipe(page, 'all');
  assert.is(await call(page), 'sign-in-required'); // an open page, too
  await reload(page);
  assert.is(await call(page), 'sign-in-required');
  assert.is(await keyOf(page), undefined);
});

pageTest('[R9449-11.4-01] [M10] a page cannot take the private key of its session', async (page) => {
  await signIn(page);
  const outcomes = await page.evaluate(async (name) => {
    const pair = await holdfast.createIndexedDbKeyStore().load(name);
    if (pair === undefined) return [];
    const formats = ['jwk', 'pkcs8', 'raw'] as const;
    const exports = formats.map((format) => crypto.subtle.exportKey(format, pair.privateKey));
    const settled = await Promise.allSettled(exports);
    return settled.map((each) => (each.status === 'rejected' ? (each.reason as Error).name : 'taken'));
  }, sessionName);
  assert.equal(outcomes, Array(3).fill('InvalidAccessError'));
  const texts = await page.evaluate(() => JSON.stringify([session, localStorage, sessionStorage]));
  assert.match(texts, 'refreshToken'); // what is kept there is the tokens, with the thumbprint of their key
  assert.not.match(texts, /\\*"d\\*":/);
});

pageTest(
  'who signs out has the tokens revoked, and they are of no use with their key either',
  async (page) => {
    await signIn(page);
    const { accessToken, refreshToken } = JSON.parse(
      JSON.parse(await kept(page))[`holdfast.${sessionName}`],
    ).tokens;
    assert.equal(await page.evaluate(() => session.signOut()), { revoked: true });
    assert.is(await kept(page), '{}');
    assert.is(await isSignedIn(page), false);
    assert.is(await call(page), 'sign-in-required');
    const answers = await page.evaluate(
      async ([name, tokenUrl, notesUrl, access, refresh]) => {
        const keyPair = await holdfast.createIndexedDbKeyStore().load(name);
        if (keyPair === undefined) return [];
        const origins = [tokenUrl, notesUrl].map((url) => new URL(url).origin);
        const send = holdfast.createDpopFetch({ keyPair, origins });
        const body = new URLSearchParams({
          client_id: 'demo-spa',
          grant_type: 'refresh_token',
          refresh_token: refresh,
        });
        const called = await holdfast.createDpopFetch({ keyPair, origins, accessToken: access })(notesUrl);
        const refreshed = await send(tokenUrl, { method: 'POST', body });
        return [called.status, refreshed.status, (await refreshed.json()).error];
      },
      [sessionName, demo.tokenUrl, demo.notesUrl, accessToken, refreshToken] as const,
    );
    assert.equal(answers, [401, 400, 'invalid_grant']);
  },
);

pageTest('who denies is not signed in, and the page is told why', async (page) => {
  await comeBack(page, 'Deny');
  const outcome = await page.evaluate(async () => {
    try {
      await session.completeSignIn(location.href);
      return [];
    } catch (error) {
      const { code, cause } = error as { code: string; cause: { error: string } };
      return [code, cause.error];
    }
  });
  assert.equal(outcome, ['sign-in-refused', 'access_denied']);
  assert.is(await isSignedIn(page), false);
});

test.run();
