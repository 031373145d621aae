import { decodeJwt } from 'jose';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { DpopKeyPair } from '../../src/client/index.ts';
import {
  accessTokenType,
  askToken,
  beginGrant,
  callback,
  codeForm,
  credentialsOf,
  exchangeForm,
  type Form,
  generateKeyPair,
  getTokens,
  introspect,
  mint,
  postForm,
  proofFor,
  refreshForm,
  refusalOf,
  staleProof,
  toBody,
} from './_clients.ts';
import { type Demo, lastReason, later, withDemo } from './_setup.ts';

/** Every grant of the token endpoint: what it binds to, and what a refusal leaves as it was. */

const test = suite('demo/token-endpoint');

/** One grant of one client, ready to be asked for with this key. */
interface Flow {
  readonly title: string;
  readonly client: string;
  readonly prepare: (demo: Demo, keyPair: DpopKeyPair) => Promise<Form>;
  /** What a request without a proof is refused for. */
  readonly unproven: string;
}

const clientCredentials = async (): Promise<Form> => ({ grant_type: 'client_credentials' });

function refreshing(client: string): Flow['prepare'] {
  return async (demo, keyPair) => refreshForm((await beginGrant(demo, client, keyPair)).refresh_token);
}

const flows: readonly Flow[] = [
  {
    title: 'client credentials',
    client: 'demo-service',
    prepare: clientCredentials,
    unproven: 'invalid_dpop_proof',
  },
  {
    title: 'client credentials, opaque',
    client: 'demo-web',
    prepare: clientCredentials,
    unproven: 'invalid_dpop_proof',
  },
  {
    title: 'code, public client',
    client: 'demo-spa',
    prepare: (demo) => codeForm(demo, 'demo-spa'),
    unproven: 'invalid_dpop_proof',
  },
  {
    title: 'code, confidential client',
    client: 'demo-web',
    prepare: (demo) => codeForm(demo, 'demo-web'),
    unproven: 'invalid_dpop_proof',
  },
  {
    title: 'code bound by dpop_jkt',
    client: 'demo-spa',
    prepare: (demo, { jkt }) => codeForm(demo, 'demo-spa', { jkt }),
    unproven: 'invalid_grant',
  },
  {
    title: 'refresh, public client',
    client: 'demo-spa',
    prepare: refreshing('demo-spa'),
    unproven: 'invalid_grant',
  },
  {
    title: 'refresh, confidential client',
    client: 'demo-web',
    prepare: refreshing('demo-web'),
    unproven: 'invalid_dpop_proof',
  },
  {
    title: 'exchange of a bound token',
    client: 'demo-service',
    prepare: async (demo, keyPair) =>
      exchangeForm((await beginGrant(demo, 'demo-spa', keyPair)).access_token),
    unproven: 'invalid_grant',
  },
  {
    title: 'exchange of an unbound token',
    client: 'demo-service',
    prepare: async (demo) => exchangeForm((await beginGrant(demo, 'demo-legacy', null)).access_token),
    unproven: 'invalid_dpop_proof',
  },
];

