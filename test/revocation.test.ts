import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { sha256 } from '../src/digest.ts';
import type { DpopError, DpopErrorReason } from '../src/errors.ts';
import {
  createRevocations,
  type RevocableToken,
  type Revocation,
  type RevocationAnswer,
  type RevocationEntry,
  type RevocationQuery,
  type RevocationStore,
  type Revocations,
  type RevocationsOptions,
} from '../src/revocation.ts';
import { createMemoryRevocationStore } from '../src/revocation-memory.ts';
import { createClock, reasonOf, refusalOf, T0, type TestClock } from './_setup.ts';

/** The one interface to a revocation memory: what revokes what, for how long, and what a request is refused for. */

const test = suite('revocation');

const issuer = 'https://as.example';
const jkt = 'A'.repeat(43);
const otherJkt = `${'B'.repeat(42)}A`;

const token: RevocableToken = {
  iss: issuer,
  jti: 'jti-1',
  sub: 'alice',
  iat: T0 - 10,
  exp: T0 + 290,
  grant_id: 'grant-1',
};

interface World {
  readonly clock: TestClock;
  readonly revocations: Revocations;
}

/** A memory that was born long ago. */
function worldOf(options: Partial<RevocationsOptions> = {}): World {
  const clock = createClock();
  const store = createMemoryRevocationStore({ capacity: 100, birth: T0 - 100_000, monotonicClock: () => 0 });
  return { clock, revocations: createRevocations({ store, clock: clock.read, ...options }) };
}

/** Why a token is refused; `ok` when it is not. */
async function verdictOf(
  { revocations, clock }: World,
  change: Partial<RevocableToken> = {},
  key: string | 'unbound' = jkt,
): Promise<DpopErrorReason | 'ok'> {
  return revocations
    .refuseRevoked({ ...token, ...change }, key === 'unbound' ? undefined : key, clock.now)
    .then(
      () => 'ok',
      (error: DpopError) => error.reason,
    );
}

/** A revocation, and tokens that differ in one thing from the one that it revokes. */
const kinds: Readonly<
  Record<string, readonly [revocation: Revocation, others: readonly Partial<RevocableToken>[]]>
> = {
  'a token': [
    { issuer, jti: 'jti-1', exp: token.exp },
    [{ jti: 'jti-2' }, { jti: 'JTI-1' }, { iss: 'https://other.example' }],
  ],
  'a subject before a moment': [
    { issuer, subject: 'alice', before: T0 },
    [{ sub: 'bob' }, { iat: T0 }, { iss: 'https://other.example' }],
  ],
  'a grant': [
    { issuer, grant: 'grant-1' },
    [{ grant_id: 'grant-2' }, { iss: 'https://other.example' }, { grant_id: undefined as unknown as string }],
  ],
};

for (const [name, [revocation, others]] of Object.entries(kinds)) {
  test(`[G17] revokes ${name}: the next request is refused, and no other token is`, async () => {
    const world = worldOf();
    assert.is(await verdictOf(world), 'ok');
    await world.revocations.revoke(revocation);
    assert.is(await verdictOf(world), 'token-revoked');
    for (const change of others) assert.is(await verdictOf(world, change), 'ok', JSON.stringify(change));
    assert.is(await verdictOf(world, {}, 'unbound'), 'token-revoked', 'bound to no key');
  });
}

test('[G17] revokes a key: whatever is bound to it, whoever issued it, and the key itself', async () => {
  const world = worldOf();
  await world.revocations.refuseRevokedKey(jkt, T0);
  await world.revocations.revoke({ jkt });
  for (const change of [
    {},
    { iss: 'https://other.example', jti: 'x', sub: 'bob', grant_id: 'y', iat: T0 + 60 },
  ])
    assert.is(await verdictOf(world, change), 'token-revoked');
  assert.is(await verdictOf(world, {}, otherJkt), 'ok');
  assert.is(await verdictOf(world, {}, 'unbound'), 'ok');
  const refusal = await refusalOf(world.revocations.refuseRevokedKey(jkt, T0));
  assert.equal([refusal.reason, refusal.code, refusal.jkt], ['key-revoked', 'invalid_dpop_proof', jkt]);
  await world.revocations.refuseRevokedKey(otherJkt, T0);
});

