import { createSecretKey } from 'node:crypto';
import { exportJWK, generateKeyPair as generateAnyKeyPair, type JWK } from 'jose';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { assertionAlgorithms } from '../../demo/authorization/client-authentication.ts';
import {
  type AssertionChanges,
  createAssertion,
  credentialsOf,
  type Form,
  generateKeyPair,
  jwtBearer,
  postForm,
  proofFor,
  refusalOf,
  staleProof,
} from './_clients.ts';
import { type Demo, lastReason, later, sendRaw, statusesOf, withDemo } from './_setup.ts';

/** Who is let in as which client, at every endpoint that asks. */

const test = suite('demo/client-authentication');

const clientIds = ['demo-spa', 'demo-service', 'demo-web', 'demo-legacy', 'demo-api'];

/** Revocation asks for nothing beside the client. */
function ask(demo: Demo, form: Form, headers: Readonly<Record<string, string>> = {}): Promise<Response> {
  return postForm(demo, '/revoke', { token: 'x', ...form }, headers);
}

function basic(id: string, secret: string): Readonly<Record<string, string>> {
  return { authorization: `Basic ${btoa(`${id}:${secret}`)}` };
}

function byAssertion(assertion: string, changes: Form = {}): Form {
  return { client_assertion_type: jwtBearer, client_assertion: assertion, ...changes };
}

async function assertUnknown(response: Response, demo: Demo): Promise<void> {
  assert.is(response.headers.get('cache-control'), 'no-store');
  assert.is(await refusalOf(response), '401 invalid_client');
  assert.is(lastReason(demo), 'invalid_client');
}

for (const clientId of clientIds) {
  test(
    `${clientId} is let in by its own credentials`,
    withDemo(async (demo) => {
      assert.is((await ask(demo, await credentialsOf(demo, clientId))).status, 200);
    }),
  );
}

for (const clientId of ['demo-service', 'demo-legacy', 'demo-api']) {
  test(
    `${clientId} is let in by HTTP Basic, too`,
    withDemo(async (demo) => {
      const { client_secret = '' } = await credentialsOf(demo, clientId);
      assert.is((await ask(demo, {}, basic(clientId, client_secret))).status, 200);
    }),
  );
}

// Each client in its own way, and in no other.

const otherWays: Readonly<
  Record<string, (demo: Demo, id: string) => Promise<readonly [Form, Readonly<Record<string, string>>]>>
> = {
  'its name alone': async (_demo, client_id) => [{ client_id }, {}],
  'the secret of another client': async ({ config }, client_id) => [
    { client_id, client_secret: config.clientSecret },
    {},
  ],
  'an empty secret': async (_demo, client_id) => [{ client_id, client_secret: '' }, {}],
  'HTTP Basic without a secret': async (_demo, id) => [{}, basic(id, '')],
  'HTTP Basic with the secret of another': async ({ config }, id) => [{}, basic(id, config.clientSecret)],
  'an assertion in its name, with the key of another': async (demo, id) => [
    byAssertion(await createAssertion(demo, { claims: { iss: id, sub: id } })),
    {},
  ],
};
const itsOwn = ['demo-spa its name alone', 'demo-spa an empty secret'];
const ownByChance = [
  'demo-service the secret of another client',
  'demo-service HTTP Basic with the secret of another',
  'demo-web an assertion in its name, with the key of another',
];

for (const clientId of clientIds) {
  for (const [way, credentials] of Object.entries(otherWays)) {
    if (ownByChance.includes(`${clientId} ${way}`)) continue;
    const accepted = itsOwn.includes(`${clientId} ${way}`);
    test(
      `[R6749-5.2-01] ${clientId} with ${way} is ${accepted ? 'let in' : 'invalid_client'}`,
      withDemo(async (demo) => {
        const [form, headers] = await credentials(demo, clientId);
        const response = await ask(demo, form, headers);
        if (accepted) assert.is(response.status, 200);
        else await assertUnknown(response, demo);
      }),
    );
  }
}

