import type { LootKind, PartyId } from '../model.ts';
import type { IconName } from './icons.ts';

/** Everybody on the stage, from left to right: the victim first, the thief last. */

export const parties: readonly { readonly id: PartyId; readonly name: string; readonly icon: IconName }[] = [
  { id: 'alice', name: 'Alice', icon: 'alice' },
  { id: 'proxy', name: 'Proxy', icon: 'proxy' },
  { id: 'issuer', name: 'Issuer', icon: 'issuer' },
  { id: 'bank-a', name: 'Bank A', icon: 'bank' },
  { id: 'bank-b', name: 'Bank B', icon: 'bank' },
  { id: 'mail', name: 'Mail', icon: 'mail' },
  { id: 'mallory', name: 'Mallory', icon: 'mallory' },
  { id: 'thief', name: 'Thief', icon: 'thief' },
];

export function nameOf(id: PartyId): string {
  return parties.find((party) => party.id === id)?.name ?? id;
}

/** Words that give away whose place a text speaks of; the first that fits counts. */
const places: readonly (readonly [words: RegExp, party: PartyId])[] = [
  [/alice|browser|cookies|page's storage/, 'alice'],
  [/bank b/, 'bank-b'],
  [/issuer/, 'issuer'],
  [/bank|access log/, 'bank-a'],
  [/mail/, 'mail'],
  [/proxy/, 'proxy'],
];

/** Whose place a text such as `line 7 of bank A's access log` speaks of. What lies with nobody else lies with Alice. */
export function placeOf(where: string): PartyId {
  const text = where.toLowerCase();
  return places.find(([words]) => words.test(text))?.[1] ?? 'alice';
}

export const lootIcons: Readonly<Record<LootKind, IconName>> = {
  'access token': 'token',
  'refresh token': 'again',
  proof: 'check',
  'whole request': 'envelope',
  cookies: 'cookie',
  key: 'key',
  code: 'token',
  'issuer session': 'issuer',
  'server secret': 'server',
  'live page': 'page',
};
