import { decodeJwt, SignJWT } from 'jose';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Loot } from '../../../demo/lab/engine/loot.ts';
import { type Network, openNetwork } from '../../../demo/lab/engine/network.ts';
import { Thief, type Use } from '../../../demo/lab/engine/thief.ts';
import { addresses, openWorld, type World } from '../../../demo/lab/engine/world.ts';
import type { HeaderLine, Seat } from '../../../demo/lab/model.ts';
import type { Profile } from '../../../demo/lab/profile.ts';
import { createProfile } from '../../../demo/lab/profiles/base.ts';
import { browserChecks, browserProfiles } from '../../../demo/lab/profiles/browser-context.ts';
import { revocationChecks } from '../../../demo/lab/profiles/taking-back.ts';
import { networkChecks, networkProfiles } from '../../../demo/lab/profiles/who-is-asking.ts';
import { refuseOtherAddresses } from '../../../demo/lab/protections/address-list.ts';
import { addressByOwnProxy } from '../../../demo/lab/protections/client-address.ts';

/** Profiles of the lab that ask who is asking, and what a browser adds: in worlds with real sockets. */

interface Context {
  network: Network;
}

const test = suite<Context>('demo/lab/profiles-network-browser');
const profiles = [...networkProfiles, ...browserProfiles];
const text = { slug: 'x', title: 'X', group: 'Who is asking', story: '', needs: '', weak: '' } as const;

test.before(async (context) => {
  context.network = await openNetwork();
});

test.after(({ network }) => network.close());

async function open(network: Network, of: string | Profile, seat: Seat = 'elsewhere'): Promise<World> {
  const profile = typeof of === 'string' ? profiles.find(({ id }) => id === of) : of;
  if (profile === undefined) throw new Error(`there is no profile ${of}`);
  return openWorld({ profile, seat, network, time: 'world', keepEvents: true, without: [] });
}

/** What an access log shows of Alice's request. */
async function readLog(world: World): Promise<Loot & { readonly accessToken: string }> {
  assert.is(await status(world), 200);
  const line = lastOfAlice(world).headers.find(([name]) => name.toLowerCase() === 'authorization')?.[1];
  return { accessToken: line?.split(' ')[1] ?? '' };
}

function lastOfAlice(world: World) {
  const found = world.recorder
    .exchanges()
    .findLast(({ from, target }) => from === 'alice' && target === '/accounts');
  if (found === undefined) throw new Error('Alice has sent nothing');
  return found;
}

async function copyRequest(world: World): Promise<Loot> {
  assert.is(await status(world), 200);
  const { method, target: path, headers, body } = lastOfAlice(world);
  return { request: { method, path, headers, body } };
}

async function status(world: World): Promise<number> {
  return (await world.alice.call('/accounts')).status;
}

function copyRefreshToken({ alice }: World): Loot {
  return { refreshToken: alice.storage.get('refresh_token') };
}

function assertRefused({ success, decidedBy }: Use, check: string): void {
  assert.equal({ success, decidedBy }, { success: false, decidedBy: check });
}

function assertSuccess({ success, decidedBy, body }: Use): void {
  assert.ok(success, `${decidedBy}: ${body}`);
}

test('every profile has its texts, and the checks that it adds are explained', () => {
  const explained = new Set([...networkChecks, ...browserChecks, ...revocationChecks].map(({ id }) => id));
  assert.is(new Set(profiles.map(({ id }) => id)).size, 19);
  for (const { id, title, story, needs, weak, adds, leavesOut } of profiles) {
    for (const sentence of [story, needs, weak])
      assert.match(sentence, /^[A-Z].{20,100}\.$/, `${id}: ${sentence}`);
    assert.ok(title.length < 60, id);
    for (const check of [...adds, ...leavesOut]) assert.ok(explained.has(check), `${id}: ${check}`);
  }
});

/** A token from a log, used from each seat: what refuses it, if anything does. */
const tokenAlone: readonly (readonly [string, ...(string | undefined)[]])[] = [
  ['M11', undefined, undefined, undefined],
  ['M13', 'ip', 'ip', undefined],
  ['M14', 'ip', 'ip', undefined],
  ['M15', 'captcha', 'captcha', undefined],
  ['M16', 'password', 'password', undefined],
  ['M17', undefined, undefined, undefined],
  ['M18', undefined, undefined, undefined],
  ['M19', 'geo', undefined, undefined],
  ['M20', 'ip', 'ip', undefined],
  ['M21', 'fgp', 'fgp', 'fgp'],
  ['M22', undefined, undefined, undefined],
  ['M23', undefined, undefined, undefined],
  ['M24', undefined, undefined, undefined],
  ['M27', 'time', 'time', 'time'],
  ['M30', undefined, undefined, undefined],
];

