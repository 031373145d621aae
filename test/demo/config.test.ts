import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { demoWebPrivateJwk, demoWebPublicJwk } from '../../demo/authorization/demo-web-key.ts';
import { ConfigError, readConfig } from '../../demo/config.ts';

const test = suite('demo/config');

const defaults = {
  host: '127.0.0.1',
  authorizationPort: 4000,
  resourcePort: 4001,
  labPort: 4002,
  authorizationOrigin: undefined,
  resourceOrigin: undefined,
  tokenLifetime: 300,
  noncePolicy: 'when-needed',
  bindingMode: 'require',
  replayCapacity: 100_000,
  clientSecret: 'demo-service-secret',
  legacySecret: 'demo-legacy-secret',
  apiSecret: 'demo-api-secret',
  webJwk: demoWebPublicJwk,
  redisUrl: undefined,
  stateFile: undefined,
  nonceSecret: undefined,
  previousNonceSecret: undefined,
};

const names = [
  'HOST',
  'AS_PORT',
  'RS_PORT',
  'LAB_PORT',
  'AS_ORIGIN',
  'RS_ORIGIN',
  'TOKEN_LIFETIME',
  'NONCE_POLICY',
  'BINDING_MODE',
  'REPLAY_CAPACITY',
  'DEMO_SERVICE_SECRET',
  'DEMO_LEGACY_SECRET',
  'DEMO_API_SECRET',
  'DEMO_WEB_JWK',
  'REDIS_URL',
  'STATE_FILE',
  'NONCE_SECRET',
  'PREVIOUS_NONCE_SECRET',
];

const ed25519 = { kty: 'OKP', crv: 'Ed25519', x: '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo' };

test('an empty environment gives the defaults, frozen', () => {
  const config = readConfig({});
  assert.equal(config, defaults);
  assert.ok(Object.isFrozen(config));
});

for (const name of names) {
  test(`an empty ${name} means the default`, () => {
    assert.equal(readConfig({ [name]: '' }), defaults);
  });
}

test('every setting is read', () => {
  const environment = {
    HOST: '0.0.0.0',
    AS_PORT: '0',
    RS_PORT: '65535',
    LAB_PORT: '1',
    AS_ORIGIN: 'https://as.example',
    RS_ORIGIN: 'http://localhost:8080',
    TOKEN_LIFETIME: '86400',
    NONCE_POLICY: 'always',
    BINDING_MODE: 'observe',
    REPLAY_CAPACITY: '10',
    DEMO_SERVICE_SECRET: 'p:s%w+',
    DEMO_LEGACY_SECRET: 'legacy',
    DEMO_API_SECRET: 'api',
    DEMO_WEB_JWK: JSON.stringify(ed25519),
    REDIS_URL: 'rediss://user:pass@redis.example:6380/2',
    STATE_FILE: 'state.sqlite',
    NONCE_SECRET: '0123456789abcdef'.repeat(4),
    PREVIOUS_NONCE_SECRET: 'FF'.repeat(32),
  };
  assert.equal(readConfig(environment), {
    host: '0.0.0.0',
    authorizationPort: 0,
    resourcePort: 65_535,
    labPort: 1,
    authorizationOrigin: 'https://as.example',
    resourceOrigin: 'http://localhost:8080',
    tokenLifetime: 86_400,
    noncePolicy: 'always',
    bindingMode: 'observe',
    replayCapacity: 10,
    clientSecret: 'p:s%w+',
    legacySecret: 'legacy',
    apiSecret: 'api',
    webJwk: ed25519,
    redisUrl: 'rediss://user:pass@redis.example:6380/2',
    stateFile: 'state.sqlite',
    nonceSecret: Uint8Array.from(Buffer.from('0123456789abcdef'.repeat(4), 'hex')),
    previousNonceSecret: new Uint8Array(32).fill(0xff),
  });
});

test('settings that are none of ours are left alone', () => {
  assert.equal(
    readConfig({ PORT: 'x', toString: 'x', ['__proto__']: 'x' } as Record<string, string>),
    defaults,
  );
});

const badNumbers = ['-1', '1.5', '1e3', '0x10', ' 1', '1 ', '+1', '1_000', '１', 'NaN', 'Infinity', 'many'];
const badOrigins = [
  'as.example',
  'https://as.example/',
  'https://as.example/path',
  'https://as.example?x',
  'https://AS.example',
  'https://as.example:443',
  'https://user@as.example',
  'http://as.example',
  'http://127.0.0.1.example',
  'ftp://as.example',
  'null',
  'https://',
];
const bad: Readonly<Record<string, readonly string[]>> = {
  HOST: ['10.0.0.1', 'as.example', '127.0.0.1.example', 'no such host'],
  AS_PORT: [...badNumbers, '65536', '99999999999999999999'],
  RS_PORT: [...badNumbers, '65536'],
  LAB_PORT: [...badNumbers, '65536'],
  AS_ORIGIN: badOrigins,
  RS_ORIGIN: badOrigins,
  TOKEN_LIFETIME: [...badNumbers, '0', '86401'],
  NONCE_POLICY: ['Always', 'never', 'always ', 'true', '__proto__'],
  BINDING_MODE: ['Require', 'none', 'observe ', 'false', '__proto__'],
  REPLAY_CAPACITY: [...badNumbers, '0', '9', '10000001'],
};

