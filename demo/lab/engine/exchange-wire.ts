import type { IncomingMessage, ServerResponse } from 'node:http';
import type { HeaderLine } from '../model.ts';

/** A request and its answer as they are on the wire, for whoever writes them down. */

/** Names the exchange to whoever sent it, so that a thief of the lab can be asked what stopped him. Not shown. */
export const exchangeHeader = 'lab-exchange';

export async function readBody(request: IncomingMessage): Promise<string | null> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return chunks.length === 0 ? null : Buffer.concat(chunks).toString();
}

/** Node's `rawHeaders`, two by two. */
export function toLines(raw: readonly string[]): HeaderLine[] {
  return raw.flatMap((name, index) => (index % 2 === 0 ? [[name, raw[index + 1] ?? ''] as const] : []));
}

export interface WireAnswer {
  readonly status: number;
  readonly headers: readonly HeaderLine[];
  readonly body: string | null;
}

/** Tells of the answer at the moment at which it goes out. */
export function tellAnswer(response: ServerResponse, tell: (answer: WireAnswer) => void): void {
  const { end } = response;
  response.end = function endAndTell(this: ServerResponse, ...given: unknown[]): ServerResponse {
    const [chunk] = given;
    tell({
      status: response.statusCode,
      headers: linesOf(response),
      body: typeof chunk === 'string' || Buffer.isBuffer(chunk) ? String(chunk) : null,
    });
    return Reflect.apply(end, this, given) as ServerResponse;
  } as typeof end;
}

/** One line for each value: several cookies are several lines. */
function linesOf(response: ServerResponse): HeaderLine[] {
  const headers = Object.entries(response.getHeaders()).filter(([name]) => name !== exchangeHeader);
  return headers.flatMap(([name, value]) => [value].flat().map((one): HeaderLine => [name, String(one)]));
}
