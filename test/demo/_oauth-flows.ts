import { decodeJwt } from 'jose';
import * as oauth from 'oauth4webapi';
import type { Test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  type App,
  type Asking,
  allowed,
  altered,
  api,
  assertRefused,
  errorOf,
  type OpenApp,
  obtain,
  provenByAnotherKey,
  type Registration,
  serviceByBasic,
  serviceByPost,
  spa,
  type Tokens,
  type World,
  web,
} from './_oauth.ts';

/** Every flow from its beginning to its end, the same for each library. */

const byItself: readonly Registration[] = [serviceByBasic, serviceByPost, web];

const askings: readonly (readonly [registration: Registration, asking: Asking])[] = [
  [spa, { way: 'browser', jkt: 'none' }],
  [spa, { way: 'browser', jkt: 'parameter' }],
  [spa, { way: 'pushed', jkt: 'parameter and proof' }],
  [web, { way: 'browser', jkt: 'none' }],
  [web, { way: 'browser', jkt: 'parameter' }],
  [web, { way: 'pushed', jkt: 'none' }],
  [web, { way: 'pushed', jkt: 'parameter' }],
  [web, { way: 'pushed', jkt: 'proof' }],
  [web, { way: 'pushed', jkt: 'parameter and proof' }],
];

/** The one that the other flows begin with. */
const usual: Asking = { way: 'pushed', jkt: 'parameter' };

/** Registers the tests of all flows with this library. */
export function testFlows(test: Test<World>, open: OpenApp): void {
  for (const registration of byItself) testClientCredentials(test, open, registration);
  for (const [registration, asking] of askings) testCode(test, open, registration, asking);
  testPushedProof(test, open);
  testCallback(test, open);
  testRequestUri(test, open);
  testRefresh(test, open);
  testIntrospection(test, open);
  testRevocation(test, open);
  testSecrets(test, open);
}

/** The token is for this key, and it is good for reading and writing. */
async function assertGood(app: App, { access_token, token_type }: Tokens): Promise<void> {
  assert.is(token_type, 'dpop'); // both libraries put it in lower case
  const { active, cnf, token_type: type } = await app.introspect(access_token);
  assert.equal({ active, cnf, type }, { active: true, cnf: { jkt: app.jkt }, type: 'DPoP' });
  await assertCalls(app, access_token);
}

async function assertCalls(app: App, token: string): Promise<void> {
  for (const method of ['GET', 'HEAD']) assert.is((await app.call(token, method)).status, 200, method);
}

function testClientCredentials(test: Test<World>, open: OpenApp, registration: Registration): void {
  const { clientId, authentication } = registration;
  test(`[R9449-8-02] [R9449-9-01] [R9449-5-05] ${clientId} gets a token by ${authentication}, bound to its key, and uses it`, async ({
    demo,
  }) => {
    const app = await open(demo, registration);
    await assertGood(app, await app.clientCredentials());
    await app.clientCredentials();
    assert.equal(app.wire.statuses('/token'), [400, 200, 200], 'one challenge');
    assert.equal(app.wire.statuses('/api/notes'), [401, 200, 200], 'one challenge of the other server');
  });
}

function testCode(test: Test<World>, open: OpenApp, registration: Registration, asking: Asking): void {
  const { clientId } = registration;
  const { way, jkt } = asking;
  test(`[R9449-5-04] [R9449-10-01] ${clientId} gets a token for a person: request ${way}, key named by ${jkt}`, async (world) => {
    const app = await open(world.demo, registration);
    const tokens = await obtain(app, world, asking);
    assert.is(tokens.scope, 'notes:read notes:write');
    assert.type(tokens.refresh_token, 'string');
    await assertCalls(app, tokens.access_token);
    const asJwt = clientId === 'demo-spa';
    assert.is(tokens.access_token.includes('.'), asJwt);
    if (asJwt) assert.equal(decodeJwt(tokens.access_token)['cnf'], { jkt: app.jkt });
    else await assertGood(app, tokens);
  });

  if (jkt === 'none') return;
  test(`[R9449-10-02] [J02] [J03] ${clientId}, request ${way}, key named by ${jkt}: the code is good for that key alone`, async (world) => {
    const app = await open(world.demo, registration);
    const { asked, callback } = await allowed(app, world, asking);
    const thief = await open(world.demo, registration);
    await assertRefused(world, '/token', thief.redeem(callback, asked), [
      'invalid_grant',
      'grant-key-mismatch',
    ]);
    await assertCalls(app, (await app.redeem(callback, asked)).access_token);
  });
}

function testPushedProof(test: Test<World>, open: OpenApp): void {
  test('[R9449-10.1-02] a proof that was replaced on its way binds the code to that key: the client gets nothing', async (world) => {
    const app = await open(world.demo, web);
    app.wire.change = { proof: provenByAnotherKey };
    const { asked, callback } = await allowed(app, world, { way: 'pushed', jkt: 'proof' });
    app.wire.change = {};
    await assertRefused(world, '/token', app.redeem(callback, asked), [
      'invalid_grant',
      'grant-key-mismatch',
    ]);
  });
}

