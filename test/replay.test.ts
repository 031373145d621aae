import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { sha256 } from '../src/digest.ts';
import type { DpopError } from '../src/errors.ts';
import { createNonces } from '../src/nonce.ts';
import { type ReplayStore, replayKey } from '../src/replay.ts';
import { createMemoryReplayStore } from '../src/replay-memory.ts';
import { createResourceServer, type ResourceServer } from '../src/resource-server.ts';
import type { RawRequest } from '../src/target-uri.ts';
import {
  audience,
  createRequest,
  createWorld,
  forge,
  issuerUrl,
  origin,
  proofParts,
  reasonOf,
  refusalOf,
  signer,
  T0,
  type World,
} from './_setup.ts';

/** What a replay memory is worth to a server: no proof is served twice, whatever happens to either. */

const test = suite('replay');

/** A store that was born long ago. */
function storeOf(capacity: number): ReplayStore {
  return createMemoryReplayStore({ capacity, clock: () => T0 - 1000 });
}

/** What became of a request: `accepted`, or why not. */
async function outcomeOf(server: ResourceServer, request: RawRequest): Promise<string> {
  return server.authorize(request).then(
    () => 'accepted',
    (error: unknown) => (error as DpopError).reason,
  );
}

test('[R9449-11.1-02] [I06] of a hundred requests with one proof at once, one is served', async () => {
  const world = await createWorld();
  const request = await createRequest(world);
  const outcomes = await Promise.all(Array.from({ length: 100 }, () => outcomeOf(world.server, request)));
  assert.is(outcomes.filter((outcome) => outcome === 'accepted').length, 1);
  assert.is(outcomes.filter((outcome) => outcome === 'replayed').length, 99);
});

test('[I35] a key names thumbprint and jti, and nothing else the client wrote', async () => {
  const [jkt, other] = ['a'.repeat(43), 'b'.repeat(43)];
  assert.match(await replayKey(jkt, 'x:*{}\n\0'), /^[\w-]{43}$/);
  assert.is(await replayKey(jkt, 'x'), await replayKey(jkt, 'x'));
  const keys = await Promise.all([
    replayKey(jkt, 'x'),
    replayKey(other, 'x'),
    replayKey(jkt, 'X'),
    replayKey(jkt, 'xx'),
  ]);
  assert.is(new Set(keys).size, 4);
});

test('[I13] a server with 20 places serves 600 live proofs, retried where it asks for a nonce, and none of them twice', async () => {
  const world = await createWorld({ replay: storeOf(20) });
  const served: RawRequest[] = [];
  for (let index = 0; index < 600; index++) {
    // Even ones come with the present second, odd ones are spread over the window.
    const proofTime = T0 + (index % 2 === 0 ? 0 : ((index * 7) % 71) - 60);
    const request = await createRequest(world, { proofTime });
    served.push(await serve(world, request));
    for (const former of served.slice(-30)) assert.is.not(await outcomeOf(world.server, former), 'accepted');
  }
  assert.is(new Set(served).size, 600);
  for (const former of served) assert.is.not(await outcomeOf(world.server, former), 'accepted');
});

/** What an honest client does: one retry with the nonce, if there is a challenge. Yields the request that was served. */
async function serve(world: World, request: RawRequest): Promise<RawRequest> {
  try {
    await world.server.authorize(request);
    return request;
  } catch (error) {
    const { code, nonce } = error as DpopError;
    assert.is(code, 'use_dpop_nonce');
    const retry = await createRequest(world, { nonce: nonce as string });
    await world.server.authorize(retry);
    return retry;
  }
}

test('[R9449-11.1-02] [I24] [I25] a proof from the future is never served twice, at any second', async () => {
  const world = await createWorld();
  const request = await createRequest(world, { proofTime: T0 + 10 });
  await world.server.authorize(request);
  for (let second = 0; second <= 200; second++) {
    for (const fraction of [0, 0.001, 0.999]) {
      world.clock.now = T0 + second + fraction;
      const expected = world.clock.now <= T0 + 70 ? 'replayed' : 'proof-stale';
      assert.is(await outcomeOf(world.server, request), expected);
    }
  }
  world.clock.now = T0;
  assert.is(await outcomeOf(world.server, request), 'proof-stale');
});

