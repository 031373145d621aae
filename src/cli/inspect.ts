import { normalizeHtu, type SignatureAlgorithm } from '../index.ts';
import { isThumbprint } from '../thumbprint.ts';
import type { Arguments, Command } from './arguments.ts';
import { readPart } from './decoding.ts';
import { exitCodes, Failure } from './failure.ts';
import { decidingOf, type Finding } from './finding.ts';
import { readKey } from './key-file.ts';
import { type PastedRequest, readPastedRequest } from './pasted-request.ts';
import { paintFor } from './printing.ts';
import { type ProofReport, reportProof } from './proof-report.ts';
import { type Report, toJson, toText } from './report.ts';
import { readSource, remark, requireOneStdin, type Shell, write } from './shell.ts';
import { boundKeyOf, reportToken, type TokenReport } from './token-report.ts';
import { checkSignature } from './token-signature.ts';
import { findToken, tokenFile, tokenHelp, tokenOptions } from './token-source.ts';

export const inspect: Command = {
  name: 'inspect',
  summary: 'explain a proof, a request or an access token, check by check',
  help: `Usage: holdfast inspect [PROOF] [OPTIONS]

Explains a DPoP proof, a whole request (its header lines, as curl -v shows them) or an
access token: what it says, what was expected, where that is required, how to mend it.
Without an argument, or with -, it is read from stdin. What is not said about the request
is not judged. A token's signature is not verified unless --jwks is given.

The request it should fit:
  --method METHOD      such as GET
  --url URL            as the client calls it
${tokenHelp}  --jkt THUMBPRINT     the key that must have signed (default: that of the token)
  --key FILE           the same, as a key file; - for stdin
  --nonce-given NONCE  a DPoP-Nonce that the server has sent; several if it sent several

How it is judged:
  --as proof|token     what it is, if that is guessed wrongly
  --now SECONDS        as of this time, in seconds since 1970 (default: now)
  --max-age SECONDS    greatest age of a proof (default 60)
  --future-skew SECONDS
                       how far ahead its clock may be (default 10)
  --algorithms LIST    what the server accepts, such as ES256,PS256
  --jwks SOURCE        URL or file of the issuer's keys: verify the token's signature
  --json               print JSON

Exit code 1: a check failed. Whether a proof was used before, only the server knows.

Examples:
  holdfast inspect --method GET --url https://api.example/notes < proof.txt
  curl -v ... 2>&1 | holdfast inspect --token-file token.txt
`,
  options: {
    ...tokenOptions,
    method: { type: 'string' },
    url: { type: 'string' },
    jkt: { type: 'string' },
    key: { type: 'string' },
    'nonce-given': { type: 'string', multiple: true },
    as: { type: 'string' },
    now: { type: 'string' },
    'max-age': { type: 'string' },
    'future-skew': { type: 'string' },
    algorithms: { type: 'string' },
    jwks: { type: 'string' },
    json: { type: 'boolean' },
  },
  required: [],
  most: 1,
  run: explain,
};

async function explain(args: Arguments, shell: Shell): Promise<number> {
  const subject = args.positionals[0] ?? '-';
  requireOneStdin([subject, tokenFile(args), args.text('key'), args.text('jwks')]);
  const kind = args.word('as', ['proof', 'token']);
  const text = (subject === '-' ? await readAll(shell) : subject).trim();
  if (text === '') throw new Failure('usage', 'there is nothing to inspect');
  const pasted = kind === undefined ? readPastedRequest(text) : undefined;
  if (pasted?.proofs.some(isHidden))
    throw new Failure('usage', 'the proof is hidden here: use --show-secrets there');
  const report = await reportOn(text, pasted, kind, args, shell);
  const paint = paintFor(shell.stdout, shell.env);
  await write(shell.stdout, args.has('json') ? toJson(report) : toText(report, paint));
  return decidingOf(report.findings) === undefined ? exitCodes.fine : exitCodes.refused;
}

async function readAll(shell: Shell): Promise<string> {
  if (shell.stdin.isTTY === true) await remark(shell, 'holdfast: paste it here, then Ctrl-D');
  return new TextDecoder().decode(await readSource('-', shell));
}

/** As `request -v` writes it. */
function isHidden(value: string): boolean {
  return value.startsWith('(hidden');
}

