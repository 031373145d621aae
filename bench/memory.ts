import { createMemoryReplayStore, replayKey } from 'holdfast';

/** What a live proof costs in a replay memory, and in what people keep used proofs in without one. */

/** Bytes for each live proof. */
export interface MemoryCost {
  /** Filled once. */
  readonly filled: Bytes;
  /** After three times as many have come and gone. */
  readonly turnedOver: Bytes;
}

export interface Bytes {
  readonly heap: number;
  readonly resident: number;
}

/** A memory that holds at most `capacity` uses, the newest. */
type Remember = (jkt: string, jti: string, time: number) => Promise<void> | void;

const jkts = Array.from({ length: 50 }, () => randomText(32));

const memories: Readonly<Record<string, (capacity: number) => Remember>> = {
  holdfast: (capacity) => {
    const store = createMemoryReplayStore({ capacity, clock: () => 0 });
    return async (jkt, jti, at) => {
      const memory = await store.read(at);
      const key = await replayKey(jkt, jti);
      const outcome = await store.claim({ key, time: { axis: 'iat', at }, until: at + 60, memory });
      if (outcome !== 'claimed') throw new Error(`${outcome}: nothing was remembered`);
    };
  },
  'Map, hashed keys': (capacity) => {
    const seen = new Map<string, number>();
    return async (jkt, jti, at) => insert(seen, await replayKey(jkt, jti), at, capacity);
  },
  'Map, `${jkt}:${jti}`': (capacity) => {
    const seen = new Map<string, number>();
    return (jkt, jti, at) => insert(seen, `${jkt}:${jti}`, at, capacity);
  },
};

function insert(seen: Map<string, number>, key: string, at: number, capacity: number): void {
  seen.set(key, at);
  if (seen.size > capacity) seen.delete(seen.keys().next().value as string);
}

export const memoryKinds: readonly string[] = Object.keys(memories);

export async function weighMemory(kind: string, capacity: number): Promise<MemoryCost> {
  const create = memories[kind];
  if (create === undefined) throw new TypeError(`unknown kind: ${kind}`);
  // What the first use of all this code leaves behind, and the young generation at its full size, are not counted.
  await fill(create(10_000), 0, 300_000);
  const before = weigh();
  const remember = create(capacity);
  await fill(remember, 0, capacity);
  const filled = since(before, capacity);
  await fill(remember, capacity, 4 * capacity);
  const turnedOver = since(before, capacity);
  await fill(remember, 4 * capacity, 4 * capacity + 1); // still in use, so it was alive when weighed
  return { filled, turnedOver };
}

/** Some two thousand proofs in each second, with times like real ones. */
async function fill(remember: Remember, from: number, to: number): Promise<void> {
  const start = 1_800_000_000;
  for (let index = from; index < to; index++) {
    await remember(jkts[index % jkts.length] as string, randomText(16), start + Math.floor(index / 2000));
  }
}

function randomText(bytes: number): string {
  return Buffer.from(crypto.getRandomValues(new Uint8Array(bytes))).toString('base64url');
}

function weigh(): Bytes {
  globalThis.gc?.();
  globalThis.gc?.();
  const { heapUsed, external, rss } = process.memoryUsage();
  return { heap: heapUsed + external, resident: rss };
}

function since(before: Bytes, entries: number): Bytes {
  const { heap, resident } = weigh();
  return { heap: (heap - before.heap) / entries, resident: (resident - before.resident) / entries };
}
