import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Browser } from './_browser.ts';
import { endings, nextSecond, signOutEverywhere } from './_endings.ts';
import {
  api,
  assertRefused,
  obtain,
  type Refusal,
  type Registration,
  spa,
  startWorld,
  type World,
  web,
} from './_oauth.ts';
import { openOauth4webapi as open } from './_oauth4webapi.ts';

/** Tokens that end before their time: refused by the next request, at every endpoint, whoever had them in a cache. */

const test = suite<World>('demo/revocation');

test.before(async (context) => {
  Object.assign(context, await startWorld());
});

test.after(({ demo }) => demo.close());

const revoked: Refusal = ['invalid_token', 'token-revoked'];
const ended: Refusal = ['invalid_grant', 'grant-ended'];
const asking = { way: 'pushed', jkt: 'parameter' } as const;

for (const { name, registration, grant, begin } of endings) {
  test(`[G17] [R7009-2.1-02] an access token is ended by ${name}: for the resource, and for introspection`, async (world) => {
    const app = await open(world.demo, registration);
    const { tokens, end } = await begin(app, world);
    const { access_token, refresh_token = '' } = tokens;
    const server = await open(world.demo, api);
    assert.is((await app.call(access_token)).status, 200);
    assert.is((await server.introspect(access_token)).active, true);
    await end();
    const before = app.wire.statuses('/api/notes').length;
    await assertRefused(world, '/api/notes', app.call(access_token), revoked);
    assert.equal(app.wire.statuses('/api/notes').slice(before), [401], 'the very next request');
    assert.equal(await server.introspect(access_token), { active: false });
    if (grant === 'ended') await assertRefused(world, '/token', app.refresh(refresh_token), ended);
    else assert.is((await app.call((await app.refresh(refresh_token)).access_token)).status, 200);
  });
}

test('signing out everywhere ends the tokens of every application, of this person alone; later ones are good', async (world) => {
  const bob = new Browser(world.demo.authorizationOrigin);
  const registrations: readonly Registration[] = [spa, web];
  const apps = await Promise.all(registrations.map((registration) => open(world.demo, registration)));
  const held = [];
  for (const app of apps) {
    const asked = await app.ask(asking);
    const callback = await bob.authorize(asked.url, { user: 'bob' });
    held.push({ app, ...(await app.redeem(callback, asked)) });
  }
  const alice = await open(world.demo, spa);
  const hers = await obtain(alice, world, asking);
  for (const { app, access_token } of held) assert.is((await app.call(access_token)).status, 200);
  await signOutEverywhere({ browser: bob });
  for (const { app, access_token, refresh_token = '' } of held) {
    await assertRefused(world, '/api/notes', app.call(access_token), revoked);
    await assertRefused(world, '/token', app.refresh(refresh_token), ended);
  }
  assert.is((await alice.call(hers.access_token)).status, 200);
  await nextSecond();
  const [app] = apps;
  if (app === undefined) throw new Error('no application');
  const asked = await app.ask(asking);
  const { access_token } = await app.redeem(await bob.authorize(asked.url, { user: 'bob' }), asked);
  assert.is((await app.call(access_token)).status, 200);
});

const hints: readonly (readonly [title: string, form: Readonly<Record<string, string>>])[] = [
  ['no hint', {}],
  ['the hint of the other kind', { token_type_hint: 'refresh_token' }],
  ['a hint of no kind', { token_type_hint: 'nonsense' }],
];

for (const [title, form] of hints) {
  test(`[R7009-2.2-01] a token is revoked with ${title}, and without a proof`, async (world) => {
    const app = await open(world.demo, spa);
    const { access_token } = await obtain(app, world, asking);
    await app.call(access_token);
    const response = await revoke(world, { client_id: 'demo-spa', token: access_token, ...form });
    assert.equal([response.status, await response.text()], [200, '']);
    await assertRefused(world, '/api/notes', app.call(access_token), revoked);
  });
}

const strangers: readonly (readonly [title: string, form: Readonly<Record<string, string>>])[] = [
  ['nobody', {}],
  ['an unknown client', { client_id: 'demo' }],
  ['a confidential client that only says its name', { client_id: 'demo-web' }],
  ['a client with another secret', { client_id: 'demo-service', client_secret: 'demo-service-secreT' }],
];

for (const [title, form] of strangers) {
  test(`[R7009-2.1-01] ${title} revokes nothing: invalid_client`, async (world) => {
    const app = await open(world.demo, web);
    const { access_token } = await obtain(app, world, asking);
    const response = await revoke(world, { token: access_token, ...form });
    assert.is(response.status, 401);
    assert.is(((await response.json()) as { readonly error: string }).error, 'invalid_client');
    assert.is((await app.call(access_token)).status, 200);
  });
}

function revoke({ demo }: World, form: Readonly<Record<string, string>>): Promise<Response> {
  const body = new URLSearchParams(form);
  return fetch(`${demo.authorizationOrigin}/revoke`, { method: 'POST', body });
}

test.run();
