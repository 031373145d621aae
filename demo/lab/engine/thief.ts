import { createProof, type DpopKey, type DpopKeyPair, generateKeyPair } from 'holdfast/client';
import { decodeJwt } from 'jose';
import type { CheckId, HeaderLine, Seconds } from '../model.ts';
import type { Draft } from '../profile.ts';
import type { NodeId } from './bank.ts';
import type { Certificate } from './certificates.ts';
import { exchangeHeader } from './exchange-wire.ts';
import type { CapturedRequest, Loot } from './loot.ts';
import type { Sender, ServerId } from './network.ts';
import type { World } from './world.ts';

/**
 * The thief: knows the system, has a key, an account and a certificate of his own, and makes the best of what he holds.
 * He tries the scheme that the token asks for and the other one, signs with the key that he has, reads what the token
 * says, takes a nonce when he is given one, and comes back once.
 */

export interface Target {
  readonly method?: string;
  readonly path?: string;
  readonly body?: string;
  readonly to?: NodeId;
  /** Put in the place of what he would send otherwise. */
  readonly headers?: readonly HeaderLine[];
}

export interface Use {
  /** He has read what only Alice may read. */
  readonly success: boolean;
  readonly status: number;
  /** What refused the first and best of his requests. */
  readonly decidedBy: CheckId | null;
  readonly body: string;
  readonly headers: readonly HeaderLine[];
  /** `DPoP-Nonce`, where he was given one. */
  readonly nonce?: string | undefined;
}

const failed: Use = { success: false, status: 0, decidedBy: null, body: '', headers: [] };

export class Thief {
  readonly address: string;
  readonly #world: World;
  #key: DpopKeyPair | undefined;

  constructor(world: World, address: string) {
    this.#world = world;
    this.address = address;
  }

  async key(): Promise<DpopKeyPair> {
    this.#key ??= await generateKeyPair({ extractable: true });
    return this.#key;
  }

  readonly now = (): Seconds => this.#world.clock.now('thief');

  /** Uses what he holds in the best way there is: the request as it was, the cookies, or the access token. */
  async use(loot: Loot, target: Target = {}): Promise<Use> {
    if (loot.request !== undefined) return this.replay(loot.request, target);
    if (loot.accessToken !== undefined) return this.useToken(loot, target);
    if (loot.cookies !== undefined) return this.useCookies(loot, target);
    return failed;
  }

  /** With the access token while it works; then with a new one, for as long as the refresh token is good. */
  async useOrRefresh(loot: Loot, target: Target = {}): Promise<Use> {
    const use = await this.use(loot, target);
    if (use.success) return use;
    const renewed = await this.#renew(loot);
    if (renewed === undefined) return use;
    if ('decidedBy' in renewed) return renewed;
    return this.use({ ...loot, ...renewed, request: undefined }, target);
  }

