import { exportJWK, generateKeyPair as generateAnyKeyPair, SignJWT } from 'jose';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { forge, signer } from '../_setup.ts';
import { authorize } from './_browser.ts';
import {
  askToken,
  beginGrant,
  callback,
  codeChallenge,
  codeForm,
  createAssertion,
  credentialsOf,
  exchange,
  exchangeForm,
  type Form,
  generateKeyPair,
  getTokens,
  jwtBearer,
  postForm,
  refreshForm,
  refusalOf,
  toBody,
} from './_clients.ts';
import { type Demo, fetchTokenNonce, lastReason, withDemo } from './_setup.ts';

/** What the authorization server says of itself, tried out: all that is advertised works, and nothing else does. */

const test = suite('demo/metadata');

interface Metadata {
  readonly issuer: string;
  readonly authorization_endpoint: string;
  readonly token_endpoint: string;
  readonly pushed_authorization_request_endpoint: string;
  readonly introspection_endpoint: string;
  readonly revocation_endpoint: string;
  readonly end_session_endpoint: string;
  readonly jwks_uri: string;
  readonly grant_types_supported: readonly string[];
  readonly response_types_supported: readonly string[];
  readonly response_modes_supported: readonly string[];
  readonly code_challenge_methods_supported: readonly string[];
  readonly scopes_supported: readonly string[];
  readonly token_endpoint_auth_methods_supported: readonly string[];
  readonly token_endpoint_auth_signing_alg_values_supported: readonly string[];
  readonly introspection_endpoint_auth_methods_supported: readonly string[];
  readonly revocation_endpoint_auth_methods_supported: readonly string[];
  readonly dpop_signing_alg_values_supported: readonly string[];
}

const wellKnown = '/.well-known/oauth-authorization-server';

async function fetchMetadata(demo: Demo): Promise<Metadata> {
  const response = await fetch(`${demo.authorizationOrigin}${wellKnown}`);
  assert.is(response.status, 200);
  assert.match(response.headers.get('content-type') ?? '', /^application\/json/);
  return (await response.json()) as Metadata;
}

test(
  '[R8414-3-01] [R8414-3.3-01] the metadata names this server and what it does',
  withDemo(async (demo) => {
    const { authorizationOrigin: origin } = demo;
    const everyone = ['none', 'client_secret_basic', 'client_secret_post', 'private_key_jwt'];
    const confidential = everyone.slice(1);
    const assertions = ['ES256', 'Ed25519', 'EdDSA', 'PS256'];
    assert.equal(await fetchMetadata(demo), {
      issuer: origin,
      authorization_endpoint: `${origin}/authorize`,
      token_endpoint: `${origin}/token`,
      pushed_authorization_request_endpoint: `${origin}/par`,
      introspection_endpoint: `${origin}/introspect`,
      revocation_endpoint: `${origin}/revoke`,
      end_session_endpoint: `${origin}/end-session`,
      jwks_uri: `${origin}/jwks`,
      grant_types_supported: ['authorization_code', 'refresh_token', 'client_credentials', exchange],
      response_types_supported: ['code'],
      response_modes_supported: ['query'],
      code_challenge_methods_supported: ['S256'],
      authorization_response_iss_parameter_supported: true,
      scopes_supported: ['notes:read', 'notes:write'],
      token_endpoint_auth_methods_supported: everyone,
      token_endpoint_auth_signing_alg_values_supported: assertions,
      introspection_endpoint_auth_methods_supported: confidential,
      introspection_endpoint_auth_signing_alg_values_supported: assertions,
      revocation_endpoint_auth_methods_supported: everyone,
      revocation_endpoint_auth_signing_alg_values_supported: assertions,
      dpop_signing_alg_values_supported: ['ES256', 'Ed25519', 'EdDSA'],
    });
  }),
);

