import { DpopError } from './errors.ts';
import { headerLines, type RawRequest } from './target-uri.ts';

/** The token a request presents: in one `Authorization` line, under the `DPoP` scheme (RFC 9449 section 7.1). */

const token68 = /^[\w.~+/-]+=*$/;

/**
 * Reads the access token, exactly as sent.
 *
 * @throws DpopError `credentials-missing`, `authorization-repeated`, `authorization-malformed`, `bearer-scheme`, or
 *   `token-repeated` when the query or the parsed form carries another token (RFC 6750 section 2).
 */
export function readAccessToken({ rawHeaders, target, form }: RawRequest): string {
  const lines = headerLines(rawHeaders, 'authorization'); // [R9449-7.1-11] [R6750-2.3-01]
  if (lines.length > 1) throw new DpopError('authorization-repeated'); // [R9449-7.2-06]
  const [line = ''] = lines;
  const [scheme = ''] = line.split(' ', 1);
  const isDpop = scheme.toLowerCase() === 'dpop'; // [R9449-7.1-12]
  // Under Bearer a bound token is a downgrade, an unbound one has no key: neither is read. [R9449-7.2-01]
  if (!isDpop)
    throw new DpopError(scheme.toLowerCase() === 'bearer' ? 'bearer-scheme' : 'credentials-missing');
  if (hasQueryToken(target) || (form !== undefined && 'access_token' in form))
    throw new DpopError('token-repeated'); // [R6750-2-01]
  const token = line.slice(scheme.length).replace(/^ +/, '');
  if (!token68.test(token)) throw new DpopError('authorization-malformed');
  return token;
}

/** Parses only a query that could spell the name, escaped or not. */
function hasQueryToken(target: string): boolean {
  const query = target.indexOf('?');
  if (query === -1 || !/access_token|%/.test(target.slice(query))) return false;
  return new URLSearchParams(target.slice(query)).has('access_token');
}
