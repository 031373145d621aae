import { createHash, timingSafeEqual } from 'node:crypto';
import type { RecordStore } from 'holdfast';
import { createLocalJWKSet, decodeJwt, type JWTPayload, jwtVerify } from 'jose';
import type { Context } from 'koa';
import type { DemoClient } from './clients.ts';
import { OAuthError, type Parameters } from './oauth.ts';

/** Who sends a request: the client shows it in one way, its own (RFC 6749 section 2.3, RFC 7523 section 2.2). */

export interface ClientAuthenticationParts {
  readonly clients: readonly DemoClient[];
  /** Remembers the assertions that were used. */
  readonly records: RecordStore;
  /** What an assertion may be made for: the issuer, or an endpoint of its own. */
  readonly audiences: readonly string[];
}

/** Finds out who sends a request. */
export interface ClientAuthentication {
  /**
   * A public client only says who it is. Takes the one use of an assertion, whatever becomes of the request after it.
   *
   * @throws OAuthError `invalid_client` (401), `invalid_request` when there are several ways at once.
   */
  identify(ctx: Context, parameters: Parameters): Promise<DemoClient>;
  /** The same for confidential clients alone: saying a name is not enough. */
  authenticate(ctx: Context, parameters: Parameters): Promise<DemoClient>;
}

/** For metadata too. */
export const confidentialMethods: readonly string[] = [
  'client_secret_basic',
  'client_secret_post',
  'private_key_jwt',
];
export const clientMethods: readonly string[] = ['none', ...confidentialMethods];

/** For metadata too: asymmetric ones, and of RSA only what is sound. */
export const assertionAlgorithms: readonly string[] = ['ES256', 'Ed25519', 'EdDSA', 'PS256'];

/** What a request presents; each way is registered for a client under `method`. */
type Credentials =
  | { readonly method: 'none'; readonly id: string | undefined }
  | { readonly method: 'client_secret'; readonly id: string | undefined; readonly secret: string | undefined }
  | { readonly method: 'private_key_jwt'; readonly id: string | undefined; readonly assertion: string };

export function createClientAuthentication(parts: ClientAuthenticationParts): ClientAuthentication {
  return new RegisteredClients(parts);
}

class RegisteredClients implements ClientAuthentication {
  readonly #parts: ClientAuthenticationParts;

  constructor(parts: ClientAuthenticationParts) {
    this.#parts = parts;
  }

  async identify(ctx: Context, parameters: Parameters): Promise<DemoClient> {
    const credentials = readCredentials(ctx, parameters);
    const client = this.#parts.clients.find(({ id }) => id === credentials.id);
    const claimed = parameters.get('client_id') ?? credentials.id;
    const proven = await this.#isProven(credentials, client);
    if (client !== undefined && proven && claimed === client.id) return client;
    return refuse(ctx);
  }

  async authenticate(ctx: Context, parameters: Parameters): Promise<DemoClient> {
    const client = await this.identify(ctx, parameters);
    return client.authentication.method === 'none' ? refuse(ctx) : client; // [R7662-2.1-01]
  }

  /** An unknown client's secret is compared, too: how long the answer takes tells nobody which names exist. */
  async #isProven(credentials: Credentials, client: DemoClient | undefined): Promise<boolean> {
    const registered = client?.authentication;
    if (credentials.method === 'client_secret') {
      const expected = registered?.method === 'client_secret' ? registered.secret : undefined;
      return isSame(credentials.secret ?? '', expected ?? '') && expected !== undefined;
    }
    if (client === undefined || registered?.method !== credentials.method) return false;
    if (credentials.method === 'none' || registered.method !== 'private_key_jwt') return true;
    const claims = await this.#verify(credentials.assertion, client.id, createLocalJWKSet(registered.jwks));
    return claims !== undefined && this.#takeUse(client.id, claims);
  }

  /** RFC 7523 section 3; `undefined` for anything that is not a sound assertion of this client, for us, for now. */
  async #verify(
    assertion: string,
    clientId: string,
    keys: ReturnType<typeof createLocalJWKSet>,
  ): Promise<Assertion | undefined> {
    try {
      const now = Math.floor(Date.now() / 1000);
      const { payload, protectedHeader } = await jwtVerify(assertion, keys, {
        algorithms: [...assertionAlgorithms],
        issuer: clientId,
        subject: clientId,
        clockTolerance,
        currentDate: new Date(now * 1000),
        requiredClaims: ['aud', 'exp', 'jti'],
      });
      const sound = assertionTypes.test(protectedHeader.typ ?? 'JWT') && isTimely(payload, now);
      return sound && this.#isForUs(payload) && isAssertion(payload) ? payload : undefined;
    } catch {
      return undefined; // why it is none is of no use to whoever made it up
    }
  }

  /** One value, as it is: an assertion for several servers could be passed on by each of them. */
  #isForUs({ aud }: JWTPayload): boolean {
    return typeof aud === 'string' && this.#parts.audiences.includes(aud);
  }

  /** Atomic: of two requests with one assertion, one gets through. */
  async #takeUse(clientId: string, { jti, exp }: Assertion): Promise<boolean> {
    const name = createHash('sha256')
      .update(JSON.stringify([clientId, jti]))
      .digest('base64url');
    return this.#parts.records.insert(`client-assertion ${name}`, {}, exp + clockTolerance);
  }
}

