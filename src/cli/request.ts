import { type FileHandle, open } from 'node:fs/promises';
import { createDpopFetch } from '../client/index.ts';
import { isSecureUrl } from '../secure-url.ts';
import type { Arguments, Command } from './arguments.ts';
import { Conversation, toNoAnswer } from './conversation.ts';
import { codeOf, exitCodes, Failure } from './failure.ts';
import { readKey } from './key-file.ts';
import { printable } from './printing.ts';
import { hintFor, oauthErrorOf } from './refusal-hints.ts';
import { readSource, requireOneStdin, type Shell, write } from './shell.ts';
import { findToken, tokenFile, tokenHelp, tokenOptions } from './token-source.ts';
import { version } from './version.ts';

export const request: Command = {
  name: 'request',
  summary: 'send a signed request and print the answer, like curl',
  help: `Usage: holdfast request URL --key FILE [OPTIONS]

Sends one request with a proof, and with the access token if there is one; repeats it
when the server asks for a nonce. The body of the answer goes to stdout. Redirects are
not followed: neither token nor proof is meant for where they lead.

Options:
  --key FILE           the private key, made by keygen; - for stdin
${tokenHelp}  -X, --request METHOD default GET, or POST with --data
  -H, --header LINE    a header, 'Name: value'; @FILE for a file with one per line;
                       Authorization only where no token goes along
  -d, --data DATA      the body; @FILE for a file, - or @- for stdin, as they are;
                       several are joined by &; Content-Type is that of forms by default
  -i, --include        print status and headers too
  -o, --output FILE    write to FILE instead of stdout
  -f, --fail           print no body and exit with 1 when the status is 400 or above
  -m, --max-time SECONDS
                       give up after so long (default: never)
  -v, --verbose        tell on stderr what is sent and received, and what a refusal means
  --show-secrets       with --verbose: token, proof and cookies as they are

Examples:
  holdfast request https://as.example/token --key key.json --no-token \\
    -H @client-authentication.txt -d grant_type=client_credentials
  HOLDFAST_TOKEN=$(cat token.txt) holdfast request https://api.example/notes --key key.json
`,
  options: {
    ...tokenOptions,
    key: { type: 'string' },
    request: { type: 'string', short: 'X' },
    header: { type: 'string', short: 'H', multiple: true },
    data: { type: 'string', short: 'd', multiple: true },
    include: { type: 'boolean', short: 'i' },
    output: { type: 'string', short: 'o' },
    fail: { type: 'boolean', short: 'f' },
    'max-time': { type: 'string', short: 'm' },
    verbose: { type: 'boolean', short: 'v' },
    'show-secrets': { type: 'boolean' },
  },
  required: ['URL'],
  most: 1,
  run: send,
};

async function send(args: Arguments, shell: Shell): Promise<number> {
  const url = readUrl(args.positionals[0]);
  const keyFile = args.required('key', 'FILE');
  requireOneStdin([
    keyFile,
    tokenFile(args),
    ...[...args.texts('data'), ...args.texts('header')].map(sourceOf),
  ]);
  const accessToken = await findToken(args, shell);
  const init = await readInit(args, shell, accessToken !== undefined);
  const keyPair = await readKey(keyFile, shell);
  const conversation = new Conversation(args, shell, limitOf(args));
  const dpopFetch = createDpopFetch({
    keyPair,
    origins: url.origin,
    fetch: conversation.fetch,
    ...(accessToken === undefined ? {} : { accessToken }),
  });
  const response = await dpopFetch(url, init).catch(toUsage);
  const start = await deliver(response, args, shell, url);
  return conclude(response, start, args, conversation);
}

function readUrl(text: string | undefined): URL {
  const url = URL.canParse(String(text)) ? new URL(String(text)) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol))
    throw new Failure('usage', 'the URL must be absolute, such as https://api.example/notes');
  if (!isSecureUrl(url)) throw new Failure('usage', 'the URL must be https (http on loopback only)');
  if (url.username !== '' || url.password !== '')
    throw new Failure('usage', 'the URL must not hold a name or password');
  return url;
}

/** What `fetch` itself refuses to send: a method that it forbids, a body on GET. */
function toUsage(error: unknown): never {
  if (error instanceof TypeError)
    throw new Failure('usage', 'fetch refuses to send a request with this method or body');
  throw error;
}

/** `-`, `@-` and `@FILE` name sources; everything else is the data itself. */
function sourceOf(data: string): string | undefined {
  if (data === '-') return '-';
  return data.startsWith('@') ? data.slice(1) : undefined;
}

async function readInit(args: Arguments, shell: Shell, hasToken: boolean): Promise<RequestInit> {
  const data = args.has('data') ? await readData(args.texts('data'), shell) : undefined;
  const headers = await readHeaders(args.texts('header'), shell, hasToken);
  if (data !== undefined && !headers.has('content-type'))
    headers.set('content-type', 'application/x-www-form-urlencoded');
  if (!headers.has('user-agent')) headers.set('user-agent', `holdfast/${await version()}`);
  // So that the body is what the headers say of it: fetch would decompress.
  if (!headers.has('accept-encoding')) headers.set('accept-encoding', 'identity');
  const method = args.text('request') ?? (data === undefined ? 'GET' : 'POST');
  return { method, headers, ...(data === undefined ? {} : { body: data }) };
}

