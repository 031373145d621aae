import { type RateLimiterAbstract, RateLimiterRes } from 'rate-limiter-flexible';

/** Takes one of what a limiter still gives. A number: there is none, for so many seconds. */
export async function consume(limiter: RateLimiterAbstract, key: string): Promise<number | undefined> {
  try {
    await limiter.consume(key);
    return undefined;
  } catch (refusal) {
    if (refusal instanceof RateLimiterRes) return Math.max(1, Math.ceil(refusal.msBeforeNext / 1000));
    throw refusal;
  }
}
