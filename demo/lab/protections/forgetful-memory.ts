import type { Memory, ReplayStore } from 'holdfast';

/** No memory at all: nothing that comes was ever there before. */
export function createForgetfulMemory(): ReplayStore {
  return { read: unknowing, claim: () => 'claimed' };
}

function unknowing(now: number): Memory {
  const never = Number.NEGATIVE_INFINITY;
  return { id: 'no memory', birth: never, now, floor: { iat: never, nonce: never } };
}
