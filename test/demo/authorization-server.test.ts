import { request } from 'node:http';
import { decodeJwt, decodeProtectedHeader } from 'jose';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createProof, forge, generateKeyPair, proofParts, signer } from '../_setup.ts';
import {
  createClient,
  createTokenProof,
  type Demo,
  fetchTokenNonce,
  lastReason,
  later,
  requestToken,
  sendRaw,
  statusesOf,
  type TokenChanges,
  toForm,
  withDemo,
} from './_setup.ts';

/** The demo's token endpoint and what it says of itself, over real sockets. */

const test = suite('demo/authorization-server');

/** All that a refusal of the token endpoint may say. */
const texts: Readonly<Record<string, readonly string[]>> = {
  invalid_request: [
    'The body must be a form',
    'The body is not a form, or is too large',
    'A parameter is given more than once',
    'The parameter grant_type is missing',
    'The client may authenticate in one way only',
    'The request is malformed or not meant for this server',
  ],
  invalid_client: ['The client is unknown, or its credentials are wrong'],
  unsupported_grant_type: ['The grant type is not supported'],
  invalid_scope: ['The client may not have this scope'],
  invalid_dpop_proof: ['One valid, unused DPoP proof for this very request is required'],
  use_dpop_nonce: ['A proof with the nonce of this answer is required'],
};

const secret = 'demo-service-secret';

function basic(id: string, password: string): string {
  return basicOf(`${id}:${password}`);
}

function basicOf(text: string): string {
  return `Basic ${Buffer.from(text).toString('base64')}`;
}

/** What authenticates in the form, left out. */
const withoutPost = { client_id: undefined, client_secret: undefined };

async function assertRefused(response: Response, status: number, error: string): Promise<void> {
  const text = await response.text();
  assert.is(response.status, status, text);
  assert.match(response.headers.get('content-type') ?? '', /^application\/json/);
  assert.is(response.headers.get('cache-control'), 'no-store');
  const answer = JSON.parse(text) as Record<string, string>;
  assert.equal(Object.keys(answer), ['error', 'error_description']);
  assert.is(answer['error'], error);
  assert.ok(texts[error]?.includes(answer['error_description'] ?? ''), text);
}

async function assertIssued(response: Response): Promise<Record<string, unknown>> {
  const text = await response.text();
  assert.is(response.status, 200, text);
  return JSON.parse(text) as Record<string, unknown>;
}

// What is issued.

test(
  '[R9449-5-05] [R6749-5.1-01] [J14] a token response says DPoP, exactly, and is not stored',
  withDemo(
    async (demo) => {
      const response = await requestToken(demo);
      assert.is(response.headers.get('cache-control'), 'no-store');
      assert.match(response.headers.get('content-type') ?? '', /^application\/json/);
      const { access_token, ...rest } = await assertIssued(response);
      assert.type(access_token, 'string');
      assert.equal(rest, { token_type: 'DPoP', expires_in: 77, scope: 'notes:read notes:write' });
    },
    { TOKEN_LIFETIME: '77' },
  ),
);

test(
  '[R9449-5-04] [R9449-6.1-01] [R9068-2.2-01] the token is bound to the key of the proof',
  withDemo(async (demo) => {
    const { token, keyPair } = await createClient(demo);
    const { typ, alg } = decodeProtectedHeader(token);
    assert.equal({ typ, alg }, { typ: 'at+jwt', alg: 'ES256' });
    const { iss, aud, sub, client_id, scope, cnf, exp, iat, jti } = decodeJwt(token);
    assert.equal(cnf, { jkt: keyPair.jkt });
    assert.equal(
      { iss, aud, sub, client_id, scope },
      {
        iss: demo.authorizationOrigin,
        aud: demo.resourceOrigin,
        sub: 'demo-service',
        client_id: 'demo-service',
        scope: 'notes:read notes:write',
      },
    );
    assert.is(Number(exp) - Number(iat), 300);
    assert.type(jti, 'string');
  }),
);

for (const scope of ['notes:read', 'notes:write', 'notes:write notes:read']) {
  test(
    `[R6749-6-01] the scope can be narrowed to "${scope}"`,
    withDemo(async (demo) => {
      const { scope: given, access_token } = await assertIssued(
        await requestToken(demo, { form: { scope } }),
      );
      assert.is(given, scope);
      assert.is(decodeJwt(access_token as string)['scope'], scope);
    }),
  );
}