test(
  'every endpoint of the metadata is there, for its methods and no others',
  withDemo(async (demo) => {
    const metadata = await fetchMetadata(demo);
    const byPost = [
      metadata.token_endpoint,
      metadata.pushed_authorization_request_endpoint,
      metadata.introspection_endpoint,
      metadata.revocation_endpoint,
    ];
    for (const url of byPost) {
      assert.is((await fetch(url, { method: 'POST' })).status, 400, url);
      assert.is((await fetch(url)).status, 405, url);
    }
    const byGet = [metadata.jwks_uri, `${demo.authorizationOrigin}${wellKnown}`];
    for (const url of byGet) {
      const whole = await fetch(url);
      const head = await fetch(url, { method: 'HEAD' });
      assert.is(head.status, 200);
      assert.is(await head.text(), '');
      assert.is(head.headers.get('content-length'), String((await whole.text()).length));
      for (const method of ['POST', 'PUT', 'DELETE']) {
        const response = await fetch(url, { method });
        assert.is(response.status, 405, url);
        assert.is(response.headers.get('allow'), 'HEAD, GET');
      }
    }
    assert.is((await fetch(metadata.authorization_endpoint)).status, 400);
    assert.is((await fetch(metadata.end_session_endpoint)).status, 200);
  }),
);

test(
  'paths are compared character by character: what is a little different is not there',
  withDemo(async (demo) => {
    for (const path of [
      '/Token',
      '/token/',
      '/TOKEN',
      '/par/',
      '/Introspect',
      '/revoke/',
      '//token',
      '/token%2f',
    ]) {
      assert.is((await fetch(demo.authorizationOrigin + path, { method: 'POST' })).status, 404, path);
    }
  }),
);

// Grants, response types, PKCE.

/** A request of each grant, and of those that are not supported. */
const grantForms: Readonly<
  Record<
    string,
    (demo: Demo, keyPair: Awaited<ReturnType<typeof generateKeyPair>>) => Promise<[string, Form]>
  >
