import { findHonestTest, findProfile, findTheft } from '../catalogue.ts';
import type { Cell, CostCell, HonestCell, Mode, Seat } from '../model.ts';
import { measureCost } from './cost.ts';
import { judgeCell, judgeHonest, type Place } from './judge.ts';

/** A piece of a run, small enough to be sent to a worker. */
export type Task =
  | {
      readonly kind: 'cell';
      readonly profile: string;
      readonly theft: string;
      readonly seat: Seat;
      readonly mode: Mode;
    }
  | { readonly kind: 'honest'; readonly profile: string; readonly test: string }
  | { readonly kind: 'cost'; readonly profile: string };

export type TaskResult =
  | { readonly kind: 'cell'; readonly cell: Cell }
  | { readonly kind: 'honest'; readonly cell: HonestCell }
  | { readonly kind: 'cost'; readonly cell: CostCell };

export async function perform(task: Task, place: Place): Promise<TaskResult> {
  const profile = findProfile(task.profile);
  switch (task.kind) {
    case 'cell': {
      const { seat, mode } = task;
      return {
        kind: 'cell',
        cell: await judgeCell({ profile, theft: findTheft(task.theft), seat, mode }, place),
      };
    }
    case 'honest':
      return { kind: 'honest', cell: await judgeHonest(profile, findHonestTest(task.test), place) };
    case 'cost':
      return { kind: 'cost', cell: await measureCost(profile, place) };
  }
}

/** What is known of a task that could not be performed at all. */
export function brokenTask(task: Task, note: string): TaskResult | undefined {
  const nothing = { decidedBy: null, requests: 0, milliseconds: 0, note } as const;
  if (task.kind === 'honest')
    return {
      kind: 'honest',
      cell: { profile: task.profile, test: task.test, outcome: 'error', interruptions: 0, ...nothing },
    };
  if (task.kind === 'cost') return undefined;
  const { profile, theft, seat } = task;
  return {
    kind: 'cell',
    cell: { profile, theft, seat, outcome: 'error', window: null, hurt: null, tries: 0, ...nothing },
  };
}
