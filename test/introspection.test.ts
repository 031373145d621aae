import { createServer, type IncomingHttpHeaders, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { inspect } from 'node:util';
import { LRUCache } from 'lru-cache';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { sha256 } from '../src/digest.ts';
import type { DpopErrorReason } from '../src/errors.ts';
import {
  type IntrospectionOptions,
  type IntrospectionPolicy,
  TokenIntrospector,
} from '../src/introspection.ts';
import { audience, issuerUrl, reasonOf, refusalOf, T0 } from './_setup.ts';

/** Against an issuer on loopback, whose answer each test changes in one thing. */

const test = suite('introspection');

const token = 'opaque-token-of-alice';
const jkt = '0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I';
const clientSecret = 'the-secret-of-the-server';

/** What the issuer says of a good token that is bound to a key. */
const good = {
  active: true,
  iss: issuerUrl,
  sub: 'alice',
  aud: audience,
  client_id: 'client',
  jti: 'token-1',
  iat: T0 - 10,
  exp: T0 + 600,
  scope: 'notes:read',
  token_type: 'DPoP',
  cnf: { jkt },
} as const;

type Answer = Readonly<Record<string, unknown>>;

interface Received {
  readonly method: string | undefined;
  readonly path: string | undefined;
  readonly headers: IncomingHttpHeaders;
  readonly form: URLSearchParams;
}

/** An issuer that answers as it is told, and keeps what it was asked. */
class Issuer {
  readonly received: Received[] = [];
  answer: Answer = good;
  /** By default: `answer`, as JSON. */
  respond: (response: ServerResponse, form: URLSearchParams) => void = (response) => this.send(response);
  readonly #server: Server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const form = new URLSearchParams(Buffer.concat(chunks).toString());
    const { method, url: path, headers } = request;
    this.received.push({ method, path, headers, form });
    this.respond(response, form);
  });

  get calls(): number {
    return this.received.length;
  }

  get first(): Received {
    const [first] = this.received;
    if (first === undefined) throw new Error('nothing was received');
    return first;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/introspect`;
  }

  send(response: ServerResponse, answer: unknown = this.answer): void {
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify(answer));
  }

  async listen(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

let issuer: Issuer;
/** How far the monotonic clock has gone on besides, in milliseconds. */
let elapsed = 0;
const { now: realNow } = performance;

test.before.each(async () => {
  elapsed = 0;
  performance.now = () => realNow.call(performance) + elapsed;
  issuer = new Issuer();
  await issuer.listen();
});
test.after.each(async () => {
  performance.now = realNow;
  await issuer.close();
});

const credentials = { clientId: 'resource-server', clientSecret };

const policy: IntrospectionPolicy = {
  issuer: issuerUrl,
  audience,
  clockTolerance: 10,
  maxTokens: 1000,
  maxTokenBytes: 8192,
  findEndpoint: () => Promise.reject(new Error('there is no discovery here')),
};

function create(
  options: Partial<IntrospectionOptions> = {},
  changes: Partial<IntrospectionPolicy> = {},
): TokenIntrospector {
  return new TokenIntrospector(
    { endpoint: issuer.url, credentials, timeout: 30_000, ...options }, // machines may be busy
    { ...policy, ...changes },
  );
}

/** One that was given no endpoint. */
function discovering(findEndpoint: () => Promise<URL>, timeout = 30_000): TokenIntrospector {
  return new TokenIntrospector({ credentials, timeout }, { ...policy, findEndpoint });
}

/** The reason for which a token is refused whose answer differs from the good one in this. */
function refusalFor(changes: Answer, options: Partial<IntrospectionOptions> = {}): Promise<DpopErrorReason> {
  issuer.answer = { ...good, ...changes };
  return reasonOf(create(options).verify(token, T0));
}

function without(...names: readonly string[]): Answer {
  return Object.fromEntries(Object.entries(good).filter(([name]) => !names.includes(name)));
}

/** Names and values of what the caches were given meanwhile. */
async function rememberedBy(run: () => Promise<unknown>): Promise<readonly (readonly unknown[])[]> {
  const { set } = LRUCache.prototype;
  const remembered: unknown[][] = [];
  LRUCache.prototype.set = function (this: unknown, ...entry: unknown[]): never {
    remembered.push(entry.slice(0, 2));
    return Reflect.apply(set, this, entry) as never;
  };
  try {
    await run();
  } finally {
    LRUCache.prototype.set = set;
  }
  return remembered;
}

async function eventually(holds: () => boolean): Promise<void> {
  for (let turns = 0; !holds(); turns += 1) {
    if (turns === 10_000) throw new Error('it never came to that');
    await sleep(1);
  }
}

test('[R9449-6-01] [R9449-6.2-01] tells of a bound token what the issuer says, the key that it is bound to, and its hash', async () => {
  const verified = await create().verify(token, T0);
  assert.equal({ ...verified.claims }, good);
  assert.is(verified.jkt, jkt);
  assert.is(verified.hash, await sha256(token));
});

test('[R9449-6-01] tells an unbound token from a bound one', async () => {
  issuer.answer = { ...without('cnf'), token_type: 'Bearer' };
  assert.is((await create().verify(token, T0)).jkt, undefined);
});

test('[R7662-2.1-01] asks by POST, with a form and its credentials', async () => {
  await create().verify(token, T0);
  const { method, path, headers } = issuer.first;
  assert.is(method, 'POST');
  assert.is(path, '/introspect');
  assert.is(headers['content-type'], 'application/x-www-form-urlencoded');
  assert.is(headers.accept, 'application/json');
  assert.is(headers.authorization, `Basic ${btoa(`resource-server:${clientSecret}`)}`);
});

test('[R9449-6.2-03] sends the token with its hint, neither a proof nor anything else', async () => {
  await create().verify(token, T0);
  const { headers, form } = issuer.first;
  assert.equal(
    [...form],
    [
      ['token', token],
      ['token_type_hint', 'access_token'],
    ],
  );
  assert.is(headers['dpop'], undefined);
});

test('encodes id and secret as forms do before they are joined', async () => {
  await create({ credentials: { clientId: 'a:b c', clientSecret: 'p+ü %/' } }).verify(token, T0);
  const { headers } = issuer.first;
  assert.is(headers.authorization, `Basic ${btoa('a%3Ab+c:p%2B%C3%BC+%25%2F')}`);
});

test('asks a function for credentials for each call, and sends them in the form alone', async () => {
  let made = 0;
  const introspector = create({
    credentials: async () => ({ client_assertion: `assertion ${++made}`, token: 'x', token_type_hint: 'y' }),
  });
  await introspector.verify(token, T0);
  await introspector.verify('another', T0);
  assert.equal(
    issuer.received.map(({ form }) => Object.fromEntries(form)),
    [
      { client_assertion: 'assertion 1', token, token_type_hint: 'access_token' },
      { client_assertion: 'assertion 2', token: 'another', token_type_hint: 'access_token' },
    ],
  );
  assert.is(issuer.first.headers.authorization, undefined);
});

test('asks at the endpoint that discovery finds, where none is given', async () => {
  const introspector = discovering(async () => new URL(`${issuer.url}/found`));
  assert.is((await introspector.verify(token, T0)).jkt, jkt);
  assert.is(issuer.first.path, '/introspect/found');
});

for (const active of [false, null, 'true', 1, {}, [true]]) {
  test(`[R7662-4-01] [G11] active ${JSON.stringify(active)} is not true`, async () => {
    assert.is(await refusalFor({ active }), 'token-inactive');
  });
}

test('[R7662-4-01] [G11] an answer that does not say active is not true', async () => {
  issuer.answer = without('active');
  assert.is(await reasonOf(create().verify(token, T0)), 'token-inactive');
});

const troubles: Readonly<Record<string, (response: ServerResponse) => void>> = {
  'refuses our credentials': (response) => response.writeHead(401).end('{"error":"invalid_client"}'),
  'says 400': (response) => response.writeHead(400).end('{"active":false}'),
  'says 403': (response) => response.writeHead(403).end(JSON.stringify(good)),
  'says 500': (response) => response.writeHead(500).end(JSON.stringify(good)),
  'says 201': (response) => response.writeHead(201).end(JSON.stringify(good)),
  'says 204': (response) => response.writeHead(204).end(),
  'sends us elsewhere': (response) => response.writeHead(307, { location: '/elsewhere' }).end(),
  'answers nothing': (response) => response.end(),
  'answers HTML': (response) => response.end('<html lang="en"></html>'),
  'answers a list': (response) => response.end(JSON.stringify([good])),
  'answers null': (response) => response.end('null'),
  'answers more than 64 kB': (response) => response.end(JSON.stringify({ ...good, x: 'x'.repeat(65_536) })),
  'answers 10 MB': (response) => response.end(JSON.stringify({ ...good, x: 'x'.repeat(10_000_000) })),
  'answers deeper than can be read': (response) =>
    response.end(`{"x":${'['.repeat(30_000)}${']'.repeat(30_000)},${JSON.stringify(good).slice(1)}`),
  'says it twice': (response) => response.end(JSON.stringify(good).replace('{', '{"active":true,')),
  'breaks off': (response) => {
    response.write('{"active":true,');
    setImmediate(() => response.destroy());
  },
};

for (const [trouble, respond] of Object.entries(troubles)) {
  test(`[G12] [R7662-4-01] an issuer that ${trouble} is unavailable, and nothing is remembered of that`, async () => {
    const introspector = create();
    issuer.respond = respond;
    const refusal = await refusalOf(introspector.verify(token, T0));
    assert.is(refusal.reason, 'issuer-unavailable');
    assert.is(refusal.code, 'temporarily_unavailable');
    assert.instance(refusal.cause, Error);
    assert.is(issuer.calls, 1);
    issuer.respond = (response) => issuer.send(response);
    assert.is((await introspector.verify(token, T0)).jkt, jkt);
  });

  test(`[L01] neither token nor secret is in the error when the issuer ${trouble}`, async () => {
    issuer.respond = respond;
    const text = inspect(await refusalOf(create().verify(token, T0)), { depth: 20, showHidden: true });
    for (const secret of [token, clientSecret, btoa(`resource-server:${clientSecret}`)])
      assert.not.ok(text.includes(secret));
  });
}

const silences: Readonly<Record<string, (response: ServerResponse) => void>> = {
  'never answers': () => undefined,
  'never ends its answer': (response) => void response.write('{"active":true,'),
};

for (const [silence, respond] of Object.entries(silences)) {
  test(`[G12] an issuer that ${silence} is unavailable, and the call is given up`, async () => {
    let givenUp = false;
    issuer.respond = (response) => {
      response.on('close', () => {
        givenUp = true;
      });
      respond(response);
    };
    const introspector = create({ timeout: 200 });
    assert.is(await reasonOf(introspector.verify(token, T0)), 'issuer-unavailable');
    await eventually(() => givenUp || issuer.calls === 0); // on a busy machine it may not have been reached at all
  });
}

test('[G12] trouble of our own is not the fault of the token, and is not remembered', async () => {
  let isOff = true;
  const introspector = new TokenIntrospector(
    { endpoint: issuer.url, credentials },
    {
      ...policy,
      get issuer(): string {
        if (isOff) throw new Error('something unforeseen');
        return issuerUrl;
      },
    },
  );
  assert.is(await reasonOf(introspector.verify(token, T0)), 'issuer-unavailable');
  isOff = false;
  assert.is((await introspector.verify(token, T0)).jkt, jkt);
});

test('[G12] an issuer that nobody reaches is unavailable', async () => {
  const introspector = create();
  await issuer.close();
  assert.is(await reasonOf(introspector.verify(token, T0)), 'issuer-unavailable');
  await issuer.listen(); // for the hook that closes it
});

const preparations: Readonly<Record<string, () => Promise<never>>> = {
  fail: () => Promise.reject(new Error('no')),
  'throw at once': () => {
    throw new Error('no');
  },
  'never end': () => new Promise(() => undefined),
};

for (const [trouble, prepare] of Object.entries(preparations)) {
  test(`credentials that ${trouble} are not the client's fault`, async () => {
    const introspector = create({ credentials: prepare, timeout: 50 });
    assert.is(await reasonOf(introspector.verify(token, T0)), 'issuer-unavailable');
    assert.is(issuer.calls, 0);
  });

  test(`nor is a discovery that should ${trouble}`, async () => {
    assert.is(await reasonOf(discovering(prepare, 50).verify(token, T0)), 'issuer-unavailable');
    assert.is(issuer.calls, 0);
  });
}

