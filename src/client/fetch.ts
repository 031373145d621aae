import { isSecureUrl } from '../secure-url.ts';
import { DpopClientError } from './errors.ts';
import type { DpopKeyPair } from './keys.ts';
import { createProof, isNonce } from './proof.ts';

/** Options of `createDpopFetch`. */
export interface DpopFetchOptions {
  readonly keyPair: DpopKeyPair;
  /** The origins that may be called, such as `https://api.example`: token and proofs never go anywhere else. */
  readonly origins: string | readonly string[];
  /** The access token, or a function that yields the current one; leave it out for a token endpoint. */
  readonly accessToken?: string | (() => string | Promise<string>);
  /** The `fetch` underneath; default: the global one. */
  readonly fetch?: typeof fetch;
}

/** Where nonces are kept: the latest of each allowed origin. */
type NonceBook = Map<string, string>;

/**
 * A `fetch` that signs what it sends.
 *
 * Adds `Authorization: DPoP` and a fresh proof to each request, learns the nonce of every answer per origin, and
 * repeats a request at most once: on a challenge that brings a new nonce, with a new proof. A body that can be read
 * only once (a stream, or a `Request` with a body) is not repeated; the nonce is learnt for the next call all the same.
 * Redirects are not followed, since neither token nor proof is meant for where they lead: the 3xx answer is returned (in
 * a browser an opaque one with status 0). Give it a `signal`, as any `fetch`: a server may take its time.
 *
 * @throws TypeError when an option makes no sense.
 * @returns a function like `fetch`; it rejects with `DpopClientError` before anything is sent (`origin-not-allowed`,
 *   `invalid-token`, `invalid-key`), with `body-not-resendable` when a challenged body is gone, and as `fetch` does.
 */
export function createDpopFetch(options: DpopFetchOptions): typeof fetch {
  requireOptions(options);
  const origins = toOrigins(options.origins);
  const nonces: NonceBook = new Map();
  const send = options.fetch ?? fetch;
  return async function dpopFetch(input, init) {
    const request = toRequest(input, init);
    const { origin } = new URL(request.url);
    if (!origins.has(origin)) {
      throw new DpopClientError('origin-not-allowed', `${origin} is not one of the allowed origins`);
    }
    const sent = nonces.get(origin);
    const response = await send(await sign(request, options, sent));
    learn(nonces, origin, response);
    if (nonces.get(origin) === sent || !(await asksForNonce(response))) return response;
    discard(response);
    const again = toRequest(resendable(input, init), init);
    const retried = await send(await sign(again, options, nonces.get(origin))); // [R9449-8-07]
    learn(nonces, origin, retried);
    return retried;
  };
}

/** A mistake shows when the options are given, not at the first request. */
function requireOptions(options: unknown): void {
  const { keyPair, accessToken, fetch: send } = (options ?? {}) as Readonly<Record<string, unknown>>;
  const { privateKey, publicJwk } = (keyPair ?? {}) as Partial<DpopKeyPair>;
  if (!isObject(privateKey) || !isObject(publicJwk)) refuseOption('keyPair', 'made by generateKeyPair');
  if (!['undefined', 'string', 'function'].includes(typeof accessToken))
    refuseOption('accessToken', 'a string, or a function that yields one');
  if (send !== undefined && typeof send !== 'function') refuseOption('fetch', 'a function like fetch');
}

function isObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null;
}

function refuseOption(name: string, expected: string): never {
  throw new TypeError(`holdfast: option "${name}" must be ${expected}`);
}

function toOrigins(value: unknown): ReadonlySet<string> {
  const list: readonly unknown[] = Array.isArray(value) ? value : [value];
  const urls = list.map((origin) => (URL.canParse(String(origin)) ? new URL(String(origin)) : undefined));
  // What has a path, a query or user info is no origin: whoever writes one expects it to count.
  const origins = urls.map((url) =>
    url !== undefined && isSecureUrl(url) && url.href === `${url.origin}/` ? url.origin : undefined,
  );
  if (origins.length > 0 && !origins.includes(undefined)) return new Set(origins as string[]);
  return refuseOption('origins', 'one or more https origins (http on loopback only), without path and query');
}

