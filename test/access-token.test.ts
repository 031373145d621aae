import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { CompactSign, exportJWK, generateKeyPair as generateJosePair, type JSONWebKeySet } from 'jose';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { AccessTokenVerifier, type TokenKeys, type TokenLimits } from '../src/access-token.ts';
import { sha256, utf8 } from '../src/digest.ts';
import type { DpopError, DpopErrorReason } from '../src/errors.ts';
import { IssuerKeys, type JwksSource } from '../src/issuer-keys.ts';
import type { SignatureAlgorithm } from '../src/jwk.ts';
import { createSigningKey, type SigningKey } from '../src/token-issuer.ts';
import {
  audience,
  createRequest,
  createWorld,
  forge,
  generateKeyPair,
  issuerUrl,
  proofParts,
  reasonOf,
  refusalOf,
  signer,
  T0,
} from './_setup.ts';

const test = suite('access token');

const signingKey = await createSigningKey('ES256');
const otherKey = await createSigningKey('ES256');
const client = await generateKeyPair();
const { jkt } = client;
const keySet: JSONWebKeySet = { keys: [signingKey.publicJwk] };

type Changes = Readonly<Record<string, unknown>>;

/** The claims of a valid token. */
function validClaims(): Record<string, unknown> {
  const times = { iat: T0, exp: T0 + 300 };
  return {
    iss: issuerUrl,
    sub: 'alice',
    client_id: 'client',
    aud: audience,
    jti: 'one',
    cnf: { jkt },
    ...times,
  };
}

/** A valid token with members of its header or claims replaced; `undefined` takes one away. Always signed. */
function tokenWith(header: Changes, claims: Changes = {}, key: SigningKey = signingKey): Promise<string> {
  const sign = signer({ ...client, privateKey: key.privateKey, algorithm: key.algorithm });
  const protectedHeader = { typ: 'at+jwt', alg: key.algorithm, kid: key.kid, ...header };
  return forge(protectedHeader, { ...validClaims(), ...claims }, sign);
}

function claimsWith(claims: Changes): Promise<string> {
  return tokenWith({}, claims);
}

interface Setting extends TokenLimits {
  readonly jwks: JwksSource;
  readonly jwksMaxAge: number;
  readonly algorithms: readonly SignatureAlgorithm[];
  /** In place of `jwks`. */
  readonly keys: TokenKeys;
}

/** A verifier for the tokens of one issuer, all of them JWTs. */
function verifierOf(changes: Partial<Setting> = {}): AccessTokenVerifier {
  const limits = { clockTolerance: 10, maxTokens: 100, maxTokenBytes: 8192, ...changes };
  const { jwks, jwksMaxAge: maxAge = 600, algorithms = ['ES256', 'Ed25519', 'EdDSA'] } = changes;
  const source = 'jwks' in changes ? (jwks as JwksSource) : keySet;
  const keys = changes.keys ?? new IssuerKeys(source, { maxAge, keepFor: 86_400 });
  const policy = { issuer: issuerUrl, audience, algorithms, keys, introspector: undefined };
  return new AccessTokenVerifier([policy], limits);
}

/** Registers a test: refused for this reason, and again when it comes back. */
function refuses(title: string, reason: DpopErrorReason, make: () => Promise<string>): void {
  test(title, async () => {
    const verifier = verifierOf();
    const token = await make();
    for (const attempt of [1, 2])
      assert.is(await reasonOf(verifier.verify(token, T0)), reason, `attempt ${attempt}`);
  });
}

function accepts(title: string, make: () => Promise<string>): void {
  test(title, async () => {
    const verifier = verifierOf();
    const token = await make();
    const verified = await verifier.verify(token, T0);
    assert.is(verified.jkt, jkt);
    assert.is((await verifier.verify(token, T0)).claims, verified.claims, 'and remembers it');
  });
}

test('[R9449-6-01] [R9449-7-02] yields claims, key and hash', async () => {
  const token = await claimsWith({ scope: 'read write', extra: { deep: [{ er: 1 }] } });
  const verified = await verifierOf().verify(token, T0);
  assert.is(verified.jkt, jkt);
  assert.is(verified.hash, await sha256(token));
  assert.equal(Object.keys(verified), ['claims', 'jkt', 'hash']);
  assert.equal(
    { ...verified.claims },
    { ...validClaims(), scope: 'read write', extra: { deep: [{ er: 1 }] } },
  );
  assert.is(Object.getPrototypeOf(verified.claims), null);
});

