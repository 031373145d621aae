import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { encodeBase64url, utf8 } from '../src/digest.ts';
import { isObject, type JsonObject, readJsonSegment, splitCompactJws, toJsonObject } from '../src/jws.ts';
import { verifyProof } from '../src/proof.ts';
import { forge, generateKeyPair, origin, path, proofParts, reasonOf, signer, T0 } from './_setup.ts';

const test = suite('jws');

const keyPair = await generateKeyPair();
const { header, claims } = proofParts(keyPair);
const valid = await forge(header, claims, signer(keyPair));
const [head = '', payload = '', signature = ''] = valid.split('.');

const verify = (proof: string): Promise<unknown> =>
  verifyProof({ method: 'GET', uri: `${origin}${path}`, proof }, { now: T0, maxProofBytes: 100_000 });

const encode = (json: string | Uint8Array): string =>
  encodeBase64url(typeof json === 'string' ? utf8(json) : json);
const read = (json: string | Uint8Array): JsonObject | undefined => readJsonSegment(encode(json));

test('[R9449-4.3-02] a well-formed proof splits into its three segments and is accepted', async () => {
  assert.equal(splitCompactJws(valid), [head, payload, signature]);
  assert.equal({ ...readJsonSegment(payload) }, claims);
  assert.ok(await verify(valid));
});

/** The last character with its lowest unused bit set. */
function withUnusedBit(segment: string): string {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  const last = alphabet[alphabet.indexOf(segment.at(-1) as string) + 1];
  return segment.slice(0, -1) + last;
}

const inside = (segment: string, text: string): string => segment.slice(0, 5) + text + segment.slice(5);

/** The valid proof with one thing changed about its spelling. */
const misspelt: Readonly<Record<string, readonly string[]>> = {
  B01: [`${head}.${payload}`],
  B02: [head, `${valid}.AAAA`, `${valid}.AAAA.AAAA`, `${head}..${payload}.${signature}`],
  B03: ['.'.repeat(4000), `${valid}${'.'.repeat(4000)}`],
  B04: [`.${payload}.${signature}`, `${head}..${signature}`, `${head}.${payload}.`, '..', '...', '.', ''],
  B05: [
    JSON.stringify({ payload, protected: head, signature }),
    JSON.stringify({ payload, signatures: [{ signature }] }),
  ],
  B06: [`${head}=.${payload}.${signature}`, `${head}.${payload}=.${signature}`, `${valid}=`, `${valid}==`],
  B07: [`${head}.${payload}.${withUnusedBit(signature)}`],
  B08: [
    `+${valid.slice(1)}`,
    `/${valid.slice(1)}`,
    `${head}.${inside(payload, '++++')}.${signature}`,
    `${valid}//`,
  ],
  B09: [' ', '\t', '\n', '\r\n', '\0', '\u00a0'].flatMap((space) => [
    `${space}${valid}`,
    `${valid}${space}`,
    `${inside(head, space)}.${payload}.${signature}`,
    `${head}${space}.${payload}.${signature}`,
    `${head}.${payload}.${inside(signature, space)}`,
  ]),
  B10: ['*', '．', '。', 'Ａ', '%2e', ',', '\u200b'].map(
    (junk) => `${head}.${inside(payload, junk)}.${signature}`,
  ),
  B11: [`${head}.${payload}.${signature.slice(0, 85)}`, `${head}.${payload}.A`, `A.${payload}.${signature}`],
};

for (const [row, proofs] of Object.entries(misspelt)) {
  test(`[R9449-4.3-02] [R7515-2-01] [${row}] refuses what is no compact JWS in its one spelling`, async () => {
    for (const proof of proofs) {
      assert.is(splitCompactJws(proof), undefined, JSON.stringify(proof.slice(0, 100)));
      assert.is(await reasonOf(verify(proof)), 'proof-malformed');
    }
  });
}

test('[B10] the comma that joins two proofs makes them none', async () => {
  assert.is(splitCompactJws(`${valid},${valid}`), undefined);
  assert.is(await reasonOf(verify(`${valid}, ${valid}`)), 'proof-malformed');
});

test('[B08] [B09] [B10] no character but those of base64url can be put anywhere into a proof', () => {
  const foreign = fc
    .oneof(fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }), fc.constantFrom('.', '=', ' ', '+'))
    .filter((one) => !/^[\w-]$/.test(one));
  fc.assert(
    fc.property(fc.nat(valid.length), foreign, (at, one) => {
      assert.is(splitCompactJws(valid.slice(0, at) + one + valid.slice(at)), undefined);
    }),
  );
});

const json = JSON.stringify(claims);
const [open, tail] = ['{"a":', `,${json.slice(1)}`];
const nested = (depth: number): string => `${open}${'['.repeat(depth)}${']'.repeat(depth)}${tail}`;
const bytes = (...values: readonly number[]): Uint8Array => {
  const [before, after] = [utf8('{"a":"'), utf8(`"${tail}`)];
  return Uint8Array.of(...before, ...values, ...after);
};

