import {
  createMemoryRevocationStore,
  createRevocations,
  type Revocation,
  type RevocationStore,
  type Revocations,
} from 'holdfast';
import { decodeJwt } from 'jose';
import type { Grant } from '../engine/grants.ts';
import type { World } from '../engine/world.ts';
import type { Seconds } from '../model.ts';
import type { ProtectionMaker } from '../profile.ts';

/** A list of what was taken back, which every bank node looks at for every request: by the library. */

export interface DenyListOptions {
  /** When tokens are taken back. */
  readonly on: readonly ('logout' | 'password' | 'reuse')[];
  /** `family`: every token of the sign-in, and the last one by its `jti`. `token`: only the last one. */
  readonly what: 'family' | 'token';
  /** Where the list is kept. */
  readonly createStore: (world: World) => RevocationStore;
}

/** Of servers that have been up for a while: a memory that has just begun rightly vouches for nothing older. */
export function createListInMemory(world: World): RevocationStore {
  return createMemoryRevocationStore({ capacity: 1000, birth: world.clock.now() - 7200 });
}

export function denyList({ on, what, createStore }: DenyListOptions): ProtectionMaker {
  return (world) => {
    const revocations = createRevocations({
      store: createStore(world),
      leeway: 0,
      clock: () => world.clock.now('issuer'),
    });
    const latest = new Map<Grant, LatestToken>();
    const list = { revocations, latest, what, size: 0 };
    return {
      resourceServer: { revocations },
      issued: ({ grant }, answer) => {
        const token = readToken(answer['access_token']);
        if (token !== undefined) latest.set(grant, token);
      },
      atLogout: (grant) => (on.includes('logout') ? deny(world, list, grant) : undefined),
      atReuse: (grant) => (on.includes('reuse') ? deny(world, list, grant) : undefined),
      atPassword: async (user) => {
        if (on.includes('password')) await endAll(world, list, user);
      },
    };
  };
}

interface LatestToken {
  readonly jti: string;
  readonly exp: Seconds;
}

interface DenyList {
  readonly revocations: Revocations;
  /** What the client holds now, by sign-in. */
  readonly latest: ReadonlyMap<Grant, LatestToken>;
  readonly what: DenyListOptions['what'];
  size: number;
}

/** A family that is only denied would go on getting tokens that nobody accepts: its refresh tokens end with it. */
async function endAll(world: World, list: DenyList, user: string): Promise<void> {
  for (const grant of world.issuer.grants.all) {
    if (grant.user !== user || grant.ended) continue;
    grant.ended = true;
    await deny(world, list, grant);
  }
}

async function deny(world: World, list: DenyList, grant: Grant): Promise<void> {
  const { issuer } = world.origins;
  const token = list.latest.get(grant);
  const entries: Revocation[] = list.what === 'family' ? [{ issuer, grant: grant.id }] : [];
  if (token !== undefined) entries.push({ issuer, ...token });
  for (const entry of entries) await list.revocations.revoke(entry);
  list.size += entries.length;
  world.recorder.note('store', { party: 'bank-a', name: 'deny list', size: list.size });
}

/** A token that cannot be read has no `jti` to be denied by; its family still has. */
function readToken(token: unknown): LatestToken | undefined {
  try {
    const { jti, exp } = decodeJwt(String(token));
    return jti === undefined || exp === undefined ? undefined : { jti, exp };
  } catch {
    return undefined;
  }
}
