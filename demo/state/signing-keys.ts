import { createSigningKey, type JsonObject, type RecordStore, type SigningKey } from 'holdfast';

/** The issuer's keys: made once, kept with everything else, so that tokens are good beyond a restart. */

export interface SigningKeys {
  readonly signingKey: SigningKey;
  readonly nextKey: SigningKey;
}

const recordKey = 'signing-keys';
const forever = 253_402_300_799; // the end of the year 9999

/** Of several processes that start at once, all get the keys of the one that was first. */
export async function loadSigningKeys(records: RecordStore): Promise<SigningKeys> {
  let kept = await records.read(recordKey);
  if (kept === undefined) {
    await records.insert(recordKey, await createKeys(), forever);
    kept = await records.read(recordKey);
  }
  const { signing, next } = (kept?.value ?? {}) as Partial<Record<string, JsonWebKey>>;
  if (signing === undefined || next === undefined) throw new Error('the signing keys could not be kept');
  return { signingKey: await createSigningKey({ ...signing }), nextKey: await createSigningKey({ ...next }) };
}

async function createKeys(): Promise<JsonObject> {
  return { signing: await createPrivateJwk(), next: await createPrivateJwk() };
}

async function createPrivateJwk(): Promise<JsonWebKey> {
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256' };
  const { privateKey } = await crypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  return crypto.subtle.exportKey('jwk', privateKey);
}
