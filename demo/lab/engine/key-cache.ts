import type { JSONWebKeySet } from 'jose';
import type { Seconds } from '../model.ts';

/**
 * The issuer's keys as a bank node keeps them: fetched over the wire, kept for so long, and fetched again when a token
 * names a key that is not there. A set is replaced, never added to.
 */
export interface KeyCache {
  /** Makes the set good for a token with this header. */
  prepare(kid: string | undefined, now: Seconds): Promise<void>;
  /** The same object until the next fetch. */
  current(): JSONWebKeySet;
}

export function createKeyCache(fetchKeys: () => Promise<JSONWebKeySet>, maxAge: Seconds): KeyCache {
  let keys: JSONWebKeySet = { keys: [] };
  let fetched = Number.NEGATIVE_INFINITY;
  return {
    current: () => keys,
    prepare: async (kid, now) => {
      const isKnown = keys.keys.some((key) => key.kid === kid);
      if (keys.keys.length > 0 && isKnown && now - fetched < maxAge) return;
      keys = await fetchKeys();
      fetched = now;
    },
  };
}