for (const [id, ...expected] of tokenAlone)
  test(`${id}: a token from a log, used elsewhere, in the country, behind the same router: ${expected.map((check) => check ?? 'works').join(', ')}`, async ({
    network,
  }) => {
    for (const [index, seat] of (['elsewhere', 'country', 'nat'] as const).entries()) {
      const world = await open(network, id, seat);
      const use = await world.thief.use(await readLog(world));
      const check = expected[index];
      if (check === undefined) assertSuccess(use);
      else assertRefused(use, check);
      assert.is(await status(world), 200, 'Alice works on');
    }
  });

/** A refresh token from a backup, used from elsewhere. */
const refreshTokenAlone: readonly (readonly [string, string | undefined])[] = [
  ['M13', 'ip'],
  ['M14', undefined],
  ['M15', 'captcha'],
  ['M16', 'password'],
  ['M17', 'ip'],
  ['M19', 'geo'],
  ['M21', undefined],
  ['M22', undefined],
  ['M23', undefined],
  ['M27', 'time'],
];

for (const [id, check] of refreshTokenAlone)
  test(`${id}: a refresh token, used elsewhere: ${check ?? 'works'}`, async ({ network }) => {
    const world = await open(network, id);
    const use = await world.thief.useOrRefresh(copyRefreshToken(world));
    if (check === undefined) assertSuccess(use);
    else assertRefused(use, check);
    assert.is(await status(world), 200);
  });

test('M11: who listens on the wire finds the token under http, and not under TLS', async ({ network }) => {
  for (const [id, isFound] of [
    ['M30', true],
    ['M11', false],
  ] as const) {
    const world = await open(network, id);
    network.takeTapped();
    world.alice.route = 'tap';
    assert.is(await status(world), 200);
    const bytes = network.takeTapped();
    assert.ok(bytes.length > 300);
    assert.is(bytes.includes(world.alice.storage.get('access_token') ?? ''), isFound, id);
  }
});

test('M13: behind the own proxy the last entry counts; a header that the client wrote itself does not', async ({
  network,
}) => {
  const world = await open(network, 'M13');
  const loot = await readLog(world);
  const headers: readonly HeaderLine[] = [['X-Forwarded-For', addresses.home]];
  assertRefused(await world.thief.use(loot, { headers }), 'ip');
  const lines: readonly HeaderLine[] = [
    ['host', '127.0.0.3'],
    ['authorization', `Bearer ${loot.accessToken}`],
    ...headers,
  ];
  const from = { party: 'thief', address: world.thief.address } as const;
  const message = { method: 'GET', path: '/accounts', headers: lines, body: null };
  assert.is((await network.send(from, 'proxy', 'http', message)).status, 403);
  world.alice.route = 'proxy';
  assert.is(await status(world), 200);
});

test('M20: Koa is told to believe X-Forwarded-For, and does, from anybody, for as long as the token lives', async ({
  network,
}) => {
  const world = await open(network, 'M20');
  const loot = await readLog(world);
  assert.ok(world.nodes.get('bank-a').app.proxy);
  const headers: readonly HeaderLine[] = [['X-Forwarded-For', `${addresses.home}, 10.0.0.1`]];
  await world.wait(3599, 'as long as the token lives');
  assertSuccess(await world.thief.use(loot, { headers }));
  await world.wait(1, 'no longer');
  assertRefused(await world.thief.use(loot, { headers }), 'exp');
});

test('M13, M19, M20: Alice on the move is refused; under M14 a refresh takes her along; M18 lets her in', async ({
  network,
}) => {
  for (const [id, there, check] of [
    ['M13', addresses.mobile, 'ip'],
    ['M20', addresses.mobile, 'ip'],
    ['M19', addresses.abroad, 'geo'],
    ['M19', addresses.mobile, null],
    ['M14', addresses.abroad, null],
    ['M18', addresses.abroad, null],
  ] as const) {
    const world = await open(network, id);
    world.alice.address = there;
    assert.is(await status(world), check === null ? 200 : 403, id);
    assert.is(lastOfAlice(world).decidedBy, check, id);
    assert.is(world.alice.interruptions, 0);
  }
});

