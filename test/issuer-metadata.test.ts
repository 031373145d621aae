import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type Discovery, IssuerMetadata } from '../src/issuer-metadata.ts';

const test = suite('issuer metadata');

/** What the monotonic clock tells, in seconds after its start: it stands still unless a test moves it. */
let ahead = 0;
const { now } = performance;
test.before(() => {
  performance.now = () => 1_000_000 + ahead * 1000;
});
test.before.each(() => {
  ahead = 0;
});
test.after(() => {
  performance.now = now;
});

const keysUrl = 'https://keys.example/jwks';
const introspectionUrl = 'https://as.example/introspect';

/** An issuer on loopback. */
interface Issuer {
  readonly url: string;
  /** Paths that were asked for. */
  readonly asked: string[];
  /** How it answers; tests change it. */
  answer: RequestListener;
  /** The members of its document; tests change them. */
  document: Record<string, unknown>;
}

/** Answers with the document. */
const publish = (issuer: Issuer): RequestListener => {
  return (_, response) =>
    void response.setHeader('content-type', 'application/json').end(JSON.stringify(issuer.document));
};

/** Runs a test with an issuer that publishes a valid document, and is closed whatever happens. */
async function withIssuer(path: string, run: (issuer: Issuer) => Promise<void>): Promise<void> {
  const sockets = new Set<Socket>();
  const server = createServer((request, response) => {
    issuer.asked.push(request.url ?? '');
    issuer.answer(request, response);
  });
  server.on('connection', (socket) => sockets.add(socket));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}${path}`;
  const document = { issuer: url, jwks_uri: keysUrl, introspection_endpoint: introspectionUrl };
  const issuer: Issuer = { url, asked: [], answer: () => undefined, document };
  issuer.answer = publish(issuer);
  try {
    await run(issuer);
  } finally {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  }
}

const jwksUri = (metadata: IssuerMetadata): Promise<string> => metadata.endpoint('jwks_uri').then(String);

/** The error of an attempt, which must be a plain one. */
async function failureOf(attempt: Promise<unknown>): Promise<Error> {
  const outcome: unknown = await attempt.catch((error: unknown) => error);
  assert.instance(outcome, Error, 'accepted, though it should have been refused');
  assert.is((outcome as Error).constructor, Error);
  return outcome as Error;
}

/** Runs something while time-outs of five seconds are over as soon as the issuer has been asked. */
async function impatiently({ asked }: Issuer, run: () => Promise<unknown>): Promise<void> {
  const { setTimeout } = globalThis;
  const before = asked.length;
  const impatient = (done: () => void, milliseconds: number): NodeJS.Timeout =>
    milliseconds === 5000
      ? setInterval(() => void (asked.length > before && done()), 10)
      : setTimeout(done, milliseconds);
  globalThis.setTimeout = impatient as typeof setTimeout;
  try {
    await run();
  } finally {
    globalThis.setTimeout = setTimeout;
  }
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

// Where it is

const oauth = '/.well-known/oauth-authorization-server';
const openid = '/.well-known/openid-configuration';
const places: readonly (readonly [string, Discovery, string])[] = [
  ['', 'oauth', oauth],
  ['/', 'oauth', oauth],
  ['/tenant', 'oauth', `${oauth}/tenant`],
  ['/tenant/', 'oauth', `${oauth}/tenant`],
  ['/a/b%20c', 'oauth', `${oauth}/a/b%20c`],
  ['', 'openid', openid],
  ['/', 'openid', openid],
  ['/tenant', 'openid', `/tenant${openid}`],
  ['/tenant/', 'openid', `/tenant${openid}`],
  ['/a/b%20c', 'openid', `/a/b%20c${openid}`],
];
for (const [path, discovery, expected] of places) {
  test(`[R8414-3-01] asks an issuer with path "${path}" at ${expected} (${discovery})`, async () => {
    await withIssuer(path, async ({ url, asked }) => {
      assert.is(await jwksUri(new IssuerMetadata(url, discovery)), keysUrl);
      assert.equal(asked, [expected]);
    });
  });
}

test('[R8414-3-01] refuses an issuer or a kind of discovery that makes no sense, by name', () => {
  const naming = (name: string) => (error: unknown) =>
    error instanceof TypeError && error.message.includes(`"${name}"`);
  for (const issuer of [
    undefined,
    '',
    5,
    'as.example',
    'http://as.example',
    'https://user:secret@as.example',
    'https://as.example?x',
    'https://as.example/?',
    'https://as.example#x',
    'https://as.example/#',
    new URL('https://as.example'),
  ])
    assert.throws(() => new IssuerMetadata(issuer as string, 'oauth'), naming('issuer'));
  for (const discovery of [undefined, '', 'OAuth', 'oidc', true])
    assert.throws(
      () => new IssuerMetadata('https://as.example', discovery as Discovery),
      naming('discovery'),
    );
  new IssuerMetadata('https://as.example', 'oauth');
});

// When it is asked for

test('asks at first use, once, for both endpoints', async () => {
  await withIssuer('/', async ({ url, asked }) => {
    const metadata = new IssuerMetadata(url, 'oauth');
    assert.equal(asked, []);
    assert.is(await jwksUri(metadata), keysUrl);
    assert.is(String(await metadata.endpoint('introspection_endpoint')), introspectionUrl);
    assert.is(asked.length, 1);
  });
});

test('asks once, however many want to know', async () => {
  await withIssuer('/', async ({ url, asked }) => {
    const metadata = new IssuerMetadata(url, 'oauth');
    const found = await Promise.all(Array.from({ length: 1000 }, () => jwksUri(metadata)));
    assert.equal([...new Set(found)], [keysUrl]);
    assert.is(asked.length, 1);
  });
});

test('asks again after an hour', async () => {
  await withIssuer('/', async ({ url, asked, document }) => {
    const metadata = new IssuerMetadata(url, 'oauth');
    await jwksUri(metadata);
    document['jwks_uri'] = 'https://keys.example/later';
    ahead = 3590;
    assert.is(await jwksUri(metadata), keysUrl);
    ahead = 3600;
    assert.is(await jwksUri(metadata), 'https://keys.example/later');
    assert.is(asked.length, 2);
  });
});

test('hands out a URL of its own each time', async () => {
  await withIssuer('/', async ({ url }) => {
    const metadata = new IssuerMetadata(url, 'oauth');
    (await metadata.endpoint('jwks_uri')).pathname = '/elsewhere';
    assert.is(await jwksUri(metadata), keysUrl);
  });
});

// What it says

const others: Readonly<Record<string, (issuer: string) => unknown>> = {
  'another host': () => 'https://evil.example/',
  'no slash': (issuer) => issuer.slice(0, -1),
  'one more slash': (issuer) => `${issuer}/`,
  'another case': (issuer) => issuer.replace('http', 'HTTP'),
  'a fragment': (issuer) => `${issuer}#`,
  'a space': (issuer) => ` ${issuer}`,
  'a list': (issuer) => [issuer],
  null: () => null,
  nothing: () => undefined,
};
for (const [what, change] of Object.entries(others)) {
  test(`[R8414-3.3-01] uses nothing of a document whose issuer has or is ${what}`, async () => {
    await withIssuer('/', async ({ url, document }) => {
      const metadata = new IssuerMetadata(url, 'oauth');
      document['issuer'] = change(url);
      for (const name of ['jwks_uri', 'introspection_endpoint'] as const) {
        const error = await failureOf(metadata.endpoint(name));
        assert.is(error.message, 'the metadata of the issuer is not available');
        assert.is((error.cause as Error).message, 'the metadata is that of another issuer');
      }
      document['issuer'] = url;
      ahead = 1;
      assert.is(await jwksUri(metadata), keysUrl);
    });
  });
}

