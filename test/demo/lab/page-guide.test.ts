import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createCatalogue } from '../../../demo/lab/catalogue.ts';
import type { Recording } from '../../../demo/lab/model.ts';
import { firstProfile, ladder, type Scene, toChapter } from '../../../demo/lab/page/guide.ts';
import { recordingOf, start } from './_recording.ts';

/** The thread of the story: what it says, and where its one button leads. */

const test = suite('lab page: guide');

const catalogue = createCatalogue();

function tell(profile: string, theft: string, about?: Partial<Recording>): ReturnType<typeof toChapter> {
  const end = { type: 'end', outcome: 'works', decidedBy: null, hurt: null, text: 'So it ended.' } as const;
  const recording = about && recordingOf([start, end], { profile, theft, ...about });
  const scene: Scene = { profile, theft, recording };
  return toChapter(scene, catalogue);
}

test('begins with plain bearer and one thing to do', () => {
  const { next, tone, headline } = tell(firstProfile, 'T01');
  assert.equal(next, { act: 'steal', label: 'Steal this token' });
  assert.is(tone, 'ready');
  assert.match(headline, /log/);
});

test('a theft that works leads to DPoP', () => {
  const { next, tone } = tell('M00', 'T01', { outcome: 'works' });
  assert.is(next.act, 'bind');
  assert.is(tone, 'works');
});

test('DPoP says which check refused, and leads to a cleverer thief', () => {
  const { headline, next, tone } = tell('D5', 'T01', { outcome: 'blocked', decidedBy: 'jkt' });
  assert.is(headline, 'Refused: the proof is signed by another key');
  assert.equal(next, { act: 'cleverer', label: 'Let the thief be cleverer', theft: 'T02' });
  assert.is(tone, 'blocked');
});

test('the thief climbs a ladder that ends at all thefts', () => {
  const walked = ladder.map((theft) => tell('D5', theft, { outcome: 'works' }).next);
  const thefts = walked.map((next) => (next.act === 'cleverer' ? next.theft : next.act));
  assert.equal(thefts, ['T02', 'T06', 'T10', 'matrix']);
});

test('every rung says how the thief goes about it', () => {
  for (const theft of ladder.slice(1)) {
    const { text } = tell('D5', theft, { outcome: 'works' });
    assert.match(text, /^The thief/);
  }
});

test('a refusal by a check without words of its own is told by its title', () => {
  const { headline } = tell('M15', 'T01', { outcome: 'blocked', decidedBy: 'captcha' });
  assert.is(headline, 'Refused: CAPTCHA');
});

test('DPoP is not offered to whom it has already', () => {
  for (const profile of ['X5', 'D9', 'DB2', 'AB1'])
    assert.is(tell(profile, 'T01', { outcome: 'works' }).next.act, 'matrix');
  assert.is(tell('M13', 'T01', { outcome: 'works' }).next.act, 'bind');
});

test('a try with a check switched off says so, and is no rung of the ladder', () => {
  const { text, next } = tell('D5', 'T01', { outcome: 'works', without: ['jkt'] });
  assert.match(text, /the check jkt was switched off/);
  assert.is(next.act, 'matrix');
});

test('a try that broke is no victory of anybody', () => {
  assert.is(tell('D5', 'T02', { outcome: 'error' }).headline, 'This try broke: nothing is known');
  assert.is(tell('D5', 'T36', { outcome: 'harm' }).tone, 'hurts');
  assert.is(tell('M25', 'T09', { outcome: 'void' }).tone, 'void');
});

test.run();
