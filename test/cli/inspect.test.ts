import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { readArguments } from '../../src/cli/arguments.ts';
import { inspect } from '../../src/cli/inspect.ts';
import { createProof, type ProofInput } from '../../src/client/index.ts';
import { sha256 } from '../../src/digest.ts';
import { forge, proofParts, signer, T0 } from '../_setup.ts';
import { fakeShell, holdfast, makeKey, type Ran, type RunOptions, Scratch, serve } from './_cli.ts';
import { startServers } from './_servers.ts';

const test = suite('holdfast inspect');

const scratch = await Scratch.make();
const { keyPair, jwk } = await makeKey();
const other = await makeKey('Ed25519');
const servers = await startServers();
const token = await servers.issue(keyPair.jkt);
const unbound = await servers.issue(undefined);
const url = 'https://api.example/notes';
const request = ['--method', 'GET', '--url', url];
const key = await scratch.write('key.json', JSON.stringify(jwk));

test.after(async () => {
  servers.close();
  await scratch.remove();
});

interface Check {
  readonly name: string;
  readonly section: string;
  readonly reason?: string;
  readonly status: 'passed' | 'failed' | 'not-checked';
  readonly found?: unknown;
  readonly expected?: unknown;
  readonly why?: string;
  readonly mend?: string;
}

interface Inspected {
  readonly code: number | null;
  readonly passed: boolean;
  readonly checks: readonly Check[];
  readonly check: (name: string) => Check | undefined;
  readonly named: (status: Check['status']) => readonly string[];
  readonly json: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
}

async function inspected(args: readonly string[], options: RunOptions = {}): Promise<Inspected> {
  const { code, out, err } = await holdfast(['inspect', '--json', ...args], options);
  assert.is(err, '');
  const json = JSON.parse(out);
  const checks: readonly Check[] = json.checks;
  return {
    code,
    passed: json.passed,
    checks,
    check: (name) => checks.find((each) => each.name === name),
    named: (status) => checks.filter((each) => each.status === status).map(({ name }) => name),
    json,
  };
}

function prove(changes: Partial<ProofInput> = {}): Promise<string> {
  return createProof(keyPair, { method: 'GET', url, ...changes });
}

test('passes a good proof for a known request, and says what it could not judge', async () => {
  const proof = await prove({ accessToken: token });
  const { code, passed, named, json } = await inspected([proof, ...request, '--token', token]);
  assert.equal(named('failed'), []);
  assert.is(code, 0);
  assert.ok(passed);
  assert.equal(named('not-checked'), ['within memory', 'nonce given where required', 'token signature']);
  assert.is(json['proof']?.['jkt'], keyPair.jkt);
});

test('judges nothing that it was not told', async () => {
  const { code, named, check } = await inspected([await prove({ accessToken: token, nonce: 'n' })]);
  assert.is(code, 0);
  assert.equal(named('not-checked'), [
    'key binding',
    'htm',
    'htu',
    'ath',
    'nonce ours',
    'within memory',
    'nonce given where required',
  ]);
  assert.is(check('htm')?.why, 'give --method');
});

test('reads the proof from stdin, from - too, with its scheme in front', async () => {
  const proof = await prove();
  for (const [args, stdin] of [
    [[], `${proof}\n`],
    [['-'], proof],
    [[`DPoP ${proof}`], ''],
  ] as const)
    assert.is((await holdfast(['inspect', ...args], { stdin })).code, 0);
});

