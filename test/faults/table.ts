import type { RaceResult, RaceResults } from './race.ts';
import type { FaultResult } from './run-fault.ts';

/** What was counted, as text, and what of it must not be. */

const heads = [
  'fault',
  'injections',
  'honest requests',
  'refused',
  'replays tried',
  'accepted',
  'hangs',
  '503',
  'recovery median / max',
];

export function toTable(results: readonly FaultResult[]): string {
  const rows = [heads, ...results.map(toRow)];
  const widths = heads.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const lines = rows.map((row) =>
    row.map((cell, column) =>
      column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0),
    ),
  );
  const rule = widths.map((width) => '-'.repeat(width));
  const [head = [], ...body] = lines;
  return [head, rule, ...body].map((cells) => cells.join('  ')).join('\n');
}

function toRow(result: FaultResult): string[] {
  const { name, injections, honest, refused, replays, replaysAccepted, hangs, unavailable } = result;
  const counts = [injections, honest, refused, replays, replaysAccepted, hangs, unavailable].map(String);
  return [name, ...counts, `${median(result.recoveries)} / ${whole(Math.max(...result.recoveries))} ms`];
}

function median(values: readonly number[]): string {
  const sorted = values.toSorted((a, b) => a - b);
  return whole(sorted[Math.floor(sorted.length / 2)] ?? Number.NaN);
}

function whole(milliseconds: number): string {
  return Number.isFinite(milliseconds) ? String(Math.ceil(milliseconds)) : '-';
}

export function toRaceLines({ redis, racy }: RaceResults): string {
  return [raceLine('Redis store', redis), raceLine('racy store (GET, then SET)', racy)].join('\n');
}

function raceLine(
  name: string,
  { rounds, uses, accepted, none, several, most, unavailable }: RaceResult,
): string {
  return (
    `race, ${name}: ${rounds} rounds, ${uses} uses, ${accepted} accepted; ` +
    `rounds with none: ${none}, with more than one: ${several} (at most ${most}); 503: ${unavailable}`
  );
}

export function toNaiveLine(results: readonly FaultResult[]): string {
  const counts = results.map(
    ({ name, replaysAccepted, replays }) => `${name}: ${replaysAccepted} of ${replays}`,
  );
  return `replays accepted by a naive store (SET NX PX), one injection each: ${counts.join('; ')}`;
}

/** A naive store loses what Redis loses: an injection that does not show that would show nothing about ours. */
export function naiveViolations(results: readonly FaultResult[]): string[] {
  return results
    .filter(({ replaysAccepted }) => replaysAccepted === 0)
    .map(({ name, failures }) => `${name}: The naive store was not caught (${failures.join('; ')}).`);
}

/** A sentence for each thing that must not be. */
export function raceViolations({ redis, racy }: RaceResults): string[] {
  return [
    [redis.several > 0, `The Redis store let a proof in more than once in ${redis.several} rounds.`],
    [redis.none > 0, `The Redis store let nobody in in ${redis.none} rounds.`],
    [racy.several === 0, 'The race did not catch the racy store, so it proves nothing about the other.'],
  ].flatMap(([violated, sentence]) => (violated === true ? [String(sentence)] : []));
}

const longestRecovery = 1000;

export function faultViolations(result: FaultResult): string[] {
  const { name, effect, injections, replaysAccepted, hangs, unavailable, refused, reasons, failures } =
    result;
  const late = result.recoveries.filter((recovery) => recovery > longestRecovery).length;
  return [
    [replaysAccepted > 0, `${replaysAccepted} replays were accepted.`],
    [hangs > 0, `${hangs} requests had no answer within a second.`],
    [late > 0, `${late} of ${injections} times nobody was served within a second of the end.`],
    [
      refused > 0,
      `${refused} honest requests were refused after their retry (${[...new Set(reasons)].join('; ')}).`,
    ],
    [effect === 'outage' && unavailable === 0, 'Nobody noticed it, so it proves nothing.'],
    [failures.length > 0, `${failures.length} injections failed (${[...new Set(failures)].join('; ')}).`],
  ].flatMap(([violated, sentence]) => (violated === true ? [`${name}: ${sentence}`] : []));
}
