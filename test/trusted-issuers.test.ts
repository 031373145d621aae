import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportSPKI } from 'jose';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { AccessTokenVerifier } from '../src/access-token.ts';
import { utf8 } from '../src/digest.ts';
import type { DpopErrorReason } from '../src/errors.ts';
import { createMemoryReplayStore } from '../src/replay-memory.ts';
import { createResourceServer } from '../src/resource-server.ts';
import { createSymmetricKey, type SymmetricKey } from '../src/symmetric-key.ts';
import {
  createSigningKey,
  createTokenIssuer,
  type SigningKey,
  type TokenIssuer,
} from '../src/token-issuer.ts';
import {
  type IssuerOptions,
  type TrustedIssuer,
  toIssuerPolicies,
  toIssuers,
} from '../src/trusted-issuers.ts';
import {
  audience,
  createRequest,
  createWorld,
  forge,
  generateKeyPair,
  origin,
  reasonOf,
  refusalOf,
  signer,
  T0,
  type World,
} from './_setup.ts';

/** Whose tokens count, and by which keys: several issuers, discovery, introspection, and one secret for all. */

const test = suite('trusted-issuers');

const client = await generateKeyPair();
const limits = { clockTolerance: 10, maxTokens: 100, maxTokenBytes: 8192 };

/** An issuer as the world knows it: what it calls itself, its key, and what it signs. */
interface Party {
  readonly issuer: string;
  readonly key: SigningKey;
  readonly trusted: TrustedIssuer;
}

async function createParty(name: string, algorithm: 'ES256' | 'Ed25519' = 'ES256'): Promise<Party> {
  const issuer = `https://${name}.example`;
  const key = await createSigningKey(algorithm);
  return { issuer, key, trusted: { issuer, jwks: { keys: [key.publicJwk] } } };
}

const [anna, bert] = [await createParty('anna'), await createParty('bert')];

/** What a valid token of an issuer says. */
function claimsOf(issuer: string): object {
  const names = { iss: issuer, sub: 'alice', client_id: 'client', aud: audience, jti: 'one' };
  return { ...names, iat: T0, exp: T0 + 300, cnf: { jkt: client.jkt } };
}

/** A token that is valid in everything but what is said here. */
async function tokenOf(
  { issuer, key }: Pick<Party, 'issuer' | 'key'>,
  claims: object = {},
  header: object = {},
): Promise<string> {
  const sign = signer({ ...client, privateKey: key.privateKey, algorithm: key.algorithm });
  const protectedHeader = { typ: 'at+jwt', alg: key.algorithm, kid: key.kid, ...header };
  return forge(protectedHeader, { ...claimsOf(issuer), ...claims }, sign);
}

/** A verifier for these issuers. */
function trusting(...issuers: readonly TrustedIssuer[]): AccessTokenVerifier {
  return new AccessTokenVerifier(toIssuerPolicies(issuers, audience, limits), limits);
}

async function assertRefused(
  verifier: AccessTokenVerifier,
  token: string,
  reason: DpopErrorReason,
  what = '',
): Promise<void> {
  for (const attempt of [1, 2])
    assert.is(await reasonOf(verifier.verify(token, T0)), reason, `${what} (${attempt})`);
}

// Several issuers

test('takes the tokens of each of several issuers', async () => {
  const verifier = trusting(anna.trusted, bert.trusted);
  for (const party of [anna, bert, anna]) {
    const { claims, jkt } = await verifier.verify(await tokenOf(party), T0);
    assert.equal([claims.iss, jkt], [party.issuer, client.jkt]);
  }
});

test('[R8725-3.8-01] refuses a token of one issuer that the key of another has signed', async () => {
  const verifier = trusting(anna.trusted, bert.trusted);
  const stolen = { issuer: anna.issuer, key: bert.key };
  await assertRefused(verifier, await tokenOf(stolen), 'token-key-unknown', 'under its own kid');
  const posing = await tokenOf(stolen, {}, { kid: anna.key.kid });
  await assertRefused(verifier, posing, 'token-signature-invalid', "under the other's kid");
  const nameless = await tokenOf(stolen, {}, { kid: undefined });
  await assertRefused(verifier, nameless, 'token-signature-invalid', 'under none');
  await assertRefused(verifier, await tokenOf({ issuer: bert.issuer, key: anna.key }), 'token-key-unknown');
});