for (const made of [undefined, 'client_assertion=x', [], { client_assertion: undefined }, { a: 1 }]) {
  test(`credentials that are no form are refused: ${JSON.stringify(made)}`, async () => {
    const introspector = create({ credentials: async () => made as unknown as Record<string, string> });
    const { reason, cause } = await refusalOf(introspector.verify(token, T0));
    assert.is(reason, 'issuer-unavailable');
    assert.match((cause as Error).message, 'introspection.credentials');
    assert.is(issuer.calls, 0);
  });
}

for (const found of ['http://as.example/introspect', 'https://user:password@as.example/introspect']) {
  test(`[R9449-2-01] sends no credentials to a discovered ${found}`, async () => {
    const introspector = discovering(async () => new URL(found));
    const { reason, cause } = await refusalOf(introspector.verify(token, T0));
    assert.is(reason, 'issuer-unavailable');
    assert.match((cause as Error).message, 'introspection.endpoint');
  });
}

const unconfirmable: readonly unknown[] = [
  {},
  null,
  [],
  jkt,
  true,
  { jkt: '' },
  { jkt: 5 },
  { jkt: [jkt] },
  { jkt: `${jkt}=` },
  { jkt: jkt.slice(1) },
];

for (const cnf of unconfirmable) {
  test(`[G05] cnf ${JSON.stringify(cnf)} is a binding that we cannot read, and never none`, async () => {
    assert.is(await refusalFor({ cnf, token_type: 'Bearer' }), 'token-not-bound');
  });
}