for (const [name, values] of Object.entries(bad)) {
  for (const value of values) {
    test(`${name} cannot be ${JSON.stringify(value)}: one sentence names it`, () => {
      const error = errorOf(() => readConfig({ [name]: value }));
      assert.instance(error, ConfigError);
      assert.is(error.name, 'ConfigError');
      assert.ok(error.message.startsWith(`${name} must be `), error.message);
      assert.ok(error.message.endsWith(`, not "${value}".`), error.message);
      assert.not.match(error.message, /\n/);
    });
  }
}

for (const host of ['127.0.0.1', '127.1.2.3', 'localhost', '::1', '0.0.0.0', '::']) {
  test(`HOST can be ${host}`, () => {
    assert.is(readConfig({ HOST: host }).host, host);
  });
}

test('HOST can be anything behind proxies with origins of their own, for both servers', () => {
  const [AS_ORIGIN, RS_ORIGIN] = ['https://as.example', 'https://rs.example'];
  assert.is(readConfig({ HOST: '10.0.0.1', AS_ORIGIN, RS_ORIGIN }).host, '10.0.0.1');
  assert.throws(() => readConfig({ HOST: '10.0.0.1', AS_ORIGIN }), /^HOST must be /);
  assert.throws(() => readConfig({ HOST: '10.0.0.1', RS_ORIGIN }), /^HOST must be /);
});

for (const url of [
  'redis://127.0.0.1',
  'redis://localhost:6379',
  'redis://[::1]:7000/0',
  'rediss://:p@r/15',
]) {
  test(`REDIS_URL can be ${url}`, () => assert.is(readConfig({ REDIS_URL: url }).redisUrl, url));
}

const hex = 'canary'
  .replace(/[^a-f]/g, '')
  .repeat(32)
  .slice(0, 60);
const badSecrets: Readonly<Record<string, readonly string[]>> = {
  REDIS_URL: [
    'canary',
    'canary:6379',
    '/run/canary.sock',
    'redis://',
    'redis:///1',
    'http://canary:6379',
    'redis://:canary@host:x',
    'redis://:canary@host/db',
    'redis://host?password=canary',
    'redis://host?enableOfflineQueue=true&x=canary',
    'redis://host#canary',
  ],
  DEMO_WEB_JWK: [
    'canary',
    '{"canary":1}',
    '["canary"]',
    '"canary"',
    'null',
    JSON.stringify({ ...demoWebPrivateJwk, kid: 'canary' }),
    JSON.stringify({ ...ed25519, d: 'canary' }),
    JSON.stringify({ ...ed25519, crv: 'Ed448', kid: 'canary' }),
    JSON.stringify({ ...demoWebPublicJwk, crv: 'P-384', kid: 'canary' }),
    JSON.stringify({ kty: 'oct', k: 'canary' }),
    JSON.stringify({ kty: 'RSA', e: 'AQAB', n: 'x'.repeat(342).slice(0, 171), kid: 'canary' }),
  ],
  NONCE_SECRET: [hex, `${hex}abcde`, `${hex}abcg`, `${hex}abc `, `0x${hex}ab`, `${hex}abcd\n`],
};

for (const [name, values] of Object.entries({
  ...badSecrets,
  PREVIOUS_NONCE_SECRET: badSecrets['NONCE_SECRET'] ?? [],
})) {
  for (const value of values) {
    test(`[L01] ${name} cannot be ${JSON.stringify(value)}: one sentence names it and does not repeat it`, () => {
      const { name: kind, message } = errorOf(() => readConfig({ [name]: value }));
      assert.is(kind, 'ConfigError');
      assert.ok(message.startsWith(`${name} must be `), message);
      assert.ok(!message.includes('canary') && !message.includes(hex), message);
      assert.not.match(message, /\n/);
    });
  }
}

test('DEMO_WEB_JWK can be an RSA key of 2048 bits', () => {
  const jwk = { kty: 'RSA', e: 'AQAB', n: `${'v'.repeat(341)}Q` };
  assert.equal(readConfig({ DEMO_WEB_JWK: JSON.stringify(jwk) }).webJwk, jwk);
});

function errorOf(attempt: () => unknown): Error {
  try {
    attempt();
  } catch (error) {
    return error as Error;
  }
  throw new Error('nothing was thrown');
}

test.run();
