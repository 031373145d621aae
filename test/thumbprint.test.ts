import fc from 'fast-check';
import { calculateJwkThumbprint } from 'jose';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { encodeBase64url } from '../src/digest.ts';
import { isThumbprint, jwkThumbprint, type PublicJwk, toPublicJwk } from '../src/thumbprint.ts';

const test = suite('thumbprint');

interface Example {
  readonly from: string;
  readonly jwk: PublicJwk;
  readonly thumbprint: string;
}

/** The keys whose thumbprints the standards print. */
const examples: readonly Example[] = [
  {
    from: 'RFC 9449 section 4.1',
    jwk: {
      kty: 'EC',
      crv: 'P-256',
      x: 'l8tFrhx-34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBFs',
      y: '9VE4jf_Ok_o64zbTTlcuNJajHmt6v9TDVrU0CdvGRDA',
    },
    thumbprint: '0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I',
  },
  {
    from: 'RFC 7638 section 3.1',
    jwk: {
      kty: 'RSA',
      n:
        '0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3' +
        'oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdA' +
        'ZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-' +
        'kEgU8awapJzKnqDKgw',
      e: 'AQAB',
    },
    thumbprint: 'NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs',
  },
  {
    from: 'RFC 8037 appendix A.3',
    jwk: { kty: 'OKP', crv: 'Ed25519', x: '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo' },
    thumbprint: 'kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k',
  },
];

for (const { from, jwk, thumbprint } of examples) {
  test(`[R7638-3-01] [R9449-6.1-02] gives the thumbprint of ${from}`, async () => {
    assert.is(await jwkThumbprint(toPublicJwk({ ...jwk })), thumbprint);
  });

  test(`[D29] [D30] [R7638-3-01] ${from}: other members and another order change nothing`, async () => {
    const reversed = Object.fromEntries(Object.entries(jwk).reverse());
    const more = { kid: 'a', alg: 'b', use: 'sig', x5c: [], exp: 1, ...reversed, foo: 'bar' };
    assert.is(await jwkThumbprint(toPublicJwk(more)), thumbprint);
  });

  test(`${from}: nothing private is picked`, () => {
    const pair = { ...jwk, d: 'secret', p: 'secret', k: 'secret' };
    assert.is(JSON.stringify(toPublicJwk(pair)).includes('secret'), false);
    assert.equal(toPublicJwk(pair), jwk);
  });
}

test('[D12] [R7638-3-01] keys with a leading zero byte have the thumbprint that jose computes', async () => {
  const zeroX: PublicJwk = {
    crv: 'P-256',
    kty: 'EC',
    x: 'AFVDiUrz0A7X10Cr29dclrBod7eH219w7qeLkKjXwAo',
    y: 'u0yFo9jqKe-q-iRAaRLdhNWxTcMr9lbvbGvVil2UP5I',
  };
  const zeroY: PublicJwk = {
    crv: 'P-256',
    kty: 'EC',
    x: 'mGriUG8f8QTQQjCGHY9LSY9LxMbQCbMPdUTcEpuC0o0',
    y: 'ADzMwKZGDgrjKKTZfTx7YdhvxiicGJ8lJREMRBuwfpc',
  };
  for (const jwk of [zeroX, zeroY])
    assert.is(await jwkThumbprint(jwk), await calculateJwkThumbprint(jwk, 'sha256'));
});

test('[R7638-3-01] every key has the thumbprint that jose computes', async () => {
  const member = fc.uint8Array({ minLength: 32, maxLength: 32 }).map(encodeBase64url);
  const keys = fc.oneof(
    fc.record({ kty: fc.constant('EC'), crv: fc.constant('P-256'), x: member, y: member }),
    fc.record({ kty: fc.constant('OKP'), crv: fc.constant('Ed25519'), x: member }),
    fc.record({ kty: fc.constant('RSA'), n: member, e: member }),
  );
  await fc.assert(
    fc.asyncProperty(keys, async (jwk) => {
      assert.is(await jwkThumbprint(toPublicJwk(jwk)), await calculateJwkThumbprint(jwk, 'sha256'));
    }),
  );
});

test('[J07] knows a thumbprint by its form: 32 bytes in canonical base64url', () => {
  const [{ thumbprint }] = examples as [Example];
  assert.ok(isThumbprint(thumbprint));
  const others = ['', thumbprint.slice(1), `${thumbprint}A`, `${thumbprint}=`, `${thumbprint.slice(1)}\n`];
  const misspelt = [`${thumbprint.slice(0, -1)}J`, `+${thumbprint.slice(1)}`, ` ${thumbprint.slice(1)}`];
  for (const value of [...others, ...misspelt, 'A'.repeat(10_000), 43, null, undefined, [thumbprint], {}]) {
    assert.not(isThumbprint(value), JSON.stringify(value));
  }
});

test('[R9449-11.10-01] a thumbprint of another hash is none', () => {
  assert.not(isThumbprint(encodeBase64url(new Uint8Array(48))), 'SHA-384');
  assert.not(isThumbprint(encodeBase64url(new Uint8Array(20))), 'SHA-1');
  assert.ok(isThumbprint(encodeBase64url(new Uint8Array(32))), 'SHA-256');
});

test.run();
