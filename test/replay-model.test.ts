import * as fc from 'fast-check';
import { decodeJwt, decodeProtectedHeader } from 'jose';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { DpopError } from '../src/errors.ts';
import type { Memory } from '../src/freshness.ts';
import {
  type Claim,
  type ClaimOutcome,
  createMemoryReplayStore,
  createNonces,
  createResourceServer,
  type RawRequest,
  type ReplayStore,
  type ResourceServer,
} from '../src/index.ts';
import {
  audience,
  createRequest,
  createWorld,
  forge,
  generateKeyPair,
  issuerUrl,
  origin,
  signer,
  T0,
  type TestClock,
  type World,
} from './_setup.ts';

/**
 * The whole rule against a model: whatever happens, in any order, nothing is served twice, honest clients are served,
 * and a store that is down serves and consumes nothing.
 *
 * MODEL_RUNS sets the number of sequences, MODEL_SEED their seed.
 */

const test = suite('replay-model');
const runs = Number(process.env['MODEL_RUNS'] ?? 100);
const seed = Number(process.env['MODEL_SEED'] ?? 9449);

/** A request that was sent, and what counts about its proof. */
interface Sent {
  readonly request: RawRequest;
  readonly iat: number;
  readonly nonce: string | undefined;
}

/** The reference: which answers may be given, told from outside and without any of the mechanism. */
class Model {
  birth = T0 - 1000;
  /** The highest time that the memory was told, and the highest of any clock so far. */
  told = this.birth;
  highest = T0;
  /** A clock that nobody sets, and where it was when the memory was told. */
  elapsed = 0;
  #toldAt = 0;
  down = false;
  secret = 0;
  readonly served = new Set<Sent>();
  readonly #nonces = new Map<string, { birth: number; secret: number; at: number }>();

  /** Fails when this is no answer that may be given to this request. */
  judge(sent: Sent, now: number, answer: DpopError | string | undefined): void {
    if (!this.down) this.tell(now);
    if (this.down) assert.is((answer as DpopError | undefined)?.reason, 'replay-store-unavailable');
    else if (typeof answer !== 'object') this.#accept(sent);
    else if (answer.reason === 'replayed')
      assert.ok(this.served.has(sent), 'burnt without having been served');
    else assert.equal([answer.code, typeof answer.nonce], ['use_dpop_nonce', 'string']);
    const nonce = typeof answer === 'object' ? answer.nonce : answer;
    if (nonce === undefined || this.#nonces.has(nonce)) return;
    this.#nonces.set(nonce, { birth: this.birth, secret: this.secret, at: this.told });
  }

  /** A memory's time never falls, and goes on when the clock was set back. */
  tell(now: number): void {
    this.told = Math.max(now, this.told + (now < this.told ? this.elapsed - this.#toldAt : 0));
    this.#toldAt = this.elapsed;
  }

  /** A new memory at the highest time of all. */
  restart(): number {
    this.highest += 0.001;
    this.birth = this.told = this.highest;
    this.#toldAt = this.elapsed;
    return this.highest;
  }

  #accept(sent: Sent): void {
    assert.not.ok(this.served.has(sent), 'served twice');
    this.served.add(sent);
    assert.ok(sent.nonce === undefined ? this.#isFresh(sent.iat) : this.#isLive(sent.nonce), 'out of time');
  }

  #isFresh(iat: number): boolean {
    return iat >= this.told - 60 && iat <= this.told + 10 && iat > this.birth + 10;
  }

  /** Of this memory and of the last two secrets; under a flood it may be dated a little ahead. */
  #isLive(nonce: string): boolean {
    const { birth, secret, at } = this.#nonces.get(nonce) ?? { birth: 0, secret: 0, at: 0 };
    return birth === this.birth && secret >= this.secret - 1 && this.told <= at + 61;
  }
}

type StoreMaker = (capacity: number, birth: number, monotonicClock: () => number) => ReplayStore;

const makeMemory: StoreMaker = (capacity, birth, monotonicClock) =>
  createMemoryReplayStore({ capacity, clock: () => birth, monotonicClock });

type Client = Pick<World, 'keyPair' | 'token'>;

/** A client whose token outlasts whatever is done to the clock, with the cheapest signatures. */
async function createClient({ issuer, signingKey, keyPair: { algorithm } }: World): Promise<Client> {
  const keyPair = await generateKeyPair({ algorithm: 'Ed25519' });
  const grant = { subject: 'alice', clientId: 'client', audience, jkt: keyPair.jkt };
  const { accessToken } = await issuer.issue(grant);
  const claims = { ...decodeJwt(accessToken), iat: T0 - 1e9, exp: T0 + 1e11 };
  const sign = signer({ ...keyPair, algorithm, privateKey: signingKey.privateKey });
  return { keyPair, token: await forge(decodeProtectedHeader(accessToken), claims, sign) };
}

const world = await createWorld();
const jwks = world.issuer.jwks();
const [carefulClient, carelessClient] = await Promise.all([createClient(world), createClient(world)]);

/** The server under test, its store that can go down, and every request that was ever sent to it. */
class Stage {
  readonly clock: TestClock = { ...world.clock, now: T0 };
  readonly sent: Sent[] = [];
  /** The latest that the careful client was given. */
  nonce: string | undefined;
  readonly #capacity: number;
  readonly #makeStore: StoreMaker;
  readonly #model: Model;
  #store: ReplayStore;
  #server: ResourceServer;

