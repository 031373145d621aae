import { calculateJwkThumbprint, decodeJwt, decodeProtectedHeader, exportJWK, type JWK, SignJWT } from 'jose';
import * as oauth from 'oauth4webapi';
import * as assert from 'uvu/assert';
import { demoWebPrivateJwk } from '../../demo/authorization/demo-web-key.ts';
import { Browser } from './_browser.ts';
import { type Demo, later, startDemo } from './_setup.ts';

/** Applications on libraries that are not ours, unmodified, against the demo. */

/** The demo, demanding nonces at both servers, and a person's browser. */
export interface World {
  readonly demo: Demo;
  readonly browser: Browser;
}

export async function startWorld(): Promise<World> {
  const settings = { NONCE_POLICY: 'always', REPLAY_CAPACITY: '10000' };
  const demo = await later(-20, () => startDemo(settings)); // what its first seconds are like is tested elsewhere
  return { demo, browser: new Browser(demo.authorizationOrigin) };
}

/** How a client is registered with the demo. */
export interface Registration {
  readonly clientId: string;
  readonly authentication: 'none' | 'client_secret_basic' | 'client_secret_post' | 'private_key_jwt';
  readonly secret?: string;
}

export const spa: Registration = { clientId: 'demo-spa', authentication: 'none' };
export const web: Registration = { clientId: 'demo-web', authentication: 'private_key_jwt' };
export const serviceByBasic: Registration = {
  clientId: 'demo-service',
  authentication: 'client_secret_basic',
  secret: 'demo-service-secret',
};
export const serviceByPost: Registration = { ...serviceByBasic, authentication: 'client_secret_post' };
export const api: Registration = {
  clientId: 'demo-api',
  authentication: 'client_secret_basic',
  secret: 'demo-api-secret',
};

/** Nobody listens there: the browser stops before it. */
export const redirectUri = 'http://127.0.0.1:49152/callback';

export type Tokens = oauth.TokenEndpointResponse;

/** An authorization request that was made, and what its answer is checked by. */
export interface Asked {
  readonly url: URL;
  readonly state: string;
  readonly verifier: string;
}

/** How an authorization request reaches the server, and how it names the key of the code to come. */
export interface Asking {
  readonly way: 'browser' | 'pushed';
  readonly jkt: 'none' | 'parameter' | 'proof' | 'parameter and proof';
}

/** An application as somebody would build it from a library. It repeats a request that was answered with a nonce. */
export interface App {
  readonly registration: Registration;
  readonly wire: Wire;
  readonly jkt: string;
  clientCredentials(): Promise<Tokens>;
  ask(asking: Asking): Promise<Asked>;
  /** Checks `state` and `iss`, then redeems the code. */
  redeem(callback: URL, asked: Asked): Promise<Tokens>;
  refresh(token: string): Promise<Tokens>;
  introspect(token: string): Promise<oauth.IntrospectionResponse>;
  revoke(token: string): Promise<void>;
  call(token: string, method?: string): Promise<Response>;
}

/** Where the demo is found. */
export type DemoPlace = Pick<Demo, 'authorizationOrigin' | 'notesUrl'>;

/** Each has a key of its own. */
export type OpenApp = (demo: DemoPlace, registration: Registration) => Promise<App>;

/** The key that `demo-web` authenticates with. */
export async function importWebKey(): Promise<oauth.PrivateKey> {
  const { kid = '' } = demoWebPrivateJwk;
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256' };
  const key = await crypto.subtle.importKey('jwk', demoWebPrivateJwk as JsonWebKey, algorithm, false, [
    'sign',
  ]);
  return { key, kid };
}

/** Of a proof, or of a client assertion. */
export interface Claims extends Record<string, oauth.JsonValue | undefined> {
  readonly iss?: oauth.JsonValue | undefined;
  readonly aud?: oauth.JsonValue | undefined;
  readonly iat?: oauth.JsonValue | undefined;
  readonly jti?: oauth.JsonValue | undefined;
  readonly htu?: oauth.JsonValue | undefined;
  readonly ath?: oauth.JsonValue | undefined;
  readonly nonce?: oauth.JsonValue | undefined;
}

