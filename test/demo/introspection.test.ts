import { decodeJwt } from 'jose';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createDpopFetch } from '../../src/client/index.ts';
import { DpopError } from '../../src/index.ts';
import {
  askToken,
  beginGrant,
  codeForm,
  createAssertion,
  credentialsOf,
  generateKeyPair,
  getTokens,
  introspect,
  jwtBearer,
  mint,
  postForm,
  refreshForm,
  refusalOf,
} from './_clients.ts';
import { type Demo, lastReason, later, withDemo } from './_setup.ts';

/** What the authorization server says about tokens, and to whom. */

const test = suite('demo/introspection');

const inactive = { active: false };

for (const client of ['demo-spa', 'demo-web']) {
  test(
    `[R9449-6.2-01] [R9449-6.2-02] [R9449-6-01] a bound token of ${client} says DPoP, and its key at the top`,
    withDemo(async (demo) => {
      const keyPair = await generateKeyPair();
      const { access_token } = await beginGrant(demo, client, keyPair);
      const { jti, exp, iat, grant_id, ...rest } = await introspect(demo, access_token);
      assert.equal(rest, {
        active: true,
        token_type: 'DPoP',
        cnf: { jkt: keyPair.jkt },
        iss: demo.authorizationOrigin,
        aud: demo.resourceOrigin,
        sub: 'alice',
        client_id: client,
        scope: 'notes:read notes:write',
      });
      assert.is(Number(exp) - Number(iat), 300);
      assert.type(jti, 'string');
      assert.type(grant_id, 'string');
    }),
  );
}

test(
  '[R9449-6-01] an unbound token says Bearer, and no key',
  withDemo(async (demo) => {
    const { access_token } = await beginGrant(demo, 'demo-legacy', null);
    const { active, token_type, cnf } = await introspect(demo, access_token);
    assert.equal({ active, token_type, cnf }, { active: true, token_type: 'Bearer', cnf: undefined });
  }),
);

test(
  '[R6749-5.1-01] [R9449-6.2-03] the answer is JSON, is not stored, and asks for no proof',
  withDemo(async (demo) => {
    const { access_token: token } = await beginGrant(demo, 'demo-spa', await generateKeyPair());
    const form = { ...(await credentialsOf(demo, 'demo-api')), token };
    for (const headers of [{}, { dpop: 'canary' }]) {
      const response = await postForm(demo, '/introspect', form, headers);
      assert.is(response.status, 200);
      assert.is(response.headers.get('cache-control'), 'no-store');
      assert.is(response.headers.get('dpop-nonce'), null);
      assert.match(response.headers.get('content-type') ?? '', /^application\/json/);
    }
  }),
);

test(
  '[R9449-6.2-03] [R9449-6-02] an opaque token opens the notes with its key, and with no other',
  withDemo(async (demo) => {
    const keyPair = await generateKeyPair();
    const { access_token: accessToken } = await beginGrant(demo, 'demo-web', keyPair);
    const options = { origins: demo.resourceOrigin, accessToken };
    const right = createDpopFetch({ ...options, keyPair });
    assert.is((await right(demo.notesUrl)).status, 200);
    const wrong = createDpopFetch({ ...options, keyPair: await generateKeyPair() });
    assert.is((await wrong(demo.notesUrl)).status, 401);
    const last = demo.decisions.at(-1);
    assert.is(last?.outcome === 'refused' ? last.reason : last?.outcome, 'key-mismatch');
  }),
);

// What is not active.

async function foreignToken(): Promise<string> {
  const keyPair = await generateKeyPair();
  let token = '';
  await withDemo(async (other) => {
    token = (await beginGrant(other, 'demo-spa', keyPair)).access_token;
  })();
  return token;
}

const deadTokens: Readonly<Record<string, (demo: Demo) => Promise<string>>> = {
  unknown: async () => 'canary',
  'an unknown handle': async () => 'x'.repeat(43),
  'a token of another issuer': foreignToken,
  'a token with another signature': async (demo) => {
    const { access_token } = await beginGrant(demo, 'demo-spa', await generateKeyPair());
    const [header, payload, signature = ''] = access_token.split('.');
    return `${header}.${payload}.${signature.startsWith('A') ? 'B' : 'A'}${signature.slice(1)}`;
  },
  revoked: async (demo) => {
    const { access_token } = await beginGrant(demo, 'demo-spa', await generateKeyPair());
    await postForm(demo, '/revoke', { client_id: 'demo-spa', token: access_token });
    return access_token;
  },
  'a revoked handle': async (demo) => {
    const { access_token } = await beginGrant(demo, 'demo-web', await generateKeyPair());
    await postForm(demo, '/revoke', { ...(await credentialsOf(demo, 'demo-web')), token: access_token });
    return access_token;
  },
  'of an ended grant': async (demo) => {
    const { access_token } = await beginGrant(demo, 'demo-spa', await generateKeyPair());
    await demo.grants.end(String(decodeJwt(access_token)['grant_id']));
    return access_token;
  },
  'of a user who signed out everywhere': async (demo) => {
    const { access_token } = await beginGrant(demo, 'demo-spa', await generateKeyPair());
    await later(1, () => demo.grants.endAll('alice'));
    return access_token;
  },
  'bound to a revoked key': async (demo) => {
    const { jkt, ...keyPair } = await generateKeyPair();
    const { access_token } = await beginGrant(demo, 'demo-spa', { jkt, ...keyPair });
    await demo.state.revocations.revoke({ jkt });
    return access_token;
  },
  'a refresh token, which is no access token': async (demo) =>
    (await beginGrant(demo, 'demo-spa', await generateKeyPair())).refresh_token,
  'an assertion': (demo) => createAssertion(demo),
};

