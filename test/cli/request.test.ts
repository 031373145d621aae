import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { readPart } from '../../src/cli/decoding.ts';
import { startDemo } from '../demo/_setup.ts';
import { holdfast, type Loopback, makeKey, type Ran, type RunOptions, Scratch, serve } from './_cli.ts';
import { startServers } from './_servers.ts';

const test = suite('holdfast request');

const scratch = await Scratch.make();
const { keyPair, jwk } = await makeKey();
const key = await scratch.write('key.json', JSON.stringify(jwk));
const servers = await startServers();
const token = await servers.issue(keyPair.jkt);
const echo = await serve(({ method, target, body }, response) => {
  if (target === '/binary') response.end(Buffer.from([0, 255, 10, 13, 128]));
  else if (target === '/large') response.end('x'.repeat(300_000));
  else if (target === '/empty') response.writeHead(204).end();
  else if (target === '/away')
    response.writeHead(302, { location: 'https://elsewhere.example/' }).end('gone');
  else if (target === '/late') response.setHeader('date', 'Thu, 01 Jan 2026 00:00:00 GMT').end();
  else if (target === '/ahead') response.setHeader('date', 'Thu, 01 Jan 2099 00:00:00 GMT').end();
  else if (target === '/hang') response.writeHead(200).write('begun');
  else if (target === '/break') response.writeHead(200).write('begun', () => response.destroy());
  else if (target === '/bearer') response.writeHead(401, { 'www-authenticate': 'Basic realm="x"' }).end('no');
  else if (target === '/dpop')
    response.writeHead(401, { 'www-authenticate': 'Basic, DPoP algs="ES256"' }).end();
  else if (target === '/naked') response.writeHead(401).end();
  else if (target === '/cookie') response.setHeader('set-cookie', 'sid=secret').end();
  else if (target === '/refuses') response.writeHead(404).end('y'.repeat(100_000));
  else if (target === '/latin') response.setHeader('x-name', '\u00fc\u009b').end(Buffer.from('fine'));
  else if (target === '/evil') response.writeHead(400).end('{"error":"\\u001b[31m"}');
  else if (target === '/json') response.writeHead(400).end('{"error":5}');
  else response.end(`${method} ${body}`);
});

test.after(async () => {
  servers.close();
  echo.close();
  await scratch.remove();
});

function request(url: string, args: readonly string[] = [], options: RunOptions = {}): Promise<Ran> {
  return holdfast(['request', url, '--key', key, ...args], options);
}

function last({ received }: Loopback): Loopback['received'][number] {
  return received.at(-1) as Loopback['received'][number];
}

test('[M01] gets through a resource server that always wants nonces, and prints the body alone', async () => {
  const { code, out, err } = await request(servers.notesUrl, [], { env: { HOLDFAST_TOKEN: token } });
  assert.is(code, 0);
  assert.is(err, '');
  assert.equal(JSON.parse(out), { notes: ['milk'], subject: 'alice' });
});

test('[R9449-5-01] gets a bound token where it sends none', async () => {
  const args = ['-d', 'grant_type=client_credentials', '--data', 'scope=notes'];
  const { code, out } = await request(servers.tokenUrl, args);
  assert.is(code, 0);
  const { access_token: got, token_type: type } = JSON.parse(out);
  assert.is(type, 'DPoP');
  assert.equal(readPart(got, 1)?.['cnf'], { jkt: keyPair.jkt });
  const { method, headers, body } = last(servers);
  assert.is(method, 'POST');
  assert.is(headers['authorization'], undefined);
  assert.is(headers['content-type'], 'application/x-www-form-urlencoded');
  assert.is(body.toString(), 'grant_type=client_credentials&scope=notes');
  const file = await scratch.write('token.txt', got);
  assert.is((await request(servers.notesUrl, ['--token-file', file, '--fail'])).code, 0);
});

test('works with the demo, from client credentials to notes', async () => {
  const demo = await startDemo();
  try {
    const secret = Buffer.from('demo-service:demo-service-secret').toString('base64');
    const headers = await scratch.write('client.txt', `Authorization: Basic ${secret}\n\nX-Two: lines\n`);
    const args = ['-H', `@${headers}`, '-d', 'grant_type=client_credentials', '--fail'];
    const granted = await request(demo.tokenUrl, args);
    assert.is(granted.code, 0, granted.err);
    const { access_token: got } = JSON.parse(granted.out);
    const notes = await request(demo.notesUrl, ['--fail', '--token', '-'], { stdin: got });
    assert.is(notes.code, 0, notes.err);
    JSON.parse(notes.out);
  } finally {
    await demo.close();
  }
});