test('[I25] nor is it when other proofs drive it out of the memory', async () => {
  const world = await createWorld({ replay: storeOf(5) });
  const request = await createRequest(world, { proofTime: T0 + 10 });
  await world.server.authorize(request);
  for (let second = 0; second <= 80; second++) {
    world.clock.now = T0 + second;
    for (let other = 0; other < 2; other++) await serve(world, await createRequest(world));
    assert.is.not(await outcomeOf(world.server, request), 'accepted');
  }
});

test('[R9449-11.1-06] [H05] [H06] a nonce serves many proofs, and each of them once, to the end of its life', async () => {
  const world = await createWorld({ noncePolicy: 'always' });
  const { nonce } = await refusalOf(world.server.authorize(await createRequest(world)));
  const requests = await Promise.all([1, 2].map(() => createRequest(world, { nonce: nonce as string })));
  for (const request of requests) await world.server.authorize(request);
  world.clock.now = T0 + 60;
  for (const request of requests) assert.is(await reasonOf(world.server.authorize(request)), 'replayed');
});

test('[H08] [I10] a proof that was refused has not been used', async () => {
  const world = await createWorld();
  const parts = proofParts(world.keyPair, await sha256(world.token));
  const send = async (claims: object): Promise<string> => {
    const proof = await forge(parts.header, { ...parts.claims, ...claims }, signer(world.keyPair));
    return outcomeOf(world.server, await createRequest(world, { proof }));
  };
  assert.is(await send({ htm: 'PUT' }), 'htm-mismatch');
  assert.is(await send({ ath: 'x' }), 'ath-mismatch');
  assert.is(await send({ iat: T0 - 61 }), 'proof-stale');
  const { nonce } = await refusalOf(
    world.server.authorize(await createRequest(world, { proofTime: T0 - 61 })),
  );
  assert.is(await send({ nonce }), 'accepted', 'the same jti, now with a nonce');
  assert.is(await send({ nonce }), 'replayed');
});

test('[I03] one client cannot use up the jti of another', async () => {
  const [world, other] = await Promise.all([createWorld(), createWorld()]);
  const replay = storeOf(10);
  const jti = 'the-same';
  for (const each of [world, other]) {
    const server = createResourceServer(optionsOf(each, replay));
    const parts = proofParts(each.keyPair, await sha256(each.token));
    const proof = await forge(parts.header, { ...parts.claims, jti }, signer(each.keyPair));
    assert.is(await outcomeOf(server, await createRequest(each, { proof })), 'accepted');
    assert.is(await outcomeOf(server, await createRequest(each, { proof })), 'replayed');
  }
});

function optionsOf(world: World, replay: ReplayStore): Parameters<typeof createResourceServer>[0] {
  const { clock, issuer } = world;
  return {
    publicOrigin: origin,
    issuer: issuerUrl,
    audience,
    jwks: () => issuer.jwks(),
    clock: clock.read,
    replay,
  };
}

test('[I21] [I23] what was served before a restart is not served after it, at any second', async () => {
  const nonces = createNonces();
  const world = await createWorld({ replay: storeOf(10), nonces });
  const requests = await Promise.all(
    [-5, 0, 5, 10].map((ahead) => createRequest(world, { proofTime: T0 + ahead })),
  );
  for (const request of requests) await world.server.authorize(request);
  requests.push(await serve(world, await createRequest(world, { proofTime: T0 - 61 })));
  for (const request of requests) {
    world.clock.now = T0;
    // One process for each, since a refusal for its time has the whole key asked for nonces.
    const replay = createMemoryReplayStore({ capacity: 10, clock: world.clock.read });
    const server = createResourceServer({ ...optionsOf(world, replay), nonces });
    for (let second = 0; second <= 80; second++) {
      world.clock.now = T0 + second;
      assert.is.not(await outcomeOf(server, request), 'accepted');
    }
    await serve({ ...world, server }, await createRequest(world));
  }
});

test.run();
