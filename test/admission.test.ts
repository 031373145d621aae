import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { ProofServerOptions } from '../src/admission.ts';
import type { DpopKeyPair } from '../src/client/index.ts';
import { sha256 } from '../src/digest.ts';
import {
  type Claim,
  type ClaimOutcome,
  createMemoryReplayStore,
  createNonces,
  createResourceServer,
  createTokenBinder,
  type DpopError,
  type DpopErrorReason,
  type HttpAnswer,
  type Memory,
  type ReplayStore,
  replayKey,
} from '../src/index.ts';
import {
  audience,
  createClock,
  createRequest,
  createWorld,
  forge,
  generateKeyPair,
  issuerUrl,
  origin,
  path,
  proofParts,
  refusalOf,
  signer,
  T0,
  type TestClock,
} from './_setup.ts';

/** Proof, nonces and replay memory meet in the same way at both endpoints: these tests run against both. */

const test = suite('admission');

type Claims = Readonly<Record<string, unknown>>;

interface Endpoint {
  readonly clock: TestClock;
  readonly keyPair: DpopKeyPair;
  /** Sends a valid request whose proof has these claims changed, signed by this key. */
  readonly send: (claims?: Claims, keyPair?: DpopKeyPair) => Promise<{ readonly nonce: string | undefined }>;
  readonly challenge: (error: unknown) => HttpAnswer;
  /** Status of a refusal that is the client's to mend. */
  readonly status: number;
}

type Options = Partial<ProofServerOptions>;

/** A replay memory that was born long ago, so that plain proofs are accepted from the start. */
function createStore(capacity = 1000): ReplayStore {
  return createMemoryReplayStore({ capacity, clock: () => T0 - 1000 });
}

async function openResource(options: Options, clock: TestClock): Promise<Endpoint> {
  const { issuer, keyPair, server } = await createWorld({ clock: clock.read, ...options });
  const send: Endpoint['send'] = async (claims, key = keyPair) => {
    const { accessToken } = await issuer.issue({
      subject: 'alice',
      clientId: 'client',
      audience,
      jkt: key.jkt,
    });
    const parts = proofParts(key, await sha256(accessToken));
    const proof = await forge(parts.header, { ...parts.claims, ...claims }, signer(key));
    const rawHeaders = ['Host', 'rs.example', 'Authorization', `DPoP ${accessToken}`, 'DPoP', proof];
    return server.authorize({ method: 'GET', target: path, rawHeaders });
  };
  return { clock, keyPair, send, challenge: (error) => server.challenge(error), status: 401 };
}

async function openToken(options: Options, clock: TestClock): Promise<Endpoint> {
  const binder = createTokenBinder({
    publicOrigin: issuerUrl,
    replay: createStore(),
    clock: clock.read,
    ...options,
  });
  const keyPair = await generateKeyPair();
  const send: Endpoint['send'] = async (claims, key = keyPair) => {
    const parts = proofParts(key);
    const expected = { htm: 'POST', htu: `${issuerUrl}/token` };
    const proof = await forge(parts.header, { ...parts.claims, ...expected, ...claims }, signer(key));
    return binder.bind({
      method: 'POST',
      target: '/token',
      rawHeaders: ['Host', 'as.example', 'DPoP', proof],
    });
  };
  return { clock, keyPair, send, challenge: binder.challenge, status: 400 };
}

async function refused(attempt: Promise<unknown>, reason: DpopErrorReason): Promise<DpopError> {
  const refusal = await refusalOf(attempt);
  assert.is(refusal.reason, reason);
  return refusal;
}

