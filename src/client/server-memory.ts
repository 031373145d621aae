import { isNonce } from './proof.ts';

/** What a client knows of one server: the nonce to use, how far the clocks differ, and whether it has answered yet. */

/** Clocks that differ by less are taken as equal: `Date` has whole seconds, and answers travel for a while. */
const tolerance = 5; // seconds

/** How long a call waits at most for another one to find out whether the server wants nonces. */
const patience = 2000; // milliseconds

export class ServerMemory {
  readonly #maxClockOffset: number;
  readonly #clock: () => number;
  nonce: string | undefined;
  /** Seconds to add to this machine's clock. */
  clockOffset = 0;
  #isKnown = false;
  #scout: Promise<void> | undefined;

  constructor(maxClockOffset: number, clock: () => number) {
    this.#maxClockOffset = maxClockOffset;
    this.#clock = clock;
  }

  /** The server's time, as far as it is known: what proofs are dated with. */
  get now(): number {
    return this.#clock() + this.clockOffset;
  }

  /**
   * The first call goes ahead, others that begin meanwhile wait for its answer: so they share the one nonce that it
   * brings, instead of being challenged each.
   *
   * @param signal ends the wait.
   * @returns to be called once there is an answer, or none will come.
   */
  async enter(signal: AbortSignal): Promise<() => void> {
    if (this.#isKnown) return () => undefined;
    if (this.#scout !== undefined) {
      await Promise.race([this.#scout, sleep(patience), untilAborted(signal)]);
      return () => undefined;
    }
    return new Promise((enter) => {
      this.#scout = new Promise((arrive) => {
        enter(() => {
          this.#scout = undefined;
          arrive();
        });
      });
    });
  }

  /** Every answer may bring a nonce (RFC 9449 section 8.2); one that could not be sent back is not kept. */
  learn(response: Response): void {
    this.#isKnown = true;
    const nonce = response.headers.get('DPoP-Nonce');
    if (nonce !== null && isNonce(nonce)) this.nonce = nonce; // [R9449-8-06] [R9449-8.2-02] [R9449-9-02]
  }

  /**
   * Sets this client's clock by the server's `Date`, if they differ by enough to have proofs refused, and by no more
   * than is allowed. Only by an answer that refused a proof: others may come from a cache. Scripts see the header where
   * it is exposed to them.
   *
   * @returns whether the next proof will be dated differently.
   */
  setClock(response: Response): boolean {
    const date = Date.parse(response.headers.get('Date') ?? '');
    const offset = Math.round(date / 1000 - this.#clock());
    const differs = Math.abs(offset - this.clockOffset) > tolerance;
    if (!differs || !(Math.abs(offset) <= this.#maxClockOffset)) return false;
    this.clockOffset = offset;
    return true;
  }
}

function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

function sleep(milliseconds: number): Promise<void> {
  return new Promise((resolve) => {
    const timer: unknown = setTimeout(resolve, milliseconds);
    (timer as { unref?: () => void }).unref?.(); // a call that waits for nothing else must not keep a process up
  });
}
