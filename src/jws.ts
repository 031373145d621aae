import { binaryToBytes, decodeToBinary, isCanonicalBase64url } from './digest.ts';

/**
 * Strict reading of a compact JWS (RFC 7515 section 7.1), before any key is touched: exactly three segments of
 * canonical base64url, and JSON objects without duplicate names. JOSE libraries forgive padding, white space, unused
 * bits, a byte order mark and duplicates, so that one proof has many spellings and two parsers can disagree on one.
 */

/** A JSON object without a prototype: every member of its first level that can be read is its own. */
export type JsonObject = Readonly<Record<string, unknown>>;

/** The three segments, still encoded. */
export type JwsSegments = readonly [header: string, payload: string, signature: string];

const maxDepth = 8;

/** Splits a compact JWS; `undefined` unless it is three non-empty segments in canonical base64url. */
export function splitCompactJws(text: string): JwsSegments | undefined {
  const first = text.indexOf('.');
  const second = text.indexOf('.', first + 1);
  if (first < 1 || second < first + 2 || second === text.length - 1) return undefined;
  const segments: JwsSegments = [text.slice(0, first), text.slice(first + 1, second), text.slice(second + 1)];
  return segments.every(isCanonicalBase64url) ? segments : undefined;
}

/**
 * Decodes a segment that holds a JSON object; `undefined` for invalid UTF-8, a byte order mark, text that is not a
 * JSON object, duplicate member names at any level, lone surrogates, and nesting deeper than eight levels.
 */
export function readJsonSegment(segment: string): JsonObject | undefined {
  try {
    const text = decodeUtf8(decodeToBinary(segment));
    const value: unknown = JSON.parse(text);
    // [R7515-4-01]
    if (!isObject(value) || countNames(text) !== countMembers(value, maxDepth)) return undefined;
    return toJsonObject(value);
  } catch {
    return undefined; // not UTF-8 or not JSON: there is nothing more to say about a text that cannot be read
  }
}

/** Whether a value is a JSON object (not an array, not null). */
export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A copy without prototype, so that a name such as `constructor` or `__proto__` is only ever a name. */
export function toJsonObject(value: object): JsonObject {
  return Object.assign(Object.create(null) as object, value) as JsonObject;
}

const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const beyondAscii = /[\x80-\xff]/;

function decodeUtf8(binary: string): string {
  if (!beyondAscii.test(binary)) return binary;
  return strictUtf8.decode(binaryToBytes(binary));
}

const jsonString = /"(?:[^"\\]|\\.)*"/g;

/** Names in a valid JSON text: each is followed by the only colons that stand outside of strings. */
function countNames(json: string): number {
  return json.replace(jsonString, '').split(':').length - 1;
}

/** Members that survived parsing, at all levels: fewer than names when a name was given twice. */
function countMembers(value: unknown, depth: number): number {
  if (typeof value === 'string' && /\p{Surrogate}/u.test(value)) return Number.NaN;
  if (typeof value !== 'object' || value === null) return 0;
  if (depth === 0) return Number.NaN;
  const names = Array.isArray(value) ? [] : Object.keys(value);
  const parts: unknown[] = [...names, ...Object.values(value)];
  return parts.reduce<number>((sum, part) => sum + countMembers(part, depth - 1), names.length);
}
