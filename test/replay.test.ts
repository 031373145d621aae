import * as fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { sha256 } from '../src/digest.ts';
import type { DpopError } from '../src/errors.ts';
import type { ProofTime } from '../src/freshness.ts';
import { createNonces } from '../src/nonce.ts';
import {
  type ClaimOutcome,
  createMemoryReplayStore,
  type MemoryReplayStoreOptions,
  type ReplayStore,
  replayKey,
} from '../src/replay.ts';
import { createResourceServer, type ResourceServer } from '../src/resource-server.ts';
import type { RawRequest } from '../src/target-uri.ts';
import { createTokenIssuer } from '../src/token-issuer.ts';
import {
  audience,
  createRequest,
  createWorld,
  forge,
  generateKeyPair,
  issuerUrl,
  origin,
  proofParts,
  reasonOf,
  refusalOf,
  signer,
  T0,
  type TestClock,
  type World,
} from './_setup.ts';

const test = suite('replay');

/** A store that was born long ago. */
function storeOf(capacity: number): ReplayStore {
  return createMemoryReplayStore({ capacity, clock: () => T0 - 1000 });
}

/** Claims a use that was judged against the memory as it is now. */
async function claim(
  store: ReplayStore,
  key: string,
  at = T0,
  axis: ProofTime['axis'] = 'iat',
): Promise<ClaimOutcome> {
  return store.claim({ key, time: { axis, at }, until: at + 60, memory: await store.read(T0) });
}

/** What became of a request: `accepted`, or why not. */
async function outcomeOf(server: ResourceServer, request: RawRequest): Promise<string> {
  return server.authorize(request).then(
    () => 'accepted',
    (error: unknown) => (error as DpopError).reason,
  );
}

test('[R9449-11.1-02] [I01] one use can be claimed once', async () => {
  const store = storeOf(10);
  assert.is(await claim(store, 'a'), 'claimed');
  assert.is(await claim(store, 'a'), 'replayed');
  assert.is(await claim(store, 'b'), 'claimed');
});

test('[I02] another time makes no other use', async () => {
  const store = storeOf(10);
  assert.is(await claim(store, 'a', T0), 'claimed');
  assert.is(await claim(store, 'a', T0 + 5), 'replayed');
  assert.is(await claim(store, 'a', T0 + 5, 'nonce'), 'replayed');
});

test('[R9449-11.1-02] [I06] of a hundred claims at once, one wins', async () => {
  const store = storeOf(10);
  const outcomes = await Promise.all(Array.from({ length: 100 }, () => claim(store, 'a')));
  assert.is(outcomes.filter((outcome) => outcome === 'claimed').length, 1);
  assert.is(outcomes.filter((outcome) => outcome === 'replayed').length, 99);
});

test('[R9449-11.1-02] [I06] of a hundred requests with one proof at once, one is served', async () => {
  const world = await createWorld();
  const request = await createRequest(world);
  const outcomes = await Promise.all(Array.from({ length: 100 }, () => outcomeOf(world.server, request)));
  assert.is(outcomes.filter((outcome) => outcome === 'accepted').length, 1);
  assert.is(outcomes.filter((outcome) => outcome === 'replayed').length, 99);
});

test('an entry that has to leave raises the floor of its axis, and of that alone', async () => {
  const store = storeOf(2);
  await claim(store, 'a', T0 - 3, 'iat');
  await claim(store, 'b', T0 - 2, 'nonce');
  const unknown = Number.NEGATIVE_INFINITY;
  assert.equal((await store.read(T0)).floor, { iat: unknown, nonce: unknown });
  await claim(store, 'c', T0 - 1, 'iat');
  assert.equal((await store.read(T0)).floor, { iat: T0 - 3, nonce: unknown });
  await claim(store, 'd', T0, 'iat');
  assert.equal((await store.read(T0)).floor, { iat: T0 - 3, nonce: T0 - 2 });
});

test('the floor never falls', async () => {
  const store = storeOf(1);
  await claim(store, 'late', T0 + 5);
  await claim(store, 'later', T0 + 6);
  assert.is((await store.read(T0)).floor.iat, T0 + 5);
  await claim(store, 'early', T0 + 5.5);
  assert.is((await store.read(T0)).floor.iat, T0 + 6);
  assert.is(await claim(store, 'below', T0 + 6), 'forgotten');
  assert.is((await store.read(T0)).floor.iat, T0 + 6);
});

