import { createServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import type Koa from 'koa';
import { type DemoConfig, readConfig } from '../../demo/config.ts';
import { type DemoServers, startServers } from '../../demo/servers.ts';
import { createDpopFetch, createProof, type DpopKeyPair, generateKeyPair } from '../../src/client/index.ts';
import { createGrants, type Decision, type Grants } from '../../src/index.ts';

/** The demo on free ports, what it logs and decides, and requests to vary. It runs by the system's clock. */

export interface Demo extends DemoServers {
  readonly config: DemoConfig;
  readonly tokenUrl: string;
  readonly notesUrl: string;
  /** The request log, so far. */
  readonly lines: string[];
  readonly decisions: Decision[];
  /** The authorization server's, to begin with a code where no page is to be seen. */
  readonly grants: Grants;
}

type Environment = Readonly<Record<string, string>>;

export async function startDemo(environment: Environment = {}): Promise<Demo> {
  const small = { AS_PORT: '0', RS_PORT: '0', REPLAY_CAPACITY: '1000' }; // a large memory takes time to set up
  const config = readConfig({ ...small, ...environment });
  const lines: string[] = [];
  const decisions: Decision[] = [];
  const servers = await startServers(config, {
    log: (line) => lines.push(line),
    decided: (decision) => decisions.push(decision),
  });
  const { records, revocations } = servers.state;
  const grants = createGrants({ issuer: servers.authorizationOrigin, records, revocations });
  const tokenUrl = `${servers.authorizationOrigin}/token`;
  const notesUrl = `${servers.resourceOrigin}/api/notes`;
  return { ...servers, config, tokenUrl, notesUrl, lines, decisions, grants };
}

/** A test with a demo of its own. */
export function withDemo(
  run: (demo: Demo) => Promise<void>,
  environment: Environment = {},
): () => Promise<void> {
  return async () => {
    const demo = await startDemo(environment);
    try {
      await run(demo);
    } finally {
      await demo.close();
    }
  };
}

/** Runs with the system's clock ahead: servers of this process are past the first seconds, in which they trust none. */
export async function later<T>(seconds: number, run: () => Promise<T>): Promise<T> {
  const { now } = Date;
  Date.now = () => now() + seconds * 1000;
  try {
    return await run();
  } finally {
    Date.now = now;
  }
}

/** Any app, on a free port. */
export async function serveApp(
  build: (origin: string) => Koa,
): Promise<{ readonly origin: string; readonly close: () => Promise<void> }> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  server.on('request', build(origin).callback());
  const close = async (): Promise<void> => {
    const closed = new Promise((resolve) => server.close(resolve));
    server.closeAllConnections();
    await closed;
  };
  return { origin, close };
}

/** What a test may change about a valid token request; everything else stays valid. */
export interface TokenChanges {
  /** Parameters to set, or to leave out where `undefined`. */
  readonly form?: Readonly<Record<string, string | undefined>> | undefined;
  /** The whole body, instead of the form. */
  readonly body?: BodyInit;
  readonly headers?: Readonly<Record<string, string>>;
  readonly keyPair?: DpopKeyPair;
  /** `null`: none at all. */
  readonly proof?: string | null;
}

export async function requestToken(demo: Demo, changes: TokenChanges = {}): Promise<Response> {
  const { keyPair = await generateKeyPair(), proof = await createTokenProof(demo, keyPair) } = changes;
  const contentType = { 'content-type': 'application/x-www-form-urlencoded' };
  const dpop = proof === null ? {} : { dpop: proof };
  return fetch(demo.tokenUrl, {
    method: 'POST',
    headers: { ...contentType, ...dpop, ...changes.headers },
    body: changes.body ?? toForm(demo, changes.form),
  });
}

/** The valid form, with `client_secret_post`, changed. */
export function toForm({ config }: Demo, changes: TokenChanges['form'] = {}): URLSearchParams {
  const form: Record<string, string | undefined> = {
    grant_type: 'client_credentials',
    client_id: 'demo-service',
    client_secret: config.clientSecret,
    ...changes,
  };
  const given = Object.entries(form).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return new URLSearchParams(given);
}

/** A proof for the token endpoint, with a nonce: a server that has just begun accepts no other. */
export async function createTokenProof(demo: Demo, keyPair: DpopKeyPair): Promise<string> {
  const nonce = await fetchTokenNonce(demo);
  return createProof(keyPair, { method: 'POST', url: demo.tokenUrl, nonce });
}

/** What a challenge brings. The proof is old, so that it is challenged at any time. */
export async function fetchTokenNonce(demo: Demo): Promise<string> {
  const proof = await createProof(await generateKeyPair(), {
    method: 'POST',
    url: demo.tokenUrl,
    now: Date.now() / 1000 - 300,
  });
  const challenge = await requestToken(demo, { proof });
  const nonce = challenge.headers.get('dpop-nonce');
  if (nonce === null) throw new Error(`no nonce: status ${challenge.status}`);
  return nonce;
}

/** A client with a token, and a `fetch` that signs for the resource server. */
export interface DemoClient {
  readonly keyPair: DpopKeyPair;
  readonly token: string;
  readonly fetch: typeof fetch;
}

export async function createClient(demo: Demo, scope?: string): Promise<DemoClient> {
  const keyPair = await generateKeyPair();
  const response = await requestToken(demo, { keyPair, form: { scope } });
  const { access_token: token } = (await response.json()) as { access_token: string };
  const signed = createDpopFetch({ keyPair, origins: demo.resourceOrigin, accessToken: token });
  return { keyPair, token, fetch: signed };
}

/**
 * Sends bytes as they are (Latin-1) and answers with all that comes back until the server ends the connection, or until
 * `enough` says so.
 */
export function sendRaw(
  origin: string,
  text: string,
  enough: (answer: string) => boolean = () => false,
): Promise<string> {
  const { hostname, port } = new URL(origin);
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), hostname);
    let answer = '';
    socket.setEncoding('latin1');
    socket.on('data', (part) => {
      answer += part;
      if (enough(answer)) socket.destroy();
    });
    socket.on('close', () => resolve(answer));
    socket.on('error', reject);
    socket.write(text, 'latin1');
  });
}

/** The reason of the request that was logged last. */
export function lastReason({ lines }: Pick<Demo, 'lines'>): string | undefined {
  return lines.at(-1)?.split(' ')[6];
}

/** The status codes of the answers in a raw answer. */
export function statusesOf(answer: string): number[] {
  return [...answer.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, status]) => Number(status));
}
