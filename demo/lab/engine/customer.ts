import { createHash } from 'node:crypto';
import { createDpopFetch, type DpopKeyPair, generateKeyPair } from 'holdfast/client';
import { CookieJar } from 'tough-cookie';
import type { PartyId, Seconds } from '../model.ts';
import type { Draft } from '../profile.ts';
import { randomText } from './grants.ts';
import type { CapturedRequest } from './loot.ts';
import type { IncomingAnswer, Sender, ServerId } from './network.ts';
import type { World } from './world.ts';

/** A customer of the bank with her browser: the client SDK, a cookie jar, local storage, and the pages of the bank. */

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: string;
}

export interface CallOptions {
  readonly method?: string;
  readonly body?: string;
  readonly server?: 'bank' | 'mail';
}

/** Where the customer's requests to the bank go: straight to a node, through the proxy, or over a wire with a tap. */
export type Route = 'bank-a' | 'bank-b' | 'proxy' | 'tap';

export class Customer {
  readonly party: PartyId;
  readonly name: string;
  /** What script can read: `access_token`, `refresh_token`, `expires` and what mitigations keep. */
  readonly storage: Map<string, string> = new Map();
  readonly jar: CookieJar = new CookieJar();
  address: string;
  password: string;
  route: Route = 'bank-a';
  /** The HTTP layer loses each first answer, and sends the same bytes again. */
  losesAnswers = false;
  /** How often she had to do something that she would not have had to do. */
  interruptions = 0;
  keyPair: DpopKeyPair | undefined;
  readonly #world: World;
  #send: typeof fetch | undefined;
  /** Set while a request is only to be made and not to be sent. */
  #capture: ((request: CapturedRequest) => void) | undefined;

  constructor(world: World, party: 'alice' | 'mallory', address: string) {
    this.#world = world;
    this.party = party;
    this.name = party;
    this.address = address;
    this.password = `${party}'s own password`;
  }

  get sender(): Sender {
    const { certificates } = this.#world.network;
    const certificate =
      this.#world.profile.settings.mtls && this.party === 'alice' ? certificates.alice : undefined;
    return { party: this.party, address: this.address, certificate };
  }

  readonly now = (): Seconds => this.#world.clock.now(this.party);

  /** Signs in at the issuer, and gets tokens for the bank (or a session there). */
  async login(): Promise<Answer> {
    const { origins, profile } = this.#world;
    if (profile.settings.dpop !== undefined)
      this.keyPair ??= await generateKeyPair({ extractable: profile.settings.keyCopyable });
    const body = new URLSearchParams({ user: this.name, password: this.password }).toString();
    await this.#post(`${origins.issuer}/login`, body, profile.settings.boundIssuerSession);
    return this.redeem(await this.authorize());
  }

  /** A code for the client, from the session at the issuer. */
  async authorize(
    dpopJkt: string | undefined = this.keyPair?.jkt,
  ): Promise<{ readonly code: string; readonly verifier: string }> {
    const { origins, profile } = this.#world;
    const verifier = randomText();
    const query = new URLSearchParams({ client_id: 'bank-app' });
    if (profile.settings.pkce)
      query.set('code_challenge', createHash('sha256').update(verifier).digest('base64url'));
    if (profile.settings.dpop?.boundCode === true && dpopJkt !== undefined) query.set('dpop_jkt', dpopJkt);
    const url = `${origins.issuer}/authorize?${query}`;
    // What a browser does by itself under a session that is bound to a key, the client SDK does here.
    const send = profile.settings.boundIssuerSession ? this.#fetch() : this.#bearerFetch;
    const { headers } = await send(url);
    const location = headers.get('location');
    return { code: location === null ? '' : (new URL(location).searchParams.get('code') ?? ''), verifier };
  }

  async redeem({ code, verifier }: { readonly code: string; readonly verifier: string }): Promise<Answer> {
    const { origins, profile } = this.#world;
    const form = { code, code_verifier: verifier };
    if (profile.settings.carriedBy !== 'header')
      return this.#post(`${origins.bank}/session`, new URLSearchParams(form).toString());
    return this.#requestToken({ grant_type: 'authorization_code', ...form });
  }

