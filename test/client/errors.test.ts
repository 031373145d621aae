import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { DpopClientError } from '../../src/client/errors.ts';

const test = suite('DpopClientError');

test('is an Error with a code to decide by and a name to log', () => {
  const error = new DpopClientError('invalid-url', 'the URL must be absolute');
  assert.instance(error, Error);
  assert.is(error.name, 'DpopClientError');
  assert.is(error.code, 'invalid-url');
  assert.is(error.message, 'holdfast: the URL must be absolute');
});

test('keeps the error underneath, and has no cause where there is none', () => {
  const cause = new TypeError('underneath');
  assert.is(new DpopClientError('invalid-key', 'the private key cannot sign', cause).cause, cause);
  assert.not('cause' in new DpopClientError('invalid-key', 'the private key cannot sign'));
});

test.run();