test('what lies at the floor is forgotten, what lies above is claimed', async () => {
  const store = storeOf(1);
  await claim(store, 'a', T0);
  await claim(store, 'b', T0 + 1);
  assert.is(await claim(store, 'c', T0), 'forgotten');
  assert.is(await claim(store, 'd', T0 - 1), 'forgotten');
  assert.is(await claim(store, 'e', Number.NaN), 'forgotten');
  assert.is(await claim(store, 'f', T0 + 0.001), 'claimed');
  assert.is(await claim(store, 'g', T0 - 1, 'nonce'), 'claimed');
});

test('a replay keeps nothing alive', async () => {
  const store = storeOf(2);
  await claim(store, 'a', T0 + 1);
  await claim(store, 'b', T0 + 2);
  assert.is(await claim(store, 'a', T0 + 1), 'replayed');
  await claim(store, 'c', T0 + 3);
  assert.is((await store.read(T0)).floor.iat, T0 + 1);
  assert.is(await claim(store, 'a', T0 + 1), 'forgotten');
});

test('[I23] what was judged against another memory is forgotten', async () => {
  const [former, store] = [storeOf(10), storeOf(10)];
  const memory = await former.read(T0);
  assert.is.not(memory.id, (await store.read(T0)).id);
  const time = { axis: 'nonce', at: T0 } as const;
  assert.is(await store.claim({ key: 'a', time, until: T0 + 60, memory }), 'forgotten');
  assert.is(await former.claim({ key: 'a', time, until: T0 + 60, memory }), 'claimed');
});

test('[I27] the clock of a memory never falls, and its birth stays', async () => {
  const store = storeOf(10);
  assert.is((await store.read(T0 - 2000)).now, T0 - 1000);
  assert.is((await store.read(T0)).now, T0);
  const memory = await store.read(T0 - 3600);
  assert.equal([memory.now, memory.birth], [T0, T0 - 1000]);
});

test('a memory that was read does not change with the store', async () => {
  const store = storeOf(1);
  const memory = await store.read(T0);
  await claim(store, 'a');
  await claim(store, 'b', T0 + 1);
  assert.is(memory.floor.iat, Number.NEGATIVE_INFINITY);
});

test("without a clock, a memory is born by the system's", async () => {
  const before = Date.now() / 1000;
  const { birth } = await createMemoryReplayStore({ capacity: 1 }).read(0);
  assert.ok(birth >= before && birth <= Date.now() / 1000);
});

