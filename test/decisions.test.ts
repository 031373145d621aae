import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  createDecisionCounts,
  type Decision,
  type DecisionCount,
  type DecisionCounts,
} from '../src/decisions.ts';
import { DpopError, type DpopErrorReason, dpopErrorReasons } from '../src/errors.ts';
import { createClock, createRequest, createWorld, issueUnbound, T0 } from './_setup.ts';

const test = suite('decisions');

type Served = Exclude<Decision, { readonly outcome: 'refused' }>;

/** A request with a bound token that was served, with members replaced. */
function served(changes: Partial<Served> = {}): Decision {
  const bound = { scheme: 'DPoP', jkt: 'k'.repeat(43), wouldRefuse: undefined } as const;
  return { outcome: 'accepted', ...bound, clientId: 'client', route: 'notes', ...changes };
}

/** One that came without a key, and was served all the same. */
function unbound(changes: Partial<Served> = {}): Decision {
  return served({ scheme: 'Bearer', jkt: undefined, ...changes });
}

function refused(reason: DpopErrorReason, clientId?: string, route?: string): Decision {
  const { code } = new DpopError(reason);
  return { outcome: 'refused', reason, code, jkt: undefined, clientId, route, cause: undefined };
}

function countsOf(decisions: readonly Decision[], capacity?: number): DecisionCounts {
  const counts = createDecisionCounts({ ...(capacity && { capacity }), clock: () => T0 });
  for (const decision of decisions) counts.observe(decision);
  return counts;
}

/** What was counted how often, in words. */
function tell({ outcome, scheme, reason, clientId, route, count }: DecisionCount): string {
  return [count, outcome, scheme, reason, clientId, route].map((each) => each ?? '-').join(' ');
}

test('begins with nothing, by the clock of the system', () => {
  const counts = createDecisionCounts();
  assert.equal([counts.read(), counts.unready()], [[], []]);
  const before = Date.now() / 1000;
  counts.observe(served());
  const [{ lastAt = 0 } = {}] = counts.read();
  assert.ok(lastAt >= before && lastAt <= Date.now() / 1000);
});

test('counts each outcome, scheme, reason, client and route apart', () => {
  const decisions = [
    served(),
    served(),
    served({ outcome: 'passed' }),
    unbound(),
    unbound({ wouldRefuse: 'bearer-scheme' }),
    unbound({ wouldRefuse: 'token-not-bound' }),
    served({ clientId: 'other' }),
    served({ route: 'admin' }),
    served({ route: undefined }),
    refused('replayed', 'client', 'notes'),
    refused('token-expired', undefined, 'notes'),
    refused('token-expired'),
    refused('token-expired'),
  ];
  assert.equal(countsOf(decisions).read().map(tell), [
    '2 accepted DPoP - client notes',
    '1 passed DPoP - client notes',
    '1 accepted Bearer - client notes',
    '1 accepted Bearer bearer-scheme client notes',
    '1 accepted Bearer token-not-bound client notes',
    '1 accepted DPoP - other notes',
    '1 accepted DPoP - client admin',
    '1 accepted DPoP - client -',
    '1 refused - replayed client notes',
    '1 refused - token-expired - notes',
    '2 refused - token-expired - -',
  ]);
});

test('has a counter for every reason there is', () => {
  const counts = countsOf(dpopErrorReasons.map((reason) => refused(reason))).read();
  assert.equal(
    counts.map(({ reason, count }) => [reason, count]),
    dpopErrorReasons.map((reason) => [reason, 1]),
  );
});

test('tells when each thing last happened', () => {
  const clock = createClock();
  const counts = createDecisionCounts({ clock: clock.read });
  counts.observe(served());
  clock.now += 60;
  counts.observe(unbound());
  clock.now += 60;
  counts.observe(unbound());
  assert.equal(
    counts.read().map(({ count, lastAt }) => [count, lastAt]),
    [
      [1, T0],
      [2, T0 + 120],
    ],
  );
});

test('what was read stays as it was, and cannot be written on', () => {
  const counts = countsOf([served()]);
  const [before] = counts.read();
  assert.throws(() => Object.assign(before as object, { count: 0 }), TypeError);
  (counts.read() as DecisionCount[]).length = 0;
  counts.observe(served());
  assert.is(before?.count, 1);
  assert.equal(counts.read().map(tell), ['2 accepted DPoP - client notes']);
  assert.throws(() => Object.assign(counts, { observe: () => undefined }), TypeError);
});

test('unready: who was served without a key, or would have been refused, and nobody else', () => {
  const counts = countsOf([
    served(),
    served({ outcome: 'passed' }),
    unbound({ clientId: 'allowed' }),
    unbound({ clientId: 'observed', wouldRefuse: 'bearer-scheme' }),
    unbound({ clientId: 'half-way', wouldRefuse: 'token-not-bound', outcome: 'passed' }),
    refused('bearer-scheme'),
    refused('bound-token-as-bearer', 'downgraded'),
    refused('replayed', 'client'),
  ]);
  assert.equal(counts.unready().map(tell), [
    '1 accepted Bearer - allowed notes',
    '1 accepted Bearer bearer-scheme observed notes',
    '1 passed Bearer token-not-bound half-way notes',
  ]);
});

