import { createServer, request as httpRequest, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import Koa from 'koa';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type DpopState, requireDpop } from '../src/adapters/koa.ts';
import type { DpopKeyPair } from '../src/client/index.ts';
import type { DpopErrorReason, NoncePolicy } from '../src/index.ts';
import { createWorld, forge, generateKeyPair, path, proofParts, signer, T0, type World } from './_setup.ts';

/**
 * The 32 blocks of the OpenID conformance module `fapi2-security-profile-final-dpop-negative-tests`, in its order, over a
 * real socket: a resource at `https://rs.example` behind a proxy that ends TLS. The module only warns about four of them
 * (header name, second use, letter case, default port) and takes 400 or 401 for a refusal; here all 32 count, and each
 * refusal has its reason.
 */

const test = suite('fapi2-dpop');

/** A resource, a token for it, and the nonce of the moment, where there are nonces. */
interface Resource {
  readonly world: World;
  readonly port: number;
  nonce: string | undefined;
  refusal: DpopErrorReason | undefined;
}

interface Answer {
  readonly status: number;
  readonly challenge: string;
}

/** What to change about a proof that is good. */
interface Changes {
  readonly header?: object;
  readonly claims?: object;
  readonly keyPair?: DpopKeyPair;
}

/** One block: what it sends, and the reason it must be refused for; `undefined`: it must be served. */
interface Block {
  readonly tag: string;
  readonly title: string;
  readonly reason?: DpopErrorReason;
  readonly send: (resource: Resource) => Promise<Answer>;
}

async function withResource(
  noncePolicy: NoncePolicy,
  run: (resource: Resource) => Promise<void>,
): Promise<void> {
  const world = await createWorld({ noncePolicy });
  const app = new Koa();
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const resource: Resource = { world, port, nonce: undefined, refusal: undefined };
  app.use(async (ctx, next) => {
    await next();
    resource.refusal = (ctx.state as DpopState).dpopRefusal?.reason;
  });
  app.use(requireDpop(world.server));
  app.use((ctx) => {
    ctx.body = 'served';
  });
  server.on('request', app.callback());
  try {
    if (noncePolicy === 'always') assert.is((await sendProof(resource, await sign(resource))).status, 401); // sets the nonce
    await run(resource);
  } finally {
    await close(server);
  }
}

function close(server: Server): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  server.closeAllConnections();
  return closed;
}

/** Sends header lines as they are; each answer's nonce is the next one's. */
function send(resource: Resource, lines: readonly string[], target: string = path): Promise<Answer> {
  const headers = ['Host', 'rs.example', ...lines];
  return new Promise((resolve, reject) => {
    const request = httpRequest(
      { port: resource.port, host: '127.0.0.1', path: target, headers },
      (answer) => {
        answer.resume().on('end', () => resolve(read(resource, answer)));
      },
    );
    request.on('error', reject).end();
  });
}

function read(resource: Resource, { statusCode = 0, headers }: IncomingMessage): Answer {
  const nonce = headers['dpop-nonce'];
  if (typeof nonce === 'string') resource.nonce = nonce;
  return { status: statusCode, challenge: headers['www-authenticate'] ?? '' };
}

function sendProof(resource: Resource, proof: string, target?: string): Promise<Answer> {
  return send(resource, ['Authorization', `DPoP ${resource.world.token}`, 'DPoP', proof], target);
}

/** A good proof, changed; a member given as `undefined` is left out. */
async function sign(resource: Resource, { header, claims, keyPair }: Changes = {}): Promise<string> {
  const { keyPair: own, token } = resource.world;
  const ath = Buffer.from(await crypto.subtle.digest('SHA-256', Buffer.from(token))).toString('base64url');
  const parts = proofParts(own, ath);
  const nonce = resource.nonce === undefined ? {} : { nonce: resource.nonce };
  const key = keyPair ?? own;
  const jwk = { jwk: key.publicJwk };
  return forge({ ...parts.header, ...jwk, ...header }, { ...parts.claims, ...nonce, ...claims }, signer(key));
}

