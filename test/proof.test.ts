import { generateKeyPairSync, sign as nodeSign } from 'node:crypto';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { ClientAlgorithm } from '../src/client/index.ts';
import { decodeBase64url, encodeBase64url, sha256, utf8 } from '../src/digest.ts';
import type { DpopErrorReason } from '../src/errors.ts';
import {
  explainProof,
  type ProofRequest,
  ProofVerifier,
  type VerifyProofOptions,
  verifyProof,
} from '../src/proof.ts';
import { ReceivedProof } from '../src/received-proof.ts';
import { replayKey } from '../src/replay.ts';
import type { PublicJwk } from '../src/thumbprint.ts';
import {
  createRequest,
  createWorld,
  forge,
  generateKeyPair,
  origin,
  path,
  proofParts,
  reasonOf,
  refusalOf,
  signer,
  T0,
} from './_setup.ts';

const test = suite('proof');

const uri = `${origin}${path}`;
const token = 'an-opaque~token.for+these/tests=';
const ath = await sha256(token);
const client = await generateKeyPair();
const edwards = await generateKeyPair({ algorithm: 'Ed25519' });
const stranger = await generateKeyPair();
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
const rsaJwk = { kty: 'RSA', ...members(rsa.publicKey.export({ format: 'jwk' }), ['n', 'e']) };

type Changes = Readonly<Record<string, unknown>>;
type Sign = (text: string) => Promise<string>;

/** What is sent, and what it is judged by where that differs from `GET uri` at `T0` with `token`. */
interface Situation extends VerifyProofOptions {
  readonly method?: string;
  readonly uri?: string;
}

/** A valid proof with members of its header or claims replaced; `undefined` takes one away. Always signed. */
function proofWith(header: Changes = {}, claims: Changes = {}, sign: Sign = signer(client)): Promise<string> {
  const valid = proofParts(client, ath);
  return forge({ ...valid.header, ...header }, { ...valid.claims, ...claims }, sign);
}

function headerWith(header: Changes, sign?: Sign): Promise<string> {
  return proofWith(header, {}, sign);
}

function claimsWith(claims: Changes): Promise<string> {
  return proofWith({}, claims);
}

function keyWith(changes: Changes): Promise<string> {
  return headerWith({ jwk: { ...client.publicJwk, ...changes } });
}

/** A valid proof whose header or claims are written as this text. */
function proofFromText(header: string | undefined, claims?: string): Promise<string> {
  const valid = proofParts(client, ath);
  return forge(header ?? valid.header, claims ?? valid.claims, signer(client));
}

/** A proof by an Ed25519 key, under either name of the algorithm, or under a key that is put in its place. */
function edwardsProof(changes: Changes = {}, sign: Sign = signer(edwards)): Promise<string> {
  return headerWith({ alg: 'Ed25519', jwk: edwards.publicJwk, ...changes }, sign);
}

function rsaProof(alg: 'PS256' | 'RS256', changes: Changes = {}): Promise<string> {
  const padding = alg === 'PS256' ? { padding: 6, saltLength: 32 } : {};
  const sign: Sign = async (text) => {
    return nodeSign('sha256', utf8(text), { key: rsa.privateKey, ...padding }).toString('base64url');
  };
  return headerWith({ alg, jwk: { ...rsaJwk, ...changes } }, sign);
}

/** A valid proof with the bytes of its signature replaced. */
async function signedBy(change: (signature: Uint8Array) => Uint8Array, proof = proofWith()): Promise<string> {
  const [header, payload, signature = ''] = (await proof).split('.');
  return `${header}.${payload}.${encodeBase64url(change(decodeBase64url(signature)))}`;
}

/** A valid proof with the text of one segment replaced. */
async function spelled(index: 0 | 1 | 2, change: (segment: string) => string): Promise<string> {
  return (await proofWith())
    .split('.')
    .map((segment, at) => (at === index ? change(segment) : segment))
    .join('.');
}

function members<T extends object>(object: T, names: readonly (keyof T)[]): Partial<T> {
  return Object.fromEntries(names.map((name) => [name, object[name]])) as Partial<T>;
}

type Sent = string | readonly string[];

function judge(
  proof: Sent,
  { method = 'GET', uri: target = uri, ...options }: Situation = {},
): Parameters<typeof verifyProof> {
  const request: ProofRequest = { method, uri: target, proof };
  return [request, { now: T0, accessToken: token, ...options }];
}

/** Registers a test: refused for this reason, and explained by the very same one. */
function refuses(
  title: string,
  reason: DpopErrorReason,
  make: () => Promise<Sent>,
  situation?: Situation,
): void {
  test(title, async () => {
    const proof = await make();
    assert.is(await reasonOf(verifyProof(...judge(proof, situation))), reason);
    const deciding = (await explainProof(...judge(proof, situation))).filter((verdict) => verdict.deciding);
    assert.equal(
      deciding.map((verdict) => verdict.reason),
      [reason],
    );
    assert.not(deciding[0]?.passed);
  });
}

/** Registers a test: accepted, and every check explained as passed. */
function accepts(title: string, make: () => Promise<Sent>, situation?: Situation): void {
  test(title, async () => {
    const proof = await make();
    await verifyProof(...judge(proof, situation));
    const verdicts = await explainProof(...judge(proof, situation));
    assert.equal(
      verdicts.filter(({ passed, deciding }) => !passed || deciding),
      [],
    );
  });
}

accepts('[R9449-4.3-15] accepts a valid proof', () => proofWith());

test('yields key, jti, claims, time and the last instant at which the proof is acceptable', async () => {
  const verified = await verifyProof(...judge(await claimsWith({ jti: 'one', extra: [1] })));
  assert.is(verified.jkt, client.jkt);
  assert.is(verified.jti, 'one');
  assert.equal(verified.claims['extra'], [1]);
  assert.equal(verified.time, { axis: 'iat', at: T0 });
  assert.is(verified.until, T0 + 60);
  assert.ok(Object.isFrozen(verified));
});

test('a refusal names the key once it is known, and holds nothing of the proof', async () => {
  const early = await refusalOf(verifyProof(...judge(await headerWith({ typ: 'JWT' }))));
  assert.is(early.jkt, undefined);
  const late = await refusalOf(verifyProof(...judge(await claimsWith({ htm: 'PUT' }))));
  assert.is(late.jkt, client.jkt);
  assert.equal([late.message, late.cause, late.nonce], ['htm-mismatch', undefined, undefined]);
});

// B: the envelope

refuses('[R9449-7.1-02] [A06] refuses a request without a proof', 'proof-missing', async () => []);
refuses('[R9449-4.3-01] [A01] refuses two proofs', 'proof-repeated', async () => [
  await proofWith(),
  await proofWith(),
]);
refuses('[R9449-4.3-01] [A03] refuses one proof sent twice', 'proof-repeated', async () => {
  const proof = await proofWith();
  return [proof, proof];
});
accepts('accepts the one line of a list', async () => [await proofWith()]);
refuses('[R9449-4.1-03] [A05] refuses an empty proof', 'proof-malformed', async () => '');
refuses('[R9449-4.3-02] [A02] refuses two proofs with a comma between them', 'proof-malformed', async () => {
  return `${await proofWith()}, ${await proofWith()}`;
});
refuses(
  '[R9449-4.3-02] [A25] refuses a trailing comma',
  'proof-malformed',
  async () => `${await proofWith()},`,
);
refuses(
  '[R9449-4.3-02] [A08] refuses a leading space',
  'proof-malformed',
  async () => ` ${await proofWith()}`,
);
refuses('[A12] refuses a proof of more bytes than allowed', 'proof-too-large', async () => proofWith(), {
  maxProofBytes: 500,
});
test('[A12] measures to the byte', async () => {
  const proof = await proofWith();
  await verifyProof(...judge(proof, { maxProofBytes: proof.length }));
  assert.is(
    await reasonOf(verifyProof(...judge(proof, { maxProofBytes: proof.length - 1 }))),
    'proof-too-large',
  );
});
refuses('[E23] refuses 4 KB of claims', 'proof-too-large', () => claimsWith({ extra: 'a'.repeat(4096) }));
refuses('[C16] refuses a header of 10 KB', 'proof-too-large', () => headerWith({ kid: 'a'.repeat(10_000) }));
refuses('[D31] refuses a key of 100 KB', 'proof-too-large', () => keyWith({ x: 'A'.repeat(100_000) }));

