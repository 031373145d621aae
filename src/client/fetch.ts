import { isSecureUrl } from '../secure-url.ts';
import { discard, readProofRefusal } from './challenges.ts';
import { DpopClientError } from './errors.ts';
import type { DpopKey } from './keys.ts';
import { createProof } from './proof.ts';
import { ServerMemory } from './server-memory.ts';

/** Options of `createDpopFetch`. */
export interface DpopFetchOptions {
  /** The key that signs: from `generateKeyPair` or a store, or a `DpopSigner`. */
  readonly keyPair: DpopKey;
  /** The origins that may be called, such as `https://api.example`: token and proofs never go anywhere else. */
  readonly origins: string | readonly string[];
  /**
   * The access token, or a function that yields the one for a URL; leave it out, or yield `undefined`, for a token
   * endpoint.
   */
  readonly accessToken?: string | ((url: URL) => string | undefined | Promise<string | undefined>);
  /**
   * How far this machine's clock may be corrected, in seconds either way, by the `Date` of a server that refused a
   * proof; default 86,400; 0: not at all.
   */
  readonly maxClockOffset?: number;
  /** Seconds since the epoch, as this machine sees them; default: the system's clock. */
  readonly clock?: () => number;
  /** The `fetch` underneath; default: the global one. */
  readonly fetch?: typeof fetch;
  /** Told of what is not visible from outside. Must not throw; what it throws is dropped. */
  readonly observe?: (event: DpopFetchEvent) => void;
}

/** What happened underneath; neither token nor proof nor nonce is in it. */
export type DpopFetchEvent =
  /** A request was sent again. */
  | { readonly type: 'repeated'; readonly origin: string; readonly because: 'nonce' | 'clock' }
  /** Proofs for this server are dated differently from now on. */
  | { readonly type: 'clock-corrected'; readonly origin: string; readonly seconds: number };

/**
 * A `fetch` that signs what it sends.
 *
 * Adds `Authorization: DPoP` and a fresh proof to each request, learns the nonce of every answer per origin, and
 * repeats a request at most once, with a new proof: on a challenge that brings a new nonce, or when the proof was refused
 * and the server's `Date` shows that this machine's clock is wrong. Of calls that begin at once, one finds out whether the
 * server wants nonces. A body that can be read only once (a stream, or a `Request` with a body) is not repeated; the nonce
 * is learnt for the next call all the same. Redirects are not followed, since neither token nor proof is meant for where
 * they lead: the 3xx answer is returned (in a browser an opaque one with status 0). Give it a `signal`, as any `fetch`: a
 * server may take its time.
 *
 * @throws TypeError when an option makes no sense.
 * @returns a function like `fetch`; it rejects with `DpopClientError` before anything is sent (`origin-not-allowed`,
 *   `invalid-token`, `invalid-key`), with `body-not-resendable` when a challenged body is gone, and as `fetch` does.
 */
export function createDpopFetch(options: DpopFetchOptions): typeof fetch {
  requireOptions(options);
  const { fetch: send = fetch, maxClockOffset = 86_400, clock = () => Date.now() / 1000 } = options;
  const servers = new Map(
    toOrigins(options.origins).map((origin) => [origin, new ServerMemory(maxClockOffset, clock)]),
  );
  return async function dpopFetch(input, init) {
    const request = toRequest(input, init);
    const { origin } = new URL(request.url);
    const server = servers.get(origin);
    if (server === undefined)
      throw new DpopClientError('origin-not-allowed', `${origin} is not one of the allowed origins`);
    // A URL object may be another one by the time that it is asked for again.
    const target = input instanceof Request ? input : request.url;
    const hop = { signal: signalOf(input, init) };
    const leave = await server.enter(request.signal);
    try {
      const { nonce, clockOffset } = server;
      const response = await send(await sign(request, options, server), hop);
      server.learn(response);
      leave(); // before the body is looked at: others wait
      const because = await reasonToRepeat(response, server, nonce);
      if (server.clockOffset !== clockOffset)
        tell(options, { type: 'clock-corrected', origin, seconds: server.clockOffset });
      if (because === undefined) return response;
      discard(response);
      const again = toRequest(resendable(target, init), init);
      tell(options, { type: 'repeated', origin, because });
      const retried = await send(await sign(again, options, server), hop); // [R9449-8-07]
      server.learn(retried);
      return retried;
    } finally {
      leave();
    }
  };
}

