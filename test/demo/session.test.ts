import { decodeJwt, decodeProtectedHeader } from 'jose';
import { PrivateKeyJwt } from 'oauth4webapi';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createMemoryKeyStore } from '../../src/client/key-stores.ts';
import {
  createMemoryTokenStore,
  createSession,
  type Session,
  type SessionLocks,
  type SessionOptions,
} from '../../src/client/session.ts';
import { jwkThumbprint, type PublicJwk } from '../../src/index.ts';
import { authorize } from './_browser.ts';
import { importWebKey, redirectUri, startWorld, type World } from './_oauth.ts';
import { later } from './_setup.ts';

/** Sessions against the demo, which demands nonces at both servers. */

const test = suite<World>('demo/session');

test.before(async (context) => {
  Object.assign(context, await startWorld());
});

test.after(({ demo }) => demo.close());

/** A request as it left the client. */
interface Sent {
  readonly url: URL;
  readonly headers: Headers;
  readonly form: URLSearchParams;
  readonly status: number;
}

/** A `fetch` that sees what goes over the wire. */
function tapped(): { readonly sent: Sent[]; readonly fetch: typeof fetch } {
  const sent: Sent[] = [];
  return {
    sent,
    fetch: async (input, init) => {
      const request = new Request(input, init);
      const form = new URLSearchParams(await request.clone().text());
      const response = await fetch(request);
      const { url, headers } = request;
      sent.push({ url: new URL(url), headers, form, status: response.status });
      return response;
    },
  };
}

function openSession({ demo }: World, options: Partial<SessionOptions> = {}): Session {
  return createSession({
    issuer: demo.authorizationOrigin,
    clientId: 'demo-spa',
    redirectUri,
    scope: 'notes:read notes:write',
    origins: demo.resourceOrigin,
    ...options,
  });
}

function serviceOptions({ demo }: World): SessionOptions {
  return {
    issuer: demo.authorizationOrigin,
    clientId: 'demo-service',
    clientAuthentication: demo.config.clientSecret,
    origins: demo.resourceOrigin,
  };
}

async function signIn({ demo }: World, session: Session): Promise<void> {
  const { url } = await session.beginSignIn();
  await session.completeSignIn(await authorize(demo, url));
}

async function assertCalls({ demo }: World, session: Session): Promise<void> {
  assert.is((await session.fetch(demo.notesUrl)).status, 200);
}

/** Status codes at a path, in order. */
function statuses(sent: readonly Sent[], path: string): number[] {
  return sent.filter(({ url }) => url.pathname === path).map(({ status }) => status);
}

function refreshes(sent: readonly Sent[]): Sent[] {
  return sent.filter(({ form, status }) => form.get('grant_type') === 'refresh_token' && status === 200);
}

async function keysOf(sent: readonly Sent[]): Promise<Set<string>> {
  const proofs = sent.flatMap(({ headers }) => headers.get('dpop') ?? []);
  const jwks = proofs.map((proof) => decodeProtectedHeader(proof).jwk as PublicJwk);
  return new Set(await Promise.all(jwks.map((jwk) => jwkThumbprint(jwk))));
}

test('[R9449-10.1-01] [R9449-8-02] a browser client signs a person in by a pushed request, and calls the API', async (world) => {
  const { sent, fetch } = tapped();
  const session = openSession(world, { fetch });
  await signIn(world, session);
  await assertCalls(world, session);
  await assertCalls(world, session);
  assert.equal(statuses(sent, '/par'), [400, 201], 'one challenge for the whole server');
  assert.equal(statuses(sent, '/token'), [200]);
  assert.equal(statuses(sent, '/api/notes'), [401, 200, 200]);
  const pushed = sent.find(({ url }) => url.pathname === '/par')?.form;
  const keys = await keysOf(sent);
  assert.equal([...keys], [pushed?.get('dpop_jkt')]);
  assert.equal(decodeJwt(await session.accessToken())['cnf'], { jkt: [...keys][0] });
});

test('[R9449-5-07] [R9449-5-08] [R9700-2.2.2-01] a refresh token is replaced at each use, and the key stays', async (world) => {
  const { sent, fetch } = tapped();
  const session = openSession(world, { fetch });
  await signIn(world, session);
  const seen = new Set([await session.accessToken()]);
  for (const seconds of [280, 560])
    await later(seconds, async () => {
      await assertCalls(world, session);
      seen.add(await session.accessToken());
    });
  const used = refreshes(sent).map(({ form }) => form.get('refresh_token'));
  assert.is(used.length, 2);
  assert.is(new Set(used).size, 2);
  assert.is(seen.size, 3);
  assert.is((await keysOf(sent)).size, 1);
});

