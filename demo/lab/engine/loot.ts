import type { DpopKey } from 'holdfast/client';
import type { HeaderLine, Seconds } from '../model.ts';
import type { Certificate } from './certificates.ts';

/** A whole request, as it was sent. */
export interface CapturedRequest {
  readonly method: string;
  /** Path and query. */
  readonly path: string;
  readonly headers: readonly HeaderLine[];
  readonly body: string | null;
}

/** What a thief holds. What is not there he does not have. */
export interface Loot {
  readonly accessToken?: string | undefined;
  readonly refreshToken?: string | undefined;
  readonly request?: CapturedRequest | undefined;
  /** The `Cookie` header that the stolen jar makes for the bank, and the one for the issuer. */
  readonly cookies?: string | undefined;
  readonly issuerCookies?: string | undefined;
  /** Alice's private key, where it can be copied; her TLS certificate. */
  readonly key?: DpopKey | undefined;
  readonly certificate?: Certificate | undefined;
  readonly code?: string | undefined;
  /** What script could read: local storage and readable cookies. */
  readonly storage?: ReadonlyMap<string, string> | undefined;
  /** A proof that was made ahead for a moment and a request. */
  readonly proofFor?: ((method: string, url: string, at: Seconds) => Promise<string | undefined>) | undefined;
}
