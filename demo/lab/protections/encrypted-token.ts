import { randomBytes } from 'node:crypto';
import { CompactEncrypt, compactDecrypt } from 'jose';
import type { BankCall } from '../engine/bank-call.ts';
import { refuse } from '../engine/refusal.ts';
import type { ProtectionMaker } from '../profile.ts';

/** The signed token inside an encrypted one (JWE): who carries it cannot read it, and need not be able to. */
export const encryptedToken: ProtectionMaker = () => {
  const key = randomBytes(32);
  return {
    wrap: (token) =>
      new CompactEncrypt(new TextEncoder().encode(token))
        .setProtectedHeader({ alg: 'dir', enc: 'A256GCM', cty: 'at+jwt' })
        .encrypt(key),
    before: (call) => decrypt(call, key),
  };
};

/** What is not encrypted for the bank is not looked at, however well it is signed. */
async function decrypt(call: BankCall, key: Uint8Array): Promise<void> {
  const [scheme, token] = call.header('authorization')?.split(' ') ?? [];
  if (token === undefined) return;
  const options = { keyManagementAlgorithms: ['dir'], contentEncryptionAlgorithms: ['A256GCM'] };
  const opened = await compactDecrypt(token, key, options).catch(() => refuse('enc'));
  call.setHeader('authorization', `${scheme} ${new TextDecoder().decode(opened.plaintext)}`);
}