test('freezes the claims to the bottom, since they are handed to one request after another', async () => {
  const token = await claimsWith({ extra: { deep: [{ er: 1, none: null }] } });
  const { claims } = await verifierOf().verify(token, T0);
  const { extra } = claims as unknown as { extra: { deep: { er: number }[] } };
  for (const part of [claims, extra, extra.deep, extra.deep[0], claims['cnf']])
    assert.ok(Object.isFrozen(part));
  assert.throws(() => Object.assign(extra.deep[0] as object, { er: 2 }), TypeError);
});

// The header

for (const typ of [undefined, 'JWT', 'at+jwt2', 'dpop+jwt', 'application/jwt', '', 5, ['at+jwt'], null]) {
  refuses(`[R9068-4-01] refuses typ ${JSON.stringify(typ)}`, 'token-type-mismatch', () => tokenWith({ typ }));
}
for (const typ of ['at+jwt', 'AT+JWT', 'application/at+jwt', 'Application/AT+jwt']) {
  accepts(`[R9068-4-01] accepts typ ${typ}`, () => tokenWith({ typ }));
}
for (const alg of [undefined, 'none', 'None', '', 'HS256', 'RS256', 'ES384', 'es256', 5, ['ES256'], null]) {
  refuses(`[R9068-4-04] [G14] refuses alg ${JSON.stringify(alg)}`, 'token-algorithm-not-allowed', () =>
    tokenWith({ alg }),
  );
}
refuses('[R9068-4-04] [G14] refuses none without a signature', 'token-malformed', async () => {
  return (await tokenWith({ alg: 'none' })).replace(/[^.]+$/, '');
});
refuses('[R9068-4-04] refuses HS256 keyed by the public key', 'token-algorithm-not-allowed', async () => {
  const header = { typ: 'at+jwt', alg: 'HS256', kid: signingKey.kid };
  const secret = utf8(JSON.stringify(signingKey.publicJwk));
  return new CompactSign(utf8(JSON.stringify(validClaims()))).setProtectedHeader(header).sign(secret);
});
for (const header of [
  { crit: ['x'] },
  { crit: [] },
  { b64: false },
  { b64: true },
  { crit: ['b64'], b64: true },
]) {
  refuses(`[R7515-4.1.11-01] [R7797-7-01] refuses ${JSON.stringify(header)}`, 'token-malformed', () =>
    tokenWith(header),
  );
}
refuses('[R8725-3.11-01] [C23] refuses a proof as access token', 'token-issuer-mismatch', () => {
  const { header, claims } = proofParts(client);
  return forge(header, claims, signer(client));
});
refuses('[R8725-3.11-01] [C23] and one that has all the claims of a token', 'token-type-mismatch', () => {
  const { header, claims } = proofParts(client);
  return forge(header, { ...validClaims(), ...claims }, signer(client));
});

// The text

const shapes: Readonly<Record<string, (token: string) => string>> = {
  'no JWT': () => 'opaque',
  'two segments': (token) => token.slice(0, token.lastIndexOf('.')),
  'four segments': (token) => `${token}.AAAA`,
  padding: (token) => `${token}=`,
  'unused bits': (token) => token.slice(0, -1) + String.fromCharCode(token.charCodeAt(token.length - 1) + 1),
  'a line break': (token) => `${token}\n`,
};
for (const [what, change] of Object.entries(shapes)) {
  refuses(`[R7515-2-01] refuses ${what}`, 'token-malformed', async () => change(await tokenWith({})));
}
refuses('[R7515-4-01] refuses a header member given twice', 'token-malformed', () => {
  const header = `{"typ":"at+jwt","alg":"none","alg":"ES256","kid":"${signingKey.kid}"}`;
  return forge(header, validClaims(), signer({ ...client, privateKey: signingKey.privateKey }));
});
for (const payload of ['null', '[]', '"x"', '{', '1']) {
  refuses(`[R7519-7.2-01] refuses the payload ${payload}`, 'token-issuer-mismatch', () => {
    const header = { typ: 'at+jwt', alg: 'ES256', kid: signingKey.kid };
    return forge(header, payload, signer({ ...client, privateKey: signingKey.privateKey }));
  });
}
test('a header of 1024 characters is looked at, a longer one is not, and costs no look at the keys', async () => {
  const padding = 768 - JSON.stringify({ typ: 'at+jwt', alg: 'ES256', kid: signingKey.kid, x: '' }).length;
  const longest = await tokenWith({ x: 'x'.repeat(padding) });
  assert.is(longest.indexOf('.'), 1024);
  await verifierOf().verify(longest, T0);
  let asked = 0;
  const count = (): JSONWebKeySet => {
    asked += 1;
    return keySet;
  };
  const longer = await tokenWith({ x: 'x'.repeat(padding + 1) });
  assert.is(await reasonOf(verifierOf({ jwks: count }).verify(longer, T0)), 'token-malformed');
  assert.is(asked, 0);
});
test('a token of the greatest size is looked at, a longer one is not', async () => {
  const token = await tokenWith({});
  await verifierOf({ maxTokenBytes: token.length }).verify(token, T0);
  assert.is(
    await reasonOf(verifierOf({ maxTokenBytes: token.length - 1 }).verify(token, T0)),
    'token-too-large',
  );
});

