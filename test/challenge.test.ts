import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  type ChallengeOptions,
  type HttpAnswer,
  toRefusal,
  toResourceAnswer,
  toTokenAnswer,
} from '../src/challenge.ts';
import { DpopError, type DpopErrorCode, type DpopErrorReason, dpopErrorReasons } from '../src/errors.ts';
import { createRequest, createWorld, path, refusalOf } from './_setup.ts';

const test = suite('challenge');

const options: ChallengeOptions = {
  algorithms: ['ES256', 'Ed25519'],
  realm: undefined,
  resourceMetadata: undefined,
};

/** The code of each reason, written down once more: a reason must not change its code by accident. */
const reasonsByCode: Readonly<Record<DpopErrorCode | 'none', readonly DpopErrorReason[]>> = {
  none: ['credentials-missing'],
  invalid_request: [
    'host-mismatch',
    'target-malformed',
    'method-override',
    'authorization-repeated',
    'authorization-malformed',
    'token-repeated',
    'dpop-jkt-malformed',
    'dpop-jkt-mismatch',
  ],
  invalid_token: [
    'bearer-scheme',
    'token-too-large',
    'token-malformed',
    'token-type-mismatch',
    'token-algorithm-not-allowed',
    'token-key-unknown',
    'token-signature-invalid',
    'token-issuer-mismatch',
    'token-audience-mismatch',
    'token-claim-invalid',
    'token-expired',
    'token-not-yet-valid',
    'token-not-bound',
    'token-confirmation-unsupported',
    'bound-token-as-bearer',
    'token-inactive',
    'token-lives-too-long',
    'token-revoked',
    'token-revocation-unknown',
    'key-mismatch',
  ],
  insufficient_scope: ['scope-insufficient'],
  invalid_grant: [
    'grant-unknown',
    'grant-expired',
    'grant-of-another-client',
    'grant-reused',
    'grant-ended',
    'grant-key-mismatch',
    'grant-key-missing',
    'redirect-uri-mismatch',
    'code-verifier-mismatch',
  ],
  invalid_scope: ['scope-exceeded'],
  invalid_dpop_proof: [
    'proof-missing',
    'proof-repeated',
    'proof-too-large',
    'proof-malformed',
    'typ-mismatch',
    'alg-not-allowed',
    'extension-refused',
    'jwk-malformed',
    'jwk-private',
    'jwk-unfit',
    'jwk-not-canonical',
    'jwk-weak',
    'jti-invalid',
    'htm-mismatch',
    'htu-malformed',
    'htu-mismatch',
    'iat-invalid',
    'proof-expired',
    'proof-not-yet-valid',
    'ath-mismatch',
    'nonce-invalid',
    'key-invalid',
    'signature-invalid',
    'key-revoked',
    'replayed',
  ],
  use_dpop_nonce: ['nonce-unknown', 'nonce-required', 'proof-stale', 'proof-from-future', 'proof-forgotten'],
  temporarily_unavailable: [
    'quota-exceeded',
    'issuer-unavailable',
    'replay-store-unavailable',
    'revocation-store-unavailable',
    'record-store-unavailable',
    'unexpected',
  ],
};

/** What goes on the wire: status at a resource and at a token endpoint, and the one text there is. */
const wire: Readonly<Record<DpopErrorCode, readonly [resource: number, token: number, text: string]>> = {
  invalid_request: [400, 400, 'The request is malformed or not meant for this server'],
  invalid_token: [401, 400, 'The access token is invalid, expired, or bound to another key'],
  insufficient_scope: [403, 400, 'The access token does not cover this request'],
  invalid_grant: [400, 400, 'The grant is invalid, expired, used before, or bound to another client or key'],
  invalid_scope: [400, 400, 'The scope is more than was granted'],
  invalid_dpop_proof: [401, 400, 'One valid, unused DPoP proof for this very request is required'],
  use_dpop_nonce: [401, 400, 'A proof with the nonce of this answer is required'],
  temporarily_unavailable: [503, 503, 'The request could not be checked; try again'],
};

test('every reason has exactly one code', () => {
  const written = Object.values(reasonsByCode).flat();
  assert.is(written.length, dpopErrorReasons.length);
  assert.equal(new Set(written), new Set(dpopErrorReasons));
});

