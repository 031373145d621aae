import type { Page } from 'playwright-core';
import * as assert from 'uvu/assert';
import { labSuite, open, press, toldByHeading } from './_lab-page.ts';

/** Whoever has no mouse sees where they are: each stop of the Tab key, on every view. */

const { test, run } = labSuite('browser/lab-focus');

interface Stop {
  readonly name: string;
  readonly place: number;
  readonly ringed: boolean;
  readonly inView: boolean;
}

/** In the page: what has the focus, and whether that can be seen. */
function readStop(): Stop {
  const element = document.activeElement as HTMLElement;
  const outlined = (one: Element | null): boolean => {
    if (one === null) return false;
    const { outlineStyle, outlineWidth } = getComputedStyle(one);
    return outlineStyle !== 'none' && Number.parseFloat(outlineWidth) >= 2;
  };
  const { top, bottom, left, right } = element.getBoundingClientRect();
  const inView = top < innerHeight && bottom > 0 && left < innerWidth && right > 0;
  const name = `${element.tagName} ${element.getAttribute('aria-label') ?? element.textContent}`.slice(0, 80);
  // A radio that is drawn as a segment has its ring around that; the ruler around its flag.
  const ringed = [element, element.nextElementSibling, ...element.querySelectorAll('*')].some(outlined);
  return { name, place: [...document.querySelectorAll('*')].indexOf(element), ringed, inView };
}

/** Once around, from the beginning of the page. */
async function tabAround(page: Page): Promise<readonly Stop[]> {
  await page.getByRole('link', { name: 'Skip to the content' }).focus();
  await press(page, 'Shift+Tab');
  const stops: Stop[] = [];
  for (let count = 0; count < 300; count++) {
    await page.keyboard.press('Tab');
    const stop = await page.evaluate(readStop);
    if (stop.name.startsWith('BODY') || stops.some(({ place }) => place === stop.place)) return stops;
    stops.push(stop);
  }
  throw new Error('the Tab key never comes around');
}

/** Somewhere among what can be reached of each view. */
const landmarks: Readonly<Record<string, string>> = {
  story: 'Steal this token',
  matrix: 'Search profiles and thefts',
  exposure: 'Table',
  predict: 'works',
  bench: 'Send',
  report: 'HTML, one file',
};

for (const [view, landmark] of Object.entries(landmarks)) {
  test(`${view}: the Tab key goes through everything, and each stop is seen and in sight`, async (page, lab) => {
    await open(page, lab, `#/${view}`);
    const stops = await tabAround(page);
    assert.match(stops[0]?.name ?? '', /Skip to the content/);
    assert.ok(
      stops.some(({ name }) => name.includes(landmark)),
      stops.map(({ name }) => name).join('\n'),
    );
    assert.equal(
      stops.filter(({ ringed, inView }) => !ringed || !inView),
      [],
    );
  });
}

test('the story: each stop is seen and in sight after a theft, the inspector and the strip among them', async (page, lab) => {
  await open(page, lab, '#/cell/D5/T02');
  await toldByHeading(page, 'Refused: this proof was used before');
  const stops = await tabAround(page);
  const names = stops.map(({ name }) => name).join('\n');
  for (const landmark of ['Play again', 'Checks', 'Cleverer still', 'T45'])
    assert.ok(names.includes(landmark), names);
  assert.equal(
    stops.filter(({ ringed, inView }) => !ringed || !inView),
    [],
  );
});

run();
