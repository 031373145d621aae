import Koa from 'koa';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { requestLog } from '../../demo/request-log.ts';
import { createProof, generateKeyPair } from '../_setup.ts';
import {
  createClient,
  createTokenProof,
  type Demo,
  later,
  requestToken,
  sendRaw,
  serveApp,
  withDemo,
} from './_setup.ts';

/** One line for each request: what it tells, and what it never tells. */

const test = suite('demo/request-log');

const line =
  /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z (?:AS|RS) [A-Z]+ \S+ \d{3} \d+\.\dms(?: [a-z_-]+)?(?: jkt=[\w-]{43})?$/;

/** Words of a line, without time stamp and duration. */
function wordsOf(text: string | undefined): string[] {
  const [, ...words] = text?.split(' ') ?? [];
  return words.filter((word) => !/^[\d.]+ms$/.test(word));
}

test(
  'every request leaves one line: server, method, path, status, reason, thumbprint',
  withDemo(async (demo) => {
    const keyPair = await generateKeyPair();
    const proof = await createTokenProof(demo, keyPair);
    demo.lines.length = 0;
    await requestToken(demo, { proof });
    await requestToken(demo, { proof });
    await requestToken(demo, { proof: null });
    await requestToken(demo, { proof, form: { client_secret: 'x' } });
    await fetch(demo.notesUrl);
    await fetch(`${demo.resourceOrigin}/nowhere`);
    await fetch(demo.notesUrl, { method: 'DELETE' });
    const jkt = `jkt=${keyPair.jkt}`;
    assert.equal(demo.lines.map(wordsOf), [
      ['AS', 'POST', '/token', '200', jkt],
      ['AS', 'POST', '/token', '400', 'replayed', jkt],
      ['AS', 'POST', '/token', '400', 'proof-missing'],
      ['AS', 'POST', '/token', '401', 'invalid_client'],
      ['RS', 'GET', '/api/notes', '401', 'credentials-missing'],
      ['RS', 'GET', '/nowhere', '404'],
      ['RS', 'DELETE', '/api/notes', '405'],
    ]);
    for (const each of demo.lines) assert.match(each, line);
  }),
);

test(
  'served and refused requests at the resource server bear the thumbprint of the key',
  withDemo(async (demo) => {
    const { token, keyPair } = await createClient(demo);
    await later(20, async () => {
      const proof = await createProof(keyPair, { method: 'GET', url: demo.notesUrl, accessToken: token });
      const headers = { authorization: `DPoP ${token}`, dpop: proof };
      demo.lines.length = 0;
      await fetch(demo.notesUrl, { headers });
      await fetch(demo.notesUrl, { headers });
    });
    const lines = demo.lines.filter((each) => each.includes(' RS '));
    const jkt = `jkt=${keyPair.jkt}`;
    assert.equal(lines.map(wordsOf), [
      ['RS', 'GET', '/api/notes', '200', jkt],
      ['RS', 'GET', '/api/notes', '401', 'replayed', jkt],
    ]);
  }),
);

test('the status of an answer that Koa makes of an error is the one that was sent', async () => {
  const lines: string[] = [];
  const { origin, close } = await serveApp(() => {
    const app = new Koa();
    app.silent = true;
    app.use(requestLog('RS', (text) => lines.push(text)));
    app.use((ctx) => {
      if (ctx.path === '/conflict') ctx.throw(409);
      throw new Error('canary');
    });
    return app;
  });
  try {
    assert.is((await fetch(`${origin}/conflict`)).status, 409);
    assert.is((await fetch(`${origin}/surprise`)).status, 500);
    assert.equal(lines.map(wordsOf), [
      ['RS', 'GET', '/conflict', '409'],
      ['RS', 'GET', '/surprise', '500'],
    ]);
  } finally {
    await close();
  }
});

/** Long enough that it stands nowhere by chance. */
function piecesOf(secret: string): string[] {
  return [secret, ...secret.split('.')].filter((piece) => piece.length >= 8);
}

test(
  '[L01] no token, proof, jti, nonce, secret, query or body is ever logged',
  withDemo(
    async (demo) => {
      const secrets = await makeTraffic(demo);
      const log = demo.lines.join('\n');
      assert.ok(demo.lines.length > 15);
      for (const piece of secrets.flatMap(piecesOf)) assert.not.ok(log.includes(piece), piece);
      assert.not.match(log, /canary|eyJ/i);
      for (const each of demo.lines) assert.match(each, line);
    },
    { DEMO_SERVICE_SECRET: 'canary-secret' },
  ),
);

