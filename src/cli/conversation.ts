import type { Arguments } from './arguments.ts';
import { type Json, readPart } from './decoding.ts';
import { codeOf, Failure } from './failure.ts';
import { inline } from './printing.ts';
import { remark, type Shell } from './shell.ts';

/** What goes over the wire, told on stderr the way `curl -v` does, so that `inspect` can read it. */

const secrets = ['authorization', 'cookie', 'dpop', 'proxy-authorization', 'set-cookie'];

export class Conversation {
  readonly #shell: Shell;
  readonly #isVerbose: boolean;
  readonly #showsSecrets: boolean;
  readonly #signal: AbortSignal | null;
  #count = 0;

  /** @param signal ends the exchange, body included; handed to the last `fetch` itself, which no copy comes between. */
  constructor(args: Arguments, shell: Shell, signal: AbortSignal | null) {
    this.#shell = shell;
    this.#signal = signal;
    this.#isVerbose = args.has('verbose');
    this.#showsSecrets = args.has('show-secrets');
  }

  /** The real `fetch`, watched. Its failures are told by their cause. */
  readonly fetch: typeof fetch = async (input, init) => {
    const request = new Request(input, init);
    this.#count += 1;
    if (this.#count === 2) await this.tell('the server wants another proof: the request is repeated');
    await this.#tellRequest(request);
    const response = await fetch(request, { signal: this.#signal }).catch((error: unknown) => {
      throw toNoAnswer(error, new URL(request.url), 'could not connect to');
    });
    await this.#tellResponse(response);
    return response;
  };

  /** A remark for whoever asked for them. */
  tell(line: string): Promise<void> {
    return this.#print('*', line);
  }

  async #print(mark: string, line: string): Promise<void> {
    if (this.#isVerbose) await remark(this.#shell, `${mark} ${line}`);
  }

  async #printHeaders(mark: string, headers: Headers): Promise<void> {
    for (const [name, value] of headers) {
      const isHidden = secrets.includes(name) && !this.#showsSecrets;
      await this.#print(mark, `${name}: ${isHidden ? '(hidden, --show-secrets prints it)' : value}`);
    }
  }

  async #tellRequest({ url, method, headers }: Request): Promise<void> {
    const { pathname, search, host } = new URL(url);
    await this.#print('>', `${method} ${pathname}${search} HTTP/1.1`);
    await this.#print('>', `host: ${host}`);
    await this.#printHeaders('>', headers);
    const { htm, htu, iat, nonce, ath } = readPart(String(headers.get('dpop')), 1) as Json;
    const extras = [nonce === undefined ? 'no nonce' : 'a nonce', ath === undefined ? 'no token' : 'a token'];
    await this.tell(
      `the proof says: ${inline(htm)} ${inline(htu)}, iat ${inline(iat)}, ${extras.join(', ')}`,
    );
  }

  async #tellResponse({ status, statusText, headers }: Response): Promise<void> {
    await this.#print('<', `HTTP/1.1 ${status} ${statusText}`);
    await this.#printHeaders('<', headers);
    const ahead = Math.round(Date.parse(String(headers.get('date'))) / 1000 - Date.now() / 1000);
    if (Math.abs(ahead) > 5)
      await this.tell(
        `the server's clock is ${Math.abs(ahead)} s ${ahead > 0 ? 'ahead of' : 'behind'} this one`,
      );
  }
}

/** A request that ended without an answer, or in the middle of one. */
export function toNoAnswer(error: unknown, { host }: URL, what: string): Failure {
  if (codeOf(error) === 'TimeoutError')
    return new Failure('noAnswer', `${host} took longer than --max-time allows`, error);
  // fetch says only that it failed; why is in the cause.
  const { cause = error } = error as { readonly cause?: unknown };
  const of = what.startsWith('could') ? `${what} ${host}` : `${what}: ${host}`;
  return new Failure('noAnswer', `${of} (${codeOf(cause)})`, error);
}
