import { decodeJwt } from 'jose';
import { readCookie } from '../engine/bank-call.ts';
import type { CapturedRequest, Loot } from '../engine/loot.ts';
import type { Exchange } from '../engine/recorder.ts';
import type { World } from '../engine/world.ts';
import type { HeaderLine } from '../model.ts';
import { headerOf } from './sightings.ts';

/** What an access log, a hostile server, a proxy and an eavesdropper have come to see of Alice's requests. */

/** A line of bank A's access log: the `Authorization` header of Alice's last request, where she sends one. */
export interface LogLine {
  readonly number: number;
  readonly accessToken: string | undefined;
}

export function readAccessLog(world: World): LogLine {
  const lines = world.recorder.exchanges().filter(({ to }) => to === 'bank-a');
  const own = lastAccepted(world);
  return { number: lines.indexOf(own) + 1, accessToken: tokenOf(own) };
}

/** A challenge comes first where nonces are asked for; what a thief is after is the request that was accepted. */
function lastAccepted(world: World): Exchange {
  const own = world.recorder.exchanges().filter(({ from, to }) => from === 'alice' && to === 'bank-a');
  const accepted = own.findLast(({ decidedBy }) => decidedBy === null);
  if (accepted === undefined) throw new Error(`Alice herself was refused: ${own.at(-1)?.decidedBy}`);
  return accepted;
}

/** The value of an `Authorization` header without its scheme. */
export function tokenOf(request: { readonly headers: readonly HeaderLine[] }): string | undefined {
  return headerOf(request, 'authorization')?.split(' ')[1];
}

/** Line by line, as somebody finds it who reads a debug log. */
export function toText({ method, path, headers, body }: CapturedRequest): string {
  const lines = headers.map(([name, value]) => `${name}: ${value}`);
  return [`${method} ${path}`, ...lines, ...(body === null ? [] : ['', body])].join('\n');
}

/** What the mail service keeps of Alice's last request to it: its own copy of the credentials, as they came. */
export function seenByMail(world: World): readonly HeaderLine[] {
  const { headers } = world.recorder
    .exchanges()
    .findLast(({ from, to }) => from === 'alice' && to === 'mail') ?? { headers: [] };
  return headers.filter(([name]) => ['authorization', 'dpop'].includes(name.toLowerCase()));
}

/** Requests in bytes from a wire, as far as they are HTTP and have no bodies; of TLS there is nothing to be read. */
export function readRequests(bytes: Buffer): readonly CapturedRequest[] {
  return bytes
    .toString('latin1')
    .split('\r\n\r\n')
    .flatMap((head) => readHead(head) ?? []);
}

function readHead(head: string): CapturedRequest | undefined {
  const [first = '', ...lines] = head.split('\r\n');
  const [, method, path] = /^([A-Z]+) (\/\S*) HTTP\/1\.1$/.exec(first) ?? [];
  if (method === undefined || path === undefined) return undefined;
  const headers = lines.map((line): HeaderLine => {
    const colon = line.indexOf(':');
    return [line.slice(0, colon), line.slice(colon + 1).trim()];
  });
  return { method, path, headers, body: null };
}

/** The first byte of a TLS record: handshake, alert, application data and their kin. */
export function isTls(bytes: Buffer): boolean {
  const [type = 0] = bytes;
  return type >= 0x14 && type <= 0x17;
}

/** What the thief can tell of the sender from a request that he holds: it is all that he adds to it from. */
export function lootIn(request: CapturedRequest): Loot {
  const cookies = headerOf(request, 'cookie');
  return { accessToken: tokenOf(request) ?? readCookie(cookies ?? '', 'token'), cookies };
}

/** Draws the message that the thief cannot send, where the token itself says what it takes. */
export function showWhatIsMissing(world: World, accessToken: string): void {
  const { jkt, 'x5t#S256': certificate } = confirmationOf(accessToken);
  const missing = jkt === undefined ? certificate && "Alice's TLS key" : "Alice's private key";
  if (missing === undefined) return;
  const text = `The token names a key that he has not got with it: he would need ${missing}.`;
  world.recorder.note('cannot', { to: 'bank-a', missing, text });
}

interface Confirmation {
  readonly jkt?: string;
  readonly 'x5t#S256'?: string;
}

function confirmationOf(accessToken: string): Confirmation {
  try {
    return decodeJwt<{ cnf?: Confirmation }>(accessToken).cnf ?? {};
  } catch {
    return {}; // an opaque or encrypted token says nothing to whoever found it
  }
}
