import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createDpopFetch, type DpopKeyPair } from '../../src/client/index.ts';
import {
  askToken,
  beginGrant,
  credentialsOf,
  type Form,
  generateKeyPair,
  getTokens,
  introspect,
  postForm,
  refreshForm,
  refusalOf,
} from './_clients.ts';
import { type Demo, lastReason, later, withDemo } from './_setup.ts';

/** Tokens that their clients give back, and what that ends. */

const test = suite('demo/revocation-endpoint');

async function revoke(demo: Demo, clientId: string, token: string, more: Form = {}): Promise<Response> {
  return postForm(demo, '/revoke', { ...(await credentialsOf(demo, clientId)), token, ...more });
}

async function isActive(demo: Demo, token: string): Promise<boolean> {
  return (await introspect(demo, token))['active'] === true;
}

function notesWith(demo: Demo, accessToken: string, keyPair: DpopKeyPair): Promise<Response> {
  const signed = createDpopFetch({ keyPair, origins: demo.resourceOrigin, accessToken });
  return signed(demo.notesUrl);
}

test(
  '[R7009-2.2-01] the answer is 200 with an empty body, is not stored, and asks for no proof',
  withDemo(async (demo) => {
    const { access_token } = await beginGrant(demo, 'demo-spa', await generateKeyPair());
    for (const token of [access_token, access_token, 'canary', 'x'.repeat(43)]) {
      const response = await revoke(demo, 'demo-spa', token);
      assert.is(response.status, 200);
      assert.is(await response.text(), '');
      assert.is(response.headers.get('cache-control'), 'no-store');
      assert.is(response.headers.get('dpop-nonce'), null);
    }
  }),
);

test(
  '[R7009-2.1-01] an access token that was given back opens nothing, from the next request on',
  withDemo(async (demo) => {
    const keyPair = await generateKeyPair();
    const { access_token, refresh_token } = await beginGrant(demo, 'demo-spa', keyPair);
    assert.is((await notesWith(demo, access_token, keyPair)).status, 200);
    await revoke(demo, 'demo-spa', access_token);
    assert.is((await notesWith(demo, access_token, keyPair)).status, 401);
    const last = demo.decisions.at(-1);
    assert.is(last?.outcome === 'refused' ? last.reason : last?.outcome, 'token-revoked');
    const next = await getTokens(demo, 'demo-spa', refreshForm(refresh_token), keyPair);
    assert.is((await notesWith(demo, next.access_token, keyPair)).status, 200, 'its grant goes on');
  }),
);

for (const client of ['demo-spa', 'demo-web']) {
  test(
    `[R7009-2.1-02] with a refresh token of ${client} all that came of its grant ends`,
    withDemo(async (demo) => {
      const keyPair = await generateKeyPair();
      const first = await beginGrant(demo, client, keyPair);
      const second = await getTokens(demo, client, refreshForm(first.refresh_token), keyPair);
      const other = await beginGrant(demo, client, keyPair);
      const refresh = refreshForm(second.refresh_token ?? first.refresh_token);
      await revoke(demo, client, refresh['refresh_token'] ?? '');
      assert.is(await refusalOf(await askToken(demo, client, refresh, keyPair)), '400 invalid_grant');
      assert.is(lastReason(demo), 'grant-ended');
      assert.not.ok(await isActive(demo, first.access_token));
      assert.not.ok(await isActive(demo, second.access_token));
      assert.ok(await isActive(demo, other.access_token), 'another grant of the same user goes on');
    }),
  );
}

for (const [title, pick] of [
  ['access token', ({ access_token }: { access_token: string }) => access_token],
  ['refresh token', ({ refresh_token }: { refresh_token: string }) => refresh_token],
] as const) {
  test(
    `[R7009-2.1-01] another client’s ${title} is left alone, without a word`,
    withDemo(async (demo) => {
      const keyPair = await generateKeyPair();
      const tokens = await beginGrant(demo, 'demo-spa', keyPair);
      for (const thief of ['demo-service', 'demo-web', 'demo-api']) {
        assert.is((await revoke(demo, thief, pick(tokens))).status, 200);
      }
      assert.ok(await isActive(demo, tokens.access_token));
      await getTokens(demo, 'demo-spa', refreshForm(tokens.refresh_token), keyPair);
    }),
  );

  for (const token_type_hint of ['access_token', 'refresh_token', 'canary']) {
    test(
      `[R7009-2.2-01] the hint ${token_type_hint} for the ${title} makes no difference`,
      withDemo(async (demo) => {
        const keyPair = await generateKeyPair();
        const tokens = await beginGrant(demo, 'demo-spa', keyPair);
        await revoke(demo, 'demo-spa', pick(tokens), { token_type_hint });
        assert.not.ok(await isActive(demo, tokens.access_token));
      }),
    );
  }
}

test(
  '[R7009-2.1-01] a confidential client must show who it is, and nothing happens before',
  withDemo(async (demo) => {
    const { access_token: token } = await beginGrant(demo, 'demo-web', await generateKeyPair());
    for (const client_id of ['demo-web', 'demo-service', 'canary', undefined]) {
      const response = await postForm(demo, '/revoke', { client_id, token });
      assert.is(await refusalOf(response), '401 invalid_client');
    }
    assert.ok(await isActive(demo, token));
  }),
);

test(
  '[R7009-2.2-01] a token that has expired is as good as unknown',
  withDemo(async (demo) => {
    const { access_token } = await beginGrant(demo, 'demo-spa', await generateKeyPair());
    const response = await later(301, () => revoke(demo, 'demo-spa', access_token));
    assert.is(response.status, 200);
  }),
);

test(
  'a bound token is given back without its key: whoever finds one may report it, if it is the client',
  withDemo(async (demo) => {
    const { access_token: token } = await beginGrant(demo, 'demo-spa', await generateKeyPair());
    const response = await postForm(demo, '/revoke', { client_id: 'demo-spa', token }, { dpop: 'canary' });
    assert.is(response.status, 200);
    assert.not.ok(await isActive(demo, token));
  }),
);

test(
  '[J18] without a token: invalid_request',
  withDemo(async (demo) => {
    const response = await postForm(demo, '/revoke', { client_id: 'demo-spa' });
    assert.is(await refusalOf(response), '400 invalid_request');
  }),
);

test(
  'what could not be taken back is not said to be: 503',
  withDemo(async (demo) => {
    const { access_token, refresh_token } = await beginGrant(demo, 'demo-spa', await generateKeyPair());
    demo.state.revocations.revoke = () => Promise.reject(new Error('canary'));
    for (const token of [access_token, refresh_token]) {
      const response = await revoke(demo, 'demo-spa', token);
      assert.is(response.headers.get('retry-after'), '1');
      assert.is(await refusalOf(response), '503 temporarily_unavailable');
    }
  }),
);

for (const method of ['GET', 'HEAD', 'PUT', 'DELETE']) {
  test(
    `${method} is 405`,
    withDemo(async (demo) => {
      const response = await fetch(`${demo.authorizationOrigin}/revoke?token=x`, { method });
      assert.is(response.status, 405);
      assert.is(response.headers.get('allow'), 'POST');
    }),
  );
}

test.run();
