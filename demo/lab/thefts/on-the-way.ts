import type { CapturedRequest } from '../engine/loot.ts';
import type { World } from '../engine/world.ts';
import type { Seconds } from '../model.ts';
import { type Attempt, type Theft, toAttempt } from '../theft.ts';
import { isTls, readRequests, toText } from './observation.ts';
import { sendTwice, turn } from './resending.ts';
import { hasReceived, order } from './transfers.ts';

/** Thefts between Alice and the bank: by a proxy that turns hostile, and by whoever listens on the wire. */

const group = 'Whole requests';

/** A request that never arrived: Alice's client is up to date, nonce and all, and then the proxy keeps one back. */
async function holdBack(world: World): Promise<CapturedRequest> {
  const { alice, proxy, recorder } = world;
  recorder.say('alice', 'Alice looks at her accounts.');
  await alice.call('/accounts');
  proxy.hold();
  alice.route = 'proxy';
  recorder.say('proxy', 'The proxy keeps her next request back.');
  await alice.callOnce('/accounts');
  alice.route = 'bank-a';
  const request = proxy.held.at(-1);
  if (request === undefined) throw new Error('the proxy has seen no request to keep back');
  recorder.loot([
    { kind: 'whole request', where: 'the proxy, which never sent it on', value: toText(request) },
  ]);
  return request;
}

/** Delivers what was held back, as it is or turned into something else. */
async function deliver(world: World, wait: Seconds, changes: Partial<CapturedRequest>): Promise<Attempt> {
  const request = await holdBack(world);
  await world.wait(wait, 'the request is kept back');
  const { method, path } = { ...request, ...changes };
  world.recorder.say('thief', `He delivers it as ${method} ${path}: its first use.`);
  return toAttempt(await sendTwice(world, turn(request, changes)));
}

async function tamper(world: World): Promise<Attempt> {
  const { alice, proxy, recorder } = world;
  proxy.tamper((request) => (request.path === '/transfer' ? changeOrder(world, request) : request));
  alice.route = 'proxy';
  recorder.say('alice', 'Alice sends 10 to Bob.');
  await alice.callOnce('/transfer', { method: 'POST', body: order('bob', 10) });
  alice.route = 'bank-a';
  const { decidedBy = null } = recorder.exchanges().findLast(({ from }) => from === 'proxy') ?? {};
  return toAttempt({ success: hasReceived(world, 'mallory'), decidedBy });
}

function changeOrder({ recorder }: World, request: CapturedRequest): CapturedRequest {
  recorder.loot([{ kind: 'whole request', where: 'the proxy, on its way', value: toText(request) }]);
  recorder.say('proxy', 'The proxy makes that 900 to Mallory, and leaves all headers as they are.');
  return { ...request, body: order('mallory', 900) };
}

async function listen(world: World, wait: Seconds): Promise<Attempt> {
  const { alice, network, recorder } = world;
  network.takeTapped(); // what somebody else may have left there
  alice.route = 'tap';
  recorder.say('alice', 'Alice looks at her accounts, over a wire that somebody listens on.');
  await alice.call('/accounts');
  alice.route = 'bank-a';
  const bytes = network.takeTapped();
  const request = readRequests(bytes).findLast(({ path }) => path === '/accounts');
  if (request === undefined) return nothingReadable(world, bytes);
  const where = `${bytes.length} bytes from the wire`;
  recorder.loot([{ kind: 'whole request', where, value: toText(request) }]);
  await world.wait(wait, 'the thief takes his time');
  return toAttempt(await world.thief.replay(request));
}

/** He has the bytes, but they say nothing to him. */
function nothingReadable({ recorder }: World, bytes: Buffer): Attempt {
  if (!isTls(bytes)) throw new Error(`${bytes.length} bytes went over the wire, and no request is in them`);
  const [kind, where] = ['whole request', `${bytes.length} bytes from the wire`] as const;
  recorder.loot([{ kind, where, value: null, outOfReach: 'TLS: the bytes are encrypted' }]);
  const text = 'He would have to read the request to send it again.';
  recorder.note('cannot', { to: 'bank-a', missing: 'the keys of the TLS connection', text });
  return { result: 'refused', decidedBy: 'tls' };
}

const inGroup = { group, aim: 'access', timed: true, loot: ['whole request'] } as const;

export const proxyThefts: readonly Theft[] = [
  {
    ...inGroup,
    id: 'T06',
    slug: 'hold',
    title: 'Request held back, delivered later',
    ability: 'Run a proxy that keeps a request back.',
    steps: [
      'Alice asks for her accounts; the request goes to a hostile proxy, and no further.',
      'Alice sees an error, and thinks nothing of it.',
      'Later the thief delivers the request: it has never been used.',
    ],
    why: 'Nobody has seen this request before, so only its age gives it away: a short window, a nonce.',
    run: (world, wait) => deliver(world, wait, {}),
  },
  {
    ...inGroup,
    id: 'T43',
    slug: 'hold-method',
    title: 'Held request, another method',
    ability: 'Run a proxy that keeps a request back.',
    steps: [
      "A hostile proxy keeps Alice's request for her accounts back.",
      'The thief delivers it to the same address by another method: DELETE.',
    ],
    why: 'An unused proof for the same address: only the method in it (htm) tells the two apart.',
    run: (world, wait) => deliver(world, wait, { method: 'DELETE' }),
  },
  {
    ...inGroup,
    id: 'T44',
    slug: 'hold-url',
    title: 'Held request, another address',
    ability: 'Run a proxy that keeps a request back.',
    steps: [
      "A hostile proxy keeps Alice's request for her accounts back.",
      'The thief delivers it by the same method to another address: her profile.',
    ],
    why: 'An unused proof by the same method: only the address in it (htu) tells the two apart.',
    run: (world, wait) => deliver(world, wait, { path: '/profile' }),
  },
  {
    ...inGroup,
    id: 'T07',
    slug: 'tamper',
    title: 'Body changed on the way',
    ability: 'Run a proxy that changes what passes through.',
    steps: [
      'Alice orders a transfer of 10 to Bob.',
      'A hostile proxy makes it 900 to Mallory, and touches nothing else.',
      'The bank receives it from the proxy, as it receives all requests.',
    ],
    why: 'A proof covers method, address and token, but not the body: that takes a digest in it, or TLS to the end.',
    timed: false,
    run: tamper,
  },
];

export const wireThefts: readonly Theft[] = [
  {
    ...inGroup,
    id: 'T25',
    slug: 'wire',
    title: 'Listening on the wire',
    ability: 'Read the bytes between Alice and the bank.',
    steps: [
      'Alice looks at her accounts over a network that somebody else listens on.',
      'The thief looks for an HTTP request in the bytes.',
      'He sends the request again.',
    ],
    why: 'TLS leaves nothing to read on the wire; without it, single use is what stops the copy.',
    run: listen,
  },
];
