import * as builtin from 'node:crypto';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';

// Loaded here first and in this order: as a runtime loads them that has WebCrypto and nothing else.
const { getBuiltinModule } = process;
Reflect.deleteProperty(process, 'getBuiltinModule');
const { findNodeCrypto, nodeCrypto } = await import('../src/node-crypto.ts');
const { sha256, webSha256 } = await import('../src/digest.ts');
const { importKey, webImporter } = await import('../src/signature.ts');
process.getBuiltinModule = getBuiltinModule;
const { createRequest, createWorld, forge, proofParts, reasonOf, signer } = await import('./_setup.ts');

const test = suite('node-crypto');

/** A runtime whose `node:crypto` has these functions. */
function runtimeWith(module: unknown): Parameters<typeof findNodeCrypto>[0] {
  return { process: { getBuiltinModule: (name) => (name === 'node:crypto' ? module : undefined) } };
}

test('finds the crypto module of this Node', () => {
  assert.is(findNodeCrypto(globalThis as Parameters<typeof findNodeCrypto>[0])?.verify, builtin.verify);
  assert.is(findNodeCrypto(runtimeWith(builtin)), builtin);
});

test('finds none where there is no process, no way to ask, or no such module', () => {
  assert.is(findNodeCrypto({}), undefined);
  assert.is(findNodeCrypto({ process: {} }), undefined);
  assert.is(findNodeCrypto(runtimeWith(undefined)), undefined);
});

test('finds none in a module that lacks what is needed', () => {
  const { hash, verify, createPublicKey, constants } = builtin;
  const complete = { hash, verify, createPublicKey, constants };
  assert.is(findNodeCrypto(runtimeWith(complete)), complete, 'the module that is complete');
  for (const name of Object.keys(complete)) {
    assert.is(findNodeCrypto(runtimeWith({ ...complete, [name]: undefined })), undefined, name);
  }
});

test('a runtime without it hashes and verifies with WebCrypto', () => {
  assert.is(nodeCrypto, undefined);
  assert.is(sha256, webSha256);
  assert.is(importKey, webImporter);
});

test('with WebCrypto alone a request is authorized, and refused for a wrong signature or token', async () => {
  const world = await createWorld();
  const authorization = await world.server.authorize(await createRequest(world));
  assert.is(authorization.jkt, world.keyPair.jkt);

  const ath = await sha256(world.token);
  const { header, claims } = proofParts(world.keyPair, ath);
  const valid = await forge(header, claims, signer(world.keyPair));
  const flipped = valid.replace(/\.(.)([^.]*)$/, (_, first, rest) => `.${first === 'A' ? 'B' : 'A'}${rest}`);
  const forged = await createRequest(world, { proof: flipped });
  assert.is(await reasonOf(world.server.authorize(forged)), 'signature-invalid');

  const other = { ...claims, ath: await sha256('another token') };
  const misbound = await createRequest(world, { proof: await forge(header, other, signer(world.keyPair)) });
  assert.is(await reasonOf(world.server.authorize(misbound)), 'ath-mismatch');
  assert.ok(await world.server.authorize(await createRequest(world, { proof: valid })));
});

test.run();
