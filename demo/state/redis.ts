import { Redis } from 'ioredis';

/** The demo's connection to Redis: it fails fast, comes back by itself, and never takes the process down. */

export interface RedisConnection {
  readonly client: Redis;
  /** What went wrong last, while there is no connection. */
  readonly trouble: () => string | undefined;
  /** From now on tells what goes wrong, once a second at most. */
  readonly watch: (tell: (line: string) => void) => void;
  readonly close: () => void;
}

/** For people: what a URL says beside the place (user, password) stays out of it. */
export function placeOf(url: string): string {
  const { protocol, host } = new URL(url);
  return `${protocol}//${host}`;
}

/** Milliseconds. A request waits for none of these: the store has its own deadline. */
const reconnectAfter = 100;
const connectTimeout = 500;
const silenceTimeout = 500;

/** Resolves once the first attempt to connect has ended, whichever way; the connection goes on trying by itself. */
export async function connectRedis(url: string): Promise<RedisConnection> {
  const client = new Redis(url, {
    lazyConnect: true,
    enableOfflineQueue: false, // a command that waits for a connection would be of no use to its request
    autoResendUnfulfilledCommands: false, // nor would one that is sent again
    maxRetriesPerRequest: 0,
    retryStrategy: () => reconnectAfter,
    connectTimeout,
    disconnectTimeout: connectTimeout,
    socketTimeout: silenceTimeout, // a peer that is gone without a word is noticed, and left
  });
  let trouble: string | undefined;
  let tell: (line: string) => void = () => undefined;
  client.on('ready', () => {
    trouble = undefined;
  });
  client.on('error', (error: NodeJS.ErrnoException) => {
    trouble = error.message || error.code || error.name; // several addresses at once come without a message
    tell(`Redis at ${placeOf(url)}: ${trouble}`);
  });
  client.on('close', () => tell(`Redis at ${placeOf(url)}: ${trouble ?? 'the connection is lost'}`));
  await client.connect().catch(() => undefined); // told by the event
  return {
    client,
    trouble: () => (client.status === 'ready' ? undefined : (trouble ?? 'it does not answer')),
    watch: (listener) => {
      tell = onceASecond(listener);
    },
    close: () => {
      tell = () => undefined;
      client.disconnect();
    },
  };
}

function onceASecond(tell: (line: string) => void): (line: string) => void {
  let toldAt = Number.NEGATIVE_INFINITY;
  return (line) => {
    if (performance.now() < toldAt + 1000) return;
    toldAt = performance.now();
    tell(line);
  };
}
