import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import {
  errors,
  exportJWK,
  generateKeyPair,
  type JSONWebKeySet,
  type JWK,
  type JWTHeaderParameters,
} from 'jose';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { IssuerKeys, type JwksSource, type KeySetPolicy } from '../src/issuer-keys.ts';
import { IssuerMetadata } from '../src/issuer-metadata.ts';
import { reasonOf, refusalOf } from './_setup.ts';

const test = suite('issuer keys');

const policy: KeySetPolicy = { maxAge: 600, keepFor: 3600 };

async function createJwk(kid: string, alg = 'ES256'): Promise<JWK> {
  const { publicKey } = await generateKeyPair(alg, { extractable: true });
  return { ...(await exportJWK(publicKey)), kid, alg, use: 'sig' };
}

const one = await createJwk('one');
const two = await createJwk('two');
const three = await createJwk('three');

const header = ({ kid, alg = 'ES256' }: JWK): JWTHeaderParameters => ({ alg, kid: kid as string });
const unknown: JWTHeaderParameters = { alg: 'ES256', kid: 'unknown' };

/** Asserts that a header finds this key and no other. */
async function finds(keys: IssuerKeys, jwk: JWK, by: JWTHeaderParameters = header(jwk)): Promise<CryptoKey> {
  const key = await keys.find(by);
  const { kid, alg, use, ...material } = jwk;
  assert.equal(await exportJWK(key), material, `${kid} ${alg} ${use}`);
  return key;
}

/** Asserts that no key is found because the issuer cannot tell, and tells why. */
async function isUnavailable(keys: IssuerKeys, by: JWTHeaderParameters = header(one)): Promise<Error> {
  const refusal = await refusalOf(keys.find(by));
  assert.equal([refusal.reason, refusal.code], ['issuer-unavailable', 'temporarily_unavailable']);
  assert.instance(refusal.cause, Error);
  return refusal.cause as Error;
}

async function isUnknown(keys: IssuerKeys, by: JWTHeaderParameters = unknown): Promise<void> {
  const refusal = await refusalOf(keys.find(by));
  assert.equal([refusal.reason, refusal.code], ['token-key-unknown', 'invalid_token']);
  assert.instance(refusal.cause, errors.JOSEError);
}

/** Sets that nobody must verify with; each is a good one with one thing changed. */
const badSets: Readonly<Record<string, unknown>> = {
  'no keys member': { key: [one] },
  'keys that are no list': { keys: { 0: one } },
  'no key': { keys: [] },
  'a key that is a text': { keys: [one, 'x'] },
  'a key that is a list': { keys: [one, [two]] },
  'a key that is null': { keys: [one, null] },
  'a key without a type': { keys: [one, { ...two, kty: undefined }] },
  'a key whose type is no text': { keys: [one, { ...two, kty: ['EC'] }] },
  'a private key': { keys: [one, { ...two, d: 'AA' }] },
  'a private key of a type that we do not know': { keys: [one, { kty: 'AKP', pub: 'AA', priv: 'AA' }] },
  'an empty private member': { keys: [one, { ...two, d: '' }] },
  'part of a private RSA key': { keys: [one, { kty: 'RSA', n: 'AA', e: 'AQAB', dp: 'AA' }] },
  'a symmetric key': { keys: [one, { kty: 'oct', k: 'AAAA' }] },
  'a symmetric key for something else': { keys: [one, { kty: 'oct', k: 'AAAA', use: 'enc' }] },
  'a symmetric key without its value': { keys: [one, { kty: 'oct' }] },
  'a public key with a symmetric member': { keys: [one, { ...two, k: 'AAAA' }] },
  '101 keys': { keys: Array.from({ length: 101 }, (_, index) => ({ ...one, kid: String(index) })) },
};
const noSets: Readonly<Record<string, unknown>> = { null: null, 'a list': [one], 'a number': 5, true: true };

// A fixed set