test(
  'an empty scope counts as none: all that the client may have',
  withDemo(async (demo) => {
    const { scope } = await assertIssued(await requestToken(demo, { form: { scope: '' } }));
    assert.is(scope, 'notes:read notes:write');
  }),
);

// The client.

const accepted: readonly (readonly [title: string, changes: TokenChanges])[] = [
  ['client_secret_post', {}],
  ['client_secret_basic', { form: withoutPost, headers: { authorization: basic('demo-service', secret) } }],
  [
    'the scheme in other letter case',
    {
      form: withoutPost,
      headers: { authorization: basic('demo-service', secret).replace('Basic', 'bASIC') },
    },
  ],
  [
    'form-encoded Basic credentials',
    { form: withoutPost, headers: { authorization: basic('%64emo%2Dservice', 'demo%2dservice-secre%74') } },
  ],
  [
    'Basic together with client_id',
    { form: { client_secret: undefined }, headers: { authorization: basic('demo-service', secret) } },
  ],
];

for (const [title, changes] of accepted) {
  test(
    `the client authenticates with ${title}`,
    withDemo(async (demo) => {
      await assertIssued(await requestToken(demo, changes));
    }),
  );
}

const hardSecret = 'p:s%w+é &=\'"\\';

test(
  'a secret of any characters works both ways',
  withDemo(
    async (demo) => {
      await assertIssued(await requestToken(demo));
      const authorization = basic('demo-service', encodeURIComponent(hardSecret));
      await assertIssued(await requestToken(demo, { form: withoutPost, headers: { authorization } }));
    },
    { DEMO_SERVICE_SECRET: hardSecret },
  ),
);

const badHeaders: readonly (readonly [title: string, authorization: string])[] = [
  ['a wrong secret', basic('demo-service', 'canary')],
  ['an empty secret', basic('demo-service', '')],
  ['the secret in other letter case', basic('demo-service', secret.toUpperCase())],
  ['a secret that only begins right', basic('demo-service', `${secret}x`)],
  ['an unknown client', basic('canary', secret)],
  ['a client named __proto__', basic('__proto__', secret)],
  ['id and secret without a colon', basicOf(`demo-service${secret}`)],
  ['nothing but a colon', basicOf(':')],
  ['bytes that are no UTF-8', `Basic ${Buffer.from([0xff, 0xfe, 0x3a, 0x80]).toString('base64')}`],
  ['broken percent-encoding', basic('demo-service', '%zz%')],
  ['parameters smuggled into the secret', basic('canary&id=demo-service&secret=demo-service-secret', secret)],
  ['no credentials after the scheme', 'Basic'],
  ['no base64', 'Basic !!!'],
  ['two values', `${basic('demo-service', secret)} ${basic('demo-service', secret)}`],
  ['another scheme', 'Bearer canary'],
  ['a digest', 'Digest username="demo-service"'],
];

for (const [title, authorization] of badHeaders) {
  test(
    `[R6749-5.2-01] Basic credentials with ${title} are invalid_client, 401 with a Basic challenge`,
    withDemo(async (demo) => {
      const response = await requestToken(demo, { form: withoutPost, headers: { authorization } });
      assert.is(response.headers.get('www-authenticate'), 'Basic realm="token"');
      await assertRefused(response, 401, 'invalid_client');
      assert.is(lastReason(demo), 'invalid_client');
    }),
  );
}

const badPosts: readonly (readonly [title: string, form: TokenChanges['form']])[] = [
  ['a wrong secret', { client_secret: 'canary' }],
  ['an empty secret', { client_secret: '' }],
  ['no secret', { client_secret: undefined }],
  ['an unknown client', { client_id: 'canary' }],
  ['no client', { client_id: undefined }],
  ['a client named constructor', { client_id: 'constructor' }],
  ['nothing at all', withoutPost],
];

for (const [title, form] of badPosts) {
  test(
    `[R6749-5.2-01] a form with ${title} is invalid_client, 401 without a challenge`,
    withDemo(async (demo) => {
      const response = await requestToken(demo, { form });
      assert.is(response.headers.get('www-authenticate'), null);
      await assertRefused(response, 401, 'invalid_client');
    }),
  );
}

for (const authorization of [basic('demo-service', secret), basic('canary', 'canary'), 'Bearer canary']) {
  test(
    `two ways to authenticate are one too many (${authorization.slice(0, 12)})`,
    withDemo(async (demo) => {
      const response = await requestToken(demo, { headers: { authorization } });
      await assertRefused(response, 400, 'invalid_request');
    }),
  );
}

