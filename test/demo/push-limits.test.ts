import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createPushLimits } from '../../demo/authorization/push-limits.ts';
import { callback, codeChallenge, credentialsOf, postForm, refusalOf } from './_clients.ts';
import { type Demo, withDemo } from './_setup.ts';

/** Strangers cannot fill the records by pushing requests. */

const test = suite('demo/push-limits');

const request = {
  response_type: 'code',
  redirect_uri: callback,
  code_challenge: codeChallenge,
  code_challenge_method: 'S256',
};

async function push(demo: Demo, clientId: string): Promise<Response> {
  return postForm(demo, '/par', { ...(await credentialsOf(demo, clientId)), ...request });
}

test('one address has its share, and the others have theirs', async () => {
  const limits = createPushLimits({ perAddress: 2, inAll: 10 });
  assert.is(await limits.admit('192.0.2.1'), undefined);
  assert.is(await limits.admit('192.0.2.1'), undefined);
  const seconds = (await limits.admit('192.0.2.1')) ?? 0;
  assert.ok(seconds >= 1 && seconds <= 60, String(seconds));
  assert.is(await limits.admit('192.0.2.2'), undefined);
});

test('all together have a limit, to which nothing counts that was refused', async () => {
  const limits = createPushLimits({ perAddress: 1, inAll: 2 });
  assert.is(await limits.admit('192.0.2.1'), undefined);
  for (let attempt = 0; attempt < 5; attempt++) assert.type(await limits.admit('192.0.2.1'), 'number');
  assert.is(await limits.admit('192.0.2.2'), undefined);
  assert.type(await limits.admit('192.0.2.3'), 'number');
});

test('the addresses of one IPv6 network have one share', async () => {
  const limits = createPushLimits({ perAddress: 1, inAll: 10 });
  assert.is(await limits.admit('2001:db8:1:2::1'), undefined);
  assert.type(await limits.admit('2001:db8:1:2:ffff::9'), 'number');
  assert.is(await limits.admit('2001:db8:1:3::1'), undefined);
});

test(
  'beyond it a public client is told to come again later, and one that shows who it is goes on',
  withDemo(async (demo) => {
    const outcomes: number[] = [];
    for (let sent = 0; sent < 12; sent++) {
      const batch = Array.from({ length: 51 }, async () => (await push(demo, 'demo-spa')).status);
      outcomes.push(...(await Promise.all(batch)));
    }
    assert.is(outcomes.filter((status) => status === 201).length, 600);
    const refused = await push(demo, 'demo-spa');
    assert.match(refused.headers.get('retry-after') ?? '', /^[1-9]\d?$/);
    assert.is(refused.headers.get('cache-control'), 'no-store');
    assert.is(await refusalOf(refused), '429 temporarily_unavailable');
    assert.is((await push(demo, 'demo-web')).status, 201);
  }),
);

test.run();
