import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { pushRequest } from '../../demo/authorization/authorization-request.ts';
import { createFormToken } from '../../demo/sign-in/form-guard.ts';
import { createMemoryRecordStore, type JsonObject, type RecordStore } from '../../src/index.ts';
import { reasonOf } from '../_setup.ts';
import { authorize, Browser, has, type Page } from './_browser.ts';
import {
  answerOf,
  callback,
  codeChallenge,
  type Pages,
  requestUrl,
  spa,
  verifier,
  withPages,
} from './_pages.ts';
import { later, sendRaw, statusesOf } from './_setup.ts';

/** The authorization endpoint: what is asked of whom, and what is sent where. */

const test = suite('demo/authorize');

const jkt = 'A'.repeat(43);

function assertPage(page: Page, status: number): void {
  assert.is(page.status, status, page.text);
  assert.is(page.headers.get('location'), null);
  assert.match(page.headers.get('content-type') ?? '', /^text\/html/);
  assert.is(page.headers.get('access-control-allow-origin'), null);
}

async function open(pages: Pages, changes: Parameters<typeof requestUrl>[1]): Promise<Page> {
  return new Browser(pages.authorizationOrigin).open(requestUrl(pages, changes));
}

/** A browser in which alice is signed in, and the consent page that it shows. */
async function signedIn(
  pages: Pages,
  changes: Parameters<typeof requestUrl>[1] = {},
): Promise<[Browser, Page]> {
  const browser = new Browser(pages.authorizationOrigin);
  const page = await browser.open(requestUrl(pages, changes));
  return [browser, await browser.submit(page, { user: 'alice', password: 'alice' }, '/sign-in')];
}

function push(pages: Pages, changes: object = {}, life = 60): Promise<string> {
  const request = {
    clientId: 'demo-spa',
    redirectUri: callback,
    redirectUriGiven: true,
    scope: 'notes:read',
    state: 'pushed state',
    codeChallenge,
    ...changes,
  };
  return pushRequest(pages.records, request, life);
}

function pushedUrl({ authorizationOrigin }: Pages, requestUri: string, more: object = {}): URL {
  const url = new URL('/authorize', authorizationOrigin);
  for (const [name, value] of Object.entries({ client_id: 'demo-spa', request_uri: requestUri, ...more }))
    url.searchParams.append(name, String(value));
  return url;
}

// The way through.

test(
  'who signs in and allows is sent back with a code, the state and the issuer (RFC 9207)',
  withPages(async (pages) => {
    const away = await authorize(pages, requestUrl(pages, { state: 'a b&c=d#e"<' }));
    assert.is(away.origin + away.pathname, callback);
    const { code = '', ...rest } = answerOf(away);
    assert.equal(rest, { state: 'a b&c=d#e"<', iss: pages.authorizationOrigin });
    const request = { clientId: 'demo-spa', redirectUri: callback, codeVerifier: verifier };
    const grant = await pages.grants.openCode(code, request);
    assert.is(grant.subject, 'alice');
    assert.is(grant.scope, 'notes:read');
    assert.equal(grant.rule, { proof: 'required' });
    const age = Date.now() / 1000 - Number(grant.claims['auth_time']);
    assert.ok(age >= 0 && age < 60, `auth_time is ${age} s ago`);
  }),
);

test(
  '[R9449-10-01] the code is bound to the key of dpop_jkt',
  withPages(async (pages) => {
    const { code = '' } = answerOf(await authorize(pages, requestUrl(pages, { dpop_jkt: jkt })));
    const request = { clientId: 'demo-spa', redirectUri: callback, codeVerifier: verifier };
    assert.equal((await pages.grants.openCode(code, request)).rule, { jkt });
  }),
);

test(
  'a state that is not given does not come back',
  withPages(async (pages) => {
    const away = await authorize(pages, requestUrl(pages, { state: undefined }));
    assert.equal(Object.keys(answerOf(away)), ['code', 'iss']);
  }),
);

