import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { playTheft } from '../../../demo/lab/engine/judge.ts';
import { type Network, openNetwork } from '../../../demo/lab/engine/network.ts';
import { openWorld, type World } from '../../../demo/lab/engine/world.ts';
import type { Seconds } from '../../../demo/lab/model.ts';
import type { Profile } from '../../../demo/lab/profile.ts';
import { ablationProfiles } from '../../../demo/lab/profiles/ablations.ts';
import { dpopChecks, dpopProfiles } from '../../../demo/lab/profiles/dpop.ts';
import { mistakeProfiles } from '../../../demo/lab/profiles/dpop-mistakes.ts';
import { togetherChecks, togetherProfiles } from '../../../demo/lab/profiles/together.ts';
import type { Theft } from '../../../demo/lab/theft.ts';
import { thefts } from '../../../demo/lab/thefts/thefts.ts';

/** Profiles of proof of possession: what each check stops, and what each mistake lets through that D5 refuses. */

const test = suite<{ network: Network }>('demo/lab/profiles-dpop');

test.before(async (context) => {
  context.network = await openNetwork();
});

test.after(({ network }) => network.close());

const profiles = [...dpopProfiles, ...mistakeProfiles, ...ablationProfiles, ...togetherProfiles];

function open(network: Network, id: string): Promise<World> {
  const profile = profiles.find((one) => one.id === id) as Profile;
  return openWorld({ profile, seat: 'elsewhere', network, time: 'world', keepEvents: false, without: [] });
}

/** `success`, or what refused the thief (of a theft whose aim is harm: `unharmed`). */
async function run(network: Network, id: string, theft: string, wait: Seconds): Promise<string> {
  const { attempt } = await playTheft(await open(network, id), findTheft(theft), wait);
  return attempt.result === 'refused' ? (attempt.decidedBy ?? 'unharmed') : attempt.result;
}

function findTheft(id: string): Theft {
  return thefts.find((theft) => theft.id === id) as Theft;
}

test('every profile has its texts, and tells what it leaves out', () => {
  const explained = new Set([...dpopChecks, ...togetherChecks].map(({ id }) => id));
  assert.is(new Set(profiles.flatMap(({ id, slug }) => [id, slug])).size, 2 * profiles.length);
  for (const { id, group, title, story, needs, weak, leavesOut } of profiles) {
    for (const text of [story, needs, weak]) assert.match(text, /^[A-Z].{20,105}\.$/, `${id}: ${text}`);
    assert.ok(title.length < 60, id);
    if (group === 'DPoP done wrong' || group === 'One check off')
      assert.ok(leavesOut.length > 0 || id === 'AB8s', id);
    for (const check of leavesOut)
      assert.ok(explained.has(check) || ['sig', 'alg'].includes(check), `${id}: ${check}`);
  }
});

for (const profile of profiles) {
  test(`under ${profile.id} Alice reads, writes, refreshes and meets both nodes`, async ({ network }) => {
    const world = await open(network, profile.id);
    assert.is((await world.alice.call('/accounts?id=1')).status, 200);
    const body = JSON.stringify({ to: 'bob', amount: 10 });
    assert.is((await world.alice.call('/transfer', { method: 'POST', body })).status, 200);
    world.alice.route = 'bank-b';
    assert.is((await world.alice.call('/accounts')).status, 200);
    await world.wait(profile.settings.accessTokenLife + 1, 'the token runs out');
    const { status, body: answer } = await world.alice.call('/accounts');
    assert.is(status, 200);
    assert.ok(answer.includes(world.canary));
    assert.equal(world.books.transfers, [{ from: 'alice', to: 'bob', amount: 10 }]);
  });
}

/** On each rung the theft that it ends: what it is under the one before, and what refuses it now. */
const ladder: readonly (readonly [
  theft: string,
  wait: Seconds,
  before: string,
  after: string,
  check: string,
])[] = [
  ['T03', 1, 'D1', 'D2', 'htm'],
  ['T04', 1, 'D1', 'D2', 'htu'],
  ['T08', 1, 'D1', 'D2', 'htu'],
  ['T13', 1, 'D2', 'D3', 'ath'],
  ['T02', 1, 'D3', 'D4', 'jti'],
  ['T34', 1, 'D3', 'D4', 'jti'],
  ['T29', 1, 'D4', 'D5', 'iat'],
  ['T30', 1, 'D4', 'D5', 'floor'],
  ['T31', 1, 'D4', 'D5', 'jti'],
  ['T32', 1, 'D4', 'D5', 'jti'],
  ['T06', 62, 'D5', 'D6', 'nonce'],
  ['T11', 62, 'D5', 'D9', 'nonce'],
  ['T06', 16, 'D5', 'D7', 'iat'],
  ['T07', 1, 'D6', 'D8', 'body'],
  ['T16', 1, 'D6', 'D8', 'rt jkt'],
  ['T06', 61, 'D5', 'HF', 'iat'],
  ['T41', 1, 'X3', 'X4', 'as key'],
  ['T20', 1, 'X4', 'X5', 'key'],
];

for (const [theft, wait, before, after, check] of ladder) {
  test(`${theft} after ${wait} s works under ${before}; ${after} refuses it by ${check}`, async ({
    network,
  }) => {
    assert.is(await run(network, before, theft, wait), 'success');
    assert.is(await run(network, after, theft, wait), check);
  });
}

