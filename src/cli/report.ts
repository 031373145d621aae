import type { Json } from './decoding.ts';
import { decidingOf, type Finding } from './finding.ts';
import { inline, type Paint, printable, table, timeInWords } from './printing.ts';
import type { ProofReport } from './proof-report.ts';
import type { TokenReport } from './token-report.ts';

/** What `inspect` has found, as text or JSON. Neither holds a whole proof or token, nor private key material. */
export interface Report {
  readonly request: { readonly method: string | undefined; readonly url: string | undefined } | undefined;
  readonly proof: ProofReport | undefined;
  readonly token: TokenReport | undefined;
  /** Seconds since the epoch. */
  readonly now: number;
  /** All checks, in order. */
  readonly findings: readonly Finding[];
}

export function toJson({ request, proof, token, findings }: Report): string {
  const passed = decidingOf(findings) === undefined;
  const value = { passed, request, proof: without(proof), token: without(token), checks: findings };
  return `${JSON.stringify(value, undefined, 2)}\n`;
}

/** The findings of the parts stand together. */
function without(part: ProofReport | TokenReport | undefined): object | undefined {
  if (part === undefined) return undefined;
  const { findings: _, ...rest } = part;
  return rest;
}

export function toText({ request, proof, token, now, findings }: Report, paint: Paint): string {
  const sections = [
    proof && section('Proof', proofRows(proof, now)),
    proof && request && section('Request', requestRows(request)),
    token && section('Access token', tokenRows(token, now)),
    `Checks\n${findings.map((finding) => findingText(finding, findings, paint)).join('')}`,
    `${verdictOf(findings, paint)}\n`,
  ];
  return sections.filter((each) => each !== undefined).join('\n');
}

type Row = readonly [name: string, value: string];

function section(title: string, rows: readonly Row[]): string {
  return `${title}\n${table(rows.length === 0 ? [['nothing', 'can be read']] : rows)}`;
}

function proofRows({ header, jkt, claims }: ProofReport, now: number): Row[] {
  const { key, ...others } = header;
  const { kty, crv } = key as Json;
  const kind =
    kty === undefined
      ? []
      : [
          [
            'key',
            [kty, crv]
              .filter((each) => each !== undefined)
              .map(inline)
              .join(' '),
          ] as const,
        ];
  const thumbprint = jkt === undefined ? [] : [['thumbprint', jkt] as const];
  return [...rowsOf(others, now), ...kind, ...thumbprint, ...rowsOf(claims ?? {}, now)];
}

function requestRows({ method, url }: Report['request'] & object): Row[] {
  return [
    ['method', inline(method ?? 'not given')],
    ['URL', inline(url ?? 'not given')],
  ];
}

function tokenRows({ form, header, claims, binding }: TokenReport, now: number): Row[] {
  const { typ, alg, kid } = header ?? {};
  const rows = [...rowsOf({ typ, alg, kid }, now), ...rowsOf(claims ?? {}, now)];
  return [['form', form], ...rows, ['bound to', printable(binding)]];
}

const times = ['iat', 'exp', 'nbf', 'auth_time'];

function rowsOf(members: Json, now: number): Row[] {
  return Object.entries(members)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => [
      printable(name, 40),
      times.includes(name) ? timeInWords(value, now) : inline(value),
    ]);
}

const marks = {
  passed: ['ok', 'green'],
  failed: ['FAILED', 'red'],
  'not-checked': ['-', 'dim'],
} as const;

function findingText(finding: Finding, all: readonly Finding[], paint: Paint): string {
  const { name, section: where, status, why } = finding;
  const [mark, colour] = marks[status];
  const width = Math.max(...all.map((each) => each.name.length));
  const end = status === 'not-checked' ? `not checked: ${why}` : where;
  const line = `  ${paint(colour, mark.padEnd(6))}  ${name.padEnd(width)}  ${end}\n`;
  if (status !== 'failed') return line;
  const rows = [
    ['found', inline(finding.found)],
    ['expected', inline(finding.expected)],
    ['mend', String(finding.mend)],
  ] as const;
  return line + table(rows, ' '.repeat(10));
}

function verdictOf(findings: readonly Finding[], paint: Paint): string {
  const count = (status: Finding['status']): number =>
    findings.filter((each) => each.status === status).length;
  const deciding = decidingOf(findings);
  if (deciding === undefined)
    return paint('green', `No check failed; ${count('not-checked')} could not be made.`);
  const { name, reason } = deciding;
  const named = reason === undefined ? name : `${name} (${reason})`;
  const others = count('failed') - 1;
  return paint('red', `Refused for: ${named}${others === 0 ? '' : `; ${others} more failed`}.`);
}
