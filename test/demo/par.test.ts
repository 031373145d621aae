import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { consumePushedRequest, readPushedRequest } from '../../demo/authorization/authorization-request.ts';
import type { DpopKeyPair } from '../../src/client/index.ts';
import { authorize } from './_browser.ts';
import {
  askToken,
  callback,
  codeChallenge,
  credentialsOf,
  type Form,
  generateKeyPair,
  getTokens,
  postForm,
  proofFor,
  refusalOf,
  staleProof,
  toBody,
  verifier,
} from './_clients.ts';
import { type Demo, lastReason, later, withDemo } from './_setup.ts';

/** Authorization requests that a client pushes (RFC 9126), and the keys that they bind codes to (RFC 9449 section 10). */

const test = suite('demo/pushed-requests');

const request: Form = {
  response_type: 'code',
  redirect_uri: callback,
  scope: 'notes:read',
  state: 'a state',
  code_challenge: codeChallenge,
  code_challenge_method: 'S256',
};

async function push(
  demo: Demo,
  changes: Form = {},
  headers: Readonly<Record<string, string>> = {},
  clientId = 'demo-spa',
): Promise<Response> {
  return postForm(
    demo,
    '/par',
    { ...(await credentialsOf(demo, clientId)), ...request, ...changes },
    headers,
  );
}

interface Pushed {
  readonly request_uri: string;
  readonly expires_in: number;
}

async function pushed(response: Response): Promise<Pushed> {
  const text = await response.text();
  assert.is(response.status, 201, text);
  return JSON.parse(text) as Pushed;
}

/** From the pushed request to the form of the token request, by way of the pages. */
async function toCodeForm(demo: Demo, { request_uri }: Pushed, client_id = 'demo-spa'): Promise<Form> {
  const query = new URLSearchParams({ client_id, request_uri });
  const back = await authorize(demo, `${demo.authorizationOrigin}/authorize?${query}`);
  const code = back.searchParams.get('code');
  assert.ok(code !== null, back.search);
  assert.is(back.searchParams.get('state'), 'a state');
  return { grant_type: 'authorization_code', code, redirect_uri: callback, code_verifier: verifier };
}

async function dpopFor(demo: Demo, keyPair: DpopKeyPair): Promise<{ readonly dpop: string }> {
  return { dpop: await proofFor(demo, keyPair, { path: '/par' }) };
}

for (const client of ['demo-spa', 'demo-web', 'demo-legacy']) {
  test(
    `[R9126-2.2-01] ${client} gets a name for its request that nobody can guess, for a short time`,
    withDemo(async (demo) => {
      const response = await push(demo, {}, {}, client);
      assert.is(response.headers.get('cache-control'), 'no-store');
      assert.match(response.headers.get('content-type') ?? '', /^application\/json/);
      const { request_uri, expires_in, ...rest } = await pushed(response);
      assert.match(request_uri, /^urn:ietf:params:oauth:request_uri:[\w-]{43}$/);
      assert.is(expires_in, 90);
      assert.equal(rest, {});
      assert.is.not((await pushed(await push(demo, {}, {}, client))).request_uri, request_uri);
    }),
  );
}

test(
  'what is kept is what was asked for, under no name that anybody could use',
  withDemo(async (demo) => {
    const { jkt } = await generateKeyPair();
    const names: string[] = [];
    const insert = demo.state.records.insert.bind(demo.state.records);
    demo.state.records.insert = (name, value, until) => {
      names.push(name + JSON.stringify(value));
      return insert(name, value, until);
    };
    const { request_uri } = await pushed(await push(demo, { dpop_jkt: jkt, prompt: 'login', max_age: '60' }));
    assert.not.ok(names.some((name) => name.includes(request_uri)));
    assert.equal(await readPushedRequest(demo.state.records, request_uri, 'demo-spa', false), {
      clientId: 'demo-spa',
      redirectUri: callback,
      redirectUriGiven: true,
      scope: 'notes:read',
      state: 'a state',
      codeChallenge,
      prompt: 'login',
      maxAge: 60,
      jkt,
    });
  }),
);

// Who may use it, how often, how long.