test(
  'a redirect URI that was left out must be left out at the token endpoint too',
  withPages(
    async (pages) => {
      const { code = '' } = answerOf(await authorize(pages, requestUrl(pages, { redirect_uri: undefined })));
      const request = { clientId: 'demo-spa', codeVerifier: verifier };
      const withIt = pages.grants.openCode(code, { ...request, redirectUri: callback });
      assert.is(await reasonOf(withIt), 'redirect-uri-mismatch');
      assert.ok(await pages.grants.openCode(code, { ...request, redirectUri: undefined }));
    },
    { clients: [{ ...spa, redirectUris: [callback] }] },
  ),
);

test(
  'who denies is sent back without a code',
  withPages(async (pages) => {
    const away = await authorize(pages, requestUrl(pages), { decision: 'deny' });
    const { error_description, ...rest } = answerOf(away);
    assert.equal(rest, { error: 'access_denied', state: 'a state', iss: pages.authorizationOrigin });
    assert.type(error_description, 'string');
  }),
);

test(
  'who is signed in is not asked for a password again, but for consent',
  withPages(async (pages) => {
    const [browser] = await signedIn(pages);
    const page = await browser.open(requestUrl(pages, { state: 'another' }));
    assertPage(page, 200);
    assert.not.ok(has(page, 'password'));
    assert.match(page.text, /signed in as <strong>alice<\/strong>/);
  }),
);

test(
  'a query that the redirect URI has is kept, and added to',
  withPages(async (pages) => {
    const url = requestUrl(pages, { client_id: 'web', redirect_uri: 'https://app.example/cb?tenant=1' });
    const away = await authorize(pages, url);
    assert.match(away.href, /^https:\/\/app\.example\/cb\?tenant=1&code=[\w-]{43}&state=a\+state&iss=http/);
  }),
);

test(
  'an address of a private scheme is redirected to as it stands',
  withPages(async (pages) => {
    const url = requestUrl(pages, { client_id: 'web', redirect_uri: 'com.example.app:/callback' });
    const away = await authorize(pages, url);
    assert.match(away.href, /^com\.example\.app:\/callback\?code=/);
  }),
);

// Where an answer goes: nowhere, as long as the address is not known to be the client's own.

for (const [title, changes] of Object.entries({
  'an unknown client': { client_id: 'demo-spb' },
  'a client of another case': { client_id: 'Demo-spa' },
  'no client': { client_id: undefined },
  'an empty client': { client_id: '' },
  'two clients': { client_id: ['demo-spa', 'web'] },
  'the same client twice': { client_id: ['demo-spa', 'demo-spa'] },
  'no redirect URI where there are several': { redirect_uri: undefined },
  'two redirect URIs': { redirect_uri: [callback, callback] },
  'a request_uri twice': { request_uri: ['urn:a', 'urn:b'] },
  'an unknown request_uri': { request_uri: `urn:ietf:params:oauth:request_uri:${jkt}` },
  'a request_uri that is a URL': { request_uri: 'https://attacker.example/request' },
  'a request of more than 4096 characters': { nonsense: 'x'.repeat(4096) },
})) {
  test(
    `${title}: a page, and no redirect`,
    withPages(async (pages) => assertPage(await open(pages, changes), 400)),
  );
}

