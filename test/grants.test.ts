import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { sha256 } from '../src/digest.ts';
import type { DpopError } from '../src/errors.ts';
import {
  type CodeRequest,
  createGrants,
  createMemoryRecordStore,
  type GrantRequest,
  type Grants,
  type GrantsOptions,
  type OpenGrant,
  type RecordStore,
  type RedeemedGrant,
  type RefreshRequest,
  type Revocation,
  type Revocations,
} from '../src/index.ts';
import { createClock, issuerUrl, reasonOf, refusalOf, T0, type TestClock } from './_setup.ts';

const test = suite('grants');

const day = 86_400;
const [key, otherKey] = ['k'.repeat(42), 'o'.repeat(42)].map((text) => `${text}A`) as [string, string];
const redirectUri = 'https://app.example/callback';
const codeVerifier = 'v'.repeat(43);
const codeChallenge = await sha256(codeVerifier);

const consent: GrantRequest = {
  clientId: 'spa',
  clientType: 'public',
  subject: 'alice',
  scope: 'notes:read notes:write',
  redirectUri,
  codeChallenge,
};
const confidential: Partial<GrantRequest> = { clientId: 'web', clientType: 'confidential' };

/** What a stage's store or revocations do instead of their work. */
interface Faults {
  insert?: () => unknown;
  read?: () => unknown;
  replace?: () => unknown;
  revoke?: () => unknown;
}

interface Stage {
  readonly clock: TestClock;
  readonly records: RecordStore;
  readonly grants: Grants;
  /** What was revoked with the grants. */
  readonly revoked: Revocation[];
  readonly faults: Faults;
}

function createStage(options: Partial<GrantsOptions> = {}): Stage {
  const clock = createClock();
  const kept = createMemoryRecordStore({ capacity: 1000, clock: clock.read });
  const [faults, revoked]: [Faults, Revocation[]] = [{}, []];
  const records: RecordStore = {
    insert: (...args) => (faults.insert ?? (() => kept.insert(...args)))() as boolean,
    read: (name) => (faults.read ?? (() => kept.read(name)))() as undefined,
    replace: (...args) => (faults.replace ?? (() => kept.replace(...args)))() as boolean,
  };
  const revocations: Revocations = {
    revoke: async (revocation) => void (await (faults.revoke ?? (() => revoked.push(revocation)))()),
    refuseRevoked: async () => undefined,
    refuseRevokedKey: async () => undefined,
  };
  const settings = { issuer: issuerUrl, records, revocations, clock: clock.read };
  return { clock, records, grants: createGrants({ ...settings, ...options }), revoked, faults };
}

/** Opens a valid code of this consent, with one thing changed about its request. */
async function openCode(
  stage: Stage,
  code: string,
  changes: Partial<CodeRequest> & Pick<Partial<GrantRequest>, 'clientId'> = {},
): Promise<OpenGrant> {
  return stage.grants.openCode(code, { clientId: 'spa', redirectUri, codeVerifier, ...changes });
}

function redeem(stage: Stage, open: OpenGrant, jkt: string | undefined): Promise<RedeemedGrant> {
  return stage.grants.redeem(open, { jkt, nonce: undefined });
}

/** A whole code grant, from consent to redemption. */
async function begin(
  stage: Stage,
  changes: Partial<GrantRequest> = {},
  jkt: string | undefined = key,
): Promise<RedeemedGrant> {
  const request = { ...consent, ...changes };
  const code = await stage.grants.issueCode(request);
  return redeem(stage, await openCode(stage, code, { clientId: request.clientId }), jkt);
}

/** A grant that brought a refresh token. */
async function beginToken(
  stage: Stage,
  changes: Partial<GrantRequest> = {},
  jkt: string | undefined = key,
): Promise<{ readonly id: string; readonly token: string }> {
  const { id, refreshToken } = await begin(stage, changes, jkt);
  return { id, token: refreshToken ?? fail('no refresh token') };
}

/** A code grant without a proof, for a client that may still use Bearer tokens. */
async function beginUnbound(
  stage: Stage,
  changes: Partial<GrantRequest> = {},
): Promise<{ readonly id: string; readonly token: string }> {
  const request: GrantRequest = { ...consent, proof: 'optional', ...changes };
  const code = await stage.grants.issueCode(request);
  const open = await openCode(stage, code, { clientId: request.clientId });
  const { id, refreshToken } = await redeem(stage, open, undefined);
  return { id, token: refreshToken ?? fail('no refresh token') };
}

function fail(message: string): never {
  throw new Error(message);
}

async function refresh(
  stage: Stage,
  token: string,
  jkt: string | undefined = key,
  request: Partial<RefreshRequest> = {},
): Promise<RedeemedGrant> {
  return redeem(stage, await stage.grants.openRefreshToken(token, { clientId: 'spa', ...request }), jkt);
}

async function refreshUnbound(stage: Stage, token: string, clientId = 'spa'): Promise<RedeemedGrant> {
  return redeem(stage, await stage.grants.openRefreshToken(token, { clientId }), undefined);
}

const asWeb = { clientId: 'web' };

test('a code yields what was allowed, and a refresh token', async () => {
  const stage = createStage();
  const claims = { auth_time: T0 };
  const { id, refreshToken, ...rest } = await begin(stage, { claims });
  assert.match(id, /^[\w-]{43}$/);
  assert.match(refreshToken ?? '', /^[\w-]{43}\.[\w-]{43}\.[\w-]{43}$/);
  assert.equal(rest, { clientId: 'spa', subject: 'alice', scope: consent.scope, claims });
});

test('a code for a client that gets no refresh token yields none', async () => {
  assert.is((await begin(createStage(), { refresh: 'none' })).refreshToken, undefined);
});

test('no two codes, grants or refresh tokens are alike', async () => {
  const stage = createStage();
  const codes = await Promise.all(Array.from({ length: 20 }, () => stage.grants.issueCode(consent)));
  const grants = await Promise.all(
    codes.map(async (code) => redeem(stage, await openCode(stage, code), key)),
  );
  const names = [
    ...codes,
    ...grants.flatMap(({ id, refreshToken = '' }) => [id, ...refreshToken.split('.').slice(1)]),
  ];
  assert.is(new Set(names).size, 80);
  for (const code of codes) assert.match(code, /^[\w-]{43}$/);
});

test('the store holds neither a code nor a refresh token nor a subject in its keys', async () => {
  const seen: string[] = [];
  const kept = createMemoryRecordStore({ capacity: 10, clock: () => T0 });
  const records: RecordStore = {
    insert: (name, value, until) => {
      seen.push(JSON.stringify([name, value]));
      return kept.insert(name, value, until);
    },
    read: (name) => kept.read(name),
    replace: (name, before, value, until) => {
      seen.push(JSON.stringify([name, value]));
      return kept.replace(name, before, value, until);
    },
  };
  const stage = createStage({ records });
  const code = await stage.grants.issueCode(consent);
  const { refreshToken = '' } = await redeem(stage, await openCode(stage, code), key);
  const second = (await refresh(stage, refreshToken)).refreshToken ?? '';
  await stage.grants.endAll('alice@example.com');
  const secrets = [
    code,
    ...refreshToken.split('.').slice(1),
    ...second.split('.').slice(1),
    'alice@example.com',
  ];
  for (const secret of secrets) assert.not.ok(seen.some((text) => text.includes(secret)));
});