test('refuses a source that makes no sense, by name', () => {
  const naming = (error: unknown): boolean => error instanceof TypeError && error.message.includes('"jwks"');
  const uncloneable = { keys: [{ ...one, x5c: () => 'x' }] };
  for (const source of [
    undefined,
    ...Object.values(noSets),
    ...Object.values(badSets),
    uncloneable,
    '',
    'not a URL',
    'http://as.example/jwks',
    'https://user:secret@as.example/jwks',
    new URL('ftp://as.example'),
  ])
    assert.throws(() => new IssuerKeys(source as JwksSource, policy), naming);
  new IssuerKeys('https://as.example/jwks', policy);
});

test('[R8725-3.8-01] finds the keys of a fixed set, and no others', async () => {
  const keys = new IssuerKeys({ keys: [one, two] }, policy);
  const current = keys.current();
  assert.ok(current);
  const key = await finds(keys, one);
  await finds(keys, two);
  await isUnknown(keys);
  await isUnknown(keys, { alg: 'ES384', kid: 'one' });
  assert.is(await keys.find(header(one)), key);
  assert.is(keys.current(), current);
});

test('finds a key without kid only where no other fits', async () => {
  const rsa = await createJwk('rsa', 'PS256');
  const keys = new IssuerKeys({ keys: [one, rsa] }, policy);
  await finds(keys, one, { alg: 'ES256' });
  await finds(keys, rsa, { alg: 'PS256' });
  await isUnknown(keys, { alg: 'Ed25519' });
  const ambiguous = new IssuerKeys({ keys: [one, rsa, two] }, policy);
  await isUnknown(ambiguous, { alg: 'ES256' });
  await isUnknown(new IssuerKeys({ keys: [one, { ...two, kid: 'one' }] }, policy));
});

test('[R8725-3.1-01] finds no key for an algorithm that needs a secret or none', async () => {
  const keys = new IssuerKeys({ keys: [{ ...one, alg: undefined } as unknown as JWK] }, policy);
  for (const alg of ['HS256', 'none', 'None', '', 'toString']) await isUnavailable(keys, { alg, kid: 'one' });
});

test('keys that fit no token stand in a set without harm', async () => {
  const strangers = [
    { kty: 'AKP', alg: 'ML-DSA-44', pub: 'AA' },
    { kty: 'new' },
    { kty: 'EC', crv: 'P-999' },
  ];
  const keys = new IssuerKeys({ keys: [...strangers, one, { ...two, use: 'enc' }] }, policy);
  await finds(keys, one);
  await isUnknown(keys, header(two));
});

test("a key that fits and cannot be used is the issuer's fault", async () => {
  await isUnavailable(new IssuerKeys({ keys: [{ ...one, x: 'AA' }] }, policy));
});

test('takes 100 keys', async () => {
  const many = Array.from({ length: 99 }, (_, index) => ({ ...one, kid: String(index) }));
  await finds(new IssuerKeys({ keys: [...many, two] }, policy), two);
});

test('what is done to a set or URL afterwards changes nothing', async () => {
  const jwk = { ...one };
  const set = { keys: [jwk] };
  const keys = new IssuerKeys(set, policy);
  set.keys.push(two);
  jwk.kid = 'other';
  await finds(keys, one);
  await isUnknown(keys, header(two));
  await withIssuer(async (issuer) => {
    const location = new URL(issuer.url);
    const fetched = new IssuerKeys(location, policy);
    location.pathname = '/elsewhere';
    const answer = issuer.answer;
    issuer.answer = (request, response) => {
      assert.is(request.url, '/jwks?x');
      answer(request, response);
    };
    await finds(fetched, one);
  });
});

// A function

test('a function is asked each time, and its set prepared once', async () => {
  let set: JSONWebKeySet = { keys: [one] };
  let asked = 0;
  const keys = new IssuerKeys(() => {
    asked++;
    return set;
  }, policy);
  assert.is(keys.current(), set);
  const key = await finds(keys, one);
  assert.is(await keys.find(header(one)), key);
  await isUnknown(keys, header(two));
  assert.is(asked, 4);
  const former = set;
  set = { keys: [two] };
  assert.is(keys.current(), set);
  await isUnknown(keys, header(one));
  await finds(keys, two);
  set = former;
  assert.is(keys.current(), former);
  assert.is(await keys.find(header(one)), key);
});

