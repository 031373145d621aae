import { platform, release } from 'node:os';
import { createCatalogue, findHonestTest, findProfile, findTheft } from '../catalogue.ts';
import type {
  BenchAnswer,
  BenchRequest,
  Catalogue,
  Cell,
  CostCell,
  HonestCell,
  Recording,
  Report,
  RunEvent,
} from '../model.ts';
import { askBench } from './bench.ts';
import type { LabEngine, RunRequest, TryRequest } from './engine.ts';
import { compare } from './judge.ts';
import { ablatableChecks } from './library.ts';
import { type Network, openNetwork } from './network.ts';
import { NotHere } from './not-here.ts';
import { recordTry } from './recording.ts';
import { requireRedis, requireSeparable } from './separable.ts';
import type { Task, TaskResult } from './tasks.ts';
import { createWorkerPool, type WorkerPool } from './worker-pool.ts';

/** The lab itself: single tries in this thread, one after the other; runs in threads of their own. */
export function createLabEngine(options: LabEngineOptions = {}): LabEngine {
  return new Lab(createCatalogue(), options);
}

/** What the lab may use where it is there. */
export interface LabEngineOptions {
  /** For bank nodes that are processes of their own, and for lists that are kept there. */
  readonly redisUrl?: string | undefined;
}

/** The row that every other is compared with. */
const baseline = 'M00';

class Lab implements LabEngine {
  readonly catalogue: Catalogue;
  readonly #redisUrl: string | undefined;
  readonly #pools = new Set<WorkerPool>();
  #network: Promise<Network> | undefined;
  /** The end of the last try that was asked for: a network has one world at a time. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(catalogue: Catalogue, { redisUrl }: LabEngineOptions) {
    this.catalogue = catalogue;
    this.#redisUrl = redisUrl;
  }

  async record(request: TryRequest): Promise<Recording> {
    const profile = findProfile(request.profile);
    const theft = findTheft(request.theft);
    requireChecks(request.without);
    return this.#alone((network) =>
      recordTry({ ...request, profile, theft }, { network, time: 'world', redisUrl: this.#redisUrl }).catch(
        notHere,
      ),
    );
  }

  async bench(request: BenchRequest): Promise<BenchAnswer> {
    const profile = findProfile(request.profile);
    if (profile.settings.dpop === undefined) throw new TypeError(`profile ${profile.id} has no proofs`);
    return this.#alone((network) => askBench(profile, request, network));
  }

  async run(request: RunRequest, tell: (event: RunEvent) => void, signal: AbortSignal): Promise<Report> {
    const tasks = toTasks(request);
    const begun = new Date();
    const results = new Results(request);
    tell({
      type: 'run.start',
      run: begun.toISOString(),
      total: results.countOf(tasks),
      mode: request.mode,
      seats: request.seats,
    });
    const pool = createWorkerPool({
      time: request.time,
      redisUrl: await this.#redisFor(request),
      separate: request.processes === 'separate',
    });
    this.#pools.add(pool);
    try {
      const take = (result: TaskResult): void => results.take(result).forEach(tell);
      // What is compared with comes first.
      await pool.perform(tasks.filter(isBaseline), take, signal);
      await pool.perform(
        tasks.filter((task) => !isBaseline(task)),
        take,
        signal,
      );
    } finally {
      this.#pools.delete(pool);
      await pool.close();
    }
    const seconds = Math.round((Date.now() - begun.getTime()) / 100) / 10;
    tell({
      type: 'run.end',
      complete: !signal.aborted,
      seconds,
      reason: signal.aborted ? 'it was interrupted' : null,
    });
    return this.#toReport(request, results, begun, seconds, !signal.aborted);
  }

  async close(): Promise<void> {
    await Promise.all([...this.#pools].map((pool) => pool.close()));
    await this.#last.catch(() => undefined);
    const network = this.#network;
    this.#network = undefined;
    await (await network)?.close();
  }

  async #redisFor({ processes, profiles }: RunRequest): Promise<string | undefined> {
    if (processes === 'one' && this.#redisUrl === undefined) return undefined;
    if (processes === 'separate') for (const id of profiles) requireSeparable(findProfile(id));
    return requireRedis(this.#redisUrl);
  }

  #alone<T>(run: (network: Network) => Promise<T>): Promise<T> {
    const turn = this.#last
      .catch(() => undefined)
      .then(async () => {
        this.#network ??= openNetwork();
        return run(await this.#network);
      });
    this.#last = turn;
    return turn;
  }

  #toReport(request: RunRequest, results: Results, begun: Date, seconds: number, complete: boolean): Report {
    const { profiles, thefts, honest, version } = this.catalogue;
    const { mode, seats, time, processes } = request;
    return {
      schema: 1,
      tool: { name: 'holdfast-lab', version },
      runtime: { node: process.versions.node, os: `${platform()} ${release().split('-')[0]}` },
      started: begun.toISOString(),
      seconds,
      mode,
      seats,
      complete,
      time,
      processes,
      profiles: profiles.filter(({ id }) => request.profiles.includes(id)),
      thefts: thefts.filter(({ id }) => request.thefts.includes(id)),
      honestTests: honest.filter(({ id }) => request.honestTests.includes(id)),
      ...results.sorted(),
    };
  }
}

/** For whoever asked: a mistake in what was asked for. */
function notHere(error: unknown): never {
  throw error instanceof NotHere ? new TypeError(error.message) : error;
}

function requireChecks(without: readonly string[]): void {
  const unknown = without.find((check) => !ablatableChecks.includes(check));
  if (unknown !== undefined)
    throw new TypeError(`check ${unknown} cannot be switched off: only ${ablatableChecks.join(', ')}`);
}

function isBaseline(task: Task): boolean {
  return task.kind === 'cell' && task.profile === baseline;
}

/** The baseline is measured even where nobody asked for it: windows are compared with it. */
function toTasks({ profiles, thefts, honestTests, seats, mode, cost }: RunRequest): Task[] {
  for (const id of profiles) findProfile(id);
  const rows = mode === 'full' && !profiles.includes(baseline) ? [baseline, ...profiles] : profiles;
  const cells = seats.flatMap((seat) =>
    rows.flatMap((profile) =>
      thefts.map((theft): Task => ({ kind: 'cell', profile, theft: findTheft(theft).id, seat, mode })),
    ),
  );
  const honest = profiles.flatMap((profile) =>
    honestTests.map((test): Task => ({ kind: 'honest', profile, test: findHonestTest(test).id })),
  );
  return [...cells, ...honest, ...(cost ? profiles.map((profile): Task => ({ kind: 'cost', profile })) : [])];
}

/** What has been measured, and what it means beside the baseline. */
class Results {
  readonly #request: RunRequest;
  readonly #baseline = new Map<string, Cell>();
  readonly #cells: Cell[] = [];
  readonly #honest: HonestCell[] = [];
  readonly #cost: CostCell[] = [];