test('[R8414-3.3-01] uses nothing of a document whose issuer only stands inside __proto__', async () => {
  await withIssuer('/', async (issuer) => {
    const { issuer: name, ...rest } = issuer.document;
    const text = `{"__proto__":{"issuer":${JSON.stringify(name)}},${JSON.stringify(rest).slice(1)}`;
    issuer.answer = (_, response) => void response.end(text);
    await failureOf(jwksUri(new IssuerMetadata(issuer.url, 'oauth')));
  });
});

const unusable: readonly unknown[] = [
  undefined,
  null,
  '',
  5,
  true,
  {},
  ['https://as.example/jwks'],
  '/jwks',
  'as.example/jwks',
  'http://as.example/jwks',
  'http://127.0.0.1.example/jwks',
  'ftp://as.example/jwks',
  'file:///etc/passwd',
  'javascript:alert(1)',
  'data:application/json,{}',
  'https://user@as.example/jwks',
  'https://:secret@as.example/jwks',
];
for (const value of unusable) {
  test(`[R9449-2-01] refuses the endpoint ${JSON.stringify(value)}, and looks again soon`, async () => {
    await withIssuer('/', async ({ url, asked, document }) => {
      const metadata = new IssuerMetadata(url, 'oauth');
      document['jwks_uri'] = value;
      assert.is(
        (await failureOf(jwksUri(metadata))).message,
        'the metadata of the issuer has no usable jwks_uri',
      );
      document['jwks_uri'] = 'https://as.example/jwks';
      ahead = 29;
      await failureOf(jwksUri(metadata));
      assert.is(String(await metadata.endpoint('introspection_endpoint')), introspectionUrl);
      assert.is(asked.length, 1);
      ahead = 31;
      assert.is(await jwksUri(metadata), 'https://as.example/jwks');
      assert.is(asked.length, 2);
    });
  });
}

