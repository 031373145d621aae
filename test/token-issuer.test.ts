import {
  decodeJwt,
  decodeProtectedHeader,
  exportJWK,
  generateKeyPair as generateJosePair,
  type JWK,
} from 'jose';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { AccessTokenVerifier, type JwksSource } from '../src/access-token.ts';
import {
  createSigningKey,
  createTokenIssuer,
  type SigningKey,
  type TokenIssuer,
  type TokenIssuerOptions,
  type TokenRequest,
} from '../src/token-issuer.ts';
import { audience, createClock, generateKeyPair, issuerUrl, reasonOf, T0, type TestClock } from './_setup.ts';

const test = suite('token issuer');

const [first, second, third] = await Promise.all([1, 2, 3].map(() => createSigningKey('ES256')));
const { jkt } = await generateKeyPair();
const grant: TokenRequest = { subject: 'alice', clientId: 'client', audience, jkt };

function createIssuer(options: Partial<TokenIssuerOptions> = {}): { issuer: TokenIssuer; clock: TestClock } {
  const clock = createClock();
  const settings = { issuer: issuerUrl, signingKey: first as SigningKey, clock: clock.read, ...options };
  return { issuer: createTokenIssuer(settings), clock };
}

function verifierOf(jwks: JwksSource): AccessTokenVerifier {
  return new AccessTokenVerifier({
    issuer: issuerUrl,
    audience,
    jwks,
    jwksMaxAge: 600,
    algorithms: ['ES256', 'Ed25519'],
    clockTolerance: 60,
    maxTokens: 10,
    maxTokenBytes: 8192,
  });
}

function kidsOf(issuer: TokenIssuer): readonly unknown[] {
  return issuer.jwks().keys.map(({ kid }) => kid);
}

/** An error that names the option. */
function naming(name: string): (error: unknown) => boolean {
  return (error) => error instanceof TypeError && error.message.includes(`"${name}"`);
}

async function rejects(promise: Promise<unknown>, name: string): Promise<void> {
  const error = await promise.catch((thrown: unknown) => thrown);
  assert.ok(naming(name)(error), String(error));
}

for (const algorithm of ['ES256', 'Ed25519'] as const) {
  test(`[R9068-2.1-01] [R9449-6.1-01] issues tokens of RFC 9068 with ${algorithm}`, async () => {
    const signingKey = await createSigningKey(algorithm);
    const { issuer } = createIssuer({ signingKey });
    const { accessToken, tokenType, expiresIn } = await issuer.issue(grant);
    assert.equal([tokenType, expiresIn], ['DPoP', 300]);
    assert.equal(decodeProtectedHeader(accessToken), { typ: 'at+jwt', alg: algorithm, kid: signingKey.kid });
    const { jti, ...claims } = decodeJwt(accessToken);
    assert.match(jti as string, /^[\da-f-]{36}$/);
    const times = { iat: T0, exp: T0 + 300 };
    assert.equal(claims, {
      iss: issuerUrl,
      sub: 'alice',
      client_id: 'client',
      aud: audience,
      cnf: { jkt },
      ...times,
    });
    assert.is((await verifierOf(() => issuer.jwks()).verify(accessToken, T0)).jkt, jkt);
  });
}

test('[R9068-2.2-01] every token has a jti of its own', async () => {
  const { issuer } = createIssuer();
  const tokens = await Promise.all([issuer.issue(grant), issuer.issue(grant)]);
  assert.is(new Set(tokens.map(({ accessToken }) => decodeJwt(accessToken).jti)).size, 2);
});

test('writes scope, several audiences, a life of its own and further claims', async () => {
  const { issuer, clock } = createIssuer();
  clock.now = T0 + 0.9;
  const { accessToken, expiresIn } = await issuer.issue({
    ...grant,
    audience: [audience, 'https://other.example'],
    scope: 'read write',
    lifetime: 60,
    claims: { role: ['admin'] },
  });
  const { aud, scope, role, iat, exp } = decodeJwt(accessToken);
  assert.equal([aud, scope, role], [[audience, 'https://other.example'], 'read write', ['admin']]);
  assert.equal([iat, exp, expiresIn], [T0, T0 + 60, 60]);
});