const nearMisses = {
  'demo-spa': [
    'http://127.0.0.1:5555/callback/',
    'http://127.0.0.1:5555/Callback',
    'http://127.0.0.1:5555/callback?x=1',
    'http://127.0.0.1:5555/callback?',
    'http://127.0.0.1:5555/callback#x',
    'http://127.0.0.1:5555/callback#',
    'http://user@127.0.0.1:5555/callback',
    'http://127.0.0.1:5555@attacker.example/callback',
    'http://127.0.0.1.attacker.example:5555/callback',
    'http://localhost:5555/callback',
    'http://127.0.0.2:5555/callback',
    'http://127.1:5555/callback',
    'http://2130706433:5555/callback',
    'http://[::ffff:127.0.0.1]:5555/callback',
    'http://127.0.0.1:0/callback',
    'http://127.0.0.1:05555/callback',
    'http://127.0.0.1:65536/callback',
    'http://127.0.0.1:/callback',
    'https://127.0.0.1:5555/callback',
    'HTTP://127.0.0.1:5555/callback',
    'http://127.0.0.1:5555/%63allback',
    'http://127.0.0.1:5555/./callback',
    'http://127.0.0.1:5555/a/../callback',
    'http://127.0.0.1:5555//callback',
    'http:\\\\127.0.0.1:5555\\callback',
    'http://127.0.0.1:5555/callback\\@attacker.example',
    ' http://127.0.0.1:5555/callback',
    'http://127.0.0.1:5555/callback\n',
    'http://127.0.0.1:5555/callback\u0000',
    '//127.0.0.1:5555/callback',
    '/callback',
    'javascript:alert(1)',
  ],
  web: [
    'https://app.example/callback/',
    'https://app.example/callback?x=1',
    'https://app.example:443/callback',
    'https://app.example:8443/callback',
    'http://app.example/callback',
    'https://APP.example/callback',
    'https://app.example./callback',
    'https://evil.app.example/callback',
    'https://app.example.attacker.example/callback',
    'https://app.example@attacker.example/callback',
    'https://app.example/cb?tenant=2',
    'https://app.example/cb?tenant=1&tenant=2',
    'https://app.example/cb',
    'com.example.app://callback',
  ],
};

for (const [client, uris] of Object.entries(nearMisses)) {
  for (const uri of uris) {
    test(
      `[R9700-2.1-01] ${client} may not be called back at ${JSON.stringify(uri)}`,
      withPages(async (pages) => {
        const page = await open(pages, { client_id: client, redirect_uri: uri });
        assertPage(page, 400);
        assert.not.ok(page.text.includes('attacker.example'));
      }),
    );
  }
}

for (const uri of [callback, 'http://127.0.0.1/callback', 'http://[::1]:1/callback']) {
  test(
    `[R9700-2.1-01] it may be at ${uri}: of a loopback address, the port may be any`,
    withPages(async (pages) => assertPage(await open(pages, { redirect_uri: uri }), 200)),
  );
}

// Once it is known, the client is told.

function assertTold(page: Page, error: string, { authorizationOrigin }: Pages): void {
  assert.is(page.status, 303, page.text);
  assert.is(page.away?.href.split('?')[0], callback);
  const { error_description, ...rest } = answerOf(page.away);
  assert.equal(rest, { error, state: 'a state', iss: authorizationOrigin });
  assert.match(error_description ?? '', /^[A-Z][\w ,]+$/);
  assert.is(page.headers.get('referrer-policy'), 'no-referrer');
  assert.is(page.headers.get('cache-control'), 'no-store');
}

const dpopJkts: Readonly<Record<string, string | readonly string[]>> = {
  short: 'A'.repeat(42),
  long: 'A'.repeat(44),
  padded: `${'A'.repeat(43)}=`,
  'very long': 'A'.repeat(2000),
  empty: '',
  'given twice': [jkt, jkt],
};

