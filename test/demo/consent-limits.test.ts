import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createConsentLimits } from '../../demo/sign-in/consent-limits.ts';
import { createMemoryRecordStore } from '../../src/index.ts';
import { Browser, has } from './_browser.ts';
import { type Pages, requestUrl, withPages } from './_pages.ts';

/** Who is signed in cannot fill the records by loading pages. */

const test = suite('demo/consent-limits');

async function signIn(pages: Pages, user: string): Promise<Browser> {
  const browser = new Browser(pages.authorizationOrigin);
  const page = await browser.submit(await browser.open(requestUrl(pages)), { user, password: user });
  assert.not.ok(has(page, 'password'));
  return browser;
}

test('one person has a share in a minute, and the others have theirs', async () => {
  const limits = createConsentLimits();
  for (let page = 0; page < 300; page++) assert.is(await limits.admit('bob'), undefined);
  const seconds = (await limits.admit('bob')) ?? 0;
  assert.ok(seconds >= 1 && seconds <= 60, String(seconds));
  assert.is(await limits.admit('alice'), undefined);
});

const records = createMemoryRecordStore({ capacity: 10 });

test(
  'beyond it a person is told to come again later, in any browser, and nothing more is kept',
  withPages(
    async (pages) => {
      const [browser, other] = [await signIn(pages, 'bob'), await signIn(pages, 'bob')];
      await browser.open(requestUrl(pages));
      for (let time = 0; time < 20; time++) {
        const page = await (time % 2 === 0 ? browser : other).open(requestUrl(pages));
        assert.is(page.status, 429);
        assert.match(page.text, /asked too often/);
        assert.match(page.headers.get('retry-after') ?? '', /^[1-9]\d?$/);
        assert.is(page.away, undefined);
      }
      await signIn(pages, 'alice');
    },
    { records, consentLimits: createConsentLimits(3) },
  ),
);

test.run();
