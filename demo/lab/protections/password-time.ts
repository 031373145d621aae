import { randomBytes } from 'node:crypto';
import { CompactEncrypt, compactDecrypt } from 'jose';
import type { BankCall } from '../engine/bank-call.ts';
import { refuse } from '../engine/refusal.ts';
import { passwordHash } from '../engine/sign-in.ts';
import type { Seconds } from '../model.ts';
import type { Draft, ProtectionMaker } from '../profile.ts';

/**
 * The client sends the time with each request, encrypted under half of its password's hash. The token carries the same
 * half for the bank, encrypted under a secret of the servers. So a request has an age, and the token alone is not enough;
 * but method and address are not part of it, and whoever reads the hash makes times of his own.
 */
export const passwordTime: ProtectionMaker = (world) => {
  const serverSecret = randomBytes(16);
  return {
    claims: async ({ grant }) => {
      const { password = '' } = world.issuer.users.get(grant.user) ?? {};
      return { pwh: await seal(serverSecret, halfOf(passwordHash(password))) };
    },
    // Until the next token comes, the hash of a former password is the right one.
    received: ({ storage, password }) => {
      storage.set(storageName, passwordHash(password));
    },
    present: (draft, { storage, now }) => sendTime(draft, storage.get(storageName), now()),
    after: async (call) => {
      const sent = await readTime(call, serverSecret);
      const isNow = sent !== undefined && Math.abs(world.clock.now(call.node.id) - sent) <= tolerance;
      if (!isNow) refuse('time');
    },
    imitate: (draft, { storage }) => sendTime(draft, storage?.get(storageName), world.thief.now()),
  };
};

const storageName = 'password_hash';
const headerName = 'x-time';
const tolerance: Seconds = 30;

function halfOf(hash: string): Uint8Array {
  return Buffer.from(hash, 'base64url').subarray(0, 16);
}

async function sendTime({ headers }: Draft, hash: string | undefined, now: Seconds): Promise<void> {
  if (hash !== undefined) headers.push([headerName, await seal(halfOf(hash), Buffer.from(String(now)))]);
}

/** `undefined` where there is none, or none that the half in the token decrypts. */
async function readTime(call: BankCall, serverSecret: Uint8Array): Promise<Seconds | undefined> {
  const half = await open(serverSecret, call.claims?.['pwh']);
  const time = half === undefined ? undefined : await open(half, call.header(headerName));
  return time === undefined ? undefined : Number(Buffer.from(time).toString());
}

/** AES-GCM, in the form that JWE gives it. */
function seal(key: Uint8Array, text: Uint8Array): Promise<string> {
  return new CompactEncrypt(text).setProtectedHeader({ alg: 'dir', enc: 'A128GCM' }).encrypt(key);
}

async function open(key: Uint8Array, sealed: unknown): Promise<Uint8Array | undefined> {
  const options = { keyManagementAlgorithms: ['dir'], contentEncryptionAlgorithms: ['A128GCM'] };
  try {
    return (await compactDecrypt(String(sealed), key, options)).plaintext;
  } catch {
    return undefined;
  }
}
