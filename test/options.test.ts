import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { defaultPolicy } from '../src/freshness.ts';
import { signatureAlgorithms } from '../src/jwk.ts';
import {
  monotonicClock,
  refuseOption,
  requireAlgorithms,
  requireClock,
  requireCount,
  requireMethods,
  requireOptions,
  requirePolicy,
  requireScopes,
  requireSeconds,
  requireText,
  requireUrl,
  systemClock,
} from '../src/options.ts';

const test = suite('options');

/** Fails unless it throws a `TypeError` that names the option. */
function assertRefused(attempt: () => unknown, name: string): void {
  assert.throws(
    attempt,
    (error: unknown) => error instanceof TypeError && error.message.includes(`"${name}"`),
  );
}

test('a refusal names the option and what it must be, in one sentence', () => {
  const says = (error: unknown): boolean =>
    error instanceof TypeError && error.message === 'holdfast: option "size" must be a positive integer';
  assert.throws(() => refuseOption('size', 'a positive integer'), says);
});

test('something made elsewhere is known by its methods: all of them, and own or inherited', () => {
  class Store {
    read(): void {}
    claim(): void {}
  }
  const plain = { read: () => undefined, claim: () => undefined, more: 5 };
  for (const store of [plain, new Store()])
    assert.is(requireMethods('store', store, ['read', 'claim'], 'a store'), store);
  const { claim: _, ...half } = plain;
  for (const value of [undefined, null, 5, 'store', {}, half, { ...plain, claim: true }, []])
    assertRefused(() => requireMethods<unknown>('store', value, ['read', 'claim'], 'a store'), 'store');
});

test('a refusal never repeats the value that was refused', () => {
  const secret = 'hunter2';
  const attempts = [
    () => requireUrl('it', secret),
    () => requireCount('it', secret),
    () => requireSeconds('it', secret, 10),
    () => requireClock('it', secret),
    () => requireAlgorithms('it', [secret]),
    () => requireText('it', [secret]),
  ];
  const silent = (error: unknown): boolean => error instanceof TypeError && !error.message.includes(secret);
  for (const attempt of attempts) assert.throws(attempt, silent);
});

test('options are an object', () => {
  requireOptions({});
  for (const value of [undefined, null, 'text', 1, true, () => ({})]) {
    assert.throws(
      () => requireOptions(value),
      (error: unknown) => error instanceof TypeError,
      String(value),
    );
  }
});

test('options with a name that is not known are refused, by that name', () => {
  requireOptions({}, []);
  requireOptions({ a: 1, b: undefined }, ['a', 'b']);
  for (const value of [{ a: 1, c: 2 }, { c: undefined }, { A: 1 }, { toString: 1 }]) {
    assert.throws(
      () => requireOptions(value, ['a', 'b']),
      (error: unknown) => error instanceof TypeError && /there is no option "\w+"$/.test(error.message),
    );
  }
  requireOptions({ anything: 1 });
});

test('an option that is only inherited is refused, by its name: it was given by somebody else', () => {
  const given = Object.assign(Object.create({ b: 1 }) as object, { a: 1 });
  assertRefused(() => requireOptions(given, ['a', 'b']), 'b');
  assert.is(requireOptions(given, ['a']), given, 'no option of ours');
  assert.is(requireOptions(given), given);
});

test('a text is a string that is not empty', () => {
  assert.is(requireText('name', 'a'), 'a');
  assert.is(requireText('name', ' '), ' ');
  for (const value of ['', undefined, null, 0, [], {}, new String('a')])
    assertRefused(() => requireText('name', value), 'name');
});

test('a count is a positive integer', () => {
  for (const value of [1, 10_000, Number.MAX_SAFE_INTEGER]) assert.is(requireCount('size', value), value);
  const { NaN: nan, POSITIVE_INFINITY: infinity } = Number;
  for (const value of [0, -1, 0.5, 1.5, nan, infinity, 2 ** 53, '1', 1n, null, undefined]) {
    assertRefused(() => requireCount('size', value), 'size');
  }
});

test('a count has an upper bound where there is one', () => {
  for (const value of [1, 9, 10]) assert.is(requireCount('capacity', value, 10), value);
  for (const value of [0, 11, Number.MAX_SAFE_INTEGER]) {
    assert.throws(
      () => requireCount('capacity', value, 10),
      (error: unknown) =>
        (error as Error).message === 'holdfast: option "capacity" must be an integer from 1 to 10',
    );
  }
});

test('a length of time lies between zero and its maximum, both included', () => {
  for (const value of [0, 0.001, 59.5, 60]) assert.is(requireSeconds('maxAge', value, 60), value);
  const { NaN: nan, POSITIVE_INFINITY: infinity } = Number;
  for (const value of [-0.001, -1, 60.001, nan, infinity, -infinity, '30', null, undefined, 30n]) {
    assertRefused(() => requireSeconds('maxAge', value, 60), 'maxAge');
  }
});

test('a clock is a function', () => {
  const clock = (): number => 1;
  assert.is(requireClock('clock', clock), clock);
  for (const value of [undefined, null, 1_800_000_000, new Date(0), 'now']) {
    assertRefused(() => requireClock('clock', value), 'clock');
  }
});

