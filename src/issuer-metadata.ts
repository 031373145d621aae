import { fetchJson } from './fetch-json.ts';
import type { Seconds } from './freshness.ts';
import type { JsonObject } from './jws.ts';
import { monotonicClock, refuseOption, requireText, requireUrl } from './options.ts';
import { isSecureUrl } from './secure-url.ts';

/** Where an issuer says that its endpoints are: RFC 8414, or OpenID Connect Discovery 1.0. */

/** Which well-known document is read: the one of RFC 8414, or the one of OpenID Connect Discovery. */
export type Discovery = 'oauth' | 'openid';

type EndpointName = 'jwks_uri' | 'introspection_endpoint';

const limits = { maxBytes: 65_536, timeout: 5000 };
const maxAge: Seconds = 3600;
/** No attempt for so long after one that failed: strangers' tokens must not become requests to the issuer. */
const firstPause: Seconds = 1;
const pause: Seconds = 30;

/**
 * The metadata of one issuer: fetched at first use, one request at a time, and again after an hour. While that fails
 * the last good document goes on; a new attempt is made after 30 seconds, or after one while there is no document yet.
 */
export class IssuerMetadata {
  readonly #issuer: string;
  readonly #url: URL;
  #document: JsonObject | undefined;
  #failure: unknown;
  #dueAt: Seconds = Number.NEGATIVE_INFINITY;
  #fetching: Promise<void> | undefined;

  /**
   * @param issuer the issuer identifier: an https URL (http on loopback only) without query and fragment, spelled as in
   *   the tokens' `iss`.
   * @throws TypeError naming the option `issuer` or `discovery`.
   */
  constructor(issuer: string, discovery: Discovery) {
    this.#issuer = issuer;
    this.#url = wellKnownUrl(issuer, discovery);
  }

  /**
   * The URL of an endpoint.
   *
   * Checks that the document names the configured issuer, character by character, and that the endpoint is a URL that
   * is protected in transit. Does not check that it belongs to the issuer's host: many are elsewhere.
   *
   * @throws Error when there is no such document, or no such endpoint in it.
   */
  async endpoint(name: EndpointName): Promise<URL> {
    const { [name]: value } = await this.#current();
    const url = typeof value === 'string' && URL.canParse(value) ? new URL(value) : undefined;
    if (url !== undefined && isSecureUrl(url) && url.username === '' && url.password === '') return url;
    this.#dueAt = Math.min(this.#dueAt, monotonicClock() + pause); // what cannot be used is not kept for an hour
    throw new Error(`the metadata of the issuer has no usable ${name}`);
  }

  async #current(): Promise<JsonObject> {
    if (!(monotonicClock() < this.#dueAt)) await this.#refresh();
    if (this.#document !== undefined) return this.#document;
    throw new Error('the metadata of the issuer is not available', { cause: this.#failure });
  }

  /** While the issuer is down, only those that come long after the last attempt wait for one: it may take seconds. */
  async #refresh(): Promise<void> {
    const isDown = this.#failure !== undefined && monotonicClock() < this.#dueAt + pause;
    this.#fetching ??= this.#fetch();
    if (!isDown || this.#document === undefined) await this.#fetching;
  }

  /** Never rejects: what went wrong is kept. */
  async #fetch(): Promise<void> {
    try {
      this.#document = this.#check(await fetchJson(this.#url, {}, limits));
      this.#failure = undefined;
      this.#dueAt = monotonicClock() + maxAge;
    } catch (error) {
      this.#failure = error;
      this.#dueAt = monotonicClock() + (this.#document === undefined ? firstPause : pause);
    } finally {
      this.#fetching = undefined;
    }
  }

  #check(document: JsonObject): JsonObject {
    if (document['issuer'] === this.#issuer) return document; // [R8414-3.3-01]
    throw new Error('the metadata is that of another issuer');
  }
}

/** RFC 8414 section 3.1 puts the well-known path before the issuer's own, OpenID after it; a last slash goes. */
function wellKnownUrl(issuer: string, discovery: Discovery): URL {
  const { origin, pathname } = requireUrl('issuer', requireText('issuer', issuer));
  if (/[?#]/.test(issuer)) refuseOption('issuer', 'a URL without query and fragment');
  const path = pathname.replace(/\/$/, '');
  // [R8414-3-01]
  if (discovery === 'oauth') return new URL(`${origin}/.well-known/oauth-authorization-server${path}`);
  if (discovery === 'openid') return new URL(`${origin}${path}/.well-known/openid-configuration`);
  return refuseOption('discovery', 'oauth or openid');
}
