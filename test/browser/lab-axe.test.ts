import * as assert from 'uvu/assert';
import { findFaults, testSights } from './_lab-axe.ts';
import { labSuite, open, press, toldByHeading } from './_lab-page.ts';

/** Matrix, exposure, prediction, bench and report are open to everybody. */

const lab = labSuite('browser/lab-axe');

testSights(lab, [
  {
    title: 'the matrix',
    hash: '#/matrix',
    steps: [['cells', (page) => page.getByRole('heading', { name: 'Matrix' }).waitFor()]],
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
]);

lab.test(
  'in forced colours axe finds nothing, and every mark stands beside a word or has a label',
  async (page, browser) => {
    await page.emulateMedia({ forcedColors: 'active', reducedMotion: 'reduce' });
    for (const hash of ['#/matrix', '#/cell/D5/T01']) {
      await open(page, browser, hash);
      if (hash !== '#/matrix') await toldByHeading(page, 'Refused: the proof is signed by another key');
      const marks = page.locator('main > :not([hidden]) svg:visible').filter({ has: page.locator('path') });
      assert.ok((await marks.count()) > 40, hash);
      assert.equal(await marks.evaluateAll(findUnseen), [], hash);
      assert.equal(await findFaults(page), [], hash);
    }
  },
);

/** In the page: marks without a word, and those that have the colour of what lies under them. */
function findUnseen(marks: readonly Element[]): readonly string[] {
  const groundOf = (element: Element | null): string => {
    const { backgroundColor } = element === null ? { backgroundColor: 'Canvas' } : getComputedStyle(element);
    return element !== null && /, 0\)$|^transparent$/.test(backgroundColor)
      ? groundOf(element.parentElement)
      : backgroundColor;
  };
  const isUnseen = (mark: Element): boolean => {
    const named = mark.closest('[aria-label], [aria-labelledby], button, a, li, p, td, h1, h2, label');
    const text = `${named?.getAttribute('aria-label') ?? ''}${named?.textContent ?? ''}`.trim();
    return text === '' || getComputedStyle(mark).color === groundOf(mark);
  };
  return marks.filter(isUnseen).map((mark) => mark.parentElement?.outerHTML.slice(0, 200) ?? '');
}

lab.run();
