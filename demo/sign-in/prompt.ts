import { OAuthError, type Parameters } from '../authorization/oauth.ts';

/** When a client wants its user to sign in again, or not to be asked at all (OpenID Connect Core section 3.1.2.1). */

export interface PromptRules {
  /** `none`: no page may be shown. `login`: sign in, even if signed in. Consent is asked for every time, anyhow. */
  readonly prompt?: 'none' | 'login';
  /** Seconds since the last sign-in, at most. */
  readonly maxAge?: number;
}

/** @throws OAuthError for what is not supported: a wish that would be ignored is refused. */
export function checkPrompt(parameters: Parameters): PromptRules {
  const prompts = new Set(parameters.get('prompt')?.split(' '));
  const known = [...prompts].every((prompt) => ['none', 'login', 'consent'].includes(prompt));
  if (!known || (prompts.has('none') && prompts.size > 1))
    throw new OAuthError('invalid_request', 'The prompt must be none, or login, or consent');
  const maxAge = parameters.get('max_age');
  if (maxAge !== undefined && !/^\d{1,9}$/.test(maxAge))
    throw new OAuthError('invalid_request', 'The max_age must be a number of seconds');
  return {
    ...(prompts.has('none') ? { prompt: 'none' } : prompts.has('login') ? { prompt: 'login' } : {}),
    ...(maxAge === undefined ? {} : { maxAge: Number(maxAge) }),
  };
}
