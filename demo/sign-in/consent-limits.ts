import { RateLimiterMemory } from 'rate-limiter-flexible';
import { consume } from './consume.ts';

/** How often one person may be asked for consent: what was shown is kept for a while, and so is the code after it. */

export interface ConsentLimits {
  /** Counts one. A number: refused for so many seconds. */
  admit(subject: string): Promise<number | undefined>;
}

/** Each process counts for itself. */
export function createConsentLimits(perMinute: number = 300): ConsentLimits {
  const each = new RateLimiterMemory({ points: perMinute, duration: 60 });
  return { admit: (subject) => consume(each, subject) };
}