test('prints status and headers before the body when asked to, as the server sent them', async () => {
  const { out } = await request(servers.notesUrl, ['-i', '--token', token]);
  const [head = '', body = ''] = out.split('\r\n\r\n');
  assert.ok(head.startsWith('HTTP/1.1 200 OK\r\n'));
  assert.match(head, /\r\ncontent-type: application\/json\r\n/);
  assert.equal(JSON.parse(body).notes, ['milk']);
  assert.match((await request(`${echo.origin}/latin`, ['-i'])).out, 'x-name: \ufffd\ufffd\r\n');
});

test('passes bytes through as they are, to stdout and to files', async () => {
  const path = scratch.file('out.bin');
  assert.equal(await request(`${echo.origin}/binary`, ['-o', path]), { code: 0, out: '', err: '' });
  const { readFile } = await import('node:fs/promises');
  assert.equal([...(await readFile(path))], [0, 255, 10, 13, 128]);
  assert.is((await request(`${echo.origin}/large`, ['-o', '-'])).out.length, 300_000);
  assert.is((await request(`${echo.origin}/large`, ['-o', path, '-i'])).out, '');
  assert.match(await scratch.read('out.bin'), /^HTTP\/1\.1 200 OK\r\n[\s\S]*\r\n\r\nx{300000}$/);
  assert.equal(await request(`${echo.origin}/empty`), { code: 0, out: '', err: '' });
});

const bodies: readonly (readonly [what: string, args: readonly string[], sent: string, stdin?: string])[] = [
  ['data', ['-d', 'a=1'], 'POST a=1'],
  ['several, joined', ['-d', 'a=1', '--data=b=2'], 'POST a=1&b=2'],
  ['stdin', ['-d', '-'], 'POST from stdin\n', 'from stdin\n'],
  ['stdin, as curl writes it', ['-d', '@-', '-X', 'PUT'], 'PUT from stdin', 'from stdin'],
  ['nothing at all', ['-d', ''], 'POST '],
  ['no data', ['-X', 'DELETE'], 'DELETE '],
];

for (const [what, args, sent, stdin] of bodies)
  test(`sends ${what}`, async () => {
    assert.is((await request(`${echo.origin}/`, args, stdin === undefined ? {} : { stdin })).out, sent);
  });

test('sends a file byte for byte, and headers as they were given', async () => {
  const bytes = new Uint8Array([0, 255, 10, 13, 128]);
  const file = await scratch.write('body.bin', bytes);
  const headers = [
    '-H',
    'Content-Type: application/x',
    '-H',
    'X-A: 1',
    '-H',
    'user-agent:mine',
    '-H',
    'Accept-Encoding: gzip',
  ];
  await request(`${echo.origin}/`, ['-d', `@${file}`, ...headers]);
  const got = last(echo);
  assert.equal([...got.body], [...bytes]);
  assert.is(got.headers['content-type'], 'application/x');
  assert.is(got.headers['x-a'], '1');
  assert.is(got.headers['user-agent'], 'mine');
  assert.is(got.headers['accept-encoding'], 'gzip');
});

test('names itself, and asks for the body uncompressed', async () => {
  await request(`${echo.origin}/`);
  assert.match(String(last(echo).headers['user-agent']), /^holdfast\/\d/);
  assert.is(last(echo).headers['accept-encoding'], 'identity');
  assert.is(last(echo).headers['content-type'], undefined);
});

test('sends the nonce challenge and a body again, with another proof', async () => {
  const before = servers.received.length;
  await request(servers.notesUrl, ['-d', '@-', '--token', token], { stdin: 'the body' });
  const [first, second, ...more] = servers.received.slice(before);
  assert.equal(more, []);
  assert.equal([String(first?.body), String(second?.body)], ['the body', 'the body']);
  assert.is.not(first?.headers['dpop'], second?.headers['dpop']);
});

