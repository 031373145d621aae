import { generateRandomCodeVerifier } from 'oauth4webapi';
import type { Test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  type App,
  allowed,
  altered,
  alteredSignature,
  assertRefused,
  type Change,
  type Claims,
  keyOf,
  type OpenApp,
  obtain,
  provenByAnotherKey,
  type Refusal,
  type Registration,
  reasonAt,
  serviceByBasic,
  serviceByPost,
  signedByStranger,
  spa,
  type Tokens,
  type World,
  web,
} from './_oauth.ts';

/**
 * Every step of every flow with one thing changed, the same for each library: refused, with the right word and for the
 * right reason, and then, as far as it must have used up nothing, done again with what it was refused with.
 */

/** A request that can be repeated until it succeeds. */
type Attempt = () => Promise<Partial<Tokens>>;

interface Step {
  readonly name: string;
  readonly path: '/token' | '/par' | '/api/notes';
  readonly registration: Registration;
  /** All that comes before. */
  readonly prepare: (app: App, world: World) => Promise<Attempt>;
  /** What becomes of a sound proof by another key: refused, or the token is bound to that key. */
  readonly otherKey: Refusal | 'bound to it';
  /** What becomes of a request without a proof, where one is needed. */
  readonly noProof?: Refusal;
}

async function prepareClientCredentials(app: App): Promise<Attempt> {
  return () => app.clientCredentials();
}

async function prepareCode(app: App, world: World): Promise<Attempt> {
  const way = app.registration === spa ? 'browser' : 'pushed';
  const { asked, callback } = await allowed(app, world, { way, jkt: 'parameter' });
  return () => app.redeem(callback, asked);
}

async function prepareRefresh(app: App, world: World): Promise<Attempt> {
  const { refresh_token = '' } = await obtain(app, world, { way: 'pushed', jkt: 'parameter' });
  return () => app.refresh(refresh_token);
}

async function preparePush(app: App): Promise<Attempt> {
  return async () => {
    await app.ask({ way: 'pushed', jkt: 'parameter and proof' });
    return {};
  };
}

async function prepareResource(app: App, world: World): Promise<Attempt> {
  const { access_token } = await obtain(app, world, { way: 'pushed', jkt: 'none' });
  return async () => {
    await app.call(access_token);
    return {};
  };
}

const otherThanGranted: Refusal = ['invalid_grant', 'grant-key-mismatch'];
const otherThanBound: Refusal = ['invalid_token', 'key-mismatch'];
const missing: Refusal = ['invalid_dpop_proof', 'proof-missing'];
const missingOfKey: Refusal = ['invalid_grant', 'grant-key-missing'];

const clientCredentials = {
  path: '/token',
  prepare: prepareClientCredentials,
  otherKey: 'bound to it',
  noProof: missing,
} as const;
const code = {
  path: '/token',
  prepare: prepareCode,
  otherKey: otherThanGranted,
  noProof: missingOfKey,
} as const;
const refresh = { path: '/token', prepare: prepareRefresh } as const;
const resource = {
  path: '/api/notes',
  prepare: prepareResource,
  otherKey: otherThanBound,
  noProof: missing,
} as const;

const steps = {
  basic: {
    ...clientCredentials,
    name: 'client credentials (client_secret_basic)',
    registration: serviceByBasic,
  },
  post: {
    ...clientCredentials,
    name: 'client credentials (client_secret_post)',
    registration: serviceByPost,
  },
  assertion: { ...clientCredentials, name: 'client credentials (private_key_jwt)', registration: web },
  publicCode: { ...code, name: 'code of a public client, dpop_jkt', registration: spa },
  code: { ...code, name: 'code of a confidential client, PAR and dpop_jkt', registration: web },
  publicRefresh: {
    ...refresh,
    name: 'refresh of a public client',
    registration: spa,
    otherKey: otherThanGranted,
    noProof: missingOfKey,
  },
  refresh: {
    ...refresh,
    name: 'refresh of a confidential client',
    registration: web,
    otherKey: 'bound to it',
    noProof: missing,
  },
  push: {
    name: 'pushed request with dpop_jkt and proof',
    path: '/par',
    registration: web,
    prepare: preparePush,
    otherKey: ['invalid_request', 'dpop-jkt-mismatch'],
  },
  jwt: { ...resource, name: 'resource request with a JWT', registration: spa },
  opaque: { ...resource, name: 'resource request with an opaque token', registration: web },
} as const satisfies Record<string, Step>;

/** What is changed, and what comes of it. */
type Alteration = readonly [what: string, change: Change, refusal: Refusal];