for (const { title, client, prepare, unproven } of flows) {
  test(
    `[R9449-5-02] [R9449-5-04] [R9449-5-05] [R9449-5-12] [J14] ${title}: type DPoP, bound to the key of the proof`,
    withDemo(async (demo) => {
      const keyPair = await generateKeyPair();
      const response = await askToken(demo, client, await prepare(demo, keyPair), keyPair);
      const tokens = (await response.json()) as Record<string, string>;
      assert.is(response.status, 200);
      assert.is(tokens['token_type'], 'DPoP');
      assert.is(response.headers.get('cache-control'), 'no-store');
      const { cnf } = await introspect(demo, tokens['access_token'] ?? '');
      assert.equal(cnf, { jkt: keyPair.jkt });
    }),
  );

  test(
    `[R9449-5.2-01] [R9449-8-10] [J01] [J17] ${title}: no proof, no token; and the right one then gets it`,
    withDemo(async (demo) => {
      const keyPair = await generateKeyPair();
      const form = await prepare(demo, keyPair);
      const response = await askToken(demo, client, form, null);
      assert.is(await refusalOf(response), `400 ${unproven}`);
      assert.is((await getTokens(demo, client, form, keyPair)).token_type, 'DPoP');
    }),
  );

  test(
    `[R9449-5-03] [R9449-8-10] [J17] ${title}: a proof for another endpoint, no token; and the right one then gets it`,
    withDemo(async (demo) => {
      const keyPair = await generateKeyPair();
      const form = await prepare(demo, keyPair);
      const dpop = await proofFor(demo, keyPair, { path: '/par' });
      const refused = await postForm(
        demo,
        '/token',
        { ...(await credentialsOf(demo, client)), ...form },
        { dpop },
      );
      assert.is(await refusalOf(refused), '400 invalid_dpop_proof');
      assert.is(lastReason(demo), 'htu-mismatch');
      assert.is((await getTokens(demo, client, form, keyPair)).token_type, 'DPoP');
    }),
  );

  test(
    `[R9449-8-10] [H09] ${title}: a nonce challenge uses nothing up`,
    withDemo(async (demo) => {
      const keyPair = await generateKeyPair();
      const form = await prepare(demo, keyPair);
      const headers = { dpop: await staleProof(demo, keyPair) };
      const challenged = await postForm(
        demo,
        '/token',
        { ...(await credentialsOf(demo, client)), ...form },
        headers,
      );
      assert.is(await refusalOf(challenged), '400 use_dpop_nonce');
      const nonce = challenged.headers.get('dpop-nonce');
      const retry = { dpop: await proofFor(demo, keyPair, { nonce }) };
      const answered = await postForm(
        demo,
        '/token',
        { ...(await credentialsOf(demo, client)), ...form },
        retry,
      );
      assert.is(answered.status, 200);
    }),
  );
}

for (const { title, client, prepare } of flows.slice(0, 3)) {
  test(
    `[H10] [R9449-8.2-03] ${title}: with nonces always required, a success brings the next one, once`,
    withDemo(
      async (demo) => {
        const keyPair = await generateKeyPair();
        const dpop = await proofFor(demo, keyPair);
        const response = await later(40, async () => {
          const form = { ...(await credentialsOf(demo, client)), ...(await prepare(demo, keyPair)) };
          return postForm(demo, '/token', form, { dpop });
        });
        assert.is(response.status, 200);
        assert.match(response.headers.get('dpop-nonce') ?? '', /^[\w-]{51}$/); // two would be joined by a comma
      },
      { NONCE_POLICY: 'always' },
    ),
  );
}

// Which client may use which grant.

const used: Readonly<Record<string, readonly string[]>> = {
  'demo-spa': ['authorization_code', 'refresh_token'],
  'demo-service': ['client_credentials', 'urn:ietf:params:oauth:grant-type:token-exchange'],
  'demo-web': ['authorization_code', 'refresh_token', 'client_credentials'],
  'demo-legacy': ['client_credentials', 'authorization_code'],
  'demo-api': [],
};
const allGrants = [...new Set(Object.values(used).flat())];

for (const [client, granted] of Object.entries(used)) {
  for (const grant_type of allGrants.filter((type) => !granted.includes(type))) {
    test(
      `[R6749-5.2-01] ${client} may not use ${grant_type}`,
      withDemo(async (demo) => {
        const response = await askToken(demo, client, { grant_type }, await generateKeyPair());
        assert.is(await refusalOf(response), '400 unauthorized_client');
      }),
    );
  }
}

for (const grant_type of ['password', 'implicit', 'urn:ietf:params:oauth:grant-type:jwt-bearer']) {
  test(
    `[J13] ${grant_type} is no grant here`,
    withDemo(async (demo) => {
      const response = await askToken(demo, 'demo-service', { grant_type }, await generateKeyPair());
      assert.is(await refusalOf(response), '400 unsupported_grant_type');
    }),
  );
}

