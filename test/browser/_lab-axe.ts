import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import type { Page } from 'playwright-core';
import * as assert from 'uvu/assert';
import { type LabSuite, open } from './_lab-page.ts';

/** What axe finds on a view: nothing, light and dark, on a desk and on a phone. */

export interface Sight {
  readonly title: string;
  readonly hash: string;
  /** One after the other; axe looks after each. */
  readonly steps: readonly Step[];
}

export type Step = readonly [name: string, reach: (page: Page) => Promise<unknown>];

const windows = [
  [1280, 800],
  [390, 844],
] as const;

// What can differ between light and dark.
const rulesOfColour = ['color-contrast', 'link-in-text-block'];

export function testSights({ test }: Pick<LabSuite, 'test'>, sights: readonly Sight[]): void {
  for (const { title, hash, steps } of sights) {
    for (const [width, height] of windows) {
      test(`axe finds nothing on ${title} at ${width} by ${height}, light and dark`, async (page, lab) => {
        await page.setViewportSize({ width, height });
        await page.emulateMedia({ reducedMotion: 'reduce' });
        await open(page, lab, hash);
        for (const [name, reach] of steps) {
          await reach(page);
          await page.emulateMedia({ colorScheme: 'light' });
          assert.equal(await findFaults(page), [], `${name}, light`);
          await page.emulateMedia({ colorScheme: 'dark' });
          assert.equal(await findFaults(page, rulesOfColour), [], `${name}, dark`);
        }
      });
    }
  }
}

const axe = createRequire(import.meta.url).resolve('axe-core/axe.min.js');

/**
 * What axe finds in the view that is shown, by these of its rules or by all; other views are gone afterwards. Axe is
 * given to the page by the debugger, past its policy, which forbids it to everybody else.
 */
export async function findFaults(page: Page, rules?: readonly string[]): Promise<readonly string[]> {
  if (!(await page.evaluate(() => 'axe' in window))) await page.evaluate(await readFile(axe, 'utf8'));
  return page.evaluate(async (only) => {
    // They are hidden, so they have no faults, but thousands of elements that it would walk through.
    for (const view of document.querySelectorAll('main > [hidden]')) view.remove();
    const { axe: run } = window as unknown as { axe: typeof import('axe-core') };
    const some = only === undefined ? {} : { runOnly: [...only] };
    const { violations } = await run.run(document, { resultTypes: ['violations'], ...some });
    return violations.map(
      ({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html.slice(0, 200)).join(' ')}`,
    );
  }, rules);
}
