import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import {
  type AddressInfo,
  connect as connectTcp,
  createServer as createTcpServer,
  type Socket,
} from 'node:net';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { Agent, type buildConnector } from 'undici';
import type { HeaderLine, PartyId } from '../model.ts';
import { type Certificate, createCertificate } from './certificates.ts';

/** Real sockets on loopback among the parties of the lab. Open once, used by one world after another. */

/** Parties that listen. `tap` is the eavesdropper's place on the wire: it passes bytes on to bank A and keeps a copy. */
export type ServerId = 'issuer' | 'bank-a' | 'bank-b' | 'mail' | 'proxy';
export type Scheme = 'http' | 'https';

const servers: readonly ServerId[] = ['issuer', 'bank-a', 'bank-b', 'mail', 'proxy'];

/** What answers at one of the servers. */
export type Handler = (request: IncomingMessage, response: ServerResponse) => unknown;

/** Who sends, and from where. */
export interface Sender {
  readonly party: PartyId;
  /** The local address that the socket is bound to, which is what the server sees. */
  readonly address: string;
  /** Shown where the server asks for one (mutual TLS). */
  readonly certificate?: Certificate | undefined;
}

export interface OutgoingMessage {
  readonly method: string;
  readonly path: string;
  readonly headers: readonly HeaderLine[];
  readonly body: string | null;
}

export interface IncomingAnswer {
  readonly status: number;
  readonly headers: readonly HeaderLine[];
  readonly body: string;
}

export interface Network {
  readonly certificates: {
    readonly server: Certificate;
    readonly alice: Certificate;
    readonly thief: Certificate;
  };
  /** From now on the servers answer with these. */
  serve(handlers: Readonly<Record<ServerId, Handler>>): void;
  /** @param port of another process that answers in the place of the server. */
  send(
    from: Sender,
    to: ServerId | 'tap',
    scheme: Scheme,
    message: OutgoingMessage,
    port?: number,
  ): Promise<IncomingAnswer>;
  /** Where a server really listens, for those who connect by themselves. */
  urlOf(server: ServerId, scheme: Scheme): string;
  /** Who opened the connection that a request came in on. */
  senderOf(request: IncomingMessage): PartyId | undefined;
  senderAt(address: string, port: number): PartyId | undefined;
  portOf(server: ServerId | 'tap', scheme: Scheme): number;
  /** What went through the tap since this was last asked. */
  takeTapped(): Buffer;
  close(): Promise<void>;
}

/** No request may take longer: a world that hangs is a broken one. */
const deadline = 4000; // milliseconds

export async function openNetwork(): Promise<Network> {
  const network = new LoopbackNetwork(
    await createCertificate('holdfast lab', ['issuer.example', 'bank.example', 'mail.example']),
    await createCertificate('alice', ['alice.example']),
    await createCertificate('thief', ['thief.example']),
  );
  await network.open();
  return network;
}

