import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type {
  RevocationAnswer,
  RevocationEntry,
  RevocationQuery,
  RevocationStore,
} from '../src/revocation.ts';
import { revocationStoreContract } from '../src/testing/revocation-contract.ts';

/** The contract of revocation stores, against stores that are wrong in one thing each. */

const test = suite('revocationStoreContract');

/** In each wrong store one of these is another. */
class HonestStore implements RevocationStore {
  readonly entries = new Map<string, RevocationEntry>();
  floor = Number.NEGATIVE_INFINITY;

  add(entry: RevocationEntry, now: number): void | Promise<void> {
    this.tidy(now);
    const known = this.entries.get(entry.key);
    this.entries.set(entry.key, known === undefined ? entry : this.merge(known, entry));
  }

  look({ keys, issuedAt, expires }: RevocationQuery): RevocationAnswer | Promise<RevocationAnswer> {
    for (const key of keys) {
      const entry = this.find(key);
      if (entry !== undefined && this.isBefore(issuedAt, entry.before)) return 'revoked';
    }
    return issuedAt >= 0 && expires > this.floor ? 'live' : 'forgotten';
  }

  find(key: string): RevocationEntry | undefined {
    return this.entries.get(key);
  }

  isBefore(issuedAt: number, before: number): boolean {
    return !(issuedAt >= before);
  }

  merge(known: RevocationEntry, { key, before, until }: RevocationEntry): RevocationEntry {
    return { key, before: Math.max(known.before, before), until: Math.max(known.until, until) };
  }

  tidy(now: number): void {
    for (const { key, until } of this.entries.values()) {
      if (!this.isOver(until, now)) continue;
      this.entries.delete(key);
      this.raise(until);
    }
  }

  isOver(until: number, now: number): boolean {
    return until < now;
  }

  raise(floor: number): void {
    this.floor = Math.max(this.floor, floor);
  }
}

const later = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** By what is wrong, the store and a part of the names of the cases that must fail; all others must not. */
const wrong: Readonly<Record<string, readonly [make: () => RevocationStore, caught: readonly string[]]>> = {
  'there is none': [() => new HonestStore(), []],
  'it ignores the case of keys': [
    () =>
      new (class extends HonestStore {
        override find(key: string): RevocationEntry | undefined {
          return [...this.entries.values()].find((each) => each.key.toLowerCase() === key.toLowerCase());
        }
      })(),
    ['from the next look on'],
  ],
  'it looks at the first key only': [
    () =>
      new (class extends HonestStore {
        override look(query: RevocationQuery): RevocationAnswer | Promise<RevocationAnswer> {
          return super.look({ ...query, keys: query.keys.slice(0, 1) });
        }
      })(),
    ['any of its keys'],
  ],
  'it revokes what was issued at the moment, too': [
    () =>
      new (class extends HonestStore {
        override isBefore(issuedAt: number, before: number): boolean {
          return !(issuedAt > before);
        }
      })(),
    ['not what was issued at it', 'only grows'],
  ],
  'it keeps moments in whole seconds': [
    () =>
      new (class extends HonestStore {
        override isBefore(issuedAt: number, before: number): boolean {
          return !(Math.ceil(issuedAt) >= before);
        }
      })(),
    ['not what was issued at it', 'at once'],
  ],
  'the last entry counts': [
    () =>
      new (class extends HonestStore {
        override merge(_known: RevocationEntry, entry: RevocationEntry): RevocationEntry {
          return entry;
        }
      })(),
    ['only grows', 'at once', 'kept longer', 'for good'],
  ],
  'the first end counts': [
    () =>
      new (class extends HonestStore {
        override merge(known: RevocationEntry, entry: RevocationEntry): RevocationEntry {
          return { ...super.merge(known, entry), until: known.until };
        }
      })(),
    ['at once', 'kept longer'],
  ],
  'it reads before it writes': [
    () =>
      new (class extends HonestStore {
        override async add(entry: RevocationEntry): Promise<void> {
          const known = this.entries.get(entry.key);
          await later();
          this.entries.set(entry.key, known === undefined ? entry : this.merge(known, entry));
        }
      })(),
    ['at once'],
  ],
  'it ends a moment early': [
    () =>
      new (class extends HonestStore {
        override isOver(until: number, now: number): boolean {
          return until <= now;
        }
      })(),
    ['until its end, inclusive'],
  ],
  'it forgets in silence': [
    () =>
      new (class extends HonestStore {
        override raise(): void {}
      })(),
    ['until its end, inclusive', 'jumps ahead'],
  ],
  'it keeps nothing for more than a year': [
    () =>
      new (class extends HonestStore {
        override add(entry: RevocationEntry, now: number): void | Promise<void> {
          return super.add({ ...entry, until: Math.min(entry.until, now + 31_536_000) }, now);
        }
      })(),
    ['for good'],
  ],
  'it takes no number for no reason to refuse': [
    () =>
      new (class extends HonestStore {
        override look(query: RevocationQuery): RevocationAnswer | Promise<RevocationAnswer> {
          const answer = super.look(query);
          return answer === 'forgotten' && !(query.expires <= this.floor) ? 'live' : answer;
        }
      })(),
    ['no numbers'],
  ],
  'a revoked token is told once': [
    () =>
      new (class extends HonestStore {
        override look(query: RevocationQuery): RevocationAnswer | Promise<RevocationAnswer> {
          const answer = super.look(query);
          if (answer === 'revoked') for (const key of query.keys) this.entries.delete(key);
          return answer;
        }
      })(),
    [
      'any of its keys',
      'not what was issued at it',
      'at once',
      'inclusive',
      'for good',
      'jumps ahead',
      'changes nothing',
    ],
  ],
};