test("without a clock, it issues by the system's", async () => {
  const issuer = createTokenIssuer({ issuer: issuerUrl, signingKey: first as SigningKey });
  const before = Math.floor(Date.now() / 1000);
  const { iat } = decodeJwt((await issuer.issue(grant)).accessToken) as { iat: number };
  assert.ok(iat >= before && iat <= Date.now() / 1000);
});

test('[R9449-11.2-01] a token lives no longer than the issuer allows', async () => {
  const { issuer } = createIssuer({ lifetime: 120 });
  assert.is((await issuer.issue(grant)).expiresIn, 120);
  assert.is((await issuer.issue({ ...grant, lifetime: 120 })).expiresIn, 120);
  for (const lifetime of [121, -1, Number.NaN, '60' as never])
    await rejects(issuer.issue({ ...grant, lifetime }), 'lifetime');
});

test('[R9449-5-04] [R9449-11.10-01] [R9700-2.2.1-01] never issues a token that is not bound', async () => {
  const { issuer } = createIssuer();
  for (const wrong of [
    undefined,
    '',
    5,
    jkt.slice(1),
    `${jkt}=`,
    `${jkt}A`,
    jkt.replace(/.$/, '_'),
    [jkt],
    null,
  ]) {
    await rejects(issuer.issue({ ...grant, jkt: wrong as string }), 'jkt');
  }
});

test('refuses what makes no sense in a token, by name', async () => {
  const { issuer } = createIssuer();
  for (const text of ['', undefined, 5] as string[]) {
    await rejects(issuer.issue({ ...grant, subject: text }), 'subject');
    await rejects(issuer.issue({ ...grant, clientId: text }), 'clientId');
    await rejects(issuer.issue({ ...grant, audience: text }), 'audience');
    await rejects(issuer.issue({ ...grant, audience: [audience, text] }), 'audience');
    if (text !== undefined) await rejects(issuer.issue({ ...grant, scope: text }), 'scope');
  }
  const error = await issuer.issue(null as never).catch((thrown: unknown) => thrown);
  assert.instance(error, TypeError);
});

for (const name of ['iss', 'sub', 'aud', 'client_id', 'exp', 'nbf', 'iat', 'jti', 'scope', 'cnf']) {
  test(`[R9449-6.1-01] refuses a further claim "${name}", which is the issuer's to set`, async () => {
    const { issuer } = createIssuer();
    const error = await issuer
      .issue({ ...grant, claims: { [name]: 'x' } })
      .catch((thrown: unknown) => thrown);
    assert.ok(naming('claims')(error));
    assert.match((error as Error).message, `"${name}"`);
  });
}

test('refuses options that make no sense, by name', () => {
  const issuers = [
    '',
    'as.example',
    'http://as.example',
    'https://as.example/?a',
    'https://as.example/#b',
    undefined,
    5,
  ];
  for (const issuer of issuers as string[]) assert.throws(() => createIssuer({ issuer }), naming('issuer'));
  const keys = [
    undefined,
    null,
    'key',
    {},
    { kid: 'a' },
    { kid: 5, privateKey: first?.privateKey },
    first?.publicJwk,
  ];
  for (const key of keys as SigningKey[]) {
    assert.throws(() => createIssuer({ signingKey: key }), naming('signingKey'));
    if (key !== undefined) assert.throws(() => createIssuer({ nextKey: key }), naming('nextKey'));
  }
  for (const lifetime of [-1, 86_401, Number.NaN])
    assert.throws(() => createIssuer({ lifetime }), naming('lifetime'));
  assert.throws(() => createIssuer({ clock: 5 as never }), naming('clock'));
  assert.throws(
    () => createTokenIssuer(undefined as never),
    (error: unknown) => error instanceof TypeError,
  );
  createIssuer({ issuer: 'http://127.0.0.1:8080' });
});