> = {
  authorization_code: async (demo) => ['demo-spa', await codeForm(demo, 'demo-spa')],
  refresh_token: async (demo, keyPair) => [
    'demo-spa',
    refreshForm((await beginGrant(demo, 'demo-spa', keyPair)).refresh_token),
  ],
  client_credentials: async () => ['demo-service', { grant_type: 'client_credentials' }],
  [exchange]: async (demo, keyPair) => [
    'demo-service',
    exchangeForm((await beginGrant(demo, 'demo-spa', keyPair)).access_token),
  ],
  password: async () => ['demo-service', { grant_type: 'password', username: 'alice', password: 'alice' }],
  implicit: async () => ['demo-service', { grant_type: 'implicit' }],
  'urn:ietf:params:oauth:grant-type:device_code': async () => [
    'demo-service',
    { grant_type: 'urn:ietf:params:oauth:grant-type:device_code', device_code: 'x' },
  ],
  'urn:ietf:params:oauth:grant-type:jwt-bearer': async (demo) => [
    'demo-service',
    { grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer', assertion: await createAssertion(demo) },
  ],
};

test(
  '[J19] [R9449-5-02] every advertised grant works, bound; no other does',
  withDemo(async (demo) => {
    const { grant_types_supported: advertised } = await fetchMetadata(demo);
    assert.ok(advertised.every((type) => type in grantForms));
    for (const [type, prepare] of Object.entries(grantForms)) {
      const keyPair = await generateKeyPair();
      const [client, form] = await prepare(demo, keyPair);
      const response = await askToken(demo, client, form, keyPair);
      if (!advertised.includes(type)) {
        assert.is(await refusalOf(response), '400 unsupported_grant_type', type);
      } else {
        assert.is(((await response.json()) as { token_type: string }).token_type, 'DPoP', type);
      }
    }
  }),
);

test(
  'every advertised scope can be had',
  withDemo(async (demo) => {
    const { scopes_supported } = await fetchMetadata(demo);
    const scope = scopes_supported.join(' ');
    const form = { grant_type: 'client_credentials', scope };
    assert.is((await getTokens(demo, 'demo-service', form, await generateKeyPair())).scope, scope);
  }),
);

const request: Form = {
  client_id: 'demo-spa',
  redirect_uri: callback,
  response_type: 'code',
  code_challenge: codeChallenge,
  code_challenge_method: 'S256',
};

/** Pushed and asked for in the browser: the two ways must agree. */
async function outcomesOf(demo: Demo, changes: Form): Promise<readonly string[]> {
  const pushed = await postForm(demo, '/par', { ...request, ...changes });
  const query = toBody({ ...request, ...changes });
  const page = await fetch(`${demo.authorizationOrigin}/authorize?${query}`, { redirect: 'manual' });
  const location = page.headers.get('location');
  const error = location === null ? null : new URL(location).searchParams.get('error');
  return [
    pushed.status === 201 ? 'accepted' : (await refusalOf(pushed)).slice(4),
    page.status === 200 ? 'accepted' : (error ?? String(page.status)),
  ];
}

for (const [parameter, list, others, error] of [
  [
    'response_type',
    'response_types_supported',
    ['token', 'id_token', 'code token', 'code id_token', 'none'],
    'unsupported_response_type',
  ],
  [
    'response_mode',
    'response_modes_supported',
    ['fragment', 'form_post', 'query.jwt', 'jwt'],
    'invalid_request',
  ],
  ['code_challenge_method', 'code_challenge_methods_supported', ['plain', 's256', 'S512'], 'invalid_request'],
] as const) {
  test(
    `[J12] [J19] [R9700-2.1-01] every advertised ${parameter} works, no other does, pushed or not`,
    withDemo(async (demo) => {
      const advertised = (await fetchMetadata(demo))[list];
      assert.is(advertised.length, 1);
      for (const value of advertised) {
        assert.equal(await outcomesOf(demo, { [parameter]: value }), ['accepted', 'accepted']);
      }
      for (const value of others) {
        assert.not.ok(advertised.includes(value));
        assert.equal(await outcomesOf(demo, { [parameter]: value }), [error, error], value);
      }
    }),
  );
}

test(
  'the answer to an authorization request names the issuer, as advertised',
  withDemo(async (demo) => {
    const back = await authorize(demo, `${demo.authorizationOrigin}/authorize?${toBody(request)}`);
    assert.is(back.searchParams.get('iss'), (await fetchMetadata(demo)).issuer);
  }),
);

// How clients authenticate.

/** A way for a client that is registered for it: what goes into the form, and what into the header. */
const ways: Readonly<
  Record<string, (demo: Demo) => Promise<readonly [Form, Readonly<Record<string, string>>]>>
> = {
  none: async () => [{ client_id: 'demo-spa' }, {}],
  client_secret_basic: async ({ config }) => [
    {},
    { authorization: `Basic ${btoa(`demo-service:${config.clientSecret}`)}` },
  ],
  client_secret_post: async (demo) => [await credentialsOf(demo, 'demo-service'), {}],
  private_key_jwt: async (demo) => [await credentialsOf(demo, 'demo-web'), {}],
  client_secret_jwt: async (demo) => {
    const claims = { iss: 'demo-service', sub: 'demo-service' };
    const key = new TextEncoder().encode(demo.config.clientSecret.padEnd(32, '.'));
    const header = { alg: 'HS256' };
    const client_assertion = await createAssertion(demo, { claims, key, header });
    return [{ client_assertion_type: jwtBearer, client_assertion }, {}];
  },
};

for (const [endpoint, list] of [
  ['token_endpoint', 'token_endpoint_auth_methods_supported'],
  ['pushed_authorization_request_endpoint', 'token_endpoint_auth_methods_supported'],
  ['introspection_endpoint', 'introspection_endpoint_auth_methods_supported'],
  ['revocation_endpoint', 'revocation_endpoint_auth_methods_supported'],
] as const) {
  test(
    `[J19] [R9126-2-01] ${endpoint} takes every advertised way to authenticate, and no other`,
    withDemo(async (demo) => {
      const metadata = await fetchMetadata(demo);
      assert.ok(metadata[list].every((method) => method in ways));
      for (const [method, credentials] of Object.entries(ways)) {
        const [form, headers] = await credentials(demo);
        const path = new URL(metadata[endpoint]).pathname;
        const { status } = await postForm(demo, path, { ...form, token: 'x' }, headers);
        assert.is(status !== 401, metadata[list].includes(method), `${method}: ${status}`);
      }
    }),
  );
}

// Proofs.

/** A proof for the token endpoint that is valid, if only the algorithm is. */
async function createProofWith(algorithm: string, { tokenUrl }: Demo, nonce: string): Promise<string> {
  const claims = {
    jti: crypto.randomUUID(),
    htm: 'POST',
    htu: tokenUrl,
    iat: Math.floor(Date.now() / 1000),
    nonce,
  };
  const own = algorithm === 'Ed25519' || algorithm === 'EdDSA' ? 'Ed25519' : 'ES256';
  const keyPair = await generateKeyPair({ algorithm: own });
  const header = { typ: 'dpop+jwt', alg: algorithm, jwk: keyPair.publicJwk };
  if (['ES256', 'Ed25519', 'EdDSA'].includes(algorithm)) return forge(header, claims, signer(keyPair));
  if (algorithm === 'none') return forge(header, claims);
  const signing = new SignJWT(claims);
  if (algorithm.startsWith('HS')) return signing.setProtectedHeader(header).sign(new Uint8Array(64));
  const { privateKey, publicKey } = await generateAnyKeyPair(algorithm);
  return signing.setProtectedHeader({ ...header, jwk: await exportJWK(publicKey) }).sign(privateKey);
}

async function sendProof(demo: Demo, algorithm: string): Promise<Response> {
  const form = { ...(await credentialsOf(demo, 'demo-service')), grant_type: 'client_credentials' };
  const dpop = await createProofWith(algorithm, demo, await fetchTokenNonce(demo));
  return postForm(demo, '/token', form, { dpop });
}

test(
  '[R9449-5.1-01] [R9864-2.2-01] [J19] every advertised proof algorithm is accepted',
  withDemo(async (demo) => {
    const { dpop_signing_alg_values_supported: advertised } = await fetchMetadata(demo);
    assert.ok(advertised.length > 0);
    for (const algorithm of advertised) assert.is((await sendProof(demo, algorithm)).status, 200, algorithm);
  }),
);

const otherAlgorithms = [
  ...['ES384', 'ES512', 'PS256', 'PS384', 'PS512', 'RS256', 'RS384', 'RS512'],
  ...['HS256', 'HS384', 'HS512', 'none'],
];

for (const algorithm of otherAlgorithms) {
  test(
    `[R9449-4.3-05] [R9449-5.1-01] [R9449-11.6-01] [J19] ${algorithm} is neither advertised nor accepted`,
    withDemo(async (demo) => {
      const { dpop_signing_alg_values_supported: advertised } = await fetchMetadata(demo);
      assert.not.ok(advertised.includes(algorithm));
      assert.is(await refusalOf(await sendProof(demo, algorithm)), '400 invalid_dpop_proof');
      assert.is(lastReason(demo), 'alg-not-allowed');
    }),
  );
}

// Other origins.

const shared = ['/token', '/par', '/revoke', '/jwks', wellKnown];
const closed = ['/authorize', '/sign-in', '/consent', '/end-session', '/introspect', '/healthz', '/nowhere'];

test(
  '[R9700-2.6-01] [H10] scripts of other origins may use the endpoints of clients, and read their nonces',
  withDemo(async (demo) => {
    const origin = 'https://app.example';
    for (const path of shared) {
      const url = `${demo.authorizationOrigin}${path}`;
      const method = path.startsWith('/.') || path === '/jwks' ? 'GET' : 'POST';
      const { headers } = await fetch(url, { method, headers: { origin } });
      assert.is(headers.get('access-control-allow-origin'), '*', path);
      assert.is(headers.get('access-control-allow-credentials'), null);
      assert.is(headers.get('access-control-expose-headers'), 'DPoP-Nonce');
      const asked = {
        'access-control-request-method': method,
        'access-control-request-headers': 'dpop',
      };
      const preflight = await fetch(url, { method: 'OPTIONS', headers: { origin, ...asked } });
      assert.is(preflight.status, 204);
      assert.match(preflight.headers.get('access-control-allow-headers') ?? '', /DPoP/);
    }
  }),
);

test(
  '[R9700-2.6-01] and none of the pages, nor introspection: no header, no preflight',
  withDemo(async (demo) => {
    const origin = 'https://app.example';
    for (const path of closed) {
      for (const method of ['GET', 'POST', 'OPTIONS']) {
        const asked = { 'access-control-request-method': 'POST', 'access-control-request-headers': 'dpop' };
        const { headers } = await fetch(`${demo.authorizationOrigin}${path}`, {
          method,
          headers: { origin, ...(method === 'OPTIONS' ? asked : {}) },
        });
        const cors = [...headers.keys()].filter((name) => name.startsWith('access-control-'));
        assert.equal(cors, [], `${method} ${path}`);
      }
    }
  }),
);

test.run();
