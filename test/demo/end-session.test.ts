import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createMemoryRecordStore, type Grants, type RecordStore } from '../../src/index.ts';
import { reasonOf } from '../_setup.ts';
import { Browser, has, type Page } from './_browser.ts';
import { answerOf, callback, type Pages, requestUrl, verifier, withPages } from './_pages.ts';

/** Signing out: by a person who means it, here or everywhere, and back to registered addresses only. */

const test = suite('demo/end-session');

const registered = { client_id: 'demo-spa', post_logout_redirect_uri: 'https://app.example/bye?from=as' };

function endUrl({ authorizationOrigin }: Pages, parameters: Readonly<Record<string, string>> = {}): URL {
  const url = new URL('/end-session', authorizationOrigin);
  url.search = String(new URLSearchParams(parameters));
  return url;
}

async function signIn(pages: Pages, user = 'alice'): Promise<Browser> {
  const browser = new Browser(pages.authorizationOrigin);
  await browser.submit(await browser.open(requestUrl(pages)), { user, password: user });
  return browser;
}

async function isSignedIn(browser: Browser, pages: Pages): Promise<boolean> {
  return !has(await browser.open(requestUrl(pages)), 'password');
}

/** A code that alice has allowed, to be opened. */
async function allow(browser: Browser, pages: Pages): Promise<() => ReturnType<Grants['openCode']>> {
  const { code = '' } = answerOf(await browser.authorize(requestUrl(pages)));
  const request = { clientId: 'demo-spa', redirectUri: callback, codeVerifier: verifier };
  return () => pages.grants.openCode(code, request);
}

function assertRefused(page: Page, status: number): void {
  assert.is(page.status, status, page.text);
  assert.is(page.headers.get('location'), null);
}

test(
  'opening the page signs nobody out: it asks',
  withPages(async (pages) => {
    const browser = await signIn(pages);
    const page = await browser.open(endUrl(pages, registered));
    assert.match(page.text, /signed in as <strong>alice<\/strong>/);
    assert.ok(await isSignedIn(browser, pages));
  }),
);

test(
  'signing out here ends this session, and no other, and no grant',
  withPages(async (pages) => {
    const [browser, other] = [await signIn(pages), await signIn(pages)];
    const openCode = await allow(browser, pages);
    const old = new Map(browser.cookies);
    const page = await browser.submit(await browser.open(endUrl(pages)), { where: 'here' });
    assert.match(page.text, /Nobody is signed in/);
    assert.not.ok(browser.cookies.has('session'));
    for (const [name, value] of old) browser.cookies.set(name, value);
    assert.not.ok(await isSignedIn(browser, pages), 'the old cookie still counts');
    assert.ok(await isSignedIn(other, pages));
    assert.ok(await openCode());
  }),
);

test(
  'signing out everywhere ends all sessions and grants of this person, and of nobody else',
  withPages(async (pages) => {
    const [browser, other, bob] = [await signIn(pages), await signIn(pages), await signIn(pages, 'bob')];
    const openCode = await allow(browser, pages);
    await browser.submit(await browser.open(endUrl(pages)), { where: 'everywhere' });
    for (const each of [browser, other]) assert.not.ok(await isSignedIn(each, pages));
    assert.ok(await isSignedIn(bob, pages));
    assert.is(await reasonOf(openCode()), 'grant-ended');
    const again = await signIn(pages);
    assert.ok(await isSignedIn(again, pages), 'nobody can sign in any more');
    assert.ok(await (await allow(again, pages))());
    await again.submit(await again.open(endUrl(pages)), { where: 'everywhere' });
    assert.not.ok(await isSignedIn(again, pages), 'it works only once');
  }),
);

test('[G12] who could not be signed out everywhere is still signed in, and can try again', async () => {
  let down = false;
  const kept = createMemoryRecordStore({ capacity: 1000 });
  const records: RecordStore = {
    ...{ read: (key) => kept.read(key), replace: (key, ...rest) => kept.replace(key, ...rest) },
    insert: (key, ...rest) => {
      // One of the two steps fails: what is kept of the grants, not of the sessions.
      if (down && !key.startsWith('sessions-ended')) throw new Error('down');
      return kept.insert(key, ...rest);
    },
  };
  const run = async (pages: Pages): Promise<void> => {
    const browser = await signIn(pages);
    const openCode = await allow(browser, pages);
    const page = await browser.open(endUrl(pages));
    down = true;
    assertRefused(await browser.submit(page, { where: 'everywhere' }), 503);
    down = false;
    assert.ok(await openCode());
    await browser.submit(page, { where: 'everywhere' });
    assert.is(await reasonOf(openCode()), 'grant-ended');
    assert.not.ok(await isSignedIn(browser, pages));
  };
  await withPages(run, { records })();
});