  /** With the refresh token; or, where he has but a cookie jar, by asking the bank's server to renew the session. */
  async #renew(loot: Loot): Promise<Loot | Use | undefined> {
    if (loot.refreshToken !== undefined) return this.refresh(loot);
    const isRenewable = loot.cookies !== undefined && this.#world.profile.settings.carriedBy !== 'header';
    return isRenewable ? this.#renewSession(loot) : undefined;
  }

  async #renewSession(loot: Loot): Promise<Loot | Use> {
    const url = new URL('/session/refresh', this.#world.origins.bank);
    const headers: HeaderLine[] = [
      ['host', url.host],
      ['cookie', loot.cookies ?? ''],
    ];
    const answer = await this.send(
      'bank-a',
      { method: 'POST', path: url.pathname, headers, body: '' },
      loot.certificate,
    );
    return answer.status === 200 ? { cookies: withSetCookies(loot.cookies, answer.headers) } : answer;
  }

  /** The very same bytes, at the same place or at another. */
  replay(request: CapturedRequest, target: Target = {}): Promise<Use> {
    const {
      method = request.method,
      path = request.path,
      body = request.body,
      to = 'bank-a',
      headers = [],
    } = target;
    const replaced = new Set([...headers.map(([name]) => name.toLowerCase()), ...lengthHeaders]);
    const kept = request.headers.filter(([name]) => !replaced.has(name.toLowerCase()));
    return this.send(to, { method, path, headers: [...kept, ...headers], body });
  }

  async useToken(loot: Loot, target: Target): Promise<Use> {
    const token = loot.accessToken as string;
    if (!isBound(token)) return this.#sendDraft(loot, target, [this.#carry(token)]);
    const first = await this.#useWithProof(token, loot, target);
    if (first.success) return first;
    const second = await this.#sendDraft(loot, target, [['authorization', `Bearer ${token}`]]);
    return second.success ? second : first;
  }

  useCookies(loot: Loot, target: Target): Promise<Use> {
    return this.#sendDraft(loot, target, [['cookie', loot.cookies as string]]);
  }

  /** A proof made ahead where he has one, else one by the best key that he has. */
  async #useWithProof(token: string, loot: Loot, target: Target): Promise<Use> {
    const url = this.#urlOf(target);
    const { method = 'GET' } = target;
    const authorization = ['authorization', `DPoP ${token}`] as const;
    const readyMade = await loot.proofFor?.(method, url.href, this.now());
    if (readyMade !== undefined) return this.#sendDraft(loot, target, [authorization, ['dpop', readyMade]]);
    const prove = async (nonce?: string): Promise<Use> => {
      const proof = await this.#prove(loot.key ?? (await this.key()), method, url, token, nonce);
      return this.#sendDraft(loot, target, [authorization, ['dpop', proof]]);
    };
    const first = await prove();
    return first.success || first.nonce === undefined ? first : prove(first.nonce);
  }

  /** A new access token for a refresh token. */
  async refresh(
    loot: Loot,
    keyOf: (loot: Loot) => Promise<DpopKey> = async () => loot.key ?? this.key(),
  ): Promise<Loot | Use> {
    const form = { grant_type: 'refresh_token', refresh_token: loot.refreshToken ?? '' };
    return this.requestToken(form, loot, keyOf);
  }

  async redeem(code: string, verifier: string | undefined, loot: Loot = {}): Promise<Loot | Use> {
    const form = {
      grant_type: 'authorization_code',
      code,
      ...(verifier === undefined ? {} : { code_verifier: verifier }),
    };
    return this.requestToken(form, loot, async () => loot.key ?? this.key());
  }

  async requestToken(
    form: Readonly<Record<string, string>>,
    loot: Loot,
    keyOf: (loot: Loot) => Promise<DpopKey>,
  ): Promise<Loot | Use> {
    const { origins, profile } = this.#world;
    const url = new URL(`${origins.issuer}/token`);
    const ask = async (nonce?: string): Promise<Use> => {
      const headers: HeaderLine[] = [
        ['host', url.host],
        ['content-type', 'application/x-www-form-urlencoded'],
      ];
      if (profile.settings.dpop !== undefined) {
        const ready = await loot.proofFor?.('POST', url.href, this.now());
        headers.push([
          'dpop',
          ready ?? (await this.#prove(await keyOf(loot), 'POST', url, undefined, nonce)),
        ]);
      }
      const cookie = loot.issuerCookies;
      if (cookie !== undefined) headers.push(['cookie', cookie]);
      return this.send(
        'issuer',
        { method: 'POST', path: url.pathname, headers, body: new URLSearchParams(form).toString() },
        loot.certificate,
      );
    };
    const first = await ask();
    const answer = first.status !== 200 && first.nonce !== undefined ? await ask(first.nonce) : first;
    if (answer.status !== 200) return answer;
    return {
      ...addAnswer(loot, answer),
      key: profile.settings.dpop === undefined ? undefined : await keyOf(loot),
    };
  }

  /** Sends one message as it is, and reads what came of it. */
  async send(to: ServerId, message: CapturedRequest, certificate?: Certificate): Promise<Use> {
    const { network, scheme, recorder, canary } = this.#world;
    const own = certificate ?? (this.#world.profile.settings.mtls ? network.certificates.thief : undefined);
    const from: Sender = { party: 'thief', address: this.address, certificate: own };
    const { status, headers, body } = await network.send(from, to, scheme, message);
    const header = (name: string): string | undefined =>
      headers.find(([key]) => key.toLowerCase() === name)?.[1];
    const decidedBy = recorder.find(Number(header(exchangeHeader)))?.decidedBy ?? null;
    return {
      success: status === 200 && body.includes(canary),
      status,
      decidedBy,
      body,
      headers,
      nonce: header('dpop-nonce'),
    };
  }

  #urlOf({ path = '/accounts', to = 'bank-a' }: Target): URL {
    const { bank, mail } = this.#world.origins;
    return new URL(path, to === 'mail' ? mail : bank);
  }

  async #prove(
    key: DpopKey,
    method: string,
    url: URL,
    accessToken: string | undefined,
    nonce: string | undefined,
  ): Promise<string> {
    return createProof(key, { method, url, accessToken, nonce, now: this.now() });
  }

  /** An unbound token, where the bank looks for it. */
  #carry(token: string): HeaderLine {
    const isCookie = this.#world.profile.settings.carriedBy === 'cookie';
    return isCookie ? ['cookie', `token=${token}`] : ['authorization', `Bearer ${token}`];
  }

  async #sendDraft(loot: Loot, target: Target, credentials: readonly HeaderLine[]): Promise<Use> {
    const { method = 'GET', body = null, to = 'bank-a', headers = [] } = target;
    const url = this.#urlOf(target);
    const draft: Draft = { method, url, body, headers: [['host', url.host], ...credentials] };
    if (body !== null) draft.headers.push(['content-type', 'application/json']);
    for (const { imitate } of this.#world.protections) await imitate?.(draft, loot);
    const replaced = new Set(headers.map(([name]) => name.toLowerCase()));
    const kept = draft.headers.filter(([name]) => !replaced.has(name.toLowerCase()));
    const message = {
      method,
      path: url.pathname + url.search,
      headers: [...kept, ...headers],
      body: draft.body,
    };
    return this.send(to, message, loot.certificate);
  }
}

