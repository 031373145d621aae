import { execFile } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { requestToken } from '../../demo/story.ts';
import { createDpopFetch, createProof, generateKeyPair } from '../../src/client/index.ts';
import { type RedisServer, startRedis, until, withRedis } from '../redis/_server.ts';
import { invited, type PrintedRequest, type Run, runToEnd, signedRequest, withRun } from './_run.ts';
import { sendRaw, statusesOf } from './_setup.ts';

/** The demo in several processes that share a Redis, as a person meets it. */

const test = suite('demo/workers');
const redisTest = withRedis(test);

const three = ['--workers', '3'];

/** A test with a Redis of its own and the demo on three workers, when it has told its story. */
function withThree(
  use: (run: Run, redis: RedisServer) => Promise<void>,
  environment: Readonly<Record<string, string>> = {},
): () => Promise<void> {
  return async () => {
    const redis = await startRedis();
    try {
      await withRun(three, { REDIS_URL: redis.url, ...environment }, async (run) => {
        await run.says(invited);
        await use(run, redis);
      });
    } finally {
      await redis.stop();
    }
  };
}

/** On a connection of its own, so that the workers take turns. */
async function send({ url, authorization, dpop }: PrintedRequest): Promise<number> {
  const { host, pathname, origin } = new URL(url);
  const head = `GET ${pathname} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n`;
  const answer = await sendRaw(origin, `${head}Authorization: ${authorization}\r\nDPoP: ${dpop}\r\n\r\n`);
  return statusesOf(answer)[0] ?? 0;
}

async function workersOf({ pid }: Run): Promise<number[]> {
  const { stdout } = await promisify(execFile)('ps', ['-A', '-o', 'pid=,ppid=']);
  const processes = stdout
    .trim()
    .split('\n')
    .map((line) => line.trim().split(/\s+/).map(Number));
  return processes.filter(([, parent]) => parent === pid).map(([child = -1]) => child);
}

interface NewClient {
  readonly accessToken: string;
  readonly notes: () => Promise<Response>;
}

async function newClient(run: Run): Promise<NewClient> {
  const [authorizationOrigin = '', resourceOrigin = ''] = run.origins;
  const keyPair = await generateKeyPair();
  const { accessToken } = await requestToken(authorizationOrigin, 'demo-service-secret', keyPair);
  const signedFetch = createDpopFetch({ keyPair, origins: resourceOrigin, accessToken });
  return { accessToken, notes: () => signedFetch(`${resourceOrigin}/api/notes`) };
}

/** Asked on new connections, more often than there are workers. */
async function healthOf(origin: string): Promise<number[]> {
  const { host } = new URL(origin);
  const head = `GET /healthz HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`;
  // What was handed to a worker in the moment of its death is never answered: `node:cluster` does not notice.
  const ask = (): Promise<string> => Promise.race([sendRaw(origin, head).catch(() => ''), sleep(1000, '')]);
  const answers = Array.from({ length: 6 }, ask);
  return (await Promise.all(answers)).map((answer) => statusesOf(answer)[0] ?? 0);
}

async function untilHealth({ origins }: Run, status: number): Promise<void> {
  for (const origin of origins) {
    await until(`health ${status}`, async () => (await healthOf(origin)).every((each) => each === status));
  }
}

redisTest('--workers 3 --once: every verdict is right, though any worker may have given it', async () => {
  const redis = await startRedis();
  try {
    const { code, out, err } = await runToEnd([...three, '--once'], { REDIS_URL: redis.url });
    assert.is(code, 0, out + err);
    assert.is(err, '');
    assert.match(out, /\n12 of 12 verdicts as expected\n$/);
    assert.not.match(out, /NOT|undefined|eyJ/);
  } finally {
    await redis.stop();
  }
});

redisTest(
  '[I02] the signed request to paste, sent 30 times at once to three workers, works exactly once',
  withThree(async (run) => {
    const request = signedRequest(run);
    const statuses = await Promise.all(Array.from({ length: 30 }, () => send(request)));
    assert.equal(statuses.sort(), [200, ...Array.from({ length: 29 }, () => 401)]);
    await until('each is logged', () => run.out.split(' replayed jkt=').length === 30);
    assert.not.match(run.out.slice(run.out.indexOf(invited)), /eyJ/);
  }),
);

