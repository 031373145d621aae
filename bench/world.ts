import { createPublicKey, type KeyObject } from 'node:crypto';
import { createSigningKey, createTokenIssuer, type TokenIssuer } from 'holdfast';
import { createProof, type DpopKeyPair, generateKeyPair } from 'holdfast/client';

/** The world that is measured: one issuer, clients with bound tokens, and requests that they have signed. */

export const issuerUrl = 'https://as.example';
export const host = 'rs.example';
export const origin = `https://${host}`;
export const audience = 'https://rs.example/api';
export const path = '/api/notes';
/** As on a request line; the proof covers the path alone. */
export const target = `${path}?page=2`;

/** A client with its key and a token bound to it. */
export interface Client {
  readonly keyPair: DpopKeyPair;
  readonly token: string;
  /** Its public key, imported once: for the raw verifications. */
  readonly cryptoKey: CryptoKey;
  readonly keyObject: KeyObject;
}

/** A request before any framework or library has touched it. */
export interface SignedRequest {
  readonly method: string;
  readonly host: string;
  readonly token: string;
  readonly proof: string;
  /** Who signed the proof. */
  readonly client: Client;
}

export interface World {
  readonly issuer: TokenIssuer;
  /** Clients that come back with every round: warm means that they are known. */
  readonly regulars: readonly Client[];
}

export async function createWorld(clients: number): Promise<World> {
  const issuer = createTokenIssuer({
    issuer: issuerUrl,
    signingKey: await createSigningKey('ES256'),
    lifetime: 7200,
  });
  return { issuer, regulars: await repeat(clients, () => createClient(issuer)) };
}

export async function createClient(issuer: TokenIssuer): Promise<Client> {
  const keyPair = await generateKeyPair();
  const { accessToken: token } = await issuer.issue({
    subject: 'alice',
    clientId: 'client',
    audience,
    jkt: keyPair.jkt,
    scope: 'notes:read notes:write',
  });
  const jwk = keyPair.publicJwk;
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256' };
  const cryptoKey = await crypto.subtle.importKey('jwk', { ...jwk }, algorithm, true, ['verify']);
  return { keyPair, token, cryptoKey, keyObject: createPublicKey({ key: { ...jwk }, format: 'jwk' }) };
}

/** What a request may have that a valid one has not. */
export interface RequestChanges {
  /** Another token than the signer's own. */
  readonly token?: string;
  /** Signed for another URL, method or time. */
  readonly url?: string;
  readonly method?: string;
  readonly now?: number;
  /** Sent to another host. */
  readonly host?: string;
}

/** A valid request, unless told otherwise. Each proof is new. */
export async function signRequest(client: Client, changes: RequestChanges = {}): Promise<SignedRequest> {
  const { token = client.token, url = `${origin}${path}`, method = 'GET', now } = changes;
  const proof = await createProof(client.keyPair, { method, url, accessToken: token, now });
  return { method: 'GET', host: changes.host ?? host, token, proof, client };
}

/** One after the other, so that nothing of it is left running when the measuring begins. */
export async function repeat<T>(count: number, make: (index: number) => Promise<T>): Promise<T[]> {
  const made: T[] = [];
  for (let index = 0; index < count; index++) made.push(await make(index));
  return made;
}

/** An element that is known to be there, of a list that is gone round and round. */
export function pick<T>(list: readonly T[], index: number): T {
  return list[index % list.length] as T;
}