for (const value of ['https://keys.example:8443/a?b=c', 'http://127.0.0.1/jwks', 'http://[::1]:8080/jwks']) {
  test(`[R9449-2-01] accepts the endpoint ${value}`, async () => {
    await withIssuer('/', async ({ url, document }) => {
      document['jwks_uri'] = value;
      assert.is(await jwksUri(new IssuerMetadata(url, 'oauth')), value);
    });
  });
}

// When it cannot be had

/** A document that never ends. */
const trickle: RequestListener = (_, response) => {
  response.write('{"issuer":"');
  const timer = setInterval(() => response.write('x'), 5);
  response.on('close', () => clearInterval(timer));
};
const stalls: Readonly<Record<string, RequestListener>> = {
  'never answers': () => undefined,
  'answers byte by byte': trickle,
};
const faults: Readonly<Record<string, RequestListener>> = {
  ...stalls,
  'answers with 500': (_, response) => void response.writeHead(500).end('{}'),
  'answers with 404': (_, response) => void response.writeHead(404).end('{}'),
  'answers with a redirect': (_, response) => void response.writeHead(302, { location: '/' }).end(),
  'answers with HTML': (_, response) => void response.end('<html>'),
  'answers with a list': (_, response) => void response.end('[]'),
  'answers with nothing': (_, response) => void response.end(),
  'answers with 10 MB': (_, response) => void response.end(`{"x":"${'x'.repeat(10_000_000)}"}`),
  'hangs up': ({ socket }) => void socket.destroy(),
};
for (const [what, answer] of Object.entries(faults)) {
  const endure = what in stalls ? impatiently : (_: Issuer, run: () => Promise<void>): Promise<void> => run();

  test(`[G12] an issuer that ${what} is asked again after a second`, async () => {
    await withIssuer('/', async (issuer) => {
      const metadata = new IssuerMetadata(issuer.url, 'oauth');
      issuer.answer = answer;
      await endure(issuer, async () => {
        const error = await failureOf(jwksUri(metadata));
        assert.is(error.message, 'the metadata of the issuer is not available');
        assert.instance(error.cause, Error);
      });
      assert.is(issuer.asked.length, 1);
      issuer.answer = publish(issuer);
      for (const attempt of Array.from({ length: 10 }, () => jwksUri(metadata))) await failureOf(attempt);
      assert.is(issuer.asked.length, 1, 'no token becomes a request');
      ahead = 1;
      assert.is(await jwksUri(metadata), keysUrl);
      assert.is(issuer.asked.length, 2);
    });
  });

  test(`[G12] while an issuer ${what}, its last good document goes on`, async () => {
    await withIssuer('/', async (issuer) => {
      const metadata = new IssuerMetadata(issuer.url, 'oauth');
      await jwksUri(metadata);
      issuer.answer = answer;
      ahead = 3600;
      await endure(issuer, async () => assert.is(await jwksUri(metadata), keysUrl));
      assert.is(issuer.asked.length, 2);
      issuer.answer = publish(issuer);
      issuer.document['jwks_uri'] = 'https://keys.example/later';
      ahead = 3629;
      for (let tries = 0; tries < 10; tries++) assert.is(await jwksUri(metadata), keysUrl);
      await pause(10);
      assert.is(issuer.asked.length, 2, 'none within 30 seconds');
      ahead = 3700;
      assert.is(await jwksUri(metadata), 'https://keys.example/later');
      assert.is(issuer.asked.length, 3);
      issuer.document['jwks_uri'] = keysUrl;
      ahead = 7305;
      assert.is(await jwksUri(metadata), keysUrl, 'an issuer that is up again is waited for');
    });
  });
}

