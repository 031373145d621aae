import { asObject, type Json, readPart } from './decoding.ts';
import type { Finding } from './finding.ts';
import { timeInWords } from './printing.ts';

/** An access token as it describes itself. Nothing of it is verified here but what can be without its issuer. */

export interface TokenSubject {
  readonly token: string;
  /** Thumbprint of the key that it should be bound to, if that is known. */
  readonly jkt: string | undefined;
  /** Whether it goes with a proof, which makes sense for a bound token alone. */
  readonly isForProof: boolean;
  /** Seconds since the epoch. */
  readonly now: number;
  /** What the keys of the issuer say of it, where they were given. */
  readonly signature: Finding | undefined;
}

export interface TokenReport {
  readonly form: 'JWT' | 'opaque';
  readonly header: Json | undefined;
  readonly claims: Json | undefined;
  /** To whom it is bound, in words. */
  readonly binding: string;
  readonly findings: readonly Finding[];
}

export function reportToken(subject: TokenSubject): TokenReport {
  const { token, jkt, isForProof, now, signature } = subject;
  const header = readPart(token, 0);
  const claims = readPart(token, 1);
  if (header === undefined || claims === undefined) return opaqueReport(signature);
  const binding = bindingInWords(claims['cnf']);
  const findings = [
    expiry(claims['exp'], now),
    notBefore(claims['nbf'], now),
    ...(jkt !== undefined || isForProof ? [bindingFinding(boundKeyOf(token), jkt, binding)] : []),
    signature ?? notVerified('give --jwks to check it'),
  ];
  return { form: 'JWT', header, claims, binding, findings };
}

function opaqueReport(signature: Finding | undefined): TokenReport {
  const why = 'an opaque token: only its issuer can tell (introspection, RFC 7662)';
  return {
    form: 'opaque',
    header: undefined,
    claims: undefined,
    binding: 'only its issuer can tell (introspection, RFC 7662)',
    findings: [signature ?? notVerified(why)],
  };
}

/** `cnf.jkt` of a token in JWT form, if it has one. */
export function boundKeyOf(token: string): string | undefined {
  const jkt = asObject(readPart(token, 1)?.['cnf'])?.['jkt'];
  return typeof jkt === 'string' ? jkt : undefined;
}

function bindingInWords(value: unknown): string {
  const cnf = asObject(value);
  if (cnf === undefined) return 'none: whoever holds this token can use it';
  if (typeof cnf['jkt'] === 'string') return `the key ${cnf['jkt']} (cnf.jkt)`;
  const names = Object.keys(cnf).join(', ');
  return `not a DPoP key, but something else (cnf: ${names})`;
}

function expiry(exp: unknown, now: number): Finding {
  const base = { name: 'token expiry', section: 'RFC 7519 4.1.4' };
  if (exp === undefined) return { ...base, status: 'not-checked', why: 'it has no exp' };
  const found = timeInWords(exp, now);
  if (typeof exp === 'number' && exp > now) return { ...base, status: 'passed', found };
  const mend = 'Get a new token, with the refresh token if there is one.';
  return { ...base, status: 'failed', found, expected: 'a time to come', mend };
}

function notBefore(nbf: unknown, now: number): Finding {
  const base = { name: 'token not before', section: 'RFC 7519 4.1.5' };
  if (nbf === undefined) return { ...base, status: 'passed', found: 'absent' };
  const found = timeInWords(nbf, now);
  if (typeof nbf === 'number' && nbf <= now) return { ...base, status: 'passed', found };
  const mend = 'Wait, or look at the clocks of the issuer and of this machine.';
  return { ...base, status: 'failed', found, expected: 'a time that is past', mend };
}

function bindingFinding(bound: string | undefined, jkt: string | undefined, binding: string): Finding {
  const base = { name: 'token binding', section: 'RFC 9449 6.1', found: bound ?? binding };
  if (bound !== undefined && (jkt === undefined || bound === jkt)) return { ...base, status: 'passed' };
  const mend =
    bound === undefined
      ? 'Ask for a bound token: send a proof with the token request, and look for token_type DPoP.'
      : 'Use the key that the token was issued for, or get a new token with this key.';
  return { ...base, status: 'failed', expected: jkt ?? 'cnf.jkt', mend };
}

function notVerified(why: string): Finding {
  return { name: 'token signature', section: 'RFC 7515 5.2', status: 'not-checked', why };
}
