import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Browser } from '../demo/_browser.ts';
import { endings, signOutEverywhere } from '../demo/_endings.ts';
import { type App, type Registration, spa, web, wordOf } from '../demo/_oauth.ts';
import { openOauth4webapi as open } from '../demo/_oauth4webapi.ts';
import { redisInstalled, until, withRedis } from './_server.ts';
import { startTwoDemos, type TwoDemos } from './_two-demos.ts';

/** What ends at one process has ended at the other one: for the very next request there. */

interface Context {
  demos: TwoDemos;
  browser: Browser;
}

const test = suite<Context>('redis/demo-revocation');
const redisTest = withRedis(test);

test.before(async (context) => {
  if (redisInstalled) context.demos = await startTwoDemos();
  if (redisInstalled) context.browser = new Browser(context.demos.authorizationOrigin);
});

test.after(({ demos }) => demos?.close());

const asking = { way: 'pushed', jkt: 'parameter' } as const;

/** One request, which that process refuses, and says in its log why. */
async function assertRevokedAt({ demos }: Context, which: 0 | 1, app: App, token: string): Promise<void> {
  const log = demos.lines[which];
  const [requests, lines] = [app.wire.statuses('/api/notes').length, log.length];
  demos.turnTo(which);
  assert.is(await wordOf(app.call(token)), 'invalid_token');
  assert.equal(app.wire.statuses('/api/notes').slice(requests), [401], 'the very next request');
  const isOurs = (line: string): boolean => line.includes(' RS GET /api/notes 401 ');
  await until('it is logged', () => log.slice(lines).some(isOurs));
  assert.match(log.slice(lines).find(isOurs) ?? '', / token-revoked( jkt=\S+)?$/);
}

async function assertServedAt({ demos }: Context, which: 0 | 1, app: App, token: string): Promise<void> {
  demos.turnTo(which);
  assert.is((await app.call(token)).status, 200);
}

for (const { name, registration, grant, begin } of endings) {
  redisTest(
    `[G17] [R7009-2.1-02] an access token that was ended by ${name} is refused by another process`,
    async (context) => {
      const { demos, browser } = context;
      demos.turnTo(0);
      const app = await open(demos, registration);
      const { tokens, end } = await begin(app, { browser });
      const { access_token, refresh_token = '' } = tokens;
      await assertServedAt(context, 0, app, access_token);
      await assertServedAt(context, 1, app, access_token); // which has it in its cache from here on
      demos.turnTo(0);
      await end();
      await assertRevokedAt(context, 1, app, access_token);
      await assertRevokedAt(context, 0, app, access_token);
      demos.turnTo(1);
      const refreshed = app.refresh(refresh_token);
      if (grant === 'ended') assert.is(await wordOf(refreshed), 'invalid_grant');
      else await assertServedAt(context, 1, app, (await refreshed).access_token);
    },
  );
}

redisTest(
  'signing out everywhere at one process ends every token of this person at the other one',
  async (context) => {
    const { demos } = context;
    const registrations: readonly Registration[] = [spa, web];
    const bob = new Browser(demos.authorizationOrigin);
    demos.turnTo(0);
    const held = [];
    for (const registration of registrations) {
      const app = await open(demos, registration);
      const asked = await app.ask(asking);
      const callback = await bob.authorize(asked.url, { user: 'bob' });
      held.push({ app, ...(await app.redeem(callback, asked)) });
    }
    for (const { app, access_token } of held) await assertServedAt(context, 1, app, access_token);
    demos.turnTo(0);
    await signOutEverywhere({ browser: bob });
    for (const { app, access_token, refresh_token = '' } of held) {
      await assertRevokedAt(context, 1, app, access_token);
      assert.is(await wordOf(app.refresh(refresh_token)), 'invalid_grant');
    }
    assert.is((await bob.open('/end-session')).text.includes('Nobody is signed in'), true);
  },
);

redisTest(
  '[I18] without Redis nobody can know what was revoked: 503 from both processes, until it is back',
  async (context) => {
    const { demos, browser } = context;
    demos.turnTo(0);
    const app = await open(demos, spa);
    const asked = await app.ask(asking);
    const { access_token } = await app.redeem(await browser.authorize(asked.url), asked);
    for (const which of [0, 1] as const) await assertServedAt(context, which, app, access_token);
    await demos.redis.kill('SIGSTOP');
    for (const which of [0, 1] as const) {
      demos.turnTo(which);
      const refused = await app.call(access_token);
      assert.equal([refused.status, refused.headers.has('retry-after')], [503, true]);
    }
    await demos.redis.kill('SIGCONT');
    for (const which of [0, 1] as const) {
      demos.turnTo(which);
      await until('it is served again', async () => (await app.call(access_token)).status === 200);
    }
  },
);

test.run();