// The code.

test('opening a code changes nothing, however often', async () => {
  const stage = createStage();
  const code = await stage.grants.issueCode(consent);
  for (let turn = 0; turn < 3; turn++) await openCode(stage, code);
  await redeem(stage, await openCode(stage, code), key);
});

const refusedCodes: readonly (readonly [title: string, reason: string, changes: Partial<CodeRequest>])[] = [
  ['of another client', 'grant-of-another-client', { clientId: 'other' }],
  ['for another redirect URI', 'redirect-uri-mismatch', { redirectUri: `${redirectUri}/` }],
  ['for no redirect URI', 'redirect-uri-mismatch', { redirectUri: undefined }],
  ['[J08] [R9700-2.1-01] with another verifier', 'code-verifier-mismatch', { codeVerifier: 'w'.repeat(43) }],
  ['[J08] [R9700-2.1-01] without a verifier', 'code-verifier-mismatch', { codeVerifier: undefined }],
  ['[R9700-2.1-01] with the challenge itself', 'code-verifier-mismatch', { codeVerifier: codeChallenge }],
  ['with an empty verifier', 'code-verifier-mismatch', { codeVerifier: '' }],
  ['with a verifier and a line break', 'code-verifier-mismatch', { codeVerifier: `${codeVerifier}\n` }],
];
for (const [title, reason, changes] of refusedCodes) {
  test(`[R6749-4.1.2-01] a code ${title} is refused, and is still good for its owner`, async () => {
    const stage = createStage();
    const code = await stage.grants.issueCode(consent);
    const refusal = await refusalOf(openCode(stage, code, changes));
    assert.equal([refusal.reason, refusal.code], [reason, 'invalid_grant']);
    await redeem(stage, await openCode(stage, code), key);
  });
}

test('[R9700-2.1-01] verifiers of 43 to 128 characters are taken, and no others', async () => {
  const stage = createStage();
  for (const [length, taken] of [
    [42, false],
    [43, true],
    [128, true],
    [129, false],
  ] as const) {
    const verifier = '~'.repeat(length);
    const code = await stage.grants.issueCode({ ...consent, codeChallenge: await sha256(verifier) });
    const attempt = openCode(stage, code, { codeVerifier: verifier });
    if (taken) await attempt;
    else assert.is(await reasonOf(attempt), 'code-verifier-mismatch');
  }
});

test('a redirect URI that was in neither request is none to compare', async () => {
  const stage = createStage();
  const code = await stage.grants.issueCode({ ...consent, redirectUri: undefined });
  assert.is(await reasonOf(openCode(stage, code)), 'redirect-uri-mismatch');
  await openCode(stage, code, { redirectUri: undefined });
});

test('an unknown code is refused, and a refresh token is none', async () => {
  const stage = createStage();
  const { id, token } = await beginToken(stage);
  for (const code of ['', 'x', 'A'.repeat(43), id, token, '__proto__', 'x'.repeat(10_000)])
    assert.is(await reasonOf(openCode(stage, code)), 'grant-unknown');
});

test('[R6749-4.1.2-01] a code lives a minute, to its last instant', async () => {
  const stage = createStage();
  const code = await stage.grants.issueCode(consent);
  stage.clock.now = T0 + 60;
  const open = await openCode(stage, code);
  stage.clock.now = T0 + 60.001;
  assert.is(await reasonOf(openCode(stage, code)), 'grant-expired');
  assert.is(await reasonOf(redeem(stage, open, key)), 'grant-expired', 'opened in time, redeemed too late');
  stage.clock.now = T0 + 60;
  await redeem(stage, open, key);
});

test('[R6749-4.1.2-01] a code lives as long as was set, at most ten minutes', async () => {
  const stage = createStage({ codeLife: 600 });
  const code = await stage.grants.issueCode(consent);
  stage.clock.now = T0 + 600;
  await openCode(stage, code);
  stage.clock.now = T0 + 601;
  assert.is(await reasonOf(openCode(stage, code)), 'grant-expired');
});

test('[J15] [R6749-4.1.2-01] a code works once; its reuse ends what came of it', async () => {
  const stage = createStage();
  const code = await stage.grants.issueCode(consent);
  const { id, refreshToken = '' } = await redeem(stage, await openCode(stage, code), key);
  assert.equal(stage.revoked, []);
  const refusal = await refusalOf(redeem(stage, await openCode(stage, code), key));
  assert.equal([refusal.reason, refusal.code, refusal.jkt], ['grant-reused', 'invalid_grant', key]);
  assert.equal(stage.revoked, [{ issuer: issuerUrl, grant: id }]);
  assert.is(await reasonOf(refresh(stage, refreshToken)), 'grant-ended');
  assert.is(await stage.grants.inspect(refreshToken), undefined);
  assert.is(await reasonOf(redeem(stage, await openCode(stage, code), key)), 'grant-reused', 'for good');
});

test('[J15] [R6749-4.1.2-01] the reuse of a code ends what came of it after its time, too', async () => {
  for (const refreshed of [true, false]) {
    const stage = createStage();
    const code = await stage.grants.issueCode(consent);
    let { id, refreshToken = '' } = await redeem(stage, await openCode(stage, code), key);
    if (refreshed) ({ refreshToken = '' } = await refresh(stage, refreshToken));
    stage.clock.now = T0 + 660;
    assert.is(await reasonOf(redeem(stage, await openCode(stage, code), key)), 'grant-reused');
    assert.equal(stage.revoked, [{ issuer: issuerUrl, grant: id }]);
    assert.is(await reasonOf(refresh(stage, refreshToken)), 'grant-ended');
  }
});

test('[J15] [R6749-4.1.2-01] it is remembered as long when no refresh token came of the code', async () => {
  const stage = createStage();
  const code = await stage.grants.issueCode({ ...consent, refresh: 'none' });
  const { id } = await redeem(stage, await openCode(stage, code), key);
  stage.clock.now = T0 + 660;
  for (let turn = 0; turn < 9; turn++) await stage.grants.issueCode({ ...consent, clientId: 'other' });
  assert.is(await reasonOf(redeem(stage, await openCode(stage, code), key)), 'grant-reused');
  assert.equal(stage.revoked, [{ issuer: issuerUrl, grant: id }]);
});

test('[J08] [J15] whoever has a used code and no verifier, or no key, does not end the grant', async () => {
  const stage = createStage();
  const code = await stage.grants.issueCode({ ...consent, jkt: key });
  const { refreshToken = '' } = await redeem(stage, await openCode(stage, code), key);
  assert.is(
    await reasonOf(openCode(stage, code, { codeVerifier: 'w'.repeat(43) })),
    'code-verifier-mismatch',
  );
  assert.is(await reasonOf(redeem(stage, await openCode(stage, code), otherKey)), 'grant-key-mismatch');
  assert.is(await reasonOf(redeem(stage, await openCode(stage, code), undefined)), 'grant-key-missing');
  await refresh(stage, refreshToken);
});