class LoopbackNetwork implements Network {
  readonly certificates: Network['certificates'];
  readonly #listeners: {
    readonly server: Server | ReturnType<typeof createTcpServer>;
    readonly name: string;
  }[] = [];
  readonly #ports = new Map<string, number>();
  readonly #agents = new Map<string, Agent>();
  readonly #senders = new Map<string, PartyId>();
  #handlers: Readonly<Record<ServerId, Handler>> | undefined;
  #tapped: Buffer[] = [];

  constructor(server: Certificate, alice: Certificate, thief: Certificate) {
    this.certificates = { server, alice, thief };
  }

  async open(): Promise<void> {
    const { server, alice, thief } = this.certificates;
    const tls = {
      cert: server.cert,
      key: server.key,
      ca: [alice.cert, thief.cert],
      requestCert: true,
      rejectUnauthorized: false,
    };
    for (const id of servers) {
      const handle: Handler = (request, response) => this.#handle(id, request, response);
      await this.#listen(`http ${id}`, createServer(handle));
      await this.#listen(`https ${id}`, createTlsServer(tls, handle) as unknown as Server);
    }
    for (const scheme of ['http', 'https'] as const)
      await this.#listen(
        `${scheme} tap`,
        createTcpServer((socket) => this.#tap(socket, scheme)),
      );
  }

  serve(handlers: Readonly<Record<ServerId, Handler>>): void {
    this.#handlers = handlers;
    this.#tapped = [];
  }

  async send(
    from: Sender,
    to: ServerId | 'tap',
    scheme: Scheme,
    message: OutgoingMessage,
    port: number = this.portOf(to, scheme),
  ): Promise<IncomingAnswer> {
    const { statusCode, headers, body } = await this.#agentOf(from, scheme, port).request({
      origin: `${scheme}://127.0.0.1`,
      method: message.method as 'GET',
      path: message.path,
      headers: message.headers.flat(),
      body: message.body,
      responseHeaders: 'raw',
    } as Parameters<Agent['request']>[0]);
    return { status: statusCode, headers: toLines(headers), body: await body.text() };
  }

  senderOf({ socket }: IncomingMessage): PartyId | undefined {
    return this.senderAt(socket.remoteAddress ?? '', socket.remotePort ?? 0);
  }

  senderAt(address: string, port: number): PartyId | undefined {
    return this.#senders.get(`${address}:${port}`);
  }

  portOf(server: ServerId | 'tap', scheme: Scheme): number {
    return this.#ports.get(`${scheme} ${server}`) as number;
  }

  urlOf(server: ServerId, scheme: Scheme): string {
    return `${scheme}://127.0.0.1:${this.portOf(server, scheme)}`;
  }

  takeTapped(): Buffer {
    const tapped = Buffer.concat(this.#tapped);
    this.#tapped = [];
    return tapped;
  }

  async close(): Promise<void> {
    await Promise.all([...this.#agents.values()].map((agent) => agent.destroy()));
    await Promise.all(
      this.#listeners.map(async ({ server }) => {
        if ('closeAllConnections' in server) server.closeAllConnections();
        server.close();
        await once(server, 'close');
      }),
    );
  }

  async #listen(name: string, server: Server | ReturnType<typeof createTcpServer>): Promise<void> {
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    this.#ports.set(name, (server.address() as AddressInfo).port);
    this.#listeners.push({ server, name });
  }

  #handle(id: ServerId, request: IncomingMessage, response: ServerResponse): void {
    if (this.#handlers === undefined) response.writeHead(503).end();
    else this.#handlers[id](request, response);
  }

  /** One agent for each way: connections are kept, so that a world costs no handshakes. */
  #agentOf(from: Sender, scheme: Scheme, port: number): Agent {
    const name = `${from.party} ${from.address} ${from.certificate?.thumbprint} ${scheme} ${port}`;
    const known = this.#agents.get(name);
    if (known !== undefined) return known;
    const agent = new Agent({
      headersTimeout: deadline,
      bodyTimeout: deadline,
      keepAliveTimeout: 60_000,
      connect: (_options, callback) => this.#connect(from, scheme, port, callback),
    });
    this.#agents.set(name, agent);
    return agent;
  }

  #connect(from: Sender, scheme: Scheme, port: number, callback: buildConnector.Callback): void {
    const target = {
      host: '127.0.0.1',
      port,
      localAddress: from.address,
    };
    const { server } = this.certificates;
    const socket: Socket | TLSSocket =
      scheme === 'http'
        ? connectTcp(target)
        : connectTls({
            ...target,
            servername: 'bank.example',
            ca: server.cert,
            cert: from.certificate?.cert,
            key: from.certificate?.key,
          });
    socket.setNoDelay(true);
    socket.once('error', (error) => callback(error, null as never));
    socket.once(scheme === 'http' ? 'connect' : 'secureConnect', () => {
      const name = `${socket.localAddress}:${socket.localPort}`;
      this.#senders.set(name, from.party);
      socket.once('close', () => this.#senders.delete(name));
      callback(null, socket);
    });
  }

  /** Bytes go on as they came, in both directions; those of the client are kept. */
  #tap(socket: Socket, scheme: Scheme): void {
    const onward = connectTcp({
      host: '127.0.0.1',
      port: this.#ports.get(`${scheme} bank-a`) as number,
      localAddress: socket.remoteAddress,
    });
    onward.once('connect', () => {
      const sender = this.#senders.get(`${socket.remoteAddress}:${socket.remotePort}`) ?? 'alice';
      this.#senders.set(`${onward.localAddress}:${onward.localPort}`, sender);
    });
    socket.on('data', (bytes) => this.#tapped.push(bytes));
    socket.pipe(onward).pipe(socket);
    for (const end of [socket, onward])
      end.on('error', () => [socket, onward].forEach((each) => void each.destroy()));
  }
}

function toLines(raw: unknown): readonly HeaderLine[] {
  const flat = (Array.isArray(raw) ? raw : Object.entries(raw as object).flat()).map(String);
  return flat.flatMap((name, index) => (index % 2 === 0 ? [[name, flat[index + 1] ?? ''] as const] : []));
}
