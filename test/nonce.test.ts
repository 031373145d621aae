import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { decodeBase64url, encodeBase64url } from '../src/digest.ts';
import type { Memory } from '../src/freshness.ts';
import { ChallengedKeys, createNonces } from '../src/nonce.ts';
import { createRequest, createWorld, reasonOf, refusalOf, T0 } from './_setup.ts';

const test = suite('nonce');

const scope = 'resource https://rs.example';

function memoryAt(now: number, nonceFloor: number = Number.NEGATIVE_INFINITY, id = 'memory'): Memory {
  return { id, birth: 0, now, floor: { iat: Number.NEGATIVE_INFINITY, nonce: nonceFloor } };
}

function secretOf(byte: number): Uint8Array {
  return new Uint8Array(32).fill(byte);
}

test('a misspelt secret is a mistake: each process would have its own', () => {
  assert.throws(
    () => createNonces({ secrets: secretOf(1) } as never),
    (error: unknown) => error instanceof TypeError && error.message.includes('"secrets"'),
  );
});

test('[R9449-9-03] reads when it issued a nonce', async () => {
  const nonces = createNonces();
  const nonce = await nonces.issue(scope, memoryAt(T0 + 0.1239));
  assert.equal(await nonces.read(scope, nonce, memoryAt(T0 + 40)), { axis: 'nonce', at: T0 + 0.123 });
  assert.equal(await nonces.read(scope, nonce, memoryAt(T0 + 1e6)), { axis: 'nonce', at: T0 + 0.123 });
});

test('[R9449-8.1-01] [H10] issues NQCHAR characters alone, at most 512', async () => {
  const nonces = createNonces();
  for (const now of [1, T0, T0 + 0.5, 2 ** 38]) {
    assert.match(await nonces.issue(scope, memoryAt(now)), /^[\x21\x23-\x5b\x5d-\x7e]{1,512}$/);
  }
});

test('[R9449-8-03] nobody else issues the same nonce', async () => {
  const [nonce, other] = await Promise.all(
    [createNonces(), createNonces()].map((each) => each.issue(scope, memoryAt(T0))),
  );
  assert.is.not(nonce, other);
});

test('[R9449-8-09] nodes with one secret read the nonces of each other', async () => {
  const [one, other] = [createNonces({ secret: secretOf(1) }), createNonces({ secret: secretOf(1) })];
  const nonce = await one.issue(scope, memoryAt(T0));
  assert.is(await other.issue(scope, memoryAt(T0)), nonce);
  assert.equal(await other.read(scope, nonce, memoryAt(T0)), { axis: 'nonce', at: T0 });
});

test('[R9449-8-04] [H02] a nonce under another secret is none of ours', async () => {
  const nonce = await createNonces({ secret: secretOf(1) }).issue(scope, memoryAt(T0));
  assert.is(await createNonces({ secret: secretOf(2) }).read(scope, nonce, memoryAt(T0)), undefined);
});

test('[R9449-9-03] [H02] a nonce of another scope is none of ours', async () => {
  const nonces = createNonces();
  const nonce = await nonces.issue('authorization https://rs.example', memoryAt(T0));
  assert.is(await nonces.read(scope, nonce, memoryAt(T0)), undefined);
  assert.is.not(await nonces.issue(scope, memoryAt(T0)), nonce);
});

test('[H13] a nonce of another memory is none of ours', async () => {
  const nonces = createNonces();
  const nonce = await nonces.issue(scope, memoryAt(T0));
  const reborn = memoryAt(T0, undefined, 'reborn');
  assert.is(await nonces.read(scope, nonce, reborn), undefined);
  const fresh = await nonces.issue(scope, reborn);
  assert.equal(await nonces.read(scope, fresh, reborn), { axis: 'nonce', at: T0 });
  assert.is(await nonces.read(scope, fresh, memoryAt(T0)), undefined);
});

test('scope and memory are kept apart, whatever they hold', async () => {
  const nonces = createNonces();
  const nonce = await nonces.issue('a b', memoryAt(T0, undefined, 'c'));
  assert.ok(await nonces.read('a b', nonce, memoryAt(T0, undefined, 'c')));
  assert.is(await nonces.read('a', nonce, memoryAt(T0, undefined, 'b c')), undefined);
});

test('[R9449-8-03] [H04] a nonce with one bit flipped is none of ours', async () => {
  const nonces = createNonces();
  const bytes = decodeBase64url(await nonces.issue(scope, memoryAt(T0)));
  for (let at = 0; at < bytes.length; at++) {
    const flipped = bytes.slice();
    flipped[at] = (bytes[at] as number) ^ (1 << (at % 8));
    assert.is(await nonces.read(scope, encodeBase64url(flipped), memoryAt(T0)), undefined);
  }
});

