import type { Cell } from '../model.ts';
import { gain } from './matrix-rows.ts';

/** Twelve things to guess before they are tried. What is right is not written here: it is measured. */

export interface Question {
  readonly profile: string;
  readonly theft: string;
  readonly title: string;
  readonly text: string;
  /** Shown with the measured answer: how it comes about. */
  readonly explanation: string;
}

export type Guess = 'works' | 'short' | 'blocked' | 'hurts';

/** In the order of the keys 1 to 4. */
export const guesses: readonly (readonly [Guess, string, string])[] = [
  ['works', 'It works', 'for as long as with plain bearer tokens'],
  ['short', 'For a short time', 'it works, but sooner over, or only later'],
  ['blocked', 'It is blocked', 'the thief gets nothing'],
  ['hurts', 'Alice is hurt', 'her own next request is refused'],
];

export const questions: readonly Question[] = [
  {
    profile: 'M12',
    theft: 'T01',
    title: 'A token that nobody can read',
    text: 'The access token is encrypted. The thief finds it in a log, and cannot see a single claim of it.',
    explanation:
      'He does not need to read it. The server decrypts whatever it is handed, and takes the bearer for Alice.',
  },
  {
    profile: 'M22',
    theft: 'T01',
    title: 'Fingerprint: which half goes into the cookie?',
    text: 'The token carries the fingerprint as it is, the cookie carries its hash. The thief has the token alone.',
    explanation: 'Whoever can read the token can hash the claim, and write the cookie himself.',
  },
  {
    profile: 'M21',
    theft: 'T01',
    title: 'The same fingerprint, the other way round',
    text: 'Now the cookie carries the value and the token its hash. The thief has the token alone.',
    explanation:
      'From a hash there is no way back to the value, and the value lies in a cookie that he has not got.',
  },
  {
    profile: 'M13',
    theft: 'T21',
    title: 'A list of addresses, and a thief in the same café',
    text: 'The bank serves a token only from the address of the login. The thief shares Alice’s public address.',
    explanation:
      'The list names a place in the network, not a person. Everybody behind that address is Alice.',
  },
  {
    profile: 'M17',
    theft: 'T01',
    title: 'A verdict kept for five minutes',
    text: 'The address is checked, and the answer kept for the token, to save time. The thief is far away, Alice has just called.',
    explanation:
      'The kept answer was about Alice’s address. Until it is asked again, it lets in whoever has the token.',
  },
  {
    profile: 'M15',
    theft: 'T23',
    title: 'Are you a human?',
    text: 'A new address has to solve a CAPTCHA before it is let in. The thief solves it.',
    explanation: 'The thief is a human. The riddle asks for one, and not for the owner.',
  },
  {
    profile: 'M24',
    theft: 'T37',
    title: 'Better safe than sorry',
    text: 'A wrong CSRF token ends the session at once. The thief sends a wrong one, with a stolen access token.',
    explanation: 'A failed request of a stranger punishes Alice: he was given a button to sign her out.',
  },
  {
    profile: 'M05',
    theft: 'T17',
    title: 'Rotation, with nobody home',
    text: 'A refresh token is good for one use, a second use ends the session. The thief copies one, Alice is away.',
    explanation:
      'Rotation notices that two people use one chain. While one of them is silent, there is nothing to notice.',
  },
  {
    profile: 'D5',
    theft: 'T02',
    title: 'Every byte of the request',
    text: 'DPoP. The thief copies a whole request of Alice’s, proof included, and sends it again a second later.',
    explanation:
      'The proof is real, it is for this URL and fresh. But the servers remember that they have seen it.',
  },
  {
    profile: 'D4',
    theft: 'T32',
    title: 'The other node',
    text: 'As before, but each server remembers proofs for itself. The thief sends the copy to the other one.',
    explanation:
      'What one process remembers, the other has never seen. Until the proof is too old, it is new there.',
  },
  {
    profile: 'D6',
    theft: 'T11',
    title: 'A stock of proofs',
    text: 'A script in Alice’s page signs proofs for the whole week ahead. The servers want a fresh nonce of theirs in each.',
    explanation:
      'Dates can be written ahead, but not a nonce that has not been given out yet: only the present one serves.',
  },
  {
    profile: 'X5',
    theft: 'T15',
    title: 'Everything switched on',
    text: 'All good mitigations together, with a key that cannot be copied. A script in Alice’s page starts a new login.',
    explanation:
      'It steals nothing that is bound: with her session at the issuer it asks for a new token, for a key of the thief’s.',
  },
];

/** What counts as right for a measured cell; nothing where the try broke. */
export function rightGuesses(cell: Cell): readonly Guess[] {
  if (cell.outcome === 'error') return [];
  const hurts: readonly Guess[] = cell.hurt === null && cell.outcome !== 'harm' ? [] : ['hurts'];
  if (cell.outcome === 'harm') return hurts;
  if (cell.outcome === 'works' || cell.outcome === 'longer') return ['works', ...hurts];
  return [gain(cell) > 0 ? 'short' : 'blocked', ...hurts];
}
