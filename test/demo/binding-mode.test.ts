import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createClient, type Demo, requestToken, withDemo } from './_setup.ts';

/** A client that still uses Bearer tokens, at a resource server that moves to bound ones. */

const test = suite('demo/binding-mode');

/** The token of `demo-legacy`, which signs nothing. */
async function getUnboundToken(demo: Demo): Promise<string> {
  const form = { client_id: 'demo-legacy', client_secret: demo.config.legacySecret };
  const response = await requestToken(demo, { form, proof: null });
  const { access_token: token, token_type: type } = (await response.json()) as Record<string, string>;
  assert.is(type, 'Bearer');
  assert.type(token, 'string');
  return token as string;
}

function send(demo: Demo, authorization: string): Promise<Response> {
  return fetch(demo.notesUrl, { headers: { authorization } });
}

const verdicts = { require: 401, allow: 200, observe: 200 } as const;

for (const [mode, status] of Object.entries(verdicts)) {
  test(
    `[R9449-7.2-01] ${mode}: an unbound token as Bearer gets ${status}, a bound one 401`,
    withDemo(
      async (demo) => {
        assert.is((await send(demo, `Bearer ${await getUnboundToken(demo)}`)).status, status);
        const { token, fetch: signed } = await createClient(demo);
        assert.is((await send(demo, `Bearer ${token}`)).status, 401);
        assert.is((await signed(demo.notesUrl)).status, 200);
      },
      { BINDING_MODE: mode },
    ),
  );

  test(
    `[R9728-2-01] ${mode}: the metadata says whether bound tokens are required`,
    withDemo(
      async (demo) => {
        const url = `${demo.resourceOrigin}/.well-known/oauth-protected-resource`;
        const metadata = (await (await fetch(url)).json()) as Record<string, unknown>;
        assert.is(metadata['dpop_bound_access_tokens_required'], mode === 'require');
      },
      { BINDING_MODE: mode },
    ),
  );
}

test(
  'observe: the log tells which client is not ready, and why; its token is not in it',
  withDemo(
    async (demo) => {
      const token = await getUnboundToken(demo);
      await send(demo, `Bearer ${token}`);
      const told = demo.lines.filter((line) => line.includes('accepted an unbound token'));
      assert.is(told.length, 1);
      assert.match(told[0] ?? '', /of "demo-legacy"; required binding would refuse it: bearer-scheme$/);
      assert.not.match(demo.lines.join('\n'), token);
    },
    { BINDING_MODE: 'observe' },
  ),
);

test(
  '[R9449-7.2-03] allow: a challenge names both schemes',
  withDemo(
    async (demo) => {
      const challenge = (await fetch(demo.notesUrl)).headers.get('www-authenticate') ?? '';
      assert.match(challenge, /^DPoP algs="[^"]+".*, Bearer\b/);
    },
    { BINDING_MODE: 'allow' },
  ),
);

test.run();
