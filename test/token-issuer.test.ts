import {
  decodeJwt,
  decodeProtectedHeader,
  exportJWK,
  generateKeyPair as generateJosePair,
  type JWK,
} from 'jose';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { AccessTokenVerifier } from '../src/access-token.ts';
import { encodeBase64url, utf8 } from '../src/digest.ts';
import { IssuerKeys, type JwksSource } from '../src/issuer-keys.ts';
import { createSymmetricKey, type SymmetricKey } from '../src/symmetric-key.ts';
import {
  createSigningKey,
  createTokenIssuer,
  type SigningKey,
  type TokenIssuer,
  type TokenIssuerOptions,
  type TokenRequest,
} from '../src/token-issuer.ts';
import {
  audience,
  createClock,
  forge,
  generateKeyPair,
  issuerUrl,
  reasonOf,
  refusalOf,
  signer,
  T0,
  type TestClock,
} from './_setup.ts';

const test = suite('token issuer');

const [first, second, third] = await Promise.all([1, 2, 3].map(() => createSigningKey('ES256')));
const { jkt } = await generateKeyPair();
const grant: TokenRequest = { subject: 'alice', clientId: 'client', audience, jkt };

function createIssuer(options: Partial<TokenIssuerOptions> = {}): { issuer: TokenIssuer; clock: TestClock } {
  const clock = createClock();
  const settings = { issuer: issuerUrl, signingKey: first as SigningKey, clock: clock.read, ...options };
  return { issuer: createTokenIssuer(settings), clock };
}