const hour = 3600;

function proof(reason: string): Refusal {
  return ['invalid_dpop_proof', reason];
}

function nonce(reason: string): Refusal {
  return ['use_dpop_nonce', reason];
}

/** Those of a proof that are refused wherever it is sent. */
const proofAlterations: readonly Alteration[] = [
  ['another htm', { proofClaims: () => ({ htm: 'PUT' }) }, proof('htm-mismatch')],
  ['another path in htu', { proofClaims: ({ htu }) => ({ htu: `${htu}/x` }) }, proof('htu-mismatch')],
  [
    'the other server in htu',
    { proofClaims: (claims, wire) => ({ htu: atOrigin(claims, wire.acceptedElsewhere(claims)) }) },
    proof('htu-mismatch'),
  ],
  [
    'a jti that was used',
    { proofClaims: (claims, wire) => ({ jti: wire.accepted(claims).jti }) },
    proof('replayed'),
  ],
  ['no jti', { proofClaims: () => ({ jti: undefined }) }, proof('jti-invalid')],
  ['an iat that is no number', { proofClaims: ({ iat }) => ({ iat: String(iat) }) }, proof('iat-invalid')],
  ['no nonce', { proofClaims: () => ({ nonce: undefined }) }, nonce('nonce-required')],
  [
    'a nonce with another character',
    { proofClaims: ({ nonce: own }) => ({ nonce: altered(String(own)) }) },
    nonce('nonce-unknown'),
  ],
  [
    'the nonce of the other server',
    { proofClaims: (claims, wire) => ({ nonce: wire.acceptedElsewhere(claims).nonce }) },
    nonce('nonce-unknown'),
  ],
  ['another signature', { proof: alteredSignature }, proof('signature-invalid')],
  ['the signature of another key', { proof: signedByStranger }, proof('signature-invalid')],
  ['itself once more', { proof: (own) => `${own}, ${own}` }, proof('proof-malformed')],
];

function atOrigin({ htu }: Claims, { htu: elsewhere }: Claims): string {
  return new URL(new URL(String(htu)).pathname, String(elsewhere)).href;
}

const resourceAlterations: readonly Alteration[] = [
  ['no ath', { proofClaims: () => ({ ath: undefined }) }, ['invalid_dpop_proof', 'ath-mismatch']],
  [
    'the ath of another token',
    { proofClaims: ({ ath }) => ({ ath: altered(String(ath)) }) },
    ['invalid_dpop_proof', 'ath-mismatch'],
  ],
];

const wrongClient: Refusal = ['invalid_client', 'invalid_client'];

function form(changes: Readonly<Record<string, string | undefined>>): Change {
  return { form: () => changes };
}

/** One parameter with another first character. */
function alteredParameter(name: string): Change {
  return { form: (given) => ({ [name]: altered(given.get(name) ?? '') }) };
}

const scopeAlterations: readonly Alteration[] = [
  ['a scope of nobody', form({ scope: 'notes:read admin' }), ['invalid_scope', 'invalid_scope']],
  ['two spaces in the scope', form({ scope: 'notes:read  notes:write' }), ['invalid_scope', 'invalid_scope']],
];

const clientAlterations: readonly Alteration[] = [
  ['an unknown client', form({ client_id: 'demo' }), wrongClient],
  ['the name of a confidential client', form({ client_id: 'demo-service' }), wrongClient],
];

const codeAlterations: readonly Alteration[] = [
  ['another code', alteredParameter('code'), ['invalid_grant', 'grant-unknown']],
  ['no code', form({ code: undefined }), ['invalid_request', 'invalid_request']],
  ['another code_verifier', alteredParameter('code_verifier'), ['invalid_grant', 'code-verifier-mismatch']],
  [
    'a code_verifier made up',
    form({ code_verifier: generateRandomCodeVerifier() }),
    ['invalid_grant', 'code-verifier-mismatch'],
  ],
  [
    'the code_challenge as code_verifier',
    { form: async (given) => ({ code_verifier: await challengeOf(given.get('code_verifier') ?? '') }) },
    ['invalid_grant', 'code-verifier-mismatch'],
  ],
  ['no code_verifier', form({ code_verifier: undefined }), ['invalid_grant', 'code-verifier-mismatch']],
  [
    'another port in redirect_uri',
    form({ redirect_uri: 'http://127.0.0.1:49153/callback' }),
    ['invalid_grant', 'redirect-uri-mismatch'],
  ],
  ['no redirect_uri', form({ redirect_uri: undefined }), ['invalid_grant', 'redirect-uri-mismatch']],
];

