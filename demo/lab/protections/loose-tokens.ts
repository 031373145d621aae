import { createHmac } from 'node:crypto';
import { type AccessTokenClaims, replayKey, verifyProof } from 'holdfast';
import { decodeJwt, decodeProtectedHeader, exportSPKI, importJWK, type JWK } from 'jose';
import type { BankCall } from '../engine/bank-call.ts';
import { refuse } from '../engine/refusal.ts';
import type { World } from '../engine/world.ts';
import type { ProtectionMaker } from '../profile.ts';
import { readBearer, verify } from './own-token.ts';

/** Servers that take tokens which they should refuse; what they take properly goes to the library's guard. */

/** A bound token under the scheme `Bearer`: its signature and its dates are checked, and nobody looks for a proof. */
export const bearerAccepted: ProtectionMaker = (world) => ({
  guard: async (call) => {
    const isBearer = /^bearer /i.test(call.header('authorization') ?? '');
    if (isBearer) call.claims = await verify(world, call);
    else await call.node.authorizeWith(call.node.server, call);
  },
});

/** The algorithm is taken from the token: `none`, and HS256 with the public key's PEM as the secret, pass too. */
export const anyAlgorithm: ProtectionMaker = (world) => ({
  guard: async (call) => {
    const { alg, kid } = readHeader(readBearer(call));
    if (alg !== 'none' && alg !== 'HS256') return call.node.authorizeWith(call.node.server, call);
    await call.node.keys.prepare(kid, world.clock.now(call.node.id));
    call.claims = await acceptForged(world, call, alg);
  },
});

async function acceptForged(world: World, call: BankCall, alg: 'none' | 'HS256'): Promise<AccessTokenClaims> {
  const token = readBearer(call);
  const claims = decodeJwt<AccessTokenClaims & { readonly cnf?: { readonly jkt?: string } }>(token);
  if (alg === 'HS256' && !(await isSignedWithPublicKey(call, token))) refuse('sig');
  if (!(claims.exp > world.clock.now(call.node.id))) refuse('exp');
  await requireProof(world, call, token, claims.cnf?.jkt);
  return claims;
}

/** The proof is checked as well as ever: it is the thief's own. */
async function requireProof(
  world: World,
  { node, exchange, header }: BankCall,
  accessToken: string,
  jkt: string | undefined,
): Promise<void> {
  const { dpop } = world.profile.settings;
  if (dpop === undefined || jkt === undefined) return refuse('scheme');
  const { maxAge, futureSkew } = dpop;
  const memory = await node.store.read(world.clock.now(node.id));
  const request = {
    method: exchange.method,
    uri: node.origin + exchange.target,
    proof: header('dpop') ?? '',
  };
  const proof = await verifyProof(request, { accessToken, jkt, maxAge, futureSkew, memory }).catch(() =>
    refuse('proof'),
  );
  const { jti, time, until } = proof;
  const outcome = await node.store.claim({ jkt, key: await replayKey(jkt, jti), time, until, memory });
  if (outcome !== 'claimed') refuse('jti');
}

function readHeader(token: string): { readonly alg?: string; readonly kid?: string } {
  try {
    return decodeProtectedHeader(token);
  } catch {
    return refuse('sig');
  }
}

async function isSignedWithPublicKey({ node }: BankCall, token: string): Promise<boolean> {
  const [header, payload, signature] = token.split('.');
  const secrets = await Promise.all(node.keys.current().keys.map(toPem));
  return secrets.some((secret) => {
    return createHmac('sha256', secret).update(`${header}.${payload}`).digest('base64url') === signature;
  });
}

/** What servers mostly keep a public key in. */
async function toPem(jwk: JWK): Promise<string> {
  return exportSPKI((await importJWK(jwk, 'ES256', { extractable: true })) as CryptoKey);
}