async function failuresOf(make: () => RevocationStore): Promise<string[]> {
  const failed: string[] = [];
  for (const { name, run } of revocationStoreContract(make)) {
    await run().catch(({ message }: Error) => {
      assert.match(message, /^A revocation store promises: .+\. Found: .+\.$/);
      failed.push(name);
    });
  }
  return failed;
}

const catching = new Set<string>();

for (const [flaw, [make, expected]] of Object.entries(wrong)) {
  test(`[G17] of a store where the flaw is that ${flaw}, ${expected.length} cases fail, and no others`, async () => {
    const failed = await failuresOf(make);
    for (const name of failed) catching.add(name);
    assert.is(failed.length, expected.length, failed.join('; '));
    for (const part of expected)
      assert.ok(
        failed.some((name) => name.includes(part)),
        part,
      );
  });
}

test('each case of the contract catches some wrong store', () => {
  const names = revocationStoreContract(() => new HonestStore()).map(({ name }) => name);
  assert.equal(
    names.filter((name) => !catching.has(name)),
    [],
  );
  assert.is(new Set(names).size, names.length);
});

test('a store may throw for times that are no numbers, by promise too', async () => {
  class ThrowingStore extends HonestStore {
    override async look(query: RevocationQuery): Promise<RevocationAnswer> {
      if (Number.isNaN(query.issuedAt + query.expires)) throw new TypeError('no time');
      return super.look(query);
    }
  }
  assert.equal(await failuresOf(() => new ThrowingStore()), []);
});

test('what is no store is a mistake, told as such', async () => {
  for (const store of [undefined, {}, { add: () => undefined }]) {
    const [first] = revocationStoreContract(() => store as unknown as RevocationStore);
    assert.instance(await first?.run().catch((thrown: unknown) => thrown), TypeError);
  }
});

test('the clock that a store is given is the one of the case', async () => {
  const told: number[] = [];
  const cases = revocationStoreContract((clock) => {
    const store = new HonestStore();
    const look = store.look.bind(store);
    store.look = (query) => {
      told.push(query.now - clock());
      return look(query);
    };
    return store;
  });
  for (const { run } of cases) await run();
  assert.equal(new Set(told), new Set([0]));
  assert.ok(told.length > 50);
});

test.run();
