import { createServer, type RequestListener } from 'node:http';
import { type AddressInfo, createServer as createRawServer, type Server, type Socket } from 'node:net';
import { inspect } from 'node:util';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { gzipSync } from 'node:zlib';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type FetchLimits, fetchJson, type JsonRequest, UnusableAnswer } from '../src/fetch-json.ts';
import type { JsonObject } from '../src/jws.ts';

const test = suite('fetch json');

const limits: FetchLimits = { maxBytes: 1000, timeout: 5000 };
const soon: FetchLimits = { maxBytes: 1000, timeout: 20 };

/** A server on loopback. */
interface Loopback {
  readonly url: URL;
  /** Paths that were asked for. */
  readonly asked: readonly string[];
  /** Resolves when the connections of all requests have been closed by the client. */
  readonly abandoned: () => Promise<void>;
}

/** Runs a test with a server that is closed whatever happens. */
async function withServer(server: Server, run: (url: URL) => Promise<void>): Promise<void> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined).on('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  try {
    await run(new URL(`http://127.0.0.1:${port}/path?query=secret`));
  } finally {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  }
}

function serve(answer: RequestListener, run: (loopback: Loopback) => Promise<void>): Promise<void> {
  const asked: string[] = [];
  const closed: Promise<unknown>[] = [];
  const server = createServer((request, response) => {
    asked.push(request.url ?? '');
    closed.push(new Promise((resolve) => request.socket.once('close', resolve)));
    answer(request, response);
  });
  const abandoned = async (): Promise<void> => {
    assert.is(closed.length, 1);
    await Promise.all(closed);
  };
  return withServer(server, (url) => run({ url, asked, abandoned }));
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

/** The error of an attempt, which must tell nothing of what was sent and answered. */
async function failureOf(attempt: Promise<unknown>): Promise<Error> {
  const outcome: unknown = await attempt.catch((error: unknown) => error);
  assert.instance(outcome, Error, 'accepted, though it should have been refused');
  const error = outcome as Error;
  assert.ok([Error, UnusableAnswer].includes(error.constructor as typeof Error));
  assert.not.match(inspect(error, { depth: 9, showHidden: true }), 'secret');
  return error;
}

/** What is made of an answer with this text. */
async function answerOf(text: string | Uint8Array): Promise<JsonObject> {
  let object: JsonObject | undefined;
  await serve(
    (_, response) => void response.end(text),
    async ({ url }) => {
      object = await fetchJson(url, {}, limits);
    },
  );
  return object as JsonObject;
}

// What is sent

test('sends a GET that asks for JSON', async () => {
  const seen: unknown[] = [];
  const answer: RequestListener = ({ method, url, headers }, response) => {
    seen.push(method, url, headers.accept);
    response.end('{}');
  };
  await serve(answer, async ({ url }) => {
    assert.equal({ ...(await fetchJson(url, {}, limits)) }, {});
  });
  assert.equal(seen, ['GET', '/path?query=secret', 'application/json']);
});

test('sends method, headers and body as they are told', async () => {
  const request: JsonRequest = {
    method: 'POST',
    headers: { accept: 'application/jwk-set+json', authorization: 'Basic x', 'content-type': 'text/x' },
    body: 'token=a%20b',
  };
  const answer: RequestListener = ({ method, headers }, response) =>
    void response.end(JSON.stringify({ method, ...headers }));
  await serve(answer, async ({ url }) => {
    const told = await fetchJson(url, request, limits);
    assert.equal(
      [told['method'], told['accept'], told['authorization'], told['content-type'], told['content-length']],
      ['POST', 'application/jwk-set+json', 'Basic x', 'text/x', '11'],
    );
  });
});

// What is read

test('reads an object in which every name is only a name', async () => {
  const object = await answerOf('{"constructor":1,"__proto__":{"active":true},"deep":{"é":[1]}}');
  assert.is(Object.getPrototypeOf(object), null);
  assert.equal(Object.keys(object), ['constructor', '__proto__', 'deep']);
  assert.is(object['active'], undefined);
  assert.equal(object['deep'], { é: [1] });
});

const nested = (levels: number): string => `${'{"a":'.repeat(levels)}1${'}'.repeat(levels)}`;

test('reads what is nested eight levels deep', async () => {
  assert.equal(Object.keys(await answerOf(nested(8))), ['a']);
});

for (const status of [400, 401, 403, 404, 413, 429, 500, 502, 503]) {
  const isTheirs = [401, 429].includes(status) || status >= 500;
  test(`[G12] status ${status} is ${isTheirs ? 'a failure' : 'an answer that cannot be used'}`, async () => {
    await withFetch(
      async () => new Response('{}', { status }),
      async () => {
        const error = await failureOf(fetchJson(new URL('https://as.example'), {}, limits));
        assert.is(error.message, `the answer has status ${status}`);
        assert.is(error instanceof UnusableAnswer, !isTheirs);
      },
    );
  });
}

const unreadable: Readonly<Record<string, string | Uint8Array>> = {
  nothing: '',
  HTML: '<html>secret</html>',
  'a list': '[{"secret":1}]',
  'a text': '"secret"',
  'a number': '5',
  null: 'null',
  true: 'true',
  'half an object': '{"secret":',
  'something after the object': '{"secret":1}x',
  'two objects': '{"secret":1}{"secret":1}',
  'a trailing comma': '{"secret":1,}',
  'a name given twice': '{"active":false,"active":true}',
  'a name given twice, once escaped': '{"active":false,"\\u0061ctive":true}',
  'a name given twice further down': '{"keys":[{"kid":"a","kid":"b"}]}',
  'a lone surrogate': '{"secret":"\\ud800"}',
  'nine levels': nested(9),
  'a byte order mark': Buffer.from('\ufeff{"secret":1}'),
  'invalid UTF-8': Buffer.from([0x7b, 0x22, 0xc3, 0x28, 0x22, 0x3a, 0x31, 0x7d]),
  'UTF-16': Buffer.from('{"secret":1}', 'utf16le'),
};
for (const [what, text] of Object.entries(unreadable)) {
  test(`[G12] refuses ${what}`, async () => {
    const error = await failureOf(answerOf(text));
    assert.is(error.message, 'the answer is no JSON object');
    assert.instance(error, UnusableAnswer);
  });
}

test('[G12] refuses an answer that has no body at all', async () => {
  await withFetch(
    async () => new Response(null),
    async () => {
      const error = await failureOf(fetchJson(new URL('https://as.example'), {}, limits));
      assert.is(error.message, 'the answer is no JSON object');
    },
  );
});

/** Runs a test with another fetch than the runtime's. */
async function withFetch(other: typeof fetch, run: () => Promise<void>): Promise<void> {
  const { fetch } = globalThis;
  globalThis.fetch = other;
  try {
    await run();
  } finally {
    globalThis.fetch = fetch;
  }
}

// Status

for (const status of [201, 202, 203, 204, 206, 304, 400, 401, 403, 404, 429, 500, 502, 503]) {
  test(`[G12] refuses status ${status}, whatever the body says`, async () => {
    const answer: RequestListener = (_, response) =>
      void response.writeHead(status).end('{"active":true,"secret":1}');
    await serve(answer, async ({ url }) => {
      const error = await failureOf(fetchJson(url, {}, limits));
      assert.is(error.message, `the answer has status ${status}`);
    });
  });
}

for (const status of [301, 302, 303, 307, 308]) {
  test(`[G12] does not follow a redirect with status ${status}`, async () => {
    const answer: RequestListener = (_, response) =>
      void response.writeHead(status, { location: '/elsewhere' }).end('{}');
    await serve(answer, async ({ url, asked }) => {
      const error = await failureOf(fetchJson(url, { method: 'POST', body: 'secret' }, limits));
      assert.is(error.message, `the answer has status ${status}`);
      await pause(20);
      assert.equal(asked, ['/path?query=secret']);
    });
  });
}

test('[G12] closes the connection of a refused answer whose body never ends', async () => {
  const answer: RequestListener = (_, response) => void response.writeHead(500).write('{');
  await serve(answer, async ({ url, abandoned }) => {
    assert.is((await failureOf(fetchJson(url, {}, limits))).message, 'the answer has status 500');
    await abandoned();
  });
});

// Size

for (const coding of ['identity', 'gzip']) {
  test(`[G12] takes an answer of the greatest size and refuses one more byte (${coding})`, async () => {
    const text = `{"x":"${'x'.repeat(limits.maxBytes - 8)}"}`;
    const send = (body: string): RequestListener => {
      const bytes = coding === 'gzip' ? gzipSync(body) : Buffer.from(body);
      return (_, response) => void response.setHeader('content-encoding', coding).end(bytes);
    };
    await serve(send(text), async ({ url }) => {
      assert.equal(Object.keys(await fetchJson(url, {}, limits)), ['x']);
    });
    await serve(send(`${text} `), async ({ url }) => {
      const error = await failureOf(fetchJson(url, {}, limits));
      assert.is(error.message, 'the answer is larger than 1000 bytes');
    });
  });
}

test('[G12] gives up 10 MB as soon as they are too large', async () => {
  const size = 10_000_000;
  let sent = 0;
  const answer: RequestListener = (_, response) => {
    const more = (): void => {
      while (sent < size && response.write(Buffer.alloc(16_384, 'x'))) sent += 16_384;
    };
    response.on('drain', more);
    more();
  };
  await serve(answer, async ({ url, abandoned }) => {
    const error = await failureOf(fetchJson(url, {}, { ...limits, maxBytes: 262_144 }));
    assert.is(error.message, 'the answer is larger than 262144 bytes');
    await abandoned();
  });
  assert.ok(sent < size, `${sent} bytes were sent`);
});

test('[G12] gives up a small answer that grows when it is decompressed', async () => {
  const bomb = gzipSync(Buffer.alloc(10_000_000, ' '));
  const answer: RequestListener = (_, response) =>
    void response.setHeader('content-encoding', 'gzip').end(bomb);
  await serve(answer, async ({ url }) => {
    const error = await failureOf(fetchJson(url, {}, { ...limits, maxBytes: 65_536 }));
    assert.is(error.message, 'the answer is larger than 65536 bytes');
  });
});

test('reads 256 kB in many pieces', async () => {
  const text = JSON.stringify({ list: Array.from({ length: 20_000 }, (_, index) => `é${index}`) });
  const bytes = Buffer.from(text);
  const answer: RequestListener = (_, response) => {
    for (let at = 0; at < bytes.length; at += 999) response.write(bytes.subarray(at, at + 999));
    response.end();
  };
  await serve(answer, async ({ url }) => {
    const object = await fetchJson(url, {}, { ...limits, maxBytes: 262_144 });
    assert.is(JSON.stringify(object), text);
  });
});

// Time

/** One byte after the other, for as long as the connection is there. */
const trickle: RequestListener = (_, response) => {
  response.write('{"x":"');
  const timer = setInterval(() => response.write('x'), 5);
  response.on('close', () => clearInterval(timer));
};
const stalls: Readonly<Record<string, RequestListener>> = {
  'never comes': () => undefined,
  'never gets beyond its headers': (_, response) => response.flushHeaders(),
  'stops in the middle': (_, response) => void response.write('{"active":true'),
  'comes byte by byte': trickle,
};
for (const [what, answer] of Object.entries(stalls)) {
  test(`[G12] gives up an answer that ${what}, and closes the connection`, async () => {
    await serve(answer, async (loopback) => {
      await impatiently(loopback, async () => {
        const error = await failureOf(fetchJson(loopback.url, {}, limits));
        assert.is(error.message, 'no answer within 5000 ms');
      });
      await loopback.abandoned();
    });
  });

  test(`[G12] gives up an answer that ${what} when garbage is collected meanwhile, too`, async () => {
    setFlagsFromString('--expose-gc');
    const collecting = setInterval(runInNewContext('gc') as () => void, 10);
    try {
      await serve(answer, async (loopback) => {
        await impatiently(loopback, () => failureOf(fetchJson(loopback.url, {}, limits)));
        await loopback.abandoned();
      });
    } finally {
      clearInterval(collecting);
    }
  });
}

/** Runs something while its time-out is over soon after the server has been asked. */
async function impatiently({ asked }: Loopback, run: () => Promise<unknown>): Promise<void> {
  const { setTimeout } = globalThis;
  let ticks = 0;
  const impatient = (done: () => void, milliseconds: number): NodeJS.Timeout =>
    milliseconds === limits.timeout
      ? setInterval(() => void (asked.length > 0 && ++ticks > 5 && done()), 10)
      : setTimeout(done, milliseconds);
  globalThis.setTimeout = impatient as typeof setTimeout;
  try {
    await run();
  } finally {
    globalThis.setTimeout = setTimeout;
  }
}

test('[G12] gives up a body in time by itself, in a runtime that has lost the signal', async () => {
  let cancelled = 0;
  const body = new ReadableStream({
    start: (controller) => controller.enqueue(Buffer.from('{"active":true}')),
    cancel: () => {
      cancelled++;
    },
  });
  await withFetch(
    async () => new Response(body),
    async () => {
      const error = await failureOf(fetchJson(new URL('https://as.example'), {}, soon));
      assert.is(error.message, 'no answer within 20 ms');
    },
  );
  assert.is(cancelled, 1);
});

test('leaves no timer behind', async () => {
  const { setTimeout: set, clearTimeout: clear } = globalThis;
  const timers = new Set<unknown>();
  const watched = (run: () => void, milliseconds: number): NodeJS.Timeout => {
    const timer = set(run, milliseconds);
    timers.add(timer);
    return timer;
  };
  const { promise: cleared, resolve } = withResolver();
  globalThis.setTimeout = watched as typeof set;
  globalThis.clearTimeout = (timer) => {
    if (timers.delete(timer)) resolve();
    clear(timer);
  };
  try {
    await answerOf('{}');
    await failureOf(answerOf('[]'));
    await cleared;
    assert.is(timers.size, 0);
  } finally {
    globalThis.setTimeout = set;
    globalThis.clearTimeout = clear;
  }
});

function withResolver(): { readonly promise: Promise<void>; readonly resolve: () => void } {
  let settle: () => void = () => undefined;
  const promise = new Promise<void>((resolve) => {
    settle = resolve;
  });
  return { promise, resolve: () => settle() };
}

// The network

test('[G12] a server that is not there', async () => {
  let gone = new URL('http://127.0.0.1');
  await serve(
    () => undefined,
    async ({ url }) => {
      gone = url;
    },
  );
  const error = await failureOf(fetchJson(gone, {}, limits));
  assert.is(error.message, 'the request failed');
  assert.is((error.cause as Error).message, 'ECONNREFUSED');
});

test('[G12] a connection that is closed before there is an answer', async () => {
  const answer: RequestListener = ({ socket }) => void socket.destroy();
  await serve(answer, async ({ url }) => {
    const error = await failureOf(fetchJson(url, {}, limits));
    assert.is(error.message, 'the request failed');
    assert.instance(error.cause, Error);
  });
});

test('[G12] an answer that breaks off', async () => {
  const answer: RequestListener = (_, response) => {
    response.writeHead(200, { 'content-length': '100' }).write('{"active":true,"secret":1}');
    setTimeout(() => response.destroy(), 20);
  };
  await serve(answer, async ({ url }) => {
    const error = await failureOf(fetchJson(url, {}, limits));
    assert.is(error.message, 'the answer broke off');
    assert.is((error.cause as Error).message, 'UND_ERR_SOCKET');
  });
});

test('[G12] [L01] a refused answer that breaks off is refused for its status', async () => {
  const answer: RequestListener = (_, response) => {
    response.writeHead(500, { 'content-length': '100' }).write('{"secret":1}');
    response.destroy();
  };
  await serve(answer, async ({ url }) => {
    assert.match((await failureOf(fetchJson(url, {}, limits))).message, /status 500|request failed/);
    await pause(20);
  });
});

test('[G12] an answer that is not compressed as it says', async () => {
  const answer: RequestListener = (_, response) =>
    void response.setHeader('content-encoding', 'gzip').end('{"secret":1}');
  await serve(answer, async ({ url }) => {
    assert.is((await failureOf(fetchJson(url, {}, limits))).message, 'the answer broke off');
  });
});

test('[G12] [L01] an answer that is no HTTP is not told to anybody', async () => {
  const server = createRawServer((socket) => void socket.end('secret\r\n\r\n{"secret":1}'));
  await withServer(server, async (url) => {
    const error = await failureOf(fetchJson(url, {}, limits));
    assert.is(error.message, 'the request failed');
    assert.match((error.cause as Error).message, /^HPE_/);
  });
});

test('[L01] neither credentials in a URL nor a header that cannot be sent are told to anybody', async () => {
  for (const [url, headers] of [
    ['http://user:secret@127.0.0.1/', {}],
    ['http://127.0.0.1/?secret', { authorization: 'Basic secret\nsecret' }],
  ] as const) {
    const error = await failureOf(fetchJson(new URL(url), { headers }, limits));
    assert.is(error.message, 'the request failed');
    assert.is(error.cause, undefined);
  }
});

test('tells what another runtime says of a failure', async () => {
  const fail = async (): Promise<Response> => {
    throw new TypeError('fetch failed for https://as.example?secret', { cause: new Error('no route') });
  };
  await withFetch(fail, async () => {
    const error = await failureOf(fetchJson(new URL('https://as.example'), {}, limits));
    assert.is((error.cause as Error).message, 'no route');
  });
});

test.run();
