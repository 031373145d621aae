import { asObject } from './decoding.ts';

/** What refusals mean, and what to do about them. */

const hints: Readonly<Record<string, string>> = {
  use_dpop_nonce:
    'the nonce was asked for again after a retry: the server may not know its own nonces (several nodes?)',
  invalid_dpop_proof:
    'the proof was refused: clock, URL or key may differ from what the server expects; try inspect',
  invalid_token:
    'the token was refused: expired, revoked, for another audience, or bound to another key; try inspect',
  insufficient_scope: 'the token does not cover this: ask the authorization server for more scope',
  invalid_client: 'the client authentication was refused: give it with -H @FILE or as form fields',
  invalid_grant: 'the grant was refused: used before, expired, or bound to another key',
  invalid_request: 'the request was refused as malformed: look at parameters and headers',
  unsupported_grant_type: 'this server does not know the grant type',
  invalid_scope: 'the scope asked for is not granted',
};

/** The OAuth error of an answer: in its challenge, or in the JSON with which its body starts. */
export function oauthErrorOf({ status, headers }: Response, start: Uint8Array): string | undefined {
  if (status < 400) return undefined;
  const challenge = headers.get('www-authenticate') ?? '';
  return /\berror\s*=\s*"?([\w.-]+)/i.exec(challenge)?.[1] ?? jsonError(start);
}

function jsonError(start: Uint8Array): string | undefined {
  try {
    const error = asObject(JSON.parse(Buffer.from(start).toString()))?.['error'];
    return typeof error === 'string' ? error : undefined;
  } catch {
    return undefined;
  }
}

/** A sentence for people, or nothing to say. */
export function hintFor({ status, headers }: Response, error: string | undefined): string | undefined {
  if (error !== undefined && Object.hasOwn(hints, error)) return hints[error];
  if (status >= 300 && status < 400 && headers.has('location'))
    return 'a redirect, which is not followed: if you trust where it leads, request that';
  if (status !== 401) return undefined;
  const challenge = headers.get('www-authenticate') ?? '';
  return /(?:^|[\s,])dpop\b/i.test(challenge)
    ? 'the server wants an access token: give --token-file or HOLDFAST_TOKEN'
    : 'the server offers no DPoP here: it may want another way to sign in';
}
