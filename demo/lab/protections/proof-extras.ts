import { createHash } from 'node:crypto';
import type { DpopKey } from 'holdfast/client';
import type { DpopState } from 'holdfast/koa';
import { calculateJwkThumbprint, decodeJwt, decodeProtectedHeader, SignJWT } from 'jose';
import type { BankCall } from '../engine/bank-call.ts';
import { refuse } from '../engine/refusal.ts';
import type { Seconds } from '../model.ts';
import type { Draft, ProtectionMaker } from '../profile.ts';

/** What a server can ask of a proof beyond what the library does. */

/** The client's date counts beside the nonce. The library looks at the better of the two alone, which is the nonce. */
export const dateBesideNonce: ProtectionMaker = (world) => ({
  before: ({ node, header }) => {
    const { iat, nonce } = readClaims(header('dpop'));
    const { dpop } = world.profile.settings;
    if (dpop === undefined || iat === undefined || nonce === undefined) return;
    const now = world.clock.now(node.id);
    if (iat < now - dpop.maxAge || iat > now + dpop.futureSkew)
      refuse('iat', 401, { error: 'invalid_dpop_proof' });
  },
});

/**
 * The proof covers the body: by one more claim, `content_digest`, as RFC 9449 section 11.7 leaves servers free to ask
 * for. The SDK has no such claim, so the client signs its proof once more, with the same key.
 */
export const bodyDigest: ProtectionMaker = (world) => ({
  present: async (draft, customer) => {
    const { keyPair } = customer === world.mallory ? world.mallory : world.alice;
    if (keyPair !== undefined) await coverBody(draft, keyPair);
  },
  imitate: async (draft, loot) => coverBody(draft, loot.key ?? (await world.thief.key())),
  after: (call) => {
    const { body } = call.exchange;
    const claimed = proofClaims(call)['content_digest'];
    if (isEmpty(body) && claimed === undefined) return;
    if (claimed !== digestOf(body ?? '')) refuse('body', 401, { error: 'invalid_dpop_proof' });
  },
});

function readClaims(proof: string | undefined): { readonly iat?: Seconds; readonly nonce?: unknown } {
  try {
    return decodeJwt(proof ?? '');
  } catch {
    return {};
  }
}

function proofClaims({ ctx }: BankCall): Readonly<Record<string, unknown>> {
  return (ctx.state as DpopState).dpop?.proof?.claims ?? {};
}

/** Where there is a body; a proof of another key, made ahead for instance, stays as it is. */
async function coverBody(draft: Draft, key: DpopKey): Promise<void> {
  const index = draft.headers.findIndex(([name]) => name.toLowerCase() === 'dpop');
  const proof = draft.headers[index]?.[1];
  if (proof === undefined || isEmpty(draft.body) || !('privateKey' in key)) return;
  if (!(await isSignedBy(proof, key))) return;
  const claims = { ...decodeJwt(proof), content_digest: digestOf(draft.body ?? '') };
  const header = { ...decodeProtectedHeader(proof), alg: key.algorithm };
  draft.headers[index] = ['dpop', await new SignJWT(claims).setProtectedHeader(header).sign(key.privateKey)];
}

async function isSignedBy(proof: string, { jkt }: DpopKey): Promise<boolean> {
  const { jwk } = decodeProtectedHeader(proof);
  return jwk !== undefined && (await calculateJwkThumbprint(jwk)) === jkt;
}

function isEmpty(body: string | null): boolean {
  return body === null || body === '';
}

/** As in a `Content-Digest` header (RFC 9530). */
function digestOf(body: string): string {
  return `sha-256=:${createHash('sha256').update(body).digest('base64')}:`;
}
