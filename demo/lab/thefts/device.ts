import type { DpopKeyPair } from 'holdfast/client';
import type { Loot } from '../engine/loot.ts';
import type { World } from '../engine/world.ts';
import type { Seconds } from '../model.ts';
import { type Attempt, type Theft, toAttempt } from '../theft.ts';
import { aliceGoesOn } from './alice-goes-on.ts';
import { issuerCookie } from './issuer-cookie.ts';
import {
  copyBrowser,
  copyRefreshToken,
  outOfReach,
  refreshAndUse,
  showLoot,
  showMissingKey,
} from './sightings.ts';

/** Thefts from Alice's device, and of what gets new tokens: refresh token, code, the issuer's cookie. */

const group = 'Device, refresh token, code, cookies';

async function redeemLeakedCode(world: World): Promise<Attempt> {
  const { code } = await world.alice.authorize();
  world.recorder.loot([{ kind: 'code', where: 'the log of a redirect', value: code }]);
  const tokens = await world.thief.redeem(code, undefined);
  return toAttempt('decidedBy' in tokens ? tokens : await world.thief.use(tokens));
}

async function stealRefreshToken(world: World): Promise<string | undefined> {
  await world.alice.call('/accounts');
  const refreshToken = copyRefreshToken(world);
  if (refreshToken === undefined) return undefined;
  showLoot(world, "a backup of Alice's browser profile", { refreshToken });
  showMissingKey(world, 'issuer');
  return refreshToken;
}

function noRefreshToken(world: World): Attempt {
  const isKept = world.profile.settings.carriedBy === 'session';
  const reason = isKept ? "the refresh token stays on the bank's server" : 'there are no refresh tokens';
  return outOfReach(world, 'refresh token', "Alice's browser profile", reason);
}

async function refreshForIdle(world: World, wait: Seconds): Promise<Attempt> {
  const refreshToken = await stealRefreshToken(world);
  if (refreshToken === undefined) return noRefreshToken(world);
  await world.wait(wait, 'Alice is away');
  return refreshAndUse(world, { refreshToken });
}

async function refreshBesideAlice(world: World, wait: Seconds): Promise<Attempt> {
  const refreshToken = await stealRefreshToken(world);
  if (refreshToken === undefined) return noRefreshToken(world);
  const tokens = await world.thief.refresh({ refreshToken });
  if ('decidedBy' in tokens) return toAttempt(tokens);
  await aliceGoesOn(world, wait);
  return toAttempt(await world.thief.useOrRefresh(tokens));
}

async function copyProfile(world: World, wait: Seconds): Promise<Attempt> {
  await world.alice.call('/accounts');
  const loot = copyBrowser(world);
  showLoot(world, "Alice's browser profile", loot);
  showMissingKey(world, 'bank-a');
  await world.wait(wait, 'the thief takes his time');
  return toAttempt(await world.thief.useOrRefresh(loot));
}

async function copyProfileAndKey(world: World, wait: Seconds): Promise<Attempt> {
  await world.alice.call('/accounts');
  const keys = await copyKeys(world);
  const loot = { ...copyBrowser(world), ...keys };
  showLoot(world, "Alice's browser profile", loot);
  await world.wait(wait, 'the thief takes his time');
  const attempt = toAttempt(await world.thief.useOrRefresh(loot));
  // Whatever refused him then: he would not have been refused with the key.
  return keys === undefined && attempt.result === 'refused' && attempt.decidedBy !== null
    ? { ...attempt, decidedBy: 'key' }
    : attempt;
}

/** Private keys on Alice's disk; `undefined` where there are some that cannot be copied. */
async function copyKeys({ alice, profile, network, recorder }: World): Promise<Loot | undefined> {
  const { mtls, keyCopyable } = profile.settings;
  try {
    const key = alice.keyPair === undefined ? undefined : await copyKey(alice.keyPair);
    if (!mtls) return { key };
    if (keyCopyable) return { key, certificate: network.certificates.alice };
  } catch (error) {
    // WebCrypto does not give out a key that is not extractable; anything else is a fault of the lab.
    if (alice.keyPair?.privateKey.extractable !== false) throw error;
  }
  const text = 'The key signs where it is, and cannot be copied.';
  recorder.note('cannot', { to: 'bank-a', missing: "Alice's private key", text });
  recorder.loot([
    { kind: 'key', where: "Alice's device", value: null, outOfReach: 'the key is not extractable' },
  ]);
  return undefined;
}