const toldToTheClient: Readonly<Record<string, readonly [string, Parameters<typeof requestUrl>[1]]>> = {
  'no response type': ['invalid_request', { response_type: undefined }],
  'the response type token': ['unsupported_response_type', { response_type: 'token' }],
  'the response type code token': ['unsupported_response_type', { response_type: 'code token' }],
  'the response mode fragment': ['invalid_request', { response_mode: 'fragment' }],
  'no PKCE': ['invalid_request', { code_challenge: undefined, code_challenge_method: undefined }],
  'PKCE without a method, which means plain': ['invalid_request', { code_challenge_method: undefined }],
  'plain PKCE': ['invalid_request', { code_challenge_method: 'plain' }],
  'a PKCE method of another case': ['invalid_request', { code_challenge_method: 's256' }],
  'a short challenge': ['invalid_request', { code_challenge: 'A'.repeat(42) }],
  'another scope': ['invalid_scope', { scope: 'notes:read admin' }],
  'a request object': ['request_not_supported', { request: 'eyJ.eyJ.' }],
  'two scopes': ['invalid_request', { scope: ['notes:read', 'notes:write'] }],
  'two challenges': ['invalid_request', { code_challenge: [codeChallenge, codeChallenge] }],
  'an unknown parameter twice': ['invalid_request', { colour: ['red', 'red'] }],
  'an unknown prompt': ['invalid_request', { prompt: 'select_account' }],
  'the prompt none beside another': ['invalid_request', { prompt: 'none login' }],
  'an empty word in prompt': ['invalid_request', { prompt: 'login ' }],
  'a max_age that is no number': ['invalid_request', { max_age: '-1' }],
  'the prompt none when nobody is signed in': ['login_required', { prompt: 'none' }],
};

for (const [title, [error, changes]] of Object.entries(toldToTheClient)) {
  test(
    `${title}: ${error}, with state and issuer (RFC 9207), to the client`,
    withPages(async (pages) => assertTold(await open(pages, changes), error, pages)),
  );
}

for (const [title, value] of Object.entries(dpopJkts)) {
  test(
    `[R9449-10-05] [J07] a dpop_jkt that is ${title}: invalid_request, to the client`,
    withPages(async (pages) => assertTold(await open(pages, { dpop_jkt: value }), 'invalid_request', pages)),
  );
}

test(
  'a state that is given twice does not come back with the error',
  withPages(async (pages) => {
    const page = await open(pages, { state: ['a', 'b'] });
    const { error, state } = answerOf(page.away);
    assert.equal([error, state], ['invalid_request', undefined]);
  }),
);

test(
  'a state of more than 1024 bytes is refused',
  withPages(async (pages) => {
    const longest = await open(pages, { state: 's'.repeat(1024) });
    assertPage(longest, 200);
    const { error } = answerOf((await open(pages, { state: 's'.repeat(1025) })).away);
    assert.is(error, 'invalid_request');
  }),
);

test(
  'an error goes behind the query that the redirect URI has',
  withPages(async (pages) => {
    const changes = { client_id: 'web', redirect_uri: 'https://app.example/cb?tenant=1', response_type: 'x' };
    const { away } = await open(pages, changes);
    assert.match(away?.href ?? '', /^https:\/\/app\.example\/cb\?tenant=1&error=unsupported_response_type&/);
  }),
);

// Signing in again.

test(
  'the prompt none, for who is signed in: consent_required, since consent is asked for each time',
  withPages(async (pages) => {
    const [browser] = await signedIn(pages);
    const { away } = await browser.open(requestUrl(pages, { prompt: 'none' }));
    assert.is(answerOf(away)['error'], 'consent_required');
  }),
);

for (const changes of [{ prompt: 'login' }, { prompt: 'login consent' }, { max_age: '0' }]) {
  test(
    `${JSON.stringify(changes)} asks who is signed in for the password, once`,
    withPages(async (pages) => {
      const [browser] = await signedIn(pages);
      const url = requestUrl(pages, changes);
      const page = await browser.open(url);
      assert.ok(has(page, 'password'));
      const consent = await browser.submit(page, { user: 'alice', password: 'alice' });
      assert.not.ok(has(consent, 'password'));
      assert.not.ok(has(await browser.open(url), 'password'), 'a reload asked again');
      const other = await browser.open(requestUrl(pages, { ...changes, state: 'other' }));
      assert.ok(has(other, 'password'), 'another request was let through');
      assert.ok(has(await later(601, () => browser.open(url)), 'password'), 'it was let through for ever');
      const { away } = await browser.submit(consent, { decision: 'allow' }, '/consent');
      assert.ok(away?.searchParams.has('code'));
    }),
  );
}