test('publishes the key that signs and the next one, and nothing private', () => {
  const { issuer } = createIssuer({ nextKey: second as SigningKey });
  assert.equal(kidsOf(issuer), [first?.kid, second?.kid]);
  for (const key of issuer.jwks().keys) {
    assert.equal(new Set(Object.keys(key)), new Set(['alg', 'crv', 'kid', 'kty', 'use', 'x', 'y']));
    assert.equal([key.alg, key.use], ['ES256', 'sig']);
  }
  assert.ok(Object.isFrozen(issuer.jwks()));
});

test('the published set is the same object until it changes', () => {
  const { issuer, clock } = createIssuer({ nextKey: second as SigningKey });
  const before = issuer.jwks();
  assert.is(issuer.jwks(), before);
  issuer.rotate();
  const after = issuer.jwks();
  assert.is.not(after, before);
  clock.now = T0 + 360;
  assert.is(issuer.jwks(), after);
});

test('[G19] a former key is published until its last token has expired everywhere', () => {
  const { issuer, clock } = createIssuer({ nextKey: second as SigningKey });
  issuer.rotate(third);
  assert.equal(kidsOf(issuer), [second?.kid, third?.kid, first?.kid]);
  clock.now = T0 + 100;
  issuer.rotate();
  assert.equal(kidsOf(issuer), [third?.kid, first?.kid, second?.kid]);
  clock.now = T0 + 360;
  assert.equal(kidsOf(issuer), [third?.kid, first?.kid, second?.kid]);
  clock.now = T0 + 360.001;
  assert.equal(kidsOf(issuer), [third?.kid, second?.kid]);
  clock.now = T0 + 460.001;
  assert.equal(kidsOf(issuer), [third?.kid]);
});

test('[G19] a former key stays to its last instant, though an earlier one leaves with it', () => {
  const { issuer, clock } = createIssuer({ nextKey: second as SigningKey });
  issuer.rotate(third);
  clock.now = T0 + 100;
  issuer.rotate();
  clock.now = T0 + 460;
  assert.equal(kidsOf(issuer), [third?.kid, second?.kid]);
});

test('[G19] tokens from before and after a rotation verify throughout', async () => {
  const { issuer, clock } = createIssuer({ nextKey: second as SigningKey });
  const cached = verifierOf(issuer.jwks());
  const verifier = verifierOf(() => issuer.jwks());
  const { accessToken: before } = await issuer.issue(grant);
  await verifier.verify(before, T0);
  issuer.rotate(third);
  clock.now = T0 + 300;
  const { accessToken: after } = await issuer.issue(grant);
  assert.is.not(decodeProtectedHeader(before).kid, decodeProtectedHeader(after).kid);
  // The last moment at which a verifier that lags by its whole tolerance takes the former token.
  await verifier.verify(before, T0 + 359);
  await verifier.verify(after, T0 + 300);
  await cached.verify(after, T0 + 300);
  assert.is(await reasonOf(verifier.verify(before, T0 + 360)), 'token-expired');
});

test('cannot rotate to a key that was not published before', () => {
  const { issuer } = createIssuer();
  assert.throws(() => issuer.rotate(second), naming('nextKey'));
  const other = createIssuer({ nextKey: second as SigningKey }).issuer;
  assert.throws(() => other.rotate({} as SigningKey), naming('nextKey'));
  assert.equal(kidsOf(other), [first?.kid, second?.kid], 'a refused rotation changes nothing');
  other.rotate();
  assert.throws(() => other.rotate(), naming('nextKey'));
});