test('M15: a human answer puts the address on the list, for that sign-in only', async ({ network }) => {
  const world = await open(network, 'M15');
  const loot = await readLog(world);
  const first = await world.thief.use(loot);
  assert.equal(JSON.parse(first.body), { error: 'step_up_required', challenge: 'captcha' });
  for (const body of ['{"captcha":"a robot"}', '{"password":"x"}', 'no JSON', 'null', '[]'])
    assertRefused(await world.thief.use(loot, { method: 'POST', path: '/stepup', body }), 'captcha');
  assertRefused(await world.thief.use(loot), 'captcha');
  const body = '{"captcha":"a human was here"}';
  assert.is((await world.thief.use(loot, { method: 'POST', path: '/stepup', body })).status, 204);
  assertSuccess(await world.thief.use(loot));
  await world.alice.login();
  assertRefused(await world.thief.use(await readLog(world)), 'captcha');
});

test('M16: only the password of the user helps', async ({ network }) => {
  const world = await open(network, 'M16');
  const loot = await readLog(world);
  for (const body of [
    '{"captcha":"a human was here","password":"a guess"}',
    `{"password":"${world.mallory.password}"}`,
  ])
    assertRefused(await world.thief.use(loot, { method: 'POST', path: '/stepup', body }), 'password');
  assertRefused(await world.thief.use(loot), 'password');
});

test('M15, M16: Alice is interrupted once for each new network, also where her token has run out', async ({
  network,
}) => {
  for (const id of ['M15', 'M16']) {
    const world = await open(network, id);
    for (const [address, count] of [
      [addresses.mobile, 1],
      [addresses.mobile, 1],
      [addresses.home, 1],
      [addresses.abroad, 2],
    ] as const) {
      world.alice.address = address;
      await world.wait(3600, 'the token runs out');
      assert.is(await status(world), 200, id);
      assert.is(world.alice.interruptions, count);
    }
  }
});

test('M17: a verdict that is kept by the token opens the door for 300 s; by token and address it does not', async ({
  network,
}) => {
  const world = await open(network, 'M17');
  const loot = await readLog(world);
  assertRefused(await world.thief.use(loot, { to: 'bank-b' }), 'ip');
  await world.wait(299, 'just in time');
  assertSuccess(await world.thief.use(loot));
  await world.wait(1, 'too late');
  assertRefused(await world.thief.use(loot), 'ip');
  const right = refuseOtherAddresses({ keptFor: 300, keptBy: 'token and address' });
  const better = await open(network, createProfile({ id: 'T1', ...text }, {}, [addressByOwnProxy, right]));
  assertRefused(await better.thief.use(await readLog(better)), 'ip');
  assert.is(await status(better), 200);
});

test('M18: one alert for each new address, for tokens and for sign-ins, and none for Alice at home', async ({
  network,
}) => {
  const world = await open(network, 'M18');
  const alerts = () => world.recorder.events.filter(({ type }) => type === 'alert').length;
  const loot = await readLog(world);
  assert.is(alerts(), 0);
  assertSuccess(await world.thief.use(loot));
  assertSuccess(await world.thief.use(loot));
  assert.is(alerts(), 1);
  const neighbour = new Thief(world, addresses.country);
  await neighbour.redeem((await world.alice.authorize()).code, undefined);
  assert.is(alerts(), 2);
});

test('M21: script cannot read the cookie; the cookie of a token is given out once; the whole request is enough', async ({
  network,
}) => {
  const world = await open(network, 'M21');
  assert.match(world.alice.cookiesFor(world.origins.bank, 'strict'), /^__Host-fgp=[\w-]{32}$/);
  assert.is(world.alice.cookiesFor(world.origins.bank, 'none'), '', 'SameSite=Strict');
  assert.is(world.alice.jar.getCookieStringSync(world.origins.bank, { http: false }), '', 'HttpOnly');
  assert.is((await world.alice.callOnce('/fingerprint', { method: 'POST' })).status, 409);
  assertSuccess(await world.thief.use(await copyRequest(world)));
  assertRefused(await world.thief.use({ ...(await readLog(world)), cookies: '__Host-fgp=guessed' }), 'fgp');
  assert.is((await world.alice.call('/inbox', { server: 'mail' })).status, 200);
});

