import { createHash, verify } from 'node:crypto';
import { auth } from 'express-oauth2-jwt-bearer';
import {
  createMemoryReplayStore,
  createMemoryRevocationStore,
  createResourceServer,
  createRevocations,
  type Revocations,
} from 'holdfast';
import { calculateJwkThumbprint, createLocalJWKSet, EmbeddedJWK, type JSONWebKeySet, jwtVerify } from 'jose';
import { LRUCache } from 'lru-cache';
import { jwksCache, validateJwtAccessToken } from 'oauth4webapi';
import { audience, issuerUrl, origin, path, type SignedRequest, target } from './world.ts';

/** What is compared: holdfast, what people write or install today, and the bare signature check as the measure. */

/** Decides about one request. Resolves: accepted; rejects or gives false: refused. */
export type Task = () => unknown;

export interface Contestant {
  readonly name: string;
  /** What it does not check: the price of that is not in its figures. */
  readonly leavesOut: string;
  /** Brings a request into the form in which the library wants it; not measured. */
  readonly prepare: (request: SignedRequest) => Task;
}

/** Each call makes contestants with caches and memories of their own. */
export function createContestants(jwks: JSONWebKeySet): readonly Contestant[] {
  return [
    createHoldfast('holdfast', 'revocation', jwks),
    createHoldfast('holdfast, revocable', 'nothing', jwks, createFullRevocations()),
    createJoseRecipe(jwks),
    createOauth4webapi(jwks),
    createExpressBearer(jwks),
  ];
}

const capacity = 100_000;

/** A deny list with ten thousand other tokens on it. */
function createFullRevocations(): Revocations {
  const store = createMemoryRevocationStore({ capacity, birth: 0 });
  const now = Date.now() / 1000;
  for (let index = 0; index < 10_000; index++) {
    const key = createHash('sha256').update(String(index)).digest('base64url');
    store.add({ key, before: Number.POSITIVE_INFINITY, until: now + 3600 }, now);
  }
  return createRevocations({ store });
}

function createHoldfast(
  name: string,
  leavesOut: string,
  jwks: JSONWebKeySet,
  revocations?: Revocations,
): Contestant {
  const server = createResourceServer({
    publicOrigin: origin,
    issuer: issuerUrl,
    audience,
    jwks,
    // Born long ago: a new memory asks for nonces first.
    replay: createMemoryReplayStore({ capacity, clock: () => Date.now() / 1000 - 1000 }),
    ...(revocations === undefined ? {} : { revocations }),
  });
  return {
    name,
    leavesOut,
    prepare: ({ method, host, token, proof }) => {
      const rawHeaders = ['Host', host, 'Accept', '*/*', 'Authorization', `DPoP ${token}`, 'DPoP', proof];
      return () => server.authorize({ method, target, rawHeaders });
    },
  };
}

/** The recipe of most tutorials, and no worse than it has to be. */
function createJoseRecipe(jwks: JSONWebKeySet): Contestant {
  const keys = createLocalJWKSet(jwks);
  const seen = new LRUCache<string, true>({ max: capacity, ttl: 70_000 });
  const tokenOptions = { issuer: issuerUrl, audience, typ: 'at+jwt', algorithms: ['ES256'] };
  const proofOptions = { typ: 'dpop+jwt', algorithms: ['ES256'], maxTokenAge: 60, clockTolerance: 10 };
  const authorize = async ({ method, token, proof }: SignedRequest): Promise<unknown> => {
    const { payload: claims } = await jwtVerify<{ cnf?: { jkt?: string } }>(token, keys, tokenOptions);
    const { payload, protectedHeader } = await jwtVerify(proof, EmbeddedJWK, proofOptions);
    const { htm, htu, ath, jti } = payload;
    if (htm !== method || htu !== origin + path) throw new Error('proof is for another request');
    if (ath !== createHash('sha256').update(token).digest('base64url')) throw new Error('other token');
    if (protectedHeader.jwk === undefined || jti === undefined) throw new Error('incomplete');
    const jkt = await calculateJwkThumbprint(protectedHeader.jwk);
    if (claims.cnf?.jkt !== jkt) throw new Error('other key');
    const use = `${jkt}:${jti}`;
    if (seen.has(use)) throw new Error('replayed');
    seen.set(use, true);
    return claims;
  };
  return {
    name: 'jose recipe',
    leavesOut: 'revocation, nonces, Host; uses are forgotten at a restart and when the cache is full',
    prepare: (request) => () => authorize(request),
  };
}