test('[G06] a token that is bound by certificate alone is refused', async () => {
  assert.is(await refusalFor({ cnf: { 'x5t#S256': jkt } }), 'token-confirmation-unsupported');
});

test('[G07] a token that is bound both ways is refused, since we could check but one', async () => {
  assert.is(await refusalFor({ cnf: { jkt, 'x5t#S256': jkt } }), 'token-confirmation-unsupported');
});

test('[G08] unknown members of cnf change nothing', async () => {
  issuer.answer = { ...good, cnf: { jkt, other: 1 } };
  assert.is((await create().verify(token, T0)).jkt, jkt);
});

for (const type of ['DPoP', 'dpop', 'DPOP']) {
  test(`[G10] token_type ${type} without cnf contradicts itself`, async () => {
    issuer.answer = { ...without('cnf'), token_type: type };
    assert.is(await reasonOf(create().verify(token, T0)), 'token-not-bound');
  });
}

for (const type of ['Bearer', 'dpop', 'anything', 5, null, undefined]) {
  test(`cnf.jkt binds, whatever token_type says: ${type}`, async () => {
    issuer.answer = { ...good, token_type: type };
    assert.is((await create().verify(token, T0)).jkt, jkt);
  });
}

for (const type of ['Bearer', 'N_A', 5, null, undefined]) {
  test(`without cnf nothing is bound, whatever else token_type says: ${type}`, async () => {
    issuer.answer = { ...without('cnf'), token_type: type };
    assert.is((await create().verify(token, T0)).jkt, undefined);
  });
}