for (const [title, prepare] of Object.entries(deadTokens)) {
  test(
    `[R7662-2.2-01] ${title}: inactive, and not a word more`,
    withDemo(async (demo) => {
      const token = await prepare(demo);
      assert.equal(await introspect(demo, token), inactive);
    }),
  );
}

for (const client of ['demo-spa', 'demo-web']) {
  test(
    `[R7662-2.2-01] a token of ${client} is active until it expires`,
    withDemo(
      async (demo) => {
        const { access_token } = await beginGrant(demo, client, await generateKeyPair());
        assert.is((await later(58, () => introspect(demo, access_token)))['active'], true);
        assert.equal(await later(61, () => introspect(demo, access_token)), inactive);
      },
      { TOKEN_LIFETIME: '60' },
    ),
  );
}

// Who may ask.

test(
  '[R7662-2.2-01] a client sees its own tokens and nobody else’s; the resource server sees those for it',
  withDemo(async (demo) => {
    const keyPair = await generateKeyPair();
    const form = { grant_type: 'client_credentials' };
    const own = await getTokens(demo, 'demo-service', form, keyPair);
    const other = await getTokens(demo, 'demo-web', form, keyPair);
    assert.is((await introspect(demo, own.access_token, 'demo-service'))['active'], true);
    assert.equal(await introspect(demo, other.access_token, 'demo-service'), inactive);
    assert.is((await introspect(demo, other.access_token, 'demo-web'))['active'], true);
    assert.equal(await introspect(demo, own.access_token, 'demo-web'), inactive);
    for (const { access_token } of [own, other])
      assert.is((await introspect(demo, access_token, 'demo-api'))['active'], true);
  }),
);

test(
  '[R9700-2.3-01] the resource server does not see tokens for others',
  withDemo(async (demo) => {
    const { jkt } = await generateKeyPair();
    assert.is((await introspect(demo, await mint(demo, { jkt })))['active'], true);
    const elsewhere = await mint(demo, { jkt, audience: 'https://rs.example' });
    assert.equal(await introspect(demo, elsewhere), inactive);
  }),
);

test(
  '[R7662-2.1-01] a name alone is no authorization: a public client may not ask, not even about its own tokens',
  withDemo(async (demo) => {
    const { access_token: token } = await beginGrant(demo, 'demo-spa', await generateKeyPair());
    for (const client_id of ['demo-spa', 'demo-service', 'demo-api', 'canary', undefined]) {
      const response = await postForm(demo, '/introspect', { client_id, token });
      assert.is(await refusalOf(response), '401 invalid_client');
    }
  }),
);

test(
  '[R7662-2.1-01] the token itself does not authorize to ask about it',
  withDemo(async (demo) => {
    const { access_token: token } = await beginGrant(demo, 'demo-legacy', null);
    const response = await postForm(demo, '/introspect', { token }, { authorization: `Bearer ${token}` });
    assert.is(await refusalOf(response), '401 invalid_client');
  }),
);

test(
  'demo-api may introspect and nothing else',
  withDemo(async (demo) => {
    const keyPair = await generateKeyPair();
    for (const grant_type of ['client_credentials', 'authorization_code', 'refresh_token']) {
      const response = await askToken(demo, 'demo-api', { grant_type }, keyPair);
      assert.is(await refusalOf(response), '400 unauthorized_client');
    }
    const { access_token: token } = await beginGrant(demo, 'demo-spa', keyPair);
    await postForm(demo, '/revoke', { ...(await credentialsOf(demo, 'demo-api')), token });
    assert.is((await introspect(demo, token))['active'], true);
  }),
);

// Refresh tokens.