for (const [client, grant_type, parameter] of [
  ['demo-spa', 'authorization_code', 'code'],
  ['demo-spa', 'refresh_token', 'refresh_token'],
  ['demo-service', 'urn:ietf:params:oauth:grant-type:token-exchange', 'subject_token_type'],
] as const) {
  test(
    `[R6749-5.2-01] ${grant_type} without ${parameter} is invalid_request`,
    withDemo(async (demo) => {
      const response = await askToken(demo, client, { grant_type }, await generateKeyPair());
      const { error, error_description: text } = (await response.json()) as Record<string, string>;
      assert.is(error, 'invalid_request');
      assert.is(text, `The parameter ${parameter} is missing`);
    }),
  );
}

// Codes.

const codeChanges: readonly (readonly [title: string, form: Form, reason: string])[] = [
  ['[J08] [R9700-2.1-01] without a verifier', { code_verifier: undefined }, 'code-verifier-mismatch'],
  ['[J08] [R9700-2.1-01] with another verifier', { code_verifier: 'x'.repeat(43) }, 'code-verifier-mismatch'],
  ['[R6749-4.1.2-01] for another redirect URI', { redirect_uri: `${callback}/` }, 'redirect-uri-mismatch'],
  ['[R6749-4.1.2-01] without the redirect URI', { redirect_uri: undefined }, 'redirect-uri-mismatch'],
  ['that is unknown', { code: 'x'.repeat(43) }, 'grant-unknown'],
];

for (const [title, form, reason] of codeChanges) {
  test(
    `a code ${title} is invalid_grant, and stays usable`,
    withDemo(async (demo) => {
      const keyPair = await generateKeyPair();
      const good = await codeForm(demo, 'demo-spa');
      const response = await askToken(demo, 'demo-spa', { ...good, ...form }, keyPair);
      assert.is(await refusalOf(response), '400 invalid_grant');
      assert.is(lastReason(demo), reason);
      await getTokens(demo, 'demo-spa', good, keyPair);
    }),
  );
}

test(
  '[R6749-4.1.2-01] a code is good for its client alone',
  withDemo(async (demo) => {
    const good = await codeForm(demo, 'demo-spa');
    const response = await askToken(demo, 'demo-web', good, await generateKeyPair());
    assert.is(await refusalOf(response), '400 invalid_grant');
    assert.is(lastReason(demo), 'grant-of-another-client');
  }),
);

test(
  '[R6749-4.1.2-01] a code is over after a minute',
  withDemo(async (demo) => {
    const keyPair = await generateKeyPair();
    const good = await codeForm(demo, 'demo-spa');
    const response = await later(61, () => askToken(demo, 'demo-spa', good, keyPair));
    assert.is(await refusalOf(response), '400 invalid_grant');
    assert.is(lastReason(demo), 'grant-expired');
  }),
);

test(
  '[R6749-4.1.2-01] [J15] a code that comes again, with a fresh proof, ends what came of it',
  withDemo(async (demo) => {
    const keyPair = await generateKeyPair();
    const form = await codeForm(demo, 'demo-spa');
    const first = await getTokens(demo, 'demo-spa', form, keyPair);
    assert.is((await introspect(demo, first.access_token))['active'], true);
    assert.is(await refusalOf(await askToken(demo, 'demo-spa', form, keyPair)), '400 invalid_grant');
    assert.is(lastReason(demo), 'grant-reused');
    assert.equal(await introspect(demo, first.access_token), { active: false });
    const refresh = refreshForm(first.refresh_token ?? '');
    assert.is(await refusalOf(await askToken(demo, 'demo-spa', refresh, keyPair)), '400 invalid_grant');
  }),
);