/** A resource server's check, with a tolerance of a minute. */
function verifierOf(jwks: JwksSource): AccessTokenVerifier {
  const keys = new IssuerKeys(jwks, { maxAge: 600, keepFor: 600 });
  const algorithms = ['ES256', 'Ed25519'];
  return new AccessTokenVerifier(
    [{ issuer: issuerUrl, audience, algorithms, keys, introspector: undefined }],
    { clockTolerance: 60, maxTokens: 10, maxTokenBytes: 8192 },
  );
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

test('[R9449-5-04] [R9449-11.10-01] never binds a token to what is no thumbprint', async () => {
  const { issuer } = createIssuer({ mayUseBearer: () => true });
  const wrong = ['', 5, jkt.slice(1), `${jkt}=`, `${jkt}A`, jkt.replace(/.$/, '_'), [jkt], null, false];
  for (const value of wrong) await rejects(issuer.issue({ ...grant, jkt: value as string }), 'jkt');
});

/** What each grant asks for, when no proof came with it: minting is where all of them meet. */
const unboundGrants: Readonly<Record<string, Partial<TokenRequest>>> = {
  'an authorization code or refresh token': { grant: 'g'.repeat(43), scope: 'notes:read' },
  'client credentials': { subject: 'client' },
  'an exchange': { claims: { act: { sub: 'client' } }, lifetime: 60 },
  'a grant with a cnf of its own making': { claims: { confirmation: { jkt } } },
};

const permissions: Readonly<Record<string, Partial<TokenIssuerOptions>>> = {
  'nothing is said': {},
  'it may not': { mayUseBearer: () => false },
  'another client may': { mayUseBearer: (clientId) => clientId === 'other' },
  'the answer is a promise': { mayUseBearer: (async () => true) as never },
  'the answer is 1': { mayUseBearer: (() => 1) as never },
  'the answer is a text': { mayUseBearer: (() => 'true') as never },
  'the answer is an object': { mayUseBearer: (() => new Boolean(true)) as never },
  'there is no answer': { mayUseBearer: (() => undefined) as never },
  'the policy is null': { mayUseBearer: null as never },
};
for (const [when, options] of Object.entries(permissions)) {
  test(`[J11] [J13] [R9449-5.2-01] [R9700-2.2.1-01] no client gets an unbound token when ${when}`, async () => {
    const { issuer } = createIssuer(options);
    for (const [what, request] of Object.entries(unboundGrants)) {
      const refusal = await refusalOf(issuer.issue({ ...grant, ...request, jkt: undefined }));
      assert.equal([refusal.reason, refusal.code], ['proof-missing', 'invalid_dpop_proof'], what);
      assert.is((await issuer.issue({ ...grant, ...request })).tokenType, 'DPoP', what);
    }
  });
}

test('[J13] [R9700-2.2.1-01] a policy that throws permits nothing, and binds as ever', async () => {
  const down = new Error('down');
  const { issuer } = createIssuer({
    mayUseBearer: () => {
      throw down;
    },
  });
  assert.is(await issuer.issue({ ...grant, jkt: undefined }).catch((thrown: unknown) => thrown), down);
  assert.is((await issuer.issue(grant)).tokenType, 'DPoP');
});

test('[J14] [R9449-5-05] [R9449-5-09] [R9449-5.2-02] a client that may use Bearer tokens gets one that says so', async () => {
  const asked: string[] = [];
  const mayUseBearer = (clientId: string): boolean => {
    asked.push(clientId);
    return true;
  };
  const { issuer } = createIssuer({ mayUseBearer });
  const { accessToken, tokenType, claims } = await issuer.issue({ ...grant, jkt: undefined });
  assert.is(tokenType, 'Bearer');
  assert.not('cnf' in decodeJwt(accessToken));
  assert.not('cnf' in claims);
  assert.equal(asked, ['client']);
  assert.is((await issuer.issue(grant)).tokenType, 'DPoP');
  assert.equal(asked, ['client'], 'a bound token needs no permission');
  assert.is((await verifierOf(() => issuer.jwks()).verify(accessToken, T0)).jkt, undefined);
});

test('names the grant that a token comes from', async () => {
  const { issuer } = createIssuer();
  const { accessToken, claims } = await issuer.issue({ ...grant, grant: 'one' });
  assert.equal([decodeJwt(accessToken)['grant_id'], claims.grant_id], ['one', 'one']);
  assert.not('grant_id' in decodeJwt((await issuer.issue(grant)).accessToken));
  for (const wrong of ['', 5, null] as string[])
    await rejects(issuer.issue({ ...grant, grant: wrong }), 'grant');
});

test('an empty scope, as a grant may have, is none', async () => {
  const { issuer } = createIssuer();
  assert.not('scope' in (await issuer.issue({ ...grant, scope: '' })).claims);
});

test('tells the claims that it signed', async () => {
  const { issuer } = createIssuer();
  const request = { ...grant, scope: 'read', grant: 'one', claims: { role: ['admin'] } };
  const { accessToken, claims } = await issuer.issue(request);
  assert.equal({ ...claims }, { ...decodeJwt(accessToken) });
});

test('[R7009-2.1-02] refuses a misspelt part of a request: without its grant a token would outlive it', async () => {
  const { issuer } = createIssuer();
  assert.is((await issuer.issue({ ...grant, grant: 'one' })).claims.grant_id, 'one');
  for (const name of ['grants', 'lifeTime', 'Scope'])
    await rejects(issuer.issue({ ...grant, [name]: 'one' }), name);
});

test('refuses what makes no sense in a token, by name', async () => {
  const { issuer } = createIssuer();
  for (const text of ['', undefined, 5] as string[]) {
    await rejects(issuer.issue({ ...grant, subject: text }), 'subject');
    await rejects(issuer.issue({ ...grant, clientId: text }), 'clientId');
    await rejects(issuer.issue({ ...grant, audience: text }), 'audience');
    await rejects(issuer.issue({ ...grant, audience: [audience, text] }), 'audience');
    if (text !== undefined && text !== '') await rejects(issuer.issue({ ...grant, scope: text }), 'scope');
  }
  const error = await issuer.issue(null as never).catch((thrown: unknown) => thrown);
  assert.instance(error, TypeError);
});

for (const name of [
  'iss',
  'sub',
  'aud',
  'client_id',
  'exp',
  'nbf',
  'iat',
  'jti',
  'scope',
  'cnf',
  'grant_id',
]) {
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
  for (const mayUseBearer of [true, 'client', {}] as never[])
    assert.throws(() => createIssuer({ mayUseBearer }), naming('mayUseBearer'));
  assert.throws(() => createIssuer({ mayuseBearer: () => true } as never), naming('mayuseBearer'));
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

// Reading what it made.

const client = await generateKeyPair();

interface Forgery {
  readonly header?: Readonly<Record<string, unknown>>;
  readonly claims?: Readonly<Record<string, unknown>>;
  readonly key?: SigningKey;
  readonly sign?: (text: string) => Promise<string>;
}

/** A token as the issuer makes it, with one thing changed and signed all the same; `undefined` takes a member away. */
function tokenWith({ header, claims, key = first as SigningKey, sign }: Forgery = {}): Promise<string> {
  const made = {
    iss: issuerUrl,
    sub: 'alice',
    client_id: 'client',
    aud: audience,
    jti: 'one',
    iat: T0,
    exp: T0 + 300,
    cnf: { jkt },
  };
  const { privateKey, algorithm, kid } = key;
  return forge(
    { typ: 'at+jwt', alg: algorithm, kid, ...header },
    { ...made, ...claims },
    sign ?? signer({ ...client, privateKey, algorithm }),
  );
}

/** Signs with HMAC under any bytes, as a verifier that takes a public key for a secret would check it. */
function hmacSigner(secret: Uint8Array<ArrayBuffer>): (text: string) => Promise<string> {
  const algorithm = { name: 'HMAC', hash: 'SHA-256' };
  return async (text) => {
    const key = await crypto.subtle.importKey('raw', secret, algorithm, false, ['sign']);
    return encodeBase64url(new Uint8Array(await crypto.subtle.sign('HMAC', key, utf8(text))));
  };
}

test('reads what it issued', async () => {
  for (const algorithm of ['ES256', 'Ed25519'] as const) {
    const { issuer } = createIssuer({ signingKey: await createSigningKey(algorithm) });
    const { accessToken, claims } = await issuer.issue({ ...grant, scope: 'read', grant: 'one' });
    assert.equal({ ...(await issuer.read(accessToken)) }, { ...claims });
  }
  assert.is((await createIssuer().issuer.read(await tokenWith()))?.jti, 'one');
});

test('reads to the last second, and not before its time', async () => {
  const { issuer, clock } = createIssuer();
  const { accessToken } = await issuer.issue(grant);
  const later = await tokenWith({ claims: { nbf: T0 + 100 } });
  assert.is(await issuer.read(later), undefined);
  clock.now = T0 + 299.9;
  assert.ok(await issuer.read(accessToken));
  assert.ok(await issuer.read(later));
  clock.now = T0 + 300;
  assert.is(await issuer.read(accessToken), undefined);
});

const publicText = JSON.stringify(first?.publicJwk);
const publicBytes = utf8(first?.publicJwk.x ?? '');
const es512 = await generateJosePair('ES512');
const wrongTokens: Readonly<Record<string, () => string | Promise<string>>> = {
  'no token': () => 'none',
  'an empty text': () => '',
  'no text': () => undefined as never,
  'a refresh token': () => Array(3).fill('r'.repeat(43)).join('.'),
  'another issuer': () => tokenWith({ claims: { iss: 'https://other.example' } }),
  'an issuer that begins like this one': () => tokenWith({ claims: { iss: `${issuerUrl}/` } }),
  'no issuer': () => tokenWith({ claims: { iss: undefined } }),
  'another key under our kid': () => tokenWith({ key: { ...(second as SigningKey), kid: first?.kid ?? '' } }),
  'another key under its own kid': () => tokenWith({ key: second as SigningKey }),
  'a key of its own in the header': () =>
    tokenWith({ key: second as SigningKey, header: { jwk: second?.publicJwk, kid: undefined } }),
  'a tail': async () => `${await tokenWith()}A`,
  'a claim that was changed after signing': async () => {
    const [header, , signature] = (await tokenWith()).split('.');
    const [, payload] = (await tokenWith({ claims: { sub: 'bob' } })).split('.');
    return [header, payload, signature].join('.');
  },
  'the type of an ID token': () => tokenWith({ header: { typ: 'JWT' } }),
  'the type of a proof': () => tokenWith({ header: { typ: 'dpop+jwt' } }),
  'no type': () => tokenWith({ header: { typ: undefined } }),
  'an extension that nobody knows': () => tokenWith({ header: { crit: ['x'], x: 1 } }),
  'no signature': () => tokenWith({ header: { alg: 'none' }, sign: async () => '' }),
  'no algorithm, signed all the same': () => tokenWith({ header: { alg: 'none' } }),
  NONE: () => tokenWith({ header: { alg: 'NONE' }, sign: async () => '' }),
  'HS256 under the text of the public key': () =>
    tokenWith({ header: { alg: 'HS256' }, sign: hmacSigner(utf8(publicText)) }),
  'HS256 under the bytes of the public key': () =>
    tokenWith({ header: { alg: 'HS256' }, sign: hmacSigner(publicBytes) }),
  'HS256 under the published set': () =>
    tokenWith({
      header: { alg: 'HS256', kid: undefined },
      sign: hmacSigner(utf8(JSON.stringify({ keys: [first?.publicJwk] }))),
    }),
  'another algorithm of the same family': () =>
    tokenWith({
      header: { alg: 'ES512' },
      sign: async (text) =>
        encodeBase64url(
          new Uint8Array(
            await crypto.subtle.sign({ name: 'ECDSA', hash: 'SHA-512' }, es512.privateKey, utf8(text)),
          ),
        ),
    }),
  'an end that has passed': () => tokenWith({ claims: { exp: T0 } }),
  'no end': () => tokenWith({ claims: { exp: undefined } }),
  'an end that is a text': () => tokenWith({ claims: { exp: String(T0 + 300) } }),
  'no beginning': () => tokenWith({ claims: { iat: undefined } }),
  'no audience': () => tokenWith({ claims: { aud: undefined } }),
  'no subject': () => tokenWith({ claims: { sub: undefined } }),
  'an empty subject': () => tokenWith({ claims: { sub: '' } }),
  'no client': () => tokenWith({ claims: { client_id: undefined } }),
  'a client that is a number': () => tokenWith({ claims: { client_id: 5 } }),
  'no jti': () => tokenWith({ claims: { jti: undefined } }),
  'a scope that is a list': () => tokenWith({ claims: { scope: ['read'] } }),
  'a grant that is a number': () => tokenWith({ claims: { grant_id: 5 } }),
};
for (const [what, make] of Object.entries(wrongTokens)) {
  test(`[R8725-3.1-01] [R7009-2.2-01] does not read a token with ${what}`, async () => {
    const { issuer } = createIssuer();
    assert.ok(await issuer.read(await tokenWith()));
    assert.is(await issuer.read(await make()), undefined);
  });
}

test('[G19] reads tokens of a former key as long as it is published, and no longer', async () => {
  const { issuer, clock } = createIssuer({ nextKey: second as SigningKey });
  const long = await tokenWith({ claims: { exp: T0 + 10_000 } });
  const ahead = await tokenWith({ key: second as SigningKey });
  assert.ok(await issuer.read(ahead), 'the key that is published ahead');
  issuer.rotate(third);
  assert.ok(await issuer.read(long));
  clock.now = T0 + 360;
  assert.ok(await issuer.read(long));
  clock.now = T0 + 360.001;
  assert.is(await issuer.read(long), undefined);
});

test('a clock that returns no time issues nothing, reads nothing and drops no key', async () => {
  const { issuer, clock } = createIssuer({ nextKey: second as SigningKey });
  const expired = await tokenWith({ claims: { exp: T0 - 1 } });
  const good = await tokenWith();
  for (const reading of [Number.NaN, Number.POSITIVE_INFINITY, T0 * 1000, -1]) {
    clock.now = reading;
    for (const token of [expired, good]) assert.is(await issuer.read(token), undefined);
    assert.instance(await issuer.issue(grant).catch((thrown: unknown) => thrown), TypeError);
    assert.throws(() => issuer.rotate(third), /clock/);
  }
  clock.now = T0;
  assert.equal(kidsOf(issuer), [first?.kid, second?.kid]);
  assert.ok(await issuer.read(good));
});

// One secret for both sides.

const [secret, nextSecret] = [1, 2].map(() => crypto.getRandomValues(new Uint8Array(32))) as [
  Uint8Array<ArrayBuffer>,
  Uint8Array<ArrayBuffer>,
];
const symmetricKey = await createSymmetricKey(secret, 'of-2027');
const nextSymmetricKey = await createSymmetricKey(nextSecret, 'of-2028');

function hmacToken(forgery: Forgery, bytes = secret, kid = 'of-2027'): Promise<string> {
  const header = { alg: 'HS256', kid, ...forgery.header };
  return tokenWith({ ...forgery, header, sign: forgery.sign ?? hmacSigner(bytes) });
}

test('issues with HS256 what it reads, and publishes nothing', async () => {
  const { issuer } = createIssuer({ signingKey: symmetricKey, nextKey: nextSymmetricKey });
  const { accessToken, tokenType, claims } = await issuer.issue(grant);
  assert.is(tokenType, 'DPoP');
  assert.equal(decodeProtectedHeader(accessToken), { typ: 'at+jwt', alg: 'HS256', kid: 'of-2027' });
  assert.equal({ ...(await issuer.read(accessToken)) }, { ...claims });
  assert.equal(issuer.jwks(), { keys: [] });
  assert.ok(await issuer.read(await hmacToken({})));
});

const wrongHmacTokens: Readonly<Record<string, () => Promise<string>>> = {
  'another secret': () => hmacToken({}, nextSecret),
  'no kid': () => hmacToken({ header: { kid: undefined } }),
  'another kid': () => hmacToken({ header: { kid: 'of-2029' } }),
  'a secret of zeros, as of a key that was not found': () => hmacToken({}, new Uint8Array(32)),
  'an asymmetric key of its own': () => tokenWith(),
  'an asymmetric key under our kid': () => tokenWith({ header: { kid: 'of-2027' } }),
  'no signature': () => hmacToken({ header: { alg: 'none' }, sign: async () => '' }),
  HS512: () => hmacToken({ header: { alg: 'HS512' } }),
  'another type': () => hmacToken({ header: { typ: 'JWT' } }),
  'another issuer': () => hmacToken({ claims: { iss: 'https://other.example' } }),
  'an end that has passed': () => hmacToken({ claims: { exp: T0 } }),
};
for (const [what, make] of Object.entries(wrongHmacTokens)) {
  test(`[R8725-3.1-01] with HS256, does not read a token with ${what}`, async () => {
    const { issuer } = createIssuer({ signingKey: symmetricKey });
    assert.is(await issuer.read(await make()), undefined);
  });
}

test('with HS256, a rotation costs no token, and a former secret ends with its last one', async () => {
  const { issuer, clock } = createIssuer({ signingKey: symmetricKey, nextKey: nextSymmetricKey });
  const { accessToken: before } = await issuer.issue(grant);
  const long = await hmacToken({ claims: { exp: T0 + 10_000 } });
  issuer.rotate();
  const { accessToken: after } = await issuer.issue(grant);
  assert.is(decodeProtectedHeader(after).kid, 'of-2028');
  for (const token of [before, after, long]) assert.ok(await issuer.read(token));
  clock.now = T0 + 360.001;
  assert.is(await issuer.read(long), undefined);
  assert.equal(issuer.jwks(), { keys: [] });
});

test('with HS256, secrets can take turns, and namesakes cannot', async () => {
  const { issuer } = createIssuer({ signingKey: symmetricKey, nextKey: nextSymmetricKey });
  const namesake = await createSymmetricKey(crypto.getRandomValues(new Uint8Array(32)), 'of-2027');
  assert.throws(() => issuer.rotate(namesake), naming('nextKey'));
  assert.throws(() => createIssuer({ signingKey: symmetricKey, nextKey: namesake }), naming('nextKey'));
  issuer.rotate(symmetricKey);
  issuer.rotate(nextSymmetricKey);
  assert.is(decodeProtectedHeader((await issuer.issue(grant)).accessToken).kid, 'of-2027');
});

test('symmetric and asymmetric keys do not mix, whichever comes first', () => {
  const mixed: readonly Partial<TokenIssuerOptions>[] = [
    { signingKey: symmetricKey, nextKey: first as SigningKey },
    { signingKey: first as SigningKey, nextKey: symmetricKey },
  ];
  for (const options of mixed) assert.throws(() => createIssuer(options), /"nextKey".*do not mix/);
  const { issuer } = createIssuer({ nextKey: second as SigningKey });
  assert.throws(() => issuer.rotate(symmetricKey), /"nextKey".*do not mix/);
  const other = createIssuer({ signingKey: symmetricKey, nextKey: nextSymmetricKey }).issuer;
  assert.throws(() => other.rotate(first), /"nextKey".*do not mix/);
  assert.equal(kidsOf(issuer), [first?.kid, second?.kid], 'a refused rotation changes nothing');
});

test('a symmetric key that is none is refused', () => {
  const { secretKey, kid } = symmetricKey;
  const wrong = [
    { secretKey, kid },
    { algorithm: 'HS512', secretKey, kid },
    { algorithm: 'HS256', secretKey: secret, kid },
    { algorithm: 'HS256', secretKey, kid: 5 },
    { algorithm: 'HS256', privateKey: secretKey, kid },
  ] as unknown as SymmetricKey[];
  for (const signingKey of wrong) assert.throws(() => createIssuer({ signingKey }), naming('signingKey'));
});

test.run();