for (const [title, parameters, expected] of [
  ['with a query', registered, 'https://app.example/bye?from=as'],
  [
    'of loopback, with any port',
    { ...registered, post_logout_redirect_uri: 'http://127.0.0.1:5555/' },
    'http://127.0.0.1:5555/',
  ],
  ['with a state', { ...registered, state: 'a&b"' }, 'https://app.example/bye?from=as&state=a%26b%22'],
] as const) {
  test(
    `a registered address ${title} is where the browser goes, signed in or not`,
    withPages(async (pages) => {
      const browser = await signIn(pages);
      const url = endUrl(pages, parameters);
      const { away } = await browser.submit(await browser.open(url), { where: 'here' });
      assert.is(away?.href, expected);
      assert.is((await browser.open(url)).away?.href, expected);
    }),
  );
}

const unregistered: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'no client': { post_logout_redirect_uri: registered.post_logout_redirect_uri },
  'an unknown client': { ...registered, client_id: 'x' },
  'a redirect URI': { ...registered, post_logout_redirect_uri: callback },
  'another query': { ...registered, post_logout_redirect_uri: 'https://app.example/bye?from=us' },
  'another path': { ...registered, post_logout_redirect_uri: 'https://app.example/' },
  'another host': { ...registered, post_logout_redirect_uri: 'https://attacker.example/bye?from=as' },
  'a longer host': {
    ...registered,
    post_logout_redirect_uri: 'https://app.example.attacker.example/bye?from=as',
  },
  'a fragment': { ...registered, post_logout_redirect_uri: 'https://app.example/bye?from=as#x' },
  localhost: { ...registered, post_logout_redirect_uri: 'http://localhost:5555/' },
  'a path alone': { ...registered, post_logout_redirect_uri: '//attacker.example' },
  'another scheme': { ...registered, post_logout_redirect_uri: 'javascript:alert(1)' },
};

for (const [title, parameters] of Object.entries(unregistered)) {
  test(
    `${title} leads nowhere, and signs nobody out`,
    withPages(async (pages) => {
      const browser = await signIn(pages);
      assertRefused(await browser.open(endUrl(pages, parameters)), 400);
      assertRefused(await new Browser(pages.authorizationOrigin).open(endUrl(pages, parameters)), 400);
      const page = await browser.open(endUrl(pages, registered));
      const none = { client_id: undefined, post_logout_redirect_uri: undefined };
      assertRefused(await browser.submit(page, { ...none, ...parameters, where: 'here' }), 400);
      assert.ok(await isSignedIn(browser, pages));
    }),
  );
}

test(
  'an address given twice leads nowhere',
  withPages(async (pages) => {
    const url = endUrl(pages, registered);
    url.searchParams.append('post_logout_redirect_uri', registered.post_logout_redirect_uri);
    assertRefused(await new Browser(pages.authorizationOrigin).open(url), 400);
  }),
);

test(
  'a form without a token, or with that of another session, signs nobody out',
  withPages(async (pages) => {
    const [browser, other] = [await signIn(pages), await signIn(pages)];
    const page = await browser.open(endUrl(pages));
    const foreign = (await other.open(endUrl(pages))).forms[0]?.fields['token'];
    for (const token of [undefined, '', foreign, 'A'.repeat(43)])
      assertRefused(await browser.submit(page, { where: 'everywhere', token }), 403);
    assert.ok(await isSignedIn(browser, pages));
    assert.ok(await isSignedIn(other, pages));
  }),
);

test(
  'a form that names no place signs out here',
  withPages(async (pages) => {
    const [browser, other] = [await signIn(pages), await signIn(pages)];
    await browser.submit(await browser.open(endUrl(pages)), {});
    assert.not.ok(await isSignedIn(browser, pages));
    assert.ok(await isSignedIn(other, pages));
  }),
);

test(
  'a form that is sent twice: the second time nobody is signed in, and it leads to the same place',
  withPages(async (pages) => {
    const browser = await signIn(pages);
    const page = await browser.open(endUrl(pages, registered));
    for (let time = 0; time < 2; time++)
      assert.is(
        (await browser.submit(page, { where: 'here' })).away?.href,
        registered.post_logout_redirect_uri,
      );
  }),
);

test(
  'who is not signed in sees that',
  withPages(async (pages) => {
    const page = await new Browser(pages.authorizationOrigin).open(endUrl(pages));
    assert.is(page.status, 200);
    assert.match(page.text, /Nobody is signed in/);
  }),
);

test.run();