for (const iss of [`${issuerUrl}/`, 'https://other.example', '', null, [issuerUrl]]) {
  test(`[R9068-4-02] refuses the issuer ${JSON.stringify(iss)}`, async () => {
    assert.is(await refusalFor({ iss }), 'token-issuer-mismatch');
  });
}

test('puts the issuer in where the answer has none', async () => {
  issuer.answer = without('iss');
  assert.is((await create().verify(token, T0)).claims.iss, issuerUrl);
});

const otherAudiences: readonly unknown[] = [
  'https://other.example',
  `${audience}/`,
  ['https://other.example'],
  [[audience]],
  [audience, 5],
  [],
  '',
  null,
  { [audience]: true },
];

for (const aud of otherAudiences) {
  test(`[R9068-4-03] refuses the audience ${JSON.stringify(aud)}, also where it may be absent`, async () => {
    assert.is(await refusalFor({ aud }), 'token-audience-mismatch');
    assert.is(await refusalFor({ aud }, { audience: 'if-present' }), 'token-audience-mismatch');
  });
}

test('accepts an audience among others', async () => {
  issuer.answer = { ...good, aud: ['https://other.example', audience] };
  assert.equal((await create().verify(token, T0)).claims.aud, ['https://other.example', audience]);
});

test('[R9700-2.3-01] refuses an answer without audience', async () => {
  issuer.answer = without('aud');
  assert.is(await reasonOf(create().verify(token, T0)), 'token-audience-mismatch');
  assert.is(await reasonOf(create({ audience: 'required' }).verify(token, T0)), 'token-audience-mismatch');
});

test('takes an answer without audience for one about us where that is the rule', async () => {
  issuer.answer = without('aud');
  assert.is((await create({ audience: 'if-present' }).verify(token, T0)).claims.aud, audience);
});