test('a key is revoked for good, or until a moment that is given', async () => {
  for (const [until, verdicts] of [
    [undefined, ['key-revoked', 'key-revoked']],
    [Number.POSITIVE_INFINITY, ['key-revoked', 'key-revoked']],
    [T0 + 600, ['key-revoked', 'ok']],
  ] as const) {
    const world = worldOf();
    await world.revocations.revoke(until === undefined ? { jkt } : { jkt, until });
    const found: string[] = [];
    for (const now of [T0 + 600, T0 + 1e7]) {
      world.clock.now = now;
      await world.revocations.revoke({ jkt: otherJkt });
      found.push(
        await world.revocations.refuseRevokedKey(jkt, now).then(
          () => 'ok',
          (error: DpopError) => error.reason,
        ),
      );
    }
    assert.equal(found, verdicts, String(until));
  }
});

test('a key without a history is no forgotten one: nothing was issued for it yet', async () => {
  const store = createMemoryRevocationStore({ capacity: 1, birth: T0 });
  await createRevocations({ store }).refuseRevokedKey(jkt, T0 - 5);
});

test('the text of a name decides, not where its parts meet, and no name is that of another kind', async () => {
  const world = worldOf();
  const names = [
    { issuer: 'https://as.example', subject: '","alice', before: T0 },
    { issuer: 'https://as.example","', subject: 'alice', before: T0 },
    { issuer, subject: 'jti-1', before: T0 },
    { issuer, subject: 'grant-1', before: T0 },
    { issuer, grant: 'alice' },
    { issuer, grant: 'jti-1' },
    { issuer, jti: 'alice', exp: token.exp },
    { issuer, jti: 'grant-1', exp: token.exp },
    { issuer, jti: jkt, exp: token.exp },
  ];
  for (const revocation of names) await world.revocations.revoke(revocation);
  assert.is(await verdictOf(world), 'ok');
});

test('an issue time is compared with the moment strictly: what is issued at it lives on', async () => {
  const world = worldOf();
  await world.revocations.revoke({ issuer, subject: 'alice', before: T0 });
  assert.is(await verdictOf(world, { iat: T0 - 0.001 }), 'token-revoked');
  assert.is(await verdictOf(world, { iat: T0 }), 'ok');
  await world.revocations.revoke({ issuer, subject: 'alice', before: T0 - 5 });
  assert.is(await verdictOf(world, { iat: T0 - 1 }), 'token-revoked', 'an earlier moment takes nothing back');
});

/** What the store was told last, and answers. */
function recorder(answer: RevocationAnswer = 'live'): {
  readonly store: RevocationStore;
  readonly added: [RevocationEntry, number][];
  readonly looked: RevocationQuery[];
} {
  const [added, looked]: [[RevocationEntry, number][], RevocationQuery[]] = [[], []];
  const store: RevocationStore = {
    add: (entry, now) => void added.push([entry, now]),
    look: (query) => {
      looked.push(query);
      return answer;
    },
  };
  return { store, added, looked };
}

test('[R9449-11.2-01] an entry is kept until the last token that it revokes has expired, with leeway', async () => {
  const always = Number.POSITIVE_INFINITY;
  const { store, added } = recorder();
  const revocations = createRevocations({ store, clock: () => T0, maxTokenLife: 3600, leeway: 30 });
  await revocations.revoke({ issuer, jti: 'jti-1', exp: T0 + 290 });
  await revocations.revoke({ issuer, subject: 'alice', before: T0 - 100 });
  await revocations.revoke({ issuer, grant: 'grant-1' });
  await revocations.revoke({ jkt });
  await revocations.revoke({ jkt, until: T0 + 5 });
  const moments = added.map(([{ before, until }, now]) => [before, until, now]);
  assert.equal(moments, [
    [always, T0 + 320, T0],
    [T0 - 100, T0 + 3530, T0],
    [always, T0 + 3630, T0],
    [always, always, T0],
    [always, T0 + 5, T0],
  ]);
});

