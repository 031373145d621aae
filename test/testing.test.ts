import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createTokenBinder } from '../src/authorization-server.ts';
import { createProof, type DpopKeyPair, type ProofInput } from '../src/client/index.ts';
import { dpopErrorReasons } from '../src/errors.ts';
import { createNonces } from '../src/nonce.ts';
import { createMemoryReplayStore } from '../src/replay-memory.ts';
import { createResourceServer, type ResourceServer } from '../src/resource-server.ts';
import type { RawRequest } from '../src/target-uri.ts';
import {
  createDefectiveProof,
  createTestClock,
  createTestIssuer,
  importTestKeyPair,
  type ProofDefectName,
  proofDefects,
  publiclyKnownTestKeys,
  type TestClock,
} from '../src/testing/index.ts';
import { jwkThumbprint, toPublicJwk } from '../src/thumbprint.ts';
import { reasonOf } from './_setup.ts';

const test = suite('testing');

const publicOrigin = 'https://rs.test';
const audience = 'https://rs.test/api';
const url = 'https://rs.test/api/notes';

interface Setting {
  readonly clock: TestClock;
  readonly server: ResourceServer;
  readonly keyPair: DpopKeyPair;
  readonly token: string;
  readonly input: ProofInput;
}

/** As a user of the kit would write it. */
async function createSetting(
  algorithm: 'ES256' | 'Ed25519' = 'ES256',
  noncePolicy: 'when-needed' | 'always' = 'when-needed',
): Promise<Setting> {
  const clock = createTestClock();
  const issuer = await createTestIssuer({ audience, clock: clock.read });
  const keyPair = await importTestKeyPair(algorithm);
  const token = await issuer.accessToken({ jkt: keyPair.jkt });
  const server = createResourceServer({
    publicOrigin,
    audience,
    issuer: issuer.issuer,
    jwks: issuer.jwks,
    replay: createMemoryReplayStore({ capacity: 100, clock: () => clock.now - 100 }),
    noncePolicy,
    clock: clock.read,
  });
  return { clock, server, keyPair, token, input: { method: 'GET', url, accessToken: token, now: clock.now } };
}

function requestOf({ token }: Setting, proofs: readonly string[]): RawRequest {
  const lines = proofs.flatMap((proof) => ['DPoP', proof]);
  const rawHeaders = ['Host', 'rs.test', 'Authorization', `DPoP ${token}`, ...lines];
  return { method: 'GET', target: '/api/notes', rawHeaders };
}

for (const algorithm of ['ES256', 'Ed25519'] as const) {
  test(`a valid proof by the ${algorithm} test key passes, and each defect is refused for its own reason`, async () => {
    const setting = await createSetting(algorithm);
    const { server, keyPair, input } = setting;
    const { jkt } = await server.authorize(requestOf(setting, [await createProof(keyPair, input)]));
    assert.is(jkt, keyPair.jkt);
    for (const { name, reason } of proofDefects) {
      const request = requestOf(setting, await createDefectiveProof(name, keyPair, input));
      assert.is(await reasonOf(server.check(request)), reason, name);
    }
  });
}

test('[I10] no defective proof uses up anything: a valid one passes after each', async () => {
  const setting = await createSetting();
  const { server, keyPair, input } = setting;
  for (const { name } of proofDefects.filter(({ reason }) => !/nonce|stale|future/.test(reason))) {
    const request = requestOf(setting, await createDefectiveProof(name, keyPair, input));
    await reasonOf(server.authorize(request));
    await server.authorize(requestOf(setting, [await createProof(keyPair, input)]));
  }
});

test('with a nonce in the valid proof, each defect is still the only one', async () => {
  const setting = await createSetting('ES256', 'always');
  const { server, keyPair, input } = setting;
  const valid = requestOf(setting, [await createProof(keyPair, input)]);
  const challenged = await server.authorize(valid).catch((error: unknown) => error as { nonce: string });
  const { nonce } = challenged;
  await server.authorize(requestOf(setting, [await createProof(keyPair, { ...input, nonce })]));
  for (const { name, reason } of proofDefects) {
    const lines = await createDefectiveProof(name, keyPair, { ...input, nonce });
    assert.is(await reasonOf(server.check(requestOf(setting, lines))), reason, name);
  }
});

