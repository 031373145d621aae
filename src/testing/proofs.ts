import { type DpopKeyPair, generateKeyPair } from '../client/keys.ts';
import { createProof, type ProofInput } from '../client/proof.ts';
import { encodeBase64url, utf8 } from '../digest.ts';
import type { DpopErrorReason } from '../errors.ts';
import { type JsonObject, type JwsSegments, readJsonSegment, splitCompactJws } from '../jws.ts';

/**
 * Proofs that are wrong in exactly one way. Each is made from a valid proof, with everything else left as it was and,
 * unless the signature is the defect, with a good signature: what refuses it has looked at the one thing that is wrong.
 */

/** What can be wrong with a proof: a closed list. */
export type ProofDefectName =
  | 'missing'
  | 'two-proofs'
  | 'too-large'
  | 'empty'
  | 'joined'
  | 'two-segments'
  | 'padding'
  | 'duplicate-claim'
  | 'typ-missing'
  | 'typ'
  | 'alg-missing'
  | 'alg-none'
  | 'alg-hs256'
  | 'crit'
  | 'jwk-missing'
  | 'jwk-private'
  | 'jwk-unfit'
  | 'jwk-spelling'
  | 'jwk-weak'
  | 'other-key'
  | 'jti-missing'
  | 'jti-empty'
  | 'jti-number'
  | 'jti-too-long'
  | 'htm-missing'
  | 'htm'
  | 'htm-case'
  | 'htu-missing'
  | 'htu-relative'
  | 'htu'
  | 'htu-host'
  | 'iat-missing'
  | 'iat-text'
  | 'exp'
  | 'nbf'
  | 'ath-missing'
  | 'ath'
  | 'nonce-number'
  | 'signature'
  | 'signature-other-key'
  | 'iat-old'
  | 'iat-future'
  | 'nonce-unknown';

/** A valid proof, taken apart. */
interface ProofParts {
  readonly keyPair: DpopKeyPair;
  readonly input: ProofInput;
  readonly header: JsonObject;
  readonly claims: JsonObject;
}

/** The proof as sent: the values of all `DPoP` header lines. */
type Spoil = (parts: ProofParts) => Promise<readonly string[]> | readonly string[];

interface Defect {
  readonly reason: DpopErrorReason;
  /** Without an access token (at a token endpoint) it is none. */
  readonly needsToken?: boolean;
  readonly spoil: Spoil;
}

/** Changes or, with `undefined`, leaves out members of the claims. */
function claims(change: (parts: ProofParts) => JsonObject): Spoil {
  return async (parts) => [await toProof({ ...parts, claims: { ...parts.claims, ...change(parts) } })];
}

/** The same for the header. */
function header(change: (parts: ProofParts) => JsonObject): Spoil {
  return async (parts) => [await toProof({ ...parts, header: { ...parts.header, ...change(parts) } })];
}

/** Rewrites the text of a valid proof. */
function text(change: (proof: string) => string): Spoil {
  return async (parts) => [change(await toProof(parts))];
}

function jwk(members: (key: JsonObject) => JsonObject): Spoil {
  return header(({ keyPair }) => ({ jwk: { ...keyPair.publicJwk, ...members({ ...keyPair.publicJwk }) } }));
}

const hour = 3600;
const day = 86_400;

