import { createServer, request as httpRequest, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { decodeJwt, decodeProtectedHeader } from 'jose';
import Koa from 'koa';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type DpopState, requireDpop } from '../src/adapters/koa.ts';
import type {
  Authorization,
  BindingMode,
  Claim,
  Decision,
  DpopErrorReason,
  HttpAnswer,
  RawRequest,
  ReplayStore,
  RouteOptions,
} from '../src/index.ts';
import { createMemoryReplayStore } from '../src/index.ts';
import {
  createRequest,
  createWorld,
  forge,
  generateKeyPair,
  issueUnbound,
  path,
  type RequestChanges,
  reasonOf,
  refusalOf,
  signer,
  T0,
  type World,
} from './_setup.ts';

/** What each mode does with each kind of request, while clients move from Bearer to DPoP. */

const test = suite('binding-mode');

const modes: readonly BindingMode[] = ['require', 'allow', 'observe'];

/** A world, a token of its client that is bound to no key, and all that was decided and claimed. */
interface Site extends World {
  readonly unbound: string;
  readonly decisions: Decision[];
  readonly claims: Claim[];
}

async function openSite(mode?: BindingMode): Promise<Site> {
  const [decisions, claims]: [Decision[], Claim[]] = [[], []];
  const observe = (decision: Decision): unknown => decisions.push(decision);
  const store = createMemoryReplayStore({ capacity: 1000, clock: () => T0 - 1000 });
  const replay: ReplayStore = {
    read: (now) => store.read(now),
    claim: (claim) => {
      claims.push(claim);
      return store.claim(claim);
    },
  };
  const world = await createWorld({ observe, replay, ...(mode === undefined ? {} : { mode }) });
  return { ...world, unbound: await issueUnbound(world), decisions, claims };
}

/** The valid request, under another scheme and with other `DPoP` lines; default: with its good proof. */
async function send(
  site: Site,
  scheme: 'DPoP' | 'Bearer',
  token: string,
  { proofs, ...changes }: RequestChanges & { readonly proofs?: readonly string[] } = {},
): Promise<RawRequest> {
  const request = await createRequest(site, { ...changes, token });
  const lines = (proofs ?? [request.rawHeaders[5] ?? '']).flatMap((proof) => ['DPoP', proof]);
  return {
    ...request,
    rawHeaders: ['Host', 'rs.example', 'Authorization', `${scheme} ${token}`, ...lines],
  };
}

/** A token that the issuer has signed, with these claims in place of those of a valid one. */
async function alter(site: Site, token: string, claims: object): Promise<string> {
  const sign = signer({ ...site.keyPair, privateKey: site.signingKey.privateKey });
  return forge(decodeProtectedHeader(token), { ...decodeJwt(token), ...claims }, sign);
}

/** Which challenge holds the error; the others are plain. */
type Blamed = 'DPoP' | 'Bearer' | 'both' | 'none';

/** Served: under which scheme, and why `require` would have refused it. */
interface Served {
  readonly scheme: 'DPoP' | 'Bearer';
  readonly wouldRefuse?: DpopErrorReason;
}

interface Refused {
  readonly reason: DpopErrorReason;
  readonly status?: number;
  readonly blamed: Blamed;
}

interface Row {
  readonly request: (site: Site) => Promise<RawRequest>;
  readonly scopes?: readonly string[];
  readonly expected: Readonly<Record<BindingMode, Served | Refused>>;
}

const servedBound: Served = { scheme: 'DPoP' };
const servedUnbound: Served = { scheme: 'Bearer' };

/** Refused alike whatever the mode. */
function always(reason: DpopErrorReason, blamed: Blamed, status = 401): Row['expected'] {
  const refused = { reason, blamed, status };
  return { require: refused, allow: refused, observe: refused };
}

function missing(site: Site): Promise<RawRequest> {
  return createRequest(site, { headers: ['Host', 'rs.example'] });
}

/** An unbound token under Bearer: what mode `allow` is for. */
const plainBearer: Row['expected'] = {
  require: { reason: 'bearer-scheme', blamed: 'DPoP' },
  allow: servedUnbound,
  observe: { scheme: 'Bearer', wouldRefuse: 'bearer-scheme' },
};

/** An unbound token under DPoP, which is no token for that scheme. */
function underDpop(reason: DpopErrorReason): Row['expected'] {
  return {
    require: { reason, blamed: 'DPoP' },
    allow: { reason, blamed: 'DPoP' },
    observe: { scheme: 'Bearer', wouldRefuse: reason },
  };
}

