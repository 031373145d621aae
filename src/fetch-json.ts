import { encodeBase64url } from './digest.ts';
import { type JsonObject, readJsonSegment } from './jws.ts';

/** A JSON object from another server: in time, of bounded size, from that very URL, and read strictly. */

/** What is sent. `accept` is `application/json` unless given; names of headers in lower case. */
export interface JsonRequest {
  readonly method?: 'GET' | 'POST';
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** What is waited for. */
export interface FetchLimits {
  /** Greatest size of the answer in bytes, after decompression. */
  readonly maxBytes: number;
  /** Milliseconds for headers and body together. */
  readonly timeout: number;
}

/** There was an answer in time, and it is of no use: what was asked about may be the reason. */
export class UnusableAnswer extends Error {}

/** Of these we or the other server are the reason, whatever was asked about: credentials, too many requests. */
const ownFaults: readonly number[] = [401, 429];

/**
 * Fetches a JSON object.
 *
 * Checks that the status is exactly 200 (nothing is redirected), that the whole answer is there in time and not larger
 * than allowed, and that it is a JSON object in UTF-8, without byte order mark and duplicate names, nested at most
 * eight levels deep.
 *
 * Does not check the URL, the answer's content type, nor what the object says: the caller does.
 *
 * @throws Error with a fixed text that holds nothing of URL, headers and body: `UnusableAnswer` for one that came and
 *   cannot be used, unless its status says that the server fails (5xx) or wants no more of us (401, 429).
 */
export async function fetchJson(url: URL, request: JsonRequest, limits: FetchLimits): Promise<JsonObject> {
  const { maxBytes, timeout } = limits;
  const controller = new AbortController();
  const { signal } = controller;
  const timer = setTimeout(() => controller.abort(new Error(`no answer within ${timeout} ms`)), timeout);
  try {
    return await readAnswer(await send(url, request, signal), maxBytes, signal);
  } finally {
    clearTimeout(timer);
  }
}

/**
 * A redirect comes back as an answer like any other and is refused for its status. The mode `error` would do no more,
 * and there are runtimes that know no such mode.
 */
async function send(url: URL, request: JsonRequest, signal: AbortSignal): Promise<Response> {
  const headers = { accept: 'application/json', ...request.headers };
  try {
    return await fetch(url, { ...request, headers, redirect: 'manual', signal });
  } catch (error) {
    signal.throwIfAborted();
    throw new Error('the request failed', { cause: underlying(error) });
  }
}

async function readAnswer(response: Response, maxBytes: number, signal: AbortSignal): Promise<JsonObject> {
  const reader = response.body?.getReader();
  const giveUp = (): void => void reader?.cancel().catch(() => undefined); // a broken body needs no cancelling
  // The signal given to fetch is not enough: once there are headers, Node can lose it to the garbage collector.
  signal.addEventListener('abort', giveUp);
  try {
    if (response.status !== 200) throw toStatusError(response.status);
    const bytes = reader === undefined ? new Uint8Array() : await readBytes(reader, maxBytes, signal);
    return toObject(bytes);
  } finally {
    giveUp();
  }
}

function toStatusError(status: number): Error {
  const Kind = status >= 500 || ownFaults.includes(status) ? Error : UnusableAnswer;
  return new Kind(`the answer has status ${status}`);
}

async function readBytes(
  reader: ReadableStreamDefaultReader<Uint8Array>,
  maxBytes: number,
  signal: AbortSignal,
): Promise<Uint8Array> {
  const bytes = new Uint8Array(maxBytes);
  let size = 0;
  for (;;) {
    const { value } = await readChunk(reader, signal);
    signal.throwIfAborted(); // a body that was given up looks like one that has ended
    if (value === undefined) return bytes.subarray(0, size);
    if (size + value.length > maxBytes)
      throw new UnusableAnswer(`the answer is larger than ${maxBytes} bytes`);
    bytes.set(value, size);
    size += value.length;
  }
}

async function readChunk(
  reader: ReadableStreamDefaultReader<Uint8Array>,
  signal: AbortSignal,
): Promise<ReadableStreamReadResult<Uint8Array>> {
  try {
    return await reader.read();
  } catch (error) {
    signal.throwIfAborted();
    throw new Error('the answer broke off', { cause: underlying(error) });
  }
}

/** By the one strict reading of JSON there is, which starts from base64url. */
function toObject(bytes: Uint8Array): JsonObject {
  const object = readJsonSegment(encodeBase64url(bytes));
  if (object === undefined) throw new UnusableAnswer('the answer is no JSON object');
  return object;
}

/** What the network said, and no more: a runtime's own errors can hold the URL, a header, or the bytes that came. */
function underlying(error: unknown): Error | undefined {
  const { cause } = error as { readonly cause?: { readonly code?: string; readonly message?: string } };
  const detail = cause?.code ?? cause?.message;
  return detail === undefined ? undefined : new Error(detail);
}