const defects: Readonly<Record<ProofDefectName, Defect>> = {
  // The header lines.
  missing: { reason: 'proof-missing', spoil: () => [] },
  'two-proofs': {
    reason: 'proof-repeated',
    spoil: async (parts) => {
      const proof = await toProof(parts);
      return [proof, await createProof(parts.keyPair, parts.input)];
    },
  },
  'too-large': { reason: 'proof-too-large', spoil: claims(() => ({ padding: 'x'.repeat(5000) })) },
  empty: { reason: 'proof-malformed', spoil: () => [''] },
  joined: { reason: 'proof-malformed', spoil: text((proof) => `${proof}, ${proof}`) },
  // The spelling of the JWS.
  'two-segments': {
    reason: 'proof-malformed',
    spoil: text((proof) => proof.slice(0, proof.lastIndexOf('.'))),
  },
  padding: { reason: 'proof-malformed', spoil: text((proof) => `${proof}==`) },
  'duplicate-claim': {
    reason: 'proof-malformed',
    spoil: async (parts) => {
      const json = JSON.stringify(parts.claims);
      return [
        await signProof(parts.keyPair, JSON.stringify(parts.header), `{"jti":"other",${json.slice(1)}`),
      ];
    },
  },
  // The header.
  'typ-missing': { reason: 'typ-mismatch', spoil: header(() => ({ typ: undefined })) },
  typ: { reason: 'typ-mismatch', spoil: header(() => ({ typ: 'at+jwt' })) },
  'alg-missing': { reason: 'alg-not-allowed', spoil: header(() => ({ alg: undefined })) },
  'alg-none': { reason: 'alg-not-allowed', spoil: header(() => ({ alg: 'none' })) },
  'alg-hs256': { reason: 'alg-not-allowed', spoil: header(() => ({ alg: 'HS256' })) },
  crit: { reason: 'extension-refused', spoil: header(() => ({ crit: ['exp'] })) },
  'jwk-missing': { reason: 'jwk-malformed', spoil: header(() => ({ jwk: undefined })) },
  'jwk-private': { reason: 'jwk-private', spoil: jwk(() => ({ d: 'A'.repeat(43) })) },
  'jwk-unfit': { reason: 'jwk-unfit', spoil: jwk(() => ({ use: 'enc' })) },
  'jwk-spelling': { reason: 'jwk-not-canonical', spoil: jwk(({ x }) => ({ x: `${String(x)}=` })) },
  'jwk-weak': {
    reason: 'jwk-weak', // the point of order one, for which anybody can sign
    spoil: header(() => ({ alg: 'Ed25519', jwk: { crv: 'Ed25519', kty: 'OKP', x: `AQ${'A'.repeat(41)}` } })),
  },
  'other-key': {
    reason: 'key-mismatch',
    needsToken: true,
    spoil: async ({ keyPair, input }) => [await createProof(await otherKey(keyPair), input)],
  },
  // The claims.
  'jti-missing': { reason: 'jti-invalid', spoil: claims(() => ({ jti: undefined })) },
  'jti-empty': { reason: 'jti-invalid', spoil: claims(() => ({ jti: '' })) },
  'jti-number': { reason: 'jti-invalid', spoil: claims(() => ({ jti: 1 })) },
  'jti-too-long': { reason: 'jti-invalid', spoil: claims(() => ({ jti: 'x'.repeat(257) })) },
  'htm-missing': { reason: 'htm-mismatch', spoil: claims(() => ({ htm: undefined })) },
  htm: {
    reason: 'htm-mismatch',
    spoil: claims(({ claims: { htm } }) => ({ htm: htm === 'PUT' ? 'GET' : 'PUT' })),
  },
  'htm-case': {
    reason: 'htm-mismatch',
    spoil: claims(({ claims: { htm } }) => ({ htm: swapCase(String(htm)) })),
  },
  'htu-missing': { reason: 'htu-malformed', spoil: claims(() => ({ htu: undefined })) },
  'htu-relative': {
    reason: 'htu-malformed',
    spoil: claims(({ input }) => ({ htu: new URL(input.url).pathname })),
  },
  htu: { reason: 'htu-mismatch', spoil: claims(({ claims: { htu } }) => ({ htu: `${String(htu)}x` })) },
  'htu-host': {
    reason: 'htu-mismatch',
    spoil: claims(({ input }) => ({ htu: `https://attacker.test${new URL(input.url).pathname}` })),
  },
  'iat-missing': { reason: 'iat-invalid', spoil: claims(() => ({ iat: undefined })) },
  'iat-text': { reason: 'iat-invalid', spoil: claims(({ claims: { iat } }) => ({ iat: String(iat) })) },
  exp: { reason: 'proof-expired', spoil: claims((parts) => ({ exp: iatOf(parts) - day })) },
  nbf: { reason: 'proof-not-yet-valid', spoil: claims((parts) => ({ nbf: iatOf(parts) + day })) },
  'ath-missing': { reason: 'ath-mismatch', needsToken: true, spoil: claims(() => ({ ath: undefined })) },
  ath: { reason: 'ath-mismatch', needsToken: true, spoil: claims(() => ({ ath: 'A'.repeat(43) })) },
  'nonce-number': { reason: 'nonce-invalid', spoil: claims(() => ({ nonce: 1 })) },
  // The signature.
  signature: {
    reason: 'signature-invalid', // of another payload, by the right key
    spoil: async (parts) => {
      const other = await toProof({ ...parts, claims: { ...parts.claims, jti: 'other' } });
      const proof = await toProof(parts);
      return [`${proof.slice(0, proof.lastIndexOf('.'))}${other.slice(other.lastIndexOf('.'))}`];
    },
  },
  'signature-other-key': {
    reason: 'signature-invalid',
    spoil: async (parts) => [await toProof(parts, await otherKey(parts.keyPair))],
  },
  // Answered with a nonce, which from then on the server expects of this key: so these come last.
  'iat-old': {
    reason: 'proof-stale',
    spoil: claims((parts) => ({ iat: iatOf(parts) - hour, nonce: undefined })),
  },
  'iat-future': {
    reason: 'proof-from-future',
    spoil: claims((parts) => ({ iat: iatOf(parts) + hour, nonce: undefined })),
  },
  'nonce-unknown': {
    reason: 'nonce-unknown',
    spoil: claims(() => ({ nonce: 'not-a-nonce-of-this-server' })),
  },
};

