import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { readConfig } from '../../demo/config.ts';
import { ListenError, startServers } from '../../demo/servers.ts';
import { authorize } from './_browser.ts';
import { invited, runToEnd, settings, signedRequest, withRun } from './_run.ts';
import { sendRaw, startDemo } from './_setup.ts';

/** The demo as a person meets it: its own process, its output, its exit code. */

const test = suite('demo/main');

const stackTrace = /^\s+at .+:\d+/m;

test('--once tells the story and exits with 0', async () => {
  const { code, out, err } = await runToEnd(['--once'], { DEMO_SERVICE_SECRET: 'p:s%w+é &=\'"' });
  assert.is(code, 0, out + err);
  assert.is(err, '');
  assert.match(out, /\n12 of 12 verdicts as expected\n$/);
  assert.match(
    out,
    /authorization server {2}http:\/\/127\.0\.0\.1:\d+\nresource server {7}http:\/\/127\.0\.0\.1:/,
  );
  assert.not.match(out, /NOT|undefined|eyJ/);
});

test('--once: a story that breaks off ends the process, too, with 1', async () => {
  // The proxy is missing: nothing answers under the public origin, nor does fetch call that port.
  const { code, out } = await runToEnd(['--once'], { AS_ORIGIN: 'http://127.0.0.1:9' });
  assert.is(code, 1);
  assert.not.match(out, /verdicts as expected/);
});

test('without --once: stays up, says what to try, and what it says is so', async () => {
  await withRun([], {}, async (run) => {
    await run.says(invited);
    assert.match(run.out, /12 of 12 verdicts as expected/);
    const urls = [...run.out.matchAll(/^ {2}curl -s (\S+)$/gm)].map(([, url]) => url ?? '');
    assert.is(urls.length, 2);
    for (const url of urls) {
      const metadata = (await (await fetch(url)).json()) as Record<string, unknown>;
      assert.is(new URL(url).origin, metadata['issuer'] ?? metadata['resource']);
    }
    const [, bare = ''] = /^ {2}curl -si (\S+)$/m.exec(run.out) ?? [];
    assert.is((await fetch(bare)).status, 401);
    const [, user = '', body = '', tokenUrl = ''] =
      /^ {2}curl -si -u '(\S+)' -d (\S+) (\S+)$/m.exec(run.out) ?? [];
    const unproven = await fetch(tokenUrl, {
      method: 'POST',
      headers: { authorization: `Basic ${btoa(user)}` },
      body: new URLSearchParams(body),
    });
    assert.is(unproven.status, 400);
    assert.is(((await unproven.json()) as { error: string }).error, 'invalid_dpop_proof');
    await run.says('AS POST /token 400');
    assert.match(run.out, /RS GET \/api\/notes 401 [\d.]+ms credentials-missing\n/);
    assert.match(run.out, /AS POST \/token 400 [\d.]+ms proof-missing\n/);
  });
});

for (const policy of ['when-needed', 'always']) {
  test(`[I01] NONCE_POLICY=${policy}: the signed request to paste works exactly once`, async () => {
    await withRun([], { NONCE_POLICY: policy }, async (run) => {
      await run.says(invited);
      const { url, authorization, dpop } = signedRequest(run);
      const first = await fetch(url, { headers: { authorization, dpop } });
      assert.is(first.status, 200, await first.text());
      const second = await fetch(url, { headers: { authorization, dpop } });
      assert.is(second.status, 401);
      assert.match(second.headers.get('www-authenticate') ?? '', /^DPoP error="invalid_dpop_proof"/);
      await run.says('replayed');
      assert.match(run.out, /RS GET \/api\/notes 200 [\d.]+ms jkt=/);
      const log = run.out.slice(run.out.indexOf(invited));
      assert.not.match(log, /eyJ|demo-service-secret/);
    });
  });
}

test('the sign-in to try in a browser leads to a code, which the command to paste cannot redeem without a proof', async () => {
  await withRun([], {}, async (run) => {
    await run.says(invited);
    const [authorizationOrigin = ''] = run.origins;
    const [, url = ''] = /^ {2}(http:\S+\/authorize\?\S+)$/m.exec(run.out) ?? [];
    const code = (await authorize({ authorizationOrigin }, url)).searchParams.get('code') ?? '';
    const [command = ''] = /^ {2}curl -si -d client_id=demo-spa .*\n.* -d code=CODE .*$/m.exec(run.out) ?? [];
    const given = [...command.matchAll(/-d (\S+)/g)].map(([, pair = '']) => pair).join('&');
    const form = new URLSearchParams(given.replace('code=CODE', `code=${code}`));
    const refused = await fetch(`${authorizationOrigin}/token`, { method: 'POST', body: form });
    assert.match(await refused.text(), /"invalid_dpop_proof"/);
    await run.says('proof-missing');
    assert.not.ok(run.out.includes(code), 'the code is in the log');
  });
});

