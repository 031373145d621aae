import { readdir, readFile } from 'node:fs/promises';
import { inspect } from 'node:util';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { DpopError, type DpopErrorCode, type DpopErrorReason, dpopErrorReasons } from '../src/errors.ts';
import {
  createRequest,
  createWorld,
  forge,
  proofParts,
  refusalOf,
  signer,
  T0,
  type World,
} from './_setup.ts';

const test = suite('errors');

/** Which word each reason puts on the wire. A reason that is missing here does not compile. */
const expected: Readonly<Record<DpopErrorReason, DpopErrorCode | undefined>> = {
  'host-mismatch': 'invalid_request',
  'target-malformed': 'invalid_request',
  'method-override': 'invalid_request',
  'authorization-repeated': 'invalid_request',
  'authorization-malformed': 'invalid_request',
  'token-repeated': 'invalid_request',
  'credentials-missing': undefined,
  'bearer-scheme': 'invalid_token',
  'token-too-large': 'invalid_token',
  'token-malformed': 'invalid_token',
  'token-type-mismatch': 'invalid_token',
  'token-algorithm-not-allowed': 'invalid_token',
  'token-key-unknown': 'invalid_token',
  'token-signature-invalid': 'invalid_token',
  'token-issuer-mismatch': 'invalid_token',
  'token-audience-mismatch': 'invalid_token',
  'token-claim-invalid': 'invalid_token',
  'token-expired': 'invalid_token',
  'token-not-yet-valid': 'invalid_token',
  'token-not-bound': 'invalid_token',
  'token-confirmation-unsupported': 'invalid_token',
  'bound-token-as-bearer': 'invalid_token',
  'token-inactive': 'invalid_token',
  'token-lives-too-long': 'invalid_token',
  'token-revoked': 'invalid_token',
  'token-revocation-unknown': 'invalid_token',
  'key-mismatch': 'invalid_token',
  'scope-insufficient': 'insufficient_scope',
  'proof-missing': 'invalid_dpop_proof',
  'proof-repeated': 'invalid_dpop_proof',
  'proof-too-large': 'invalid_dpop_proof',
  'proof-malformed': 'invalid_dpop_proof',
  'typ-mismatch': 'invalid_dpop_proof',
  'alg-not-allowed': 'invalid_dpop_proof',
  'extension-refused': 'invalid_dpop_proof',
  'jwk-malformed': 'invalid_dpop_proof',
  'jwk-private': 'invalid_dpop_proof',
  'jwk-unfit': 'invalid_dpop_proof',
  'jwk-not-canonical': 'invalid_dpop_proof',
  'jwk-weak': 'invalid_dpop_proof',
  'jti-invalid': 'invalid_dpop_proof',
  'htm-mismatch': 'invalid_dpop_proof',
  'htu-malformed': 'invalid_dpop_proof',
  'htu-mismatch': 'invalid_dpop_proof',
  'iat-invalid': 'invalid_dpop_proof',
  'proof-expired': 'invalid_dpop_proof',
  'proof-not-yet-valid': 'invalid_dpop_proof',
  'ath-mismatch': 'invalid_dpop_proof',
  'nonce-invalid': 'invalid_dpop_proof',
  'key-invalid': 'invalid_dpop_proof',
  'signature-invalid': 'invalid_dpop_proof',
  'key-revoked': 'invalid_dpop_proof',
  replayed: 'invalid_dpop_proof',
  'nonce-unknown': 'use_dpop_nonce',
  'nonce-required': 'use_dpop_nonce',
  'proof-stale': 'use_dpop_nonce',
  'proof-from-future': 'use_dpop_nonce',
  'proof-forgotten': 'use_dpop_nonce',
  'dpop-jkt-malformed': 'invalid_request',
  'dpop-jkt-mismatch': 'invalid_request',
  'grant-unknown': 'invalid_grant',
  'grant-expired': 'invalid_grant',
  'grant-of-another-client': 'invalid_grant',
  'grant-reused': 'invalid_grant',
  'grant-ended': 'invalid_grant',
  'grant-key-mismatch': 'invalid_grant',
  'grant-key-missing': 'invalid_grant',
  'redirect-uri-mismatch': 'invalid_grant',
  'code-verifier-mismatch': 'invalid_grant',
  'scope-exceeded': 'invalid_scope',
  'quota-exceeded': 'temporarily_unavailable',
  'issuer-unavailable': 'temporarily_unavailable',
  'replay-store-unavailable': 'temporarily_unavailable',
  'revocation-store-unavailable': 'temporarily_unavailable',
  'record-store-unavailable': 'temporarily_unavailable',
  unexpected: 'temporarily_unavailable',
};

test('the list of reasons is complete and cannot be changed', () => {
  assert.equal(new Set<string>(dpopErrorReasons), new Set(Object.keys(expected)));
  assert.is(new Set(dpopErrorReasons).size, dpopErrorReasons.length);
  assert.ok(Object.isFrozen(dpopErrorReasons));
});

test('[R9449-5-03] every reason has exactly its code, and stands for itself in words that need no quotes', () => {
  for (const reason of dpopErrorReasons) {
    assert.is(new DpopError(reason).code, expected[reason], reason);
    assert.match(reason, /^[a-z]+(?:-[a-z]+)*$/);
  }
});

