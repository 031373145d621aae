import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { startLab } from '../../../demo/lab/server/lab-server.ts';
import { ListenError } from '../../../demo/servers.ts';
import { sendRaw, statusesOf } from '../_setup.ts';
import { createFakeEngine } from './_fake-engine.ts';
import { withLab } from './_lab.ts';

/** The lab's own origin: to whom it answers, what it serves, and when it rests. */

const test = suite('demo/lab/server');

const anyTry = { profile: 'D5', theft: 'T01' };

async function startAnother(port: number, host = '127.0.0.1'): Promise<unknown> {
  const options = { host, port, createEngine: createFakeEngine().create, log: () => {} };
  try {
    const lab = await startLab(options);
    await lab.close();
    return undefined;
  } catch (error) {
    return error;
  }
}

test(
  'the root leads to the page, which comes with headers that let nothing else run or read it',
  withLab(async ({ get }) => {
    const root = await get('/');
    assert.is(root.status, 302);
    assert.is(root.headers.get('location'), '/lab');
    const page = await get('/lab');
    assert.is(page.status, 200);
    assert.is(page.headers.get('content-type'), 'text/html; charset=utf-8');
    const policy = page.headers.get('content-security-policy') ?? '';
    for (const rule of [
      "default-src 'none'",
      "script-src 'self'",
      "frame-ancestors 'none'",
      "base-uri 'none'",
      "require-trusted-types-for 'script'",
    ])
      assert.ok(policy.split('; ').includes(rule), rule);
    assert.not.match(policy, /unsafe|\*/);
    assert.is(page.headers.get('x-content-type-options'), 'nosniff');
    assert.is(page.headers.get('referrer-policy'), 'no-referrer');
    assert.is(page.headers.get('cross-origin-opener-policy'), 'same-origin');
    assert.is(page.headers.get('cross-origin-resource-policy'), 'same-origin');
    assert.is(page.headers.get('access-control-allow-origin'), null);
  }),
);

test(
  'every script and style that the page names is served, with its type, and again only when it has changed',
  withLab(async ({ get, origin }) => {
    const page = await (await get('/lab')).text();
    const names = [...page.matchAll(/(?:src|href)="(\/lab\/[^"]+)"/g)].map(([, name = '']) => name);
    assert.ok(names.length >= 3);
    for (const name of names) {
      const file = await get(name);
      assert.is(file.status, 200, name);
      assert.match(
        file.headers.get('content-type') ?? '',
        name.endsWith('.js') ? /^text\/javascript/ : /^text\/css/,
      );
      assert.is(file.headers.get('cache-control'), 'no-cache');
      const { host } = new URL(origin);
      const known = `If-None-Match: ${file.headers.get('etag')}`;
      const again = await sendRaw(
        origin,
        `GET ${name} HTTP/1.1\r\nHost: ${host}\r\n${known}\r\nConnection: close\r\n\r\n`,
      );
      assert.equal(statusesOf(again), [304]);
    }
  }),
);