test(
  '[R9449-10-02] [R9449-10-03] [J02] [J06] a code that is bound to a key is for no other',
  withDemo(async (demo) => {
    const keyPair = await generateKeyPair();
    const form = await codeForm(demo, 'demo-spa', { jkt: keyPair.jkt });
    const other = await askToken(demo, 'demo-spa', form, await generateKeyPair());
    assert.is(await refusalOf(other), '400 invalid_grant');
    assert.is(lastReason(demo), 'grant-key-mismatch');
    assert.is(await refusalOf(await askToken(demo, 'demo-spa', form, null)), '400 invalid_grant');
    assert.is(lastReason(demo), 'grant-key-missing');
    await getTokens(demo, 'demo-spa', form, keyPair);
  }),
);

test(
  '[R9449-10-04] a key does not take the place of PKCE',
  withDemo(async (demo) => {
    const keyPair = await generateKeyPair();
    const form = await codeForm(demo, 'demo-spa', { jkt: keyPair.jkt });
    const response = await askToken(demo, 'demo-spa', { ...form, code_verifier: undefined }, keyPair);
    assert.is(await refusalOf(response), '400 invalid_grant');
  }),
);

test(
  'claims of the grant are claims of its tokens, refreshed ones too',
  withDemo(async (demo) => {
    const keyPair = await generateKeyPair();
    const form = await codeForm(demo, 'demo-spa', { claims: { auth_time: 1_700_000_000 } });
    const first = await getTokens(demo, 'demo-spa', form, keyPair);
    const second = await getTokens(demo, 'demo-spa', refreshForm(first.refresh_token ?? ''), keyPair);
    const [one, two] = [first, second].map(({ access_token }) => decodeJwt(access_token));
    assert.is(one?.['auth_time'], 1_700_000_000);
    assert.is(two?.['auth_time'], 1_700_000_000);
    assert.is(one?.['grant_id'], two?.['grant_id']);
    assert.is(one?.sub, 'alice');
    assert.is(one?.['client_id'], 'demo-spa');
  }),
);

// Refresh tokens.

test(
  '[R9449-5-06] [R9449-5-07] [J09] [G15] [M07] a public client keeps its key through three rotations',
  withDemo(async (demo) => {
    const keyPair = await generateKeyPair();
    let { refresh_token } = await beginGrant(demo, 'demo-spa', keyPair);
    for (let rotation = 1; rotation <= 3; rotation++) {
      const form = refreshForm(refresh_token);
      const other = await askToken(demo, 'demo-spa', form, await generateKeyPair());
      assert.is(await refusalOf(other), '400 invalid_grant');
      assert.is(lastReason(demo), 'grant-key-mismatch');
      assert.is(await refusalOf(await askToken(demo, 'demo-spa', form, null)), '400 invalid_grant');
      assert.is(lastReason(demo), 'grant-key-missing');
      const tokens = await getTokens(demo, 'demo-spa', form, keyPair);
      assert.is.not(tokens.refresh_token, refresh_token, 'rotated');
      refresh_token = tokens.refresh_token ?? '';
      assert.equal(decodeJwt(tokens.access_token)['cnf'], { jkt: keyPair.jkt });
    }
  }),
);

test(
  '[R9449-5-11] [R9449-5-12] [G16] a confidential client may take a new key; the new token is bound to that one',
  withDemo(async (demo) => {
    const { refresh_token, access_token } = await beginGrant(demo, 'demo-web', await generateKeyPair());
    const keyPair = await generateKeyPair();
    const tokens = await getTokens(demo, 'demo-web', refreshForm(refresh_token), keyPair);
    assert.equal((await introspect(demo, tokens.access_token))['cnf'], { jkt: keyPair.jkt });
    assert.not.equal((await introspect(demo, access_token))['cnf'], { jkt: keyPair.jkt });
    assert.is(tokens.refresh_token, undefined, 'it keeps the one that it has');
    await getTokens(demo, 'demo-web', refreshForm(refresh_token), keyPair);
  }),
);