const badFunctions: Readonly<Record<string, () => unknown>> = {
  throws: () => {
    throw new Error('down');
  },
  'returns nothing': () => undefined,
  'returns a promise': () => Promise.resolve({ keys: [one] }),
  'returns a promise that fails': () => Promise.reject(new Error('down')),
};
for (const [what, set] of [...Object.entries(noSets), ...Object.entries(badSets)])
  Object.assign(badFunctions, { [`returns ${what}`]: () => set });
for (const [what, source] of Object.entries(badFunctions)) {
  test(`[R9449-7.1-03] a function that ${what}: the issuer is unavailable`, async () => {
    let current: () => unknown = () => ({ keys: [one] });
    const keys = new IssuerKeys((() => current()) as () => JSONWebKeySet, policy);
    await finds(keys, one);
    current = source;
    assert.is(keys.current(), undefined);
    await isUnavailable(keys);
    current = () => ({ keys: [one] });
    await finds(keys, one);
  });
}

// A URL

/** An issuer on loopback that publishes keys, and a clock. */
interface Issuer {
  readonly url: string;
  readonly asked: () => number;
  /** What it publishes. */
  keys: unknown[];
  /** How it answers. */
  answer: RequestListener;
  /** Seconds. */
  now: number;
  /** Its keys by its clock. */
  readonly open: (changes?: Partial<KeySetPolicy>) => IssuerKeys;
}

const publish = (issuer: Issuer): RequestListener => {
  return (_, response) =>
    void response.setHeader('content-type', 'application/json').end(JSON.stringify({ keys: issuer.keys }));
};

