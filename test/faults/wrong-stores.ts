import { emptyMemory } from '../../src/freshness.ts';
import type { ReplayStore } from '../../src/index.ts';

/** Stores that are wrong on purpose, in the ways in which most are: what is meant to catch them must catch them. */

/** The commands that they use, as node-redis spells them. */
export interface PlainClient {
  get(key: string): Promise<unknown>;
  set(key: string, value: string, options?: { NX: true; PX: number }): Promise<unknown>;
}

/** Looks, and then writes: of several at once, each finds nothing. */
export function createRacyStore(client: PlainClient): ReplayStore {
  return {
    read: (now) => ({ ...emptyMemory, id: 'racy', now }),
    async claim({ key }) {
      if ((await client.get(`racy:${key}`)) !== null) return 'replayed';
      await client.set(`racy:${key}`, '1');
      return 'claimed';
    },
  };
}

/** Atomic, but it never learns that Redis has forgotten. */
export function createNaiveStore(client: PlainClient): ReplayStore {
  return {
    read: (now) => ({ ...emptyMemory, id: 'naive', now }),
    async claim({ key }) {
      const reply = await client.set(`naive:${key}`, '1', { NX: true, PX: 120_000 });
      return reply === 'OK' ? 'claimed' : 'replayed';
    },
  };
}