/** Seconds that clocks may differ. */
const clockTolerance = 10;
/** Seconds that an assertion may still be good for. */
const maxAssertionLife = 300;
/** None, the general one, or that of assertions: never that of an access token, nor that of a proof. */
const assertionTypes = /^(?:application\/)?(?:JWT|client-authentication\+jwt)$/i;

interface Assertion {
  readonly jti: string;
  readonly exp: number;
}

function isTimely({ exp = Number.POSITIVE_INFINITY, iat = 0 }: JWTPayload, now: number): boolean {
  return exp <= now + maxAssertionLife + clockTolerance && iat <= now + clockTolerance;
}

function isAssertion(payload: JWTPayload): payload is JWTPayload & Assertion {
  const { jti } = payload;
  return typeof jti === 'string' && jti !== '' && jti.length <= 256;
}

const jwtBearer = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';

function readCredentials(ctx: Context, parameters: Parameters): Credentials {
  const headers = ctx.req.rawHeaders.filter(
    (name, index) => index % 2 === 0 && name.toLowerCase() === 'authorization',
  );
  const assertion = parameters.get('client_assertion');
  const type = parameters.get('client_assertion_type');
  const asserted = assertion !== undefined || type !== undefined;
  const ways = headers.length + Number(parameters.has('client_secret')) + Number(asserted);
  if (ways > 1) throw new OAuthError('invalid_request', 'The client may authenticate in one way only');
  const id = parameters.get('client_id');
  if (headers.length === 1) return { method: 'client_secret', ...decodeBasic(ctx.get('authorization')) };
  if (asserted) return { method: 'private_key_jwt', ...readAssertion(assertion, type) };
  return parameters.has('client_secret')
    ? { method: 'client_secret', id, secret: parameters.get('client_secret') }
    : { method: 'none', id };
}

/** Identifier and secret are form-encoded before they are joined (RFC 6749 section 2.3.1). */
function decodeBasic(authorization: string): { id: string | undefined; secret: string | undefined } {
  const credentials = /^basic +([\w+/]+=*)$/i.exec(authorization)?.[1] ?? '';
  const [id = '', ...rest] = Buffer.from(credentials, 'base64').toString('utf8').split(':');
  const decoded = new URLSearchParams(`id=${id}&secret=${rest.join(':')}`);
  return { id: decoded.get('id') ?? undefined, secret: decoded.get('secret') ?? undefined };
}

/** Whose it claims to be; the signature shows whether it is. */
function readAssertion(
  assertion: string | undefined,
  type: string | undefined,
): { id: string | undefined; assertion: string } {
  if (assertion === undefined || type !== jwtBearer) return { id: undefined, assertion: '' };
  try {
    return { id: decodeJwt(assertion).sub, assertion };
  } catch {
    return { id: undefined, assertion };
  }
}

/** Hashing first gives both sides one length, which the constant-time comparison needs. */
function isSame(given: string, expected: string): boolean {
  const [left, right] = [given, expected].map((text) => createHash('sha256').update(text).digest());
  return left !== undefined && right !== undefined && timingSafeEqual(left, right);
}

/** One answer, whatever is wrong, before any proof is looked at. [R6749-5.2-01] */
function refuse(ctx: Context): never {
  throw new OAuthError('invalid_client', 'The client is unknown, or its credentials are wrong', {
    status: 401,
    challenge: ctx.get('authorization') !== '',
  });
}