// The signature

refuses('[R9068-4-04] refuses a signature by another key', 'token-signature-invalid', () => {
  return tokenWith({ kid: signingKey.kid }, {}, otherKey);
});
test('[R9068-4-04] refuses a token with one byte flipped, wherever it is', async () => {
  const verifier = verifierOf();
  const segments = (await tokenWith({})).split('.').map((segment) => Buffer.from(segment, 'base64url'));
  for (const [index, segment] of segments.entries()) {
    for (let at = 0; at < segment.length; at++) {
      const flipped = segments.map((bytes) => Buffer.from(bytes));
      (flipped[index] as Buffer)[at] = (segment[at] as number) ^ 1;
      await reasonOf(verifier.verify(flipped.map((bytes) => bytes.toString('base64url')).join('.'), T0));
    }
  }
});
refuses('[R8725-3.8-01] [G19] refuses a kid that is not published', 'token-key-unknown', () =>
  tokenWith({}, {}, otherKey),
);
test('[G19] refuses a token without kid where several keys fit', async () => {
  const verifier = verifierOf({ jwks: { keys: [signingKey.publicJwk, otherKey.publicJwk] } });
  assert.is(await reasonOf(verifier.verify(await tokenWith({ kid: undefined }), T0)), 'token-key-unknown');
});
accepts('accepts a token without kid where there is one key', () => tokenWith({ kid: undefined }));

for (const algorithm of ['Ed25519', 'EdDSA', 'PS256', 'RS256'] as const) {
  test(`[R9068-2.1-02] verifies ${algorithm} where it is allowed`, async () => {
    const { privateKey, publicKey } = await generateJosePair(algorithm);
    const header = { typ: 'at+jwt', alg: algorithm };
    const token = await new CompactSign(utf8(JSON.stringify(validClaims())))
      .setProtectedHeader(header)
      .sign(privateKey);
    const jwks = { keys: [await exportJWK(publicKey)] };
    assert.is((await verifierOf({ jwks, algorithms: [algorithm] }).verify(token, T0)).jkt, jkt);
    assert.is(
      await reasonOf(verifierOf({ jwks, algorithms: ['ES256'] }).verify(token, T0)),
      'token-algorithm-not-allowed',
    );
  });
}

// The claims

const mismatches: readonly (readonly [string, DpopErrorReason, Changes])[] = [
  ['[R9068-4-02] another issuer', 'token-issuer-mismatch', { iss: 'https://evil.example' }],
  ['[R9068-4-02] the issuer with a slash', 'token-issuer-mismatch', { iss: `${issuerUrl}/` }],
  ['[R9068-4-02] the issuer in a list', 'token-issuer-mismatch', { iss: [issuerUrl] }],
  ['[R9068-4-02] no issuer', 'token-issuer-mismatch', { iss: undefined }],
  ['[R9068-4-03] another audience', 'token-audience-mismatch', { aud: 'https://other.example' }],
  ['[R9068-4-03] [R9700-2.3-01] other audiences', 'token-audience-mismatch', { aud: ['a', 'b'] }],
  ['[R9068-4-03] part of the audience', 'token-audience-mismatch', { aud: audience.slice(0, -1) }],
  ['[R9068-4-03] no audience', 'token-audience-mismatch', { aud: undefined }],
  ['[R9068-4-03] an empty list of audiences', 'token-audience-mismatch', { aud: [] }],
  ['[R9068-4-03] an audience that is no text', 'token-audience-mismatch', { aud: { [audience]: true } }],
];
for (const [what, reason, claims] of mismatches)
  refuses(`${what}: refused`, reason, () => claimsWith(claims));
accepts('[R9068-4-03] accepts our audience among others', () => claimsWith({ aud: ['other', audience] }));

