import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { reasonAt, redirectUri, startWorld, type World } from './_oauth.ts';
import { sendRaw, statusesOf } from './_setup.ts';

/** What no library would send, at every endpoint: an OAuth error of fixed text, or a page, and never a redirect too many. */

const test = suite<World>('demo/bad-input');

test.before(async (context) => {
  Object.assign(context, await startWorld());
});

test.after(({ demo }) => demo.close());

type Form = Readonly<Record<string, string>>;

const service: Form = { client_id: 'demo-service', client_secret: 'demo-service-secret' };
const challenge = 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM';

const authorizationRequest: Form = {
  client_id: 'demo-spa',
  response_type: 'code',
  redirect_uri: redirectUri,
  state: 'a-state',
  code_challenge: challenge,
  code_challenge_method: 'S256',
};

/** Every endpoint that takes a form, and one that it would accept, but for a proof where one is needed. */
const endpoints: readonly (readonly [path: string, form: Form, repeatable: readonly string[]])[] = [
  ['/token', { ...service, grant_type: 'client_credentials' }, ['grant_type', 'client_id', 'client_secret']],
  ['/par', authorizationRequest, ['redirect_uri', 'code_challenge', 'response_type', 'client_id', 'state']],
  ['/introspect', { ...service, token: 'x' }, ['token', 'client_id', 'client_secret']],
  ['/revoke', { ...service, token: 'x' }, ['token', 'client_id', 'client_secret']],
];

interface Answer {
  readonly status: number;
  readonly error: string | undefined;
  readonly description: string | undefined;
}

async function post(
  { demo }: World,
  path: string,
  body: BodyInit,
  headers: Readonly<Record<string, string>> = {},
): Promise<Answer> {
  const type = { 'content-type': 'application/x-www-form-urlencoded' };
  const response = await fetch(demo.authorizationOrigin + path, {
    method: 'POST',
    body,
    headers: { ...type, ...headers },
  });
  assert.is(response.headers.get('cache-control'), 'no-store');
  const text = await response.text();
  if (text === '') return { status: response.status, error: undefined, description: undefined };
  assert.match(response.headers.get('content-type') ?? '', /^application\/json/);
  const { error, error_description: description } = JSON.parse(text) as Readonly<Record<string, string>>;
  return { status: response.status, error, description };
}

async function assertInvalidRequest(
  world: World,
  path: string,
  answer: Promise<Answer>,
  text: string,
): Promise<void> {
  assert.equal(await answer, { status: 400, error: 'invalid_request', description: text });
  assert.is(reasonAt(world.demo, path), 'invalid_request');
}

const twice = 'A parameter is given more than once';
const noForm = 'The body must be a form';
const unreadable = 'The body is not a form, or is too large';

for (const [path, form, repeatable] of endpoints) {
  const good = new URLSearchParams(form).toString();

  test(`${path} understands the form that the other tests spoil`, async (world) => {
    const { error } = await post(world, path, good);
    assert.is(error, path === '/token' ? 'invalid_dpop_proof' : undefined);
  });

  for (const name of repeatable) {
    for (const value of [form[name] ?? '', 'other', '']) {
      const how = value === '' ? 'empty' : value === form[name] ? 'the same' : 'another';
      test(`[J18] ${path}: ${name} given twice (${how} value) is refused`, async (world) => {
        const body = new URLSearchParams([...Object.entries(form), [name, value]]);
        await assertInvalidRequest(world, path, post(world, path, body), twice);
      });
    }
  }

  for (const type of ['application/json', 'text/plain', 'multipart/form-data; boundary=x', 'nonsense']) {
    test(`[J18] ${path}: a form that says it is ${type} is none`, async (world) => {
      const answer = post(world, path, good, { 'content-type': type });
      await assertInvalidRequest(world, path, answer, noForm);
    });
  }

  test(`[J18] ${path}: JSON is no form, and nor is a body without a type`, async (world) => {
    const answer = post(world, path, JSON.stringify(form), { 'content-type': 'application/json' });
    await assertInvalidRequest(world, path, answer, noForm);
    const { host } = new URL(world.demo.authorizationOrigin);
    const head = `POST ${path} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\nContent-Length: ${good.length}\r\n\r\n`;
    const untyped = await sendRaw(world.demo.authorizationOrigin, head + good);
    assert.equal(statusesOf(untyped), [400]);
  });

  test(`[J18] ${path}: a form of 16 kB is read, one of a byte more is not`, async (world) => {
    const largest = `${good}&padding=`.padEnd(16 * 1024, 'x');
    assert.is.not((await post(world, path, largest)).description, unreadable);
    await assertInvalidRequest(world, path, post(world, path, `${largest}x`), unreadable);
  });

  test(`[J18] ${path}: a form of 10 MB is refused, however it comes, and the connection is good for the next request`, async ({
    demo,
  }) => {
    const { host } = new URL(demo.authorizationOrigin);
    const large = `${good}&padding=`.padEnd(10_000_000, 'x');
    const head = `POST ${path} HTTP/1.1\r\nHost: ${host}\r\nContent-Type: application/x-www-form-urlencoded\r\n`;
    const bodies = [
      `Content-Length: ${large.length}\r\n\r\n${large}`,
      `Transfer-Encoding: chunked\r\n\r\n${large.length.toString(16)}\r\n${large}\r\n0\r\n\r\n`,
    ];
    const last = `GET /jwks HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`;
    for (const body of bodies)
      assert.equal(statusesOf(await sendRaw(demo.authorizationOrigin, head + body + last)), [400, 200]);
  });

  for (const method of ['GET', 'PUT', 'PATCH', 'DELETE']) {
    test(`[R7662-2.1-01] [R9126-2-01] ${method} ${path} is answered with 405`, async ({ demo }) => {
      const url = `${demo.authorizationOrigin}${path}?${method === 'GET' ? good : ''}`;
      const response = await fetch(url, { method });
      assert.equal([response.status, response.headers.get('allow')], [405, 'POST']);
    });
  }

  for (const id of ['demo', 'DEMO-SPA', 'demo-spa ', '__proto__', 'constructor', '\0', 'x'.repeat(10_000)]) {
    test(`${path}: the client ${JSON.stringify(id.slice(0, 12))} is unknown`, async (world) => {
      const { client_secret: _, ...unauthenticated } = form;
      const answer = await post(world, path, new URLSearchParams({ ...unauthenticated, client_id: id }));
      assert.equal([answer.status, answer.error], [401, 'invalid_client']);
    });
  }

  test(`${path}: two ways to authenticate are one too many`, async (world) => {
    const authorization = `Basic ${Buffer.from('demo-service:demo-service-secret').toString('base64')}`;
    const body = new URLSearchParams({ ...form, ...service });
    await assertInvalidRequest(
      world,
      path,
      post(world, path, body, { authorization }),
      'The client may authenticate in one way only',
    );
  });
}