test('M21: the jar beside the token is enough, and fits no longer once Alice has refreshed', async ({
  network,
}) => {
  const world = await open(network, 'M21');
  const cookies = world.alice.cookiesFor(world.origins.bank, 'strict');
  assertSuccess(await world.thief.use({ ...(await readLog(world)), cookies }));
  await world.alice.refresh();
  assertRefused(await world.thief.use({ ...(await readLog(world)), cookies }), 'fgp');
});

test('M14, M21, M22: whoever signs tokens himself writes into them what is asked for', async ({
  network,
}) => {
  for (const id of ['M14', 'M21', 'M22']) {
    const world = await open(network, id);
    const { kid, privateKey } = world.issuer.signingKey;
    const sign = (claims: object) =>
      new SignJWT({ ...decodeJwt(world.alice.storage.get('access_token') ?? ''), ...claims })
        .setProtectedHeader({ typ: 'at+jwt', alg: 'ES256', kid })
        .sign(privateKey);
    const [forge] = world.protections.flatMap((each) => each.forge ?? []);
    assertSuccess(await world.thief.use({ accessToken: await sign(forge?.() ?? {}) }));
    const check = id === 'M14' ? 'ip' : 'fgp';
    assertRefused(
      await world.thief.use({ accessToken: await sign({ ip: undefined, fgp: undefined }) }),
      check,
    );
  }
});

test('M23: a wrong CSRF token is refused and harms nobody; M24: it signs Alice out', async ({ network }) => {
  for (const [id, after] of [
    ['M23', 200],
    ['M24', 401],
  ] as const) {
    const world = await open(network, id);
    const headers: readonly HeaderLine[] = [['X-CSRF-Token', 'wrong']];
    assertRefused(
      await world.thief.use(await readLog(world), { method: 'POST', path: '/transfer', headers }),
      'csrf',
    );
    assert.is(await status(world), after, id);
    await world.alice.login();
    assert.is(await status(world), 200, 'signed in again');
  }
});

test('M23: the cookie is that of the token that Alice has now, and the mail service gets the header too', async ({
  network,
}) => {
  const world = await open(network, 'M23');
  await world.alice.refresh();
  const { jti } = decodeJwt(world.alice.storage.get('access_token') ?? '');
  assert.is(world.alice.jar.getCookieStringSync(world.origins.bank, { http: false }), `csrf=${jti}`);
  assert.is(await status(world), 200);
  assert.is((await world.alice.call('/inbox', { server: 'mail' })).status, 200);
});

/** A form of a hostile page, with the cookies that the browser sends along. */
async function postForm(
  world: World,
): Promise<{ readonly booked: boolean; readonly decidedBy: string | null }> {
  const { alice, network, origins, scheme, books, recorder } = world;
  const cookies = alice.cookiesFor(`${origins.bank}/transfer`, 'none');
  const headers: readonly HeaderLine[] = [
    ['host', new URL(origins.bank).host],
    ['content-type', 'text/plain'],
    ...(cookies === '' ? [] : [['cookie', cookies] as const]),
  ];
  const body = '{"to":"mallory","amount":900}';
  await network.send(alice.sender, 'bank-a', scheme, { method: 'POST', path: '/transfer', headers, body });
  const { decidedBy = null } = recorder.exchanges().findLast(({ target }) => target === '/transfer') ?? {};
  return { booked: books.transfers.length > 0, decidedBy };
}

for (const [id, booked, decidedBy] of [
  ['M25', true, null],
  ['M32', false, 'csrf'],
  ['M26', false, 'no token'],
  ['X2', false, 'no token'],
  ['M23', false, 'no token'],
] as const)
  test(`${id}: a form of another site ${booked ? 'is booked' : `is refused: ${decidedBy}`}; Alice's own is booked`, async ({
    network,
  }) => {
    const world = await open(network, id);
    assert.equal(await postForm(world), { booked, decidedBy });
    const order = { method: 'POST', body: '{"to":"bob","amount":1}' };
    assert.is((await world.alice.call('/transfer', order)).status, 200);
  });