function testCallback(test: Test<World>, open: OpenApp): void {
  for (const name of ['state', 'iss']) {
    test(`an answer with another ${name}, or without, is refused by the client; the code is still good`, async (world) => {
      const app = await open(world.demo, spa);
      const { asked, callback } = await allowed(app, world, usual);
      const [other, none] = [new URL(callback), new URL(callback)];
      other.searchParams.set(name, `${callback.searchParams.get(name)}x`);
      none.searchParams.delete(name);
      for (const bad of [other, none]) await errorOf(app.redeem(bad, asked));
      assert.equal(app.wire.statuses('/token'), [], 'nothing was sent');
      await app.redeem(callback, asked);
    });
  }

  test('what the person denies comes as access_denied', async (world) => {
    const app = await open(world.demo, spa);
    const asked = await app.ask(usual);
    const callback = await world.browser.authorize(asked.url, { decision: 'deny' });
    const error = await errorOf(app.redeem(callback, asked));
    assert.instance(error, oauth.AuthorizationResponseError);
    assert.is((error as oauth.AuthorizationResponseError).error, 'access_denied');
  });

  test('[R9449-5-02] [R6749-4.1.2-01] [J15] a code is good once: used again, it ends what came of it', async (world) => {
    const app = await open(world.demo, spa);
    const { asked, callback } = await allowed(app, world, usual);
    const { access_token, refresh_token = '' } = await app.redeem(callback, asked);
    await app.call(access_token);
    await assertRefused(world, '/token', app.redeem(callback, asked), ['invalid_grant', 'grant-reused']);
    await assertRefused(world, '/api/notes', app.call(access_token), ['invalid_token', 'token-revoked']);
    await assertRefused(world, '/token', app.refresh(refresh_token), ['invalid_grant', 'grant-ended']);
  });

  test('[R6749-4.1.2-01] a code of one client is of no use to another one', async (world) => {
    const [owner, other] = [await open(world.demo, web), await open(world.demo, spa)];
    const { asked, callback } = await allowed(owner, world, usual);
    await assertRefused(world, '/token', other.redeem(callback, asked), [
      'invalid_grant',
      'grant-of-another-client',
    ]);
    await owner.redeem(callback, asked);
  });
}

function testRequestUri(test: Test<World>, open: OpenApp): void {
  test('[R9126-4-01] [R9126-2.2-01] a pushed request is good once, and under its own name alone', async (world) => {
    const { browser } = world;
    const app = await open(world.demo, web);
    const asked = await app.ask(usual);
    const other = new URL(asked.url);
    const uri = other.searchParams.get('request_uri') ?? '';
    other.searchParams.set('request_uri', uri.replace(/[\w-]+$/, altered));
    assert.is((await browser.open(other)).status, 400);
    const foreign = new URL(asked.url);
    foreign.searchParams.set('client_id', 'demo-spa');
    assert.is((await browser.open(foreign)).status, 400);
    await app.redeem(await browser.authorize(asked.url), asked);
    const again = await browser.open(asked.url);
    assert.equal([again.status, again.away], [400, undefined]);
  });
}

function testRefresh(test: Test<World>, open: OpenApp): void {
  test('[R9449-5-07] [R9700-2.2.2-01] a public client’s refresh token is replaced at each use; the new one is good', async (world) => {
    const app = await open(world.demo, spa);
    const first = await obtain(app, world, usual);
    const second = await app.refresh(first.refresh_token ?? '');
    const third = await app.refresh(second.refresh_token ?? '');
    const tokens = [first, second, third].map(({ refresh_token }) => refresh_token);
    assert.is(new Set(tokens).size, 3);
    for (const { access_token } of [first, second, third]) await assertCalls(app, access_token);
    assert.equal(decodeJwt(third.access_token)['cnf'], { jkt: app.jkt });
  });

  test('[R9700-2.2.2-01] [J10] a refresh token used again ends the grant, for whoever uses it', async (world) => {
    const app = await open(world.demo, spa);
    const first = await obtain(app, world, usual);
    const second = await app.refresh(first.refresh_token ?? '');
    await app.call(second.access_token);
    await assertRefused(world, '/token', app.refresh(first.refresh_token ?? ''), [
      'invalid_grant',
      'grant-reused',
    ]);
    await assertRefused(world, '/token', app.refresh(second.refresh_token ?? ''), [
      'invalid_grant',
      'grant-ended',
    ]);
    for (const { access_token } of [first, second])
      await assertRefused(world, '/api/notes', app.call(access_token), ['invalid_token', 'token-revoked']);
  });

  test('[R9449-5-06] [J09] a public client’s refresh token is of no use with another key', async (world) => {
    const app = await open(world.demo, spa);
    const { refresh_token = '' } = await obtain(app, world, { way: 'browser', jkt: 'none' });
    const thief = await open(world.demo, spa);
    await assertRefused(world, '/token', thief.refresh(refresh_token), [
      'invalid_grant',
      'grant-key-mismatch',
    ]);
    await app.refresh(refresh_token);
  });

  test('[R9449-5-11] [R9449-5-12] [G16] a confidential client may refresh with a new key: the new token is bound to that one', async (world) => {
    const app = await open(world.demo, web);
    const { access_token: old, refresh_token = '' } = await obtain(app, world, usual);
    const renewed = await open(world.demo, web);
    const tokens = await renewed.refresh(refresh_token);
    await assertGood(renewed, tokens);
    await assertCalls(app, old);
    const mismatch = ['invalid_token', 'key-mismatch'] as const;
    await assertRefused(world, '/api/notes', app.call(tokens.access_token), mismatch);
    await assertRefused(world, '/api/notes', renewed.call(old), mismatch);
    await assertGood(renewed, await renewed.refresh(refresh_token));
  });

  test('[R6749-6-01] a refresh token of one client is of no use to another one', async (world) => {
    const [owner, other] = [await open(world.demo, web), await open(world.demo, spa)];
    const { refresh_token = '' } = await obtain(owner, world, usual);
    await assertRefused(world, '/token', other.refresh(refresh_token), [
      'invalid_grant',
      'grant-of-another-client',
    ]);
    await owner.refresh(refresh_token);
  });
}