test('of many who redeem a code at once, one gets a token, and it is dead', async () => {
  const stage = createStage();
  const code = await stage.grants.issueCode(consent);
  const opened = await Promise.all(Array.from({ length: 8 }, () => openCode(stage, code)));
  const results = await Promise.allSettled(opened.map((open) => redeem(stage, open, key)));
  const tokens = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
  assert.is(tokens.length, 1);
  for (const result of results)
    if (result.status === 'rejected') assert.is((result.reason as DpopError).reason, 'grant-reused');
  assert.is(await reasonOf(refresh(stage, tokens[0]?.refreshToken ?? '')), 'grant-ended');
});

test('one open grant is redeemed once', async () => {
  const stage = createStage();
  const open = await openCode(stage, await stage.grants.issueCode(consent));
  await redeem(stage, open, key);
  assert.is(await reasonOf(redeem(stage, open, key)), 'grant-reused');
});

test('a code whose mark of use was swept away is gone, too, whatever the clock does', async () => {
  const stage = createStage();
  const code = await stage.grants.issueCode({ ...consent, refresh: 'none' });
  await redeem(stage, await openCode(stage, code), key);
  stage.clock.now = T0 + 5000;
  for (let turn = 0; turn < 9; turn++) await stage.grants.issueCode({ ...consent, clientId: 'other' });
  stage.clock.now = T0 + 1;
  assert.is(await reasonOf(openCode(stage, code)), 'grant-unknown');
});

// The key of a code.

test('[J02] [R9449-10-02] [R9449-11.9-01] a code that is bound to a key is redeemed by that key alone', async () => {
  const stage = createStage();
  const code = await stage.grants.issueCode({ ...consent, jkt: key });
  const open = await openCode(stage, code);
  assert.equal(open.rule, { jkt: key });
  const refusal = await refusalOf(redeem(stage, open, otherKey));
  assert.equal([refusal.reason, refusal.jkt], ['grant-key-mismatch', otherKey]);
  assert.is(await reasonOf(redeem(stage, open, key.toUpperCase())), 'grant-key-mismatch');
  await redeem(stage, open, key);
});

test('[J06] [R9449-10-03] [R9449-10.1-03] a code that is bound to a key is not redeemed without one', async () => {
  const stage = createStage();
  for (const proof of ['required', 'optional'] as const) {
    const open = await openCode(stage, await stage.grants.issueCode({ ...consent, jkt: key, proof }));
    assert.is(await reasonOf(redeem(stage, open, undefined)), 'grant-key-missing');
    await redeem(stage, open, key);
  }
});

test('[R9449-5.2-01] without a word to the contrary, no grant is redeemed without a key', async () => {
  const stage = createStage();
  for (const changes of [{}, confidential]) {
    const { clientId } = { ...consent, ...changes };
    const open = await openCode(stage, await stage.grants.issueCode({ ...consent, ...changes }), {
      clientId,
    });
    assert.equal(open.rule, { proof: 'required' });
    assert.is(await reasonOf(redeem(stage, open, undefined)), 'grant-key-missing');
    await redeem(stage, open, key);
  }
});

test('[R9449-5.2-02] a client that may still use Bearer tokens redeems without a key', async () => {
  const stage = createStage();
  const { token } = await beginUnbound(stage);
  const open = await stage.grants.openRefreshToken(token, { clientId: 'spa' });
  assert.equal(open.rule, { proof: 'optional' });
  assert.type((await redeem(stage, open, undefined)).refreshToken, 'string');
});

test('a binding that is none redeems nothing, and consumes nothing', async () => {
  const stage = createStage();
  const open = await openCode(stage, await stage.grants.issueCode({ ...consent, proof: 'optional' }));
  for (const jkt of [null, '', 'short', `${key}=`, 5, [key], {}, true] as unknown as string[]) {
    const error = await redeem(stage, open, jkt).catch((thrown: unknown) => thrown);
    assert.instance(error, TypeError);
  }
  for (const binding of [undefined, null])
    assert.instance(
      await stage.grants.redeem(open, binding as never).catch((thrown: unknown) => thrown),
      TypeError,
    );
  await redeem(stage, open, key);
});

test('a grant that was not opened here, or is a copy, redeems nothing', async () => {
  const [stage, other] = [createStage(), createStage()];
  const open = await openCode(stage, await stage.grants.issueCode(consent));
  const elsewhere = await openCode(other, await other.grants.issueCode(consent));
  for (const wrong of [{ ...open }, elsewhere, { ...open, rule: {} }, {}, undefined, 'open'] as OpenGrant[]) {
    const error = await redeem(stage, wrong, key).catch((thrown: unknown) => thrown);
    assert.instance(error, TypeError);
    assert.match((error as Error).message, '"grant"');
  }
  assert.throws(() => Object.assign(open, { scope: 'admin' }), TypeError);
  assert.throws(() => Object.assign(open.rule, { proof: 'optional' }), TypeError);
  await redeem(stage, open, key);
});

// Refreshing: public clients.

test('[J09] [G15] [T-61] [R9449-5-06] [R9449-5-07] a public client keeps the key that it began with', async () => {
  const stage = createStage();
  let { token } = await beginToken(stage);
  for (let turn = 0; turn < 3; turn++) {
    const open = await stage.grants.openRefreshToken(token, { clientId: 'spa' });
    assert.equal(open.rule, { jkt: key });
    assert.is(await reasonOf(redeem(stage, open, otherKey)), 'grant-key-mismatch');
    assert.is(await reasonOf(redeem(stage, open, undefined)), 'grant-key-missing');
    const next = (await redeem(stage, open, key)).refreshToken ?? '';
    assert.is.not(next, token);
    token = next;
  }
});

test('[R9449-5-06] the key of dpop_jkt is the key of the refresh token', async () => {
  const stage = createStage();
  const { token } = await beginToken(stage, { jkt: key });
  assert.is(await reasonOf(refresh(stage, token, otherKey)), 'grant-key-mismatch');
  await refresh(stage, token);
});

test('[T-61] [R9449-5-06] [R9449-5-09] the first proof binds a grant that began without one, for good', async () => {
  const stage = createStage();
  const { token: first } = await beginUnbound(stage);
  const { refreshToken: second = '' } = await refreshUnbound(stage, first);
  const { refreshToken: third = '' } = await refresh(stage, second, key);
  assert.is(await reasonOf(refreshUnbound(stage, third)), 'grant-key-missing');
  assert.is(await reasonOf(refresh(stage, third, otherKey)), 'grant-key-mismatch');
  assert.type((await refresh(stage, third, key)).refreshToken, 'string');
});

test('[R9449-5-09] a client that may use Bearer tokens and showed a key with its code has bound its refresh token', async () => {
  const stage = createStage();
  const { token } = await beginToken(stage, { proof: 'optional' });
  assert.is(await reasonOf(refreshUnbound(stage, token)), 'grant-key-missing');
  await refresh(stage, token);
});

