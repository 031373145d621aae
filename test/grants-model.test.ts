import * as fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { sha256 } from '../src/digest.ts';
import { DpopError } from '../src/errors.ts';
import {
  createGrants,
  createMemoryRecordStore,
  type GrantRequest,
  type Grants,
  type JsonObject,
  type OpenGrant,
  type RecordStore,
  type RedeemedGrant,
  type Revocation,
} from '../src/index.ts';
import { createClock, issuerUrl, T0 } from './_setup.ts';

/**
 * Codes and refresh tokens against a model: whatever happens, in any order and at the same time, over a store whose
 * answers come late, in another order or not at all, a code yields once, a bound grant stays bound, a grant that is over
 * stays over, and what was refused has cost nobody anything.
 *
 * MODEL_RUNS sets the number of sequences, MODEL_SEED their seed.
 */

const test = suite('grants-model');
const runs = Number(process.env['MODEL_RUNS'] ?? 400);
const seed = Number(process.env['MODEL_SEED'] ?? 6749);

const keys = ['a', 'b'].map((letter) => `${letter.repeat(42)}A`);
const redirectUri = 'https://app.example/callback';
const codeVerifier = 'v'.repeat(43);
const codeChallenge = await sha256(codeVerifier);
const codeLife = 60;
const codeMemory = 600;

/** `K` and `L` are two keys; `none` is a request without a proof. */
type Key = 'K' | 'L' | 'none';

interface Consent {
  readonly clientType: 'public' | 'confidential';
  readonly subject: 'alice' | 'bob';
  readonly key: Key;
  readonly proof: 'required' | 'optional';
}

/** What is wrong with a request, if anything is. */
type Flaw = 'nothing' | 'client' | 'verifier' | 'scope' | 'challenge';

/** Use of a code, or of a refresh token; `age`: how many came after it. */
interface Use {
  readonly act: 'code' | 'refresh';
  readonly age: number;
  readonly key: Key;
  readonly flaw: Flaw;
}

type Act =
  | (Use & { readonly grant: number })
  | { readonly act: 'issue'; readonly consent: Consent }
  | { readonly act: 'end'; readonly grant: number }
  | { readonly act: 'endAll'; readonly subject: 'alice' | 'bob' }
  | { readonly act: 'clock'; readonly seconds: number };

/** A refusal of the store's: before it did what it was asked to do, or after. */
type Trouble = 'none' | 'refused' | 'lost';

interface Scenario {
  readonly refreshLife: number;
  /** Acts of one batch happen at the same time. */
  readonly batches: readonly (readonly Act[])[];
  /** How long the store takes over a question and over its answer, in turns of the event queue; over and over. */
  readonly delays: readonly number[];
  /** What happens to its answers, over and over. */
  readonly troubles: readonly Trouble[];
}

/** What the outside knows about one grant. */
interface Known {
  readonly consent: Consent;
  readonly code: string;
  readonly began: number;
  id: string | undefined;
  readonly tokens: string[];
  readonly usedTokens: Set<string>;
  redemptions: number;
  /** Keys of redemptions, `undefined` for none. */
  readonly shown: (string | undefined)[];
  over: boolean;
  /** The store took something without saying so: what is left of the grant is anybody's guess. */
  unsure: boolean;
}

function jktOf(key: Key): string | undefined {
  return key === 'none' ? undefined : keys[key === 'K' ? 0 : 1];
}

/** Takes its time, and loses answers, as it is told. */
function troubled(
  store: RecordStore,
  { delays, troubles }: Scenario,
  trouble: { on: boolean; lost: number },
): RecordStore {
  let asked = 0;
  const wait = async (): Promise<void> => {
    const turns = delays[asked++ % delays.length] ?? 0;
    for (let turn = 0; turn < turns; turn++) await Promise.resolve();
  };
  const ask = async <T>(question: () => T | Promise<T>): Promise<T> => {
    await wait();
    const what = trouble.on ? troubles[asked % troubles.length] : 'none';
    if (what === 'refused') throw new Error('ECONNREFUSED');
    const answer = await question();
    await wait();
    if (what !== 'lost') return answer;
    trouble.lost += 1;
    throw new Error('ECONNRESET');
  };
  return {
    insert: (...args) => ask(() => store.insert(...args)),
    read: (key) => ask(() => store.read(key)),
    replace: (...args) => ask(() => store.replace(...args)),
  };
}

/** Grants under test, and all that is known about them from outside. */
class Stage {
  readonly #scenario: Scenario;
  readonly #clock = createClock();
  readonly #grants: Grants;
  readonly #trouble = { on: true, lost: 0 };
  readonly #known: Known[] = [];
  readonly #revoked: Revocation[] = [];
  /** Attempts to sign out; one that was refused may have been recorded all the same. */
  readonly #signOuts: { readonly subject: string; readonly at: number }[] = [];
  #highest = T0;

