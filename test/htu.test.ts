import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { hasDotSegments, normalizeAuthority, normalizeHtu, normalizePath } from '../src/htu.ts';
import { verifyProof } from '../src/proof.ts';
import { createProof, forge, generateKeyPair, proofParts, reasonOf, signer, T0 } from './_setup.ts';
import { readVectors } from './vectors/read.ts';

const test = suite('htu');

/** An `htu`, its normal form (null: there is none), and the request it is compared with. */
interface HtuVector {
  readonly row: string;
  readonly htu: string;
  readonly normal: string | null;
  readonly uri?: string;
  readonly note?: string;
}

const vectors = await readVectors<readonly HtuVector[]>('htu.json');
const target = 'https://rs.example/api/data';
const keyPair = await generateKeyPair();

/** Verifies a proof that is valid but for its `htu`. */
async function verifyHtu(htu: unknown, uri: string): Promise<unknown> {
  const { header, claims } = proofParts(keyPair);
  const proof = await forge(header, { ...claims, htu }, signer(keyPair));
  return verifyProof({ method: 'GET', uri, proof }, { now: T0, maxProofBytes: 50_000 });
}

async function assertVerdict(htu: string, normal: string | undefined, uri: string): Promise<void> {
  if (normal === normalizeHtu(uri)) assert.ok(await verifyHtu(htu, uri));
  else
    assert.is(await reasonOf(verifyHtu(htu, uri)), normal === undefined ? 'htu-malformed' : 'htu-mismatch');
}

for (const [index, { row, htu, normal, uri = target, note }] of vectors.entries()) {
  const same = normal === normalizeHtu(uri);
  const verdict = normal === null ? 'malformed' : same ? 'the same' : 'another';
  test(`[R9449-4.3-09] [R9449-4.3-14] [${row}] #${index} ${JSON.stringify(htu)} is ${note ?? verdict}`, async () => {
    assert.is(normalizeHtu(htu), normal ?? undefined);
    await assertVerdict(htu, normal ?? undefined, uri);
  });
}

test('the vectors hold each verdict', () => {
  const verdicts = vectors.map(({ normal, uri = target }) =>
    normal === null ? 'none' : String(normal === uri),
  );
  assert.equal(new Set(verdicts), new Set(['none', 'true', 'false']));
  for (const { uri = target } of vectors)
    assert.is(normalizeHtu(uri), uri, 'requests are given in normal form');
});

test('[F25] [R9449-4.3-09] an htu of 10 KB is compared like any other', async () => {
  const long = `https://rs.example/${'a'.repeat(10_240)}`;
  assert.is(normalizeHtu(long), long);
  assert.is(await reasonOf(verifyHtu(long, target)), 'htu-mismatch');
  assert.ok(await verifyHtu(long, long));
  for (const none of [`https://rs.example/${'%'.repeat(10_240)}`, 'a'.repeat(10_240)]) {
    assert.is(normalizeHtu(none), undefined);
    assert.is(await reasonOf(verifyHtu(none, target)), 'htu-malformed');
  }
});

test('[E27] [R9449-4.3-03] an htu that is no string is malformed', async () => {
  for (const htu of [1, null, true, [target], { toString: target }]) {
    assert.is(await reasonOf(verifyHtu(htu, target)), 'htu-malformed');
  }
});

test('[F08] [T-05] the query of the request does not take part', async () => {
  const proof = await createProof(keyPair, { method: 'GET', url: target, now: T0 });
  for (const uri of [`${target}?a=b`, `${target}#c`]) {
    assert.ok(await verifyProof({ method: 'GET', uri, proof }, { now: T0 }));
  }
});

test('[F21] [T-03] [T-04] every character of the path counts', () => {
  const path = '/api/data';
  for (let index = 1; index < path.length; index++) {
    const changed = `${path.slice(0, index)}_${path.slice(index + 1)}`;
    assert.is.not(normalizeHtu(`https://rs.example${changed}`), target);
  }
});

// Grammar-aware texts: most are URIs, and most of those need work.
const scheme = fc.constantFrom('http', 'https', 'HTTPS', 'hTTp');
const host = fc.constantFrom(
  'rs.example',
  'RS.Example',
  'a-b.c_d',
  '127.0.0.1',
  '[::1]',
  '[2001:DB8:0::A]',
  'x',
);
const port = fc.constantFrom('', ':', ':80', ':443', ':8443', ':0');
const piece = fc.constantFrom(
  'a',
  'Z',
  '~',
  '.',
  '..',
  '%2e',
  '%2E',
  '%7e',
  '%2f',
  '%25',
  '%c3%A9',
  '%41',
  ';',
  '@',
  '|',
  '',
);
const segment = fc.array(piece, { maxLength: 3 }).map((pieces) => pieces.join(''));
const path = fc.array(segment, { maxLength: 6 }).map((segments) => segments.map((one) => `/${one}`).join(''));
const rest = fc.constantFrom('', '?', '#', '?a=b', '#/../c', '?x=%2e/../y#z');
const uris = fc
  .tuple(scheme, host, port, path, rest)
  .map(([s, h, p, ...end]) => `${s}://${h}${p}${end.join('')}`);
