import { LRUCache } from 'lru-cache';
import { decodeBase64url, encodeBase64url, isCanonicalBase64url, utf8 } from './digest.ts';
import type { Memory, ProofTime, Seconds } from './freshness.ts';
import { refuseOption, requireOptions } from './options.ts';

/**
 * Server nonces without server state (RFC 9449 sections 8 and 9): a time and its HMAC.
 *
 * The HMAC covers a scope, so that a nonce of the authorization server is none of the resource server's, and the id of
 * the replay memory, so that nonces of a memory that was lost are challenged.
 */
export interface Nonces {
  /**
   * The nonce to hand out now: always above the memory's floor, otherwise the same one for up to a second.
   *
   * @param scope which server hands it out, for instance its public origin.
   */
  issue(scope: string, memory: Memory): Promise<string>;
  /** When a nonce was issued, if it is one of ours for this scope and memory. Its age is not judged here. */
  read(scope: string, nonce: string, memory: Memory): Promise<ProofTime | undefined>;
}

/** Options of `createNonces`. */
export interface NoncesOptions {
  /** 32 random bytes, the same on every node that shares a replay store; default: fresh ones for this process. */
  readonly secret?: Uint8Array;
  /** The secret before this one, still accepted, for a roll-over without refusals. */
  readonly previousSecret?: Uint8Array;
}

/**
 * Makes the nonces of one or several servers.
 *
 * @throws TypeError when a secret is not exactly 32 bytes.
 */
export function createNonces(options: NoncesOptions = {}): Nonces {
  requireOptions(options, ['secret', 'previousSecret']);
  const { secret: given = crypto.getRandomValues(new Uint8Array(32)) } = options;
  const secret = requireSecret('secret', given);
  if (options.previousSecret === undefined) return new HmacNonces([secret]);
  return new HmacNonces([secret, requireSecret('previousSecret', options.previousSecret)]);
}

/** A copy: a caller that wipes or reuses its buffer must not change ours. */
function requireSecret(name: string, value: unknown): Uint8Array<ArrayBuffer> {
  return value instanceof Uint8Array && value.length === 32
    ? new Uint8Array(value)
    : refuseOption(name, 'a Uint8Array of 32 random bytes');
}

const timeBytes = 6; // milliseconds: enough until the year 10889
const nonceLength = 51; // base64url of the time and a whole SHA-256 tag
const mintEvery: Seconds = 1;
const hmac = { name: 'HMAC', hash: 'SHA-256' } as const;

interface IssuedNonce {
  readonly text: string;
  readonly memory: string;
  readonly at: Seconds;
}

class HmacNonces implements Nonces {
  readonly #keys: Promise<readonly [CryptoKey, ...CryptoKey[]]>;
  /** The nonce being handed out, per scope. */
  readonly #latest = new LRUCache<string, IssuedNonce>({ max: 1000 });
  /** Nonces whose tag has been checked: many requests carry the same one. Only our own get in. */
  readonly #known = new LRUCache<string, Seconds>({ max: 1000 });

  constructor(secrets: readonly [Uint8Array<ArrayBuffer>, ...Uint8Array<ArrayBuffer>[]]) {
    const [current, ...previous] = secrets.map((secret) =>
      crypto.subtle.importKey('raw', secret, hmac, false, ['sign', 'verify']),
    ) as [Promise<CryptoKey>, ...Promise<CryptoKey>[]];
    this.#keys = Promise.all([current, ...previous]);
  }

  async issue(scope: string, memory: Memory): Promise<string> {
    const latest = this.#latest.get(scope);
    if (
      latest?.memory === memory.id &&
      latest.at > memory.floor.nonce &&
      memory.now < latest.at + mintEvery
    ) {
      return latest.text;
    }
    const milliseconds = Math.max(Math.floor(memory.now * 1000), Math.round(memory.floor.nonce * 1000) + 1);
    const text = await this.#mint(scope, memory.id, milliseconds);
    this.#latest.set(scope, { text, memory: memory.id, at: milliseconds / 1000 });
    return text;
  }

  async read(scope: string, nonce: string, memory: Memory): Promise<ProofTime | undefined> {
    if (nonce.length !== nonceLength || !isCanonicalBase64url(nonce)) return undefined;
    const name = JSON.stringify([scope, memory.id, nonce]);
    const at = this.#known.get(name) ?? (await this.#authenticate(scope, memory.id, nonce));
    if (at === undefined) return undefined;
    this.#known.set(name, at);
    return { axis: 'nonce', at };
  }

  async #mint(scope: string, memory: string, milliseconds: number): Promise<string> {
    const [key] = await this.#keys;
    const tag = await crypto.subtle.sign('HMAC', key, covered(scope, memory, milliseconds)); // [R9449-8-03]
    const bytes = new Uint8Array(timeBytes + tag.byteLength);
    new DataView(bytes.buffer).setUint16(0, Math.floor(milliseconds / 2 ** 32));
    new DataView(bytes.buffer).setUint32(2, milliseconds % 2 ** 32);
    bytes.set(new Uint8Array(tag), timeBytes);
    return encodeBase64url(bytes); // [R9449-8.1-01]
  }

  /** The whole tag goes to WebCrypto, which compares in constant time; that is worth the longer nonce. */
  async #authenticate(scope: string, memory: string, nonce: string): Promise<Seconds | undefined> {
    const bytes = decodeBase64url(nonce);
    const view = new DataView(bytes.buffer);
    const milliseconds = view.getUint16(0) * 2 ** 32 + view.getUint32(2);
    for (const key of await this.#keys) {
      const tag = bytes.subarray(timeBytes);
      if (await crypto.subtle.verify('HMAC', key, tag, covered(scope, memory, milliseconds))) {
        return milliseconds / 1000;
      }
    }
    return undefined;
  }
}

/** JSON keeps the parts apart, whatever they hold. */
function covered(scope: string, memory: string, milliseconds: number): Uint8Array<ArrayBuffer> {
  return utf8(JSON.stringify(['holdfast-nonce-1', scope, memory, milliseconds]));
}

/**
 * The keys that were told to use nonces and must keep doing so (RFC 9449 section 11.3), for as long as the nonce lives.
 *
 * Bounded like everything that strangers can fill; when it has to forget a key, every key must use nonces until that
 * one's time is over.
 */
export class ChallengedKeys {
  #everyoneUntil: Seconds = Number.NEGATIVE_INFINITY;
  readonly #until: LRUCache<string, Seconds>;

  constructor(max: number) {
    this.#until = new LRUCache({
      ttl: 0, // said outright: a polluted Object.prototype could make it forget before its time
      max,
      dispose: (until, _jkt, reason) => {
        if (reason === 'evict') this.#everyoneUntil = Math.max(this.#everyoneUntil, until);
      },
    });
  }

  add(jkt: string, until: Seconds): void {
    this.#until.set(jkt, until, { ttl: 0 });
  }

  has(jkt: string, now: Seconds): boolean {
    return !(now > Math.max(this.#everyoneUntil, this.#until.peek(jkt) ?? Number.NEGATIVE_INFINITY));
  }
}
