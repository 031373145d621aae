import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createResourceApp } from '../../demo/resource-server.ts';
import {
  createMemoryReplayStore,
  createResourceServer,
  createSigningKey,
  createTokenIssuer,
} from '../../src/index.ts';
import { createDpopFetch, createProof, generateKeyPair } from '../_setup.ts';
import { createClient, type Demo, later, sendRaw, serveApp, statusesOf, withDemo } from './_setup.ts';

/** The demo's notes and what the server says of itself, over real sockets. */

const test = suite('demo/resource-server');

const json = { 'content-type': 'application/json' };

function note(text: string): RequestInit {
  return { method: 'POST', headers: json, body: JSON.stringify({ text }) };
}

async function notesIn(response: Response): Promise<unknown> {
  return ((await response.json()) as { notes: unknown }).notes;
}

/** Words of the request logged last, without time stamp and duration. */
function lastWords({ lines }: Demo): string[] {
  const [, ...words] = lines.at(-1)?.split(' ') ?? [];
  return words.filter((word) => !/^[\d.]+ms$/.test(word));
}

function challengeOf({ headers }: Response): string {
  return headers.get('www-authenticate') ?? '';
}

// What is served.

test(
  'notes are written and read back, in order, to the last permitted character',
  withDemo(async (demo) => {
    const client = await createClient(demo);
    assert.equal(await notesIn(await client.fetch(demo.notesUrl)), []);
    const first = await client.fetch(demo.notesUrl, note('one'));
    assert.is(first.status, 201);
    assert.equal(await notesIn(first), ['one']);
    const longest = 'é'.repeat(1000);
    assert.is((await client.fetch(demo.notesUrl, note(longest))).status, 201);
    const read = await client.fetch(demo.notesUrl);
    assert.is(read.status, 200);
    assert.equal(await notesIn(read), ['one', longest]);
  }),
);

test(
  'names of prototypes in a note are only names',
  withDemo(async (demo) => {
    const client = await createClient(demo);
    const body = '{"text":"a","constructor":{"x":1},"toString":2}';
    assert.is((await client.fetch(demo.notesUrl, { method: 'POST', headers: json, body })).status, 201);
    assert.is(({} as Record<string, unknown>)['x'], undefined);
  }),
);

test(
  'whoami tells subject, client and scope, and needs no scope',
  withDemo(async (demo) => {
    const client = await createClient(demo, 'notes:read');
    const response = await client.fetch(`${demo.resourceOrigin}/api/whoami`);
    assert.is(response.status, 200);
    assert.equal(await response.json(), {
      sub: 'demo-service',
      client_id: 'demo-service',
      scope: 'notes:read',
    });
  }),
);

test(
  'HEAD answers as GET does, without a body, to a proof for HEAD alone',
  withDemo(async (demo) => {
    const { token, keyPair, fetch: signedFetch } = await createClient(demo);
    const response = await signedFetch(demo.notesUrl, { method: 'HEAD' });
    assert.is(response.status, 200);
    assert.is(response.headers.get('content-length'), String('{"notes":[]}'.length));
    assert.is(await response.text(), '');
    const proof = await createProof(keyPair, { method: 'GET', url: demo.notesUrl, accessToken: token });
    const headers = { authorization: `DPoP ${token}`, dpop: proof };
    assert.is((await fetch(demo.notesUrl, { method: 'HEAD', headers })).status, 401);
    assert.equal(lastWords(demo).slice(0, 5), ['RS', 'HEAD', '/api/notes', '401', 'htm-mismatch']);
  }),
);

