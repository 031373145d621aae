/** What a refusal says about the proof: read from headers and bodies in any legal spelling. */

/** Refusals that another proof may mend. */
export type ProofRefusal = 'use_dpop_nonce' | 'invalid_dpop_proof';

/** 401 with a DPoP challenge at a resource, 400 with JSON at a token endpoint; `undefined` for every other answer. */
export async function readProofRefusal(response: Response): Promise<ProofRefusal | undefined> {
  if (response.status === 401) return toRefusal(dpopError(response.headers.get('WWW-Authenticate') ?? ''));
  return response.status === 400 ? toRefusal(await errorOf(response)) : undefined;
}

function toRefusal(error: unknown): ProofRefusal | undefined {
  return error === 'use_dpop_nonce' || error === 'invalid_dpop_proof' ? error : undefined;
}

const maxErrorBytes = 16_384;

/** Reads a copy, and no more of it than an OAuth error takes: the caller gets the answer as it is. */
async function errorOf(response: Response): Promise<unknown> {
  if (!/^application\/(?:[\w.-]+\+)?json\b/i.test(response.headers.get('Content-Type') ?? ''))
    return undefined;
  try {
    return (JSON.parse(await startOf(response.clone())) as { error?: unknown } | null)?.error;
  } catch {
    return undefined; // no JSON, so no OAuth error
  }
}

/** All of a text, or nothing of one that is longer. */
async function startOf(copy: Response): Promise<string> {
  const reader = copy.body?.getReader();
  const decoder = new TextDecoder();
  let text = '';
  for (let part = await reader?.read(); part?.value !== undefined; part = await reader?.read()) {
    text += decoder.decode(part.value, { stream: true });
    if (text.length <= maxErrorBytes) continue;
    reader?.releaseLock();
    discard(copy);
    return '';
  }
  return text;
}

/**
 * Nobody will read this answer, and an unread body holds its connection open; one that broke off holds none. Not
 * waited for, since that would never end where the `fetch` underneath keeps a clone.
 */
export function discard({ body }: Response): void {
  body?.cancel().catch(() => undefined);
}

/** One scheme, or one parameter, of a `WWW-Authenticate` value (RFC 9110 section 11.6.1). */
const challengePart = /([!#$%&'*+.^`|~\w-]+)(?:\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]*)))?/g;

/** `error` of the DPoP challenge, among any others, in any letter case, quoted or not. */
export function dpopError(value: string): string | undefined {
  let scheme = '';
  // [R9449-7.1-09] [R9449-7.1-12]
  for (const [part, name = '', quoted, plain] of value.matchAll(challengePart)) {
    if (part === name) scheme = name.toLowerCase();
    else if (scheme === 'dpop' && name.toLowerCase() === 'error')
      return quoted?.replaceAll(/\\(.)/g, '$1') ?? plain;
  }
  return undefined;
}