test('[R8414-3.3-01] a good document goes on when it is followed by that of another issuer', async () => {
  await withIssuer('/', async ({ url, document }) => {
    const metadata = new IssuerMetadata(url, 'oauth');
    await jwksUri(metadata);
    Object.assign(document, { issuer: 'https://evil.example', jwks_uri: 'https://evil.example/jwks' });
    ahead = 3600;
    assert.is(await jwksUri(metadata), keysUrl);
  });
});

test('[G12] an issuer that goes on hanging holds up nobody but the first', async () => {
  await withIssuer('/', async (issuer) => {
    const metadata = new IssuerMetadata(issuer.url, 'oauth');
    await jwksUri(metadata);
    issuer.answer = () => undefined;
    ahead = 3600;
    await impatiently(issuer, () => jwksUri(metadata));
    let givenUp = false;
    issuer.answer = (_, response) => {
      response.on('close', () => {
        givenUp = true;
      });
    };
    ahead = 3635;
    for (let tries = 0; tries < 10; tries++) assert.is(await jwksUri(metadata), keysUrl);
    while (issuer.asked.length < 3) await pause(1);
    await pause(10);
    assert.is(await jwksUri(metadata), keysUrl);
    assert.is(issuer.asked.length, 3);
    assert.not.ok(givenUp, 'the attempt is still under way');
  });
});

test('[G12] takes a document of 64 kB and refuses one more byte', async () => {
  await withIssuer('/', async (issuer) => {
    const text = JSON.stringify(issuer.document);
    const answerWith = (bytes: number): RequestListener => {
      return (_, response) => void response.end(text.padEnd(bytes));
    };
    issuer.answer = answerWith(65_536);
    assert.is(await jwksUri(new IssuerMetadata(issuer.url, 'oauth')), keysUrl);
    issuer.answer = answerWith(65_537);
    const error = await failureOf(jwksUri(new IssuerMetadata(issuer.url, 'oauth')));
    assert.is((error.cause as Error).message, 'the answer is larger than 65536 bytes');
  });
});

test('[G12] an issuer that is not there', async () => {
  let gone = '';
  await withIssuer('/', async ({ url }) => {
    gone = url;
  });
  const error = await failureOf(jwksUri(new IssuerMetadata(gone, 'openid')));
  assert.is(error.message, 'the metadata of the issuer is not available');
  assert.not.match(error.message, gone);
});

test.run();