// The shape of the request.

const badForms: readonly (readonly [title: string, form: TokenChanges['form'], error: string])[] = [
  ['no grant_type', { grant_type: undefined }, 'invalid_request'],
  ['an empty grant_type', { grant_type: '' }, 'invalid_request'],
  ['an unknown grant_type', { grant_type: 'canary' }, 'unsupported_grant_type'],
  ['a grant_type in other letter case', { grant_type: 'Client_Credentials' }, 'unsupported_grant_type'],
  ['a grant_type of __proto__', { grant_type: '__proto__' }, 'unsupported_grant_type'],
  ['a grant_type of constructor', { grant_type: 'constructor' }, 'unsupported_grant_type'],
  ['an unknown scope', { scope: 'canary' }, 'invalid_scope'],
  ['one unknown scope among others', { scope: 'notes:read canary' }, 'invalid_scope'],
  ['two spaces between scopes', { scope: 'notes:read  notes:write' }, 'invalid_scope'],
  ['a scope in other letter case', { scope: 'Notes:read' }, 'invalid_scope'],
];

for (const [title, form, error] of badForms) {
  test(
    `[R6749-5.2-01] a request with ${title} is ${error}`,
    withDemo(async (demo) => {
      await assertRefused(await requestToken(demo, { form }), 400, error);
      assert.is(lastReason(demo), error);
    }),
  );
}

for (const repeated of ['grant_type', 'client_id', 'client_secret', 'scope', 'canary', '__proto__', 'a.b']) {
  for (const value of ['x', '']) {
    test(
      `[J18] the parameter ${repeated} given twice${value === '' ? ', once empty,' : ''} is refused`,
      withDemo(async (demo) => {
        const form = new URLSearchParams([...toForm(demo, { [repeated]: 'client_credentials' })]);
        if (repeated === '__proto__') form.append(repeated, 'x');
        form.append(repeated, value);
        await assertRefused(await requestToken(demo, { body: form }), 400, 'invalid_request');
      }),
    );
  }
}

test(
  '[R6749-5.2-01] unknown parameters are ignored, whatever their names',
  withDemo(async (demo) => {
    const names = ['__proto__', 'constructor', 'prototype', 'hasOwnProperty', 'toString'];
    const spellings = [
      'a.b',
      'a[b]',
      'a[]',
      '[]',
      '[',
      '%',
      '__proto__[grant_type]',
      'constructor.prototype.x',
    ];
    const form = toForm(demo);
    for (const name of [...names, ...spellings]) form.append(name, 'canary');
    await assertIssued(await requestToken(demo, { body: form }));
    assert.is(({} as Record<string, unknown>)['x'], undefined);
  }),
);

test(
  'any number of other parameters before the right ones does not hide them',
  withDemo(async (demo) => {
    const others = Array.from({ length: 1500 }, (_, index) => `x${index}&`);
    await assertIssued(await requestToken(demo, { body: others.join('') + toForm(demo) }));
  }),
);

const noParameters: readonly (readonly [title: string, body: string])[] = [
  ['an empty body', ''],
  ['names of prototypes alone', '__proto__=canary&constructor=canary&__proto__[client_id]=demo-service'],
  ['brackets after the names', `client_id[]=demo-service&client_secret[]=${secret}&grant_type[]=x`],
  ['broken percent-encoding', `client_id=demo-service&client_secret=%zz%&grant_type=%E0%A4%A`],
  ['JSON under the name of a form', '{"client_id":"demo-service"}'],
  ['bytes that are no text', '\0\x01=\x02&=&'],
];

for (const [title, body] of noParameters) {
  test(
    `a form of ${title} authenticates nobody`,
    withDemo(async (demo) => {
      await assertRefused(await requestToken(demo, { body }), 401, 'invalid_client');
    }),
  );
}

test(
  'broken percent-encoding of a grant_type is an unknown grant_type',
  withDemo(async (demo) => {
    const body = `client_id=demo-service&client_secret=${secret}&grant_type=%E0%A4%A&%zz=%ff`;
    await assertRefused(await requestToken(demo, { body }), 400, 'unsupported_grant_type');
  }),
);

const otherTypes = [
  'application/json',
  'text/plain',
  'multipart/form-data; boundary=x',
  'application/x-www-form-urlencoded-not',
  'nonsense',
  '*/*',
];

for (const type of otherTypes) {
  test(
    `[J18] a body of type ${type} is invalid_request`,
    withDemo(async (demo) => {
      const response = await requestToken(demo, { headers: { 'content-type': type } });
      await assertRefused(response, 400, 'invalid_request');
    }),
  );
}

