import { inTime } from './circuit-breaker.ts';
import { sha256 } from './digest.ts';
import { DpopError } from './errors.ts';
import { isTime, type Seconds } from './freshness.ts';
import {
  refuseOption,
  requireClock,
  requireMethods,
  requireOptions,
  requireSeconds,
  requireText,
  systemClock,
} from './options.ts';
import { isThumbprint } from './thumbprint.ts';

/**
 * What has been taken back before its time: tokens, keys, a subject's tokens up to a moment, the tokens of one grant.
 *
 * The rule is that of replay: nothing leaves in silence. An entry is kept until the last thing that it revokes has
 * expired; when one leaves, whatever expires by then counts as forgotten; and a memory that begins empty (a restart, a
 * flush, a failover) vouches for nothing that was issued before.
 */

/** One entry of a revocation memory. */
export interface RevocationEntry {
  /** SHA-256 of what is revoked: 43 base64url characters, so that a memory holds neither names nor tokens. */
  readonly key: string;
  /** Only what was issued before this moment is revoked; `Infinity`: whenever it was issued. */
  readonly before: Seconds;
  /** The entry is needed until this instant, inclusive; `Infinity`: for good. */
  readonly until: Seconds;
}

/** What a request asks about the one token that it brings. */
export interface RevocationQuery {
  /** Keys of all the entries that would revoke it. */
  readonly keys: readonly string[];
  readonly issuedAt: Seconds;
  readonly expires: Seconds;
  /** The caller's clock. */
  readonly now: Seconds;
}

/**
 * `live`: none of the keys is revoked, and the memory would know. `revoked`: one is. `forgotten`: none is known, but the
 * token was issued before the memory began, or expires at or before the end of an entry that has left.
 */
export type RevocationAnswer = 'live' | 'revoked' | 'forgotten';

/** What a store must be able to do; both methods may answer at once or by promise. */
export interface RevocationStore {
  /**
   * Records an entry. One that is there already for this key only grows: the later `before` and `until` count. Throws or
   * rejects when it cannot promise to keep the entry (full, not durable): what was not recorded is not revoked.
   */
  add(entry: RevocationEntry, now: Seconds): void | Promise<void>;
  /** Looks up one token; atomic with respect to `add` on every node. */
  look(query: RevocationQuery): RevocationAnswer | Promise<RevocationAnswer>;
}

/** What to revoke; one of four. `issuer` is the `iss` of the tokens: names count within their issuer. */
export type Revocation =
  /** One token, by `jti`, until it would have expired anyway. */
  | { readonly issuer: string; readonly jti: string; readonly exp: Seconds }
  /** Every token bound to a key, and the key itself at a token binder; for good, unless `until` is given. */
  | { readonly jkt: string; readonly until?: Seconds }
  /**
   * Every token of a subject whose `iat` lies before a moment: signed out everywhere, password changed. `iat` has whole
   * seconds: do not round the moment down, which would spare tokens of the same second.
   */
  | { readonly issuer: string; readonly subject: string; readonly before: Seconds }
  /** Every token of one grant (`grant_id`): a sign-out, or a refresh token that was used twice. */
  | { readonly issuer: string; readonly grant: string };

/** The part of a verified token that can be revoked. */
export interface RevocableToken {
  readonly iss: string;
  readonly jti: string;
  readonly sub: string;
  readonly iat: Seconds;
  readonly exp: Seconds;
  readonly grant_id?: string;
}

/** Options of `createRevocations`. */
export interface RevocationsOptions {
  /** Where entries are kept: one store for all processes, `createMemoryRevocationStore` or `createRedisRevocationStore`. */
  readonly store: RevocationStore;
  /**
   * How long the longest-lived token lives, in seconds; default 86,400. Entries by subject and by grant are kept for so
   * long, and a token that lives longer is refused (`token-lives-too-long`).
   */
  readonly maxTokenLife?: Seconds;
  /** Added to the end of entries, for servers that accept a token a little past its `exp`; default 60. */
  readonly leeway?: Seconds;
  /** Seconds since the epoch; default: the system's clock. */
  readonly clock?: () => Seconds;
}

/** Takes tokens back, and tells which ones are. */
export interface Revocations {
  /**
   * Revokes. Once it resolves, the next request on every node that shares the store is refused. Does not end refresh
   * tokens: `Grants` does, and calls this.
   *
   * @throws TypeError when it makes no sense; whatever the store threw when it could not promise to keep the entry.
   */
  revoke(revocation: Revocation): Promise<void>;
  /**
   * Refuses a revoked token. Does not verify it: pass claims that were verified.
   *
   * @param jkt thumbprint of the key that it is bound to, if it is.
   * @throws DpopError `token-revoked`, `token-revocation-unknown`, `token-lives-too-long`,
   *   `revocation-store-unavailable`.
   */
  refuseRevoked(token: RevocableToken, jkt: string | undefined, now: Seconds): Promise<void>;
  /**
   * Refuses a revoked key, where there is no token yet.
   *
   * @throws DpopError `key-revoked`, `revocation-store-unavailable`.
   */
  refuseRevokedKey(jkt: string, now: Seconds): Promise<void>;
}

/**
 * Makes the one interface to a revocation memory, for resource servers, token binders and grants.
 *
 * @throws TypeError that names the option when one is missing or makes no sense.
 */
export function createRevocations(options: RevocationsOptions): Revocations {
  requireOptions(options, ['store', 'maxTokenLife', 'leeway', 'clock']);
  return new StoredRevocations({
    store: requireMethods('store', options.store, ['add', 'look'], 'a revocation store'),
    maxTokenLife: requireSeconds('maxTokenLife', options.maxTokenLife ?? 86_400, 31_536_000),
    leeway: requireSeconds('leeway', options.leeway ?? 60, 600),
    clock: requireClock('clock', options.clock ?? systemClock),
  });
}