test('[R8725-3.8-01] two issuers that publish one kid keep their keys apart', async () => {
  const named = (party: Party): TrustedIssuer => ({
    issuer: party.issuer,
    jwks: { keys: [{ ...party.key.publicJwk, kid: 'one' }] },
  });
  const verifier = trusting(named(anna), named(bert));
  const header = { kid: 'one' };
  for (const party of [anna, bert]) await verifier.verify(await tokenOf(party, {}, header), T0);
  for (const [party, other] of [
    [anna, bert],
    [bert, anna],
  ] as const) {
    const token = await tokenOf({ issuer: party.issuer, key: other.key }, {}, header);
    await assertRefused(verifier, token, 'token-signature-invalid');
  }
});

test('[R9068-4-02] an issuer is known by its exact name', async () => {
  const verifier = trusting(anna.trusted, bert.trusted);
  for (const iss of [
    'https://eve.example',
    `${anna.issuer}/`,
    anna.issuer.toUpperCase(),
    `${anna.issuer} `,
    `${anna.issuer},${bert.issuer}`,
    [anna.issuer],
    { toString: 'x' },
    '__proto__',
    '',
    5,
    null,
    undefined,
  ]) {
    await assertRefused(verifier, await tokenOf(anna, { iss }), 'token-issuer-mismatch', JSON.stringify(iss));
  }
});

test('[R9068-4-04] each issuer has its own algorithms', async () => {
  const ed = await createParty('anna', 'Ed25519');
  const jwks = { keys: [anna.key.publicJwk, ed.key.publicJwk] };
  const verifier = trusting(
    { issuer: anna.issuer, jwks, algorithms: ['ES256'] },
    { issuer: bert.issuer, jwks, algorithms: ['Ed25519'] },
  );
  await verifier.verify(await tokenOf(anna), T0);
  await verifier.verify(await tokenOf({ issuer: bert.issuer, key: ed.key }), T0);
  const wrong = 'token-algorithm-not-allowed';
  await assertRefused(verifier, await tokenOf(ed), wrong, 'Ed25519 of the first');
  await assertRefused(verifier, await tokenOf({ issuer: bert.issuer, key: anna.key }), wrong);
});

test('[R9068-4-03] [R9700-2.3-01] each issuer has its own audience, or that of the server', async () => {
  const own = 'urn:notes';
  const verifier = trusting(anna.trusted, { ...bert.trusted, audience: own });
  await verifier.verify(await tokenOf(anna), T0);
  await verifier.verify(await tokenOf(bert, { aud: own }), T0);
  await assertRefused(verifier, await tokenOf(bert), 'token-audience-mismatch', 'the server is not it');
  await assertRefused(verifier, await tokenOf(anna, { aud: own }), 'token-audience-mismatch');
});

test('[R9449-7.1-03] an issuer that is down holds up its own tokens only', async () => {
  const down = (): never => {
    throw new Error('down');
  };
  const verifier = trusting({ issuer: anna.issuer, jwks: down }, bert.trusted);
  await verifier.verify(await tokenOf(bert), T0);
  await assertRefused(verifier, await tokenOf(anna), 'issuer-unavailable');
  await verifier.verify(await tokenOf(bert), T0);
});

test('[G19] a remembered token is refused when its issuer takes the key back, whatever others publish', async () => {
  let jwks = { keys: [anna.key.publicJwk] };
  const both = { keys: [anna.key.publicJwk, bert.key.publicJwk] };
  const verifier = trusting({ issuer: anna.issuer, jwks: () => jwks }, { issuer: bert.issuer, jwks: both });
  const tokens = [await tokenOf(anna), await tokenOf(bert)] as const;
  for (const token of [...tokens, ...tokens]) await verifier.verify(token, T0);
  jwks = { keys: [bert.key.publicJwk] };
  await assertRefused(verifier, tokens[0], 'token-key-unknown');
  await verifier.verify(tokens[1], T0);
});

test('the list is read at the start: what is done to it later changes nothing', async () => {
  const trusted = { ...anna.trusted };
  const issuers: TrustedIssuer[] = [trusted];
  const verifier = trusting(...issuers);
  Object.assign(trusted, { ...bert.trusted, audience: 'other', algorithms: ['PS256'] });
  issuers.push(bert.trusted);
  await verifier.verify(await tokenOf(anna), T0);
  await assertRefused(verifier, await tokenOf(bert), 'token-issuer-mismatch');
});

// Options

const secret = Uint8Array.from({ length: 32 }, (_, index) => (index * 37 + 11) % 256);
const otherSecret = secret.toReversed();
const [symmetric, former] = [
  await createSymmetricKey(secret, 'new'),
  await createSymmetricKey(otherSecret, 'old'),
];
const introspection = {
  endpoint: 'https://anna.example/introspect',
  credentials: { clientId: 'rs', clientSecret: 'secret' },
};
const { jwks = { keys: [] } } = anna.trusted;
const name = { issuer: anna.issuer };

type Mistake = readonly [what: string, option: string, issuers: unknown];

