import type { BindingRule, TokenBinding } from './authorization-server.ts';
import { sha256 } from './digest.ts';
import { DpopError } from './errors.ts';
import type { Seconds } from './freshness.ts';
import {
  boundBy,
  type Code,
  codeKey,
  type Grant,
  type GrantRequest,
  grantKey,
  type HeldToken,
  isVerifier,
  isWithin,
  randomText,
  refreshTokenForm,
  requireFitting,
  subjectKey,
  type Terms,
  toRefreshToken,
  toTerms,
} from './grant-records.ts';
import type { JsonObject } from './jws.ts';
import {
  refuseOption,
  requireClock,
  requireMethods,
  requireOptions,
  requireSeconds,
  requireText,
  requireTime,
  systemClock,
} from './options.ts';
import type { RecordStore } from './records.ts';
import type { Revocation, Revocations } from './revocation.ts';
import { SoundRecords } from './sound-records.ts';
import { isThumbprint } from './thumbprint.ts';

/**
 * Authorization codes and refresh tokens (RFC 6749 sections 4.1 and 6), and the binding that they carry from the
 * authorization request to the last refresh.
 *
 * A grant is looked at first (`openCode`, `openRefreshToken`: nothing changes), then the proof is judged by its rule
 * (`TokenBinder.bind`), then it is redeemed: in one atomic step, so that a challenge costs nobody a code, and no code two
 * tokens. Codes and tokens are kept as hashes alone.
 */

/** A grant that may be redeemed, once its proof fits the rule. */
export interface OpenGrant {
  /** Names the grant and all that comes of it: the claim `grant_id`. */
  readonly id: string;
  readonly clientId: string;
  readonly subject: string;
  /** What the token may be for: the granted scope, or the smaller one that was asked for. */
  readonly scope: string;
  /** For `TokenBinder.bind`. */
  readonly rule: BindingRule;
  readonly claims: JsonObject;
}

/** What to issue. */
export interface RedeemedGrant extends Omit<OpenGrant, 'rule'> {
  /** Give it to the client with the access token; `undefined`: it gets none, or keeps the one that it has. */
  readonly refreshToken: string | undefined;
}

/** What a refresh token is good for, for introspection and revocation. */
export interface RefreshTokenState {
  readonly grantId: string;
  readonly clientId: string;
  readonly subject: string;
  readonly scope: string;
  readonly jkt: string | undefined;
  readonly iat: Seconds;
  readonly exp: Seconds;
}

/** Options of `createGrants`. */
export interface GrantsOptions {
  /** The `iss` of the tokens that come of these grants. */
  readonly issuer: string;
  /** Where codes and refresh tokens are kept: one store for all processes. */
  readonly records: RecordStore;
  /** Ends the access tokens of a grant with it; default: they live until they expire. */
  readonly revocations?: Revocations;
  /** How long a code can be redeemed, in seconds; default 60, at most 600. */
  readonly codeLife?: Seconds;
  /** How long after its beginning a grant can be refreshed, in seconds; default 30 days, at most a year. */
  readonly refreshLife?: Seconds;
  /** Seconds since the epoch; default: the system's clock. */
  readonly clock?: () => Seconds;
}