function createOauth4webapi(jwks: JSONWebKeySet): Contestant {
  const as = { issuer: issuerUrl, jwks_uri: `${issuerUrl}/jwks` };
  // Dated ahead: after five minutes it would be fetched from the network again.
  const cache = { jwks: { keys: [...jwks.keys] as never[] }, uat: Math.floor(Date.now() / 1000) + 7200 };
  const options = { [jwksCache]: cache, requireDPoP: true };
  return {
    name: 'oauth4webapi',
    leavesOut: 'revocation, nonces, Host, replay',
    prepare: ({ method, token, proof }) => {
      const headers = { authorization: `DPoP ${token}`, dpop: proof };
      const request = new Request(origin + target, { method, headers });
      return () => validateJwtAccessToken(as, request, audience, options);
    },
  };
}

/** What the middleware reads of a request. */
type Middleware = (request: object, response: object, next: (error?: unknown) => void) => void;

function createExpressBearer(jwks: JSONWebKeySet): Contestant {
  const middleware = auth({
    issuer: issuerUrl,
    audience,
    publicKey: { keys: [...jwks.keys] as never[] },
    tokenSigningAlg: 'ES256',
    strict: true,
    dpop: { enabled: true, required: true },
  }) as unknown as Middleware;
  return {
    name: 'express-oauth2-jwt-bearer',
    leavesOut: 'revocation, nonces, replay; the Host is believed',
    prepare: ({ method, host, token, proof }) => {
      const headers: Record<string, string> = { host, authorization: `DPoP ${token}`, dpop: proof };
      const get = (name: string): string | undefined => headers[name.toLowerCase()];
      const plain = {
        method,
        headers,
        protocol: 'https',
        originalUrl: target,
        url: target,
        query: {},
        get,
        is: () => false,
      };
      return () =>
        new Promise<void>((resolve, reject) => {
          middleware(plain, {}, (error) => (error === undefined ? resolve() : reject(error as Error)));
        });
    },
  };
}

/** The two honest readings of "one raw ES256 verification", and what the measuring itself costs. */
export const baselines = ['WebCrypto verify', 'node:crypto verify'] as const;
export const idle = 'harness alone';

/** Given valid requests only: they verify the signature of the proof, with an imported key, on decoded bytes. */
export const references: readonly Omit<Contestant, 'leavesOut'>[] = [
  {
    name: baselines[0],
    prepare: ({ proof, client }) => {
      const { signed, signature } = split(proof);
      return () =>
        crypto.subtle.verify({ name: 'ECDSA', hash: 'SHA-256' }, client.cryptoKey, signature, signed);
    },
  },
  {
    name: baselines[1],
    prepare: ({ proof, client }) => {
      const { signed, signature } = split(proof);
      const key = { key: client.keyObject, dsaEncoding: 'ieee-p1363' } as const;
      return () => verify('sha256', signed, key, signature);
    },
  },
  { name: idle, prepare: () => async () => true },
];

function split(proof: string): { signed: Uint8Array<ArrayBuffer>; signature: Uint8Array<ArrayBuffer> } {
  const dot = proof.lastIndexOf('.');
  const signature = new Uint8Array(Buffer.from(proof.slice(dot + 1), 'base64url'));
  return { signed: new TextEncoder().encode(proof.slice(0, dot)), signature };
}