/** Refused for a reason of time, and so with a fresh nonce. */
async function challenged(attempt: Promise<unknown>, reason: DpopErrorReason): Promise<string> {
  const { nonce, code } = await refused(attempt, reason);
  assert.is(code, 'use_dpop_nonce');
  assert.match(nonce ?? '', /^[!#-[\]-~]+$/);
  return nonce as string;
}

const memory: Memory = { id: 'm', birth: 0, now: T0, floor: { iat: 0, nonce: 0 } };
const down = (): never => {
  throw new Error('store is down');
};
const rejecting = async (): Promise<never> => down();

const brokenReads: Readonly<Record<string, () => unknown>> = {
  throws: down,
  rejects: rejecting,
  'answers nothing': () => undefined,
  'answers null': () => null,
  'answers OK': () => 'OK',
  'answers no id': () => ({ ...memory, id: undefined }),
  'answers no floor': () => ({ ...memory, floor: undefined }),
  'answers a floor of NaN': () => ({ ...memory, floor: { iat: Number.NaN, nonce: 0 } }),
  'answers half a floor': () => ({ ...memory, floor: { iat: 0 } }),
  'answers times as texts': () => ({ ...memory, now: String(T0) }),
  'answers no birth': async () => ({ ...memory, birth: undefined }),
};

const brokenClaims: Readonly<Record<string, () => unknown>> = {
  throws: down,
  rejects: rejecting,
  'answers nothing': () => undefined,
  'answers null': async () => null,
  'answers true': () => true,
  'answers OK': async () => 'OK',
  'answers an object': () => ({ outcome: 'claimed' }),
  'answers a name of every object': () => 'constructor',
};

for (const [name, openEndpoint] of Object.entries({
  'resource server': openResource,
  'token endpoint': openToken,
})) {
  const open = (options: Options = {}, clock = createClock()): Promise<Endpoint> =>
    openEndpoint(options, clock);
  const check = (title: string, run: () => Promise<void>): unknown => test(`${title} (${name})`, run);

  check('[I01] [R9449-11.1-02] accepts a proof once', async () => {
    const { send } = await open();
    await send({ jti: 'once' });
    const { jkt } = await refused(send({ jti: 'once' }), 'replayed');
    assert.match(jkt ?? '', /^[\w-]{43}$/);
  });

  check('[I02] one jti of one key is one use, whatever else the proof says', async () => {
    const { send } = await open();
    await send({ jti: 'once' });
    await refused(send({ jti: 'once', iat: T0 - 1 }), 'replayed');
    await refused(send({ jti: 'once', extra: true }), 'replayed');
  });

  check('[I03] another key may use the same jti', async () => {
    const { send } = await open();
    await send({ jti: 'once' });
    await send({ jti: 'once' }, await generateKeyPair());
  });

  check('[I06] [R9449-11.1-02] of a hundred uses at once exactly one is accepted', async () => {
    const { send } = await open();
    const attempts = Array.from({ length: 100 }, () => send({ jti: 'once' }));
    const results = await Promise.allSettled(attempts);
    assert.is(results.filter(({ status }) => status === 'fulfilled').length, 1);
    const reasons = results.flatMap((result) => (result.status === 'rejected' ? [result.reason.reason] : []));
    assert.equal(reasons, Array(99).fill('replayed'));
  });

  const invalid: readonly (readonly [Claims, DpopErrorReason])[] = [
    [{ htm: 'PUT' }, 'htm-mismatch'],
    [{ htu: `${origin}/elsewhere` }, 'htu-mismatch'],
    [{ iat: 'now' }, 'iat-invalid'],
    [{ exp: T0 - 1 }, 'proof-expired'],
    [{ nonce: 5 }, 'nonce-invalid'],
    [{ nonce: '' }, 'nonce-unknown'],
    [{ iat: T0 - 3600 }, 'proof-stale'],
    [{ iat: T0 + 3600 }, 'proof-from-future'],
  ];
  for (const [claims, reason] of invalid) {
    check(`[I10] a proof refused for ${reason} does not burn its jti`, async () => {
      const { send, keyPair, clock } = await open();
      await refused(send({ ...claims, jti: 'J' }), reason);
      clock.now += 61; // past the challenge that some of these refusals are
      await send({ jti: 'J', iat: clock.now }, keyPair);
    });
  }

  check('[I10] a forged signature does not burn a jti', async () => {
    const { send, keyPair } = await open();
    const { privateKey } = await generateKeyPair();
    await refused(send({ jti: 'J' }, { ...keyPair, privateKey }), 'signature-invalid');
    await send({ jti: 'J' });
  });

  check('[H08] [R9449-8-04] a challenged proof may come again with the same jti and the nonce', async () => {
    const { send, challenge, status } = await open();
    const refusal = await refusalOf(send({ jti: 'J', iat: T0 - 3600 }));
    const answer = challenge(refusal);
    assert.is(answer.status, status);
    assert.is(answer.headers['dpop-nonce'], refusal.nonce);
    assert.is(answer.body['error'], 'use_dpop_nonce');
    await send({ jti: 'J', iat: T0 - 3600, nonce: refusal.nonce });
  });

  check('[R9449-4.3-11] accepts the last second of the window on either side, and not the next', async () => {
    const { send, keyPair } = await open({ maxAge: 30, futureSkew: 5 });
    await send({ iat: T0 - 30 });
    await send({ iat: T0 + 5 });
    await challenged(send({ iat: T0 - 31 }, keyPair), 'proof-stale');
    await challenged(send({ iat: T0 + 6 }, await generateKeyPair()), 'proof-from-future');
  });

  check('[R9449-11.1-05] a nonce takes the place of iat, for clients whose clock is wrong', async () => {
    const { send } = await open();
    for (const iat of [T0 - 3600, T0 + 3600, 1]) {
      const nonce = await challenged(
        send({ iat }, await generateKeyPair()),
        iat > T0 ? 'proof-from-future' : 'proof-stale',
      );
      await send({ iat, nonce });
    }
  });

  check('[R9449-11.3-01] a challenged key must keep using nonces for as long as a nonce lives', async () => {
    const { send, clock } = await open({ nonceLife: 30 });
    await challenged(send({ iat: T0 - 3600 }), 'proof-stale');
    clock.now = T0 + 30;
    const nonce = await challenged(send({ iat: clock.now }), 'nonce-required');
    await send({ nonce });
    clock.now = T0 + 60; // the second challenge is from T0 + 30
    await challenged(send({ iat: clock.now }), 'nonce-required');
  });

  check('[R9449-11.3-01] after that, proofs without nonce are accepted again', async () => {
    const { send, clock } = await open({ nonceLife: 30 });
    await challenged(send({ iat: T0 - 3600 }), 'proof-stale');
    clock.now = T0 + 31;
    await send({ iat: clock.now });
  });

  check('[R9449-11.3-01] a nonce sent ahead counts as given', async () => {
    const { send, clock } = await open({ nonceLife: 30 });
    const nonce = await challenged(send({ iat: T0 - 3600 }), 'proof-stale');
    clock.now = T0 + 29;
    assert.ok((await send({ nonce })).nonce);
    clock.now = T0 + 59;
    await challenged(send({ iat: clock.now }), 'nonce-required');
  });

  check('[R9449-11.3-01] nobody but its owner can bind a key to nonces', async () => {
    const { send, keyPair } = await open();
    const { privateKey } = await generateKeyPair();
    const nonce = await challenged(send({ iat: T0 - 3600 }, { ...keyPair, privateKey }), 'proof-stale');
    assert.ok(nonce);
    await send();
    await challenged(send({ iat: T0 - 3600 }), 'proof-stale');
    await challenged(send(), 'nonce-required');
  });

  check('[R9449-11.3-01] another key is not concerned', async () => {
    const { send } = await open();
    await challenged(send({ iat: T0 - 3600 }), 'proof-stale');
    await send({}, await generateKeyPair());
  });

  check('[R9449-11.3-01] when challenged keys must be forgotten, every key must use nonces', async () => {
    const { send, clock } = await open({ cacheSize: 1 });
    await challenged(send({ iat: T0 - 3600 }), 'proof-stale');
    await challenged(send({ iat: T0 - 3600 }, await generateKeyPair()), 'proof-stale');
    await challenged(send({}, await generateKeyPair()), 'nonce-required');
    clock.now += 61;
    await send({ iat: clock.now }, await generateKeyPair());
  });

  check('[H01] [R9449-8-01] always: a proof without nonce is challenged', async () => {
    const { send } = await open({ noncePolicy: 'always' });
    const nonce = await challenged(send({ jti: 'J' }), 'nonce-required');
    await send({ jti: 'J', nonce });
  });

  check('[H02] [H04] [R9449-8-04] a nonce that is not ours is challenged, never ignored', async () => {
    const { send } = await open();
    const nonce = await challenged(send({ iat: T0 - 3600 }), 'proof-stale');
    const foreign = [
      'x',
      nonce.slice(0, -1),
      `${nonce}A`,
      `B${nonce.slice(1)}`,
      `${nonce}=`,
      'A'.repeat(51),
      'A'.repeat(2000),
    ];
    for (const each of foreign) await challenged(send({ nonce: each }), 'nonce-unknown');
  });

  check('[H02] a nonce under another secret is challenged', async () => {
    const strangers = await open({ noncePolicy: 'always' });
    const nonce = await challenged(strangers.send(), 'nonce-required');
    const { send } = await open({ noncePolicy: 'always' });
    await challenged(send({ nonce }), 'nonce-unknown');
  });

  check('[H02] [H12] a nonce is accepted in the last second of its life and not in the next', async () => {
    const { send, clock } = await open({ noncePolicy: 'always', nonceLife: 30 });
    const nonce = await challenged(send(), 'nonce-required');
    clock.now = T0 + 30;
    await send({ nonce });
    clock.now = T0 + 31;
    await challenged(send({ nonce }), 'proof-stale');
    clock.now = T0; // a clock set back does not revive it
    await challenged(send({ nonce }), 'proof-stale');
  });

  check('[H03] a nonce that is no text is an invalid proof', async () => {
    const { send } = await open();
    for (const nonce of [5, null, true, [], {}, ['x']]) await refused(send({ nonce }), 'nonce-invalid');
  });

  check('[H05] [H06] [R9449-11.1-06] a nonce serves many proofs, each once', async () => {
    const { send, clock } = await open();
    const nonce = await challenged(send({ iat: T0 - 3600 }), 'proof-stale');
    await send({ nonce, jti: 'a' });
    await send({ nonce, jti: 'b' });
    await refused(send({ nonce, jti: 'a' }), 'replayed');
    clock.now = T0 + 60;
    await refused(send({ nonce, jti: 'b' }), 'replayed');
  });

  check('[H14] [R9449-11.2-02] a proof made in advance does not outlive its nonce', async () => {
    const { send, clock } = await open({ noncePolicy: 'always' });
    const nonce = await challenged(send(), 'nonce-required');
    clock.now = T0 + 100;
    await challenged(send({ nonce, iat: T0 + 100 }), 'proof-stale');
  });

  check(
    '[R9449-8.2-01] a client that uses nonces is sent a newer one ahead, and only a newer one',
    async () => {
      const { send, clock } = await open();
      const nonce = await challenged(send({ iat: T0 - 3600 }), 'proof-stale');
      assert.is((await send({ nonce })).nonce, undefined);
      clock.now = T0 + 2;
      const ahead = (await send({ nonce })).nonce;
      assert.ok(ahead !== undefined && ahead !== nonce);
      assert.is((await send({ nonce: ahead })).nonce, undefined);
    },
  );

  check('a client without nonces is not sent any until it needs one', async () => {
    const { send } = await open();
    assert.is((await send()).nonce, undefined);
  });

  check('[H11] [R9449-8-09] two nodes with one secret know the nonces of each other', async () => {
    const secret = new Uint8Array(32).fill(7);
    const replay = createStore();
    const [one, two] = [
      await open({ nonces: createNonces({ secret }), replay }),
      await open({ nonces: createNonces({ secret }), replay }),
    ];
    const nonce = await challenged(one.send({ iat: T0 - 3600 }), 'proof-stale');
    await two.send({ nonce });
  });

  check(
    '[I23] a memory that began just now challenges proofs that the one before it may have accepted',
    async () => {
      const { send } = await open({ replay: createMemoryReplayStore({ capacity: 10, clock: () => T0 }) });
      const nonce = await challenged(send({ jti: 'J' }), 'proof-forgotten');
      await send({ jti: 'J', nonce });
    },
  );

  check('[H13] [I22] nonces of a former memory are challenged', async () => {
    const nonces = createNonces();
    const before = await open({ nonces });
    const nonce = await challenged(before.send({ iat: T0 - 3600 }), 'proof-stale');
    const { send } = await open({ nonces });
    await challenged(send({ nonce }), 'nonce-unknown');
  });

  check('a full memory raises its floor and challenges, instead of forgetting', async () => {
    const { send } = await open({ replay: createStore(1) });
    await send({ jti: 'a', iat: T0 - 5 });
    await send({ jti: 'b', iat: T0 });
    await challenged(send({ jti: 'a', iat: T0 - 5 }), 'proof-forgotten');
  });

  check(
    'a proof that was forgotten between check and claim is challenged with a nonce for the new memory',
    async () => {
      const [judged, replaced] = [createStore(), createStore()];
      let current = judged;
      const replay: ReplayStore = {
        read: (now) => current.read(now),
        claim: (claim) => {
          current = replaced;
          return current.claim(claim);
        },
      };
      const { send } = await open({ replay });
      const nonce = await challenged(send({ jti: 'J' }), 'proof-forgotten');
      await send({ jti: 'J', nonce });
    },
  );

  for (const [how, read] of Object.entries(brokenReads)) {
    check(`[I18] [I32] [R9449-7.1-03] a store whose read ${how} admits nothing`, async () => {
      let claims = 0;
      const claim = (): ClaimOutcome => {
        claims++;
        return 'claimed';
      };
      const { send, challenge } = await open({ replay: { read: read as ReplayStore['read'], claim } });
      assertUnavailable(challenge(await refused(send(), 'replay-store-unavailable')));
      assert.is(claims, 0);
    });
  }

  for (const [how, claim] of Object.entries(brokenClaims)) {
    check(`[I18] [I32] [R9449-7.1-03] a store whose claim ${how} admits nothing`, async () => {
      const replay = { read: () => memory, claim: claim as ReplayStore['claim'] };
      const { send, challenge } = await open({ replay });
      assertUnavailable(challenge(await refused(send(), 'replay-store-unavailable')));
    });
  }

  check('[I18] a store that fails when the nonce is made admits nothing', async () => {
    let reads = 0;
    const replay = { read: () => (reads++ === 0 ? memory : down()), claim: down };
    const { send } = await open({ replay });
    const { cause, nonce } = await refused(send({ iat: T0 - 3600 }), 'replay-store-unavailable');
    assert.is((cause as Error).message, 'store is down');
    assert.is(nonce, undefined);
  });

  check('[I18] a store that comes back is used again', async () => {
    const store = createStore();
    let isDown = true;
    const replay: ReplayStore = {
      read: (now) => (isDown ? down() : store.read(now)),
      claim: (claim) => store.claim(claim),
    };
    const { send } = await open({ replay });
    await refused(send({ jti: 'J' }), 'replay-store-unavailable');
    isDown = false;
    await send({ jti: 'J' });
  });

  check('[I12] a key over its quota is refused with 429, and another key is served', async () => {
    const clock = (): number => T0 - 1000;
    const replay = createMemoryReplayStore({ capacity: 1000, quotaPerKey: 2, clock });
    const { send, challenge, keyPair } = await open({ replay });
    for (const jti of ['a', 'b']) await send({ jti });
    const refusal = await refused(send({ jti: 'c' }), 'quota-exceeded');
    assert.is(refusal.jkt, keyPair.jkt);
    assertCrowded(challenge(refusal));
    await refused(send({ jti: 'a' }), 'replayed');
    await send({ jti: 'c' }, await generateKeyPair());
    assert.is(replay.gauges().size, 3);
  });

  check('[I12] what was refused for the quota was not used, and the next minute is free', async () => {
    const replay = createMemoryReplayStore({ capacity: 1000, quotaPerKey: 1, clock: () => T0 - 1000 });
    const { send, clock } = await open({ replay });
    await send();
    const refusedOnce = { jti: 'J', iat: T0 + 5 };
    await refused(send(refusedOnce), 'quota-exceeded');
    clock.now = T0 + 60;
    await send(refusedOnce);
    await refused(send(refusedOnce), 'replayed');
  });

  check('a claim is told whose use it is, and until when', async () => {
    const store = createStore();
    const claims: Claim[] = [];
    const replay: ReplayStore = {
      read: (now) => store.read(now),
      claim: (claim) => {
        claims.push(claim);
        return store.claim(claim);
      },
    };
    const { send, keyPair } = await open({ replay, maxAge: 30 });
    await send({ jti: 'J' });
    assert.is(claims.length, 1);
    const [{ jkt, key, time, until, memory }] = claims as [Claim];
    assert.equal([jkt, key], [keyPair.jkt, await replayKey(keyPair.jkt, 'J')]);
    assert.equal([time, until], [{ axis: 'iat', at: T0 }, T0 + 30]);
    assert.is(memory.id, (await store.read(T0)).id);
  });

  check('stores may answer by promise', async () => {
    const store = createStore();
    const replay: ReplayStore = {
      read: async (now) => store.read(now),
      claim: async (claim) => store.claim(claim),
    };
    const { send } = await open({ replay });
    await send({ jti: 'J' });
    await refused(send({ jti: 'J' }), 'replayed');
  });

  check('nonces that cannot be read or made are a refusal, never a pass', async () => {
    const { send, challenge } = await open({ nonces: { read: rejecting, issue: rejecting } });
    assertUnavailable(challenge(await refused(send({ nonce: 'x' }), 'unexpected')));
    assertUnavailable(challenge(await refused(send({ iat: T0 - 3600 }), 'unexpected')));
    await send({}, await generateKeyPair());
  });

  for (const reading of [
    Number.NaN,
    Number.POSITIVE_INFINITY,
    Number.NEGATIVE_INFINITY,
    undefined,
    '1800000000',
  ]) {
    check(
      `a clock that reads ${String(reading)} (${typeof reading}) admits nothing, and harms nothing for good`,
      async () => {
        const { send, clock, challenge } = await open();
        clock.now = reading as number;
        assertUnavailable(challenge(await refused(send({ jti: 'J' }), 'unexpected')));
        clock.now = T0;
        await send({ jti: 'J' });
      },
    );
  }

  check('a clock that throws admits nothing', async () => {
    let isDown = false;
    const { send, challenge } = await open({ clock: () => (isDown ? down() : T0) });
    isDown = true;
    assertUnavailable(challenge(await refused(send(), 'unexpected')));
  });

  check('reads the clock once per request', async () => {
    let readings = 0;
    const { send } = await open({ clock: () => T0 + readings++ });
    readings = 0;
    await send();
    assert.is(readings, 1);
  });

  check('[R9449-4.3-05] accepts only the algorithms it was given', async () => {
    const { send, keyPair } = await open({ algorithms: ['Ed25519'] });
    await refused(send({}, keyPair), 'alg-not-allowed');
    await send({}, await generateKeyPair({ algorithm: 'Ed25519' }));
  });

  check('[A12] refuses a proof of one byte too much', async () => {
    const { send } = await open({ maxProofBytes: 800 });
    await send({ filler: 'x'.repeat(20) });
    await refused(send({ filler: 'x'.repeat(800) }), 'proof-too-large');
  });
}

function assertCrowded({ status, headers, body }: HttpAnswer): void {
  assert.is(status, 429);
  assert.equal(headers, { 'cache-control': 'no-store', 'retry-after': '10' });
  assert.is(body['error'], 'temporarily_unavailable');
}

function assertUnavailable({ status, headers, body }: HttpAnswer): void {
  assert.is(status, 503);
  assert.equal(headers, { 'cache-control': 'no-store', 'retry-after': '1' });
  assert.is(body['error'], 'temporarily_unavailable');
}

const senseless: readonly (readonly [option: string, value: unknown])[] = [
  ['replay', undefined],
  ['replay', null],
  ['replay', 'redis://127.0.0.1'],
  ['replay', {}],
  ['replay', { read: () => memory }],
  ['replay', { read: () => memory, claim: 'claimed' }],
  ['nonces', {}],
  ['nonces', 'secret'],
  ['nonces', { issue: rejecting }],
  ['noncePolicy', 'when_needed'],
  ['noncePolicy', 'Always'],
  ['noncePolicy', true],
  ['algorithms', []],
  ['algorithms', 'ES256'],
  ['algorithms', ['HS256']],
  ['algorithms', ['ES256', 'none']],
  ['algorithms', ['ES512']],
  ['algorithms', ['es256']],
  ['algorithms', ['constructor']],
  ['maxAge', -1],
  ['maxAge', 601],
  ['maxAge', Number.NaN],
  ['maxAge', '60'],
  ['futureSkew', -1],
  ['futureSkew', 61],
  ['nonceLife', -1],
  ['nonceLife', 601],
  ['nonceLife', Number.POSITIVE_INFINITY],
  ['maxProofBytes', 0],
  ['maxProofBytes', 1.5],
  ['maxProofBytes', '4096'],
  ['cacheSize', 0],
  ['cacheSize', -1],
  ['cacheSize', Number.POSITIVE_INFINITY],
  ['clock', T0],
  ['publicOrigin', undefined],
  ['pathPrefix', 'v1'],
  ['hosts', 'rs.example'],
];
for (const [option, value] of senseless) {
  test(`[R9449-11.6-01] throws a TypeError for ${option} = ${JSON.stringify(value) ?? String(value)}`, () => {
    const namesOption = (error: unknown): boolean =>
      error instanceof TypeError && error.message.startsWith(`holdfast: option "${option}" must be `);
    const shared = { publicOrigin: origin, replay: createStore() };
    const resource = { ...shared, issuer: issuerUrl, audience, jwks: { keys: [] } };
    assert.throws(() => createTokenBinder({ ...shared, [option]: value } as typeof shared), namesOption);
    assert.throws(
      () => createResourceServer({ ...resource, [option]: value } as typeof resource),
      namesOption,
    );
  });
}

test('throws a TypeError for options that are none', () => {
  for (const options of [undefined, null, 'https://rs.example']) {
    assert.throws(() => createTokenBinder(options as never), /options must be an object/);
    assert.throws(() => createResourceServer(options as never), /options must be an object/);
  }
});

test('[R9449-5.1-01] tells the allowed algorithms for metadata, frozen', () => {
  const options = { publicOrigin: origin, replay: createStore() };
  const binder = createTokenBinder(options);
  assert.equal(binder.algorithms, ['ES256', 'Ed25519', 'EdDSA']);
  assert.ok(Object.isFrozen(binder.algorithms));
  const algorithms: ['PS256'] = ['PS256'];
  assert.equal(createTokenBinder({ ...options, algorithms }).algorithms, ['PS256']);
});

test('[I22] a nonce of a memory that another node has noticed first is known after one look', async () => {
  const [former, current] = [0, 1].map(() =>
    createMemoryReplayStore({ capacity: 10, clock: () => T0 - 1000 }),
  );
  assert.ok(former && current);
  const looks: boolean[] = [];
  const replay: ReplayStore = {
    read: (now, latest = false) => {
      looks.push(latest);
      return (latest ? current : former).read(now);
    },
    claim: (claim) => current.claim(claim),
  };
  const nonces = createNonces();
  const world = await createWorld({ replay, nonces });
  const nonce = await nonces.issue(`resource ${origin}`, current.read(T0));
  const { proof } = await world.server.authorize(await createRequest(world, { nonce }));
  assert.is(proof?.time.axis, 'nonce');
  assert.equal(looks.slice(0, 2), [false, true]);
});

test.run();
