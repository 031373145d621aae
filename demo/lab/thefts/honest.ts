import type { Answer } from '../engine/customer.ts';
import { addresses, type World } from '../engine/world.ts';
import { days } from '../profile.ts';
import type { HonestAttempt, HonestTest } from '../theft.ts';

/** What honest people do every day, and what no protection may punish them for. */

const fine: HonestAttempt = { result: 'fine', decidedBy: null };

/** An ordinary request, and what Alice does when she is asked something. */
async function ordinaryRequest(world: World): Promise<HonestAttempt> {
  return toHonest(world, await world.alice.call('/accounts'));
}

function toHonest(world: World, { status, body }: Answer): HonestAttempt {
  if (status === 200 && body.includes(world.canary)) return fine;
  return refused(world);
}

/** What refused her last, if need be behind the proxy. */
function refused({ recorder }: World): HonestAttempt {
  const own = recorder.exchanges().filter(({ from }) => from === 'alice' || from === 'proxy');
  return {
    result: 'refused',
    decidedBy: own.findLast(({ decidedBy }) => decidedBy !== null)?.decidedBy ?? null,
  };
}

async function changeAddress(world: World, address: string): Promise<HonestAttempt> {
  await world.alice.call('/accounts');
  world.alice.address = address;
  return ordinaryRequest(world);
}

/** Until the access token that Alice has now is of no use any more: then it shows whether she can still refresh. */
async function outliveToken(world: World): Promise<void> {
  const life = Math.min(world.profile.settings.accessTokenLife, days(1));
  await world.wait(life + 1, 'the access token runs out');
}

function nothingToRefresh({ alice, profile }: World): boolean {
  return profile.settings.carriedBy === 'header' && !alice.storage.has('refresh_token');
}

const noRefreshTokens: HonestAttempt = {
  result: 'void',
  decidedBy: null,
  note: 'there are no refresh tokens',
};

/** Both tabs read the one storage before either has an answer. */
async function refreshInTwoTabs(world: World): Promise<HonestAttempt> {
  if (nothingToRefresh(world)) return noRefreshTokens;
  world.recorder.say('alice', 'Two tabs refresh at the same moment.');
  await Promise.all([world.alice.refresh(), world.alice.refresh()]);
  await outliveToken(world);
  return ordinaryRequest(world);
}

const fast = 120;

/** From signing in onwards: the token endpoint looks at the time as well. */
async function useFastClock(world: World): Promise<HonestAttempt> {
  world.clock.setOffset('alice', fast);
  const { status } = await world.alice.redeem(await world.alice.authorize());
  return status === 200 ? ordinaryRequest(world) : refused(world);
}

async function useBothNodes(world: World): Promise<HonestAttempt> {
  for (let call = 0; call < 20; call++) {
    world.alice.route = call % 2 === 0 ? 'bank-a' : 'bank-b';
    const attempt = await ordinaryRequest(world);
    if (attempt.result !== 'fine') return attempt;
  }
  return fine;
}

async function meetRestart(world: World): Promise<HonestAttempt> {
  await world.alice.call('/accounts');
  world.restart('bank-a');
  await world.wait(2, 'bank A starts');
  return ordinaryRequest(world);
}

async function loseAnswer(world: World): Promise<HonestAttempt> {
  await world.alice.call('/accounts');
  world.recorder.say('alice', 'The answer is lost on its way, and the same bytes are sent again.');
  world.alice.losesAnswers = true;
  const attempt = await ordinaryRequest(world);
  world.alice.losesAnswers = false;
  return attempt;
}

/** Longer than any grace: a time-out, and a train in a tunnel. */
const tunnel = 30;

