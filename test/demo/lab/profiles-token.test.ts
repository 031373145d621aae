import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { openNetwork } from '../../../demo/lab/engine/network.ts';
import type { World } from '../../../demo/lab/engine/world.ts';
import type { Seconds } from '../../../demo/lab/model.ts';
import { revocationChecks } from '../../../demo/lab/profiles/taking-back.ts';
import { tokenChecks } from '../../../demo/lab/profiles/token-itself.ts';
import {
  assertRefused,
  type Context,
  forge,
  forgeWithSecret,
  open,
  otherKey,
  profiles,
  readLog,
  secretOf,
} from './_profiles.ts';

/** Profiles of the lab that change the token: what each really does, in worlds with real sockets. */

const test = suite<Context>('demo/lab/profiles-token');

test.before(async (context) => {
  context.network = await openNetwork();
});

test.after(({ network }) => network.close());

test('every profile has its texts, and the checks that it adds are explained', () => {
  const explained = new Set([...tokenChecks, ...revocationChecks].map(({ id }) => id));
  assert.is(new Set(profiles.map(({ id }) => id)).size, 20);
  for (const { id, title, story, needs, weak, adds, leavesOut } of profiles) {
    for (const text of [story, needs, weak]) assert.match(text, /^[A-Z].{20,100}\.$/, `${id}: ${text}`);
    assert.ok(title.length < 60, id);
    for (const check of [...adds, ...leavesOut]) assert.ok(explained.has(check), `${id}: ${check}`);
  }
});

/** How long a token that was read in a log works, at most, and what ends it. */
const lives: readonly (readonly [string, Seconds, string])[] = [
  ['M00', 3600, 'exp'],
  ['M01', 3600, 'exp'],
  ['M02', 3 * 86_400, 'exp'],
  ['M03', 300, 'exp'],
  ['M04', 1800, 'exp'],
  ['M05', 300, 'exp'],
  ['M06', 3600, 'exp'],
  ['M07', 3600, 'exp'],
  ['M08', 3600, 'introspection'],
  ['M09', 3600, 'exp'],
  ['M10', 3600, 'exp'],
  ['M12', 3600, 'exp'],
  ['M28', 3600, 'exp'],
  ['M29', 3600, 'exp'],
  ['M31', 3600, 'exp'],
  ['M34', 3600, 'exp'],
  ['M35', 300, 'exp'],
  ['M36', 300, 'exp'],
];

for (const [id, life, check] of lives)
  test(`${id}: a token from a log works until ${life} s after it was issued, and Alice works on`, async ({
    network,
  }) => {
    const world = await open(network, id);
    const loot = await readLog(world);
    await world.wait(life - 1, 'just in time');
    assert.ok((await world.thief.use(loot)).success);
    await world.wait(1, 'too late');
    assertRefused(await world.thief.use(loot), check);
    await world.alice.login();
    assert.is((await world.alice.call('/accounts')).status, 200);
  });

test('M33: a token without exp still works after a year; one that somebody else signed does not', async ({
  network,
}) => {
  const world = await open(network, 'M33');
  const loot = await readLog(world);
  await world.wait(365 * 86_400, 'a year');
  assert.ok((await world.thief.use(loot)).success);
  const forged = await forge(world, {
    ...world.issuer.signingKey,
    privateKey: (await otherKey()).privateKey,
  });
  assertRefused(await world.thief.use({ accessToken: forged }), 'sig');
  const { kid, publicJwk } = world.issuer.signingKey;
  const symmetric = await forgeWithSecret(world, new TextEncoder().encode(JSON.stringify(publicJwk)), kid);
  assertRefused(await world.thief.use({ accessToken: symmetric }), 'alg');
  assert.is((await world.alice.call('/accounts')).status, 200);
});

test('M04: the access token renews itself, expired or not, for three days, and then no more', async ({
  network,
}) => {
  const world = await open(network, 'M04');
  const { accessToken: refreshToken } = await readLog(world);
  await world.wait(3 * 86_400 - 1, 'long after exp');
  assert.ok((await world.thief.useOrRefresh({ refreshToken })).success);
  await world.wait(1, 'past ttl');
  assertRefused(await world.thief.refresh({ refreshToken }), 'rt exp');
});

test('M04: Alice stays signed in with nothing but her token, until the key changes', async ({ network }) => {
  const world = await open(network, 'M04');
  for (let day = 0; day < 2; day++) {
    await world.wait(86_400, 'a day');
    assert.is((await world.alice.call('/accounts')).status, 200);
  }
  await world.issuer.rotate();
  await world.wait(1800, 'her token expires');
  assert.is((await world.alice.call('/accounts')).status, 401);
});

test('M01: the secret of a server makes tokens for anybody; after a rotation the old one makes none', async ({
  network,
}) => {
  const world = await open(network, 'M01');
  const secret = secretOf(world);
  const forged = await forgeWithSecret(world, secret, 'shared-1');
  const { success, body } = await world.thief.use({ accessToken: forged }, { path: '/admin' });
  assert.ok(success, body);
  await world.issuer.rotate();
  assertRefused(await world.thief.use({ accessToken: forged }), 'kid');
  const anew = await forgeWithSecret(world, secretOf(world), 'shared-2');
  assert.ok((await world.thief.use({ accessToken: anew })).success);
  assert.is((await world.alice.call('/accounts')).status, 200, 'she refreshes');
});