/** One thing that is changed on the way; everything else stays valid. */
export interface Change {
  /** Of the proof, before the library signs it. */
  readonly proofClaims?: (claims: Claims, wire: Wire) => Claims;
  /** Of the client assertion, before the library signs it. */
  readonly assertionClaims?: (claims: Claims, wire: Wire) => Claims;
  /** The proof, after the library has signed it; `undefined` leaves it out. */
  readonly proof?: (proof: string) => string | undefined | Promise<string>;
  /** Parameters of the form; `undefined` leaves one out. */
  readonly form?: (given: URLSearchParams) => FormChanges | Promise<FormChanges>;
}

type FormChanges = Readonly<Record<string, string | undefined>>;

/** A request that went over the wire, and how it was answered. */
export interface Exchange {
  readonly url: URL;
  readonly proof: string | undefined;
  readonly form: URLSearchParams | undefined;
  readonly status: number;
}

/** What both libraries hand to a fetch; their types for a body are a little wider than the DOM's. */
interface WireInit extends Omit<RequestInit, 'body'> {
  readonly body?: unknown;
}

/** The way from a library to the servers: what goes along is seen, and can be changed by the library's own hooks. */
export class Wire {
  readonly exchanges: Exchange[] = [];
  change: Change = {};

  /** For `customFetch`. */
  readonly fetch = async (address: string, init: WireInit): Promise<Response> => {
    const headers = new Headers(init.headers);
    const proof = await this.#changedProof(headers.get('dpop') ?? undefined);
    headers.delete('dpop');
    if (proof !== undefined) headers.set('dpop', proof);
    const form = init.body instanceof URLSearchParams ? await this.#changed(init.body) : undefined;
    const body = form ?? (init.body as BodyInit | null | undefined) ?? null;
    const response = await fetch(address, { ...init, headers, body });
    this.exchanges.push({ url: new URL(address), proof, form, status: response.status });
    return response;
  };

  /** For `modifyAssertion` of proofs. */
  readonly signingProof: oauth.ModifyAssertionFunction = (_header, claims) => {
    Object.assign(claims, this.change.proofClaims?.(claims, this));
  };

  /** For `modifyAssertion` of client assertions. */
  readonly signingAssertion: oauth.ModifyAssertionFunction = (_header, claims) => {
    Object.assign(claims, this.change.assertionClaims?.(claims, this));
  };

  /** The status codes of the answers to the requests there. */
  statuses(path: string): number[] {
    return this.exchanges.filter(({ url }) => url.pathname === path).map(({ status }) => status);
  }

  /** The claims of the proof that was accepted last by the server that these are for. */
  accepted({ htu }: Claims): Claims {
    return this.#accepted((origin) => origin === originOf(htu));
  }

  /** The claims of the proof that was accepted last by the other server. */
  acceptedElsewhere({ htu }: Claims): Claims {
    return this.#accepted((origin) => origin !== originOf(htu));
  }

  /** The claims of the client assertion that was sent last. */
  sentAssertion(): Claims {
    const sent = this.exchanges.flatMap(({ form }) => form?.get('client_assertion') ?? []);
    return decodeJwt(sent.at(-1) ?? '') as Claims;
  }

  #accepted(where: (origin: string) => boolean): Claims {
    const accepted = this.exchanges.filter(({ status, url }) => status < 300 && where(url.origin));
    const proofs = accepted.flatMap(({ proof }) => proof ?? []);
    return decodeJwt(proofs.at(-1) ?? '') as Claims;
  }

  async #changedProof(proof: string | undefined): Promise<string | undefined> {
    const { proof: change } = this.change;
    return proof === undefined || change === undefined ? proof : change(proof);
  }

  async #changed(form: URLSearchParams): Promise<URLSearchParams> {
    const changed = new URLSearchParams(form);
    for (const [name, value] of Object.entries((await this.change.form?.(form)) ?? {})) {
      if (value === undefined) changed.delete(name);
      else changed.set(name, value);
    }
    return changed;
  }
}