test(
  'credentials of one client in the name of another are those of nobody',
  withDemo(async (demo) => {
    const { clientSecret } = demo.config;
    const other = { client_id: 'demo-legacy' };
    await assertUnknown(await ask(demo, other, basic('demo-service', clientSecret)), demo);
    await assertUnknown(await ask(demo, byAssertion(await createAssertion(demo), other)), demo);
    const same = { client_id: 'demo-web' };
    assert.is((await ask(demo, byAssertion(await createAssertion(demo), same))).status, 200);
  }),
);

// One way at a time.

test(
  '[R6749-5.2-01] two ways at once are invalid_request, each right by itself',
  withDemo(async (demo) => {
    const { clientSecret } = demo.config;
    const post = { client_id: 'demo-service', client_secret: clientSecret };
    const assertion = async (): Promise<Form> => byAssertion(await createAssertion(demo));
    for (const [form, headers] of [
      [post, basic('demo-service', clientSecret)],
      [await assertion(), basic('demo-service', clientSecret)],
      [{ ...(await assertion()), ...post }, {}],
      [{ client_id: 'demo-service', client_assertion_type: jwtBearer }, basic('demo-service', clientSecret)],
    ] as const) {
      assert.is(await refusalOf(await ask(demo, form, headers)), '400 invalid_request');
    }
  }),
);

test(
  'two Authorization headers are one too many, the same twice included',
  withDemo(async (demo) => {
    const { authorization = '' } = basic('demo-service', demo.config.clientSecret);
    const send = (times: number): Promise<string> =>
      sendRaw(
        demo.authorizationOrigin,
        `POST /revoke HTTP/1.1\r\nHost: ${new URL(demo.authorizationOrigin).host}\r\nConnection: close\r\n` +
          `Authorization: ${authorization}\r\n`.repeat(times) +
          'Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 7\r\n\r\ntoken=x',
      );
    assert.equal(statusesOf(await send(1)), [200]);
    assert.equal(statusesOf(await send(2)), [400]);
  }),
);

// Before anything else.

test(
  '[J16] [R9449-4-01] a wrong client is told so, whatever its proof is, and the proof is left alone',
  withDemo(async (demo) => {
    const keyPair = await generateKeyPair();
    const proof = await proofFor(demo, keyPair);
    const wrong = { grant_type: 'client_credentials', client_id: 'demo-service', client_secret: 'canary' };
    for (const headers of [
      {},
      { dpop: 'canary' },
      { dpop: await staleProof(demo, keyPair) },
      { dpop: proof },
    ]) {
      await assertUnknown(await postForm(demo, '/token', wrong, headers), demo);
    }
    const right = { ...wrong, client_secret: demo.config.clientSecret };
    assert.is((await postForm(demo, '/token', right, { dpop: proof })).status, 200);
  }),
);

for (const path of ['/token', '/par', '/introspect', '/revoke']) {
  test(
    `[R9126-2-01] [R7662-2.1-01] [R7009-2.1-01] ${path} refuses a wrong secret, by header with a challenge`,
    withDemo(async (demo) => {
      const inForm = await postForm(demo, path, { client_id: 'demo-service', client_secret: 'canary' });
      assert.is(inForm.headers.get('www-authenticate'), null);
      await assertUnknown(inForm, demo);
      const inHeader = await postForm(demo, path, {}, basic('demo-service', 'canary'));
      assert.is(inHeader.headers.get('www-authenticate'), 'Basic realm="token"');
      await assertUnknown(inHeader, demo);
    }),
  );
}

// Assertions.

const now = (): number => Math.floor(Date.now() / 1000);

const goodAssertions: readonly (readonly [title: string, changes: (demo: Demo) => AssertionChanges])[] = [
  ['as it is', () => ({})],
  ['for the token endpoint', (demo) => ({ claims: { aud: demo.tokenUrl } })],
  ['for the endpoint of pushed requests', (demo) => ({ claims: { aud: `${demo.authorizationOrigin}/par` } })],
  ['good for five minutes', () => ({ claims: { exp: now() + 300 } })],
  ['issued by a clock that is ten seconds ahead', () => ({ claims: { iat: now() + 10 } })],
  ['not before ten seconds from now', () => ({ claims: { nbf: now() + 9 } })],
  ['without iat', () => ({ claims: { iat: undefined } })],
  ['of type JWT', () => ({ header: { typ: 'JWT' } })],
  ['of type client-authentication+jwt', () => ({ header: { typ: 'client-authentication+jwt' } })],
  ['that names its key', () => ({ header: { kid: 'demo-web-throw-away-key' } })],
];