/** Requests of all kinds, good and bad, and every secret in them; what they make up says canary. */
async function makeTraffic(demo: Demo): Promise<string[]> {
  const { keyPair, token, fetch: signedFetch } = await createClient(demo);
  const url = demo.notesUrl;
  const jtiOf = (proof: string): string =>
    (JSON.parse(Buffer.from(proof.split('.')[1] ?? '', 'base64url').toString()) as { jti: string }).jti;
  const proofs = [
    await createProof(keyPair, { method: 'GET', url, accessToken: token }),
    await createProof(keyPair, { method: 'PUT', url, accessToken: token }),
    await createProof(keyPair, { method: 'GET', url, accessToken: token, nonce: 'canary-nonce' }),
    await createProof(await generateKeyPair(), { method: 'GET', url, accessToken: token }),
    await createTokenProof(demo, keyPair),
  ];
  const nonces: string[] = [];
  const keep = ({ headers }: Response): void => {
    nonces.push(headers.get('dpop-nonce') ?? '');
  };
  for (const proof of proofs) {
    keep(await fetch(`${url}?canary=${proof}`, { headers: { authorization: `DPoP ${token}`, dpop: proof } }));
    keep(await requestToken(demo, { proof }));
  }
  const json = { 'content-type': 'application/json' };
  keep(await signedFetch(`${url}?access_token=${token}`));
  keep(await signedFetch(`${url}?canary`, { method: 'POST', headers: json, body: '{"text":"canary"}' }));
  keep(await signedFetch(url, { method: 'POST', headers: json, body: '{"canary"' }));
  for (const authorization of [`Bearer ${token}`, 'DPoP canary', 'DPoP canary.canary.canary', 'Canary']) {
    keep(await fetch(url, { headers: { authorization, dpop: 'canary' } }));
  }
  keep(await requestToken(demo, { form: { client_id: 'canary', scope: 'canary' } }));
  keep(await requestToken(demo, { form: { grant_type: 'canary' } }));
  keep(await requestToken(demo, { headers: { authorization: 'Basic Y2FuYXJ5' } }));
  return [token, demo.config.clientSecret, ...proofs, ...proofs.map(jtiOf), ...nonces];
}

/** What is sent as the target, and the one path that may be logged of it; none when the parser refuses it. */
const hostile: readonly (readonly [title: string, target: string, logged: string])[] = [
  ['an encoded line break', '/a%0d%0a2026-01-01T00:00:00.000Z%20RS', '/a%0d%0a2026-01-01T00:00:00.000Z%20RS'],
  ['quotes and backslashes', '/a"b\\n\'c', '/a\\"b\\\\n\'c'],
  ['an escape sequence', '/a%1b[31m%9b', '/a%1b[31m%9b'],
  ['a query', '/a?canary=1', '/a'],
  ['a fragment', '/a#canary', '/a'],
  ['another authority', 'http://user:canary@evil.example/a?canary', '/a'],
  ['no URL', 'http://%E0%A4%A@canary/', '-'],
  ['half an authority', 'http://[/canary', '-'],
  ['a path of 3000 characters', `/${'a'.repeat(3000)}`, `/${'a'.repeat(199)}`],
];

for (const [title, target, logged] of hostile) {
  test(
    `a target with ${title} gives one line, and what may be told of it`,
    withDemo(async (demo) => {
      await sendTarget(demo, target);
      const [[server, method, path, status, ...rest] = [], ...others] = demo.lines.map(wordsOf);
      assert.equal([server, method, path], ['RS', 'GET', logged]);
      assert.match(status ?? '', /^40[04]$/);
      assert.equal([rest, others], [[], []]);
    }),
  );
}

for (const [title, target] of [
  ['a raw line break', '/a\nb'],
  ['a raw carriage return', '/a\rb'],
  ['a raw escape', '/a\x1b[31m'],
  ['a raw space', '/a 200 1.0ms'],
  ['high bytes', '/a\x85b\x9b31m\xff'],
  ['a zero byte', '/a\0b'],
] as const) {
  test(
    `a target with ${title} gives no more than one line, of printable characters`,
    withDemo(async (demo) => {
      await sendTarget(demo, target);
      assert.ok(demo.lines.length <= 1);
      for (const each of demo.lines) assert.match(each, /^[ -~]+$/);
      for (const each of demo.lines) assert.match(each, line);
    }),
  );
}

function sendTarget(demo: Demo, target: string): Promise<string> {
  const { host } = new URL(demo.notesUrl);
  return sendRaw(demo.notesUrl, `GET ${target} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
}

test.run();
