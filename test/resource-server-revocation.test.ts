import { createServer, request as httpRequest } from 'node:http';
import type { AddressInfo } from 'node:net';
import Koa from 'koa';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { requireDpop } from '../src/adapters/koa.ts';
import {
  createMemoryReplayStore,
  createMemoryRevocationStore,
  createResourceServer,
  createRevocations,
  createTokenIssuer,
  type Decision,
  type RawRequest,
  type ReplayStore,
  type ResourceServerOptions,
  type Revocation,
  type RevocationEntry,
  type RevocationQuery,
  type RevocationStore,
  type Revocations,
  type RevocationsOptions,
  type TokenRequest,
} from '../src/index.ts';
import {
  audience,
  createRequest,
  createWorld,
  generateKeyPair,
  issuerUrl,
  origin,
  path,
  reasonOf,
  refusalOf,
  T0,
  type World,
} from './_setup.ts';

/** Tokens that are taken back before their time, as a resource server sees them. */

const test = suite('resource-server-revocation');

/** A store that can forget what it was told, which no real one may, and that counts how often it is asked. */
interface TestStore extends RevocationStore {
  readonly entries: Map<string, RevocationEntry>;
  looks: number;
  look(query: RevocationQuery): 'live' | 'revoked';
}

function createTestStore(): TestStore {
  const entries = new Map<string, RevocationEntry>();
  const store: TestStore = {
    entries,
    looks: 0,
    add: (entry) => void entries.set(entry.key, entry),
    look: ({ keys, issuedAt }) => {
      store.looks++;
      return keys.some((key) => issuedAt < (entries.get(key)?.before ?? 0)) ? 'revoked' : 'live';
    },
  };
  return store;
}

const stores: Readonly<Record<string, () => RevocationStore>> = {
  'a store of somebody else': createTestStore,
  'the memory store': () => createMemoryRevocationStore({ capacity: 100, clock: () => T0 - 1000 }),
};

/** A world whose server looks up each token, all its decisions, and all the uses that it took. */
interface Site extends World {
  readonly revocations: Revocations;
  readonly decisions: Decision[];
  readonly uses: { count: number };
}

async function openSite(
  store: RevocationStore,
  options: Partial<RevocationsOptions> = {},
  serverOptions: Partial<ResourceServerOptions> = {},
): Promise<Site> {
  const decisions: Decision[] = [];
  const uses = { count: 0 };
  const memory = createMemoryReplayStore({ capacity: 1000, clock: () => T0 - 1000 });
  const replay: ReplayStore = {
    read: (now) => memory.read(now),
    claim: (claim) => {
      uses.count++;
      return memory.claim(claim);
    },
  };
  const revocations = createRevocations({ store, clock: () => T0, ...options });
  const observe = (decision: Decision): unknown => decisions.push(decision);
  const world = await createWorld({ revocations, replay, observe, ...serverOptions });
  return { ...world, revocations, decisions, uses };
}

/** A further token of the site's issuer for its client, and what it says. */
async function issue(
  { signingKey, clock, keyPair }: World,
  changes: Partial<TokenRequest> = {},
): Promise<{ token: string; jti: string; exp: number }> {
  const settings = { issuer: issuerUrl, signingKey, clock: clock.read, lifetime: 86_400 };
  const issuer = createTokenIssuer({ ...settings, mayUseBearer: () => true });
  const request = { subject: 'alice', clientId: 'client', audience, jkt: keyPair.jkt, lifetime: 300 };
  const { accessToken, claims } = await issuer.issue({ ...request, ...changes });
  return { token: accessToken, jti: claims.jti, exp: claims.exp };
}

/** What is revoked, by the token that it hits; and one that it leaves alone. */
interface Case {
  readonly revocation: (token: { jti: string; exp: number }, site: Site) => Revocation;
  readonly spared: (site: Site) => Promise<{ token: string; keyPair?: World['keyPair'] }>;
}

const cases: Readonly<Record<string, Case>> = {
  'by jti': {
    revocation: ({ jti, exp }) => ({ issuer: issuerUrl, jti, exp }),
    spared: (site) => issue(site, { grant: 'grant-1' }),
  },
  'by its key': {
    revocation: (_, { keyPair }) => ({ jkt: keyPair.jkt }),
    spared: async (site) => {
      const keyPair = await generateKeyPair();
      return { ...(await issue(site, { jkt: keyPair.jkt })), keyPair };
    },
  },
  'by its subject, before a moment': {
    revocation: () => ({ issuer: issuerUrl, subject: 'alice', before: T0 + 1 }),
    spared: (site) => issue(site, { subject: 'bob' }),
  },
  'by its grant': {
    revocation: () => ({ issuer: issuerUrl, grant: 'grant-1' }),
    spared: (site) => issue(site, { grant: 'grant-2' }),
  },
};

