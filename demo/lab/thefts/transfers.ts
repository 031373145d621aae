import type { World } from '../engine/world.ts';

/** Money that is moved in Alice's name. */

export function order(to: 'bob' | 'mallory', amount: number): string {
  return JSON.stringify({ to, amount });
}

/** Whether Alice's money has gone to somebody. She pays Bob; to Mallory she never orders anything. */
export function hasReceived({ books }: World, who: 'bob' | 'mallory'): boolean {
  return books.transfers.some(({ from, to }) => from === 'alice' && to === who);
}