const hostile = fc
  .array(
    fc.constantFrom(
      'https:',
      'http:',
      '/',
      '//',
      '\\',
      '@',
      ':',
      '443',
      '?',
      '#',
      '%',
      '.',
      '..',
      'rs.example',
      ' ',
      '\t',
      '[',
      ']',
      '::1',
      '。',
      'a',
    ),
    { maxLength: 12 },
  )
  .map((parts) => parts.join(''));

test('[R9449-4.3-14] every URI of the grammar has a normal form, which is its own', () => {
  fc.assert(
    fc.property(uris, (uri) => {
      const normal = normalizeHtu(uri);
      assert.type(normal, 'string');
      assert.is(normalizeHtu(normal as string), normal, uri);
      assert.match(normal as string, /^https?:\/\/[^/?#]+\/[^?#]*$/);
    }),
    { numRuns: 2000 },
  );
});

test('[R9449-4.3-14] where nothing is encoded, the normal form is the one of the URL standard', () => {
  // No name begins with a dot: Node 20's URL leaves the last segment of `/.a/.` as it is.
  const name = fc
    .string({ unit: fc.constantFrom(...'aZ09-_~!$&()*+,;=:@.'), maxLength: 5 })
    .map((text) => `a${text}`);
  const paths = fc
    .array(fc.oneof(name, fc.constantFrom('', '.', '..')), { maxLength: 6 })
    .map((segments) => segments.map((one) => `/${one}`).join(''));
  fc.assert(
    fc.property(scheme, host, port, paths, rest, (...parts) => {
      const [ofScheme, ofHost, ofPort, ofPath, ofRest] = parts;
      const uri = `${ofScheme}://${ofHost}${ofPort}${ofPath}${ofRest}`;
      const { origin, pathname } = new URL(uri);
      assert.is(normalizeHtu(uri), origin + pathname);
    }),
    { numRuns: 2000 },
  );
});

test('[F12] [F24] [T-08] whatever is accepted leads to the same host as its normal form does', () => {
  fc.assert(
    fc.property(fc.oneof(hostile, uris), (uri) => {
      const normal = normalizeHtu(uri);
      if (normal === undefined) return;
      assert.is(normalizeHtu(normal), normal, uri);
      if (URL.canParse(uri)) assert.is(new URL(uri).host, new URL(normal).host, uri);
    }),
    { numRuns: 5000 },
  );
});

test('[F12] any text at all has a normal form or none, and never throws', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string({ unit: 'binary' }), fc.webUrl({ withQueryParameters: true })), (text) => {
      const normal = normalizeHtu(text);
      if (normal !== undefined) assert.is(normalizeHtu(normal), normal);
    }),
  );
});

test('an authority is host and port in one spelling', () => {
  assert.is(normalizeAuthority('RS.example:443', 'https'), 'rs.example');
  assert.is(normalizeAuthority('RS.example:443', 'http'), 'rs.example:443');
  assert.is(normalizeAuthority('[::1]:80', 'http'), '[::1]');
  for (const authority of [
    '',
    ':443',
    'a b',
    'a/b',
    'a?b',
    'a#b',
    'a@b',
    'a,b',
    'a:b',
    'a:65536',
    '[::1',
    'a\n',
    'é',
  ]) {
    assert.is(normalizeAuthority(authority, 'https'), undefined, JSON.stringify(authority));
  }
});

test('[T-07] a path keeps its dot segments, decoded, so that others can refuse them', () => {
  assert.is(normalizePath('/a/%2e%2E/b'), '/a/../b');
  assert.is(normalizePath('/a/./b'), '/a/./b');
  assert.is(normalizePath(''), '');
  for (const none of ['a', '/a?b', '/a#b', '/a b', '/%0', '/%00', '/a\\b', '/é', '/a\n']) {
    assert.is(normalizePath(none), undefined, JSON.stringify(none));
  }
});

test('[T-07] dot segments are whole segments', () => {
  for (const path of ['/.', '/..', '/./', '/../', '/a/.', '/a/..', '/a/./b', '/a/../b', '//..'])
    assert.ok(hasDotSegments(path), path);
  for (const path of ['/', '/a', '/...', '/.a', '/a.', '/..a', '/a../b', '/.../'])
    assert.not(hasDotSegments(path), path);
});

test.run();