/** One way for a proof to be wrong. */
export interface ProofDefect {
  readonly name: ProofDefectName;
  /** What the `DpopError` of a server with default limits says, and nothing else may. */
  readonly reason: DpopErrorReason;
  /** Only wrong where an access token goes with the proof: `createTokenBinder` does not refuse it. */
  readonly needsToken: boolean;
}

/**
 * Every defect there is, to loop over in this order and assert that your server refuses each.
 *
 * The last three are answered with `use_dpop_nonce`; from then on, and for the nonce's life, the server expects a nonce
 * of this key. So send what must be accepted first, or to a fresh server.
 *
 * The reasons are those of holdfast's defaults: `too-large` is 5 kB over a limit of 4096 bytes, `iat-old` and
 * `iat-future` are off by an hour, `exp` and `nbf` by a day. Does not contain replay, which is no defect of a proof: send
 * a valid one twice.
 */
export const proofDefects: readonly ProofDefect[] = Object.freeze(
  Object.entries(defects).map(([name, { reason, needsToken = false }]) =>
    Object.freeze({ name: name as ProofDefectName, reason, needsToken }),
  ),
);

/**
 * Makes a proof that is valid but for one defect.
 *
 * @param input as for `createProof`, of which the proof is a spoiled copy. With a `nonce`, `iat-old` and `iat-future`
 *   leave it out, since the time of a proof is its nonce's if it has one.
 * @returns the values of all `DPoP` header lines to send: mostly one, none for `missing`, two for `two-proofs`.
 * @throws TypeError for a name that is not in the list; DpopClientError as `createProof` does.
 */
export async function createDefectiveProof(
  name: ProofDefectName,
  keyPair: DpopKeyPair,
  input: ProofInput,
): Promise<readonly string[]> {
  if (!Object.hasOwn(defects, name)) throw new TypeError(`holdfast: there is no proof defect "${name}"`);
  // Just written by createProof, so both can be read.
  const [head, payload] = splitCompactJws(await createProof(keyPair, input)) as JwsSegments;
  const [header, claims] = [head, payload].map(readJsonSegment) as [JsonObject, JsonObject];
  return defects[name].spoil({ keyPair, input, header, claims });
}

/** JSON leaves out what is `undefined`. */
function toProof({ keyPair, header, claims }: ProofParts, signer: DpopKeyPair = keyPair): Promise<string> {
  return signProof(signer, JSON.stringify(header), JSON.stringify(claims));
}

async function signProof(keyPair: DpopKeyPair, header: string, claims: string): Promise<string> {
  const signed = `${encodeBase64url(utf8(header))}.${encodeBase64url(utf8(claims))}`;
  const parameters = { name: keyPair.privateKey.algorithm.name, hash: 'SHA-256' }; // Ed25519 has no use for the hash
  const signature = await crypto.subtle.sign(parameters, keyPair.privateKey, utf8(signed));
  return `${signed}.${encodeBase64url(new Uint8Array(signature))}`;
}

/** Same algorithm, so that nothing but the key differs; generated, so that it is nobody's. */
function otherKey({ algorithm }: DpopKeyPair): Promise<DpopKeyPair> {
  return generateKeyPair({ algorithm });
}

function iatOf({ claims }: ProofParts): number {
  return claims['iat'] as number; // ours: createProof has just written it
}

function swapCase(word: string): string {
  return word === word.toUpperCase() ? word.toLowerCase() : word.toUpperCase();
}
