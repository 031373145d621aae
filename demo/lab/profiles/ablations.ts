import type { CheckId } from '../model.ts';
import type { DpopSettings, Profile } from '../profile.ts';
import { labMemory } from '../protections/lab-memory.ts';
import { withoutClaims } from '../protections/taken-uses.ts';
import { baseDpop, createProfile } from './base.ts';

/**
 * D5 with one check switched off, or with a memory that breaks one promise: the thefts that then work are those that this
 * check alone stops. Two rows ending in `s` show what is left where one promise of the library's memory makes up for it.
 */

interface Text {
  readonly id: string;
  readonly slug: string;
  readonly title: string;
  readonly story: string;
  readonly weak: string;
  readonly leavesOut: readonly CheckId[];
  readonly basedOn?: string;
}

function switchOff(text: Text, dpop: Partial<DpopSettings>): Profile {
  const needs = 'A copy of the library that only the lab can make; no option of it does this.';
  const whole = { group: 'One check off', basedOn: 'D5', needs, ...text } as const;
  return createProfile(whole, { dpop: { ...baseDpop, ...dpop } });
}

function breakPromise(text: Text, dpop: Partial<DpopSettings>): Profile {
  const needs = 'A memory of the lab that keeps every promise but one.';
  const whole = { group: 'One check off', basedOn: 'D5', needs, ...text } as const;
  return createProfile(whole, { dpop: { ...baseDpop, ...dpop } });
}

const checksOff: readonly Profile[] = [
  switchOff(
    {
      id: 'AB0',
      slug: 'without-signature',
      title: 'Signature of the proof not checked',
      story: 'The proof is read as if it were signed, whoever wrote it.',
      weak: "Alice's public key is in every proof, so anybody can write one in her name.",
      leavesOut: ['proof sig'],
    },
    { without: ['proof sig'] },
  ),
  switchOff(
    {
      id: 'AB1',
      slug: 'without-key-binding',
      title: "Token's key not compared",
      story: 'The proof must be signed, by whichever key.',
      weak: 'The thief signs with a key of his own: the token is a bearer token again.',
      leavesOut: ['jkt'],
    },
    { without: ['jkt'] },
  ),
  switchOff(
    {
      id: 'AB2',
      slug: 'without-htm',
      title: 'Method not compared',
      story: 'The proof is good for any method at its URL.',
      weak: 'A proof for reading, held back, does for deleting.',
      leavesOut: ['htm'],
    },
    { without: ['htm'] },
  ),
  switchOff(
    {
      id: 'AB3',
      slug: 'without-htu',
      title: 'URL not compared',
      story: 'The proof is good for any URL, at any server.',
      weak: 'A server that receives a proof uses it at another one; and a wrong address uses it up.',
      leavesOut: ['htu'],
    },
    { without: ['htu'] },
  ),
  switchOff(
    {
      id: 'AB4',
      slug: 'without-ath',
      title: 'Hash of the token not compared',
      story: 'The proof is good with any token of its key.',
      weak: 'Proofs signed ahead go with tokens that did not exist yet.',
      leavesOut: ['ath'],
    },
    { without: ['ath'] },
  ),
  switchOff(
    {
      id: 'AB5',
      slug: 'without-iat',
      title: 'Date of the proof not looked at',
      story: 'A proof has no age, and its entry leaves the memory after the window all the same.',
      weak: 'A request that is refused as a copy works five minutes later, when nobody remembers it.',
      leavesOut: ['iat', 'floor'],
    },
    { without: ['iat'], createStore: labMemory({ faults: ['admits the late'] }) },
  ),
  switchOff(
    {
      id: 'AB5s',
      slug: 'without-iat-own-memory',
      title: "Date not looked at, the library's own memory",
      story: 'A proof has no age, but the memory takes nothing that it may have forgotten.',
      weak: 'Copies are still refused; a request that never arrived works for as long as the token.',
      leavesOut: ['iat', 'floor'],
    },
    { without: ['iat'] },
  ),
  switchOff(
    {
      id: 'AB6',
      slug: 'without-jti',
      title: 'Use not remembered',
      story: 'The memory tells the time, and calls every use the first.',
      weak: 'The same request works again until its proof is too old.',
      leavesOut: ['jti'],
    },
    { createStore: (clock) => withoutClaims(baseDpop.createStore(clock)) },
  ),
];

const promisesBroken: readonly Profile[] = [
  breakPromise(
    {
      id: 'AB7',
      slug: 'evicts-in-silence',
      title: 'Memory drops entries without a word',
      story: 'When the memory is full the first entry leaves, and no floor rises to its time.',
      weak: 'Whoever fills the memory can use again what it has dropped.',
      leavesOut: ['floor'],
    },
    { createStore: labMemory({ faults: ['evicts in silence'] }) },
  ),
  breakPromise(
    {
      id: 'AB8s',
      slug: 'memory-of-each-node',
      title: 'A memory for each server, that says when it began',
      story: 'Each server has a memory of its own, and takes nothing that was made before the memory was.',
      weak: 'The other server still does not know; a restart opens nothing.',
      leavesOut: [],
    },
    { sharedStore: false, createStore: labMemory() },
  ),
  breakPromise(
    {
      id: 'AB8',
      slug: 'restarts-in-silence',
      title: 'Memory is lost without a word',
      story: 'Each server has a memory of its own, which after a restart passes for the former one.',
      weak: 'Whatever was used just before the restart can be used again.',
      leavesOut: ['floor'],
      basedOn: 'AB8s',
    },
    { sharedStore: false, createStore: labMemory({ faults: ['restarts in silence'] }) },
  ),
  breakPromise(
    {
      id: 'AB9',
      slug: 'time-falls',
      title: "Memory's time may fall",
      story: "The memory goes by the server's clock, back as well, and drops entries at their end.",
      weak: 'With the clock set back a request of long ago is fresh, and nobody remembers it.',
      leavesOut: ['iat'],
    },
    { createStore: labMemory({ faults: ['time falls'] }) },
  ),
];

export const ablationProfiles: readonly Profile[] = [...checksOff, ...promisesBroken];