test('where no access token goes with it, a proof is refused for each defect that does not need one', async () => {
  const clock = createTestClock();
  const keyPair = await importTestKeyPair();
  const tokenUrl = 'https://as.test/token';
  const binder = createTokenBinder({
    publicOrigin: 'https://as.test',
    replay: createMemoryReplayStore({ capacity: 100, clock: () => clock.now - 100 }),
    nonces: createNonces(),
    clock: clock.read,
  });
  for (const { name, reason } of proofDefects.filter(({ needsToken }) => !needsToken)) {
    const input = { method: 'POST', url: tokenUrl, now: clock.now };
    const lines = await createDefectiveProof(name, keyPair, input);
    const rawHeaders = ['Host', 'as.test', ...lines.flatMap((line) => ['DPoP', line])];
    const request = { method: 'POST', target: '/token', rawHeaders };
    // Without a proof there is nothing to bind; everything else is refused.
    if (name !== 'missing') assert.is(await reasonOf(binder.bind(request)), reason, name);
  }
});

test('defects are a closed, frozen list: names of their own, reasons of ours', async () => {
  const names = proofDefects.map(({ name }) => name);
  assert.is(new Set(names).size, names.length);
  assert.ok(proofDefects.every(({ reason }) => dpopErrorReasons.includes(reason)));
  assert.ok(Object.isFrozen(proofDefects) && proofDefects.every((defect) => Object.isFrozen(defect)));
  const keyPair = await importTestKeyPair();
  for (const name of ['nothing', 'toString', '__proto__'] as unknown as ProofDefectName[]) {
    const error = await createDefectiveProof(name, keyPair, { method: 'GET', url }).catch((thrown) => thrown);
    assert.instance(error, TypeError);
    assert.match(error.message, name);
  }
});

test('a defect is one whatever the method and its case', async () => {
  const keyPair = await importTestKeyPair();
  for (const method of ['GET', 'PUT', 'PATCH', 'get', 'Mixed']) {
    for (const name of ['htm', 'htm-case'] as const) {
      const [proof = ''] = await createDefectiveProof(name, keyPair, { method, url });
      const { htm } = JSON.parse(atob(proof.split('.')[1] ?? '')) as { htm: string };
      assert.is.not(htm, method);
    }
  }
});

test('test keys are the same in every run, and say what they are', async () => {
  const { jkt } = await importTestKeyPair();
  assert.is(jkt, 'mjcYJtVVJwKvzcqlxNdsFM8nXqrMCuSezjCey7EiuTE');
  assert.is((await importTestKeyPair('Ed25519')).jkt, 'ju0Vcs8VflHyQwWiAExXuBMNt2rKMs5ui8KY8m_b5Bw');
  const issuer = await createTestIssuer({ audience });
  const [key] = issuer.jwks().keys;
  assert.is(key?.kid, 'publicly-known-test-key');
  assert.not.ok(JSON.stringify(key).includes('"d"'));
  const thumbprints = [publiclyKnownTestKeys.client.ES256, publiclyKnownTestKeys.issuer].map((jwk) =>
    jwkThumbprint(toPublicJwk({ ...jwk })),
  );
  assert.is.not(await thumbprints[0], await thumbprints[1]);
});

test('a test key does not leave WebCrypto by accident', async () => {
  const { privateKey } = await importTestKeyPair();
  assert.not.ok(privateKey.extractable);
});

test('the test issuer takes what a token is to say, and its clock', async () => {
  const clock = createTestClock(1000);
  const issuer = await createTestIssuer({ audience, issuer: 'https://other.test', clock: clock.read });
  const token = await issuer.accessToken({ subject: 'alice', scope: 'a b', lifetime: 5 });
  const claims = JSON.parse(atob(token.split('.')[1] ?? '')) as Record<string, unknown>;
  const { iss, sub, client_id, aud, scope, iat, exp } = claims;
  assert.equal(
    { iss, sub, client_id, aud, scope, iat, exp },
    {
      iss: 'https://other.test',
      sub: 'alice',
      client_id: 'test-client',
      aud: audience,
      scope: 'a b',
      iat: 1000,
      exp: 1005,
    },
  );
});

test('a test clock stands still until it is moved, and goes back as well', () => {
  const clock = createTestClock();
  const { read } = clock;
  assert.is(read(), 1_800_000_000);
  clock.advance(0.5);
  assert.is(read(), 1_800_000_000.5);
  clock.advance(-10.5);
  assert.is(read(), 1_799_999_990);
  clock.now = 7;
  assert.is(read(), 7);
});

test.run();
