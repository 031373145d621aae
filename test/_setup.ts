import { createDpopFetch, createProof, type DpopKeyPair, generateKeyPair } from '../src/client/index.ts';
import { encodeBase64url, utf8 } from '../src/digest.ts';
import { DpopError, type DpopErrorReason } from '../src/errors.ts';
import {
  createMemoryReplayStore,
  createResourceServer,
  createSigningKey,
  createTokenIssuer,
  type RawRequest,
  type ResourceServer,
  type ResourceServerOptions,
  type SigningKey,
  type TokenIssuer,
} from '../src/index.ts';

/** The world of most tests: a fixed clock, an issuer, a client with a bound token, and one valid request to vary. */

export const T0 = 1_800_000_000;
export const issuerUrl = 'https://as.example';
export const origin = 'https://rs.example';
export const audience = 'https://rs.example/api';
export const path = '/api/notes';

/** A clock that tests move. */
export interface TestClock {
  now: number;
  readonly read: () => number;
}

export function createClock(now: number = T0): TestClock {
  const clock = { now, read: (): number => clock.now };
  return clock;
}

export interface World {
  readonly clock: TestClock;
  readonly signingKey: SigningKey;
  readonly issuer: TokenIssuer;
  readonly keyPair: DpopKeyPair;
  readonly token: string;
  readonly server: ResourceServer;
}

/** A fresh world. Its replay memory was born long ago, so that plain proofs are accepted from the start. */
export async function createWorld(options: Partial<ResourceServerOptions> = {}): Promise<World> {
  const clock = createClock();
  const signingKey = await createSigningKey('ES256');
  const issuer = createTokenIssuer({ issuer: issuerUrl, signingKey, clock: clock.read });
  const keyPair = await generateKeyPair();
  const { accessToken } = await issuer.issue({
    subject: 'alice',
    clientId: 'client',
    audience,
    jkt: keyPair.jkt,
    scope: 'notes:read notes:write',
  });
  const server = createResourceServer({
    publicOrigin: origin,
    issuer: issuerUrl,
    audience,
    jwks: () => issuer.jwks(),
    replay: createMemoryReplayStore({ capacity: 1000, clock: () => T0 - 1000 }),
    clock: clock.read,
    ...options,
  });
  return { clock, signingKey, issuer, keyPair, token: accessToken, server };
}

/** A token as the world's issuer makes them for its client, but bound to no key. */
export async function issueUnbound({ clock, signingKey }: World): Promise<string> {
  const issuer = createTokenIssuer({
    issuer: issuerUrl,
    signingKey,
    clock: clock.read,
    mayUseBearer: () => true,
  });
  const scope = 'notes:read notes:write';
  const token = { subject: 'alice', clientId: 'client', audience, jkt: undefined, scope };
  return (await issuer.issue(token)).accessToken;
}

/** What a test may change about the valid request; everything else stays valid. */
export interface RequestChanges {
  readonly method?: string;
  readonly target?: string;
  readonly proof?: string;
  readonly nonce?: string;
  readonly token?: string;
  readonly keyPair?: DpopKeyPair;
  readonly proofTime?: number;
  readonly headers?: readonly string[];
}

/** The valid request of a world, with one thing changed. */
export async function createRequest(world: World, changes: RequestChanges = {}): Promise<RawRequest> {
  const { method = 'GET', target = path, token = world.token, keyPair = world.keyPair, nonce } = changes;
  const now = changes.proofTime ?? world.clock.now;
  const url = `${origin}${path}`;
  const proof =
    changes.proof ?? (await createProof(keyPair, { method, url, accessToken: token, nonce, now }));
  const rawHeaders = ['Host', 'rs.example', 'Authorization', `DPoP ${token}`, 'DPoP', proof];
  return { method, target, rawHeaders: [...(changes.headers ?? rawHeaders)] };
}

/** Any header and payload, as JSON values or as raw text, signed by `sign` (default: not signed at all). */
export async function forge(
  header: unknown,
  payload: unknown,
  sign: (text: string) => Promise<string> = async () => 'AAAA',
): Promise<string> {
  const encode = (part: unknown): string =>
    encodeBase64url(utf8(typeof part === 'string' ? part : JSON.stringify(part)));
  const text = `${encode(header)}.${encode(payload)}`;
  return `${text}.${await sign(text)}`;
}

/** Signs a JWS signing input with a client's key. */
export function signer({ privateKey, algorithm }: DpopKeyPair): (text: string) => Promise<string> {
  const parameters = algorithm === 'ES256' ? { name: 'ECDSA', hash: 'SHA-256' } : { name: 'Ed25519' };
  return async (text) =>
    encodeBase64url(new Uint8Array(await crypto.subtle.sign(parameters, privateKey, utf8(text))));
}

/** Header and claims of a valid proof, to change one thing of and `forge`. */
export function proofParts(
  keyPair: DpopKeyPair,
  ath?: string,
): { readonly header: Record<string, unknown>; readonly claims: Record<string, unknown> } {
  return {
    header: { typ: 'dpop+jwt', alg: keyPair.algorithm, jwk: keyPair.publicJwk },
    claims: {
      jti: crypto.randomUUID(),
      htm: 'GET',
      htu: `${origin}${path}`,
      iat: T0,
      ...(ath === undefined ? {} : { ath }),
    },
  };
}

/** The reason for which something was refused; fails when it was not, or by something else than a `DpopError`. */
export async function reasonOf(attempt: Promise<unknown> | (() => unknown)): Promise<DpopErrorReason> {
  return (await refusalOf(attempt)).reason;
}

export async function refusalOf(attempt: Promise<unknown> | (() => unknown)): Promise<DpopError> {
  try {
    await (typeof attempt === 'function' ? attempt() : attempt);
  } catch (error) {
    if (error instanceof DpopError) return error;
    throw error;
  }
  throw new Error('accepted, though it should have been refused');
}

export { createDpopFetch, createProof, generateKeyPair };
