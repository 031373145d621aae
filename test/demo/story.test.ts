import Koa from 'koa';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createResourceApp } from '../../demo/resource-server.ts';
import { encodeFormPart, type StoryWorld, tellStory } from '../../demo/story.ts';
import {
  type Authorization,
  createMemoryReplayStore,
  createResourceServer,
  type Decision,
  DpopError,
  type DpopErrorReason,
  type ResourceServer,
} from '../../src/index.ts';
import { type Demo, serveApp, withDemo } from './_setup.ts';

/** That the story's verdicts can fail: each of them does when the one guard that it is about is broken. */

const test = suite('demo/story');

const flag = '<- NOT what should have happened';

interface Telling {
  readonly good: boolean;
  readonly told: readonly string[];
  /** Titles of the verdicts that were not as expected. */
  readonly flagged: readonly string[];
}

async function tell(demo: Demo, world: Partial<StoryWorld> = {}): Promise<Telling> {
  const told: string[] = [];
  const takeDecision = (): Decision | undefined => demo.decisions.splice(0).at(-1);
  const good = await tellStory({ ...demo, takeDecision, tell: (line) => told.push(line), ...world });
  const flagged = told.filter((line) => line.endsWith(flag)).map((line) => line.slice(0, 52).trim());
  return { good, told, flagged };
}

test(
  'the real servers give every verdict that is expected',
  withDemo(async (demo) => {
    const { good, told, flagged } = await tell(demo);
    assert.is(good, true);
    assert.equal(flagged, []);
    assert.is(told.at(-1), '12 of 12 verdicts as expected');
  }),
);

test(
  '[L01] neither token nor proof nor secret is told',
  withDemo(async (demo) => {
    const { told } = await tell(demo);
    assert.not.match(told.join('\n'), /eyJ|demo-service-secret/);
  }),
);

const attempts: readonly (readonly [title: string, reason: DpopErrorReason])[] = [
  ['sends the token as Bearer', 'bearer-scheme'],
  ['signs with a key of his own', 'key-mismatch'],
  ['sends the captured request again', 'replayed'],
  ['sends the captured proof to another URL', 'htu-mismatch'],
  ['sends the captured proof with another method', 'htm-mismatch'],
  ['gives the captured proof a new jti', 'signature-invalid'],
  ['sends a proof that he held back for five minutes', 'proof-stale'],
  ['sends the token without any proof', 'proof-missing'],
  ['uses it once more, with a new proof', 'token-revoked'],
];

for (const [title, reason] of attempts) {
  test(
    `a guard that lets ${reason} through fails the verdict "${title}", and no other`,
    withDemo(async (demo) => {
      const { good, told, flagged } = await tellToLeakyGuard(demo, reason);
      assert.is(good, false);
      assert.equal(flagged, [title]);
      assert.is(told.at(-1), '11 of 12 verdicts as expected');
    }),
  );
}

async function tellToLeakyGuard(demo: Demo, leak: DpopErrorReason): Promise<Telling> {
  const decisions: Decision[] = [];
  const { authorizationOrigin: issuer, resourceOrigin: audience } = demo;
  const { origin, close } = await serveApp((publicOrigin) => {
    const real = createResourceServer({
      publicOrigin,
      issuer,
      audience,
      jwks: `${issuer}/jwks`,
      replay: createMemoryReplayStore({ capacity: 100 }),
      revocations: demo.state.revocations,
      observe: (decision) => decisions.push(decision),
    });
    const server = letThrough(real, leak, (decision) => decisions.push(decision));
    return createResourceApp({
      origin: publicOrigin,
      authorizationServer: issuer,
      server,
      mode: 'require',
      health: async () => ({ ready: true, replay: 'memory' }),
      log: () => undefined,
    });
  });
  try {
    return await tell(demo, {
      resourceOrigin: origin,
      takeDecision: () => decisions.splice(0).at(-1),
    });
  } finally {
    await close();
  }
}