test(
  'max_age asks for the password once the sign-in is older',
  withPages(async (pages) => {
    const [browser] = await signedIn(pages);
    const url = requestUrl(pages, { max_age: '60' });
    assert.not.ok(has(await browser.open(url), 'password'));
    assert.ok(has(await later(61, () => browser.open(url)), 'password'));
    const silent = requestUrl(pages, { max_age: '60', prompt: 'none' });
    const { away } = await later(61, () => browser.open(silent));
    assert.is(answerOf(away)['error'], 'login_required');
  }),
);

test(
  '"Not you?" signs out, and asks for the same request again',
  withPages(async (pages) => {
    const [browser, consent] = await signedIn(pages);
    const page = await browser.submit(consent, { decision: 'switch' }, '/consent');
    assert.ok(has(page, 'password'));
    const asBob = await browser.submit(page, { user: 'bob', password: 'bob' });
    assert.match(asBob.text, /signed in as <strong>bob<\/strong>/);
    const { away } = await browser.submit(asBob, { decision: 'allow' }, '/consent');
    assert.is(answerOf(away)['state'], 'a state');
  }),
);

// Consent: what was shown, by whom it was shown to, once.

test(
  'a decision counts once, however often it is sent',
  withPages(async (pages) => {
    const [browser, consent] = await signedIn(pages);
    const sent = Array.from({ length: 5 }, () => browser.submit(consent, { decision: 'allow' }, '/consent'));
    const answers = await Promise.all(sent);
    assert.is(answers.filter(({ away }) => away?.searchParams.has('code')).length, 1);
    for (const page of answers.filter(({ away }) => away === undefined)) assertPage(page, 400);
  }),
);

const forgeries: Readonly<Record<string, Record<string, string | undefined>>> = {
  'without its token': { token: undefined },
  'with an empty token': { token: '' },
  'with another token of the same length': { token: 'A'.repeat(43) },
  'with a longer token': { token: 'A'.repeat(44) },
  'without its transaction': { transaction: undefined },
  'with another transaction': { transaction: 'A'.repeat(43) },
};

for (const [title, changes] of Object.entries(forgeries)) {
  test(
    `a decision ${title} is refused, and the right one still counts`,
    withPages(async (pages) => {
      const [browser, consent] = await signedIn(pages);
      assertPage(await browser.submit(consent, { decision: 'allow', ...changes }, '/consent'), 403);
      const { away } = await browser.submit(consent, { decision: 'allow' }, '/consent');
      assert.ok(away?.searchParams.has('code'));
    }),
  );
}

for (const decision of [undefined, '', 'maybe', 'Allow']) {
  test(
    `the decision ${JSON.stringify(decision)} is none`,
    withPages(async (pages) => {
      const [browser, consent] = await signedIn(pages);
      assertPage(await browser.submit(consent, { decision }, '/consent'), 400);
      assert.ok((await browser.submit(consent, { decision: 'deny' }, '/consent')).away);
    }),
  );
}

test(
  'a form that was made for another person allows nothing, nor does one with a token of another session',
  withPages(async (pages) => {
    const [mallory, forMallory] = await signedIn(pages);
    const [alice, forAlice] = await signedIn(pages);
    assertPage(await alice.submit(forMallory, { decision: 'allow' }, '/consent'), 403);
    const token = forMallory.forms[0]?.fields['token'];
    assertPage(await alice.submit(forAlice, { decision: 'allow', token }, '/consent'), 403);
    assert.ok((await mallory.submit(forMallory, { decision: 'allow' }, '/consent')).away, 'it was spent');
    assert.ok((await alice.submit(forAlice, { decision: 'allow' }, '/consent')).away);
  }),
);

test(
  'what was shown to one session cannot be allowed by another, though its token be right',
  withPages(async (pages) => {
    const [, forMallory] = await signedIn(pages);
    const [alice, forAlice] = await signedIn(pages);
    const transaction = forMallory.forms[0]?.fields['transaction'] ?? '';
    const token = createFormToken(alice.cookies.get('session') ?? '', `consent ${transaction}`);
    assertPage(await alice.submit(forAlice, { decision: 'allow', transaction, token }, '/consent'), 403);
  }),
);

