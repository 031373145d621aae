import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { sha256 } from '../src/digest.ts';
import { dpopErrorReasons } from '../src/errors.ts';
import { type CheckVerdict, explainProof, type VerifyProofOptions } from '../src/proof.ts';
import { envelopeChecks, headerChecks, requestChecks, signatureChecks } from '../src/proof-checks.ts';
import { ReceivedProof } from '../src/received-proof.ts';
import { forge, generateKeyPair, origin, path, proofParts, signer, T0 } from './_setup.ts';

/** The list of checks, and what it tells people. That each check refuses what it should is in `proof.test.ts`. */

const test = suite('proof checks');

const client = await generateKeyPair();
const token = 'token';
const ath = await sha256(token);
const checks = [...envelopeChecks, ...headerChecks, ...requestChecks, ...signatureChecks];
const names = checks.map(({ name }) => name);

type Told = Omit<CheckVerdict, 'name'>;

/** The verdicts on a valid proof with members replaced, by the name of the check. */
async function explain(
  changes: {
    readonly header?: object;
    readonly claims?: object;
    readonly proof?: string | readonly string[];
  },
  options: VerifyProofOptions = {},
): Promise<Readonly<Record<string, Told>>> {
  const { header, claims } = proofParts(client, ath);
  const forged = await forge(
    { ...header, ...changes.header },
    { ...claims, ...changes.claims },
    signer(client),
  );
  const request = { method: 'GET', uri: `${origin}${path}`, proof: changes.proof ?? forged };
  const verdicts = await explainProof(request, { now: T0, accessToken: token, ...options });
  assert.equal(
    verdicts.map(({ name }) => name),
    names,
  );
  return Object.fromEntries(verdicts.map(({ name, ...told }) => [name, told]));
}

/** What one check expected and found. */
function said(told: Readonly<Record<string, Told>>, name: string): readonly unknown[] {
  const { expected, found } = told[name] as Told;
  return [expected, found];
}

test('every check has a name of its own, a section, and a reason of the closed list', () => {
  assert.is(new Set(names).size, checks.length);
  for (const { section, reason } of checks) {
    assert.match(section, /^RFC \d{4} \d/);
    assert.ok(dpopErrorReasons.includes(reason));
  }
});

test('the signature, the dearest check, comes last', () => {
  assert.equal(names.slice(-2), ['key usable', 'signature']);
  assert.equal(
    signatureChecks.map(({ name }) => name),
    ['key usable', 'signature'],
  );
});

test('a proof is read once, and not at all beyond its size', async () => {
  const { header, claims } = proofParts(client, ath);
  const text = await forge(header, claims, signer(client));
  const proof = new ReceivedProof([text], { algorithms: ['ES256'], maxProofBytes: text.length });
  assert.is(proof.header, proof.header);
  assert.is(proof.claims, proof.claims);
  assert.is(proof.segments, proof.segments);
  assert.equal({ ...proof.jwk }, client.publicJwk);
  const long = new ReceivedProof([text], { algorithms: ['ES256'], maxProofBytes: text.length - 1 });
  assert.is(long.segments, undefined);
  assert.equal([long.header, long.claims, long.jwk].map(Object.keys), [[], [], []]);
});

