import { decodeJwt, type JWTPayload } from 'jose';
import { readCookie } from '../engine/bank-call.ts';
import type { Draft } from '../profile.ts';

/** What somebody who looks at a request can read in its token, without being able to check it; empty without one. */
export function claimsIn({ headers }: Draft): JWTPayload {
  const lines = new Map(headers.map(([name, value]) => [name.toLowerCase(), value]));
  const token = lines.get('authorization')?.split(' ')[1] ?? readCookie(lines.get('cookie') ?? '', 'token');
  return readClaims(token ?? '');
}

/** Opaque and encrypted tokens say nothing. */
export function readClaims(token: string): JWTPayload {
  try {
    return decodeJwt(token);
  } catch {
    return {};
  }
}

/** One more cookie, in the one line that there is for all. */
export function addCookie({ headers }: Draft, pair: string): void {
  const index = headers.findIndex(([name]) => name.toLowerCase() === 'cookie');
  const [, before] = headers[index] ?? [];
  if (before === undefined) headers.push(['cookie', pair]);
  else headers[index] = ['cookie', `${before}; ${pair}`];
}
