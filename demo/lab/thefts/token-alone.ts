import type { Loot } from '../engine/loot.ts';
import { Thief, type Use } from '../engine/thief.ts';
import type { World } from '../engine/world.ts';
import type { Seconds } from '../model.ts';
import { type Attempt, type Theft, toAttempt } from '../theft.ts';
import { keptTokens } from './kept-tokens.ts';
import { inLog, readTokenInLog, type TokenLoot } from './log-reading.ts';
import { showWhatIsMissing } from './observation.ts';
import { sendTwice } from './resending.ts';
import { copyStorage, hiddenBecause, outOfReach, showLoot } from './sightings.ts';

/** Thefts of an access token alone: the value of one `Authorization` header, and nothing of what came with it. */

const group = 'The token alone';
const inStorage = "the page's storage";

function notInLog(world: World): Attempt {
  return outOfReach(world, 'access token', inLog, hiddenBecause(world));
}

/** What there is to use after the log was read, and how it is used. */
type Using = (loot: TokenLoot) => Promise<Use>;

async function useFromLog(world: World, wait: Seconds, use: Using): Promise<Attempt> {
  const loot = await readTokenInLog(world);
  if (loot === undefined) return notInLog(world);
  await world.wait(wait, 'the thief takes his time');
  return toAttempt(await use(loot));
}

async function useCopiedStorage(world: World, wait: Seconds): Promise<Attempt> {
  world.recorder.say('alice', 'Alice looks at her accounts.');
  await world.alice.call('/accounts');
  const loot = copyStorage(world);
  if (loot.accessToken === undefined)
    return outOfReach(world, 'access token', inStorage, hiddenBecause(world));
  showLoot(world, inStorage, loot);
  world.recorder.say(
    'thief',
    'His script sends local storage and all cookies that it can read to his own machine.',
  );
  showWhatIsMissing(world, loot.accessToken);
  await world.wait(wait, 'the thief takes his time');
  return toAttempt(await world.thief.use(loot));
}

function useFromAlicesNetwork(world: World, wait: Seconds): Promise<Attempt> {
  const neighbour = new Thief(world, world.alice.address);
  return useFromLog(world, wait, (loot) => {
    world.recorder.say(
      'thief',
      `He sits behind the same router: the bank sees Alice's address, ${neighbour.address}.`,
    );
    return neighbour.use(loot);
  });
}

function claimAlicesAddress(world: World, wait: Seconds): Promise<Attempt> {
  const { address } = world.alice;
  return useFromLog(world, wait, (loot) => {
    world.recorder.say('thief', `He writes Alice's address into X-Forwarded-For: ${address}.`);
    return world.thief.use(loot, { headers: [['x-forwarded-for', address]] });
  });
}

async function answerChallenge(world: World, wait: Seconds): Promise<Attempt> {
  const loot = await readTokenInLog(world);
  if (loot === undefined) return notInLog(world);
  const first = await world.thief.use(loot);
  if (isChallenge(first)) await stepUp(world, loot, first);
  await world.wait(wait, 'the thief takes his time');
  return toAttempt(await world.thief.use(loot));
}

function isChallenge({ status, body }: Use): boolean {
  return status === 403 && body.includes('challenge');
}

/** A thief is human. A password he has to guess. */
async function stepUp(world: World, loot: Loot, { body }: Use): Promise<void> {
  const asksPassword = body.includes('password');
  const told = asksPassword
    ? 'He is asked for the password, and guesses.'
    : 'He solves the CAPTCHA: he is human.';
  world.recorder.say('thief', told);
  const answer = { captcha: 'a human was here', ...(asksPassword ? { password: 'a wrong guess' } : {}) };
  await world.thief.use(loot, { method: 'POST', path: '/stepup', body: JSON.stringify(answer) });
}

function sendAsBearer(world: World, wait: Seconds): Promise<Attempt> {
  const { host } = new URL(world.origins.bank);
  return useFromLog(world, wait, ({ accessToken }) => {
    world.recorder.say('thief', 'He sends the token under the scheme Bearer, without any proof.');
    const headers = [['host', host] as const, ['authorization', `Bearer ${accessToken}`] as const];
    return sendTwice(world, { method: 'GET', path: '/accounts', headers, body: null });
  });
}

const inGroup = { group, aim: 'access', timed: true } as const;

export const tokenThefts: readonly Theft[] = [
  {
    ...inGroup,
    id: 'T01',
    slug: 'log-token',
    title: 'Token in an access log',
    ability: 'Read one Authorization header in a log.',
    loot: ['access token'],
    steps: [
      'Alice looks at her accounts.',
      'Bank A writes her Authorization header into its access log.',
      'The thief reads that line, and later sends the token from his own machine.',
    ],
    why: 'Only what cannot be read in the token stops this: a key, a cookie, a place in the network.',
    run: (world, wait) => useFromLog(world, wait, (loot) => world.thief.use(loot)),
  },
  {
    ...inGroup,
    id: 'T09',
    slug: 'xss-storage',
    title: "Script copies the page's storage",
    ability: "Run script in the bank's page once, and send what it finds elsewhere.",
    loot: ['access token', 'cookies'],
    steps: [
      'Alice looks at her accounts.',
      'Injected script copies local storage, and the cookies that script can read.',
      'The thief uses them from his own machine.',
    ],
    why: 'What script can read, it can send away; only what stays behind helps: an HttpOnly cookie, a key, a session.',
    run: useCopiedStorage,
  },
  {
    ...inGroup,
    id: 'T21',
    slug: 'same-nat',
    title: "Token used behind Alice's own address",
    ability: "Read one Authorization header, and share Alice's public address.",
    loot: ['access token'],
    steps: [
      'The thief reads the token in the access log.',
      'He sends it from the café, office or mobile network where Alice is, with the same address as hers.',
    ],
    why: 'An address belongs to a network and not to a person, so no check of addresses can tell the two apart.',
    run: useFromAlicesNetwork,
  },
  {
    ...inGroup,
    id: 'T22',
    slug: 'xff-spoof',
    title: 'Token with a made-up address',
    ability: 'Read one Authorization header, and send any header.',
    loot: ['access token'],
    steps: [
      'The thief reads the token in the access log.',
      "He sends it from far away, with Alice's address in X-Forwarded-For.",
    ],
    why: 'Anybody can write X-Forwarded-For: it counts only where the proxy next to the server has set it.',
    run: claimAlicesAddress,
  },
  {
    ...inGroup,
    id: 'T23',
    slug: 'captcha',
    title: 'Token, and the challenge answered',
    ability: 'Read one Authorization header, and be human.',
    loot: ['access token'],
    steps: [
      'The thief reads the token in the access log, and uses it at once.',
      'Where the bank asks a question first, he solves the CAPTCHA, and guesses the password.',
      'Later he uses the token again.',
    ],
    why: 'A CAPTCHA tells people from machines, not Alice from the thief; what only Alice knows does.',
    run: answerChallenge,
  },
  {
    ...inGroup,
    id: 'T33',
    slug: 'scheme-downgrade',
    title: 'Bound token sent as Bearer',
    ability: 'Read one Authorization header.',
    loot: ['access token'],
    steps: [
      'The thief reads the token in the access log.',
      'He sends it as a plain bearer token, and leaves the proof out.',
    ],
    why: 'A token that names a key must never pass without a proof, whatever scheme it comes under.',
    run: sendAsBearer,
  },
  ...keptTokens,
];