/** A bound token under Bearer: a downgrade, which no mode allows. */
const downgrade: Row['expected'] = {
  require: { reason: 'bearer-scheme', blamed: 'DPoP' },
  allow: { reason: 'bound-token-as-bearer', blamed: 'Bearer' },
  observe: { reason: 'bound-token-as-bearer', blamed: 'Bearer' },
};

const table: Readonly<Record<string, Row>> = {
  '[R9449-7.2-04] no credentials': { request: missing, expected: always('credentials-missing', 'none') },
  '[R9449-7.2-04] credentials of another scheme': {
    request: async () => ({
      method: 'GET',
      target: path,
      rawHeaders: ['Host', 'rs.example', 'Authorization', 'Basic YTpi'],
    }),
    expected: always('credentials-missing', 'none'),
  },
  'unbound as Bearer': {
    request: (site) => send(site, 'Bearer', site.unbound, { proofs: [] }),
    expected: plainBearer,
  },
  '[T-56] unbound as Bearer with a DPoP header that would be a good proof': {
    request: (site) => send(site, 'Bearer', site.unbound),
    expected: plainBearer,
  },
  '[T-56] unbound as Bearer with DPoP headers that are none': {
    request: (site) => send(site, 'Bearer', site.unbound, { proofs: ['x', ''] }),
    expected: plainBearer,
  },
  '[R9449-7.2-02] [G04] unbound under DPoP with a good proof': {
    request: (site) => send(site, 'DPoP', site.unbound),
    expected: underDpop('token-not-bound'),
  },
  '[R9449-7.2-02] [G04] unbound under DPoP with a proof for another URL': {
    request: (site) => send(site, 'DPoP', site.unbound, { target: '/api/admin' }),
    expected: underDpop('token-not-bound'),
  },
  'unbound under DPoP without a proof': {
    request: (site) => send(site, 'DPoP', site.unbound, { proofs: [] }),
    expected: underDpop('proof-missing'),
  },
  'unbound under DPoP with a proof that is none': {
    request: (site) => send(site, 'DPoP', site.unbound, { proofs: ['x'] }),
    expected: underDpop('proof-malformed'),
  },
  'unbound under DPoP with two proofs': {
    request: (site) => send(site, 'DPoP', site.unbound, { proofs: ['x', 'x'] }),
    expected: underDpop('proof-repeated'),
  },
  '[R9449-7.2-01] [A07] bound as Bearer': {
    request: (site) => send(site, 'Bearer', site.token, { proofs: [] }),
    expected: downgrade,
  },
  '[R9449-7.2-01] [G09] bound as Bearer with a good proof': {
    request: (site) => send(site, 'Bearer', site.token),
    expected: downgrade,
  },
  'bound with a good proof': {
    request: (site) => send(site, 'DPoP', site.token),
    expected: { require: servedBound, allow: servedBound, observe: servedBound },
  },
  '[R9449-7.2-05] bound with a proof for another URL': {
    request: (site) => send(site, 'DPoP', site.token, { target: '/api/admin' }),
    expected: always('htu-mismatch', 'DPoP'),
  },
  '[R9449-7.2-05] [G03] bound with a proof by another key': {
    request: async (site) => send(site, 'DPoP', site.token, { keyPair: await generateKeyPair() }),
    expected: always('key-mismatch', 'DPoP'),
  },
  'bound with a proof that is none': {
    request: (site) => send(site, 'DPoP', site.token, { proofs: ['x'] }),
    expected: always('proof-malformed', 'DPoP'),
  },
  'bound with an old proof': {
    request: (site) => send(site, 'DPoP', site.token, { proofTime: T0 - 61 }),
    expected: always('proof-stale', 'DPoP'),
  },
  '[R9449-7.1-02] bound without a proof': {
    request: (site) => send(site, 'DPoP', site.token, { proofs: [] }),
    expected: always('proof-missing', 'DPoP'),
  },
  '[R9449-7.2-05] unbound as Bearer, expired': {
    request: async (site) =>
      send(site, 'Bearer', await alter(site, site.unbound, { exp: T0 - 60 }), { proofs: [] }),
    expected: {
      require: { reason: 'bearer-scheme', blamed: 'DPoP' },
      allow: { reason: 'token-expired', blamed: 'Bearer' },
      observe: { reason: 'token-expired', blamed: 'Bearer' },
    },
  },
  '[R9449-7.2-05] bound, expired': {
    request: async (site) => send(site, 'DPoP', await alter(site, site.token, { exp: T0 - 60 })),
    expected: always('token-expired', 'DPoP'),
  },
  '[R7800-3.1-01] [G06] [T-57] bound to a certificate, as Bearer': {
    request: async (site) =>
      send(site, 'Bearer', await alter(site, site.unbound, { cnf: { 'x5t#S256': 'x' } }), { proofs: [] }),
    expected: {
      require: { reason: 'bearer-scheme', blamed: 'DPoP' },
      allow: { reason: 'token-confirmation-unsupported', blamed: 'Bearer' },
      observe: { reason: 'token-confirmation-unsupported', blamed: 'Bearer' },
    },
  },
  '[R7800-3.1-01] [G05] with an empty cnf, as Bearer': {
    request: async (site) =>
      send(site, 'Bearer', await alter(site, site.unbound, { cnf: {} }), { proofs: [] }),
    expected: {
      require: { reason: 'bearer-scheme', blamed: 'DPoP' },
      allow: { reason: 'token-not-bound', blamed: 'Bearer' },
      observe: { reason: 'token-not-bound', blamed: 'Bearer' },
    },
  },
  '[R9449-7.2-05] unbound as Bearer, without the scope': {
    request: (site) => send(site, 'Bearer', site.unbound, { proofs: [] }),
    scopes: ['notes:delete'],
    expected: {
      require: { reason: 'bearer-scheme', blamed: 'DPoP' },
      allow: { reason: 'scope-insufficient', blamed: 'Bearer', status: 403 },
      observe: { reason: 'scope-insufficient', blamed: 'Bearer', status: 403 },
    },
  },
  '[R9449-7.2-06] under both schemes at once': {
    request: async (site) => {
      const request = await send(site, 'DPoP', site.token);
      return { ...request, rawHeaders: [...request.rawHeaders, 'Authorization', `Bearer ${site.unbound}`] };
    },
    expected: always('authorization-repeated', 'both', 400),
  },
  '[R9449-7.2-06] in the header and in the query': {
    request: async (site) => ({
      ...(await send(site, 'DPoP', site.token)),
      target: `${path}?access_token=${site.unbound}`,
    }),
    expected: always('token-repeated', 'both', 400),
  },
};