for (const name of ['sub', 'client_id', 'jti', 'exp', 'iat']) {
  for (const value of [undefined, '', 'x', 5, null, {}, [], true]) {
    const isText = ['sub', 'client_id', 'jti'].includes(name);
    if (isText ? value === 'x' : typeof value === 'number') continue;
    refuses(`[R9068-2.2-01] refuses ${name} ${JSON.stringify(value)}`, 'token-claim-invalid', () =>
      claimsWith({ [name]: value }),
    );
  }
}
for (const [name, value] of Object.entries({ exp: '1e999', iat: '-1e999', nbf: '-1e999' })) {
  refuses(`[R9068-2.2-01] [G14] refuses ${name} ${value}, a time without end`, 'token-claim-invalid', () => {
    const claims = JSON.stringify({ ...validClaims(), [name]: 5 }).replace(
      `"${name}":5`,
      `"${name}":${value}`,
    );
    return forge(
      { typ: 'at+jwt', alg: 'ES256', kid: signingKey.kid },
      claims,
      signer({ ...client, privateKey: signingKey.privateKey }),
    );
  });
}
refuses('[R9068-2.2-01] refuses claims that only stand inside __proto__', 'token-claim-invalid', () => {
  const claims = JSON.stringify(validClaims()).replace('"sub":"alice"', '"__proto__":{"sub":"alice"}');
  return forge(
    { typ: 'at+jwt', alg: 'ES256', kid: signingKey.kid },
    claims,
    signer({ ...client, privateKey: signingKey.privateKey }),
  );
});
for (const scope of [5, null, ['read'], {}, true]) {
  refuses(`refuses scope ${JSON.stringify(scope)}`, 'token-claim-invalid', () => claimsWith({ scope }));
}
for (const nbf of [null, 'x', [T0]]) {
  refuses(`[R7519-7.2-01] refuses nbf ${JSON.stringify(nbf)}`, 'token-not-yet-valid', () =>
    claimsWith({ nbf }),
  );
}

test('[R9068-4-04] takes a token to the last millisecond of its tolerance', async () => {
  for (const token of [await claimsWith({}), await claimsWith({ exp: T0 + 299.5 })]) {
    const remembering = verifierOf();
    await remembering.verify(token, T0);
    for (const verifier of [verifierOf(), remembering]) await verifier.verify(token, T0 + 309.499);
  }
});

test('[R9068-4-04] [G14] refuses an expired token, known or not', async () => {
  const token = await claimsWith({});
  const remembering = verifierOf();
  await remembering.verify(token, T0 + 309.999);
  for (const verifier of [remembering, verifierOf()]) {
    assert.is(await reasonOf(verifier.verify(token, T0 + 310)), 'token-expired');
    assert.is(await reasonOf(verifier.verify(token, T0 + 1e6)), 'token-expired');
  }
  const fraction = await claimsWith({ exp: T0 + 299.5 });
  assert.is(await reasonOf(verifierOf().verify(fraction, T0 + 309.5)), 'token-expired');
});

for (const name of ['iat', 'nbf']) {
  test(`[R9068-4-04] takes ${name} ahead within the tolerance, known or not`, async () => {
    const token = await claimsWith({ nbf: T0 - 60, [name]: T0 + 10 });
    const remembering = verifierOf();
    await remembering.verify(token, T0);
    await remembering.verify(token, T0);
    for (const verifier of [remembering, verifierOf()]) {
      assert.is(await reasonOf(verifier.verify(token, T0 - 0.001)), 'token-not-yet-valid');
    }
  });
}

test('refuses every token when the clock is no number', async () => {
  const token = await claimsWith({});
  const remembering = verifierOf();
  await remembering.verify(token, T0);
  assert.is(await reasonOf(remembering.verify(token, Number.NaN)), 'token-expired');
  await refusalOf(verifierOf().verify(token, Number.NaN));
});

// The binding

test('[R9449-6-01] a token without cnf is told apart: it is bound to no key', async () => {
  const verifier = verifierOf();
  const token = await claimsWith({ cnf: undefined });
  for (const attempt of ['anew', 'known'])
    assert.is((await verifier.verify(token, T0)).jkt, undefined, attempt);
});

