import { execFile, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  createMemoryReplayStore,
  createResourceServer,
  createSigningKey,
  createTokenBinder,
  createTokenIssuer,
  DpopError,
} from '../src/index.ts';

/**
 * The client in every runtime that is found on the PATH, against our servers in this process, with nonces demanded at both
 * ends. `npm install --no-save deno bun` brings the other two.
 */

interface Place {
  readonly origin: string;
  readonly reasons: string[];
  close(): void;
}

const test = suite<{ place: Place }>('runtimes');

const script = fileURLToPath(new URL('./_runtime-client.js', import.meta.url));

/** How each runs a script; Deno may do nothing that it is not told it may. */
const runtimes: readonly (readonly [name: string, args: readonly string[]])[] = [
  ['node', []],
  ['deno', ['run', '--quiet', '--no-prompt', '--allow-net=127.0.0.1,other.example']],
  ['bun', []],
];

test.before.each(async (context) => {
  context.place = await startPlace();
});

test.after.each(({ place }) => place.close());

for (const [runtime, args] of runtimes) {
  const { stdout, error } = spawnSync(runtime, ['--version'], { encoding: 'utf8' });
  const declare = error === undefined ? test : test.skip;
  const version = error === undefined ? stdout.split('\n')[0] : 'is not here';

  for (const algorithm of ['ES256', 'Ed25519']) {
    declare(`${runtime} (${version}): a token and its use with ${algorithm}`, async ({ place }) => {
      const run = promisify(execFile)(runtime, [...args, script, place.origin, algorithm], {
        timeout: 60_000,
      });
      assert.equal(JSON.parse((await run).stdout), {
        answers: ['POST by service: {"text":"a note"}', 'GET by service: '],
        repeated: 2,
        extractable: false,
        refused: 'origin-not-allowed',
      });
      assert.equal(place.reasons, ['nonce-required', 'nonce-required']);
    });
  }
}

test.run();

/** Token endpoint and resource on one origin, each with a memory of its own. */
async function startPlace(): Promise<Place> {
  const http = createServer();
  http.listen(0, '127.0.0.1');
  await once(http, 'listening');
  // An address of a server that listens on a port is an object.
  const origin = `http://127.0.0.1:${(http.address() as AddressInfo).port}`;
  const demanding = () => {
    // Born long ago: a new memory asks for nonces for another reason.
    const replay = createMemoryReplayStore({ capacity: 100, clock: () => Date.now() / 1000 - 1000 });
    return { publicOrigin: origin, replay, noncePolicy: 'always' } as const;
  };
  const issuer = createTokenIssuer({ issuer: origin, signingKey: await createSigningKey('ES256') });
  const binder = createTokenBinder(demanding());
  const server = createResourceServer({
    ...demanding(),
    issuer: origin,
    audience: origin,
    jwks: issuer.jwks(),
  });
  const reasons: string[] = [];
  http.on('request', async (request: IncomingMessage, response: ServerResponse) => {
    const { method = '', url: target = '', rawHeaders } = request;
    const isToken = target === '/token';
    const body = await text(request);
    try {
      if (isToken) {
        const { jkt } = await binder.bind({ method, target, rawHeaders });
        const grant = { subject: 'service', clientId: 'service', audience: origin, jkt };
        const { accessToken: access_token } = await issuer.issue(grant);
        response.end(JSON.stringify({ access_token, token_type: 'DPoP' }));
      } else {
        const { claims } = await server.authorize({ method, target, rawHeaders });
        response.end(`${method} by ${claims.sub}: ${body}`);
      }
    } catch (error) {
      reasons.push(error instanceof DpopError ? error.reason : String(error));
      const refusal = isToken ? binder.challenge(error) : server.challenge(error);
      response.writeHead(refusal.status, { ...refusal.headers, 'content-type': 'application/json' });
      response.end(JSON.stringify(refusal.body));
    }
  });
  return {
    origin,
    reasons,
    close: () => {
      http.close();
      http.closeAllConnections();
    },
  };
}