async function reasonOf(attempt: Promise<unknown>): Promise<string> {
  return attempt.then(
    () => 'nothing',
    (error: { code: string }) => error.code,
  );
}

test(
  '[R9126-2.2-01] [R9126-4-01] a pushed request is its client’s, until it is used, for a minute and a half',
  withDemo(async (demo) => {
    const { records } = demo.state;
    const { request_uri } = await pushed(await push(demo));
    const read = (uri = request_uri, client = 'demo-spa'): Promise<string> =>
      reasonOf(readPushedRequest(records, uri, client, false));
    assert.is(await read(), 'nothing');
    assert.is(await read(), 'nothing', 'reading uses nothing up');
    assert.is(await read(request_uri, 'demo-web'), 'invalid_request_uri');
    assert.is(await read(`${request_uri.slice(0, -1)}_`), 'invalid_request_uri');
    assert.is(await read(request_uri.toUpperCase()), 'invalid_request_uri');
    assert.is(await read('https://app.example/request.jwt'), 'invalid_request_uri');
    assert.is(await read(''), 'invalid_request_uri');
    assert.is(await later(88, () => read()), 'nothing');
    assert.is(await later(91, () => read()), 'invalid_request_uri');
    assert.is(await consumePushedRequest(records, request_uri), true);
    assert.is(await read(), 'invalid_request_uri');
    assert.is(await consumePushedRequest(records, request_uri), false);
  }),
);

test(
  '[R9126-4-01] of many who take the one use at once, one gets it',
  withDemo(async (demo) => {
    const { request_uri } = await pushed(await push(demo));
    const taken = await Promise.all(
      Array.from({ length: 8 }, () => consumePushedRequest(demo.state.records, request_uri)),
    );
    assert.is(taken.filter((got) => got).length, 1);
  }),
);

test(
  '[R9126-4-01] whoever opened it in time may take ten minutes to decide',
  withDemo(async (demo) => {
    const { request_uri } = await pushed(await push(demo));
    // Each new one makes the memory look for some that are over.
    for (let other = 0; other < 10; other++) await later(690, () => push(demo));
    assert.is(await later(690, () => consumePushedRequest(demo.state.records, request_uri)), true);
  }),
);

test(
  '[R9126-4-01] at the pages: used once, by its own client',
  withDemo(async (demo) => {
    const first = await pushed(await push(demo));
    const open = (client_id: string): Promise<Response> =>
      fetch(
        `${demo.authorizationOrigin}/authorize?${new URLSearchParams({ client_id, request_uri: first.request_uri })}`,
        { redirect: 'manual' },
      );
    assert.is((await open('demo-web')).status, 400);
    assert.is((await open('demo-spa')).status, 200);
    await toCodeForm(demo, first);
    const again = await open('demo-spa');
    assert.is(again.status, 400);
    assert.is(again.headers.get('location'), null);
  }),
);

// What cannot be pushed.

const refused: readonly (readonly [title: string, form: Form, error: string])[] = [
  [
    '[R9126-2-01] a reference to another one',
    { request_uri: 'urn:ietf:params:oauth:request_uri:x' },
    'invalid_request',
  ],
  ['a request object', { request: 'a.b.c' }, 'request_not_supported'],
  ['[J12] another response type', { response_type: 'token' }, 'unsupported_response_type'],
  ['no response type', { response_type: undefined }, 'invalid_request'],
  [
    '[R9700-2.1-01] no redirect URI, where several are registered',
    { redirect_uri: undefined },
    'invalid_request',
  ],
  [
    '[R9700-2.1-01] a redirect URI that is not registered',
    { redirect_uri: 'https://app.example/' },
    'invalid_request',
  ],
  ['[R9700-2.1-01] no code challenge', { code_challenge: undefined }, 'invalid_request'],
  ['[R9700-2.1-01] a plain code challenge', { code_challenge_method: 'plain' }, 'invalid_request'],
  ['a scope that the client may not have', { scope: 'notes:admin' }, 'invalid_scope'],
  ['a prompt that is unknown', { prompt: 'canary' }, 'invalid_request'],
];