for (const cnf of [null, {}, [], 'x', 5, { jkt: '' }, { jkt: 5 }, { jkt: [jkt] }, { jkt: null }, [{ jkt }]]) {
  refuses(`[R9449-7.2-02] [R7800-3.1-01] [G05] refuses cnf ${JSON.stringify(cnf)}`, 'token-not-bound', () =>
    claimsWith({ cnf }),
  );
}
for (const wrong of [`${jkt}=`, jkt.slice(1), `${jkt}A`, jkt.replace(/.$/, '_'), ` ${jkt.slice(1)}`]) {
  refuses(
    `[R9449-6.1-02] [G05] [G18] refuses jkt ending in ${JSON.stringify(wrong.slice(-5))}`,
    'token-not-bound',
    () => {
      return claimsWith({ cnf: { jkt: wrong } });
    },
  );
}
refuses('[R9449-11.10-01] refuses a thumbprint by another hash', 'token-not-bound', () =>
  claimsWith({ cnf: { 'jkt#S384': jkt } }),
);
refuses('[R7800-3.1-01] refuses a thumbprint that only stands inside __proto__', 'token-not-bound', () => {
  const claims = JSON.stringify(validClaims()).replace(
    /"cnf":\{[^}]*\}/,
    `"cnf":{"__proto__":{"jkt":"${jkt}"}}`,
  );
  return forge(
    { typ: 'at+jwt', alg: 'ES256', kid: signingKey.kid },
    claims,
    signer({ ...client, privateKey: signingKey.privateKey }),
  );
});
for (const name of ['x5t#S256', 'jwk', 'jwe', 'jku', 'kid']) {
  refuses(`[R7800-3.1-01] [G06] refuses cnf with ${name} alone`, 'token-confirmation-unsupported', () =>
    claimsWith({ cnf: { [name]: 'x' } }),
  );
  refuses(
    `[R7800-3.1-01] [G07] refuses cnf with ${name} beside jkt`,
    'token-confirmation-unsupported',
    () => {
      return claimsWith({ cnf: { jkt, [name]: 'x' } });
    },
  );
}
accepts('[R7800-3.1-01] [G08] accepts unknown members beside jkt', () =>
  claimsWith({ cnf: { jkt, foo: { a: 1 } } }),
);

// Remembered tokens

test('[G19] a remembered token is refused as soon as its key is gone', async () => {
  let keys = [signingKey.publicJwk, otherKey.publicJwk];
  const verifier = verifierOf({ jwks: () => ({ keys }) });
  const token = await tokenWith({});
  await verifier.verify(token, T0);
  keys = [otherKey.publicJwk];
  assert.is(await reasonOf(verifier.verify(token, T0)), 'token-key-unknown');
  keys = [signingKey.publicJwk];
  await verifier.verify(token, T0);
});

test('[G19] a remembered token is refused when another key takes its kid', async () => {
  let keys = [signingKey.publicJwk];
  const verifier = verifierOf({ jwks: () => ({ keys }) });
  const token = await tokenWith({});
  await verifier.verify(token, T0);
  keys = [{ ...otherKey.publicJwk, kid: signingKey.kid }];
  assert.is(await reasonOf(verifier.verify(token, T0)), 'token-signature-invalid');
});

test('a remembered token costs no second verification while the key set is the same', async () => {
  const verifier = verifierOf({ jwks: () => keySet });
  const token = await tokenWith({});
  const first = await verifier.verify(token, T0);
  assert.is((await verifier.verify(token, T0 + 300)).claims, first.claims);
  const other = verifierOf({ jwks: () => ({ ...keySet }) });
  assert.is.not(
    (await other.verify(token, T0)).claims,
    (await other.verify(token, T0)).claims,
    'a new set, a new key, a new verification',
  );
});

test('what was refused is not remembered, and no more is remembered than allowed', async () => {
  const verifier = verifierOf({ maxTokens: 1 });
  const [one, two] = [await claimsWith({ jti: '1' }), await claimsWith({ jti: '2' })];
  const known = await verifier.verify(one, T0);
  assert.is(await reasonOf(verifier.verify(await claimsWith({ sub: 5 }), T0)), 'token-claim-invalid');
  assert.is(await reasonOf(verifier.verify(two, T0 + 1000)), 'token-expired');
  assert.is((await verifier.verify(one, T0)).claims, known.claims);
  await verifier.verify(two, T0);
  assert.is.not((await verifier.verify(one, T0)).claims, known.claims);
});

/** Keys of an issuer as a test wants them: what stands for them, and what is done before one is found. */
interface ScriptedKeys extends TokenKeys {
  standing: object | undefined;
  /** How often a key was looked for. */
  found: number;
  before: () => void;
}

async function scriptKeys(): Promise<ScriptedKeys> {
  const source = new IssuerKeys(keySet, { maxAge: 600, keepFor: 86_400 });
  const keys: ScriptedKeys = {
    standing: { keys: 'first' },
    found: 0,
    before: () => undefined,
    current: () => keys.standing,
    find: async (header) => {
      keys.found++;
      keys.before();
      return source.find(header);
    },
  };
  return keys;
}

test('[G19] a token is remembered for as long as the very same keys are published', async () => {
  const keys = await scriptKeys();
  const verifier = verifierOf({ keys });
  const token = await tokenWith({});
  const first = { keys: 'first' };
  for (const [standing, found] of [
    [first, 1],
    [first, 1],
    [{ keys: 'first' }, 2],
    [first, 3],
    [first, 3],
  ] as const) {
    keys.standing = standing;
    await verifier.verify(token, T0);
    assert.is(keys.found, found);
  }
});

