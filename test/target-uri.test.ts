import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { headerLines, type PublicAddress, PublicTarget, type RawRequest } from '../src/target-uri.ts';
import { origin, path, reasonOf } from './_setup.ts';

const test = suite('target-uri');

/** The target URI of a valid request with one thing changed, by a server at `address`. */
function uriOf(changes: Partial<RawRequest> = {}, address: Partial<PublicAddress> = {}): string {
  const request = { method: 'GET', target: path, rawHeaders: ['Host', 'rs.example'] };
  return new PublicTarget({ publicOrigin: origin, ...address }).uriOf({ ...request, ...changes });
}

const withHost = (...hosts: string[]): Partial<RawRequest> => ({
  rawHeaders: hosts.flatMap((host) => ['Host', host]),
});

test('[R9449-4.3-09] builds the target URI from the public origin and the raw target, without query', () => {
  assert.is(uriOf(), 'https://rs.example/api/notes');
  assert.is(uriOf({ target: `${path}?page=2&next=//evil.example/?` }), 'https://rs.example/api/notes');
  assert.is(uriOf({ target: '/' }), 'https://rs.example/');
});

test('[R9449-4.3-14] brings origin and path into their normal form', () => {
  assert.is(uriOf({}, { publicOrigin: 'HTTPS://RS.Example:443/' }), 'https://rs.example/api/notes');
  assert.is(uriOf({ target: '/api/notes%2fa%7e' }), 'https://rs.example/api/notes%2Fa~');
  assert.is(uriOf({ target: '/API/notes/' }), 'https://rs.example/API/notes/');
});

test('works on loopback without TLS, with the port in both origin and Host', () => {
  const address = { publicOrigin: 'http://127.0.0.1:8080' };
  assert.is(uriOf(withHost('127.0.0.1:8080'), address), 'http://127.0.0.1:8080/api/notes');
  assert.is(
    uriOf(withHost('localhost'), { publicOrigin: 'http://localhost:80' }),
    'http://localhost/api/notes',
  );
  assert.is(
    uriOf(withHost('[::1]:8080'), { publicOrigin: 'http://[::1]:8080' }),
    'http://[::1]:8080/api/notes',
  );
});

test('[F10] accepts our Host in any letter case and with the default port', () => {
  for (const host of ['RS.EXAMPLE', 'rs.example:443', 'rs.example:']) {
    assert.is(uriOf(withHost(host)), 'https://rs.example/api/notes', host);
  }
});

test('[F27] refuses a Host that would launder another path into the target', async () => {
  const laundered = { ...withHost('rs.example/api/public?'), target: '/api/admin' };
  assert.is(await reasonOf(() => uriOf(laundered)), 'host-mismatch');
});

const confusing = [
  'rs.example/api/public#',
  'rs.example#',
  'rs.example?',
  'rs.example/',
  'rs.example\\api',
  'rs.example%2fapi',
  'rs.example%2eevil',
  'rs.example@evil.example',
  'evil.example@rs.example',
  '@rs.example',
  'https://rs.example',
];
for (const host of confusing) {
  test(`[F28] refuses the Host ${host}`, async () => {
    assert.is(await reasonOf(() => uriOf(withHost(host))), 'host-mismatch');
  });
}

const foreign = [
  'evil.example',
  'rs.example.',
  'rs.example:8443',
  'rs.example:80',
  'rs.example:0443',
  'rs.example:-1',
  'rs',
];
for (const host of foreign) {
  test(`[F29] refuses the well-formed but foreign Host ${host}`, async () => {
    assert.is(await reasonOf(() => uriOf(withHost(host))), 'host-mismatch');
  });
}

test('[F30] refuses two Host lines, a Host list, an empty Host and none', async () => {
  const hosts = [
    ['rs.example', 'rs.example'],
    ['rs.example', 'evil.example'],
    ['rs.example, evil.example'],
    [''],
    [],
  ];
  for (const lines of hosts) {
    assert.is(await reasonOf(() => uriOf(withHost(...lines))), 'host-mismatch', lines.join(' and '));
  }
});

test('[F30] refuses an absolute-form target that disagrees with us, whatever the Host', async () => {
  const targets = [
    'http://evil.example/api/notes',
    'https://rs.example:8443/api/notes',
    'http://rs.example/api/notes',
  ];
  for (const target of [
    ...targets,
    'https://user@rs.example/api/notes',
    'https:///api/notes',
    'https://?x',
  ]) {
    assert.is(await reasonOf(() => uriOf({ target })), 'target-malformed', target);
  }
  const foreignHost = { ...withHost('evil.example'), target: 'https://rs.example/api/notes' };
  assert.is(await reasonOf(() => uriOf(foreignHost)), 'host-mismatch');
});