test(
  '[R9700-2.2.2-01] [J10] a rotated refresh token that comes again ends the family',
  withDemo(async (demo) => {
    const keyPair = await generateKeyPair();
    const first = await beginGrant(demo, 'demo-spa', keyPair);
    const second = await getTokens(demo, 'demo-spa', refreshForm(first.refresh_token), keyPair);
    const again = await askToken(demo, 'demo-spa', refreshForm(first.refresh_token), keyPair);
    assert.is(await refusalOf(again), '400 invalid_grant');
    assert.is(lastReason(demo), 'grant-reused');
    const successor = await askToken(demo, 'demo-spa', refreshForm(second.refresh_token ?? ''), keyPair);
    assert.is(await refusalOf(successor), '400 invalid_grant');
    assert.equal(await introspect(demo, second.access_token), { active: false });
  }),
);

test(
  '[R6749-6-01] a refresh token is good for its client alone, and for no more than was granted',
  withDemo(async (demo) => {
    const keyPair = await generateKeyPair();
    const granted = await codeForm(demo, 'demo-spa', { scope: 'notes:read' });
    const { refresh_token: token = '' } = await getTokens(demo, 'demo-spa', granted, keyPair);
    assert.is(
      await refusalOf(await askToken(demo, 'demo-web', refreshForm(token), keyPair)),
      '400 invalid_grant',
    );
    const wider = refreshForm(token, { scope: 'notes:read notes:write' });
    assert.is(await refusalOf(await askToken(demo, 'demo-spa', wider, keyPair)), '400 invalid_scope');
    const { scope } = await getTokens(demo, 'demo-spa', refreshForm(token, { scope: 'notes:read' }), keyPair);
    assert.is(scope, 'notes:read');
  }),
);

test(
  'a smaller scope is for one token, not for good',
  withDemo(async (demo) => {
    const keyPair = await generateKeyPair();
    const { refresh_token } = await beginGrant(demo, 'demo-web', keyPair);
    const smaller = refreshForm(refresh_token, { scope: 'notes:read' });
    assert.is((await getTokens(demo, 'demo-web', smaller, keyPair)).scope, 'notes:read');
    const whole = await getTokens(demo, 'demo-web', refreshForm(refresh_token), keyPair);
    assert.is(whole.scope, 'notes:read notes:write');
  }),
);

// Clients that still move from Bearer, and clients that do not.

test(
  '[R9449-5.2-02] [J14] demo-legacy gets Bearer tokens without a proof, and DPoP tokens with one',
  withDemo(async (demo) => {
    for (const form of [
      () => Promise.resolve({ grant_type: 'client_credentials' }),
      () => codeForm(demo, 'demo-legacy'),
    ]) {
      const bearer = await getTokens(demo, 'demo-legacy', await form(), null);
      assert.is(bearer.token_type, 'Bearer');
      assert.is(decodeJwt(bearer.access_token)['cnf'], undefined);
      const keyPair = await generateKeyPair();
      const bound = await getTokens(demo, 'demo-legacy', await form(), keyPair);
      assert.is(bound.token_type, 'DPoP');
      assert.equal(decodeJwt(bound.access_token)['cnf'], { jkt: keyPair.jkt });
    }
  }),
);

test(
  '[R9449-5.2-01] a client that has moved to bound tokens since its code was issued needs a proof for it',
  withDemo(async (demo) => {
    const form = await codeForm(demo, 'demo-spa', { proof: 'optional' });
    assert.is(await refusalOf(await askToken(demo, 'demo-spa', form, null)), '400 invalid_dpop_proof');
    await getTokens(demo, 'demo-spa', form, await generateKeyPair());
  }),
);

test(
  '[J11] a bound token is none without its proof, whatever it is called',
  withDemo(async (demo) => {
    const form = { grant_type: 'client_credentials' };
    for (const client of ['demo-service', 'demo-web']) {
      const { access_token } = await getTokens(demo, client, form, await generateKeyPair());
      const response = await fetch(demo.notesUrl, { headers: { authorization: `Bearer ${access_token}` } });
      assert.is(response.status, 401);
      assert.match(response.headers.get('www-authenticate') ?? '', /error="invalid_token"/);
    }
  }),
);