const invalidClaims: readonly Answer[] = [
  { exp: null },
  { exp: String(T0 + 600) },
  { iat: null },
  { iat: String(T0) },
  { iat: [T0] },
  { nbf: String(T0) },
  { nbf: null },
  { client_id: '' },
  { client_id: 5 },
  { sub: null },
  { sub: '' },
  { jti: 7 },
  { jti: '' },
  { scope: ['notes:read'] },
  { grant_id: 1 },
];

for (const changes of invalidClaims) {
  test(`refuses an answer that claims ${JSON.stringify(changes)}`, async () => {
    assert.is(await refusalFor(changes), 'token-claim-invalid');
  });
}

for (const name of ['exp', 'iat', 'client_id']) {
  test(`refuses an answer without ${name}`, async () => {
    issuer.answer = without(name);
    assert.is(await reasonOf(create().verify(token, T0)), 'token-claim-invalid');
  });
}

test('refuses an answer without subject and client', async () => {
  issuer.answer = without('sub', 'client_id');
  assert.is(await reasonOf(create().verify(token, T0)), 'token-claim-invalid');
});

for (const name of ['exp', 'iat']) {
  test(`refuses an ${name} beyond every number`, async () => {
    const text = JSON.stringify(without(name)).replace('{', `{"${name}":1e999,`);
    issuer.respond = (response) => response.end(text);
    assert.is(await reasonOf(create().verify(token, T0)), 'token-claim-invalid');
  });
}

test('takes the client for the subject where the answer names none', async () => {
  issuer.answer = without('sub');
  assert.is((await create().verify(token, T0)).claims.sub, 'client');
});

test('names a token without jti by its hash, so that it can be denied', async () => {
  issuer.answer = without('jti');
  assert.is((await create().verify(token, T0)).claims.jti, await sha256(token));
});

test('the claims that requests share cannot be written on', async () => {
  const verified = await create().verify(token, T0);
  for (const each of [verified, verified.claims, verified.claims['cnf']]) assert.ok(Object.isFrozen(each));
});

test('a member called __proto__ is only a name', async () => {
  issuer.respond = (response) =>
    response.end(JSON.stringify(good).replace('{', '{"__proto__":{"sub":"bob"},'));
  const { claims } = await create().verify(token, T0);
  assert.is(claims.sub, 'alice');
  assert.is(Object.getPrototypeOf(claims), null);
});

test('what every object inherits is not what the issuer said', async () => {
  issuer.answer = without('client_id', 'sub');
  const inherited = Object.prototype as { client_id?: string };
  const introspector = create();
  inherited.client_id = 'polluted';
  try {
    assert.is(await reasonOf(introspector.verify(token, T0)), 'token-claim-invalid');
  } finally {
    delete inherited.client_id;
  }
});

test('[R7662-4-01] no remembered answer outlives exp', async () => {
  issuer.answer = { ...good, exp: T0 + 5 };
  const introspector = create({ cacheFor: 300 });
  await introspector.verify(token, T0);
  await introspector.verify(token, T0 + 14.9);
  assert.is(await reasonOf(introspector.verify(token, T0 + 15)), 'token-expired');
  assert.is(issuer.calls, 1);
});

test('[R7662-4-01] an answer that is over when it comes is refused, however active', async () => {
  assert.is(await refusalFor({ exp: T0 - 10 }), 'token-expired');
});

for (const name of ['nbf', 'iat']) {
  test(`no remembered answer comes before ${name}`, async () => {
    issuer.answer = { ...good, [name]: T0 + 20 };
    const introspector = create();
    assert.is(await reasonOf(introspector.verify(token, T0 + 9.9)), 'token-not-yet-valid');
    assert.is((await introspector.verify(token, T0 + 10)).jkt, jkt);
    assert.is(await reasonOf(introspector.verify(token, T0 + 9.9)), 'token-not-yet-valid');
    assert.is(issuer.calls, 1);
  });
}

test('[G17] [R7662-4-01] a revocation at the issuer is noticed after ten seconds', async () => {
  const introspector = create();
  await introspector.verify(token, T0);
  issuer.answer = { active: false };
  await introspector.verify(token, T0 + 9.9);
  assert.is(issuer.calls, 1);
  assert.is(await reasonOf(introspector.verify(token, T0 + 10)), 'token-inactive');
  assert.is(issuer.calls, 2);
});

