import { parseArgs } from 'node:util';
import type { Decision } from 'holdfast';
import { createProof, generateKeyPair } from 'holdfast/client';
import { ConfigError, type DemoConfig, readConfig } from './config.ts';
import { type DemoServers, ListenError, startServers } from './servers.ts';
import { encodeFormPart, requestToken, tellStory } from './story.ts';

/** Starts both servers, tells the story, and stays up; with `--once` it exits, with 0 if every verdict was right. */

const usage = `Usage: npm start             start both servers, tell the story, stay up
       npm run demo -- --once  tell the story and exit, with 0 only if every verdict was the expected one

Settings (environment): HOST, AS_PORT, RS_PORT, AS_ORIGIN, RS_ORIGIN, TOKEN_LIFETIME, NONCE_POLICY, REPLAY_CAPACITY,
DEMO_SERVICE_SECRET`;

async function main(): Promise<number> {
  const { once, help } = readArguments();
  if (help) return say(usage, 0);
  const config = readConfig(process.env);
  let last: Decision | undefined;
  let chatty = false; // the story tells of its own requests
  const servers = await startServers(config, {
    log: (line) => chatty && console.log(line),
    decided: (decision) => {
      last = decision;
    },
  });
  const takeDecision = (): Decision | undefined => {
    const taken = last;
    last = undefined;
    return taken;
  };
  const stopped = untilSignal();
  try {
    console.log(
      `\nauthorization server  ${servers.authorizationOrigin}\nresource server       ${servers.resourceOrigin}\n`,
    );
    const expected = await tellStory({ ...servers, config, takeDecision, tell: console.log });
    if (!once) {
      console.log(await invitation(servers, config));
      chatty = true;
      console.log(`\n${await stopped}: stopping`);
    }
    return expected ? 0 : 1;
  } finally {
    await servers.close(); // also when the story broke off: servers that listen keep the process up
  }
}

function readArguments(): { readonly once: boolean; readonly help: boolean } {
  try {
    const options = {
      once: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    } as const;
    return parseArgs({ options }).values;
  } catch (error) {
    throw new ConfigError(`${(error as Error).message}\n\n${usage}`);
  }
}

function untilSignal(): Promise<string> {
  return new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => resolve(signal));
  });
}

/** Commands to paste. The signed one works once, within a minute: that is the point of it. */
async function invitation(servers: DemoServers, config: DemoConfig): Promise<string> {
  const { authorizationOrigin, resourceOrigin } = servers;
  const { token, proof } = await signOne(servers, config);
  return `
The servers stay up; Ctrl-C stops them. Try, in another terminal:

  # what the servers say of themselves
  curl -s ${authorizationOrigin}/.well-known/oauth-authorization-server
  curl -s ${resourceOrigin}/.well-known/oauth-protected-resource

  # nothing presented: a challenge; a token request without a proof: refused
  curl -si ${resourceOrigin}/api/notes
  curl -si -u 'demo-service:${encodeFormPart(config.clientSecret)}' -d grant_type=client_credentials ${authorizationOrigin}/token

  # a whole signed request. It works once, within a minute; run it twice
  curl -si ${resourceOrigin}/api/notes \\
    -H 'Authorization: DPoP ${token}' \\
    -H 'DPoP: ${proof}'

Requests, with the reason where one is refused:
`;
}

async function signOne(
  { authorizationOrigin, resourceOrigin }: DemoServers,
  config: DemoConfig,
): Promise<Signed> {
  const keyPair = await generateKeyPair();
  const url = `${resourceOrigin}/api/notes`;
  const { accessToken } = await requestToken(authorizationOrigin, config.clientSecret, keyPair);
  const unsigned = await fetch(url, {
    headers: {
      authorization: `DPoP ${accessToken}`,
      dpop: await createProof(keyPair, { method: 'GET', url, accessToken }),
    },
  });
  const nonce = unsigned.headers.get('DPoP-Nonce') ?? undefined;
  return {
    token: accessToken,
    proof: await createProof(keyPair, { method: 'GET', url, accessToken, nonce }),
  };
}

interface Signed {
  readonly token: string;
  readonly proof: string;
}

function say(text: string, exitCode: number): number {
  console.log(text);
  return exitCode;
}

/** Mistakes of the person at the keyboard get one sentence; everything else keeps its stack. */
async function run(): Promise<void> {
  try {
    process.exitCode = await main();
  } catch (error) {
    console.error(error instanceof ConfigError || error instanceof ListenError ? error.message : error);
    process.exitCode = 1;
  }
}

await run();