// Token exchange.

test(
  '[J13] an exchanged token is for less, for no longer, for the same user and key, and says who uses it',
  withDemo(async (demo) => {
    const keyPair = await generateKeyPair();
    const { access_token: subject } = await beginGrant(demo, 'demo-spa', keyPair);
    const form = exchangeForm(subject, { scope: 'notes:read', requested_token_type: accessTokenType });
    const tokens = await later(100, () => getTokens(demo, 'demo-service', form, keyPair));
    assert.is(tokens.issued_token_type, accessTokenType);
    assert.is(tokens.scope, 'notes:read');
    assert.is(tokens.refresh_token, undefined);
    const [before, after] = [decodeJwt(subject), decodeJwt(tokens.access_token)];
    assert.ok(Number(after.exp) <= Number(before.exp));
    assert.ok(tokens.expires_in <= 200);
    assert.is(after.sub, 'alice');
    assert.is(after['client_id'], 'demo-service');
    assert.equal(after['act'], { sub: 'demo-service' });
    assert.equal(after['cnf'], before['cnf']);
    assert.is(after['grant_id'], before['grant_id']);
    assert.is(after.aud, before.aud);
  }),
);

test(
  '[J13] a bound token is exchanged with its own key alone',
  withDemo(async (demo) => {
    const keyPair = await generateKeyPair();
    const { access_token } = await beginGrant(demo, 'demo-web', keyPair);
    const form = exchangeForm(access_token);
    const other = await askToken(demo, 'demo-service', form, await generateKeyPair());
    assert.is(await refusalOf(other), '400 invalid_grant');
    assert.is(lastReason(demo), 'grant-key-mismatch');
    assert.is(await refusalOf(await askToken(demo, 'demo-service', form, null)), '400 invalid_grant');
    const exchanged = await getTokens(demo, 'demo-service', form, keyPair);
    assert.equal(decodeJwt(exchanged.access_token)['cnf'], { jkt: keyPair.jkt });
  }),
);

test(
  '[J13] each exchange tells of the one before',
  withDemo(async (demo) => {
    const keyPair = await generateKeyPair();
    const { access_token } = await beginGrant(demo, 'demo-spa', keyPair);
    const once = await getTokens(demo, 'demo-service', exchangeForm(access_token), keyPair);
    const twice = await getTokens(demo, 'demo-service', exchangeForm(once.access_token), keyPair);
    assert.equal(decodeJwt(twice.access_token)['act'], { sub: 'demo-service', act: { sub: 'demo-service' } });
  }),
);

const badExchanges: readonly (readonly [title: string, form: Form, refusal: string])[] = [
  [
    'a token of another kind',
    { subject_token_type: 'urn:ietf:params:oauth:token-type:jwt' },
    'invalid_request',
  ],
  [
    'for a refresh token',
    { requested_token_type: 'urn:ietf:params:oauth:token-type:refresh_token' },
    'invalid_request',
  ],
  ['with an actor', { actor_token: 'x' }, 'invalid_request'],
  ['without a subject token', { subject_token: undefined }, 'invalid_request'],
  ['of no token', { subject_token: 'x' }, 'invalid_request'],
  ['of an opaque token that nobody has', { subject_token: 'x'.repeat(43) }, 'invalid_request'],
  ['for another audience', { audience: 'https://rs.example' }, 'invalid_target'],
  ['for another resource', { resource: 'https://rs.example' }, 'invalid_target'],
  ['for more', { scope: 'notes:read notes:admin' }, 'invalid_scope'],
];

