import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { sha256 } from '../src/digest.ts';
import { explainProof, type ProofRequest, type VerifyProofOptions, verifyProof } from '../src/proof.ts';
import { jwkThumbprint } from '../src/thumbprint.ts';
import { reasonOf } from './_setup.ts';

/** The proofs printed in RFC 9449. Two of them share key, `jti` and `htu`: no replay memory would take both. */

const test = suite('RFC 9449 vectors');

const header =
  'eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDUkRZOXpDa0Rs' +
  'cEJoRjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JEQSIsImNydiI6IlAtMjU2' +
  'In19';
const jkt = '0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I';
const accessToken = 'Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU';
const ath = 'fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo';

interface Vector {
  readonly request: ProofRequest;
  readonly options: VerifyProofOptions & { readonly now: number };
  readonly jti: string;
}

const tokenRequest = { method: 'POST', uri: 'https://server.example.com/token' };
const resourceRequest = { method: 'GET', uri: 'https://resource.example.org/protectedresource' };

const vectors: Readonly<Record<string, Vector>> = {
  'figures 2 and 5, a token request': {
    request: {
      ...tokenRequest,
      proof:
        `${header}.eyJqdGkiOiItQndDM0VTYzZhY2MybFRjIiwiaHRtIjoiUE9TVCIsImh0dSI6Imh0dHBzOi8vc2VydmVyLmV4YW1wbGUuY29t` +
        'L3Rva2VuIiwiaWF0IjoxNTYyMjYyNjE2fQ.2-GxA6T8lP4vfrg8v-FdWP0A0zdrj8igiMLvqRMUvwnQg4PtFLbdLXiOSsX0x7NVY-FNy' +
        'JK70nfbV37xRZT3Lg',
    },
    options: { now: 1562262616 },
    jti: '-BwC3ESc6acc2lTc',
  },
  'figure 7, a refresh': {
    request: {
      ...tokenRequest,
      proof:
        `${header}.eyJqdGkiOiItQndDM0VTYzZhY2MybFRjIiwiaHRtIjoiUE9TVCIsImh0dSI6Imh0dHBzOi8vc2VydmVyLmV4YW1wbGUuY29t` +
        'L3Rva2VuIiwiaWF0IjoxNTYyMjY1Mjk2fQ.pAqut2IRDm_De6PR93SYmGBPXpwrAk90e8cP2hjiaG5QsGSuKDYW7_X620BxqhvYC8ynr' +
        'rvZLTk41mSRroapUA',
    },
    options: { now: 1562265296 },
    jti: '-BwC3ESc6acc2lTc',
  },
  'figure 13, a resource request': {
    request: {
      ...resourceRequest,
      proof:
        `${header}.eyJqdGkiOiJlMWozVl9iS2ljOC1MQUVCIiwiaHRtIjoiR0VUIiwiaHR1IjoiaHR0cHM6Ly9yZXNvdXJjZS5leGFtcGxlLm9y` +
        'Zy9wcm90ZWN0ZWRyZXNvdXJjZSIsImlhdCI6MTU2MjI2MjYxOCwiYXRoIjoiZlVIeU8ycjJaM0RaNTNFc05yV0JiMHhXWG9hTnk1OUlpS' +
        '0NBcWtzbVFFbyJ9.2oW9RP35yRqzhrtNP86L-Ey71EOptxRimPPToA1plemAgR6pxHF8y6-yqyVnmcw6Fy1dqd-jfxSYoMxhAJpLjA',
    },
    options: { now: 1562262618, accessToken, jkt },
    jti: 'e1j3V_bKic8-LAEB',
  },
};

for (const [name, { request, options, jti }] of Object.entries(vectors)) {
  test(`[R9449-4.3-06] [R9449-6.1-02] accepts ${name}`, async () => {
    const verified = await verifyProof(request, options);
    assert.equal([verified.jkt, verified.jti], [jkt, jti]);
    assert.equal(verified.time, { axis: 'iat', at: options.now });
    assert.ok((await explainProof(request, options)).every(({ passed }) => passed));
  });

  test(`[R9449-4.3-11] ${name}: until its window ends, and no longer`, async () => {
    await verifyProof(request, { ...options, now: options.now + 60 });
    assert.is(await reasonOf(verifyProof(request, { ...options, now: options.now + 61 })), 'proof-stale');
    await verifyProof(request, { ...options, now: options.now - 10 });
    assert.is(
      await reasonOf(verifyProof(request, { ...options, now: options.now - 11 })),
      'proof-from-future',
    );
  });

  test(`[R9449-4.3-06] ${name}: refused with another signature`, async () => {
    const [, payload] = (request.proof as string).split('.');
    const other = Object.values(vectors).find((vector) => vector.request.proof !== request.proof)?.request
      .proof;
    const signature = (other as string).split('.')[2];
    const forged = { ...request, proof: `${header}.${payload}.${signature}` };
    assert.is(await reasonOf(verifyProof(forged, options)), 'signature-invalid');
  });
}

test('[R9449-4.2-08] [R9449-4.3-12] ath is the hash of the token in figure 13', async () => {
  assert.is(await sha256(accessToken), ath);
  const { request, options } = vectors['figure 13, a resource request'] as Vector;
  const { claims } = await verifyProof(request, options);
  assert.is(claims['ath'], ath);
  const another = { ...options, accessToken: `${accessToken}x` };
  assert.is(await reasonOf(verifyProof(request, another)), 'ath-mismatch');
});

test('[R9449-4.3-09] figure 2 does not do at the resource of figure 13', async () => {
  const { request, options } = vectors['figures 2 and 5, a token request'] as Vector;
  const misused = { ...request, uri: resourceRequest.uri };
  assert.is(await reasonOf(verifyProof(misused, options)), 'htu-mismatch');
});

test('[R7638-3-01] [R9449-6.1-02] [R9449-11.8-01] the thumbprints of RFC 9449 and RFC 7638', async () => {
  const x = 'l8tFrhx-34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBFs';
  const y = '9VE4jf_Ok_o64zbTTlcuNJajHmt6v9TDVrU0CdvGRDA';
  assert.is(await jwkThumbprint({ crv: 'P-256', kty: 'EC', x, y }), jkt);
  const n =
    '0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3' +
    'oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdA' +
    'ZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-' +
    'kEgU8awapJzKnqDKgw';
  assert.is(await jwkThumbprint({ e: 'AQAB', kty: 'RSA', n }), 'NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs');
});

test.run();
