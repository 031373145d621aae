import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { openNetwork } from '../../../demo/lab/engine/network.ts';
import type { Seconds } from '../../../demo/lab/model.ts';
import { createListInMemory, denyList } from '../../../demo/lab/protections/deny-list.ts';
import { issuedSinceUpdate } from '../../../demo/lab/protections/updated-at.ts';
import { assertRefused, type Context, open, openWith, readLog } from './_profiles.ts';

/** Profiles of the lab that take tokens back: when, which, and which ones they miss. */

const test = suite<Context>('demo/lab/profiles-revocation');

test.before(async (context) => {
  context.network = await openNetwork();
});

test.after(({ network }) => network.close());

/** A token that was read before Alice signed out: for how long it works on, and what ends it. */
const afterLogout: readonly (readonly [string, Seconds, string])[] = [
  ['M00', 3600, 'exp'],
  ['M05', 300, 'exp'],
  ['M06', 0, 'deny'],
  ['M07', 3600, 'exp'],
  ['M08', 0, 'introspection'],
  ['M09', 300, 'introspection'],
  ['M34', 300, 'deny'],
];

for (const [id, life, check] of afterLogout)
  test(`${id}: after Alice has signed out, her token works for ${life} s`, async ({ network }) => {
    const world = await open(network, id);
    const loot = await readLog(world);
    await world.alice.logout();
    if (life > 0) {
      await world.wait(life - 1, 'just in time');
      assert.ok((await world.thief.use(loot)).success);
      await world.wait(1, 'too late');
    }
    assertRefused(await world.thief.use(loot), check);
    await world.alice.login();
    assert.is((await world.alice.call('/accounts')).status, 200);
  });

test('M06: signing out ends the earlier tokens of the session too; with the jti alone they live on', async ({
  network,
}) => {
  for (const what of ['family', 'token'] as const) {
    const list = denyList({ on: ['logout'], what, createStore: createListInMemory });
    const world = await openWith(network, list);
    const earlier = await readLog(world);
    await world.alice.refresh();
    const latest = await readLog(world);
    assert.is.not(latest.accessToken, earlier.accessToken);
    await world.alice.logout();
    assertRefused(await world.thief.use(latest), 'deny');
    if (what === 'token') assert.ok((await world.thief.use(earlier)).success);
    else assertRefused(await world.thief.use(earlier), 'deny');
  }
});

for (const [id, check, refresh] of [
  ['M06', 'deny', 'rt revoked'],
  ['M34', 'deny', 'rt revoked'],
  ['M07', 'updated', null],
  ['M08', 'introspection', null],
] as const)
  test(`${id}: a change of password ends the token, and ${refresh === null ? 'not' : 'also'} the refresh token`, async ({
    network,
  }) => {
    const world = await open(network, id);
    const loot = { ...(await readLog(world)), refreshToken: world.alice.storage.get('refresh_token') };
    await world.wait(301, 'no verdict is kept');
    assert.ok((await world.thief.use({ accessToken: loot.accessToken })).success);
    await world.wait(301, 'no verdict is kept');
    await world.alice.changePassword();
    assertRefused(await world.thief.use({ accessToken: loot.accessToken }), check);
    await world.wait(1, 'another second begins');
    const refreshed = await world.thief.useOrRefresh({ refreshToken: loot.refreshToken });
    if (refresh === null) assert.ok(refreshed.success);
    else assertRefused(refreshed, refresh);
    await world.alice.login();
    assert.is((await world.alice.call('/accounts')).status, 200);
  });

test('M07: of the very second of the change, exactly compared no token works, and rounded the old one does', async ({
  network,
}) => {
  for (const compare of ['exactly', 'rounded'] as const) {
    const world = await openWith(network, issuedSinceUpdate(compare));
    const old = await readLog(world);
    await world.alice.changePassword();
    await world.alice.login();
    const fresh = { accessToken: world.alice.storage.get('access_token') };
    for (const later of [0, 50]) {
      await world.wait(later, 'the same second, and later');
      for (const loot of [old, fresh])
        if (compare === 'rounded') assert.ok((await world.thief.use(loot)).success);
        else assertRefused(await world.thief.use(loot), 'updated');
    }
    assert.is((await world.alice.call('/accounts')).status, 200, 'she refreshes');
  }
});

test('M07: a token of five seconds before the change is refused, however it is compared', async ({
  network,
}) => {
  for (const compare of ['exactly', 'rounded'] as const) {
    const world = await openWith(network, issuedSinceUpdate(compare));
    const loot = await readLog(world);
    await world.wait(5, 'five seconds');
    assert.ok((await world.thief.use(loot)).success);
    await world.alice.changePassword();
    assertRefused(await world.thief.use(loot), 'updated');
  }
});

test('M05 and M36: a refresh token used twice ends the family; its access tokens only where a list says so', async ({
  network,
}) => {
  for (const [id, check] of [
    ['M05', null],
    ['M36', 'deny'],
  ] as const) {
    const world = await open(network, id);
    const refreshToken = world.alice.storage.get('refresh_token');
    const stolen = await world.thief.refresh({ refreshToken });
    if ('decidedBy' in stolen) return assert.unreachable('the first use is good');
    assert.ok((await world.thief.use(stolen)).success);
    await world.wait(30, 'Alice comes back');
    assert.is((await world.alice.refresh()).status, 400);
    assertRefused(await world.thief.refresh(stolen), 'rt revoked');
    const use = await world.thief.use(stolen);
    if (check === null) assert.ok(use.success);
    else assertRefused(use, check);
  }
});

test('M35: the former refresh token is good for ten seconds more, and then ends the family', async ({
  network,
}) => {
  const world = await open(network, 'M35');
  const refreshToken = world.alice.storage.get('refresh_token');
  await world.alice.refresh();
  await world.wait(10, 'a second tab');
  assert.ok((await world.thief.useOrRefresh({ refreshToken })).success);
  await world.wait(1, 'too late');
  assertRefused(await world.thief.refresh({ refreshToken }), 'rt revoked');
  assert.is((await world.alice.refresh()).status, 400);
});

test('M31: what lies in the table of refresh tokens is none, and without hashes it is one', async ({
  network,
}) => {
  for (const [id, check] of [
    ['M31', 'hash'],
    ['M00', null],
  ] as const) {
    const world = await open(network, id);
    const [refreshToken] = world.issuer.tables.refreshTokens;
    const use = await world.thief.useOrRefresh({ refreshToken });
    if (check === null) assert.ok(use.success);
    else assertRefused(use, check);
    assert.is((await world.alice.refresh()).status, 200);
  }
});

test.run();