test(
  '[R9449-6.2-01] a public client’s refresh token is bound, a confidential one’s is not: its own client is told',
  withDemo(async (demo) => {
    const keyPair = await generateKeyPair();
    const { refresh_token } = await beginGrant(demo, 'demo-web', keyPair);
    const { iat, exp, grant_id, ...rest } = await introspect(demo, refresh_token, 'demo-web');
    assert.equal(rest, {
      active: true,
      client_id: 'demo-web',
      sub: 'alice',
      scope: 'notes:read notes:write',
    });
    assert.is(Number(exp) - Number(iat), 30 * 86_400);
    assert.type(grant_id, 'string');
  }),
);

test(
  '[R7662-2.2-01] a refresh token is inactive for every other client, and for its own once it has ended',
  withDemo(async (demo) => {
    const { refresh_token } = await beginGrant(demo, 'demo-web', await generateKeyPair());
    for (const client of ['demo-api', 'demo-service', 'demo-legacy'])
      assert.equal(await introspect(demo, refresh_token, client), inactive);
    const month = 31 * 86_400;
    assert.equal(await later(month, () => introspect(demo, refresh_token, 'demo-web')), inactive);
    await postForm(demo, '/revoke', { ...(await credentialsOf(demo, 'demo-web')), token: refresh_token });
    assert.equal(await introspect(demo, refresh_token, 'demo-web'), inactive);
  }),
);

test(
  'to ask about a token changes nothing',
  withDemo(async (demo) => {
    const keyPair = await generateKeyPair();
    const { refresh_token } = await beginGrant(demo, 'demo-web', keyPair);
    for (let time = 0; time < 3; time++) await introspect(demo, refresh_token, 'demo-web');
    await getTokens(demo, 'demo-web', refreshForm(refresh_token), keyPair);
  }),
);

// The request.

test(
  'a hint, right or wrong, makes no difference',
  withDemo(async (demo) => {
    const { access_token: token } = await beginGrant(demo, 'demo-spa', await generateKeyPair());
    for (const token_type_hint of ['access_token', 'refresh_token', 'canary']) {
      const form = { ...(await credentialsOf(demo, 'demo-api')), token, token_type_hint };
      const { active } = (await (await postForm(demo, '/introspect', form)).json()) as { active: boolean };
      assert.is(active, true, token_type_hint);
    }
  }),
);

test(
  '[J18] without a token, with two, or with JSON: invalid_request',
  withDemo(async (demo) => {
    const form = await credentialsOf(demo, 'demo-api');
    assert.is(await refusalOf(await postForm(demo, '/introspect', form)), '400 invalid_request');
    const twice = new URLSearchParams({ ...form, token: 'x' } as Record<string, string>);
    twice.append('token', 'y');
    assert.is(await refusalOf(await postForm(demo, '/introspect', twice)), '400 invalid_request');
    const json = { 'content-type': 'application/json' };
    assert.is(
      await refusalOf(await postForm(demo, '/introspect', { ...form, token: 'x' }, json)),
      '400 invalid_request',
    );
  }),
);

for (const method of ['GET', 'HEAD', 'PUT', 'DELETE']) {
  test(
    `[R7662-2.1-01] ${method} is 405`,
    withDemo(async (demo) => {
      const response = await fetch(`${demo.authorizationOrigin}/introspect?token=x`, { method });
      assert.is(response.status, 405);
      assert.is(response.headers.get('allow'), 'POST');
    }),
  );
}

test(
  '[G12] when it is not known what was revoked, nothing is said: 503',
  withDemo(async (demo) => {
    const { access_token: token } = await beginGrant(demo, 'demo-spa', await generateKeyPair());
    const form = { ...(await credentialsOf(demo, 'demo-api')), token };
    demo.state.revocations.refuseRevoked = () =>
      Promise.reject(new DpopError('revocation-store-unavailable'));
    const response = await postForm(demo, '/introspect', form);
    assert.is(await refusalOf(response), '503 temporarily_unavailable');
    assert.is(lastReason(demo), 'revocation-store-unavailable');
  }),
);

test(
  'an assertion that was sent for introspection is used up',
  withDemo(async (demo) => {
    const assertion = { client_assertion_type: jwtBearer, client_assertion: await createAssertion(demo) };
    assert.is((await postForm(demo, '/introspect', { ...assertion, token: 'x' })).status, 200);
    const again = await postForm(demo, '/introspect', { ...assertion, token: 'x' });
    assert.is(await refusalOf(again), '401 invalid_client');
  }),
);

test(
  'the claims of the grant are told, too',
  withDemo(async (demo) => {
    const form = await codeForm(demo, 'demo-web', { claims: { auth_time: 1_700_000_000 } });
    const { access_token } = await getTokens(demo, 'demo-web', form, await generateKeyPair());
    assert.is((await introspect(demo, access_token))['auth_time'], 1_700_000_000);
  }),
);

test.run();
