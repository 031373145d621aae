/** What a memory that protects one process has to say where there are several. */

/** What tells a worker among others. `node:cluster` takes its own away before our code runs, so it is asked as well. */
const workerVariables = ['NODE_UNIQUE_ID', 'NODE_APP_INSTANCE', 'pm_id'];

interface WarningRuntime {
  readonly process?: {
    readonly env?: Readonly<Record<string, string | undefined>>;
    readonly getBuiltinModule?: (name: 'node:cluster') => { readonly isWorker?: boolean } | undefined;
    readonly emitWarning?: (message: string, options: { code: string }) => void;
  };
}

/** What one of several workers is told, the others never learn. */
export function warnOfOtherProcesses(memory: 'replay' | 'revocation'): void {
  const { process } = globalThis as WarningRuntime;
  const inCluster = process?.getBuiltinModule?.('node:cluster')?.isWorker === true;
  if (!inCluster && !workerVariables.some((name) => process?.env?.[name] !== undefined)) return;
  process?.emitWarning?.(
    `holdfast: this ${memory} memory protects one process, and this is one of several workers`,
    {
      code: 'HOLDFAST_ONE_PROCESS',
    },
  );
}
