import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  checkAuthorizationRequest,
  findRedirectUri,
  toScope,
} from '../../demo/authorization/authorization-request.ts';
import { createClients, type DemoClient } from '../../demo/authorization/clients.ts';
import { OAuthError, toSingleParameters } from '../../demo/authorization/oauth.ts';
import { readConfig } from '../../demo/config.ts';
import { callback, codeChallenge, type Form, toBody } from './_clients.ts';

/** What an authorization request may say, and where its answer may go. */

const test = suite('demo/authorization-request');

const clients = createClients(readConfig({}));

function clientNamed(name: string): DemoClient {
  const client = clients.find(({ id }) => id === name);
  if (client === undefined) throw new Error(`no client ${name}`);
  return client;
}

const spa = clientNamed('demo-spa');
const single: DemoClient = { ...spa, redirectUris: ['https://app.example/callback?from=as'] };

function find(redirect_uri: string | undefined, client: DemoClient): unknown {
  try {
    return findRedirectUri(toSingleParameters(toBody({ redirect_uri })), client);
  } catch (error) {
    assert.instance(error, OAuthError);
    return (error as OAuthError).code;
  }
}

const refused = 'invalid_request';

// Where the answer goes.

const sameAsRegistered: readonly (readonly [uri: string, client: DemoClient])[] = [
  ['http://127.0.0.1/callback', spa],
  ['http://127.0.0.1:1/callback', spa],
  ['http://127.0.0.1:8080/callback', spa],
  ['http://127.0.0.1:65535/callback', spa],
  ['http://[::1]:8080/callback', spa],
  ['http://127.0.0.1:8080/callback', clientNamed('demo-web')],
  ['https://app.example/callback?from=as', single],
];

for (const [uri, client] of sameAsRegistered) {
  test(`[R9700-2.1-01] ${uri} is registered for ${client.id}`, () => {
    assert.equal(find(uri, client), { redirectUri: uri, given: true });
  });
}

const nearMisses: readonly string[] = [
  'http://127.0.0.1:8080/callback/',
  'http://127.0.0.1:8080/Callback',
  'http://127.0.0.1:8080/callback?x',
  'http://127.0.0.1:8080/callback#',
  'http://127.0.0.1:8080/callback%2f',
  'http://127.0.0.1:8080/x/../callback',
  'http://127.0.0.1:8080//callback',
  'http://127.0.0.1:8080',
  'https://127.0.0.1:8080/callback',
  'HTTP://127.0.0.1:8080/callback',
  'http://localhost:8080/callback',
  'http://127.0.0.2:8080/callback',
  'http://127.1:8080/callback',
  'http://2130706433/callback',
  'http://[0:0:0:0:0:0:0:1]:8080/callback',
  'http://user@127.0.0.1:8080/callback',
  'http://127.0.0.1:8080@evil.example/callback',
  'http://127.0.0.1.evil.example/callback',
  'http://127.0.0.1:0/callback',
  'http://127.0.0.1:080/callback',
  'http://127.0.0.1:65536/callback',
  'http://127.0.0.1:/callback',
  'http://127.0.0.1:8080\\@evil.example/callback',
  'http://127.0.0.1:8080/callback\r\nset-cookie: x',
  'http://127.0.0.1:8080/callback ',
  ' http://127.0.0.1:8080/callback',
  'http://127.0.0.1:8080/\u0441allback',
  'com.example:/callback',
  '/callback',
  'javascript:alert(1)',
];

for (const uri of nearMisses) {
  test(`[R9700-2.1-01] ${JSON.stringify(uri)} is not registered`, () => {
    assert.is(find(uri, spa), refused);
  });
}

test('[R9700-2.1-01] the port may be any on loopback alone, and where none is registered', () => {
  assert.is(find('https://app.example:8443/callback?from=as', single), refused);
  const fixed = { ...spa, redirectUris: ['http://127.0.0.1:9000/callback'] };
  assert.is(find('http://127.0.0.1:9001/callback', fixed), refused);
  assert.equal(find('http://127.0.0.1:9000/callback', fixed), {
    redirectUri: 'http://127.0.0.1:9000/callback',
    given: true,
  });
});

test('no address is fine where one is registered, and where it is clear which', () => {
  assert.equal(find(undefined, single), { redirectUri: single.redirectUris[0], given: false });
  assert.equal(find('', single), { redirectUri: single.redirectUris[0], given: false });
  assert.is(find(undefined, spa), refused);
  assert.is(find(undefined, clientNamed('demo-service')), refused);
});

// What it asks for.

const request: Form = {
  response_type: 'code',
  redirect_uri: callback,
  scope: 'notes:read',
  state: 'a state',
  code_challenge: codeChallenge,
  code_challenge_method: 'S256',
};