const changes: readonly (readonly [check: string, proof: () => Promise<string>, args?: readonly string[]])[] =
  [
    ['htm', () => prove({ method: 'POST' })],
    ['htu', () => prove({ url: `${url}/` })],
    ['ath', () => prove({ accessToken: 'another' }), ['--token', token]],
    ['ath', () => prove(), ['--token', token]],
    [
      'key binding',
      () => createProof(other.keyPair, { method: 'GET', url, accessToken: token }),
      ['--token', token],
    ],
    ['key binding', () => createProof(other.keyPair, { method: 'GET', url }), ['--key', key]],
    ['key binding', () => createProof(other.keyPair, { method: 'GET', url }), ['--jkt', keyPair.jkt]],
    ['nonce ours', () => prove({ nonce: 'old' }), ['--nonce-given', 'new', '--nonce-given', 'newer']],
    ['nonce given where required', () => prove(), ['--nonce-given', 'new']],
    ['not too old', () => prove({ now: Date.now() / 1000 - 100 })],
    ['not too old', () => prove(), ['--now', String(Math.floor(Date.now() / 1000) + 100)]],
    ['not too old', () => prove({ now: Date.now() / 1000 - 30 }), ['--max-age', '20']],
    ['not from the future', () => prove({ now: Date.now() / 1000 + 100 })],
    ['not from the future', () => prove({ now: Date.now() / 1000 + 6 }), ['--future-skew', '1']],
    ['alg', () => prove(), ['--algorithms', 'Ed25519,PS256']],
    ['size', async () => `${'A'.repeat(5000)}.AAAA.AAAA`],
    ['compact JWS', async () => 'not a proof'],
    ['signature', async () => `${(await prove()).slice(0, -8)}AAAAAAAA`],
    ['typ', () => forged({ typ: 'JWT' })],
    ['no extensions', () => forged({ crit: ['b64'], b64: false })],
    ['jwk public', () => forged({ jwk })],
    ['jwk fits alg', () => forged({ jwk: other.keyPair.publicJwk })],
    [
      'jwk canonical',
      () =>
        forged({ jwk: { ...keyPair.publicJwk, x: `${'x' in keyPair.publicJwk && keyPair.publicJwk.x}=` } }),
    ],
    ['header is JSON', () => forge('no JSON', {})],
    ['payload is JSON', () => forge(proofParts(keyPair).header, 'no JSON', signer(keyPair))],
    ['jti', () => forged({}, { jti: '' })],
    ['htu well-formed', () => forged({}, { htu: '/notes' })],
    ['iat', () => forged({}, { iat: 'now' })],
    ['exp', () => forged({}, { exp: 5 })],
    ['nbf', () => forged({}, { nbf: 'later' })],
    ['nonce well-formed', () => forged({}, { nonce: 5 })],
  ];

/** A good proof but for these members. */
async function forged(header: object, claims: object = {}): Promise<string> {
  const parts = proofParts(keyPair);
  const good = { ...parts.claims, htu: url, iat: Math.floor(Date.now() / 1000) };
  return forge({ ...parts.header, ...header }, { ...good, ...claims }, signer(keyPair));
}

for (const [name, proof, args = []] of changes)
  test(`tells ${name} from the rest, and how to mend it (${args.slice(0, 1).join('') || 'the proof alone'})`, async () => {
    // Given to `--as`, since what is wrong may be what it is known by.
    const { code, passed, check, named } = await inspected([
      await proof(),
      ...request,
      '--as',
      'proof',
      ...args,
    ]);
    assert.is(code, 1);
    assert.not.ok(passed);
    assert.is(named('failed')[0], name);
    const { mend, section, reason, expected } = check(name) ?? {};
    assert.match(String(mend), /\.$/);
    assert.match(String(section), /^RFC \d+/);
    assert.type(reason, 'string');
    assert.is.not(expected, undefined);
  });

test('does not blame what only follows from something else', async () => {
  const unreadable = await inspected(['no proof', ...request, '--as', 'proof']);
  assert.equal(unreadable.named('failed'), ['compact JWS']);
  assert.is(unreadable.check('htm')?.why, 'needs payload is JSON');
  const stranger = await inspected([await prove({ nonce: 'old' }), ...request, '--nonce-given', 'new']);
  assert.equal(stranger.named('failed'), ['nonce ours']);
  assert.is(stranger.check('not too old')?.why, 'needs nonce ours');
});

test('accepts a nonce that the server gave, however old iat is', async () => {
  const proof = await prove({ nonce: 'new', now: T0 - 5000 });
  const { named } = await inspected([proof, ...request, '--nonce-given', 'new', '--now', String(T0)]);
  assert.equal(named('failed'), []);
  assert.equal(named('not-checked'), ['key binding', 'ath', 'within memory']);
});

