import { type CheckVerdict, explainProof, normalizeHtu, type VerifyProofOptions } from '../index.ts';
import { type Json, readPart } from './decoding.ts';
import type { Finding } from './finding.ts';
import { relativeTime } from './printing.ts';
import { type Remedy, remedies } from './remedies.ts';

/** The checks of the library, told for people: what was not said about the request is not judged. */

/** A proof, and what is known of the request it came with. */
export interface ProofSubject {
  /** The values of all DPoP header lines. */
  readonly lines: readonly string[];
  readonly method: string | undefined;
  readonly url: string | undefined;
  readonly accessToken: string | undefined;
  readonly jkt: string | undefined;
  /** Nonces that the server has given; none: whether it has is not known. */
  readonly nonces: readonly string[];
  /** Seconds since the epoch. */
  readonly now: number;
  /** What the server accepts, where it differs from the defaults. */
  readonly policy: Pick<VerifyProofOptions, 'algorithms' | 'maxAge' | 'futureSkew'>;
}

export interface ProofReport {
  /** Header members as they are; of `jwk` only what is public, and of unknown ones the names. */
  readonly header: Json;
  readonly jkt: string | undefined;
  readonly claims: Json | undefined;
  readonly findings: readonly Finding[];
}

/** Stands where no URL is known; it is never compared with. */
const nowhere = 'https://holdfast.invalid/';

export async function reportProof(subject: ProofSubject): Promise<ProofReport> {
  const [text = ''] = subject.lines;
  const claims = readPart(text, 1);
  const verdicts = await explain(subject, claims ?? {});
  const why = unknownsOf(subject, claims ?? {});
  const jkt = verdicts.find(({ name }) => name === 'key binding')?.found;
  return {
    header: publicHeader(readPart(text, 0) ?? {}),
    jkt: typeof jkt === 'string' && jkt.length === 43 ? jkt : undefined,
    claims,
    findings: toFindings(verdicts, why),
  };
}

function publicHeader({ typ, alg, kid, jwk, ...others }: Json): Json {
  const { kty, crv } = (jwk ?? {}) as Json;
  const names = Object.keys(others);
  return { typ, alg, kid, key: { kty, crv }, ...(names.length === 0 ? {} : { others: names }) };
}

/** Expects of each claim what is known; where nothing is, what the claim says itself. */
function explain(subject: ProofSubject, claims: Json): Promise<readonly CheckVerdict[]> {
  const { lines, method, url, accessToken, jkt, nonces, now, policy } = subject;
  const { htm, htu, iat } = claims;
  const axis = nonces.length === 0 ? 'iat' : 'nonce';
  const at = nonces.length === 0 ? Number(iat) : now;
  const request = {
    method: method ?? String(htm),
    uri: url ?? normalizeHtu(String(htu)) ?? nowhere,
    proof: lines,
  };
  return explainProof(request, {
    ...policy,
    ...(accessToken === undefined ? {} : { accessToken }),
    ...(jkt === undefined ? {} : { jkt }),
    now,
    readNonce: async (nonce) => (axis === 'iat' || nonces.includes(nonce) ? { axis, at } : undefined),
    nonceRequired: axis === 'nonce',
  });
}

/** Checks that pass for want of something to compare with, and what would be needed. */
function unknownsOf(subject: ProofSubject, claims: Json): ReadonlyMap<string, string> {
  const { method, url, accessToken, jkt, nonces } = subject;
  const unknowns: [name: string, why: string | undefined][] = [
    ['htm', method === undefined ? 'give --method' : undefined],
    ['htu', url === undefined ? 'give --url' : undefined],
    ['ath', accessToken === undefined ? 'give the access token' : undefined],
    ['key binding', jkt === undefined ? 'give --jkt, --key or a bound token' : undefined],
    ['nonce ours', nonces.length === 0 && 'nonce' in claims ? 'give --nonce-given' : undefined],
    ['nonce given where required', nonces.length === 0 ? 'give --nonce-given, if there was one' : undefined],
    ['within memory', 'only the server knows what it has forgotten'],
  ];
  return new Map(unknowns.filter((each): each is [string, string] => each[1] !== undefined));
}

function toFindings(verdicts: readonly CheckVerdict[], unknowns: ReadonlyMap<string, string>): Finding[] {
  const unsound = new Set<string>();
  return verdicts.map((verdict) => {
    const { name, section, reason, passed } = verdict;
    const { mend, needs } = remedies[name] as Remedy; // there is one for each: a test sees to it
    const broken = needs.find((need) => unsound.has(need));
    if (!passed || broken !== undefined) unsound.add(name);
    if (broken !== undefined) return { name, section, reason, status: 'not-checked', why: `needs ${broken}` };
    const { found, expected } = inWords(verdict);
    if (passed && unknowns.has(name))
      return { name, section, reason, status: 'not-checked', why: unknowns.get(name), found };
    if (passed) return { name, section, reason, status: 'passed', found };
    return { name, section, reason, status: 'failed', found, expected, mend };
  });
}

interface TimeFound {
  readonly axis: 'iat' | 'nonce';
  readonly at: number;
}

interface TimeExpected {
  readonly now: number;
  readonly maxAge: number;
  readonly nonceLife: number;
  readonly futureSkew: number;
}

/** The two checks about age speak in the numbers of the clock; people ask how long ago. */
function inWords({ name, found, expected }: CheckVerdict): {
  readonly found: unknown;
  readonly expected: unknown;
} {
  if (found === undefined || (name !== 'not too old' && name !== 'not from the future'))
    return { found, expected };
  const { axis, at } = found as TimeFound;
  const { now, maxAge, nonceLife, futureSkew } = expected as TimeExpected;
  const age = axis === 'iat' ? maxAge : nonceLife;
  return {
    found: `made ${relativeTime(at, now)}`,
    expected: name === 'not too old' ? `at most ${age} seconds ago` : `at most ${futureSkew} seconds ahead`,
  };
}
