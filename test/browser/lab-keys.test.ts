import type { Locator, Page } from 'playwright-core';
import * as assert from 'uvu/assert';
import { labSuite, open, press } from './_lab-page.ts';

/** Keys of one sign: each that the help names does something, none does in a text field, and all can be switched off. */

const { test, run } = labSuite('browser/lab-keys');

/** In the page: everything that a key could change. */
function readState(): string {
  const focus = [...document.querySelectorAll('*')].findIndex((one) => one === document.activeElement);
  const fields = [...document.querySelectorAll<HTMLInputElement>('input, select, textarea')];
  const values = fields.map(({ value, checked }) => `${value} ${checked}`);
  const shown = [...document.querySelectorAll('header, main > :not([hidden]), dialog[open]')];
  const theme = document.documentElement.dataset['theme'];
  return [location.href, theme, focus, ...values, ...shown.map(({ outerHTML }) => outerHTML)].join('\n');
}

/** Presses it, and waits for what comes of it. */
async function changes(page: Page, key: string): Promise<boolean> {
  const before = await page.evaluate(readState);
  await page.keyboard.press(key);
  for (let look = 0; look < 100; look++) {
    if ((await page.evaluate(readState)) !== before) return true;
    await page.waitForTimeout(50);
  }
  return false;
}

/** The keys of a heading of the help that are one character, as one presses them. */
async function documented(page: Page, title: string): Promise<readonly string[]> {
  await press(page, '?');
  const section = help(page).locator('section', {
    has: page.getByRole('heading', { name: title, exact: true }),
  });
  const names = await section.getByRole('term').allTextContents();
  await press(page, 'Escape');
  return names.map((name) => name.toLowerCase()).filter((name) => /^[!-~]$/.test(name)); // an arrow is no sign
}

function help(page: Page): Locator {
  return page.getByRole('dialog', { name: 'Help' });
}

/** Views and their titles; a theft goes on by itself once it has begun, so its key comes last. */
const views: readonly (readonly [view: string, title: string, keys: string])[] = [
  ['story', 'Story', '.,cd/s'],
  ['matrix', 'Matrix', 'gnrpb/'],
  ['exposure', 'Exposure', 'v'],
  ['bench', 'Proof bench', 'x]u['],
  ['report', 'Report', 'hj'],
];

test('the help names the keys of each view, and every one that is a single sign does something', async (page, lab) => {
  for (const [view, title, keys] of views) {
    await open(page, lab, `#/${view}`);
    await page.getByRole('main').getByRole('heading', { level: 2 }).first().waitFor();
    const known = await documented(page, await titleOf(page, title));
    assert.equal(new Set(known), new Set(keys), view);
    for (const key of keys) {
      assert.ok(await changes(page, key), `${view}: ${key}`);
      if (await page.getByRole('dialog').isVisible()) await press(page, 'Escape');
      if (view === 'story') await page.evaluate(() => (document.activeElement as HTMLElement).blur());
    }
  }
});

test('predict: each digit is a guess', async (page, lab) => {
  await open(page, lab, '#/predict/1');
  const digits = (await documented(page, 'Predict')).filter((key) => /\d/.test(key));
  assert.equal(digits, ['1', '2', '3', '4']);
  for (const digit of digits) {
    await page.evaluate((hash) => location.assign(hash), `#/predict/${digit}`);
    assert.ok(await changes(page, digit), digit);
  }
});

test('keys that hold everywhere do something, from wherever', async (page, lab) => {
  await open(page, lab, '#/story');
  const keys = await documented(page, 'Everywhere');
  assert.equal(new Set(keys), new Set('123456?egnpt'));
  for (const key of keys) {
    await page.evaluate((hash) => location.assign(hash), key === '1' ? '#/report' : '#/story');
    assert.ok(await changes(page, key), key);
    if (await help(page).isVisible()) await press(page, 'Escape');
  }
});

/** All of them, of all views. */
const everyKey = '123456?egnpts.,cd/rbvxu][hj';

test('in a text field every key is a letter', async (page, lab) => {
  await open(page, lab, '#/bench');
  await page.getByText('Answer to try 1').waitFor();
  const asked: string[] = [];
  page.on('request', (request) => asked.push(request.url()));
  const field = page.getByLabel('jti', { exact: true });
  await field.focus();
  const before = await page.evaluate(() => document.documentElement.outerHTML);
  await page.keyboard.type(everyKey);
  assert.is(await field.inputValue(), everyKey);
  assert.is(await page.evaluate(() => document.documentElement.outerHTML), before);
  assert.equal(asked, []);
});

test('shortcuts of one sign can be switched off, by the keyboard, and stay off', async (page, lab) => {
  await open(page, lab, '#/story');
  await press(page, '?');
  await switchLetters(page);
  for (let loads = 0; loads < 2; loads++) {
    for (const key of everyKey) assert.not(await changesAtOnce(page, key), key);
    await page.reload();
    await page.getByRole('button', { name: 'Steal this token' }).and(page.locator(':focus')).waitFor();
  }
  await page.getByRole('button', { name: 'Help and keys' }).focus();
  await press(page, 'Enter');
  await switchLetters(page);
  assert.ok(await changes(page, 't'));
});

async function changesAtOnce(page: Page, key: string): Promise<boolean> {
  const before = await page.evaluate(readState);
  await page.keyboard.press(key);
  return (await page.evaluate(readState)) !== before;
}

async function switchLetters(page: Page): Promise<void> {
  const box = help(page).getByRole('checkbox', { name: 'Single letters and signs are shortcuts' });
  await box.focus();
  await press(page, 'Space', 'Escape');
  await help(page).waitFor({ state: 'hidden' });
}

/** A view is called in the help as its tab is. */
async function titleOf(page: Page, fallback: string): Promise<string> {
  const current = page.getByRole('navigation', { name: 'Views' }).locator('[aria-current=page]');
  return (await current.textContent()) ?? fallback;
}

run();
