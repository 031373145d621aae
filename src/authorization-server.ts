import { ProofAdmission, type ProofServerOptions, proofServerOptionNames } from './admission.ts';
import { type HttpAnswer, toRefusal, toTokenAnswer } from './challenge.ts';
import { DpopError, type DpopErrorReason } from './errors.ts';
import type { SignatureAlgorithm } from './jwk.ts';
import type { JsonObject } from './jws.ts';
import { refuseOption, requireMethods, requireOptions } from './options.ts';
import type { Revocations } from './revocation.ts';
import { headerLines, PublicTarget, type RawRequest } from './target-uri.ts';
import { isThumbprint } from './thumbprint.ts';
import { readConfirmation } from './token-claims.ts';

/** Options of `createTokenBinder`. */
export interface TokenBinderOptions extends ProofServerOptions {
  /** Refuses keys that were revoked; default: none are looked up. */
  readonly revocations?: Revocations;
}

/**
 * What a grant demands of the proof that comes with it. The default, `{}`, is a proof by any key.
 *
 * `Grants` has the right one for codes and refresh tokens, `exchangeRule` for token exchange.
 */
export interface BindingRule {
  /** Only this key will do (its thumbprint): `dpop_jkt` of a code, the key of a public client's refresh token. */
  readonly jkt?: string | undefined;
  /**
   * `required` (default): no binding without a proof. `optional`: a request without one gets no binding, and so a Bearer
   * token, if the issuer may mint any for this client. Without effect where `jkt` is given.
   */
  readonly proof?: 'required' | 'optional';
}

/** What a token must be bound to. */
export interface TokenBinding {
  /** Thumbprint of the key that signed: goes into `cnf.jkt`. `undefined` only where the rule let it be. */
  readonly jkt: string | undefined;
  /** Send it as `DPoP-Nonce` with the response, where it is given. */
  readonly nonce: string | undefined;
}

/** Checks proofs at the endpoints of an authorization server. */
export interface TokenBinder {
  /**
   * Verifies the proof of a token request, takes its one use, and yields the thumbprint to bind to.
   *
   * Call it after client authentication and after the grant was looked at, before a code or a refresh token is consumed:
   * a nonce challenge leaves those usable (RFC 9449 section 8). Does not authenticate the client and does not look at the
   * grant beyond its rule; `ath` is ignored, since there is no token yet.
   *
   * @throws DpopError `grant-key-mismatch` and `grant-key-missing` for a proof that does not fit the rule, `key-revoked`,
   *   and the reasons of proofs; TypeError for a rule that makes no sense. Answer either with `challenge`.
   */
  bind(request: RawRequest, rule?: BindingRule): Promise<TokenBinding>;
  /**
   * Finds the key that an authorization request binds its code to (RFC 9449 section 10): by `dpop_jkt`, by a proof on the
   * pushed request, or by both, which must agree. Call it last before the request is stored: it takes the proof's use.
   *
   * @param dpopJkt every value of `dpop_jkt` in the request, as sent: none, one, or too many.
   * @param pushed the request to the PAR endpoint; `undefined` for the authorization endpoint, where a browser sends no
   *   proof.
   * @throws DpopError `dpop-jkt-malformed`, `dpop-jkt-mismatch`, `key-revoked`, and the reasons of proofs.
   */
  bindCode(dpopJkt: readonly string[], pushed?: RawRequest): Promise<TokenBinding>;
  /** The answer to give for what these threw: 400 with a JSON error, 503 when it is not the client's fault. */
  challenge(error: unknown): HttpAnswer;
  /** Allowed proof algorithms, for metadata (`dpop_signing_alg_values_supported`). */
  readonly algorithms: readonly SignatureAlgorithm[];
}

/**
 * Makes the guard of an authorization server's token and PAR endpoints (RFC 9449 sections 5 and 10).
 *
 * @throws TypeError that names the option when one is missing or makes no sense.
 */
export function createTokenBinder(options: TokenBinderOptions): TokenBinder {
  requireOptions(options, [...proofServerOptionNames, 'revocations']);
  return new ProofBinder(options);
}

/**
 * The rule for a token that is made from another one (RFC 8693), so that no exchange ever drops a binding: from a bound
 * token comes a token bound to the same key, or, with `newKey: 'accept'`, to the key of whoever exchanges it.
 *
 * Accept a new key only from a confidential client that has authenticated and may act for the subject: a thief has a new
 * key too. Does not verify the subject token; pass claims that were.
 *
 * @throws DpopError `token-not-bound`, `token-confirmation-unsupported` when the token is bound in a way that cannot be
 *   confirmed here.
 */
