import {
  defaultPolicy,
  isForgotten,
  isFromFuture,
  isStale,
  lastInstant,
  type Memory,
  type ProofTime,
  type Seconds,
} from '../freshness.ts';
import { type ClaimOutcome, type ReplayStore, replayKey } from '../replay.ts';
import { createTestClock, type TestClock } from './clock.ts';

/** One store under test: what a case can do with it, and the words in which a broken promise is told. */

/** The store to be tested: how to make it, and what can be done to it. */
export interface ReplayStoreSubject<Store extends ReplayStore = ReplayStore> {
  /**
   * Gives a fresh, empty store with room for 1,000 uses at least and without a quota per key. Called for each case anew.
   *
   * @param clock time of the case, which starts at the system's and is then moved. For stores that ask for the time
   *   themselves; what they are told by `read` comes from it as well.
   */
  create(clock: () => Seconds): Store | Promise<Store>;
  /** The same with room for exactly `capacity` uses (8). Leave it out when the store is not bounded by count. */
  createLimited?(capacity: number, clock: () => Seconds): Store | Promise<Store>;
  /** Gives another handle on the memory of `store`: a second connection, as another process would have it. */
  attach?(store: Store): Store | Promise<Store>;
  /**
   * Lets the memory lose all that it holds (restart, flush), and gives the handle that is used from then on: the same
   * one, or a new one. Leave it out only when that can never happen.
   */
  lose?(store: Store): Store | Promise<Store>;
  /** Called at the end of a case, failed or not, once for each handle that it was given. */
  close?(store: Store): void | Promise<void>;
}

/** Room in a limited store. */
export const capacity = 8;
/** Times may be kept in whole milliseconds. */
export const millisecond: Seconds = 0.001;
const outcomes: readonly unknown[] = ['claimed', 'replayed', 'forgotten', 'crowded'] satisfies ClaimOutcome[];

/** One use of a proof, as a store sees it. */
export interface Use {
  readonly jkt: string;
  readonly key: string;
  readonly time: ProofTime;
}

/** A store under test, its clock, and the ways to use it. */
export class Trial {
  readonly clock: TestClock = createTestClock(Math.floor(Date.now() / 1000));
  readonly #subject: ReplayStoreSubject;
  readonly #handles = new Set<ReplayStore>();
  #store: ReplayStore | undefined;
  #named = 0;

  constructor(subject: ReplayStoreSubject) {
    this.#subject = subject;
  }

  /** Well after the memory's birth, so that nothing is refused for it. */
  async start(limited: boolean): Promise<void> {
    const { clock } = this;
    const made = limited
      ? this.#subject.createLimited?.(capacity, clock.read)
      : this.#subject.create(clock.read);
    this.#store = this.#keep(await made);
    await this.read();
    clock.advance(1000);
  }

  async end(): Promise<void> {
    for (const handle of this.#handles) await this.#subject.close?.(handle);
  }

  get store(): ReplayStore {
    return this.#store as ReplayStore; // every case starts before it checks
  }

  async attach(): Promise<ReplayStore> {
    return this.#keep(await this.#subject.attach?.(this.store));
  }

  async lose(): Promise<void> {
    this.#store = this.#keep(await this.#subject.lose?.(this.store));
  }

  async read(now: Seconds = this.clock.now, store: ReplayStore = this.store): Promise<Memory> {
    return requireMemory(await store.read(now));
  }

  /** A use of its own by some client, made now unless told otherwise. */
  async use(at: Seconds = this.clock.now, axis: ProofTime['axis'] = 'iat'): Promise<Use> {
    this.#named += 1;
    const jkt = String(this.#named).padStart(43, '0');
    return { jkt, key: await replayKey(jkt, 'jti'), time: { axis, at } };
  }

  /** Claims without judging, by the memory as it is now or as it was read before. */
  async claim(use: Use, memory?: Memory, store: ReplayStore = this.store): Promise<ClaimOutcome> {
    const until = lastInstant(use.time, defaultPolicy);
    const judgedBy = memory ?? (await this.read(this.clock.now, store));
    const outcome = await store.claim({ ...use, until, memory: judgedBy });
    hold(outcomes.includes(outcome), `a claim answers with one of ${outcomes.join(', ')}`, String(outcome));
    return outcome;
  }

  /** What a server does: judges the proof by the memory, and claims its use if it is acceptable. */
  async serve(use: Use): Promise<ClaimOutcome | 'refused'> {
    const memory = await this.read();
    const refused = [isStale, isFromFuture].some((refuses) => refuses(use.time, defaultPolicy, memory));
    return refused || isForgotten(use.time, defaultPolicy, memory) ? 'refused' : this.claim(use, memory);
  }

  /** Other uses, so that a store that tidies up as it goes has the occasion. */
  async serveOthers(count = 20): Promise<void> {
    for (let index = 0; index < count; index++) await this.claim(await this.use());
  }

  /** The memory after a loss, once `read` has noticed. */
  async readNew(former: Memory): Promise<Memory> {
    let memory = await this.read();
    for (let waited = 0; memory.id === former.id && waited < 1000; waited += 25) {
      await sleep(25);
      memory = await this.read();
    }
    return memory;
  }

  #keep(store: ReplayStore | undefined): ReplayStore {
    const handle = requireStore(store);
    this.#handles.add(handle);
    return handle;
  }
}

function requireMemory(memory: Memory): Memory {
  const { id, birth, now, floor } = memory;
  const times: readonly unknown[] = [birth, now, floor.iat, floor.nonce];
  const whole = times.every((time) => typeof time === 'number' && !Number.isNaN(time));
  hold(
    whole && typeof id === 'string' && id !== '',
    'a memory has an id and four times',
    JSON.stringify(memory),
  );
  return memory;
}

function requireStore(store: ReplayStore | undefined): ReplayStore {
  if (typeof store?.read === 'function' && typeof store.claim === 'function') return store;
  throw new TypeError('holdfast: the subject gave no replay store');
}

export function expect(answer: string, promised: ClaimOutcome, what: string): void {
  hold(answer === promised, `${what} is ${promised}`, `it was ${answer}`);
}

export function expectUsed(answer: string, what: string): void {
  hold(answer !== 'claimed', `${what} is never claimed again`, 'it was claimed again');
}

export function hold(holds: boolean, promise: string, found: string): void {
  if (!holds) throw new Error(`A replay store promises: ${promise}. Found: ${found}.`);
}

export function sleep(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