const shapes: Readonly<Record<string, (proof: string) => string>> = {
  '[B01] two segments': (proof) => proof.slice(0, proof.lastIndexOf('.')),
  '[B02] one segment': (proof) => proof.slice(0, proof.indexOf('.')),
  '[B02] four segments': (proof) => `${proof}.AAAA`,
  '[B02] five segments': (proof) => `${proof}.AAAA.AAAA`,
  '[B03] 4000 dots': () => '.'.repeat(4000),
  '[B04] an empty header': (proof) => proof.slice(proof.indexOf('.')),
  '[B04] an empty payload': (proof) => proof.replace(/\.[^.]+\./, '..'),
  '[B04] an empty signature': (proof) => proof.slice(0, proof.lastIndexOf('.') + 1),
  '[B05] the JSON serialisation': (proof) => {
    const [header, payload, signature] = proof.split('.');
    return JSON.stringify({ protected: header, payload, signature });
  },
  '[A11] characters beyond ASCII': (proof) => `${proof}\u00e9`,
};
for (const [what, change] of Object.entries(shapes)) {
  refuses(`[R9449-4.3-02] ${what}: refused`, 'proof-malformed', async () => change(await proofWith()));
}

const spellings: Readonly<Record<string, (segment: string) => string>> = {
  '[B06] padding': (segment) => segment.padEnd(Math.ceil((segment.length + 1) / 4) * 4, '='),
  '[B07] unused bits': withUnusedBit,
  '[B08] the standard alphabet': (segment) => `+/${segment.slice(2)}`,
  '[B09] a space inside': (segment) => `${segment.slice(0, 4)} ${segment.slice(4)}`,
  '[B09] a tab inside': (segment) => `${segment.slice(0, 4)}\t${segment.slice(4)}`,
  '[B09] a line break at the end': (segment) => `${segment}\n`,
  '[B10] a star inside': (segment) => `${segment.slice(0, 4)}*${segment.slice(4)}`,
  '[B10] a full-width letter': (segment) => `\uff21${segment.slice(1)}`,
  '[B11] an impossible length': (segment) => segment.padEnd(Math.ceil(segment.length / 4) * 4 + 1, 'A'),
};
for (const [what, change] of Object.entries(spellings)) {
  for (const index of [0, 1, 2] as const) {
    const segment = ['header', 'payload', 'signature'][index];
    refuses(`[R7515-2-01] ${what}, in the ${segment}: refused`, 'proof-malformed', () =>
      spelled(index, change),
    );
  }
}

/** Another spelling of the same bytes, or of bytes one longer where this length leaves no bits unused. */
function withUnusedBit(segment: string): string {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  const open = segment.length % 4 === 0 ? `${segment}AA` : segment;
  return open.slice(0, -1) + alphabet[alphabet.indexOf(open.slice(-1)) + 1];
}

for (const [what, text] of Object.entries({
  null: 'null',
  'an array': '[]',
  'a string': '"x"',
  'a number': '1',
})) {
  refuses(`[R7519-7.2-01] [B20] refuses ${what} as header`, 'proof-malformed', () => proofFromText(text));
  refuses(`[R7519-7.2-01] [B20] refuses ${what} as payload`, 'proof-malformed', () =>
    proofFromText(undefined, text),
  );
}

/** A proof with raw bytes in the place of its payload. */
async function proofOfBytes(bytes: readonly number[], index: 0 | 1): Promise<string> {
  const segments = (await proofWith()).split('.');
  segments[index] = encodeBase64url(Uint8Array.from(bytes));
  const text = `${segments[0]}.${segments[1]}`;
  return `${text}.${await signer(client)(text)}`;
}

const valid = proofParts(client, ath);
const headerText = JSON.stringify(valid.header);
const claimsText = JSON.stringify(valid.claims);
const notText: Readonly<Record<string, (text: string) => readonly number[]>> = {
  '[B18] bytes that are no UTF-8': (text) =>
    [...utf8(`{"x":"?",${text.slice(1)}`)].map((byte) => (byte === 63 ? 0xff : byte)),
  '[B18] an overlong slash': (text) => [...utf8('{"x":"'), 0xc0, 0xaf, ...utf8(`",${text.slice(1)}`)],
  '[B18] UTF-16': (text) => [...text].flatMap((character) => [character.charCodeAt(0), 0]),
  '[B19] a byte order mark': (text) => [0xef, 0xbb, 0xbf, ...utf8(text)],
};
for (const [what, encode] of Object.entries(notText)) {
  refuses(`[R7519-7.2-01] ${what} in the header: refused`, 'proof-malformed', () =>
    proofOfBytes(encode(headerText), 0),
  );
  refuses(`[R7519-7.2-01] ${what} in the payload: refused`, 'proof-malformed', () =>
    proofOfBytes(encode(claimsText), 1),
  );
}

/** JSON texts made of a valid one; `{` stands at the front of each. */
const texts: Readonly<Record<string, (text: string) => string>> = {
  '[B18] a lone surrogate': (text) => `{"x":"\\ud800",${text.slice(1)}`,
  '[B18] a lone surrogate as a name': (text) => `{"\\ud800":1,${text.slice(1)}`,
  '[B21] a name twice': (text) => `{"x":1,"x":1,${text.slice(1)}`,
  '[B21] a name twice, once escaped': (text) => `{"x":1,"\\u0078":1,${text.slice(1)}`,
  '[B21] a name twice, further inside': (text) => `{"x":[{"y":1,"y":1}],${text.slice(1)}`,
  '[B22] a depth of 800': (text) => `{"x":${'['.repeat(800)}${']'.repeat(800)},${text.slice(1)}`,
  '[B22] a depth of 9': (text) => `{"x":${'['.repeat(8)}${']'.repeat(8)},${text.slice(1)}`,
  '[B23] a comment': (text) => `{/**/${text.slice(1)}`,
  '[B23] a trailing comma': (text) => `${text.slice(0, -1)},}`,
  '[B23] NaN': (text) => `{"x":NaN,${text.slice(1)}`,
  '[B23] single quotes': (text) => `{'x':1,${text.slice(1)}`,
  '[B23] something after the object': (text) => `${text}{}`,
};
for (const [what, change] of Object.entries(texts)) {
  const inHeader = (): Promise<string> => proofFromText(change(headerText));
  const inPayload = (): Promise<string> => proofFromText(undefined, change(claimsText));
  refuses(`[R7515-4-01] ${what} in the header: refused`, 'proof-malformed', inHeader);
  refuses(`[R7515-4-01] ${what} in the payload: refused`, 'proof-malformed', inPayload);
}
refuses('[B21] refuses alg given twice', 'proof-malformed', () => {
  return proofFromText(headerText.replace('"alg":', '"alg":"none","alg":'));
});
refuses('[B21] refuses jti given twice', 'proof-malformed', () => {
  return proofFromText(undefined, claimsText.replace('"jti":', '"jti":"a","jti":'));
});
refuses('[B21] refuses jwk given twice', 'proof-malformed', () => {
  return proofFromText(headerText.replace('"jwk":', '"jwk":{},"jwk":'));
});

accepts('[B22] accepts a depth of 8', () => {
  return proofFromText(
    headerText.replace('{', '{"x":[[[[[[[]]]]]]],'),
    claimsText.replace('{', '{"x":[[[[[[[]]]]]]],'),
  );
});
accepts('[B24] accepts white space inside the JSON text', () => {
  return proofFromText(
    JSON.stringify(valid.header, null, '\t'),
    ` ${JSON.stringify(valid.claims, null, 2)}\r\n`,
  );
});
accepts('accepts members in any order', () => {
  const reversed = (object: object): object => Object.fromEntries(Object.entries(object).reverse());
  return forge(reversed(valid.header), reversed(valid.claims), signer(client));
});
accepts('accepts text beyond ASCII and escapes in values', () => {
  return proofFromText(
    headerText.replace('{', '{"x":"\\ud83d\\ude00",'),
    claimsText.replace('{', '{"x":"é: \\" {",'),
  );
});