function check(changes: Form, client: DemoClient = spa): unknown {
  const redirect = { redirectUri: callback, given: true };
  try {
    return checkAuthorizationRequest(
      toSingleParameters(toBody({ ...request, ...changes })),
      client,
      redirect,
    );
  } catch (error) {
    assert.instance(error, OAuthError);
    return (error as OAuthError).code;
  }
}

const checked = {
  clientId: 'demo-spa',
  redirectUri: callback,
  redirectUriGiven: true,
  scope: 'notes:read',
  state: 'a state',
  codeChallenge,
};

test('a request is what it says, in values that can be kept as JSON', () => {
  assert.equal(check({}), checked);
  assert.equal(JSON.parse(JSON.stringify(check({}))), checked);
});

const { state: _state, ...stateless } = checked;

const good: readonly (readonly [title: string, changes: Form, result: object])[] = [
  ['no state', { state: undefined }, stateless],
  ['a state of 1 kB', { state: 'é'.repeat(512) }, { ...checked, state: 'é'.repeat(512) }],
  [
    'no scope: all that the client may have',
    { scope: undefined },
    { ...checked, scope: 'notes:read notes:write' },
  ],
  ['a scope twice', { scope: 'notes:read notes:read' }, checked],
  ['the response mode that there is', { response_mode: 'query' }, checked],
  ['parameters that are unknown', { canary: 'x', nonce: 'x', __proto__x: 'x' }, checked],
];

for (const [title, changes, result] of good) {
  test(`a request with ${title}`, () => {
    assert.equal(check(changes), result);
  });
}

const bad: readonly (readonly [title: string, changes: Form, error: string])[] = [
  ['[J12] response type token', { response_type: 'token' }, 'unsupported_response_type'],
  ['[J12] response type code token', { response_type: 'code token' }, 'unsupported_response_type'],
  ['[J12] response type code id_token', { response_type: 'code id_token' }, 'unsupported_response_type'],
  ['[J12] response type none', { response_type: 'none' }, 'unsupported_response_type'],
  ['[J12] response type Code', { response_type: 'Code' }, 'unsupported_response_type'],
  ['[J12] response type "code "', { response_type: 'code ' }, 'unsupported_response_type'],
  ['[J12] response type constructor', { response_type: 'constructor' }, 'unsupported_response_type'],
  ['no response type', { response_type: undefined }, refused],
  ['response mode fragment', { response_mode: 'fragment' }, refused],
  ['response mode form_post', { response_mode: 'form_post' }, refused],
  ['response mode query.jwt', { response_mode: 'query.jwt' }, refused],
  ['[R9700-2.1-01] no challenge', { code_challenge: undefined }, refused],
  ['[R9700-2.1-01] an empty challenge', { code_challenge: '' }, refused],
  ['[R9700-2.1-01] no challenge method', { code_challenge_method: undefined }, refused],
  ['[R9700-2.1-01] method plain', { code_challenge_method: 'plain' }, refused],
  ['[R9700-2.1-01] method s256', { code_challenge_method: 's256' }, refused],
  ['[R9700-2.1-01] method S512', { code_challenge_method: 'S512' }, refused],
  ['a challenge of 42 characters', { code_challenge: codeChallenge.slice(1) }, refused],
  ['a challenge of 44 characters', { code_challenge: `${codeChallenge}A` }, refused],
  ['a padded challenge', { code_challenge: `${codeChallenge}=` }, refused],
  ['a challenge of standard base64', { code_challenge: `+${codeChallenge.slice(1)}` }, refused],
  ['an unknown scope', { scope: 'notes:read canary' }, 'invalid_scope'],
  ['two spaces between scopes', { scope: 'notes:read  notes:write' }, 'invalid_scope'],
  ['a request object', { request: 'a.b.c' }, 'request_not_supported'],
  ['a state of a byte more than 1 kB', { state: `${'é'.repeat(512)}x` }, refused],
];

for (const [title, changes, error] of bad) {
  test(`a request with ${title} is ${error}`, () => {
    assert.is(check(changes), error);
  });
}

test('a client without this grant type is unauthorized_client', () => {
  assert.is(check({}, { ...spa, grantTypes: ['refresh_token'] }), 'unauthorized_client');
});

test('the challenge is one that a grant takes: the last bits of 32 bytes are zero', () => {
  assert.is(check({ code_challenge: `${codeChallenge.slice(0, 42)}B` }), refused);
});

test('scopes are given in the order in which they were asked for', () => {
  const parameters = toSingleParameters(toBody({ scope: 'notes:write notes:read' }));
  assert.is(toScope(parameters, spa), 'notes:write notes:read');
});

test.run();
