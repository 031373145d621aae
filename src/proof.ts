import { LRUCache } from 'lru-cache';
import { sha256 } from './digest.ts';
import { DpopError, type DpopErrorReason } from './errors.ts';
import {
  emptyMemory,
  isMemory,
  lastInstant,
  type Memory,
  type ProofTime,
  type Seconds,
} from './freshness.ts';
import { normalizeHtu } from './htu.ts';
import { defaultAlgorithms, type SignatureAlgorithm } from './jwk.ts';
import type { JsonObject } from './jws.ts';
import {
  refuseOption,
  requireAlgorithms,
  requireCount,
  requireOptions,
  requirePolicy,
  requireText,
  systemClock,
} from './options.ts';
import {
  envelopeChecks,
  headerChecks,
  type ProofCheck,
  requestChecks,
  signatureChecks,
} from './proof-checks.ts';
import { type ProofExpectations, type ProofKey, type ProofLimits, ReceivedProof } from './received-proof.ts';
import { isThumbprint } from './thumbprint.ts';

/** A proof that has passed every check except that its use is not yet claimed. */
export interface VerifiedProof {
  /** Thumbprint of the key that signed: compare it with the token's `cnf.jkt` if you did not pass `jkt`. */
  readonly jkt: string;
  readonly jti: string;
  readonly claims: JsonObject;
  /** When it was made, by its nonce or its `iat`. */
  readonly time: ProofTime;
  /** The last instant at which it is acceptable, inclusive: remember its use until then. */
  readonly until: Seconds;
}

/** The verdict of one check, for people; never for the wire. */
export interface CheckVerdict {
  readonly name: string;
  readonly section: string;
  readonly reason: DpopErrorReason;
  readonly passed: boolean;
  /** The first that failed: the one that decides. */
  readonly deciding: boolean;
  readonly expected: unknown;
  readonly found: unknown;
}

/** Longest proof that is looked at, unless told otherwise. */
export const defaultMaxProofBytes = 4096;

/**
 * Runs the checks for one server and remembers the keys it has imported.
 *
 * A key is remembered by the text of the header that carried it, and only after a signature of it has been verified,
 * so nobody can fill the cache with keys or headers that they cannot sign with.
 */
export class ProofVerifier {
  readonly #limits: ProofLimits;
  readonly #keys: LRUCache<string, ProofKey>;

  constructor(limits: ProofLimits, maxKeys: number) {
    this.#limits = limits;
    this.#keys = new LRUCache({ max: maxKeys });
  }

