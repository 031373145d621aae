import type { FreshnessPolicy, Memory, ProofTime, Seconds } from './freshness.ts';
import { readJwk, type SignatureAlgorithm } from './jwk.ts';
import { type JsonObject, type JwsSegments, readJsonSegment, splitCompactJws } from './jws.ts';
import type { VerifyingKey } from './signature.ts';

/** A proof as it came in, what is expected of it, and what its checks have found out so far. */

/** What a server accepts of any proof, whatever the request. */
export interface ProofLimits {
  readonly algorithms: readonly SignatureAlgorithm[];
  readonly maxProofBytes: number;
}

/** What a server expects of the proof of one request, and the state it is judged against. */
export interface ProofExpectations {
  /** Method of the request, exactly as on the request line. */
  readonly method: string;
  /** Target URI of the request in the normal form of `normalizeHtu`. */
  readonly uri: string;
  /** The clock: for `exp` and `nbf`, which are about it alone. */
  readonly now: Seconds;
  readonly policy: FreshnessPolicy;
  readonly memory: Memory;
  /** Hash of the access token that came with the request; `undefined` where there is none (token endpoint). */
  readonly accessTokenHash: string | undefined;
  /** Thumbprint of the only key that may sign; `undefined` where any key may (token endpoint). */
  readonly jkt: string | undefined;
  readonly readNonce: (nonce: string) => Promise<ProofTime | undefined>;
  readonly nonceRequired: (jkt: string) => boolean;
}

/** A proof's key: its thumbprint, and the key itself once imported. */
export interface ProofKey {
  readonly jkt: string;
  readonly algorithm: SignatureAlgorithm;
  readonly key: VerifyingKey;
}

/** Stands for a part that cannot be read. */
export const nothing: JsonObject = Object.freeze(Object.create(null) as JsonObject);

/** A proof on its way through the checks. Its parts are read when a check first asks for them, and only once. */
export class ReceivedProof {
  readonly lines: readonly string[];
  readonly limits: ProofLimits;
  readonly text: string;
  jkt: string | undefined;
  key: VerifyingKey | undefined;
  time: ProofTime | undefined;
  #algorithm: SignatureAlgorithm | undefined;
  #segments: JwsSegments | undefined;
  #header: JsonObject | undefined;
  #claims: JsonObject | undefined;

  constructor(lines: readonly string[], limits: ProofLimits) {
    this.lines = lines;
    this.limits = limits;
    this.text = lines[0] ?? '';
  }

  /** Nothing beyond the size limit is ever split or decoded. */
  get segments(): JwsSegments | undefined {
    if (this.text.length > this.limits.maxProofBytes) return undefined;
    this.#segments ??= splitCompactJws(this.text);
    return this.#segments;
  }

  get header(): JsonObject {
    this.#header ??= (this.segments && readJsonSegment(this.segments[0])) ?? nothing;
    return this.#header;
  }

  get claims(): JsonObject {
    this.#claims ??= (this.segments && readJsonSegment(this.segments[1])) ?? nothing;
    return this.#claims;
  }

  get jwk(): JsonObject {
    return readJwk(this.header['jwk']) ?? nothing;
  }

  get algorithm(): SignatureAlgorithm | undefined {
    this.#algorithm ??= this.limits.algorithms.find((allowed) => allowed === this.header['alg']);
    return this.#algorithm;
  }

  /** Takes over a key whose header passed the same checks before, so that the header need not be read again. */
  recognize({ jkt, algorithm, key }: ProofKey): void {
    this.jkt = jkt;
    this.#algorithm = algorithm;
    this.key = key;
  }
}
