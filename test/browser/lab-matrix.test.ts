import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Locator, Page } from 'playwright-core';
import * as assert from 'uvu/assert';
import type { Catalogue } from '../../demo/lab/model.ts';
import { labSuite, open, press, toldByHeading, watch } from './_lab-page.ts';

/** The matrix in a real browser: its keys, what runs bring, what the seat changes, and what can be taken away. */

const { test, run } = labSuite('browser/lab-matrix');

function cell(page: Page, profile: string, theft: string): Locator {
  return page.getByRole('gridcell', { name: `${theft} under ${profile}: ` });
}

/** What that says which has the focus. */
function focus(page: Page): Promise<string> {
  return page.evaluate(() => {
    const { activeElement: element } = document;
    return element?.getAttribute('aria-label') ?? element?.textContent ?? '';
  });
}

/** By the keys of the grid: one profile and its thefts, from the first. */
async function goTo(page: Page, profile: string): Promise<void> {
  await press(page, '/');
  await page.keyboard.type(profile);
  await cell(page, profile, 'T01').waitFor();
  await page.getByRole('checkbox', { name: 'Fold equal rows' }).focus();
  await press(page, 'g', 'Control+Home', 'ArrowRight', 'ArrowRight', 'ArrowRight', 'ArrowRight');
  while (!(await focus(page)).startsWith(`T01 under ${profile}:`)) await press(page, 'ArrowDown');
}