/** The challenges of an answer by scheme, each once: the error it holds, or an empty text where it is plain. */
function errorsOf({ headers }: HttpAnswer): Readonly<Record<string, string>> {
  const challenges = (headers['www-authenticate'] ?? '').split(/, (?=DPoP|Bearer)/);
  const pairs = challenges.map((challenge) => {
    const [, scheme = '', error = ''] = /^(\w+)(?: error="(\w+)")?/.exec(challenge) ?? [];
    assert.is(challenge.includes('error_description='), error !== '', challenge);
    return [scheme, error] as const;
  });
  assert.is(new Set(pairs.map(([scheme]) => scheme)).size, pairs.length);
  return Object.fromEntries(pairs);
}

function isServed(expected: Served | Refused): expected is Served {
  return 'scheme' in expected;
}

for (const [what, { request, scopes = [], expected }] of Object.entries(table)) {
  for (const mode of modes) {
    const outcome = expected[mode];
    const route = { scopes, name: 'notes' };
    const title = isServed(outcome) ? `serves as ${outcome.scheme}` : `refuses for ${outcome.reason}`;
    test(`${mode} ${title}: ${what}`, async () => {
      const site = await openSite(mode);
      const sent = await request(site);
      for (const method of ['check', 'authorize'] as const) {
        const attempt = site.server[method](sent, route);
        if (isServed(outcome)) assertServed(await attempt, outcome, method, site);
        else await assertRefused(attempt, outcome, mode, site);
      }
      assert.is(site.claims.length, isServed(outcome) && outcome.scheme === 'DPoP' ? 1 : 0);
    });
  }

  test(`observe tells exactly what require would do: ${what}`, () => {
    const { require, observe } = expected;
    if (isServed(observe)) assert.is(observe.wouldRefuse, isServed(require) ? undefined : require.reason);
    else assert.not(isServed(require), 'what even observe refuses');
  });
}

