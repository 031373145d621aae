import * as oauth from 'oauth4webapi';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { startWorld, Wire, type World } from './_oauth.ts';
import { testFlows } from './_oauth-flows.ts';
import { testSteps } from './_oauth-steps.ts';
import { discover, openOauth4webapi } from './_oauth4webapi.ts';

/** oauth4webapi, unmodified, with nonces demanded at both servers: every flow, and every step with one thing changed. */

const test = suite<World>('demo/oauth4webapi');

test.before(async (context) => {
  Object.assign(context, await startWorld());
});

test.after(({ demo }) => demo.close());

test('[R8414-3.3-01] the metadata is accepted for its own issuer, and for no other', async ({ demo }) => {
  const server = await discover(new URL(demo.authorizationOrigin), new Wire());
  assert.is(server.issuer, demo.authorizationOrigin);
  const elsewhere = new URL(demo.authorizationOrigin.replace('127.0.0.1', 'localhost'));
  const { code } = (await discover(elsewhere, new Wire()).catch((error) => error)) as { code?: string };
  assert.is(code, oauth.JSON_ATTRIBUTE_COMPARISON);
});

testFlows(test, openOauth4webapi);
testSteps(test, openOauth4webapi);

test.run();