test('tells of a valid proof what was expected and found', async () => {
  const told = await explain({}, { jkt: client.jkt });
  assert.ok(Object.values(told).every(({ passed, deciding }) => passed && !deciding));
  assert.equal(said(told, 'proof present'), ['a DPoP header line', 1]);
  assert.equal(said(told, 'one proof'), [1, 1]);
  assert.is(told['size']?.expected, 'at most 4096 bytes');
  assert.is(told['compact JWS']?.found, 'three segments');
  assert.is(told['header is JSON']?.found, 'a JSON object');
  assert.equal(said(told, 'typ'), ['dpop+jwt', 'dpop+jwt']);
  assert.equal(said(told, 'alg'), ['ES256, Ed25519, EdDSA', 'ES256']);
  assert.is(told['no extensions']?.found, 'none');
  assert.is(told['jwk present']?.found, 'object');
  assert.is(told['jwk public']?.found, 'public members only');
  assert.equal(told['jwk fits alg']?.found, { kty: 'EC', crv: 'P-256', use: undefined, alg: undefined });
  assert.is(told['jwk canonical']?.found, 'canonical');
  assert.is(told['jwk strong']?.found, 'strong');
  assert.equal(said(told, 'key binding'), [client.jkt, client.jkt]);
  assert.is(told['payload is JSON']?.found, 'a JSON object');
  assert.is(told['jti']?.found, 'string');
  assert.equal(said(told, 'htm'), ['GET', 'GET']);
  assert.equal(said(told, 'htu'), [`${origin}${path}`, `${origin}${path}`]);
  assert.is(told['iat']?.found, T0);
  assert.equal(said(told, 'exp'), [`absent, or after ${T0}`, undefined]);
  assert.equal(said(told, 'nbf'), [`absent, or at most ${T0 + 10}`, undefined]);
  assert.equal(said(told, 'ath'), [ath, ath]);
  assert.is(told['nonce well-formed']?.found, 'undefined');
  assert.is(told['nonce ours']?.found, 'absent');
  assert.equal(said(told, 'nonce given where required'), ['nothing', 'none']);
  assert.equal(said(told, 'not too old'), [
    { now: T0, maxAge: 60, futureSkew: 10, nonceLife: 60 },
    { axis: 'iat', at: T0 },
  ]);
  assert.equal(told['not from the future']?.expected, { now: T0, futureSkew: 10 });
  assert.equal(told['within memory']?.found, { axis: 'iat', at: T0 });
  assert.is(told['key usable']?.found, 'imported');
  assert.is(told['signature']?.found, 'see verdict');
});

test('tells of a nonce whether it is ours', async () => {
  const readNonce = async (nonce: string): Promise<{ axis: 'nonce'; at: number } | undefined> =>
    nonce === 'ours' ? { axis: 'nonce', at: T0 } : undefined;
  const ours = await explain({ claims: { nonce: 'ours' } }, { readNonce, nonceRequired: true });
  assert.is(ours['nonce ours']?.found, 'ours');
  assert.equal(said(ours, 'nonce given where required'), ['a nonce', 'a nonce']);
  const theirs = await explain({ claims: { nonce: 'theirs' } }, { readNonce });
  assert.is(theirs['nonce ours']?.found, 'not ours');
  assert.ok(theirs['nonce ours']?.deciding);
});

test('tells of several faults which one decides', async () => {
  const told = await explain({ header: { typ: 'JWT', crit: ['x'], b64: false }, claims: { htm: 'PUT' } });
  const failed = Object.entries(told).filter(([, { passed }]) => !passed);
  assert.equal(
    failed.map(([name]) => name),
    ['typ', 'no extensions', 'htm'],
  );
  assert.equal(
    failed.map(([, { deciding }]) => deciding),
    [true, false, false],
  );
  assert.equal(said(told, 'no extensions'), ['no crit, b64 or zip', 'crit, b64']);
});

test('tells of a key with another spelling, weak or private', async () => {
  const spelled = await explain({ header: { jwk: { ...client.publicJwk, x: 'AA' } } });
  assert.is(spelled['jwk canonical']?.found, 'another spelling');
  assert.is(spelled['jwk strong']?.found, 'weak');
  assert.is(spelled['key usable']?.found, 'refused by the crypto library');
  const disclosed = await explain({ header: { jwk: { ...client.publicJwk, d: 'AA' } } });
  assert.is(disclosed['jwk public']?.found, 'private key material');
});

for (const [what, proof] of Object.entries({
  nothing: [],
  'an empty line': '',
  rubbish: 'a.b.c',
  'no JSON': 'AAAA.AAAA.AAAA',
})) {
  test(`runs every check on ${what}`, async () => {
    const told = await explain({ proof }, { jkt: client.jkt });
    assert.is(Object.values(told).filter(({ deciding }) => deciding).length, 1);
    assert.is(told['payload is JSON']?.found, 'unreadable');
    assert.is(told['header is JSON']?.found, 'unreadable');
    assert.not(told['signature']?.passed);
    assert.equal(said(told, 'key binding'), [client.jkt, 'no key']);
  });
}

test('tells where there is neither a token nor a key to compare with', async () => {
  const { header, claims } = proofParts(client);
  const proof = await forge(header, claims, signer(client));
  const verdicts = await explainProof({ method: 'GET', uri: `${origin}${path}`, proof }, { now: T0 });
  const told = Object.fromEntries(verdicts.map((verdict) => [verdict.name, verdict]));
  assert.equal(said(told, 'ath'), ['not looked at', undefined]);
  assert.is(told['key binding']?.expected, 'any key');
});

test.run();
