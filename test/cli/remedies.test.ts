import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { remedies } from '../../src/cli/remedies.ts';
import { envelopeChecks, headerChecks, requestChecks, signatureChecks } from '../../src/proof-checks.ts';

const test = suite('cli remedies');

const names = [...envelopeChecks, ...headerChecks, ...requestChecks, ...signatureChecks].map(
  ({ name }) => name,
);

test('there is one for each check, in their order, and none for anything else', () => {
  assert.equal(Object.keys(remedies), names);
});

test('each is one sentence that fits a few lines', () => {
  for (const [name, { mend }] of Object.entries(remedies)) {
    assert.match(mend, /^[A-Z].{20,150}\.$/, name);
    assert.not.match(mend, /\. [A-Z]/, name);
  }
});

test('each stands on checks that come before it', () => {
  for (const [name, { needs }] of Object.entries(remedies))
    for (const need of needs)
      assert.ok(names.indexOf(need) < names.indexOf(name) && names.includes(need), name);
});

test.run();