redisTest(
  '[R9449-8-01] nonces of one worker are accepted by the others',
  withThree(
    async (run) => {
      const [authorizationOrigin = '', resourceOrigin = ''] = run.origins;
      const keyPair = await generateKeyPair();
      const { accessToken } = await requestToken(authorizationOrigin, 'demo-service-secret', keyPair);
      const url = `${resourceOrigin}/api/notes`;
      const authorization = `DPoP ${accessToken}`;
      const unsigned = { method: 'GET', url, accessToken };
      const challenge = await fetch(url, {
        headers: { authorization, dpop: await createProof(keyPair, unsigned) },
      });
      assert.is(challenge.status, 401);
      const nonce = challenge.headers.get('dpop-nonce') ?? '';
      for (let use = 0; use < 9; use++) {
        const dpop = await createProof(keyPair, { ...unsigned, nonce });
        assert.is(await send({ url, authorization, dpop }), 200);
      }
    },
    { NONCE_POLICY: 'always' },
  ),
);

redisTest(
  'a worker that is killed is told and replaced; all of them killed, too, on the same ports',
  withThree(async (run) => {
    const [first = -1, ...others] = await workersOf(run);
    assert.is(others.length, 2);
    process.kill(first, 'SIGKILL');
    await until('it is told', () =>
      run.err.includes(`worker ${first} ended (SIGKILL): starting another one\n`),
    );
    await until(
      'another one',
      async () => (await workersOf(run)).filter((pid) => pid !== first).length === 3,
    );
    await untilHealth(run, 200);
    assert.is(await send(signedRequest(run)), 200);
    const killed = await workersOf(run);
    for (const pid of killed) process.kill(pid, 'SIGKILL');
    await until('three others', async () => {
      const workers = await workersOf(run);
      return workers.length === 3 && !workers.some((pid) => killed.includes(pid));
    });
    await untilHealth(run, 200);
    assert.is(await send(signedRequest(run)), 401);
  }),
);

redisTest(
  '[I09] Redis killed: every worker says 503; Redis back, empty: no replay, and honest clients are served',
  withThree(async (run, redis) => {
    const request = signedRequest(run);
    assert.is(await send(request), 200);
    const { notes } = await newClient(run);
    assert.is((await notes()).status, 200);
    await redis.kill();
    await untilHealth(run, 503);
    const refused = await notes();
    assert.is(refused.status, 503);
    assert.is(refused.headers.get('retry-after'), '1');
    assert.is(await send(request), 503);
    await redis.restart();
    await untilHealth(run, 200);
    const statuses = await Promise.all(Array.from({ length: 9 }, () => send(request)));
    assert.equal(
      statuses,
      Array.from({ length: 9 }, () => 401),
    );
    assert.is((await notes()).status, 401, 'nobody knows any more whether this token was revoked');
    await until('a new token is good', async () => (await (await newClient(run)).notes()).status === 200);
    assert.match(run.err, /^Redis at redis:\/\/127\.0\.0\.1:\d+: /m);
  }),
);

redisTest(
  'a token that was given back to one worker is refused by all of them from the next request on',
  withThree(async (run) => {
    const [authorizationOrigin = ''] = run.origins;
    const { accessToken, notes } = await newClient(run);
    const askAll = async (): Promise<number[]> =>
      Promise.all(Array.from({ length: 9 }, async () => (await notes()).status));
    assert.equal(await askAll(), new Array(9).fill(200));
    const revoked = await fetch(`${authorizationOrigin}/revoke`, {
      method: 'POST',
      headers: { authorization: `Basic ${btoa('demo-service:demo-service-secret')}` },
      body: new URLSearchParams({ token: accessToken }),
    });
    assert.is(revoked.status, 200);
    assert.equal(await askAll(), new Array(9).fill(401));
  }),
);

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  redisTest(
    `${signal} stops primary and workers with 0`,
    withThree(async (run) => {
      const workers = await workersOf(run);
      if (signal === 'SIGINT') for (const pid of workers) process.kill(pid, signal); // as Ctrl-C does
      run.signal(signal);
      const { code, out, err } = await run.ended;
      assert.is(code, 0, err);
      assert.ok(out.endsWith(`\n${signal}: stopping\n`), out.slice(-200));
      assert.is(err, '');
      for (const pid of workers) assert.throws(() => process.kill(pid, 0));
    }),
  );
}

redisTest(
  'workers do not outlive a primary that is killed',
  withThree(async (run) => {
    const workers = await workersOf(run);
    run.signal('SIGKILL');
    await until('all are gone', () => !workers.some(isAlive));
  }),
);

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

test.run();