test('the keys of the grid move, Enter shows what happened there, and going back leads back', async (page, lab) => {
  const answer = await fetch(`${lab.origin}/lab/api/catalogue`);
  const ids = ((await answer.json()) as Catalogue).thefts.map(({ id }) => id);
  await open(page, lab, '#/matrix');
  await press(page, 'g');
  assert.match(await focus(page), /^T01 under M00: works for 1 h, ended by exp/);
  await press(page, 'ArrowRight');
  assert.match(await focus(page), new RegExp(`^${ids[1]} under M00: `));
  await press(page, 'ArrowDown');
  assert.match(await focus(page), new RegExp(`^${ids[1]} under (?!M00)`));
  await press(page, 'End');
  assert.match(await focus(page), new RegExp(`^${ids.at(-1)} under `));
  await press(page, 'Home');
  assert.is(await page.evaluate(() => document.activeElement?.getAttribute('role')), 'rowheader');
  await press(page, 'Control+End');
  assert.match(await focus(page), new RegExp(`^${ids.at(-1)} under X5: `));
  await press(page, 'PageUp', 'Control+Home');
  assert.match(await focus(page), /^Profile/);
  await goTo(page, 'D5');
  await press(page, 'Enter');
  await toldByHeading(page, 'Refused: the proof is signed by another key');
  assert.match(page.url(), /#\/cell\/D5\/T01/);
  await page.goBack();
  await page.getByRole('grid').waitFor();
  await press(page, 'g');
  assert.match(await focus(page), /^T01 under D5: blocked by jkt/);
});

test('Escape leads out of the grid, one thing after the other', async (page, lab) => {
  await open(page, lab, '#/matrix');
  await press(page, 'g', 'p');
  await page
    .getByRole('gridcell', { name: /^T01 under M00: / })
    .and(page.locator('.pinned'))
    .waitFor();
  await press(page, 'Escape');
  assert.match(await focus(page), /^T01 under M00: /);
  assert.is(await page.locator('.pinned').count(), 0);
  await press(page, 'Escape');
  assert.is(await page.evaluate(() => document.activeElement?.getAttribute('value')), 'elsewhere');
});

/** As before anything was committed: what is shown comes from runs alone. */
async function openEmpty(page: Page, origin: string): Promise<void> {
  await page.route('**/lab/api/report', (route) => route.fulfill({ status: 204 }));
  await page.goto(`${origin}/lab#/matrix`);
  await page.getByText('Nothing has been measured yet').first().waitFor();
}

test('R measures the cell that has the focus, and it fills in', async (page, { origin }) => {
  await openEmpty(page, origin);
  await goTo(page, 'D5');
  assert.is(await focus(page), 'T01 under D5: not measured yet');
  await press(page, 'r');
  await page.getByRole('gridcell', { name: 'T01 under D5: blocked by jkt' }).waitFor();
  assert.is(await focus(page), 'T01 under D5: blocked by jkt');
  await page
    .getByText(/^1 cell measured in /)
    .first()
    .waitFor();
});

test('a quick run of everything fills in row after row, until it is stopped', async (page, { origin }) => {
  await openEmpty(page, origin);
  await page.getByRole('button', { name: 'Run all (quick)' }).focus();
  await press(page, 'Enter');
  await page.getByRole('gridcell', { name: 'T01 under M00: works' }).waitFor();
  await page.getByRole('progressbar', { name: 'Cells measured' }).waitFor();
  await page.getByRole('button', { name: 'Stop' }).focus();
  await press(page, 'Enter');
  await page
    .getByText(/^Interrupted: [\d,]+ of [\d,]+ cells measured/)
    .first()
    .waitFor();
});

test('with the seat of the thief the rows that look at addresses turn, and no row of DPoP', async (page, lab) => {
  await open(page, lab, '#/matrix');
  await page.getByRole('checkbox', { name: 'Fold equal rows' }).focus();
  await press(page, 'Space');
  const before = { list: await labels(page, 'M13'), dpop: await labels(page, 'D5') };
  assert.match(before.list[0] ?? '', /^T01 under M13: blocked by ip/);
  await press(page, 'n', 'n');
  await page.getByRole('gridcell', { name: /^T01 under M13: works for 1 h/ }).waitFor();
  assert.match(page.url(), /seat=nat/);
  assert.equal(await labels(page, 'D5'), before.dpop);
  assert.is(before.dpop.length, 45);
  await page
    .getByRole('status')
    .filter({ hasText: /behind Alice’s address: \d+ cells changed/ })
    .waitFor();
});

function labels(page: Page, profile: string): Promise<readonly string[]> {
  const cells = page.getByRole('gridcell', { name: new RegExp(`^T\\d+ under ${profile}: `) });
  return cells.evaluateAll((elements) => elements.map((element) => element.getAttribute('aria-label') ?? ''));
}

test('the exported report opens from disk, without any network, and shows the same cell', async (page, lab) => {
  await open(page, lab, '#/report');
  for (const other of ['M00 × T01', 'D5 × T06'])
    await page.getByRole('button', { name: `Leave out ${other}` }).click();
  const downloading = page.waitForEvent('download');
  await page.getByRole('button', { name: 'HTML, one file' }).click();
  const file = join(lab.folder, 'report.html');
  await (await downloading).saveAs(file);
  await open(page, lab, '#/cell/D5/T01');
  const shown = await readCell(page);
  const offline = await lab.context.newPage();
  const complaints = watch(offline, ['file:']);
  await offline.goto(`${pathToFileURL(file).href}#/cell/D5/T01`);
  assert.equal(await readCell(offline), shown);
  assert.ok(shown.messages.length >= 4, 'there are messages');
  await press(offline, '2', 'g');
  assert.match((await focus(offline)) ?? '', /^T01 under M00: works for 1 h/);
  assert.equal(complaints, []);
  await offline.close();
});

/** Outcome and messages, once it has been played. */
async function readCell(
  page: Page,
): Promise<{ readonly text: string; readonly messages: readonly string[] }> {
  await toldByHeading(page, 'Refused: the proof is signed by another key');
  const messages = page.getByRole('list', { name: 'Messages so far' }).getByRole('button');
  const text = await page
    .getByRole('region', { name: 'Refused: the proof is signed by another key' })
    .getByRole('paragraph')
    .allTextContents();
  return { text: text.join('\n'), messages: await messages.allTextContents() };
}

run();