/** Built as `fetch` would build it, from whatever `init` is, and only then kept from following redirects. */
function toRequest(input: RequestInfo | URL, init: RequestInit | undefined): Request {
  return new Request(new Request(input, init), { redirect: 'manual' });
}

async function sign(
  request: Request,
  options: DpopFetchOptions,
  nonce: string | undefined,
): Promise<Request> {
  const { keyPair, accessToken } = options;
  const token = typeof accessToken === 'function' ? await accessToken() : accessToken; // [R9068-6-01]
  const { method, url } = request;
  // [R9449-4.1-01] [R9449-5-01] [R9449-7-01] [R9449-7.3-01]
  request.headers.set('DPoP', await createProof(keyPair, { method, url, accessToken: token, nonce }));
  if (token !== undefined) request.headers.set('Authorization', `DPoP ${token}`); // [R9449-7.1-01]
  return request;
}

/** Every answer may bring a nonce (RFC 9449 section 8.2); one that could not be sent back is not kept. */
function learn(nonces: NonceBook, origin: string, response: Response): void {
  const nonce = response.headers.get('DPoP-Nonce');
  if (nonce !== null && isNonce(nonce)) nonces.set(origin, nonce); // [R9449-8-06] [R9449-8.2-02] [R9449-9-02]
}

/** A challenge for a nonce: 401 with a DPoP challenge at a resource, 400 with JSON at a token endpoint. */
async function asksForNonce(response: Response): Promise<boolean> {
  if (response.status === 401) return isNonceChallenge(response.headers.get('WWW-Authenticate') ?? '');
  return response.status === 400 && (await errorOf(response)) === 'use_dpop_nonce';
}

const maxErrorBytes = 16_384;

/** Reads a copy, and no more of it than an OAuth error takes: the caller gets the answer as it is. */
async function errorOf(response: Response): Promise<unknown> {
  if (!/^application\/(?:[\w.-]+\+)?json\b/i.test(response.headers.get('Content-Type') ?? ''))
    return undefined;
  try {
    return (JSON.parse(await startOf(response.clone())) as { error?: unknown } | null)?.error;
  } catch {
    return undefined; // no JSON, so no OAuth error
  }
}

/** All of a text, or nothing of one that is longer. */
async function startOf(copy: Response): Promise<string> {
  const reader = copy.body?.getReader();
  const decoder = new TextDecoder();
  let text = '';
  for (let part = await reader?.read(); part?.value !== undefined; part = await reader?.read()) {
    text += decoder.decode(part.value, { stream: true });
    if (text.length <= maxErrorBytes) continue;
    reader?.releaseLock();
    discard(copy);
    return '';
  }
  return text;
}

/**
 * Nobody will read this answer, and an unread body holds its connection open; one that broke off holds none. Not
 * waited for, since that would never end where the `fetch` underneath keeps a clone.
 */
function discard({ body }: Response): void {
  body?.cancel().catch(() => undefined);
}

/** One scheme, or one parameter, of a `WWW-Authenticate` value (RFC 9110 section 11.6.1). */
const challengePart = /([!#$%&'*+.^`|~\w-]+)(?:\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]*)))?/g;

/** Reads any legal spelling: several challenges in one value, any letter case, quoted or not. */
function isNonceChallenge(value: string): boolean {
  let scheme = '';
  // [R9449-7.1-09] [R9449-7.1-12]
  for (const [part, name = '', quoted, plain] of value.matchAll(challengePart)) {
    if (part === name) scheme = name.toLowerCase();
    else if (scheme === 'dpop' && name.toLowerCase() === 'error')
      return (quoted?.replaceAll(/\\(.)/g, '$1') ?? plain) === 'use_dpop_nonce';
  }
  return false;
}

/** The input of a repeated request, if its body can be had again. */
function resendable(input: RequestInfo | URL, init: RequestInit | undefined): RequestInfo | URL {
  const body = init?.body;
  const inRequest = body == null && input instanceof Request && input.body !== null;
  const isStream = typeof body === 'object' && body !== null && Symbol.asyncIterator in body;
  if (!inRequest && !isStream && !(body instanceof ReadableStream)) return input;
  throw new DpopClientError(
    'body-not-resendable',
    'the server asked for a nonce, and the body was a one-time stream',
  );
}
