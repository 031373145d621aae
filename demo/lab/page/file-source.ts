import type { Catalogue, Recording, Report } from '../model.ts';
import type { LabSource } from './view.ts';

/** Data that stands in the page itself: an exported report, which needs no server. */

interface LabData {
  readonly catalogue: Catalogue;
  readonly report: Report;
  readonly recordings: readonly Recording[];
}

/** `undefined` where the page holds none. */
export function createFileSource(): LabSource | undefined {
  const text = document.getElementById('lab-data')?.textContent;
  return text === undefined || text === null ? undefined : sourceOf(JSON.parse(text) as LabData);
}

export function sourceOf({ catalogue, report, recordings }: LabData): LabSource {
  return {
    live: false,
    catalogue: () => Promise.resolve(catalogue),
    report: () => Promise.resolve(report),
    record: (request) => Promise.resolve(findRecording(recordings, request)),
    run: refuse,
    bench: refuse,
    export: (format) => (format === 'json' ? Promise.resolve(toBlob(report)) : refuse()),
  };
}

/** The one with the same wait, else another of that cell: it says itself how long it waited. */
function findRecording(
  recordings: readonly Recording[],
  request: Parameters<LabSource['record']>[0],
): Recording | undefined {
  const ofCell = recordings.filter(
    ({ profile, theft, seat, without }) =>
      profile === request.profile &&
      theft === request.theft &&
      seat === request.seat &&
      without.join() === request.without.join(),
  );
  return ofCell.find(({ wait }) => wait === request.wait) ?? ofCell[0];
}

function toBlob(report: Report): Blob {
  return new Blob([`${JSON.stringify(report, null, 2)}\n`], { type: 'application/json' });
}

function refuse(): Promise<never> {
  return Promise.reject(new Error('This is a saved report: it replays what was measured and runs nothing.'));
}
