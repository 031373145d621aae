import { ProofAdmission, type ProofServerOptions, proofServerOptionNames } from './admission.ts';
import { type HttpAnswer, toRefusal, toTokenAnswer } from './challenge.ts';
import type { SignatureAlgorithm } from './jwk.ts';
import { requireOptions } from './options.ts';
import { headerLines, PublicTarget, type RawRequest } from './target-uri.ts';

/** Options of `createTokenBinder`. */
export type TokenBinderOptions = ProofServerOptions;

/** What a token must be bound to. */
export interface TokenBinding {
  /** Thumbprint of the key that signed: goes into `cnf.jkt`. */
  readonly jkt: string;
  /** Send it as `DPoP-Nonce` with the token response, where it is given. */
  readonly nonce: string | undefined;
}

/** Checks proofs at a token endpoint. */
export interface TokenBinder {
  /**
   * Verifies the proof of a token request, takes its one use, and yields the thumbprint to bind to.
   *
   * Call it after client authentication and after the shape of the grant was checked, before a code or a refresh token
   * is consumed: a nonce challenge leaves those usable (RFC 9449 section 8). Does not authenticate the client and does
   * not look at the grant; `ath` is ignored, since there is no token yet.
   *
   * @throws DpopError, always: answer it with `challenge`.
   */
  bind(request: RawRequest): Promise<TokenBinding>;
  /** The answer to give for what `bind` threw: 400 with a JSON error, 503 when it is not the client's fault. */
  challenge(error: unknown): HttpAnswer;
  /** Allowed proof algorithms, for metadata (`dpop_signing_alg_values_supported`). */
  readonly algorithms: readonly SignatureAlgorithm[];
}

/**
 * Makes the guard of the token endpoint (RFC 9449 section 5).
 *
 * @throws TypeError that names the option when one is missing or makes no sense.
 */
export function createTokenBinder(options: TokenBinderOptions): TokenBinder {
  requireOptions(options, proofServerOptionNames);
  const target = new PublicTarget(options);
  const admission = new ProofAdmission(options, `authorization ${target.origin}`);
  return Object.freeze({
    bind: (request: RawRequest) => bind(request, target, admission),
    challenge: toTokenAnswer,
    algorithms: admission.algorithms,
  });
}

async function bind(
  request: RawRequest,
  target: PublicTarget,
  admission: ProofAdmission,
): Promise<TokenBinding> {
  try {
    const uri = target.uriOf(request);
    const received = await admission.open(headerLines(request.rawHeaders, 'dpop')); // [R9449-5.2-01]
    const expectations = { method: request.method, uri, accessTokenHash: undefined, jkt: undefined };
    const admissible = await admission.verify(received, expectations, admission.now());
    await admission.claim(admissible); // [R9449-8-10]
    return { jkt: admissible.proof.jkt, nonce: await admission.nextNonce(admissible) }; // [R9449-5-04]
  } catch (error) {
    throw toRefusal(error);
  }
}