test('the notes of two subjects are kept apart', async () => {
  const issuerUrl = 'https://as.example';
  const issuer = createTokenIssuer({ issuer: issuerUrl, signingKey: await createSigningKey('ES256') });
  const { origin, close } = await serveApp((publicOrigin) => {
    const server = createResourceServer({
      publicOrigin,
      issuer: issuerUrl,
      audience: 'notes',
      jwks: () => issuer.jwks(),
      replay: createMemoryReplayStore({ capacity: 100 }),
    });
    return createResourceApp({
      origin: publicOrigin,
      authorizationServer: issuerUrl,
      server,
      mode: 'require',
      health: async () => ({ ready: true, replay: 'memory' }),
      log: () => undefined,
    });
  });
  const createReader = async (subject: string): Promise<typeof fetch> => {
    const keyPair = await generateKeyPair();
    const scope = 'notes:read notes:write';
    const { jkt } = keyPair;
    const issued = await issuer.issue({ subject, clientId: 'client', audience: 'notes', jkt, scope });
    return createDpopFetch({ keyPair, origins: origin, accessToken: issued.accessToken });
  };
  try {
    const subjects = ['alice', 'bob', '__proto__', 'constructor'];
    for (const subject of subjects) {
      const own = await createReader(subject);
      assert.equal(await notesIn(await own(`${origin}/api/notes`, note(`of ${subject}`))), [`of ${subject}`]);
    }
    for (const subject of subjects) {
      const again = await createReader(subject);
      assert.equal(await notesIn(await again(`${origin}/api/notes`)), [`of ${subject}`]);
    }
  } finally {
    await close();
  }
});

// Bodies, once their sender is known.

const notJson = 'The body must be JSON of at most 16 kB';
const notANote = 'The body must be {"text": "..."} with 1 to 1000 characters';

const badBodies: readonly (readonly [title: string, body: string, answer: string])[] = [
  ['no JSON', '{"text":"canary"', notJson],
  ['null', 'null', notJson],
  ['a text', '"canary"', notJson],
  ['a number', '5', notJson],
  ['a member __proto__', '{"text":"canary","__proto__":{"x":1}}', notJson],
  ['more than 16 kB', JSON.stringify({ text: 'canary', more: 'x'.repeat(16 * 1024) }), notJson],
  ['nothing', '', notANote],
  ['a list', '["canary"]', notANote],
  ['an object without text', '{"note":"canary"}', notANote],
  ['text that is no text', '{"text":{"canary":1}}', notANote],
  ['an empty text', '{"text":""}', notANote],
  ['a text of 1001 characters', JSON.stringify({ text: 'c'.repeat(1001) }), notANote],
];

for (const [title, body, answer] of badBodies) {
  test(
    `a body that is ${title} is 400, in words of our own, and no note`,
    withDemo(async (demo) => {
      const client = await createClient(demo);
      const response = await client.fetch(demo.notesUrl, { method: 'POST', headers: json, body });
      assert.is(response.status, 400);
      assert.is(await response.text(), answer);
      const words = ['RS', 'POST', '/api/notes', '400', `jkt=${client.keyPair.jkt}`];
      assert.equal(lastWords(demo), words);
      assert.equal(await notesIn(await client.fetch(demo.notesUrl)), []);
    }),
  );
}

for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'application/jsonp', 'nonsense']) {
  test(
    `a body of type ${type} is 400`,
    withDemo(async (demo) => {
      const client = await createClient(demo);
      const headers = { 'content-type': type };
      const response = await client.fetch(demo.notesUrl, { ...note('canary'), headers });
      assert.is(response.status, 400);
      assert.is(await response.text(), notANote);
    }),
  );
}

test(
  'a body of 2 MB is 400, and its connection can be used again',
  withDemo(async (demo) => {
    const { token, keyPair } = await createClient(demo);
    const { host } = new URL(demo.notesUrl);
    const answer = await later(20, async () => {
      const proof = await createProof(keyPair, { method: 'POST', url: demo.notesUrl, accessToken: token });
      const head = `POST /api/notes HTTP/1.1\r\nHost: ${host}\r\nContent-Type: application/json\r\n`;
      const credentials = `Authorization: DPoP ${token}\r\nDPoP: ${proof}\r\n`;
      const chunk = `${(2_000_000).toString(16)}\r\n${'x'.repeat(2_000_000)}\r\n0\r\n\r\n`;
      const next = `GET /nowhere HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`;
      return sendRaw(demo.notesUrl, `${head}${credentials}Transfer-Encoding: chunked\r\n\r\n${chunk}${next}`);
    });
    assert.equal(statusesOf(answer), [400, 404]);
  }),
);

