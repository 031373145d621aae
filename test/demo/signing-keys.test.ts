import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { loadSigningKeys } from '../../demo/state/signing-keys.ts';
import { createMemoryRecordStore, createTokenIssuer, type RecordStore } from '../../src/index.ts';

/** The issuer's keys, made once. */

const test = suite('demo/signing-keys');

test('a restart signs with the same keys, and reads what was signed before', async () => {
  const records = createMemoryRecordStore({ capacity: 10 });
  const issuer = 'http://127.0.0.1:4000';
  const before = createTokenIssuer({ issuer, ...(await loadSigningKeys(records)) });
  const after = createTokenIssuer({ issuer, ...(await loadSigningKeys(records)) });
  const token = { subject: 'alice', clientId: 'demo-spa', audience: issuer, jkt: 'A'.repeat(43) };
  const { accessToken } = await before.issue(token);
  assert.is((await after.read(accessToken))?.sub, 'alice');
  assert.equal(after.jwks(), before.jwks());
});

test('the two keys differ, and nothing private is published', async () => {
  const { signingKey, nextKey } = await loadSigningKeys(createMemoryRecordStore({ capacity: 10 }));
  assert.is.not(signingKey.kid, nextKey.kid);
  for (const { publicJwk } of [signingKey, nextKey]) assert.not.ok('d' in publicJwk);
});

test('of several that start at once, all have the keys of one', async () => {
  const records = createMemoryRecordStore({ capacity: 10 });
  const keys = await Promise.all(Array.from({ length: 10 }, () => loadSigningKeys(records)));
  assert.is(new Set(keys.map(({ signingKey }) => signingKey.kid)).size, 1);
  assert.is(new Set(keys.map(({ nextKey }) => nextKey.kid)).size, 1);
});

const broken: Readonly<Record<string, Partial<RecordStore>>> = {
  'cannot be read': { read: () => Promise.reject(new Error('down')) },
  'cannot be written': { read: () => undefined, insert: () => Promise.reject(new Error('down')) },
  'keeps nothing': { read: () => undefined, insert: () => true },
  'keeps something else': { read: () => ({ value: {}, version: '1', until: 1 }) },
};

for (const [title, methods] of Object.entries(broken)) {
  test(`a store that ${title} gives no keys`, async () => {
    const records = { insert: () => false, read: () => undefined, replace: () => false, ...methods };
    const refused = await loadSigningKeys(records).then(
      () => false,
      () => true,
    );
    assert.ok(refused);
  });
}

test.run();