test(
  'a body of JSON is invalid_request, and so is a body without a type',
  withDemo(async (demo) => {
    const json = JSON.stringify(Object.fromEntries(toForm(demo)));
    const asJson = await requestToken(demo, { headers: { 'content-type': 'application/json' }, body: json });
    await assertRefused(asJson, 400, 'invalid_request');
    const head = `POST /token HTTP/1.1\r\nHost: ${new URL(demo.tokenUrl).host}\r\nConnection: close\r\n`;
    const body = toForm(demo).toString();
    const untyped = await sendRaw(demo.tokenUrl, `${head}Content-Length: ${body.length}\r\n\r\n${body}`);
    assert.equal(statusesOf(untyped), [400]);
    assert.match(untyped, /"error":"invalid_request"/);
    const empty = await sendRaw(demo.tokenUrl, `${head}\r\n`);
    assert.equal(statusesOf(empty), [400]);
  }),
);

test(
  'a charset after the type of a form is fine',
  withDemo(async (demo) => {
    const type = { 'content-type': 'Application/X-WWW-Form-Urlencoded; charset=UTF-8' };
    await assertIssued(await requestToken(demo, { headers: type }));
  }),
);

for (const encoding of ['gzip', 'br', 'nonsense']) {
  test(
    `a body that is not ${encoding}, though it says so, is invalid_request`,
    withDemo(async (demo) => {
      const response = await requestToken(demo, { headers: { 'content-encoding': encoding } });
      await assertRefused(response, 400, 'invalid_request');
    }),
  );
}

const sixteenKilobytes = 16 * 1024;

function padded(demo: Demo, length: number): string {
  return `${toForm(demo)}&padding=`.padEnd(length, 'x');
}

test(
  '[J18] a body of 16 kB is read, one of a byte more is not',
  withDemo(async (demo) => {
    await assertIssued(await requestToken(demo, { body: padded(demo, sixteenKilobytes) }));
    const larger = await requestToken(demo, { body: padded(demo, sixteenKilobytes + 1) });
    await assertRefused(larger, 400, 'invalid_request');
  }),
);

for (const [title, size] of [
  ['in advance', undefined],
  ['never', 'chunked'],
] as const) {
  test(
    `[J18] a body of 2 MB is refused, and its connection can be used again; its size is told ${title}`,
    withDemo(async (demo) => {
      const { host } = new URL(demo.tokenUrl);
      const body = padded(demo, 2_000_000);
      const head = `POST /token HTTP/1.1\r\nHost: ${host}\r\nContent-Type: application/x-www-form-urlencoded\r\n`;
      const first =
        size === 'chunked'
          ? `${head}Transfer-Encoding: chunked\r\n\r\n${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`
          : `${head}Content-Length: ${body.length}\r\n\r\n${body}`;
      const second = `GET /jwks HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`;
      const answer = await sendRaw(demo.tokenUrl, first + second);
      assert.equal(statusesOf(answer), [400, 200]);
      assert.match(answer, /"error":"invalid_request"/);
    }),
  );
}

for (const method of ['GET', 'PUT', 'PATCH', 'DELETE']) {
  test(
    `${method} on the token endpoint is 405`,
    withDemo(async (demo) => {
      const response = await fetch(demo.tokenUrl, { method });
      assert.is(response.status, 405);
      assert.is(response.headers.get('allow'), 'POST');
    }),
  );
}

test(
  'unknown paths are 404',
  withDemo(async (demo) => {
    for (const path of ['/', '/tokens', '/token/x', '/.well-known/openid-configuration', '/__proto__']) {
      assert.is((await fetch(demo.authorizationOrigin + path, { method: 'POST' })).status, 404, path);
    }
  }),
);

test(
  '[L02] nothing of a refused request is echoed',
  withDemo(async (demo) => {
    const canary = 'canary"\\<é>';
    const hostile: readonly TokenChanges[] = [
      { form: { client_id: canary } },
      { form: { grant_type: canary } },
      { form: { scope: canary } },
      { form: { [canary]: canary, scope: canary } },
      { proof: 'canary' },
      { proof: 'canary.canary.canary' },
      { headers: { 'content-type': 'canary/canary' } },
      { headers: { 'content-encoding': 'canary' } },
      { form: withoutPost, headers: { authorization: 'Basic canary' } },
    ];
    for (const changes of hostile) {
      const response = await requestToken(demo, changes);
      assert.ok(response.status === 400 || response.status === 401, JSON.stringify(changes));
      assert.not.match(JSON.stringify([...response.headers]) + (await response.text()), /canary/i);
    }
  }),
);

