import { type Step, testSights } from './_lab-axe.ts';
import { labSuite, press, toldByHeading } from './_lab-page.ts';

/** The story is open to everybody: before a theft, after it, after a refusal, and in each tab of the inspector. */

const lab = labSuite('browser/lab-axe-story');

const tabs: readonly Step[] = ['Message', 'Token', 'Proof', 'Checks', 'Diff'].map((name) => [
  name,
  async (page) => {
    const tab = page.getByRole('tab', { name });
    // On a phone the inspector is one of the parts.
    const part = page.getByRole('button', { name: 'Inspect', exact: true }).filter({ visible: true });
    if (!(await tab.isVisible())) await part.click();
    await tab.click();
  },
]);

testSights(lab, [
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
]);

lab.run();