for (const [title, form, error] of refused) {
  test(
    `${title} is ${error}, and the proof that came along is left alone`,
    withDemo(async (demo) => {
      const proof = await dpopFor(demo, await generateKeyPair());
      const response = await push(demo, form, proof);
      assert.is(response.headers.get('cache-control'), 'no-store');
      assert.is(await refusalOf(response), `400 ${error}`);
      await pushed(await push(demo, {}, proof));
    }),
  );
}

for (const client of ['demo-service', 'demo-api']) {
  test(
    `${client} has no address to send users to: invalid_request`,
    withDemo(async (demo) => {
      const changes = { redirect_uri: undefined };
      const response = await push(demo, changes, {}, client);
      assert.is(await refusalOf(response), '400 invalid_request');
    }),
  );
}

test(
  '[J18] a parameter given twice, or a body that is no form, is invalid_request',
  withDemo(async (demo) => {
    for (const name of ['scope', 'redirect_uri', 'state', 'client_id', 'canary']) {
      const form = toBody({ client_id: 'demo-spa', ...request, canary: 'x' });
      form.append(name, 'y');
      assert.is(await refusalOf(await postForm(demo, '/par', form)), '400 invalid_request', name);
    }
    const json = { 'content-type': 'application/json' };
    assert.is(await refusalOf(await push(demo, {}, json)), '400 invalid_request');
  }),
);

for (const method of ['GET', 'HEAD', 'PUT', 'DELETE']) {
  test(
    `[R9126-2-01] ${method} is 405`,
    withDemo(async (demo) => {
      const response = await fetch(`${demo.authorizationOrigin}/par?${toBody(request)}`, { method });
      assert.is(response.status, 405);
      assert.is(response.headers.get('allow'), 'POST');
    }),
  );
}

test(
  '[R9126-2-01] the client is asked for first',
  withDemo(async (demo) => {
    const wrong = { client_id: 'demo-service', client_secret: 'canary', response_type: 'canary' };
    const response = await postForm(demo, '/par', wrong, { dpop: 'canary' });
    assert.is(await refusalOf(response), '401 invalid_client');
  }),
);

// The key.

const bindings: readonly (readonly [
  title: string,
  push: (demo: Demo, keyPair: DpopKeyPair) => Promise<Response>,
])[] = [
  ['[R9449-10.1-01] dpop_jkt', (demo, { jkt }) => push(demo, { dpop_jkt: jkt })],
  ['[R9449-10.1-03] a proof', async (demo, keyPair) => push(demo, {}, await dpopFor(demo, keyPair))],
  [
    '[J05] both, which agree',
    async (demo, keyPair) => push(demo, { dpop_jkt: keyPair.jkt }, await dpopFor(demo, keyPair)),
  ],
];

for (const [title, send] of bindings) {
  test(
    `[R9449-10-02] [R9449-10-03] [R9449-10.1-04] [J03] [J05] [J06] ${title}: the code is for that key alone`,
    withDemo(async (demo) => {
      const keyPair = await generateKeyPair();
      const form = await toCodeForm(demo, await pushed(await send(demo, keyPair)));
      const other = await askToken(demo, 'demo-spa', form, await generateKeyPair());
      assert.is(await refusalOf(other), '400 invalid_grant');
      assert.is(lastReason(demo), 'grant-key-mismatch');
      assert.is(await refusalOf(await askToken(demo, 'demo-spa', form, null)), '400 invalid_grant');
      assert.is(lastReason(demo), 'grant-key-missing');
      assert.is((await getTokens(demo, 'demo-spa', form, keyPair)).token_type, 'DPoP');
    }),
  );
}

test(
  '[R9449-10-03] a code of demo-legacy that was bound is not redeemed as Bearer',
  withDemo(async (demo) => {
    const keyPair = await generateKeyPair();
    const response = await push(demo, { dpop_jkt: keyPair.jkt }, {}, 'demo-legacy');
    const form = await toCodeForm(demo, await pushed(response), 'demo-legacy');
    assert.is(await refusalOf(await askToken(demo, 'demo-legacy', form, null)), '400 invalid_grant');
    assert.is((await getTokens(demo, 'demo-legacy', form, keyPair)).token_type, 'DPoP');
  }),
);

