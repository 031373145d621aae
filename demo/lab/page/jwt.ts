import type { HeaderLine, LabEvent, Seconds } from '../model.ts';
import { findHeader } from './exchange.ts';

/** JWTs as they are read without any key. */

export type Members = Readonly<Record<string, unknown>>;

export interface DecodedJwt {
  readonly header: Members;
  readonly claims: Members;
  readonly signature: string;
}

/** `undefined` for anything but a signed JWT: opaque, encrypted or broken. */
export function decodeJwt(text: string): DecodedJwt | undefined {
  const [header, claims, signature, ...rest] = text.split('.');
  if (header === undefined || claims === undefined || signature === undefined || rest.length > 0)
    return undefined;
  const decoded = [toMembers(header), toMembers(claims)];
  if (decoded[0] === undefined || decoded[1] === undefined) return undefined;
  return { header: decoded[0], claims: decoded[1], signature };
}

function toMembers(part: string): Members | undefined {
  try {
    const bytes = Uint8Array.from(atob(part.replaceAll('-', '+').replaceAll('_', '/')), (c) =>
      c.charCodeAt(0),
    );
    const value: unknown = JSON.parse(new TextDecoder().decode(bytes));
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Members)
      : undefined;
  } catch {
    return undefined;
  }
}

export interface Credential {
  /** `Bearer`, `DPoP`, or where it stood: `Cookie`. */
  readonly scheme: string;
  readonly value: string;
}

/** The token of a request: that of its Authorization header, else a cookie that looks like one. */
export function findToken(headers: readonly HeaderLine[]): Credential | undefined {
  const [scheme, value] = (findHeader(headers, 'authorization') ?? '').split(/ +/);
  if (scheme !== undefined && value !== undefined) return { scheme, value };
  const cookie = /(?:^|;\s*)[^=;]+=(ey[\w-]+\.[\w-]+\.[\w-]*)/.exec(findHeader(headers, 'cookie') ?? '')?.[1];
  return cookie === undefined ? undefined : { scheme: 'Cookie', value: cookie };
}

/** World time at the start of a try, in seconds since 1970: servers say it with each answer. */
export function findEpoch(events: readonly LabEvent[]): Seconds | undefined {
  for (const event of events) {
    if (event.type !== 'response') continue;
    const time = Date.parse(findHeader(event.headers, 'date') ?? '') / 1000;
    if (!Number.isNaN(time)) return time - event.at;
  }
  return undefined;
}
