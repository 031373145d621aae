import { requireText } from './options.ts';
import type { RevocationEntry } from './revocation.ts';

/**
 * An entry that a memory can keep: what was taken for one and is none would revoke nothing.
 *
 * @throws TypeError when its key is no text, or one of its moments no number of seconds since the epoch (or `Infinity`).
 */
export function requireEntry(entry: RevocationEntry): RevocationEntry {
  requireText('key', entry.key);
  if (isMoment(entry.before) && isMoment(entry.until)) return entry;
  throw new TypeError(
    'holdfast: an entry revokes before a moment, and until one, in seconds since the epoch',
  );
}

function isMoment(value: unknown): boolean {
  return typeof value === 'number' && value >= 0;
}
