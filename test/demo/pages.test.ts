import { createHash } from 'node:crypto';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type HtmlValue, html } from '../../demo/sign-in/html.ts';
import { authorize, Browser, type Page } from './_browser.ts';
import { answerOf, requestUrl, spa, web, withPages } from './_pages.ts';

/** What the pages look like to a browser: only our own text is HTML, and nobody else's page can hold or feed them. */

const test = suite('demo/pages');

const hostile = `"><script>alert(1)</script><img src=x onerror='alert(1)'>&amp;`;

function assertHarmless(text: string): void {
  assert.not.match(text, /<script|<img|onerror='|javascript:/);
}

// The template.

test('a value is text, in an element and in a quoted attribute', () => {
  const { text } = html`<a title="${hostile}">${hostile}</a>`;
  assertHarmless(text);
  assert.is((text.match(/[<>]/g) ?? []).length, 4);
  assert.not.match(text, /title="[^"]*"[^>]/);
});

test('what was made as HTML stays HTML, alone and in a list; undefined is nothing', () => {
  const items = ['a', '<b>'].map((each) => html`<li>${each}</li>`);
  assert.is(
    html`<ul>${items}</ul>${undefined}${html`<hr>`}`.text,
    '<ul><li>a</li><li>&lt;b&gt;</li></ul><hr>',
  );
});

for (const value of [{ text: '<b>' }, 5, null, true, [{ text: '<b>' }]]) {
  test(`${JSON.stringify(value)} is no value for a page`, () => {
    assert.throws(() => html`${value as HtmlValue}`, /must be text or HTML/);
  });
}

// Hostile text on each page.

const hostileClient = {
  ...spa,
  id: hostile,
  name: hostile,
  scopes: ['notes:read', hostile.replaceAll(' ', '')],
  redirectUris: ['https://app.example/cb'],
};

const hostileUsers = { verify: async () => true };

test(
  'names of clients, users and scopes stay text, and so does the state',
  withPages(
    async (pages) => {
      const browser = new Browser(pages.authorizationOrigin);
      const url = requestUrl(pages, {
        client_id: hostile,
        redirect_uri: undefined,
        scope: undefined,
        state: hostile,
      });
      const signIn = await browser.open(url);
      assertHarmless(signIn.text);
      const consent = await browser.submit(signIn, { user: hostile, password: 'x' });
      assert.match(consent.text, /&lt;script&gt;/);
      assertHarmless(consent.text);
      const endSession = await browser.open(`/end-session?state=${encodeURIComponent(hostile)}`);
      assert.match(endSession.text, /&lt;script&gt;/);
      assertHarmless(endSession.text);
      const { away } = await browser.submit(consent, { decision: 'allow' }, '/consent');
      assert.is(answerOf(away)['state'], hostile);
      assert.is(away?.origin, 'https://app.example');
    },
    { clients: [hostileClient], users: hostileUsers },
  ),
);

test(
  'the user name of a failed attempt stays text',
  withPages(async (pages) => {
    const browser = new Browser(pages.authorizationOrigin);
    const page = await browser.submit(await browser.open(requestUrl(pages)), {
      user: hostile,
      password: 'x',
    });
    assert.is(page.status, 403);
    assertHarmless(page.text);
    assert.is(page.forms[0]?.fields['user'], hostile);
  }),
);

test(
  'nothing of a refused request is on the page',
  withPages(async (pages) => {
    const browser = new Browser(pages.authorizationOrigin);
    for (const name of ['client_id', 'redirect_uri', 'request_uri']) {
      const page = await browser.open(requestUrl(pages, { [name]: 'zebra' }));
      assert.is(page.status, 400);
      assert.not.ok(page.text.includes('zebra'));
    }
  }),
);

// The headers, on each page.

function assertGuarded(page: Page, formAction = "'self'"): void {
  const style = /<style>(.*?)<\/style>/s.exec(page.text)?.[1] ?? '';
  const hash = createHash('sha256').update(style).digest('base64');
  assert.is(
    page.headers.get('content-security-policy'),
    `default-src 'none'; style-src 'sha256-${hash}'; form-action ${formAction}; frame-ancestors 'none'; base-uri 'none'`,
  );
  const headers = Object.fromEntries(page.headers);
  assert.is(headers['x-frame-options'], 'DENY');
  assert.is(headers['x-content-type-options'], 'nosniff');
  assert.is(headers['referrer-policy'], 'no-referrer');
  assert.is(headers['cache-control'], 'no-store');
  assert.is(headers['content-type'], 'text/html; charset=utf-8');
  assert.not.match(page.text, /<script|<link|<iframe|style="|\son\w+=|src=|href=|url\(|@import/);
}

test(
  '[R9449-11.4-02] every page keeps others from framing it, storing it and adding to it',
  withPages(async (pages) => {
    const browser = new Browser(pages.authorizationOrigin);
    const client = "'self' http://127.0.0.1:5555";
    const signIn = await browser.open(requestUrl(pages));
    assertGuarded(signIn, client);
    assertGuarded(await browser.submit(signIn, { user: 'alice', password: 'x' }), client);
    assertGuarded(await browser.submit(signIn, { user: 'alice', password: 'alice', token: undefined }));
    assertGuarded(await browser.submit(signIn, { user: 'alice', password: 'alice' }), client);
    assertGuarded(await browser.open(requestUrl(pages, { client_id: 'x' })));
    const target = 'client_id=demo-spa&post_logout_redirect_uri=https%3A%2F%2Fapp.example%2Fbye%3Ffrom%3Das';
    assertGuarded(await browser.open(`/end-session?${target}`), "'self' https://app.example");
    const endSession = await browser.open('/end-session');
    assertGuarded(endSession);
    assertGuarded(await browser.submit(endSession, { where: 'here' }));
  }),
);

for (const [redirectUri, source] of [
  ['http://[::1]:5555/callback', 'http:'], // a policy cannot name an IPv6 address
  ['com.example.app:/callback', 'com.example.app:'],
  ['https://app.example/cb?tenant=1', 'https://app.example'],
] as const) {
  test(
    `the consent page lets its form lead to ${redirectUri}`,
    withPages(async (pages) => {
      const browser = new Browser(pages.authorizationOrigin);
      const client_id = redirectUri.includes('::1') ? 'demo-spa' : 'web';
      const signIn = await browser.open(requestUrl(pages, { client_id, redirect_uri: redirectUri }));
      const consent = await browser.submit(signIn, { user: 'bob', password: 'bob' });
      assertGuarded(consent, `'self' ${source}`);
    }),
  );
}

// What people are told.

test(
  'the consent page says who asks for what, who is signed in, and where the code goes',
  withPages(async (pages) => {
    const browser = new Browser(pages.authorizationOrigin);
    const signIn = await browser.open(requestUrl(pages, { scope: 'notes:read notes:write' }));
    assert.match(signIn.text, /to continue to <strong>Demo notes in the browser<\/strong>/);
    const { text } = await browser.submit(signIn, { user: 'alice', password: 'alice' });
    const told = [
      'Demo notes in the browser',
      'demo-spa',
      'Read your notes',
      'Write notes',
      'alice',
      'Not you?',
    ];
    for (const words of told) assert.ok(text.includes(words), words);
    assert.match(text, /<code>127\.0\.0\.1:5555<\/code>, a program on this computer/);
  }),
);

test(
  'a client on another machine is not called a program on this computer',
  withPages(async (pages) => {
    const browser = new Browser(pages.authorizationOrigin);
    const changes = { client_id: 'web', redirect_uri: 'https://app.example/callback' };
    const signIn = await browser.open(requestUrl(pages, changes));
    const { text } = await browser.submit(signIn, { user: 'alice', password: 'alice' });
    assert.match(text, /<code>app\.example<\/code>\./);
  }),
);

test(
  'a scope without a meaning is shown by its name',
  withPages(
    async (pages) => {
      const browser = new Browser(pages.authorizationOrigin);
      const url = requestUrl(pages, {
        client_id: 'web',
        redirect_uri: 'com.example.app:/callback',
        scope: 'pets',
      });
      const { text } = await browser.submit(await browser.open(url), { user: 'alice', password: 'alice' });
      assert.match(text, /<li><code>pets<\/code><\/li>/);
      assert.match(text, /<code>com\.example\.app:<\/code>/);
    },
    { clients: [{ ...web, scopes: ['pets'] }] },
  ),
);

test(
  'every field has a label, and says what may be filled in',
  withPages(async (pages) => {
    const { text } = await new Browser(pages.authorizationOrigin).open(requestUrl(pages));
    for (const [name, autocomplete] of [
      ['user', 'username'],
      ['password', 'current-password'],
    ]) {
      assert.match(text, new RegExp(`<label for="${name}">`));
      assert.match(
        text,
        new RegExp(`<input id="${name}" name="${name}"[^>]* autocomplete="${autocomplete}"`),
      );
    }
    assert.match(text, /<html lang="en">/);
    assert.match(text, /<meta name="viewport"/);
    assert.match(text, /<title>Sign in · /);
  }),
);

test(
  'text has a contrast of 4.5 to 1 at least, lines of 3 to 1, in the light and in the dark',
  withPages(async (pages) => {
    const { text } = await new Browser(pages.authorizationOrigin).open(requestUrl(pages));
    const schemes = [...text.matchAll(/:root \{([^}]*)\}/g)].map(([, body = '']) => toColours(body));
    assert.is(schemes.length, 2);
    for (const colour of schemes) {
      const atLeast = (least: number, front: string, back: string): void => {
        const ratio = contrast(colour[front] ?? '', colour[back] ?? '');
        assert.ok(ratio >= least, `${front} on ${back}: ${ratio}`);
      };
      for (const front of ['text', 'soft', 'main', 'problem']) atLeast(4.5, front, 'card');
      atLeast(4.5, 'on-main', 'main');
      atLeast(4.5, 'problem', 'problem-back');
      atLeast(3, 'line', 'card');
      atLeast(3, 'main', 'page');
    }
  }),
);

test(
  'the code goes to nobody but the client: no page has it',
  withPages(async (pages) => {
    const away = await authorize(pages, requestUrl(pages));
    const { code = '' } = answerOf(away);
    const { text } = await new Browser(pages.authorizationOrigin).open(requestUrl(pages));
    assert.not.ok(text.includes(code));
  }),
);

function toColours(body: string): Record<string, string> {
  return Object.fromEntries(
    [...body.matchAll(/--([\w-]+): (#[\da-f]+)/g)].map(([, name, value]) => [name, value]),
  );
}

/** As WCAG 2.2 defines it. */
function contrast(front: string, back: string): number {
  const [light, dark] = [luminance(front), luminance(back)].sort((a, b) => b - a) as [number, number];
  return (light + 0.05) / (dark + 0.05);
}

function luminance(colour: string): number {
  const digits =
    colour.length === 4 ? [...colour.slice(1)].map((digit) => digit + digit).join('') : colour.slice(1);
  const [red, green, blue] = [0, 2, 4].map((at) => {
    const value = Number.parseInt(digits.slice(at, at + 2), 16) / 255;
    return value <= 0.040_45 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  }) as [number, number, number];
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

test.run();