function testIntrospection(test: Test<World>, open: OpenApp): void {
  for (const registration of [spa, web]) {
    const { clientId } = registration;
    test(`[R9449-6.2-01] [R9449-6.2-02] the resource server is told which key a token of ${clientId} is bound to`, async (world) => {
      const app = await open(world.demo, registration);
      const { access_token, refresh_token = '' } = await obtain(app, world, usual);
      const server = await open(world.demo, api);
      const { active, cnf, sub, client_id, token_type } = await server.introspect(access_token);
      const told = { active, cnf, sub, client_id, token_type };
      const expected = { active: true, cnf: { jkt: app.jkt }, sub: 'alice', client_id: clientId };
      assert.equal(told, { ...expected, token_type: 'DPoP' });
      assert.equal(await server.introspect(refresh_token), { active: false });
      assert.equal(await server.introspect(altered(access_token)), { active: false });
    });
  }

  test('[R7662-2.2-01] a client is told of its own tokens, and of nobody else’s', async (world) => {
    const [owner, other] = [await open(world.demo, web), await open(world.demo, serviceByBasic)];
    const { access_token, refresh_token = '' } = await obtain(owner, world, usual);
    for (const token of [access_token, refresh_token]) {
      assert.is((await owner.introspect(token)).active, true);
      assert.equal(await other.introspect(token), { active: false });
    }
  });

  test('[R7662-2.1-01] a public client is told nothing: saying a name is not enough', async (world) => {
    const app = await open(world.demo, spa);
    const { access_token } = await obtain(app, world, usual);
    await assertRefused(world, '/introspect', app.introspect(access_token), [
      'invalid_client',
      'invalid_client',
    ]);
  });
}

function testRevocation(test: Test<World>, open: OpenApp): void {
  for (const registration of [spa, web]) {
    const { clientId } = registration;
    test(`[R7009-2.1-01] [G17] an access token of ${clientId} that was revoked is refused by the next request`, async (world) => {
      const app = await open(world.demo, registration);
      const { access_token, refresh_token = '' } = await obtain(app, world, usual);
      await assertCalls(app, access_token);
      await app.revoke(access_token);
      await assertRefused(world, '/api/notes', app.call(access_token), ['invalid_token', 'token-revoked']);
      await assertCalls(app, (await app.refresh(refresh_token)).access_token);
    });

    test(`[R7009-2.1-02] a refresh token of ${clientId} that was revoked takes its access tokens along`, async (world) => {
      const app = await open(world.demo, registration);
      const { access_token, refresh_token = '' } = await obtain(app, world, usual);
      await assertCalls(app, access_token);
      await app.revoke(refresh_token);
      await assertRefused(world, '/api/notes', app.call(access_token), ['invalid_token', 'token-revoked']);
      await assertRefused(world, '/token', app.refresh(refresh_token), ['invalid_grant', 'grant-ended']);
    });
  }

  test('[R7009-2.2-01] what another client, or nobody, has ever had is revoked without a word, and without effect', async (world) => {
    const [owner, other] = [await open(world.demo, web), await open(world.demo, serviceByPost)];
    const { access_token, refresh_token = '' } = await obtain(owner, world, usual);
    for (const token of [access_token, refresh_token, 'nothing', altered(access_token)])
      await other.revoke(token);
    await assertCalls(owner, access_token);
    await owner.refresh(refresh_token);
  });
}

function testSecrets(test: Test<World>, open: OpenApp): void {
  for (const registration of [serviceByBasic, serviceByPost]) {
    const { authentication, secret = '' } = registration;
    test(`[R6749-5.2-01] ${authentication} with another secret is invalid_client at every endpoint`, async (world) => {
      const app = await open(world.demo, { ...registration, secret: altered(secret) });
      const refusal = ['invalid_client', 'invalid_client'] as const;
      await assertRefused(world, '/token', app.clientCredentials(), refusal);
      await assertRefused(world, '/par', app.ask(usual), refusal);
      await assertRefused(world, '/introspect', app.introspect('token'), refusal);
      await assertRefused(world, '/revoke', app.revoke('token'), refusal);
    });
  }
}