test('prints a refusal as curl would, and ends well', async () => {
  const { code, out, err } = await request(servers.notesUrl, ['--token', 'not.a.token']);
  assert.is(code, 0);
  assert.is(err, '');
  assert.is(JSON.parse(out).error, 'invalid_token');
});

test('with --fail prints no body, says what was answered, and ends with 1', async () => {
  const path = scratch.file('never.txt');
  assert.equal(await request(servers.notesUrl, ['-f', '--token', 'not.a.token', '-i', '-o', path]), {
    code: 1,
    out: '',
    err: 'holdfast: the server answered 401 (invalid_token)\n',
  });
  assert.is(await scratch.read('never.txt').catch(() => 'no file'), 'no file');
  assert.is((await request(`${echo.origin}/refuses`, ['-f'])).err, 'holdfast: the server answered 404\n');
  const evil = await request(`${echo.origin}/evil`, ['-f']);
  assert.is(evil.err, 'holdfast: the server answered 400 (\\u{1b}[31m)\n');
  assert.is((await request(`${echo.origin}/json`, ['-f'])).err, 'holdfast: the server answered 400\n');
});

test('[M10] with --verbose tells the exchange, and neither token nor proof', async () => {
  const args = ['-v', '-H', 'Cookie: sid=secret-cookie'];
  const { code, out, err } = await request(servers.notesUrl, args, { env: { HOLDFAST_TOKEN: token } });
  assert.is(code, 0);
  JSON.parse(out);
  assert.match(err, '> GET /api/notes HTTP/1.1\n');
  assert.match(err, '> authorization: (hidden, --show-secrets prints it)\n');
  assert.match(err, `* the proof says: GET ${servers.notesUrl}, iat `);
  assert.match(err, ', no nonce, a token\n');
  assert.match(err, '< HTTP/1.1 401 Unauthorized\n');
  assert.match(err, '* the server wants another proof: the request is repeated\n');
  assert.match(err, ', a nonce, a token\n');
  assert.match(err, '* accepted: 200\n');
  for (const hidden of [
    token,
    'secret-cookie',
    ...servers.received.map(({ headers }) => String(headers['dpop'])),
  ])
    assert.not.match(err + out, hidden);
});

test('tells what inspect can read, secrets included, when it is asked to', async () => {
  const { err } = await request(servers.notesUrl, ['-v', '--show-secrets', '--token', token]);
  const { nonce } = readPart(String(last(servers).headers['dpop']), 1) ?? {};
  const { code, out } = await holdfast(['inspect', '--nonce-given', String(nonce)], { stdin: err });
  assert.is(code, 0, out);
  assert.match(out, servers.notesUrl);
  assert.match(out, keyPair.jkt);
  const hidden = await request(servers.notesUrl, ['-v', '--token', token]);
  assert.equal(await holdfast(['inspect'], { stdin: hidden.err }), {
    code: 2,
    out: '',
    err: 'holdfast: the proof is hidden here: use --show-secrets there\n',
  });
});

for (const [path, hint] of [
  ['/bearer', '* the server offers no DPoP here: it may want another way to sign in\n'],
  ['/naked', '* the server offers no DPoP here: it may want another way to sign in\n'],
  ['/dpop', '* the server wants an access token: give --token-file or HOLDFAST_TOKEN\n'],
  ['/away', '* a redirect, which is not followed: if you trust where it leads, request that\n'],
  ['/late', ' behind this one\n'],
  ['/ahead', ' ahead of this one\n'],
  ['/refuses', '* refused: 404\n'],
  ['/cookie', '< set-cookie: (hidden, --show-secrets prints it)\n'],
  ['/evil', '* refused: 400 (\\u{1b}[31m)\n'],
] as const) {
  test(`with --verbose says of ${path}: ${hint.trim()}`, async () => {
    const { code, err } = await request(`${echo.origin}${path}`, ['-v']);
    assert.is(code, 0);
    assert.match(err, hint);
  });
}

test('[M05] follows no redirect', async () => {
  assert.equal(await request(`${echo.origin}/away`), { code: 0, out: 'gone', err: '' });
});

test('with --verbose says what a refused token may be refused for', async () => {
  const { err } = await request(servers.notesUrl, ['-v', '--token', 'not.a.token']);
  assert.match(err, '* refused: 401 (invalid_token)\n* the token was refused: expired, revoked,');
});

