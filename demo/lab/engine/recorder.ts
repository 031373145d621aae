import type { CheckId, HeaderLine, LabEvent, LootItem, PartyId, Seconds, TraceLine } from '../model.ts';
import { markDeciding } from './deciding.ts';

/** What happened in one try. Everything is counted; events are kept only where somebody wants to look. */

/** One request and what became of it. */
export interface Exchange {
  readonly id: number;
  readonly from: PartyId;
  readonly to: PartyId;
  readonly address: string;
  readonly method: string;
  readonly target: string;
  readonly headers: readonly HeaderLine[];
  readonly body: string | null;
  /** What refused it; `null` while nothing did. */
  decidedBy: CheckId | null;
  checks: readonly TraceLine[];
}

type EventBody<T extends LabEvent['type']> = Omit<Extract<LabEvent, { type: T }>, 'seq' | 'at' | 'type'>;

export interface Recorder {
  /** Whether somebody looks. */
  readonly keeps: boolean;
  readonly events: readonly LabEvent[];
  readonly requests: number;
  open(exchange: Omit<Exchange, 'id' | 'decidedBy' | 'checks'>, origin: string): Exchange;
  close(
    exchange: Exchange,
    answer: { status: number; headers: readonly HeaderLine[]; body: string | null },
  ): void;
  find(id: number): Exchange | undefined;
  /** Exchanges so far, in order. */
  exchanges(): readonly Exchange[];
  note<T extends LabEvent['type']>(type: T, body: EventBody<T>): void;
  say(who: PartyId, text: string): void;
  loot(items: readonly LootItem[]): void;
}

export function createRecorder(keeps: boolean, elapsed: () => Seconds): Recorder {
  return new TryRecorder(keeps, elapsed);
}

class TryRecorder implements Recorder {
  readonly keeps: boolean;
  readonly events: LabEvent[] = [];
  readonly #elapsed: () => Seconds;
  readonly #exchanges: Exchange[] = [];
  readonly #begun = new Map<number, number>();

  constructor(keeps: boolean, elapsed: () => Seconds) {
    this.keeps = keeps;
    this.#elapsed = elapsed;
  }

  get requests(): number {
    return this.#exchanges.length;
  }

  open(request: Omit<Exchange, 'id' | 'decidedBy' | 'checks'>, origin: string): Exchange {
    const exchange: Exchange = { ...request, id: this.#exchanges.length + 1, decidedBy: null, checks: [] };
    if (this.keeps) this.#keepRequest(exchange, origin);
    this.#exchanges.push(exchange);
    return exchange;
  }

  close(
    exchange: Exchange,
    { status, headers, body }: { status: number; headers: readonly HeaderLine[]; body: string | null },
  ): void {
    const { id, decidedBy } = exchange;
    const checks = markDeciding(exchange.checks, decidedBy);
    const verdict = status < 400 ? 'accepted' : 'refused';
    const milliseconds = performance.now() - (this.#begun.get(id) ?? performance.now());
    this.note('response', { id, status, headers, body, verdict, decidedBy, checks, milliseconds });
  }

  find(id: number): Exchange | undefined {
    return this.#exchanges[id - 1];
  }

  exchanges(): readonly Exchange[] {
    return this.#exchanges;
  }

  note<T extends LabEvent['type']>(type: T, body: EventBody<T>): void {
    if (!this.keeps) return;
    const at = Math.max(0, Math.round(this.#elapsed() * 1000) / 1000);
    this.events.push({ seq: this.events.length + 1, at, type, ...body } as unknown as LabEvent);
  }

  say(who: PartyId, text: string): void {
    this.note('say', { who, text });
  }

  loot(items: readonly LootItem[]): void {
    this.note('loot', { items });
  }

  #keepRequest(exchange: Exchange, origin: string): void {
    const { id, from, to, address, method, target, headers, body } = exchange;
    this.#begun.set(id, performance.now());
    const copyOf = this.#originalOf(exchange);
    this.note('request', { id, from, to, method, url: `${origin}${target}`, headers, body, address, copyOf });
  }

  /** The first request with the very same credentials, where somebody else has sent it. */
  #originalOf(exchange: Exchange): number | null {
    const credentials = credentialsOf(exchange.headers);
    if (credentials === '') return null;
    const original = this.#exchanges.find(({ headers }) => credentialsOf(headers) === credentials);
    return original === undefined || original.from === exchange.from ? null : original.id;
  }
}

const credentialHeaders = ['authorization', 'dpop', 'cookie'];

function credentialsOf(headers: readonly HeaderLine[]): string {
  const lines = headers.filter(([name]) => credentialHeaders.includes(name.toLowerCase()));
  return lines
    .map(([name, value]) => `${name.toLowerCase()}: ${value}`)
    .sort()
    .join('\n');
}