const awkwardNames =
  '{"__proto__":{"polluted":1},"constructor":1,"prototype":1,"toString":1,"hasOwnProperty":1,';
test('[B25] accepts names of Object.prototype as mere names, everywhere', async () => {
  const header = headerText.replace('{', awkwardNames).replace('"jwk":{', `"jwk":${awkwardNames}`);
  const proof = await proofFromText(header, claimsText.replace('{', awkwardNames));
  const verified = await verifyProof(...judge(proof));
  assert.is(verified.jkt, client.jkt);
  assert.not('polluted' in {});
  assert.is(Object.getPrototypeOf(verified.claims), null);
});
refuses('[B25] [E24] refuses required claims that only stand inside __proto__', 'jti-invalid', () => {
  return proofFromText(undefined, `{"__proto__":${claimsText}}`);
});
refuses('[B25] refuses header members that only stand inside __proto__', 'typ-mismatch', () => {
  return proofFromText(`{"__proto__":${headerText}}`);
});
refuses('[B25] refuses key members that only stand inside __proto__', 'jwk-unfit', () => {
  return proofFromText(headerText.replace('"jwk":{', '"jwk":{"__proto__":{').replace(/\}$/, '}}'));
});
refuses('[B26] refuses an unencoded payload', 'proof-malformed', async () => {
  const [header, , signature] = (await headerWith({ b64: false })).split('.');
  return `${header}.${claimsText}.${signature}`;
});
refuses('[R7797-7-01] [B26] refuses b64 without crit', 'extension-refused', () => headerWith({ b64: false }));
refuses('[B27] refuses zip', 'extension-refused', () => headerWith({ zip: 'DEF' }));
refuses(
  '[R9449-4.3-06] [B28] refuses the header of one proof on the payload of another',
  'signature-invalid',
  async () => {
    const [header] = (await proofWith()).split('.');
    const [, payload, signature] = (await proofWith({ kid: 'another' })).split('.');
    return `${header}.${payload}.${signature}`;
  },
);

// B: the signature

const order = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;

test('[I05] [B12] the twin of an ES256 signature verifies, and is the same use', async () => {
  const proof = await proofWith();
  const twin = await signedBy(toTwin, Promise.resolve(proof));
  assert.is.not(twin, proof);
  const [first, second] = [await verifyProof(...judge(proof)), await verifyProof(...judge(twin))];
  assert.is(await replayKey(second.jkt, second.jti), await replayKey(first.jkt, first.jti));
});

test('[I05] [B12] a server takes the twin for the replay it is', async () => {
  const world = await createWorld();
  const { ath: _, ...claims } = proofParts(world.keyPair).claims;
  const parts = proofParts(world.keyPair, await sha256(world.token));
  const proof = await forge(parts.header, { ...claims, ...parts.claims }, signer(world.keyPair));
  await world.server.authorize(await createRequest(world, { proof }));
  const twin = await createRequest(world, { proof: await signedBy(toTwin, Promise.resolve(proof)) });
  assert.is(await reasonOf(world.server.authorize(twin)), 'replayed');
});

/** (r, n - s): ECDSA accepts it as well. */
function toTwin(signature: Uint8Array): Uint8Array {
  return Uint8Array.of(...signature.subarray(0, 32), ...to32(order - toBigInt(signature.subarray(32))));
}

function toBigInt(bytes: Uint8Array): bigint {
  return BigInt(`0x${Buffer.from(bytes).toString('hex')}`);
}

function to32(number: bigint): Uint8Array {
  return Buffer.from(number.toString(16).padStart(64, '0'), 'hex');
}

refuses('[R7518-3.4-01] [B14] refuses a DER signature', 'signature-invalid', () => {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const jwk = publicKey.export({ format: 'jwk' });
  return headerWith({ jwk }, async (text) =>
    nodeSign('sha256', utf8(text), privateKey).toString('base64url'),
  );
});

const lengths: Readonly<Record<string, (signature: Uint8Array) => Uint8Array>> = {
  '63 bytes': (signature) => signature.subarray(1),
  '65 bytes': (signature) => Uint8Array.of(...signature, 0),
  'a leading zero': (signature) => Uint8Array.of(0, ...signature),
  '128 bytes': (signature) => Uint8Array.of(...signature, ...signature),
  'one byte': (signature) => signature.subarray(0, 1),
};
for (const [what, change] of Object.entries(lengths)) {
  refuses(`[R7518-3.4-01] [B15] refuses a signature with ${what}`, 'signature-invalid', () =>
    signedBy(change),
  );
}

const extremes = {
  '0': 0n,
  '1': 1n,
  'n-1': order - 1n,
  n: order,
  'n+1': order + 1n,
  '2^256-1': 2n ** 256n - 1n,
};
for (const [what, value] of Object.entries(extremes)) {
  refuses(`[R9449-4.3-06] [B16] refuses r = ${what}`, 'signature-invalid', () => {
    return signedBy((signature) => Uint8Array.of(...to32(value), ...signature.subarray(32)));
  });
  refuses(`[R9449-4.3-06] [B16] refuses s = ${what}`, 'signature-invalid', () => {
    return signedBy((signature) => Uint8Array.of(...signature.subarray(0, 32), ...to32(value)));
  });
  refuses(`[R9449-4.3-06] [B16] refuses r = s = ${what}`, 'signature-invalid', () => {
    return signedBy(() => Uint8Array.of(...to32(value), ...to32(value)));
  });
}

test('[R9449-4.3-06] [B17] refuses a proof with one bit flipped, wherever it is', async () => {
  const proof = await proofWith();
  await verifyProof(...judge(proof));
  const segments = proof.split('.').map(decodeBase64url);
  for (const [index, segment] of segments.entries()) {
    for (let at = 0; at < segment.length; at++) {
      const flipped = segments.map((bytes) => bytes.slice());
      (flipped[index] as Uint8Array)[at] = (segment[at] as number) ^ (1 << (at % 8));
      await reasonOf(verifyProof(...judge(flipped.map(encodeBase64url).join('.'))));
    }
  }
});

refuses('[R9449-4.3-06] [C18] refuses a signature by another key', 'signature-invalid', () => {
  return headerWith({}, signer(stranger));
});
refuses('[R9449-4.3-06] refuses an Ed25519 signature by another key', 'signature-invalid', () => {
  return edwardsProof({}, async () => encodeBase64url(new Uint8Array(64)));
});
refuses(
  '[R9449-4.3-06] [D18] refuses an Ed25519 signature with S above the group order',
  'signature-invalid',
  () => {
    return signedBy((signature) => {
      const s =
        toBigInt(signature.slice(32).reverse()) + 2n ** 252n + 27742317777372353535851937790883648493n;
      return Uint8Array.of(...signature.subarray(0, 32), ...to32(s).reverse());
    }, edwardsProof());
  },
);

// C: the header

for (const typ of [
  undefined,
  'JWT',
  'at+jwt',
  'dpop+jwt+wrong',
  'dpop+jwt2',
  '',
  5,
  ['dpop+jwt'],
  {},
  null,
]) {
  refuses(`[R9449-4.3-04] [C01] [C02] [C04] refuses typ ${JSON.stringify(typ)}`, 'typ-mismatch', () =>
    headerWith({ typ }),
  );
}
for (const typ of ['DPOP+JWT', 'application/dpop+jwt']) {
  refuses(`[R9449-4.3-04] [C03] refuses the spelling ${typ}`, 'typ-mismatch', () => headerWith({ typ }));
}
refuses(
  '[R9449-11.5-01] [C22] refuses an access token as proof',
  'typ-mismatch',
  async () => (await createWorld()).token,
);