test('[G19] while only a look could tell which keys are published, every token is looked at anew', async () => {
  const keys = await scriptKeys();
  const verifier = verifierOf({ keys });
  const token = await tokenWith({});
  await verifier.verify(token, T0);
  keys.standing = undefined;
  await verifier.verify(token, T0);
  await verifier.verify(token, T0);
  assert.is(keys.found, 3);
});

test('[G19] keys that come while a key is looked for are not taken for those that verified the token', async () => {
  const keys = await scriptKeys();
  const verifier = verifierOf({ keys });
  const token = await tokenWith({});
  const second = { keys: 'second' };
  keys.before = () => {
    keys.standing = second;
  };
  await verifier.verify(token, T0);
  await verifier.verify(token, T0);
  assert.is(keys.found, 2, 'the first look began before the second keys were there');
  await verifier.verify(token, T0);
  assert.is(keys.found, 2);
});

test('[G19] a token whose key set was fetched for it is remembered from its second use on', async () => {
  const keys = await scriptKeys();
  keys.standing = undefined;
  keys.before = () => {
    keys.standing ??= { keys: 'fetched' };
  };
  const verifier = verifierOf({ keys });
  const token = await tokenWith({});
  for (const found of [1, 2, 2, 2]) {
    await verifier.verify(token, T0);
    assert.is(keys.found, found);
  }
});

test('what a verified token says cannot be changed, known or not', async () => {
  const verifier = verifierOf();
  const token = await tokenWith({});
  for (const attempt of ['anew', 'known']) {
    const verified = await verifier.verify(token, T0);
    assert.ok(Object.isFrozen(verified), attempt);
    assert.throws(() => Object.assign(verified, { jkt: undefined }), TypeError);
  }
});

// Where keys come from

test('refuses a source of keys that makes no sense, by name', () => {
  const naming = (error: unknown): boolean => error instanceof TypeError && error.message.includes('"jwks"');
  for (const jwks of [
    undefined,
    null,
    5,
    {},
    { keys: {} },
    [],
    'not a URL',
    'http://as.example/jwks',
    new URL('ftp://x'),
  ]) {
    assert.throws(() => verifierOf({ jwks: jwks as never }), naming);
  }
});

const broken: Readonly<Record<string, () => unknown>> = {
  throws: () => {
    throw new Error('down');
  },
  'yields nothing': () => undefined,
  'yields no key set': () => ({ keys: 'x' }),
  'yields a promise': () => Promise.resolve(keySet),
  'yields a key that is none': () => ({ keys: [{ ...signingKey.publicJwk, x: 'AA' }] }),
  'yields a private key': () => ({ keys: [{ ...signingKey.publicJwk, d: 'AA' }] }),
};
for (const [what, jwks] of Object.entries(broken)) {
  test(`[R9449-7.1-03] a function that ${what} is the issuer's fault`, async () => {
    const refusal = await refusalOf(verifierOf({ jwks: jwks as never }).verify(await tokenWith({}), T0));
    assert.equal([refusal.reason, refusal.code], ['issuer-unavailable', 'temporarily_unavailable']);
    assert.instance(refusal.cause, Error);
  });
}

/** A key server on loopback, and how often it was asked. */
interface KeyServer {
  readonly url: string;
  readonly asked: () => number;
  readonly close: () => Promise<void>;
}

async function serveKeys(answer: RequestListener): Promise<KeyServer> {
  let asked = 0;
  const sockets = new Set<Socket>();
  const server: Server = createServer((request, response) => {
    asked++;
    answer(request, response);
  });
  server.on('connection', (socket) => sockets.add(socket));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const close = (): Promise<void> => {
    for (const socket of sockets) socket.destroy();
    return new Promise((resolve) => server.close(() => resolve()));
  };
  return { url: `http://127.0.0.1:${port}/jwks`, asked: () => asked, close };
}

/** Runs a test with a key server that is closed whatever happens. */
async function withKeys(answer: RequestListener, run: (keys: KeyServer) => Promise<void>): Promise<void> {
  const keys = await serveKeys(answer);
  try {
    await run(keys);
  } finally {
    await keys.close();
  }
}

const publish: RequestListener = (_, response) => {
  response.setHeader('content-type', 'application/json').end(JSON.stringify(keySet));
};

