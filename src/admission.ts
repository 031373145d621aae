import { toRefusal } from './challenge.ts';
import { inTime } from './circuit-breaker.ts';
import { DpopError } from './errors.ts';
import { type FreshnessPolicy, isMemory, type Memory, type Seconds } from './freshness.ts';
import { defaultAlgorithms, type SignatureAlgorithm } from './jwk.ts';
import { ChallengedKeys, createNonces, type Nonces } from './nonce.ts';
import {
  refuseOption,
  requireAlgorithms,
  requireClock,
  requireCount,
  requireMethods,
  requirePolicy,
  requireTime,
  systemClock,
} from './options.ts';
import { defaultMaxProofBytes, ProofVerifier, type VerifiedProof } from './proof.ts';
import type { ProofExpectations, ReceivedProof } from './received-proof.ts';
import { type ClaimOutcome, type ReplayStore, replayKey } from './replay.ts';
import type { PublicAddress } from './target-uri.ts';

/**
 * From a received proof to its one use: where proof, nonces and replay memory meet, the same way in both servers.
 */

/** When a server demands nonces. */
export type NoncePolicy = 'when-needed' | 'always';

/** Options that resource servers and token binders share. */
export interface ProofServerOptions extends PublicAddress {
  /** Where uses are remembered: one store for all processes that answer under the public origin. */
  readonly replay: ReplayStore;
  /** Default: `createNonces()`, good for one process. Several nodes share one secret. */
  readonly nonces?: Nonces;
  /**
   * `when-needed` (default): a nonce is asked for when a proof's `iat` lies outside the window or under the memory's
   * floor, and from then on for the nonce's life. `always`: every proof carries one, which ends proofs made in advance.
   */
  readonly noncePolicy?: NoncePolicy;
  /** Allowed proof algorithms; default ES256, Ed25519 and EdDSA. `PS256` and `RS256` by option only. */
  readonly algorithms?: readonly SignatureAlgorithm[];
  /** Greatest age of a proof by its `iat`, in seconds; default 60, at most 600. */
  readonly maxAge?: Seconds;
  /** How far ahead `iat` may be, in seconds; default 10, at most 60. */
  readonly futureSkew?: Seconds;
  /** Greatest age of a nonce, in seconds; default 60, at most 600. */
  readonly nonceLife?: Seconds;
  /** Longest proof that is looked at, in bytes; default 4096. */
  readonly maxProofBytes?: number;
  /** How many proof keys, tokens and challenged keys are kept in memory at most, each; default 10,000. */
  readonly cacheSize?: number;
  /** Seconds since the epoch; default: the system's clock. Read once per request. */
  readonly clock?: () => Seconds;
}

/** Every name above, so that a misspelt one is refused. */
export const proofServerOptionNames: readonly (keyof ProofServerOptions)[] = [
  'publicOrigin',
  'pathPrefix',
  'hosts',
  'replay',
  'nonces',
  'noncePolicy',
  'algorithms',
  'maxAge',
  'futureSkew',
  'nonceLife',
  'maxProofBytes',
  'cacheSize',
  'clock',
];

/** How many entries a cache of this server holds at most. */
export function requireCacheSize({ cacheSize = 10_000 }: ProofServerOptions): number {
  return requireCount('cacheSize', cacheSize);
}

/** The part of the expectations that depends on the request. */
export type RequestExpectations = Pick<ProofExpectations, 'method' | 'uri' | 'accessTokenHash' | 'jkt'>;

/** A proof that may be claimed, and the memory it was judged against. */
export interface AdmissibleProof {
  readonly proof: VerifiedProof;
  readonly memory: Memory;
}

export class ProofAdmission {
  readonly algorithms: readonly SignatureAlgorithm[];
  readonly #scope: string;
  readonly #policy: FreshnessPolicy;
  readonly #verifier: ProofVerifier;
  readonly #replay: ReplayStore;
  readonly #nonces: Nonces;
  readonly #always: boolean;
  readonly #challenged: ChallengedKeys;
  readonly #clock: () => Seconds;

