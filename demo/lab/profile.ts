import type { JsonObject, ReplayStore, ResourceServerOptions } from 'holdfast';
import type Koa from 'koa';
import type { CookieJar } from 'tough-cookie';
import type { NodeId } from './engine/bank.ts';
import type { BankCall } from './engine/bank-call.ts';
import type { Answer, CallOptions } from './engine/customer.ts';
import type { Grant, TokenCall } from './engine/grants.ts';
import type { Loot } from './engine/loot.ts';
import type { Scheme } from './engine/network.ts';
import type { World } from './engine/world.ts';
import type { CheckId, HeaderLine, ProfileInfo, Seconds } from './model.ts';

/** What a mitigation is made of: plain data, and the code of the one thing that it adds. */
export interface Profile extends ProfileInfo {
  readonly settings: Settings;
  /** Made anew for each world, so what they remember is as fresh as the world. */
  readonly protections: readonly ProtectionMaker[];
}

export type ProtectionMaker = (world: World) => Protection;

/** The switches that parties of the lab know by themselves; everything else is a `Protection`. */
export interface Settings {
  readonly scheme: Scheme;
  readonly accessTokenLife: Seconds;
  /** 0: there are no refresh tokens. */
  readonly refreshTokenLife: Seconds;
  /** How the issuer keeps refresh tokens and bank sessions. */
  readonly stored: 'plain' | 'hashed';
  /** What a refresh returns; `grace`: the one before is good for ten more seconds. */
  readonly rotation: 'none' | 'strict' | 'grace';
  /** One token for both servers, or one for each. */
  readonly audience: 'shared' | 'per-server';
  /** How long a bank node uses the keys that it has fetched; `Infinity`: until a token names another. */
  readonly keySetAge: Seconds;
  /** How the client brings its token: in the header, in a cookie, or not at all (the server keeps it for the session). */
  readonly carriedBy: 'header' | 'cookie' | 'session';
  /** `SameSite` of the bank's cookies. */
  readonly sameSite: 'none' | 'strict';
  readonly pkce: boolean;
  /** Redeeming codes and refresh tokens takes the client's secret, which only the bank's server has. */
  readonly confidential: boolean;
  /** The issuer's own session is bound to the key that signed in. */
  readonly boundIssuerSession: boolean;
  /** Whether who reads Alice's disk can take the private key along. */
  readonly keyCopyable: boolean;
  readonly dpop: DpopSettings | undefined;
  /** Tokens are bound to the client's TLS certificate (RFC 8705). */
  readonly mtls: boolean;
}

export interface DpopSettings {
  /** Checks that a lab copy of the library leaves out. */
  readonly without: readonly CheckId[];
  readonly maxAge: Seconds;
  readonly futureSkew: Seconds;
  readonly nonceLife: Seconds;
  readonly noncePolicy: 'when-needed' | 'always';
  /** Whether both bank nodes use one store. */
  readonly sharedStore: boolean;
  /** A store that was born at this time. */
  readonly createStore: (now: () => Seconds) => ReplayStore;
  /** Whether the authorization request and refresh tokens are bound to the key as well. */
  readonly boundRefresh: boolean;
  readonly boundCode: boolean;
}

/** A request that is about to be sent, by Alice or by the thief. */
export interface Draft {
  readonly method: string;
  readonly url: URL;
  readonly headers: HeaderLine[];
  body: string | null;
}

/** The code of one mitigation; each part is optional. Whatever refuses calls `refuse` of `engine/refusal.ts`. */
export interface Protection {
  /** At the issuer: more claims for an access token. */
  readonly claims?: (call: TokenCall) => JsonObject | Promise<JsonObject>;
  /** At the issuer: makes the token in its own way, from the claims that it would have; or wraps what was made. */
  readonly mint?: (claims: JsonObject, call: TokenCall) => string | Promise<string>;
  readonly wrap?: (token: string, call: TokenCall) => string | Promise<string>;
  /** At the issuer: before a code or a refresh token is redeemed. */
  readonly atToken?: (call: TokenCall) => void | Promise<void>;
  /** At the issuer: after a token was issued; may add to the answer (cookies, fields). */
  readonly issued?: (call: TokenCall, answer: Record<string, unknown>) => void | Promise<void>;
  /** Somebody signed out, changed the password; the grant was ended because a refresh token was used twice. */
  readonly atLogout?: (grant: Grant) => void | Promise<void>;
  readonly atPassword?: (user: string) => void | Promise<void>;
  readonly atReuse?: (grant: Grant) => void | Promise<void>;
  /** At a bank node, before the token is looked at: may translate the request, or refuse it. */
  readonly before?: (call: BankCall) => void | Promise<void>;
  /** At a bank node: takes the place of the library's guard, sets `call.claims`. */
  readonly guard?: (call: BankCall) => Promise<void>;
  /** Options for the library's guard; of one node, where they differ. */
  readonly resourceServer?:
    | Partial<ResourceServerOptions>
    | ((node: NodeId) => Partial<ResourceServerOptions>);
  /** At a bank node, after the guard: `call.claims` are verified. */
  readonly after?: (call: BankCall) => void | Promise<void>;
  /** At a bank node that keeps tokens from script: more cookies (`Set-Cookie` lines) beside the one for the session. */
  readonly sessionCookies?: (accessToken: string) => readonly string[];
  /** Further routes of bank nodes or of the issuer. */
  readonly bankRoutes?: (app: Koa) => void;
  readonly issuerRoutes?: (app: Koa) => void;
  /** The one secret (HS256) that issuer and bank nodes share now, for a thief who reads the configuration of either. */
  readonly secret?: () => Uint8Array;
  /** Access tokens of a user as the issuer keeps them, for a thief who reads its tables. */
  readonly storedTokens?: (user: string) => readonly string[];
  /** At the client: what Alice's application adds to each request to the bank. */
  readonly present?: (draft: Draft, customer: Holder) => void | Promise<void>;
  /** At the client, after each token response: what else it fetches or keeps beside the tokens. */
  readonly received?: (customer: Holder) => void | Promise<void>;
  /** At the client: what Alice answers to a 403 that asks something of her, and where it is posted. */
  readonly answerChallenge?: (body: string, customer: Holder) => ChallengeAnswer | undefined;
  /** What a thief who can sign tokens himself writes into them, to get past this mitigation. */
  readonly forge?: () => JsonObject;
  /** What the thief adds to his, knowing the system and what he holds. */
  readonly imitate?: (draft: Draft, loot: Loot) => void | Promise<void>;
}

/** What a client's application has at hand. */
export interface Holder {
  /** What script can read: local storage and readable cookies. */
  readonly storage: Map<string, string>;
  readonly jar: CookieJar;
  readonly now: () => Seconds;
  readonly password: string;
  readonly callOnce: (path: string, options?: CallOptions) => Promise<Answer>;
}

export interface ChallengeAnswer {
  readonly path: string;
  readonly body: string;
}

export const minutes: (count: number) => Seconds = (count) => count * 60;
export const hours: (count: number) => Seconds = (count) => count * 3600;
export const days: (count: number) => Seconds = (count) => count * 86_400;
