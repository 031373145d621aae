import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createClients, type DemoClient } from '../../demo/authorization/clients.ts';
import { demoWebPrivateJwk, demoWebPublicJwk } from '../../demo/authorization/demo-web-key.ts';
import { readConfig } from '../../demo/config.ts';

/** One client of each kind, and nothing that one of them has by accident. */

const test = suite('demo/clients');

const clients = createClients(readConfig({}));

function pick<T>(property: (client: DemoClient) => T): Record<string, T> {
  return Object.fromEntries(clients.map((client) => [client.id, property(client)]));
}

test('each has one way to show who it is', () => {
  assert.equal(
    pick(({ authentication }) => authentication.method),
    {
      'demo-spa': 'none',
      'demo-service': 'client_secret',
      'demo-web': 'private_key_jwt',
      'demo-legacy': 'client_secret',
      'demo-api': 'client_secret',
    },
  );
});

test('[R9449-5.2-01] [R9449-5.2-02] all but demo-legacy get bound tokens alone', () => {
  assert.equal(
    clients.filter(({ boundTokens }) => !boundTokens).map(({ id }) => id),
    ['demo-legacy'],
  );
});

test('demo-web alone has opaque tokens, demo-api alone sees those of others', () => {
  assert.equal(
    clients.filter(({ tokenFormat }) => tokenFormat === 'opaque').map(({ id }) => id),
    ['demo-web'],
  );
  assert.equal(
    clients.filter(({ introspects }) => introspects === 'audience').map(({ id }) => id),
    ['demo-api'],
  );
});

test('whoever sends users along has an address for them, and nobody else has', () => {
  assert.equal(
    pick(({ redirectUris }) => redirectUris.length > 0),
    pick(({ grantTypes }) => grantTypes.includes('authorization_code')),
  );
});

test('whoever authenticates with a secret has one of its own', () => {
  const secrets = clients.flatMap(({ authentication }) =>
    authentication.method === 'client_secret' ? [authentication.secret] : [],
  );
  assert.is(new Set(secrets).size, 3);
  assert.ok(secrets.every((secret) => secret !== ''));
});

test('secrets and key come from the configuration', () => {
  const jwk = { kty: 'OKP', crv: 'Ed25519', x: '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo' };
  const own = createClients(
    readConfig({
      DEMO_SERVICE_SECRET: 'one',
      DEMO_LEGACY_SECRET: 'two',
      DEMO_API_SECRET: 'three',
      DEMO_WEB_JWK: JSON.stringify(jwk),
    }),
  );
  assert.equal(
    own.map(({ authentication }) => authentication),
    [
      { method: 'none' },
      { method: 'client_secret', secret: 'one' },
      { method: 'private_key_jwt', jwks: { keys: [jwk] } },
      { method: 'client_secret', secret: 'two' },
      { method: 'client_secret', secret: 'three' },
    ],
  );
});

test('of the throw-away key the server knows the public half alone', () => {
  const { d, ...publicMembers } = demoWebPrivateJwk;
  assert.type(d, 'string');
  assert.equal(demoWebPublicJwk, publicMembers);
  assert.not.ok(JSON.stringify(clients).includes(d ?? ''));
});

test.run();