  constructor(capacity: number, model: Model, makeStore: StoreMaker) {
    this.#capacity = capacity;
    this.#makeStore = makeStore;
    this.#model = model;
    this.#store = this.#startStore(model.birth);
    this.#server = this.startServer();
  }

  /** A new process: an empty memory, and the same secrets. */
  restart(): void {
    this.#store = this.#startStore(this.clock.now);
    this.startServer();
  }

  /** A process with the secrets of today, on the store that there is. */
  startServer(): ResourceServer {
    const secretOf = (number: number): Uint8Array => new Uint8Array(32).fill(number + 1);
    const { secret } = this.#model;
    const nonces = createNonces({ secret: secretOf(secret), previousSecret: secretOf(secret - 1) });
    const replay: ReplayStore = {
      read: (now) => this.#reach().read(now),
      claim: (claim) => this.#reach().claim(claim),
    };
    const clock = (): number => this.clock.now;
    const options = { publicOrigin: origin, issuer: issuerUrl, audience, jwks, clock, replay, nonces };
    this.#server = createResourceServer(options);
    return this.#server;
  }

  async send(client: Client, offset: number, nonce?: string, copies = 1): Promise<DpopError | undefined> {
    const proofTime = this.clock.now + offset;
    const changes = { ...client, proofTime, ...(nonce === undefined ? {} : { nonce }) };
    const sent = { request: await createRequest(world, changes), iat: Math.floor(proofTime), nonce };
    this.sent.push(sent);
    return this.again(sent, copies);
  }

  /** Sends a request as it is, so many times at once. What became of the first that was served, or else of the first. */
  async again(sent: Sent, copies = 1): Promise<DpopError | undefined> {
    const answers = await Promise.all(Array.from({ length: copies }, () => this.#ask(sent)));
    // Whichever was served comes first: only after it the others may be replays.
    const isRefusal = (answer: unknown): boolean => typeof answer === 'object';
    const sorted = [...answers.filter((answer) => !isRefusal(answer)), ...answers.filter(isRefusal)];
    for (const answer of sorted) this.#model.judge(sent, this.clock.now, answer);
    const [first] = sorted;
    this.nonce = (typeof first === 'object' ? first.nonce : first) ?? this.nonce;
    return typeof first === 'object' ? first : undefined;
  }

  /** Asks as a gateway does. Whatever the answer, it must take no use: `judge` finds out if it did. */
  async check({ request }: Sent): Promise<void> {
    const outcome = await this.#server.check(request).then(
      () => 'passed',
      (error: DpopError) => error.reason,
    );
    if (this.#model.down) assert.is(outcome, 'replay-store-unavailable');
    else this.#model.tell(this.clock.now);
    assert.is.not(outcome, 'replayed');
  }

  /** Uses of other clients: what fills the memory needs no signatures. */
  async fill(size: number, axis: 'iat' | 'nonce', ahead: number): Promise<void> {
    if (this.#model.down) return;
    const { now } = this.clock;
    this.#model.tell(now);
    for (let index = 0; index < size; index++) {
      const memory = await this.#store.read(now);
      const at = memory.now + (axis === 'iat' ? ahead : Math.min(ahead, 0)); // no nonce is dated ahead
      const claim = { jkt: 'other', key: crypto.randomUUID(), time: { axis, at }, until: at + 60, memory };
      await this.#store.claim(claim);
    }
  }

  async #ask({ request }: Sent): Promise<DpopError | string | undefined> {
    return this.#server.authorize(request).then(
      ({ nonce }) => nonce,
      (error: DpopError) => error,
    );
  }

  #startStore(birth: number): ReplayStore {
    return this.#makeStore(this.#capacity, birth, () => this.#model.elapsed);
  }