  constructor(scenario: Scenario, spoil: (store: RecordStore) => RecordStore = (store) => store) {
    this.#scenario = scenario;
    const store = createMemoryRecordStore({ capacity: 1000, clock: this.#clock.read });
    this.#grants = createGrants({
      issuer: issuerUrl,
      records: troubled(spoil(store), scenario, this.#trouble),
      revocations: {
        revoke: async (revocation) => void this.#revoked.push(revocation),
        refuseRevoked: async () => undefined,
        refuseRevokedKey: async () => undefined,
      },
      codeLife,
      refreshLife: scenario.refreshLife,
      clock: this.#clock.read,
    });
  }

  async run(): Promise<void> {
    for (const batch of this.#scenario.batches) {
      const lost = this.#trouble.lost;
      await Promise.all(batch.map((act) => this.#do(act)));
      this.#judgeKeys();
      // Which of them it was that the store lost is not known.
      if (this.#trouble.lost > lost) for (const known of this.#known) known.unsure = true;
    }
    this.#trouble.on = false;
    for (const known of this.#known) await this.#useHonestly(known);
  }

  async #do(act: Act): Promise<void> {
    if (act.act === 'issue') return this.#issue(act.consent);
    if (act.act === 'clock') return this.#turnClock(act.seconds);
    if (act.act === 'endAll') return this.#endAll(act.subject);
    const known = this.#known[act.grant % Math.max(1, this.#known.length)];
    if (known === undefined) return;
    if (act.act === 'end') return this.#end(known);
    await this.#redeem(known, act);
  }

  #turnClock(seconds: number): void {
    this.#clock.now += seconds;
    this.#highest = Math.max(this.#highest, this.#clock.now);
  }

  async #issue(consent: Consent): Promise<void> {
    const began = this.#clock.now;
    const request: GrantRequest = {
      clientId: 'client',
      clientType: consent.clientType,
      subject: consent.subject,
      scope: 'read',
      redirectUri,
      codeChallenge,
      jkt: jktOf(consent.key),
      proof: consent.proof,
    };
    const code = await this.#grants.issueCode(request).catch(requireStoreTrouble);
    if (code === undefined) return;
    const unused = { id: undefined, tokens: [], usedTokens: new Set<string>(), redemptions: 0, shown: [] };
    this.#known.push({ consent, code, began, over: false, unsure: false, ...unused });
  }

  /** Opens, shows a proof (or is challenged) and redeems; then what came of it is judged. */
  async #redeem(known: Known, use: Use): Promise<DpopError | undefined> {
    const before = { over: known.over, shown: [...known.shown] };
    const token = known.tokens.at(-1 - (use.age % Math.max(1, known.tokens.length))) ?? 'none';
    try {
      const opened = await this.#open(use, use.act === 'code' ? known.code : token);
      if (use.flaw === 'challenge') throw new DpopError('nonce-required');
      const redeemed = await this.#grants.redeem(opened, { jkt: jktOf(use.key), nonce: undefined });
      assert.is(use.flaw, 'nothing');
      if (use.act === 'refresh') this.#markUsed(known, token);
      this.#accept(known, use, redeemed, before);
      return undefined;
    } catch (error) {
      if (!(error instanceof DpopError)) throw error;
      if (error.reason === 'grant-reused') this.#closed(known);
      return error;
    }
  }

  #open({ act, flaw }: Use, text: string): Promise<OpenGrant> {
    const clientId = flaw === 'client' ? 'other' : 'client';
    const verifier = flaw === 'verifier' ? 'w'.repeat(43) : codeVerifier;
    return act === 'code'
      ? this.#grants.openCode(text, { clientId, redirectUri, codeVerifier: verifier })
      : this.#grants.openRefreshToken(text, { clientId, scope: flaw === 'scope' ? 'read write' : undefined });
  }