for (const id of ['M25', 'M32', 'M26', 'X2'])
  test(`${id}: script finds no token; the jar is enough; both go on past the life of the token`, async ({
    network,
  }) => {
    const world = await open(network, id);
    const { alice, thief, origins } = world;
    assert.not.ok(alice.storage.has('access_token') || alice.storage.has('refresh_token'));
    assert.not.match(alice.jar.getCookieStringSync(origins.bank, { http: false }), /token|session|refresh/);
    const loot = { cookies: alice.cookiesFor(origins.bank, 'strict') };
    assertSuccess(await thief.use(loot));
    await world.wait(3600, 'the access token runs out');
    assert.is(await status(world), 200);
    assertSuccess(await thief.useOrRefresh(loot));
    await world.wait(3 * 86_400, 'the refresh token runs out');
    assertRefused(await thief.useOrRefresh(loot), 'rt exp');
    assert.is(await status(world), 401);
    assert.is((await alice.refresh()).status, 401, 'what the issuer refuses is no crash of the bank');
  });

test('X2: signing out ends the session at the bank; under M25 a copied cookie lives on', async ({
  network,
}) => {
  for (const [id, check] of [
    ['X2', 'session'],
    ['M25', undefined],
  ] as const) {
    const world = await open(network, id);
    const loot = { cookies: world.alice.cookiesFor(world.origins.bank, 'strict') };
    await world.alice.logout();
    assert.is(await status(world), 401, 'her own browser has forgotten it');
    const use = await world.thief.use(loot);
    if (check === undefined) assertSuccess(use);
    else assertRefused(use, check);
    await world.alice.login();
    assert.is(await status(world), 200);
  }
});

test('X2: each sign-in has a session id of its own, which lies there plain, and hashed where that is asked for', async ({
  network,
}) => {
  for (const stored of ['plain', 'hashed'] as const) {
    const settings = { carriedBy: 'session', confidential: true, stored } as const;
    const world = await open(network, createProfile({ id: 'T2', ...text }, settings));
    const [first = ''] = world.books.sessions.keys();
    assertStored(await world.thief.use({ cookies: `session=${first}` }), stored);
    await world.alice.login();
    assert.is(new Set(world.books.sessions.keys()).size, 2);
    assert.is(await status(world), 200);
  }
});

function assertStored(use: Use, stored: 'plain' | 'hashed'): void {
  if (stored === 'plain') assertSuccess(use);
  else assertRefused(use, 'session');
}

test('X2: only the bank redeems codes and refresh tokens, and a code only for whoever asked for it', async ({
  network,
}) => {
  const world = await open(network, 'X2');
  const { code, verifier } = await world.alice.authorize();
  assertRefused((await world.thief.redeem(code, verifier)) as Use, 'confidential');
  const headers: readonly HeaderLine[] = [['host', '127.0.0.3']];
  const message = { method: 'POST', path: '/session', headers, body: `code=${code}` };
  assertRefused(await world.thief.send('bank-a', message), 'pkce');
  assert.is((await world.alice.redeem({ code, verifier })).status, 200);
});

test('M30: a code alone gets nothing; without PKCE it gets everything', async ({ network }) => {
  const world = await open(network, 'M30');
  assertRefused((await world.thief.redeem((await world.alice.authorize()).code, undefined)) as Use, 'pkce');
  const without = await open(network, 'M23');
  const tokens = await without.thief.redeem((await without.alice.authorize()).code, undefined);
  assertSuccess(await without.thief.use(tokens as Loot));
});

test('M27: a copied request opens any door for 30 s; the hash that script can read, for as long as the token', async ({
  network,
}) => {
  const world = await open(network, 'M27');
  const request = await copyRequest(world);
  const loot = { ...(await readLog(world)), storage: new Map(world.alice.storage) };
  await world.wait(30, 'just in time');
  assertSuccess(await world.thief.use(request, { path: '/profile' }));
  await world.wait(1, 'too late');
  assertRefused(await world.thief.use(request), 'time');
  await world.wait(3568, 'as long as the token lives');
  assertSuccess(await world.thief.use(loot));
});

test('M27: a clock may be 30 s off, either way', async ({ network }) => {
  for (const [offset, expected] of [
    [30, 200],
    [31, 401],
    [-30, 200],
    [-31, 401],
  ] as const) {
    const world = await open(network, 'M27');
    world.clock.setOffset('alice', offset);
    assert.is(await status(world), expected, `${offset}`);
  }
});

test('M27: Alice works on through a change of her password', async ({ network }) => {
  const world = await open(network, 'M27');
  await world.alice.changePassword();
  assert.is(await status(world), 200, 'with the token that she has');
  await world.alice.refresh();
  assert.is(await status(world), 200, 'with one that carries the new hash');
  await world.wait(3600, 'once more');
  assert.is(await status(world), 200);
});

test.run();
