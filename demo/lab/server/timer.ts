/** Calls something later, unless it is told not to. Tests bring a clock of their own. */
export type After = (milliseconds: number, run: () => void) => () => void;

/** By the system's clock. It keeps no process up. */
export const afterReal: After = (milliseconds, run) => {
  const timer = setTimeout(run, milliseconds);
  timer.unref();
  return () => clearTimeout(timer);
};
