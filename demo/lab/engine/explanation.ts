import type { CheckVerdict, VerifyProofOptions } from 'holdfast';
import { decodeJwt } from 'jose';
import type { TraceLine } from '../model.ts';
import type { BankNode } from './bank.ts';
import type { BankCall } from './bank-call.ts';
import { namesOf } from './library.ts';
import { toCheck } from './reasons.ts';

/** Every check of the proof that a request carries, run to the end by the library itself: for the inspector. */
export async function explain(node: BankNode, call: BankCall): Promise<readonly TraceLine[]> {
  const [proof, ...others] = call.lines('dpop');
  const token = call.header('authorization')?.split(' ')[1];
  const { dpop } = node.world.profile.settings;
  if (dpop === undefined || proof === undefined) return [];
  const { method, target } = call.exchange;
  const uri = node.origin + (target.split('?')[0] ?? '');
  const verdicts = await node.world.library
    .explainProof({ method, uri, proof: [proof, ...others] }, await optionsOf(node, token))
    .catch(noUri);
  if (verdicts === undefined) return []; // no URI that could be explained: the guard says what is wrong with it
  const off = new Set(namesOf(node.world.without));
  return verdicts.map((verdict) => toLine(verdict, off, proof));
}

/** A target that is no part of any URI is the programmer's mistake elsewhere; here the thief may send what he likes. */
function noUri(error: unknown): undefined {
  if (!(error instanceof TypeError)) throw error;
}

async function optionsOf(node: BankNode, token: string | undefined): Promise<VerifyProofOptions> {
  const { maxAge, futureSkew, nonceLife, noncePolicy } = node.world.profile.settings.dpop as NonNullable<
    BankNode['world']['profile']['settings']['dpop']
  >;
  const memory = await node.store.read(node.world.clock.now(node.id));
  const jkt = boundTo(token);
  return {
    ...(token === undefined || token === '' ? {} : { accessToken: token }),
    ...(jkt === undefined ? {} : { jkt }),
    maxAge,
    futureSkew,
    nonceLife,
    memory,
    nonceRequired: noncePolicy === 'always',
    readNonce: (nonce) => node.nonces.read(`resource ${node.origin}`, nonce, memory),
  };
}

function boundTo(token: string | undefined): string | undefined {
  try {
    const { cnf } = decodeJwt<{ cnf?: { jkt?: unknown } }>(token ?? '');
    return typeof cnf?.jkt === 'string' && /^[\w-]{43}$/.test(cnf.jkt) ? cnf.jkt : undefined;
  } catch {
    return undefined;
  }
}

function toLine(verdict: CheckVerdict, off: ReadonlySet<string>, proof: string): TraceLine {
  const { name, section, reason, passed, deciding, expected, found } = verdict;
  const verdictText = off.has(name) ? 'off' : passed ? 'passed' : 'failed';
  const check = toCheck(
    reason,
    Buffer.from(proof.split('.')[1] ?? '', 'base64url')
      .toString()
      .includes('"nonce"'),
  );
  return {
    name,
    check,
    section,
    verdict: verdictText,
    deciding,
    expected: toText(expected),
    found: toText(found),
  };
}

function toText(value: unknown): string {
  return wordsFor(value).slice(0, 300);
}

/** `now 1800000001.25, maxAge 300`: for people, who do not read JSON. */
function wordsFor(value: unknown): string {
  if (typeof value === 'string') return value;
  if (typeof value !== 'object' || value === null) return value === undefined ? 'nothing' : String(value);
  return Object.entries(value)
    .map(([name, member]) => `${name} ${wordsFor(member)}`)
    .join(', ');
}
