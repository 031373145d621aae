import type { Loot } from '../engine/loot.ts';
import { passwordHash } from '../engine/sign-in.ts';
import type { World } from '../engine/world.ts';
import type { LootItem, Seconds } from '../model.ts';
import { type Attempt, type Theft, toAttempt } from '../theft.ts';
import { aliceGoesOn } from './alice-goes-on.ts';
import { claimsForAlice, forgeWithConfiguration, signEs256, signHs256 } from './forgeries.ts';
import { outOfReach, refreshAndUse, showLoot } from './sightings.ts';

/** Thefts from servers: what the issuer stores, what a bank node checks with, what the issuer signs with. */

const group = 'Servers, keys, clocks, stores';

/** What lies in the tables about Alice, as it lies there. Of each the last, which is the one in use. */
function readTables({ issuer, books }: World): Loot {
  const { refreshTokens, accessTokens } = issuer.tables;
  const session = [...books.sessions.keys()].at(-1);
  const { password = '' } = issuer.users.get('alice') ?? {};
  return {
    refreshToken: refreshTokens.at(-1),
    accessToken: accessTokens.at(-1),
    cookies: session === undefined ? undefined : `session=${session}`,
    storage: new Map([['password_hash', passwordHash(password)]]),
  };
}

async function readDatabase(world: World, wait: Seconds): Promise<Attempt> {
  await world.alice.call('/accounts');
  const loot = readTables(world);
  const { refreshToken, accessToken, cookies } = loot;
  if (refreshToken === undefined && accessToken === undefined && cookies === undefined)
    return outOfReach(
      world,
      'refresh token',
      "the issuer's tables",
      'no server stores anything that lets one in',
    );
  showLoot(world, "the issuer's tables and the bank's session store", loot);
  await world.wait(wait, 'the thief takes his time');
  return useTables(world, loot);
}

/** First what is a token already, then what gets one; the last refusal is the one of the most that he had. */
async function useTables(world: World, loot: Loot): Promise<Attempt> {
  const { refreshToken, accessToken, cookies, storage } = loot;
  const tries = [
    accessToken === undefined
      ? undefined
      : async () => toAttempt(await world.thief.use({ accessToken, storage })),
    refreshToken === undefined ? undefined : () => refreshAndUse(world, { refreshToken, storage }),
    cookies === undefined
      ? undefined
      : async () => toAttempt(await world.thief.useOrRefresh({ cookies, storage })),
  ];
  let attempt: Attempt = { result: 'refused', decidedBy: null };
  for (const attemptWith of tries) {
    if (attemptWith === undefined || attempt.result === 'success') continue;
    attempt = await attemptWith();
  }
  return attempt;
}

async function readConfiguration(world: World, wait: Seconds): Promise<Attempt> {
  await world.alice.call('/accounts');
  const where = "bank A's configuration";
  const isSecret = world.protections.some(({ secret }) => secret !== undefined);
  const value = isSecret
    ? 'the secret that tokens are checked with'
    : "the issuer's public key, which is no secret";
  world.recorder.loot([{ kind: 'server secret', where, value }]);
  await world.wait(wait, 'the thief takes his time');
  let attempt: Attempt = { result: 'refused', decidedBy: null };
  for (const { how, token } of await forgeWithConfiguration(world)) {
    world.recorder.say('thief', `He sends a token that he has made himself, ${how}.`);
    attempt = toAttempt(await world.thief.use({ accessToken: token }));
    if (attempt.result === 'success') break;
  }
  return attempt;
}

/** From the leak until the issuer has a new key. */
const noticedAfter: Seconds = 60;

async function stealSigningKey(world: World, wait: Seconds): Promise<Attempt> {
  await world.alice.call('/accounts');
  const { privateKey, kid } = world.issuer.signingKey;
  const secret = world.protections.find((each) => each.secret !== undefined)?.secret?.();
  const items: LootItem[] = [{ kind: 'server secret', where: 'the issuer', value: `the signing key ${kid}` }];
  world.recorder.loot(items);
  if (wait < noticedAfter) await world.wait(wait, 'the thief takes his time');
  else {
    await world.wait(noticedAfter, 'the leak is noticed');
    await world.issuer.rotate();
    world.recorder.say('issuer', 'The issuer signs with a new key, and publishes the old one no longer.');
    await aliceGoesOn(world, wait - noticedAfter);
  }
  const claims = await claimsForAlice(world);
  const forged =
    secret === undefined ? signEs256(claims, kid, privateKey) : signHs256(claims, 'shared-1', secret);
  return toAttempt(await world.thief.use({ accessToken: await forged }));
}

export const keyThefts: readonly Theft[] = [
  {
    id: 'T26',
    slug: 'as-db',
    title: "Issuer's database read",
    group,
    ability: 'Read the tables of the issuer and the session store of the bank.',
    loot: ['refresh token', 'access token', 'cookies'],
    steps: [
      "The thief copies what is stored about Alice: refresh token, opaque token, session id, the password's hash.",
      'He sends it as it is stored, and refreshes with a key of his own.',
    ],
    why: 'What is stored must not be what is sent: a hash, or something bound to a key that is not in the table.',
    aim: 'access',
    timed: true,
    run: readDatabase,
  },
  {
    id: 'T27',
    slug: 'rs-key',
    title: 'Verification key of a server read',
    group,
    ability: 'Read the configuration of one bank node.',
    loot: ['server secret'],
    steps: [
      'The thief reads what bank A checks tokens with.',
      'He writes a token for Alice as an administrator, bound to his own key: signed with what he found, unsigned, and signed by himself.',
      'He sends all three.',
    ],
    why: 'Whoever only checks tokens must not be able to make one: a key pair, and a server that fixes the algorithm.',
    aim: 'access',
    timed: true,
    run: readConfiguration,
  },
  {
    id: 'T28',
    slug: 'as-key',
    title: "Issuer's signing key leaked",
    group,
    ability: 'Sign as the issuer.',
    loot: ['server secret'],
    steps: [
      "The thief copies the issuer's private key. A minute later this is noticed, and the issuer changes its key.",
      'Alice goes on using the bank.',
      'The thief signs a token for Alice with the old key, bound to a key of his own.',
    ],
    why: 'The old key works until each server has forgotten it: how long it keeps the keys that it fetched decides.',
    aim: 'access',
    timed: true,
    run: stealSigningKey,
  },
];
