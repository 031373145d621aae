/** What one check has come to. */
export interface Finding {
  readonly name: string;
  /** Where it is required. */
  readonly section: string;
  readonly status: 'passed' | 'failed' | 'not-checked';
  /** The stable word for logs and tests, where the library has one. */
  readonly reason?: string | undefined;
  readonly found?: unknown;
  readonly expected?: unknown;
  /** Why it was not made. */
  readonly why?: string | undefined;
  /** How to mend it. */
  readonly mend?: string | undefined;
}

/** The first check that failed: the one that decides. */
export function decidingOf(findings: readonly Finding[]): Finding | undefined {
  return findings.find(({ status }) => status === 'failed');
}