test(
  'a hundred notes have room, the next one has not',
  withDemo(async (demo) => {
    const client = await createClient(demo);
    await client.fetch(demo.notesUrl); // learns the nonce
    const written = Array.from({ length: 100 }, (_, index) => client.fetch(demo.notesUrl, note(`${index}`)));
    for (const { status } of await Promise.all(written)) assert.is(status, 201);
    const refused = await client.fetch(demo.notesUrl, note('canary'));
    assert.is(refused.status, 409);
    assert.is(await refused.text(), 'There is room for 100 notes');
    const notes = (await notesIn(await client.fetch(demo.notesUrl))) as string[];
    assert.is(notes.length, 100);
    assert.not.ok(notes.includes('canary'));
  }),
);

// What is refused.

test(
  '[R9449-7.1-04] [R9449-7.2-04] [A21] without credentials: a challenge without an error word',
  withDemo(async (demo) => {
    const response = await fetch(demo.notesUrl);
    assert.is(response.status, 401);
    assert.match(challengeOf(response), /^DPoP algs="/);
    assert.not.match(challengeOf(response), /error/);
    assert.equal(await response.json(), {});
    assert.equal(lastWords(demo), ['RS', 'GET', '/api/notes', '401', 'credentials-missing']);
  }),
);

test(
  '[R9449-7.1-02] the body of an unauthorised request is not waited for',
  withDemo(async (demo) => {
    const { host } = new URL(demo.notesUrl);
    const head = `POST /api/notes HTTP/1.1\r\nHost: ${host}\r\nContent-Type: application/json\r\n`;
    // The body never comes: an answer can only have been given without it.
    const answer = await sendRaw(demo.notesUrl, `${head}Content-Length: 1000000\r\n\r\n`, (text) =>
      text.includes('\r\n\r\n{}'),
    );
    assert.equal(statusesOf(answer), [401]);
  }),
);

test(
  '[R9449-7.1-02] what an unauthorised request carries is neither parsed nor judged',
  withDemo(async (demo) => {
    for (const body of ['{', 'x'.repeat(20_000)]) {
      const response = await fetch(demo.notesUrl, { method: 'POST', headers: json, body });
      assert.is(response.status, 401);
      assert.equal(await response.json(), {});
    }
  }),
);

test(
  '[R6750-3.1-01] a token without the scope is 403, and the note is not written',
  withDemo(async (demo) => {
    const reader = await createClient(demo, 'notes:read');
    const refused = await reader.fetch(demo.notesUrl, note('canary'));
    assert.is(refused.status, 403);
    assert.match(challengeOf(refused), /^DPoP error="insufficient_scope", .*scope="notes:write"/);
    const words = ['RS', 'POST', '/api/notes', '403', 'scope-insufficient', `jkt=${reader.keyPair.jkt}`];
    assert.equal(lastWords(demo), words);
    assert.equal(await notesIn(await reader.fetch(demo.notesUrl)), []);
    const writer = await createClient(demo, 'notes:write');
    assert.is((await writer.fetch(demo.notesUrl)).status, 403);
    assert.is((await writer.fetch(demo.notesUrl, note('x'))).status, 201);
  }),
);

test(
  '[I01] one signed request is served once',
  withDemo(async (demo) => {
    const { token, keyPair } = await createClient(demo);
    await later(20, async () => {
      const proof = await createProof(keyPair, { method: 'GET', url: demo.notesUrl, accessToken: token });
      const headers = { authorization: `DPoP ${token}`, dpop: proof };
      assert.is((await fetch(demo.notesUrl, { headers })).status, 200);
      const again = await fetch(demo.notesUrl, { headers });
      assert.is(again.status, 401);
      assert.match(challengeOf(again), /^DPoP error="invalid_dpop_proof"/);
    });
    assert.equal(lastWords(demo), ['RS', 'GET', '/api/notes', '401', 'replayed', `jkt=${keyPair.jkt}`]);
  }),
);

for (const [policy, status] of [
  ['when-needed', 200],
  ['always', 401],
] as const) {
  test(
    `[H01] NONCE_POLICY=${policy}: a proof without a nonce is ${status}`,
    withDemo(
      async (demo) => {
        const { token, keyPair } = await createClient(demo);
        const response = await later(20, async () => {
          const proof = await createProof(keyPair, { method: 'GET', url: demo.notesUrl, accessToken: token });
          return fetch(demo.notesUrl, { headers: { authorization: `DPoP ${token}`, dpop: proof } });
        });
        assert.is(response.status, status);
        if (policy === 'always') assert.is(lastWords(demo)[4], 'nonce-required');
      },
      { NONCE_POLICY: policy },
    ),
  );
}

test(
  'unknown paths are 404, other methods 405',
  withDemo(async (demo) => {
    const client = await createClient(demo);
    for (const path of ['/', '/api', '/api/notes/1', '/api/note', '/__proto__', '//api/notes']) {
      assert.is((await fetch(demo.resourceOrigin + path)).status, 404, path);
    }
    for (const method of ['PUT', 'PATCH', 'DELETE']) {
      const response = await client.fetch(demo.notesUrl, { method });
      assert.is(response.status, 405);
      assert.is(response.headers.get('allow'), 'HEAD, GET, POST');
    }
  }),
);

const hostileTargets: readonly string[] = [
  '/api/notes/../whoami',
  '/api/%2e%2e/notes',
  '/api/notes%00',
  '/api/%6eotes',
  '/%',
  '/%zz',
  '//evil.example/api/notes',
  'http://evil.example/api/notes',
  'http://%E0%A4%A@evil.example/api/notes',
  'http://[/api/notes',
  '/api/notes#x',
  '/api/notes\x80\xff',
  '/api/notes?\x80',
  '*',
];

for (const target of hostileTargets) {
  test(
    `[L06] the target ${JSON.stringify(target)} is the client's fault`,
    withDemo(async (demo) => {
      const { host } = new URL(demo.notesUrl);
      const method = target === '*' ? 'OPTIONS' : 'GET';
      const head = `${method} ${target} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`;
      const [status = 0, ...others] = statusesOf(await sendRaw(demo.notesUrl, head));
      assert.equal(others, []);
      assert.ok(status >= 400 && status < 500, String(status));
    }),
  );
}

// The metadata equals the behaviour.

interface Metadata {
  readonly authorization_servers: readonly string[];
  readonly scopes_supported: readonly string[];
  readonly dpop_signing_alg_values_supported: readonly string[];
}

async function fetchMetadata(url: string): Promise<Metadata> {
  const response = await fetch(url);
  assert.is(response.status, 200);
  assert.match(response.headers.get('content-type') ?? '', /^application\/json/);
  return (await response.json()) as Metadata;
}

test(
  '[R9728-2-01] [R9728-3.3-01] the metadata names this resource and what it takes',
  withDemo(async (demo) => {
    const url = `${demo.resourceOrigin}/.well-known/oauth-protected-resource`;
    assert.equal(await fetchMetadata(url), {
      resource: demo.resourceOrigin,
      authorization_servers: [demo.authorizationOrigin],
      scopes_supported: ['notes:read', 'notes:write'],
      bearer_methods_supported: ['header'],
      dpop_signing_alg_values_supported: ['ES256', 'Ed25519', 'EdDSA'],
      dpop_bound_access_tokens_required: true,
    });
  }),
);

test(
  '[R9728-5.1-01] [R9449-7.1-08] the way from a challenge to a token is as the metadata tells it',
  withDemo(async (demo) => {
    const challenge = challengeOf(await fetch(demo.notesUrl));
    const metadata = await fetchMetadata(/resource_metadata="([^"]+)"/.exec(challenge)?.[1] ?? '');
    assert.is(/algs="([^"]+)"/.exec(challenge)?.[1], metadata.dpop_signing_alg_values_supported.join(' '));
    const [issuer] = metadata.authorization_servers;
    const server = (await (await fetch(`${issuer}/.well-known/oauth-authorization-server`)).json()) as {
      issuer: string;
      token_endpoint: string;
    };
    assert.is(server.issuer, issuer);
    assert.is(server.token_endpoint, demo.tokenUrl);
    const client = await createClient(demo, metadata.scopes_supported.join(' '));
    assert.is((await client.fetch(demo.notesUrl, note('x'))).status, 201);
    assert.is((await client.fetch(demo.notesUrl)).status, 200);
  }),
);