test('[J10] [R9700-2.2.2-01] a refresh token works once; its reuse ends the family', async () => {
  const stage = createStage();
  const { id, token: first } = await beginToken(stage);
  const { refreshToken: second = '' } = await refresh(stage, first);
  const refusal = await refusalOf(refresh(stage, first));
  assert.equal([refusal.reason, refusal.code, refusal.jkt], ['grant-reused', 'invalid_grant', key]);
  assert.equal(stage.revoked, [{ issuer: issuerUrl, grant: id }]);
  for (const token of [first, second]) assert.is(await reasonOf(refresh(stage, token)), 'grant-ended');
});

test('[J10] a token from several rotations ago is still known for what it is', async () => {
  const stage = createStage();
  const { token: first } = await beginToken(stage);
  let latest = first;
  for (let turn = 0; turn < 5; turn++) latest = (await refresh(stage, latest)).refreshToken ?? '';
  assert.is(await reasonOf(refresh(stage, first)), 'grant-reused');
  assert.is(await reasonOf(refresh(stage, latest)), 'grant-ended');
});

test('[J09] [J10] a used refresh token without its key ends nothing', async () => {
  const stage = createStage();
  const { token: first } = await beginToken(stage);
  const { refreshToken: second = '' } = await refresh(stage, first);
  assert.is(await reasonOf(refresh(stage, first, otherKey)), 'grant-key-mismatch');
  assert.is(await reasonOf(refreshUnbound(stage, first)), 'grant-key-missing');
  await refresh(stage, second);
});

test('[R9700-2.2.2-01] of many who refresh at once, one gets a token, and it is dead', async () => {
  const stage = createStage();
  const { token } = await beginToken(stage);
  const opened = await Promise.all(
    Array.from({ length: 8 }, () => stage.grants.openRefreshToken(token, { clientId: 'spa' })),
  );
  const results = await Promise.allSettled(opened.map((open) => redeem(stage, open, key)));
  const tokens = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
  assert.is(tokens.length, 1);
  assert.is(await reasonOf(refresh(stage, tokens[0]?.refreshToken ?? '')), 'grant-ended');
});

test("whoever knows a grant's name alone, as every access token tells it, cannot end it", async () => {
  const stage = createStage();
  const { id, token } = await beginToken(stage);
  const guess = 'x'.repeat(43);
  const [, family = ''] = token.split('.');
  const wrong = [
    id,
    `${id}.${guess}.${guess}`,
    `${id}.${guess}.${token.split('.')[2]}`,
    `${guess}.${family}.${guess}`,
  ];
  for (const text of wrong) {
    assert.is(await reasonOf(stage.grants.openRefreshToken(text, { clientId: 'spa' })), 'grant-unknown');
    assert.is(await stage.grants.inspect(text), undefined);
  }
  assert.equal(stage.revoked, []);
  await refresh(stage, token);
});

test('what is no refresh token is refused, and looked up nowhere', async () => {
  const stage = createStage();
  const { token } = await beginToken(stage);
  const code = await stage.grants.issueCode(consent);
  stage.faults.read = () => fail('looked up');
  for (const text of ['', 'x', code, `${token}.`, `${token}\n`, ` ${token}`, token.slice(1), `a.${token}`])
    assert.is(await reasonOf(stage.grants.openRefreshToken(text, { clientId: 'spa' })), 'grant-unknown');
});

// Refreshing: confidential clients.

test('[T-59] [G16] [R9449-5-11] [R9449-5-12] a confidential client may come with another key, and keeps its token', async () => {
  const stage = createStage();
  const { token } = await beginToken(stage, confidential);
  for (const jkt of [otherKey, key, otherKey]) {
    const open = await stage.grants.openRefreshToken(token, asWeb);
    assert.equal(open.rule, { proof: 'required' });
    assert.is((await redeem(stage, open, jkt)).refreshToken, undefined);
  }
});

test('[T-59] [R9449-5-11] dpop_jkt binds the code of a confidential client, not its refresh token', async () => {
  const stage = createStage();
  const code = await stage.grants.issueCode({ ...consent, ...confidential, jkt: key });
  const open = await openCode(stage, code, asWeb);
  assert.is(await reasonOf(redeem(stage, open, otherKey)), 'grant-key-mismatch');
  const { refreshToken = '' } = await redeem(stage, open, key);
  await refresh(stage, refreshToken, otherKey, asWeb);
});

test('[T-60] a confidential grant that began bound is never refreshed without a proof', async () => {
  for (const changes of [{ proof: 'optional' }, { proof: 'optional', jkt: key }, {}] as const) {
    const stage = createStage();
    const { token } = await beginToken(stage, { ...confidential, ...changes });
    assert.is(await reasonOf(refreshUnbound(stage, token, 'web')), 'grant-key-missing');
    await refresh(stage, token, otherKey, asWeb);
  }
});

test('[T-60] nor one that began without a proof, after its first one', async () => {
  const stage = createStage();
  const { token } = await beginUnbound(stage, confidential);
  await refreshUnbound(stage, token, 'web');
  await refresh(stage, token, key, asWeb);
  assert.is(await reasonOf(refreshUnbound(stage, token, 'web')), 'grant-key-missing');
  await refresh(stage, token, otherKey, asWeb);
});

test('[T-60] a refresh without a proof that was opened before the first one does not undo it', async () => {
  const stage = createStage();
  const { token } = await beginUnbound(stage, confidential);
  const open = await stage.grants.openRefreshToken(token, asWeb);
  await refresh(stage, token, key, asWeb);
  await redeem(stage, open, undefined).catch(() => undefined);
  assert.is(await reasonOf(refreshUnbound(stage, token, 'web')), 'grant-key-missing');
});

test('a confidential client that refreshes often at once gets what it asked for', async () => {
  const stage = createStage();
  const { token } = await beginUnbound(stage, confidential);
  await Promise.all(Array.from({ length: 8 }, () => refresh(stage, token, key, asWeb)));
});

// Refreshing: everybody.

test('[R6749-6-01] a refresh token is good for its own client alone', async () => {
  const stage = createStage();
  const { token } = await beginToken(stage);
  const attempt = stage.grants.openRefreshToken(token, { clientId: 'other' });
  assert.is(await reasonOf(attempt), 'grant-of-another-client');
  await refresh(stage, token);
});

test('[R6749-6-01] a refresh narrows the scope of one token, and never widens it', async () => {
  const stage = createStage();
  let { token } = await beginToken(stage);
  const narrowed = await refresh(stage, token, key, { scope: 'notes:write' });
  assert.is(narrowed.scope, 'notes:write');
  token = narrowed.refreshToken ?? '';
  const wider = [
    'admin',
    'notes:read admin',
    'notes',
    'Notes:read',
    '',
    ' ',
    'notes:read ',
    'notes:read  notes:write',
  ];
  for (const scope of wider) {
    const refusal = await refusalOf(refresh(stage, token, key, { scope }));
    assert.equal([refusal.reason, refusal.code], ['scope-exceeded', 'invalid_scope']);
  }
  assert.is((await refresh(stage, token)).scope, consent.scope, 'the grant itself is as wide as before');
});

