import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createSignInLimits } from '../../demo/sign-in/sign-in-limits.ts';
import { BusyError } from '../../demo/sign-in/users.ts';
import { createMemoryRecordStore, type JsonObject } from '../../src/index.ts';
import { Browser, has, type Page } from './_browser.ts';
import { type Pages, requestUrl, withPages } from './_pages.ts';
import { later } from './_setup.ts';

/** Signing in: the session that comes of it, the forms that do not count, and how often one may try. */

const test = suite('demo/sign-in');

async function openForm(pages: Pages): Promise<[Browser, Page]> {
  const browser = new Browser(pages.authorizationOrigin);
  return [browser, await browser.open(requestUrl(pages))];
}

const alice = { user: 'alice', password: 'alice' };
const guess = { user: 'alice', password: 'guess' };

// The session.

test(
  'a session is a cookie that scripts and other sites cannot use, for eight hours',
  withPages(async (pages) => {
    const [browser, form] = await openForm(pages);
    assert.match(
      form.headers.get('set-cookie') ?? '',
      /^visitor=[\w-]{43}; Path=\/; HttpOnly; SameSite=Lax$/,
    );
    const response = await post(pages, browser, form, alice);
    assert.is(response.status, 303);
    assert.match(
      response.headers.get('set-cookie') ?? '',
      /^session=[\w-]{43}; Path=\/; HttpOnly; SameSite=Lax; Max-Age=28800$/,
    );
    const { pathname, searchParams } = new URL(
      response.headers.get('location') ?? '',
      pages.authorizationOrigin,
    );
    assert.is(pathname, '/authorize');
    assert.is(searchParams.get('state'), 'a state');
  }),
);

test(
  'with https, the cookies are secure and of this host alone, and others do not count',
  withPages(
    async (pages) => {
      const browser = new Browser(pages.authorizationOrigin);
      const form = await browser.open(requestUrl(pages));
      assert.match(
        form.headers.get('set-cookie') ?? '',
        /^__Host-visitor=\S+; Path=\/; HttpOnly; SameSite=Lax; Secure$/,
      );
      const response = await post(pages, browser, form, alice, 'https://as.example');
      assert.is(response.status, 303, await response.text());
      const cookie = response.headers.get('set-cookie') ?? '';
      assert.match(cookie, /^__Host-session=\S+; Path=\/; HttpOnly; SameSite=Lax; Secure; Max-Age=28800$/);
      const [, value = ''] = /^__Host-session=([\w-]+)/.exec(cookie) ?? [];
      browser.cookies.set('session', value);
      assert.ok(has(await browser.open(requestUrl(pages)), 'password'), 'a cookie without the prefix counts');
      browser.cookies.set('__Host-session', value);
      assert.not.ok(has(await browser.open(requestUrl(pages)), 'password'));
    },
    { origin: 'https://as.example' },
  ),
);

test(
  'a session that was there before the sign-in is not the one after it',
  withPages(async (pages) => {
    const [browser, form] = await openForm(pages);
    browser.cookies.set('session', 'A'.repeat(43)); // planted
    await browser.submit(form, alice);
    const first = browser.cookies.get('session') ?? '';
    assert.is.not(first, 'A'.repeat(43));
    await browser.submit(await browser.open(requestUrl(pages, { prompt: 'login' })), alice);
    const second = browser.cookies.get('session') ?? '';
    assert.is.not(second, first);
    const [thief] = await openForm(pages);
    thief.cookies.set('session', first);
    assert.ok(has(await thief.open(requestUrl(pages)), 'password'), 'the former session lives on');
  }),
);

test(
  'a session ends after eight hours, however much it was used',
  withPages(async (pages) => {
    const [browser, form] = await openForm(pages);
    await browser.submit(form, alice);
    const eightHours = 8 * 3600;
    const isIn = async (): Promise<boolean> => !has(await browser.open(requestUrl(pages)), 'password');
    assert.ok(await later(eightHours - 10, isIn));
    assert.not.ok(await later(eightHours + 1, isIn));
  }),
);

for (const value of ['', 'A'.repeat(42), 'A'.repeat(44), `${'A'.repeat(42)}!`, 'A'.repeat(43)]) {
  test(
    `the session "${value}" is nobody's`,
    withPages(async (pages) => {
      const browser = new Browser(pages.authorizationOrigin);
      browser.cookies.set('session', value);
      assert.ok(has(await browser.open(requestUrl(pages)), 'password'));
    }),
  );
}

const kept: string[] = [];
const memory = createMemoryRecordStore({ capacity: 100 });

