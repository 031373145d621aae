import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { playTheft } from '../../../demo/lab/engine/judge.ts';
import { type Network, openNetwork } from '../../../demo/lab/engine/network.ts';
import { refuse } from '../../../demo/lab/engine/refusal.ts';
import { openWorld, type World } from '../../../demo/lab/engine/world.ts';
import type { CheckId, LabEvent, Seat, Seconds } from '../../../demo/lab/model.ts';
import type { Profile, ProtectionMaker, Settings } from '../../../demo/lab/profile.ts';
import { baseDpop, createProfile } from '../../../demo/lab/profiles/base.ts';
import { liveRole } from '../../../demo/lab/protections/live-role.ts';
import type { Attempt, Theft } from '../../../demo/lab/theft.ts';
import { readRequests } from '../../../demo/lab/thefts/observation.ts';
import { tokenThefts } from '../../../demo/lab/thefts/token-alone.ts';
import { requestThefts } from '../../../demo/lab/thefts/whole-requests.ts';

/** Thefts of tokens and of whole requests, each under plain bearer tokens, under DPoP, and where they have nothing to find. */

interface Context {
  network: Network;
}

const test = suite<Context>('demo/lab/thefts-requests');

test.before(async (context) => {
  context.network = await openNetwork();
});

test.after(({ network }) => network.close());

const thefts: readonly Theft[] = [...tokenThefts, ...requestThefts];
const dpop: Partial<Settings> = { dpop: baseDpop };
const always: Partial<Settings> = { dpop: { ...baseDpop, noncePolicy: 'always' } };
const inCookie: Partial<Settings> = { carriedBy: 'cookie' };

function profileWith(settings: Partial<Settings>, protections: readonly ProtectionMaker[] = []): Profile {
  const texts = { title: 'T', story: 'S.', needs: 'N.', weak: 'W.' };
  const named = { id: 'X', slug: 'x', group: 'The token itself', ...texts } as const;
  return createProfile(named, settings, protections);
}

interface Try {
  readonly attempt: Attempt;
  readonly hurt: CheckId | null;
  readonly world: World;
}

async function play(
  network: Network,
  id: string,
  profile: Profile,
  wait: Seconds = 1,
  seat: Seat = 'elsewhere',
): Promise<Try> {
  const theft = thefts.find((each) => each.id === id) as Theft;
  const world = await openWorld({ profile, seat, network, time: 'world', keepEvents: true, without: [] });
  return playTheft(world, theft, wait);
}

/** `works`, the check that refused the thief, or `void`. */
function wordOf({ attempt }: Try): CheckId {
  if (attempt.result === 'refused') return attempt.decidedBy ?? 'nothing';
  return attempt.result === 'success' ? 'works' : 'void';
}

function eventsOf<T extends LabEvent['type']>(
  { world }: Try,
  type: T,
): readonly Extract<LabEvent, { type: T }>[] {
  return world.recorder.events.filter(
    (event): event is Extract<LabEvent, { type: T }> => event.type === type,
  );
}

/** What refuses each under DPoP with a shared memory; `works` where nothing does. */
const underDpop: Readonly<Record<string, CheckId>> = {
  T01: 'jkt',
  T09: 'jkt',
  T21: 'jkt',
  T22: 'jkt',
  T23: 'jkt',
  T33: 'scheme',
  T38: 'jkt',
  T39: 'jkt',
  T40: 'works',
  T02: 'jti',
  T03: 'htm',
  T04: 'htu',
  T05: 'jti',
  T06: 'works',
  T43: 'htm',
  T44: 'htu',
  T07: 'works',
  T08: 'htu',
  T45: 'htu',
  T25: 'jti',
};

test('tells of each theft what it takes, what happens and why', () => {
  assert.equal(
    thefts.map(({ id }) => id),
    Object.keys(underDpop),
  );
  assert.is(new Set(thefts.map(({ slug }) => slug)).size, thefts.length);
  for (const { id, steps, title, ability, why, loot } of thefts) {
    assert.ok(steps.length >= 2 && loot.length > 0, id);
    for (const sentence of [...steps, ability, why]) assert.match(sentence, /^[A-Z].*[^.]\.$/, id);
    assert.ok(title.length <= 40, id);
  }
});

for (const { id, title } of thefts) {
  test(`${id} under plain bearer tokens: works, and does Alice no harm: ${title}`, async ({ network }) => {
    const tried = await play(network, id, profileWith({}));
    assert.is(wordOf(tried), 'works');
    assert.is(tried.hurt, null);
  });

  test(`${id} under DPoP: ${underDpop[id] === 'works' ? 'works' : `refused by ${underDpop[id]}`}, and does Alice no harm: ${title}`, async ({
    network,
  }) => {
    const tried = await play(network, id, profileWith(dpop));
    assert.is(wordOf(tried), underDpop[id]);
    assert.is(tried.hurt, null);
    assert.ok(eventsOf(tried, 'loot').length > 0, 'shows what is stolen');
    assert.ok(eventsOf(tried, 'say').length > 0, 'says what happens');
  });
}

