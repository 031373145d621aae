import type { Outcome, Recording } from '../model.ts';
import { type Exchange, toExchanges } from './exchange.ts';

/** Which exchanges of a try are the theft itself, and for how long the loot was of use. */

const gotIn: ReadonlySet<Outcome> = new Set(['works', 'narrowed', 'longer', 'late']);

export function thiefGotIn(outcome: Outcome): boolean {
  return gotIn.has(outcome);
}

/** The thief's own after the theft; where he sends none himself, the one that Alice's client sends for him. */
export function findUses(recording: Recording): readonly Exchange[] {
  const after = exchangesAfter(recording, theftOf(recording));
  const byThief = after.filter(({ request }) => request.from === 'thief');
  if (byThief.length > 0 || !thiefGotIn(recording.outcome)) return byThief;
  return exchangesAfter(recording, lastWordsOf(recording)).slice(0, 1);
}

function exchangesAfter({ events }: Recording, seq: number): readonly Exchange[] {
  return toExchanges(events).filter(({ request, response }) => (response ?? request).seq > seq);
}

/** Thefts without loot begin with the try. */
function theftOf({ events }: Recording): number {
  const theft = events.find(({ type }) => type === 'loot') ?? events.find(({ type }) => type === 'start');
  return theft?.seq ?? 0;
}

function lastWordsOf(recording: Recording): number {
  const words = recording.events.findLast((event) => event.type === 'say' && event.who === 'thief');
  return Math.max(words?.seq ?? 0, theftOf(recording));
}

/** The exchange that the try turned on. */
export function findDecisive(recording: Recording): Exchange | undefined {
  const { outcome, decidedBy, events } = recording;
  const all = toExchanges(events);
  if (outcome === 'harm') return all.findLast(({ response }) => response?.verdict === 'refused');
  const uses = findUses(recording);
  const decided = uses.filter(({ response }) => response?.decidedBy === decidedBy);
  return decided.at(-1) ?? uses.at(-1) ?? all.at(-1);
}

/** Events between which the loot was of use: from the theft, or a late first success, to the first failure after it. */
export function findUse(recording: Recording): { readonly from: number; readonly to: number } | undefined {
  const { events, outcome } = recording;
  if (!thiefGotIn(outcome)) return undefined;
  const answers = findUses(recording).flatMap(({ response }) => (response === undefined ? [] : [response]));
  const first = answers.find(({ verdict }) => verdict === 'accepted');
  const last = answers.findLast(({ verdict }) => verdict === 'accepted');
  const failure = answers.find(
    ({ verdict, seq }) => verdict === 'refused' && last !== undefined && seq > last.seq,
  );
  const theft = events.findIndex(({ type }) => type === 'loot');
  const from = outcome === 'late' && first !== undefined ? events.indexOf(first) : theft;
  return from === -1
    ? undefined
    : { from, to: failure === undefined ? events.length : events.indexOf(failure) };
}