  /** Sizes and shape: what can be refused before anything else is looked at. */
  async open(lines: readonly string[]): Promise<ReceivedProof> {
    const proof = new ReceivedProof(lines, this.#limits);
    await runChecks(envelopeChecks, proof, undefined);
    return proof;
  }

  /** Everything else, in order. */
  async verify(proof: ReceivedProof, expect: ProofExpectations): Promise<VerifiedProof> {
    const [header = ''] = proof.segments ?? [];
    const known = this.#keys.get(header);
    if (known === undefined) await runChecks(headerChecks, proof, expect);
    else proof.recognize(known);
    await runChecks(requestChecks, proof, expect);
    await runChecks(signatureChecks, proof, expect);
    const { jkt, algorithm, key, time } = proof as Proven;
    const { claims } = proof;
    if (known === undefined && header.length <= maxRememberedHeader)
      this.#keys.set(header, { jkt, algorithm, key });
    const until = lastInstant(time, expect.policy);
    return Object.freeze({ jkt, jti: claims['jti'] as string, claims, time, until });
  }

  /** Whether the owner of the key has signed a proof that was refused for something else. */
  isSigned(proof: ReceivedProof): Promise<boolean> {
    return runChecks(signatureChecks, proof, undefined).then(
      () => true,
      () => false,
    );
  }
}

/** A header is usually 250 characters long; who pads it costs us an import each time, and no memory. */
const maxRememberedHeader = 1024;

/** What the checks have established by the time that all of them have passed. */
type Proven = ReceivedProof & ProofKey & { readonly time: ProofTime };

/** Stops at the first check that fails. One that throws has met something unforeseen: that is a refusal too. */
async function runChecks<E>(
  checks: readonly ProofCheck<E>[],
  proof: ReceivedProof,
  expect: E,
): Promise<void> {
  for (const { passes, reason } of checks) {
    let passed = false;
    let cause: unknown;
    try {
      const verdict = passes(proof, expect);
      passed = typeof verdict === 'boolean' ? verdict : await verdict; // most answer at once and need no turn
    } catch (error) {
      cause = error;
    }
    if (!passed) throw new DpopError(reason, { cause, jkt: proof.jkt });
  }
}

/** A request as `verifyProof` and `explainProof` need it. */
export interface ProofRequest {
  /** Exactly as on the request line: methods are case-sensitive. */
  readonly method: string;
  /** Absolute target URI as the client sees it. Build it from configuration, never from `Host` or forwarded headers. */
  readonly uri: string;
  /** The value of the `DPoP` header, or the values of all its lines: more or less than one line is refused. */
  readonly proof: string | readonly string[];
}

/** Options of `verifyProof` and `explainProof`. */
export interface VerifyProofOptions {
  /** Allowed signature algorithms; default ES256, Ed25519 and EdDSA. */
  readonly algorithms?: readonly SignatureAlgorithm[];
  /** The access token of the same request: its hash must be in `ath`. Without it `ath` is not looked at. */
  readonly accessToken?: string;
  /** Thumbprint of the only key that may have signed (the token's `cnf.jkt`); default: any key. */
  readonly jkt?: string;
  /** Greatest age of `iat` in seconds; default 60. */
  readonly maxAge?: Seconds;
  /** How many seconds `iat` may be ahead of `now`; default 10. */
  readonly futureSkew?: Seconds;
  /** Greatest age of a nonce in seconds; default 60. */
  readonly nonceLife?: Seconds;
  /** When a nonce was issued, if it is yours; default: no nonce is. Its time then replaces `iat`. */
  readonly readNonce?: (nonce: string) => Promise<ProofTime | undefined>;
  /** Whether a nonce must be there; default false. */
  readonly nonceRequired?: boolean;
  /** The replay memory's state, whose floors refuse what it may have forgotten; default: no floors. */
  readonly memory?: Memory;
  /** Seconds since the epoch; default: the system's clock. Not used when `memory` is given, which has its own. */
  readonly now?: Seconds;
  /** Longest proof that is looked at, in bytes; default 4096. */
  readonly maxProofBytes?: number;
}

/** Every name above, so that a misspelt one is refused: without its `jkt` or `accessToken` any key or token would do. */
const optionNames: readonly (keyof VerifyProofOptions)[] = [
  'algorithms',
  'accessToken',
  'jkt',
  'maxAge',
  'futureSkew',
  'nonceLife',
  'readNonce',
  'nonceRequired',
  'memory',
  'now',
  'maxProofBytes',
];

/**
 * Verifies one DPoP proof against one request: every check of RFC 9449 section 4.3, plus one spelling for each proof
 * and key, and keys that only their owner can sign with.
 *
 * Does not check that the proof is used for the first time: claim `replayKey(jkt, jti)` until `until` in a
 * `ReplayStore`, after everything else. Does not check the access token. `createResourceServer` and
 * `createTokenBinder` do all of it, and remember imported keys; this function is for what they do not fit.
 *
 * @throws DpopError with code `invalid_dpop_proof`, `use_dpop_nonce`, or `invalid_token` (reason `key-mismatch`).
 * @throws TypeError when an option or `uri` makes no sense.
 */
export async function verifyProof(
  request: ProofRequest,
  options: VerifyProofOptions = {},
): Promise<VerifiedProof> {
  const expect = await expectationsOf(request, options);
  const verifier = new ProofVerifier(limitsOf(options), 1);
  return verifier.verify(await verifier.open(linesOf(request)), expect);
}

/**
 * Runs the very same checks to their end and tells for each what was expected and what was found.
 *
 * For people and their tools. Never send it to a caller: it would teach an attacker.
 */
export async function explainProof(
  request: ProofRequest,
  options: VerifyProofOptions = {},
): Promise<readonly CheckVerdict[]> {
  const expect = await expectationsOf(request, options);
  const proof = new ReceivedProof(linesOf(request), limitsOf(options));
  const verdicts: CheckVerdict[] = [];
  for (const check of [...envelopeChecks, ...headerChecks, ...requestChecks, ...signatureChecks]) {
    const passed = await runChecks([check], proof, expect).then(
      () => true,
      () => false,
    );
    const deciding = !passed && verdicts.every((verdict) => verdict.passed);
    const { name, section, reason } = check;
    verdicts.push({
      name,
      section,
      reason,
      passed,
      deciding,
      expected: check.expected(proof, expect),
      found: check.found(proof),
    });
  }
  return verdicts;
}

function linesOf({ proof }: ProofRequest): readonly string[] {
  return typeof proof === 'string' ? [proof] : proof;
}

/** What is given must be something: `jkt: claims.cnf?.jkt` of an unbound token must not come to mean "any key". */
function requireGiven(options: VerifyProofOptions): void {
  if ('jkt' in options && !isThumbprint(options.jkt))
    refuseOption('jkt', 'a thumbprint, or left out for any key');
  if ('accessToken' in options) requireText('accessToken', options.accessToken);
  if ('now' in options && !Number.isFinite(options.now)) refuseOption('now', 'seconds since the epoch');
  if ('memory' in options && !isMemory(options.memory))
    refuseOption('memory', 'what a replay store has read');
}

function limitsOf(options: VerifyProofOptions): ProofLimits {
  return {
    algorithms: requireAlgorithms('algorithms', options.algorithms ?? defaultAlgorithms),
    maxProofBytes: requireCount('maxProofBytes', options.maxProofBytes ?? defaultMaxProofBytes),
  };
}

async function expectationsOf(
  request: ProofRequest,
  options: VerifyProofOptions,
): Promise<ProofExpectations> {
  requireOptions(options, optionNames);
  requireGiven(options);
  const now = options.now ?? options.memory?.now ?? systemClock();
  const { accessToken, nonceRequired = false, readNonce = async () => undefined } = options;
  return {
    method: request.method,
    uri: normalizeHtu(request.uri) ?? refuseOption('uri', 'an absolute http(s) URI'),
    policy: requirePolicy(options),
    now,
    memory: options.memory ?? { ...emptyMemory, now },
    accessTokenHash: accessToken === undefined ? undefined : await sha256(accessToken),
    jkt: options.jkt,
    readNonce,
    nonceRequired: () => nonceRequired,
  };
}