test('prints a table that a person can read', async () => {
  const proof = await prove({ method: 'POST', now: T0 });
  const { code, out } = await holdfast(['inspect', proof, ...request, '--now', String(T0 + 75)]);
  assert.is(code, 1);
  assert.ok(out.startsWith('Proof\n  typ         dpop+jwt\n  alg         ES256\n  key         EC P-256\n'));
  assert.match(out, `  thumbprint  ${keyPair.jkt}\n`);
  assert.match(out, `  iat         ${T0} (2027-01-15T08:00:00Z, 75 seconds ago)\n`);
  assert.match(out, `\nRequest\n  method  GET\n  URL     ${url}\n\nChecks\n`);
  assert.match(
    out,
    `  FAILED  htm                         RFC 9449 4.3 check 8
          found     POST
          expected  GET
          mend      Sign the method of the very request, in the same letter case: GET, not get.
`,
  );
  assert.match(
    out,
    /FAILED {2}not too old .*\n +found +made 75 seconds ago\n +expected +at most 60 seconds ago\n/,
  );
  assert.match(
    out,
    '  -       key binding                 not checked: give --jkt, --key or a bound token\n',
  );
  assert.ok(out.endsWith('\nRefused for: htm (htm-mismatch); 1 more failed.\n'));
  assert.not.match(out, '\u001b');
});

test('says of a good proof that no check failed', async () => {
  const { out } = await holdfast(['inspect', await prove()]);
  assert.match(out, '  method  not given\n  URL     not given\n');
  assert.ok(out.endsWith('\nNo check failed; 6 could not be made.\n'));
});

test('[M10] shows neither the proof, nor the token, nor a private key that came with it', async () => {
  const proof = await forged({ jwk }, { ath: await sha256(token) });
  for (const format of [[], ['--json']]) {
    const { out, err } = await holdfast(['inspect', proof, '--token', token, ...format]);
    const signature = proof.slice(proof.lastIndexOf('.') + 1);
    for (const secret of [proof, signature, token, token.slice(token.lastIndexOf('.') + 1), String(jwk['d'])])
      assert.not.match(out + err, secret);
    assert.match(out, 'private key material');
  }
});

test('lets nothing of a proof steer the terminal', async () => {
  const evil = '\u001b[2J\u202e\r';
  const proof = await forged({ typ: evil, [evil]: 1 }, { htm: evil, [evil]: evil });
  const { out } = await holdfast(['inspect', proof, ...request, '--as', 'proof']);
  for (const character of ['\u001b', '\u202e', '\r']) assert.not.match(out, character);
  assert.match(out, '\\u{1b}[2J');
  assert.match(out, 'others');
});

function pasted(proof: string, authorization: string): string {
  return `> GET /notes?x=1 HTTP/1.1\n> Host: api.example\n> ${authorization}\n> DPoP: ${proof}\n>\n< HTTP/1.1 401 Unauthorized\n`;
}

test('explains a whole request as curl -v shows it', async () => {
  const stdin = pasted(await prove({ accessToken: token }), `Authorization: DPoP ${token}`);
  const { code, named, json } = await inspected([], { stdin, env: { HOLDFAST_TOKEN: 'another' } });
  assert.is(code, 0);
  assert.equal(json['request'], { method: 'GET', url });
  assert.equal(named('not-checked'), ['within memory', 'nonce given where required', 'token signature']);
});

test('takes what it is told before what was pasted', async () => {
  const stdin = pasted(await prove({ accessToken: 'given' }), `Authorization: DPoP ${token}`);
  const args = ['--method', 'PUT', '--url', 'https://a.example', '--token', 'given'];
  assert.equal((await inspected(args, { stdin })).named('failed'), ['htm', 'htu']);
});

test('[M06] tells a bound token that was sent as Bearer', async () => {
  const stdin = pasted(await prove({ accessToken: token }), `Authorization: Bearer ${token}`);
  const { named, check } = await inspected([], { stdin });
  assert.equal(named('failed'), ['scheme']);
  assert.is(check('scheme')?.expected, 'DPoP');
  assert.ok((await holdfast(['inspect'], { stdin })).out.endsWith('\nRefused for: scheme.\n'));
});

test('tells a request without a proof, and one with two', async () => {
  const proof = await prove();
  const none = await inspected([], { stdin: 'GET / HTTP/1.1\nHost: a.example\n' });
  assert.equal(none.named('failed'), ['proof present']);
  const two = await inspected([], { stdin: `DPoP: ${proof}\nDPoP: ${proof}\n` });
  assert.equal(two.named('failed'), ['one proof']);
  const text = await holdfast(['inspect'], { stdin: 'GET / HTTP/1.1\nHost: a b\n' });
  assert.match(text.out, 'Proof\n  nothing  can be read\n');
  assert.match(text.out, '  URL     not given\n');
});