/** Another nonce, or another time: without either the next proof would be refused as well. */
async function reasonToRepeat(
  response: Response,
  server: ServerMemory,
  sent: string | undefined,
): Promise<'nonce' | 'clock' | undefined> {
  const refusal = await readProofRefusal(response);
  if (refusal === undefined) return undefined;
  const isCorrected = server.setClock(response);
  if (refusal === 'use_dpop_nonce') return server.nonce === sent ? undefined : 'nonce';
  return isCorrected ? 'clock' : undefined;
}

function tell({ observe }: DpopFetchOptions, event: DpopFetchEvent): void {
  try {
    observe?.(event);
  } catch {
    // An observer's fault is not the request's.
  }
}

/** A mistake shows when the options are given, not at the first request. */
function requireOptions(options: unknown): void {
  const given = (options ?? {}) as Readonly<Record<string, unknown>>;
  const { keyPair, accessToken, fetch: send, observe, clock, maxClockOffset = 0 } = given;
  const { privateKey, publicJwk, sign } = (keyPair ?? {}) as Readonly<Record<string, unknown>>;
  if (!(isObject(privateKey) || typeof sign === 'function') || !isObject(publicJwk))
    refuseOption('keyPair', 'made by generateKeyPair, or a signer');
  if (!['undefined', 'string', 'function'].includes(typeof accessToken))
    refuseOption('accessToken', 'a string, or a function that yields one');
  if (send !== undefined && typeof send !== 'function') refuseOption('fetch', 'a function like fetch');
  if (observe !== undefined && typeof observe !== 'function') refuseOption('observe', 'a function');
  if (clock !== undefined && typeof clock !== 'function') refuseOption('clock', 'a function');
  if (!(typeof maxClockOffset === 'number' && maxClockOffset >= 0))
    refuseOption('maxClockOffset', 'a number of seconds');
}

function isObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null;
}

function refuseOption(name: string, expected: string): never {
  throw new TypeError(`holdfast: option "${name}" must be ${expected}`);
}

function toOrigins(value: unknown): readonly string[] {
  const list: readonly unknown[] = Array.isArray(value) ? value : [value];
  const urls = list.map((origin) => (URL.canParse(String(origin)) ? new URL(String(origin)) : undefined));
  // What has a path, a query or user info is no origin: whoever writes one expects it to count.
  const origins = urls.map((url) =>
    url !== undefined && isSecureUrl(url) && url.href === `${url.origin}/` ? url.origin : undefined,
  );
  if (origins.length > 0 && !origins.includes(undefined)) return origins as string[];
  return refuseOption('origins', 'one or more https origins (http on loopback only), without path and query');
}

/** Built as `fetch` would build it, from whatever `init` is, and only then kept from following redirects. */
function toRequest(input: RequestInfo | URL, init: RequestInit | undefined): Request {
  return new Request(new Request(input, init), { redirect: 'manual' });
}

/** Given to the `fetch` underneath itself: in Node a `Request` that is collected takes along those that follow its signal. */
function signalOf(input: RequestInfo | URL, init: RequestInit | undefined): AbortSignal | null {
  return (init?.signal === undefined && input instanceof Request ? input.signal : init?.signal) ?? null;
}

async function sign(
  request: Request,
  { keyPair, accessToken }: DpopFetchOptions,
  { nonce, now }: ServerMemory,
): Promise<Request> {
  const token = typeof accessToken === 'function' ? await accessToken(new URL(request.url)) : accessToken; // [R9068-6-01]
  const { method, url } = request;
  // [R9449-4.1-01] [R9449-5-01] [R9449-7-01] [R9449-7.3-01]
  request.headers.set('DPoP', await createProof(keyPair, { method, url, accessToken: token, nonce, now }));
  if (token !== undefined) request.headers.set('Authorization', `DPoP ${token}`); // [R9449-7.1-01]
  return request;
}

/** The input of a repeated request, if its body can be had again. */
function resendable(input: RequestInfo | URL, init: RequestInit | undefined): RequestInfo | URL {
  const body = init?.body;
  const inRequest = body == null && input instanceof Request && input.body !== null;
  if (!inRequest && !isOneTime(body)) return input;
  throw new DpopClientError(
    'body-not-resendable',
    'the server refused the proof, and the body was a one-time stream',
  );
}

/** A stream: where it cannot be iterated, as in some browsers, it is still a `ReadableStream`. */
export function isOneTime(body: unknown): boolean {
  const isIterated = typeof body === 'object' && body !== null && Symbol.asyncIterator in body;
  return isIterated || body instanceof ReadableStream;
}