test(
  'neither the cookie nor the password is kept',
  withPages(
    async (pages) => {
      const [browser, form] = await openForm(pages);
      await browser.submit(form, { user: 'bob', password: 'bob' });
      const secret = browser.cookies.get('session') ?? '';
      assert.is(secret.length, 43);
      assert.ok(kept.length > 0);
      for (const text of kept) assert.not.ok(text.includes(secret));
    },
    {
      records: {
        insert: (key: string, value: JsonObject, until: number) => {
          kept.push(key, JSON.stringify(value));
          return memory.insert(key, value, until);
        },
        read: (key) => memory.read(key),
        replace: (...change) => memory.replace(...change),
      },
    },
  ),
);

test(
  'strangers who open many requests fill no memory',
  withPages(
    async (pages) => {
      for (let time = 0; time < 20; time++) {
        const [, form] = await openForm(pages);
        assert.is(form.status, 200);
      }
    },
    { records: createMemoryRecordStore({ capacity: 1 }) },
  ),
);

// Forms.

const forgeries: Readonly<Record<string, Record<string, string | undefined>>> = {
  'without its token': { token: undefined },
  'with an empty token': { token: '' },
  'with another token': { token: 'A'.repeat(43) },
  'for another request': { request: 'client_id=web&response_type=code' },
};

for (const [title, changes] of Object.entries(forgeries)) {
  test(
    `a form ${title} signs nobody in`,
    withPages(async (pages) => {
      const [browser, form] = await openForm(pages);
      const page = await browser.submit(form, { ...alice, ...changes });
      assert.is(page.status, 403);
      assert.not.ok(browser.cookies.has('session'));
    }),
  );
}

test(
  "somebody else's form signs nobody in, nor does one in a browser without the cookie",
  withPages(async (pages) => {
    const [, foreign] = await openForm(pages);
    const [browser] = await openForm(pages);
    assert.is((await browser.submit(foreign, alice)).status, 403);
    browser.cookies.clear();
    assert.is((await browser.submit(foreign, alice)).status, 403);
    assert.not.ok(browser.cookies.has('session'));
  }),
);

test(
  'a form without a request is refused',
  withPages(async (pages) => {
    const [browser, form] = await openForm(pages);
    assert.is((await browser.submit(form, { ...alice, request: undefined })).status, 400);
  }),
);

test(
  'two forms of one browser both count: each for its own request',
  withPages(async (pages) => {
    const [browser, first] = await openForm(pages);
    const second = await browser.open(requestUrl(pages, { state: 'second' }));
    assert.not.ok(has(await browser.submit(first, alice), 'password'));
    assert.not.ok(has(await browser.submit(second, alice), 'password'));
  }),
);

// Wrong passwords.

for (const [user, password] of [
  ['alice', 'bob'],
  ['alice', ''],
  ['alice', 'Alice'],
  ['Alice', 'alice'],
  ['alice ', 'alice'],
  ['mallory', 'mallory'],
  ['', ''],
  ['__proto__', 'x'],
] as const) {
  test(
    `"${user}" with "${password}" is refused, with the text that every other one gets`,
    withPages(async (pages) => {
      const [browser, form] = await openForm(pages);
      const page = await browser.submit(form, { user, password });
      assert.is(page.status, 403);
      assert.match(page.text, /The user name or the password is wrong\./);
      assert.not.ok(browser.cookies.has('session'));
      assert.is(page.forms[0]?.fields['password'], '');
      assert.not.ok(has(await browser.submit(page, alice), 'password'), 'another attempt failed');
    }),
  );
}

test(
  'when too many sign in at once: 503, to be tried again',
  withPages(
    async (pages) => {
      const [browser, form] = await openForm(pages);
      const page = await browser.submit(form, alice);
      assert.is(page.status, 503);
      assert.is(page.headers.get('retry-after'), '5');
    },
    { users: { verify: () => Promise.reject(new BusyError('busy')) } },
  ),
);

// How often.

test(
  'after five failures the sixth attempt is refused, though the password be right',
  withPages(async (pages) => {
    const [browser, form] = await openForm(pages);
    for (let time = 0; time < 5; time++) assert.is((await browser.submit(form, guess)).status, 403);
    const page = await browser.submit(form, alice);
    assert.is(page.status, 429);
    assert.match(page.text, /Too many attempts\. Try again in 15 minutes\./);
    const seconds = Number(page.headers.get('retry-after'));
    assert.ok(seconds > 800 && seconds <= 900, String(seconds));
    assert.not.ok(browser.cookies.has('session'));
    const asBob = await browser.submit(form, { user: 'bob', password: 'bob' });
    assert.not.ok(has(asBob, 'password'), 'bob is locked out, too');
  }),
);

test(
  'of many guesses at once, five are looked at',
  withPages(
    async (pages) => {
      const [browser, form] = await openForm(pages);
      const guesses = await Promise.all(Array.from({ length: 20 }, () => browser.submit(form, guess)));
      const statuses = guesses.map(({ status }) => status).sort();
      assert.equal(statuses, [...Array(5).fill(403), ...Array(15).fill(429)]);
    },
    { users: { verify: async () => false } },
  ),
);

