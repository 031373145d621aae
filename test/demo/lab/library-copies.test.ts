import { createNonces, type Memory, type ReplayStore } from 'holdfast';
import { createProof, generateKeyPair } from 'holdfast/client';
import { createTestIssuer } from 'holdfast/testing';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ablatableChecks, loadLibrary, namesOf } from '../../../demo/lab/engine/library.ts';

/** Copies of the library in which single checks do not count: they differ in that, in nothing else, and touch nobody. */

const test = suite('lab/library copies');

const origin = 'https://api.example';
const now = 1_800_000_000;
const issuer = await createTestIssuer({ audience: origin, clock: () => now });
const keyPair = await generateKeyPair();
const other = await generateKeyPair();
const accessToken = await issuer.accessToken({ jkt: keyPair.jkt });

const memory: Memory = { id: 'm', birth: 0, now, floor: { iat: 0, nonce: 0 } };
const replay: ReplayStore = { read: () => memory, claim: () => 'claimed' };

/** For each check the one thing that is wrong. */
const wrong: Readonly<Record<string, () => Promise<string>>> = {
  'proof sig': async () => {
    const [header, claims] = (await prove()).split('.');
    const [, , signature] = (await prove()).split('.');
    return `${header}.${claims}.${signature}`;
  },
  jkt: () => createProof(other, { method: 'GET', url: `${origin}/x`, accessToken, now }),
  htm: () => createProof(keyPair, { method: 'POST', url: `${origin}/x`, accessToken, now }),
  htu: () => createProof(keyPair, { method: 'GET', url: `${origin}/y`, accessToken, now }),
  ath: () => createProof(keyPair, { method: 'GET', url: `${origin}/x`, accessToken: `${accessToken}x`, now }),
  iat: () => createProof(keyPair, { method: 'GET', url: `${origin}/x`, accessToken, now: now - 3600 }),
};

function prove(): Promise<string> {
  return createProof(keyPair, { method: 'GET', url: `${origin}/x`, accessToken, now });
}

async function authorize(without: readonly string[], proof: string): Promise<string> {
  const { createResourceServer } = await loadLibrary(without);
  const { issuer: name, jwks } = issuer;
  const server = createResourceServer({
    publicOrigin: origin,
    issuer: name,
    audience: origin,
    jwks,
    replay,
    nonces: createNonces(),
    clock: () => now,
  });
  const rawHeaders = ['Host', 'api.example', 'Authorization', `DPoP ${accessToken}`, 'DPoP', proof];
  return server.authorize({ method: 'GET', target: '/x', rawHeaders }).then(
    () => 'accepted',
    (error: { reason: string }) => error.reason,
  );
}

test('there is a wrong proof for each check that can be left out', () => {
  assert.equal(new Set(Object.keys(wrong)), new Set(ablatableChecks));
});

for (const [check, make] of Object.entries(wrong)) {
  test(`without ${check} a proof passes that only this check refuses; with any other left out it does not`, async () => {
    const proof = await make();
    assert.is.not(await authorize([], proof), 'accepted');
    assert.is(await authorize([check], proof), 'accepted');
    for (const left of ablatableChecks.filter((one) => one !== check))
      assert.is.not(await authorize([left], proof), 'accepted', left);
  });
}

test('a valid proof passes every copy, and the library itself is as it was', async () => {
  for (const check of ablatableChecks) assert.is(await authorize([check], await prove()), 'accepted');
  assert.is(await authorize([], await (wrong['htm'] as () => Promise<string>)()), 'htm-mismatch');
});

test('an explanation by a copy still tells what the left-out check would have said', async () => {
  const { explainProof } = await loadLibrary(['htm']);
  const verdicts = await explainProof(
    { method: 'GET', uri: `${origin}/x`, proof: await (wrong['htm'] as () => Promise<string>)() },
    { now },
  );
  const htm = verdicts.find(({ name }) => name === 'htm');
  assert.equal([htm?.passed, htm?.expected, htm?.found], [true, 'GET', 'POST']);
});

test('every name of a check that is left out exists in the library', async () => {
  const { explainProof } = await loadLibrary([]);
  const names = (await explainProof({ method: 'GET', uri: origin, proof: 'x' }, { now })).map(
    ({ name }) => name,
  );
  for (const name of namesOf(ablatableChecks)) assert.ok(names.includes(name), name);
});

test('a copy is loaded once', () => {
  assert.is(loadLibrary(['htm', 'htu']), loadLibrary(['htu', 'htm']));
});

test.run();