for (const [title, changes] of goodAssertions) {
  test(
    `an assertion ${title} is accepted`,
    withDemo(async (demo) => {
      const assertion = await createAssertion(demo, changes(demo));
      assert.is((await ask(demo, byAssertion(assertion))).status, 200);
    }),
  );
}

const badAssertions: readonly (readonly [title: string, changes: (demo: Demo) => AssertionChanges])[] = [
  ['for another server', () => ({ claims: { aud: 'https://as.example' } })],
  ['for an endpoint that is none', (demo) => ({ claims: { aud: `${demo.authorizationOrigin}/revoke` } })],
  ['for the issuer with a slash', (demo) => ({ claims: { aud: `${demo.authorizationOrigin}/` } })],
  ['for the issuer in a list', (demo) => ({ claims: { aud: [demo.authorizationOrigin] } })],
  [
    'for this server and another',
    (demo) => ({ claims: { aud: [demo.authorizationOrigin, 'https://as.example'] } }),
  ],
  ['for nobody', () => ({ claims: { aud: undefined } })],
  ['issued by another', () => ({ claims: { iss: 'demo-service' } })],
  ['issued by nobody', () => ({ claims: { iss: undefined } })],
  ['about another', () => ({ claims: { sub: 'demo-service' } })],
  ['about nobody', () => ({ claims: { sub: undefined } })],
  ['about a number', () => ({ claims: { sub: 5 } })],
  ['that is over', () => ({ claims: { exp: now() - 11 } })],
  ['without an end', () => ({ claims: { exp: undefined } })],
  ['with an end in words', () => ({ claims: { exp: 'tomorrow' } })],
  ['good for six minutes', () => ({ claims: { exp: now() + 360 } })],
  ['from the next minute', () => ({ claims: { iat: now() + 61 } })],
  ['not before the next minute', () => ({ claims: { nbf: now() + 61 } })],
  ['without jti', () => ({ claims: { jti: undefined } })],
  ['with an empty jti', () => ({ claims: { jti: '' } })],
  ['with a number for a jti', () => ({ claims: { jti: 5 } })],
  ['with a jti of 257 characters', () => ({ claims: { jti: 'x'.repeat(257) } })],
  ['of the type of an access token', () => ({ header: { typ: 'at+jwt' } })],
  ['of the type of a proof', () => ({ header: { typ: 'dpop+jwt' } })],
  ['of the type of an access token, spelt out', () => ({ header: { typ: 'application/at+jwt' } })],
  ['that names another key', () => ({ header: { kid: 'another' } })],
  ['with an extension that must be understood', () => ({ header: { crit: ['canary'], canary: true } })],
];

for (const [title, changes] of badAssertions) {
  test(
    `[R6749-5.2-01] an assertion ${title} is invalid_client`,
    withDemo(async (demo) => {
      const assertion = await createAssertion(demo, changes(demo));
      await assertUnknown(await ask(demo, byAssertion(assertion, { client_id: 'demo-web' })), demo);
    }),
  );
}

test(
  'an assertion whose signature was changed is invalid_client, and so is what is none',
  withDemo(async (demo) => {
    const [header = '', payload = '', signature = ''] = (await createAssertion(demo)).split('.');
    const flipped = (signature.startsWith('A') ? 'B' : 'A') + signature.slice(1);
    const unsigned = `${Buffer.from('{"alg":"none"}').toString('base64url')}.${payload}.`;
    for (const assertion of [
      `${header}.${payload}.${flipped}`,
      unsigned,
      `${header}.${payload}`,
      'canary',
      '..',
    ]) {
      await assertUnknown(await ask(demo, byAssertion(assertion)), demo);
    }
    assert.is((await ask(demo, byAssertion(`${header}.${payload}.${signature}`))).status, 200);
  }),
);

for (const type of ['urn:ietf:params:oauth:client-assertion-type:saml2-bearer', 'jwt-bearer', undefined]) {
  test(
    `an assertion of type ${type} is invalid_client`,
    withDemo(async (demo) => {
      const form = byAssertion(await createAssertion(demo), { client_assertion_type: type });
      await assertUnknown(await ask(demo, form), demo);
    }),
  );
}