test('tells of an access token to which key it is bound, and when it ends', async () => {
  const { code, out } = await holdfast(['inspect', token]);
  assert.is(code, 0);
  assert.match(out, /^Access token\n {2}form +JWT\n {2}typ +at\+jwt\n/);
  assert.match(out, `bound to   the key ${keyPair.jkt} (cnf.jkt)\n`);
  assert.match(out, /exp {8}\d+ \(\S+Z, in (?:\d+ seconds|[45] minutes)\)/);
  assert.match(out, 'not checked: give --jwks to check it\n');
  assert.not.match(out, token.slice(token.lastIndexOf('.')));
});

test('tells of an unbound token that anybody can use it', async () => {
  const { code, out } = await holdfast(['inspect', `Bearer ${unbound}`]);
  assert.is(code, 0);
  assert.match(out, 'bound to   none: whoever holds this token can use it\n');
});

test('refuses an unbound token where a bound one is needed', async () => {
  const alone = await inspected([unbound, '--jkt', keyPair.jkt]);
  assert.equal(alone.named('failed'), ['token binding']);
  assert.match(String(alone.check('token binding')?.mend), 'Ask for a bound token');
  const proof = await prove({ accessToken: unbound });
  const { named } = await inspected([proof, ...request, '--token', unbound]);
  assert.equal(named('failed'), ['token binding']);
});

test('tells a token that is bound to another key', async () => {
  const { named, check } = await inspected([token, '--jkt', other.keyPair.jkt]);
  assert.equal(named('failed'), ['token binding']);
  assert.is(check('token binding')?.found, keyPair.jkt);
  assert.match(String(check('token binding')?.mend), 'Use the key');
  assert.is((await inspected([token, '--key', key])).code, 0);
});

test('tells a token that is over', async () => {
  const { code, named, check } = await inspected([token, '--now', '4000000000']);
  assert.is(code, 1);
  assert.equal(named('failed'), ['token expiry']);
  assert.match(String(check('token expiry')?.found), 'days ago');
});

const claimsOf = (claims: object): Promise<string> => forge({ typ: 'at+jwt', alg: 'ES256' }, claims);

test('tells other tokens as they are', async () => {
  const certificate = await holdfast(['inspect', await claimsOf({ cnf: { 'x5t#S256': 'abc' } })]);
  assert.match(certificate.out, 'bound to  not a DPoP key, but something else (cnf: x5t#S256)\n');
  assert.match(certificate.out, 'not checked: it has no exp\n');
  assert.equal((await inspected([await claimsOf({ exp: 'never', nbf: 4e9 })])).named('failed'), [
    'token expiry',
    'token not before',
  ]);
  assert.equal((await inspected([await claimsOf({ nbf: 5 })])).named('failed'), []);
  const opaque = await inspected(['0a1b2c', '--as', 'token']);
  assert.is(opaque.json['token']?.['form'], 'opaque');
  assert.equal(opaque.named('not-checked'), ['token signature']);
  assert.match((await holdfast(['inspect', '0a1b2c', '--as', 'token'])).out, 'form      opaque\n');
  const proof = await prove({ accessToken: 'opaque' });
  assert.equal((await inspected([proof, '--token', 'opaque'])).named('failed'), []);
});

test('verifies the signature of a token with keys from a URL, from a file, and from stdin', async () => {
  const jwks = await (await fetch(servers.jwksUrl)).text();
  const file = await scratch.write('jwks.json', jwks);
  const sources: readonly (readonly [string, RunOptions])[] = [
    [servers.jwksUrl, {}],
    [file, {}],
    ['-', { stdin: jwks }],
  ];
  for (const [source, options] of sources)
    assert.is(
      (await inspected([token, '--jwks', source], options)).check('token signature')?.status,
      'passed',
    );
});