test('defaults: a day for the longest-lived token, and a minute of leeway', async () => {
  const { store, added } = recorder();
  const before = Date.now() / 1000;
  await createRevocations({ store }).revoke({ issuer, grant: 'grant-1' });
  const [entry, now] = added[0] as [RevocationEntry, number];
  assert.is(entry.until, now + 86_460);
  assert.ok(now >= before && now <= Date.now() / 1000, 'by the clock of the system');
});

test('[I35] the memory is told hashes and times: no token, name or key', async () => {
  const { store, added, looked } = recorder();
  const revocations = createRevocations({ store, clock: () => T0 });
  for (const [revocation] of Object.values(kinds)) await revocations.revoke(revocation);
  await revocations.revoke({ jkt });
  await revocations.refuseRevoked(token, jkt, T0);
  const keys = added.map(([{ key }]) => key);
  for (const key of keys) assert.match(key, /^[\w-]{43}$/);
  assert.is(new Set(keys).size, 4);
  assert.equal(new Set(looked[0]?.keys), new Set(keys), 'what is looked up is what revokes it');
  assert.is(keys[0], await sha256(JSON.stringify(['token', issuer, 'jti-1'])));
  assert.equal({ ...looked[0], keys: [] }, { keys: [], issuedAt: token.iat, expires: token.exp, now: T0 });
});

test('one look for each request, by what the token has', async () => {
  const { store, looked } = recorder();
  const world = worldOf({ store });
  assert.is(await verdictOf(world), 'ok');
  assert.is(await verdictOf(world, { grant_id: undefined as unknown as string }, 'unbound'), 'ok');
  assert.is(await verdictOf(world, { grant_id: 5 as unknown as string }, 'unbound'), 'ok');
  assert.equal(
    looked.map(({ keys }) => keys.length),
    [4, 2, 2],
  );
});

test('[R9449-11.2-01] a token that lives longer than entries are kept is refused, without a look', async () => {
  const { store, looked } = recorder();
  const world = worldOf({ store, maxTokenLife: 300, leeway: 10 });
  assert.is(await verdictOf(world, { exp: token.iat + 310 }), 'ok');
  for (const exp of [token.iat + 310.001, Number.NaN, Number.POSITIVE_INFINITY])
    assert.is(await verdictOf(world, { exp }), 'token-lives-too-long');
  assert.is(await verdictOf(world, { iat: Number.NaN }), 'token-lives-too-long');
  assert.is(looked.length, 1);
  const refusal = await refusalOf(world.revocations.refuseRevoked({ ...token, exp: T0 + 1e6 }, jkt, T0));
  assert.equal([refusal.code, refusal.jkt], ['invalid_token', jkt]);
});

for (const [answer, reason] of [
  ['revoked', 'token-revoked'],
  ['forgotten', 'token-revocation-unknown'],
] as const) {
  test(`what is ${answer} is refused: invalid_token, with the key for the log`, async () => {
    const revocations = createRevocations({ store: recorder(answer).store });
    const refusal = await refusalOf(revocations.refuseRevoked(token, jkt, T0));
    assert.equal([refusal.reason, refusal.code, refusal.jkt], [reason, 'invalid_token', jkt]);
  });
}

const unforeseen: readonly unknown[] = [
  undefined,
  null,
  true,
  false,
  'ok',
  'LIVE',
  '',
  0,
  1,
  {},
  ['live'],
  { live: true },
];