function originOf(htu: oauth.JsonValue | undefined): string {
  return new URL(String(htu)).origin;
}

/** Makes another text of the same form. */
export function altered(text: string): string {
  return `${text.startsWith('A') ? 'B' : 'A'}${text.slice(1)}`;
}

/** The same JWS with another signature. */
export function alteredSignature(jws: string): string {
  const start = jws.lastIndexOf('.') + 1;
  return jws.slice(0, start) + altered(jws.slice(start));
}

/** The same JWS, header and all, signed with a key that is not the header's, nor the client's. */
export async function signedByStranger(jws: string): Promise<string> {
  const { privateKey } = await oauth.generateKeyPair('ES256');
  return signedAgain(jws, decodeProtectedHeader(jws), privateKey);
}

/** The same proof by another key: sound in itself. */
export async function provenByAnotherKey(proof: string): Promise<string> {
  const { privateKey, publicKey } = await oauth.generateKeyPair('ES256');
  return signedAgain(proof, { ...decodeProtectedHeader(proof), jwk: await exportJWK(publicKey) }, privateKey);
}

function signedAgain(jws: string, header: object, privateKey: CryptoKey): Promise<string> {
  return new SignJWT(decodeJwt(jws)).setProtectedHeader({ alg: 'ES256', ...header }).sign(privateKey);
}

/** Repeats once what was answered with a nonce: what oauth4webapi leaves to the application. */
export function repeatedOnce<T>(request: () => Promise<T>): Promise<T> {
  return request().catch((error: unknown) => {
    if (oauth.isDPoPNonceError(error)) return request();
    throw error;
  });
}

/** Asks, lets the person allow it, and answers with both. */
export async function allowed(
  app: App,
  { browser }: Pick<World, 'browser'>,
  asking: Asking,
): Promise<{ readonly asked: Asked; readonly callback: URL }> {
  const asked = await app.ask(asking);
  return { asked, callback: await browser.authorize(asked.url) };
}

export async function obtain(app: App, world: Pick<World, 'browser'>, asking: Asking): Promise<Tokens> {
  const { asked, callback } = await allowed(app, world, asking);
  return app.redeem(callback, asked);
}

export async function errorOf(attempt: Promise<unknown>): Promise<Error> {
  const outcome = await attempt.catch((error: unknown) => error);
  if (outcome instanceof Error) return outcome;
  throw new Error('accepted, though it should have been refused');
}

/** The OAuth error word, as the library understood the refusal; fails when it was none. */
export async function wordOf(attempt: Promise<unknown>): Promise<string | undefined> {
  const error = await errorOf(attempt);
  if (error instanceof oauth.ResponseBodyError) return error.error;
  if (!(error instanceof oauth.WWWAuthenticateChallengeError)) throw error;
  const word = error.cause[0]?.parameters.error;
  return word ?? ((await error.response.json()) as { readonly error?: string }).error;
}

/** Why the last request to this path was refused, from the demo's log. */
export function reasonAt({ lines }: Demo, path: string): string | undefined {
  const [, , , , , , reason] = lines.findLast((line) => line.split(' ')[3] === path)?.split(' ') ?? [];
  return reason;
}

/** What a refusal says to the client, and what the log says. */
export type Refusal = readonly [word: string, reason: string];

export async function assertRefused(
  { demo }: Pick<World, 'demo'>,
  path: string,
  attempt: Promise<unknown>,
  refusal: Refusal,
): Promise<void> {
  assert.equal([await wordOf(attempt), reasonAt(demo, path)], refusal);
}

/** The thumbprint of the key that a proof names. */
export function keyOf(proof: string): Promise<string> {
  return calculateJwkThumbprint(decodeProtectedHeader(proof).jwk as JWK);
}
