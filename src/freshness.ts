/**
 * The one rule on time: what is acceptable, how long it must be remembered, and what a memory that has forgotten may
 * still accept. Acceptance, retention and capacity are decided here together, because every replay hole known in
 * other systems comes from deciding them apart. Pure: the clock reading and the memory are arguments.
 */

/** Seconds since the epoch, or a number of seconds; fractions are allowed. */
export type Seconds = number;

/**
 * When a proof was made, and by whose clock: the issue time of the server nonce in it (ours), or else its `iat`
 * (the client's). The content of a proof fixes its axis; it can never be moved to the other one.
 */
export interface ProofTime {
  readonly axis: 'iat' | 'nonce';
  readonly at: Seconds;
}

/**
 * What a replay memory tells about itself.
 *
 * A memory that has lost its entries (restart, flush, failover) is another memory: it has a new `id` and `birth`.
 */
export interface Memory {
  /** Random name of this memory. Nonces are keyed to it, so that nonces of a former memory are challenged. */
  readonly id: string;
  /** When it began empty. */
  readonly birth: Seconds;
  /** The highest time it was ever told: never falls, though clocks do. */
  readonly now: Seconds;
  /** Everything at or under these times may have been forgotten, for each axis. */
  readonly floor: { readonly iat: Seconds; readonly nonce: Seconds };
}

/** Whether a value can be a clock's reading in seconds: milliseconds, and times that no nonce could hold, are none. */
export function isTime(value: unknown): value is Seconds {
  return typeof value === 'number' && value >= 0 && value < 1e11;
}

/** Whether a value is what a store must answer with; a time that is no number would compare as anything. */
export function isMemory(value: unknown): value is Memory {
  const { id, birth, now, floor } = (value ?? {}) as Partial<Memory>;
  const times = [birth, now, floor?.iat, floor?.nonce];
  return typeof id === 'string' && times.every((time) => typeof time === 'number' && !Number.isNaN(time));
}

/** How old and how far ahead a proof may be. */
export interface FreshnessPolicy {
  /** Greatest age of a proof without nonce. */
  readonly maxAge: Seconds;
  /** How far ahead of our clock its `iat` may be. */
  readonly futureSkew: Seconds;
  /** Greatest age of a server nonce. */
  readonly nonceLife: Seconds;
}

/** RFC 9449 section 11.1 leaves the window to the server; these fit FAPI 2.0 section 5.3.2.1. */
export const defaultPolicy: FreshnessPolicy = Object.freeze({ maxAge: 60, futureSkew: 10, nonceLife: 60 });

/** Old enough that a memory without any history has no floor. */
export const emptyMemory: Omit<Memory, 'now'> = Object.freeze({
  id: '',
  birth: Number.NEGATIVE_INFINITY,
  floor: Object.freeze({ iat: Number.NEGATIVE_INFINITY, nonce: Number.NEGATIVE_INFINITY }),
});

/**
 * The last instant, inclusive, at which a proof of this time is acceptable, and so until when its use must be
 * remembered. Computed from the proof, never from its arrival.
 */
export function lastInstant(time: ProofTime, policy: FreshnessPolicy): Seconds {
  return time.at + (time.axis === 'iat' ? policy.maxAge : policy.nonceLife); // [R9449-8-09] [R9449-11.1-06]
}

// Each rule is written so that a time or clock that is not a number is refused: no comparison with NaN is true.

/** Older than the window allows. */
export function isStale(time: ProofTime, policy: FreshnessPolicy, memory: Memory): boolean {
  return !(memory.now <= lastInstant(time, policy));
}

/**
 * Further ahead than the client's clock may be. Nonces are ours and authentic: one that is ahead of this node's clock
 * comes from a node whose clock is, or from a clock since set back, and is remembered until its own end.
 */
export function isFromFuture(time: ProofTime, policy: FreshnessPolicy, memory: Memory): boolean {
  return time.axis === 'iat' && !(time.at <= memory.now + policy.futureSkew);
}

/**
 * At or under the floor: the memory may have forgotten a use of it. A new memory does not know what the one before it
 * accepted, which can have been anything up to `futureSkew` ahead of its birth.
 */
export function isForgotten(time: ProofTime, policy: FreshnessPolicy, memory: Memory): boolean {
  if (time.axis === 'nonce') return !(time.at > memory.floor.nonce);
  return !(time.at > Math.max(memory.floor.iat, memory.birth + policy.futureSkew));
}