test(
  '[R9449-10.1-05] [J04] a proof and a dpop_jkt that disagree are refused, and nothing is kept',
  withDemo(async (demo) => {
    const { jkt } = await generateKeyPair();
    const response = await push(demo, { dpop_jkt: jkt }, await dpopFor(demo, await generateKeyPair()));
    assert.is(await refusalOf(response), '400 invalid_request');
    assert.is(lastReason(demo), 'dpop-jkt-mismatch');
  }),
);

const thumbprint = 'A'.repeat(43);
const badThumbprints: Readonly<Record<string, string>> = {
  empty: '',
  'of 42 characters': thumbprint.slice(1),
  'of 44 characters': `${thumbprint}A`,
  padded: `${thumbprint}=`,
  'of standard base64': `${thumbprint.slice(0, 41)}+A`,
  'with bits that are not zero': `${thumbprint.slice(0, 42)}B`,
  'with a space': ` ${thumbprint.slice(1)}`,
  'of 10 kB': 'A'.repeat(10_240),
};

for (const [title, dpop_jkt] of Object.entries(badThumbprints)) {
  test(
    `[R9449-10-05] [J07] a dpop_jkt ${title} is invalid_request, never ignored`,
    withDemo(async (demo) => {
      const response = await push(demo, { dpop_jkt });
      assert.is(await refusalOf(response), '400 invalid_request');
      assert.is(lastReason(demo), 'dpop-jkt-malformed');
      await pushed(await push(demo, { dpop_jkt: thumbprint }));
    }),
  );
}

test(
  '[R9449-10-05] [J07] dpop_jkt given twice is invalid_request, the same twice included',
  withDemo(async (demo) => {
    for (const second of [thumbprint, '']) {
      const form = toBody({ client_id: 'demo-spa', ...request, dpop_jkt: thumbprint });
      form.append('dpop_jkt', second);
      assert.is(await refusalOf(await postForm(demo, '/par', form)), '400 invalid_request');
    }
  }),
);

test(
  '[R9449-10.1-02] a proof for another endpoint, or a broken one, is invalid_dpop_proof',
  withDemo(async (demo) => {
    const keyPair = await generateKeyPair();
    for (const dpop of [await proofFor(demo, keyPair, { path: '/token' }), 'canary', '']) {
      assert.is(await refusalOf(await push(demo, {}, { dpop })), '400 invalid_dpop_proof', dpop);
    }
  }),
);

test(
  '[R9449-10.1-02] [I01] a proof is used up by a pushed request: a second one is refused',
  withDemo(async (demo) => {
    const proof = await dpopFor(demo, await generateKeyPair());
    await pushed(await push(demo, {}, proof));
    assert.is(await refusalOf(await push(demo, {}, proof)), '400 invalid_dpop_proof');
    assert.is(lastReason(demo), 'replayed');
  }),
);

test(
  '[R9449-8-01] [H08] a stale proof is challenged, and the retry is let through',
  withDemo(async (demo) => {
    const keyPair = await generateKeyPair();
    const challenged = await push(demo, {}, { dpop: await staleProof(demo, keyPair, '/par') });
    assert.is(await refusalOf(challenged), '400 use_dpop_nonce');
    const nonce = challenged.headers.get('dpop-nonce');
    await pushed(await push(demo, {}, { dpop: await proofFor(demo, keyPair, { path: '/par', nonce }) }));
  }),
);

test(
  '[H10] with nonces always required, a success brings the next one',
  withDemo(
    async (demo) => {
      const proof = await dpopFor(demo, await generateKeyPair());
      const response = await later(40, () => push(demo, {}, proof));
      assert.is(response.status, 201);
      assert.match(response.headers.get('dpop-nonce') ?? '', /^[\w-]{51}$/); // two would be joined by a comma
    },
    { NONCE_POLICY: 'always' },
  ),
);

test(
  '[G12] a request that cannot be kept is not answered as if it were: 503',
  withDemo(async (demo) => {
    demo.state.records.insert = () => Promise.reject(new Error('canary'));
    const response = await push(demo);
    assert.is(response.headers.get('retry-after'), '1');
    assert.is(await refusalOf(response), '503 temporarily_unavailable');
  }),
);

test.run();