const maxSeconds = 2_000_000; // timers take no more

function limitOf(args: Arguments): AbortSignal | null {
  const seconds = args.number('max-time');
  return seconds === undefined ? null : AbortSignal.timeout(Math.min(seconds, maxSeconds) * 1000);
}

async function readData(parts: readonly string[], shell: Shell): Promise<Uint8Array<ArrayBuffer>> {
  const bytes: Uint8Array[] = [];
  for (const part of parts) {
    const source = sourceOf(part);
    if (bytes.length > 0) bytes.push(Buffer.from('&'));
    bytes.push(source === undefined ? Buffer.from(part) : await readSource(source, shell));
  }
  return new Uint8Array(Buffer.concat(bytes));
}

async function readHeaders(given: readonly string[], shell: Shell, hasToken: boolean): Promise<Headers> {
  const headers = new Headers();
  for (const each of given) {
    const source = sourceOf(each);
    const text = source === undefined ? each : Buffer.from(await readSource(source, shell)).toString();
    for (const line of text.split(/\r?\n/).filter((one) => one.trim() !== '')) addHeader(headers, line);
  }
  if (headers.has('dpop')) throw new Failure('usage', 'the DPoP header is made here and cannot be given');
  if (hasToken && headers.has('authorization'))
    throw new Failure('usage', 'Authorization is made of the token: give --no-token to send another one');
  return headers;
}

function addHeader(headers: Headers, line: string): void {
  const [, name, value = ''] = /^([^:\s]+):(.*)$/s.exec(line) ?? [];
  try {
    headers.append(String(name), value);
    if (name !== undefined) return;
  } catch {
    // Not quoted: it may hold a secret.
  }
  throw new Failure('usage', "a header must be 'Name: value' in legal characters");
}

/** Bytes of an answer that are kept for its verdict: an OAuth error is not longer. */
const maxStart = 16_384;

/** Prints an answer as it arrives. @returns how its body begins. */
async function deliver(response: Response, args: Arguments, shell: Shell, url: URL): Promise<Uint8Array> {
  const isWanted = !(args.has('fail') && response.status >= 400);
  const sink = await openSink(isWanted ? args.text('output') : undefined, shell);
  let start = Buffer.alloc(0);
  try {
    if (isWanted && args.has('include')) await sink.write(Buffer.from(headOf(response), 'latin1'));
    for await (const part of chunksOf(response, url)) {
      if (start.length < maxStart) start = Buffer.concat([start, part]);
      if (isWanted) await sink.write(part);
      else if (start.length >= maxStart) break;
    }
  } finally {
    await sink.close();
  }
  return start;
}

interface Sink {
  write(bytes: Uint8Array): Promise<void>;
  close(): Promise<void>;
}

async function openSink(path: string | undefined, shell: Shell): Promise<Sink> {
  if (path === undefined || path === '-')
    return { write: (bytes) => write(shell.stdout, bytes), close: async () => undefined };
  const cannot = (error: unknown): never => {
    throw new Failure('file', `${path} cannot be written (${codeOf(error)})`, error);
  };
  const file: FileHandle = await open(path, 'w').catch(cannot);
  return {
    write: (bytes) => file.writeFile(bytes).catch(cannot), // which goes on where the last one ended
    close: () => file.close(),
  };
}

/** HTTP/1.1 is what Node's fetch speaks. Latin-1, so that each byte is as the server sent it. */
function headOf({ status, statusText, headers }: Response): string {
  const lines = [...headers].map(([name, value]) => `${name}: ${value}\r\n`);
  return `HTTP/1.1 ${status} ${statusText}\r\n${lines.join('')}\r\n`;
}

async function* chunksOf(response: Response, url: URL): AsyncGenerator<Uint8Array> {
  const reader = response.body?.getReader();
  if (reader === undefined) return;
  try {
    for (;;) {
      const { done, value } = await reader.read().catch((error: unknown) => {
        throw toNoAnswer(error, url, 'the answer broke off');
      });
      if (done) return;
      yield value;
    }
  } finally {
    // An unread rest would hold the connection open.
    reader.cancel().catch(() => undefined);
  }
}

async function conclude(
  response: Response,
  start: Uint8Array,
  args: Arguments,
  conversation: Conversation,
): Promise<number> {
  const { status } = response;
  const error = oauthErrorOf(response, start);
  const named = error === undefined ? '' : ` (${printable(error, 60)})`;
  await conversation.tell(status < 400 ? `accepted: ${status}` : `refused: ${status}${named}`);
  const hint = hintFor(response, error);
  if (hint !== undefined) await conversation.tell(hint);
  if (!args.has('fail') || status < 400) return exitCodes.fine;
  throw new Failure('refused', `the server answered ${status}${named}`);
}