for (const [kind, create] of Object.entries(stores)) {
  for (const [how, { revocation, spared }] of Object.entries(cases)) {
    test(`[G17] [FAPI2-5.3.4-01] a token revoked ${how} is refused from the next request on, known or not, by ${kind}`, async () => {
      const site = await openSite(create());
      const issued = await issue(site, { grant: 'grant-1' });
      const fresh = await issue(site, { grant: 'grant-1' });
      const send = (token: string): Promise<RawRequest> => createRequest(site, { token });
      await site.server.authorize(await send(issued.token));
      await site.server.authorize(await send(issued.token));
      await site.revocations.revoke(revocation(issued, site));
      const others = how === 'by jti' ? [] : [fresh];
      for (const { token } of [issued, issued, ...others]) {
        const used = site.uses.count;
        const refusal = await refusalOf(site.server.authorize(await send(token)));
        assert.equal([refusal.reason, refusal.jkt], ['token-revoked', site.keyPair.jkt]);
        const { status, headers } = site.server.challenge(refusal);
        assert.is(status, 401);
        assert.match(headers['www-authenticate'] ?? '', /^DPoP error="invalid_token", /);
        assert.is(await reasonOf(site.server.check(await send(token))), 'token-revoked');
        assert.is(site.uses.count, used, 'nothing is claimed');
      }
      await site.server.authorize(await createRequest(site, await spared(site)));
    });
  }

  test(`[G17] signed out everywhere: what is issued from then on is live, what was before is not, by ${kind}`, async () => {
    const site = await openSite(create());
    site.clock.now = T0 + 60;
    const tokens = [];
    for (const now of [T0 + 58, T0 + 59, T0 + 60]) {
      site.clock.now = now;
      tokens.push((await issue(site)).token);
    }
    await site.revocations.revoke({ issuer: issuerUrl, subject: 'alice', before: T0 + 59 });
    const outcomes = [];
    for (const token of tokens)
      outcomes.push(
        await site.server.authorize(await createRequest(site, { token })).then(
          () => 'live',
          ({ reason }: { reason: string }) => reason,
        ),
      );
    assert.equal(outcomes, ['token-revoked', 'live', 'live']);
  });

  test(`[G17] what one process revokes, another refuses with its next request, by ${kind}`, async () => {
    const store = create();
    const [one, two] = [await openSite(store), await openSite(store)];
    await two.server.authorize(await createRequest(two));
    await one.revocations.revoke({ jkt: two.keyPair.jkt });
    assert.is(await reasonOf(two.server.authorize(await createRequest(two))), 'token-revoked');
  });

  test(`a name counts within its issuer: another's jti, subject and grant are not meant, by ${kind}`, async () => {
    const site = await openSite(create());
    const { token, jti, exp } = await issue(site, { grant: 'grant-1' });
    const issuer = 'https://other.example';
    await site.revocations.revoke({ issuer, jti, exp });
    await site.revocations.revoke({ issuer, subject: 'alice', before: T0 + 1 });
    await site.revocations.revoke({ issuer, grant: 'grant-1' });
    await site.revocations.revoke({ issuer: issuerUrl, grant: jti });
    await site.revocations.revoke({ issuer: issuerUrl, subject: 'grant-1', before: T0 + 1 });
    await site.server.authorize(await createRequest(site, { token }));
  });

  test(`[G17] a token that is bound to no key is looked up as any other, by ${kind}`, async () => {
    const site = await openSite(create(), {}, { mode: 'allow' });
    const revoked = await issue(site, { jkt: undefined });
    const spared = await issue(site, { jkt: undefined });
    const send = async ({ token }: { token: string }): Promise<unknown> => {
      const rawHeaders = ['Host', 'rs.example', 'Authorization', `Bearer ${token}`];
      return site.server.authorize({ method: 'GET', target: path, rawHeaders });
    };
    await send(revoked);
    await site.revocations.revoke({ issuer: issuerUrl, jti: revoked.jti, exp: revoked.exp });
    const refusal = await refusalOf(send(revoked) as Promise<never>);
    assert.equal([refusal.reason, refusal.jkt], ['token-revoked', undefined]);
    const challenge = site.server.challenge(refusal).headers['www-authenticate'] ?? '';
    assert.match(challenge, /^DPoP algs="[^"]+", Bearer error="invalid_token", /);
    await send(spared);
  });
}