/** The valid claims with one thing changed about their text, so that they cannot be read in one way only. */
const unreadable: Readonly<Record<string, readonly (string | Uint8Array)[]>> = {
  B18: [
    bytes(0xff, 0xfe),
    bytes(0x80),
    bytes(0xc0, 0xaf), // overlong
    bytes(0xe0, 0x80, 0x80),
    bytes(0xf0, 0x80, 0x80, 0x80),
    bytes(0xc3), // cut short
    bytes(0xed, 0xa0, 0x80), // a surrogate in UTF-8
    bytes(0xf4, 0x90, 0x80, 0x80), // beyond Unicode
    `${open}"\\ud800"${tail}`,
    `${open}"\\udc00\\ud800"${tail}`,
    `${open}"x\\udfffy"${tail}`,
    `${open}[{"b":["\\ud83d"]}]${tail}`,
    `{"\\ud800":1${tail}`,
    `${open}{"\\udc00":1}${tail}`,
  ],
  B19: [
    `\ufeff${json}`,
    Uint8Array.of(0xff, 0xfe, ...Buffer.from(json, 'utf16le')),
    Uint8Array.from(Buffer.from(json, 'utf16le')),
  ],
  B20: ['null', '[]', '"x"', '1', 'true', '', ' ', '[{}]', `[${json}]`, JSON.stringify(json)],
  B21: [
    `{"jti":"other"${tail}`,
    `{"\\u006ati":"other"${tail}`,
    `{"iat":${T0}${tail}`,
    `${open}{"b":1,"b":1}${tail}`,
    `${open}[{"b":1,"c":{"d":1,"\\u0064":2}}]${tail}`,
    `{"__proto__":1,"__proto__":1${tail}`,
    `{"":1,"":2${tail}`,
    `{"toString":1,"toString":2${tail}`,
  ],
  B22: [nested(8), nested(3000), nested(50_000 / 2), `${'{"a":'.repeat(3000)}1${'}'.repeat(3000)}`],
  B23: [
    `${open}1/* */${tail}`,
    `${open}1//\n${tail}`,
    `${json.slice(0, -1)},}`,
    `${open}NaN${tail}`,
    `${open}Infinity${tail}`,
    `${open}undefined${tail}`,
    `${open}'b'${tail}`,
    `${open}01${tail}`,
    `${open}+1${tail}`,
    `${open}.5${tail}`,
    `${open}0x1${tail}`,
    `{a:1${tail}`,
    `${open}"\n"${tail}`,
    `${open}"\\x41"${tail}`,
    `${json}x`,
    `${json}${json}`,
    json.slice(0, -1),
    `${json}\0`,
    `\u00a0${json}`,
  ],
};

for (const [row, texts] of Object.entries(unreadable)) {
  test(`[R9449-4.3-02] [${row}] refuses a payload that is no JSON object or can be read in two ways`, async () => {
    for (const text of texts) {
      const what = JSON.stringify(Buffer.from(text).toString('latin1').slice(0, 60));
      assert.is(read(text), undefined, what);
      const signed = `${head}.${encode(text)}`;
      const proof = text === '' ? `${signed}.${signature}` : `${signed}.${await signer(keyPair)(signed)}`;
      assert.is(await reasonOf(verify(proof)), 'proof-malformed', what);
    }
  });

  test(`[R9449-4.3-02] [${row}] refuses such a text as header as well`, async () => {
    for (const text of texts) {
      assert.is(await reasonOf(verify(`${encode(text)}.${payload}.${signature}`)), 'proof-malformed');
    }
  });
}

test('[R7515-4-01] [B21] duplicate names in the header are refused, also inside of jwk', async () => {
  const text = JSON.stringify(header);
  for (const member of [
    '"alg":"ES256"',
    '"\\u0061lg":"ES256"',
    '"typ":"dpop+jwt"',
    '"jwk":{}',
    '"kty":"EC","k\\u0074y":"EC"',
  ]) {
    const doubled = member.startsWith('"kty"')
      ? text.replace('"kty":"EC"', member)
      : `{${member},${text.slice(1)}`;
    assert.is.not(doubled, text);
    assert.is(read(doubled), undefined, member);
    assert.is(
      await reasonOf(forge(doubled, claims, signer(keyPair)).then(verify)),
      'proof-malformed',
      member,
    );
  }
});

test('[B22] eight levels of nesting are read, the ninth is not', () => {
  assert.ok(read(nested(7)));
  assert.is(read(nested(8)), undefined);
  assert.ok(read(`${'{"a":'.repeat(8)}1${'}'.repeat(8)}`));
  assert.is(read(`${'{"a":'.repeat(9)}1${'}'.repeat(9)}`), undefined);
});

test('[B23] [E11] a number that is too large for one is no finite time', async () => {
  const proof = await forge(header, json.replace(`"iat":${T0}`, '"iat":1e400'), signer(keyPair));
  assert.is(await reasonOf(verify(proof)), 'iat-invalid');
});