for (const alg of [
  undefined,
  'none',
  'None',
  'NONE',
  '',
  'es256',
  'ES256 ',
  'RS1',
  'made-up',
  5,
  ['ES256'],
  null,
]) {
  refuses(`[R9449-4.3-05] [C05] [C06] [C13] refuses alg ${JSON.stringify(alg)}`, 'alg-not-allowed', () =>
    headerWith({ alg }),
  );
}
for (const member of [1, 'ES256', null]) {
  refuses(`[C13] refuses alg as an object with toString ${member}`, 'alg-not-allowed', () => {
    return headerWith({ alg: { toString: member, valueOf: 1 } });
  });
}
refuses('[R9449-4.3-05] [C06] refuses none with next to no signature', 'alg-not-allowed', () => {
  return headerWith({ alg: 'none' }, async () => 'AA');
});
for (const alg of ['ES256K', 'ES384', 'ES512', 'PS256', 'PS512', 'RS256', 'Ed448', 'ML-DSA-44']) {
  refuses(`[R9449-4.3-05] [C10] refuses ${alg} unless allowed`, 'alg-not-allowed', () => headerWith({ alg }));
}
for (const bits of [256, 384, 512]) {
  for (const [what, secret] of Object.entries({
    text: JSON.stringify(client.publicJwk),
    x: xOf(client.publicJwk),
  })) {
    refuses(
      `[R9449-4.3-05] [C07] refuses HS${bits} keyed by the public key's ${what}`,
      'alg-not-allowed',
      () => {
        return headerWith({ alg: `HS${bits}` }, macOf(secret, `SHA-${bits}`));
      },
    );
  }
}
refuses('[R9449-4.3-05] [C08] refuses HS256 with a symmetric key', 'alg-not-allowed', () => {
  return headerWith({ alg: 'HS256', jwk: { kty: 'oct', k: 'AAAA' } }, macOf('\0\0\0', 'SHA-256'));
});

function xOf(jwk: PublicJwk): string {
  return 'x' in jwk ? jwk.x : '';
}

function macOf(secret: string, hash: string): Sign {
  return async (text) => {
    const key = await crypto.subtle.importKey('raw', utf8(secret), { name: 'HMAC', hash }, false, ['sign']);
    return encodeBase64url(new Uint8Array(await crypto.subtle.sign('HMAC', key, utf8(text))));
  };
}

accepts('[R9864-2.2-01] accepts Ed25519', () => edwardsProof(), { jkt: edwards.jkt });
accepts('[R9864-2.2-01] accepts Ed25519 under the name EdDSA', () => edwardsProof({ alg: 'EdDSA' }), {
  jkt: edwards.jkt,
});
refuses(
  'refuses EdDSA where only Ed25519 is allowed',
  'alg-not-allowed',
  () => edwardsProof({ alg: 'EdDSA' }),
  {
    algorithms: ['ES256', 'Ed25519'],
  },
);
accepts('[C10] accepts PS256 where it is allowed', () => rsaProof('PS256'), { algorithms: ['PS256'] });
accepts('[C10] accepts RS256 where it is allowed', () => rsaProof('RS256'), { algorithms: ['RS256'] });
refuses('[C09] refuses RS256 where only PS256 is allowed', 'alg-not-allowed', () => rsaProof('RS256'), {
  algorithms: ['PS256'],
});
refuses(
  '[R9449-4.3-06] refuses an RS256 signature under the name PS256',
  'signature-invalid',
  async () => {
    const header = { ...valid.header, alg: 'PS256', jwk: rsaJwk };
    return forge(header, valid.claims, async (text) =>
      nodeSign('sha256', utf8(text), rsa.privateKey).toString('base64url'),
    );
  },
  { algorithms: ['PS256'] },
);

for (const crit of [['x'], [], 'b64', ['b64'], ['exp'], null]) {
  refuses(`[R7515-4.1.11-01] [C14] refuses crit ${JSON.stringify(crit)}`, 'extension-refused', () =>
    headerWith({ crit }),
  );
}
accepts('[R9449-4.2-10] [C19] ignores unknown header members', () =>
  headerWith({ foo: 'bar', nested: { a: [1] } }),
);
accepts('[R8725-3.10-01] [C15] [C16] does not look at jku, x5u, x5c, x5t and kid', () => {
  return headerWith({
    jku: 'http://127.0.0.1:1/',
    x5u: 'http://127.0.0.1:1/',
    x5c: ['x'],
    x5t: 'x',
    kid: "../../' OR 1=1",
  });
});
accepts('[C20] ignores members of encryption', () => headerWith({ enc: 'A256GCM', epk: {}, p2c: 2 ** 31 }));
refuses('[R9449-4.3-03] [C17] refuses a kid in the place of the key', 'jwk-malformed', () => {
  return headerWith({ jwk: undefined, kid: client.jkt });
});
refuses(
  '[C21] refuses a nonce that stands in the header',
  'nonce-required',
  () => headerWith({ nonce: 'n' }),
  {
    nonceRequired: true,
  },
);

// D: the key

test('[R9449-4.3-07] [D01] refuses a private key, and its explanation does not show it', async () => {
  const pair = (await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, [
    'sign',
  ])) as CryptoKeyPair;
  const jwk = await crypto.subtle.exportKey('jwk', pair.privateKey);
  const proof = await headerWith(
    { jwk: members(jwk, ['kty', 'crv', 'x', 'y', 'd']) },
    signer({ ...client, ...pair }),
  );
  assert.is(await reasonOf(verifyProof(...judge(proof))), 'jwk-private');
  assert.not.match(JSON.stringify(await explainProof(...judge(proof))), jwk.d as string);
});
for (const name of ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k', 'priv']) {
  refuses(`[R9449-4.3-07] [D02] [D04] refuses ${name} in an EC key`, 'jwk-private', () =>
    keyWith({ [name]: 'AAAA' }),
  );
  refuses(
    `[R9449-4.3-07] [D02] refuses ${name} in an RSA key`,
    'jwk-private',
    () => rsaProof('PS256', { [name]: 'AAAA' }),
    {
      algorithms: ['PS256'],
    },
  );
}
for (const d of ['', null, 0, {}]) {
  refuses(`[R9449-4.3-07] [D03] refuses d ${JSON.stringify(d)}`, 'jwk-private', () => keyWith({ d }));
}
refuses('[D05] refuses a symmetric key type', 'jwk-unfit', () => headerWith({ jwk: { kty: 'oct' } }));
for (const kty of [undefined, 'ec', 'EC ', ['EC'], '__proto__', 'RSA', 'OKP', null]) {
  refuses(`[R7518-3.4-01] [D06] refuses kty ${JSON.stringify(kty)}`, 'jwk-unfit', () => keyWith({ kty }));
}
for (const jwk of ['x', [client.publicJwk], null, 5, JSON.stringify(client.publicJwk)]) {
  refuses(`[R9449-4.3-03] [D07] refuses jwk ${JSON.stringify(jwk)}`, 'jwk-malformed', () =>
    headerWith({ jwk }),
  );
}
refuses('[D07] refuses a key set', 'jwk-unfit', () => headerWith({ jwk: { keys: [client.publicJwk] } }));

refuses('[R7518-3.4-01] [C11] refuses ES256 with an RSA key', 'jwk-unfit', () => headerWith({ jwk: rsaJwk }));
refuses('[R7518-3.4-01] [C11] refuses ES256 with an Ed25519 key', 'jwk-unfit', () =>
  headerWith({ jwk: edwards.publicJwk }),
);
for (const namedCurve of ['P-384', 'P-521']) {
  refuses(`[R7518-3.4-01] [C11] refuses ES256 with a ${namedCurve} key`, 'jwk-unfit', () => {
    return headerWith({ jwk: generateKeyPairSync('ec', { namedCurve }).publicKey.export({ format: 'jwk' }) });
  });
}
refuses(
  '[R7518-3.4-01] [C12] refuses PS256 with an EC key',
  'jwk-unfit',
  () => headerWith({ alg: 'PS256' }),
  {
    algorithms: ['PS256'],
  },
);
for (const alg of ['Ed25519', 'EdDSA']) {
  refuses(`[R7518-3.4-01] [C12] refuses ${alg} with an EC key`, 'jwk-unfit', () => headerWith({ alg }));
  refuses(`[R9864-2.2-01] [C10] refuses ${alg} with an Ed448 key`, 'jwk-unfit', () => {
    const jwk = generateKeyPairSync('ed448').publicKey.export({ format: 'jwk' });
    return headerWith({ alg, jwk });
  });
}

