/** How a command ends, as its exit code. The help tells them. */
export const exitCodes = {
  fine: 0,
  refused: 1,
  usage: 2,
  noAnswer: 3,
  file: 4,
  fault: 70,
  /** What a shell reports of a program that SIGPIPE ended. */
  brokenPipe: 141,
} as const;

export type Ending = keyof typeof exitCodes;

/** An end that was foreseen: one sentence for people, without token, proof or key. */
export class Failure extends Error {
  override readonly name: string = 'Failure';
  readonly ending: Ending;

  constructor(ending: Ending, message: string, cause?: unknown) {
    super(message, { cause });
    this.ending = ending;
  }
}

/** The system's name of an error, such as `ENOENT`: its message may quote what it was given. */
export function codeOf(error: unknown): string {
  const { code, name } = (error ?? {}) as { readonly code?: unknown; readonly name?: unknown };
  return typeof code === 'string' ? code : String(name ?? typeof error);
}