/** What goes wrong alone lets this through, and with it nothing else does what D5 refuses. */
const flips: readonly (readonly [profile: string, theft: string, wait: Seconds, refusedBy: string])[] = [
  ['DB1', 'T17', 1, 'rt jkt'],
  ['DB2', 'T33', 1, 'scheme'],
  ['DB3', 'T35', 1, 'jti'],
  ['DB4', 'T36', 1, 'unharmed'],
  ['DB5', 'T05', 1, 'jti'],
  ['DB6', 'T27', 1, 'sig'],
  ['DB7', 'T27', 1, 'sig'],
  ['DB8', 'T34', 1, 'jti'],
  ['DB9', 'T36', 1, 'unharmed'],
  ['DB9', 'T35', 1, 'jti'],
  ['DB10', 'T45', 1, 'htu'],
  ['AB0', 'T42', 1, 'proof sig'],
  ['AB1', 'T01', 1, 'jkt'],
  ['AB2', 'T43', 1, 'htm'],
  ['AB3', 'T44', 1, 'htu'],
  ['AB3', 'T36', 1, 'unharmed'],
  ['AB4', 'T12', 1, 'ath'],
  ['AB5', 'T02', 310, 'iat'],
  ['AB5s', 'T06', 310, 'iat'],
  ['AB6', 'T02', 1, 'jti'],
  ['AB7', 'T30', 1, 'floor'],
  ['AB8', 'T31', 1, 'jti'],
  ['AB9', 'T29', 1, 'iat'],
];

for (const [profile, theft, wait, refusedBy] of flips) {
  test(`${theft} after ${wait} s works under ${profile}; under D5 the answer is ${refusedBy}`, async ({
    network,
  }) => {
    assert.is(await run(network, 'D5', theft, wait), refusedBy);
    assert.is(await run(network, profile, theft, wait), 'success');
  });
}

test('every mistake and every check that is switched off has a theft of its own', () => {
  const flipped = new Set(flips.map(([profile]) => profile));
  for (const { id } of [...mistakeProfiles, ...ablationProfiles])
    assert.ok(flipped.has(id) || id === 'AB8s', id);
});

test("without the date the library's own memory still refuses a copy, however late; one that forgets does not", async ({
  network,
}) => {
  assert.is(await run(network, 'AB5s', 'T02', 310), 'jti');
  assert.is(await run(network, 'AB5', 'T02', 1), 'jti');
});

test('a memory for each node does not know what the other has seen, and a restart opens nothing', async ({
  network,
}) => {
  assert.is(await run(network, 'AB8s', 'T32', 1), 'success');
  assert.is(await run(network, 'AB8s', 'T31', 1), 'floor');
});

test('a memory that refuses when full shuts Alice out as well; a share for each key does not', async ({
  network,
}) => {
  const flood = findTheft('T30');
  const full = await playTheft(await open(network, 'D7'), flood, 1);
  assert.equal([full.attempt.decidedBy, full.hurt], ['jti', 'full']);
  const shared = await playTheft(await open(network, 'D10'), flood, 1);
  assert.equal([shared.attempt.decidedBy, shared.hurt], ['jti', null]);
});

test('a token that is bound to a certificate is refused from any other connection', async ({ network }) => {
  for (const theft of ['T01', 'T02', 'T06', 'T07', 'T17'])
    assert.is(await run(network, 'X1', theft, 1), 'cert', theft);
  assert.is(await run(network, 'X1', 'T20', 1), 'success');
});

test('with everything good a right that was taken back is gone, and so is a token after signing out', async ({
  network,
}) => {
  assert.is(await run(network, 'X3', 'T40', 1), 'right');
  const world = await open(network, 'X3');
  await world.alice.call('/accounts');
  await world.alice.logout();
  assert.is((await world.alice.callOnce('/accounts')).status, 401);
  assert.is(world.recorder.exchanges().findLast(({ from }) => from === 'alice')?.decidedBy, 'deny');
});

test('what the best profile leaves is a held request, live script, proofs ahead, a new sign-in and a leaked key', async ({
  network,
}) => {
  for (const theft of ['T06', 'T10', 'T11', 'T15', 'T28'])
    assert.is(await run(network, 'X5', theft, 1), 'success', theft);
});

test('a date that does not fit is refused beside a nonce that does', async ({ network }) => {
  const world = await open(network, 'D6');
  await world.alice.call('/accounts');
  world.clock.setOffset('alice', 10);
  const { decidedBy } = await world.thief.replay(await world.alice.prepare('/accounts'));
  assert.is(decidedBy, 'iat');
  const other = await open(network, 'D9');
  await other.alice.call('/accounts');
  other.clock.setOffset('alice', 10);
  assert.ok((await other.thief.replay(await other.alice.prepare('/accounts'))).success);
});

test('where the body is covered, a proof that covers none does not go with one', async ({ network }) => {
  const world = await open(network, 'D8');
  await world.alice.call('/accounts');
  const body = JSON.stringify({ to: 'bob', amount: 10 });
  const request = await world.alice.prepare('/transfer', { method: 'POST', body });
  const { decidedBy } = await world.thief.replay(request, { body: `${body} ` });
  assert.is(decidedBy, 'body');
  assert.equal(world.books.transfers, []);
});

test.run();
