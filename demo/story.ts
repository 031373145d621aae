import type { Decision, DpopErrorReason } from 'holdfast';
import { createDpopFetch, createProof, type DpopKeyPair, generateKeyPair } from 'holdfast/client';
import type { DemoConfig } from './config.ts';

/**
 * The demo's story: a client gets a bound token and uses it; a thief has the token and a whole captured request, and
 * tries what a thief can try; then the client gives the token back. Everything goes over real sockets; the thief uses
 * plain `fetch`.
 */

/** What the story needs of a decision, and all that a worker hands over. */
export interface Verdict {
  readonly outcome: Decision['outcome'];
  readonly reason?: DpopErrorReason;
  readonly jkt?: string | undefined;
}

export interface StoryWorld {
  readonly authorizationOrigin: string;
  readonly resourceOrigin: string;
  readonly config: DemoConfig;
  /** The resource server's decision since the last call. Its reason is for operators: no caller gets to see it. */
  readonly takeDecision: () => Verdict | undefined | Promise<Verdict | undefined>;
  readonly tell: (line: string) => void;
}

/** What happened in one step, and what should have. */
interface Step {
  readonly title: string;
  readonly status: number;
  readonly outcome: string;
  readonly expected: boolean;
}

/** What the thief has: one request of the client, as it went over the wire, and a proof that never arrived. */
interface Loot {
  readonly token: string;
  readonly proof: string;
  readonly heldProof: string;
}

/** One attempt: what is sent, and the reason for which it has to be refused. */
interface Attempt {
  readonly title: string;
  readonly reason: string;
  readonly send: (loot: Loot) => Promise<Response>;
}

/** Tells the story and answers whether every verdict was the expected one. */
export async function tellStory(world: StoryWorld): Promise<boolean> {
  const { tell } = world;
  tell('The client');
  const keyPair = await generateKeyPair();
  tell(line('makes a key that cannot be exported', `thumbprint ${keyPair.jkt}`));
  const { accessToken: token, expiresIn } = await requestToken(
    world.authorizationOrigin,
    world.config.clientSecret,
    keyPair,
  );
  tell(line('gets a token bound to that key', `token_type DPoP, for ${expiresIn} s`));
  const captured: Request[] = [];
  const steps = await useToken(world, keyPair, token, captured);
  for (const step of steps) tell(verdict(step));

  tell('');
  tell('A thief has stolen the access token and one whole request');
  const loot = await steal(world, keyPair, token, captured);
  for (const attempt of attempts(world)) {
    const step = await tryOut(world, attempt, loot);
    tell(verdict(step));
    steps.push(step);
  }

  tell('');
  tell('The client is done and gives the token back');
  for (const step of await giveBack(world, keyPair, token)) {
    tell(verdict(step));
    steps.push(step);
  }
  const good = steps.filter(({ expected }) => expected).length;
  tell('');
  tell(`${good} of ${steps.length} verdicts as expected`);
  return good === steps.length;
}

/** A token request with the client's proof; what is not bound to its key is thrown away. */
export async function requestToken(
  authorizationOrigin: string,
  clientSecret: string,
  keyPair: DpopKeyPair,
): Promise<{ readonly accessToken: string; readonly expiresIn: unknown }> {
  const signedFetch = createDpopFetch({ keyPair, origins: authorizationOrigin });
  const response = await signedFetch(`${authorizationOrigin}/token`, {
    method: 'POST',
    headers: toCredentials(clientSecret),
    body: new URLSearchParams({ grant_type: 'client_credentials' }),
  });
  const { access_token, token_type, expires_in } = (await response.json()) as Record<string, unknown>;
  // An unbound token is what a thief hopes for.
  if (typeof access_token === 'string' && String(token_type).toLowerCase() === 'dpop') {
    return { accessToken: access_token, expiresIn: expires_in };
  }
  throw new Error(`no bound token: status ${response.status}`);
}

function toCredentials(clientSecret: string): Record<string, string> {
  return { authorization: `Basic ${btoa(`demo-service:${encodeFormPart(clientSecret)}`)}` };
}

/** As RFC 6749 section 2.3.1 wants identifier and secret in `Basic` credentials. */
export function encodeFormPart(text: string): string {
  return new URLSearchParams({ text }).toString().slice('text='.length);
}

async function useToken(
  world: StoryWorld,
  keyPair: DpopKeyPair,
  accessToken: string,
  captured: Request[],
): Promise<Step[]> {
  const url = notesUrl(world);
  const tapped: typeof fetch = (input, init) => {
    captured.push(input as Request);
    return fetch(input, init);
  };
  const signedFetch = createDpopFetch({ keyPair, origins: world.resourceOrigin, accessToken, fetch: tapped });
  const body = JSON.stringify({ text: 'The spare key is under the third flowerpot.' });
  const headers = { 'content-type': 'application/json' };
  const written = await signedFetch(url, { method: 'POST', headers, body });
  const read = await signedFetch(url);
  return [
    { title: 'writes a note', status: written.status, outcome: 'served', expected: written.status === 201 },
    {
      title: 'reads it back, with a new proof',
      status: read.status,
      outcome: 'served',
      expected: read.status === 200,
    },
  ];
}