test('[I32] whatever else a store answers is 503, at once and by promise, for tokens and keys', async () => {
  for (const answer of unforeseen) {
    for (const given of [answer, Promise.resolve(answer)]) {
      const revocations = createRevocations({
        store: { add: () => undefined, look: () => given as RevocationAnswer },
      });
      assert.is(await reasonOf(revocations.refuseRevoked(token, jkt, T0)), 'revocation-store-unavailable');
      assert.is(await reasonOf(revocations.refuseRevokedKey(jkt, T0)), 'revocation-store-unavailable');
    }
  }
});

const down = new Error('connection refused');

const broken: Readonly<Record<string, () => never | Promise<never>>> = {
  throws: () => {
    throw down;
  },
  rejects: () => Promise.reject(down),
};

for (const [name, fails] of Object.entries(broken)) {
  test(`[G12] [I18] a store that ${name} is 503, with the cause; and nothing is told to be revoked`, async () => {
    const revocations = createRevocations({ store: { add: fails, look: fails } });
    for (const attempt of [
      revocations.refuseRevoked(token, jkt, T0),
      revocations.refuseRevokedKey(jkt, T0),
    ]) {
      const refusal = await refusalOf(attempt);
      assert.equal(
        [refusal.reason, refusal.code],
        ['revocation-store-unavailable', 'temporarily_unavailable'],
      );
      assert.is(refusal.cause, down);
      assert.is(refusal.jkt, jkt);
    }
    assert.is(await revocations.revoke({ jkt }).catch((error: unknown) => error), down);
  });
}

test('[I18] a store that never answers is 503 after a second, and a revocation that is not told fails', async () => {
  const never = (): Promise<never> => new Promise(() => undefined);
  const revocations = createRevocations({ store: { add: never, look: never } });
  const [reason, error] = await Promise.all([
    reasonOf(revocations.refuseRevoked(token, jkt, T0)),
    revocations.revoke({ jkt }).catch((thrown: Error) => thrown),
  ]);
  assert.is(reason, 'revocation-store-unavailable');
  assert.match((error as Error).message, 'no answer within 1000 ms');
});

test('[I13] a full memory fails the revocation and forgets none', async () => {
  const store = createMemoryRevocationStore({ capacity: 1, birth: 0 });
  const world = worldOf({ store });
  await world.revocations.revoke({ issuer, grant: 'grant-1' });
  const error = await world.revocations
    .revoke({ issuer, grant: 'grant-2' })
    .catch((thrown: unknown) => thrown);
  assert.instance(error, RangeError);
  assert.is(await verdictOf(world), 'token-revoked');
});

test('[I23] after a restart nothing that was issued before it is served', async () => {
  const before = worldOf();
  await before.revocations.revoke({ issuer, grant: 'grant-1' });
  const after = worldOf({ store: createMemoryRevocationStore({ capacity: 10, clock: () => T0 }) });
  assert.is(await verdictOf(after), 'token-revocation-unknown');
  assert.is(await verdictOf(after, { iat: T0 }), 'ok');
});

test('[I27] [I28] no step of the clock brings a revoked token back while any server would take it', async () => {
  for (const [name, [revocation]] of Object.entries(kinds)) {
    const world = worldOf({ maxTokenLife: 300 });
    await world.revocations.revoke(revocation);
    for (const step of [100, 250, -340, 100_000, -100_000, -3600, 3700]) {
      world.clock.now += step;
      for (let count = 0; count < 5; count++) {
        const fresh = { issuer, jti: `x ${count} ${step}`, exp: world.clock.now };
        await world.revocations.revoke(fresh);
      }
      assert.is.not(await verdictOf(world), 'ok', `${name}, after a step of ${step} s`);
    }
  }
});

