import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { createClient } from 'redis';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Memory, Seconds } from '../src/freshness.ts';
import type { Claim, ClaimOutcome, ReplayStore } from '../src/replay.ts';
import { createMemoryReplayStore } from '../src/replay-memory.ts';
import { createRedisReplayStore, type RedisReplayStore } from '../src/replay-redis.ts';
import { type ReplayStoreSubject, replayStoreContract } from '../src/testing/index.ts';

/** The contract of replay stores, run by our own stores, and by wrong ones to show that it catches them. */

// Our stores keep it.

const memory = suite('memory store');

const memoryStore: ReplayStoreSubject = {
  create: (clock) => createMemoryReplayStore({ capacity: 1000, clock }),
  createLimited: (capacity, clock) => createMemoryReplayStore({ capacity, clock }),
  attach: (store) => store,
};

for (const { name, run } of replayStoreContract(memoryStore)) memory(`[R9449-11.1-02] ${name}`, run);

// A restart gives a new store, which has only the clock to go by.
for (const { name, run, missing } of replayStoreContract(restarting())) {
  if (missing === undefined && /memory that was lost|new memory/.test(name)) memory(`[I23] ${name}`, run);
}

function restarting(): ReplayStoreSubject {
  let time: () => Seconds;
  const create = (clock: () => Seconds): ReplayStore => {
    time = clock;
    return createMemoryReplayStore({ capacity: 1000, clock });
  };
  return { create, lose: () => create(time) };
}

memory.run();

/** One client with its own way to flush and to end. */
interface Connection {
  readonly client: Parameters<typeof createRedisReplayStore>[0]['client'];
  readonly flush: () => Promise<unknown>;
  readonly end: () => unknown;
}

async function connectIoRedis(port: number): Promise<Connection> {
  const client = new Redis(port, '127.0.0.1', { lazyConnect: true });
  await client.connect();
  return { client, flush: () => client.flushall(), end: () => client.disconnect() };
}

async function connectNodeRedis(port: number): Promise<Connection> {
  const client = createClient({ url: `redis://127.0.0.1:${port}` });
  await client.connect();
  return { client, flush: () => client.flushAll(), end: () => client.destroy() };
}

/** Every case has a memory under a name of its own, in the one server. */
class RedisSubject implements ReplayStoreSubject<RedisReplayStore> {
  readonly #connect: () => Promise<Connection>;
  readonly #connections = new WeakMap<RedisReplayStore, Connection & { readonly name: string }>();
  #named = 0;

  constructor(connect: () => Promise<Connection>) {
    this.#connect = connect;
  }

  create(): Promise<RedisReplayStore> {
    return this.createLimited(1000);
  }

  createLimited(capacity: number): Promise<RedisReplayStore> {
    this.#named += 1;
    return this.#open(`contract ${this.#named}`, capacity);
  }

  attach(store: RedisReplayStore): Promise<RedisReplayStore> {
    return this.#open(this.#of(store).name, 1000);
  }

  async lose(store: RedisReplayStore): Promise<RedisReplayStore> {
    await this.#of(store).flush();
    return store;
  }

  close(store: RedisReplayStore): void {
    this.#of(store).end();
  }

  async #open(name: string, capacity: number): Promise<RedisReplayStore> {
    const connection = await this.#connect();
    const store = createRedisReplayStore({ client: connection.client, name, capacity, deadline: 5000 });
    this.#connections.set(store, { ...connection, name });
    return store;
  }

  #of(store: RedisReplayStore): Connection & { readonly name: string } {
    const connection = this.#connections.get(store);
    if (connection === undefined) throw new Error('a store that the subject did not make');
    return connection;
  }
}

