/** A request as a tool shows it, such as `curl -v` with `> ` before each line, or as bare header lines. */
export interface PastedRequest {
  readonly method: string | undefined;
  /** Absolute; the scheme is a guess, since no request says it. */
  readonly url: string | undefined;
  readonly proofs: readonly string[];
  /** Of `Authorization: DPoP` or `Bearer`; other schemes carry no access token. */
  readonly scheme: string | undefined;
  readonly token: string | undefined;
}

const requestLine = /^([!#$%&'*+.^`|~\w-]+) (\S+) HTTP\/[\d.]+$/;
const headerLine = /^([!#$%&'*+.^`|~\w-]+):[ \t]*(.*?)[ \t]*$/;

/** @returns `undefined` when there is neither a request line nor one of the headers that matter. */
export function readPastedRequest(text: string): PastedRequest | undefined {
  const lines = lastRequest(sentLines(text));
  const [, method, target] = requestLine.exec(String(lines[0])) ?? [];
  const headers = lines.flatMap((line): [string, string][] => {
    const [, name, value] = headerLine.exec(line) ?? [];
    return name === undefined ? [] : [[name.toLowerCase(), String(value)]];
  });
  const valuesOf = (name: string): string[] =>
    headers.filter(([each]) => each === name).map(([, value]) => value);
  const [authorization] = valuesOf('authorization');
  if (method === undefined && authorization === undefined && valuesOf('dpop').length === 0) return undefined;
  const [, scheme, token] = /^(dpop|bearer) +(\S+)$/i.exec(authorization ?? '') ?? [];
  return { method, url: urlOf(target, valuesOf('host')[0]), proofs: valuesOf('dpop'), scheme, token };
}

/** Where a tool marks what was sent, the rest is its talk and the answer. */
function sentLines(text: string): string[] {
  const lines = text.split(/\r?\n/);
  const sent = lines.filter((line) => line.startsWith('> '));
  return sent.length === 0 ? lines.map((line) => line.trim()) : sent.map((line) => line.slice(2).trim());
}

/** Of several, the last is the one that people wonder about: the one before was a challenge or a redirect. */
function lastRequest(lines: readonly string[]): readonly string[] {
  return lines.slice(
    Math.max(
      0,
      lines.findLastIndex((line) => requestLine.test(line)),
    ),
  );
}

function urlOf(target: string | undefined, host: string | undefined): string | undefined {
  if (target === undefined || /^https?:/i.test(target)) return target;
  if (host === undefined) return undefined;
  const isHere = /^(?:localhost|127(?:\.\d+){3}|\[::1\])(?::\d*)?$/i.test(host);
  return `${isHere ? 'http' : 'https'}://${host}${target}`;
}