test('[G17] an answer counts from when it was asked for', async () => {
  const introspector = create({ cacheFor: 1 });
  issuer.respond = (response) => {
    elapsed += 1000;
    issuer.send(response);
  };
  await introspector.verify(token, T0);
  await introspector.verify(token, T0);
  assert.is(issuer.calls, 2);
});

test('[R7662-4-01] a clock that is set back does not prolong an answer', async () => {
  const introspector = create();
  issuer.answer = { ...good, iat: T0 - 1000 };
  await introspector.verify(token, T0);
  issuer.answer = { active: false };
  elapsed = 8_000;
  assert.is((await introspector.verify(token, T0 - 300)).jkt, jkt);
  elapsed = 10_000;
  assert.is(await reasonOf(introspector.verify(token, T0 - 300)), 'token-inactive');
  assert.is(issuer.calls, 2);
});

test('[R7662-4-01] a clock that goes forth and back does not bring a revoked token back', async () => {
  const introspector = create({ cacheFor: 10 });
  await introspector.verify(token, T0);
  issuer.answer = { active: false };
  assert.is(await reasonOf(introspector.verify(token, T0 + 100)), 'token-inactive');
  assert.is(await reasonOf(introspector.verify(token, T0 + 1)), 'token-inactive');
});

test('a token that is active again is accepted again, whatever was learned before', async () => {
  const introspector = create({}, { maxTokens: 1 });
  issuer.answer = { active: false };
  assert.is(await reasonOf(introspector.verify(token, T0)), 'token-inactive');
  issuer.answer = good;
  await introspector.verify(token, T0 + 5);
  await introspector.verify(token, T0 + 1);
  assert.is(issuer.calls, 2);
  await introspector.verify('another', T0); // there is room for one: the first is forgotten
  assert.is((await introspector.verify(token, T0 + 1)).jkt, jkt);
  assert.is(issuer.calls, 4);
});

test('with 0 no answer is used again', async () => {
  const introspector = create({ cacheFor: 0 });
  await introspector.verify(token, T0);
  issuer.answer = { active: false };
  assert.is(await reasonOf(introspector.verify(token, T0)), 'token-inactive');
  issuer.answer = good;
  await introspector.verify(token, T0);
  assert.is(issuer.calls, 3);
});

for (const [cacheFor, life] of [
  [300, 5],
  [2, 2],
] as const) {
  test(`that a token is inactive is remembered for ${life} s of ${cacheFor} s`, async () => {
    const introspector = create({ cacheFor });
    issuer.answer = { active: false };
    assert.is(await reasonOf(introspector.verify(token, T0)), 'token-inactive');
    issuer.answer = good;
    assert.is(await reasonOf(introspector.verify(token, T0 + life - 0.1)), 'token-inactive');
    assert.is(issuer.calls, 1);
    assert.is((await introspector.verify(token, T0 + life)).jkt, jkt);
  });
}

const refusals: readonly (readonly [Answer, DpopErrorReason])[] = [
  [{ iss: 'https://other.example' }, 'token-issuer-mismatch'],
  [{ aud: 'https://other.example' }, 'token-audience-mismatch'],
  [{ cnf: {} }, 'token-not-bound'],
  [{ client_id: '' }, 'token-claim-invalid'],
];

for (const [changes, reason] of refusals) {
  test(`a token refused as ${reason} costs no second call, and keeps its reason`, async () => {
    const introspector = create();
    issuer.answer = { ...good, ...changes };
    assert.is(await reasonOf(introspector.verify(token, T0)), reason);
    assert.is(await reasonOf(introspector.verify(token, T0 + 1)), reason);
    assert.is(issuer.calls, 1);
  });
}

test('[K04] what strangers send pushes out no token that the issuer vouches for', async () => {
  const introspector = create({}, { maxTokens: 2 });
  issuer.respond = (response, form) =>
    issuer.send(response, form.get('token') === token ? good : { active: false });
  await introspector.verify(token, T0);
  for (const junk of ['junk-1', 'junk-2', 'junk-3'])
    assert.is(await reasonOf(introspector.verify(junk, T0)), 'token-inactive');
  await introspector.verify(token, T0);
  assert.is(issuer.calls, 4);
  assert.is(await reasonOf(introspector.verify('junk-1', T0)), 'token-inactive');
  assert.is(issuer.calls, 5, 'the oldest of the junk was forgotten');
});