test('of fifty calls at the end of a token one refreshes', async (world) => {
  const { sent, fetch } = tapped();
  const session = openSession(world, { fetch });
  await signIn(world, session);
  const { notesUrl } = world.demo;
  const answers = await later(400, () =>
    Promise.all(Array.from({ length: 50 }, () => session.fetch(notesUrl))),
  );
  assert.equal(new Set(answers.map(({ status }) => status)), new Set([200]));
  assert.is(refreshes(sent).length, 1);
});

test('[J10] of two tabs at the end of a token one refreshes; both go on', async (world) => {
  const { sent, fetch } = tapped();
  const shared = {
    fetch,
    keyStore: createMemoryKeyStore(),
    tokenStore: createMemoryTokenStore(),
    locks: oneAtATime(),
  };
  const [first, second] = [openSession(world, shared), openSession(world, shared)];
  await signIn(world, first);
  await later(400, () => Promise.all([first, second].map((tab) => assertCalls(world, tab))));
  assert.is(refreshes(sent).length, 1);
  await later(800, () => Promise.all([first, second].map((tab) => assertCalls(world, tab))));
  assert.is(refreshes(sent).length, 2);
});

function oneAtATime(): SessionLocks {
  let last: Promise<unknown> = Promise.resolve();
  return {
    request(_name, task) {
      const run = last.then(task);
      last = run.catch(() => undefined);
      return run;
    },
  };
}

test('[R9449-5-02] a service gets its token by its secret, and uses it', async (world) => {
  const { sent, fetch } = tapped();
  const session = createSession({ ...serviceOptions(world), fetch });
  await assertCalls(world, session);
  await assertCalls(world, session);
  assert.equal(statuses(sent, '/token'), [400, 200]);
  assert.equal(statuses(sent, '/api/notes'), [401, 200, 200]);
});

test('[R9449-8-02] a client with private_key_jwt makes an assertion for each attempt, and refreshes an opaque token', async (world) => {
  const { sent, fetch } = tapped();
  const clientAuthentication = PrivateKeyJwt(await importWebKey());
  const session = openSession(world, { fetch, clientId: 'demo-web', clientAuthentication });
  await signIn(world, session);
  assert.not.match(await session.accessToken(), '.');
  await assertCalls(world, session);
  await later(280, () => assertCalls(world, session));
  assert.is(refreshes(sent).length, 1);
  const assertions = sent.flatMap(({ form }) => form.get('client_assertion') ?? []);
  assert.is(assertions.length, 4, 'push, push again, code, refresh');
  assert.is(new Set(assertions).size, 4);
});

test('[R7009-2.1-02] signing out revokes: neither token is good for anything then', async (world) => {
  const { sent, fetch } = tapped();
  const tokenStore = createMemoryTokenStore();
  const keyStore = createMemoryKeyStore();
  const name = 'spa';
  const session = openSession(world, { fetch, keyStore, tokenStore, name });
  await signIn(world, session);
  await assertCalls(world, session);
  const kept = (await tokenStore.load(name)) ?? '';
  assert.equal(await session.signOut(), { revoked: true });
  assert.equal(statuses(sent, '/revoke'), [200, 200]);
  assert.is(await tokenStore.load(name), undefined);
  await tokenStore.save(name, kept); // as a thief of the whole page would
  const error = await session.fetch(world.demo.notesUrl).catch((reason: unknown) => reason);
  assert.is((error as { code?: string }).code, 'sign-in-required');
});

test('[R9449-11.1-05] [M08] a client whose clock is ten minutes slow signs in and calls: the nonce tells the time', async (world) => {
  const { sent, fetch } = tapped();
  const session = openSession(world, { fetch: inTrueTime(fetch) });
  await later(-600, async () => {
    const { url } = await session.beginSignIn();
    await session.completeSignIn(await later(600, () => authorize(world.demo, url)));
    await assertCalls(world, session);
  });
  assert.equal(statuses(sent, '/par'), [400, 201]);
});

/** The servers are in this process: while they answer, the clock is right. */
function inTrueTime(send: typeof fetch): typeof fetch {
  return (input, init) => later(600, () => send(input, init));
}

test('[R9449-5-10] a client that may have Bearer tokens gets bound ones, and calls the API', async (world) => {
  const legacy = { clientId: 'demo-legacy', clientAuthentication: world.demo.config.legacySecret };
  const session = createSession({ ...serviceOptions(world), ...legacy });
  await assertCalls(world, session);
  assert.type(decodeJwt(await session.accessToken())['cnf'], 'object');
});

test.run();