const field = 2n ** 256n - 2n ** 224n + 2n ** 192n + 2n ** 96n - 1n;
const offCurve: Readonly<Record<string, Changes>> = {
  'a point off the curve': { y: xOf(client.publicJwk) },
  'the point (0, 0)': { x: spell(0n), y: spell(0n) },
  'x = p': { x: spell(field) },
  'x = 2^256 - 1': { x: spell(2n ** 256n - 1n) },
  'a point of the curve with p added to x': pointWithLongX(),
};
for (const [what, point] of Object.entries(offCurve)) {
  refuses(`[R8725-3.4-01] [D08] refuses ${what}`, 'key-invalid', () => keyWith(point));
}

function spell(coordinate: bigint): string {
  return encodeBase64url(to32(coordinate));
}

/** The first point with a small x, which has a second spelling: x + p still fits in 32 bytes. */
function pointWithLongX(): Changes {
  const b = 0x5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604bn;
  for (let x = 1n; ; x++) {
    const square = (x ** 3n - 3n * x + b) % field;
    const y = power(square, (field + 1n) / 4n);
    if ((y * y) % field === square) return { x: spell(x + field), y: spell(y) };
  }
}

function power(base: bigint, exponent: bigint): bigint {
  if (exponent === 0n) return 1n;
  const half = power((base * base) % field, exponent / 2n);
  return exponent % 2n === 1n ? (half * base) % field : half;
}

const x = xOf(client.publicJwk);
const coordinates: Readonly<Record<string, unknown>> = {
  '[D09] with a leading zero byte': encodeBase64url(Uint8Array.of(0, ...decodeBase64url(x))),
  '[D10] of 31 bytes': encodeBase64url(decodeBase64url(x).subarray(1)),
  '[D11] with padding': `${x}=`,
  '[D11] with unused bits': withUnusedBit(x),
  '[D11] in the standard alphabet': `+/${x.slice(2)}`,
  '[D11] with a space inside': `${x.slice(0, 4)} ${x.slice(5)}`,
  '[D31] as a number': 5,
  '[D31] as null': null,
  '[D31] as an array': [x],
  '[D31] missing': undefined,
  '[D31] empty': '',
};
for (const [what, value] of Object.entries(coordinates)) {
  refuses(`[R7638-7-01] ${what}: refuses x`, 'jwk-not-canonical', () => keyWith({ x: value }));
  refuses(`[R7638-7-01] ${what}: refuses y`, 'jwk-not-canonical', () => keyWith({ y: value }));
}

/** The public key of d = 379 on P-256: the first whose x begins with a zero byte. */
const zeroKey = {
  kty: 'EC',
  crv: 'P-256',
  x: 'AFVDiUrz0A7X10Cr29dclrBod7eH219w7qeLkKjXwAo',
  y: 'u0yFo9jqKe-q-iRAaRLdhNWxTcMr9lbvbGvVil2UP5I',
};
test('[R7638-3-01] [D12] accepts a legal key whose x begins with a zero byte', async () => {
  const parameters = { name: 'ECDSA', namedCurve: 'P-256' };
  const jwk = { ...zeroKey, d: 'AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAXs' };
  const privateKey = await crypto.subtle.importKey('jwk', jwk, parameters, false, ['sign']);
  const proof = await headerWith({ jwk: zeroKey }, signer({ ...client, privateKey }));
  const jkt = await sha256(`{"crv":"P-256","kty":"EC","x":"${zeroKey.x}","y":"${zeroKey.y}"}`);
  assert.is((await verifyProof(...judge(proof, { jkt }))).jkt, jkt);
});

for (const crv of ['P-384', 'P-521', 'secp256k1', 'p-256', 'Ed25519', undefined, null]) {
  refuses(`[R7518-3.4-01] [D13] refuses crv ${JSON.stringify(crv)}`, 'jwk-unfit', () => keyWith({ crv }));
}
for (const crv of ['X25519', 'Ed448', 'ed25519', undefined]) {
  refuses(`[R7518-3.4-01] [D14] refuses an OKP key with crv ${JSON.stringify(crv)}`, 'jwk-unfit', () => {
    return edwardsProof({ jwk: { ...edwards.publicJwk, crv } });
  });
}
for (const length of [31, 33, 0]) {
  refuses(`[R7638-7-01] [D14] refuses an Ed25519 key of ${length} bytes`, 'jwk-not-canonical', () => {
    return edwardsProof({
      jwk: { ...edwards.publicJwk, x: encodeBase64url(new Uint8Array(length).fill(7)) },
    });
  });
}

/** The seven y coordinates of low order below 2^255, as everybody lists them; a sign bit makes 14 encodings of them. */
const lowOrder = [
  '0000000000000000000000000000000000000000000000000000000000000000',
  '0100000000000000000000000000000000000000000000000000000000000000',
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
];
const aboveField = [
  'efffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
];
for (const hex of [...lowOrder, ...aboveField]) {
  for (const sign of [0, 0x80]) {
    const point = Buffer.from(hex, 'hex');
    point[31] = (point[31] as number) | sign;
    refuses(`[R8725-3.4-01] [D15] [D16] refuses the Ed25519 key ${point.toString('hex')}`, 'jwk-weak', () => {
      // The identity as R and 0 as S, which libraries take for a signature under such keys: always, or now and then.
      const forged = async (): Promise<string> => encodeBase64url(Uint8Array.of(1, ...new Uint8Array(63)));
      return edwardsProof({ jwk: { ...edwards.publicJwk, x: point.toString('base64url') } }, forged);
    });
  }
}

const ps256: Situation = { algorithms: ['PS256'] };
for (const bits of [512n, 1024n, 2047n, 4097n, 8192n]) {
  refuses(
    `[R7518-3.3-01] [D19] [D20] refuses an RSA key of ${bits} bits`,
    'jwk-weak',
    () => rsaProof('PS256', { n: modulus(withoutSmallFactor(2n ** (bits - 1n) + 1n)) }),
    ps256,
  );
}
for (const bits of [2048n, 4096n]) {
  refuses(
    `[R7518-3.3-01] [D19] [D20] finds nothing wrong with an RSA key of ${bits} bits but the signature`,
    'signature-invalid',
    () => rsaProof('PS256', { n: modulus(withoutSmallFactor(2n ** (bits - 1n) + 1n)) }),
    ps256,
  );
}
for (const e of ['AQ', 'Ag', 'Aw', 'EQ', 'AQAC', 'AQAAAAAAAQAB', rsaJwk.n]) {
  refuses(
    `[R8725-3.4-01] [D21] [D22] [D23] [D27] refuses the RSA exponent ${e}`,
    'jwk-weak',
    () => rsaProof('PS256', { e }),
    ps256,
  );
}
refuses(
  '[R8725-3.4-01] [D21] refuses the RSA exponent 0',
  'jwk-not-canonical',
  () => rsaProof('PS256', { e: 'AA' }),
  ps256,
);
refuses(
  '[R7638-7-01] [D24] refuses an RSA exponent with a leading zero',
  'jwk-not-canonical',
  () => rsaProof('PS256', { e: 'AAEAAQ' }),
  ps256,
);
refuses(
  '[R7638-7-01] [D24] refuses an RSA modulus with a leading zero',
  'jwk-not-canonical',
  () => {
    return rsaProof('PS256', {
      n: encodeBase64url(Uint8Array.of(0, ...decodeBase64url(rsaJwk.n as string))),
    });
  },
  ps256,
);
for (const value of [undefined, '', 5, null, `${rsaJwk.n}=`]) {
  const what = `${value}`.slice(-10);
  refuses(
    `[R7638-7-01] [D24] refuses the RSA modulus ${what}`,
    'jwk-not-canonical',
    () => rsaProof('PS256', { n: value }),
    ps256,
  );
}
const weakModuli: Readonly<Record<string, bigint>> = {
  '[D25] that is even': 2n * withoutSmallFactor(2n ** 2046n + 1n),
  '[D25] that 751 divides': 751n * withoutSmallFactor(2n ** 2040n + 1n),
  '[D25] that is a square': withoutSmallFactor(3n * 2n ** 1022n + 1n) ** 2n,
  '[D26] of the ROCA generator': rocaModulus(),
};
for (const [what, value] of Object.entries(weakModuli)) {
  refuses(
    `[R8725-3.4-01] refuses an RSA modulus ${what}`,
    'jwk-weak',
    () => rsaProof('PS256', { n: modulus(value) }),
    ps256,
  );
}