function assertServed(
  authorization: Authorization,
  { scheme, wouldRefuse }: Served,
  method: 'check' | 'authorize',
  { decisions, keyPair }: Site,
): void {
  const jkt = scheme === 'DPoP' ? keyPair.jkt : undefined;
  assert.equal([authorization.scheme, authorization.jkt], [scheme, jkt]);
  assert.is(authorization.proof?.jkt, jkt);
  assert.equal([authorization.claims.sub, authorization.nonce], ['alice', undefined]);
  assert.ok(Object.isFrozen(authorization) && Object.isFrozen(authorization.claims));
  const outcome = method === 'check' ? 'passed' : 'accepted';
  const told = { outcome, scheme, jkt, clientId: 'client', route: 'notes', wouldRefuse };
  assert.equal(decisions.splice(0), [told]);
}

async function assertRefused(
  attempt: Promise<Authorization>,
  { reason, status = 401, blamed }: Refused,
  mode: BindingMode,
  { server, decisions }: Site,
): Promise<void> {
  const refusal = await refusalOf(attempt);
  assert.is(refusal.reason, reason);
  const told = decisions.splice(0).map((each) => each.outcome === 'refused' && [each.reason, each.route]);
  assert.equal(told, [[reason, 'notes']]);
  const answer = server.challenge(refusal);
  assert.is(answer.status, status);
  const { code = '' } = refusal;
  const errorFor = (scheme: Blamed): string => (blamed === scheme || blamed === 'both' ? code : '');
  // [R9449-7.2-03] Where Bearer is never accepted, it is never asked for.
  const bearer = mode === 'require' ? {} : { Bearer: errorFor('Bearer') };
  assert.equal(errorsOf(answer), { DPoP: errorFor('DPoP'), ...bearer });
}

test('require is the default', async () => {
  const site = await openSite();
  const request = await send(site, 'Bearer', site.unbound, { proofs: [] });
  assert.is(await reasonOf(site.server.authorize(request)), 'bearer-scheme');
});

test('[R9449-7.2-03] the two challenges in full: DPoP first, its algorithms in it alone', async () => {
  const world = await createWorld({ mode: 'allow', realm: 'notes', algorithms: ['ES256'] });
  const nothing = await createRequest(world, { headers: ['Host', 'rs.example'] });
  const plain = world.server.challenge(await refusalOf(world.server.authorize(nothing)));
  assert.is(plain.headers['www-authenticate'], 'DPoP realm="notes", algs="ES256", Bearer realm="notes"');
  assert.equal(plain.body, {});
  const bearer = { ...nothing, rawHeaders: ['Host', 'rs.example', 'Authorization', 'Bearer x'] };
  const answer = world.server.challenge(await refusalOf(world.server.authorize(bearer)));
  assert.is(
    answer.headers['www-authenticate'],
    'DPoP realm="notes", algs="ES256", Bearer error="invalid_token", ' +
      'error_description="The access token is invalid, expired, or bound to another key", realm="notes"',
  );
  assert.is(answer.body['error'], 'invalid_token');
});

test('[R9449-7.2-03] a Bearer challenge without any parameter is the scheme alone', async () => {
  const { server } = await openSite('allow');
  const nothing = { method: 'GET', target: path, rawHeaders: ['Host', 'rs.example'] };
  const answer = server.challenge(await refusalOf(server.authorize(nothing)));
  assert.is(answer.headers['www-authenticate'], 'DPoP algs="ES256 Ed25519 EdDSA", Bearer');
});

test('[R9449-7.2-05] what a Bearer token lacks is named in the challenge for Bearer', async () => {
  const site = await openSite('allow');
  const request = await send(site, 'Bearer', site.unbound, { proofs: [] });
  const refusal = await refusalOf(site.server.authorize(request, { scopes: ['notes:delete'] }));
  const { status, headers } = site.server.challenge(refusal);
  assert.is(status, 403);
  assert.match(headers['www-authenticate'] ?? '', /^DPoP algs="[^"]+", Bearer error="insufficient_scope", /);
  assert.match(headers['www-authenticate'] ?? '', /, scope="notes:delete"$/);
});

// By route

test('a route may be laxer than its server, or stricter', async () => {
  const lax = await openSite('require');
  const bearer = await send(lax, 'Bearer', lax.unbound, { proofs: [] });
  assert.is(await reasonOf(lax.server.authorize(bearer)), 'bearer-scheme');
  assert.is((await lax.server.authorize(bearer, { mode: 'allow' })).scheme, 'Bearer');
  assert.is((await lax.server.check(bearer, { mode: 'observe' })).scheme, 'Bearer');
  const strict = await openSite('observe');
  const same = await send(strict, 'Bearer', strict.unbound, { proofs: [] });
  assert.is((await strict.server.authorize(same)).scheme, 'Bearer');
  assert.is(await reasonOf(strict.server.authorize(same, { mode: 'require' })), 'bearer-scheme');
});