const boundaries: readonly (readonly [string, Partial<Settings>, Seconds, CheckId])[] = [
  ['T01', {}, 3599, 'exp'],
  ['T40', dpop, 3599, 'exp'],
  ['T06', dpop, 299, 'iat'],
  ['T06', always, 60, 'nonce'],
];

for (const [id, settings, last, check] of boundaries)
  test(`${id} works for ${last} s, until ${check} ends it`, async ({ network }) => {
    assert.is(wordOf(await play(network, id, profileWith(settings), last)), 'works');
    assert.is(wordOf(await play(network, id, profileWith(settings), last + 1)), check);
  });

test('a request that was asked for a nonce is stolen as it was accepted, nonce and all', async ({
  network,
}) => {
  for (const id of ['T02', 'T25', 'T06']) {
    const tried = await play(network, id, profileWith(always));
    assert.is(wordOf(tried), id === 'T06' ? 'works' : 'jti');
    const stolen = eventsOf(tried, 'loot').at(-1)?.items[0]?.value ?? '';
    const [, proof = ''] = /^dpop: \S+?\.(\S+)\./m.exec(stolen) ?? [];
    assert.ok(Buffer.from(proof, 'base64url').toString().includes('"nonce"'), id);
  }
});

for (const carriedBy of ['cookie', 'session'] as const) {
  test(`where the browser has a ${carriedBy} cookie, no log, script or other server finds a token`, async ({
    network,
  }) => {
    for (const id of ['T01', 'T09', 'T21', 'T22', 'T23', 'T33', 'T08', 'T45']) {
      const tried = await play(network, id, profileWith({ carriedBy }));
      assert.is(wordOf(tried), 'void', id);
      assert.ok((tried.attempt.note ?? '').length > 20, id);
      const [item] = eventsOf(tried, 'loot').flatMap(({ items }) => items);
      assert.is(item?.value, null);
      assert.is(item?.outOfReach, tried.attempt.note);
    }
  });

  test(`where the browser has a ${carriedBy} cookie, whole requests and the jar are worth as much as ever`, async ({
    network,
  }) => {
    for (const id of ['T39', 'T40', 'T02', 'T03', 'T04', 'T05', 'T06', 'T43', 'T44', 'T07', 'T25'])
      assert.is(wordOf(await play(network, id, profileWith({ carriedBy }))), 'works', id);
    const afterLogout = await play(network, 'T38', profileWith({ carriedBy }));
    assert.is(
      wordOf(afterLogout),
      carriedBy === 'cookie' ? 'works' : 'session',
      'a session ends on the server',
    );
    assert.is(afterLogout.hurt, null, 'she has signed in again');
  });
}

test('T40 is refused by a server that looks the right up', async ({ network }) => {
  assert.is(wordOf(await play(network, 'T40', profileWith({}, [liveRole]))), 'right');
});

test('T25 finds a request in the bytes of plain HTTP, and none in those of TLS', async ({ network }) => {
  for (let round = 0; round < 2; round++) {
    const plain = await play(network, 'T25', profileWith({}));
    assert.match(
      eventsOf(plain, 'loot')[0]?.items[0]?.value ?? '',
      /^GET \/accounts\n(?:.*\n)*authorization: Bearer /,
    );
    const encrypted = await play(network, 'T25', profileWith({ scheme: 'https' }));
    assert.is(wordOf(encrypted), 'tls');
    assert.is(eventsOf(encrypted, 'loot')[0]?.items[0]?.value, null);
    assert.is(encrypted.hurt, null);
  }
});

test('bytes that are no HTTP hold no request, and a second request is found behind the first', () => {
  assert.equal(readRequests(Buffer.from([0x16, 3, 1, 0, 5, 1, 2, 3, 4, 5])), []);
  assert.equal(readRequests(Buffer.from('GET /half HTTP/1.1\r\nhost: a')).length, 1);
  const requests = readRequests(
    Buffer.from('GET /a?x=1 HTTP/1.1\r\nHost: b\r\nX: y: z\r\n\r\nGET /c HTTP/1.1\r\nHost: d\r\n\r\n'),
  );
  assert.equal(requests, [
    {
      method: 'GET',
      path: '/a?x=1',
      headers: [
        ['Host', 'b'],
        ['X', 'y: z'],
      ],
      body: null,
    },
    { method: 'GET', path: '/c', headers: [['Host', 'd']], body: null },
  ]);
});