test('[G19] a key under the kid of another that is published is refused', async () => {
  const namesake = { ...(third as SigningKey), kid: first?.kid as string };
  assert.throws(() => createIssuer({ nextKey: namesake }), naming('nextKey'));
  createIssuer({ nextKey: first as SigningKey });
  for (const [what, rotations] of Object.entries({ 'signs now': 0, 'has signed before': 1 })) {
    const { issuer } = createIssuer({ nextKey: second as SigningKey });
    for (let turn = 0; turn < rotations; turn++) issuer.rotate(await createSigningKey('ES256'));
    const kids = kidsOf(issuer);
    assert.throws(() => issuer.rotate(namesake), naming('nextKey'), what);
    assert.equal(kidsOf(issuer), kids, 'a refused rotation changes nothing');
  }
  const { issuer } = createIssuer({ nextKey: second as SigningKey });
  assert.throws(() => issuer.rotate({ ...namesake, kid: second?.kid as string }), naming('nextKey'));
});

test('[G19] a key that takes turns with another is published once', async () => {
  const { issuer } = createIssuer({ nextKey: second as SigningKey });
  const { accessToken } = await issuer.issue(grant);
  issuer.rotate(first);
  assert.equal(kidsOf(issuer), [second?.kid, first?.kid]);
  await verifierOf(() => issuer.jwks()).verify(accessToken, T0);
});

async function privateJwk(algorithm: 'ES256' | 'Ed25519'): Promise<JWK> {
  return exportJWK((await generateJosePair(algorithm, { extractable: true })).privateKey);
}

for (const algorithm of ['ES256', 'Ed25519'] as const) {
  test(`imports a private JWK for ${algorithm}, and publishes its public half alone`, async () => {
    const jwk = await privateJwk(algorithm);
    const key = await createSigningKey({ ...jwk, key_ops: ['sign'], extra: 'x' } as JWK);
    assert.is(key.algorithm, algorithm);
    assert.match(key.kid, /^[\w-]{43}$/);
    assert.not(key.privateKey.extractable);
    assert.not.match(JSON.stringify(key.publicJwk), jwk.d as string);
    assert.not('extra' in key.publicJwk);
    const { issuer } = createIssuer({ signingKey: key });
    await verifierOf(() => issuer.jwks()).verify((await issuer.issue(grant)).accessToken, T0);
  });
}

test('a generated key cannot be taken away', async () => {
  assert.not((await createSigningKey('Ed25519')).privateKey.extractable);
  assert.not(first?.privateKey.extractable);
  assert.ok(Object.isFrozen(first) && Object.isFrozen(first?.publicJwk));
});

test('an imported key keeps its own kid', async () => {
  const key = await createSigningKey({ ...(await privateJwk('ES256')), kid: 'of-2027' });
  assert.equal([key.kid, key.publicJwk.kid], ['of-2027', 'of-2027']);
  const { issuer } = createIssuer({ signingKey: key });
  assert.is(decodeProtectedHeader((await issuer.issue(grant)).accessToken).kid, 'of-2027');
});

test('refuses what is no private key of its algorithms', async () => {
  const jwk = await privateJwk('ES256');
  const { d: _, ...publicJwk } = jwk;
  const sources = [
    'RS256',
    'none',
    undefined,
    null,
    5,
    [],
    {},
    publicJwk,
    { ...jwk, crv: 'P-384' },
    { ...jwk, kty: 'RSA' },
  ];
  for (const source of sources) await rejects(createSigningKey(source as 'ES256'), 'source');
  await rejects(createSigningKey({ ...(await privateJwk('Ed25519')), crv: 'X25519' }), 'source');
});

test('refuses a private key that cannot be used', async () => {
  const jwk = await privateJwk('ES256');
  await rejects(createSigningKey({ ...jwk, d: 'AA' }), 'source');
  await rejects(createSigningKey({ ...jwk, x: jwk.y as string }), 'source');
  await rejects(createSigningKey({ ...jwk, d: (await privateJwk('ES256')).d as string }), 'source');
});

test.run();
