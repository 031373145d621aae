import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ConfigError, readConfig } from '../../demo/config.ts';
import { openState } from '../../demo/state/state.ts';
import { createDpopFetch, type DpopKeyPair } from '../../src/client/index.ts';
import {
  askToken,
  beginGrant,
  codeForm,
  createAssertion,
  type Form,
  generateKeyPair,
  getTokens,
  introspect,
  jwtBearer,
  postForm,
  refreshForm,
  refusalOf,
} from './_clients.ts';
import { type Demo, lastReason, startDemo, withDemo } from './_setup.ts';

/** What the servers remember, and what becomes of it when they end. */

const test = suite('demo/state');

/** A demo with a file, and one that follows it, at the same place with the same file. */
function withRestart(
  before: (demo: Demo) => Promise<void>,
  after: (demo: Demo) => Promise<void>,
): () => Promise<void> {
  return async () => {
    const folder = await mkdtemp(join(tmpdir(), 'holdfast-state-'));
    try {
      const settings = { STATE_FILE: join(folder, 'state.sqlite') };
      let ports: readonly [number, number] = [0, 0];
      await withDemo(async (demo) => {
        ports = demo.ports;
        await before(demo);
      }, settings)();
      const [AS_PORT, RS_PORT] = ports.map(String) as [string, string];
      await withDemo(after, { ...settings, AS_PORT, RS_PORT })();
    } finally {
      await rm(folder, { recursive: true });
    }
  };
}

function notesWith(demo: Demo, accessToken: string, keyPair: DpopKeyPair): Promise<Response> {
  const signed = createDpopFetch({ keyPair, origins: demo.resourceOrigin, accessToken });
  return signed(demo.notesUrl);
}

/** What a test carries over a restart. */
interface Carried {
  keyPair: DpopKeyPair;
  token: string;
  refresh: string;
  form: Form;
}

function carry(): Carried {
  return {} as Carried;
}

for (const client of ['demo-spa', 'demo-web']) {
  const carried = carry();
  test(
    `with STATE_FILE, ${client} goes on after a restart: its refresh token is good, with its key`,
    withRestart(
      async (demo) => {
        carried.keyPair = await generateKeyPair();
        carried.refresh = (await beginGrant(demo, client, carried.keyPair)).refresh_token;
      },
      async (demo) => {
        const form = refreshForm(carried.refresh);
        assert.is(
          await refusalOf(await askToken(demo, client, form, null)),
          client === 'demo-spa' ? '400 invalid_grant' : '400 invalid_dpop_proof',
        );
        const { access_token } = await getTokens(demo, client, form, carried.keyPair);
        assert.is((await notesWith(demo, access_token, carried.keyPair)).status, 200);
      },
    ),
  );
}

const ended = carry();
test(
  'with STATE_FILE, what was ended or used stays so after a restart',
  withRestart(
    async (demo) => {
      ended.keyPair = await generateKeyPair();
      ended.form = await codeForm(demo, 'demo-spa');
      const { refresh_token = '' } = await getTokens(demo, 'demo-spa', ended.form, ended.keyPair);
      ended.refresh = refresh_token;
      await postForm(demo, '/revoke', { client_id: 'demo-spa', token: refresh_token });
      ended.token = await createAssertion(demo);
      const assertion = { client_assertion_type: jwtBearer, client_assertion: ended.token };
      assert.is((await postForm(demo, '/revoke', { ...assertion, token: 'x' })).status, 200);
    },
    async (demo) => {
      const refresh = await askToken(demo, 'demo-spa', refreshForm(ended.refresh), ended.keyPair);
      assert.is(await refusalOf(refresh), '400 invalid_grant');
      assert.is(lastReason(demo), 'grant-ended');
      const again = await askToken(demo, 'demo-spa', ended.form, ended.keyPair);
      assert.is(await refusalOf(again), '400 invalid_grant');
      assert.is(lastReason(demo), 'grant-reused');
      const assertion = { client_assertion_type: jwtBearer, client_assertion: ended.token };
      const used = await postForm(demo, '/revoke', { ...assertion, token: 'x' });
      assert.is(await refusalOf(used), '401 invalid_client');
    },
  ),
);

const older = carry();
test(
  'access tokens from before a restart are refused: nobody knows any more whether they were revoked',
  withRestart(
    async (demo) => {
      older.keyPair = await generateKeyPair();
      older.token = (await beginGrant(demo, 'demo-spa', older.keyPair)).access_token;
      assert.is((await notesWith(demo, older.token, older.keyPair)).status, 200);
    },
    async (demo) => {
      assert.is((await notesWith(demo, older.token, older.keyPair)).status, 401);
      const last = demo.decisions.at(-1);
      assert.is(last?.outcome === 'refused' ? last.reason : last?.outcome, 'token-revocation-unknown');
      assert.equal(await introspect(demo, older.token), { active: false });
    },
  ),
);

test('without STATE_FILE nothing is left: a token of before is of an unknown key', async () => {
  const keyPair = await generateKeyPair();
  const first = await startDemo();
  const { access_token } = await beginGrant(first, 'demo-spa', keyPair);
  const [AS_PORT, RS_PORT] = first.ports.map(String) as [string, string];
  await first.close();
  await withDemo(
    async (demo) => {
      assert.is((await notesWith(demo, access_token, keyPair)).status, 401);
      const last = demo.decisions.at(-1);
      assert.is(last?.outcome === 'refused' ? last.reason : last?.outcome, 'token-key-unknown');
    },
    { AS_PORT, RS_PORT },
  )();
});

test('STATE_FILE with REDIS_URL is refused in one sentence: each would know a part', async () => {
  const config = readConfig({ STATE_FILE: 'state.sqlite', REDIS_URL: 'redis://127.0.0.1:1' });
  const error = await openState(config).catch((reason: unknown) => reason);
  assert.instance(error, ConfigError);
  assert.match((error as Error).message, /^STATE_FILE .*\.$/);
});

test.run();