for (const path of ['/Authorize', '/authorize/', '//authorize', '/authorize;x']) {
  test(
    `${path} is not the authorization endpoint`,
    withPages(async (pages) => {
      const { search } = requestUrl(pages);
      const { status } = await fetch(`${pages.authorizationOrigin}${path}${search}`);
      assert.is(status, 404);
    }),
  );
}

test(
  'a consent page from before a new sign-in allows nothing',
  withPages(async (pages) => {
    const [browser, old] = await signedIn(pages);
    const page = await browser.open(requestUrl(pages, { prompt: 'login' }));
    await browser.submit(page, { user: 'bob', password: 'bob' });
    assertPage(await browser.submit(old, { decision: 'allow' }, '/consent'), 403);
  }),
);

test(
  'without a session nothing can be allowed',
  withPages(async (pages) => {
    const [browser, consent] = await signedIn(pages);
    browser.cookies.clear();
    assertPage(await browser.submit(consent, { decision: 'allow' }, '/consent'), 403);
  }),
);

test(
  'a page that lay open for more than ten minutes allows nothing',
  withPages(async (pages) => {
    const [browser, consent] = await signedIn(pages);
    await later(601, async () =>
      assertPage(await browser.submit(consent, { decision: 'allow' }, '/consent'), 400),
    );
  }),
);

const strangers: Readonly<Record<string, Record<string, string>>> = {
  'another origin': { origin: 'https://attacker.example', 'sec-fetch-site': 'cross-site' },
  'another origin, in a browser that says no more': {
    origin: 'https://attacker.example',
    'sec-fetch-site': '',
  },
  'another port of this host': { origin: 'http://127.0.0.1:1', 'sec-fetch-site': 'same-site' },
  'a sandbox': { origin: 'null', 'sec-fetch-site': 'cross-site' },
  'a sandbox, in a browser that says no more': { origin: 'null', 'sec-fetch-site': '' },
  'nobody knows where': { origin: '', 'sec-fetch-site': '' },
  'a bookmark': { origin: '', 'sec-fetch-site': 'none' },
};

for (const [title, headers] of Object.entries(strangers)) {
  for (const action of ['/sign-in', '/consent', '/end-session']) {
    test(
      `a form for ${action} that comes from ${title} is refused`,
      withPages(async (pages) => {
        const [browser, consent] = await signedIn(pages);
        const page = {
          '/sign-in': await browser.open(requestUrl(pages, { prompt: 'login' })),
          '/consent': consent,
          '/end-session': await browser.open('/end-session'),
        }[action] as Page;
        const values = { user: 'alice', password: 'alice', decision: 'allow', where: 'here' };
        assertPage(await browser.submit(page, values, action, headers), 403);
        assert.match(
          (await browser.open('/end-session')).text,
          /signed in as <strong>alice/,
          'it was signed out all the same',
        );
      }),
    );
  }
}

for (const headers of [
  { 'sec-fetch-site': '' },
  { origin: 'null' }, // as browsers send it from a page without a referrer
  { origin: '' },
]) {
  test(
    `a form from the page itself counts with ${JSON.stringify(headers)}`,
    withPages(async (pages) => {
      const [browser, consent] = await signedIn(pages);
      const { away } = await browser.submit(consent, { decision: 'allow' }, '/consent', headers);
      assert.ok(away?.searchParams.has('code'));
    }),
  );
}

// Pushed requests.

test(
  '[R9449-10.1-03] [R9126-4-01] a pushed request is shown as often as it is loaded, and decided once',
  withPages(async (pages) => {
    const uri = await push(pages, { jkt });
    const url = pushedUrl(pages, uri);
    const browser = new Browser(pages.authorizationOrigin);
    for (let time = 0; time < 3; time++) assert.ok(has(await browser.open(url), 'password'));
    const away = await browser.authorize(url);
    const { code = '', state } = answerOf(away);
    assert.is(state, 'pushed state');
    const request = { clientId: 'demo-spa', redirectUri: callback, codeVerifier: verifier };
    assert.equal((await pages.grants.openCode(code, request)).rule, { jkt });
    assertPage(await browser.open(url), 400);
  }),
);

