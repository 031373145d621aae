import { randomBytes, scrypt, timingSafeEqual } from 'node:crypto';

/** The people who can sign in: `alice` and `bob`, each with the own name as password. */

export interface Users {
  /**
   * Whether this is the user's password. An unknown user costs the same time.
   *
   * @throws BusyError when too many ask at once.
   */
  verify(name: string, password: string): Promise<boolean>;
}

/** More sign-ins at once than can be worked off. */
export class BusyError extends Error {
  override readonly name: string = 'BusyError';
}

interface PasswordHash {
  readonly salt: Buffer;
  readonly key: Buffer;
}

const names = ['alice', 'bob'];

export function createUsers(): Users {
  return new HashedUsers();
}

class HashedUsers implements Users {
  readonly #queue = new ShortQueue();
  /** Made when the first one signs in: a demo without sign-ins starts faster. */
  #hashes: Promise<ReadonlyMap<string, PasswordHash>> | undefined;

  async verify(name: string, password: string): Promise<boolean> {
    return this.#queue.run(async () => {
      this.#hashes ??= hashAll();
      const hashes = await this.#hashes;
      const known = hashes.get(name);
      const { salt, key } = known ?? nobody;
      const same = timingSafeEqual(await derive(password, salt), key);
      return same && known !== undefined;
    });
  }
}

/** Takes the place of users who do not exist: no password has this hash. */
const nobody: PasswordHash = { salt: randomBytes(16), key: randomBytes(32) };

async function hashAll(): Promise<ReadonlyMap<string, PasswordHash>> {
  return new Map(await Promise.all(names.map(async (name) => [name, await hash(name)] as const)));
}

async function hash(password: string): Promise<PasswordHash> {
  const salt = randomBytes(16);
  return { salt, key: await derive(password, salt) };
}

/** 32 MB and about 80 milliseconds each. */
const cost = { N: 2 ** 15, r: 8, p: 1, maxmem: 64 * 2 ** 20 };

function derive(password: string, salt: Buffer): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    scrypt(password, salt, 32, cost, (error, key) => (error === null ? resolve(key) : reject(error)));
  });
}

const maxRunning = 2;
const maxWaiting = 16;

/** Hashing is slow on purpose: more at once would take the threads and the memory that everything else needs. */
class ShortQueue {
  #running = 0;
  readonly #waiting: (() => void)[] = [];

  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.#running < maxRunning) this.#running += 1;
    else await this.#wait();
    try {
      return await work();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#running -= 1;
      else next(); // takes our place
    }
  }

  #wait(): Promise<void> {
    if (this.#waiting.length >= maxWaiting) throw new BusyError('too many sign-ins at once');
    return new Promise((resolve) => this.#waiting.push(resolve));
  }
}
