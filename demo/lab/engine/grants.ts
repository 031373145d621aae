import { createHash, randomBytes } from 'node:crypto';
import type Koa from 'koa';
import type { Seconds } from '../model.ts';
import type { Settings } from '../profile.ts';
import { refuseGrant } from './refusal.ts';

/** What the lab's issuer remembers of those who signed in. As simple as the profile under test wants it to be. */

export interface Grant {
  readonly id: string;
  readonly user: string;
  /** Where the person was who signed in. */
  readonly address: string;
  readonly begun: Seconds;
  /** What refresh tokens are bound to, where they are. */
  jkt: string | undefined;
  certificate: string | undefined;
  ended: boolean;
}

/** A token request that is being answered. */
export interface TokenCall {
  readonly ctx: Koa.Context;
  readonly kind: 'code' | 'refresh';
  readonly grant: Grant;
  /** Where the request came from. */
  readonly address: string;
  readonly form: URLSearchParams;
  /** The key that the proof of this request was signed with. */
  readonly jkt: string | undefined;
  readonly certificate: string | undefined;
}

interface Code {
  readonly grant: Grant;
  readonly challenge: string | undefined;
  readonly jkt: string | undefined;
}

interface RefreshToken {
  readonly grant: Grant;
  readonly expires: Seconds;
  /** When another one took its place. */
  replaced: Seconds | undefined;
}

const grace: Seconds = 10;

export class Grants {
  readonly all: Grant[] = [];
  readonly #settings: Settings;
  readonly #codes = new Map<string, Code>();
  readonly #refreshTokens = new Map<string, RefreshToken>();

  constructor(settings: Settings) {
    this.#settings = settings;
  }

  open(user: string, address: string, now: Seconds): Grant {
    const grant: Grant = {
      id: randomText(),
      user,
      address,
      begun: now,
      jkt: undefined,
      certificate: undefined,
      ended: false,
    };
    this.all.push(grant);
    return grant;
  }

  issueCode(grant: Grant, challenge: string | undefined, jkt: string | undefined): string {
    const code = randomText();
    this.#codes.set(code, { grant, challenge, jkt });
    return code;
  }

  /** Looks at a code without using it up. */
  findCode(code: string, verifier: string | null): Code {
    const found = this.#codes.get(code);
    if (found === undefined) return refuseGrant('code');
    const { challenge } = found;
    const matches =
      verifier !== null && createHash('sha256').update(verifier).digest('base64url') === challenge;
    if (this.#settings.pkce && !matches) refuseGrant('pkce');
    return found;
  }

  useCode(code: string): void {
    this.#codes.delete(code);
  }

  issueRefreshToken(grant: Grant): string | undefined {
    const { refreshTokenLife } = this.#settings;
    if (refreshTokenLife === 0) return undefined;
    const token = randomText();
    this.#refreshTokens.set(this.#stored(token), {
      grant,
      expires: grant.begun + refreshTokenLife,
      replaced: undefined,
    });
    return token;
  }

  /** The grant of a refresh token, and whether the token was used before, beyond the grace. */
  findRefreshToken(token: string, now: Seconds): { readonly grant: Grant; readonly reused: boolean } {
    const found = this.#refreshTokens.get(this.#stored(token));
    if (found === undefined) return refuseGrant(this.#settings.stored === 'hashed' ? 'hash' : 'rt revoked');
    const { grant, expires, replaced } = found;
    if (grant.ended) refuseGrant('rt revoked');
    if (now >= expires) refuseGrant('rt exp');
    const isForgiven = this.#settings.rotation === 'grace' && now <= (replaced ?? now) + grace;
    return { grant, reused: replaced !== undefined && !isForgiven };
  }

  /** What the client gets in return: the same one, or the next. */
  rotate(token: string, now: Seconds): string | undefined {
    const found = this.#refreshTokens.get(this.#stored(token));
    if (found === undefined || this.#settings.rotation === 'none') return undefined;
    found.replaced ??= now;
    return this.issueRefreshToken(found.grant);
  }

  /** What somebody reads who reads the tables. */
  storedRefreshTokens(user: string): readonly string[] {
    return [...this.#refreshTokens].flatMap(([stored, { grant }]) => (grant.user === user ? [stored] : []));
  }

  #stored(token: string): string {
    return this.#settings.stored === 'hashed'
      ? createHash('sha256').update(token).digest('base64url')
      : token;
  }
}

export function randomText(): string {
  return randomBytes(24).toString('base64url');
}
