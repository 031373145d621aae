import { createHash } from 'node:crypto';

/**
 * The last line of defence of every export and log: nothing that could be used leaves whole, whoever forgot to cut it.
 * A signed token keeps what it says, for the inspector, and loses its signature, without which it is nothing.
 */

/** Five parts, of which some may be empty. */
const encrypted = /(?<![\w-])eyJ[\w-]{8,}(?:\.[\w-]*){3}\.[\w-]{16,}/g;
/** Header and claims, and a signature. */
const signed = /(?<![\w-])([\w-]{8,}\.[\w-]{2,})\.([\w-]{41,})/g;
/** Refresh tokens, codes, sessions and opaque tokens, by the names that they go by in forms, JSON, cookies and headers. */
const named =
  /((?:refresh_token|access_token|code|code_verifier|session|issuer_session|refresh|token|Bearer|DPoP)(?:"\s*:\s*"|=|\s))([\w-]{20,})(?![\w.-])/g;
/** Such a text alone, as loot. Thumbprints are longer. */
const alone = /^[\w-]{32}$/;

/** The same value, with everything in it cut that somebody could use. */
export function withoutTokens<T>(value: T): T {
  return strip(value) as T; // the same shape: only texts change
}

function strip(value: unknown): unknown {
  if (typeof value === 'string') return cut(value);
  if (Array.isArray(value)) return value.map(strip);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, strip(member)]));
}

function cut(text: string): string {
  if (alone.test(text)) return shorten(text);
  return text
    .replaceAll(encrypted, shorten)
    .replaceAll(signed, (_, claims: string, signature: string) => `${claims}.${hashOf(signature)}`)
    .replaceAll(named, (_, name: string, secret: string) => `${name}${shorten(secret)}`);
}

function shorten(secret: string): string {
  return `${secret.slice(0, 12)}${hashOf(secret)}`;
}

/** So that two of them can still be told apart. */
function hashOf(secret: string): string {
  return `…${createHash('sha256').update(secret).digest('hex').slice(0, 8)}`;
}
