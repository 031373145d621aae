import type { CheckId, TraceLine } from '../model.ts';

/** What decided, among all that was looked at: the explanation knows the proof alone, the decision is about more. */

/** What people read where the check is none of the proof's own. */
const words: Readonly<Record<CheckId, readonly [expected: string, found: string]>> = {
  jti: ['a proof that is used for the first time', 'one that was used before'],
  exp: ['a token that is valid now', 'one that is not'],
  sig: ['a token that the issuer signed', 'a signature that is not its own'],
  kid: ["a key of the issuer's key set", 'a key that is not in it'],
  aud: ['a token for this server', 'one for another'],
  scheme: ['the scheme that the token asks for', 'the other one'],
  deny: ['a token that was not taken back', 'one that was'],
  ip: ['an address at which Alice signed in', 'another address'],
  geo: ["Alice's country", 'another country'],
  'rt jkt': ['the key that the grant is bound to', 'another key, or none'],
  'rt exp': ['a refresh token that is valid now', 'one that is over'],
  'rt revoked': ['a refresh token of a living grant', 'one of a grant that has ended'],
};

/** The same lines with the one marked that decided; it is added where it is none of them. */
export function markDeciding(lines: readonly TraceLine[], decidedBy: CheckId | null): readonly TraceLine[] {
  const index = lines.findIndex(({ check, verdict }) => verdict === 'failed' && check === decidedBy);
  const marked = lines.map((line, at) => ({ ...line, deciding: decidedBy !== null && at === index }));
  return decidedBy === null || index >= 0 ? marked : [...marked, toLine(decidedBy)];
}

function toLine(check: CheckId): TraceLine {
  const [expected, found] = words[check] ?? ['that it passes', 'it does not'];
  return { name: check, check, section: '', verdict: 'failed', deciding: true, expected, found };
}
