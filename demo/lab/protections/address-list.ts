import type { AccessTokenClaims } from 'holdfast';
import type { BankNode } from '../engine/bank.ts';
import type { BankCall } from '../engine/bank-call.ts';
import { refuse, refuseGrant } from '../engine/refusal.ts';
import type { World } from '../engine/world.ts';
import type { Seconds } from '../model.ts';
import type { Protection, ProtectionMaker } from '../profile.ts';

/** Known addresses, by sign-in or by user. */
export interface AddressList {
  has(owner: string | undefined, address: string): boolean;
  add(owner: string | undefined, address: string): void;
}

export function createAddressList(world: World): AddressList {
  const listed = new Set<string>();
  return {
    has: (owner, address) => listed.has(`${owner} ${address}`),
    add: (owner, address) => {
      listed.add(`${owner} ${address}`);
      world.recorder.note('store', { party: 'bank-a', name: 'address list', size: listed.size });
    },
  };
}

/** Whoever finishes a sign-in gets on the list: also somebody who has got hold of the code. */
export function listSignIn(list: AddressList): NonNullable<Protection['atToken']> {
  return ({ kind, grant, address }) => {
    if (kind === 'code') list.add(grant.id, address);
  };
}

/** Any other address is refused, by the bank and by the token endpoint. */
export function refuseOtherAddresses(verdicts?: KeptVerdicts): ProtectionMaker {
  return (world) => {
    const list = createAddressList(world);
    const isListed = (call: BankCall): boolean => list.has(call.claims?.grant_id, call.address);
    const isAccepted = verdicts === undefined ? isListed : keepVerdicts(world, verdicts, isListed);
    return {
      atToken: (call) => {
        listSignIn(list)(call);
        if (!list.has(call.grant.id, call.address)) refuseGrant('ip');
      },
      after: (call) => {
        if (!isAccepted(call)) refuse('ip', 403, { error: 'access_denied' });
      },
    };
  };
}

export interface KeptVerdicts {
  readonly keptFor: Seconds;
  /** What a verdict is remembered by. Without the address it is good for everybody who has the token. */
  readonly keptBy: 'token' | 'token and address';
}

/** A list that is slow to ask is asked less often; each node remembers for itself, and only what was good. */
function keepVerdicts(
  world: World,
  { keptFor, keptBy }: KeptVerdicts,
  isListed: (call: BankCall) => boolean,
): (call: BankCall) => boolean {
  const goodUntil = new WeakMap<BankNode, Map<string, Seconds>>();
  return (call) => {
    const known = goodUntil.get(call.node) ?? new Map<string, Seconds>();
    goodUntil.set(call.node, known);
    const { jti } = call.claims as AccessTokenClaims;
    const name = keptBy === 'token' ? jti : `${jti} ${call.address}`;
    const now = world.clock.now(call.node.id);
    if (now < (known.get(name) ?? 0)) return true;
    if (!isListed(call)) return false;
    known.set(name, now + keptFor);
    return true;
  };
}

/** Any other address is let in, and the customer is told, once for each; also of a sign-in from there. */
export const alertOtherAddresses: ProtectionMaker = (world) => {
  const list = createAddressList(world);
  const met = new Set<string>();
  const see = (user: string, address: string): void => {
    if (list.has(user, address)) return;
    list.add(user, address);
    if (met.has(user))
      world.recorder.note('alert', { text: `${user} is signed in from a new address: ${address}.` });
    met.add(user);
  };
  return {
    atToken: ({ grant, address }) => see(grant.user, address),
    after: ({ claims, address }) => {
      if (claims !== undefined) see(claims.sub, address);
    },
  };
};
