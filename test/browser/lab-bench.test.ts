import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type TestLab, withLab } from '../demo/lab/_lab.ts';
import { startChromium, withChromium } from './_chromium.ts';

/** Bench and report in a real browser, on the lab's own server, with its content security policy. */

const test = suite('browser/lab-bench');
const browserTest = withChromium(test);

function withPage(
  run: (page: Page, lab: TestLab, complaints: string[]) => Promise<void>,
): () => Promise<void> {
  return withLab(async (lab) => {
    const folder = await mkdtemp(join(tmpdir(), 'lab-bench-'));
    const context = await startChromium(folder);
    try {
      const page = await context.newPage();
      const complaints: string[] = [];
      page.on('pageerror', (error) => complaints.push(error.message));
      page.on('console', (line) => {
        // No report is committed beside these sources: asking for it is no mistake of the page.
        const missing = line.location().url.endsWith('/lab/api/report');
        if (line.type() === 'error' && !missing) complaints.push(line.text());
      });
      page.on('request', (request) => {
        if (!request.url().startsWith(`${lab.origin}/`)) complaints.push(request.url());
      });
      await run(page, lab, complaints);
    } finally {
      await context.close();
      await rm(folder, { recursive: true, force: true });
    }
  });
}

const axe = createRequire(import.meta.url).resolve('axe-core/axe.min.js');

/** What axe finds; given to the page by the debugger, past its policy, which forbids it to everybody else. */
async function findFaults(page: Page): Promise<readonly string[]> {
  await page.evaluate(await readFile(axe, 'utf8'));
  return page.evaluate(async () => {
    const { axe: run } = window as unknown as { axe: typeof import('axe-core') };
    const { violations } = await run.run();
    return violations.map(({ id, nodes }) => `${id}: ${nodes[0]?.html}`);
  });
}

browserTest(
  'the bench opens with an answer, is worked by the keyboard alone, and keeps its tries',
  withPage(async (page, lab, complaints) => {
    await page.goto(`${lab.origin}/lab#/bench`);
    await page.getByText('Answer to try 1').waitFor();
    await page.getByLabel('Path and query').focus();
    await page.keyboard.press('End');
    await page.keyboard.type('?id=2');
    await page.keyboard.press('Enter');
    await page.getByText('Answer to try 2').waitFor();
    await page.getByText('D5, GET /accounts?id=2: as Alice makes it').waitFor();
    await page.getByRole('button', { name: 'Trailing slash' }).focus();
    await page.keyboard.press('Enter');
    await page.getByText('htu = https://bank.example/accounts/').waitFor();
    assert.equal(complaints, []);
  }),
);

browserTest(
  'what cannot be sent is said at its field, which gets the focus, and nothing is sent',
  withPage(async (page, lab, complaints) => {
    await page.goto(`${lab.origin}/lab#/bench`);
    await page.getByText('Answer to try 1').waitFor();
    const before = lab.engine.calls.length;
    const field = page.getByLabel('iat', { exact: true });
    await field.fill('soon');
    await page.getByRole('button', { name: 'Send', exact: true }).click();
    await page.getByText('Seconds from now, such as +600').waitFor();
    assert.is(await field.getAttribute('aria-invalid'), 'true');
    assert.ok(await field.evaluate((element) => element === document.activeElement));
    assert.is(lab.engine.calls.length, before);
    assert.equal(complaints, []);
  }),
);

browserTest(
  'hostile text stays text',
  withPage(async (page, lab, complaints) => {
    const hostile = '<img src=x onerror=document.title="owned">';
    await page.goto(`${lab.origin}/lab#/bench?proof=${encodeURIComponent(hostile)}`);
    await page.getByText('Answer to try 1').waitFor();
    await page.getByLabel('A proof to send as it is').fill('');
    await page.getByLabel('jti', { exact: true }).fill(hostile);
    await page.getByRole('button', { name: 'Send', exact: true }).click();
    await page.getByText('jti = <img src=x').waitFor();
    assert.is(await page.locator('main img').count(), 0);
    assert.is.not(await page.title(), 'owned');
    assert.equal(complaints, []);
  }),
);

for (const [width, height] of [
  [1280, 800],
  [390, 844],
] as const) {
  browserTest(
    `axe finds nothing on bench and report at ${width} by ${height}, light and dark, and nothing is wider than the window`,
    withPage(async (page, lab) => {
      await page.setViewportSize({ width, height });
      for (const colorScheme of ['light', 'dark'] as const) {
        await page.emulateMedia({ colorScheme });
        for (const [view, shown] of [
          ['bench', '.bench-answer'],
          ['report', '.report-body > *'],
        ] as const) {
          await page.goto('about:blank');
          await page.goto(`${lab.origin}/lab#/${view}`);
          await page.locator(shown).first().waitFor();
          assert.equal(await findFaults(page), [], `${view}, ${colorScheme}`);
          assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), view);
        }
      }
    }),
  );
}

test.run();
