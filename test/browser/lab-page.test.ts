import { gzipSync } from 'node:zlib';
import type { Page } from 'playwright-core';
import * as assert from 'uvu/assert';
import { listPageFiles } from '../../demo/lab/server/page-files.ts';
import { focused, labSuite, open, press, toldByHeading } from './_lab-page.ts';

/** The story as it is told in a real browser by the real engine, and what the page weighs. */

const { test, run } = labSuite('browser/lab-page');

/** Seen, and said to a screen reader. */
async function told(page: Page, headline: string): Promise<void> {
  await toldByHeading(page, headline);
  await page.getByRole('status').filter({ hasText: headline }).waitFor();
}

/** In the inspector, which has come to the checks by itself. */
async function decidedBy(page: Page, check: string): Promise<void> {
  await page.getByRole('tab', { name: 'Checks', selected: true }).waitFor();
  const panel = page.getByRole('tabpanel', { name: 'Checks' });
  await panel.getByText(`refused, decided by ${check}`).waitFor();
}

test('the story is told by the keyboard alone, up to the thief whom DPoP does not stop', async (page, lab) => {
  await open(page, lab);
  await focused(page, 'Steal this token');
  await press(page, '.', '.', '.'); // eight times as fast
  await press(page, 'Enter');
  await told(page, 'The thief is in');
  const thief = page.getByRole('region', { name: 'Thief', exact: true });
  await thief.getByText('What the thief sees').waitFor();
  assert.match((await thief.textContent()) ?? '', /balance/);
  await focused(page, 'Turn on DPoP');
  await press(page, 'Enter');
  await toldByHeading(page, 'The same token, the same log');
  await focused(page, 'Steal this token');
  await press(page, 's');
  await told(page, 'Refused: the proof is signed by another key');
  await decidedBy(page, 'jkt');
  await focused(page, 'Let the thief be cleverer');
  await press(page, 'Enter');
  await told(page, 'Refused: this proof was used before');
  await decidedBy(page, 'jti');
  await focused(page, 'Cleverer still');
  await press(page, 'Enter');
  await page.getByRole('button', { name: 'T06' }).first().waitFor();
  await told(page, 'The thief is in');
  await focused(page, 'Cleverer still');
  await press(page, 'Enter');
  await page.getByRole('button', { name: /^T10 / }).first().waitFor();
  await told(page, 'The thief is in');
  await focused(page, 'See all thefts');
  await press(page, 'Enter');
  await page.getByRole('grid', { name: 'Every theft under every profile' }).waitFor();
  assert.is(await page.evaluate(() => document.activeElement?.tagName), 'MAIN');
});

test('an address opens a cell with its seat and its wait, and keeps them when loaded again', async (page, lab) => {
  const hash = '#/cell/D5/T06?seat=nat&t=30';
  const tried = page.waitForRequest('**/lab/api/tries');
  await open(page, lab, hash);
  const wanted = { profile: 'D5', theft: 'T06', seat: 'nat', wait: 30, without: [] };
  assert.equal((await tried).postDataJSON(), wanted);
  await press(page, '.', '.', '.');
  await toldByHeading(page, 'The thief is in');
  const again = page.waitForRequest('**/lab/api/tries');
  await page.reload();
  assert.equal((await again).postDataJSON(), wanted);
  await toldByHeading(page, 'The thief is in');
  assert.is(new URL(page.url()).hash, hash);
  assert.is(await page.getByLabel('Thief sits').inputValue(), 'nat');
  assert.is(await page.getByLabel('uses it after').inputValue(), '30');
  await page.getByRole('button', { name: 'DPoP', exact: true, pressed: true }).waitFor();
});

test('an address of a cell that there is none of says so', async (page, lab) => {
  await open(page, lab, '#/cell/D99/T01');
  await page.getByRole('alert').filter({ hasText: 'There is no cell D99/T01' }).waitFor();
});