test(
  'the type of an assertion without the assertion is invalid_client',
  withDemo(async (demo) => {
    const form = { client_id: 'demo-web', client_assertion_type: jwtBearer };
    await assertUnknown(await ask(demo, form), demo);
  }),
);

test(
  'an assertion is good once, at whichever endpoint',
  withDemo(async (demo) => {
    const form = byAssertion(await createAssertion(demo));
    assert.is((await ask(demo, form)).status, 200);
    await assertUnknown(await ask(demo, form), demo);
    const grant = { ...form, grant_type: 'client_credentials' };
    await assertUnknown(await postForm(demo, '/token', grant), demo);
  }),
);

test(
  'of two requests at once with one assertion, one is let in',
  withDemo(async (demo) => {
    const form = byAssertion(await createAssertion(demo));
    const statuses = await Promise.all(Array.from({ length: 8 }, async () => (await ask(demo, form)).status));
    assert.equal(statuses.sort(), [200, ...Array.from({ length: 7 }, () => 401)]);
  }),
);

test(
  'a used assertion stays used for as long as it is good',
  withDemo(async (demo) => {
    const form = byAssertion(await createAssertion(demo, { claims: { exp: now() + 300 } }));
    assert.is((await ask(demo, form)).status, 200);
    // Each new one makes the memory look for some that are over.
    for (let other = 0; other < 10; other++) {
      await later(309, async () => ask(demo, await credentialsOf(demo, 'demo-web')));
    }
    await assertUnknown(await later(309, () => ask(demo, form)), demo);
  }),
);

test(
  '[G12] assertions that cannot be remembered let nobody in: 503',
  withDemo(async (demo) => {
    const form = byAssertion(await createAssertion(demo));
    demo.state.records.insert = () => Promise.reject(new Error('canary'));
    const response = await ask(demo, form);
    assert.is(response.headers.get('retry-after'), '1');
    assert.is(await refusalOf(response), '503 temporarily_unavailable');
  }),
);

/** A key of each kind, to try what is allowed with it and what is not. */
async function keyFor(algorithm: string): Promise<{ readonly key: CryptoKey; readonly jwk: JWK }> {
  const options = { extractable: true, ...(algorithm === 'EdDSA' ? { crv: 'Ed25519' } : {}) };
  const { privateKey, publicKey } = await generateAnyKeyPair(algorithm, options);
  return { key: privateKey, jwk: await exportJWK(publicKey) };
}

for (const algorithm of ['ES256', 'Ed25519', 'EdDSA', 'PS256']) {
  test(`[J19] an assertion by ${algorithm} is accepted, and advertised`, async () => {
    assert.ok(assertionAlgorithms.includes(algorithm));
    const { key, jwk } = await keyFor(algorithm);
    const run = withDemo(
      async (demo) => {
        const assertion = await createAssertion(demo, { key, header: { alg: algorithm } });
        assert.is((await ask(demo, byAssertion(assertion))).status, 200);
      },
      { DEMO_WEB_JWK: JSON.stringify(jwk) },
    );
    await run();
  });
}

for (const algorithm of ['RS256', 'PS384']) {
  test(`[J19] an assertion by ${algorithm} is refused, and not advertised`, async () => {
    assert.not.ok(assertionAlgorithms.includes(algorithm));
    const { key, jwk } = await keyFor(algorithm);
    const run = withDemo(
      async (demo) => {
        const assertion = await createAssertion(demo, { key, header: { alg: algorithm } });
        await assertUnknown(await ask(demo, byAssertion(assertion)), demo);
      },
      { DEMO_WEB_JWK: JSON.stringify(jwk) },
    );
    await run();
  });
}

test(
  '[J19] an assertion by HS256 is refused, with whatever is public for a secret',
  withDemo(async (demo) => {
    const { webJwk, clientSecret } = demo.config;
    for (const secret of [JSON.stringify(webJwk), clientSecret, webJwk.x ?? '', '']) {
      const key = new Uint8Array(createSecretKey(secret.padEnd(32, '\0'), 'utf8').export());
      const assertion = await createAssertion(demo, { key, header: { alg: 'HS256' } });
      await assertUnknown(await ask(demo, byAssertion(assertion)), demo);
    }
  }),
);

test.run();