  #markUsed({ consent, usedTokens }: Known, token: string): void {
    if (consent.clientType === 'public')
      assert.not.ok(usedTokens.has(token), 'a refresh token was used twice');
    usedTokens.add(token);
  }

  #accept(
    known: Known,
    { act, key }: Use,
    redeemed: RedeemedGrant,
    before: { readonly over: boolean; readonly shown: readonly (string | undefined)[] },
  ): void {
    const { consent, began } = known;
    const jkt = jktOf(key);
    assert.not.ok(before.over, 'something came of a grant that was over');
    const age = this.#clock.now - began;
    assert.ok(age <= (act === 'code' ? codeLife : this.#scenario.refreshLife), 'out of time');
    if (act === 'code') assert.is(++known.redemptions, 1, 'a code was redeemed twice');
    const beganBound =
      consent.proof === 'required' || consent.key !== 'none' || before.shown[0] !== undefined;
    if (beganBound) assert.ok(jkt !== undefined, 'a bound grant yielded something unbound');
    if (before.shown.some((shown) => shown !== undefined))
      assert.ok(jkt !== undefined, 'its binding was dropped');
    known.id = redeemed.id;
    known.shown.push(jkt);
    if (redeemed.refreshToken !== undefined) known.tokens.push(redeemed.refreshToken);
  }

  /** Of a public client's grant and of a bound code, one key alone ever gets anything. */
  #judgeKeys(): void {
    for (const { consent, shown } of this.#known) {
      const [code] = shown;
      if (consent.key !== 'none' && shown.length > 0) assert.is(code, jktOf(consent.key));
      const distinct = new Set(shown.filter((jkt) => jkt !== undefined));
      if (consent.clientType === 'public') assert.ok(distinct.size <= 1, 'two keys got something');
    }
  }

  async #end(known: Known): Promise<void> {
    if (known.id === undefined) return; // nobody knows its name yet
    const done = await this.#grants.end(known.id).then(() => true, requireStoreTrouble);
    if (done === true) this.#closed(known);
  }

  #closed(known: Known): void {
    known.over = true;
    const { id } = known;
    // Whoever was told of a reuse before the first user had its answer does not know the name.
    if (id !== undefined)
      assert.ok(this.#revoked.some((revocation) => 'grant' in revocation && revocation.grant === id));
  }

  /** By this moment; what began later by a clock that was ahead is later. */
  async #endAll(subject: string): Promise<void> {
    const before = this.#clock.now;
    this.#signOuts.push({ subject, at: before });
    const mine = this.#known.filter(({ consent, began }) => consent.subject === subject && began <= before);
    const done = await this.#grants.endAll(subject).then(() => true, requireStoreTrouble);
    if (done !== true) return;
    for (const known of mine) known.over = true;
    assert.ok(this.#revoked.some((revocation) => 'before' in revocation && revocation.before >= before));
  }

  /** At the end every owner comes, with the right key: what is over is over, and everything else is as good as ever. */
  async #useHonestly(known: Known): Promise<void> {
    const { consent, began, shown, tokens, redemptions } = known;
    const act = redemptions === 0 ? 'code' : 'refresh';
    const key: Key = consent.key !== 'none' ? consent.key : shown.includes(keys[1]) ? 'L' : 'K';
    const refusal = await this.#redeem(known, { act, key, age: 0, flaw: 'nothing' });
    const life = act === 'code' ? codeLife : this.#scenario.refreshLife;
    const kept = Math.max(codeLife + codeMemory, act === 'code' ? 0 : this.#scenario.refreshLife);
    const inTime = this.#clock.now - began <= life && this.#highest - began <= kept;
    const signedOut = this.#signOuts.some(({ subject, at }) => subject === consent.subject && began <= at);
    const hasOne = act === 'code' || tokens.length > 0;
    if (hasOne && inTime && !signedOut && !known.over && !known.unsure)
      assert.is(refusal, undefined, `its owner was refused: ${refusal?.reason}`);
  }
}

/** The one thing that may go wrong here. */
function requireStoreTrouble(error: unknown): undefined {
  assert.ok(error instanceof DpopError, String(error));
  assert.is(error.reason, 'record-store-unavailable');
}

const anyKey = fc.constantFrom<Key>('K', 'K', 'K', 'L', 'none');
const whole: readonly Flaw[] = ['nothing', 'nothing', 'nothing', 'nothing', 'nothing'];
const anyGrant = fc.nat(3);
const anySubject = fc.constantFrom('alice' as const, 'bob' as const);

const anyConsent: fc.Arbitrary<Consent> = fc.record({
  clientType: fc.constantFrom('public' as const, 'public' as const, 'confidential' as const),
  subject: anySubject,
  key: fc.constantFrom<Key>('K', 'none', 'none'),
  proof: fc.constantFrom('required' as const, 'optional' as const),
});

const anyAct: fc.Arbitrary<Act> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ act: fc.constant('issue' as const), consent: anyConsent }) },
  {
    weight: 6,
    arbitrary: fc.record({
      act: fc.constant('code' as const),
      grant: anyGrant,
      age: fc.constant(0),
      key: anyKey,
      flaw: fc.constantFrom<Flaw>(...whole, 'client', 'verifier', 'challenge'),
    }),
  },
  {
    weight: 8,
    arbitrary: fc.record({
      act: fc.constant('refresh' as const),
      grant: anyGrant,
      age: fc.constantFrom(0, 0, 0, 0, 0, 1, 2),
      key: anyKey,
      flaw: fc.constantFrom<Flaw>(...whole, 'client', 'scope', 'challenge'),
    }),
  },
  { weight: 1, arbitrary: fc.record({ act: fc.constant('end' as const), grant: anyGrant }) },
  { weight: 1, arbitrary: fc.record({ act: fc.constant('endAll' as const), subject: anySubject }) },
  {
    weight: 2,
    arbitrary: fc.record({
      act: fc.constant('clock' as const),
      seconds: fc.constantFrom(0.5, 1, 20, 60, 100, 700, 5000, -0.5, -20, -700, -5000),
    }),
  },
);