test('a clock tells seconds: milliseconds and what is no number are refused at the start', () => {
  const readings = [
    Date.now(),
    1e11,
    Number.NaN,
    Number.POSITIVE_INFINITY,
    '1800000000',
    new Date(),
    5n,
    undefined,
  ];
  for (const reading of [...readings, Promise.resolve(1)]) {
    assertRefused(() => requireClock('clock', () => reading), 'clock');
  }
  assertRefused(() => requireClock('clock', Date.now), 'clock');
  const late = (): number => 1e11 - 1;
  assert.is(requireClock('clock', late), late);
});

test('the monotonic clock tells seconds, and stays as it is when the system is set', () => {
  const { now } = Date;
  const before = monotonicClock();
  Date.now = () => 0;
  try {
    const after = monotonicClock();
    assert.ok(after >= before && after * 1000 <= performance.now());
  } finally {
    Date.now = now;
  }
});

test('the clock of the system tells seconds', () => {
  const before = Date.now();
  const seconds = systemClock();
  assert.ok(seconds * 1000 >= before && seconds * 1000 <= Date.now());
});

test('[R9449-11.6-01] algorithms are a list of some that are known', () => {
  for (const algorithm of signatureAlgorithms) {
    assert.equal(requireAlgorithms('algorithms', [algorithm]), [algorithm]);
  }
  assert.equal(requireAlgorithms('algorithms', ['PS256', 'ES256']), ['PS256', 'ES256'], 'in the order given');
});

test('[C10] [R9449-11.6-01] none, MAC and unknown algorithms are refused, even beside good ones', () => {
  const names = [
    'none',
    'None',
    '',
    'HS256',
    'HS384',
    'HS512',
    'ES384',
    'ES256K',
    'RS1',
    'Ed448',
    'es256',
    'ES256 ',
  ];
  for (const name of [...names, null, undefined, 0, ['ES256'], 'toString', '__proto__']) {
    assertRefused(() => requireAlgorithms('algorithms', ['ES256', name]), 'algorithms');
  }
});

test('algorithms that are no list, or an empty one, are refused', () => {
  for (const value of [[], 'ES256', undefined, null, {}, { length: 1, 0: 'ES256' }, new Set(['ES256'])]) {
    assertRefused(() => requireAlgorithms('algorithms', value), 'algorithms');
  }
});

test('the list of algorithms is a copy that nobody can change', () => {
  const given = ['ES256'];
  const taken = requireAlgorithms('algorithms', given);
  given.push('none');
  assert.equal(taken, ['ES256']);
  assert.ok(Object.isFrozen(taken));
});

test('[R9449-11.1-01] the time window is the default where nothing is said', () => {
  assert.equal(requirePolicy({}), defaultPolicy);
  assert.equal(requirePolicy({ maxAge: 5 }), { ...defaultPolicy, maxAge: 5 });
  assert.equal(requirePolicy({ futureSkew: 0 }), { ...defaultPolicy, futureSkew: 0 });
  assert.ok(Object.isFrozen(requirePolicy({})));
});

for (const [name, max] of Object.entries({ maxAge: 600, futureSkew: 60, nonceLife: 600 })) {
  test(`[R9449-11.1-01] ${name} is at most ${max} s`, () => {
    assert.is((requirePolicy({ [name]: max }) as unknown as Record<string, number>)[name], max);
    for (const value of [max + 1, -1, Number.NaN, '10'])
      assertRefused(() => requirePolicy({ [name]: value }), name);
  });
}

test('[R9449-2-01] a URL is https, or http on loopback, as text or as an object', () => {
  const url = new URL('https://as.example/jwks');
  assert.is(requireUrl('jwks', url), url);
  assert.is(requireUrl('jwks', 'https://as.example/jwks').href, url.href);
  assert.is(requireUrl('jwks', 'http://127.0.0.1:3000/').port, '3000');
});

test('[R9449-2-01] any other URL, and what is none, is refused', () => {
  const insecure = [
    'http://as.example/',
    new URL('http://as.example/'),
    'ftp://localhost/',
    'javascript:alert(1)',
  ];
  for (const value of [
    ...insecure,
    'as.example',
    '/jwks',
    '',
    undefined,
    null,
    1,
    {},
    { href: 'https://as.example' },
  ]) {
    assertRefused(() => requireUrl('jwks', value), 'jwks');
  }
});

test('a URL with user info is refused: it would be told in challenges, logs and errors', () => {
  for (const value of [
    'https://user@as.example/',
    'https://:secret@as.example/',
    'https://u:p@as.example/',
  ]) {
    assertRefused(() => requireUrl('jwks', value), 'jwks');
    assertRefused(() => requireUrl('jwks', new URL(value)), 'jwks');
  }
});

test('scopes are a list of names that can stand in a challenge as they are', () => {
  for (const good of [[], ['notes:read'], ['a', 'b.c', 'https://rs.example/x']]) {
    assert.equal(requireScopes('scopes', good), good);
  }
  for (const bad of ['notes:read', ['a b'], ['a"b'], ['a\\b'], [''], ['é'], ['a\r\nb'], [1], null, {}]) {
    assertRefused(() => requireScopes('scopes', bad), 'scopes');
  }
});

test.run();
