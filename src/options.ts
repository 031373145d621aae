/** Checks of what a programmer passes in: a mistake is a `TypeError` that names the option, at the start. */

import { defaultPolicy, type FreshnessPolicy, isTime, type Seconds } from './freshness.ts';
import { type SignatureAlgorithm, signatureAlgorithms } from './jwk.ts';
import { isSecureUrl } from './secure-url.ts';

/** The system's clock, in seconds since the epoch. */
export function systemClock(): Seconds {
  return Date.now() / 1000;
}

/** A clock that nobody sets, in seconds since some moment. */
export function monotonicClock(): Seconds {
  return performance.now() / 1000;
}

/** Refuses an option in one sentence. */
export function refuseOption(name: string, expected: string): never {
  throw new TypeError(`holdfast: option "${name}" must be ${expected}`);
}

/**
 * An object; where `known` is given, with no other names: a misspelt option must not leave a check at its default. Nor
 * with an inherited one: a polluted `Object.prototype` would choose for every server and every route.
 */
export function requireOptions<T>(value: T, known?: readonly string[]): T {
  if (typeof value !== 'object' || value === null) throw new TypeError('holdfast: options must be an object');
  if (known === undefined) return value;
  const unknown = Object.keys(value).find((name) => !known.includes(name));
  if (unknown !== undefined) throw new TypeError(`holdfast: there is no option "${unknown}"`);
  const inherited = known.find((name) => name in value && !Object.hasOwn(value, name));
  return inherited === undefined ? value : refuseOption(inherited, 'given by the options themselves');
}

/** An object with these methods: a store, or something else that is made by a function of ours. */
export function requireMethods<T>(name: string, value: T, methods: readonly string[], expected: string): T {
  const object = value as Readonly<Record<string, unknown>> | undefined | null;
  const complete = object != null && methods.every((method) => typeof object[method] === 'function');
  return complete ? value : refuseOption(name, expected);
}

export function requireText(name: string, value: unknown): string {
  return typeof value === 'string' && value !== '' ? value : refuseOption(name, 'a non-empty string');
}

export function requireCount(name: string, value: unknown, max: number = Number.MAX_SAFE_INTEGER): number {
  return Number.isSafeInteger(value) && (value as number) > 0 && (value as number) <= max
    ? (value as number)
    : refuseOption(
        name,
        max === Number.MAX_SAFE_INTEGER ? 'a positive integer' : `an integer from 1 to ${max}`,
      );
}

/** A length of time: finite, not negative, at most `max`. */
export function requireSeconds(name: string, value: unknown, max: Seconds): Seconds {
  return typeof value === 'number' && value >= 0 && value <= max
    ? value
    : refuseOption(name, `a number of seconds from 0 to ${max}`);
}

/** A function that returns seconds. Milliseconds, as of `Date.now`, would make every proof look ancient. */
export function requireClock(name: string, value: unknown): () => Seconds {
  const reading: unknown = typeof value === 'function' ? value() : undefined;
  return isTime(reading) ? (value as () => Seconds) : refuseOption(name, 'a function returning seconds');
}

/** A clock's reading, whenever it is taken: one that is no time would carry a memory away for good. */
export function requireTime(now: Seconds): Seconds {
  if (isTime(now)) return now;
  throw new TypeError('holdfast: the clock returned no time in seconds');
}

/** A list of asymmetric signature algorithms that holdfast knows: never `none`, never `HS256`. */
export function requireAlgorithms(name: string, value: unknown): readonly SignatureAlgorithm[] {
  const known: readonly unknown[] = signatureAlgorithms;
  // [R9449-11.6-01]
  return Array.isArray(value) && value.length > 0 && value.every((algorithm) => known.includes(algorithm))
    ? Object.freeze([...(value as SignatureAlgorithm[])])
    : refuseOption(name, `a list of some of ${signatureAlgorithms.join(', ')}`);
}

/** The time window. A proof that lives longer than ten minutes, or is dated further ahead than one, is no proof. */
export function requirePolicy(options: Partial<FreshnessPolicy>): FreshnessPolicy {
  return Object.freeze({
    maxAge: requireSeconds('maxAge', options.maxAge ?? defaultPolicy.maxAge, 600),
    futureSkew: requireSeconds('futureSkew', options.futureSkew ?? defaultPolicy.futureSkew, 60),
    nonceLife: requireSeconds('nonceLife', options.nonceLife ?? defaultPolicy.nonceLife, 600),
  });
}

/** An `https:` URL, or `http:` on loopback, since all of this rests on TLS. */
export function requireUrl(name: string, value: unknown): URL {
  const url =
    value instanceof URL
      ? value
      : typeof value === 'string' && URL.canParse(value)
        ? new URL(value)
        : undefined;
  return url !== undefined && isSecureUrl(url) && url.username === '' && url.password === ''
    ? url
    : refuseOption(name, 'an https: URL (http: on loopback only)');
}

/** Scope names of RFC 6749 section 3.3, which can stand in a challenge as they are. */
export function requireScopes(name: string, value: unknown): readonly string[] {
  return Array.isArray(value) &&
    value.every((scope) => typeof scope === 'string' && /^[!#-[\]-~]+$/.test(scope))
    ? (value as string[])
    : refuseOption(name, 'a list of scope names');
}