test('[G17] [I10] a revoked token does not use its proof up: once it is live again, the proof counts as unused', async () => {
  const store = createTestStore();
  const site = await openSite(store);
  const request = await createRequest(site);
  await site.revocations.revoke({ jkt: site.keyPair.jkt });
  for (const method of ['check', 'authorize', 'authorize'] as const)
    assert.is(await reasonOf(site.server[method](request)), 'token-revoked');
  assert.is(site.uses.count, 0);
  store.entries.clear();
  await site.server.authorize(request);
  assert.is(await reasonOf(site.server.authorize(request)), 'replayed');
});

test('[G17] what is revoked while a request is under way is refused with the next one', async () => {
  const memory = createMemoryReplayStore({ capacity: 100, clock: () => T0 - 1000 });
  let revoke = async (): Promise<void> => undefined;
  const replay: ReplayStore = {
    read: (now) => memory.read(now),
    claim: async (claim) => {
      await revoke();
      return memory.claim(claim);
    },
  };
  const site = await openSite(createTestStore(), {}, { replay });
  revoke = () => site.revocations.revoke({ jkt: site.keyPair.jkt });
  await site.server.authorize(await createRequest(site));
  assert.is(await reasonOf(site.server.authorize(await createRequest(site))), 'token-revoked');
});

test('[K02] the store is asked once for each request that has passed every check of token and proof, and for no other', async () => {
  const store = createTestStore();
  const site = await openSite(store);
  await site.server.authorize(await createRequest(site));
  await site.server.check(await createRequest(site));
  assert.is(store.looks, 2);
  const stranger = await generateKeyPair();
  for (const changes of [
    { keyPair: stranger },
    { target: '/api/admin' },
    { proofTime: T0 - 61 },
    { token: 'opaque' },
  ])
    await refusalOf(site.server.authorize(await createRequest(site, changes)));
  assert.is(store.looks, 2);
});

test('a revoked token is refused as such, whatever scopes the route asks for', async () => {
  const site = await openSite(createTestStore());
  await site.revocations.revoke({ jkt: site.keyPair.jkt });
  const attempt = site.server.authorize(await createRequest(site), { scopes: ['notes:delete'] });
  assert.is(await reasonOf(attempt), 'token-revoked');
});

test('the decision says whose token was revoked, and nothing of what it was', async () => {
  const site = await openSite(createTestStore());
  await site.revocations.revoke({ jkt: site.keyPair.jkt });
  await refusalOf(site.server.authorize(await createRequest(site), { name: 'notes' }));
  const { jkt } = site.keyPair;
  const words = { outcome: 'refused', reason: 'token-revoked', code: 'invalid_token' } as const;
  assert.equal(site.decisions, [{ ...words, jkt, clientId: 'client', route: 'notes', cause: undefined }]);
});

// What the memory cannot know

test('a memory that begins after a token was issued vouches for none of its time', async () => {
  const store = createMemoryRevocationStore({ capacity: 100, birth: T0 + 1 });
  const site = await openSite(store);
  const old = await createRequest(site);
  const refusal = await refusalOf(site.server.authorize(old));
  assert.is(refusal.reason, 'token-revocation-unknown');
  assert.is(site.server.challenge(refusal).status, 401);
  assert.is(site.uses.count, 0);
  site.clock.now = T0 + 1;
  const { token } = await issue(site);
  await site.server.authorize(await createRequest(site, { token }));
});

test('[R9449-11.2-01] a token that outlives what is remembered of subjects and grants is refused', async () => {
  const site = await openSite(createTestStore(), { maxTokenLife: 300, leeway: 10 });
  const longest = await issue(site, { lifetime: 310 });
  await site.server.authorize(await createRequest(site, longest));
  const longer = await issue(site, { lifetime: 311 });
  for (const attempt of ['anew', 'known']) {
    const refusal = await refusalOf(site.server.authorize(await createRequest(site, longer)));
    assert.is(refusal.reason, 'token-lives-too-long', attempt);
    assert.is(site.server.challenge(refusal).status, 401);
  }
  assert.is(site.uses.count, 1);
});