test('tells a forged token, however many keys there are', async () => {
  const jwks = await (await fetch(servers.jwksUrl)).json();
  const forgedToken = `${token.slice(0, -8)}AAAAAAAA`;
  const verdict = async (keys: readonly object[], subject: string): Promise<Check | undefined> => {
    const file = await scratch.write('keys.json', JSON.stringify({ keys }));
    return (await inspected([subject, '--jwks', file])).check('token signature');
  };
  assert.is((await verdict(jwks.keys, forgedToken))?.status, 'failed');
  assert.is((await verdict([], token))?.found, 'not verified (ERR_JWKS_NO_MATCHING_KEY)');
  // Without kid both keys of the kind are candidates.
  const [{ kid: _, ...issuerKey }] = jwks.keys;
  const keys = [{ ...(await makeKey()).keyPair.publicJwk }, issuerKey];
  const plain = await forge({ typ: 'at+jwt', alg: 'ES256' }, { sub: 'a' }, signer(keyPair));
  const mine = [issuerKey, { ...keyPair.publicJwk }];
  assert.is((await verdict(mine, plain))?.status, 'passed');
  assert.is((await verdict(keys, plain))?.found, 'not verified (ERR_JWS_SIGNATURE_VERIFICATION_FAILED)');
});

test('says why the keys of an issuer cannot be had', async () => {
  const server = await serve(({ target }, response) => {
    if (target === '/away') response.writeHead(302, { location: servers.jwksUrl }).end();
    else response.writeHead(404).end();
  });
  const { host } = new URL(server.origin);
  try {
    for (const [source, code, message] of [
      [`${server.origin}/none`, 3, `${host} answered 404 to --jwks`],
      [`${server.origin}/away`, 3, /^could not load --jwks: |^could not load --jwks \S+ \(/],
      ['http://a.example/jwks', 2, '--jwks must be https (http on loopback only), or a file'],
      [scratch.file('none'), 4, `${scratch.file('none')} cannot be read (ENOENT)`],
      [key, 4, '--jwks is no JSON Web Key Set (an object with the list keys)'],
      [await scratch.write('x', '{'), 4, '--jwks is no JSON Web Key Set (an object with the list keys)'],
    ] as const) {
      const ran: Ran = await holdfast(['inspect', token, '--jwks', source]);
      assert.is(ran.code, code, ran.err);
      assert.match(ran.err.slice('holdfast: '.length), message);
    }
  } finally {
    server.close();
  }
});

const proofText = await prove();
const wrong: readonly (readonly [args: readonly string[], message: string])[] = [
  [[], 'there is nothing to inspect'],
  [[' '], 'there is nothing to inspect'],
  [[proofText, 'more'], 'inspect takes at most 1 argument'],
  [[proofText, '--as', 'cookie'], '--as must be proof or token'],
  [[proofText, '--jkt', 'short'], '--jkt must be a thumbprint: 43 characters of base64url'],
  [[proofText, '--jkt', keyPair.jkt, '--key', key], '--jkt and --key exclude each other'],
  [[proofText, '--url', '/notes'], '--url must be an absolute http(s) URL without user info'],
  [[proofText, '--now', '-5'], '--now needs a value (one that begins with a dash: --now=VALUE)'],
  [[proofText, '--now=-5'], '--now must be a number of seconds'],
  [['-', '--token', '-'], 'only one thing can be read from stdin'],
  [['--jwks', '-'], 'only one thing can be read from stdin'],
];

for (const [args, message] of wrong)
  test(`says in one sentence: ${message} (${args.slice(1).join(' ')})`, async () => {
    const { code, out, err } = await holdfast(['inspect', ...args]);
    assert.equal({ code, out, err }, { code: 2, out: '', err: `holdfast: ${message}\n` });
  });

test('passes on what the library says of an option', async () => {
  for (const args of [
    ['--algorithms', 'ES256,none'],
    ['--max-age', '100000'],
  ]) {
    const { code, out, err } = await holdfast(['inspect', proofText, ...args]);
    assert.is(code, 2);
    assert.is(out, '');
    assert.match(err, /^holdfast: option "(?:algorithms|maxAge)" must be .*\n$/);
  }
});

test('on a terminal says what it waits for, and colours what it has found', async () => {
  const stdin = Object.assign(
    (async function* (): AsyncGenerator<string> {
      yield proofText;
    })(),
    { isTTY: true },
  );
  const plain = fakeShell({ stdin });
  const shell = { ...plain, stdout: { ...plain.stdout, isTTY: true } };
  assert.is(await inspect.run(readArguments(inspect.options, []), shell), 0);
  assert.ok(shell.text().startsWith('holdfast: paste it here, then Ctrl-D\nProof\n'));
  assert.match(shell.text(), '\u001b[32mok    \u001b[0m');
});

test.run();