test(
  '[R9126-4-01] of two pages that show one pushed request, one can be answered',
  withPages(async (pages) => {
    const url = pushedUrl(pages, await push(pages));
    const browser = new Browser(pages.authorizationOrigin);
    const first = await browser.submit(await browser.open(url), { user: 'alice', password: 'alice' });
    const second = await browser.open(url);
    assert.ok((await browser.submit(second, { decision: 'deny' }, '/consent')).away);
    assertPage(await browser.submit(first, { decision: 'allow' }, '/consent'), 400);
  }),
);

test(
  '"Not you?" does not burn a pushed request',
  withPages(async (pages) => {
    const url = pushedUrl(pages, await push(pages));
    const browser = new Browser(pages.authorizationOrigin);
    const consent = await browser.submit(await browser.open(url), { user: 'alice', password: 'alice' });
    const page = await browser.submit(consent, { decision: 'switch' }, '/consent');
    const asBob = await browser.submit(page, { user: 'bob', password: 'bob' });
    assert.ok(
      (await browser.submit(asBob, { decision: 'allow' }, '/consent')).away?.searchParams.has('code'),
    );
  }),
);

test(
  'what the query says beside a request_uri is not looked at',
  withPages(async (pages) => {
    const more = {
      redirect_uri: 'https://attacker.example/',
      scope: 'admin',
      state: 'x',
      dpop_jkt: 'x',
      prompt: 'none',
    };
    const away = await authorize(pages, pushedUrl(pages, await push(pages), more));
    assert.is(away.href.split('?')[0], callback);
    assert.is(answerOf(away)['state'], 'pushed state');
  }),
);

test(
  '[R9126-2.2-01] the request_uri of another client: a page',
  withPages(async (pages) => {
    const url = pushedUrl(pages, await push(pages), {});
    url.searchParams.set('client_id', 'web');
    assertPage(await new Browser(pages.authorizationOrigin).open(url), 400);
    assert.ok(await authorize(pages, pushedUrl(pages, url.searchParams.get('request_uri') ?? '')));
  }),
);

test(
  '[R9126-4-01] who has opened a pushed request in time may take longer to sign in and to decide',
  withPages(async (pages) => {
    const url = pushedUrl(pages, await push(pages, {}, 60));
    const browser = new Browser(pages.authorizationOrigin);
    const form = await browser.open(url);
    const consent = await later(300, () => browser.submit(form, { user: 'alice', password: 'alice' }));
    const { away } = await later(310, () => browser.submit(consent, { decision: 'allow' }, '/consent'));
    assert.ok(away?.searchParams.has('code'));
    assertPage(await later(311, () => browser.open(url)), 400);
  }),
);

test(
  '[R9126-4-01] a request_uri that is over: a page',
  withPages(async (pages) => {
    const url = pushedUrl(pages, await push(pages, {}, 60));
    const page = await later(61, () => new Browser(pages.authorizationOrigin).open(url));
    assertPage(page, 400);
  }),
);

// Methods, bodies, and a store that is down.

for (const method of ['POST', 'PUT', 'DELETE', 'PATCH']) {
  test(
    `${method} /authorize is answered with 405`,
    withPages(async (pages) => {
      const response = await fetch(requestUrl(pages), { method });
      assert.is(response.status, 405);
      assert.is(response.headers.get('allow'), 'HEAD, GET');
    }),
  );
}

for (const path of ['/sign-in', '/consent']) {
  test(
    `GET ${path} is answered with 405`,
    withPages(async ({ authorizationOrigin }) => {
      const response = await fetch(new URL(path, authorizationOrigin));
      assert.is(response.status, 405);
      assert.is(response.headers.get('allow'), 'POST');
    }),
  );
}