async function steal(
  world: StoryWorld,
  keyPair: DpopKeyPair,
  token: string,
  captured: Request[],
): Promise<Loot> {
  const fiveMinutesAgo = Date.now() / 1000 - 300;
  const url = notesUrl(world);
  return {
    token,
    proof: captured.at(-1)?.headers.get('DPoP') ?? '',
    heldProof: await createProof(keyPair, { method: 'GET', url, accessToken: token, now: fiveMinutesAgo }),
  };
}

function attempts(world: StoryWorld): readonly Attempt[] {
  const url = notesUrl(world);
  return [
    {
      title: 'sends the token as Bearer',
      // Where other tokens may come so, it is looked at, and found bound.
      reason: world.config.bindingMode === 'require' ? 'bearer-scheme' : 'bound-token-as-bearer',
      send: ({ token }) => fetch(url, { headers: { authorization: `Bearer ${token}` } }),
    },
    {
      title: 'signs with a key of his own',
      reason: 'key-mismatch',
      send: async ({ token }) => {
        const proof = await createProof(await generateKeyPair(), { method: 'GET', url, accessToken: token });
        return sendProof(url, token, proof);
      },
    },
    {
      title: 'sends the captured request again',
      reason: 'replayed',
      send: ({ token, proof }) => sendProof(url, token, proof),
    },
    {
      title: 'sends the captured proof to another URL',
      reason: 'htu-mismatch',
      send: ({ token, proof }) => sendProof(`${world.resourceOrigin}/api/whoami`, token, proof),
    },
    {
      title: 'sends the captured proof with another method',
      reason: 'htm-mismatch',
      send: ({ token, proof }) => sendProof(url, token, proof, 'POST'),
    },
    {
      title: 'gives the captured proof a new jti',
      reason: 'signature-invalid',
      send: ({ token, proof }) => sendProof(url, token, withNewJti(proof)),
    },
    {
      title: 'sends a proof that he held back for five minutes',
      reason: 'proof-stale',
      send: ({ token, heldProof }) => sendProof(url, token, heldProof),
    },
    {
      title: 'sends the token without any proof',
      reason: 'proof-missing',
      send: ({ token }) => fetch(url, { headers: { authorization: `DPoP ${token}` } }),
    },
  ];
}

/** Revoking needs no proof (RFC 7009); what was revoked, not even its owner's proof brings back. */
async function giveBack(world: StoryWorld, keyPair: DpopKeyPair, token: string): Promise<readonly Step[]> {
  const { authorizationOrigin, resourceOrigin, config } = world;
  const { status } = await fetch(`${authorizationOrigin}/revoke`, {
    method: 'POST',
    headers: toCredentials(config.clientSecret),
    body: new URLSearchParams({ token }),
  });
  const signedFetch = createDpopFetch({ keyPair, origins: resourceOrigin, accessToken: token });
  const attempt: Attempt = {
    title: 'uses it once more, with a new proof',
    reason: 'token-revoked',
    send: () => signedFetch(notesUrl(world)),
  };
  const revoked = { title: 'revokes it', status, outcome: 'revoked', expected: status === 200 };
  return [revoked, await tryOut(world, attempt, { token, proof: '', heldProof: '' })];
}

function sendProof(url: string, token: string, proof: string, method = 'GET'): Promise<Response> {
  return fetch(url, { method, headers: { authorization: `DPoP ${token}`, dpop: proof } });
}

function withNewJti(proof: string): string {
  const [header, payload = '', signature] = proof.split('.');
  const claims = JSON.parse(Buffer.from(payload, 'base64url').toString()) as object;
  const forged = Buffer.from(JSON.stringify({ ...claims, jti: crypto.randomUUID() })).toString('base64url');
  return `${header}.${forged}.${signature}`;
}

async function tryOut(world: StoryWorld, { title, reason, send }: Attempt, loot: Loot): Promise<Step> {
  await world.takeDecision();
  const { status } = await send(loot);
  const decision = await world.takeDecision();
  const actual = decision?.reason ?? 'served';
  return { title, status, outcome: `refused: ${actual}`, expected: status === 401 && actual === reason };
}

function notesUrl({ resourceOrigin }: StoryWorld): string {
  return `${resourceOrigin}/api/notes`;
}

function verdict({ title, status, outcome, expected }: Step): string {
  return line(title, `${status}  ${outcome}${expected ? '' : '   <- NOT what should have happened'}`);
}

function line(title: string, result: string): string {
  return `  ${title.padEnd(50)} ${result}`;
}