const mistakes: readonly Mistake[] = [
  ['no list', 'issuers', undefined],
  ['null for a list', 'issuers', null],
  ['no list but one issuer', 'issuers', anna.trusted],
  ['an empty list', 'issuers', []],
  ['one issuer twice', 'issuers', [anna.trusted, bert.trusted, { ...anna.trusted, audience: 'x' }]],
  ['no name', 'issuer', [{ jwks }]],
  ['an empty name', 'issuer', [{ issuer: '', jwks }]],
  ['a name that is a URL object', 'issuer', [{ issuer: new URL(anna.issuer), jwks }]],
  ['a misspelt option', 'audiences', [{ ...anna.trusted, audiences: ['x'] }]],
  ['an issuer that is null', 'options', [null]],
  ['an empty audience', 'audience', [{ ...anna.trusted, audience: '' }]],
  ['audiences in a list', 'audience', [{ ...anna.trusted, audience: [audience] }]],
  ['no keys at all', 'jwks', [name]],
  ['keys that are none', 'jwks', [{ ...name, jwks: {} }]],
  ['keys over plain http', 'jwks', [{ ...name, jwks: 'http://anna.example/jwks' }]],
  ['the algorithm none', 'algorithms', [{ ...anna.trusted, algorithms: ['none'] }]],
  ['HS256 among the algorithms', 'algorithms', [{ ...anna.trusted, algorithms: ['ES256', 'HS256'] }]],
  ['HS256 alone', 'algorithms', [{ ...anna.trusted, algorithms: ['HS256'] }]],
  ['no algorithms', 'algorithms', [{ ...anna.trusted, algorithms: [] }]],
  ['keys that are kept for ever', 'jwksMaxAge', [{ ...anna.trusted, jwksMaxAge: 86_401 }]],
  ['an age of keys where there are none', 'jwksMaxAge', [{ ...name, introspection, jwksMaxAge: '600' }]],
  ['keys for longer than a month', 'jwksKeepFor', [{ ...anna.trusted, jwksKeepFor: 31 * 86_400 + 1 }]],
  ['discovery of a third kind', 'discovery', [{ ...name, discovery: 'saml' }]],
  ['discovery by true', 'discovery', [{ ...name, discovery: true }]],
  ['discovery over plain http', 'issuer', [{ issuer: 'http://anna.example', discovery: 'oauth' }]],
  ['discovery of no URL', 'issuer', [{ issuer: 'anna', discovery: 'oauth' }]],
  ['discovery with a query', 'issuer', [{ issuer: 'https://anna.example/?a=b', discovery: 'oauth' }]],
  ['discovery with a user', 'issuer', [{ issuer: 'https://u:p@anna.example', discovery: 'openid' }]],
  [
    'introspection without an endpoint to be found',
    'introspection.endpoint',
    [{ ...name, introspection: { credentials: introspection.credentials } }],
  ],
  [
    'introspection over plain http',
    'introspection.endpoint',
    [{ ...name, introspection: { ...introspection, endpoint: 'http://anna.example/introspect' } }],
  ],
  [
    'introspection without credentials',
    'introspection.credentials',
    [{ ...name, introspection: { endpoint: introspection.endpoint } }],
  ],
  [
    'introspection at two issuers',
    'introspection',
    [
      { ...name, introspection },
      { issuer: bert.issuer, introspection },
    ],
  ],
  ['symmetric keys that are none', 'symmetricKeys', [{ ...name, symmetricKeys: [secret] }]],
  ['an empty list of symmetric keys', 'symmetricKeys', [{ ...name, symmetricKeys: [] }]],
  ['one symmetric key, no list', 'symmetricKeys', [{ ...name, symmetricKeys: symmetric }]],
  ['a symmetric key among others', 'symmetricKeys', [{ ...name, symmetricKeys: [symmetric, anna.key] }]],
  ['two symmetric keys by one kid', 'symmetricKeys', [{ ...name, symmetricKeys: [symmetric, symmetric] }]],
  ['symmetric keys beside a key set', 'symmetricKeys', [{ ...name, jwks, symmetricKeys: [symmetric] }]],
  [
    'symmetric keys beside discovery',
    'symmetricKeys',
    [{ ...name, discovery: 'oauth', symmetricKeys: [symmetric] }],
  ],
  [
    'symmetric keys beside introspection',
    'symmetricKeys',
    [{ ...name, introspection, symmetricKeys: [symmetric] }],
  ],
  [
    'symmetric keys beside algorithms',
    'symmetricKeys',
    [{ ...name, algorithms: ['ES256'], symmetricKeys: [symmetric] }],
  ],
  [
    'symmetric keys beside another issuer',
    'symmetricKeys',
    [{ ...name, symmetricKeys: [symmetric] }, bert.trusted],
  ],
  [
    'symmetric keys beside another issuer with symmetric keys',
    'symmetricKeys',
    [
      { ...name, symmetricKeys: [symmetric] },
      { issuer: bert.issuer, symmetricKeys: [former] },
    ],
  ],
];

