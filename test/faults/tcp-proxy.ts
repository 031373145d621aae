import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

/** A network path to a server, that can be broken in the ways networks break. */
export class TcpProxy {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #held = new Set<() => void>();
  #target: number;
  #mode: 'open' | 'held' | 'black-hole' = 'open';
  #delay = 0;

  constructor(target: number) {
    this.#target = target;
    this.#server = createServer((client) => this.#join(client));
  }

  async start(): Promise<this> {
    await once(this.#server.listen(0, '127.0.0.1'), 'listening');
    return this;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Nothing comes through any more, in either direction, until `open`: then everything does, late. */
  hold(): void {
    this.#mode = 'held';
  }

  /** What is sent vanishes; new connections are taken and never answered. */
  blackHole(): void {
    this.#mode = 'black-hole';
  }

  /** Replies take this much longer. */
  delayReplies(milliseconds: number): void {
    this.#delay = milliseconds;
  }

  /** Works again, and lets through what it holds. */
  open(): void {
    this.#mode = 'open';
    this.#delay = 0;
    const held = [...this.#held];
    this.#held.clear();
    for (const release of held) release();
  }

  /** Ends all connections, as a network does that forgot them. */
  reset(): void {
    this.#held.clear();
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }

  /** New connections lead to another server. */
  redirect(target: number): void {
    this.#target = target;
  }

  async close(): Promise<void> {
    this.reset();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #join(client: Socket): void {
    const server = connect(this.#target, '127.0.0.1');
    for (const [socket, other] of [
      [client, server],
      [server, client],
    ] as const) {
      this.#sockets.add(socket);
      socket.setNoDelay(true);
      socket.on('error', () => undefined); // always followed by close
      socket.on('close', () => {
        this.#sockets.delete(socket);
        other.destroy();
      });
    }
    client.on('data', (chunk) => this.#pass(chunk, server, 0));
    server.on('data', (chunk) => this.#pass(chunk, client, this.#delay));
  }

  #pass(chunk: Buffer, to: Socket, delay: number): void {
    if (this.#mode === 'black-hole') return;
    const write = (): void => {
      if (to.writable) to.write(chunk);
    };
    if (this.#mode === 'open' && delay === 0) {
      write();
      return;
    }
    this.#held.add(write);
    if (this.#mode === 'held') return;
    setTimeout(() => {
      if (this.#held.delete(write)) write();
    }, delay).unref();
  }
}
