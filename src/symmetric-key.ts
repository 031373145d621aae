import { refuseOption, requireText } from './options.ts';

/**
 * One secret that both signs and verifies (HS256), for deployments in which the same party issues tokens and serves them.
 *
 * Whoever can verify such a token can also make one. It is wrong as soon as a second party verifies: another team's
 * service, a gateway that is not yours, a mobile app. Asymmetric keys (`createSigningKey`) cost some microseconds more
 * for a token's first use and have no such limit.
 */
export interface SymmetricKey {
  readonly kid: string;
  readonly algorithm: 'HS256';
  /** Not extractable. */
  readonly secretKey: CryptoKey;
}

/**
 * Imports a secret for HS256, and says aloud what that means: a process warning `HOLDFAST_SYMMETRIC_KEY`.
 *
 * @param secret at least 32 random bytes; not a password, which anybody with one token could guess at leisure.
 * @param kid names the key in the header of tokens, so that it can be changed without an outage; default `symmetric`.
 * @throws TypeError when it is shorter, or no bytes.
 */
export async function createSymmetricKey(secret: Uint8Array, kid = 'symmetric'): Promise<SymmetricKey> {
  if (!(secret instanceof Uint8Array) || secret.length < 32 || new Set(secret).size < 8)
    refuseOption('secret', 'a Uint8Array of at least 32 random bytes');
  requireText('kid', kid);
  warn('holdfast: tokens are signed with HS256: whoever can verify one can also make one');
  const algorithm = { name: 'HMAC', hash: 'SHA-256' };
  const bytes = Uint8Array.from(secret);
  const secretKey = await crypto.subtle.importKey('raw', bytes, algorithm, false, ['sign', 'verify']);
  const key: SymmetricKey = Object.freeze({ kid, algorithm: 'HS256', secretKey });
  made.add(key);
  return key;
}

/** Keys that were made here: one that looks the same was not looked at, and nobody was warned. */
const made = new WeakSet<object>();

/** Whether a value was made here. */
export function isSymmetricKey(value: unknown): value is SymmetricKey {
  return typeof value === 'object' && value !== null && made.has(value);
}

interface WarningRuntime {
  readonly process?: { readonly emitWarning?: (message: string, options: { code: string }) => void };
}

function warn(message: string): void {
  const { process } = globalThis as WarningRuntime;
  process?.emitWarning?.(message, { code: 'HOLDFAST_SYMMETRIC_KEY' });
}
