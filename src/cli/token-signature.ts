import { compactVerify, createLocalJWKSet, errors, type JSONWebKeySet } from 'jose';
import { isSecureUrl } from '../secure-url.ts';
import { toNoAnswer } from './conversation.ts';
import { codeOf, Failure } from './failure.ts';
import type { Finding } from './finding.ts';
import { readSource, type Shell } from './shell.ts';

/** Whether a token was signed with one of these keys: of a URL, a file, or stdin. */
export async function checkSignature(token: string, source: string, shell: Shell): Promise<Finding> {
  const base = { name: 'token signature', section: 'RFC 7515 5.2' };
  const keys = toKeys(await load(source, shell));
  try {
    await verify(token, keys);
    return { ...base, status: 'passed', found: 'made with a key of this set' };
  } catch (error) {
    const mend =
      'Use the keys of the issuer in iss; if these are they, the token is forged or its key is gone.';
    const found = `not verified (${codeOf(error)})`;
    return { ...base, status: 'failed', found, expected: 'made with a key of this set', mend };
  }
}

type Keys = ReturnType<typeof createLocalJWKSet>;

function toKeys(text: string): Keys {
  try {
    return createLocalJWKSet(JSON.parse(text) as JSONWebKeySet);
  } catch {
    throw new Failure('file', '--jwks is no JSON Web Key Set (an object with the list keys)');
  }
}

async function verify(token: string, keys: Keys): Promise<void> {
  try {
    await compactVerify(token, keys);
  } catch (error) {
    if (!(error instanceof errors.JWKSMultipleMatchingKeys)) throw error;
    await verifyWithAny(token, error);
  }
}

/** Without `kid` several keys may fit: one of them must have signed. */
async function verifyWithAny(token: string, keys: AsyncIterable<CryptoKey>): Promise<void> {
  for await (const key of keys) {
    const signed = await compactVerify(token, key).then(
      () => true,
      () => false,
    );
    if (signed) return;
  }
  throw new errors.JWSSignatureVerificationFailed();
}

const patience = 10_000; // milliseconds

async function load(source: string, shell: Shell): Promise<string> {
  const url = /^https?:/i.test(source) && URL.canParse(source) ? new URL(source) : undefined;
  if (url === undefined) return new TextDecoder().decode(await readSource(source, shell));
  if (!isSecureUrl(url))
    throw new Failure('usage', '--jwks must be https (http on loopback only), or a file');
  try {
    const response = await fetch(url, { redirect: 'error', signal: AbortSignal.timeout(patience) });
    if (response.ok) return await response.text();
    throw new Failure('noAnswer', `${url.host} answered ${response.status} to --jwks`);
  } catch (error) {
    if (error instanceof Failure) throw error;
    throw toNoAnswer(error, url, 'could not load --jwks');
  }
}