function modulus(value: bigint): string {
  const hex = value.toString(16);
  return Buffer.from(hex.padStart(hex.length + (hex.length % 2), '0'), 'hex').toString('base64url');
}

/** 1 modulo all the primes of the fingerprint. */
function rocaModulus(): bigint {
  const primes = [11, 13, 17, 19, 37, 53, 61, 71, 73, 79, 97, 103, 107, 109, 127, 151, 157];
  const step = primes.reduce((product, prime) => product * BigInt(prime), 2n);
  return withoutSmallFactor((2n ** 2047n / step + 1n) * step + 1n, step);
}

/** The first number, in these steps, with which trial division finds nothing wrong. */
function withoutSmallFactor(start: bigint, step = 2n): bigint {
  const divisors = Array.from({ length: 750 }, (_, index) => BigInt(index + 2));
  let candidate = start;
  while (divisors.some((divisor) => candidate % divisor === 0n)) candidate += step;
  return candidate;
}

for (const changes of [
  { use: 'enc' },
  { use: null },
  { key_ops: ['sign'] },
  { key_ops: [] },
  { key_ops: ['verify', 'sign'] },
  { key_ops: 'verify' },
  { alg: 'ES384' },
  { alg: null },
]) {
  refuses(`[R8725-3.1-01] [D28] refuses a key with ${JSON.stringify(changes)}`, 'jwk-unfit', () =>
    keyWith(changes),
  );
}
accepts(
  '[D28] accepts a key whose use, key_ops and alg allow it',
  () => {
    return keyWith({ use: 'sig', key_ops: ['verify'], alg: 'ES256' });
  },
  { jkt: client.jkt },
);
accepts(
  '[R7638-3-01] [D29] ignores further members of the key',
  () => keyWith({ foo: 1, x5c: ['x'], exp: 5, kid: 'k' }),
  {
    jkt: client.jkt,
  },
);
accepts(
  '[R7638-3-01] [D30] takes the members of the key in any order',
  () => {
    return headerWith({ jwk: Object.fromEntries(Object.entries(client.publicJwk).reverse()) });
  },
  { jkt: client.jkt },
);

// E: the claims

for (const jti of [undefined, '', 5, ['a'], {}, null, true, 'a'.repeat(257)]) {
  refuses(
    `[R9449-4.3-03] [R9449-11.1-03] [E01] [E05] [E07] refuses jti ${JSON.stringify(jti)?.slice(0, 9)}`,
    'jti-invalid',
    () => claimsWith({ jti }),
  );
}
for (const jti of ['a', 'a'.repeat(256), '\0', 'a\nb', 'a:b*{c}', '😀']) {
  accepts(`[E06] [E08] accepts jti ${JSON.stringify(jti).slice(0, 12)}`, () => claimsWith({ jti }));
}
test('[E09] jti values that differ by case or normalisation are different uses', async () => {
  const keys = ['\u00e9', 'e\u0301', 'E\u0301'].map((jti) => replayKey(client.jkt, jti));
  assert.is(new Set(await Promise.all(keys)).size, 3);
});
for (const htm of [undefined, 5, ['GET'], null, 'get', 'GET ', '', 'PUT']) {
  refuses(`[R9449-4.3-08] [E02] [E26] [F01] refuses htm ${JSON.stringify(htm)} for GET`, 'htm-mismatch', () =>
    claimsWith({ htm }),
  );
}
refuses('[R9449-4.3-08] [F02] refuses a proof for GET on HEAD', 'htm-mismatch', () => proofWith(), {
  method: 'HEAD',
});
accepts('[F06] accepts a method of its own in its exact case', () => claimsWith({ htm: 'Frob' }), {
  method: 'Frob',
});
refuses(
  '[R9449-4.3-08] [F06] refuses a method in another case',
  'htm-mismatch',
  () => claimsWith({ htm: 'FROB' }),
  { method: 'Frob' },
);
for (const htu of [
  undefined,
  5,
  [uri],
  { toString: uri },
  null,
  '',
  path,
  `//rs.example${path}`,
  'javascript:alert(1)',
]) {
  refuses(`[R9449-4.3-03] [E03] [E27] refuses htu ${JSON.stringify(htu)}`, 'htu-malformed', () =>
    claimsWith({ htu }),
  );
}
for (const iat of [undefined, String(T0), [T0], true, null]) {
  refuses(`[R7519-7.2-01] [E04] [E10] refuses iat ${JSON.stringify(iat)}`, 'iat-invalid', () =>
    claimsWith({ iat }),
  );
}
refuses('[B23] [E11] refuses iat 1e400', 'iat-invalid', () => {
  return proofFromText(undefined, claimsText.replace(`"iat":${T0}`, '"iat":1e400'));
});
for (const iat of [1e300, 2 ** 53, T0 * 1000, T0 + 3600, T0 + 61, T0 + 11, T0 + 10.001]) {
  refuses(
    `[R9449-4.3-11] [R9449-11.1-04] [E11] [E13] [E14] [E15] [E17] refuses iat ${iat}`,
    'proof-from-future',
    () => claimsWith({ iat }),
  );
}
for (const iat of [-1, -(2 ** 63), 0, T0 - 3600, T0 - 61, T0 - 60.001]) {
  refuses(`[R9449-4.3-11] [R9449-11.1-01] [E11] [E14] [E15] refuses iat ${iat}`, 'proof-stale', () =>
    claimsWith({ iat }),
  );
}
for (const iat of [T0 - 60, T0 - 59.999, T0 - 10, T0 - 0.5, T0 + 8, T0 + 10, T0 + 9.999]) {
  accepts(`[R9449-4.3-11] [FAPI2-5.3.2.1-03] [E12] [E15] [E16] accepts iat ${iat}`, () =>
    claimsWith({ iat }),
  );
}
accepts('[E12] accepts an iat with an exponent', () => {
  return proofFromText(undefined, claimsText.replace(`"iat":${T0}`, '"iat":1.8e9'));
});
for (const exp of [T0, T0 - 1, 0, String(T0 + 60), null, [T0 + 60]]) {
  refuses(`[R7519-4.1-01] [E18] [E20] refuses exp ${JSON.stringify(exp)}`, 'proof-expired', () =>
    claimsWith({ exp }),
  );
}
for (const nbf of [T0 + 10.001, T0 + 3600, String(T0), null, [T0]]) {
  refuses(`[R7519-4.1-01] [E18] refuses nbf ${JSON.stringify(nbf)}`, 'proof-not-yet-valid', () =>
    claimsWith({ nbf }),
  );
}
accepts('[R7519-4.1-01] [E19] accepts nbf now and exp in five minutes', () =>
  claimsWith({ nbf: T0, exp: T0 + 300 }),
);
accepts('[R7519-4.1-01] accepts nbf and exp at their edges', () =>
  claimsWith({ nbf: T0 + 10, exp: T0 + 0.001 }),
);
accepts('[R9449-4.2-10] [E21] [E22] ignores unknown claims, and those that name somebody', () => {
  return claimsWith({
    foo: [1, { a: null }],
    iss: 'another',
    aud: 'another',
    sub: 'another',
    client_id: 'another',
  });
});
test('[E25] does not look at ath where there is no token', async () => {
  await verifyProof({ method: 'GET', uri, proof: await claimsWith({ ath: 'x' }) }, { now: T0 });
});

// E: the nonce

const readNonce: NonNullable<VerifyProofOptions['readNonce']> = async (nonce) =>
  nonce === 'ours' ? { axis: 'nonce', at: T0 } : undefined;

