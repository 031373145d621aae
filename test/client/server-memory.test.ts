import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { decodeJwt } from 'jose';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  createDpopFetch,
  createProof,
  type DpopFetchEvent,
  type DpopFetchOptions,
  type DpopSigner,
  generateKeyPair,
} from '../../src/client/index.ts';
import { ServerMemory } from '../../src/client/server-memory.ts';

/** What a client learns of a server over real sockets: nonces shared by calls at once, and the time. */

const test = suite('client/server-memory');

const keyPair = await generateKeyPair();

interface Seen {
  readonly nonce: unknown;
  readonly iat: number;
  readonly jti: unknown;
}

interface World {
  readonly origin: string;
  readonly seen: Seen[];
  readonly events: DpopFetchEvent[];
  readonly fetch: (options?: Partial<DpopFetchOptions>) => typeof fetch;
}

type Answer = (seen: Seen, response: ServerResponse, request: IncomingMessage) => void;

/** A server that answers as it is told, and what it saw of each proof. */
async function withServer(answer: Answer, run: (world: World) => Promise<void>): Promise<void> {
  const seen: Seen[] = [];
  const server = createServer((request, response) => {
    const { nonce, iat = 0, jti } = decodeJwt(String(request.headers['dpop']));
    const one = { nonce, iat, jti };
    seen.push(one);
    answer(one, response, request);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const events: DpopFetchEvent[] = [];
  const create = (options: Partial<DpopFetchOptions> = {}): typeof fetch =>
    createDpopFetch({ keyPair, origins: origin, observe: (event) => events.push(event), ...options });
  try {
    await run({ origin, seen, events, fetch: create });
  } finally {
    const closed = new Promise((resolve) => server.close(resolve));
    server.closeAllConnections();
    await closed;
  }
}

function challenge(response: ServerResponse, headers: Readonly<Record<string, string>>, error: string): void {
  response.writeHead(401, { 'www-authenticate': `DPoP error="${error}"`, ...headers }).end();
}

/** Demands the nonce `n1`. */
const demanding: Answer = ({ nonce }, response) => {
  if (nonce === 'n1') response.end('served');
  else challenge(response, { 'dpop-nonce': 'n1' }, 'use_dpop_nonce');
};

test('twenty calls at once to a server that nobody knows pay one challenge together', () =>
  withServer(demanding, async ({ origin, seen, events, fetch }) => {
    const signed = fetch();
    const answers = await Promise.all(Array.from({ length: 20 }, () => signed(origin)));
    assert.ok(answers.every(({ status }) => status === 200));
    assert.is(seen.length, 21);
    assert.is(new Set(seen.map(({ jti }) => jti)).size, 21);
    assert.equal(events, [{ type: 'repeated', origin, because: 'nonce' }]);
  }));

test('calls at once to a server without nonces are sent once each', () =>
  withServer(
    (_seen, response) => response.end('served'),
    async ({ origin, seen, fetch }) => {
      const signed = fetch();
      await Promise.all(Array.from({ length: 5 }, () => signed(origin)));
      assert.is(seen.length, 5);
    },
  ));

test('when the first call breaks off, the others go on', () => {
  let count = 0;
  const breaking: Answer = (seen, response, request) => {
    count += 1;
    if (count === 1) request.socket.destroy();
    else demanding(seen, response, request);
  };
  return withServer(breaking, async ({ origin, fetch }) => {
    const signed = fetch();
    // A POST, since fetch itself repeats a GET whose connection broke.
    const calls = Array.from({ length: 3 }, () => signed(origin, { method: 'POST', body: 'x' }));
    const outcomes = await Promise.allSettled(calls);
    assert.equal(
      outcomes.map(({ status }) => status),
      ['rejected', 'fulfilled', 'fulfilled'],
    );
  });
});

test('an AbortSignal ends the wait for the first one, before it and during it', async () => {
  const memory = new ServerMemory(0, () => 0);
  const abort = new AbortController();
  const leave = await memory.enter(abort.signal);
  const { setTimeout: real } = globalThis;
  globalThis.setTimeout = ((run: () => void, time: number, ...rest: unknown[]) =>
    time === 2000 ? 1 : real(run, time, ...rest)) as typeof setTimeout;
  try {
    const waiting = memory.enter(abort.signal);
    abort.abort();
    (await waiting)();
    (await memory.enter(abort.signal))();
  } finally {
    globalThis.setTimeout = real;
  }
  leave();
});

const handles: Readonly<Record<string, unknown>> = {
  'as in Node': { unref: () => undefined }, // here nothing else keeps the process up
  'as in a browser': 1,
};
for (const [where, handle] of Object.entries(handles)) {
  test(`a call does not wait for ever for the first one, with timers ${where}`, async () => {
    const memory = new ServerMemory(0, () => 0);
    const { signal } = new AbortController();
    const leave = await memory.enter(signal);
    const { setTimeout: real } = globalThis;
    const fake = (run: () => void, time: number, ...rest: unknown[]): unknown => {
      if (time !== 2000) return real(run, time, ...rest); // those of connections that earlier tests left
      real(run, 0);
      return handle;
    };
    globalThis.setTimeout = fake as typeof setTimeout;
    try {
      (await memory.enter(signal))(); // the first one has not answered
    } finally {
      globalThis.setTimeout = real;
    }
    leave();
  });
}

/** A server whose clock is ahead by so many seconds, and that refuses proofs that are a minute off. */
function clockAhead(seconds: number): Answer {
  return ({ iat }, response) => {
    const now = Date.now() / 1000 + seconds;
    const date = { date: new Date(now * 1000).toUTCString() };
    if (Math.abs(iat - now) > 60) challenge(response, date, 'invalid_dpop_proof');
    else response.writeHead(200, date).end('served');
  };
}

for (const seconds of [600, -600]) {
  test(`[M08] a clock that is ${seconds} s off costs one repetition, and none after it`, () =>
    withServer(clockAhead(seconds), async ({ origin, seen, events, fetch }) => {
      const signed = fetch();
      for (let call = 0; call < 3; call++) assert.is((await signed(origin)).status, 200);
      assert.is(seen.length, 4);
      assert.equal(
        events.map(({ type }) => type),
        ['clock-corrected', 'repeated'],
      );
      const [corrected] = events;
      assert.ok(corrected?.type === 'clock-corrected' && Math.abs(corrected.seconds - seconds) <= 2);
    }));
}

test('[M08] proofs are dated by the clock that was given, and a wrong one is corrected', () =>
  withServer(clockAhead(3600), async ({ origin, seen, fetch }) => {
    const ahead = () => Date.now() / 1000 + 3600;
    assert.is((await fetch({ clock: ahead })(origin)).status, 200);
    assert.is(seen.length, 1);
    assert.is((await fetch({ clock: () => Date.now() / 1000 + 7200 })(origin)).status, 200);
    assert.is(seen.length, 3);
  }));

test('[M08] a clock is corrected by no more than was allowed', () =>
  withServer(clockAhead(600), async ({ origin, seen, events, fetch }) => {
    for (const maxClockOffset of [0, 300]) {
      assert.is((await fetch({ maxClockOffset })(origin)).status, 401);
    }
    assert.is(seen.length, 2);
    assert.equal(events, []);
  }));

test('[M01] [M08] a proof that is refused for another reason is not sent again', () =>
  withServer(
    (_seen, response) => challenge(response, {}, 'invalid_dpop_proof'),
    async ({ origin, seen, fetch }) => {
      assert.is((await fetch()(origin)).status, 401);
      assert.is(seen.length, 1);
    },
  ));

test('[M01] [M08] a server whose clock runs wild gets one repetition for each call', () => {
  let offset = 0;
  const wild: Answer = (_seen, response) => {
    offset += 1000;
    challenge(response, { date: new Date(Date.now() + offset * 1000).toUTCString() }, 'invalid_dpop_proof');
  };
  return withServer(wild, async ({ origin, seen, fetch }) => {
    const signed = fetch();
    assert.is((await signed(origin)).status, 401);
    assert.is(seen.length, 2);
  });
});

test('[M08] answers that refuse no proof do not set the clock', () =>
  withServer(
    (_seen, response) => response.writeHead(200, { date: new Date(0).toUTCString() }).end(),
    async ({ origin, seen, fetch }) => {
      const signed = fetch();
      await signed(origin);
      await signed(origin);
      const [, second] = seen;
      assert.ok(Math.abs((second?.iat ?? 0) - Date.now() / 1000) < 60);
    },
  ));

test('an observer that throws changes nothing', () =>
  withServer(demanding, async ({ origin, fetch }) => {
    const observe = (): never => {
      throw new Error('observer');
    };
    assert.is((await fetch({ observe })(origin)).status, 200);
  }));

test('the token is chosen by the URL, and none is sent where there is none', () =>
  withServer(
    (_seen, response, request) => response.end(request.headers.authorization ?? 'none'),
    async ({ origin, fetch }) => {
      const accessToken = ({ pathname }: URL): string | undefined =>
        pathname === '/token' ? undefined : 'the-token';
      const signed = fetch({ accessToken });
      assert.is(await (await signed(`${origin}/token`)).text(), 'none');
      assert.is(await (await signed(`${origin}/api`)).text(), 'DPoP the-token');
    },
  ));

/** As a key management service would: the private key is nowhere near. */
function createSigner(sign: DpopSigner['sign']): DpopSigner {
  const { algorithm, publicJwk, jkt } = keyPair;
  return { algorithm, publicJwk, jkt, sign };
}

const remote = createSigner(
  async (bytes) =>
    new Uint8Array(
      await crypto.subtle.sign(
        { name: 'ECDSA', hash: 'SHA-256' },
        keyPair.privateKey,
        Uint8Array.from(bytes),
      ),
    ),
);

test('a signer signs in the place of a key pair', () =>
  withServer(demanding, async ({ origin, fetch }) => {
    assert.is((await fetch({ keyPair: remote })(origin)).status, 200);
    const proof = await createProof(remote, { method: 'GET', url: origin });
    assert.is(decodeJwt(proof)['htm'], 'GET');
  }));

const faults: Readonly<Record<string, DpopSigner['sign']>> = {
  'gives DER': async () => new Uint8Array(70),
  'gives nothing': async () => undefined as unknown as Uint8Array,
  'is out of order': async () => {
    throw new Error('out of order');
  },
};
for (const [fault, sign] of Object.entries(faults)) {
  test(`a signer that ${fault} is told as invalid-key, and nothing is sent`, () =>
    withServer(demanding, async ({ origin, seen, fetch }) => {
      const error = await fetch({ keyPair: createSigner(sign) })(origin).catch((thrown: unknown) => thrown);
      assert.is((error as { code?: unknown }).code, 'invalid-key');
      assert.is(seen.length, 0);
    }));
}

test('refuses an observer, a clock and a clock offset that are none', () => {
  const wrong = { clock: [5, null], observe: ['log', {}, 5], maxClockOffset: [-1, Number.NaN, '60', null] };
  for (const [option, values] of Object.entries(wrong)) {
    for (const value of values) {
      const create = () =>
        createDpopFetch({ keyPair, origins: 'https://rs.example', [option]: value } as DpopFetchOptions);
      assert.throws(create, (error: Error) => error instanceof TypeError && error.message.includes(option));
    }
  }
});

test.run();