test('a grant without a scope stays one', async () => {
  const stage = createStage();
  const { token } = await beginToken(stage, { scope: '' });
  assert.is(await reasonOf(refresh(stage, token, key, { scope: 'notes:read' })), 'scope-exceeded');
  assert.is((await refresh(stage, token)).scope, '');
});

for (const [refreshLife, what] of [
  [30 * day, 'of thirty days'],
  [1000, 'of its own'],
  [100, 'that is shorter than a code is known'],
  [0, 'of nothing'],
] as const) {
  test(`a grant can be refreshed for a life ${what}, counted from its beginning`, async () => {
    for (const type of [{}, confidential]) {
      const stage = createStage(refreshLife === 30 * day ? {} : { refreshLife });
      const { clientId } = { ...consent, ...type };
      let { token } = await beginToken(stage, type);
      assert.is((await stage.grants.inspect(token))?.exp, T0 + refreshLife);
      stage.clock.now = T0 + refreshLife;
      token = (await refresh(stage, token, key, { clientId })).refreshToken ?? token;
      stage.clock.now += 0.001;
      assert.is(await reasonOf(stage.grants.openRefreshToken(token, { clientId })), 'grant-expired');
      assert.is(await stage.grants.inspect(token), undefined);
    }
  });
}

test('claims come with every redemption, and whoever changes them changes nothing else', async () => {
  const stage = createStage();
  const claims = { roles: ['reader'] };
  const begun = await begin(stage, { claims });
  (begun.claims['roles'] as string[]).push('admin');
  const refreshed = await refresh(stage, begun.refreshToken ?? '');
  assert.equal(refreshed.claims, { roles: ['reader'] });
  (refreshed.claims['roles'] as string[]).push('admin');
  assert.equal((await refresh(stage, refreshed.refreshToken ?? '')).claims, { roles: ['reader'] });
});

// Inspecting.

test('tells what a refresh token is good for, and changes nothing', async () => {
  const stage = createStage();
  stage.clock.now = T0 + 0.5;
  const { id, token } = await beginToken(stage);
  stage.clock.now = T0 + 9;
  for (let turn = 0; turn < 2; turn++)
    assert.equal(await stage.grants.inspect(token), {
      grantId: id,
      clientId: 'spa',
      subject: 'alice',
      scope: consent.scope,
      jkt: key,
      iat: T0,
      exp: T0 + 30 * day,
    });
  await refresh(stage, token);
});

test('a refresh token that is bound to no key says so', async () => {
  const stage = createStage();
  const { token } = await beginToken(stage, confidential);
  const state = await stage.grants.inspect(token);
  assert.ok(state !== undefined && 'jkt' in state);
  assert.is(state.jkt, undefined);
});

test('says nothing of a token that was replaced, ended, signed out or never made', async () => {
  const stage = createStage();
  const { token: first } = await beginToken(stage);
  const { refreshToken: second = '' } = await refresh(stage, first);
  assert.is(await stage.grants.inspect(first), undefined);
  assert.ok(await stage.grants.inspect(second));
  const ended = await beginToken(stage, { subject: 'bob' });
  await stage.grants.end(ended.id);
  await stage.grants.endAll('alice');
  for (const token of [ended.token, second, '', 'x']) assert.is(await stage.grants.inspect(token), undefined);
});

// Ending.

for (const type of [{}, confidential]) {
  const { clientType, clientId } = { ...consent, ...type };
  test(`[R7009-2.1-02] ending the grant of a ${clientType} client ends its refresh token and its access tokens`, async () => {
    const stage = createStage();
    const { id, token } = await beginToken(stage, type);
    const neighbour = await beginToken(stage, type);
    const open = await stage.grants.openRefreshToken(token, { clientId });
    await stage.grants.end(id);
    assert.equal(stage.revoked, [{ issuer: issuerUrl, grant: id }]);
    assert.is(await reasonOf(stage.grants.openRefreshToken(token, { clientId })), 'grant-ended');
    assert.ok(
      ['grant-ended', 'grant-reused'].includes(await reasonOf(redeem(stage, open, key))),
      'opened before',
    );
    await refresh(stage, neighbour.token, key, { clientId });
    await stage.grants.end(id);
    assert.is(await reasonOf(stage.grants.openRefreshToken(token, { clientId })), 'grant-ended');
  });
}

test('ending is for good: a redemption that comes at the same time does not undo it', async () => {
  for (const type of [{}, confidential]) {
    const stage = createStage();
    const { clientId } = { ...consent, ...type };
    const { id, token } = await beginToken(stage, { ...type, proof: 'optional' });
    const open = await stage.grants.openRefreshToken(token, { clientId });
    await Promise.allSettled([redeem(stage, open, key), stage.grants.end(id), redeem(stage, open, key)]);
    assert.is(await reasonOf(stage.grants.openRefreshToken(token, { clientId })), 'grant-ended');
  }
});

test('an unknown grant is ended without a word; what can be no grant is a mistake', async () => {
  const stage = createStage();
  await stage.grants.end('unknown');
  assert.equal(stage.revoked, [{ issuer: issuerUrl, grant: 'unknown' }]);
  for (const id of ['', undefined, 5] as string[]) {
    const error = await stage.grants.end(id).catch((thrown: unknown) => thrown);
    assert.match(String(error), /"grantId"/);
  }
});

test('a grant that vanished between opening and redeeming yields nothing', async () => {
  const stage = createStage();
  const { id, token } = await beginToken(stage, confidential);
  const open = await stage.grants.openRefreshToken(token, asWeb);
  const stored = await stage.records.read(`grant:${id}`);
  await stage.records.replace(`grant:${id}`, stored ?? fail('not kept'), undefined);
  assert.is(await reasonOf(redeem(stage, open, key)), 'grant-expired');
});

test('signing out everywhere ends every code and grant of a subject, and of no other', async () => {
  const stage = createStage();
  const [spa, web] = [await beginToken(stage), await beginToken(stage, confidential)];
  const bob = await beginToken(stage, { subject: 'bob' });
  const code = await stage.grants.issueCode(consent);
  const openedCode = await openCode(stage, code);
  const openedTokens = [
    await stage.grants.openRefreshToken(spa.token, { clientId: 'spa' }),
    await stage.grants.openRefreshToken(web.token, asWeb),
  ];
  stage.clock.now = T0 + 5;
  await stage.grants.endAll('alice');
  assert.equal(stage.revoked, [{ issuer: issuerUrl, subject: 'alice', before: T0 + 5 }]);
  assert.is(await reasonOf(openCode(stage, code)), 'grant-ended');
  assert.is(await reasonOf(refresh(stage, spa.token)), 'grant-ended');
  assert.is(await reasonOf(refresh(stage, web.token, key, asWeb)), 'grant-ended');
  for (const open of [openedCode, ...openedTokens])
    assert.is(await reasonOf(redeem(stage, open, key)), 'grant-ended');
  await refresh(stage, bob.token);
});

