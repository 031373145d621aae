/**
 * One spelling for a target URI, so that the proof's `htu` and the request can be compared as texts
 * (RFC 9449 section 4.3; RFC 3986 sections 6.2.2 and 6.2.3).
 *
 * The grammar is checked before anything is normalised: URL parsers repair tabs, backslashes, user info and ports
 * with leading zeros, and each repair is a way to make two different texts look alike.
 */

const absolute = /^(https?):\/\/([^/?#]*)([^?#]*)(?:[?#].*)?$/i;
const printable = /^[!-[\]-~]+$/; // ASCII without space, controls and backslash
const authorityForm = /^([a-z\d._-]+|\[[\da-f:.]+\])(?::(\d*))?$/i;
const canonicalPort = /^(?:0|[1-9]\d{0,4})$/;
// RFC 3986 path characters, plus the four that browsers send as they are.
const pathForm = /^(?:\/(?:[\w.~!$&'()*+,;=:@[\]|^-]|%[\da-f]{2})*)*$/i;
const plainPath = /^(?:\/[\w~!$&'()*+,;=:@-]+)+$/; // nothing to decode, no dot segment, no empty one
const defaultPorts = { http: '80', https: '443' } as const;

/**
 * Normalises an absolute http or https URI and cuts its query and fragment.
 *
 * Scheme and host in lower case, default or empty port dropped, percent-encoded unreserved characters decoded, other
 * escapes in upper case, dot segments removed, empty path as `/`. The path is otherwise exact: its letter case,
 * trailing or double slashes and `%2F` count. Idempotent.
 *
 * @returns the normal form, or `undefined` for anything that is not such a URI in strict ASCII without user info.
 */
export function normalizeHtu(uri: string): string | undefined {
  const match = printable.test(uri) ? absolute.exec(uri) : null;
  if (match === null) return undefined;
  const [, scheme = '', authority = '', path = ''] = match;
  const lowerScheme = scheme.toLowerCase() as keyof typeof defaultPorts;
  const host = normalizeAuthority(authority, lowerScheme);
  const normalPath = normalizePath(path === '' ? '/' : path);
  if (host === undefined || normalPath === undefined) return undefined;
  return `${lowerScheme}://${host}${removeDotSegments(normalPath)}`;
}

/** Normalises `host[:port]`; `undefined` when it is malformed, carries user info, or its port has several spellings. */
export function normalizeAuthority(authority: string, scheme: 'http' | 'https'): string | undefined {
  const match = authorityForm.exec(authority);
  if (match === null) return undefined;
  const [, name = '', port = ''] = match;
  if (port !== '' && !(canonicalPort.test(port) && Number(port) <= 65535)) return undefined;
  const host = name.startsWith('[') ? normalizeIpv6(name) : name.toLowerCase();
  if (host === undefined) return undefined;
  return port === '' || port === defaultPorts[scheme] ? host : `${host}:${port}`;
}

/** Decodes what RFC 3986 calls unreserved and upper-cases the other escapes; dot segments are left as they are. */
export function normalizePath(path: string): string | undefined {
  if (plainPath.test(path)) return path;
  if (!pathForm.test(path) || path.includes('%00')) return undefined;
  return path.replace(/%[\da-f]{2}/gi, (triplet) => {
    const character = String.fromCharCode(Number.parseInt(triplet.slice(1), 16));
    return /[\w.~-]/.test(character) ? character : triplet.toUpperCase();
  });
}

/** Whether a normalised path holds a `.` or `..` segment. */
export function hasDotSegments(path: string): boolean {
  return /\/\.\.?(?:\/|$)/.test(path);
}

/** RFC 3986 section 5.2.4 for a path that begins with a slash. */
function removeDotSegments(path: string): string {
  if (!hasDotSegments(path)) return path;
  const kept: string[] = [];
  for (const segment of path.slice(1).split('/')) {
    if (segment === '..') kept.pop();
    else if (segment !== '.') kept.push(segment);
  }
  if (/\/\.\.?$/.test(path)) kept.push('');
  return `/${kept.join('/')}`;
}

/** The URL parser is asked for IPv6 alone: its grammar has just been narrowed to hex digits, colons and dots. */
function normalizeIpv6(host: string): string | undefined {
  return URL.canParse(`http://${host}`) ? new URL(`http://${host}`).hostname : undefined;
}