// A store in trouble

const troubles: Readonly<Record<string, () => unknown>> = {
  throws: () => {
    throw new Error('down');
  },
  rejects: () => Promise.reject(new Error('down')),
  'answers nothing': () => undefined,
  'answers true': () => true,
  'answers false': () => false,
  'answers by a word of its own': () => 'ok',
  'answers by an object': () => ({ answer: 'live' }),
  'answers by a list': () => ['live'],
};

for (const [what, look] of Object.entries(troubles)) {
  test(`[R9449-7.1-03] [I18] a store that ${what}: 503, nothing is claimed, and all is well when it is back`, async () => {
    const store = createTestStore();
    const { look: sound } = store;
    const site = await openSite(store);
    const request = await createRequest(site);
    store.look = look as typeof store.look;
    for (const method of ['check', 'authorize'] as const) {
      const refusal = await refusalOf(site.server[method](request));
      assert.is(refusal.reason, 'revocation-store-unavailable');
      assert.instance(refusal.cause, Error);
      const { status, headers } = site.server.challenge(refusal);
      assert.is(status, 503);
      assert.equal(headers, { 'cache-control': 'no-store', 'retry-after': '1' });
    }
    assert.is(site.uses.count, 0);
    store.look = sound;
    await site.server.authorize(request);
  });
}

test('[R9449-7.1-03] [I18] behind Koa: 503 while the store is down, 401 when revoked, and the handler runs for neither', async () => {
  const store = createTestStore();
  const { look: sound } = store;
  const site = await openSite(store);
  let runs = 0;
  const app = new Koa();
  app.use(requireDpop(site.server)).use((ctx) => {
    runs++;
    ctx.status = 204;
  });
  const server = createServer(app.callback() as Parameters<typeof createServer>[1]);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  try {
    assert.is(await statusOf(port, await createRequest(site)), 204);
    store.look = troubles['rejects'] as typeof store.look;
    const request = await createRequest(site);
    assert.is(await statusOf(port, request), 503);
    store.look = sound;
    await site.revocations.revoke({ jkt: site.keyPair.jkt });
    assert.is(await statusOf(port, request), 401);
    assert.is(runs, 1);
  } finally {
    await new Promise((resolve) => server.close(resolve));
  }
});

function statusOf(port: number, { method, target, rawHeaders }: RawRequest): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const settings = {
      host: '127.0.0.1',
      port,
      method,
      path: target,
      headers: [...rawHeaders],
      agent: false,
    };
    const outgoing = httpRequest(settings, (incoming) => {
      incoming.resume().on('end', () => resolve(incoming.statusCode));
    });
    outgoing.on('error', reject).end();
  });
}

test('[G17] an opaque token is refused from the next request on, though its issuer has just vouched for it', async () => {
  let asked = 0;
  const world = await createWorld();
  const { jkt } = world.keyPair;
  const times = { iat: T0, exp: T0 + 300 };
  const claims = { iss: issuerUrl, sub: 'alice', client_id: 'client', aud: audience, ...times, cnf: { jkt } };
  const issuer = createServer((_, response) => {
    asked++;
    response.end(JSON.stringify({ active: true, ...claims }));
  });
  await new Promise<void>((resolve) => issuer.listen(0, '127.0.0.1', resolve));
  try {
    const endpoint = `http://127.0.0.1:${(issuer.address() as AddressInfo).port}/`;
    const revocations = createRevocations({ store: createTestStore(), clock: world.clock.read });
    const server = createResourceServer({
      publicOrigin: origin,
      audience,
      issuer: issuerUrl,
      introspection: { endpoint, credentials: { clientId: 'rs', clientSecret: 'secret' } },
      revocations,
      replay: createMemoryReplayStore({ capacity: 100, clock: () => T0 - 1000 }),
      clock: world.clock.read,
    });
    const send = async (): Promise<unknown> =>
      server.authorize(await createRequest({ ...world, server }, { token: 'opaque' }));
    await send();
    await revocations.revoke({ issuer: issuerUrl, subject: 'alice', before: T0 + 1 });
    assert.is(await reasonOf(send() as Promise<never>), 'token-revoked');
    assert.is(asked, 1);
  } finally {
    issuer.closeAllConnections();
    await new Promise((resolve) => issuer.close(resolve));
  }
});

test.run();
