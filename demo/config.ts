/** Every setting of the demo, read from the environment once. */

export interface DemoConfig {
  readonly host: string;
  /** 0 takes any free port. */
  readonly authorizationPort: number;
  readonly resourcePort: number;
  /** Where the public finds the servers, when a proxy stands before them; default: where they listen. */
  readonly authorizationOrigin: string | undefined;
  readonly resourceOrigin: string | undefined;
  readonly tokenLifetime: number;
  readonly noncePolicy: 'when-needed' | 'always';
  readonly replayCapacity: number;
  readonly clientSecret: string;
}

/** A setting that makes no sense: the message is one sentence that names it. */
export class ConfigError extends Error {
  override readonly name: string = 'ConfigError';
}

type Environment = Readonly<Record<string, string | undefined>>;

/** @throws ConfigError that names the variable and what it must be. */
export function readConfig(environment: Environment): DemoConfig {
  return Object.freeze({
    host: environment['HOST'] || '127.0.0.1',
    authorizationPort: readInteger(environment, 'AS_PORT', 4000, 0, 65_535),
    resourcePort: readInteger(environment, 'RS_PORT', 4001, 0, 65_535),
    authorizationOrigin: readOrigin(environment, 'AS_ORIGIN'),
    resourceOrigin: readOrigin(environment, 'RS_ORIGIN'),
    tokenLifetime: readInteger(environment, 'TOKEN_LIFETIME', 300, 1, 86_400),
    noncePolicy: readPolicy(environment, 'NONCE_POLICY'),
    replayCapacity: readInteger(environment, 'REPLAY_CAPACITY', 100_000, 1, 10_000_000),
    clientSecret: environment['DEMO_SERVICE_SECRET'] || 'demo-service-secret',
  });
}

function readInteger(from: Environment, name: string, fallback: number, min: number, max: number): number {
  const text = from[name] || String(fallback);
  const value = Number(text);
  if (/^\d+$/.test(text) && value >= min && value <= max) return value;
  throw new ConfigError(`${name} must be a whole number from ${min} to ${max}, not "${text}".`);
}

function readOrigin(from: Environment, name: string): string | undefined {
  const text = from[name] || undefined;
  if (text === undefined || (URL.canParse(text) && new URL(text).origin === text)) return text;
  throw new ConfigError(`${name} must be an origin such as https://api.example, not "${text}".`);
}

function readPolicy(from: Environment, name: string): 'when-needed' | 'always' {
  const text = from[name] || 'when-needed';
  if (text === 'when-needed' || text === 'always') return text;
  throw new ConfigError(`${name} must be when-needed or always, not "${text}".`);
}
