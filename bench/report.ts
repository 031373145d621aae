import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { arch, cpus, platform } from 'node:os';
import { baselines, idle, references } from './contestants.ts';
import type { MemoryCost } from './memory.ts';
import { ourProof, type ProofRace, rawSignature, signerNames } from './proofs.ts';
import type { Plan, Race, Sample } from './rounds.ts';
import { type Summary, summarize } from './statistics.ts';

/** The figures as Markdown, to be read in a terminal and pasted into README.md. */

export function describeRun({ rounds, requests, warmUp }: Plan): string {
  const [processor] = cpus();
  const peers = ['express-oauth2-jwt-bearer', 'oauth4webapi', 'dpop', 'jose', 'lru-cache'];
  return [
    `${new Date().toISOString().slice(0, 10)}, Node ${process.version}, OpenSSL ${process.versions.openssl}`,
    `${cpus().length} x ${processor?.model.trim()}, ${platform()} ${arch()}`,
    ['holdfast', ...peers].map((name) => `${name} ${versionOf(name)}`).join(', '),
    `${rounds} rounds (after ${warmUp} to warm up) of ${requests} requests for each figure`,
  ]
    .map((line) => `- ${line}`)
    .join('\n');
}

function versionOf(name: string): string {
  const require = createRequire(import.meta.url);
  const file = (require.resolve.paths(name) ?? [])
    .map((folder) => `${folder}/${name}/package.json`)
    .find(isReadable);
  return file === undefined ? '?' : (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version;
}

function isReadable(file: string): boolean {
  try {
    return readFileSync(file).length > 0;
  } catch {
    return false;
  }
}

export function smokeTable(names: readonly string[], rows: readonly (readonly string[])[]): string {
  return table(['request', ...names], rows);
}

/** CPU first: wall time on a shared machine is mostly the neighbours'. */
export function raceTable(races: readonly Race[]): string {
  const heads = [
    'scenario',
    'at once',
    'who',
    'answer',
    'CPU us',
    'wall us',
    ...baselines.map((name) => `x ${name}`),
  ];
  return table(heads, races.flatMap(raceRows));
}

function raceRows({ scenario, contestants, samples }: Race): string[][] {
  return [...contestants, ...references].map(({ name }) => {
    const own = samples.get(name) ?? [];
    return [
      scenario.name,
      String(scenario.concurrency),
      name,
      references.some((reference) => reference.name === name) ? '' : (own[0]?.answer ?? ''),
      summarize(own.map(({ cpu }) => cpu)).median.toFixed(1),
      summarize(own.map(({ wall }) => wall)).median.toFixed(1),
      ...baselines.map((baseline) =>
        name === idle ? '' : withSpread(ratio(own, samples.get(baseline) ?? [])),
      ),
    ];
  });
}

/** Round by round, so that both sides of a ratio were measured within the same second. */
function ratio(own: readonly Sample[], baseline: readonly Sample[]): Summary {
  return summarize(own.map(({ cpu }, round) => cpu / (baseline[round]?.cpu ?? Number.NaN)));
}

function withSpread({ median, low, high }: Summary): string {
  return `${median.toFixed(2)} (${low.toFixed(2)}-${high.toFixed(2)})`;
}

/** A target is read against both baselines; it never fails the run, since time is no assertion. */
export function targetTable(races: readonly Race[], targets: readonly number[]): string {
  const rows = races
    .filter(({ scenario }) => scenario.name === 'warm')
    .flatMap(({ scenario, samples }) =>
      baselines.map((baseline) => {
        const { median } = ratio(samples.get('holdfast') ?? [], samples.get(baseline) ?? []);
        const verdicts = targets.map((target) => (median <= target ? 'PASS' : 'MISS'));
        return [`warm, ${scenario.concurrency} at once`, baseline, median.toFixed(2), ...verdicts];
      }),
    );
  return table(
    ['holdfast', 'against', 'ratio', ...targets.map((target) => `at most ${target.toFixed(1)}`)],
    rows,
  );
}

/** Only our own proof has a target: the one that it is read against is the bare signature of the same round. */
export function proofTable(races: readonly ProofRace[], target: number): string {
  const heads = ['at once', 'who', 'CPU us', 'wall us', `x ${rawSignature}`, `at most ${target.toFixed(1)}`];
  const rows = races.flatMap(({ concurrency, samples }) =>
    signerNames.map((name) => {
      const own = samples.get(name) ?? [];
      const measured = ratio(own, samples.get(rawSignature) ?? []);
      const verdict = measured.median <= target ? 'PASS' : 'MISS';
      return [
        String(concurrency),
        name,
        summarize(own.map(({ cpu }) => cpu)).median.toFixed(1),
        summarize(own.map(({ wall }) => wall)).median.toFixed(1),
        withSpread(measured),
        name === ourProof ? verdict : '',
      ];
    }),
  );
  return table(heads, rows);
}

export function memoryTable(costs: readonly (readonly [string, MemoryCost])[], limit: number): string {
  const rows = costs.map(([kind, { filled, turnedOver }]) => {
    const bytes = [filled.heap, turnedOver.heap, filled.resident, turnedOver.resident];
    const verdict = Math.max(filled.heap, turnedOver.heap) <= limit ? 'PASS' : 'MISS';
    return [kind, ...bytes.map((value) => value.toFixed(0)), kind === 'holdfast' ? verdict : ''];
  });
  const heads = [
    'bytes for each live proof',
    'heap, filled',
    'heap, turned over',
    'resident, filled',
    'resident, turned over',
  ];
  return table([...heads, `at most ${limit}`], rows);
}

function table(heads: readonly string[], rows: readonly (readonly string[])[]): string {
  const all = [heads, heads.map(() => '---'), ...rows];
  return all.map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}
