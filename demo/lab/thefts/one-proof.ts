import { randomUUID } from 'node:crypto';
import { createProof, type DpopKeyPair, type DpopSigner } from 'holdfast/client';
import { decodeJwt, decodeProtectedHeader, type JWK, type JWTPayload, SignJWT } from 'jose';
import type { CapturedRequest } from '../engine/loot.ts';
import type { Exchange } from '../engine/recorder.ts';
import type { World } from '../engine/world.ts';
import type { HeaderLine } from '../model.ts';
import { type Attempt, type Theft, toAttempt } from '../theft.ts';
import { tokenOf } from './observation.ts';
import { headerOf, lastRequest } from './sightings.ts';

/** What can be done with one proof of Alice's, or one token: forging, and shutting her out. */

const group = 'Servers, keys, clocks, stores';

interface Forgery {
  readonly how: string;
  readonly proof: string;
}

async function forgeProof(world: World): Promise<Attempt> {
  await world.alice.call('/accounts');
  const request = lastRequest(world);
  const seen = headerOf(request, 'dpop');
  if (seen === undefined) return useWithoutProof(world, request);
  world.recorder.loot([{ kind: 'proof', where: "bank A's access log", value: seen }]);
  let first: Attempt | undefined;
  for (const { how, proof } of await forgeProofs(world, seen, tokenOf(request))) {
    world.recorder.say('thief', `He sends a proof ${how}.`);
    const headers: readonly HeaderLine[] = [['dpop', proof]];
    const attempt = toAttempt(await world.thief.replay(request, { headers }));
    if (attempt.result === 'success') return attempt;
    first ??= attempt;
  }
  return first as Attempt;
}

/** Where requests carry no proof there is none to forge: the rest of the request will do. */
async function useWithoutProof(world: World, request: CapturedRequest): Promise<Attempt> {
  world.recorder.loot([
    { kind: 'whole request', where: "bank A's access log", value: 'a request without any proof' },
  ]);
  const accessToken = tokenOf(request);
  return toAttempt(await world.thief.use(accessToken === undefined ? { request } : { accessToken }));
}

async function forgeProofs(world: World, seen: string, accessToken: string | undefined): Promise<Forgery[]> {
  const own = await world.thief.key();
  const { jwk } = decodeProtectedHeader(seen) as { jwk: JWK };
  const claims = { ...decodeJwt(seen), jti: randomUUID(), iat: Math.floor(world.thief.now()) };
  const { nonce } = claims as { nonce?: string };
  const input = {
    method: 'GET',
    url: `${world.origins.bank}/accounts`,
    accessToken,
    nonce,
    now: world.thief.now(),
  };
  return [
    {
      how: "with Alice's public key and the thief's signature",
      proof: await createProof(asAlice(world, own), input),
    },
    { how: "with Alice's public key taken for a secret", proof: await signWithJwk(claims, jwk) },
    { how: 'without any signature', proof: unsigned(claims, jwk) },
    { how: 'all of his own', proof: await createProof(own, input) },
  ];
}

/** Her public key in front, his private key behind. */
function asAlice({ alice }: World, own: DpopKeyPair): DpopSigner {
  const { publicJwk, jkt } = alice.keyPair as DpopKeyPair;
  const algorithm = { name: 'ECDSA', hash: 'SHA-256' };
  const sign: DpopSigner['sign'] = async (bytes) =>
    new Uint8Array(await crypto.subtle.sign(algorithm, own.privateKey, Uint8Array.from(bytes)));
  return { algorithm: 'ES256', publicJwk, jkt, sign };
}

function signWithJwk(claims: JWTPayload, jwk: JWK): Promise<string> {
  const secret = new TextEncoder().encode(JSON.stringify(jwk));
  return new SignJWT(claims).setProtectedHeader({ typ: 'dpop+jwt', alg: 'HS256', jwk }).sign(secret);
}

function unsigned(claims: JWTPayload, jwk: JWK): string {
  const encode = (part: object): string => Buffer.from(JSON.stringify(part)).toString('base64url');
  return `${encode({ typ: 'dpop+jwt', alg: 'none', jwk })}.${encode(claims)}.`;
}

async function burnProof(world: World): Promise<Attempt> {
  await world.alice.call('/accounts');
  if (world.profile.settings.dpop !== undefined) {
    await world.mallory.login();
    await world.mallory.call('/accounts');
  }
  const request = await world.alice.prepare('/accounts');
  const proof = headerOf(request, 'dpop');
  if (proof !== undefined) await useJtiAsMallory(world, decodeJwt(proof));
  world.recorder.say('thief', "He sends Alice's request to another address before it arrives.");
  await world.thief.replay(request, { path: '/profile' });
  return deliver(world, request);
}