// The proof.

test(
  '[R9449-5.2-01] [R9449-5-03] [J01] [A06] a request without a proof gets no token',
  withDemo(async (demo) => {
    await assertRefused(await requestToken(demo, { proof: null }), 400, 'invalid_dpop_proof');
    assert.is(lastReason(demo), 'proof-missing');
  }),
);

test(
  '[R9449-4.1-03] an empty proof is an invalid one',
  withDemo(async (demo) => {
    await assertRefused(await requestToken(demo, { proof: '' }), 400, 'invalid_dpop_proof');
    assert.is(lastReason(demo), 'proof-malformed');
  }),
);

test(
  '[R9449-4.3-01] [A01] two proofs, both valid, are refused',
  withDemo(async (demo) => {
    const keyPair = await generateKeyPair();
    const proofs = [await createTokenProof(demo, keyPair), await createTokenProof(demo, keyPair)];
    const sent = request(demo.tokenUrl, {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded', dpop: proofs },
    });
    const status = await new Promise((resolve, reject) => {
      sent.on('error', reject);
      sent.on('response', (response) => resolve(response.resume().statusCode));
      sent.end(toForm(demo).toString());
    });
    assert.is(status, 400);
    assert.is(lastReason(demo), 'proof-repeated');
  }),
);

test(
  '[R9449-4.3-08] [R9449-4.3-09] a proof for another method or URL is refused',
  withDemo(async (demo) => {
    const keyPair = await generateKeyPair();
    const nonce = await fetchTokenNonce(demo);
    const url = demo.tokenUrl;
    const forGet = await createProof(keyPair, { method: 'GET', url, nonce });
    await assertRefused(await requestToken(demo, { proof: forGet }), 400, 'invalid_dpop_proof');
    assert.is(lastReason(demo), 'htm-mismatch');
    const forJwks = await createProof(keyPair, {
      method: 'POST',
      url: `${demo.authorizationOrigin}/jwks`,
      nonce,
    });
    await assertRefused(await requestToken(demo, { proof: forJwks }), 400, 'invalid_dpop_proof');
    assert.is(lastReason(demo), 'htu-mismatch');
  }),
);

test(
  '[I01] [R9449-11.1-02] a proof gets one token, not two',
  withDemo(async (demo) => {
    const proof = await createTokenProof(demo, await generateKeyPair());
    await assertIssued(await requestToken(demo, { proof }));
    await assertRefused(await requestToken(demo, { proof }), 400, 'invalid_dpop_proof');
    assert.is(lastReason(demo), 'replayed');
  }),
);

test(
  '[J16] a wrong client is answered before the proof is looked at, and a right one before the proof is used',
  withDemo(async (demo) => {
    const wrongClient = { form: { client_secret: 'wrong' } };
    for (const proof of [null, '', 'canary', 'a.b.c']) {
      await assertRefused(await requestToken(demo, { ...wrongClient, proof }), 401, 'invalid_client');
    }
    const proof = await createTokenProof(demo, await generateKeyPair());
    await assertRefused(await requestToken(demo, { ...wrongClient, proof }), 401, 'invalid_client');
    const wrongScope = { form: { scope: 'admin' }, proof };
    await assertRefused(await requestToken(demo, wrongScope), 400, 'invalid_scope');
    await assertIssued(await requestToken(demo, { proof }));
  }),
);

for (const [policy, reason] of [
  ['when-needed', undefined],
  ['always', 'nonce-required'],
] as const) {
  test(
    `[H01] NONCE_POLICY=${policy}: a proof without a nonce is ${reason === undefined ? 'accepted' : 'challenged'}`,
    withDemo(
      async (demo) => {
        const response = await later(20, async () => {
          const proof = await createProof(await generateKeyPair(), { method: 'POST', url: demo.tokenUrl });
          return requestToken(demo, { proof });
        });
        if (reason === undefined) await assertIssued(response);
        else await assertRefused(response, 400, 'use_dpop_nonce');
        assert.is(lastReason(demo)?.replace(/^jkt=.*/, ''), reason ?? '');
      },
      { NONCE_POLICY: policy },
    ),
  );

  test(
    `[R9449-8.2-03] [H08] [H09] NONCE_POLICY=${policy}: a challenged request is through with the nonce, its jti unused`,
    withDemo(
      async (demo) => {
        const keyPair = await generateKeyPair();
        const { header, claims } = proofParts(keyPair);
        const mine = { ...claims, htm: 'POST', htu: demo.tokenUrl, iat: Math.floor(Date.now() / 1000) };
        const challenge = await requestToken(demo, { proof: await forge(header, mine, signer(keyPair)) });
        const nonce = challenge.headers.get('dpop-nonce') ?? '';
        assert.match(nonce, /^[\w-]{51}$/);
        await assertRefused(challenge, 400, 'use_dpop_nonce');
        const proof = await forge(header, { ...mine, nonce }, signer(keyPair));
        await assertIssued(await requestToken(demo, { proof }));
      },
      { NONCE_POLICY: policy },
    ),
  );
}

