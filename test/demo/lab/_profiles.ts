import type { SigningKey } from 'holdfast';
import { SignJWT } from 'jose';
import * as assert from 'uvu/assert';
import type { Loot } from '../../../demo/lab/engine/loot.ts';
import type { Network } from '../../../demo/lab/engine/network.ts';
import type { Use } from '../../../demo/lab/engine/thief.ts';
import { openWorld, type World } from '../../../demo/lab/engine/world.ts';
import type { Profile } from '../../../demo/lab/profile.ts';
import { createProfile } from '../../../demo/lab/profiles/base.ts';
import { revocationProfiles } from '../../../demo/lab/profiles/taking-back.ts';
import { tokenProfiles } from '../../../demo/lab/profiles/token-itself.ts';

/** Worlds of the lab under one profile, and what a thief can come to hold in them. */

export interface Context {
  network: Network;
}

export const profiles: readonly Profile[] = [...tokenProfiles, ...revocationProfiles];

export function open(network: Network, id: string): Promise<World> {
  return openProfile(network, profiles.find((profile) => profile.id === id) as Profile);
}

/** Plain bearer tokens, and this one thing besides. */
export function openWith(network: Network, protection: Profile['protections'][number]): Promise<World> {
  const { title, slug, group, story, needs, weak } = profiles[0] as Profile;
  return openProfile(
    network,
    createProfile({ id: 'X', title, slug, group, story, needs, weak }, {}, [protection]),
  );
}

function openProfile(network: Network, profile: Profile): Promise<World> {
  return openWorld({ profile, seat: 'elsewhere', network, time: 'world', keepEvents: false, without: [] });
}

/** The token of an ordinary request of Alice's, as a log shows it. */
export async function readLog(world: World): Promise<Loot> {
  const { status } = await world.alice.call('/accounts');
  assert.is(status, 200);
  const { headers = [] } = world.recorder.exchanges().findLast(({ from }) => from === 'alice') ?? {};
  const authorization = headers.find(([name]) => name.toLowerCase() === 'authorization')?.[1];
  return { accessToken: authorization?.split(' ')[1] };
}

export function assertRefused(use: Use | Loot, check: string): void {
  assert.ok('decidedBy' in use && !use.success && use.status >= 400, 'was accepted');
  assert.is('decidedBy' in use ? use.decidedBy : undefined, check);
}

export function secretOf(world: World): Uint8Array {
  const [secret] = world.protections.flatMap(({ secret: read }) => (read === undefined ? [] : [read()]));
  return secret ?? new Uint8Array();
}

export function otherKey(): Promise<CryptoKeyPair> {
  return crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, false, ['sign', 'verify']);
}

/** As the issuer would, of Alice, valid from now. */
export function forge(world: World, { kid, privateKey }: SigningKey): Promise<string> {
  return claimsOf(world).setProtectedHeader({ typ: 'at+jwt', alg: 'ES256', kid }).sign(privateKey);
}

export function forgeWithSecret(world: World, secret: Uint8Array, kid: string): Promise<string> {
  return claimsOf(world).setProtectedHeader({ typ: 'at+jwt', alg: 'HS256', kid }).sign(secret);
}

function claimsOf(world: World): SignJWT {
  const iat = Math.floor(world.clock.now());
  const claims = { sub: 'alice', client_id: 'bank-app', role: 'admin', jti: crypto.randomUUID() };
  return new SignJWT({ ...claims, iss: world.origins.issuer, aud: 'everybody', iat, exp: iat + 3600 });
}
