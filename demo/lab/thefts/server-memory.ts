import type { CapturedRequest } from '../engine/loot.ts';
import type { World } from '../engine/world.ts';
import type { Seconds } from '../model.ts';
import { days, minutes } from '../profile.ts';
import { type Attempt, type Theft, toAttempt } from '../theft.ts';
import { toText } from './observation.ts';
import { lastRequest } from './sightings.ts';

/** Replays where the memory of the server fails: its clock, its size, its restart, its twin, its haste. */

const group = 'Servers, keys, clocks, stores';

/** One request of Alice's that bank A accepts, and the thief copies on its way. */
async function capture(world: World): Promise<CapturedRequest> {
  await world.alice.call('/accounts');
  const request = lastRequest(world);
  showRequest(world, 'a debug log in front of bank A', request);
  return request;
}

function showRequest({ recorder }: World, where: string, request: CapturedRequest): void {
  recorder.loot([{ kind: 'whole request', where, value: toText(request) }]);
}

async function setClockBack(world: World): Promise<Attempt> {
  const captured = world.clock.now();
  const request = await capture(world);
  const life = Math.min(world.profile.settings.accessTokenLife, days(3));
  await world.wait(2 * life + minutes(10), 'what bank A remembers of the request runs out');
  await world.alice.call('/accounts');
  world.recorder.say('thief', "He sets bank A's clock back to a second after the request.");
  world.clock.setOffset('bank-a', captured + 1 - world.clock.now());
  const use = await world.thief.replay(request);
  world.clock.setOffset('bank-a', 0); // else Alice would be refused for the clock, whatever the mitigation
  return toAttempt(use);
}

/** More than the memory has room for. */
const flood = 230;

async function floodMemory(world: World): Promise<Attempt> {
  await world.mallory.login();
  const request = await capture(world);
  if (world.profile.settings.dpop !== undefined) await sendFlood(world);
  return toAttempt(await world.thief.replay(request));
}

/** Every one is in order, and made with Mallory's own key; where she is told to stop, more of them change nothing. */
async function sendFlood(world: World): Promise<void> {
  world.recorder.say('mallory', `Mallory sends up to ${flood} requests, each with a proof of her own.`);
  for (let sent = 0; sent < flood; sent++) {
    const { status } = await world.mallory.call('/accounts');
    if (status !== 200 && sent === 0) throw new Error('Mallory could not send anything');
    if (status !== 200) return;
  }
}

async function restartServer(world: World): Promise<Attempt> {
  const request = await capture(world);
  world.recorder.say('bank-a', 'Bank A is restarted, and forgets what it kept by itself.');
  world.restart('bank-a');
  await world.wait(2, 'bank A starts');
  return toAttempt(await world.thief.replay(request));
}

async function goToOtherNode(world: World): Promise<Attempt> {
  const request = await capture(world);
  await world.wait(1, 'the thief turns to the other node');
  return toAttempt(await world.thief.replay(request, { to: 'bank-b' }));
}

const copies = 20;

async function sendAtOnce(world: World): Promise<Attempt> {
  await world.alice.call('/accounts');
  const request = await world.alice.prepare('/accounts');
  showRequest(world, 'a proxy that holds it back', request);
  const uses = await Promise.all(Array.from({ length: copies }, () => world.thief.replay(request)));
  const accepted = uses.filter(({ success }) => success).length;
  world.recorder.say('bank-a', `Of ${copies} copies it accepted ${accepted}.`);
  if (accepted > 1) return { result: 'success', decidedBy: null };
  const refused = uses.find(({ success }) => !success);
  return { result: 'refused', decidedBy: refused?.decidedBy ?? null };
}

/** Where there are no proofs: as long as with the base of those that have. */
const ordinary = { maxAge: minutes(5), futureSkew: 5 } as const;

async function waitForGap(world: World): Promise<Attempt> {
  const { maxAge, futureSkew }: { maxAge: Seconds; futureSkew: Seconds } =
    world.profile.settings.dpop ?? ordinary;
  world.recorder.say('alice', `Alice's clock is ${futureSkew} s fast, which the bank still takes.`);
  world.clock.setOffset('alice', futureSkew);
  const request = await capture(world);
  await world.wait(maxAge + futureSkew - 2, 'the window passes, but for two seconds');
  return toAttempt(await world.thief.replay(request));
}

export const memoryThefts: readonly Theft[] = [
  {
    id: 'T29',
    slug: 'clock-back',
    title: "Server's clock set back",
    group,
    ability: "Copy one whole request, and move bank A's clock later.",
    loot: ['whole request'],
    steps: [
      'The thief copies a request of Alice on its way.',
      'He waits until the bank has long forgotten it, and sets the clock of bank A back to that moment.',
      'He sends the request again: for bank A it is fresh.',
    ],
    why: 'Nothing in the request is wrong at that time: the server must remember the highest time that it has seen.',
    aim: 'access',
    timed: false,
    run: setClockBack,
  },
  {
    id: 'T30',
    slug: 'jti-flood',
    title: 'Replay memory flooded',
    group,
    ability: 'Copy one whole request, and have an account at the bank.',
    loot: ['whole request'],
    steps: [
      'The thief copies a request of Alice on its way.',
      `With his own account he sends up to ${flood} valid requests; the memory has room for 200.`,
      "He sends Alice's request again, hoping that it was pushed out.",
    ],
    why: 'A memory that forgets must say so: it keeps a floor, refuses when it is full, or gives each key its share.',
    aim: 'access',
    timed: false,
    run: floodMemory,
  },
  {
    id: 'T31',
    slug: 'restart',
    title: 'Replay after a restart',
    group,
    ability: 'Copy one whole request, and wait for a deployment.',
    loot: ['whole request'],
    steps: [
      'The thief copies a request of Alice on its way.',
      'Bank A is restarted.',
      'Two seconds later he sends the request again.',
    ],
    why: 'A memory in the process is empty after a restart: it must outlive the process, or take nothing older than itself.',
    aim: 'access',
    timed: false,
    run: restartServer,
  },
  {
    id: 'T32',
    slug: 'other-node',
    title: 'Replay at the other node',
    group,
    ability: 'Copy one whole request, and reach both nodes of the bank.',
    loot: ['whole request'],
    steps: [
      'The thief copies a request of Alice on its way to bank A.',
      'A second later he sends it to bank B, which answers for the same address.',
    ],
    why: 'Both nodes are the same address to a proof, so both must share one memory of what was used.',
    aim: 'access',
    timed: false,
    run: goToOtherNode,
  },
  {
    id: 'T34',
    slug: 'parallel',
    title: 'Twenty copies at once',
    group,
    ability: 'Hold one request of Alice back on its way.',
    loot: ['whole request'],
    steps: [
      'A request of Alice is held back before it arrives.',
      'The thief sends twenty copies of it at the same moment.',
      'One of them is the first use; he has won if a second one is accepted too.',
    ],
    why: 'Looking and storing must be one step: between two steps others get through.',
    aim: 'access',
    timed: false,
    run: sendAtOnce,
  },
  {
    id: 'T35',
    slug: 'ttl-gap',
    title: 'Replay in the last two seconds',
    group,
    ability: 'Copy one whole request of a client whose clock is fast.',
    loot: ['whole request'],
    steps: [
      "Alice's clock is ahead by as much as the bank allows, so her proof lives for longer than others.",
      'The thief copies her request, and waits until two seconds before the proof dies.',
      'He sends it again, hoping that the memory counted from its arrival.',
    ],
    why: 'A use must be remembered until the proof itself is dead, and not for a fixed time.',
    aim: 'access',
    timed: false,
    run: waitForGap,
  },
];
