import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { readPastedRequest } from '../../src/cli/pasted-request.ts';

const test = suite('cli pasted request');

const pasted = `* Connected to api.example (192.0.2.1) port 443
> GET /notes?page=2 HTTP/2
> Host: api.example
> User-Agent: curl/8
> Authorization: DPoP the.token.text
> DPoP: the.proof.text
>
< HTTP/2 401
< dpop-nonce: abc
< dpop: not.this.one
`;

test('reads what curl -v shows, and nothing of the answer', () => {
  assert.equal(readPastedRequest(pasted), {
    method: 'GET',
    url: 'https://api.example/notes?page=2',
    proofs: ['the.proof.text'],
    scheme: 'DPoP',
    token: 'the.token.text',
  });
});

test('reads bare header lines in any letter case, with Windows line ends', () => {
  const bare = 'POST /token HTTP/1.1\r\n  hOst:as.example\r\ndpop: p1 \r\nDPOP: p2\r\n\r\n';
  assert.equal(readPastedRequest(bare), {
    method: 'POST',
    url: 'https://as.example/token',
    proofs: ['p1', 'p2'],
    scheme: undefined,
    token: undefined,
  });
});

test('takes the last of several requests: the one before was a challenge', () => {
  const second = pasted.replace('/notes?page=2', '/second').replace('the.proof.text', 'second.proof.text');
  const read = readPastedRequest(pasted + second);
  assert.is(read?.url, 'https://api.example/second');
  assert.equal(read?.proofs, ['second.proof.text']);
});

test('reads a single header line', () => {
  assert.equal(readPastedRequest('DPoP: a.b.c')?.proofs, ['a.b.c']);
  assert.is(readPastedRequest('Authorization: Bearer t')?.scheme, 'Bearer');
});

test('keeps an empty header as one: it was sent', () => {
  assert.equal(readPastedRequest('DPoP:\n')?.proofs, ['']);
});

for (const [host, scheme] of [
  ['127.0.0.1:8080', 'http'],
  ['localhost', 'http'],
  ['[::1]:80', 'http'],
  ['127.example', 'https'],
  ['localhost.example', 'https'],
] as const) {
  test(`guesses ${scheme} for ${host}`, () => {
    assert.is(readPastedRequest(`GET / HTTP/1.1\nHost: ${host}`)?.url, `${scheme}://${host}/`);
  });
}

test('takes an absolute target as it is, and knows no URL without Host', () => {
  assert.is(readPastedRequest('GET http://a.example/x HTTP/1.1')?.url, 'http://a.example/x');
  assert.is(readPastedRequest('GET /x HTTP/1.1')?.url, undefined);
});

test('knows that client authentication is no access token', () => {
  const read = readPastedRequest('POST /token HTTP/1.1\nHost: as.example\nAuthorization: Basic YTpi');
  assert.is(read?.scheme, undefined);
  assert.is(read?.token, undefined);
});

for (const text of ['', 'a.b.c', 'DPoP a.b.c', 'hello: world', 'GET /', 'just\nlines'])
  test(`sees no request in ${JSON.stringify(text)}`, () => {
    assert.is(readPastedRequest(text), undefined);
  });

test.run();