/** Runs a test with an issuer that publishes the first two keys, and is closed whatever happens. */
async function withIssuer(run: (issuer: Issuer) => Promise<void>): Promise<void> {
  const sockets = new Set<Socket>();
  let asked = 0;
  const server = createServer((request, response) => {
    asked++;
    issuer.answer(request, response);
  });
  server.on('connection', (socket) => sockets.add(socket));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/jwks?x`;
  const issuer: Issuer = {
    url,
    asked: () => asked,
    keys: [one, two],
    answer: () => undefined,
    now: 1000,
    open: (changes = {}) => new IssuerKeys(url, { ...policy, ...changes }, () => issuer.now),
  };
  issuer.answer = publish(issuer);
  try {
    await run(issuer);
  } finally {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  }
}

/** Runs something while time-outs of five seconds are over as soon as the issuer has been asked. */
async function impatiently({ asked }: Issuer, run: () => Promise<unknown>): Promise<void> {
  const { setTimeout } = globalThis;
  const before = asked();
  const impatient = (done: () => void, milliseconds: number): NodeJS.Timeout =>
    milliseconds === 5000
      ? setInterval(() => void (asked() > before && done()), 10)
      : setTimeout(done, milliseconds);
  globalThis.setTimeout = impatient as typeof setTimeout;
  try {
    await run();
  } finally {
    globalThis.setTimeout = setTimeout;
  }
}

const times = <T>(count: number, make: (index: number) => Promise<T>): Promise<T[]> =>
  Promise.all(Array.from({ length: count }, (_, index) => make(index)));

/** Resolves when the issuer has been asked so often. */
async function askedTimes({ asked }: Issuer, count: number): Promise<void> {
  while (asked() < count) await new Promise((resolve) => setTimeout(resolve, 1));
}

test('fetches keys at first use, once', async () => {
  await withIssuer(async ({ open, asked }) => {
    const keys = open();
    assert.is(keys.current(), undefined);
    assert.is(asked(), 0);
    const key = await finds(keys, one);
    const current = keys.current();
    assert.ok(current);
    await finds(keys, two);
    assert.is(await keys.find(header(one)), key);
    assert.is(keys.current(), current);
    assert.is(asked(), 1);
  });
});

test('says that it takes key sets', async () => {
  await withIssuer(async (issuer) => {
    const seen: unknown[] = [];
    const answer = publish(issuer);
    issuer.answer = (request, response) => {
      seen.push(request.method, request.url, request.headers.accept);
      answer(request, response);
    };
    await finds(issuer.open(), one);
    assert.equal(seen, ['GET', '/jwks?x', 'application/jwk-set+json, application/json']);
  });
});

test('[G19] 1,000 requests at the start make one fetch', async () => {
  await withIssuer(async ({ open, asked }) => {
    const keys = open();
    const found = await times(1000, (index) => keys.find(header(index % 2 === 0 ? one : two)));
    assert.is(new Set(found).size, 2);
    assert.is(asked(), 1);
  });
});

test('[G19] 1,000 requests with keys that are not there make one fetch in 30 seconds', async () => {
  await withIssuer(async (issuer) => {
    const keys = issuer.open();
    const current = await finds(keys, one).then(() => keys.current());
    const attack = async (fetches: number): Promise<void> => {
      const reasons = await times(1000, (index) =>
        reasonOf(keys.find({ alg: 'ES256', kid: `unknown${index}` })),
      );
      assert.equal([...new Set(reasons)], ['token-key-unknown']);
      assert.is(issuer.asked(), fetches);
    };
    await attack(1);
    issuer.now += 29.9;
    await attack(1);
    issuer.now += 0.1;
    await attack(2);
    await attack(2);
    issuer.now += 30;
    await attack(3);
    assert.is(keys.current(), current, 'the same keys');
  });
});

test('[G19] a new key is found by the fetch that the first request with it makes, which all others wait for', async () => {
  await withIssuer(async (issuer) => {
    const keys = issuer.open();
    await finds(keys, one);
    const current = keys.current();
    issuer.keys = [two, three];
    issuer.now += 30;
    const found = await times(1000, () => keys.find(header(three)));
    assert.is(new Set(found).size, 1);
    await finds(keys, three);
    assert.is(issuer.asked(), 2);
    assert.is.not(keys.current(), current);
    await isUnknown(keys, header(one));
    assert.is(issuer.asked(), 2);
  });
});

test('a request with a known key does not wait for a fetch that one with another key makes', async () => {
  await withIssuer(async (issuer) => {
    const keys = issuer.open();
    await finds(keys, one);
    const current = keys.current();
    let release = (): void => undefined;
    issuer.answer = (request, response) => {
      release = () => publish(issuer)(request, response);
    };
    issuer.now += 30;
    const attempt = isUnknown(keys);
    await askedTimes(issuer, 2);
    await finds(keys, one);
    assert.is(keys.current(), current);
    release();
    await attempt;
  });
});

test('two keys that both fit are no reason to fetch', async () => {
  await withIssuer(async (issuer) => {
    const keys = issuer.open();
    await finds(keys, one);
    issuer.now += 30;
    await isUnknown(keys, { alg: 'ES256' });
    assert.is(issuer.asked(), 1);
  });
});

test('[G19] a key that is gone is noticed when the set has reached its age: requests wait for the fetch', async () => {
  await withIssuer(async (issuer) => {
    const keys = issuer.open();
    await finds(keys, one);
    const current = keys.current();
    issuer.keys = [two];
    issuer.now += 599.9;
    assert.is(keys.current(), current);
    await finds(keys, one);
    issuer.now += 0.1;
    assert.is(keys.current(), undefined);
    const reasons = await times(100, () => reasonOf(keys.find(header(one))));
    assert.equal([...new Set(reasons)], ['token-key-unknown']);
    await finds(keys, two);
    assert.ok(keys.current());
    assert.is.not(keys.current(), current);
    assert.is(issuer.asked(), 2);
  });
});

const shuffled = { use: one.use, alg: one.alg, kid: one.kid, y: one.y, x: one.x, crv: one.crv, kty: one.kty };
for (const [what, keysLater] of [
  ['the same keys', [one, two]],
  ['the same keys in another order', [two, one]],
  ['the same keys with members in another order', [shuffled, two]],
] as const) {
  test(`${what}, fetched again, stay the very same`, async () => {
    await withIssuer(async (issuer) => {
      const keys = issuer.open();
      const key = await finds(keys, one);
      const current = keys.current();
      issuer.keys = [...keysLater];
      issuer.now += 600;
      assert.is(keys.current(), undefined);
      assert.is(await keys.find(header(one)), key);
      assert.is(keys.current(), current);
      assert.is(issuer.asked(), 2);
    });
  });
}

const changed: Readonly<Record<string, readonly unknown[]>> = {
  'one key more': [one, two, three],
  'one key less': [one],
  'one key twice': [one, two, two],
  'one member more': [one, { ...two, x5t: 'AA' }],
  'one member less': [one, { ...two, use: undefined }],
  'a list in a member': [one, { ...two, key_ops: ['verify'] }],
  'an object in a member': [one, { ...two, extra: { a: null } }],
};
for (const [what, keysLater] of Object.entries(changed)) {
  test(`keys that are fetched again with ${what} are other ones`, async () => {
    await withIssuer(async (issuer) => {
      const keys = issuer.open();
      const key = await finds(keys, one);
      const current = keys.current();
      issuer.keys = [...keysLater];
      issuer.now += 600;
      assert.is.not(await finds(keys, one), key);
      assert.is.not(keys.current(), current);
      const later = keys.current();
      issuer.now += 600;
      await finds(keys, one);
      assert.is(keys.current(), later, 'and are then the same');
    });
  });
}

test('a set of no age is fetched for every request, and used for it', async () => {
  await withIssuer(async ({ open, asked }) => {
    const keys = open({ maxAge: 0, keepFor: 0 });
    await finds(keys, one);
    assert.is(keys.current(), undefined);
    await finds(keys, one);
    assert.is(asked(), 2);
  });
});

test('a clock that is no number never makes keys look fresh', async () => {
  await withIssuer(async (issuer) => {
    const keys = issuer.open();
    await finds(keys, one);
    issuer.now = Number.NaN;
    assert.is(keys.current(), undefined);
    issuer.keys = [two];
    await isUnknown(keys, header(one));
  });
});

// An issuer that is down

const answerWith = (body: unknown): RequestListener => {
  return (_, response) => void response.end(typeof body === 'string' ? body : JSON.stringify(body));
};
/** A set as good as can be, but slowly. */
const trickle: RequestListener = (_, response) => {
  response.write('{"keys":[');
  const timer = setInterval(() => response.write(' '), 5);
  response.on('close', () => clearInterval(timer));
};
const stalls: Readonly<Record<string, RequestListener>> = {
  'never answers': () => undefined,
  'answers byte by byte': trickle,
};
const faults: Record<string, RequestListener> = {
  ...stalls,
  'hangs up': ({ socket }) => void socket.destroy(),
  'breaks off': (_, response) => {
    response.writeHead(200, { 'content-length': '1000' }).write('{"keys"');
    setTimeout(() => response.destroy(), 5);
  },
  'answers with 500': (_, response) => void response.writeHead(500).end(JSON.stringify({ keys: [three] })),
  'answers with 204': (_, response) => void response.writeHead(204).end(),
  'redirects to itself': (_, response) => void response.writeHead(307, { location: '/jwks' }).end(),
  'answers with HTML': answerWith('<!doctype html><title>Maintenance</title>'),
  'answers with nothing': answerWith(''),
  'answers with a list': answerWith([three]),
  'answers with keys given twice': answerWith(`{"keys":[],"keys":[${JSON.stringify(three)}]}`),
  'answers with keys in __proto__': answerWith(`{"__proto__":{"keys":[${JSON.stringify(three)}]}}`),
  'answers with 10 MB': answerWith({ keys: [three], x: 'x'.repeat(10_000_000) }),
  'answers with one byte too much': answerWith(JSON.stringify({ keys: [three] }).padEnd(262_145)),
};
for (const [what, set] of Object.entries(badSets)) faults[`publishes ${what}`] = answerWith(set);

for (const [what, answer] of Object.entries(faults)) {
  const endure =
    what in stalls ? impatiently : (_: Issuer, run: () => Promise<unknown>): Promise<unknown> => run();

  test(`[G12] [R9449-7.1-03] an issuer that ${what} at the start is asked again after a second`, async () => {
    await withIssuer(async (issuer) => {
      const keys = issuer.open();
      issuer.answer = answer;
      await endure(issuer, () => times(10, () => isUnavailable(keys)));
      assert.is(issuer.asked(), 1);
      issuer.answer = publish(issuer);
      issuer.now += 0.9;
      await times(10, () => isUnavailable(keys));
      await isUnavailable(keys, unknown);
      assert.is(keys.current(), undefined);
      assert.is(issuer.asked(), 1, 'no token becomes a request');
      issuer.now += 0.1;
      await finds(keys, one);
      assert.is(issuer.asked(), 2);
    });
  });

  test(`[G12] [R9449-7.1-03] while an issuer ${what}, its last good keys go on`, async () => {
    await withIssuer(async (issuer) => {
      const keys = issuer.open();
      const key = await finds(keys, one);
      const current = keys.current();
      issuer.answer = answer;
      issuer.now += 600;
      await endure(issuer, async () => assert.is(await keys.find(header(one)), key));
      assert.is(issuer.asked(), 2);
      assert.is(keys.current(), current, 'no fetch is due');
      issuer.now += 29.9;
      await isUnavailable(keys, unknown);
      await isUnavailable(keys, header(three));
      await finds(keys, two);
      assert.is(keys.current(), current);
      assert.is(issuer.asked(), 2, 'one attempt in 30 seconds');
      issuer.answer = publish(issuer);
      issuer.now += 1000;
      assert.is(keys.current(), undefined);
      assert.is(await keys.find(header(one)), key);
      assert.is(keys.current(), current, 'the same keys again');
      await isUnknown(keys);
      assert.is(issuer.asked(), 3);
    });
  });
}

test('[G12] takes a set of 256 kB', async () => {
  await withIssuer(async (issuer) => {
    issuer.answer = answerWith(JSON.stringify({ keys: [one] }).padEnd(262_144));
    await finds(issuer.open(), one);
  });
});

test('[G12] an issuer that is not there', async () => {
  let gone = '';
  await withIssuer(async ({ url }) => {
    gone = url;
  });
  const cause = await isUnavailable(new IssuerKeys(gone, policy));
  assert.is(cause.message, 'the request failed');
});

test('[G12] an issuer that goes down when an unknown key is asked for: 503, and known keys go on', async () => {
  await withIssuer(async (issuer) => {
    const keys = issuer.open();
    await finds(keys, one);
    const current = keys.current();
    issuer.answer = faults['answers with 500'] as RequestListener;
    issuer.now += 30;
    await times(100, () => isUnavailable(keys, unknown));
    await isUnavailable(keys, unknown);
    await finds(keys, one);
    assert.is(keys.current(), current);
    assert.is(issuer.asked(), 2);
    issuer.answer = publish(issuer);
    issuer.now += 29.9;
    await isUnavailable(keys, unknown);
    issuer.now += 0.1;
    await isUnknown(keys);
    assert.is(keys.current(), current);
    assert.is(issuer.asked(), 3);
  });
});

test('[G12] an issuer that goes on hanging holds up nobody but the first', async () => {
  await withIssuer(async (issuer) => {
    const keys = issuer.open();
    await finds(keys, one);
    issuer.answer = () => undefined;
    issuer.now += 600;
    await impatiently(issuer, () => finds(keys, one));
    let release = (): void => undefined;
    issuer.answer = (request, response) => {
      release = () => publish(issuer)(request, response);
    };
    issuer.keys = [two];
    issuer.now += 35;
    assert.is(keys.current(), undefined);
    await times(100, () => finds(keys, one)); // the attempt under way would take five seconds
    await askedTimes(issuer, 3);
    await finds(keys, one);
    assert.is(issuer.asked(), 3);
    release();
    while (keys.current() === undefined) await new Promise((resolve) => setTimeout(resolve, 1));
    await isUnknown(keys, header(one));
  });
});

test('[G19] a request long after the last failure waits for a fetch, and notices that a key is gone', async () => {
  await withIssuer(async (issuer) => {
    const keys = issuer.open();
    await finds(keys, one);
    const answer = issuer.answer;
    issuer.answer = faults['answers with 500'] as RequestListener;
    issuer.now += 600;
    await finds(keys, one);
    issuer.answer = answer;
    issuer.keys = [two];
    issuer.now += 60;
    await isUnknown(keys, header(one));
    assert.is(issuer.asked(), 3);
  });
});

test('[G12] the last good keys end at their time, and come back with the issuer', async () => {
  await withIssuer(async (issuer) => {
    const keys = issuer.open({ maxAge: 600, keepFor: 100 });
    await finds(keys, one);
    const current = keys.current();
    issuer.answer = faults['answers with 500'] as RequestListener;
    issuer.now += 690;
    await finds(keys, one);
    issuer.now += 9.9;
    assert.is(keys.current(), current);
    await finds(keys, one);
    issuer.now += 0.1;
    assert.is(keys.current(), undefined);
    await isUnavailable(keys);
    assert.is(issuer.asked(), 2);
    issuer.now += 20;
    await isUnavailable(keys);
    assert.is(issuer.asked(), 3);
    issuer.answer = publish(issuer);
    issuer.now += 0.9;
    await isUnavailable(keys);
    assert.is(issuer.asked(), 3);
    issuer.now += 0.1;
    await finds(keys, one);
    assert.is(keys.current(), current);
    assert.is(issuer.asked(), 4);
  });
});

// The issuer's metadata

/** Runs a test with an issuer that has metadata: `asked` are the paths. */
async function withMetadata(
  change: (document: Record<string, unknown>) => void,
  run: (metadata: IssuerMetadata, asked: readonly string[]) => Promise<void>,
): Promise<void> {
  await withIssuer(async (issuer) => {
    const asked: string[] = [];
    const { origin } = new URL(issuer.url);
    const document = { issuer: origin, jwks_uri: `${origin}/keys` };
    change(document);
    issuer.answer = ({ url = '' }, response) => {
      asked.push(url);
      response.end(JSON.stringify(url === '/keys' ? { keys: issuer.keys } : document));
    };
    await run(new IssuerMetadata(origin, 'oauth'), asked);
  });
}

test('[R8414-3-01] 1,000 requests at the start find keys through metadata with one fetch of each', async () => {
  await withMetadata(
    () => undefined,
    async (metadata, asked) => {
      const keys = new IssuerKeys(metadata, policy);
      assert.is(keys.current(), undefined);
      await times(1000, () => keys.find(header(one)));
      await finds(keys, two);
      assert.ok(keys.current());
      assert.equal(asked, ['/.well-known/oauth-authorization-server', '/keys']);
    },
  );
});

for (const [what, change] of Object.entries({
  'another issuer': { issuer: 'https://evil.example' },
  'no keys': { jwks_uri: undefined },
  'keys without protection': { jwks_uri: 'http://keys.example/' },
})) {
  test(`[R8414-3.3-01] metadata that names ${what}: the issuer is unavailable`, async () => {
    await withMetadata(
      (document) => Object.assign(document, change),
      async (metadata, asked) => {
        const cause = await isUnavailable(new IssuerKeys(metadata, policy));
        assert.match(cause.message, 'the metadata of the issuer');
        assert.equal(asked, ['/.well-known/oauth-authorization-server']);
      },
    );
  });
}

test.run();