  /** @param scope whose nonces these are; differs between an authorization and a resource server. */
  constructor(options: ProofServerOptions, scope: string) {
    const cacheSize = requireCacheSize(options);
    const maxProofBytes = requireCount('maxProofBytes', options.maxProofBytes ?? defaultMaxProofBytes);
    this.algorithms = requireAlgorithms('algorithms', options.algorithms ?? defaultAlgorithms);
    this.#scope = scope;
    this.#policy = requirePolicy(options);
    this.#verifier = new ProofVerifier({ algorithms: this.algorithms, maxProofBytes }, cacheSize);
    this.#replay = requireMethods('replay', options.replay, ['read', 'claim'], 'a replay store');
    this.#nonces = requireMethods(
      'nonces',
      options.nonces ?? createNonces(),
      ['issue', 'read'],
      'made by createNonces',
    );
    this.#always = requireNoncePolicy(options.noncePolicy ?? 'when-needed') === 'always'; // [R9449-8-01]
    this.#challenged = new ChallengedKeys(cacheSize);
    this.#clock = requireClock('clock', options.clock ?? systemClock);
  }

  /** The one clock reading of a request. */
  now(): Seconds {
    return requireTime(this.#clock());
  }

  /** Sizes and shape, before anything else is looked at. */
  open(lines: readonly string[]): Promise<ReceivedProof> {
    return this.#verifier.open(lines);
  }

  /** Every check but the claim. A refusal that is about time brings a fresh nonce. Records no use. */
  async verify(
    received: ReceivedProof,
    request: RequestExpectations,
    now: Seconds,
  ): Promise<AdmissibleProof> {
    try {
      return await this.#judge(received, request, now);
    } catch (error) {
      throw await this.#withNonce(toRefusal(error), now, received);
    }
  }

  /** A nonce unknown here may be known elsewhere: another node may have noticed a new memory before this one. */
  async #judge(
    received: ReceivedProof,
    request: RequestExpectations,
    now: Seconds,
  ): Promise<AdmissibleProof> {
    const memory = await this.#readMemory(now);
    try {
      return await this.#judgeBy(memory, received, request, now);
    } catch (error) {
      const latest = toRefusal(error).reason === 'nonce-unknown' ? await this.#readMemory(now, true) : memory;
      if (latest.id === memory.id) throw error;
      return this.#judgeBy(latest, received, request, now);
    }
  }

  async #judgeBy(
    memory: Memory,
    received: ReceivedProof,
    request: RequestExpectations,
    now: Seconds,
  ): Promise<AdmissibleProof> {
    const expect: ProofExpectations = {
      method: request.method,
      uri: request.uri,
      accessTokenHash: request.accessTokenHash,
      jkt: request.jkt,
      now,
      policy: this.#policy,
      memory,
      readNonce: (nonce) => this.#nonces.read(this.#scope, nonce, memory),
      nonceRequired: (jkt) => this.#always || this.#challenged.has(jkt, memory.now), // [R9449-11.2-02]
    };
    return { proof: await this.#verifier.verify(received, expect), memory };
  }

  /** The last step: takes the one use of a proof. */
  async claim({ proof, memory }: AdmissibleProof): Promise<void> {
    const { jkt, jti } = proof;
    const outcome = await this.#claimKey(await replayKey(jkt, jti), proof, memory);
    if (outcome === 'crowded') throw new DpopError('quota-exceeded', { jkt });
    if (outcome === 'claimed') return;
    if (outcome === 'replayed') throw new DpopError('replayed', { jkt });
    if (outcome === 'forgotten')
      throw await this.#withNonce(new DpopError('proof-forgotten', { jkt }), memory.now);
    const cause = new TypeError('holdfast: the replay store answered something unforeseen');
    throw new DpopError('replay-store-unavailable', { cause });
  }

  /** A nonce to send ahead, for a client that uses nonces, when there is a newer one than it has. */
  async nextNonce({ proof, memory }: AdmissibleProof): Promise<string | undefined> {
    if (!this.#always && proof.time.axis === 'iat') return undefined;
    // Its floor may have risen since the proof was judged. The use is taken: trouble now must not refuse it any more.
    const current = await this.#readMemory(memory.now).catch(() => memory);
    const nonce = await this.#nonces.issue(this.#scope, current); // [R9449-8.2-01]
    this.#bindToNonces(proof.jkt, current);
    return nonce === proof.claims['nonce'] ? undefined : nonce;
  }

  async #claimKey(key: string, { jkt, time, until }: VerifiedProof, memory: Memory): Promise<ClaimOutcome> {
    try {
      return await inTime(this.#replay.claim({ key, jkt, time, until, memory }));
    } catch (cause) {
      throw new DpopError('replay-store-unavailable', { cause });
    }
  }

  async #readMemory(now: Seconds, latest = false): Promise<Memory> {
    let cause: unknown;
    try {
      const memory: unknown = await inTime(this.#replay.read(now, latest));
      if (isMemory(memory)) return memory;
      cause = new TypeError('holdfast: the replay store returned no memory');
    } catch (error) {
      cause = error;
    }
    throw new DpopError('replay-store-unavailable', { cause });
  }

  /** A refusal that is about time brings a nonce, and binds its key to nonces if its owner has asked. */
  async #withNonce(refusal: DpopError, now: Seconds, received?: ReceivedProof): Promise<DpopError> {
    const { reason, code, cause, jkt = '' } = refusal;
    if (code !== 'use_dpop_nonce') return refusal;
    const memory = await this.#readMemory(now, true); // a nonce of a memory that is gone would be challenged again
    const nonce = await this.#nonces.issue(this.#scope, memory);
    // Whoever cannot sign with a key must not change how its owner is treated.
    if (received === undefined || (await this.#verifier.isSigned(received))) this.#bindToNonces(jkt, memory);
    return new DpopError(reason, { cause, jkt, nonce });
  }

  /** Whoever is given a nonce must use nonces from now on, for as long as it lives. */
  #bindToNonces(jkt: string, memory: Memory): void {
    this.#challenged.add(jkt, memory.now + this.#policy.nonceLife);
  }
}

function requireNoncePolicy(value: unknown): NoncePolicy {
  return value === 'when-needed' || value === 'always'
    ? value
    : refuseOption('noncePolicy', 'when-needed or always');
}
