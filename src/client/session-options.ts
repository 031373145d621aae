import {
  refuseOption,
  requireMethods,
  requireOptions,
  requireSeconds,
  requireText,
  requireUrl,
} from '../options.ts';
import type { DpopClientError } from './errors.ts';
import type { DpopFetchEvent } from './fetch.ts';
import type { KeyStore } from './key-stores.ts';
import type { ClientAlgorithm, DpopSigner } from './keys.ts';
import type { ClientAuthentication } from './session-server.ts';
import type { TokenStore } from './session-store.ts';
import type { SessionLocks, TokenEvent } from './session-tokens.ts';

/** Options of `createSession`. */
export interface SessionOptions {
  /** The authorization server's issuer identifier, to the letter: its metadata must name the same (RFC 8414 section 3.3). */
  readonly issuer: string;
  readonly clientId: string;
  /**
   * How a confidential client shows who it is: its secret, or a function such as `PrivateKeyJwt(...)` of `oauth4webapi`,
   * called once for each attempt. Leave it out for a public client.
   */
  readonly clientAuthentication?: string | ClientAuthentication;
  /** Where people come back to after they have signed in. Without it the client acts for itself (`client_credentials`). */
  readonly redirectUri?: string;
  /** Space-separated; default: what the authorization server gives by default. */
  readonly scope?: string;
  /** The API that tokens are for, where the authorization server serves several (RFC 8707). */
  readonly resource?: string;
  /** The origins that may get the token, such as `https://api.example`. */
  readonly origins: string | readonly string[];
  /** Where the key is kept; default: in memory, so that a reload means to sign in again. */
  readonly keyStore?: KeyStore;
  /** A key that signs elsewhere, such as in hardware, in the place of a `keyStore`. */
  readonly signer?: DpopSigner;
  /** Where tokens are kept; default: in memory. Kept together with the key, or of no use. */
  readonly tokenStore?: TokenStore;
  /** What stores and locks call this session; letters, digits, `.`, `_`, `-`; default: made of issuer and client. */
  readonly name?: string;
  /** Of a key that is made; default `ES256`. */
  readonly algorithm?: ClientAlgorithm;
  /** Which metadata to read: RFC 8414 (`oauth`, default) or OpenID Connect Discovery. */
  readonly discovery?: 'oauth' | 'openid';
  /** How long one request to the authorization server may take, in seconds; default 10. */
  readonly timeout?: number;
  /** Keeps tabs from refreshing at once; default: `navigator.locks` where there is one. */
  readonly locks?: SessionLocks;
  /** The `fetch` underneath; default: the global one. */
  readonly fetch?: typeof fetch;
  /** Told of what is not visible from outside. Must not throw; what it throws is dropped. */
  readonly observe?: (event: SessionEvent) => void;
}

/** What happened underneath; neither token nor proof nor nonce is in it. */
export type SessionEvent =
  | DpopFetchEvent
  | TokenEvent
  /** A token that was given up is still good until it expires. */
  | { readonly type: 'revocation-failed'; readonly code: DpopClientError['code'] };

/** One that every store takes. */
export function defaultName(issuer: string, clientId: string): string {
  return `${issuer} ${clientId}`.replaceAll(/[^\w.-]+/g, '_').slice(0, 128);
}

/** What has a path, a query or user info is no origin: whoever writes one expects it to count. */
export function toOrigins(value: unknown): readonly string[] {
  const list: readonly unknown[] = Array.isArray(value) ? value : [value];
  const urls = list.map((each) => requireUrl('origins', each));
  if (urls.length > 0 && urls.every(({ href, origin }) => href === `${origin}/`))
    return urls.map(({ origin }) => origin);
  return refuseOption('origins', 'one or more origins, without path and query');
}

const optionNames = [
  'issuer',
  'clientId',
  'clientAuthentication',
  'redirectUri',
  'scope',
  'resource',
  'origins',
  'keyStore',
  'signer',
  'tokenStore',
  'name',
  'algorithm',
  'discovery',
  'timeout',
  'locks',
  'fetch',
  'observe',
];

const stores = {
  keyStore: ['load', 'add', 'save', 'delete'],
  tokenStore: ['load', 'save', 'delete'],
} as const;

/** A mistake shows when the options are given, not at the first call. */
export function checkOptions(options: SessionOptions): SessionOptions {
  requireOptions(options, optionNames);
  const { clientAuthentication, redirectUri, discovery = 'oauth', name = 'name', timeout = 10 } = options;
  requireUrl('issuer', options.issuer);
  requireText('clientId', options.clientId);
  if (redirectUri === undefined && clientAuthentication === undefined)
    refuseOption('redirectUri', 'given, or clientAuthentication: somebody has to show who they are');
  if (redirectUri !== undefined && !URL.canParse(redirectUri)) refuseOption('redirectUri', 'an absolute URL');
  if (typeof clientAuthentication !== 'function' && clientAuthentication !== undefined)
    requireText('clientAuthentication', clientAuthentication);
  for (const text of ['scope', 'resource'] as const)
    if (options[text] !== undefined) requireText(text, options[text]);
  for (const [store, methods] of Object.entries(stores))
    if (store in options) requireMethods(store, options[store as keyof typeof stores], methods, 'a store');
  if (options.signer !== undefined) {
    requireMethods('signer', options.signer, ['sign'], 'a signer');
    if (options.keyStore !== undefined) refuseOption('keyStore', 'left out where there is a signer');
  }
  if (options.locks !== undefined)
    requireMethods('locks', options.locks, ['request'], 'like navigator.locks');
  for (const hook of ['fetch', 'observe'] as const)
    if (!['undefined', 'function'].includes(typeof options[hook])) refuseOption(hook, 'a function');
  if (!['oauth', 'openid'].includes(discovery)) refuseOption('discovery', 'oauth or openid');
  if (!/^[a-z0-9][\w.-]{0,127}$/i.test(name)) refuseOption('name', 'letters, digits, ".", "_" and "-"');
  if (requireSeconds('timeout', timeout, 3600) === 0) refuseOption('timeout', 'more than 0 seconds');
  return options;
}
