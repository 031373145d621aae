import { createPublicKey, type KeyObject } from 'node:crypto';
import type { BindingMode } from 'holdfast';
import type { JWK } from 'jose';
import { demoWebPublicJwk } from './authorization/demo-web-key.ts';

/** Every setting of the demo, read from the environment once. */

export interface DemoConfig {
  readonly host: string;
  /** 0 takes any free port. */
  readonly authorizationPort: number;
  readonly resourcePort: number;
  /** Of the stolen-token lab, which listens on 127.0.0.1 alone. */
  readonly labPort: number;
  /** Where the public finds the servers, when a proxy stands before them; default: where they listen. */
  readonly authorizationOrigin: string | undefined;
  readonly resourceOrigin: string | undefined;
  readonly tokenLifetime: number;
  readonly noncePolicy: 'when-needed' | 'always';
  /** What the resource server does with tokens that are bound to no key. */
  readonly bindingMode: BindingMode;
  readonly replayCapacity: number;
  /** Of `demo-service`. */
  readonly clientSecret: string;
  /** Of `demo-legacy`. */
  readonly legacySecret: string;
  /** Of `demo-api`, the resource server where it introspects. */
  readonly apiSecret: string;
  /** The public key of `demo-web`. */
  readonly webJwk: JWK;
  /** Where several processes remember used proofs together; default: each in its own memory. */
  readonly redisUrl: string | undefined;
  /** Where one process keeps what must survive a restart (SQLite); default: nowhere. */
  readonly stateFile: string | undefined;
  /** Default: a new one at each start. */
  readonly nonceSecret: Uint8Array | undefined;
  /** Still accepted, for a roll-over. */
  readonly previousNonceSecret: Uint8Array | undefined;
}

/** A setting that makes no sense: the message is one sentence that names it. */
export class ConfigError extends Error {
  override readonly name: string = 'ConfigError';
}

type Environment = Readonly<Record<string, string | undefined>>;

/** @throws ConfigError that names the variable and what it must be. */
export function readConfig(environment: Environment): DemoConfig {
  return Object.freeze({
    host: readHost(environment),
    authorizationPort: readInteger(environment, 'AS_PORT', 4000, 0, 65_535),
    resourcePort: readInteger(environment, 'RS_PORT', 4001, 0, 65_535),
    labPort: readInteger(environment, 'LAB_PORT', 4002, 0, 65_535),
    authorizationOrigin: readOrigin(environment, 'AS_ORIGIN'),
    resourceOrigin: readOrigin(environment, 'RS_ORIGIN'),
    tokenLifetime: readInteger(environment, 'TOKEN_LIFETIME', 300, 1, 86_400),
    noncePolicy: readWord(environment, 'NONCE_POLICY', ['when-needed', 'always']),
    bindingMode: readWord(environment, 'BINDING_MODE', ['require', 'allow', 'observe']),
    replayCapacity: readInteger(environment, 'REPLAY_CAPACITY', 100_000, 10, 10_000_000),
    clientSecret: environment['DEMO_SERVICE_SECRET'] || 'demo-service-secret',
    legacySecret: environment['DEMO_LEGACY_SECRET'] || 'demo-legacy-secret',
    apiSecret: environment['DEMO_API_SECRET'] || 'demo-api-secret',
    webJwk: readPublicJwk(environment, 'DEMO_WEB_JWK') ?? demoWebPublicJwk,
    redisUrl: readRedisUrl(environment, 'REDIS_URL'),
    stateFile: environment['STATE_FILE'] || undefined,
    nonceSecret: readSecret(environment, 'NONCE_SECRET'),
    previousNonceSecret: readSecret(environment, 'PREVIOUS_NONCE_SECRET'),
  });
}

const loopback = /^(?:localhost|127(?:\.\d+){3}|\[?::1\]?)$/i;
const everywhere = ['0.0.0.0', '::'];

/** Tokens go over plain http on this machine only: where others connect, a proxy with https stands before us. */
function readHost(from: Environment): string {
  const host = from['HOST'] || '127.0.0.1';
  const behindProxy = Boolean(from['AS_ORIGIN'] && from['RS_ORIGIN']);
  if (loopback.test(host) || everywhere.includes(host) || behindProxy) return host;
  throw new ConfigError(
    `HOST must be a loopback address unless AS_ORIGIN and RS_ORIGIN are set, not "${host}".`,
  );
}

function readInteger(from: Environment, name: string, fallback: number, min: number, max: number): number {
  const text = from[name] || String(fallback);
  const value = Number(text);
  if (/^\d+$/.test(text) && value >= min && value <= max) return value;
  throw new ConfigError(`${name} must be a whole number from ${min} to ${max}, not "${text}".`);
}

function readOrigin(from: Environment, name: string): string | undefined {
  const text = from[name] || undefined;
  if (text === undefined || isPublicOrigin(text)) return text;
  throw new ConfigError(`${name} must be an origin such as https://api.example, not "${text}".`);
}

function isPublicOrigin(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { origin, protocol, hostname } = new URL(text);
  return origin === text && (protocol === 'https:' || (protocol === 'http:' && loopback.test(hostname)));
}

/** The first of these words is the default. */
function readWord<T extends string>(from: Environment, name: string, words: readonly [T, ...T[]]): T {
  const text = from[name] || words[0];
  const word = words.find((known) => known === text);
  if (word !== undefined) return word;
  const choice = `${words.slice(0, -1).join(', ')} or ${words.at(-1)}`;
  throw new ConfigError(`${name} must be ${choice}, not "${text}".`);
}

/** It may hold a password, so it is not repeated. Options in a query could undo ours. */
function readRedisUrl(from: Environment, name: string): string | undefined {
  const text = from[name] || undefined;
  if (text === undefined || isRedisUrl(text)) return text;
  throw new ConfigError(`${name} must be a URL such as redis://127.0.0.1:6379 or rediss://redis.example/1.`);
}

function isRedisUrl(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, hostname, pathname, search, hash } = new URL(text);
  const bare = search === '' && hash === '' && /^\/?\d{0,5}$/.test(pathname);
  return /^rediss?:$/.test(protocol) && hostname !== '' && bare;
}

function readSecret(from: Environment, name: string): Uint8Array | undefined {
  const text = from[name] || undefined;
  if (text === undefined) return undefined;
  if (/^[\da-f]{64}$/i.test(text)) return Uint8Array.from(Buffer.from(text, 'hex'));
  throw new ConfigError(`${name} must be 64 hexadecimal characters.`);
}

/** A private key has no business here: it is not repeated, and not accepted. */
function readPublicJwk(from: Environment, name: string): JWK | undefined {
  const text = from[name] || undefined;
  if (text === undefined) return undefined;
  const jwk = toPublicJwk(text);
  if (jwk !== undefined) return jwk;
  throw new ConfigError(
    `${name} must be a public JWK as JSON: EC P-256, Ed25519, or RSA of 2048 bits or more.`,
  );
}

function toPublicJwk(text: string): JWK | undefined {
  try {
    const jwk = JSON.parse(text) as JWK;
    const key = createPublicKey({ key: { ...jwk }, format: 'jwk' });
    return 'd' in jwk || !isStrong(key) ? undefined : jwk;
  } catch {
    return undefined; // no JSON, or no key: one sentence says so
  }
}

function isStrong({ asymmetricKeyType: type, asymmetricKeyDetails: details }: KeyObject): boolean {
  if (type === 'ec') return details?.namedCurve === 'prime256v1';
  return type === 'rsa' ? (details?.modulusLength ?? 0) >= 2048 : type === 'ed25519';
}
