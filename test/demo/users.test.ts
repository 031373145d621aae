import crypto from 'node:crypto';
import { syncBuiltinESMExports } from 'node:module';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { BusyError, createUsers } from '../../demo/sign-in/users.ts';

/** Passwords of the demo's users. */

const test = suite('demo/users');

const users = createUsers();

for (const [name, password, right] of [
  ['alice', 'alice', true],
  ['bob', 'bob', true],
  ['alice', 'bob', false],
  ['bob', 'alice', false],
  ['alice', '', false],
  ['alice', 'alice ', false],
  ['ALICE', 'alice', false],
  ['', '', false],
  ['mallory', 'mallory', false],
  ['constructor', 'constructor', false],
  ['alice', 'x'.repeat(10_000), false],
] as const) {
  test(`"${name}" with "${password.slice(0, 20)}" is ${right ? 'right' : 'wrong'}`, async () => {
    assert.is(await users.verify(name, password), right);
  });
}

test('an unknown user costs as much as a known one: one scrypt of the same strength', async () => {
  await users.verify('alice', 'x'); // by now all hashes are made
  const costs: unknown[] = [];
  const { scrypt } = crypto;
  crypto.scrypt = ((...args: Parameters<typeof scrypt>) => {
    costs.push(args[3]);
    scrypt(...args);
  }) as typeof scrypt;
  syncBuiltinESMExports();
  try {
    await users.verify('alice', 'x');
    await users.verify('mallory', 'x');
  } finally {
    crypto.scrypt = scrypt;
    syncBuiltinESMExports();
  }
  assert.is(costs.length, 2);
  assert.equal(costs[0], costs[1]);
  assert.ok((costs[0] as { N: number }).N >= 2 ** 15);
});

test('of many at once, some are told to come back, the others are answered, and then it goes on', async () => {
  const attempts = await Promise.allSettled(Array.from({ length: 40 }, () => users.verify('bob', 'bob')));
  const refused = attempts.filter((attempt) => attempt.status === 'rejected');
  assert.is(refused.length, 22);
  for (const { reason } of refused) assert.instance(reason, BusyError);
  const answered = attempts.filter((attempt) => attempt.status === 'fulfilled');
  for (const { value } of answered) assert.is(value, true);
  assert.is(await users.verify('alice', 'alice'), true);
});

test.run();
