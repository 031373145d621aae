import type { RecordStore, Revocations } from 'holdfast';
import type { DemoConfig } from '../config.ts';
import { openRecords } from './records.ts';
import { type DemoReplay, openReplay } from './replay.ts';
import { openRevocations } from './revocations.ts';

/** All that the servers remember between requests. */
export interface DemoState {
  readonly replay: DemoReplay;
  readonly records: RecordStore;
  readonly revocations: Revocations;
  /** @throws ConfigError of one sentence when it cannot be used now. */
  readonly requireReady: () => Promise<void>;
  readonly close: () => void;
}

/** When one part cannot be opened, none stays open. */
export async function openState(config: DemoConfig): Promise<DemoState> {
  const open: { readonly close: () => void }[] = [];
  const close = (): void => {
    for (const part of open) part.close();
  };
  try {
    const replay = await openReplay(config);
    open.push(replay);
    const records = await openRecords(config);
    open.push(records);
    const revoked = await openRevocations(config);
    open.push(revoked);
    const requireReady = async (): Promise<void> => {
      await replay.requireReady();
      await revoked.requireReady();
    };
    return { replay, records: records.store, revocations: revoked.revocations, requireReady, close };
  } catch (error) {
    close();
    throw error;
  }
}
