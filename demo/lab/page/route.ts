/** Addresses of the page: `#/cell/D5/T06?seat=nat&t=30`. */

export interface Route {
  readonly view: string;
  readonly path: readonly string[];
  readonly query: URLSearchParams;
}

export function readRoute(hash: string): Route {
  const [path = '', query = ''] = hash.replace(/^#?\/?/, '').split('?');
  const [view = '', ...rest] = path
    .split('/')
    .filter((part) => part !== '')
    .map(decode);
  return { view, path: rest, query: new URLSearchParams(query) };
}

export function toHash(
  view: string,
  path: readonly string[],
  query: Readonly<Record<string, string>>,
): string {
  const search = new URLSearchParams(query).toString();
  return `#/${[view, ...path].map(encodeURIComponent).join('/')}${search === '' ? '' : `?${search}`}`;
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
