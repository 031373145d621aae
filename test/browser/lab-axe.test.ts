import type { Page } from 'playwright-core';
import * as assert from 'uvu/assert';
import { findFaults, labSuite, open, press, toldByHeading } from './_lab-page.ts';

/** What axe finds on every view: nothing, light and dark, on a desk and on a phone. */

const { test, run } = labSuite('browser/lab-axe');

type Step = readonly [name: string, reach: (page: Page) => Promise<unknown>];

interface Sight {
  readonly title: string;
  readonly hash: string;
  /** One after the other; axe looks after each. */
  readonly steps: readonly Step[];
}

const tabs: readonly Step[] = ['Message', 'Token', 'Proof', 'Checks', 'Diff'].map((name) => [
  name,
  async (page) => {
    // On a phone the inspector is one of the parts.
    const part = page.getByRole('button', { name: 'Inspect', exact: true }).filter({ visible: true });
    if (!(await page.getByRole('tab', { name }).isVisible())) await part.click();
    await page.getByRole('tab', { name }).click();
  },
]);

const cellOf = (page: Page) => page.getByRole('gridcell').first();

const sights: readonly Sight[] = [
  {
    title: 'the story before a theft, and the help',
    hash: '#/story',
    steps: [
      ['before', (page) => toldByHeading(page, 'Alice’s token lies in a log of her bank')],
      ['help', (page) => press(page, '?')],
    ],
  },
  {
    title: 'the story after a theft',
    hash: '#/cell/M00/T01',
    steps: [['after', (page) => toldByHeading(page, 'The thief is in')]],
  },
  {
    title: 'the story after a refusal, and the inspector',
    hash: '#/cell/D5/T02',
    steps: [['after', (page) => toldByHeading(page, 'Refused: this proof was used before')], ...tabs],
  },
  {
    title: 'the matrix',
    hash: '#/matrix',
    steps: [['grid', (page) => cellOf(page).or(page.getByRole('button')).first().waitFor()]],
  },
  {
    title: 'the exposure',
    hash: '#/exposure',
    steps: [['chart', (page) => page.getByRole('heading', { name: /^You notice after/ }).waitFor()]],
  },
  {
    title: 'the prediction',
    hash: '#/predict/1',
    steps: [
      ['question', (page) => page.getByRole('heading', { level: 3 }).first().waitFor()],
      ['answer', (page) => press(page, '1')],
    ],
  },
  {
    title: 'the bench',
    hash: '#/bench',
    steps: [['answer', (page) => page.getByText('Answer to try 1').waitFor()]],
  },
  {
    title: 'the report',
    hash: '#/report',
    steps: [['tables', (page) => page.getByRole('table').first().waitFor()]],
  },
];

async function look(page: Page, media: Parameters<Page['emulateMedia']>[0], name: string): Promise<void> {
  await page.emulateMedia(media ?? {});
  assert.equal(await findFaults(page), [], `${name}, ${JSON.stringify(media)}`);
}

for (const { title, hash, steps } of sights) {
  for (const [width, height] of [
    [1280, 800],
    [390, 844],
  ] as const) {
    test(`${title}: axe finds nothing at ${width} by ${height}, light and dark`, async (page, lab) => {
      await page.setViewportSize({ width, height });
      await page.emulateMedia({ reducedMotion: 'reduce' });
      await open(page, lab, hash);
      for (const [name, reach] of steps) {
        await reach(page);
        for (const colorScheme of ['light', 'dark'] as const) await look(page, { colorScheme }, name);
      }
    });
  }
}

test('in forced colours axe finds nothing, and every mark stands beside a word or has a label', async (page, lab) => {
  await page.emulateMedia({ forcedColors: 'active', reducedMotion: 'reduce' });
  for (const hash of ['#/matrix', '#/cell/D5/T01']) {
    await open(page, lab, hash);
    if (hash !== '#/matrix') await toldByHeading(page, 'Refused: the proof is signed by another key');
    const marks = page.locator('main > :not([hidden]) svg:visible').filter({ has: page.locator('path') });
    assert.ok((await marks.count()) > 40, hash);
    assert.equal(await marks.evaluateAll(findUnseen), [], hash);
    assert.equal(await findFaults(page), [], hash);
  }
});

/** In the page: marks without a word, and those that have the colour of what lies under them. */
function findUnseen(marks: readonly Element[]): readonly string[] {
  const groundOf = (element: Element | null): string => {
    const { backgroundColor } = element === null ? { backgroundColor: 'Canvas' } : getComputedStyle(element);
    return element !== null && /, 0\)$|^transparent$/.test(backgroundColor)
      ? groundOf(element.parentElement)
      : backgroundColor;
  };
  const isUnseen = (mark: Element): boolean => {
    const named = mark.closest('[aria-label], button, a, li, p, td, h1, h2, label');
    const text = `${named?.getAttribute('aria-label') ?? ''}${named?.textContent ?? ''}`.trim();
    return text === '' || getComputedStyle(mark).color === groundOf(mark);
  };
  return marks.filter(isUnseen).map((mark) => mark.parentElement?.outerHTML.slice(0, 200) ?? '');
}

run();
