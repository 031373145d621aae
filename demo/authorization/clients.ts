import type { JSONWebKeySet } from 'jose';
import type { DemoConfig } from '../config.ts';

/** The clients that the demo knows. */

/** How a client shows who it is (RFC 8414 `token_endpoint_auth_methods_supported`). */
export type ClientAuthentication =
  | { readonly method: 'none' }
  | { readonly method: 'client_secret'; readonly secret: string }
  /** RFC 7523: an assertion signed by one of these keys. */
  | { readonly method: 'private_key_jwt'; readonly jwks: JSONWebKeySet };

/** A registered client. */
export interface DemoClient {
  readonly id: string;
  /** For people, on the consent page. */
  readonly name: string;
  readonly authentication: ClientAuthentication;
  readonly grantTypes: readonly string[];
  /** Compared character by character; of a loopback address, the port may be any (RFC 8252 section 7.3). */
  readonly redirectUris: readonly string[];
  readonly postLogoutRedirectUris: readonly string[];
  readonly scopes: readonly string[];
  /** `jwt` is read by the resource server itself, `opaque` is introspected. */
  readonly tokenFormat: 'jwt' | 'opaque';
  /** `dpop_bound_access_tokens` (RFC 9449 section 5.2): `false` is for clients that still move from Bearer. */
  readonly boundTokens: boolean;
  /** Which tokens it may introspect: those issued to it, or, as a resource server, those issued for it. */
  readonly introspects: 'own' | 'audience';
}

/** `grant_type` of RFC 8693. */
export const tokenExchange = 'urn:ietf:params:oauth:grant-type:token-exchange';

type ClientSecrets = Pick<DemoConfig, 'clientSecret' | 'legacySecret' | 'apiSecret' | 'webJwk'>;

/** One client of each kind. Loopback addresses are registered as numbers: `localhost` may be anything's name. */
export function createClients(config: ClientSecrets): readonly DemoClient[] {
  const common = {
    redirectUris: [],
    postLogoutRedirectUris: [],
    scopes: ['notes:read', 'notes:write'],
    tokenFormat: 'jwt',
    boundTokens: true,
    introspects: 'own',
  } as const;
  return [
    {
      ...common,
      id: 'demo-spa',
      name: 'Demo notes in the browser',
      authentication: { method: 'none' },
      grantTypes: ['authorization_code', 'refresh_token'],
      redirectUris: ['http://127.0.0.1/callback', 'http://[::1]/callback'],
      postLogoutRedirectUris: ['http://127.0.0.1/', 'http://[::1]/'],
    },
    {
      ...common,
      id: 'demo-service',
      name: 'Demo service',
      authentication: { method: 'client_secret', secret: config.clientSecret },
      grantTypes: ['client_credentials', tokenExchange],
    },
    {
      ...common,
      id: 'demo-web',
      name: 'Demo notes on a server',
      authentication: { method: 'private_key_jwt', jwks: { keys: [config.webJwk] } },
      grantTypes: ['authorization_code', 'refresh_token', 'client_credentials'],
      redirectUris: ['http://127.0.0.1/callback'],
      postLogoutRedirectUris: ['http://127.0.0.1/'],
      tokenFormat: 'opaque',
    },
    {
      ...common,
      id: 'demo-legacy',
      name: 'Demo of an older day',
      authentication: { method: 'client_secret', secret: config.legacySecret },
      grantTypes: ['client_credentials', 'authorization_code'],
      redirectUris: ['http://127.0.0.1/callback'],
      boundTokens: false,
    },
    {
      ...common,
      id: 'demo-api',
      name: 'Demo resource server',
      authentication: { method: 'client_secret', secret: config.apiSecret },
      grantTypes: [],
      scopes: [],
      introspects: 'audience',
    },
  ];
}
