import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Page } from 'playwright-core';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Cell, Report } from '../../demo/lab/model.ts';
import { toReportFile } from '../../demo/lab/report/report-file.ts';
import { catalogue, recording, report } from '../demo/lab/_report.ts';
import { startChromium, withChromium } from './_chromium.ts';

/** A saved report: one file that opens from disk, in a real browser, and asks nobody for anything. */

const test = suite('browser/lab-report');
const browserTest = withChromium(test);

interface Opened {
  readonly page: Page;
  readonly requests: readonly string[];
  readonly complaints: readonly string[];
}

/** Writes the report to a file of its own and opens that. */
function withReport(given: Report, run: (opened: Opened) => Promise<void>): () => Promise<void> {
  return async () => {
    const folder = await mkdtemp(join(tmpdir(), 'lab-report-'));
    const context = await startChromium(join(folder, 'profile'));
    try {
      const file = join(folder, 'report.html');
      const { body } = await toReportFile('html', given, [recording], { checks: catalogue.checks });
      await writeFile(file, body);
      const requests: string[] = [];
      const complaints: string[] = [];
      const page = await context.newPage();
      page.on('request', (request) => requests.push(request.url()));
      page.on('pageerror', (error) => complaints.push(error.message));
      page.on('console', (line) => {
        if (line.type() === 'error' || line.type() === 'warning') complaints.push(line.text());
      });
      await page.goto(`${pathToFileURL(file).href}#/report`);
      await run({ page, requests, complaints });
    } finally {
      await context.close();
      await rm(folder, { recursive: true, force: true });
    }
  };
}

browserTest(
  'opens from disk with its numbers, without a request, an error or a warning',
  withReport(report, async ({ page, requests, complaints }) => {
    const numbers = page.locator('.report-numbers');
    await numbers.waitFor();
    assert.match((await numbers.textContent()) ?? '', /^cells measured4the thief gets in3blocked1/);
    assert.match((await page.locator('.report').textContent()) ?? '', /DPoP, one memory for all nodes/);
    assert.equal(complaints, []);
    assert.is(requests.length, 1, requests.join('\n'));
    assert.match(requests[0] ?? '', /^file:/);
  }),
);

browserTest(
  'says why the bench is off, and makes JSON, Markdown and CSV by itself',
  withReport(report, async ({ page, requests, complaints }) => {
    await page.locator('.report-numbers').waitFor();
    for (const name of ['JSON', 'Markdown', 'CSV']) {
      const [download] = await Promise.all([
        page.waitForEvent('download'),
        page.getByRole('button', { name, exact: true }).click(),
      ]);
      assert.match(download.suggestedFilename(), /^stolen-token-lab-2026-05-04\.(?:json|md|csv)$/);
    }
    await page.evaluate(() => {
      location.hash = '#/bench';
    });
    await page.getByText('has none behind it').waitFor();
    assert.equal(complaints, []);
    assert.ok(
      requests.every((url) => /^(?:file|blob):/.test(url)),
      requests.join('\n'),
    );
  }),
);

const hostile =
  '</script><script>document.title="owned"</script><!-- <img src=x onerror=document.title="owned">';
const brokenCell = (cell: Cell): Cell => ({ ...cell, outcome: 'error', window: null, note: hostile });

browserTest(
  'hostile text in it stays text',
  withReport(
    {
      ...report,
      profiles: report.profiles.map((profile) => ({ ...profile, title: hostile })),
      cells: report.cells.map(brokenCell),
    },
    async ({ page, complaints }) => {
      await page.locator('.report-numbers').waitFor();
      assert.match((await page.locator('.report').textContent()) ?? '', /<img src=x/);
      assert.is(await page.locator('img').count(), 0);
      assert.is.not(await page.title(), 'owned');
      assert.equal(complaints, []);
    },
  ),
);

browserTest(
  'prints on A4: nothing to press is on paper, and no table is wider than it',
  withReport(report, async ({ page }) => {
    await page.locator('.report-numbers').waitFor();
    await page.setViewportSize({ width: 688, height: 970 }); // A4 less its margins, at 96 dots an inch
    await page.emulateMedia({ media: 'print' });
    assert.is(await page.locator('.report-actions').isVisible(), false);
    assert.is(await page.getByRole('navigation').isVisible(), false);
    assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth));
  }),
);

test.run();
