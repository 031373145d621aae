import type { JSONWebKeySet } from 'jose';
import { createProof, type DpopKeyPair, generateKeyPair } from '../../src/client/index.ts';
import { DpopError } from '../../src/errors.ts';
import {
  createNonces,
  createResourceServer,
  createSigningKey,
  createTokenIssuer,
  type RawRequest,
  type ReplayStore,
} from '../../src/index.ts';

/** A client with a bound token, and nodes that decide about its requests: on real clocks, unlike in the tests. */

const issuerUrl = 'https://as.example';
const origin = 'https://rs.example';
const audience = `${origin}/api`;
const target = '/api/notes';

/** What nodes in other processes need to know; fit for a message. */
export interface Setup {
  readonly jwks: JSONWebKeySet;
  /** Nonce secret in base64url: every node has the same. */
  readonly secret: string;
}

export interface Client {
  readonly setup: Setup;
  readonly keyPair: DpopKeyPair;
  readonly token: string;
}

/** The token was issued two hours ago, so that a clock that goes back by one hour leaves it valid. */
export async function createClient(): Promise<Client> {
  const signingKey = await createSigningKey('ES256');
  const clock = (): number => Date.now() / 1000 - 7200;
  const issuer = createTokenIssuer({ issuer: issuerUrl, signingKey, lifetime: 6 * 3600, clock });
  const keyPair = await generateKeyPair();
  const { accessToken: token } = await issuer.issue({
    subject: 'alice',
    clientId: 'client',
    audience,
    jkt: keyPair.jkt,
  });
  const secret = Buffer.from(crypto.getRandomValues(new Uint8Array(32))).toString('base64url');
  return { setup: { jwks: issuer.jwks(), secret }, keyPair, token };
}

/** A request with a proof of its own. */
export async function signRequest(client: Client, nonce?: string, now?: number): Promise<RawRequest> {
  const { keyPair, token } = client;
  const url = origin + target;
  const proof = await createProof(keyPair, { method: 'GET', url, accessToken: token, nonce, now });
  const rawHeaders = ['Host', 'rs.example', 'Authorization', `DPoP ${token}`, 'DPoP', proof];
  return { method: 'GET', target, rawHeaders };
}

/** What a node answered, fit for a message. */
export interface Answer {
  readonly outcome: 'accepted' | 'challenged' | 'unavailable' | 'refused';
  readonly nonce?: string | undefined;
  readonly reason?: string | undefined;
}

/** One server of several that share a public origin and, where it can be shared, a store. */
export interface AppNode {
  send(request: RawRequest): Promise<Answer>;
  close(): Promise<void>;
}

/** Decides about requests in this process, with every check. */
export function createDecider(
  { jwks, secret }: Setup,
  replay: ReplayStore,
  clock?: () => number,
): (request: RawRequest) => Promise<Answer> {
  const server = createResourceServer({
    publicOrigin: origin,
    issuer: issuerUrl,
    audience,
    jwks,
    replay,
    nonces: createNonces({ secret: new Uint8Array(Buffer.from(secret, 'base64url')) }),
    ...(clock === undefined ? {} : { clock }),
  });
  return async (request) => {
    try {
      return { outcome: 'accepted', nonce: (await server.authorize(request)).nonce };
    } catch (error) {
      return toAnswer(error);
    }
  };
}

function toAnswer(error: unknown): Answer {
  if (!(error instanceof DpopError)) throw error;
  const { reason, code, nonce } = error;
  if (code === 'use_dpop_nonce') return { outcome: 'challenged', reason, nonce };
  return { outcome: code === 'temporarily_unavailable' ? 'unavailable' : 'refused', reason };
}
