import { DpopError } from './errors.ts';
import { hasDotSegments, normalizeAuthority, normalizeHtu, normalizePath } from './htu.ts';
import { refuseOption, requireText, requireUrl } from './options.ts';

/**
 * What a request asks for, as its client sees it: built from configuration and the raw request target.
 *
 * `Host`, `X-Forwarded-*` and what frameworks make of them never take part: whoever writes them would choose what the
 * proof is compared with. A `Host` that is not ours is refused, since its sender believes to talk to somebody else.
 */

/** A request as it came over the wire. */
export interface RawRequest {
  /** From the request line, exactly as sent. */
  readonly method: string;
  /** The raw request target from the request line, for instance `/api/notes?page=2`; not a router's rest of it. */
  readonly target: string;
  /** All header lines, names and values in turns, in wire order, none merged: Node's `rawHeaders`. */
  readonly rawHeaders: readonly string[];
  /** The form body, where something has parsed one before: a second token in it is refused. */
  readonly form?: Readonly<Record<string, unknown>> | undefined;
}

/** Where the public finds this server. */
export interface PublicAddress {
  /** `https://host[:port]` as clients write it. `http:` is for loopback only. */
  readonly publicOrigin: string;
  /** Path that a proxy in front strips, for instance `/v1`; default none. */
  readonly pathPrefix?: string;
  /**
   * `Host` values that reach this server besides the one of `publicOrigin`, for proxies that send their own (nginx
   * does unless told `proxy_set_header Host $host`); default none.
   */
  readonly hosts?: readonly string[];
}

/** The values of all lines of one header, by its lower-case name. */
export function headerLines(rawHeaders: readonly string[], name: string): string[] {
  const values: string[] = [];
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    const line = rawHeaders[index] as string;
    if (line.length === name.length && line.toLowerCase() === name)
      values.push(rawHeaders[index + 1] as string); // [R9449-4.1-02]
  }
  return values;
}

/** Headers by which a framework may be told to run another method than the one on the request line. */
const methodOverrides = ['x-http-method-override', 'x-http-method', 'x-method-override'];

const maxPathLength = 4096;
/** Letters, digits, `-`, `.` and `_`, which nobody needs to escape. `~` is left alone: some clients escape it. */
const escapedWord = /%(?:2[de]|3\d|4[1-9a-f]|5[\da]|5f|6[1-9a-f]|7[\da])/i;

/** Knows the public address and turns requests into target URIs. */
export class PublicTarget {
  readonly origin: string;
  readonly #scheme: 'http' | 'https';
  readonly #prefix: string;
  readonly #hosts: ReadonlySet<string>;

  /** @throws TypeError when the address makes no sense. */
  constructor(address: PublicAddress) {
    this.origin = requireOrigin(address.publicOrigin);
    this.#scheme = this.origin.startsWith('https:') ? 'https' : 'http';
    this.#prefix = requirePrefix(address.pathPrefix ?? '');
    const hosts = address.hosts ?? [];
    if (!Array.isArray(hosts)) refuseOption('hosts', 'a list of Host values');
    const own = this.origin.slice(`${this.#scheme}://`.length);
    this.#hosts = new Set([own, ...hosts.map((host: unknown) => this.#requireHost(host))]);
  }

  /**
   * The target URI in normal form, without query.
   *
   * @throws DpopError `host-mismatch`, `target-malformed`, `method-override`.
   */
  uriOf({ method, target, rawHeaders }: RawRequest): string {
    this.#refuseForeignHost(rawHeaders);
    refuseMethodOverride(method, rawHeaders);
    return this.origin + this.#prefix + this.#pathOf(target); // [R9700-4.13-01]
  }

  #requireHost(host: unknown): string {
    return (
      normalizeAuthority(requireText('hosts', host), this.#scheme) ??
      refuseOption('hosts', 'host[:port] each')
    );
  }

  /** HTTP/2 has `:authority` in the place of `Host`; where both are sent, both must be ours. */
  #refuseForeignHost(rawHeaders: readonly string[]): void {
    const host = headerLines(rawHeaders, 'host');
    const authority = headerLines(rawHeaders, ':authority');
    const sent = [...host, ...authority];
    const ours = sent.every((value) => this.#hosts.has(normalizeAuthority(value, this.#scheme) ?? ''));
    if (!ours || sent.length === 0 || host.length > 1 || authority.length > 1)
      throw new DpopError('host-mismatch');
  }

  /**
   * Dot segments and escaped letters are refused, not resolved: routers see through them, some before and some after
   * they choose a route, and what is compared must be what is routed.
   */
  #pathOf(target: string): string {
    const [raw = ''] = this.#originForm(target).split('?', 1);
    const path = raw.startsWith('/') && raw.length <= maxPathLength ? normalizePath(raw) : undefined;
    if (path === undefined || hasDotSegments(path) || escapedWord.test(raw))
      throw new DpopError('target-malformed');
    return path;
  }

  /** An absolute-form target is legal HTTP, but only for our own authority. */
  #originForm(target: string): string {
    const [, origin, rest = ''] = /^(https?:\/\/[^/?#]*)(.*)$/i.exec(target) ?? [];
    if (origin === undefined) return target;
    if (normalizeHtu(origin) !== `${this.origin}/`) throw new DpopError('target-malformed');
    return rest.startsWith('/') ? rest : `/${rest}`;
  }
}

function requireOrigin(value: unknown): string {
  requireUrl('publicOrigin', value);
  const normal = normalizeHtu(requireText('publicOrigin', value));
  if (normal === undefined || !/^https?:\/\/[^/]+\/$/.test(normal) || /[?#]/.test(value as string)) {
    return refuseOption('publicOrigin', 'scheme://host[:port] without a path (see pathPrefix)');
  }
  return normal.slice(0, -1);
}

function requirePrefix(value: unknown): string {
  if (value === '') return '';
  const path = typeof value === 'string' ? normalizePath(value) : undefined;
  if (path === undefined || path.endsWith('/') || hasDotSegments(path)) {
    return refuseOption('pathPrefix', 'a path that begins with a slash and ends without one');
  }
  return path;
}

function refuseMethodOverride(method: string, rawHeaders: readonly string[]): void {
  const overridden = methodOverrides.some((name) =>
    headerLines(rawHeaders, name).some((value) => value.toUpperCase() !== method.toUpperCase()),
  );
  if (overridden) throw new DpopError('method-override');
}
