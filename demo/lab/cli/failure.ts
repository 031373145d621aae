/** Exit codes, as build servers read them. */
export const exitCodes = {
  /** As expected. */
  fine: 0,
  /** A cell is not as expected, or not as in the other report. */
  differs: 1,
  usage: 2,
  /** The run broke, was interrupted, or its result could not be kept. */
  broken: 3,
} as const;

/** Something that the person at the keyboard can do something about: one sentence, and how to exit. */
export class Failure extends Error {
  override readonly name: string = 'Failure';
  readonly ending: Exclude<keyof typeof exitCodes, 'fine'>;

  constructor(ending: Exclude<keyof typeof exitCodes, 'fine'>, message: string) {
    super(message);
    this.ending = ending;
  }
}

export function refuseUsage(message: string): never {
  throw new Failure('usage', message);
}