test('[B24] white space between the parts of the JSON is legal', async () => {
  const spaced = ` \t\r\n${JSON.stringify(claims, undefined, '\t')}\n `;
  assert.equal({ ...read(spaced) }, claims);
  assert.ok(await verify(await forge(JSON.stringify(header, undefined, 2), spaced, signer(keyPair))));
});

test('[R9449-4.2-10] quotes, colons and backslashes inside of strings are no structure', () => {
  const text = '{"a:b\\"c":"d:\\\\","e\\\\":{"f":[":",{"g":"\\":\\""}]},"\\u0022:":":"}';
  assert.equal({ ...read(text) }, JSON.parse(text));
});

test('[B25] names of the prototype are only ever names, and change no prototype', async () => {
  const names = ['__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty', 'valueOf'];
  const extra = names.map((name) => `"${name}":{"polluted":true}`).join();
  const members = read(`{${extra},${json.slice(1)}`) as JsonObject;
  for (const name of names) assert.equal(members[name], { polluted: true }, name);
  assert.is(Object.getPrototypeOf(members), null);
  assert.is('polluted' in {}, false);
  assert.is(members['isPrototypeOf'], undefined);

  const withExtra = (text: unknown): string => `{${extra},${JSON.stringify(text).slice(1)}`;
  const jwk = withExtra(keyPair.publicJwk);
  const crowded = withExtra({ ...header, jwk: 0 }).replace('"jwk":0', `"jwk":${jwk}`);
  assert.ok(await verify(await forge(crowded, withExtra(claims), signer(keyPair))));
  assert.is('polluted' in {}, false);
});

test('[B25] [E24] what only __proto__ holds is not there', async () => {
  assert.is(read(`{"__proto__":${json}}`)?.['jti'], undefined);
  const hidden = (part: object): string => `{"__proto__":${JSON.stringify(part)}}`;
  assert.is(await reasonOf(forge(header, hidden(claims), signer(keyPair)).then(verify)), 'jti-invalid');
  assert.is(await reasonOf(forge(hidden(header), claims, signer(keyPair)).then(verify)), 'typ-mismatch');
  const hiddenKey = JSON.stringify({ ...header, jwk: 0 }).replace(
    '"jwk":0',
    `"jwk":${hidden(keyPair.publicJwk)}`,
  );
  assert.is(await reasonOf(forge(hiddenKey, claims, signer(keyPair)).then(verify)), 'jwk-unfit');
});

test('characters beyond ASCII, and pairs of surrogates, are read as what they are', () => {
  assert.equal({ ...read('{"ключ":"值😀","b":"\\ud83d\\ude00"}') }, { ключ: '值😀', b: '😀' });
});

test('reading never throws, whatever the bytes', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (arbitrary) => {
      const value = read(arbitrary);
      assert.ok(value === undefined || isObject(value));
    }),
    { numRuns: 2000 },
  );
});

test('reading never throws for almost-JSON, nor for text that is no base64url', () => {
  const part = fc.constantFrom(
    '{',
    '}',
    '[',
    ']',
    '"',
    ':',
    ',',
    '"a"',
    '1',
    '\\',
    '\\u',
    'd800',
    '{}',
    'null',
    '\0',
    'é',
  );
  const almost = fc.array(part, { maxLength: 12 }).map((parts) => parts.join(''));
  fc.assert(
    fc.property(almost, fc.string({ unit: 'binary' }), (text, junk) => {
      for (const value of [read(text), readJsonSegment(junk)])
        assert.ok(value === undefined || isObject(value));
    }),
    { numRuns: 2000 },
  );
});

const unit = { stringUnit: 'grapheme', maxDepth: 4 } as const;
const objects = fc.dictionary(fc.string({ unit: 'grapheme' }), fc.jsonValue(unit));

test('what JSON.stringify writes is read as what it was', () => {
  fc.assert(
    fc.property(objects, fc.constantFrom(undefined, 2), (object, space) => {
      const value = read(JSON.stringify(object, undefined, space));
      assert.is(JSON.stringify(value), JSON.stringify(object));
    }),
    { numRuns: 500 },
  );
});

test('[R7515-4-01] any object with any of its members said twice is refused', () => {
  const members = objects.map((object) => Object.entries(object)).filter((entries) => entries.length > 0);
  fc.assert(
    fc.property(members, fc.nat(), fc.jsonValue(unit), (entries, pick, other) => {
      const [name] = entries[pick % entries.length] as [string, unknown];
      const parts = [...entries, [name, other]].map(
        ([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value)}`,
      );
      assert.is(read(`{${parts.join()}}`), undefined);
      assert.is(read(`{"outer":[{${parts.join()}}]}`), undefined);
    }),
    { numRuns: 500 },
  );
});

test('an object is neither an array nor null', () => {
  for (const value of [{}, Object.create(null), new Date(0)]) assert.ok(isObject(value));
  for (const value of [null, undefined, [], 'text', 1, true, () => ({})]) assert.not(isObject(value));
});

test('a copy has its own members and no prototype', () => {
  const copy = toJsonObject({ a: 1 });
  assert.is(Object.getPrototypeOf(copy), null);
  assert.equal(Object.keys(copy), ['a']);
});

test.run();