test('whoever signs in after that is in, until the next time', async () => {
  const stage = createStage();
  await stage.grants.endAll('alice');
  assert.is(await reasonOf(begin(stage)), 'grant-ended', 'at the very same instant');
  stage.clock.now = T0 + 1;
  const { token } = await beginToken(stage);
  const { refreshToken = '' } = await refresh(stage, token);
  stage.clock.now = T0 + 2;
  await stage.grants.endAll('alice');
  assert.is(await reasonOf(refresh(stage, refreshToken)), 'grant-ended');
});

for (const [refreshLife, codeLife] of [
  [30 * day, 60],
  [100, 60],
  [0, 600],
] as const) {
  test(`a sign-out holds as long as anything is left: ${refreshLife} s of refreshing, codes of ${codeLife} s`, async () => {
    const stage = createStage({ refreshLife, codeLife });
    const code = await stage.grants.issueCode(consent);
    const { token } = await beginToken(stage);
    stage.clock.now = T0 + 0.001;
    await stage.grants.endAll('alice');
    for (const later of [1, 59, 61, 100, 101, 161, 599, 661, 1201, 30 * day - 1, 30 * day, 30 * day + 1]) {
      stage.clock.now = T0 + later;
      for (let turn = 0; turn < 9; turn++) await stage.grants.issueCode({ ...consent, subject: 'bob' });
      await reasonOf(openCode(stage, code));
      await reasonOf(refresh(stage, token));
    }
  });
}

test('a sign-out that was recorded later by a clock since set back still counts, and as long', async () => {
  const stage = createStage({ refreshLife: 5000 });
  stage.clock.now = T0 + 1000;
  await stage.grants.endAll('alice');
  stage.clock.now = T0;
  await stage.grants.endAll('alice');
  stage.clock.now = T0 + 500;
  const code = await stage.grants.issueCode(consent);
  assert.is(await reasonOf(openCode(stage, code)), 'grant-ended');
  const stored = await stage.records.read(`subject:${await sha256('alice')}`);
  assert.is(stored?.until, T0 + 6000);
});

test('a second sign-out counts from its own moment, and as long', async () => {
  const stage = createStage({ refreshLife: 5000 });
  await stage.grants.endAll('alice');
  stage.clock.now = T0 + 1000;
  const { token } = await beginToken(stage);
  await stage.grants.endAll('alice');
  assert.is(await reasonOf(refresh(stage, token)), 'grant-ended');
  const stored = await stage.records.read(`subject:${await sha256('alice')}`);
  assert.equal([stored?.value, stored?.until], [{ before: T0 + 1000 }, T0 + 6000]);
});

test('signing out everywhere from many places at once works', async () => {
  const stage = createStage();
  const { token } = await beginToken(stage);
  await Promise.all(Array.from({ length: 8 }, () => stage.grants.endAll('alice')));
  assert.is(await reasonOf(refresh(stage, token)), 'grant-ended');
});

test('who signs out has a name', async () => {
  const { grants } = createStage();
  for (const subject of ['', undefined, 5] as string[])
    assert.match(String(await grants.endAll(subject).catch((thrown: unknown) => thrown)), /"subject"/);
});

test('works without revocations: access tokens then live until they expire', async () => {
  const clock = createClock();
  const records = createMemoryRecordStore({ capacity: 10, clock: clock.read });
  const stage = { ...createStage(), grants: createGrants({ issuer: issuerUrl, records, clock: clock.read }) };
  const { id, token } = await beginToken(stage);
  await stage.grants.end(id);
  assert.is(await reasonOf(refresh(stage, token)), 'grant-ended');
  await stage.grants.endAll('alice');
});

test("without a clock, it goes by the system's", async () => {
  const records = createMemoryRecordStore({ capacity: 10 });
  const stage = { ...createStage(), grants: createGrants({ issuer: issuerUrl, records }) };
  const { token } = await beginToken(stage);
  const { iat = 0 } = (await stage.grants.inspect(token)) ?? {};
  assert.ok(Math.abs(iat - Date.now() / 1000) < 60);
});

test('[R6749-6-01] a misspelt scope is a mistake: it would be the whole one', async () => {
  const stage = createStage();
  const { token } = await beginToken(stage);
  const request = { clientId: 'spa', scopes: 'notes:read' };
  const error = await stage.grants.openRefreshToken(token, request).catch((thrown: unknown) => thrown);
  assert.instance(error, TypeError);
  assert.match((error as TypeError).message, '"scopes"');
});

test('claims are an object, and a verifier is a text', async () => {
  const stage = createStage();
  for (const claims of [null, 'text', 5, ['a']] as never[]) {
    const error = await stage.grants.issueCode({ ...consent, claims }).catch((thrown: unknown) => thrown);
    assert.instance(error, TypeError);
    assert.match((error as TypeError).message, '"claims"');
  }
  const code = await stage.grants.issueCode(consent);
  const attempt = openCode(stage, code, { codeVerifier: [codeVerifier] as never });
  assert.is(await reasonOf(attempt), 'code-verifier-mismatch');
});

test('[R6749-4.1.2-01] of very many who redeem one code at once, all but one are told that it was used', async () => {
  const stage = createStage();
  const code = await stage.grants.issueCode(consent);
  const opened = await Promise.all(Array.from({ length: 50 }, () => openCode(stage, code)));
  const outcomes = await Promise.allSettled(opened.map((open) => redeem(stage, open, key)));
  const reasons = outcomes.flatMap((outcome) =>
    outcome.status === 'rejected' ? [outcome.reason.reason] : [],
  );
  assert.equal(reasons, new Array(49).fill('grant-reused'));
});

// A store in trouble.

/** Every question that grants ask a store, on something that would succeed. */
async function prepare(stage: Stage): Promise<Readonly<Record<string, () => Promise<unknown>>>> {
  const code = await stage.grants.issueCode(consent);
  const open = await openCode(stage, code);
  const { id, token } = await beginToken(stage);
  const other = await beginToken(stage);
  const web = await beginToken(stage, confidential);
  const webUnbound = await beginUnbound(stage, confidential);
  const openToken = await stage.grants.openRefreshToken(token, { clientId: 'spa' });
  const openWeb = await stage.grants.openRefreshToken(web.token, asWeb);
  const openUnbound = await stage.grants.openRefreshToken(webUnbound.token, asWeb);
  return {
    'insert issueCode': () => stage.grants.issueCode(consent),
    'read openCode': () => openCode(stage, code),
    'read redeem code': () => redeem(stage, open, key),
    'insert redeem code': () => redeem(stage, open, key),
    'read openRefreshToken': () => stage.grants.openRefreshToken(token, { clientId: 'spa' }),
    'read redeem public': () => redeem(stage, openToken, key),
    'replace redeem public': () => redeem(stage, openToken, key),
    'read redeem confidential': () => redeem(stage, openWeb, key),
    'replace redeem confidential': () => redeem(stage, openUnbound, key),
    'read inspect': () => stage.grants.inspect(token),
    'read end': () => stage.grants.end(id),
    'replace end': () => stage.grants.end(other.id),
    'insert endAll': () => stage.grants.endAll('bob'),
  };
}