test(
  '[R9449-7.2-01] [A07] bound tokens are required, in the header: not as Bearer, not in query or form',
  withDemo(async (demo) => {
    const { token } = await createClient(demo);
    const asBearer = await fetch(demo.notesUrl, { headers: { authorization: `Bearer ${token}` } });
    assert.is(asBearer.status, 401);
    assert.is(lastWords(demo)[4], 'bearer-scheme');
    const inQuery = await fetch(`${demo.notesUrl}?access_token=${token}`);
    assert.is(inQuery.status, 401);
    assert.is(lastWords(demo)[4], 'credentials-missing');
    const inForm = await fetch(demo.notesUrl, {
      method: 'POST',
      body: new URLSearchParams({ access_token: token }),
    });
    assert.is(inForm.status, 401);
    assert.is(lastWords(demo)[4], 'credentials-missing');
  }),
);

// Other origins.

const appOrigin = { origin: 'https://app.example' };

test(
  '[R9449-7.1-10] a preflight is answered without credentials, and lets the three headers through',
  withDemo(async (demo) => {
    for (const method of ['GET', 'POST']) {
      const response = await fetch(demo.notesUrl, {
        method: 'OPTIONS',
        headers: {
          ...appOrigin,
          'access-control-request-method': method,
          'access-control-request-headers': 'authorization,content-type,dpop',
        },
      });
      assert.is(response.status, 204);
      assert.is(response.headers.get('access-control-allow-origin'), '*');
      assert.is(response.headers.get('access-control-allow-credentials'), null);
      assert.ok(response.headers.get('access-control-allow-methods')?.split(',').includes(method));
      const allowed = response.headers.get('access-control-allow-headers')?.toLowerCase().split(',').sort();
      assert.equal(allowed, ['authorization', 'content-type', 'dpop']);
    }
  }),
);