/** Codes and refresh tokens, from consent to their end. */
export interface Grants {
  /**
   * Makes a code for what the user has allowed. Does not check the client, the redirect URI or the scope: that has
   * happened when the user was asked.
   *
   * @throws TypeError when a value makes no sense; DpopError `record-store-unavailable`.
   */
  issueCode(request: GrantRequest): Promise<string>;
  /**
   * Looks at a code: known, of this client, for this redirect URI, its PKCE verifier right, its time not over. Consumes
   * nothing; whether it was used before shows when it is redeemed.
   *
   * @throws DpopError `grant-unknown`, `grant-of-another-client`, `redirect-uri-mismatch`, `code-verifier-mismatch`,
   *   `grant-expired`, `grant-ended`, `record-store-unavailable`.
   */
  openCode(code: string, request: CodeRequest): Promise<OpenGrant>;
  /**
   * Looks at a refresh token: known, of this client, its grant alive, the scope no wider. Consumes nothing.
   *
   * @throws DpopError `grant-unknown`, `grant-of-another-client`, `grant-expired`, `grant-ended`, `scope-exceeded`,
   *   `record-store-unavailable`.
   */
  openRefreshToken(token: string, request: RefreshRequest): Promise<OpenGrant>;
  /**
   * Redeems what was opened, once. A code or a public client's refresh token that was used before ends the whole grant:
   * one of the two users is a thief.
   *
   * Whatever may still refuse the request comes before, above all minting: a token that was signed and never given away
   * costs nothing, a code that was redeemed is gone.
   *
   * @throws DpopError `grant-key-mismatch`, `grant-key-missing` when the binding does not fit the rule; `grant-expired`,
   *   `grant-reused`, `grant-ended`; `record-store-unavailable`, `revocation-store-unavailable`. TypeError for a grant
   *   that was not opened here.
   */
  redeem(grant: OpenGrant, binding: TokenBinding): Promise<RedeemedGrant>;
  /** What a refresh token is good for; `undefined` when it is not (unknown, replaced, over, ended). Changes nothing. */
  inspect(token: string): Promise<RefreshTokenState | undefined>;
  /**
   * Ends a grant: its refresh token, and its access tokens where `revocations` is given. Unknown ones are no error.
   *
   * @throws DpopError `record-store-unavailable`, `revocation-store-unavailable`: call it again.
   */
  end(grantId: string): Promise<void>;
  /**
   * Signs a subject out everywhere: ends every grant and every token of theirs that is older than this moment.
   *
   * @throws DpopError `record-store-unavailable`, `revocation-store-unavailable`: call it again.
   */
  endAll(subject: string): Promise<void>;
}

/** What must come with a code. */
export interface CodeRequest {
  readonly clientId: string;
  readonly redirectUri: string | undefined;
  readonly codeVerifier: string | undefined;
}

/** What comes with a refresh token. */
export interface RefreshRequest {
  readonly clientId: string;
  /** A smaller scope for this token; default: the whole one. */
  readonly scope?: string | undefined;
}

/**
 * Makes the keeper of codes and refresh tokens.
 *
 * @throws TypeError that names the option when one is missing or makes no sense.
 */
export function createGrants(options: GrantsOptions): Grants {
  requireOptions(options, ['issuer', 'records', 'revocations', 'codeLife', 'refreshLife', 'clock']);
  const { records, revocations } = options;
  return new RecordedGrants({
    issuer: requireText('issuer', options.issuer),
    records: requireMethods('records', records, ['insert', 'read', 'replace'], 'a record store'),
    revocations:
      revocations === undefined
        ? undefined
        : requireMethods('revocations', revocations, ['revoke'], 'made by createRevocations'),
    codeLife: requireSeconds('codeLife', options.codeLife ?? 60, 600), // [R6749-4.1.2-01]
    refreshLife: requireSeconds('refreshLife', options.refreshLife ?? 30 * 86_400, 366 * 86_400),
    clock: requireClock('clock', options.clock ?? systemClock),
  });
}

type GrantsSettings = Required<Omit<GrantsOptions, 'revocations'>> & {
  readonly revocations: Revocations | undefined;
};

/** How an open grant is redeemed. */
type Redemption = (binding: TokenBinding) => Promise<string | undefined>;

/** How long a code is still known after it has expired, so that its reuse ends what came of it. */
const codeMemory: Seconds = 600;

class RecordedGrants implements Grants {
  readonly #settings: GrantsSettings;
  readonly #records: SoundRecords;
  readonly #redemptions = new WeakMap<OpenGrant, Redemption>();

  constructor(settings: GrantsSettings) {
    this.#settings = settings;
    this.#records = new SoundRecords(settings.records);
  }

