import { RateLimiterMemory } from 'rate-limiter-flexible';
import { consume } from '../sign-in/consume.ts';
import { networkOf } from '../sign-in/network.ts';

/**
 * How many authorization requests may be pushed by clients that cannot show who they are. Each process counts for itself,
 * by the address that connects, which behind a proxy is the proxy's; and all together, so that what is kept of them leaves
 * most of the room to everybody else.
 */

export interface PushLimits {
  /** Counts one. A number: refused for so many seconds. */
  admit(address: string): Promise<number | undefined>;
}

export interface PushLimitsOptions {
  /** From one address in a minute; default 600. */
  readonly perAddress?: number;
  /** From everywhere in a minute; default 3000. */
  readonly inAll?: number;
}

export function createPushLimits({ perAddress = 600, inAll = 3000 }: PushLimitsOptions = {}): PushLimits {
  const one = new RateLimiterMemory({ points: perAddress, duration: 60 });
  const all = new RateLimiterMemory({ points: inAll, duration: 60 });
  // The address first: what one of them is refused for must not count against all.
  return {
    admit: async (address) => (await consume(one, networkOf(address))) ?? (await consume(all, 'all')),
  };
}