test('refuses options that make no sense, by name', () => {
  const refused = (name: string) => (error: unknown) =>
    error instanceof TypeError && error.message.includes(`"${name}"`);
  for (const capacity of [
    undefined,
    0,
    -1,
    1.5,
    Number.NaN,
    Number.POSITIVE_INFINITY,
    '100',
    null,
    2 ** 53,
  ]) {
    const options = { capacity } as MemoryReplayStoreOptions;
    assert.throws(() => createMemoryReplayStore(options), refused('capacity'));
  }
  assert.throws(() => createMemoryReplayStore({ capacity: 1, clock: 5 as never }), refused('clock'));
  assert.throws(() => createMemoryReplayStore(undefined as never), refused('capacity'));
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

test('[I13] a store of 100 uses under 10,000 live proofs takes no replay', async () => {
  const store = storeOf(100);
  const uses = Array.from({ length: 10_000 }, (_, index) => ({
    key: `use ${index}`,
    at: T0 - 60 + ((index * 37) % 7000) / 100,
  }));
  const claimed = new Set<string>();
  for (const { key, at } of uses) {
    if ((await claim(store, key, at)) === 'claimed') claimed.add(key);
  }
  assert.ok(claimed.size >= 100);
  for (const { key, at } of [...uses, ...uses.toReversed()]) {
    if (claimed.has(key)) assert.is.not(await claim(store, key, at), 'claimed');
  }
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

// The whole rule against a model: whatever happens, no proof is served twice, and every honest client is served.

/** The highest time there ever was; what was served stands beside each request that was sent. */
interface Model {
  highest: number;
}

/** The server under test, and every request that was ever sent to it. */
class Stage {
  readonly clock: TestClock;
  readonly sent: { readonly request: RawRequest; served: boolean }[] = [];
  /** The latest that the honest client was given. */
  nonce: string | undefined;
  readonly #world: World;
  readonly #capacity: number;
  readonly #nonces = createNonces({ secret: new Uint8Array(32).fill(7) });
  #server: ResourceServer;

  constructor(world: World, capacity: number) {
    this.#world = world;
    this.#capacity = capacity;
    this.clock = world.clock;
    this.#server = this.#start(T0 - 1000);
  }

  /** A new process: an empty memory, and the same secret. */
  restart(): void {
    this.#server = this.#start(this.clock.now);
  }

  async send(client: Client, proofTime: number, nonce?: string): Promise<DpopError | undefined> {
    const changes = { ...client, proofTime, ...(nonce === undefined ? {} : { nonce }) };
    const entry = { request: await createRequest(this.#world, changes), served: false };
    this.sent.push(entry);
    return this.again(entry);
  }

  /** Sends a request as it is; that it was served before is what must never happen. */
  async again(entry: { readonly request: RawRequest; served: boolean }): Promise<DpopError | undefined> {
    try {
      await this.#server.authorize(entry.request);
    } catch (error) {
      return error as DpopError;
    }
    assert.not(entry.served, 'served twice');
    entry.served = true;
    return undefined;
  }

  #start(birth: number): ResourceServer {
    const replay = createMemoryReplayStore({ capacity: this.#capacity, clock: () => birth });
    return createResourceServer({ ...optionsOf(this.#world, replay), nonces: this.#nonces });
  }
}

type Client = Pick<World, 'keyPair' | 'token'>;

/** A client whose token outlasts whatever is done to the clock. */
async function createClient({ signingKey }: World): Promise<Client> {
  const issuer = createTokenIssuer({
    issuer: issuerUrl,
    signingKey,
    lifetime: 86_400,
    clock: () => T0 - 40_000,
  });
  const keyPair = await generateKeyPair();
  const grant = { subject: 'alice', clientId: 'client', audience, jkt: keyPair.jkt };
  return { keyPair, token: (await issuer.issue(grant)).accessToken };
}

const world = await createWorld();
const [carefulClient, carelessClient] = await Promise.all([createClient(world), createClient(world)]);

type Command = fc.AsyncCommand<Model, Stage, true>;

function command(name: string, run: (model: Model, stage: Stage) => Promise<void> | void): Command {
  return { check: async () => true, run: async (model, stage) => run(model, stage), toString: () => name };
}

/** An honest client whose clock is off by so much: served at once, or after one retry with the nonce it was given. */
function honest(offset: number): Command {
  return command(`honest(${offset})`, async (_, stage) => {
    const first = await stage.send(carefulClient, stage.clock.now + offset, stage.nonce);
    if (first === undefined) return;
    assert.is(first.code, 'use_dpop_nonce');
    stage.nonce = first.nonce;
    assert.is(await stage.send(carefulClient, stage.clock.now + offset, stage.nonce), undefined);
  });
}

/** A client that does not care for nonces: its requests are served or not, but never twice. */
function careless(offset: number): Command {
  return command(`careless(${offset})`, async (_, stage) => {
    await stage.send(carelessClient, stage.clock.now + offset);
  });
}

function replayOf(which: number): Command {
  return command(`replay(${which})`, async (_, stage) => {
    const entry = stage.sent[which % Math.max(1, stage.sent.length)];
    if (entry !== undefined) await stage.again(entry);
  });
}

const replayAll = command('replay all', async (_, stage) => {
  for (const entry of stage.sent) await stage.again(entry);
});

function setClock(by: number): Command {
  return command(`clock ${by}`, (model, { clock }) => {
    clock.now += by;
    model.highest = Math.max(model.highest, clock.now);
  });
}

function flood(size: number): Command {
  return command(`flood(${size})`, async (_, stage) => {
    for (let index = 0; index < size; index++) {
      const refusal = await stage.send(carefulClient, stage.clock.now, stage.nonce);
      stage.nonce = refusal?.nonce ?? stage.nonce;
    }
  });
}

/** A memory of one process cannot know that the clock was set back while it was down: it starts with a right one. */
const restart = command('restart', (model, stage) => {
  stage.clock.now = model.highest;
  stage.restart();
});

const commands = fc.commands<Model, Stage, true>(
  [
    fc.integer({ min: -3600, max: 3600 }).map(honest),
    fc.constant(honest(0)),
    fc.integer({ min: -70, max: 20 }).map(careless),
    fc.nat().map(replayOf),
    fc.constant(replayAll),
    fc.integer({ min: 0, max: 20_000 }).map((milliseconds) => setClock(milliseconds / 1000)),
    fc.integer({ min: -100, max: 100 }).map(setClock),
    fc.integer({ min: 1, max: 12 }).map(flood),
    fc.constant(restart),
  ],
  { maxCommands: 30 },
);

test('[I21] [I23] [I24] [I27] [I28] nothing is served twice, and every honest client is, whatever happens', async () => {
  const property = fc.asyncProperty(fc.integer({ min: 1, max: 8 }), commands, async (capacity, steps) => {
    world.clock.now = T0;
    const stage = new Stage(world, capacity);
    await fc.asyncModelRun(() => ({ model: { highest: T0 }, real: stage }), steps);
    for (const entry of stage.sent) await stage.again(entry);
  });
  await fc.assert(property, { numRuns: 100, seed: 9449 });
});

test.run();