for (const [what, option, issuers] of mistakes) {
  test(`refuses ${what}: a TypeError that names ${option}`, () => {
    trusting(anna.trusted, bert.trusted);
    assert.throws(
      () => toIssuerPolicies(issuers as TrustedIssuer[], audience, limits),
      (error: unknown) =>
        error instanceof TypeError && new RegExp(`^holdfast: .*\\b${option}\\b`).test(error.message),
    );
  });
}

test('one issuer may be described by the options of the server itself', async () => {
  const own = { ...anna.trusted, audience, tokenAlgorithms: ['ES256'], maxTokenBytes: 8192 } as IssuerOptions;
  const verifier = trusting(...toIssuers(own));
  await verifier.verify(await tokenOf(anna), T0);
  const ed = await createParty('anna', 'Ed25519');
  await assertRefused(verifier, await tokenOf(ed), 'token-algorithm-not-allowed');
});

test('an issuer beside a list of issuers is refused, by the name of what stands beside', () => {
  const issuers = [anna.trusted];
  assert.is(toIssuers({ issuers, audience }), issuers);
  for (const [option, value] of Object.entries({
    ...anna.trusted,
    discovery: 'oauth',
    symmetricKeys: [symmetric],
    introspection,
    jwksMaxAge: 5,
    jwksKeepFor: 5,
    tokenAlgorithms: ['ES256'],
  })) {
    assert.throws(
      () => createResourceServer({ ...serverOptions, issuers, [option]: value }),
      (error: unknown) => error instanceof TypeError && error.message.includes(`option "${option}" `),
      option,
    );
  }
  createResourceServer({ ...serverOptions, issuers });
});

const serverOptions = {
  publicOrigin: origin,
  audience,
  replay: createMemoryReplayStore({ capacity: 1000, clock: () => T0 - 1000 }),
};

test('algorithms of the list are no option of the server, whose own stand for proofs', () => {
  const ps256 = { ...anna.trusted, algorithms: ['PS256'] } as const;
  assert.equal(
    createResourceServer({ ...serverOptions, issuers: [ps256], algorithms: ['ES256'] }).algorithms,
    ['ES256'],
  );
});

// One secret for one party

/** What signs for one party that does everything itself. */
function oneParty(signingKey: SymmetricKey): TokenIssuer {
  return createTokenIssuer({ issuer: anna.issuer, signingKey, clock: () => T0 });
}

async function symmetricToken(key: SymmetricKey): Promise<string> {
  const request = { subject: 'alice', clientId: 'client', audience, jkt: client.jkt };
  return (await oneParty(key).issue(request)).accessToken;
}

const onlySymmetric: TrustedIssuer = { ...name, symmetricKeys: [symmetric, former] };

/** A JWT with any header and the claims of a valid token, under HMAC with any bytes. */
async function macToken(bytes: Uint8Array, header: object = {}, hash = 'SHA-256'): Promise<string> {
  const algorithm = { name: 'HMAC', hash };
  const key = await crypto.subtle.importKey('raw', Uint8Array.from(bytes), algorithm, false, ['sign']);
  const sign = async (text: string): Promise<string> =>
    Buffer.from(await crypto.subtle.sign('HMAC', key, utf8(text))).toString('base64url');
  return forge({ typ: 'at+jwt', alg: 'HS256', ...header }, claimsOf(anna.issuer), sign);
}

test('verifies HS256 for the one party that issues and serves, under two kids for roll-over', async () => {
  const verifier = trusting(onlySymmetric);
  for (const key of [symmetric, former]) {
    const token = await symmetricToken(key);
    const { claims, jkt } = await verifier.verify(token, T0);
    assert.equal([claims.iss, claims.sub, jkt], [anna.issuer, 'alice', client.jkt]);
    assert.is((await verifier.verify(token, T0)).claims, claims, 'and remembers it');
  }
});

test('a symmetric key that is no longer in the list verifies nothing', async () => {
  const verifier = trusting({ ...name, symmetricKeys: [symmetric] });
  await verifier.verify(await symmetricToken(symmetric), T0);
  await assertRefused(verifier, await symmetricToken(former), 'token-key-unknown');
});

