import { DpopError } from './errors.ts';
import { headerLines, type RawRequest } from './target-uri.ts';

/** The token that a request presents: in one `Authorization` line (RFC 9449 section 7.1, RFC 6750 section 2.1). */

const token68 = /^[\w.~+/-]+=*$/;

/** A token as it was presented. */
export interface Credentials {
  readonly scheme: 'DPoP' | 'Bearer';
  readonly token: string;
}

/**
 * Reads the access token, exactly as sent.
 *
 * @param schemes those that may be read here: where `Bearer` is none of them, it is refused without a look at the token.
 * @throws DpopError `credentials-missing`, `authorization-repeated`, `authorization-malformed`, `bearer-scheme`, or
 *   `token-repeated` when the query or the parsed form carries another token (RFC 6750 section 2).
 */
export function readCredentials(
  { rawHeaders, target, form }: RawRequest,
  schemes: readonly Credentials['scheme'][],
): Credentials {
  const lines = headerLines(rawHeaders, 'authorization'); // [R9449-7.1-11] [R6750-2.3-01]
  if (lines.length > 1) throw new DpopError('authorization-repeated'); // [R9449-7.2-06]
  const [line = ''] = lines;
  const [word = ''] = line.split(' ', 1);
  const scheme = knownSchemes.get(word.toLowerCase()); // [R9449-7.1-12]
  if (scheme === undefined) throw new DpopError('credentials-missing');
  // Under Bearer a bound token is a downgrade, an unbound one has no key: neither is read. [R9449-7.2-01]
  if (!schemes.includes(scheme)) throw new DpopError('bearer-scheme');
  if (hasQueryToken(target) || (form !== undefined && 'access_token' in form))
    throw new DpopError('token-repeated'); // [R6750-2-01]
  const token = line.slice(word.length).replace(/^ +/, '');
  if (!token68.test(token)) throw new DpopError('authorization-malformed');
  return { scheme, token };
}

const knownSchemes: ReadonlyMap<string, Credentials['scheme']> = new Map([
  ['dpop', 'DPoP'],
  ['bearer', 'Bearer'],
]);

/** Parses only a query that could spell the name, escaped or not. */
function hasQueryToken(target: string): boolean {
  const query = target.indexOf('?');
  if (query === -1 || !/access_token|%/.test(target.slice(query))) return false;
  return new URLSearchParams(target.slice(query)).has('access_token');
}