test('[K04] no more tokens are remembered than there is room for', async () => {
  const introspector = create({}, { maxTokens: 2 });
  for (const each of ['one', 'two', 'one', 'three', 'one', 'three']) await introspector.verify(each, T0);
  assert.is(issuer.calls, 3);
  await introspector.verify('two', T0);
  assert.is(issuer.calls, 4);
});

for (const ttl of [1, 0.5]) {
  test(`a ttl of ${ttl} that every object inherits changes nothing`, async () => {
    const inherited = Object.prototype as { ttl?: number };
    inherited.ttl = ttl;
    try {
      const introspector = create();
      await introspector.verify(token, T0);
      await sleep(5);
      await introspector.verify(token, T0);
      assert.is(issuer.calls, 1);
    } finally {
      delete inherited.ttl;
    }
  });
}

for (const cacheFor of [10, 0]) {
  test(`the same token asked for by many at once is one call, with cacheFor ${cacheFor}`, async () => {
    const introspector = create({ cacheFor });
    const all = await Promise.all(Array.from({ length: 50 }, () => introspector.verify(token, T0)));
    assert.is(new Set(all).size, 1);
    assert.is(issuer.calls, 1);
  });
}

test('requests that share a call are each judged by their own time', async () => {
  const introspector = create();
  const [early, late] = await Promise.allSettled([
    introspector.verify(token, T0),
    introspector.verify(token, T0 + 700),
  ]);
  assert.is(early.status, 'fulfilled');
  assert.is(late.status === 'rejected' && late.reason.reason, 'token-expired');
  assert.is(issuer.calls, 1);
});

test('requests that share a call share its failure, and the next one asks anew', async () => {
  const introspector = create();
  issuer.respond = (response) => response.writeHead(500).end();
  const both = [reasonOf(introspector.verify(token, T0)), reasonOf(introspector.verify(token, T0))];
  assert.equal(await Promise.all(both), ['issuer-unavailable', 'issuer-unavailable']);
  assert.is(issuer.calls, 1);
  issuer.respond = (response) => issuer.send(response);
  assert.is((await introspector.verify(token, T0)).jkt, jkt);
});

test('[G12] a hundred calls are under way at most, and further ones are refused without waiting', async () => {
  const introspector = create({ timeout: 60_000 });
  await introspector.verify('known', T0);
  const held: ServerResponse[] = [];
  issuer.respond = (response) => void held.push(response);
  const waiting = Array.from({ length: 100 }, (_, index) => introspector.verify(`token-${index}`, T0));
  const joined = introspector.verify('token-0', T0);
  const refusal = await refusalOf(introspector.verify('one-too-many', T0));
  assert.is(refusal.reason, 'issuer-unavailable');
  assert.is(refusal.code, 'temporarily_unavailable');
  assert.is((await introspector.verify('known', T0)).jkt, jkt, 'what is known needs no call');
  await eventually(() => held.length === 100);
  issuer.respond = (response) => issuer.send(response);
  for (const response of held) issuer.send(response);
  await Promise.all([...waiting, joined]);
  assert.is(issuer.calls, 101);
  assert.is((await introspector.verify('one-too-many', T0)).jkt, jkt);
});

test('[G12] after five failed calls in a row none is made for a second, then one to see', async () => {
  const introspector = create();
  await introspector.verify('known', T0);
  issuer.respond = (response) => response.writeHead(500).end();
  for (const each of ['1', '2', '3', '4', '5', '6', '7'])
    assert.is(await reasonOf(introspector.verify(each, T0)), 'issuer-unavailable');
  assert.is(issuer.calls, 1 + 5);
  assert.is((await introspector.verify('known', T0)).jkt, jkt, 'what is known needs no call');
  issuer.respond = (response) => issuer.send(response);
  elapsed = 1_000;
  assert.is((await introspector.verify('1', T0)).jkt, jkt);
  assert.is((await introspector.verify('2', T0)).jkt, jkt);
});

const unusable: Readonly<Record<string, (response: ServerResponse) => void>> = {
  'are refused by a filter': (response) => response.writeHead(403).end(),
  'are called malformed': (response) => response.writeHead(400).end('{"error":"invalid_request"}'),
  'have answers deeper than can be read': (response) => response.end(`${'{"x":'.repeat(9)}1${'}'.repeat(9)}`),
  'have answers that are too large': (response) => response.end(JSON.stringify({ x: 'x'.repeat(65_536) })),
};