const malformed: Readonly<Record<string, readonly unknown[]>> = {
  nothing: [undefined, null, 'jti-1', 5],
  'an empty object': [{}],
  'an issuer only': [{ issuer }],
  'no issuer': [
    { jti: 'jti-1', exp: T0 },
    { subject: 'alice', before: T0 },
    { grant: 'grant-1' },
    { issuer: '', grant: 'grant-1' },
    { issuer: 5, grant: 'grant-1' },
  ],
  'an empty name, or one that is no text': [
    { issuer, jti: '', exp: T0 },
    { issuer, jti: undefined, exp: T0 },
    { issuer, subject: '', before: T0 },
    { issuer, subject: 5, before: T0 },
    { issuer, grant: '' },
    { issuer, grant: null },
  ],
  'no moment': [
    { issuer, jti: 'jti-1' },
    { issuer, jti: 'jti-1', exp: Number.NaN },
    { issuer, jti: 'jti-1', exp: Number.POSITIVE_INFINITY },
    { issuer, jti: 'jti-1', exp: T0 * 1000 },
    { issuer, subject: 'alice' },
    { issuer, subject: 'alice', before: Number.POSITIVE_INFINITY },
    { issuer, subject: 'alice', before: new Date() },
    { jkt, until: Number.NaN },
    { jkt, until: T0 * 1000 },
    { jkt, until: '5' },
  ],
  'two things at once': [
    { issuer, subject: 'alice', before: T0, grant: 'grant-1' },
    { issuer, jti: 'jti-1', exp: T0, grant: 'grant-1' },
    { issuer, jkt },
  ],
  'no thumbprint': [
    { jkt: '' },
    { jkt: undefined },
    { jkt: jkt.slice(1) },
    { jkt: `${jkt}=` },
    { jkt: `${'A'.repeat(42)}B` },
  ],
};

for (const [name, revocations] of Object.entries(malformed)) {
  test(`a revocation with ${name} is a mistake, told before anything is recorded`, async () => {
    const { store, added } = recorder();
    for (const revocation of revocations) {
      const attempt = createRevocations({ store, clock: () => T0 }).revoke(revocation as Revocation);
      const error = await attempt.catch((thrown: unknown) => thrown);
      assert.instance(error, TypeError, JSON.stringify(revocation));
    }
    assert.equal(added, []);
  });
}

test('what was worked out for a token is not used for what has become of it, nor for another key', async () => {
  const asked: string[][] = [];
  const store: RevocationStore = {
    add: () => undefined,
    look: ({ keys }) => {
      asked.push([...keys]);
      return 'live';
    },
  };
  const revocations = createRevocations({ store, clock: () => T0 });
  const claims = { iss: issuer, jti: 'jti-1', sub: 'alice', iat: T0, exp: T0 + 300 };
  await revocations.refuseRevoked(claims, jkt, T0);
  claims.jti = 'jti-2';
  await revocations.refuseRevoked(claims, jkt, T0);
  Object.freeze(claims);
  await revocations.refuseRevoked(claims, jkt, T0);
  await revocations.refuseRevoked(claims, undefined, T0);
  await revocations.refuseRevoked(claims, jkt, T0);
  const [first, changed, frozen, unbound, again] = asked;
  assert.not.equal(changed, first);
  assert.equal(frozen, changed);
  assert.is(unbound?.length, 2);
  assert.equal(again, changed);
});

test('refuses options that make no sense, by name', () => {
  const { store } = recorder();
  const wrong: Readonly<Record<string, readonly unknown[]>> = {
    store: [undefined, null, {}, { add: () => undefined }, { look: () => 'live' }, 'redis'],
    maxTokenLife: [-1, Number.NaN, 31_536_001, '60'],
    leeway: [-1, Number.NaN, 601, '60'],
    clock: ['now', Date.now, () => Number.NaN],
    maxTokenLive: [60],
  };
  for (const [option, values] of Object.entries(wrong)) {
    for (const value of values) {
      assert.throws(
        () => createRevocations({ store, [option]: value } as RevocationsOptions),
        (error: unknown) => error instanceof TypeError && error.message.includes(`"${option}"`),
        `${option}: ${String(value)}`,
      );
    }
  }
  assert.throws(() => createRevocations(undefined as unknown as RevocationsOptions), TypeError);
});

test.run();
