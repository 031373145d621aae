import type {
  Catalogue,
  Cell,
  HonestCell,
  HonestInfo,
  ProfileInfo,
  Report,
  TheftInfo,
} from '../../../demo/lab/model.ts';

/** Small catalogues, cells and reports for the pure parts of the page. */

export function aProfile(id: string, more: Partial<ProfileInfo> = {}): ProfileInfo {
  const slug = `profile-${id.toLowerCase()}`;
  const texts = { story: 'It does something.', needs: 'A store.', weak: 'It is short.' };
  return {
    id,
    slug,
    title: `Profile ${id}`,
    group: 'The token itself',
    ...texts,
    adds: [],
    leavesOut: [],
    parameters: {},
    ...more,
  };
}

export function aTheft(id: string, more: Partial<TheftInfo> = {}): TheftInfo {
  return {
    id,
    slug: `theft-${id.toLowerCase()}`,
    title: `Theft ${id}`,
    group: 'The token alone',
    ability: 'read a log',
    loot: ['access token'],
    steps: [],
    why: 'A key helps.',
    aim: 'access',
    timed: true,
    ...more,
  };
}

export function aCatalogue(
  profiles: readonly ProfileInfo[],
  thefts: readonly TheftInfo[],
  honest: readonly HonestInfo[] = [],
): Catalogue {
  const checks = [{ id: 'jkt', title: 'Key', meaning: 'The proof has another key.' }];
  return { version: '0.0.0', profiles, thefts, honest, checks };
}

/** Blocked by `jkt`, unless told otherwise. */
export function aCell(profile: string, theft: string, more: Partial<Cell> = {}): Cell {
  const measured = { requests: 4, tries: 1, milliseconds: 5 };
  const base = { outcome: 'blocked', window: null, decidedBy: 'jkt', hurt: null } as const;
  return { profile, theft, seat: 'elsewhere', ...base, ...measured, ...more };
}

/** Works from the first second to `last`; `null` without end. */
export function worksFor(
  profile: string,
  theft: string,
  last: number | null,
  more: Partial<Cell> = {},
): Cell {
  const end = last ?? 604_800;
  const window = {
    first: 1,
    last: end,
    firstFailure: last === null ? null : end + 1,
    endedBy: last === null ? null : 'exp',
  };
  return aCell(profile, theft, { outcome: 'works', decidedBy: null, window, ...more });
}

export function aReport(
  catalogue: Catalogue,
  cells: readonly Cell[],
  honest: readonly HonestCell[] = [],
): Report {
  return {
    schema: 1,
    tool: { name: 'holdfast-lab', version: '0.0.0' },
    runtime: { node: '20', os: 'linux' },
    started: '2026-01-01T00:00:00Z',
    seconds: 1,
    mode: 'full',
    seats: ['elsewhere'],
    complete: true,
    time: 'world',
    processes: 'one',
    profiles: catalogue.profiles,
    thefts: catalogue.thefts,
    honestTests: catalogue.honest,
    cells,
    honest,
    cost: [],
  };
}
