import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runInNewContext } from 'node:vm';
import { gzipSync } from 'node:zlib';
import { calculateJwkThumbprint, EmbeddedJWK, type JWK, jwtVerify } from 'jose';
import { build, type OutputChunk } from 'rolldown';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';

const test = suite('client bundle');

type Client = typeof import('../../src/client/index.ts');
type Bytes = number;

const sources = fileURLToPath(new URL('../../src/', import.meta.url));
const client = join(sources, 'client/index.js');
const whole = `export * from ${JSON.stringify(client)}`;
const signer = `export { createProof, generateKeyPair } from ${JSON.stringify(client)}`;

const signedFetch = `export { createDpopFetch, generateKeyPair } from ${JSON.stringify(client)}`;

/** Ceilings, compressed. Above today's sizes: they are there for the day when a dependency slips in. */
const bundles: readonly (readonly [what: string, entry: string, ceiling: Bytes])[] = [
  ['signer', signer, 2500],
  ['signing fetch', signedFetch, 5000],
  ['whole client, key stores included', whole, 7500],
];

for (const [what, entry, ceiling] of bundles) {
  test(`the ${what} is one file that imports nothing`, async () => {
    const { imports, dynamicImports, code } = await bundle(entry, 'esm');
    assert.equal([...imports, ...dynamicImports], []);
    assert.not.match(code, /\bimport\b|\brequire\b/);
  });

  test(`the ${what} is made of our own files: no jose, no lru-cache, no server`, async () => {
    const { moduleIds } = await bundle(entry, 'esm');
    const ours = moduleIds.filter((id) => id !== 'entry').map((id) => relative(sources, id));
    const foundations = ['digest.js', 'node-crypto.js', 'secure-url.js', 'thumbprint.js'];
    const others = ours.filter((file) => !file.startsWith('client/') && !foundations.includes(file));
    assert.ok(ours.includes('client/proof.js'));
    assert.equal(others, []);
  });

  test(`the ${what} weighs less than ${ceiling} bytes`, async () => {
    const { code } = await bundle(entry, 'esm');
    const weight = gzipSync(code, { level: 9 }).length;
    console.log(`\n  ${what}: ${weight} bytes (gzip), ${code.length} before`);
    assert.ok(weight < ceiling);
  });
}

test('a session weighs less than 20000 bytes, oauth4webapi included, and that is the one package in it', async () => {
  const entry = `export * from ${JSON.stringify(join(sources, 'client/session.js'))}`;
  const { code, imports, moduleIds } = await bundle(entry, 'esm');
  const weight = gzipSync(code, { level: 9 }).length;
  console.log(`\n  session with oauth4webapi: ${weight} bytes (gzip), ${code.length} before`);
  assert.equal(imports, []);
  assert.ok(weight < 20_000);
  const foreign = moduleIds.filter((id) => id.includes('node_modules'));
  assert.ok(foreign.length > 0 && foreign.every((id) => id.includes('oauth4webapi')));
});

test('the signer leaves the signing fetch behind', async () => {
  const [part, all] = [await bundle(signer, 'esm'), await bundle(whole, 'esm')];
  assert.not.match(part.code, 'WWW-Authenticate');
  assert.match(all.code, 'WWW-Authenticate');
});

test('the bundle runs where there is nothing of Node, and makes what the library makes', async () => {
  const { code } = await bundle(whole, 'iife');
  // What a browser has, and no more: no process, no Buffer, no require.
  const browser = { crypto, TextEncoder, URL, Request, Headers, ReadableStream, btoa, fetch };
  const { createProof, createDpopFetch, generateKeyPair } = runInNewContext(
    `${code};client`,
    browser,
  ) as Client;
  for (const algorithm of ['ES256', 'Ed25519'] as const) {
    const keyPair = await generateKeyPair({ algorithm });
    const url = 'https://rs.example/api';
    const proof = await createProof(keyPair, { method: 'GET', url, accessToken: 'token' });
    const { protectedHeader, payload } = await jwtVerify(proof, EmbeddedJWK, { typ: 'dpop+jwt' });
    assert.is(await calculateJwkThumbprint(protectedHeader.jwk as JWK), keyPair.jkt);
    assert.is(payload['ath'], 'PEaenWxYddN6Q_NT1PiOYfz4EsZu7jRXRlpAsNpBU-A');
    const seen: string[] = [];
    const underneath = (async (request: Request) => {
      seen.push(`${request.method} ${request.url}`);
      return new Response('fine');
    }) as typeof fetch;
    await createDpopFetch({ keyPair, origins: 'https://rs.example', fetch: underneath })(url);
    assert.equal(seen, [`GET ${url}`]);
  }
});

test.run();

async function bundle(entry: string, format: 'esm' | 'iife'): Promise<OutputChunk> {
  const { output } = await build({
    input: 'entry',
    platform: 'browser',
    write: false,
    plugins: [
      {
        name: 'entry',
        resolveId: (id) => (id === 'entry' ? id : undefined),
        load: (id) => (id === 'entry' ? entry : undefined),
      },
    ],
    output: { format, name: 'client', minify: true },
  });
  assert.is(output.length, 1);
  return output[0];
}