test(
  'HEAD /authorize has the headers of the page, and no page',
  withPages(async (pages) => {
    const response = await fetch(requestUrl(pages), { method: 'HEAD' });
    assert.is(response.status, 200);
    assert.match(response.headers.get('content-security-policy') ?? '', /frame-ancestors 'none'/);
    assert.is(await response.text(), '');
  }),
);

const bodies: Readonly<Record<string, readonly [BodyInit, Record<string, string>]>> = {
  'as JSON': ['{"decision":"allow"}', { 'content-type': 'application/json' }],
  'as text': ['decision=allow', { 'content-type': 'text/plain' }],
  'of more than 16 kB': [`decision=${'x'.repeat(17_000)}`, {}],
  'with a field twice': ['decision=allow&decision=deny', {}],
  'in an unknown encoding': ['decision=allow', { 'content-encoding': 'zip' }],
};

for (const [title, [body, headers]] of Object.entries(bodies)) {
  test(
    `[J18] a form ${title} is refused with a page`,
    withPages(async (pages) => {
      const [browser] = await signedIn(pages);
      assertPage(await browser.post('/consent', body, headers), 400);
    }),
  );
}

test(
  'a target that is no URL, and a query of broken escapes, are answered',
  withPages(async ({ authorizationOrigin }) => {
    const { host } = new URL(authorizationOrigin);
    for (const query of ['%', '%zz=%ff', 'client_id=%F0%28', '&&&===', 'client_id[]=x', '__proto__=1']) {
      const end = 'Connection: close\r\n\r\n';
      const answer = await sendRaw(
        authorizationOrigin,
        `GET /authorize?${query} HTTP/1.1\r\nHost: ${host}\r\n${end}`,
      );
      assert.equal(statusesOf(answer), [400], query);
    }
  }),
);

test(
  '[R9700-2.6-01] no page, no redirect and no refusal allows other origins to read it',
  withPages(async (pages) => {
    const headers = { origin: 'https://app.example' };
    for (const url of [
      requestUrl(pages),
      requestUrl(pages, { scope: 'x' }),
      requestUrl(pages, { client_id: 'x' }),
    ]) {
      const response = await fetch(url, { headers, redirect: 'manual' });
      assert.is(response.headers.get('access-control-allow-origin'), null);
    }
    const preflight = await fetch(requestUrl(pages), {
      method: 'OPTIONS',
      headers: { ...headers, 'access-control-request-method': 'POST' },
    });
    assert.is(preflight.headers.get('access-control-allow-origin'), null);
  }),
);

const down: RecordStore = {
  insert: () => Promise.reject(new Error('secret detail')),
  read: () => Promise.reject(new Error('secret detail')),
  replace: () => Promise.reject(new Error('secret detail')),
};

test(
  'a store that is down: 503, to be tried again, and no detail',
  withPages(
    async (pages) => {
      const browser = new Browser(pages.authorizationOrigin);
      browser.cookies.set('session', 'A'.repeat(43));
      const page = await browser.open(requestUrl(pages));
      assertPage(page, 503);
      assert.is(page.headers.get('retry-after'), '5');
      assert.not.ok(page.text.includes('secret detail'));
    },
    { records: down },
  ),
);

const memory = createMemoryRecordStore({ capacity: 100 });
const forgetful: RecordStore = {
  insert: (key: string, value: JsonObject, until: number) => {
    if (key.startsWith('code')) throw new Error('full');
    return memory.insert(key, value, until);
  },
  read: (key) => memory.read(key),
  replace: (...change) => memory.replace(...change),
};

test(
  'a code that cannot be kept is not given out',
  withPages(
    async (pages) => {
      const [browser, consent] = await signedIn(pages);
      assertPage(await browser.submit(consent, { decision: 'allow' }, '/consent'), 503);
    },
    { records: forgetful },
  ),
);

test.run();