export function exchangeRule(subjectToken: JsonObject, options: ExchangeOptions = {}): BindingRule {
  const { newKey = 'refuse', proof = 'required' } = requireOptions(options, ['newKey', 'proof']);
  if (newKey !== 'refuse' && newKey !== 'accept') refuseOption('newKey', 'refuse or accept');
  requireProofRule(proof);
  const jkt = readConfirmation(subjectToken);
  if (jkt === undefined) return { proof };
  return newKey === 'accept' ? {} : { jkt };
}

/** Options of `exchangeRule`. */
export interface ExchangeOptions {
  /** Whether the new token may be bound to another key than the subject token is; default `refuse`. */
  readonly newKey?: 'refuse' | 'accept';
  /** For a subject token that is not bound: whether the new one must be; default `required`. */
  readonly proof?: 'required' | 'optional';
}

class ProofBinder implements TokenBinder {
  readonly #target: PublicTarget;
  readonly #admission: ProofAdmission;
  readonly #revocations: Revocations | undefined;
  readonly challenge = toTokenAnswer;

  constructor(options: TokenBinderOptions) {
    this.#target = new PublicTarget(options);
    this.#admission = new ProofAdmission(options, `authorization ${this.#target.origin}`);
    this.#revocations =
      options.revocations === undefined
        ? undefined
        : requireMethods(
            'revocations',
            options.revocations,
            ['refuseRevokedKey'],
            'made by createRevocations',
          );
  }

  get algorithms(): readonly SignatureAlgorithm[] {
    return this.#admission.algorithms;
  }

  async bind(request: RawRequest, rule: BindingRule = {}): Promise<TokenBinding> {
    requireRule(rule);
    const { jkt, proof = 'required' } = rule;
    try {
      const proofs = headerLines(request.rawHeaders, 'dpop');
      if (proofs.length === 0 && jkt !== undefined) throw new DpopError('grant-key-missing'); // [R9449-10-03]
      if (proofs.length === 0 && proof === 'optional') return unbound; // [R9449-5.2-02]
      return await this.#verify(request, proofs, jkt); // [R9449-5.2-01]
    } catch (error) {
      throw renamed(error, 'grant-key-mismatch'); // [R9449-5-07] [R9449-10-02]
    }
  }

  async bindCode(dpopJkt: readonly string[], pushed?: RawRequest): Promise<TokenBinding> {
    if (!Array.isArray(dpopJkt)) refuseOption('dpopJkt', 'the list of all values that were sent');
    const [jkt] = dpopJkt;
    const malformed = dpopJkt.length > 1 || !(jkt === undefined || isThumbprint(jkt));
    if (malformed) throw new DpopError('dpop-jkt-malformed'); // [R9449-10-05]
    try {
      const proofs = pushed === undefined ? [] : headerLines(pushed.rawHeaders, 'dpop');
      if (pushed !== undefined && proofs.length > 0) return await this.#verify(pushed, proofs, jkt); // [R9449-10.1-02] [R9449-10.1-03]
      if (jkt !== undefined) await this.#revocations?.refuseRevokedKey(jkt, this.#admission.now());
      return { jkt, nonce: undefined };
    } catch (error) {
      throw renamed(error, 'dpop-jkt-mismatch'); // [R9449-10.1-05]
    }
  }

  /** All checks, and then the use. */
  async #verify(
    request: RawRequest,
    proofs: readonly string[],
    jkt: string | undefined,
  ): Promise<TokenBinding> {
    const now = this.#admission.now();
    const uri = this.#target.uriOf(request);
    const received = await this.#admission.open(proofs);
    const expectations = { method: request.method, uri, accessTokenHash: undefined, jkt };
    const admissible = await this.#admission.verify(received, expectations, now);
    await this.#revocations?.refuseRevokedKey(admissible.proof.jkt, now);
    await this.#admission.claim(admissible); // [R9449-8-10]
    return { jkt: admissible.proof.jkt, nonce: await this.#admission.nextNonce(admissible) }; // [R9449-5-04]
  }
}

const unbound: TokenBinding = Object.freeze({ jkt: undefined, nonce: undefined });

/** A proof by another key than the grant's is a fault of the grant, for whoever sent it. */
function renamed(error: unknown, mismatch: DpopErrorReason): DpopError {
  const refusal = toRefusal(error);
  return refusal.reason === 'key-mismatch' ? new DpopError(mismatch, { jkt: refusal.jkt }) : refusal;
}

/** A rule that was meant to be strict and is misspelt must not be a lax one. */
function requireRule(rule: BindingRule): void {
  requireOptions(rule, ['jkt', 'proof']);
  if (rule.jkt !== undefined && !isThumbprint(rule.jkt))
    refuseOption('jkt', 'the thumbprint of a key (43 base64url characters)');
  requireProofRule(rule.proof ?? 'required');
}

function requireProofRule(proof: unknown): 'required' | 'optional' {
  return proof === 'required' || proof === 'optional' ? proof : refuseOption('proof', 'required or optional');
}