test('fetches the key set at first use, once, and never for a known token', async () => {
  await withKeys(publish, async ({ url, asked }) => {
    const verifier = verifierOf({ jwks: url });
    assert.is(asked(), 0);
    const tokens = await Promise.all(['1', '2', '3'].map((jti) => claimsWith({ jti })));
    await Promise.all(tokens.map((token) => verifier.verify(token, T0)));
    for (const token of tokens) await verifier.verify(token, T0);
    assert.is(asked(), 1);
    const other = verifierOf({ jwks: new URL(url) });
    await other.verify(await tokenWith({}), T0);
    assert.is(asked(), 2);
  });
});

test('[G19] an unknown kid has the key set fetched once in a cool-down, however often it comes', async () => {
  await withKeys(publish, async ({ url, asked }) => {
    const verifier = verifierOf({ jwks: url });
    await verifier.verify(await tokenWith({}), T0);
    const unknown = await Promise.all(['1', '2', '3'].map((kid) => tokenWith({ kid })));
    const refuseAll = async (): Promise<void> => {
      for (const token of unknown) assert.is(await reasonOf(verifier.verify(token, T0)), 'token-key-unknown');
    };
    await refuseAll();
    assert.is(asked(), 1, 'the set has just been fetched');
    await secondsLater(31, refuseAll);
    assert.is(asked(), 2);
  });
});

test('[G19] a key that has come since the set was fetched is found by the refetch', async () => {
  let keys = [signingKey.publicJwk];
  const answer: RequestListener = (_, response) => void response.end(JSON.stringify({ keys }));
  await withKeys(answer, async ({ url, asked }) => {
    const verifier = verifierOf({ jwks: url });
    await verifier.verify(await tokenWith({}), T0);
    keys = [signingKey.publicJwk, otherKey.publicJwk];
    const next = await tokenWith({}, {}, otherKey);
    await secondsLater(31, () => verifier.verify(next, T0));
    assert.is(asked(), 2);
  });
});

test('[G19] a key that has gone is noticed when the set has reached its age', async () => {
  let keys = [signingKey.publicJwk];
  const answer: RequestListener = (_, response) => void response.end(JSON.stringify({ keys }));
  await withKeys(answer, async ({ url, asked }) => {
    const verifier = verifierOf({ jwks: url, jwksMaxAge: 100 });
    const token = await tokenWith({});
    await verifier.verify(token, T0);
    keys = [otherKey.publicJwk];
    await secondsLater(99, () => verifier.verify(token, T0));
    assert.is(asked(), 1);
    await secondsLater(101, async () => {
      assert.is(await reasonOf(verifier.verify(token, T0)), 'token-key-unknown');
    });
    assert.is(asked(), 2);
  });
});

/** Runs something by clocks that are ahead: by the system's key sets age, by the monotonic one a fetch is tried again. */
async function secondsLater(seconds: number, run: () => Promise<unknown>): Promise<void> {
  const { now } = Date;
  const monotonic = performance.now;
  const [start, since] = [now(), performance.now()];
  Date.now = () => start + seconds * 1000;
  performance.now = () => since + seconds * 1000;
  try {
    await run();
  } finally {
    Date.now = now;
    performance.now = monotonic;
  }
}

const faults: Readonly<Record<string, RequestListener>> = {
  'is no JSON': (_, response) => void response.end('<html>'),
  'is no key set': (_, response) => void response.end('{"keys":"x"}'),
  'has keys that are none': (_, response) => void response.end('{"keys":["x"]}'),
  'is empty': (_, response) => void response.end(),
  'breaks off': (_, response) => {
    response.writeHead(200, { 'content-length': '1000' }).write('{"keys"');
    response.destroy();
  },
  'is a 500': (_, response) => void response.writeHead(500).end(JSON.stringify(keySet)),
  'is a redirect': (_, response) => void response.writeHead(302, { location: '/other' }).end(),
};
for (const [what, answer] of Object.entries(faults)) {
  test(`[R9449-7.1-03] a key set that ${what}: the issuer is unavailable, until it is there again`, async () => {
    let current = answer;
    await withKeys(
      (request, response) => current(request, response),
      async ({ url, asked }) => {
        const verifier = verifierOf({ jwks: url });
        const token = await tokenWith({});
        const refusal = await refusalOf(verifier.verify(token, T0));
        assert.equal([refusal.reason, refusal.code], ['issuer-unavailable', 'temporarily_unavailable']);
        current = publish;
        await secondsLater(0, async () => {
          for (const jti of ['1', '2', '3'])
            assert.is(await reasonOf(verifier.verify(await claimsWith({ jti }), T0)), 'issuer-unavailable');
        });
        assert.is(asked(), 1, 'tokens do not become requests to an issuer that is down');
        await secondsLater(1, () => verifier.verify(token, T0));
        assert.is(asked(), 2);
      },
    );
  });
}