for (const [title, changes, refusal] of badExchanges) {
  test(
    `[J13] an exchange ${title} is ${refusal}`,
    withDemo(async (demo) => {
      const keyPair = await generateKeyPair();
      const { access_token } = await beginGrant(demo, 'demo-spa', keyPair);
      const good = exchangeForm(access_token);
      const response = await askToken(demo, 'demo-service', { ...good, ...changes }, keyPair);
      assert.is(await refusalOf(response), `400 ${refusal}`);
      await getTokens(demo, 'demo-service', good, keyPair);
    }),
  );
}

test(
  '[J13] nothing is exchanged for more than it was worth, nor after it was taken back',
  withDemo(async (demo) => {
    const keyPair = await generateKeyPair();
    const granted = await codeForm(demo, 'demo-spa', { scope: 'notes:read' });
    const { access_token } = await getTokens(demo, 'demo-spa', granted, keyPair);
    const wider = exchangeForm(access_token, { scope: 'notes:write' });
    assert.is(await refusalOf(await askToken(demo, 'demo-service', wider, keyPair)), '400 invalid_scope');
    await postForm(demo, '/revoke', { client_id: 'demo-spa', token: access_token });
    const late = exchangeForm(access_token);
    assert.is(await refusalOf(await askToken(demo, 'demo-service', late, keyPair)), '400 invalid_request');
  }),
);

for (const [title, changes, form, refusal] of [
  ['a token for another audience', { audience: 'https://rs.example' }, {}, 'invalid_request'],
  ['for what the client itself may not have', { scope: 'canary' }, { scope: 'canary' }, 'invalid_scope'],
] as const) {
  test(
    `[R9700-2.3-01] [J13] an exchange of ${title} is ${refusal}, though the issuer has signed it`,
    withDemo(async (demo) => {
      const keyPair = await generateKeyPair();
      const subject = await mint(demo, { jkt: keyPair.jkt, ...changes });
      const response = await askToken(demo, 'demo-service', exchangeForm(subject, form), keyPair);
      assert.is(await refusalOf(response), `400 ${refusal}`);
      const good = await mint(demo, { jkt: keyPair.jkt });
      await getTokens(demo, 'demo-service', exchangeForm(good), keyPair);
    }),
  );
}

// Opaque tokens.

test(
  'demo-web gets a handle that says nothing; what is kept of it is no handle',
  withDemo(async (demo) => {
    const keys: string[] = [];
    const { records } = demo.state;
    const insert = records.insert.bind(records);
    records.insert = (key, value, until) => {
      keys.push(`${key} ${JSON.stringify(value)}`);
      return insert(key, value, until);
    };
    const keyPair = await generateKeyPair();
    const { access_token } = await getTokens(demo, 'demo-web', { grant_type: 'client_credentials' }, keyPair);
    assert.match(access_token, /^[\w-]{43}$/);
    assert.ok(keys.some((key) => key.startsWith('access-token ')));
    assert.not.ok(keys.some((key) => key.includes(access_token)));
    const { active, client_id, sub } = await introspect(demo, access_token);
    assert.equal({ active, client_id, sub }, { active: true, client_id: 'demo-web', sub: 'demo-web' });
    assert.equal(await later(301, () => introspect(demo, access_token)), { active: false });
  }),
);

// When the server itself cannot.

for (const [title, method] of [
  ['read', 'read'],
  ['written', 'insert'],
] as const) {
  test(
    `[G12] records that cannot be ${title} are 503, and nothing is issued`,
    withDemo(async (demo) => {
      const keyPair = await generateKeyPair();
      const form = await codeForm(demo, 'demo-spa');
      const dpop = await proofFor(demo, keyPair);
      demo.state.records[method] = () => {
        throw new Error('canary');
      };
      const response = await postForm(demo, '/token', toBody({ client_id: 'demo-spa', ...form }), { dpop });
      assert.is(response.headers.get('retry-after'), '1');
      assert.is(await refusalOf(response), '503 temporarily_unavailable');
      assert.is(lastReason(demo), 'record-store-unavailable');
    }),
  );
}

test.run();
