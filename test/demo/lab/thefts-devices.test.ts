import { decodeJwt } from 'jose';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { judgeCell, judgeHonest } from '../../../demo/lab/engine/judge.ts';
import { type Network, openNetwork } from '../../../demo/lab/engine/network.ts';
import { openWorld, type World } from '../../../demo/lab/engine/world.ts';
import type { Cell, CheckId, LabEvent, Mode, Seconds } from '../../../demo/lab/model.ts';
import type { Profile, Settings } from '../../../demo/lab/profile.ts';
import { baseDpop, createProfile } from '../../../demo/lab/profiles/base.ts';
import type { Theft } from '../../../demo/lab/theft.ts';
import { deviceThefts } from '../../../demo/lab/thefts/device.ts';
import { honestTests } from '../../../demo/lab/thefts/honest.ts';
import { scriptThefts } from '../../../demo/lab/thefts/hostile-script.ts';
import { signAhead } from '../../../demo/lab/thefts/proofs-ahead.ts';
import { serverThefts } from '../../../demo/lab/thefts/servers.ts';

/** Thefts by script, from devices and from servers, and honest users: each in worlds with real sockets. */

interface Context {
  network: Network;
}

const test = suite<Context>('demo/lab/thefts-devices');

test.before(async (context) => {
  context.network = await openNetwork();
});

test.after(({ network }) => network.close());

const thefts: readonly Theft[] = [...scriptThefts, ...deviceThefts, ...serverThefts];

function profileWith(changes: Partial<Settings>): Profile {
  const text = { slug: 'x', title: 'X', group: 'The token itself', story: '', needs: '', weak: '' } as const;
  return createProfile({ id: 'X', ...text }, changes);
}

const profiles = {
  M00: profileWith({}),
  D5: profileWith({ dpop: baseDpop }),
  session: profileWith({ carriedBy: 'session', sameSite: 'strict', confidential: true, pkce: true }),
  cookie: profileWith({ carriedBy: 'cookie' }),
  best: profileWith({
    dpop: { ...baseDpop, noncePolicy: 'always', boundCode: true },
    pkce: true,
    stored: 'hashed',
    boundIssuerSession: true,
    keyCopyable: false,
    keySetAge: 300,
  }),
  rotation: profileWith({ rotation: 'strict', accessTokenLife: 300 }),
  grace: profileWith({ rotation: 'grace', accessTokenLife: 300 }),
};

type Name = keyof typeof profiles;

function find(id: string): Theft {
  const theft = thefts.find((one) => one.id === id);
  if (theft === undefined) throw new Error(`there is no theft ${id}`);
  return theft;
}

function judge({ network }: Context, name: Name, id: string, mode: Mode = 'quick'): Promise<Cell> {
  const request = { profile: profiles[name], theft: find(id), seat: 'elsewhere', mode } as const;
  return judgeCell(request, { network, time: 'world' });
}

function open(network: Network, name: Name, keepEvents: boolean = false): Promise<World> {
  return openWorld({
    profile: profiles[name],
    seat: 'elsewhere',
    network,
    time: 'world',
    keepEvents,
    without: [],
  });
}

/** What comes of each a second after the theft: the check that decided, or what happened. */
const expected: Readonly<Record<string, readonly [plain: string, dpop: string]>> = {
  T10: ['works', 'works'],
  T11: ['works', 'works'],
  T12: ['works', 'ath'],
  T13: ['works', 'ath'],
  T14: ['works', 'rt jkt'],
  T15: ['works', 'works'],
  T24: ['no token', 'no token'],
  T16: ['works', 'works'],
  T17: ['works', 'rt jkt'],
  T18: ['works', 'rt jkt'],
  T19: ['works', 'rt jkt'],
  T20: ['works', 'works'],
  T41: ['works', 'works'],
  T26: ['works', 'rt jkt'],
  T27: ['sig', 'sig'],
  T28: ['works', 'works'],
  T29: ['works', 'iat'],
  T30: ['works', 'floor'],
  T31: ['works', 'jti'],
  T32: ['works', 'jti'],
  T34: ['works', 'jti'],
  T35: ['works', 'jti'],
  T42: ['works', 'proof sig'],
  T36: ['unharmed', 'unharmed'],
  T37: ['unharmed', 'unharmed'],
};