  async refresh(resource?: string): Promise<Answer> {
    const { origins, profile } = this.#world;
    if (profile.settings.carriedBy !== 'header') return this.#post(`${origins.bank}/session/refresh`, '');
    const refreshToken = this.storage.get('refresh_token');
    if (refreshToken === undefined) return { status: 400, headers: new Headers(), body: '' };
    return this.#requestToken({
      grant_type: 'refresh_token',
      refresh_token: refreshToken,
      ...(resource === undefined ? {} : { resource }),
    });
  }

  /** An ordinary request: renews the token first where it has run out, and once more where it is refused. */
  async call(path: string, options: CallOptions = {}): Promise<Answer> {
    const expires = Number(this.storage.get('expires') ?? Number.POSITIVE_INFINITY);
    if (this.now() >= expires) await this.refresh();
    let answer = await this.callOnce(path, options);
    if (answer.status === 401 && (await this.refresh()).status === 200)
      answer = await this.callOnce(path, options);
    if (answer.status !== 403 || !(await this.#solveChallenge(answer))) return answer;
    return this.callOnce(path, options);
  }

  /** Does what a refusal asks of her; false where it asks nothing that she can do. */
  async #solveChallenge({ body: challenge }: Answer): Promise<boolean> {
    for (const { answerChallenge } of this.#world.protections) {
      const solution = answerChallenge?.(challenge, this);
      if (solution === undefined) continue;
      this.interruptions += 1;
      const { path, body } = solution;
      return (await this.callOnce(path, { method: 'POST', body })).status < 300;
    }
    return false;
  }

  async callOnce(path: string, { method = 'GET', body, server = 'bank' }: CallOptions = {}): Promise<Answer> {
    const { origins, profile } = this.#world;
    if (server === 'mail' && profile.settings.audience === 'per-server') await this.#prepareMailToken();
    const url = `${server === 'mail' ? origins.mail : origins.bank}${path}`;
    const init: RequestInit = {
      method,
      ...(body === undefined ? {} : { body, headers: { 'content-type': 'application/json' } }),
    };
    const response = await this.#fetch()(url, init);
    return { status: response.status, headers: response.headers, body: await response.text() };
  }

  /** The request as it would be sent, kept back. */
  async prepare(path: string, options: CallOptions = {}): Promise<CapturedRequest> {
    let captured: CapturedRequest | undefined;
    this.#capture = (request) => {
      captured ??= request;
    };
    try {
      await this.callOnce(path, options);
    } finally {
      this.#capture = undefined;
    }
    if (captured === undefined) throw new Error('there was nothing to send');
    return captured;
  }

  async logout(): Promise<void> {
    const { origins, profile } = this.#world;
    if (profile.settings.carriedBy !== 'header') await this.#post(`${origins.bank}/session/end`, '');
    await this.#post(`${origins.issuer}/logout`, new URLSearchParams({ user: this.name }).toString());
  }

  async changePassword(): Promise<void> {
    const form = { user: this.name, old: this.password, new: `${this.password}, a new one` };
    await this.#post(`${this.#world.origins.issuer}/password`, new URLSearchParams(form).toString());
    this.password = form.new;
  }

  /** A `fetch` underneath the SDK: cookies, mitigations, and the wire. */
  readonly transport = async (input: RequestInfo | URL): Promise<Response> => {
    const request = input as Request;
    const url = new URL(request.url);
    const body = request.body === null ? null : await request.text();
    const draft: Draft = {
      method: request.method,
      url,
      headers: [['host', url.host], ...request.headers],
      body,
    };
    const cookies = this.jar.getCookieStringSync(request.url, { sameSiteContext: 'strict' });
    if (cookies !== '') draft.headers.push(['cookie', cookies]);
    if (url.origin === this.#world.origins.bank || url.origin === this.#world.origins.mail)
      for (const { present } of this.#world.protections) await present?.(draft, this);
    if (this.#capture !== undefined) {
      this.#capture(toCaptured(draft));
      return new Response('', { status: 504 });
    }
    return this.#deliver(draft);
  };

  /** What the jar would send to a URL, from a page of another site or of the same one. */
  cookiesFor(url: string, context: 'strict' | 'lax' | 'none'): string {
    return this.jar.getCookieStringSync(url, { sameSiteContext: context });
  }

  async #deliver(draft: Draft): Promise<Response> {
    const { network, scheme } = this.#world;
    const send = (): Promise<IncomingAnswer> =>
      network.send(this.sender, this.#serverOf(draft.url), scheme, toCaptured(draft));
    if (this.losesAnswers) await send();
    const { status, headers, body } = await send();
    for (const [name, value] of headers)
      if (name.toLowerCase() === 'set-cookie') this.jar.setCookieSync(value, draft.url.href);
    const kept = headers
      .filter(([name]) => name.toLowerCase() !== 'set-cookie')
      .map(([name, value]) => [name, value] as [string, string]);
    return new Response(status === 204 ? null : body, { status, headers: kept });
  }

  #serverOf({ origin }: URL): ServerId | 'tap' {
    const { origins } = this.#world;
    if (origin === origins.issuer) return 'issuer';
    return origin === origins.mail ? 'mail' : this.route;
  }

  #fetch(): typeof fetch {
    if (this.#world.profile.settings.dpop === undefined) return this.#bearerFetch;
    const { origins, clock } = this.#world;
    this.#send ??= createDpopFetch({
      keyPair: this.keyPair as DpopKeyPair,
      origins: [origins.bank, origins.mail, origins.issuer],
      accessToken: (url) => (url.origin === origins.issuer ? undefined : this.#tokenFor(url)),
      clock: () => clock.now(this.party),
      fetch: this.transport as typeof fetch,
    });
    return this.#send;
  }

  readonly #bearerFetch = async (input: RequestInfo | URL, init?: RequestInit): Promise<Response> => {
    const request = new Request(input, init);
    const url = new URL(request.url);
    const token = url.origin === this.#world.origins.issuer ? undefined : this.#tokenFor(url);
    if (token !== undefined) request.headers.set('authorization', `Bearer ${token}`);
    return this.transport(request);
  };

  #tokenFor({ origin }: URL): string | undefined {
    const isMail =
      origin === this.#world.origins.mail && this.#world.profile.settings.audience === 'per-server';
    return this.storage.get(isMail ? 'mail_token' : 'access_token');
  }

  async #prepareMailToken(): Promise<void> {
    const before = this.storage.get('access_token') ?? '';
    await this.refresh(this.#world.origins.mail);
    this.storage.set('mail_token', this.storage.get('access_token') ?? '');
    this.storage.set('access_token', before);
  }

  async #requestToken(form: Readonly<Record<string, string>>): Promise<Answer> {
    const url = `${this.#world.origins.issuer}/token`;
    const init = { method: 'POST', body: new URLSearchParams(form).toString(), headers: formType };
    const response = await this.#fetch()(url, init);
    const body = await response.text();
    if (response.status === 200) {
      this.#keep(JSON.parse(body) as Record<string, unknown>);
      for (const { received } of this.#world.protections) await received?.(this);
    }
    return { status: response.status, headers: response.headers, body };
  }

  #keep(tokens: Readonly<Record<string, unknown>>): void {
    const expires = this.now() + Number(tokens['expires_in']);
    const known = { ...tokens, expires } as Record<string, unknown>;
    for (const name of ['access_token', 'refresh_token', 'expires', ...extraFields(tokens)])
      if (known[name] !== undefined) this.storage.set(name, String(known[name]));
  }

  async #post(url: string, body: string, isProven: boolean = false): Promise<Answer> {
    const init = { method: 'POST', body, headers: formType };
    const response = await (isProven ? this.#fetch()(url, init) : this.transport(new Request(url, init)));
    return { status: response.status, headers: response.headers, body: await response.text() };
  }
}

const formType = { 'content-type': 'application/x-www-form-urlencoded' };
const standardFields = ['access_token', 'refresh_token', 'expires_in', 'token_type'];

/** What mitigations add to a token response for the client to keep. */
function extraFields(tokens: Readonly<Record<string, unknown>>): readonly string[] {
  return Object.keys(tokens).filter((name) => !standardFields.includes(name));
}

function toCaptured({ method, url, headers, body }: Draft): CapturedRequest {
  return { method, path: url.pathname + url.search, headers, body };
}