/** A batch of one is a sequence; the clock stands still while several are at work. */
const anyBatch: fc.Arbitrary<readonly Act[]> = fc.oneof(
  { weight: 3, arbitrary: fc.tuple(anyAct) },
  {
    weight: 2,
    arbitrary: fc
      .array(anyAct, { minLength: 2, maxLength: 4 })
      .map((acts) => acts.filter(({ act }) => act !== 'clock')),
  },
);

function scenarios(anyTrouble: fc.Arbitrary<Trouble>): fc.Arbitrary<Scenario> {
  return fc.record({
    refreshLife: fc.constantFrom(100, 1000, 86_400),
    batches: fc
      .tuple(anyConsent, fc.array(anyBatch, { minLength: 4, maxLength: 16 }))
      .map(([consent, rest]): Scenario['batches'] => [[{ act: 'issue', consent }], ...rest]),
    delays: fc.array(fc.nat(12), { minLength: 5, maxLength: 40 }),
    troubles: fc.array(anyTrouble, { minLength: 7, maxLength: 40 }),
  });
}

for (const [title, anyTrouble] of [
  ['a store that is only slow', fc.constant<Trouble>('none')],
  [
    'a store that is down now and then',
    fc.constantFrom<Trouble>('none', 'none', 'none', 'none', 'none', 'refused'),
  ],
  [
    'a store that loses answers',
    fc.constantFrom<Trouble>('none', 'none', 'none', 'none', 'none', 'refused', 'lost'),
  ],
] as const) {
  test(`[J10] [J15] [J17] [H09] [R9449-5-07] [R6749-4.1.2-01] holds over ${title}`, async () => {
    const property = fc.asyncProperty(scenarios(anyTrouble), (scenario) => new Stage(scenario).run());
    await fc.assert(property, { numRuns: runs, seed, includeErrorInReport: true });
  });
}

function methodsOf(store: RecordStore): RecordStore {
  return {
    insert: (...args) => store.insert(...args),
    read: (key) => store.read(key),
    replace: (...args) => store.replace(...args),
  };
}

/** Spoils what is kept, as a mistake in the code would. */
function keeping(store: RecordStore, spoil: (value: JsonObject, key: string) => JsonObject): RecordStore {
  return {
    ...methodsOf(store),
    insert: (key, value, until) => store.insert(key, spoil(value, key), until),
    replace: (key, before, value, until) => store.replace(key, before, value && spoil(value, key), until),
  };
}

const mistakes: Readonly<Record<string, (store: RecordStore) => RecordStore>> = {
  'forgets that a code was used': (store) => ({
    ...methodsOf(store),
    insert: async (...args) => (await store.insert(...args)) || true,
  }),
  'lets everybody be the first to refresh': (store) => ({
    ...methodsOf(store),
    replace: async (key, before, ...rest) => store.replace(key, (await store.read(key)) ?? before, ...rest),
  }),
  'drops the key': (store) => keeping(store, (value) => ({ ...value, jkt: null })),
  'drops the binding': (store) => keeping(store, (value) => ({ ...value, jkt: null, proof: 'optional' })),
  'forgets that a grant has ended': (store) => keeping(store, (value) => ({ ...value, ended: false })),
  'forgets that a subject has signed out': (store) => ({
    ...methodsOf(store),
    read: (key) => (key.startsWith('subject:') ? undefined : store.read(key)),
  }),
  'consumes a code when it is looked at': (store) => ({
    ...methodsOf(store),
    read: async (key) => {
      const stored = await store.read(key);
      if (stored !== undefined && key.startsWith('code:')) await store.replace(key, stored, undefined);
      return stored;
    },
  }),
  'lets grants live on': (store) => keeping(store, (value) => ({ ...value, began: T0 + 1e6 })),
};

for (const [mistake, spoil] of Object.entries(mistakes)) {
  test(`the model notices grants that make a mistake: one that ${mistake}`, async () => {
    const property = fc.asyncProperty(scenarios(fc.constant('none')), (scenario) =>
      new Stage(scenario, spoil).run(),
    );
    const { failed } = await fc.check(property, { numRuns: 400, seed, endOnFailure: true });
    assert.ok(failed);
  });
}

test.run();