test(
  '[R9449-4.3-10] [H02] a nonce that this server never issued is challenged, the resource server’s own included',
  withDemo(
    async (demo) => {
      const { token, keyPair } = await createClient(demo);
      const { resourceOrigin, notesUrl: url } = demo;
      const unproven = await createProof(keyPair, { method: 'GET', url, accessToken: token });
      const headers = { authorization: `DPoP ${token}`, dpop: unproven };
      const nonce = (await fetch(`${resourceOrigin}/api/notes`, { headers })).headers.get('dpop-nonce') ?? '';
      for (const foreign of [nonce, 'canary', 'A'.repeat(51)]) {
        const proof = await createProof(keyPair, { method: 'POST', url: demo.tokenUrl, nonce: foreign });
        await assertRefused(await requestToken(demo, { proof }), 400, 'use_dpop_nonce');
        assert.is(lastReason(demo), 'nonce-unknown');
      }
    },
    { NONCE_POLICY: 'always' },
  ),
);

// The keys.

test(
  'the key set has public members only, and the key that signs',
  withDemo(async (demo) => {
    const response = await fetch(`${demo.authorizationOrigin}/jwks`);
    assert.is(response.headers.get('cache-control'), 'public, max-age=60');
    const { keys } = (await response.json()) as { keys: readonly Record<string, string>[] };
    assert.is(keys.length, 2, 'the one that signs and the next one');
    const publicMembers = new Set(['alg', 'crv', 'kid', 'kty', 'use', 'x', 'y']);
    for (const key of keys) {
      assert.equal(new Set(Object.keys(key)), publicMembers);
    }
    const { token } = await createClient(demo);
    assert.ok(keys.some(({ kid }) => kid === decodeProtectedHeader(token).kid));
  }),
);

// Other origins.

test(
  '[R9700-2.6-01] a preflight for the token endpoint is answered, and lets the three headers through',
  withDemo(async (demo) => {
    const response = await fetch(demo.tokenUrl, {
      method: 'OPTIONS',
      headers: {
        origin: 'https://app.example',
        'access-control-request-method': 'POST',
        'access-control-request-headers': 'authorization,content-type,dpop',
      },
    });
    assert.is(response.status, 204);
    assert.is(response.headers.get('access-control-allow-origin'), '*');
    assert.is(response.headers.get('access-control-allow-credentials'), null);
    assert.match(response.headers.get('access-control-allow-methods') ?? '', /\bPOST\b/);
    const allowed = response.headers.get('access-control-allow-headers')?.toLowerCase().split(',').sort();
    assert.equal(allowed, ['authorization', 'content-type', 'dpop']);
  }),
);

test(
  '[R9449-8-11] [H10] scripts of other origins can read the nonce of every answer',
  withDemo(async (demo) => {
    const origin = { origin: 'https://app.example' };
    const keyPair = await generateKeyPair();
    const old = await createProof(keyPair, {
      method: 'POST',
      url: demo.tokenUrl,
      now: Date.now() / 1000 - 300,
    });
    const answers = [
      await requestToken(demo, { headers: origin }),
      await requestToken(demo, { headers: origin, proof: old }),
      await requestToken(demo, { headers: origin, proof: null }),
      await requestToken(demo, { headers: origin, form: withoutPost }),
    ];
    assert.equal(
      answers.map(({ status }) => status),
      [200, 400, 400, 401],
    );
    for (const { headers } of answers) {
      assert.is(headers.get('access-control-allow-origin'), '*');
      assert.is(headers.get('access-control-expose-headers'), 'DPoP-Nonce');
    }
    assert.match(answers[1]?.headers.get('dpop-nonce') ?? '', /^[\w-]{51}$/);
  }),
);

test.run();