/** Mallory's own request, in order but for a `jti` that somebody else chose first. */
async function useJtiAsMallory(world: World, { jti }: JWTPayload): Promise<void> {
  const { mallory, network, scheme, recorder } = world;
  const own = recorder
    .exchanges()
    .findLast(({ from, to }) => from === 'mallory' && to === 'bank-a') as Exchange;
  const { privateKey, publicJwk } = mallory.keyPair as DpopKeyPair;
  const claims = {
    ...decodeJwt(headerOf(own, 'dpop') ?? ''),
    jti: jti ?? '',
    iat: Math.floor(mallory.now()),
  };
  const header = { typ: 'dpop+jwt', alg: 'ES256', jwk: { ...publicJwk } as JWK };
  const proof = await new SignJWT(claims).setProtectedHeader(header).sign(privateKey);
  recorder.say('mallory', "Mallory sends a proof of her own, with the jti of Alice's.");
  const others = own.headers.filter(([name]) => !['dpop', 'connection'].includes(name.toLowerCase()));
  const { method, target: path, body } = own;
  await network.send(mallory.sender, 'bank-a', scheme, {
    method,
    path,
    headers: [...others, ['dpop', proof]],
    body,
  });
}

/** Alice's own request, at last; the theft has worked if she is refused. */
async function deliver(world: World, request: CapturedRequest): Promise<Attempt> {
  const { alice, network, scheme, recorder } = world;
  recorder.say('proxy', "Alice's request arrives.");
  const { status } = await network.send(alice.sender, 'bank-a', scheme, request);
  if (status === 200) return { result: 'refused', decidedBy: null };
  return { result: 'success', decidedBy: whatStoppedAlice(world) };
}

function whatStoppedAlice({ recorder }: World): string | null {
  const own = recorder.exchanges().filter(({ from }) => from === 'alice');
  return own.findLast(({ decidedBy }) => decidedBy !== null)?.decidedBy ?? null;
}

const order = JSON.stringify({ to: 'bob', amount: 1 });
const wrong: readonly HeaderLine[] = [
  ['x-csrf-token', 'made up'],
  ['x-xsrf-token', 'made up'],
];

async function provokeSignOut(world: World): Promise<Attempt> {
  await world.alice.call('/accounts');
  const request = lastRequest(world);
  const loot = { accessToken: tokenOf(request), cookies: headerOf(request, 'cookie') };
  world.recorder.loot([
    loot.accessToken === undefined
      ? { kind: 'cookies', where: "bank A's access log", value: loot.cookies ?? null }
      : { kind: 'access token', where: "bank A's access log", value: loot.accessToken },
  ]);
  world.recorder.say('thief', 'He sends a request with a wrong CSRF token, so that it is noticed.');
  await world.thief.use(loot, { method: 'POST', path: '/transfer', body: order, headers: wrong });
  const { status } = await world.alice.call('/accounts');
  if (status === 200) return { result: 'refused', decidedBy: null };
  return { result: 'success', decidedBy: whatStoppedAlice(world) };
}

export const forgedProof: Theft = {
  id: 'T42',
  slug: 'forged-proof',
  title: 'Forged proof',
  group,
  ability: 'See one request with its proof.',
  loot: ['access token', 'proof'],
  steps: [
    'The thief reads a token and a proof of Alice in a log.',
    "He makes four new proofs: his signature under Alice's public key, the public key as a secret, no signature, and his own key.",
    'He sends the token with each of them.',
  ],
  why: "Her public key is in every proof, so only her signature shows who made it, and only the token's binding whose it must be.",
  aim: 'access',
  timed: false,
  run: forgeProof,
};

export const harmfulThefts: readonly Theft[] = [
  {
    id: 'T36',
    slug: 'burn-jti',
    title: "Alice's proof used up before it arrives",
    group,
    ability: 'See a request of Alice before it arrives, and have an account at the bank.',
    loot: ['proof'],
    steps: [
      'A request of Alice is on its way, and the thief sees it.',
      'Mallory sends a proof of her own with the same jti.',
      "The thief sends Alice's proof to an address that it was not made for.",
      "Alice's request arrives: harm is done if it is refused.",
    ],
    why: 'A jti counts only for the key that signed it, and only once everything else about the request is right.',
    aim: 'harm',
    timed: false,
    run: burnProof,
  },
  {
    id: 'T37',
    slug: 'sign-out',
    title: 'Alice signed out by a bad request',
    group,
    ability: 'Read one Authorization header in a log.',
    loot: ['access token'],
    steps: [
      "The thief reads Alice's token in a log.",
      'He sends a request with it and a CSRF token that cannot be right.',
      'Alice goes on: harm is done if her session is gone.',
    ],
    why: 'A request that is refused must not punish the session that it names: anybody may send one.',
    aim: 'harm',
    timed: false,
    run: provokeSignOut,
  },
];