/** What a thief does who finds a key on a disk: takes its bytes, and imports them at home. */
async function copyKey({ algorithm, privateKey, publicJwk, jkt }: DpopKeyPair): Promise<DpopKeyPair> {
  const bytes = await crypto.subtle.exportKey('pkcs8', privateKey);
  const name = { name: 'ECDSA', namedCurve: 'P-256' };
  return {
    algorithm,
    publicJwk,
    jkt,
    privateKey: await crypto.subtle.importKey('pkcs8', bytes, name, false, ['sign']),
  };
}

export const deviceThefts: readonly Theft[] = [
  {
    id: 'T16',
    slug: 'code-leak',
    title: 'Authorization code leaked',
    group,
    ability: 'Read one code in the log of a redirect.',
    loot: ['code'],
    steps: [
      'Alice signs in, and the code goes through a redirect that somebody logs.',
      'The thief redeems the code with a key of his own before her client does.',
      'He uses the token that he gets.',
    ],
    why: 'The code must be worth nothing without something that was not in the redirect: the PKCE verifier, or the key.',
    aim: 'access',
    timed: false,
    run: redeemLeakedCode,
  },
  {
    id: 'T17',
    slug: 'rt-idle',
    title: 'Refresh token, Alice is away',
    group,
    ability: "Copy one file of Alice's browser profile.",
    loot: ['refresh token'],
    steps: [
      'Alice uses the bank, and then no longer.',
      'The thief finds her refresh token in a backup.',
      'He refreshes with a key of his own, and uses the new access token.',
    ],
    why: 'Nobody else uses the refresh token, so rotation notices nothing: it must be bound to a key.',
    aim: 'access',
    timed: true,
    run: refreshForIdle,
  },
  {
    id: 'T18',
    slug: 'rt-active',
    title: 'Refresh token, Alice goes on',
    group,
    ability: "Copy one file of Alice's browser profile.",
    loot: ['refresh token'],
    steps: [
      'The thief copies the refresh token, and refreshes at once.',
      'Alice goes on: she calls every ten minutes, and after two hours once an hour.',
      'The thief uses his access token, and refreshes again when it has run out.',
    ],
    why: 'Rotation sees that one chain has two users, once Alice refreshes; a bound token never gets that far.',
    aim: 'access',
    timed: true,
    run: refreshBesideAlice,
  },
  {
    id: 'T19',
    slug: 'stealer',
    title: 'Browser profile copied, without the key',
    group,
    ability: "Read Alice's browser profile: local storage and cookies.",
    loot: ['access token', 'refresh token', 'cookies'],
    steps: [
      "Malware copies local storage and the bank's cookies, HttpOnly ones too.",
      'The thief uses what he has from his own machine, and refreshes when it has run out.',
    ],
    why: 'Everything that is sent can be copied along: only a key that is used and never sent stays behind.',
    aim: 'access',
    timed: true,
    run: copyProfile,
  },
  {
    id: 'T20',
    slug: 'stealer-key',
    title: 'Browser profile copied, with the key',
    group,
    ability: "Read Alice's browser profile, and export her private key.",
    loot: ['access token', 'refresh token', 'cookies', 'key'],
    steps: [
      'Malware copies storage and cookies, and exports the private key, the one of a client certificate as well.',
      'The thief signs with it from his own machine, and refreshes when the token has run out.',
    ],
    why: 'Whoever has the key is Alice: only a key that no software can copy, in hardware, is out of reach.',
    aim: 'access',
    timed: true,
    run: copyProfileAndKey,
  },
  issuerCookie,
];