/** Set anew by whoever sends. */
const lengthHeaders = ['content-length', 'transfer-encoding', 'connection'];

/** What the token itself says, if it says anything. */
function isBound(token: string): boolean {
  try {
    return decodeJwt<{ cnf?: { jkt?: unknown } }>(token).cnf?.jkt !== undefined;
  } catch {
    return false;
  }
}

/** What a token endpoint gave him: tokens, and whatever mitigations hand to a client along with them. */
function addAnswer(loot: Loot, { body, headers }: Use): Loot {
  const fields = JSON.parse(body) as Record<string, unknown>;
  const texts = Object.entries(fields).filter(
    (field): field is [string, string] => typeof field[1] === 'string',
  );
  const given = new Map(texts);
  return {
    accessToken: given.get('access_token'),
    refreshToken: given.get('refresh_token') ?? loot.refreshToken,
    storage: new Map([...(loot.storage ?? []), ...given]),
    cookies: withSetCookies(loot.cookies, headers),
  };
}

/** A `Cookie` header after an answer with these `Set-Cookie` lines. */
function withSetCookies(cookies: string | undefined, headers: readonly HeaderLine[]): string | undefined {
  const lines = headers.filter(([name]) => name.toLowerCase() === 'set-cookie');
  const pairs = [...(cookies?.split('; ') ?? []), ...lines.map(([, line]) => line.split(';')[0] ?? '')];
  const byName = new Map(pairs.map((pair) => [pair.slice(0, pair.indexOf('=')), pair]));
  return byName.size === 0 ? undefined : [...byName.values()].join('; ');
}