test('T21 is where Alice is, and T22 only says so', async ({ network }) => {
  const whereSheSignedIn: ProtectionMaker = (world) => ({
    before: ({ address }) => {
      if (address !== world.alice.address) refuse('ip');
    },
  });
  const outermost: ProtectionMaker = () => ({
    before: (call) => {
      call.address = call.header('x-forwarded-for')?.split(',')[0] ?? call.address;
    },
  });
  const strict = profileWith({}, [whereSheSignedIn]);
  const credulous = profileWith({}, [outermost, whereSheSignedIn]);
  assert.is(wordOf(await play(network, 'T01', strict)), 'ip');
  assert.is(wordOf(await play(network, 'T01', strict, 1, 'nat')), 'works');
  assert.is(wordOf(await play(network, 'T21', strict)), 'works');
  assert.is(wordOf(await play(network, 'T22', strict)), 'ip');
  assert.is(wordOf(await play(network, 'T22', credulous)), 'works');
  assert.is(wordOf(await play(network, 'T07', strict)), 'ip', 'the proxy is somewhere else');
  assert.is(wordOf(await play(network, 'T07', credulous)), 'works', 'the proxy tells the true address');
});

/** A new address has to answer first: once, for all that comes from there later. */
function challenge(asks: 'captcha' | 'password'): ProtectionMaker {
  return (world) => {
    const known = new Set<string>();
    return {
      before: ({ address, exchange }) => {
        if (address === world.alice.address || known.has(address)) return;
        if (exchange.target !== '/stepup') return refuse(asks, 403, { challenge: asks });
        const answer = JSON.parse(exchange.body ?? '{}') as { captcha?: string; password?: string };
        const isRight =
          asks === 'captcha'
            ? answer.captcha === 'a human was here'
            : answer.password === world.alice.password;
        if (!isRight) refuse(asks, 403, { challenge: asks });
        known.add(address);
      },
    };
  };
}

test('T23 passes a CAPTCHA, and does not know the password', async ({ network }) => {
  assert.is(wordOf(await play(network, 'T01', profileWith({}, [challenge('captcha')]))), 'captcha');
  assert.is(wordOf(await play(network, 'T23', profileWith({}, [challenge('captcha')]))), 'works');
  assert.is(wordOf(await play(network, 'T23', profileWith({}, [challenge('password')]))), 'password');
});

/** A token that only the bank's own page knows to send along; a thief who reads it can as well. */
const csrf: ProtectionMaker = () => ({
  before: ({ exchange, header }) => {
    if (exchange.method !== 'GET' && header('x-csrf-token') !== 'known') refuse('csrf', 403, {});
  },
  present: ({ method, headers }) => {
    if (method !== 'GET') headers.push(['x-csrf-token', 'known']);
  },
  imitate: ({ headers }) => {
    headers.push(['x-csrf-token', 'known']);
  },
});

test('a thief who turns a request into another adds what can be read in it, once', async ({ network }) => {
  for (const id of ['T03', 'T43']) {
    const tried = await play(network, id, profileWith(inCookie, [csrf]));
    assert.is(wordOf(tried), 'works', id);
    const sent = eventsOf(tried, 'request').filter(({ from }) => from === 'thief');
    assert.is(sent.length, 2, id);
  }
});

test('T33 and T08 begin with the bare credentials, so a server that punishes those hurts Alice', async ({
  network,
}) => {
  const punishing: ProtectionMaker = () => {
    let isEnded = false;
    return {
      before: ({ header }) => {
        isEnded ||= header('x-csrf-token') === undefined;
        if (isEnded) refuse('csrf');
      },
      present: ({ headers }) => void headers.push(['x-csrf-token', 'known']),
      imitate: ({ headers }) => void headers.push(['x-csrf-token', 'known']),
    };
  };
  for (const id of ['T33', 'T08']) {
    const tried = await play(network, id, profileWith({}, [punishing]));
    assert.is(wordOf(tried), 'csrf', id);
    assert.is(tried.hurt, 'csrf', id);
  }
});

test('T07 books what the proxy wrote, and T03 what the thief did; Alice ordered neither', async ({
  network,
}) => {
  const tampered = await play(network, 'T07', profileWith(dpop));
  assert.equal(tampered.world.books.transfers, [{ from: 'alice', to: 'mallory', amount: 900 }]);
  const converted = await play(network, 'T03', profileWith({}));
  assert.equal(converted.world.books.transfers, [{ from: 'alice', to: 'mallory', amount: 900 }]);
});

test('one world after another on the same network: each thief holds what this Alice sent', async ({
  network,
}) => {
  const order = ['T25', 'T06', 'T07', 'T25', 'T02', 'T06', 'T08'];
  const stolen = new Set<string>();
  for (const id of order) {
    const tried = await play(network, id, profileWith(id === 'T02' ? dpop : {}));
    assert.is(wordOf(tried), id === 'T02' ? 'jti' : 'works', id);
    const value = eventsOf(tried, 'loot')[0]?.items[0]?.value;
    const [token = ''] = /eyJ[\w.-]+/.exec(value ?? '') ?? [];
    const own = tried.world.recorder.exchanges().filter(({ from }) => from === 'alice' || from === 'proxy');
    assert.ok(
      own.some(({ headers }) => headers.some(([, text]) => text.endsWith(token))),
      id,
    );
    stolen.add(token);
  }
  assert.is(stolen.size, order.length);
});

test.run();