type Method = 'insert' | 'read' | 'replace';

const troubles: Readonly<Record<string, (method: Method) => () => unknown>> = {
  rejects: () => () => Promise.reject(new Error('ECONNREFUSED')),
  throws: () => () => fail('closed'),
  'answers null': () => () => null,
  'answers a text': () => () => 'OK',
  'answers a promise of a number': () => async () => 1,
  'answers the wrong kind': (method) => () => (method === 'read' ? true : undefined),
  'answers half a record': () => () => ({ value: { before: 0 } }),
  'answers a record without a version': () => () => ({ value: {}, until: T0 + 5 }),
  'answers a record without an end': () => () => ({ value: {}, version: '1', until: Number.NaN }),
  'answers a record without a value': () => () => ({ value: [], version: '1', until: T0 + 5 }),
};

for (const [what, trouble] of Object.entries(troubles)) {
  test(`a store that ${what} is down; then everything works, as if nothing had happened`, async () => {
    const stage = createStage();
    for (const [title, ask] of Object.entries(await prepare(stage))) {
      const method = title.split(' ')[0] as Method;
      stage.faults[method] = trouble(method);
      const refusal = await refusalOf(ask());
      assert.is(refusal.reason, 'record-store-unavailable', title);
      assert.is(refusal.code, 'temporarily_unavailable');
      assert.ok(refusal.cause instanceof Error);
      delete stage.faults[method];
      // A code and a public client's token can be redeemed once, and it is asked about here twice.
      if (title !== 'read redeem code' && title !== 'read redeem public') await ask();
    }
  });
}

test('a store that never answers is down after a second', async () => {
  const reasons = (['insert', 'read', 'replace'] as const).map(async (method) => {
    const stage = createStage();
    const [, ask] = Object.entries(await prepare(stage)).find(([title]) => title.startsWith(method)) ?? [];
    stage.faults[method] = () => new Promise(() => undefined);
    return reasonOf(ask?.() ?? fail('no question'));
  });
  assert.equal(new Set(await Promise.all(reasons)), new Set(['record-store-unavailable']));
});

test('a store that says a fresh code is taken keeps none', async () => {
  const stage = createStage();
  stage.faults.insert = () => false;
  assert.is(await reasonOf(stage.grants.issueCode(consent)), 'record-store-unavailable');
});

test('a sign-out that is neither new nor there is not taken for done', async () => {
  const stage = createStage();
  stage.faults.insert = () => false;
  assert.is(await reasonOf(stage.grants.endAll('alice')), 'record-store-unavailable');
  assert.equal(stage.revoked, []);
});

test('a store in which others are always faster is given up on', async () => {
  const stage = createStage();
  const { id } = await beginToken(stage);
  let attempts = 0;
  stage.faults.replace = () => {
    attempts += 1;
    return false;
  };
  assert.is(await reasonOf(stage.grants.end(id)), 'record-store-unavailable');
  assert.ok(attempts > 1 && attempts <= 10, String(attempts));
});

test('a full store gives no code and takes none', async () => {
  const records = createMemoryRecordStore({ capacity: 2, clock: () => T0 });
  const stage = createStage({ records });
  const code = await stage.grants.issueCode(consent);
  const open = await openCode(stage, code);
  await records.insert('other', {}, T0 + 5);
  const refusal = await refusalOf(stage.grants.issueCode(consent));
  assert.is(refusal.reason, 'record-store-unavailable');
  assert.instance(refusal.cause, RangeError);
  assert.is(await reasonOf(redeem(stage, open, key)), 'record-store-unavailable');
  await records.replace('other', (await records.read('other')) ?? fail('lost'), undefined);
  await redeem(stage, open, key);
});

test('a deny list that is full or down keeps no grant alive; ending it again revokes what it could not', async () => {
  const attempts: Readonly<Record<string, (stage: Stage, id: string, tokens: string[]) => Promise<unknown>>> =
    {
      end: ({ grants }, id) => grants.end(id),
      reuse: (stage, _id, [first = '']) => refresh(stage, first),
      endAll: ({ grants }) => grants.endAll('alice'),
    };
  for (const [what, attempt] of Object.entries(attempts)) {
    const stage = createStage();
    const { id, token: first } = await beginToken(stage);
    const { refreshToken: second = '' } = await refresh(stage, first);
    stage.clock.now = T0 + 1;
    stage.faults.revoke = () => Promise.reject(new Error('READONLY'));
    const refusal = await refusalOf(attempt(stage, id, [first]));
    assert.is(refusal.reason, 'revocation-store-unavailable', what);
    assert.match(String(refusal.cause), 'READONLY');
    assert.is(await reasonOf(refresh(stage, second)), 'grant-ended', what);
    assert.is(stage.revoked.length, 0, what);
    delete stage.faults.revoke;
    await (what === 'endAll' ? stage.grants.endAll('alice') : stage.grants.end(id));
    assert.is(stage.revoked.length, 1, what);
  }
});

/**
 * A process that ends between two steps: of what it asks, the first `steps` are done, and the last of them answers
 * nobody (`lost`). What comes after that is asked by another process.
 */
function interrupt(stage: Stage, steps: number, lost: boolean): { readonly grants: Grants; ended: boolean } {
  let left = steps;
  const process = { grants: stage.grants, ended: false };
  const step = async <T>(act: () => T | Promise<T>): Promise<T> => {
    left -= 1;
    const answer = left >= 0 ? await act() : undefined;
    if (left < 0 || (left === 0 && lost)) {
      process.ended = true;
      throw new Error('gone');
    }
    return answer as T;
  };
  const records: RecordStore = {
    insert: (...args) => step(() => stage.records.insert(...args)),
    read: (name) => step(() => stage.records.read(name)),
    replace: (...args) => step(() => stage.records.replace(...args)),
  };
  const revocations: Revocations = {
    revoke: (revocation) => step(async () => void stage.revoked.push(revocation)),
    refuseRevoked: async () => undefined,
    refuseRevokedKey: async () => undefined,
  };
  return Object.assign(process, {
    grants: createGrants({ issuer: issuerUrl, records, revocations, clock: stage.clock.read }),
  });
}

interface Interruptible {
  readonly stage: Stage;
  readonly act: (stage: Stage) => Promise<unknown>;
  /** What the others find; `done`: whether the act came to its end. */
  readonly afterwards: (stage: Stage, done: boolean) => Promise<void>;
}

/** Runs an act that ends after each of its steps in turn, and then what the others do. */
async function eachInterruption(begun: () => Promise<Interruptible>): Promise<void> {
  for (const lost of [true, false]) {
    for (let steps = 0; ; steps++) {
      const { stage, act, afterwards } = await begun();
      const process = interrupt(stage, steps, lost);
      const done = await act({ ...stage, grants: process.grants }).then(
        () => true,
        () => false,
      );
      await afterwards(stage, done);
      if (!process.ended) break;
      assert.ok(steps < 20);
    }
  }
}