/** The real guard, but for one reason, for which it grants what it granted last. */
function letThrough(
  real: ResourceServer,
  leak: DpopErrorReason,
  decided: (decision: Decision) => void,
): ResourceServer {
  let granted: Authorization | undefined;
  return {
    algorithms: real.algorithms,
    challenge: (error) => real.challenge(error),
    check: (request, route) => real.check(request, route),
    recheck: (authorization, route) => real.recheck(authorization, route),
    authorize: async (request, route) => {
      try {
        granted = await real.authorize(request, route);
      } catch (error) {
        const isLeak = error instanceof DpopError && error.reason === leak;
        if (!isLeak || granted === undefined) throw error;
        const { scheme, jkt, claims } = granted;
        const rest = { route: undefined, wouldRefuse: undefined };
        decided({ outcome: 'accepted', scheme, jkt, clientId: claims.client_id, ...rest });
      }
      return granted;
    },
  };
}

test(
  'a resource server that accepts everything fails every verdict on a request that must be refused',
  withDemo(async (demo) => {
    const { good, told, flagged } = await tellToFake(demo, (ctx) => (ctx.method === 'POST' ? 201 : 200));
    assert.is(good, false);
    assert.equal(
      flagged,
      attempts.map(([title]) => title),
    );
    assert.is(told.at(-1), '3 of 12 verdicts as expected');
  }),
);

test(
  'a resource server that refuses everything fails, too: the client’s verdicts, and each reason that nobody gave',
  withDemo(async (demo) => {
    const { good, flagged } = await tellToFake(demo, () => 401);
    assert.is(good, false);
    assert.is(flagged.length, 11);
  }),
);

async function tellToFake(demo: Demo, answer: (ctx: Koa.Context) => number): Promise<Telling> {
  const { origin, close } = await serveApp(() => {
    const app = new Koa();
    app.use((ctx) => {
      ctx.status = answer(ctx);
    });
    return app;
  });
  try {
    return await tell(demo, { resourceOrigin: origin });
  } finally {
    await close();
  }
}

test(
  'a refusal for another reason than the expected one fails',
  withDemo(async (demo) => {
    const wrong: Decision = {
      outcome: 'refused',
      reason: 'host-mismatch',
      code: 'invalid_request',
      jkt: undefined,
      clientId: undefined,
      route: undefined,
      cause: undefined,
    };
    const { good, flagged } = await tell(demo, { takeDecision: () => wrong });
    assert.is(good, false);
    assert.is(flagged.length, attempts.length);
  }),
);

test(
  'without a token there is no story',
  withDemo(async (demo) => {
    const config = { ...demo.config, clientSecret: 'another secret' };
    try {
      await tell(demo, { config });
      assert.unreachable();
    } catch (error) {
      assert.is((error as Error).message, 'no bound token: status 401');
    }
  }),
);

const secret = 'p:s%w+é &=\'"';

test(
  '[R6749-5.2-01] a secret of any characters gets a token: it is encoded',
  withDemo(async (demo) => assert.is((await tell(demo)).good, true), { DEMO_SERVICE_SECRET: secret }),
);

test('what is form-encoded can stand in single quotes of a shell', () => {
  assert.is(encodeFormPart('demo-service-secret'), 'demo-service-secret');
  assert.not.match(encodeFormPart(secret), /['" ]/);
  assert.is(new URLSearchParams(`x=${encodeFormPart(secret)}`).get('x'), secret);
});

const environments = [
  { NONCE_POLICY: 'always' },
  { REPLAY_CAPACITY: '10' },
  { BINDING_MODE: 'allow' },
  { BINDING_MODE: 'observe' },
];
for (const environment of environments) {
  test(
    `is told alike with ${JSON.stringify(environment)}`,
    withDemo(async (demo) => assert.is((await tell(demo)).good, true), environment),
  );
}

test.run();