class StoredRevocations implements Revocations {
  readonly #settings: Required<RevocationsOptions>;
  /** Of tokens that come again: what is remembered of a verified token is one frozen object. */
  readonly #known = new WeakMap<
    RevocableToken,
    { readonly jkt: string | undefined; readonly keys: readonly string[] }
  >();

  constructor(settings: Required<RevocationsOptions>) {
    this.#settings = settings;
  }

  async revoke(revocation: Revocation): Promise<void> {
    requireOptions(revocation);
    const { store, clock } = this.#settings;
    const now = clock();
    await inTime(store.add(await this.#toEntry(revocation, now), now));
  }

  async refuseRevoked(token: RevocableToken, jkt: string | undefined, now: Seconds): Promise<void> {
    const { iat, exp } = token;
    const { maxTokenLife, leeway } = this.#settings;
    // Entries by subject and grant would be gone before such a token is. [R9449-11.2-01]
    if (!(exp - iat <= maxTokenLife + leeway)) throw new DpopError('token-lives-too-long', { jkt });
    const keys = await this.#keysOf(token, jkt);
    const answer = await this.#look(keys, iat, exp, now, jkt);
    if (answer === 'revoked') throw new DpopError('token-revoked', { jkt });
    if (answer === 'forgotten') throw new DpopError('token-revocation-unknown', { jkt });
  }

  async refuseRevokedKey(jkt: string, now: Seconds): Promise<void> {
    // Nothing was issued yet, and what will be is looked up again with each request.
    const keys = await hashAll([keyName(jkt)]);
    const answer = await this.#look(keys, now, Number.POSITIVE_INFINITY, now, jkt);
    if (answer === 'revoked') throw new DpopError('key-revoked', { jkt });
  }

  async #keysOf(token: RevocableToken, jkt: string | undefined): Promise<readonly string[]> {
    const known = this.#known.get(token);
    if (known !== undefined && known.jkt === jkt) return known.keys;
    const keys = await hashAll(namesOf(token, jkt));
    if (Object.isFrozen(token)) this.#known.set(token, { jkt, keys }); // another one may say something else tomorrow
    return keys;
  }

  async #look(
    keys: readonly string[],
    issuedAt: Seconds,
    expires: Seconds,
    now: Seconds,
    jkt: string | undefined,
  ): Promise<RevocationAnswer> {
    const { store } = this.#settings;
    try {
      const answer: unknown = await inTime(store.look({ keys, issuedAt, expires, now }));
      if (answer === 'live' || answer === 'revoked' || answer === 'forgotten') return answer;
    } catch (cause) {
      throw new DpopError('revocation-store-unavailable', { cause, jkt });
    }
    const cause = new TypeError('holdfast: the revocation store answered something unforeseen');
    throw new DpopError('revocation-store-unavailable', { cause, jkt });
  }

  /** Kept until the last token that it revokes has expired, by the clock of the slowest server. */
  async #toEntry(revocation: Revocation, now: Seconds): Promise<RevocationEntry> {
    const { maxTokenLife, leeway } = this.#settings;
    const always = Number.POSITIVE_INFINITY;
    if ('jkt' in revocation) {
      requireOptions(revocation, ['jkt', 'until']); // what names two things at once would revoke one of them
      const { jkt, until = always } = revocation;
      if (!isThumbprint(jkt)) refuseOption('jkt', 'the thumbprint of a key (43 base64url characters)');
      if (until !== always) requireMoment('until', until);
      return { key: await sha256(keyName(jkt)), before: always, until };
    }
    const issuer = requireText('issuer', revocation.issuer);
    if ('jti' in revocation) {
      requireOptions(revocation, ['issuer', 'jti', 'exp']);
      const key = await sha256(tokenName(issuer, requireText('jti', revocation.jti)));
      return { key, before: always, until: requireMoment('exp', revocation.exp) + leeway };
    }
    if ('subject' in revocation) {
      requireOptions(revocation, ['issuer', 'subject', 'before']);
      const key = await sha256(subjectName(issuer, requireText('subject', revocation.subject)));
      const before = requireMoment('before', revocation.before);
      return { key, before, until: before + maxTokenLife + leeway };
    }
    requireOptions(revocation, ['issuer', 'grant']);
    const key = await sha256(grantName(issuer, requireText('grant', revocation.grant)));
    return { key, before: always, until: now + maxTokenLife + leeway };
  }
}

function namesOf(
  { iss, jti, sub, grant_id: grant }: RevocableToken,
  jkt: string | undefined,
): readonly string[] {
  const names = [tokenName(iss, jti), subjectName(iss, sub)];
  if (typeof grant === 'string') names.push(grantName(iss, grant));
  if (jkt !== undefined) names.push(keyName(jkt));
  return names;
}

function hashAll(names: readonly string[]): Promise<readonly string[]> {
  return Promise.all(names.map(async (name) => sha256(name)));
}

// A name is text that no other name is: JSON keeps its parts apart, whatever characters they hold.

function tokenName(issuer: string, jti: string): string {
  return JSON.stringify(['token', issuer, jti]);
}

function keyName(jkt: string): string {
  return JSON.stringify(['key', jkt]);
}

function subjectName(issuer: string, subject: string): string {
  return JSON.stringify(['subject', issuer, subject]);
}

function grantName(issuer: string, grant: string): string {
  return JSON.stringify(['grant', issuer, grant]);
}

function requireMoment(name: string, value: unknown): Seconds {
  return isTime(value) ? value : refuseOption(name, 'a moment in seconds since the epoch');
}