  #reach(): ReplayStore {
    if (this.#model.down) throw new Error('store is down');
    return this.#store;
  }
}

type Command = fc.AsyncCommand<Model, Stage, true>;

function command(name: string, run: (model: Model, stage: Stage) => unknown): Command {
  return {
    check: async () => true,
    run: async (model, stage) => {
      await run(model, stage);
    },
    toString: () => name,
  };
}

/** An honest client whose clock is off by so much: served at once, or after one retry with the nonce it was given. */
function honest(offset: number): Command {
  return command(`honest(${offset})`, async (model, stage) => {
    const first = await stage.send(carefulClient, offset, stage.nonce);
    if (first === undefined || model.down) return;
    assert.is(first.code, 'use_dpop_nonce');
    assert.is(await stage.send(carefulClient, offset, first.nonce), undefined, 'not served after one retry');
  });
}

/** A client that does not care for nonces: its requests are served or not, but never twice. */
function careless(offset: number): Command {
  return command(`careless(${offset})`, (_, stage) => stage.send(carelessClient, offset));
}

/** Copies of one fresh request at once, as the careful client would send it and a thief beside it. */
function race(copies: number): Command {
  return command(`race(${copies})`, (_, stage) => stage.send(carefulClient, 0, stage.nonce, copies));
}

function replayOf(which: number, copies: number): Command {
  return command(`replay(${which}) x ${copies}`, async (_, stage) => {
    const sent = stage.sent[which % Math.max(1, stage.sent.length)];
    if (sent !== undefined) await stage.again(sent, copies);
  });
}

const replayAll = command('replay all', async (_, stage) => {
  for (const sent of stage.sent) await stage.again(sent);
});

function checkOf(which: number): Command {
  return command(`check(${which})`, async (_, stage) => {
    const sent = stage.sent[which % Math.max(1, stage.sent.length)];
    if (sent !== undefined) await stage.check(sent);
  });
}

function setClock(by: number): Command {
  return command(`clock ${by}`, (model, { clock }) => {
    clock.now += by;
    model.highest = Math.max(model.highest, clock.now);
  });
}

/** Time goes by: the clock runs, and so does the one that nobody sets. */
function pass(seconds: number): Command {
  return command(`pass ${seconds}`, (model, { clock }) => {
    clock.now += seconds;
    model.elapsed += seconds;
    model.highest = Math.max(model.highest, clock.now);
  });
}

function fill(size: number, axis: 'iat' | 'nonce', ahead: number): Command {
  return command(`fill(${size}, ${axis}, ${ahead})`, (_, stage) => stage.fill(size, axis, ahead));
}

/** A memory of one process cannot know that the clock was set back while it was down: it starts with a right one. */
const restart = command('restart', (model, stage) => {
  stage.clock.now = model.restart();
  stage.restart();
});

const kill = command('kill', (model) => {
  model.down = true;
});

const revive = command('revive', (model) => {
  model.down = false;
});

const rotate = command('rotate', (model, stage) => {
  model.secret += 1;
  stage.startServer();
});

const axis = fc.constantFrom('iat' as const, 'nonce' as const);
const commands = fc.commands<Model, Stage, true>(
  [
    fc.integer({ min: -3600, max: 3600 }).map(honest),
    fc.constant(honest(0)),
    fc.integer({ min: -70, max: 20 }).map(careless),
    fc.constant(honest(-2)),
    fc.constant(careless(0)),
    fc.integer({ min: 2, max: 6 }).map(race),
    fc.tuple(fc.nat(), fc.integer({ min: 1, max: 5 })).map(([which, copies]) => replayOf(which, copies)),
    fc.constant(replayAll),
    fc.nat().map(checkOf),
    fc.integer({ min: 0, max: 20_000 }).map((milliseconds) => pass(milliseconds / 1000)),
    fc.integer({ min: -100, max: 100 }).map(setClock),
    fc.integer({ min: -3600, max: 3600 }).map(setClock),
    fc.constantFrom(1, 30, 61, 100).map(pass),
    fc.constantFrom(-1, 1, 30, 365 * 86_400).map(setClock),
    fc
      .tuple(fc.integer({ min: 1, max: 250 }), axis, fc.integer({ min: -5, max: 10 }))
      .map((use) => fill(...use)),
    fc.tuple(fc.integer({ min: 1, max: 12 }), axis, fc.constant(0)).map((use) => fill(...use)),
    fc.constant(restart),
    fc.constant(kill),
    fc.constant(revive),
    fc.constant(revive),
    fc.constant(rotate),
  ],
  { maxCommands: 40, size: 'large' },
);

const capacities = fc.oneof(fc.integer({ min: 5, max: 20 }), fc.integer({ min: 5, max: 200 }));

interface Tally {
  sequences: number;
  requests: number;
  served: number;
}

/** Runs sequences of commands, and at the end of each sends everything once more. */
function property(makeStore: StoreMaker, tally: Tally): fc.IAsyncProperty<unknown> {
  return fc.asyncProperty(capacities, commands, async (capacity, steps) => {
    const model = new Model();
    const stage = new Stage(capacity, model, makeStore);
    await fc.asyncModelRun(() => ({ model, real: stage }), steps);
    model.down = false;
    for (const sent of stage.sent) await stage.again(sent);
    tally.sequences += 1;
    tally.requests += stage.sent.length;
    tally.served += model.served.size;
  });
}

test(`[I21] [I23] [I24] [I27] [I28] nothing is served twice, and every honest client is, in ${runs} sequences`, async () => {
  const tally = { sequences: 0, requests: 0, served: 0 };
  await fc.assert(property(makeMemory, tally), { numRuns: runs, seed });
  assert.is(tally.sequences, runs);
  assert.ok(tally.served > runs && tally.served < tally.requests, JSON.stringify(tally));
  if (process.env['MODEL_RUNS'] !== undefined) console.log(JSON.stringify(tally));
});

/** A store with one thing changed. */
type Defect = (store: ReplayStore, capacity: number) => ReplayStore;

/** What the model must find out, or else it proves nothing. */
const defects: Readonly<Record<string, Defect>> = {
  'forgets in silence when it is full': (store, capacity) => {
    const uses = new Set<string>();
    return {
      read: (now) => store.read(now),
      claim: ({ key }): ClaimOutcome => {
        if (uses.has(key)) return 'replayed';
        if (uses.size === capacity) for (const oldest of uses) if (uses.delete(oldest)) break;
        uses.add(key);
        return 'claimed';
      },
    };
  },
  'is born too early': (store) => ({
    read: async (now) => ({ ...(await store.read(now)), birth: 0 }),
    claim: (claim) => store.claim(claim),
  }),
  'keeps its name when it is lost': (store) => {
    const rename = async (now: number): Promise<Memory> => ({ ...(await store.read(now)), id: 'always' });
    return {
      read: rename,
      claim: async (claim) => store.claim({ ...claim, memory: await store.read(claim.memory.now) }),
    };
  },
  'looks before it writes': (store) => {
    const uses = new Set<string>();
    return {
      read: (now) => store.read(now),
      claim: async ({ key }: Claim): Promise<ClaimOutcome> => {
        const used = uses.has(key);
        await new Promise((resolve) => setImmediate(resolve));
        uses.add(key);
        return used ? 'replayed' : 'claimed';
      },
    };
  },
  'forgets by the clock and lets it fall': (store) => {
    const ends = new Map<string, number>();
    let clock = 0;
    return {
      read: async (now) => {
        clock = now;
        return { ...(await store.read(now)), now, floor: { iat: 0, nonce: 0 } };
      },
      claim: ({ key, until }): ClaimOutcome => {
        for (const [each, end] of ends) if (end < clock) ends.delete(each);
        if (ends.has(key)) return 'replayed';
        ends.set(key, until);
        return 'claimed';
      },
    };
  },
  'takes a use that it refuses': (store) => {
    const refused = new Set<string>();
    return {
      read: (now) => store.read(now),
      claim: (claim) => {
        if (refused.has(claim.key)) return 'replayed';
        refused.add(claim.key);
        return claim.jkt === 'other' ? store.claim(claim) : 'forgotten';
      },
    };
  },
};

for (const [defect, spoil] of Object.entries(defects)) {
  test(`the model finds a store that ${defect}`, async () => {
    const tally = { sequences: 0, requests: 0, served: 0 };
    const makeStore: StoreMaker = (capacity, birth, monotonicClock) =>
      spoil(makeMemory(capacity, birth, monotonicClock), capacity);
    const { failed } = await fc.check(property(makeStore, tally), { numRuns: 300, seed, endOnFailure: true });
    assert.ok(failed, JSON.stringify(tally));
  });
}

test.run();
