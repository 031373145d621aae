import type { Loot } from '../engine/loot.ts';
import type { World } from '../engine/world.ts';
import type { Seconds } from '../model.ts';
import { type Attempt, type Theft, toAttempt } from '../theft.ts';
import { readTokenInLog } from './log-reading.ts';
import { copyBrowser, showLoot } from './sightings.ts';

/** Thefts of a token that outlives what it was issued for: a sign-in, a password, a right. */

/** With the token from the log; where the browser carries it in a cookie, with a copy of the jar. */
async function keepOver(world: World, wait: Seconds, happening: () => Promise<void>): Promise<Attempt> {
  const loot = (await readTokenInLog(world)) ?? (await copyJar(world));
  await happening();
  await world.wait(wait, 'the thief takes his time');
  world.recorder.say('thief', 'He uses what he has kept.');
  const use = await world.thief.use(loot);
  world.recorder.say('alice', 'Alice signs in again, as anybody would.');
  await world.alice.login();
  return toAttempt(use);
}

async function copyJar(world: World): Promise<Loot> {
  const { cookies } = copyBrowser(world);
  showLoot(world, "the cookie jar on Alice's disk", { cookies });
  return { cookies };
}

function keepOverLogout(world: World, wait: Seconds): Promise<Attempt> {
  return keepOver(world, wait, async () => {
    world.recorder.say('alice', 'Alice signs out.');
    await world.alice.logout();
  });
}

function keepOverPassword(world: World, wait: Seconds): Promise<Attempt> {
  return keepOver(world, wait, async () => {
    world.recorder.say('alice', 'Alice changes her password.');
    await world.alice.changePassword();
  });
}

/** Nobody else's token this time: who has lost the right still holds the token that was issued before. */
async function keepRight(world: World, wait: Seconds): Promise<Attempt> {
  const { alice, issuer, recorder } = world;
  recorder.say('alice', 'Alice, an administrator, looks at her accounts.');
  await alice.call('/accounts');
  recorder.say('issuer', 'Alice is made an ordinary user.');
  const user = issuer.users.get('alice');
  if (user !== undefined) user.role = 'user';
  showLoot(world, 'her own browser', { accessToken: alice.storage.get('access_token') });
  await world.wait(wait, 'she keeps the token that she has');
  recorder.say('alice', 'She asks for the administration with her older token, and renews nothing.');
  const { status, headers, body } = await alice.callOnce('/admin');
  const { decidedBy = null } = recorder.find(Number(headers.get('lab-exchange'))) ?? {};
  return toAttempt({ success: status === 200 && body.includes(world.canary), decidedBy });
}

const inGroup = { group: 'The token alone', aim: 'access', timed: true } as const;

export const keptTokens: readonly Theft[] = [
  {
    ...inGroup,
    id: 'T38',
    slug: 'after-logout',
    title: 'Token kept over a sign-out',
    ability: 'Read one Authorization header; where there is none, copy the cookie jar.',
    loot: ['access token', 'cookies'],
    steps: [
      'The thief copies the token, or the cookie that stands for it.',
      'Alice signs out.',
      'The thief uses what he has kept.',
    ],
    why: 'A token that nobody looks up lives until it expires; signing out has to reach the servers that check it.',
    run: keepOverLogout,
  },
  {
    ...inGroup,
    id: 'T39',
    slug: 'after-password',
    title: 'Token kept over a new password',
    ability: 'Read one Authorization header; where there is none, copy the cookie jar.',
    loot: ['access token', 'cookies'],
    steps: [
      'The thief copies the token, or the cookie that stands for it.',
      'Alice changes her password.',
      'The thief uses what he has kept.',
    ],
    why: 'A token does not know of passwords: a server must compare its date with the change, or look it up.',
    run: keepOverPassword,
  },
  {
    ...inGroup,
    id: 'T40',
    slug: 'stale-right',
    title: 'Right used after it was taken away',
    ability: 'Hold a token from the time before.',
    loot: ['access token'],
    steps: [
      'Alice is an administrator, and her token says so.',
      'The right is taken from her.',
      'She goes to the administration with the token that she still has.',
    ],
    why: 'The token is genuine, and hers: only a server that looks rights up at each request sees that they are gone.',
    run: keepRight,
  },
];