test('[R9449-7.1-03] keys that were fetched before are used while the issuer is down', async () => {
  let current = publish;
  await withKeys(
    (request, response) => current(request, response),
    async ({ url, asked }) => {
      const verifier = verifierOf({ jwks: url });
      await verifier.verify(await tokenWith({}), T0);
      current = faults['is a 500'] as RequestListener;
      await secondsLater(31, async () => {
        const unknown = await tokenWith({ kid: 'unknown' });
        assert.is(await reasonOf(verifier.verify(unknown, T0)), 'issuer-unavailable');
        assert.is(await reasonOf(verifier.verify(unknown, T0)), 'issuer-unavailable');
        await verifier.verify(await claimsWith({ jti: 'another' }), T0);
      });
      assert.is(asked(), 2);
    },
  );
});

test('[R9449-7.1-03] a key server that is not there: the issuer is unavailable', async () => {
  const { url, close } = await serveKeys(publish);
  await close();
  assert.is(await reasonOf(verifierOf({ jwks: url }).verify(await tokenWith({}), T0)), 'issuer-unavailable');
});

test('[R9449-7.1-03] a key server that does not answer in time: the issuer is unavailable', async () => {
  await withKeys(
    () => undefined,
    async ({ url }) => {
      const { setTimeout: real } = globalThis;
      const soon = (run: () => void): unknown => real(run, 20);
      globalThis.setTimeout = soon as typeof globalThis.setTimeout;
      try {
        assert.is(
          await reasonOf(verifierOf({ jwks: url }).verify(await tokenWith({}), T0)),
          'issuer-unavailable',
        );
      } finally {
        globalThis.setTimeout = real;
      }
    },
  );
});

// As a resource server sees it

test('[R9449-7.1-03] a request is answered with 503 while the issuer is unavailable, and its proof is not used up', async () => {
  let current: RequestListener = (_, response) => void response.writeHead(500).end();
  await withKeys(
    (request, response) => current(request, response),
    async ({ url }) => {
      const world = await createWorld({ jwks: url });
      const request = await createRequest(world);
      const refusal = await refusalOf(world.server.authorize(request));
      assert.is(world.server.challenge(refusal).status, 503);
      current = (_, response) => void response.end(JSON.stringify(world.issuer.jwks()));
      await secondsLater(1, () => world.server.authorize(request));
    },
  );
});

test('[R9068-4-05] [G14] a request with a bad token gets an invalid_token challenge, and its proof is not used up', async () => {
  const world = await createWorld();
  const request = await createRequest(world);
  world.clock.now = T0 - 30;
  const refusal = await refusalOf(world.server.authorize(request));
  assert.is(refusal.reason, 'token-not-yet-valid');
  const answer = world.server.challenge(refusal);
  assert.is(answer.status, 401);
  assert.match(answer.headers['www-authenticate'] ?? '', /^DPoP error="invalid_token", /);
  world.clock.now = T0;
  await world.server.authorize(request);
});

test('[R6750-3.1-01] a route gets all the scopes it asks for, or refuses', async () => {
  const world = await createWorld();
  for (const scopes of [[], ['notes:read'], ['notes:write', 'notes:read']]) {
    await world.server.authorize(await createRequest(world), { scopes });
  }
  for (const scopes of [['notes'], ['notes:read', 'admin'], ['notes:READ']]) {
    const request = await createRequest(world);
    const refusal = await refusalOf(world.server.authorize(request, { scopes }));
    assert.equal(
      [refusal.reason, refusal.scopes, refusal.jkt],
      ['scope-insufficient', scopes, world.keyPair.jkt],
    );
    await world.server.authorize(request);
  }
});

test('[L01] no refusal carries the token or its claims', async () => {
  const secret = 'a-name-not-for-logs';
  for (const changes of [
    { exp: 5 },
    { nbf: T0 + 999 },
    { iss: 'x' },
    { aud: 'x' },
    { jti: 5 },
    { cnf: {} },
    { iat: 'x' },
  ]) {
    const token = await claimsWith({ sub: secret, ...changes });
    const refusal: DpopError = await refusalOf(verifierOf().verify(token, T0));
    const cause = refusal.cause as (Error & { payload?: unknown; claims?: unknown }) | undefined;
    const told = [
      refusal.message,
      cause?.message,
      JSON.stringify({ ...cause }),
      JSON.stringify({ ...refusal }),
    ].join();
    assert.not.match(told, secret);
    assert.not.match(told, token.split('.')[1] as string);
  }
});

test.run();