test('a symmetric key is taken by its kid and by nothing else', async () => {
  const verifier = trusting(onlySymmetric);
  await verifier.verify(await macToken(secret, { kid: 'new' }), T0);
  for (const kid of ['unknown', 'NEW', '', undefined, null, 5, ['new'], '__proto__'])
    await assertRefused(
      verifier,
      await macToken(secret, { kid }),
      'token-key-unknown',
      JSON.stringify(kid) ?? 'none',
    );
  const swapped = await macToken(secret, { kid: 'old' });
  await assertRefused(verifier, swapped, 'token-signature-invalid', 'the kid of the other key');
});

test('the list of symmetric keys is read at the start', async () => {
  const symmetricKeys = [symmetric];
  const verifier = trusting({ ...name, symmetricKeys });
  symmetricKeys.push(former);
  await assertRefused(verifier, await symmetricToken(former), 'token-key-unknown');
  symmetricKeys.length = 0;
  await verifier.verify(await symmetricToken(symmetric), T0);
});

test('tokens under a secret are checked as any other: time, audience, type, signature', async () => {
  const verifier = trusting(onlySymmetric);
  const token = await symmetricToken(symmetric);
  assert.is(await reasonOf(verifier.verify(token, T0 + 310)), 'token-expired');
  assert.is(await reasonOf(verifier.verify(token, T0 - 11)), 'token-not-yet-valid');
  const elsewhere = trusting({ ...onlySymmetric, audience: 'other' });
  await assertRefused(elsewhere, token, 'token-audience-mismatch');
  await assertRefused(trusting({ ...onlySymmetric, issuer: bert.issuer }), token, 'token-issuer-mismatch');
  await assertRefused(verifier, await macToken(secret, { kid: 'new', typ: 'JWT' }), 'token-type-mismatch');
  const guessed = await macToken(secret.with(0, 1), { kid: 'new' });
  await assertRefused(verifier, guessed, 'token-signature-invalid');
});

/** Each text of a public key that somebody might take for a secret. */
async function publicTexts(): Promise<Readonly<Record<string, Uint8Array>>> {
  const { publicJwk } = anna.key;
  const publicKey = await crypto.subtle.importKey(
    'jwk',
    publicJwk,
    { name: 'ECDSA', namedCurve: 'P-256' },
    true,
    ['verify'],
  );
  const pem = await exportSPKI(publicKey);
  return {
    'its JWK': utf8(JSON.stringify(publicJwk)),
    'its coordinate': Buffer.from(publicJwk.x ?? '', 'base64url'),
    'its coordinate as text': utf8(publicJwk.x ?? ''),
    'its PEM': utf8(pem),
    'its PEM without the last line break': utf8(pem.trim()),
    'its SPKI': new Uint8Array(await crypto.subtle.exportKey('spki', publicKey)),
    'its kid': utf8(anna.key.kid),
  };
}

for (const [what, bytes] of Object.entries(await publicTexts())) {
  test(`[R8725-3.1-01] refuses HS256 under a public key taken for a secret: ${what}`, async () => {
    const verifier = trusting(anna.trusted, bert.trusted);
    for (const kid of [anna.key.kid, undefined])
      await assertRefused(verifier, await macToken(bytes, { kid }), 'token-algorithm-not-allowed');
    const posing = await macToken(bytes, { kid: anna.key.kid, alg: 'ES256' });
    await assertRefused(verifier, posing, 'token-signature-invalid', 'said to be ES256');
  });
}

test('[R8725-3.1-01] a verifier with secrets takes no signature, whatever the header says', async () => {
  const verifier = trusting(onlySymmetric);
  for (const kid of ['new', anna.key.kid]) {
    const signed = await tokenOf(anna, {}, { kid });
    await assertRefused(verifier, signed, 'token-algorithm-not-allowed', 'ES256');
  }
  const posing = await tokenOf(anna, {}, { kid: 'new', alg: 'HS256' });
  await assertRefused(verifier, posing, 'token-signature-invalid', 'a signature said to be HS256');
});

test('[R8725-3.1-01] a secret is used with one algorithm only', async () => {
  const verifier = trusting(onlySymmetric);
  for (const [alg, hash] of [
    ['HS384', 'SHA-384'],
    ['HS512', 'SHA-512'],
    ['none', 'SHA-256'],
    ['hs256', 'SHA-256'],
  ] as const)
    await assertRefused(
      verifier,
      await macToken(secret, { kid: 'new', alg }, hash),
      'token-algorithm-not-allowed',
    );
  const renamed = await macToken(secret, { kid: 'new' }, 'SHA-512');
  await assertRefused(verifier, renamed, 'token-signature-invalid', 'HS512 said to be HS256');
});