for (const nonce of [5, ['ours'], null, {}, true]) {
  refuses(
    `[R9449-4.3-03] [H03] refuses nonce ${JSON.stringify(nonce)}`,
    'nonce-invalid',
    () => claimsWith({ nonce }),
    { readNonce },
  );
}
for (const nonce of ['', 'theirs', 'OURS']) {
  refuses(
    `[R9449-4.3-10] [R9449-8-04] [H02] refuses nonce "${nonce}"`,
    'nonce-unknown',
    () => claimsWith({ nonce }),
    { readNonce },
  );
}
refuses('[R9449-4.3-10] [H07] refuses any nonce where none is ours', 'nonce-unknown', () =>
  claimsWith({ nonce: 'ours' }),
);
accepts('[R9449-4.3-10] accepts a nonce of ours', () => claimsWith({ nonce: 'ours' }), {
  readNonce,
  nonceRequired: true,
});
refuses(
  '[R9449-11.3-01] [H01] refuses a proof without a nonce where one is required',
  'nonce-required',
  () => proofWith(),
  {
    readNonce,
    nonceRequired: true,
  },
);
accepts(
  "[R9449-11.1-05] a nonce's time takes the place of iat, ahead",
  () => claimsWith({ nonce: 'ours', iat: T0 + 3600 }),
  { readNonce },
);
accepts(
  "[R9449-11.1-05] a nonce's time takes the place of iat, behind",
  () => claimsWith({ nonce: 'ours', iat: 5 }),
  { readNonce },
);
accepts('[R9449-8-09] accepts a nonce in its last second', () => claimsWith({ nonce: 'ours' }), {
  readNonce,
  now: T0 + 60,
});
refuses(
  '[R9449-8-04] [H02] refuses a nonce after its life',
  'proof-stale',
  () => claimsWith({ nonce: 'ours' }),
  {
    readNonce,
    now: T0 + 60.001,
  },
);
accepts('accepts a nonce from a node whose clock is ahead of ours', () => claimsWith({ nonce: 'ours' }), {
  readNonce,
  now: T0 - 30,
});
test('the last instant of a proof with a nonce counts from the nonce', async () => {
  const proof = await claimsWith({ nonce: 'ours', iat: T0 - 30 });
  const { time, until } = await verifyProof(...judge(proof, { readNonce, nonceLife: 20, maxAge: 600 }));
  assert.equal([time, until], [{ axis: 'nonce', at: T0 }, T0 + 20]);
});
test('a nonce reader that throws refuses the proof', async () => {
  const cause = new Error('down');
  const refusal = await refusalOf(
    verifyProof(...judge(await claimsWith({ nonce: 'ours' }), { readNonce: () => Promise.reject(cause) })),
  );
  assert.equal([refusal.reason, refusal.cause], ['nonce-unknown', cause]);
});

// E: the memory

const memory = { id: 'm', birth: T0 - 1000, now: T0, floor: { iat: T0 - 5, nonce: T0 - 2 } };
refuses(
  '[R9449-11.1-02] refuses what lies at the floor',
  'proof-forgotten',
  () => claimsWith({ iat: T0 - 5 }),
  { memory },
);
accepts('[R9449-11.1-02] accepts what lies above the floor', () => claimsWith({ iat: T0 - 4.999 }), {
  memory,
});
refuses(
  '[R9449-11.1-02] refuses a nonce at the floor of nonces',
  'proof-forgotten',
  () => claimsWith({ nonce: 'ours' }),
  {
    memory: { ...memory, floor: { iat: 0, nonce: T0 } },
    readNonce,
  },
);
accepts('[R9449-11.1-02] the floor of iat is none of a nonce', () => claimsWith({ nonce: 'ours' }), {
  memory: { ...memory, floor: { iat: T0 + 5, nonce: T0 - 0.001 } },
  readNonce,
});
refuses(
  '[I23] refuses what a former memory may have accepted',
  'proof-forgotten',
  () => claimsWith({ iat: T0 + 10 }),
  {
    memory: { ...memory, birth: T0 },
  },
);
accepts('[I23] accepts what no former memory can have accepted', () => claimsWith({ iat: T0 + 10 }), {
  memory: { ...memory, birth: T0 - 0.001 },
});
accepts("the memory's time counts, not the option", () => proofWith(), { memory, now: T0 + 3600 });

// F: the target

const otherTargets = [
  `${origin}/api/other`,
  `https://evil.example${path}`,
  `https://rs.example.${path}`,
  `https://rs.example:8443${path}`,
  `http://rs.example${path}`,
  `${uri}/`,
  `${origin}/API/notes`,
  `${origin}//api/notes`,
  `${origin}/api%2Fnotes`,
  `${origin}`,
];
for (const htu of otherTargets) {
  refuses(`[R9449-4.3-09] [F07] refuses htu ${htu}`, 'htu-mismatch', () => claimsWith({ htu }));
}
const sameTargets = [
  `${uri}?a=b#c`,
  `${uri}#c`,
  `HTTPS://RS.Example${path}`,
  `https://rs.example:443${path}`,
  `https://rs.example:${path}`,
  `${origin}/%61pi/notes`,
  `${origin}/x/../api/./notes`,
];
for (const htu of sameTargets) {
  accepts(`[R9449-4.3-09] [R9449-4.3-14] [F08] [F09] [F10] accepts htu ${htu}`, () => claimsWith({ htu }));
}
accepts('[R9449-4.3-09] [F08] accepts a request with a query', () => proofWith(), { uri: `${uri}?page=2` });
accepts('[R9449-4.3-14] accepts a request URI in another spelling', () => proofWith(), {
  uri: `HTTPS://RS.EXAMPLE:443${path}`,
});
for (const port of ['0443', '443443', '-1', '+443', '4 43']) {
  refuses(`[R9449-4.3-14] [F11] refuses the port ${port}`, 'htu-malformed', () =>
    claimsWith({ htu: `https://rs.example:${port}${path}` }),
  );
}
for (const htu of [
  `https:rs.example${path}`,
  `https:\\\\rs.example${path}`,
  ` ${uri}`,
  `https://u:p@rs.example${path}`,
]) {
  refuses(`[R9449-4.3-14] [F12] [F13] refuses htu ${JSON.stringify(htu)}`, 'htu-malformed', () =>
    claimsWith({ htu }),
  );
}

// G: token and key

const hash = decodeBase64url(ath);
const wrongHashes: Readonly<Record<string, unknown>> = {
  '[G01] missing': undefined,
  '[G01] of another token': await sha256('another'),
  '[G01] of the header value': await sha256(`DPoP ${token}`),
  '[G01] in hexadecimal': Buffer.from(hash).toString('hex'),
  '[G01] with padding': `${ath}=`,
  '[G01] in the standard alphabet': Buffer.from(hash).toString('base64'),
  '[G01] by SHA-512': encodeBase64url(new Uint8Array(await crypto.subtle.digest('SHA-512', utf8(token)))),
  '[G01] with other unused bits': withUnusedBit(ath),
  '[G01] empty': '',
  '[G02] a number': 5,
  '[G02] an array': [ath],
  '[G02] null': null,
};
for (const [what, value] of Object.entries(wrongHashes)) {
  refuses(`[R9449-4.3-12] ${what}: refuses ath`, 'ath-mismatch', () => claimsWith({ ath: value }));
}
accepts('[R9449-4.3-13] accepts the key of the token', () => proofWith(), { jkt: client.jkt });
refuses(
  '[R9449-4.3-13] [R9449-6-02] [G03] refuses another key than that of the token',
  'key-mismatch',
  () => proofWith(),
  {
    jkt: stranger.jkt,
  },
);
refuses(
  '[R9449-4.3-13] [G18] refuses a thumbprint that differs in a letter',
  'key-mismatch',
  () => proofWith(),
  { jkt: (client.jkt.startsWith('A') ? 'B' : 'A') + client.jkt.slice(1) },
);

// The functions themselves

const brokenMemories: readonly unknown[] = [
  undefined,
  null,
  {},
  Promise.resolve(memory),
  { ...memory, id: undefined },
  { ...memory, birth: '0' },
  { ...memory, now: Number.NaN },
  { ...memory, now: undefined },
  { ...memory, floor: undefined },
  { ...memory, floor: { iat: T0 } },
  { ...memory, floor: { iat: Number.NaN, nonce: 0 } },
];