test('M00: the public key, taken for a secret, makes no token', async ({ network }) => {
  const world = await open(network, 'M00');
  assert.ok((await world.thief.use(await readLog(world))).success);
  const secret = new TextEncoder().encode(JSON.stringify(world.issuer.signingKey.publicJwk));
  const forged = await forgeWithSecret(world, secret, world.issuer.signingKey.kid);
  assertRefused(await world.thief.use({ accessToken: forged }), 'alg');
});

/** What the issuer's own key makes, under each profile, before it is changed. */
for (const [id, check] of [
  ['M08', 'introspection'],
  ['M12', 'enc'],
] as const)
  test(`${id}: a token forged with the issuer's key is refused, which works with a plain one`, async ({
    network,
  }) => {
    const plain = await open(network, 'M00');
    assert.ok((await plain.thief.use({ accessToken: await forge(plain, plain.issuer.signingKey) })).success);
    const world = await open(network, id);
    const forged = await forge(world, world.issuer.signingKey);
    assertRefused(await world.thief.use({ accessToken: forged }), check);
    assert.ok((await world.thief.use(await readLog(world))).success);
  });

test('M29: a key that leaked is out five minutes after it was changed; where keys are fetched once, it stays', async ({
  network,
}) => {
  for (const [id, check] of [
    ['M29', 'kid'],
    ['M00', null],
  ] as const) {
    const world = await open(network, id);
    await readLog(world);
    const { signingKey } = world.issuer;
    await world.issuer.rotate();
    await world.wait(299, 'the set is still good');
    assert.ok((await world.thief.use({ accessToken: await forge(world, signingKey) })).success);
    await world.wait(1, 'the set is old');
    const use = await world.thief.use({ accessToken: await forge(world, signingKey) });
    if (check === null) assert.ok(use.success);
    else assertRefused(use, check);
  }
});

test('M08 and M09: one question for each request, or one for five minutes', async ({ network }) => {
  for (const [id, questions] of [
    ['M08', 3],
    ['M09', 1],
  ] as const) {
    const world = await open(network, id);
    for (let call = 0; call < 3; call++) await world.alice.call('/accounts');
    assert.is(asked(world), questions);
    await world.wait(300, 'answers are old');
    await world.alice.call('/accounts');
    assert.is(asked(world), questions + 1);
  }
});

test('M08: whoever has not the secret of the bank learns nothing from the issuer', async ({ network }) => {
  const world = await open(network, 'M08');
  const { accessToken: token = '' } = await readLog(world);
  const { headers = [] } =
    world.recorder.exchanges().findLast(({ target }) => target.startsWith('/introspect')) ?? {};
  const authorization = headers.find(([name]) => name === 'authorization')?.[1] ?? '';
  const ask = async (credentials: string): Promise<Response> =>
    fetch(`${network.urlOf('issuer', 'http')}/introspect`, {
      method: 'POST',
      headers: { authorization: credentials },
      body: new URLSearchParams({ token }),
    });
  assert.match(await (await ask(authorization)).text(), '"sub":"alice"');
  const refused = await ask(`${authorization}x`);
  assert.is(refused.status, 401);
  assert.not.match(await refused.text(), 'alice');
});

test('M08: each node asks for itself', async ({ network }) => {
  const world = await open(network, 'M08');
  world.alice.route = 'bank-b';
  await world.alice.call('/accounts');
  await world.alice.call('/inbox', { server: 'mail' });
  const askers = world.recorder.exchanges().filter(({ target }) => target.startsWith('/introspect'));
  assert.equal(
    askers.map(({ from }) => from),
    ['bank-b', 'mail'],
  );
});

test('M10: a token for the mail service is refused by the bank, and the one for the bank is not', async ({
  network,
}) => {
  const world = await open(network, 'M10');
  assert.ok((await world.thief.use(await readLog(world))).success);
  assert.is((await world.alice.call('/inbox', { server: 'mail' })).status, 200);
  const accessToken = world.alice.storage.get('mail_token');
  assertRefused(await world.thief.use({ accessToken }), 'aud');
  assert.ok((await world.thief.use({ accessToken }, { to: 'mail', path: '/inbox' })).success);
});

test('M28: a right that was taken away is gone at once; in a token it lives on', async ({ network }) => {
  for (const [id, check] of [
    ['M28', 'right'],
    ['M00', null],
  ] as const) {
    const world = await open(network, id);
    const loot = await readLog(world);
    assert.ok((await world.thief.use(loot, { path: '/admin' })).success);
    Object.assign(world.issuer.users.get('alice') ?? {}, { role: 'user' });
    const use = await world.thief.use(loot, { path: '/admin' });
    if (check === null) assert.ok(use.success);
    else assertRefused(use, check);
    assert.is((await world.alice.call('/accounts')).status, 200);
  }
});

test.run();

/** How often the issuer was asked about a token. */
function asked(world: World): number {
  return world.recorder.exchanges().filter(({ target }) => target.startsWith('/introspect')).length;
}