async function loseRefreshAnswer(world: World): Promise<HonestAttempt> {
  if (nothingToRefresh(world)) return noRefreshTokens;
  const { alice, origins } = world;
  const storage = new Map(alice.storage);
  const cookies = await alice.jar.getCookies(origins.bank);
  await alice.refresh();
  world.recorder.say('alice', 'The answer is lost: her browser has what it had before.');
  for (const [name, value] of storage) alice.storage.set(name, value);
  for (const cookie of cookies) await alice.jar.setCookie(cookie, origins.bank);
  await world.wait(tunnel, 'no connection');
  await alice.refresh();
  await outliveToken(world);
  return ordinaryRequest(world);
}

/** The inner side has the other scheme: what the server sees of its own socket is not what Alice sees. */
async function passProxy(world: World): Promise<HonestAttempt> {
  world.proxy.innerScheme = world.scheme === 'https' ? 'http' : 'https';
  world.alice.route = 'proxy';
  return ordinaryRequest(world);
}

export const honestTests: readonly HonestTest[] = [
  {
    id: 'H01',
    slug: 'wifi-to-mobile',
    title: 'From Wi-Fi to mobile',
    steps: [
      'Alice uses the bank at home.',
      'On the bus her phone has another address, in the same country.',
      'She looks at her accounts.',
    ],
    complaint: 'I only took the bus, and the bank no longer knows me.',
    run: (world) => changeAddress(world, addresses.mobile),
  },
  {
    id: 'H02',
    slug: 'abroad',
    title: 'Abroad',
    steps: [
      'Alice uses the bank at home.',
      'Then she is in another country, with an address from there.',
      'She looks at her accounts.',
    ],
    complaint: 'I am on holiday, and just now I cannot get at my money.',
    run: (world) => changeAddress(world, addresses.abroad),
  },
  {
    id: 'H03',
    slug: 'two-tabs',
    title: 'Two tabs refresh at once',
    steps: [
      'Alice has the bank open in two tabs, which share one storage.',
      'Both refresh at the same moment.',
      'When the new token has run out, she looks at her accounts.',
    ],
    complaint: 'I had two tabs open. Is that a crime?',
    run: refreshInTwoTabs,
  },
  {
    id: 'H04',
    slug: 'fast-clock',
    title: 'Clock two minutes fast',
    steps: ["The clock of Alice's computer is two minutes fast.", 'She signs in, and looks at her accounts.'],
    complaint: 'My clock is two minutes fast, and nobody tells me that this is the reason.',
    run: useFastClock,
  },
  {
    id: 'H05',
    slug: 'two-nodes',
    title: 'Twenty requests over two nodes',
    steps: ['Alice makes twenty requests.', 'They go to bank A and to bank B in turn.'],
    complaint: 'Every other click fails.',
    run: useBothNodes,
  },
  {
    id: 'H06',
    slug: 'restart',
    title: 'Restart in mid-session',
    steps: ['Alice uses the bank.', 'Bank A is restarted.', 'She looks at her accounts.'],
    complaint: 'I was in the middle of something, and now I am out.',
    run: meetRestart,
  },
  {
    id: 'H07',
    slug: 'resend',
    title: 'The same bytes again',
    steps: [
      "The answer to Alice's request is lost on its way.",
      'The layer below her client sends the very same bytes again.',
    ],
    complaint: 'The network failed for a moment, and I am treated as a thief.',
    run: loseAnswer,
  },
  {
    id: 'H08',
    slug: 'lost-refresh',
    title: 'Answer to a refresh lost',
    steps: [
      'Alice refreshes, and the answer is lost in a tunnel.',
      'Half a minute later her client refreshes again, with what it still has.',
      'When the new token has run out, she looks at her accounts.',
    ],
    complaint: 'The train was in a tunnel, and now I have to sign in again.',
    run: loseRefreshAnswer,
  },
  {
    id: 'H09',
    slug: 'proxy',
    title: 'Behind a proxy',
    steps: [
      "Alice's request reaches the bank through a proxy.",
      'The proxy ends her connection, and goes on with another scheme: what the server sees is not the address that she called.',
      'She looks at her accounts.',
    ],
    complaint: 'I did everything right, and the bank says that my proof is for another address.',
    run: passProxy,
  },
];
