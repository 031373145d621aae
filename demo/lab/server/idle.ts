import type { LabEngine } from '../engine/engine.ts';
import type { After } from './timer.ts';

/** The engine, made when somebody needs it, and closed when for some time nobody did. */
export interface EngineKeeper {
  /** The engine; a new one where there is none. */
  get(): Promise<LabEngine>;
  /** Somebody is at work; the engine stays until he has called what he gets. */
  hold(): () => void;
  close(): Promise<void>;
}

export function createEngineKeeper(
  create: () => Promise<LabEngine>,
  after: After,
  idleMilliseconds: number,
  failed: (error: unknown) => void,
): EngineKeeper {
  return new Keeper(create, after, idleMilliseconds, failed);
}

class Keeper implements EngineKeeper {
  readonly #create: () => Promise<LabEngine>;
  readonly #after: After;
  readonly #idle: number;
  readonly #failed: (error: unknown) => void;
  #engine: Promise<LabEngine> | undefined;
  /** The last one, on its way out. Two at once would fight over addresses. */
  #closing: Promise<void> = Promise.resolve();
  #holders = 0;
  #calm: () => void = () => {};

  constructor(
    create: () => Promise<LabEngine>,
    after: After,
    idle: number,
    failed: (error: unknown) => void,
  ) {
    this.#create = create;
    this.#after = after;
    this.#idle = idle;
    this.#failed = failed;
  }

  get(): Promise<LabEngine> {
    this.#engine ??= this.#start();
    return this.#engine;
  }

  hold(): () => void {
    this.#holders++;
    this.#calm();
    let held = true;
    return () => {
      if (held) this.#release();
      held = false;
    };
  }

  async close(): Promise<void> {
    this.#calm();
    this.#shut();
    await this.#closing;
  }

  /** One that could not be made is forgotten: the next request tries again. */
  async #start(): Promise<LabEngine> {
    await this.#closing;
    try {
      return await this.#create();
    } catch (error) {
      this.#engine = undefined;
      throw error;
    }
  }

  #release(): void {
    this.#holders--;
    if (this.#holders === 0) this.#calm = this.#after(this.#idle, () => this.#shut());
  }

  #shut(): void {
    const engine = this.#engine;
    this.#engine = undefined;
    if (engine === undefined) return;
    this.#closing = engine.then(
      (one) => one.close().catch(this.#failed),
      () => {}, // whoever asked for it knows
    );
  }
}
