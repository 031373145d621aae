import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type Credentials, readCredentials } from '../src/credentials.ts';
import type { DpopErrorReason } from '../src/errors.ts';
import type { RawRequest } from '../src/target-uri.ts';
import { path, reasonOf } from './_setup.ts';

const test = suite('credentials');

/** The credentials of a valid request with one thing changed, where both schemes may be read. */
function readEither(changes: Partial<RawRequest> = {}): Credentials {
  return readCredentials({ ...valid, ...changes }, ['DPoP', 'Bearer']);
}

/** The token of a valid request with one thing changed, where DPoP alone may be read. */
function read(changes: Partial<RawRequest> = {}): string {
  const { scheme, token } = readCredentials({ ...valid, ...changes }, ['DPoP']);
  assert.is(scheme, 'DPoP');
  return token;
}

const valid = { method: 'GET', target: path, rawHeaders: ['Authorization', 'DPoP aaa'] };

const withLines = (...lines: string[]): Partial<RawRequest> => ({
  rawHeaders: lines.flatMap((line) => ['Authorization', line]),
});

test('[R9449-7.1-01] reads a token68 value exactly as sent', () => {
  for (const token of ['aaa', 'aB0-._~+/', 'a==', 'a.b.c', 'a'.repeat(1_000_000)]) {
    assert.ok(read(withLines(`DPoP ${token}`)) === token, token.slice(0, 20));
  }
});

test('[R9449-7.1-01] one or more spaces part scheme and token', () => {
  assert.is(read(withLines('DPoP    aaa')), 'aaa');
});

test('[A18] [R9449-7.1-12] the scheme ignores letter case', () => {
  for (const scheme of ['dpop', 'DPOP', 'dPoP']) assert.is(read(withLines(`${scheme} aaa`)), 'aaa', scheme);
});

test('[A15] [R9449-7.2-06] refuses two Authorization lines, even two of one token', async () => {
  for (const lines of [
    ['DPoP aaa', 'Bearer bbb'],
    ['Bearer bbb', 'DPoP aaa'],
    ['DPoP aaa', 'DPoP aaa'],
    ['DPoP aaa', ''],
  ]) {
    assert.is(await reasonOf(() => read(withLines(...lines))), 'authorization-repeated', lines.join(' and '));
  }
});

test('[A16] [R6750-2-01] refuses a second token in the form', async () => {
  for (const access_token of ['aaa', 'bbb', '', undefined]) {
    assert.is(
      await reasonOf(() => read({ form: { title: 'note', access_token } })),
      'token-repeated',
      String(access_token),
    );
  }
  assert.is(read({ form: { title: 'note' } }), 'aaa');
});

for (const query of [
  'access_token=bbb',
  'a=1&access_token=',
  'access_token',
  'access%5Ftoken=b',
  '%61ccess_token=b',
  '%zz&access_token=b',
]) {
  test(`[A16] [R6750-2-01] refuses a second token in the query ${query}`, async () => {
    assert.is(await reasonOf(() => read({ target: `${path}?${query}` })), 'token-repeated');
  });
}

test('[A16] a query that only resembles one is no second token', () => {
  for (const query of [
    '',
    'page=2',
    'page=%32',
    'my_access_token=b',
    'x=access_token',
    'ACCESS_TOKEN=b',
    '%zz=1',
  ]) {
    assert.is(read({ target: `${path}?${query}` }), 'aaa', query);
  }
  assert.is(read({ target: '/access_token=b' }), 'aaa');
});

test('[A17] [R6750-2.3-01] a token only in query or form is none', async () => {
  const elsewhere = { ...withLines(), target: `${path}?access_token=aaa`, form: { access_token: 'aaa' } };
  assert.is(await reasonOf(() => read(elsewhere)), 'credentials-missing');
});

const bad = [
  'DPoP',
  'DPoP ',
  'DPoP   ',
  'DPoP a b',
  'DPoP a,b',
  'DPoP a, DPoP b',
  'DPoP "a"',
  'DPoP a=b',
  'DPoP =',
  'DPoP a\u00e9',
  'DPoP a!',
];
// One spelling for each request: only spaces part scheme and token.
const oddSpaces = ['DPoP \ta', 'DPoP \u00a0a', 'DPoP a ', 'DPoP a\t'];
for (const line of [...bad, ...oddSpaces]) {
  test(`[A19] refuses ${JSON.stringify(line)}`, async () => {
    assert.is(await reasonOf(() => read(withLines(line))), 'authorization-malformed');
  });
}

test('[A20] refuses a megabyte of almost a token', async () => {
  assert.is(
    await reasonOf(() => read(withLines(`DPoP ${'a'.repeat(1_000_000)}!`))),
    'authorization-malformed',
  );
});

test('[A07] [R9449-7.2-01] names the downgrade when the scheme is Bearer', async () => {
  for (const line of ['Bearer aaa', 'bearer aaa', 'BEARER', 'Bearer a b']) {
    assert.is(await reasonOf(() => read(withLines(line))), 'bearer-scheme', line);
  }
});

test('[R9449-7.2-03] where Bearer may be read, it says which of the two it was, in any letter case', () => {
  for (const scheme of ['Bearer', 'bearer', 'BEARER'])
    assert.equal(readEither(withLines(`${scheme} aaa`)), { scheme: 'Bearer', token: 'aaa' });
  for (const scheme of ['DPoP', 'dpop'])
    assert.equal(readEither(withLines(`${scheme} aaa`)), { scheme: 'DPoP', token: 'aaa' });
});

test('[R6750-2-01] [R9449-7.2-06] where Bearer may be read, it is read as strictly', async () => {
  const faults: readonly (readonly [DpopErrorReason, Partial<RawRequest>])[] = [
    ['authorization-repeated', withLines('Bearer aaa', 'DPoP aaa')],
    ['authorization-repeated', withLines('Bearer aaa', 'Bearer aaa')],
    ['token-repeated', { ...withLines('Bearer aaa'), target: `${path}?access_token=aaa` }],
    ['token-repeated', { ...withLines('Bearer aaa'), form: { access_token: 'aaa' } }],
    ...[...bad, ...oddSpaces].map(
      (line) => ['authorization-malformed', withLines(line.replace('DPoP', 'Bearer'))] as const,
    ),
    ['credentials-missing', withLines('Basic YTpi')],
    ['credentials-missing', withLines('Bearers aaa')],
    ['credentials-missing', { rawHeaders: ['Proxy-Authorization', 'Bearer aaa'] }],
  ];
  for (const [reason, changes] of faults)
    assert.is(await reasonOf(() => readEither(changes)), reason, JSON.stringify(changes));
});

test('[A21] [A22] finds nothing where there is no DPoP scheme', async () => {
  for (const lines of [
    [],
    [''],
    ['Basic YTpi'],
    ['DPoPx aaa'],
    ['DPoP\taaa'],
    ['DPoP=aaa'],
    [' DPoP aaa'],
    ['Token DPoP aaa'],
  ]) {
    assert.is(await reasonOf(() => read(withLines(...lines))), 'credentials-missing', lines.join());
  }
});

test('[A23] [R9449-7.1-11] does not take Proxy-Authorization for Authorization', async () => {
  const proxied = { rawHeaders: ['Proxy-Authorization', 'DPoP aaa'] };
  assert.is(await reasonOf(() => read(proxied)), 'credentials-missing');
});

test.run();