test('[R9449-7.2-03] the challenges are those of the route, even for two refusals of one request', async () => {
  const { server } = await openSite('allow');
  const nothing = { method: 'GET', target: path, rawHeaders: ['Host', 'rs.example'] };
  for (const [mode, schemes] of [
    ['allow', ['DPoP', 'Bearer']],
    ['require', ['DPoP']],
    ['observe', ['DPoP', 'Bearer']],
  ] as const) {
    const answer = server.challenge(await refusalOf(server.authorize(nothing, { mode })));
    assert.equal(Object.keys(errorsOf(answer)), schemes, mode);
  }
});

// A second look at a request that was authorized

/** One authorization of each kind. */
async function authorizeBoth(site: Site): Promise<{ bound: Authorization; unbound: Authorization }> {
  const bearer = await send(site, 'Bearer', site.unbound, { proofs: [] });
  return {
    bound: await site.server.authorize(await createRequest(site)),
    unbound: await site.server.authorize(bearer),
  };
}

test('recheck: a stricter mode refuses what is bound to no key, and nothing else', async () => {
  const site = await openSite('allow');
  const { bound, unbound } = await authorizeBoth(site);
  for (const mode of modes) site.server.recheck(bound, { mode });
  for (const mode of ['allow', 'observe'] as const) site.server.recheck(unbound, { mode });
  site.server.recheck(unbound);
  const refusal = await refusalOf(() => site.server.recheck(unbound, { mode: 'require' }));
  assert.is(refusal.reason, 'bearer-scheme');
  const answer = site.server.challenge(refusal);
  assert.is(answer.status, 401);
  assert.equal(errorsOf(answer), { DPoP: 'invalid_token' });
});

test('[G04] recheck: what it refuses is told, by the name of its route; what it lets pass was told before', async () => {
  const site = await openSite('observe');
  const unbound = await site.server.authorize(await send(site, 'Bearer', site.unbound));
  site.decisions.splice(0);
  site.server.recheck(unbound, { scopes: ['notes:read'], name: 'inner' });
  assert.equal(site.decisions, []);
  await refusalOf(() => site.server.recheck(unbound, { mode: 'require', name: 'inner' }));
  const refused = { outcome: 'refused', code: 'invalid_token', jkt: undefined, cause: undefined } as const;
  const told = { ...refused, reason: 'bearer-scheme', clientId: 'client', route: 'inner' };
  assert.equal(site.decisions, [told]);
});

test("recheck: where the route says nothing, the server's mode counts", async () => {
  const site = await openSite('require');
  const bearer = await send(site, 'Bearer', site.unbound, { proofs: [] });
  const unbound = await site.server.authorize(bearer, { mode: 'allow' });
  assert.is(await reasonOf(() => site.server.recheck(unbound)), 'bearer-scheme');
  site.server.recheck(await site.server.authorize(await createRequest(site)));
});

test('[R9449-7.2-05] recheck: the error stands in the challenge of the scheme that was tried', async () => {
  const site = await openSite('allow');
  const { bound, unbound } = await authorizeBoth(site);
  for (const [authorization, errors] of [
    [bound, { DPoP: 'insufficient_scope', Bearer: '' }],
    [unbound, { DPoP: '', Bearer: 'insufficient_scope' }],
  ] as const) {
    site.server.recheck(authorization, { scopes: ['notes:read'] });
    const refusal = await refusalOf(() => site.server.recheck(authorization, { scopes: ['notes:delete'] }));
    assert.equal([refusal.reason, refusal.jkt], ['scope-insufficient', authorization.jkt]);
    assert.is(site.server.challenge(refusal).status, 403);
    assert.equal(errorsOf(site.server.challenge(refusal)), errors);
  }
});

test('recheck: takes no use, tells nobody, and refuses a route that makes no sense', async () => {
  const site = await openSite('allow');
  const { bound } = await authorizeBoth(site);
  const [told, claimed] = [site.decisions.length, site.claims.length];
  for (let time = 0; time < 5; time++) site.server.recheck(bound, { scopes: ['notes:read'] });
  assert.equal([site.decisions.length, site.claims.length], [told, claimed]);
  for (const route of [{ mode: 'bearer' }, { mode: null }, { scopes: 'notes:read' }, { scopes: null }, null])
    assert.throws(() => site.server.recheck(bound, route as never), TypeError);
});

// Behind Koa

