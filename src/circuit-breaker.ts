/**
 * Keeps callers from waiting for something that is down: after a few failures in a row it refuses at once, and lets
 * one call through now and then to see whether the other side is back.
 */
export class CircuitBreaker {
  readonly #threshold: number;
  readonly #pause: number;
  #failures = 0;
  #openUntil = 0;
  #probing = false;

  /** @param threshold failures in a row that open it; @param pause milliseconds between probes while it is open. */
  constructor(threshold: number, pause: number) {
    this.#threshold = threshold;
    this.#pause = pause;
  }

  /** Makes the call, or rejects at once while the circuit is open. */
  async run<T>(call: () => Promise<T>): Promise<T> {
    const open = this.#failures >= this.#threshold;
    if (open && (this.#probing || performance.now() < this.#openUntil))
      throw new Error('the circuit is open');
    if (open) this.#probing = true;
    try {
      return await this.#count(call);
    } finally {
      if (open) this.#probing = false;
    }
  }

  async #count<T>(call: () => Promise<T>): Promise<T> {
    try {
      const result = await call();
      this.#failures = 0;
      return result;
    } catch (error) {
      this.#failures += 1;
      this.#openUntil = performance.now() + this.#pause;
      throw error;
    }
  }
}

/** Rejects when a call takes longer; what it still does later is nobody's business any more. */
export async function withDeadline<T>(call: Promise<T>, milliseconds: number): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    const giveUp = (): void => reject(new Error(`no answer within ${milliseconds} ms`));
    // Once more round the loop: after a stall of this process the answer may be there, only unread.
    timer = setTimeout(() => {
      timer = setTimeout(giveUp, 0);
    }, milliseconds);
  });
  try {
    return await Promise.race([call, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Stores have deadlines of their own; this one is for those that have forgotten theirs. */
const storeDeadline = 1000; // milliseconds

/** What a store answers, within a second. An answer that is there costs no timer. */
export function inTime<T>(answer: T | Promise<T>): T | Promise<T> {
  const isThere = typeof (answer as { then?: unknown } | null | undefined)?.then !== 'function';
  return isThere ? answer : withDeadline(Promise.resolve(answer), storeDeadline);
}