const grantTypeAlterations: readonly Alteration[] = [
  [
    'a grant_type that the client may not use',
    form({ grant_type: 'client_credentials' }),
    ['unauthorized_client', 'unauthorized_client'],
  ],
  [
    'an unknown grant_type',
    form({ grant_type: 'implicit' }),
    ['unsupported_grant_type', 'unsupported_grant_type'],
  ],
];

const refreshAlterations: readonly Alteration[] = [
  ['another refresh token', alteredParameter('refresh_token'), ['invalid_grant', 'grant-unknown']],
  [
    'a refresh token of a made-up secret',
    {
      form: (given) => ({
        refresh_token: `${given.get('refresh_token')?.slice(0, 44)}${'A'.repeat(43)}.${'A'.repeat(43)}`,
      }),
    },
    ['invalid_grant', 'grant-unknown'],
  ],
  ['a wider scope', form({ scope: 'notes:read notes:write admin' }), ['invalid_scope', 'scope-exceeded']],
];

const pushAlterations: readonly Alteration[] = [
  ['another dpop_jkt', alteredParameter('dpop_jkt'), ['invalid_request', 'dpop-jkt-mismatch']],
  ['a shorter dpop_jkt', form({ dpop_jkt: 'x'.repeat(42) }), ['invalid_request', 'dpop-jkt-malformed']],
  ['an empty dpop_jkt', form({ dpop_jkt: '' }), ['invalid_request', 'dpop-jkt-malformed']],
  ['no code_challenge', form({ code_challenge: undefined }), ['invalid_request', 'invalid_request']],
  [
    'a plain code_challenge',
    form({ code_challenge_method: 'plain' }),
    ['invalid_request', 'invalid_request'],
  ],
  [
    'no code_challenge_method',
    form({ code_challenge_method: undefined }),
    ['invalid_request', 'invalid_request'],
  ],
  [
    'another redirect_uri',
    form({ redirect_uri: 'http://127.0.0.1:49152/callback/x' }),
    ['invalid_request', 'invalid_request'],
  ],
  [
    'an implicit response_type',
    form({ response_type: 'token' }),
    ['unsupported_response_type', 'unsupported_response_type'],
  ],
  [
    'a request_uri',
    form({ request_uri: `urn:ietf:params:oauth:request_uri:${'x'.repeat(43)}` }),
    ['invalid_request', 'invalid_request'],
  ],
  ['a request object', form({ request: 'a.b.c' }), ['request_not_supported', 'request_not_supported']],
];

/** Of a client assertion. Nobody is told what was wrong. */
const assertionChanges: readonly (readonly [what: string, change: Change])[] = [
  ['another aud', { assertionClaims: ({ aud }) => ({ aud: `${aud}x` }) }],
  ['an aud of several', { assertionClaims: ({ aud }) => ({ aud: [String(aud), 'https://as.example'] }) }],
  ['no aud', { assertionClaims: () => ({ aud: undefined }) }],
  ['an exp that is past', { assertionClaims: ({ iat }) => ({ exp: Number(iat) - 60 }) }],
  ['an exp that is far ahead', { assertionClaims: ({ iat }) => ({ exp: Number(iat) + hour }) }],
  ['no exp', { assertionClaims: () => ({ exp: undefined }) }],
  ['an nbf that is ahead', { assertionClaims: ({ iat }) => ({ nbf: Number(iat) + 60 }) }],
  ['another iss', { assertionClaims: () => ({ iss: 'demo-service' }) }],
  ['another sub', { assertionClaims: () => ({ sub: 'demo-service' }) }],
  ['a jti that was used', { assertionClaims: (_, wire) => ({ jti: wire.sentAssertion().jti }) }],
  ['no jti', { assertionClaims: () => ({ jti: undefined }) }],
  ['another signature', { form: (given) => ({ client_assertion: alteredSignature(assertionOf(given)) }) }],
  [
    'the signature of another key',
    { form: async (given) => ({ client_assertion: await signedByStranger(assertionOf(given)) }) },
  ],
  ['no type', form({ client_assertion_type: undefined })],
  ['another client_id beside it', form({ client_id: 'demo-spa' })],
  ['nothing but a type', form({ client_assertion: undefined })],
  ['nothing at all', form({ client_assertion: undefined, client_assertion_type: undefined })],
];

const assertionAlterations = assertionChanges.map(
  ([what, change]): Alteration => [`a client assertion with ${what}`, change, wrongClient],
);

function assertionOf(given: URLSearchParams): string {
  return given.get('client_assertion') ?? '';
}

