import { Redis } from 'ioredis';
import type { Profile } from '../profile.ts';
import { baseDpop } from '../profiles/base.ts';

/** Which profiles can run with bank nodes as processes of their own, and what that takes. */

/** Something that the lab needs and that is not there: the message is one sentence. */
export class MissingPart extends Error {
  override readonly name: string = 'MissingPart';
}

/** What a mitigation keeps in memory stays in one process; the library's replay memory has its place in Redis. */
export function isSeparable({ settings, protections }: Profile): boolean {
  const { carriedBy, scheme, dpop } = settings;
  const hasOwnStore = dpop?.sharedStore === true && dpop.createStore !== baseDpop.createStore;
  return protections.length === 0 && carriedBy === 'header' && scheme === 'http' && !hasOwnStore;
}

export function requireSeparable(profile: Profile): void {
  if (!isSeparable(profile))
    throw new MissingPart(
      `${profile.id} (${profile.slug}) keeps what it knows in one process: it cannot run with separate ones.`,
    );
}

/** A Redis that answers. Its URL may hold a password, so it is not repeated. */
export async function requireRedis(url: string | undefined): Promise<string> {
  if (url === undefined)
    throw new MissingPart('Separate processes share a Redis: set REDIS_URL, such as redis://127.0.0.1:6379.');
  const redis = new Redis(url, { lazyConnect: true, maxRetriesPerRequest: 0, retryStrategy: () => null });
  redis.on('error', () => undefined);
  try {
    await redis.connect();
    await redis.ping();
  } catch {
    throw new MissingPart('The Redis that REDIS_URL names does not answer.');
  } finally {
    redis.disconnect();
  }
  return url;
}