test('[R9449-8-03] [H04] a later time on the tag of an earlier one is none of ours', async () => {
  const nonces = createNonces();
  const early = decodeBase64url(await nonces.issue(scope, memoryAt(T0)));
  const late = decodeBase64url(await nonces.issue(scope, memoryAt(T0 + 60)));
  const forged = Uint8Array.of(...late.subarray(0, 6), ...early.subarray(6));
  assert.is(await nonces.read(scope, encodeBase64url(forged), memoryAt(T0 + 60)), undefined);
});

test('[H03] [H04] another spelling of a nonce is none of ours', async () => {
  const nonces = createNonces();
  const nonce = await nonces.issue(scope, memoryAt(T0));
  assert.ok(await nonces.read(scope, nonce, memoryAt(T0)));
  const last = nonce.slice(-1);
  const unused = String.fromCharCode(last.charCodeAt(0) + 1);
  const others = [
    '',
    nonce.slice(0, -1),
    nonce.slice(0, 20),
    `${nonce}A`,
    `${nonce}=`,
    `${nonce} `,
    ` ${nonce.slice(1)}`,
    nonce.slice(0, -1) + unused,
    `+${nonce.slice(1)}`,
    nonce.toLowerCase(),
    'A'.repeat(10_240),
  ];
  for (const other of others) assert.is(await nonces.read(scope, other, memoryAt(T0)), undefined, other);
});

test('[R9449-8-09] [H11] the former secret still reads, and the current one issues', async () => {
  const before = createNonces({ secret: secretOf(1) });
  const after = createNonces({ secret: secretOf(2), previousSecret: secretOf(1) });
  const old = await before.issue(scope, memoryAt(T0));
  assert.equal(await after.read(scope, old, memoryAt(T0)), { axis: 'nonce', at: T0 });
  const fresh = await after.issue(scope, memoryAt(T0));
  assert.ok(await createNonces({ secret: secretOf(2) }).read(scope, fresh, memoryAt(T0)));
  assert.is(await before.read(scope, fresh, memoryAt(T0)), undefined);
});

test('[H11] two nodes in the middle of a roll-over read the nonces of each other', async () => {
  const nodes = [
    createNonces({ secret: secretOf(1), previousSecret: secretOf(2) }),
    createNonces({ secret: secretOf(2), previousSecret: secretOf(1) }),
  ];
  for (const issuer of nodes) {
    const nonce = await issuer.issue(scope, memoryAt(T0));
    for (const reader of nodes)
      assert.equal(await reader.read(scope, nonce, memoryAt(T0)), { axis: 'nonce', at: T0 });
  }
  const stranger = await createNonces({ secret: secretOf(3) }).issue(scope, memoryAt(T0));
  for (const reader of nodes) assert.is(await reader.read(scope, stranger, memoryAt(T0)), undefined);
});

test('mints at most once a second', async () => {
  const nonces = createNonces();
  const first = await nonces.issue(scope, memoryAt(T0));
  assert.is(await nonces.issue(scope, memoryAt(T0 + 0.999)), first);
  assert.is(await nonces.issue(scope, memoryAt(T0 - 5)), first);
  const second = await nonces.issue(scope, memoryAt(T0 + 1));
  assert.is.not(second, first);
  assert.equal(await nonces.read(scope, second, memoryAt(T0 + 1)), { axis: 'nonce', at: T0 + 1 });
});

test('issues above the floor at once, again and again', async () => {
  const nonces = createNonces();
  let floor = T0;
  for (let round = 0; round < 20; round++) {
    const memory = memoryAt(T0, floor);
    const { at } = (await nonces.read(scope, await nonces.issue(scope, memory), memory)) ?? { at: 0 };
    assert.ok(at > floor && at < floor + 0.01);
    floor = at;
  }
});

test('issues above a floor that is ahead of the clock, and keeps to it until the clock is there', async () => {
  const nonces = createNonces();
  const ahead = await nonces.issue(scope, memoryAt(T0, T0 + 5));
  assert.equal(await nonces.read(scope, ahead, memoryAt(T0)), { axis: 'nonce', at: T0 + 5.001 });
  assert.is(await nonces.issue(scope, memoryAt(T0 + 6, T0 + 5)), ahead);
  const later = await nonces.issue(scope, memoryAt(T0 + 6.001, T0 + 5));
  assert.equal(await nonces.read(scope, later, memoryAt(T0)), { axis: 'nonce', at: T0 + 6.001 });
});

