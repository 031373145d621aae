import { createProof, type DpopKeyPair } from 'holdfast/client';
import { decodeJwt } from 'jose';
import type { Loot } from '../engine/loot.ts';
import type { World } from '../engine/world.ts';
import type { PartyId, Seconds } from '../model.ts';

import { headerOf } from './sightings.ts';

/** Proofs that script lets Alice's key sign for later. */

type Endpoint = 'bank' | 'issuer';

export interface ProofsAhead {
  /** What the proofs for the bank name by its hash. */
  readonly accessToken: string;
  /** For how long there are proofs. */
  readonly lasting: Seconds;
  readonly endpoints: readonly Endpoint[];
}

/** A request that proofs are made for: `GET /accounts` at the bank, or `POST /token` at the issuer. */
interface Prepared {
  readonly method: string;
  readonly url: string;
  readonly accessToken: string | undefined;
  /** As it is when the script runs: a later one cannot be known. */
  readonly nonce: string | undefined;
}

/**
 * The stock of proofs that the script leaves with; `undefined` where there is no key to sign with.
 *
 * Of the thousands that it would hold, a try asks for one or two. So each is signed when it is first asked for: with the
 * date, the token and the nonce that it would have got while the script ran, and only if it would be in the stock.
 */
export function signAhead(world: World, { accessToken, lasting, endpoints }: ProofsAhead): Loot['proofFor'] {
  const { keyPair } = world.alice;
  if (keyPair === undefined) return undefined;
  const begun = world.alice.now();
  const stock = endpoints.map((endpoint) => prepare(world, endpoint, accessToken));
  const signed = new Map<string, Promise<string>>();
  return async (method, url, at) => {
    const now = begun + stepBefore(world, at - begun);
    const prepared = stock.find((one) => one.method === method && one.url === url);
    if (prepared === undefined || now > begun + lasting) return undefined;
    const name = `${method} ${url} ${now}`;
    const proof = signed.get(name) ?? createProof(keyPair as DpopKeyPair, { ...prepared, now });
    signed.set(name, proof);
    return proof;
  };
}

/** The thief has a proof for each minute, or for each window where that is shorter: he knows the system. */
function stepBefore({ profile }: World, passed: Seconds): Seconds {
  const step = Math.min(60, profile.settings.dpop?.maxAge ?? 60);
  return Math.floor(passed / step) * step;
}

function prepare(world: World, endpoint: Endpoint, accessToken: string): Prepared {
  const { bank, issuer } = world.origins;
  if (endpoint === 'issuer')
    return {
      method: 'POST',
      url: `${issuer}/token`,
      accessToken: undefined,
      nonce: nonceFor(world, 'issuer'),
    };
  return { method: 'GET', url: `${bank}/accounts`, accessToken, nonce: nonceFor(world, 'bank-a') };
}

/** The nonce that the page's client used last. */
function nonceFor({ recorder }: World, server: PartyId): string | undefined {
  const last = recorder.exchanges().findLast(({ from, to }) => from === 'alice' && to === server);
  const proof = last === undefined ? undefined : headerOf(last, 'dpop');
  return proof === undefined ? undefined : decodeJwt<{ nonce?: string }>(proof).nonce;
}