for (const [code, reasons] of Object.entries(reasonsByCode)) {
  for (const reason of reasons) {
    test(`[R9449-7.1-07] [R6750-3.1-01] ${reason} is answered as ${code}`, () => {
      const error = new DpopError(reason);
      assert.is(error.code ?? 'none', code);
      if (error.code === undefined) return;
      const [resource, token, text] = wire[error.code];
      const crowded = reason === 'quota-exceeded' ? 429 : undefined;
      for (const [answer, status] of [
        [toResourceAnswer(error, options), resource],
        [toTokenAnswer(error), token],
      ] as const) {
        assert.is(answer.status, crowded ?? status);
        assert.equal(answer.body, { error: code, error_description: text });
        assert.is(answer.headers['cache-control'], 'no-store');
      }
    });
  }
}

/** The parameters of a challenge, which must be one of the DPoP scheme with quoted values, each name once. */
function parametersOf(answer: HttpAnswer): Readonly<Record<string, string>> {
  const challenge = answer.headers['www-authenticate'] ?? '';
  const parameter = /([a-z_]+)="([\x20\x21\x23-\x5b\x5d-\x7e]*)"/;
  const grammar = new RegExp(`^DPoP ${parameter.source}(?:, ${parameter.source})*$`);
  assert.match(challenge, grammar);
  const pairs = [...challenge.matchAll(new RegExp(parameter, 'g'))].map(([, name = '', value = '']) => [
    name,
    value,
  ]);
  assert.is(new Set(pairs.map(([name]) => name)).size, pairs.length);
  return Object.fromEntries(pairs);
}

for (const reason of dpopErrorReasons.filter(
  (each) => new DpopError(each).code !== 'temporarily_unavailable',
)) {
  test(`[R9449-7.1-04] [R9449-7.1-06] [R9449-7.1-08] [R6750-3-01] [L03] ${reason} gives one well-formed DPoP challenge`, () => {
    const error = new DpopError(reason, { scopes: ['read', 'write'] });
    const parameters = parametersOf(toResourceAnswer(error, options));
    assert.is(parameters['error'], error.code);
    assert.is(parameters['error_description'], error.code && wire[error.code][2]);
    assert.is(parameters['algs'], 'ES256 Ed25519');
    assert.equal([parameters['realm'], parameters['resource_metadata']], [undefined, undefined]);
  });
}

test('[R9449-7.2-04] [R6750-3.1-02] [A21] nothing presented: a challenge without an error, an empty body', () => {
  const answer = toResourceAnswer(new DpopError('credentials-missing'), options);
  assert.is(answer.status, 401);
  assert.is(answer.headers['www-authenticate'], 'DPoP algs="ES256 Ed25519"');
  assert.equal(answer.body, {});
});

test('nothing presented at a token endpoint is an invalid request', () => {
  const answer = toTokenAnswer(new DpopError('credentials-missing'));
  assert.equal([answer.status, answer.body['error']], [400, 'invalid_request']);
});

test('[R9449-7.1-05] [R6750-3.1-01] names the scopes that would have been needed', () => {
  const answer = toResourceAnswer(
    new DpopError('scope-insufficient', { scopes: ['read', 'write'] }),
    options,
  );
  assert.is(answer.status, 403);
  assert.is(parametersOf(answer)['scope'], 'read write');
  assert.is(parametersOf(toResourceAnswer(new DpopError('token-expired'), options))['scope'], undefined);
});

test('[R9449-7.1-05] [R9728-5.1-01] names realm and metadata where they are configured', () => {
  const full = { ...options, realm: 'notes', resourceMetadata: 'https://rs.example/.well-known/x' };
  const answer = toResourceAnswer(new DpopError('token-expired'), full);
  assert.is(
    answer.headers['www-authenticate'],
    'DPoP error="invalid_token", error_description="The access token is invalid, expired, or bound to another key", ' +
      'realm="notes", algs="ES256 Ed25519", resource_metadata="https://rs.example/.well-known/x"',
  );
});