async function challengeOf(verifier: string): Promise<string> {
  const hash = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(verifier));
  return Buffer.from(hash).toString('base64url');
}

/** Registers the tests of all steps with this library. */
export function testSteps(test: Test<World>, open: OpenApp): void {
  for (const step of Object.values<Step>(steps)) {
    const own = step.path === '/api/notes' ? resourceAlterations : [];
    const proofs = [...proofAlterations, ...own].map(
      ([what, change, refusal]): Alteration => [`a proof with ${what}`, change, refusal],
    );
    testRefusals(test, open, step, proofs);
    testTime(test, open, step);
    testOtherKey(test, open, step);
    if (step.noProof !== undefined)
      testRefusals(test, open, step, [
        ['a request without a proof', { proof: () => undefined }, step.noProof],
      ]);
  }
  for (const step of [steps.basic, steps.post, steps.assertion])
    testRefusals(test, open, step, scopeAlterations);
  for (const step of [steps.publicCode, steps.code]) testRefusals(test, open, step, codeAlterations);
  testRefusals(test, open, steps.publicCode, [...grantTypeAlterations, ...clientAlterations]);
  for (const step of [steps.publicRefresh, steps.refresh]) testRefusals(test, open, step, refreshAlterations);
  testRefusals(test, open, steps.publicRefresh, clientAlterations);
  testRefusals(test, open, steps.push, [...pushAlterations, ...scopeAlterations]);
  for (const step of [steps.assertion, steps.code, steps.refresh, steps.push])
    testRefusals(test, open, step, assertionAlterations);
}

function testRefusals(
  test: Test<World>,
  open: OpenApp,
  step: Step,
  alterations: readonly Alteration[],
): void {
  for (const [what, change, refusal] of alterations) {
    test(`${step.name}: ${what} is refused (${refusal[1]}), and costs nothing`, async (world) => {
      const { app, attempt } = await begin(open, step, world);
      app.wire.change = change;
      await assertRefused(world, step.path, attempt(), refusal);
      app.wire.change = {};
      await attempt();
    });
  }
}

/** Where nonces are demanded, the nonce tells the time, by the server's clock. */
function testTime(test: Test<World>, open: OpenApp, step: Step): void {
  for (const [when, seconds] of [
    ['an hour ago', -hour],
    ['in an hour', hour],
  ] as const) {
    test(`[R9449-11.1-05] ${step.name}: an iat of ${when} has no effect, since the nonce tells the time`, async (world) => {
      const { app, attempt } = await begin(open, step, world);
      app.wire.change = { proofClaims: ({ iat }) => ({ iat: Number(iat) + seconds }) };
      await attempt();
    });
  }
}

function testOtherKey(test: Test<World>, open: OpenApp, step: Step): void {
  const { name, path, otherKey } = step;
  const change: Change = { proof: provenByAnotherKey };
  if (otherKey !== 'bound to it') {
    testRefusals(test, open, step, [['a proof by another key', change, otherKey]]);
    return;
  }
  test(`${name}: a token asked for with another key is bound to that one, and good for no other`, async (world) => {
    const { app, attempt } = await begin(open, step, world);
    app.wire.change = change;
    const { access_token = '' } = await attempt();
    assert.is(reasonAt(world.demo, path), `jkt=${await keyOf(app.wire.exchanges.at(-1)?.proof ?? '')}`);
    app.wire.change = {};
    await assertRefused(world, '/api/notes', app.call(access_token), otherThanBound);
    await attempt();
  });
}

/** An application that has taken this step before, honestly, and is about to take it again. */
async function begin(
  open: OpenApp,
  step: Step,
  world: World,
): Promise<{ readonly app: App; readonly attempt: Attempt }> {
  const opened = apps.get(step) ?? practise(open, step, world);
  apps.set(step, opened);
  const app = await opened;
  app.wire.change = {};
  return { app, attempt: await step.prepare(app, world) };
}

/** One for all tests of a step: there are many. */
const apps = new Map<Step, Promise<App>>();

async function practise(open: OpenApp, step: Step, world: World): Promise<App> {
  const app = await open(world.demo, step.registration);
  await app.call(await firstToken(app, world)); // from here on it knows the nonces of both servers
  await (await step.prepare(app, world))();
  return app;
}

async function firstToken(app: App, world: World): Promise<string> {
  const byItself = app.registration.clientId === 'demo-service';
  const tokens = byItself ? app.clientCredentials() : obtain(app, world, { way: 'pushed', jkt: 'proof' });
  return (await tokens).access_token;
}
