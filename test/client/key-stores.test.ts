import { inspect } from 'node:util';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { generateKeyPair } from '../../src/client/index.ts';
import { createMemoryKeyStore, loadOrCreateKeyPair } from '../../src/client/key-stores.ts';
import { codeOf, keyStoreCases, makePair } from './_key-stores.ts';

const test = suite('memory key store');

keyStoreCases(test, async () => {
  const store = createMemoryKeyStore();
  return () => store;
});

test('a pair that is made is extractable only when that is asked for', async () => {
  const store = createMemoryKeyStore();
  assert.is(store.keeps, 'crypto-key');
  const { keyPair } = await loadOrCreateKeyPair(store, 'main', { extractable: true });
  assert.is(keyPair.privateKey.extractable, true);
  assert.is((await loadOrCreateKeyPair(store, 'other')).keyPair.privateKey.extractable, false);
});

test('a store that is empty makes no pair of an unknown algorithm', async () => {
  const store = createMemoryKeyStore();
  assert.is(
    await codeOf(loadOrCreateKeyPair(store, 'main', { algorithm: 'ES384' as 'ES256' })),
    'unsupported-algorithm',
  );
  assert.is(await store.load('main'), undefined);
});

test('stores are strangers to each other', async () => {
  const keyPair = await generateKeyPair();
  await createMemoryKeyStore().save('main', keyPair);
  assert.is(await createMemoryKeyStore().load('main'), undefined);
});

test('[L04] printing a store shows no key', async () => {
  const store = createMemoryKeyStore();
  const { jkt } = await store.save('main', await makePair());
  assert.not(inspect(store, { depth: 9, showHidden: true }).includes(jkt));
  assert.not(JSON.stringify(store).includes(jkt));
});

test.run();