/** A connection that stays open without a request, or with the beginning of one. */
async function holdConnection(origin: string, sent: string, until: string): Promise<void> {
  const { port, hostname } = new URL(origin);
  const socket = connect(Number(port), hostname);
  socket.on('error', () => undefined); // the server may cut it off
  await once(socket, 'connect');
  socket.write(sent);
  for (let text = ''; !text.includes(until); ) text += String((await once(socket, 'data'))[0]);
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  test(`${signal} stops it with 0, whatever connections are open`, async () => {
    await withRun([], {}, async (run) => {
      await run.says(invited);
      const origins = [...run.out.matchAll(/ server +(http:\S+)$/gm)].map(([, origin]) => origin ?? '');
      assert.is(origins.length, 2);
      for (const origin of origins) {
        const head = `GET /nowhere HTTP/1.1\r\nHost: ${new URL(origin).host}\r\n`;
        await holdConnection(origin, `${head}\r\n`, 'Not Found');
        if (signal === 'SIGTERM') await holdConnection(origin, head, ''); // waited for, for a while
        await holdConnection(origin, '', '');
      }
      run.signal(signal);
      const { code, out, err } = await run.ended;
      assert.is(code, 0, err);
      assert.ok(out.endsWith(`\n${signal}: stopping\n`), out.slice(-200));
      assert.is(err, '');
    });
  });
}

test('a connection that is busy when it stops gets its answers, and is then told to come no more', async () => {
  const { authorizationOrigin, close } = await startDemo();
  const { hostname, port } = new URL(authorizationOrigin);
  const socket = connect(Number(port), hostname).setEncoding('latin1');
  const ended = once(socket, 'end');
  let answer = '';
  socket.on('data', (part) => {
    answer += part;
  });
  const answers = async (text: string): Promise<void> => {
    while (!answer.includes(text)) await once(socket, 'data');
  };
  const form = 'Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 6';
  socket.write(`POST /token HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n${form}\r\n\r\n`);
  await answers('100 Continue');
  const closed = close();
  socket.write('form=1');
  await answers('invalid_client');
  socket.write('GET /jwks HTTP/1.1\r\nHost: x\r\n\r\n');
  await answers('"keys"');
  await ended;
  await closed;
  assert.match(answer, /\nconnection: close\r\n/i);
});

test('hostile requests leave no stack trace behind and do not end it', async () => {
  await withRun([], {}, async (run) => {
    await run.says(invited);
    for (const [, origin = ''] of run.out.matchAll(/ server +(http:\S+)$/gm)) {
      const { host } = new URL(origin);
      const end = ` HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`;
      for (const start of ['GET http://%E0%A4%A@x/', 'GET http://[/', 'POST /token', 'nonsense', 'GET /%']) {
        await sendRaw(origin, start + end);
      }
    }
    run.signal('SIGTERM');
    const { code, out, err } = await run.ended;
    assert.is(code, 0);
    assert.is(err, '');
    assert.not.match(out, stackTrace);
  });
});

for (const setting of ['AS_PORT', 'RS_PORT']) {
  test(`a busy ${setting} is told in one sentence that names it, and the exit code is 1`, async () => {
    const occupant = createServer().listen(0, '127.0.0.1');
    await once(occupant, 'listening');
    const { port } = occupant.address() as AddressInfo;
    try {
      const { code, out, err } = await runToEnd(['--once'], { [setting]: String(port) });
      assert.is(code, 1);
      assert.is(err, `Port ${port} on 127.0.0.1 is in use: stop what listens there, or set ${setting}.\n`);
      assert.is(out, '');
    } finally {
      occupant.close();
    }
  });
}

test('a busy LAB_PORT is told in one sentence that names it, and nothing stays up', async () => {
  const occupant = createServer().listen(0, '127.0.0.1');
  await once(occupant, 'listening');
  const { port } = occupant.address() as AddressInfo;
  try {
    const { code, err } = await runToEnd([], { LAB_PORT: String(port) });
    assert.is(code, 1);
    assert.is(err, `Port ${port} on 127.0.0.1 is in use: stop what listens there, or set LAB_PORT.\n`);
  } finally {
    occupant.close();
  }
});

test('an address that cannot be had is told in one sentence', async () => {
  const config = { ...readConfig({ AS_PORT: '0', RS_PORT: '0' }), host: '192.0.2.1' }; // kept for documentation
  const error = await startServers(config, { log: () => undefined }).catch((reason: unknown) => reason);
  assert.instance(error, ListenError);
  const { message, name } = error as ListenError;
  assert.is(name, 'ListenError');
  assert.is(message, 'Cannot listen on port 0 of 192.0.2.1 (EADDRNOTAVAIL): set HOST or AS_PORT.');
});

test('a bad setting is told in one sentence, and the exit code is 1', async () => {
  const err = 'AS_PORT must be a whole number from 0 to 65535, not "x".\n';
  assert.equal(await runToEnd([], { AS_PORT: 'x' }), { code: 1, out: '', err });
});

for (const argument of ['--twice', 'once']) {
  test(`the argument ${argument} is unknown: usage, and the exit code is 1`, async () => {
    const { code, out, err } = await runToEnd([argument]);
    assert.is(code, 1);
    assert.is(out, '');
    assert.match(err, /\n\nUsage: npm start/);
    assert.not.match(err, stackTrace);
  });
}

test('--help tells the usage, every setting in it, and exits with 0', async () => {
  const { code, out, err } = await runToEnd(['--help'], { AS_PORT: 'x' });
  assert.is(code, 0);
  assert.is(err, '');
  assert.match(out, /^Usage: npm start/);
  for (const name of Object.keys(settings)) assert.match(out, new RegExp(`\\b${name}\\b`));
});

test.run();