function isInstalled(): boolean {
  return spawnSync('redis-server', ['--version']).status === 0;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

interface RedisServer {
  readonly port: number;
  readonly stop: () => Promise<void>;
}

async function startRedis(): Promise<RedisServer> {
  const port = await freePort();
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-redis-'));
  const args = [
    '--port',
    `${port}`,
    '--bind',
    '127.0.0.1',
    '--save',
    '',
    '--appendonly',
    'no',
    '--dir',
    folder,
  ];
  const server = spawn('redis-server', args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const kill = (): unknown => server.kill('SIGKILL');
  process.once('exit', kill);
  const stop = async (): Promise<void> => {
    kill();
    if (server.exitCode === null && server.signalCode === null) await once(server, 'exit');
    process.off('exit', kill);
    await rm(folder, { recursive: true });
  };
  const ready = new Promise<void>((resolve, reject) => {
    server.stdout.on('data', (text) => String(text).includes('Ready to accept') && resolve());
    server.once('exit', () => reject(new Error('redis-server ended before it was ready')));
  });
  await ready.catch((error: unknown) => stop().then(() => Promise.reject(error)));
  return { port, stop };
}

const families = { ioredis: connectIoRedis, 'node-redis': connectNodeRedis };

for (const [family, connect] of Object.entries(families)) {
  const installed = isInstalled();
  // Also in the name of the suite: uvu does not print what it skips.
  const redis = suite(
    `redis store, ${family}${installed ? '' : ' (SKIPPED: redis-server is not installed)'}`,
  );
  if (installed) {
    let server: RedisServer;
    redis.before(async () => {
      server = await startRedis();
    });
    redis.after(() => server.stop());
    const subject = new RedisSubject(() => connect(server.port));
    for (const { name, run } of replayStoreContract(subject)) redis(`[I07] ${name}`, run);
  } else {
    redis.skip('the contract of replay stores (SKIPPED: redis-server is not installed)', () => undefined);
  }
  redis.run();
}

// Wrong ones do not.

/** What is wrong with a store. */
type Flaw =
  | 'checks before it writes'
  | 'forgets in silence when full'
  | 'forgets in silence at the end'
  | 'counts from arrival'
  | 'ends a moment early'
  | 'ends by the wall clock in whole seconds'
  | 'knows a client, not a use'
  | 'ignores case'
  | 'names a use by its time, too'
  | 'has one floor for both axes'
  | 'keeps floors in whole seconds'
  | 'refuses when full'
  | 'prolongs with each replay'
  | 'believes the clock'
  | 'believes any memory'
  | 'keeps its id when it loses its memory'
  | 'is born at the beginning of time'
  | 'changes with each reading'
  | 'answers with words of its own'
  | 'keeps a memory per handle'
  | 'forgets by a clock that falls'
  | 'forgets a use once it is replayed'
  | 'none';

interface Entry {
  readonly claim: Claim;
  end: Seconds;
  readonly wallEnd: Seconds;
}

interface FlawedMemory {
  readonly id: string;
  birth: Seconds;
  now: Seconds;
  readonly floor: { iat: Seconds; nonce: Seconds };
}

/** A store for SQL and the like, as one would write it, with one flaw. It forgets at the end, and raises the floor. */
class FlawedStore implements ReplayStore {
  readonly #flaw: Flaw;
  readonly #capacity: number;
  readonly #clock: () => Seconds;
  readonly #uses = new Map<string, Entry>();
  #memory: FlawedMemory;

  constructor(flaw: Flaw, capacity: number, clock: () => Seconds) {
    this.#flaw = flaw;
    this.#capacity = capacity;
    this.#clock = clock;
    this.#memory = this.#begin(0);
  }

  read(now: Seconds): Memory {
    const memory = this.#memory;
    if (this.#flaw === 'changes with each reading') memory.birth += 1;
    memory.now = this.#has('forgets by a clock that falls') ? now : Math.max(memory.now, now);
    return { ...memory, floor: { ...memory.floor }, now: this.#has('believes the clock') ? now : memory.now };
  }

  async claim(claim: Claim): Promise<ClaimOutcome> {
    this.#tidy();
    const name = this.#nameOf(claim);
    const taken = this.#uses.get(name);
    if (this.#has('checks before it writes')) await Promise.resolve();
    if (taken !== undefined) {
      if (this.#has('prolongs with each replay')) taken.end += 60;
      if (this.#has('forgets a use once it is replayed')) this.#uses.delete(name);
      return 'replayed';
    }
    const { axis, at } = claim.time;
    if (claim.memory.id !== this.#memory.id && !this.#has('believes any memory'))
      return this.#has('answers with words of its own') ? ('who?' as ClaimOutcome) : 'forgotten';
    if (!(at > this.#memory.floor[axis])) return 'forgotten';
    if (this.#uses.size >= this.#capacity) {
      if (this.#has('refuses when full')) return 'crowded';
      this.#evict();
    }
    const end = this.#has('counts from arrival') ? this.#memory.now + 60 : claim.until;
    this.#uses.set(name, {
      claim,
      end,
      wallEnd: Date.now() / 1000 + Math.floor(claim.until - claim.memory.now),
    });
    return 'claimed';
  }

  /** A flush: the same handle goes on with nothing. */
  lose(): void {
    this.#memory = this.#begin(this.#memory.now);
  }

  #begin(known: Seconds): FlawedMemory {
    this.#uses.clear();
    const now = Math.max(known, this.#clock());
    const birth = this.#has('is born at the beginning of time') ? 0 : now;
    const id = this.#has('keeps its id when it loses its memory') ? 'fixed' : crypto.randomUUID();
    const floor = { iat: Number.NEGATIVE_INFINITY, nonce: Number.NEGATIVE_INFINITY };
    return { id, birth, now, floor };
  }

  #nameOf({ key, jkt, time }: Claim): string {
    if (this.#has('knows a client, not a use')) return jkt;
    if (this.#has('ignores case')) return key.toLowerCase();
    return this.#has('names a use by its time, too') ? `${key} ${time.at}` : key;
  }

  #isOver({ end, wallEnd }: Entry): boolean {
    if (this.#has('ends by the wall clock in whole seconds')) return Date.now() / 1000 > wallEnd;
    return this.#has('ends a moment early') ? end <= this.#memory.now : end < this.#memory.now;
  }

  /** What leaves too early does so in silence: the store believes that nobody can need it any more. */
  #tidy(): void {
    const silent = this.#has('forgets in silence at the end') || this.#has('forgets by a clock that falls');
    for (const [name, entry] of this.#uses) {
      const early = entry.claim.until >= this.#memory.now;
      if (this.#isOver(entry)) this.#remove(name, entry, early || silent);
    }
  }

  #evict(): void {
    const [first] = [...this.#uses].sort(([, one], [, other]) => one.end - other.end);
    if (first !== undefined) this.#remove(...first, this.#has('forgets in silence when full'));
  }

  #remove(name: string, { claim: { time } }: Entry, silent: boolean): void {
    this.#uses.delete(name);
    if (silent) return;
    const { floor } = this.#memory;
    const at = this.#has('keeps floors in whole seconds') ? Math.floor(time.at) : time.at;
    const axes = this.#has('has one floor for both axes') ? (['iat', 'nonce'] as const) : [time.axis];
    for (const axis of axes) floor[axis] = Math.max(floor[axis], at);
  }

  #has(flaw: Flaw): boolean {
    return this.#flaw === flaw;
  }
}

/** Can do no more than it takes to show the flaw. */
function flawed(flaw: Flaw): ReplayStoreSubject<FlawedStore> {
  const fresh = (capacity: number, clock: () => Seconds): FlawedStore =>
    new FlawedStore(flaw, capacity, clock);
  const lose = (store: FlawedStore): FlawedStore => {
    store.lose();
    return store;
  };
  const about = (...flaws: Flaw[]): boolean => flaw === 'none' || flaws.includes(flaw);
  return {
    create: (clock) => fresh(1000, clock),
    createLimited: fresh,
    ...(about('keeps a memory per handle') && {
      attach: (store) => (flaw === 'none' ? store : fresh(1000, Date.now)),
    }),
    ...(about('keeps its id when it loses its memory', 'is born at the beginning of time') && { lose }),
  };
}

/** The cases that a store fails. */
async function failures(subject: ReplayStoreSubject): Promise<string[]> {
  const failed: string[] = [];
  const attempts = replayStoreContract(subject).map(async ({ name, run }) => {
    await run().catch(({ message }: Error) => {
      assert.match(message, /^A replay store promises: .+\. Found: .+\.$/);
      failed.push(name);
    });
  });
  await Promise.all(attempts);
  return failed;
}

const wrong = suite('wrong stores');

/** By a part of their names, the cases that must fail; all others must not. */
const caught: Readonly<Record<Flaw, readonly string[]>> = {
  none: [],
  'checks before it writes': ['of a hundred claims of one use at once, one wins'],
  'forgets in silence when full': ['nothing that was claimed is claimed again'],
  'forgets in silence at the end': ['comes late', 'end is past already'],
  'counts from arrival': ['dated ahead'],
  'ends a moment early': ['last instant, inclusive (iat)', 'last instant, inclusive (nonce)'],
  'ends by the wall clock in whole seconds': ['wall clock'],
  'knows a client, not a use': ['another jti'],
  'ignores case': ['keys are opaque'],
  'names a use by its time, too': ['by its key alone'],
  'has one floor for both axes': ['full of uses by iat', 'full of uses by nonce'],
  'keeps floors in whole seconds': ['to the millisecond'],
  'refuses when full': ['a use above its floor'],
  'prolongs with each replay': ['does not prolong'],
  'believes the clock': ['time of a memory never falls'],
  'believes any memory': ['judged by an unknown memory'],
  'keeps its id when it loses its memory': ['lost is another'],
  'is born at the beginning of time': ['born no earlier'],
  'forgets by a clock that falls': [
    'time of a memory never falls',
    'a clock that is set back',
    'comes late',
    'end is past already',
  ],
  'forgets a use once it is replayed': [
    'the first claim of a use wins',
    'of a hundred claims of one use at once, one wins',
    'by its key alone',
    'last instant, inclusive (iat)',
    'last instant, inclusive (nonce)',
    'dated ahead',
    'wall clock',
    'nothing that was claimed is claimed again',
    'does not prolong',
  ],
  'changes with each reading': ['reading consumes nothing'],
  'answers with words of its own': ['judged by an unknown memory'],
  'keeps a memory per handle': ['two handles are one memory'],
};

const flaws = Object.keys(caught) as Flaw[];
const found = new Map<Flaw, readonly string[]>();

// All at once: what they wait for is time.
wrong.before(async () => {
  await Promise.all(flaws.map(async (flaw) => found.set(flaw, await failures(flawed(flaw)))));
});

for (const flaw of flaws) {
  const expected = caught[flaw];
  wrong(`[I06] [I24] of a store that ${flaw}, ${expected.length} cases fail, and no others`, () => {
    const failed = found.get(flaw) ?? [];
    assert.is(failed.length, expected.length, failed.join('; '));
    for (const part of expected)
      assert.ok(
        failed.some((name) => name.includes(part)),
        part,
      );
  });
}

wrong('each case of the contract catches some wrong store', () => {
  const catching = new Set([...found.values()].flat());
  const idle = replayStoreContract(memoryStore).filter(
    ({ name, missing }) => !missing && !catching.has(name),
  );
  assert.equal(
    idle.map(({ name }) => name),
    [],
  );
});

wrong.run();

// What the suite itself does.

const contract = suite('replayStoreContract');

contract('a case that needs what the subject lacks says so, and checks nothing', async () => {
  let made = 0;
  const create = (clock: () => Seconds): ReplayStore => {
    made += 1;
    return createMemoryReplayStore({ capacity: 1000, clock });
  };
  const idle = replayStoreContract({ create }).filter(({ missing }) => missing !== undefined);
  assert.equal(new Set(idle.map(({ missing }) => missing)), new Set(['attach', 'createLimited', 'lose']));
  for (const { name, missing, run } of idle) {
    assert.ok(name.endsWith(` (NOT APPLICABLE: the subject has no "${missing}")`), name);
    await run();
  }
  assert.is(made, 0);
  assert.ok(
    replayStoreContract(memoryStore).every(
      ({ name, missing }) => /NOT/.test(name) === (missing !== undefined),
    ),
  );
});

contract('names are sentences of their own', () => {
  const names = replayStoreContract(memoryStore).map(({ name }) => name);
  assert.is(new Set(names).size, names.length);
  assert.ok(names.length >= 20);
});

contract('every handle is closed once, after failures too', async () => {
  for (const flaw of ['none', 'keeps a memory per handle', 'is born at the beginning of time'] as const) {
    const made: ReplayStore[] = [];
    const closed: ReplayStore[] = [];
    const create = (clock: () => Seconds): FlawedStore => {
      const store = new FlawedStore(flaw, 1000, clock);
      made.push(store);
      return store;
    };
    const subject = { create, attach: () => create(Date.now), lose: () => create(() => 0) };
    const cases = replayStoreContract({ ...subject, close: (store) => void closed.push(store) });
    for (const { run } of cases.filter(({ name }) => /two handles|born/.test(name)))
      await run().catch(() => {});
    assert.equal(closed.length, made.length);
    assert.equal(new Set(closed), new Set(made));
    assert.is(made.length, 4);
  }
});

contract('a subject that gives no store is a mistake, told as such', async () => {
  for (const store of [undefined, {}, { read: () => 0 }]) {
    const [first] = replayStoreContract({ create: () => store as unknown as ReplayStore });
    const error = await first?.run().catch((thrown: unknown) => thrown);
    assert.instance(error, TypeError);
  }
});

contract(
  'a store that tells nothing of itself fails every case, and what a store throws comes through',
  async () => {
    const { length } = replayStoreContract(memoryStore);
    const read = (now: Seconds): Memory => ({
      id: 'id',
      birth: Number.NaN,
      now,
      floor: { iat: 0, nonce: 0 },
    });
    const mute = { read, claim: (): ClaimOutcome => 'claimed' };
    const create = (): ReplayStore => mute;
    const all = { create, createLimited: create, attach: create, lose: create };
    assert.is((await failures(all)).length, length);
    const broken = new Error('connection refused');
    const refuse = (): Memory => {
      throw broken;
    };
    const [first] = replayStoreContract({ create: () => ({ ...mute, read: refuse }) });
    assert.is(await first?.run().catch((error: unknown) => error), broken);
  },
);

contract.run();