// What would bring tokens through a browser. [J12]

const responseTypes = [
  'token',
  'id_token',
  'id_token token',
  'code token',
  'code id_token',
  'none',
  'CODE',
  'code code',
];

/** With what each may present itself by at the PAR endpoint; `demo-web` needs a signature, and is tried with the libraries. */
const callable: readonly (readonly [id: string, credentials: Form | undefined])[] = [
  ['demo-spa', {}],
  ['demo-legacy', { client_secret: 'demo-legacy-secret' }],
  ['demo-web', undefined],
];

for (const response_type of responseTypes) {
  for (const [client_id, credentials] of callable) {
    const form = { ...authorizationRequest, client_id, response_type };

    test(`[J12] ${client_id} gets nothing for response_type=${response_type} but an error, in the query`, async (world) => {
      const { away } = await world.browser.open(`/authorize?${new URLSearchParams(form)}`);
      const { error, state, iss, error_description, ...more } = Object.fromEntries(away?.searchParams ?? []);
      assert.is(`${away?.origin}${away?.pathname}`, redirectUri);
      assert.equal(
        { error, state, iss, more, fragment: away?.hash },
        {
          error: 'unsupported_response_type',
          state: 'a-state',
          iss: world.demo.authorizationOrigin,
          more: {},
          fragment: '',
        },
      );
      assert.is(error_description, 'The response type must be code');
    });

    if (credentials === undefined) continue;
    test(`[J12] ${client_id} cannot push response_type=${response_type} either`, async (world) => {
      const answer = await post(world, '/par', new URLSearchParams({ ...form, ...credentials }));
      assert.equal([answer.status, answer.error], [400, 'unsupported_response_type']);
    });
  }

  for (const client_id of ['demo-service', 'demo-api', 'demo']) {
    test(`[J12] ${client_id} has no place to send an answer for response_type=${response_type}: a page`, async (world) => {
      const form = { ...authorizationRequest, client_id, response_type };
      const { status, away } = await world.browser.open(`/authorize?${new URLSearchParams(form)}`);
      assert.equal([status, away], [400, undefined]);
    });
  }
}

// What must not be a redirect to somebody else, and no code without PKCE: for each client that has redirect URIs.

const nearMisses = [
  'http://127.0.0.1:49152/callback/',
  'http://127.0.0.1:49152/callback/x',
  'http://127.0.0.1:49152/Callback',
  'http://127.0.0.1:49152/callback?x=1',
  'http://127.0.0.1:49152/callback#x',
  'http://localhost:49152/callback',
  'http://127.0.0.2:49152/callback',
  'http://127.0.0.1.attacker.example/callback',
  'http://127.0.0.1:49152@attacker.example/callback',
  'https://127.0.0.1:49152/callback',
  'http://127.0.0.1:99999/callback',
  '//127.0.0.1:49152/callback',
  'javascript:alert(1)',
];

for (const [client_id, credentials] of callable) {
  for (const redirect_uri of nearMisses) {
    test(`[R9700-2.1-01] ${client_id} is not called back at ${redirect_uri}`, async (world) => {
      const form = { ...authorizationRequest, client_id, redirect_uri };
      const { status, away } = await world.browser.open(`/authorize?${new URLSearchParams(form)}`);
      assert.equal([status, away], [400, undefined]);
      if (credentials === undefined) return;
      const answer = await post(world, '/par', new URLSearchParams({ ...form, ...credentials }));
      assert.equal([answer.status, answer.error], [400, 'invalid_request']);
    });
  }

  for (const [title, pkce] of [
    ['without PKCE', { code_challenge: '', code_challenge_method: '' }],
    ['with a challenge, and no method', { code_challenge_method: '' }],
    ['with plain PKCE', { code_challenge_method: 'plain' }],
    ['with a short challenge', { code_challenge: challenge.slice(1) }],
    ['with a method, and no challenge', { code_challenge: '' }],
  ] as const) {
    test(`[R9700-2.1-01] ${client_id} gets no code ${title}`, async (world) => {
      const form = { ...authorizationRequest, client_id, ...pkce };
      const { away } = await world.browser.open(`/authorize?${new URLSearchParams(form)}`);
      assert.is(away?.searchParams.get('error'), 'invalid_request');
      if (credentials === undefined) return;
      const answer = await post(world, '/par', new URLSearchParams({ ...form, ...credentials }));
      assert.equal([answer.status, answer.error], [400, 'invalid_request']);
    });
  }
}

test.run();
