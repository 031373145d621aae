import type { Use } from './engine/thief.ts';
import type { World } from './engine/world.ts';
import type { CheckId, HonestInfo, Seconds, TheftInfo } from './model.ts';

/** A theft: its texts, and its steps as a program that uses only what the parties do in public. */
export interface Theft extends TheftInfo {
  /** @param wait between theft and use, in seconds of the world. */
  readonly run: (world: World, wait: Seconds) => Promise<Attempt>;
}

/** What came of one try. */
export interface Attempt {
  readonly result: 'success' | 'refused' | 'void';
  /** What refused the thief. */
  readonly decidedBy: CheckId | null;
  /** Why there was nothing to steal. */
  readonly note?: string;
}

export interface HonestTest extends HonestInfo {
  readonly run: (world: World) => Promise<HonestAttempt>;
}

export interface HonestAttempt {
  readonly result: 'fine' | 'refused' | 'void';
  readonly decidedBy: CheckId | null;
  readonly note?: string;
}

export function toAttempt({ success, decidedBy }: Pick<Use, 'success' | 'decidedBy'>): Attempt {
  return success ? { result: 'success', decidedBy: null } : { result: 'refused', decidedBy };
}

/** The loot does not exist here, which is not the same as a theft that was stopped. */
export function nothingToSteal(note: string): Attempt {
  return { result: 'void', decidedBy: null, note };
}
