import type {
  BenchAnswer,
  BenchRequest,
  Catalogue,
  CheckId,
  Mode,
  Recording,
  Report,
  RunEvent,
  Seat,
  Seconds,
} from '../model.ts';

/** What page, command line and tests ask of the lab. */

/** One try, to be looked at. */
export interface TryRequest {
  readonly profile: string;
  readonly theft: string;
  readonly seat: Seat;
  /** Between theft and use. */
  readonly wait: Seconds;
  /** Checks of the proof to leave out, for this one try; only where the profile binds tokens by proofs. */
  readonly without: readonly CheckId[];
}

/** Many cells, to be measured. */
export interface RunRequest {
  readonly profiles: readonly string[];
  readonly thefts: readonly string[];
  readonly honestTests: readonly string[];
  readonly seats: readonly Seat[];
  readonly mode: Mode;
  /** `real`: really waits, with short lifetimes. */
  readonly time: 'world' | 'real';
  /** `separate`: bank nodes are processes of their own, and share a Redis. */
  readonly processes: 'one' | 'separate';
  readonly cost: boolean;
}

export interface LabEngine {
  readonly catalogue: Catalogue;
  /** @throws TypeError for a profile, theft or check that there is none of. */
  record(request: TryRequest): Promise<Recording>;
  /** Tells of each cell as it is measured; an aborted run ends with an incomplete report, and does not reject. */
  run(request: RunRequest, tell: (event: RunEvent) => void, signal: AbortSignal): Promise<Report>;
  bench(request: BenchRequest): Promise<BenchAnswer>;
  /** Ends what runs, and every listener and worker. */
  close(): Promise<void>;
}
