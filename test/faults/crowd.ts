import { setTimeout as sleep } from 'node:timers/promises';
import type { RawRequest } from '../../src/index.ts';
import { type Answer, type AppNode, type Client, signRequest } from './world.ts';

/** Honest clients and a thief, around one fault: who got through, who had to wait, and what was let in twice. */

export interface Tally {
  honest: number;
  replays: number;
  replaysAccepted: number;
  hangs: number;
  unavailable: number;
  /** Honest requests that were refused after their retry, and by something else than a 503. */
  refused: number;
  /** Why: the first few. */
  readonly reasons: string[];
}

/** Milliseconds: not to be confused with a slow answer, since the store's deadline is 50 ms. */
const hang = 1000;
const clients = 2;
const pauseBetween = 40;
const replaysAtOnce = 5;
const settled = 10;
const patience = 10_000;

type Outcome = Answer | { readonly outcome: 'hang'; readonly nonce?: undefined; readonly reason?: undefined };

interface Latest {
  nonce: string | undefined;
}

export class Crowd {
  readonly tally: Tally = {
    honest: 0,
    replays: 0,
    replaysAccepted: 0,
    hangs: 0,
    unavailable: 0,
    refused: 0,
    reasons: [],
  };
  readonly #client: Client;
  readonly #nodes: readonly AppNode[];
  readonly #clock: () => number;
  readonly #accepted: RawRequest[] = [];
  /** Answered with 503: nobody was admitted, though the store may have taken the use. */
  readonly #uncertain: RawRequest[] = [];
  readonly #work: Promise<void>[] = [];
  #stopped = false;
  /** When the latest request that was served began and ended. */
  #lastStart = 0;
  #servedAt = 0;

  /** @param clock of the clients. */
  constructor(client: Client, nodes: readonly AppNode[], clock: () => number) {
    this.#client = client;
    this.#nodes = nodes;
    this.#clock = clock;
  }

  /** Starts the honest clients; resolves when they are served. */
  async start(): Promise<void> {
    for (let count = 0; count < clients; count++) this.#work.push(this.#useHonestly());
    const end = performance.now() + patience;
    while (this.#accepted.length < settled) {
      if (performance.now() > end)
        throw new Error(`nobody was served before the fault: ${this.tally.reasons}`);
      await sleep(pauseBetween);
    }
  }

  /** Replays what was accepted, the oldest first and all over again, while something lasts. */
  async stealDuring(fault: Promise<void>): Promise<void> {
    let over = false;
    const ended = fault.finally(() => {
      over = true;
    });
    ended.catch(() => undefined);
    for (let from = 0; !over; from += replaysAtOnce) {
      if (from >= this.#accepted.length) from = 0;
      await this.#replay(this.#accepted.slice(from, from + replaysAtOnce));
      await sleep(pauseBetween);
    }
    await ended;
  }

  /** Milliseconds from now until an honest request that began after now is accepted; `Infinity` if none is. */
  async recovery(): Promise<number> {
    const since = performance.now();
    while (this.#lastStart < since) {
      if (performance.now() > since + patience) return Number.POSITIVE_INFINITY;
      await sleep(1);
    }
    return this.#servedAt - since;
  }

  /** Sends again what got a 503, then replays everything that was ever accepted to every node. */
  async stealAll(): Promise<void> {
    for (const request of this.#uncertain.splice(0)) await this.#use(request);
    for (const node of this.#nodes) {
      for (let from = 0; from < this.#accepted.length; from += replaysAtOnce) {
        await this.#replay(this.#accepted.slice(from, from + replaysAtOnce), node);
        await sleep(pauseBetween / 4); // or this process alone would be the fault
      }
    }
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.all(this.#work);
  }

  async #useHonestly(): Promise<void> {
    const latest: Latest = { nonce: undefined };
    while (!this.#stopped) {
      const start = performance.now();
      if ((await this.#request(latest)) && start > this.#lastStart) {
        this.#lastStart = start;
        this.#servedAt = performance.now();
      }
      await sleep(pauseBetween);
    }
  }

  /** One request as our client makes it: repeated once, with the nonce, when it is asked for. */
  async #request(latest: Latest): Promise<boolean> {
    this.tally.honest += 1;
    const first = await this.#sign(latest);
    const answer = await this.#use(first, latest);
    const last = answer.outcome === 'challenged' ? await this.#use(await this.#sign(latest), latest) : answer;
    if (last.outcome === 'challenged' || last.outcome === 'refused') this.#complain(answer, last);
    return last.outcome === 'accepted';
  }

  #complain(first: Outcome, last: Outcome): void {
    this.tally.refused += 1;
    if (this.tally.reasons.length < 5) this.tally.reasons.push(`${first.reason}, then ${last.reason}`);
  }

  #sign({ nonce }: Latest): Promise<RawRequest> {
    return signRequest(this.#client, nonce, this.#clock());
  }

  async #use(request: RawRequest, latest?: Latest): Promise<Outcome> {
    const answer = await this.#send(request);
    if (latest !== undefined && answer.nonce !== undefined) latest.nonce = answer.nonce;
    if (answer.outcome === 'accepted') this.#accepted.push(request);
    if (answer.outcome === 'unavailable') {
      this.tally.unavailable += 1;
      if (this.#uncertain.length < 100) this.#uncertain.push(request);
    }
    return answer;
  }

  async #replay(requests: readonly RawRequest[], node?: AppNode): Promise<void> {
    const answers = await Promise.all(requests.map((request) => this.#send(request, node)));
    this.tally.replays += answers.length;
    this.tally.replaysAccepted += answers.filter(({ outcome }) => outcome === 'accepted').length;
    this.tally.unavailable += answers.filter(({ outcome }) => outcome === 'unavailable').length;
  }

  /** To any node, as a load balancer does. */
  async #send(request: RawRequest, node = this.#anyNode()): Promise<Outcome> {
    const patience = new AbortController();
    const answer = await Promise.race([node.send(request), hangAfter(hang, patience.signal)]);
    patience.abort();
    if (answer.outcome === 'hang') this.tally.hangs += 1;
    return answer;
  }

  #anyNode(): AppNode {
    return this.#nodes[Math.floor(Math.random() * this.#nodes.length)] as AppNode;
  }
}

/**
 * Many short waits instead of one long: they count time in which this process ran, so that a busy machine, which keeps
 * everything waiting, is not taken for a hang.
 */
async function hangAfter(milliseconds: number, signal: AbortSignal): Promise<Outcome> {
  const step = 50;
  for (let waited = 0; waited < milliseconds && !signal.aborted; waited += step) await sleep(step);
  return { outcome: 'hang' };
}