test('accepts an absolute-form target for our own authority', () => {
  assert.is(uriOf({ target: 'https://rs.example/api/notes?page=2' }), 'https://rs.example/api/notes');
  assert.is(uriOf({ target: 'HTTPS://RS.EXAMPLE:443/api/notes' }), 'https://rs.example/api/notes');
  assert.is(uriOf({ target: 'https://rs.example' }), 'https://rs.example/');
  assert.is(uriOf({ target: 'https://rs.example?page=2' }), 'https://rs.example/');
});

test('[F31] takes :authority in the place of Host and refuses it when it is not ours', async () => {
  assert.is(uriOf({ rawHeaders: [':authority', 'rs.example'] }), 'https://rs.example/api/notes');
  assert.is(
    uriOf({ rawHeaders: [':authority', 'rs.example', 'host', 'rs.example'] }),
    'https://rs.example/api/notes',
  );
  const disagreeing = [
    [':authority', 'rs.example', 'host', 'evil.example'],
    [':authority', 'evil.example', 'host', 'rs.example'],
    [':authority', 'rs.example', ':authority', 'rs.example'],
  ];
  for (const rawHeaders of disagreeing) {
    assert.is(await reasonOf(() => uriOf({ rawHeaders })), 'host-mismatch', rawHeaders.join(' '));
  }
});

test('[F32] [F33] [R9700-4.13-01] never looks at what proxies and clients say about the address', () => {
  const names = [
    'X-Forwarded-Host',
    'X-Forwarded-Proto',
    'X-Forwarded-Port',
    'X-Forwarded-Prefix',
    'Forwarded',
    'X-Original-URL',
    'X-Rewrite-URL',
    'Origin',
  ];
  for (const name of names) {
    const rawHeaders = ['Host', 'rs.example', name, 'evil.example, other.example/?'];
    assert.is(uriOf({ rawHeaders }), 'https://rs.example/api/notes', name);
  }
});

test('[F34] keeps a target that begins with two slashes on our origin', () => {
  assert.is(uriOf({ target: '//evil.example/b' }), 'https://rs.example//evil.example/b');
});

test('[F35] refuses targets that are no path: asterisk, authority, relative, none', async () => {
  for (const target of [
    '*',
    'rs.example:443',
    'api/notes',
    '',
    '?page=2',
    'ftp://rs.example/api',
    'https:/api/notes',
  ]) {
    assert.is(await reasonOf(() => uriOf({ target })), 'target-malformed', target);
  }
});

test('[F36] puts the path prefix in front that a proxy strips', () => {
  assert.is(uriOf({}, { pathPrefix: '/v1' }), 'https://rs.example/v1/api/notes');
  assert.is(uriOf({}, { pathPrefix: '/%7Etenant/v1' }), 'https://rs.example/~tenant/v1/api/notes');
  assert.is(uriOf({}, { pathPrefix: '' }), 'https://rs.example/api/notes');
});

const malformed = [
  '/a#b',
  '/a b',
  '/a\\b',
  '/a\tb',
  '/a\nb',
  '/a\u0000b',
  '/\u00e9',
  '/\uff41',
  '/%00',
  '/%zz',
  '/%',
  '/a"b',
  '/<',
];
for (const target of malformed) {
  test(`[F23] [F37] refuses the path ${JSON.stringify(target)}`, async () => {
    assert.is(await reasonOf(() => uriOf({ target })), 'target-malformed');
  });
}

for (const target of [
  '/api/./notes',
  '/x/../api/notes',
  '/x/%2e%2e/api/notes',
  '/api/notes/..',
  '/api/.%2E',
  '/.',
]) {
  test(`[F17] [F18] refuses the dot segments of ${target}`, async () => {
    assert.is(await reasonOf(() => uriOf({ target })), 'target-malformed');
  });
}

test('[F18] refuses every letter, digit, hyphen, dot and underscore that is escaped, in either letter case', async () => {
  const words = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._';
  for (const word of words) {
    const hex = word.charCodeAt(0).toString(16);
    for (const octet of new Set([hex, hex.toUpperCase()])) {
      const target = `/api/a%${octet}b`;
      assert.is(await reasonOf(() => uriOf({ target })), 'target-malformed', target);
    }
  }
});

test('takes every other octet as it is escaped, and escaped letters in the query', () => {
  for (const other of '!"#$%&\'()*+,/:;<=>?@[\\]^`{|}') {
    const escaped = `%${other.charCodeAt(0).toString(16).toUpperCase()}`;
    assert.is(uriOf({ target: `/a${escaped}` }), `https://rs.example/a${escaped}`);
  }
  assert.is(uriOf({ target: '/%7E%2F%20%C3%A9' }), 'https://rs.example/~%2F%20%C3%A9');
  assert.is(uriOf({ target: '/api?q=%61' }), 'https://rs.example/api');
});

