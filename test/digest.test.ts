import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  binaryToBytes,
  decodeBase64url,
  decodeToBinary,
  encodeBase64url,
  isCanonicalBase64url,
  nodeSha256,
  sha256,
  utf8,
  webSha256,
} from '../src/digest.ts';
import { type NodeCrypto, nodeCrypto } from '../src/node-crypto.ts';

const test = suite('digest');

const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';

test('[R7515-2-01] encodes as RFC 7515 appendix C does: no padding, the URL-safe alphabet', () => {
  assert.is(encodeBase64url(Uint8Array.of(3, 236, 255, 224, 193)), 'A-z_4ME');
  assert.is(encodeBase64url(new Uint8Array()), '');
});

test('encodes every byte value as Node does', () => {
  const bytes = Uint8Array.from({ length: 256 }, (_, index) => index);
  assert.is(encodeBase64url(bytes), Buffer.from(bytes).toString('base64url'));
});

test('encoded and decoded again, bytes are what they were', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      const text = encodeBase64url(bytes);
      assert.ok(isCanonicalBase64url(text));
      assert.equal(decodeBase64url(text), bytes);
      assert.equal(binaryToBytes(decodeToBinary(text)), bytes);
    }),
  );
});

test('decoded and encoded again, canonical text is what it was: one spelling for each value', () => {
  const texts = fc.string({ unit: fc.constantFrom(...alphabet), maxLength: 40 });
  fc.assert(
    fc.property(texts, (text) => {
      const ofNode = Buffer.from(text, 'base64url').toString('base64url');
      assert.is(isCanonicalBase64url(text), ofNode === text);
      if (isCanonicalBase64url(text)) assert.is(encodeBase64url(decodeBase64url(text)), text);
    }),
  );
});

test('[B07] [R7515-2-01] of all last characters that decode to the same bytes, exactly one is accepted', () => {
  for (const bytes of [Uint8Array.of(255), Uint8Array.of(255, 254)]) {
    const head = encodeBase64url(bytes).slice(0, -1);
    const spellings = [...alphabet].map((last) => head + last);
    const same = spellings.filter((text) => Buffer.from(text, 'base64url').equals(bytes));
    assert.is(same.length, bytes.length === 1 ? 16 : 4, 'that many decode to it');
    assert.equal(same.filter(isCanonicalBase64url), [encodeBase64url(bytes)]);
  }
});

test('[B06] [B08] [B09] [B10] [B11] [R7515-2-01] refuses every other spelling', () => {
  assert.ok(isCanonicalBase64url('_-8'), 'the spelling that is right');
  const others = ['_-8=', '_-8==', '/+8', '/-8', '_+8', ' _-8', '_-8 ', '_ -8', '_-8\n', '_\t-8', '_-8\r\n'];
  const impossible = ['A', 'AAAAA', '_-8*', '_.8', '_-８', 'é', '_-8\0', '_-8\u2028', '=', '====', '_-8.'];
  for (const text of [...others, ...impossible]) {
    assert.not(isCanonicalBase64url(text), JSON.stringify(text));
  }
});

test('no text with another character in it is canonical', () => {
  const foreign = fc
    .string({ unit: 'binary', minLength: 1, maxLength: 1 })
    .filter((one) => !alphabet.includes(one));
  const text = fc.string({ unit: fc.constantFrom(...alphabet), maxLength: 12 });
  fc.assert(
    fc.property(text, foreign, text, (before, character, after) => {
      assert.not(isCanonicalBase64url(before + character + after));
    }),
  );
});

test('text becomes UTF-8', () => {
  assert.equal(utf8('aé€😀'), new Uint8Array(Buffer.from('aé€😀', 'utf8')));
});

const fromNode = nodeSha256(nodeCrypto as NodeCrypto);

test('[R9449-4.2-08] hashes the example token of RFC 9449 to its ath, with either implementation', async () => {
  const token = 'Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU';
  const ath = 'fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo';
  assert.is(await sha256(token), ath);
  assert.is(await fromNode(token), ath);
  assert.is(await webSha256(token), ath);
});

test('both implementations hash every text alike, also one that is no Unicode', async () => {
  await fc.assert(
    fc.asyncProperty(fc.string({ unit: 'binary', maxLength: 200 }), async (text) => {
      const hash = await webSha256(text);
      assert.is(fromNode(text), hash);
      assert.is(hash.length, 43);
      assert.ok(isCanonicalBase64url(hash));
    }),
  );
  assert.is(fromNode('\ud800'), await webSha256('\ud800'));
});

test.run();