test('a request with a token under a secret needs its proof as any other', async () => {
  const world = await createWorld();
  const options = { ...serverOptions, clock: world.clock.read };
  const server = createResourceServer({ ...options, issuer: anna.issuer, symmetricKeys: [symmetric] });
  const token = await symmetricToken(symmetric);
  const bound: World = { ...world, server, token, keyPair: client };
  await server.authorize(await createRequest(bound));
  assert.is(
    await reasonOf(server.authorize(await createRequest(bound, { keyPair: world.keyPair }))),
    'key-mismatch',
  );
});

// Discovery and introspection, at an issuer on loopback

/** An authorization server on loopback: what it publishes, and what it was asked. */
class Loopback {
  readonly paths: string[] = [];
  /** Tokens that were introspected. */
  readonly asked: string[] = [];
  /** Members of its metadata in place of the right ones. */
  metadata: object = {};
  /** What introspection says; `undefined`: that the token is not active. */
  vouch: (token: string) => object | undefined = () => undefined;
  issuer = '';
  key = anna.key;
  readonly #server = createServer((request, response) => void this.#answer(request, response));

  async open(path = ''): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    this.issuer = `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}${path}`;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { url = '' } = request;
    this.paths.push(url);
    if (url.includes('/.well-known/')) return this.#send(response, this.#document());
    if (url === '/keys') return this.#send(response, { keys: [this.key.publicJwk] });
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const token = new URLSearchParams(Buffer.concat(chunks).toString()).get('token') ?? '';
    this.asked.push(token);
    const claims = this.vouch(token);
    this.#send(response, claims === undefined ? { active: false } : { active: true, ...claims });
  }

  #document(): object {
    const { origin: base } = new URL(this.issuer);
    const endpoints = { jwks_uri: `${base}/keys`, introspection_endpoint: `${base}/introspect` };
    return { issuer: this.issuer, ...endpoints, ...this.metadata };
  }

  #send(response: ServerResponse, body: object): void {
    response.setHeader('content-type', 'application/json').end(JSON.stringify(body));
  }
}

/** Runs a test against an issuer on loopback, which is closed whatever happens. */
async function withIssuer(run: (issuer: Loopback) => Promise<void>, path = ''): Promise<void> {
  const issuer = new Loopback();
  await issuer.open(path);
  try {
    await run(issuer);
  } finally {
    await issuer.close();
  }
}

/** A resource server that trusts an issuer on loopback, and a client with a token for it. */
async function worldOf(issuer: Loopback, trust: Partial<TrustedIssuer>): Promise<World> {
  const issuers = [{ issuer: issuer.issuer, ...trust }];
  const world = await createWorld({ issuer: undefined, jwks: undefined, issuers } as object);
  return { ...world, token: await tokenOf(issuer), keyPair: client };
}

for (const [discovery, path, wellKnown] of [
  ['oauth', '', '/.well-known/oauth-authorization-server'],
  ['oauth', '/tenant', '/.well-known/oauth-authorization-server/tenant'],
  ['openid', '', '/.well-known/openid-configuration'],
  ['openid', '/tenant', '/tenant/.well-known/openid-configuration'],
] as const) {
  test(`[R8414-3-01] finds the keys by discovery: ${discovery}, issuer with path "${path}"`, async () => {
    await withIssuer(async (issuer) => {
      const world = await worldOf(issuer, { discovery });
      assert.equal(issuer.paths, [], 'nothing is fetched before a token comes');
      for (let time = 0; time < 3; time++) await world.server.authorize(await createRequest(world));
      assert.equal(issuer.paths, [wellKnown, '/keys']);
    }, path);
  });
}

for (const [what, metadata] of Object.entries({
  'another issuer': { issuer: 'https://eve.example' },
  'the issuer with a slash': { issuer: undefined, slash: true },
  'no issuer': { issuer: undefined },
  'a list of issuers': { issuer: ['x'] },
})) {
  test(`[R8414-3.3-01] metadata that names ${what} is not used: 503, and its keys are not fetched`, async () => {
    await withIssuer(async (issuer) => {
      issuer.metadata = 'slash' in metadata ? { issuer: `${issuer.issuer}/` } : metadata;
      const world = await worldOf(issuer, { discovery: 'oauth' });
      const refusal = await refusalOf(world.server.authorize(await createRequest(world)));
      assert.is(refusal.reason, 'issuer-unavailable');
      assert.is(world.server.challenge(refusal).status, 503);
      assert.not(issuer.paths.includes('/keys'));
    });
  });
}

for (const jwks_uri of [undefined, 'http://keys.example/', 'keys', 5]) {
  test(`[R9449-2-01] metadata with jwks_uri ${JSON.stringify(jwks_uri)} leads nowhere: 503`, async () => {
    await withIssuer(async (issuer) => {
      issuer.metadata = { jwks_uri };
      const world = await worldOf(issuer, { discovery: 'oauth' });
      assert.is(await reasonOf(world.server.authorize(await createRequest(world))), 'issuer-unavailable');
      assert.not(issuer.paths.includes('/keys'));
    });
  });
}