test('a nonce under the floor is not handed out again', async () => {
  const nonces = createNonces();
  const first = await nonces.issue(scope, memoryAt(T0));
  assert.is(await nonces.issue(scope, memoryAt(T0, T0 - 0.001)), first);
  assert.is.not(await nonces.issue(scope, memoryAt(T0, T0)), first);
});

test('keeps a copy of its secrets', async () => {
  const secret = secretOf(1);
  const previousSecret = secretOf(2);
  const nonces = createNonces({ secret, previousSecret });
  secret.fill(9);
  previousSecret.fill(9);
  const nonce = await nonces.issue(scope, memoryAt(T0));
  assert.ok(await createNonces({ secret: secretOf(1) }).read(scope, nonce, memoryAt(T0)));
  const previous = await createNonces({ secret: secretOf(2) }).issue(scope, memoryAt(T0));
  assert.ok(await nonces.read(scope, previous, memoryAt(T0)));
});

for (const secret of [
  new Uint8Array(31),
  new Uint8Array(33),
  new Uint8Array(0),
  'a'.repeat(32),
  [1],
  new ArrayBuffer(32),
  null,
]) {
  const refused = (name: string) => (error: unknown) =>
    error instanceof TypeError && error.message.includes(`"${name}"`);
  test(`refuses a secret of ${secret?.constructor.name} ${JSON.stringify(secret)?.length}`, () => {
    if (secret !== null)
      assert.throws(() => createNonces({ secret: secret as Uint8Array }), refused('secret'));
    assert.throws(() => createNonces({ previousSecret: secret as Uint8Array }), refused('previousSecret'));
  });
}

test('refuses options that are none', () => {
  assert.throws(
    () => createNonces(null as never),
    (error: unknown) => error instanceof TypeError,
  );
});

test('[R9449-8-04] [R9449-8-09] a server takes a nonce to its last millisecond and challenges the next', async () => {
  const world = await createWorld({ noncePolicy: 'always' });
  const challenged = await refusalOf(world.server.authorize(await createRequest(world)));
  assert.is(challenged.reason, 'nonce-required');
  const nonce = challenged.nonce as string;
  world.clock.now = T0 + 60;
  await world.server.authorize(await createRequest(world, { nonce }));
  world.clock.now = T0 + 60.001;
  assert.is(await reasonOf(world.server.authorize(await createRequest(world, { nonce }))), 'proof-stale');
});

test('[R9449-11.3-01] a challenged key is remembered to the last instant', () => {
  const keys = new ChallengedKeys(10);
  assert.not(keys.has('a', T0));
  keys.add('a', T0 + 60);
  assert.ok(keys.has('a', T0 + 60));
  assert.not(keys.has('a', T0 + 60.001));
  assert.not(keys.has('b', T0));
});

test('[R9449-11.3-01] a key that is challenged again is remembered for longer', () => {
  const keys = new ChallengedKeys(1);
  keys.add('a', T0 + 60);
  keys.add('a', T0 + 90);
  assert.ok(keys.has('a', T0 + 90));
  assert.not(keys.has('b', T0 + 60));
});

test('[R9449-11.3-01] when it forgets a key, every key must use nonces until that one would be free', () => {
  const keys = new ChallengedKeys(2);
  keys.add('a', T0 + 60);
  keys.add('b', T0 + 50);
  assert.not(keys.has('stranger', T0));
  keys.add('c', T0 + 40);
  assert.ok(keys.has('a', T0 + 60));
  assert.ok(keys.has('stranger', T0 + 60));
  assert.not(keys.has('stranger', T0 + 60.001));
  keys.add('d', T0 + 30);
  assert.ok(keys.has('stranger', T0 + 60), 'the later of two ends counts');
});

test('[R9449-11.3-01] a polluted prototype does not make it forget a key', async () => {
  const prototype = Object.prototype as unknown as Record<string, unknown>;
  prototype['ttl'] = 1;
  try {
    const keys = new ChallengedKeys(2);
    keys.add('a', T0 + 60);
    await new Promise((resolve) => setTimeout(resolve, 30));
    assert.ok(keys.has('a', T0));
  } finally {
    Reflect.deleteProperty(prototype, 'ttl');
  }
});

test('a clock that is no number asks everybody for a nonce', () => {
  assert.ok(new ChallengedKeys(1).has('a', Number.NaN));
});

test.run();
