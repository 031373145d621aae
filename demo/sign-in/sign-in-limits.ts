import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { type RateLimiterAbstract, RateLimiterMemory } from 'rate-limiter-flexible';
import { consume } from './consume.ts';
import { networkOf } from './network.ts';

/**
 * Limits of guessing passwords. Each process counts for itself, by the address that connects: behind a proxy that is the
 * proxy's, since anybody can write an `X-Forwarded-For`.
 *
 * Nobody is locked out by a stranger elsewhere: what is refused is a name from one address, or one address; many failures
 * of one name, or of all, only make everybody wait a little.
 */

export interface SignInLimits {
  /** Counts an attempt. A number: refused for so many seconds. */
  admit(user: string, address: string): Promise<number | undefined>;
  /** The attempt was a success: it, and the user's failures from this address, are forgotten. */
  forgive(user: string, address: string): Promise<void>;
  /** The attempt was not looked at: it alone is forgotten, and no failure before it. */
  giveBack(user: string, address: string): Promise<void>;
}

export interface SignInLimitsOptions {
  /** Failures of one name from one address in 15 minutes; default 5. */
  readonly perUserAndAddress?: number;
  /** Failures from one address in 15 minutes; default 50. */
  readonly perAddress?: number;
  /** Failures of one name, from everywhere, in 15 minutes, after which each attempt waits; default 20. */
  readonly perUser?: number;
  /** Failures of all in a minute, after which each attempt waits; default 200. */
  readonly inAll?: number;
  /** How long it waits, in milliseconds; default 1000. */
  readonly wait?: number;
}

const quarterHour = 900;

export function createSignInLimits(options: SignInLimitsOptions = {}): SignInLimits {
  return new CountedSignIns(options);
}

class CountedSignIns implements SignInLimits {
  readonly #pair: RateLimiterAbstract;
  readonly #address: RateLimiterAbstract;
  readonly #user: RateLimiterAbstract;
  readonly #all: RateLimiterAbstract;
  readonly #wait: number;

  constructor(options: SignInLimitsOptions) {
    const { perUserAndAddress = 5, perAddress = 50, perUser = 20, inAll = 200, wait = 1000 } = options;
    this.#pair = new RateLimiterMemory({ points: perUserAndAddress, duration: quarterHour });
    this.#address = new RateLimiterMemory({ points: perAddress, duration: quarterHour });
    this.#user = new RateLimiterMemory({ points: perUser, duration: quarterHour });
    this.#all = new RateLimiterMemory({ points: inAll, duration: 60 });
    this.#wait = wait;
  }

  /** Counted before the password is looked at: of a hundred guesses at once, only the first few are. */
  async admit(user: string, address: string): Promise<number | undefined> {
    // The address first, so that it cannot fill the memory with names.
    const refused =
      (await consume(this.#address, networkOf(address))) ??
      (await consume(this.#pair, pairOf(user, address)));
    if (refused !== undefined) return refused;
    const busy = [await consume(this.#user, digest(user)), await consume(this.#all, 'all')];
    if (busy.some((seconds) => seconds !== undefined)) await sleep(this.#wait);
    return undefined;
  }

  async forgive(user: string, address: string): Promise<void> {
    await this.giveBack(user, address);
    await this.#pair.delete(pairOf(user, address));
  }

  async giveBack(user: string, address: string): Promise<void> {
    await this.#pair.reward(pairOf(user, address));
    await this.#address.reward(networkOf(address));
    await this.#user.reward(digest(user));
    await this.#all.reward('all');
  }
}

function pairOf(user: string, address: string): string {
  return `${digest(user)} ${networkOf(address)}`;
}

/** A name may be long. */
function digest(user: string): string {
  return createHash('sha256').update(user).digest('base64url');
}
