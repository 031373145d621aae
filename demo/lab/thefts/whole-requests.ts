import type { CapturedRequest } from '../engine/loot.ts';
import type { Target } from '../engine/thief.ts';
import type { World } from '../engine/world.ts';
import type { Seconds } from '../model.ts';
import { type Attempt, type Theft, toAttempt } from '../theft.ts';
import { mailThefts } from './hostile-server.ts';
import { readAccessLog, toText } from './observation.ts';
import { proxyThefts, wireThefts } from './on-the-way.ts';
import { sendTwice, turn } from './resending.ts';
import { lastRequest } from './sightings.ts';
import { hasReceived, order } from './transfers.ts';

/** Thefts of a whole request: every header of it, proof and cookies included. */

const group = 'Whole requests';

/** Alice's request as a debug log of the bank, or a HAR file of hers, shows it. */
async function copyRequest(world: World, path: string): Promise<CapturedRequest> {
  world.recorder.say('alice', 'Alice looks at her accounts.');
  await world.alice.call(path);
  const { number } = readAccessLog(world);
  const request = lastRequest(world);
  const where = `entry ${number} of bank A's debug log`;
  world.recorder.loot([{ kind: 'whole request', where, value: toText(request) }]);
  world.recorder.say('thief', `He copies every header of ${where}.`);
  return request;
}

async function replay(world: World, wait: Seconds, path: string, target: Target): Promise<Attempt> {
  const request = await copyRequest(world, path);
  await world.wait(wait, 'the thief takes his time');
  return toAttempt(await world.thief.replay(request, target));
}

async function replayAsTransfer(world: World, wait: Seconds): Promise<Attempt> {
  const request = await copyRequest(world, '/accounts');
  await world.wait(wait, 'the thief takes his time');
  world.recorder.say('thief', 'He puts the headers over an order of his own: 900 to Mallory.');
  const transfer = turn(request, { method: 'POST', path: '/transfer', body: order('mallory', 900) });
  const { decidedBy } = await sendTwice(world, transfer, () => hasReceived(world, 'mallory'));
  return toAttempt({ success: hasReceived(world, 'mallory'), decidedBy });
}

const inGroup = { group, aim: 'access', timed: true, loot: ['whole request'] } as const;

const replays: readonly Theft[] = [
  {
    ...inGroup,
    id: 'T02',
    slug: 'replay-same',
    title: 'Same request again',
    ability: 'Read all headers of one request: a HAR file, a debug log, a proxy where TLS ends.',
    steps: [
      'Alice looks at her accounts.',
      'The thief copies every header of that request.',
      'He sends the same request again.',
    ],
    why: 'Every byte is right, so only remembering that it was used before, or a place in the network, stops it.',
    run: (world, wait) => replay(world, wait, '/accounts', {}),
  },
  {
    ...inGroup,
    id: 'T03',
    slug: 'replay-other',
    title: 'Headers put over another request',
    ability: 'Read all headers of one request.',
    steps: [
      'Alice looks at her accounts.',
      'The thief copies every header of that request.',
      'He sends them with an order of his own: a transfer to Mallory.',
    ],
    why: 'A proof that names method and address fits no other request; a token, a cookie or a time stamp fits all.',
    run: replayAsTransfer,
  },
  {
    ...inGroup,
    id: 'T04',
    slug: 'replay-url',
    title: 'Headers sent to another address',
    ability: 'Read all headers of one request.',
    steps: [
      'Alice looks at her accounts.',
      'The thief copies every header of that request.',
      'He asks for her profile with them, by the same method.',
    ],
    why: 'The address in the proof is another one; and the proof has been used before.',
    run: (world, wait) => replay(world, wait, '/accounts', { path: '/profile' }),
  },
  {
    ...inGroup,
    id: 'T05',
    slug: 'replay-query',
    title: 'Headers sent with another query',
    ability: 'Read all headers of one request.',
    steps: [
      'Alice looks at account 1.',
      'The thief copies every header of that request.',
      'He asks for account 2 with them.',
    ],
    why: 'A proof does not cover the query, so its single use has to be counted without the query too.',
    run: (world, wait) => replay(world, wait, '/accounts?id=1', { path: '/accounts?id=2' }),
  },
];

export const requestThefts: readonly Theft[] = [...replays, ...proxyThefts, ...mailThefts, ...wireThefts];