test('[R9449-11.6-01] refuses options that make no sense, by name', async () => {
  const proof = await proofWith();
  const mistakes: readonly (readonly [string, Situation])[] = [
    ['accesToken', { accesToken: 'token' } as never],
    ['jtk', { jtk: client.jkt } as never],
    ['uri', { uri: '/api/notes' }],
    ['uri', { uri: 'https://user@rs.example/' }],
    ['algorithms', { algorithms: [] }],
    ['algorithms', { algorithms: ['none' as 'ES256'] }],
    ['algorithms', { algorithms: ['ES256', 'HS256' as 'ES256'] }],
    ['maxProofBytes', { maxProofBytes: 0 }],
    ['maxAge', { maxAge: -1 }],
    ['maxAge', { maxAge: 601 }],
    ['futureSkew', { futureSkew: 61 }],
    ['nonceLife', { nonceLife: Number.NaN }],
    ...['', 'x', client.jkt.slice(0, 42), `${client.jkt}=`].map((jkt) => ['jkt', { jkt }] as const),
    ...[undefined, null, 5].map((jkt) => ['jkt', { jkt: jkt as never }] as const),
    ...['', undefined, null].map((it) => ['accessToken', { accessToken: it as never }] as const),
    ...[Number.NaN, Number.POSITIVE_INFINITY, String(T0), new Date(), undefined, null].map(
      (now) => ['now', { now: now as never }] as const,
    ),
    ...brokenMemories.map((broken) => ['memory', { memory: broken as never }] as const),
  ];
  for (const [name, situation] of mistakes) {
    for (const run of [verifyProof, explainProof]) {
      const error = await run(...judge(proof, situation)).catch((thrown: unknown) => thrown);
      assert.instance(error, TypeError);
      assert.match((error as TypeError).message, `"${name}"`);
    }
  }
  const error = await verifyProof({ method: 'GET', uri, proof }, null as never).catch(
    (thrown: unknown) => thrown,
  );
  assert.instance(error, TypeError);
});

test('without options: any key, no token, the clock of the system', async () => {
  const proof = await claimsWith({ iat: Date.now() / 1000 });
  const { jkt } = await verifyProof({ method: 'GET', uri, proof });
  assert.is(jkt, client.jkt);
  const verdicts = await explainProof({ method: 'GET', uri, proof });
  assert.ok(verdicts.every(({ passed }) => passed));
});

test('the window is what the options say', async () => {
  const proof = await claimsWith({ iat: T0 - 100 });
  await verifyProof(...judge(proof, { maxAge: 100 }));
  assert.is(await reasonOf(verifyProof(...judge(proof, { maxAge: 99 }))), 'proof-stale');
  const early = await claimsWith({ iat: T0 + 30 });
  await verifyProof(...judge(early, { futureSkew: 30 }));
  assert.is(await reasonOf(verifyProof(...judge(early, { futureSkew: 29 }))), 'proof-from-future');
});

const limits = { algorithms: ['ES256', 'Ed25519'] as const satisfies ClientAlgorithm[], maxProofBytes: 4096 };

function expectations(jkt?: string): Parameters<ProofVerifier['verify']>[1] {
  const policy = { maxAge: 60, futureSkew: 10, nonceLife: 60 };
  return {
    method: 'GET',
    uri,
    now: T0,
    policy,
    memory,
    accessTokenHash: ath,
    jkt,
    readNonce,
    nonceRequired: () => false,
  };
}

test('a header that is known spares its checks and nothing else', async () => {
  const verifier = new ProofVerifier(limits, 10);
  const verify = async (proof: string, jkt?: string): Promise<unknown> =>
    verifier.verify(await verifier.open([proof]), expectations(jkt));
  await verify(await proofWith());
  await verify(await proofWith(), client.jkt);
  assert.is(await reasonOf(verify(await signedBy(() => new Uint8Array(64)))), 'signature-invalid');
  assert.is(await reasonOf(verify(await claimsWith({ htm: 'PUT' }))), 'htm-mismatch');
  assert.is(await reasonOf(verify(await proofWith(), stranger.jkt)), 'key-mismatch');
});

test('a header is known by a verified signature alone', async () => {
  const verifier = new ProofVerifier(limits, 1);
  const verify = async (proof: string): Promise<unknown> =>
    verifier.verify(await verifier.open([proof]), expectations());
  assert.is(await reasonOf(verify(await headerWith({}, signer(stranger)))), 'signature-invalid');
  await verify(await edwardsProof());
  await verify(await proofWith());
  await verify(await edwardsProof());
});

test('[K04] a header of 1024 characters is remembered, a longer one is imported each time', async () => {
  const valid = JSON.stringify({ ...proofParts(client, ath).header, x: '' });
  for (const [size, imports] of [
    [768, 1],
    [769, 2],
  ] as const) {
    const verifier = new ProofVerifier(limits, 10);
    const proofs = [1, 2].map(() => headerWith({ x: 'x'.repeat(size - valid.length) }));
    const [first = '', second = ''] = await Promise.all(proofs);
    assert.is(first.indexOf('.') > 1024, size > 768);
    const count = await importsDuring(async () => {
      for (const proof of [first, second])
        await verifier.verify(await verifier.open([proof]), expectations(client.jkt));
    });
    assert.is(count, imports);
  }
});

/** How many proof keys are imported meanwhile. */
async function importsDuring(run: () => Promise<unknown>): Promise<number> {
  const node = process.getBuiltinModule('node:crypto');
  const { createPublicKey } = node;
  let count = 0;
  const counting = (...given: Parameters<typeof createPublicKey>): unknown => {
    count += 1;
    return createPublicKey(...given);
  };
  Object.assign(node, { createPublicKey: counting });
  try {
    await run();
  } finally {
    Object.assign(node, { createPublicKey });
  }
  return count;
}

test('tells whether the owner of the key has signed a proof that is refused for its time', async () => {
  const verifier = new ProofVerifier(limits, 10);
  const isSigned = async (proof: string): Promise<boolean> => {
    const received = await verifier.open([proof]);
    assert.is(await reasonOf(verifier.verify(received, expectations())), 'proof-stale');
    return verifier.isSigned(received);
  };
  const stale = { iat: T0 - 61 };
  assert.ok(await isSigned(await claimsWith(stale)));
  assert.not(await isSigned(await proofWith({}, stale, signer(stranger))));
  assert.not(await isSigned(await proofWith({}, stale, async () => 'AAAA')));
  const off = { ...client.publicJwk, y: encodeBase64url(new Uint8Array(32).fill(7)) };
  assert.not(await isSigned(await proofWith({ jwk: off }, stale)), 'a key that is none');
});

test('[R7519-4.1-01] exp and nbf are judged by the clock, not by the time of the memory', async () => {
  const ahead = { ...memory, now: T0 + 30 };
  const judged = (claims: Changes): Promise<Parameters<typeof verifyProof>> =>
    claimsWith(claims).then((proof) => judge(proof, { memory: ahead }));
  await verifyProof(...(await judged({ exp: T0 + 1 })));
  assert.is(await reasonOf(verifyProof(...(await judged({ exp: T0 })))), 'proof-expired');
  await verifyProof(...(await judged({ nbf: T0 + 10 })));
  assert.is(await reasonOf(verifyProof(...(await judged({ nbf: T0 + 11 })))), 'proof-not-yet-valid');
});

test('the time of the memory is the clock where none is given', async () => {
  const options = { memory, accessToken: token };
  const proof = await claimsWith({ exp: T0 + 1 });
  await verifyProof({ method: 'GET', uri, proof }, options);
  const late = { ...options, memory: { ...memory, now: T0 + 1 } };
  assert.is(await reasonOf(verifyProof({ method: 'GET', uri, proof }, late)), 'proof-expired');
});

test('what was never opened is refused all the same', async () => {
  const verifier = new ProofVerifier(limits, 1);
  assert.is(
    await reasonOf(verifier.verify(new ReceivedProof([], limits), expectations())),
    'proof-malformed',
  );
});

test.run();