test('a key set that is given is used, and discovery is asked for the rest only', async () => {
  await withIssuer(async (issuer) => {
    const { credentials } = introspection;
    const trust = { jwks: anna.trusted.jwks, discovery: 'oauth', introspection: { credentials } } as const;
    const world = await worldOf(issuer, trust as Partial<TrustedIssuer>);
    await world.server.authorize(await createRequest(world));
    assert.equal(issuer.paths, []);
    assert.is(
      await reasonOf(world.server.authorize(await createRequest(world, { token: 'opaque' }))),
      'token-inactive',
    );
    assert.equal(issuer.paths, ['/.well-known/oauth-authorization-server', '/introspect']);
  });
});

/** What an issuer says of an opaque token that is bound to the client's key. */
function vouched({ issuer }: Loopback, changes: object = {}): object {
  return { ...claimsOf(issuer), ...changes };
}

/** Introspection at an issuer on loopback. */
function asking(issuer: Loopback): TrustedIssuer {
  const endpoint = `${new URL(issuer.issuer).origin}/introspect`;
  return { issuer: issuer.issuer, introspection: { ...introspection, endpoint } };
}

test('[R9449-6-02] [R9449-6.2-03] JWTs and opaque tokens on one server, each bound to its key', async () => {
  await withIssuer(async (issuer) => {
    issuer.vouch = (token) => (token === 'opaque' ? vouched(issuer) : undefined);
    const { introspection: ask } = asking(issuer);
    const world = await worldOf(issuer, {
      jwks: { keys: [issuer.key.publicJwk] },
      introspection: ask as never,
    });
    for (const token of [world.token, 'opaque']) {
      const { claims, jkt } = await world.server.authorize(await createRequest(world, { token }));
      assert.equal([claims.sub, jkt], ['alice', client.jkt]);
      const stolen = await createRequest(world, { token, keyPair: await generateKeyPair() });
      assert.is(await reasonOf(world.server.authorize(stolen)), 'key-mismatch');
    }
    assert.equal(issuer.asked, ['opaque'], 'a JWT is never sent to the issuer');
  });
});

for (const [what, reason, changes] of [
  ['[G10] says DPoP and names no key', 'token-not-bound', { token_type: 'DPoP', cnf: undefined }],
  ['[G04] names no key', 'token-not-bound', { cnf: undefined }],
  ['[G05] has an empty cnf', 'token-not-bound', { cnf: {} }],
  ['[G06] names a certificate', 'token-confirmation-unsupported', { cnf: { 'x5t#S256': 'x' } }],
  ['names another audience', 'token-audience-mismatch', { aud: 'other' }],
  ['names another issuer', 'token-issuer-mismatch', { iss: bert.issuer }],
  ['[G11] is not active', 'token-inactive', { active: false }],
  ['[R7662-4-01] [G11] is active as text', 'token-inactive', { active: 'true' }],
  ['has expired', 'token-expired', { exp: T0 - 60 }],
] as const) {
  test(`[R7662-4-01] an opaque token of which the issuer ${what} is refused`, async () => {
    await withIssuer(async (issuer) => {
      issuer.vouch = () => vouched(issuer);
      const world = await worldOf(issuer, asking(issuer));
      await world.server.authorize(await createRequest(world, { token: 'good' }));
      issuer.vouch = () => vouched(issuer, changes);
      const refusal = await refusalOf(world.server.authorize(await createRequest(world, { token: 'bad' })));
      assert.is(refusal.reason, reason);
      assert.is(world.server.challenge(refusal).status, 401);
    });
  });
}

test('[G12] [R9449-7.1-03] an opaque token is answered with 503 while the issuer cannot be asked', async () => {
  const issuer = new Loopback();
  await issuer.open();
  const trust = asking(issuer);
  await issuer.close();
  const world = await worldOf(issuer, trust);
  const refusal = await refusalOf(world.server.authorize(await createRequest(world, { token: 'opaque' })));
  assert.equal([refusal.reason, world.server.challenge(refusal).status], ['issuer-unavailable', 503]);
});

// Which tokens are sent to the issuer

const jwtOfOthers = tokenOf({ issuer: 'https://eve.example', key: bert.key });

/** Tokens that name nobody whom this server could ask by name. */
const nameless: Readonly<Record<string, () => Promise<string>>> = {
  'no JWT': async () => 'opaque',
  'two segments': async () => 'a.b',
  'five segments': async () => 'e30.a.b.c.d',
  'a JWT with padding': async () => `${await tokenOf(anna)}=`,
  'a header that is no JSON': async () => 'aGVhZA.e30.AAAA',
  'a header that is endless': async () => tokenOf(anna, {}, { x: 'x'.repeat(1024) }),
};