test(
  '[R9449-7.1-10] [R9449-8-11] [H10] scripts of other origins can read nonce and challenge of every answer',
  withDemo(async (demo) => {
    const reader = await createClient(demo, 'notes:read');
    const headers = { ...appOrigin, ...json };
    const answers = [
      await reader.fetch(demo.notesUrl, { headers: appOrigin }),
      await reader.fetch(demo.notesUrl, { ...note('x'), headers }),
      await fetch(demo.notesUrl, { headers: appOrigin }),
      await fetch(`${demo.notesUrl}?access_token=x`, { headers: { ...appOrigin, authorization: 'DPoP x' } }),
    ];
    assert.equal(
      answers.map(({ status }) => status),
      [200, 403, 401, 400],
    );
    for (const answer of answers) {
      assert.is(answer.headers.get('access-control-allow-origin'), '*');
      const exposed = answer.headers.get('access-control-expose-headers')?.toLowerCase() ?? '';
      assert.equal(exposed.split(/, ?/).sort(), ['dpop-nonce', 'www-authenticate']);
    }
  }),
);

test(
  'scripts of other origins can read why a body was refused',
  withDemo(async (demo) => {
    const client = await createClient(demo);
    const init = { method: 'POST', headers: { ...appOrigin, ...json }, body: '{' };
    const response = await client.fetch(demo.notesUrl, init);
    assert.is(response.status, 400);
    assert.is(response.headers.get('access-control-allow-origin'), '*');
  }),
);

test.run();
