import { createHash, randomBytes } from 'node:crypto';
import {
  type AccessTokenClaims,
  DpopError,
  type IssuedToken,
  type RecordStore,
  type Revocations,
  type TokenIssuer,
  type TokenRequest,
} from 'holdfast';
import type { DemoClient } from './clients.ts';

/** Access tokens in the two formats there are: to read (JWT), or to ask about (opaque, RFC 7662). */

export interface AccessTokensParts {
  readonly issuer: TokenIssuer;
  readonly records: RecordStore;
  readonly revocations: Revocations;
}

export interface AccessTokens {
  /** In the format that the client is registered for. */
  issue(client: DemoClient, request: TokenRequest): Promise<IssuedToken>;
  /**
   * What a token of ours says, in either format; `undefined` when it is none, or over, or revoked.
   *
   * @throws DpopError when that cannot be known now.
   */
  read(token: string): Promise<AccessTokenClaims | undefined>;
  /** @throws whatever the store threw when it could not promise to keep the entry. */
  revoke(claims: AccessTokenClaims): Promise<void>;
}

export function createAccessTokens(parts: AccessTokensParts): AccessTokens {
  return new TwoFormats(parts);
}

class TwoFormats implements AccessTokens {
  readonly #parts: AccessTokensParts;

  constructor(parts: AccessTokensParts) {
    this.#parts = parts;
  }

  async issue({ tokenFormat }: DemoClient, request: TokenRequest): Promise<IssuedToken> {
    const issued = await this.#parts.issuer.issue(request);
    if (tokenFormat === 'jwt') return issued;
    const handle = randomBytes(32).toString('base64url');
    const { accessToken: token, claims } = issued;
    await this.#parts.records.insert(toKey(handle), { token }, claims.exp);
    return { ...issued, accessToken: handle };
  }

  async read(token: string): Promise<AccessTokenClaims | undefined> {
    const jwt = opaque.test(token) ? await this.#find(token) : token;
    const claims = jwt === undefined ? undefined : await this.#parts.issuer.read(jwt);
    return claims !== undefined && (await this.#isLive(claims)) ? claims : undefined;
  }

  async revoke({ iss: issuer, jti, exp }: AccessTokenClaims): Promise<void> {
    await this.#parts.revocations.revoke({ issuer, jti, exp });
  }

  async #find(handle: string): Promise<string | undefined> {
    const record = await this.#parts.records.read(toKey(handle));
    return record?.value['token'] as string | undefined;
  }

  async #isLive(claims: AccessTokenClaims): Promise<boolean> {
    try {
      await this.#parts.revocations.refuseRevoked(claims, jktOf(claims), Date.now() / 1000);
      return true;
    } catch (error) {
      if (error instanceof DpopError && error.code === 'invalid_token') return false;
      throw error;
    }
  }
}

/** Which key a token of ours is bound to. */
export function jktOf({ cnf }: AccessTokenClaims): string | undefined {
  return (cnf as { readonly jkt: string } | undefined)?.jkt;
}

/** A JWT has dots. */
const opaque = /^[\w-]{43}$/;

/** Records hold no handle: whoever reads them can use none. */
function toKey(handle: string): string {
  return `access-token ${createHash('sha256').update(handle).digest('base64url')}`;
}
