import type { DpopErrorCode, DpopErrorReason } from './errors.ts';
import type { Seconds } from './freshness.ts';
import { requireClock, requireCount, requireOptions, systemClock } from './options.ts';

/** What a resource server decides, one request at a time, and how often. */

/** One decision, fit for logs and counters: neither token nor proof nor `jti` is in it. */
export type Decision =
  | {
      /** `accepted` by `authorize`, which took the use; `passed` by `check`, which did not. */
      readonly outcome: 'accepted' | 'passed';
      readonly scheme: 'DPoP' | 'Bearer';
      /** Thumbprint of the key; `undefined` for a token that is bound to none. */
      readonly jkt: string | undefined;
      readonly clientId: string;
      /** The route's name, where it has one. */
      readonly route: string | undefined;
      /** In mode `observe`: why `require` would have refused this request. */
      readonly wouldRefuse: DpopErrorReason | undefined;
    }
  | {
      readonly outcome: 'refused';
      readonly reason: DpopErrorReason;
      readonly code: DpopErrorCode | undefined;
      readonly jkt: string | undefined;
      /** Whose token it was, once that is known. */
      readonly clientId: string | undefined;
      readonly route: string | undefined;
      /** The error underneath: key set unreachable, store down, and the like. */
      readonly cause: unknown;
    };

/** How often one thing was decided about one client on one route. */
export interface DecisionCount {
  readonly outcome: 'accepted' | 'passed' | 'refused';
  readonly scheme: 'DPoP' | 'Bearer' | undefined;
  /** Why it was refused, or would have been in mode `require`; `undefined`: it is as it should be. */
  readonly reason: DpopErrorReason | undefined;
  /** `undefined`: not known, since the token was not verified. */
  readonly clientId: string | undefined;
  readonly route: string | undefined;
  readonly count: number;
  /** When it last happened, in seconds since the epoch. */
  readonly lastAt: Seconds;
}

/** Counters for an operator who moves a service from Bearer to DPoP. */
export interface DecisionCounts {
  /** Give it to `createResourceServer` as `observe`, or call it from there. */
  readonly observe: (decision: Decision) => void;
  /** All counters, as they stand now. */
  read(): readonly DecisionCount[];
  /**
   * Who still comes without a bound token: these clients would be refused once the mode is `require`. Empty for long
   * enough (`lastAt` tells how long), it is safe to switch.
   */
  unready(): readonly DecisionCount[];
}

/** Options of `createDecisionCounts`. */
export interface DecisionCountsOptions {
  /** How many different counters are kept; what is new beyond that is counted without its client. Default 10,000. */
  readonly capacity?: number;
  /** Seconds since the epoch; default: the system's clock. */
  readonly clock?: () => Seconds;
}

/**
 * Counts decisions by reason, client and route. Keeps neither tokens nor keys, and of clients only those whose tokens
 * were verified.
 *
 * @throws TypeError when an option makes no sense.
 */
export function createDecisionCounts(options: DecisionCountsOptions = {}): DecisionCounts {
  requireOptions(options, ['capacity', 'clock']);
  const counts = new Counts(
    requireCount('capacity', options.capacity ?? 10_000),
    requireClock('clock', options.clock ?? systemClock),
  );
  return Object.freeze({
    observe: (decision: Decision) => counts.add(decision),
    read: () => counts.read(),
    unready: () => counts.read().filter(isUnready),
  });
}

/** Decided by its token alone: a bad proof for a bound token is no matter of the mode. */
function isUnready({ outcome, scheme, reason }: DecisionCount): boolean {
  return outcome !== 'refused' && (scheme === 'Bearer' || reason !== undefined);
}

class Counts {
  readonly #capacity: number;
  readonly #clock: () => Seconds;
  readonly #counts = new Map<string, DecisionCount>();

  constructor(capacity: number, clock: () => Seconds) {
    this.#capacity = capacity;
    this.#clock = clock;
  }

  add(decision: Decision): void {
    const own = toLabels(decision);
    const isKnown = this.#counts.has(JSON.stringify(own));
    const labels = isKnown || this.#counts.size < this.#capacity ? own : { ...own, clientId: '(others)' };
    const key = JSON.stringify(labels);
    const count = (this.#counts.get(key)?.count ?? 0) + 1;
    this.#counts.set(key, Object.freeze({ ...labels, count, lastAt: this.#clock() }));
  }

  read(): readonly DecisionCount[] {
    return [...this.#counts.values()];
  }
}

function toLabels(decision: Decision): Omit<DecisionCount, 'count' | 'lastAt'> {
  const { outcome, clientId, route } = decision;
  return decision.outcome === 'refused'
    ? { outcome, scheme: undefined, reason: decision.reason, clientId, route }
    : { outcome, scheme: decision.scheme, reason: decision.wouldRefuse, clientId, route };
}