  constructor(request: RunRequest) {
    this.#request = request;
  }

  /** How many of these will be told of. */
  countOf(tasks: readonly Task[]): number {
    return tasks.filter(({ kind, profile }) => kind !== 'cost' && this.#request.profiles.includes(profile))
      .length;
  }

  take(result: TaskResult): RunEvent[] {
    switch (result.kind) {
      case 'cell':
        return this.#takeCell(result.cell);
      case 'honest':
        this.#honest.push(result.cell);
        return [{ type: 'honest', cell: result.cell, done: this.#done() }];
      case 'cost':
        this.#cost.push(result.cell);
        return [{ type: 'cost', cell: result.cell }];
    }
  }

  /** In the order of the request, whatever came first. */
  sorted(): Pick<Report, 'cells' | 'honest' | 'cost'> {
    const { profiles, thefts, seats, honestTests } = this.#request;
    const rank = ({ profile, theft, seat }: Cell): number =>
      (seats.indexOf(seat) * profiles.length + profiles.indexOf(profile)) * thefts.length +
      thefts.indexOf(theft);
    const honestRank = ({ profile, test }: HonestCell): number =>
      profiles.indexOf(profile) * honestTests.length + honestTests.indexOf(test);
    return {
      cells: [...this.#cells].sort((a, b) => rank(a) - rank(b)),
      honest: [...this.#honest].sort((a, b) => honestRank(a) - honestRank(b)),
      cost: [...this.#cost].sort((a, b) => profiles.indexOf(a.profile) - profiles.indexOf(b.profile)),
    };
  }

  #takeCell(measured: Cell): RunEvent[] {
    const name = `${measured.theft} ${measured.seat}`;
    if (measured.profile === baseline) this.#baseline.set(name, measured);
    if (!this.#request.profiles.includes(measured.profile)) return [];
    const cell = compare(measured, this.#baseline.get(name), this.#request.time);
    this.#cells.push(cell);
    return [{ type: 'cell', cell, done: this.#done() }];
  }

  #done(): number {
    return this.#cells.length + this.#honest.length;
  }
}
