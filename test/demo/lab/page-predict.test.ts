import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createCatalogue } from '../../../demo/lab/catalogue.ts';
import { guesses, questions, rightGuesses } from '../../../demo/lab/page/predict-questions.ts';
import { aCell, worksFor } from './_page-fixture.ts';

const test = suite('lab page: predict first');

test('asks twelve different questions', () => {
  assert.is(questions.length, 12);
  assert.is(new Set(questions.map(({ profile, theft }) => `${profile}/${theft}`)).size, 12);
  assert.is(new Set(questions.map(({ title }) => title)).size, 12);
});

test('asks about profiles and thefts that the lab has', () => {
  const { profiles, thefts } = createCatalogue();
  for (const { profile, theft } of questions) {
    assert.ok(
      profiles.some(({ id }) => id === profile),
      profile,
    );
    assert.ok(
      thefts.some(({ id }) => id === theft),
      theft,
    );
  }
});

test('takes the right answer from the measured cell', () => {
  assert.equal(rightGuesses(worksFor('M12', 'T01', 3599)), ['works']);
  assert.equal(rightGuesses(worksFor('M33', 'T01', null, { outcome: 'longer' })), ['works']);
  assert.equal(rightGuesses(worksFor('D6', 'T11', 59, { outcome: 'narrowed' })), ['short']);
  assert.equal(rightGuesses(aCell('D6', 'T11', { outcome: 'narrowed', decidedBy: null })), ['short']);
  assert.equal(rightGuesses(aCell('D5', 'T02')), ['blocked']);
  assert.equal(rightGuesses(aCell('M25', 'T09', { outcome: 'void', decidedBy: null })), ['blocked']);
  assert.equal(rightGuesses(aCell('D5', 'T36', { outcome: 'unharmed', decidedBy: null })), ['blocked']);
  assert.equal(rightGuesses(aCell('M24', 'T37', { outcome: 'harm' })), ['hurts']);
});

test('takes two answers where a theft is blocked and Alice is hurt all the same', () => {
  assert.equal(rightGuesses(aCell('D7', 'T30', { hurt: 'jti' })), ['blocked', 'hurts']);
});

test('takes no answer where the try broke', () => {
  assert.equal(rightGuesses(aCell('D5', 'T02', { outcome: 'error' })), []);
});

test('offers four answers, for the keys 1 to 4', () => {
  assert.equal(
    guesses.map(([guess]) => guess),
    ['works', 'short', 'blocked', 'hurts'],
  );
});

test.run();