async function reportOn(
  text: string,
  pasted: PastedRequest | undefined,
  kind: 'proof' | 'token' | undefined,
  args: Arguments,
  shell: Shell,
): Promise<Report> {
  const now = args.number('now') ?? Date.now() / 1000;
  const plain = text.replace(/^(?:dpop|bearer) +/i, '');
  if (pasted === undefined && (kind ?? guess(plain)) === 'token') {
    const token = await tokenReportOf(plain, await jktOf(args, shell), false, now, args, shell);
    return { request: undefined, proof: undefined, token, now, findings: token.findings };
  }
  const accessToken = (await givenToken(args, shell, pasted)) ?? pasted?.token;
  const jkt = await jktOf(args, shell);
  const request = { method: args.text('method') ?? pasted?.method, url: urlOf(args, pasted) };
  const proof = await proofReportOf(pasted?.proofs ?? [plain], request, accessToken, jkt, now, args);
  const token =
    accessToken === undefined ? undefined : await tokenReportOf(accessToken, jkt, true, now, args, shell);
  const findings = [...schemeFinding(pasted), ...proof.findings, ...(token?.findings ?? [])];
  return { request, proof, token, now, findings };
}

/** A token that was pasted is the one that went along, whatever the variable says. */
async function givenToken(
  args: Arguments,
  shell: Shell,
  pasted: PastedRequest | undefined,
): Promise<string | undefined> {
  const isPasted = pasted?.token !== undefined && !Object.keys(tokenOptions).some((name) => args.has(name));
  return isPasted ? undefined : findToken(args, shell);
}

/** Proofs carry their key; tokens do not. What cannot be read is more often a broken proof. */
function guess(text: string): 'proof' | 'token' {
  const header = readPart(text, 0);
  return header === undefined || header['typ'] === 'dpop+jwt' || 'jwk' in header ? 'proof' : 'token';
}

async function jktOf(args: Arguments, shell: Shell): Promise<string | undefined> {
  const [jkt, file] = [args.text('jkt'), args.text('key')];
  if (jkt !== undefined && file !== undefined)
    throw new Failure('usage', '--jkt and --key exclude each other');
  if (file !== undefined) return (await readKey(file, shell)).jkt;
  if (jkt === undefined || isThumbprint(jkt)) return jkt;
  throw new Failure('usage', '--jkt must be a thumbprint: 43 characters of base64url');
}

function urlOf(args: Arguments, pasted: PastedRequest | undefined): string | undefined {
  const url = args.text('url') ?? pasted?.url;
  const normal = url === undefined ? undefined : normalizeHtu(url);
  if (args.has('url') && normal === undefined)
    throw new Failure('usage', '--url must be an absolute http(s) URL without user info');
  return normal;
}

function proofReportOf(
  lines: readonly string[],
  { method, url }: Report['request'] & object,
  accessToken: string | undefined,
  jkt: string | undefined,
  now: number,
  args: Arguments,
): Promise<ProofReport> {
  const bound = accessToken === undefined ? undefined : boundKeyOf(accessToken);
  const algorithms = args.text('algorithms')?.split(/[ ,]+/) as SignatureAlgorithm[] | undefined; // checked by the library
  const [maxAge, futureSkew] = [args.number('max-age'), args.number('future-skew')];
  return reportProof({
    lines,
    method,
    url,
    accessToken,
    jkt: jkt ?? (isThumbprint(bound) ? bound : undefined),
    nonces: args.texts('nonce-given'),
    now,
    policy: {
      ...(algorithms === undefined ? {} : { algorithms }),
      ...(maxAge === undefined ? {} : { maxAge }),
      ...(futureSkew === undefined ? {} : { futureSkew }),
    },
  });
}

async function tokenReportOf(
  token: string,
  jkt: string | undefined,
  isForProof: boolean,
  now: number,
  args: Arguments,
  shell: Shell,
): Promise<TokenReport> {
  const source = args.text('jwks');
  const signature = source === undefined ? undefined : await checkSignature(token, source, shell);
  return reportToken({ token, jkt, isForProof, now, signature });
}

function schemeFinding(pasted: PastedRequest | undefined): Finding[] {
  if (pasted?.scheme === undefined) return [];
  const base = { name: 'scheme', section: 'RFC 9449 7.1', found: pasted.scheme };
  if (pasted.scheme.toLowerCase() === 'dpop') return [{ ...base, status: 'passed' }];
  const mend = 'Send a bound token as Authorization: DPoP; as Bearer it is refused.';
  return [{ ...base, status: 'failed', expected: 'DPoP', mend }];
}
