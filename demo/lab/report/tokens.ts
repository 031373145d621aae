import { createHash } from 'node:crypto';

/** The last line of defence of every export and log: whole tokens and proofs never leave, whoever forgot to cut them. */

// Signed: three parts, of which the last is a signature. Encrypted: five, of which some may be empty.
const wholeToken = /eyJ[\w-]{8,}(?:\.[\w-]*){3}\.[\w-]{16,}|[\w-]{8,}\.[\w-]{2,}\.[\w-]{41,}/g;

/** The same value, with each whole token in it cut to `eyJ0eXAiOiJk…1a2b3c4d`: its begin, and its hash's. */
export function withoutTokens<T>(value: T): T {
  return strip(value) as T; // the same shape: only texts change
}

function strip(value: unknown): unknown {
  if (typeof value === 'string') return value.replaceAll(wholeToken, shorten);
  if (Array.isArray(value)) return value.map(strip);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, strip(member)]));
}

function shorten(token: string): string {
  return `${token.slice(0, 12)}…${createHash('sha256').update(token).digest('hex').slice(0, 8)}`;
}