/** How an attempt ended, in a word. */
function outcomeOf(attempt: Promise<unknown>): Promise<string> {
  return attempt.then(
    () => 'done',
    (error: DpopError) => error.reason,
  );
}

test('[J17] a process that ends while it redeems a code leaves a code that is good, or a grant that is over', async () => {
  const outcomes = new Set<string>();
  await eachInterruption(async () => {
    const stage = createStage();
    const code = await stage.grants.issueCode(consent);
    const again = async (on: Stage): Promise<unknown> => redeem(on, await openCode(on, code), key);
    return {
      stage,
      act: again,
      afterwards: async (rest, done) => {
        const outcome = await outcomeOf(again(rest));
        assert.ok(outcome === 'grant-reused' || (outcome === 'done' && !done), outcome);
        outcomes.add(`${done} ${outcome}`);
        assert.is(await outcomeOf(again(rest)), 'grant-reused');
      },
    };
  });
  assert.equal(outcomes, new Set(['false done', 'false grant-reused', 'true grant-reused']));
});

test('a process that ends while it refreshes leaves a token that is good, or a grant that is over', async () => {
  await eachInterruption(async () => {
    const stage = createStage();
    const { token } = await beginToken(stage);
    const again = (on: Stage): Promise<unknown> => refresh(on, token);
    return {
      stage,
      act: again,
      afterwards: async (rest, done) => {
        const outcome = await outcomeOf(again(rest));
        assert.ok(outcome === 'grant-reused' || (outcome === 'done' && !done), outcome);
      },
    };
  });
  await eachInterruption(async () => {
    const stage = createStage();
    const { token } = await beginUnbound(stage, confidential);
    const again = (on: Stage): Promise<unknown> => refresh(on, token, key, asWeb);
    return { stage, act: again, afterwards: async (rest) => void (await again(rest)) };
  });
});

test('[J10] [J15] a process that ends while it finds a reuse has ended nothing by halves: the next one finds it', async () => {
  for (const what of ['code', 'token']) {
    await eachInterruption(async () => {
      const stage = createStage();
      const code = await stage.grants.issueCode(consent);
      const { id, refreshToken: first = '' } = await redeem(stage, await openCode(stage, code), key);
      const { refreshToken: second = '' } = await refresh(stage, first);
      const again = async (on: Stage): Promise<unknown> =>
        what === 'token' ? refresh(on, first) : redeem(on, await openCode(on, code), key);
      return {
        stage,
        act: again,
        afterwards: async (rest) => {
          const reason = await reasonOf(again(rest));
          assert.ok(reason === 'grant-reused' || reason === 'grant-ended', reason);
          assert.ok(
            rest.revoked.some((revocation) => 'grant' in revocation && revocation.grant === id),
            what,
          );
          assert.is(await reasonOf(refresh(rest, second)), 'grant-ended');
        },
      };
    });
  }
});

test('[R7009-2.1-02] a process that ends while it ends a grant or signs out is finished by the next attempt', async () => {
  for (const what of ['end', 'endAll'] as const) {
    await eachInterruption(async () => {
      const stage = createStage();
      const { id, token } = await beginToken(stage);
      // As the revocation endpoint does it: of a token that is good for nothing, there is nothing to end.
      const again = async ({ grants }: Stage): Promise<unknown> =>
        what === 'endAll' ? grants.endAll('alice') : (await grants.inspect(token)) && grants.end(id);
      return {
        stage,
        act: again,
        afterwards: async (rest) => {
          await again(rest);
          assert.ok(rest.revoked.length > 0);
          assert.is(await reasonOf(refresh(rest, token)), 'grant-ended');
        },
      };
    });
  }
});

// Options and requests that make no sense.

const naming = (name: string) => (error: unknown) =>
  error instanceof TypeError && error.message.includes(`"${name}"`);

test('refuses options that make no sense, by name', () => {
  const records = createMemoryRecordStore({ capacity: 1 });
  const wrong: readonly (readonly [name: string, options: object])[] = [
    ['issuer', { issuer: '' }],
    ['issuer', { issuer: undefined }],
    ['records', { records: undefined }],
    ['records', { records: { insert: () => true, read: () => undefined } }],
    ['revocations', { revocations: {} }],
    ['revocations', { revocations: null }],
    ['codeLife', { codeLife: 601 }],
    ['codeLife', { codeLife: -1 }],
    ['codeLife', { codeLife: Number.NaN }],
    ['refreshLife', { refreshLife: 366 * day + 1 }],
    ['refreshLife', { refreshLife: '30' }],
    ['clock', { clock: 5 }],
    ['clock', { clock: () => Date.now() * 1000 }],
    ['refreshlife', { refreshlife: 5 }],
  ];
  for (const [name, options] of wrong)
    assert.throws(
      () => createGrants({ issuer: issuerUrl, records, ...options } as GrantsOptions),
      naming(name),
    );
  assert.throws(() => createGrants(undefined as never), /options/);
});

test('refuses to make a code for what makes no sense, by name', async () => {
  const { grants } = createStage();
  const wrong: readonly (readonly [name: string, changes: object])[] = [
    ['clientId', { clientId: '' }],
    ['clientId', { clientId: undefined }],
    ['clientType', { clientType: 'native' }],
    ['clientType', { clientType: undefined }],
    ['subject', { subject: '' }],
    ['scope', { scope: undefined }],
    ['scope', { scope: ['notes:read'] }],
    ['redirectUri', { redirectUri: '' }],
    ['redirectUri', { redirectUri: null }],
    ['codeChallenge', { codeChallenge: undefined }],
    ['codeChallenge', { codeChallenge: codeVerifier.slice(1) }],
    ['codeChallenge', { codeChallenge: `${codeChallenge}=` }],
    ['jkt', { jkt: '' }],
    ['jkt', { jkt: null }],
    ['jkt', { jkt: `${key}A` }],
    ['proof', { proof: 'none' }],
    ['proof', { proof: null }],
    ['refresh', { refresh: true }],
    ['jtk', { jtk: key }],
  ];
  for (const [name, changes] of wrong) {
    const error = await grants
      .issueCode({ ...consent, ...changes } as GrantRequest)
      .catch((thrown: unknown) => thrown);
    assert.ok(naming(name)(error), `${name}: ${error}`);
  }
});

test('a clock that returns no time permits nothing', async () => {
  const stage = createStage();
  const code = await stage.grants.issueCode(consent);
  const open = await openCode(stage, code);
  const { token } = await beginToken(stage);
  const attempts = [
    () => stage.grants.issueCode(consent),
    () => openCode(stage, code),
    () => redeem(stage, open, key),
    () => stage.grants.openRefreshToken(token, { clientId: 'spa' }),
    () => stage.grants.inspect(token),
    () => stage.grants.endAll('alice'),
  ];
  for (const reading of [Number.NaN, T0 * 1000, -1]) {
    stage.clock.now = reading;
    for (const attempt of attempts)
      assert.match(String(await attempt().catch((thrown: unknown) => thrown)), /clock returned no time/);
  }
  stage.clock.now = T0;
  await redeem(stage, open, key);
  await refresh(stage, token);
});

test.run();