test('ends with 3 when nobody answers', async () => {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.on('listening', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  assert.equal(await request(`http://127.0.0.1:${port}/`), {
    code: 3,
    out: '',
    err: `holdfast: could not connect to 127.0.0.1:${port} (ECONNREFUSED)\n`,
  });
});

test('ends with 3 when the answer is no HTTP', async () => {
  const server = createServer((socket) => socket.end('SSH-2.0-x\r\n')).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.on('listening', resolve));
  const { port } = server.address() as AddressInfo;
  const { code, err } = await request(`http://127.0.0.1:${port}/`);
  server.close();
  assert.is(code, 3);
  assert.match(err, /^holdfast: could not connect to 127\.0\.0\.1:\d+ \(\w+\)\n$/);
});

test('ends with 3 when the answer breaks off, or takes too long', async () => {
  const host = new URL(echo.origin).host;
  assert.equal(await request(`${echo.origin}/break`), {
    code: 3,
    out: 'begun',
    err: `holdfast: the answer broke off: ${host} (UND_ERR_SOCKET)\n`,
  });
  const { code, err } = await request(`${echo.origin}/hang`, ['--max-time', '0.3']);
  assert.is(code, 3);
  assert.is(err, `holdfast: ${host} took longer than --max-time allows\n`);
});

const wrong: readonly (readonly [args: readonly string[], code: number, message: string])[] = [
  [[], 2, 'URL is missing: holdfast request --help tells how to use it'],
  [[echo.origin], 2, '--key FILE is missing'],
  [[echo.origin, 'b', '--key', key], 2, 'request takes at most 1 argument'],
  [['api.example/x', '--key', key], 2, 'the URL must be absolute, such as https://api.example/notes'],
  [['ftp://api.example', '--key', key], 2, 'the URL must be absolute, such as https://api.example/notes'],
  [['http://api.example', '--key', key], 2, 'the URL must be https (http on loopback only)'],
  [['https://a:b@api.example', '--key', key], 2, 'the URL must not hold a name or password'],
  [['https://:b@api.example', '--key', key], 2, 'the URL must not hold a name or password'],
  [[echo.origin, '--key', key, '-H', 'no colon'], 2, "a header must be 'Name: value' in legal characters"],
  [[echo.origin, '--key', key, '-H', 'X:a\nb'], 2, "a header must be 'Name: value' in legal characters"],
  [[echo.origin, '--key', key, '-H', 'b[]: c'], 2, "a header must be 'Name: value' in legal characters"],
  [[echo.origin, '--key', key, '-H', 'DPoP: x'], 2, 'the DPoP header is made here and cannot be given'],
  [
    [echo.origin, '--key', key, '--token', 't', '-H', 'Authorization: x'],
    2,
    'Authorization is made of the token: give --no-token to send another one',
  ],
  [[echo.origin, '--key', key, '--token', 'a b'], 2, 'the access token has characters that cannot be sent'],
  [
    [echo.origin, '--key', key, '-X', 'GET', '-d', 'x'],
    2,
    'fetch refuses to send a request with this method or body',
  ],
  [[echo.origin, '--key', key, '-X', 'TRACE'], 2, 'fetch refuses to send a request with this method or body'],
  [[echo.origin, '--key', key, '-m', 'soon'], 2, '--max-time must be a number of seconds'],
  [[echo.origin, '--key', '-', '-d', '-'], 2, 'only one thing can be read from stdin'],
  [[echo.origin, '--key', key, '-d', '@-', '--token', '-'], 2, 'only one thing can be read from stdin'],
  [[echo.origin, '--key', key, '-d', '@/no/file'], 4, '/no/file cannot be read (ENOENT)'],
  [[echo.origin, '--key', key, '-H', '@/no/file'], 4, '/no/file cannot be read (ENOENT)'],
  [[echo.origin, '--key', key, '-o', '/no/file'], 4, '/no/file cannot be written (ENOENT)'],
  [[`${echo.origin}/large`, '--key', key, '-o', '/dev/full'], 4, '/dev/full cannot be written (ENOSPC)'],
];

for (const [args, code, message] of wrong)
  test(`says in one sentence: ${message} (${args.slice(1).join(' ').replace(key, 'FILE')})`, async () => {
    assert.equal(await holdfast(['request', ...args]), { code, out: '', err: `holdfast: ${message}\n` });
  });

test.run();
