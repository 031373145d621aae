import { type Claim, type ClaimOutcome, type ReplayStore, replayKey, type Seconds } from 'holdfast';
import type { DpopState } from 'holdfast/koa';
import { calculateJwkThumbprint, decodeJwt, decodeProtectedHeader } from 'jose';
import type { BankCall } from '../engine/bank-call.ts';
import { refuse } from '../engine/refusal.ts';
import type { ProtectionMaker } from '../profile.ts';

/**
 * Uses that the lab takes in the library's stead, at another moment or under another name: mistakes that the library
 * cannot be made to make. It goes on reading the memory, so time and floors are as ever.
 */

/** The memory as the library sees it: every claim passes, and none is kept. */
export function withoutClaims(memory: ReplayStore): ReplayStore {
  const facade: ReplayStore = { read: (now, latest) => memory.read(now, latest), claim: () => 'claimed' };
  behind.set(facade, memory);
  return facade;
}

const behind = new WeakMap<ReplayStore, ReplayStore>();

/** What a use is remembered by. */
type NameOf = (call: BankCall, jti: string, jkt: string) => readonly [jkt: string, jti: string];

/** After every other check, as it should be; but under a name that somebody else may have taken, or that changes. */
export function takeUnderName(nameOf: NameOf): ProtectionMaker {
  return () => ({
    after: async (call) => {
      const proof = (call.ctx.state as DpopState).dpop?.proof;
      if (proof === undefined) return;
      const { jkt, jti, time, until } = proof;
      const outcome = await claim(call, {
        jkt,
        key: await replayKey(...nameOf(call, jti, jkt)),
        time,
        until,
      });
      if (outcome !== 'claimed') refuse(outcome === 'replayed' ? 'jti' : 'floor', 401, badProof);
    },
  });
}

/**
 * Before every other check. Nothing in the proof is believed yet, so its entry is counted from its arrival. What the
 * memory may have forgotten is left to the library, which says so itself, and how to go on.
 */
export const takeFirst: ProtectionMaker = (world) => ({
  before: async (call) => {
    const named = await readUnverified(call.header('dpop'));
    if (named === undefined) return;
    const { jkt, jti, axis, iat } = named;
    const now = world.clock.now(call.node.id);
    const time = { axis, at: Math.min(iat, now) };
    const until = now + (world.profile.settings.dpop?.maxAge ?? 0);
    const outcome = await claim(call, { jkt, key: await replayKey(jkt, jti), time, until });
    if (outcome === 'replayed') refuse('jti', 401, badProof);
  },
});

const badProof = { error: 'invalid_dpop_proof' } as const;

async function claim({ node }: BankCall, use: Omit<Claim, 'memory'>): Promise<ClaimOutcome> {
  const store = behind.get(node.store) ?? node.store;
  const memory = await store.read(node.world.clock.now(node.id));
  return store.claim({ ...use, memory });
}

interface Named {
  readonly jkt: string;
  readonly jti: string;
  readonly axis: 'iat' | 'nonce';
  readonly iat: Seconds;
}

/** What a proof says of itself; `undefined` where it cannot be read, which the library will say better. */
async function readUnverified(proof: string | undefined): Promise<Named | undefined> {
  try {
    const { jwk } = decodeProtectedHeader(proof ?? '');
    const { jti, nonce, iat } = decodeJwt<{ nonce?: unknown }>(proof ?? '');
    if (jwk === undefined || jti === undefined || iat === undefined) return undefined;
    const jkt = await calculateJwkThumbprint(jwk);
    return { jkt, jti, axis: nonce === undefined ? 'iat' : 'nonce', iat };
  } catch {
    return undefined;
  }
}