test('[L05] every reason is given somewhere: none is a dead word', async () => {
  const folder = new URL('../src/', import.meta.url);
  const files = (await readdir(folder, { recursive: true })).filter((name) => name.endsWith('.js'));
  const others = files.filter((name) => name !== 'errors.js');
  const texts = await Promise.all(others.map((name) => readFile(new URL(name, folder), 'utf8')));
  const source = texts.join('\n');
  for (const reason of dpopErrorReasons) assert.ok(source.includes(`'${reason}'`), reason);
});

test('an error carries what it was given and nothing else', () => {
  const cause = new Error('underneath');
  const details = { cause, jkt: 'a'.repeat(43), nonce: 'nonce', scopes: ['notes:write'] };
  const error = new DpopError('scope-insufficient', details);
  assert.instance(error, Error);
  assert.is(error.name, 'DpopError');
  assert.is(error.message, 'scope-insufficient');
  assert.is(error.reason, 'scope-insufficient');
  assert.is(error.cause, cause);
  assert.is(error.jkt, details.jkt);
  assert.is(error.nonce, 'nonce');
  assert.equal(error.scopes, ['notes:write']);
});

test('an error that was given nothing has nothing, not even a cause', () => {
  const error = new DpopError('replayed');
  assert.not('cause' in error);
  assert.is(error.jkt, undefined);
  assert.is(error.nonce, undefined);
  assert.equal(error.scopes, []);
});

test('[L04] as JSON it is its words, its thumbprint and its nonce, never its cause', () => {
  const error = new DpopError('key-mismatch', { cause: new Error('secret'), jkt: 'thumbprint' });
  const json = {
    name: 'DpopError',
    reason: 'key-mismatch',
    code: 'invalid_token',
    jkt: 'thumbprint',
    scopes: [],
  };
  assert.equal(JSON.parse(JSON.stringify(error)), json);
});

/** A refusal of each kind that has met secrets: what was sent, and what must not be found in its error. */
async function secretRefusals(world: World): Promise<{ error: DpopError; secrets: string[] }[]> {
  const ath = await world.server
    .authorize(await createRequest(world))
    .then(({ proof }) => proof?.claims['ath']);
  const { header, claims } = proofParts(world.keyPair, String(ath));
  const secret = 'c2VjcmV0LXByaXZhdGUta2V5';
  const sign = signer(world.keyPair);
  const jwk = { ...world.keyPair.publicJwk };
  const proofs = await Promise.all([
    forge(header, { ...claims, jti: secret.repeat(20) }, sign),
    forge(header, { ...claims, htu: `https://rs.example/${secret}` }, sign),
    forge(header, { ...claims, nonce: secret }, sign),
    forge(header, { ...claims, ath: secret }, sign),
    forge(header, { ...claims, iat: T0 - 3600 }, sign),
    forge(header, `{"jti":"${secret}"`, sign),
    forge(header, { ...claims, jti: secret }, async () => secret),
    forge({ ...header, jwk: { ...jwk, d: secret } }, claims, sign),
    forge({ ...header, jwk: { ...jwk, y: jwk['x' as keyof typeof jwk] } }, claims, sign),
  ]);
  const requests = await Promise.all(proofs.map((proof) => createRequest(world, { proof })));
  const tokens = await badTokens(world, secret);
  requests.push(...(await Promise.all(tokens.map((token) => createRequest(world, { token })))));
  return Promise.all(
    requests.map(async (request) => {
      const [, , , token = '', , proof = ''] = request.rawHeaders;
      const parts = [...token.slice('DPoP '.length).split('.'), ...proof.split('.')].filter(
        (part) => part !== secret,
      );
      return { error: await refusalOf(world.server.authorize(request)), secrets: [secret, ...parts] };
    }),
  );
}

/** Tokens that are refused before and by jose, for their time, their issuer, their signature and their claims. */
async function badTokens({ token, signingKey, keyPair }: World, secret: string): Promise<string[]> {
  const [head = '', payload = '', signature = ''] = token.split('.');
  const claims = JSON.parse(Buffer.from(payload, 'base64url').toString()) as Record<string, unknown>;
  const header = JSON.parse(Buffer.from(head, 'base64url').toString()) as Record<string, unknown>;
  const sign = signer({ ...keyPair, privateKey: signingKey.privateKey });
  const changes = [
    { iss: 'https://other.example' },
    { aud: 'other' },
    { exp: 1 },
    { sub: '' },
    { cnf: {} },
    { jti: 1 },
  ];
  const forged = changes.map((change) => forge(header, { ...claims, ...change, secret }, sign));
  const unknown = forge({ ...header, kid: secret }, claims, sign);
  const first = signature.startsWith('A') ? 'B' : 'A';
  return [...(await Promise.all([...forged, unknown])), `${head}.${payload}.${first}${signature.slice(1)}`];
}

test('[L01] [L04] [R9449-4.3-07] no part of a token or proof is in an error, its JSON, or its causes', async () => {
  const refusals = await secretRefusals(await createWorld());
  const reasons = new Set(refusals.map(({ error }) => error.reason));
  assert.is(reasons.size, 16, [...reasons].join());
  for (const { error, secrets } of refusals) {
    const shown = [
      String(error),
      error.stack,
      JSON.stringify(error),
      inspect(error, { depth: 20, showHidden: true }),
    ];
    for (const text of secrets.filter((part) => part.length > 8)) {
      assert.not(shown.join('\n').includes(text), `${error.reason}: ${text}`);
    }
  }
});

test.run();