test('[R9449-8-02] [R9449-9-01] [R9449-8.2-03] [H10] a nonce goes into one header of its own, never to be cached', () => {
  const error = new DpopError('nonce-required', { nonce: 'a-nonce' });
  const resource = toResourceAnswer(error, options);
  const token = toTokenAnswer(error);
  assert.is(parametersOf(resource)['error'], 'use_dpop_nonce');
  assert.equal(token.headers, { 'cache-control': 'no-store', 'dpop-nonce': 'a-nonce' });
  const { 'www-authenticate': _, ...rest } = resource.headers;
  assert.equal(rest, token.headers);
  assert.not('dpop-nonce' in toTokenAnswer(new DpopError('replayed')).headers);
});

test('[R9449-5-03] a token endpoint gives no challenge', () => {
  for (const reason of dpopErrorReasons)
    assert.not('www-authenticate' in toTokenAnswer(new DpopError(reason)).headers);
});

for (const reason of reasonsByCode.temporarily_unavailable) {
  const [status, seconds] = reason === 'quota-exceeded' ? [429, '10'] : [503, '1'];
  test(`[R9449-7.1-03] ${reason}: ${status} that says when to come back, and no challenge`, () => {
    for (const answer of [
      toResourceAnswer(new DpopError(reason), options),
      toTokenAnswer(new DpopError(reason)),
    ]) {
      assert.is(answer.status, status);
      assert.equal(answer.headers, { 'cache-control': 'no-store', 'retry-after': seconds });
    }
  });
}

test('[R9449-7.1-03] whatever else was thrown is a 503 as well', () => {
  for (const thrown of [
    new Error('bug'),
    new TypeError('bug'),
    'text',
    undefined,
    null,
    { code: 'invalid_token' },
  ]) {
    assert.is(toResourceAnswer(thrown, options).status, 503);
    assert.is(toTokenAnswer(thrown).status, 503);
    const refusal = toRefusal(thrown);
    assert.equal([refusal.reason, refusal.cause], ['unexpected', thrown]);
  }
});

test('a refusal stays what it is', () => {
  const error = new DpopError('replayed', { jkt: 'x' });
  assert.is(toRefusal(error), error);
});

test('[R6750-3-02] [L02] says nothing of the error underneath, nor of the key', () => {
  const error = new DpopError('signature-invalid', {
    cause: new Error('secret "text"\r\nx: y'),
    jkt: 'the-thumbprint',
  });
  for (const answer of [toResourceAnswer(error, options), toTokenAnswer(error)]) {
    assert.not.match(JSON.stringify(answer), /secret|thumbprint|signature-invalid/);
  }
});

test('bodies are frozen, and no answer shares its headers with another', () => {
  for (const reason of ['unexpected', 'quota-exceeded', 'replayed'] as const) {
    const answer = toTokenAnswer(new DpopError(reason));
    assert.ok(Object.isFrozen(answer.body));
    Object.assign(answer.headers, { 'retry-after': '99', 'x-canary': 'x' });
    const next = toTokenAnswer(new DpopError(reason));
    assert.not('x-canary' in next.headers);
    assert.is.not(next.headers['retry-after'], '99');
  }
});

test('[R6750-3-02] [L02] [L03] hostile text in a request never reaches the answer', async () => {
  const world = await createWorld({ realm: 'notes' });
  const hostile = '"\r\nSet-Cookie: x="';
  for (const changes of [
    { proof: hostile },
    { token: hostile },
    { target: `${path}/${hostile}` },
    { method: hostile },
  ]) {
    const answer = world.server.challenge(
      await refusalOf(world.server.authorize(await createHostile(changes))),
    );
    assert.is(parametersOf(answer)['realm'], 'notes');
    assert.not.match(JSON.stringify(answer), 'Set-Cookie');
  }

  /** The client's own checks would not let these through. */
  async function createHostile(changes: {
    method?: string;
    token?: string;
    target?: string;
    proof?: string;
  }) {
    const request = await createRequest(world);
    const { method = request.method, target = request.target } = changes;
    const rawHeaders = request.rawHeaders.map((text, index) => {
      if (index === 3 && changes.token !== undefined) return `DPoP ${changes.token}`;
      return index === 5 ? (changes.proof ?? text) : text;
    });
    return { method, target, rawHeaders };
  }
});

test.run();