function changed(changes: Changes, target?: string): Block['send'] {
  return async (resource) => sendProof(resource, await sign(resource, changes), target);
}

async function rsaProof(resource: Resource): Promise<string> {
  const algorithm = { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' };
  const size = { modulusLength: 2048, publicExponent: Uint8Array.of(1, 0, 1) };
  const { privateKey, publicKey } = await crypto.subtle.generateKey({ ...algorithm, ...size }, true, [
    'sign',
    'verify',
  ]);
  const { kty, n, e } = await crypto.subtle.exportKey('jwk', publicKey);
  const parts = proofParts(resource.world.keyPair);
  return forge({ ...parts.header, alg: 'RS256', jwk: { kty, n, e } }, parts.claims, async (text) =>
    Buffer.from(await crypto.subtle.sign(algorithm, privateKey, Buffer.from(text))).toString('base64url'),
  );
}

const good = changed({});
const url = `https://rs.example${path}`;
const missing = undefined;

const blocks: readonly Block[] = [
  { tag: 'A01', title: 'a good proof, to begin with', send: good },
  {
    tag: 'A01',
    title: 'several proofs',
    reason: 'proof-repeated',
    send: async (resource) => {
      const authorization = ['Authorization', `DPoP ${resource.world.token}`];
      return send(resource, [...authorization, 'DPoP', await sign(resource), 'DPoP', await sign(resource)]);
    },
  },
  {
    tag: 'B01',
    title: 'a proof that is no JWT',
    reason: 'proof-malformed',
    send: (resource) => sendProof(resource, 'this-is.not-a-proof'),
  },
  { tag: 'C01', title: 'no typ', reason: 'typ-mismatch', send: changed({ header: { typ: missing } }) },
  { tag: 'C05', title: 'no alg', reason: 'alg-not-allowed', send: changed({ header: { alg: missing } }) },
  { tag: 'C17', title: 'no jwk', reason: 'jwk-malformed', send: changed({ header: { jwk: missing } }) },
  { tag: 'E01', title: 'no jti', reason: 'jti-invalid', send: changed({ claims: { jti: missing } }) },
  { tag: 'E02', title: 'no htm', reason: 'htm-mismatch', send: changed({ claims: { htm: missing } }) },
  { tag: 'E03', title: 'no htu', reason: 'htu-malformed', send: changed({ claims: { htu: missing } }) },
  { tag: 'E04', title: 'no iat', reason: 'iat-invalid', send: changed({ claims: { iat: missing } }) },
  { tag: 'G01', title: 'no ath', reason: 'ath-mismatch', send: changed({ claims: { ath: missing } }) },
  { tag: 'C02', title: 'another typ', reason: 'typ-mismatch', send: changed({ header: { typ: 'jwt' } }) },
  {
    tag: 'C09',
    title: 'RS256 and an RSA key',
    reason: 'alg-not-allowed',
    send: async (resource) => sendProof(resource, await rsaProof(resource)),
  },
  { tag: 'C06', title: 'alg none', reason: 'alg-not-allowed', send: changed({ header: { alg: 'none' } }) },
  {
    tag: 'B17',
    title: 'a bad signature',
    reason: 'signature-invalid',
    send: async (resource) => {
      const [header, payload, signature = ''] = (await sign(resource)).split('.');
      const first = signature.startsWith('A') ? 'B' : 'A'; // the last character may carry unused bits
      return sendProof(resource, `${header}.${payload}.${first}${signature.slice(1)}`);
    },
  },
  {
    tag: 'D01',
    title: 'the private key in jwk',
    reason: 'jwk-private',
    send: (resource) => {
      const jwk = { ...resource.world.keyPair.publicJwk, d: 'A'.repeat(43) };
      return changed({ header: { jwk } })(resource);
    },
  },
  { tag: 'F01', title: 'another htm', reason: 'htm-mismatch', send: changed({ claims: { htm: 'POST' } }) },
  { tag: 'F08', title: 'an htu with query and fragment', send: changed({ claims: { htu: `${url}?a=b#c` } }) },
  { tag: 'F08', title: 'a request with a query that htu lacks', send: changed({}, `${path}?page=2`) },
  {
    tag: 'F07',
    title: 'another htu',
    reason: 'htu-mismatch',
    send: changed({ claims: { htu: `${url}/other` } }),
  },
  {
    tag: 'E14',
    title: 'iat an hour ahead',
    reason: 'proof-from-future',
    send: changed({ claims: { iat: T0 + 3600 } }),
  },
  {
    tag: 'E14',
    title: 'iat an hour ago',
    reason: 'proof-stale',
    send: changed({ claims: { iat: T0 - 3600 } }),
  },
  {
    tag: 'G01',
    title: 'another ath',
    reason: 'ath-mismatch',
    send: changed({ claims: { ath: 'A'.repeat(43) } }),
  },
  {
    tag: 'G03',
    title: 'another key',
    reason: 'key-mismatch',
    send: async (resource) => changed({ keyPair: await generateKeyPair() })(resource),
  },
  {
    tag: 'C19',
    title: 'further header members and claims',
    send: changed({ header: { x: 1 }, claims: { y: [2] } }),
  },
  {
    tag: 'A06',
    title: 'no proof',
    reason: 'proof-missing',
    send: (resource) => send(resource, ['Authorization', `DPoP ${resource.world.token}`]),
  },
  {
    tag: 'A07',
    title: 'no proof, and Bearer',
    reason: 'bearer-scheme',
    send: (resource) => send(resource, ['Authorization', `Bearer ${resource.world.token}`]),
  },
  {
    tag: 'A04',
    title: 'the name of the header in capitals',
    send: async (resource) =>
      send(resource, ['AUTHORIZATION', `DPoP ${resource.world.token}`, 'DPOP', await sign(resource)]),
  },
  {
    tag: 'I01',
    title: 'a second use',
    reason: 'replayed',
    send: async (resource) => {
      const proof = await sign(resource);
      assert.is((await sendProof(resource, proof)).status, 200);
      return sendProof(resource, proof);
    },
  },
  {
    tag: 'F09',
    title: 'scheme and host of htu in capitals',
    send: changed({ claims: { htu: `HTTPS://RS.EXAMPLE${path}` } }),
  },
  {
    tag: 'F10',
    title: 'the default port in htu',
    send: changed({ claims: { htu: `https://rs.example:443${path}` } }),
  },
  { tag: 'A01', title: 'a good proof, to end with', send: good },
];

/** With a demanded nonce its time takes the place of `iat` (RFC 9449 section 11.1), so a wrong clock does no harm. */
function expectedReason({ tag, reason }: Block, usesNonces: boolean): DpopErrorReason | undefined {
  return tag === 'E14' && usesNonces ? undefined : reason;
}

test('[A01] there are 32 blocks', () => {
  assert.is(blocks.length, 32);
});

for (const noncePolicy of ['when-needed', 'always'] as const) {
  for (const [index, block] of blocks.entries()) {
    const reason = expectedReason(block, noncePolicy === 'always');
    const outcome = reason === undefined ? 'is served' : `is refused: ${reason}`;
    test(`[${block.tag}] nonces ${noncePolicy}, block ${index + 1} of 32: ${block.title} ${outcome}`, () =>
      withResource(noncePolicy, async (resource) => {
        const { status, challenge } = await block.send(resource);
        assert.is(resource.refusal, reason);
        assert.is(status, reason === undefined ? 200 : 401);
        assert.is(challenge.startsWith('DPoP '), reason !== undefined);
        assert.is((await good(resource)).status, 200, 'a good proof straight after is served');
      }));
  }
}

test('[A01] the 32 blocks one after the other, with one token, as the module runs them', () =>
  withResource('when-needed', async (resource) => {
    for (const block of blocks) {
      const reason = expectedReason(block, resource.nonce !== undefined); // the first stale proof brings one
      await block.send(resource);
      assert.is(resource.refusal, reason, block.title);
    }
  }));

test.run();