test('[K04] beyond its capacity it goes on counting, without the client', () => {
  const clients = Array.from({ length: 50 }, (_, index) => unbound({ clientId: `client-${index}` }));
  const counts = countsOf([...clients, ...clients], 3);
  assert.equal(counts.read().map(tell), [
    '2 accepted Bearer - client-0 notes',
    '2 accepted Bearer - client-1 notes',
    '2 accepted Bearer - client-2 notes',
    '94 accepted Bearer - (others) notes',
  ]);
  assert.is(counts.unready().length, 4, 'nobody who is unready goes missing');
});

test('[K04] however many clients there are, what is kept is bounded by reasons and routes', () => {
  const routes = ['one', 'two'];
  const reasons = ['replayed', 'key-mismatch', 'htu-mismatch'] as const;
  const counts = countsOf([], 5);
  for (let client = 0; client < 500; client++)
    for (const route of routes)
      for (const reason of reasons) counts.observe(refused(reason, `client-${client}`, route));
  const all = counts.read();
  assert.is(all.length, 5 + routes.length * reasons.length);
  assert.is(
    all.reduce((sum, { count }) => sum + count, 0),
    500 * routes.length * reasons.length,
  );
});

/** Names that are something else in an object, in a pattern, or as text that joins labels. */
const hostile = [
  '__proto__',
  'constructor',
  'toString',
  '(others)',
  'undefined',
  '',
  '"',
  '\\',
  'a","route":"b',
  'x\u0000y',
  '\ud800',
  'client\nnotes',
];

test('[E24] a client or route by any name is counted under that name alone', () => {
  const decisions = hostile.flatMap((name) => [
    unbound({ clientId: name }),
    served({ route: name }),
    refused('replayed', name, 'notes'),
  ]);
  const counts = countsOf([...decisions, ...decisions]).read();
  assert.is(counts.length, decisions.length);
  assert.ok(counts.every(({ count }) => count === 2));
  assert.equal(
    counts.filter(({ scheme }) => scheme === 'Bearer').map(({ clientId }) => clientId),
    hostile,
  );
  assert.equal(
    counts.filter(({ scheme }) => scheme === 'DPoP').map(({ route }) => route),
    hostile,
  );
  assert.is(({} as Record<string, unknown>)['count'], undefined);
});

test('names that hold the text between two labels are not mixed up with others', () => {
  const counts = countsOf([
    served({ clientId: 'a b', route: 'c' }),
    served({ clientId: 'a', route: 'b c' }),
    served({ clientId: 'a', route: undefined }),
    served({ clientId: 'a', route: 'undefined' }),
  ]);
  assert.is(counts.read().length, 4);
});

test('[L01] keeps neither keys nor causes', () => {
  const canary = 'CanaryCanaryCanary';
  const decision = { ...refused('issuer-unavailable', 'client'), jkt: canary, cause: new Error(canary) };
  const [count] = countsOf([decision as Decision, served({ jkt: canary })]).read();
  const names = ['outcome', 'scheme', 'reason', 'clientId', 'route', 'count', 'lastAt'];
  assert.equal(Object.keys(count ?? {}), names);
  assert.not.match(JSON.stringify(countsOf([served({ jkt: canary })]).read()), canary);
});

for (const [option, value] of [
  ['capacity', 0],
  ['capacity', -1],
  ['capacity', 1.5],
  ['capacity', '9'],
  ['clock', Date.now],
  ['clock', 5],
] as const) {
  test(`throws a TypeError for ${option} = ${String(value)}`, () => {
    assert.throws(
      () => createDecisionCounts({ [option]: value } as never),
      (error: unknown) => error instanceof TypeError && error.message.includes(`"${option}"`),
    );
  });
}

test('throws a TypeError for an option with a misspelt name', () => {
  const says = (error: unknown): boolean =>
    error instanceof TypeError && error.message.includes('no option "max"');
  assert.throws(() => createDecisionCounts({ max: 5 } as never), says);
});

// As an operator uses it

test('a service moves from observe to require: first it is told who is not ready, then nobody is left', async () => {
  const counts = createDecisionCounts({ clock: () => T0 });
  const world = await createWorld({ mode: 'observe', observe: counts.observe });
  const route = { name: 'notes' };
  const bearer = await issueUnbound(world);
  const rawHeaders = ['Host', 'rs.example', 'Authorization', `Bearer ${bearer}`];
  const { method, target } = await createRequest(world);
  await world.server.authorize({ method, target, rawHeaders }, route);
  await world.server.authorize(await createRequest(world), route);
  assert.equal(counts.unready().map(tell), ['1 accepted Bearer bearer-scheme client notes']);
  const used = await createRequest(world);
  await world.server.authorize(used, route);
  await world.server.authorize(used, route).catch(() => undefined);
  assert.equal(counts.read().map(tell), [
    '1 accepted Bearer bearer-scheme client notes',
    '2 accepted DPoP - client notes',
    '1 refused - replayed client notes',
  ]);
  assert.is(counts.unready().length, 1, 'a replay is no matter of the mode');
});

test('a clock that breaks changes no decision', async () => {
  let readings = 0;
  const clock = (): number => {
    if (readings++ > 0) throw new Error('broken');
    return T0;
  };
  const counts = createDecisionCounts({ clock });
  const { server, ...world } = await createWorld({ observe: counts.observe });
  await server.authorize(await createRequest({ ...world, server }));
  assert.ok(readings > 1);
});

test.run();