test('where motion is unwelcome nothing moves, and the story is told all the same', async (page, lab) => {
  await page.emulateMedia({ reducedMotion: 'reduce' });
  await open(page, lab);
  await page.evaluate(countAnimations);
  await press(page, '.', '.', '.', 'Enter');
  await told(page, 'The thief is in');
  assert.is(await page.evaluate(() => Reflect.get(window, 'animations')), 0);
});

test('where motion is welcome, it is there', async (page, lab) => {
  await open(page, lab);
  await page.evaluate(countAnimations);
  await press(page, '.', '.', '.', 'Enter');
  await told(page, 'The thief is in');
  assert.ok((await page.evaluate(() => Number(Reflect.get(window, 'animations')))) > 0);
});

/** In the page: the most that run in any one frame. */
function countAnimations(): void {
  let most = 0;
  const look = (): void => {
    most = Math.max(most, document.getAnimations().length);
    Reflect.set(window, 'animations', most);
    requestAnimationFrame(look);
  };
  look();
}

const hostile = '<img/src=x/onerror=document.title="owned">';

test('hostile text stays text, in whichever field of the bench it stands', async (page, lab) => {
  await open(page, lab, '#/bench');
  await page.getByText('Answer to try 1').waitFor();
  const fields = page.getByRole('main').getByRole('textbox');
  for (const field of await fields.all()) if (await field.isVisible()) await field.fill(hostile);
  await page.getByRole('button', { name: 'Send', exact: true }).click();
  await page.getByText('A path such as /accounts').waitFor(); // this is none
  await staysText(page);
  const more = JSON.stringify({ [hostile]: hostile });
  await page.getByLabel('Path and query').fill(`/${hostile}`);
  await page.getByLabel('jwk', { exact: true }).fill(more);
  for (const field of await page.getByLabel('more', { exact: true }).all()) await field.fill(more);
  await page.getByLabel('iat', { exact: true }).fill('+1');
  await page.getByLabel('Sent after (s)').fill('1');
  await page.getByRole('button', { name: 'Send', exact: true }).click();
  await page.getByText('Answer to try 2').waitFor();
  assert.match((await page.getByRole('main').textContent()) ?? '', /<img\/src=x/);
  await staysText(page);
});

async function staysText(page: Page): Promise<void> {
  assert.is(await page.locator('img').count(), 0);
  assert.is.not(await page.title(), 'owned');
}

test('the page weighs at most 150 kB, zipped, with all that belongs to it', async (_page, { origin }) => {
  const paths = [...listPageFiles().keys()];
  const sizes = await Promise.all(
    paths.map(async (path) => {
      const response = await fetch(origin + path);
      assert.is(response.status, 200, path);
      return gzipSync(await response.arrayBuffer()).length;
    }),
  );
  const kilobytes = Math.ceil(sizes.reduce((sum, size) => sum + size, 0) / 1000);
  assert.ok(kilobytes <= 150, `${paths.length} files, zipped one by one: ${kilobytes} kB`);
});

test('a strict policy covers the page, and all that it loads is listed and its own', async (page, lab) => {
  const { headers } = await fetch(`${lab.origin}/lab`);
  const policy = headers.get('content-security-policy') ?? '';
  assert.match(policy, /^default-src 'none'; script-src 'self'; style-src 'self';/);
  assert.not.match(policy, /unsafe-|\*|https?:/);
  const loaded: string[] = [];
  page.on('request', (request) => loaded.push(request.url().replace(/#.*/, '')));
  await open(page, lab, '#/matrix');
  const files = [...listPageFiles().keys(), '/lab/api/catalogue', '/lab/api/report'];
  const known = new Set(files.map((path) => lab.origin + path));
  assert.equal(
    loaded.filter((url) => !known.has(url)),
    [],
  );
  assert.ok(loaded.includes(`${lab.origin}/lab/page/main.js`));
});

test('a request to anybody else would have been noticed', async (_page, { context, takeOutside }) => {
  const other = await context.newPage();
  await other.goto('http://elsewhere.example/beacon').catch(() => undefined); // nobody answers
  await other.close();
  assert.match(takeOutside().join('\n'), /elsewhere\.example/);
});

run();