for (const [what, respond] of Object.entries(unusable)) {
  test(`[G12] tokens that ${what} do not stop the calls for others, however many`, async () => {
    const introspector = create();
    issuer.respond = respond;
    for (const each of ['1', '2', '3', '4', '5', '6'])
      assert.is(await reasonOf(introspector.verify(each, T0)), 'issuer-unavailable');
    assert.is(issuer.calls, 6);
    issuer.respond = (response) => issuer.send(response);
    assert.is((await introspector.verify(token, T0)).jkt, jkt);
  });
}

test('[R7662-4-01] inactive tokens are answers, not failures, however many', async () => {
  const introspector = create();
  issuer.answer = { active: false };
  for (const each of ['1', '2', '3', '4', '5', '6'])
    assert.is(await reasonOf(introspector.verify(each, T0)), 'token-inactive');
  issuer.answer = good;
  assert.is((await introspector.verify(token, T0)).jkt, jkt);
});

test('a token that is too long is refused before anything', async () => {
  const introspector = create({}, { maxTokenBytes: token.length });
  assert.is((await introspector.verify(token, T0)).jkt, jkt);
  assert.is(await reasonOf(introspector.verify(`${token}x`, T0)), 'token-too-large');
  assert.is(issuer.calls, 1);
});

test('[L01] what is remembered goes by the hash of a token, and its text is nowhere in it', async () => {
  const remembered = await rememberedBy(async () => {
    const introspector = create();
    await introspector.verify(token, T0);
    issuer.answer = { active: false };
    assert.is(await reasonOf(introspector.verify('junk-of-a-stranger', T0)), 'token-inactive');
  });
  const names = remembered.map(([name]) => name);
  assert.equal(names, [await sha256(token), await sha256('junk-of-a-stranger')]);
  assert.not.match(inspect(remembered, { depth: 20 }), /opaque-token|junk-of/);
});

test('with 0 nothing is remembered', async () => {
  const remembered = await rememberedBy(() => create({ cacheFor: 0 }).verify(token, T0));
  assert.equal(remembered, []);
});

test('[L04] neither secret nor tokens can be read off it', async () => {
  const introspector = create();
  await introspector.verify(token, T0);
  const text = inspect(introspector, { depth: 20, showHidden: true }) + JSON.stringify(introspector);
  for (const secret of [token, clientSecret]) assert.not.ok(text.includes(secret));
});

const mistakes: readonly (readonly [string, Readonly<Record<string, unknown>>])[] = [
  ['introspection.endpoint', { endpoint: 'http://as.example/introspect' }],
  ['introspection.endpoint', { endpoint: 'introspect' }],
  ['introspection.endpoint', { endpoint: null }],
  ['introspection.endpoint', { endpoint: 'https://user@as.example/introspect' }],
  ['introspection.credentials"', { credentials: undefined }],
  ['introspection.credentials"', { credentials: null }],
  ['introspection.credentials"', { credentials: 'id:secret' }],
  ['introspection.credentials.clientId', { credentials: { clientSecret } }],
  ['introspection.credentials.clientSecret', { credentials: { clientId: 'id', clientSecret: '' } }],
  ['secret', { credentials: { ...credentials, secret: 'x' } }],
  ['introspection.cacheFor', { cacheFor: -1 }],
  ['introspection.cacheFor', { cacheFor: 300.1 }],
  ['introspection.cacheFor', { cacheFor: '10' }],
  ['introspection.audience', { audience: false }],
  ['introspection.audience', { audience: 'optional' }],
  ['introspection.timeout', { timeout: 0 }],
  ['introspection.timeout', { timeout: 60_001 }],
  ['cachefor', { cachefor: 10 }],
];

for (const [name, changes] of mistakes) {
  test(`a mistake in the options is named: ${name} in ${JSON.stringify(changes)}`, () => {
    const attempt = (): unknown => create(changes as Partial<IntrospectionOptions>);
    assert.throws(attempt, (error: Error) => error instanceof TypeError && error.message.includes(name));
  });
}

test('accepts the longest times', async () => {
  assert.is((await create({ cacheFor: 300, timeout: 60_000 }).verify(token, T0)).jkt, jkt);
});

test('options are an object', () => {
  const attempt = (): unknown => new TokenIntrospector(undefined as never, undefined as never);
  assert.throws(attempt, (error: Error) => error instanceof TypeError);
});

test.run();