test(
  'a success forgets the failures before it',
  withPages(async (pages) => {
    const [browser, form] = await openForm(pages);
    for (let round = 0; round < 3; round++) {
      for (let time = 0; time < 4; time++) assert.is((await browser.submit(form, guess)).status, 403);
      assert.not.ok(has(await browser.submit(form, alice), 'password'));
    }
  }),
);

let busy = false;

test(
  'who was turned away because too many sign in at once is not locked out for that, and gains nothing by it',
  withPages(
    async (pages) => {
      const [browser, form] = await openForm(pages);
      for (let time = 0; time < 4; time++) assert.is((await browser.submit(form, guess)).status, 403);
      busy = true;
      for (let time = 0; time < 8; time++) assert.is((await browser.submit(form, alice)).status, 503);
      busy = false;
      assert.is((await browser.submit(form, guess)).status, 403, 'locked out');
      assert.is((await browser.submit(form, guess)).status, 429, 'failures were forgotten');
    },
    {
      users: {
        verify: async (_name, password) => {
          if (busy && password === alice.password) throw new BusyError('busy');
          return password === alice.password;
        },
      },
    },
  ),
);

const [here, there] = ['192.0.2.1', '198.51.100.1'];

test('who is refused at one address can sign in from another one', async () => {
  const limits = createSignInLimits();
  for (let time = 0; time < 5; time++) assert.is(await limits.admit('alice', here), undefined);
  assert.type(await limits.admit('alice', here), 'number');
  assert.is(await limits.admit('alice', there), undefined);
});

test('an address that guesses at many names is refused for all of them', async () => {
  const limits = createSignInLimits({ perAddress: 10 });
  for (let user = 0; user < 10; user++) assert.is(await limits.admit(`user ${user}`, here), undefined);
  assert.type(await limits.admit('alice', here), 'number');
  assert.is(await limits.admit('alice', there), undefined);
});

test('failures from everywhere make one wait, and refuse nobody', async () => {
  const limits = createSignInLimits({ perUser: 10, wait: 1 });
  const addresses = Array.from({ length: 50 }, (_, index) => `192.0.2.${index}`);
  for (const address of addresses) assert.is(await limits.admit('alice', address), undefined);
});

for (const options of [{ perUser: 1 }, { inAll: 1 }]) {
  test(`after ${JSON.stringify(options)}, an attempt waits`, async () => {
    const limits = createSignInLimits({ ...options, wait: 300 });
    await limits.admit('alice', here);
    const second = limits.admit('alice', there).then((refusal) => refusal ?? 'let through');
    const soon = new Promise((resolve) => setTimeout(resolve, 20, 'still waiting'));
    assert.is(await Promise.race([second, soon]), 'still waiting');
    assert.is(await second, 'let through');
  });
}

test('successes count for nothing', async () => {
  const limits = createSignInLimits({ perAddress: 2, perUser: 2, inAll: 2, wait: 60_000 });
  for (let time = 0; time < 20; time++) {
    assert.is(await limits.admit('alice', here), undefined);
    await limits.forgive('alice', here);
  }
});

for (const [title, one, other, same] of [
  ['two addresses of one IPv6 network', '2001:db8:1:2::1', '2001:db8:1:2:ffff::9', true],
  ['addresses of two IPv6 networks', '2001:db8:1:2::1', '2001:db8:1:3::1', false],
  ['two short IPv6 addresses of one network', '2001:db8::1', '2001:db8::2', true],
  ['an IPv4 address in both spellings', '192.0.2.1', '::ffff:192.0.2.1', true],
  ['two IPv4 addresses, mapped', '::ffff:192.0.2.2', '::ffff:192.0.2.1', false],
  ['a full IPv6 address and another one', '1:2:3:4:5:6:7:8', '1:2:3:4:8:7:6:5', true],
] as const) {
  test(`${title} count ${same ? 'as one' : 'as two'}`, async () => {
    const limits = createSignInLimits({ perUserAndAddress: 1 });
    assert.is(await limits.admit('alice', one), undefined);
    assert.is((await limits.admit('alice', other)) !== undefined, same);
  });
}

/** Sends the form without following. */
function post(
  { authorizationOrigin }: Pages,
  browser: Browser,
  form: Page,
  values: Readonly<Record<string, string>>,
  origin = authorizationOrigin,
): Promise<Response> {
  const cookie = [...browser.cookies].map((pair) => pair.join('=')).join('; ');
  const body = new URLSearchParams({ ...form.forms[0]?.fields, ...values });
  return fetch(new URL('/sign-in', authorizationOrigin), {
    method: 'POST',
    body,
    headers: { cookie, origin },
    redirect: 'manual',
  });
}

test.run();