for (const [what, make] of Object.entries(nameless)) {
  test(`a token that says nothing about itself goes to the one issuer that can be asked: ${what}`, async () => {
    await withIssuer(async (issuer) => {
      issuer.vouch = () => vouched(issuer);
      const token = await make();
      const verifier = trusting(anna.trusted, asking(issuer), bert.trusted);
      assert.is((await verifier.verify(token, T0)).claims.iss, issuer.issuer);
      assert.equal(issuer.asked, [token]);
      await assertRefused(trusting(anna.trusted, bert.trusted), token, 'token-malformed', 'nobody to ask');
      assert.is(issuer.asked.length, 1);
    });
  });
}

test('a JWT of an issuer whose keys are known is never sent anywhere, good or bad', async () => {
  await withIssuer(async (issuer) => {
    issuer.vouch = () => vouched(issuer);
    const both = { ...asking(issuer), jwks: { keys: [issuer.key.publicJwk] } };
    const verifier = trusting(anna.trusted, both);
    for (const party of [anna, issuer] as const) {
      await verifier.verify(await tokenOf(party), T0);
      const bad: readonly (readonly [DpopErrorReason, Promise<string>])[] = [
        ['token-expired', tokenOf(party, { exp: T0 - 60 })],
        ['token-audience-mismatch', tokenOf(party, { aud: 'other' })],
        ['token-type-mismatch', tokenOf(party, {}, { typ: 'JWT' })],
        ['token-algorithm-not-allowed', tokenOf(party, {}, { alg: 'HS256' })],
        ['token-malformed', tokenOf(party, {}, { crit: ['x'] })],
        ['token-key-unknown', tokenOf({ issuer: party.issuer, key: bert.key })],
        ['token-signature-invalid', tokenOf({ ...party, key: bert.key }, {}, { kid: party.key.kid })],
        ['token-not-bound', tokenOf(party, { cnf: {} })],
        ['token-claim-invalid', tokenOf(party, { sub: 5 })],
      ];
      for (const [reason, token] of bad) await assertRefused(verifier, await token, reason);
    }
    assert.equal(issuer.asked, []);
  });
});

test('a JWT of an issuer that is not known is not sent to one whose tokens are JWTs', async () => {
  await withIssuer(async (issuer) => {
    issuer.vouch = () => vouched(issuer);
    const both = { ...asking(issuer), jwks: { keys: [issuer.key.publicJwk] } };
    await assertRefused(trusting(anna.trusted, both), await jwtOfOthers, 'token-issuer-mismatch');
    await assertRefused(trusting(both), await tokenOf(anna, { iss: undefined }), 'token-issuer-mismatch');
    assert.equal(issuer.asked, []);
  });
});

test('an issuer without keys is asked about JWTs too: of its own, and of nobody else here', async () => {
  await withIssuer(async (issuer) => {
    issuer.vouch = (token) => (token.includes('.') ? vouched(issuer) : undefined);
    const verifier = trusting(anna.trusted, asking(issuer));
    const own = await tokenOf(issuer);
    await verifier.verify(own, T0);
    await verifier.verify(await tokenOf(anna), T0);
    assert.equal(issuer.asked, [own]);
    await verifier.verify(await jwtOfOthers, T0);
    assert.equal(issuer.asked, [own, await jwtOfOthers], 'it decides whether that is one of its own');
  });
});

test('[K04] a token that is too long is sent nowhere', async () => {
  await withIssuer(async (issuer) => {
    const verifier = trusting(asking(issuer));
    await assertRefused(verifier, 'x'.repeat(8193), 'token-too-large');
    assert.equal(issuer.asked, []);
    await assertRefused(verifier, 'x'.repeat(8192), 'token-inactive');
    assert.is(issuer.asked.length, 1);
  });
});

test('[R8725-3.10-01] nothing that a header names is fetched', async () => {
  await withIssuer(async (issuer) => {
    const verifier = trusting({ issuer: issuer.issuer, jwks: `${issuer.issuer}/keys` });
    const named = { jku: `${issuer.issuer}/jku`, x5u: `${issuer.issuer}/x5u`, jwk: bert.key.publicJwk };
    await verifier.verify(await tokenOf(issuer, {}, named), T0);
    const own = await tokenOf({ issuer: issuer.issuer, key: bert.key }, {}, named);
    assert.is(await reasonOf(verifier.verify(own, T0)), 'token-key-unknown');
    assert.equal(new Set(issuer.paths), new Set(['/keys']));
  });
});

test.run();