  async issueCode(request: GrantRequest): Promise<string> {
    const code = randomText();
    const began = this.#now();
    const { redirectUri, codeChallenge } = request;
    if (!isThumbprint(codeChallenge))
      refuseOption('codeChallenge', 'an S256 challenge (43 base64url characters)');
    const record: Code = {
      ...toTerms(request, began),
      redirectUri: redirectUri === undefined ? null : requireText('redirectUri', redirectUri),
      codeChallenge,
    };
    const until = began + this.#settings.codeLife + codeMemory;
    if (await this.#records.insert(await codeKey(code), record, until)) return code;
    throw new DpopError('record-store-unavailable'); // so long a random name is never taken
  }

  async openCode(text: string, { clientId, redirectUri, codeVerifier }: CodeRequest): Promise<OpenGrant> {
    const code = (await this.#records.read(await codeKey(text)))?.value as Code | undefined;
    if (code === undefined) throw new DpopError('grant-unknown');
    if (code.clientId !== clientId) throw new DpopError('grant-of-another-client');
    if (code.redirectUri !== (redirectUri ?? null)) throw new DpopError('redirect-uri-mismatch');
    if (!(await isVerifier(codeVerifier, code.codeChallenge))) throw new DpopError('code-verifier-mismatch'); // [R9700-2.1-01] [R9449-10-04]
    if (!this.#isInTime(code)) await this.#refuseUnused(code);
    await this.#refuseSignedOut(code);
    const rule: BindingRule = code.jkt === null ? { proof: code.proof } : { jkt: code.jkt }; // [R9449-11.9-01]
    return this.#open(code, code.scope, rule, (binding) => this.#redeemCode(code, binding));
  }

  async openRefreshToken(text: string, request: RefreshRequest): Promise<OpenGrant> {
    const { clientId, scope } = requireOptions(request, ['clientId', 'scope']); // one misspelt would be the whole scope
    const held = await this.#findGrant(text);
    const { grant } = held;
    if (grant.clientId !== clientId) throw new DpopError('grant-of-another-client'); // [R6749-6-01]
    this.#refuseOver(held);
    await this.#refuseSignedOut(grant);
    const narrowed = scope ?? grant.scope;
    if (!isWithin(narrowed, grant.scope)) throw new DpopError('scope-exceeded');
    // A grant that began bound stays bound; a public client's to the very key. [R9449-5-07] [R9449-5-11]
    const rule: BindingRule = grant.jkt === null ? { proof: grant.proof } : { jkt: grant.jkt };
    return this.#open(grant, narrowed, rule, (binding) => this.#redeemRefresh(held, binding));
  }

  async redeem(open: OpenGrant, binding: TokenBinding): Promise<RedeemedGrant> {
    const redemption: Redemption =
      this.#redemptions.get(open) ?? refuseOption('grant', 'opened by the same grants');
    const { id, clientId, subject, scope, rule, claims } = open;
    requireFitting(binding, rule);
    const refreshToken = await redemption(binding);
    return Object.freeze({ id, clientId, subject, scope, claims, refreshToken });
  }

  async inspect(token: string): Promise<RefreshTokenState | undefined> {
    try {
      const held = await this.#findGrant(token);
      const { grant, secret } = held;
      this.#refuseOver(held);
      await this.#refuseSignedOut(grant);
      if ((await sha256(secret)) !== grant.current) return undefined;
      const { id, clientId, subject, scope, jkt, began } = grant;
      const times = { iat: Math.floor(began), exp: Math.floor(this.#lastInstant(held)) };
      return { grantId: id, clientId, subject, scope, jkt: jkt ?? undefined, ...times };
    } catch (error) {
      if (error instanceof DpopError && error.code === 'invalid_grant') return undefined;
      throw error;
    }
  }

  async end(grantId: string): Promise<void> {
    const key = grantKey(requireText('grantId', grantId));
    try {
      await this.#revoke({ issuer: this.#settings.issuer, grant: grantId }); // [R7009-2.1-02]
    } finally {
      // Last, so that whoever was interrupted gets here again; and always: a full deny list must not keep a grant alive.
      await this.#records.change(key, (value) =>
        value['ended'] === true ? value : { ...value, ended: true },
      );
    }
  }

  async endAll(subject: string): Promise<void> {
    const before = this.#now();
    const key = await subjectKey(requireText('subject', subject));
    const until = this.#keptUntil(before, 'issue');
    const later = (value: JsonObject): JsonObject => ({
      before: Math.max(before, value['before'] as Seconds),
    });
    const kept =
      (await this.#records.insert(key, { before }, until)) || (await this.#records.change(key, later, until));
    if (!kept) throw new DpopError('record-store-unavailable'); // it went between the two steps
    await this.#revoke({ issuer: this.#settings.issuer, subject, before });
  }

  /** How long the last record is kept of a grant that began then. */
  #keptUntil(began: Seconds, refresh: 'issue' | 'none'): Seconds {
    const { refreshLife, codeLife } = this.#settings;
    return began + Math.max(codeLife + codeMemory, refresh === 'issue' ? refreshLife : 0);
  }

  #open(terms: Terms, scope: string, rule: BindingRule, redemption: Redemption): OpenGrant {
    const { id, clientId, subject, claims } = terms;
    const open = Object.freeze({ id, clientId, subject, scope, rule: Object.freeze(rule), claims });
    this.#redemptions.set(open, redemption);
    return open;
  }

  /** The record of the grant is the mark that its code was used: of many who redeem one, one can insert it. */
  async #redeemCode(code: Code, { jkt }: TokenBinding): Promise<string | undefined> {
    const [family, secret] = [randomText(), randomText()];
    const { redirectUri: _uri, codeChallenge: _challenge, ...terms } = code;
    const grant: Grant = {
      ...boundBy<Terms>(terms, jkt),
      family: await sha256(family),
      current: await sha256(secret),
      ended: false,
    };
    const until = this.#keptUntil(code.began, code.refresh);
    await this.#refuseSignedOut(code);
    const inTime = this.#isInTime(code);
    if (!inTime) await this.#refuseUnused(code);
    const first = inTime && (await this.#records.insert(grantKey(code.id), grant, until));
    if (!first) return this.#endReused(code.id, jkt); // [R6749-4.1.2-01]
    return code.refresh === 'issue' ? toRefreshToken(code.id, family, secret) : undefined;
  }

  async #redeemRefresh(held: HeldToken, { jkt }: TokenBinding): Promise<string | undefined> {
    const { stored, grant, family, secret } = held;
    await this.#refuseSignedOut(grant);
    if ((await sha256(secret)) !== grant.current) return this.#endReused(grant.id, jkt); // [R9700-2.2.2-01]
    const bound = boundBy(grant, jkt);
    if (grant.clientType === 'confidential') return this.#redeemUnchanged(grant, bound);
    const next = randomText();
    const successor: Grant = { ...bound, current: await sha256(next) };
    const first = await this.#records.replace(grantKey(grant.id), stored, successor);
    return first ? toRefreshToken(grant.id, family, next) : this.#endReused(grant.id, jkt);
  }

  /** Its authentication ties a confidential client to its refresh token: that one stays as it is. */
  async #redeemUnchanged(grant: Grant, bound: Grant): Promise<undefined> {
    const known = await this.#records.change(grantKey(grant.id), (value) => {
      if (value['ended'] !== false) throw new DpopError('grant-ended'); // since it was opened
      return bound === grant ? value : { ...value, proof: bound.proof };
    });
    if (!known) throw new DpopError('grant-expired');
    return undefined;
  }

  async #endReused(grantId: string, jkt: string | undefined): Promise<never> {
    await this.end(grantId);
    throw new DpopError('grant-reused', { jkt });
  }

  async #findGrant(text: string): Promise<HeldToken> {
    const [, id, family, secret] = refreshTokenForm.exec(text) ?? [];
    const stored = id === undefined ? undefined : await this.#records.read(grantKey(id));
    const grant = stored?.value as Grant | undefined;
    if (stored === undefined || grant === undefined || family === undefined || secret === undefined)
      throw new DpopError('grant-unknown');
    // The grant's name stands in every access token: whoever knows no more must not be able to end it.
    if ((await sha256(family)) !== grant.family) throw new DpopError('grant-unknown');
    return { stored, grant, family, secret };
  }

  #refuseOver(held: HeldToken): void {
    if (held.grant.ended) throw new DpopError('grant-ended');
    if (!(this.#now() <= this.#lastInstant(held))) throw new DpopError('grant-expired');
  }

  /** The record may be kept longer than the grant can be refreshed. */
  #lastInstant({ stored, grant }: HeldToken): Seconds {
    return Math.min(stored.until, grant.began + this.#settings.refreshLife);
  }

  #isInTime({ began }: Code): boolean {
    return this.#now() <= began + this.#settings.codeLife;
  }

  /** A code that was used stays known beyond its end, so that its reuse still ends what came of it. */
  async #refuseUnused({ id }: Code): Promise<void> {
    if ((await this.#records.read(grantKey(id))) === undefined) throw new DpopError('grant-expired');
  }

  async #refuseSignedOut({ subject, began }: Terms): Promise<void> {
    const record = await this.#records.read(await subjectKey(subject));
    if (record !== undefined && !(began > (record.value['before'] as Seconds)))
      throw new DpopError('grant-ended');
  }

  async #revoke(revocation: Revocation): Promise<void> {
    try {
      await this.#settings.revocations?.revoke(revocation);
    } catch (cause) {
      throw new DpopError('revocation-store-unavailable', { cause });
    }
  }

  #now(): Seconds {
    return requireTime(this.#settings.clock());
  }
}