function tell({ outcome, decidedBy, note }: Cell): string {
  if (outcome === 'error') return `error: ${note}`;
  return outcome === 'blocked' ? String(decidedBy) : outcome;
}

test('every theft of these groups is tried here, under its own name', () => {
  assert.equal(new Set(thefts.map(({ id }) => id)), new Set(Object.keys(expected)));
  assert.is(new Set(thefts.map(({ slug }) => slug)).size, thefts.length);
});

for (const [index, name] of (['M00', 'D5'] as const).entries())
  test(`a second after the theft, ${name} stops what it can stop and nothing else`, async (context) => {
    for (const [id, outcomes] of Object.entries(expected))
      assert.is(tell(await judge(context, name, id)), outcomes[index], `${name} ${id}`);
  });

/** Under the best there is, those that are left are left for a reason. */
test('with everything on, the open page, proofs ahead, a new sign-in and a leaked key are left', async (context) => {
  const left: string[] = [];
  for (const { id, aim } of thefts) {
    const { outcome } = await judge(context, 'best', id);
    if (outcome === (aim === 'harm' ? 'harm' : 'works')) left.push(id);
  }
  assert.equal(left, ['T10', 'T11', 'T15', 'T28']);
});

test('what is not there cannot be stolen, and it is said why', async (context) => {
  for (const id of ['T11', 'T12', 'T13', 'T14', 'T17', 'T18']) {
    const { outcome, note } = await judge(context, 'session', id);
    assert.is(outcome, 'void', id);
    assert.match(note ?? '', /stays on the bank's server/, id);
  }
  const { outcome, note } = await judge(context, 'cookie', 'T11');
  assert.is(outcome, 'void');
  assert.match(note ?? '', /HttpOnly/);
});

/** What decides under other profiles. */
const decisions: readonly (readonly [Name, string, CheckId | 'works'])[] = [
  ['session', 'T15', 'confidential'],
  ['session', 'T16', 'confidential'],
  ['session', 'T24', 'samesite'],
  ['session', 'T19', 'works'],
  ['session', 'T41', 'works'],
  ['session', 'T26', 'works'],
  ['cookie', 'T24', 'works'],
  ['cookie', 'T17', 'works'],
  ['best', 'T16', 'pkce'],
  ['best', 'T20', 'key'],
  ['best', 'T41', 'as key'],
  ['best', 'T26', 'hash'],
];

test('a cookie is sent by itself, a session stays a bearer credential, a key that cannot be copied is not', async (context) => {
  for (const [name, id, outcome] of decisions)
    assert.is(tell(await judge(context, name, id)), outcome, `${name} ${id}`);
});

/** The last second at which it works, and what ends it in the next. */
const windows: readonly (readonly [Name, string, Seconds, CheckId])[] = [
  ['M00', 'T10', 600, 'page'],
  ['M00', 'T11', 3599, 'exp'],
  ['best', 'T11', 60, 'nonce'],
  ['M00', 'T14', 3 * 86_400 - 7200 - 1, 'rt exp'],
  ['M00', 'T17', 3 * 86_400 - 1, 'rt exp'],
  ['rotation', 'T18', 599, 'rt revoked'],
  ['session', 'T19', 3 * 86_400 - 1, 'rt exp'],
  ['M00', 'T28', 3659, 'kid'],
  ['best', 'T28', 299, 'kid'],
];

test('a theft that takes its time ends in the second in which it must', async (context) => {
  for (const [name, id, last, endedBy] of windows) {
    for (const [wait, result] of [
      [last, 'success'],
      [last + 1, 'refused'],
    ] as const) {
      const world = await open(context.network, name);
      const attempt = await find(id).run(world, wait);
      assert.is(attempt.result, result, `${name} ${id} after ${wait} s: ${attempt.decidedBy}`);
      assert.is(attempt.decidedBy, result === 'success' ? null : endedBy, `${name} ${id} after ${wait} s`);
    }
  }
});

test('a forged transfer is booked, and nothing but the cookie went along', async ({ network }) => {
  const world = await open(network, 'cookie');
  const { result } = await find('T24').run(world, 1);
  assert.is(result, 'success');
  assert.equal(world.books.transfers, [{ from: 'alice', to: 'mallory', amount: 900 }]);
  const { headers = [] } = world.recorder.exchanges().at(-1) ?? {};
  const names = headers.map(([name]) => name.toLowerCase());
  assert.ok(names.includes('cookie') && names.includes('origin'));
  assert.not.ok(names.includes('authorization') || names.includes('dpop'));
});

test('the script signs no proof that it would not have in stock', async ({ network }) => {
  const world = await open(network, 'D5');
  await world.alice.call('/accounts');
  const accessToken = world.alice.storage.get('access_token') ?? '';
  const proofFor = signAhead(world, { accessToken, lasting: 120, endpoints: ['bank'] });
  const url = `${world.origins.bank}/accounts`;
  const now = world.clock.now();
  const proof = (await proofFor?.('GET', url, now + 119)) ?? '';
  assert.is(decodeJwt(proof).iat, Math.floor(now + 60));
  assert.is(await proofFor?.('GET', url, now + 61), proof, 'there is one for each minute');
  assert.is(await proofFor?.('GET', url, now + 181), undefined);
  assert.is(await proofFor?.('POST', url, now), undefined);
  assert.is(await proofFor?.('POST', `${world.origins.issuer}/token`, now), undefined);
});

test('a key that WebCrypto does not give out is shown as out of reach', async ({ network }) => {
  const world = await open(network, 'best', true);
  await find('T20').run(world, 1);
  assert.ok(world.recorder.events.some(({ type }) => type === 'cannot'));
  const loot = world.recorder.events.filter(
    (event): event is Extract<LabEvent, { type: 'loot' }> => event.type === 'loot',
  );
  const key = loot.flatMap(({ items }) => items).find(({ kind }) => kind === 'key');
  assert.is(key?.value, null);
  assert.match(key?.outOfReach ?? '', /not extractable/);
});

test('every theft tells what it takes, and every text is a sentence', () => {
  for (const { id, title, ability, steps, why } of [...thefts]) {
    assert.ok(title.length < 40 && !title.endsWith('.'), id);
    for (const text of [ability, why, ...steps])
      assert.match(text, /^[A-Z].{10,150}[.!?]$/, `${id}: ${text}`);
    assert.ok(steps.length > 0, id);
  }
  for (const { id, complaint, steps } of honestTests)
    for (const text of [complaint, ...steps]) assert.match(text, /^[A-Z].{10,150}[.!?]$/, `${id}: ${text}`);
});

test('every theft shows its loot on the stage', async ({ network }) => {
  const silent = new Set(['T24', 'T36']); // a page that posts, and proofs that are only used up: nothing is carried off
  for (const theft of thefts) {
    const world = await open(network, 'D5', true);
    await theft.run(world, 1);
    const shows = world.recorder.events.some(({ type }) => type === 'loot');
    assert.is(shows, !silent.has(theft.id), theft.id);
  }
});

/** Whom the protections hurt; everybody else is fine. */
const hurt: Readonly<Record<string, Partial<Record<Name, CheckId>>>> = {
  H03: { rotation: 'rt revoked' },
  H07: { D5: 'jti', best: 'jti' },
  H08: { rotation: 'rt revoked', grace: 'rt revoked' },
};

for (const honest of honestTests)
  test(`${honest.id} ${honest.slug}: fine, but for the profiles that are known to hurt`, async ({
    network,
  }) => {
    for (const name of ['M00', 'D5', 'best', 'session', 'rotation', 'grace'] as const) {
      const { outcome, decidedBy, note } = await judgeHonest(profiles[name], honest, {
        network,
        time: 'world',
      });
      const check = hurt[honest.id]?.[name];
      assert.is(outcome, check === undefined ? 'fine' : 'refused', `${name}: ${decidedBy} ${note}`);
      assert.is(decidedBy, check ?? null, name);
    }
  });

test('who has no refresh token has nothing to refresh', async ({ network }) => {
  const profile = profileWith({ refreshTokenLife: 0 });
  for (const honest of honestTests.filter(({ id }) => ['H03', 'H08'].includes(id)))
    assert.is((await judgeHonest(profile, honest, { network, time: 'world' })).outcome, 'void', honest.id);
});

test.run();
