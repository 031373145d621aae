import type { JsonObject, RecordStore } from 'holdfast';
import type { Context } from 'koa';
import { type Cookies, createSecret, hashSecret } from './cookies.ts';

/** Who is signed in with which browser. The browser has a random secret, the records have its hash. */

export interface Session {
  /** The cookie's value: forms are bound to it. */
  readonly secret: string;
  readonly subject: string;
  /** Seconds since the epoch. */
  readonly authTime: number;
  /** The authorization request that this sign-in was for: it asks for no other one. */
  readonly signedInFor: string;
}

export interface Sessions {
  find(ctx: Context): Promise<Session | undefined>;
  /** Begins a new session in the place of the browser's former one: an old secret, known to others, is worth nothing. */
  begin(ctx: Context, subject: string, signedInFor: string): Promise<void>;
  end(ctx: Context): Promise<void>;
  /** Ends this subject's sessions in all browsers. */
  endAll(subject: string): Promise<void>;
}

const life = 8 * 3600; // seconds, however much it is used
const cookie = 'session';
const maxAttempts = 10;

export function createSessions(records: RecordStore, cookies: Cookies): Sessions {
  return new RecordedSessions(records, cookies);
}

class RecordedSessions implements Sessions {
  readonly #records: RecordStore;
  readonly #cookies: Cookies;

  constructor(records: RecordStore, cookies: Cookies) {
    this.#records = records;
    this.#cookies = cookies;
  }

  async find(ctx: Context): Promise<Session | undefined> {
    const secret = this.#cookies.read(ctx, cookie);
    const record = secret === undefined ? undefined : await this.#records.read(toKey(secret));
    if (secret === undefined || record === undefined || !(now() < record.until)) return undefined;
    const session = { ...(record.value as unknown as Omit<Session, 'secret'>), secret };
    const ended = await this.#records.read(endKey(session.subject));
    const alive = ended === undefined || session.authTime > (ended.value['before'] as number);
    return alive ? session : undefined;
  }

  async begin(ctx: Context, subject: string, signedInFor: string): Promise<void> {
    const secret = createSecret();
    const authTime = now();
    const value = { subject, authTime, signedInFor };
    if (!(await this.#records.insert(toKey(secret), value, authTime + life)))
      throw new Error('a session of this name exists');
    await this.#forget(ctx);
    this.#cookies.set(ctx, cookie, secret, life);
  }

  async end(ctx: Context): Promise<void> {
    await this.#forget(ctx);
    this.#cookies.clear(ctx, cookie);
  }

  async endAll(subject: string): Promise<void> {
    const key = endKey(subject);
    for (let attempt = 0; attempt < maxAttempts; attempt++) {
      const before = now();
      const value: JsonObject = { before };
      const known = await this.#records.read(key);
      const done =
        known === undefined
          ? await this.#records.insert(key, value, before + life)
          : await this.#records.replace(key, known, value, before + life);
      if (done) return;
    }
    throw new Error('the sessions could not be ended');
  }

  async #forget(ctx: Context): Promise<void> {
    const secret = this.#cookies.read(ctx, cookie);
    const record = secret === undefined ? undefined : await this.#records.read(toKey(secret));
    if (secret !== undefined && record !== undefined)
      await this.#records.replace(toKey(secret), record, undefined);
  }
}

function now(): number {
  return Date.now() / 1000;
}

function toKey(secret: string): string {
  return `session ${hashSecret(secret)}`;
}

function endKey(subject: string): string {
  return `sessions-ended ${subject}`;
}