test(
  'each module that a script of the page imports is served',
  withLab(async ({ get, origin }) => {
    const seen = new Set<string>();
    const follow = async (path: string): Promise<void> => {
      if (seen.has(path)) return;
      seen.add(path);
      const response = await get(path);
      assert.is(response.status, 200, path);
      const text = await response.text();
      const imports = [...text.matchAll(/^(?:import|export)\b[^'"]*from ['"]([^'"]+)['"]/gm)];
      for (const [, from = ''] of imports) await follow(new URL(from, `${origin}${path}`).pathname);
    };
    await follow('/lab/page/main.js');
    assert.ok(seen.has('/lab/page/bench.js'));
  }),
);

test(
  'only what is in the folder of the page exists',
  withLab(async ({ get, origin }) => {
    for (const path of [
      '/lab/page/',
      '/lab/page/nothing.js',
      '/lab/page/main.ts',
      '/lab/page/main.js.map',
      '/lab/page/index.html',
      '/lab/server/lab-server.js',
      '/lab/page/%2e%2e/server/api.js',
      '/lab/page/..%2fserver%2fapi.js',
      '/lab/page/..%5cserver%5capi.js',
      '/lab/page/constructor',
      '/lab/report/html.js',
      '/LAB',
    ])
      assert.is((await get(path)).status, 404, path);
    const { host } = new URL(origin);
    for (const target of [
      '/lab/page/../server/api.js',
      '/../../etc/passwd',
      '//etc/passwd',
      '/lab/page/\\..\\x.js',
    ]) {
      const answer = await sendRaw(
        origin,
        `GET ${target} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`,
      );
      assert.equal(statusesOf(answer), [404], target);
    }
  }),
);

test(
  'a Host that is not its own is refused before anything else (DNS rebinding)',
  withLab(async ({ origin, engine }) => {
    const { port } = new URL(origin);
    const ask = (host: string, path = '/lab/api/catalogue'): Promise<string> =>
      sendRaw(origin, `GET ${path} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
    for (const host of [
      'evil.example',
      `evil.example:${port}`,
      '127.0.0.1',
      `127.0.0.1:${Number(port) + 1}`,
      `localhost.evil.example:${port}`,
      `127.0.0.1:${port}.evil.example`,
      `0.0.0.0:${port}`,
      '',
    ]) {
      assert.equal(statusesOf(await ask(host)), [421], host);
      assert.equal(statusesOf(await ask(host, '/lab')), [421], host);
    }
    assert.equal(engine.calls, []);
    for (const host of [`127.0.0.1:${port}`, `localhost:${port}`, `LOCALHOST:${port}`, `[::1]:${port}`])
      assert.equal(statusesOf(await ask(host)), [200], host);
  }),
);

test(
  'requests that change something are refused when another origin sends them',
  withLab(async ({ post, origin, engine }) => {
    const { port } = new URL(origin);
    for (const headers of [
      { origin: 'https://evil.example' },
      { origin: 'null' },
      { origin: `http://localhost:${port}` },
      { origin: `https://127.0.0.1:${port}` },
      { 'sec-fetch-site': 'cross-site' },
      { 'sec-fetch-site': 'same-site' },
    ])
      assert.is((await post('/lab/api/tries', anyTry, headers)).status, 403, JSON.stringify(headers));
    assert.equal(engine.calls, []);
    const own = await post('/lab/api/tries', anyTry, { origin, 'sec-fetch-site': 'same-origin' });
    assert.is(own.status, 200);
  }),
);

test(
  'pages of other origins cannot read the interface, nor make it work',
  withLab(async ({ get, engine }) => {
    for (const site of ['cross-site', 'same-site'])
      assert.is((await get('/lab/api/catalogue', { 'sec-fetch-site': site })).status, 403);
    assert.equal(engine.calls, []);
    assert.is((await get('/lab', { 'sec-fetch-site': 'cross-site' })).status, 200); // a link to it is fine
  }),
);

test(
  'a preflight gets no permission',
  withLab(async ({ origin }) => {
    const headers = { origin: 'https://evil.example', 'access-control-request-method': 'POST' };
    const response = await fetch(`${origin}/lab/api/tries`, { method: 'OPTIONS', headers });
    const granted = [...response.headers.keys()].filter((name) => name.startsWith('access-control-'));
    assert.equal(granted, []);
  }),
);

test(
  'other methods than the listed ones are not allowed',
  withLab(async ({ get, origin }) => {
    const wrong = await get('/lab/api/tries');
    assert.is(wrong.status, 405);
    assert.is(wrong.headers.get('allow'), 'POST');
    for (const path of ['/lab', '/lab/api/catalogue', '/lab/page/main.js'])
      assert.is((await fetch(`${origin}${path}`, { method: 'PUT' })).status, 405, path);
    const missing = await get('/lab/api/nothing');
    assert.is(missing.status, 404);
    assert.equal(await missing.json(), { error: 'There is nothing here.' });
  }),
);

test(
  'the engine is made at the first use, once, and closed when nobody has asked for five minutes',
  withLab(async ({ get, engine, time }) => {
    await (await get('/lab')).text();
    assert.equal(engine.calls, []);
    await Promise.all([1, 2, 3].map(async () => (await get('/lab/api/catalogue')).text()));
    assert.equal(engine.calls, ['create']);
    time.pass(299_000);
    await (await get('/lab')).text();
    time.pass(299_000);
    assert.equal(engine.calls, ['create']);
    time.pass(2000);
    await (await get('/lab/api/catalogue')).text();
    assert.equal(engine.calls, ['create', 'close', 'create']);
  }),
);

test(
  'an engine that cannot be made is one sentence, and the next request tries again',
  withLab(async ({ get, engine, lines }) => {
    engine.breaks = new Error('no more addresses');
    const broken = await get('/lab/api/catalogue');
    assert.is(broken.status, 500);
    assert.equal(await broken.json(), { error: 'Something broke in the lab; its log says what.' });
    assert.equal(lines, ['lab: Error: no more addresses']);
    engine.breaks = undefined;
    assert.is((await get('/lab/api/catalogue')).status, 200);
  }),
);

test(
  'a busy port is one clear sentence',
  withLab(async ({ origin }) => {
    const { port } = new URL(origin);
    const error = await startAnother(Number(port));
    assert.instance(error, ListenError);
    assert.is(
      (error as Error).message,
      `Port ${port} on 127.0.0.1 is in use: stop what listens there, or set LAB_PORT.`,
    );
  }),
);

test('it never listens where others could reach it', async () => {
  for (const host of ['0.0.0.0', '::', '192.168.0.1', 'lab.example', '127.0.0.1.example'])
    assert.instance(await startAnother(0, host), TypeError, host);
});

test('closing ends what runs, and the engine', async () => {
  const engine = createFakeEngine();
  const lab = await startLab({ host: '127.0.0.1', port: 0, createEngine: engine.create, log: () => {} });
  const started = await fetch(`${lab.origin}/lab/api/runs`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ profiles: ['D5'], thefts: ['T01'] }),
  });
  const { run } = (await started.json()) as { run: string };
  const stream = await fetch(`${lab.origin}/lab/api/runs/${run}/events`);
  const told = stream.text();
  await lab.close();
  assert.ok(engine.runs[0]?.signal.aborted);
  assert.match(await told, /"type":"run.end","complete":false/);
  assert.equal(engine.calls, ['create', 'close']);
});

test.run();