/** The statuses of requests to an application with two guards of one server, and how often its handler ran. */
async function serveTwice(
  site: Site,
  [first, second]: readonly [RouteOptions, RouteOptions],
  requests: readonly RawRequest[],
): Promise<{ answers: { status: number; challenge: string }[]; runs: number; states: DpopState[] }> {
  const states: DpopState[] = [];
  let runs = 0;
  const app = new Koa();
  app.use((ctx, next) => next().finally(() => states.push(ctx.state)));
  app.use(requireDpop(site.server, first));
  app.use(requireDpop(site.server, second));
  app.use((ctx) => {
    runs++;
    ctx.status = 204;
  });
  const server = createServer(app.callback() as Parameters<typeof createServer>[1]);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    const { port } = server.address() as AddressInfo;
    const answers: { status: number; challenge: string }[] = [];
    for (const request of requests) answers.push(await exchange(port, request));
    return { answers, runs, states };
  } finally {
    await new Promise((resolve) => server.close(resolve));
  }
}

function exchange(
  port: number,
  { method, target, rawHeaders }: RawRequest,
): Promise<{ status: number; challenge: string }> {
  return new Promise((resolve, reject) => {
    const settings = {
      host: '127.0.0.1',
      port,
      method,
      path: target,
      headers: [...rawHeaders],
      agent: false,
    };
    const outgoing = httpRequest(settings, (incoming: IncomingMessage) => {
      incoming.resume().on('end', () => {
        const { statusCode: status = 0, headers } = incoming;
        resolve({ status, challenge: headers['www-authenticate'] ?? '' });
      });
    });
    outgoing.on('error', reject).end();
  });
}

test('a second guard of a Koa application may be stricter than the first: it refuses the unbound', async () => {
  const site = await openSite('observe');
  const requests = [
    await send(site, 'Bearer', site.unbound, { proofs: [] }),
    await createRequest(site),
    await send(site, 'DPoP', site.unbound),
  ];
  const { answers, runs, states } = await serveTwice(site, [{}, { mode: 'require' }], requests);
  assert.equal(
    answers.map(({ status }) => status),
    [401, 204, 401],
  );
  assert.is(runs, 1);
  for (const index of [0, 2]) {
    assert.match(answers[index]?.challenge ?? '', /^DPoP error="invalid_token", (?!.*Bearer)/);
    assert.is(states[index]?.dpopRefusal?.reason, 'bearer-scheme');
  }
  assert.is(states[1]?.dpop?.scheme, 'DPoP');
  assert.is(site.claims.length, 1, 'the one use of the one proof');
});

test('a second guard cannot be laxer than the first: what was refused stays refused', async () => {
  const site = await openSite('require');
  const requests = [await send(site, 'Bearer', site.unbound, { proofs: [] })];
  const { answers, runs } = await serveTwice(site, [{}, { mode: 'allow' }], requests);
  assert.equal([answers[0]?.status, runs], [401, 0]);
});

test('[R9449-7.2-05] a second guard that asks for more scope blames the scheme that was tried', async () => {
  const site = await openSite('allow');
  const requests = [
    await send(site, 'Bearer', site.unbound, { proofs: [] }),
    await createRequest(site),
    await missing(site),
  ];
  const guards = [{ scopes: ['notes:read'] }, { scopes: ['notes:read', 'notes:delete'] }] as const;
  const { answers, runs } = await serveTwice(site, guards, requests);
  assert.equal(
    answers.map(({ status }) => status),
    [403, 403, 401],
  );
  const [bearer, dpop, nothing] = answers.map(({ challenge }) => challenge);
  assert.match(bearer ?? '', /^DPoP algs="[^"]+", Bearer error="insufficient_scope", /);
  assert.match(dpop ?? '', /^DPoP error="insufficient_scope", .*, Bearer$/);
  assert.match(nothing ?? '', /^DPoP algs="[^"]+", Bearer$/);
  assert.is(runs, 0);
});

test('the handler learns under which scheme it was asked, and that an unbound token has no key', async () => {
  const site = await openSite('allow');
  const requests = [await send(site, 'Bearer', site.unbound, { proofs: [] }), await createRequest(site)];
  const { answers, states } = await serveTwice(site, [{}, {}], requests);
  assert.equal(
    answers.map(({ status }) => status),
    [204, 204],
  );
  const seen = states.map(({ dpop }) => [dpop?.scheme, dpop?.jkt, dpop?.claims.client_id]);
  assert.equal(seen, [
    ['Bearer', undefined, 'client'],
    ['DPoP', site.keyPair.jkt, 'client'],
  ]);
});

test.run();
