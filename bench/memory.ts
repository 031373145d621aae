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
      const outcome = await store.claim({ key, jkt, time: { axis: 'iat', at }, until: at + 60, memory });
      if (outcome !== 'claimed') throw new Error(`${outcome}: nothing was remembered`);
    };
  },
  'Map, hashed keys': (capacity) => {
    const remember = createMap(capacity);
    return async (jkt, jti, at) => remember(await replayKey(jkt, jti), at);
  },
  'Map, jkt + ":" + jti': (capacity) => {
    const remember = createMap(capacity);
    return (jkt, jti, at) => remember(`${jkt}:${jti}`, at);
  },
};

/** One iterator for good: a new one for each eviction would walk over all that were deleted before. */
function createMap(capacity: number): (key: string, at: number) => void {
  const seen = new Map<string, number>();
  const oldest = seen.keys();
  return (key, at) => {
    seen.set(key, at);
    if (seen.size > capacity) seen.delete(oldest.next().value as string);
  };
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