test('a path of 4096 characters is taken, a longer one is not, whatever the query', async () => {
  const longest = `/${'a'.repeat(4095)}`;
  assert.is(uriOf({ target: `${longest}?${'q'.repeat(5000)}` }), origin + longest);
  assert.is(await reasonOf(() => uriOf({ target: `${longest}a` })), 'target-malformed');
});

test('[F17] leaves dots alone that are no dot segments', () => {
  assert.is(uriOf({ target: '/a../.b/.../c?d=../..' }), 'https://rs.example/a../.b/.../c');
});

for (const name of ['X-HTTP-Method-Override', 'x-http-method', 'X-METHOD-OVERRIDE']) {
  test(`[F04] refuses ${name} when it names another method`, async () => {
    const rawHeaders = ['Host', 'rs.example', name, 'DELETE'];
    assert.is(await reasonOf(() => uriOf({ method: 'POST', rawHeaders })), 'method-override');
    assert.is(uriOf({ method: 'DELETE', rawHeaders }), 'https://rs.example/api/notes');
  });
}

test('[F04] refuses a second override line that hides behind a harmless one', async () => {
  const rawHeaders = [
    'Host',
    'rs.example',
    'X-HTTP-Method-Override',
    'post',
    'X-HTTP-Method-Override',
    'DELETE',
  ];
  assert.is(await reasonOf(() => uriOf({ method: 'POST', rawHeaders })), 'method-override');
});

test('accepts the Host values of a proxy that are configured, in normal form', async () => {
  const hosts = ['Upstream.internal:8080', '10.0.0.1:443'];
  for (const host of ['rs.example', 'upstream.internal:8080', '10.0.0.1']) {
    assert.is(uriOf(withHost(host), { hosts }), 'https://rs.example/api/notes', host);
  }
  assert.is(await reasonOf(() => uriOf(withHost('upstream.internal'), { hosts })), 'host-mismatch');
});

test('[F39] two public origins on one process do not answer for each other', async () => {
  const other = { publicOrigin: 'https://other.example' };
  assert.is(uriOf(withHost('other.example'), other), 'https://other.example/api/notes');
  assert.is(await reasonOf(() => uriOf(withHost('rs.example'), other)), 'host-mismatch');
});

test('[R9449-4.1-02] reads all lines of a header, in any letter case, unmerged and nothing else', () => {
  const rawHeaders = ['DPoP', 'a', 'dpop', 'b, c', 'DPoP-Nonce', 'n', 'DPOP', '', 'xdpop', 'd', 'dpop'];
  assert.equal(headerLines(rawHeaders, 'dpop'), ['a', 'b, c', '']);
  assert.equal(headerLines(rawHeaders, 'authorization'), []);
});

const badAddresses: readonly (readonly [name: string, value: unknown])[] = [
  ['publicOrigin', undefined],
  ['publicOrigin', ''],
  ['publicOrigin', 'rs.example'],
  ['publicOrigin', 'https://rs.example/api'],
  ['publicOrigin', 'https://rs.example?'],
  ['publicOrigin', 'https://rs.example/?page=2'],
  ['publicOrigin', 'https://rs.example#'],
  ['publicOrigin', 'https://user@rs.example'],
  ['publicOrigin', 'https://rs.example:0443'],
  ['publicOrigin', ' https://rs.example'],
  ['publicOrigin', 'https://rs.example\\'],
  ['publicOrigin', 'http://rs.example'],
  ['publicOrigin', 'http://127.0.0.1.evil.example'],
  ['publicOrigin', 'ftp://rs.example'],
  ['publicOrigin', new URL('https://rs.example')],
  ['pathPrefix', 'v1'],
  ['pathPrefix', '/'],
  ['pathPrefix', '/v1/'],
  ['pathPrefix', '/v1?x'],
  ['pathPrefix', '/v1#x'],
  ['pathPrefix', '/v1/../v2'],
  ['pathPrefix', '/v 1'],
  ['pathPrefix', 'https://rs.example/v1'],
  ['pathPrefix', 1],
  ['hosts', 'rs.internal'],
  ['hosts', [undefined]],
  ['hosts', ['']],
  ['hosts', ['*']],
  ['hosts', ['rs.internal/api']],
  ['hosts', ['https://rs.internal']],
];
for (const [name, value] of badAddresses) {
  test(`throws a TypeError for ${name} = ${JSON.stringify(value)}`, () => {
    assert.throws(
      () => new PublicTarget({ publicOrigin: origin, [name]: value } as PublicAddress),
      (error: unknown) => error instanceof TypeError && error.message.includes(`"${name}"`),
    );
  });
}

test.run();
