import type { Test } from 'uvu';
import * as assert from 'uvu/assert';
import { DpopClientError } from '../../src/client/errors.ts';
import { createProof, type DpopKeyPair, generateKeyPair } from '../../src/client/index.ts';
import {
  formerKeyName,
  type KeyStore,
  loadOrCreateKeyPair,
  rotateKeyPair,
} from '../../src/client/key-stores.ts';

/** What holds of every key store. */

export async function codeOf(attempt: Promise<unknown>): Promise<string> {
  return (await errorOf(attempt)).code;
}

export async function errorOf(attempt: Promise<unknown> | (() => unknown)): Promise<DpopClientError> {
  try {
    await (typeof attempt === 'function' ? attempt() : attempt);
  } catch (error) {
    if (error instanceof DpopClientError) return error;
    throw error;
  }
  throw new Error('nothing was refused');
}

export async function isTypeError(attempt: Promise<unknown>): Promise<boolean> {
  return attempt.then(
    () => false,
    (error: unknown) => error instanceof TypeError,
  );
}

/** A pair that every store can keep. */
export function makePair(algorithm: DpopKeyPair['algorithm'] = 'ES256'): Promise<DpopKeyPair> {
  return generateKeyPair({ algorithm, extractable: true });
}

export async function signs(keyPair: DpopKeyPair): Promise<boolean> {
  const proof = await createProof(keyPair, { method: 'GET', url: 'https://rs.example/' });
  const [header = '', claims, signature = ''] = proof.split('.');
  const { jwk } = JSON.parse(Buffer.from(header, 'base64url').toString()) as { jwk: JsonWebKey };
  const parameters =
    keyPair.algorithm === 'ES256'
      ? { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }
      : { name: 'Ed25519' };
  const publicKey = await crypto.subtle.importKey('jwk', jwk, parameters, false, ['verify']);
  const signed = Buffer.from(`${header}.${claims}`);
  return crypto.subtle.verify(parameters, publicKey, Buffer.from(signature, 'base64url'), signed);
}

/** Registers the cases; `open` gives a store over the same empty storage each time, as another tab or process would. */
export function keyStoreCases(test: Test, openStorage: () => Promise<() => KeyStore>): void {
  for (const algorithm of ['ES256', 'Ed25519'] as const) {
    test(`[M10] a pair for ${algorithm} is kept, and signs after it was loaded`, async () => {
      const open = await openStorage();
      const { keyPair, origin } = await loadOrCreateKeyPair(open(), 'main', { algorithm });
      assert.is(origin, 'created');
      assert.is(keyPair.algorithm, algorithm);
      const again = await loadOrCreateKeyPair(open(), 'main', { algorithm });
      assert.is(again.origin, 'stored');
      assert.is(again.keyPair.jkt, keyPair.jkt);
      for (const each of [keyPair, again.keyPair]) {
        assert.is(each.privateKey.extractable, false);
        assert.ok(Object.isFrozen(each));
        assert.equal(each.publicJwk, keyPair.publicJwk);
        assert.ok(await signs(each));
      }
    });
  }

  test('a name that was never kept has no pair', async () => {
    const store = (await openStorage())();
    assert.is(await store.load('main'), undefined);
    await store.copy('main', 'other');
    assert.is(await store.load('other'), undefined);
    await store.delete('main');
  });

  test('names are strangers to each other', async () => {
    const store = (await openStorage())();
    const one = await loadOrCreateKeyPair(store, 'one');
    const two = await loadOrCreateKeyPair(store, 'two');
    assert.is.not(one.keyPair.jkt, two.keyPair.jkt);
    await store.delete('one');
    assert.is(await store.load('one'), undefined);
    assert.is((await store.load('two'))?.jkt, two.keyPair.jkt);
  });

  test('[I06] of many that create at once, through stores of their own, all get the same pair', async () => {
    const open = await openStorage();
    const kept = await Promise.all(Array.from({ length: 20 }, () => loadOrCreateKeyPair(open(), 'main')));
    assert.is(new Set(kept.map(({ keyPair }) => keyPair.jkt)).size, 1);
    assert.is(kept.filter(({ origin }) => origin === 'created').length, 1);
    assert.is((await open().load('main'))?.jkt, kept[0]?.keyPair.jkt);
  });

  test('add keeps what is there, save replaces it', async () => {
    const store = (await openStorage())();
    const [one, two] = [await makePair(), await makePair()];
    assert.is((await store.add('main', one)).jkt, one.jkt);
    assert.is((await store.add('main', two)).jkt, one.jkt);
    assert.is((await store.load('main'))?.jkt, one.jkt);
    assert.is((await store.save('main', two)).jkt, two.jkt);
    assert.is((await store.load('main'))?.jkt, two.jkt);
  });

  test('[M10] a rotation makes a new pair and keeps the former until it is deleted', async () => {
    const open = await openStorage();
    const { keyPair: first } = await loadOrCreateKeyPair(open(), 'main', { algorithm: 'Ed25519' });
    const { keyPair, former } = await rotateKeyPair(open(), 'main');
    assert.is.not(keyPair.jkt, first.jkt);
    assert.is(keyPair.algorithm, 'Ed25519');
    assert.is(keyPair.privateKey.extractable, false);
    assert.is(former?.jkt, first.jkt);
    assert.is((await open().load('main'))?.jkt, keyPair.jkt);
    const kept = (await open().load(formerKeyName('main'))) as DpopKeyPair;
    assert.is(kept.jkt, first.jkt);
    assert.ok((await signs(kept)) && (await signs(keyPair)));
    const second = await rotateKeyPair(open(), 'main', { algorithm: 'ES256' });
    assert.is(second.keyPair.algorithm, 'ES256');
    assert.is((await open().load('main.former'))?.jkt, keyPair.jkt);
    await open().delete(formerKeyName('main'));
    assert.is(await open().load(formerKeyName('main')), undefined);
    assert.is((await open().load('main'))?.jkt, second.keyPair.jkt);
  });

  test('a rotation without a former pair makes the first', async () => {
    const store = (await openStorage())();
    const { keyPair, former } = await rotateKeyPair(store, 'main');
    assert.is(former, undefined);
    assert.is(keyPair.algorithm, 'ES256');
    assert.is((await store.load('main'))?.jkt, keyPair.jkt);
    assert.is(await store.load(formerKeyName('main')), undefined);
  });

  test('refuses to keep what is no key pair, and keeps what was there', async () => {
    const store = (await openStorage())();
    const [pair, other] = [await makePair(), await makePair()];
    await store.save('main', pair);
    for (const wrong of [
      undefined,
      {},
      { ...pair, privateKey: other.privateKey },
      { ...pair, jkt: other.jkt },
    ]) {
      assert.is(await codeOf(store.save('main', wrong as DpopKeyPair)), 'invalid-key');
      assert.is(await codeOf(store.add('other', wrong as DpopKeyPair)), 'invalid-key');
    }
    assert.is((await store.load('main'))?.jkt, pair.jkt);
    assert.is(await store.load('other'), undefined);
  });

  test('refuses a name that is none', async () => {
    const store = (await openStorage())();
    const pair = await makePair();
    for (const name of ['', undefined, null, 7] as unknown as string[]) {
      const attempts = [
        () => store.load(name),
        () => store.add(name, pair),
        () => store.save(name, pair),
        () => store.copy(name, 'a'),
        () => store.delete(name),
      ];
      for (const attempt of attempts) assert.ok(await isTypeError(attempt()), String(name));
    }
    await store.save('main', pair);
    assert.ok(await isTypeError(store.copy('main', '')));
  });
}
